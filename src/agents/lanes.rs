//! Who must wait before a password is looked at.
//!
//! Every attempt passes one or more lanes. Each failure in a lane makes the next attempt there wait longer, up to a few
//! seconds. An attempt takes its turn when it is let in, so that copies at the same time stand behind one another; one that
//! would have to stand too long is turned away at once and costs nothing: it neither hashes nor lengthens the wait. So a
//! thousand wrong passwords slow the guesser to one try every eight seconds, never lock the owner out, and never reach
//! those who come from a device that is known. Pure: the caller reads the clock and does the waiting.

use std::collections::HashMap;
use std::net::IpAddr;

use chrono::TimeDelta;

use crate::domain::Timestamp;

/// Longer than this nobody is kept waiting: a page that does not answer looks broken.
pub(super) const HELD_MAX: TimeDelta = TimeDelta::seconds(4);
/// A lane without a new failure is forgotten after this.
const FORGOTTEN_AFTER: TimeDelta = TimeDelta::minutes(15);
/// Lanes kept at once; beyond it the one that was used longest ago goes.
const LANES_MAX: usize = 10_000;

/// What an attempt is counted by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Lane {
    /// A person's name, tried from one address on devices that are not known.
    PersonAt(String, IpAddr),
    /// A person's name, tried from anywhere on devices that are not known.
    Person(String),
    /// One address, whatever name it tries on devices that are not known.
    Address(IpAddr),
    /// A person on a device that is known.
    Known(String, Vec<u8>),
    /// Codes of a person, from wherever: only a right password leads here.
    Code(String),
}

impl Lane {
    /// Failures without a wait, then the first wait and the longest, in milliseconds.
    const fn pace(&self) -> (u32, i64, i64) {
        match self {
            Self::PersonAt(..) | Self::Known(..) => (3, 1_000, 8_000),
            // Six digits, three of them right at a time: one a minute is less than half a chance in a hundred a day.
            Self::Code(_) => (5, 1_000, 60_000),
            // Only many addresses at once come this far; the owner's turn still comes within seconds.
            Self::Person(_) => (50, 250, 1_000),
            // An outlet, or a proxy, may have one address for everybody behind it.
            Self::Address(_) => (20, 100, 200),
        }
    }

    fn delay(&self, failures: u32) -> TimeDelta {
        let (free, first, longest) = self.pace();
        if failures <= free {
            return TimeDelta::zero();
        }
        let doubled = first << (failures - free - 1).min(8);
        TimeDelta::milliseconds(doubled.min(longest))
    }
}

#[derive(Debug, Clone, Copy)]
struct Turn {
    failures: u32,
    /// When the next attempt may be looked at.
    free_at: Timestamp,
    last_at: Timestamp,
}

/// All lanes of this gateway.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    turns: HashMap<Lane, Turn>,
}

impl Lanes {
    /// Lets an attempt in after a wait, and counts it as failed until [`Lanes::forgive`] says otherwise.
    ///
    /// # Errors
    /// How long it would have to wait, when that is too long to be kept waiting.
    pub(super) fn admit(&mut self, lanes: &[Lane], now: Timestamp) -> Result<TimeDelta, TimeDelta> {
        let free_at = lanes.iter().filter_map(|lane| self.turn(lane, now)).map(|turn| turn.free_at).max();
        let wait = free_at.map_or(TimeDelta::zero(), |at| (at - now).max(TimeDelta::zero()));
        if wait > HELD_MAX {
            return Err(wait);
        }
        for lane in lanes {
            if self.turns.len() >= LANES_MAX && !self.turns.contains_key(lane) {
                self.turns.retain(|_, turn| now - turn.last_at < FORGOTTEN_AFTER);
                self.drop_oldest();
            }
            let failures = self.turn(lane, now).map_or(0, |turn| turn.failures).saturating_add(1);
            let turn = Turn { failures, free_at: now + wait + lane.delay(failures), last_at: now };
            self.turns.insert(lane.clone(), turn);
        }
        Ok(wait)
    }

    /// The attempt was right: its own lane begins anew, what it shares with others loses one failure.
    pub(super) fn forgive(&mut self, lanes: &[Lane], now: Timestamp) {
        for lane in lanes {
            match lane {
                Lane::PersonAt(..) | Lane::Known(..) | Lane::Code(_) => {
                    self.turns.remove(lane);
                }
                Lane::Person(_) | Lane::Address(_) => {
                    if let Some(turn) = self.turns.get_mut(lane) {
                        turn.failures = turn.failures.saturating_sub(1);
                        turn.free_at = now;
                    }
                }
            }
        }
    }

