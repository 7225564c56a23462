//! The words of a receipt, for paper and pages alike.

use super::Status;
use crate::domain::RegionCode;
use crate::receipt::Kind;

/// The document's name.
#[must_use]
pub const fn title(kind: Kind) -> &'static str {
    match kind {
        Kind::Titip => "BUKTI TITIP",
        Kind::Lunas => "BUKTI LUNAS",
    }
}

/// What stands under the name: a Titip can never be taken for a Lunas.
#[must_use]
pub const fn under_title(kind: Kind, status: Status) -> &'static str {
    match (kind, status) {
        (Kind::Lunas, _) => "Pajak kendaraan bermotor dan SWDKLLJ",
        (Kind::Titip, Status::Paid) => "SUDAH LUNAS - MINTALAH BUKTI LUNAS",
        (Kind::Titip, _) => "BELUM LUNAS",
    }
}

/// The status in a word or two.
#[must_use]
pub const fn status_text(status: Status) -> &'static str {
    match status {
        Status::Paid => "LUNAS",
        Status::NotPaid => "TIDAK DIBAYAR",
        Status::Revoked => "DIBATALKAN",
        Status::Open => "SEDANG DIPASTIKAN",
        Status::Unknown => "TIDAK DIKENAL",
    }
}

/// What the holder of a paper should know and do.
#[must_use]
pub const fn advice(kind: Kind, status: Status) -> &'static str {
    match (kind, status) {
        (Kind::Lunas, Status::Paid) => "Pajak kendaraan ini sudah dibayar.",
        (Kind::Titip, Status::Paid) => {
            "Pajak kendaraan ini sudah dibayar. Bukti Lunas dapat diminta di gerai."
        }
        (Kind::Titip, Status::Open) => {
            "Uang sudah diterima gerai dan pembayaran sedang dipastikan. Ini BUKAN bukti lunas. Mohon jangan bayar ulang."
        }
        (Kind::Lunas, Status::Open) => {
            "Pembatalan pembayaran ini sedang dipastikan. Mohon jangan bayar ulang."
        }
        (_, Status::NotPaid) => {
            "Pembayaran tidak terjadi. Jika uang belum kembali, silakan minta di gerai dengan membawa bukti ini."
        }
        (_, Status::Revoked) => {
            "Pembayaran telah dibatalkan. Jika uang belum kembali, silakan minta di gerai dengan membawa bukti ini."
        }
        (_, Status::Unknown) => {
            "Tanda tangan sah, tetapi bukti ini tidak ada dalam catatan kami. Mohon laporkan ke Bapenda."
        }
    }
}

/// The name of a line in plain words; empty for a code that only the authority knows.
#[must_use]
pub fn line_name(code: &str) -> &'static str {
    match code {
        "PKB" => "Pajak kendaraan (PKB)",
        "OPSEN_PKB" => "Opsen PKB",
        "SWDKLLJ" => "SWDKLLJ",
        _ => "",
    }
}

/// Who receives a line, in plain words.
#[must_use]
pub fn receiver_name(beneficiary: &str) -> String {
    match beneficiary {
        "35" => "Provinsi Jawa Timur".to_owned(),
        "RKUN" => "Kas negara".to_owned(),
        "JASA_RAHARJA" => "Jasa Raharja".to_owned(),
        code => RegionCode::parse(code).map_or_else(|_| code.to_owned(), |r| r.name().to_owned()),
    }
}
