//! Every route of the gateway, in one table.

use std::future::ready;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::middleware::{Next, from_fn, map_request};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};

use super::api::{float, lookups, payments, receipts, reconciliations};
use super::problem::{Problem, Retry};
use super::{App, body, check, counter, edge, office, openapi, ops, page, paper};

/// Where a file is sent, and how long that may take on a village's line: 4 MB at 300 kbit/s.
const UPLOAD: &str = "/saldo/isi";
const UPLOAD_WITHIN: Duration = Duration::from_mins(2);

/// The API and the public pages.
pub(super) fn router(app: App) -> Router {
    let body_max = app.config.http.body_max_bytes;
    // A slow line at a village counter takes that long with a body; a client that says nothing more gets no longer.
    let body_within = Duration::from_secs(3 * app.config.http.header_timeout_s);
    let within = move |request: &Request| {
        if request.uri().path() == UPLOAD { UPLOAD_WITHIN } else { body_within }
    };
    Router::new()
        .route("/v1/lookups", post(lookups::create))
        .route("/v1/payments", post(payments::create).get(payments::list))
        .route("/v1/payments/{payment_id}", get(payments::show))
        .route("/v1/payments/{payment_id}/cancel", post(payments::cancel))
        .route("/v1/payments/{payment_id}/return", post(payments::give_back))
        .route("/v1/receipts", get(receipts::list))
        .route("/v1/receipts/verify", post(receipts::verify))
        .route("/v1/receipts/{receipt_no}", get(receipts::show))
        .route("/v1/float", get(float::show))
        .route("/v1/float/entries", get(float::entries))
        .route("/v1/reconciliations/{date}", get(reconciliations::show))
        .route("/v1/reconciliations/{date}/items", get(reconciliations::items))
        .route("/v1/reconciliations/{date}/export.csv", get(reconciliations::export_csv))
        .route("/v1/reconciliations/{date}/export.xlsx", get(reconciliations::export_xlsx))
        .route("/v1/reconciliations/{date}/export.pdf", get(reconciliations::export_pdf))
        .merge(open_to_all())
        .route("/", get(counter::home))
        .route("/hari-ini", get(counter::today))
        .route("/tagihan", post(counter::look_up))
        .route("/tagihan/{lookup_id}", get(counter::bill))
        .route("/tagihan/{lookup_id}/konfirmasi", post(counter::confirmation))
        .route("/tagihan/{lookup_id}/bayar", post(counter::pay))
        .route("/tagihan/{lookup_id}/nasib", get(counter::fate))
        .route("/tagihan/{lookup_id}/lepas", post(counter::withdraw))
        .route("/bayar/{payment_id}", get(counter::outcome))
        .route("/bayar/{payment_id}/keadaan", get(counter::standing))
        .route("/bayar/{payment_id}/batal", post(counter::cancel))
        .route("/bayar/{payment_id}/kembali", post(counter::give_back))
        .route("/bukti/{receipt_no}", post(counter::paper))
        .merge(sign_in_pages())
        .merge(office_pages())
        .merge(outlet_day())
        .fallback(nowhere)
        .method_not_allowed_fallback(not_so)
        .layer(DefaultBodyLimit::max(body_max))
        .layer(map_request(move |request: Request| {
            let limit = within(&request);
            ready(body::in_time(request, limit))
        }))
        .layer(from_fn(without_nul))
        .layer(from_fn(edge::edge))
        .with_state(app)
}

/// Signing in, one's own access, and the devices that a supervisor admits.
fn sign_in_pages() -> Router<App> {
    Router::new()
        .route("/masuk", get(counter::sign_in_form).post(counter::by_password))
        .route("/masuk/pin", post(counter::by_pin))
        .route("/keluar", post(counter::sign_out))
        .route("/kode", get(counter::code_form).post(counter::by_code))
        .route("/kode/pasang", get(counter::enrol_form).post(counter::enrol))
        .route("/sandi", get(counter::password_form).post(counter::change_password))
        .route("/akun", get(counter::account))
        .route("/akun/sesi", post(counter::end_session))
        .route("/akun/pin", post(counter::set_pin))
        .route("/akun/pin/hapus", post(counter::drop_pin))
        .route("/perangkat", get(counter::devices))
        .route("/perangkat/izin", post(counter::admit))
        .route("/perangkat/hapus", post(counter::remove))
        .route("/perangkat/aturan", post(counter::set_rule))
}

