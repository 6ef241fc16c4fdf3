//! A kubelet's lines and writes.

use std::collections::BTreeSet;

use adtrace::model::world::World;
use adtrace::model::world::board::{NodeObject, Pair};
use adtrace::model::world::node::{Held, Stage};
use adtrace::model::{NodeId, PodId, VolumeId};
use adtrace::time::Span;
use serde_json::json;

use super::super::names::Names;
use super::super::paper::Client;
use super::super::words::{Subject, Voice};
use super::controller::{backed_off, user};
use super::{Scribe, kubelet_log, node_patch};

/// What the node part of the driver says when it refuses and nobody told its words.
const BUSY: &str = "rpc error: code = Internal desc = target is busy";

/// What a kubelet did in a round.
pub fn tell(scribe: &mut Scribe, before: &World, after: &World, node: NodeId) {
    let (Some(was), Some(is)) = (before.machines.get(&node), after.machines.get(&node)) else {
        return;
    };
    if was.next_status != is.next_status {
        let log = kubelet_log(scribe.names, node);
        let text = if scribe.paper.minor() < 21 {
            "Using node IP: \"10.0.1.11\""
        } else {
            "\"Using node IP\" IP=\"10.0.1.11\""
        };
        scribe.paper.klog(&log, 'I', "setters.go:86", text);
    }
    if let (Some(old), Some(new)) = (before.board.nodes.get(&node), after.board.nodes.get(&node)) {
        let told = was.next_report != is.next_report && is.alive && is.reachable;
        if told || old.in_use != new.in_use || old.ready != new.ready {
            status(scribe, node, old, new);
        }
    }
    let volumes: BTreeSet<VolumeId> = was.volumes.keys().chain(is.volumes.keys()).copied().collect();
    for volume in volumes {
        let none = Held::default();
        let old = was.volumes.get(&volume).unwrap_or(&none);
        let new = is.volumes.get(&volume).unwrap_or(&none);
        moved(scribe, (before, after), (volume, node), (old, new));
    }
}

/// The kubelet writes its node's status: what changed, and its conditions. It writes before the controller's next round,
/// so that the answer shows the report as it is.
fn status(scribe: &mut Scribe, node: NodeId, old: &NodeObject, new: &NodeObject) {
    let user = format!("system:node:{}", scribe.names.node(node));
    let client = Client {
        user: &user,
        agent: "kubelet",
    };
    let mut body = json!({"status": {"conditions": [{"type": "Ready", "status": "True"}]}});
    if old.in_use != new.in_use {
        let in_use: Vec<String> = new.in_use.iter().map(|volume| scribe.names.unique(*volume)).collect();
        body["status"]["volumesInUse"] = json!(in_use);
    }
    node_patch(scribe, node, "status", client, body, new);
}

/// A container of a pod ended.
pub fn container_died(scribe: &mut Scribe, node: NodeId, pod: PodId) {
    let (name, uid) = (scribe.names.pods[pod.index()].name.clone(), Names::uid(pod));
    let text = if scribe.paper.minor() < 21 {
        format!(
            "SyncLoop (PLEG): \"{name}_app({uid})\", event: &pleg.PodLifecycleEvent{{ID:\"{uid}\", \
             Type:\"ContainerDied\", Data:\"{uid}_0\"}}"
        )
    } else {
        format!(
            "\"SyncLoop (PLEG): event for pod\" pod=\"app/{name}\" \
             event={{\"ID\":\"{uid}\",\"Type\":\"ContainerDied\",\"Data\":\"{uid}_0\"}}"
        )
    };
    let log = kubelet_log(scribe.names, node);
    scribe.paper.klog(&log, 'I', "kubelet.go:1926", &text);
}

