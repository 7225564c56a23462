//! A settlement file, read once from its first byte to its last, whole or not at all (protocol, "Settlement file").
//!
//! Promises that what it returns is consistent in itself: every field is of its type, lines are numbered without a gap,
//! counts and sums are those of the trailer, nothing follows. Every complaint names the line. Whether the file fits its
//! predecessors is asked in `chain`, whether it fits our books in `matching`. Never touches network or database.

use std::fmt;
use std::io::BufRead;
use std::sync::Arc;

use aws_lc_rs::digest;

use super::ours::LineKey;
use super::row::{Codes, Row, RowStatus};
use super::{fields, row};
use crate::domain::{Authority, BusinessDate, Reference, Rupiah, Timestamp};

/// Most `D` rows that a file may have: twenty of East Java's busiest days.
pub const ROWS_MAX: usize = 20_000_000;

/// What the first record says of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Who made it.
    pub sender: Authority,
    /// The accounting day that it settles.
    pub date: BusinessDate,
    /// Its place in the sender's series; a revision keeps it.
    pub sequence: u64,
    /// 1, then higher for each correction, gaps allowed.
    pub revision: u32,
    /// SHA-256 of the previous business date's file, zeros for the sender's first.
    pub previous_sha256: [u8; 32],
    /// When the sender made it.
    pub created_at: Timestamp,
}

/// A file that is consistent in itself.
#[derive(Debug, Clone)]
pub struct Settlement {
    /// Its first record.
    pub header: Header,
    /// How many `D` rows it has.
    pub count: u32,
    /// Those of its rows that are at hand, sorted by reference, then in the order of the file: all when it was read
    /// here, only those that match nothing at once when it was staged.
    pub rows: Vec<Row>,
    /// The line codes that its rows name by number.
    pub codes: Codes,
    /// Σ principal + penalty, reversals with their sign.
    pub total: Rupiah,
    /// SHA-256 of its exact bytes.
    pub sha256: [u8; 32],
}

/// Why a file is refused as a whole.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{sender} settlement {date}, line {line}: {flaw}")]
pub struct Complaint {
    /// Whose file.
    pub sender: Authority,
    /// For which business date we asked.
    pub date: BusinessDate,
    /// Line number in the file, from 1.
    pub line: u64,
    /// What is wrong there.
    pub flaw: Flaw,
}

/// What is wrong in a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Flaw {
    /// No record of RFC 4180, UTF-8, LF.
    Shape(&'static str),
    /// A field that is not what the protocol says.
    Field(&'static str),
    /// A value that contradicts the rest of the file or our question.
    Contradicts {
        /// Which value.
        what: &'static str,
        /// What it had to be.
        expected: String,
        /// What it is.
        found: String,
    },
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shape(what) => f.write_str(what),
            Self::Field(what) => write!(f, "{what} is malformed"),
            Self::Contradicts { what, expected, found } => {
                write!(f, "{what} is {found}, expected {expected}")
            }
        }
    }
}

/// Refuses a value that is not the expected one.
pub(crate) fn agrees<T: PartialEq + fmt::Display>(
    what: &'static str,
    expected: &T,
    found: &T,
) -> Result<(), Flaw> {
    if expected == found {
        return Ok(());
    }
    // What a stranger's file says goes to logs and terminals: bounded, and without control characters.
    let shown = |value: &T| value.to_string().chars().filter(|c| !c.is_control()).take(200).collect();
    Err(Flaw::Contradicts { what, expected: shown(expected), found: shown(found) })
}

/// Reads `sender`'s file of `date`.
///
/// # Errors
/// [`Complaint`], naming the first line that is wrong.
pub fn read(source: impl BufRead, sender: Authority, date: BusinessDate) -> Result<Settlement, Complaint> {
    let mut reader =
        Reader { source, digest: digest::Context::new(&digest::SHA256), line: 0, text: Vec::new() };
    let keep = Keep::Rows(vec![]);
    file(&mut reader, (sender, date), keep).map_err(|flaw| complaint(sender, date, reader.line, flaw))
}

/// Reads `sender`'s file of `date` for its first mistake alone, without keeping its rows.
///
/// # Errors
/// [`Complaint`], naming the first line that is wrong.
pub(crate) fn judge(source: impl BufRead, sender: Authority, date: BusinessDate) -> Result<(), Complaint> {
    let mut reader =
        Reader { source, digest: digest::Context::new(&digest::SHA256), line: 0, text: Vec::new() };
    let keep = Keep::References(vec![]);
    let read = file(&mut reader, (sender, date), keep);
    read.map(drop).map_err(|flaw| complaint(sender, date, reader.line, flaw))
}

fn complaint(sender: Authority, date: BusinessDate, line: u64, flaw: Flaw) -> Complaint {
    Complaint { sender, date, line: line.max(1), flaw }
}

