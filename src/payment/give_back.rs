//! Cash that went back to a citizen: the outlet says so, and its float gets its own again.

use sqlx::PgConnection;

use super::view::{PaymentView, Scope};
use super::{PayError, Payments};
use crate::agents::{Agent, Operator};
use crate::domain::{PaymentId, PersonId, Rupiah, Timestamp};
use crate::ledger::{self, For};
use crate::{audit, drawer};

/// To whom cash went back.
struct Return<'a> {
    agent: &'a Agent,
    actor: &'a str,
    returned_to: &'a str,
    paper_surrendered: bool,
    /// Whose open drawer it came from; a program keeps its own till.
    from_drawer_of: Option<PersonId>,
}

impl Payments {
    /// Records that the citizen got the cash of a refused or reversed payment back. None when nothing is owed for it.
    /// Saying it twice is saying it once, under the same name. `actor` is who says it, as audit events name them.
    ///
    /// # Errors
    /// [`PayError::AlreadyReturned`] when it went back under another name, [`PayError`] when the database fails.
    pub async fn give_back(
        &self,
        (agent, actor): (&Agent, &str),
        id: PaymentId,
        returned_to: &str,
        paper_surrendered: bool,
    ) -> Result<Option<PaymentView>, PayError> {
        let told = Return { agent, actor, returned_to, paper_surrendered, from_drawer_of: None };
        self.record_return(id, &told).await
    }

    /// The same at a counter: the cash comes out of the operator's open drawer.
    ///
    /// # Errors
    /// [`PayError::DrawerClosed`] without one, [`PayError::AlreadyReturned`] when it went back under another name,
    /// [`PayError`] when the database fails.
    pub async fn give_back_from_drawer(
        &self,
        operator: &Operator,
        id: PaymentId,
        returned_to: &str,
        paper_surrendered: bool,
    ) -> Result<Option<PaymentView>, PayError> {
        let (agent, actor) = (&operator.outlet, &*operator.actor());
        let from_drawer_of = Some(operator.person_id);
        self.record_return(id, &Return { agent, actor, returned_to, paper_surrendered, from_drawer_of }).await
    }

    async fn record_return(&self, id: PaymentId, told: &Return<'_>) -> Result<Option<PaymentView>, PayError> {
        let (now, agent) = (self.clock.now(), told.agent);
        let mut transaction = self.db.requests.begin().await?;
        // Drawers before floats, floats before debts, as everywhere.
        let till = match told.from_drawer_of {
            Some(person) => {
                drawer::lock_open_of(&mut transaction, person).await?.map(|drawer| (drawer, person))
            }
            None => None,
        };
        let mut balances = ledger::lock_balances(&mut transaction, &[agent.agent_id]).await?;
        let owed = sqlx::query!(
            "SELECT amount, returned_to FROM citizen_debt WHERE payment_id = $1 AND agent_id = $2 FOR UPDATE",
            id.0,
            agent.agent_id.0
        )
        .fetch_optional(&mut *transaction)
        .await?;
        let Some(owed) = owed else { return Ok(None) };
        // Another name is another handing-over: nobody pays a citizen twice and hears that it was well.
        if owed.returned_to.as_ref().is_some_and(|to| to != told.returned_to) {
            return Err(PayError::AlreadyReturned);
        }
        if owed.returned_to.is_none() {
            if told.from_drawer_of.is_some() && till.is_none() {
                return Err(PayError::DrawerClosed);
            }
            end_debt(&mut transaction, (id, now), told).await?;
            let amount = Rupiah::new(owed.amount).map_err(|e| PayError::Broken(e.to_string()))?;
            let of = For {
                agent_id: agent.agent_id,
                agent_no: agent.agent_no,
                payment_id: id,
                leg: None,
                at: now,
            };
            let row = ledger::returned(of, amount);
            let balance =
                balances.get_mut(&agent.agent_id).ok_or_else(|| PayError::Broken("no float".to_owned()))?;
            let position = balance.apply(&row).map_err(|e| PayError::Broken(e.to_string()))?;
            ledger::record(&mut transaction, &[(row, position)], balances.values()).await?;
            if let Some(till) = till {
                drawer::hand_back(&mut transaction, till, (id, amount), now).await?;
            }
            let to = audit::salted(id.0, told.returned_to);
            let facts = serde_json::json!({"amount": amount, "returned_to_salted": to, "paper_surrendered": told.paper_surrendered});
            let event = audit::Event::new(now, told.actor, "returned cash", id.0, facts);
            audit::append(&mut transaction, &[event]).await?;
        }
        transaction.commit().await?;
        self.view(Scope::Agent(agent.agent_id), id).await
    }
}

/// The citizen has the cash: the debt ends, and the case that asked for it.
async fn end_debt(
    connection: &mut PgConnection,
    (id, now): (PaymentId, Timestamp),
    told: &Return<'_>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE citizen_debt SET returned_at = $2, returned_to = $3, paper_surrendered = $4 WHERE payment_id = $1",
        id.0, now, told.returned_to, told.paper_surrendered
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "UPDATE case_file SET closed_at = $2, resolution = 'returned to the citizen'
         WHERE payment_id = $1 AND class = 'DEBT_TO_CITIZEN' AND closed_at IS NULL",
        id.0,
        now
    )
    .execute(&mut *connection)
    .await?;
    Ok(())
}
