//! Reads our side. A row that fits no state refuses to load.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, Utc};
use sqlx::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

use super::{Door, Earlier, Leg, LineKey, Reversal, Standing};
use crate::domain::{Authority, Beneficiary, BillPeriod, BusinessDate, PaymentId, Reference};
use crate::reconciliation::row::{DocumentId, RowStatus};

/// Legs in one page: some megabytes, and well within the statement timeout.
pub(crate) const PAGE: i64 = 5_000;

/// References of legs that the authority booked on `date`, after `after`, one page.
pub(crate) async fn booked_on(
    connection: &mut PgConnection,
    authority: Authority,
    date: BusinessDate,
    after: Reference,
) -> Result<Vec<Reference>, sqlx::Error> {
    let references = sqlx::query_scalar!(
        "SELECT l.reference FROM booking b JOIN payment_leg l USING (payment_id, ordinal)
         WHERE b.authority = $1 AND b.business_date = $2 AND (b.payment_id, b.ordinal) > (payment_of($3), get_byte(uuid_send($3), 15) - 1)
         ORDER BY b.payment_id, b.ordinal LIMIT $4",
        authority.as_str(),
        date.date(),
        after.0,
        PAGE
    )
    .fetch_all(connection)
    .await?;
    Ok(references.into_iter().map(Reference).collect())
}

/// References of legs that the authority reversed on `date` and had booked on another, after `after`, one page.
pub(crate) async fn reversed_on(
    connection: &mut PgConnection,
    authority: Authority,
    date: BusinessDate,
    after: Reference,
) -> Result<Vec<Reference>, sqlx::Error> {
    let references = sqlx::query_scalar!(
        "SELECT reference FROM payment_leg
         WHERE authority = $1 AND reversal_business_date = $2 AND business_date <> $2 AND reference > $3
         ORDER BY reference LIMIT $4",
        authority.as_str(),
        date.date(),
        after.0,
        PAGE
    )
    .fetch_all(connection)
    .await?;
    Ok(references.into_iter().map(Reference).collect())
}

/// References of legs of open payments that were sent and are not booked, after `after`, one page.
pub(crate) async fn in_doubt(
    connection: &mut PgConnection,
    authority: Authority,
    after: Reference,
) -> Result<Vec<Reference>, sqlx::Error> {
    let references = sqlx::query_scalar!(
        "SELECT l.reference
         FROM vehicle_lock v
         JOIN payment p ON p.payment_id = v.payment_id
         JOIN payment_leg l ON l.payment_id = v.payment_id
         WHERE v.is_open AND v.leads AND p.state IN ('held', 'in_doubt', 'integrity_hold')
           AND l.authority = $1 AND l.reference > $2
           AND l.state = 'sent'
         ORDER BY l.reference LIMIT $3",
        authority.as_str(),
        after.0,
        PAGE
    )
    .fetch_all(connection)
    .await?;
    Ok(references.into_iter().map(Reference).collect())
}

/// References of the legs that carry these numbers.
pub(crate) async fn numbered(
    connection: &mut PgConnection,
    authority: Authority,
    numbers: &[String],
) -> Result<Vec<Reference>, sqlx::Error> {
    let references = sqlx::query_scalar!(
        "SELECT l.reference FROM booking b JOIN payment_leg l USING (payment_id, ordinal) WHERE b.authority = $1 AND b.number = ANY($2)",
        authority.as_str(),
        numbers
    )
    .fetch_all(connection)
    .await?;
    Ok(references.into_iter().map(Reference).collect())
}

/// What the night of one file asks of legs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Night<'a> {
    pub(crate) authority: Authority,
    pub(crate) date: BusinessDate,
    /// Dates of this authority whose files published nights have used.
    pub(crate) taken: &'a [BusinessDate],
}

struct LegRow {
    payment_id: Uuid,
    reference: Uuid,
    document_id: String,
    periods: Json<Vec<BillPeriod>>,
    leg_state: String,
    not_after: DateTime<Utc>,
    number: Option<String>,
    business_date: Option<NaiveDate>,
    reversal_state: Option<String>,
    reversal_business_date: Option<NaiveDate>,
    plate: String,
    payment_state: String,
    taken_at: DateTime<Utc>,
    resolved_on: Option<NaiveDate>,
}

