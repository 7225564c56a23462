use std::collections::BTreeMap;

use super::*;
use crate::domain::{Authority, Beneficiary, Rupiah};
use crate::reconciliation::sample::{File, Line, PAID_LINE, REFERENCE};
use crate::reconciliation::settlement;

const NUMBER: &str = "A1B2C3D4E5F60718";
const OTHER: &str = "9a0c0000-0000-4000-8000-000000000009";

fn date(text: &str) -> BusinessDate {
    BusinessDate::parse(text).unwrap()
}

fn today() -> BusinessDate {
    date("2026-11-24")
}

fn lines(quoted: &[Line]) -> Vec<LegLine> {
    let line = |(due_on, code, beneficiary, principal, penalty): &Line| LegLine {
        due_on: date(due_on),
        code: (*code).into(),
        beneficiary: Beneficiary::parse(beneficiary).unwrap(),
        principal: Rupiah::new(*principal).unwrap(),
        penalty: Rupiah::new(*penalty).unwrap(),
    };
    quoted.iter().map(line).collect()
}

fn booked() -> Leg {
    Leg {
        payment_id: PaymentId::new(),
        reference: REFERENCE.parse().unwrap(),
        document: DocumentId::parse("3578261124000017"),
        plate: "L1234AB".into(),
        lines: lines(&PAID_LINE),
        standing: Standing::Booked {
            number: NUMBER.into(),
            business_date: today(),
            reversal: Reversal::None,
        },
        resolved_on: None,
        claimed: vec![],
    }
}

fn in_doubt(from: &str, until: &str) -> Leg {
    let (earlier, door) = (Earlier::AllIn, Door::Settleable);
    let standing = Standing::Open { from: date(from), until: date(until), earlier, door };
    Leg { standing, ..booked() }
}

fn read(file: &File) -> Settlement {
    settlement::read(file.text().as_bytes(), Authority::Bapenda, today()).unwrap()
}

fn items(leg: &Leg, file: &File) -> Vec<Item> {
    let file = read(file);
    match match_leg(leg, &file, file.rows_of(leg.reference)) {
        Outcome::Lines(items) => items,
        Outcome::Settles(settles) => panic!("settles {settles:?}"),
    }
}

fn classes(leg: &Leg, file: &File) -> Vec<Class> {
    let mut classes: Vec<Class> = items(leg, file).iter().map(|item| item.class).collect();
    classes.sort();
    classes
}

fn file_with(lines: &[Line]) -> File {
    let mut file = File::empty("2026-11-24");
    for line in lines {
        file.paid(REFERENCE, NUMBER, "L1234AB", *line);
    }
    file
}

const PKB: Line = PAID_LINE[0];
const OPSEN: Line = PAID_LINE[1];

#[test]
fn what_agrees_to_the_rupiah_is_matched() {
    assert_eq!(classes(&booked(), &file_with(&[OPSEN, PKB])), [Class::Matched, Class::Matched]);
}

#[test]
fn a_booked_leg_that_its_own_file_lacks_is_missing_at_once() {
    assert_eq!(classes(&booked(), &file_with(&[])), [Class::MissingUpstream; 2]);
    assert_eq!(classes(&booked(), &file_with(&[PKB])), [Class::Matched, Class::MissingUpstream]);
}

#[test]
fn one_rupiah_in_either_part_is_an_amount_break() {
    for changed in [("2026-03-10", "PKB", "35", 216_001, 4400), ("2026-03-10", "PKB", "35", 216_000, 4399)] {
        assert_eq!(classes(&booked(), &file_with(&[changed, OPSEN])), [Class::Matched, Class::Amount]);
    }
    // The same sum, otherwise divided, is a break too.
    let moved = ("2026-03-10", "PKB", "35", 216_400, 4000);
    assert_eq!(classes(&booked(), &file_with(&[moved, OPSEN])), [Class::Matched, Class::Amount]);
}

#[test]
fn beneficiaries_that_changed_places_are_told_from_amounts() {
    let swapped =
        [("2026-03-10", "PKB", "3578", 216_000, 4400), ("2026-03-10", "OPSEN_PKB", "35", 142_600, 2900)];
    assert_eq!(classes(&booked(), &file_with(&swapped)), [Class::Beneficiary, Class::Beneficiary]);
}

#[test]
fn another_period_is_told_from_a_missing_line() {
    let last_year = ("2025-03-10", "PKB", "35", 216_000, 4400);
    assert_eq!(classes(&booked(), &file_with(&[last_year, OPSEN])), [Class::Matched, Class::Period]);
}

