//! Which representation a client wants (RFC 9110, section 12.5.1).

use axum::http::{HeaderMap, header};

/// What one range of `Accept` says.
struct Range<'a> {
    kind: &'a str,
    subtype: &'a str,
    /// In thousandths; 0 refuses.
    quality: u16,
}

/// The place in `offered` of what the client likes best; among equals the earlier, which is also what a client gets that
/// says nothing. None when it refuses everything.
pub(super) fn best(headers: &HeaderMap, offered: &[&str]) -> Option<usize> {
    let said: Vec<&str> =
        headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
    let ranges: Vec<Range<'_>> = said.iter().flat_map(|value| value.split(',')).filter_map(range).collect();
    if ranges.is_empty() {
        return (!offered.is_empty()).then_some(0);
    }
    let liked = offered.iter().map(|media_type| quality(&ranges, media_type)).enumerate();
    // The later of equals is not greater.
    let best =
        liked.filter(|(_, quality)| *quality > 0).min_by_key(|(place, quality)| (u16::MAX - quality, *place));
    best.map(|(place, _)| place)
}

/// The most specific range that covers a media type decides.
fn quality(ranges: &[Range<'_>], media_type: &str) -> u16 {
    let (kind, subtype) = media_type.split_once('/').unwrap_or((media_type, ""));
    let specific = |range: &&Range<'_>| match (range.kind, range.subtype) {
        ("*", "*") => Some(0),
        (k, "*") if k.eq_ignore_ascii_case(kind) => Some(1),
        (k, s) if k.eq_ignore_ascii_case(kind) && s.eq_ignore_ascii_case(subtype) => Some(2),
        _ => None,
    };
    let covering = ranges.iter().filter_map(|range| Some((specific(&range)?, range.quality)));
    covering.max().map_or(0, |(_, quality)| quality)
}

fn range(text: &str) -> Option<Range<'_>> {
    let mut parts = text.split(';').map(str::trim);
    let (kind, subtype) = parts.next()?.split_once('/')?;
    let said = parts.find_map(|part| {
        let (name, value) = part.split_once('=')?;
        name.trim().eq_ignore_ascii_case("q").then(|| thousandths(value.trim()))
    });
    Some(Range { kind, subtype, quality: said.unwrap_or(1_000) })
}

/// `0.5` is 500; what is no weight is none, so that a mistake refuses nothing.
fn thousandths(text: &str) -> u16 {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits = format!("{whole}{part:0<3}");
    let fits = part.len() <= 3 && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|weight| fits && *weight <= 1_000).unwrap_or(1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFERED: [&str; 4] = ["application/json", "text/html", "application/pdf", "application/vnd.escpos"];

    fn chosen(accept: &[&str]) -> Option<usize> {
        let mut headers = HeaderMap::new();
        for value in accept {
            headers.append(header::ACCEPT, value.parse().unwrap());
        }
        best(&headers, &OFFERED)
    }

    #[test]
    fn the_best_liked_is_given() {
        for (accept, place) in [
            ("application/json", Some(0)),
            ("*/*", Some(0)),
            ("", Some(0)),
            ("application/*", Some(0)),
            ("text/*", Some(1)),
            ("APPLICATION/PDF", Some(2)),
            ("application/vnd.escpos", Some(3)),
            ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", Some(1)),
            ("application/json;q=0.2, application/pdf;q=0.9", Some(2)),
            ("application/pdf; q=0.5, text/html; q=0.5", Some(1)),
            ("application/*;q=0.9, application/json;q=0.1, application/pdf", Some(2)),
            ("*/*, application/json;q=0", Some(1)),
            ("application/json;version=1", Some(0)),
            ("application/json;q=nonsense", Some(0)),
            ("image/png", None),
            ("application/json;q=0", None),
            ("application/json;q=0.000, image/*", None),
        ] {
            assert_eq!(chosen(&[accept]), place, "{accept}");
        }
        assert_eq!(chosen(&[]), Some(0));
        assert_eq!(chosen(&["image/png", "application/pdf;q=0.1"]), Some(2), "two lines are one list");
    }
}
