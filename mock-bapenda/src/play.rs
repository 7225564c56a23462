//! One request from decision to outcome: the honest answer, or what a fault makes of it.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Bytes;
use serde_json::{Value, json};

use crate::host::{Host, Operation};
use crate::inquiry::inquire;
use crate::payment::{not_after_of, pay, reverse, status};
use crate::reply::Reply;
use crate::rule::Fault;
use crate::seat::Seat;
use crate::settlement::fetch;
use crate::state::State;

/// A late booking comes this long before `not_after`.
const LATE_MARGIN_MS: i64 = 40;
/// How often a late booking looks at the clock, which a test may have moved.
const LATE_LOOK_MS: i64 = 50;

/// A request that has been let in.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) host: Host,
    pub(crate) operation: Operation,
    /// The reference or date in its path; empty where there is none.
    pub(crate) key: String,
    pub(crate) body: Bytes,
}

/// How an answer is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seal {
    Proper,
    Missing,
    Wrong,
}

/// What the partner gets.
#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    Answer(Reply, Seal),
    /// An answer whose body ends half-way.
    Cut(Reply),
    /// The connection is reset without a word.
    Reset,
    /// Nothing, for as long as the partner waits.
    Silence,
}

/// Plays a request to its end, with the fault that it meets.
pub(crate) async fn play(state: &Arc<State>, call: Call, fault: Option<Fault>) -> Outcome {
    let honest = Seat::default();
    let Some(fault) = fault else { return answered(perform(state, &call, &honest).await) };
    match fault {
        Fault::DelayMs(ms) => delayed(state, call, ms).await,
        Fault::ResetBefore => Outcome::Reset,
        Fault::Hang => Outcome::Silence,
        Fault::Http500 => broken(500, "INTERNAL"),
        Fault::Http503 => broken(503, "UNAVAILABLE"),
        Fault::BookLate if call.operation == Operation::Payment => {
            book_late(state, call);
            Outcome::Reset
        }
        Fault::BookLate | Fault::File(_) => answered(perform(state, &call, &honest).await),
        Fault::DuplicateDelivery => {
            // The first delivery's answer is lost on the way.
            let _ = perform(state, &call, &honest).await;
            answered(perform(state, &call, &honest).await)
        }
        Fault::Refuse(code) => {
            let seat = Seat { forced: Some(code), ..Seat::default() };
            answered(perform(state, &call, &seat).await)
        }
        Fault::ClockSkewMs(skew_ms) => {
            let seat = Seat { skew_ms, ..Seat::default() };
            answered(perform(state, &call, &seat).await)
        }
        Fault::ResetAfterBooking
        | Fault::HangAfterBooking
        | Fault::Http500AfterBooking
        | Fault::Garbage
        | Fault::TruncatedBody
        | Fault::Unsigned
        | Fault::WrongSignature
        | Fault::WrongAmount
        | Fault::WrongPlate
        | Fault::NoNumber
        | Fault::NumberOfAnother
        | Fault::RefuseAfterBooking(_) => match perform(state, &call, &honest).await {
            Ok(reply) => spoiled(state, &call, reply, &fault),
            Err(error) => answered(Err(error)),
        },
    }
}

/// Decides, and waits until the decision is on disk.
async fn perform(state: &State, call: &Call, seat: &Seat) -> io::Result<Reply> {
    let reply = match call.operation {
        Operation::Inquiry => inquire(state, call.host, &call.body, seat),
        Operation::Payment => pay(state, call.host, &call.body, seat)?,
        Operation::Status => status(state, call.host, &call.key, seat),
        Operation::Reversal => reverse(state, call.host, (&call.key, &call.body), seat)?,
        Operation::Settlement => fetch(state, call.host, &call.key, seat)?,
    };
    state.journal.wait(reply.after).await?;
    Ok(reply)
}

fn answered(reply: io::Result<Reply>) -> Outcome {
    match reply {
        // A 5xx need not be signed, but END_OF_DAY tells a time that is worth trusting.
        Ok(reply) => Outcome::Answer(reply, Seal::Proper),
        Err(_) => broken(500, "INTERNAL"),
    }
}

fn broken(status: u16, code: &str) -> Outcome {
    let reply = Reply::json(status, &json!({ "code": code }), crate::clock::Clock::real());
    Outcome::Answer(reply, Seal::Missing)
}

/// The request lies somewhere on its way and arrives later, whether or not its sender still waits.
async fn delayed(state: &Arc<State>, call: Call, ms: u64) -> Outcome {
    let arriving = Arc::clone(state);
    let task = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(ms)).await;
        perform(&arriving, &call, &Seat::default()).await
    });
    state.keep(task.abort_handle());
    match task.await {
        Ok(reply) => answered(reply),
        Err(_) => Outcome::Reset,
    }
}

