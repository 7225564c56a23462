//! Payments, their status and their reversal: the rules that keep a period from being paid twice.
//!
//! Promises: the reference is looked up before every other check; nothing is booked after `not_after`, nor after a
//! signed `404` has shown a later clock; a refusal that is written down stands for ever; every decision is taken
//! under the book's lock with the clock read there, and is told only once it is on disk.

use std::io;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::bill::Bill;
use crate::book::{Book, Entry, status_of};
use crate::clock::Moment;
use crate::host::{Host, Operation};
use crate::record::{Booking, Content, Record, Refusal, Reversal};
use crate::registry::Vehicle;
use crate::reply::Reply;
use crate::seat::Seat;
use crate::sign::sha256_hex;
use crate::state::State;

#[derive(Debug, Deserialize)]
struct Order {
    reference: String,
    #[serde(alias = "assessment_id")]
    bill_id: String,
    amount: i64,
    agent_code: String,
    taken_at: String,
    not_after: String,
}

#[derive(Debug, Deserialize)]
struct TakeBack {
    reversal_reference: String,
    reason: String,
    #[serde(rename = "requested_by")]
    _requested_by: String,
    #[serde(rename = "approved_by")]
    _approved_by: String,
}

/// Answers `POST …/payments`.
///
/// # Errors
/// When the journal cannot take the decision; nothing is to be answered then.
pub(crate) fn pay(state: &State, host: Host, body: &[u8], seat: &Seat) -> io::Result<Reply> {
    let mut book = state.book(host);
    let now = seat.now(&state.clock);
    let refuse = |code: &str| Reply::refusal(Operation::Payment, code, now);
    let Some((reference, content, not_after)) = read_order(host, body) else {
        return Ok(refuse("BAD_REQUEST"));
    };
    if let Some(known) = known(&book, host, (&reference, &content), now) {
        return Ok(known);
    }
    let shown_absent = book.shown_absent_at(&reference).is_some_and(|shown| shown > not_after);
    if now > not_after || shown_absent {
        return Ok(refuse("TOO_LATE"));
    }
    let decided = match seat.forced.as_deref() {
        Some(passing @ ("END_OF_DAY" | "TOO_LATE" | "UNAUTHORIZED" | "BAD_REQUEST")) => {
            return Ok(refuse(passing));
        }
        Some(code) => Err((code.to_owned(), 0)),
        None => check(state, host, &book, (&content, now)).map_err(|(code, after)| (code.to_owned(), after)),
    };
    match decided {
        Ok(bill) => {
            let booking = Booking {
                number: number(state, host, book.how_many()),
                plate: bill.vehicle.plate.as_str().to_owned(),
                lines: bill.lines,
                booked_at: now,
                business_date: book.business_date(now),
                reference: reference.clone(),
                content,
            };
            let written = state.enter(&mut book, Record::Booked { host, booking })?;
            let shown = book.entry(&reference).map(|entry| shown(host, entry)).unwrap_or_default();
            Ok(Reply::json(200, &shown, now).once_written(written))
        }
        Err((code, after)) => {
            let refusal = Refusal { content, code: code.clone() };
            let written = state.enter(&mut book, Record::Refused { host, reference, refusal })?;
            Ok(refuse(&code).once_written(written.max(after)))
        }
    }
}

/// Answers `GET …/payments/{reference}`.
pub(crate) fn status(state: &State, host: Host, reference: &str, seat: &Seat) -> Reply {
    let mut book = state.book(host);
    let now = seat.now(&state.clock);
    if let Some(code) = &seat.forced {
        return Reply::refusal(Operation::Status, code, now);
    }
    if let Some(entry) = book.entry(reference) {
        return Reply::json(200, &shown(host, entry), now).once_written(entry.written);
    }
    book.note_absence(reference, now);
    Reply::refusal(Operation::Status, "UNKNOWN_REFERENCE", now)
}

/// Answers `POST …/payments/{reference}/reversal`.
///
/// # Errors
/// When the journal cannot take the reversal.
pub(crate) fn reverse(
    state: &State,
    host: Host,
    (reference, body): (&str, &[u8]),
    seat: &Seat,
) -> io::Result<Reply> {
    let mut book = state.book(host);
    let now = seat.now(&state.clock);
    let refuse = |code: &str| Ok(Reply::refusal(Operation::Reversal, code, now));
    let Ok(order) = serde_json::from_slice::<TakeBack>(body) else { return refuse("BAD_REQUEST") };
    if book.reversed_by(&order.reversal_reference).is_some_and(|other| other != reference) {
        return refuse("REFERENCE_REUSED");
    }
    let Some(entry) = book.entry(reference) else { return refuse("UNKNOWN_REFERENCE") };
    if let Some(done) = &entry.reversal {
        if done.own_reference == order.reversal_reference {
            return Ok(Reply::json(200, &reversal_shown(done), now).once_written(entry.written));
        }
        return refuse("NOT_REVERSIBLE");
    }
    if let Some(code) = &seat.forced {
        return refuse(code);
    }
    if book.last_closed().is_some_and(|closed| entry.booking.business_date <= closed) {
        return refuse("NOT_REVERSIBLE");
    }
    let reversal = Reversal {
        own_reference: order.reversal_reference,
        reason: order.reason,
        reversed_at: now,
        business_date: book.business_date(now),
    };
    let content = reversal_shown(&reversal);
    let written =
        state.enter(&mut book, Record::Reversed { host, reference: reference.to_owned(), reversal })?;
    Ok(Reply::json(200, &content, now).once_written(written))
}

