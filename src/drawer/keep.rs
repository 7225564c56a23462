//! What people do with a drawer: open it, move cash between it and the safe, count and close it.

use serde_json::json;
use sqlx::PgConnection;

use super::store::{self, Found, NewEntry};
use super::{Book, Code, Count, Drawer};
use crate::agents::{Operator, Role};
use crate::audit;
use crate::db::Db;
use crate::domain::{CashEntryId, Clock, DrawerId, MoneyError, PersonId, Rupiah, Timestamp};

/// The use case with what it needs.
#[derive(Debug, Clone)]
pub struct Drawers {
    db: Db,
    clock: Clock,
}

/// Why a drawer does not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum DrawerError {
    /// The operator has no drawer open.
    #[error("no drawer is open")]
    NotOpen,
    /// No drawer of this outlet, or not this operator's, has that id.
    #[error("no such drawer")]
    Absent,
    /// A payment of this drawer waits for its first answer: whether its cash stays is not known yet.
    #[error("a payment of this drawer is at work")]
    AtWork,
    /// More is to leave the drawer than lies there.
    #[error("the drawer holds less")]
    TooMuch,
    /// The count differs from what must lie there, and nobody has said why, or something has moved since it was shown.
    #[error("the count differs by {variance}")]
    Differs {
        /// What must lie there.
        expected: Rupiah,
        /// Counted less expected.
        variance: Rupiah,
    },
    /// Cash of nothing, or more than lies on a counter.
    #[error(transparent)]
    Money(#[from] MoneyError),
    /// The database failed.
    #[error("database: {0}")]
    Sql(#[from] sqlx::Error),
}

/// Which way cash goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// From the safe into the drawer.
    In,
    /// From the drawer to the safe.
    Out,
}

/// Cash between a drawer and the safe.
#[derive(Debug, Clone)]
pub struct Movement {
    /// Chosen by the page that asks, so that the same form sent twice moves it once.
    pub id: CashEntryId,
    /// Which way.
    pub way: Way,
    /// More than zero.
    pub amount: Rupiah,
    /// What the operator writes to it, 1–300 characters.
    pub remark: Option<String>,
}

/// A count that is to close a drawer.
#[derive(Debug, Clone)]
pub struct Close {
    /// Which.
    pub drawer_id: DrawerId,
    /// What lies there.
    pub count: Count,
    /// Why it differs, 3–300 characters, told at a second count.
    pub reason: Option<String>,
    /// The difference that a supervisor was shown; who counts an own drawer is shown none.
    pub shown: Option<Rupiah>,
}

impl Drawers {
    /// The use case.
    #[must_use]
    pub fn new(db: &Db, clock: &Clock) -> Self {
        Self { db: db.clone(), clock: clock.clone() }
    }

    /// Opens an operator's drawer. One that is open stays as it is, and false is told: two requests at once open one.
    ///
    /// # Errors
    /// [`DrawerError::Sql`] when the database fails.
    pub async fn open(&self, operator: &Operator, opening: Rupiah) -> Result<bool, DrawerError> {
        let (at, by, id) = (self.clock.now(), operator.person_id, DrawerId::new());
        let mut transaction = self.db.requests.begin().await?;
        let whose = (id, operator.outlet.agent_id, by);
        let opened = store::insert_drawer(&mut transaction, whose, opening, at).await?;
        if opened {
            let entry = entry_of(id, (Code::Opened, opening), by, at);
            store::insert_entry(&mut transaction, &entry).await?;
            let facts = json!({"opening": opening, "agent_code": operator.outlet.agent_code});
            note(&mut transaction, operator, ("opened drawer", id), facts, at).await?;
        }
        transaction.commit().await?;
        Ok(opened)
    }

