//! The table: what each state does with each event.

use std::collections::{BTreeMap, BTreeSet};

use super::*;

type Case = (&'static str, Event, &'static str);

/// Pairs that happen, with every variant of the legs that matters.
fn taken() -> BTreeMap<(StateName, Kind), Vec<Case>> {
    let mut rows: BTreeMap<_, Vec<Case>> = BTreeMap::new();
    for (state, cases) in [
        (StateName::Held, held()),
        (StateName::InDoubt, in_doubt()),
        (StateName::IntegrityHold, integrity_hold()),
        (StateName::Confirmed, confirmed()),
        (StateName::Refused, refused_before()),
        (StateName::Reversing, reversing()),
    ] {
        for case in cases {
            rows.entry((state, kind_of(&case.1))).or_default().push(case);
        }
    }
    rows
}

fn held() -> Vec<Case> {
    vec![
        ("SS", Event::TakenOver, "in_doubt SS | titip"),
        ("SS", booked(0), "held BS | post 0"),
        ("BS", booked(1), "confirmed BB | post 1, post fee, lunas"),
        ("SS", Event::ReversedThere(0), "integrity_hold(REVERSED_THERE) SS | case INTEGRITY_HOLD, titip"),
        ("BS", Event::ReversedThere(1), "integrity_hold(REVERSED_THERE) BS | case INTEGRITY_HOLD, titip"),
        ("SS", refused(0), "refused(BILL_EXPIRED) RS | void 0, void 1, void fee"),
        ("BS", refused(1), "in_doubt(BILL_EXPIRED) BR | case JR_REFUSED, titip"),
        ("SS", Event::Silent(0, None), "in_doubt SU | titip"),
        ("BS", Event::Silent(1, Some("TOO_LATE".to_owned())), "in_doubt(TOO_LATE) BS | titip"),
        ("SS", contradicts(0), "integrity_hold(ANOTHER_AMOUNT) SS | case INTEGRITY_HOLD, titip"),
        ("BS", contradicts(1), "integrity_hold(ANOTHER_AMOUNT) BS | case INTEGRITY_HOLD, titip"),
        ("SS", Event::NeverSent(0), "refused(UPSTREAM_UNAVAILABLE) SS | void 0, void 1, void fee"),
        ("BS", Event::NeverSent(1), "in_doubt(UPSTREAM_UNAVAILABLE) BU | titip"),
        ("SS", Event::CancelAsked, "held SS cancel"),
    ]
}

fn in_doubt() -> Vec<Case> {
    [doubts_settled(), doubts_sent(), doubts_absent(), doubts_of_people()].concat()
}

fn doubts_settled() -> Vec<Case> {
    vec![
        ("SU titip", booked(0), "in_doubt BU | post 0"),
        ("SS titip", booked(0), "in_doubt BS | post 0"),
        ("AS titip", booked(0), "in_doubt BS | post 0"),
        ("BS titip", booked(0), "in_doubt BS"),
        (
            "BS titip",
            Event::Booked(0, booking("OTHER")),
            "integrity_hold(ANOTHER_NUMBER) BS | case INTEGRITY_HOLD",
        ),
        ("BR titip", booked(1), "integrity_hold(BOOKED_AFTER_REFUSAL) BR | case INTEGRITY_HOLD"),
        ("BS cancel", booked(1), "confirmed BB cancel | post 1, post fee, lunas"),
        ("BA titip", booked(1), "confirmed BB | post 1, post fee, lunas"),
        ("SS titip", booked(1), "in_doubt SB | post 1"),
        ("SB titip", booked(0), "confirmed BB | post 0, post fee, lunas"),
        (
            "AS titip",
            booked(1),
            "integrity_hold(BOOKED_BEFORE_THE_FIRST_LEG) AB | post 1, case INTEGRITY_HOLD",
        ),
        (
            "RS titip",
            booked(1),
            "integrity_hold(BOOKED_BEFORE_THE_FIRST_LEG) RB | post 1, case INTEGRITY_HOLD",
        ),
        ("SU titip", Event::ReversedThere(0), "integrity_hold(REVERSED_THERE) SU | case INTEGRITY_HOLD"),
        (
            "SU cancel",
            Event::ReversedThere(0),
            "refused(REVERSED_THERE) AU cancel | void 0, void 1, void fee",
        ),
        ("SS cancel", Event::ReversedThere(0), "in_doubt AS cancel"),
        (
            "BS cancel titip",
            Event::ReversedThere(1),
            "integrity_hold(REVERSED_THERE) BS cancel | case INTEGRITY_HOLD",
        ),
        ("SU titip", refused(0), "refused(BILL_EXPIRED) RU | void 0, void 1, void fee"),
        ("SS titip", refused(0), "in_doubt RS"),
        ("BS titip", refused(1), "in_doubt(BILL_EXPIRED) BR | case JR_REFUSED"),
        ("BS titip", refused(0), "integrity_hold(REFUSED_AFTER_BOOKING) BS | case INTEGRITY_HOLD"),
        ("SS titip", refused(1), "integrity_hold(REFUSED_BEFORE_THE_FIRST_LEG) SR | case INTEGRITY_HOLD"),
        ("SB titip", refused(0), "integrity_hold(REFUSED_BEFORE_A_BOOKED_LEG) RB | case INTEGRITY_HOLD"),
        ("BR titip", refused(1), "forbidden"),
        ("SU titip", contradicts(0), "integrity_hold(ANOTHER_AMOUNT) SU | case INTEGRITY_HOLD"),
    ]
}

