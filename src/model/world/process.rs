//! One controller process in a cluster: the proven controller, its CSI operations, its loops.
//!
//! In: events of the board, time. Out: patches of nodes, `VolumeAttachment`s created and deleted. The controller's
//! rules are those of `crate::model`; here stands only what its CSI plugin does between the start and the end of an
//! operation (`ad-semantics.md` 5.2, 5.3), and when its loops turn.

use std::collections::{BTreeMap, BTreeSet};

use super::attacher::Attacher;
use super::board::{Attachment, Board, NodeObject, Pair, PodObject, at, of_volume, strike};
use crate::model::asw::{Attached, Attachment as Belief, Reported};
use crate::model::controller::{Config, Controller, NodeView, PodView};
use crate::model::operations::{AttachOutcome, LiveNode, key_of};
use crate::model::outside::{Health, Lookup, Note, Outside, Patch, PatchError, Traits};
use crate::model::pending::OpName;
use crate::model::populator;
use crate::model::profile::{Behaviour, Profile};
use crate::model::{Cell, NodeId, PathId, PodId, VolumeId};
use crate::time::{Span, Time};

/// The reconciler's period, after the end of the pass before.
pub(super) const PASS: Span = Span::millis(100);
/// How long attach and detach wait for the attacher.
pub(crate) const PATIENCE: Span = Span::secs(120);
/// How long a detach waited before `csi_detach_wait_2m`.
const OLD_DETACH_PATIENCE: Span = Span::secs(10);
/// How long an attach waited before `csi_attach_wait_2m`.
const OLD_ATTACH_PATIENCE: Span = Span::secs(15);
/// First look of a wait that polls.
const FIRST_LOOK: Span = Span::millis(500);
/// Longest pause between two looks.
pub(crate) const LONGEST_LOOK: Span = Span::secs(7);
/// What an operation needs for its API calls.
const CALL: Span = Span::millis(5);

/// The process.
#[derive(Clone, Debug)]
pub struct Process {
    /// The controller's state.
    pub controller: Controller,
    profile: Profile,
    exclusive: Vec<bool>,
    operations: BTreeMap<Pair, Operation>,
    pods: BTreeMap<PodId, (NodeId, Vec<VolumeId>)>,
    next_pass: Time,
    next_populate: Time,
    failed: BTreeMap<Pair, Time>,
    /// What it decided in its last round, where somebody listens.
    notes: Option<Vec<Note>>,
}

/// An attach or detach under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Operation {
    detach: bool,
    began: Time,
    look: Time,
    interval: Span,
    asked: bool,
}

impl Process {
    /// A process takes over: it reads nodes, `VolumeAttachment`s and pods.
    #[must_use]
    pub fn start(profile: Profile, config: Config, exclusive: Vec<bool>, board: &Board, now: Time) -> Process {
        let mut process = Process {
            controller: Controller::new(profile, config, now),
            profile,
            exclusive,
            operations: BTreeMap::new(),
            pods: BTreeMap::new(),
            next_pass: now + PASS,
            next_populate: now,
            failed: BTreeMap::new(),
            notes: None,
        };
        let nodes: Vec<NodeView> = board.nodes.iter().map(|(node, object)| view(*node, object)).collect();
        let attachments: Vec<Cell> = board.attachments.keys().copied().map(at).collect();
        let pods: Vec<PodView> = board.pods.iter().map(|(pod, object)| pod_view(*pod, object)).collect();
        let outside = Still::of(&process.exclusive, board);
        // The informer tells of the nodes as soon as it has them, the controller begins with the next look at its caches:
        // what the walk over the attachments assumes mounted stays so until a node changes.
        for node in &nodes {
            process.controller.node_added(node);
        }
        process.controller.start_from(&nodes, &attachments, &pods, &outside);
        for pod in &pods {
            process.controller.pod_updated(*pod, &outside);
        }
        for (pod, object) in &board.pods {
            process.pods.insert(*pod, (object.node, object.volumes.clone()));
        }
        process
    }

    /// From now on it keeps what it decides, of each round anew.
    pub fn listen(&mut self) {
        self.notes = Some(Vec::new());
    }

    /// What it decided in its last round, if anybody listens.
    pub fn notes(&self) -> &[Note] {
        self.notes.as_deref().unwrap_or_default()
    }

