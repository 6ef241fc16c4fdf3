//! Lines that the reconciler repeats every pass, folded into one fact for each run of them.
//!
//! In: facts in the order of their source, either way round. Out: the same, with runs of chatter about one volume and
//! node as one fact with a [`Repeat`]: the earliest line stands for the run. Any other fact of who writes them ends all
//! runs; what others write in the same source does not.

use rustc_hash::FxHashMap;

use super::rotation::stem;
use super::{Fact, Kind, Name, Party, Reading, Repeat};
use crate::time::Time;

/// What a run is about.
type Cell = (Kind, Option<Name>, Option<Name>);

/// The runs that nothing has ended yet, by who writes them: the place of the fact that stands for each.
#[derive(Debug, Default)]
pub struct Runs(FxHashMap<(Party, u16), FxHashMap<Cell, usize>>);

impl Runs {
    /// Adds a fact to `facts`, or to the run that it continues.
    pub fn push(&mut self, fact: Fact, facts: &mut Vec<Fact>) {
        if let Some(fact) = self.joined(fact, facts) {
            self.stands(&fact, facts.len());
            facts.push(fact);
        }
    }

    /// Joins a fact to the run that it continues; gives it back where it continues none.
    fn joined(&self, fact: Fact, facts: &mut [Fact]) -> Option<Fact> {
        if !is_chatter(fact.kind) {
            return Some(fact);
        }
        let runs = self.0.get(&(fact.party.clone(), fact.writer));
        let run = runs.and_then(|runs| runs.get(&cell(&fact)));
        match run.and_then(|at| facts.get_mut(*at)) {
            Some(first) => {
                join(first, fact);
                None
            }
            None => Some(fact),
        }
    }

    /// Notes that a fact stands at that place.
    fn stands(&mut self, fact: &Fact, at: usize) {
        let runs = self.0.entry((fact.party.clone(), fact.writer)).or_default();
        if is_chatter(fact.kind) {
            runs.insert(cell(fact), at);
        } else if fact.party == Party::Unknown {
            // Anybody may have written it.
            self.0.clear();
        } else {
            runs.clear();
        }
    }
}

fn is_chatter(kind: Kind) -> bool {
    matches!(kind, Kind::AttachTouched | Kind::DetachBlockedMounted)
}

fn cell(fact: &Fact) -> Cell {
    (fact.kind, fact.volume.clone(), fact.node.clone())
}

/// How many lines a fact stands for, and the last of them.
fn run_of(fact: &Fact) -> (u32, u32, Time) {
    fact.repeat
        .map_or((1, fact.line, fact.at), |run| (run.count, run.last_line, run.last_at))
}

/// Makes one run of two.
fn join(first: &mut Fact, mut other: Fact) {
    if other.at < first.at {
        std::mem::swap(first, &mut other);
    }
    let ((one, ..), (more, last_line, last_at)) = (run_of(first), run_of(&other));
    let (_, own_line, own_at) = run_of(first);
    let (last_line, last_at) = if last_at >= own_at {
        (last_line, last_at)
    } else {
        (own_line, own_at)
    };
    first.repeat = Some(Repeat {
        count: one.saturating_add(more),
        last_line,
        last_at,
    });
}

/// Joins the runs that a rotation cut in two: the files of one rotated log are one stream.
pub fn across_rotations(reading: &mut Reading) {
    let mut streams: FxHashMap<(String, &str), Vec<usize>> = FxHashMap::default();
    for (at, source) in reading.sources.iter().enumerate() {
        let party = source.party.as_ref().map(ToString::to_string).unwrap_or_default();
        streams.entry((party, stem(&source.path))).or_default().push(at);
    }
    let mut gone = vec![false; reading.facts.len()];
    let sets = streams.into_values().filter(|sources| sources.len() > 1);
    for sources in sets {
        let of_set = |fact: &Fact| usize::try_from(fact.source.0).is_ok_and(|at| sources.contains(&at));
        let mut order: Vec<usize> = (0..reading.facts.len())
            .filter(|at| reading.facts.get(*at).is_some_and(of_set))
            .collect();
        order.sort_by_key(|at| reading.facts.get(*at).map(|fact| (fact.at, fact.source, fact.line)));
        join_in_order(&order, &mut reading.facts, &mut gone);
    }
    let mut gone = gone.into_iter();
    reading.facts.retain(|_| !gone.next().unwrap_or(false));
}

fn join_in_order(order: &[usize], facts: &mut [Fact], gone: &mut [bool]) {
    let mut runs = Runs::default();
    for &at in order {
        let Some(fact) = facts.get(at).cloned() else { continue };
        match runs.joined(fact, facts) {
            Some(fact) => runs.stands(&fact, at),
            None => {
                if let Some(gone) = gone.get_mut(at) {
                    *gone = true;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fact::{Party, Source, SourceId};
    use crate::time::Span;

    fn fact(kind: Kind, second: i64, source: u32) -> Fact {
        Fact {
            source: SourceId(source),
            line: u32::try_from(second).unwrap(),
            ..Fact::new(kind, Party::Controller, Time::default() + Span::secs(second))
        }
    }

    fn folded(facts: impl Iterator<Item = Fact>) -> Vec<(u32, u32, u32)> {
        let (mut runs, mut out) = (Runs::default(), Vec::new());
        facts.for_each(|fact| runs.push(fact, &mut out));
        let mut found: Vec<_> = out
            .iter()
            .map(|fact| {
                let (count, last, _) = run_of(fact);
                (fact.line, count, last)
            })
            .collect();
        found.sort_unstable();
        found
    }

    #[test]
    fn a_run_is_the_same_in_both_directions() {
        let facts = || {
            let chatter = |second| fact(Kind::AttachTouched, second, 0);
            vec![
                chatter(1),
                chatter(2),
                fact(Kind::AttachStarted, 3, 0),
                chatter(4),
                chatter(5),
                chatter(6),
            ]
        };
        let forth = folded(facts().into_iter());
        assert_eq!(forth, [(1, 2, 2), (3, 1, 3), (4, 3, 6)]);
        assert_eq!(folded(facts().into_iter().rev()), forth);
    }

    #[test]
    fn a_run_goes_on_in_the_next_file_of_a_rotated_log() {
        let chatter = |second, source| fact(Kind::AttachTouched, second, source);
        let source = |path: &str| Source {
            path: path.to_owned(),
            party: Some(Party::Controller),
            ..Source::default()
        };
        let mut reading = Reading {
            sources: vec![source("kcm.log"), source("kcm.log.1.gz"), source("other.log")],
            facts: vec![chatter(3, 0), chatter(1, 1), chatter(2, 1), chatter(4, 2)],
        };
        across_rotations(&mut reading);
        let left: Vec<_> = reading
            .facts
            .iter()
            .map(|fact| (fact.source.0, run_of(fact).0))
            .collect();
        assert_eq!(left, [(1, 3), (2, 1)]);
    }
}
