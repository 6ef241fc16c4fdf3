//! Moves that facts tell: how the replay leads the cluster where the logs say it went.
//!
//! In: what a line says happened to a pair. Out: the controller's state moved by its own rules where they allow it, and
//! set to what the line says where they don't (the replay then reports the line as unexplained).

use std::collections::BTreeSet;

use super::World;
use super::board::{Board, Pair, PodObject, at};
use super::driver::Answer;
use super::process::Process;
use crate::model::asw::Attachment as Belief;
use crate::model::outside::Note;
use crate::model::pending::OpName;
use crate::model::{NodeId, PathId, PodId, VolumeId};
use crate::time::Time;

/// Ids of pods that nobody named: somebody must have wanted the volume there.
fn nameless(pair: Pair) -> PodId {
    PodId(u32::MAX - (pair.0.0.wrapping_mul(4099).wrapping_add(pair.1.0) & 0x00ff_ffff))
}

impl World {
    /// Whether the controller wants the pair.
    #[must_use]
    pub fn desires(&self, pair: Pair) -> bool {
        self.process
            .as_ref()
            .is_some_and(|process| process.controller.desired.wants(at(pair)))
    }

    /// Somebody wants it there, though no pod is known to.
    pub fn assume_wanted(&mut self, pair: Pair) {
        let Some(process) = self.process.as_mut() else { return };
        let known = self
            .board
            .pods
            .iter()
            .find(|(_, pod)| pod.node == pair.1 && pod.volumes.contains(&pair.0) && !pod.terminated);
        let pod = known.map_or_else(|| nameless(pair), |(id, _)| *id);
        if known.is_none() {
            let object = PodObject {
                node: pair.1,
                volumes: vec![pair.0],
                deleting: None,
                running: false,
                terminated: false,
            };
            self.board.pods.insert(pod, object);
        }
        if process.controller.desired.node(pair.1).is_none() {
            process.controller.desired.add_node(pair.1, false);
        }
        let _ = process.controller.desired.add_pod(pod, at(pair));
    }

    /// A pod that was gone before the controller counted it wants it there: the populator's next round ends that.
    pub fn assume_ghost(&mut self, pair: Pair) {
        self.assume_wanted(pair);
        self.board.pods.remove(&nameless(pair));
    }

    /// Whether all pods for which the controller wants the pair are gone.
    #[must_use]
    pub fn is_wanted_by_ghosts(&self, pair: Pair) -> bool {
        let process = self.process.as_ref();
        let wanted = process.and_then(|process| process.controller.desired.get(at(pair)));
        wanted.is_some_and(|wanted| wanted.pods.iter().all(|pod| !self.board.pods.contains_key(pod)))
    }

    /// Who wants it there has come to light: nobody else was meant by [`World::assume_wanted`].
    pub fn wisher_found(&mut self, pair: Pair) {
        if self.board.pods.remove(&nameless(pair)).is_none() {
            return;
        }
        if let Some(process) = self.process.as_mut() {
            process.controller.desired.delete_pod(nameless(pair), at(pair));
        }
    }

    /// Nobody wants it there any more, whatever is known of pods.
    pub fn assume_unwanted(&mut self, pair: Pair) {
        self.board.pods.remove(&nameless(pair));
        let Some(process) = self.process.as_mut() else { return };
        let pods = process
            .controller
            .desired
            .get(at(pair))
            .map_or(Vec::new(), |wanted| wanted.pods.clone());
        for pod in pods {
            process.controller.desired.delete_pod(pod, at(pair));
        }
    }

    /// Whether the controller holds the pair, and whether confirmed.
    #[must_use]
    pub fn held(&self, pair: Pair) -> Option<bool> {
        self.process.as_ref().and_then(|process| process.held(pair))
    }

    /// The controller holds the pair, though nobody saw how it came to.
    pub fn assume_held(&mut self, pair: Pair, confirmed: bool) {
        let Some(process) = self.process.as_mut() else { return };
        let due = process.is_due(pair.1);
        if confirmed {
            process.controller.actual.mark_attached(at(pair), true, PathId::NONE);
            if !due && self.board.reported(pair) {
                process.patched(pair.1);
            }
        } else {
            process.controller.actual.mark_uncertain(at(pair), true);
        }
    }

    /// An attach starts: by the reconciler's decision, or in spite of it.
    pub fn attach_begins(&mut self, pair: Pair) {
        let started = |note: &Note| matches!(note, Note::AttachStarted(..));
        self.begins(pair, OpName::Attach, Process::try_attach, started);
    }

    /// A detach starts: by the reconciler's decision, or in spite of it.
    pub fn detach_begins(&mut self, pair: Pair) {
        let started = |note: &Note| matches!(note, Note::DetachStarted(..));
        self.begins(pair, OpName::Detach, Process::try_detach, started);
    }

