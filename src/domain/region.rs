//! The 38 kabupaten and kota of East Java, by their Kemendagri code (domain 4.8).

use std::fmt;

use serde::Serialize;

/// A kabupaten or kota of East Java. Opsen goes to the one of registration, which only the bill can tell:
/// it is never derived from a plate (domain 4.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct RegionCode(u16);

/// A code that is none of the 38.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a kabupaten or kota of East Java")]
pub struct UnknownRegion;

/// Every region with its name, in the order of the codes.
pub const REGIONS: [(u16, &str); 38] = [
    (3501, "Kabupaten Pacitan"),
    (3502, "Kabupaten Ponorogo"),
    (3503, "Kabupaten Trenggalek"),
    (3504, "Kabupaten Tulungagung"),
    (3505, "Kabupaten Blitar"),
    (3506, "Kabupaten Kediri"),
    (3507, "Kabupaten Malang"),
    (3508, "Kabupaten Lumajang"),
    (3509, "Kabupaten Jember"),
    (3510, "Kabupaten Banyuwangi"),
    (3511, "Kabupaten Bondowoso"),
    (3512, "Kabupaten Situbondo"),
    (3513, "Kabupaten Probolinggo"),
    (3514, "Kabupaten Pasuruan"),
    (3515, "Kabupaten Sidoarjo"),
    (3516, "Kabupaten Mojokerto"),
    (3517, "Kabupaten Jombang"),
    (3518, "Kabupaten Nganjuk"),
    (3519, "Kabupaten Madiun"),
    (3520, "Kabupaten Magetan"),
    (3521, "Kabupaten Ngawi"),
    (3522, "Kabupaten Bojonegoro"),
    (3523, "Kabupaten Tuban"),
    (3524, "Kabupaten Lamongan"),
    (3525, "Kabupaten Gresik"),
    (3526, "Kabupaten Bangkalan"),
    (3527, "Kabupaten Sampang"),
    (3528, "Kabupaten Pamekasan"),
    (3529, "Kabupaten Sumenep"),
    (3571, "Kota Kediri"),
    (3572, "Kota Blitar"),
    (3573, "Kota Malang"),
    (3574, "Kota Probolinggo"),
    (3575, "Kota Pasuruan"),
    (3576, "Kota Mojokerto"),
    (3577, "Kota Madiun"),
    (3578, "Kota Surabaya"),
    (3579, "Kota Batu"),
];

impl RegionCode {
    /// Reads `3578` or `35.78`.
    ///
    /// # Errors
    /// [`UnknownRegion`] for anything but the 38 codes.
    pub fn parse(text: &str) -> Result<Self, UnknownRegion> {
        let digits = match text.len() {
            5 => text.split_once('.').filter(|(a, _)| a.len() == 2).map(|(a, b)| format!("{a}{b}")),
            _ => Some(text.to_owned()),
        };
        let digits =
            digits.filter(|d| d.len() == 4 && d.bytes().all(|b| b.is_ascii_digit())).ok_or(UnknownRegion)?;
        let code: u16 = digits.parse().map_err(|_| UnknownRegion)?;
        if REGIONS.iter().any(|(known, _)| *known == code) { Ok(Self(code)) } else { Err(UnknownRegion) }
    }

    /// Name in full, for people.
    #[must_use]
    pub fn name(self) -> &'static str {
        REGIONS.iter().find(|(code, _)| *code == self.0).map_or("", |(_, name)| name)
    }

    /// The bare number, 3501–3579.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }
}

impl fmt::Display for RegionCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_38_regions_read_with_and_without_a_dot() {
        for (code, name) in REGIONS {
            let text = code.to_string();
            assert_eq!(RegionCode::parse(&text).unwrap().name(), name);
            assert_eq!(RegionCode::parse(&format!("{}.{}", &text[..2], &text[2..])).unwrap().get(), code);
        }
        for text in ["3500", "3530", "3580", "35", "357", "35780", "+578", "3.578", ""] {
            assert_eq!(RegionCode::parse(text), Err(UnknownRegion), "{text}");
        }
    }
}
