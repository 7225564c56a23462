//! Cash that must go back to citizens and has not: after a day it is a case.

use chrono::TimeDelta;
use uuid::Uuid;

use super::Payments;
use crate::domain::CaseId;

/// How long an outlet has to find the citizen.
const PATIENCE: TimeDelta = TimeDelta::days(1);
/// Cases opened in one statement; the next round opens the rest.
const AT_ONCE: i64 = 500;

impl Payments {
    /// Opens a case for each debt to a citizen that is older than a day; tells how many. A debt that grew old again after
    /// its case was closed opens it again.
    ///
    /// # Errors
    /// [`sqlx::Error`] when the database fails.
    pub async fn open_debt_cases(&self) -> Result<u64, sqlx::Error> {
        let now = self.clock.now();
        let mut connection = self.db.workers.acquire().await?;
        let old = sqlx::query_scalar!(
            "SELECT d.payment_id FROM citizen_debt d
             WHERE d.returned_at IS NULL AND d.since < $1
               AND NOT EXISTS (SELECT FROM case_file c WHERE c.payment_id = d.payment_id AND c.class = 'DEBT_TO_CITIZEN' AND c.closed_at IS NULL)
             ORDER BY d.since LIMIT $2",
            now - PATIENCE,
            AT_ONCE
        )
        .fetch_all(&mut *connection)
        .await?;
        let ids: Vec<Uuid> = old.iter().map(|_| CaseId::new().0).collect();
        let done = sqlx::query!(
            "INSERT INTO case_file (case_id, class, side, line_key, payment_id, origin, owner, facts, opened_at)
             SELECT u.case_id, 'DEBT_TO_CITIZEN', 'HERE', d.payment_id::text, d.payment_id, 'return', 'penyelia',
                    jsonb_build_object('amount', d.amount, 'since', d.since), $3
             FROM unnest($1::uuid[], $2::uuid[]) u (case_id, payment_id) JOIN citizen_debt d USING (payment_id)
             WHERE d.returned_at IS NULL
             ON CONFLICT (class, side, line_key) DO UPDATE SET closed_at = NULL, resolution = NULL, closed_by = NULL",
            &ids,
            &old,
            now
        )
        .execute(&mut *connection)
        .await?;
        Ok(done.rows_affected())
    }
}
