//! Invariant 8: what was quoted is what was sent, posted line by line, and owed back when it was taken back.

use sqlx::PgConnection;

use super::Check;

pub(super) async fn check(connection: &mut PgConnection) -> Result<Vec<Check>, sqlx::Error> {
    let legs = sqlx::query_scalar!(r#"SELECT count(*) AS "n!" FROM payment_leg"#)
        .fetch_one(&mut *connection)
        .await?;
    let payments =
        sqlx::query_scalar!(r#"SELECT count(*) AS "n!" FROM payment"#).fetch_one(&mut *connection).await?;
    let posts =
        sqlx::query_scalar!(r#"SELECT count(*) AS "n!" FROM transfer WHERE code IN ('POST', 'REVERSE')"#)
            .fetch_one(&mut *connection)
            .await?;
    let debts = sqlx::query_scalar!(r#"SELECT count(*) AS "n!" FROM citizen_debt"#)
        .fetch_one(&mut *connection)
        .await?;
    Ok(vec![
        Check::new(
            8,
            "Σ lines of a leg = its amount, as quoted",
            legs,
            leg_is_not_its_lines(connection).await?,
        ),
        Check::new(
            8,
            "Σ legs + fee = amount, as quoted",
            payments,
            payment_is_not_its_quote(connection).await?,
        ),
        Check::new(
            8,
            "postings and contra postings are the due lines, by beneficiary",
            posts,
            posted_otherwise(connection).await?,
        ),
        Check::new(
            8,
            "what citizens are owed is what the books owe them",
            debts,
            owed_otherwise(connection).await?,
        ),
    ])
}

async fn leg_is_not_its_lines(connection: &mut PgConnection) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT format('payment_leg %s/%s: it asks for %s, its lines come to %s; the quote says %s', l.payment_id, l.ordinal, l.amount, s.amount,
                         coalesce(q.leg->>'amount', 'nothing')) AS "offender!"
           FROM payment_leg l
           JOIN payment p USING (payment_id)
           LEFT JOIN lookup k USING (lookup_id)
           CROSS JOIN LATERAL (
             SELECT coalesce(sum((line->>'principal')::bigint + (line->>'penalty')::bigint), 0) AS amount, coalesce(min(least((line->>'principal')::bigint, (line->>'penalty')::bigint)), 0) AS least
             FROM json_array_elements(l.periods) period, json_array_elements(period->'lines') line) s
           CROSS JOIN LATERAL (
             SELECT CASE WHEN l.ordinal < 2 THEN k.quote->'legs'->l.ordinal::int ELSE (
               SELECT jsonb_build_object('authority', 'JASA_RAHARJA', 'document_id', d.terms->'assessment'->'assessment_id') || (d.terms->'assessment')
               FROM proposal d WHERE d.subject = l.payment_id AND d.approved_at IS NOT NULL AND d.terms->'assessment'->>'assessment_id' = l.document_id
               ORDER BY d.terms->'assessment'->>'amount' = l.amount::text DESC LIMIT 1) END AS leg) q
           WHERE s.amount <> l.amount OR s.least < 0
              OR (l.authority, l.document_id, l.amount::text) IS DISTINCT FROM (q.leg->>'authority', q.leg->>'document_id', q.leg->>'amount')
              OR l.periods::jsonb IS DISTINCT FROM q.leg->'periods'
           LIMIT 1"#
    )
    .fetch_optional(connection)
    .await
}

async fn payment_is_not_its_quote(connection: &mut PgConnection) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT format('payment %s: %s for %s with a fee of %s; its legs come to %s, its quote to %s and %s for %s', p.payment_id, p.amount, p.plate, p.fee,
                         coalesce(l.amount, 0), k.tax_total, k.fee, k.plate) AS "offender!"
           FROM payment p
           LEFT JOIN (SELECT payment_id, sum(amount) AS amount FROM payment_leg WHERE ordinal < 2 GROUP BY payment_id) l USING (payment_id)
           LEFT JOIN lookup k USING (lookup_id)
           WHERE p.amount IS DISTINCT FROM l.amount + p.fee
              OR (p.amount, p.fee, p.plate, p.agent_id, p.quote_expires_at) IS DISTINCT FROM (k.tax_total + k.fee, k.fee, k.plate, k.agent_id, k.expires_at)
              OR p.taken_at >= p.quote_expires_at
           LIMIT 1"#
    )
    .fetch_optional(connection)
    .await
}

