//! Reads our side. A row that fits no state refuses to load.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, Utc};
use futures_util::TryStreamExt;
use sqlx::types::Json;
use sqlx::{Executor, PgConnection};
use tokio::sync::mpsc;
use uuid::Uuid;

use super::claim_store::matched_elsewhere;
use super::{Door, Earlier, Leg, LineKey, Reversal, Standing};
use crate::domain::{Authority, Beneficiary, BillPeriod, BusinessDate, PaymentId, Reference};
use crate::reconciliation::row::{DocumentId, RowStatus};

/// Bytes of the stream that are handed over together.
const BATCH_BYTES: usize = 256 * 1024;

/// Legs in one page: some megabytes, and well within the statement timeout.
pub(crate) const PAGE: i64 = 5_000;

/// Streams in the order of references what a plain match asks of the legs that the authority booked on `date`.
pub(crate) async fn stream_booked(
    connection: &mut PgConnection,
    authority: Authority,
    date: BusinessDate,
    listener: mpsc::Sender<Vec<u8>>,
) -> Result<(), sqlx::Error> {
    // Payments' ids tell when they were taken, and nearly all that a day books were taken on it or the evening before.
    let around = (id_at(date.previous()), id_at(date.next().next()));
    let span = sqlx::query!(
        "WITH around AS NOT MATERIALIZED (SELECT payment_id FROM booking WHERE authority = $1 AND business_date = $2 AND payment_id >= $3 AND payment_id < $4)
         SELECT (SELECT payment_id FROM around ORDER BY payment_id LIMIT 1) AS first,
                (SELECT payment_id FROM around ORDER BY payment_id DESC LIMIT 1) AS last",
        authority.as_str(),
        date.date(),
        around.0,
        around.1
    )
    .fetch_one(&mut *connection)
    .await?;
    let (first, last) = span.first.zip(span.last).unwrap_or((around.0, around.0));
    connection.execute("SET LOCAL jit = off; SET LOCAL statement_timeout = '30min'; SET LOCAL idle_in_transaction_session_timeout = '30min'; SET LOCAL max_parallel_workers_per_gather = 0").await?;
    let day = Day { authority, date };
    // The rest is looked up one by one: a doubt that ended late, a clock that was wrong.
    copy(connection, &day.one_by_one(&format!("b.payment_id < '{first}'")), &listener).await?;
    // Legs and payments lie in this order, so that side by side they are read once, without a sort or a look-up.
    connection
        .execute(
            "SET LOCAL enable_mergejoin = on; SET LOCAL enable_sort = off; SET LOCAL enable_nestloop = off",
        )
        .await?;
    copy(connection, &day.side_by_side(first, last), &listener).await?;
    connection.execute("RESET enable_mergejoin; RESET enable_sort; RESET enable_nestloop").await?;
    copy(connection, &day.one_by_one(&format!("b.payment_id > '{last}'")), &listener).await
}

/// Before every id that was made on a date, after all that were made earlier.
fn id_at(date: BusinessDate) -> Uuid {
    let millis = u128::try_from(date.begins_at().timestamp_millis()).unwrap_or_default();
    Uuid::from_u128(millis << 80)
}

/// Whose legs are streamed. Nothing but a name of ours, a date and ids stands in the statements.
struct Day {
    authority: Authority,
    date: BusinessDate,
}

impl Day {
    fn columns(&self) -> String {
        let date = self.date;
        format!(
            "l.reference, l.document_id, l.number, p.plate,
             l.reversal_state IS NOT NULL
               OR l.reference IN (SELECT reference FROM settlement_claim WHERE business_date <> '{date}')
               OR l.reference IN (SELECT reference FROM settlement_resolution), l.periods"
        )
    }

    fn side_by_side(&self, first: Uuid, last: Uuid) -> String {
        let (Self { authority, date }, columns) = (self, self.columns());
        format!(
            "COPY (SELECT {columns} FROM payment_leg l JOIN payment p ON p.payment_id = l.payment_id
                   WHERE l.payment_id BETWEEN '{first}' AND '{last}' AND p.payment_id BETWEEN '{first}' AND '{last}'
                     AND l.authority = '{authority}' AND l.business_date = '{date}'
                   ORDER BY l.payment_id, l.ordinal) TO STDOUT (FORMAT binary)"
        )
    }

    fn one_by_one(&self, which: &str) -> String {
        let (Self { authority, date }, columns) = (self, self.columns());
        format!(
            "COPY (SELECT {columns} FROM booking b JOIN payment_leg l USING (payment_id, ordinal) JOIN payment p USING (payment_id)
                   WHERE b.authority = '{authority}' AND b.business_date = '{date}' AND {which}
                   ORDER BY b.payment_id, b.ordinal) TO STDOUT (FORMAT binary)"
        )
    }
}

async fn copy(
    connection: &mut PgConnection,
    statement: &str,
    listener: &mpsc::Sender<Vec<u8>>,
) -> Result<(), sqlx::Error> {
    let mut rows = connection.copy_out_raw(statement).await?;
    let mut batch = Vec::with_capacity(BATCH_BYTES + BATCH_BYTES / 4);
    while let Some(row) = rows.try_next().await? {
        batch.extend_from_slice(&row);
        if batch.len() >= BATCH_BYTES {
            let full = std::mem::replace(&mut batch, Vec::with_capacity(BATCH_BYTES + BATCH_BYTES / 4));
            // Nobody may listen any more, but a stream that is left unread would leave the connection in its middle.
            drop(listener.send(full).await);
        }
    }
    drop(listener.send(batch).await);
    Ok(())
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
    let mut claims = claims_elsewhere(&mut *connection, night.date, &ids).await?;
    let booked =
        rows.iter().filter_map(|row| row.business_date.map(|on| (row.reference, BusinessDate::from(on))));
    for (key, on) in matched_elsewhere(connection, night, booked).await? {
        claims.entry(key.reference.0).or_default().push((key, on));
    }
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

pub(super) fn broken(what: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> sqlx::Error {
    sqlx::Error::Decode(what.into())
}
