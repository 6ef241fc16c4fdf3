//! Why a line came about: the causal graph walked back from it.
//!
//! In: a case, its run, a place `FILE:LINE`. Out: [`WhyAnswer`]: the events that the line follows from, newest first, each
//! with the rules that lead on to older ones. Program order only speaks where no better rule does.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::io::{self, Write};

use serde::Serialize;

use super::causes::{causes, in_words};
use crate::fact::{Fact, Party};
use crate::graph::causes::{Causes, Event};
use crate::graph::rules::Rule;
use crate::pipeline::Case;
use crate::replay::Run;
use crate::report::Step;
use crate::report::text::{Sources, clean, cut, millis, short_actor};
use crate::report::words;

/// Events in an answer.
const MOST: usize = 24;
/// Columns of a line of evidence.
const WIDE: usize = 110;

/// What `adtrace why` prints.
#[derive(Clone, Debug, Serialize)]
pub struct WhyAnswer {
    /// `adtrace.why/1`.
    pub schema: &'static str,
    /// The line asked about.
    pub asked: String,
    /// The line's own event first, then what it follows from, newest first.
    pub events: Vec<WhyEvent>,
    /// Whether older causes were left out.
    pub more: bool,
}

/// One event and what it follows from.
#[derive(Clone, Debug, Serialize)]
pub struct WhyEvent {
    /// Number within this answer, from 1.
    pub id: u32,
    /// What happened.
    #[serde(flatten)]
    pub step: Step,
    /// What it follows from.
    pub from: Vec<Because>,
}

/// A cause and the rule that leads to it.
#[derive(Clone, Debug, Serialize)]
pub struct Because {
    /// Number of the cause within this answer.
    pub event: u32,
    /// The rule.
    pub rule: &'static str,
    /// The rule in words.
    pub because: &'static str,
}

/// A place that holds nothing to walk back from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoSuchPlace {
    /// It is not `FILE:LINE`.
    Form(String),
    /// No source's path ends like that.
    File(String, Vec<String>),
    /// The path fits several sources.
    Several(String, Vec<String>),
    /// The line says nothing about attach and detach; the nearest lines that do.
    Line(String, u32, Vec<u32>),
}

impl fmt::Display for NoSuchPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoSuchPlace::Form(place) => write!(f, "{place} is no place; give FILE:LINE, like kubelet.log:258"),
            NoSuchPlace::File(file, there) => {
                write!(f, "no file in the input ends in {file}; there are {}", there.join(", "))
            }
            NoSuchPlace::Several(file, which) => {
                write!(f, "{file} may mean {}; give more of the path", which.join(", "))
            }
            NoSuchPlace::Line(file, line, near) if near.is_empty() => {
                write!(
                    f,
                    "{file}:{line} says nothing about attach and detach, and no line of that file does"
                )
            }
            NoSuchPlace::Line(file, line, near) => {
                let near: Vec<String> = near.iter().map(ToString::to_string).collect();
                write!(
                    f,
                    "{file}:{line} says nothing about attach and detach; the nearest lines that do are {}",
                    near.join(" and ")
                )
            }
        }
    }
}

impl std::error::Error for NoSuchPlace {}

/// The facts of a line. Where several files end in that name, the one whose line speaks of attach and detach is meant.
pub fn facts_at(case: &Case, place: &str) -> Result<Vec<u32>, NoSuchPlace> {
    let split = place
        .rsplit_once(':')
        .and_then(|(file, line)| Some((file, line.parse::<u32>().ok()?)));
    let (file, line) = split.ok_or_else(|| NoSuchPlace::Form(place.to_owned()))?;
    let sources = sources_named(case, file)?;
    let mut told: Vec<(u32, Vec<u32>)> = sources
        .iter()
        .map(|source| (*source, on_line(case, *source, line)))
        .collect();
    told.retain(|(_, facts)| !facts.is_empty());
    match (told.as_slice(), sources.as_slice()) {
        ([(_, facts)], _) => Ok(facts.clone()),
        ([], [one]) => Err(NoSuchPlace::Line(file.to_owned(), line, around(case, *one, line))),
        ([], _) => Err(NoSuchPlace::Several(file.to_owned(), paths(case, &sources))),
        (several, _) => {
            let which: Vec<u32> = several.iter().map(|(source, _)| *source).collect();
            Err(NoSuchPlace::Several(file.to_owned(), paths(case, &which)))
        }
    }
}

fn facts_of(case: &Case, source: u32) -> impl Iterator<Item = (u32, &Fact)> {
    (0_u32..)
        .zip(&case.reading.facts)
        .filter(move |(_, fact)| fact.source.0 == source)
}

/// The facts of that line, else the folded run of lines it belongs to.
fn on_line(case: &Case, source: u32, line: u32) -> Vec<u32> {
    let exact: Vec<u32> = facts_of(case, source)
        .filter(|(_, fact)| fact.line == line)
        .map(|(id, _)| id)
        .collect();
    if !exact.is_empty() {
        return exact;
    }
    let holds = |fact: &Fact| {
        fact.repeat
            .is_some_and(|repeat| (fact.line..=repeat.last_line).contains(&line))
    };
    facts_of(case, source)
        .filter(|(_, fact)| holds(fact))
        .map(|(id, _)| id)
        .take(1)
        .collect()
}

