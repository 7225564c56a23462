//! Invariant 9: receipts are gapless in their series, signed by us, and say what the payment's row says.

use futures_util::TryStreamExt;
use sqlx::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

use super::Check;
use crate::domain::{BusinessDate, Timestamp, rfc3339_wib};
use crate::receipt::{self, Facts, Kind, LegFacts, VerifyingKey, receipt_no};

pub(super) async fn check(
    connection: &mut PgConnection,
    key: &VerifyingKey,
) -> Result<Vec<Check>, sqlx::Error> {
    let series = sqlx::query_scalar!(r#"SELECT count(*) AS "n!" FROM receipt_counter"#)
        .fetch_one(&mut *connection)
        .await?;
    let copies = sqlx::query_scalar!(r#"SELECT count(*) AS "n!" FROM receipt_copy"#)
        .fetch_one(&mut *connection)
        .await?;
    let (receipts, forged) = says_otherwise(connection, key).await?;
    Ok(vec![
        Check::new(9, "receipts are gapless in each series", series, gap(connection).await?),
        Check::new(9, "printed copies are numbered without a gap", copies, copy_gap(connection).await?),
        Check::new(9, "every receipt is signed by us and says what the payment says", receipts, forged),
    ])
}

async fn gap(connection: &mut PgConnection) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT format('receipt_counter %s %s %s: it gave %s numbers; the receipts are %s, from %s to %s', agent_id, kind, year, coalesce(c.last_n, 0),
                         coalesce(r.receipts, 0), r.first_n, r.last_n) AS "offender!"
           FROM receipt_counter c
           FULL JOIN (SELECT agent_id, kind, year, count(DISTINCT n) AS receipts, min(n) AS first_n, max(n) AS last_n FROM receipt GROUP BY agent_id, kind, year) r
             USING (agent_id, kind, year)
           WHERE (c.last_n, c.last_n, 1) IS DISTINCT FROM (r.receipts, r.last_n, r.first_n)
           LIMIT 1"#
    )
    .fetch_optional(connection)
    .await
}

async fn copy_gap(connection: &mut PgConnection) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT format('receipt_copy of %s: %s copies, the last is number %s', receipt_no, count(*), max(copy_no)) AS "offender!"
           FROM receipt_copy GROUP BY receipt_no HAVING max(copy_no) <> count(*) OR min(copy_no) <> 1
           LIMIT 1"#
    )
    .fetch_optional(connection)
    .await
}

/// A receipt beside what its payment says now.
struct Row {
    receipt_no: String,
    payment_id: Uuid,
    kind: String,
    year: i16,
    n: i64,
    payload: String,
    issued_at: Timestamp,
    agent_code: Option<String>,
    same_agent: Option<bool>,
    plate: Option<String>,
    amount: Option<i64>,
    fee: Option<i64>,
    taken_at: Option<Timestamp>,
    next_due_on: Option<String>,
    legs: Option<Json<Vec<LegFacts>>>,
}

