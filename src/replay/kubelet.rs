//! What kubelets and the external-attacher say.
//!
//! In: facts of their logs. Out: how far each node has come with each volume, the driver's answers, and steps.

use super::silent::ANSWERED;
use super::{Cell, Deed, FactId, Replay};
use crate::fact::{Detail, Fact, Kind, Party};
use crate::graph::cast::{Node, Pod, Volume};
use crate::model::world::board::NodeObject;
use crate::model::world::node::Stage;
use crate::time::{Span, Time};

/// A look at the report and the line that tells of it may lie that far apart.
const NEAR: Span = Span::secs(3);

impl Replay<'_> {
    /// A line of a kubelet's log.
    pub(super) fn kubelet_says(&mut self, id: FactId, fact: &Fact) {
        let Some(node) = self.script.cast.node(fact).or_else(|| self.speaker(fact)) else {
            return;
        };
        if fact.kind == Kind::KubeletStarted {
            self.kubelet_started(id, fact, node);
            return;
        }
        let Some(volume) = self.script.cast.volume(fact) else {
            return self.pod_waits(id, fact, node);
        };
        let cell = (volume, node);
        let pod = self.script.cast.pod(fact);
        self.expect_attached(id, fact, cell);
        let deed = match fact.kind {
            Kind::OpBackoff => self.kubelet_backs_off(id, fact, cell),
            Kind::KubeletVerifyOk => self.stage(cell, Stage::Verified, Deed::Verified),
            Kind::KubeletMounted => self.stage(cell, Stage::Mounted, Deed::Mounted),
            Kind::KubeletDeviceMounted if self.is_let_go(cell) => self.stage(cell, Stage::Mounted, Deed::MountedLate),
            Kind::KubeletDeviceMounted | Kind::KubeletReconstructed => {
                self.world.stage(cell, Stage::Mounted);
                None
            }
            Kind::KubeletUnmounted => Some(Deed::Unmounted),
            Kind::KubeletOrphanCleanup => Some(Deed::MountForgotten),
            Kind::KubeletVolumeDropped => self.stage(cell, Stage::Absent, Deed::Dropped),
            Kind::KubeletDeviceUnmounted => {
                self.world.stage(cell, Stage::Verified);
                None
            }
            _ => None,
        };
        if let Some(deed) = deed {
            let step = self.step(deed, Party::Kubelet(fact_node(fact)), (Some(volume), Some(node)), &[id]);
            step.pod = pod;
            step.error.clone_from(&fact.error);
        }
        self.containers(id, fact, deed, pod);
        self.dirty.push(cell);
    }

    /// Whether the kubelet let go of a volume that no pod wants since: a mount that was under way then ends for nobody.
    fn is_let_go(&self, cell: Cell) -> bool {
        let mut pods = self.world.board.pods.values();
        let is_used = pods.any(|pod| pod.node == cell.1 && pod.deleting.is_none() && pod.volumes.contains(&cell.0));
        let mut back = self.run.steps.iter().rev().filter(|step| step.concerns(cell));
        let begins = [
            Deed::PodBound,
            Deed::Verified,
            Deed::AttachStarted,
            Deed::VaCreated,
            Deed::VaAttached,
        ];
        let last = back.find(|step| step.deed == Deed::Dropped || begins.contains(&step.deed));
        !is_used && last.is_some_and(|step| step.deed == Deed::Dropped) && self.sees_both()
    }

    /// A kubelet goes by the report and the `VolumeAttachment`: what it found there must have been written.
    fn expect_attached(&mut self, id: FactId, fact: &Fact, cell: Cell) {
        if !self.script.lives.audited(self.world.now) || !self.world.attaches(cell.0) {
            return;
        }
        let attached = self
            .world
            .board
            .attachments
            .get(&cell)
            .is_some_and(|object| object.attached);
        let lost = match fact.kind {
            Kind::KubeletVerifyOk => !self.world.board.reported(cell),
            Kind::KubeletDeviceMounted => !attached,
            _ => false,
        };
        if lost {
            self.hole(id, cell.0);
        }
        if fact.kind == Kind::KubeletVerifyOk && !self.world.board.in_use(cell) {
            self.listed_unseen(id, fact, cell);
        }
    }

    /// A kubelet finds a volume attached only after it wrote it into `volumesInUse`: that write was lost.
    fn listed_unseen(&mut self, id: FactId, fact: &Fact, (volume, node): Cell) {
        let Some(object) = self.world.board.nodes.get_mut(&node) else {
            return;
        };
        object.in_use.insert(volume);
        self.hole(id, volume);
        self.step(
            Deed::InUse,
            Party::Kubelet(fact_node(fact)),
            (Some(volume), Some(node)),
            &[id],
        )
        .observed = false;
        self.world.deliver_node(node, false);
    }

    /// Containers run once the volumes are mounted, and have ended when an unmount begins: told by no object where pod
    /// status writes are not audited.
    fn containers(&mut self, id: FactId, fact: &Fact, deed: Option<Deed>, pod: Option<Pod>) {
        let Some((pod, object)) = pod.and_then(|pod| Some((pod, self.world.board.pods.get_mut(&pod)?))) else {
            return;
        };
        let tries = fact.kind == Kind::KubeletUnmountStarted || deed == Some(Deed::UnmountFailed);
        match deed {
            Some(Deed::Mounted) => object.running = true,
            Some(Deed::Unmounted) => object.running = false,
            _ if tries && object.deleting.is_some() => object.running = false,
            _ => return,
        }
        if !object.running && object.deleting.is_some() && !object.terminated {
            object.terminated = true;
            self.pod_steps(Deed::PodEnded, id, fact, pod);
            self.world.deliver_pod(pod);
        }
    }

    /// A line about a pod that waits, without its volumes' names: it waits for those that are not mounted.
    fn pod_waits(&mut self, id: FactId, fact: &Fact, node: Node) {
        let deed = match fact.kind {
            Kind::KubeletWaitVolumes => Deed::WishWaits,
            Kind::KubeletVolumesTimeout | Kind::KubeletVolumesFailedEvent | Kind::KubeletMountTimeoutPod => {
                Deed::WaitTimedOut
            }
            Kind::KubeletSyncFailed
                if fact
                    .error
                    .as_ref()
                    .is_some_and(|error| error.contains("unmounted volumes")) =>
            {
                Deed::WaitTimedOut
            }
            _ => return,
        };
        let Some(pod) = self
            .script
            .cast
            .pod(fact)
            .or_else(|| self.watch.pod_now.get(fact.pod.as_ref()?).copied())
        else {
            return;
        };
        let Some(object) = self.world.board.pods.get(&pod) else {
            return;
        };
        let unmounted: Vec<Volume> = object
            .volumes
            .iter()
            .copied()
            .filter(|volume| !self.world.is_mounted((*volume, node)))
            .collect();
        for volume in unmounted {
            if deed == Deed::WishWaits && !self.watch.waits_told.insert((pod, volume)) {
                continue;
            }
            let step = self.step(deed, fact.party.clone(), (Some(volume), Some(node)), &[id]);
            step.pod = Some(pod);
            step.error.clone_from(&fact.error);
        }
    }

    fn speaker(&self, fact: &Fact) -> Option<Node> {
        match &fact.party {
            Party::Kubelet(name) => self.script.cast.node_named(name),
            _ => None,
        }
    }

    #[allow(clippy::unnecessary_wraps, reason = "the arms of the match above share one shape")]
    fn stage(&mut self, cell: Cell, stage: Stage, deed: Deed) -> Option<Deed> {
        self.world.stage(cell, stage);
        Some(deed)
    }

    /// An operation of the kubelet failed: the symptom, mostly.
    fn kubelet_backs_off(&mut self, id: FactId, fact: &Fact, cell: Cell) -> Option<Deed> {
        let Detail::Backoff {
            inner, until, wait_ms, ..
        } = &fact.detail
        else {
            return None;
        };
        let deed = match inner {
            Kind::KubeletNotReportedYet => Deed::VerifyFailed,
            Kind::KubeletNotInUseYet => Deed::NotInUseYet,
            Kind::KubeletUnmountFailed | Kind::KubeletDeviceUnmountFailed => Deed::UnmountFailed,
            _ => Deed::MountFailed,
        };
        if deed == Deed::UnmountFailed {
            self.world.driver.node_refuses.insert(cell);
        }
        if *inner == Kind::KubeletDeviceMountFailed && fact.error.as_deref().is_some_and(lacks_device) {
            self.world.device_is_missing(cell);
        }
        if deed == Deed::VerifyFailed && self.world.board.reported(cell) {
            self.denied(id, cell);
        }
        if deed == Deed::VerifyFailed && self.is_patch_missing(cell) {
            self.hole(id, cell.0);
        }
        let wait = Span::millis(wait_ms.unwrap_or(500));
        self.world.kubelet_waits(cell, until.unwrap_or(fact.at + wait), wait);
        Some(deed)
    }

    /// Whether the controller, by what was seen of it, must have published the volume long ago: it did not, so
    /// something that kept it from doing so was lost.
    fn is_patch_missing(&self, cell: Cell) -> bool {
        let is_due = self.world.on_report(cell) && !self.world.board.reported(cell) && self.world.is_due(cell.1);
        let Some(&since) = self.watch.due.get(&cell.1).filter(|_| is_due && self.sees_both()) else {
            return false;
        };
        let mut steps = self.run.steps.iter().rev().take_while(|step| step.at >= since);
        self.world.now - since > ANSWERED && !steps.any(|step| step.deed == Deed::ReportPatchFailed)
    }

    /// The kubelet asks the API server and does not find the volume reported, which the model holds reported.
    fn denied(&mut self, id: FactId, cell: Cell) {
        if self.script.lives.audited(self.world.now) {
            let near = self.world.now - NEAR;
            let recent = self.run.steps.iter().rev().take_while(|step| step.at >= near);
            let published = [Deed::ReportPublished, Deed::ReportAddedByHand];
            if recent
                .filter(|step| step.concerns(cell))
                .any(|step| published.contains(&step.deed))
            {
                return;
            }
            self.hole(id, cell.0);
        }
        self.world.not_reported(cell);
    }

    fn kubelet_started(&mut self, id: FactId, fact: &Fact, node: Node) {
        if self.confirm(Deed::KubeletStarted, (None, Some(node)), id) {
            return;
        }
        self.world.kubelet_starts(node);
        self.step(Deed::KubeletStarted, fact.party.clone(), (None, Some(node)), &[id]);
        self.dirty.extend(self.cells_on(node));
    }

    /// A kubelet's node status reached the API server.
    pub(super) fn kubelet_wrote_status(&mut self, node: Node, after: &NodeObject) {
        let now = self.world.now;
        self.world.kubelet_wrote_status(node, after, now);
    }

    /// A line of the external-attacher's log.
    pub(super) fn attacher_says(&mut self, id: FactId, fact: &Fact) {
        self.world.attacher.up = true;
        if fact.kind == Kind::EaVersion {
            self.world.attacher_starts();
            self.step(Deed::AttacherStarted, Party::Attacher, (None, None), &[id]);
            return;
        }
        let Some(cell) = fact
            .attachment
            .as_ref()
            .and_then(|name| self.script.cast.attachment(name))
        else {
            return;
        };
        let on = (Some(cell.0), Some(cell.1));
        let going = self
            .world
            .board
            .attachments
            .get(&cell)
            .is_some_and(|object| object.deleting);
        if self.watch.unattended.remove(&cell).is_some() && going {
            self.step(Deed::AttacherActs, Party::Attacher, on, &[id]);
        }
        match fact.kind {
            Kind::EaError
                if !self.confirm(Deed::VaAttachError, on, id) && !self.confirm(Deed::VaDetachError, on, id) =>
            {
                self.world.attacher.failed(cell, fact.at);
                if going {
                    self.unpublish_failed(cell, fact.error.as_deref());
                }
                self.step(Deed::AttacherFails, Party::Attacher, on, &[id])
                    .error
                    .clone_from(&fact.error);
            }
            Kind::EaAttached if !self.world.board.attachments.contains_key(&cell) && self.sees_both() => {
                self.world.driver.attached.insert(cell);
                self.step(Deed::AttachedInVain, Party::Attacher, on, &[id]);
            }
            Kind::EaFullyAttached | Kind::EaAttached => {
                self.confirm(Deed::VaAttached, on, id);
            }
            Kind::EaFullyDetached | Kind::EaDetached => {
                self.confirm(Deed::VaGone, on, id);
            }
            _ => {}
        }
    }

    /// Attachments that nobody attends to for long: the attacher is down.
    pub(super) fn attacher_until(&mut self, now: Time) {
        let waiting = self.world.attachments_waiting();
        self.watch.unattended.retain(|cell, _| waiting.contains(cell));
        let (clock, quiet) = (self.world.now, Span::secs(10));
        for cell in waiting {
            let since = *self.watch.unattended.entry(cell).or_insert(clock);
            if now - since > quiet && self.script.lives.attacher_log {
                self.world.attacher.up = false;
            }
        }
    }
}

fn fact_node(fact: &Fact) -> crate::fact::Name {
    match &fact.party {
        Party::Kubelet(name) if !name.is_empty() => name.clone(),
        _ => fact.node.clone().unwrap_or_else(|| crate::fact::Name::from("")),
    }
}

/// Whether a failed mount says that the node has no such device.
fn lacks_device(error: &str) -> bool {
    let error = error.to_lowercase();
    error.contains("device")
        && ["not found", "no such", "not exist"]
            .iter()
            .any(|text| error.contains(text))
}
