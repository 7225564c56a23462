//! What the night can say of a line.

use std::fmt;

use crate::domain::BusinessDate;

/// The class of one line, or of one pair of ours and theirs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Ours and theirs agree to the rupiah.
    Matched,
    /// A leg in doubt that may still stand in a coming file.
    Expected,
    /// Booked here, or in doubt with every file in; the file lacks it.
    MissingUpstream,
    /// In the file, unknown here.
    MissingHere,
    /// Same line, other amount.
    Amount,
    /// Same line, other beneficiary.
    Beneficiary,
    /// Same line, other period.
    Period,
    /// A line that is already spoken for, in this file or in another night's.
    Duplicate,
    /// More than one line could be meant: people choose.
    Ambiguous,
    /// Reversed at the authority, not here.
    ReversedThere,
    /// The plate, the bill, the number or the reference is not what was paid.
    ChangedAfterPayment,
    /// A payment in doubt that this file's lines confirmed.
    DoubtResolved,
    /// Refused here, booked there.
    LateSuccess,
}

impl Class {
    /// All, in the order of reports.
    pub const ALL: [Self; 13] = [
        Self::Matched,
        Self::Expected,
        Self::MissingUpstream,
        Self::MissingHere,
        Self::Amount,
        Self::Beneficiary,
        Self::Period,
        Self::Duplicate,
        Self::Ambiguous,
        Self::ReversedThere,
        Self::ChangedAfterPayment,
        Self::DoubtResolved,
        Self::LateSuccess,
    ];

    /// The name in reports, in the database and in cases.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Matched => "MATCHED",
            Self::Expected => "EXPECTED",
            Self::MissingUpstream => "MISSING_UPSTREAM",
            Self::MissingHere => "MISSING_HERE",
            Self::Amount => "AMOUNT",
            Self::Beneficiary => "BENEFICIARY",
            Self::Period => "PERIOD",
            Self::Duplicate => "DUPLICATE",
            Self::Ambiguous => "AMBIGUOUS",
            Self::ReversedThere => "REVERSED_THERE",
            Self::ChangedAfterPayment => "CHANGED_AFTER_PAYMENT",
            Self::DoubtResolved => "DOUBT_RESOLVED",
            Self::LateSuccess => "LATE_SUCCESS",
        }
    }

    /// What it means, in plain words for people.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Matched => "cocok",
            Self::Expected => "masih ditunggu",
            Self::MissingUpstream => "ada di sini, tidak ada di berkas",
            Self::MissingHere => "ada di berkas, tidak ada di sini",
            Self::Amount => "jumlah berbeda",
            Self::Beneficiary => "penerima berbeda",
            Self::Period => "masa pajak berbeda",
            Self::Duplicate => "baris berulang",
            Self::Ambiguous => "dapat milik lebih dari satu",
            Self::ReversedThere => "dibatalkan di sana",
            Self::ChangedAfterPayment => "berubah setelah dibayar",
            Self::DoubtResolved => "keraguan yang diselesaikan berkas",
            Self::LateSuccess => "dibukukan setelah ditolak",
        }
    }

    /// The class of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.as_str() == name)
    }

    /// True for what people must settle.
    #[must_use]
    pub const fn is_break(self) -> bool {
        match self {
            Self::Matched | Self::Expected | Self::DoubtResolved => false,
            Self::MissingUpstream
            | Self::MissingHere
            | Self::Amount
            | Self::Beneficiary
            | Self::Period
            | Self::Duplicate
            | Self::Ambiguous
            | Self::ReversedThere
            | Self::ChangedAfterPayment
            | Self::LateSuccess => true,
        }
    }

    /// The role that must settle a break: the authority's people for what their file lacks or changed, ours for what
    /// our books lack.
    #[must_use]
    pub const fn owner(self) -> &'static str {
        match self {
            Self::MissingHere | Self::LateSuccess | Self::Ambiguous => "admin",
            Self::Matched
            | Self::Expected
            | Self::DoubtResolved
            | Self::MissingUpstream
            | Self::Amount
            | Self::Beneficiary
            | Self::Period
            | Self::Duplicate
            | Self::ReversedThere
            | Self::ChangedAfterPayment => "bapenda",
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What else is worth knowing of a classified line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Note {
    /// Nothing.
    None,
    /// Ours is booked on this other date: found all the same.
    DayShift(BusinessDate),
    /// Already claimed by the night of this other date.
    ClaimedOn(BusinessDate),
    /// Paired by the host's number; the reference is another.
    ByNumber,
    /// Paired by plate, period, code and amount; reference and number are others.
    ByVehicle,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => Ok(()),
            Self::DayShift(date) => write!(f, "DAY_SHIFT {date}"),
            Self::ClaimedOn(date) => write!(f, "CLAIMED_ON {date}"),
            Self::ByNumber => f.write_str("BY_NUMBER"),
            Self::ByVehicle => f.write_str("BY_VEHICLE"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back_and_unique() {
        for class in Class::ALL {
            assert_eq!(Class::named(class.as_str()), Some(class));
        }
        assert_eq!(Class::ALL.iter().filter(|class| class.is_break()).count(), 10);
    }
}
