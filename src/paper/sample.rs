//! Papers for tests.

use super::{Leg, Paper, Period, Row, Status, TakenAt};
use crate::receipt::Kind;

/// A Bukti Lunas as it was handed over.
pub(crate) fn lunas() -> Paper {
    let leg = |authority, number_name, number: &str, amount: &str| Leg {
        authority,
        number_name,
        number: Some(number.to_owned()),
        amount: amount.to_owned(),
        booked_on: Some("24 November 2026".to_owned()),
    };
    let row = |name: &str, receiver: &str, principal: &str, penalty: &str| Row {
        name: name.to_owned(),
        receiver: receiver.to_owned(),
        principal: principal.to_owned(),
        penalty: penalty.to_owned(),
    };
    Paper {
        kind: Kind::Lunas,
        status: Status::Paid,
        receipt_no: "PSN-0042-L26-000017".to_owned(),
        copy_no: 1,
        agent_code: "PSN-0042".to_owned(),
        taken_by: TakenAt {
            outlet: "Kopontren Al-Hikmah".to_owned(),
            operator: Some("Siti Aminah".to_owned()),
        },
        plate: "L 1234 AB".to_owned(),
        taken_at: "24 November 2026 09.41 WIB".to_owned(),
        issued_at: chrono::DateTime::from_timestamp(1_795_488_068, 0).unwrap_or_default(),
        legs: vec![
            leg("Bapenda Jawa Timur", "NTPD", "A1B2C3D4E5F60718", "Rp358.600"),
            leg("Jasa Raharja", "Nomor sertifikat", "JR-2026-11-0000123", "Rp35.000"),
        ],
        periods: vec![Period {
            due_on: "10 Maret 2026".to_owned(),
            rows: vec![
                row("Pajak kendaraan (PKB)", "Provinsi Jawa Timur", "Rp216.000", "Rp2.160"),
                row("Opsen PKB", "Kabupaten Sidoarjo", "Rp140.440", "Rp0"),
                row("SWDKLLJ", "Jasa Raharja", "Rp35.000", "Rp0"),
            ],
        }],
        fee: "Rp5.000".to_owned(),
        amount: "Rp398.600".to_owned(),
        in_words: "tiga ratus sembilan puluh delapan ribu enam ratus rupiah".to_owned(),
        next_due_on: Some("10 Maret 2027".to_owned()),
        payload: format!("SOPOP1.{}.{}", "eyJhZ2VudF9jb2RlIjoi".repeat(34), "b".repeat(86)),
        verify_url: "https://samsat.example/verify".to_owned(),
    }
}

/// A Bukti Titip whose outcome is open.
pub(crate) fn titip() -> Paper {
    let lunas = lunas();
    let legs = lunas.legs.iter().map(|leg| Leg { number: None, booked_on: None, ..leg.clone() }).collect();
    Paper {
        kind: Kind::Titip,
        status: Status::Open,
        receipt_no: "PSN-0042-T26-000003".to_owned(),
        legs,
        next_due_on: None,
        ..lunas
    }
}
