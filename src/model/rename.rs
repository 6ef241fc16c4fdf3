//! The same state under other names: a search takes worlds for one that differ in what things are called only.
//!
//! In: new ids for old ones. Out: the renamed controller, its lists in the order of the new ids, so that two controllers
//! that are the same but for their names become equal.

use super::controller::Controller;
use super::pending::Key;
use super::{Cell, NodeId, PodId, VolumeId};

/// New ids, by old id. An id beyond the end stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    /// By node.
    pub nodes: Vec<NodeId>,
    /// By volume.
    pub volumes: Vec<VolumeId>,
    /// By pod.
    pub pods: Vec<PodId>,
}

impl Names {
    /// A node's new id.
    #[must_use]
    pub fn node(&self, node: NodeId) -> NodeId {
        self.nodes.get(node.index()).copied().unwrap_or(node)
    }

    /// A volume's new id.
    #[must_use]
    pub fn volume(&self, volume: VolumeId) -> VolumeId {
        self.volumes.get(volume.index()).copied().unwrap_or(volume)
    }

    /// A pod's new id.
    #[must_use]
    pub fn pod(&self, pod: PodId) -> PodId {
        self.pods.get(pod.index()).copied().unwrap_or(pod)
    }

    /// A pair's new ids.
    #[must_use]
    pub fn cell(&self, cell: Cell) -> Cell {
        Cell::new(self.volume(cell.volume), self.node(cell.node))
    }

    /// A key's new ids.
    pub(super) fn key(&self, key: Key) -> Key {
        Key {
            volume: key.volume.map(|volume| self.volume(volume)),
            pod: key.pod.map(|pod| self.pod(pod)),
            node: key.node.map(|node| self.node(node)),
        }
    }

    /// Volumes' new ids, sorted.
    pub(super) fn volumes(&self, volumes: &[VolumeId]) -> Vec<VolumeId> {
        sorted(volumes.iter().map(|&volume| self.volume(volume)).collect())
    }

    /// Pods' new ids, sorted.
    pub(super) fn pods(&self, pods: &[PodId]) -> Vec<PodId> {
        sorted(pods.iter().map(|&pod| self.pod(pod)).collect())
    }
}

fn sorted<T: Ord>(mut list: Vec<T>) -> Vec<T> {
    list.sort_unstable();
    list
}

impl Controller {
    /// The same under other names.
    #[must_use]
    pub fn renamed(&self, names: &Names) -> Controller {
        let mut renamed = Controller {
            profile: self.profile,
            config: self.config,
            desired: self.desired.renamed(names),
            actual: self.actual.renamed(names),
            pending: self.pending.renamed(names),
            running: self.running.iter().map(|run| run.renamed(names)).collect(),
            pods_listed: self.pods_listed,
            checked: self.checked,
        };
        renamed.put_in_order();
        renamed
    }

    /// Puts lists in order whose order no rule looks at: the operations under way, and the entries of the lock where
    /// each is about another volume.
    pub(super) fn put_in_order(&mut self) {
        self.running.sort_by_key(|run| (run.volume(), run.node()));
        self.pending.put_in_order();
    }
}