/// The nearest lines before and after that hold facts.
fn around(case: &Case, source: u32, line: u32) -> Vec<u32> {
    let lines = || facts_of(case, source).map(|(_, fact)| fact.line);
    let before = lines().filter(|other| *other < line).max();
    let after = lines().filter(|other| *other > line).min();
    before.into_iter().chain(after).collect()
}

fn sources_named(case: &Case, file: &str) -> Result<Vec<u32>, NoSuchPlace> {
    let ends = |path: &str| path == file || path.strip_suffix(file).is_some_and(|head| head.ends_with(['/', '!']));
    let all = || (0_u32..).zip(&case.reading.sources);
    let fits: Vec<u32> = all()
        .filter(|(_, source)| ends(&source.path))
        .map(|(id, _)| id)
        .collect();
    if fits.is_empty() {
        let there: Vec<u32> = all().filter(|(_, source)| source.used > 0).map(|(id, _)| id).collect();
        return Err(NoSuchPlace::File(file.to_owned(), paths(case, &there)));
    }
    Ok(fits)
}

fn paths(case: &Case, sources: &[u32]) -> Vec<String> {
    let named = sources.iter().filter_map(|id| case.reading.sources.get(*id as usize));
    named.map(|source| source.path.clone()).collect()
}

impl WhyAnswer {
    /// Walks back from a line.
    pub fn of(case: &Case, run: &Run, place: &str) -> Result<WhyAnswer, NoSuchPlace> {
        let facts = facts_at(case, place)?;
        let volumes = facts.iter().filter_map(|id| case.reading.facts.get(*id as usize));
        let volume = volumes.clone().find_map(|fact| case.cast.volume(fact));
        let causes = causes(case, run, volume, None);
        let roots: Vec<Event> = facts
            .iter()
            .map(|id| Event::Fact(*id))
            .filter(|event| causes.holds(*event))
            .collect();
        let party = |event| match event {
            Event::Fact(id) => case.reading.facts.get(id as usize).map(|fact| fact.party.clone()),
            Event::Inferred(id) => run.steps.get(id as usize).map(|step| step.actor.clone()),
        };
        let (events, more) = walk(&causes, &roots, party);
        let numbers: BTreeMap<Event, u32> = events.iter().copied().zip(1..).collect();
        let told = events.iter().zip(1..).map(|(event, id)| WhyEvent {
            id,
            step: in_words(case, run, *event),
            from: reasons(&causes, *event)
                .into_iter()
                .filter_map(|(cause, rule)| {
                    Some(Because {
                        event: *numbers.get(&cause)?,
                        rule: rule.name(),
                        because: rule.phrase(),
                    })
                })
                .collect(),
        });
        Ok(WhyAnswer {
            schema: "adtrace.why/1",
            asked: place.to_owned(),
            events: told.collect(),
            more,
        })
    }

    /// The answer for a person.
    pub fn write(&self, sources: &Sources<'_>, out: &mut dyn Write) -> io::Result<()> {
        for event in &self.events {
            let step = &event.step;
            let inferred = words::inferred(step);
            let place = step.evidence.first().filter(|_| step.observed);
            let place = place.map_or(String::new(), |evidence| format!("  {}", sources.place(evidence)));
            writeln!(
                out,
                "{:>3}  {}  {:<11} {}{inferred}{place}",
                event.id,
                millis(step.at),
                short_actor(&step.actor),
                clean(&step.what),
            )?;
            if step.observed
                && let Some(evidence) = step.evidence.first()
            {
                writeln!(out, "       | {}", cut(&clean(&evidence.text), WIDE))?;
            }
            for because in &event.from {
                writeln!(out, "       from {}: {}", because.event, because.because)?;
            }
        }
        if self.more {
            writeln!(
                out,
                "     older causes are left out; ask about one of the last lines to go on"
            )?;
        }
        Ok(())
    }
}

/// Why an event happened: by the rules that say more than that one thing came before another. Only for a step that
/// nobody logged is what its party did before all there is to say.
fn reasons(causes: &Causes, event: Event) -> Vec<(Event, Rule)> {
    let mut reasons = causes.causes_of(event);
    let inferred = matches!(event, Event::Inferred(_));
    reasons.retain(|(_, rule)| inferred || !matches!(rule, Rule::ProgramOrder | Rule::WrittenAgain));
    reasons
}

/// The events reached from the roots, the nearest ones, newest first behind the roots; whether there were more.
fn walk(causes: &Causes, roots: &[Event], party: impl Fn(Event) -> Option<Party>) -> (Vec<Event>, bool) {
    let mut more = false;
    let mut retried: BTreeSet<Option<Party>> = BTreeSet::new();
    let mut seen: Vec<Event> = Vec::new();
    let mut next: VecDeque<Event> = roots.iter().copied().collect();
    while let Some(event) = next.pop_front() {
        if seen.contains(&event) {
            continue;
        }
        if seen.len() == MOST {
            more = true;
            break;
        }
        seen.push(event);
        for (cause, rule) in reasons(causes, event) {
            // Of a party's row of retries only the last is told: what made the first fail made all fail.
            if rule != Rule::Retried || retried.insert(party(event)) {
                next.push_back(cause);
            }
        }
    }
    if let Some(older) = seen.get_mut(roots.len()..) {
        older.sort_by_key(|event| std::cmp::Reverse(causes.rank_of(*event)));
    }
    (seen, more)
}
