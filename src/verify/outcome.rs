//! Invariant 7: a payment's state, its legs, its holds and its papers tell one story, and what two people must decide two decided.

use sqlx::PgConnection;

use super::Check;

pub(super) async fn check(connection: &mut PgConnection) -> Result<Vec<Check>, sqlx::Error> {
    let payments =
        sqlx::query_scalar!(r#"SELECT count(*) AS "n!" FROM payment"#).fetch_one(&mut *connection).await?;
    let holds = sqlx::query_scalar!(r#"SELECT count(*) AS "n!" FROM transfer WHERE code = 'HOLD'"#)
        .fetch_one(&mut *connection)
        .await?;
    let proposals =
        sqlx::query_scalar!(r#"SELECT count(*) AS "n!" FROM proposal"#).fetch_one(&mut *connection).await?;
    let story = match legs_contradict_state(connection).await? {
        None => papers_contradict_state(connection).await?,
        found => found,
    };
    let story = match without_payment(connection).await? {
        None => story,
        found => found,
    };
    let decided = match decided_by_one(connection).await? {
        None => undecided(connection).await?,
        found => found,
    };
    Ok(vec![
        Check::new(
            7,
            "confirmed or reversed: every leg booked or released, exactly one Bukti Lunas",
            payments,
            story,
        ),
        Check::new(
            7,
            "every hold ends as its leg and payment did",
            holds,
            hold_ends_otherwise(connection).await?,
        ),
        Check::new(7, "reversals and releases are decided by two people", proposals, decided),
    ])
}

/// What names a payment does so without a foreign key.
async fn without_payment(connection: &mut PgConnection) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT format('%s: it belongs to no payment', what) AS "offender!"
           FROM (SELECT payment_id, format('payment_leg %s/%s', payment_id, ordinal) AS what FROM payment_leg
                 UNION ALL SELECT payment_id, 'receipt ' || receipt_no FROM receipt
                 UNION ALL SELECT payment_id, 'citizen_debt ' || payment_id FROM citizen_debt) n
           WHERE NOT EXISTS (SELECT FROM payment p WHERE p.payment_id = n.payment_id)
           LIMIT 1"#
    )
    .fetch_optional(connection)
    .await
}

async fn legs_contradict_state(connection: &mut PgConnection) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT format('payment %s: it is %s but %s', payment_id, state, what) AS "offender!"
           FROM (SELECT p.payment_id, p.state, CASE
                   WHEN l.legs IS NULL OR NOT l.in_order THEN 'its legs are not one for Bapenda and then one or more for Jasa Raharja'
                   WHEN p.state = 'confirmed' AND (l.settled <> l.legs OR l.booked = 0) THEN 'a leg is neither booked nor released'
                   WHEN p.state = 'refused' AND l.numbered > 0 AND NOT EXISTS (SELECT FROM case_file c WHERE c.payment_id = p.payment_id AND c.class = 'LATE_SUCCESS') THEN 'an authority has booked a leg'
                   WHEN p.state IN ('reversing', 'reversed') AND l.unknown > 0 THEN 'what became of a leg is unknown'
                   WHEN p.state = 'reversed' AND l.taken_back = 0 THEN 'no leg was taken back'
                   WHEN p.state = 'reversed' AND l.still_asked > 0 THEN 'a booked leg was not refused its reversal'
                   WHEN p.state NOT IN ('reversing', 'reversed', 'refused') AND l.taken_back > 0 THEN 'a leg was taken back'
                   WHEN p.state = 'reversing' AND l.unasked > 0 THEN 'the reversal of a booked leg is not asked for'
                 END AS what
                 FROM payment p LEFT JOIN (
                   SELECT payment_id, count(*) AS legs, count(*) FILTER (WHERE state = 'booked') AS booked,
                          count(*) FILTER (WHERE state IN ('booked', 'released')) AS settled, count(number) AS numbered,
                          count(*) FILTER (WHERE state = 'sent') AS unknown,
                          count(*) FILTER (WHERE state = 'reversed') AS taken_back,
                          count(*) FILTER (WHERE state = 'booked' AND reversal_state IS DISTINCT FROM 'refused') AS still_asked,
                          count(*) FILTER (WHERE state = 'booked' AND reversal_state IS NULL) AS unasked,
                          count(*) > 1 AND min(ordinal) = 0 AND max(ordinal) = count(*) - 1
                            AND bool_and((authority = 'BAPENDA') = (ordinal = 0)) AS in_order
                   FROM payment_leg GROUP BY payment_id) l USING (payment_id)) s
           WHERE what IS NOT NULL
           LIMIT 1"#
    )
    .fetch_optional(connection)
    .await
}

