//! The authorities' hosts, as `upstream-protocol` describes them.
//!
//! Every answer becomes one of a few words: provably not sent, definite, unknown, or a contradiction. Anything new is
//! unknown. Only an answer whose Ed25519 signature fits counts; a `5xx` never says more than "unknown". Nothing is
//! repeated by itself, nothing is followed, every call has a total deadline and a size cap, and what a host said is kept
//! byte for byte. Never touches the database.

mod breaker;
mod call;
mod host;
mod host_clock;
mod inquiry;
mod payment;
mod settlement;
mod sign;

use std::sync::Arc;

pub use breaker::Breaker;
pub use host::{Evidence, Host, Operation};
pub use inquiry::{Assessment, Bill, Inquired, Inquiry, Vehicle, WireLine, WirePeriod};
pub use payment::{Booking, Order, Paid, ReversalOrder, Reversed, StatusAnswer};
pub use settlement::{Download, FileSignature, SettlementError};
pub use sign::{InvalidKey, PublicKey};

use crate::config;
use crate::domain::{Authority, Clock};

/// Both authorities.
#[derive(Debug, Clone)]
pub struct Upstream {
    hosts: Arc<[Host; 2]>,
}

impl Upstream {
    /// Prepares both hosts; connects to none.
    ///
    /// # Errors
    /// [`InvalidKey`] when a public key or an address in the configuration cannot be used.
    pub fn new(config: &config::Upstream, clock: &Clock) -> Result<Self, InvalidKey> {
        let client = host::client(config)?;
        let [first, second] = Authority::ALL;
        let hosts = [
            Host::new(config, first, client.clone(), clock.clone())?,
            Host::new(config, second, client, clock.clone())?,
        ];
        Ok(Self { hosts: Arc::new(hosts) })
    }

    /// The host of an authority.
    #[must_use]
    pub fn host(&self, authority: Authority) -> &Host {
        let [bapenda, jasa_raharja] = &*self.hosts;
        match authority {
            Authority::Bapenda => bapenda,
            Authority::JasaRaharja => jasa_raharja,
        }
    }

    /// True while every host may be sent new payments: no cash is taken for a host known to be down.
    #[must_use]
    pub fn may_begin(&self) -> bool {
        self.hosts.iter().all(|host| host.breaker().is_closed())
    }

    /// True while a host has said that it is closing its day.
    #[must_use]
    pub fn is_closing(&self) -> bool {
        self.hosts.iter().any(Host::is_closing)
    }
}
