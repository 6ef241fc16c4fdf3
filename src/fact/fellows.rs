//! Lines that are always written together: where one stands alone, lines of this log were lost.
//!
//! In: every klog line, its party and moment. Out: what stands without its fellow in a whole source. A collector that
//! drops lines under load drops any: those that would tell of a divergence as well as these, which nobody would miss.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::record::Klog;
use crate::time::{Span, Time};

use super::Party;
use super::voices::Spans;

/// Two lines of which one follows from the other.
struct Fellows {
    first: &'static str,
    second: &'static str,
    /// The first is always followed by the second.
    is_followed: bool,
    /// The second always follows the first.
    is_preceded: bool,
    /// The second may come again without the first.
    recurs: bool,
    /// Both tell what they are about.
    has_subject: bool,
    /// How long one can wait for the other.
    within: Span,
}

/// The same process writes both, at the same verbosity and about the same thing: client-go's reflectors and informers
/// of all releases, the collection of dead pods in kube-controller-manager, and the calls of the external-attacher
/// until 4.5, which were four lines each. A reflector lists anew when its watch breaks, without starting anew.
const FELLOWS: &[Fellows] = &[
    Fellows {
        first: "Starting reflector",
        second: "Listing and watching",
        is_followed: true,
        is_preceded: true,
        recurs: true,
        has_subject: true,
        within: Span::secs(10),
    },
    Fellows {
        first: "Waiting for caches to sync",
        second: "Caches are synced",
        is_followed: false,
        is_preceded: true,
        recurs: false,
        has_subject: true,
        within: Span::secs(600),
    },
    Fellows {
        first: "GC'ing orphaned",
        second: "GC'ing unscheduled pods",
        is_followed: true,
        is_preceded: true,
        recurs: false,
        has_subject: false,
        within: Span::secs(600),
    },
    Fellows {
        first: "GRPC call",
        second: "GRPC response",
        is_followed: false,
        is_preceded: true,
        recurs: false,
        has_subject: false,
        within: Span::secs(600),
    },
    Fellows {
        first: "GRPC call: ",
        second: "GRPC request: ",
        is_followed: true,
        is_preceded: true,
        recurs: false,
        has_subject: false,
        within: Span::secs(2),
    },
    Fellows {
        first: "GRPC response: ",
        second: "GRPC error: ",
        is_followed: true,
        is_preceded: true,
        recurs: false,
        has_subject: false,
        within: Span::secs(2),
    },
];

/// Where a log begins or ends between two fellows nothing was lost. So long before and after, neither counts.
const EDGE: Span = Span::millis(100);
/// A process that writes both kinds has written both so near.
const NEAR: Span = Span::secs(120);
/// Lines without a fellow that are kept for each pair and thing.
const ALONE_KEPT: usize = 64;

/// What a line that passes the filter has to hold to be one of these.
pub fn signs() -> impl Iterator<Item = &'static str> {
    FELLOWS.iter().flat_map(|pair| [pair.first, pair.second])
}

/// Lines of a source that stand without the line that is always written with them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lost {
    /// The first line that stands alone.
    pub line: u32,
    /// How it begins.
    pub stands: String,
    /// How the line begins that should stand before or after it.
    pub lacks: String,
    /// How many stand alone.
    pub count: u32,
}

/// One line of a pair.
#[derive(Clone, Copy, Debug)]
struct Half {
    is_first: bool,
    at: Time,
    line: u32,
}

/// Who writes a pair, which, and about what.
type Key = (Who, usize, Box<str>);

/// Who writes: a party, or a program that is none. Those of one machine do not all write as much.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Who {
    Party(Party),
    Program(Box<str>),
}

/// Lines of pairs that were read, in any order.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    alone: BTreeMap<Key, Vec<Half>>,
    /// What pairs were seen about.
    known: BTreeSet<Key>,
    /// Minutes in which both halves of a pair were seen, by party and pair.
    together: BTreeSet<(Who, usize, i64)>,
}

impl Seen {
    /// Notes a line of a party, or else of that program, if it is one of a pair.
    pub fn hear(&mut self, party: Option<&Party>, program: Option<&str>, line: &Klog<'_>, number: u32) {
        let message = line.message.as_ref();
        if !message.starts_with(['S', 'L', 'W', 'C', 'G']) {
            return;
        }
        for (index, pair) in FELLOWS.iter().enumerate() {
            let (is_first, rest) = match (message.strip_prefix(pair.first), message.strip_prefix(pair.second)) {
                (Some(rest), _) => (true, rest),
                (None, Some(rest)) => (false, rest),
                (None, None) => continue,
            };
            let half = Half {
                is_first,
                at: line.at,
                line: number,
            };
            let about = if pair.has_subject {
                about(line, rest)
            } else {
                Box::default()
            };
            let who = party.map_or_else(
                || Who::Program(program.unwrap_or("").into()),
                |party| Who::Party(party.clone()),
            );
            self.put((who, index, about), half);
        }
    }

