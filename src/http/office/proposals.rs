//! `/kantor/usul`: what one person has proposed and another approves, with a code.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use super::guard::{AsDecider, AtOffice, person};
use super::{Frame, Seat, Sorry, code_refusal, page, see, told};
use crate::agents::{self, CODE_DIGITS, Deposit, ProposalError, ProposalLine, REFUSAL_MAX, Role};
use crate::domain::ProposalId;
use crate::http::App;
use crate::http::body::PageOf;
use crate::http::counter::Sent;
use crate::http::problem::Problem;

#[derive(Template)]
#[template(path = "office/proposals.html")]
struct ProposalsPage {
    frame: Frame,
    waiting: Vec<Shown>,
}

#[derive(Template)]
#[template(path = "office/proposal.html")]
struct ProposalPage {
    frame: Frame,
    shown: Shown,
    /// This person made it.
    is_own: bool,
    may_decide: bool,
    refused: Option<String>,
    digits: usize,
    reason_max: usize,
}

struct Shown {
    proposal_id: Uuid,
    title: String,
    /// Member and what it says.
    terms: Vec<(&'static str, String)>,
    /// The payment that it is about.
    payment_id: Option<Uuid>,
    case_id: Option<Uuid>,
    proposed_by: String,
    proposed_at: String,
    approved_by: Option<String>,
    refused: Option<(String, String)>,
    raw: String,
}

impl Shown {
    /// Nobody has approved or refused it.
    const fn waits(&self) -> bool {
        self.approved_by.is_none() && self.refused.is_none()
    }
}

impl Shown {
    fn of(line: &ProposalLine) -> Self {
        let text = |name: &str| line.terms.get(name).and_then(Value::as_str).unwrap_or_default();
        let decision = text("decision");
        let (title, terms) = match line.kind.as_str() {
            "topup" => (format!("Isi ulang {}", outlet(line)), deposit(&line.terms)),
            "reversal" => ("Pembatalan pembayaran".to_owned(), vec![("Alasan", text("reason").to_owned())]),
            _ => (decided(decision).to_owned(), vec![("Alasan", text("reason").to_owned())]),
        };
        let about = Some(line.subject).filter(|_| line.kind != "topup");
        let is_case = decision == "close";
        Self {
            proposal_id: line.proposal_id,
            title,
            terms,
            payment_id: about.filter(|_| !is_case),
            case_id: about.filter(|_| is_case),
            proposed_by: line.proposed_by.clone(),
            proposed_at: told(line.proposed_at),
            approved_by: line.approved_by.clone(),
            refused: line.refused.clone(),
            raw: serde_json::to_string_pretty(&line.terms).unwrap_or_default(),
        }
    }
}

fn outlet(line: &ProposalLine) -> String {
    line.outlet.as_ref().map(|(code, name)| format!("{name} ({code})")).unwrap_or_default()
}

fn deposit(terms: &Value) -> Vec<(&'static str, String)> {
    let Ok(deposit) = serde_json::from_value::<Deposit>(terms.clone()) else { return vec![] };
    vec![
        ("Jumlah", deposit.amount.to_string()),
        ("Bank", deposit.bank),
        ("Tanggal setoran", deposit.deposited_on.long()),
        ("Rujukan bank", deposit.bank_reference),
    ]
}

/// A decision in plain words.
pub(super) fn decided(decision: &str) -> &'static str {
    match decision {
        "ask" => "Tanyakan lagi dan percayai jawaban yang ditandatangani",
        "refuse" => "Tanyakan lagi, dan tolak bila terbukti tidak dibukukan",
        "paid-elsewhere" => "Bagian yang ditolak sudah dibayar di tempat lain",
        "fresh-assessment" => "Bayar Jasa Raharja dengan penetapan baru",
        "confirm-evidence" => "Pastikan dengan nomor dari jawaban tersimpan",
        "repost" => "Bukukan yang diterima setelah ditolak",
        "reverse" => "Tarik kembali yang sudah dibukukan",
        "close" => "Tutup perkara",
        _ => "Keputusan",
    }
}

/// `GET /kantor/usul`
///
/// # Errors
/// When the database fails.
pub(in crate::http) async fn proposals(
    State(app): State<App>,
    AtOffice(at): AtOffice,
) -> Result<Response, Sorry> {
    let mut connection = app.db.requests.acquire().await?;
    let waiting = agents::waiting_proposals(&mut connection).await?;
    drop(connection);
    let waiting = waiting.iter().map(Shown::of).collect();
    Ok(page(StatusCode::OK, &ProposalsPage { frame: Frame::at(&at), waiting }))
}

/// `GET /kantor/usul/{proposal_id}`
///
/// # Errors
/// When there is none, or the database fails.
pub(in crate::http) async fn proposal(
    State(app): State<App>,
    AtOffice(at): AtOffice,
    PageOf(id): PageOf<Uuid>,
) -> Result<Response, Sorry> {
    shown(&app, &at, id, (StatusCode::OK, None)).await
}