async fn papers_contradict_state(connection: &mut PgConnection) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT format('payment %s: it is %s but %s', payment_id, state, what) AS "offender!"
           FROM (SELECT p.payment_id, p.state, CASE
                   WHEN p.state = 'confirmed' AND p.confirmed_at IS NULL THEN 'nobody knows since when'
                   WHEN p.state NOT IN ('confirmed', 'reversing', 'reversed') AND p.confirmed_at IS NOT NULL THEN 'it counts as confirmed'
                   WHEN p.confirmed_at IS NOT NULL AND coalesce(r.lunas, 0) <> 1 THEN format('it has %s Bukti Lunas', coalesce(r.lunas, 0))
                   WHEN p.confirmed_at IS NULL AND r.lunas > 0 THEN 'it has a Bukti Lunas'
                   WHEN r.titips > 1 THEN 'it has more than one Bukti Titip'
                   WHEN p.receipt_no IS DISTINCT FROM r.lunas_no THEN format('it names Bukti Lunas %s, the receipt is %s', coalesce(p.receipt_no, 'none'), coalesce(r.lunas_no, 'none'))
                   WHEN p.titip_no IS DISTINCT FROM r.titip_no THEN format('it names Bukti Titip %s, the receipt is %s', coalesce(p.titip_no, 'none'), coalesce(r.titip_no, 'none'))
                   WHEN p.state IN ('in_doubt', 'integrity_hold') AND p.titip_no IS NULL THEN 'the citizen has no Bukti Titip'
                 END AS what
                 FROM payment p LEFT JOIN (
                   SELECT payment_id, count(*) FILTER (WHERE kind = 'LUNAS') AS lunas, count(*) FILTER (WHERE kind = 'TITIP') AS titips,
                          min(receipt_no) FILTER (WHERE kind = 'LUNAS') AS lunas_no, min(receipt_no) FILTER (WHERE kind = 'TITIP') AS titip_no
                   FROM receipt GROUP BY payment_id) r USING (payment_id)) s
           WHERE what IS NOT NULL
           LIMIT 1"#
    )
    .fetch_optional(connection)
    .await
}

