//! A small world: the model's controller, and around it API objects, an attacher with its driver, kubelets and pods.
//!
//! In: a [`Setup`]. Out: a [`World`], a plain value that is cloned, compared and hashed. What surrounds the controller is
//! kept as coarse as the rules allow: the search is about the controller, and each detail multiplies the states.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use super::setup::{Fault, Faults, Setup};
use crate::model::controller::{NodeView, PodView};
use crate::model::{Cell, Config, Controller, Names, NodeId, PathId, PodId, VolumeId};
use crate::time::Time;

/// The only moment there is: memories age instead, see [`Controller::elapse`].
pub const NOW: Time = Time(0);

/// A set of volumes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Volumes(u8);

impl Volumes {
    /// Whether a volume is in it.
    #[must_use]
    pub const fn has(self, volume: VolumeId) -> bool {
        self.0 >> volume.0 & 1 == 1
    }

    /// Puts a volume in or takes it out.
    pub fn set(&mut self, volume: VolumeId, is_in: bool) {
        self.0 = self.0 & !(1 << volume.0) | u8::from(is_in) << volume.0;
    }

    /// What is in either.
    #[must_use]
    pub const fn or(self, other: Volumes) -> Volumes {
        Volumes(self.0 | other.0)
    }

    /// The volumes, in their order.
    pub fn iter(self) -> impl Iterator<Item = VolumeId> {
        (0..8).map(VolumeId).filter(move |&volume| self.has(volume))
    }
}

impl FromIterator<VolumeId> for Volumes {
    fn from_iter<I: IntoIterator<Item = VolumeId>>(volumes: I) -> Volumes {
        let mut set = Volumes::default();
        volumes.into_iter().for_each(|volume| set.set(volume, true));
        set
    }
}

/// How a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Health {
    /// Its kubelet does its work.
    Works,
    /// Its kubelet lives, but gets nothing mounted or unmounted.
    Stuck,
    /// It is not Ready and does nothing.
    Dead,
}

/// A node: its object, what the controller's informer has of it, and its kubelet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Node {
    /// `status.volumesAttached`.
    pub attached: Volumes,
    /// `status.volumesInUse`.
    pub in_use: Volumes,
    /// `status.volumesAttached` in the controller's informer.
    pub cached_attached: Volumes,
    /// `status.volumesInUse` in the controller's informer.
    pub cached_in_use: Volumes,
    /// The informer does not hear of changes.
    pub lags: bool,
    /// What the kubelet has mounted.
    pub mounted: Volumes,
    /// How it is.
    pub health: Health,
}

impl Node {
    const NEW: Node = Node {
        attached: Volumes(0),
        in_use: Volumes(0),
        cached_attached: Volumes(0),
        cached_in_use: Volumes(0),
        lags: false,
        mounted: Volumes(0),
        health: Health::Works,
    };

    /// The same with its volumes under other names.
    fn renamed(self, names: &Names) -> Node {
        let set = |volumes: Volumes| volumes.iter().map(|volume| names.volume(volume)).collect();
        Node {
            attached: set(self.attached),
            in_use: set(self.in_use),
            cached_attached: set(self.cached_attached),
            cached_in_use: set(self.cached_in_use),
            lags: self.lags,
            mounted: set(self.mounted),
            health: self.health,
        }
    }

    /// Whether the informer has what the API has.
    #[must_use]
    pub fn is_fresh(&self) -> bool {
        self.cached_attached == self.attached && self.cached_in_use == self.in_use
    }
}

/// A `VolumeAttachment`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Object {
    /// There is none.
    None,
    /// Created.
    Asked {
        /// The driver refused.
        error: bool,
    },
    /// `status.attached`.
    Attached,
    /// It has a deletionTimestamp.
    Going {
        /// Its status still says attached.
        attached: bool,
        /// The driver refused to detach.
        error: bool,
    },
}

impl Object {
    /// Whether its status says attached, which a deletion does not change until the attacher is done.
    #[must_use]
    pub const fn is_attached(self) -> bool {
        matches!(self, Object::Attached | Object::Going { attached: true, .. })
    }
}

/// A volume and a node outside the controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Link {
    /// The `VolumeAttachment`.
    pub object: Object,
    /// The driver's back-end has the volume there.
    pub back_end: bool,
    /// The driver does not answer.
    pub hangs: bool,
    /// The controller's operation under way has made its call, and waits.
    pub waits: bool,
}

