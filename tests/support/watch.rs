//! What each party would have said about a change.
//!
//! In: the cluster before and after one round of the model. Out: log lines and audit events on [`Paper`], in the
//! wording of the text logs (1.20 to 1.23), in the order in which a round happens: attacher, controller, kubelets.

use adtrace::model::pending::OpName;
use adtrace::model::world::World;
use adtrace::model::world::board::{Attachment, NodeObject, Pair};
use adtrace::model::world::node::{Held, Stage};
use adtrace::model::world::process::Process;
use adtrace::model::{NodeId, PodId, VolumeId};
use adtrace::time::{Span, Time};
use serde_json::{Value, json};

use super::names::{DRIVER, Names};
use super::paper::{ATTACHER, CONTROLLER, Client, Paper, Request};

/// What the driver says when it refuses.
const REFUSAL: &str = "rpc error: code = Internal desc = the back-end refuses";
const FINALIZER: &str = "external-attacher/csi-example-com";
const MANAGER: Client = Client {
    user: "system:kube-controller-manager",
    agent: "kube-controller-manager",
};
const CSI_ATTACHER: Client = Client {
    user: "system:serviceaccount:kube-system:csi-attacher",
    agent: "csi-attacher",
};

/// Who writes, and what the names are.
pub struct Scribe<'a> {
    /// Names.
    pub names: &'a Names,
    /// Sheets.
    pub paper: &'a mut Paper,
}

/// Path of a kubelet's log.
pub fn kubelet_log(names: &Names, node: NodeId) -> String {
    format!("nodes/{}/kubelet.log", names.node(node))
}

/// Writes down everything that one round changed.
pub fn tell(scribe: &mut Scribe, before: &World, after: &World) {
    attacher(scribe, before, after);
    controller_asks(scribe, before, after);
    controller_ends(scribe, before, after);
    reports(scribe, before, after);
    controller_begins(scribe, before, after);
    for node in after.machines.keys() {
        kubelet(scribe, before, after, *node);
    }
    pods(scribe, before, after);
}

fn attacher(scribe: &mut Scribe, before: &World, after: &World) {
    let fresh = Attachment::default();
    for (pair, object) in &after.board.attachments {
        let old = before.board.attachments.get(pair).unwrap_or(&fresh);
        if object.finalizer && !old.finalizer {
            let body = json!({"metadata": {"finalizers": [FINALIZER]}});
            attachment_patch(scribe, *pair, "", body, object, CSI_ATTACHER);
        }
        let driver_said = [
            (object.attached && !old.attached, json!({"attached": true})),
            (
                object.attach_error && !old.attach_error,
                json!({"attachError": {"message": REFUSAL, "time": scribe.paper.tick().to_string()}}),
            ),
            (
                object.detach_error && !old.detach_error,
                json!({"detachError": {"message": REFUSAL, "time": scribe.paper.tick().to_string()}}),
            ),
        ];
        for (_, status) in driver_said.into_iter().filter(|(said, _)| *said) {
            driver_call(scribe, *pair, object);
            attachment_patch(
                scribe,
                *pair,
                "/status",
                json!({"status": status}),
                object,
                CSI_ATTACHER,
            );
        }
    }
    for (pair, object) in &before.board.attachments {
        if object.finalizer && !after.board.attachments.contains_key(pair) {
            let gone = Attachment {
                finalizer: false,
                ..object.clone()
            };
            driver_call(scribe, *pair, &gone);
            attachment_patch(
                scribe,
                *pair,
                "",
                json!({"metadata": {"finalizers": null}}),
                &gone,
                CSI_ATTACHER,
            );
        }
    }
}