/// A volume came closer to its mount, or left it, or did not.
fn moved(scribe: &mut Scribe, (before, after): (&World, &World), pair: Pair, (old, new): (&Held, &Held)) {
    let Some(pod) = user(before, pair).max(user(after, pair)) else {
        return;
    };
    let of = scribe.names.subject(pair, Some(pod));
    let node = pair.1;
    let failed = new.backoff > old.backoff;
    match (old.stage, new.stage) {
        (Stage::Absent, Stage::Verified) => {
            scribe.kubelet(node, 'I', ("kubelet_verify_started", ""), &of, &[]);
            scribe.kubelet(node, 'I', ("kubelet_verify_ok", ""), &of, &[""]);
        }
        (Stage::Verified, Stage::Mounted) => {
            let begins = "operationExecutor.MountVolume started for volume";
            scribe.kubelet(node, 'I', ("kubelet_mount_started", begins), &of, &[]);
            scribe.kubelet(node, 'I', ("kubelet_mounted", "MountVolume.SetUp"), &of, &[]);
        }
        (Stage::Mounted, Stage::Absent) => unmounted(scribe, &of, node),
        (Stage::Absent, Stage::Absent) if failed => {
            scribe.kubelet(node, 'I', ("kubelet_verify_started", ""), &of, &[]);
            // It asks itself first whether it has reported the volume in use, then the API server for the report.
            let fact = if after.board.in_use(pair) && !after.board.reported(pair) {
                ("kubelet_not_reported_yet", "Volume not attached")
            } else {
                ("kubelet_not_in_use_yet", "Volume has not")
            };
            let error = scribe.error(Voice::Kubelet, fact, &of, &[]);
            waits(scribe, pair, &error, after, new);
        }
        (Stage::Verified, Stage::Verified) if failed => {
            let error = mount_error(scribe, after, pair, &of);
            waits(scribe, pair, &error, after, new);
        }
        (Stage::Mounted, Stage::Mounted) if failed => {
            let why = scribe.excuses.node.get(&pair).map_or(BUSY, String::as_str).to_owned();
            let by_uid = Subject {
                pod: of.uid.clone(),
                ..of.clone()
            };
            scribe.kubelet(node, 'I', ("kubelet_unmount_started", ""), &by_uid, &[]);
            let fact = ("kubelet_unmount_failed", "UnmountVolume.TearDown failed");
            let error = scribe.error(Voice::Kubelet, fact, &by_uid, &[&why]);
            waits(scribe, pair, &error, after, new);
        }
        _ => {}
    }
}

/// Why a volume that is reported can't be mounted.
fn mount_error(scribe: &Scribe, world: &World, pair: Pair, of: &Subject) -> String {
    let object = world.board.attachments.get(&pair);
    if object.is_some_and(|object| object.attached && !object.deleting) {
        let why = scribe.excuses.node.get(&pair).map_or(BUSY, String::as_str).to_owned();
        let fact = ("kubelet_device_mount_failed", "MountVolume.MountDevice failed for");
        return scribe.error(Voice::Kubelet, fact, of, &[&why]);
    }
    let why = if object.is_some() {
        "volume attachment is being deleted".to_owned()
    } else {
        format!(
            "volume {} has GET error for volume attachment {}: volumeattachments.storage.k8s.io \"{}\" is forbidden: \
             User \"system:node:{}\" cannot get resource \"volumeattachments\" in API group \"storage.k8s.io\" at the \
             cluster scope: no relationship found between node '{}' and this object",
            scribe.names.handle(pair.0),
            of.attachment,
            of.attachment,
            of.node,
            of.node
        )
    };
    let fact = ("kubelet_wait_attach_failed", "MountVolume.WaitForAttach");
    scribe.error(Voice::Kubelet, fact, of, &[&why])
}

/// All lines of an unmount.
pub fn unmounted(scribe: &mut Scribe, of: &Subject, node: NodeId) {
    let by_uid = Subject {
        pv: "v0".to_owned(),
        pod: of.uid.clone(),
        ..of.clone()
    };
    let by_name = Subject {
        pv: of.unique.clone(),
        ..by_uid.clone()
    };
    scribe.kubelet(node, 'I', ("kubelet_unmount_started", ""), &by_uid, &[]);
    let spec = [of.pv.as_str(), "kubernetes.io/csi", ""];
    let outer = ["v0", of.pv.as_str(), "kubernetes.io/csi", ""];
    let rest: &[&str] = if scribe.paper.minor() < 35 { &outer } else { &spec };
    scribe.kubelet(
        node,
        'I',
        ("kubelet_unmounted", "UnmountVolume.TearDown"),
        &by_name,
        rest,
    );
    scribe.kubelet(node, 'I', ("kubelet_device_unmount_started", ""), of, &[]);
    scribe.kubelet(node, 'I', ("kubelet_volume_dropped", ""), of, &[""]);
}

fn waits(scribe: &mut Scribe, pair: Pair, error: &str, world: &World, held: &Held) {
    let log = kubelet_log(scribe.names, pair.1);
    let key = format!("{{volumeName:{} podName: nodeName:}}", scribe.names.unique(pair.0));
    let until = if held.backoff == Span::ZERO {
        world.now
    } else {
        held.not_before
    };
    backed_off(scribe, &log, &key, error, world.now, until);
}
