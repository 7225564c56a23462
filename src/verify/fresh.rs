//! Invariants 8 and 16 of fresh assessments: Jasa Raharja signed what they ask, and *selisih* bears the difference.

use sqlx::PgConnection;
use sqlx::types::Json;

use super::Check;
use super::evidence::same;
use crate::domain::{Authority, BillPeriod, Rupiah};
use crate::lookup::QuotedLeg;
use crate::upstream::Assessment;

pub(super) async fn check(connection: &mut PgConnection) -> Result<Vec<Check>, sqlx::Error> {
    let (legs, unsigned) = unsigned(connection).await?;
    Ok(vec![
        Check::new(
            8,
            "selisih bears what a fresh assessment asks more or less than was paid",
            legs,
            otherwise(connection).await?,
        ),
        Check::new(16, "every fresh assessment is what Jasa Raharja signed", legs, unsigned),
    ])
}

/// What goes back to the citizen is what was paid; only a leg that stands leaves a difference.
async fn otherwise(connection: &mut PgConnection) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"WITH due AS (
             SELECT p.payment_id, CASE WHEN l.state IN ('reversed', 'released') OR p.state = 'reversed' AND l.state <> 'booked' THEN 0 ELSE f.amount - l.amount END AS amount
             FROM payment p
             JOIN payment_leg f ON f.payment_id = p.payment_id AND f.ordinal = 1
             JOIN payment_leg l ON l.payment_id = p.payment_id AND l.ordinal = (SELECT max(ordinal) FROM payment_leg n WHERE n.payment_id = p.payment_id)
             WHERE l.ordinal > 1),
           moved AS (
             SELECT t.cause AS payment_id, sum(CASE c.kind WHEN 'selisih' THEN t.amount ELSE -t.amount END)::bigint AS amount
             FROM transfer t JOIN account c ON c.account_no = t.credit_account JOIN account d ON d.account_no = t.debit_account
             WHERE 'selisih' IN (c.kind, d.kind) GROUP BY t.cause)
           SELECT format('payment %s: selisih should bear %s, the books give it %s', coalesce(payment_id::text, 'none'), coalesce(due.amount, 0), coalesce(moved.amount, 0)) AS "offender!"
           FROM due FULL JOIN moved USING (payment_id)
           WHERE coalesce(due.amount, 0) <> coalesce(moved.amount, 0)
           LIMIT 1"#
    )
    .fetch_optional(connection)
    .await
}

async fn unsigned(connection: &mut PgConnection) -> Result<(i64, Option<String>), sqlx::Error> {
    let rows = sqlx::query!(
        r#"SELECT l.payment_id AS "payment_id!", l.ordinal AS "ordinal!", l.document_id AS "document_id!", l.amount AS "amount!", l.periods AS "periods!: Json<Vec<BillPeriod>>", e.body AS "body?"
           FROM payment_leg l
           LEFT JOIN proposal d ON d.subject = l.payment_id AND d.approved_at IS NOT NULL AND d.terms->'assessment'->>'assessment_id' = l.document_id
           LEFT JOIN evidence e ON e.evidence_id = (d.terms->'assessment'->>'evidence_id')::uuid AND e.authority = 'JASA_RAHARJA' AND e.operation = 'inquiry'
           WHERE l.ordinal > 1"#
    )
    .fetch_all(connection)
    .await?;
    let mut offender = None;
    for row in &rows {
        let leg = QuotedLeg {
            authority: Authority::JasaRaharja,
            document_id: row.document_id.clone(),
            amount: Rupiah::new(row.amount).unwrap_or(Rupiah::ZERO),
            periods: row.periods.0.clone(),
        };
        let signed = |body: &Vec<u8>| serde_json::from_slice::<Assessment>(body).ok();
        let fits = row
            .body
            .as_ref()
            .and_then(signed)
            .is_some_and(|a| same(&leg, Authority::JasaRaharja, &a.assessment_id, (&a.periods, a.total)));
        if !fits && offender.is_none() {
            offender = Some(format!(
                "payment_leg {}/{}: Jasa Raharja signed no such assessment",
                row.payment_id, row.ordinal
            ));
        }
    }
    Ok((i64::try_from(rows.len()).unwrap_or(i64::MAX), offender))
}