async fn shown(
    app: &App,
    at: &Seat,
    id: Uuid,
    (status, refused): (StatusCode, Option<String>),
) -> Result<Response, Sorry> {
    let mut connection = app.db.requests.acquire().await?;
    let line = agents::proposal_line(&mut connection, id).await?.ok_or_else(Sorry::absent)?;
    drop(connection);
    let template = ProposalPage {
        frame: Frame::at(at),
        shown: Shown::of(&line),
        is_own: line.proposed_by == at.member().username,
        may_decide: matches!(at.member().role, Role::Bapenda | Role::Admin),
        refused,
        digits: CODE_DIGITS,
        reason_max: REFUSAL_MAX,
    };
    Ok(page(status, &template))
}

/// A code, asked for again.
#[derive(Deserialize)]
pub(in crate::http) struct Approval {
    kode: String,
}

/// `POST /kantor/usul/{proposal_id}/setujui`: the code first, then whether two people are two.
///
/// # Errors
/// When there is none, or the database fails.
pub(in crate::http) async fn approve(
    State(app): State<App>,
    AsDecider(at): AsDecider,
    PageOf(id): PageOf<Uuid>,
    Sent(form): Sent<Approval>,
) -> Result<Response, Sorry> {
    let mut connection = app.db.requests.acquire().await?;
    agents::proposal_line(&mut connection, id).await?.ok_or_else(Sorry::absent)?;
    drop(connection);
    if let Err(error) = app.sign_ins.prove_code(&at.sign_in, &form.kode).await {
        let refusal = code_refusal(&error)?;
        return shown(&app, &at, id, refusal).await;
    }
    let (payments, by) = (app.payments.clone(), person(&at));
    // A task of its own: when the browser goes, what was approved is carried out all the same.
    let task = app.tasks.spawn(async move { payments.approve(ProposalId(id), &by).await });
    match task.await.map_err(|_| Problem::internal())? {
        Ok(_) => Ok(see(&format!("/kantor/usul/{id}"))),
        Err(ProposalError::NotFound) => Err(Sorry::absent()),
        Err(ProposalError::Sql(error)) => Err(error.into()),
        Err(error) => shown(&app, &at, id, (StatusCode::CONFLICT, Some(said(&error).to_owned()))).await,
    }
}

/// Why it is not wanted.
#[derive(Deserialize)]
pub(in crate::http) struct Refusal {
    alasan: String,
}

/// `POST /kantor/usul/{proposal_id}/tolak`: another person refuses it, or its author takes it back. Moves nothing.
///
/// # Errors
/// When there is none, or the database fails.
pub(in crate::http) async fn refuse(
    State(app): State<App>,
    AsDecider(at): AsDecider,
    PageOf(id): PageOf<Uuid>,
    Sent(form): Sent<Refusal>,
) -> Result<Response, Sorry> {
    let mut transaction = app.db.requests.begin().await?;
    let (by, now) = (person(&at), app.clock.now());
    match agents::refuse(&mut transaction, ProposalId(id), &by, &form.alasan, now).await {
        Ok(()) => {
            transaction.commit().await?;
            Ok(see(&format!("/kantor/usul/{id}")))
        }
        Err(ProposalError::NotFound) => Err(Sorry::absent()),
        Err(ProposalError::Sql(error)) => Err(error.into()),
        Err(error) => {
            drop(transaction);
            shown(&app, &at, id, (StatusCode::CONFLICT, Some(said(&error).to_owned()))).await
        }
    }
}

/// Why a proposal, an approval or a refusal is turned down, in words.
pub(super) fn said(error: &ProposalError) -> &'static str {
    match error {
        ProposalError::SamePerson => "Usul ini Anda buat sendiri. Yang menyetujui harus orang lain.",
        ProposalError::Forbidden(_) => "Peran Anda tidak boleh memutuskan ini.",
        ProposalError::AlreadyApproved => "Usul ini sudah disetujui dan dijalankan.",
        ProposalError::Refused => "Usul ini sudah ditolak atau ditarik kembali.",
        ProposalError::Terms(why) if why.starts_with("REASON") => {
            "Mohon tulis alasannya, paling banyak 200 huruf."
        }
        ProposalError::DepositUsed => "Setoran bank ini sudah dipakai untuk isi ulang lain.",
        ProposalError::Terms(why) if why.starts_with("BUSY") => {
            "Pembayaran ini sedang dikerjakan. Mohon coba lagi sebentar."
        }
        ProposalError::Terms(why) if why.starts_with("VEHICLE_BUSY") => {
            "Pembayaran lain untuk kendaraan ini masih terbuka. Selesaikan itu dahulu."
        }
        ProposalError::Terms(why) if why.starts_with("NOT_NOW") => {
            "Keadaan pembayaran atau perkara ini sekarang tidak menerima keputusan itu."
        }
        ProposalError::Terms(_) | ProposalError::NotFound | ProposalError::Sql(_) => {
            "Usul ini tidak dapat dijalankan sebagaimana adanya. Mohon buat usul baru."
        }
    }
}
