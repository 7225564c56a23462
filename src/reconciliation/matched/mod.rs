//! The matched lines as they are stored: packed, in chunks, in canonical order, each line with its place among all.
//!
//! A chunk is the version of this form, the codes that it names, and its groups, each after the number of places that
//! lie between it and the group before (lines that stand in rows of their own). It can be read by itself.

use super::canonical::{self, Codes};
use super::ours::LineKey;
use super::packed::{self, Broken, Head, Line, Rest, put};
use super::result::ResultLine;
use crate::domain::{Authority, Reference, Rupiah};

/// The form's version, a chunk's first byte.
const VERSION: u8 = 1;
/// A chunk is closed at this size: a page of lines reads one, and a million lines make 400.
const CHUNK_BYTES: usize = 64 * 1024;

/// Some matched lines of one authority.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Chunk {
    pub(crate) authority: Authority,
    /// Places of its first and last line among the run's lines.
    pub(crate) first: i32,
    pub(crate) last: i32,
    pub(crate) count: i32,
    pub(crate) first_reference: Reference,
    pub(crate) last_reference: Reference,
    pub(crate) bytes: Vec<u8>,
}

/// Fills chunks.
#[derive(Debug)]
pub(crate) struct Chunker {
    open: Option<Chunk>,
    used: Vec<bool>,
    authority: Authority,
}

impl Chunker {
    /// Begins with an authority whose file has so many codes.
    pub(crate) fn new(authority: Authority, codes: usize) -> Self {
        Self { open: None, used: vec![false; codes], authority }
    }

    /// Adds a packed group whose lines have the places from `first` on; gives back the chunk that it fills.
    pub(crate) fn add(
        &mut self,
        (reference, group): (u128, &[u8]),
        lines: &[Line],
        first: i32,
        names: &[&str],
    ) -> Option<Chunk> {
        let reference = Reference(uuid::Uuid::from_u128(reference));
        let count = i32::try_from(lines.len()).unwrap_or(i32::MAX);
        let chunk = self.open.get_or_insert_with(|| Chunk {
            authority: self.authority,
            first,
            last: first - 1,
            count: 0,
            first_reference: reference,
            last_reference: reference,
            bytes: vec![],
        });
        put(&mut chunk.bytes, u64::try_from(first - chunk.last - 1).unwrap_or_default());
        chunk.bytes.extend_from_slice(group);
        chunk.last = first + count - 1;
        chunk.count += count;
        chunk.last_reference = reference;
        for line in lines {
            if let Some(used) = self.used.get_mut(usize::from(line.code)) {
                *used = true;
            }
        }
        if chunk.bytes.len() >= CHUNK_BYTES { self.close(names) } else { None }
    }

    /// Closes the chunk that is being filled.
    pub(crate) fn close(&mut self, names: &[&str]) -> Option<Chunk> {
        let mut chunk = self.open.take()?;
        let used = || self.used.iter().zip(names).enumerate().filter(|(_, (used, _))| **used);
        let mut bytes = Vec::with_capacity(chunk.bytes.len() + 64);
        bytes.push(VERSION);
        put(&mut bytes, used().count() as u64);
        for (code, (_, name)) in used() {
            put(&mut bytes, code as u64);
            bytes.push(u8::try_from(name.len()).unwrap_or_default());
            bytes.extend_from_slice(name.as_bytes());
        }
        bytes.append(&mut chunk.bytes);
        chunk.bytes = bytes;
        self.used.fill(false);
        Some(chunk)
    }
}

/// A stored chunk, read group by group.
pub(crate) struct Reader<'a> {
    rest: Rest<'a>,
    authority: Authority,
    codes: Codes,
    next: i32,
    lines: Vec<Line>,
}

/// A group of matched lines.
pub(crate) struct Group<'r, 'a> {
    authority: Authority,
    codes: &'r Codes,
    head: Head<'a>,
    lines: &'r [Line],
    first: i32,
}

