//! Lives: which process spoke when, and which node showed signs of life.
//!
//! In: sources and facts. Out: [`Lives`]: the controller's processes (from taking over to the last line), and for every
//! node the spans in which its kubelet wrote anything. What a party should have done is only owed while it lived.

use std::collections::BTreeMap;

use super::objects::asks_for_report;
use crate::fact::rotation::stem;
use crate::fact::voices::{Spans, joined};
use crate::fact::{Detail, Fact, Kind, Party, Reading, Source, SourceId};
use crate::graph::cast::{Cast, Node};
use crate::model::world::process::LONGEST_LOOK;
use crate::time::{Span, Time};

/// A kubelet that was silent for so long may be dead.
pub const SILENCE: Span = Span::secs(40);

/// A line of a log and the request that it tells of lie that close together.
const TOLD_WITHIN: Span = Span::secs(5);

/// One process of the controller while it led.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Life {
    /// When its attach/detach controller started.
    pub from: Time,
    /// Its last sign of life; [`Time::MAX`] where it lives to the end.
    pub to: Time,
}

/// Lives of the parties.
#[derive(Clone, Debug, Default)]
pub struct Lives {
    /// The controller's processes, in order.
    pub controllers: Vec<Life>,
    /// The first line of any controller's log.
    pub controller_heard: Option<Time>,
    /// Spans of which the controller's logs tell; empty where none was read.
    pub controller_told: Spans,
    /// Spans in which a node's kubelet wrote, gaps up to [`SILENCE`] closed.
    pub kubelets: BTreeMap<Node, Vec<(Time, Time)>>,
    /// Whether any log of an external-attacher was read.
    pub attacher_log: bool,
    /// Spans of which the audit log tells; empty where none was read.
    pub audit: Spans,
    /// First and last moment that any log or audit line tells of.
    pub window: (Time, Time),
}

impl Lives {
    /// Reads the lives off a reading.
    #[must_use]
    pub fn of(reading: &Reading, cast: &Cast) -> Lives {
        let mut lives = Lives {
            window: window(reading),
            ..Lives::default()
        };
        let mut heard: Spans = Vec::new();
        for source in &reading.sources {
            for (party, alive) in source.speakers() {
                match party {
                    Party::Kubelet(name) if !alive.is_empty() => {
                        if let Some(node) = cast.node_named(name) {
                            lives.kubelets.entry(node).or_default().extend(alive.iter().copied());
                        }
                    }
                    Party::Controller => heard.extend(alive.iter().copied()),
                    Party::Attacher => lives.attacher_log = true,
                    _ => {}
                }
            }
            if source.format == "audit" {
                lives.audit.extend(source.alive.iter().copied());
            }
        }
        for spans in lives.kubelets.values_mut() {
            *spans = joined(std::mem::take(spans), |end, from| from <= end + SILENCE);
        }
        let first = lives.audit.iter().map(|(from, _)| *from).min();
        // Whether the writes of an object that was made later are audited depends on the policy.
        let older = made(reading).filter(|at| first.is_some_and(|first| *at < first));
        lives.audit = told(lives.audit, logged(reading).chain(older.map(|at| (at, at))));
        lives.controller_heard = heard.iter().map(|(from, _)| *from).min();
        lives.controller_told = told(heard, requested(reading).map(|at| (at, at)));
        lives.controllers = controllers(reading);
        lives
    }

    /// Whether the audit log covers that moment.
    #[must_use]
    pub fn audited(&self, at: Time) -> bool {
        self.audit.iter().any(|(from, to)| (*from..=*to).contains(&at))
    }

    /// Whether the controller's logs tell of that moment.
    #[must_use]
    pub fn hears_controller(&self, at: Time) -> bool {
        self.controller_told
            .iter()
            .any(|(from, to)| (*from..=*to).contains(&at))
    }

    /// Whether audit log and controller both tell of that moment.
    #[must_use]
    pub fn tells_of(&self, at: Time) -> bool {
        self.audited(at) && self.hears_controller(at)
    }

    /// Whether the node's kubelet wrote anything after that moment.
    #[must_use]
    pub fn kubelet_lives_after(&self, node: Node, at: Time) -> bool {
        self.kubelets
            .get(&node)
            .is_some_and(|spans| spans.iter().any(|(_, to)| *to > at))
    }
}

