//! The shadow check of a quote: what the hosts bill against what the rules say.
//!
//! It flags and never corrects: whatever the verdict, the citizen pays what the authorities billed. Line codes that the
//! rules do not know pass untouched. A difference names the rule, so that a clerk can look the article up.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::domain::{BillPeriod, BusinessDate, MoneyError, Rupiah};

use super::engine::{AssessedLine, LineCode, assess_period};
use super::request::{AssessError, Energy, Request, SwdklljClass};
use super::rules::Rules;
use super::table::Dates;

/// Most periods of one quote that are checked; more than the engine's 20 years cannot be honest.
const PERIODS_MAX: usize = 32;

/// What the hosts said of the vehicle, in their own spelling, and the day of the inquiry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VehicleFacts {
    /// The vehicle's value, in rupiah.
    pub njkb: i64,
    /// Weight, 1000 for 1.
    pub weight_permille: i64,
    /// Share of the base that counts.
    pub usage_permille: i64,
    /// Tariff, in basis points.
    pub tariff_bp: i64,
    /// Relief of the base, in basis points.
    pub relief_bp: i64,
    /// `ICE`, `HEV`, `PHEV` or `BEV`; another makes the bill not computable.
    pub energy: String,
    /// One of [`SwdklljClass`]; another makes the bill not computable.
    pub swdkllj_class: String,
    /// Codes of the amnesties applied.
    pub waivers: Vec<String>,
    /// WIB calendar date of the inquiry, by which penalties go.
    pub paid_on: BusinessDate,
}

/// What the shadow engine thinks of a quote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "VerdictForm", into = "VerdictForm")]
pub enum Verdict {
    /// Every known line is what the rules say.
    Agrees,
    /// These lines are not.
    Differs(Vec<Difference>),
    /// The rules cannot say.
    NotComputable {
        /// Why.
        reason: String,
    },
}

/// A line that is billed otherwise than computed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Difference {
    /// The period.
    #[schema(value_type = String)]
    pub due_on: BusinessDate,
    /// The line.
    #[schema(value_type = String)]
    pub code: LineCode,
    /// Billed tax; zero when the line is missing.
    #[schema(value_type = i64)]
    pub billed_principal: Rupiah,
    /// Billed fine; zero when the line is missing.
    #[schema(value_type = i64)]
    pub billed_penalty: Rupiah,
    /// Computed tax; zero when the rules know no such line in that period.
    #[schema(value_type = i64)]
    pub computed_principal: Rupiah,
    /// Computed fine.
    #[schema(value_type = i64)]
    pub computed_penalty: Rupiah,
    /// Legal source of the rule by which it was computed.
    pub rule: String,
}

/// A verdict as the API writes it: `differences` always stands, `reason` only where nothing could be computed.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct VerdictForm {
    verdict: VerdictName,
    #[serde(default)]
    differences: Vec<Difference>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
enum VerdictName {
    Agrees,
    Differs,
    NotComputable,
}

impl From<Verdict> for VerdictForm {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Agrees => Self { verdict: VerdictName::Agrees, differences: vec![], reason: None },
            Verdict::Differs(differences) => {
                Self { verdict: VerdictName::Differs, differences, reason: None }
            }
            Verdict::NotComputable { reason } => {
                Self { verdict: VerdictName::NotComputable, differences: vec![], reason: Some(reason) }
            }
        }
    }
}

impl From<VerdictForm> for Verdict {
    fn from(form: VerdictForm) -> Self {
        match form.verdict {
            VerdictName::Agrees => Self::Agrees,
            VerdictName::Differs => Self::Differs(form.differences),
            VerdictName::NotComputable => Self::NotComputable { reason: form.reason.unwrap_or_default() },
        }
    }
}

/// Compares a quote's periods, both hosts' lines together, with the rules.
///
/// Lines of one period and code are compared as a sum, whoever receives them. In older periods an authority may bill nothing
/// at all (protocol, Jasa Raharja; amnesties of arrears): what it does not bill there is not compared. In the newest
/// period, and beside another line of the same authority, a line that the rules expect and nobody bills is a difference.
#[must_use]
pub fn check(rules: &Rules, facts: &VehicleFacts, billed: &[BillPeriod]) -> Verdict {
    match differences(rules, facts, billed) {
        Ok(differences) if differences.is_empty() => Verdict::Agrees,
        Ok(differences) => Verdict::Differs(differences),
        Err(reason) => Verdict::NotComputable { reason },
    }
}

/// Principal and penalty.
type Amounts = (Rupiah, Rupiah);

