//! `/saldo`: the float (saldo titipan), its movements, the caps, and the top-ups that were asked for.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use uuid::Uuid;

use super::guard::AtCounter;
use super::{Frame, Sorry, page};
use crate::agents::{self, RequestState, TopupRequest, WhichRequests};
use crate::domain::{RequestId, Rupiah, wib_long};
use crate::http::App;
use crate::http::body::AskedOf;
use crate::ledger::{self, Caps, Entry};
use crate::payment;

/// Movements on one page.
const ENTRIES_MAX: i64 = 50;
/// Requests on the page.
const REQUESTS_MAX: i64 = 10;

struct Moved {
    seq: i64,
    what: &'static str,
    amount: String,
    after: String,
    at: String,
    payment: Option<Uuid>,
}

impl Moved {
    fn of(entry: &Entry) -> Self {
        let at = chrono::DateTime::parse_from_rfc3339(&entry.at).map(|at| wib_long(at.to_utc()));
        Self {
            seq: entry.seq,
            what: match entry.code.as_str() {
                "TOPUP" => "Isi saldo",
                "HOLD" => "Disisihkan untuk pembayaran",
                "VOID" => "Kembali: pembayaran ditolak",
                "RETURN" => "Kembali: uang warga sudah dikembalikan",
                "CLAIM" => "Dibukukan setelah ditolak",
                _ => "Lainnya",
            },
            amount: money(entry.amount),
            after: money(entry.available_after),
            at: at.unwrap_or_default(),
            payment: entry.payment_id,
        }
    }
}

fn money(rupiah: i64) -> String {
    Rupiah::new(rupiah).unwrap_or_default().to_string()
}

/// A top-up that was asked for, in words.
pub(super) struct Asked {
    request_id: RequestId,
    amount: String,
    bank: String,
    deposited_on: String,
    reference: String,
    word: &'static str,
    tone: &'static str,
    reason: Option<String>,
}

impl Asked {
    fn of(request: TopupRequest) -> Self {
        let (word, tone, reason) = match request.state {
            RequestState::Waiting => ("Menunggu Bapenda", "wait", None),
            RequestState::Proposed { .. } => ("Diperiksa Bapenda", "wait", None),
            RequestState::Approved { .. } => ("Sudah masuk saldo", "good", None),
            RequestState::Declined { reason, .. } => ("Ditolak Bapenda", "bad", Some(reason)),
        };
        Self {
            request_id: request.request_id,
            amount: request.amount.to_string(),
            bank: request.bank,
            deposited_on: request.deposited_on.long(),
            reference: request.bank_reference,
            word,
            tone,
            reason,
        }
    }
}

/// A cap with what of it is used.
struct CapLine {
    name: &'static str,
    used: String,
    cap: String,
}

#[derive(Template)]
#[template(path = "counter/float.html")]
struct FloatPage {
    frame: Frame,
    available: String,
    held: String,
    total: String,
    caps: Vec<CapLine>,
    requests: Vec<Asked>,
    entries: Vec<Moved>,
    /// The page after this one.
    older: Option<i64>,
    is_first: bool,
}

/// Which movements.
#[derive(Deserialize)]
pub(in crate::http) struct Before {
    /// A place; what is none is nothing.
    sebelum: Option<String>,
}

/// `GET /saldo`
///
/// # Errors
/// When the database fails.
pub(in crate::http) async fn float(
    State(app): State<App>,
    at: AtCounter,
    AskedOf(before): AskedOf<Before>,
) -> Result<Response, Sorry> {
    let agent = at.session.operator.outlet.agent_id;
    let before: Option<i64> = before.sebelum.and_then(|seq| seq.parse().ok());
    let mut connection = app.db.requests.acquire().await?;
    let float = ledger::float_view(&mut connection, agent).await?;
    let entries = ledger::entries(&mut connection, agent, before, ENTRIES_MAX).await?;
    let which = WhichRequests { agent: Some(agent), ..WhichRequests::default() };
    let requests = agents::topup_requests(&mut connection, which, REQUESTS_MAX).await?;
    let caps = ledger::caps(&mut connection, agent).await?;
    let now = app.upstream.host(crate::domain::Authority::Bapenda).now();
    let taken = match caps {
        Caps::NONE => (0, 0),
        Caps { .. } => payment::taken_on(&mut connection, agent, now).await?,
    };
    drop(connection);
    let line = |(name, used, cap): (&'static str, i64, Option<i64>)| {
        cap.map(|cap| CapLine { name, used: money(used), cap: money(cap) })
    };
    let lines = [("Diterima hari ini", taken.0, caps.daily), ("Sedang dipastikan", taken.1, caps.open)];
    let template = FloatPage {
        frame: Frame::of(&at),
        available: money(float.available),
        held: money(float.held),
        total: money(float.total),
        caps: lines.into_iter().filter_map(line).collect(),
        requests: requests.into_iter().map(Asked::of).collect(),
        older: entries.last().map(|entry| entry.seq).filter(|seq| *seq > 1),
        entries: entries.iter().map(Moved::of).collect(),
        is_first: before.is_none(),
    };
    Ok(page(StatusCode::OK, &template))
}
