//! Verification of the chain against its checkpoints: in one pass, without the daemon.

use std::{
    fmt,
    io::{self, BufRead},
};

use super::{Checkpoint, CheckpointVerifier, Head, Record};

/// What a chain that holds consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// The chain's end: its number is the number of records.
    pub head: Head,
    /// How many checkpoints hold, each counted once.
    pub checkpoints: usize,
    /// The number of the last record that a checkpoint covers. Records after it could be cut off unseen.
    pub covered: u64,
}

/// Why a chain does not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// A record is not as it was written, the first of those.
    #[error("record {seq} {what}")]
    Tampered {
        /// Its number.
        seq: u64,
        /// What was done.
        what: Tampering,
    },
    /// A checkpoint's signature does not hold, or a key signed it that was not given.
    #[error("the checkpoint after record {seq} is not signed by a checkpoint key that was given")]
    BadCheckpoint {
        /// The number of the record that it stands after.
        seq: u64,
    },
    /// A line of an export is no record.
    #[error("line {line} is no audit record: {problem}")]
    NotARecord {
        /// Counted from 1.
        line: u64,
        /// Why.
        problem: String,
    },
    /// A line of the checkpoint file is no checkpoint.
    #[error("line {line} is no checkpoint")]
    NotACheckpoint {
        /// Counted from 1.
        line: u64,
    },
    /// An export could not be read further.
    #[error("line {line} cannot be read: {problem}")]
    Unreadable {
        /// Counted from 1.
        line: u64,
        /// What the system said.
        problem: String,
    },
}

/// What was done to a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Tampering {
    /// It says something else than it did.
    Edited,
    /// It is missing, and there are records after it.
    Removed,
    /// It does not belong here.
    Inserted,
    /// Another stands in its place, and it stands elsewhere.
    Swapped {
        /// The number of the other one.
        with: u64,
    },
    /// It and all that followed are missing, and a checkpoint tells of them.
    CutOff,
    /// A checkpoint tells of another chain: this record, or one before it and after the last checkpoint that holds,
    /// was changed and all digests were made again.
    Rewritten {
        /// The number of the last record of which a checkpoint holds, or 0.
        after: u64,
    },
}

impl fmt::Display for Tampering {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Edited => f.write_str("was edited"),
            Self::Removed => f.write_str("was removed"),
            Self::Inserted => f.write_str("was inserted"),
            Self::Swapped { with } => write!(f, "was swapped with record {with}"),
            Self::CutOff => f.write_str("and all that followed were cut off"),
            Self::Rewritten { after } => write!(f, "or one before it (after record {after}) was rewritten"),
        }
    }
}

/// Verifies records in their order against checkpoints in any order, of the ledger, of its checkpoint file and of
/// copies of that. A checkpoint may be signed by any of the keys.
///
/// # Errors
///
/// The first record that is not as it was written; a checkpoint that does not hold; or what reading records gives.
pub fn verify<E: From<Fault>>(
    records: impl IntoIterator<Item = Result<Record, E>>,
    checkpoints: &[Checkpoint],
    verifiers: &[CheckpointVerifier],
) -> Result<Report, E> {
    let mut checkpoints: Vec<_> = checkpoints.iter().collect();
    checkpoints.sort_by_key(|checkpoint| (checkpoint.seq, &checkpoint.signature));
    // Those of the ledger are in its file too.
    checkpoints.dedup();
    let holds = |checkpoint: &Checkpoint| verifiers.iter().any(|verifier| verifier.holds(checkpoint));
    if let Some(bad) = checkpoints.iter().find(|checkpoint| !holds(checkpoint)) {
        return Err(Fault::BadCheckpoint { seq: bad.seq }.into());
    }
    let mut walk = Walk { head: Head::START, covered: 0, due: &checkpoints };
    let mut records = records.into_iter();
    while let Some(record) = records.next() {
        let record = record?;
        if !walk.follows(&record) {
            let (seq, what) = walk.diagnose(&record, records.flatten());
            return Err(Fault::Tampered { seq, what }.into());
        }
        walk.step(&record)?;
    }
    match walk.due.is_empty() {
        true => Ok(Report { head: walk.head, checkpoints: checkpoints.len(), covered: walk.covered }),
        false => Err(Fault::Tampered { seq: walk.head.seq + 1, what: Tampering::CutOff }.into()),
    }
}

/// Verifies an export in JSON Lines, as [`verify`] does.
///
/// # Errors
///
/// As those of [`verify`]; a line that is no record, or cannot be read.
pub fn verify_lines(
    export: impl BufRead,
    checkpoints: &[Checkpoint],
    verifiers: &[CheckpointVerifier],
) -> Result<Report, Fault> {
    let read = |(line, number): (io::Result<String>, u64)| {
        let line = line.map_err(|cause| Fault::Unreadable { line: number, problem: cause.to_string() })?;
        Record::from_line(number, &line)
    };
    verify(export.lines().zip(1..).map(read), checkpoints, verifiers)
}