async fn hold_ends_otherwise(connection: &mut PgConnection) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"WITH due AS (
             SELECT p.payment_id, p.agent_id, l.ordinal AS leg, l.hold_id, l.amount,
                    CASE WHEN EXISTS (SELECT FROM payment_leg n WHERE n.payment_id = l.payment_id AND n.authority = l.authority AND n.ordinal > l.ordinal) THEN 'selisih'
                         WHEN p.titip_no IS NOT NULL THEN 'owed_to_citizens' ELSE 'float' END AS void_to,
                    CASE WHEN p.reposted_at IS NOT NULL THEN 'VOID' WHEN l.state IN ('booked', 'reversed') AND p.state <> 'refused' THEN 'POST' WHEN l.state = 'released' OR p.state IN ('refused', 'reversed') THEN 'VOID'
                         ELSE 'open' END AS ending
             FROM payment p JOIN payment_leg l USING (payment_id) WHERE l.amount > 0 OR l.hold_id IS NOT NULL
             UNION ALL
             SELECT payment_id, agent_id, NULL, fee_hold_id, fee, CASE WHEN titip_no IS NOT NULL THEN 'owed_to_citizens' ELSE 'float' END,
                    CASE WHEN reposted_at IS NOT NULL THEN 'VOID' WHEN confirmed_at IS NOT NULL THEN 'POST' WHEN state IN ('refused', 'reversed') THEN 'VOID' ELSE 'open' END
             FROM payment WHERE fee > 0 OR fee_hold_id IS NOT NULL),
           held AS (
             SELECT h.transfer_id, h.cause AS payment_id, h.agent_id, h.leg, h.amount, coalesce(r.code, 'open') AS ending, r.went_to
             FROM transfer h LEFT JOIN (
               SELECT r.cause, r.resolves, min(r.code) AS code, min(c.kind) AS went_to
               FROM transfer r LEFT JOIN account c ON c.account_no = r.credit_account WHERE r.resolves IS NOT NULL GROUP BY r.cause, r.resolves) r
             ON r.cause = h.cause AND r.resolves = h.transfer_id
             WHERE h.code = 'HOLD')
           SELECT format('payment %s: the hold of %s of %s should have ended as %s; hold %s of %s ended as %s%s', coalesce(due.payment_id, held.payment_id),
                         CASE WHEN due.payment_id IS NULL THEN 'nothing' WHEN due.leg IS NULL THEN 'the fee' ELSE 'leg ' || due.leg END,
                         coalesce(due.amount, 0), coalesce(due.ending, 'nothing'), coalesce(held.transfer_id::text, '(missing)'),
                         coalesce(held.amount, 0), coalesce(held.ending, 'nothing'), CASE held.ending WHEN 'VOID' THEN ' to ' || held.went_to END) AS "offender!"
           FROM due FULL JOIN held ON held.transfer_id = due.hold_id
           WHERE (due.payment_id, due.agent_id, due.leg, due.amount, due.ending) IS DISTINCT FROM (held.payment_id, held.agent_id, held.leg, held.amount, held.ending)
              OR held.ending = 'VOID' AND held.went_to IS DISTINCT FROM due.void_to
           LIMIT 1"#
    )
    .fetch_optional(connection)
    .await
}

async fn decided_by_one(connection: &mut PgConnection) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT format('proposal %s: proposed by %s (%s), approved by %s (%s)', p.proposal_id, m.username, m.role, c.username, c.role) AS "offender!"
           FROM proposal p LEFT JOIN person m ON m.person_id = p.proposed_by LEFT JOIN person c ON c.person_id = p.approved_by
           WHERE (p.approved_at IS NULL) <> (p.approved_by IS NULL)
              OR p.approved_by = p.proposed_by OR m.role NOT IN ('bapenda', 'admin') OR c.role NOT IN ('bapenda', 'admin')
           LIMIT 1"#
    )
    .fetch_optional(connection)
    .await
}

async fn undecided(connection: &mut PgConnection) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT format('payment %s: no two people decided that it is %s', d.payment_id, d.decision) AS "offender!"
           FROM (SELECT payment_id, 'reverse' AS decision FROM payment WHERE state IN ('reversing', 'reversed')
                 UNION ALL
                 SELECT l.payment_id, CASE WHEN EXISTS (SELECT FROM payment_leg n WHERE n.payment_id = l.payment_id AND n.authority = l.authority AND n.ordinal > l.ordinal)
                                           THEN 'fresh-assessment' ELSE 'paid-elsewhere' END
                 FROM payment_leg l JOIN payment p USING (payment_id) WHERE l.state = 'released' AND p.reposted_at IS NULL
                 UNION ALL SELECT payment_id, 'repost' FROM payment WHERE reposted_at IS NOT NULL
                 UNION ALL SELECT l.payment_id, 'reverse' FROM payment_leg l WHERE l.reversal_reference IS NOT NULL) d
           WHERE NOT EXISTS (SELECT FROM proposal p WHERE p.subject = d.payment_id AND p.terms->>'decision' = d.decision AND p.approved_at IS NOT NULL)
           LIMIT 1"#
    )
    .fetch_optional(connection)
    .await
}
