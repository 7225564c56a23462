//! The arithmetic of a bill: from a vehicle, a due date and a day of payment to lines of whole rupiah.
//!
//! Pure: the same request and rules always give the same assessment. Integers only; a fraction ends only where a
//! rounding rule is named. Never reads a clock, never asks a host, never decides what a citizen pays.

use serde::{Deserialize, Serialize};

use crate::domain::{BusinessDate, Rupiah, TaxPeriod};

use super::lateness::Lateness;
use super::request::{AssessError, Request};
use super::rounding::{Fraction, Rounding};
use super::rules::Rules;
use super::table::{Dates, Row};
use super::values::{PkbTariff, Relief, RoundingRule, WHOLE_BP, WHOLE_PERMILLE, WaiverRule};

/// The lines that the rules know. Bills carry other codes too; those are nobody's to compute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum LineCode {
    /// Vehicle tax, the province's.
    Pkb,
    /// The kabupaten's or kota's surcharge on PKB.
    OpsenPkb,
    /// Contribution to the road-accident fund, Jasa Raharja's.
    Swdkllj,
}

impl LineCode {
    /// All, in the order of a bill.
    pub const ALL: [Self; 3] = [Self::Pkb, Self::OpsenPkb, Self::Swdkllj];

    /// The code on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pkb => "PKB",
            Self::OpsenPkb => "OPSEN_PKB",
            Self::Swdkllj => "SWDKLLJ",
        }
    }
}

/// A whole bill, computed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Assessment<'r> {
    /// Every period whose due date lies before the day of payment, at least one, oldest first.
    pub periods: Vec<AssessedPeriod<'r>>,
    /// Σ principal + penalty of all lines.
    pub total: Rupiah,
    /// Due date of the first period that this bill leaves unpaid.
    pub next_due_on: BusinessDate,
    /// Legal sources of every rule used, each once, in order of use.
    pub rules: Vec<&'r str>,
}

/// One period, computed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AssessedPeriod<'r> {
    /// Its due date.
    pub due_on: BusinessDate,
    /// Its lines, in the order of [`LineCode::ALL`]; no opsen where none is levied.
    pub lines: Vec<AssessedLine<'r>>,
}

/// One line, computed, with the rules that made it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AssessedLine<'r> {
    /// What is paid.
    pub code: LineCode,
    /// The tax itself.
    pub principal: Rupiah,
    /// The fine for lateness.
    pub penalty: Rupiah,
    /// Legal sources of the principal, the law of the line first.
    #[serde(skip)]
    pub principal_rules: Vec<&'r str>,
    /// Legal sources of the penalty; empty when nothing was late.
    #[serde(skip)]
    pub penalty_rules: Vec<&'r str>,
}

/// Computes the bill: every period that the citizen owes on the day of payment.
///
/// A period whose due date is the day of payment itself is not yet owed, unless it is the first (our decision:
/// the due date is on time until its midnight). On time or early, one period is paid.
///
/// # Errors
/// [`AssessError`] for facts that no vehicle can have, for an unknown waiver, for days without a rule.
pub fn assess<'r>(rules: &'r Rules, request: &Request) -> Result<Assessment<'r>, AssessError> {
    request.refuse_absurd()?;
    let mut period = TaxPeriod::starting(request.due_on);
    let mut periods = vec![assess_period(rules, request, period.due_on())?];
    period = period.next();
    while period.due_on() < request.paid_on {
        periods.push(assess_period(rules, request, period.due_on())?);
        period = period.next();
    }
    let lines = || periods.iter().flat_map(|period| &period.lines);
    let total = Rupiah::sum(lines().flat_map(|line| [line.principal, line.penalty]))
        .map_err(|_| AssessError::Money)?;
    let mut sources = Vec::new();
    for source in lines().flat_map(|line| line.principal_rules.iter().chain(&line.penalty_rules)) {
        if !sources.contains(source) {
            sources.push(*source);
        }
    }
    Ok(Assessment { periods, total, next_due_on: period.due_on(), rules: sources })
}

/// Computes one period by itself, of a request that was not refused.
///
/// # Errors
/// As [`assess`].
pub(super) fn assess_period<'r>(
    rules: &'r Rules,
    request: &Request,
    due_on: BusinessDate,
) -> Result<AssessedPeriod<'r>, AssessError> {
    let dates = Dates { due_on, paid_on: request.paid_on };
    let desk = Desk {
        rules,
        request,
        dates,
        late: Lateness::between(due_on, request.paid_on),
        rounding: rules.rounding.in_force(dates)?,
        waivers: rules.waivers_in_force(&request.waivers, dates)?,
    };
    let pkb = desk.pkb()?;
    let opsen = desk.opsen(pkb.principal)?;
    let lines = [Some(pkb), opsen, Some(desk.swdkllj()?)].into_iter().flatten().collect();
    Ok(AssessedPeriod { due_on, lines })
}

/// What one period is computed from.
struct Desk<'r, 'q> {
    rules: &'r Rules,
    request: &'q Request,
    dates: Dates,
    late: Lateness,
    rounding: &'r Row<RoundingRule>,
    waivers: Vec<&'r Row<WaiverRule>>,
}

