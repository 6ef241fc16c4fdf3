//! The external-attacher and its queue.
//!
//! In: `VolumeAttachment` objects, the driver's answers, time. Out: finalizers, status writes, driver calls. One item a
//! `VolumeAttachment`: retried after 1 s, doubled to 5 min, its own error writes don't queue it again
//! (`ad-semantics.md` 5.5, 5.6; external-attacher 4.x).

use std::collections::BTreeMap;

use crate::model::VolumeId;
use crate::model::world::board::{Board, Pair, of_volume};
use crate::model::world::driver::{Answer, CALL, Driver};
use crate::time::{Span, Time};

/// First wait after a failure.
const RETRY_FIRST: Span = Span::secs(1);
/// Longest wait.
const RETRY_LAST: Span = Span::secs(300);
/// How long a call that hangs is waited for (`--timeout`).
const PATIENCE: Span = Span::secs(15);

/// The attacher of one driver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attacher {
    /// Whether its process runs.
    pub up: bool,
    items: BTreeMap<Pair, Item>,
}

/// One `VolumeAttachment` in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Item {
    failures: u32,
    next: Time,
    /// The call under way: whether it attaches, and the driver's answer that will come at `next`.
    call: Option<(bool, Answer)>,
}

impl Default for Attacher {
    fn default() -> Self {
        Attacher {
            up: true,
            items: BTreeMap::new(),
        }
    }
}

impl Attacher {
    /// Takes over that this attachment failed so often and will be tried again then.
    pub fn expect_retry(&mut self, pair: Pair, failures: u32, next: Time) {
        self.items.insert(
            pair,
            Item {
                failures,
                next,
                call: None,
            },
        );
    }

    /// The last try failed at that moment: the next comes after a back-off.
    pub fn failed(&mut self, pair: Pair, at: Time) {
        let before = self.items.get(&pair).map_or(0, |item| item.failures);
        self.expect_retry(pair, before.saturating_add(1), at + backoff(before));
    }

    /// How often the attachment failed in a row.
    #[must_use]
    pub fn failures(&self, pair: Pair) -> u32 {
        self.items.get(&pair).map_or(0, |item| item.failures)
    }

    /// The same as if there were only this volume.
    #[must_use]
    pub fn only(&self, volume: VolumeId) -> Attacher {
        Attacher {
            up: self.up,
            items: of_volume(&self.items, volume),
        }
    }

    /// The attachment was handled: its failures are forgotten.
    pub fn forget(&mut self, pair: Pair) {
        self.items.remove(&pair);
    }

    /// The object changed, by another hand than the attacher's error write: it is looked at now.
    pub fn notice(&mut self, pair: Pair, now: Time) {
        let item = self.items.entry(pair).or_insert(Item {
            failures: 0,
            next: now,
            call: None,
        });
        if item.call.is_none() {
            item.next = now;
        }
    }

    /// A new process: no back-off is remembered, every object is looked at.
    pub fn restart(&mut self, board: &Board, now: Time) {
        self.up = true;
        self.items.clear();
        for pair in board.attachments.keys() {
            self.notice(*pair, now);
        }
    }

    /// When it acts next, if it has anything to do.
    #[must_use]
    pub fn next(&self, board: &Board) -> Option<Time> {
        if !self.up {
            return None;
        }
        let work = self
            .items
            .iter()
            .filter(|(pair, item)| item.call.is_some() || has_work(board, **pair));
        work.map(|(_, item)| item.next).min()
    }

    /// Acts on everything that is due.
    pub fn act(
        &mut self,
        board: &mut Board,
        driver: &mut Driver,
        exclusive: &dyn Fn(VolumeId) -> bool,
        now: Time,
    ) -> Vec<Pair> {
        let mut changed = Vec::new();
        if !self.up {
            return changed;
        }
        let due: Vec<Pair> = self
            .items
            .iter()
            .filter(|(_, item)| item.next <= now)
            .map(|(pair, _)| *pair)
            .collect();
        for pair in due {
            let Some(item) = self.items.get(&pair).copied() else {
                continue;
            };
            let moved = match item.call {
                Some((attach, answer)) => self.answered(board, pair, attach, answer, now),
                None => self.begin(board, driver, exclusive(pair.0), pair, now),
            };
            if moved {
                changed.push(pair);
            }
        }
        changed
    }

    /// Starts what the object asks for; true if the object changed.
    fn begin(&mut self, board: &mut Board, driver: &mut Driver, exclusive: bool, pair: Pair, now: Time) -> bool {
        let Some(object) = board.attachments.get_mut(&pair) else {
            self.items.remove(&pair);
            return false;
        };
        let attach = !object.deleting;
        if attach && object.attached || !attach && !object.finalizer {
            self.items.remove(&pair);
            return false;
        }
        let refuses = attach && object.source_gone;
        object.finalizer |= !refuses;
        let answer = if refuses {
            Answer::NoVolume
        } else if attach {
            driver.publish(pair, exclusive)
        } else {
            driver.unpublish(pair)
        };
        let takes = if answer == Answer::Hangs { PATIENCE } else { CALL };
        if let Some(item) = self.items.get_mut(&pair) {
            item.call = Some((attach, answer));
            item.next = now + takes;
        }
        true
    }

    /// Takes the driver's answer; true if the object changed.
    fn answered(&mut self, board: &mut Board, pair: Pair, attach: bool, answer: Answer, now: Time) -> bool {
        let Some(object) = board.attachments.get_mut(&pair) else {
            self.items.remove(&pair);
            return false;
        };
        if answer == Answer::Done {
            if attach {
                object.attached = true;
                object.attach_error = false;
            } else {
                board.attachments.remove(&pair);
            }
            self.items.remove(&pair);
            if attach && board.attachments.get(&pair).is_some_and(|object| object.deleting) {
                self.notice(pair, now);
            }
            return true;
        }
        if attach {
            object.attach_error = true;
        } else {
            object.detach_error = true;
        }
        let stale = attach && object.deleting;
        if let Some(item) = self.items.get_mut(&pair) {
            let wait = backoff(item.failures);
            item.failures = if stale { 0 } else { item.failures.saturating_add(1) };
            item.call = None;
            item.next = if stale { now } else { now + wait };
        }
        true
    }
}

/// Whether the object asks the attacher for anything.
fn has_work(board: &Board, pair: Pair) -> bool {
    board.attachments.get(&pair).is_some_and(|object| {
        if object.deleting {
            object.finalizer
        } else {
            !object.attached
        }
    })
}

/// The wait after so many failures before.
fn backoff(failures: u32) -> Span {
    let doubled = RETRY_FIRST.0.saturating_mul(1_i64 << failures.min(20));
    Span(doubled.min(RETRY_LAST.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_five_minutes() {
        let waits: Vec<i64> = (0..11).map(|n| backoff(n).0 / 1_000_000).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
    }
}
