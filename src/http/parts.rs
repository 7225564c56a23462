//! Forms with a file (`multipart/form-data`, RFC 7578), read whole from a body that is bounded already. Pure.
//!
//! Only what browsers send: a boundary of theirs, named parts, no nesting, no encodings.

use std::collections::BTreeMap;

/// More fields than any form of ours has.
const PARTS_MAX: usize = 20;
/// A field that is no file is not longer, bytes.
const FIELD_MAX: usize = 2_000;

/// A form with at most one file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Parts {
    /// Text by its field's name; of fields of one name the last.
    pub(super) fields: BTreeMap<String, String>,
    /// The bytes of the file; empty when none was chosen.
    pub(super) file: Vec<u8>,
}

/// The boundary that a content type names; none for other types.
pub(super) fn boundary(content_type: &str) -> Option<&str> {
    let (essence, parameters) = content_type.split_once(';')?;
    if !essence.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let (_, value) = parameters
        .split(';')
        .filter_map(|p| p.trim().split_once('='))
        .find(|(name, _)| name.eq_ignore_ascii_case("boundary"))?;
    let value = value.trim().trim_matches('"');
    ((1..=70).contains(&value.len()) && value.is_ascii()).then_some(value)
}

/// Reads a body; none when it is not whole or not as browsers send it.
pub(super) fn read(body: &[u8], boundary: &str) -> Option<Parts> {
    let opening = format!("--{boundary}");
    let delimiter = format!("\r\n--{boundary}");
    let mut rest = body.strip_prefix(opening.as_bytes())?;
    let mut parts = Parts::default();
    for _ in 0..PARTS_MAX {
        if rest.starts_with(b"--") {
            return Some(parts);
        }
        let part = rest.strip_prefix(b"\r\n")?;
        let end = find(part, delimiter.as_bytes())?;
        let (content, after) = part.split_at(end);
        rest = after.get(delimiter.len()..)?;
        take(content, &mut parts)?;
    }
    None
}

fn take(part: &[u8], parts: &mut Parts) -> Option<()> {
    let head_ends = find(part, b"\r\n\r\n")?;
    let (head, content) = (part.get(..head_ends)?, part.get(head_ends + 4..)?);
    let head = std::str::from_utf8(head).ok()?;
    let disposition = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.trim().eq_ignore_ascii_case("content-disposition").then_some(value)
    })?;
    let name = parameter(disposition, "name")?;
    if parameter(disposition, "filename").is_some() {
        parts.file = content.to_vec();
    } else if content.len() <= FIELD_MAX && !content.contains(&0) {
        parts.fields.insert(name.to_owned(), std::str::from_utf8(content).ok()?.to_owned());
    } else {
        return None;
    }
    Some(())
}

/// `name="value"` of a header. What a file is called may hold anything but a quote: browsers write `%22` for it.
fn parameter<'a>(header: &'a str, name: &str) -> Option<&'a str> {
    let mut rest = header;
    while let Some((before, after)) = rest.split_once("=\"") {
        let (value, following) = after.split_once('"')?;
        let key = before.rsplit([';', ' ']).next().unwrap_or_default();
        if key.eq_ignore_ascii_case(name) {
            return Some(value);
        }
        rest = following;
    }
    None
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &[u8] = b"--x7\r\nContent-Disposition: form-data; name=\"csrf\"\r\n\r\nabc\r\n\
        --x7\r\nContent-Disposition: form-data; name=\"bukti\"; filename=\"slip; name=.pdf\"\r\nContent-Type: application/pdf\r\n\r\n%PDF-\r\n--x\r\n\
        --x7\r\nContent-Disposition: form-data; name=\"bank\"\r\n\r\nBank Jatim\r\n--x7--\r\n";

    #[test]
    fn fields_and_the_file_are_read_as_a_browser_sends_them() {
        let parts = read(BODY, "x7").unwrap();
        assert_eq!(parts.file, b"%PDF-\r\n--x", "what only looks like a boundary belongs to the file");
        assert_eq!(parts.fields["csrf"], "abc");
        assert_eq!(parts.fields["bank"], "Bank Jatim");
        assert_eq!(parts.fields.len(), 2);
    }

    #[test]
    fn what_is_not_whole_or_has_no_name_is_no_form() {
        for cut in [0, 10, 60, 200, BODY.len() - 8] {
            assert_eq!(read(&BODY[..cut], "x7"), None, "{cut}");
        }
        assert_eq!(read(BODY, "x8"), None);
        assert_eq!(read(b"--x\r\nContent-Disposition: form-data\r\n\r\na\r\n--x--", "x"), None);
        let long = format!(
            "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n{}\r\n--x--",
            "a".repeat(FIELD_MAX + 1)
        );
        assert_eq!(read(long.as_bytes(), "x"), None);
        let nul = b"--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nb\0\r\n--x--";
        assert_eq!(read(nul, "x"), None, "no text that the database cannot keep");
        assert_eq!(read(b"--x--", "x"), Some(Parts::default()));
    }

    #[test]
    fn only_a_form_with_files_has_a_boundary() {
        assert_eq!(boundary("multipart/form-data; boundary=----WebKit7"), Some("----WebKit7"));
        assert_eq!(boundary("Multipart/Form-Data; charset=utf-8; boundary=\"a b\""), Some("a b"));
        for other in [
            "multipart/mixed; boundary=a",
            "multipart/form-data",
            "multipart/form-data; boundary=",
            "text/html",
        ] {
            assert_eq!(boundary(other), None, "{other}");
        }
    }
}
