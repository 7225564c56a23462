//! Invariants 13, 15 and 17: what the authorities said of our legs, and that our rows say the same.
//!
//! A number that stands on a leg is proven by signed bytes under that leg's own reference: an answer, or a row of the
//! settlement file that ended its doubt. Whether the bytes are signed is the business of `evidence` and `night`.

use std::collections::BTreeSet;

use chrono::{DateTime, FixedOffset, NaiveDate};
use futures_util::TryStreamExt;
use serde::Deserialize;
use sqlx::PgConnection;
use uuid::Uuid;

use super::Check;
use crate::domain::{BusinessDate, Timestamp};

pub(super) async fn check(connection: &mut PgConnection) -> Result<Vec<Check>, sqlx::Error> {
    let legs = sqlx::query_scalar!(r#"SELECT count(*) AS "n!" FROM payment_leg"#)
        .fetch_one(&mut *connection)
        .await?;
    let twice = match number_twice(connection).await? {
        None => reference_twice(connection).await?,
        found => found,
    };
    let twice = match twice {
        None => booking_is_no_leg(connection).await?,
        found => found,
    };
    let found = read(connection).await?;
    let late = match found.late {
        None => settled_late(connection).await?,
        late => late,
    };
    Ok(vec![
        Check::new(
            13,
            "no refused payment is booked upstream without a case LATE_SUCCESS",
            found.refused,
            late,
        ),
        Check::new(15, "upstream numbers and our references are unique for ever", legs, twice),
        Check::new(
            17,
            "what an authority booked, refused or took back is proven by its own words",
            found.legs,
            found.unproven,
        ),
    ])
}

async fn number_twice(connection: &mut PgConnection) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT format('payment_leg: number %s of %s stands on %s legs, of payments %s', number, authority, count(*), string_agg(payment_id::text, ', ')) AS "offender!"
           FROM payment_leg WHERE number IS NOT NULL GROUP BY authority, number HAVING count(*) > 1
           LIMIT 1"#
    )
    .fetch_optional(connection)
    .await
}

async fn booking_is_no_leg(connection: &mut PgConnection) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT format('booking %s %s: leg %s/%s says %s of %s', coalesce(b.authority, l.authority), coalesce(b.number, l.number),
                         coalesce(b.payment_id, l.payment_id), coalesce(b.ordinal, l.ordinal), coalesce(l.number, 'no number'), l.business_date) AS "offender!"
           FROM booking b FULL JOIN (SELECT * FROM payment_leg WHERE number IS NOT NULL) l ON l.payment_id = b.payment_id AND l.ordinal = b.ordinal
           WHERE (b.authority, b.number, b.business_date) IS DISTINCT FROM (l.authority, l.number, l.business_date)
           LIMIT 1"#
    )
    .fetch_optional(connection)
    .await
}

async fn reference_twice(connection: &mut PgConnection) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT format('payment_leg: reference %s names %s legs, of payments %s', reference, count(*), string_agg(payment_id::text, ', ')) AS "offender!"
           FROM (SELECT reference, payment_id FROM payment_leg
                 UNION ALL SELECT reversal_reference, payment_id FROM payment_leg WHERE reversal_reference IS NOT NULL) r
           GROUP BY reference HAVING count(*) > 1
           LIMIT 1"#
    )
    .fetch_optional(connection)
    .await
}

/// In the files of the reconciliations in force.
async fn settled_late(connection: &mut PgConnection) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT format('payment_leg %s/%s: its payment is refused, the settlement file holds it, and there is no case LATE_SUCCESS', l.payment_id, l.ordinal) AS "offender!"
           FROM night_line n
           JOIN (SELECT DISTINCT ON (business_date) run_id FROM night_run ORDER BY business_date, revision DESC) r USING (run_id)
           JOIN payment_leg l ON l.reference = n.reference AND l.authority = n.authority
           JOIN payment p ON p.payment_id = l.payment_id AND p.state = 'refused'
           WHERE n.line_no IS NOT NULL
             AND NOT EXISTS (SELECT FROM case_file c WHERE c.payment_id = l.payment_id AND c.class = 'LATE_SUCCESS')
           GROUP BY l.payment_id, l.ordinal
           HAVING count(*) FILTER (WHERE n.status = 'PAID') > count(*) FILTER (WHERE n.status = 'REVERSED')
           LIMIT 1"#
    )
    .fetch_optional(connection)
    .await
}

