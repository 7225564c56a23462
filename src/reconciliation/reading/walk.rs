//! All lines of a run in canonical order, those stored in chunks and those stored in rows, with little of them in memory.

use std::collections::VecDeque;

use sqlx::PgConnection;

use super::{Line, PIECE, store};
use crate::domain::RunId;
use crate::reconciliation::matched::{Group, Reader};

/// What a walk comes by.
pub(crate) enum Seen<'s, 'c> {
    /// Lines that both sides say alike.
    Matched(Group<'s, 'c>),
    /// Any other line.
    Other(&'s Line),
}

/// Shows every line of a run, in order.
pub(crate) async fn walk(
    connection: &mut PgConnection,
    run_id: RunId,
    mut show: impl FnMut(Seen<'_, '_>) -> Result<(), sqlx::Error>,
) -> Result<(), sqlx::Error> {
    let mut rows = Rows { run_id, queue: VecDeque::new(), after: 0, at_end: false };
    let mut after = 0;
    while let Some(chunk) = store::chunks(connection, run_id, (after, 1)).await?.pop() {
        after = chunk.last;
        let mut groups = Reader::new(chunk.authority, chunk.first, &chunk.bytes).map_err(store::broken)?;
        while let Some(group) = groups.next().map_err(store::broken)? {
            let first = group.first();
            while let Some(line) = rows.before(connection, first).await? {
                show(Seen::Other(&line))?;
            }
            show(Seen::Matched(group))?;
        }
    }
    while let Some(line) = rows.before(connection, i32::MAX).await? {
        show(Seen::Other(&line))?;
    }
    Ok(())
}

struct Rows {
    run_id: RunId,
    queue: VecDeque<Line>,
    after: i32,
    at_end: bool,
}

impl Rows {
    /// The next row, if its place is before that one.
    async fn before(
        &mut self,
        connection: &mut PgConnection,
        place: i32,
    ) -> Result<Option<Line>, sqlx::Error> {
        if self.queue.is_empty() && !self.at_end {
            self.queue = store::rows(connection, self.run_id, (self.after, PIECE)).await?.into();
            self.at_end = self.queue.is_empty();
            self.after = self.queue.back().map_or(self.after, |line| line.ordinal);
        }
        Ok(self.queue.pop_front_if(|line| line.ordinal < place))
    }
}
