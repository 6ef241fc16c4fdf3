//! A whole cluster around the controller: API objects, one controller process, kubelets, attacher, driver.
//!
//! In: a state, and either facts (the replay moves the parts as the facts tell) or only time ([`World::run`] lets the
//! parts move by their own rules). Out: the next state. Here the model's controller meets the other parties, so that
//! "what happens if nobody does anything more?" has an answer; no logs, no I/O, cheap to clone.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::controller::Config;
use crate::model::profile::Profile;
use crate::model::{NodeId, PodId, VolumeId};
use crate::time::{Span, Time};

pub mod attacher;
pub mod board;
pub mod cell;
pub mod driver;
pub mod node;
pub mod process;
mod rest;
mod told;

use attacher::Attacher;
use board::{Board, NodeObject, Pair, all_of};
use driver::Driver;
use node::{Machine, Stage};
use process::Process;
use rest::Rest;

pub use cell::{CellState, Held, Va};

/// A cluster.
#[derive(Clone, Debug)]
pub struct World {
    /// The moment it stands at.
    pub now: Time,
    /// Behaviours of its Kubernetes.
    pub profile: Profile,
    /// Options of its controller processes.
    pub config: Config,
    /// The API server's objects.
    pub board: Board,
    /// The leading controller process, while one lives.
    pub process: Option<Process>,
    /// Machines with their kubelets.
    pub machines: BTreeMap<NodeId, Machine>,
    /// The external-attacher.
    pub attacher: Attacher,
    /// The driver and the back-end.
    pub driver: Driver,
    exclusive: Vec<bool>,
}

impl World {
    /// An empty cluster; `exclusive` says for each volume whether it may be attached to one node only.
    #[must_use]
    pub fn new(profile: Profile, exclusive: Vec<bool>) -> World {
        World {
            now: Time::MIN,
            profile,
            config: Config::default(),
            board: Board::default(),
            process: None,
            machines: BTreeMap::new(),
            attacher: Attacher::default(),
            driver: Driver::default(),
            exclusive,
        }
    }

    /// Whether a volume may be attached to one node only.
    #[must_use]
    pub fn is_exclusive(&self, volume: VolumeId) -> bool {
        self.exclusive.get(volume.index()).copied().unwrap_or(true)
    }

    /// The same cluster as if it had only this volume, the nodes that have to do with it and some others: what is
    /// left of a fork that asks about one volume.
    #[must_use]
    pub fn only(&self, volume: VolumeId, others: &[NodeId]) -> World {
        let nodes = self.nodes_of(volume);
        let keeps = |node: NodeId| nodes.contains(&node) || others.contains(&node);
        let machines = self.machines.iter().filter(|(node, _)| keeps(**node));
        World {
            board: self.board.only(volume, &keeps),
            process: self.process.as_ref().map(|process| process.only(volume, &keeps)),
            machines: machines.map(|(node, machine)| (*node, machine.only(volume))).collect(),
            attacher: self.attacher.only(volume),
            driver: self.driver.only(volume),
            exclusive: self.exclusive.clone(),
            ..*self
        }
    }

    /// The nodes at which any party has to do with a volume.
    fn nodes_of(&self, volume: VolumeId) -> BTreeSet<NodeId> {
        let hanging = self.driver.attached.range(all_of(volume)).copied();
        let named = self.named().filter(|pair| pair.0 == volume).chain(hanging);
        let mut nodes: BTreeSet<NodeId> = named.map(|pair| pair.1).collect();
        let machines = self.machines.iter();
        let holding = machines.filter(|(_, machine)| machine.volumes.contains_key(&volume));
        nodes.extend(holding.map(|(node, _)| *node));
        nodes
    }

    /// The first other node that is ready.
    #[must_use]
    pub fn other_ready_node(&self, than: NodeId) -> Option<NodeId> {
        let mut nodes = self.board.nodes.iter();
        nodes
            .find(|(node, object)| **node != than && object.ready)
            .map(|(node, _)| *node)
    }

    /// Whether nothing but the time (and who tries what again when) tells two clusters apart.
    #[must_use]
    pub fn same_but_time(&self, other: &World) -> bool {
        let controllers = [self, other].map(|world| world.process.as_ref().map(|process| &process.controller));
        self.board == other.board
            && self.driver == other.driver
            && self.machines == other.machines
            && controllers[0] == controllers[1]
    }

    /// Every pair that anything in this cluster speaks of.
    #[must_use]
    pub fn pairs(&self) -> BTreeSet<Pair> {
        self.named().collect()
    }

