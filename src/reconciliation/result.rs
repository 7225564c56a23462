//! What a night says, in one canonical form: the same files and facts give the same bytes and so the same hash.
//!
//! The hash covers the date, the files' hashes, the rule version and each classified line in canonical order. Lines that
//! are merely expected are shown but not hashed: they say what is still open at the moment of the run, which neither a
//! file nor a lasting fact decides. Run ids, revisions of the run, times and cases stay outside.

use aws_lc_rs::digest;
use serde::Serialize;

use super::class::Class;
use super::matching::{Here, HereLine, Item};
use super::ours::LineKey;
use super::row::RowStatus;
use super::settlement::Settlement;
use crate::domain::{Authority, Beneficiary, BusinessDate, Reference, Rupiah};

/// The rules by which lines are classified; changes whenever the same input could be classified otherwise.
pub const RULE_VERSION: &str = "night-1";

/// A line as it is hashed, stored and shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ResultLine {
    /// Its class.
    pub class: String,
    /// Its note, empty for none.
    pub note: String,
    /// Whose file.
    pub authority: String,
    /// The row's reference; ours where there is no row.
    pub reference: uuid::Uuid,
    /// The period's key.
    pub due_on: BusinessDate,
    /// The line's code.
    pub code: String,
    /// Who receives it.
    pub beneficiary: String,
    /// `PAID` or `REVERSED`.
    pub status: String,
    /// NTPD or certificate number, once known.
    pub number: Option<String>,
    /// Bill or assessment.
    pub document_id: Option<String>,
    /// The vehicle.
    pub plate: String,
    /// Our principal.
    pub here_principal: Option<Rupiah>,
    /// Our penalty.
    pub here_penalty: Option<Rupiah>,
    /// The file's principal.
    pub there_principal: Option<Rupiah>,
    /// The file's penalty.
    pub there_penalty: Option<Rupiah>,
    /// The row's line number.
    pub line_no: Option<i32>,
    /// Our line in full where it differs from the row, canonical JSON.
    pub ours: Option<String>,
}

#[derive(Serialize)]
struct Ours<'a> {
    reference: String,
    due_on: BusinessDate,
    code: &'a str,
    beneficiary: String,
    number: Option<&'a str>,
    document_id: Option<String>,
    plate: &'a str,
    principal: Rupiah,
    penalty: Rupiah,
}

/// The items of one authority in canonical order: by the line's key, then by line number.
pub fn sort(file: &Settlement, items: &mut [Item]) {
    // Compared in place: a million cached keys would be the night's largest allocation.
    items.sort_unstable_by(|a, b| (named(file, a), a.row, a.class).cmp(&(named(file, b), b.row, b.class)));
}

type Named<'a> = (Reference, BusinessDate, &'a str, Beneficiary, RowStatus);

fn named<'a>(file: &'a Settlement, item: &'a Item) -> Option<Named<'a>> {
    if let Some(row) = item.row.and_then(|at| file.rows.get(at as usize)) {
        return Some((row.reference, row.due_on, file.codes.name(row.code), row.beneficiary, row.status));
    }
    match &item.here {
        Here::Line(here) => {
            let key = &here.key;
            Some((key.reference, key.due_on, &key.code, key.beneficiary, key.status))
        }
        Here::Nothing | Here::Same => None,
    }
}

/// What names an item: its row, or our line where there is no row.
#[must_use]
pub fn key(file: &Settlement, item: &Item) -> Option<LineKey> {
    let (reference, due_on, code, beneficiary, status) = named(file, item)?;
    Some(LineKey { reference, due_on, code: code.into(), beneficiary, status })
}

/// The line of ours that an item claims for its night: paired, and not another night's.
#[must_use]
pub fn claim(file: &Settlement, item: &Item) -> Option<LineKey> {
    let paired = item.row.is_some() && !matches!(item.class, Class::Duplicate | Class::Ambiguous);
    match &item.here {
        Here::Same if paired => key(file, item),
        Here::Line(here) if paired => Some(here.key.clone()),
        Here::Nothing | Here::Same | Here::Line(_) => None,
    }
}

