//! The timeline as the page's script reads it: columns of numbers, every text once, packed.
//!
//! In: a timeline. Out: bytes, raw deflate of JSON. Times are microseconds since the window's beginning, those of events
//! as differences to the one before; texts are indices into `strings`, and -1 where there is none. A bundle repeats
//! itself, so this stays far below the size of its lines.

use std::io::{self, Write};

use flate2::Compression;
use flate2::write::DeflateEncoder;
use rustc_hash::FxHashMap;
use serde::Serialize;

use super::card::cell_of;
use crate::report::text::{Sources, clean, short_volume};
use crate::report::timeline::{Lane, Timeline};
use crate::report::{Divergence, Evidence, Report, States, Step};
use crate::time::Time;

/// The timeline, packed.
pub fn packed(report: &Report, timeline: &Timeline, sources: &Sources<'_>) -> io::Result<Vec<u8>> {
    let mut pack = DeflateEncoder::new(Vec::new(), Compression::best());
    serde_json::to_writer(&mut pack, &Data::of(report, timeline, sources))?;
    pack.flush()?;
    pack.finish()
}

#[derive(Serialize)]
struct Data {
    from: i64,
    to: i64,
    lanes: Vec<&'static str>,
    cells: Vec<Cell>,
    events: Events,
    /// From, to, rule in words; flat.
    causes: Vec<i64>,
    lines: Lines,
    divergences: Vec<Parting>,
    strings: Vec<String>,
}

#[derive(Serialize)]
struct Cell {
    volume: i64,
    called: i64,
    node: i64,
    pods: Vec<i64>,
    divergences: Vec<i64>,
    /// One value for each lane.
    begin: Vec<i64>,
    /// One value for each state of the report contract.
    end: Vec<i64>,
    /// Event, lane, value, end of a back-off or -1; flat.
    changes: Vec<i64>,
}

#[derive(Default, Serialize)]
struct Events {
    at: Vec<i64>,
    actor: Vec<i64>,
    what: Vec<i64>,
    seen: Vec<u8>,
    volume: Vec<i64>,
    node: Vec<i64>,
    /// How many lines prove each.
    proofs: Vec<usize>,
    /// Those lines, one event's after the other's.
    lines: Vec<usize>,
}

#[derive(Default, Serialize)]
struct Lines {
    source: Vec<i64>,
    short: Vec<i64>,
    line: Vec<u32>,
    /// The last of a run of lines, else 0.
    last: Vec<u32>,
    text: Vec<i64>,
}

#[derive(Serialize)]
struct Parting {
    id: String,
    severity: &'static str,
    cell: i64,
    since: i64,
    until: i64,
    operation: i64,
    trigger: i64,
    symptom: i64,
}

impl Data {
    fn of(report: &Report, timeline: &Timeline, sources: &Sources<'_>) -> Data {
        let mut texts = Texts::default();
        let from = timeline.window.map_or(Time(0), |window| window.from);
        let first = timeline.events.first().map_or(from, |event| event.step.at.min(from));
        let last = timeline.events.iter().map(|event| event.step.at).max();
        let to = timeline
            .window
            .map_or(first, |window| window.to)
            .max(last.unwrap_or(first));
        let since = |at: Time| (at - first).0;
        let mut lines = Lines::default();
        let known = lines.fill(timeline, sources, &mut texts);
        Data {
            from: first.0,
            to: to.0,
            lanes: Lane::ALL.map(Lane::label).to_vec(),
            cells: cells(timeline, &since, &mut texts),
            events: Events::of(timeline, first, &known, &mut texts),
            causes: timeline
                .causes
                .iter()
                .flat_map(|cause| [i64::from(cause.from), i64::from(cause.to), texts.id(cause.because)])
                .collect(),
            divergences: report
                .divergences
                .iter()
                .map(|divergence| Parting::of(timeline, divergence, &since))
                .collect(),
            lines,
            strings: texts.list,
        }
    }
}

