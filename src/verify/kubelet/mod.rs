//! Replays recordings of the real kubelet's volume manager on the model.
//!
//! In: one script of `kubelet.jsonl` (steps with their inputs). Out: after each step the log and the state that the
//! model gives, in the recording's own form, so that they compare as plain JSON. What the recordings fake (plugin
//! answers, the API server's node, the informer's copy of it) is faked here in the same way; nothing here decides
//! anything that the kubelet decides.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::model::kubelet::Kubelet;
use crate::model::kubelet::host::PodPhase;
use crate::model::kubelet::operations::{Operation, OperationId, Progress};
use crate::model::kubelet::reconciler::PassStep;
use crate::model::kubelet::status::StatusStep;
use crate::model::{PodId, Profile, VolumeId};
use crate::time::{Span, Time};
use names::Names;
use world::World;

mod errors;
mod names;
mod show;
mod world;

/// A script that can't be replayed.
#[derive(Debug)]
pub struct BadScript(String);

impl std::fmt::Display for BadScript {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "The script can't be replayed: {}.", self.0)
    }
}

impl std::error::Error for BadScript {}

/// A script under replay.
pub struct Replay {
    kubelet: Kubelet,
    world: World,
    profile: Profile,
    now: Time,
}

impl Replay {
    /// Sets the script's start up: no pods, sources ready, states synced, empty node.
    pub fn new(script: &Value, profile: Profile) -> Result<Replay, BadScript> {
        let config = &script["cfg"];
        let volumes = config["vols"]
            .as_object()
            .ok_or_else(|| BadScript("it names no volumes".into()))?;
        let steps = script["steps"]
            .as_array()
            .ok_or_else(|| BadScript("it has no steps".into()))?;
        let mut pods: Vec<&str> = steps
            .iter()
            .filter_map(|step| step["p"].as_str())
            .filter(|p| !p.is_empty())
            .collect();
        pods.sort_unstable();
        pods.dedup();
        let kinds: Vec<(&str, &str)> = volumes
            .iter()
            .map(|(name, letters)| (name.as_str(), letters.as_str().unwrap_or_default()))
            .collect();
        let world = World::new(Names::new(&kinds, &pods), &kinds, config["wp"] == 1);
        Ok(Replay {
            kubelet: Kubelet::settled(profile),
            world,
            profile,
            now: Time(0),
        })
    }

    /// Does one step. The log of what happened in it, and the state after it, in the recording's form.
    pub fn step(&mut self, step: &Value) -> Result<(Vec<Value>, Value), BadScript> {
        self.world.log.clear();
        match text(step, "o") {
            "pod+" | "podT" | "podX" | "pod-" | "sync" | "look" => self.pod_step(step)?,
            "pop" => self.kubelet.populate(step["k"] == "1", self.now, &mut self.world),
            "node" | "lst" => self.node_step(step)?,
            "status" => self.status(step),
            "ans" => {
                let key = (
                    text(step, "k").to_owned(),
                    text(step, "v").to_owned(),
                    text(step, "p").to_owned(),
                );
                self.world
                    .answers
                    .insert(key, texts(step, "a").map(str::to_owned).collect());
            }
            "rel" => {
                let outcome = texts(step, "a").next().unwrap_or("ok").to_owned();
                self.release((text(step, "k"), text(step, "v"), text(step, "p")), &outcome);
            }
            "clr" => self.clear(),
            "gfail" => self.world.failing_node_reads = step["i"].as_u64().unwrap_or(0),
            "qfail" => self.world.failing_claim_reads = step["i"].as_u64().unwrap_or(0),
            "flip" => {
                if let Some(kind) = self.world.kinds.get_mut(text(step, "v")) {
                    kind.attachable = step["k"] == "1";
                }
            }
            "adv" => self.now = self.now + Span::millis(step["i"].as_i64().unwrap_or(0)),
            "pass" => self.pass(step),
            "restart" => {
                self.world.cached = Some(self.world.live.clone());
                self.kubelet.restart(self.profile, &mut self.world);
            }
            other => return Err(BadScript(format!("it has an unknown step {other:?}"))),
        }
        Ok((
            std::mem::take(&mut self.world.log),
            show::state(&self.kubelet, &self.world),
        ))
    }

