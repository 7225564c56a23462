//! Files of a night under way: written once, front to back, read at any place, gone with the process.
//!
//! They hold what memory should not: a file's parts, its rows in runs, the matched lines. A spool has no name once it is
//! open, so that a killed night leaves nothing behind.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Where spools are made.
#[derive(Debug, Clone)]
pub struct SpoolDir(PathBuf);

impl SpoolDir {
    /// The configured folder, or the system's for temporary files.
    #[must_use]
    pub fn new(configured: &str) -> Self {
        Self(if configured.is_empty() { std::env::temp_dir() } else { Path::new(configured).to_owned() })
    }

    /// The folder.
    pub(crate) fn folder(&self) -> &Path {
        &self.0
    }

    /// A new spool, for this process alone.
    ///
    /// # Errors
    /// [`io::Error`] when no file can be made there.
    pub(crate) fn open(&self) -> io::Result<Spool> {
        Ok(Spool { file: self.file()?, len: 0 })
    }

    /// A file without a name, for this process alone.
    ///
    /// # Errors
    /// [`io::Error`] when no file can be made there.
    pub fn file(&self) -> io::Result<File> {
        let path = self.0.join(format!("samsat-night-{}", uuid::Uuid::now_v7().simple()));
        let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path)?;
        std::fs::remove_file(&path)?;
        Ok(file)
    }
}

/// One such file.
#[derive(Debug)]
pub(crate) struct Spool {
    file: File,
    len: u64,
}

/// A piece of a spool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) at: u64,
    pub(crate) len: u64,
}

impl Spool {
    /// Appends; says where.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> io::Result<Piece> {
        let piece = Piece { at: self.len, len: bytes.len() as u64 };
        self.file.write_all_at(bytes, self.len)?;
        self.len += piece.len;
        Ok(piece)
    }

    /// Everything so far, as one piece.
    pub(crate) fn whole(&self) -> Piece {
        Piece { at: 0, len: self.len }
    }

    /// Reads a piece whole.
    pub(crate) fn read(&self, piece: Piece) -> io::Result<Vec<u8>> {
        let too_large = |_| io::Error::other("a piece larger than memory");
        let mut bytes = vec![0; usize::try_from(piece.len).map_err(too_large)?];
        self.file.read_exact_at(&mut bytes, piece.at)?;
        Ok(bytes)
    }

    fn read_at(&self, bytes: &mut [u8], at: u64) -> io::Result<()> {
        self.file.read_exact_at(bytes, at)
    }
}

/// Reads a piece front to back through a small buffer.
#[derive(Debug)]
pub(crate) struct Cursor {
    rest: Piece,
    step: usize,
    buffer: Vec<u8>,
    at: usize,
}

impl Cursor {
    /// Begins; reads `step` bytes at a time.
    pub(crate) fn new(piece: Piece, step: usize) -> Self {
        Self { rest: piece, step, buffer: vec![], at: 0 }
    }

    /// The next `n` bytes, without going on; nothing when the piece ends before them.
    pub(crate) fn peek(&mut self, spool: &Spool, n: usize) -> io::Result<Option<&[u8]>> {
        if self.buffer.len() - self.at < n {
            self.fill(spool, n)?;
        }
        Ok(self.buffer.get(self.at..self.at + n))
    }

    /// Goes on by `n` bytes that were peeked at.
    pub(crate) fn skip(&mut self, n: usize) {
        self.at += n;
    }

    fn fill(&mut self, spool: &Spool, n: usize) -> io::Result<()> {
        self.buffer.drain(..self.at);
        self.at = 0;
        let have = self.buffer.len();
        let wanted = n.max(self.step).saturating_sub(have);
        let more = usize::try_from(self.rest.len).unwrap_or(usize::MAX).min(wanted);
        self.buffer.resize(have + more, 0);
        spool.read_at(self.buffer.get_mut(have..).unwrap_or_default(), self.rest.at)?;
        self.rest = Piece { at: self.rest.at + more as u64, len: self.rest.len - more as u64 };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_what_was_appended_whatever_its_step() {
        let mut spool = SpoolDir::new("").open().unwrap();
        let first = spool.append(b"abc").unwrap();
        let second = spool.append(b"defgh").unwrap();
        assert_eq!(
            (spool.read(first).unwrap(), spool.read(second).unwrap()),
            (b"abc".to_vec(), b"defgh".to_vec())
        );
        for step in 1..9 {
            let mut cursor = Cursor::new(spool.whole(), step);
            for (n, expected) in [(1, &b"a"[..]), (4, b"bcde"), (3, b"fgh")] {
                assert_eq!(cursor.peek(&spool, n).unwrap(), Some(expected));
                cursor.skip(n);
            }
            assert_eq!(cursor.peek(&spool, 1).unwrap(), None);
        }
    }
}