struct Reader<R> {
    source: R,
    digest: digest::Context,
    line: u64,
    text: Vec<u8>,
}

impl<R: BufRead> Reader<R> {
    /// The next line without its line feed; `None` at the end.
    fn next(&mut self) -> Result<Option<&str>, Flaw> {
        self.text.clear();
        let limit = fields::LINE_BYTES_MAX as u64;
        let read = std::io::Read::take(&mut self.source, limit).read_until(b'\n', &mut self.text);
        if read.map_err(|_| Flaw::Shape("the file cannot be read"))? == 0 {
            return Ok(None);
        }
        self.line += 1;
        self.digest.update(&self.text);
        if self.text.last() == Some(&b'\n') {
            self.text.pop();
        } else if self.text.len() >= fields::LINE_BYTES_MAX {
            return Err(Flaw::Shape("the line is too long"));
        }
        if self.line == 1 && self.text.starts_with(b"\xEF\xBB\xBF") {
            return Err(Flaw::Shape("a byte order mark"));
        }
        std::str::from_utf8(&self.text).map(Some).map_err(|_| Flaw::Shape("not UTF-8"))
    }
}

fn file<R: BufRead>(
    reader: &mut Reader<R>,
    (sender, date): (Authority, BusinessDate),
    keep: Keep,
) -> Result<Settlement, Flaw> {
    let first = reader.next()?.ok_or(Flaw::Shape("the file is empty"))?;
    let header = header(first, sender, date)?;
    let mut body = Body::of(sender, keep);
    loop {
        let Some(line) = reader.next()? else {
            reader.line += 1;
            return Err(Flaw::Shape("the file ends without its trailer"));
        };
        let mut parts = Vec::with_capacity(14);
        fields::split(line, &mut parts)?;
        match parts.first().map(AsRef::as_ref) {
            Some("D") => body.take(&parts)?,
            Some("T") => {
                body.agrees_with(&parts)?;
                break;
            }
            _ => return Err(Flaw::Field("record type")),
        }
    }
    if reader.next()?.is_some() {
        return Err(Flaw::Shape("text after the trailer"));
    }
    let mut sha256 = [0; 32];
    sha256.copy_from_slice(reader.digest.clone().finish().as_ref());
    let rows = match body.keep {
        Keep::Rows(rows) => rows,
        Keep::References(_) => vec![],
    };
    Ok(Settlement { header, count: body.count, rows, codes: body.codes, total: body.total, sha256 })
}

/// Reads the first record.
pub(crate) fn header(line: &str, sender: Authority, date: BusinessDate) -> Result<Header, Flaw> {
    let mut parts = Vec::with_capacity(10);
    fields::split(line, &mut parts)?;
    let [kind, version, from, to, day, sequence, revision, previous, created, currency] = parts.as_slice()
    else {
        return Err(Flaw::Shape("a header has ten fields"));
    };
    agrees("record type", &"H", &kind.as_ref())?;
    agrees("format version", &"1", &version.as_ref())?;
    agrees("sender", &sender.as_str(), &from.as_ref())?;
    agrees("receiver", &"OPOP-GATEWAY", &to.as_ref())?;
    agrees("currency", &"IDR", &currency.as_ref())?;
    let day = BusinessDate::parse(day).map_err(|_| Flaw::Field("business date"))?;
    agrees("business date", &date, &day)?;
    let positive = |text: &str| fields::count(text).filter(|n| *n > 0);
    Ok(Header {
        sender,
        date,
        sequence: positive(sequence).ok_or(Flaw::Field("sequence number"))?,
        revision: positive(revision)
            .and_then(|n| i32::try_from(n).ok())
            .and_then(|n| u32::try_from(n).ok())
            .ok_or(Flaw::Field("revision"))?,
        previous_sha256: fields::sha256(previous).ok_or(Flaw::Field("previous file's SHA-256"))?,
        created_at: fields::time(created).ok_or(Flaw::Field("created at"))?,
    })
}

/// What is kept of the rows.
enum Keep {
    Rows(Vec<Row>),
    /// Enough to count them.
    References(Vec<Reference>),
}

/// The rows so far and what the trailer must say of them.
struct Body {
    sender: Authority,
    keep: Keep,
    count: u32,
    number: Option<Arc<str>>,
    codes: Codes,
    per_code: Vec<Rupiah>,
    principal: Rupiah,
    penalty: Rupiah,
    total: Rupiah,
}

impl Body {
    fn of(sender: Authority, keep: Keep) -> Self {
        Self {
            sender,
            keep,
            count: 0,
            number: None,
            codes: Codes::default(),
            per_code: vec![],
            principal: Rupiah::ZERO,
            penalty: Rupiah::ZERO,
            total: Rupiah::ZERO,
        }
    }