    /// Asks the reconciler until it starts the operation, each time with one more obstacle out of its way.
    fn begins(
        &mut self,
        pair: Pair,
        op: OpName,
        decide: fn(&mut Process, Pair, Time, &Board) -> Vec<Note>,
        started: impl Fn(&Note) -> bool,
    ) {
        let now = self.now;
        for attempt in 0..4 {
            let Some(process) = self.process.as_mut() else { return };
            // Clocks in logs are a little late: what the back-off refuses now it allows a moment later.
            let at = if attempt == 0 {
                now
            } else {
                process.retry_at(pair, op).unwrap_or(now).max(now)
            };
            let notes = decide(process, pair, at, &self.board);
            if notes.iter().any(&started) {
                return;
            }
            self.clear_the_way(pair, &notes);
        }
    }

    /// Takes away what kept an operation from starting that did start.
    fn clear_the_way(&mut self, pair: Pair, notes: &[Note]) {
        let (now, exclusive) = (self.now, self.is_exclusive(pair.0));
        let Some(process) = self.process.as_mut() else { return };
        for note in notes {
            match note {
                Note::SkippedPending(..) => {
                    if let Some((detach, node)) = process.operation_near(pair) {
                        let other = (pair.0, node);
                        if detach {
                            process.detach_ended(other, false, now, &self.board);
                        } else {
                            process.attach_ended(other, false, now, &self.board);
                        }
                    }
                }
                Note::Touched(..) => process.controller.actual.mark_detached(at(pair)),
                Note::MultiAttach(_, held) if exclusive => {
                    for holder in &held.nodes {
                        process.controller.actual.mark_detached(at((pair.0, *holder)));
                    }
                }
                Note::StillHeld(..) => {
                    let holders: Vec<NodeId> = process.controller.actual.nodes_holding(pair.0).collect();
                    for holder in holders {
                        process.controller.actual.mark_detached(at((pair.0, holder)));
                    }
                }
                _ => {}
            }
        }
    }

    /// Whether the volume's driver attaches at all.
    #[must_use]
    pub fn attaches(&self, volume: VolumeId) -> bool {
        !self.board.unattachable.contains(&volume)
    }

    /// Pairs that the controller wants although their driver attaches nothing.
    #[must_use]
    pub fn wanted_in_vain(&self) -> Vec<Pair> {
        let volumes = self.board.unattachable.iter();
        let Some(process) = self.process.as_ref().filter(|_| volumes.len() > 0) else {
            return Vec::new();
        };
        let wanted = process.controller.desired.wanted().iter();
        let pairs = wanted.map(|wanted| (wanted.cell.volume, wanted.cell.node));
        pairs.filter(|pair| !self.attaches(pair.0)).collect()
    }

    /// The `CSIDriver` of the volume says whether it attaches; true if that is new.
    pub fn set_attaches(&mut self, volume: VolumeId, attaches: bool) -> bool {
        if attaches {
            self.board.unattachable.remove(&volume)
        } else {
            self.board.unattachable.insert(volume)
        }
    }

    /// The driver attached the volume when it was asked to.
    pub fn driver_attached(&mut self, pair: Pair) {
        self.driver.attached.insert(pair);
        self.driver.publish.insert(pair, Answer::Done);
        self.attacher.forget(pair);
    }

    /// The driver let go of the volume when it was asked to.
    pub fn driver_detached(&mut self, pair: Pair) {
        self.driver.attached.remove(&pair);
        self.driver.unpublish.insert(pair, Answer::Done);
        self.attacher.forget(pair);
    }

    /// The attach of this pair ended.
    pub fn attach_ended(&mut self, pair: Pair, ok: bool) {
        let now = self.now;
        let Some(process) = self.process.as_mut() else { return };
        if process.operation_on(pair) == Some(false) {
            process.attach_ended(pair, ok, now, &self.board);
        } else if ok {
            process.controller.actual.mark_attached(at(pair), true, PathId::NONE);
        } else {
            process.controller.actual.mark_uncertain(at(pair), true);
        }
    }

    /// The detach of this pair ended.
    pub fn detach_ended(&mut self, pair: Pair, ok: bool) {
        let now = self.now;
        let Some(process) = self.process.as_mut() else { return };
        if process.operation_on(pair) == Some(true) {
            process.detach_ended(pair, ok, now, &self.board);
        } else if ok {
            process.controller.actual.mark_detached(at(pair));
        }
    }

    /// A retry of a detach that the log shows as tried and not started, or that must have been tried meanwhile. True if
    /// the model took the volume off the report and did not start the detach.
    pub fn retry_refused(&mut self, pair: Pair) -> bool {
        let now = self.now;
        let Some(process) = self.process.as_mut() else {
            return false;
        };
        let mut fork = process.clone();
        let notes = fork.try_detach(pair, now, &self.board);
        let started = notes.iter().any(|note| matches!(note, Note::DetachStarted(..)));
        let dropped = notes.iter().any(|note| matches!(note, Note::Unreported(..)));
        if started || !dropped {
            return false;
        }
        *process = fork;
        true
    }

    /// The operation that runs on a volume: whether it is a detach, and the node.
    #[must_use]
    pub fn operation(&self, volume: VolumeId) -> Option<(bool, NodeId)> {
        self.process.as_ref()?.operation(volume)
    }

    /// The operation that runs on a pair: whether it is a detach.
    #[must_use]
    pub fn operation_on(&self, pair: Pair) -> Option<bool> {
        self.process.as_ref()?.operation_on(pair)
    }

