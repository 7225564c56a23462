//! How one request is looked at: with the host's clock, or with one that a fault has put wrong, or refused on order.

use crate::clock::{Clock, Moment};

/// The circumstances of one request; the default is an honest host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seat {
    /// How far this request's clock is ahead of the host's.
    pub(crate) skew_ms: i64,
    /// The code with which it is to be refused.
    pub(crate) forced: Option<String>,
}

impl Seat {
    pub(crate) fn now(&self, clock: &Clock) -> Moment {
        clock.now().plus_ms(self.skew_ms)
    }
}