/// A leg beside one thing that was said under its reference.
struct Row {
    payment_id: Uuid,
    ordinal: i16,
    payment_state: Option<String>,
    reference: Uuid,
    document_id: String,
    amount: i64,
    state: String,
    refusal: Option<String>,
    number: Option<String>,
    booked_at: Option<Timestamp>,
    business_date: Option<NaiveDate>,
    reversal_reference: Option<Uuid>,
    reversal_state: Option<String>,
    reversal_business_date: Option<NaiveDate>,
    late_success: Option<bool>,
    by_file: Option<bool>,
    operation: Option<String>,
    status: Option<i16>,
    body: Option<Vec<u8>>,
}

/// A booking as the protocol spells it. Our own reading, beside that of the code that paid.
#[derive(Deserialize)]
struct Booking {
    reference: Uuid,
    #[serde(alias = "assessment_id")]
    bill_id: String,
    amount: i64,
    #[serde(alias = "certificate_no")]
    ntpd: String,
    booked_at: DateTime<FixedOffset>,
    business_date: BusinessDate,
    status: String,
}

#[derive(Deserialize)]
struct Reversal {
    reversal_reference: Uuid,
    business_date: BusinessDate,
}

#[derive(Deserialize)]
struct Refusal {
    code: String,
}

#[derive(Default)]
struct Found {
    legs: i64,
    refused: i64,
    unproven: Option<String>,
    late: Option<String>,
}

async fn read(connection: &mut PgConnection) -> Result<Found, sqlx::Error> {
    let mut rows = sqlx::query_as!(
        Row,
        r#"SELECT l.payment_id, l.ordinal, p.state AS "payment_state?", l.reference, l.document_id, l.amount, l.state, l.refusal, l.number, l.booked_at,
                  l.business_date, l.reversal_reference, l.reversal_state, l.reversal_business_date,
                  EXISTS (SELECT FROM case_file c WHERE c.payment_id = l.payment_id AND c.class = 'LATE_SUCCESS') AS late_success,
                  s.reference IS NOT NULL AND (f.reference IS NOT NULL OR NOT EXISTS (SELECT FROM night_run r WHERE r.business_date = s.business_date)) AS by_file,
                  e.operation AS "operation?", e.status AS "status?", e.body AS "body?"
           FROM payment_leg l
           LEFT JOIN payment p USING (payment_id)
           LEFT JOIN settlement_resolution s ON s.reference = l.reference AND s.authority = l.authority AND s.business_date = l.business_date
           LEFT JOIN (SELECT DISTINCT n.reference, n.authority, n.number FROM night_line n JOIN settlement_resolution USING (reference)
                      WHERE n.status = 'PAID' AND n.line_no IS NOT NULL) f ON f.reference = l.reference AND f.authority = l.authority AND f.number = l.number
           LEFT JOIN evidence e ON e.reference = l.reference AND e.authority = l.authority
           WHERE l.number IS NOT NULL OR l.state IN ('refused', 'absent') OR l.reversal_state <> 'asked' OR p.state = 'refused'
           ORDER BY l.payment_id, l.ordinal"#
    )
    .fetch(connection);
    let mut found = Found::default();
    let mut last: Option<(Row, Said)> = None;
    while let Some(row) = rows.try_next().await? {
        match &mut last {
            Some((leg, said)) if leg.reference == row.reference => said.hear(&row),
            _ => {
                let said = Said::of(&row);
                found.take(last.replace((row, said)));
            }
        }
    }
    found.take(last);
    Ok(found)
}

