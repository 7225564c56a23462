//! A host's clock as we know it from its signed answers.
//!
//! `not_after` is host time, so a wrong clock here must not matter. An answer whose time jumps by more than five
//! minutes (the protocol's own limit) is not believed until a second one agrees with it. An answer may have been long on
//! its way: one that lags by no more than it may have travelled proves its own time but does not set the clock back. One that lags by more may be an old answer given again (a signature over
//! a status question covers nothing that is new): only a second one that agrees with it sets the clock back.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use chrono::{TimeDelta, Utc};

use crate::domain::{Clock, Timestamp};

#[derive(Debug, Default)]
struct Known {
    anchor: Option<(Timestamp, Instant)>,
    suspect: Option<(Timestamp, Instant)>,
}

/// One host's clock.
#[derive(Debug)]
pub(crate) struct HostClock {
    own: Clock,
    known: Mutex<Known>,
}

const JUMP_MAX: TimeDelta = TimeDelta::seconds(300);
const AGREEMENT: TimeDelta = TimeDelta::seconds(10);

impl HostClock {
    pub(crate) fn new(own: Clock) -> Self {
        Self { own, known: Mutex::new(Known::default()) }
    }

    /// Host time now; our own before the host has ever spoken.
    pub(crate) fn now(&self) -> Timestamp {
        let known = self.known.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        known.anchor.map_or_else(|| self.own.now(), shifted)
    }

    /// Hears the time of a signed answer to a question asked so long ago; false when it is not to be believed yet.
    pub(crate) fn hear(&self, at: chrono::DateTime<Utc>, asked_ago: Duration) -> bool {
        let mut known = self.known.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let agrees = |anchor: Option<(Timestamp, Instant)>, within: TimeDelta| {
            anchor.is_none_or(|anchor| (at - shifted(anchor)).abs() <= within)
        };
        let heard = Some((at, Instant::now()));
        // X-Timestamp has whole seconds.
        let travelled = TimeDelta::from_std(asked_ago).unwrap_or(TimeDelta::zero()) + TimeDelta::seconds(1);
        let lags = |anchor| (TimeDelta::zero()..=travelled).contains(&(shifted(anchor) - at));
        if known.anchor.is_some_and(lags) {
            known.suspect = None;
            return true;
        }
        let behind = known.anchor.is_some_and(|anchor| at < shifted(anchor));
        let near = agrees(known.anchor, JUMP_MAX);
        if (near && !behind) || (known.suspect.is_some() && agrees(known.suspect, AGREEMENT)) {
            *known = Known { anchor: heard, suspect: None };
            true
        } else {
            known.suspect = heard;
            near
        }
    }
}

fn shifted((at, heard): (Timestamp, Instant)) -> Timestamp {
    at + TimeDelta::from_std(heard.elapsed()).unwrap_or(TimeDelta::zero())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jump_of_the_host_clock_is_believed_only_when_said_twice() {
        let clock = HostClock::new(Clock::system());
        let now = Clock::system().now();
        assert!(clock.hear(now, Duration::ZERO));
        let jumped = now + TimeDelta::seconds(400);
        assert!(!clock.hear(jumped, Duration::ZERO));
        assert!((clock.now() - now).num_seconds() < 5);
        assert!(clock.hear(now, Duration::ZERO), "the old time is still the known one");
        assert!(!clock.hear(jumped, Duration::ZERO));
        assert!(clock.hear(jumped, Duration::ZERO));
        assert!((clock.now() - jumped).num_seconds().abs() < 5);
    }

    #[test]
    fn a_wrong_clock_of_our_own_does_not_matter_once_the_host_has_spoken() {
        let own = Clock::system();
        let clock = HostClock::new(own.clone());
        let host = own.now();
        own.shift(TimeDelta::hours(1));
        assert!(clock.hear(host, Duration::ZERO));
        assert!((clock.now() - host).num_seconds() < 5);
    }

    #[test]
    fn an_answer_that_was_long_on_its_way_does_not_set_the_clock_back() {
        let clock = HostClock::new(Clock::system());
        let now = Clock::system().now();
        assert!(clock.hear(now, Duration::ZERO));
        let slow = now - TimeDelta::seconds(12);
        assert!(clock.hear(slow, Duration::from_secs(14)), "its own time is believed");
        assert!(clock.now() >= now);
        assert!(clock.hear(slow, Duration::ZERO), "an old answer, or a host that set its clock back");
        assert!(clock.now() >= now);
        assert!(clock.hear(slow, Duration::ZERO), "the host set its clock back");
        assert!(clock.now() < now);
    }
}