/// Books just before `not_after`, as a request would that lay on its way until then.
fn book_late(state: &Arc<State>, call: Call) {
    let arriving = Arc::clone(state);
    let task = tokio::spawn(async move {
        let Some(not_after) = not_after_of(&call.body) else { return };
        loop {
            let left = not_after.ms_since(arriving.clock.now()) - LATE_MARGIN_MS;
            let Ok(wait_ms @ 1..) = u64::try_from(left.min(LATE_LOOK_MS)) else { break };
            tokio::time::sleep(Duration::from_millis(wait_ms)).await;
        }
        // Nobody is there to hear the answer.
        let _ = perform(&arriving, &call, &Seat::default()).await;
    });
    state.keep(task.abort_handle());
}

/// The decision stands; its answer does not come through as it should.
fn spoiled(state: &State, call: &Call, reply: Reply, fault: &Fault) -> Outcome {
    match fault {
        Fault::ResetAfterBooking => Outcome::Reset,
        Fault::HangAfterBooking => Outcome::Silence,
        Fault::Http500AfterBooking => broken(500, "INTERNAL"),
        Fault::Garbage => {
            let body = b"<html><body><h1>Selamat datang</h1>\x00\xff{\"reference\":".to_vec();
            Outcome::Answer(Reply { status: 200, body, ..reply }, Seal::Proper)
        }
        Fault::TruncatedBody => Outcome::Cut(reply),
        Fault::Unsigned => Outcome::Answer(reply, Seal::Missing),
        Fault::WrongSignature => Outcome::Answer(reply, Seal::Wrong),
        Fault::WrongAmount => Outcome::Answer(altered(reply, wrong_amount), Seal::Proper),
        Fault::WrongPlate => {
            Outcome::Answer(altered(reply, |content| wrong_plate(state, call, content)), Seal::Proper)
        }
        Fault::RefuseAfterBooking(code) => {
            let refusal = Reply::refusal(call.operation, code, reply.at);
            Outcome::Answer(refusal.once_written(reply.after), Seal::Proper)
        }
        Fault::NoNumber => Outcome::Answer(
            altered(reply, |content| {
                if let Some(members) = content.as_object_mut() {
                    members.remove(call.host.number_member());
                }
            }),
            Seal::Proper,
        ),
        Fault::NumberOfAnother => Outcome::Answer(
            altered(reply, |content| number_of_another(state, call.host, content)),
            Seal::Proper,
        ),
        Fault::DelayMs(_)
        | Fault::ResetBefore
        | Fault::Hang
        | Fault::Http500
        | Fault::Http503
        | Fault::BookLate
        | Fault::DuplicateDelivery
        | Fault::Refuse(_)
        | Fault::ClockSkewMs(_)
        | Fault::File(_) => Outcome::Answer(reply, Seal::Proper),
    }
}

/// Changes a `200` in JSON; refusals and files stay as they are.
fn altered(reply: Reply, change: impl FnOnce(&mut Value)) -> Reply {
    if reply.status != 200 {
        return reply;
    }
    match serde_json::from_slice::<Value>(&reply.body) {
        Ok(mut content) => {
            change(&mut content);
            Reply { body: content.to_string().into_bytes(), ..reply }
        }
        Err(_) => reply,
    }
}

/// A bill's total, or a booking's amount, that is Rp1.000 too high.
fn wrong_amount(content: &mut Value) {
    for member in ["total", "amount"] {
        if let Some(amount) = content.get_mut(member) {
            *amount = json!(amount.as_i64().unwrap_or(0) + 1_000);
        }
    }
}

/// The number of the first other booking of this host, where there is one.
fn number_of_another(state: &State, host: Host, content: &mut Value) {
    let member = host.number_member();
    let book = state.book(host).shown();
    let numbers = book.as_object().into_iter().flatten().map(|(_, booking)| &booking["number"]);
    let other = numbers.filter(|number| Some(*number) != content.get(member)).min_by_key(ToString::to_string);
    if let Some(other) = other.cloned() {
        content[member] = other;
    }
}

/// Another vehicle's plate on a bill; on a booking, which names no plate, the bill of another vehicle.
fn wrong_plate(state: &State, call: &Call, content: &mut Value) {
    if let Some(plate) = content.get_mut("plate") {
        *plate = json!(if plate == "L1234XX" { "L1235XX" } else { "L1234XX" });
        return;
    }
    let today = state.clock.now().date();
    let numbering = state.numbering(call.host);
    let Some(bill) = content.get_mut(call.host.bill_member()) else { return };
    let Some(mut meaning) = bill.as_str().and_then(|number| numbering.meaning(number, today)) else { return };
    for step in 1..100_000 {
        if let Some(plate) = crate::plate::Plate::numbered(meaning.plate.number() + step) {
            meaning.plate = plate;
            *bill = json!(numbering.number(&meaning, 0));
            return;
        }
    }
}