fn differences(
    rules: &Rules,
    facts: &VehicleFacts,
    billed: &[BillPeriod],
) -> Result<Vec<Difference>, String> {
    let due_dates: BTreeSet<BusinessDate> = billed.iter().map(|period| period.due_on).collect();
    let (Some(oldest), Some(newest)) = (due_dates.first(), due_dates.last()) else {
        return Err("no period is billed".to_owned());
    };
    if due_dates.len() > PERIODS_MAX {
        return Err(format!("more than {PERIODS_MAX} periods are billed"));
    }
    for due_on in [*oldest, *newest] {
        request(facts, due_on)?.refuse_absurd().map_err(|error| error.to_string())?;
    }
    let request = request(facts, *oldest)?;
    let mut found = Vec::new();
    for due_on in &due_dates {
        let sums = sums(billed, *due_on).map_err(|error| error.to_string())?;
        let wanted = if due_on == newest { Expected::Everything } else { Expected::WhereBilled };
        found.extend(
            period_differences(rules, &request, *due_on, &sums, wanted).map_err(|error| error.to_string())?,
        );
    }
    Ok(found)
}

/// Whether an authority that bills nothing in a period is to be missed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expected {
    Everything,
    WhereBilled,
}

fn period_differences(
    rules: &Rules,
    request: &Request,
    due_on: BusinessDate,
    billed: &BTreeMap<LineCode, Amounts>,
    expected: Expected,
) -> Result<Vec<Difference>, AssessError> {
    let computed = assess_period(rules, request, due_on)?;
    let mut found = Vec::new();
    for code in LineCode::ALL {
        let line = computed.lines.iter().find(|line| line.code == code);
        let theirs = billed.get(&code).copied();
        let neighbours_billed = billed.keys().any(|other| same_authority(*other, code));
        if theirs.is_none() && expected == Expected::WhereBilled && !neighbours_billed {
            continue;
        }
        let (billed_principal, billed_penalty) = theirs.unwrap_or_default();
        let (computed_principal, computed_penalty) =
            line.map(|line| (line.principal, line.penalty)).unwrap_or_default();
        if (billed_principal, billed_penalty) == (computed_principal, computed_penalty) {
            continue;
        }
        let rule = match line {
            Some(line) => rule_of(line, billed_principal),
            // Only opsen can be absent from an assessment: before it was levied.
            None => rules.opsen.in_force(Dates { due_on, paid_on: request.paid_on })?.source.clone(),
        };
        found.push(Difference {
            due_on,
            code,
            billed_principal,
            billed_penalty,
            computed_principal,
            computed_penalty,
            rule,
        });
    }
    Ok(found)
}

/// The source to look up: the principal's where that differs, else the penalty's.
fn rule_of(line: &AssessedLine<'_>, billed_principal: Rupiah) -> String {
    let rules = if billed_principal == line.principal && !line.penalty_rules.is_empty() {
        &line.penalty_rules
    } else {
        &line.principal_rules
    };
    rules.join("; ")
}

fn same_authority(one: LineCode, other: LineCode) -> bool {
    (one == LineCode::Swdkllj) == (other == LineCode::Swdkllj)
}

/// Sums of the known codes in one period.
fn sums(billed: &[BillPeriod], due_on: BusinessDate) -> Result<BTreeMap<LineCode, Amounts>, MoneyError> {
    let mut sums: BTreeMap<LineCode, Amounts> = BTreeMap::new();
    let lines = billed.iter().filter(|period| period.due_on == due_on).flat_map(|period| &period.lines);
    for line in lines {
        let Some(code) = LineCode::ALL.into_iter().find(|code| code.as_str() == line.code) else { continue };
        let (principal, penalty) = sums.entry(code).or_default();
        *principal = principal.plus(line.principal)?;
        *penalty = penalty.plus(line.penalty)?;
    }
    Ok(sums)
}

fn request(facts: &VehicleFacts, due_on: BusinessDate) -> Result<Request, String> {
    let energy = Energy::named(&facts.energy).ok_or("the energy is not known to any rule")?;
    let swdkllj_class =
        SwdklljClass::named(&facts.swdkllj_class).ok_or("the class of SWDKLLJ is not known to any rule")?;
    Ok(Request {
        njkb: facts.njkb,
        weight_permille: facts.weight_permille,
        usage_permille: facts.usage_permille,
        tariff_bp: facts.tariff_bp,
        energy,
        swdkllj_class,
        due_on,
        paid_on: facts.paid_on,
        relief_bp: facts.relief_bp,
        waivers: facts.waivers.clone(),
    })
}
