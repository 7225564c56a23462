//! Payments: exactly once, whatever breaks.
//!
//! `pay` begins a payment (tx A), calls the authorities outside any transaction and commits their answers (tx B).
//! The resolver goes on with whatever a request left open. Both move payments only through the pure transitions of
//! `step` and the one guard of `settle`. Promises: only an authority's word ends a payment; an unknown outcome is a
//! state, not a failure; each `not_after` is committed before its copy leaves. Never holds a transaction during a call,
//! never puts a timeout around a money transaction of a pooled connection.

mod approval;
mod asked;
mod begin;
mod begin_job;
mod begin_store;
mod beginning;
mod by_settlement;
mod cancel;
mod caps;
mod case_store;
mod change;
mod day_store;
mod debts;
mod decision;
mod event;
mod fresh;
mod give_back;
mod journal;
mod late;
#[cfg(feature = "measure")]
mod measure;
mod outcome;
mod outlet_store;
mod pay;
mod refusal;
mod resolver;
mod reversal;
mod settle;
mod settle_store;
mod state;
mod step;
#[cfg(test)]
mod step_tests;
mod store;
mod terms;
mod view;
mod withdraw;

use std::sync::Arc;

use chrono::TimeDelta;

pub use approval::Approved;
pub use begin_job::Till;
pub use caps::{over_cap, taken_on};
pub use day_store::{DaySum, FeeDay, day_sums, fee_days};
pub use event::{Effect, Event, Forbidden, Limits};
#[cfg(feature = "measure")]
pub use measure::Sale;
pub use outlet_store::{
    CashReturned, CitizenDebt, OutletLine, OwnPayment, Standing, citizen_debt, open_of, own_for_vehicle,
    standing, taken_by, taken_since,
};
pub use pay::{PayAnswer, PayRequest};
pub use refusal::BusinessRefusal;
pub use state::{Leg, LegReversal, LegState, Payment, ReversalAnswer, State, StateName};
pub use terms::{Decision, FreshAssessment, StoredBooking};
pub use view::{Filter, PaymentView, Scope, lines, open_by_state, views};
pub use withdraw::{GivenUp, KeyOutcome};

use crate::config::Config;
use crate::db::{Db, Gather};
use crate::domain::{Clock, PaymentId};
use crate::receipt::SigningKey;
use crate::upstream::Upstream;
use journal::{Journal, Tools};
use view::Seen;

/// Why there is no payment to show.
#[derive(Debug, thiserror::Error)]
pub enum PayError {
    /// The key was used for something else.
    #[error("the key was used with other content")]
    KeyReused {
        /// Fields that differ.
        differs: Vec<&'static str>,
    },
    /// The first request with this key is still at work.
    #[error("the first request is still at work")]
    InProgress {
        /// Its payment.
        payment_id: PaymentId,
    },
    /// Refused, stored under the key and replayed for ever.
    #[error("refused: {refusal:?}")]
    Refused {
        /// Why.
        refusal: BusinessRefusal,
        /// The key had been refused before.
        replayed: bool,
    },
    /// No quote of this agent has that id.
    #[error("no such lookup")]
    LookupNotFound,
    /// The agent is suspended.
    #[error("the agent is suspended")]
    Suspended,
    /// A host may not be sent payments now.
    #[error("a host is down")]
    HostDown,
    /// A host is closing its day.
    #[error("a host is closing its day")]
    EndOfDay,
    /// The operator has no drawer open for the cash.
    #[error("no drawer is open")]
    DrawerClosed,
    /// The cash has gone back already, to somebody of another name: none goes back again.
    #[error("the cash was returned under another name")]
    AlreadyReturned,
    /// The database or the queue cannot say: the same key again tells.
    #[error("try the same key again")]
    TryAgain,
    /// Our own bug.
    #[error("broken: {0}")]
    Broken(String),
    /// The database failed.
    #[error("database: {0}")]
    Sql(#[from] sqlx::Error),
}

/// The use case with what it needs.
#[derive(Debug, Clone)]
pub struct Payments {
    db: Db,
    upstream: Upstream,
    clock: Clock,
    journal: Journal,
    seen: Gather<Seen>,
    tools: Tools,
    limits: Limits,
    travel: TimeDelta,
    tolerance: TimeDelta,
}

impl Payments {
    /// Starts the journal's writers.
    #[must_use]
    pub fn start(db: &Db, upstream: &Upstream, clock: &Clock, key: Arc<SigningKey>, config: &Config) -> Self {
        let tools = Tools {
            key,
            instance: config.instance().into(),
            lease_s: i32::try_from(config.payment.lease_s).unwrap_or(i32::MAX),
        };
        let seconds = |s: u32| TimeDelta::seconds(i64::from(s));
        Self {
            db: db.clone(),
            upstream: upstream.clone(),
            clock: clock.clone(),
            journal: Journal::start(db, &tools),
            seen: Gather::start(db),
            tools,
            limits: Limits { resend_within: seconds(config.payment.resend_within_s) },
            travel: seconds(config.upstream.not_after_s),
            tolerance: seconds(config.upstream.tolerance_s),
        }
    }

    /// False once this gateway can pay no more: its journal has died.
    #[must_use]
    pub fn lives(&self) -> bool {
        self.journal.lives()
    }

    /// When a doubt is first asked about: soon, for most are settled by one question.
    const fn first_ask_ms(&self) -> i64 {
        let _ = self;
        1_000
    }

    /// A copy that would arrive this close to its `not_after` is not sent.
    fn late_margin_ms(&self) -> i64 {
        (self.travel.num_milliseconds() / 10).min(2_000)
    }
}
