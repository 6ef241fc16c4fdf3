//! What a recording of the kubelet fakes: plugin answers, the API server's node, the informer's copy of it.
//!
//! In: what the script's steps set, and the model's calls. Out: answers, and the log entries that tell of them.

use std::collections::{BTreeMap, VecDeque};

use serde_json::{Value, json};

use super::errors::failure_kind;
use super::names::Names;
use crate::model::kubelet::operations::{Answer, Call, Failure, Fault, Operation};
use crate::model::kubelet::{DevicePath, Note, Outside, Refused, Unreachable, VolumeKind};
use crate::model::pending::OpName;
use crate::model::{PodId, VolumeId};

/// A node as a recording shows it: volumesAttached with paths, volumesInUse.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Node {
    pub attached: Vec<(VolumeId, DevicePath)>,
    pub in_use: Vec<VolumeId>,
}

/// What the recordings fake.
pub(super) struct World {
    pub names: Names,
    pub kinds: BTreeMap<String, VolumeKind>,
    paths_from_wait: bool,
    pub live: Node,
    pub cached: Option<Node>,
    pub answers: BTreeMap<(String, String, String), VecDeque<String>>,
    pub failing_node_reads: u64,
    pub failing_claim_reads: u64,
    pub log: Vec<Value>,
}

impl World {
    pub fn new(names: Names, kinds: &[(&str, &str)], paths_from_wait: bool) -> World {
        World {
            names,
            kinds: kinds
                .iter()
                .map(|(spec, letters)| ((*spec).to_owned(), kind_of(letters)))
                .collect(),
            paths_from_wait,
            live: Node::default(),
            cached: Some(Node::default()),
            answers: BTreeMap::new(),
            failing_node_reads: 0,
            failing_claim_reads: 0,
            log: Vec::new(),
        }
    }

    pub fn outcome(&mut self, operation: &Operation, call: Call) -> String {
        let (kind, volume, pod) = self.names.call(operation, call);
        let (kind, volume, pod) = (kind.to_owned(), volume.to_owned(), pod.to_owned());
        let key = (kind.clone(), volume.clone(), pod.clone());
        let outcome = self
            .answers
            .get_mut(&key)
            .and_then(VecDeque::pop_front)
            .unwrap_or_else(|| "ok".to_owned());
        if outcome != "ok" || !matches!(call, Call::References | Call::DeviceOpened) {
            self.log.push(json!(["C", kind, volume, pod, outcome]));
        }
        outcome
    }

    pub fn answer(&mut self, operation: &Operation, call: Call, outcome: &str) -> Answer {
        match outcome {
            "ok" if call == Call::WaitForAttach && self.paths_from_wait => {
                let path = format!("att-{}", self.names.spec(operation.volume));
                Answer::At(self.names.path(&path))
            }
            "ok" => Answer::Ok,
            "busy" | "open" => Answer::Busy,
            "unc" => Answer::Failed(Fault::Uncertain),
            "tra" => Answer::Failed(Fault::Transient),
            _ => Answer::Failed(Fault::Final),
        }
    }

    pub fn ended(&mut self, operation: &Operation, result: Result<(), Failure>) {
        let pod = operation.pod.map_or("", |pod| self.names.pod_name(pod));
        let volume = self.names.name(operation.known_as);
        let mut entries = Vec::new();
        match result {
            Ok(()) => entries.push(json!(["D", operation.name.as_str(), volume, pod, "ok"])),
            Err(failure) => {
                let kind = failure_kind(failure);
                if operation.name == OpName::Mount {
                    entries.push(json!(["E", pod, "FailedMount", kind]));
                }
                entries.push(json!(["D", operation.name.as_str(), volume, pod, "err", kind]));
            }
        }
        self.log.append(&mut entries);
    }
}

impl Outside for World {
    fn kind(&self, volume: VolumeId) -> VolumeKind {
        self.kinds.get(self.names.spec(volume)).copied().unwrap_or(kind_of(""))
    }

    fn bare_name(&self, volume: VolumeId) -> VolumeId {
        self.names.bare(volume)
    }

    fn cached_node(&self) -> Option<&[(VolumeId, DevicePath)]> {
        self.cached.as_ref().map(|node| node.attached.as_slice())
    }

    fn read_node(&mut self) -> Result<Vec<(VolumeId, DevicePath)>, Unreachable> {
        let fails = take_one(&mut self.failing_node_reads);
        self.log.push(json!(["G", if fails { "err" } else { "ok" }]));
        if fails {
            Err(Unreachable)
        } else {
            Ok(self.live.attached.clone())
        }
    }

    fn read_claim(&mut self, volume: VolumeId) -> Result<(), Unreachable> {
        let fails = take_one(&mut self.failing_claim_reads);
        self.log
            .push(json!(["Q", self.names.spec(volume), if fails { "err" } else { "ok" }]));
        if fails { Err(Unreachable) } else { Ok(()) }
    }

    fn construct_spec(&mut self, volume: VolumeId, pod: PodId) -> bool {
        let (spec, pod) = (self.names.spec(volume).to_owned(), self.names.pod_name(pod).to_owned());
        let key = ("cv".to_owned(), spec.clone(), pod.clone());
        let outcome = self
            .answers
            .get_mut(&key)
            .and_then(VecDeque::pop_front)
            .unwrap_or_else(|| "ok".to_owned());
        self.log.push(json!(["C", "cv", spec, pod, outcome]));
        outcome == "ok"
    }

    fn note(&mut self, note: Note) {
        let pod_name = |pod: Option<PodId>| pod.map_or("", |pod| self.names.pod_name(pod));
        let entry = match note {
            Note::Started { op, volume, pod } => json!(["S", op.as_str(), self.names.name(volume), pod_name(pod)]),
            Note::Refused { op, volume, pod, why } => {
                let why = match why {
                    Refused::Exists => "exists",
                    Refused::Backoff => "backoff",
                    Refused::NotInNodeStatus => "precond",
                };
                json!(["X", op.as_str(), self.names.name(volume), pod_name(pod), why])
            }
            Note::NotInUseYet { .. } | Note::Dropped { .. } => return,
        };
        self.log.push(entry);
    }
}

fn kind_of(letters: &str) -> VolumeKind {
    VolumeKind {
        attachable: letters.starts_with('A'),
        device_mountable: letters.starts_with(['A', 'D']),
        requires_remount: letters.ends_with('R'),
    }
}

fn take_one(left: &mut u64) -> bool {
    let some = *left > 0;
    *left = left.saturating_sub(1);
    some
}
