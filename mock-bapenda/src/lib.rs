//! The authorities' side of the upstream protocol: Bapenda Jatim and Jasa Raharja, with faults on request.
//!
//! An independent reading of the protocol's page. Promises: what is answered as booked is on disk first and survives
//! `kill -9`; a (plate, due date) is booked at most once; a vehicle register that needs no storage; every fault
//! repeats with its seed. Never shares code with the program that it is asked by.

mod assess;
mod bill;
mod book;
mod catalogue;
mod clock;
mod control;
mod days;
mod dice;
mod fault;
mod file_fault;
mod host;
mod inquiry;
mod journal;
mod keys;
mod listing;
mod payment;
mod plate;
mod play;
mod record;
mod registry;
mod reply;
mod route;
mod rule;
mod seat;
mod server;
mod settlement;
mod sheet;
mod sign;
mod state;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub use crate::keys::{Keys, generate_keys, try_generate_keys};
pub use crate::listing::VehicleCase;
pub use crate::state::Seen;

use crate::host::Host;
use crate::state::State;

/// How many vehicles of each case besides `PAYABLE` a list holds.
const EACH_CASE: usize = 20;
/// How often midnight is looked for; every request looks too.
const MIDNIGHT_LOOK: Duration = Duration::from_secs(1);

/// What a mock needs to start.
#[derive(Clone)]
pub struct Options {
    /// Decides the vehicle register, the bills' numbers and, unless told otherwise, the faults.
    pub seed: u64,
    /// The folder of journal and settlement files; made if it is missing. One mock at a time.
    pub data_dir: PathBuf,
    /// The partner that may ask.
    pub partner_id: String,
    /// The secret of its HMAC.
    pub secret: String,
    /// Bapenda's private Ed25519 key, PKCS#8 PEM.
    pub bapenda_key_pem: String,
    /// Jasa Raharja's private Ed25519 key, PKCS#8 PEM.
    pub jasa_raharja_key_pem: String,
    /// Whether fault rules are accepted.
    pub allow_faults: bool,
    /// Where Bapenda listens; port 0 takes a free one.
    pub bapenda_listen: SocketAddr,
    /// Where Jasa Raharja listens; port 0 takes a free one.
    pub jasa_raharja_listen: SocketAddr,
}

impl std::fmt::Debug for Options {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Options")
            .field("seed", &self.seed)
            .field("data_dir", &self.data_dir)
            .field("partner_id", &self.partner_id)
            .field("allow_faults", &self.allow_faults)
            .finish_non_exhaustive()
    }
}

/// Both authorities at work. Dropping it ends them at once, as a kill would; what was answered is on disk.
#[derive(Debug)]
pub struct Mock {
    state: Arc<State>,
    addresses: [SocketAddr; 2],
    tasks: Vec<JoinHandle<()>>,
}

/// Reads the folder's journal back, binds both addresses and serves.
///
/// # Errors
/// When an address is taken, a key is no Ed25519 key, or the folder cannot be used or belongs to a running mock.
pub async fn start(options: Options) -> io::Result<Mock> {
    let bapenda = TcpListener::bind(options.bapenda_listen).await?;
    let jasa_raharja = TcpListener::bind(options.jasa_raharja_listen).await?;
    let addresses = [bapenda.local_addr()?, jasa_raharja.local_addr()?];
    let state =
        tokio::task::spawn_blocking(move || State::open(&options)).await.map_err(io::Error::other)??;
    let state = Arc::new(state);
    days::catch_up(&state)?;
    let mut tasks = Vec::new();
    for (host, listener) in [(Host::Bapenda, bapenda), (Host::JasaRaharja, jasa_raharja)] {
        let state = Arc::clone(&state);
        tasks.push(tokio::spawn(async move {
            server::serve(state, host, listener).await;
        }));
    }
    let watched = Arc::clone(&state);
    tasks.push(tokio::spawn(async move {
        // A journal that fails here fails at the next request too, where it is told.
        while days::roll(&watched).is_ok() {
            tokio::time::sleep(MIDNIGHT_LOOK).await;
        }
    }));
    Ok(Mock { state, addresses, tasks })
}

