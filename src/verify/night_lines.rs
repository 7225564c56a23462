//! The lines of published reconciliations, those in chunks and those in rows, against the files that they count and the
//! legs that they call ours. Counted here from what is stored alone, whatever the code that wrote it counted.

use std::collections::{BTreeMap, HashMap};

use sqlx::types::Json;
use sqlx::{PgConnection, query, query_as, query_scalar};
use uuid::Uuid;

use crate::domain::{Authority, BillPeriod, BusinessDate, RunId};
use crate::reconciliation::ours::claim_store;
use crate::reconciliation::reading::{self, Wanted};
use crate::reconciliation::result::ResultLine;

/// Lines that are looked at together.
const BATCH: i64 = 20_000;

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Lines {
    pub(super) count: i64,
    pub(super) miscounted: Option<String>,
    pub(super) not_ours: Option<String>,
}

/// A line that a run calls ours: class, authority, reference, due date, code, beneficiary, principal, penalty.
#[derive(Debug)]
struct Ours {
    class: String,
    authority: String,
    reference: Uuid,
    due_on: String,
    code: String,
    beneficiary: String,
    principal: i64,
    penalty: i64,
}

/// Our line in full, where it differs from the row.
#[derive(serde::Deserialize)]
struct InFull {
    reference: Uuid,
    due_on: String,
    code: String,
    beneficiary: String,
}

/// What one run's lines come to.
#[derive(Debug, Default)]
struct Tally {
    /// Lines and rupiah by class.
    classes: BTreeMap<String, (i64, i128)>,
    files: BTreeMap<String, Rows>,
    broken: Option<String>,
}

/// The rows of one file.
#[derive(Debug, Default)]
struct Rows {
    /// A bit for each place in the file.
    places: Vec<u64>,
    distinct: i64,
    last: i32,
    count: i64,
    total: i128,
}

/// Looks at every line of every run.
pub(super) async fn look_at(connection: &mut PgConnection) -> Result<Lines, sqlx::Error> {
    let mut lines = Lines::default();
    for (run_id, ..) in reading::runs(connection).await? {
        let mut tally = Tally::default();
        let mut after = 0;
        loop {
            let wanted = Wanted { class: None, after, limit: BATCH };
            let piece = match reading::piece(connection, run_id, wanted).await {
                Err(sqlx::Error::Decode(what)) => {
                    tally.broken = Some(what.to_string());
                    break;
                }
                piece => piece?,
            };
            let Some(last) = piece.last() else { break };
            after = last.ordinal;
            let ours: Vec<Ours> = piece.iter().filter_map(|line| tally.add(&line.line)).collect();
            if lines.not_ours.is_none() {
                lines.not_ours = not_ours(connection, run_id, &ours).await?;
            }
        }
        lines.count += tally.classes.values().map(|(n, _)| n).sum::<i64>();
        if lines.miscounted.is_none() {
            lines.miscounted = tally.miscounted(connection, run_id).await?;
        }
    }
    Ok(lines)
}

impl Rows {
    fn add(&mut self, line_no: i32, amount: i128) {
        self.count += 1;
        self.total += amount;
        self.last = self.last.max(line_no);
        let place = usize::try_from(line_no).unwrap_or_default();
        if self.places.len() <= place / 64 {
            self.places.resize(place / 64 + 1, 0);
        }
        if let Some(word) = self.places.get_mut(place / 64) {
            self.distinct += i64::from(*word >> (place % 64) & 1 == 0);
            *word |= 1 << (place % 64);
        }
    }
}

impl Tally {
    /// Counts a line; gives back the line of ours that it names.
    fn add(&mut self, line: &ResultLine) -> Option<Ours> {
        let rupiah = |amount: Option<crate::domain::Rupiah>| amount.map(|amount| i128::from(amount.get()));
        let theirs = rupiah(line.there_principal).zip(rupiah(line.there_penalty)).map(|(a, b)| a + b);
        let here = rupiah(line.here_principal).zip(rupiah(line.here_penalty));
        let class = self.classes.entry(line.class.clone()).or_default();
        class.0 += 1;
        class.1 += theirs.or(here.map(|(a, b)| a + b)).unwrap_or_default();
        if let Some(line_no) = line.line_no {
            self.files.entry(line.authority.clone()).or_default().add(line_no, theirs.unwrap_or_default());
        }
        let (principal, penalty) = line.here_principal.zip(line.here_penalty)?;
        let ours = Ours::of(line, (principal.get().abs(), penalty.get().abs()));
        if ours.is_none() {
            self.broken = Some(format!("line {:?} holds no line of ours", line.ours));
        }
        ours
    }

