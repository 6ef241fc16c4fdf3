//! The timeline of a case: which step moved which lane of which pair.
//!
//! In: a case and its run. Out: [`Timeline`]. The rows of states are the run's; pending operation and back-off are read
//! off the model while the same facts are replayed once more. Causes are the causal graph's, drawn together to the
//! steps: what lies between two steps (a line that moved nothing) joins them.

use std::collections::{BTreeMap, BTreeSet};

use super::causes::causes;
use crate::diagnose::tell::states;
use crate::graph::cast::{Node, Volume};
use crate::graph::causes::{self as graph, Causes};
use crate::graph::rules::Rule;
use crate::model::pending::OpName;
use crate::model::world::{CellState, World};
use crate::pipeline::Case;
use crate::replay::{Cell, Deed, Replay, Run, StepId};
use crate::report::timeline::{Cause, CellLine, Change, Event, Lane, SCHEMA, Timeline};
use crate::report::{Divergence, Report, States, Window};
use crate::time::{Span, Time};

/// Steps that one step is drawn back to through lines that moved nothing.
const NEAREST: usize = 4;
/// Steps before and after a quiet change among which its author is looked for, and how far off in time.
const REACH: StepId = 64;
const MOMENTS: Span = Span::secs(2);

/// What the timeline is to hold.
#[derive(Clone, Copy, Debug, Default)]
pub struct About {
    /// Only this volume.
    pub volume: Option<Volume>,
    /// Only this node.
    pub node: Option<Node>,
    /// Whether the lines of evidence and their neighbours are wanted.
    pub lines: bool,
}

impl About {
    /// All pairs, with lines and their neighbours.
    pub const WITH_LINES: About = About {
        volume: None,
        node: None,
        lines: true,
    };

    fn holds(&self, cell: Cell) -> bool {
        self.volume.is_none_or(|volume| volume == cell.0) && self.node.is_none_or(|node| node == cell.1)
    }

    fn may_concern(&self, volume: Option<Volume>, node: Option<Node>) -> bool {
        let fits = self.volume.is_none() || volume.is_none() || volume == self.volume;
        fits && (self.node.is_none() || node.is_none() || node == self.node)
    }
}

/// The report on a case with its timeline.
#[must_use]
pub fn reported(case: &Case, about: &About) -> Report {
    let (run, end) = case.replay();
    let mut report = case.report_of(&run, &end);
    report.timeline = Some(timeline(case, &run, &report.divergences, about));
    report
}

/// The timeline of a run; `divergences` are those found in it.
#[must_use]
pub fn timeline(case: &Case, run: &Run, divergences: &[Divergence], about: &About) -> Timeline {
    let cells: Vec<Cell> = run.track.keys().copied().filter(|cell| about.holds(*cell)).collect();
    let walk = Walk::along(case, run, &cells);
    let chosen: Vec<StepId> = (0_u32..)
        .zip(&run.steps)
        .filter(|(_, step)| about.may_concern(step.volume, step.node))
        .map(|(id, _)| id)
        .collect();
    let numbers: BTreeMap<StepId, u32> = chosen.iter().copied().zip(0..).collect();
    let (from, to) = case.lives.window;
    Timeline {
        schema: SCHEMA,
        window: (to > Time(0)).then_some(Window { from, to }),
        cells: cells
            .iter()
            .map(|cell| line(case, run, *cell, &walk, &numbers, divergences))
            .collect(),
        events: chosen.iter().map(|id| event(case, run, *id)).collect(),
        causes: joined(run, &causes(case, run, about.volume, about.node), &numbers),
        lines: if about.lines {
            lines(case, run, about)
        } else {
            Vec::new()
        },
    }
}