struct Walk<'a> {
    head: Head,
    covered: u64,
    /// The checkpoints that were not reached yet.
    due: &'a [&'a Checkpoint],
}

impl Walk<'_> {
    fn follows(&self, record: &Record) -> bool {
        record.seq == self.head.seq + 1 && record.previous == self.head.hash && record.holds()
    }

    fn step(&mut self, record: &Record) -> Result<(), Fault> {
        self.head = record.head();
        while let Some((checkpoint, rest)) = self.due.split_first().filter(|(next, _)| next.seq <= record.seq) {
            // One over the empty chain says nothing of any record.
            if checkpoint.seq == record.seq {
                if checkpoint.hash != record.hash {
                    let what = Tampering::Rewritten { after: self.covered };
                    return Err(Fault::Tampered { seq: record.seq, what });
                }
                self.covered = record.seq;
            }
            self.due = rest;
        }
        Ok(())
    }

    /// What was done, told from the first record that does not follow and those after it.
    fn diagnose(&self, found: &Record, rest: impl Iterator<Item = Record>) -> (u64, Tampering) {
        let expected = self.head.seq + 1;
        if found.seq < expected {
            return (found.seq, Tampering::Inserted);
        }
        if found.seq > expected {
            let elsewhere = rest.into_iter().any(|record| record.seq == expected);
            let what = if elsewhere { Tampering::Swapped { with: found.seq } } else { Tampering::Removed };
            return (expected, what);
        }
        if found.holds() {
            // It tells of another record before it. That one was edited and its digest made again, unless a
            // checkpoint vouches for it.
            let seq = if self.head.seq > self.covered { self.head.seq } else { expected };
            return (seq, Tampering::Edited);
        }
        (expected, self.renumbered(found, rest))
    }

    /// A record under the expected number whose digest does not hold: edited, or one that had another number.
    fn renumbered(&self, found: &Record, rest: impl Iterator<Item = Record>) -> Tampering {
        let expected = self.head.seq + 1;
        if found.digest(expected + 1) == found.hash {
            return match self.home(expected, rest) {
                Some(Home { seq, .. }) => Tampering::Swapped { with: seq },
                None => Tampering::Removed,
            };
        }
        match self.home(expected, rest) {
            Some(Home { next: true, .. }) => Tampering::Inserted,
            Some(Home { seq, .. }) if found.digest(seq) == found.hash => Tampering::Swapped { with: seq },
            Some(_) => Tampering::Inserted,
            None => Tampering::Edited,
        }
    }

    /// Where the true record of this number stands, whatever number it bears there.
    fn home(&self, expected: u64, rest: impl Iterator<Item = Record>) -> Option<Home> {
        let mut rest = rest.enumerate();
        let true_one = |record: &Record| record.previous == self.head.hash && record.digest(expected) == record.hash;
        let (place, record) = rest.find(|(_, record)| true_one(record))?;
        Some(Home { seq: record.seq, next: place == 0 && record.seq == expected })
    }
}