impl<'a> Reader<'a> {
    /// Begins to read a chunk whose first line has that place.
    pub(crate) fn new(authority: Authority, first: i32, bytes: &'a [u8]) -> Result<Self, Broken> {
        let mut rest = Rest(bytes);
        let [version] = rest.array()?;
        if version != VERSION {
            return Err(Broken);
        }
        let mut codes = Codes::default();
        for _ in 0..rest.number()? {
            let code = u16::try_from(rest.number()?).map_err(|_| Broken)?;
            codes.add(code, rest.text()?);
        }
        Ok(Self { rest, authority, codes, next: first, lines: vec![] })
    }

    /// The next group.
    pub(crate) fn next(&mut self) -> Result<Option<Group<'_, 'a>>, Broken> {
        if self.rest.0.is_empty() {
            return Ok(None);
        }
        let skipped = i32::try_from(self.rest.number()?).map_err(|_| Broken)?;
        let group = self.rest.take(packed::length(self.rest.0).ok_or(Broken)?.get())?;
        self.lines.clear();
        let head = packed::unpack(group, &mut self.lines)?;
        let first = self.next.checked_add(skipped).ok_or(Broken)?;
        let count = i32::try_from(self.lines.len()).map_err(|_| Broken)?;
        self.next = first.checked_add(count).ok_or(Broken)?;
        Ok(Some(Group { authority: self.authority, codes: &self.codes, head, lines: &self.lines, first }))
    }
}

impl Group<'_, '_> {
    /// Whose rows.
    pub(crate) fn reference(&self) -> Reference {
        Reference(uuid::Uuid::from_u128(self.head.reference))
    }

    /// Its lines with their places, in numbers.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (i32, &Line)> {
        (self.first..).zip(self.lines)
    }

    /// The name of one of its codes.
    pub(crate) fn code(&self, line: &Line) -> Result<&str, Broken> {
        self.codes.name(line.code).ok_or(Broken)
    }

    /// The place of its first line.
    pub(crate) const fn first(&self) -> i32 {
        self.first
    }

    /// What names a line in both books.
    pub(crate) fn key(&self, line: &Line) -> Result<LineKey, Broken> {
        Ok(LineKey {
            reference: self.reference(),
            due_on: packed::day_of(line.due_on).ok_or(Broken)?,
            code: self.code(line)?.into(),
            beneficiary: packed::payee_of(line.payee).ok_or(Broken)?,
            status: line.status,
        })
    }

    /// Adds the canonical text of each line.
    pub(crate) fn text(&self, out: &mut Vec<u8>) -> Result<(), Broken> {
        canonical::texts(out, self.authority, (&self.head, self.lines), self.codes)
    }

    /// A line as it is shown.
    pub(crate) fn line(&self, line: &Line) -> Result<ResultLine, Broken> {
        let money = |amount| Rupiah::new(amount).map(Some).map_err(|_| Broken);
        Ok(ResultLine {
            class: super::class::Class::Matched.as_str().to_owned(),
            note: String::new(),
            authority: self.authority.as_str().to_owned(),
            reference: self.reference().0,
            due_on: packed::day_of(line.due_on).ok_or(Broken)?,
            code: self.code(line)?.to_owned(),
            beneficiary: packed::payee_of(line.payee).ok_or(Broken)?.to_string(),
            status: line.status.as_str().to_owned(),
            number: Some(self.head.number.to_owned()),
            document_id: Some(super::row::DocumentId::of(self.head.document).to_string()),
            plate: self.head.plate.to_owned(),
            here_principal: money(line.principal)?,
            here_penalty: money(line.penalty)?,
            there_principal: money(line.principal)?,
            there_penalty: money(line.penalty)?,
            line_no: i32::try_from(line.line_no).ok(),
            ours: None,
        })
    }
}

#[cfg(test)]
mod tests;
