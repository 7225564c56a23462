//! The breaker of one host: while it is open no cash is taken for that host.
//!
//! Opens on five failures to connect within 10 s, or when of at least 20 calls within 30 s four fifths had no usable
//! answer. After 15 s one call is let through to try. A reset or a broken answer alone never opens it.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::{Duration, Instant};

const CONNECT_FAILURES: usize = 5;
const CONNECT_WINDOW: Duration = Duration::from_secs(10);
const CALLS: usize = 20;
const CALLS_WINDOW: Duration = Duration::from_secs(30);
const OPEN_FOR: Duration = Duration::from_secs(15);
/// Enough to judge a window; the oldest calls fall out first.
const REMEMBERED: usize = 512;

/// How a call went, as far as the breaker cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Went {
    /// A signed answer came, whatever it says.
    Answered,
    /// No connection was made.
    NotConnected,
    /// Connected, but no usable answer.
    NoAnswer,
}

#[derive(Debug, Default)]
struct Memory {
    calls: VecDeque<(Instant, Went)>,
    open_since: Option<Instant>,
}

/// The breaker of one host.
#[derive(Debug, Default)]
pub struct Breaker {
    memory: Mutex<Memory>,
}

impl Breaker {
    /// True when new payments and lookups may be begun: closed, or half-open and waiting for a call to try. Asking takes
    /// no turn; calling does.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.admits(Instant::now())
    }

    fn admits(&self, now: Instant) -> bool {
        let memory = self.memory.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        memory.open_since.is_none_or(|since| now.duration_since(since) >= OPEN_FOR)
    }

    /// A call goes out: while half-open it is the one that tries, and the others wait another 15 s.
    pub(crate) fn calls(&self) {
        self.calls_at(Instant::now());
    }

    fn calls_at(&self, now: Instant) {
        let mut memory = self.memory.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if memory.open_since.is_some_and(|since| now.duration_since(since) >= OPEN_FOR) {
            memory.open_since = Some(now);
        }
    }

    /// True while open or half-open: for metrics and pages.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.memory.lock().unwrap_or_else(std::sync::PoisonError::into_inner).open_since.is_some()
    }

    pub(crate) fn saw(&self, went: Went) {
        self.saw_at(went, Instant::now());
    }

    fn saw_at(&self, went: Went, now: Instant) {
        let mut memory = self.memory.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if went == Went::Answered && memory.open_since.is_some() {
            *memory = Memory::default();
            return;
        }
        memory.calls.push_back((now, went));
        while memory.calls.len() > REMEMBERED
            || memory.calls.front().is_some_and(|(at, _)| now.duration_since(*at) > CALLS_WINDOW)
        {
            memory.calls.pop_front();
        }
        let unconnected = memory
            .calls
            .iter()
            .filter(|(at, went)| *went == Went::NotConnected && now.duration_since(*at) <= CONNECT_WINDOW)
            .count();
        let silent = memory.calls.iter().filter(|(_, went)| *went != Went::Answered).count();
        let mostly_silent = memory.calls.len() >= CALLS && silent * 5 >= memory.calls.len() * 4;
        if memory.open_since.is_none() && (unconnected >= CONNECT_FAILURES || mostly_silent) {
            memory.open_since = Some(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(start: Instant, seconds: u64) -> Instant {
        start + Duration::from_secs(seconds)
    }

    #[test]
    fn five_failures_to_connect_within_ten_seconds_open_it() {
        let (breaker, start) = (Breaker::default(), Instant::now());
        for i in 0..4 {
            breaker.saw_at(Went::NotConnected, after(start, i));
        }
        assert!(breaker.admits(after(start, 4)));
        breaker.saw_at(Went::NotConnected, after(start, 5));
        assert!(!breaker.admits(after(start, 6)));
    }

    #[test]
    fn failures_to_connect_that_are_far_apart_do_not_open_it() {
        let (breaker, start) = (Breaker::default(), Instant::now());
        for i in 0..5 {
            breaker.saw_at(Went::NotConnected, after(start, i * 4));
        }
        assert!(breaker.admits(after(start, 21)));
    }

    #[test]
    fn nineteen_silent_calls_do_not_open_it_and_the_twentieth_does() {
        let (breaker, start) = (Breaker::default(), Instant::now());
        for _ in 0..19 {
            breaker.saw_at(Went::NoAnswer, start);
        }
        assert!(breaker.admits(start));
        breaker.saw_at(Went::NoAnswer, start);
        assert!(!breaker.admits(start));
    }

    #[test]
    fn one_answer_in_four_keeps_it_closed() {
        let (breaker, start) = (Breaker::default(), Instant::now());
        for i in 0..40 {
            breaker.saw_at(if i % 4 == 0 { Went::Answered } else { Went::NoAnswer }, start);
        }
        assert!(breaker.admits(start));
    }

    #[test]
    fn after_fifteen_seconds_one_call_tries_and_an_answer_closes_it() {
        let (breaker, start) = (Breaker::default(), Instant::now());
        for _ in 0..5 {
            breaker.saw_at(Went::NotConnected, start);
        }
        assert!(!breaker.admits(after(start, 14)));
        assert!(breaker.admits(after(start, 15)), "one may try");
        assert!(breaker.admits(after(start, 15)), "asking takes no turn");
        breaker.calls_at(after(start, 15));
        assert!(!breaker.admits(after(start, 15)), "and only one");
        breaker.saw_at(Went::Answered, after(start, 16));
        assert!(breaker.admits(after(start, 16)));
    }
}