impl Link {
    const NONE: Link = Link {
        object: Object::None,
        back_end: false,
        hangs: false,
        waits: false,
    };
}

/// Everything but the controller.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Cluster {
    /// By node.
    pub nodes: Vec<Node>,
    /// By volume, then node.
    links: Vec<Link>,
    /// Where each pod is, if it exists.
    pub pods: Vec<Option<NodeId>>,
    /// The node whose status cannot be written any more: a fault for good, of which only the look ahead knows.
    pub(super) unwritable: Option<NodeId>,
    /// How many times pods may still come or go, if that is counted.
    moves: Option<u8>,
    /// Faults that may still happen.
    pub budget: u8,
    /// Kinds of faults that happened.
    pub happened: Faults,
}

impl Cluster {
    fn new(setup: &Setup) -> Cluster {
        Cluster {
            nodes: vec![Node::NEW; usize::from(setup.nodes)],
            links: vec![Link::NONE; usize::from(setup.nodes) * usize::from(setup.volumes)],
            pods: vec![None; usize::from(setup.pods)],
            unwritable: None,
            moves: None,
            budget: setup.faults,
            happened: Faults::NONE,
        }
    }

    /// The same under other names.
    #[must_use]
    pub fn renamed(&self, names: &Names, setup: &Setup) -> Cluster {
        let mut cluster = self.clone();
        for node in setup.all_nodes() {
            *cluster.node_mut(names.node(node)) = self.node(node).renamed(names);
        }
        for cell in setup.all_cells() {
            *cluster.link_mut(names.cell(cell)) = self.link(cell);
        }
        for pod in setup.all_pods() {
            cluster.pods[names.pod(pod).index()] = self.pods[pod.index()].map(|node| names.node(node));
        }
        cluster
    }

    fn at(&self, cell: Cell) -> usize {
        cell.volume.index() * self.nodes.len() + cell.node.index()
    }

    /// A volume and a node. Ids come from the same setup as the tables, so there is one.
    #[must_use]
    pub fn link(&self, cell: Cell) -> Link {
        self.links[self.at(cell)]
    }

    /// The same, to change it.
    pub fn link_mut(&mut self, cell: Cell) -> &mut Link {
        let at = self.at(cell);
        &mut self.links[at]
    }

    /// A node.
    #[must_use]
    pub fn node(&self, node: NodeId) -> &Node {
        &self.nodes[node.index()]
    }

    /// The same, to change it.
    pub fn node_mut(&mut self, node: NodeId) -> &mut Node {
        &mut self.nodes[node.index()]
    }

    /// The volumes that pods want on a node.
    #[must_use]
    pub fn wanted_on(&self, node: NodeId, setup: &Setup) -> Volumes {
        let there = setup.all_pods().filter(|pod| self.pods[pod.index()] == Some(node));
        there.flat_map(|pod| setup.volumes_of(pod)).collect()
    }

    /// Whether the driver's back-end, or an attachment object, has an exclusive volume on another node.
    pub(super) fn elsewhere(&self, cell: Cell, setup: &Setup, has: impl Fn(Link) -> bool) -> bool {
        let others = setup.all_nodes().filter(|&node| node != cell.node);
        setup.exclusive && others.map(|node| self.link(Cell::new(cell.volume, node))).any(has)
    }

    /// From here on it is counted how often pods come and go.
    pub(super) fn count_moves(&mut self, setup: &Setup) {
        self.moves = setup.moves;
    }

    /// Pods stay as they are.
    pub(super) fn stop_moves(&mut self) {
        self.moves = Some(0);
    }

    /// Whether this fault may happen now.
    #[must_use]
    pub fn allows(&self, kind: Fault, setup: &Setup) -> bool {
        self.budget > 0 && setup.kinds.has(kind)
    }

    /// It happens.
    pub fn spend(&mut self, kind: Fault) {
        self.budget = self.budget.saturating_sub(1);
        self.happened = self.happened.with(kind);
    }

    /// A node as the informer has it.
    #[must_use]
    pub fn view(&self, id: NodeId) -> NodeView {
        let node = self.node(id);
        NodeView {
            node: id,
            managed: true,
            keep_terminated: false,
            attached: node
                .cached_attached
                .iter()
                .map(|volume| (volume, PathId::NONE))
                .collect(),
            in_use: node.cached_in_use.iter().collect(),
        }
    }
}

