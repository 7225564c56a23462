//! `/kantor/gerai`: pesantren with their outlets.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::guard::AsAdmin;
use super::{Frame, Sorry, page};
use crate::agents::{self, OutletLine};
use crate::http::App;

#[derive(Template)]
#[template(path = "office/outlets.html")]
struct OutletsPage {
    frame: Frame,
    outlets: Vec<OutletLine>,
}

/// `GET /kantor/gerai`
///
/// # Errors
/// When the database fails.
pub(in crate::http) async fn outlets(
    State(app): State<App>,
    AsAdmin(at): AsAdmin,
) -> Result<Response, Sorry> {
    let mut connection = app.db.requests.acquire().await?;
    let outlets = agents::outlets(&mut connection).await?;
    drop(connection);
    Ok(page(StatusCode::OK, &OutletsPage { frame: Frame::at(&at), outlets }))
}
