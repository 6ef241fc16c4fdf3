//! The world that a script's controller lives in: nodes, informer, pods, `VolumeAttachments`, a plugin that answers as
//! told, and the log of what happened.
//!
//! It follows the rules under which the recordings were made (one thing at a time, walks in the order of names, a plugin
//! call that hangs until it is released), so that any difference is one of the model.

use std::collections::{BTreeMap, VecDeque};

use serde_json::{Map, Value, json};

use super::BadStep;
use super::names::{Names, full_name};
use crate::model::asw::Reported;
use crate::model::controller::{NodeView, PodView};
use crate::model::operations::{AttachOutcome, LiveNode};
use crate::model::outside::{Health, Holders, Lookup, Moment, Patch, PatchError, StartError, Traits};
use crate::model::pending::OpName;
use crate::model::{Cell, Controller, NodeId, Note, Outside, PathId, PodId, VolumeId};
use crate::time::Time;

/// A node as the API or the informer has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    pub attached: Vec<Reported>,
    pub in_use: Vec<VolumeId>,
    /// Condition Ready: `1` True, `0` False, `u` Unknown.
    pub ready: String,
    pub out_of_service: bool,
    pub managed: bool,
}

impl Node {
    /// A node that was just created.
    pub fn new() -> Node {
        Node {
            attached: Vec::new(),
            in_use: Vec::new(),
            ready: "1".into(),
            out_of_service: false,
            managed: true,
        }
    }
}

/// A pod in the informer.
#[derive(Clone, Debug)]
pub struct Pod {
    pub node: NodeId,
    pub volumes: Vec<VolumeId>,
    pub terminated: bool,
}

/// A call of the plugin: attach or detach of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Call {
    pub op: OpName,
    pub cell: Cell,
}

/// How many of the next calls fail, by node.
pub type Failures = BTreeMap<NodeId, i64>;

/// The world outside the controller, and the plans for what happens inside a pass.
#[derive(Debug)]
pub struct World {
    pub names: Names,
    pub now: Time,
    pub log: Vec<Value>,
    pub live: BTreeMap<NodeId, Option<Node>>,
    pub cached: BTreeMap<NodeId, Option<Node>>,
    pub pods: BTreeMap<PodId, Pod>,
    pub attachments: BTreeMap<Cell, bool>,
    pub answers: BTreeMap<Call, VecDeque<String>>,
    /// Calls that hang, in the order in which they began to.
    pub hung: Vec<Call>,
    pub patch_failures: Failures,
    pub get_failures: Failures,
    pub lookup_failures: Failures,
    /// By volume.
    pub exclusive: Vec<bool>,
    pub resolvable: Vec<bool>,
    /// Whether attaching gives a device path.
    pub gives_paths: bool,
    pub keep_terminated: Option<NodeId>,
    /// Operations started and not yet run.
    pub started: Vec<Call>,
    pub plan: Plan,
    /// The text of the last plugin error, which the events carry.
    last_error: String,
}

/// What shall happen inside the next pass.
#[derive(Debug, Default)]
pub struct Plan {
    /// Operations run right after their start.
    pub immediately: bool,
    /// Hung calls that end when the pass has its snapshot.
    pub after_snapshot: Vec<(Call, String)>,
    /// Node steps after those.
    pub node_steps: Vec<Value>,
    /// Hung calls that end right before the first look for pending operations of their volume.
    pub before_look: Vec<(Call, String)>,
}

impl World {
    /// The world of a script at its beginning: all nodes there, Ready and empty.
    pub fn new(script: &Value) -> Result<World, BadStep> {
        let names = Names::of(script);
        let cfg = &script["cfg"];
        // Only volumes that the script names have a claim and a PV.
        let known = names
            .volumes()
            .map(|volume| !cfg["vols"][names.volume_name(volume)].is_null())
            .collect();
        let mode = |volume| cfg["vols"][names.volume_name(volume)].as_str() == Some("RWO");
        let exclusive: Vec<bool> = names.volumes().map(mode).collect();
        let keep = cfg["keep"].as_str().filter(|node| !node.is_empty());
        let keep_terminated = keep.map(|node| names.node(node)).transpose()?;
        let here: Vec<String> = super::names::strings(&cfg["nodes"]).collect();
        let live: BTreeMap<NodeId, Option<Node>> = here
            .iter()
            .map(|name| Ok((names.node(name)?, Some(Node::new()))))
            .collect::<Result<_, BadStep>>()?;
        Ok(World {
            now: Time::from_millis(0),
            log: Vec::new(),
            cached: live.clone(),
            live,
            pods: BTreeMap::new(),
            attachments: BTreeMap::new(),
            answers: BTreeMap::new(),
            hung: Vec::new(),
            patch_failures: Failures::new(),
            get_failures: Failures::new(),
            lookup_failures: Failures::new(),
            resolvable: known,
            exclusive,
            gives_paths: cfg["dp"].as_i64() == Some(1),
            keep_terminated,
            started: Vec::new(),
            plan: Plan::default(),
            last_error: String::new(),
            names,
        })
    }

