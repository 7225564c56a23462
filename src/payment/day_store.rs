//! What an outlet's day and month come to, read by the outlet's own newest payments, never through its history.

use sqlx::PgConnection;

use super::outlet_store::CLOCKS_DIFFER;
use super::state::StateName;
use crate::domain::{AgentId, BusinessDate, PaymentId, PersonId, Rupiah, Timestamp};

/// What one operator has taken, of payments in one state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DaySum {
    /// Who, as pages name the person; none for the outlet's own program.
    pub operator: Option<(PersonId, String)>,
    /// How the payments stand.
    pub state: StateName,
    /// How many.
    pub payments: i64,
    /// What they come to.
    pub amount: Rupiah,
}

/// What an outlet has taken since that moment, by operator and state.
///
/// # Errors
/// [`sqlx::Error`] when the statement fails.
pub async fn day_sums(
    connection: &mut PgConnection,
    agent: AgentId,
    since: Timestamp,
) -> Result<Vec<DaySum>, sqlx::Error> {
    let rows = sqlx::query!(
        "SELECT m.person_id AS \"person_id?\", coalesce(m.full_name, m.username) AS operator, p.state AS \"state!\", count(*) AS \"n!\",
                coalesce(sum(p.amount), 0)::bigint AS \"amount!\"
         FROM payment p LEFT JOIN drawer_payment l USING (payment_id) LEFT JOIN drawer d USING (drawer_id)
         LEFT JOIN person m ON m.person_id = d.person_id
         WHERE p.agent_id = $1 AND p.payment_id >= $2 AND p.taken_at >= $3 GROUP BY 1, 2, 3 ORDER BY 2 NULLS LAST, 3",
        agent.0,
        PaymentId::earliest_of(since - CLOCKS_DIFFER).0,
        since
    )
    .fetch_all(connection)
    .await?;
    let sum = |(person, operator, state, payments, amount): (
        Option<uuid::Uuid>,
        Option<String>,
        String,
        i64,
        i64,
    )| {
        Ok(DaySum {
            operator: person.map(PersonId).zip(operator),
            state: StateName::named(&state)
                .ok_or_else(|| sqlx::Error::Decode("unknown payment state".into()))?,
            payments,
            amount: Rupiah::new(amount).map_err(|e| sqlx::Error::Decode(Box::new(e)))?,
        })
    };
    rows.into_iter().map(|r| sum((r.person_id, r.operator, r.state, r.n, r.amount))).collect()
}

/// What an outlet has earned on one day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeeDay {
    /// The day (WIB) on which the cash was taken.
    pub day: BusinessDate,
    /// Confirmed payments.
    pub payments: i64,
    /// Tax and fee together.
    pub amount: Rupiah,
    /// The fee of them.
    pub fee: Rupiah,
}

/// What an outlet has earned from `from` to the day before `until`, day by day. A payment that was reversed earns nothing,
/// nor does one that two people posted after its refusal.
///
/// # Errors
/// [`sqlx::Error`] when the statement fails.
pub async fn fee_days(
    connection: &mut PgConnection,
    agent: AgentId,
    (from, until): (BusinessDate, BusinessDate),
) -> Result<Vec<FeeDay>, sqlx::Error> {
    let (begins, ends) = (from.begins_at(), until.begins_at());
    let rows = sqlx::query!(
        "SELECT (taken_at AT TIME ZONE 'Asia/Jakarta')::date AS \"day!\", count(*) AS \"n!\", sum(amount)::bigint AS \"amount!\",
                sum(fee)::bigint AS \"fee!\"
         FROM payment
         WHERE agent_id = $1 AND payment_id >= $2 AND payment_id < $3 AND taken_at >= $4 AND taken_at < $5
           AND state IN ('confirmed', 'reversing') AND confirmed_at IS NOT NULL AND reposted_at IS NULL
         GROUP BY 1 ORDER BY 1",
        agent.0,
        PaymentId::earliest_of(begins - CLOCKS_DIFFER).0,
        PaymentId::earliest_of(ends + CLOCKS_DIFFER).0,
        begins,
        ends
    )
    .fetch_all(connection)
    .await?;
    let rupiah = |amount| Rupiah::new(amount).map_err(|e| sqlx::Error::Decode(Box::new(e)));
    rows.into_iter()
        .map(|r| {
            let (amount, fee) = (rupiah(r.amount)?, rupiah(r.fee)?);
            Ok(FeeDay { day: r.day.into(), payments: r.n, amount, fee })
        })
        .collect()
}