/// The line that an item stands for; none only for an item of nothing, which completeness rules out.
#[must_use]
pub fn line(file: &Settlement, item: &Item) -> Option<ResultLine> {
    let row = item.row.and_then(|at| file.rows.get(at as usize));
    let (reference, due_on, code, beneficiary, status) = named(file, item)?;
    let ours = if let Here::Line(here) = &item.here { Some(&**here) } else { None };
    let text = ToString::to_string;
    Some(ResultLine {
        class: item.class.as_str().to_owned(),
        note: item.note.to_string(),
        authority: file.header.sender.as_str().to_owned(),
        reference: reference.0,
        due_on,
        code: code.to_owned(),
        beneficiary: beneficiary.to_string(),
        status: status.as_str().to_owned(),
        number: row.map(|row| &row.number).or(ours.and_then(|here| here.number.as_ref())).map(text),
        document_id: match (row, ours) {
            (Some(row), _) => Some(row.document.to_string()),
            (None, Some(here)) => here.document.map(|document| document.to_string()),
            (None, None) => None,
        },
        plate: row
            .map(|row| row.plate.as_str())
            .or(ours.map(|here| &*here.plate))
            .unwrap_or_default()
            .to_owned(),
        here_principal: ours_amount(item, row.map(|row| row.principal), |here| here.line.principal),
        here_penalty: ours_amount(item, row.map(|row| row.penalty), |here| here.line.penalty),
        there_principal: row.map(|row| row.principal),
        there_penalty: row.map(|row| row.penalty),
        line_no: row.and_then(|row| i32::try_from(row.line_no).ok()),
        ours: ours.filter(|_| row.is_some()).map(in_full),
    })
}

fn ours_amount(item: &Item, row: Option<Rupiah>, ours: impl Fn(&HereLine) -> Rupiah) -> Option<Rupiah> {
    match &item.here {
        Here::Nothing => None,
        Here::Same => row,
        Here::Line(here) => Some(ours(here)),
    }
}

fn in_full(here: &HereLine) -> String {
    let ours = Ours {
        reference: here.key.reference.to_string(),
        due_on: here.key.due_on,
        code: &here.key.code,
        beneficiary: here.key.beneficiary.to_string(),
        number: here.number.as_deref(),
        document_id: here.document.map(|document| document.to_string()),
        plate: &here.plate,
        principal: here.line.principal,
        penalty: here.line.penalty,
    };
    // A struct of strings and numbers always serializes.
    serde_json::to_string(&ours).unwrap_or_default()
}

impl ResultLine {
    /// What the class's amount counts: the file's amount, or ours where the file has no row.
    #[must_use]
    pub fn amount(&self) -> Option<Rupiah> {
        let principal = self.there_principal.or(self.here_principal)?;
        principal.plus(self.there_penalty.or(self.here_penalty)?).ok()
    }
}

/// The hash under way.
#[derive(Clone)]
pub struct ResultDigest(digest::Context);

impl ResultDigest {
    /// Begins with what the lines rest on.
    #[must_use]
    pub fn new(date: BusinessDate, rule_version: &str, files: &[(Authority, [u8; 32])]) -> Self {
        let files: Vec<(&str, String)> =
            files.iter().map(|(authority, sha256)| (authority.as_str(), hex::encode(sha256))).collect();
        let mut context = digest::Context::new(&digest::SHA256);
        feed(&mut context, &("samsat-night", date, rule_version, files));
        Self(context)
    }

    /// Adds the next line in canonical order.
    pub fn add(&mut self, line: &ResultLine) {
        if line.class != Class::Expected.as_str() {
            feed(&mut self.0, line);
        }
    }

    /// Adds the canonical text of the next lines.
    pub(crate) fn add_text(&mut self, text: &[u8]) {
        self.0.update(text);
    }

    /// The hash of all.
    #[must_use]
    pub fn finish(self) -> [u8; 32] {
        let mut sha256 = [0; 32];
        sha256.copy_from_slice(self.0.finish().as_ref());
        sha256
    }
}

/// One JSON text per line: unambiguous whatever a code contains.
fn feed(context: &mut digest::Context, value: &impl Serialize) {
    let mut text = serde_json::to_vec(value).unwrap_or_default();
    text.push(b'\n');
    context.update(&text);
}
