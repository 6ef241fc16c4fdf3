//! A fork of the world in which somebody acts.
//!
//! In: the world at a moment and an [`Act`]. Out: the same world moved on by its own rules, with the times at which the
//! states agreed and the pods had their volumes, and the safety rules that broke on the way.

use std::collections::BTreeSet;

use super::act::{Act, Plain, Trait};
use crate::model::profile::{Behaviour, Profile};
use crate::model::world::board::{Pair, PodObject};
use crate::model::world::driver::Answer;
use crate::model::world::{CellState, World};
use crate::model::{NodeId, PodId};
use crate::time::{Span, Time};

/// How long a fork is watched: the force-detach timer, the longest back-off of the attacher, and the checks after them.
pub const BOUND: Span = Span::secs(1200);
/// Until a new kube-controller-manager leads and has filled its informers.
pub const CONTROLLER_STARTS: Span = Span::secs(7);
/// Until a new external-attacher works.
pub const ATTACHER_STARTS: Span = Span::secs(3);
/// Until a new kubelet process works, or has registered its node again.
pub const KUBELET_STARTS: Span = Span::secs(2);
/// Until the owner of a deleted pod has made another and the scheduler has bound it.
const POD_RETURNS: Span = Span::millis(30);
/// Until the containers of a deleted pod have ended, if they obey.
pub const POD_ENDS: Span = Span::secs(2);
/// Half the period in which pod garbage collection looks for pods on tainted nodes.
pub const POD_GC: Span = Span::secs(10);
/// A pass of the controller and its patch: until another volume's attach is under way and reported.
const OTHER_ATTACH: Span = Span::millis(300);
/// How often the proposed check on node updates gets one.
const NODE_UPDATE: Span = Span::secs(10);
/// Ids of pods that are made in a fork.
const FIRST_NEW_POD: u32 = 0x7000_0000;

/// What happens in a fork after the act began.
#[derive(Clone, Debug)]
enum Move {
    ControllerStarts,
    AttacherStarts,
    KubeletStarts,
    NodeRegisters,
    ReportDue,
    CollectPods,
    Check,
    PodComes(PodObject),
}

/// A pod whose successor comes when it is gone.
#[derive(Clone)]
struct Successor {
    after: PodId,
    pod: PodObject,
    /// Whether a person makes it, who waits until the volume is detached here.
    patient: bool,
}

impl Successor {
    /// Whether it is on its way by now.
    fn comes(&self, world: &World, pair: Pair) -> bool {
        let detached = !world.board.attachments.contains_key(&pair) && world.held(pair).is_none();
        !world.board.pods.contains_key(&self.after) && (detached || !self.patient)
    }
}

/// Who makes the successors of deleted pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// A controller (`StatefulSet`, `ReplicaSet`, …): as soon as the pod is gone.
    Controller,
    /// A person: once the deletion has run its course.
    Person,
}

/// A world in which somebody acts.
#[derive(Clone)]
pub struct Fork {
    /// The world as it stands.
    pub world: World,
    /// The pair that the act is about.
    pub pair: Pair,
    start: Time,
    plan: Vec<(Time, Move)>,
    successors: Vec<Successor>,
    made: u32,
    owner: Owner,
    seen: Seen,
}

/// What the fork showed so far.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Since when the states agree, if they do.
    pub agree: Option<Time>,
    /// When all states agreed, every pod had its volumes and nothing was still to come.
    pub settled: Option<Time>,
    /// Safety rules that broke, by their names.
    pub breaks: BTreeSet<&'static str>,
    /// What changed last before the states agreed.
    pub change: Option<(CellState, CellState)>,
    last: Option<CellState>,
}

/// Why an act cannot be tried here.
pub type Impossible = &'static str;

impl Fork {
    /// A fork in which nothing has been done yet; `world` holds the pair's volume only.
    #[must_use]
    pub fn new(world: World, pair: Pair, owner: Owner) -> Fork {
        let seen = Seen {
            last: Some(world.cell(pair)),
            ..Seen::default()
        };
        Fork {
            start: world.now,
            world,
            pair,
            plan: Vec::new(),
            successors: Vec::new(),
            made: 0,
            owner,
            seen,
        }
    }

