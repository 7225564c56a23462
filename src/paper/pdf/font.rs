//! The two faces of the PDF: Roboto, Latin letters alone (`templates/font/README.md`). Letters are placed one beside another
//! by their own widths, without a shaper: no text here needs one.

use std::sync::LazyLock;

use krilla::text::{Font, GlyphId, KrillaGlyph};
use skrifa::instance::{LocationRef, Size};
use skrifa::raw::TableProvider;
use skrifa::{FontRef, MetadataProvider};

static REGULAR: &[u8] = include_bytes!("../../../templates/font/Roboto-Regular.ttf");
static BOLD: &[u8] = include_bytes!("../../../templates/font/Roboto-Bold.ttf");
static FACES: LazyLock<Option<Faces>> =
    LazyLock::new(|| Some(Faces { regular: Face::read(REGULAR)?, bold: Face::read(BOLD)? }));

/// Letters below this code point are looked up by it; the few others stand for one of them.
const LETTERS: usize = 0x180;

/// Both faces.
pub(super) struct Faces {
    regular: Face,
    bold: Face,
}

/// Which face.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Weight {
    Regular,
    Bold,
}

/// One face with the width of each letter.
pub(super) struct Face {
    pub(super) font: Font,
    /// Units of the design in one em.
    em: i64,
    letters: Vec<Option<Letter>>,
}

#[derive(Clone, Copy)]
struct Letter {
    glyph: u32,
    /// Width in units of the design, and as a part of the em.
    units: i64,
    part: f32,
}

impl Faces {
    /// Read once; none when the files in the program are no fonts, which a test refuses.
    pub(super) fn get() -> Option<&'static Self> {
        FACES.as_ref()
    }

    pub(super) const fn of(&self, weight: Weight) -> &Face {
        match weight {
            Weight::Regular => &self.regular,
            Weight::Bold => &self.bold,
        }
    }
}

impl Face {
    fn read(bytes: &'static [u8]) -> Option<Self> {
        let font = FontRef::new(bytes).ok()?;
        let (charmap, widths) = (font.charmap(), font.hmtx().ok()?);
        let parts = font.glyph_metrics(Size::new(1.0), LocationRef::default());
        let letter = |code: usize| {
            let glyph = charmap.map(char::from_u32(u32::try_from(code).ok()?)?)?;
            let units = i64::from(widths.advance(glyph)?);
            Some(Letter { glyph: glyph.to_u32(), units, part: parts.advance_width(glyph)? })
        };
        Some(Self {
            em: i64::from(font.head().ok()?.units_per_em()),
            letters: (0..LETTERS).map(letter).collect(),
            font: Font::new(bytes.into(), 0)?,
        })
    }

    fn letter(&self, c: char) -> Option<Letter> {
        self.letters.get(usize::try_from(u32::from(c)).ok()?).copied().flatten()
    }

    /// The text with every letter that the face does not have replaced.
    pub(super) fn readable(&self, text: &str) -> String {
        let known = |c: char| match c {
            '\u{2013}' | '\u{2014}' => '-',
            '\u{2018}' | '\u{2019}' | '\u{2bb}' | '\u{2bc}' => '\'',
            '\u{201c}' | '\u{201d}' => '"',
            c if self.letter(c).is_some() && !c.is_control() => c,
            _ => '?',
        };
        text.chars().map(known).collect()
    }

    /// Width of a readable text at that size, both in tenths of a point; rounded up.
    pub(super) fn width(&self, text: &str, size: i32) -> i32 {
        let units: i64 = text.chars().filter_map(|c| self.letter(c)).map(|letter| letter.units).sum();
        let tenths = (units * i64::from(size) + self.em - 1).checked_div(self.em).unwrap_or_default();
        i32::try_from(tenths).unwrap_or(i32::MAX)
    }

    /// The letters of a readable text.
    pub(super) fn glyphs(&self, text: &str) -> Vec<KrillaGlyph> {
        let glyph = |(at, c): (usize, char)| {
            let letter = self.letter(c)?;
            let bytes = at..at + c.len_utf8();
            Some(KrillaGlyph::new(GlyphId::new(letter.glyph), letter.part, 0.0, 0.0, 0.0, bytes, None))
        };
        text.char_indices().filter_map(glyph).collect()
    }

    /// Broken at spaces into lines no wider than `room`; a word wider than that is cut.
    pub(super) fn wrapped(&self, text: &str, size: i32, room: i32) -> Vec<String> {
        let mut all = vec![];
        let mut line = String::new();
        for word in self.readable(text).split_whitespace() {
            let longer = if line.is_empty() { word.to_owned() } else { format!("{line} {word}") };
            if self.width(&longer, size) <= room {
                line = longer;
                continue;
            }
            if !line.is_empty() {
                all.push(std::mem::take(&mut line));
            }
            for c in word.chars() {
                line.push(c);
                if self.width(&line, size) > room && line.chars().count() > 1 {
                    line.pop();
                    all.push(std::mem::replace(&mut line, c.to_string()));
                }
            }
        }
        if !line.is_empty() {
            all.push(line);
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_faces_have_every_letter_that_a_paper_needs() {
        let faces = Faces::get().expect("fonts in the program");
        for weight in [Weight::Regular, Weight::Bold] {
            let face = faces.of(weight);
            let all: String = (' '..='~').chain('\u{a1}'..='\u{17f}').collect();
            assert_eq!(face.readable(&all).replace('?', "").chars().count(), all.chars().count() - 1);
            assert_eq!(face.readable("a\u{2019}b\u{1f600}\n"), "a'b??");
            assert_eq!(face.glyphs("Rp1.000").len(), 7);
        }
    }

    #[test]
    fn no_line_is_wider_than_its_room() {
        let face = Faces::get().expect("fonts in the program").of(Weight::Regular);
        let text = format!("Pajak kendaraan {} sudah dibayar", "x".repeat(80));
        let lines = face.wrapped(&text, 95, 600);
        assert!(lines.len() > 4);
        assert!(lines.iter().all(|line| face.width(line, 95) <= 600), "{lines:?}");
        let letters = |text: &str| text.replace(' ', "");
        assert_eq!(letters(&lines.concat()), letters(&text));
    }

    #[test]
    fn digits_stand_below_one_another() {
        let face = Faces::get().expect("fonts in the program").of(Weight::Bold);
        let widths: Vec<i32> = ('0'..='9').map(|digit| face.width(&digit.to_string(), 1000)).collect();
        assert!(widths.iter().all(|width| *width == widths[0]), "{widths:?}");
    }
}