    /// The informer's node.
    pub fn cached_node(&self, node: NodeId) -> Option<&Node> {
        self.cached.get(&node).and_then(Option::as_ref)
    }

    /// The API's node.
    pub fn live_node(&self, node: NodeId) -> Option<&Node> {
        self.live.get(&node).and_then(Option::as_ref)
    }

    /// A node as a handler gets it.
    pub fn view(&self, id: NodeId, node: &Node) -> NodeView {
        NodeView {
            node: id,
            managed: node.managed,
            keep_terminated: self.keep_terminated == Some(id),
            attached: node.attached.clone(),
            in_use: node.in_use.clone(),
        }
    }

    /// The informer's nodes, by name.
    pub fn cached_views(&self) -> Vec<NodeView> {
        let present = self
            .cached
            .iter()
            .filter_map(|(&id, node)| node.as_ref().map(|node| (id, node)));
        present.map(|(id, node)| self.view(id, node)).collect()
    }

    /// The informer takes over the live node, and tells the handlers what it sees.
    pub fn refresh(&mut self, node: NodeId, handlers: bool, controller: &mut Controller) {
        let live = self.live.get(&node).cloned().flatten();
        let before = self.cached.insert(node, live.clone()).flatten();
        if !handlers || before == live {
            return;
        }
        match (before, live) {
            (None, Some(live)) => controller.node_added(&self.view(node, &live)),
            (Some(last), None) => controller.node_deleted(&self.view(node, &last)),
            (Some(_), Some(live)) => controller.node_updated(&self.view(node, &live)),
            (None, None) => {}
        }
    }

    /// Refreshes all nodes, in order.
    pub fn refresh_all(&mut self, controller: &mut Controller) {
        for node in self.names.nodes() {
            self.refresh(node, true, controller);
        }
    }

