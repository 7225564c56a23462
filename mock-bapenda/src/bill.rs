//! Bills: their lines at each host, and numbers that carry what the bill was made of.
//!
//! A bill's number is 16 digits that give back plate, day and periods, so a bill needs no storage and stays payable
//! whatever happens to the process. A made-up number is almost never a bill (keyed check, then the registry).

use chrono::{Days, NaiveDate};
use serde::{Deserialize, Serialize};

use crate::assess::{opsen, pkb, swdkllj};
use crate::clock::Moment;
use crate::dice::spread;
use crate::host::Host;
use crate::plate::{PLATES, Plate};
use crate::registry::{Standing, Vehicle};

/// One line of a bill, in rupiah.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Line {
    pub(crate) due_on: NaiveDate,
    pub(crate) code: String,
    pub(crate) beneficiary: String,
    pub(crate) principal: i64,
    pub(crate) penalty: i64,
}

/// A bill as issued.
#[derive(Clone, Debug)]
pub(crate) struct Bill {
    pub(crate) vehicle: Vehicle,
    pub(crate) class: &'static str,
    pub(crate) due_on: Vec<NaiveDate>,
    pub(crate) lines: Vec<Line>,
    /// The WIB date of the inquiry, by which penalties go.
    pub(crate) as_of: NaiveDate,
}

impl Bill {
    /// Rupiah, principal and penalty over all lines.
    pub(crate) fn total(&self) -> i64 {
        self.lines.iter().map(|line| line.principal + line.penalty).sum()
    }

    pub(crate) fn expires_at(&self) -> Moment {
        Moment::end_of(self.as_of)
    }

    /// The bill for those of the vehicle's periods that `periods` names by bit; `None` when the host bills none of them.
    pub(crate) fn of(host: Host, vehicle: Vehicle, as_of: NaiveDate, periods: u64) -> Option<Self> {
        if !bills(host, vehicle.standing) {
            return None;
        }
        let due_on: Vec<NaiveDate> = known_periods(host, &vehicle)
            .into_iter()
            .enumerate()
            .filter(|(position, _)| periods >> position & 1 == 1)
            .map(|(_, due_on)| due_on)
            .collect();
        if due_on.is_empty() {
            return None;
        }
        let class = class_at(host, &vehicle);
        let lines = due_on.iter().flat_map(|&due| lines_of(host, &vehicle, due, as_of)).collect();
        Some(Self { vehicle, class, due_on, lines, as_of })
    }
}

/// Whether a host bills a vehicle of that standing at all.
fn bills(host: Host, standing: Standing) -> bool {
    match (standing, host) {
        (Standing::Refused("NOT_FOUND" | "ALREADY_PAID"), _)
        | (Standing::Refused(_) | Standing::BapendaPaid, Host::Bapenda)
        | (Standing::JasaRaharjaPaid, Host::JasaRaharja) => false,
        (
            Standing::Payable
            | Standing::ClassesDiffer
            | Standing::DueDatesDiffer
            | Standing::Refused(_)
            | Standing::BapendaPaid
            | Standing::JasaRaharjaPaid,
            _,
        ) => true,
    }
}

/// The due dates that a host has on record as payable, oldest first.
pub(crate) fn known_periods(host: Host, vehicle: &Vehicle) -> Vec<NaiveDate> {
    let all = &vehicle.due_on;
    if host == Host::Bapenda {
        return all.clone();
    }
    if vehicle.standing == Standing::DueDatesDiffer {
        return all.iter().map(|&due_on| due_on + Days::new(31)).collect();
    }
    match all.split_last() {
        Some((&newest, [_])) if vehicle.older_period_paid_there => vec![newest],
        _ => all.clone(),
    }
}

fn class_at(host: Host, vehicle: &Vehicle) -> &'static str {
    if host == Host::JasaRaharja && vehicle.standing == Standing::ClassesDiffer {
        if vehicle.model.class == "C1" { "C2" } else { "C1" }
    } else {
        vehicle.model.class
    }
}

