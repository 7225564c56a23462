//! `/tagihan`: the vehicle, what it owes in plain words, and the cash that the citizen hands over.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use uuid::Uuid;

use super::form::Sent;
use super::guard::AtCounter;
use super::refusal::words;
use super::{Frame, Sorry, home, page, see};
use crate::domain::{
    AgentId, BillLine, BusinessDate, ChassisLast5, LookupId, Plate, Rupiah, Timestamp, wib_hour,
};
use crate::drawer;
use crate::http::App;
use crate::http::body::PageOf;
use crate::http::page::{line_name, receiver_name};
use crate::http::problem::Problem;
use crate::lookup::{Lookup, Quote, QuotedVehicle};
use crate::payment::{self, KeyOutcome};
use crate::tariff::{Difference, Verdict};

/// What the citizen shows.
#[derive(Deserialize)]
pub(in crate::http) struct Wanted {
    nopol: String,
    rangka: String,
}

/// `POST /tagihan`: looks the vehicle up. Plate and chassis travel in the form, never in an address.
///
/// # Errors
/// When the database fails; a refusal stands on the page itself.
pub(in crate::http) async fn look_up(
    State(app): State<App>,
    at: AtCounter,
    Sent(wanted): Sent<Wanted>,
) -> Result<Response, Sorry> {
    let refused = |status: StatusCode, code: &str| {
        let words = words(code);
        home::shown(&app, &at, status, (wanted.nopol.clone(), Some(words)))
    };
    let outlet = &at.session.operator.outlet;
    if !outlet.active {
        return refused(StatusCode::FORBIDDEN, "FORBIDDEN").await;
    }
    let Ok(plate) = Plate::parse(&wanted.nopol) else {
        return refused(StatusCode::BAD_REQUEST, "INVALID_PLATE").await;
    };
    let Ok(chassis) = ChassisLast5::parse(&wanted.rangka) else {
        return refused(StatusCode::BAD_REQUEST, "INVALID_CHASSIS").await;
    };
    match app.lookups.look_up(outlet, &plate, &chassis).await {
        Ok(lookup) => Ok(see(&format!("/tagihan/{}", lookup.lookup_id))),
        Err(error) => {
            let problem = Problem::from(error);
            refused(problem.status(), problem.code()).await
        }
    }
}

struct Row {
    name: &'static str,
    code: String,
    receiver: String,
    principal: String,
    penalty: String,
}

struct Period {
    due_on: String,
    late: String,
    /// Falls due today or tomorrow.
    soon: Option<&'static str>,
    rows: Vec<Row>,
}

struct Differing {
    due_on: String,
    name: &'static str,
    billed: String,
    computed: String,
    rule: String,
}

/// A quote in plain words.
pub(super) struct Bill {
    pub(super) lookup_id: Uuid,
    pub(super) key: String,
    pub(super) total: String,
    pub(super) total_rupiah: i64,
    pub(super) plate: String,
    vehicle: QuotedVehicle,
    periods: Vec<Period>,
    next_due_on: String,
    fee: String,
    in_words: String,
    differing: Vec<Differing>,
    not_computable: bool,
    expires: String,
    /// It ends within a quarter of an hour.
    expires_soon: bool,
    pub(super) expired: bool,
}

/// The one key of a quote: whoever sends it again, from whatever page, ends at the same payment (decision 030).
pub(super) fn key_of(lookup: LookupId) -> String {
    format!("loket-{lookup}")
}

/// A quote of this outlet; another's looks like none.
pub(super) async fn own_lookup(app: &App, agent: AgentId, id: Uuid) -> Result<Lookup, Sorry> {
    let mut connection = app.db.requests.acquire().await?;
    let lookup = crate::lookup::load(&mut connection, LookupId(id)).await?;
    lookup.filter(|lookup| lookup.agent_id == agent).ok_or_else(Sorry::absent)
}

