//! What an outlet's counter asks of its payments: each by a key or by the outlet's own newest, never through its history.

use sqlx::PgConnection;

use super::state::StateName;
use crate::domain::{AgentId, PaymentId, PersonId, Plate, Rupiah, Timestamp};

/// The hosts' clocks say when cash was taken, ours makes the ids: a day is looked for that much before it begins.
pub(super) const CLOCKS_DIFFER: chrono::TimeDelta = chrono::TimeDelta::hours(1);

/// A payment in an outlet's list.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "columns of the table `payment`")]
pub struct OutletLine {
    pub payment_id: PaymentId,
    /// As on the plate.
    pub plate: String,
    pub amount: Rupiah,
    pub taken_at: Timestamp,
    pub state: StateName,
    /// Bukti Lunas, else Bukti Titip.
    pub paper_no: Option<String>,
    /// Who took it, as pages name the person; none for the outlet's own program.
    pub operator: Option<String>,
}

struct Row {
    payment_id: uuid::Uuid,
    plate: String,
    amount: i64,
    taken_at: Timestamp,
    state: String,
    paper_no: Option<String>,
    operator: Option<String>,
}

impl Row {
    fn line(self) -> Result<OutletLine, sqlx::Error> {
        Ok(OutletLine {
            payment_id: PaymentId(self.payment_id),
            plate: Plate::parse(&self.plate).map_or(self.plate, |plate| plate.to_string()),
            amount: Rupiah::new(self.amount).map_err(|e| sqlx::Error::Decode(Box::new(e)))?,
            taken_at: self.taken_at,
            state: state(&self.state)?,
            paper_no: self.paper_no,
            operator: self.operator,
        })
    }
}

fn state(name: &str) -> Result<StateName, sqlx::Error> {
    StateName::named(name).ok_or_else(|| sqlx::Error::Decode("unknown payment state".into()))
}

/// What an outlet has taken since that moment, newest first.
///
/// # Errors
/// [`sqlx::Error`] when the statement fails.
pub async fn taken_since(
    connection: &mut PgConnection,
    agent: AgentId,
    since: Timestamp,
    limit: i64,
) -> Result<Vec<OutletLine>, sqlx::Error> {
    let rows = sqlx::query_as!(
        Row,
        "SELECT p.payment_id, p.plate, p.amount, p.taken_at, p.state, coalesce(p.receipt_no, p.titip_no) AS paper_no,
                coalesce(m.full_name, m.username) AS operator
         FROM payment p LEFT JOIN drawer_payment l USING (payment_id) LEFT JOIN drawer d USING (drawer_id)
         LEFT JOIN person m ON m.person_id = d.person_id
         WHERE p.agent_id = $1 AND p.payment_id >= $2 AND p.taken_at >= $3 ORDER BY p.payment_id DESC LIMIT $4",
        agent.0,
        PaymentId::earliest_of(since - CLOCKS_DIFFER).0,
        since,
        limit
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(Row::line).collect()
}

/// What is open of an outlet, of whatever day, newest first: found among what is open at all.
///
/// # Errors
/// [`sqlx::Error`] when the statement fails.
pub async fn open_of(
    connection: &mut PgConnection,
    agent: AgentId,
    limit: i64,
) -> Result<Vec<OutletLine>, sqlx::Error> {
    let rows = sqlx::query_as!(
        Row,
        "SELECT p.payment_id, p.plate, p.amount, p.taken_at, p.state, coalesce(p.receipt_no, p.titip_no) AS paper_no,
                coalesce(m.full_name, m.username) AS operator
         FROM payment_work w JOIN payment p ON p.payment_id = w.payment_id
         LEFT JOIN drawer_payment l ON l.payment_id = p.payment_id LEFT JOIN drawer d USING (drawer_id)
         LEFT JOIN person m ON m.person_id = d.person_id
         WHERE p.agent_id = $1 ORDER BY p.payment_id DESC LIMIT $2",
        agent.0,
        limit
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(Row::line).collect()
}

/// What changes of a payment while somebody waits for it: its state, its papers. One row by its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// How it stands.
    pub state: StateName,
    /// Bukti Titip, once issued.
    pub titip_no: Option<String>,
    /// Bukti Lunas, once issued.
    pub receipt_no: Option<String>,
}

/// How an agent's payment stands; another agent's looks like none.
///
/// # Errors
/// [`sqlx::Error`] when the statement fails.
pub async fn standing(
    connection: &mut PgConnection,
    agent: AgentId,
    id: PaymentId,
) -> Result<Option<Standing>, sqlx::Error> {
    let row = sqlx::query!(
        "SELECT state, titip_no, receipt_no FROM payment WHERE payment_id = $1 AND agent_id = $2",
        id.0,
        agent.0
    )
    .fetch_optional(connection)
    .await?;
    row.map(|r| Ok(Standing { state: state(&r.state)?, titip_no: r.titip_no, receipt_no: r.receipt_no }))
        .transpose()
}

/// An outlet's own payment that holds a vehicle, and who took its cash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnPayment {
    /// Its id.
    pub payment_id: PaymentId,
    /// How it stands.
    pub state: StateName,
    /// When the cash was taken.
    pub taken_at: Timestamp,
    /// In whose drawer the cash is and how pages name the person; none when the outlet's own program took it.
    pub operator: Option<(PersonId, String)>,
}

