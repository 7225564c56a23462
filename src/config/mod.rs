//! Configuration: `config/default.toml`, the file in `SAMSAT_CONFIG` over it, `SAMSAT__SECTION__KEY` over both.
//!
//! Unknown keys are refused, and numbers that must fit together are compared before anything starts.

use std::time::Duration;

use secrecy::SecretString;
use serde::Deserialize;

use crate::domain::{Authority, Rupiah};

/// Everything a gateway is told from outside.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "each key is explained once, in config/default.toml")]
pub struct Config {
    pub http: Http,
    pub database: Database,
    pub upstream: Upstream,
    pub payment: Payment,
    pub lookup: Lookup,
    pub receipt: Receipt,
    pub night: Night,
    pub log: Log,
}

/// `[http]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "each key is explained once, in config/default.toml")]
pub struct Http {
    pub listen: String,
    pub ops_listen: String,
    pub public_url: String,
    pub instance: String,
    pub connections_max: usize,
    pub connections_per_address_max: usize,
    pub behind_proxy: bool,
    pub header_timeout_s: u64,
    pub body_max_bytes: usize,
    pub answer_within_ms: u64,
    pub drain_s: u64,
}

/// `[database]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "each key is explained once, in config/default.toml")]
pub struct Database {
    pub url: SecretString,
    pub owner_url: SecretString,
    pub pool_max: u32,
    pub worker_pool_max: u32,
    pub acquire_timeout_ms: u64,
    pub commit_deadline_ms: u64,
    pub require_durable: bool,
}

/// `[upstream]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "each key is explained once, in config/default.toml")]
pub struct Upstream {
    pub partner_id: String,
    pub secret: SecretString,
    pub connect_timeout_ms: u64,
    pub total_timeout_ms: u64,
    pub body_max_bytes: usize,
    pub settlement_max_bytes: u64,
    pub settlement_timeout_ms: u64,
    pub not_after_s: u32,
    pub tolerance_s: u32,
    pub bapenda: Host,
    pub jasa_raharja: Host,
}

/// `[upstream.bapenda]`, `[upstream.jasa_raharja]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "each key is explained once, in config/default.toml")]
pub struct Host {
    pub url: String,
    pub public_key_pem: String,
}

impl Upstream {
    /// The host of an authority.
    #[must_use]
    pub const fn host(&self, authority: Authority) -> &Host {
        match authority {
            Authority::Bapenda => &self.bapenda,
            Authority::JasaRaharja => &self.jasa_raharja,
        }
    }
}

/// `[payment]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "each key is explained once, in config/default.toml")]
pub struct Payment {
    pub fee: Rupiah,
    pub quote_margin_s: u32,
    pub resend_within_s: u32,
    pub lease_s: u32,
}

/// `[lookup]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "each key is explained once, in config/default.toml")]
pub struct Lookup {
    pub misses_per_hour: u32,
}

/// `[receipt]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "each key is explained once, in config/default.toml")]
pub struct Receipt {
    pub signing_key_file: String,
}

/// `[night]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "each key is explained once, in config/default.toml")]
pub struct Night {
    pub enabled: bool,
    pub at: String,
    pub spool_dir: String,
}

/// `[log]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "each key is explained once, in config/default.toml")]
pub struct Log {
    pub filter: String,
}

