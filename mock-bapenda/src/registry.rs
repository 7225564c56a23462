//! The vehicle registry: what each authority knows about a plate on a day.
//!
//! A pure function of (plate, seed, WIB date); nothing is stored. Any well-formed East Java plate has an answer, and
//! the same one as long as the day is the same; a due date keeps its anchor day from year to year, 29 February too.

use chrono::{Datelike, Days, NaiveDate};

use crate::assess::{Basis, Slip};
use crate::catalogue::{
    BATTERY_CARS, BATTERY_MOTORCYCLES, BUSES, CARS, FIRST_NAMES, LARGE_MOTORCYCLES, LAST_NAMES, MOTORCYCLES,
    Model, PUBLIC_BUSES, PUBLIC_CARS, REGIONS, SMALL_AND_EXEMPT, TRUCKS,
};
use crate::dice::Dice;
use crate::plate::Plate;

/// How early a period may be paid (our decision; no East Java rule is published).
const EARLY_DAYS: u64 = 60;
/// How late this channel still serves (e-Samsat Jatim: not more than a year).
const LATE_DAYS_MAX: u64 = 365;

/// Where a vehicle stands with the authorities, before any booking of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Standing {
    Payable,
    /// Jasa Raharja has been paid through another channel.
    JasaRaharjaPaid,
    /// Bapenda has been paid through another channel.
    BapendaPaid,
    /// Jasa Raharja keeps another class.
    ClassesDiffer,
    /// Jasa Raharja keeps another due date.
    DueDatesDiffer,
    /// Refused by Bapenda with this code; `NOT_FOUND` and `ALREADY_PAID` hold for both.
    Refused(&'static str),
}

/// A vehicle as registered, on one day.
#[derive(Clone, Debug)]
pub(crate) struct Vehicle {
    pub(crate) plate: Plate,
    pub(crate) chassis_last5: String,
    pub(crate) standing: Standing,
    pub(crate) owner_name: String,
    pub(crate) model: Model,
    pub(crate) year: i32,
    pub(crate) plate_colour: &'static str,
    pub(crate) region_code: &'static str,
    pub(crate) basis: Basis,
    pub(crate) ownership_order: u64,
    pub(crate) holder: &'static str,
    pub(crate) stnk_valid_until: NaiveDate,
    /// Due dates that the owner may pay on that day, oldest first; never empty.
    pub(crate) due_on: Vec<NaiveDate>,
    pub(crate) next_due_on: NaiveDate,
    /// A yearly parking fee of the region, in rupiah.
    pub(crate) parking: Option<u64>,
    pub(crate) slip: Option<Slip>,
    /// Jasa Raharja bills only the newest of two periods.
    pub(crate) older_period_paid_there: bool,
}

impl Vehicle {
    /// The vehicle behind a plate on a WIB date.
    pub(crate) fn registered(plate: &Plate, seed: u64, today: NaiveDate) -> Self {
        let dice = Dice::of(seed, plate.as_str());
        let standing = standing(dice);
        let model = choose_model(dice);
        let public = matches!(model.class, "DU" | "EU");
        let order = if public { 1 } else { ownership_order(dice) };
        let year = model_year(dice, today);
        let anchor = Anchor::of(dice);
        let (due_on, next_due_on) = due_dates(dice, standing, anchor, today);
        let region_code = dice.pick("region", REGIONS).copied().unwrap_or("3578");
        let corporate = standing == Standing::Refused("CORPORATE");
        let stnk_valid_until = stnk_end(dice, standing, anchor, due_on.first().copied().unwrap_or(today));
        Self {
            plate: plate.clone(),
            chassis_last5: format!("{:05}", dice.below("chassis", 100_000)),
            standing,
            owner_name: owner(dice, corporate),
            model,
            year,
            plate_colour: if public { "YELLOW" } else { "WHITE" },
            region_code,
            basis: basis(dice, model, order, today.year() - year),
            ownership_order: order,
            holder: if corporate { "COMPANY" } else { "PERSON" },
            stnk_valid_until,
            due_on,
            next_due_on,
            parking: parking(dice, region_code, model.class),
            slip: slip(dice),
            older_period_paid_there: dice.below("older at Jasa Raharja", 4) == 0,
        }
    }
}

