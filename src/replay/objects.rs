//! What the API server's objects say: writes from the audit log, and dumps.
//!
//! In: facts about objects. Out: the board's next state, the events that watchers get from it, and steps. The audit log
//! is truth about the board; who wrote decides whether a change is the machinery's own or a stranger's.

use std::collections::BTreeSet;

use super::{Deed, FactId, Replay};
use crate::fact::{AttachmentDetail, Call, Detail, Fact, Kind, NodeDetail, Party, PodDetail};
use crate::graph::cast::{Node, Pod, Volume};
use crate::model::world::board::{Attachment, NodeObject, PodObject};
use crate::model::world::driver::Answer;
use crate::time::Span;

impl Replay<'_> {
    /// A fact about an object.
    pub(super) fn object(&mut self, id: FactId, fact: &Fact) {
        let call = fact.call.as_deref();
        match fact.kind {
            Kind::NodeCreated | Kind::NodePatched | Kind::NodeStatusPatched => self.node_write(id, fact, call),
            Kind::NodeDeleted if accepted(call) => self.node_deleted(id, fact),
            Kind::VaApiCreated | Kind::VaPatched | Kind::VaStatusPatched | Kind::VaApiDeleted => {
                self.va_write(id, fact, call);
            }
            Kind::PodCreated | Kind::PodBound | Kind::PodPatched | Kind::PodStatusPatched if accepted(call) => {
                self.pod_write(id, fact);
            }
            Kind::PodDeleted if accepted(call) => self.pod_deleted(id, fact),
            Kind::CsidriverWritten | Kind::CsidriverDeleted | Kind::CsidriverSeen if accepted(call) => {
                self.driver_says(id, fact);
            }
            Kind::PvDeleted if accepted(call) => {
                self.watch.deleted.extend(fact.pv.clone());
                if let Some(volume) = self.script.cast.volume(fact) {
                    self.step(Deed::VolumeDeleted, fact.party.clone(), (Some(volume), None), &[id]);
                }
            }
            _ => {}
        }
    }

    /// A `CSIDriver` tells whether its volumes are attached at all; without one they are.
    pub(super) fn driver_says(&mut self, id: FactId, fact: &Fact) {
        let Detail::CsiDriver { attach_required, .. } = &fact.detail else {
            return;
        };
        let attaches = *attach_required || fact.kind == Kind::CsidriverDeleted;
        let deed = if attaches {
            Deed::DriverAttaches
        } else {
            Deed::DriverStopsAttaching
        };
        for volume in self.volumes_of_driver(fact) {
            if self.world.set_attaches(volume, attaches) {
                self.step(deed, fact.party.clone(), (Some(volume), None), &[id]);
                let pairs = self.world.pairs().into_iter();
                self.dirty.extend(pairs.filter(|pair| pair.0 == volume));
            }
        }
    }

    /// The volumes of the driver that a `CSIDriver` is about.
    pub(super) fn volumes_of_driver(&self, fact: &Fact) -> Vec<Volume> {
        let Detail::CsiDriver { driver, .. } = &fact.detail else {
            return Vec::new();
        };
        let volumes = (0_u32..).map(Volume).zip(&self.script.cast.volumes);
        volumes
            .filter(|(_, info)| info.driver.as_ref() == Some(driver))
            .map(|(volume, _)| volume)
            .collect()
    }

    fn node_write(&mut self, id: FactId, fact: &Fact, call: Option<&Call>) {
        let Some(node) = self.script.cast.node(fact) else {
            return;
        };
        let status = fact.kind == Kind::NodeStatusPatched;
        if !accepted(call) {
            if fact.party == Party::Controller && status && asks_for_report(fact) {
                self.report_patch_failed(id, node);
            }
            return;
        }
        let Detail::Node(detail) = &fact.detail else { return };
        if fact.kind == Kind::NodeCreated {
            self.step(Deed::NodeCreated, fact.party.clone(), (None, Some(node)), &[id]);
        }
        let before = self.world.board.nodes.get(&node).cloned();
        let after = self.node_after(detail, before.clone());
        self.node_life(id, fact, node, before.as_ref(), &after);
        let patch = detail.patch.as_ref();
        if fact.party == Party::Controller && status {
            // It does not write what is in use: its answer shows what another's write made of it, which was lost.
            let cleared = before.iter().flat_map(|before| before.in_use.difference(&after.in_use));
            for volume in cleared.copied().collect::<Vec<_>>() {
                self.hole(id, volume);
            }
            self.world.board.nodes.insert(node, after.clone());
            let touches = patch.is_none_or(|patch| patch.attached.is_some() || patch.empty);
            if touches && (patch.is_some() || call.is_some_and(|call| !call.body)) {
                self.report_patched(id, node, patch, before.as_ref(), &after);
            }
        } else {
            self.foreign_lists(id, fact, node, before.as_ref(), &after);
            self.world.board.nodes.insert(node, after);
        }
        let new = before.is_none() || fact.kind == Kind::NodeCreated;
        self.world.deliver_node(node, new);
        self.dirty.extend(self.cells_on(node));
    }

    /// The object after a write, from what the answer tells and else from what was there.
    fn node_after(&self, detail: &NodeDetail, before: Option<NodeObject>) -> NodeObject {
        let known = before.unwrap_or_default();
        let asked = detail.patch.as_ref();
        let list =
            |told: &Option<Vec<crate::fact::Name>>, asked: Option<&Vec<crate::fact::Name>>, old: BTreeSet<Volume>| {
                told.as_ref().or(asked).map_or(old, |names| self.volumes_in(names))
            };
        NodeObject {
            attached: list(
                &detail.attached,
                asked.and_then(|patch| patch.attached.as_ref()),
                known.attached,
            ),
            in_use: list(
                &detail.in_use,
                asked.and_then(|patch| patch.in_use.as_ref()),
                known.in_use,
            ),
            ready: detail.ready.unwrap_or(known.ready),
            managed: detail.managed.unwrap_or(known.managed),
            out_of_service: detail.out_of_service.unwrap_or(known.out_of_service),
        }
    }

    pub(super) fn volumes_in(&self, names: &[crate::fact::Name]) -> BTreeSet<Volume> {
        names
            .iter()
            .filter_map(|name| self.script.cast.volume_named(name))
            .collect()
    }

    /// Steps about the node itself.
    fn node_life(&mut self, id: FactId, fact: &Fact, node: Node, before: Option<&NodeObject>, after: &NodeObject) {
        let Some(before) = before else { return };
        let changes = [
            (before.ready && !after.ready, Deed::NodeNotReady),
            (!before.ready && after.ready, Deed::NodeReady),
            (!before.out_of_service && after.out_of_service, Deed::NodeTainted),
            (before.managed && !after.managed, Deed::NodeUnmanaged),
        ];
        let mut told = false;
        for (happened, deed) in changes {
            if happened {
                told = true;
                self.step(deed, fact.party.clone(), (None, Some(node)), &[id]);
            }
        }
        if !told
            && matches!(fact.party, Party::User(_))
            && before.attached == after.attached
            && before.in_use == after.in_use
        {
            self.step(Deed::NodeTouched, fact.party.clone(), (None, Some(node)), &[id]);
        }
        if let Some(machine) = self.world.machines.get_mut(&node) {
            machine.reachable = after.ready || matches!(fact.party, Party::Kubelet(_));
        }
    }

    /// Lists that changed by another hand than the controller's: the kubelet's in-use list, or a stranger's write.
    fn foreign_lists(&mut self, id: FactId, fact: &Fact, node: Node, before: Option<&NodeObject>, after: &NodeObject) {
        let empty = NodeObject::default();
        let before = before.unwrap_or(&empty);
        let own = matches!(fact.party, Party::Kubelet(_));
        for volume in before
            .in_use
            .symmetric_difference(&after.in_use)
            .copied()
            .collect::<Vec<_>>()
        {
            let gone = before.in_use.contains(&volume);
            let deed = match (own, gone) {
                (true, true) => Deed::NotInUse,
                (_, false) => Deed::InUse,
                (false, true) => Deed::InUseEdited,
            };
            if own && gone && !asks_for_in_use(fact) {
                // Its answer shows what became of the list by another write, which was lost.
                self.hole(id, volume);
            }
            self.step(deed, fact.party.clone(), (Some(volume), Some(node)), &[id]);
        }
        if own && after.in_use != before.in_use {
            self.kubelet_wrote_status(node, after);
        }
        let changed: Vec<Volume> = before.attached.symmetric_difference(&after.attached).copied().collect();
        if own && !asks_for_report(fact) {
            // A kubelet does not write the report: its answer shows what another's write made of it, which was lost.
            for volume in changed {
                self.hole(id, volume);
            }
            return;
        }
        for volume in changed {
            let gone = before.attached.contains(&volume);
            let deed = if gone {
                Deed::ReportEdited
            } else {
                Deed::ReportAddedByHand
            };
            self.step(deed, fact.party.clone(), (Some(volume), Some(node)), &[id]);
        }
    }

    fn node_deleted(&mut self, id: FactId, fact: &Fact) {
        let Some(node) = self.script.cast.node(fact) else {
            return;
        };
        self.step(Deed::NodeDeleted, fact.party.clone(), (None, Some(node)), &[id]);
        self.world.node_goes(node);
        self.dirty.extend(self.cells_on(node));
    }

    fn va_write(&mut self, id: FactId, fact: &Fact, call: Option<&Call>) {
        let Some((volume, node)) = fact
            .attachment
            .as_ref()
            .and_then(|name| self.script.cast.attachment(name))
        else {
            return;
        };
        let cell = (Some(volume), Some(node));
        let pair = (volume, node);
        if !accepted(call) {
            let answered = call.is_some_and(|call| call.code != 404 && call.code != 409);
            if fact.kind == Kind::VaApiDeleted && answered {
                if fact.party == Party::Controller && self.sees_both() && !self.detached_lately(pair) {
                    self.hole(id, volume);
                }
                self.step(Deed::VaDeleteFailed, fact.party.clone(), cell, &[id])
                    .error
                    .clone_from(&fact.error);
            }
            return;
        }
        let none = AttachmentDetail::default();
        let detail = if let Detail::Attachment(detail) = &fact.detail {
            detail
        } else {
            &none
        };
        if fact.kind != Kind::VaApiCreated && !self.world.board.attachments.contains_key(&pair) {
            self.hole(id, volume);
        }
        if let Some(pv) = &detail.pv {
            self.watch.sources.insert(pair, pv.clone());
        }
        match fact.kind {
            Kind::VaApiCreated => {
                if self.world.board.attachments.contains_key(&pair) {
                    self.hole(id, volume);
                }
                self.world.board.attachments.insert(pair, Attachment::default());
                self.world.attacher.notice(pair, fact.at);
                self.step(Deed::VaCreated, fact.party.clone(), cell, &[id]);
            }
            Kind::VaApiDeleted => self.va_delete(id, fact, pair, cell),
            Kind::VaStatusPatched => self.va_status(id, fact, detail, pair, cell),
            _ => self.va_patch(id, fact, detail, pair, cell),
        }
    }

    fn va_delete(&mut self, id: FactId, fact: &Fact, pair: (Volume, Node), cell: (Option<Volume>, Option<Node>)) {
        let object = self.world.board.attachments.get(&pair);
        let told = matches!(&fact.detail, Detail::Attachment(detail) if detail.finalizer == Some(false));
        let held = !told && object.is_some_and(|object| object.finalizer || object.attached);
        let deed = match (&fact.party, held) {
            (Party::Controller, true) => Deed::VaDeleting,
            (Party::Controller, false) => Deed::VaGone,
            _ => Deed::VaDeletedByHand,
        };
        if held {
            if let Some(object) = self.world.board.attachments.get_mut(&pair) {
                object.deleting = true;
                object.finalizer = true;
            }
            self.world.attacher.notice(pair, fact.at);
        } else {
            self.world.board.attachments.remove(&pair);
        }
        self.step(deed, fact.party.clone(), cell, &[id]);
    }

    fn va_status(
        &mut self,
        id: FactId,
        fact: &Fact,
        detail: &AttachmentDetail,
        pair: (Volume, Node),
        cell: (Option<Volume>, Option<Node>),
    ) {
        let before = self.world.board.attachments.get(&pair).cloned().unwrap_or_default();
        let after = Attachment {
            attached: detail.attached.unwrap_or(before.attached),
            deleting: detail.deleting || before.deleting,
            finalizer: detail.finalizer.unwrap_or(true),
            attach_error: detail.attach_error.is_some(),
            detach_error: detail.detach_error.is_some(),
            outlived_node: before.outlived_node,
            source_gone: before.source_gone || detail.attach_error.is_some() && self.is_source_replaced(pair),
        };
        self.world.board.attachments.insert(pair, after.clone());
        self.world.attacher.up = true;
        if after.attached && !before.attached {
            self.world.driver_attached(pair);
            self.world.driver.device_missing.remove(&pair);
            self.step(Deed::VaAttached, fact.party.clone(), cell, &[id]);
        } else if after.deleting && detail.detach_error.is_some() {
            self.unpublish_failed(pair, detail.detach_error.as_deref());
            self.world.attacher.failed(pair, fact.at);
            self.step(Deed::VaDetachError, fact.party.clone(), cell, &[id])
                .error
                .clone_from(&detail.detach_error);
        } else if detail.attach_error.is_some() {
            if !after.source_gone {
                self.publish_failed(pair, detail.attach_error.as_deref());
            }
            self.world.attacher.failed(pair, fact.at);
            self.step(Deed::VaAttachError, fact.party.clone(), cell, &[id])
                .error
                .clone_from(&detail.attach_error);
        }
    }

    /// Whether the persistent volume of a `VolumeAttachment` is deleted, and another one stands for the same disk.
    fn is_source_replaced(&self, pair: (Volume, Node)) -> bool {
        let is_deleted = |pv: &crate::fact::Name| self.watch.deleted.contains(pv);
        let source = self.watch.sources.get(&pair);
        source.is_some_and(is_deleted) && self.script.cast.info(pair.0).pvs.iter().any(|pv| !is_deleted(pv))
    }

    /// What a failed detach tells: of the driver's habits, or that it was not even asked.
    pub(super) fn unpublish_failed(&mut self, pair: (Volume, Node), error: Option<&str>) {
        let text = error.unwrap_or_default();
        let answer = if !text.contains("not found") || text.contains("rpc error") {
            Answer::Refused
        } else if text.contains("persistentvolume ") {
            Answer::NoVolume
        } else if text.contains("csinode") {
            Answer::NoNodeId
        } else {
            Answer::Refused
        };
        self.world.driver.unpublish.insert(pair, answer);
    }

    /// What a failed publish call tells of the driver's habits.
    fn publish_failed(&mut self, pair: (Volume, Node), error: Option<&str>) {
        let elsewhere = self
            .world
            .driver
            .attached
            .iter()
            .any(|(volume, node)| *volume == pair.0 && *node != pair.1);
        let open = error.is_some_and(|text| text.contains("DeadlineExceeded") || text.contains("Canceled"));
        if open {
            // Nobody knows what the back-end did: it may hang there now.
            self.world.driver.attached.insert(pair);
        }
        let answer = if elsewhere {
            Answer::HeldElsewhere
        } else {
            Answer::Refused
        };
        self.world.driver.publish.insert(pair, answer);
    }

    fn va_patch(
        &mut self,
        id: FactId,
        fact: &Fact,
        detail: &AttachmentDetail,
        pair: (Volume, Node),
        cell: (Option<Volume>, Option<Node>),
    ) {
        let before = self.world.board.attachments.get(&pair).cloned().unwrap_or_default();
        if !detail.strips_finalizer {
            let object = self.world.board.attachments.entry(pair).or_default();
            object.finalizer = detail.finalizer.unwrap_or(object.finalizer);
            object.deleting |= detail.deleting;
            if fact.party == Party::Attacher {
                self.world.attacher.up = true;
                self.step(Deed::AttacherActs, fact.party.clone(), cell, &[id]);
            } else {
                self.world.attacher.notice(pair, fact.at);
            }
            return;
        }
        let gone = before.deleting || detail.deleting;
        if fact.party == Party::Attacher && !before.deleting {
            // The attacher lets go of what was deleted: who deleted it was not recorded.
            self.hole(id, pair.0);
        }
        if gone {
            self.world.board.attachments.remove(&pair);
        } else if let Some(object) = self.world.board.attachments.get_mut(&pair) {
            object.finalizer = false;
        }
        if fact.party == Party::Attacher {
            self.world.driver_detached(pair);
            self.world.attacher.up = true;
            self.step(Deed::VaGone, fact.party.clone(), cell, &[id]);
        } else {
            self.step(Deed::VaStripped, fact.party.clone(), cell, &[id]);
        }
    }

    fn pod_write(&mut self, id: FactId, fact: &Fact) {
        let Detail::Pod(detail) = &fact.detail else { return };
        let Some(pod) = self.pod_of(fact, detail) else { return };
        if let Some(name) = &fact.pod {
            self.watch.pod_now.insert(name.clone(), pod);
        }
        let bound = detail.node.as_ref().and_then(|name| self.script.cast.node_named(name));
        let known = self.world.board.pods.contains_key(&pod);
        if let (Some(node), false) = (bound, known)
            && fact.kind != Kind::PodPatched
        {
            self.pod_bound(id, fact, pod, node);
        }
        self.pod_status(id, fact, detail, pod);
    }

    /// The pod a fact means: by uid, else the one that bears the name now.
    fn pod_of(&self, fact: &Fact, detail: &PodDetail) -> Option<Pod> {
        let by_uid = detail.uid.is_some() || fact.uid.is_some();
        if by_uid {
            return self.script.cast.pod(fact);
        }
        self.watch.pod_now.get(fact.pod.as_ref()?).copied()
    }

    pub(super) fn pod_bound(&mut self, id: FactId, fact: &Fact, pod: Pod, node: Node) {
        let volumes = &self.script.cast.pod_info(pod).volumes;
        let object = PodObject {
            node,
            volumes: volumes.clone(),
            deleting: None,
            running: false,
            terminated: false,
        };
        self.world.board.pods.insert(pod, object);
        for volume in volumes {
            self.step(Deed::PodBound, fact.party.clone(), (Some(*volume), Some(node)), &[id])
                .pod = Some(pod);
        }
        self.world.deliver_pod(pod);
        for volume in volumes {
            self.world.wisher_found((*volume, node));
        }
    }

    fn pod_status(&mut self, id: FactId, fact: &Fact, detail: &PodDetail, pod: Pod) {
        let Some(object) = self.world.board.pods.get_mut(&pod) else {
            return;
        };
        let was = (object.terminated, object.running);
        if let Some(running) = detail.running {
            object.running = running;
        }
        if detail.deleting && object.deleting.is_none() {
            object.deleting = Some(fact.at);
        }
        let finished = detail
            .phase
            .as_ref()
            .is_some_and(|phase| matches!(&**phase, "Succeeded" | "Failed"));
        let stopped = object.deleting.is_some() && detail.running == Some(false);
        object.terminated = object.terminated || finished || stopped;
        if object.terminated && !was.0 {
            self.pod_steps(Deed::PodEnded, id, fact, pod);
            self.world.deliver_pod(pod);
        }
    }

    /// One step for each of a pod's volumes.
    pub(super) fn pod_steps(&mut self, deed: Deed, id: FactId, fact: &Fact, pod: Pod) {
        let Some(object) = self.world.board.pods.get(&pod) else {
            return;
        };
        let (node, volumes) = (object.node, object.volumes.clone());
        for volume in volumes {
            self.step(deed, fact.party.clone(), (Some(volume), Some(node)), &[id])
                .pod = Some(pod);
        }
    }

    fn pod_deleted(&mut self, id: FactId, fact: &Fact) {
        let none = PodDetail::default();
        let detail = if let Detail::Pod(detail) = &fact.detail {
            detail
        } else {
            &none
        };
        let Some(pod) = self.pod_of(fact, detail) else { return };
        let grace = detail.grace;
        if grace == Some(0) {
            let forced = !matches!(fact.party, Party::Kubelet(_));
            self.pod_steps(if forced { Deed::PodForced } else { Deed::PodGone }, id, fact, pod);
            self.world.board.pods.remove(&pod);
            self.world.deliver_pod(pod);
            return;
        }
        let Some(object) = self.world.board.pods.get(&pod) else {
            return;
        };
        // All it asked for is there: its containers may run though nothing told that they started.
        let (volumes, node) = (&object.volumes, object.node);
        let waits_for_none = !volumes.is_empty() && volumes.iter().all(|volume| self.world.is_mounted((*volume, node)));
        let Some(object) = self.world.board.pods.get_mut(&pod) else {
            return;
        };
        if object.deleting.is_none() {
            object.deleting = Some(fact.at + Span::secs(grace.unwrap_or(30)));
            object.terminated |= !object.running && !waits_for_none;
            self.pod_steps(Deed::PodDeleting, id, fact, pod);
            self.world.deliver_pod(pod);
        }
    }
}

/// The request was accepted, or the object was simply seen.
fn accepted(call: Option<&Call>) -> bool {
    call.is_none_or(Call::ok)
}

/// Whether a patch of a node's status sets `volumesInUse`, or nothing tells what it sets.
fn asks_for_in_use(fact: &Fact) -> bool {
    let Detail::Node(detail) = &fact.detail else {
        return true;
    };
    detail.patch.as_ref().is_none_or(|patch| patch.in_use.is_some())
}

/// Whether a patch of a node's status is about `volumesAttached` (or cannot be told apart from one).
pub(super) fn asks_for_report(fact: &Fact) -> bool {
    let Detail::Node(detail) = &fact.detail else {
        return false;
    };
    detail
        .patch
        .as_ref()
        .is_some_and(|patch| patch.attached.is_some() || patch.empty)
}
