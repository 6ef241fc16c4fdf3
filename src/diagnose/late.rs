//! What healed by itself, but later than the machinery's own bounds allow.
//!
//! In: a run. Out: [`Late`]: a bound that was broken, and the step that made it so. A retry within its back-off and a look
//! within its period are in time, however long they take; what can make a party miss a bound of its own is that it forgets
//! since when it waits. Of that kind is the timer of a lost node, which each process of the controller begins anew.

use crate::graph::cast::{Node, Volume};
use crate::model::reconciler::UNMOUNT_TIMEOUT;
use crate::model::world::board::all_of;
use crate::replay::{Cell, Deed, Run, StepId};
use crate::time::Span;

/// What the process needs to come to its first pass, and a pass to come to this volume.
const SLACK: Span = Span::secs(15);

/// A bound that was broken before all was well again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Late {
    /// Where.
    pub cell: Cell,
    /// The step that made it late.
    pub operation: StepId,
    /// The step that ended it.
    pub ended: StepId,
    /// Its name in the catalogue.
    pub mechanism: &'static str,
}

/// Every bound that was broken in a run, where a pod waited for the volume meanwhile.
#[must_use]
pub fn all(run: &Run) -> Vec<Late> {
    let forced = (0..)
        .zip(&run.steps)
        .filter(|(_, step)| step.deed == Deed::DetachForced);
    let pairs = forced.filter_map(|(id, step)| Some(((step.volume?, step.node?), id)));
    pairs.filter_map(|(cell, id)| timer_begun_anew(run, cell, id)).collect()
}

/// A forced detach that comes six minutes after the last start of the controller instead of after the end of the wish.
fn timer_begun_anew(run: &Run, cell: Cell, forced: StepId) -> Option<Late> {
    let before = || run.back_on(cell, forced.saturating_sub(1));
    let let_go = [Deed::PodForced, Deed::PodGone, Deed::PodEnded];
    // What holds the volume there anew begins another story.
    let mut story = before().take_while(|(_, step)| !matches!(step.deed, Deed::PodBound | Deed::AttachDone));
    let (ended, wish) = story.find(|(_, step)| let_go.contains(&step.deed))?;
    let (started, start) = before().find(|(_, step)| step.deed == Deed::ControllerStarted)?;
    let (now, due, anew) = (run.at(forced), wish.at + UNMOUNT_TIMEOUT, start.at + UNMOUNT_TIMEOUT);
    let is_timer = now + SLACK >= anew && now <= anew + SLACK;
    let is_late = now > due + SLACK;
    let found = started > ended && is_timer && is_late && is_missed(run, cell, forced);
    found.then_some(Late {
        cell,
        operation: started,
        ended: forced,
        mechanism: "kcm-restart-resets-force-detach-timer",
    })
}

/// Whether a pod waited for the volume on another node at that step.
fn is_missed(run: &Run, (volume, node): (Volume, Node), at: StepId) -> bool {
    let others = run.track.range(all_of(volume)).filter(|(cell, _)| cell.1 != node);
    others
        .filter_map(|(cell, _)| run.state_at(*cell, at))
        .any(|state| state.wished && !state.mounted)
}
