//! What a person reads: results on standard output, progress and complaints on standard error.
//!
//! A closed pipe is not an error of the work itself, so failures to write are dropped.

use std::io::Write;
use std::time::Instant;

/// One line of result.
pub(crate) fn line(text: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}

/// One line of progress or complaint.
pub(crate) fn note(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// Names each step of a set-up when it ends, with the seconds it took.
pub(crate) struct Steps {
    begun: Instant,
    last: Instant,
    shown: bool,
}

impl Steps {
    /// Steps that a person watches.
    pub(crate) fn shown() -> Self {
        Self { begun: Instant::now(), last: Instant::now(), shown: true }
    }

    /// Steps that only count, for commands whose output belongs to somebody else.
    pub(crate) fn silent() -> Self {
        Self { shown: false, ..Self::shown() }
    }

    /// The step that ran until now is over.
    pub(crate) fn done(&mut self, what: &str) {
        if self.shown {
            let (step, total) = (self.last.elapsed(), self.begun.elapsed());
            line(&format!("  ✓ {what:<58} {:>6} s  (at {:>5} s)", tenths(step), tenths(total)));
        }
        self.last = Instant::now();
    }

    /// Seconds since the first step began.
    pub(crate) fn total(&self) -> String {
        tenths(self.begun.elapsed())
    }
}

/// Seconds with one decimal, in whole numbers.
pub(crate) fn tenths(duration: std::time::Duration) -> String {
    let tenths = duration.as_millis() / 100;
    format!("{}.{}", tenths / 10, tenths % 10)
}

/// Whole rupiah as people here write them: `Rp1.234.567`.
pub(crate) fn rupiah(amount: i64) -> String {
    let digits = amount.unsigned_abs().to_string();
    let mut grouped = String::with_capacity(digits.len() * 2);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push('.');
        }
        grouped.push(digit);
    }
    format!("{}Rp{grouped}", if amount < 0 { "-" } else { "" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rupiah_are_grouped_in_thousands() {
        assert_eq!(rupiah(0), "Rp0");
        assert_eq!(rupiah(999), "Rp999");
        assert_eq!(rupiah(2_000_000_000), "Rp2.000.000.000");
        assert_eq!(rupiah(-15_000), "-Rp15.000");
    }

    #[test]
    fn seconds_show_one_decimal() {
        assert_eq!(tenths(std::time::Duration::from_millis(12_345)), "12.3");
    }
}
