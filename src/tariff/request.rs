//! What the engine is asked, and how it refuses to answer.

use chrono::Datelike;
use serde::{Deserialize, Serialize};

use crate::domain::{BusinessDate, Rupiah};

use super::values::{WHOLE_BP, WHOLE_PERMILLE};

/// Highest NJKB believed, in rupiah: a hundred times the dearest car.
const NJKB_MAX: i64 = 1_000_000_000_000;
/// Highest weight (*bobot*) believed; the highest in law is 1.4.
const WEIGHT_PERMILLE_MAX: i64 = 10_000;
/// Years that the engine computes for: from the first rule on ([`super::table::RULES_BEGIN`]).
const YEARS: std::ops::RangeInclusive<i32> = 2000..=2100;
/// Most days between due date and payment, either way: 20 years. A vehicle is struck off the register long before
/// (Perpol 7/2021 Ps 84-86), and it bounds the number of periods.
const DAYS_APART_MAX: i64 = 7_305;
/// Most waivers of one bill.
const WAIVERS_MAX: usize = 16;

/// What drives the vehicle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Energy {
    /// Combustion.
    Ice,
    /// Hybrid.
    Hev,
    /// Plug-in hybrid.
    Phev,
    /// Battery only: the one that pays no PKB.
    Bev,
}

impl Energy {
    /// The energy of that name on the wire.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "ICE" => Some(Self::Ice),
            "HEV" => Some(Self::Hev),
            "PHEV" => Some(Self::Phev),
            "BEV" => Some(Self::Bev),
            _ => None,
        }
    }
}

/// The class (*golongan*) of SWDKLLJ (PMK 16/PMK.010/2017).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum SwdklljClass {
    /// Motorcycles below 50 cc, ambulances, hearses, fire engines.
    A,
    /// Tractors, cranes and the like.
    B,
    /// Motorcycles of 50 to 250 cc, three-wheelers.
    C1,
    /// Motorcycles above 250 cc.
    C2,
    /// Private passenger cars and goods vehicles up to 2,400 cc.
    DP,
    /// Public passenger cars up to 1,600 cc.
    DU,
    /// Private buses.
    EP,
    /// Public buses.
    EU,
    /// Lorries.
    F,
}

impl SwdklljClass {
    /// All nine.
    pub const ALL: [Self; 9] =
        [Self::A, Self::B, Self::C1, Self::C2, Self::DP, Self::DU, Self::EP, Self::EU, Self::F];

    /// The class of that name on the wire.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| format!("{class:?}") == name)
    }
}

/// One vehicle, its oldest unpaid period and the day of payment. Plain facts: [`super::assess`] refuses absurd ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The vehicle's value (*nilai jual*), in rupiah.
    pub njkb: i64,
    /// Weight (*bobot*), 1000 for 1.
    pub weight_permille: i64,
    /// Share of the base that counts; below 1000 for public transport.
    pub usage_permille: i64,
    /// Tariff of periods whose rule takes it as given, in basis points.
    pub tariff_bp: i64,
    /// What drives the vehicle.
    pub energy: Energy,
    /// Its class for SWDKLLJ.
    pub swdkllj_class: SwdklljClass,
    /// Due date of the oldest unpaid period.
    pub due_on: BusinessDate,
    /// Day of payment in WIB.
    pub paid_on: BusinessDate,
    /// Relief of the base in periods whose rule takes it as given, in basis points.
    pub relief_bp: i64,
    /// Codes of the amnesties granted.
    pub waivers: Vec<String>,
}

/// Why a bill cannot be computed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AssessError {
    /// Refused: a fact that no vehicle or calendar can have.
    #[error("{field} must be {must_be}")]
    Absurd {
        /// The fact's name in `assess`.
        field: &'static str,
        /// What would be believed.
        must_be: String,
    },
    /// Refused: an amnesty whose effect no rule knows.
    #[error("waiver `{0}` is not known to any rule")]
    UnknownWaiver(String),
    /// Refused: a day before the first rule.
    #[error("{table} has no rule for {day}")]
    NoRule {
        /// The rule file.
        table: String,
        /// The day asked for.
        day: BusinessDate,
    },
    /// Broken: a component whose rule allows no fraction has one.
    #[error("an amount that must be exact has a fraction of a rupiah")]
    Inexact,
    /// Broken: an amount out of range, which believable facts cannot reach.
    #[error("an amount is out of range")]
    Money,
}

impl Request {
    /// Refuses what would overflow, run for ever, or yield a bill that looks real and is not.
    pub(super) fn refuse_absurd(&self) -> Result<(), AssessError> {
        within("njkb", self.njkb, 1, NJKB_MAX)?;
        within("weight_permille", self.weight_permille, 1, WEIGHT_PERMILLE_MAX)?;
        within("usage_permille", self.usage_permille, 1, WHOLE_PERMILLE)?;
        within("tariff_bp", self.tariff_bp, 0, WHOLE_BP)?;
        within("relief_bp", self.relief_bp, 0, WHOLE_BP)?;
        for (field, day) in [("due_on", self.due_on), ("paid_on", self.paid_on)] {
            within_years(field, day)?;
        }
        if self.paid_on.days_since(self.due_on).abs() > DAYS_APART_MAX {
            return absurd("paid_on", "within 20 years of due_on".to_owned());
        }
        if self.waivers.len() > WAIVERS_MAX {
            return absurd("waivers", format!("at most {WAIVERS_MAX}"));
        }
        Ok(())
    }

    /// The value, when it is an amount of money.
    pub(super) fn value(&self) -> Result<Rupiah, AssessError> {
        Rupiah::not_negative(self.njkb).map_err(|_| AssessError::Money)
    }
}

fn within(field: &'static str, value: i64, least: i64, most: i64) -> Result<(), AssessError> {
    if (least..=most).contains(&value) { Ok(()) } else { absurd(field, format!("from {least} to {most}")) }
}

fn within_years(field: &'static str, day: BusinessDate) -> Result<(), AssessError> {
    if YEARS.contains(&day.date().year()) {
        return Ok(());
    }
    absurd(field, format!("in the years {} to {}", YEARS.start(), YEARS.end()))
}

fn absurd(field: &'static str, must_be: String) -> Result<(), AssessError> {
    Err(AssessError::Absurd { field, must_be })
}
