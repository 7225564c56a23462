//! A gateway from configuration to running: opened, listening, resolving, and drained at the end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::App;
use super::ops::Ops;
use super::route::{ops_router, router};
use super::serve::{Limits, serve};
use crate::agents::SignIns;
use crate::config::{Config, ConfigError};
use crate::db::{Db, DbError, Gather};
use crate::domain::{Authority, Clock};
use crate::drawer::Drawers;
use crate::lookup::Lookups;
use crate::payment::Payments;
use crate::receipt::{KeyError, SigningKey};
use crate::reconciliation::{InvalidHour, Night, Schedule, SpoolDir};
use crate::tariff::{RuleError, Rules};
use crate::upstream::{InvalidKey, Upstream};

/// How often the months to come are looked at.
const MONTHS_LOOKED_AT: Duration = Duration::from_hours(6);

/// Why a gateway does not start.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each says what it is")]
pub enum StartError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Db(#[from] DbError),
    #[error("database: {0}")]
    Sql(#[from] sqlx::Error),
    #[error(transparent)]
    Upstream(#[from] InvalidKey),
    #[error(transparent)]
    Receipt(#[from] KeyError),
    #[error(transparent)]
    Rules(#[from] RuleError),
    #[error(transparent)]
    Night(#[from] InvalidHour),
    #[error("cannot listen: {0}")]
    Listen(#[from] std::io::Error),
}

/// A gateway's parts, without any listener: what commands use.
#[derive(Debug, Clone)]
pub struct Gateway {
    /// What handlers and commands use.
    pub app: App,
    /// The night.
    pub night: Night,
}

/// A gateway that listens.
pub struct Running {
    /// Where the API listens.
    pub address: SocketAddr,
    /// Where operators ask.
    pub ops_address: SocketAddr,
    stop: CancellationToken,
    resolver_stop: watch::Sender<bool>,
    background: Vec<JoinHandle<()>>,
    /// The operations port stays until the very end, so that `readyz` says that this gateway drains.
    ops: (CancellationToken, JoinHandle<()>),
    tasks: TaskTracker,
    drain: Duration,
}

impl Gateway {
    /// Opens database, hosts, key and rules.
    ///
    /// # Errors
    /// [`StartError`] naming what is wrong.
    pub async fn open(config: Config, clock: Clock) -> Result<Self, StartError> {
        config.fits()?;
        let db = Db::open(&config.database).await?;
        let upstream = Upstream::new(&config.upstream, &clock)?;
        let key = Arc::new(SigningKey::from_file(&config.receipt.signing_key_file)?);
        let rules = Arc::new(Rules::built_in()?);
        let payments = Payments::start(&db, &upstream, &clock, Arc::clone(&key), &config);
        let lookups = Lookups::new(db.clone(), upstream.clone(), rules, clock.clone(), &config);
        let night = Night {
            db: db.clone(),
            upstream: upstream.clone(),
            clock: clock.clone(),
            key: Arc::clone(&key),
            payments: payments.clone(),
            spools: SpoolDir::new(&config.night.spool_dir),
        };
        let sign_ins = SignIns::new(&db, &clock);
        let drawers = Drawers::new(&db, &clock);
        let keys = Gather::start(&db);
        let app = App {
            config: Arc::new(config),
            clock,
            db,
            upstream,
            lookups,
            keys,
            payments,
            drawers,
            sign_ins,
            public_key: key.public(),
            tasks: TaskTracker::new(),
        };
        Ok(Self { app, night })
    }

    /// Listens, resolves what is open, and runs the night if the configuration says so.
    ///
    /// # Errors
    /// [`StartError`] when migrations differ or an address cannot be had.
    pub async fn start(self, metrics: Option<PrometheusHandle>) -> Result<Running, StartError> {
        self.app.db.ready().await?;
        let config = Arc::clone(&self.app.config);
        let api = TcpListener::bind(&config.http.listen).await?;
        let ops = TcpListener::bind(&config.http.ops_listen).await?;
        let taken_over = self.app.payments.take_over_own_leases().await?;
        if taken_over > 0 {
            tracing::info!(taken_over, "payments of a former run go on");
        }
        let (address, ops_address) = (api.local_addr()?, ops.local_addr()?);
        let stop = CancellationToken::new();
        let limits = Limits {
            connections: config.http.connections_max,
            per_address: config.http.connections_per_address_max,
            header_timeout: Duration::from_secs(config.http.header_timeout_s),
            drain: Duration::from_secs(config.http.drain_s),
        };
        let (resolver_stop, stopped) = watch::channel(false);
        let tasks = self.app.tasks.clone();
        let ops_state = Ops { app: self.app.clone(), metrics, draining: stop.clone() };
        let mut background = vec![
            tokio::spawn(serve(api, router(self.app.clone()), limits, stop.clone())),
            tokio::spawn(self.app.payments.clone().resolve_forever(stopped)),
        ];
        for authority in Authority::ALL {
            let upstream = self.app.upstream.clone();
            background.push(tokio::spawn(async move { upstream.host(authority).greet().await }));
        }
        background.push(tokio::spawn(make_months(self.app.clone(), stop.clone())));
        if config.night.enabled {
            let (schedule, stop) = (Schedule::new(self.night, &config.night.at)?, stop.clone());
            background.push(tokio::spawn(async move { schedule.run(stop).await }));
        }
        let ops_stop = CancellationToken::new();
        let ops = (ops_stop.clone(), tokio::spawn(serve(ops, ops_router(ops_state), limits, ops_stop)));
        tracing::info!(%address, %ops_address, instance = config.instance(), "listening");
        Ok(Running { address, ops_address, stop, resolver_stop, background, ops, tasks, drain: limits.drain })
    }
}

/// Parts for the months to come are made long before they are needed, by whichever gateway looks first.
async fn make_months(app: App, stop: CancellationToken) {
    let mut looks = tokio::time::interval(MONTHS_LOOKED_AT);
    while stop.run_until_cancelled(looks.tick()).await.is_some() {
        match app.db.make_months(app.clock.today()).await {
            Ok(0) => {}
            Ok(made) => tracing::info!(made, "Parts of tables for months to come are made."),
            Err(error) => tracing::warn!(%error, "no part for a month to come; rows of it go into the rest"),
        }
    }
}

impl Running {
    /// Takes no more requests, lets money steps end, and stops.
    pub async fn stop(self) {
        self.stop.cancel();
        // Nobody listens any more when the resolver is already gone.
        self.resolver_stop.send_replace(true);
        self.tasks.close();
        if tokio::time::timeout(self.drain, self.tasks.wait()).await.is_err() {
            tracing::warn!(
                open = self.tasks.len(),
                "money steps were still under way; their leases end and others go on"
            );
        }
        let (ops_stop, ops) = self.ops;
        for task in self.background {
            if let Err(error) = task.await {
                tracing::error!(%error, "a background task died");
            }
        }
        ops_stop.cancel();
        if let Err(error) = ops.await {
            tracing::error!(%error, "the operations port died");
        }
    }
}