/// First and last moment that any log or audit line tells of.
#[must_use]
pub fn window(reading: &Reading) -> (Time, Time) {
    let mut window = (Time::MAX, Time::MIN);
    let spans = reading.sources.iter().flat_map(|source| source.alive.iter());
    let times = reading
        .facts
        .iter()
        .filter(|fact| !matches!(fact.at, Time::MAX) && fact.kind != Kind::VaLineSeen)
        .map(|fact| (fact.at, fact.at));
    for (from, to) in spans.copied().chain(times) {
        window.0 = window.0.min(from);
        window.1 = window.1.max(to);
    }
    if window.0 > window.1 {
        (Time(0), Time(0))
    } else {
        window
    }
}

/// The spans of which a log tells. It may fall silent since nothing happens; where others tell of what it would have
/// told at some moment between two, a part of it is lost. Without such a witness a silence is closed, the first span
/// reaches back to the beginning, and the last one to the end.
fn told(spans: Spans, witnesses: impl Iterator<Item = (Time, Time)>) -> Spans {
    let mut witnesses: Vec<(Time, Time)> = witnesses.collect();
    witnesses.sort_unstable();
    let lost_between = |from: Time, to: Time| {
        let next = witnesses.partition_point(|(since, _)| *since <= from + TOLD_WITHIN);
        let mut inside = witnesses.iter().skip(next).take_while(|(since, _)| *since < to);
        inside.any(|(_, at)| *at < to - TOLD_WITHIN)
    };
    let mut told = joined(spans, |end, from| from <= end || !lost_between(end, from));
    if let Some((from, _)) = told.first_mut().filter(|(from, _)| !lost_between(Time::MIN, *from)) {
        *from = Time::MIN;
    }
    if let Some((_, to)) = told.last_mut().filter(|(_, to)| !lost_between(*to, Time::MAX)) {
        *to = Time::MAX;
    }
    told
}

/// Between when and when requests were made that an audit log holds and logs tell of.
fn logged(reading: &Reading) -> impl Iterator<Item = (Time, Time)> {
    let telling = |fact: &&Fact| {
        let kinds = [
            Kind::VaCreated,
            Kind::StatusPatched,
            Kind::AttachOk,
            Kind::DetachOk,
            Kind::EaFullyAttached,
            Kind::EaFullyDetached,
        ];
        fact.call.is_none() && kinds.contains(&fact.kind) && fact.at < Time::MAX
    };
    reading.facts.iter().filter(telling).map(|fact| {
        // Who polls hears of the end of an operation late.
        let polled = matches!(fact.kind, Kind::AttachOk | Kind::DetachOk);
        let since = if polled { fact.at - LONGEST_LOOK } else { fact.at };
        (since, fact.at)
    })
}

/// When pods and attachments that dumps show were made.
fn made(reading: &Reading) -> impl Iterator<Item = Time> {
    let dumped = reading.facts.iter().filter(|fact| fact.kind.is_dump());
    dumped.filter_map(|fact| match &fact.detail {
        Detail::Pod(detail) => detail.created,
        Detail::Attachment(detail) => detail.created,
        _ => None,
    })
}

/// When the controller sent requests of which its log tells: of attachments at every level, of reports where it tells of
/// any.
fn requested(reading: &Reading) -> impl Iterator<Item = Time> {
    let reports = reading
        .facts
        .iter()
        .any(|fact| fact.kind == Kind::StatusPatched && fact.call.is_none());
    let by_controller = reading.facts.iter().filter(|fact| fact.party == Party::Controller);
    by_controller.filter_map(move |fact| {
        let call = fact.call.as_ref()?;
        let told = match fact.kind {
            Kind::VaApiCreated | Kind::VaApiDeleted => call.ok(),
            Kind::NodeStatusPatched => reports && asks_for_report(fact),
            _ => false,
        };
        told.then_some(call.received)
    })
}

/// Where one process wrote: a source, and which of several in it.
type Log = (SourceId, u16);

/// The controller's processes: each lasts from its start to the last line of its log, or to the next process's first
/// line where both write to one log.
fn controllers(reading: &Reading) -> Vec<Life> {
    let mut starts: Vec<(Time, Log)> = reading
        .facts
        .iter()
        .filter(|fact| fact.kind == Kind::AdcStarted && fact.party == Party::Controller)
        .map(|fact| (fact.at, (fact.source, fact.writer)))
        .collect();
    starts.sort_unstable();
    starts.dedup_by_key(|(at, log)| (*log, at.0 / 1_000_000));
    let life = |(index, (from, log)): (usize, &(Time, Log))| Life {
        from: *from,
        to: match starts.get(index + 1) {
            Some((next, _)) => end_of(reading, (*from, *log), *next),
            None => Time::MAX,
        },
    };
    starts.iter().enumerate().map(life).collect()
}