    fn take(&mut self, parts: &[std::borrow::Cow<'_, str>]) -> Result<(), Flaw> {
        if self.count as usize >= ROWS_MAX {
            return Err(Flaw::Shape("more rows than a day can have"));
        }
        let row = row::read(parts, &mut self.codes, self.number.as_ref())?;
        if !row::number_fits(self.sender, &row.number) {
            return Err(Flaw::Field("host's number"));
        }
        agrees("line number", &(self.count + 1), &row.line_no)?;
        self.count += 1;
        let out_of_range = |_| Flaw::Shape("a sum is out of range");
        let amount = row.amount().map_err(out_of_range)?;
        self.principal = self.principal.plus(row.principal).map_err(out_of_range)?;
        self.penalty = self.penalty.plus(row.penalty).map_err(out_of_range)?;
        self.total = self.total.plus(amount).map_err(out_of_range)?;
        self.per_code.resize(self.codes.len(), Rupiah::ZERO);
        if let Some(sum) = self.per_code.get_mut(usize::from(row.code.0)) {
            *sum = sum.plus(amount).map_err(out_of_range)?;
        }
        self.number = Some(row.number.clone());
        match &mut self.keep {
            Keep::Rows(rows) => rows.push(row),
            Keep::References(references) => references.push(row.reference),
        }
        Ok(())
    }

    /// Compares with the trailer; leaves the rows sorted by reference.
    fn agrees_with(&mut self, parts: &[std::borrow::Cow<'_, str>]) -> Result<(), Flaw> {
        let distinct = match &mut self.keep {
            Keep::Rows(rows) => {
                rows.sort_unstable_by_key(|row| (row.reference, row.line_no));
                rows.chunk_by(|a, b| a.reference == b.reference).count()
            }
            Keep::References(references) => {
                references.sort_unstable();
                references.chunk_by(|a, b| a == b).count()
            }
        };
        let sums = Sums {
            count: self.count,
            principal: self.principal,
            penalty: self.penalty,
            total: self.total,
            codes: &self.codes,
            per_code: &self.per_code,
        };
        sums.agree_with(parts, Some(distinct)).map(drop)
    }
}

/// What a trailer must say.
pub(crate) struct Sums<'a> {
    pub(crate) count: u32,
    pub(crate) principal: Rupiah,
    pub(crate) penalty: Rupiah,
    pub(crate) total: Rupiah,
    pub(crate) codes: &'a Codes,
    pub(crate) per_code: &'a [Rupiah],
}

impl Sums<'_> {
    /// Compares; how many references there are may be unknown as yet. Says how many the trailer counts.
    pub(crate) fn agree_with(
        &self,
        parts: &[std::borrow::Cow<'_, str>],
        distinct: Option<usize>,
    ) -> Result<u64, Flaw> {
        let [_, count, references, principal, penalty, total, per_code] = parts else {
            return Err(Flaw::Shape("a trailer has seven fields"));
        };
        agrees("count of rows", &self.count.to_string(), &count.to_string())?;
        if let Some(distinct) = distinct {
            agrees("count of references", &distinct.to_string(), &references.to_string())?;
        }
        agrees("sum of principals", &self.principal.get().to_string(), &principal.to_string())?;
        agrees("sum of penalties", &self.penalty.get().to_string(), &penalty.to_string())?;
        agrees("total", &self.total.get().to_string(), &total.to_string())?;
        let sums: Vec<String> = self
            .codes
            .names()
            .zip(self.per_code)
            .map(|(code, sum)| format!("{code}={}", sum.get()))
            .collect();
        agrees("totals per code", &sums.join(";"), &per_code.to_string())?;
        fields::count(references).ok_or(Flaw::Field("count of references"))
    }
}

impl Settlement {
    /// The rows of one reference, in the order of the file.
    #[must_use]
    pub fn rows_of(&self, reference: Reference) -> std::ops::Range<usize> {
        let from = self.rows.partition_point(|row| row.reference < reference);
        let to = from
            + self.rows.get(from..).unwrap_or_default().partition_point(|row| row.reference == reference);
        from..to
    }

    /// The key of one of its rows.
    #[must_use]
    pub fn key(&self, row: &Row) -> LineKey {
        LineKey {
            reference: row.reference,
            due_on: row.due_on,
            code: self.codes.name(row.code).into(),
            beneficiary: row.beneficiary,
            status: row.status,
        }
    }

    /// The number and time of a leg's rows if they are one whole booking: same number, same time, all `PAID`.
    #[must_use]
    pub fn booking(rows: &[Row]) -> Option<(Arc<str>, Timestamp)> {
        let first = rows.first()?;
        let whole = rows.iter().all(|row| {
            row.status == RowStatus::Paid && row.number == first.number && row.booked_at == first.booked_at
        });
        if whole { Some((first.number.clone(), first.booked_at)) } else { None }
    }
}

#[cfg(test)]
mod tests;
