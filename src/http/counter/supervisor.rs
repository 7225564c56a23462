//! `/penyelia`: the whole outlet at a glance, for its supervisor: each operator's drawer and day, what is open, what differed.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::drawer_view::{Difference, Past};
use super::guard::AtCounter;
use super::home::{Line, word};
use super::{Frame, Sorry, page};
use crate::agents::{self, Role, Staff};
use crate::domain::{DrawerId, Rupiah, wib_long};
use crate::drawer::{self, Book, Drawer};
use crate::http::App;
use crate::payment::{self, DaySum};

/// Open payments on the page.
const OPEN_MAX: i64 = 100;
/// Drawers that are looked at for differences.
const DRAWERS_MAX: i64 = 100;

/// For supervisors; for others there is no such page.
pub(super) fn supervisor_only(at: &AtCounter) -> Result<(), Sorry> {
    if at.session.operator.role == Role::Penyelia { Ok(()) } else { Err(Sorry::absent()) }
}

/// A state of payments with how many and how much.
pub(super) struct Sum {
    pub(super) word: &'static str,
    pub(super) tone: &'static str,
    pub(super) payments: i64,
    pub(super) amount: String,
}

/// Sums by the word that a state has on pages: states of one word are added.
pub(super) fn by_word(sums: &[&DaySum]) -> Vec<Sum> {
    let mut words: Vec<(&'static str, &'static str, i64, Rupiah)> = vec![];
    for sum in sums {
        let (name, tone) = word(sum.state);
        match words.iter_mut().find(|(known, ..)| *known == name) {
            Some((_, _, payments, amount)) => {
                *payments += sum.payments;
                *amount = amount.plus(sum.amount).unwrap_or(*amount);
            }
            None => words.push((name, tone, sum.payments, sum.amount)),
        }
    }
    let shown = |(word, tone, payments, amount): (_, _, _, Rupiah)| Sum {
        word,
        tone,
        payments,
        amount: amount.to_string(),
    };
    words.into_iter().map(shown).collect()
}

/// An open drawer: since when, and what must lie in it.
struct Open {
    drawer_id: DrawerId,
    opened_at: String,
    expected: String,
}

struct Operator {
    name: String,
    role: &'static str,
    enabled: bool,
    open: Option<Open>,
    sums: Vec<Sum>,
}

impl Operator {
    fn of(staff: Staff, open: Option<(Drawer, Book)>, sums: &[DaySum]) -> Self {
        let own = |sum: &&DaySum| sum.operator.as_ref().is_some_and(|(id, _)| *id == staff.person_id);
        Self {
            sums: by_word(&sums.iter().filter(own).collect::<Vec<_>>()),
            role: if staff.role == Role::Penyelia { "penyelia" } else { "kasir" },
            enabled: staff.enabled,
            open: open.map(|(drawer, book)| Open {
                drawer_id: drawer.drawer_id,
                opened_at: wib_long(drawer.opened_at),
                expected: book.expected().unwrap_or_default().to_string(),
            }),
            name: staff.name,
        }
    }
}

#[derive(Template)]
#[template(path = "counter/supervisor.html")]
struct SupervisorPage {
    frame: Frame,
    date: String,
    operators: Vec<Operator>,
    /// Of the outlet's own program.
    program: Vec<Sum>,
    open: Vec<Line>,
    differing: Vec<Past>,
    /// The account of differences, over all drawers there have been.
    variance: Difference,
    past: Vec<Past>,
}

/// `GET /penyelia`
///
/// # Errors
/// When it is no supervisor, or the database fails.
pub(in crate::http) async fn supervisor(State(app): State<App>, at: AtCounter) -> Result<Response, Sorry> {
    supervisor_only(&at)?;
    let (agent, date) = (at.session.operator.outlet.agent_id, app.clock.today());
    let mut connection = app.db.requests.acquire().await?;
    let staff = agents::staff_of(&mut connection, agent).await?;
    let sums = payment::day_sums(&mut connection, agent, date.begins_at()).await?;
    let open = payment::open_of(&mut connection, agent, OPEN_MAX).await?;
    let drawers = drawer::drawers_of(&mut connection, agent, None, DRAWERS_MAX).await?;
    let variance = drawer::variance_of(&mut connection, agent).await?;
    let mut operators = vec![];
    for person in staff {
        let mut found = None;
        if let Some(id) = drawer::open_of(&mut connection, person.person_id).await?
            && let Some(drawer) = drawer::drawer(&mut connection, agent, id).await?
        {
            found = Some((drawer, drawer::book(&mut connection, id).await?));
        }
        operators.push(Operator::of(person, found, &sums));
    }
    drop(connection);
    let closed = drawers.into_iter().filter(|drawer| drawer.closing.is_some());
    let differs = |drawer: &Drawer| drawer.closing.as_ref().is_some_and(|end| !end.variance().is_zero());
    let (differing, past): (Vec<Drawer>, Vec<Drawer>) = closed.partition(differs);
    let program = sums.iter().filter(|sum| sum.operator.is_none()).collect::<Vec<_>>();
    let template = SupervisorPage {
        frame: Frame::of(&at),
        date: date.long(),
        operators,
        program: by_word(&program),
        open: open.into_iter().map(Line::of).collect(),
        variance: Difference::of(variance),
        differing: differing.into_iter().map(Past::of).collect(),
        past: past.into_iter().map(Past::of).collect(),
    };
    Ok(page(StatusCode::OK, &template))
}
