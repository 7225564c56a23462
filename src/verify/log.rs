//! Invariant 11: every audit event recomputes, and a payment's events lead from its beginning to its present state.

use std::collections::BTreeMap;

use futures_util::TryStreamExt;
use serde::Deserialize;
use sqlx::PgConnection;
use uuid::Uuid;

use super::Check;
use crate::audit;
use crate::domain::{Timestamp, rfc3339_wib};

pub(super) async fn check(connection: &mut PgConnection) -> Result<Vec<Check>, sqlx::Error> {
    let payments =
        sqlx::query_scalar!(r#"SELECT count(*) AS "n!" FROM payment"#).fetch_one(&mut *connection).await?;
    let found = read(connection).await?;
    let untold = match found.untold {
        None => never_told(connection).await?,
        told => told,
    };
    Ok(vec![
        Check::new(11, "every audit event recomputes to its leaf", found.events, found.changed),
        Check::new(11, "each payment's events lead from its beginning to its state", payments, untold),
    ])
}

/// An event as its body says it. Our own reading, beside the writer's.
#[derive(Deserialize)]
struct Body {
    event_id: Uuid,
    at: String,
    actor: String,
    action: String,
    subject: Option<Uuid>,
    facts: serde_json::Value,
}

struct Row {
    event_id: Uuid,
    at: Timestamp,
    actor: String,
    action: String,
    subject: Option<Uuid>,
    body: String,
    leaf: Vec<u8>,
    state: Option<String>,
}

#[derive(Default)]
struct Found {
    events: i64,
    changed: Option<String>,
    untold: Option<String>,
}

async fn read(connection: &mut PgConnection) -> Result<Found, sqlx::Error> {
    let mut rows = sqlx::query_as!(
        Row,
        r#"SELECT e.event_id, e.at, e.actor, e.action, e.subject, e.body, e.leaf, p.state AS "state?"
           FROM audit_event e LEFT JOIN payment p ON p.payment_id = e.subject AND e.action = 'payment'
           ORDER BY e.subject"#
    )
    .fetch(connection);
    let mut found = Found::default();
    let mut story = Story::default();
    while let Some(row) = rows.try_next().await? {
        found.events += 1;
        let body: Option<Body> = serde_json::from_str(&row.body).ok();
        if found.changed.is_none() {
            found.changed =
                row.wrong(body.as_ref()).map(|what| format!("audit_event {}: {what}", row.event_id));
        }
        if story.subject != row.subject {
            found.untold = found.untold.or_else(|| story.wrong());
            story = Story { subject: row.subject, ..Story::default() };
        }
        if let (Some(state), Some(body)) = (row.state, &body) {
            story.add(state, &body.facts);
        }
    }
    found.untold = found.untold.or_else(|| story.wrong());
    Ok(found)
}

impl Row {
    fn wrong(&self, body: Option<&Body>) -> Option<&'static str> {
        if audit::leaf(&self.body)[..] != self.leaf[..] {
            return Some("its leaf is not the hash of its body");
        }
        let Some(body) = body else { return Some("its body is no event") };
        let same = (body.event_id, &body.actor, &body.action, body.subject)
            == (self.event_id, &self.actor, &self.action, self.subject)
            && body.at == rfc3339_wib(self.at);
        (!same).then_some("its body says something else than its columns")
    }
}

/// The events of one payment, in whatever order: each state is left as often as it is reached, but for the present one.
#[derive(Default)]
struct Story {
    subject: Option<Uuid>,
    state: Option<String>,
    begun: u32,
    reached: BTreeMap<String, i64>,
}

impl Story {
    fn add(&mut self, state: String, facts: &serde_json::Value) {
        self.state = Some(state);
        match facts["from"].as_str() {
            Some(from) => *self.reached.entry(from.to_owned()).or_default() -= 1,
            None => self.begun += 1,
        }
        let to = facts["to"].as_str().unwrap_or("nowhere");
        *self.reached.entry(to.to_owned()).or_default() += 1;
    }

    fn wrong(&self) -> Option<String> {
        let (payment, state) = (self.subject?, self.state.as_ref()?);
        let leads =
            self.begun == 1 && self.reached.iter().all(|(reached, n)| *n == i64::from(reached == state));
        let leads = leads && self.reached.contains_key(state);
        (!leads)
            .then(|| format!("payment {payment}: its audit events do not lead from its beginning to {state}"))
    }
}

async fn never_told(connection: &mut PgConnection) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT format('payment %s: no audit event tells of it', p.payment_id) AS "offender!"
           FROM payment p WHERE NOT EXISTS (SELECT FROM audit_event e WHERE e.subject = p.payment_id AND e.action = 'payment')
           LIMIT 1"#
    )
    .fetch_optional(connection)
    .await
}
