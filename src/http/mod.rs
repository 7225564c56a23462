//! HTTP: the only place that knows axum, HTML and JSON of the API.
//!
//! Every route stands in [`route`]; handlers parse, call one use case and show what it says. Money steps run in tracked
//! tasks that a vanished client cannot cancel. Answers carry no personal data into logs, and every error is a problem
//! with a code and a word on retrying.

mod accept;
pub mod api;
mod auth;
mod body;
mod check;
mod counter;
mod edge;
mod gateway;
mod openapi;
mod ops;
mod page;
mod paper;
mod parts;
mod problem;
mod route;
mod serve;

use std::sync::Arc;

use tokio_util::task::TaskTracker;

pub use gateway::{Gateway, Running, StartError};
pub use openapi::document;
pub use problem::{Problem, ProblemBody, Retry};

use crate::agents::{KeyHolder, SignIns};
use crate::config::Config;
use crate::db::{Db, Gather};
use crate::domain::{Authority, Clock};
use crate::drawer::Drawers;
use crate::lookup::Lookups;
use crate::payment::Payments;
use crate::receipt::VerifyingKey;
use crate::upstream::Upstream;
use crate::verify::{self, Report, VerifyError, VerifyKeys};

/// What handlers use.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "each is explained at its type")]
pub struct App {
    pub config: Arc<Config>,
    pub clock: Clock,
    pub db: Db,
    pub upstream: Upstream,
    pub lookups: Lookups,
    /// Whose API key it is, for many requests at once.
    pub keys: Gather<KeyHolder>,
    pub payments: Payments,
    pub drawers: Drawers,
    pub sign_ins: SignIns,
    pub public_key: VerifyingKey,
    /// Money steps under way; shutdown waits for them.
    pub tasks: TaskTracker,
}

impl App {
    /// Checks every invariant over the whole database, on a worker's connection.
    ///
    /// # Errors
    /// [`VerifyError`] when the database fails.
    pub async fn verify(&self) -> Result<Report, VerifyError> {
        let host = |authority| self.upstream.host(authority).public_key().clone();
        let keys = VerifyKeys {
            receipts: self.public_key.clone(),
            bapenda: host(Authority::Bapenda),
            jasa_raharja: host(Authority::JasaRaharja),
        };
        let mut connection = self.db.workers.acquire().await?;
        verify::verify(&mut connection, &keys).await
    }
}
