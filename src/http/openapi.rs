//! `/openapi.json`, generated from the handlers themselves.

use axum::Json;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Content, Ref, RefOr, ResponseBuilder};
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

/// Problems have a media type of their own (RFC 9457), and any route may be broken or find the database away.
struct Problems;

const PROBLEM: &str = "application/problem+json";

impl Modify for Problems {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let problem = |what: &str| {
            let content = Content::new(Some(Ref::from_schema_name("ProblemBody")));
            RefOr::T(ResponseBuilder::new().description(what).content(PROBLEM, content).build())
        };
        let items = openapi.paths.paths.values_mut();
        for operation in items.flat_map(|item| [item.get.as_mut(), item.post.as_mut()]).flatten() {
            for (status, response) in &mut operation.responses.responses {
                let RefOr::T(response) = response else { continue };
                if status.starts_with(['4', '5'])
                    && response.content.get("application/json").is_some_and(is_problem)
                    && let Some(content) = response.content.swap_remove("application/json")
                {
                    response.content.insert(PROBLEM.to_owned(), content);
                }
            }
            for (status, what) in [("500", "Broken"), ("503", "Not now: the same request again, later")] {
                operation.responses.responses.entry(status.to_owned()).or_insert_with(|| problem(what));
            }
        }
    }
}

fn is_problem(content: &RefOr<Content>) -> bool {
    let RefOr::T(content) = content else { return false };
    matches!(&content.schema, Some(RefOr::Ref(schema)) if schema.ref_location.ends_with("/ProblemBody"))
}

#[derive(OpenApi)]
#[openapi(
    info(title = "Samsat OPOP gateway", description = "Vehicle tax of East Java, paid exactly once. Money is whole rupiah, times are RFC 3339 +07:00, errors are RFC 9457 problems with `code` and `retry`."),
    paths(
        lookups::create, payments::create, payments::list, payments::show, payments::cancel, payments::give_back,
        receipts::list, receipts::show, receipts::verify, float::show, float::entries, reconciliations::show,
        reconciliations::items, reconciliations::export_csv, reconciliations::export_xlsx, reconciliations::export_pdf
    ),
    modifiers(&Bearer, &Problems)
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
