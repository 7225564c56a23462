//! Rows of drawers and of their cash. One statement a function; the caller owns the transaction.

use std::collections::BTreeSet;

use sqlx::PgConnection;
use uuid::Uuid;

use super::{Book, Closing, Code, Count, Drawer};
use crate::db::Together;
use crate::domain::{AgentId, CashEntryId, DrawerId, PaymentId, PersonId, Rupiah, Timestamp};

struct Row {
    drawer_id: Uuid,
    agent_id: Uuid,
    person_id: Uuid,
    operator: String,
    opening: i64,
    opened_at: Timestamp,
    closed_at: Option<Timestamp>,
    closed_by: Option<String>,
    pieces: Option<Vec<i32>>,
    counted: Option<i64>,
    expected: Option<i64>,
    reason: Option<String>,
}

impl Row {
    fn drawer(self) -> Result<Drawer, sqlx::Error> {
        let (drawer_id, closing) = (DrawerId(self.drawer_id), self.closing()?);
        Ok(Drawer {
            drawer_id,
            agent_id: AgentId(self.agent_id),
            person_id: PersonId(self.person_id),
            opening: rupiah(self.opening)?,
            opened_at: self.opened_at,
            closing,
            operator: self.operator,
        })
    }

    fn closing(&self) -> Result<Option<Closing>, sqlx::Error> {
        match (self.closed_at, &self.closed_by, &self.pieces, self.counted, self.expected) {
            (None, None, None, None, None) => Ok(None),
            (Some(closed_at), Some(closed_by), Some(pieces), Some(counted), Some(expected)) => {
                Ok(Some(Closing {
                    closed_at,
                    closed_by: closed_by.clone(),
                    count: Count::from_pieces(pieces).ok_or_else(|| broken(self.drawer_id))?,
                    counted: rupiah(counted)?,
                    expected: rupiah(expected)?,
                    reason: self.reason.clone(),
                }))
            }
            _ => Err(broken(self.drawer_id)),
        }
    }
}

fn broken(drawer: Uuid) -> sqlx::Error {
    sqlx::Error::Decode(format!("drawer {drawer} is neither open nor closed").into())
}

pub(super) fn rupiah(amount: i64) -> Result<Rupiah, sqlx::Error> {
    Rupiah::new(amount).map_err(|e| sqlx::Error::Decode(Box::new(e)))
}

/// Opens a drawer; false when the operator has one open.
pub(super) async fn insert_drawer(
    connection: &mut PgConnection,
    (drawer, agent, person): (DrawerId, AgentId, PersonId),
    opening: Rupiah,
    at: Timestamp,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "INSERT INTO drawer (drawer_id, agent_id, person_id, opening, opened_at) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (person_id) WHERE closed_at IS NULL DO NOTHING",
        drawer.0,
        agent.0,
        person.0,
        opening.get(),
        at
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The drawer that an operator has open.
///
/// # Errors
/// [`sqlx::Error`] when the statement fails.
pub async fn open_of(
    connection: &mut PgConnection,
    person: PersonId,
) -> Result<Option<DrawerId>, sqlx::Error> {
    let id = sqlx::query_scalar!(
        "SELECT drawer_id FROM drawer WHERE person_id = $1 AND closed_at IS NULL",
        person.0
    )
    .fetch_optional(connection)
    .await?;
    Ok(id.map(DrawerId))
}

/// The same, kept from being closed until the transaction ends.
///
/// # Errors
/// [`sqlx::Error`] when the statement fails.
pub async fn lock_open_of(
    connection: &mut PgConnection,
    person: PersonId,
) -> Result<Option<DrawerId>, sqlx::Error> {
    let id = sqlx::query_scalar!(
        "SELECT drawer_id FROM drawer WHERE person_id = $1 AND closed_at IS NULL FOR SHARE",
        person.0
    )
    .fetch_optional(connection)
    .await?;
    Ok(id.map(DrawerId))
}

/// Those of these drawers that are open, kept from being closed until the transaction ends; in the order of their ids.
///
/// # Errors
/// [`sqlx::Error`] when the statement fails.
pub async fn lock_open(
    connection: &mut PgConnection,
    drawers: &BTreeSet<DrawerId>,
) -> Result<BTreeSet<DrawerId>, sqlx::Error> {
    let ids: Vec<Uuid> = drawers.iter().map(|drawer| drawer.0).collect();
    let open = sqlx::query_scalar!(
        "SELECT drawer_id FROM drawer WHERE drawer_id = ANY($1) AND closed_at IS NULL ORDER BY drawer_id FOR SHARE",
        &ids
    )
    .fetch_all(connection)
    .await?;
    Ok(open.into_iter().map(DrawerId).collect())
}

/// Says into which drawers the cash of payments that begin goes, beside what others write.
pub fn put_payments(together: &mut Together, payments: &[(PaymentId, DrawerId)]) {
    if payments.is_empty() {
        return;
    }
    let ids: Vec<Uuid> = payments.iter().map(|(payment, _)| payment.0).collect();
    let drawers: Vec<Uuid> = payments.iter().map(|(_, drawer)| drawer.0).collect();
    together.call("insert_drawer_payments").with(ids).with(drawers).done();
}

/// Locks a drawer of an outlet for its closing; tells whose it is and whether it is open.
pub(super) async fn lock(
    connection: &mut PgConnection,
    (drawer, agent): (DrawerId, AgentId),
) -> Result<Option<(PersonId, bool)>, sqlx::Error> {
    let row = sqlx::query!(
        "SELECT person_id, closed_at FROM drawer WHERE drawer_id = $1 AND agent_id = $2 FOR NO KEY UPDATE",
        drawer.0,
        agent.0
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|r| (PersonId(r.person_id), r.closed_at.is_none())))
}

