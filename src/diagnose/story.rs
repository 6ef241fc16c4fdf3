//! From a broken rule to its story: operation, trigger, symptom.
//!
//! In: a run, a pair, the rule that stays broken from a step on. Out: a [`Story`]: the step that made the states part in
//! a way its author's rules don't mend, the step that turned this into harm, and what somebody noticed.

use super::outlook::Broken;
use crate::fact::Party;
use crate::graph::cast::{Node, Volume};
use crate::replay::{Cell, Deed, Run, Step, StepId};
use crate::time::Span;

/// A symptom so soon after the harm is the one that people saw first.
const SOON: Span = Span::secs(60);

/// The three steps that matter, and those around them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Story {
    /// The step that made the states part.
    pub operation: StepId,
    /// The step that turned it into harm.
    pub trigger: Option<StepId>,
    /// What was noticed.
    pub symptom: Option<StepId>,
    /// All steps that tell it, in order.
    pub chain: Vec<StepId>,
}

/// Tells the story of a rule that stays broken from step `dead` on.
#[must_use]
pub fn of(run: &Run, cell: Cell, rule: Broken, dead: StepId) -> Story {
    let operation = operation(run, cell, rule, dead).unwrap_or(dead);
    let trigger = trigger(run, cell, rule, operation, dead);
    tell(run, cell, operation, trigger)
}

/// Adds symptom and chain to an operation and its trigger.
#[must_use]
pub fn tell(run: &Run, cell: Cell, operation: StepId, trigger: Option<StepId>) -> Story {
    let harmed = trigger.unwrap_or(operation);
    let symptom = symptom(run, cell, operation, harmed);
    Story {
        operation,
        trigger,
        symptom,
        chain: chain(run, cell, operation, trigger, symptom),
    }
}

fn step(run: &Run, id: StepId) -> Option<&Step> {
    run.steps.get(id as usize)
}

/// Ids and steps from `first` on.
fn on_from(run: &Run, first: StepId) -> impl Iterator<Item = (StepId, &Step)> {
    let from = run.steps.len().min(first as usize);
    run.steps[from..]
        .iter()
        .enumerate()
        .map(move |(index, step)| (first + StepId::try_from(index).unwrap_or(0), step))
}

/// The last step before the end of health that made this rule break.
fn operation(run: &Run, cell: Cell, rule: Broken, dead: StepId) -> Option<StepId> {
    let authors: &[Deed] = match rule {
        Broken::Unreported => &[Deed::DetachRefused, Deed::ReportDropped, Deed::DetachSkipped],
        Broken::ReportLost => &[
            Deed::ReportForgotten,
            Deed::ReportPatchEmpty,
            Deed::ReportEdited,
            Deed::ReportRemovalPublished,
            Deed::NodeCreated,
        ],
        Broken::AttachmentGone => &[
            Deed::VaDeletedByHand,
            Deed::VaStripped,
            Deed::DetachFailed,
            Deed::VaGone,
            Deed::ControllerStarted,
        ],
        Broken::AttachmentForgotten => &[
            Deed::ControllerStarted,
            Deed::SyncLost,
            Deed::DetachDone,
            Deed::AttachNotHeld,
        ],
        Broken::AttachNotAsked => &[Deed::VolumeDeleted],
        Broken::WantedInVain => &[Deed::DriverStopsAttaching],
        Broken::BackEndForgotten => &[Deed::VaStripped, Deed::VaDeletedByHand, Deed::VaGone],
        Broken::DetachNotAsked => &[
            Deed::VolumeDeleted,
            Deed::NodeDeleted,
            Deed::VaDeleting,
            Deed::VaDeletedByHand,
        ],
        Broken::MachineReplaced => &[Deed::NodeCreated, Deed::NodeDeleted],
        Broken::NotDesired => &[Deed::NodeUnmanaged, Deed::ControllerStarted],
    };
    if let (Broken::BackEndForgotten, Some(by_hand)) = (rule, taken_by_hand(run, cell, dead)) {
        return Some(by_hand);
    }
    run.back_from(dead)
        .find(|(_, step)| step.concerns(cell) && authors.contains(&step.deed))
        .map(|(id, _)| id)
}

/// The stranger's act on the last `VolumeAttachment` of a pair that made it vanish without a detach, at once or later.
fn taken_by_hand(run: &Run, cell: Cell, dead: StepId) -> Option<StepId> {
    let life = run
        .back_on(cell, dead)
        .take_while(|(_, step)| step.deed != Deed::VaCreated || step.volume != Some(cell.0));
    let mut acts = life.filter(|(_, step)| matches!(step.deed, Deed::VaStripped | Deed::VaDeletedByHand));
    acts.next().map(|(id, _)| id)
}

/// The step that turned the disagreement into harm.
fn trigger(run: &Run, cell: Cell, rule: Broken, operation: StepId, dead: StepId) -> Option<StepId> {
    let elsewhere = matches!(rule, Broken::AttachmentForgotten | Broken::BackEndForgotten);
    let wish = |step: &Step| {
        let here = step.node == Some(cell.1);
        step.deed == Deed::PodBound && step.volume == Some(cell.0) && (here != elsewhere)
    };
    if dead > operation && step(run, dead).is_some_and(wish) {
        return Some(dead);
    }
    let later = on_from(run, operation + 1)
        .find(|(_, step)| wish(step))
        .map(|(id, _)| id);
    later.or_else(|| {
        let turned = dead > operation && step(run, dead).is_some_and(|step| step.concerns(cell) && turns(step.deed));
        turned.then_some(dead)
    })
}

