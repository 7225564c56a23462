//! Binds a bill and an assessment into one quote, or says what contradicts what. Pure.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::quote::{Quote, QuotedLeg, QuotedVehicle, masked_name, region_name};
use crate::domain::{Authority, Beneficiary, BillLine, BillPeriod, BusinessDate, Plate, Rupiah, total_of};
use crate::tariff::{Rules, VehicleFacts, check};
use crate::upstream::{Assessment, Bill, Vehicle, WirePeriod};

/// What does not fit; the answer is `QUOTE_CONTRADICTS` whichever it is (protocol, inquiries).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Contradiction {
    /// A host answered another question.
    #[error("another reference")]
    Reference,
    /// A host speaks of another vehicle.
    #[error("another plate")]
    Plate,
    /// The hosts put the vehicle into different SWDKLLJ classes.
    #[error("different classes")]
    Class,
    /// The hosts' newest due dates differ.
    #[error("different due dates")]
    DueDate,
    /// A host gave no period, or one without lines.
    #[error("no period")]
    NoPeriod,
    /// Lines do not add up to the total.
    #[error("a wrong sum")]
    Sum,
    /// A beneficiary outside the closed set, or on the wrong host's bill.
    #[error("an unknown beneficiary")]
    Beneficiary,
    /// The same line twice.
    #[error("a line twice")]
    Line,
}

/// What is bound.
pub(super) struct Bound<'a> {
    pub(super) plate: &'a Plate,
    pub(super) bill: &'a Bill,
    pub(super) assessment: &'a Assessment,
    pub(super) asked: (Uuid, Uuid),
}

/// Binds both answers.
pub(super) fn bind(of: &Bound<'_>, paid_on: BusinessDate, rules: &Rules) -> Result<Quote, Contradiction> {
    let (bill, assessment) = (of.bill, of.assessment);
    if (bill.reference, assessment.reference) != of.asked {
        return Err(Contradiction::Reference);
    }
    if [&bill.plate, &assessment.plate].into_iter().any(|plate| Plate::parse(plate).as_ref() != Ok(of.plate))
    {
        return Err(Contradiction::Plate);
    }
    if bill.vehicle.swdkllj_class != assessment.swdkllj_class {
        return Err(Contradiction::Class);
    }
    let tax = periods(&bill.periods, bill.total, Authority::Bapenda)?;
    let insurance = periods(&assessment.periods, assessment.total, Authority::JasaRaharja)?;
    if newest(&tax.0) != newest(&insurance.0) {
        return Err(Contradiction::DueDate);
    }
    let together = [tax.0.clone(), insurance.0.clone()].concat();
    let verdict = check(rules, &facts(bill, paid_on), &together);
    let leg = |authority, document_id: &str, (periods, amount): (Vec<BillPeriod>, Rupiah)| QuotedLeg {
        authority,
        document_id: document_id.to_owned(),
        amount,
        periods,
    };
    Ok(Quote {
        vehicle: quoted_vehicle(of.plate, &bill.vehicle),
        legs: vec![
            leg(Authority::Bapenda, &bill.bill_id, tax),
            leg(Authority::JasaRaharja, &assessment.assessment_id, insurance),
        ],
        next_due_on: bill.next_due_on,
        paid_on,
        check: verdict,
    })
}

/// What a fresh assessment of the vehicle of a payment asks: the same checks as in a quote, and no period beyond those
/// that the payment has locked.
///
/// # Errors
/// [`Contradiction`] when it contradicts itself, the question or the payment.
pub fn assessed_afresh(
    assessment: &Assessment,
    (plate, asked): (&Plate, Uuid),
    locked: &BTreeSet<BusinessDate>,
) -> Result<QuotedLeg, Contradiction> {
    if assessment.reference != asked {
        return Err(Contradiction::Reference);
    }
    if Plate::parse(&assessment.plate).as_ref() != Ok(plate) {
        return Err(Contradiction::Plate);
    }
    let (periods, amount) = periods(&assessment.periods, assessment.total, Authority::JasaRaharja)?;
    let within = periods.iter().all(|period| locked.contains(&period.due_on));
    if !within || newest(&periods) != locked.last().copied() {
        return Err(Contradiction::DueDate);
    }
    let document_id = assessment.assessment_id.clone();
    Ok(QuotedLeg { authority: Authority::JasaRaharja, document_id, amount, periods })
}

fn periods(
    wire: &[WirePeriod],
    total: i64,
    authority: Authority,
) -> Result<(Vec<BillPeriod>, Rupiah), Contradiction> {
    if wire.is_empty() || wire.iter().any(|period| period.lines.is_empty()) {
        return Err(Contradiction::NoPeriod);
    }
    let mut seen = BTreeSet::new();
    let mut periods = Vec::with_capacity(wire.len());
    for period in wire {
        let mut lines = Vec::with_capacity(period.lines.len());
        for line in &period.lines {
            let beneficiary =
                Beneficiary::parse(&line.beneficiary).map_err(|_| Contradiction::Beneficiary)?;
            if (beneficiary == Beneficiary::JasaRaharja) != (authority == Authority::JasaRaharja) {
                return Err(Contradiction::Beneficiary);
            }
            if !seen.insert((period.due_on, line.code.clone(), beneficiary)) {
                return Err(Contradiction::Line);
            }
            let amount = |rupiah| Rupiah::not_negative(rupiah).map_err(|_| Contradiction::Sum);
            lines.push(BillLine {
                code: line.code.clone(),
                beneficiary,
                principal: amount(line.principal)?,
                penalty: amount(line.penalty)?,
            });
        }
        periods.push(BillPeriod { due_on: period.due_on, lines });
    }
    let sum = total_of(&periods).map_err(|_| Contradiction::Sum)?;
    if sum.get() == total { Ok((periods, sum)) } else { Err(Contradiction::Sum) }
}

fn newest(periods: &[BillPeriod]) -> Option<BusinessDate> {
    periods.iter().map(|period| period.due_on).max()
}

fn facts(bill: &Bill, paid_on: BusinessDate) -> VehicleFacts {
    VehicleFacts {
        njkb: bill.vehicle.njkb,
        weight_permille: bill.vehicle.weight_permille,
        usage_permille: bill.vehicle.usage_permille,
        tariff_bp: bill.tariff_bp,
        relief_bp: bill.relief_bp,
        energy: bill.vehicle.energy.clone(),
        swdkllj_class: bill.vehicle.swdkllj_class.clone(),
        waivers: bill.waivers.clone(),
        paid_on,
    }
}

fn quoted_vehicle(plate: &Plate, vehicle: &Vehicle) -> QuotedVehicle {
    QuotedVehicle {
        plate: plate.to_string(),
        owner_name: masked_name(&vehicle.owner_name),
        make: vehicle.make.clone(),
        model: vehicle.model.clone(),
        year: vehicle.year,
        swdkllj_class: vehicle.swdkllj_class.clone(),
        region_code: vehicle.region_code.clone(),
        region_name: region_name(&vehicle.region_code),
    }
}
