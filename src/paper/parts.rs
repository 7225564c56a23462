//! A paper in the order in which it is read, for printers that know text, rules and a QR.

use super::words::{advice, title, under_title};
use super::{Paper, Status};
use crate::receipt::Kind;

/// One thing on the paper.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// The document's name, framed: a double line for Lunas, a broken one for Titip, so that no colour is needed.
    Title {
        /// Which frame.
        kind: Kind,
        /// `BUKTI LUNAS`.
        name: &'static str,
        /// `BELUM LUNAS` under a Titip.
        under: &'static str,
    },
    /// A document's name, where it needs no frame.
    Name(String),
    /// A mark that must not be overlooked: `DIBATALKAN`, `SALINAN KE-2`.
    Mark(String),
    /// A sentence.
    Text(String),
    /// A word and what it is here.
    Pair(&'static str, String),
    /// The head of a group.
    Heading(String),
    /// A line of the bill.
    Row {
        /// `Pajak kendaraan (PKB)`.
        name: String,
        /// Who receives it; empty for the outlet's own fee.
        receiver: String,
        /// Rupiah.
        principal: String,
        /// Rupiah; empty where there can be none.
        penalty: String,
    },
    /// The sum, large.
    Total(&'static str, String),
    /// A line across.
    Rule,
    /// The signed payload.
    Qr(String),
}

/// Everything that stands on a paper.
#[must_use]
pub fn parts(paper: &Paper) -> Vec<Part> {
    let mut all = head(paper);
    all.extend(bill(paper));
    all.extend(foot(paper));
    all
}

fn head(paper: &Paper) -> Vec<Part> {
    let mut all = vec![Part::Title {
        kind: paper.kind,
        name: title(paper.kind),
        under: under_title(paper.kind, paper.status),
    }];
    all.extend(paper.void_mark().map(|mark| Part::Mark(mark.to_owned())));
    all.extend(paper.copy_mark().map(Part::Mark));
    // A paper that is simply paid needs no advice; every other one says what to do.
    if paper.kind == Kind::Titip || paper.status != Status::Paid {
        all.push(Part::Text(advice(paper.kind, paper.status).to_owned()));
    }
    let outlet = if paper.taken_by.outlet.is_empty() {
        paper.agent_code.clone()
    } else {
        format!("{} ({})", paper.taken_by.outlet, paper.agent_code)
    };
    all.push(Part::Pair("Nomor bukti", paper.receipt_no.clone()));
    all.push(Part::Pair("Nomor polisi", paper.plate.clone()));
    all.push(Part::Pair("Uang diterima", paper.taken_at.clone()));
    all.push(Part::Pair("Gerai", outlet));
    all.push(Part::Pair("Petugas", operator(paper)));
    all.extend(paper.next_due_on.clone().map(|due| Part::Pair("Jatuh tempo berikutnya", due)));
    all.push(Part::Pair("Salinan ke", paper.copy_no.to_string()));
    all
}

/// Who took the cash; a program of the outlet's has no name.
pub(super) fn operator(paper: &Paper) -> String {
    paper.taken_by.operator.clone().unwrap_or_else(|| "aplikasi gerai".to_owned())
}

fn bill(paper: &Paper) -> Vec<Part> {
    let mut all = vec![];
    for period in &paper.periods {
        all.push(Part::Heading(format!("Jatuh tempo {}", period.due_on)));
        all.extend(period.rows.iter().map(|row| Part::Row {
            name: row.name.clone(),
            receiver: row.receiver.clone(),
            principal: row.principal.clone(),
            penalty: row.penalty.clone(),
        }));
    }
    all.push(Part::Row {
        name: "Biaya gerai".to_owned(),
        receiver: String::new(),
        principal: paper.fee.clone(),
        penalty: String::new(),
    });
    all.push(Part::Rule);
    all.push(Part::Total("JUMLAH", paper.amount.clone()));
    all.push(Part::Text(format!("Terbilang: {}", paper.in_words)));
    for leg in &paper.legs {
        all.push(Part::Heading(format!("{}: {}", leg.authority, leg.amount)));
        let number = leg.number.clone().unwrap_or_else(|| "belum ada".to_owned());
        all.push(Part::Pair(leg.number_name, number));
        all.extend(leg.booked_on.clone().map(|day| Part::Pair("Dibukukan", day)));
    }
    all
}

fn foot(paper: &Paper) -> Vec<Part> {
    let mut all = vec![Part::Rule, Part::Qr(paper.payload.clone())];
    all.push(Part::Text(format!("Siapa saja dapat memeriksa bukti ini: pindai QR di {}", paper.verify_url)));
    all.push(Part::Text(
        "Bukti ini bukan TBPKP; untuk pengesahan STNK ikuti petunjuk petugas gerai.".to_owned(),
    ));
    all.extend(paper.void_mark().map(|mark| Part::Mark(mark.to_owned())));
    all
}