    fn hear(&mut self, notes: Vec<Note>) {
        if let Some(heard) = self.notes.as_mut() {
            heard.extend(notes);
        }
    }

    /// The controller was at work before anybody watched: it knows the specs of all its volumes.
    pub fn know_all_specs(&mut self, pairs: &BTreeSet<Pair>) {
        for pair in pairs {
            if self.held(*pair) == Some(true) {
                self.controller.actual.mark_attached(at(*pair), true, PathId::NONE);
            }
        }
        for pair in pairs {
            self.patched(pair.1);
        }
    }

    /// The process behaves by another profile from now on, and keeps its state.
    pub fn behave(&mut self, profile: Profile) {
        self.profile = profile;
        self.controller.behave(profile);
    }

    /// The same as if there were only this volume, and only the nodes that `keeps` tells.
    #[must_use]
    pub fn only(&self, volume: VolumeId, keeps: &dyn Fn(NodeId) -> bool) -> Process {
        let pods = self.pods.iter().filter(|(_, (_, volumes))| volumes.contains(&volume));
        Process {
            controller: self.controller.only(volume, keeps),
            exclusive: self.exclusive.clone(),
            operations: of_volume(&self.operations, volume),
            pods: pods.map(|(pod, (node, _))| (*pod, (*node, vec![volume]))).collect(),
            failed: of_volume(&self.failed, volume),
            notes: None,
            ..*self
        }
    }