fn doubts_sent() -> Vec<Case> {
    vec![
        ("UU", Event::Sending(0, time(5)), "in_doubt SU"),
        ("BU", Event::Sending(1, time(5)), "in_doubt BS"),
        ("SU", Event::Sending(0, time(5)), "forbidden"),
        ("BU", Event::Sending(0, time(5)), "forbidden"),
        ("BR", Event::Sending(1, time(5)), "forbidden"),
        ("AS", Event::Sending(0, time(5)), "forbidden"),
        ("SU titip", Event::Silent(0, Some("TOO_LATE".to_owned())), "in_doubt(TOO_LATE) SU"),
        ("SU", Event::NeverSent(0), "in_doubt UU"),
        ("BS", Event::NeverSent(1), "in_doubt BU"),
        ("BS", Event::NeverSent(0), "forbidden"),
        ("AS", Event::NeverSent(0), "forbidden"),
    ]
}

fn doubts_absent() -> Vec<Case> {
    vec![
        ("SU", Event::Absent(0), "in_doubt UU"),
        ("SU cancel", Event::Absent(0), "refused(CANCELLED) AU cancel | void 0, void 1, void fee"),
        ("SU expired", Event::Absent(0), "refused(NOT_BOOKED) AU | void 0, void 1, void fee"),
        ("SU late", Event::Absent(0), "refused(NOT_BOOKED) AU | void 0, void 1, void fee"),
        ("SS cancel", Event::Absent(0), "in_doubt AS cancel"),
        ("SS late", Event::Absent(0), "in_doubt AS"),
        ("AS", Event::Absent(1), "in_doubt UU"),
        ("AS late", Event::Absent(1), "refused(NOT_BOOKED) AA | void 0, void 1, void fee"),
        ("RS", Event::Absent(1), "refused(BILL_EXPIRED) RA | void 0, void 1, void fee"),
        ("SR", Event::Absent(0), "refused(BILL_EXPIRED) AR | void 0, void 1, void fee"),
        ("BS", Event::Absent(1), "in_doubt BU"),
        ("BS late", Event::Absent(1), "in_doubt BU"),
        ("BS expired", Event::Absent(1), "in_doubt BU"),
        ("BS cancel", Event::Absent(1), "in_doubt BU cancel"),
        ("SB titip", Event::Absent(0), "integrity_hold(ABSENT_BEFORE_A_BOOKED_LEG) AB | case INTEGRITY_HOLD"),
        ("BS", Event::Absent(0), "forbidden"),
        ("BR", Event::Absent(1), "forbidden"),
    ]
}

