//! Amounts in words (*terbilang*), as every Indonesian receipt has them: nobody alters a word as easily as a digit.

use super::Rupiah;

const UNITS: [&str; 12] = [
    "nol", "satu", "dua", "tiga", "empat", "lima", "enam", "tujuh", "delapan", "sembilan", "sepuluh",
    "sebelas",
];

/// Thousands, and what their groups are called. An amount never reaches a million of a million and a thousand.
const GROUPS: [(u64, &str); 5] = [
    (1_000_000_000_000_000, "kuadriliun"),
    (1_000_000_000_000, "triliun"),
    (1_000_000_000, "miliar"),
    (1_000_000, "juta"),
    (1_000, "ribu"),
];

impl Rupiah {
    /// `satu juta dua ratus ribu rupiah`; `minus …` below zero.
    #[must_use]
    pub fn in_words(self) -> String {
        let sign = if self.get() < 0 { "minus " } else { "" };
        format!("{sign}{} rupiah", words(self.get().unsigned_abs()))
    }
}

fn words(n: u64) -> String {
    let with = |head: String, rest: u64| if rest == 0 { head } else { format!("{head} {}", words(rest)) };
    if let Some((size, name)) = GROUPS.into_iter().find(|(size, _)| n >= *size) {
        // One thousand has a word of its own, one million has not.
        let head = if n / size == 1 && size == 1_000 {
            "seribu".to_owned()
        } else {
            format!("{} {name}", words(n / size))
        };
        return with(head, n % size);
    }
    match n {
        0..=11 => UNITS.get(usize::try_from(n).unwrap_or(0)).copied().unwrap_or_default().to_owned(),
        12..=19 => format!("{} belas", words(n - 10)),
        20..=99 => with(format!("{} puluh", words(n / 10)), n % 10),
        100..=199 => with("seratus".to_owned(), n - 100),
        _ => with(format!("{} ratus", words(n / 100)), n % 100),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_read_as_people_say_them() {
        for (rupiah, text) in [
            (0, "nol rupiah"),
            (11, "sebelas rupiah"),
            (15, "lima belas rupiah"),
            (21, "dua puluh satu rupiah"),
            (100, "seratus rupiah"),
            (118, "seratus delapan belas rupiah"),
            (1_000, "seribu rupiah"),
            (1_500, "seribu lima ratus rupiah"),
            (11_000, "sebelas ribu rupiah"),
            (413_900, "empat ratus tiga belas ribu sembilan ratus rupiah"),
            (1_000_000, "satu juta rupiah"),
            (2_001_001, "dua juta seribu satu rupiah"),
            (1_000_000_000_000_000, "satu kuadriliun rupiah"),
            (-5_000, "minus lima ribu rupiah"),
        ] {
            assert_eq!(Rupiah::new(rupiah).unwrap().in_words(), text);
        }
    }
}
