//! The API server as the shared board: the objects that parties write and watch.
//!
//! In: writes. Out: what stands there. Plain data, small enough to clone for every fork of a run; who may write what,
//! and who looks when, is the parties' business.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use crate::model::{Cell, NodeId, PodId, VolumeId};
use crate::time::Time;

/// One (volume, node) pair.
pub type Pair = (VolumeId, NodeId);

/// The model's name of a pair.
#[must_use]
pub const fn at((volume, node): Pair) -> Cell {
    Cell::new(volume, node)
}

/// All pairs of one volume, as a range of those in order.
#[must_use]
pub const fn all_of(volume: VolumeId) -> RangeInclusive<Pair> {
    (volume, NodeId(0))..=(volume, NodeId(u32::MAX))
}

/// What a map of pairs holds of one volume.
#[must_use]
pub fn of_volume<T: Clone>(pairs: &BTreeMap<Pair, T>, volume: VolumeId) -> BTreeMap<Pair, T> {
    let range = pairs.range(all_of(volume));
    range.map(|(pair, value)| (*pair, value.clone())).collect()
}

/// All objects that the machinery meets at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Board {
    /// Node objects that exist.
    pub nodes: BTreeMap<NodeId, NodeObject>,
    /// `VolumeAttachment` objects that exist.
    pub attachments: BTreeMap<Pair, Attachment>,
    /// Pods that are bound to a node and exist.
    pub pods: BTreeMap<PodId, PodObject>,
    /// Volumes whose driver attaches nothing: its `CSIDriver` says `attachRequired: false`.
    pub unattachable: BTreeSet<VolumeId>,
    /// What the API server does otherwise than asked; nothing in a world that is left alone.
    pub trouble: Trouble,
}

/// Requests that will fail, each so many times more, and watches that stand still. A simulation sets them; the replay
/// takes failures from its facts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trouble {
    /// Patches of a node's status by the controller.
    pub patches: BTreeMap<NodeId, u32>,
    /// Deletions of a `VolumeAttachment` by the controller.
    pub deletions: BTreeMap<Pair, u32>,
    /// Reads of a `VolumeAttachment` by the minutely check.
    pub reads: BTreeMap<Pair, u32>,
    /// Volumes whose claim is gone: what a pod wants of them can no longer be worked out.
    pub unresolvable: BTreeSet<VolumeId>,
    /// Nodes that the controller's informer still has as they were.
    pub stale: BTreeMap<NodeId, NodeObject>,
}

/// Takes one from a counter; whether there was one.
pub fn strike<K: Ord>(counters: &mut BTreeMap<K, u32>, key: &K) -> bool {
    let Some(left) = counters.get_mut(key).filter(|left| **left > 0) else {
        return false;
    };
    *left -= 1;
    true
}

/// A Node object, as far as attach and detach look at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeObject {
    /// `status.volumesAttached`.
    pub attached: BTreeSet<VolumeId>,
    /// `status.volumesInUse`.
    pub in_use: BTreeSet<VolumeId>,
    /// Condition Ready is True.
    pub ready: bool,
    /// The managed annotation is present.
    pub managed: bool,
    /// The out-of-service taint is present.
    pub out_of_service: bool,
}

impl Default for NodeObject {
    fn default() -> Self {
        NodeObject {
            attached: BTreeSet::new(),
            in_use: BTreeSet::new(),
            ready: true,
            managed: true,
            out_of_service: false,
        }
    }
}

/// A `VolumeAttachment` object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attachment {
    /// `status.attached`.
    pub attached: bool,
    /// `metadata.deletionTimestamp` is set.
    pub deleting: bool,
    /// The attacher's finalizer holds it.
    pub finalizer: bool,
    /// `status.attachError` is set.
    pub attach_error: bool,
    /// `status.detachError` is set.
    pub detach_error: bool,
    /// The Node object for which it was made is gone; another one of that name may be another machine.
    pub outlived_node: bool,
    /// The persistent volume for which it was made is deleted, and another one stands for the same disk: its name is the
    /// same, and the attacher does not attach it (kubernetes#141541).
    pub source_gone: bool,
}

/// A pod bound to a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodObject {
    /// Where it is bound.
    pub node: NodeId,
    /// Its attachable volumes.
    pub volumes: Vec<VolumeId>,
    /// `deletionTimestamp` is set, and when its grace ends.
    pub deleting: Option<Time>,
    /// A container of it runs.
    pub running: bool,
    /// Phase Succeeded or Failed, or deleting with no container running: the controller no longer counts it.
    pub terminated: bool,
}

impl Board {
    /// The same as if there were only this volume, and only the nodes that `keeps` tells.
    #[must_use]
    pub fn only(&self, volume: VolumeId, keeps: &dyn Fn(NodeId) -> bool) -> Board {
        let of = |volumes: &BTreeSet<VolumeId>| volumes.get(&volume).copied().into_iter().collect();
        let nodes = self.nodes.iter().filter(|(node, _)| keeps(**node));
        let pods = self.pods.iter().filter(|(_, pod)| pod.volumes.contains(&volume));
        Board {
            nodes: nodes
                .map(|(node, object)| {
                    let object = NodeObject {
                        attached: of(&object.attached),
                        in_use: of(&object.in_use),
                        ..*object
                    };
                    (*node, object)
                })
                .collect(),
            attachments: of_volume(&self.attachments, volume),
            pods: pods
                .map(|(id, pod)| {
                    let volumes = vec![volume];
                    (*id, PodObject { volumes, ..*pod })
                })
                .collect(),
            unattachable: of(&self.unattachable),
            trouble: self.trouble.clone(),
        }
    }

    /// Whether a pod that counts wants the volume on that node.
    #[must_use]
    pub fn wanted(&self, (volume, node): Pair) -> bool {
        self.pods
            .values()
            .any(|pod| pod.node == node && !pod.terminated && pod.volumes.contains(&volume))
    }

    /// Whether the volume stands in the node's `volumesAttached`.
    #[must_use]
    pub fn reported(&self, (volume, node): Pair) -> bool {
        self.nodes
            .get(&node)
            .is_some_and(|object| object.attached.contains(&volume))
    }

    /// Whether the volume stands in the node's `volumesInUse`.
    #[must_use]
    pub fn in_use(&self, (volume, node): Pair) -> bool {
        self.nodes
            .get(&node)
            .is_some_and(|object| object.in_use.contains(&volume))
    }
}
