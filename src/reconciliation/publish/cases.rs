//! Breaks become cases: one for each (class, side, line) for all time, however often the night runs.

use std::collections::BTreeMap;

use sqlx::PgConnection;

use super::{Publication, PublishError, store};
use crate::domain::{Authority, BusinessDate};
use crate::reconciliation::class::Class;
use crate::reconciliation::matching::Item;
use crate::reconciliation::result;
use crate::reconciliation::settlement::Settlement;

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
            if let Some(case) = of(&side.file, item, publication.date) {
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

fn of(file: &Settlement, item: &Item, date: BusinessDate) -> Option<Case> {
    let line = result::line(file, item)?;
    let key = result::key(file, item)?;
    let line_key = match item.class {
        // The whole leg was booked after its refusal: one decision, whatever its lines.
        Class::LateSuccess => key.reference.to_string(),
        // The same line can stand twice on two dates: two decisions.
        Class::Duplicate => format!("{key}@{date}"),
        _ => key.to_string(),
    };
    let side = match (item.row, file.header.sender) {
        (None, _) => "HERE",
        (Some(_), Authority::Bapenda) => "BAPENDA",
        (Some(_), Authority::JasaRaharja) => "JASA_RAHARJA",
    };
    let reference = line.reference;
    let facts = serde_json::json!({ "business_date": date, "line": line });
    Some(Case { class: item.class, side, line_key, reference, facts })
}
