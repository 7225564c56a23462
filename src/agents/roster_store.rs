//! Rows of people, outlets and proposals as lists show them.

use sqlx::PgConnection;
use uuid::Uuid;

use super::Role;
use super::roster::{OutletLine, PersonLine, ProposalLine};
use crate::domain::{AgentId, PersonId, Timestamp};

/// Lines in one list.
const LISTED_MAX: i64 = 1_000;
/// Proposals in one list.
const PROPOSALS_MAX: i64 = 200;

struct PersonRow {
    person_id: Uuid,
    username: String,
    full_name: Option<String>,
    role: String,
    agent_code: Option<String>,
    enabled: bool,
    enrolled: bool,
    devices: i64,
    seen_at: Option<Timestamp>,
}

impl PersonRow {
    fn line(self) -> Result<PersonLine, sqlx::Error> {
        let unknown = || sqlx::Error::Decode(format!("unknown role {}", self.role).into());
        Ok(PersonLine {
            person_id: PersonId(self.person_id),
            role: Role::named(&self.role).ok_or_else(unknown)?,
            username: self.username,
            full_name: self.full_name,
            agent_code: self.agent_code,
            enabled: self.enabled,
            enrolled: self.enrolled,
            devices: self.devices,
            seen_at: self.seen_at,
        })
    }
}

pub(super) async fn people(
    connection: &mut PgConnection,
    outlet: Option<AgentId>,
) -> Result<Vec<PersonLine>, sqlx::Error> {
    select(connection, (outlet, None)).await
}

pub(super) async fn person(
    connection: &mut PgConnection,
    id: PersonId,
) -> Result<Option<PersonLine>, sqlx::Error> {
    Ok(select(connection, (None, Some(id))).await?.pop())
}

async fn select(
    connection: &mut PgConnection,
    (outlet, id): (Option<AgentId>, Option<PersonId>),
) -> Result<Vec<PersonLine>, sqlx::Error> {
    let rows = sqlx::query_as!(
        PersonRow,
        "SELECT m.person_id, m.username, m.full_name, m.role, a.agent_code AS \"agent_code?\", m.disabled_at IS NULL AS \"enabled!\",
                m.totp_since IS NOT NULL AS \"enrolled!\",
                (SELECT count(*) FROM person_device d WHERE d.person_id = m.person_id AND d.forgotten_at IS NULL) AS \"devices!\",
                (SELECT max(s.seen_at) FROM person_session s WHERE s.person_id = m.person_id) AS seen_at
         FROM person m LEFT JOIN agent a USING (agent_id)
         WHERE ($1::uuid IS NULL OR m.agent_id = $1) AND ($2::uuid IS NULL OR m.person_id = $2)
         ORDER BY a.agent_code NULLS FIRST, m.username LIMIT $3",
        outlet.map(|outlet| outlet.0),
        id.map(|id| id.0),
        LISTED_MAX
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(PersonRow::line).collect()
}

pub(super) async fn outlets(connection: &mut PgConnection) -> Result<Vec<OutletLine>, sqlx::Error> {
    let rows = sqlx::query!(
        "SELECT a.agent_id, a.agent_code, a.name, a.nspp, p.name AS \"pesantren?\", a.status = 'active' AS \"active!\", a.devices_admitted,
                (SELECT count(*) FROM person m WHERE m.agent_id = a.agent_id AND m.disabled_at IS NULL) AS \"people!\"
         FROM agent a LEFT JOIN pesantren p USING (nspp)
         ORDER BY a.nspp NULLS LAST, a.agent_code LIMIT $1",
        LISTED_MAX
    )
    .fetch_all(connection)
    .await?;
    let line = |(id, agent_code, name, pesantren, active, devices_admitted, people)| OutletLine {
        agent_id: AgentId(id),
        agent_code,
        name,
        pesantren,
        active,
        devices_admitted,
        people,
    };
    let rows = rows.into_iter().map(|r| {
        let pesantren = r.nspp.zip(r.pesantren);
        line((r.agent_id, r.agent_code, r.name, pesantren, r.active, r.devices_admitted, r.people))
    });
    Ok(rows.collect())
}

pub(super) async fn proposals(
    connection: &mut PgConnection,
    id: Option<Uuid>,
) -> Result<Vec<ProposalLine>, sqlx::Error> {
    let rows = sqlx::query!(
        "SELECT p.proposal_id, p.kind, p.subject, p.terms, p.proposed_at, m.username, b.username AS \"approved_by?\", r.username AS \"refused_by?\", p.refusal,
                a.agent_code AS \"agent_code?\", a.name AS \"agent_name?\"
         FROM proposal p JOIN person m ON m.person_id = p.proposed_by
         LEFT JOIN person b ON b.person_id = p.approved_by
         LEFT JOIN person r ON r.person_id = p.refused_by
         LEFT JOIN agent a ON p.kind = 'topup' AND a.agent_id = p.subject
         WHERE p.proposal_id = $1 OR ($1::uuid IS NULL AND p.approved_at IS NULL AND p.refused_at IS NULL)
         ORDER BY p.proposed_at, p.proposal_id LIMIT $2",
        id,
        PROPOSALS_MAX
    )
    .fetch_all(connection)
    .await?;
    let line = rows.into_iter().map(|r| ProposalLine {
        proposal_id: r.proposal_id,
        kind: r.kind,
        subject: r.subject,
        outlet: r.agent_code.zip(r.agent_name),
        terms: r.terms,
        proposed_by: r.username,
        proposed_at: r.proposed_at,
        approved_by: r.approved_by,
        refused: r.refused_by.zip(r.refusal),
    });
    Ok(line.collect())
}
