//! Inquiries: what a vehicle owes, as each host says it. Shapes only; whether the two agree is the lookup's business.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::host::{Evidence, Host, Operation, Reply};
use crate::domain::{Authority, BusinessDate, ChassisLast5, Plate, Timestamp};

/// The question.
#[derive(Debug, Clone)]
pub struct Inquiry<'a> {
    /// Ours, one per host and question.
    pub reference: Uuid,
    /// The vehicle.
    pub plate: &'a Plate,
    /// The second factor.
    pub chassis: &'a ChassisLast5,
    /// The WIB date of the question; Jasa Raharja is told it.
    pub as_of: BusinessDate,
}

/// How an inquiry ended.
#[derive(Debug)]
pub enum Inquired<T> {
    /// A well-formed, signed answer.
    Quoted(Box<T>, Box<Evidence>),
    /// A signed refusal with its code and status.
    Refused {
        /// The host's code, as it said it.
        code: String,
        /// The host's status.
        status: u16,
    },
    /// The host is closing its day.
    EndOfDay(Option<Timestamp>),
    /// No answer, or one that cannot be read.
    Unavailable(String),
}

/// One line on the wire.
#[derive(Debug, Clone, Deserialize)]
#[expect(missing_docs, reason = "the protocol's own members")]
pub struct WireLine {
    pub code: String,
    pub beneficiary: String,
    pub principal: i64,
    pub penalty: i64,
}

/// One period on the wire.
#[derive(Debug, Clone, Deserialize)]
#[expect(missing_docs, reason = "the protocol's own members")]
pub struct WirePeriod {
    pub due_on: BusinessDate,
    pub lines: Vec<WireLine>,
}

/// The vehicle as Bapenda knows it.
#[derive(Debug, Clone, Deserialize)]
#[expect(missing_docs, reason = "the protocol's own members")]
pub struct Vehicle {
    pub owner_name: String,
    pub make: String,
    pub model: String,
    pub year: i32,
    pub plate_colour: String,
    pub cylinder_cc: i64,
    pub energy: String,
    pub swdkllj_class: String,
    pub region_code: String,
    pub njkb: i64,
    pub weight_permille: i64,
    pub usage_permille: i64,
    pub ownership_order: i64,
    pub holder: String,
    pub stnk_valid_until: BusinessDate,
}

/// Bapenda's answer.
#[derive(Debug, Clone, Deserialize)]
#[expect(missing_docs, reason = "the protocol's own members")]
pub struct Bill {
    pub reference: Uuid,
    pub bill_id: String,
    pub plate: String,
    pub vehicle: Vehicle,
    pub periods: Vec<WirePeriod>,
    pub next_due_on: BusinessDate,
    pub total: i64,
    pub tariff_bp: i64,
    pub relief_bp: i64,
    pub waivers: Vec<String>,
    pub business_date: BusinessDate,
    pub expires_at: chrono::DateTime<chrono::FixedOffset>,
}

/// Jasa Raharja's answer.
#[derive(Debug, Clone, Deserialize)]
#[expect(missing_docs, reason = "the protocol's own members")]
pub struct Assessment {
    pub reference: Uuid,
    pub assessment_id: String,
    pub plate: String,
    pub swdkllj_class: String,
    pub periods: Vec<WirePeriod>,
    pub total: i64,
    pub expires_at: chrono::DateTime<chrono::FixedOffset>,
}

#[derive(Serialize)]
struct Ask<'a> {
    reference: Uuid,
    plate: &'a str,
    chassis_last5: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    as_of: Option<BusinessDate>,
}

impl Host {
    /// Asks Bapenda for a bill.
    pub async fn bill(&self, inquiry: &Inquiry<'_>) -> Inquired<Bill> {
        self.inquire("/bapenda/v1/inquiries", inquiry, Bill::is_well_formed).await
    }

    /// Asks Jasa Raharja for an assessment.
    pub async fn assessment(&self, inquiry: &Inquiry<'_>) -> Inquired<Assessment> {
        self.inquire("/jasa-raharja/v1/inquiries", inquiry, Assessment::is_well_formed).await
    }

    async fn inquire<T: serde::de::DeserializeOwned>(
        &self,
        path: &str,
        inquiry: &Inquiry<'_>,
        well_formed: fn(&T) -> bool,
    ) -> Inquired<T> {
        let ask = Ask {
            reference: inquiry.reference,
            plate: inquiry.plate.as_str(),
            chassis_last5: inquiry.chassis.expose(),
            as_of: (self.authority() == Authority::JasaRaharja).then_some(inquiry.as_of),
        };
        match self.post(Operation::Inquiry, path, &ask, Some(inquiry.reference)).await {
            Reply::NotSent(why) | Reply::Silent(why) => Inquired::Unavailable(why),
            Reply::EndOfDay(until) => Inquired::EndOfDay(until),
            Reply::Answered(answer) if answer.status == 200 => {
                match serde_json::from_slice::<T>(&answer.evidence.body) {
                    Ok(quote) if well_formed(&quote) => {
                        Inquired::Quoted(Box::new(quote), Box::new(answer.evidence))
                    }
                    Ok(_) => Inquired::Unavailable("malformed answer".to_owned()),
                    Err(e) => Inquired::Unavailable(format!("malformed answer: {e}")),
                }
            }
            Reply::Answered(answer) if answer.status == 401 => {
                Inquired::Unavailable("the host does not accept our signature".to_owned())
            }
            Reply::Answered(answer) => match (answer.status, answer.code()) {
                (status @ 400..=499, Some(code)) => Inquired::Refused { code, status },
                (status, _) => Inquired::Unavailable(format!("status {status} without a code")),
            },
        }
    }
}

fn is_16_digits(id: &str) -> bool {
    id.len() == 16 && id.bytes().all(|b| b.is_ascii_digit())
}

/// Negative and absurdly large amounts make an answer malformed, not a contradiction.
fn amounts_are_sane(periods: &[WirePeriod], total: i64) -> bool {
    let sane = |amount: i64| crate::domain::Rupiah::not_negative(amount).is_ok();
    let lines = || periods.iter().flat_map(|p| &p.lines);
    sane(total)
        && lines()
            .all(|line| sane(line.principal) && sane(line.penalty) && (1..=64).contains(&line.code.len()))
        && lines().count() <= LINES_MAX
}

/// More lines than any vehicle could have years.
const LINES_MAX: usize = 500;

impl Bill {
    fn is_well_formed(&self) -> bool {
        is_16_digits(&self.bill_id) && amounts_are_sane(&self.periods, self.total)
    }
}

impl Assessment {
    fn is_well_formed(&self) -> bool {
        is_16_digits(&self.assessment_id) && amounts_are_sane(&self.periods, self.total)
    }
}
