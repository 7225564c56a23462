//! The rows of the table that two people, or nobody but they, can bring about.

use super::table::Case;
use super::*;

pub(super) fn doubts_of_people() -> Vec<Case> {
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

pub(super) fn integrity_hold() -> Vec<Case> {
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

pub(super) fn confirmed() -> Vec<Case> {
    vec![
        ("BB", approved(), "reversing BB[??]"),
        ("BL", approved(), "reversing BL[?-]"),
        ("BB", Event::ReversalApproved(vec![(0, Reference::new())]), "forbidden"),
    ]
}

pub(super) fn refused_before() -> Vec<Case> {
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

pub(super) fn reversing() -> Vec<Case> {
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
