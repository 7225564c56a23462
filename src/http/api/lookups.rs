//! `POST /v1/lookups`

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::domain::{BillLine, BusinessDate, ChassisLast5, Plate, rfc3339_wib};
use crate::http::App;
use crate::http::auth::AsAgent;
use crate::http::body::JsonBody;
use crate::http::problem::{Problem, ProblemBody, Retry};
use crate::lookup::{Lookup, LookupError};
use crate::tariff::{Verdict, VerdictForm};

/// A question.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LookupRequest {
    /// Any human spelling.
    #[schema(example = "L 1234 AB")]
    plate: String,
    /// Five letters or digits.
    #[schema(example = "12345")]
    chassis_last5: String,
}

/// The vehicle, to compare with the STNK.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct VehicleBody {
    plate: String,
    /// Masked.
    owner_name: String,
    make: String,
    model: String,
    year: i32,
    swdkllj_class: String,
    region_code: String,
    region_name: String,
}

/// One line, rupiah.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct LineBody {
    code: String,
    beneficiary: String,
    principal: i64,
    penalty: i64,
}

/// One period with the lines of both authorities.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct PeriodBody {
    due_on: String,
    days_late: i64,
    lines: Vec<LineBody>,
}

/// A quote.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct LookupBody {
    lookup_id: Uuid,
    /// 16 digits.
    pay_code: String,
    expires_at: String,
    business_date: String,
    vehicle: VehicleBody,
    next_due_on: String,
    periods: Vec<PeriodBody>,
    /// Σ of all lines.
    tax_total: i64,
    fee: i64,
    /// `tax_total` + `fee`.
    total: i64,
    /// The shadow engine's verdict: it flags, it never corrects.
    #[schema(value_type = VerdictForm)]
    check: Verdict,
}

/// Asks both authorities what a vehicle owes.
///
/// # Errors
/// The refusals of the protocol and of the interface, as problems.
#[utoipa::path(post, path = "/v1/lookups", request_body = LookupRequest, security(("bearer" = [])), responses(
    (status = 201, body = LookupBody), (status = 400, body = ProblemBody), (status = 401, body = ProblemBody),
    (status = 403, body = ProblemBody), (status = 404, body = ProblemBody), (status = 413, body = ProblemBody),
    (status = 422, body = ProblemBody), (status = 429, body = ProblemBody), (status = 502, body = ProblemBody),
    (status = 503, body = ProblemBody)))]
pub async fn create(
    State(app): State<App>,
    AsAgent(agent): AsAgent,
    JsonBody(request): JsonBody<LookupRequest>,
) -> Result<(StatusCode, Json<LookupBody>), Problem> {
    if !agent.active {
        return Err(Problem::forbidden("the agent is suspended"));
    }
    let invalid = |code, detail| Problem::new(StatusCode::BAD_REQUEST, code, Retry::Never, detail);
    let plate =
        Plate::parse(&request.plate).map_err(|_| invalid("INVALID_PLATE", "this is not a plate number"))?;
    let chassis = ChassisLast5::parse(&request.chassis_last5)
        .map_err(|_| invalid("INVALID_CHASSIS", "five letters or digits of the chassis number are needed"))?;
    let lookup = app.lookups.look_up(&agent, &plate, &chassis).await?;
    Ok((StatusCode::CREATED, Json(body(lookup))))
}

fn body(lookup: Lookup) -> LookupBody {
    let quote = lookup.quote;
    let line = |line: &BillLine| LineBody {
        code: line.code.clone(),
        beneficiary: line.beneficiary.to_string(),
        principal: line.principal.get(),
        penalty: line.penalty.get(),
    };
    let lines_of = |due_on: BusinessDate| {
        let periods =
            quote.legs.iter().flat_map(|leg| &leg.periods).filter(move |period| period.due_on == due_on);
        periods.flat_map(|period| &period.lines).map(line).collect()
    };
    let periods = quote.due_dates().into_iter().map(|due_on| PeriodBody {
        due_on: due_on.to_string(),
        days_late: quote.paid_on.days_since(due_on).max(0),
        lines: lines_of(due_on),
    });
    LookupBody {
        lookup_id: lookup.lookup_id.0,
        pay_code: lookup.pay_code,
        expires_at: rfc3339_wib(lookup.expires_at),
        business_date: lookup.business_date.to_string(),
        next_due_on: quote.next_due_on.to_string(),
        periods: periods.collect(),
        vehicle: VehicleBody {
            plate: quote.vehicle.plate,
            owner_name: quote.vehicle.owner_name,
            make: quote.vehicle.make,
            model: quote.vehicle.model,
            year: quote.vehicle.year,
            swdkllj_class: quote.vehicle.swdkllj_class,
            region_code: quote.vehicle.region_code,
            region_name: quote.vehicle.region_name,
        },
        tax_total: lookup.tax_total.get(),
        fee: lookup.fee.get(),
        total: lookup.total.get(),
        check: quote.check,
    }
}

impl From<LookupError> for Problem {
    fn from(error: LookupError) -> Self {
        let unprocessable = StatusCode::UNPROCESSABLE_ENTITY;
        match error {
            LookupError::OutsideJatim => Self::new(
                StatusCode::NOT_FOUND,
                "OUTSIDE_JATIM",
                Retry::Never,
                "the plate belongs to another province",
            ),
            LookupError::Refused { code, status } => {
                let status = StatusCode::from_u16(status).unwrap_or(unprocessable);
                let detail = format!("the authority refuses: {code}");
                Self::new(status, code, Retry::Never, detail)
            }
            LookupError::PartlyPaid => {
                let detail = "one authority has been paid and the other has not: the citizen goes to the Samsat office";
                Self::new(unprocessable, "PARTLY_PAID", Retry::Never, detail)
            }
            LookupError::Contradicts(what) => {
                let detail = format!("the authorities' answers contradict each other: {what}");
                Self::new(StatusCode::BAD_GATEWAY, "QUOTE_CONTRADICTS", Retry::NewKey, detail)
            }
            LookupError::Unavailable(_) => Self::upstream_unavailable("an authority gives no usable answer"),
            LookupError::EndOfDay(until) => {
                let detail = until.map_or_else(
                    || "an authority is closing its day".to_owned(),
                    |until| format!("an authority is closing its day until {}", rfc3339_wib(until)),
                );
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "END_OF_DAY", Retry::SameKey, detail)
                    .retry_after(60)
            }
            LookupError::TooManyAttempts { retry_after_s } => {
                let detail = "too many wrong plates or chassis numbers within an hour";
                Self::new(StatusCode::TOO_MANY_REQUESTS, "TOO_MANY_ATTEMPTS", Retry::SameKey, detail)
                    .retry_after(retry_after_s)
            }
            LookupError::Sql(error) => error.into(),
        }
    }
}
