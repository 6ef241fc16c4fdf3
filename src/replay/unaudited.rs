//! What logs tell of `VolumeAttachments` and reports while no audit log was kept, or after it breaks off.
//!
//! In: facts of logs at moments that no audit log covers. Out: the board's next state, and steps marked as inferred with
//! the line that implies them: who says that an attach is done has seen the attachment say so, and whoever waited for a
//! detach has seen it go. Without this the board would stand still where its own record ends, and every later line
//! would look like a broken rule.

use super::{Cell, Deed, FactId, Replay};
use crate::fact::{Detail, Fact, Kind, Party};
use crate::graph::cast::Pod;
use crate::model::world::board::{Attachment, PodObject};
use crate::model::world::driver::Answer;

impl Replay<'_> {
    /// Takes over what a line of a log implies about objects.
    pub(super) fn imply(&mut self, id: FactId, fact: &Fact) {
        if self.script.lives.audited(self.world.now) {
            return;
        }
        let cast = self.script.cast;
        let named = || fact.attachment.as_ref().and_then(|name| cast.attachment(name));
        let Some(cell) = named().or_else(|| Some((cast.volume(fact)?, cast.node(fact)?))) else {
            return;
        };
        match (&fact.party, fact.kind) {
            (Party::Controller, Kind::VaCreated) => self.implied_request(id, fact, cell),
            (Party::Controller, Kind::AttachOk)
            | (Party::Attacher, Kind::EaFullyAttached)
            | (Party::Kubelet(_), Kind::KubeletDeviceMounted) => self.implied_attached(id, fact, cell),
            (Party::Controller, Kind::DetachStarted | Kind::DetachForcedTimeout | Kind::DetachForcedOutOfService) => {
                self.implied_deletion(id, fact, cell);
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
        self.step(Deed::VaCreated, Party::Controller, (Some(cell.0), Some(cell.1)), &[id]);
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
        self.world.driver.attached.insert(cell);
        self.world.driver.publish.insert(cell, Answer::Done);
        self.world.attacher.forget(cell);
        self.implied(Deed::VaAttached, id, fact, cell);
    }

    /// A detach starts once no pod wants the volume there, and begins by deleting the object.
    fn implied_deletion(&mut self, id: FactId, fact: &Fact, cell: Cell) {
        let uses = |pod: &PodObject| pod.node == cell.1 && pod.volumes.contains(&cell.0);
        let pods = self.world.board.pods.iter().filter(|(_, pod)| uses(pod));
        for pod in pods.map(|(id, _)| *id).collect::<Vec<_>>() {
            self.implied_end(id, fact, pod);
        }
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
        self.world.driver.attached.remove(&cell);
        self.world.driver.unpublish.insert(cell, Answer::Done);
        self.world.attacher.forget(cell);
        self.implied(Deed::VaGone, id, fact, cell);
    }

    /// A step of the attacher that nothing tells but its consequence.
    fn implied(&mut self, deed: Deed, id: FactId, fact: &Fact, cell: Cell) {
        let seen = fact.party == Party::Attacher;
        self.step(deed, Party::Attacher, (Some(cell.0), Some(cell.1)), &[id])
            .observed = seen;
    }
}
