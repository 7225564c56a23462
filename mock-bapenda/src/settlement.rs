//! Settlement files: which bytes a host hands out for a closed day.
//!
//! Promises: the bytes of a revision, once handed out, are kept on disk and handed out again until a fault rule or a
//! higher revision says otherwise; each file's header names the hash of the file handed out for the day before.
//! A broken file (trailer, chain, cut short) is made up on the spot and never kept.

use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::PoisonError;

use chrono::{Days, NaiveDate};

use crate::book::Book;
use crate::fault::Planted;
use crate::file_fault::{FileFault, break_file, change_rows};
use crate::host::{Host, Operation};
use crate::record::{Record, Served};
use crate::reply::Reply;
use crate::seat::Seat;
use crate::sheet::{Head, Row, rows, text};
use crate::sign::sha256_hex;
use crate::state::State;

/// Answers `GET …/settlements/{business_date}`.
///
/// # Errors
/// When a file cannot be kept or read back.
pub(crate) fn fetch(state: &State, host: Host, date: &str, seat: &Seat) -> io::Result<Reply> {
    let mut book = state.book(host);
    let now = seat.now(&state.clock);
    let refuse = |code: &str| Ok(Reply::refusal(Operation::Settlement, code, now));
    if let Some(code) = &seat.forced {
        return refuse(code);
    }
    let Ok(date) = date.parse::<NaiveDate>() else { return refuse("BAD_REQUEST") };
    let prepared = state.prepared.lock().unwrap_or_else(PoisonError::into_inner).get(&(host, date)).cloned();
    if let Some(path) = prepared {
        return Ok(Reply::csv(std::fs::read(path)?, now));
    }
    if book.file(date).is_none() {
        return refuse("NOT_READY");
    }
    let planted = state.faults.planted(host, date);
    if planted.iter().any(|plant| plant.fault == FileFault::Late) {
        return refuse("NOT_READY");
    }
    let written = settle_days_before(state, host, &mut book, date)?;
    let (bytes, own) = hand_out(state, host, &mut book, (date, &planted))?;
    Ok(Reply::csv(bytes, now).once_written(written.max(own)))
}

/// Fixes the files of earlier days that nobody has asked for, so that the chain to this one holds.
fn settle_days_before(state: &State, host: Host, book: &mut Book, date: NaiveDate) -> io::Result<u64> {
    let mut first = date;
    while book.file(first - Days::new(1)).is_some() && book.served(first - Days::new(1)).is_empty() {
        first = first - Days::new(1);
    }
    let mut written = 0;
    for day in first.iter_days().take_while(|day| *day < date) {
        let sheet = head(host, book, day, 1);
        let bytes = text(&sheet, &rows(book, day)).into_bytes();
        written = keep(state, host, book, (&sheet, &bytes))?;
    }
    Ok(written)
}

/// The file of one day under the faults planted in it; returns the bytes and the journal number to wait for.
fn hand_out(
    state: &State,
    host: Host,
    book: &mut Book,
    (date, planted): (NaiveDate, &[Planted]),
) -> io::Result<(Vec<u8>, u64)> {
    let latest = book.served(date).last().cloned();
    let corrected = planted.iter().any(|plant| plant.fault == FileFault::CorrectedRevision);
    let wrong_rows = planted.iter().any(|plant| plant.fault.changes_rows());
    let latest_revision = latest.as_ref().map_or(1, |served| served.revision);
    let revision = if corrected {
        state.faults.corrected_revision(host, date, latest_revision)
    } else {
        latest_revision
    };
    let sheet = head(host, book, date, revision);
    let (bytes, written) = match latest {
        Some(served) if !wrong_rows && revision == served.revision => {
            (std::fs::read(path(state, host, date, revision))?, 0)
        }
        _ => {
            let mut lines: Vec<Row> = rows(book, date);
            if !corrected {
                change_rows(&mut lines, planted);
            }
            let bytes = text(&sheet, &lines).into_bytes();
            let written = keep(state, host, book, (&sheet, &bytes))?;
            (bytes, written)
        }
    };
    Ok((break_file(bytes, planted), written))
}

/// Keeps the bytes as that revision's and remembers that they were handed out.
fn keep(state: &State, host: Host, book: &mut Book, (head, bytes): (&Head, &[u8])) -> io::Result<u64> {
    let date = head.business_date;
    let served =
        Served { revision: head.revision, sha256: sha256_hex(bytes), previous: head.previous.clone() };
    if book.served(date).last() == Some(&served) {
        return Ok(0);
    }
    let target = path(state, host, date, head.revision);
    let draft = target.with_extension("draft");
    let mut file = File::create(&draft)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&draft, &target)?;
    File::open(&state.settlements)?.sync_all()?;
    state.enter(book, Record::Served { host, date, served })
}

fn head(host: Host, book: &Book, date: NaiveDate, revision: u64) -> Head {
    let (sequence, created_at) =
        book.file(date).map_or((0, String::new()), |file| (file.sequence, file.created_at.to_second()));
    // A later revision keeps what the first one said about the day before.
    let previous = book
        .served(date)
        .first()
        .map(|first| first.previous.clone())
        .or_else(|| book.served(date - Days::new(1)).last().map(|served| served.sha256.clone()))
        .unwrap_or_else(|| "0".repeat(64));
    Head { host, business_date: date, sequence, revision, previous, created_at }
}

fn path(state: &State, host: Host, date: NaiveDate, revision: u64) -> PathBuf {
    state.settlements.join(format!("{}-{date}-r{revision}.csv", host.name()))
}
