//! `/laci`: the cash drawer, opened before any cash is taken and closed by counting it.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use uuid::Uuid;

use super::bill::rupiah_of;
use super::drawer_view::{Difference, End, Moved, Past, Pieces, money};
use super::form::Sent;
use super::guard::AtCounter;
use super::{Frame, Sorry, page, see};
use crate::agents::Role;
use crate::domain::{CashEntryId, DrawerId, Rupiah, wib_long};
use crate::drawer::{
    self, BadCount, Book, Close, Code, Count, DENOMINATIONS, Drawer, DrawerError, Line, Movement, Way,
};
use crate::http::App;
use crate::http::body::{AskedOf, PageOf};
use crate::http::problem::Problem;

/// Drawers in one list.
const LISTED_MAX: i64 = 20;
/// Movements of one drawer on its page.
const LINES_MAX: i64 = 500;
/// The field that says that a count is a second one.
const RECOUNT: &str = "ulang";
/// A count of an own drawer that does not fit.
const BLIND: &str =
    "Hitungan belum cocok; mohon hitung sekali lagi dari awal, dan bila Anda yakin tulis alasannya.";
/// Letters in a reason or a remark.
const WORDS_MAX: usize = 300;

#[derive(Template)]
#[template(path = "counter/drawer_new.html")]
struct NewPage {
    frame: Frame,
    /// The bill to go on with once it is open.
    bill: Option<Uuid>,
    typed: String,
    refused: Option<&'static str>,
    past: Vec<Past>,
}

/// Where one came from: a bill; what is none is nothing.
#[derive(Deserialize)]
pub(in crate::http) struct Came {
    tagihan: Option<String>,
}

/// `GET /laci`: one's own drawer, or the form that opens it.
///
/// # Errors
/// When the database fails.
pub(in crate::http) async fn own_drawer(
    State(app): State<App>,
    at: AtCounter,
    AskedOf(came): AskedOf<Came>,
) -> Result<Response, Sorry> {
    if let Some((drawer, book)) = app.drawers.open_book(&at.session.operator).await? {
        return shown(&app, &at, (drawer, Some(book)), Told::default()).await;
    }
    let bill = came.tagihan.and_then(|id| id.parse().ok());
    new_page(&app, &at, (bill, String::new(), None)).await
}

