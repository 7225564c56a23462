//! Reads what a PDF of ours says and shows: text by the fonts' own tables, pictures pixel by pixel. It knows as much of the
//! format as our files use.

use std::collections::BTreeMap;
use std::io::Read;

use flate2::read::ZlibDecoder;

struct Object {
    dictionary: String,
    stream: Option<Vec<u8>>,
}

/// A file taken apart.
pub struct Pdf(BTreeMap<u32, Object>);

/// A picture in grey.
pub struct Picture {
    pub side: usize,
    pub pixels: Vec<u8>,
}

fn find(bytes: &[u8], text: &str, from: usize) -> Option<usize> {
    bytes[from..].windows(text.len()).position(|window| window == text.as_bytes()).map(|at| at + from)
}

/// What follows a name in a dictionary.
fn after<'a>(dictionary: &'a str, name: &str) -> Option<&'a str> {
    dictionary.split_once(name).map(|(_, rest)| rest.trim_start())
}

fn number_after(dictionary: &str, name: &str) -> Option<u32> {
    let digits: String = after(dictionary, name)?.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

impl Pdf {
    pub fn read(file: &[u8]) -> Self {
        let mut objects = BTreeMap::new();
        let mut at = 0;
        while let Some(begin) = find(file, " 0 obj", at) {
            let digits: Vec<u8> =
                file[..begin].iter().rev().take_while(|b| b.is_ascii_digit()).copied().collect();
            let id: String = digits.iter().rev().map(|b| char::from(*b)).collect();
            let end = find(file, "endobj", begin).expect("an end");
            let head = &file[begin + 6..end];
            let (dictionary, stream, next) = match find(head, "stream\n", 0) {
                Some(split) => {
                    let dictionary = String::from_utf8_lossy(&head[..split]).into_owned();
                    let length = number_after(&dictionary, "/Length ").expect("a length") as usize;
                    let from = begin + 6 + split + 7;
                    (dictionary, Some(file[from..from + length].to_vec()), from + length)
                }
                None => (String::from_utf8_lossy(head).into_owned(), None, end),
            };
            objects.insert(id.parse().expect("a number"), Object { dictionary, stream });
            at = next;
        }
        Self(objects)
    }

    fn unpacked(object: &Object) -> Vec<u8> {
        let stream = object.stream.as_deref().expect("a stream");
        if !object.dictionary.contains("FlateDecode") {
            return stream.to_vec();
        }
        let mut plain = vec![];
        ZlibDecoder::new(stream).read_to_end(&mut plain).expect("what was packed");
        plain
    }

    /// Every picture of one grey byte a pixel.
    pub fn pictures(&self) -> Vec<Picture> {
        let grey = self.0.values().filter(|object| object.dictionary.contains("/Subtype/Image"));
        grey.map(|object| {
            let side = number_after(&object.dictionary, "/Width ").expect("a width") as usize;
            let pixels = Self::unpacked(object);
            assert_eq!(pixels.len(), side * side, "square and grey: {}", object.dictionary);
            Picture { side, pixels }
        })
        .collect()
    }

    pub fn pages(&self) -> usize {
        self.0.values().filter(|object| number_after(&object.dictionary, "/Contents ").is_some()).count()
    }

    /// What a program copies out of every page: one line for each piece of text.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for page in self.0.values() {
            let Some(content) = number_after(&page.dictionary, "/Contents ") else { continue };
            let resources = number_after(&page.dictionary, "/Resources ").and_then(|id| self.0.get(&id));
            let fonts = self.fonts(resources.map_or(&page.dictionary, |object| &object.dictionary));
            text.push_str(&said(&Self::unpacked(&self.0[&content]), &fonts));
        }
        text
    }

    /// By the name that a page has for a font: what each of its codes means.
    fn fonts(&self, resources: &str) -> BTreeMap<String, BTreeMap<u16, String>> {
        let mut fonts = BTreeMap::new();
        for part in resources.split("/f").skip(1) {
            let Some((name, rest)) = part.split_once(' ') else { continue };
            let id: String = rest.chars().take_while(char::is_ascii_digit).collect();
            let Some(font) = id.parse().ok().and_then(|id: u32| self.0.get(&id)) else { continue };
            let Some(table) = number_after(&font.dictionary, "/ToUnicode ") else { continue };
            fonts.insert(format!("f{name}"), codes(&Self::unpacked(&self.0[&table])));
        }
        fonts
    }
}

