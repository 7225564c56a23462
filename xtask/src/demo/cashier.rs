//! One outlet's counter: looks a bill up, takes the cash, and never pays twice for want of an answer.
//!
//! A lost answer is asked for again under the same key; a payment in doubt gets its Bukti Titip and is asked
//! about until it has an end; only a refusal is tried with a new key.

use std::time::{Duration, Instant};

use serde_json::json;

use super::api::{Answer, Api};
use super::tally::{Settled, Tally};

/// How often a lookup is tried while an authority does not answer.
const LOOKUPS_MAX: u32 = 8;
/// How often an authority may contradict itself before the citizen is sent home.
const CONTRADICTIONS_MAX: u32 = 3;
/// How often a citizen tries to pay after a refusal that allows it.
const PAYMENTS_MAX: u32 = 4;
/// How long a cashier asks for one answer before serving the next citizen.
const PATIENCE: Duration = Duration::from_secs(30);
/// Nobody at this counter waits longer than this, whatever `Retry-After` says.
const PAUSE_MAX: Duration = Duration::from_millis(400);
const PAUSE: Duration = Duration::from_millis(100);
/// How often an open payment is asked about.
const ASK_EVERY: Duration = Duration::from_millis(800);

/// A vehicle whose owner stands at the counter.
#[derive(Debug, Clone)]
pub(crate) struct Visitor {
    pub(crate) plate: String,
    pub(crate) chassis_last5: String,
    /// Whether its bill can be paid.
    pub(crate) payable: bool,
}

/// One outlet.
#[derive(Debug)]
pub(crate) struct Cashier {
    api: Api,
    /// Begins every key of this outlet on this day.
    key_prefix: String,
    keys: u32,
    open: Vec<Open>,
    /// Open payments that only two people can move.
    held: Vec<Open>,
    /// What this outlet did.
    pub(crate) tally: Tally,
}

/// A payment without an end yet.
#[derive(Debug)]
struct Open {
    key: String,
    request: serde_json::Value,
    payment_id: Option<String>,
    plate: String,
    asked: Instant,
    /// What its end will be counted as.
    settled: Settled,
}

struct Quote {
    lookup_id: String,
    total: i64,
}

enum Paid {
    /// Confirmed or left open.
    Taken,
    /// The citizen may try again with a new key.
    Refused,
    /// Trying again is of no use.
    Never,
}

impl Cashier {
    /// An outlet whose keys begin with `key_prefix`.
    pub(crate) fn new(api: Api, key_prefix: String) -> Self {
        Self { api, key_prefix, keys: 0, open: Vec::new(), held: Vec::new(), tally: Tally::default() }
    }

    /// Serves one citizen from the question to the paper; `false` when no cash was taken.
    pub(crate) async fn serve(&mut self, visitor: &Visitor) -> bool {
        self.ask_about_open().await;
        for _ in 0..PAYMENTS_MAX {
            let Some(quote) = self.look_up(visitor).await else { return false };
            match self.pay(visitor, &quote).await {
                Paid::Taken => return true,
                Paid::Never => return false,
                Paid::Refused => {}
            }
        }
        false
    }

    /// Asks until every open payment has an end or waits for people; `false` when `deadline` came first.
    pub(crate) async fn settle(&mut self, deadline: Instant) -> bool {
        while !self.open.is_empty() {
            if Instant::now() > deadline {
                self.tally.unsettled(self.open.len());
                return false;
            }
            self.ask_about_open().await;
            tokio::time::sleep(PAUSE).await;
        }
        true
    }

    /// A receipt of this outlet, and the key that shows it.
    pub(crate) fn receipt(&self) -> Option<(String, String)> {
        Some((self.tally.receipt_no.clone()?, self.api.token().to_owned()))
    }

    /// The payments that two people must decide.
    pub(crate) fn held(&self) -> Vec<String> {
        self.held.iter().filter_map(|open| open.payment_id.clone()).collect()
    }

    /// Two people have decided: what was held is asked about again.
    pub(crate) fn resume_held(&mut self) {
        for open in std::mem::take(&mut self.held) {
            self.tally.resumed(&open.plate);
            self.open.push(Open { settled: Settled::ByPeople, ..open });
        }
    }