async fn new_page(
    app: &App,
    at: &AtCounter,
    (bill, typed, refused): (Option<Uuid>, String, Option<&'static str>),
) -> Result<Response, Sorry> {
    let operator = &at.session.operator;
    let mut connection = app.db.requests.acquire().await?;
    let whose = (operator.outlet.agent_id, Some(operator.person_id));
    let past = drawer::drawers_of(&mut connection, whose.0, whose.1, LISTED_MAX).await?;
    drop(connection);
    let status = if refused.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let past = past.into_iter().map(Past::of).collect();
    Ok(page(status, &NewPage { frame: Frame::of(at), bill, typed, refused, past }))
}

/// What lies in the drawer.
#[derive(Deserialize)]
pub(in crate::http) struct Opening {
    modal: String,
    tagihan: Option<Uuid>,
}

/// `POST /laci/buka`: opens one's own drawer; one that is open stays as it is.
///
/// # Errors
/// When the database fails.
pub(in crate::http) async fn open_drawer(
    State(app): State<App>,
    at: AtCounter,
    Sent(form): Sent<Opening>,
) -> Result<Response, Sorry> {
    let Some(opening) = rupiah_of(&form.modal) else {
        let why =
            "Jumlah uang tidak terbaca; mohon ketik angka saja, misalnya 200000, atau 0 bila laci kosong.";
        return new_page(&app, &at, (form.tagihan, form.modal, Some(why))).await;
    };
    app.drawers.open(&at.session.operator, opening).await.map_err(sorry)?;
    Ok(form.tagihan.map_or_else(|| see("/laci"), |bill| see(&format!("/tagihan/{bill}"))))
}

/// What was sent and why it was not taken.
#[derive(Default)]
struct Told {
    refused: Option<String>,
    typed: BTreeMap<String, String>,
    /// The count did not fit: counted, expected, and the difference that needs a reason.
    differs: Option<(String, String, Rupiah)>,
    /// An own drawer's count did not fit, this time or before: a second one, with a reason.
    is_recount: bool,
}

#[derive(Template)]
#[template(path = "counter/drawer.html")]
struct DrawerPage {
    frame: Frame,
    drawer_id: DrawerId,
    operator: String,
    is_own: bool,
    opened_at: String,
    /// Opened on an earlier day.
    is_old: bool,
    opening: String,
    payments: i64,
    /// For a supervisor who looks at another's.
    expected: Option<String>,
    lines: Vec<Moved>,
    end: Option<End>,
    movement_id: CashEntryId,
    pieces: Vec<Pieces>,
    refused: Option<String>,
    /// For a supervisor who closes another's.
    differs: Option<(String, String, Difference, i64)>,
    is_recount: bool,
    reason: String,
}

async fn shown(
    app: &App,
    at: &AtCounter,
    (drawer, book): (Drawer, Option<Book>),
    told: Told,
) -> Result<Response, Sorry> {
    let mut connection = app.db.requests.acquire().await?;
    let lines = drawer::lines_of(&mut connection, drawer.drawer_id, LINES_MAX).await?;
    drop(connection);
    let is_own = drawer.person_id == at.session.operator.person_id;
    let is_open = drawer.closing.is_none();
    // Who counts an own drawer counts first and compares then.
    let seen = |line: &Line| !is_open || !is_own || line.code != Code::Taken;
    let typed = |field: &str| told.typed.get(field).cloned().unwrap_or_default();
    let status = if told.refused.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let expected = book.filter(|_| !is_own).and_then(|book| book.expected().ok());
    let template = DrawerPage {
        frame: Frame::of(at),
        drawer_id: drawer.drawer_id,
        is_own,
        opened_at: wib_long(drawer.opened_at),
        is_old: is_open && drawer.opened_at < app.clock.today().begins_at(),
        opening: drawer.opening.to_string(),
        payments: book.map_or(0, |book| book.payments),
        expected: expected.map(|expected| expected.to_string()),
        lines: lines.into_iter().filter(seen).map(Moved::of).collect(),
        end: drawer.closing.as_ref().map(End::of),
        movement_id: CashEntryId::new(),
        pieces: DENOMINATIONS
            .map(|each| Pieces { field: field_of(each), name: money(each), typed: typed(&field_of(each)) })
            .into(),
        reason: typed("alasan"),
        refused: told.refused,
        is_recount: is_own && told.is_recount,
        differs: told.differs.filter(|_| !is_own).map(|(counted, expected, variance)| {
            (counted, expected, Difference::of(variance), variance.get())
        }),
        operator: drawer.operator,
    };
    Ok(page(status, &template))
}

fn field_of(denomination: i64) -> String {
    format!("p{denomination}")
}

/// A drawer that this operator may see: the own, or, for a supervisor, any of the outlet. Another's looks like none.
async fn visible(app: &App, at: &AtCounter, id: Uuid) -> Result<(Drawer, Option<Book>), Sorry> {
    let operator = &at.session.operator;
    let mut connection = app.db.requests.acquire().await?;
    let found = drawer::drawer(&mut connection, operator.outlet.agent_id, DrawerId(id)).await?;
    let may = |drawer: &Drawer| drawer.person_id == operator.person_id || operator.role == Role::Penyelia;
    let drawer = found.filter(may).ok_or_else(Sorry::absent)?;
    let book = match drawer.closing {
        None => Some(drawer::book(&mut connection, drawer.drawer_id).await?),
        Some(_) => None,
    };
    Ok((drawer, book))
}

/// `GET /laci/{drawer_id}`
///
/// # Errors
/// When it is not this operator's, or the database fails.
pub(in crate::http) async fn one_drawer(
    State(app): State<App>,
    at: AtCounter,
    PageOf(id): PageOf<Uuid>,
) -> Result<Response, Sorry> {
    let found = visible(&app, &at, id).await?;
    shown(&app, &at, found, Told::default()).await
}

/// Cash between drawer and safe. The page chooses the id, so that a second tap moves nothing more.
#[derive(Deserialize)]
pub(in crate::http) struct Moving {
    nomor: CashEntryId,
    arah: String,
    jumlah: String,
    catatan: Option<String>,
}

/// `POST /laci/pindah`
///
/// # Errors
/// When no drawer is open, or the database fails.
pub(in crate::http) async fn move_cash(
    State(app): State<App>,
    at: AtCounter,
    Sent(form): Sent<Moving>,
) -> Result<Response, Sorry> {
    let way = match form.arah.as_str() {
        "masuk" => Way::In,
        "keluar" => Way::Out,
        _ => return Err(Problem::bad_request("which way the cash goes is missing").into()),
    };
    let remark = form.catatan.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    let amount = rupiah_of(&form.jumlah).filter(|amount| !amount.is_zero());
    let fits = remark.as_deref().is_none_or(|text| text.chars().count() <= WORDS_MAX);
    let (Some(amount), true) = (amount, fits) else {
        let why = "Jumlah uang tidak terbaca; mohon ketik angka di atas nol, misalnya 500000.";
        return again(&app, &at, Told { refused: Some(why.to_owned()), ..Told::default() }).await;
    };
    let movement = Movement { id: form.nomor, way, amount, remark };
    match app.drawers.move_cash(&at.session.operator, &movement).await {
        Ok(()) => Ok(see("/laci")),
        Err(DrawerError::TooMuch) => {
            let why = "Isi laci tidak sebanyak itu, jadi setoran ini tidak dicatat; mohon hitung lagi uang yang disetor, lalu tulis jumlahnya sekali lagi.";
            again(&app, &at, Told { refused: Some(why.to_owned()), ..Told::default() }).await
        }
        Err(error) => Err(sorry(error)),
    }
}

async fn again(app: &App, at: &AtCounter, told: Told) -> Result<Response, Sorry> {
    let found = app.drawers.open_book(&at.session.operator).await?;
    let (drawer, book) = found.ok_or_else(|| sorry(DrawerError::NotOpen))?;
    shown(app, at, (drawer, Some(book)), told).await
}

/// `POST /laci/{drawer_id}/tutup`: counted, compared, closed; with a difference only after a second count with its reason.
/// Who counts an own drawer learns that it differs, and neither by how much nor which way.
///
/// # Errors
/// When it is not this operator's, or the database fails.
pub(in crate::http) async fn close_drawer(
    State(app): State<App>,
    at: AtCounter,
    PageOf(id): PageOf<Uuid>,
    Sent(typed): Sent<BTreeMap<String, String>>,
) -> Result<Response, Sorry> {
    let found = visible(&app, &at, id).await?;
    let is_own = found.0.person_id == at.session.operator.person_id;
    let is_recount = typed.contains_key(RECOUNT);
    let told = match close_of(DrawerId(id), &typed) {
        Ok(close) => match app.drawers.close(&at.session.operator, &close).await {
            Ok(()) => return Ok(see(&format!("/laci/{id}"))),
            Err(DrawerError::Differs { expected, variance }) => {
                let counted = close.count.total().to_string();
                let refused = match close.reason {
                    _ if is_own => BLIND,
                    Some(_) => "Isi laci berubah sejak dihitung; mohon periksa selisih yang baru ini.",
                    None => "Hitungan belum cocok; mohon hitung sekali lagi, atau tulis alasan selisihnya.",
                };
                let differs = Some((counted, expected.to_string(), variance));
                // The first count is not there to be copied.
                let typed = if is_own && !is_recount { BTreeMap::new() } else { typed };
                Told { refused: Some(refused.to_owned()), typed, differs, is_recount: true }
            }
            Err(DrawerError::AtWork) => {
                let why = "Masih ada pembayaran yang sedang dikerjakan di laci ini; mohon tunggu hasilnya, lalu tutup lagi.";
                Told { refused: Some(why.to_owned()), typed, differs: None, is_recount }
            }
            Err(error) => return Err(sorry(error)),
        },
        Err(why) => Told { refused: Some(why), typed, differs: None, is_recount },
    };
    shown(&app, &at, found, told).await
}

/// What is to close a drawer, or in words what cannot be read of it.
fn close_of(drawer_id: DrawerId, typed: &BTreeMap<String, String>) -> Result<Close, String> {
    let fields = DENOMINATIONS.map(field_of);
    let text = |field: &str| typed.get(field).map_or("", String::as_str);
    let pieces = fields.each_ref().map(|field| text(field));
    if pieces.iter().all(|typed| typed.trim().is_empty()) {
        return Err(
            "Hitungan masih kosong; mohon tulis jumlah lembar, atau 0 bila laci memang kosong.".to_owned()
        );
    }
    let count = Count::parse(pieces).map_err(|BadCount(each)| {
        format!("Jumlah lembar {} tidak terbaca; mohon ketik angka saja.", money(each))
    })?;
    let words: String = text("alasan").trim().chars().take(WORDS_MAX).collect();
    let shown = text("selisih").parse().ok().and_then(|variance| Rupiah::new(variance).ok());
    let is_second = shown.is_some() || typed.contains_key(RECOUNT);
    let reason = Some(words).filter(|words| is_second && words.chars().count() >= 3);
    Ok(Close { drawer_id, count, reason, shown })
}

fn sorry(error: DrawerError) -> Sorry {
    match error {
        DrawerError::Absent => Sorry::absent(),
        DrawerError::NotOpen => crate::payment::PayError::DrawerClosed.into(),
        DrawerError::Sql(error) => error.into(),
        DrawerError::AtWork | DrawerError::TooMuch | DrawerError::Differs { .. } | DrawerError::Money(_) => {
            Problem::bad_request("the drawer does not take this").into()
        }
    }
}
