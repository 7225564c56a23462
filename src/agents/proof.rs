//! The proof of a deposit: a picture or a PDF of the bank's slip, known by its bytes and not by what is said of it. Pure.

use aws_lc_rs::digest;
use serde::Serialize;

/// Largest proof, bytes: a phone's photo. The table says the same (`topup_proof_bounded`).
pub const PROOF_MAX: usize = 4 * 1024 * 1024;

/// What a proof is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Media {
    /// A document.
    Pdf,
    /// A photo.
    Jpeg,
    /// A screenshot.
    Png,
    /// A picture as messengers send it.
    Webp,
}

impl Serialize for Media {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl Media {
    const ALL: [Self; 4] = [Self::Pdf, Self::Jpeg, Self::Png, Self::Webp];

    /// Its media type.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pdf => "application/pdf",
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Webp => "image/webp",
        }
    }

    /// How files of it are named.
    #[must_use]
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Pdf => "pdf",
            Self::Jpeg => "jpg",
            Self::Png => "png",
            Self::Webp => "webp",
        }
    }

    /// The medium of that type.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|media| media.as_str() == name)
    }

    /// By its first bytes.
    fn of(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [b'%', b'P', b'D', b'F', b'-', ..] => Some(Self::Pdf),
            [0xFF, 0xD8, 0xFF, ..] => Some(Self::Jpeg),
            [0x89, b'P', b'N', b'G', 0x0D, 0x0A, 0x1A, 0x0A, ..] => Some(Self::Png),
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(Self::Webp),
            _ => None,
        }
    }
}

/// Why bytes are no proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UnfitProof {
    /// There are none.
    #[error("the proof is empty")]
    Empty,
    /// More than [`PROOF_MAX`].
    #[error("the proof is larger than 4 MiB")]
    TooLarge,
    /// Neither a PDF nor a picture that we know.
    #[error("the proof is neither PDF, JPEG, PNG nor WebP")]
    WrongType,
}

/// Bytes that are a proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    media: Media,
    bytes: Vec<u8>,
}

impl Proof {
    /// The proof that these bytes are.
    ///
    /// # Errors
    /// [`UnfitProof`] when they are none.
    pub fn of(bytes: Vec<u8>) -> Result<Self, UnfitProof> {
        if bytes.is_empty() {
            return Err(UnfitProof::Empty);
        }
        if bytes.len() > PROOF_MAX {
            return Err(UnfitProof::TooLarge);
        }
        let media = Media::of(&bytes).ok_or(UnfitProof::WrongType)?;
        Ok(Self { media, bytes })
    }

    /// What it is.
    #[must_use]
    pub const fn media(&self) -> Media {
        self.media
    }

    /// Byte for byte.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Names it for ever.
    #[must_use]
    pub fn sha256(&self) -> Vec<u8> {
        digest::digest(&digest::SHA256, &self.bytes).as_ref().to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_is_known_by_its_bytes_alone() {
        let webp = b"RIFF\x10\0\0\0WEBPVP8 ".to_vec();
        for (bytes, media) in [
            (b"%PDF-1.7\n".to_vec(), Media::Pdf),
            (b"\xFF\xD8\xFF\xE0\0\x10JFIF".to_vec(), Media::Jpeg),
            (b"\x89PNG\r\n\x1A\n\0".to_vec(), Media::Png),
            (webp, Media::Webp),
        ] {
            assert_eq!(Proof::of(bytes).map(|proof| proof.media()), Ok(media));
            assert_eq!(Media::named(media.as_str()), Some(media));
        }
    }

    #[test]
    fn pages_programs_and_what_is_too_large_or_empty_are_no_proof() {
        for text in ["<html>", "GIF89a", "MZ", "%PD", "<svg xmlns=", "RIFF1234WAVE"] {
            assert_eq!(Proof::of(text.into()), Err(UnfitProof::WrongType), "{text}");
        }
        assert_eq!(Proof::of(vec![]), Err(UnfitProof::Empty));
        let mut large = b"%PDF-".to_vec();
        large.resize(PROOF_MAX, 0);
        assert!(Proof::of(large.clone()).is_ok());
        large.push(0);
        assert_eq!(Proof::of(large), Err(UnfitProof::TooLarge));
    }
}
