//! What may be chosen as a password or a PIN.

/// Fewest characters of a password (NIST SP 800-63B asks for no more than length and a list of known ones).
pub const PASSWORD_MIN: usize = 8;
/// Most characters: longer is a mistake, and hashing it would be work for nothing.
pub const PASSWORD_MAX: usize = 128;
/// Digits of a PIN.
pub const PIN_DIGITS: usize = 6;

/// Why a password or a PIN cannot be chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// Fewer than eight characters.
    #[error("a password has at least 8 characters")]
    TooShort,
    /// More than 128 characters.
    #[error("a password has at most 128 characters")]
    TooLong,
    /// One that everybody tries first, or the person's own name.
    #[error("this password is easily guessed")]
    Guessable,
    /// The one that was to be changed.
    #[error("the new password is the old one")]
    Same,
    /// Not six digits.
    #[error("a PIN has six digits")]
    NotSixDigits,
}

/// What everybody tries first, here.
const COMMON: [&str; 24] = [
    "password",
    "passw0rd",
    "12345678",
    "123456789",
    "1234567890",
    "11111111",
    "87654321",
    "00000000",
    "qwertyui",
    "qwerty123",
    "asdfghjk",
    "iloveyou",
    "rahasia1",
    "rahasia123",
    "indonesia",
    "bismillah",
    "alhamdulillah",
    "surabaya",
    "jawatimur",
    "kopontren",
    "pesantren",
    "samsat123",
    "kasir123",
    "admin123",
];

/// Whether this may be that person's password.
///
/// # Errors
/// [`Unfit`] saying what is wrong with it.
pub fn fit_password(password: &str, username: &str) -> Result<(), Unfit> {
    let length = password.chars().count();
    if length < PASSWORD_MIN {
        return Err(Unfit::TooShort);
    }
    if length > PASSWORD_MAX {
        return Err(Unfit::TooLong);
    }
    let lower = password.to_lowercase();
    let mut chars = lower.chars();
    let first = chars.next();
    let one_letter = chars.all(|c| Some(c) == first);
    let named = lower.starts_with(username) && length < username.chars().count() + 4;
    if one_letter || named || COMMON.contains(&&*lower) { Err(Unfit::Guessable) } else { Ok(()) }
}

/// Whether this may be a PIN: six digits, neither all alike nor one after the other.
///
/// # Errors
/// [`Unfit`] saying what is wrong with it.
pub(super) fn fit_pin(pin: &str) -> Result<(), Unfit> {
    if pin.len() != PIN_DIGITS || !pin.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Unfit::NotSixDigits);
    }
    let steps: Vec<i16> =
        pin.as_bytes().windows(2).map(|pair| i16::from(pair[1]) - i16::from(pair[0])).collect();
    let even = steps.iter().all(|step| steps.first() == Some(step));
    let plain = even && matches!(steps.first(), Some(-1..=1));
    if plain { Err(Unfit::Guessable) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_everybody_tries_first_is_no_password() {
        for (password, why) in [
            ("tujuh77", Unfit::TooShort),
            ("Rahasia123", Unfit::Guessable),
            ("zzzzzzzzzz", Unfit::Guessable),
            ("siti.aminah1", Unfit::Guessable),
        ] {
            assert_eq!(fit_password(password, "siti.aminah"), Err(why), "{password}");
        }
        assert_eq!(fit_password(&"a1".repeat(65), "siti"), Err(Unfit::TooLong));
        assert_eq!(fit_password("sate ayam madura", "siti"), Ok(()));
    }

    #[test]
    fn a_row_of_digits_is_no_pin() {
        for pin in ["000000", "123456", "654321", "999999"] {
            assert_eq!(fit_pin(pin), Err(Unfit::Guessable), "{pin}");
        }
        for pin in ["", "12345", "1234567", "12345a", "１２３４５６"] {
            assert_eq!(fit_pin(pin), Err(Unfit::NotSixDigits), "{pin}");
        }
        assert_eq!(fit_pin("135246"), Ok(()));
    }
}
