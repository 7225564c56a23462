//! Every state × event pair once, as a table that fails when a pair is missing; and what holds over any sequence.
//!
//! A payment is written as its legs, Bapenda's first: `U` unsent, `S` sent, `B` booked, `R` refused, `A` absent,
//! `L` released, `V` reversed. Words after them say what else is so: `cancel` (the cashier wants it ended), `titip`
//! (that paper is out), `expired` (the quote is over), `late` (ten minutes are over), `doubt` (a reversal that comes out
//! of a doubt). Outcomes are written `state(reason) LEGS[answers to reversals] cancel | effects`.

mod lives;
mod table;

use chrono::{TimeDelta, TimeZone, Utc};

use super::event::{Effect, Event, Limits};
use super::state::{Leg, LegReversal, LegState, Payment, ReversalAnswer, State, StateName};
use crate::domain::{
    AgentId, Authority, BusinessDate, LookupId, PaymentId, Reference, Rupiah, Timestamp, TransferId,
};
use crate::receipt;
use crate::upstream::Booking;

/// The kinds of events, and the kind of one: a new event does not compile before it stands here, and not pass before it
/// stands in the table.
macro_rules! kinds {
    ($($kind:ident: $pattern:pat),+ $(,)?) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        enum Kind { $($kind),+ }
        const KINDS: &[Kind] = &[$(Kind::$kind),+];
        const fn kind_of(event: &Event) -> Kind {
            match event { $($pattern => Kind::$kind),+ }
        }
    };
}

kinds! {
    TakenOver: Event::TakenOver,
    Sending: Event::Sending(..),
    Booked: Event::Booked(..),
    ReversedThere: Event::ReversedThere(_),
    Refused: Event::Refused(..),
    Silent: Event::Silent(..),
    Contradicts: Event::Contradicts(..),
    NeverSent: Event::NeverSent(_),
    Absent: Event::Absent(_),
    CancelAsked: Event::CancelAsked,
    Reopened: Event::Reopened { .. },
    PaidElsewhere: Event::PaidElsewhere(_),
    FreshlyAssessed: Event::FreshlyAssessed(_),
    Proven: Event::Proven(..),
    LateBooked: Event::LateBooked(..),
    Reposted: Event::Reposted,
    ReversalApproved: Event::ReversalApproved(_),
    ReversalAgreed: Event::ReversalAgreed(..),
    ReversalRefused: Event::ReversalRefused(..),
}

const LIMITS: Limits = Limits { resend_within: TimeDelta::minutes(10) };

fn time(minutes: i64) -> Timestamp {
    Utc.timestamp_opt(1_795_000_000, 0).unwrap() + TimeDelta::minutes(minutes)
}

fn day() -> BusinessDate {
    BusinessDate::parse("2026-11-24").unwrap()
}

fn booking(number: &str) -> Booking {
    Booking { number: number.to_owned(), booked_at: time(0), business_date: day() }
}

/// What a host books a leg under.
fn first_number(ordinal: i16) -> Booking {
    booking(&format!("N{ordinal}"))
}

fn leg_state(letter: char, ordinal: i16) -> LegState {
    match letter {
        'U' => LegState::Unsent,
        'S' => LegState::Sent,
        'B' => LegState::Booked(first_number(ordinal)),
        'R' => LegState::Refused("BILL_EXPIRED".to_owned()),
        'A' => LegState::Absent,
        'L' => LegState::Released,
        'V' => LegState::Reversed(first_number(ordinal)),
        other => panic!("no leg is {other}"),
    }
}

fn letter(state: &LegState) -> char {
    match state {
        LegState::Unsent => 'U',
        LegState::Sent => 'S',
        LegState::Booked(_) => 'B',
        LegState::Refused(_) => 'R',
        LegState::Absent => 'A',
        LegState::Released => 'L',
        LegState::Reversed(_) => 'V',
    }
}

fn leg(ordinal: i16, letter: char, reversing: bool) -> Leg {
    let reversal = |answer| Some(LegReversal { reference: Reference::new(), answer });
    Leg {
        ordinal,
        authority: Authority::ALL[usize::try_from(ordinal.min(1)).unwrap()],
        reference: Reference::new(),
        document_id: "3578261124000017".to_owned(),
        amount: Rupiah::new(100_000).unwrap(),
        periods: vec![],
        hold: Some(TransferId::new()),
        not_after: time(1),
        state: leg_state(letter, ordinal),
        reversal: match letter {
            'B' if reversing => reversal(ReversalAnswer::Asked),
            'V' => reversal(ReversalAnswer::Agreed(day())),
            _ => None,
        },
    }
}

