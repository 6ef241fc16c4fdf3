//! The timeline as a trace for Perfetto and other viewers of the Chrome trace event format.
//!
//! In: a report with its timeline. Out: JSON: a process for each pair of volume and node with a thread for each lane,
//! values as slices, steps as instants, causes as flows; the divergences stand in a process of their own. Times are
//! microseconds.

use std::io;

use rustc_hash::FxHashMap;
use serde_json::{Value, json};

use crate::report::text::{clean, short_volume};
use crate::report::timeline::{CellLine, Lane, Timeline};
use crate::report::words::key_steps;
use crate::report::{Face, Report};
use crate::time::Time;

/// Process of the divergences; the pairs follow.
const DIVERGENCES: usize = 0;
/// Thread of a pair's steps; the lanes follow.
const STEPS: usize = 0;

/// The report as a trace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Viewer;

impl Face for Viewer {
    fn write(&self, report: &Report, out: &mut dyn io::Write) -> io::Result<()> {
        let mut events = vec![named("process_name", DIVERGENCES, STEPS, "divergences")];
        events.extend(divergences(report));
        if let Some(timeline) = &report.timeline {
            for (at, cell) in timeline.cells.iter().enumerate() {
                events.extend(pair(timeline, cell, at + 1));
            }
            events.extend(flows(timeline));
        }
        writeln!(out, "{{\"displayTimeUnit\":\"ms\",\"traceEvents\":[")?;
        for (at, event) in events.iter().enumerate() {
            let end = if at + 1 < events.len() { "," } else { "" };
            writeln!(out, "{event}{end}")?;
        }
        writeln!(out, "]}}")
    }
}

fn named(what: &str, process: usize, thread: usize, name: &str) -> Value {
    json!({"ph": "M", "name": what, "pid": process, "tid": thread, "args": {"name": name}})
}

fn divergences(report: &Report) -> Vec<Value> {
    let mut events = Vec::new();
    for (thread, divergence) in report.divergences.iter().enumerate() {
        let end = divergence
            .until
            .or(report.window.map(|window| window.to))
            .unwrap_or(divergence.since);
        let args = json!({
            "mechanism": divergence.mechanism, "volume": divergence.volume, "node": divergence.node,
            "severity": divergence.severity, "headline": clean(&divergence.headline),
        });
        events.push(named("thread_name", DIVERGENCES, thread, &divergence.id));
        events.push(json!({
            "ph": "X", "cat": "divergence", "name": divergence.mechanism, "pid": DIVERGENCES, "tid": thread,
            "ts": divergence.since.0, "dur": (end - divergence.since).0.max(0), "args": args,
        }));
        for (part, step) in key_steps(divergence) {
            events.push(json!({
                "ph": "i", "s": "p", "cat": part.word(), "name": step.kind, "pid": DIVERGENCES, "tid": thread,
                "ts": step.at.0, "args": {"what": clean(&step.what), "actor": step.actor, "where": places(&step.evidence)},
            }));
        }
    }
    events
}

fn places(evidence: &[crate::report::Evidence]) -> Vec<String> {
    evidence.iter().map(super::place).collect()
}

/// One pair: a thread for its steps and one for each lane.
fn pair(timeline: &Timeline, cell: &CellLine, process: usize) -> Vec<Value> {
    let name = format!("{} on {}", short_volume(cell.pv.as_deref(), &cell.volume), cell.node);
    let mut events = vec![
        named("process_name", process, STEPS, &clean(&name)),
        named("thread_name", process, STEPS, "steps"),
    ];
    for event in timeline.events.iter().filter(|event| is_of(event, cell)) {
        let step = &event.step;
        events.push(json!({
            "ph": "i", "s": "t", "cat": "step", "name": step.kind, "pid": process, "tid": STEPS, "ts": step.at.0,
            "args": {"what": clean(&step.what), "actor": step.actor, "observed": step.observed, "where": places(&step.evidence)},
        }));
    }
    let window = timeline.window;
    for (at, lane) in Lane::ALL.into_iter().enumerate() {
        let thread = at + 1;
        events.push(named("thread_name", process, thread, lane.label()));
        let mut value = lane.of(&cell.begin);
        let mut since = window.map_or(Time(0), |window| window.from);
        let mut slice = |value: &str, since: Time, until: Time| {
            if !matches!(value, "no" | "none" | "detached" | "?") && until > since {
                events.push(json!({
                    "ph": "X", "cat": lane.name(), "name": value, "pid": process, "tid": thread,
                    "ts": since.0, "dur": (until - since).0,
                }));
            }
        };
        let mut ends = None;
        for change in cell.changes.iter().filter(|change| change.lane == lane) {
            let Some(event) = timeline.events.get(change.event as usize) else {
                continue;
            };
            let now = event.step.at;
            slice(value, since, ends.map_or(now, |ends: Time| ends.min(now)));
            (value, since, ends) = (change.value, now, change.until);
        }
        let last = window.map_or(since, |window| window.to);
        slice(value, since, ends.map_or(last, |ends| ends.min(last)));
    }
    events
}

fn is_of(event: &crate::report::timeline::Event, cell: &CellLine) -> bool {
    event.volume.as_ref() == Some(&cell.volume) && event.node.as_ref() == Some(&cell.node)
}

/// Causes between steps of pairs, as arrows.
fn flows(timeline: &Timeline) -> Vec<Value> {
    let pairs = timeline
        .cells
        .iter()
        .map(|cell| (cell.volume.as_str(), cell.node.as_str()));
    let processes: FxHashMap<(&str, &str), usize> = pairs.zip(1..).collect();
    let process = |event: u32| {
        let event = timeline.events.get(event as usize)?;
        let pair = (event.volume.as_deref()?, event.node.as_deref()?);
        Some((*processes.get(&pair)?, event.step.at.0))
    };
    let mut events = Vec::new();
    for (id, cause) in timeline.causes.iter().enumerate() {
        if let (Some((from, begin)), Some((to, end))) = (process(cause.from), process(cause.to)) {
            events.push(json!({"ph": "s", "cat": "cause", "name": cause.rule, "id": id, "pid": from, "tid": STEPS, "ts": begin}));
            events.push(json!({"ph": "f", "bp": "e", "cat": "cause", "name": cause.rule, "id": id, "pid": to, "tid": STEPS, "ts": end}));
        }
    }
    events
}
