//! Notes and coins, counted. Pure.

use crate::domain::Rupiah;

/// Rupiah in circulation, largest first: notes down to 1.000, coins below (and 1.000 as a coin too, counted together).
pub const DENOMINATIONS: [i64; 10] = [100_000, 50_000, 20_000, 10_000, 5_000, 2_000, 1_000, 500, 200, 100];

/// More pieces of one kind lie in no drawer.
const PIECES_MAX: i32 = 99_999;

/// How many pieces of each denomination, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Count([i32; 10]);

/// The first denomination whose pieces cannot be read: rupiah.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the number of pieces of {0} cannot be read")]
pub struct BadCount(pub i64);

impl Count {
    /// Reads the pieces of each denomination as people type them; nothing typed is none.
    ///
    /// # Errors
    /// [`BadCount`] naming the denomination whose number is none, or beyond 99.999.
    pub fn parse(typed: [&str; 10]) -> Result<Self, BadCount> {
        let mut pieces = [0; 10];
        for ((place, text), denomination) in pieces.iter_mut().zip(typed).zip(DENOMINATIONS) {
            let text = text.trim();
            let plain = text.len() <= 5 && text.bytes().all(|b| b.is_ascii_digit());
            *place = match text {
                "" => 0,
                text if plain => text.parse().map_err(|_| BadCount(denomination))?,
                _ => return Err(BadCount(denomination)),
            };
        }
        Ok(Self(pieces))
    }

    /// The pieces as the table has them.
    #[must_use]
    pub const fn pieces(&self) -> [i32; 10] {
        self.0
    }

    /// The count that the table has.
    pub(super) fn from_pieces(pieces: &[i32]) -> Option<Self> {
        let pieces: [i32; 10] = pieces.try_into().ok()?;
        pieces.iter().all(|n| (0..=PIECES_MAX).contains(n)).then_some(Self(pieces))
    }

    /// What they come to.
    #[must_use]
    pub fn total(&self) -> Rupiah {
        let total = self.0.iter().zip(DENOMINATIONS).map(|(n, each)| i64::from(*n) * each).sum();
        // Ten times 99.999 pieces stay far below the greatest amount.
        Rupiah::new(total).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_read_as_people_type_them_and_nothing_is_none() {
        let count = Count::parse(["3", "", " 2 ", "", "", "", "", "", "", "7"]).unwrap();
        assert_eq!(count.total().get(), 340_700);
        assert_eq!(Count::from_pieces(&count.pieces()), Some(count));
        assert_eq!(Count::default().total(), Rupiah::ZERO);
    }

    #[test]
    fn what_is_no_number_of_pieces_is_named_by_its_denomination() {
        for text in ["-1", "1,5", "banyak", "100000", "1.0"] {
            let mut typed = [""; 10];
            typed[4] = text;
            assert_eq!(Count::parse(typed), Err(BadCount(5_000)), "{text}");
        }
        assert_eq!(Count::from_pieces(&[0; 9]), None);
        assert_eq!(Count::from_pieces(&[-1; 10]), None);
    }
}
