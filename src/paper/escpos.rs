//! A paper for a till's printer in ESC/POS: 58 mm with 32 columns or 80 mm with 48, of its font A.
//!
//! Plain ASCII, since code pages differ from maker to maker; the printer draws the QR itself (`GS ( k`), so that a paper is
//! about two kilobytes. Begins by setting the printer back and ends with a cut, which a printer without a knife ignores.

use super::{Paper, Part, Width, parts};
use crate::receipt::Kind;

/// `application/vnd.escpos`
pub const MEDIA_TYPE: &str = "application/vnd.escpos";

const RESET: &[u8] = b"\x1b@";
/// Code page 0 (PC437): in every printer, and its lower half is ASCII.
const CODE_PAGE: &[u8] = b"\x1bt\x00";
const LEFT: &[u8] = b"\x1ba\x00";
const CENTRE: &[u8] = b"\x1ba\x01";
const BOLD: &[u8] = b"\x1bE\x01";
const NOT_BOLD: &[u8] = b"\x1bE\x00";
/// Twice as wide and twice as high.
const LARGE: &[u8] = b"\x1d!\x11";
/// Twice as high.
const TALL: &[u8] = b"\x1d!\x01";
const NORMAL: &[u8] = b"\x1d!\x00";
/// White on black.
const REVERSED: &[u8] = b"\x1dB\x01";
const NOT_REVERSED: &[u8] = b"\x1dB\x00";
/// Feed past the knife, then cut all but one point.
const CUT: &[u8] = b"\n\n\n\x1dVB\x00";

/// The bytes for a printer, and none for a sheet that no such printer takes.
#[must_use]
pub fn print(paper: &Paper, width: Width) -> Option<Vec<u8>> {
    let (columns, dots) = match width {
        Width::Mm58 => (32, 3),
        Width::Mm80 => (48, 4),
        Width::A5 => return None,
    };
    let mut out = [RESET, CODE_PAGE].concat();
    for part in parts(paper) {
        put(&mut out, &part, columns, dots);
    }
    out.extend(CUT);
    Some(out)
}

fn put(out: &mut Vec<u8>, part: &Part, columns: usize, dots: u8) {
    match part {
        Part::Title { kind, name, under } => title(out, (*kind, name, under), columns),
        Part::Name(mark) | Part::Mark(mark) => mark_across(out, mark, columns),
        Part::Text(text) => lines(out, &wrapped(&ascii(text), columns)),
        // A letter of some plates that ASCII does not have: the paper says so, lest it be taken for an O.
        Part::Pair(name, value) if value.contains('Ø') => {
            pair(out, name, &format!("{} (O bercoret)", ascii(value)), columns);
        }
        Part::Pair(name, value) => pair(out, name, &ascii(value), columns),
        Part::Heading(text) => {
            out.extend(BOLD);
            lines(out, &wrapped(&ascii(text), columns));
            out.extend(NOT_BOLD);
        }
        Part::Row { name, receiver, principal, penalty } => {
            apart(out, &ascii(name), &ascii(principal), columns);
            if !penalty.is_empty() {
                apart(out, "  denda", &ascii(penalty), columns);
            }
            if !receiver.is_empty() {
                lines(out, &wrapped(&format!("  untuk {}", ascii(receiver)), columns));
            }
        }
        Part::Total(name, sum) => {
            out.extend([BOLD, TALL].concat());
            apart(out, name, &ascii(sum), columns);
            out.extend([NORMAL, NOT_BOLD].concat());
        }
        Part::Rule => lines(out, &["-".repeat(columns)]),
        Part::Qr(payload) => qr(out, payload.as_bytes(), dots),
    }
}

/// Framed by a whole line for Lunas and by a broken one for Titip; under a Titip stands white on black that it is none.
fn title(out: &mut Vec<u8>, (kind, name, under): (Kind, &str, &str), columns: usize) {
    let frame = match kind {
        Kind::Lunas => "=".repeat(columns),
        Kind::Titip => "- ".repeat(columns / 2).trim_end().to_owned(),
    };
    out.extend(CENTRE);
    lines(out, std::slice::from_ref(&frame));
    out.extend([BOLD, LARGE].concat());
    lines(out, &[ascii(name)]);
    out.extend(NORMAL);
    match kind {
        Kind::Lunas => {
            out.extend(NOT_BOLD);
            lines(out, &wrapped(&ascii(under), columns));
        }
        Kind::Titip => {
            out.extend([REVERSED, TALL].concat());
            // A large letter is two columns wide, a tall one is one.
            lines(out, &wrapped(&format!(" {} ", ascii(under)), columns));
            out.extend([NORMAL, NOT_REVERSED, NOT_BOLD].concat());
        }
    }
    lines(out, &["Samsat OPOP".to_owned(), frame]);
    out.extend(LEFT);
}

