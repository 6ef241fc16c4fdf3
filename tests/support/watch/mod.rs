//! What each party would have said about a change.
//!
//! In: the cluster before and after one round of the model. Out: log lines and audit events on [`Paper`], in the
//! wording of the release, in the order in which a round happens: attacher, controller, kubelets.

use std::collections::BTreeMap;

use adtrace::model::world::World;
use adtrace::model::world::board::{NodeObject, Pair};
use adtrace::model::{NodeId, PodId};
use serde_json::{Value, json};

use super::names::Names;
use super::objects;
use super::paper::{CONTROLLER, Client, Paper, Request};
use super::words::{self, Subject, Voice};

pub mod attacher;
mod controller;
mod kubelet;

pub use kubelet::unmounted;

/// What the driver says when it refuses and nobody told its words.
const REFUSAL: &str = "rpc error: code = Internal desc = the back-end refuses";
/// The same where another node has the volume.
const ELSEWHERE: &str = "rpc error: code = FailedPrecondition desc = volume is attached to another node";
/// What the attacher says of a call without an answer.
const NO_ANSWER: &str = "rpc error: code = DeadlineExceeded desc = context deadline exceeded";

/// kube-controller-manager.
pub const MANAGER: Client = Client {
    user: "system:kube-controller-manager",
    agent: "kube-controller-manager",
};

/// The words in which parties excuse themselves.
#[derive(Clone, Debug, Default)]
pub struct Excuses {
    /// Why a pair can't be attached (true) or detached, and whether the driver says so or the attacher itself.
    pub storage: BTreeMap<(bool, Pair), (String, bool)>,
    /// Why the node can't mount or unmount it.
    pub node: BTreeMap<Pair, String>,
}

/// Who writes, what the names are, and the excuses.
pub struct Scribe<'a> {
    /// Names.
    pub names: &'a Names,
    /// Excuses.
    pub excuses: &'a Excuses,
    /// Sheets.
    pub paper: &'a mut Paper,
}

impl Scribe<'_> {
    /// Writes a line of the catalogue into a log.
    fn say(
        &mut self,
        path: &str,
        voice: Voice,
        level: char,
        (fact, begins): (&str, &str),
        of: &Subject,
        rest: &[&str],
    ) {
        let release = if voice == Voice::Attacher {
            words::ATTACHER_RELEASE
        } else {
            &self.paper.release
        };
        let (place, text) = words::line(release, voice, fact, begins, of, rest);
        self.paper.klog(path, level, &place, &text);
    }

    /// A line of the controller's log.
    pub fn controller(&mut self, level: char, fact: (&str, &str), of: &Subject, rest: &[&str]) {
        self.say(CONTROLLER, Voice::Controller, level, fact, of, rest);
    }

    /// A line of a kubelet's log.
    pub fn kubelet(&mut self, node: NodeId, level: char, fact: (&str, &str), of: &Subject, rest: &[&str]) {
        let path = kubelet_log(self.names, node);
        self.say(&path, Voice::Kubelet, level, fact, of, rest);
    }

    fn error(&self, voice: Voice, (fact, begins): (&str, &str), of: &Subject, rest: &[&str]) -> String {
        words::error(&self.paper.release, voice, fact, begins, of, rest)
    }

    /// What the driver, or the attacher for it, says of a failed call.
    fn excuse(&self, attach: bool, pair: Pair, world: &World) -> String {
        let held = world
            .driver
            .attached
            .iter()
            .any(|other| other.0 == pair.0 && other.1 != pair.1);
        match self.excuses.storage.get(&(attach, pair)) {
            Some((text, _)) => text.clone(),
            None if attach && held => ELSEWHERE.to_owned(),
            None => REFUSAL.to_owned(),
        }
    }

    fn excuses_of(&self, pair: Pair, world: &World) -> [String; 2] {
        [self.excuse(true, pair, world), self.excuse(false, pair, world)]
    }
}

/// Path of a kubelet's log.
pub fn kubelet_log(names: &Names, node: NodeId) -> String {
    format!("nodes/{}/kubelet.log", names.node(node))
}

/// Writes down everything that one round changed.
pub fn tell(scribe: &mut Scribe, before: &World, after: &World) {
    attacher::tell(scribe, before, after);
    controller::tell(scribe, before, after);
    for node in after.machines.keys() {
        kubelet::tell(scribe, before, after, *node);
    }
    pods(scribe, before, after);
}

