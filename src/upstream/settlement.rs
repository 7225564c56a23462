//! Settlement files as they come: exact bytes, piece by piece, and their signature, which is known to fit only at the end.

use std::time::Instant;

use super::call::{Asked, Call, root_cause, signed_head};
use super::host::{Host, Operation, Reply};
use crate::domain::{Authority, BusinessDate};

/// What signs a settlement file.
#[derive(Debug, Clone)]
pub struct FileSignature {
    /// `X-Signature` of the answer.
    pub signature: String,
    /// `X-Timestamp` of the answer.
    pub host_timestamp: String,
}

/// Why there is no file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettlementError {
    /// The host has not closed that day.
    #[error("the host has not closed that day")]
    NotReady,
    /// No usable answer.
    #[error("no usable answer: {0}")]
    Unavailable(String),
}

/// A file under way. Nothing that it holds counts before [`Download::finish`].
pub struct Download<'a> {
    host: &'a Host,
    response: reqwest::Response,
    asked: Asked,
    began: Instant,
    received: u64,
    head: FileSignature,
}

impl Host {
    /// Asks for the newest revision of a business date's file.
    ///
    /// # Errors
    /// [`SettlementError`] when the day is not closed or the host gives no answer.
    pub async fn settlement(&self, date: BusinessDate) -> Result<Download<'_>, SettlementError> {
        let root = match self.authority() {
            Authority::Bapenda => "/bapenda/v1",
            Authority::JasaRaharja => "/jasa-raharja/v1",
        };
        let path = format!("{root}/settlements/{date}");
        let call = Call {
            operation: Operation::Settlement,
            method: "GET",
            path: &path,
            body: Vec::new(),
            about: None,
        };
        let began = Instant::now();
        self.breaker().calls();
        let reply = match self.send(call, Some(self.settlement_within)).await {
            Ok((response, asked)) if response.status().as_u16() == 200 => {
                let (host_timestamp, signature) = signed_head(&response);
                let head = FileSignature { signature, host_timestamp };
                return Ok(Download { host: self, response, asked, began, received: 0, head });
            }
            Ok((response, asked)) => self.read(response, asked).await,
            Err(reply) => reply,
        };
        self.note(Operation::Settlement, None, began, &reply);
        Err(match reply {
            Reply::Answered(answer) if answer.code().as_deref() == Some("NOT_READY") => {
                SettlementError::NotReady
            }
            Reply::Answered(answer) => SettlementError::Unavailable(format!("status {}", answer.status)),
            Reply::NotSent(why) | Reply::Silent(why) => SettlementError::Unavailable(why),
            Reply::EndOfDay(_) => SettlementError::NotReady,
        })
    }
}

impl Download<'_> {
    /// Adds the next bytes to `piece`; false at the end.
    ///
    /// # Errors
    /// [`SettlementError::Unavailable`] when the answer breaks off, takes too long or is too large.
    pub async fn next(&mut self, piece: &mut Vec<u8>) -> Result<bool, SettlementError> {
        match self.response.chunk().await {
            Ok(Some(bytes)) => {
                self.received += bytes.len() as u64;
                if self.received > self.host.settlement_max {
                    return Err(self.silent("answer too large".to_owned()));
                }
                piece.extend_from_slice(&bytes);
                Ok(true)
            }
            Ok(None) => Ok(false),
            Err(e) => Err(self.silent(root_cause(&e))),
        }
    }

    /// The file's signature, when it fits bytes of that hash (lower hex).
    ///
    /// # Errors
    /// [`SettlementError::Unavailable`] when the host has not signed them.
    pub fn finish(self, sha256: &str) -> Result<FileSignature, SettlementError> {
        let head = (self.head.host_timestamp.as_str(), self.head.signature.as_str());
        if !self.host.has_signed_hash(&self.asked, sha256, head) {
            return Err(self.silent("status 200 without a valid signature".to_owned()));
        }
        if self.host.hears(&self.head.host_timestamp, &self.asked).is_err() {
            return Err(self.silent("X-Timestamp is no time".to_owned()));
        }
        self.host.noted_whole(Operation::Settlement, self.began);
        Ok(self.head)
    }

    fn silent(&self, why: String) -> SettlementError {
        self.host.note(Operation::Settlement, None, self.began, &Reply::Silent(why.clone()));
        SettlementError::Unavailable(why)
    }
}
