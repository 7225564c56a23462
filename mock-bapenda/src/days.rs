//! Closing a business day: by order, and by itself when midnight in WIB has passed.
//!
//! Promises: every calendar day from the first one on has a file, also an empty one; sequence numbers have no gap;
//! after a day is closed nothing is booked or reversed on it.

use std::io;
use std::sync::PoisonError;

use chrono::{Days, NaiveDate};

use crate::host::Host;
use crate::record::{DayFile, Record};
use crate::state::State;

/// More days than this in one closing is a mistyped date.
const DAYS_MAX: i64 = 4000;

/// Why a day was not closed.
#[derive(Debug)]
pub(crate) enum NotClosed {
    /// It lies before the first file, or absurdly far ahead.
    OutOfReach,
    Journal(io::Error),
}

/// Closes a day and all days before it that are still open; returns the journal number to wait for.
///
/// A closed day stays closed: closing it again changes nothing.
pub(crate) fn close(state: &State, host: Host, date: NaiveDate) -> Result<u64, NotClosed> {
    let first_booked = Host::BOTH.into_iter().filter_map(|each| state.book(each).first_booked()).min();
    let mut book = state.book(host);
    let first = match book.last_closed() {
        Some(closed) if date <= closed => {
            return book.file(date).map(|_| 0).ok_or(NotClosed::OutOfReach);
        }
        Some(closed) => closed + Days::new(1),
        None => first_booked.map_or(date, |booked| booked.min(date)),
    };
    if date.signed_duration_since(first).num_days() > DAYS_MAX {
        return Err(NotClosed::OutOfReach);
    }
    let created_at = state.clock.now();
    let before = book.last_closed().and_then(|closed| book.file(closed)).map_or(0, |file| file.sequence);
    let mut written = 0;
    for (sequence, day) in (before + 1..).zip(first.iter_days().take_while(|day| *day <= date)) {
        let file = DayFile { sequence, created_at };
        written =
            state.enter(&mut book, Record::Closed { host, date: day, file }).map_err(NotClosed::Journal)?;
    }
    Ok(written)
}

/// Closes what midnight has left behind; cheap when the date is still the same.
pub(crate) fn roll(state: &State) -> io::Result<()> {
    let today = state.clock.now().date();
    let mut rolled_to = state.rolled_to.lock().unwrap_or_else(PoisonError::into_inner);
    if *rolled_to >= today {
        return Ok(());
    }
    close_all_before(state, today)?;
    *rolled_to = today;
    Ok(())
}

/// At the start: closes the days that ended while nothing ran, if there is anything to close at all.
pub(crate) fn catch_up(state: &State) -> io::Result<()> {
    if has_history(state) { close_all_before(state, state.clock.now().date()) } else { Ok(()) }
}

/// After the clock was moved: a book that is still empty begins on the new day, without files for the days between.
pub(crate) fn begin_again_if_empty(state: &State) {
    if !has_history(state) {
        let today = state.clock.now().date();
        *state.rolled_to.lock().unwrap_or_else(PoisonError::into_inner) = today;
    }
}

fn has_history(state: &State) -> bool {
    Host::BOTH.into_iter().any(|host| {
        let book = state.book(host);
        book.first_booked().is_some() || book.last_closed().is_some()
    })
}

fn close_all_before(state: &State, today: NaiveDate) -> io::Result<()> {
    for host in Host::BOTH {
        match close(state, host, today - Days::new(1)) {
            // Yesterday was closed already, or lies before the first file.
            Ok(_) | Err(NotClosed::OutOfReach) => {}
            Err(NotClosed::Journal(error)) => return Err(error),
        }
    }
    Ok(())
}