fn driver_call(scribe: &mut Scribe, pair: Pair, object: &Attachment) {
    let name = scribe.names.attachment(pair);
    let (method, failed) = if object.deleting {
        ("ControllerUnpublishVolume", object.detach_error)
    } else {
        ("ControllerPublishVolume", object.attach_error && !object.attached)
    };
    let call = format!(
        "\"GRPC call\" VolumeAttachment=\"{name}\" method=\"/csi.v1.Controller/{method}\" \
         request=\"{{\\\"node_id\\\":\\\"i-{}\\\",\\\"volume_id\\\":\\\"{}\\\"}}\"",
        scribe.names.node(pair.1),
        scribe.names.handle(pair.0)
    );
    scribe.paper.klog(ATTACHER, 'I', "connection.go:264", &call);
    let err = if failed {
        format!("\"{REFUSAL}\"")
    } else {
        "null".to_owned()
    };
    let answer = format!("\"GRPC response\" VolumeAttachment=\"{name}\" response=\"{{}}\" err={err}");
    scribe.paper.klog(ATTACHER, 'I', "connection.go:270", &answer);
}

fn attachment_object(names: &Names, pair: Pair, object: &Attachment, version: u64, at: Time) -> Value {
    let name = names.attachment(pair);
    let mut va = json!({"kind": "VolumeAttachment", "apiVersion": "storage.k8s.io/v1",
        "metadata": {"name": name, "uid": format!("va-{name}"), "resourceVersion": version.to_string()},
        "spec": {"attacher": DRIVER, "source": {"persistentVolumeName": names.volume(pair.0)},
                 "nodeName": names.node(pair.1)},
        "status": {"attached": object.attached}});
    if object.finalizer {
        va["metadata"]["finalizers"] = json!([FINALIZER]);
    }
    if object.deleting {
        va["metadata"]["deletionTimestamp"] = json!(at.to_string());
    }
    let error = json!({"message": REFUSAL, "time": at.to_string()});
    if object.attach_error {
        va["status"]["attachError"] = error.clone();
    }
    if object.detach_error {
        va["status"]["detachError"] = error;
    }
    va
}

fn attachment_request<'a>(scribe: &mut Scribe, pair: Pair, sub: &str, object: &Attachment) -> Request<'a> {
    let name = scribe.names.attachment(pair);
    let (version, at) = (scribe.paper.next_version(), scribe.paper.tick());
    Request {
        client: CSI_ATTACHER,
        verb: "patch",
        uri: format!("/apis/storage.k8s.io/v1/volumeattachments/{name}{sub}"),
        object: json!({"resource": "volumeattachments", "name": name, "apiGroup": "storage.k8s.io",
                       "apiVersion": "v1", "subresource": sub.trim_start_matches('/')}),
        code: 200,
        asked: Value::Null,
        answer: attachment_object(scribe.names, pair, object, version, at),
    }
}

/// A patch of a `VolumeAttachment`, and the object as it is then.
pub fn attachment_patch(scribe: &mut Scribe, pair: Pair, sub: &str, body: Value, object: &Attachment, client: Client) {
    let mut request = attachment_request(scribe, pair, sub, object);
    request.client = client;
    request.asked = body;
    scribe.paper.audit(&request);
}

/// The controller created or deleted `VolumeAttachment`s.
fn controller_asks(scribe: &mut Scribe, before: &World, after: &World) {
    for (pair, object) in &after.board.attachments {
        let old = before.board.attachments.get(pair);
        if old.is_none() {
            let fresh = Attachment::default();
            let mut request = attachment_request(scribe, *pair, "", &fresh);
            "/apis/storage.k8s.io/v1/volumeattachments".clone_into(&mut request.uri);
            (request.client, request.verb, request.code) = (MANAGER, "create", 201);
            request.asked = request.answer.clone();
            scribe.paper.audit(&request);
        } else if object.deleting && old.is_some_and(|old| !old.deleting) {
            delete_attachment(scribe, *pair, object, MANAGER);
        }
    }
    for (pair, object) in &before.board.attachments {
        if !object.finalizer && !after.board.attachments.contains_key(pair) {
            delete_attachment(scribe, *pair, object, MANAGER);
        }
    }
}

/// The request that deletes a `VolumeAttachment`.
pub fn delete_attachment(scribe: &mut Scribe, pair: Pair, object: &Attachment, client: Client) {
    let mut request = attachment_request(scribe, pair, "", object);
    (request.client, request.verb) = (client, "delete");
    request.asked = json!({"kind": "DeleteOptions", "apiVersion": "storage.k8s.io/v1"});
    scribe.paper.audit(&request);
}