    fn pod_step(&mut self, step: &Value) -> Result<(), BadScript> {
        let pod = self.world.names.pod(text(step, "p"))?;
        match text(step, "o") {
            "pod+" => {
                let volumes = texts(step, "vs")
                    .map(|v| self.world.names.volume(v, text(step, "p")))
                    .collect::<Result<_, _>>()?;
                self.kubelet.host.pod_added(pod, volumes);
            }
            "podT" => self.kubelet.host.pod_reached(pod, PodPhase::Terminating),
            "podX" => self.kubelet.host.pod_reached(pod, PodPhase::Stopped),
            "pod-" => self.kubelet.host.pod_object_gone(pod),
            "sync" => self.kubelet.reprocess(pod),
            _ => self.look(pod),
        }
        Ok(())
    }

    fn look(&mut self, pod: PodId) {
        let look = self.kubelet.look(pod);
        let names = &self.world.names;
        let list = |volumes: &[VolumeId]| {
            let mut specs: Vec<_> = volumes.iter().map(|v| names.spec(*v)).collect();
            specs.sort_unstable();
            specs
        };
        let errors: Vec<VolumeId> = look.errors.iter().copied().collect();
        let not_wanted = look.not_wanted.as_deref().map(list);
        let entry = json!([
            "W",
            names.pod_name(pod),
            u8::from(look.done),
            list(&errors).join("; "),
            list(&look.unmounted),
            list(&look.unattached),
            not_wanted
        ]);
        self.world.log.push(entry);
    }

    fn node_step(&mut self, step: &Value) -> Result<(), BadScript> {
        if text(step, "o") == "node" {
            let mut attached = Vec::new();
            for entry in texts(step, "vs") {
                let (volume, path) = entry.split_once('|').unwrap_or((entry, ""));
                attached.push((self.world.names.volume(volume, "")?, self.world.names.path(path)));
            }
            self.world.live.attached = attached;
            if step["to"] == 1 {
                self.world.cached = Some(self.world.live.clone());
            }
        } else {
            self.world.cached = (step["k"] != "0").then(|| self.world.live.clone());
        }
        Ok(())
    }

    fn status(&mut self, step: &Value) {
        let object = if step["k"] == "c" {
            self.world.cached.clone()
        } else {
            Some(self.world.live.clone())
        };
        let object = if step["g"] == 1 && step["k"] == "l" {
            Err("err")
        } else {
            object.ok_or("404")
        };
        let object = match object {
            Ok(object) => object,
            Err(error) => return self.world.log.push(json!(["T", error])),
        };
        let wanted = self.kubelet.node_status(&object.in_use, step["q"] == 1);
        let reported = match wanted {
            StatusStep::Unchanged => object.in_use,
            StatusStep::Patch(_) | StatusStep::PatchElsewhere => {
                let failed = step["f"] == 1;
                let result = if failed { "err" } else { "ok" };
                let patch = if let StatusStep::Patch(list) = &wanted {
                    json!(self.world.names.list(list))
                } else {
                    json!("-")
                };
                self.world.log.push(json!(["P", patch, result]));
                if failed {
                    return;
                }
                if let StatusStep::Patch(list) = wanted {
                    self.world.live.in_use = list;
                }
                self.kubelet.reported(&self.world.live.in_use);
                self.world.live.in_use.clone()
            }
        };
        self.world.log.push(json!(["U", self.world.names.list(&reported)]));
    }