    async fn miscounted(
        &self,
        connection: &mut PgConnection,
        run_id: RunId,
    ) -> Result<Option<String>, sqlx::Error> {
        if let Some(broken) = &self.broken {
            return Ok(Some(format!("night_run {run_id}: {broken}")));
        }
        let files = query!(
            "SELECT f.authority, f.row_count, f.total
             FROM night_input i JOIN settlement_file f USING (authority, business_date, revision) WHERE i.run_id = $1",
            run_id.0
        )
        .fetch_all(&mut *connection)
        .await?;
        for file in &files {
            let none = Rows::default();
            let rows = self.files.get(&file.authority).unwrap_or(&none);
            let count = i64::from(file.row_count);
            let stands = (rows.count, rows.distinct, i64::from(rows.last), rows.total);
            if stands != (count, count, count, i128::from(file.total)) {
                return Ok(Some(format!(
                    "night_run {run_id}: the file of {} has {count} rows of {}, its lines hold {} of {}",
                    file.authority, file.total, rows.distinct, rows.total
                )));
            }
        }
        let said = query!(
            r#"SELECT c.key AS "class!", c.value::bigint AS "n!", coalesce((r.amounts->>c.key)::bigint, 0) AS "amount!"
               FROM night_run r, jsonb_each_text(r.counts) c WHERE r.run_id = $1 AND c.value <> '0'"#,
            run_id.0
        )
        .fetch_all(connection)
        .await?;
        let said: BTreeMap<String, (i64, i128)> =
            said.into_iter().map(|row| (row.class, (row.n, i128::from(row.amount)))).collect();
        let differs =
            said.keys().chain(self.classes.keys()).find(|class| said.get(*class) != self.classes.get(*class));
        Ok(differs.map(|class| {
            let (said, stands) = (said.get(class), self.classes.get(class));
            format!("night_run {run_id}: it says {said:?} of {class}, its lines are {stands:?}")
        }))
    }
}

impl Ours {
    /// Where a line of ours differs from the file's row, it stands in full; else the row's own key names it.
    fn of(line: &ResultLine, (principal, penalty): (i64, i64)) -> Option<Self> {
        let (reference, due_on, code, beneficiary) = match &line.ours {
            Some(text) => {
                let ours: InFull = serde_json::from_str(text).ok()?;
                (ours.reference, ours.due_on, ours.code, ours.beneficiary)
            }
            None => (line.reference, line.due_on.to_string(), line.code.clone(), line.beneficiary.clone()),
        };
        let (class, authority) = (line.class.clone(), line.authority.clone());
        Some(Self { class, authority, reference, due_on, code, beneficiary, principal, penalty })
    }
}

struct LegRow {
    reference: Uuid,
    authority: String,
    periods: Json<Vec<BillPeriod>>,
}

/// The first of these lines that is on no leg of ours.
async fn not_ours(
    connection: &mut PgConnection,
    run_id: RunId,
    lines: &[Ours],
) -> Result<Option<String>, sqlx::Error> {
    let mut references: Vec<Uuid> = lines.iter().map(|line| line.reference).collect();
    references.dedup();
    let legs = query_as!(
        LegRow,
        r#"SELECT l.reference, l.authority, l.periods AS "periods: Json<Vec<BillPeriod>>" FROM unnest($1::uuid[]) u (wanted)
           JOIN payment_leg l ON l.payment_id = payment_of(wanted) AND l.reference = wanted"#,
        &references
    )
    .fetch_all(connection)
    .await?;
    let legs: HashMap<Uuid, LegRow> = legs.into_iter().map(|leg| (leg.reference, leg)).collect();
    let stands = |line: &&Ours| {
        legs.get(&line.reference).is_some_and(|leg| leg.authority == line.authority && leg.holds(line))
    };
    Ok(lines.iter().find(|line| !stands(line)).map(|line| {
        let Ours { class, authority, reference, due_on, code, beneficiary, principal, penalty } = line;
        format!(
            "night_run {run_id} ({class}): no leg of ours at {authority} has {code} {due_on} for {beneficiary} of {principal} + {penalty} under reference {reference}"
        )
    }))
}