/// Running attach and detach operations: pair, and whether it is a detach.
fn operations(process: &Process) -> Vec<(Pair, bool)> {
    let running = process.controller.running().iter();
    running
        .filter_map(|run| Some(((run.volume()?, run.node()), run.op() == OpName::Detach)))
        .collect()
}

fn about(names: &Names, (volume, node): Pair, word: &str) -> String {
    format!(
        "for volume \"{}\" (UniqueName: \"{}\") {word} node \"{}\" ",
        names.volume(volume),
        names.unique(volume),
        names.node(node)
    )
}

fn controller_ends(scribe: &mut Scribe, before: &World, after: &World) {
    let (Some(was), Some(is)) = (&before.process, &after.process) else {
        return;
    };
    for pair in was.pairs() {
        let busy = operations(was).iter().any(|(other, _)| other.0 == pair.0);
        if was.held(pair).is_some() && is.held(pair).is_none() && !busy {
            let names = scribe.names;
            let text = format!(
                "VerifyVolumesAreAttached determined volume \"{}\" (spec.Name: \"{}\") is no longer attached to node \"{}\", \
                 therefore it was marked as detached.",
                names.unique(pair.0),
                names.volume(pair.0),
                names.node(pair.1)
            );
            scribe.paper.klog(CONTROLLER, 'I', "operation_generator.go:224", &text);
        }
    }
    for (pair, detach) in operations(was) {
        if operations(is).contains(&(pair, detach)) && is.failed_at(pair) == was.failed_at(pair) {
            continue;
        }
        if is.failed_at(pair) == Some(after.now) {
            let op = if detach { OpName::Detach } else { OpName::Attach };
            failed(scribe, pair, detach, after.now, is.retry_at(pair, op));
        } else if detach {
            let text = format!("DetachVolume.Detach succeeded {}", about(scribe.names, pair, "on"));
            scribe.paper.klog(CONTROLLER, 'I', "operation_generator.go:486", &text);
        } else {
            let text = format!("AttachVolume.Attach succeeded {}", about(scribe.names, pair, "from"));
            scribe.paper.klog(CONTROLLER, 'I', "operation_generator.go:360", &text);
        }
    }
}

/// The line in which the pending operations tell a failure and the end of its back-off.
fn failed(scribe: &mut Scribe, pair: Pair, detach: bool, now: Time, retry: Option<Time>) {
    let (verb, word) = if detach {
        ("DetachVolume.Detach", "on")
    } else {
        ("AttachVolume.Attach", "from")
    };
    let text = format!("{verb} failed {}: {REFUSAL}", about(scribe.names, pair, word));
    let exclusive = scribe.names.volumes[pair.0.index()].1;
    let node = if exclusive { "" } else { scribe.names.node(pair.1) };
    let key = format!(
        "{{volumeName:{} podName: nodeName:{node}}}",
        scribe.names.unique(pair.0)
    );
    let until = retry.map_or(now + Span::millis(500), |until| until - Span(1));
    backoff(scribe, CONTROLLER, &key, &text, now, until);
}

fn backoff(scribe: &mut Scribe, log: &str, key: &str, error: &str, now: Time, until: Time) {
    let stamp = until
        .to_string()
        .replace('T', " ")
        .replace('Z', "000 +0000 UTC m=+60.000000000");
    let millis = (until - now).as_millis();
    let wait = match (millis / 60_000, millis % 60_000) {
        (0, rest) if rest < 1000 => format!("{rest}ms"),
        (0, rest) => format!("{}s", rest / 1000),
        (minutes, rest) => format!("{minutes}m{}s", rest / 1000),
    };
    let error = error.replace('"', "\\\"");
    let text = format!(
        "Operation for \"{key}\" failed. No retries permitted until {stamp} (durationBeforeRetry {wait}). Error: \"{error}\""
    );
    scribe.paper.klog(log, 'E', "nestedpendingoperations.go:301", &text);
}