#[test]
fn what_is_not_unique_without_its_beneficiary_is_for_people() {
    let leg = Leg {
        lines: lines(&[
            ("2026-03-10", "OPSEN_PKB", "3578", 100, 0),
            ("2026-03-10", "OPSEN_PKB", "3515", 100, 0),
        ]),
        ..booked()
    };
    let file = file_with(&[
        ("2026-03-10", "OPSEN_PKB", "3579", 100, 0),
        ("2026-03-10", "OPSEN_PKB", "3516", 100, 0),
    ]);
    let items = items(&leg, &file);
    assert!(items.iter().all(|item| item.class == Class::Ambiguous));
    assert_eq!(items.iter().filter(|item| item.row.is_some()).count(), 2);
    assert_eq!(items.iter().filter(|item| matches!(item.here, Here::Line(_))).count(), 2);
}

#[test]
fn a_second_row_of_the_same_line_is_a_duplicate_and_the_agreeing_one_is_the_match() {
    let wrong = ("2026-03-10", "PKB", "35", 1, 0);
    let items = items(&booked(), &file_with(&[wrong, PKB, PKB, OPSEN]));
    let of = |class| {
        items.iter().filter(|item| item.class == class).filter_map(|item| item.row).collect::<Vec<_>>()
    };
    assert_eq!((of(Class::Matched), of(Class::Duplicate)), (vec![1, 3], vec![0, 2]));
}

#[test]
fn a_line_that_we_never_quoted_is_missing_here() {
    let extra = ("2026-03-10", "PARKIR", "3578", 5000, 0);
    assert_eq!(
        classes(&booked(), &file_with(&[PKB, OPSEN, extra])),
        [Class::Matched, Class::Matched, Class::MissingHere]
    );
}

#[test]
fn another_plate_number_or_bill_is_a_change_after_payment() {
    for (number, plate) in [(NUMBER, "L1234AC"), ("Z1B2C3D4E5F60718", "L1234AB")] {
        let mut file = File::empty("2026-11-24");
        file.paid(REFERENCE, number, plate, PKB);
        file.paid(REFERENCE, NUMBER, "L1234AB", OPSEN);
        assert_eq!(classes(&booked(), &file), [Class::Matched, Class::ChangedAfterPayment]);
    }
    let leg = Leg { document: DocumentId::parse("3578261124000018"), ..booked() };
    assert_eq!(classes(&leg, &file_with(&[PKB, OPSEN])), [Class::ChangedAfterPayment; 2]);
}

#[test]
fn a_leg_of_another_date_is_matched_with_its_shift() {
    let standing = Standing::Booked {
        number: NUMBER.into(),
        business_date: date("2026-11-23"),
        reversal: Reversal::None,
    };
    let items = items(&Leg { standing, ..booked() }, &file_with(&[PKB]));
    assert_eq!(items.len(), 1, "what is not due here is not missing here");
    assert_eq!((items[0].class, items[0].note), (Class::Matched, Note::DayShift(date("2026-11-23"))));
    assert_eq!(items[0].due, Due::Elsewhere);
}

fn claimed_on(leg: Leg, on: &str) -> Leg {
    let claimed = leg.lines.iter().map(|line| (leg.key(line, RowStatus::Paid), date(on))).collect();
    Leg { claimed, ..leg }
}

#[test]
fn a_row_whose_line_another_night_claimed_is_a_duplicate() {
    for on in ["2026-11-23", "2026-11-25"] {
        let items = items(&claimed_on(booked(), on), &file_with(&[PKB, OPSEN]));
        assert!(
            items.iter().all(|item| item.class == Class::Duplicate && item.note == Note::ClaimedOn(date(on)))
        );
    }
}

#[test]
fn a_line_found_early_is_not_missing_later_but_a_later_find_changes_no_re_run() {
    assert_eq!(classes(&claimed_on(booked(), "2026-11-23"), &file_with(&[])), [Class::Matched; 2]);
    assert_eq!(classes(&claimed_on(booked(), "2026-11-25"), &file_with(&[])), [Class::MissingUpstream; 2]);
}

fn reversed(reversal: Reversal) -> Leg {
    let business_date = date("2026-11-20");
    Leg { standing: Standing::Booked { number: NUMBER.into(), business_date, reversal }, ..booked() }
}

fn reversal_file() -> File {
    let mut file = File::empty("2026-11-24");
    file.reverse(PKB);
    file.reverse(OPSEN);
    file
}