    fn letter(op: OpName) -> &'static str {
        if op == OpName::Attach { "a" } else { "d" }
    }

    fn call_row(&self, kind: &str, call: Call, outcome: &str) -> Value {
        let Cell { volume, node } = call.cell;
        json!([
            kind,
            Self::letter(call.op),
            self.names.volume_name(volume),
            self.names.node_name(node),
            outcome
        ])
    }

    /// A call as `h` lists it.
    pub fn hung_rows(&self) -> Vec<Value> {
        let mut calls: Vec<&Call> = self.hung.iter().collect();
        calls.sort_by_key(|call| self.hung_order(call));
        let row = |call: &Call| {
            let Cell { volume, node } = call.cell;
            json!([
                Self::letter(call.op),
                self.names.volume_name(volume),
                self.names.node_name(node)
            ])
        };
        calls.into_iter().map(row).collect()
    }

    fn hung_order(&self, call: &Call) -> String {
        let Cell { volume, node } = call.cell;
        format!(
            "{}/{}/{}",
            Self::letter(call.op),
            self.names.volume_name(volume),
            self.names.node_name(node)
        )
    }

    /// Ends all hung calls well, and forgets all planned answers and failures.
    pub fn clear(&mut self, controller: &mut Controller) -> Result<(), BadStep> {
        let mut calls = self.hung.clone();
        calls.sort_by_key(|call| self.hung_order(call));
        for call in calls {
            self.release(call, "ok", controller)?;
        }
        self.answers.clear();
        for failures in [
            &mut self.patch_failures,
            &mut self.get_failures,
            &mut self.lookup_failures,
        ] {
            failures.clear();
        }
        Ok(())
    }

    /// Runs the started operations, each to its end, by full volume name, node and operation name.
    pub fn run_started(&mut self, controller: &mut Controller) -> Result<(), BadStep> {
        let mut calls = std::mem::take(&mut self.started);
        calls.sort_by_key(|call| (call.cell, call.op.as_str()));
        calls.into_iter().try_for_each(|call| self.run(call, controller))
    }

    /// Runs an operation to its end, or until its plugin call hangs.
    fn run(&mut self, call: Call, controller: &mut Controller) -> Result<(), BadStep> {
        let run = controller.running_op(call.op, call.cell);
        if run.is_some_and(crate::model::operations::Running::is_to_verify) {
            let live = self.live_answer(call.cell);
            if !controller.detach_verified(call.cell, live, self.now, self) {
                return Ok(());
            }
        }
        let planned = self.answers.get_mut(&call).and_then(VecDeque::pop_front);
        let outcome = planned.unwrap_or_else(|| "ok".into());
        self.log.push(self.call_row("C", call, &outcome));
        if call.op == OpName::Attach {
            self.attachments.entry(call.cell).or_insert(false);
        }
        if outcome == "hang" {
            self.hung.push(call);
            return Ok(());
        }
        self.finish(call, &outcome, controller)
    }

    fn live_answer(&mut self, cell: Cell) -> LiveNode {
        let (answer, text) = if spend(&mut self.get_failures, cell.node) {
            (LiveNode::Failed, "err")
        } else {
            match self.live_node(cell.node) {
                None => (LiveNode::NotFound, "404"),
                Some(node) if node.in_use.contains(&cell.volume) => (LiveNode::InUse, "ok"),
                Some(_) => (LiveNode::NotInUse, "ok"),
            }
        };
        self.log.push(json!(["G", self.names.node_name(cell.node), text]));
        answer
    }

    /// Ends a hung call with an outcome; nothing where it does not hang.
    pub fn release(&mut self, call: Call, outcome: &str, controller: &mut Controller) -> Result<(), BadStep> {
        let Some(at) = self.hung.iter().position(|hung| *hung == call) else {
            return Ok(());
        };
        self.hung.remove(at);
        self.log.push(self.call_row("R", call, outcome));
        self.finish(call, outcome, controller)
    }

    fn finish(&mut self, call: Call, outcome: &str, controller: &mut Controller) -> Result<(), BadStep> {
        let now = self.now;
        if call.op == OpName::Detach {
            let ok = outcome == "ok";
            if ok {
                self.attachments.remove(&call.cell);
            }
            controller.detach_ended(call.cell, ok, now, self);
            return Ok(());
        }
        self.last_error = format!("attach: {outcome}");
        let result = match outcome.split_once(':') {
            Some((_, other)) => AttachOutcome::Dangling(self.names.node(other)?),
            None if outcome == "ok" => {
                self.attachments.insert(call.cell, true);
                AttachOutcome::Attached(self.device_path(call.cell))
            }
            None => AttachOutcome::Failed,
        };
        controller.attach_ended(call.cell, result, now, self);
        Ok(())
    }

    fn device_path(&mut self, cell: Cell) -> PathId {
        if !self.gives_paths {
            return PathId::NONE;
        }
        let path = format!(
            "/dev/{}-{}",
            self.names.volume_name(cell.volume),
            self.names.node_name(cell.node)
        );
        self.names.path(&path)
    }

    /// The minutely check of all nodes; `answers` are the calls that don't say yes.
    pub fn check(&mut self, answers: &[(Cell, String)], controller: &mut Controller) {
        controller.start_checks(self.now, self);
        let checks: Vec<(NodeId, Vec<VolumeId>)> = controller
            .running()
            .iter()
            .filter(|run| run.op() == OpName::VerifyPerNode)
            .map(|run| (run.node(), run.checks().to_vec()))
            .collect();
        for (node, volumes) in checks {
            let mut detached = Vec::new();
            for volume in volumes {
                let cell = Cell { volume, node };
                let answer = answers
                    .iter()
                    .find(|(of, _)| *of == cell)
                    .map_or("yes", |(_, answer)| answer.as_str());
                self.log.push(json!([
                    "V",
                    self.names.volume_name(volume),
                    self.names.node_name(node),
                    answer
                ]));
                match answer {
                    "no" => detached.push(volume),
                    "err" => {
                        // One volume's error spoils the answers for the whole node.
                        detached.clear();
                        break;
                    }
                    _ => {}
                }
            }
            controller.check_ended(node, &detached, self.now, self);
        }
    }

    fn event(&mut self, pod: PodId, reason: &str, message: &str) {
        let row = json!(["E", self.names.pod_name(pod).1, reason, message]);
        self.log.push(row);
    }

    /// The events of an exclusive volume that other nodes hold: each waiting pod is told the users in its own
    /// namespace by name, others only by number.
    fn multi_attach_events(&mut self, cell: Cell, holders: &Holders) {
        let volume = self.names.volume_name(cell.volume).to_owned();
        for &pod in &holders.waiting {
            let namespace = self.names.pod_name(pod).0;
            let users = holders.users.iter().map(|&user| self.names.pod_name(user));
            let (near, far): (Vec<_>, Vec<_>) = users.partition(|user| user.0 == namespace);
            let near: Vec<&str> = near.into_iter().map(|user| user.1).collect();
            let users = match (near.is_empty(), far.len()) {
                (true, 0) => "exclusively attached to one node and can't be attached to another".to_owned(),
                (true, far) => format!("used by {far} pod(s) in different namespaces"),
                (false, 0) => format!("used by pod(s) {}", near.join(", ")),
                (false, far) => format!(
                    "used by pod(s) {} and {far} pod(s) in different namespaces",
                    near.join(", ")
                ),
            };
            let message = format!("Multi-Attach error for volume \"{volume}\" Volume is already {users}");
            self.event(pod, "FailedAttachVolume", &message);
        }
    }

    fn log_note(&mut self, note: &Note) {
        let names = |cell: &Cell| (self.names.volume_name(cell.volume), self.names.node_name(cell.node));
        let row = match note {
            Note::AttachStarted(cell) => {
                let (v, n) = names(cell);
                json!(["S", OpName::Attach.as_str(), v, n])
            }
            Note::DetachStarted(cell, forced) => {
                let (v, n) = names(cell);
                json!(["S", OpName::Detach.as_str(), v, n, u8::from(forced.is_none())])
            }
            Note::CheckStarted(node) => {
                json!(["S", OpName::VerifyPerNode.as_str(), "", self.names.node_name(*node)])
            }
            Note::CheckEnded(node) => {
                json!([
                    "D",
                    OpName::VerifyPerNode.as_str(),
                    "",
                    self.names.node_name(*node),
                    "ok"
                ])
            }
            Note::Refused(op, cell, why) => {
                let (v, n) = names(cell);
                let why = match why {
                    StartError::Exists => "exists",
                    StartError::Backoff(_) => "backoff",
                    StartError::NoPlugin => "err",
                };
                json!(["X", op.as_str(), v, n, why])
            }
            Note::Ended(op, cell, result) => {
                let (v, n) = names(cell);
                json!(["D", op.as_str(), v, n, if result.is_ok() { "ok" } else { "err" }])
            }
            Note::Patched(node, patch, answer) => {
                let list = match patch {
                    Patch::Empty => json!("-"),
                    Patch::List(list) => self.names.reported_list(list),
                };
                let answer = match answer {
                    Ok(()) => "ok",
                    Err(PatchError::NotFound) => "404",
                    Err(PatchError::Failed) => "err",
                };
                json!(["P", self.names.node_name(*node), list, answer])
            }
            Note::NodeNotCached(node) => json!(["L", self.names.node_name(*node), "404"]),
            Note::LookupFailed(node) => json!(["L", self.names.node_name(*node), "err"]),
            _ => return,
        };
        self.log.push(row);
    }

    /// The nodes as `n` and `c` list them.
    pub fn node_rows(&self) -> (Map<String, Value>, Map<String, Value>) {
        let (mut live, mut cached) = (Map::new(), Map::new());
        for (&id, node) in &self.live {
            let name = self.names.node_name(id).to_owned();
            let held = self.cached.get(&id);
            if held != Some(node) {
                cached.insert(name.clone(), self.node_row(held.and_then(Option::as_ref)));
            }
            live.insert(name, self.node_row(node.as_ref()));
        }
        (live, cached)
    }

    fn node_row(&self, node: Option<&Node>) -> Value {
        let Some(node) = node else { return Value::Null };
        json!([
            self.names.reported_list(&node.attached),
            self.names.volume_list(&node.in_use),
            node.ready,
            u8::from(node.out_of_service),
            u8::from(node.managed),
        ])
    }

    /// The pods as the informer lists them.
    pub fn pod_views(pods: &BTreeMap<PodId, Pod>) -> Vec<PodView<'_>> {
        pods.iter().map(|(&id, pod)| Self::pod_view(id, pod)).collect()
    }

    /// A pod as a handler gets it.
    pub fn pod_view(id: PodId, pod: &Pod) -> PodView<'_> {
        PodView {
            pod: id,
            node: Some(pod.node),
            volumes: &pod.volumes,
            terminated: pod.terminated,
        }
    }
}

