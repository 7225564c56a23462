//! Lists of vehicles by what becomes of them: enough payable ones and some of every refusal, found by scanning plates.

use std::collections::{BTreeMap, HashSet};

use chrono::NaiveDate;
use serde::Serialize;

use crate::dice::{Dice, spread};
use crate::plate::{PLATES, Plate};
use crate::registry::{Standing, Vehicle};

/// A vehicle and what an inquiry for it meets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct VehicleCase {
    /// In its one spelling, such as `L1234AB`.
    pub plate: String,
    /// The last five characters of the chassis number to ask with; wrong on purpose for `CHASSIS_MISMATCH`.
    pub chassis_last5: String,
    /// `PAYABLE`, a refusal code of the protocol, `PARTLY_PAID` or `QUOTE_CONTRADICTS`.
    pub case: String,
}

/// More plates than this are not scanned: the shares of the registry make far fewer enough.
const SCAN_MAX: u64 = 20_000_000;

/// Cases besides `PAYABLE`, in the order of the list.
const CASES: [&str; 15] = [
    "NOT_FOUND",
    "OUTSIDE_JATIM",
    "CHASSIS_MISMATCH",
    "NOT_YET_PAYABLE",
    "ALREADY_PAID",
    "STNK_RENEWAL_DUE",
    "LATE_OVER_LIMIT",
    "BLOCKED_SOLD",
    "BLOCKED_ETLE",
    "BLOCKED_LEGAL",
    "CORPORATE",
    "TRANSFER_PENDING",
    "DEREGISTERED",
    "PARTLY_PAID",
    "QUOTE_CONTRADICTS",
];

/// At least `payable` vehicles of case `PAYABLE` and `each` of every other case, all different, as they stand on that
/// date. `taken` tells of plates to leave out of the payable ones, because they have been paid already.
pub(crate) fn list(
    (seed, today): (u64, NaiveDate),
    (payable, each): (usize, usize),
    taken: impl Fn(&Vehicle) -> bool,
) -> Vec<VehicleCase> {
    let mut found: BTreeMap<&str, Vec<VehicleCase>> = BTreeMap::new();
    let mut scanned = HashSet::new();
    let wanted = |case: &str| if case == "PAYABLE" { payable } else { each };
    let mut missing = payable + each * CASES.len();
    for step in 0..SCAN_MAX {
        if missing == 0 {
            break;
        }
        let Some(plate) = Plate::numbered(spread(seed.wrapping_add(step)) % PLATES) else { continue };
        if !scanned.insert(plate.number()) {
            continue;
        }
        let vehicle = Vehicle::registered(&plate, seed, today);
        let short = |case: &str| found.get(case).map_or(0, Vec::len) < wanted(case);
        let case = match case_of(vehicle.standing) {
            // A wrong question is asked about a right vehicle.
            "PAYABLE" if short("CHASSIS_MISMATCH") && step % 8 == 0 => "CHASSIS_MISMATCH",
            case => case,
        };
        if !short(case) || (case == "PAYABLE" && taken(&vehicle)) {
            continue;
        }
        found.entry(case).or_default().push(listed(&vehicle, case, (seed, step)));
        missing -= 1;
    }
    std::iter::once("PAYABLE").chain(CASES).filter_map(|case| found.remove(case)).flatten().collect()
}

/// How an inquiry about a vehicle of that standing ends, asked with the right chassis.
fn case_of(standing: Standing) -> &'static str {
    match standing {
        Standing::Payable => "PAYABLE",
        Standing::JasaRaharjaPaid | Standing::BapendaPaid => "PARTLY_PAID",
        Standing::ClassesDiffer | Standing::DueDatesDiffer => "QUOTE_CONTRADICTS",
        Standing::Refused(code) => code,
    }
}

fn listed(vehicle: &Vehicle, case: &str, (seed, step): (u64, u64)) -> VehicleCase {
    let own = vehicle.plate.as_str();
    // Every other vehicle outside East Java shows it by its plate; the rest have moved away and kept theirs.
    let plate = if case == "OUTSIDE_JATIM" && step % 2 == 0 {
        let digits: String = own.chars().filter(char::is_ascii_digit).collect();
        let code = Dice::of(seed, own).pick("province", &["B", "D", "H", "AB", "DK", "BE"]).copied();
        format!("{}{digits}XY", code.unwrap_or("B"))
    } else {
        own.to_owned()
    };
    let chassis_last5 = if case == "CHASSIS_MISMATCH" {
        let right: u32 = vehicle.chassis_last5.parse().unwrap_or(0);
        format!("{:05}", (right + 1) % 100_000)
    } else {
        vehicle.chassis_last5.clone()
    };
    VehicleCase { plate, chassis_last5, case: case.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::{CASES, list};
    use chrono::NaiveDate;
    use std::collections::HashSet;

    #[test]
    fn every_case_is_found_and_no_plate_stands_twice() {
        let today = NaiveDate::from_ymd_opt(2026, 11, 24).unwrap_or_default();
        let all = list((7, today), (500, 20), |_| false);
        let count = |case: &str| all.iter().filter(|vehicle| vehicle.case == case).count();
        assert_eq!(count("PAYABLE"), 500);
        for case in CASES {
            assert_eq!(count(case), 20, "{case}");
        }
        let plates: HashSet<&str> = all.iter().map(|vehicle| vehicle.plate.as_str()).collect();
        assert_eq!(plates.len(), all.len());
        assert_eq!(all, list((7, today), (500, 20), |_| false));
    }
}