/// An agent's own payment that holds a vehicle, open or confirmed: the newest. Found by the vehicle's locks.
///
/// # Errors
/// [`sqlx::Error`] when the statement fails.
pub async fn own_for_vehicle(
    connection: &mut PgConnection,
    agent: AgentId,
    plate: &str,
) -> Result<Option<OwnPayment>, sqlx::Error> {
    let row = sqlx::query!(
        "SELECT p.payment_id, p.state, p.taken_at, m.person_id AS \"person_id?\",
                coalesce(m.full_name, m.username) AS operator
         FROM vehicle_lock v JOIN payment p USING (payment_id)
         LEFT JOIN drawer_payment l USING (payment_id) LEFT JOIN drawer d USING (drawer_id)
         LEFT JOIN person m ON m.person_id = d.person_id
         WHERE v.plate = $1 AND p.agent_id = $2 ORDER BY v.is_open DESC, p.payment_id DESC LIMIT 1",
        plate,
        agent.0
    )
    .fetch_optional(connection)
    .await?;
    row.map(|r| {
        Ok(OwnPayment {
            payment_id: PaymentId(r.payment_id),
            state: state(&r.state)?,
            taken_at: r.taken_at,
            operator: r.person_id.map(PersonId).zip(r.operator),
        })
    })
    .transpose()
}

/// Cash that a payment leaves with an outlet though it is the citizen's, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CitizenDebt {
    /// What goes back.
    pub amount: Rupiah,
    /// Once it has gone back.
    pub returned: Option<CashReturned>,
}

/// How cash went back to a citizen, as the outlet recorded it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CashReturned {
    /// When it was recorded.
    pub at: Timestamp,
    /// Who got it, as the operator wrote the name.
    pub to: String,
    /// The paper that had been handed over came back.
    pub paper_surrendered: bool,
}

/// What an agent owes or owed a citizen for a payment that did not come about; none when nothing ever was.
///
/// # Errors
/// [`sqlx::Error`] when the statement fails.
pub async fn citizen_debt(
    connection: &mut PgConnection,
    agent: AgentId,
    id: PaymentId,
) -> Result<Option<CitizenDebt>, sqlx::Error> {
    let row = sqlx::query!(
        "SELECT amount, returned_at, returned_to, paper_surrendered FROM citizen_debt WHERE payment_id = $1 AND agent_id = $2",
        id.0,
        agent.0
    )
    .fetch_optional(connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let amount = Rupiah::new(row.amount).map_err(|e| sqlx::Error::Decode(Box::new(e)))?;
    let returned = match (row.returned_at, row.returned_to, row.paper_surrendered) {
        (Some(at), Some(to), Some(paper_surrendered)) => Some(CashReturned { at, to, paper_surrendered }),
        _ => None,
    };
    Ok(Some(CitizenDebt { amount, returned }))
}

/// How far a payment's first event may stand from its id: they are made one after the other by one program.
const SOON: chrono::TimeDelta = chrono::TimeDelta::days(1);

/// The outlet that took a payment's cash, and the person who did: the actor of the payment's first event, which was
/// written with it and never changes. None when the outlet's own program paid.
///
/// # Errors
/// [`sqlx::Error`] when the statement fails.
pub async fn taken_by(
    connection: &mut PgConnection,
    (agent, id): (AgentId, PaymentId),
) -> Result<(String, Option<String>), sqlx::Error> {
    let began = began_at(id);
    // Found by its subject, within the months that the id can lie in: never by walking through the log.
    let row = sqlx::query!(
        "WITH began AS MATERIALIZED (
           SELECT event_id, actor FROM audit_event
           WHERE subject = $2 AND action = 'payment' AND event_id >= $3 AND event_id < $4)
         SELECT a.name, p.full_name AS \"full_name?\", p.username AS \"username?\" FROM agent a
         LEFT JOIN person p ON p.username =
           (SELECT CASE WHEN actor LIKE 'person:%' THEN substr(actor, 8) END FROM began ORDER BY event_id LIMIT 1)
         WHERE a.agent_id = $1",
        agent.0,
        id.0,
        PaymentId::earliest_of(began - CLOCKS_DIFFER).0,
        PaymentId::earliest_of(began + SOON).0
    )
    .fetch_one(connection)
    .await?;
    Ok((row.name, row.full_name.or(row.username)))
}

/// When an id was made, by the clock that made it.
fn began_at(id: PaymentId) -> Timestamp {
    let at = id.0.get_timestamp().map(|at| at.to_unix());
    let at = at.and_then(|(s, ns)| Timestamp::from_timestamp(i64::try_from(s).ok()?, ns));
    at.unwrap_or_default()
}