    /// The pairs of both states of world, some of them more than once.
    pub fn named(&self) -> impl Iterator<Item = Pair> + '_ {
        let Controller { actual, desired, .. } = &self.controller;
        let held = actual.pairs().iter().map(|pair| (pair.cell.volume, pair.cell.node));
        let wanted = desired.wanted().iter();
        let wanted = wanted.map(|wanted| (wanted.cell.volume, wanted.cell.node));
        let lists = actual.reports().iter();
        let listed = lists.flat_map(|report| report.volumes.iter().map(|volume| (*volume, report.node)));
        held.chain(wanted).chain(listed)
    }

    /// Whether the pair is held, and whether confirmed.
    #[must_use]
    pub fn held(&self, pair: Pair) -> Option<bool> {
        self.controller
            .actual
            .state(at(pair))
            .map(|belief| belief == Belief::Attached)
    }

    /// Whether a patch of the node's report is due.
    #[must_use]
    pub fn is_due(&self, node: NodeId) -> bool {
        self.controller
            .actual
            .reports()
            .iter()
            .any(|report| report.node == node && report.needed)
    }

    /// The node's report was sent.
    pub fn patched(&mut self, node: NodeId) {
        let _ = self.controller.actual.take_report(node);
    }

    /// A Node object was added, or changed.
    pub fn node_event(&mut self, node: NodeId, object: &NodeObject, new: bool) {
        let view = view(node, object);
        if new {
            self.controller.node_added(&view);
        } else {
            self.controller.node_updated(&view);
        }
    }

    /// A Node object is gone.
    pub fn node_gone(&mut self, node: NodeId, last: &NodeObject) {
        self.controller.node_deleted(&view(node, last));
    }

    /// A pod changed, or is gone.
    pub fn pod_event(&mut self, pod: PodId, object: Option<&PodObject>, board: &Board) {
        let outside = Still::of(&self.exclusive, board);
        if let Some(object) = object {
            self.pods.insert(pod, (object.node, object.volumes.clone()));
            self.controller.pod_updated(pod_view(pod, object), &outside);
        } else if let Some((node, volumes)) = self.pods.remove(&pod) {
            let gone = PodView {
                pod,
                node: Some(node),
                volumes: &volumes,
                terminated: true,
            };
            self.controller.pod_deleted(gone, &outside);
        }
    }

    /// The decision about a detach of this pair now, as if a pass looked at it and found it unmounted.
    pub fn try_detach(&mut self, pair: Pair, now: Time, board: &Board) -> Vec<Note> {
        let Some(seen) = self.controller.actual.get(at(pair)) else {
            return Vec::new();
        };
        let seen = Attached { mounted: false, ..seen };
        let mut outside = Still::of(&self.exclusive, board);
        self.controller.consider_detach(&seen, now, &mut outside);
        outside.notes
    }

    /// The decision about an attach of this pair now.
    pub fn try_attach(&mut self, pair: Pair, now: Time, board: &Board) -> Vec<Note> {
        let mut outside = Still::of(&self.exclusive, board);
        self.controller.consider_attach(at(pair), now, &mut outside);
        outside.notes
    }

    /// The attach of this pair ended.
    pub fn attach_ended(&mut self, pair: Pair, ok: bool, now: Time, board: &Board) {
        let outcome = if ok {
            AttachOutcome::Attached(PathId::NONE)
        } else if board.unattachable.contains(&pair.0) && !self.marks_by_name(board, pair) {
            AttachOutcome::NotAsked
        } else {
            AttachOutcome::Failed
        };
        let mut outside = Still::of(&self.exclusive, board);
        self.controller.attach_ended(at(pair), outcome, now, &mut outside);
        let notes = outside.notes;
        self.hear(notes);
        self.ended(pair, ok, now);
    }

    /// Whether a failed attach is recorded though the driver attaches nothing by now: under the name that it began with.
    fn marks_by_name(&self, board: &Board, pair: Pair) -> bool {
        self.profile.has(Behaviour::MarkAttachedByName) && board.attachments.contains_key(&pair)
    }

    /// The detach of this pair ended.
    pub fn detach_ended(&mut self, pair: Pair, ok: bool, now: Time, board: &Board) {
        let mut outside = Still::of(&self.exclusive, board);
        self.controller.detach_ended(at(pair), ok, now, &mut outside);
        let notes = outside.notes;
        self.hear(notes);
        self.ended(pair, ok, now);
    }

    fn ended(&mut self, pair: Pair, ok: bool, now: Time) {
        self.operations.remove(&pair);
        if ok {
            self.failed.remove(&pair);
        } else {
            self.failed.insert(pair, now);
        }
    }

    /// When an operation on the pair last failed.
    #[must_use]
    pub fn failed_at(&self, pair: Pair) -> Option<Time> {
        self.failed.get(&pair).copied()
    }

    /// The operation that runs on a volume: whether it is a detach, and the node.
    #[must_use]
    pub fn operation(&self, volume: VolumeId) -> Option<(bool, NodeId)> {
        let on = self
            .controller
            .running()
            .iter()
            .find(|run| run.volume() == Some(volume))?;
        Some((on.op() == OpName::Detach, on.node()))
    }

    /// The operation that runs on a pair: whether it is a detach. A shared volume may have one on each of its nodes.
    #[must_use]
    pub fn operation_on(&self, pair: Pair) -> Option<bool> {
        let mut running = self.controller.running().iter();
        let run = running.find(|run| run.volume() == Some(pair.0) && run.node() == pair.1)?;
        Some(run.op() == OpName::Detach)
    }

    /// The operation that is in the way of one on this pair: its own, else one of the volume on another node.
    #[must_use]
    pub fn operation_near(&self, pair: Pair) -> Option<(bool, NodeId)> {
        let own = self.operation_on(pair).map(|detach| (detach, pair.1));
        own.or_else(|| self.operation(pair.0))
    }

    /// Whether a detach of this pair would be refused by back-off.
    #[must_use]
    pub fn detach_backs_off(&self, pair: Pair, now: Time) -> bool {
        let Some(seen) = self.controller.actual.get(at(pair)) else {
            return false;
        };
        let exclusive = seen.spec_known && self.exclusive.get(pair.0.index()).copied().unwrap_or(true);
        let key = key_of(self.profile, at(pair), exclusive);
        let entry = self.controller.pending.find(key);
        entry.is_some_and(|entry| !entry.pending && entry.op == OpName::Detach && entry.backoff.refuses(now))
    }

    /// The first moment at which a back-off no longer refuses this operation, if one does.
    #[must_use]
    pub fn retry_at(&self, pair: Pair, op: OpName) -> Option<Time> {
        let exclusive = self.exclusive.get(pair.0.index()).copied().unwrap_or(true);
        let entry = self
            .controller
            .pending
            .find(key_of(self.profile, at(pair), exclusive))?;
        (!entry.pending && entry.op == op)
            .then(|| entry.backoff.until())
            .flatten()
            .map(|until| until + Span(1))
    }

    /// Whether anybody listens to what it decides.
    pub(super) fn is_heard(&self) -> bool {
        self.notes.is_some()
    }

    /// Whether nothing but the time tells two processes apart.
    pub(super) fn is_as(&self, other: &Process) -> bool {
        self.controller == other.controller
            && self.operations == other.operations
            && self.pods == other.pods
            && self.failed == other.failed
    }

    /// The next moment at which it decides otherwise although nothing has changed.
    pub(super) fn deadline(&self, now: Time) -> Time {
        let looks = self.operations.values().map(|operation| operation.look);
        let timers = [self.controller.until_retry(now), self.controller.until_timer(now)];
        let timers = timers.into_iter().flatten().map(|left| now + left);
        looks.chain(timers).fold(self.next_populate, Time::min)
    }

    /// Its passes before that moment are over.
    pub(super) fn pass_over(&mut self, to: Time) {
        self.next_pass = super::rest::turn(self.next_pass, PASS, to);
    }

    /// When it acts next.
    #[must_use]
    pub fn next(&self) -> Time {
        let looks = self.operations.values().map(|operation| operation.look).min();
        looks.map_or(self.next_pass, |look| look.min(self.next_pass))
    }

    /// Everything that is due: looks of operations, the pass, the check.
    pub fn act(&mut self, board: &mut Board, attacher: &mut Attacher, now: Time) {
        if let Some(heard) = self.notes.as_mut() {
            heard.clear();
        }
        self.look(board, attacher, now);
        if self.next_pass > now {
            return;
        }
        self.next_pass = now + PASS;
        let mut outside = Live {
            exclusive: &self.exclusive,
            board,
            notes: self.notes.as_mut(),
        };
        self.controller.pass(now, &mut outside);
        if self.controller.check_due(now) {
            self.controller.start_checks(now, &mut outside);
        }
        self.answer_checks(board, now);
        self.begin_operations(now);
        self.populate(board, now);
    }

    /// The populator's loop, which begins when the process does.
    fn populate(&mut self, board: &Board, now: Time) {
        if self.next_populate > now {
            return;
        }
        self.next_populate = now + populator::PERIOD;
        let pods: Vec<PodView> = board.pods.iter().map(|(pod, object)| pod_view(*pod, object)).collect();
        let outside = Still::of(&self.exclusive, board);
        self.controller.populate(&pods, now, &outside);
    }

    /// The once-a-minute check asks for each `VolumeAttachment`: missing or not attached is lost.
    fn answer_checks(&mut self, board: &mut Board, now: Time) {
        let checks: Vec<(NodeId, Vec<VolumeId>)> = self
            .controller
            .running()
            .iter()
            .filter(|run| run.op() == OpName::VerifyPerNode)
            .map(|run| (run.node(), run.checks().to_vec()))
            .collect();
        for (node, volumes) in checks {
            let lost: Vec<VolumeId> = volumes
                .into_iter()
                .filter(|volume| {
                    let pair = (*volume, node);
                    let attached = board.attachments.get(&pair).is_some_and(|object| object.attached);
                    strike(&mut board.trouble.reads, &pair) || !attached
                })
                .collect();
            self.controller.check_ended(
                node,
                &lost,
                now,
                &mut Live {
                    exclusive: &self.exclusive,
                    board,
                    notes: self.notes.as_mut(),
                },
            );
        }
    }

    fn begin_operations(&mut self, now: Time) {
        for run in self.controller.running() {
            let (Some(volume), detach) = (run.volume(), run.op() == OpName::Detach) else {
                continue;
            };
            self.operations.entry((volume, run.node())).or_insert(Operation {
                detach,
                began: now,
                look: now + CALL,
                interval: FIRST_LOOK,
                asked: false,
            });
        }
    }

    /// Operations look how their `VolumeAttachment` fares.
    fn look(&mut self, board: &mut Board, attacher: &mut Attacher, now: Time) {
        let due: Vec<(Pair, Operation)> = self
            .operations
            .iter()
            .filter(|(_, operation)| operation.look <= now)
            .map(|(pair, operation)| (*pair, *operation))
            .collect();
        for (pair, operation) in due {
            let outcome = if operation.asked {
                self.outcome(board, pair, &operation, now)
            } else if operation.detach {
                self.ask_detach(board, attacher, pair, now)
            } else if board.unattachable.contains(&pair.0) {
                // No plugin is found that could be asked.
                Some(false)
            } else {
                Self::ask_attach(board, attacher, pair, now)
            };
            match outcome {
                Some(ok) if operation.detach => self.detach_ended(pair, ok, now, board),
                Some(ok) => self.attach_ended(pair, ok, now, board),
                None => self.look_again(pair, now),
            }
        }
    }

    fn look_again(&mut self, pair: Pair, now: Time) {
        let polls = self.profile.has(Behaviour::CsiWaitPollsLister);
        if let Some(operation) = self.operations.get_mut(&pair) {
            operation.asked = true;
            operation.look = now + if polls { operation.interval } else { CALL };
            operation.interval = Span((operation.interval.0 * 21 / 20).min(LONGEST_LOOK.0));
        }
    }

    /// Attach: the `VolumeAttachment` is created where it is missing; one that is going is an error at once.
    fn ask_attach(board: &mut Board, attacher: &mut Attacher, pair: Pair, now: Time) -> Option<bool> {
        match board.attachments.get(&pair) {
            Some(object) if object.deleting => Some(false),
            Some(object) if object.attached => Some(true),
            Some(_) => None,
            None => {
                board.attachments.insert(pair, Attachment::default());
                attacher.notice(pair, now);
                None
            }
        }
    }

    /// Detach: a look at the live node unless it is skipped, then the DELETE.
    fn ask_detach(&mut self, board: &mut Board, attacher: &mut Attacher, pair: Pair, now: Time) -> Option<bool> {
        let to_verify = self
            .controller
            .running_op(OpName::Detach, at(pair))
            .is_some_and(super::super::operations::Running::is_to_verify);
        if to_verify {
            let live = board.nodes.get(&pair.1).map_or(LiveNode::NotFound, |object| {
                if object.in_use.contains(&pair.0) {
                    LiveNode::InUse
                } else {
                    LiveNode::NotInUse
                }
            });
            let safe = self.controller.detach_verified(
                at(pair),
                live,
                now,
                &mut Live {
                    exclusive: &self.exclusive,
                    board,
                    notes: self.notes.as_mut(),
                },
            );
            if !safe {
                self.ended(pair, false, now);
                return None;
            }
        }
        if strike(&mut board.trouble.deletions, &pair) {
            return Some(false);
        }
        let Some(object) = board.attachments.get_mut(&pair) else {
            return Some(true);
        };
        if !object.finalizer {
            board.attachments.remove(&pair);
            return Some(true);
        }
        object.deleting = true;
        attacher.notice(pair, now);
        None
    }

    fn outcome(&self, board: &Board, pair: Pair, operation: &Operation, now: Time) -> Option<bool> {
        let late = now - operation.began > patience(self.profile, operation.detach);
        match (board.attachments.get(&pair), operation.detach) {
            // An attachment that vanished is what a detach waits for, and ends an attach at once.
            (None, detach) => Some(detach),
            (Some(object), true) if object.detach_error => Some(false),
            (Some(object), false) if object.deleting => Some(false),
            (Some(object), false) if object.attached => Some(true),
            (Some(object), false) if object.attach_error => Some(false),
            _ => late.then_some(false),
        }
    }
}

