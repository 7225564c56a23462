//! Breaks become cases: one for each (class, side, line) for all time, however often the night runs.

use std::collections::BTreeMap;

use sqlx::PgConnection;

use super::{Publication, PublishError, store};
use crate::domain::{Authority, BusinessDate};
use crate::reconciliation::class::Class;
use crate::reconciliation::classify::Classification;
use crate::reconciliation::matching::Item;
use crate::reconciliation::result;

/// What a break's case says when it is opened.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) class: Class,
    pub(crate) side: &'static str,
    pub(crate) line_key: String,
    pub(crate) reference: uuid::Uuid,
    pub(crate) facts: serde_json::Value,
}

/// Opens a case for each break that has none; says how many were opened and how many stood already.
pub(crate) async fn open(
    connection: &mut PgConnection,
    publication: &Publication<'_>,
) -> Result<(u64, u64), PublishError> {
    let mut cases: BTreeMap<(Class, &'static str, String), Case> = BTreeMap::new();
    for (side, _) in &publication.sides {
        for item in side.items.iter().filter(|item| item.class.is_break()) {
            if let Some(case) = of(side, item, publication.date) {
                cases.entry((case.class, case.side, case.line_key.clone())).or_insert(case);
            }
        }
    }
    let cases: Vec<Case> = cases.into_values().collect();
    let mut opened = 0;
    for batch in cases.chunks(super::BATCH) {
        opened += store::insert_cases(connection, batch, publication.at).await?;
    }
    Ok((opened, cases.len() as u64 - opened))
}

fn of(classified: &Classification, item: &Item, date: BusinessDate) -> Option<Case> {
    let line = result::line(&classified.file, item)?;
    let key = result::key(&classified.file, item)?;
    let theirs = match classified.file.header.sender {
        Authority::Bapenda => "BAPENDA",
        Authority::JasaRaharja => "JASA_RAHARJA",
    };
    let (side, line_key) = match item.class {
        // One decision for the whole payment, whoever noticed first: a later payment's refusal or the night.
        Class::LateSuccess => ("HERE", classified.closed.get(&key.reference)?.to_string()),
        // The same line can stand twice on two dates: two decisions.
        Class::Duplicate => (theirs, format!("{key}@{date}")),
        _ if item.row.is_none() => ("HERE", key.to_string()),
        _ => (theirs, key.to_string()),
    };
    let reference = line.reference;
    let facts = serde_json::json!({ "business_date": date, "line": line });
    Some(Case { class: item.class, side, line_key, reference, facts })
}
