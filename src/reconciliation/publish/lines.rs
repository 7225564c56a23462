//! Every classified line in canonical order, once: hashed, counted, proven, given its place, and handed on to be stored.
//!
//! Plain matches come packed from their spool, the others as items; no reference has both. What is handed on is bounded,
//! whatever the day's size.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::num::NonZeroUsize;
use std::sync::Arc;

use uuid::Uuid;

use crate::domain::{Authority, BusinessDate, Reference, RunId, Rupiah};
use crate::reconciliation::balance::{ByClass, Imbalance, Proof};
use crate::reconciliation::canonical::{self, Codes};
use crate::reconciliation::class::Class;
use crate::reconciliation::classify::Classification;
use crate::reconciliation::matched::{Chunk, Chunker};
use crate::reconciliation::packed::{self, Broken, Line};
use crate::reconciliation::report::{Input, Report};
use crate::reconciliation::result::{self, RULE_VERSION, ResultDigest, ResultLine};
use crate::reconciliation::spool::Cursor;

/// Bytes of packed matches that are read at once, and of canonical text that are hashed at once.
const STEP: usize = 64 * 1024;

/// Something to be stored.
#[derive(Debug)]
pub(super) enum Piece {
    /// Plain matches.
    Matched(Chunk),
    /// Any other lines, with their places.
    Lines(Vec<(i32, ResultLine)>),
}