fn lines_of(host: Host, vehicle: &Vehicle, due_on: NaiveDate, as_of: NaiveDate) -> Vec<Line> {
    let line = |code: &str, beneficiary: &str, principal: u64, penalty: u64| Line {
        due_on,
        code: code.to_owned(),
        beneficiary: beneficiary.to_owned(),
        principal: i64::try_from(principal).unwrap_or(i64::MAX),
        penalty: i64::try_from(penalty).unwrap_or(i64::MAX),
    };
    if host == Host::JasaRaharja {
        let due = swdkllj(class_at(host, vehicle), due_on, as_of);
        return vec![line("SWDKLLJ", "JASA_RAHARJA", due.principal, due.penalty)];
    }
    let tax = pkb(vehicle.basis, due_on, as_of, vehicle.slip);
    let mut lines = vec![line("PKB", "35", tax.principal, tax.penalty)];
    if let Some(surcharge) = opsen(vehicle.basis, due_on, as_of, vehicle.slip) {
        lines.push(line("OPSEN_PKB", vehicle.region_code, surcharge.principal, surcharge.penalty));
    }
    if let Some(fee) = vehicle.parking {
        lines.push(line("PARKIR", vehicle.region_code, fee, 0));
    }
    lines
}

/// What a bill's number stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Meaning {
    pub(crate) plate: Plate,
    pub(crate) as_of: NaiveDate,
    /// Bit 0 is the vehicle's oldest period at that host.
    pub(crate) periods: u64,
}

const SPACE: u128 = 10_000_000_000_000_000;
const DAYS: u64 = 1024;
const PERIOD_SETS: u64 = 8;
/// So many different numbers can one bill be issued under.
pub(crate) const COPIES: u64 = 8;
const CHECKS: u64 = 83;

/// Turns bills into 16 digits and back, differently at each host and for each seed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Numbering {
    factor: u128,
    inverse: u128,
    shift: u128,
    key: u64,
}

impl Numbering {
    pub(crate) fn new(host: Host, seed: u64) -> Self {
        let key = spread(seed ^ spread(host.place() as u64 + 1));
        // Ends in 3, so it has no factor in common with the powers of ten.
        let factor = u128::from(spread(key)) % (SPACE / 10) * 10 + 3;
        let shift = u128::from(spread(key ^ 1)) % SPACE;
        Self { factor, inverse: inverse_of(factor), shift, key }
    }

    /// The number of that bill in its `copy`-th issue.
    pub(crate) fn number(&self, meaning: &Meaning, copy: u64) -> String {
        let day = u64::try_from(days_of(meaning.as_of).rem_euclid(DAYS.cast_signed())).unwrap_or(0);
        let packed = ((u128::from(meaning.plate.number()) * u128::from(PERIOD_SETS)
            + u128::from(meaning.periods))
            * u128::from(DAYS)
            + u128::from(day))
            * u128::from(COPIES)
            + u128::from(copy % COPIES);
        let whole = packed * u128::from(CHECKS) + self.check(packed);
        format!("{:016}", (whole * self.factor + self.shift) % SPACE)
    }

    /// What the number stands for; of all days that fit, the one nearest to `today`.
    pub(crate) fn meaning(&self, number: &str, today: NaiveDate) -> Option<Meaning> {
        if number.len() != 16 || !number.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let shifted = (number.parse::<u128>().ok()? + SPACE - self.shift) % SPACE;
        let whole = shifted * self.inverse % SPACE;
        let packed = whole / u128::from(CHECKS);
        if whole % u128::from(CHECKS) != self.check(packed) {
            return None;
        }
        let rest = u64::try_from(packed / u128::from(COPIES)).ok()?;
        let day = i64::try_from(rest % DAYS).ok()?;
        let rest = rest / DAYS;
        let plate_number = rest / PERIOD_SETS;
        if plate_number >= PLATES {
            return None;
        }
        let span = DAYS.cast_signed();
        let back = (days_of(today) - day + span / 2).rem_euclid(span) - span / 2;
        let as_of = today.checked_sub_signed(chrono::TimeDelta::days(back))?;
        Some(Meaning { plate: Plate::numbered(plate_number)?, as_of, periods: rest % PERIOD_SETS })
    }

