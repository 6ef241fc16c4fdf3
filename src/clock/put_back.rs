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

/// Finds and mends it in every source.
pub fn mend(reading: &mut Reading) {
    if mend_steps(reading) {
        join_others(reading);
    }
}

/// A log that tells nothing before the step shows none: what it tells lies an hour before all that others do.
fn join_others(reading: &mut Reading) {
    let known = |source: &&Source| !is_local(source) || source.notes.iter().any(|note| note == NOTE);
    let spans = reading.sources.iter().filter(known);
    let Some(begin) = spans
        .flat_map(|source| source.alive.iter())
        .map(|(from, _)| *from)
        .min()
    else {
        return;
    };
    let late = |source: &Source| is_local(source) && !source.notes.iter().any(|note| note == NOTE);
    let late: Vec<usize> = (0..)
        .zip(&reading.sources)
        .filter(|(_, source)| late(source))
        .map(|(id, _)| id)
        .collect();
    let of_late = |fact: &&mut Fact| late.contains(&(fact.source.0 as usize)) && fact.call.is_none() && fact.at < begin;
    for fact in reading.facts.iter_mut().filter(of_late) {
        shift_fact(fact, Move::Zone(HOUR));
    }
    let sources = (0..).zip(&mut reading.sources).filter(|(id, _)| late.contains(id));
    for (from, to) in sources.flat_map(|(_, source)| source.spans_mut().flatten()) {
        if *to < begin {
            (*from, *to) = (*from + HOUR, *to + HOUR);
        }
    }
}

/// Logs that show the step; whether there are any.
fn mend_steps(reading: &mut Reading) -> bool {
    let mut any = false;
    for id in 0..reading.sources.len() {
        let Some(source) = reading.sources.get(id).filter(|source| is_local(source)) else {
            continue;
        };
        let named = !source.zone_assumed && !source.zone.starts_with(['+', '-']);
        let mut lines: Vec<(u32, usize, Time)> = reading
            .facts
            .iter()
            .enumerate()
            .filter(|(_, fact)| fact.source.0 as usize == id && fact.call.is_none() && !fact.is_untimed())
            .map(|(index, fact)| (fact.line, index, fact.at))
            .collect();
        lines.sort_unstable();
        let Some(step) = step_back(&lines) else { continue };
        let before = lines.get(step - 1).map_or(Time::MAX, |(.., at)| *at);
        // In a named zone the hour that is shown twice ends with the full hour.
        let until = if named {
            Time(before.0 - before.0.rem_euclid(HOUR.0) + HOUR.0)
        } else {
            Time::MAX
        };
        for (_, index, at) in lines.iter().skip(step).filter(|(.., at)| *at < until) {
            if let Some(fact) = reading.facts.get_mut(*index).filter(|fact| fact.at == *at) {
                shift_fact(fact, Move::Zone(HOUR));
            }
        }
        for (_, index, _) in lines.iter().take(step) {
            let fact = reading.facts.get_mut(*index);
            // A run of lines that goes on beyond the step.
            if let Some((at, run)) = fact.and_then(|fact| Some((fact.at, fact.repeat.as_mut()?)))
                && run.last_at < at
            {
                run.last_at = run.last_at + HOUR;
            }
        }
        if let (Some(source), Some((.., first))) = (reading.sources.get_mut(id), lines.first()) {
            // What was heard before anything was told was heard after the step.
            for (from, to) in source.spans_mut().flatten().filter(|(_, to)| to < first) {
                (*from, *to) = (*from + HOUR, *to + HOUR);
            }
            source.alive.sort_unstable();
            source.notes.push(NOTE.to_owned());
            any = true;
        }
    }
    any
}

/// Whether the times of a source can be local times that jump.
fn is_local(source: &Source) -> bool {
    source.format == "klog" && (source.zone_assumed || source.zone != "UTC")
}

/// The place of the only step back, if it can be the end of summer time.
fn step_back(lines: &[(u32, usize, Time)]) -> Option<usize> {
    let back = |index: usize| Some(lines.get(index - 1)?.2 - lines.get(index)?.2);
    let mut steps = (1..lines.len()).filter(|index| back(*index).is_some_and(|by| by > SMALL));
    let step = steps.next()?;
    let alone = steps.next().is_none();
    let by = back(step)?;
    (alone && (LEAST..=HOUR).contains(&by)).then_some(step)
}