#[test]
fn a_reversal_is_due_in_the_file_of_its_own_date() {
    let agreed = reversed(Reversal::Agreed(today()));
    assert_eq!(classes(&agreed, &reversal_file()), [Class::Matched; 2]);
    assert_eq!(classes(&agreed, &file_with(&[])), [Class::MissingUpstream; 2]);
    assert_eq!(classes(&reversed(Reversal::Asked), &reversal_file()), [Class::Matched; 2]);
}

#[test]
fn a_reversal_that_we_did_not_ask_for_is_reversed_there() {
    assert_eq!(classes(&reversed(Reversal::None), &reversal_file()), [Class::ReversedThere; 2]);
    let both = {
        let mut file = file_with(&[PKB, OPSEN]);
        file.reverse(PKB);
        file
    };
    assert_eq!(classes(&booked(), &both), [Class::Matched, Class::Matched, Class::ReversedThere]);
}

#[test]
fn rows_of_a_refused_payment_are_a_late_success() {
    let leg = Leg { standing: Standing::Closed, ..booked() };
    assert_eq!(classes(&leg, &file_with(&[PKB, OPSEN])), [Class::LateSuccess; 2]);
    assert_eq!(classes(&leg, &reversal_file()), [Class::ReversedThere; 2]);
    assert_eq!(classes(&leg, &file_with(&[])), []);
}

fn outcome(leg: &Leg, file: &File) -> Outcome {
    let file = read(file);
    match_leg(leg, &file, file.rows_of(leg.reference))
}

#[test]
fn a_doubt_whose_rows_are_its_quote_is_settled() {
    let leg = in_doubt("2026-11-24", "2026-11-25");
    let Outcome::Settles(settles) = outcome(&leg, &file_with(&[OPSEN, PKB])) else { panic!("not settled") };
    assert_eq!((&*settles.booking.number, settles.booking.business_date), (NUMBER, today()));
    assert_eq!((settles.payment_id, settles.reference), (leg.payment_id, leg.reference));
    assert_eq!(settles.booking.booked_at.to_rfc3339(), "2026-11-24T02:41:07+00:00");
}

#[test]
fn a_doubt_is_settled_by_nothing_less_than_its_whole_quote() {
    let leg = in_doubt("2026-11-24", "2026-11-25");
    let off = ("2026-03-10", "PKB", "35", 216_001, 4400);
    let swapped = ("2026-03-10", "PKB", "3578", 216_000, 4400);
    for rows in [vec![PKB], vec![off, OPSEN], vec![swapped, OPSEN], vec![PKB, PKB, OPSEN], vec![]] {
        assert!(matches!(outcome(&leg, &file_with(&rows)), Outcome::Lines(_)), "{rows:?}");
    }
    let mut reversed = file_with(&[PKB, OPSEN]);
    reversed.reverse(PKB);
    reversed.reverse(OPSEN);
    assert_eq!(classes(&leg, &reversed), [Class::ReversedThere; 4]);
    let mut two_numbers = file_with(&[PKB]);
    two_numbers.paid(REFERENCE, "Z1B2C3D4E5F60718", "L1234AB", OPSEN);
    assert!(matches!(outcome(&leg, &two_numbers), Outcome::Lines(_)));
    let mut other_plate = file_with(&[PKB]);
    other_plate.paid(REFERENCE, NUMBER, "L1234AC", OPSEN);
    assert_eq!(classes(&leg, &other_plate), [Class::Matched, Class::ChangedAfterPayment]);
    assert!(matches!(outcome(&claimed_on(leg, "2026-11-23"), &file_with(&[PKB, OPSEN])), Outcome::Lines(_)));
}

#[test]
fn a_guarded_doubt_is_compared_but_not_settled() {
    let mut leg = in_doubt("2026-11-24", "2026-11-25");
    if let Standing::Open { door, .. } = &mut leg.standing {
        *door = Door::Guarded;
    }
    assert_eq!(classes(&leg, &file_with(&[PKB, OPSEN])), [Class::Matched; 2]);
}

#[test]
fn a_doubt_without_rows_is_expected_until_every_file_of_its_window_is_in() {
    let none = file_with(&[]);
    assert_eq!(classes(&in_doubt("2026-11-24", "2026-11-25"), &none), [Class::Expected; 2]);
    assert_eq!(classes(&in_doubt("2026-11-23", "2026-11-24"), &none), [Class::MissingUpstream; 2]);
    assert_eq!(classes(&in_doubt("2026-11-20", "2026-11-22"), &none), []);
    assert_eq!(classes(&in_doubt("2026-11-25", "2026-11-26"), &none), []);
    let mut leg = in_doubt("2026-11-22", "2026-11-24");
    if let Standing::Open { earlier, .. } = &mut leg.standing {
        *earlier = Earlier::SomeOut;
    }
    assert_eq!(classes(&leg, &none), [Class::Expected; 2]);
}