/// A pod comes or goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Move {
    /// It is created, and bound to a node.
    Create(PodId, NodeId),
    /// Its containers stop, and its object goes.
    Delete(PodId),
}

/// A state of the search.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct World {
    /// The controller's process.
    pub controller: Controller,
    /// Everything else.
    pub cluster: Cluster,
}

impl World {
    /// Nodes without pods, and a controller that has seen them.
    #[must_use]
    pub fn new(setup: &Setup) -> World {
        let mut world = World {
            controller: Controller::new(setup.profile, Config::default(), NOW),
            cluster: Cluster::new(setup),
        };
        for node in setup.all_nodes() {
            world.controller.node_added(&world.cluster.view(node));
        }
        world
    }

    /// A number that tells states apart, whatever their times; that two of ten million share one is less likely than one
    /// in three hundred thousand.
    #[must_use]
    pub fn key(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.hash(&mut hasher);
        hasher.finish()
    }

    /// The informer hears of a node, changed or not, and tells the controller.
    pub fn deliver(&mut self, id: NodeId) {
        let node = self.cluster.node_mut(id);
        if node.lags {
            return;
        }
        node.cached_attached = node.attached;
        node.cached_in_use = node.in_use;
        self.controller.node_updated(&self.cluster.view(id));
    }

    /// The informer hears of all nodes that changed.
    pub fn deliver_changes(&mut self, setup: &Setup) {
        for node in setup.all_nodes() {
            if !self.cluster.node(node).is_fresh() {
                self.deliver(node);
            }
        }
    }

    /// Which pods may come where, and which may go.
    #[must_use]
    pub fn moves(&self, setup: &Setup) -> Vec<Move> {
        let alive = |node: &NodeId| self.cluster.node(*node).health != Health::Dead;
        let mut moves = Vec::new();
        if self.cluster.moves == Some(0) {
            return moves;
        }
        for pod in setup.all_pods() {
            match self.cluster.pods[pod.index()] {
                Some(_) => moves.push(Move::Delete(pod)),
                None => moves.extend(setup.all_nodes().filter(alive).map(|node| Move::Create(pod, node))),
            }
        }
        moves
    }

    /// A pod comes or goes, and the controller hears of it.
    pub fn move_pod(&mut self, step: Move, setup: &Setup) {
        let (pod, node) = match step {
            Move::Create(pod, node) => (pod, Some(node)),
            Move::Delete(pod) => (pod, None),
        };
        self.cluster.moves = self.cluster.moves.map(|left| left.saturating_sub(1));
        let before = std::mem::replace(&mut self.cluster.pods[pod.index()], node);
        let volumes = setup.volumes_of(pod);
        let view = PodView {
            pod,
            node: node.or(before),
            volumes: &volumes,
            terminated: false,
        };
        let outside = super::around::Listener::new(setup);
        if node.is_some() {
            self.controller.pod_updated(view, &outside);
        } else {
            self.controller.pod_deleted(view, &outside);
        }
    }

    /// The controller's process ends, with all that it had under way; another starts from what the API has.
    pub fn restart(&mut self, setup: &Setup) {
        for cell in setup.all_cells() {
            self.cluster.link_mut(cell).waits = false;
        }
        for node in setup.all_nodes() {
            let node = self.cluster.node_mut(node);
            (node.cached_attached, node.cached_in_use, node.lags) = (node.attached, node.in_use, false);
        }
        let nodes: Vec<NodeView> = setup.all_nodes().map(|node| self.cluster.view(node)).collect();
        let objects = setup
            .all_cells()
            .filter(|&cell| self.cluster.link(cell).object != Object::None);
        let objects: Vec<Cell> = objects.collect();
        let volumes: Vec<Vec<VolumeId>> = setup.all_pods().map(|pod| setup.volumes_of(pod)).collect();
        let pods: Vec<PodView> = setup
            .all_pods()
            .zip(&volumes)
            .map(|(pod, volumes)| PodView {
                pod,
                node: self.cluster.pods[pod.index()],
                volumes,
                terminated: false,
            })
            .filter(|view| view.node.is_some())
            .collect();
        let outside = super::around::Listener::new(setup);
        self.controller = Controller::new(setup.profile, Config::default(), NOW);
        for node in &nodes {
            self.controller.node_added(node);
        }
        self.controller.start_from(&nodes, &objects, &pods, &outside);
    }
}
