//! What happens without a word: steps that the model takes between two facts and that no log tells at its level.
//!
//! In: the world and the time up to which nothing was said. Out: inferred steps. Only one kind is both silent and
//! lasting: a pass that takes a volume off the report for a retry which back-off refuses, in versions that look at the
//! back-off too late (`backoff_checked_before_unreport`, kubernetes#104526).

use super::{Cell, Replay};
use crate::time::{Span, Time};

/// A pass and the patch it sends take that long at most where nothing holds them up.
const TWO_PASSES: Span = Span::millis(300);
/// The reconciler's period.
const PASS: Span = Span::millis(100);

impl Replay<'_> {
    /// Lets the silent passes up to a moment happen.
    pub(super) fn silent_until(&mut self, now: Time) {
        self.attacher_until(now);
        if now - self.world.now < TWO_PASSES && now - self.world.last_failure() < TWO_PASSES {
            return;
        }
        let cells: Vec<Cell> = self.world.backing_off().into_iter().filter(|cell| self.silently_refused(*cell, now)).collect();
        for cell in cells {
            let at = self.world.last_failure() + PASS;
            self.world.now = self.world.now.max(at);
            self.refuse_retry(cell, &[], false);
        }
    }

    /// Whether a pass before that moment must have tried this detach and been refused.
    fn silently_refused(&self, cell: Cell, now: Time) -> bool {
        let since = self.world.last_failure();
        self.refuses_now(cell) && self.could_unreport(cell) && now - since > TWO_PASSES
    }
}
