//! Names of a script and the model's ids for them, numbered in the order of the names.
//!
//! The recordings were made with every walk sorted by name, so ids in the order of names make the model walk alike.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::BadStep;
use crate::model::asw::Reported;
use crate::model::{NodeId, PathId, PodId, VolumeId};

/// The names that occur in a script.
#[derive(Clone, Debug, Default)]
pub struct Names {
    volumes: Vec<String>,
    nodes: Vec<String>,
    /// Namespace and name: events go by this order.
    pods: Vec<(String, String)>,
    paths: Vec<String>,
}

impl Names {
    /// Collects the names: volumes and nodes given as such, and whatever the steps mention besides.
    pub fn of(script: &Value) -> Names {
        let (mut volumes, mut nodes, mut pods) = (BTreeSet::new(), BTreeSet::new(), BTreeMap::new());
        let cfg = if script["cfg"].is_object() {
            &script["cfg"]
        } else {
            script
        };
        volumes.extend(
            cfg["vols"]
                .as_object()
                .into_iter()
                .flat_map(serde_json::Map::keys)
                .cloned(),
        );
        nodes.extend(strings(&cfg["nodes"]));
        for step in super::steps_of(script) {
            collect(step, &mut volumes, &mut nodes, &mut pods);
        }
        let mut volumes: Vec<String> = volumes.into_iter().collect();
        volumes.sort_by_key(|name| full_name(name));
        let mut pods: Vec<(String, String)> = pods.into_iter().map(|(pod, ns)| (ns, pod)).collect();
        pods.sort();
        Names {
            volumes,
            nodes: nodes.into_iter().collect(),
            pods,
            paths: vec![String::new()],
        }
    }

    /// The volume of this name.
    pub fn volume(&self, name: &str) -> Result<VolumeId, BadStep> {
        position(&self.volumes, |of| of == name)
            .map(VolumeId)
            .ok_or_else(|| unknown("volume", name))
    }

    /// The node of this name.
    pub fn node(&self, name: &str) -> Result<NodeId, BadStep> {
        position(&self.nodes, |of| of == name)
            .map(NodeId)
            .ok_or_else(|| unknown("node", name))
    }

    /// The pod of this name.
    pub fn pod(&self, name: &str) -> Result<PodId, BadStep> {
        position(&self.pods, |of| of.1 == name)
            .map(PodId)
            .ok_or_else(|| unknown("pod", name))
    }

    /// The path of this text.
    pub fn path(&mut self, text: &str) -> PathId {
        let at = position(&self.paths, |of| of == text).unwrap_or_else(|| {
            self.paths.push(text.to_owned());
            u32::try_from(self.paths.len() - 1).unwrap_or(0)
        });
        PathId(at)
    }

    /// An entry of `volumesAttached` written as `v` or `v|path`.
    pub fn reported(&mut self, text: &str) -> Result<Reported, BadStep> {
        let (volume, path) = text.split_once('|').unwrap_or((text, ""));
        Ok((self.volume(volume)?, self.path(path)))
    }

    /// All volumes, in the order of their full names.
    pub fn volumes(&self) -> impl Iterator<Item = VolumeId> + use<> {
        (0..u32::try_from(self.volumes.len()).unwrap_or(0)).map(VolumeId)
    }

    /// All nodes, by name.
    pub fn nodes(&self) -> impl Iterator<Item = NodeId> + use<> {
        (0..u32::try_from(self.nodes.len()).unwrap_or(0)).map(NodeId)
    }

    /// A volume's name as scripts write it.
    pub fn volume_name(&self, volume: VolumeId) -> &str {
        self.volumes.get(volume.index()).map_or("?", String::as_str)
    }

    /// A node's name.
    pub fn node_name(&self, node: NodeId) -> &str {
        self.nodes.get(node.index()).map_or("?", String::as_str)
    }

    /// A pod's namespace and name.
    pub fn pod_name(&self, pod: PodId) -> (&str, &str) {
        self.pods.get(pod.index()).map_or(("?", "?"), |(ns, name)| (ns, name))
    }

    /// The names of pods, sorted.
    pub fn pod_names(&self, pods: &[PodId]) -> Vec<&str> {
        let mut names: Vec<&str> = pods.iter().map(|&pod| self.pod_name(pod).1).collect();
        names.sort_unstable();
        names
    }

    /// A path's text.
    pub fn path_text(&self, path: PathId) -> &str {
        self.paths.get(path.index()).map_or("", String::as_str)
    }

    /// The names of volumes.
    pub fn volume_list(&self, volumes: &[VolumeId]) -> Value {
        volumes.iter().map(|&volume| json!(self.volume_name(volume))).collect()
    }

    /// Entries of `volumesAttached`, each `v` or `v|path`.
    pub fn reported_list(&self, list: &[Reported]) -> Value {
        let text = |&(volume, path): &Reported| match self.path_text(path) {
            "" => self.volume_name(volume).to_owned(),
            path => format!("{}|{path}", self.volume_name(volume)),
        };
        list.iter().map(text).collect()
    }
}

/// The unique volume name behind a name of a script.
pub fn full_name(name: &str) -> String {
    if name == "bad" || name.contains('/') {
        name.to_owned()
    } else {
        format!("kubernetes.io/fake/{name}")
    }
}

/// The strings of a JSON list.
pub fn strings(list: &Value) -> impl Iterator<Item = String> + '_ {
    list.as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(str::to_owned)
}

fn collect(
    step: &Value,
    volumes: &mut BTreeSet<String>,
    nodes: &mut BTreeSet<String>,
    pods: &mut BTreeMap<String, String>,
) {
    let without_path = |text: String| text.split('|').next().unwrap_or_default().to_owned();
    let text = |key: &str| {
        step[key]
            .as_str()
            .filter(|text| !text.is_empty() && *text != "*")
            .map(str::to_owned)
    };
    volumes.extend(text("v"));
    nodes.extend(text("n"));
    for key in ["vs", "iu", "att"] {
        volumes.extend(strings(&step[key]).map(without_path));
    }
    for outcome in strings(&step["a"]) {
        nodes.extend(outcome.strip_prefix("dang:").map(str::to_owned));
    }
    if let Some(pod) = text("p") {
        let namespace = pods.entry(pod).or_default();
        if namespace.is_empty() {
            namespace.push_str(step["ns"].as_str().unwrap_or_default());
        }
    }
    for inner in step["mu"].as_array().into_iter().flatten() {
        collect(inner, volumes, nodes, pods);
    }
}

fn position<T>(list: &[T], is_it: impl FnMut(&T) -> bool) -> Option<u32> {
    list.iter().position(is_it).and_then(|at| u32::try_from(at).ok())
}

fn unknown(what: &str, name: &str) -> BadStep {
    BadStep(format!("there is no {what} `{}`", name.escape_debug()))
}
