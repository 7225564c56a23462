//! NRKB, the number on the plate: area code, number, letters.
//!
//! Promises: one plate has one spelling and one number, and the number gives the plate back.
//! Never guesses: `Ø` is a letter of its own (after Z), `0` and `O` are not mixed up.

/// The eight area codes of East Java (Perpol 7/2021).
const EAST_JAVA: [&str; 8] = ["L", "W", "N", "P", "S", "AG", "AE", "M"];
const LETTERS: u64 = 28;
const NUMBERS: u64 = 10_000;
/// How many plate numbers there can be; not every one is a plate.
pub(crate) const PLATES: u64 = 8 * NUMBERS * LETTERS * LETTERS * LETTERS;

/// A plate of East Java in its one spelling, such as `L1234AB`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Plate {
    text: String,
    number: u64,
}

/// What a text can turn out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    EastJava(Plate),
    AnotherProvince,
    NoPlate,
}

impl Plate {
    /// Reads any human spelling: case, spaces, dots and hyphens do not count.
    pub(crate) fn read(text: &str) -> Reading {
        let joined: String =
            text.chars().filter(|c| !matches!(c, ' ' | '.' | '-')).flat_map(char::to_uppercase).collect();
        let code: String = joined.chars().take_while(char::is_ascii_uppercase).collect();
        let rest = joined.get(code.len()..).unwrap_or_default();
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        let letters: Vec<char> = rest.chars().skip(digits.len()).collect();
        let shape = (1..=2).contains(&code.len())
            && (1..=4).contains(&digits.len())
            && !digits.starts_with('0')
            && letters.len() <= 3
            && letters.iter().all(|&letter| place_of(letter).is_some());
        if !shape {
            return Reading::NoPlate;
        }
        let Some(area) = EAST_JAVA.iter().position(|&known| known == code) else {
            return Reading::AnotherProvince;
        };
        let mut number = area as u64 * NUMBERS + digits.parse::<u64>().unwrap_or(0);
        for position in 0..3 {
            number = number * LETTERS + letters.get(position).and_then(|&l| place_of(l)).unwrap_or(0);
        }
        Reading::EastJava(Self { text: joined, number })
    }

    /// The plate with that number; `None` where the number is no plate.
    pub(crate) fn numbered(number: u64) -> Option<Self> {
        let places = [number / (LETTERS * LETTERS) % LETTERS, number / LETTERS % LETTERS, number % LETTERS];
        let used = places.iter().take_while(|&&place| place > 0).count();
        if places.iter().skip(used).any(|&place| place > 0) {
            return None;
        }
        let rest = number / (LETTERS * LETTERS * LETTERS);
        let code = EAST_JAVA.get(crate::dice::index(rest / NUMBERS))?;
        let digits = rest % NUMBERS;
        if digits == 0 {
            return None;
        }
        let letters: String = places.iter().take(used).filter_map(|&place| letter_at(place)).collect();
        Some(Self { text: format!("{code}{digits}{letters}"), number })
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    pub(crate) fn number(&self) -> u64 {
        self.number
    }
}

fn place_of(letter: char) -> Option<u64> {
    match letter {
        'A'..='Z' => Some(u64::from(u32::from(letter) - u32::from('A')) + 1),
        'Ø' => Some(27),
        _ => None,
    }
}

fn letter_at(place: u64) -> Option<char> {
    match place {
        27 => Some('Ø'),
        1..=26 => char::from_u32(u32::from('A') + u32::try_from(place).ok()? - 1),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Plate, Reading};

    #[test]
    fn every_spelling_of_a_plate_is_one_plate_and_its_number_gives_it_back() {
        for (written, meant) in [
            ("l 1234 ab", "L1234AB"),
            ("AG-1", "AG1"),
            ("M.9999.AØØ", "M9999AØØ"),
            ("AE 12 Z", "AE12Z"),
            ("W 5 AAA", "W5AAA"),
        ] {
            let Reading::EastJava(plate) = Plate::read(written) else { panic!("{written}") };
            assert_eq!(plate.as_str(), meant);
            assert_eq!(Plate::numbered(plate.number()), Some(plate));
        }
    }

    #[test]
    fn other_provinces_are_told_apart_from_nonsense() {
        assert_eq!(Plate::read("B 1234 XYZ"), Reading::AnotherProvince);
        assert_eq!(Plate::read("L 0123 AB"), Reading::NoPlate);
        assert_eq!(Plate::read("L 12345 AB"), Reading::NoPlate);
        assert_eq!(Plate::read("L 1234 ABCD"), Reading::NoPlate);
        assert_eq!(Plate::read(""), Reading::NoPlate);
    }
}