/// The legs of these references at the night's authority, with what other dates' nights claimed of them.
pub(crate) async fn legs(
    connection: &mut PgConnection,
    night: Night<'_>,
    references: &[Reference],
) -> Result<Vec<Leg>, sqlx::Error> {
    let ids: Vec<Uuid> = references.iter().map(|reference| reference.0).collect();
    let rows = sqlx::query_as!(
        LegRow,
        r#"SELECT payment_id AS "payment_id!", reference AS "reference!", document_id AS "document_id!",
                  periods AS "periods!: Json<Vec<BillPeriod>>", leg_state AS "leg_state!", not_after AS "not_after!",
                  number, business_date, reversal_state, reversal_business_date, plate AS "plate!",
                  payment_state AS "payment_state!", taken_at AS "taken_at!", resolved_on
           FROM unnest($2::uuid[]) u (wanted) JOIN night_leg ON payment_id = payment_of(wanted) AND reference = wanted
           WHERE authority = $1
           ORDER BY reference"#,
        night.authority.as_str(),
        &ids
    )
    .fetch_all(&mut *connection)
    .await?;
    let mut claims = claims_elsewhere(connection, night.date, &ids).await?;
    rows.into_iter().map(|row| row.leg(night, &mut claims)).collect()
}

type Claims = HashMap<Uuid, Vec<(LineKey, BusinessDate)>>;

async fn claims_elsewhere(
    connection: &mut PgConnection,
    date: BusinessDate,
    references: &[Uuid],
) -> Result<Claims, sqlx::Error> {
    let rows = sqlx::query!(
        "SELECT reference, due_on, code, beneficiary, status, business_date
         FROM settlement_claim
         WHERE reference = ANY($1) AND business_date <> $2",
        references,
        date.date()
    )
    .fetch_all(connection)
    .await?;
    let mut claims = Claims::new();
    for row in rows {
        let key = LineKey {
            reference: Reference(row.reference),
            due_on: row.due_on.into(),
            code: row.code.into(),
            beneficiary: Beneficiary::parse(&row.beneficiary).map_err(broken)?,
            status: RowStatus::named(&row.status).ok_or_else(|| broken("a claim's status"))?,
        };
        claims.entry(row.reference).or_default().push((key, row.business_date.into()));
    }
    Ok(claims)
}

impl LegRow {
    fn leg(self, night: Night<'_>, claims: &mut Claims) -> Result<Leg, sqlx::Error> {
        let standing = self.standing(night)?;
        Ok(Leg {
            payment_id: PaymentId(self.payment_id),
            reference: Reference(self.reference),
            document: DocumentId::parse(&self.document_id),
            plate: self.plate.into(),
            lines: Leg::lines_of(&self.periods),
            standing,
            resolved_on: self.resolved_on.map(BusinessDate::from),
            claimed: claims.remove(&self.reference).unwrap_or_default(),
        })
    }

    fn standing(&self, night: Night<'_>) -> Result<Standing, sqlx::Error> {
        match (self.leg_state.as_str(), self.payment_state.as_str()) {
            ("booked" | "reversed", _) => {
                let (Some(number), Some(on)) = (&self.number, self.business_date) else {
                    return Err(broken(format!("leg {} is booked without number or date", self.reference)));
                };
                Ok(Standing::Booked {
                    number: Arc::from(number.as_str()),
                    business_date: on.into(),
                    reversal: self.reversal(),
                })
            }
            ("unsent" | "sent" | "absent", "held" | "in_doubt") => Ok(self.open(night, Door::Settleable)),
            ("unsent" | "sent" | "absent", "integrity_hold") => Ok(self.open(night, Door::Guarded)),
            ("unsent" | "sent" | "absent", "refused" | "confirmed" | "reversing" | "reversed")
            | ("refused" | "released", _) => Ok(Standing::Closed),
            (leg, payment) => {
                Err(broken(format!("leg {} is {leg} in a payment that is {payment}", self.reference)))
            }
        }
    }

    fn open(&self, night: Night<'_>, door: Door) -> Standing {
        let from = BusinessDate::of(self.taken_at);
        let until = BusinessDate::of(self.not_after).next();
        let days = std::iter::successors(Some(from), |day| Some(day.next()));
        let all_in =
            days.take_while(|day| *day < night.date.min(until)).all(|day| night.taken.contains(&day));
        let earlier = if all_in { Earlier::AllIn } else { Earlier::SomeOut };
        Standing::Open { from, until, earlier, door }
    }

    fn reversal(&self) -> Reversal {
        match (self.reversal_state.as_deref(), self.reversal_business_date) {
            (Some("agreed"), Some(on)) => Reversal::Agreed(on.into()),
            (Some("agreed" | "asked"), _) => Reversal::Asked,
            (_, _) => Reversal::None,
        }
    }
}

fn broken(what: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> sqlx::Error {
    sqlx::Error::Decode(what.into())
}
