//! What moved a drawer, as a list: its entries, and payments that are posted when it is closed. And what counts have differed.

use sqlx::PgConnection;
use uuid::Uuid;

use super::store::rupiah;
use super::{Code, Line};
use crate::domain::{AgentId, DrawerId, PaymentId, Rupiah, Timestamp};

/// The movements of a drawer, oldest first.
///
/// # Errors
/// [`sqlx::Error`] when the statement fails.
pub async fn lines_of(
    connection: &mut PgConnection,
    drawer: DrawerId,
    limit: i64,
) -> Result<Vec<Line>, sqlx::Error> {
    let rows = sqlx::query_as!(
        Moved,
        "SELECT code AS \"code!\", amount AS \"amount!\", at AS \"at!\", payment_id, plate, remark FROM (
           SELECT e.code, e.amount, CASE WHEN e.code = 'TAKEN' THEN p.taken_at ELSE e.at END AS at, e.payment_id, p.plate, e.remark,
                  e.code IN ('SHORT', 'OVER', 'CLOSED') AS at_the_end
           FROM cash_entry e LEFT JOIN payment p ON p.payment_id = e.payment_id WHERE e.drawer_id = $1
           UNION ALL
           SELECT 'TAKEN', p.amount, p.taken_at, p.payment_id, p.plate, NULL, false FROM drawer_payment d JOIN payment p USING (payment_id)
           WHERE d.drawer_id = $1 AND NOT EXISTS (SELECT FROM cash_entry e WHERE e.payment_id = d.payment_id AND e.code = 'TAKEN')
             AND (p.titip_no IS NOT NULL OR p.state <> 'refused' AND p.reposted_at IS NULL)) l
         ORDER BY at_the_end, at, code LIMIT $2",
        drawer.0,
        limit
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(Moved::line).collect()
}

struct Moved {
    code: String,
    amount: i64,
    at: Timestamp,
    payment_id: Option<Uuid>,
    plate: Option<String>,
    remark: Option<String>,
}

impl Moved {
    fn line(self) -> Result<Line, sqlx::Error> {
        let code =
            Code::named(&self.code).ok_or_else(|| sqlx::Error::Decode("unknown code of cash".into()))?;
        Ok(Line {
            code,
            amount: rupiah(if code.fills() { self.amount } else { -self.amount })?,
            at: self.at,
            payment_id: self.payment_id.map(PaymentId),
            plate: self.plate,
            remark: self.remark,
        })
    }
}

/// What stands in an outlet's account of differences (selisih laci): below zero when more was missing than too much.
///
/// # Errors
/// [`sqlx::Error`] when the statement fails.
pub async fn variance_of(connection: &mut PgConnection, agent: AgentId) -> Result<Rupiah, sqlx::Error> {
    let sum = sqlx::query_scalar!(
        "SELECT coalesce(sum(CASE e.code WHEN 'OVER' THEN e.amount ELSE -e.amount END), 0)::bigint AS \"sum!\"
         FROM cash_entry e JOIN drawer d USING (drawer_id) WHERE d.agent_id = $1 AND e.code IN ('SHORT', 'OVER')",
        agent.0
    )
    .fetch_one(connection)
    .await?;
    rupiah(sum)
}
