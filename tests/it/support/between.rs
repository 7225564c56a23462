//! Stands between the gateway and both hosts: passes everything on, and where a test wants it, changes what a host says
//! and signs it again with that host's own key. A host that lies is a host that signs its lies.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use aws_lc_rs::digest::{SHA256, digest};
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Response, StatusCode};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mock_bapenda::{Keys, Mock};
use samsat_gateway::receipt::SigningKey;
use serde_json::Value;

/// What a host said.
pub struct Said {
    /// `BAPENDA` or `JASA_RAHARJA`.
    pub host: &'static str,
    /// The path that was asked.
    pub path: String,
    pub status: u16,
    pub body: Value,
}

impl Said {
    /// True for an answer of that host to an inquiry.
    pub fn is_quote_of(&self, host: &str) -> bool {
        self.host == host && self.path.ends_with("/inquiries") && self.status == 200
    }
}

type Change = Arc<dyn Fn(&mut Said) + Send + Sync>;

/// Both stand-ins.
pub struct Between {
    pub bapenda_url: String,
    pub jasa_raharja_url: String,
    change: Arc<Mutex<Change>>,
}

#[derive(Clone)]
struct Side {
    host: &'static str,
    behind: String,
    key: Arc<SigningKey>,
    http: reqwest::Client,
    change: Arc<Mutex<Change>>,
}

impl Between {
    pub async fn start(mock: &Mock, keys: &Keys) -> Self {
        let nothing: Change = Arc::new(|_| {});
        let change = Arc::new(Mutex::new(nothing));
        let side = |host, behind, pem: &str| Side {
            host,
            behind,
            key: Arc::new(SigningKey::from_pem(pem).expect("the host's key")),
            http: reqwest::Client::builder().no_proxy().build().expect("a client"),
            change: Arc::clone(&change),
        };
        let bapenda = serve(side("BAPENDA", mock.bapenda_url(), &keys.bapenda_private_pem)).await;
        let jasa_raharja =
            serve(side("JASA_RAHARJA", mock.jasa_raharja_url(), &keys.jasa_raharja_private_pem)).await;
        Self {
            bapenda_url: format!("http://{bapenda}"),
            jasa_raharja_url: format!("http://{jasa_raharja}"),
            change,
        }
    }

    /// From now on, answers are changed like this.
    pub fn set(&self, change: impl Fn(&mut Said) + Send + Sync + 'static) {
        *self.change.lock().expect("a lock") = Arc::new(change);
    }
}

async fn serve(side: Side) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let router = axum::Router::new().fallback(pass).with_state(side);
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

async fn pass(State(side): State<Side>, request: Request) -> Response<Body> {
    let (head, body) = request.into_parts();
    let path = head.uri.path_and_query().map_or("/", |p| p.as_str()).to_owned();
    let asked = axum::body::to_bytes(body, 1 << 20).await.expect("a whole question");
    let mut request = side.http.request(head.method, format!("{}{path}", side.behind)).body(asked.clone());
    for name in ["x-partner-id", "x-timestamp", "x-signature", "content-type"] {
        if let Some(value) = head.headers.get(name) {
            request = request.header(name, value);
        }
    }
    let Ok(answer) = request.send().await else { return status(StatusCode::BAD_GATEWAY) };
    let (status_code, headers) = (answer.status(), answer.headers().clone());
    let Ok(bytes) = answer.bytes().await else { return status(StatusCode::BAD_GATEWAY) };
    let Ok(body) = serde_json::from_slice::<Value>(&bytes) else {
        return said(status_code.as_u16(), &headers, bytes, None);
    };
    let mut changed = Said { host: side.host, path: path.clone(), status: status_code.as_u16(), body };
    let before = (changed.status, changed.body.clone());
    let change = Arc::clone(&side.change.lock().expect("a lock"));
    change(&mut changed);
    if before == (changed.status, changed.body.clone()) {
        return said(status_code.as_u16(), &headers, bytes, None);
    }
    let bytes = Bytes::from(changed.body.to_string());
    let timestamp = headers.get("x-timestamp").and_then(|v| v.to_str().ok()).unwrap_or_default();
    let hash = |bytes: &[u8]| hex::encode(digest(&SHA256, bytes));
    let text = format!("{}:{path}:{}:{}:{timestamp}", changed.status, hash(&asked), hash(&bytes));
    let signature = STANDARD.encode(side.key.sign(text.as_bytes()));
    said(changed.status, &headers, bytes, Some(signature))
}

fn status(status: StatusCode) -> Response<Body> {
    Response::builder().status(status).body(Body::empty()).expect("an answer")
}

fn said(status: u16, headers: &HeaderMap, bytes: Bytes, signature: Option<String>) -> Response<Body> {
    let mut answer = Response::builder().status(status);
    for name in ["x-timestamp", "content-type"] {
        if let Some(value) = headers.get(name) {
            answer = answer.header(name, value);
        }
    }
    let own = headers.get("x-signature").and_then(|v| v.to_str().ok()).map(str::to_owned);
    if let Some(signature) = signature.or(own) {
        answer = answer.header("x-signature", signature);
    }
    answer.body(Body::from(bytes)).expect("an answer")
}
