//! The model's state in the form of a recording.
//!
//! In: the kubelet and what surrounds it. Out: the JSON object that a recording has after each step.

use serde_json::{Map, Value, json};

use super::names::Names;
use super::world::World;
use crate::model::VolumeId;
use crate::model::kubelet::Kubelet;
use crate::model::kubelet::actual::{Attachability, AttachedVolume, Device, MountState};
use crate::model::kubelet::desired::WantedVolume;
use crate::model::pending::Entry;

/// The whole state. Keys whose lists are empty, and flags in their usual position, are left out.
pub(super) fn state(kubelet: &Kubelet, world: &World) -> Value {
    let names = &world.names;
    let actual = kubelet
        .actual()
        .volumes()
        .map(|(id, entry)| actual_entry(names, id, entry))
        .collect();
    let desired = kubelet
        .desired()
        .volumes()
        .map(|(id, entry)| desired_entry(names, id, entry))
        .collect();
    let pending = kubelet
        .pending()
        .entries()
        .iter()
        .map(|entry| pending_entry(names, entry))
        .collect();
    let processed = kubelet.processed().iter().map(|(pod, done)| {
        let again = if *done { "" } else { "?" };
        format!("{}{again}", names.pod_name(*pod))
    });
    let mut state = Map::new();
    let mut put = |key: &str, value: Value| state.insert(key.to_owned(), value);
    put("a", actual);
    put("d", desired);
    put("p", pending);
    put("iu", json!(names.list(&kubelet.volumes_in_use())));
    put("pp", processed.collect());
    put("n", names.node(&world.live));
    if world.cached.as_ref() != Some(&world.live) {
        put("c", world.cached.as_ref().map_or(Value::Null, |node| names.node(node)));
    }
    for (key, list) in [
        (
            "pe",
            kubelet
                .desired()
                .errors()
                .map(|(pod, _)| json!(names.pod_name(pod)))
                .collect(),
        ),
        ("fs", mounts(names, kubelet)),
        (
            "gm",
            kubelet.host.staged.keys().map(|id| json!(names.spec(*id))).collect(),
        ),
        (
            "h",
            hung(names, kubelet)
                .into_iter()
                .map(|(kind, spec, pod)| json!([kind, spec, pod]))
                .collect(),
        ),
    ] as [(&str, Vec<Value>); 4]
    {
        if !list.is_empty() {
            put(key, Value::Array(list));
        }
    }
    for (key, usual) in [("sy", kubelet.states_synced()), ("ap", kubelet.sources_ready())] {
        if !usual {
            put(key, json!(0));
        }
    }
    let unsettled = [kubelet.awaiting_status().len(), kubelet.failed_reconstruction().len()];
    if unsettled != [0, 0] {
        put("ru", json!(unsettled));
    }
    Value::Object(state)
}

/// The calls that hang, sorted as `kind/volume/pod`.
pub(super) fn hung<'a>(names: &'a Names, kubelet: &Kubelet) -> Vec<(&'static str, &'a str, &'a str)> {
    let running = kubelet.running().iter();
    let mut calls: Vec<_> = running
        .filter_map(|operation| Some(names.call(operation, operation.waits?)))
        .collect();
    calls.sort_by_cached_key(|(kind, spec, pod)| format!("{kind}/{spec}/{pod}"));
    calls
}

fn mounts(names: &Names, kubelet: &Kubelet) -> Vec<Value> {
    let mounts = kubelet.host.mounts.keys();
    let mut texts: Vec<String> = mounts
        .map(|(pod, id)| format!("{}/{}", names.pod_name(*pod), names.spec(*id)))
        .collect();
    texts.sort_unstable();
    texts.into_iter().map(Value::String).collect()
}

fn desired_entry(names: &Names, id: VolumeId, entry: &WantedVolume) -> Value {
    let pods: Vec<&str> = entry.pods.iter().map(|pod| names.pod_name(*pod)).collect();
    let [attachable, device_mountable, reported] =
        [entry.attachable, entry.device_mountable, entry.reported_in_use].map(u8::from);
    json!([names.name(id), attachable, device_mountable, reported, pods])
}

fn pending_entry(names: &Names, entry: &Entry) -> Value {
    let failed = entry.backoff.failed_at.map_or(-1, |at| at.0 / 1000);
    let volume = entry.key.volume.map_or("", |id| names.name(id));
    let pod = entry.key.pod.map_or("", |pod| names.pod_name(pod));
    let wait = entry.backoff.wait.as_millis();
    json!([volume, pod, entry.op.as_str(), u8::from(entry.pending), failed, wait])
}

fn actual_entry(names: &Names, id: VolumeId, entry: &AttachedVolume) -> Value {
    let found = entry.reconstructed.as_ref();
    let attachable = match entry.attachable {
        Attachability::No => "N",
        Attachability::Yes => "A",
        Attachability::Unknown => "U",
    };
    let device = match entry.device {
        Device::NotMounted => "-",
        Device::Mounted => "M",
        Device::Uncertain => "U",
    };
    let staging = if entry.device == Device::NotMounted {
        String::new()
    } else {
        format!("/g/{}", names.spec(id))
    };
    let pods: Vec<Value> = entry
        .pods
        .iter()
        .map(|(pod, mount)| {
            let state = if mount.state == MountState::Mounted { "M" } else { "U" };
            let mut fields = vec![
                json!(names.pod_name(*pod)),
                json!(state),
                json!(u8::from(mount.remount)),
            ];
            if found.is_some_and(|found| found.contains(pod)) {
                fields.push(json!(1));
            }
            Value::Array(fields)
        })
        .collect();
    let path = names.path_text(entry.device_path);
    let mut fields = vec![
        json!(names.name(id)),
        json!(attachable),
        json!(device),
        json!(path),
        json!(staging),
        json!(pods),
    ];
    if found.is_some() {
        fields.push(json!(1));
    }
    Value::Array(fields)
}
