//! Invariant 16: every answer we keep is signed by its host, and every quote is what both hosts signed.

use aws_lc_rs::digest;
use futures_util::TryStreamExt;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Check, VerifyKeys};
use crate::domain::{Authority, BillPeriod, BusinessDate};
use crate::lookup::{Quote, QuotedLeg};
use crate::upstream::{Assessment, Bill, PublicKey, WirePeriod};

pub(super) async fn check(
    connection: &mut PgConnection,
    keys: &VerifyKeys,
) -> Result<Vec<Check>, sqlx::Error> {
    let (answers, unsigned) = answers(connection, keys).await?;
    let (quotes, misquoted) = quotes(connection, keys).await?;
    Ok(vec![
        Check::new(16, "every kept answer is signed by its host", answers, unsigned),
        Check::new(16, "every quote is what both hosts signed", quotes, misquoted),
    ])
}

/// The parts of an answer that its signature covers.
pub(super) struct Signed<'a> {
    pub(super) status: &'a str,
    pub(super) path: &'a str,
    pub(super) request_sha256: &'a str,
    pub(super) body_sha256: &'a str,
    pub(super) timestamp: &'a str,
    pub(super) signature: &'a str,
}

impl Signed<'_> {
    /// STATUS ":" path ":" request hash ":" answer hash ":" X-Timestamp (protocol, authentication).
    pub(super) fn verifies(&self, key: &PublicKey) -> bool {
        let text = [self.status, self.path, self.request_sha256, self.body_sha256, self.timestamp].join(":");
        key.verifies(text.as_bytes(), self.signature)
    }
}

fn sha256_hex(bytes: &[u8]) -> String {
    hex::encode(digest::digest(&digest::SHA256, bytes))
}

async fn answers(
    connection: &mut PgConnection,
    keys: &VerifyKeys,
) -> Result<(i64, Option<String>), sqlx::Error> {
    let mut rows = sqlx::query!(
        "SELECT evidence_id, authority, operation, reference, status, path, request_sha256, body, host_timestamp, signature FROM evidence"
    )
    .fetch(connection);
    let (mut checked, mut offender) = (0, None);
    while let Some(row) = rows.try_next().await? {
        checked += 1;
        let (status, request_sha256) = (row.status.to_string(), hex::encode(&row.request_sha256));
        let signed = Signed {
            status: &status,
            path: &row.path,
            request_sha256: &request_sha256,
            body_sha256: &sha256_hex(&row.body),
            timestamp: &row.host_timestamp,
            signature: &row.signature,
        };
        let verifies =
            Authority::named(&row.authority).is_some_and(|authority| signed.verifies(keys.of(authority)));
        // A status and a reversal name the reference in their path; a payment and an inquiry do so in their body.
        let about = matches!(row.operation.as_str(), "payment" | "inquiry")
            || row.reference.is_some_and(|reference| row.path.contains(&reference.to_string()));
        if offender.is_none() && !(verifies && about) {
            let what =
                if verifies { "it is about another reference" } else { "its host's key has not signed it" };
            offender = Some(format!(
                "evidence {} ({} of {}): {what}",
                row.evidence_id, row.operation, row.authority
            ));
        }
    }
    Ok((checked, offender))
}

struct LookupRow {
    lookup_id: Uuid,
    plate: String,
    tax_total: i64,
    business_date: chrono::NaiveDate,
    quote: serde_json::Value,
    bapenda_evidence: Vec<u8>,
    bapenda_signature: String,
    jasa_raharja_evidence: Vec<u8>,
    jasa_raharja_signature: String,
}

async fn quotes(
    connection: &mut PgConnection,
    keys: &VerifyKeys,
) -> Result<(i64, Option<String>), sqlx::Error> {
    let mut rows = sqlx::query_as!(
        LookupRow,
        r#"SELECT lookup_id, plate, tax_total, business_date, quote, bapenda_evidence, bapenda_signature,
                  jasa_raharja_evidence, jasa_raharja_signature FROM lookup"#
    )
    .fetch(connection);
    let (mut checked, mut offender) = (0, None);
    while let Some(row) = rows.try_next().await? {
        checked += 1;
        if offender.is_none() {
            offender = row.wrong(keys).map(|what| format!("lookup {}: {what}", row.lookup_id));
        }
    }
    Ok((checked, offender))
}

