//! Invariants 1 and 2: what one account gives another takes, and a hold ends once.

use sqlx::PgConnection;

use super::Check;

pub(super) async fn check(connection: &mut PgConnection) -> Result<Vec<Check>, sqlx::Error> {
    let transfers =
        sqlx::query_scalar!(r#"SELECT count(*) AS "n!" FROM transfer"#).fetch_one(&mut *connection).await?;
    let accounts =
        sqlx::query_scalar!(r#"SELECT count(*) AS "n!" FROM account"#).fetch_one(&mut *connection).await?;
    let holds = sqlx::query_scalar!(r#"SELECT count(*) AS "n!" FROM transfer WHERE code = 'HOLD'"#)
        .fetch_one(&mut *connection)
        .await?;
    let unbalanced = match between_wrong_accounts(connection).await? {
        None => unequal_totals(connection).await?,
        found => found,
    };
    let resolved = match not_resolved_whole(connection).await? {
        None => resolves_another(connection).await?,
        found => found,
    };
    Ok(vec![
        Check::new(
            1,
            "Σ debits = Σ credits, between the accounts that each code names",
            transfers,
            unbalanced,
        ),
        Check::new(
            1,
            "every agent has its accounts under its own number",
            accounts,
            misnumbered(connection).await?,
        ),
        Check::new(2, "every hold is resolved at most once, whole and in one way", holds, resolved),
    ])
}

async fn between_wrong_accounts(connection: &mut PgConnection) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT format('transfer %s: a %s of %s from account %s (%s) to account %s (%s) is none that its code allows', t.transfer_id,
                         t.code, t.amount, t.debit_account, coalesce(d.kind, 'unknown'), t.credit_account, coalesce(c.kind, 'unknown')) AS "offender!"
           FROM transfer t
           LEFT JOIN account d ON d.account_no = t.debit_account
           LEFT JOIN account c ON c.account_no = t.credit_account
           WHERE t.amount <= 0 OR d.account_no IS NULL OR c.account_no IS NULL
              OR d.agent_id <> t.agent_id OR c.agent_id <> t.agent_id
              OR (t.code = 'TOPUP') = EXISTS (SELECT FROM payment p WHERE p.payment_id = t.cause)
              OR CASE t.code
                   WHEN 'TOPUP' THEN d.kind = 'bank_clearing' AND c.kind = 'float'
                   WHEN 'HOLD' THEN d.kind = CASE WHEN t.leg > 1 THEN 'selisih' ELSE 'float' END AND c.kind = 'hold'
                   WHEN 'POST' THEN d.kind = 'hold' AND c.kind = CASE WHEN t.leg IS NULL THEN 'fee' ELSE 'payable' END
                   WHEN 'VOID' THEN d.kind = 'hold' AND (c.kind IN ('float', 'owed_to_citizens') OR c.kind = 'selisih' AND t.leg > 0)
                   WHEN 'RETURN' THEN d.kind = 'owed_to_citizens' AND c.kind = 'float'
                   WHEN 'REVERSE' THEN d.kind = CASE WHEN t.leg IS NULL THEN 'fee' ELSE 'payable' END AND c.kind = 'owed_to_citizens'
                   WHEN 'CLAIM' THEN d.kind = CASE WHEN t.leg IS NULL THEN 'claim_on_outlet' ELSE 'float' END AND c.kind = CASE WHEN t.leg IS NULL THEN 'float' ELSE 'payable' END
                   WHEN 'SELISIH' THEN (d.kind, c.kind) IN (('selisih', 'owed_to_citizens'), ('owed_to_citizens', 'selisih')) AND t.leg > 1
                   ELSE false
                 END IS NOT TRUE
           LIMIT 1"#
    )
    .fetch_optional(connection)
    .await
}

async fn unequal_totals(connection: &mut PgConnection) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT format('transfer: %s debited, %s credited over all accounts', debited, credited) AS "offender!"
           FROM (SELECT (SELECT coalesce(sum(t.amount), 0) FROM transfer t JOIN account a ON a.account_no = t.debit_account) AS debited,
                        (SELECT coalesce(sum(t.amount), 0) FROM transfer t JOIN account a ON a.account_no = t.credit_account) AS credited) s
           WHERE debited <> credited"#
    )
    .fetch_optional(connection)
    .await
}

async fn misnumbered(connection: &mut PgConnection) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"WITH owned (kind, digit) AS (VALUES ('float', 1), ('hold', 2), ('fee', 3), ('owed_to_citizens', 4), ('claim_on_outlet', 5), ('cash_in_drawer', 6)),
                due AS (
             SELECT 1000000 + a.agent_no * 10 + o.digit AS account_no, o.kind, a.agent_id, NULL AS beneficiary FROM agent a, owned o
             UNION ALL
             SELECT account_no, kind, NULL, beneficiary FROM account
             WHERE (account_no, kind) IN ((1, 'bank_clearing'), (2, 'selisih'), (3, 'suspense'))
                OR kind = 'payable' AND beneficiary = CASE account_no WHEN 10 THEN 'RKUN' WHEN 11 THEN 'JASA_RAHARJA' ELSE account_no::text END)
           SELECT format('account %s: the table says %s of agent %s, its number says %s of agent %s', coalesce(a.account_no, due.account_no),
                         coalesce(a.kind, 'nothing'), coalesce(a.agent_id::text, 'none'), coalesce(due.kind, 'nothing'), coalesce(due.agent_id::text, 'none')) AS "offender!"
           FROM due FULL JOIN account a ON a.account_no = due.account_no
           WHERE (a.account_no, a.kind, a.agent_id, a.beneficiary) IS DISTINCT FROM (due.account_no, due.kind, due.agent_id, due.beneficiary)
           LIMIT 1"#
    )
    .fetch_optional(connection)
    .await
}

async fn not_resolved_whole(connection: &mut PgConnection) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT format('transfer %s: a %s of %s is resolved by %s rows (%s to %s) of %s together', r.resolves, coalesce(h.code, 'hold that is not there'),
                         h.amount, r.parts, r.code, r.other_code, r.amount) AS "offender!"
           FROM (SELECT cause, resolves, count(*) AS parts, count(DISTINCT resolves_part) AS places, min(resolves_part) AS first_part,
                        max(resolves_part) AS last_part, sum(amount) AS amount, min(code) AS code, max(code) AS other_code
                 FROM transfer WHERE resolves IS NOT NULL GROUP BY cause, resolves) r
           LEFT JOIN transfer h ON h.cause = r.cause AND h.transfer_id = r.resolves
           WHERE h.code IS DISTINCT FROM 'HOLD' OR h.amount <> r.amount OR r.places <> r.parts OR r.first_part <> 0
              OR r.last_part <> r.parts - 1 OR r.code <> r.other_code
           LIMIT 1"#
    )
    .fetch_optional(connection)
    .await
}

async fn resolves_another(connection: &mut PgConnection) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT format('transfer %s: this %s resolves hold %s of another payment, leg or agent', r.transfer_id, r.code, r.resolves) AS "offender!"
           FROM transfer r LEFT JOIN transfer h ON h.cause = r.cause AND h.transfer_id = r.resolves
           WHERE (r.code IN ('POST', 'VOID')) <> (r.resolves IS NOT NULL)
              OR r.resolves IS NOT NULL AND (r.cause, r.leg, r.agent_id, r.debit_account) IS DISTINCT FROM (h.cause, h.leg, h.agent_id, h.credit_account)
           LIMIT 1"#
    )
    .fetch_optional(connection)
    .await
}