async fn says_otherwise(
    connection: &mut PgConnection,
    key: &VerifyingKey,
) -> Result<(i64, Option<String>), sqlx::Error> {
    let mut rows = sqlx::query_as!(
        Row,
        r#"SELECT r.receipt_no AS "receipt_no!", r.payment_id AS "payment_id!", r.kind AS "kind!", r.year AS "year!", r.n AS "n!", r.payload AS "payload!",
                  r.issued_at AS "issued_at!", a.agent_code AS "agent_code?", p.agent_id = r.agent_id AS same_agent,
                  p.plate AS "plate?", (p.amount - coalesce(l.left_out, 0) - CASE WHEN f.earned THEN 0 ELSE p.fee END)::bigint AS amount,
                  CASE WHEN f.earned THEN p.fee ELSE 0 END AS fee, p.taken_at AS "taken_at?",
                  q.quote->>'next_due_on' AS next_due_on, l.legs AS "legs: Json<Vec<LegFacts>>"
           FROM receipt r
           LEFT JOIN payment p USING (payment_id)
           LEFT JOIN agent a ON a.agent_id = r.agent_id
           LEFT JOIN lookup q USING (lookup_id)
           CROSS JOIN LATERAL (SELECT r.kind = 'TITIP' OR p.reposted_at IS NULL AS earned) f
           CROSS JOIN LATERAL (
             SELECT sum(quoted.amount) FILTER (WHERE r.kind = 'LUNAS' AND l.state = 'released'
                      AND NOT EXISTS (SELECT FROM payment_leg n WHERE n.payment_id = l.payment_id AND n.authority = l.authority AND n.ordinal > l.ordinal)) AS left_out,
                    jsonb_agg(jsonb_build_object('amount', l.amount, 'authority', l.authority, 'business_date', l.business_date, 'number', l.number) ORDER BY l.ordinal)
                      FILTER (WHERE CASE r.kind WHEN 'TITIP' THEN l.ordinal < 2 ELSE l.state <> 'released' END) AS legs
             FROM payment_leg l JOIN payment_leg quoted ON quoted.payment_id = l.payment_id AND quoted.ordinal = least(l.ordinal, 1)
             WHERE l.payment_id = r.payment_id) l"#
    )
    .fetch(connection);
    let (mut checked, mut offender) = (0, None);
    while let Some(row) = rows.try_next().await? {
        checked += 1;
        if offender.is_none() {
            offender = row.wrong(key).map(|what| format!("receipt {}: {what}", row.receipt_no));
        }
    }
    Ok((checked, offender))
}

impl Row {
    fn wrong(&self, key: &VerifyingKey) -> Option<&'static str> {
        let Ok(facts) = receipt::verify(&self.payload, key) else { return Some("our key has not signed it") };
        let Some(kind) = Kind::named(&self.kind) else { return Some("its kind is unknown") };
        let agent_code = self.agent_code.as_deref()?;
        let year = i32::from(self.year);
        let next_due_on = if kind == Kind::Lunas {
            self.next_due_on.as_deref().and_then(|d| BusinessDate::parse(d).ok())
        } else {
            None
        };
        let says = [
            (self.same_agent == Some(true), "it is of another agent than its payment"),
            (
                receipt_no(agent_code, kind, self.year, self.n) == self.receipt_no,
                "its number is not that of its place in the series",
            ),
            (
                chrono::Datelike::year(&BusinessDate::of(self.issued_at).date()) == year,
                "it stands in the series of another year",
            ),
            (
                facts.receipt_no == self.receipt_no && facts.kind == kind,
                "what is signed has another number or kind",
            ),
            (facts.payment_id.0 == self.payment_id, "what is signed is of another payment"),
            (facts.agent_code == agent_code, "what is signed names another outlet"),
            (
                Some(facts.amount.get()) == self.amount && Some(facts.fee.get()) == self.fee,
                "what is signed has another amount or fee",
            ),
            (Some(&facts.plate) == self.plate.as_ref(), "what is signed has another plate"),
            (
                Some(&facts.taken_at) == self.taken_at.map(rfc3339_wib).as_ref(),
                "what is signed was taken at another time",
            ),
            (facts.issued_at == rfc3339_wib(self.issued_at), "what is signed was issued at another time"),
            (facts.next_due_on == next_due_on, "what is signed falls due next on another date"),
            (self.legs_fit(&facts), "what is signed has other legs or numbers"),
        ];
        says.into_iter().find(|(fits, _)| !fits).map(|(_, what)| what)
    }

    /// A number on paper is the leg's for ever. On a Bukti Titip one may be missing that was unknown then; a Bukti Lunas
    /// speaks of booked legs only, and leaves out those that two people released.
    fn legs_fit(&self, facts: &Facts) -> bool {
        let Some(Json(legs)) = &self.legs else { return false };
        let fits = |signed: &LegFacts, leg: &LegFacts| {
            let unknown = signed.number.is_none() && signed.business_date.is_none();
            let open = unknown && facts.kind == Kind::Titip;
            signed.authority == leg.authority && signed.amount == leg.amount && (open || signed == leg)
        };
        facts.legs.len() == legs.len() && facts.legs.iter().zip(legs).all(|(signed, leg)| fits(signed, leg))
    }
}