fn doubts_of_people() -> Vec<Case> {
    vec![
        ("SU", Event::CancelAsked, "in_doubt SU cancel"),
        ("AS", Event::CancelAsked, "in_doubt AS cancel"),
        ("BU", Event::CancelAsked, "in_doubt BU cancel"),
        ("BR", Event::CancelAsked, "in_doubt BR cancel"),
        ("UU", Event::CancelAsked, "refused(CANCELLED) UU cancel | void 0, void 1, void fee"),
        ("AU", Event::CancelAsked, "refused(CANCELLED) AU cancel | void 0, void 1, void fee"),
        ("BR", Event::PaidElsewhere(1), "confirmed BL | void 1, post fee, lunas"),
        ("RB", Event::PaidElsewhere(0), "confirmed LB | void 0, post fee, lunas"),
        ("BS", Event::PaidElsewhere(1), "forbidden"),
        ("SR", Event::PaidElsewhere(1), "forbidden"),
        ("BR", fresh(2), "in_doubt BLU | replace 1 by 2"),
        ("BLR", fresh(3), "in_doubt BLLU | replace 2 by 3"),
        ("BLU", fresh(3), "forbidden"),
        ("BR titip", proven(1), "confirmed BB | post 1, post fee, lunas"),
        ("BB", proven(1), "forbidden"),
        ("BU", approved(), "reversing BU[?-]"),
        ("BR", fresh(3), "forbidden"),
        ("BS", fresh(2), "forbidden"),
        ("RB", fresh(2), "forbidden"),
        ("SR", fresh(2), "forbidden"),
        ("BLS", booked(2), "confirmed BLB | post 2, post fee, lunas"),
        ("BLS titip", refused(2), "in_doubt(BILL_EXPIRED) BLR | case JR_REFUSED"),
        ("BLS", Event::Absent(2), "in_doubt BLU"),
        ("BLR", Event::PaidElsewhere(2), "confirmed BLL | void 2, post fee, lunas"),
        ("BLR", approved(), "reversing BLR[?--]"),
        ("BR", approved(), "reversing BR[?-]"),
        ("RB", approved(), "reversing RB[-?]"),
        ("BS", approved(), "forbidden"),
        ("SR", approved(), "forbidden"),
        ("BR", Event::ReversalApproved(vec![]), "forbidden"),
    ]
}

fn integrity_hold() -> Vec<Case> {
    vec![
        ("SS", Event::Reopened { refuse: false }, "in_doubt SS"),
        ("SS", Event::Reopened { refuse: true }, "in_doubt SS cancel"),
        ("BS", Event::Reopened { refuse: true }, "in_doubt BS cancel"),
        ("AB", Event::Reopened { refuse: false }, "in_doubt UB"),
        ("RB", Event::Reopened { refuse: false }, "in_doubt RB"),
        ("AB titip", approved(), "reversing AB[-?]"),
        ("BR titip", approved(), "reversing BR[?-]"),
        ("BS titip", approved(), "forbidden"),
        ("AA titip", approved(), "forbidden"),
        ("BR titip", proven(1), "confirmed BB | post 1, post fee, lunas"),
        ("SS titip", proven(0), "in_doubt BS | post 0"),
        ("RS titip", proven(0), "in_doubt BS | post 0"),
        (
            "AR titip",
            proven(1),
            "integrity_hold(BOOKED_BEFORE_THE_FIRST_LEG) AB | post 1, case INTEGRITY_HOLD",
        ),
        ("AB titip", proven(0), "confirmed BB | post 0, post fee, lunas"),
        ("BS titip", proven(0), "forbidden"),
    ]
}

fn confirmed() -> Vec<Case> {
    vec![
        ("BB", approved(), "reversing BB[??]"),
        ("BL", approved(), "reversing BL[?-]"),
        ("BB", Event::ReversalApproved(vec![(0, Reference::new())]), "forbidden"),
    ]
}