    fn pass(&mut self, step: &Value) {
        let at_once = step["im"] == 1;
        let mut started = Vec::new();
        let mut pass = self.kubelet.begin_pass();
        while let Some(event) = self.kubelet.step(&mut pass, self.now, &mut self.world) {
            match event {
                PassStep::Started(id) if at_once => self.run(id),
                PassStep::Started(id) => started.push(id),
                PassStep::DevicesListed => {
                    for release in step["mid"].as_array().into_iter().flatten() {
                        let part = |at: usize| release[at].as_str().unwrap_or_default();
                        self.release((part(0), part(1), part(2)), part(3));
                    }
                }
            }
        }
        started.sort_by_key(|id| {
            let operation = self.kubelet.operation(*id);
            operation.map(|operation| (operation.known_as, operation.pod, operation.name.as_str()))
        });
        for id in started {
            self.run(id);
        }
    }

    fn run(&mut self, id: OperationId) {
        let Some(operation) = self.kubelet.operation(id).cloned() else {
            return;
        };
        let progress = self.kubelet.run(id, self.now, &mut self.world);
        self.go_on(&operation, progress);
    }

    /// Answers an operation's calls as the script says until it ends or hangs.
    fn go_on(&mut self, operation: &Operation, mut progress: Option<Progress>) {
        while let Some(Progress::Calls(call)) = progress {
            let outcome = self.world.outcome(operation, call);
            if outcome == "hang" {
                return;
            }
            progress = self
                .kubelet
                .answer(operation.id, self.world.answer(operation, call, &outcome), self.now);
        }
        if let Some(Progress::Ended(result)) = progress {
            self.world.ended(operation, result);
        }
    }

    fn release(&mut self, (kind, volume, pod): (&str, &str, &str), outcome: &str) {
        let hung = self.kubelet.running().iter().find(|operation| {
            operation
                .waits
                .is_some_and(|call| self.world.names.call(operation, call) == (kind, volume, pod))
        });
        let Some(operation) = hung.cloned() else { return };
        let Some(call) = operation.waits else { return };
        self.world.log.push(json!(["R", kind, volume, pod, outcome]));
        let answer = self.world.answer(&operation, call, outcome);
        let progress = self.kubelet.answer(operation.id, answer, self.now);
        self.go_on(&operation, progress);
    }

    fn clear(&mut self) {
        self.world.answers.clear();
        self.world.failing_node_reads = 0;
        self.world.failing_claim_reads = 0;
        let hung = show::hung(&self.world.names, &self.kubelet);
        let owned = hung
            .into_iter()
            .map(|(kind, volume, pod)| (kind, volume.to_owned(), pod.to_owned()));
        for (kind, volume, pod) in owned.collect::<Vec<_>>() {
            self.release((kind, &volume, &pod), "ok");
        }
    }
}

/// One thing that the model and the recording see differently.
#[derive(Clone, Debug)]
pub struct Difference {
    /// The key of the state, or `x` for the log.
    pub what: String,
    /// What was recorded; error texts reduced to their kind.
    pub recorded: Value,
    /// What the model gives.
    pub modelled: Value,
}

/// Compares a step's log and state with the recorded ones.
#[must_use]
pub fn differences(step: &Value, log: &[Value], state: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    let recorded: Vec<Value> = step["x"]
        .as_array()
        .into_iter()
        .flatten()
        .map(errors::by_kind)
        .collect();
    if recorded != log {
        found.push(Difference {
            what: "x".into(),
            recorded: json!(recorded),
            modelled: json!(log),
        });
    }
    let keys = |state: &Value| {
        state
            .as_object()
            .map(|map| map.keys().cloned().collect::<BTreeSet<_>>())
            .unwrap_or_default()
    };
    let expected = &step["s"];
    for key in &keys(expected) | &keys(state) {
        let (recorded, modelled) = (expected[&key].clone(), state[&key].clone());
        if recorded != modelled {
            found.push(Difference {
                what: key,
                recorded,
                modelled,
            });
        }
    }
    found
}

fn text<'a>(step: &'a Value, key: &str) -> &'a str {
    step[key].as_str().unwrap_or_default()
}

fn texts<'a>(step: &'a Value, key: &str) -> impl Iterator<Item = &'a str> {
    step[key].as_array().into_iter().flatten().filter_map(Value::as_str)
}
