//! How late a payment is: days for SWDKLLJ, started months for PKB and opsen.

use chrono::Datelike;

use crate::domain::BusinessDate;

/// Lateness of one period. Zero of both on the due date and before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lateness {
    /// Calendar days after the due date.
    pub(super) days: i64,
    /// Months begun after the due date; part of a month counts whole (PP 35/2023).
    pub(super) months: i64,
}

impl Lateness {
    /// Counts from the due date itself, which is still on time until its midnight.
    ///
    /// A month ends on the due date's day of the month, or on the month's last day where it is shorter: due on the
    /// 31st, the first month ends on 28 February. The day is the due date's own and not the anchor day of 29 February, so that a
    /// due date alone says how late a payment is (our decision; no source).
    pub(super) fn between(due_on: BusinessDate, paid_on: BusinessDate) -> Self {
        let days = paid_on.days_since(due_on);
        if days <= 0 {
            return Self { days: 0, months: 0 };
        }
        let (due, paid) = (due_on.date(), paid_on.date());
        let whole_months =
            i64::from(paid.year() - due.year()) * 12 + i64::from(paid.month()) - i64::from(due.month());
        // Paid later in the month than the due day: one more month has begun.
        let begun = i64::from(paid.day() > due.day());
        Self { days, months: whole_months + begun }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn late(due_on: &str, paid_on: &str) -> (i64, i64) {
        let date = |text| BusinessDate::parse(text).unwrap();
        let late = Lateness::between(date(due_on), date(paid_on));
        (late.days, late.months)
    }

    #[test]
    fn a_month_ends_on_the_due_day_and_the_next_begins_the_day_after() {
        for (due_on, paid_on, days, months) in [
            ("2025-03-10", "2025-03-01", 0, 0),
            ("2025-03-10", "2025-03-10", 0, 0),
            ("2025-03-10", "2025-03-11", 1, 1),
            ("2025-03-10", "2025-04-10", 31, 1),
            ("2025-03-10", "2025-04-11", 32, 2),
            ("2025-12-31", "2026-01-01", 1, 1),
            ("2025-12-31", "2026-01-31", 31, 1),
            ("2025-12-15", "2026-01-15", 31, 1),
            ("2025-12-15", "2026-01-16", 32, 2),
        ] {
            assert_eq!(late(due_on, paid_on), (days, months), "{due_on} → {paid_on}");
        }
    }

    #[test]
    fn a_due_day_that_a_month_lacks_ends_on_its_last_day() {
        for (due_on, paid_on, months) in [
            ("2026-01-31", "2026-02-28", 1),
            ("2026-01-31", "2026-03-01", 2),
            ("2026-01-31", "2026-03-31", 2),
            ("2026-01-31", "2026-04-01", 3),
            ("2028-02-29", "2028-03-29", 1),
            ("2028-02-29", "2028-03-30", 2),
            ("2028-02-29", "2029-02-28", 12),
            ("2028-02-29", "2029-03-01", 13),
            ("2027-02-28", "2027-03-28", 1),
            ("2027-02-28", "2027-03-29", 2),
        ] {
            assert_eq!(late(due_on, paid_on).1, months, "{due_on} → {paid_on}");
        }
    }
}
