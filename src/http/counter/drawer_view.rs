//! A drawer in words: how pages show its movements, its end, and drawers in a list.

use crate::domain::{DrawerId, PaymentId, Plate, Rupiah, wib_hour, wib_long};
use crate::drawer::{Closing, Code, DENOMINATIONS, Drawer, Line};

/// A closed drawer in a list, or one that is open.
pub(super) struct Past {
    pub(super) drawer_id: DrawerId,
    pub(super) operator: String,
    pub(super) opened_at: String,
    /// When, counted, and the difference; none while it is open.
    pub(super) closed: Option<(String, String, Difference)>,
    pub(super) reason: Option<String>,
}

/// Counted less expected, in words.
pub(super) struct Difference {
    pub(super) words: String,
    pub(super) tone: &'static str,
}

impl Difference {
    pub(super) fn of(variance: Rupiah) -> Self {
        match variance.get() {
            0 => Self { words: "cocok".to_owned(), tone: "good" },
            1.. => Self { words: format!("lebih {variance}"), tone: "wait" },
            _ => Self { words: format!("kurang {}", variance.negated()), tone: "bad" },
        }
    }
}

impl Past {
    pub(super) fn of(drawer: Drawer) -> Self {
        let (closed, reason) = match drawer.closing {
            Some(end) => {
                let difference = Difference::of(end.variance());
                (Some((wib_long(end.closed_at), end.counted.to_string(), difference)), end.reason)
            }
            None => (None, None),
        };
        Self {
            drawer_id: drawer.drawer_id,
            operator: drawer.operator,
            opened_at: wib_long(drawer.opened_at),
            closed,
            reason,
        }
    }
}

/// A movement of a drawer.
pub(super) struct Moved {
    pub(super) what: &'static str,
    pub(super) amount: String,
    pub(super) at: String,
    pub(super) payment: Option<(PaymentId, String)>,
    pub(super) remark: Option<String>,
}

impl Moved {
    pub(super) fn of(line: Line) -> Self {
        let plate = |plate: String| Plate::parse(&plate).map_or(plate, |plate| plate.to_string());
        Self {
            what: match line.code {
                Code::Opened => "Modal awal",
                Code::Added => "Ambil dari kas gerai",
                Code::Taken => "Pembayaran warga",
                Code::Returned => "Dikembalikan kepada warga",
                Code::HandedOver => "Setor ke kas gerai",
                Code::Short => "Kurang, ke selisih laci",
                Code::Over => "Lebih, ke selisih laci",
                Code::Closed => "Hasil hitung, ke kas gerai",
            },
            amount: line.amount.to_string(),
            at: wib_hour(line.at),
            payment: line.payment_id.map(|id| (id, line.plate.map_or_else(String::new, plate))),
            remark: line.remark,
        }
    }
}

/// A denomination with what was typed.
pub(super) struct Pieces {
    pub(super) field: String,
    pub(super) name: String,
    pub(super) typed: String,
}

/// How a drawer ended.
pub(super) struct End {
    pub(super) closed_at: String,
    pub(super) closed_by: String,
    pub(super) counted: String,
    pub(super) expected: String,
    pub(super) difference: Difference,
    pub(super) reason: Option<String>,
    pub(super) pieces: Vec<(String, i32, String)>,
}

impl End {
    pub(super) fn of(end: &Closing) -> Self {
        let counted = end.count.pieces().into_iter().zip(DENOMINATIONS).filter(|(n, _)| *n > 0);
        let pieces = counted.map(|(n, each)| (money(each), n, money(each * i64::from(n))));
        Self {
            closed_at: wib_long(end.closed_at),
            closed_by: end.closed_by.clone(),
            counted: end.counted.to_string(),
            expected: end.expected.to_string(),
            difference: Difference::of(end.variance()),
            reason: end.reason.clone(),
            pieces: pieces.collect(),
        }
    }
}

pub(super) fn money(rupiah: i64) -> String {
    Rupiah::new(rupiah).unwrap_or_default().to_string()
}
