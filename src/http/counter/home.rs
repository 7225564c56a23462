//! `/`, `/hari-ini`: the vehicle to look up, what is still open, what the day has brought.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::guard::AtCounter;
use super::refusal::Words;
use super::supervisor::{Sum, by_word};
use super::{Frame, Sorry, page};
use crate::domain::{Authority, PaymentId, PersonId, Rupiah, wib_hour};
use crate::drawer;
use crate::http::App;
use crate::payment::{self, DaySum, OutletLine, StateName};

/// Payments in one list.
const LISTED_MAX: i64 = 100;

/// A payment in a list.
pub(super) struct Line {
    pub(super) payment_id: PaymentId,
    pub(super) plate: String,
    pub(super) amount: String,
    pub(super) at: String,
    pub(super) word: &'static str,
    pub(super) tone: &'static str,
    pub(super) receipt_no: Option<String>,
    pub(super) operator: Option<String>,
}

impl Line {
    pub(super) fn of(line: OutletLine) -> Self {
        let (word, tone) = word(line.state);
        Self {
            payment_id: line.payment_id,
            plate: line.plate,
            amount: line.amount.to_string(),
            at: wib_hour(line.taken_at),
            word,
            tone,
            receipt_no: line.paper_no,
            operator: line.operator,
        }
    }
}

/// A state in one word, and its colour.
pub(super) const fn word(state: StateName) -> (&'static str, &'static str) {
    match state {
        StateName::Confirmed => ("Lunas", "good"),
        StateName::Held | StateName::InDoubt | StateName::IntegrityHold | StateName::Reversing => {
            ("Sedang dipastikan", "wait")
        }
        StateName::Refused => ("Ditolak", "bad"),
        StateName::Reversed => ("Dibatalkan", "bad"),
    }
}

#[derive(Template)]
#[template(path = "counter/home.html")]
struct HomePage {
    frame: Frame,
    plate: String,
    refused: Option<Words>,
    warning: Option<&'static str>,
    /// Cash may not be taken before the drawer is open.
    no_drawer: bool,
    open: Vec<Line>,
    float: String,
}

/// `GET /`
///
/// # Errors
/// When the database fails.
pub(in crate::http) async fn home(State(app): State<App>, at: AtCounter) -> Result<Response, Sorry> {
    shown(&app, &at, StatusCode::OK, (String::new(), None)).await
}

/// The page, with what was typed and why it was refused.
pub(super) async fn shown(
    app: &App,
    at: &AtCounter,
    status: StatusCode,
    (plate, refused): (String, Option<Words>),
) -> Result<Response, Sorry> {
    let outlet = &at.session.operator.outlet;
    let mut connection = app.db.requests.acquire().await?;
    let float = crate::ledger::float_view(&mut connection, outlet.agent_id).await?;
    let open = payment::open_of(&mut connection, outlet.agent_id, LISTED_MAX).await?;
    let drawer = drawer::open_of(&mut connection, at.session.operator.person_id).await?;
    drop(connection);
    let template = HomePage {
        frame: Frame::of(at),
        plate,
        refused,
        warning: warning(app, outlet.active),
        no_drawer: drawer.is_none(),
        open: open.into_iter().map(Line::of).collect(),
        float: Rupiah::new(float.available).unwrap_or_default().to_string(),
    };
    Ok(page(status, &template))
}

/// What a cashier must know before any money is taken.
pub(super) fn warning(app: &App, active: bool) -> Option<&'static str> {
    let closed = |authority| app.upstream.host(authority).breaker().is_closed();
    if !active {
        return Some("Loket ini sedang ditangguhkan. Jangan terima uang. Hubungi Bapenda.");
    }
    if app.upstream.is_closing() {
        return Some(
            "Bapenda atau Jasa Raharja sedang tutup buku harian. Jangan terima uang dahulu; coba lagi beberapa menit lagi.",
        );
    }
    match (closed(Authority::Bapenda), closed(Authority::JasaRaharja)) {
        (true, true) => None,
        (false, true) => {
            Some("Bapenda sedang tidak menjawab. Jangan terima uang dahulu; coba lagi sebentar.")
        }
        (true, false) => {
            Some("Jasa Raharja sedang tidak menjawab. Jangan terima uang dahulu; coba lagi sebentar.")
        }
        (false, false) => Some(
            "Bapenda dan Jasa Raharja sedang tidak menjawab. Jangan terima uang dahulu; coba lagi sebentar.",
        ),
    }
}

/// Who took payments; none for the outlet's own program.
type Who<'a> = Option<&'a (PersonId, String)>;

/// Sums by who took the payments; nothing where that is one alone.
fn by_operator(sums: &[DaySum]) -> Vec<(String, Vec<Sum>)> {
    let mut groups: Vec<(Who<'_>, Vec<&DaySum>)> = vec![];
    for sum in sums {
        match groups.iter_mut().find(|(who, _)| *who == sum.operator.as_ref()) {
            Some((_, own)) => own.push(sum),
            None => groups.push((sum.operator.as_ref(), vec![sum])),
        }
    }
    let name = |who: Who<'_>| who.map_or_else(|| "Lewat program gerai".to_owned(), |(_, name)| name.clone());
    let several = groups.len() > 1;
    let shown = groups.into_iter().filter(|_| several);
    shown.map(|(who, own)| (name(who), by_word(&own))).collect()
}

#[derive(Template)]
#[template(path = "counter/today.html")]
struct TodayPage {
    frame: Frame,
    date: String,
    lines: Vec<Line>,
    /// Over the whole day, by how payments stand.
    sums: Vec<Sum>,
    /// The same by who took them; only where that is more than one.
    operators: Vec<(String, Vec<Sum>)>,
    cut_off: bool,
}

/// `GET /hari-ini`: what this outlet has taken since midnight WIB.
///
/// # Errors
/// When the database fails.
pub(in crate::http) async fn today(State(app): State<App>, at: AtCounter) -> Result<Response, Sorry> {
    let date = app.clock.today();
    let agent = at.session.operator.outlet.agent_id;
    let mut connection = app.db.requests.acquire().await?;
    let mut payments = payment::taken_since(&mut connection, agent, date.begins_at(), LISTED_MAX + 1).await?;
    let sums = payment::day_sums(&mut connection, agent, date.begins_at()).await?;
    drop(connection);
    let most = usize::try_from(LISTED_MAX).unwrap_or(usize::MAX);
    let cut_off = payments.len() > most;
    payments.truncate(most);
    let template = TodayPage {
        frame: Frame::of(&at),
        date: date.long(),
        sums: by_word(&sums.iter().collect::<Vec<_>>()),
        operators: by_operator(&sums),
        lines: payments.into_iter().map(Line::of).collect(),
        cut_off,
    };
    Ok(page(StatusCode::OK, &template))
}
