//! Inquiries: the bill that a host issues for a plate, or its refusal.
//!
//! Reads the registry and the book, writes nothing: a bill's number carries what it was made of.

use chrono::NaiveDate;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::bill::{Bill, COPIES, Line, Meaning, known_periods};
use crate::book::Book;
use crate::clock::Moment;
use crate::dice::Dice;
use crate::host::{Host, Operation};
use crate::plate::{Plate, Reading};
use crate::registry::{Standing, Vehicle};
use crate::reply::Reply;
use crate::seat::Seat;
use crate::state::State;

#[derive(Debug, Deserialize)]
struct Question {
    reference: String,
    plate: String,
    chassis_last5: String,
    as_of: Option<NaiveDate>,
}

/// Answers `POST …/inquiries`.
pub(crate) fn inquire(state: &State, host: Host, body: &[u8], seat: &Seat) -> Reply {
    let now = seat.now(&state.clock);
    let refuse = |code: &str| Reply::refusal(Operation::Inquiry, code, now);
    let Ok(question) = serde_json::from_slice::<Question>(body) else { return refuse("BAD_REQUEST") };
    if let Some(code) = &seat.forced {
        return refuse(code);
    }
    let Some(as_of) = day_asked_about(host, &question, now) else { return refuse("BAD_REQUEST") };
    let plate = match (Plate::read(&question.plate), host) {
        (Reading::EastJava(plate), _) => plate,
        (Reading::AnotherProvince, Host::Bapenda) => return refuse("OUTSIDE_JATIM"),
        (Reading::AnotherProvince, Host::JasaRaharja) | (Reading::NoPlate, _) => return refuse("NOT_FOUND"),
    };
    let vehicle = Vehicle::registered(&plate, state.seed, as_of);
    if let Some(code) = refusal_by_register(host, &vehicle, &question.chassis_last5) {
        return refuse(code);
    }
    let book = state.book(host);
    let (open, paid_written) = open_periods(&book, host, &vehicle);
    let Some(bill) = Bill::of(host, vehicle, as_of, open) else {
        return refuse("ALREADY_PAID").once_written(paid_written);
    };
    let meaning = Meaning { plate, as_of, periods: open };
    let number = unspent_number(state, host, &book, (&meaning, &question.reference));
    let business_date = book.business_date(now);
    drop(book);
    Reply::json(200, &answer(host, &bill, (&number, &question.reference), business_date), now)
}

/// Bapenda goes by its own date; Jasa Raharja is told one, which may be off by a midnight but not by more.
fn day_asked_about(host: Host, question: &Question, now: Moment) -> Option<NaiveDate> {
    let today = now.date();
    if host == Host::Bapenda {
        return Some(today);
    }
    question.as_of.filter(|as_of| as_of.signed_duration_since(today).num_days().abs() <= 1)
}

/// What the register itself says no to. The chassis comes before everything that would tell a stranger something.
fn refusal_by_register(host: Host, vehicle: &Vehicle, chassis_last5: &str) -> Option<&'static str> {
    let standing = vehicle.standing;
    let unknown = match (standing, host) {
        (Standing::Refused("NOT_FOUND"), _) => Some("NOT_FOUND"),
        (Standing::Refused("OUTSIDE_JATIM"), Host::Bapenda) => Some("OUTSIDE_JATIM"),
        _ => None,
    };
    if unknown.is_some() {
        return unknown;
    }
    if vehicle.chassis_last5 != chassis_last5 {
        return Some("CHASSIS_MISMATCH");
    }
    match (standing, host) {
        (Standing::Refused("ALREADY_PAID"), _)
        | (Standing::BapendaPaid, Host::Bapenda)
        | (Standing::JasaRaharjaPaid, Host::JasaRaharja) => Some("ALREADY_PAID"),
        (Standing::Refused(code), Host::Bapenda) => Some(code),
        _ => None,
    }
}

/// The vehicle's periods that nobody has paid here, by bit, and the latest journal number among those paid.
fn open_periods(book: &Book, host: Host, vehicle: &Vehicle) -> (u64, u64) {
    let (mut open, mut written) = (0, 0);
    for (position, due_on) in known_periods(host, vehicle).into_iter().enumerate() {
        match book.payer_of(vehicle.plate.as_str(), due_on) {
            Some(entry) => written = written.max(entry.written),
            None => open |= 1 << position,
        }
    }
    (open, written)
}

/// A number under which this bill was never booked: once booked and reversed, a number is spent.
fn unspent_number(state: &State, host: Host, book: &Book, (meaning, reference): (&Meaning, &str)) -> String {
    let first = Dice::of(state.seed, reference).below("copy", COPIES);
    let numbers = (0..COPIES).map(|step| state.numbering(host).number(meaning, first + step));
    let mut last = String::new();
    for number in numbers {
        if !book.is_spent(&number) {
            return number;
        }
        last = number;
    }
    last
}

fn answer(host: Host, bill: &Bill, (number, reference): (&str, &str), business_date: NaiveDate) -> Value {
    let vehicle = &bill.vehicle;
    let periods: Vec<Value> = bill.due_on.iter().map(|&due_on| period(&bill.lines, due_on)).collect();
    let mut content = json!({
        "reference": reference,
        host.bill_member(): number,
        "plate": vehicle.plate.as_str(),
        "periods": periods,
        "total": bill.total(),
        "expires_at": bill.expires_at().to_second(),
    });
    let more = match host {
        Host::JasaRaharja => json!({ "swdkllj_class": bill.class }),
        Host::Bapenda => json!({
            "vehicle": described(vehicle),
            "next_due_on": vehicle.next_due_on,
            "tariff_bp": vehicle.basis.tariff_bp,
            "relief_bp": vehicle.basis.relief_bp,
            "waivers": [],
            "business_date": business_date,
        }),
    };
    if let (Value::Object(content), Value::Object(more)) = (&mut content, more) {
        content.extend(more);
    }
    content
}

fn period(lines: &[Line], due_on: NaiveDate) -> Value {
    let lines: Vec<Value> = lines
        .iter()
        .filter(|line| line.due_on == due_on)
        .map(|line| {
            json!({
                "code": line.code,
                "beneficiary": line.beneficiary,
                "principal": line.principal,
                "penalty": line.penalty,
            })
        })
        .collect();
    json!({ "due_on": due_on, "lines": lines })
}

fn described(vehicle: &Vehicle) -> Value {
    json!({
        "owner_name": vehicle.owner_name,
        "make": vehicle.model.make,
        "model": vehicle.model.name,
        "year": vehicle.year,
        "plate_colour": vehicle.plate_colour,
        "cylinder_cc": vehicle.model.cylinder_cc,
        "energy": vehicle.model.energy,
        "swdkllj_class": vehicle.model.class,
        "region_code": vehicle.region_code,
        "njkb": vehicle.basis.njkb,
        "weight_permille": vehicle.basis.weight_permille,
        "usage_permille": vehicle.basis.usage_permille,
        "ownership_order": vehicle.ownership_order,
        "holder": vehicle.holder,
        "stnk_valid_until": vehicle.stnk_valid_until,
    })
}
