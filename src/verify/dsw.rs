//! Scripts of the desired state of world.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::names::{Names, strings};
use super::{BadStep, Observed, Subject};
use crate::model::dsw::{Desired, Wanted};
use crate::model::{Behaviour, Cell, NodeId, PodId, Profile};

/// A desired state of world under test.
pub struct Dsw {
    names: Names,
    desired: Desired,
    profile: Profile,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Step {
    o: String,
    v: String,
    n: String,
    p: String,
    /// A pod's namespace, or a list of nodes.
    ns: Value,
    keep: u8,
    sp: u8,
}

impl Dsw {
    /// Nothing managed, nothing wanted.
    pub fn new(profile: Profile, script: &Value) -> Dsw {
        Dsw {
            names: Names::of(script),
            desired: Desired::default(),
            profile,
        }
    }

    fn cell(&self, step: &Step) -> Result<Cell, BadStep> {
        Ok(Cell::new(self.names.volume(&step.v)?, self.names.node(&step.n)?))
    }

    fn add_pod(&mut self, step: &Step) -> Result<Value, BadStep> {
        let cell = self.cell(step)?;
        let pod = self.names.pod(&step.p)?;
        // A spec that no plugin supports is refused like a node that is not managed.
        let added = step.sp != 2 && self.desired.add_pod(pod, cell).is_ok();
        Ok(if added {
            json!({"u": step.v})
        } else {
            json!({"e": "", "u": ""})
        })
    }

    fn delete_everywhere(&mut self, pod: PodId) {
        for node in self.names.nodes() {
            for volume in self.names.volumes() {
                self.desired.delete_pod(pod, Cell { volume, node });
            }
        }
    }

    fn result(&mut self, step: &Step) -> Result<Value, BadStep> {
        match step.o.as_str() {
            "addNode" => {
                let keep = step.keep != 0 && !self.profile.has(Behaviour::NoKeepTerminatedVolumes);
                self.desired.add_node(self.names.node(&step.n)?, keep);
            }
            "deleteNode" => {
                if self.desired.delete_node(self.names.node(&step.n)?).is_err() {
                    return Ok(json!({"e": ""}));
                }
            }
            "addPod" => return self.add_pod(step),
            "deletePod" => self.desired.delete_pod(self.names.pod(&step.p)?, self.cell(step)?),
            "deletePodAll" => self.delete_everywhere(self.names.pod(&step.p)?),
            "setMultiAttachError" => self.desired.set_multi_attach_told(self.cell(step)?),
            _ => return self.question(step),
        }
        Ok(json!({}))
    }

    fn question(&self, step: &Step) -> Result<Value, BadStep> {
        let names = &self.names;
        Ok(match step.o.as_str() {
            "volumeExists" => json!({"x": u8::from(self.desired.wants(self.cell(step)?))}),
            "volumesToAttach" => {
                let row = |wanted: &Wanted| {
                    json!([
                        names.volume_name(wanted.cell.volume),
                        names.node_name(wanted.cell.node),
                        u8::from(wanted.multi_attach_told),
                        with_namespace(&wanted.pods, names),
                    ])
                };
                json!({"x": self.desired.wanted().iter().map(row).collect::<Vec<_>>()})
            }
            "podsOnNodes" => {
                let nodes: Vec<NodeId> = strings(&step.ns)
                    .map(|node| names.node(&node))
                    .collect::<Result<_, _>>()?;
                json!({"x": with_namespace(&self.desired.pods_on(&nodes, names.volume(&step.v)?), names)})
            }
            "podToAdd" => {
                let row = |(pod, cell): (PodId, Cell)| {
                    let at = json!([names.volume_name(cell.volume), names.node_name(cell.node)]);
                    (names.pod_name(pod).1.to_owned(), at)
                };
                json!({"x": self.desired.one_pair_per_pod().into_iter().map(row).collect::<Map<_, _>>()})
            }
            "nodeExists" => json!({"x": u8::from(self.desired.node(names.node(&step.n)?).is_some())}),
            "keepTerminated" if self.profile.has(Behaviour::NoKeepTerminatedVolumes) => json!({"na": 1}),
            "keepTerminated" => {
                let managed = self.desired.node(names.node(&step.n)?);
                json!({"x": u8::from(managed.is_some_and(|node| node.keep_terminated))})
            }
            other => return Err(BadStep(format!("unknown operation `{}`", other.escape_debug()))),
        })
    }
}

impl Subject for Dsw {
    fn step(&mut self, step: &Value) -> Result<Observed, BadStep> {
        let step = Step::deserialize(step)?;
        let result = self.result(&step)?;
        Ok(vec![
            ("r", result),
            ("s", Value::Object(state(&self.desired, &self.names))),
        ])
    }
}

fn with_namespace(pods: &[PodId], names: &Names) -> Vec<String> {
    let text = |&pod: &PodId| {
        let (namespace, name) = names.pod_name(pod);
        format!("{namespace}/{name}")
    };
    pods.iter().map(text).collect()
}

/// The state as recordings write it: `dn` managed nodes, `d` what is wanted, by node, then volume.
pub fn state(desired: &Desired, names: &Names) -> Map<String, Value> {
    let mut wanted: Vec<&Wanted> = desired.wanted().iter().collect();
    wanted.sort_by_key(|wanted| (wanted.cell.node, wanted.cell.volume));
    let row = |wanted: &Wanted| {
        json!([
            names.volume_name(wanted.cell.volume),
            names.node_name(wanted.cell.node),
            names.pod_names(&wanted.pods),
            u8::from(wanted.multi_attach_told),
        ])
    };
    let nodes = desired
        .nodes()
        .iter()
        .map(|managed| json!(names.node_name(managed.node)));
    let mut state = Map::new();
    state.insert("dn".into(), nodes.collect());
    state.insert("d".into(), wanted.into_iter().map(row).collect());
    state
}
