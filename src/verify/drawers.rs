//! Invariants 19 and 20, ours: the cash of every drawer adds up to its count, and a top-up that an outlet asked for is the one
//! that two people decided about.

use sqlx::PgConnection;

use super::Check;

pub(super) async fn check(connection: &mut PgConnection) -> Result<Vec<Check>, sqlx::Error> {
    let entries =
        sqlx::query_scalar!(r#"SELECT count(*) AS "n!" FROM cash_entry"#).fetch_one(&mut *connection).await?;
    let drawers =
        sqlx::query_scalar!(r#"SELECT count(*) AS "n!" FROM drawer"#).fetch_one(&mut *connection).await?;
    let payments = sqlx::query_scalar!(r#"SELECT count(*) AS "n!" FROM drawer_payment"#)
        .fetch_one(&mut *connection)
        .await?;
    let returned = sqlx::query_scalar!(r#"SELECT count(*) AS "n!" FROM cash_entry WHERE code = 'RETURNED'"#)
        .fetch_one(&mut *connection)
        .await?;
    let requests = sqlx::query_scalar!(r#"SELECT count(*) AS "n!" FROM topup_request"#)
        .fetch_one(&mut *connection)
        .await?;
    let taken = match payment_of_another(connection).await? {
        None => takings_differ(connection).await?,
        found => found,
    };
    let asked = match other_terms(connection).await? {
        None => other_proof(connection).await?,
        found => found,
    };
    Ok(vec![
        Check::new(
            19,
            "cash moves between the accounts that each code names, in a drawer of the outlet",
            entries,
            between_wrong_accounts(connection).await?,
        ),
        Check::new(
            19,
            "a drawer closes with nothing left: what was expected, counted and differed is its entries",
            drawers,
            does_not_close(connection).await?,
        ),
        Check::new(
            19,
            "the takings of a closed drawer are its payments that were not refused at once",
            payments,
            taken,
        ),
        Check::new(
            19,
            "cash that a drawer gave back to a citizen came back to the float",
            returned,
            returned_otherwise(connection).await?,
        ),
        Check::new(
            20,
            "a top-up that an outlet asked for is proposed as asked, on the proof that it showed",
            requests,
            asked,
        ),
    ])
}

async fn between_wrong_accounts(connection: &mut PgConnection) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT format('cash_entry %s: a %s of %s from %s to %s by %s in drawer %s is none that its code allows', e.cash_entry_id, e.code, e.amount,
                         e.debit, e.credit, coalesce(m.username, 'nobody'), coalesce(d.drawer_id::text, 'none')) AS "offender!"
           FROM cash_entry e LEFT JOIN drawer d USING (drawer_id) LEFT JOIN person m ON m.person_id = e.person_id
           WHERE e.amount <= 0 OR d.drawer_id IS NULL OR m.agent_id <> d.agent_id OR (m.role IN ('kasir', 'penyelia')) IS NOT TRUE
              OR (e.code IN ('TAKEN', 'RETURNED')) <> (e.payment_id IS NOT NULL)
              OR CASE e.code
                   WHEN 'OPENED' THEN e.debit = 'safe' AND e.credit = 'drawer' AND e.amount = d.opening
                   WHEN 'ADDED' THEN e.debit = 'safe' AND e.credit = 'drawer'
                   WHEN 'TAKEN' THEN e.debit = 'citizens' AND e.credit = 'drawer'
                   WHEN 'RETURNED' THEN e.debit = 'drawer' AND e.credit = 'citizens'
                   WHEN 'HANDED_OVER' THEN e.debit = 'drawer' AND e.credit = 'safe'
                   WHEN 'SHORT' THEN e.debit = 'drawer' AND e.credit = 'variance'
                   WHEN 'OVER' THEN e.debit = 'variance' AND e.credit = 'drawer'
                   WHEN 'CLOSED' THEN e.debit = 'drawer' AND e.credit = 'safe'
                   ELSE false
                 END IS NOT TRUE
           LIMIT 1"#
    )
    .fetch_optional(connection)
    .await
}

async fn does_not_close(connection: &mut PgConnection) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"WITH book AS (
             SELECT drawer_id, sum(CASE WHEN credit = 'drawer' THEN amount ELSE -amount END) AS rest,
                    coalesce(sum(amount) FILTER (WHERE code = 'OPENED'), 0) AS opening,
                    coalesce(sum(CASE WHEN credit = 'drawer' THEN amount ELSE -amount END) FILTER (WHERE code NOT IN ('SHORT', 'OVER', 'CLOSED')), 0) AS expected,
                    coalesce(sum(CASE code WHEN 'OVER' THEN amount ELSE -amount END) FILTER (WHERE code IN ('SHORT', 'OVER')), 0) AS variance,
                    coalesce(sum(amount) FILTER (WHERE code = 'CLOSED'), 0) AS counted,
                    count(*) FILTER (WHERE code IN ('TAKEN', 'SHORT', 'OVER', 'CLOSED')) AS ends
             FROM cash_entry GROUP BY drawer_id),
           pieces AS (
             SELECT d.drawer_id, sum(n * each) AS counted, count(*) AS kinds FROM drawer d,
                    unnest(d.pieces, ARRAY[100000, 50000, 20000, 10000, 5000, 2000, 1000, 500, 200, 100]::bigint[]) p (n, each) GROUP BY d.drawer_id)
           SELECT format('drawer %s: it says opening %s, expected %s, counted %s; its entries say %s, %s, %s and leave %s', d.drawer_id, d.opening,
                         coalesce(d.expected, 0), coalesce(d.counted, 0), coalesce(b.opening, 0), coalesce(b.expected, 0), coalesce(b.counted, 0),
                         coalesce(b.rest, 0)) AS "offender!"
           FROM drawer d LEFT JOIN book b USING (drawer_id) LEFT JOIN pieces p USING (drawer_id)
           WHERE d.opening <> coalesce(b.opening, 0)
              OR d.closed_at IS NULL AND coalesce(b.ends, 0) > 0
              OR d.closed_at IS NOT NULL AND (
                   (d.expected, d.counted, d.counted - d.expected, d.counted, 10)
                     IS DISTINCT FROM (coalesce(b.expected, 0), coalesce(b.counted, 0), coalesce(b.variance, 0), p.counted, p.kinds)
                   OR coalesce(b.rest, 0) <> 0 OR d.counted <> d.expected AND btrim(coalesce(d.reason, '')) = '')
           LIMIT 1"#
    )
    .fetch_optional(connection)
    .await
}

