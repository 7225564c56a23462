//! Our side of the night: one leg of a payment as it stands, and when its lines are due.
//!
//! A booked leg is due in the file of its own business date, its reversal in that of the reversal's. A leg in doubt may
//! stand in any file from the day its cash was taken to the day after its last `not_after`.

use std::sync::Arc;

use crate::domain::{Beneficiary, BillPeriod, BusinessDate, MoneyError, PaymentId, Reference, Rupiah};
use crate::reconciliation::row::{DocumentId, RowStatus};

/// One leg.
#[derive(Debug, Clone)]
pub struct Leg {
    /// Its payment.
    pub payment_id: PaymentId,
    /// Our name for it.
    pub reference: Reference,
    /// Bill or assessment; none when what we hold is not sixteen digits.
    pub document: Option<DocumentId>,
    /// The vehicle, as Bapenda spells it.
    pub plate: Arc<str>,
    /// Its lines as quoted.
    pub lines: Vec<LegLine>,
    /// How it stands.
    pub standing: Standing,
    /// The business date of the file whose lines confirmed it, if a file did.
    pub resolved_on: Option<BusinessDate>,
    /// Its lines that nights of other dates have claimed.
    pub claimed: Vec<(LineKey, BusinessDate)>,
}

/// One line of a leg, as quoted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LegLine {
    /// The period's key.
    pub due_on: BusinessDate,
    /// Its code.
    pub code: Arc<str>,
    /// Who receives it.
    pub beneficiary: Beneficiary,
    /// The tax itself.
    pub principal: Rupiah,
    /// The fine.
    pub penalty: Rupiah,
}

/// How a leg stands, as far as the night cares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Booked at its authority, reversed there or not.
    Booked {
        /// NTPD or certificate number.
        number: Arc<str>,
        /// The authority's accounting day.
        business_date: BusinessDate,
        /// What became of a reversal.
        reversal: Reversal,
    },
    /// Sent, and nobody knows.
    Open {
        /// The first date whose file it may stand in.
        from: BusinessDate,
        /// The last such date.
        until: BusinessDate,
        /// Whether the files of every earlier date are in.
        earlier: Earlier,
        /// Whether the night may settle it.
        door: Door,
    },
    /// Refused, proven absent or released: no file should book it.
    Closed,
}

/// A reversal that we asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reversal {
    /// None was asked for.
    None,
    /// Asked for; the answer is open.
    Asked,
    /// Agreed, in the authority's book of this date.
    Agreed(BusinessDate),
}

/// Whether the files of every date before a window's last are in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Earlier {
    /// All.
    AllIn,
    /// Some are not.
    SomeOut,
}

/// Whether a file may settle an open leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// Held or in doubt: it may.
    Settleable,
    /// In an integrity hold, which is for two people, or just moved by someone else.
    Guarded,
}

/// What names a line in both books.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LineKey {
    /// The leg.
    pub reference: Reference,
    /// The period.
    pub due_on: BusinessDate,
    /// The line's code.
    pub code: Arc<str>,
    /// Who receives it.
    pub beneficiary: Beneficiary,
    /// Booked or reversed.
    pub status: RowStatus,
}

impl std::fmt::Display for LineKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { reference, due_on, code, beneficiary, status } = self;
        write!(f, "{reference}/{due_on}/{code}/{beneficiary}/{}", status.as_str())
    }
}

impl Leg {
    /// The lines of a quote's periods, in its order.
    #[must_use]
    pub fn lines_of(periods: &[BillPeriod]) -> Vec<LegLine> {
        let line = |period: &BillPeriod, line: &crate::domain::BillLine| LegLine {
            due_on: period.due_on,
            code: line.code.as_str().into(),
            beneficiary: line.beneficiary,
            principal: line.principal,
            penalty: line.penalty,
        };
        periods.iter().flat_map(|period| period.lines.iter().map(move |l| line(period, l))).collect()
    }

    /// True when lines of that status must stand in the file of `date`, or may for the last time.
    #[must_use]
    pub fn is_due(&self, status: RowStatus, date: BusinessDate) -> bool {
        match (&self.standing, status) {
            (Standing::Booked { business_date, .. }, RowStatus::Paid) => *business_date == date,
            (Standing::Booked { reversal, .. }, RowStatus::Reversed) => *reversal == Reversal::Agreed(date),
            (Standing::Open { from, until, .. }, RowStatus::Paid) => (*from..=*until).contains(&date),
            (Standing::Open { .. }, RowStatus::Reversed) | (Standing::Closed, _) => false,
        }
    }

    /// The key of one of its lines.
    #[must_use]
    pub fn key(&self, line: &LegLine, status: RowStatus) -> LineKey {
        LineKey {
            reference: self.reference,
            due_on: line.due_on,
            code: line.code.clone(),
            beneficiary: line.beneficiary,
            status,
        }
    }

    /// The other date whose night has claimed a line.
    #[must_use]
    pub fn claimed_on(&self, line: &LegLine, status: RowStatus) -> Option<BusinessDate> {
        let same = |key: &LineKey| {
            key.status == status
                && key.due_on == line.due_on
                && key.code == line.code
                && key.beneficiary == line.beneficiary
        };
        self.claimed.iter().find(|(key, _)| same(key)).map(|(_, date)| *date)
    }

    /// The host's number, once it is known.
    #[must_use]
    pub fn number(&self) -> Option<&Arc<str>> {
        match &self.standing {
            Standing::Booked { number, .. } => Some(number),
            Standing::Open { .. } | Standing::Closed => None,
        }
    }
}

impl LegLine {
    /// The line as a row of that status would carry it: negative in a reversal.
    #[must_use]
    pub fn signed(&self, status: RowStatus) -> Self {
        match status {
            RowStatus::Paid => self.clone(),
            RowStatus::Reversed => {
                Self { principal: self.principal.negated(), penalty: self.penalty.negated(), ..self.clone() }
            }
        }
    }

    /// Principal and penalty together.
    ///
    /// # Errors
    /// [`MoneyError::OutOfRange`] when their sum is no amount.
    pub fn amount(&self) -> Result<Rupiah, MoneyError> {
        self.principal.plus(self.penalty)
    }
}
