//! From an HTTP request to a host's answer: the path's meaning, who asks, the fault, the signature.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http_body_util::{BodyExt, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{HeaderMap, Method, Request, Response};
use serde_json::{Value, json};

use crate::control;
use crate::days::roll;
use crate::host::{Host, Operation};
use crate::play::{Call, Outcome, Seal, play};
use crate::reply::Reply;
use crate::server::Content;
use crate::sign::{Credentials, Subject, sha256_hex};
use crate::state::{Seen, State};

/// The protocol's answers are small; so are its questions.
const BODY_MAX: usize = 64 * 1024;

/// Answers one request; an error ends the connection without an answer.
pub(crate) async fn respond(
    state: Arc<State>,
    host: Host,
    request: Request<Incoming>,
    reset: Arc<AtomicBool>,
) -> io::Result<Response<Content>> {
    let (head, body) = request.into_parts();
    let path = head.uri.path_and_query().map_or_else(|| head.uri.path().to_owned(), ToString::to_string);
    let collected = Limited::new(body, BODY_MAX).collect().await;
    let Ok(body) = collected.map(http_body_util::Collected::to_bytes) else {
        let reply = Reply::json(413, &json!({ "code": "BODY_TOO_LARGE" }), state.clock.now());
        return sealed(&state, host, &subject(&head.method, &path, &Bytes::new()), (reply, Seal::Proper));
    };
    if path.starts_with("/mock/") {
        return plain(control::answer(&state, &head.method, &path, &body).await);
    }
    let subject = subject(&head.method, &path, &body);
    let shown = credentials(&head.headers);
    match protocol(&state, host, (&subject, &shown), body).await {
        Outcome::Answer(reply, seal) => sealed(&state, host, &subject, (reply, seal)),
        Outcome::Cut(reply) => {
            let mut response = sealed(&state, host, &subject, (reply.clone(), Seal::Proper))?;
            *response.body_mut() = Content::cut_short(reply.body);
            Ok(response)
        }
        Outcome::Reset => {
            reset.store(true, Ordering::SeqCst);
            Err(io::Error::other("reset on order"))
        }
        Outcome::Silence => std::future::pending().await,
    }
}

async fn protocol(
    state: &Arc<State>,
    host: Host,
    (subject, shown): (&Subject, &Credentials),
    body: Bytes,
) -> Outcome {
    let refused = |status: u16, code: &str| {
        Outcome::Answer(Reply::json(status, &json!({ "code": code }), state.clock.now()), Seal::Proper)
    };
    let meant = meaning(host, subject);
    note(state, host, subject, (&body, meant.as_ref().map_or("", |(_, key)| key)));
    let Some((operation, key)) = meant else { return refused(404, "NO_SUCH_PATH") };
    if !state.signing.admits(subject, shown, &state.clock) {
        return refused(401, "UNAUTHORIZED");
    }
    if roll(state).is_err() {
        return Outcome::Answer(
            Reply::json(500, &json!({ "code": "INTERNAL" }), state.clock.now()),
            Seal::Missing,
        );
    }
    let fault = state.faults.draw(host, operation);
    play(state, Call { host, operation, key, body }, fault).await
}

/// What a path asks for, and the reference or date in it.
fn meaning(host: Host, subject: &Subject) -> Option<(Operation, String)> {
    let path = subject.path.split_once('?').map_or(subject.path.as_str(), |(path, _)| path);
    let parts: Vec<&str> = path.strip_prefix(host.prefix())?.split('/').collect();
    match (subject.method.as_str(), parts.as_slice()) {
        ("POST", ["inquiries"]) => Some((Operation::Inquiry, String::new())),
        ("POST", ["payments"]) => Some((Operation::Payment, String::new())),
        ("GET", ["payments", reference]) => Some((Operation::Status, (*reference).to_owned())),
        ("POST", ["payments", reference, "reversal"]) => Some((Operation::Reversal, (*reference).to_owned())),
        ("GET", ["settlements", date]) => Some((Operation::Settlement, (*date).to_owned())),
        _ => None,
    }
}

fn note(state: &State, host: Host, subject: &Subject, (body, key): (&Bytes, &str)) {
    let in_body = || {
        let content: Value = serde_json::from_slice(body).ok()?;
        content.get("reference").and_then(Value::as_str).map(str::to_owned)
    };
    let in_path = (!key.is_empty() && !subject.path.contains("/settlements/")).then(|| key.to_owned());
    state.note(Seen {
        host: host.name().to_owned(),
        method: subject.method.clone(),
        path: subject.path.clone(),
        body: String::from_utf8_lossy(body).into_owned(),
        reference: in_path.or_else(in_body),
    });
}

fn subject(method: &Method, path: &str, body: &Bytes) -> Subject {
    Subject { method: method.to_string(), path: path.to_owned(), body_sha256: sha256_hex(body) }
}

fn credentials(headers: &HeaderMap) -> Credentials {
    let text =
        |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    Credentials {
        partner_id: text("x-partner-id"),
        timestamp: text("x-timestamp"),
        signature: text("x-signature"),
    }
}

/// Puts an answer on the wire with the host's clock and signature.
fn sealed(
    state: &State,
    host: Host,
    subject: &Subject,
    (reply, seal): (Reply, Seal),
) -> io::Result<Response<Content>> {
    let timestamp = reply.at.to_millisecond();
    let signature = match seal {
        Seal::Missing => None,
        Seal::Proper => Some(state.signing.answer(host, reply.status, subject, (&reply.body, &timestamp))),
        Seal::Wrong => {
            Some(state.signing.answer(host, reply.status, subject, (b"another answer", &timestamp)))
        }
    };
    let mut response = plain(reply)?;
    if let Some(signature) = signature {
        let headers = response.headers_mut();
        headers.insert("x-timestamp", HeaderValue::from_str(&timestamp).map_err(io::Error::other)?);
        headers.insert("x-signature", HeaderValue::from_str(&signature).map_err(io::Error::other)?);
    }
    Ok(response)
}

fn plain(reply: Reply) -> io::Result<Response<Content>> {
    Response::builder()
        .status(reply.status)
        .header(CONTENT_TYPE, reply.content_type)
        .body(Content::whole(reply.body))
        .map_err(io::Error::other)
}
