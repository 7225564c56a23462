//! Whether a file fits what we know of its sender: revisions, sequence numbers, the chain of hashes.
//!
//! Pure. A revision is *taken* when a night that used it was published; only taken files are known. Every calendar day
//! has a file and numbers have no gap, so two dates' numbers differ by their days. A file names its predecessor by hash;
//! any revision of the previous day satisfies that, also one that we never took but the sender still shows.

use super::settlement::Settlement;
use crate::domain::{Authority, BusinessDate};

/// A file that a published night used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// Its business date.
    pub date: BusinessDate,
    /// Its revision.
    pub revision: u32,
    /// Its sequence number.
    pub sequence: u64,
    /// SHA-256 of its bytes.
    pub sha256: [u8; 32],
}

/// What the sender shows as the previous date's file now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Predecessor {
    /// This.
    Shown {
        /// Its revision.
        revision: u32,
        /// SHA-256 of its bytes.
        sha256: [u8; 32],
    },
    /// None: its day was never closed there, or the sender no longer has it.
    NotShown,
}

/// Why a file that is consistent in itself is refused all the same.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Misfit {
    /// A lower revision than the one already taken.
    #[error("{sender} settlement {date}: revision {revision} is lower than revision {taken}, already taken")]
    LowerRevision {
        /// Whose file.
        sender: Authority,
        /// Its date.
        date: BusinessDate,
        /// What it says.
        revision: u32,
        /// What was taken.
        taken: u32,
    },
    /// Other bytes under a revision already taken.
    #[error("{sender} settlement {date}: other bytes under revision {revision}, already taken")]
    OtherBytes {
        /// Whose file.
        sender: Authority,
        /// Its date.
        date: BusinessDate,
        /// Its revision.
        revision: u32,
    },
    /// A gap or a step back in the sender's numbers.
    #[error(
        "{sender} settlement {date}, line 1: sequence number is {found}, expected {expected} after that of {known}"
    )]
    Sequence {
        /// Whose file.
        sender: Authority,
        /// Its date.
        date: BusinessDate,
        /// What it says.
        found: u64,
        /// What it had to be.
        expected: i128,
        /// By which known file's date.
        known: BusinessDate,
    },
    /// It names another predecessor than the one that we or the sender know.
    #[error(
        "{sender} settlement {date}, line 1: the chain is broken: no revision of {previous} has the hash it names"
    )]
    Chain {
        /// Whose file.
        sender: Authority,
        /// Its date.
        date: BusinessDate,
        /// The day before.
        previous: BusinessDate,
    },
}

/// What to do about the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// The file fits what we know.
    Proven,
    /// No known revision of the previous date is the one named: ask the sender for that date's file.
    AskForPredecessor,
}

/// Compares a file with the taken files of its sender.
///
/// # Errors
/// [`Misfit`] when the file contradicts one of them.
pub fn fits(file: &Settlement, taken: &[Taken]) -> Result<Link, Misfit> {
    let header = &file.header;
    let (sender, date, revision) = (header.sender, header.date, header.revision);
    for known in taken.iter().filter(|known| known.date == date) {
        if known.revision > revision {
            return Err(Misfit::LowerRevision { sender, date, revision, taken: known.revision });
        }
        if known.revision == revision && known.sha256 != file.sha256 {
            return Err(Misfit::OtherBytes { sender, date, revision });
        }
    }
    for known in taken {
        let expected = i128::from(known.sequence) + i128::from(date.days_since(known.date));
        if expected != i128::from(header.sequence) {
            let found = header.sequence;
            return Err(Misfit::Sequence { sender, date, found, expected, known: known.date });
        }
    }
    let previous = date.previous();
    let zeros = header.previous_sha256 == [0; 32];
    // Numbers may begin anywhere; the first file names zeros and a later one never does.
    if (header.sequence == 1 && !zeros) || (zeros && taken.iter().any(|known| known.date < date)) {
        return Err(Misfit::Chain { sender, date, previous });
    }
    let named = |known: &Taken| known.date == previous && known.sha256 == header.previous_sha256;
    if (zeros && header.sequence == 1) || taken.iter().any(named) {
        Ok(Link::Proven)
    } else {
        Ok(Link::AskForPredecessor)
    }
}

/// Compares a file whose predecessor we never took with what the sender shows of the previous date.
///
/// The first file known here cannot be proven against ours. It is refused when the sender's own predecessor disproves
/// it; when that is a later revision or gone, nothing does.
///
/// # Errors
/// [`Misfit::Chain`] when the predecessor is another one.
pub fn follows(file: &Settlement, taken: &[Taken], shown: &Predecessor) -> Result<(), Misfit> {
    let (sender, date) = (file.header.sender, file.header.date);
    let previous = date.previous();
    let have_previous = taken.iter().any(|known| known.date == previous);
    let names_none = file.header.previous_sha256 == [0; 32];
    let fits = match shown {
        Predecessor::Shown { sha256, .. } if *sha256 == file.header.previous_sha256 => true,
        Predecessor::Shown { revision, .. } => *revision > 1 && !have_previous && !names_none,
        Predecessor::NotShown => !have_previous,
    };
    if fits { Ok(()) } else { Err(Misfit::Chain { sender, date, previous }) }
}

