//! What became of a key, and giving up a payment that never arrived.
//!
//! "It never arrived" is a statement about the past only: a copy may still be on its way. Giving it up takes the key, so
//! that whatever arrives later finds it taken and pays nothing.

use super::begin_job::StoredOutcome;
use super::refusal::BusinessRefusal;
use super::view::{PaymentView, Scope};
use super::{PayError, Payments, begin_store};
use crate::agents::Agent;
use crate::audit;
use crate::domain::{LookupId, Rupiah};

/// What a key was used for.
#[derive(Debug, Clone)]
pub enum KeyOutcome {
    /// It made this payment.
    Payment(Box<PaymentView>),
    /// It was refused, for ever.
    Refused(BusinessRefusal),
    /// Nothing has arrived under it.
    Free,
}

/// A payment that is given up.
#[derive(Debug, Clone)]
pub struct GivenUp {
    /// The key it would have arrived under.
    pub key: String,
    /// Its quote.
    pub lookup_id: LookupId,
    /// The quote's total.
    pub amount: Rupiah,
}

impl Payments {
    /// What became of a key of this agent.
    ///
    /// # Errors
    /// [`PayError::Sql`] when the database fails.
    pub async fn outcome(&self, agent: &Agent, key: &str) -> Result<KeyOutcome, PayError> {
        let mut connection = self.db.requests.acquire().await?;
        let stored = begin_store::key(&mut connection, agent.agent_id, key).await?;
        drop(connection);
        match stored.map(|stored| stored.outcome) {
            Some(StoredOutcome::Payment(id)) => {
                let payment = self.view(Scope::Agent(agent.agent_id), id).await?.ok_or(PayError::TryAgain)?;
                Ok(KeyOutcome::Payment(Box::new(payment)))
            }
            Some(StoredOutcome::Refusal(refusal)) => Ok(KeyOutcome::Refused(refusal)),
            None => Ok(KeyOutcome::Free),
        }
    }

    /// Gives a payment up, unless it has arrived: then tells what became of it. `actor` is who gives it up.
    ///
    /// # Errors
    /// [`PayError::Sql`] when the database fails.
    pub async fn withdraw(
        &self,
        agent: &Agent,
        actor: &str,
        given_up: &GivenUp,
    ) -> Result<KeyOutcome, PayError> {
        let now = self.clock.now();
        let mut transaction = self.db.requests.begin().await?;
        // Waits for a copy that is being stored under the same key, and then finds it.
        let taken = begin_store::withdraw_key(&mut transaction, agent.agent_id, given_up, now).await?;
        if taken {
            let facts = serde_json::json!({"amount": given_up.amount, "agent_code": agent.agent_code});
            let event = audit::Event::new(now, actor, "withdrawn", given_up.lookup_id.0, facts);
            audit::append(&mut transaction, &[event]).await?;
        }
        transaction.commit().await?;
        self.outcome(agent, &given_up.key).await
    }
}