    /// Adds a half, with its fellow if that waits for it.
    fn put(&mut self, key: Key, half: Half) {
        let Some(pair) = FELLOWS.get(key.1) else { return };
        let alone = self.alone.entry(key.clone()).or_default();
        let apart = |other: &Half| {
            let apart = if half.is_first {
                other.at - half.at
            } else {
                half.at - other.at
            };
            let fits = other.is_first != half.is_first && apart >= Span::ZERO && apart <= pair.within;
            fits.then_some(apart)
        };
        let fitting = alone
            .iter()
            .enumerate()
            .filter_map(|(at, other)| Some((apart(other)?, at)));
        if let Some((_, fellow)) = fitting.min() {
            alone.remove(fellow);
            self.together.insert((key.0.clone(), key.1, minute(half.at)));
            self.known.insert(key);
            return;
        }
        if alone.len() == ALONE_KEPT {
            alone.remove(0);
        }
        alone.push(half);
    }

    /// Adds what was seen in the lines that follow.
    pub fn add(&mut self, later: Seen) {
        self.together.extend(later.together);
        self.known.extend(later.known);
        for (key, halves) in later.alone {
            for half in halves {
                self.put(key.clone(), half);
            }
        }
    }

    /// What stands alone in a source that wrote in those spans, and should not.
    #[must_use]
    pub fn lost(&self, alive: &Spans) -> Option<Lost> {
        let (from, to) = (alive.first()?.0 + EDGE, alive.last()?.1 - EDGE);
        let mut missed: Vec<(Half, &Fellows)> = Vec::new();
        for (key, halves) in &self.alone {
            let (who, index, _) = key;
            let pair = FELLOWS.get(*index)?;
            let is_again = pair.recurs && self.known.contains(key);
            let should = |half: &&Half| {
                if half.is_first {
                    pair.is_followed
                } else {
                    pair.is_preceded && !is_again
                }
            };
            let inside = |half: &&Half| from < half.at && half.at < to;
            let writes_both = |half: &&Half| {
                let near = minute(half.at - NEAR)..=minute(half.at + NEAR);
                let mut minutes = near.map(|minute| (who.clone(), *index, minute));
                minutes.any(|minute| self.together.contains(&minute))
            };
            let found = halves.iter().filter(should).filter(inside).filter(writes_both);
            missed.extend(found.map(|half| (*half, pair)));
        }
        let (half, pair) = missed.iter().min_by_key(|(half, _)| half.line)?;
        let (stands, lacks) = if half.is_first {
            (pair.first, pair.second)
        } else {
            (pair.second, pair.first)
        };
        Some(Lost {
            line: half.line,
            stands: stands.trim_end_matches([':', ' ']).to_owned(),
            lacks: lacks.trim_end_matches([':', ' ']).to_owned(),
            count: u32::try_from(missed.len()).unwrap_or(u32::MAX),
        })
    }
}

/// A line by which a journal or a syslog says that it dropped lines of its own accord.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dropped {
    /// The line that says so.
    pub line: u32,
    /// Its words.
    pub says: String,
}

/// Whether a line says that lines of the machinery's were dropped. The journal tells the unit, a syslog does not.
#[must_use]
pub fn says_dropped(text: &str) -> bool {
    const UNITS: [&str; 4] = ["kube", "k3s", "rke2", "k0s"];
    let of_journal = text.split_once("Suppressed ").is_some_and(|(_, rest)| {
        let unit = rest.split_once(" messages from ").map(|(_, unit)| unit);
        unit.is_some_and(|unit| UNITS.iter().any(|known| unit.contains(known)))
    });
    of_journal
        || text.contains("due to rate-limiting")
            && (text.contains("messages lost") || text.contains("begin to drop messages"))
}

fn minute(at: Time) -> i64 {
    at.0.div_euclid(Span::secs(60).0)
}

