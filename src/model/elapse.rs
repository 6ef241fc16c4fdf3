//! Time as an exhaustive search needs it: the clock stands still, memories grow older.
//!
//! In: how much time passes, or the question when time alone will change a decision. Out: the controller, whose
//! remembered moments lie that much further back. All its rules compare differences only, and none tells moments apart
//! that lie further back than its own limit; kept within those limits, memories take few values and equal states meet.

use super::controller::Controller;
use super::pending::Backoff;
use super::populator::LIST_PERIOD;
use super::reconciler::UNMOUNT_TIMEOUT;
use crate::time::{Span, Time};

/// The least that is more than a limit.
const MORE: Span = Span(1);

impl Controller {
    /// Lets time pass: every remembered moment moves back by as much, as far as any rule can tell.
    pub fn elapse(&mut self, by: Span, now: Time) {
        self.elapse_backoffs(by, now);
        self.actual
            .each_detach_request(|at| *at = older(*at, by, UNMOUNT_TIMEOUT, now));
        if let Some(at) = &mut self.pods_listed {
            *at = older(*at, by, LIST_PERIOD, now);
        }
        let period = self.config.sync_period.unwrap_or(Span::ZERO);
        self.checked = older(self.checked, by, period, now);
    }

    /// Lets so little time pass that only back-offs notice.
    pub fn elapse_backoffs(&mut self, by: Span, now: Time) {
        self.pending.each_backoff(|backoff| {
            let wait = backoff.wait;
            if let Some(at) = &mut backoff.failed_at {
                *at = older(*at, by, wait, now);
            }
        });
    }

    /// How long until a back-off ends that refuses operations now; the shortest one.
    #[must_use]
    pub fn until_retry(&self, now: Time) -> Option<Span> {
        let entries = self.pending.entries().iter();
        let waits = entries.filter(|entry| !entry.pending && entry.backoff.refuses(now));
        waits.filter_map(|entry| until_over(&entry.backoff, now)).min()
    }

    /// How long until the 6 min timer of a pair runs out, or the minutely check is due; what comes first.
    #[must_use]
    pub fn until_timer(&self, now: Time) -> Option<Span> {
        let requests = self.actual.pairs().iter().filter_map(|pair| pair.detach_requested);
        let timers = requests.map(|at| at + UNMOUNT_TIMEOUT);
        let check = self.config.sync_period.map(|period| self.checked + period);
        let limits = timers.chain(check).filter(|&limit| limit >= now);
        limits.map(|limit| limit - now).min().map(|left| Span(left.0 + MORE.0))
    }
}

fn until_over(backoff: &Backoff, now: Time) -> Option<Span> {
    backoff.until().map(|until| Span((until - now).0 + MORE.0))
}

/// A moment that lies further back, but not further than just beyond `limit`.
fn older(at: Time, by: Span, limit: Span, now: Time) -> Time {
    (at - by).max(now - limit - MORE)
}
