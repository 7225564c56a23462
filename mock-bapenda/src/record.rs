//! The facts that the journal keeps, and nothing else: what a host booked, refused, reversed, closed and served.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::bill::Line;
use crate::clock::Moment;
use crate::host::Host;

/// One fact.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub(crate) enum Record {
    /// The first line of a journal; the salt makes the numbers given out differ from those of any other journal.
    Opened {
        salt: u64,
    },
    Booked {
        host: Host,
        booking: Booking,
    },
    Refused {
        host: Host,
        reference: String,
        refusal: Refusal,
    },
    Reversed {
        host: Host,
        reference: String,
        reversal: Reversal,
    },
    Closed {
        host: Host,
        date: NaiveDate,
        file: DayFile,
    },
    Served {
        host: Host,
        date: NaiveDate,
        served: Served,
    },
}

/// What a copy of a payment must repeat to be the same payment; `not_after` is not part of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Content {
    pub(crate) bill_id: String,
    pub(crate) amount: i64,
    pub(crate) agent_code: String,
    pub(crate) taken_at: Moment,
}

/// A payment that stands in the book.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Booking {
    pub(crate) reference: String,
    pub(crate) content: Content,
    /// NTPD at Bapenda, certificate number at Jasa Raharja.
    pub(crate) number: String,
    pub(crate) plate: String,
    pub(crate) lines: Vec<Line>,
    pub(crate) booked_at: Moment,
    pub(crate) business_date: NaiveDate,
}

/// A payment that never will.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Refusal {
    pub(crate) content: Content,
    pub(crate) code: String,
}

/// A booking taken back.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Reversal {
    /// The partner's `reversal_reference`.
    pub(crate) own_reference: String,
    pub(crate) reason: String,
    pub(crate) reversed_at: Moment,
    pub(crate) business_date: NaiveDate,
}

/// A closed day.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct DayFile {
    pub(crate) sequence: u64,
    pub(crate) created_at: Moment,
}

/// A settlement file that was handed out; its bytes lie beside the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Served {
    pub(crate) revision: u64,
    pub(crate) sha256: String,
    /// The hash in its header: that of the file of the day before.
    pub(crate) previous: String,
}
