//! The smallest HTTP/1.1 client that can be honest: one kept connection, requests made beforehand, answers read whole.
//!
//! It shares the processors with what it measures, so it does as little as it can.

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Larger than any answer of the gateway's API.
const ANSWER_MAX: usize = 1 << 20;

/// A request as it goes over the wire.
#[derive(Debug, Clone)]
pub(crate) struct Request(Box<[u8]>);

impl Request {
    /// A `POST` of JSON by the owner of `api_key`; `idempotency_key` where the route wants one.
    pub(crate) fn post(path: &str, api_key: &str, idempotency_key: Option<&str>, body: &str) -> Self {
        let key = idempotency_key.map(|key| format!("Idempotency-Key: {key}\r\n")).unwrap_or_default();
        let text = format!(
            "POST {path} HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer {api_key}\r\n{key}\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        Self(text.into_bytes().into_boxed_slice())
    }

    /// A `GET` of JSON by the owner of `api_key`.
    pub(crate) fn get(path: &str, api_key: &str) -> Self {
        Self::get_as("application/json", path, api_key)
    }

    /// A `GET` of that media type by the owner of `api_key`.
    pub(crate) fn get_as(media_type: &str, path: &str, api_key: &str) -> Self {
        let text = format!(
            "GET {path} HTTP/1.1\r\nHost: gateway\r\nAccept: {media_type}\r\nAuthorization: Bearer {api_key}\r\n\r\n"
        );
        Self(text.into_bytes().into_boxed_slice())
    }
}

/// One connection to the gateway.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    /// Of the last whole answer.
    head: Option<Head>,
}

/// An answer: its status, and where its body stands in the connection's buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Head {
    status: u16,
    body_at: usize,
    body_len: usize,
}

impl Connection {
    /// Connects to a port of this machine.
    ///
    /// # Errors
    /// When nobody listens there.
    pub(crate) async fn open(port: u16) -> Result<Self> {
        let stream =
            TcpStream::connect(("127.0.0.1", port)).await.context("cannot connect to the gateway")?;
        stream.set_nodelay(true).context("cannot set TCP_NODELAY")?;
        Ok(Self { stream, buffer: Vec::with_capacity(4 * 1024), head: None })
    }

    /// Sends a request and waits for the whole answer.
    ///
    /// # Errors
    /// When the connection ends first, or the answer is none that this client can read.
    pub(crate) async fn call(&mut self, request: &Request) -> Result<()> {
        self.head = None;
        self.buffer.clear();
        self.stream.write_all(&request.0).await.context("cannot send")?;
        loop {
            if let Some(head) = head(&self.buffer)?
                && self.buffer.len() >= head.body_at + head.body_len
            {
                self.head = Some(head);
                return Ok(());
            }
            let read = self.stream.read_buf(&mut self.buffer).await.context("cannot read")?;
            if read == 0 || self.buffer.len() > ANSWER_MAX {
                bail!("the connection ended within an answer");
            }
        }
    }

    /// The last answer: its status and body.
    ///
    /// # Errors
    /// When there was none.
    pub(crate) fn answer(&self) -> Result<(u16, &[u8])> {
        let head = self.head.context("no answer has come")?;
        let body = self.buffer.get(head.body_at..head.body_at + head.body_len).unwrap_or_default();
        Ok((head.status, body))
    }
}

/// `None` until the whole head is there.
fn head(answer: &[u8]) -> Result<Option<Head>> {
    let Some(end) = answer.windows(4).position(|window| window == b"\r\n\r\n") else { return Ok(None) };
    let text =
        std::str::from_utf8(answer.get(..end).unwrap_or_default()).context("a head that is no text")?;
    let mut lines = text.split("\r\n");
    let status = lines.next().and_then(|line| line.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok());
    let length = lines.find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
    });
    Ok(Some(Head {
        status: status.context("an answer without a status")?,
        body_at: end + 4,
        body_len: length.context("an answer without a length")?,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_whole_when_its_body_is_there() {
        let answer = b"HTTP/1.1 201 Created\r\nContent-Type: x\r\nContent-Length: 2\r\n\r\n{}";
        assert_eq!(head(answer).unwrap(), Some(Head { status: 201, body_at: 60, body_len: 2 }));
        assert_eq!(head(&answer[..40]).unwrap(), None);
        assert!(head(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
        assert!(head(b"nonsense\r\n\r\n").is_err());
    }

    #[test]
    fn a_request_says_how_long_it_is() {
        let Request(bytes) = Request::post("/v1/payments", "agt_1", Some("k"), "{}");
        let text = String::from_utf8(bytes.into_vec()).unwrap();
        assert!(text.starts_with("POST /v1/payments HTTP/1.1\r\n"));
        assert!(text.contains("Authorization: Bearer agt_1\r\nIdempotency-Key: k\r\n"));
        assert!(text.ends_with("Content-Length: 2\r\n\r\n{}"));
    }
}
