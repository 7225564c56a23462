//! What an outlet with caps may still take. Pure but for one reading under the floats' locks: whoever begins a payment of
//! that outlet waits for the lock, so no two at once pass one cap. Outlets without caps are not asked about.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::PgConnection;

use super::begin_store;
use super::refusal::BusinessRefusal;
use super::state::Payment;
use crate::domain::{AgentId, BusinessDate, Rupiah, Timestamp};
use crate::ledger::{self, Caps};

/// What capped outlets have taken, rupiah.
#[derive(Debug, Clone, Default)]
pub(super) struct Used {
    /// On a day (WIB): what is neither refused nor reversed.
    daily: BTreeMap<(AgentId, BusinessDate), i64>,
    /// On whatever day: what is held, in doubt or in integrity hold.
    open: BTreeMap<AgentId, i64>,
}

impl Used {
    /// As the books stand, for these outlets and days. Nothing is asked when there are none.
    pub(super) async fn read(
        connection: &mut PgConnection,
        wanted: &BTreeSet<(AgentId, BusinessDate)>,
    ) -> Result<Self, sqlx::Error> {
        let mut used = Self::default();
        if wanted.is_empty() {
            return Ok(used);
        }
        for taken in begin_store::taken(connection, wanted).await? {
            used.daily.insert((taken.agent_id, taken.day), taken.daily);
            used.open.insert(taken.agent_id, taken.open);
        }
        Ok(used)
    }

    /// Counts a payment that begins.
    ///
    /// # Errors
    /// The refusal when it would pass a cap; nothing is counted then.
    pub(super) fn take(&mut self, caps: Caps, payment: &Payment) -> Result<(), BusinessRefusal> {
        let daily = self.daily.entry((payment.agent_id, BusinessDate::of(payment.taken_at))).or_default();
        let open = self.open.entry(payment.agent_id).or_default();
        if let Some(why) = passed(caps, (*daily, *open), payment.amount) {
            return Err(why);
        }
        *daily = daily.saturating_add(payment.amount.get());
        *open = open.saturating_add(payment.amount.get());
        Ok(())
    }
}

/// The cap that `amount` would pass after so much was taken in the day and is open.
fn passed(caps: Caps, (daily, open): (i64, i64), amount: Rupiah) -> Option<BusinessRefusal> {
    let passes = |used: i64, cap: Option<i64>| cap.is_some_and(|cap| used.saturating_add(amount.get()) > cap);
    if passes(daily, caps.daily) {
        return Some(BusinessRefusal::DailyLimit);
    }
    passes(open, caps.open).then_some(BusinessRefusal::ExposureLimit)
}

/// What an outlet has taken on the day (WIB) of that moment, and what of its payments is open, rupiah.
///
/// # Errors
/// [`sqlx::Error`] when the statement fails.
pub async fn taken_on(
    connection: &mut PgConnection,
    agent: AgentId,
    at: Timestamp,
) -> Result<(i64, i64), sqlx::Error> {
    let day = BTreeSet::from([(agent, BusinessDate::of(at))]);
    let taken = begin_store::taken(connection, &day).await?;
    Ok(taken.first().map_or((0, 0), |taken| (taken.daily, taken.open)))
}

/// The cap that a payment would pass at that moment, so that nobody takes cash for it. It decides nothing: tx A does, under
/// the float's lock.
///
/// # Errors
/// [`sqlx::Error`] when a statement fails.
pub async fn over_cap(
    connection: &mut PgConnection,
    agent: AgentId,
    (amount, at): (Rupiah, Timestamp),
) -> Result<Option<BusinessRefusal>, sqlx::Error> {
    let caps = ledger::caps(connection, agent).await?;
    if caps == Caps::NONE {
        return Ok(None);
    }
    Ok(passed(caps, taken_on(connection, agent, at).await?, amount))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cap_may_be_reached_and_not_passed() {
        let amount = Rupiah::new(400).unwrap();
        let caps = Caps { daily: Some(1_000), open: Some(500) };
        assert_eq!(passed(caps, (600, 100), amount), None);
        assert_eq!(passed(caps, (601, 0), amount), Some(BusinessRefusal::DailyLimit));
        assert_eq!(passed(caps, (600, 101), amount), Some(BusinessRefusal::ExposureLimit));
        assert_eq!(passed(caps, (601, 101), amount), Some(BusinessRefusal::DailyLimit), "the day first");
        assert_eq!(passed(Caps::NONE, (i64::MAX, i64::MAX), amount), None);
    }
}
