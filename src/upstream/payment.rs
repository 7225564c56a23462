//! Payments, status and reversals: what a host's answer proves.

use chrono::{DateTime, FixedOffset, TimeDelta};
use serde::{Deserialize, Serialize};

use super::host::{Evidence, Host, Operation, Reply};
use crate::domain::{Authority, BusinessDate, Reference, Rupiah, Timestamp, rfc3339_wib};

/// One copy of a payment request. Everything but `not_after` is content and never changes for a reference.
#[derive(Debug, Clone)]
pub struct Order {
    /// Chosen before the first copy was sent.
    pub reference: Reference,
    /// Bill or assessment id.
    pub document_id: String,
    /// The leg's total.
    pub amount: Rupiah,
    /// The agent's code.
    pub agent_code: String,
    /// When the cash was taken.
    pub taken_at: Timestamp,
    /// Committed before this copy leaves; the host books it no later.
    pub not_after: Timestamp,
}

/// A booking at an authority.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Booking {
    /// NTPD (*nomor transaksi penerimaan daerah*, Bapenda's receipt number) or Jasa Raharja's certificate number.
    pub number: String,
    /// By the host's clock.
    pub booked_at: Timestamp,
    /// The host's accounting day.
    pub business_date: BusinessDate,
}

/// What the answer to a payment request proves.
#[derive(Debug)]
pub enum Paid {
    /// Provably no byte left.
    NotSent(String),
    /// Booked and paid.
    Booked(Booking, Box<Evidence>),
    /// Booked once, reversed since.
    Reversed(Booking, Box<Evidence>),
    /// Written down as refused: this reference is never booked.
    Refused(String, Box<Evidence>),
    /// The answer contradicts what was asked, or the host knows the reference with other content.
    Contradicts(String, Box<Evidence>),
    /// Anything else. The request may be booked, now or until `not_after`.
    Unknown(String, Option<Box<Evidence>>),
}

/// What the answer to a status question proves.
#[derive(Debug)]
pub enum StatusAnswer {
    /// Booked and paid.
    Booked(Booking, Box<Evidence>),
    /// Booked once, reversed since.
    Reversed(Booking, Box<Evidence>),
    /// Not in the book at this host time. Final only when that is later than every `not_after` plus the tolerance.
    NotThere(Timestamp, Box<Evidence>),
    /// A booking under our reference with other content.
    Contradicts(String, Box<Evidence>),
    /// No usable answer.
    Unknown(String),
}

/// A reversal request, idempotent by its own reference.
#[derive(Debug, Clone)]
pub struct ReversalOrder {
    /// The booking's reference.
    pub reference: Reference,
    /// The reversal's own.
    pub reversal_reference: Reference,
    /// Why, as a code.
    pub reason: String,
    /// Who asked.
    pub requested_by: String,
    /// Who approved.
    pub approved_by: String,
}

/// What the answer to a reversal request proves.
#[derive(Debug)]
pub enum Reversed {
    /// Reversed, on that business date of the host.
    Agreed(BusinessDate, Box<Evidence>),
    /// The booking stays.
    Refused(String, Box<Evidence>),
    /// No usable answer: ask again under the same reference.
    Unknown(String),
}

/// Bapenda's booking. Each host spells its own members; the other's are unknown ones, to be ignored.
#[derive(Deserialize)]
struct BapendaBooking {
    reference: Reference,
    bill_id: String,
    amount: i64,
    ntpd: String,
    booked_at: DateTime<FixedOffset>,
    business_date: BusinessDate,
    status: WireStatus,
}

/// Jasa Raharja's booking.
#[derive(Deserialize)]
struct JasaRaharjaBooking {
    reference: Reference,
    assessment_id: String,
    amount: i64,
    certificate_no: String,
    booked_at: DateTime<FixedOffset>,
    business_date: BusinessDate,
    status: WireStatus,
}

/// What both say.
struct WireBooking {
    reference: Reference,
    document_id: String,
    amount: i64,
    booking: Booking,
    status: WireStatus,
}

impl WireBooking {
    fn read(authority: Authority, body: &[u8]) -> Result<Self, serde_json::Error> {
        match authority {
            Authority::Bapenda => serde_json::from_slice(body).map(|b: BapendaBooking| Self {
                reference: b.reference,
                document_id: b.bill_id,
                amount: b.amount,
                booking: booking(b.ntpd, b.booked_at, b.business_date),
                status: b.status,
            }),
            Authority::JasaRaharja => serde_json::from_slice(body).map(|b: JasaRaharjaBooking| Self {
                reference: b.reference,
                document_id: b.assessment_id,
                amount: b.amount,
                booking: booking(b.certificate_no, b.booked_at, b.business_date),
                status: b.status,
            }),
        }
    }
}