impl Bill {
    pub(super) fn of(lookup: &Lookup, now: Timestamp) -> Self {
        let quote = &lookup.quote;
        let (differing, not_computable) = match &quote.check {
            Verdict::Agrees => (vec![], false),
            Verdict::Differs(differences) => (differences.iter().map(Differing::of).collect(), false),
            Verdict::NotComputable { .. } => (vec![], true),
        };
        let soon = lookup.expires_at - now < chrono::TimeDelta::minutes(15);
        Self {
            lookup_id: lookup.lookup_id.0,
            key: key_of(lookup.lookup_id),
            total: lookup.total.to_string(),
            total_rupiah: lookup.total.get(),
            plate: quote.vehicle.plate.clone(),
            vehicle: quote.vehicle.clone(),
            periods: quote.due_dates().into_iter().map(|due_on| Period::of(quote, due_on)).collect(),
            next_due_on: quote.next_due_on.long(),
            fee: lookup.fee.to_string(),
            in_words: lookup.total.in_words(),
            differing,
            not_computable,
            expires: wib_hour(lookup.expires_at),
            expires_soon: soon && lookup.expires_at > now,
            expired: lookup.expires_at <= now,
        }
    }
}

impl Period {
    fn of(quote: &Quote, due_on: BusinessDate) -> Self {
        let days = quote.paid_on.days_since(due_on);
        let late = match days {
            1.. => format!("terlambat {days} hari"),
            0 => "jatuh tempo hari ini, belum terlambat".to_owned(),
            _ => "belum terlambat".to_owned(),
        };
        let soon = match days {
            0 => Some("Jatuh tempo hari ini: mulai besok kena denda."),
            -1 => Some("Jatuh tempo besok: mulai lusa kena denda."),
            _ => None,
        };
        let legs = quote.legs.iter().flat_map(|leg| &leg.periods);
        let lines = legs.filter(|period| period.due_on == due_on).flat_map(|period| &period.lines);
        Self { due_on: due_on.long(), late, soon, rows: lines.map(Row::of).collect() }
    }
}

impl Row {
    fn of(line: &BillLine) -> Self {
        Self {
            name: line_name(&line.code),
            code: line.code.clone(),
            receiver: receiver_name(&line.beneficiary.to_string()),
            principal: line.principal.to_string(),
            penalty: line.penalty.to_string(),
        }
    }
}

impl Differing {
    fn of(difference: &Difference) -> Self {
        let both = |one: Rupiah, other: Rupiah| one.plus(other).unwrap_or_default().to_string();
        Self {
            due_on: difference.due_on.long(),
            name: line_name(difference.code.as_str()),
            billed: both(difference.billed_principal, difference.billed_penalty),
            computed: both(difference.computed_principal, difference.computed_penalty),
            rule: difference.rule.clone(),
        }
    }
}

#[derive(Template)]
#[template(path = "counter/bill.html")]
struct BillPage {
    frame: Frame,
    bill: Bill,
    warning: Option<&'static str>,
    /// The float does not bear it.
    float_short: bool,
    /// A cap of the outlet does not allow it.
    over_cap: Option<&'static str>,
    /// Cash may not be taken before the drawer is open.
    no_drawer: bool,
    /// This outlet's own payment for the vehicle, open or paid.
    own_payment: Option<Uuid>,
    cash: String,
    refused: Option<String>,
}

/// `GET /tagihan/{lookup_id}`: once it is paid or refused, its fate instead.
///
/// # Errors
/// When it is not this outlet's, or the database fails.
pub(in crate::http) async fn bill(
    State(app): State<App>,
    at: AtCounter,
    PageOf(id): PageOf<Uuid>,
) -> Result<Response, Sorry> {
    let lookup = own_lookup(&app, at.session.operator.outlet.agent_id, id).await?;
    shown(&app, &at, &lookup, (StatusCode::OK, String::new(), None)).await
}