fn cells(timeline: &Timeline, since: &dyn Fn(Time) -> i64, texts: &mut Texts) -> Vec<Cell> {
    let cells = timeline.cells.iter().map(|cell| Cell {
        volume: texts.id(&cell.volume),
        called: texts.id(short_volume(cell.pv.as_deref(), &cell.volume)),
        node: texts.id(&cell.node),
        pods: cell.pods.iter().map(|pod| texts.id(pod)).collect(),
        divergences: cell.divergences.iter().map(|id| texts.id(id)).collect(),
        begin: Lane::ALL.iter().map(|lane| texts.id(lane.of(&cell.begin))).collect(),
        end: states(cell.end).into_iter().map(|value| texts.id(value)).collect(),
        changes: cell
            .changes
            .iter()
            .flat_map(|change| {
                let lane = Lane::ALL.iter().position(|lane| *lane == change.lane).unwrap_or(0);
                [
                    i64::from(change.event),
                    i64::try_from(lane).unwrap_or(0),
                    texts.id(change.value),
                    change.until.map_or(-1, since),
                ]
            })
            .collect(),
    });
    cells.collect()
}

/// The states of the report contract, in its order.
fn states(states: States) -> Vec<&'static str> {
    Lane::STATES.map(|lane| lane.of(&states)).into()
}

impl Events {
    fn of(timeline: &Timeline, first: Time, known: &FxHashMap<(&str, u32), usize>, texts: &mut Texts) -> Events {
        let mut events = Events::default();
        let mut before = first;
        for event in &timeline.events {
            let step = &event.step;
            events.at.push((step.at - before).0);
            before = step.at;
            events.actor.push(texts.id(&step.actor.to_string()));
            events.what.push(texts.id(&step.what));
            events.seen.push(u8::from(step.observed));
            events.volume.push(texts.maybe(event.volume.as_deref()));
            events.node.push(texts.maybe(event.node.as_deref()));
            let proofs = step.evidence.iter().filter_map(|line| known.get(&key(line)).copied());
            let count = events.lines.len();
            events.lines.extend(proofs);
            events.proofs.push(events.lines.len() - count);
        }
        events
    }
}

fn key(line: &Evidence) -> (&str, u32) {
    (&line.source, line.line)
}

impl Lines {
    /// All lines, by source and number; those that only events name among them.
    fn fill<'a>(
        &mut self,
        timeline: &'a Timeline,
        sources: &Sources<'_>,
        texts: &mut Texts,
    ) -> FxHashMap<(&'a str, u32), usize> {
        let named = timeline.events.iter().flat_map(|event| &event.step.evidence);
        let mut all: Vec<&Evidence> = timeline.lines.iter().chain(named).collect();
        all.sort_by_key(|line| key(line));
        all.dedup_by_key(|line| key(line));
        let mut known = FxHashMap::default();
        for line in all {
            known.insert(key(line), self.line.len());
            self.source.push(texts.id(&line.source));
            self.short.push(texts.id(&sources.name(&line.source)));
            self.line.push(line.line);
            self.last.push(line.repeat.map_or(0, |repeat| repeat.last_line));
            self.text.push(texts.id(&line.text));
        }
        known
    }
}

impl Parting {
    fn of(timeline: &Timeline, divergence: &Divergence, since: &dyn Fn(Time) -> i64) -> Parting {
        let number = |place: Option<usize>| place.and_then(|place| i64::try_from(place).ok()).unwrap_or(-1);
        // A step of the report stands among the events; what its words leave open differs, so moment and kind tell it.
        let event = |step: &Step| {
            let same = |event: &crate::report::timeline::Event| {
                let here = |of: &Option<String>, name: &str| of.as_deref().is_none_or(|of| of == name);
                event.step.at == step.at
                    && event.step.kind == step.kind
                    && here(&event.volume, &divergence.volume)
                    && (here(&event.node, &divergence.node) || event.volume.is_some())
            };
            number(timeline.events.iter().position(same))
        };
        Parting {
            id: divergence.id.clone(),
            severity: divergence.severity.word(),
            cell: number(cell_of(timeline, divergence)),
            since: since(divergence.since),
            until: divergence.until.map_or(-1, since),
            operation: event(&divergence.operation),
            trigger: divergence.trigger.as_ref().map_or(-1, event),
            symptom: divergence.symptom.as_ref().map_or(-1, event),
        }
    }
}

/// Every text once, in the order of first use.
#[derive(Default)]
struct Texts {
    list: Vec<String>,
    ids: FxHashMap<String, i64>,
}

impl Texts {
    fn id(&mut self, text: &str) -> i64 {
        if let Some(id) = self.ids.get(text) {
            return *id;
        }
        let id = i64::try_from(self.list.len()).unwrap_or(-1);
        self.list.push(clean(text).into_owned());
        self.ids.insert(text.to_owned(), id);
        id
    }

    fn maybe(&mut self, text: Option<&str>) -> i64 {
        text.map_or(-1, |text| self.id(text))
    }
}