impl LegRow {
    fn holds(&self, line: &Ours) -> bool {
        self.periods
            .iter()
            .filter(|period| period.due_on.to_string() == line.due_on)
            .flat_map(|p| &p.lines)
            .any(|ours| {
                ours.code == line.code
                    && ours.beneficiary.to_string() == line.beneficiary
                    && (ours.principal.get(), ours.penalty.get()) == (line.principal, line.penalty)
            })
    }
}

/// A line that one night claims by a row and another holds as a plain match.
pub(super) async fn claimed_twice(connection: &mut PgConnection) -> Result<Option<String>, sqlx::Error> {
    let claims = query!(
        r#"SELECT c.reference, c.due_on, c.code, c.beneficiary, c.status, c.business_date, l.authority, l.business_date AS "booked_on!"
           FROM settlement_claim c JOIN payment_leg l ON l.payment_id = payment_of(c.reference) AND l.reference = c.reference
           WHERE l.business_date IS NOT NULL ORDER BY c.reference"#
    )
    .fetch_all(&mut *connection)
    .await?;
    for authority in Authority::ALL {
        let of_it = || claims.iter().filter(|claim| claim.authority == authority.as_str());
        let booked: Vec<(Uuid, BusinessDate)> =
            of_it().map(|claim| (claim.reference, claim.booked_on.into())).collect();
        let mut matched: HashMap<String, BusinessDate> = HashMap::new();
        for batch in booked.chunks(5_000) {
            let found = claim_store::matched(connection, authority, batch).await?;
            matched.extend(found.into_iter().map(|(key, on)| (key.to_string(), on)));
        }
        for claim in of_it() {
            let key = format!(
                "{}/{}/{}/{}/{}",
                claim.reference, claim.due_on, claim.code, claim.beneficiary, claim.status
            );
            if let Some(on) = matched.get(&key) {
                return Ok(Some(format!(
                    "settlement_claim {key}: {} claims what the reconciliation of {on} holds as matched",
                    claim.business_date
                )));
            }
        }
    }
    Ok(None)
}

/// A leg of a refused payment that a reconciliation in force holds as a plain match, without the case that must be.
pub(super) async fn refused_and_matched(
    connection: &mut PgConnection,
) -> Result<Option<String>, sqlx::Error> {
    let legs = query!(
        r#"SELECT l.payment_id, l.ordinal, l.reference, l.authority, l.business_date AS "business_date!"
           FROM payment p JOIN payment_leg l USING (payment_id)
           WHERE p.state = 'refused' AND l.business_date IS NOT NULL
             AND NOT EXISTS (SELECT FROM case_file c WHERE c.payment_id = l.payment_id AND c.class = 'LATE_SUCCESS')"#
    )
    .fetch_all(&mut *connection)
    .await?;
    for leg in legs {
        let Some(authority) = Authority::named(&leg.authority) else { continue };
        let matched =
            claim_store::matched(connection, authority, &[(leg.reference, leg.business_date.into())]).await?;
        let taken_back = query_scalar!(
            r#"SELECT count(*) AS "n!" FROM night_line n
               JOIN (SELECT DISTINCT ON (business_date) run_id FROM night_run ORDER BY business_date, revision DESC) r USING (run_id)
               WHERE n.reference = $1 AND n.line_no IS NOT NULL AND n.status = 'REVERSED'"#,
            leg.reference
        )
        .fetch_one(&mut *connection)
        .await?;
        if matched.len() as u64 > taken_back.unsigned_abs() {
            return Ok(Some(format!(
                "payment_leg {}/{}: its payment is refused, the settlement file holds it, and there is no case LATE_SUCCESS",
                leg.payment_id, leg.ordinal
            )));
        }
    }
    Ok(None)
}