/// The moment after which that payment request may not be booked, if it is one.
pub(crate) fn not_after_of(body: &[u8]) -> Option<Moment> {
    let order: Value = serde_json::from_slice(body).ok()?;
    order.get("not_after").and_then(Value::as_str).and_then(Moment::parse)
}

fn read_order(host: Host, body: &[u8]) -> Option<(String, Content, Moment)> {
    let raw: Value = serde_json::from_slice(body).ok()?;
    // Each host knows its bills by its own member name only.
    raw.get(host.bill_member())?;
    let order: Order = serde_json::from_value(raw).ok()?;
    if order.reference.is_empty() || order.amount < 0 {
        return None;
    }
    let content = Content {
        bill_id: order.bill_id,
        amount: order.amount,
        agent_code: order.agent_code,
        taken_at: Moment::parse(&order.taken_at)?,
    };
    Some((order.reference, content, Moment::parse(&order.not_after)?))
}

/// The answer to a reference that has been decided before.
fn known(book: &Book, host: Host, (reference, content): (&str, &Content), now: Moment) -> Option<Reply> {
    let refuse = |code: &str| Reply::refusal(Operation::Payment, code, now);
    if let Some(entry) = book.entry(reference) {
        let same = entry.booking.content == *content;
        let reply =
            if same { Reply::json(200, &shown(host, entry), now) } else { refuse("REFERENCE_REUSED") };
        return Some(reply.once_written(entry.written));
    }
    let (refusal, written) = book.refusal(reference)?;
    let code = if refusal.content == *content { refusal.code.as_str() } else { "REFERENCE_REUSED" };
    Some(refuse(code).once_written(*written))
}

/// Whether a bill may be booked; else the code and the journal number that the refusal rests on.
fn check(
    state: &State,
    host: Host,
    book: &Book,
    (content, now): (&Content, Moment),
) -> Result<Bill, (&'static str, u64)> {
    let numbering = state.numbering(host);
    let meaning = numbering.meaning(&content.bill_id, now.date()).ok_or(("BILL_NOT_FOUND", 0))?;
    let vehicle = Vehicle::registered(&meaning.plate, state.seed, meaning.as_of);
    let bill = Bill::of(host, vehicle, meaning.as_of, meaning.periods).ok_or(("BILL_NOT_FOUND", 0))?;
    for &due_on in &bill.due_on {
        if let Some(payer) = book.payer_of(meaning.plate.as_str(), due_on) {
            return Err(("ALREADY_PAID", payer.written));
        }
    }
    // A bill that was booked and reversed is spent: paying again needs a new inquiry.
    if content.taken_at > bill.expires_at() || book.is_spent(&content.bill_id) {
        return Err(("BILL_EXPIRED", 0));
    }
    if content.amount != bill.total() {
        return Err(("AMOUNT_MISMATCH", 0));
    }
    Ok(bill)
}

fn shown(host: Host, entry: &Entry) -> Value {
    let booking = &entry.booking;
    let mut content = json!({
        "reference": booking.reference,
        host.bill_member(): booking.content.bill_id,
        "amount": booking.content.amount,
        host.number_member(): booking.number,
        "booked_at": booking.booked_at.to_second(),
        "business_date": booking.business_date,
        "status": status_of(entry),
    });
    if let (Some(reversal), Value::Object(members)) = (&entry.reversal, &mut content) {
        members.insert("reversal_reference".to_owned(), json!(reversal.own_reference));
        members.insert("reversed_at".to_owned(), json!(reversal.reversed_at.to_second()));
    }
    content
}

fn reversal_shown(reversal: &Reversal) -> Value {
    json!({
        "reversal_reference": reversal.own_reference,
        "reversed_at": reversal.reversed_at.to_second(),
        "business_date": reversal.business_date,
    })
}

/// The authority's own number: 16 of A–Z and 0–9, never given out twice in a journal's life.
fn number(state: &State, host: Host, position: usize) -> String {
    const SIGNS: &[u8; 36] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    let digest = sha256_hex(format!("{}:{}:{position}", state.salt, host.name()).as_bytes());
    let mut rest = u128::from_str_radix(digest.get(..32).unwrap_or_default(), 16).unwrap_or_default();
    let mut number = String::with_capacity(16);
    for _ in 0..16 {
        let sign = usize::try_from(rest % 36).unwrap_or_default();
        number.push(char::from(SIGNS.get(sign).copied().unwrap_or(b'A')));
        rest /= 36;
    }
    number
}