/// When a process ended before the next leading one began: where another one began in its log, else with the last line of
/// that. Its log is all pieces that rotation made of it, and copies of them, since what a log says is told once.
fn end_of(reading: &Reading, (from, (source, writer)): (Time, Log), next: Time) -> Time {
    let stem_of = |id: SourceId| reading.sources.get(id.0 as usize).map(|source| stem(&source.path));
    let log = stem_of(source);
    let of_log = |source: &Source| Some(stem(&source.path)) == log;
    let copied = |copy: &Source| {
        let mut pieces = reading.sources.iter().filter(|source| of_log(source));
        pieces.any(|piece| !piece.alive.is_empty() && piece.alive == copy.alive)
    };
    let own: Vec<bool> = reading
        .sources
        .iter()
        .map(|source| of_log(source) || copied(source))
        .collect();
    // One source may hold the lines of several processes side by side.
    let shared = reading
        .facts
        .iter()
        .any(|fact| fact.source == source && fact.party == Party::Controller && ![0, writer].contains(&fact.writer));
    let facts = || {
        let facts = reading
            .facts
            .iter()
            .filter(|fact| fact.call.is_none() && own.get(fact.source.0 as usize) == Some(&true))
            .filter(|fact| !shared || (fact.source, fact.writer) == (source, writer));
        facts.filter(|fact| (from..next).contains(&fact.at))
    };
    // A process prints its flags and its version before it starts this controller, and never again: later ones are
    // those of the process that came after it. It may have been silent for long before that, as quiet levels are.
    let began = facts().filter(|fact| matches!(fact.kind, Kind::ProcessVersion | Kind::FlagSet));
    if let Some(began) = began.map(|fact| fact.at).min() {
        return began - Span(1);
    }
    let told = facts().map(|fact| fact.at);
    let sources = reading.sources.iter().zip(&own).filter(|(_, own)| **own && !shared);
    let heard = sources.flat_map(|(source, _)| &source.alive).map(|(_, to)| *to);
    told.chain(heard.filter(|to| (from..next).contains(to)))
        .max()
        .unwrap_or(from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Time {
        Time(seconds * 1_000_000)
    }

    #[test]
    fn two_controllers_in_one_file_are_two_processes() {
        let fact = |kind, seconds, writer| Fact {
            writer,
            ..Fact::new(kind, Party::Controller, at(seconds))
        };
        let reading = Reading {
            sources: vec![Source {
                path: "cluster-info_dump".to_owned(),
                alive: vec![(at(90), at(300))],
                ..Source::default()
            }],
            facts: vec![
                fact(Kind::FlagSet, 90, 1),
                fact(Kind::AdcStarted, 100, 1),
                fact(Kind::LeaderLost, 180, 1),
                fact(Kind::FlagSet, 150, 2),
                fact(Kind::AdcStarted, 200, 2),
                fact(Kind::FlagSet, 210, 1),
            ],
        };
        let lives: Vec<_> = controllers(&reading).iter().map(|life| (life.from, life.to)).collect();
        assert_eq!(lives, [(at(100), at(180)), (at(200), Time::MAX)]);
    }

    fn told(spans: Spans, witnesses: &[i64]) -> Spans {
        super::told(spans, witnesses.iter().map(|seconds| (at(*seconds), at(*seconds))))
    }

    #[test]
    fn a_silence_is_a_loss_where_others_tell_of_it() {
        let spans = vec![(at(100), at(110)), (at(200), at(210))];
        let all = vec![(Time::MIN, Time::MAX)];
        assert_eq!(told(spans.clone(), &[]), all);
        assert_eq!(told(spans.clone(), &[98, 112, 213]), all);
        let parts = vec![(Time::MIN, at(110)), (at(200), Time::MAX)];
        assert_eq!(told(spans.clone(), &[150]), parts);
        assert_eq!(told(spans.clone(), &[90]), vec![(at(100), Time::MAX)]);
        assert_eq!(told(spans, &[300]), vec![(Time::MIN, at(210))]);
    }
}