fn booking(number: String, booked_at: DateTime<FixedOffset>, business_date: BusinessDate) -> Booking {
    Booking { number, booked_at: booked_at.to_utc(), business_date }
}

#[derive(Deserialize, PartialEq, Clone, Copy)]
#[serde(rename_all = "UPPERCASE")]
enum WireStatus {
    Paid,
    Reversed,
}

enum Read {
    Paid(Booking),
    Reversed(Booking),
    Contradicts(String),
    Malformed(String),
}

/// How far a host's clock may be ahead of what it said before, in one answer, and still prove an absence.
const SURPRISE: TimeDelta = TimeDelta::seconds(5);

const fn root(authority: Authority) -> &'static str {
    match authority {
        Authority::Bapenda => "/bapenda/v1",
        Authority::JasaRaharja => "/jasa-raharja/v1",
    }
}

fn pay_body(authority: Authority, order: &Order) -> serde_json::Value {
    let document = match authority {
        Authority::Bapenda => "bill_id",
        Authority::JasaRaharja => "assessment_id",
    };
    serde_json::json!({
        "reference": order.reference, document: order.document_id, "amount": order.amount,
        "agent_code": order.agent_code, "taken_at": rfc3339_wib(order.taken_at), "not_after": rfc3339_wib(order.not_after),
    })
}

impl Host {
    /// Sends one copy of a payment. The caller has committed its `not_after`.
    pub async fn pay(&self, order: &Order) -> Paid {
        let path = format!("{}/payments", root(self.authority()));
        let body = pay_body(self.authority(), order);
        let answer = match self.post(Operation::Payment, &path, &body, Some(order.reference.0)).await {
            Reply::NotSent(why) => return Paid::NotSent(why),
            Reply::Silent(why) => return Paid::Unknown(why, None),
            Reply::EndOfDay(_) => return Paid::Unknown("END_OF_DAY".to_owned(), None),
            Reply::Answered(answer) => answer,
        };
        let code = answer.code();
        let evidence = || Box::new(answer.evidence.clone());
        match (answer.status, code.as_deref()) {
            (200, _) => match self.read_booking(&answer.evidence.body, order) {
                Read::Paid(booking) => Paid::Booked(booking, evidence()),
                Read::Reversed(booking) => Paid::Reversed(booking, evidence()),
                Read::Contradicts(what) => Paid::Contradicts(what, evidence()),
                Read::Malformed(why) => Paid::Unknown(why, Some(evidence())),
            },
            (400..=499, Some("REFERENCE_REUSED")) => {
                Paid::Contradicts("REFERENCE_REUSED".to_owned(), evidence())
            }
            (
                400..=499,
                Some(code @ ("ALREADY_PAID" | "BILL_EXPIRED" | "AMOUNT_MISMATCH" | "BILL_NOT_FOUND")),
            ) => Paid::Refused(code.to_owned(), evidence()),
            (status, code) => Paid::Unknown(
                code.map_or_else(|| format!("status {status}"), str::to_owned),
                Some(evidence()),
            ),
        }
    }

    /// Asks for a payment by our own reference.
    pub async fn status(&self, order: &Order) -> StatusAnswer {
        let path = format!("{}/payments/{}", root(self.authority()), order.reference);
        let (expected, asked) = (self.now(), std::time::Instant::now());
        let answer = match self.get(Operation::Status, &path, Some(order.reference.0)).await {
            Reply::NotSent(why) | Reply::Silent(why) => return StatusAnswer::Unknown(why),
            Reply::EndOfDay(_) => return StatusAnswer::Unknown("END_OF_DAY".to_owned()),
            Reply::Answered(answer) => answer,
        };
        let code = answer.code();
        let latest = expected + TimeDelta::from_std(asked.elapsed()).unwrap_or(TimeDelta::zero()) + SURPRISE;
        match (answer.status, code.as_deref(), answer.host_time) {
            (200, _, _) => match self.read_booking(&answer.evidence.body, order) {
                Read::Paid(booking) => StatusAnswer::Booked(booking, Box::new(answer.evidence)),
                Read::Reversed(booking) => StatusAnswer::Reversed(booking, Box::new(answer.evidence)),
                Read::Contradicts(what) => StatusAnswer::Contradicts(what, Box::new(answer.evidence)),
                Read::Malformed(why) => StatusAnswer::Unknown(why),
            },
            // One answer from a clock that ran ahead could prove an absence that is none: the next one tells.
            (404, Some("UNKNOWN_REFERENCE"), Some(at)) if at > latest => {
                StatusAnswer::Unknown("the host's clock ran ahead of itself".to_owned())
            }
            (404, Some("UNKNOWN_REFERENCE"), Some(at)) => {
                StatusAnswer::NotThere(at, Box::new(answer.evidence))
            }
            (status, _, _) => StatusAnswer::Unknown(format!("status {status}")),
        }
    }

