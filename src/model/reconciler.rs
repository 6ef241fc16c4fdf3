//! One pass of the reconciler, and the decision about each pair, which can be asked for singly.
//!
//! In: the two views, the lock, the informer's nodes. Out: operations started, reports changed, node statuses patched.
//! Order of a pass: detaches over a snapshot of the actual state, attaches over the desired state, the patches that are
//! still due. The real code walks both in random order, the model by volume, then node.

use super::asw::{Attached, Attachment};
use super::controller::Controller;
use super::operations::key_of;
use super::outside::{Forced, Holders, Moment, Note, Outside, Readd};
use super::pending::{Key, OpName};
use super::profile::Behaviour;
use super::updater::{self, UpdateFailed};
use super::{Cell, NodeId};
use crate::time::{Span, Time};

/// How long an undesired pair stays blocked by its mounted flag: 6 min, strictly more. Counted anew by each process.
pub const UNMOUNT_TIMEOUT: Span = Span::secs(360);

/// What the timer, the node's health and its taint say about a detach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Force {
    /// The mounted flag is overridden.
    overrides_mounted: bool,
    /// Why the live node is not looked at, if it is not.
    skips_verify: Option<Forced>,
}

impl Controller {
    /// One pass without the minutely check, see [`Controller::check_due`].
    pub fn pass(&mut self, now: Time, outside: &mut dyn Outside) {
        let snapshot: Vec<Attached> = self.actual.snapshot().collect();
        outside.meanwhile(self, Moment::SnapshotTaken, now);
        for pair in &snapshot {
            self.consider_detach(pair, now, outside);
        }
        let wanted: Vec<_> = self.desired.wanted().iter().map(|wanted| wanted.cell).collect();
        for cell in wanted {
            self.consider_attach(cell, now, outside);
        }
        // What failed is due again in the next pass; the reconciler only logs it.
        let _ = updater::update_all(&mut self.actual, self.profile, outside);
    }

    /// The decision about a pair of the actual state. `pair` is what the pass saw when it began: its mounted flag and
    /// its spec count as they were then.
    pub fn consider_detach(&mut self, pair: &Attached, now: Time, outside: &mut dyn Outside) {
        let cell = pair.cell;
        if self.desired.wants(cell) {
            return;
        }
        let exclusive = pair.spec_known && outside.traits_of(cell.volume).exclusive;
        let key = key_of(self.profile, cell, exclusive);
        if self.must_wait(key, cell, now, outside) {
            return;
        }
        let gone = self.profile.has(Behaviour::RecheckAswBeforeDetach) && self.actual.state(cell).is_none();
        let requested = if gone {
            None
        } else {
            self.actual.request_detach(cell, now).ok()
        };
        let Some(elapsed) = requested else {
            outside.note(Note::SkippedDetached(cell));
            return;
        };
        let force = self.force(cell.node, elapsed > UNMOUNT_TIMEOUT, outside);
        if pair.mounted && !force.overrides_mounted {
            outside.note(Note::BlockedMounted(cell));
            return;
        }
        if self.unreport(cell, outside).is_ok() {
            self.try_detach(pair, key, force.skips_verify, now, outside);
        }
    }

    /// Whether an operation on the volume runs, or (since 1.23) the detach backs off.
    fn must_wait(&mut self, key: Key, cell: Cell, now: Time, outside: &mut dyn Outside) -> bool {
        outside.meanwhile(self, Moment::LooksForPending(cell.volume), now);
        if self.pending.is_pending(key) {
            outside.note(Note::SkippedPending(OpName::Detach, cell));
            return true;
        }
        let backs_off = self.profile.has(Behaviour::BackoffCheckedBeforeUnreport)
            && !self.pending.safe_to_retry(key, OpName::Detach, now);
        if backs_off {
            outside.note(Note::SkippedBackoff(cell));
        }
        backs_off
    }

    /// The force-detach rule, which changed three times: kubernetes#108486 (taint), #110721 (health), #120344 (flag).
    fn force(&self, node: NodeId, timed_out: bool, outside: &dyn Outside) -> Force {
        let health = outside.health(node);
        let tainted =
            self.profile.has(Behaviour::OutOfServiceTaint) && health.is_some_and(|health| health.out_of_service);
        let disabled = self.profile.has(Behaviour::DisableForceDetachFlag) && self.config.force_detach_disabled;
        let healthy =
            self.profile.has(Behaviour::ForceDetachOnlyUnhealthy) && health.is_some_and(|health| health.ready);
        let expired = timed_out && !disabled;
        Force {
            overrides_mounted: (expired && !healthy) || tainted,
            // A healthy node whose timer ran out is not asked either: the timer alone decides here, in all releases.
            skips_verify: if tainted {
                Some(Forced::OutOfService)
            } else {
                expired.then_some(Forced::Timeout)
            },
        }
    }