/// Why the lines could not be written down.
#[derive(Debug, thiserror::Error)]
pub(super) enum WriteError {
    #[error("not balanced: {0}")]
    Imbalance(#[from] Imbalance),
    #[error("a spool of the night: {0}")]
    Spool(#[from] std::io::Error),
    #[error(transparent)]
    Broken(#[from] Broken),
    /// Whoever stores them has ended.
    #[error("nobody stores the lines")]
    Unheard,
}

/// Open cases of lines that a file lacked, by reference.
pub(super) type Watched = HashMap<Reference, Vec<String>>;

/// What the lines come to.
#[derive(Debug)]
pub(super) struct Summary {
    date: BusinessDate,
    inputs: Vec<Input>,
    result_sha256: [u8; 32],
    by_class: ByClass,
    lines: u64,
    resolved: BTreeSet<Uuid>,
    /// Watched lines that are plain matches now.
    pub(super) found: Vec<String>,
}

/// Goes through both sides. Blocks; `hand_on` says false when nobody takes any more.
pub(super) fn write(
    sides: &[Arc<Classification>],
    watched: &Watched,
    hand_on: impl FnMut(Piece) -> bool,
) -> Result<Summary, WriteError> {
    let hashes: Vec<(Authority, [u8; 32])> =
        sides.iter().map(|side| (side.file.header.sender, side.file.sha256)).collect();
    let date = sides.first().map(|side| side.file.header.date).ok_or(Broken)?;
    let mut writer = Writer {
        digest: ResultDigest::new(date, RULE_VERSION, &hashes),
        by_class: ByClass::default(),
        lines: 0,
        resolved: BTreeSet::new(),
        found: vec![],
        text: Vec::with_capacity(STEP + STEP / 4),
        rows: vec![],
        watched,
        hand_on,
    };
    for side in sides {
        writer.side(side)?;
    }
    Ok(Summary {
        date,
        inputs: sides.iter().map(|side| Input::of(&side.file)).collect(),
        result_sha256: writer.digest.finish(),
        by_class: writer.by_class,
        lines: writer.lines,
        resolved: writer.resolved,
        found: writer.found,
    })
}

struct Writer<'a, F> {
    digest: ResultDigest,
    by_class: ByClass,
    lines: u64,
    resolved: BTreeSet<Uuid>,
    found: Vec<String>,
    /// Canonical text that is not hashed yet.
    text: Vec<u8>,
    rows: Vec<(i32, ResultLine)>,
    watched: &'a Watched,
    hand_on: F,
}

impl<F: FnMut(Piece) -> bool> Writer<'_, F> {
    fn side(&mut self, side: &Classification) -> Result<(), WriteError> {
        let names: Vec<&str> = side.file.codes.names().collect();
        let codes = Codes::of(&names);
        let mut proof = Proof::new(&side.file);
        let mut chunker = Chunker::new(side.file.header.sender, names.len());
        let mut matches = Cursor::new(side.plain.whole(), STEP);
        let mut items = side.items.iter().peekable();
        let mut lines: Vec<Line> = vec![];
        loop {
            let next = matches.peek(&side.plain, 20)?.and_then(packed::reference);
            let before = |item: &&crate::reconciliation::matching::Item| {
                let key = result::key(&side.file, item).map(|key| key.reference.0.as_u128());
                next.is_none_or(|next| key.is_none_or(|key| key < next))
            };
            while let Some(item) = items.next_if(before) {
                proof.item(&side.file, item)?;
                self.thought(side, item)?;
            }
            if next.is_none() {
                break;
            }
            let len = matches
                .peek(&side.plain, 4)?
                .and_then(packed::length)
                .map(NonZeroUsize::get)
                .ok_or(Broken)?;
            let group = matches.peek(&side.plain, len)?.ok_or(Broken)?;
            lines.clear();
            let head = packed::unpack(group, &mut lines)?;
            for line in &lines {
                let amount = Rupiah::new(line.principal + line.penalty).map_err(Imbalance::from)?;
                proof.row(line.line_no, amount)?;
                proof.due(amount)?;
                self.by_class.add(Class::Matched, amount).map_err(Imbalance::from)?;
            }
            canonical::texts(&mut self.text, side.file.header.sender, (&head, &lines), &codes)?;
            if self.text.len() >= STEP {
                self.hash();
            }
            self.watch(Reference(Uuid::from_u128(head.reference)), &lines, &codes)?;
            let first = self.next_place();
            self.lines += lines.len() as u64;
            let full = chunker.add((head.reference, group), &lines, first, &names);
            matches.skip(len);
            self.store(full)?;
        }
        let last = chunker.close(&names);
        self.store(last)?;
        self.hash();
        self.flush()?;
        Ok(proof.close(&side.file, side.due)?)
    }

    fn thought(
        &mut self,
        side: &Classification,
        item: &crate::reconciliation::matching::Item,
    ) -> Result<(), WriteError> {
        let Some(line) = result::line(&side.file, item) else { return Ok(()) };
        self.hash();
        self.digest.add(&line);
        self.by_class.add(item.class, line.amount().unwrap_or(Rupiah::ZERO)).map_err(Imbalance::from)?;
        if item.class == Class::DoubtResolved {
            self.resolved.insert(line.reference);
        }
        let place = self.next_place();
        self.lines += 1;
        self.rows.push((place, line));
        if self.rows.len() >= super::BATCH { self.flush() } else { Ok(()) }
    }

    fn next_place(&self) -> i32 {
        i32::try_from(self.lines + 1).unwrap_or(i32::MAX)
    }

    fn hash(&mut self) {
        self.digest.add_text(&self.text);
        self.text.clear();
    }

    /// Notes the open cases that a plain match answers.
    fn watch(&mut self, reference: Reference, lines: &[Line], codes: &Codes) -> Result<(), Broken> {
        let Some(keys) = self.watched.get(&reference) else { return Ok(()) };
        for line in lines {
            let key = crate::reconciliation::ours::LineKey {
                reference,
                due_on: packed::day_of(line.due_on).ok_or(Broken)?,
                code: codes.name(line.code).ok_or(Broken)?.into(),
                beneficiary: packed::payee_of(line.payee).ok_or(Broken)?,
                status: line.status,
            };
            let key = key.to_string();
            if keys.contains(&key) {
                self.found.push(key);
            }
        }
        Ok(())
    }

    fn store(&mut self, chunk: Option<Chunk>) -> Result<(), WriteError> {
        match chunk {
            Some(chunk) => self.hand_on(Piece::Matched(chunk)),
            None => Ok(()),
        }
    }

    fn flush(&mut self) -> Result<(), WriteError> {
        let rows = std::mem::take(&mut self.rows);
        if rows.is_empty() { Ok(()) } else { self.hand_on(Piece::Lines(rows)) }
    }

    fn hand_on(&mut self, piece: Piece) -> Result<(), WriteError> {
        if (self.hand_on)(piece) { Ok(()) } else { Err(WriteError::Unheard) }
    }
}

impl Summary {
    pub(super) fn report(self, run_id: RunId, revision: i32, (opened, carried): (u64, u64)) -> Report {
        let counts: BTreeMap<String, u64> = self.by_class.counts();
        Report {
            date: self.date,
            run_id,
            revision,
            inputs: self.inputs,
            counts,
            amounts: self.by_class.amounts(),
            balanced: true,
            result_sha256: hex::encode(self.result_sha256),
            cases_opened: opened,
            cases_carried: carried,
            doubts_resolved: self.resolved.len() as u64,
            seconds: 0,
            lines: self.lines,
        }
    }
}
