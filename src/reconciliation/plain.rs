//! The plain matches: a booked leg of the date and the rows of its reference, the same line for line.
//!
//! A million lines have some hundreds that need thought. What needs none is recognised here, in one pass over two sorted
//! streams: a leg that nothing ever happened to, whose rows are its quote to the letter, all `PAID`, under its number,
//! bill and plate. The first pass would call every one of these lines MATCHED without a note. Everything else, rows and
//! legs, is handed on to be read whole and thought about. A reference is plain as a whole or not at all.

use std::sync::Arc;

use tokio::sync::mpsc::Receiver;

use super::balance::Tally;
use super::merge::{Groups, Merge, MergeError};
use super::ours::stream::{LegRow, LegRows, Quoted, quoted};
use super::packed::{self, Broken, Head, Line, pack};
use super::row::{Code, DocumentId, Row, RowStatus, ShortPlate};
use super::settlement::Settlement;
use super::spool::{Spool, SpoolDir};
use super::staging::{Runs, Staged};
use crate::domain::{MoneyError, Reference, Rupiah, Timestamp};

/// Matched lines are written in steps of this many bytes.
const STEP: usize = 256 * 1024;

/// What the pass made of a file and the legs of its date.
#[derive(Debug)]
pub(crate) struct Sorted {
    /// The plain matches: groups in the order of references, lines in canonical order.
    pub(crate) plain: Spool,
    /// The rows that need thought, sorted by reference, then in the order of the file.
    pub(crate) rows: Vec<Row>,
    /// The booked legs that need thought.
    pub(crate) legs: Vec<Reference>,
    /// What the plain legs owe the file, summed over our side alone.
    pub(crate) due: Tally,
    /// References in the file.
    pub(crate) references: u64,
}

/// Why the pass ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SortError {
    #[error(transparent)]
    Merge(#[from] MergeError),
    #[error("a sum is out of range")]
    OutOfRange(#[from] MoneyError),
}

impl From<Broken> for SortError {
    fn from(broken: Broken) -> Self {
        Self::Merge(broken.into())
    }
}

impl From<std::io::Error> for SortError {
    fn from(error: std::io::Error) -> Self {
        Self::Merge(error.into())
    }
}

/// Tells the plain matches from the rest. Blocks; `legs` gives the stream's bytes in the order of references.
pub(crate) fn sort(
    staged: &Staged,
    mut legs: Receiver<Vec<u8>>,
    spools: &SpoolDir,
) -> Result<Sorted, SortError> {
    let mut merge = Merge::new(&staged.runs)?;
    let mut stream = LegRows::default();
    let mut pass = Pass::new(&staged.file, &staged.runs, spools.open()?);
    let mut groups = Groups::default();
    loop {
        let leg = loop {
            // Looked at twice because a borrow that is returned from a loop would keep the stream from being fed.
            if stream.peek()?.is_some() {
                break stream.peek()?;
            }
            match legs.blocking_recv() {
                Some(bytes) => stream.feed(&bytes),
                None => break None,
            }
        };
        let Some((leg, len)) = leg else { break };
        let ours = leg.reference;
        while merge.peek().is_some_and(|theirs| theirs < ours) {
            merge.next(&mut groups)?;
            pass.think(&groups)?;
        }
        if merge.peek() == Some(ours) {
            merge.next(&mut groups)?;
            pass.compare(&leg, &groups)?;
        } else {
            pass.sorted.legs.push(reference(ours));
        }
        stream.skip(len);
    }
    while merge.next(&mut groups)? {
        pass.think(&groups)?;
    }
    pass.finish()
}

struct Pass<'a> {
    file: &'a Settlement,
    runs: &'a Runs,
    sorted: Sorted,
    out: Vec<u8>,
    lines: Vec<Line>,
    ours: Vec<Line>,
    /// Place of each code among the file's, by name.
    ranks: Vec<u16>,
    number: Option<Arc<str>>,
}

impl<'a> Pass<'a> {
    fn new(file: &'a Settlement, runs: &'a Runs, plain: Spool) -> Self {
        let names: Vec<&str> = file.codes.names().collect();
        let rank = |name: &&str| names.iter().filter(|other| *other < name).count();
        let ranks = names.iter().map(|name| u16::try_from(rank(name)).unwrap_or(u16::MAX)).collect();
        let sorted = Sorted { plain, rows: vec![], legs: vec![], due: Tally::default(), references: 0 };
        Self { file, runs, sorted, out: vec![], lines: vec![], ours: vec![], ranks, number: None }
    }

