//! The smallest trace with the same verdict: delta debugging over the facts and sources of a reading.
//!
//! In: a reading. Out: a part of it whose report meets the expectation that the whole one's report makes: the same
//! divergences with the same operation, trigger and symptom, as sure as before, no fact unexplained that was explained.
//! Where nothing diverged, the same waits. Candidates are tried in parallel; which are taken does not depend on it.

use rayon::prelude::*;
use rustc_hash::FxHashMap;

use super::expect::{Expectation, Others};
use crate::fact::{Fact, Reading, Source, SourceId};
use crate::pipeline::{Case, Options};
use crate::report::{Confidence, Report};

/// What has to stay as it is.
#[derive(Debug)]
struct Same<'o> {
    expectation: Expectation,
    confidence: Vec<Confidence>,
    options: &'o Options,
}

impl<'o> Same<'o> {
    fn of(report: &Report, options: &'o Options) -> Same<'o> {
        let mut expectation = Expectation::of(report);
        if !report.divergences.is_empty() {
            // Waits around a divergence come and go with what is left of the others' stories.
            expectation.waits = None;
        }
        expectation.others = Others::None;
        Same {
            expectation,
            confidence: report.divergences.iter().map(|one| one.confidence).collect(),
            options,
        }
    }

    /// Whether a part still says what the whole said.
    fn holds(&self, part: &Part) -> bool {
        let report = Case::of(part.reading(), self.options).verdict();
        let sure = report.divergences.iter().map(|one| one.confidence);
        self.expectation.differences(&report).is_empty() && sure.eq(self.confidence.iter().copied())
    }
}

/// A part of a reading.
#[derive(Clone, Debug)]
struct Part<'r> {
    sources: Vec<&'r Source>,
    facts: Vec<&'r Fact>,
    whole: &'r [Source],
}

impl Part<'_> {
    /// The part as a reading of its own; sources without facts and signs of life are left out.
    fn reading(&self) -> Reading {
        let kept: FxHashMap<&str, SourceId> = self
            .sources
            .iter()
            .map(|source| source.path.as_str())
            .zip((0..).map(SourceId))
            .collect();
        let numbers: Vec<Option<SourceId>> = self
            .whole
            .iter()
            .map(|source| kept.get(source.path.as_str()).copied())
            .collect();
        let facts = self.facts.iter().filter_map(|fact| {
            let source = numbers.get(usize::try_from(fact.source.0).ok()?).copied()??;
            Some(Fact {
                source,
                ..(*fact).clone()
            })
        });
        Reading {
            facts: facts.collect(),
            sources: self.sources.iter().map(|source| (*source).clone()).collect(),
        }
    }
}

/// The smallest part that a search finds; `told` hears how many facts are left after each round.
#[must_use]
pub fn shrink(reading: &Reading, options: &Options, told: &mut dyn FnMut(usize)) -> Reading {
    let whole = Part {
        sources: reading.sources.iter().collect(),
        facts: reading.facts.iter().collect(),
        whole: &reading.sources,
    };
    let report = Case::of(whole.reading(), options).verdict();
    let same = Same::of(&report, options);
    let facts = least(whole.facts.clone(), told, &|facts| {
        same.holds(&Part {
            facts: facts.to_vec(),
            ..whole.clone()
        })
    });
    let rest = Part { facts, ..whole };
    let count = rest.facts.len();
    let sources = least(rest.sources.clone(), &mut |_| told(count), &|sources| {
        same.holds(&Part {
            sources: sources.to_vec(),
            ..rest.clone()
        })
    });
    let mut out = Part { sources, ..rest }.reading();
    for source in &mut out.sources {
        source.puzzling.clear();
    }
    out
}

/// A list from which no single item can be left out any more so that `holds`, found by leaving out ever smaller pieces.
fn least<T: Copy + Send + Sync>(
    mut items: Vec<T>,
    told: &mut dyn FnMut(usize),
    holds: &(dyn Fn(&[T]) -> bool + Sync),
) -> Vec<T> {
    let mut size = items.len().div_ceil(2);
    while !items.is_empty() {
        let pieces = items.len().div_ceil(size);
        let piece = |number: usize| number * size..((number + 1) * size).min(items.len());
        let spare: Vec<std::ops::Range<usize>> = (0..pieces)
            .into_par_iter()
            .map(piece)
            .filter(|piece| holds(&without(&items, std::slice::from_ref(piece))))
            .collect();
        let left = together(&items, &spare, holds);
        let changed = left.len() < items.len();
        items = left;
        told(items.len());
        match (changed, size) {
            (true, _) => size = size.min(items.len().max(1)),
            (false, 1) => break,
            (false, _) => size = size.div_ceil(2),
        }
    }
    items
}

/// Leaves out as many pieces as go together, each of which alone can be left out: all, else half and half.
fn together<T: Copy>(items: &[T], spare: &[std::ops::Range<usize>], holds: &dyn Fn(&[T]) -> bool) -> Vec<T> {
    let mut gone: Vec<std::ops::Range<usize>> = Vec::new();
    let mut open = vec![spare];
    while let Some(pieces) = open.pop() {
        if pieces.is_empty() {
            continue;
        }
        let tried: Vec<std::ops::Range<usize>> = gone.iter().chain(pieces).cloned().collect();
        if holds(&without(items, &tried)) {
            gone = tried;
        } else if pieces.len() > 1 {
            let (first, second) = pieces.split_at(pieces.len() / 2);
            open.push(second);
            open.push(first);
        }
    }
    without(items, &gone)
}

fn without<T: Copy>(items: &[T], gone: &[std::ops::Range<usize>]) -> Vec<T> {
    let left = items.iter().enumerate();
    left.filter(|(at, _)| !gone.iter().any(|range| range.contains(at)))
        .map(|(_, item)| *item)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_needed_stays_and_nothing_else(
            length in 0_usize..200,
            needed in proptest::collection::btree_set(0_usize..200, 0..12),
        ) {
            let items: Vec<usize> = (0..length).collect();
            let needed: Vec<usize> = needed.into_iter().filter(|item| *item < length).collect();
            let holds = |left: &[usize]| needed.iter().all(|item| left.contains(item));
            prop_assert_eq!(least(items, &mut |_| {}, &holds), needed);
        }
    }
}