fn refused_before() -> Vec<Case> {
    vec![
        ("SU", Event::CancelAsked, "refused(WHY) SU"),
        ("AU", late(0), "refused(WHY) BU | case LATE_SUCCESS"),
        ("RU", late(0), "refused(WHY) BU | case LATE_SUCCESS"),
        ("BU", late(0), "refused(WHY) BU"),
        ("BA", late(1), "refused(WHY) BB | case LATE_SUCCESS"),
        ("VU", late(0), "forbidden"),
        ("BU", Event::LateBooked(0, booking("OTHER")), "forbidden"),
        ("BU", Event::Reposted, "confirmed BL | claim 0, lunas"),
        ("BB", Event::Reposted, "confirmed BB | claim 0, claim 1, lunas"),
        ("AU", Event::Reposted, "forbidden"),
        ("BV", Event::Reposted, "forbidden"),
        ("BU asked", Event::Reposted, "forbidden"),
        ("BU", approved(), "refused(WHY) BU[?-]"),
        ("AU", approved(), "forbidden"),
        ("BU asked", Event::ReversalAgreed(0, day()), "refused(WHY) VU[y-]"),
        ("BU", Event::ReversalAgreed(0, day()), "forbidden"),
        ("VU", Event::ReversalAgreed(0, day()), "forbidden"),
        ("BU asked", not_reversible(0), "refused(WHY) BU[n-] | case LATE_SUCCESS"),
        ("AU", not_reversible(0), "forbidden"),
    ]
}

fn reversing() -> Vec<Case> {
    vec![
        ("BB", Event::ReversalAgreed(0, day()), "reversing VB[y?] | reverse 0"),
        ("VB", Event::ReversalAgreed(1, day()), "reversed VV[yy] | reverse 1, reverse fee"),
        ("VB", Event::ReversalAgreed(0, day()), "forbidden"),
        ("BL", Event::ReversalAgreed(0, day()), "reversed VL[y-] | reverse 0, reverse fee"),
        ("BR doubt", Event::ReversalAgreed(0, day()), "reversed VR[y-] | reverse 0, void 1, void fee"),
        ("BB", not_reversible(0), "confirmed BB[n-]"),
        ("AB doubt titip", not_reversible(1), "integrity_hold(NOT_REVERSIBLE) AB[-n] | case INTEGRITY_HOLD"),
        ("AB doubt", Event::ReversalAgreed(1, day()), "reversed AV[-y] | reverse 1, void 0, void fee"),
        ("BL reposted", Event::ReversalAgreed(0, day()), "reversed VL[y-] | reverse 0"),
        ("BR doubt", not_reversible(0), "in_doubt(NOT_REVERSIBLE) BR[n-]"),
        ("VB", not_reversible(1), "reversed VB[yn] | case HALF_REVERSED, reverse fee"),
        ("VB", not_reversible(0), "forbidden"),
        ("VLB", Event::ReversalAgreed(2, day()), "reversed VLV[y-y] | reverse 2, reverse fee"),
        ("BLR doubt", Event::ReversalAgreed(0, day()), "reversed VLR[y--] | reverse 0, void 2, void fee"),
    ]
}

/// Pairs that never happen, whatever the legs.
#[expect(clippy::too_many_lines, reason = "one table, read as one")]
fn forbidden() -> BTreeSet<(StateName, Kind)> {
    use Kind::{
        Absent, Booked, CancelAsked, Contradicts, FreshlyAssessed, LateBooked, NeverSent, PaidElsewhere,
        Proven, Refused, Reopened, Reposted, ReversalAgreed, ReversalApproved, ReversalRefused,
        ReversedThere, Sending, Silent, TakenOver,
    };
    let answers = [Booked, ReversedThere, Refused, Silent, Contradicts, NeverSent, Absent];
    let rows: [(StateName, &[Kind], &[Kind]); 7] = [
        (
            StateName::Held,
            &[],
            &[
                Sending,
                Absent,
                Reopened,
                PaidElsewhere,
                FreshlyAssessed,
                LateBooked,
                Reposted,
                ReversalAgreed,
                ReversalRefused,
            ],
        ),
        (
            StateName::InDoubt,
            &[],
            &[TakenOver, Reopened, LateBooked, Reposted, ReversalAgreed, ReversalRefused],
        ),
        (
            StateName::IntegrityHold,
            &answers,
            &[
                TakenOver,
                Sending,
                CancelAsked,
                PaidElsewhere,
                FreshlyAssessed,
                LateBooked,
                Reposted,
                ReversalAgreed,
                ReversalRefused,
            ],
        ),
        (
            StateName::Confirmed,
            &answers,
            &[
                TakenOver,
                Sending,
                CancelAsked,
                Reopened,
                PaidElsewhere,
                FreshlyAssessed,
                ReversalAgreed,
                ReversalRefused,
            ],
        ),
        (
            StateName::Refused,
            &answers,
            &[TakenOver, Sending, Reopened, PaidElsewhere, FreshlyAssessed, Proven],
        ),
        (
            StateName::Reversing,
            &answers,
            &[
                TakenOver,
                Sending,
                CancelAsked,
                Reopened,
                PaidElsewhere,
                FreshlyAssessed,
                Proven,
                LateBooked,
                Reposted,
                ReversalApproved,
            ],
        ),
        (StateName::Reversed, KINDS, &[]),
    ];
    rows.into_iter()
        .flat_map(|(state, some, more)| some.iter().chain(more).map(move |kind| (state, *kind)))
        .collect()
}