/// One entry before it is written.
pub(super) struct NewEntry<'a> {
    pub(super) id: CashEntryId,
    pub(super) drawer_id: DrawerId,
    pub(super) code: Code,
    pub(super) amount: Rupiah,
    pub(super) remark: Option<&'a str>,
    pub(super) payment_id: Option<PaymentId>,
    pub(super) by: PersonId,
    pub(super) at: Timestamp,
}

/// Writes an entry; false when that id was written before. Nothing for an amount of nothing.
pub(super) async fn insert_entry(
    connection: &mut PgConnection,
    entry: &NewEntry<'_>,
) -> Result<bool, sqlx::Error> {
    if entry.amount.is_zero() {
        return Ok(true);
    }
    let (gives, takes) = entry.code.accounts();
    let done = sqlx::query!(
        "INSERT INTO cash_entry (cash_entry_id, drawer_id, code, debit, credit, amount, payment_id, remark, person_id, at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (cash_entry_id) DO NOTHING",
        entry.id.0,
        entry.drawer_id.0,
        entry.code.as_str(),
        gives.as_str(),
        takes.as_str(),
        entry.amount.get(),
        entry.payment_id.map(|id| id.0),
        entry.remark,
        entry.by.0,
        entry.at
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Takes cash for a citizen out of a drawer that is kept open.
///
/// # Errors
/// [`sqlx::Error`] when the statement fails.
pub async fn hand_back(
    connection: &mut PgConnection,
    (drawer_id, by): (DrawerId, PersonId),
    (payment, amount): (PaymentId, Rupiah),
    at: Timestamp,
) -> Result<(), sqlx::Error> {
    let entry = NewEntry {
        id: CashEntryId::new(),
        drawer_id,
        code: Code::Returned,
        amount,
        remark: None,
        payment_id: Some(payment),
        by,
        at,
    };
    insert_entry(connection, &entry).await?;
    Ok(())
}

/// The entry of that id in a drawer: its code and amount.
pub(super) async fn entry(
    connection: &mut PgConnection,
    (id, drawer): (CashEntryId, DrawerId),
) -> Result<Option<(Option<Code>, Rupiah)>, sqlx::Error> {
    let row = sqlx::query!(
        "SELECT code, amount FROM cash_entry WHERE cash_entry_id = $1 AND drawer_id = $2",
        id.0,
        drawer.0
    )
    .fetch_optional(connection)
    .await?;
    row.map(|r| Ok((Code::named(&r.code), rupiah(r.amount)?))).transpose()
}

/// What an open drawer's entries and payments come to. Cash of a payment that was refused before any paper was handed over
/// went back at once.
///
/// # Errors
/// [`sqlx::Error`] when a statement fails.
pub async fn book(connection: &mut PgConnection, drawer: DrawerId) -> Result<Book, sqlx::Error> {
    let entries = sqlx::query!(
        "SELECT coalesce(sum(amount) FILTER (WHERE code = 'OPENED'), 0)::bigint AS \"opening!\",
                coalesce(sum(amount) FILTER (WHERE code = 'ADDED'), 0)::bigint AS \"added!\",
                coalesce(sum(amount) FILTER (WHERE code = 'RETURNED'), 0)::bigint AS \"returned!\",
                coalesce(sum(amount) FILTER (WHERE code = 'HANDED_OVER'), 0)::bigint AS \"handed_over!\"
         FROM cash_entry WHERE drawer_id = $1",
        drawer.0
    )
    .fetch_one(&mut *connection)
    .await?;
    let payments = sqlx::query!(
        "SELECT coalesce(sum(p.amount) FILTER (WHERE p.titip_no IS NOT NULL OR p.state <> 'refused' AND p.reposted_at IS NULL), 0)::bigint AS \"taken!\",
                count(*) FILTER (WHERE p.titip_no IS NOT NULL OR p.state <> 'refused' AND p.reposted_at IS NULL) AS \"n!\",
                count(*) FILTER (WHERE p.state = 'held') AS \"at_work!\"
         FROM drawer_payment d JOIN payment p USING (payment_id) WHERE d.drawer_id = $1",
        drawer.0
    )
    .fetch_one(connection)
    .await?;
    Ok(Book {
        opening: rupiah(entries.opening)?,
        added: rupiah(entries.added)?,
        taken: rupiah(payments.taken)?,
        payments: payments.n,
        returned: rupiah(entries.returned)?,
        handed_over: rupiah(entries.handed_over)?,
        at_work: payments.at_work,
    })
}

/// Posts what citizens handed over into a drawer that is locked for its closing: an entry a payment.
pub(super) async fn post_takings(
    connection: &mut PgConnection,
    drawer: DrawerId,
    at: Timestamp,
) -> Result<(), sqlx::Error> {
    let (gives, takes) = Code::Taken.accounts();
    sqlx::query!(
        "INSERT INTO cash_entry (cash_entry_id, drawer_id, code, debit, credit, amount, payment_id, person_id, at)
         SELECT gen_random_uuid(), d.drawer_id, $2, $3, $4, p.amount, p.payment_id, w.person_id, $5
         FROM drawer_payment d JOIN payment p USING (payment_id) JOIN drawer w USING (drawer_id)
         WHERE d.drawer_id = $1 AND p.amount > 0 AND (p.titip_no IS NOT NULL OR p.state <> 'refused' AND p.reposted_at IS NULL)",
        drawer.0,
        Code::Taken.as_str(),
        gives.as_str(),
        takes.as_str(),
        at
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// What a count found.
pub(super) struct Found<'a> {
    pub(super) count: Count,
    pub(super) expected: Rupiah,
    pub(super) reason: Option<&'a str>,
    pub(super) by: PersonId,
    pub(super) at: Timestamp,
}

/// Closes a drawer; the database refuses when its entries do not come to nothing.
pub(super) async fn close(
    connection: &mut PgConnection,
    drawer: DrawerId,
    found: &Found<'_>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE drawer SET closed_at = greatest($2, opened_at), closed_by = $3, pieces = $4, counted = $5, expected = $6, reason = $7
         WHERE drawer_id = $1",
        drawer.0,
        found.at,
        found.by.0,
        &found.count.pieces()[..],
        found.count.total().get(),
        found.expected.get(),
        found.reason
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// A drawer of an outlet; another's looks like none.
///
/// # Errors
/// [`sqlx::Error`] when the statement fails.
pub async fn drawer(
    connection: &mut PgConnection,
    agent: AgentId,
    id: DrawerId,
) -> Result<Option<Drawer>, sqlx::Error> {
    let row = sqlx::query_as!(
        Row,
        "SELECT d.drawer_id, d.agent_id, d.person_id, coalesce(m.full_name, m.username) AS \"operator!\", d.opening, d.opened_at,
                d.closed_at, coalesce(c.full_name, c.username) AS closed_by, d.pieces, d.counted, d.expected, d.reason
         FROM drawer d JOIN person m ON m.person_id = d.person_id LEFT JOIN person c ON c.person_id = d.closed_by
         WHERE d.drawer_id = $1 AND d.agent_id = $2",
        id.0,
        agent.0
    )
    .fetch_optional(connection)
    .await?;
    row.map(Row::drawer).transpose()
}

/// The newest drawers of an outlet, or of one of its operators; the open ones are among them as soon as they are as new.
///
/// # Errors
/// [`sqlx::Error`] when the statement fails.
pub async fn drawers_of(
    connection: &mut PgConnection,
    agent: AgentId,
    person: Option<PersonId>,
    limit: i64,
) -> Result<Vec<Drawer>, sqlx::Error> {
    let rows = sqlx::query_as!(
        Row,
        "SELECT d.drawer_id, d.agent_id, d.person_id, coalesce(m.full_name, m.username) AS \"operator!\", d.opening, d.opened_at,
                d.closed_at, coalesce(c.full_name, c.username) AS closed_by, d.pieces, d.counted, d.expected, d.reason
         FROM drawer d JOIN person m ON m.person_id = d.person_id LEFT JOIN person c ON c.person_id = d.closed_by
         WHERE d.agent_id = $1 AND ($2::uuid IS NULL OR d.person_id = $2) ORDER BY d.drawer_id DESC LIMIT $3",
        agent.0,
        person.map(|id| id.0),
        limit
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(Row::drawer).collect()
}
