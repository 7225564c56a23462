//! A file on its way in: hashed, read and compressed as it comes, block by block, and kept beside memory.
//!
//! Promises the strict reader's verdict in a tenth of its time: a file is staged only when every line, the numbering and
//! the trailer are as the strict reader wants them; in any other case that reader is asked, and its complaint counts.
//! Memory holds a few blocks of the file, never the file. Whether references are as many as the trailer says is known
//! once the runs are merged.

mod block;
mod quick;

use std::collections::VecDeque;
use std::io;

use aws_lc_rs::digest;
use tokio::task::JoinHandle;

pub(crate) use block::BOOKED;
use block::{Block, CodeSums, Trouble};

use super::row::Codes;
use super::settlement::{self, Complaint, Flaw, Header, ROWS_MAX, Settlement, Sums};
use super::spool::{Piece, Spool, SpoolDir};
use super::{fields, settlement::header};
use crate::domain::{Authority, BusinessDate, MoneyError, Rupiah};
use crate::upstream::{Download, FileSignature, SettlementError};

/// Bytes of a file that are read, packed and kept together.
const BLOCK: usize = 1024 * 1024;
/// Blocks of one file that are read at once.
const AT_ONCE: usize = 3;
/// Level of the compression: the fastest that finds what a file's lines repeat.
const ZSTD_LEVEL: i32 = 1;

