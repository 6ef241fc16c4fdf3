//! Safety rules: moments at which data was at risk, whether or not the states came to agree again.
//!
//! In: a run. Out: [`Breach`]es: a detach under a mount on a node that lived (S3), an exclusive volume attached to a
//! second node while the first attachment stands (S2). A node that showed no sign of life any more has no mount left
//! to cut; an attachment that is already going is the machinery at work.

use super::catalogue;
use crate::graph::cast::Volume;
use crate::model::world::{Held, Va};
use crate::replay::{Cell, Deed, Lives, Run, Step, StepId};
use crate::time::Span;

/// A safety rule that was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breach {
    /// Where.
    pub cell: Cell,
    /// The step that broke it, or made it break.
    pub operation: StepId,
    /// The step at which harm could be done, where that is another one.
    pub trigger: Option<StepId>,
    /// Its name in the catalogue.
    pub mechanism: &'static str,
}

/// Every breach in a run, the first of each kind and pair.
#[must_use]
pub fn breaches(run: &Run, lives: &Lives, exclusive: &dyn Fn(Volume) -> bool) -> Vec<Breach> {
    let mut found: Vec<Breach> = Vec::new();
    for (index, step) in run.steps.iter().enumerate() {
        let id = StepId::try_from(index).unwrap_or(StepId::MAX);
        let (Some(volume), Some(node)) = (step.volume, step.node) else {
            continue;
        };
        let cell = (volume, node);
        let breach = match step.deed {
            Deed::DetachStarted | Deed::DetachForced | Deed::VaDeletedByHand => under_mount(run, lives, cell, id, step),
            Deed::VaStripped if vanishes_under_mount(run, cell, id) => under_mount(run, lives, cell, id, step),
            Deed::Mounted => mounted_again(run, cell, id, step),
            Deed::MountedLate => mounted_late(run, cell, id),
            Deed::VaCreated if exclusive(volume) => second_node(run, cell, id),
            Deed::VaAttached if exclusive(volume) => both_attached(run, cell, id),
            Deed::VaStripped if exclusive(volume) => stripped_while_elsewhere(run, cell, id),
            _ => None,
        };
        if let Some(breach) = breach
            && !found
                .iter()
                .any(|other| other.cell.0 == breach.cell.0 && other.mechanism == breach.mechanism)
        {
            found.push(breach);
        }
    }
    // Where somebody stripped a finalizer, the second attachment before it is part of that story.
    let stripped: Vec<Volume> = found
        .iter()
        .filter(|breach| breach.mechanism == "va-stripped-or-deleted-by-hand")
        .map(|breach| breach.cell.0)
        .collect();
    found.retain(|breach| {
        breach.mechanism != "uncertain-volume-does-not-block-other-node" || !stripped.contains(&breach.cell.0)
    });
    found
}

/// A `VolumeAttachment` on its way out loses its finalizer while the volume is mounted: the controller will take that for
/// a detach. One that nobody has deleted yet stays, and nothing happens.
fn vanishes_under_mount(run: &Run, cell: Cell, id: StepId) -> bool {
    let state = id.checked_sub(1).and_then(|before| run.state_at(cell, before));
    state.is_some_and(|state| state.mounted && state.attachment == Va::Detaching)
}

/// A detach while the kubelet of a living node still has the volume mounted or staged.
fn under_mount(run: &Run, lives: &Lives, cell: Cell, id: StepId, step: &Step) -> Option<Breach> {
    let state = run.state_at(cell, id)?;
    // What was mounted without an attachment does not hang on one.
    let hangs_on_it = state.attaches || state.in_use == Some(true);
    if !state.mounted || !hangs_on_it || !lives.kubelet_lives_after(cell.1, step.at + Span::secs(1)) {
        return None;
    }
    let edited = last(run, cell, id, |step| {
        matches!(step.deed, Deed::InUseEdited | Deed::Mounted | Deed::InUse)
    });
    let edited = edited.filter(|(_, step)| step.deed == Deed::InUseEdited);
    let (operation, trigger, mechanism) = match (step.deed, edited) {
        (Deed::VaDeletedByHand | Deed::VaStripped, _) => (id, None, "va-stripped-or-deleted-by-hand"),
        (_, Some((edit, _))) => (edit, Some(id), "in-use-list-overwritten-by-third-party"),
        (Deed::DetachForced, None) => (id, None, forced_on(run, cell, id)),
        _ => {
            // The node said it is no longer in use; that it forgot a mount, or its own later unmount, proves that it was.
            let forgot = last(run, cell, id, |step| {
                let tells = matches!(
                    step.deed,
                    Deed::MountForgotten | Deed::Mounted | Deed::MountedLate | Deed::Dropped
                );
                step.volume == Some(cell.0) && tells
            });
            if let Some((late, _)) = forgot.filter(|(_, step)| step.deed == Deed::MountedLate) {
                return Some(Breach {
                    cell,
                    operation: late,
                    trigger: Some(id),
                    mechanism: "kubelet-restart-loses-mount-in-progress",
                });
            }
            if forgot.is_some_and(|(_, step)| step.deed == Deed::MountForgotten) {
                return Some(Breach {
                    cell,
                    operation: id,
                    trigger: None,
                    mechanism: "reconstruct-failure-frees-volume-in-use",
                });
            }
            let late = run.steps.iter().skip(id as usize + 1).find(|later| {
                later.volume == Some(cell.0)
                    && later.node == Some(cell.1)
                    && matches!(
                        later.deed,
                        Deed::Mounted | Deed::Unmounted | Deed::Dropped | Deed::UnmountFailed
                    )
            })?;
            if late.deed == Deed::Mounted {
                return None;
            }
            (id, None, "reconstruct-failure-frees-volume-in-use")
        }
    };
    Some(Breach {
        cell,
        operation,
        trigger,
        mechanism,
    })
}

