//! One host's book in memory: what it has booked, refused, reversed and closed.
//!
//! Changes only by `enter`, with records that the journal has taken: a replay gives the same book.

use std::collections::{BTreeMap, HashMap};

use chrono::{Days, NaiveDate};
use serde_json::{Map, Value, json};

use crate::clock::Moment;
use crate::record::{Booking, DayFile, Record, Refusal, Reversal, Served};

/// A booking with its later fate and the journal number that an answer about it must wait for.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) booking: Booking,
    pub(crate) reversal: Option<Reversal>,
    pub(crate) written: u64,
}

/// A row's origin in a day's settlement file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Paid(String),
    Reversed(String),
}

/// The book of one host.
#[derive(Debug, Default)]
pub(crate) struct Book {
    entries: HashMap<String, Entry>,
    refusals: HashMap<String, (Refusal, u64)>,
    /// (plate, due date) → reference of the booking that pays it now.
    paid: HashMap<(String, NaiveDate), String>,
    /// Bills ever booked, reversed ones too: such a number is spent.
    spent: HashMap<String, String>,
    reversals: HashMap<String, String>,
    events: BTreeMap<NaiveDate, Vec<Event>>,
    files: BTreeMap<NaiveDate, DayFile>,
    served: HashMap<NaiveDate, Vec<Served>>,
    /// The latest clock shown in a signed `404` for a reference: nothing older may be booked after that.
    absent: HashMap<String, Moment>,
}

impl Book {
    /// Takes one of this host's records into the book; `written` is its journal number.
    pub(crate) fn enter(&mut self, record: Record, written: u64) {
        match record {
            Record::Opened { .. } => {}
            Record::Booked { booking, .. } => self.enter_booking(booking, written),
            Record::Refused { reference, refusal, .. } => {
                self.refusals.insert(reference, (refusal, written));
            }
            Record::Reversed { reference, reversal, .. } => {
                self.enter_reversal(&reference, reversal, written);
            }
            Record::Closed { date, file, .. } => {
                self.files.insert(date, file);
            }
            Record::Served { date, served, .. } => self.served.entry(date).or_default().push(served),
        }
    }

    fn enter_booking(&mut self, booking: Booking, written: u64) {
        let reference = booking.reference.clone();
        for line in &booking.lines {
            self.paid.insert((booking.plate.clone(), line.due_on), reference.clone());
        }
        self.spent.insert(booking.content.bill_id.clone(), reference.clone());
        self.events.entry(booking.business_date).or_default().push(Event::Paid(reference.clone()));
        self.absent.remove(&reference);
        self.entries.insert(reference, Entry { booking, reversal: None, written });
    }

    fn enter_reversal(&mut self, reference: &str, reversal: Reversal, written: u64) {
        let Some(entry) = self.entries.get_mut(reference) else { return };
        for line in &entry.booking.lines {
            self.paid.remove(&(entry.booking.plate.clone(), line.due_on));
        }
        self.reversals.insert(reversal.own_reference.clone(), reference.to_owned());
        self.events.entry(reversal.business_date).or_default().push(Event::Reversed(reference.to_owned()));
        entry.reversal = Some(reversal);
        entry.written = written;
    }

    pub(crate) fn entry(&self, reference: &str) -> Option<&Entry> {
        self.entries.get(reference)
    }

    pub(crate) fn refusal(&self, reference: &str) -> Option<&(Refusal, u64)> {
        self.refusals.get(reference)
    }

    /// The booking that pays this period now.
    pub(crate) fn payer_of(&self, plate: &str, due_on: NaiveDate) -> Option<&Entry> {
        self.paid.get(&(plate.to_owned(), due_on)).and_then(|reference| self.entry(reference))
    }

    pub(crate) fn is_spent(&self, bill_id: &str) -> bool {
        self.spent.contains_key(bill_id)
    }

    /// The booking that a reversal reference has taken back.
    pub(crate) fn reversed_by(&self, reversal_reference: &str) -> Option<&str> {
        self.reversals.get(reversal_reference).map(String::as_str)
    }

    pub(crate) fn how_many(&self) -> usize {
        self.entries.len()
    }

    /// Remembers that a signed `404` showed this clock for the reference.
    pub(crate) fn note_absence(&mut self, reference: &str, shown: Moment) {
        let latest = self.absent.entry(reference.to_owned()).or_insert(shown);
        *latest = (*latest).max(shown);
    }

    pub(crate) fn shown_absent_at(&self, reference: &str) -> Option<Moment> {
        self.absent.get(reference).copied()
    }

    /// The accounting day of whatever is booked at that moment: never a closed one.
    pub(crate) fn business_date(&self, now: Moment) -> NaiveDate {
        let today = now.date();
        self.last_closed().map_or(today, |closed| today.max(closed + Days::new(1)))
    }

    pub(crate) fn last_closed(&self) -> Option<NaiveDate> {
        self.files.last_key_value().map(|(date, _)| *date)
    }

    pub(crate) fn first_booked(&self) -> Option<NaiveDate> {
        self.events.first_key_value().map(|(date, _)| *date)
    }

    pub(crate) fn file(&self, date: NaiveDate) -> Option<&DayFile> {
        self.files.get(&date)
    }

    pub(crate) fn served(&self, date: NaiveDate) -> &[Served] {
        self.served.get(&date).map_or(&[], Vec::as_slice)
    }

    /// What happened on that business date, in the order of the journal.
    pub(crate) fn events(&self, date: NaiveDate) -> &[Event] {
        self.events.get(&date).map_or(&[], Vec::as_slice)
    }

    /// The book as `GET /mock/book` shows it.
    pub(crate) fn shown(&self) -> Value {
        let rows = self.entries.iter().map(|(reference, entry)| {
            let booking = &entry.booking;
            let row = json!({
                "id": booking.content.bill_id,
                "amount": booking.content.amount,
                "number": booking.number,
                "plate": booking.plate,
                "business_date": booking.business_date,
                "status": status_of(entry),
            });
            (reference.clone(), row)
        });
        Value::Object(rows.collect::<Map<_, _>>())
    }
}

/// `PAID` or `REVERSED`.
pub(crate) fn status_of(entry: &Entry) -> &'static str {
    if entry.reversal.is_some() { "REVERSED" } else { "PAID" }
}
