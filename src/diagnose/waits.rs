//! Waits: wishes that can't be met yet while every party does what it is meant to do.
//!
//! In: a run and its divergences. Out: [`Waiting`]s: for what, since when, until when, who must act. A wait is read off
//! the rows of states between two steps; a few seconds of it are nobody's business.

use super::Finding;
use crate::graph::cast::Node;
use crate::model::profile::Behaviour;
use crate::model::world::board::all_of;
use crate::model::world::{CellState, Held, Va};
use crate::replay::{Cell, Deed, Run, Script, Step, StepId};
use crate::report::WaitKind;
use crate::time::{Span, Time};

/// Shorter waits that ended are not told.
const BRIEF: Span = Span::secs(10);
/// Waits that last at the end of the recording are told from this length on.
const BRIEF_AT_END: Span = Span::secs(4);
/// An attachment that nobody attends to for so long has no attacher.
const UNATTENDED: Span = Span::secs(10);
/// The timer of a lost node.
const FORCE_TIMER: Span = Span::secs(360);

/// A timer that has not acted by then is switched off.
const OVERDUE: Span = Span::secs(390);

/// The once-a-minute check and the attach after it come within this time.
const CHECKED: Span = Span::secs(75);

/// What the controller says where no attacher answered it.
const NO_ATTACHER: &str = "timed out waiting for external-attacher";

/// One wait.
#[derive(Clone, Debug)]
pub struct Waiting {
    /// For what.
    pub kind: WaitKind,
    /// Where the wish is.
    pub cell: Cell,
    /// Since when.
    pub since: Time,
    /// When it was over; `None` while it lasts.
    pub until: Option<Time>,
    /// The other node, where one keeps the volume.
    pub holder: Option<Node>,
    /// Steps that show it.
    pub steps: Vec<StepId>,
    /// When the force-detach timer ends, where it runs.
    pub ends: Option<Time>,
}

/// All waits of a run.
#[must_use]
pub fn of(script: &Script, run: &Run, divergences: &[Finding]) -> Vec<Waiting> {
    let mut waits = Vec::new();
    let end = script.lives.window.1;
    for (cell, track) in &run.track {
        let mut spans = Vec::new();
        for moment in moments(run, *cell, track, end) {
            if let Some(kind) = classify(script, run, *cell, &moment) {
                spans.push((moment, kind));
            }
        }
        waits.extend(merge(run, *cell, spans, end));
    }
    waits.retain(|wait| {
        let length = wait.until.unwrap_or(end) - wait.since;
        length >= if wait.until.is_some() { BRIEF } else { BRIEF_AT_END }
    });
    waits.retain(|wait| !divergences.iter().any(|finding| explains(finding, wait)));
    waits.sort_by_key(|wait| (wait.since, wait.cell, wait.kind));
    waits
}

/// A wait in a cell that is dead is the divergence's symptom, not a wait of its own.
fn explains(finding: &Finding, wait: &Waiting) -> bool {
    let inside = wait.since + BRIEF >= finding.since && finding.until.is_none_or(|until| wait.since <= until);
    finding.cell == wait.cell && inside && matches!(wait.kind, WaitKind::Other)
}

/// A stretch of time in which the row of states of a wish stays the same.
#[derive(Clone, Copy, Debug)]
struct Moment {
    step: StepId,
    from: Time,
    to: Time,
    state: CellState,
}

/// The stretches in which the pair is wished and not mounted, cut at every step on the volume.
fn moments(run: &Run, cell: Cell, track: &[(StepId, CellState)], end: Time) -> Vec<Moment> {
    let mut moments = Vec::new();
    let Some(first) = track.first().map(|(id, _)| *id) else {
        return moments;
    };
    let cuts: Vec<StepId> = (first..StepId::try_from(run.steps.len()).unwrap_or(StepId::MAX))
        .filter(|id| {
            run.steps
                .get(*id as usize)
                .is_some_and(|step| step.volume == Some(cell.0) || step.volume.is_none())
        })
        .collect();
    for (index, id) in cuts.iter().enumerate() {
        let Some(state) = run.state_at(cell, *id).filter(|state| state.wished && !state.mounted) else {
            continue;
        };
        let from = run.steps.get(*id as usize).map_or(end, |step| step.at);
        let to = cuts
            .get(index + 1)
            .and_then(|next| run.steps.get(*next as usize))
            .map_or(end, |step| step.at);
        moments.push(Moment {
            step: *id,
            from,
            to,
            state,
        });
    }
    moments
}

