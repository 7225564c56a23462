//! The proof that a night dropped nothing: every row of the file and every line that was due stands in exactly one item,
//! and both sides' sums come out as they went in. A night that cannot prove it is not published.

use std::collections::BTreeMap;

use super::class::Class;
use super::matching::{Due, Here, Item};
use super::ours::Leg;
use super::row::RowStatus;
use super::settlement::Settlement;
use crate::domain::{Authority, MoneyError, Rupiah};

/// How many lines, and how much.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Lines.
    pub lines: u64,
    /// Σ principal + penalty, reversals with their sign.
    pub amount: Rupiah,
}

/// Why a night does not balance.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Imbalance {
    /// A row stands in no item or in several.
    #[error("{0}: row {1} of the file is classified {2} times")]
    Row(Authority, u32, u32),
    /// The file's side came out otherwise than it went in.
    #[error("{0}: the file's lines went in as {1:?} and came out as {2:?}")]
    There(Authority, Tally, Tally),
    /// Our side came out otherwise than it went in.
    #[error("{0}: our due lines went in as {1:?} and came out as {2:?}")]
    Here(Authority, Tally, Tally),
    /// A sum is no amount.
    #[error("a sum is out of range")]
    OutOfRange,
}

impl From<MoneyError> for Imbalance {
    fn from(_: MoneyError) -> Self {
        Self::OutOfRange
    }
}

impl Tally {
    /// Counts one more line.
    ///
    /// # Errors
    /// [`MoneyError`] when the sum is no amount.
    pub fn add(&mut self, amount: Rupiah) -> Result<(), MoneyError> {
        self.lines += 1;
        self.amount = self.amount.plus(amount)?;
        Ok(())
    }

    /// Counts what a leg owes this file, before anything is matched.
    ///
    /// # Errors
    /// [`MoneyError`] when the sum is no amount.
    pub fn add_due(&mut self, leg: &Leg, file: &Settlement) -> Result<(), MoneyError> {
        for status in RowStatus::ALL {
            if leg.is_due(status, file.header.date) {
                for line in &leg.lines {
                    self.add(line.signed(status).amount()?)?;
                }
            }
        }
        Ok(())
    }
}

/// The proof of one side, line by line: every row of the file once, and every line that was due.
#[derive(Debug)]
pub struct Proof {
    sender: Authority,
    /// A bit for each row that was seen, by its number.
    seen: Vec<u64>,
    there: Tally,
    here: Tally,
}

impl Proof {
    /// Begins for a file.
    #[must_use]
    pub fn new(file: &Settlement) -> Self {
        let words = file.count as usize / 64 + 1;
        Self {
            sender: file.header.sender,
            seen: vec![0; words],
            there: Tally::default(),
            here: Tally::default(),
        }
    }

    /// Counts a row of the file.
    ///
    /// # Errors
    /// [`Imbalance`] when it was counted before, or is none of the file's.
    pub fn row(&mut self, line_no: u32, amount: Rupiah) -> Result<(), Imbalance> {
        let foreign = Imbalance::Row(self.sender, line_no, 0);
        let place = line_no.checked_sub(1).ok_or(foreign.clone())?;
        let word = self.seen.get_mut(place as usize / 64).ok_or(foreign)?;
        let bit = 1 << (place % 64);
        if *word & bit != 0 {
            return Err(Imbalance::Row(self.sender, line_no, 2));
        }
        *word |= bit;
        Ok(self.there.add(amount)?)
    }

    /// Counts a line of ours that was due.
    ///
    /// # Errors
    /// [`Imbalance::OutOfRange`] when the sum is no amount.
    pub fn due(&mut self, amount: Rupiah) -> Result<(), Imbalance> {
        Ok(self.here.add(amount)?)
    }

    /// Counts an item.
    ///
    /// # Errors
    /// [`Imbalance`] when its row was counted before.
    pub fn item(&mut self, file: &Settlement, item: &Item) -> Result<(), Imbalance> {
        let row = item.row.and_then(|at| file.rows.get(at as usize));
        if let Some(row) = row {
            self.row(row.line_no, row.amount()?)?;
        }
        if item.due == Due::Here {
            match (&item.here, row) {
                (Here::Same, Some(row)) => self.due(row.amount()?)?,
                (Here::Line(line), _) => self.due(line.line.amount()?)?,
                (Here::Same, None) | (Here::Nothing, _) => {}
            }
        }
        Ok(())
    }

    /// Compares with what went in: the file's trailer, and `due`, counted before anything was matched.
    ///
    /// # Errors
    /// [`Imbalance`], naming what is lost or doubled.
    pub fn close(self, file: &Settlement, due: Tally) -> Result<(), Imbalance> {
        let unseen = (0..file.count).find(|place| {
            let word = self.seen.get(*place as usize / 64).copied().unwrap_or_default();
            word >> (place % 64) & 1 == 0
        });
        if let Some(place) = unseen {
            return Err(Imbalance::Row(self.sender, place + 1, 0));
        }
        let file_side = Tally { lines: u64::from(file.count), amount: file.total };
        if self.there != file_side {
            return Err(Imbalance::There(self.sender, file_side, self.there));
        }
        if self.here == due { Ok(()) } else { Err(Imbalance::Here(self.sender, due, self.here)) }
    }
}

/// Lines and rupiah by class; every class is there, also with nothing.
#[derive(Debug, Clone, Default)]
pub struct ByClass(BTreeMap<Class, Tally>);

impl ByClass {
    /// Counts a line.
    ///
    /// # Errors
    /// [`MoneyError`] when the sum is no amount.
    pub fn add(&mut self, class: Class, amount: Rupiah) -> Result<(), MoneyError> {
        self.0.entry(class).or_default().add(amount)
    }

    /// Lines by class.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<String, u64> {
        Class::ALL.iter().map(|class| (class.to_string(), self.of(*class).lines)).collect()
    }

    /// Rupiah by class.
    #[must_use]
    pub fn amounts(&self) -> BTreeMap<String, Rupiah> {
        Class::ALL.iter().map(|class| (class.to_string(), self.of(*class).amount)).collect()
    }

    fn of(&self, class: Class) -> Tally {
        self.0.get(&class).copied().unwrap_or_default()
    }
}