/// Why a file is not staged.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StageError {
    /// The host gave none.
    #[error(transparent)]
    Host(#[from] SettlementError),
    /// It is broken in itself.
    #[error(transparent)]
    Refused(#[from] Complaint),
    /// It cannot be kept or read here.
    #[error("a spool of the night: {0}")]
    Spool(#[from] io::Error),
    /// A reader died.
    #[error("the file could not be read: {0}")]
    Reader(#[from] tokio::task::JoinError),
}

/// A file that is consistent in itself, and where its bytes and rows are.
#[derive(Debug)]
pub(crate) struct Staged {
    /// What it says, without its rows.
    pub(crate) file: Settlement,
    pub(crate) signature: FileSignature,
    /// How many references its trailer counts.
    pub(crate) references: u64,
    pub(crate) bytes: Kept,
    pub(crate) runs: Runs,
}

/// A file's exact bytes in compressed parts.
#[derive(Debug)]
pub(crate) struct Kept {
    spool: Spool,
    parts: Vec<Piece>,
}

/// A file's rows, sorted within each block.
#[derive(Debug)]
pub(crate) struct Runs {
    pub(crate) spool: Spool,
    pub(crate) runs: Vec<Run>,
}

/// One block's rows.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) piece: Piece,
    /// The file's number of each of the block's codes.
    pub(crate) codes: Vec<u16>,
}

/// Takes a file in, whole or not at all.
pub(crate) async fn stage(
    mut download: Download<'_>,
    (sender, date): (Authority, BusinessDate),
    spools: &SpoolDir,
) -> Result<Staged, StageError> {
    let mut intake = Intake::new(sender, date, spools)?;
    let mut reading: VecDeque<JoinHandle<Read>> = VecDeque::new();
    let mut digest = digest::Context::new(&digest::SHA256);
    let mut bytes = Vec::with_capacity(BLOCK + BLOCK / 4);
    loop {
        let more = download.next(&mut bytes).await?;
        if more && bytes.len() < BLOCK {
            continue;
        }
        let cut = if more { last_line(&bytes) } else { bytes.len() };
        let rest = bytes.split_off(cut);
        let block = std::mem::replace(&mut bytes, Vec::with_capacity(BLOCK + BLOCK / 4));
        bytes.extend_from_slice(&rest);
        if !block.is_empty() {
            digest.update(&block);
            if reading.len() >= AT_ONCE
                && let Some(oldest) = reading.pop_front()
            {
                intake.take(oldest.await?)?;
            }
            let place = if intake.begun { Place::Later } else { Place::First };
            intake.begun = true;
            reading.push_back(tokio::task::spawn_blocking(move || read(&block, sender, place)));
        }
        if !more {
            break;
        }
    }
    for block in reading {
        intake.take(block.await?)?;
    }
    let mut sha256 = [0; 32];
    sha256.copy_from_slice(digest.finish().as_ref());
    let signature = download.finish(&hex::encode(sha256))?;
    let (staged, kept) = intake.finish(sha256);
    let Ok((file, references, runs)) = staged else {
        let judged = tokio::task::spawn_blocking(move || judge(&kept, sender, date)).await?;
        return Err(judged.into());
    };
    Ok(Staged { file, signature, references, bytes: kept, runs })
}

/// Where the last whole line ends; everything when there is none, which is then no line of any file.
fn last_line(bytes: &[u8]) -> usize {
    bytes.iter().rposition(|byte| *byte == b'\n').map_or(bytes.len(), |at| at + 1)
}

/// The strict reader's words for what is wrong with a file.
pub(crate) fn judge(kept: &Kept, sender: Authority, date: BusinessDate) -> Complaint {
    let unsure =
        Complaint { sender, date, line: 1, flaw: Flaw::Shape("the file reads otherwise a second time") };
    settlement::judge(io::BufReader::new(kept.reader()), sender, date).err().unwrap_or(unsure)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    First,
    Later,
}

struct Read {
    head: Option<String>,
    block: Result<Block, Trouble>,
    compressed: io::Result<Vec<u8>>,
}

fn read(bytes: &[u8], sender: Authority, place: Place) -> Read {
    let compressed = zstd::bulk::compress(bytes, ZSTD_LEVEL);
    let head_ends =
        bytes.iter().position(|byte| *byte == b'\n').map(|at| at + 1).filter(|_| place == Place::First);
    let (head, rest) = bytes.split_at(head_ends.unwrap_or_default());
    let head = std::str::from_utf8(head).ok().and_then(|head| head.strip_suffix('\n')).map(str::to_owned);
    let block = if rest.is_empty() { Ok(Block::default()) } else { block::read(rest, sender) };
    Read { head, block, compressed }
}

struct Intake {
    sender: Authority,
    date: BusinessDate,
    begun: bool,
    header: Option<Header>,
    trailer: Option<String>,
    trouble: bool,
    count: u32,
    codes: Codes,
    sums: Vec<CodeSums>,
    kept: Kept,
    runs: Runs,
}

impl Intake {
    fn new(sender: Authority, date: BusinessDate, spools: &SpoolDir) -> io::Result<Self> {
        Ok(Self {
            sender,
            date,
            begun: false,
            header: None,
            trailer: None,
            trouble: false,
            count: 0,
            codes: Codes::default(),
            sums: vec![],
            kept: Kept { spool: spools.open()?, parts: vec![] },
            runs: Runs { spool: spools.open()?, runs: vec![] },
        })
    }

    fn take(&mut self, read: Read) -> io::Result<()> {
        self.kept.parts.push(self.kept.spool.append(&read.compressed?)?);
        if self.header.is_none() {
            let head = read.head.as_deref().and_then(|head| header(head, self.sender, self.date).ok());
            self.trouble |= head.is_none();
            self.header = head;
        }
        match read.block {
            Ok(block) if !self.trouble => {
                let piece = self.runs.spool.append(&block.run)?;
                match self.fit(block) {
                    Ok(codes) => self.runs.runs.push(Run { piece, codes }),
                    Err(Trouble) => self.trouble = true,
                }
            }
            Ok(_) => {}
            Err(Trouble) => self.trouble = true,
        }
        Ok(())
    }

    /// Whether a block goes on where the last one ended; gives its codes their numbers in the file.
    fn fit(&mut self, block: Block) -> Result<Vec<u16>, Trouble> {
        let goes_on = block.first.is_none_or(|first| first == self.count + 1);
        let count = self.count.checked_add(block.count).filter(|count| *count as usize <= ROWS_MAX);
        if self.trailer.is_some() || !goes_on {
            return Err(Trouble);
        }
        self.count = count.ok_or(Trouble)?;
        self.trailer = block.trailer;
        let mut codes = vec![];
        for (name, sums) in block.codes.names().zip(&block.sums) {
            let code = self.codes.take(name).map_err(|_| Trouble)?.0;
            self.sums.resize(self.codes.len(), CodeSums::default());
            let total = self.sums.get_mut(usize::from(code)).ok_or(Trouble)?;
            total.principal += sums.principal;
            total.penalty += sums.penalty;
            total.absolute += sums.absolute;
            codes.push(code);
        }
        Ok(codes)
    }

    fn finish(self, sha256: [u8; 32]) -> (Result<(Settlement, u64, Runs), Trouble>, Kept) {
        let Self { header, trailer, trouble, count, codes, sums, kept, runs, .. } = self;
        let agreed = match (header, trailer) {
            (Some(header), Some(trailer)) if !trouble => {
                agree((count, codes, &sums), &trailer).map(|(codes, total, references)| {
                    (Settlement { header, count, rows: vec![], codes, total, sha256 }, references, runs)
                })
            }
            _ => Err(Trouble),
        };
        (agreed, kept)
    }
}

/// Compares with the trailer; says the total and how many references it counts.
fn agree(
    (count, codes, sums): (u32, Codes, &[CodeSums]),
    trailer: &str,
) -> Result<(Codes, Rupiah, u64), Trouble> {
    // While nothing is beyond an amount's range without its sign, no sum on the way was.
    rupiah(sums.iter().map(|sums| sums.absolute).sum()).map_err(|_| Trouble)?;
    let sum_of = |part: fn(&CodeSums) -> i128| rupiah(sums.iter().map(part).sum()).map_err(|_| Trouble);
    let (principal, penalty) = (sum_of(|sums| sums.principal)?, sum_of(|sums| sums.penalty)?);
    let total = principal.plus(penalty).map_err(|_| Trouble)?;
    let per_code: Result<Vec<Rupiah>, MoneyError> =
        sums.iter().map(|sums| rupiah(sums.principal + sums.penalty)).collect();
    let per_code = per_code.map_err(|_| Trouble)?;
    let mut parts = vec![];
    fields::split(trailer, &mut parts).map_err(|_| Trouble)?;
    let said = Sums { count, principal, penalty, total, codes: &codes, per_code: &per_code };
    let references = said.agree_with(&parts, None).map_err(|_| Trouble)?;
    Ok((codes, total, references))
}

fn rupiah(sum: i128) -> Result<Rupiah, MoneyError> {
    i64::try_from(sum).map_err(|_| MoneyError::OutOfRange).and_then(Rupiah::new)
}

impl Kept {
    /// How many parts there are.
    pub(crate) fn len(&self) -> usize {
        self.parts.len()
    }

    /// A few parts, compressed, beginning with the n-th.
    pub(crate) fn some(&self, from: usize, most: usize) -> io::Result<Vec<Vec<u8>>> {
        let parts = self.parts.iter().skip(from).take(most);
        parts.map(|piece| self.spool.read(*piece)).collect()
    }

    /// The file's bytes from its first to its last.
    fn reader(&self) -> KeptReader<'_> {
        KeptReader { kept: self, next: 0, part: io::Cursor::new(vec![]) }
    }
}

struct KeptReader<'a> {
    kept: &'a Kept,
    next: usize,
    part: io::Cursor<Vec<u8>>,
}

impl io::Read for KeptReader<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        loop {
            let n = self.part.read(out)?;
            let Some(piece) = self.kept.parts.get(self.next).filter(|_| n == 0 && !out.is_empty()) else {
                return Ok(n);
            };
            self.next += 1;
            self.part = io::Cursor::new(zstd::stream::decode_all(self.kept.spool.read(*piece)?.as_slice())?);
        }
    }
}

#[cfg(test)]
mod tests;