/// Whether this call is one of those that are to fail.
fn spend(failures: &mut Failures, node: NodeId) -> bool {
    let Some(left) = failures.get_mut(&node).filter(|left| **left > 0) else {
        return false;
    };
    *left -= 1;
    true
}

impl Outside for World {
    fn traits_of(&self, volume: VolumeId) -> Traits {
        let full = full_name(self.names.volume_name(volume));
        Traits {
            exclusive: self.exclusive.get(volume.index()).copied().unwrap_or(false),
            attachable: true,
            resolvable: self.resolvable.get(volume.index()).copied().unwrap_or(false),
            plugin_by_name: full.starts_with("kubernetes.io/fake/"),
        }
    }

    fn health(&self, node: NodeId) -> Option<Health> {
        let node = self.cached_node(node)?;
        Some(Health {
            ready: node.ready == "1",
            out_of_service: node.out_of_service,
        })
    }

    fn lookup(&mut self, node: NodeId) -> Lookup {
        if spend(&mut self.lookup_failures, node) {
            return Lookup::Failed;
        }
        self.cached_node(node)
            .map_or(Lookup::NotFound, |node| Lookup::Found(node.attached.clone()))
    }

    fn patch(&mut self, node: NodeId, patch: &Patch) -> Result<(), PatchError> {
        if spend(&mut self.patch_failures, node) {
            return Err(PatchError::Failed);
        }
        let live = self
            .live
            .get_mut(&node)
            .and_then(Option::as_mut)
            .ok_or(PatchError::NotFound)?;
        if let Patch::List(list) = patch {
            live.attached.clone_from(list);
        }
        Ok(())
    }

