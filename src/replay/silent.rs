//! What happens without a word: steps that the model takes between two facts and that no log tells at its level.
//!
//! In: the world and the time up to which nothing was said. Out: inferred steps. Two kinds are both silent and lasting:
//! the populator's round that takes back a wish for a volume whose driver stopped to attach, and a pass that takes a
//! volume off the report for a retry which back-off refuses, in versions that look at the back-off too late
//! (`backoff_checked_before_unreport`, kubernetes#104526).

use super::{Cell, Deed, FactId, Replay, Step, StepId};
use crate::graph::cast::Volume;
use crate::model::populator;
use crate::model::profile::Behaviour;
use crate::model::world::process::PATIENCE;
use crate::time::{Span, Time};

/// A pass and the patch it sends take that long at most where nothing holds them up.
const TWO_PASSES: Span = Span::millis(300);
/// What an answer brings about is done and told within this time: the end of an operation whose answer stands in its
/// `VolumeAttachment`, the start of one whose patch is answered, a patch that is due.
pub(super) const ANSWERED: Span = Span::secs(15);
/// The reconciler's period.
const PASS: Span = Span::millis(100);
/// What the controller does about a volume that it took off the report.
const LETS_GO: [Deed; 7] = [
    Deed::DetachStarted,
    Deed::DetachForced,
    Deed::DetachRefused,
    Deed::DetachSkipped,
    Deed::DetachFailed,
    Deed::DetachDone,
    Deed::SyncLost,
];

impl Replay<'_> {
    /// Lets the silent passes up to a moment happen.
    pub(super) fn silent_until(&mut self, now: Time) {
        self.attacher_until(now);
        self.drop_unattachable(now);
        for cell in self.world.backing_off() {
            let Some(failed) = self.world.failed_at(cell) else {
                continue;
            };
            if now - failed > TWO_PASSES && self.refuses_now(cell) && self.could_unreport(cell) {
                self.world.now = self.world.now.max(failed + PASS);
                self.refuse_retry(cell, &[], false);
            }
        }
    }

    /// Whether the populator takes back what pods want of this volume: its driver attaches nothing.
    pub(super) fn drops_unattachable(&self, volume: Volume) -> bool {
        !self.world.attaches(volume) && self.script.profile.has(Behaviour::DropNonattachableFromDsw)
    }

    /// Wishes for volumes whose driver stopped to attach: a round of the populator later they are gone.
    fn drop_unattachable(&mut self, now: Time) {
        let mut wanted = self.world.wanted_in_vain();
        wanted.retain(|cell| self.drops_unattachable(cell.0));
        for cell in wanted {
            let mut back = self.run.steps.iter().rev();
            let stopped = back.find(|step| step.deed == Deed::DriverStopsAttaching && step.volume == Some(cell.0));
            if stopped.is_none_or(|step| now > step.at + populator::PERIOD + TWO_PASSES) {
                self.world.assume_unwanted(cell);
                self.dirty.push(cell);
            }
        }
    }

    /// Operations that must have ended, which nothing tells: the line that did was lost.
    pub(super) fn miss_ends(&mut self) {
        let runs = |cell: &&Cell| self.world.operation_on(**cell).is_some();
        let running: Vec<Cell> = self.run.track.keys().filter(runs).copied().collect();
        for cell in running {
            if let Some(step) = self.overdue(cell)
                && let Some(fact) = self
                    .run
                    .steps
                    .get(step as usize)
                    .and_then(|step| step.evidence.first().copied())
            {
                self.hole(fact, cell.0);
            }
        }
    }

    /// Volumes that were taken off a report for a detach of which nothing was heard: the reconciler starts it, or says why
    /// not, as soon as the patch is answered.
    pub(super) fn miss_detaches(&mut self) {
        let unheard = |(at, step): (usize, &Step)| {
            let pair = (step.volume?, step.node?);
            let first = step.evidence.first().copied()?;
            let unheard = step.deed == Deed::ReportRemovalPublished && self.is_detach_unheard(at, step.at, pair);
            unheard.then_some((first, pair.0))
        };
        let lost: Vec<(FactId, Volume)> = self.run.steps.iter().enumerate().filter_map(unheard).collect();
        for (fact, volume) in lost {
            self.hole(fact, volume);
        }
    }

    /// Whether the patch at this step hid a pair for a detach that neither began nor was given up in time.
    fn is_detach_unheard(&self, at: usize, published: Time, cell: Cell) -> bool {
        let end = published + ANSWERED;
        if end > self.script.lives.window.1 || !self.script.lives.tells_of(end) {
            return false;
        }
        let mut before = self.run.steps.iter().take(at).rev().filter(|step| step.concerns(cell));
        let hid = before.find(|step| step.deed == Deed::ReportDropped || LETS_GO.contains(&step.deed));
        if hid.is_none_or(|step| step.deed != Deed::ReportDropped) {
            return false;
        }
        let mut after = self.run.steps.iter().skip(at).take_while(|step| step.at <= end);
        !after.any(|step| {
            let heard = step.deed == Deed::ReportAdded || LETS_GO.contains(&step.deed);
            step.deed == Deed::ControllerStopped || step.concerns(cell) && heard
        })
    }

    /// The step that began or answered an operation whose end was not told in time, although the controller was heard.
    fn overdue(&self, cell: Cell) -> Option<StepId> {
        let end = self.script.lives.window.1;
        let is_late = |at: Time| at <= end && self.script.lives.hears_controller(at);
        let last = StepId::try_from(self.run.steps.len()).ok()?.checked_sub(1)?;
        let answers = [
            Deed::VaAttached,
            Deed::VaAttachError,
            Deed::VaDetachError,
            Deed::VaDeleteFailed,
            Deed::VaGone,
        ];
        let mut was_asked = false;
        for (id, step) in self.run.back_on(cell, last) {
            was_asked |= step.deed == Deed::VaDeleting;
            if answers.contains(&step.deed) && is_late(step.at + ANSWERED) {
                return Some(id);
            }
            match step.deed {
                Deed::AttachStarted => return is_late(step.at + PATIENCE + ANSWERED).then_some(id),
                // It begins with the DELETE: neither that nor its failure is told.
                Deed::DetachStarted | Deed::DetachForced => {
                    let unasked = !was_asked && self.script.lives.audited(step.at + ANSWERED);
                    let answer = if unasked { step.at } else { step.at + PATIENCE };
                    return is_late(answer + ANSWERED).then_some(id);
                }
                _ => {}
            }
        }
        None
    }
}
