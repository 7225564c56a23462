//! Who there is: pesantren with their outlets, outlets with their people, people with their devices. Read here, changed
//! elsewhere.

use serde::Serialize;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Role, roster_store as store};
use crate::domain::{AgentId, PersonId, Timestamp};

/// A person in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonLine {
    /// Its id.
    pub person_id: PersonId,
    /// Login name.
    pub username: String,
    /// As colleagues call the person.
    pub full_name: Option<String>,
    /// What the person may do.
    pub role: Role,
    /// Code of the outlet, of a `kasir` or `penyelia`.
    pub agent_code: Option<String>,
    /// May act.
    pub enabled: bool,
    /// Has a second factor.
    pub enrolled: bool,
    /// Devices that are known for the person.
    pub devices: i64,
    /// The last act on a page.
    pub seen_at: Option<Timestamp>,
}

/// An outlet in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutletLine {
    /// Its id.
    pub agent_id: AgentId,
    /// Its code at the authorities.
    pub agent_code: String,
    /// Its name.
    pub name: String,
    /// The pesantren's number and name.
    pub pesantren: Option<(String, String)>,
    /// May pay.
    pub active: bool,
    /// New devices of cashiers must be admitted.
    pub devices_admitted: bool,
    /// Cashiers and supervisors who may act.
    pub people: i64,
}

/// Everybody, or those of one outlet: officers first, then by outlet and name. At most 1,000.
///
/// # Errors
/// [`sqlx::Error`] when the statement fails.
pub async fn people(
    connection: &mut PgConnection,
    outlet: Option<AgentId>,
) -> Result<Vec<PersonLine>, sqlx::Error> {
    store::people(connection, outlet).await
}

/// One person, enabled or not.
///
/// # Errors
/// [`sqlx::Error`] when the statement fails.
pub async fn person_line(
    connection: &mut PgConnection,
    id: PersonId,
) -> Result<Option<PersonLine>, sqlx::Error> {
    store::person(connection, id).await
}

/// Outlets by pesantren and code. At most 1,000.
///
/// # Errors
/// [`sqlx::Error`] when the statement fails.
pub async fn outlets(connection: &mut PgConnection) -> Result<Vec<OutletLine>, sqlx::Error> {
    store::outlets(connection).await
}

/// The tree that `agent list` shows.
#[derive(Debug, Serialize)]
pub struct PesantrenBranch {
    /// Its number at the ministry; none for outlets that name no pesantren.
    pub nspp: Option<String>,
    /// Its name.
    pub name: Option<String>,
    /// Its cooperative's outlets.
    pub outlets: Vec<OutletBranch>,
}

/// An outlet with its people.
#[derive(Debug, Serialize)]
pub struct OutletBranch {
    pub agent_code: String,
    pub name: String,
    pub status: &'static str,
    pub devices_admitted: bool,
    pub people: Vec<PersonBranch>,
}

/// A person with the devices that are known or wait.
#[derive(Debug, Serialize)]
pub struct PersonBranch {
    pub username: String,
    pub role: &'static str,
    pub enabled: bool,
    pub devices: Vec<DeviceBranch>,
}

/// A device.
#[derive(Debug, Serialize)]
pub struct DeviceBranch {
    pub mark: String,
    pub device_name: String,
    pub waits: bool,
}

/// Pesantren, outlets, people, devices; one outlet's branch alone where it is named.
///
/// # Errors
/// [`sqlx::Error`] when a statement fails.
pub async fn tree(
    connection: &mut PgConnection,
    only: Option<AgentId>,
) -> Result<Vec<PesantrenBranch>, sqlx::Error> {
    let mut branches: Vec<PesantrenBranch> = vec![];
    for outlet in outlets(connection).await?.into_iter().filter(|o| only.is_none_or(|id| id == o.agent_id)) {
        let (nspp, name) = outlet.pesantren.unzip();
        let branch = OutletBranch {
            people: operators(connection, outlet.agent_id).await?,
            agent_code: outlet.agent_code,
            name: outlet.name,
            status: if outlet.active { "active" } else { "suspended" },
            devices_admitted: outlet.devices_admitted,
        };
        match branches.last_mut().filter(|last| last.nspp == nspp) {
            Some(last) => last.outlets.push(branch),
            None => branches.push(PesantrenBranch { nspp, name, outlets: vec![branch] }),
        }
    }
    Ok(branches)
}

async fn operators(connection: &mut PgConnection, outlet: AgentId) -> Result<Vec<PersonBranch>, sqlx::Error> {
    let devices = super::devices_of(connection, outlet).await?;
    let of = |id: PersonId| {
        let own = devices.iter().filter(move |device| device.person_id == id);
        own.map(|device| DeviceBranch {
            mark: device.mark.clone(),
            device_name: device.device_name.clone(),
            waits: device.waits,
        })
    };
    let people = people(connection, Some(outlet)).await?.into_iter();
    let branch = people.map(|person| PersonBranch {
        devices: of(person.person_id).collect(),
        username: person.username,
        role: person.role.as_str(),
        enabled: person.enabled,
    });
    Ok(branch.collect())
}

/// A proposal that waits for another person, or one that has been carried out.
#[derive(Debug, Clone)]
pub struct ProposalLine {
    /// Its id.
    pub proposal_id: Uuid,
    /// `topup`, `reversal`, `resolve`.
    pub kind: String,
    /// The agent, payment or case.
    pub subject: Uuid,
    /// Code and name of the outlet, of a top-up.
    pub outlet: Option<(String, String)>,
    /// Its terms, fixed when it was made.
    pub terms: serde_json::Value,
    /// Who made it.
    pub proposed_by: String,
    /// When.
    pub proposed_at: Timestamp,
    /// Who approved it, once somebody has.
    pub approved_by: Option<String>,
    /// Who refused it or took it back, once somebody has, and why.
    pub refused: Option<(String, String)>,
}

/// Proposals that nobody has approved or refused, oldest first. At most 200.
///
/// # Errors
/// [`sqlx::Error`] when the statement fails.
pub async fn waiting_proposals(connection: &mut PgConnection) -> Result<Vec<ProposalLine>, sqlx::Error> {
    store::proposals(connection, None).await
}

/// The proposal of that id, waiting or not.
///
/// # Errors
/// [`sqlx::Error`] when the statement fails.
pub async fn proposal_line(
    connection: &mut PgConnection,
    id: Uuid,
) -> Result<Option<ProposalLine>, sqlx::Error> {
    Ok(store::proposals(connection, Some(id)).await?.pop())
}
