//! The shadow tariff engine: what a bill should be by the dated rules of `config/tariff/`.
//!
//! Promises: every row names its days and its legal source; every amount is whole rupiah, rounded where a rule says so;
//! the same facts always give the same bill. Absurd facts are refused with a reason. It never corrects a bill: the
//! authorities say what is owed, [`check`](fn@check) only says whether the rules agree. No I/O but the streams that
//! [`run_assess`] is given, no clock, no floats. `docs/tariff.md` tells what is sourced and what is assumed.

mod assess;
mod check;
mod engine;
mod lateness;
mod request;
mod rounding;
mod rules;
mod table;
#[cfg(test)]
mod tests;
mod values;

pub use assess::run_assess;
pub use check::{Difference, VehicleFacts, Verdict, VerdictForm, check};
pub use engine::{AssessedLine, AssessedPeriod, Assessment, LineCode, assess};
pub use request::{AssessError, Energy, Request, SwdklljClass};
pub use rules::Rules;
pub use table::RuleError;