    /// The same, some of them more than once.
    fn named(&self) -> impl Iterator<Item = Pair> + '_ {
        let attachments = self.board.attachments.keys().copied();
        let pods = self.board.pods.values();
        let used = pods.flat_map(|pod| pod.volumes.iter().map(|volume| (*volume, pod.node)));
        let listed = self.board.nodes.iter().flat_map(|(node, object)| {
            let lists = object.attached.iter().chain(&object.in_use);
            lists.map(|volume| (*volume, *node))
        });
        let believed = self.process.iter().flat_map(Process::named);
        attachments.chain(used).chain(listed).chain(believed)
    }

    /// Whether all pairs agree and every pod that waits has its volumes.
    #[must_use]
    pub fn settled(&self) -> bool {
        self.pairs().into_iter().all(|pair| self.cell(pair).agrees()) && self.waiting_pods().is_empty()
    }

    /// Pods that wait for a volume, with the pair they wait for.
    #[must_use]
    pub fn waiting_pods(&self) -> Vec<(PodId, Pair)> {
        let live = self
            .board
            .pods
            .iter()
            .filter(|(_, pod)| pod.deleting.is_none() && !pod.terminated);
        let pairs = live.flat_map(|(id, pod)| pod.volumes.iter().map(move |volume| (*id, (*volume, pod.node))));
        pairs.filter(|(_, pair)| !self.is_mounted(*pair)).collect()
    }

    /// Whether the kubelet has it mounted.
    #[must_use]
    pub fn is_mounted(&self, pair: Pair) -> bool {
        self.machines
            .get(&pair.1)
            .and_then(|machine| machine.volumes.get(&pair.0))
            .is_some_and(|held| held.stage == Stage::Mounted)
    }

    /// Lets the cluster run by its own rules until a moment, or until `stop` says so. Gives the moment it stands at.
    pub fn run(&mut self, until: Time, stop: &mut dyn FnMut(&World) -> bool) -> Time {
        let mut rest = Rest::default();
        self.turn(until, stop, &mut |world| rest.pass(world, until))
    }

    /// The same, every turn of every loop taken.
    #[cfg(test)]
    pub(crate) fn run_turn_by_turn(&mut self, until: Time, stop: &mut dyn FnMut(&World) -> bool) -> Time {
        self.turn(until, stop, &mut |_| ())
    }

    fn turn(&mut self, until: Time, stop: &mut dyn FnMut(&World) -> bool, rest: &mut dyn FnMut(&mut World)) -> Time {
        while self.now < until {
            rest(self);
            let Some(next) = self.next_event().filter(|next| *next <= until) else {
                self.now = until;
                break;
            };
            self.now = self.now.max(next);
            self.act();
            if stop(self) {
                break;
            }
        }
        self.now
    }

    fn next_event(&self) -> Option<Time> {
        let machines = self.machines.values().filter_map(Machine::next).min();
        let process = self.process.as_ref().map(Process::next);
        [machines, process, self.attacher.next(&self.board)]
            .into_iter()
            .flatten()
            .min()
    }

    /// One round of everybody who is due, in a fixed order.
    fn act(&mut self) {
        let now = self.now;
        let exclusive = std::mem::take(&mut self.exclusive);
        let is_exclusive = |volume: VolumeId| exclusive.get(volume.index()).copied().unwrap_or(true);
        self.attacher.act(&mut self.board, &mut self.driver, &is_exclusive, now);
        if let Some(process) = self.process.as_mut() {
            process.act(&mut self.board, &mut self.attacher, now);
        }
        self.exclusive = exclusive;
        let nodes: Vec<NodeId> = self.machines.keys().copied().collect();
        for node in nodes {
            let pods_before = self.pods_on(node);
            let wrote = match self.machines.get_mut(&node) {
                Some(machine) => machine.act(&self.profile, &mut self.board, &self.driver, node, now),
                None => false,
            };
            if wrote {
                self.deliver_node(node, false);
            }
            for pod in pods_before {
                if self.board.pods.get(&pod).is_none_or(|object| object.terminated) {
                    self.deliver_pod(pod);
                }
            }
        }
    }

    fn pods_on(&self, node: NodeId) -> Vec<PodId> {
        self.board
            .pods
            .iter()
            .filter(|(_, pod)| pod.node == node && pod.deleting.is_some())
            .map(|(id, _)| *id)
            .collect()
    }

    /// The controller hears of a Node object (added, or changed).
    pub fn deliver_node(&mut self, node: NodeId, new: bool) {
        if self.board.trouble.stale.contains_key(&node) {
            return;
        }
        if let (Some(process), Some(object)) = (self.process.as_mut(), self.board.nodes.get(&node)) {
            process.node_event(node, object, new);
        }
    }

    /// The controller hears that a Node object is gone.
    pub fn node_goes(&mut self, node: NodeId) {
        let last = self.board.nodes.remove(&node);
        for (_, object) in self.board.attachments.iter_mut().filter(|(pair, _)| pair.1 == node) {
            object.outlived_node = true;
        }
        if let (Some(process), Some(last)) = (self.process.as_mut(), last) {
            process.node_gone(node, &last);
        }
    }

    /// The controller hears of a pod, as the board has it now.
    pub fn deliver_pod(&mut self, pod: PodId) {
        if let Some(process) = self.process.as_mut() {
            process.pod_event(pod, self.board.pods.get(&pod), &self.board);
        }
    }

    /// A controller process takes over: it reads nodes, attachments (if this version does) and pods.
    pub fn controller_starts(&mut self) {
        let process = Process::start(self.profile, self.config, self.exclusive.clone(), &self.board, self.now);
        self.process = Some(process);
    }

    /// The leading process says that its option `disable-force-detach-on-timeout` is set.
    pub fn force_detach_disabled(&mut self) {
        self.config.force_detach_disabled = true;
        if let Some(process) = self.process.as_mut() {
            process.controller.configure(self.config);
        }
    }

    /// The leading process is gone.
    pub fn controller_stops(&mut self) {
        self.process = None;
    }

    /// A controller was at work before the recording began: its state is what the board shows, with all specs known.
    pub fn controller_was_there(&mut self) {
        self.controller_starts();
        let pairs = self.pairs();
        if let Some(process) = self.process.as_mut() {
            process.know_all_specs(&pairs);
        }
    }

    /// A new attacher process.
    pub fn attacher_starts(&mut self) {
        self.attacher.restart(&self.board, self.now);
    }

    /// Machines for all nodes.
    pub fn stage_machines(&mut self, nodes: &[NodeId]) {
        for node in nodes {
            let mut machine = Machine::new(self.now);
            machine.trust_board(&self.board, *node);
            for (volume, _) in self.board.attachments.keys().filter(|pair| pair.1 == *node) {
                if self.board.wanted((*volume, *node)) && self.board.in_use((*volume, *node)) {
                    machine.volumes.insert(
                        *volume,
                        node::Held {
                            stage: Stage::Mounted,
                            ..node::Held::default()
                        },
                    );
                }
            }
            self.machines.insert(*node, machine);
        }
    }

    /// The kubelet has come that far.
    pub fn stage(&mut self, pair: Pair, stage: Stage) {
        let now = self.now;
        let machine = self.machines.entry(pair.1).or_insert_with(|| Machine::new(now));
        let held = machine.volumes.entry(pair.0).or_default();
        let bare = if held.stage == Stage::Absent {
            self.board.unattachable.contains(&pair.0)
        } else {
            held.bare
        };
        *held = node::Held {
            stage,
            bare,
            ..node::Held::default()
        };
        self.driver.node_refuses.remove(&pair);
        if stage == Stage::Mounted {
            self.driver.device_missing.remove(&pair);
        }
    }

    /// The kubelet finds no device for a volume that counts as attached there: it is not mounted either.
    pub fn device_is_missing(&mut self, pair: Pair) {
        self.driver.device_missing.insert(pair);
        let machine = self.machines.get_mut(&pair.1);
        if let Some(held) = machine.and_then(|machine| machine.volumes.get_mut(&pair.0)) {
            held.stage = held.stage.min(Stage::Verified);
        }
    }

    /// An operation of the kubelet failed and will not be tried before that moment.
    pub fn kubelet_waits(&mut self, pair: Pair, until: Time, backoff: Span) {
        let now = self.now;
        let machine = self.machines.entry(pair.1).or_insert_with(|| Machine::new(now));
        let held = machine.volumes.entry(pair.0).or_default();
        held.not_before = until;
        held.backoff = backoff;
    }

    /// The kubelet's status write reached the board: what it reported in use it now counts on.
    pub fn kubelet_wrote_status(&mut self, node: NodeId, object: &NodeObject, now: Time) {
        let machine = self.machines.entry(node).or_insert_with(|| Machine::new(now));
        machine.wrote_status(object, now);
    }

    /// A new kubelet process: it knows its mounts again, and what it waited for it starts to wait for anew.
    pub fn kubelet_starts(&mut self, node: NodeId) {
        let now = self.now;
        let board = &self.board;
        let machine = self.machines.entry(node).or_insert_with(|| Machine::new(now));
        machine.restart(&self.profile, board, node, now);
    }

    /// The API server's list lacks the pair after all.
    pub fn not_reported(&mut self, pair: Pair) {
        if let Some(object) = self.board.nodes.get_mut(&pair.1) {
            object.attached.remove(&pair.0);
        }
    }

    /// `VolumeAttachment`s that wait for the attacher's first act.
    #[must_use]
    pub fn attachments_waiting(&self) -> BTreeSet<Pair> {
        let waiting = self.board.attachments.iter().filter(|(_, object)| {
            let fresh = !object.finalizer && !object.attached && !object.attach_error && !object.deleting;
            let leaving = object.deleting && object.finalizer && !object.detach_error;
            fresh || leaving
        });
        waiting.map(|(pair, _)| *pair).collect()
    }
}
