//! Names by number and numbers by name, for one script.
//!
//! In: the volumes and pods that a script names. Out: the model's ids, and the forms in which recordings write them.

use serde_json::{Value, json};

use super::BadScript;
use super::world::Node;
use crate::model::kubelet::DevicePath;
use crate::model::kubelet::operations::{Call, Operation};
use crate::model::{PodId, VolumeId};

/// Names by number and numbers by name, for one script. Volumes are numbered in the order of their full unique names,
/// which is the order in which the recordings walk.
pub(super) struct Names {
    volumes: Vec<VolumeName>,
    pods: Vec<String>,
    paths: Vec<String>,
}

struct VolumeName {
    full: String,
    shown: String,
    spec: String,
}

impl Names {
    /// Numbers the volumes (name and letters of the kind) and pods of a script.
    pub fn new(kinds: &[(&str, &str)], pods: &[&str]) -> Names {
        let mut volumes = Vec::new();
        for (spec, letters) in kinds {
            let mut add = |full: String, shown: String| {
                volumes.push(VolumeName {
                    full,
                    shown,
                    spec: (*spec).to_owned(),
                });
            };
            if letters.starts_with('M') {
                for pod in pods {
                    add(format!("kubernetes.io/fmnt/{pod}-{spec}"), format!("{spec}@{pod}"));
                }
            } else {
                add(format!("kubernetes.io/fake/{spec}"), (*spec).to_owned());
            }
            add((*spec).to_owned(), format!("={spec}"));
        }
        volumes.sort_by(|a, b| a.full.cmp(&b.full));
        Names {
            volumes,
            pods: pods.iter().map(|&pod| pod.to_owned()).collect(),
            paths: vec![String::new()],
        }
    }

    pub fn volume(&self, spec: &str, pod: &str) -> Result<VolumeId, BadScript> {
        let own = format!("{spec}@{pod}");
        let at = self
            .volumes
            .iter()
            .position(|name| name.shown == spec || name.shown == own);
        at.map(number)
            .map(VolumeId)
            .ok_or_else(|| BadScript(format!("it uses a volume {spec:?} that it does not name")))
    }

    pub fn pod(&self, name: &str) -> Result<PodId, BadScript> {
        let at = self.pods.iter().position(|pod| pod == name);
        at.map(number)
            .map(PodId)
            .ok_or_else(|| BadScript(format!("it uses a pod {name:?} that no step names")))
    }

    pub fn path(&mut self, path: &str) -> DevicePath {
        let at = self.paths.iter().position(|known| known == path).unwrap_or_else(|| {
            self.paths.push(path.to_owned());
            self.paths.len() - 1
        });
        DevicePath(number(at))
    }

    pub fn bare(&self, volume: VolumeId) -> VolumeId {
        let spec = self.spec(volume);
        let at = self.volumes.iter().position(|name| name.full == spec);
        at.map_or(volume, |at| VolumeId(number(at)))
    }

    pub fn name(&self, volume: VolumeId) -> &str {
        self.volumes.get(volume.index()).map_or("?", |name| name.shown.as_str())
    }

    pub fn spec(&self, volume: VolumeId) -> &str {
        self.volumes.get(volume.index()).map_or("?", |name| name.spec.as_str())
    }

    pub fn pod_name(&self, pod: PodId) -> &str {
        self.pods.get(pod.index()).map_or("?", String::as_str)
    }

    pub fn path_text(&self, path: DevicePath) -> &str {
        self.paths.get(path.0 as usize).map_or("?", String::as_str)
    }

    pub fn list(&self, volumes: &[VolumeId]) -> Vec<&str> {
        volumes.iter().map(|id| self.name(*id)).collect()
    }

    pub fn node(&self, node: &Node) -> Value {
        let attached = node.attached.iter().map(|(id, path)| match self.path_text(*path) {
            "" => self.name(*id).to_owned(),
            path => format!("{}|{path}", self.name(*id)),
        });
        json!([attached.collect::<Vec<_>>(), self.list(&node.in_use)])
    }

    /// How the recordings name a call: kind, volume, and the pod where the call is about one.
    pub fn call<'a>(&'a self, operation: &Operation, call: Call) -> (&'static str, &'a str, &'a str) {
        let kind = match call {
            Call::WaitForAttach => "w",
            Call::MountDevice => "md",
            Call::SetUp => "su",
            Call::TearDown => "td",
            Call::References => "rf",
            Call::UnmountDevice => "ud",
            Call::DeviceOpened => "op",
        };
        let pod = match call {
            Call::WaitForAttach | Call::SetUp | Call::TearDown => operation.pod,
            _ => None,
        };
        (
            kind,
            self.spec(operation.volume),
            pod.map_or("", |pod| self.pod_name(pod)),
        )
    }
}

/// An index as a number; scripts are far too small for it not to fit.
fn number(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}