fn mark_across(out: &mut Vec<u8>, mark: &str, columns: usize) {
    out.extend([CENTRE, BOLD, REVERSED, LARGE].concat());
    lines(out, &wrapped(&ascii(mark), columns / 2));
    out.extend([NORMAL, NOT_REVERSED, NOT_BOLD, LEFT].concat());
}

/// A word and its value on one line, or the value below it where it is too long.
fn pair(out: &mut Vec<u8>, name: &str, value: &str, columns: usize) {
    if name.len() + 2 + value.len() <= columns {
        lines(out, &[format!("{name}: {value}")]);
    } else {
        lines(out, &[format!("{name}:")]);
        lines(out, &wrapped(&format!("  {value}"), columns));
    }
}

/// Words to the left, an amount to the right; below them where both do not fit.
fn apart(out: &mut Vec<u8>, left: &str, right: &str, columns: usize) {
    let room = columns.saturating_sub(right.len());
    if left.len() < room {
        lines(out, &[format!("{left:<room$}{right}")]);
    } else {
        lines(out, &wrapped(left, columns));
        lines(out, &[format!("{right:>columns$}")]);
    }
}

/// `GS ( k`: model 2, that many dots a square, level L, the data, print (Epson's reference, functions 165 to 181).
fn qr(out: &mut Vec<u8>, data: &[u8], dots: u8) {
    let function = |out: &mut Vec<u8>, body: &[u8]| {
        // A payload is bounded by its reader at 4,096 bytes, far below what two bytes count.
        let [low, high, ..] = body.len().to_le_bytes();
        out.extend([b"\x1d(k".as_slice(), &[low, high], body].concat());
    };
    out.extend(CENTRE);
    function(out, b"1A2\x00");
    function(out, &[b'1', b'C', dots]);
    function(out, b"1E0");
    function(out, &[b"1P0".as_slice(), data].concat());
    function(out, b"1Q0");
    out.extend(b"\n");
    out.extend(LEFT);
}

fn lines<T: AsRef<str>>(out: &mut Vec<u8>, lines: &[T]) {
    for line in lines {
        out.extend(line.as_ref().as_bytes());
        out.push(b'\n');
    }
}

/// Broken at spaces; a word longer than a line is cut.
fn wrapped(text: &str, columns: usize) -> Vec<String> {
    let indent = " ".repeat(text.len() - text.trim_start().len());
    let mut all: Vec<String> = vec![];
    let mut line = indent.clone();
    for word in text.split_whitespace() {
        let mut word = word;
        let gap = usize::from(line.len() > indent.len());
        if line.len() + gap + word.len() > columns && gap == 1 {
            all.push(std::mem::replace(&mut line, indent.clone()));
        }
        // Only ASCII comes here, so that any byte is a place to cut.
        while indent.len() + word.len() > columns {
            let (head, rest) = word.split_at(columns - indent.len());
            all.push(format!("{indent}{head}"));
            word = rest;
        }
        if line.len() > indent.len() {
            line.push(' ');
        }
        line.push_str(word);
    }
    if line.len() > indent.len() {
        all.push(line);
    }
    all
}

