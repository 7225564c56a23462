//! `/kantor`: what waits.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::guard::AtOffice;
use super::{Frame, Sorry, page, role_name};
use crate::http::App;
use crate::{agents, cases};

#[derive(Template)]
#[template(path = "office/home.html")]
struct HomePage {
    frame: Frame,
    name: String,
    role: &'static str,
    /// Proposals that nobody has approved.
    waiting: usize,
    open_cases: usize,
    /// Days that the oldest open case is old.
    oldest_days: Option<i64>,
    yesterday: String,
    yesterday_long: String,
}

/// `GET /kantor`
///
/// # Errors
/// When the database fails.
pub(in crate::http) async fn home(State(app): State<App>, AtOffice(at): AtOffice) -> Result<Response, Sorry> {
    let mut connection = app.db.requests.acquire().await?;
    let waiting = agents::waiting_proposals(&mut connection).await?.len();
    let open = cases::list(&mut connection, false).await?;
    drop(connection);
    let yesterday = app.clock.today().previous();
    let template = HomePage {
        name: at.member().name().to_owned(),
        role: role_name(at.member().role),
        frame: Frame::at(&at),
        waiting,
        open_cases: open.len(),
        oldest_days: open.iter().map(|case| case.age_days).max(),
        yesterday: yesterday.to_string(),
        yesterday_long: yesterday.long(),
    };
    Ok(page(StatusCode::OK, &template))
}
