//! What outlives a kubelet process on its node: the pods as the pod manager and the pod workers know them, and the
//! mounts on disk.
//!
//! In: pods that come and go, answers of the volume plugin's calls. Out: what the populator walks and what a restarted
//! kubelet finds. The volume manager sees pods only through four questions (is the object there, is it terminating,
//! may its runtime be removed, which volumes), so that is all a pod is here.

use std::collections::BTreeMap;

use crate::model::{PodId, VolumeId};

/// How far a pod's containers are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PodPhase {
    /// They run, or will.
    Running,
    /// They are being stopped (deletion requested); some still run.
    Terminating,
    /// None runs any more.
    Stopped,
}

/// A pod on this node.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pod {
    /// Its volumes, in the order of its spec.
    pub volumes: Vec<VolumeId>,
    /// Whether the kubelet still has the object.
    pub object: bool,
    /// How far its containers are; goes on being true after the object has gone.
    pub phase: PodPhase,
}

/// What a call left on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OnDisk {
    /// A call that succeeded.
    Made,
    /// Only calls that ended uncertain; a final failure takes it away again.
    MaybeMade,
}

/// The node under the kubelet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Host {
    /// All pods that have been on the node.
    pub pods: BTreeMap<PodId, Pod>,
    /// Pod mounts, by pod, then volume, as directories are walked.
    pub mounts: BTreeMap<(PodId, VolumeId), OnDisk>,
    /// Staged volumes.
    pub staged: BTreeMap<VolumeId, OnDisk>,
}

impl Host {
    /// A pod is there. A pod whose object the kubelet still has does not change.
    pub fn pod_added(&mut self, pod: PodId, volumes: Vec<VolumeId>) {
        if !self.pods.get(&pod).is_some_and(|known| known.object) {
            self.pods.insert(
                pod,
                Pod {
                    volumes,
                    object: true,
                    phase: PodPhase::Running,
                },
            );
        }
    }

    /// A pod's containers have come this far; they never go back.
    pub fn pod_reached(&mut self, pod: PodId, phase: PodPhase) {
        if let Some(known) = self.pods.get_mut(&pod) {
            known.phase = known.phase.max(phase);
        }
    }

    /// The pod object is gone; its containers are as before.
    pub fn pod_object_gone(&mut self, pod: PodId) {
        if let Some(known) = self.pods.get_mut(&pod) {
            known.object = false;
        }
    }

    /// The pod, if its object is there.
    #[must_use]
    pub fn object(&self, pod: PodId) -> Option<&Pod> {
        self.pods.get(&pod).filter(|known| known.object)
    }

    /// Whether no container of the pod runs, or may run, any more. True for a pod never heard of.
    #[must_use]
    pub fn stopped(&self, pod: PodId) -> bool {
        self.pods.get(&pod).is_none_or(|known| known.phase == PodPhase::Stopped)
    }
}

/// How a call that makes something ended, as far as the disk shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trace {
    Made,
    MaybeMade,
    Failed,
    Untouched,
}

/// Writes what a call left into one of the host's maps.
pub(super) fn leave<K: Ord>(map: &mut BTreeMap<K, OnDisk>, key: K, trace: Trace) {
    match trace {
        Trace::Made => {
            map.insert(key, OnDisk::Made);
        }
        Trace::MaybeMade => {
            map.entry(key).or_insert(OnDisk::MaybeMade);
        }
        Trace::Failed => {
            if map.get(&key) == Some(&OnDisk::MaybeMade) {
                map.remove(&key);
            }
        }
        Trace::Untouched => {}
    }
}