    async fn look_up(&mut self, visitor: &Visitor) -> Option<Quote> {
        let question = json!({"plate": visitor.plate, "chassis_last5": visitor.chassis_last5});
        self.tally.looked_up += 1;
        let mut contradictions = 0;
        for _ in 0..LOOKUPS_MAX {
            let Some(answer) = self.api.post("/v1/lookups", None, &question).await else {
                self.tally.lost_answers += 1;
                tokio::time::sleep(PAUSE).await;
                continue;
            };
            if answer.status == 201 {
                let total = answer.body["total"].as_i64()?;
                self.tally.quoted(answer.body["check"]["verdict"].as_str());
                return Some(Quote { lookup_id: answer.text("lookup_id").to_owned(), total });
            }
            contradictions += u32::from(answer.status == 502);
            let final_word =
                answer.status < 500 && answer.status != 429 || contradictions == CONTRADICTIONS_MAX;
            if final_word {
                self.tally.turned_away(&answer.code(), visitor.payable);
                return None;
            }
            self.tally.lookup_again(&answer.code());
            pause(&answer).await;
        }
        self.tally.turned_away("NO_ANSWER_AFTER_RETRIES", visitor.payable);
        None
    }

    async fn pay(&mut self, visitor: &Visitor, quote: &Quote) -> Paid {
        self.keys += 1;
        let key = format!("{}-{}", self.key_prefix, self.keys);
        let request = json!({"lookup_id": quote.lookup_id, "amount": quote.total});
        self.tally.payments += 1;
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            let Some(answer) = self.api.post("/v1/payments", Some(&key), &request).await else {
                self.tally.lost_answers += 1;
                tokio::time::sleep(PAUSE).await;
                continue;
            };
            match answer.status {
                200 | 201 => {
                    self.tally.confirmed(&visitor.plate, &answer, Settled::AtOnce);
                    return Paid::Taken;
                }
                202 => {
                    self.leave_open(key, request, Some(answer.text("payment_id").to_owned()), visitor);
                    self.tally.doubtful += 1;
                    return Paid::Taken;
                }
                _ if answer.text("retry") == "same_key" => {
                    self.tally.same_key_again(&answer.code());
                    pause(&answer).await;
                }
                _ => return self.refused(&answer),
            }
        }
        // Nobody knows whether this payment exists: the same key will tell.
        self.leave_open(key, request, None, visitor);
        Paid::Taken
    }

    fn refused(&mut self, answer: &Answer) -> Paid {
        // A refused payment carries its reason, a problem its code.
        let reason = answer.text("reason");
        if answer.text("state") == "refused" {
            self.tally.refused(reason);
            return Paid::Refused;
        }
        self.tally.refused(&answer.code());
        if answer.text("retry") == "new_key" { Paid::Refused } else { Paid::Never }
    }

    fn leave_open(&mut self, key: String, request: serde_json::Value, id: Option<String>, visitor: &Visitor) {
        let plate = visitor.plate.clone();
        let (asked, settled) = (Instant::now(), Settled::ByAsking);
        self.open.push(Open { key, request, payment_id: id, plate, asked, settled });
    }

    async fn ask_about_open(&mut self) {
        let mut still_open = Vec::new();
        for mut open in std::mem::take(&mut self.open) {
            if open.asked.elapsed() < ASK_EVERY {
                still_open.push(open);
                continue;
            }
            open.asked = Instant::now();
            let answer = match &open.payment_id {
                Some(id) => self.api.get(&format!("/v1/payments/{id}")).await,
                None => self.api.post("/v1/payments", Some(&open.key), &open.request).await,
            };
            let Some(answer) = answer else {
                self.tally.lost_answers += 1;
                still_open.push(open);
                continue;
            };
            match answer.text("state") {
                "confirmed" => self.tally.confirmed(&open.plate, &answer, open.settled),
                "refused" => self.tally.doubt_refused(answer.text("reason")),
                "integrity_hold" => {
                    self.tally.held_for_people(&open.plate, answer.text("reason"));
                    open.payment_id = Some(answer.text("payment_id").to_owned());
                    self.held.push(open);
                }
                // Without a payment and without leave to repeat, the key has told that there is none.
                "" if open.payment_id.is_none() && answer.text("retry") != "same_key" => {
                    self.tally.refused(&answer.code());
                }
                _ => still_open.push(open),
            }
        }
        self.open = still_open;
    }
}

async fn pause(answer: &Answer) {
    tokio::time::sleep(answer.retry_after.unwrap_or(PAUSE).min(PAUSE_MAX)).await;
}
