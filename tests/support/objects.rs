//! API objects of a run, as a cluster would show them.
//!
//! In: the model's board and the names. Out: JSON of nodes, pods, volumes, claims and `VolumeAttachment`s.

use adtrace::model::world::board::{Attachment, NodeObject, Pair};
use adtrace::model::{NodeId, PodId, VolumeId};
use adtrace::time::Time;
use serde_json::{Value, json};

use super::names::{DRIVER, Names};

/// The attacher's finalizer.
pub const FINALIZER: &str = "external-attacher/csi-example-com";

/// What makes a node managed by the controller.
const MANAGED: &str = "volumes.kubernetes.io/controller-managed-attach-detach";

/// A Node.
pub fn node(names: &Names, node: NodeId, object: &NodeObject, version: u64) -> Value {
    let name = names.node(node);
    let attached = object.attached.iter().map(|volume| names.unique(*volume));
    let attached: Vec<Value> = attached.map(|name| json!({"name": name, "devicePath": ""})).collect();
    let in_use: Vec<String> = object.in_use.iter().map(|volume| names.unique(*volume)).collect();
    let mut node = json!({"kind": "Node", "apiVersion": "v1",
        "metadata": {"name": name, "uid": names.node_uid(node), "resourceVersion": version.to_string(),
                     "annotations": {"node.alpha.kubernetes.io/ttl": "0"}},
        "spec": {},
        "status": {"conditions": [{"type": "Ready", "status": if object.ready { "True" } else { "Unknown" }}],
                   "volumesAttached": attached, "volumesInUse": in_use}});
    if object.managed {
        node["metadata"]["annotations"][MANAGED] = json!("true");
    }
    if object.out_of_service {
        node["spec"]["taints"] = json!([{"key": "node.kubernetes.io/out-of-service", "value": "nodeshutdown",
                                          "effect": "NoExecute"}]);
    }
    node
}

/// A `VolumeAttachment`; `errors` are the texts of attach and detach error.
pub fn attachment(names: &Names, pair: Pair, object: &Attachment, version: u64, at: Time, errors: [&str; 2]) -> Value {
    let name = names.attachment(pair);
    let source = if object.source_gone {
        names.first_volume(pair.0)
    } else {
        names.volume(pair.0)
    };
    let mut va = json!({"kind": "VolumeAttachment", "apiVersion": "storage.k8s.io/v1",
        "metadata": {"name": name, "uid": format!("va-{name}"), "resourceVersion": version.to_string()},
        "spec": {"attacher": DRIVER, "source": {"persistentVolumeName": source},
                 "nodeName": names.node(pair.1)},
        "status": {"attached": object.attached}});
    if object.finalizer {
        va["metadata"]["finalizers"] = json!([FINALIZER]);
    }
    if object.deleting {
        va["metadata"]["deletionTimestamp"] = json!(at.to_string());
    }
    for (key, set, text) in [
        ("attachError", object.attach_error, errors[0]),
        ("detachError", object.detach_error, errors[1]),
    ] {
        if set {
            va["status"][key] = json!({"message": text, "time": at.to_string()});
        }
    }
    va
}

/// A pod, on a node once it is bound, with its deletion time once somebody deleted it.
pub fn pod(names: &Names, id: PodId, node: Option<NodeId>, deleting: Option<Time>) -> Value {
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

/// The driver's `CSIDriver`.
pub fn csi_driver(attaches: bool, created: Time) -> Value {
    json!({"kind": "CSIDriver", "apiVersion": "storage.k8s.io/v1",
           "metadata": {"name": DRIVER, "creationTimestamp": created.to_string()},
           "spec": {"attachRequired": attaches, "podInfoOnMount": false}})
}

/// A persistent volume.
pub fn volume(names: &Names, volume: VolumeId) -> Value {
    let mode = access_mode(names, volume);
    json!({"kind": "PersistentVolume", "apiVersion": "v1", "metadata": {"name": names.volume(volume)},
           "spec": {"capacity": {"storage": "8Gi"}, "accessModes": [mode],
                    "csi": {"driver": DRIVER, "volumeHandle": names.handle(volume), "fsType": "ext4"},
                    "claimRef": {"kind": "PersistentVolumeClaim", "namespace": "app", "name": names.claim(volume)}},
           "status": {"phase": "Bound"}})
}

/// Its claim.
pub fn claim(names: &Names, volume: VolumeId) -> Value {
    let mode = access_mode(names, volume);
    json!({"kind": "PersistentVolumeClaim", "apiVersion": "v1",
           "metadata": {"name": names.claim(volume), "namespace": "app"},
           "spec": {"accessModes": [mode], "volumeName": names.volume(volume)}, "status": {"phase": "Bound"}})
}

fn access_mode(names: &Names, volume: VolumeId) -> &'static str {
    if names.volumes[volume.index()].1 {
        "ReadWriteOnce"
    } else {
        "ReadWriteMany"
    }
}
