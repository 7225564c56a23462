//! The first pass: rows and lines of one reference, and the only one that may move a payment.
//!
//! Pure and deterministic: the same leg and the same rows give the same items. Every row and every line that is due ends
//! in exactly one item. A line is matched by (due date, code, beneficiary, status), then without the beneficiary if that
//! is unique on both sides, then without the due date. Tax lines have no tolerance.

mod leftovers;

use std::ops::Range;
use std::sync::Arc;

pub use leftovers::match_leftovers;

use super::class::{Class, Note};
use super::ours::{Door, Earlier, Leg, LegLine, LineKey, Reversal, Standing};
use super::row::{DocumentId, Row, RowStatus};
use super::settlement::Settlement;
use crate::domain::{BusinessDate, PaymentId, Reference};
use crate::upstream::Booking;

/// One classified line, or one classified pair.
#[derive(Debug, Clone)]
pub struct Item {
    /// What the night says of it.
    pub class: Class,
    /// What else it says.
    pub note: Note,
    /// The row's place in the file, if there is one.
    pub row: Option<u32>,
    /// Our line, if there is one.
    pub here: Here,
    /// Whether our line was due in this file, or was pulled in by a row.
    pub due: Due,
}

/// Our side of an item.
#[derive(Debug, Clone)]
pub enum Here {
    /// We have no such line.
    Nothing,
    /// The line that the row repeats to the letter: a million of these need no copy.
    Same,
    /// A line that differs from the row, or stands alone.
    Line(Box<HereLine>),
}

/// A line of ours.
#[derive(Debug, Clone)]
pub struct HereLine {
    /// What names it.
    pub key: LineKey,
    /// Its amounts, negative in a reversal.
    pub line: LegLine,
    /// The vehicle.
    pub plate: Arc<str>,
    /// Bill or assessment.
    pub document: Option<DocumentId>,
    /// The host's number, once known.
    pub number: Option<Arc<str>>,
}

/// Whether our line counts among those due on the date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// Due in this very file.
    Here,
    /// Not due here, but a row speaks of it; or there is no line of ours.
    Elsewhere,
}

/// What the first pass makes of a leg.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// Its lines and rows, classified.
    Lines(Vec<Item>),
    /// The rows are the leg's quote, line for line, and net to `PAID`: the doubt ends, through the guarded transition.
    Settles(Settles),
}

/// A doubt that a file ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settles {
    /// The payment.
    pub payment_id: PaymentId,
    /// Its leg.
    pub reference: Reference,
    /// What the file says of it; its business date is the file's.
    pub booking: Booking,
}

/// Classifies a leg's lines and the rows of its reference.
#[must_use]
pub fn match_leg(leg: &Leg, file: &Settlement, range: Range<usize>) -> Outcome {
    let rows = file.rows.get(range.clone()).unwrap_or_default();
    let offset = range.start;
    let pass = Pass { leg, file, rows, offset, date: file.header.date };
    match &leg.standing {
        Standing::Closed => {
            Outcome::Lines(rows.iter().enumerate().map(|(at, row)| pass.unwanted(at, row)).collect())
        }
        Standing::Booked { .. } => {
            let mut items = pass.group(RowStatus::Paid).into_items(&pass);
            items.extend(pass.group(RowStatus::Reversed).into_items(&pass));
            Outcome::Lines(items)
        }
        Standing::Open { door, .. } => {
            let paid = pass.group(RowStatus::Paid);
            if *door == Door::Settleable
                && let Some(settles) = pass.settles(&paid)
            {
                return Outcome::Settles(settles);
            }
            let mut items = paid.into_items(&pass);
            items.extend(pass.group(RowStatus::Reversed).into_items(&pass));
            Outcome::Lines(items)
        }
    }
}

struct Pass<'a> {
    leg: &'a Leg,
    file: &'a Settlement,
    rows: &'a [Row],
    offset: usize,
    date: BusinessDate,
}

/// How a row came to a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pairing {
    Exact,
    OtherBeneficiary,
    OtherPeriod,
}

/// The rows and lines of one status, paired.
struct Group {
    status: RowStatus,
    lines: Vec<LegLine>,
    pairs: Vec<(usize, usize, Pairing)>,
    spare_rows: Vec<(usize, Class)>,
    spare_lines: Vec<(usize, Option<Class>)>,
}