    /// Somebody acts.
    pub fn act(&mut self, act: Act) -> Result<(), Impossible> {
        match act {
            Act::Plain(plain) => self.plain(plain)?,
            Act::Upgrade(version) => {
                self.world.profile = Profile::of(version);
                self.world.controller_stops();
                self.later(CONTROLLER_STARTS, Move::ControllerStarts);
            }
            Act::With(Trait::CheckBeforeYouAct) => self.later(Span::ZERO, Move::Check),
            Act::With(Trait::OneLockPerVolume) => self.switch(Behaviour::MultiAttachKeyPerNode, false),
            Act::Without(Trait::CheckBeforeYouAct | Trait::OneLockPerVolume) => {}
            Act::With(Trait::Known(behaviour)) => self.switch(behaviour, true),
            Act::Without(Trait::Known(behaviour)) => self.switch(behaviour, false),
        }
        Ok(())
    }

    fn later(&mut self, after: Span, what: Move) {
        self.plan.push((self.world.now + after, what));
    }

    fn switch(&mut self, behaviour: Behaviour, on: bool) {
        let profile = self.world.profile;
        let profile = if on {
            profile.with(behaviour)
        } else {
            profile.without(behaviour)
        };
        self.world.profile = profile;
        if let Some(process) = self.world.process.as_mut() {
            process.behave(profile);
        }
    }

    fn plain(&mut self, act: Plain) -> Result<(), Impossible> {
        let (pair, node) = (self.pair, self.pair.1);
        match act {
            Plain::Wait | Plain::MountByHand => {}
            Plain::TouchVa => self.attachment(|_| {})?,
            Plain::DeleteVa => self.attachment(|object| object.deleting = true)?,
            Plain::StripVaFinalizer => self.attachment(|object| object.finalizer = false)?,
            Plain::TouchNode => self.node(|_| {})?,
            Plain::ReportByHand => self.node(|object| {
                object.attached.insert(pair.0);
            })?,
            Plain::OutOfServiceTaint => {
                self.node(|object| object.out_of_service = true)?;
                self.later(POD_GC, Move::CollectPods);
            }
            Plain::DeleteNode => {
                self.node(|_| {})?;
                self.world.node_goes(node);
                self.later(KUBELET_STARTS, Move::NodeRegisters);
            }
            Plain::DriverRecovers => set_driver(&mut self.world, Answer::Done),
            Plain::RestartAttacher => {
                self.world.attacher.up = false;
                self.later(ATTACHER_STARTS, Move::AttacherStarts);
            }
            Plain::RestartController => {
                self.world.controller_stops();
                self.later(CONTROLLER_STARTS, Move::ControllerStarts);
            }
            Plain::RestartKubelet => self.later(KUBELET_STARTS, Move::KubeletStarts),
            Plain::OtherVolumeOnNode => self.later(OTHER_ATTACH, Move::ReportDue),
            Plain::DeletePodSameNode => self.delete_pods(Some(node), false)?,
            Plain::DeletePodOtherNode | Plain::SpreadPods => {
                self.delete_pods(self.world.other_ready_node(self.pair.1), false)?;
            }
            Plain::ForceDeletePod => {
                let ready = self.world.board.nodes.get(&node).is_some_and(|object| object.ready);
                let to = if ready {
                    Some(node)
                } else {
                    self.world.other_ready_node(self.pair.1)
                };
                self.delete_pods(to, true)?;
            }
        }
        Ok(())
    }

    /// Changes the `VolumeAttachment`, and lets the attacher hear of it.
    fn attachment(
        &mut self,
        change: impl FnOnce(&mut crate::model::world::board::Attachment),
    ) -> Result<(), Impossible> {
        let (now, pair) = (self.world.now, self.pair);
        let object = self.world.board.attachments.get_mut(&pair);
        let object = object.ok_or("there is no VolumeAttachment for this volume and node")?;
        change(object);
        if object.deleting && !object.finalizer {
            self.world.board.attachments.remove(&pair);
        }
        self.world.attacher.notice(pair, now);
        Ok(())
    }

