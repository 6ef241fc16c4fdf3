//! What logs tell of `VolumeAttachments` and reports while no audit log was kept, or after it breaks off.
//!
//! In: facts of logs at moments that no audit log covers. Out: the board's next state, and steps marked as inferred with
//! the line that implies them: who says that an attach is done has seen the attachment say so, and whoever waited for a
//! detach has seen it go. Without this the board would stand still where its own record ends, and every later line
//! would look like a broken rule.

use super::controller::on;
use super::{Cell, Deed, FactId, Replay};
use crate::fact::{Detail, Fact, Kind, Party};
use crate::graph::cast::Pod;
use crate::model::world::board::{Attachment, PodObject};
use crate::time::Span;

/// A line can be written while the request that it tells of is still being answered.
const MEANWHILE: Span = Span::millis(500);

impl Replay<'_> {
    /// Takes over what a line of a log implies about objects.
    pub(super) fn imply(&mut self, id: FactId, fact: &Fact) {
        let cast = self.script.cast;
        let named = || fact.attachment.as_ref().and_then(|name| cast.attachment(name));
        let Some(cell) = named().or_else(|| Some((cast.volume(fact)?, cast.node(fact)?))) else {
            return;
        };
        if self.script.lives.audited(self.world.now) {
            self.expect_write(id, fact, cell);
            return;
        }
        match (&fact.party, fact.kind) {
            (Party::Controller, Kind::VaCreated) => self.implied_request(id, fact, cell),
            (Party::Controller, Kind::AttachOk)
            | (Party::Attacher, Kind::EaFullyAttached)
            | (Party::Kubelet(_), Kind::KubeletDeviceMounted) => self.implied_attached(id, fact, cell),
            (Party::Controller, Kind::DetachStarted | Kind::DetachForcedTimeout | Kind::DetachForcedOutOfService) => {
                self.implied_deletion(id, cell);
            }
            (Party::Controller, Kind::OpBackoff) if was_not_deleted(fact) => {
                if let Some(object) = self.world.board.attachments.get_mut(&cell) {
                    object.deleting = false;
                }
            }
            (Party::Kubelet(_), Kind::KubeletUnmounted) => {
                if let Some(pod) = cast.pod(fact) {
                    self.implied_end(id, fact, pod);
                }
            }
            (Party::Controller, Kind::DetachOk) | (Party::Attacher, Kind::EaFullyDetached) => {
                self.implied_gone(id, fact, cell);
            }
            (Party::Kubelet(_), Kind::KubeletVerifyOk) => {
                self.world
                    .board
                    .nodes
                    .entry(cell.1)
                    .or_default()
                    .attached
                    .insert(cell.0);
            }
            _ => {}
        }
    }

    /// The attacher says what it wrote, and the controller that what it deleted is gone: where the audit log lacks that,
    /// the line stands for it.
    fn expect_write(&mut self, id: FactId, fact: &Fact, cell: Cell) {
        let object = self.world.board.attachments.get(&cell);
        let (attached, deleting) = object.map_or((false, false), |object| (object.attached, object.deleting));
        let follows = |kind| self.write_follows(fact, cell, kind);
        match (&fact.party, fact.kind) {
            (Party::Attacher, Kind::EaFullyAttached) if !attached && !follows(Kind::VaStatusPatched) => {
                self.hole(id, cell.0);
                self.implied_attached(id, fact, cell);
            }
            (Party::Controller, Kind::DetachOk) | (Party::Attacher, Kind::EaFullyDetached)
                if deleting && !follows(Kind::VaPatched) =>
            {
                self.hole(id, cell.0);
                self.implied_gone(id, fact, cell);
            }
            _ => {}
        }
    }

    /// Whether a write to the attachment that a line speaks of was audited at the same time.
    fn write_follows(&self, fact: &Fact, cell: Cell, kind: Kind) -> bool {
        self.upcoming(fact.at + MEANWHILE)
            .filter(|later| later.call.is_some() && later.kind == kind)
            .filter_map(|later| self.script.cast.attachment(later.attachment.as_ref()?))
            .any(|written| written == cell)
    }

    /// A pod that a dump shows was bound, soon after it was made.
    pub(super) fn pod_made(&mut self, id: FactId, fact: &Fact) {
        let Detail::Pod(detail) = &fact.detail else { return };
        let node = detail.node.as_ref().and_then(|name| self.script.cast.node_named(name));
        let (Some(pod), Some(node)) = (self.script.cast.pod(fact), node) else {
            return;
        };
        if let Some(name) = &fact.pod {
            self.watch.pod_now.insert(name.clone(), pod);
        }
        if !self.world.board.pods.contains_key(&pod) {
            self.pod_bound(id, fact, pod, node);
        }
    }

    fn implied_request(&mut self, id: FactId, fact: &Fact, cell: Cell) {
        if self.world.board.attachments.contains_key(&cell) {
            return;
        }
        self.world.board.attachments.insert(cell, Attachment::default());
        self.world.attacher.notice(cell, fact.at);
        self.step(Deed::VaCreated, Party::Controller, on(cell), &[id]);
    }

    fn implied_attached(&mut self, id: FactId, fact: &Fact, cell: Cell) {
        let known = self.world.board.attachments.entry(cell).or_default();
        if known.attached && !known.deleting {
            return;
        }
        *known = Attachment {
            attached: true,
            finalizer: true,
            ..Attachment::default()
        };
        self.world.driver_attached(cell);
        self.implied(Deed::VaAttached, id, fact, cell);
    }

    /// The controller prepares a detach, so no pod wants the volume there: those that were being deleted have ended (no
    /// request of its own need tell that), and where the audit log has gaps the others have too.
    pub(super) fn implied_unwanted(&mut self, id: FactId, cell: Cell) {
        let Some(fact) = self.script.facts.get(id as usize) else {
            return;
        };
        if self.drops_unattachable(cell.0) || self.world.is_wanted_by_ghosts(cell) {
            self.world.assume_unwanted(cell);
            return;
        }
        if self.was_wished_lately(cell) {
            return;
        }
        let told = self.script.lives.audited(self.world.now) && self.was_audited_since_bound(cell);
        let here = |pod: &PodObject| pod.node == cell.1 && pod.volumes.contains(&cell.0);
        let uses = |pod: &PodObject| here(pod) && (!told || pod.deleting.is_some());
        let pods = self.world.board.pods.iter().filter(|(_, pod)| uses(pod));
        for pod in pods.map(|(id, _)| *id).collect::<Vec<_>>() {
            self.implied_end(id, fact, pod);
        }
    }

    /// Whether the audit log tells of all the time since a pod was bound that wants the volume there.
    fn was_audited_since_bound(&self, cell: Cell) -> bool {
        let mut steps = self.run.steps.iter().rev();
        let bound = steps.find(|step| step.deed == Deed::PodBound && step.concerns(cell));
        let since = bound.map_or(self.script.lives.window.0, |step| step.at);
        let spans = &self.script.lives.audit;
        spans.iter().any(|(from, to)| *from <= since && self.world.now <= *to)
    }

    /// A detach begins by deleting the object.
    fn implied_deletion(&mut self, id: FactId, cell: Cell) {
        self.implied_unwanted(id, cell);
        if let Some(object) = self.world.board.attachments.get_mut(&cell) {
            object.deleting = true;
        }
    }

    /// Volumes are unmounted, and detached, once their pods have ended.
    fn implied_end(&mut self, id: FactId, fact: &Fact, pod: Pod) {
        let now = self.world.now;
        let Some(object) = self.world.board.pods.get_mut(&pod).filter(|object| !object.terminated) else {
            return;
        };
        object.deleting.get_or_insert(now);
        (object.running, object.terminated) = (false, true);
        self.pod_steps(Deed::PodEnded, id, fact, pod);
        self.world.deliver_pod(pod);
    }

    fn implied_gone(&mut self, id: FactId, fact: &Fact, cell: Cell) {
        if self.world.board.attachments.remove(&cell).is_none() {
            return;
        }
        self.world.driver_detached(cell);
        self.implied(Deed::VaGone, id, fact, cell);
    }

    /// A step of the attacher that nothing tells but its consequence.
    fn implied(&mut self, deed: Deed, id: FactId, fact: &Fact, cell: Cell) {
        let seen = fact.party == Party::Attacher;
        self.step(deed, Party::Attacher, on(cell), &[id]).observed = seen;
    }
}

/// A detach failed at its first step: the object stands as it was.
fn was_not_deleted(fact: &Fact) -> bool {
    fact.error
        .as_ref()
        .is_some_and(|error| error.contains("failed to delete VolumeAttachment"))
}
