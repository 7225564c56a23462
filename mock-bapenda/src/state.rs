//! Everything one mock keeps: both books behind their locks, the journal, keys, clock, faults and what it has seen.
//!
//! Locks are taken in one order: Bapenda's book, Jasa Raharja's book, the journal's queue. A lock is never held
//! across a wait for the disk.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use chrono::NaiveDate;
use serde::Serialize;
use tokio::task::AbortHandle;

use crate::Options;
use crate::bill::Numbering;
use crate::book::Book;
use crate::clock::Clock;
use crate::fault::Faults;
use crate::host::Host;
use crate::journal::Journal;
use crate::record::Record;
use crate::sign::Signing;

/// Requests kept for `requests()`; older ones are forgotten so that a long run does not fill the memory.
const SEEN_MAX: usize = 50_000;

/// A request of the protocol that reached a host, as it came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Seen {
    /// `BAPENDA` or `JASA_RAHARJA`.
    pub host: String,
    /// `GET` or `POST`.
    pub method: String,
    /// Path with query.
    pub path: String,
    /// The body as text; bytes that are no UTF-8 are replaced.
    pub body: String,
    /// The reference that it names, in its body or in its path.
    pub reference: Option<String>,
}

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) seed: u64,
    pub(crate) allow_faults: bool,
    pub(crate) clock: Clock,
    pub(crate) signing: Signing,
    pub(crate) faults: Faults,
    pub(crate) journal: Journal,
    pub(crate) settlements: PathBuf,
    /// Files that are handed out instead of the book's, byte for byte.
    pub(crate) prepared: Mutex<HashMap<(Host, NaiveDate), PathBuf>>,
    pub(crate) salt: u64,
    numberings: [Numbering; 2],
    books: [Mutex<Book>; 2],
    /// The WIB date up to which midnight has been looked after.
    pub(crate) rolled_to: Mutex<NaiveDate>,
    seen: Mutex<VecDeque<Seen>>,
    background: Mutex<Vec<AbortHandle>>,
}

impl State {
    /// Reads the folder's journal back and is ready to answer.
    pub(crate) fn open(options: &Options) -> io::Result<Self> {
        let settlements = options.data_dir.join("settlements");
        std::fs::create_dir_all(&settlements)?;
        let mut books = [Book::default(), Book::default()];
        let mut salt = None;
        let journal = Journal::open(&options.data_dir.join("journal.jsonl"), |record| match &record {
            Record::Opened { salt: found } => salt = Some(*found),
            Record::Booked { host, .. }
            | Record::Refused { host, .. }
            | Record::Reversed { host, .. }
            | Record::Closed { host, .. }
            | Record::Served { host, .. } => {
                let place = host.place();
                if let Some(book) = books.get_mut(place) {
                    book.enter(record, 0);
                }
            }
        })?;
        let salt = match salt {
            Some(salt) => salt,
            None => begin(&journal)?,
        };
        let clock = Clock::default();
        let rolled_to = Mutex::new(clock.now().date());
        Ok(Self {
            seed: options.seed,
            allow_faults: options.allow_faults,
            signing: Signing::new(options)?,
            faults: Faults::none(options.seed),
            journal,
            settlements,
            prepared: Mutex::default(),
            salt,
            numberings: Host::BOTH.map(|host| Numbering::new(host, options.seed)),
            books: books.map(Mutex::new),
            rolled_to,
            clock,
            seen: Mutex::default(),
            background: Mutex::default(),
        })
    }

    pub(crate) fn book(&self, host: Host) -> MutexGuard<'_, Book> {
        let [bapenda, jasa_raharja] = &self.books;
        let book = match host {
            Host::Bapenda => bapenda,
            Host::JasaRaharja => jasa_raharja,
        };
        book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn numbering(&self, host: Host) -> &Numbering {
        let [bapenda, jasa_raharja] = &self.numberings;
        match host {
            Host::Bapenda => bapenda,
            Host::JasaRaharja => jasa_raharja,
        }
    }

    /// Writes a record and takes it into the book; the caller holds the book and waits for the number afterwards.
    pub(crate) fn enter(&self, book: &mut Book, record: Record) -> io::Result<u64> {
        let written = self.journal.append(&record)?;
        book.enter(record, written);
        Ok(written)
    }

    pub(crate) fn note(&self, seen: Seen) {
        let mut all = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() == SEEN_MAX {
            all.pop_front();
        }
        all.push_back(seen);
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// Keeps hold of a task that outlives its request, so that it ends with the mock.
    pub(crate) fn keep(&self, task: AbortHandle) {
        let mut all = self.background.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|kept| !kept.is_finished());
        all.push(task);
    }

    pub(crate) fn abort_background(&self) {
        for task in self.background.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            task.abort();
        }
    }
}

/// The first line of a new journal.
fn begin(journal: &Journal) -> io::Result<u64> {
    let mut bytes = [0_u8; 8];
    SystemRandom::new().fill(&mut bytes).map_err(|_| io::Error::other("no random numbers"))?;
    let salt = u64::from_le_bytes(bytes);
    let written = journal.append(&Record::Opened { salt })?;
    journal.wait_here(written)?;
    Ok(salt)
}