#[test]
fn a_doubt_that_this_file_ended_is_doubt_resolved_in_every_run() {
    let leg = Leg { resolved_on: Some(today()), ..booked() };
    assert_eq!(classes(&leg, &file_with(&[PKB, OPSEN])), [Class::DoubtResolved; 2]);
    // A corrected revision that lacks the line breaks it again; it takes nothing back.
    assert_eq!(classes(&leg, &file_with(&[PKB])), [Class::MissingUpstream, Class::DoubtResolved]);
}

fn leftovers(legs: &[Leg], by_number: &[Leg], file: &File) -> Vec<(Class, Note, Option<u32>, bool)> {
    let file = read(file);
    let mut items = vec![];
    for leg in legs {
        if let Outcome::Lines(lines) = match_leg(leg, &file, file.rows_of(leg.reference)) {
            items.extend(lines);
        }
    }
    let known: Vec<_> = legs.iter().map(|leg| leg.reference).collect();
    let strangers: Vec<u32> = (0..file.rows.len())
        .filter(|at| !known.contains(&file.rows[*at].reference))
        .map(|at| u32::try_from(at).unwrap())
        .collect();
    let by_number: BTreeMap<_, _> =
        by_number.iter().map(|leg| (leg.number().unwrap().clone(), leg.clone())).collect();
    let mut found: Vec<_> = match_leftovers(&file, items, &strangers, &by_number)
        .into_iter()
        .map(|item| (item.class, item.note, item.row, !matches!(item.here, Here::Nothing)))
        .collect();
    found.sort();
    found
}

#[test]
fn a_row_under_a_foreign_reference_with_our_number_is_a_change_after_payment() {
    let mut file = File::empty("2026-11-24");
    file.paid(OTHER, NUMBER, "L1234AB", PKB);
    file.paid(REFERENCE, NUMBER, "L1234AB", OPSEN);
    // Sorted by reference, the known row comes first.
    assert_eq!(
        leftovers(&[booked()], &[booked()], &file),
        [
            (Class::Matched, Note::None, Some(0), true),
            (Class::ChangedAfterPayment, Note::ByNumber, Some(1), true)
        ]
    );
}

#[test]
fn the_same_number_under_two_references_is_a_duplicate() {
    let mut file = file_with(&[PKB, OPSEN]);
    file.paid(OTHER, NUMBER, "L1234AB", PKB);
    let found = leftovers(&[booked()], &[booked()], &file);
    assert_eq!(found[2], (Class::Duplicate, Note::ByNumber, Some(2), false));
    assert_eq!(found.len(), 3);
}

#[test]
fn a_row_of_nobody_is_missing_here_and_one_that_fits_a_lost_line_is_proposed() {
    let mut file = File::empty("2026-11-24");
    file.paid(OTHER, "Z1B2C3D4E5F60718", "L1234AB", PKB);
    file.paid(OTHER, "Z1B2C3D4E5F60718", "L9999ZZ", OPSEN);
    assert_eq!(
        leftovers(&[booked()], &[], &file),
        [
            (Class::MissingUpstream, Note::None, None, true),
            (Class::MissingHere, Note::None, Some(1), false),
            (Class::ChangedAfterPayment, Note::ByVehicle, Some(0), true),
        ]
    );
}

#[test]
fn two_rows_that_fit_one_lost_line_are_for_people() {
    let mut file = File::empty("2026-11-24");
    file.paid(OTHER, "Z1B2C3D4E5F60718", "L1234AB", PKB);
    file.paid("9b0c0000-0000-4000-8000-000000000009", "Y1B2C3D4E5F60718", "L1234AB", PKB);
    let found = leftovers(&[booked()], &[], &file);
    assert_eq!(found.iter().filter(|(class, ..)| *class == Class::Ambiguous).count(), 3);
    assert_eq!(found.iter().filter(|(class, ..)| *class == Class::MissingUpstream).count(), 1);
}

#[test]
fn a_proposal_never_settles_a_doubt() {
    let mut file = File::empty("2026-11-24");
    file.paid(OTHER, "Z1B2C3D4E5F60718", "L1234AB", PKB);
    let found = leftovers(&[in_doubt("2026-11-24", "2026-11-25")], &[], &file);
    assert_eq!(found[0].0, Class::Expected);
    assert_eq!((found[1].0, found[1].1), (Class::ChangedAfterPayment, Note::ByVehicle));
}