#[test]
fn every_state_meets_every_event_in_the_table_and_in_one_half_of_it_only() {
    let all: BTreeSet<_> =
        StateName::ALL.into_iter().flat_map(|s| KINDS.iter().map(move |k| (s, *k))).collect();
    let taken: BTreeSet<_> = taken().into_keys().collect();
    let forbidden = forbidden();
    assert_eq!(
        taken.intersection(&forbidden).collect::<Vec<_>>(),
        Vec::<&(StateName, Kind)>::new(),
        "stands in both halves"
    );
    let stands: BTreeSet<_> = taken.union(&forbidden).copied().collect();
    assert_eq!(
        all.difference(&stands).collect::<Vec<_>>(),
        Vec::<&(StateName, Kind)>::new(),
        "stands nowhere"
    );
}

#[test]
fn every_pair_of_the_table_leads_where_it_says() {
    let mut wrong = vec![];
    for ((state, _), cases) in taken() {
        for (before, event, then) in cases {
            let mut payment = payment(state, before);
            let unchanged = payment.clone();
            let outcome = match payment.step(&event, time(1), LIMITS) {
                Ok(effects) => written(&payment, &effects),
                Err(forbidden) => {
                    assert_eq!((payment, forbidden.0), (unchanged, state), "a refused event changes nothing");
                    "forbidden".to_owned()
                }
            };
            if outcome != then {
                wrong.push(format!(
                    "{} {before} × {event:?}\n  is   {outcome}\n  want {then}",
                    state.as_str()
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// One event of each kind for each leg.
fn samples() -> Vec<Event> {
    let of_leg = |o| {
        vec![
            Event::Sending(o, time(5)),
            booked(o),
            Event::ReversedThere(o),
            refused(o),
            Event::Silent(o, None),
            contradicts(o),
            Event::NeverSent(o),
            Event::Absent(o),
            Event::PaidElsewhere(o),
            Event::ReversalAgreed(o, day()),
            not_reversible(o),
            proven(o),
            late(o),
        ]
    };
    let of_all = [
        fresh(2),
        Event::Reposted,
        Event::TakenOver,
        Event::CancelAsked,
        Event::Reopened { refuse: true },
        Event::Reopened { refuse: false },
    ];
    [of_leg(0), of_leg(1), of_all.to_vec(), vec![approved()]].concat()
}

#[test]
fn what_the_table_forbids_is_forbidden_whatever_the_legs() {
    let forbidden = forbidden();
    let samples = samples();
    assert_eq!(
        samples.iter().map(kind_of).collect::<BTreeSet<_>>().len(),
        KINDS.len(),
        "a sample of each kind"
    );
    for state in StateName::ALL {
        for legs in "USBRALV".chars().flat_map(|a| "USBRALV".chars().map(move |b| format!("{a}{b}"))) {
            for event in samples.iter().filter(|event| forbidden.contains(&(state, kind_of(event)))) {
                let mut payment = payment(state, &legs);
                let unchanged = payment.clone();
                assert!(payment.step(event, time(1), LIMITS).is_err(), "{state:?} {legs} took {event:?}");
                assert_eq!(payment, unchanged);
            }
        }
    }
}

#[test]
fn a_not_after_only_grows() {
    for (sent_until, then) in [(time(5), time(5)), (time(0), time(1))] {
        let mut payment = payment(StateName::InDoubt, "UU");
        payment.step(&Event::Sending(0, sent_until), time(1), LIMITS).unwrap();
        assert_eq!(payment.legs[0].not_after, then);
    }
}