/// Why a configuration is refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file cannot be read, or a key is unknown or mistyped.
    #[error("configuration: {0}")]
    Unreadable(#[from] config::ConfigError),
    /// Two numbers contradict each other.
    #[error("configuration: {0}")]
    DoesNotFit(&'static str),
}

const DEFAULTS: &str = include_str!("../../config/default.toml");

impl Config {
    /// Reads the configuration; `file` is what `SAMSAT_CONFIG` names.
    ///
    /// # Errors
    /// [`ConfigError`] when a file, a key or the sizes are wrong.
    pub fn load(file: Option<&str>) -> Result<Self, ConfigError> {
        let mut builder =
            config::Config::builder().add_source(config::File::from_str(DEFAULTS, config::FileFormat::Toml));
        if let Some(file) = file {
            builder = builder.add_source(config::File::new(file, config::FileFormat::Toml));
        }
        let environment = config::Environment::with_prefix("SAMSAT")
            .prefix_separator("__")
            .separator("__")
            .try_parsing(true);
        let loaded: Self = builder.add_source(environment).build()?.try_deserialize()?;
        loaded.fits()?;
        Ok(loaded)
    }

    /// The inequalities that keep one clock inside the next.
    ///
    /// # Errors
    /// [`ConfigError::DoesNotFit`] naming the first that is broken.
    pub fn fits(&self) -> Result<(), ConfigError> {
        let lease_ms = u64::from(self.payment.lease_s) * 1000;
        let rules = [
            (
                self.upstream.connect_timeout_ms < self.upstream.total_timeout_ms,
                "upstream.connect_timeout_ms must be below upstream.total_timeout_ms",
            ),
            (
                self.upstream.total_timeout_ms < self.http.answer_within_ms,
                "upstream.total_timeout_ms must be below http.answer_within_ms",
            ),
            (
                self.http.answer_within_ms < 20_000,
                "http.answer_within_ms must be below 20 s, the answer promised to agents",
            ),
            (
                2 * self.upstream.total_timeout_ms + self.database.commit_deadline_ms < lease_ms,
                "payment.lease_s must be above twice upstream.total_timeout_ms plus database.commit_deadline_ms",
            ),
            (self.upstream.not_after_s > 0, "upstream.not_after_s must be above 0"),
            (self.database.pool_max > 2 && self.database.worker_pool_max > 1, "database pools are too small"),
        ];
        rules
            .into_iter()
            .find(|(holds, _)| !holds)
            .map_or(Ok(()), |(_, rule)| Err(ConfigError::DoesNotFit(rule)))
    }

    /// This gateway's name among its sisters: leases carry it, so that a restarted one takes its own back at once.
    #[must_use]
    pub fn instance(&self) -> String {
        if !self.http.instance.is_empty() {
            return self.http.instance.clone();
        }
        let host = std::fs::read_to_string("/etc/hostname").unwrap_or_default();
        format!("{}/{}", host.trim(), self.http.listen)
    }

    /// As citizens reach the gateway, without a trailing slash.
    #[must_use]
    pub fn public_url(&self) -> String {
        if self.http.public_url.is_empty() {
            format!("http://{}", self.http.listen)
        } else {
            self.http.public_url.trim_end_matches('/').to_owned()
        }
    }
}

impl Database {
    /// The commit deadline.
    #[must_use]
    pub const fn commit_deadline(&self) -> Duration {
        Duration::from_millis(self.commit_deadline_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_load_and_fit() {
        Config::load(None).unwrap();
    }

    type Breaks = fn(&mut Config);

    #[test]
    fn each_inequality_that_is_broken_is_named() {
        let good = Config::load(None).unwrap();
        let broken: [(&str, Breaks); 6] = [
            ("connect_timeout_ms", |c| c.upstream.connect_timeout_ms = c.upstream.total_timeout_ms),
            ("total_timeout_ms must be below http", |c| {
                c.http.answer_within_ms = c.upstream.total_timeout_ms;
            }),
            ("20 s", |c| c.http.answer_within_ms = 20_000),
            ("lease_s", |c| c.payment.lease_s = 40),
            ("not_after_s", |c| c.upstream.not_after_s = 0),
            ("pools", |c| c.database.worker_pool_max = 1),
        ];
        for (says, breaks) in broken {
            let mut config = good.clone();
            breaks(&mut config);
            let refusal = config.fits().unwrap_err().to_string();
            assert!(refusal.contains(says), "{refusal}");
        }
    }
}
