//! Invariant 6: a key names at most one payment, each payment has its key, and a refusal has its stored answer.

use sqlx::PgConnection;

use super::Check;
use crate::payment::BusinessRefusal;

pub(super) async fn check(connection: &mut PgConnection) -> Result<Vec<Check>, sqlx::Error> {
    let keys = sqlx::query_scalar!(r#"SELECT count(*) AS "n!" FROM idempotency_key"#)
        .fetch_one(&mut *connection)
        .await?;
    Ok(vec![
        Check::new(
            6,
            "a key names at most one payment, a payment exactly one key",
            keys,
            names_another(connection).await?,
        ),
        Check::new(
            6,
            "a key without a payment has the refusal it replays",
            keys,
            unreadable_refusal(connection).await?,
        ),
    ])
}

async fn names_another(connection: &mut PgConnection) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT CASE WHEN p.payment_id IS NULL THEN format('idempotency_key %s of agent %s: it names payment %s, which is not there', k.a_key, k.agent_id, k.payment_id)
                       WHEN k.payment_id IS NULL THEN format('payment %s: no key names it', p.payment_id)
                       WHEN k.n > 1 THEN format('payment %s: %s keys name it', p.payment_id, k.n)
                       ELSE format('idempotency_key %s of agent %s: it asked for something else than payment %s', k.a_key, k.agent_id, k.payment_id)
                  END AS "offender!"
           FROM (SELECT payment_id, count(*) AS n, min(key) AS a_key, min(agent_id::text)::uuid AS agent_id, min(request->>'lookup_id') AS lookup_id,
                        min(request->>'amount') AS amount
                 FROM idempotency_key WHERE payment_id IS NOT NULL GROUP BY payment_id) k
           FULL JOIN payment p USING (payment_id)
           WHERE k.n IS DISTINCT FROM 1
              OR (p.agent_id, p.lookup_id::text, p.amount::text) IS DISTINCT FROM (k.agent_id, k.lookup_id, k.amount)
           LIMIT 1"#
    )
    .fetch_optional(connection)
    .await
}

/// Distinct refusals are few, however many keys there are.
async fn unreadable_refusal(connection: &mut PgConnection) -> Result<Option<String>, sqlx::Error> {
    let neither = sqlx::query_scalar!(
        r#"SELECT format('idempotency_key %s of agent %s: it has neither one payment nor one refusal', key, agent_id) AS "offender!"
           FROM idempotency_key WHERE (payment_id IS NULL) = (refusal IS NULL) LIMIT 1"#
    )
    .fetch_optional(&mut *connection)
    .await?;
    let refusals = sqlx::query!(
        r#"SELECT refusal AS "refusal!", min(key) AS "key!", min(agent_id::text) AS "agent_id!"
           FROM idempotency_key WHERE refusal IS NOT NULL GROUP BY refusal ORDER BY refusal LIMIT 1000"#
    )
    .fetch_all(connection)
    .await?;
    let unreadable =
        refusals.into_iter().find(|r| serde_json::from_value::<BusinessRefusal>(r.refusal.clone()).is_err());
    Ok(neither.or_else(|| {
        unreadable.map(|r| {
            format!(
                "idempotency_key {} of agent {}: nobody can replay the refusal {}",
                r.key, r.agent_id, r.refusal
            )
        })
    }))
}
