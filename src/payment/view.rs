//! A payment as agents and officers see it.

use std::collections::HashMap;

use serde::Serialize;
use sqlx::PgConnection;
use uuid::Uuid;

use super::state::{Leg, Payment, State, StateName};
use crate::db::Question;
use crate::domain::{AgentId, Authority, BillPeriod, BusinessDate, PaymentId, Plate, Timestamp, rfc3339_wib};
use crate::receipt::Kind;

/// A payment, members as the interface fixes them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct PaymentView {
    /// Its id.
    pub payment_id: Uuid,
    /// How it stands.
    pub state: StateName,
    /// The vehicle, as on the plate.
    pub plate: String,
    /// Tax and fee, rupiah.
    pub amount: i64,
    /// Bapenda's number, once booked.
    pub ntpd: Option<String>,
    /// Jasa Raharja's number, once booked.
    pub certificate_no: Option<String>,
    /// Bukti Lunas, else Bukti Titip.
    pub receipt_no: Option<String>,
    /// Bapenda's accounting day for its leg.
    #[schema(value_type = Option<String>)]
    pub business_date: Option<BusinessDate>,
    /// When the cash was taken, RFC 3339, WIB.
    pub taken_at: String,
    /// When both authorities had booked, RFC 3339, WIB.
    pub confirmed_at: Option<String>,
    /// The authority's or our code.
    pub reason: Option<String>,
    /// When an open payment is asked about next, in seconds: sent as `Retry-After`.
    #[serde(skip)]
    pub next_try_in_s: Option<i64>,
    /// A task is at work on it now.
    #[serde(skip)]
    pub at_work: bool,
}

impl PaymentView {
    /// A payment as it was just written: what a reading would show. An open one is asked about in `wait_ms`.
    pub(super) fn of(payment: &Payment, wait_ms: i64) -> Self {
        let number = |authority| payment.leg_of(authority).and_then(Leg::booking).map(|b| b.number.clone());
        let (confirmed_at, reason) = match &payment.state {
            State::Held => (None, None),
            State::InDoubt { reason } => (None, reason.clone()),
            State::IntegrityHold { reason } | State::Refused { reason, .. } => (None, Some(reason.clone())),
            State::Confirmed { at } => (Some(*at), None),
            State::Reversing { confirmed_at } | State::Reversed { confirmed_at, .. } => (*confirmed_at, None),
        };
        Self {
            payment_id: payment.id.0,
            state: payment.state.name(),
            plate: as_on_the_plate(&payment.plate),
            amount: payment.amount.get(),
            ntpd: number(Authority::Bapenda),
            certificate_no: number(Authority::JasaRaharja),
            receipt_no: payment.receipt_no.clone().or_else(|| payment.titip_no.clone()),
            business_date: payment
                .leg_of(Authority::Bapenda)
                .and_then(Leg::booking)
                .map(|booking| booking.business_date),
            taken_at: rfc3339_wib(payment.taken_at),
            confirmed_at: confirmed_at.map(rfc3339_wib),
            reason,
            next_try_in_s: payment.needs_work().then(|| in_seconds((wait_ms + 999) / 1000)),
            at_work: false,
        }
    }
}

/// When to ask again: not at once, and not never.
fn in_seconds(seconds: i64) -> i64 {
    seconds.clamp(1, 900)
}

fn as_on_the_plate(plate: &str) -> String {
    Plate::parse(plate).map_or_else(|_| plate.to_owned(), |plate| plate.to_string())
}

/// Whose payments may be seen.
#[derive(Debug, Clone, Copy)]
pub enum Scope {
    /// One agent's own.
    Agent(AgentId),
    /// Everybody's: officers and auditors, whose reading is an audit event.
    All,
}

impl Scope {
    const fn agent(self) -> Option<Uuid> {
        match self {
            Self::Agent(agent) => Some(agent.0),
            Self::All => None,
        }
    }
}

