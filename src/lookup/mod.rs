//! Lookups: both authorities asked at once, their answers bound into one immutable quote.
//!
//! Promises that a quote's sums are proven, that both hosts speak of the same plate, class and newest period, and that
//! it expires before either host forgets it. The shadow check flags, never corrects. A quote is made by one insert; what
//! was refused leaves nothing but, for wrong plates and chassis numbers, a mark against guessing.

mod bind;
mod quote;
mod store;

use std::sync::Arc;

pub use bind::{Contradiction, assessed_afresh};
pub use quote::{Lookup, Quote, QuotedLeg, QuotedVehicle};
use store::{Misses, NewQuote};
pub use store::{load, load_many};

use crate::agents::Agent;
use crate::config;
use crate::db::{Db, Gather};
use crate::domain::{Authority, BusinessDate, ChassisLast5, Clock, Plate, Rupiah, Timestamp};
use crate::tariff::Rules;
use crate::upstream::{Assessment, Bill, Evidence, Inquired, Inquiry, Upstream};

/// Why there is no quote.
#[derive(Debug, thiserror::Error)]
pub enum LookupError {
    /// A well-formed plate of another province; no host was asked.
    #[error("plate of another province")]
    OutsideJatim,
    /// An authority refuses, in its own words.
    #[error("{code}")]
    Refused {
        /// The host's code, unchanged.
        code: String,
        /// The host's status.
        status: u16,
    },
    /// One authority has been paid and the other has not.
    #[error("one authority has been paid, the other has not")]
    PartlyPaid,
    /// The authorities contradict each other, themselves or the question.
    #[error("{0}")]
    Contradicts(#[from] Contradiction),
    /// No usable answer.
    #[error("no usable answer: {0}")]
    Unavailable(String),
    /// A host is closing its day.
    #[error("a host is closing its day")]
    EndOfDay(Option<Timestamp>),
    /// Too many wrong plates and chassis numbers within an hour.
    #[error("too many wrong plates or chassis numbers")]
    TooManyAttempts {
        /// Seconds until the oldest is forgotten.
        retry_after_s: u32,
    },
    /// The database failed.
    #[error("database: {0}")]
    Sql(#[from] sqlx::Error),
}

/// The use case with what it needs.
#[derive(Debug, Clone)]
pub struct Lookups {
    db: Db,
    misses: Gather<Misses>,
    quotes: Gather<NewQuote>,
    upstream: Upstream,
    rules: Arc<Rules>,
    clock: Clock,
    fee: Rupiah,
    margin: chrono::TimeDelta,
    misses_per_hour: i64,
}

/// A question is asked again when midnight fell between the two answers, once.
const ASKED_MAX: usize = 2;

type Asked = (Inquired<Bill>, Inquired<Assessment>);

impl Lookups {
    /// Gathers what lookups need.
    #[must_use]
    pub fn new(db: Db, upstream: Upstream, rules: Arc<Rules>, clock: Clock, config: &config::Config) -> Self {
        let (misses, quotes) = (Gather::start(&db), Gather::start(&db));
        Self {
            db,
            misses,
            quotes,
            upstream,
            rules,
            clock,
            fee: config.payment.fee,
            margin: chrono::TimeDelta::seconds(i64::from(config.payment.quote_margin_s)),
            misses_per_hour: i64::from(config.lookup.misses_per_hour),
        }
    }

    /// Looks one vehicle up for an agent.
    ///
    /// # Errors
    /// [`LookupError`] saying what the citizen or the cashier should know.
    pub async fn look_up(
        &self,
        agent: &Agent,
        plate: &Plate,
        chassis: &ChassisLast5,
    ) -> Result<Lookup, LookupError> {
        if !plate.is_east_java() {
            return Err(LookupError::OutsideJatim);
        }
        self.refuse_guessing(agent).await?;
        if !self.upstream.may_begin() {
            return Err(LookupError::Unavailable("a host is down".to_owned()));
        }
        let mut asked = 0;
        let (bill, assessment) = loop {
            asked += 1;
            let answers = self.ask(plate, chassis).await;
            match both_quoted(answers) {
                Ok((bill, assessment)) if same_date(&bill.1, &assessment.1) => break (bill, assessment),
                Ok(_) if asked < ASKED_MAX => {}
                Ok(_) => return Err(LookupError::Unavailable("the hosts answered on two dates".to_owned())),
                Err(refused) => return Err(self.remember_miss(agent, refused).await),
            }
        };
        let bound =
            bind::Bound { plate, bill: &bill.0, assessment: &assessment.0, asked: (bill.2, assessment.2) };
        let paid_on = host_date(&bill.1).unwrap_or_else(|| self.clock.today());
        let quote = bind::bind(&bound, paid_on, &self.rules)?;
        let expires_at = bill.0.expires_at.min(assessment.0.expires_at).to_utc() - self.margin;
        if expires_at <= self.upstream.host(Authority::Bapenda).now() {
            return Err(LookupError::Unavailable("the quote has already expired".to_owned()));
        }
        let lookup = Lookup::new(
            agent.agent_id,
            quote,
            bill.0.business_date,
            self.fee,
            (self.clock.now(), expires_at),
        )?;
        let new = NewQuote { lookup, bill: bill.1, assessment: assessment.1 };
        self.quotes.ask(new).await.map_err(LookupError::from)
    }

    async fn ask(&self, plate: &Plate, chassis: &ChassisLast5) -> (Asked, (uuid::Uuid, uuid::Uuid)) {
        let as_of = BusinessDate::of(self.upstream.host(Authority::Bapenda).now());
        let inquiry = |reference| Inquiry { reference, plate, chassis, as_of };
        let references = (uuid::Uuid::now_v7(), uuid::Uuid::now_v7());
        let (to_bapenda, to_jasa_raharja) = (inquiry(references.0), inquiry(references.1));
        let answers = tokio::join!(
            self.upstream.host(Authority::Bapenda).bill(&to_bapenda),
            self.upstream.host(Authority::JasaRaharja).assessment(&to_jasa_raharja)
        );
        (answers, references)
    }

    async fn refuse_guessing(&self, agent: &Agent) -> Result<(), LookupError> {
        let since = self.clock.now() - chrono::TimeDelta::hours(1);
        let (misses, oldest) = self.misses.ask(Misses { agent_id: agent.agent_id, since }).await?;
        match oldest {
            Some(oldest) if misses >= self.misses_per_hour => {
                let seconds = (oldest - since).num_seconds().max(1);
                Err(LookupError::TooManyAttempts { retry_after_s: u32::try_from(seconds).unwrap_or(3600) })
            }
            _ => Ok(()),
        }
    }

    async fn remember_miss(&self, agent: &Agent, refused: LookupError) -> LookupError {
        if !matches!(&refused, LookupError::Refused { code, .. } if code == "NOT_FOUND" || code == "CHASSIS_MISMATCH")
        {
            return refused;
        }
        let stored = match self.db.requests.acquire().await {
            Ok(mut connection) => store::insert_miss(&mut connection, agent.agent_id, self.clock.now()).await,
            Err(e) => Err(e),
        };
        stored.map_or_else(LookupError::from, |()| refused)
    }
}

type Quoted<T> = (Box<T>, Box<Evidence>, uuid::Uuid);

/// Both quotes, or the refusal that matters most: Bapenda's word before Jasa Raharja's, a definite word before silence
/// of the other host.
fn both_quoted(
    (answers, references): (Asked, (uuid::Uuid, uuid::Uuid)),
) -> Result<(Quoted<Bill>, Quoted<Assessment>), LookupError> {
    let paid = |code: &str| code == "ALREADY_PAID";
    match answers {
        (Inquired::Quoted(bill, b), Inquired::Quoted(assessment, a)) => {
            Ok(((bill, b, references.0), (assessment, a, references.1)))
        }
        (Inquired::Refused { code, .. }, Inquired::Quoted(..)) if paid(&code) => Err(LookupError::PartlyPaid),
        (Inquired::Refused { code, status }, _) => Err(LookupError::Refused { code, status }),
        (Inquired::Unavailable(why), _) | (Inquired::Quoted(..), Inquired::Unavailable(why)) => {
            Err(LookupError::Unavailable(why))
        }
        (Inquired::EndOfDay(until), _) | (Inquired::Quoted(..), Inquired::EndOfDay(until)) => {
            Err(LookupError::EndOfDay(until))
        }
        (Inquired::Quoted(..), Inquired::Refused { code, .. }) if paid(&code) => Err(LookupError::PartlyPaid),
        (Inquired::Quoted(..), Inquired::Refused { code, status }) => {
            Err(LookupError::Refused { code, status })
        }
    }
}

fn host_date(evidence: &Evidence) -> Option<BusinessDate> {
    chrono::DateTime::parse_from_rfc3339(&evidence.host_timestamp)
        .ok()
        .map(|at| BusinessDate::of(at.to_utc()))
}

fn same_date(one: &Evidence, other: &Evidence) -> bool {
    host_date(one) == host_date(other)
}
