//! A change in the making: events applied in memory, committed together in one tx B.

use chrono::{DateTime, Utc};
use serde_json::json;

use super::event::{Effect, Event, Forbidden, Limits};
use super::state::{Payment, StateName};
use crate::audit;
use crate::domain::{MoneyError, Reference, Rupiah, TransferId};
use crate::ledger::{self, AccountNo, AgentAccount, For, Transfer};
use crate::receipt::Kind;
use crate::upstream::Evidence;

/// Who moves a payment, and by what right.
#[derive(Debug, Clone)]
pub(super) struct Mover {
    /// As audit events name it: `agent:PSN-0001`, `resolver`, `night`, `person:siti`.
    pub(super) actor: String,
    /// The fencing number it holds.
    pub(super) fence: i64,
}

impl Mover {
    /// The same, after a change that kept the lease: each change moves the fencing number by one.
    pub(super) fn after_change(self) -> Self {
        Self { fence: self.fence + 1, ..self }
    }
}

/// What happens to the work row at the end of a change that leaves the payment open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum After {
    /// The same task goes on, under the next fencing number.
    KeepLease,
    /// Somebody asks again in so many milliseconds.
    AskIn(i64),
}

/// Events of one payment on their way into one transaction.
#[derive(Debug, Clone)]
pub(super) struct Change {
    pub(super) mover: Mover,
    pub(super) from: StateName,
    pub(super) payment: Payment,
    pub(super) effects: Vec<Effect>,
    pub(super) evidence: Vec<Evidence>,
    /// The leg whose doubt a settlement file ends.
    pub(super) by_file: Option<Reference>,
    /// What the float lacks to bear a late success.
    pub(super) missing: Rupiah,
    /// Legs whose booking was known before.
    pub(super) booked_before: Vec<i16>,
    happened: Vec<String>,
}

impl Change {
    pub(super) fn of(payment: Payment, mover: Mover) -> Self {
        let from = payment.state.name();
        let booked = payment.legs.iter().filter(|leg| leg.booking().is_some());
        let booked_before = booked.map(|leg| leg.ordinal).collect();
        Self {
            mover,
            from,
            payment,
            effects: vec![],
            evidence: vec![],
            by_file: None,
            missing: Rupiah::ZERO,
            booked_before,
            happened: vec![],
        }
    }

    /// Applies one event with what proves it.
    pub(super) fn apply(
        &mut self,
        event: &Event,
        evidence: Option<Box<Evidence>>,
        now: DateTime<Utc>,
        limits: Limits,
    ) -> Result<(), Forbidden> {
        let effects = self.payment.step(event, now, limits)?;
        for effect in effects {
            if !(matches!(effect, Effect::Issue(_)) && self.effects.contains(&effect)) {
                self.effects.push(effect);
            }
        }
        self.evidence.extend(evidence.map(|evidence| *evidence));
        self.happened.push(name_of(event));
        Ok(())
    }

    /// Keeps an answer that proves nothing yet.
    pub(super) fn note(&mut self, evidence: Option<Box<Evidence>>) {
        self.evidence.extend(evidence.map(|evidence| *evidence));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.happened.is_empty() && self.evidence.is_empty()
    }

    /// The job that commits it. A Titip for a payment that ends in the same commit was never handed over.
    pub(super) fn into_job(mut self, after: After, at: DateTime<Utc>) -> Result<SettleJob, MoneyError> {
        if !self.payment.state.name().is_open() {
            self.effects.retain(|effect| *effect != Effect::Issue(Kind::Titip));
        }
        let transfers = self.transfers(at)?;
        let owed = AccountNo::of_agent(self.payment.agent_no, AgentAccount::OwedToCitizens);
        let credits = Rupiah::sum(transfers.iter().filter(|t| t.credit == owed).map(|t| t.amount))?;
        let debits = Rupiah::sum(transfers.iter().filter(|t| t.debit == owed).map(|t| t.amount))?;
        let debt = Rupiah::not_negative(credits.get() - debits.get())?;
        let facts = json!({
            "from": self.from.as_str(), "to": self.payment.state.name().as_str(), "events": self.happened,
            "amount": self.payment.amount, "fence": self.mover.fence,
        });
        let audit = audit::Event::new(at, &self.mover.actor, "payment", self.payment.id.0, facts);
        Ok(SettleJob { change: self, after, transfers, debt, audit, at })
    }