async fn posted_otherwise(connection: &mut PgConnection) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"WITH line AS (
             SELECT l.payment_id, l.ordinal AS leg, l.state, line->>'beneficiary' AS beneficiary, (line->>'principal')::bigint + (line->>'penalty')::bigint AS amount
             FROM payment p JOIN payment_leg l USING (payment_id), json_array_elements(l.periods) period, json_array_elements(period->'lines') line
             WHERE l.state IN ('booked', 'reversed') AND p.state <> 'refused'
             UNION ALL
             SELECT payment_id, -1, CASE state WHEN 'reversed' THEN 'reversed' ELSE 'booked' END, 'the outlet', fee FROM payment WHERE confirmed_at IS NOT NULL AND reposted_at IS NULL),
           due AS (
             SELECT payment_id, leg, beneficiary, 'POST' AS code, sum(amount) AS amount, count(*) AS n FROM line WHERE amount > 0 GROUP BY payment_id, leg, beneficiary
             UNION ALL
             SELECT payment_id, leg, beneficiary, 'REVERSE', sum(amount), count(*) FROM line WHERE amount > 0 AND state = 'reversed' GROUP BY payment_id, leg, beneficiary),
           posted AS (
             SELECT t.cause AS payment_id, coalesce(t.leg, -1) AS leg, coalesce(a.beneficiary, 'the outlet') AS beneficiary, CASE t.code WHEN 'REVERSE' THEN 'REVERSE' ELSE 'POST' END AS code, sum(t.amount) AS amount, count(*) AS n
             FROM transfer t LEFT JOIN account a ON a.account_no = CASE t.code WHEN 'REVERSE' THEN t.debit_account ELSE t.credit_account END
             WHERE t.code IN ('POST', 'REVERSE') OR t.code = 'CLAIM' AND t.leg IS NOT NULL GROUP BY 1, 2, 3, 4)
           SELECT format('payment %s: %s of leg %s to %s: %s in %s lines is due, %s in %s rows is in the books', payment_id, code, leg, beneficiary,
                         coalesce(due.amount, 0), coalesce(due.n, 0), coalesce(posted.amount, 0), coalesce(posted.n, 0)) AS "offender!"
           FROM due FULL JOIN posted USING (payment_id, leg, beneficiary, code)
           WHERE (due.amount, due.n) IS DISTINCT FROM (posted.amount, posted.n)
           LIMIT 1"#
    )
    .fetch_optional(connection)
    .await
}

/// A debt that grew after an earlier part was given back counts from there; the earlier return stands in the books.
async fn owed_otherwise(connection: &mut PgConnection) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"WITH owed AS (
             SELECT t.cause AS payment_id, t.agent_id,
                    coalesce(sum(CASE c.kind WHEN 'owed_to_citizens' THEN t.amount ELSE -t.amount END) FILTER (WHERE t.code <> 'RETURN'), 0)::bigint AS amount,
                    coalesce(sum(t.amount) FILTER (WHERE t.code = 'RETURN'), 0) AS returned
             FROM transfer t JOIN account c ON c.account_no = t.credit_account JOIN account d ON d.account_no = t.debit_account
             WHERE 'owed_to_citizens' IN (c.kind, d.kind) GROUP BY t.cause, t.agent_id)
           SELECT format('citizen_debt %s: the books owe %s and gave back %s; the debt is %s, %s', payment_id, coalesce(o.amount, 0), coalesce(o.returned, 0),
                         coalesce(d.amount, 0), CASE WHEN d.returned_at IS NULL THEN 'not returned' ELSE 'returned' END) AS "offender!"
           FROM owed o FULL JOIN citizen_debt d USING (payment_id)
           WHERE o.agent_id IS DISTINCT FROM d.agent_id
              OR o.amount - o.returned <> CASE WHEN d.returned_at IS NULL THEN d.amount ELSE 0 END
              OR d.returned_at IS NOT NULL AND o.returned < d.amount
           LIMIT 1"#
    )
    .fetch_optional(connection)
    .await
}
