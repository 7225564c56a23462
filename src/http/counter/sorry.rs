//! What cannot be done, as a page: one sentence on what it means, one on what to do.

use askama::Template;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use super::page;
use super::refusal::{Words, words};
use crate::http::problem::Problem;
use crate::lookup::LookupError;
use crate::payment::PayError;

/// A problem that a person reads.
#[derive(Debug)]
pub(in crate::http) struct Sorry {
    problem: Problem,
    absent: bool,
}

impl Sorry {
    /// No such page: what does not exist and what is another outlet's look alike.
    pub(in crate::http) fn absent() -> Self {
        Self { problem: Problem::not_found(), absent: true }
    }
}

#[derive(Template)]
#[template(path = "counter/sorry.html")]
struct SorryPage<'a> {
    words: Words,
    code: &'a str,
    /// The same form, with the same key, tells the truth later: a script may send it again by itself.
    again: bool,
}

impl IntoResponse for Sorry {
    fn into_response(self) -> Response {
        let words = if self.absent { Words::absent() } else { words(self.problem.code()) };
        let code = self.problem.code();
        let again = matches!(code, "UNAVAILABLE" | "INTERNAL");
        let mut response = page(self.problem.status(), &SorryPage { words, code, again });
        for (name, value) in self.problem.headers() {
            // A page does not ask for a bearer token.
            if let Ok(value) = HeaderValue::from_str(value).map_err(drop)
                && self.problem.status() != StatusCode::UNAUTHORIZED
            {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }
}

impl From<Problem> for Sorry {
    fn from(problem: Problem) -> Self {
        Self { problem, absent: false }
    }
}

impl From<sqlx::Error> for Sorry {
    fn from(error: sqlx::Error) -> Self {
        Problem::from(error).into()
    }
}

impl From<LookupError> for Sorry {
    fn from(error: LookupError) -> Self {
        Problem::from(error).into()
    }
}

impl From<PayError> for Sorry {
    fn from(error: PayError) -> Self {
        Problem::from(error).into()
    }
}