    /// Changes the Node object, and lets the controller hear of it.
    fn node(&mut self, change: impl FnOnce(&mut crate::model::world::board::NodeObject)) -> Result<(), Impossible> {
        let node = self.pair.1;
        let object = self.world.board.nodes.get_mut(&node);
        change(object.ok_or("there is no Node object of this name")?);
        self.world.deliver_node(node, false);
        Ok(())
    }

    /// Deletes the pods that use the pair; a successor comes to `node` unless one waits elsewhere already.
    fn delete_pods(&mut self, node: Option<NodeId>, by_force: bool) -> Result<(), Impossible> {
        let now = self.world.now;
        let (volume, on) = self.pair;
        let uses = |pod: &PodObject| pod.volumes.contains(&volume) && !pod.terminated;
        let pods: Vec<PodId> = self
            .world
            .board
            .pods
            .iter()
            .filter(|(_, pod)| pod.node == on && uses(pod))
            .map(|(id, _)| *id)
            .collect();
        if pods.is_empty() {
            return Err("no pod uses this volume on this node");
        }
        let waits = self
            .world
            .board
            .pods
            .values()
            .any(|pod| pod.node != on && uses(pod) && pod.deleting.is_none());
        if node.is_none() && !waits {
            return Err("no other node that is ready is known");
        }
        let mounted = self.world.is_mounted(self.pair);
        for id in pods {
            let Some(pod) = self.world.board.pods.get_mut(&id) else {
                continue;
            };
            if let (Some(node), false) = (node, waits) {
                let successor = PodObject {
                    node,
                    volumes: pod.volumes.clone(),
                    deleting: None,
                    running: false,
                    terminated: false,
                };
                self.successors.push(Successor {
                    after: id,
                    pod: successor,
                    patient: self.owner == Owner::Person && !by_force,
                });
            }
            // The containers of a pod that waits for its volume never ran: its kubelet lets it go at once.
            if by_force || !mounted {
                self.world.board.pods.remove(&id);
            } else {
                pod.deleting = Some(if pod.running { now + POD_ENDS } else { now });
                pod.terminated |= !pod.running;
            }
            self.world.deliver_pod(id);
        }
        Ok(())
    }

    /// Runs on until everything agrees and nothing is still to come, or to the bound.
    pub fn run(&mut self) -> Seen {
        let end = self.start + BOUND;
        self.look();
        while self.seen.settled.is_none() && self.world.now < end {
            self.succeed();
            self.plan.sort_by_key(|(at, _)| *at);
            let next = self.plan.first().map_or(end, |(at, _)| (*at).min(end));
            let (pair, start) = (self.pair, self.start);
            let (successors, seen) = (&self.successors, &mut self.seen);
            let to_come = !self.plan.is_empty() || !successors.is_empty();
            self.world.run(next, &mut |world| {
                seen.look(world, pair, start, to_come);
                seen.settled.is_some() || successors.iter().any(|successor| successor.comes(world, pair))
            });
            self.due();
            self.look();
        }
        self.seen.clone()
    }

    fn look(&mut self) {
        let to_come = !self.plan.is_empty() || !self.successors.is_empty();
        self.seen.look(&self.world, self.pair, self.start, to_come);
    }

    /// Successors of pods that are gone are on their way.
    fn succeed(&mut self) {
        let now = self.world.now;
        let (come, stay): (Vec<_>, Vec<_>) = std::mem::take(&mut self.successors)
            .into_iter()
            .partition(|successor| successor.comes(&self.world, self.pair));
        self.successors = stay;
        let come = come
            .into_iter()
            .map(|successor| (now + POD_RETURNS, Move::PodComes(successor.pod)));
        self.plan.extend(come);
    }

    /// Does what is due.
    fn due(&mut self) {
        let now = self.world.now;
        let (due, rest): (Vec<_>, Vec<_>) = std::mem::take(&mut self.plan)
            .into_iter()
            .partition(|(at, _)| *at <= now);
        self.plan = rest;
        for (_, what) in due {
            self.make(what);
        }
    }

