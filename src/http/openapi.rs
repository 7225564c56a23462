//! `/openapi.json`, generated from the handlers themselves.

use axum::Json;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

use super::api::{float, lookups, payments, receipts, reconciliations};

struct Bearer;

impl Modify for Bearer {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
        openapi
            .components
            .get_or_insert_default()
            .add_security_scheme("bearer", SecurityScheme::Http(scheme));
    }
}

#[derive(OpenApi)]
#[openapi(
    info(title = "Samsat OPOP gateway", description = "Vehicle tax of East Java, paid exactly once. Money is whole rupiah, times are RFC 3339 +07:00, errors are RFC 9457 problems with `code` and `retry`."),
    paths(
        lookups::create, payments::create, payments::list, payments::show, payments::cancel, payments::give_back,
        receipts::list, receipts::show, receipts::verify, float::show, float::entries, reconciliations::show,
        reconciliations::items, reconciliations::export_csv
    ),
    modifiers(&Bearer)
)]
struct Api;

/// The document.
#[must_use]
pub fn document() -> utoipa::openapi::OpenApi {
    Api::openapi()
}

/// `GET /openapi.json`
pub(super) async fn serve() -> Json<utoipa::openapi::OpenApi> {
    Json(document())
}