#[cfg(test)]
mod tests {
    use super::super::sample::File;
    use super::super::settlement;
    use super::*;

    fn date(text: &str) -> BusinessDate {
        BusinessDate::parse(text).unwrap()
    }

    fn file(day: &str, sequence: u64, revision: u32, previous: &str) -> Settlement {
        let file = File { sequence, revision, previous: previous.repeat(32), ..File::empty(day) };
        settlement::read(file.text().as_bytes(), Authority::Bapenda, date(day)).unwrap()
    }

    fn taken(file: &Settlement) -> Taken {
        let header = &file.header;
        Taken { date: header.date, revision: header.revision, sequence: header.sequence, sha256: file.sha256 }
    }

    fn successor(of: &Settlement, day: &str, sequence: u64) -> Settlement {
        let file = File { sequence, previous: hex::encode(of.sha256), ..File::empty(day) };
        settlement::read(file.text().as_bytes(), Authority::Bapenda, date(day)).unwrap()
    }

    #[test]
    fn the_senders_first_file_names_zeros_and_no_other_does() {
        assert_eq!(fits(&file("2026-11-24", 1, 1, "00"), &[]), Ok(Link::Proven));
        assert!(matches!(fits(&file("2026-11-24", 1, 1, "ab"), &[]), Err(Misfit::Chain { .. })));
        let first = file("2026-11-24", 328, 1, "00");
        assert_eq!(fits(&first, &[]), Ok(Link::AskForPredecessor));
        assert!(follows(&first, &[], &Predecessor::NotShown).is_ok());
        assert!(follows(&first, &[], &Predecessor::Shown { revision: 2, sha256: [9; 32] }).is_err());
        let known = [taken(&file("2026-11-23", 327, 1, "ab"))];
        assert!(matches!(fits(&first, &known), Err(Misfit::Chain { .. })));
    }

    #[test]
    fn any_taken_revision_of_the_day_before_satisfies_the_chain() {
        let (first, second) = (file("2026-11-23", 7, 1, "ab"), file("2026-11-23", 7, 3, "ab"));
        let known = [taken(&first), taken(&second)];
        for of in [&first, &second] {
            assert_eq!(fits(&successor(of, "2026-11-24", 8), &known), Ok(Link::Proven));
        }
        let broken = file("2026-11-24", 8, 1, "cd");
        assert_eq!(fits(&broken, &known), Ok(Link::AskForPredecessor));
        let shown = |revision, sha256| Predecessor::Shown { revision, sha256 };
        assert!(follows(&broken, &known, &shown(3, second.sha256)).is_err());
        assert!(follows(&broken, &known, &Predecessor::NotShown).is_err());
        assert!(follows(&broken, &known, &shown(4, broken.header.previous_sha256)).is_ok());
    }

    #[test]
    fn the_first_file_known_here_is_refused_only_when_its_sender_disproves_it() {
        let first = file("2026-11-24", 8, 1, "cd");
        assert_eq!(fits(&first, &[]), Ok(Link::AskForPredecessor));
        assert!(follows(&first, &[], &Predecessor::NotShown).is_ok());
        assert!(follows(&first, &[], &Predecessor::Shown { revision: 2, sha256: [9; 32] }).is_ok());
        assert!(follows(&first, &[], &Predecessor::Shown { revision: 1, sha256: [9; 32] }).is_err());
    }

    #[test]
    fn numbers_have_no_gap_in_either_direction_and_a_revision_keeps_its_own() {
        let known = [taken(&file("2026-11-20", 5, 1, "ab"))];
        for (day, sequence, fine) in [
            ("2026-11-24", 9, true),
            ("2026-11-24", 8, false),
            ("2026-11-18", 3, true),
            ("2026-11-18", 4, false),
        ] {
            assert_eq!(fits(&file(day, sequence, 1, "ab"), &known).is_ok(), fine, "{day} {sequence}");
        }
        assert!(matches!(fits(&file("2026-11-20", 6, 2, "ab"), &known), Err(Misfit::Sequence { .. })));
    }

    #[test]
    fn a_taken_revision_stands() {
        let (old, new) = (file("2026-11-24", 5, 1, "ab"), file("2026-11-24", 5, 4, "ab"));
        let known = [taken(&new)];
        assert!(matches!(fits(&old, &known), Err(Misfit::LowerRevision { taken: 4, .. })));
        assert!(fits(&new, &known).is_ok());
        let other = file("2026-11-24", 5, 4, "cd");
        assert!(matches!(fits(&other, &known), Err(Misfit::OtherBytes { .. })));
        assert!(fits(&file("2026-11-24", 5, 9, "cd"), &[taken(&old), taken(&new)]).is_ok());
    }
}