impl Mock {
    /// `http://ADDRESS:PORT` of Bapenda, without a slash at the end.
    #[must_use]
    pub fn bapenda_url(&self) -> String {
        let [bapenda, _] = self.addresses;
        format!("http://{bapenda}")
    }

    /// `http://ADDRESS:PORT` of Jasa Raharja, without a slash at the end.
    #[must_use]
    pub fn jasa_raharja_url(&self) -> String {
        let [_, jasa_raharja] = self.addresses;
        format!("http://{jasa_raharja}")
    }

    /// Both books, as `GET /mock/book` shows them.
    #[must_use]
    pub fn book(&self) -> Value {
        control::book(&self.state)
    }

    /// Puts fault rules in force, as `PUT /mock/faults` does: `{"seed", "rules"}`.
    ///
    /// # Errors
    /// When faults are not allowed or a rule cannot be meant, with the reason.
    #[expect(clippy::needless_pass_by_value, reason = "callers write the rules in place with json!")]
    pub fn set_faults(&self, value: Value) -> Result<(), String> {
        control::set_faults(&self.state, &value)
    }

    /// Hands a file out as a host's of a day, as `PUT /mock/settlements/{date}` does: `{"host", "path"}`.
    ///
    /// # Errors
    /// Which part of it is wrong.
    pub fn prepare_file(&self, date: &str, value: &Value) -> Result<(), String> {
        control::prepare_file(&self.state, date, value)
    }

    /// Closes a day of `BAPENDA` or `JASA_RAHARJA` and all open days before it. On disk when it returns.
    ///
    /// # Errors
    /// When the host or the date is none, or the day lies before the first file.
    pub fn close_day(&self, date: &str, host: &str) -> Result<(), String> {
        let written = control::close_day(&self.state, date, host)?;
        self.state.journal.wait_here(written).map_err(|error| error.to_string())
    }

    /// Sets both hosts' clock to real time plus so many milliseconds; days left behind are closed.
    ///
    /// Requests are let in by the five-minute rule when their time is near either the hosts' clock or the real one.
    pub fn set_clock_offset_ms(&self, ms: i64) {
        // A journal that fails here fails at the next request too, where it is told.
        let _ = control::move_clock(&self.state, ms);
    }

    /// `count` vehicles of case `PAYABLE` that nobody has paid here, and twenty of every other case.
    #[must_use]
    pub fn vehicles(&self, count: usize) -> Vec<VehicleCase> {
        let today = self.state.clock.now().date();
        listing::list((self.state.seed, today), (count, EACH_CASE), |vehicle| {
            Host::BOTH.into_iter().any(|host| {
                let book = self.state.book(host);
                vehicle.due_on.iter().any(|&due_on| book.payer_of(vehicle.plate.as_str(), due_on).is_some())
            })
        })
    }

    /// Every request of the protocol that either host has received, in order (the latest 50,000).
    #[must_use]
    pub fn requests(&self) -> Vec<Seen> {
        self.state.seen()
    }

    /// Stops both hosts and lets go of the folder.
    pub async fn stop(mut self) {
        self.state.abort_background();
        for task in self.tasks.drain(..) {
            task.abort();
            // Ended on order; it has nothing to tell.
            let _ = task.await;
        }
    }
}

impl Drop for Mock {
    fn drop(&mut self) {
        self.state.abort_background();
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// `payable` vehicles of case `PAYABLE` and `each` of every other case, as a fresh mock of that seed knows them today.
#[must_use]
pub fn vehicles_today(seed: u64, payable: usize, each: usize) -> Vec<VehicleCase> {
    listing::list((seed, clock::Clock::real().date()), (payable, each), |_| false)
}