    fn make(&mut self, what: Move) {
        let node = self.pair.1;
        match what {
            Move::ControllerStarts => self.world.controller_starts(),
            Move::AttacherStarts => self.world.attacher_starts(),
            Move::KubeletStarts => {
                self.world.kubelet_starts(node);
                // When it registers it puts the annotation back that lets the controller attach.
                let _ = self.node(|object| object.managed = true);
            }
            Move::ReportDue => self.world.set_due(node, true),
            Move::NodeRegisters => {
                self.world
                    .board
                    .nodes
                    .insert(node, crate::model::world::board::NodeObject::default());
                self.world.kubelet_starts(node);
                self.world.deliver_node(node, true);
            }
            Move::CollectPods => {
                let pods = self.world.board.pods.iter();
                let leaving: Vec<PodId> = pods
                    .filter(|(_, pod)| pod.node == node && pod.deleting.is_some())
                    .map(|(id, _)| *id)
                    .collect();
                for id in leaving {
                    self.world.board.pods.remove(&id);
                    self.world.deliver_pod(id);
                }
            }
            Move::Check => {
                if self.world.held(self.pair).is_none() && self.world.board.in_use(self.pair) {
                    self.world.attach_begins(self.pair);
                }
                if self.world.now < self.start + BOUND {
                    self.later(NODE_UPDATE, Move::Check);
                }
            }
            Move::PodComes(pod) => {
                let id = PodId(FIRST_NEW_POD + self.made);
                self.made += 1;
                self.world.board.pods.insert(id, pod);
                self.world.deliver_pod(id);
            }
        }
    }
}

impl Seen {
    fn look(&mut self, world: &World, pair: Pair, start: Time, to_come: bool) {
        let state = world.cell(pair);
        if let Some(last) = self.last.replace(state).filter(|last| *last != state) {
            self.change = Some((last, state));
        }
        self.breaches(world);
        if agree(world) && world.now >= start {
            self.agree.get_or_insert(world.now);
        } else {
            self.agree = None;
        }
        // A list that is about to be written may take away what agrees now.
        let to_come = to_come || world.is_due(pair.1);
        if self.agree.is_some() && !to_come && served(world) {
            self.settled = Some(world.now);
        }
    }

    /// Safety rules that are broken now.
    fn breaches(&mut self, world: &World) {
        for pair in &world.driver.attached {
            let twice = world
                .driver
                .attached
                .iter()
                .any(|other| other.0 == pair.0 && other.1 != pair.1);
            if twice && world.is_exclusive(pair.0) {
                self.breaks.insert("S2");
            }
        }
        for (node, machine) in world.machines.iter().filter(|(_, machine)| machine.alive) {
            for volume in machine
                .volumes
                .keys()
                .filter(|volume| world.is_mounted((**volume, *node)))
            {
                if !world.driver.attached.contains(&(*volume, *node)) {
                    self.breaks.insert("S3");
                }
            }
        }
    }
}

/// Whether report, `VolumeAttachment` and controller agree on all pairs. What the controller would write next does not
/// count: a hand-written report agrees until it is overwritten.
pub fn agree(world: &World) -> bool {
    world.pairs().into_iter().all(|pair| {
        let state = world.cell(pair);
        CellState {
            to_report: state.reported,
            ..state
        }
        .agrees()
    })
}

/// Whether every pod has its volumes, on a node that is ready: on one that is lost none runs, whatever was mounted.
pub fn served(world: &World) -> bool {
    let lost = |pod: &PodObject| world.board.nodes.get(&pod.node).is_none_or(|object| !object.ready);
    let counts = |pod: &&PodObject| !pod.terminated && !pod.volumes.is_empty();
    world.waiting_pods().is_empty() && !world.board.pods.values().filter(counts).any(lost)
}

/// Sets the driver's answers to all calls.
pub fn set_driver(world: &mut World, answer: Answer) {
    let pairs = world.pairs();
    world.driver.node_refuses.clear();
    for pair in pairs.into_iter().chain(world.driver.attached.clone()) {
        world.driver.publish.insert(pair, answer);
        world.driver.unpublish.insert(pair, answer);
    }
}