/// A lane takes a value at a step; for a back-off also when it ends by itself.
type Moved = (StepId, Lane, &'static str, Option<Time>);

/// What can be read off the model only while it is led along the facts.
struct Walk {
    /// The states before the first fact.
    begin: BTreeMap<Cell, CellState>,
    /// Operation and back-off of each pair, with the step at which they were seen.
    operations: BTreeMap<Cell, Vec<Moved>>,
    /// The first step of every fact's steps.
    rounds: Vec<StepId>,
    /// Rows of states that a fact brought without a step of its own; they stand at the step before.
    quiet: BTreeSet<(StepId, Cell)>,
}

/// Operation under way, and back-off with its end.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Doing {
    operation: Option<&'static str>,
    back_off: Option<(&'static str, Time)>,
}

impl Doing {
    fn of(world: &World, cell: Cell) -> Doing {
        let running = world.operation_on(cell);
        let failed = world
            .process
            .as_ref()
            .filter(|process| process.failed_at(cell).is_some());
        let waits = |op, name| {
            let until = failed?.retry_at(cell, op)?;
            (until > world.now).then_some((name, until))
        };
        Doing {
            operation: running.map(|detach| if detach { "detach" } else { "attach" }),
            back_off: waits(OpName::Detach, "detach").or_else(|| waits(OpName::Attach, "attach")),
        }
    }
}

impl Walk {
    fn along(case: &Case, run: &Run, cells: &[Cell]) -> Walk {
        let mut replay = Replay::new(case.script());
        let mut seen: BTreeMap<Cell, CellState> = cells.iter().map(|cell| (*cell, replay.world.cell(*cell))).collect();
        let mut walk = Walk {
            begin: seen.clone(),
            operations: BTreeMap::new(),
            rounds: Vec::new(),
            quiet: BTreeSet::new(),
        };
        let mut rows_at: BTreeMap<StepId, Vec<Cell>> = BTreeMap::new();
        for cell in cells {
            for (step, _) in run.track.get(cell).into_iter().flatten() {
                rows_at.entry(*step).or_default().push(*cell);
            }
        }
        let mut doing: BTreeMap<Cell, Doing> = BTreeMap::new();
        let mut before = 0;
        loop {
            let more = replay.advance();
            let after = replay.steps();
            if let (Ok(first), true) = (StepId::try_from(before), after > before) {
                walk.rounds.push(first);
                walk.look(&replay, before, cells, &mut doing);
            }
            let last = StepId::try_from(after.saturating_sub(1)).unwrap_or(StepId::MAX);
            for cell in rows_at.get(&last).into_iter().flatten() {
                let now = replay.world.cell(*cell);
                if seen.insert(*cell, now) != Some(now) && after == before {
                    walk.quiet.insert((last, *cell));
                }
            }
            before = after;
            if !more {
                return walk;
            }
        }
    }

    /// Looks at the pairs that the newest steps concern.
    fn look(&mut self, replay: &Replay<'_>, from: usize, cells: &[Cell], doing: &mut BTreeMap<Cell, Doing>) {
        let steps = replay.taken().get(from..).unwrap_or_default();
        let touched: BTreeSet<Cell> = steps
            .iter()
            .flat_map(|step| match (step.volume, step.node) {
                (Some(volume), Some(node)) => vec![(volume, node)],
                _ => cells.iter().copied().filter(|cell| step.concerns(*cell)).collect(),
            })
            .filter(|cell| cells.binary_search(cell).is_ok())
            .collect();
        let last = StepId::try_from(replay.steps().saturating_sub(1)).unwrap_or(StepId::MAX);
        for cell in touched {
            let now = Doing::of(&replay.world, cell);
            let was = doing.insert(cell, now).unwrap_or_default();
            let rows = self.operations.entry(cell).or_default();
            if now.operation != was.operation {
                rows.push((last, Lane::Operation, now.operation.unwrap_or("none"), None));
            }
            // A back-off whose time is over ends by itself.
            let ran_out = now.back_off.is_none() && was.back_off.is_some_and(|(_, until)| until <= replay.world.now);
            if now.back_off != was.back_off && !ran_out {
                let value = now.back_off.map_or("none", |(op, _)| op);
                rows.push((last, Lane::BackOff, value, now.back_off.map(|(_, until)| until)));
            }
        }
    }

    /// The steps of one fact, up to `last`.
    fn round(&self, last: StepId) -> std::ops::RangeInclusive<StepId> {
        let at = self.rounds.partition_point(|first| *first <= last);
        let first = at.checked_sub(1).and_then(|at| self.rounds.get(at)).copied();
        first.unwrap_or(last)..=last
    }

    /// Who moved this lane of this pair: of the steps of one fact, the last that is about it. Where the fact brought no
    /// step, the nearest one that tells of such a move.
    fn author(&self, run: &Run, cell: Cell, lane: Lane, last: StepId) -> StepId {
        if self.quiet.contains(&(last, cell))
            && let Some(step) = nearest(run, cell, lane, last)
        {
            return step;
        }
        let about = |id: &StepId| run.steps.get(*id as usize).is_some_and(|step| step.concerns(cell));
        let moves = |id: &StepId| run.steps.get(*id as usize).is_some_and(|step| moves(step.deed, lane));
        let own = || self.round(last).rev().filter(about);
        own().find(moves).or_else(|| own().next()).unwrap_or(last)
    }
}

/// The nearest step that moves this lane of this pair, within moments.
fn nearest(run: &Run, cell: Cell, lane: Lane, near: StepId) -> Option<StepId> {
    let at = run.at(near);
    let fits = |id: &StepId| {
        run.steps.get(*id as usize).is_some_and(|step| {
            let apart = (step.at - at).as_millis().abs();
            step.concerns(cell) && moves(step.deed, lane) && apart <= MOMENTS.as_millis()
        })
    };
    let around = near.saturating_sub(REACH)..=near.saturating_add(REACH);
    around.filter(fits).min_by_key(|id| id.abs_diff(near))
}

/// Whether a deed is of the kind that moves a lane; tells apart the steps that one fact brought.
fn moves(deed: Deed, lane: Lane) -> bool {
    match deed {
        Deed::ControllerStarted | Deed::ControllerStopped => lane < Lane::Reported,
        Deed::NodeCreated | Deed::NodeDeleted => matches!(lane, Lane::Reported | Lane::InUse),
        Deed::PodBound | Deed::PodEnded | Deed::PodGone | Deed::PodForced => lane == Lane::Desired,
        Deed::AttachStarted | Deed::DetachStarted | Deed::DetachForced => lane == Lane::Operation,
        Deed::AttachDone | Deed::AttachFailed | Deed::DetachDone | Deed::DetachFailed => {
            matches!(lane, Lane::Controller | Lane::Operation | Lane::BackOff)
        }
        Deed::SyncLost => lane == Lane::Controller,
        Deed::ReportAdded | Deed::ReportDropped | Deed::DetachRefused | Deed::DetachSkipped => lane == Lane::ToReport,
        Deed::ReportPublished | Deed::ReportRemovalPublished | Deed::ReportEdited | Deed::ReportAddedByHand => {
            lane == Lane::Reported
        }
        Deed::VaCreated
        | Deed::VaAttached
        | Deed::VaDeleting
        | Deed::VaGone
        | Deed::VaDeletedByHand
        | Deed::VaStripped => lane == Lane::Attachment,
        Deed::InUse | Deed::NotInUse | Deed::InUseEdited => lane == Lane::InUse,
        Deed::Mounted | Deed::Unmounted | Deed::Dropped => lane == Lane::Mounted,
        _ => false,
    }
}

/// One pair over time.
fn line(
    case: &Case,
    run: &Run,
    cell: Cell,
    walk: &Walk,
    numbers: &BTreeMap<StepId, u32>,
    divergences: &[Divergence],
) -> CellLine {
    let info = case.cast.info(cell.0);
    let (volume, node) = (info.name.to_string(), case.cast.node_name(cell.1).to_string());
    let track = run.track.get(&cell).map_or(&[][..], Vec::as_slice);
    let rows: Vec<(StepId, States)> = track.iter().map(|(step, state)| (*step, states(state))).collect();
    let first = rows.first().map_or(States::default(), |(_, first)| *first);
    let begin = began(walk.begin.get(&cell).map_or(first, states), first);
    let mut changes: Vec<Moved> = Vec::new();
    let mut last = begin;
    for (step, row) in &rows {
        for lane in Lane::ALL {
            if lane.of(row) != lane.of(&last) {
                changes.push((*step, lane, lane.of(row), None));
            }
        }
        last = *row;
    }
    changes.extend(walk.operations.get(&cell).into_iter().flatten());
    // A lane's changes keep their order, whoever their authors are.
    let mut before: BTreeMap<Lane, StepId> = BTreeMap::new();
    for (step, lane, ..) in &mut changes {
        let before = before.entry(*lane).or_default();
        *before = walk.author(run, cell, *lane, *step).max(*before);
        *step = *before;
    }
    changes.sort_by_key(|(step, lane, ..)| (*step, *lane));
    CellLine {
        pv: info.pvs.first().filter(|pv| **pv != info.name).map(ToString::to_string),
        pods: pods(case, run, cell),
        divergences: divergences
            .iter()
            .filter(|divergence| divergence.volume == volume && divergence.node == node)
            .map(|divergence| divergence.id.clone())
            .collect(),
        volume,
        node,
        begin,
        end: last,
        changes: changes
            .into_iter()
            .filter_map(|(step, lane, value, until)| {
                Some(Change {
                    event: *numbers.get(&step)?,
                    lane,
                    value,
                    until,
                })
            })
            .collect(),
    }
}

/// What was so at the beginning; what nobody knew then is taken from the first row, since nothing seen changed it.
fn began(begin: States, first: States) -> States {
    use crate::report::ControllerState;
    States {
        controller: if begin.controller == ControllerState::Unknown {
            first.controller
        } else {
            begin.controller
        },
        to_report: begin.to_report.or(first.to_report),
        reported: begin.reported.or(first.reported),
        in_use: begin.in_use.or(first.in_use),
        ..begin
    }
}

/// Pods that wanted the volume here, in the order in which they were bound, else as objects tell.
fn pods(case: &Case, run: &Run, cell: Cell) -> Vec<String> {
    let bound = run
        .steps
        .iter()
        .filter(|step| step.deed == Deed::PodBound && step.volume == Some(cell.0) && step.node == Some(cell.1));
    let told = bound.filter_map(|step| step.pod).map(|pod| case.cast.pod_info(pod));
    let known = case
        .cast
        .pods
        .iter()
        .filter(|pod| pod.node == Some(cell.1) && pod.volumes.contains(&cell.0));
    let mut seen = BTreeSet::new();
    told.chain(known)
        .filter(|pod| seen.insert(pod.name.clone()))
        .map(|pod| pod.name.to_string())
        .collect()
}

fn event(case: &Case, run: &Run, id: StepId) -> Event {
    let step = run.steps.get(id as usize);
    let volume = step.and_then(|step| step.volume);
    let node = step.and_then(|step| step.node);
    let pod = step.and_then(|step| step.pod);
    Event {
        step: case.teller(run, "").step_alone(id),
        volume: volume.map(|volume| case.cast.info(volume).name.to_string()),
        node: node.map(|node| case.cast.node_name(node).to_string()),
        pod: pod.map(|pod| case.cast.pod_info(pod).name.to_string()),
    }
}

/// The causal graph between the steps.
fn joined(run: &Run, causes: &Causes, numbers: &BTreeMap<StepId, u32>) -> Vec<Cause> {
    let mut steps_of: BTreeMap<u32, Vec<StepId>> = BTreeMap::new();
    for id in numbers.keys() {
        let step = run.steps.get(*id as usize).filter(|step| step.observed);
        for fact in step.into_iter().flat_map(|step| &step.evidence) {
            steps_of.entry(*fact).or_default().push(*id);
        }
    }
    let mut events: Vec<graph::Event> = causes.events().collect();
    events.sort_by_key(|event| (causes.rank_of(*event), matches!(event, graph::Event::Fact(_)), *event));
    let mut nearest: BTreeMap<graph::Event, Vec<(StepId, Rule)>> = BTreeMap::new();
    let mut edges: BTreeMap<(StepId, StepId), Rule> = BTreeMap::new();
    for event in events {
        let inferred = matches!(event, graph::Event::Inferred(_));
        let mut from: Vec<(StepId, Rule)> = Vec::new();
        for (cause, rule) in causes.causes_of(event) {
            if inferred || !matches!(rule, Rule::ProgramOrder | Rule::WrittenAgain) {
                let through = nearest.get(&cause).into_iter().flatten();
                from.extend(through.map(|(step, _)| (*step, rule)));
            }
        }
        let own: Vec<StepId> = match event {
            graph::Event::Inferred(id) => vec![id],
            graph::Event::Fact(id) => steps_of.remove(&id).unwrap_or_default(),
        };
        for to in &own {
            for (cause, rule) in &from {
                if related(run, *cause, *to) {
                    edges.entry((*to, *cause)).or_insert(*rule);
                }
            }
        }
        let mut seen = BTreeSet::new();
        from.retain(|(step, _)| seen.insert(*step));
        from.truncate(NEAREST);
        let here = if own.is_empty() {
            from
        } else {
            own.into_iter().map(|step| (step, Rule::Needed)).collect()
        };
        nearest.insert(event, here);
    }
    let told = edges.into_iter().filter_map(|((to, from), rule)| {
        Some(Cause {
            from: *numbers.get(&from)?,
            to: *numbers.get(&to)?,
            rule: rule.name(),
            because: rule.phrase(),
        })
    });
    told.collect()
}

/// Whether one step can be the cause of another: earlier, and not of another volume that shares a line with this one.
fn related(run: &Run, cause: StepId, effect: StepId) -> bool {
    let (Some(from), Some(to)) = (run.steps.get(cause as usize), run.steps.get(effect as usize)) else {
        return false;
    };
    let same = from.volume.is_none() || to.volume.is_none() || from.volume == to.volume;
    cause != effect && same && from.at <= to.at
}

/// Every line that says something about the pairs, by source and line.
fn lines(case: &Case, run: &Run, about: &About) -> Vec<crate::report::Evidence> {
    let teller = case.teller(run, "");
    let chosen = graph::about(&case.reading.facts, &case.cast, about.volume, about.node);
    let mut facts: Vec<_> = chosen
        .iter()
        .filter_map(|id| case.reading.facts.get(*id as usize))
        .collect();
    facts.sort_by_key(|fact| (fact.source, fact.line));
    facts.dedup_by_key(|fact| (fact.source, fact.line));
    facts.into_iter().map(|fact| teller.line(fact)).collect()
}