fn codes(table: &[u8]) -> BTreeMap<u16, String> {
    let table = String::from_utf8_lossy(table);
    let mut codes = BTreeMap::new();
    for line in table.lines() {
        let Some((code, letters)) = line.trim().strip_prefix('<').and_then(|rest| rest.split_once("> <"))
        else {
            continue;
        };
        let units: Option<Vec<u16>> = letters
            .trim_end_matches('>')
            .as_bytes()
            .chunks(4)
            .map(|hex| u16::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok())
            .collect();
        if let (Ok(code), Some(units)) = (u16::from_str_radix(code, 16), units) {
            codes.insert(code, String::from_utf16_lossy(&units));
        }
    }
    codes
}

/// The strings of a content stream, each in the font that was set before it.
fn said(content: &[u8], fonts: &BTreeMap<String, BTreeMap<u16, String>>) -> String {
    let (mut text, mut at) = (String::new(), 0);
    let mut font = None;
    while at < content.len() {
        match content[at] {
            b'/' => {
                let name: Vec<u8> =
                    content[at + 1..].iter().take_while(|b| b.is_ascii_alphanumeric()).copied().collect();
                at += name.len() + 1;
                let name = String::from_utf8(name).expect("ASCII");
                font = fonts.get(&name).or(font);
            }
            b'(' => {
                let (bytes, next) = literal(content, at + 1);
                push(&mut text, &bytes, font);
                at = next;
            }
            b'<' if content.get(at + 1) != Some(&b'<') => {
                let hex: Vec<u8> = content[at + 1..].iter().take_while(|b| **b != b'>').copied().collect();
                at += hex.len() + 2;
                push(&mut text, &hex::decode(hex).unwrap_or_default(), font);
            }
            b'<' => at += 2,
            b'T' if matches!(content.get(at + 1), Some(b'J' | b'j')) => {
                text.push('\n');
                at += 2;
            }
            _ => at += 1,
        }
    }
    text
}

fn push(text: &mut String, bytes: &[u8], font: Option<&BTreeMap<u16, String>>) {
    let Some(font) = font else { return };
    for pair in bytes.chunks(2) {
        if let [high, low] = pair {
            text.push_str(font.get(&u16::from_be_bytes([*high, *low])).map_or("", String::as_str));
        }
    }
}

fn literal(content: &[u8], mut at: usize) -> (Vec<u8>, usize) {
    let (mut bytes, mut depth) = (vec![], 1);
    loop {
        match content[at] {
            b'\\' => {
                at += 1;
                match content[at] {
                    b'n' => bytes.push(b'\n'),
                    b'r' => bytes.push(b'\r'),
                    b't' => bytes.push(b'\t'),
                    b'b' => bytes.push(8),
                    b'f' => bytes.push(12),
                    b'0'..=b'7' => {
                        let octal = std::str::from_utf8(&content[at..at + 3]).expect("octal");
                        bytes.push(u8::from_str_radix(octal, 8).expect("octal"));
                        at += 2;
                    }
                    other => bytes.push(other),
                }
            }
            b'(' => {
                depth += 1;
                bytes.push(b'(');
            }
            b')' => {
                depth -= 1;
                if depth == 0 {
                    return (bytes, at + 1);
                }
                bytes.push(b')');
            }
            other => bytes.push(other),
        }
        at += 1;
    }
}