/// What a wish waits for at such a stretch.
fn classify(script: &Script, run: &Run, cell: Cell, moment: &Moment) -> Option<(WaitKind, Option<Node>)> {
    let state = &moment.state;
    if !state.desired {
        return None;
    }
    if state.controller == Some(Held::Attached) {
        // A detach that runs still holds it attached: what has begun must end first.
        return match state.attachment {
            Va::Detaching if detach_runs(run, cell, moment.step) => Some((on_detach(script, run, cell, moment), None)),
            Va::None if is_checked_soon(run, cell, moment) => Some((WaitKind::Other, None)),
            _ => None,
        };
    }
    match state.attachment {
        Va::Requested | Va::Attached => Some((on_attacher(script, run, cell, moment), None)),
        Va::Detaching => Some((on_detach(script, run, cell, moment), None)),
        Va::None => on_other_node(script, run, cell, moment),
    }
}

/// Whether the controller's once-a-minute check has yet to look at an attachment that vanished.
fn is_checked_soon(run: &Run, cell: Cell, moment: &Moment) -> bool {
    let mut back = run.back_on(cell, moment.step);
    let gone = back.find(|(_, step)| step.deed == Deed::VaGone);
    gone.is_some_and(|(_, step)| moment.to - step.at <= CHECKED)
}

/// The attachment exists and is not attached yet: attacher, driver, registration, limit.
fn on_attacher(script: &Script, run: &Run, cell: Cell, moment: &Moment) -> WaitKind {
    let mut attended = false;
    for (_, step) in run.back_on(cell, moment.step) {
        match step.deed {
            Deed::VaAttachError | Deed::AttacherFails | Deed::AttachFailed if step.error.is_some() => {
                let holder = other_holder(run, cell, moment.step);
                return match of_error(step.error.as_deref().unwrap_or(""), holder.is_some()) {
                    WaitKind::DetachInProgress => holder.map_or(WaitKind::DetachInProgress, |(other, state)| {
                        held_elsewhere(script, run, other, state, moment)
                    }),
                    kind => kind,
                };
            }
            Deed::AttacherActs => attended = true,
            Deed::VaCreated => {
                let unattended = moment.to - step.at > UNATTENDED && !attended;
                return if unattended {
                    WaitKind::AttacherDown
                } else {
                    WaitKind::AttachInProgress
                };
            }
            _ => {}
        }
    }
    WaitKind::AttachInProgress
}

/// What an attach waits for that another node's attachment keeps from working.
fn held_elsewhere(script: &Script, run: &Run, other: Cell, state: CellState, moment: &Moment) -> WaitKind {
    if state.attachment == Va::Detaching {
        on_detach(script, run, other, moment)
    } else {
        WaitKind::DetachInProgress
    }
}

/// What an attach error says about who must act.
fn of_error(error: &str, held_elsewhere: bool) -> WaitKind {
    let says = |texts: &[&str]| texts.iter().any(|text| error.contains(text));
    if says(&[
        "does not contain driver",
        "csinode",
        "CSINode",
        "not found in the list of registered CSI drivers",
    ]) {
        WaitKind::DriverNotRegistered
    } else if says(&["ResourceExhausted", "AttachVolumeLimitExceeded", "maximum number of"]) {
        WaitKind::VolumeLimit
    } else if says(&[NO_ATTACHER, "timeout for volume"]) {
        WaitKind::AttacherDown
    } else if held_elsewhere {
        WaitKind::DetachInProgress
    } else {
        WaitKind::DriverRefuses
    }
}

/// Whether the controller gave up because no attacher answered.
fn names_attacher(step: &Step) -> bool {
    let error = step.error.as_deref();
    error.is_some_and(|error| error.contains(NO_ATTACHER))
}

/// Whether a detach of the pair was started and has not ended.
fn detach_runs(run: &Run, cell: Cell, step: StepId) -> bool {
    let ends = [Deed::DetachDone, Deed::DetachFailed, Deed::ControllerStarted];
    let mut back = run.back_on(cell, step).map(|(_, step)| step.deed);
    let last = back.find(|deed| ends.contains(deed) || matches!(deed, Deed::DetachStarted | Deed::DetachForced));
    last.is_some_and(|deed| !ends.contains(&deed))
}

/// The attachment is going: the driver refuses, or is at it, or nobody asks it.
fn on_detach(script: &Script, run: &Run, cell: Cell, moment: &Moment) -> WaitKind {
    let (mut attended, mut late, mut asked) = (false, false, moment.to);
    for (_, step) in run.back_on(cell, moment.step) {
        match step.deed {
            // The controller asks again after each refusal: the refusal stands until the attachment is another one.
            Deed::VaDetachError => return WaitKind::DriverRefuses,
            Deed::AttacherActs => attended = true,
            Deed::DetachFailed => late |= names_attacher(step),
            Deed::VaDeleting => asked = step.at,
            Deed::VaCreated | Deed::VaAttached | Deed::VaGone => break,
            _ => {}
        }
    }
    let unheard = script.lives.attacher_log && moment.to - asked > UNATTENDED;
    if !attended && (late || unheard) {
        WaitKind::AttacherDown
    } else {
        WaitKind::DetachInProgress
    }
}

