//! Time as an exhaustive search needs it: the clock stands still, memories grow older.
//!
//! In: how much time passes, or the question when time alone will change a decision. Out: the controller, whose
//! remembered moments lie that much further back. All its rules compare differences only, and none tells moments apart
//! that lie further back than its own limit; kept within those limits, memories take few values and equal states meet.
//! A search that is to come to an end needs fewer still: [`Controller::coarsen`].

use super::controller::Controller;
use super::pending::{Backoff, FIRST_BACKOFF, LONGEST_BACKOFF};
use super::populator::LIST_PERIOD;
use super::reconciler::UNMOUNT_TIMEOUT;
use crate::time::{Span, Time};

/// The least that is more than a limit.
const MORE: Span = Span(1);
/// The waits of a coarse memory: a short one, and one in which timers may run out.
const COARSE_WAITS: [Span; 2] = [FIRST_BACKOFF, LONGEST_BACKOFF];

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

    /// Lets time pass until every 6 min timer that runs is over.
    pub fn elapse_requests(&mut self, now: Time) {
        self.actual.each_detach_request(|at| *at = now - UNMOUNT_TIMEOUT - MORE);
    }

    /// Makes memories coarse: a back-off lasts 0.5 s after a first failure and 122 s after others, and one that runs has
    /// all of it still before it; a 6 min timer has just begun or is over; what is over is just over. Lists whose order
    /// says nothing are put in order, reports that say nothing dropped.
    pub fn coarsen(&mut self, now: Time) {
        self.pending.each_backoff(|backoff| {
            let over = !backoff.refuses(now);
            let longer = COARSE_WAITS.into_iter().find(|wait| *wait >= backoff.wait);
            backoff.wait = longer.unwrap_or(LONGEST_BACKOFF);
            if let Some(at) = &mut backoff.failed_at {
                *at = if over { now - backoff.wait - MORE } else { now };
            }
        });
        self.actual
            .each_detach_request(|at| *at = coarse(*at, UNMOUNT_TIMEOUT, now));
        if let Some(at) = &mut self.pods_listed {
            *at = coarse(*at, LIST_PERIOD, now);
        }
        self.checked = coarse(self.checked, self.config.sync_period.unwrap_or(Span::ZERO), now);
        self.put_in_order();
        self.actual.forget_empty_reports();
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
        self.until_unmount_timeout(now)
            .into_iter()
            .chain(self.until_check(now))
            .min()
    }

    /// How long until the minutely check is due; `None` where it is, or never will be.
    #[must_use]
    pub fn until_check(&self, now: Time) -> Option<Span> {
        until_beyond(self.checked + self.config.sync_period?, now)
    }

    /// How long until the first 6 min timer that runs is over.
    #[must_use]
    pub fn until_unmount_timeout(&self, now: Time) -> Option<Span> {
        let requests = self.actual.pairs().iter().filter_map(|pair| pair.detach_requested);
        requests.filter_map(|at| until_beyond(at + UNMOUNT_TIMEOUT, now)).min()
    }
}

/// Now, if the limit is not over; else just beyond it.
fn coarse(at: Time, limit: Span, now: Time) -> Time {
    if now - at > limit { now - limit - MORE } else { now }
}

/// How long until a limit is just over; `None` where it is.
fn until_beyond(limit: Time, now: Time) -> Option<Span> {
    (limit >= now).then(|| Span((limit - now).0 + MORE.0))
}

fn until_over(backoff: &Backoff, now: Time) -> Option<Span> {
    backoff.until().map(|until| Span((until - now).0 + MORE.0))
}

/// A moment that lies further back, but not further than just beyond `limit`.
fn older(at: Time, by: Span, limit: Span, now: Time) -> Time {
    (at - by).max(now - limit - MORE)
}