/// How long an operation of this release waits for the attacher.
fn patience(profile: Profile, detach: bool) -> Span {
    match detach {
        true if !profile.has(Behaviour::CsiDetachWait2m) => OLD_DETACH_PATIENCE,
        false if !profile.has(Behaviour::CsiAttachWait2m) => OLD_ATTACH_PATIENCE,
        _ => PATIENCE,
    }
}

/// A Node object as the informer has it.
fn view(node: NodeId, object: &NodeObject) -> NodeView {
    NodeView {
        node,
        managed: object.managed,
        keep_terminated: false,
        attached: object.attached.iter().map(|volume| (*volume, PathId::NONE)).collect(),
        in_use: object.in_use.iter().copied().collect(),
    }
}

fn pod_view(pod: PodId, object: &PodObject) -> PodView<'_> {
    PodView {
        pod,
        node: Some(object.node),
        volumes: &object.volumes,
        terminated: object.terminated,
    }
}

fn traits_of(exclusive: &[bool], board: &Board, volume: VolumeId) -> Traits {
    let usual = if exclusive.get(volume.index()).copied().unwrap_or(true) {
        Traits::EXCLUSIVE
    } else {
        Traits::SHARED
    };
    Traits {
        attachable: !board.unattachable.contains(&volume),
        resolvable: !board.trouble.unresolvable.contains(&volume),
        ..usual
    }
}

