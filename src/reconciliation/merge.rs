//! A file's runs as one: references in their order, each with all its rows.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;
use std::num::NonZeroUsize;

use super::packed::{self, Broken, Head, Line};
use super::spool::Cursor;
use super::staging::{BOOKED, Runs};
use crate::domain::Timestamp;

/// Bytes of a run that are read at once: ten million lines have 1,600 runs.
const STEP: usize = 8 * 1024;

/// Why the runs cannot be read back.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MergeError {
    #[error("a spool of the night: {0}")]
    Spool(#[from] io::Error),
    #[error(transparent)]
    Broken(#[from] Broken),
}

/// The runs of a file, read side by side.
pub(crate) struct Merge<'a> {
    runs: &'a Runs,
    cursors: Vec<Cursor>,
    /// The next reference of each run that is not at its end.
    next: BinaryHeap<Reverse<(u128, usize)>>,
}

/// The groups of one reference, in the order of the file.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    pub(crate) reference: u128,
    bytes: Vec<u8>,
    /// Where each begins and of which run it is.
    spans: Vec<(usize, usize)>,
}

impl<'a> Merge<'a> {
    /// Opens every run.
    pub(crate) fn new(runs: &'a Runs) -> Result<Self, MergeError> {
        let cursors = runs.runs.iter().map(|run| Cursor::new(run.piece, STEP)).collect();
        let mut merge = Self { runs, cursors, next: BinaryHeap::new() };
        for run in 0..merge.cursors.len() {
            merge.offer(run)?;
        }
        Ok(merge)
    }

    /// The next reference.
    pub(crate) fn peek(&self) -> Option<u128> {
        self.next.peek().map(|Reverse((reference, _))| *reference)
    }

    /// Takes the next reference's groups; false at the end.
    pub(crate) fn next(&mut self, groups: &mut Groups) -> Result<bool, MergeError> {
        groups.bytes.clear();
        groups.spans.clear();
        let Some(reference) = self.peek() else { return Ok(false) };
        groups.reference = reference;
        while self.peek() == Some(reference) {
            let Some(Reverse((_, run))) = self.next.pop() else { break };
            let cursor = self.cursors.get_mut(run).ok_or(Broken)?;
            let first = cursor.peek(&self.runs.spool, BOOKED + 4)?.and_then(|first| first.get(BOOKED..));
            let len = BOOKED + first.and_then(packed::length).map(NonZeroUsize::get).ok_or(Broken)?;
            let entry = cursor.peek(&self.runs.spool, len)?.ok_or(Broken)?;
            groups.spans.push((groups.bytes.len(), run));
            groups.bytes.extend_from_slice(entry);
            cursor.skip(len);
            self.offer(run)?;
        }
        Ok(true)
    }

    fn offer(&mut self, run: usize) -> Result<(), MergeError> {
        let cursor = self.cursors.get_mut(run).ok_or(Broken)?;
        if let Some(first) = cursor.peek(&self.runs.spool, BOOKED + 20)? {
            let reference = first.get(BOOKED..).and_then(packed::reference).ok_or(Broken)?;
            self.next.push(Reverse((reference, run)));
        }
        Ok(())
    }
}

impl Groups {
    /// Each group with its lines, codes by the file's numbering; lines go to the end of `lines`.
    pub(crate) fn each<'g>(
        &'g self,
        runs: &'g Runs,
        lines: &mut Vec<Line>,
        mut take: impl FnMut(Head<'g>, Timestamp, &mut Vec<Line>),
    ) -> Result<(), Broken> {
        for (at, run) in &self.spans {
            let entry = self.bytes.get(*at..).ok_or(Broken)?;
            let (booked, group) = entry.split_at_checked(BOOKED).ok_or(Broken)?;
            let group = group.get(..packed::length(group).ok_or(Broken)?.get()).ok_or(Broken)?;
            let begins = lines.len();
            let head = packed::unpack(group, lines)?;
            let codes = &runs.runs.get(*run).ok_or(Broken)?.codes;
            for line in lines.iter_mut().skip(begins) {
                line.code = *codes.get(usize::from(line.code)).ok_or(Broken)?;
            }
            take(head, time(booked)?, lines);
        }
        Ok(())
    }
}

fn time(booked: &[u8]) -> Result<Timestamp, Broken> {
    let mut rest = packed::Rest(booked);
    let (seconds, nanos) = (i64::from_le_bytes(rest.array()?), u32::from_le_bytes(rest.array()?));
    Timestamp::from_timestamp(seconds, nanos).ok_or(Broken)
}