/// Which payments are listed.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Taken on that WIB day: from, until.
    pub day: Option<(Timestamp, Timestamp)>,
    /// In that state.
    pub state: Option<StateName>,
    /// Before that payment: newest first.
    pub before: Option<PaymentId>,
}

/// A payment as the tables have it.
struct PaymentRow {
    payment_id: Uuid,
    state: String,
    plate: String,
    amount: i64,
    paper_no: Option<String>,
    taken_at: Timestamp,
    confirmed_at: Option<Timestamp>,
    reason: Option<String>,
    ntpd: Option<String>,
    business_date: Option<chrono::NaiveDate>,
    certificate_no: Option<String>,
    next_try_in_s: Option<i64>,
    at_work: Option<bool>,
}

impl PaymentRow {
    fn view(self) -> Result<PaymentView, sqlx::Error> {
        Ok(PaymentView {
            payment_id: self.payment_id,
            state: StateName::named(&self.state)
                .ok_or_else(|| sqlx::Error::Decode("unknown payment state".into()))?,
            plate: as_on_the_plate(&self.plate),
            amount: self.amount,
            ntpd: self.ntpd,
            certificate_no: self.certificate_no,
            receipt_no: self.paper_no,
            business_date: self.business_date.map(BusinessDate::from),
            taken_at: rfc3339_wib(self.taken_at),
            confirmed_at: self.confirmed_at.map(rfc3339_wib),
            reason: self.reason,
            next_try_in_s: self.next_try_in_s.map(in_seconds),
            at_work: self.at_work.unwrap_or(false),
        })
    }
}

/// Asks for one payment, if it is within scope: another agent's looks like none.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) scope: Scope,
    pub(super) id: PaymentId,
}

impl Question for Seen {
    type Answer = Option<PaymentView>;

    async fn ask(
        connection: &mut PgConnection,
        asked: &[&Self],
    ) -> Result<Vec<Option<PaymentView>>, sqlx::Error> {
        let ids: Vec<Uuid> = asked.iter().map(|a| a.id.0).collect();
        let rows = sqlx::query!(
            "SELECT p.agent_id, p.payment_id, p.state, p.plate, p.amount, coalesce(p.receipt_no, p.titip_no) AS paper_no, p.taken_at,
                    p.confirmed_at, p.reason, b.number AS \"ntpd?\", b.business_date AS \"business_date?\", j.number AS \"certificate_no?\",
                    ceil(extract(epoch FROM w.due_at - now()))::bigint AS next_try_in_s, w.lease_until > now() AS at_work
             FROM unnest($1::uuid[]) wanted JOIN payment p ON p.payment_id = wanted
             LEFT JOIN LATERAL (SELECT number, business_date FROM payment_leg l WHERE l.payment_id = wanted AND l.ordinal = 0) b ON true
             LEFT JOIN LATERAL (SELECT number FROM payment_leg l WHERE l.payment_id = wanted AND l.authority = 'JASA_RAHARJA'
                                ORDER BY ordinal DESC LIMIT 1) j ON true
             LEFT JOIN payment_work w ON w.payment_id = wanted",
            &ids
        )
        .fetch_all(connection)
        .await?;
        let mut seen: HashMap<Uuid, (Uuid, PaymentView)> = HashMap::new();
        for r in rows {
            let row = PaymentRow {
                payment_id: r.payment_id,
                state: r.state,
                plate: r.plate,
                amount: r.amount,
                paper_no: r.paper_no,
                taken_at: r.taken_at,
                confirmed_at: r.confirmed_at,
                reason: r.reason,
                ntpd: r.ntpd,
                business_date: r.business_date,
                certificate_no: r.certificate_no,
                next_try_in_s: r.next_try_in_s,
                at_work: r.at_work,
            };
            seen.insert(r.payment_id, (r.agent_id, row.view()?));
        }
        let of = |asked: &&Self| {
            let (agent, view) = seen.get(&asked.id.0)?;
            asked.scope.agent().is_none_or(|mine| mine == *agent).then(|| view.clone())
        };
        Ok(asked.iter().map(of).collect())
    }
}