/// A board that the model does not write on: facts do, or nobody does. The decisions are kept.
struct Still<'a> {
    exclusive: &'a [bool],
    board: &'a Board,
    notes: Vec<Note>,
}

impl<'a> Still<'a> {
    fn of(exclusive: &'a [bool], board: &'a Board) -> Still<'a> {
        Still {
            exclusive,
            board,
            notes: Vec::new(),
        }
    }
}

impl Outside for Still<'_> {
    fn traits_of(&self, volume: VolumeId) -> Traits {
        traits_of(self.exclusive, self.board, volume)
    }

    fn health(&self, node: NodeId) -> Option<Health> {
        health(self.board, node)
    }

    fn lookup(&mut self, node: NodeId) -> Lookup {
        lookup(self.board, node)
    }

    fn patch(&mut self, _: NodeId, _: &Patch) -> Result<(), PatchError> {
        Ok(())
    }

    fn note(&mut self, note: Note) {
        self.notes.push(note);
    }
}

/// A board that the controller writes on.
struct Live<'a> {
    exclusive: &'a [bool],
    board: &'a mut Board,
    notes: Option<&'a mut Vec<Note>>,
}

impl Outside for Live<'_> {
    fn traits_of(&self, volume: VolumeId) -> Traits {
        traits_of(self.exclusive, self.board, volume)
    }

    fn health(&self, node: NodeId) -> Option<Health> {
        health(self.board, node)
    }

    fn lookup(&mut self, node: NodeId) -> Lookup {
        lookup(self.board, node)
    }

    fn patch(&mut self, node: NodeId, patch: &Patch) -> Result<(), PatchError> {
        if strike(&mut self.board.trouble.patches, &node) {
            return Err(PatchError::Failed);
        }
        let object = self.board.nodes.get_mut(&node).ok_or(PatchError::NotFound)?;
        if let Patch::List(list) = patch {
            object.attached = list.iter().map(|(volume, _): &Reported| *volume).collect();
        }
        Ok(())
    }

    fn note(&mut self, note: Note) {
        if let Some(notes) = self.notes.as_mut() {
            notes.push(note);
        }
    }
}

