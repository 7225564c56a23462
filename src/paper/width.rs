//! How wide the paper is.

use serde::{Deserialize, Serialize};

/// The paper in the printer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, utoipa::ToSchema)]
pub enum Width {
    /// A till's roll of 58 mm, 32 characters.
    #[serde(rename = "58")]
    Mm58,
    /// A till's roll of 80 mm, 48 characters.
    #[serde(rename = "80")]
    Mm80,
    /// 148 mm × 210 mm.
    #[default]
    #[serde(rename = "a5")]
    A5,
}

impl Width {
    /// `58`, `80`, `a5`: as addresses and style sheets have it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mm58 => "58",
            Self::Mm80 => "80",
            Self::A5 => "a5",
        }
    }
}
