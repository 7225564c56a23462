//! `/kantor/rekonsiliasi`: what a night published.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use uuid::Uuid;

use super::guard::{AsReader, person};
use super::{Frame, Seat, Sorry, date_of, page, see};
use crate::domain::{BusinessDate, Plate, Rupiah};
use crate::http::App;
use crate::http::api::reconciliations::{csv, pdf, run_of, xlsx};
use crate::http::body::{AskedOf, PageOf};
use crate::reconciliation::class::Class;
use crate::reconciliation::reading::{self, Line, Wanted};
use crate::reconciliation::report::Report;

/// Lines on one page.
const LISTED_MAX: i64 = 50;

#[derive(Template)]
#[template(path = "office/reconciliations.html")]
struct AskPage {
    frame: Frame,
    yesterday: String,
    /// The date that has no night.
    absent: Option<String>,
}

/// Of which day.
#[derive(Deserialize)]
pub(in crate::http) struct Day {
    tanggal: Option<String>,
}

/// `GET /kantor/rekonsiliasi`: asks for a date, and leads to it.
///
/// # Errors
/// When the date is none.
pub(in crate::http) async fn reconciliations(
    State(app): State<App>,
    AsReader(at): AsReader,
    AskedOf(day): AskedOf<Day>,
) -> Result<Response, Sorry> {
    if let Some(date) = date_of(day.tanggal.as_deref())? {
        return Ok(see(&format!("/kantor/rekonsiliasi/{date}")));
    }
    let yesterday = app.clock.today().previous().to_string();
    Ok(page(StatusCode::OK, &AskPage { frame: Frame::at(&at), yesterday, absent: None }))
}

#[derive(Template)]
#[template(path = "office/reconciliation.html")]
struct NightPage {
    frame: Frame,
    date: String,
    date_long: String,
    run: Report,
    classes: Vec<ClassLine>,
    /// The class whose lines are shown.
    wanted: Option<&'static str>,
    lines: Vec<Shown>,
    next: Option<i32>,
}

struct ClassLine {
    code: &'static str,
    word: &'static str,
    count: u64,
    amount: String,
    is_break: bool,
}

struct Shown {
    payment_id: Option<Uuid>,
    plate: String,
    authority: &'static str,
    code: String,
    due_on: String,
    here: String,
    there: String,
    number: String,
}

/// Which lines.
#[derive(Deserialize)]
pub(in crate::http) struct Which {
    kelas: Option<String>,
    sesudah: Option<i32>,
}

/// `GET /kantor/rekonsiliasi/{date}`
///
/// # Errors
/// When the database fails.
pub(in crate::http) async fn reconciliation(
    State(app): State<App>,
    AsReader(at): AsReader,
    PageOf(date): PageOf<BusinessDate>,
    AskedOf(which): AskedOf<Which>,
) -> Result<Response, Sorry> {
    let class =
        which.kelas.as_deref().map(|name| Class::named(name).ok_or_else(Sorry::absent)).transpose()?;
    let what = if class.is_some() { "read reconciliation items" } else { "read reconciliation" };
    let run = match run_of(&app, person(&at), date, what).await {
        Ok(run) => run,
        Err(problem) if problem.status() == StatusCode::NOT_FOUND => {
            let yesterday = app.clock.today().previous().to_string();
            let absent = Some(date.long());
            return Ok(page(StatusCode::NOT_FOUND, &AskPage { frame: Frame::at(&at), yesterday, absent }));
        }
        Err(problem) => return Err(problem.into()),
    };
    let mut lines = vec![];
    if class.is_some() {
        let mut connection = app.db.requests.acquire().await?;
        let wanted = Wanted { class, after: which.sesudah.unwrap_or(0), limit: LISTED_MAX };
        lines = reading::lines(&mut connection, run.run_id, wanted).await?;
    }
    let full = i64::try_from(lines.len()).is_ok_and(|n| n == LISTED_MAX);
    let template = NightPage {
        frame: Frame::at(&at),
        date: date.to_string(),
        date_long: date.long(),
        classes: classes(&run),
        run,
        wanted: class.map(Class::as_str),
        next: lines.last().map(|line| line.ordinal).filter(|_| full),
        lines: lines.into_iter().map(shown).collect(),
    };
    Ok(page(StatusCode::OK, &template))
}

fn classes(run: &Report) -> Vec<ClassLine> {
    let line = |(name, count): (&String, &u64)| {
        let class = Class::named(name)?;
        let amount = run.amounts.get(name).copied().unwrap_or_default().to_string();
        Some(ClassLine {
            code: class.as_str(),
            word: class.word(),
            count: *count,
            amount,
            is_break: class.is_break(),
        })
    };
    run.counts.iter().filter_map(line).collect()
}

fn shown(line: Line) -> Shown {
    let sum = |principal: Option<Rupiah>, penalty: Option<Rupiah>| {
        let both = principal.map(|principal| principal.plus(penalty.unwrap_or_default()));
        both.and_then(Result::ok).map_or_else(|| "–".to_owned(), |sum| sum.to_string())
    };
    let row = line.line;
    Shown {
        payment_id: line.payment_id,
        plate: Plate::parse(&row.plate).map_or(row.plate, |plate| plate.to_string()),
        authority: if row.authority == "BAPENDA" { "Bapenda" } else { "Jasa Raharja" },
        code: row.code,
        due_on: row.due_on.long(),
        here: sum(row.here_principal, row.here_penalty),
        there: sum(row.there_principal, row.there_penalty),
        number: row.number.unwrap_or_default(),
    }
}

/// `GET /kantor/rekonsiliasi/{date}/berkas.csv`: the same file as the API's.
///
/// # Errors
/// When no night of that date was published.
pub(in crate::http) async fn export(
    State(app): State<App>,
    AsReader(at): AsReader,
    PageOf(date): PageOf<BusinessDate>,
) -> Result<Response, Sorry> {
    let run = exported(&app, &at, date).await?;
    Ok(csv(app, &run))
}

/// `GET /kantor/rekonsiliasi/{date}/berkas.xlsx`
///
/// # Errors
/// When no night of that date was published, or the workbook cannot be written.
pub(in crate::http) async fn export_workbook(
    State(app): State<App>,
    AsReader(at): AsReader,
    PageOf(date): PageOf<BusinessDate>,
) -> Result<Response, Sorry> {
    let run = exported(&app, &at, date).await?;
    Ok(xlsx(&app, &run).await?)
}

/// `GET /kantor/rekonsiliasi/{date}/berkas.pdf`
///
/// # Errors
/// When no night of that date was published, or the minutes cannot be drawn.
pub(in crate::http) async fn export_minutes(
    State(app): State<App>,
    AsReader(at): AsReader,
    PageOf(date): PageOf<BusinessDate>,
) -> Result<Response, Sorry> {
    let run = exported(&app, &at, date).await?;
    Ok(pdf(&app, run).await?)
}

async fn exported(app: &App, at: &Seat, date: BusinessDate) -> Result<Report, Sorry> {
    match run_of(app, person(at), date, "exported reconciliation").await {
        Ok(run) => Ok(run),
        Err(problem) if problem.status() == StatusCode::NOT_FOUND => Err(Sorry::absent()),
        Err(problem) => Err(problem.into()),
    }
}
