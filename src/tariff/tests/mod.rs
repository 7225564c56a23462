//! The engine against the worked examples, the edges of its bands, its limits and its laws.

mod checking;
mod command;
mod edges;
mod properties;
mod timelines;
mod vectors;

use crate::domain::BusinessDate;

use super::{Energy, Request, SwdklljClass};

/// A motorcycle of Rp18 million, first owner, due and paid on these days: vector V01 but for its dates.
fn motorcycle(due_on: &str, paid_on: &str) -> Request {
    Request {
        njkb: 18_000_000,
        weight_permille: 1_000,
        usage_permille: 1_000,
        tariff_bp: 120,
        energy: Energy::Ice,
        swdkllj_class: SwdklljClass::C1,
        due_on: date(due_on),
        paid_on: date(paid_on),
        relief_bp: 0,
        waivers: vec![],
    }
}

fn date(text: &str) -> BusinessDate {
    BusinessDate::parse(text).unwrap()
}
