//! The configuration that a gateway of ours is given, and where the authorities are.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Deserialize;

/// Both authorities as the gateway must know them.
#[derive(Debug, Clone)]
pub(crate) struct Upstream {
    pub(crate) partner_id: String,
    pub(crate) secret: String,
    pub(crate) bapenda: Host,
    pub(crate) jasa_raharja: Host,
}

/// One authority.
#[derive(Debug, Clone)]
pub(crate) struct Host {
    pub(crate) url: String,
    pub(crate) public_key_pem: String,
}

/// `--external-upstream BAPENDA_URL,JR_URL,KEYS_FILE`
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct External {
    bapenda_url: String,
    jasa_raharja_url: String,
    keys_file: PathBuf,
}

#[derive(Deserialize)]
struct KeysFile {
    partner_id: String,
    secret: String,
    bapenda_public_key_pem: String,
    jasa_raharja_public_key_pem: String,
}

impl std::str::FromStr for External {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let parts: Vec<&str> = text.splitn(3, ',').map(str::trim).collect();
        let [bapenda, jasa_raharja, keys] = parts[..] else {
            return Err("wanted BAPENDA_URL,JR_URL,KEYS_FILE".into());
        };
        if [bapenda, jasa_raharja]
            .iter()
            .any(|url| !url.starts_with("http://") && !url.starts_with("https://"))
        {
            return Err("both addresses begin with http:// or https://".into());
        }
        if keys.is_empty() {
            return Err("KEYS_FILE is missing".into());
        }
        Ok(Self {
            bapenda_url: bapenda.trim_end_matches('/').into(),
            jasa_raharja_url: jasa_raharja.trim_end_matches('/').into(),
            keys_file: keys.into(),
        })
    }
}

impl External {
    /// Reads the keys.
    ///
    /// # Errors
    /// When the file cannot be read or lacks a member.
    pub(crate) fn upstream(&self) -> Result<Upstream> {
        let path = self.keys_file.display();
        let content = fs::read(&self.keys_file).with_context(|| format!("cannot read {path}"))?;
        let keys: KeysFile =
            serde_json::from_slice(&content).with_context(|| format!("{path} is no KEYS_FILE"))?;
        Ok(Upstream {
            partner_id: keys.partner_id,
            secret: keys.secret,
            bapenda: Host { url: self.bapenda_url.clone(), public_key_pem: keys.bapenda_public_key_pem },
            jasa_raharja: Host {
                url: self.jasa_raharja_url.clone(),
                public_key_pem: keys.jasa_raharja_public_key_pem,
            },
        })
    }
}

/// What one gateway is told.
#[derive(Debug)]
pub(crate) struct Settings<'a> {
    pub(crate) port: u16,
    pub(crate) ops_port: u16,
    pub(crate) database_url: &'a str,
    pub(crate) owner_url: &'a str,
    pub(crate) upstream: &'a Upstream,
    pub(crate) receipt_key: &'a Path,
    /// Further keys of `[upstream]`, with their values.
    pub(crate) upstream_tuning: &'a [(&'a str, u32)],
}

impl Settings<'_> {
    /// As TOML.
    ///
    /// # Errors
    /// Never in practice: text is written to memory.
    pub(crate) fn toml(&self) -> Result<String> {
        let mut text = String::new();
        writeln!(
            text,
            "[http]\nlisten = \"127.0.0.1:{}\"\nops_listen = \"127.0.0.1:{}\"\n",
            self.port, self.ops_port
        )?;
        writeln!(
            text,
            "[database]\nurl = {}\nowner_url = {}\n",
            quoted(self.database_url)?,
            quoted(self.owner_url)?
        )?;
        let upstream = self.upstream;
        writeln!(
            text,
            "[upstream]\npartner_id = {}\nsecret = {}\nnot_after_s = 3\ntolerance_s = 1",
            quoted(&upstream.partner_id)?,
            quoted(&upstream.secret)?
        )?;
        for (key, value) in self.upstream_tuning {
            writeln!(text, "{key} = {value}")?;
        }
        for (name, host) in [("bapenda", &upstream.bapenda), ("jasa_raharja", &upstream.jasa_raharja)] {
            writeln!(
                text,
                "\n[upstream.{name}]\nurl = {}\npublic_key_pem = {}",
                quoted(&host.url)?,
                quoted(&host.public_key_pem)?
            )?;
        }
        let key = self.receipt_key.to_str().context("the folder's name is not UTF-8")?;
        writeln!(text, "\n[receipt]\nsigning_key_file = {}\n\n[night]\nenabled = false", quoted(key)?)?;
        Ok(text)
    }
}

/// A JSON string is a TOML basic string, but for DEL, which neither keys nor addresses contain.
fn quoted(text: &str) -> Result<String> {
    Ok(serde_json::to_string(text)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_parts_name_an_external_upstream() {
        let parsed: External = "http://127.0.0.1:1/,https://jr.example,/tmp/keys,1.json".parse().unwrap();
        assert_eq!(parsed.bapenda_url, "http://127.0.0.1:1");
        assert_eq!(parsed.jasa_raharja_url, "https://jr.example");
        assert_eq!(parsed.keys_file, PathBuf::from("/tmp/keys,1.json"));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in ["", "http://a", "http://a,http://b", "http://a,http://b,", "a,http://b,keys.json"] {
            assert!(text.parse::<External>().is_err(), "{text}");
        }
    }

    #[test]
    fn keys_of_several_lines_survive_the_configuration() {
        let host =
            |url: &str| Host { url: url.into(), public_key_pem: "-----BEGIN\nab\"c\\\n-----END\n".into() };
        let upstream = Upstream {
            partner_id: "P".into(),
            secret: "s".into(),
            bapenda: host("http://b"),
            jasa_raharja: host("http://j"),
        };
        let text = Settings {
            port: 1,
            ops_port: 2,
            database_url: "postgres://a",
            owner_url: "postgres://o",
            upstream: &upstream,
            receipt_key: Path::new("/k.pem"),
            upstream_tuning: &[("total_timeout_ms", 2000)],
        }
        .toml()
        .unwrap();
        assert!(text.contains(r#"public_key_pem = "-----BEGIN\nab\"c\\\n-----END\n""#));
        assert!(
            text.contains("not_after_s = 3\ntolerance_s = 1\ntotal_timeout_ms = 2000\n\n[upstream.bapenda]")
        );
    }
}