    /// The operation on a pair, else one of its volume on another node: whether it is a detach, and the node.
    #[must_use]
    pub fn operation_near(&self, pair: Pair) -> Option<(bool, NodeId)> {
        self.process.as_ref()?.operation_near(pair)
    }

    /// Whether the pair stands in the controller's list to report.
    #[must_use]
    pub fn on_report(&self, pair: Pair) -> bool {
        self.process
            .as_ref()
            .is_some_and(|process| process.controller.actual.is_reported(at(pair)))
    }

    /// Takes the pair off the list to report.
    pub fn unreport(&mut self, pair: Pair) {
        if let Some(process) = self.process.as_mut() {
            let _ = process.controller.actual.report_remove(at(pair));
        }
    }

    /// Puts the pair on the list to report.
    pub fn put_on_report(&mut self, pair: Pair) {
        if let Some(process) = self.process.as_mut() {
            process.controller.actual.report_add(at(pair));
        }
    }

    /// The list to report of a node.
    #[must_use]
    pub fn report(&self, node: NodeId) -> BTreeSet<VolumeId> {
        let Some(process) = self.process.as_ref() else {
            return BTreeSet::new();
        };
        let reports = process.controller.actual.reports();
        reports
            .iter()
            .filter(|report| report.node == node)
            .flat_map(|report| report.volumes.iter().copied())
            .collect()
    }

    /// The node's list was sent: no patch is due.
    pub fn patched(&mut self, node: NodeId) {
        if let Some(process) = self.process.as_mut() {
            process.patched(node);
        }
    }

    /// Whether a patch of the node's list is due.
    #[must_use]
    pub fn is_due(&self, node: NodeId) -> bool {
        self.process.as_ref().is_some_and(|process| process.is_due(node))
    }

    /// Makes a patch due, or forgets that one is.
    pub fn set_due(&mut self, node: NodeId, due: bool) {
        let Some(process) = self.process.as_mut() else { return };
        if due {
            let _ = process.controller.actual.set_needed(node);
        } else {
            process.patched(node);
        }
    }

    /// Whether a detach of the pair would be refused by back-off now.
    #[must_use]
    pub fn detach_backs_off(&self, pair: Pair) -> bool {
        self.process
            .as_ref()
            .is_some_and(|process| process.detach_backs_off(pair, self.now))
    }

    /// Pairs whose detach backs off now.
    #[must_use]
    pub fn backing_off(&self) -> Vec<Pair> {
        let Some(process) = self.process.as_ref() else {
            return Vec::new();
        };
        process
            .controller
            .actual
            .pairs()
            .iter()
            .map(|pair| (pair.cell.volume, pair.cell.node))
            .filter(|pair| process.detach_backs_off(*pair, self.now))
            .collect()
    }

    /// When an operation on the pair last failed.
    #[must_use]
    pub fn failed_at(&self, pair: Pair) -> Option<Time> {
        self.process.as_ref()?.failed_at(pair)
    }

    /// Whether the controller counts the pair as mounted.
    #[must_use]
    pub fn counts_mounted(&self, pair: Pair) -> bool {
        let seen = self
            .process
            .as_ref()
            .and_then(|process| process.controller.actual.get(at(pair)));
        seen.is_some_and(|seen| seen.mounted)
    }

    /// Sets what the controller counts as mounted for one pair.
    pub fn set_mounted(&mut self, pair: Pair, mounted: bool) {
        if let Some(process) = self.process.as_mut() {
            let _ = process.controller.actual.set_mounted(at(pair), mounted);
        }
    }

    /// The controller read a node's volumesInUse.
    pub fn set_in_use(&mut self, node: NodeId, volumes: &BTreeSet<VolumeId>) {
        if let Some(process) = self.process.as_mut() {
            let volumes: Vec<VolumeId> = volumes.iter().copied().collect();
            process.controller.actual.set_in_use(node, &volumes);
        }
    }

    /// The once-a-minute check dropped the pair.
    pub fn sync_lost(&mut self, pair: Pair) {
        if let Some(process) = self.process.as_mut() {
            process.controller.actual.mark_detached(at(pair));
        }
    }

    /// The controller does not know the volume's spec.
    pub fn forget_spec(&mut self, pair: Pair) {
        let Some(process) = self.process.as_mut() else { return };
        let Some(seen) = process.controller.actual.get(at(pair)).filter(|seen| seen.spec_known) else {
            return;
        };
        let due = process.is_due(pair.1);
        if seen.attachment == Belief::Attached && process.controller.actual.is_reported(at(pair)) {
            process.controller.actual.mark_attached(at(pair), false, seen.path);
            if !due {
                process.patched(pair.1);
            }
        }
    }

    /// Nodes that the controller holds the volume on.
    #[must_use]
    pub fn holders(&self, volume: VolumeId) -> Vec<NodeId> {
        let Some(process) = self.process.as_ref() else {
            return Vec::new();
        };
        process
            .controller
            .actual
            .pairs_of(volume)
            .iter()
            .map(|pair| pair.cell.node)
            .collect()
    }
}