/// The answer's body, when the head line before it and the signature fit.
fn signed_body<'a>(kept: &'a [u8], signature: &str, path: &str, key: &PublicKey) -> Option<&'a [u8]> {
    let end = kept.iter().position(|byte| *byte == b'\n')?;
    let (head, body) = (std::str::from_utf8(kept.get(..end)?).ok()?, kept.get(end + 1..)?);
    let parts: Vec<&str> = head.split(' ').collect();
    let [status, signed_path, request_sha256, timestamp] = parts[..] else { return None };
    let body_sha256 = &sha256_hex(body);
    let signed = Signed { status, path: signed_path, request_sha256, body_sha256, timestamp, signature };
    (status == "200" && signed_path == path && signed.verifies(key)).then_some(body)
}

impl LookupRow {
    fn wrong(&self, keys: &VerifyKeys) -> Option<&'static str> {
        let bill = signed_body(
            &self.bapenda_evidence,
            &self.bapenda_signature,
            "/bapenda/v1/inquiries",
            &keys.bapenda,
        );
        let Some(bill) = bill else { return Some("Bapenda has not signed its bill") };
        let assessment = signed_body(
            &self.jasa_raharja_evidence,
            &self.jasa_raharja_signature,
            "/jasa-raharja/v1/inquiries",
            &keys.jasa_raharja,
        );
        let Some(assessment) = assessment else { return Some("Jasa Raharja has not signed its assessment") };
        let (Ok(bill), Ok(assessment)) =
            (serde_json::from_slice::<Bill>(bill), serde_json::from_slice::<Assessment>(assessment))
        else {
            return Some("a signed answer is no bill or assessment");
        };
        // What no longer reads is itself the finding.
        let Ok(quote) = serde_json::from_value::<Quote>(self.quote.clone()) else {
            return Some("its quote is no quote");
        };
        self.differs(&quote, &bill, &assessment)
    }

    fn differs(&self, quote: &Quote, bill: &Bill, assessment: &Assessment) -> Option<&'static str> {
        let [tax, insurance] = &quote.legs[..] else { return Some("it has not one leg for each authority") };
        let plate =
            |text: &str| crate::domain::Plate::parse(text).is_ok_and(|plate| plate.as_str() == self.plate);
        let says = [
            (plate(&bill.plate) && plate(&assessment.plate), "the hosts signed another plate"),
            (
                same(tax, Authority::Bapenda, &bill.bill_id, (&bill.periods, bill.total)),
                "Bapenda signed other lines",
            ),
            (
                same(
                    insurance,
                    Authority::JasaRaharja,
                    &assessment.assessment_id,
                    (&assessment.periods, assessment.total),
                ),
                "Jasa Raharja signed other lines",
            ),
            (quote.next_due_on == bill.next_due_on, "Bapenda signed another next due date"),
            (
                BusinessDate::from(self.business_date) == bill.business_date,
                "Bapenda signed another business date",
            ),
            (
                Some(self.tax_total) == bill.total.checked_add(assessment.total),
                "its total is not what the hosts signed",
            ),
        ];
        says.into_iter().find(|(fits, _)| !fits).map(|(_, what)| what)
    }
}

pub(super) fn same(
    leg: &QuotedLeg,
    authority: Authority,
    document_id: &str,
    (periods, total): (&[WirePeriod], i64),
) -> bool {
    // Wide enough for whatever a host may have signed.
    let amounts =
        periods.iter().flat_map(|period| &period.lines).flat_map(|line| [line.principal, line.penalty]);
    (leg.authority, leg.document_id.as_str(), leg.amount.get()) == (authority, document_id, total)
        && amounts.map(i128::from).sum::<i128>() == i128::from(total)
        && leg.periods.len() == periods.len()
        && leg.periods.iter().zip(periods).all(|(ours, theirs)| same_period(ours, theirs))
}

fn same_period(ours: &BillPeriod, theirs: &WirePeriod) -> bool {
    let lines = ours.lines.iter().zip(&theirs.lines);
    ours.due_on == theirs.due_on
        && ours.lines.len() == theirs.lines.len()
        && lines.into_iter().all(|(ours, theirs)| {
            (
                ours.code.as_str(),
                ours.beneficiary.to_string().as_str(),
                ours.principal.get(),
                ours.penalty.get(),
            ) == (theirs.code.as_str(), theirs.beneficiary.as_str(), theirs.principal, theirs.penalty)
        })
}