/// The refusals of the protocol and how many plates in a thousand meet them.
const STANDINGS: [(Standing, u64); 16] = [
    (Standing::Refused("NOT_FOUND"), 10),
    (Standing::Refused("OUTSIDE_JATIM"), 8),
    (Standing::Refused("NOT_YET_PAYABLE"), 15),
    (Standing::Refused("ALREADY_PAID"), 10),
    (Standing::Refused("STNK_RENEWAL_DUE"), 15),
    (Standing::Refused("LATE_OVER_LIMIT"), 10),
    (Standing::Refused("BLOCKED_SOLD"), 8),
    (Standing::Refused("BLOCKED_ETLE"), 8),
    (Standing::Refused("BLOCKED_LEGAL"), 8),
    (Standing::Refused("CORPORATE"), 10),
    (Standing::Refused("TRANSFER_PENDING"), 8),
    (Standing::Refused("DEREGISTERED"), 8),
    (Standing::JasaRaharjaPaid, 8),
    (Standing::BapendaPaid, 8),
    (Standing::ClassesDiffer, 6),
    (Standing::DueDatesDiffer, 6),
];

fn standing(dice: Dice) -> Standing {
    let mut left = dice.below("standing", 1000);
    for (standing, share) in STANDINGS {
        if left < share {
            return standing;
        }
        left -= share;
    }
    Standing::Payable
}

fn choose_model(dice: Dice) -> Model {
    let models = match dice.below("kind", 1000) {
        0..770 => MOTORCYCLES,
        770..800 => BATTERY_MOTORCYCLES,
        800..820 => LARGE_MOTORCYCLES,
        820..920 => CARS,
        920..930 => BATTERY_CARS,
        930..942 => BUSES,
        942..972 => TRUCKS,
        972..981 => PUBLIC_CARS,
        981..988 => PUBLIC_BUSES,
        _ => SMALL_AND_EXEMPT,
    };
    dice.pick("model", models).copied().unwrap_or(MOTORCYCLES[0])
}

fn ownership_order(dice: Dice) -> u64 {
    match dice.below("ownership", 100) {
        0..80 => 1,
        80..92 => 2,
        92..97 => 3,
        97..99 => 4,
        _ => 5,
    }
}

fn model_year(dice: Dice, today: NaiveDate) -> i32 {
    today.year() - 1 - i32::try_from(dice.below("age", 14)).unwrap_or(0)
}

/// NJKB falls by about 6 % a year and is kept in full Rp100.000 or, for one in three, in Rp5.000.
fn basis(dice: Dice, model: Model, order: u64, age: i32) -> Basis {
    let mut njkb = model.njkb_new;
    for _ in 0..age {
        njkb = njkb * 94 / 100;
    }
    let step = if dice.below("valuation step", 3) == 0 { 5_000 } else { 100_000 };
    let njkb = (njkb / step).max(1) * step;
    let public = matches!(model.class, "DU" | "EU");
    let progressive = matches!(model.class, "C2" | "DP");
    let tariff_bp = match (public, progressive, order) {
        (true, _, _) => 50,
        (false, true, 2) => 170,
        (false, true, 3) => 220,
        (false, true, 4) => 270,
        (false, true, 5) => 320,
        _ => 120,
    };
    let relieved = tariff_bp == 120 && dice.below("relief", 10) < 3;
    Basis {
        njkb,
        weight_permille: model.weight_permille,
        usage_permille: if public { 300 } else { 1000 },
        tariff_bp,
        relief_bp: if relieved { 2470 } else { 0 },
        untaxed: model.energy == "BEV",
    }
}

fn owner(dice: Dice, corporate: bool) -> String {
    let first = dice.pick("first name", FIRST_NAMES).copied().unwrap_or("SITI");
    let last = dice.pick("last name", LAST_NAMES).copied().unwrap_or("AMINAH");
    if corporate { format!("PT {last} JAYA ABADI") } else { format!("{first} {last}") }
}

/// Parking by subscription: half of the vehicles of Bangkalan (Perbup 55/2019: R2 30.000, R4 50.000).
fn parking(dice: Dice, region_code: &str, class: &str) -> Option<u64> {
    let subscribes = region_code == "3526" && dice.below("parking", 2) == 0;
    subscribes.then_some(if matches!(class, "A" | "C1" | "C2") { 30_000 } else { 50_000 })
}

/// One vehicle in a hundred is billed by a plausible mistake.
fn slip(dice: Dice) -> Option<Slip> {
    match dice.below("slip", 300) {
        0 => Some(Slip::OpsenOfUnrounded),
        1 => Some(Slip::OpsenToThousand),
        2 => Some(Slip::MonthOfThirtyDays),
        _ => None,
    }
}