impl Pass<'_> {
    fn code(&self, row: &Row) -> &str {
        self.file.codes.name(row.code)
    }

    /// A row of a leg that no file should book.
    fn unwanted(&self, at: usize, row: &Row) -> Item {
        let class = match row.status {
            RowStatus::Paid => Class::LateSuccess,
            RowStatus::Reversed => Class::ReversedThere,
        };
        self.row_alone(at, class)
    }

    fn row_alone(&self, at: usize, class: Class) -> Item {
        let row = u32::try_from(self.offset + at).ok();
        Item { class, note: Note::None, row, here: Here::Nothing, due: Due::Elsewhere }
    }

    /// True when a reversal of this leg surprises nobody here.
    fn expects_reversal(&self) -> bool {
        match &self.leg.standing {
            Standing::Booked { reversal, .. } => *reversal != Reversal::None,
            Standing::Open { .. } | Standing::Closed => false,
        }
    }

    fn group(&self, status: RowStatus) -> Group {
        let mut rows: Vec<usize> = (0..self.rows.len()).filter(|at| self.row_has(*at, status)).collect();
        let mut group =
            Group { status, lines: vec![], pairs: vec![], spare_rows: vec![], spare_lines: vec![] };
        if status == RowStatus::Reversed && !self.expects_reversal() {
            group.spare_rows = rows.into_iter().map(|at| (at, Class::ReversedThere)).collect();
            return group;
        }
        group.lines = self.leg.lines.iter().map(|line| line.signed(status)).collect();
        let mut lines: Vec<usize> = (0..group.lines.len()).collect();
        self.pair_exactly(&mut group, &mut lines, &mut rows);
        self.pair_loosely(&mut group, &mut lines, &mut rows, Pairing::OtherBeneficiary);
        self.pair_loosely(&mut group, &mut lines, &mut rows, Pairing::OtherPeriod);
        group.spare_rows.extend(rows.into_iter().map(|at| (at, Class::MissingHere)));
        group.spare_lines.extend(lines.into_iter().map(|at| (at, None)));
        group
    }

    fn row_has(&self, at: usize, status: RowStatus) -> bool {
        self.rows.get(at).is_some_and(|row| row.status == status)
    }

    /// True when a row and a line agree in what this pairing looks at.
    fn same(&self, line: &LegLine, row: &Row, pairing: Pairing) -> bool {
        let code = &*line.code == self.code(row);
        match pairing {
            Pairing::Exact => code && line.due_on == row.due_on && line.beneficiary == row.beneficiary,
            Pairing::OtherBeneficiary => code && line.due_on == row.due_on,
            Pairing::OtherPeriod => code && line.beneficiary == row.beneficiary,
        }
    }

    /// Gives each line the row of its key that agrees best; further rows of that key are duplicates.
    fn pair_exactly(&self, group: &mut Group, lines: &mut Vec<usize>, rows: &mut Vec<usize>) {
        lines.retain(|at| {
            let Some(line) = group.lines.get(*at) else { return false };
            let of_key =
                |row: &&usize| self.rows.get(**row).is_some_and(|row| self.same(line, row, Pairing::Exact));
            let candidates: Vec<usize> = rows.iter().filter(of_key).copied().collect();
            let agreeing = candidates.iter().find(|row| {
                self.rows.get(**row).is_some_and(|row| !self.is_changed(row) && same_amounts(line, row))
            });
            let Some(best) = agreeing.or(candidates.first()).copied() else { return true };
            group.pairs.push((*at, best, Pairing::Exact));
            group
                .spare_rows
                .extend(candidates.iter().filter(|row| **row != best).map(|row| (*row, Class::Duplicate)));
            rows.retain(|row| !of_key(&row));
            false
        });
    }

    /// Pairs what is unique on both sides under a looser key; what is not unique is for people.
    fn pair_loosely(
        &self,
        group: &mut Group,
        lines: &mut Vec<usize>,
        rows: &mut Vec<usize>,
        pairing: Pairing,
    ) {
        let mut done = Vec::new();
        for at in lines.clone() {
            let Some(line) = group.lines.get(at).filter(|_| !done.contains(&at)) else { continue };
            let twin = |other: &&usize| {
                group.lines.get(**other).is_some_and(|other| {
                    other.code == line.code
                        && (pairing == Pairing::OtherPeriod || other.due_on == line.due_on)
                        && (pairing == Pairing::OtherBeneficiary || other.beneficiary == line.beneficiary)
                })
            };
            let mine: Vec<usize> = lines.iter().filter(twin).copied().collect();
            let of_key = |row: &&usize| self.rows.get(**row).is_some_and(|row| self.same(line, row, pairing));
            let theirs: Vec<usize> = rows.iter().filter(of_key).copied().collect();
            match (mine.as_slice(), theirs.as_slice()) {
                (_, []) => continue,
                ([only], [row]) => group.pairs.push((*only, *row, pairing)),
                _ => {
                    group.spare_lines.extend(mine.iter().map(|line| (*line, Some(Class::Ambiguous))));
                    group.spare_rows.extend(theirs.iter().map(|row| (*row, Class::Ambiguous)));
                }
            }
            rows.retain(|row| !of_key(&row));
            done.extend(mine);
        }
        lines.retain(|line| !done.contains(line));
    }

    /// True when a row names another vehicle, bill or number than what was paid.
    fn is_changed(&self, row: &Row) -> bool {
        row.plate.as_str() != &*self.leg.plate
            || Some(row.document) != self.leg.document
            || self.leg.number().is_some_and(|number| *number != row.number)
    }

    /// What the rows prove, when they are the quote and nothing but the quote.
    fn settles(&self, paid: &Group) -> Option<Settles> {
        let whole = !paid.lines.is_empty()
            && paid.pairs.len() == paid.lines.len()
            && paid.pairs.len() == self.rows.len()
            && self.leg.claimed.is_empty();
        let agree = paid.pairs.iter().all(|(line, row, pairing)| {
            *pairing == Pairing::Exact
                && paid
                    .lines
                    .get(*line)
                    .zip(self.rows.get(*row))
                    .is_some_and(|(line, row)| same_amounts(line, row) && !self.is_changed(row))
        });
        let (number, booked_at) = Settlement::booking(self.rows).filter(|_| whole && agree)?;
        let Leg { payment_id, reference, .. } = *self.leg;
        let booking = Booking { number: number.to_string(), booked_at, business_date: self.date };
        Some(Settles { payment_id, reference, booking })
    }

    /// The class of a line without a row; none when nothing was to be found in this file.
    fn without_row(&self, line: &LegLine, status: RowStatus) -> Option<(Class, Note)> {
        if !self.leg.is_due(status, self.date) {
            return None;
        }
        // Only earlier nights count: what a later file holds must not change what this date's re-run says.
        if let Some(on) = self.leg.claimed_on(line, status).filter(|on| *on < self.date) {
            return Some((Class::Matched, Note::ClaimedOn(on)));
        }
        let class = match &self.leg.standing {
            Standing::Open { until, earlier, .. } if self.rows.is_empty() => {
                let last_chance = self.date >= *until && *earlier == Earlier::AllIn;
                if last_chance { Class::MissingUpstream } else { Class::Expected }
            }
            Standing::Open { .. } | Standing::Booked { .. } | Standing::Closed => Class::MissingUpstream,
        };
        Some((class, Note::None))
    }

    /// The class of a pair.
    fn of_pair(&self, line: &LegLine, row: &Row, pairing: Pairing) -> (Class, Note) {
        if let Some(on) = self.leg.claimed_on(line, row.status) {
            return (Class::Duplicate, Note::ClaimedOn(on));
        }
        let shift = match &self.leg.standing {
            Standing::Booked { business_date, .. } if row.status == RowStatus::Paid => Some(*business_date),
            Standing::Booked { reversal: Reversal::Agreed(on), .. } => Some(*on),
            Standing::Booked { .. } | Standing::Open { .. } | Standing::Closed => None,
        };
        let note = shift.filter(|on| *on != self.date).map_or(Note::None, Note::DayShift);
        let reversed_in_doubt = matches!(self.leg.standing, Standing::Open { .. })
            && self.rows.iter().any(|row| row.status == RowStatus::Reversed);
        let class = match pairing {
            _ if self.is_changed(row) => Class::ChangedAfterPayment,
            Pairing::OtherBeneficiary => Class::Beneficiary,
            Pairing::OtherPeriod => Class::Period,
            Pairing::Exact if !same_amounts(line, row) => Class::Amount,
            Pairing::Exact if reversed_in_doubt => Class::ReversedThere,
            Pairing::Exact if row.status == RowStatus::Paid && self.leg.resolved_on == Some(self.date) => {
                Class::DoubtResolved
            }
            Pairing::Exact => Class::Matched,
        };
        (class, note)
    }
}