async fn payment_of_another(connection: &mut PgConnection) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT format('drawer_payment %s: drawer %s of outlet %s has the cash of a payment of outlet %s', l.payment_id, l.drawer_id,
                         coalesce(d.agent_id::text, 'none'), coalesce(p.agent_id::text, 'none')) AS "offender!"
           FROM drawer_payment l LEFT JOIN drawer d USING (drawer_id) LEFT JOIN payment p USING (payment_id)
           WHERE (d.agent_id = p.agent_id) IS NOT TRUE
           LIMIT 1"#
    )
    .fetch_optional(connection)
    .await
}

async fn takings_differ(connection: &mut PgConnection) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"WITH due AS (
             SELECT l.payment_id, l.drawer_id, p.amount FROM drawer_payment l JOIN drawer d USING (drawer_id) JOIN payment p USING (payment_id)
             WHERE d.closed_at IS NOT NULL AND p.amount > 0 AND (p.titip_no IS NOT NULL OR p.refused_at IS NULL AND p.reposted_at IS NULL)),
           posted AS (SELECT payment_id, drawer_id, amount FROM cash_entry WHERE code = 'TAKEN')
           SELECT format('payment %s: %s lies in drawer %s, posted is %s', payment_id, coalesce(due.amount, 0), drawer_id, coalesce(posted.amount, 0)) AS "offender!"
           FROM due FULL JOIN posted USING (payment_id, drawer_id)
           WHERE due.amount IS DISTINCT FROM posted.amount
           LIMIT 1"#
    )
    .fetch_optional(connection)
    .await
}

async fn returned_otherwise(connection: &mut PgConnection) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT format('cash_entry %s: %s went back to the citizen of payment %s, and no RETURN of the float says so', e.cash_entry_id, e.amount, e.payment_id) AS "offender!"
           FROM cash_entry e LEFT JOIN transfer t ON t.cause = e.payment_id AND t.code = 'RETURN' AND t.amount = e.amount AND t.at = e.at
           WHERE e.code = 'RETURNED' AND t.transfer_id IS NULL
           LIMIT 1"#
    )
    .fetch_optional(connection)
    .await
}

async fn other_terms(connection: &mut PgConnection) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT format('topup_request %s: proposal %s is not what was asked for', r.request_id, coalesce(r.proposal_id::text, 'none')) AS "offender!"
           FROM topup_request r JOIN person m ON m.person_id = r.requested_by LEFT JOIN proposal p USING (proposal_id)
           WHERE m.agent_id <> r.agent_id OR m.role <> 'penyelia' OR r.proposal_id IS NOT NULL AND r.declined_at IS NOT NULL
              OR r.proposal_id IS NOT NULL AND (p.kind, p.subject, p.terms->>'amount', p.terms->>'bank', p.terms->>'deposited_on', p.terms->>'bank_reference')
                 IS DISTINCT FROM ('topup', r.agent_id, r.amount::text, r.bank, r.deposited_on::text, r.bank_reference)
           LIMIT 1"#
    )
    .fetch_optional(connection)
    .await
}

async fn other_proof(connection: &mut PgConnection) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT format('topup_request %s: its proof is not the one of its hash', r.request_id) AS "offender!"
           FROM topup_request r LEFT JOIN topup_proof f USING (proof_sha256)
           WHERE (sha256(f.bytes) = r.proof_sha256) IS NOT TRUE
           LIMIT 1"#
    )
    .fetch_optional(connection)
    .await
}
