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

/// Proves that `items` hold every row of the file once, and every line of `due`.
///
/// # Errors
/// [`Imbalance`], naming what is lost or doubled.
pub fn prove(file: &Settlement, items: &[Item], due: Tally) -> Result<(), Imbalance> {
    let sender = file.header.sender;
    let mut seen = vec![0_u32; file.rows.len()];
    let (mut there, mut here) = (Tally::default(), Tally::default());
    for item in items {
        let row = item.row.and_then(|at| file.rows.get(at as usize));
        if let (Some(at), Some(row)) = (item.row, row) {
            if let Some(times) = seen.get_mut(at as usize) {
                *times += 1;
            }
            there.add(row.amount()?)?;
        }
        if item.due == Due::Here {
            match (&item.here, row) {
                (Here::Same, Some(row)) => here.add(row.amount()?)?,
                (Here::Line(line), _) => here.add(line.line.amount()?)?,
                (Here::Same, None) | (Here::Nothing, _) => {}
            }
        }
    }
    if let Some((row, times)) = file.rows.iter().zip(&seen).find(|(_, times)| **times != 1) {
        return Err(Imbalance::Row(sender, row.line_no, *times));
    }
    let file_side = Tally { lines: file.rows.len() as u64, amount: file.total };
    if there != file_side {
        return Err(Imbalance::There(sender, file_side, there));
    }
    if here == due { Ok(()) } else { Err(Imbalance::Here(sender, due, here)) }
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