    /// Asks for a reference that nobody has, to hear the host's clock before the first payment.
    pub async fn greet(&self) {
        let reference = Reference::new();
        let path = format!("{}/payments/{reference}", root(self.authority()));
        drop(self.get(Operation::Status, &path, Some(reference.0)).await);
    }

    /// Asks for a reversal.
    pub async fn reverse(&self, order: &ReversalOrder) -> Reversed {
        #[derive(Deserialize)]
        struct Agreed {
            reversal_reference: Reference,
            business_date: BusinessDate,
        }
        let path = format!("{}/payments/{}/reversal", root(self.authority()), order.reference);
        let body = serde_json::json!({
            "reversal_reference": order.reversal_reference, "reason": order.reason,
            "requested_by": order.requested_by, "approved_by": order.approved_by,
        });
        let answer = match self.post(Operation::Reversal, &path, &body, Some(order.reference.0)).await {
            Reply::NotSent(why) | Reply::Silent(why) => return Reversed::Unknown(why),
            Reply::EndOfDay(_) => return Reversed::Unknown("END_OF_DAY".to_owned()),
            Reply::Answered(answer) => answer,
        };
        match (answer.status, answer.code().as_deref()) {
            (200, _) => match serde_json::from_slice::<Agreed>(&answer.evidence.body) {
                Ok(agreed) if agreed.reversal_reference == order.reversal_reference => {
                    Reversed::Agreed(agreed.business_date, Box::new(answer.evidence))
                }
                Ok(_) => Reversed::Unknown("ANOTHER_REVERSAL_REFERENCE".to_owned()),
                Err(e) => Reversed::Unknown(format!("malformed answer: {e}")),
            },
            (400..=499, Some(code @ ("NOT_REVERSIBLE" | "UNKNOWN_REFERENCE"))) => {
                Reversed::Refused(code.to_owned(), Box::new(answer.evidence))
            }
            (status, _) => Reversed::Unknown(format!("status {status}")),
        }
    }

    /// The booking that a kept answer proves: signed by this host, of this reference, document and amount, and paid.
    #[must_use]
    pub fn booking_in(&self, kept: &Evidence, order: &Order) -> Option<Booking> {
        let says_how_it_stands = matches!(kept.operation, Operation::Payment | Operation::Status);
        if kept.status != 200 || !says_how_it_stands || !self.has_signed(kept) {
            return None;
        }
        match self.read_booking(&kept.body, order) {
            Read::Paid(booking) => Some(booking),
            Read::Reversed(_) | Read::Contradicts(_) | Read::Malformed(_) => None,
        }
    }

    fn read_booking(&self, body: &[u8], order: &Order) -> Read {
        let wire = match WireBooking::read(self.authority(), body) {
            Ok(wire) => wire,
            Err(e) => return Read::Malformed(format!("malformed answer: {e}")),
        };
        if !number_is_shaped(self.authority(), &wire.booking.number) {
            return Read::Malformed("malformed number".to_owned());
        }
        let says = [
            (wire.reference == order.reference, "ANOTHER_REFERENCE"),
            (wire.document_id == order.document_id, "ANOTHER_BILL"),
            (wire.amount == order.amount.get(), "ANOTHER_AMOUNT"),
        ];
        if let Some((_, what)) = says.iter().find(|(fits, _)| !fits) {
            return Read::Contradicts((*what).to_owned());
        }
        if wire.status == WireStatus::Paid { Read::Paid(wire.booking) } else { Read::Reversed(wire.booking) }
    }
}

fn number_is_shaped(authority: Authority, number: &str) -> bool {
    match authority {
        Authority::Bapenda => {
            number.len() == 16 && number.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
        }
        Authority::JasaRaharja => {
            (1..=64).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_graphic())
        }
    }
}
