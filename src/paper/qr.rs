//! The signed payload as a QR code (ISO/IEC 18004), level L: a payload of ours is near 800 bytes, and every higher level
//! would make its squares too small for a roll of 58 mm.

use std::fmt::Write as _;

use fast_qr::{ECL, QRBuilder};

/// Light squares around the code that a reader needs (ISO/IEC 18004, 9.1).
pub const QUIET: usize = 4;

/// A square of dark and light squares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Qr {
    side: usize,
    dark: Vec<bool>,
}

/// A text that no QR code holds: beyond 2,953 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too long for a QR code")]
pub struct TooLong;

impl Qr {
    /// The code of a text.
    ///
    /// # Errors
    /// [`TooLong`] beyond 2,953 bytes.
    pub fn of(text: &str) -> Result<Self, TooLong> {
        let code = QRBuilder::new(text).ecl(ECL::L).build().map_err(|_| TooLong)?;
        let dark = (0..code.size).flat_map(|y| code[y].iter().map(|module| module.value())).collect();
        Ok(Self { side: code.size, dark })
    }

    /// Squares along one side, without the quiet zone.
    #[must_use]
    pub const fn side(&self) -> usize {
        self.side
    }

    /// Whether that square is dark; none is outside.
    #[must_use]
    pub fn is_dark(&self, x: usize, y: usize) -> bool {
        x < self.side && self.dark.get(y * self.side + x).copied().unwrap_or_default()
    }

    /// One grey byte a square, quiet zone included: black is 0.
    #[must_use]
    pub fn grey(&self) -> Vec<u8> {
        let whole = self.side + 2 * QUIET;
        let mut grey = vec![u8::MAX; whole * whole];
        for y in 0..self.side {
            for x in (0..self.side).filter(|x| self.is_dark(*x, y)) {
                if let Some(byte) = grey.get_mut((y + QUIET) * whole + x + QUIET) {
                    *byte = 0;
                }
            }
        }
        grey
    }

    /// The path of an SVG whose unit is one square: a bar for each run of dark squares.
    #[must_use]
    pub fn svg_path(&self) -> String {
        let mut path = String::new();
        for y in 0..self.side {
            let mut x = 0;
            while x < self.side {
                let run = (x..self.side).take_while(|x| self.is_dark(*x, y)).count();
                if run > 0 {
                    // Writing to a string cannot fail.
                    let _ = write!(path, "M{} {}h{run}v1h-{run}z", x + QUIET, y + QUIET);
                }
                x += run.max(1);
            }
        }
        path
    }

    /// Side of the SVG in squares, quiet zone included.
    #[must_use]
    pub const fn svg_side(&self) -> usize {
        self.side + 2 * QUIET
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_has_its_three_corners_and_a_quiet_zone() {
        let qr = Qr::of(&format!("SOPOP1.{}", "a".repeat(780))).unwrap();
        assert_eq!(qr.side() % 4, 1);
        assert!(qr.side() <= 105, "{} squares are too many for 58 mm", qr.side());
        for (x, y) in [(0, 0), (qr.side() - 1, 0), (0, qr.side() - 1)] {
            assert!(qr.is_dark(x, y));
        }
        assert!(!qr.is_dark(7, 7) && !qr.is_dark(qr.side(), 0));
        let whole = qr.svg_side();
        assert_eq!(qr.grey().len(), whole * whole);
        assert!(qr.grey()[..whole * QUIET].iter().all(|byte| *byte == 255));
        let dark = qr.dark.iter().filter(|dark| **dark).count();
        assert_eq!(qr.grey().into_iter().map(|byte| usize::from(byte == 0)).sum::<usize>(), dark);
    }

    #[test]
    fn no_code_holds_a_whole_page() {
        assert_eq!(Qr::of(&"a".repeat(2_954)).err(), Some(TooLong));
    }
}
