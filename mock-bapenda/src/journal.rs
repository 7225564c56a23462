//! The journal: an append-only file of facts, on disk before anyone hears of them.
//!
//! Promises: facts are replayed in the order they were appended; a fact whose `wait` returned survives `kill -9` and
//! power loss; many facts that queue while the disk works share one flush. A torn last line is cut off at the start,
//! any other unreadable line stops the start. Never rewrites what it has written.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, Seek, Write};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::record::Record;

/// How long a start waits for a former process to let go of the folder.
const LOCK_WAIT: Duration = Duration::from_secs(3);

/// The journal of one data folder; the only writer of its file.
#[derive(Debug)]
pub(crate) struct Journal {
    shared: Arc<Shared>,
    durable: watch::Receiver<Progress>,
    writer: Option<JoinHandle<()>>,
}

/// How far the disk has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    UpTo(u64),
    Broken,
}

#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
    arrived: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    lines: Vec<u8>,
    appended: u64,
    closing: bool,
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Journal {
    /// Opens the file, hands every record in it to `replay`, and starts the writer.
    ///
    /// # Errors
    /// When the file cannot be read or written, holds an unreadable line before its last, or another process has it.
    pub(crate) fn open(path: &Path, mut replay: impl FnMut(Record)) -> io::Result<Self> {
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        lock(&file)?;
        let kept = read_back(&file, &mut replay)?;
        file.set_len(kept)?;
        file.seek(io::SeekFrom::Start(kept))?;
        file.sync_all()?;
        if let Some(folder) = path.parent() {
            // The file's name must survive as well as its content.
            File::open(folder)?.sync_all()?;
        }
        let shared = Arc::new(Shared::default());
        let (progress, durable) = watch::channel(Progress::UpTo(0));
        let writers = Arc::clone(&shared);
        let writer = std::thread::Builder::new()
            .name("mock-journal".to_owned())
            .spawn(move || write_on(&writers, &mut file, &progress))?;
        Ok(Self { shared, durable, writer: Some(writer) })
    }

    /// Queues a record and returns its number; it is on disk only once `wait` says so.
    pub(crate) fn append(&self, record: &Record) -> io::Result<u64> {
        let mut line = serde_json::to_vec(record)?;
        line.push(b'\n');
        let mut queue = self.shared.queue();
        queue.lines.extend_from_slice(&line);
        queue.appended += 1;
        let number = queue.appended;
        drop(queue);
        self.shared.arrived.notify_one();
        Ok(number)
    }

    /// Waits until that record and all before it are on disk.
    ///
    /// # Errors
    /// When the disk refused: nothing may be answered then.
    pub(crate) async fn wait(&self, number: u64) -> io::Result<()> {
        let mut durable = self.durable.clone();
        let reached = durable
            .wait_for(|progress| match progress {
                Progress::UpTo(done) => *done >= number,
                Progress::Broken => true,
            })
            .await
            .map_err(io::Error::other)?;
        match *reached {
            Progress::UpTo(_) => Ok(()),
            Progress::Broken => Err(io::Error::other("the journal cannot be written")),
        }
    }

    /// The same as `wait` for callers outside a task; holds the thread for one flush.
    pub(crate) fn wait_here(&self, number: u64) -> io::Result<()> {
        loop {
            match *self.durable.borrow() {
                Progress::UpTo(done) if done >= number => return Ok(()),
                Progress::UpTo(_) => {}
                Progress::Broken => return Err(io::Error::other("the journal cannot be written")),
            }
            std::thread::sleep(Duration::from_micros(200));
        }
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.shared.queue().closing = true;
        self.shared.arrived.notify_one();
        if let Some(writer) = self.writer.take() {
            // A writer that panicked has nothing more to lose.
            let _ = writer.join();
        }
    }
}

fn write_on(shared: &Shared, file: &mut File, progress: &watch::Sender<Progress>) {
    loop {
        let mut queue = shared.queue();
        while queue.lines.is_empty() && !queue.closing {
            queue = shared.arrived.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        if queue.lines.is_empty() {
            return;
        }
        let lines = std::mem::take(&mut queue.lines);
        let reached = queue.appended;
        drop(queue);
        if file.write_all(&lines).and_then(|()| file.sync_data()).is_err() {
            progress.send_replace(Progress::Broken);
            return;
        }
        progress.send_replace(Progress::UpTo(reached));
    }
}

/// Replays the file and returns how many of its bytes are whole lines.
fn read_back(file: &File, replay: &mut impl FnMut(Record)) -> io::Result<u64> {
    let length = file.metadata()?.len();
    let mut lines = BufReader::new(file);
    let mut line = Vec::new();
    let mut kept = 0_u64;
    loop {
        line.clear();
        let read = lines.read_until(b'\n', &mut line)? as u64;
        if read == 0 {
            return Ok(kept);
        }
        let last = kept + read == length;
        match serde_json::from_slice::<Record>(&line) {
            Ok(record) if line.ends_with(b"\n") => replay(record),
            // The process died while it wrote this line; nobody was told of it.
            _ if last => return Ok(kept),
            Ok(_) => return Err(io::Error::other("the journal has a line without its end")),
            Err(error) => {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    format!("the journal is unreadable after byte {kept}: {error}"),
                ));
            }
        }
        kept += read;
    }
}

fn lock(file: &File) -> io::Result<()> {
    let began = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) if began.elapsed() < LOCK_WAIT => {
                std::thread::sleep(Duration::from_millis(10));
            }
            Err(TryLockError::WouldBlock) => {
                return Err(io::Error::new(
                    io::ErrorKind::ResourceBusy,
                    "another process has this data folder",
                ));
            }
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Journal;
    use crate::record::Record;

    fn opened(salt: u64) -> Record {
        Record::Opened { salt }
    }

    #[test]
    fn a_torn_last_line_is_forgotten_and_the_rest_is_kept() {
        let folder = std::env::temp_dir().join(format!("mock-journal-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("journal.jsonl");
        let journal = Journal::open(&path, |_| {}).unwrap();
        let number = journal.append(&opened(1)).unwrap();
        journal.wait_here(number).unwrap();
        drop(journal);
        let mut torn = std::fs::read(&path).unwrap();
        torn.extend_from_slice(b"{\"what\":\"ope");
        std::fs::write(&path, torn).unwrap();

        let mut salts = Vec::new();
        let journal =
            Journal::open(&path, |record| salts.extend(matches!(record, Record::Opened { .. }).then_some(1)));
        let journal = journal.unwrap();
        let number = journal.append(&opened(2)).unwrap();
        journal.wait_here(number).unwrap();
        drop(journal);
        let mut again = 0;
        drop(Journal::open(&path, |_| again += 1).unwrap());
        std::fs::remove_dir_all(&folder).unwrap();

        assert_eq!((salts.len(), again), (1, 2));
    }
}