/// What every printer can print: letters lose their marks, everything else unknown becomes `?`.
fn ascii(text: &str) -> String {
    let plain = |c: char| match c {
        ' '..='~' => c,
        '\u{2013}' | '\u{2014}' => '-',
        '\u{2018}' | '\u{2019}' | '\u{2bb}' | '\u{2bc}' => '\'',
        '\u{201c}' | '\u{201d}' => '"',
        '\u{a0}' => ' ',
        'à'..='å' | 'ā' => 'a',
        'À'..='Å' | 'Ā' => 'A',
        'è'..='ë' | 'ē' => 'e',
        'È'..='Ë' | 'Ē' => 'E',
        'ì'..='ï' | 'ī' => 'i',
        'Ì'..='Ï' | 'Ī' => 'I',
        'ò'..='ö' | 'ō' | 'ø' => 'o',
        'Ò'..='Ö' | 'Ō' | 'Ø' => 'O',
        'ù'..='ü' | 'ū' => 'u',
        'Ù'..='Ü' | 'Ū' => 'U',
        'ç' => 'c',
        'ñ' => 'n',
        _ => '?',
    };
    text.chars().map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::super::sample::{lunas, titip};
    use super::*;
    use crate::paper::Status;

    /// What a printer would show: text by line, and each command by a word; `QR` by what it carries.
    fn shown(bytes: &[u8]) -> String {
        let mut out = String::new();
        let mut rest = bytes;
        while let [first, tail @ ..] = rest {
            let (word, used) = match (first, tail) {
                (0x1b, [b'@', ..]) => ("<reset>".to_owned(), 2),
                (0x1b, [b't', page, ..]) => (format!("<page {page}>"), 3),
                (0x1d, [b'!', 0x11, ..]) => ("<large>".to_owned(), 3),
                (0x1b, [b'a' | b'E', ..]) | (0x1d, [b'!', ..]) => (String::new(), 3),
                (0x1d, [b'B', on, ..]) => ((if *on == 1 { "<black>" } else { "</black>" }).to_owned(), 3),
                (0x1d, [b'V', b'B', 0, ..]) => ("<cut>".to_owned(), 4),
                (0x1d, [b'(', b'k', low, high, body @ ..]) => {
                    let length = usize::from(*low) + 256 * usize::from(*high);
                    let data = &body[..length];
                    let word = match data {
                        [b'1', b'P', b'0', text @ ..] => {
                            format!("<QR {}>", String::from_utf8(text.to_vec()).unwrap())
                        }
                        [b'1', b'C', dots] => format!("<{dots} dots>"),
                        _ => String::new(),
                    };
                    (word, 5 + length)
                }
                (byte, _) => ((*byte as char).to_string(), 1),
            };
            out.push_str(&word);
            rest = &rest[used..];
        }
        out
    }

    fn without_commands(text: &str) -> Vec<String> {
        let plain = |line: &str| {
            let mut kept = String::new();
            let mut inside = false;
            for c in line.chars() {
                match c {
                    '<' => inside = true,
                    '>' => inside = false,
                    c if !inside => kept.push(c),
                    _ => {}
                }
            }
            kept
        };
        text.lines().map(plain).collect()
    }

    #[test]
    fn a_lunas_begins_clean_ends_with_a_cut_and_carries_its_payload() {
        for (width, columns, dots) in [(Width::Mm58, 32, 3), (Width::Mm80, 48, 4)] {
            let paper = lunas();
            let text = shown(&print(&paper, width).unwrap());
            assert!(text.starts_with("<reset><page 0>") && text.ends_with("<cut>"), "{text}");
            assert!(text.contains(&format!("<QR {}>", paper.payload)), "{text}");
            assert!(text.contains(&format!("<{dots} dots>")));
            for words in ["<large>BUKTI LUNAS", "NTPD: A1B2C3D4E5F60718", "Siti Aminah", "Rp398.600"] {
                assert!(text.contains(words), "{words}: {text}");
            }
            assert!(!text.contains("<black>"), "nothing on a Lunas stands white on black: {text}");
            for line in without_commands(&text) {
                assert!(line.len() <= columns, "{line:?} is wider than {columns}");
                assert!(line.is_ascii());
            }
        }
        assert_eq!(print(&lunas(), Width::A5), None);
    }

    #[test]
    fn a_titip_says_in_white_on_black_that_it_is_no_lunas() {
        let text = shown(&print(&titip(), Width::Mm58).unwrap());
        assert!(text.contains("<large>BUKTI TITIP"), "{text}");
        assert!(text.contains("<black>") && text.contains("BELUM LUNAS"), "{text}");
        assert!(text.contains("- - - -") && !text.contains("===="), "{text}");
    }

    #[test]
    fn copies_and_reversed_ones_are_marked() {
        let paper = Paper { copy_no: 3, status: Status::Revoked, ..lunas() };
        let text = shown(&print(&paper, Width::Mm58).unwrap());
        assert_eq!(text.matches("DIBATALKAN").count(), 2, "above and below: {text}");
        assert!(text.contains("SALINAN KE-3"), "{text}");
        assert!(!shown(&print(&lunas(), Width::Mm58).unwrap()).contains("SALINAN KE"));
    }

    #[test]
    fn a_plate_with_a_crossed_o_says_so() {
        let plate = "S 4019 \u{d8}R".to_owned();
        let text = shown(&print(&Paper { plate, ..lunas() }, Width::Mm58).unwrap());
        assert!(text.contains("S 4019 OR (O bercoret)"), "{text}");
    }

    #[test]
    fn names_lose_their_marks_and_nothing_breaks_a_line() {
        let paper = lunas();
        let taken_by = crate::paper::TakenAt {
            outlet: "Koperasi \u{1f54c} Ma\u{2019}h\u{16b}d\u{1b}@ al-Q\u{101}dir".repeat(3),
            operator: Some("x".repeat(100)),
        };
        let bytes = print(&Paper { taken_by, ..paper }, Width::Mm58).unwrap();
        let text = shown(&bytes);
        assert_eq!(text.matches("<reset>").count(), 1, "no name commands a printer: {text}");
        let joined = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(joined.contains("Koperasi ? Ma'hud?@ al-Qadir"), "{text}");
        assert!(without_commands(&text).iter().all(|line| line.len() <= 32), "{text}");
    }
}