fn same_amounts(line: &LegLine, row: &Row) -> bool {
    line.principal == row.principal && line.penalty == row.penalty
}

impl Group {
    fn into_items(self, pass: &Pass<'_>) -> Vec<Item> {
        let Self { status, lines, pairs, spare_rows, spare_lines } = self;
        let is_due = pass.leg.is_due(status, pass.date);
        let due = if is_due { Due::Here } else { Due::Elsewhere };
        let mut items: Vec<Item> = Vec::with_capacity(pairs.len() + spare_rows.len());
        for (line, at, pairing) in pairs {
            let Some((line, row)) = lines.get(line).zip(pass.rows.get(at)) else { continue };
            let (class, note) = pass.of_pair(line, row, pairing);
            let same = pairing == Pairing::Exact && same_amounts(line, row) && !pass.is_changed(row);
            let here = match (class, same) {
                // The line is another night's: here is one more row and nothing of ours.
                (Class::Duplicate, _) if !is_due => Here::Nothing,
                (_, true) => Here::Same,
                (_, false) => Here::Line(Box::new(here_line(pass.leg, line, status))),
            };
            items.push(Item { note, here, due, ..pass.row_alone(at, class) });
        }
        items.extend(spare_rows.into_iter().map(|(at, class)| pass.row_alone(at, class)));
        for (line, class) in spare_lines {
            let Some(line) = lines.get(line) else { continue };
            let alone = match class {
                Some(class) => Some((class, Note::None)),
                None => pass.without_row(line, status),
            };
            let Some((class, note)) = alone else { continue };
            let here = Here::Line(Box::new(here_line(pass.leg, line, status)));
            items.push(Item { class, note, row: None, here, due });
        }
        items
    }
}

/// Our line as an item carries it.
pub(crate) fn here_line(leg: &Leg, line: &LegLine, status: RowStatus) -> HereLine {
    HereLine {
        key: leg.key(line, status),
        line: line.clone(),
        plate: leg.plate.clone(),
        document: leg.document,
        number: leg.number().cloned(),
    }
}

#[cfg(test)]
mod tests;