/// What a line is about, so that it meets its fellow and not another's: `*v1.Node (10m0s) from FILE` and `*v1.Node from
/// FILE` are about one thing.
fn about(line: &Klog<'_>, rest: &str) -> Box<str> {
    const THINGS: [&str; 4] = ["type", "reflector", "controller", "caches"];
    let pairs = line.pairs.iter().filter(|(key, _)| THINGS.contains(key));
    let told: Vec<&str> = pairs.map(|(_, value)| value.as_ref()).collect();
    if told.is_empty() {
        let words: Vec<&str> = rest.split(' ').filter(|word| !word.starts_with('(')).collect();
        words.join(" ").into()
    } else {
        told.join(" ").into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is lost of a log of kube-controller-manager, a second from line to line.
    fn lost(messages: &[&str]) -> Option<Lost> {
        lost_of(&messages.iter().map(|message| ("kcm", *message)).collect::<Vec<_>>())
    }

    /// What is lost of lines of programs.
    fn lost_of(lines: &[(&str, &str)]) -> Option<Lost> {
        let mut seen = Seen::default();
        let mut spans = Spans::new();
        for ((program, message), number) in lines.iter().zip(1..) {
            let text = format!("I1125 02:15:{number:02}.000000      59 x.go:12] {message}");
            let at = Time(i64::from(number) * 1_000_000);
            let line = Klog {
                severity: crate::record::Severity::Info,
                at,
                file: "x.go",
                file_line: 12,
                message: (*message).into(),
                pairs: Vec::new(),
                text: &text,
            };
            seen.hear(None, Some(program), &line, number);
            spans.extend((spans.is_empty()).then_some((at, at)));
            spans[0].1 = at;
        }
        seen.lost(&spans)
    }

    const WHOLE: [&str; 10] = [
        "Version: v1.20.2",
        "Waiting for caches to sync for attach detach",
        "Starting reflector *v1.Node (5h0m0s) from factory.go:134",
        "Listing and watching *v1.Node from factory.go:134",
        "Starting reflector *v1.Pod (5h0m0s) from factory.go:134",
        "Listing and watching *v1.Pod from factory.go:134",
        "Caches are synced for attach detach",
        "GC'ing orphaned",
        "GC'ing unscheduled pods which are terminating.",
        "Starting attach detach controller",
    ];

    #[test]
    fn nothing_is_lost_of_a_whole_log_or_at_its_ends() {
        assert_eq!(lost(&WHOLE), None);
        for from in 0..WHOLE.len() {
            for to in from + 1..=WHOLE.len() {
                // Cut between a wait and its end, the end stands alone.
                let cut = &WHOLE[from..to];
                let is_orphan = cut.contains(&WHOLE[6]) && !cut.contains(&WHOLE[1]);
                assert!(lost(cut).is_none() || is_orphan, "{cut:?}");
            }
        }
    }

    #[test]
    fn of_two_programs_one_may_write_less() {
        let lines = WHOLE.map(|message| ("kube-controller-manager", message));
        let quiet = WHOLE.iter().filter(|message| !message.starts_with("Listing"));
        let both: Vec<_> = lines
            .into_iter()
            .chain(quiet.map(|message| ("kube-scheduler", *message)))
            .collect();
        assert_eq!(lost_of(&both), None);
    }

    #[test]
    fn a_line_without_its_fellow_is_a_loss() {
        let reflectors = [&WHOLE[..5], &WHOLE[6..]].concat();
        let found = lost(&reflectors).expect("the listing of pods is lost");
        assert_eq!(
            (found.line, found.lacks.as_str(), found.count),
            (5, "Listing and watching", 1)
        );
        let start = [&WHOLE[..4], &WHOLE[5..]].concat();
        assert_eq!(lost(&start).map(|found| found.line), Some(5));
    }

    #[test]
    fn a_watch_that_breaks_is_listed_anew() {
        let again = [&WHOLE[..], &WHOLE[3..4], &WHOLE[9..]].concat();
        assert_eq!(lost(&again), None);
    }

    #[test]
    fn a_process_that_never_writes_one_of_two_lost_none() {
        let quiet = [WHOLE[0], WHOLE[2], WHOLE[4], WHOLE[9]];
        assert_eq!(lost(&quiet), None);
    }

    #[test]
    fn who_keeps_a_log_says_that_it_dropped_lines() {
        for text in [
            "Suppressed 1234 messages from kubelet.service",
            "Suppressed 7 messages from /system.slice/k3s.service",
            "imjournal: 4015 messages lost due to rate-limiting (20000 allowed within 600 seconds)",
            "imuxsock[pid 880]: begin to drop messages due to rate-limiting",
        ] {
            assert!(says_dropped(text), "{text}");
        }
        for text in [
            "Suppressed 1234 messages from nginx.service",
            "Suppressed messages",
            "rate-limiting",
        ] {
            assert!(!says_dropped(text), "{text}");
        }
    }
}