    /// Takes a volume out of the node's report and tells the node. When the node cannot be told the detach is given up;
    /// only releases with `readd_to_report_on_status_update_failure` then put the volume back (kubernetes#111000).
    fn unreport(&mut self, cell: Cell, outside: &mut dyn Outside) -> Result<(), UpdateFailed> {
        let removed = self.actual.report_remove(cell);
        outside.note(match removed {
            Ok(()) => Note::Unreported(cell),
            Err(_) => Note::UnreportFailed(cell),
        });
        let told = if self.profile.has(Behaviour::NodeStatusPatchPerNode) {
            updater::update_node(&mut self.actual, cell.node, self.profile, outside)
        } else {
            updater::update_all(&mut self.actual, self.profile, outside)
        };
        if told.is_err() {
            outside.note(Note::StatusUpdateFailed(cell));
            if self.profile.has(Behaviour::ReaddToReportOnStatusUpdateFailure) {
                self.actual.report_add(cell);
                outside.note(Note::Readded(cell, Readd::StatusUpdateFailed));
            }
        }
        told
    }

    /// Starts the detach. When it cannot start, only releases with `readd_to_report_on_detach_start_failure` put the
    /// volume back into the report, attached or uncertain (kubernetes#88565).
    fn try_detach(&mut self, pair: &Attached, key: Key, forced: Option<Forced>, now: Time, outside: &mut dyn Outside) {
        let (cell, op) = (pair.cell, OpName::Detach);
        match self.start_detach(pair, key, forced.is_none(), outside, now) {
            Ok(()) => {
                outside.note(Note::DetachStarted(cell, forced));
                outside.meanwhile(self, Moment::Started(op, cell), now);
            }
            Err(why) => {
                outside.note(Note::Refused(op, cell, why));
                if self.profile.has(Behaviour::ReaddToReportOnDetachStartFailure) {
                    self.actual.report_add(cell);
                    outside.note(Note::Readded(cell, Readd::StartFailed));
                }
            }
        }
    }

    /// The decision about a pair of the desired state; nothing happens for one that is not wanted any more.
    pub fn consider_attach(&mut self, cell: Cell, now: Time, outside: &mut dyn Outside) {
        if !self.desired.wants(cell) {
            return;
        }
        let exclusive = outside.traits_of(cell.volume).exclusive;
        let key = key_of(self.profile, cell, exclusive);
        // Before kubernetes#94599 the two looks were the other way round: an operation that ends between them leaves a
        // volume that looks neither attached nor busy (kubernetes#93902).
        let busy_first = self.profile.has(Behaviour::PendingBeforeAttachState);
        if (busy_first && self.is_busy(key, cell, now, outside))
            || self.is_attached(cell, outside)
            || (!busy_first && self.is_busy(key, cell, now, outside))
            || (exclusive && self.is_held(cell, outside))
        {
            return;
        }
        let op = OpName::Attach;
        match self.start_attach(cell, key, now) {
            Ok(()) => {
                outside.note(Note::AttachStarted(cell));
                outside.meanwhile(self, Moment::Started(op, cell), now);
            }
            Err(why) => outside.note(Note::Refused(op, cell, why)),
        }
    }

    fn is_busy(&mut self, key: Key, cell: Cell, now: Time, outside: &mut dyn Outside) -> bool {
        outside.meanwhile(self, Moment::LooksForPending(cell.volume), now);
        let busy = self.pending.is_pending(key);
        if busy {
            outside.note(Note::SkippedPending(OpName::Attach, cell));
        }
        busy
    }

    /// Attached for sure? Then the detach timer is reset. An uncertain pair is attached once more.
    fn is_attached(&mut self, cell: Cell, outside: &mut dyn Outside) -> bool {
        let attached = self.actual.state(cell) == Some(Attachment::Attached);
        if attached {
            self.actual.reset_detach_request(cell);
            outside.note(Note::Touched(cell));
        }
        attached
    }

    /// Whether another node surely holds an exclusive volume. The event is sent once for each pair that is wanted.
    fn is_held(&mut self, cell: Cell, outside: &mut dyn Outside) -> bool {
        let holders: Vec<NodeId> = self.actual.nodes_holding(cell.volume).collect();
        if holders.is_empty() {
            return false;
        }
        let told = self.desired.get(cell).is_none_or(|wanted| wanted.multi_attach_told);
        if told {
            outside.note(Note::StillHeld(cell));
            return true;
        }
        let others: Vec<NodeId> = holders.iter().copied().filter(|&holder| holder != cell.node).collect();
        let users = self.desired.pods_on(&others, cell.volume);
        let waiting = self
            .desired
            .get(cell)
            .map(|wanted| wanted.pods.clone())
            .unwrap_or_default();
        outside.note(Note::MultiAttach(
            cell,
            Box::new(Holders {
                nodes: holders,
                waiting,
                users,
            }),
        ));
        self.desired.set_multi_attach_told(cell);
        true
    }
}
