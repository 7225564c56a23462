//! The second and third pass, over what the references left: by the host's number, then by vehicle, period, code and
//! amount. They pair and propose; they never move a payment and never call anything matched.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use super::{Due, Here, Item, here_line};
use crate::domain::Rupiah;
use crate::reconciliation::class::{Class, Note};
use crate::reconciliation::ours::{Leg, LegLine, LineKey};
use crate::reconciliation::row::{Row, RowStatus};
use crate::reconciliation::settlement::Settlement;

/// Pairs rows of unknown references with our legs of the same number, then with lines that found no row.
///
/// `strangers` are the rows whose reference we never gave; each comes back in exactly one item. `items` are those of the
/// first pass; lines without a row may be paired. `by_number` holds the legs that carry one of the strangers' numbers.
#[must_use]
pub fn match_leftovers(
    file: &Settlement,
    items: Vec<Item>,
    strangers: &[u32],
    by_number: &BTreeMap<Arc<str>, Leg>,
) -> Vec<Item> {
    let mut pass = Leftovers { file, alone: HashMap::new(), spoken: HashSet::new(), items };
    for (at, item) in pass.items.iter().enumerate() {
        if let Some(key) = pulled_key(file, item) {
            pass.spoken.insert(key);
        }
        // Lines that another night's file already explains take part in no proposal.
        let lost = item.row.is_none() && matches!(item.class, Class::MissingUpstream | Class::Expected);
        if let (true, Here::Line(here)) = (lost, &item.here) {
            pass.alone.insert(here.key.clone(), at);
        }
    }
    let mut rest = vec![];
    for at in strangers {
        match file.rows.get(*at as usize).and_then(|row| by_number.get(&row.number).map(|leg| (row, leg))) {
            Some((row, leg)) => pass.by_number(*at, row, leg),
            None => rest.push(*at),
        }
    }
    pass.by_vehicle(&rest);
    pass.items
}

struct Leftovers<'a> {
    file: &'a Settlement,
    /// Lines of ours without a row, by key.
    alone: HashMap<LineKey, usize>,
    /// Lines of ours that were not due here and have found a row.
    spoken: HashSet<LineKey>,
    items: Vec<Item>,
}

/// What the third pass compares: plate, due date, code, amount, status.
type Vehicle = (String, crate::domain::BusinessDate, String, Rupiah, RowStatus);

impl Leftovers<'_> {
    fn by_number(&mut self, at: u32, row: &Row, leg: &Leg) {
        let code = self.file.codes.name(row.code);
        let of_row = |line: &&LegLine| line.due_on == row.due_on && &*line.code == code;
        let lines: Vec<&LegLine> = leg.lines.iter().filter(of_row).collect();
        let exact = lines.iter().find(|line| line.beneficiary == row.beneficiary);
        let only = if let [only] = lines.as_slice() { Some(only) } else { None };
        let Some(line) = exact.or(only) else {
            self.items.push(row_alone(at, Class::MissingHere, Note::ByNumber));
            return;
        };
        let key = leg.key(line, row.status);
        if let Some(found) = self.alone.remove(&key) {
            self.pair(found, at, Note::ByNumber);
        } else if leg.is_due(row.status, self.file.header.date)
            || leg.claimed_on(line, row.status).is_some()
            || !self.spoken.insert(key)
        {
            // The line has its row already: the same booking stands twice, once under another reference.
            self.items.push(row_alone(at, Class::Duplicate, Note::ByNumber));
        } else {
            let here = Here::Line(Box::new(here_line(leg, &line.signed(row.status), row.status)));
            let paired = Item { here, ..row_alone(at, Class::ChangedAfterPayment, Note::ByNumber) };
            self.items.push(paired);
        }
    }

    fn by_vehicle(&mut self, strangers: &[u32]) {
        let mut lines: HashMap<Vehicle, Vec<(LineKey, usize)>> = HashMap::new();
        for (key, at) in &self.alone {
            if let Some(vehicle) = self.items.get(*at).and_then(line_vehicle) {
                lines.entry(vehicle).or_default().push((key.clone(), *at));
            }
        }
        let mut rows: HashMap<Vehicle, Vec<u32>> = HashMap::new();
        for at in strangers {
            match self.row_vehicle(*at).filter(|vehicle| lines.contains_key(vehicle)) {
                Some(vehicle) => rows.entry(vehicle).or_default().push(*at),
                None => self.items.push(row_alone(*at, Class::MissingHere, Note::None)),
            }
        }
        for (vehicle, rows) in rows {
            match (rows.as_slice(), lines.get(&vehicle).map(Vec::as_slice)) {
                ([row], Some([(_, line)])) => self.pair(*line, *row, Note::ByVehicle),
                (rows, lines) => {
                    for row in rows {
                        self.items.push(row_alone(*row, Class::Ambiguous, Note::ByVehicle));
                    }
                    for (_, line) in lines.unwrap_or_default() {
                        if let Some(item) = self.items.get_mut(*line) {
                            (item.class, item.note) = (Class::Ambiguous, Note::ByVehicle);
                        }
                    }
                }
            }
        }
    }

    /// Gives a line that stood alone the row that seems to be its own.
    fn pair(&mut self, line: usize, row: u32, note: Note) {
        if let Some(item) = self.items.get_mut(line) {
            (item.class, item.note, item.row) = (Class::ChangedAfterPayment, note, Some(row));
        }
    }

    fn row_vehicle(&self, at: u32) -> Option<Vehicle> {
        let row = self.file.rows.get(at as usize)?;
        let code = self.file.codes.name(row.code).to_owned();
        Some((row.plate.as_str().to_owned(), row.due_on, code, row.amount().ok()?, row.status))
    }
}

fn pulled_key(file: &Settlement, item: &Item) -> Option<LineKey> {
    let row = item.row.filter(|_| item.due == Due::Elsewhere).and_then(|at| file.rows.get(at as usize))?;
    match &item.here {
        Here::Nothing => None,
        Here::Same => Some(file.key(row)),
        Here::Line(here) => Some(here.key.clone()),
    }
}

fn line_vehicle(item: &Item) -> Option<Vehicle> {
    let Here::Line(here) = &item.here else { return None };
    let code = here.line.code.to_string();
    Some((here.plate.to_string(), here.line.due_on, code, here.line.amount().ok()?, here.key.status))
}

fn row_alone(at: u32, class: Class, note: Note) -> Item {
    Item { class, note, row: Some(at), here: Here::Nothing, due: Due::Elsewhere }
}
