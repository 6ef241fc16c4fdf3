//! Clocks that were put back by an hour while a log was written, as the end of summer time does.
//!
//! In: a reading whose times are as each log's headers say. Out: the same, where a log of local times runs forwards but
//! for one step back: what was written after that step lies an hour later. A named zone is ambiguous for one hour only.

use crate::fact::{Fact, Reading, Source};
use crate::time::{Span, Time};

use super::{Move, shift_fact};

/// What is noted of a source.
const NOTE: &str = "its clock was put back by an hour while it was written";
/// By how much clocks are put back.
const HOUR: Span = Span::secs(3600);
/// A step back of a log that is shorter comes from elsewhere: lines of several threads, a clock that was set.
const LEAST: Span = Span::secs(20 * 60);
/// Steps back that are no longer are of no account.
const SMALL: Span = Span::secs(5);

/// Finds and mends it in every source; facts stand source by source, line by line.
pub fn mend(reading: &mut Reading) {
    let mut any = false;
    for facts in reading.facts.chunk_by_mut(|one, next| one.source == next.source) {
        let Some(first) = facts.first().map(|fact| fact.source.0 as usize) else {
            continue;
        };
        if let Some(source) = reading.sources.get_mut(first).filter(|source| is_local(source)) {
            any |= mend_log(source, facts);
        }
    }
    if any {
        join_others(reading);
    }
}

/// One log with its facts; whether it shows the step.
fn mend_log(source: &mut Source, facts: &mut [Fact]) -> bool {
    let mut lines: Vec<&mut Fact> = facts
        .iter_mut()
        .filter(|fact| fact.call.is_none() && !fact.is_untimed())
        .collect();
    let Some(step) = step_back(&lines) else { return false };
    let (earlier, later) = lines.split_at_mut(step);
    let (Some(first), Some(before)) = (earlier.first().map(|fact| fact.at), earlier.last().map(|fact| fact.at)) else {
        return false;
    };
    // In a named zone the hour that is shown twice ends with the full hour.
    let named = !source.zone_assumed && !source.zone.starts_with(['+', '-']);
    let full_hour = Time(before.0 - before.0.rem_euclid(HOUR.0) + HOUR.0);
    for fact in later.iter_mut().filter(|fact| !named || fact.at < full_hour) {
        shift_fact(fact, Move::Zone(HOUR));
    }
    for fact in earlier {
        // A run of lines that goes on beyond the step.
        if let Some(run) = fact.repeat.as_mut().filter(|run| run.last_at < fact.at) {
            run.last_at = run.last_at + HOUR;
        }
    }
    // What was heard before anything was told was heard after the step.
    shift_spans(source, first);
    source.alive.sort_unstable();
    source.notes.push(NOTE.to_owned());
    true
}

/// A log that tells nothing before the step shows none: what it tells lies an hour before all that others do.
fn join_others(reading: &mut Reading) {
    let known = reading.sources.iter().filter(|source| !is_late(source));
    let begins = known.flat_map(|source| &source.alive).map(|(from, _)| *from);
    let Some(begin) = begins.min() else { return };
    for fact in &mut reading.facts {
        let late = reading.sources.get(fact.source.0 as usize).is_some_and(is_late);
        if late && fact.call.is_none() && fact.at < begin {
            shift_fact(fact, Move::Zone(HOUR));
        }
    }
    for source in reading.sources.iter_mut().filter(|source| is_late(source)) {
        shift_spans(source, begin);
    }
}

/// Moves the spans of a source that lie before a moment.
fn shift_spans(source: &mut Source, before: Time) {
    for (from, to) in source.spans_mut().flatten().filter(|(_, to)| *to < before) {
        (*from, *to) = (*from + HOUR, *to + HOUR);
    }
}

/// Whether a source may be put back and showed no step.
fn is_late(source: &Source) -> bool {
    is_local(source) && !source.notes.iter().any(|note| note == NOTE)
}

/// Whether the times of a source can be local times that jump.
fn is_local(source: &Source) -> bool {
    source.format == "klog" && (source.zone_assumed || source.zone != "UTC")
}

/// The place of the only step back, if it can be the end of summer time.
fn step_back(lines: &[&mut Fact]) -> Option<usize> {
    let back = |index: usize| Some(lines.get(index - 1)?.at - lines.get(index)?.at);
    let mut steps = (1..lines.len()).filter(|index| back(*index).is_some_and(|by| by > SMALL));
    let step = steps.next()?;
    let alone = steps.next().is_none();
    let by = back(step)?;
    (alone && (LEAST..=HOUR).contains(&by)).then_some(step)
}