fn payment(name: StateName, before: &str) -> Payment {
    let (legs, words) = before.split_once(' ').unwrap_or((before, ""));
    let says = |word| words.split(' ').any(|said| said == word);
    let confirmed_at = (!says("doubt")).then(|| time(0));
    let reason = || "WHY".to_owned();
    Payment {
        id: PaymentId::new(),
        agent_id: AgentId::new(),
        agent_no: 1,
        agent_code: "PSN-0001".to_owned(),
        lookup_id: LookupId::new(),
        plate: "L1234AB".to_owned(),
        amount: Rupiah::new(205_000).unwrap(),
        fee: Rupiah::new(5_000).unwrap(),
        fee_hold: Some(TransferId::new()),
        taken_at: time(if says("late") { -9 } else { 0 }),
        quote_expires_at: time(if says("expired") { 1 } else { 60 }),
        next_due_on: day(),
        titip_no: says("titip").then(|| "T-1".to_owned()),
        receipt_no: None,
        cancel_requested: says("cancel"),
        reposted_at: says("reposted").then(|| time(0)),
        state: match name {
            StateName::Held => State::Held,
            StateName::InDoubt => State::InDoubt { reason: None },
            StateName::IntegrityHold => State::IntegrityHold { reason: reason() },
            StateName::Confirmed => State::Confirmed { at: time(0) },
            StateName::Refused => State::Refused { reason: reason(), at: time(0) },
            StateName::Reversing => State::Reversing { confirmed_at },
            StateName::Reversed => State::Reversed { at: time(0), confirmed_at },
        },
        legs: legs
            .chars()
            .zip(0..)
            .map(|(c, o)| leg(o, c, name == StateName::Reversing || says("asked")))
            .collect(),
    }
}

fn effect(effect: &Effect) -> String {
    match effect {
        Effect::Post(o) => format!("post {o}"),
        Effect::Void(o) => format!("void {o}"),
        Effect::Claim(o) => format!("claim {o}"),
        Effect::Replace { old, new } => format!("replace {old} by {new}"),
        Effect::PostFee => "post fee".to_owned(),
        Effect::VoidFee => "void fee".to_owned(),
        Effect::Reverse(o) => format!("reverse {o}"),
        Effect::ReverseFee => "reverse fee".to_owned(),
        Effect::Issue(receipt::Kind::Titip) => "titip".to_owned(),
        Effect::Issue(receipt::Kind::Lunas) => "lunas".to_owned(),
        Effect::Case(class, _) => format!("case {class}"),
    }
}

/// What a payment has become, as the table writes it.
fn written(payment: &Payment, effects: &[Effect]) -> String {
    let reason = match &payment.state {
        State::InDoubt { reason } => reason.clone(),
        State::IntegrityHold { reason } | State::Refused { reason, .. } => Some(reason.clone()),
        State::Held | State::Confirmed { .. } | State::Reversing { .. } | State::Reversed { .. } => None,
    };
    let reason = reason.map(|reason| format!("({reason})")).unwrap_or_default();
    let legs: String = payment.legs.iter().map(|leg| letter(&leg.state)).collect();
    let answer = |leg: &Leg| match leg.reversal.as_ref().map(|reversal| reversal.answer) {
        None => '-',
        Some(ReversalAnswer::Asked) => '?',
        Some(ReversalAnswer::Agreed(_)) => 'y',
        Some(ReversalAnswer::Refused) => 'n',
    };
    let answers: String = payment.legs.iter().map(answer).collect();
    let answers = if answers.chars().all(|c| c == '-') { String::new() } else { format!("[{answers}]") };
    let cancel = if payment.cancel_requested { " cancel" } else { "" };
    let effects: Vec<String> = effects.iter().map(effect).collect();
    let effects = if effects.is_empty() { String::new() } else { format!(" | {}", effects.join(", ")) };
    format!("{}{reason} {legs}{answers}{cancel}{effects}", payment.state.name().as_str())
}

fn booked(ordinal: i16) -> Event {
    Event::Booked(ordinal, first_number(ordinal))
}

fn refused(ordinal: i16) -> Event {
    Event::Refused(ordinal, "BILL_EXPIRED".to_owned())
}

fn contradicts(ordinal: i16) -> Event {
    Event::Contradicts(ordinal, "ANOTHER_AMOUNT".to_owned())
}

/// A fresh assessment of that place, not sent yet.
fn fresh(ordinal: i16) -> Event {
    Event::FreshlyAssessed(Box::new(leg(ordinal, 'U', false)))
}

fn proven(ordinal: i16) -> Event {
    Event::Proven(ordinal, first_number(ordinal))
}

fn late(ordinal: i16) -> Event {
    Event::LateBooked(ordinal, first_number(ordinal))
}

fn approved() -> Event {
    Event::ReversalApproved((0..6).map(|ordinal| (ordinal, Reference::new())).collect())
}

fn not_reversible(ordinal: i16) -> Event {
    Event::ReversalRefused(ordinal, "NOT_REVERSIBLE".to_owned())
}