/// Patches of `volumesAttached`. One that was due is sent even where the list comes out as it was: an empty patch.
fn reports(scribe: &mut Scribe, before: &World, after: &World) {
    for (node, object) in &after.board.nodes {
        let old = before.board.nodes.get(node);
        let changed = old.is_some_and(|old| old.attached != object.attached);
        let again = after.process.iter().any(|process| {
            let pairs = operations(before.process.as_ref().unwrap_or(process));
            let mut ended = pairs.iter().filter(|(pair, detach)| *detach && pair.1 == *node);
            let failed = ended.any(|(pair, _)| process.failed_at(*pair) == Some(after.now));
            let was_due = before.process.as_ref().is_some_and(|process| process.is_due(*node));
            (failed || was_due) && !process.is_due(*node)
        });
        if changed || again {
            report_patch(scribe, after, *node, changed);
        }
    }
}

fn report_patch(scribe: &mut Scribe, world: &World, node: NodeId, changed: bool) {
    let answer = node_object(scribe, world, node);
    let list = answer["status"]["volumesAttached"].clone();
    let asked = if changed {
        json!({"status": {"volumesAttached": if list == json!([]) { Value::Null } else { list }}})
    } else {
        json!({})
    };
    let listed = world.board.nodes.get(&node).map(|object| object.attached.clone());
    let listed: Vec<String> = listed
        .unwrap_or_default()
        .into_iter()
        .map(|volume| format!("{{{} }}", scribe.names.unique(volume)))
        .collect();
    let text = format!(
        "Updating status {:?} for node {:?} succeeded. VolumesAttached: [{}]",
        asked.to_string(),
        scribe.names.node(node),
        listed.join(" ")
    );
    node_patch(scribe, node, MANAGER, asked, answer);
    scribe.paper.klog(CONTROLLER, 'I', "node_status_updater.go:106", &text);
}

/// Somebody wrote `volumesAttached` as the board has it now.
pub fn report_by_hand(scribe: &mut Scribe, world: &World, node: NodeId, client: Client) {
    let answer = node_object(scribe, world, node);
    let asked = json!({"status": {"volumesAttached": answer["status"]["volumesAttached"]}});
    node_patch(scribe, node, client, asked, answer);
}

fn node_patch(scribe: &mut Scribe, node: NodeId, client: Client, asked: Value, answer: Value) {
    let name = scribe.names.node(node);
    scribe.paper.audit(&Request {
        client,
        verb: "patch",
        uri: format!("/api/v1/nodes/{name}/status"),
        object: json!({"resource": "nodes", "name": name, "apiVersion": "v1", "subresource": "status"}),
        code: 200,
        asked,
        answer,
    });
}

fn node_object(scribe: &mut Scribe, world: &World, node: NodeId) -> Value {
    let version = scribe.paper.next_version();
    let object = world.board.nodes.get(&node).cloned().unwrap_or_default();
    node_at(scribe.names, node, &object, version)
}

fn node_at(names: &Names, node: NodeId, object: &NodeObject, version: u64) -> Value {
    let name = names.node(node);
    let attached = object.attached.iter().map(|volume| names.unique(*volume));
    let attached: Vec<Value> = attached.map(|name| json!({"name": name, "devicePath": ""})).collect();
    let in_use: Vec<String> = object.in_use.iter().map(|volume| names.unique(*volume)).collect();
    json!({"kind": "Node", "apiVersion": "v1",
        "metadata": {"name": name, "uid": format!("uid-{name}"), "resourceVersion": version.to_string(),
                     "annotations": {"volumes.kubernetes.io/controller-managed-attach-detach": "true"}},
        "spec": {},
        "status": {"conditions": [{"type": "Ready", "status": if object.ready { "True" } else { "Unknown" }}],
                   "volumesAttached": attached, "volumesInUse": in_use}})
}