    fn transfers(&self, at: DateTime<Utc>) -> Result<Vec<Transfer>, MoneyError> {
        let payment = &self.payment;
        let of = |leg| For {
            agent_id: payment.agent_id,
            agent_no: payment.agent_no,
            payment_id: payment.id,
            leg,
            at,
        };
        let paper_out = payment.titip_no.is_some() || payment.receipt_no.is_some();
        let held = |ordinal: i16| payment.leg(ordinal).and_then(|leg| leg.hold.map(|hold| (leg, hold)));
        let mut rows = Vec::from_iter(ledger::claim(of(None), self.missing));
        for effect in &self.effects {
            match effect {
                Effect::Post(o) => {
                    if let Some((leg, hold)) = held(*o) {
                        rows.extend(ledger::post(of(Some(*o)), hold, &leg.periods)?);
                    }
                }
                Effect::Void(o) => {
                    rows.extend(
                        held(*o).map(|(leg, hold)| ledger::void(of(Some(*o)), hold, leg.amount, paper_out)),
                    );
                    rows.extend(self.evened_out(of(Some(*o)), *o)?);
                }
                Effect::Replace { old, new } => {
                    rows.extend(
                        held(*old)
                            .map(|(leg, hold)| ledger::void_to_selisih(of(Some(*old)), hold, leg.amount)),
                    );
                    rows.extend(
                        held(*new).and_then(|(leg, hold)| {
                            ledger::hold_from_selisih(of(Some(*new)), hold, leg.amount)
                        }),
                    );
                }
                Effect::Claim(o) => {
                    if let Some(leg) = payment.leg(*o) {
                        rows.extend(ledger::pay_late(of(Some(*o)), &leg.periods)?);
                    }
                }
                Effect::PostFee => {
                    rows.extend(self.fee_row(|hold| ledger::post_fee(of(None), hold, payment.fee)));
                }
                Effect::VoidFee => {
                    rows.extend(self.fee_row(|hold| ledger::void(of(None), hold, payment.fee, paper_out)));
                }
                Effect::Reverse(o) => {
                    if let Some(leg) = payment.leg(*o) {
                        rows.extend(ledger::reverse(of(Some(*o)), &leg.periods)?);
                    }
                    rows.extend(self.evened_out(of(Some(*o)), *o)?);
                }
                Effect::ReverseFee => rows.extend(ledger::reverse_fee(of(None), payment.fee)),
                Effect::Issue(_) | Effect::Case(..) => {}
            }
        }
        Ok(rows)
    }

    /// What goes back for a leg is what the citizen paid for it.
    fn evened_out(&self, of: For, ordinal: i16) -> Result<Option<Transfer>, MoneyError> {
        let Some(leg) = self.payment.leg(ordinal) else { return Ok(None) };
        ledger::even_out(of, self.payment.quoted_for(leg), leg.amount)
    }

    fn fee_row(&self, row: impl FnOnce(TransferId) -> Transfer) -> Option<Transfer> {
        self.payment.fee_hold.map(row)
    }
}

/// A change ready to be committed; every id in it is chosen, so that committing it twice is committing it once.
#[derive(Debug, Clone)]
pub(super) struct SettleJob {
    pub(super) change: Change,
    pub(super) after: After,
    pub(super) transfers: Vec<Transfer>,
    pub(super) debt: Rupiah,
    pub(super) audit: audit::Event,
    pub(super) at: DateTime<Utc>,
}

fn name_of(event: &Event) -> String {
    match event {
        Event::TakenOver => "taken over".to_owned(),
        Event::Sending(o, not_after) => format!("sending leg {o} until {}", not_after.to_rfc3339()),
        Event::Booked(o, _) => format!("leg {o} booked"),
        Event::ReversedThere(o) => format!("leg {o} reversed there"),
        Event::Refused(o, code) => format!("leg {o} refused: {code}"),
        Event::Silent(o, _) => format!("leg {o} silent"),
        Event::Contradicts(o, what) => format!("leg {o} contradicts: {what}"),
        Event::NeverSent(o) => format!("leg {o} never sent"),
        Event::Absent(o) => format!("leg {o} absent"),
        Event::CancelAsked => "cancel asked".to_owned(),
        Event::Reopened { refuse } => format!("reopened, refuse if absent: {refuse}"),
        Event::PaidElsewhere(o) => format!("leg {o} paid elsewhere"),
        Event::FreshlyAssessed(leg) => format!("leg {} assessed afresh: {}", leg.ordinal, leg.amount.get()),
        Event::Proven(o, _) => format!("leg {o} proven by a stored answer"),
        Event::LateBooked(o, _) => format!("leg {o} booked after the refusal"),
        Event::Reposted => "reposted".to_owned(),
        Event::ReversalApproved(_) => "reversal approved".to_owned(),
        Event::ReversalAgreed(o, on) => format!("leg {o} reversal agreed on {on}"),
        Event::ReversalRefused(o, code) => format!("leg {o} reversal refused: {code}"),
    }
}