/// There is no attachment yet: another node keeps the volume.
fn on_other_node(script: &Script, run: &Run, cell: Cell, moment: &Moment) -> Option<(WaitKind, Option<Node>)> {
    let (other, state) = other_holder(run, cell, moment.step)?;
    if state.wished {
        let lost = node_lost(run, other.1, moment.step);
        return Some((
            if lost {
                WaitKind::NodeNotReady
            } else {
                WaitKind::MultiAttach
            },
            Some(other.1),
        ));
    }
    let kind = match state.attachment {
        Va::Detaching => on_detach(script, run, other, moment),
        // Of a Node that is deleted the controller keeps what it last had in use (kubernetes#136029).
        _ if state.in_use != Some(false) && node_lost(run, other.1, moment.step) => timer(script, run, other, moment),
        _ if state.in_use == Some(true) => WaitKind::UnmountPending,
        _ => WaitKind::MultiAttach,
    };
    Some((kind, Some(other.1)))
}

/// Whether the timer of a lost node runs, or was switched off.
fn timer(script: &Script, run: &Run, other: Cell, moment: &Moment) -> WaitKind {
    let wanted_last = run.back_on(other, moment.step).find(|(_, step)| {
        matches!(
            step.deed,
            Deed::PodForced | Deed::PodGone | Deed::PodEnded | Deed::ControllerStarted
        )
    });
    let since = wanted_last.map_or(moment.from, |(_, step)| step.at);
    let overdue = moment.to - since > OVERDUE;
    let may_be_off = script.profile.has(Behaviour::DisableForceDetachFlag);
    if overdue && may_be_off {
        WaitKind::NodeNotReady
    } else {
        WaitKind::ForceDetachTimer
    }
}

/// The pair that keeps an exclusive volume from this one.
fn other_holder(run: &Run, cell: Cell, step: StepId) -> Option<(Cell, CellState)> {
    let cells = run.track.range(all_of(cell.0));
    let others = cells
        .filter(|(other, _)| **other != cell)
        .filter_map(|(other, _)| Some((*other, run.state_at(*other, step)?)));
    let mut holding = others.filter(|(_, state)| {
        state.controller == Some(Held::Attached)
            || state.controller == Some(Held::Uncertain)
            || state.attachment != Va::None
    });
    holding.next()
}

fn node_lost(run: &Run, node: Node, step: StepId) -> bool {
    let life = run.back_from(step).find(|(_, step)| {
        step.node == Some(node)
            && matches!(
                step.deed,
                Deed::NodeNotReady | Deed::NodeReady | Deed::NodeDeleted | Deed::NodeCreated
            )
    });
    life.is_some_and(|(_, step)| matches!(step.deed, Deed::NodeNotReady | Deed::NodeDeleted))
}

/// Joins neighbouring stretches of one kind.
fn merge(run: &Run, cell: Cell, spans: Vec<(Moment, (WaitKind, Option<Node>))>, end: Time) -> Vec<Waiting> {
    let mut waits: Vec<Waiting> = Vec::new();
    for (moment, (kind, holder)) in spans {
        match waits.last_mut() {
            Some(last) if last.kind == kind && last.until.is_some_and(|until| moment.from - until <= Span::secs(1)) => {
                last.until = Some(moment.to);
                last.steps.push(moment.step);
            }
            _ => waits.push(Waiting {
                kind,
                cell,
                since: moment.from,
                until: Some(moment.to),
                holder,
                steps: vec![moment.step],
                ends: None,
            }),
        }
    }
    for wait in &mut waits {
        if wait.until == Some(end) {
            wait.until = None;
        }
        if wait.kind == WaitKind::ForceDetachTimer {
            let holder = wait.holder.map(|node| (cell.0, node));
            wait.ends = holder.and_then(|other| timer_ends(run, other, wait.since));
        }
    }
    waits
}

/// When the timer ends: six minutes after the controller's process first found the pair unwanted.
fn timer_ends(run: &Run, other: Cell, since: Time) -> Option<Time> {
    let begun = run.steps.iter().rev().find(|step| {
        step.at <= since + Span::secs(1)
            && step.node.is_none_or(|node| node == other.1)
            && step.volume.is_none_or(|volume| volume == other.0)
            && matches!(
                step.deed,
                Deed::PodForced | Deed::PodGone | Deed::PodEnded | Deed::ControllerStarted
            )
    });
    begun.map(|step| step.at + FORCE_TIMER)
}