/// Deeds that can turn a disagreement into harm.
fn turns(deed: Deed) -> bool {
    !matches!(
        deed,
        Deed::InUse | Deed::NotInUse | Deed::NotInUseYet | Deed::AttacherActs | Deed::WishWaits | Deed::VerifyFailed
    )
}

/// What somebody noticed: the waiting pod's kubelet first, else the controller that cannot attach.
fn symptom(run: &Run, cell: Cell, operation: StepId, harmed: StepId) -> Option<StepId> {
    let from = operation.min(harmed);
    let here = |step: &Step| step.volume == Some(cell.0) && matches!(step.actor, Party::Kubelet(_));
    // A failed look is the plainest; where the kubelet waits silently, the line that it waits is what there is.
    let soon = run
        .steps
        .get(harmed as usize)
        .map_or(crate::time::Time::MAX, |step| step.at)
        + SOON;
    let order: [(&[Deed], bool); 4] = [
        (&[Deed::VerifyFailed, Deed::MountFailed], true),
        (&[Deed::WishWaits], false),
        (&[Deed::VerifyFailed, Deed::MountFailed, Deed::WaitTimedOut], false),
        (&[Deed::UnmountFailed], false),
    ];
    for (deeds, only_soon) in order {
        let fits = |step: &Step| here(step) && deeds.contains(&step.deed) && (!only_soon || step.at <= soon);
        // The line that a pod waits stands at the pod's arrival, which may be before the states parted.
        let harmed = if deeds == [Deed::WishWaits] {
            arrival(run, cell, harmed)
        } else {
            harmed
        };
        let same_node = on_from(run, harmed).find(|(_, step)| fits(step) && step.node == Some(cell.1));
        let found = same_node.or_else(|| on_from(run, harmed).find(|(_, step)| fits(step)));
        if let Some((id, _)) = found {
            return Some(id);
        }
    }
    let refused = |step: &Step| {
        let deeds = [
            Deed::AttachFailed,
            Deed::AttachNotAsked,
            Deed::VaAttachError,
            Deed::MultiAttach,
        ];
        step.volume == Some(cell.0) && deeds.contains(&step.deed)
    };
    let stuck = |step: &Step| {
        step.concerns(cell)
            && matches!(
                step.deed,
                Deed::VaDetachError | Deed::AttacherFails | Deed::DetachFailed
            )
    };
    let found = on_from(run, from).find(|(_, step)| refused(step));
    found
        .or_else(|| on_from(run, from).find(|(_, step)| stuck(step)))
        .map(|(id, _)| id)
}

/// The last arrival of a pod that wants the volume here, up to a step; that step where there is none.
fn arrival(run: &Run, cell: Cell, upto: StepId) -> StepId {
    let bound = |step: &Step| step.deed == Deed::PodBound && step.volume == Some(cell.0) && step.node == Some(cell.1);
    run.back_from(upto)
        .find(|(_, step)| bound(step))
        .map_or(upto, |(id, _)| id)
}

/// The steps worth telling, from a little before the operation to the symptom.
fn chain(run: &Run, cell: Cell, operation: StepId, trigger: Option<StepId>, symptom: Option<StepId>) -> Vec<StepId> {
    let last = [Some(operation), trigger, symptom]
        .into_iter()
        .flatten()
        .max()
        .unwrap_or(operation);
    let first = beginning(run, cell, operation);
    let mut chain: Vec<StepId> = on_from(run, first)
        .take_while(|(id, _)| *id <= last)
        .filter(|(id, step)| {
            [Some(*id)]
                .iter()
                .any(|id| *id == Some(operation) || *id == trigger || *id == symptom)
                || told(step, cell)
        })
        .map(|(id, _)| id)
        .collect();
    thin(run, &mut chain, &[Some(operation), trigger, symptom]);
    chain
}

/// Whether a step belongs to the story of a pair.
fn told(step: &Step, cell: Cell) -> bool {
    let quiet = matches!(
        step.deed,
        Deed::InUse
            | Deed::AttacherActs
            | Deed::PodEnded
            | Deed::PodGone
            | Deed::Verified
            | Deed::WishWaits
            | Deed::NotInUseYet
    );
    let global = step.volume.is_none() && (step.node.is_none() || step.node == Some(cell.1));
    !quiet && (global || step.volume == Some(cell.0))
}

/// Where the story begins: at the last detach or attach try before the operation, at most a few steps back.
fn beginning(run: &Run, cell: Cell, operation: StepId) -> StepId {
    let opens = |deed: Deed| {
        matches!(
            deed,
            Deed::ReportDropped | Deed::AttachStarted | Deed::PodDeleting | Deed::Mounted
        )
    };
    let mut seen = 0;
    for (id, step) in run.back_from(operation) {
        if !told(step, cell) {
            continue;
        }
        seen += 1;
        if seen > 1 && opens(step.deed) || seen > 8 {
            return id;
        }
    }
    operation
}

/// Keeps a chain readable: repeated deeds are told once, at most two dozen in all, the three steps that matter always.
fn thin(run: &Run, chain: &mut Vec<StepId>, keep: &[Option<StepId>]) {
    let mut told: Vec<(Deed, Option<Volume>, Option<Node>)> = Vec::new();
    chain.retain(|id| {
        let Some(step) = step(run, *id) else { return false };
        let key = (step.deed, step.volume, step.node);
        let again = told.iter().rev().take(4).any(|other| *other == key);
        told.push(key);
        keep.contains(&Some(*id)) || !again
    });
    if chain.len() > 24 {
        let spare = chain.len() - 24;
        let mut dropped = 0;
        chain.retain(|id| {
            let drop = dropped < spare && !keep.contains(&Some(*id));
            dropped += usize::from(drop);
            !drop
        });
    }
}
