//! Repeatable chance: the same seed and words always fall the same way.
//!
//! Promises nothing about secrecy; it only spreads evenly.

/// Answers questions about one subject (a plate, a file, a fault rule), each independently of the others.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn of(seed: u64, subject: &str) -> Self {
        Self(spread(spread(seed) ^ fold(subject)))
    }

    /// A number for this question, any of 64 bits.
    pub(crate) fn roll(self, question: &str) -> u64 {
        spread(self.0 ^ fold(question))
    }

    /// A number from 0 up to, not including, `limit`.
    pub(crate) fn below(self, question: &str, limit: u64) -> u64 {
        self.roll(question) % limit.max(1)
    }

    /// One of the entries; the first when the list has only one.
    pub(crate) fn pick<'a, T>(self, question: &str, of: &'a [T]) -> Option<&'a T> {
        of.get(index(self.below(question, of.len() as u64)))
    }
}

/// A place in a list; lists here are far shorter than the address space.
pub(crate) fn index(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// The finishing step of splitmix64.
pub(crate) fn spread(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// FNV-1a over the text.
fn fold(text: &str) -> u64 {
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |sum, byte| (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::Dice;

    #[test]
    fn the_same_question_gets_the_same_answer_and_another_one_does_not() {
        let dice = Dice::of(7, "L1234AB");
        assert_eq!(dice.roll("owner"), Dice::of(7, "L1234AB").roll("owner"));
        assert_ne!(dice.roll("owner"), dice.roll("make"));
        assert_ne!(dice.roll("owner"), Dice::of(8, "L1234AB").roll("owner"));
    }
}