fn health(board: &Board, node: NodeId) -> Option<Health> {
    board.nodes.get(&node).map(|object| Health {
        ready: object.ready,
        out_of_service: object.out_of_service,
    })
}

fn lookup(board: &Board, node: NodeId) -> Lookup {
    let cached = board.trouble.stale.get(&node).or_else(|| board.nodes.get(&node));
    cached.map_or(Lookup::NotFound, |object| {
        Lookup::Found(object.attached.iter().map(|volume| (*volume, PathId::NONE)).collect())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_detach_waited_ten_seconds_until_1_16_2() {
        for (version, detach) in [("1.16.2", 10), ("1.16.3", 120), ("1.36.2", 120)] {
            let profile = Profile::of(version.parse().unwrap());
            assert_eq!(patience(profile, true), Span::secs(detach), "{version}");
            assert_eq!(patience(profile, false), Span::secs(120), "{version}");
        }
    }

    /// `csi_wait_polls_lister`: how long an operation that waits lets pass from one look to the next.
    #[test]
    fn an_attachment_is_watched_until_1_20_and_polled_since() {
        let pair = (VolumeId(0), NodeId(0));
        for (version, waits) in [
            ("1.20.15", [5, 5, 5]),
            ("1.21.0", [500, 525, 551]),
            ("1.36.2", [500, 525, 551]),
        ] {
            let (profile, board) = (Profile::of(version.parse().unwrap()), Board::default());
            let mut process = Process::start(profile, Config::default(), vec![true], &board, Time(0));
            process.operations.insert(
                pair,
                Operation {
                    detach: false,
                    began: Time(0),
                    look: Time(0),
                    interval: FIRST_LOOK,
                    asked: false,
                },
            );
            let found = waits.map(|_| {
                let now = process.operations[&pair].look;
                process.look_again(pair, now);
                (process.operations[&pair].look - now).0 / 1000
            });
            assert_eq!(found, waits, "{version}");
        }
    }
}