/// Pages of officers, auditors and admins.
fn office_pages() -> Router<App> {
    Router::new()
        .route("/kantor", get(office::home))
        .route("/kantor/pembayaran", get(office::search_form).post(office::search))
        .route("/kantor/pembayaran/{payment_id}", get(office::payment))
        .route("/kantor/rekonsiliasi", get(office::reconciliations))
        .route("/kantor/rekonsiliasi/{date}", get(office::reconciliation))
        .route("/kantor/rekonsiliasi/{date}/berkas.csv", get(office::export_reconciliation))
        .route("/kantor/rekonsiliasi/{date}/berkas.xlsx", get(office::export_workbook))
        .route("/kantor/rekonsiliasi/{date}/berkas.pdf", get(office::export_minutes))
        .route("/kantor/perkara", get(office::cases))
        .route("/kantor/perkara/{case_id}", get(office::case))
        .route("/kantor/usul", get(office::proposals))
        .route("/kantor/usul/{proposal_id}", get(office::proposal))
        .route("/kantor/usul/{proposal_id}/setujui", post(office::approve))
        .route("/kantor/usul/{proposal_id}/tolak", post(office::refuse))
        .route("/kantor/pembayaran/{payment_id}/usul", post(office::propose_about_payment))
        .route("/kantor/perkara/{case_id}/usul", post(office::propose_to_close))
        .route("/kantor/isi", get(office::topups))
        .route("/kantor/isi/{request_id}", get(office::topup))
        .route("/kantor/isi/{request_id}/bukti", get(office::topup_proof))
        .route("/kantor/isi/{request_id}/usul", post(office::propose_topup))
        .route("/kantor/isi/{request_id}/tolak", post(office::decline_topup))
        .route("/kantor/jejak", get(office::trail_form))
        .route("/kantor/jejak/{subject}", get(office::trail))
        .route("/kantor/orang", get(office::people).post(office::add_person))
        .route("/kantor/orang/{person_id}", post(office::act_on_person))
        .route("/kantor/gerai", get(office::outlets))
}

/// The day at an outlet.
fn outlet_day() -> Router<App> {
    let uploads = DefaultBodyLimit::max(counter::TOPUP_BODY_MAX);
    Router::new()
        .route("/saldo", get(counter::float))
        .route("/saldo/isi", get(counter::topup_form).post(counter::ask_topup).layer(uploads))
        .route("/saldo/permintaan/{request_id}/bukti", get(counter::topup_proof))
        .route("/biaya", get(counter::fees))
        .route("/penyelia", get(counter::supervisor))
        .route("/laci", get(counter::own_drawer))
        .route("/laci/buka", post(counter::open_drawer))
        .route("/laci/pindah", post(counter::move_cash))
        .route("/laci/{drawer_id}", get(counter::one_drawer))
        .route("/laci/{drawer_id}/tutup", post(counter::close_drawer))
}

/// What nobody signs in for: the check of receipts, the API's description, and what pages load.
fn open_to_all() -> Router<App> {
    Router::new()
        .route("/verify", get(check::verify_form).post(check::verify))
        .route("/verify/{receipt_no}", get(check::verify_form))
        .route("/verify/kerja.js", get(check::worker))
        .route("/assets/style.css", get(page::style))
        .route("/assets/verify.js", get(check::script))
        .route("/assets/ed25519.js", get(check::ed25519))
        .route("/assets/receipt.css", get(paper::style))
        .route("/assets/receipt.js", get(paper::script))
        .route("/assets/kertas/{name}", get(paper::sheet))
        .route("/openapi.json", get(openapi::serve))
        .route("/assets/counter.js", get(counter::script))
        .route("/assets/icon.svg", get(counter::icon))
}

/// NUL is no text that the database can keep: a path with one names nothing, a query with one is malformed. Only `%00`
/// becomes one, and no part of a longer escape looks like it.
async fn without_nul(request: Request, next: Next) -> Response {
    let uri = request.uri();
    if uri.path().contains("%00") {
        return nowhere(uri.clone(), request.headers().clone()).await;
    }
    if uri.query().is_some_and(|query| query.contains("%00")) {
        let problem = Problem::bad_request("text must not hold a NUL character");
        if is_for_a_person(uri, request.headers()) {
            return counter::Sorry::from(problem).into_response();
        }
        return problem.into_response();
    }
    next.run(request).await
}

/// For a person a page, for a program a problem.
fn is_for_a_person(uri: &Uri, headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accept.contains("text/html") && !uri.path().starts_with("/v1/")
}

async fn nowhere(uri: Uri, headers: HeaderMap) -> Response {
    if is_for_a_person(&uri, &headers) {
        return counter::Sorry::absent().into_response();
    }
    Problem::not_found().into_response()
}

async fn not_so(uri: Uri, headers: HeaderMap) -> Response {
    let detail = "this path does not take this method";
    let problem = Problem::new(StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", Retry::Never, detail);
    if is_for_a_person(&uri, &headers) {
        return counter::Sorry::from(problem).into_response();
    }
    problem.into_response()
}

/// What operators ask, on a port of its own.
pub(super) fn ops_router(ops: ops::Ops) -> Router {
    Router::new()
        .route("/healthz", get(ops::healthz))
        .route("/readyz", get(ops::readyz))
        .route("/metrics", get(ops::metrics))
        .with_state(ops)
}
