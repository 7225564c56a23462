//! Settlement files, exact bytes and their signature.

use super::host::{Host, Operation, Reply};
use crate::domain::{Authority, BusinessDate};

/// A settlement file as the host signed it.
#[derive(Debug, Clone)]
pub struct SignedFile {
    /// Exact bytes.
    pub bytes: Vec<u8>,
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

impl Host {
    /// Fetches the newest revision of a business date's file.
    ///
    /// # Errors
    /// [`SettlementError`] when the day is not closed or the host gives no signed answer.
    pub async fn settlement(&self, date: BusinessDate) -> Result<SignedFile, SettlementError> {
        let root = match self.authority() {
            Authority::Bapenda => "/bapenda/v1",
            Authority::JasaRaharja => "/jasa-raharja/v1",
        };
        match self.get(Operation::Settlement, &format!("{root}/settlements/{date}"), None).await {
            Reply::Answered(answer) if answer.status == 200 => Ok(SignedFile {
                bytes: answer.evidence.body,
                signature: answer.evidence.signature,
                host_timestamp: answer.evidence.host_timestamp,
            }),
            Reply::Answered(answer) if answer.code().as_deref() == Some("NOT_READY") => {
                Err(SettlementError::NotReady)
            }
            Reply::Answered(answer) => Err(SettlementError::Unavailable(format!("status {}", answer.status))),
            Reply::NotSent(why) | Reply::Silent(why) => Err(SettlementError::Unavailable(why)),
            Reply::EndOfDay(_) => Err(SettlementError::NotReady),
        }
    }
}