    /// Failures counted in a lane.
    pub(super) fn failures(&self, lane: &Lane, now: Timestamp) -> u32 {
        self.turn(lane, now).map_or(0, |turn| turn.failures)
    }

    fn turn(&self, lane: &Lane, now: Timestamp) -> Option<&Turn> {
        self.turns.get(lane).filter(|turn| now - turn.last_at < FORGOTTEN_AFTER)
    }

    fn drop_oldest(&mut self) {
        if self.turns.len() < LANES_MAX {
            return;
        }
        let oldest = self.turns.iter().min_by_key(|(_, turn)| turn.last_at).map(|(lane, _)| lane.clone());
        if let Some(lane) = oldest {
            self.turns.remove(&lane);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_timestamp_millis(1_700_000_000_000 + ms).unwrap()
    }

    fn guess(name: &str, address: u8) -> Vec<Lane> {
        let address = IpAddr::from([10, 0, 0, address]);
        vec![Lane::PersonAt(name.to_owned(), address), Lane::Person(name.to_owned()), Lane::Address(address)]
    }

    #[test]
    fn three_mistakes_are_free_and_the_next_wait_doubles_up_to_eight_seconds() {
        let mut lanes = Lanes::default();
        let mut now = 0;
        let mut waits = vec![];
        for _ in 0..9 {
            // Kept waiting, or turned away and come again.
            let wait = lanes.admit(&guess("siti", 1), at(now)).unwrap_or_else(|wait| {
                lanes.admit(&guess("siti", 1), at(now + wait.num_milliseconds())).unwrap();
                wait
            });
            now += wait.num_milliseconds();
            waits.push(wait.num_milliseconds());
        }
        assert_eq!(waits, [0, 0, 0, 0, 1000, 2000, 4000, 8000, 8000]);
    }

    #[test]
    fn a_thousand_at_once_are_turned_away_and_the_owner_waits_no_longer_for_it() {
        let mut lanes = Lanes::default();
        let let_in = (0..1000).filter(|_| lanes.admit(&guess("siti", 1), at(0)).is_ok()).count();
        assert!(let_in < 10, "{let_in}");
        let wait = lanes.admit(&guess("siti", 1), at(0)).unwrap_err();
        assert!(wait <= TimeDelta::seconds(8), "{wait}");
        assert!(lanes.admit(&guess("siti", 1), at(8_000)).is_ok(), "her turn comes");
        assert_eq!(
            lanes.admit(&guess("siti", 2), at(8_001)),
            Ok(TimeDelta::zero()),
            "from elsewhere at once"
        );
        assert_eq!(
            lanes.admit(&guess("budi", 1), at(8_001)),
            Ok(TimeDelta::zero()),
            "another person at once"
        );
        let known = [Lane::Known("siti".to_owned(), vec![7])];
        assert_eq!(lanes.admit(&known, at(8_001)), Ok(TimeDelta::zero()), "her own device at once");
    }

    #[test]
    fn many_names_from_one_address_are_slowed_too() {
        let mut lanes = Lanes::default();
        let let_in = (0..500).filter(|i| lanes.admit(&guess(&format!("u{i}"), 1), at(0)).is_ok()).count();
        assert!((20..60).contains(&let_in), "{let_in}");
    }

    #[test]
    fn being_right_forgets_the_mistakes_and_so_does_time() {
        let mut lanes = Lanes::default();
        for _ in 0..4 {
            lanes.admit(&guess("siti", 1), at(0)).unwrap();
        }
        lanes.forgive(&guess("siti", 1), at(0));
        assert_eq!(lanes.admit(&guess("siti", 1), at(0)), Ok(TimeDelta::zero()));
        for _ in 0..7 {
            let _turned_away = lanes.admit(&guess("budi", 2), at(0));
        }
        let later = FORGOTTEN_AFTER.num_milliseconds();
        assert_eq!(lanes.admit(&guess("budi", 2), at(later)), Ok(TimeDelta::zero()));
        assert_eq!(lanes.failures(&guess("budi", 2)[0], at(later)), 1);
    }

    #[test]
    fn the_lanes_have_an_end() {
        let mut lanes = Lanes::default();
        for i in 0..LANES_MAX + 50 {
            let lane = Lane::Known(format!("p{i}"), vec![]);
            lanes.admit(&[lane], at(i64::try_from(i).unwrap())).unwrap();
        }
        assert_eq!(lanes.turns.len(), LANES_MAX);
        assert_eq!(lanes.failures(&Lane::Known("p0".to_owned(), vec![]), at(0)), 0, "the oldest went");
    }
}