/// The day and month on which a vehicle's period begins, as first registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Anchor {
    month: u32,
    day: u32,
}

impl Anchor {
    fn of(dice: Dice) -> Self {
        let leap_year = NaiveDate::from_ymd_opt(2028, 1, 1).unwrap_or_default();
        let date = leap_year + Days::new(dice.below("anchor", 366));
        Self { month: date.month(), day: date.day() }
    }

    /// The period's first day in that year; 29 February becomes the 28th where there is none.
    fn in_year(self, year: i32) -> NaiveDate {
        NaiveDate::from_ymd_opt(year, self.month, self.day)
            .or_else(|| NaiveDate::from_ymd_opt(year, self.month, 28))
            .unwrap_or_default()
    }

    fn not_before(self, date: NaiveDate) -> NaiveDate {
        let this_year = self.in_year(date.year());
        if this_year >= date { this_year } else { self.in_year(date.year() + 1) }
    }

    fn after(self, due_on: NaiveDate) -> NaiveDate {
        self.in_year(due_on.year() + 1)
    }
}

/// The payable due dates and the one that follows them.
fn due_dates(
    dice: Dice,
    standing: Standing,
    anchor: Anchor,
    today: NaiveDate,
) -> (Vec<NaiveDate>, NaiveDate) {
    let patient = dice.below("patience", 5) == 0;
    let oldest = match standing {
        Standing::Refused("NOT_YET_PAYABLE" | "ALREADY_PAID") => {
            anchor.not_before(today + Days::new(EARLY_DAYS + 1))
        }
        Standing::Refused("LATE_OVER_LIMIT") => anchor.not_before(today - Days::new(LATE_DAYS_MAX + 366)),
        _ if patient => anchor.not_before(today - Days::new(LATE_DAYS_MAX)),
        _ => anchor.not_before(today - Days::new(LATE_DAYS_MAX - EARLY_DAYS)),
    };
    let mut due_on = vec![oldest];
    let mut next = anchor.after(oldest);
    // Arrears are paid together; a period that may already be paid early joins them for one owner in two.
    while next < today
        || (oldest < today && next <= today + Days::new(EARLY_DAYS) && dice.below("ahead", 2) == 0)
    {
        due_on.push(next);
        next = anchor.after(next);
    }
    (due_on, next)
}

/// STNK lasts five years from an anchor day; only a vehicle due for renewal has it ending within the period.
fn stnk_end(dice: Dice, standing: Standing, anchor: Anchor, oldest: NaiveDate) -> NaiveDate {
    let years = if standing == Standing::Refused("STNK_RENEWAL_DUE") {
        0
    } else {
        2 + i32::try_from(dice.below("STNK", 3)).unwrap_or(0)
    };
    anchor.in_year(oldest.year() + years)
}

#[cfg(test)]
mod tests {
    use super::{Anchor, Standing, Vehicle};
    use crate::plate::{Plate, Reading};
    use chrono::NaiveDate;

    #[test]
    fn due_dates_lie_within_reach_and_two_periods_stay_within_a_year() {
        let today = NaiveDate::from_ymd_opt(2026, 11, 24).unwrap_or_default();
        let mut pairs = 0;
        for number in 1..9999 {
            let Reading::EastJava(plate) = Plate::read(&format!("L{number}QX")) else { panic!("{number}") };
            let vehicle = Vehicle::registered(&plate, 42, today);
            let late: Vec<i64> =
                vehicle.due_on.iter().map(|due| today.signed_duration_since(*due).num_days()).collect();
            if vehicle.standing == Standing::Payable {
                assert!(late.iter().all(|days| (-60..=365).contains(days)), "{plate:?} {late:?}");
                pairs += usize::from(late.len() == 2);
            }
            if vehicle.standing == Standing::Refused("LATE_OVER_LIMIT") {
                assert!(late[0] > 365, "{plate:?} {late:?}");
            }
            assert!(late.len() <= 3);
        }
        assert!(pairs > 50, "{pairs}");
    }

    #[test]
    fn the_29th_of_february_keeps_its_anchor() {
        let anchor = Anchor { month: 2, day: 29 };
        let common = anchor.in_year(2027);
        assert_eq!(common.to_string(), "2027-02-28");
        assert_eq!(anchor.after(common).to_string(), "2028-02-29");
    }
}