    /// Hands rows on.
    fn think(&mut self, groups: &Groups) -> Result<(), SortError> {
        self.sorted.references += 1;
        self.lines.clear();
        let (rows, number) = (&mut self.sorted.rows, &mut self.number);
        let begins = rows.len();
        let mut broken = false;
        groups.each(self.runs, &mut self.lines, |head, booked_at, lines| {
            let shared = number.take().filter(|number| **number == *head.number);
            let shared = shared.unwrap_or_else(|| head.number.into());
            for line in lines.drain(..) {
                match row(&head, booked_at, &line, &shared) {
                    Some(row) => rows.push(row),
                    None => broken = true,
                }
            }
            *number = Some(shared);
        })?;
        rows.get_mut(begins..).unwrap_or_default().sort_unstable_by_key(|row| row.line_no);
        if broken { Err(Broken.into()) } else { Ok(()) }
    }

    /// Writes a leg's rows down as plain, or hands both on.
    fn compare(&mut self, leg: &LegRow<'_>, groups: &Groups) -> Result<(), SortError> {
        if self.is_plain(leg, groups)? {
            self.sorted.references += 1;
            for line in &self.ours {
                let (principal, penalty) = (Rupiah::new(line.principal)?, Rupiah::new(line.penalty)?);
                self.sorted.due.add(principal.plus(penalty)?)?;
            }
            let Some(document) = DocumentId::parse(leg.document) else { return Err(Broken.into()) };
            let head = Head {
                reference: leg.reference,
                number: leg.number,
                document: document.number(),
                plate: leg.plate,
            };
            pack(&mut self.out, &head, &self.lines);
            if self.out.len() >= STEP {
                self.sorted.plain.append(&self.out)?;
                self.out.clear();
            }
            return Ok(());
        }
        self.sorted.legs.push(reference(leg.reference));
        self.think(groups)
    }

    /// Leaves the rows in canonical order in `lines`, and ours beside them.
    fn is_plain(&mut self, leg: &LegRow<'_>, groups: &Groups) -> Result<bool, SortError> {
        let Some(document) = DocumentId::parse(leg.document).filter(|_| !leg.is_odd) else {
            return Ok(false);
        };
        self.lines.clear();
        let mut same = true;
        groups.each(self.runs, &mut self.lines, |head, _, _| {
            same &=
                head.number == leg.number && head.plate == leg.plate && head.document == document.number();
        })?;
        if !same || self.ours(leg).is_none() || self.ours.len() != self.lines.len() {
            return Ok(false);
        }
        let ranks = &self.ranks;
        let key = |line: &Line| {
            let rank = ranks.get(usize::from(line.code)).copied().unwrap_or(u16::MAX);
            (line.due_on, rank, line.payee, line.status)
        };
        self.lines.sort_unstable_by_key(key);
        self.ours.sort_unstable_by_key(key);
        let twice = self.lines.windows(2).any(|two| matches!(two, [a, b] if key(a) == key(b)));
        let agree = self.lines.iter().zip(&self.ours).all(|(row, line)| {
            row.status == RowStatus::Paid
                && key(row) == key(line)
                && row.code == line.code
                && (row.principal, row.penalty) == (line.principal, line.penalty)
        });
        Ok(agree && !twice && !self.lines.is_empty())
    }

    /// Reads the leg's quote; nothing when it names what the file does not know.
    fn ours(&mut self, leg: &LegRow<'_>) -> Option<()> {
        // The lines borrow from the leg, so that their list cannot be kept between legs.
        let mut lines: Vec<Quoted<'_>> = Vec::with_capacity(12);
        quoted(leg.periods, &mut lines)?;
        self.ours.clear();
        for line in lines {
            let code = self.file.codes.number(std::str::from_utf8(line.code).ok()?)?;
            self.ours.push(Line {
                due_on: packed::day_in(line.due_on)?,
                code: code.0,
                payee: packed::payee_in(line.payee)?,
                status: RowStatus::Paid,
                line_no: 0,
                principal: line.principal,
                penalty: line.penalty,
            });
        }
        Some(())
    }

    fn finish(mut self) -> Result<Sorted, SortError> {
        self.sorted.plain.append(&self.out)?;
        Ok(self.sorted)
    }
}

const fn reference(number: u128) -> Reference {
    Reference(uuid::Uuid::from_u128(number))
}

fn row(head: &Head<'_>, booked_at: Timestamp, line: &Line, number: &Arc<str>) -> Option<Row> {
    Some(Row {
        line_no: line.line_no,
        reference: reference(head.reference),
        number: number.clone(),
        document: DocumentId::of(head.document),
        plate: ShortPlate::parse(head.plate)?,
        due_on: packed::day_of(line.due_on)?,
        code: Code(line.code),
        beneficiary: packed::payee_of(line.payee)?,
        principal: Rupiah::new(line.principal).ok()?,
        penalty: Rupiah::new(line.penalty).ok()?,
        booked_at,
        status: line.status,
    })
}
