//! One authority's file against our side: which legs are read, in which order, and what is left for the later passes.
//!
//! First one stream of the date's booked legs beside the file's rows, both in the order of references: plain matches
//! leave at once. What they leave is read page by page, rows are looked up in a sorted list: the other legs of the date,
//! those reversed on it or in doubt, then the legs of rows nobody waited for, then, once doubts have been settled through
//! the guarded transition, those doubts again as they stand now, then what no reference explains. Time grows with the
//! day and memory with what does not match, neither with the history.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use sqlx::PgConnection;
use tokio::sync::mpsc;
use uuid::Uuid;

use super::balance::{Imbalance, Tally};
use super::matching::{Item, Outcome, Settles, match_leftovers, match_leg};
use super::ours::store::{self, Night, PAGE};
use super::ours::{Door, Leg, Standing};
use super::plain::{self, SortError};
use super::result;
use super::settlement::{Complaint, Settlement};
use super::spool::{Spool, SpoolDir};
use super::staging::{self, Staged};
use crate::domain::{BusinessDate, PaymentId, Reference};

/// Batches of our side's stream that may wait to be compared.
const BATCHES_WAITING: usize = 8;

/// Why a file could not be classified.
#[derive(Debug, thiserror::Error)]
pub enum ClassifyError {
    /// A statement failed, or a row fits no state.
    #[error("database: {0}")]
    Sql(#[from] sqlx::Error),
    /// The books do not come out as they went in.
    #[error("not balanced: {0}")]
    Imbalance(#[from] Imbalance),
    /// The file does not hold as many references as it says.
    #[error(transparent)]
    Refused(#[from] Complaint),
    /// What was kept beside memory cannot be read back.
    #[error("a spool of the night: {0}")]
    Spool(String),
    /// A reader's task died.
    #[error("the file could not be compared: {0}")]
    Reader(#[from] tokio::task::JoinError),
}

impl From<SortError> for ClassifyError {
    fn from(error: SortError) -> Self {
        match error {
            SortError::OutOfRange(error) => Self::Imbalance(error.into()),
            SortError::Merge(error) => Self::Spool(error.to_string()),
        }
    }
}

/// A file whose lines are being classified.
#[derive(Debug)]
pub(crate) struct Classification {
    /// With the rows that need thought.
    pub(crate) file: Settlement,
    /// Lines that are no plain match.
    pub(crate) items: Vec<Item>,
    /// The plain matches, packed.
    pub(crate) plain: Spool,
    /// Doubts that the file ends, not yet moved.
    pub(crate) doubts: Vec<Settles>,
    /// The payments of legs that are closed here and stand in the file all the same.
    pub(crate) closed: HashMap<Reference, PaymentId>,
    /// What was due, counted before anything was matched.
    pub(crate) due: Tally,
    taken: Vec<BusinessDate>,
    legs: Vec<Reference>,
    seen: Vec<bool>,
}

#[derive(Debug, Clone, Copy)]
enum Source {
    Reversed,
    InDoubt,
}

impl Classification {
    /// Begins with the plain matches; `taken` are the dates of this sender whose files published nights have used.
    pub(crate) async fn begin(
        connection: &mut PgConnection,
        staged: Arc<Staged>,
        taken: Vec<BusinessDate>,
        spools: SpoolDir,
    ) -> Result<Self, ClassifyError> {
        let (listener, legs) = mpsc::channel(BATCHES_WAITING);
        let (sender, date) = (staged.file.header.sender, staged.file.header.date);
        let sorting = {
            let staged = Arc::clone(&staged);
            tokio::task::spawn_blocking(move || plain::sort(&staged, legs, &spools))
        };
        let streamed = store::stream_booked(connection, sender, date, listener).await;
        let sorted = sorting.await?;
        streamed?;
        let sorted = sorted?;
        if sorted.references != staged.references {
            let judged =
                tokio::task::spawn_blocking(move || staging::judge(&staged.bytes, sender, date)).await?;
            return Err(judged.into());
        }
        let seen = vec![false; sorted.rows.len()];
        Ok(Self {
            file: Settlement { rows: sorted.rows, ..staged.file.clone() },
            items: vec![],
            plain: sorted.plain,
            doubts: vec![],
            closed: HashMap::new(),
            due: sorted.due,
            taken,
            legs: sorted.legs,
            seen,
        })
    }

    /// The reference pass over everything else that is due and every other reference in the file.
    pub(crate) async fn by_reference(&mut self, connection: &mut PgConnection) -> Result<(), ClassifyError> {
        let page = usize::try_from(PAGE).unwrap_or(usize::MAX);
        let legs = std::mem::take(&mut self.legs);
        for references in legs.chunks(page) {
            self.load(connection, references, None).await?;
        }
        for source in [Source::Reversed, Source::InDoubt] {
            self.pages(connection, source).await?;
        }
        let references = self.unseen_references();
        for references in references.chunks(page) {
            self.load(connection, references, None).await?;
        }
        Ok(())
    }

    /// Reads again the doubts that were to be settled, as they stand now, and runs the later passes.
    pub(crate) async fn finish(&mut self, connection: &mut PgConnection) -> Result<(), ClassifyError> {
        let doubts: Vec<Reference> = self.doubts.iter().map(|settles| settles.reference).collect();
        for page in doubts.chunks(usize::try_from(PAGE).unwrap_or(usize::MAX)) {
            self.load(connection, page, Some(Door::Guarded)).await?;
        }
        let strangers: Vec<u32> =
            (0_u32..).zip(&self.seen).filter(|(_, seen)| !**seen).map(|(at, _)| at).collect();
        let by_number = self.legs_by_number(connection, &strangers).await?;
        let items = std::mem::take(&mut self.items);
        self.items = match_leftovers(&self.file, items, &strangers, &by_number);
        result::sort(&self.file, &mut self.items);
        Ok(())
    }

    fn night(&self) -> Night<'_> {
        Night { authority: self.file.header.sender, date: self.file.header.date, taken: &self.taken }
    }

    async fn pages(&mut self, connection: &mut PgConnection, source: Source) -> Result<(), ClassifyError> {
        let (authority, date) = (self.file.header.sender, self.file.header.date);
        let mut after = Reference(Uuid::nil());
        loop {
            let page = match source {
                Source::Reversed => store::reversed_on(connection, authority, date, after).await?,
                Source::InDoubt => store::in_doubt(connection, authority, after).await?,
            };
            let Some(last) = page.last() else { return Ok(()) };
            after = *last;
            self.load(connection, &page, None).await?;
        }
    }

    async fn load(
        &mut self,
        connection: &mut PgConnection,
        references: &[Reference],
        door: Option<Door>,
    ) -> Result<(), ClassifyError> {
        for mut leg in store::legs(connection, self.night(), references).await? {
            if let (Some(forced), Standing::Open { door, .. }) = (door, &mut leg.standing) {
                *door = forced;
            }
            self.take(&leg)?;
        }
        Ok(())
    }

    fn take(&mut self, leg: &Leg) -> Result<(), ClassifyError> {
        let range = self.file.rows_of(leg.reference);
        for seen in self.seen.get_mut(range.clone()).unwrap_or_default() {
            *seen = true;
        }
        if leg.standing == Standing::Closed && !range.is_empty() {
            self.closed.insert(leg.reference, leg.payment_id);
        }
        match match_leg(leg, &self.file, range) {
            // Counted as due when it is read again, whatever it is by then.
            Outcome::Settles(settles) => self.doubts.push(settles),
            Outcome::Lines(items) => {
                self.due.add_due(leg, &self.file).map_err(Imbalance::from)?;
                self.items.extend(items);
            }
        }
        Ok(())
    }

    fn unseen_references(&self) -> Vec<Reference> {
        let unseen = self.file.rows.iter().zip(&self.seen).filter(|(_, seen)| !**seen);
        let mut references: Vec<Reference> = unseen.map(|(row, _)| row.reference).collect();
        references.dedup();
        references
    }

    async fn legs_by_number(
        &self,
        connection: &mut PgConnection,
        strangers: &[u32],
    ) -> Result<BTreeMap<Arc<str>, Leg>, ClassifyError> {
        let rows = strangers.iter().filter_map(|at| self.file.rows.get(*at as usize));
        let mut numbers: Vec<String> = rows.map(|row| row.number.to_string()).collect();
        numbers.dedup();
        let mut found = BTreeMap::new();
        for page in numbers.chunks(usize::try_from(PAGE).unwrap_or(usize::MAX)) {
            let references = store::numbered(connection, self.file.header.sender, page).await?;
            for leg in store::legs(connection, self.night(), &references).await? {
                if let Some(number) = leg.number() {
                    found.insert(number.clone(), leg);
                }
            }
        }
        Ok(found)
    }
}