/// Payments within scope, newest first.
///
/// # Errors
/// [`sqlx::Error`] when the statement fails.
pub async fn views(
    connection: &mut PgConnection,
    scope: Scope,
    filter: &Filter,
    limit: i64,
) -> Result<Vec<PaymentView>, sqlx::Error> {
    let (from, until) = filter.day.unzip();
    let rows = sqlx::query_as!(
        PaymentRow,
        "SELECT p.payment_id, p.state, p.plate, p.amount, coalesce(p.receipt_no, p.titip_no) AS paper_no, p.taken_at, p.confirmed_at,
                p.reason, b.number AS \"ntpd?\", b.business_date AS \"business_date?\", j.number AS \"certificate_no?\",
                ceil(extract(epoch FROM w.due_at - now()))::bigint AS next_try_in_s, w.lease_until > now() AS at_work
         FROM payment p
         LEFT JOIN payment_leg b ON b.payment_id = p.payment_id AND b.authority = 'BAPENDA'
         LEFT JOIN LATERAL (SELECT number FROM payment_leg l WHERE l.payment_id = p.payment_id AND l.authority = 'JASA_RAHARJA'
                            ORDER BY ordinal DESC LIMIT 1) j ON true
         LEFT JOIN payment_work w ON w.payment_id = p.payment_id
         WHERE ($1::uuid IS NULL OR p.agent_id = $1)
           AND ($2::timestamptz IS NULL OR p.taken_at >= $2) AND ($3::timestamptz IS NULL OR p.taken_at < $3)
           AND ($4::text IS NULL OR p.state = $4) AND ($5::uuid IS NULL OR p.payment_id < $5)
         ORDER BY p.payment_id DESC LIMIT $6",
        scope.agent(), from, until, filter.state.map(StateName::as_str), filter.before.map(|id| id.0), limit
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(PaymentRow::view).collect()
}

/// A payment's lines by authority and period as that paper has them: a Titip what was quoted, a Lunas what was booked.
///
/// # Errors
/// [`sqlx::Error`] when the statement fails.
pub async fn lines(
    connection: &mut PgConnection,
    id: PaymentId,
    kind: Kind,
) -> Result<Vec<(Authority, BillPeriod)>, sqlx::Error> {
    let rows = sqlx::query!(
        "SELECT authority, periods AS \"periods: sqlx::types::Json<Vec<BillPeriod>>\" FROM payment_leg
         WHERE payment_id = $1 AND CASE WHEN $2 THEN ordinal < 2 ELSE state <> 'released' END ORDER BY ordinal",
        id.0,
        kind == Kind::Titip
    )
    .fetch_all(connection)
    .await?;
    let mut all = vec![];
    for row in rows {
        let authority = Authority::named(&row.authority)
            .ok_or_else(|| sqlx::Error::Decode("unknown authority".into()))?;
        all.extend(row.periods.0.into_iter().map(|period| (authority, period)));
    }
    Ok(all)
}

/// How many payments are open, by state: for operators.
///
/// # Errors
/// [`sqlx::Error`] when the statement fails.
pub async fn open_by_state(db: &crate::db::Db) -> Result<Vec<(&'static str, i64)>, sqlx::Error> {
    let mut connection = db.workers.acquire().await?;
    let rows = sqlx::query!(
        "SELECT p.state, count(*) AS \"n!\" FROM payment_work w
         CROSS JOIN LATERAL (SELECT state FROM payment WHERE payment_id = w.payment_id OFFSET 0) p GROUP BY p.state"
    )
        .fetch_all(&mut *connection)
        .await?;
    let open = StateName::ALL.into_iter().filter(|state| state.is_open());
    let count = |name: &str| rows.iter().find(|r| r.state == name).map_or(0, |r| r.n);
    Ok(open.map(|state| (state.as_str(), count(state.as_str()))).collect())
}
