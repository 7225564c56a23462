//! Invariants 3 and 4: a float is the sum of its transfers at every position, and what is held is what is open.

use sqlx::PgConnection;

use super::Check;

pub(super) async fn check(connection: &mut PgConnection) -> Result<Vec<Check>, sqlx::Error> {
    let positions =
        sqlx::query_scalar!(r#"SELECT count(*) AS "n!" FROM transfer WHERE float_seq IS NOT NULL"#)
            .fetch_one(&mut *connection)
            .await?;
    let agents =
        sqlx::query_scalar!(r#"SELECT count(*) AS "n!" FROM agent"#).fetch_one(&mut *connection).await?;
    let topups = sqlx::query_scalar!(r#"SELECT count(*) AS "n!" FROM transfer WHERE code = 'TOPUP'"#)
        .fetch_one(&mut *connection)
        .await?;
    let open = sqlx::query_scalar!(
        r#"SELECT count(*) AS "n!" FROM transfer h WHERE h.code = 'HOLD' AND NOT EXISTS (SELECT FROM transfer r WHERE r.cause = h.cause AND r.resolves = h.transfer_id)"#
    )
    .fetch_one(&mut *connection)
    .await?;
    let misplaced = match without_position(connection).await? {
        None => wrong_position(connection).await?,
        found => found,
    };
    let not_open = match hold_without_debt(connection).await? {
        None => outlet_holds_otherwise(connection).await?,
        found => found,
    };
    Ok(vec![
        Check::new(
            3,
            "a float is never below zero and is the sum of its transfers at every position",
            positions,
            misplaced,
        ),
        Check::new(
            3,
            "each agent's balances are the sums of its accounts",
            agents,
            wrong_balance(connection).await?,
        ),
        Check::new(
            3,
            "every top-up is a bank deposit that two people approved",
            topups,
            unbacked_topup(connection).await?,
        ),
        Check::new(4, "Σ open holds = Σ unposted legs and fees of open payments, per outlet", open, not_open),
    ])
}

async fn without_position(connection: &mut PgConnection) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT format('transfer %s: %s', t.transfer_id, CASE WHEN t.float_seq IS NULL THEN 'it moves a float but has no position in it'
                         ELSE 'it has a position in a float that it does not move' END) AS "offender!"
           FROM transfer t
           LEFT JOIN account f ON f.agent_id = t.agent_id AND f.kind = 'float'
           WHERE (t.float_seq IS NOT NULL) <> coalesce(f.account_no IN (t.debit_account, t.credit_account), false)
           LIMIT 1"#
    )
    .fetch_optional(connection)
    .await
}

async fn wrong_position(connection: &mut PgConnection) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT format('transfer %s: it stands at position %s of agent %s with %s available; by the transfers it is position %s with %s',
                         transfer_id, float_seq, agent_id, available_after, place, available) AS "offender!"
           FROM (SELECT t.transfer_id, t.agent_id, t.float_seq, t.available_after, row_number() OVER positions AS place,
                        sum(CASE WHEN t.credit_account = f.account_no THEN t.amount ELSE -t.amount END) OVER positions AS available
                 FROM transfer t JOIN account f ON f.agent_id = t.agent_id AND f.kind = 'float'
                 WHERE t.float_seq IS NOT NULL
                 WINDOW positions AS (PARTITION BY t.agent_id ORDER BY t.float_seq ROWS UNBOUNDED PRECEDING)) p
           WHERE float_seq <> place OR available_after <> available OR available < 0
           LIMIT 1"#
    )
    .fetch_optional(connection)
    .await
}

async fn wrong_balance(connection: &mut PgConnection) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"WITH moved AS (
             SELECT a.agent_id, a.kind, sum(m.amount) AS amount
             FROM (SELECT debit_account AS account_no, -amount AS amount FROM transfer
                   UNION ALL SELECT credit_account, amount FROM transfer) m
             JOIN account a USING (account_no) WHERE a.agent_id IS NOT NULL GROUP BY a.agent_id, a.kind),
           due AS (
             SELECT g.agent_id, coalesce(sum(m.amount) FILTER (WHERE m.kind = 'float'), 0) AS available,
                    coalesce(sum(m.amount) FILTER (WHERE m.kind = 'owed_to_citizens'), 0) AS owed,
                    (SELECT count(*) FROM transfer t WHERE t.agent_id = g.agent_id AND t.float_seq IS NOT NULL) AS seq
             FROM agent g LEFT JOIN moved m USING (agent_id) GROUP BY g.agent_id)
           SELECT format('agent_float %s: it says available %s, owed %s, seq %s; its transfers say %s, %s, %s', due.agent_id,
                         f.available, f.owed, f.seq, due.available, due.owed, due.seq) AS "offender!"
           FROM due LEFT JOIN agent_float f USING (agent_id)
           WHERE (f.available, f.owed, f.seq) IS DISTINCT FROM (due.available, due.owed, due.seq)
           LIMIT 1"#
    )
    .fetch_optional(connection)
    .await
}

