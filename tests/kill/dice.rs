//! Random choices that repeat with their seed.

/// `SplitMix64`.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub const fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to `below` − 1.
    pub fn below(&mut self, below: usize) -> usize {
        usize::try_from(self.roll() % u64::try_from(below).unwrap()).unwrap()
    }

    /// So many different numbers of done payments at which something happens, in order, none near the end.
    pub fn moments(&mut self, count: usize, total: usize) -> Vec<usize> {
        let slice = total * 9 / 10 / count;
        (0..count).map(|i| i * slice + 1 + self.below(slice)).collect()
    }
}
