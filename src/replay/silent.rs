//! What happens without a word: steps that the model takes between two facts and that no log tells at its level.
//!
//! In: the world and the time up to which nothing was said. Out: inferred steps. Only one kind is both silent and
//! lasting: a pass that takes a volume off the report for a retry which back-off refuses, in versions that look at the
//! back-off too late (`backoff_checked_before_unreport`, kubernetes#104526).

use super::Replay;
use crate::time::{Span, Time};

/// A pass and the patch it sends take that long at most where nothing holds them up.
const TWO_PASSES: Span = Span::millis(300);
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
}