impl Found {
    fn take(&mut self, heard: Option<(Row, Said)>) {
        let Some((leg, said)) = heard else { return };
        let named = |what: &str| format!("payment_leg {}/{}: {what}", leg.payment_id, leg.ordinal);
        self.legs += 1;
        if self.unproven.is_none() {
            self.unproven = leg.unproven(&said).map(named);
        }
        if leg.payment_state.as_deref() == Some("refused") {
            self.refused += 1;
            let late = said.has(Word::Paid) && !said.has(Word::TakenBack) && leg.late_success != Some(true);
            if late && self.late.is_none() {
                self.late = Some(named(
                    "its payment is refused, its authority has booked it, and there is no case LATE_SUCCESS",
                ));
            }
        }
    }
}

/// What can be said under a leg's reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Word {
    /// A booking of this bill and amount.
    Paid,
    /// A booking of this bill and amount that was taken back.
    TakenBack,
    /// The booking that stands on the leg.
    BookedSo,
    /// The refusal that stands on the leg.
    RefusedSo,
    /// No such reference.
    NotThere,
    /// The reversal that stands on the leg.
    ReversedSo,
    /// A refused reversal.
    ReversalRefused,
}

/// All answers under one reference together.
#[derive(Default)]
struct Said(BTreeSet<Word>);

impl Said {
    fn of(row: &Row) -> Self {
        let mut said = Self::default();
        said.hear(row);
        said
    }

    fn has(&self, word: Word) -> bool {
        self.0.contains(&word)
    }

    fn hear(&mut self, row: &Row) {
        let (Some(operation), Some(status), Some(body)) =
            (row.operation.as_deref(), row.status, row.body.as_deref())
        else {
            return;
        };
        let code = || serde_json::from_slice::<Refusal>(body).map(|refusal| refusal.code).unwrap_or_default();
        let word = match (operation, status) {
            ("payment" | "status", 200) => return self.hear_booking(row, body),
            ("payment", 400..=499) if row.refusal == Some(code()) => Word::RefusedSo,
            ("status", 404) if code() == "UNKNOWN_REFERENCE" => Word::NotThere,
            ("reversal", 200) if row.is_reversed_by(body) => Word::ReversedSo,
            ("reversal", 400..=499) => Word::ReversalRefused,
            _ => return,
        };
        self.0.insert(word);
    }

    fn hear_booking(&mut self, row: &Row, body: &[u8]) {
        let Ok(booking) = serde_json::from_slice::<Booking>(body) else { return };
        if (booking.reference, &booking.bill_id, booking.amount)
            != (row.reference, &row.document_id, row.amount)
        {
            return;
        }
        match booking.status.as_str() {
            "PAID" => self.0.insert(Word::Paid),
            "REVERSED" => self.0.insert(Word::TakenBack),
            _ => false,
        };
        if booking.status == "PAID"
            && row.number.as_ref() == Some(&booking.ntpd)
            && row.booked_at.map(|at| at.timestamp_micros()) == Some(booking.booked_at.timestamp_micros())
            && row.business_date == Some(booking.business_date.date())
        {
            self.0.insert(Word::BookedSo);
        }
    }
}

impl Row {
    fn is_reversed_by(&self, body: &[u8]) -> bool {
        serde_json::from_slice::<Reversal>(body).is_ok_and(|said| {
            self.reversal_reference == Some(said.reversal_reference)
                && self.reversal_business_date == Some(said.business_date.date())
        })
    }

    fn unproven(&self, said: &Said) -> Option<&'static str> {
        let proofs = [
            (
                self.number.is_none() || said.has(Word::BookedSo) || self.by_file == Some(true),
                "its number, time and day are in no answer or file of its authority",
            ),
            (self.state != "refused" || said.has(Word::RefusedSo), "its authority never said that refusal"),
            (
                self.state != "absent" || said.has(Word::NotThere) || said.has(Word::TakenBack),
                "its authority never said that it is not there",
            ),
            (
                self.reversal_state.as_deref() != Some("agreed") || said.has(Word::ReversedSo),
                "its authority never agreed to that reversal",
            ),
            (
                self.reversal_state.as_deref() != Some("refused") || said.has(Word::ReversalRefused),
                "its authority never refused the reversal",
            ),
        ];
        proofs.into_iter().find(|(proven, _)| !proven).map(|(_, what)| what)
    }
}
