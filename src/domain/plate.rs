//! Plates (NRKB, *nomor registrasi kendaraan bermotor*): any human spelling in, one canonical form inside.

use std::fmt;

use serde::Serialize;

/// The eight letter codes of East Java (domain 4.5).
const EAST_JAVA: [&str; 8] = ["L", "W", "N", "P", "S", "AG", "AE", "M"];

/// A plate in canonical form, `L1234AB`: upper case, no spaces. `Display` writes it as on the plate, `L 1234 AB`.
///
/// Grammar (Perpol 7/2021 art. 6, domain 4.1): a letter code, 1–4 digits without a leading zero, 0–3 letters.
/// East Java's series use I and O, and Ø after Z (domain 4.2); a zero typed inside the letter series means Ø there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Plate(String);

/// Text that is no Indonesian plate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a plate number")]
pub struct InvalidPlate;

/// Longest text that is looked at: the longest plate has 9 letters and digits, the rest is spaces and dots.
const INPUT_MAX: usize = 32;

impl Plate {
    /// Reads any human spelling: case, spaces, dots and hyphens do not matter.
    ///
    /// # Errors
    /// [`InvalidPlate`] when no code, number and series can be made out.
    pub fn parse(text: &str) -> Result<Self, InvalidPlate> {
        if text.len() > INPUT_MAX {
            return Err(InvalidPlate);
        }
        let compact: String = text
            .chars()
            .filter(|c| !c.is_whitespace() && !matches!(c, '.' | '-'))
            .map(|c| if c == 'ø' { 'Ø' } else { c.to_ascii_uppercase() })
            .collect();
        let code_end = compact.find(|c: char| !c.is_ascii_uppercase()).ok_or(InvalidPlate)?;
        let (code, rest) = compact.split_at(code_end);
        let number_end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (number, series) = rest.split_at(number_end);
        let series: String = series.chars().map(|c| if c == '0' { 'Ø' } else { c }).collect();
        let shaped = (1..=2).contains(&code.len())
            && (1..=4).contains(&number.len())
            && !number.starts_with('0')
            && series.chars().count() <= 3
            && series.chars().all(|c| c.is_ascii_uppercase() || c == 'Ø');
        if shaped { Ok(Self(format!("{code}{number}{series}"))) } else { Err(InvalidPlate) }
    }

    /// The canonical form, as Bapenda spells it on the wire.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// True for the eight codes of East Java.
    #[must_use]
    pub fn is_east_java(&self) -> bool {
        EAST_JAVA.contains(&self.parts().0)
    }

    /// `L 1*** AB`: enough for a log line, not enough to know the vehicle.
    #[must_use]
    pub fn masked(&self) -> String {
        let (code, number, series) = self.parts();
        let stars = "*".repeat(number.len().saturating_sub(1));
        format!("{code} {}{stars} {series}", number.get(..1).unwrap_or_default()).trim_end().to_owned()
    }

    fn parts(&self) -> (&str, &str, &str) {
        let code_end = self.0.find(|c: char| c.is_ascii_digit()).unwrap_or(self.0.len());
        let (code, rest) = self.0.split_at(code_end);
        let number_end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (number, series) = rest.split_at(number_end);
        (code, number, series)
    }
}

impl fmt::Display for Plate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (code, number, series) = self.parts();
        if series.is_empty() { write!(f, "{code} {number}") } else { write!(f, "{code} {number} {series}") }
    }
}

/// The last five characters of the chassis number (*nomor rangka*), the second factor of a lookup.
/// Has no `Debug` of its content: it is personal data.
#[derive(Clone, PartialEq, Eq)]
pub struct ChassisLast5(String);

/// Text that is not five letters or digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the last five characters of a chassis number")]
pub struct InvalidChassis;

impl ChassisLast5 {
    /// Reads five letters or digits, any case, outer spaces ignored.
    ///
    /// # Errors
    /// [`InvalidChassis`] for anything else.
    pub fn parse(text: &str) -> Result<Self, InvalidChassis> {
        let text = text.trim();
        if text.len() == 5 && text.bytes().all(|b| b.is_ascii_alphanumeric()) {
            Ok(Self(text.to_ascii_uppercase()))
        } else {
            Err(InvalidChassis)
        }
    }

    /// The five characters, for the wire alone.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ChassisLast5 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ChassisLast5(*****)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_human_spelling_gives_one_canonical_plate() {
        for text in ["l1234ab", "L 1234 AB", " L-1234-AB ", "l.1234.ab", "L 1 2 3 4 AB"] {
            let plate = Plate::parse(text).unwrap();
            assert_eq!(plate.as_str(), "L1234AB", "{text}");
            assert_eq!(plate.to_string(), "L 1234 AB");
        }
        assert_eq!(Plate::parse("ag 1").unwrap().to_string(), "AG 1");
        assert_eq!(Plate::parse("L 12 IO").unwrap().as_str(), "L12IO");
    }

    #[test]
    fn a_zero_in_the_letter_series_is_the_letter_after_z() {
        for text in ["L 1234 AØ", "l1234aø", "L 1234 A0"] {
            assert_eq!(Plate::parse(text).unwrap().as_str(), "L1234AØ");
        }
    }

    #[test]
    fn what_is_no_plate_is_refused() {
        for text in [
            "",
            "L",
            "1234",
            "L 0123 AB",
            "L 0",
            "L 12345 AB",
            "L 1234 ABCD",
            "ABC 1 A",
            "L 12 A1",
            "L 1234 É",
            "Ø 1 A",
        ] {
            assert_eq!(Plate::parse(text), Err(InvalidPlate), "{text}");
        }
        assert_eq!(Plate::parse(&"L".repeat(1000)), Err(InvalidPlate));
    }

    #[test]
    fn only_eight_codes_are_east_java() {
        for text in ["L 1 A", "W 1 A", "N 1 A", "P 1 A", "S 1 A", "AG 1 A", "AE 1 A", "M 1 A"] {
            assert!(Plate::parse(text).unwrap().is_east_java(), "{text}");
        }
        for text in ["B 1 A", "AB 1 A", "AD 1 A", "K 1 A"] {
            assert!(!Plate::parse(text).unwrap().is_east_java(), "{text}");
        }
    }

    #[test]
    fn a_masked_plate_hides_its_number() {
        assert_eq!(Plate::parse("L 1234 AB").unwrap().masked(), "L 1*** AB");
    }
}
