//! One block of a file's lines: read, packed and sorted by reference, by itself and beside its neighbours.
//!
//! Lines that look as every line of a busy day looks are read in place, and what a line shares with the one before it is
//! compared instead of read again. Anything else is read by the strict reader's own code, line by line. Whatever does
//! not fit is no complaint here: the strict reader, asked about the whole file, finds its words for it.

use std::borrow::Cow;

use super::quick::Quick;
use crate::domain::{Authority, Timestamp};
use crate::reconciliation::packed::{self, Head, Line};
use crate::reconciliation::row::{self, Codes, Row};
use crate::reconciliation::{fields, packed::pack};

/// Something in a block is not as it must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Trouble;

/// What a block holds.
#[derive(Debug, Default)]
pub(super) struct Block {
    /// How many rows, and the number of the first.
    pub(super) count: u32,
    pub(super) first: Option<u32>,
    /// Its rows, sorted by reference: [`BOOKED`] bytes and a group each. Codes by the block's own numbering.
    pub(super) run: Vec<u8>,
    pub(super) codes: Codes,
    pub(super) sums: Vec<CodeSums>,
    /// The trailer, if the block ends with it.
    pub(super) trailer: Option<String>,
}

/// What a code's rows add up to; wide enough for any block.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct CodeSums {
    pub(super) principal: i128,
    pub(super) penalty: i128,
    /// Without signs.
    pub(super) absolute: i128,
}

/// Bytes before each group of a run: when its rows were booked.
pub(crate) const BOOKED: usize = 12;

/// Reads a block of whole lines.
pub(super) fn read(bytes: &[u8], sender: Authority) -> Result<Block, Trouble> {
    let mut packer =
        Packer { block: Block::default(), groups: vec![], arena: vec![], lines: vec![], head: None };
    let mut quick = Quick::new(sender);
    let mut slow = vec![];
    for line in bytes.strip_suffix(b"\n").unwrap_or(bytes).split(|byte| *byte == b'\n') {
        if packer.block.trailer.is_some() || line.len() >= fields::LINE_BYTES_MAX {
            return Err(Trouble);
        }
        if let Some(read) = quick.read(line, &mut packer.block.codes) {
            packer.add(quick.head(), quick.booked_at(), read)?;
            continue;
        }
        let text = std::str::from_utf8(line).map_err(|_| Trouble)?;
        fields::split(text, &mut slow).map_err(|_| Trouble)?;
        match slow.first().map(AsRef::as_ref) {
            Some("D") => packer.add_slowly(&slow, sender)?,
            Some("T") => packer.block.trailer = Some(text.to_owned()),
            _ => return Err(Trouble),
        }
        slow.clear();
    }
    Ok(packer.finish())
}

struct Packer<'a> {
    block: Block,
    /// Reference and place of each packed group, in the order of the file.
    groups: Vec<(u128, usize, usize)>,
    arena: Vec<u8>,
    lines: Vec<Line>,
    head: Option<(Head<'a>, Timestamp)>,
}

impl<'a> Packer<'a> {
    fn add(&mut self, head: Head<'a>, booked_at: Timestamp, line: Line) -> Result<(), Trouble> {
        let first = *self.block.first.get_or_insert(line.line_no);
        if first.checked_add(self.block.count) != Some(line.line_no) {
            return Err(Trouble);
        }
        self.block.count += 1;
        self.block.sums.resize(self.block.codes.len(), CodeSums::default());
        let sums = self.block.sums.get_mut(usize::from(line.code)).ok_or(Trouble)?;
        let (principal, penalty) = (i128::from(line.principal), i128::from(line.penalty));
        sums.principal += principal;
        sums.penalty += penalty;
        sums.absolute += principal.abs() + penalty.abs();
        if self.head != Some((head, booked_at)) {
            self.close();
            self.head = Some((head, booked_at));
        }
        self.lines.push(line);
        Ok(())
    }

    fn add_slowly(&mut self, parts: &[Cow<'_, str>], sender: Authority) -> Result<(), Trouble> {
        let row = row::read(parts, &mut self.block.codes, None).map_err(|_| Trouble)?;
        if !row::number_fits(sender, &row.number) {
            return Err(Trouble);
        }
        self.close();
        self.head = None;
        let Row { reference, ref number, document, ref plate, booked_at, .. } = row;
        let line = Line {
            due_on: packed::day_number(row.due_on),
            code: row.code.0,
            payee: packed::payee_number(row.beneficiary),
            status: row.status,
            line_no: row.line_no,
            principal: row.principal.get(),
            penalty: row.penalty.get(),
        };
        let head = Head {
            reference: reference.0.as_u128(),
            number,
            document: document.number(),
            plate: plate.as_str(),
        };
        let mut alone = Packer {
            block: std::mem::take(&mut self.block),
            groups: vec![],
            arena: vec![],
            lines: vec![],
            head: None,
        };
        alone.add(head, booked_at, line)?;
        alone.close();
        self.block = alone.block;
        let begins = self.arena.len();
        self.arena.extend_from_slice(&alone.arena);
        self.groups.push((head.reference, begins, self.arena.len()));
        Ok(())
    }

    fn close(&mut self) {
        let Some((head, booked_at)) = self.head.take() else { return };
        let begins = self.arena.len();
        self.arena.extend_from_slice(&booked_at.timestamp().to_le_bytes());
        self.arena.extend_from_slice(&booked_at.timestamp_subsec_nanos().to_le_bytes());
        pack(&mut self.arena, &head, &self.lines);
        self.lines.clear();
        self.groups.push((head.reference, begins, self.arena.len()));
    }

    fn finish(mut self) -> Block {
        self.close();
        // Stable: rows of one reference keep the order of the file.
        self.groups.sort_by_key(|(reference, ..)| *reference);
        let mut run = Vec::with_capacity(self.arena.len());
        for (_, begins, ends) in &self.groups {
            run.extend_from_slice(self.arena.get(*begins..*ends).unwrap_or_default());
        }
        Block { run, ..self.block }
    }
}

#[cfg(test)]
mod tests;