impl<'r> Desk<'r, '_> {
    /// NJKB × weight × usage × tariff, less the relief, times the share of the energy.
    fn pkb(&self) -> Result<AssessedLine<'r>, AssessError> {
        let row = self.rules.pkb.in_force(self.dates)?;
        let mut principal_rules = vec![row.source.as_str()];
        let tariff_bp = match row.value.tariff {
            PkbTariff::AsGiven => self.request.tariff_bp,
            PkbTariff::DatedBp(bp) => i64::from(bp),
        };
        let relief = self.rules.relief.in_force(self.dates)?;
        let mut counted_bp = WHOLE_BP;
        if relief.value.relief == Relief::AsGiven && self.request.relief_bp > 0 {
            counted_bp -= self.request.relief_bp;
            principal_rules.push(&relief.source);
        }
        let ev = self.rules.ev.in_force(self.dates)?;
        let mut share_permille = WHOLE_PERMILLE;
        if ev.value.energies.contains(&self.request.energy) {
            share_permille = i64::from(ev.value.share_permille);
            principal_rules.push(&ev.source);
        }
        let factors = [
            self.request.value()?.get(),
            self.request.weight_permille,
            self.request.usage_permille,
            tariff_bp,
            counted_bp,
            share_permille,
        ];
        let wholes = [WHOLE_PERMILLE, WHOLE_PERMILLE, WHOLE_BP, WHOLE_BP, WHOLE_PERMILLE];
        // Rounded once, after the whole product: up to Rp100 by the present rule.
        let principal = self
            .rounding
            .value
            .pkb
            .round(Fraction { numerator: product(&factors)?, denominator: product(&wholes)? })?;
        principal_rules.push(&self.rounding.source);
        self.with_interest(LineCode::Pkb, principal, principal_rules)
    }

    /// The share of the rounded PKB, where opsen is levied.
    fn opsen(&self, pkb: Rupiah) -> Result<Option<AssessedLine<'r>>, AssessError> {
        let row = self.rules.opsen.in_force(self.dates)?;
        if row.value.share_bp == 0 {
            return Ok(None);
        }
        // Rounded from the PKB that was rounded before: up to Rp100 by the present rule.
        let principal = share(self.rounding.value.opsen, pkb, i64::from(row.value.share_bp))?;
        self.with_interest(LineCode::OpsenPkb, principal, vec![&row.source, &self.rounding.source]).map(Some)
    }

    /// The class's contribution and card, and the band's share of the contribution alone.
    fn swdkllj(&self) -> Result<AssessedLine<'r>, AssessError> {
        let row = self.rules.swdkllj.in_force(self.dates)?;
        let amounts = row.value.amounts(self.request.swdkllj_class).ok_or(AssessError::Money)?;
        let contribution = rupiah(amounts.contribution)?;
        let principal = contribution.plus(rupiah(amounts.card)?).map_err(|_| AssessError::Money)?;
        let mut penalty = Rupiah::ZERO;
        let mut penalty_rules = Vec::new();
        if self.late.days > 0 {
            penalty_rules.push(row.source.as_str());
            let waived = self.waiver_of(LineCode::Swdkllj);
            penalty_rules.extend(waived);
            if waived.is_none() {
                // Exact by the present rule: every band of every class is whole rupiah.
                let full = share(
                    self.rounding.value.swdkllj,
                    contribution,
                    i64::from(row.value.rate_bp(self.late.days)),
                )?;
                penalty = full.min(rupiah(row.value.penalty_max)?);
            }
        }
        let principal_rules = vec![row.source.as_str()];
        Ok(AssessedLine { code: LineCode::Swdkllj, principal, penalty, principal_rules, penalty_rules })
    }

    /// Adds the interest per started month, on the line's own rounded principal.
    fn with_interest(
        &self,
        code: LineCode,
        principal: Rupiah,
        principal_rules: Vec<&'r str>,
    ) -> Result<AssessedLine<'r>, AssessError> {
        let line =
            AssessedLine { code, principal, penalty: Rupiah::ZERO, principal_rules, penalty_rules: vec![] };
        if self.late.months == 0 || principal.is_zero() {
            return Ok(line);
        }
        let row = self.rules.penalty.in_force(self.dates)?;
        if let Some(waiver) = self.waiver_of(code) {
            return Ok(AssessedLine { penalty_rules: vec![waiver], ..line });
        }
        let months = self.late.months.min(i64::from(row.value.months_max));
        let interest_bp = i64::from(row.value.rate_bp_per_month) * months;
        // Rounded per line and not on the sum of lines: up to Rp100 by the present rule.
        let penalty = share(self.rounding.value.penalty, principal, interest_bp)?;
        Ok(AssessedLine { penalty, penalty_rules: vec![&row.source, &self.rounding.source], ..line })
    }

    /// The source of the waiver that drops the penalty of a line, if one does.
    fn waiver_of(&self, code: LineCode) -> Option<&'r str> {
        let waiver = self.waivers.iter().find(|waiver| waiver.value.drops_penalty_of.contains(&code));
        waiver.map(|waiver| waiver.source.as_str())
    }
}

/// A share in basis points, rounded as the component's rule says.
fn share(rounding: Rounding, whole: Rupiah, share_bp: i64) -> Result<Rupiah, AssessError> {
    rounding
        .round(Fraction { numerator: product(&[whole.get(), share_bp])?, denominator: i128::from(WHOLE_BP) })
}

fn product(factors: &[i64]) -> Result<i128, AssessError> {
    let multiply = |so_far: i128, factor: &i64| so_far.checked_mul(i128::from(*factor));
    factors.iter().try_fold(1, multiply).ok_or(AssessError::Money)
}

fn rupiah(amount: u32) -> Result<Rupiah, AssessError> {
    Rupiah::not_negative(i64::from(amount)).map_err(|_| AssessError::Money)
}