    fn note(&mut self, note: Note) {
        match &note {
            Note::AttachStarted(cell) => self.started.push(Call {
                op: OpName::Attach,
                cell: *cell,
            }),
            Note::DetachStarted(cell, _) => self.started.push(Call {
                op: OpName::Detach,
                cell: *cell,
            }),
            Note::AttachSucceeded(cell, pods) => {
                let volume = self.names.volume_name(cell.volume).to_owned();
                for &pod in pods {
                    let message = format!("AttachVolume.Attach succeeded for volume \"{volume}\" ");
                    self.event(pod, "SuccessfulAttachVolume", &message);
                }
            }
            Note::AttachFailed(cell, pods) => {
                let volume = self.names.volume_name(cell.volume).to_owned();
                let message = format!(
                    "AttachVolume.Attach failed for volume \"{volume}\" : {}",
                    self.last_error
                );
                for &pod in pods {
                    self.event(pod, "FailedAttachVolume", &message);
                }
            }
            Note::MultiAttach(cell, holders) => self.multi_attach_events(*cell, holders),
            _ => self.log_note(&note),
        }
        if matches!(note, Note::AttachStarted(_) | Note::DetachStarted(..)) {
            self.log_note(&note);
        }
    }

    fn meanwhile(&mut self, controller: &mut Controller, moment: Moment, _now: Time) {
        // The plan was checked for unknown names before the pass.
        let _ = self.follow_plan(controller, moment);
    }
}

impl World {
    fn follow_plan(&mut self, controller: &mut Controller, moment: Moment) -> Result<(), BadStep> {
        match moment {
            Moment::SnapshotTaken => {
                for (call, outcome) in std::mem::take(&mut self.plan.after_snapshot) {
                    self.release(call, &outcome, controller)?;
                }
                for step in std::mem::take(&mut self.plan.node_steps) {
                    super::controller::node_step(self, controller, &step)?;
                }
            }
            Moment::LooksForPending(volume) => {
                let due = |(call, _): &(Call, String)| call.cell.volume == volume;
                let (now, later) = std::mem::take(&mut self.plan.before_look).into_iter().partition(due);
                self.plan.before_look = later;
                let now: Vec<(Call, String)> = now;
                for (call, outcome) in now {
                    self.release(call, &outcome, controller)?;
                }
            }
            Moment::Started(..) if self.plan.immediately => self.run_started(controller)?,
            Moment::Started(..) => {}
        }
        Ok(())
    }
}
