//! The cashier's wish to end a payment, and the return of cash to a citizen.

use super::store;
use super::view::{PaymentView, Scope};
use super::{PayError, Payments, StateName};
use crate::agents::Agent;
use crate::domain::PaymentId;

impl Payments {
    /// Ends a payment if no copy of it can be booked any more; else notes the wish, so that nothing is sent again, and
    /// tells the state. None when the agent has no such payment.
    ///
    /// # Errors
    /// [`PayError`] when the database fails.
    pub async fn cancel(&self, agent: &Agent, id: PaymentId) -> Result<Option<PaymentView>, PayError> {
        let scope = Scope::Agent(agent.agent_id);
        let Some(before) = self.view(scope, id).await? else { return Ok(None) };
        if before.state == StateName::Held || before.state == StateName::InDoubt {
            let mut connection = self.db.requests.acquire().await?;
            store::request_cancel(&mut connection, id, self.clock.now()).await?;
            drop(connection);
            self.resolve_now(id).await?;
        }
        self.view(scope, id).await
    }
}