/// The kubelet registered its node.
pub fn node_created(scribe: &mut Scribe, node: NodeId) {
    let version = scribe.paper.next_version();
    let object = node_at(scribe.names, node, &NodeObject::default(), version);
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

fn controller_begins(scribe: &mut Scribe, before: &World, after: &World) {
    let Some(is) = &after.process else { return };
    let was = before.process.as_ref().map(operations).unwrap_or_default();
    for (pair, detach) in operations(is) {
        if was.contains(&(pair, detach)) {
            continue;
        }
        let (verb, word, line) = if detach {
            ("DetachVolume", "on", "reconciler.go:203")
        } else {
            ("AttachVolume", "from", "reconciler.go:275")
        };
        let text = format!("attacherDetacher.{verb} started {}", about(scribe.names, pair, word));
        scribe.paper.klog(CONTROLLER, 'I', line, &text);
        if let Some(object) = after
            .board
            .attachments
            .get(&pair)
            .filter(|object| detach && object.deleting)
        {
            delete_attachment(scribe, pair, object, MANAGER);
        }
    }
}

fn kubelet(scribe: &mut Scribe, before: &World, after: &World, node: NodeId) {
    let (Some(was), Some(is)) = (before.machines.get(&node), after.machines.get(&node)) else {
        return;
    };
    if was.next_status != is.next_status {
        let log = kubelet_log(scribe.names, node);
        scribe
            .paper
            .klog(&log, 'I', "setters.go:86", "Using node IP: \"10.0.1.11\"");
    }
    let in_use = |world: &World| world.board.nodes.get(&node).map(|object| object.in_use.clone());
    if in_use(before) != in_use(after) {
        let answer = node_object(scribe, after, node);
        let asked = json!({"status": {"volumesInUse": answer["status"]["volumesInUse"]}});
        let user = format!("system:node:{}", scribe.names.node(node));
        let client = Client {
            user: &user,
            agent: "kubelet",
        };
        node_patch(scribe, node, client, asked, answer);
    }
    let volumes: std::collections::BTreeSet<VolumeId> = was.volumes.keys().chain(is.volumes.keys()).copied().collect();
    for volume in volumes {
        let none = Held::default();
        let old = was.volumes.get(&volume).unwrap_or(&none);
        let new = is.volumes.get(&volume).unwrap_or(&none);
        moved(scribe, before, after, (volume, node), (old, new));
    }
}

/// A volume came closer to its mount, or left it.
fn moved(scribe: &mut Scribe, before: &World, after: &World, pair: Pair, (old, new): (&Held, &Held)) {
    let log = kubelet_log(scribe.names, pair.1);
    let user = before.board.pods.iter().chain(&after.board.pods);
    let mut user = user.filter(|(_, pod)| pod.node == pair.1 && pod.volumes.contains(&pair.0));
    let Some(id) = user.next_back().map(|(id, _)| *id) else {
        return;
    };
    let (volume, unique, uid) = (scribe.names.volume(pair.0), scribe.names.unique(pair.0), Names::uid(id));
    let name = scribe.names.pods[id.index()].name.clone();
    let of = format!("for volume \"{volume}\" (UniqueName: \"{unique}\") pod \"{name}\" (UID: \"{uid}\") ");
    let mut say = |place: &str, text: String| scribe.paper.klog(&log, 'I', place, &text);
    let started = format!("operationExecutor.VerifyControllerAttachedVolume started {of}");
    match (old.stage, new.stage) {
        (Stage::Absent, Stage::Verified) => {
            say("reconciler.go:224", started);
            say(
                "operation_generator.go:1357",
                format!("Controller attach succeeded {of}device path: \"\""),
            );
        }
        (Stage::Verified, Stage::Mounted) => {
            say(
                "reconciler.go:269",
                format!("operationExecutor.MountVolume started {of}"),
            );
            say(
                "operation_generator.go:672",
                format!("MountVolume.SetUp succeeded {of}"),
            );
        }
        (Stage::Mounted, Stage::Absent) => {
            let v0 = format!("(UniqueName: \"{unique}\") pod \"{uid}\" (UID: \"{uid}\") ");
            say(
                "reconciler.go:196",
                format!("operationExecutor.UnmountVolume started for volume \"v0\" {v0}"),
            );
            say(
                "operation_generator.go:797",
                format!(
                    "UnmountVolume.TearDown succeeded for volume \"{unique}\" (OuterVolumeSpecName: \"v0\") pod \"{uid}\" \
                 (UID: \"{uid}\"). InnerVolumeSpecName \"{volume}\". PluginName \"kubernetes.io/csi\", VolumeGidValue \"\""
                ),
            );
            let node = format!(
                "for volume \"{volume}\" (UniqueName: \"{unique}\") on node \"{}\" ",
                scribe.names.node(pair.1)
            );
            say(
                "reconciler.go:312",
                format!("operationExecutor.UnmountDevice started {node}"),
            );
            say("reconciler.go:319", format!("Volume detached {node}DevicePath \"\""));
        }
        (Stage::Absent, Stage::Absent) if new.backoff > old.backoff => {
            say("reconciler.go:224", started);
            let key = format!("{{volumeName:{unique} podName: nodeName:}}");
            let reported = after.board.in_use(pair);
            let error = if reported {
                format!("Volume not attached according to node status {of}")
            } else {
                format!("Volume has not been added to the list of VolumesInUse in the node's volume status {of}")
            };
            backoff(scribe, &log, &key, &error, after.now, new.not_before);
        }
        _ => {}
    }
}

/// Pods whose objects went, and containers that ended.
fn pods(scribe: &mut Scribe, before: &World, after: &World) {
    for (id, old) in &before.board.pods {
        let log = kubelet_log(scribe.names, old.node);
        let (name, uid) = (scribe.names.pods[id.index()].name.clone(), Names::uid(*id));
        let new = after.board.pods.get(id);
        if old.running && new.is_none_or(|new| !new.running) {
            let text = format!(
                "SyncLoop (PLEG): \"{name}_app({uid})\", event: &pleg.PodLifecycleEvent{{ID:\"{uid}\", \
                 Type:\"ContainerDied\", Data:\"{uid}_0\"}}"
            );
            scribe.paper.klog(&log, 'I', "kubelet.go:1926", &text);
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
            let text = format!("SyncLoop (REMOVE, \"api\"): \"{name}_app({uid})\"");
            scribe.paper.klog(&log, 'I', "kubelet.go:1898", &text);
        }
    }
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

/// A pod object, on a node once it is bound, with its deletion time once somebody deleted it.
pub fn pod_object(names: &Names, id: PodId, node: Option<NodeId>, deleting: Option<Time>) -> Value {
    let pod = &names.pods[id.index()];
    let volumes = pod.volumes.iter().enumerate();
    let volumes: Vec<Value> = volumes
        .map(|(at, volume)| {
            json!({"name": format!("v{at}"), "persistentVolumeClaim": {"claimName": names.claim(*volume)}})
        })
        .collect();
    let mut object = json!({"kind": "Pod", "apiVersion": "v1", "metadata": {"name": pod.name, "namespace": "app"},
        "spec": {"volumes": volumes, "containers": [{"name": "app", "image": "app:1.0"}]}, "status": {}});
    if let Some(node) = node {
        object["metadata"]["uid"] = json!(Names::uid(id));
        object["spec"]["nodeName"] = json!(names.node(node));
        object["status"]["phase"] = json!("Running");
    }
    if let Some(deleting) = deleting {
        object["metadata"]["deletionTimestamp"] = json!(deleting.to_string());
    }
    object
}

/// Dumps nodes, pods and `VolumeAttachment`s as the board has them.
pub fn dump_board(paper: &mut Paper, names: &Names, world: &World) {
    let version = paper.next_version();
    let nodes: Vec<Value> = world
        .board
        .nodes
        .iter()
        .map(|(id, object)| node_at(names, *id, object, version))
        .collect();
    let pods = world.board.pods.iter();
    let pods: Vec<Value> = pods
        .map(|(id, pod)| pod_object(names, *id, Some(pod.node), pod.deleting))
        .collect();
    let attachments = world.board.attachments.iter();
    let attachments: Vec<Value> = attachments
        .map(|(pair, object)| attachment_object(names, *pair, object, version, world.now))
        .collect();
    paper.dump("nodes", &nodes);
    paper.dump("pods", &pods);
    paper.dump("volumeattachments", &attachments);
}