    fn check(&self, packed: u128) -> u128 {
        let folded = u64::try_from(packed).unwrap_or(u64::MAX);
        u128::from(spread(self.key ^ folded) % CHECKS)
    }
}

fn days_of(date: NaiveDate) -> i64 {
    date.signed_duration_since(NaiveDate::default()).num_days()
}

/// The inverse modulo 10^16, by Newton's doubling of correct digits from one digit on (3 × 7 = 21).
fn inverse_of(factor: u128) -> u128 {
    let mut inverse: u128 = 7;
    for _ in 0..4 {
        let product = factor % SPACE * inverse % SPACE;
        inverse = inverse * ((SPACE + 2 - product) % SPACE) % SPACE;
    }
    inverse
}

#[cfg(test)]
mod tests {
    use super::{Bill, COPIES, Meaning, Numbering, known_periods};
    use crate::host::Host;
    use crate::plate::{Plate, Reading};
    use crate::registry::{Standing, Vehicle};
    use chrono::{Days, NaiveDate};

    #[test]
    fn a_bills_number_gives_the_bill_back_for_more_than_a_year() {
        let today = NaiveDate::from_ymd_opt(2026, 11, 24).unwrap_or_default();
        for (host, seed) in [(Host::Bapenda, 1), (Host::JasaRaharja, 1), (Host::Bapenda, 99)] {
            let numbering = Numbering::new(host, seed);
            for text in ["L1A", "M9999ØØØ", "AG77", "AE1234XY"] {
                let Reading::EastJava(plate) = Plate::read(text) else { panic!("{text}") };
                let meaning = Meaning { plate, as_of: today, periods: 3 };
                for copy in 0..COPIES {
                    let number = numbering.number(&meaning, copy);
                    assert_eq!(number.len(), 16);
                    assert_eq!(numbering.meaning(&number, today + Days::new(400)), Some(meaning.clone()));
                }
            }
        }
    }

    #[test]
    fn a_number_made_up_or_of_the_other_host_is_hardly_ever_a_bill() {
        let today = NaiveDate::from_ymd_opt(2026, 11, 24).unwrap_or_default();
        let bapenda = Numbering::new(Host::Bapenda, 5);
        let taken = (0..1000_u64)
            .filter(|n| bapenda.meaning(&format!("{:016}", n * 7_777_777_777_773), today).is_some())
            .count();
        assert!(taken < 30, "{taken}");
        assert_eq!(bapenda.meaning("12345", today), None);
        assert_eq!(bapenda.meaning("123456789012345x", today), None);
    }

    #[test]
    fn the_two_hosts_bill_the_same_newest_period() {
        let today = NaiveDate::from_ymd_opt(2026, 11, 24).unwrap_or_default();
        for number in 1..2000 {
            let Reading::EastJava(plate) = Plate::read(&format!("N {number} KX")) else { panic!("{number}") };
            let vehicle = Vehicle::registered(&plate, 11, today);
            if vehicle.standing != Standing::Payable {
                continue;
            }
            let [bapenda, jasa_raharja] = Host::BOTH.map(|host| known_periods(host, &vehicle));
            assert_eq!(bapenda.last(), jasa_raharja.last());
            assert!(jasa_raharja.len() <= bapenda.len());
            assert!(Bill::of(Host::Bapenda, vehicle.clone(), today, 1).is_some());
            assert!(Bill::of(Host::Bapenda, vehicle, today, 0).is_none());
        }
    }
}
