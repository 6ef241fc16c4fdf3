//! What happens without a word: steps that the model takes between two facts and that no log tells at its level.
//!
//! In: the world and the time up to which nothing was said. Out: inferred steps. Only one kind is both silent and
//! lasting: a pass that takes a volume off the report for a retry which back-off refuses, in versions that look at the
//! back-off too late (`backoff_checked_before_unreport`, kubernetes#104526).

use super::{Cell, Deed, Replay, StepId};
use crate::model::world::process::PATIENCE;
use crate::time::{Span, Time};

/// A pass and the patch it sends take that long at most where nothing holds them up.
const TWO_PASSES: Span = Span::millis(300);
/// An operation whose answer stands in its `VolumeAttachment` is told to have ended within this time.
const ANSWERED: Span = Span::secs(15);
/// The reconciler's period.
const PASS: Span = Span::millis(100);

impl Replay<'_> {
    /// Lets the silent passes up to a moment happen.
    pub(super) fn silent_until(&mut self, now: Time) {
        self.attacher_until(now);
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