/// A patch of a Node or of its status, and the Node as it is then.
pub fn node_patch(scribe: &mut Scribe, node: NodeId, sub: &str, client: Client, asked: Value, object: &NodeObject) {
    let name = scribe.names.node(node);
    let version = scribe.paper.next_version();
    let slash = if sub.is_empty() { "" } else { "/" };
    let request = Request {
        client,
        verb: "patch",
        uri: format!("/api/v1/nodes/{name}{slash}{sub}"),
        object: json!({"resource": "nodes", "name": name, "apiVersion": "v1", "subresource": sub}),
        code: 200,
        asked,
        answer: objects::node(scribe.names, node, object, version),
    };
    scribe.paper.audit(&request);
}

/// The kubelet registered its node.
pub fn node_created(scribe: &mut Scribe, node: NodeId) {
    let version = scribe.paper.next_version();
    let object = objects::node(scribe.names, node, &NodeObject::default(), version);
    let name = scribe.names.node(node);
    let user = format!("system:node:{name}");
    scribe.paper.audit(&Request {
        client: Client {
            user: &user,
            agent: "kubelet",
        },
        verb: "create",
        uri: "/api/v1/nodes".to_owned(),
        object: json!({"resource": "nodes", "name": name, "apiVersion": "v1"}),
        code: 201,
        asked: object.clone(),
        answer: object,
    });
}

/// Pods whose objects went, and containers that ended.
fn pods(scribe: &mut Scribe, before: &World, after: &World) {
    for (id, old) in &before.board.pods {
        let (name, uid) = (scribe.names.pods[id.index()].name.clone(), Names::uid(*id));
        let new = after.board.pods.get(id);
        if old.running && new.is_none_or(|new| !new.running) {
            kubelet::container_died(scribe, old.node, *id);
        }
        if new.is_none() {
            let user = format!("system:node:{}", scribe.names.node(old.node));
            let client = Client {
                user: &user,
                agent: "kubelet",
            };
            let options = json!({"kind": "DeleteOptions", "apiVersion": "v1", "gracePeriodSeconds": 0,
                                 "preconditions": {"uid": uid}});
            scribe.paper.audit(&pod_deletion(&name, client, options));
            sync_loop(scribe, old.node, "REMOVE", *id);
        }
    }
}

/// A turn of the kubelet's sync loop about a pod.
pub fn sync_loop(scribe: &mut Scribe, node: NodeId, turn: &str, pod: PodId) {
    let name = scribe.names.pods[pod.index()].name.clone();
    let old = format!("SyncLoop ({turn}, \"api\"): \"{name}_app({})\"", Names::uid(pod));
    let new = format!("\"SyncLoop {turn}\" source=\"api\" pods=[\"app/{name}\"]");
    let text = if scribe.paper.minor() < 21 { old } else { new };
    let log = kubelet_log(scribe.names, node);
    scribe.paper.klog(&log, 'I', "kubelet.go:1898", &text);
}

/// The request that deletes a pod.
pub fn pod_deletion<'a>(name: &str, client: Client<'a>, options: Value) -> Request<'a> {
    Request {
        client,
        verb: "delete",
        uri: format!("/api/v1/namespaces/app/pods/{name}"),
        object: json!({"resource": "pods", "namespace": "app", "name": name, "apiVersion": "v1"}),
        code: 200,
        asked: options,
        answer: Value::Null,
    }
}

/// Dumps nodes, pods and `VolumeAttachment`s as the board has them.
pub fn dump_board(scribe: &mut Scribe, world: &World) {
    let version = scribe.paper.next_version();
    let nodes = world.board.nodes.iter();
    let nodes: Vec<Value> = nodes
        .map(|(id, object)| objects::node(scribe.names, *id, object, version))
        .collect();
    let pods = world.board.pods.iter();
    let pods: Vec<Value> = pods
        .map(|(id, pod)| objects::pod(scribe.names, *id, Some(pod.node), pod.deleting))
        .collect();
    let attachments = world.board.attachments.iter();
    let attachments: Vec<Value> = attachments
        .map(|(pair, object)| {
            let [attach, detach] = scribe.excuses_of(*pair, world);
            objects::attachment(scribe.names, *pair, object, version, world.now, [&attach, &detach])
        })
        .collect();
    scribe.paper.dump("nodes", &nodes);
    scribe.paper.dump("pods", &pods);
    scribe.paper.dump("volumeattachments", &attachments);
}