    /// Moves cash between the operator's open drawer and the safe, once for one id.
    ///
    /// # Errors
    /// [`DrawerError::NotOpen`] without an open drawer, [`DrawerError::Absent`] when the id names another movement,
    /// [`DrawerError::TooMuch`] when more is to leave than lies there.
    pub async fn move_cash(&self, operator: &Operator, movement: &Movement) -> Result<(), DrawerError> {
        let (at, by) = (self.clock.now(), operator.person_id);
        let mut transaction = self.db.requests.begin().await?;
        let drawer = store::lock_open_of(&mut transaction, by).await?.ok_or(DrawerError::NotOpen)?;
        let code = match movement.way {
            Way::In => Code::Added,
            Way::Out => Code::HandedOver,
        };
        let known = store::entry(&mut transaction, (movement.id, drawer)).await?;
        if known.is_none() && movement.way == Way::Out {
            let holds = store::book(&mut transaction, drawer).await?.expected()?;
            if movement.amount > holds {
                // Who tries amounts to learn what lies there leaves a trace.
                let facts = json!({"amount": movement.amount, "expected": holds});
                note(&mut transaction, operator, ("refused cash move", drawer), facts, at).await?;
                transaction.commit().await?;
                return Err(DrawerError::TooMuch);
            }
        }
        let remark = movement.remark.as_deref();
        let entry = NewEntry { id: movement.id, remark, ..entry_of(drawer, (code, movement.amount), by, at) };
        if store::insert_entry(&mut transaction, &entry).await? {
            let facts =
                json!({"cash_entry_id": movement.id, "code": code.as_str(), "amount": movement.amount});
            note(&mut transaction, operator, ("moved cash", drawer), facts, at).await?;
        } else if store::entry(&mut transaction, (movement.id, drawer)).await?
            != Some((Some(code), movement.amount))
        {
            return Err(DrawerError::Absent);
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Closes a drawer by a count: the operator's own, or, by a supervisor, any of the outlet. One that is closed stays as
    /// it is.
    ///
    /// # Errors
    /// [`DrawerError::Absent`] for another's, [`DrawerError::AtWork`] while a payment waits for its first answer,
    /// [`DrawerError::Differs`] when the count differs without a reason, or a supervisor's for another difference. Each
    /// such count is an audit event.
    pub async fn close(&self, operator: &Operator, close: &Close) -> Result<(), DrawerError> {
        let (at, by) = (self.clock.now(), operator.person_id);
        let mut transaction = self.db.requests.begin().await?;
        let named = (close.drawer_id, operator.outlet.agent_id);
        let (whose, open) = store::lock(&mut transaction, named).await?.ok_or(DrawerError::Absent)?;
        if whose != by && operator.role != Role::Penyelia {
            return Err(DrawerError::Absent);
        }
        if !open {
            return Ok(());
        }
        let book = store::book(&mut transaction, close.drawer_id).await?;
        if book.at_work > 0 {
            return Err(DrawerError::AtWork);
        }
        let (expected, counted) = (book.expected()?, close.count.total());
        let variance = counted.minus(expected)?;
        // Only what a supervisor was shown is compared: to an own drawer's operator the answer would tell the figure.
        let is_blind = whose == by;
        let reason = close.reason.as_deref().filter(|_| is_blind || close.shown == Some(variance));
        if !variance.is_zero() && reason.is_none() {
            let facts = json!({"counted": counted, "expected": expected});
            note(&mut transaction, operator, ("counted drawer", close.drawer_id), facts, at).await?;
            transaction.commit().await?;
            return Err(DrawerError::Differs { expected, variance });
        }
        let reason = reason.filter(|_| !variance.is_zero());
        let found = Found { count: close.count, expected, reason, by, at };
        write_end(&mut transaction, close.drawer_id, &found, variance).await?;
        let facts = json!({"counted": counted, "expected": expected, "variance": variance});
        note(&mut transaction, operator, ("closed drawer", close.drawer_id), facts, at).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// The operator's open drawer with what must lie in it.
    ///
    /// # Errors
    /// [`sqlx::Error`] when the database fails.
    pub async fn open_book(&self, operator: &Operator) -> Result<Option<(Drawer, Book)>, sqlx::Error> {
        let mut connection = self.db.requests.acquire().await?;
        let Some(id) = store::open_of(&mut connection, operator.person_id).await? else { return Ok(None) };
        let agent = operator.outlet.agent_id;
        let Some(drawer) = store::drawer(&mut connection, agent, id).await? else { return Ok(None) };
        let book = store::book(&mut connection, id).await?;
        Ok(Some((drawer, book)))
    }
}

fn entry_of(
    drawer_id: DrawerId,
    (code, amount): (Code, Rupiah),
    by: PersonId,
    at: Timestamp,
) -> NewEntry<'static> {
    NewEntry { id: CashEntryId::new(), drawer_id, code, amount, remark: None, payment_id: None, by, at }
}

/// What closes a drawer: its takings posted, the difference named, the count given to the safe.
async fn write_end(
    connection: &mut PgConnection,
    drawer: DrawerId,
    found: &Found<'_>,
    variance: Rupiah,
) -> Result<(), DrawerError> {
    store::post_takings(connection, drawer, found.at).await?;
    let (code, difference) =
        if variance < Rupiah::ZERO { (Code::Short, variance.negated()) } else { (Code::Over, variance) };
    for (code, amount) in [(code, difference), (Code::Closed, found.count.total())] {
        let entry = NewEntry { remark: None, ..entry_of(drawer, (code, amount), found.by, found.at) };
        store::insert_entry(connection, &entry).await?;
    }
    store::close(connection, drawer, found).await?;
    Ok(())
}

async fn note(
    connection: &mut PgConnection,
    operator: &Operator,
    (what, drawer): (&'static str, DrawerId),
    facts: serde_json::Value,
    at: Timestamp,
) -> Result<(), sqlx::Error> {
    audit::append(connection, &[audit::Event::new(at, &operator.actor(), what, drawer.0, facts)]).await
}