async fn unbacked_topup(connection: &mut PgConnection) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"WITH given AS (SELECT cause AS proposal_id, agent_id, sum(amount) AS amount, count(*) AS n FROM transfer WHERE code = 'TOPUP' GROUP BY cause, agent_id),
                deposited AS (
             SELECT d.proposal_id, d.agent_id, d.amount FROM bank_deposit d
             JOIN proposal p ON p.proposal_id = d.proposal_id AND p.kind = 'topup' AND p.subject = d.agent_id AND p.approved_at IS NOT NULL)
           SELECT format('proposal %s: agent %s was given %s in %s top-ups, the approved bank deposit is %s', proposal_id, agent_id, coalesce(g.amount, 0),
                         coalesce(g.n, 0), coalesce(d.amount, 0)) AS "offender!"
           FROM given g FULL JOIN deposited d USING (proposal_id, agent_id)
           WHERE (g.amount, g.n) IS DISTINCT FROM (d.amount, 1)
           LIMIT 1"#
    )
    .fetch_optional(connection)
    .await
}

async fn hold_without_debt(connection: &mut PgConnection) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"WITH due AS (
             SELECT p.payment_id, p.agent_id, l.ordinal AS leg, l.hold_id, l.amount FROM payment p JOIN payment_leg l USING (payment_id)
             WHERE p.state IN ('held', 'in_doubt', 'integrity_hold', 'reversing') AND l.state NOT IN ('booked', 'reversed', 'released') AND l.amount > 0
             UNION ALL
             SELECT payment_id, agent_id, NULL, fee_hold_id, fee FROM payment
             WHERE state IN ('held', 'in_doubt', 'integrity_hold', 'reversing') AND confirmed_at IS NULL AND fee > 0),
           held AS (
             SELECT h.transfer_id, h.cause AS payment_id, h.agent_id, h.leg, h.amount FROM transfer h
             WHERE h.code = 'HOLD' AND NOT EXISTS (SELECT FROM transfer r WHERE r.cause = h.cause AND r.resolves = h.transfer_id))
           SELECT format('payment %s: %s is unposted with %s, but its open hold is %s', coalesce(due.payment_id, held.payment_id),
                         CASE WHEN due.payment_id IS NULL THEN 'nothing' WHEN due.leg IS NULL THEN 'the fee' ELSE 'leg ' || due.leg END,
                         coalesce(due.amount, 0), coalesce(held.transfer_id::text || ' of ' || held.amount, 'missing')) AS "offender!"
           FROM due FULL JOIN held ON held.transfer_id = due.hold_id
           WHERE (due.payment_id, due.agent_id, due.leg, due.amount) IS DISTINCT FROM (held.payment_id, held.agent_id, held.leg, held.amount)
           LIMIT 1"#
    )
    .fetch_optional(connection)
    .await
}

async fn outlet_holds_otherwise(connection: &mut PgConnection) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"WITH due AS (
             SELECT agent_id, sum(amount) AS amount FROM (
               SELECT p.agent_id, l.amount FROM payment p JOIN payment_leg l USING (payment_id)
               WHERE p.state IN ('held', 'in_doubt', 'integrity_hold', 'reversing') AND l.state NOT IN ('booked', 'reversed', 'released')
               UNION ALL
               SELECT agent_id, fee FROM payment
               WHERE state IN ('held', 'in_doubt', 'integrity_hold', 'reversing') AND confirmed_at IS NULL) o
             GROUP BY agent_id),
           held AS (
             SELECT a.agent_id, sum(m.amount) AS amount
             FROM (SELECT debit_account AS account_no, -amount AS amount FROM transfer UNION ALL SELECT credit_account, amount FROM transfer) m
             JOIN account a USING (account_no) WHERE a.kind = 'hold' GROUP BY a.agent_id)
           SELECT format('agent %s: its transfers hold %s, its open payments come to %s', agent_id, coalesce(held.amount, 0), coalesce(due.amount, 0)) AS "offender!"
           FROM held FULL JOIN due USING (agent_id)
           WHERE coalesce(held.amount, 0) <> coalesce(due.amount, 0)
           LIMIT 1"#
    )
    .fetch_optional(connection)
    .await
}
