//! `/biaya`: what the outlet has earned, day by day and in the month.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use chrono::Datelike;
use serde::Deserialize;

use super::guard::AtCounter;
use super::{Frame, Sorry, page};
use crate::domain::{BusinessDate, Rupiah};
use crate::http::App;
use crate::http::body::AskedOf;
use crate::http::problem::Problem;
use crate::payment;

struct Day {
    date: String,
    payments: i64,
    amount: String,
    fee: String,
}

#[derive(Template)]
#[template(path = "counter/fees.html")]
struct FeesPage {
    frame: Frame,
    month: String,
    days: Vec<Day>,
    payments: i64,
    amount: String,
    fee: String,
    before: String,
    after: Option<String>,
}

/// Which month.
#[derive(Deserialize)]
pub(in crate::http) struct Month {
    bulan: Option<String>,
}

/// `GET /biaya?bulan=2026-11`
///
/// # Errors
/// When it is no month, or the database fails.
pub(in crate::http) async fn fees(
    State(app): State<App>,
    at: AtCounter,
    AskedOf(asked): AskedOf<Month>,
) -> Result<Response, Sorry> {
    let this = first_of(app.clock.today());
    let first = match &asked.bulan {
        None => this,
        Some(text) => BusinessDate::parse(&format!("{text}-01"))
            .map_err(|_| Problem::bad_request("a month is written YYYY-MM"))?,
    };
    let next = first_of(BusinessDate::from(first.date() + chrono::TimeDelta::days(31)));
    let agent = at.session.operator.outlet.agent_id;
    let mut connection = app.db.requests.acquire().await?;
    let days = payment::fee_days(&mut connection, agent, (first, next)).await?;
    drop(connection);
    let sum = |amounts: Vec<Rupiah>| Rupiah::sum(amounts).unwrap_or_default().to_string();
    let template = FeesPage {
        frame: Frame::of(&at),
        // Without the day.
        month: first.long().trim_start_matches("1 ").to_owned(),
        payments: days.iter().map(|day| day.payments).sum(),
        amount: sum(days.iter().map(|day| day.amount).collect()),
        fee: sum(days.iter().map(|day| day.fee).collect()),
        days: days
            .into_iter()
            .map(|day| Day {
                date: day.day.long(),
                payments: day.payments,
                amount: day.amount.to_string(),
                fee: day.fee.to_string(),
            })
            .collect(),
        before: month_of(first.previous()),
        after: (first < this).then(|| month_of(next)),
    };
    Ok(page(StatusCode::OK, &template))
}

fn first_of(date: BusinessDate) -> BusinessDate {
    BusinessDate::from(date.date().with_day(1).unwrap_or(date.date()))
}

/// `2026-11`
fn month_of(date: BusinessDate) -> String {
    date.to_string().chars().take(7).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_follow_each_other_over_the_year() {
        let date = |text| BusinessDate::parse(text).unwrap();
        assert_eq!(first_of(date("2026-12-31")), date("2026-12-01"));
        assert_eq!(month_of(date("2027-01-01").previous()), "2026-12");
        let next = BusinessDate::from(date("2026-02-01").date() + chrono::TimeDelta::days(31));
        assert_eq!(month_of(first_of(next)), "2026-03");
    }
}
