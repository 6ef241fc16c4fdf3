//! The controller's desired state of world: which volumes its pods want on which of the nodes that it manages.
//!
//! In: pods and nodes as handlers and the populator see them. Out: the (volume, node) pairs to attach, each with its
//! pods. Pods on nodes that are not managed are not looked at.

use super::asw::Missing;
use super::{Cell, Names, NodeId, PodId, VolumeId};

/// A node whose volumes this controller attaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Managed {
    /// The node.
    pub node: NodeId,
    /// Whether terminated pods keep their volumes, as the node's annotation said when it first became managed; the
    /// releases that have `no_keep_terminated_volumes` don't ask.
    pub keep_terminated: bool,
}

/// A volume that pods want on a node.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Wanted {
    /// Volume and node.
    pub cell: Cell,
    /// Whether a multi-attach event was sent for it already.
    pub multi_attach_told: bool,
    /// The pods, sorted; never empty.
    pub pods: Vec<PodId>,
}

/// The desired state of world.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Desired {
    /// Sorted by node.
    nodes: Vec<Managed>,
    /// Sorted by volume, then node.
    wanted: Vec<Wanted>,
}

impl Desired {
    /// The same as if there were only this volume, and only the nodes that `keeps` tells.
    #[must_use]
    pub fn only(&self, volume: VolumeId, keeps: &dyn Fn(NodeId) -> bool) -> Desired {
        let wanted = self.wanted.iter().filter(|wanted| wanted.cell.volume == volume);
        Desired {
            nodes: self
                .nodes
                .iter()
                .filter(|managed| keeps(managed.node))
                .copied()
                .collect(),
            wanted: wanted.cloned().collect(),
        }
    }

    /// The same under other names.
    #[must_use]
    pub(crate) fn renamed(&self, names: &Names) -> Desired {
        let nodes = self.nodes.iter().map(|managed| Managed {
            node: names.node(managed.node),
            ..*managed
        });
        let wanted = self.wanted.iter().map(|wanted| Wanted {
            cell: names.cell(wanted.cell),
            multi_attach_told: wanted.multi_attach_told,
            pods: names.pods(&wanted.pods),
        });
        let mut renamed = Desired {
            nodes: nodes.collect(),
            wanted: wanted.collect(),
        };
        renamed.nodes.sort_unstable_by_key(|managed| managed.node);
        renamed.wanted.sort_unstable_by_key(|wanted| wanted.cell);
        renamed
    }

    fn find(&self, cell: Cell) -> Result<usize, usize> {
        self.wanted.binary_search_by_key(&cell, |wanted| wanted.cell)
    }

    /// The managed nodes, sorted.
    #[must_use]
    pub fn nodes(&self) -> &[Managed] {
        &self.nodes
    }

    /// All that is wanted, sorted by volume, then node.
    #[must_use]
    pub fn wanted(&self) -> &[Wanted] {
        &self.wanted
    }

    /// A wanted pair.
    #[must_use]
    pub fn get(&self, cell: Cell) -> Option<&Wanted> {
        self.find(cell).ok().and_then(|at| self.wanted.get(at))
    }

    /// Whether a pod wants the volume on the node.
    #[must_use]
    pub fn wants(&self, cell: Cell) -> bool {
        self.find(cell).is_ok()
    }

    /// A managed node.
    #[must_use]
    pub fn node(&self, node: NodeId) -> Option<Managed> {
        let at = self.nodes.binary_search_by_key(&node, |managed| managed.node).ok()?;
        self.nodes.get(at).copied()
    }

    /// Begins to manage a node; one that is managed stays as it is.
    pub fn add_node(&mut self, node: NodeId, keep_terminated: bool) {
        if let Err(at) = self.nodes.binary_search_by_key(&node, |managed| managed.node) {
            self.nodes.insert(at, Managed { node, keep_terminated });
        }
    }

    /// Stops to manage a node. One whose volumes are still wanted stays (an error, for good unless it is deleted again).
    pub fn delete_node(&mut self, node: NodeId) -> Result<(), StillWanted> {
        let wanted = self.wanted.iter().filter(|wanted| wanted.cell.node == node).count();
        if wanted > 0 {
            return Err(StillWanted(wanted));
        }
        self.nodes.retain(|managed| managed.node != node);
        Ok(())
    }

    /// Adds a pod's wish; an error on a node that is not managed.
    pub fn add_pod(&mut self, pod: PodId, cell: Cell) -> Result<(), Missing> {
        self.node(cell.node).ok_or(Missing)?;
        match self.find(cell) {
            Ok(at) => {
                let pods = &mut self.wanted[at].pods;
                if let Err(at) = pods.binary_search(&pod) {
                    pods.insert(at, pod);
                }
            }
            Err(at) => {
                self.wanted.insert(
                    at,
                    Wanted {
                        cell,
                        multi_attach_told: false,
                        pods: vec![pod],
                    },
                );
            }
        }
        Ok(())
    }

    /// Drops a pod's wish, and the pair with its last pod.
    pub fn delete_pod(&mut self, pod: PodId, cell: Cell) {
        let Ok(at) = self.find(cell) else { return };
        let pods = &mut self.wanted[at].pods;
        pods.retain(|&other| other != pod);
        if pods.is_empty() {
            self.wanted.remove(at);
        }
    }

    /// Remembers that the multi-attach event was sent.
    pub fn set_multi_attach_told(&mut self, cell: Cell) {
        if let Ok(at) = self.find(cell) {
            self.wanted[at].multi_attach_told = true;
        }
    }

    /// The pods that want a volume on these nodes, by node in the order given.
    #[must_use]
    pub fn pods_on(&self, nodes: &[NodeId], volume: VolumeId) -> Vec<PodId> {
        nodes
            .iter()
            .filter_map(|&node| self.get(Cell { volume, node }))
            .flat_map(|wanted| wanted.pods.iter().copied())
            .collect()
    }

    /// One pair for each pod, sorted by pod: what the populator can drop in one round. The real code walks a map and
    /// keeps the last pair that it meets; here that is the last by node, then volume.
    #[must_use]
    pub fn one_pair_per_pod(&self) -> Vec<(PodId, Cell)> {
        let mut all: Vec<(PodId, NodeId, VolumeId)> = Vec::new();
        for wanted in &self.wanted {
            all.extend(
                wanted
                    .pods
                    .iter()
                    .map(|&pod| (pod, wanted.cell.node, wanted.cell.volume)),
            );
        }
        all.sort_unstable();
        let last = |(at, &(pod, ..)): (usize, &(PodId, _, _))| all.get(at + 1).is_none_or(|next| next.0 != pod);
        let kept = all.iter().enumerate().filter(|&(at, entry)| last((at, entry)));
        kept.map(|(_, &(pod, node, volume))| (pod, Cell { volume, node }))
            .collect()
    }
}

/// Why a node stays managed: this many of its volumes are still wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StillWanted(pub usize);