struct Home {
    seq: u64,
    next: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        audit::{CheckpointKey, Event},
        digest::Digest,
    };

    fn chain(length: u64) -> Vec<Record> {
        let mut head = Head::START;
        let next = |n| {
            let record = head.chain(n as i64, Event::done("issue").with("n", n as i64).to_canonical());
            head = record.head();
            record
        };
        (1..=length).map(next).collect()
    }

    fn rechain(records: &mut [Record]) {
        let mut head = Head::START;
        for record in records {
            *record = head.chain(record.time, record.event.clone());
            head = record.head();
        }
    }

    /// Verifies ten records after something was done to them; checkpoints stand after records 4 and 10.
    fn after(tamper: impl FnOnce(&mut Vec<Record>)) -> Result<Report, Fault> {
        let key = CheckpointKey::generate().unwrap();
        let mut records = chain(10);
        let checkpoints = [key.sign(records[9].head(), 0), key.sign(records[3].head(), 0)];
        tamper(&mut records);
        verify(records.into_iter().map(Ok), &checkpoints, &[key.verifier()])
    }

    fn fault(seq: u64, what: Tampering) -> Result<Report, Fault> {
        Err(Fault::Tampered { seq, what })
    }

    fn edit(record: &mut Record) {
        record.event = Event::done("nothing").to_canonical();
    }

    #[test]
    fn a_whole_chain_holds() {
        let report = after(|_| ()).unwrap();
        assert_eq!((report.head.seq, report.checkpoints, report.covered), (10, 2, 10));
    }

    #[test]
    fn an_empty_chain_holds() {
        let verifier = CheckpointKey::generate().unwrap().verifier();
        assert!(verify(Vec::<Result<_, Fault>>::new(), &[], &[verifier]).is_ok());
    }

    #[test]
    fn names_the_first_edited_record() {
        assert_eq!(
            after(|records| {
                edit(&mut records[5]);
                edit(&mut records[7])
            }),
            fault(6, Tampering::Edited)
        );
        assert_eq!(after(|records| records[0].time += 1), fault(1, Tampering::Edited));
        assert_eq!(after(|records| records[5].hash.0[0] ^= 1), fault(6, Tampering::Edited));
        assert_eq!(after(|records| records[5].previous.0[0] ^= 1), fault(6, Tampering::Edited));
    }

    #[test]
    fn names_an_edited_record_whose_digest_was_made_again() {
        let redo = |place: usize| {
            after(move |records| {
                edit(&mut records[place]);
                records[place].hash = records[place].digest(records[place].seq);
            })
        };
        assert_eq!(redo(5), fault(6, Tampering::Edited));
        assert_eq!(redo(3), fault(4, Tampering::Rewritten { after: 0 }));
        assert_eq!(redo(9), fault(10, Tampering::Rewritten { after: 4 }));
    }

    #[test]
    fn names_a_removed_record() {
        for place in [0, 5, 8] {
            let removed = after(|records| drop(records.remove(place)));
            assert_eq!(removed, fault(place as u64 + 1, Tampering::Removed), "{place}");
        }
    }

    #[test]
    fn names_a_removed_record_when_the_others_were_renumbered() {
        let removed = after(|records| {
            records.remove(5);
            (1..).zip(records).for_each(|(seq, record)| record.seq = seq);
        });
        assert_eq!(removed, fault(6, Tampering::Removed));
    }

    #[test]
    fn names_an_inserted_record() {
        let forged = |records: &[Record]| records[4].head().chain(9, Event::done("forged").to_canonical());
        let chained = after(|records| {
            let forged = forged(records);
            records.insert(5, forged);
        });
        let unchained = after(|records| {
            let forged = Record { time: 0, ..forged(records) };
            records.insert(5, forged);
        });
        let renumbered = after(|records| {
            let forged = Record { time: 0, ..forged(records) };
            records.insert(5, forged);
            (1..).zip(records).for_each(|(seq, record)| record.seq = seq);
        });
        let copied = after(|records| records.insert(5, records[2].clone()));
        assert_eq!(chained, fault(6, Tampering::Inserted));
        assert_eq!(unchained, fault(6, Tampering::Inserted));
        assert_eq!(renumbered, fault(6, Tampering::Inserted));
        assert_eq!(copied, fault(3, Tampering::Inserted));
    }

    #[test]
    fn names_swapped_records() {
        assert_eq!(after(|records| records.swap(5, 6)), fault(6, Tampering::Swapped { with: 7 }));
        assert_eq!(after(|records| records.swap(1, 8)), fault(2, Tampering::Swapped { with: 9 }));
    }

    #[test]
    fn names_swapped_records_when_their_numbers_stayed() {
        for (a, b) in [(5, 6), (1, 8)] {
            let swapped = after(|records| {
                records.swap(a, b);
                (1..).zip(records).for_each(|(seq, record)| record.seq = seq);
            });
            assert_eq!(swapped, fault(a as u64 + 1, Tampering::Swapped { with: b as u64 + 1 }), "{a} {b}");
        }
    }

    #[test]
    fn names_the_first_record_that_was_cut_off() {
        assert_eq!(after(|records| records.truncate(7)), fault(8, Tampering::CutOff));
        assert_eq!(after(|records| records.clear()), fault(1, Tampering::CutOff));
    }

    #[test]
    fn a_chain_that_was_made_again_is_caught_by_the_next_checkpoint() {
        let rewritten = after(|records| {
            edit(&mut records[5]);
            rechain(records);
        });
        assert_eq!(rewritten, fault(10, Tampering::Rewritten { after: 4 }));
    }

    #[test]
    fn tells_how_far_the_checkpoints_reach() {
        let (key, records) = (CheckpointKey::generate().unwrap(), chain(5));
        let checkpoints = [key.sign(records[2].head(), 0)];
        let report: Report = verify::<Fault>(records.into_iter().map(Ok), &checkpoints, &[key.verifier()]).unwrap();
        assert_eq!((report.head.seq, report.covered), (5, 3));
    }

    #[test]
    fn refuses_a_checkpoint_of_another_key() {
        let (key, other) = (CheckpointKey::generate().unwrap(), CheckpointKey::generate().unwrap());
        let forged = other.sign(Head { seq: 1, hash: Digest([0; 32]) }, 0);
        let refused = verify::<Fault>(chain(1).into_iter().map(Ok), &[forged], &[key.verifier()]);
        assert_eq!(refused, Err(Fault::BadCheckpoint { seq: 1 }));
    }
}
