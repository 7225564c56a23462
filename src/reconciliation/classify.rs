//! One authority's file against our side: which legs are read, in which order, and what is left for the later passes.
//!
//! Legs come page by page, rows are looked up in a sorted list, so memory and time grow with the day and not with the
//! history. First every leg that is due, then the legs of rows nobody waited for, then, once doubts have been settled
//! through the guarded transition, those doubts again as they stand now, then what no reference explains.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use sqlx::PgConnection;
use uuid::Uuid;

use super::balance::{self, Imbalance, Tally};
use super::matching::{Item, Outcome, Settles, match_leftovers, match_leg};
use super::ours::store::{self, Night, PAGE};
use super::ours::{Door, Leg, Standing};
use super::result;
use super::settlement::Settlement;
use crate::domain::{BusinessDate, PaymentId, Reference};

/// Why a file could not be classified.
#[derive(Debug, thiserror::Error)]
pub enum ClassifyError {
    /// A statement failed, or a row fits no state.
    #[error("database: {0}")]
    Sql(#[from] sqlx::Error),
    /// The books do not come out as they went in.
    #[error("not balanced: {0}")]
    Imbalance(#[from] Imbalance),
}

/// A file whose lines are being classified.
#[derive(Debug)]
pub(crate) struct Classification {
    pub(crate) file: Arc<Settlement>,
    pub(crate) items: Vec<Item>,
    /// Doubts that the file ends, not yet moved.
    pub(crate) doubts: Vec<Settles>,
    /// The payments of legs that are closed here and stand in the file all the same.
    pub(crate) closed: HashMap<Reference, PaymentId>,
    taken: Vec<BusinessDate>,
    due: Tally,
    seen: Vec<bool>,
}

#[derive(Debug, Clone, Copy)]
enum Source {
    Booked,
    Reversed,
    InDoubt,
}

impl Classification {
    /// Begins; `taken` are the dates of this sender whose files published nights have used.
    pub(crate) fn new(file: Arc<Settlement>, taken: Vec<BusinessDate>) -> Self {
        let seen = vec![false; file.rows.len()];
        Self {
            file,
            items: vec![],
            doubts: vec![],
            closed: HashMap::new(),
            taken,
            due: Tally::default(),
            seen,
        }
    }

    /// The reference pass over everything that is due and every reference in the file.
    pub(crate) async fn by_reference(&mut self, connection: &mut PgConnection) -> Result<(), ClassifyError> {
        for source in [Source::Booked, Source::Reversed, Source::InDoubt] {
            self.pages(connection, source).await?;
        }
        let references = self.unseen_references();
        for page in references.chunks(usize::try_from(PAGE).unwrap_or(usize::MAX)) {
            self.load(connection, page, None).await?;
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
        balance::prove(&self.file, &self.items, self.due)?;
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
                Source::Booked => store::booked_on(connection, authority, date, after).await?,
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
