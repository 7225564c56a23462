//! What a citizen takes home: a receipt as paper, in every form in which a counter can hand it over.
//!
//! [`Paper`] is what stands on it, in words that people read. [`parts`] puts it into one order for every printer: [`pdf`]
//! draws it (A5, 58 and 80 mm), [`escpos`] speaks it to a till's printer; the page in `http` shows the same [`Paper`].
//! [`qr`] carries the signed payload, [`picture`] reads it back. Pure: it reads no clock and no table, and the same paper is
//! the same bytes. It decides nothing: what a paper is worth is told by the payment's state.

pub mod escpos;
mod parts;
pub mod pdf;
pub mod picture;
pub mod qr;
mod width;
mod words;

pub use parts::{Part, parts};
pub use width::Width;
pub use words::{advice, line_name, receiver_name, status_text, title, under_title};

use serde::Serialize;

use crate::domain::{Authority, BillPeriod, BusinessDate, Plate, Timestamp, wib_long};
use crate::payment::StateName;
use crate::receipt::{Facts, Kind};

/// What a receipt is worth now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// The tax is paid.
    Paid,
    /// It is not: the cash must come back.
    NotPaid,
    /// It was paid and taken back.
    Revoked,
    /// The outcome is open.
    Open,
    /// No such receipt stands in our books.
    Unknown,
}

impl Status {
    /// What a payment in that state is worth to who holds a paper.
    #[must_use]
    pub const fn of(state: StateName) -> Self {
        match state {
            StateName::Held | StateName::InDoubt | StateName::IntegrityHold | StateName::Reversing => {
                Self::Open
            }
            StateName::Confirmed => Self::Paid,
            StateName::Refused => Self::NotPaid,
            StateName::Reversed => Self::Revoked,
        }
    }
}

/// Where and by whom the cash was taken.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TakenAt {
    /// The outlet's name.
    pub outlet: String,
    /// The operator's name; none when the outlet's own program paid through the API.
    pub operator: Option<String>,
}

/// One authority's part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leg {
    /// `Bapenda Jawa Timur`.
    pub authority: &'static str,
    /// What its number is called: `NTPD`, `Nomor sertifikat`.
    pub number_name: &'static str,
    /// The number, once booked.
    pub number: Option<String>,
    /// Rupiah, as people read them.
    pub amount: String,
    /// The authority's accounting day, once booked.
    pub booked_on: Option<String>,
}

/// One line of a due date.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "as on the paper")]
pub struct Row {
    pub name: String,
    pub receiver: String,
    pub principal: String,
    pub penalty: String,
}

/// A due date with its lines.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "as on the paper")]
pub struct Period {
    pub due_on: String,
    pub rows: Vec<Row>,
}

/// A receipt as people read it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "as on the paper")]
pub struct Paper {
    pub kind: Kind,
    pub status: Status,
    pub receipt_no: String,
    /// 1 is the first printing; every later one is a copy and says so.
    pub copy_no: i64,
    pub agent_code: String,
    pub taken_by: TakenAt,
    pub plate: String,
    pub taken_at: String,
    /// For the file's own date.
    pub issued_at: Timestamp,
    pub legs: Vec<Leg>,
    pub periods: Vec<Period>,
    pub fee: String,
    pub amount: String,
    pub in_words: String,
    pub next_due_on: Option<String>,
    /// The signed text, as in the QR.
    pub payload: String,
    /// Where anyone checks it, without the payload.
    pub verify_url: String,
}

/// What stands in the tables about one printing.
#[derive(Debug)]
pub struct Printing<'a> {
    /// What is signed.
    pub facts: &'a Facts,
    /// The signed text.
    pub payload: &'a str,
    /// The lines by authority and due date.
    pub lines: &'a [(Authority, BillPeriod)],
    /// What it is worth now.
    pub status: Status,
    /// Which printing.
    pub copy_no: i64,
    /// Where and by whom.
    pub taken_by: TakenAt,
}

impl Paper {
    /// The paper of a receipt; `public_url` is the gateway as citizens reach it.
    #[must_use]
    pub fn of(printing: Printing<'_>, public_url: &str) -> Self {
        let Printing { facts, payload, lines, status, copy_no, taken_by } = printing;
        Self {
            kind: facts.kind,
            status,
            receipt_no: facts.receipt_no.clone(),
            copy_no,
            agent_code: facts.agent_code.clone(),
            taken_by,
            plate: Plate::parse(&facts.plate).map_or_else(|_| facts.plate.clone(), |plate| plate.to_string()),
            taken_at: moment(&facts.taken_at),
            issued_at: instant(&facts.issued_at).unwrap_or_default(),
            legs: facts.legs.iter().map(leg).collect(),
            periods: by_due_date(lines),
            fee: facts.fee.to_string(),
            amount: facts.amount.to_string(),
            in_words: facts.amount.in_words(),
            next_due_on: facts.next_due_on.map(BusinessDate::long),
            payload: payload.to_owned(),
            verify_url: format!("{public_url}/verify"),
        }
    }

    /// The copy's mark, from the second printing on.
    #[must_use]
    pub fn copy_mark(&self) -> Option<String> {
        (self.copy_no > 1).then(|| format!("SALINAN KE-{}", self.copy_no))
    }

    /// What stands across a paper that is worth nothing any more.
    #[must_use]
    pub const fn void_mark(&self) -> Option<&'static str> {
        match self.status {
            Status::Revoked => Some("DIBATALKAN"),
            Status::NotPaid => Some("TIDAK DIBAYAR"),
            Status::Paid | Status::Open | Status::Unknown => None,
        }
    }
}

fn leg(leg: &crate::receipt::LegFacts) -> Leg {
    let (authority, number_name) = match leg.authority {
        Authority::Bapenda => ("Bapenda Jawa Timur", "NTPD"),
        Authority::JasaRaharja => ("Jasa Raharja", "Nomor sertifikat"),
    };
    Leg {
        authority,
        number_name,
        number: leg.number.clone(),
        amount: leg.amount.to_string(),
        booked_on: leg.business_date.map(BusinessDate::long),
    }
}

/// The lines of each due date, the oldest first.
fn by_due_date(lines: &[(Authority, BillPeriod)]) -> Vec<Period> {
    let mut periods: std::collections::BTreeMap<BusinessDate, Vec<Row>> = std::collections::BTreeMap::new();
    for (_, period) in lines {
        let rows = period.lines.iter().map(|line| Row {
            name: Some(line_name(&line.code)).filter(|n| !n.is_empty()).unwrap_or(&line.code).to_owned(),
            receiver: receiver_name(&line.beneficiary.to_string()),
            principal: line.principal.to_string(),
            penalty: line.penalty.to_string(),
        });
        periods.entry(period.due_on).or_default().extend(rows);
    }
    periods.into_iter().map(|(due_on, rows)| Period { due_on: due_on.long(), rows }).collect()
}

fn instant(rfc3339: &str) -> Option<Timestamp> {
    chrono::DateTime::parse_from_rfc3339(rfc3339).ok().map(|at| at.to_utc())
}

/// `24 November 2026 14.05 WIB` of an RFC 3339 text.
#[must_use]
pub fn moment(rfc3339: &str) -> String {
    instant(rfc3339).map_or_else(|| rfc3339.to_owned(), wib_long)
}

#[cfg(test)]
pub(crate) mod sample;