/// A mount that was under way when the kubelet let go of the volume ends after the detach has begun.
fn mounted_late(run: &Run, cell: Cell, id: StepId) -> Option<Breach> {
    let state = run.state_at(cell, id.checked_sub(1)?)?;
    matches!(state.attachment, Va::Detaching | Va::None).then_some(Breach {
        cell,
        operation: id,
        trigger: None,
        mechanism: "kubelet-restart-loses-mount-in-progress",
    })
}

/// A kubelet that had just started unmounted a volume of a pod, and mounts it for the same pod again: it ran meanwhile.
fn mounted_again(run: &Run, cell: Cell, id: StepId, step: &Step) -> Option<Breach> {
    let unmount = last(run, cell, id, |before| {
        before.pod == step.pod && matches!(before.deed, Deed::Unmounted | Deed::Mounted | Deed::PodDeleting)
    });
    let (unmount, _) = unmount.filter(|(_, step)| step.deed == Deed::Unmounted)?;
    let (_, started) = last(run, cell, unmount, |before| {
        before.node == Some(cell.1) && before.deed == Deed::KubeletStarted
    })?;
    let soon = run.at(unmount) - started.at <= Span::secs(120);
    (soon && step.pod.is_some()).then_some(Breach {
        cell,
        operation: unmount,
        trigger: None,
        mechanism: "kubelet-restart-unmounts-running-pod",
    })
}

/// What to call a forced detach from a node that lives.
fn forced_on(run: &Run, cell: Cell, id: StepId) -> &'static str {
    let life = last(run, cell, id, |step| {
        matches!(step.deed, Deed::NodeNotReady | Deed::NodeReady | Deed::NodeTainted)
    });
    match life.map(|(_, step)| step.deed) {
        Some(Deed::NodeTainted) => "out-of-service-taint-on-live-node",
        Some(Deed::NodeNotReady) => catalogue::UNKNOWN,
        _ => "mounted-volume-force-detached-from-healthy-node",
    }
}

/// An exclusive volume's second `VolumeAttachment`, while the controller has not yet asked the first to go.
fn second_node(run: &Run, cell: Cell, id: StepId) -> Option<Breach> {
    others(run, cell).find(|other| {
        let state = run.state_at(*other, id);
        state.is_some_and(|state| {
            matches!(state.attachment, Va::Attached | Va::Requested) && state.controller == Some(Held::Uncertain)
        })
    })?;
    Some(Breach {
        cell,
        operation: id,
        trigger: None,
        mechanism: "uncertain-volume-does-not-block-other-node",
    })
}

/// The back-end attaches an exclusive volume although it has not let go of it elsewhere: the other attachment still says
/// attached, or its finalizer was stripped before the driver let go.
fn both_attached(run: &Run, cell: Cell, id: StepId) -> Option<Breach> {
    for other in others(run, cell) {
        let (last, step) = last(run, other, id, |step| {
            matches!(step.deed, Deed::VaStripped | Deed::VaGone | Deed::VaAttached)
        })?;
        match step.deed {
            Deed::VaStripped => {
                return Some(Breach {
                    cell: other,
                    operation: last,
                    trigger: Some(id),
                    mechanism: "va-stripped-or-deleted-by-hand",
                });
            }
            Deed::VaAttached
                if run
                    .state_at(other, id)
                    .is_some_and(|state| state.attachment != Va::None) =>
            {
                return Some(Breach {
                    cell,
                    operation: id,
                    trigger: None,
                    mechanism: "uncertain-volume-does-not-block-other-node",
                });
            }
            _ => {}
        }
    }
    None
}

/// A finalizer is stripped while the driver still holds the volume there, and it is attached elsewhere already.
fn stripped_while_elsewhere(run: &Run, cell: Cell, id: StepId) -> Option<Breach> {
    let state = run.state_at(cell, id.checked_sub(1)?)?;
    let held = matches!(state.attachment, Va::Attached | Va::Detaching);
    let mut elsewhere = others(run, cell).filter_map(|other| run.state_at(other, id));
    let twice = held && elsewhere.any(|state| state.attachment == Va::Attached);
    twice.then_some(Breach {
        cell,
        operation: id,
        trigger: None,
        mechanism: "va-stripped-or-deleted-by-hand",
    })
}

fn others(run: &Run, cell: Cell) -> impl Iterator<Item = Cell> + '_ {
    run.track
        .keys()
        .copied()
        .filter(move |other| other.0 == cell.0 && other.1 != cell.1)
}

/// The last step before `id` on this pair (or its node) that the rule picks.
fn last(run: &Run, cell: Cell, id: StepId, pick: impl Fn(&Step) -> bool) -> Option<(StepId, &Step)> {
    let before = id.checked_sub(1)?;
    run.back_on(cell, before).find(|(_, step)| pick(step))
}