async fn shown(
    app: &App,
    at: &AtCounter,
    lookup: &Lookup,
    (status, cash, refused): (StatusCode, String, Option<String>),
) -> Result<Response, Sorry> {
    let outlet = &at.session.operator.outlet;
    if !matches!(app.payments.outcome(outlet, &key_of(lookup.lookup_id)).await?, KeyOutcome::Free) {
        return Ok(see(&format!("/tagihan/{}/nasib", lookup.lookup_id)));
    }
    let mut connection = app.db.requests.acquire().await?;
    let float = crate::ledger::float_view(&mut connection, outlet.agent_id).await?;
    let own = payment::own_for_vehicle(&mut connection, outlet.agent_id, &lookup.plate).await?;
    let now = app.upstream.host(crate::domain::Authority::Bapenda).now();
    let over_cap = payment::over_cap(&mut connection, outlet.agent_id, (lookup.total, now)).await?;
    let drawer = drawer::open_of(&mut connection, at.session.operator.person_id).await?;
    drop(connection);
    let template = BillPage {
        frame: Frame::of(at),
        bill: Bill::of(lookup, now),
        warning: home::warning(app, outlet.active),
        float_short: float.available < lookup.total.get(),
        over_cap: over_cap.map(|refusal| words(refusal.as_str()).sentence),
        no_drawer: drawer.is_none(),
        own_payment: own.map(|own| own.payment_id.0),
        cash,
        refused,
    };
    Ok(page(status, &template))
}

/// The cash that lies on the counter.
#[derive(Deserialize)]
pub(in crate::http) struct Cash {
    uang: String,
}

#[derive(Template)]
#[template(path = "counter/confirm.html")]
struct ConfirmPage {
    frame: Frame,
    bill: Bill,
    cash: String,
    cash_rupiah: i64,
    change: String,
    exact: bool,
    warning: Option<&'static str>,
}

/// `POST /tagihan/{lookup_id}/konfirmasi`: the change, and the last look before money moves.
///
/// # Errors
/// When it is not this outlet's, or the database fails.
pub(in crate::http) async fn confirmation(
    State(app): State<App>,
    at: AtCounter,
    PageOf(id): PageOf<Uuid>,
    Sent(form): Sent<Cash>,
) -> Result<Response, Sorry> {
    let lookup = own_lookup(&app, at.session.operator.outlet.agent_id, id).await?;
    let back = |text: String| (StatusCode::UNPROCESSABLE_ENTITY, form.uang.clone(), Some(text));
    let Some(cash) = rupiah_of(&form.uang) else {
        let text = "Jumlah uang tidak terbaca. Mohon ketik angka saja, misalnya 400000.".to_owned();
        return shown(&app, &at, &lookup, back(text)).await;
    };
    let change = cash.minus(lookup.total).unwrap_or_default();
    if change.get() < 0 {
        let text = format!("Uangnya kurang {}. Mohon minta kekurangannya dahulu.", change.negated());
        return shown(&app, &at, &lookup, back(text)).await;
    }
    let template = ConfirmPage {
        frame: Frame::of(&at),
        bill: Bill::of(&lookup, app.upstream.host(crate::domain::Authority::Bapenda).now()),
        cash: cash.to_string(),
        cash_rupiah: cash.get(),
        change: change.to_string(),
        exact: change.is_zero(),
        warning: home::warning(&app, at.session.operator.outlet.active),
    };
    Ok(page(StatusCode::OK, &template))
}

/// `400000`, `400.000`, `Rp400.000`: an amount as people type it. Not more than a billion lies on a counter.
pub(super) fn rupiah_of(text: &str) -> Option<Rupiah> {
    let text = text.trim().trim_start_matches("Rp").trim();
    let digits: String = text.chars().filter(|c| !matches!(c, '.' | ' ')).collect();
    let plain = !digits.is_empty() && digits.len() <= 10 && digits.bytes().all(|b| b.is_ascii_digit());
    let amount = plain.then(|| digits.parse().ok()).flatten()?;
    Rupiah::not_negative(amount).ok().filter(|amount| amount.get() <= 1_000_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cash_is_read_as_people_type_it() {
        for text in ["400000", "400.000", "Rp400.000", " Rp 400 000 "] {
            assert_eq!(rupiah_of(text).map(Rupiah::get), Some(400_000), "{text}");
        }
        for text in ["", "empat ratus ribu", "400,5", "-1", "99999999999", "1000000001"] {
            assert_eq!(rupiah_of(text), None, "{text}");
        }
    }
}
