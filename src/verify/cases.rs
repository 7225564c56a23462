//! Invariant 14: every case has an owner and an origin, and what needs a case has one.

use sqlx::PgConnection;

use super::Check;
use crate::agents::Role;

pub(super) async fn check(connection: &mut PgConnection) -> Result<Vec<Check>, sqlx::Error> {
    let cases =
        sqlx::query_scalar!(r#"SELECT count(*) AS "n!" FROM case_file"#).fetch_one(&mut *connection).await?;
    let payments =
        sqlx::query_scalar!(r#"SELECT count(*) AS "n!" FROM payment"#).fetch_one(&mut *connection).await?;
    Ok(vec![
        Check::new(
            14,
            "every case has an owner, an origin and, once closed, a resolution",
            cases,
            nobodys_case(connection).await?,
        ),
        Check::new(14, "what people must settle is a case", payments, without_case(connection).await?),
    ])
}

async fn nobodys_case(connection: &mut PgConnection) -> Result<Option<String>, sqlx::Error> {
    let roles: Vec<String> = Role::ALL.iter().map(|role| role.as_str().to_owned()).collect();
    sqlx::query_scalar!(
        r#"SELECT format('case_file %s (%s): owner "%s", origin "%s", payment %s, %s', c.case_id, c.class, c.owner, c.origin, coalesce(c.payment_id::text, 'none'),
                         CASE WHEN c.closed_at IS NULL THEN 'open' ELSE format('closed by %s as "%s"', coalesce(c.closed_by::text, 'nobody'), coalesce(c.resolution, '')) END) AS "offender!"
           FROM case_file c
           LEFT JOIN payment p ON p.payment_id = c.payment_id
           LEFT JOIN proposal d ON d.proposal_id = c.closed_by
           WHERE NOT c.owner = ANY($1) OR btrim(c.origin) = '' OR btrim(c.class) = '' OR btrim(c.line_key) = ''
              OR c.payment_id IS NOT NULL AND p.payment_id IS NULL
              OR (c.closed_at IS NULL) <> (c.resolution IS NULL)
              OR c.closed_by IS NOT NULL AND (c.closed_at IS NULL OR d.approved_at IS NULL)
           LIMIT 1"#,
        &roles
    )
    .fetch_optional(connection)
    .await
}

/// An integrity hold that two people opened again goes on as a doubt: its case was the first.
async fn without_case(connection: &mut PgConnection) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT format('payment %s: it needs a case %s and has none', n.payment_id, n.class) AS "offender!"
           FROM (SELECT payment_id, 'INTEGRITY_HOLD' AS class FROM payment WHERE state = 'integrity_hold'
                 UNION ALL
                 SELECT p.payment_id, 'JR_REFUSED' FROM payment p JOIN payment_leg l USING (payment_id)
                 WHERE p.state = 'in_doubt' AND l.state = 'refused' AND l.ordinal > 0
                 UNION ALL
                 SELECT p.payment_id, 'HALF_REVERSED' FROM payment p JOIN payment_leg l USING (payment_id)
                 WHERE p.state = 'reversed' AND l.state = 'booked') n
           WHERE NOT EXISTS (SELECT FROM case_file c WHERE c.payment_id = n.payment_id AND (c.class = n.class OR n.class = 'JR_REFUSED' AND c.class = 'INTEGRITY_HOLD'))
           LIMIT 1"#
    )
    .fetch_optional(connection)
    .await
}
