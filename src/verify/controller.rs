//! Scripts of the whole controller.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::pending::{entries, ms};
use super::world::{Call, Node, Plan, Pod, World};
use super::{BadStep, Observed, Subject, asw, dsw};
use crate::model::pending::OpName;
use crate::model::{Cell, Config, Controller, Profile, VolumeId};
use crate::time::Span;

/// A controller and its world.
pub struct Play {
    world: World,
    controller: Controller,
    profile: Profile,
    config: Config,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Step {
    o: String,
    n: String,
    p: String,
    v: String,
    k: String,
    vs: Vec<String>,
    a: Vec<String>,
    i: i64,
    /// Only the informer, not the handlers.
    q: u8,
    l: u8,
    im: u8,
    to: u8,
    iu: Option<Vec<String>>,
    att: Option<Vec<String>>,
    rdy: Option<String>,
    oos: Option<String>,
    man: Option<String>,
    mid: Vec<Vec<String>>,
    mp: Vec<Vec<String>>,
    mu: Vec<Value>,
}

impl Play {
    /// The controller of a script, started in a world without trouble.
    pub fn new(profile: Profile, script: &Value) -> Result<Play, BadStep> {
        let world = World::new(script)?;
        let force_detach_disabled = script["cfg"]["nofd"].as_i64() == Some(1);
        let config = Config {
            force_detach_disabled,
            ..Config::default()
        };
        let controller = Controller::new(profile, config, world.now);
        let mut play = Play {
            world,
            controller,
            profile,
            config,
        };
        play.restart("after");
        Ok(play)
    }

    fn restart(&mut self, adds: &str) {
        self.world.hung.clear();
        self.world.cached = self.world.live.clone();
        self.controller = Controller::new(self.profile, self.config, self.world.now);
        if adds == "before" {
            self.deliver_adds();
        }
        let nodes = self.world.cached_views();
        let mut attachments: Vec<Cell> = self.world.attachments.keys().copied().collect();
        let names = &self.world.names;
        attachments.sort_by_key(|cell| format!("{}/{}", names.volume_name(cell.volume), names.node_name(cell.node)));
        let pods = World::pod_views(&self.world.pods);
        self.controller.start_from(&nodes, &attachments, &pods, &self.world);
        if adds == "after" {
            self.deliver_adds();
        }
    }

    /// The informers' first events: nodes, then pods.
    fn deliver_adds(&mut self) {
        for node in self.world.cached_views() {
            self.controller.node_added(&node);
        }
        for pod in World::pod_views(&self.world.pods) {
            self.controller.pod_updated(pod, &self.world);
        }
    }

    fn pod_step(&mut self, step: &Step) -> Result<(), BadStep> {
        let id = self.world.names.pod(&step.p)?;
        let told = step.q == 0;
        match step.o.as_str() {
            "pod+" => {
                let volumes = self.volumes(&step.vs)?;
                let pod = Pod {
                    node: self.world.names.node(&step.n)?,
                    volumes,
                    terminated: false,
                };
                self.world.pods.insert(id, pod);
            }
            "podT" => {
                if let Some(pod) = self.world.pods.get_mut(&id) {
                    pod.terminated = true;
                }
            }
            _ => {
                if let Some(pod) = self.world.pods.remove(&id)
                    && told
                {
                    self.controller.pod_deleted(World::pod_view(id, &pod), &self.world);
                }
            }
        }
        if let Some(pod) = self.world.pods.get(&id)
            && told
        {
            self.controller.pod_updated(World::pod_view(id, pod), &self.world);
        }
        Ok(())
    }

    fn volumes(&self, names: &[String]) -> Result<Vec<VolumeId>, BadStep> {
        names.iter().map(|name| self.world.names.volume(name)).collect()
    }

    fn call(&self, kind: &str, volume: &str, node: &str) -> Result<Call, BadStep> {
        let names = &self.world.names;
        let op = if kind == "a" { OpName::Attach } else { OpName::Detach };
        Ok(Call {
            op,
            cell: Cell::new(names.volume(volume)?, names.node(node)?),
        })
    }

    /// `[k, v, n, outcome]` rows.
    fn calls(&self, rows: &[Vec<String>]) -> Result<Vec<(Call, String)>, BadStep> {
        let call = |row: &Vec<String>| match row.as_slice() {
            [kind, volume, node, outcome] => Ok((self.call(kind, volume, node)?, outcome.clone())),
            _ => Err(BadStep(format!("a call has four parts, not {}", row.len()))),
        };
        rows.iter().map(call).collect()
    }

    fn pass(&mut self, step: &Step) -> Result<(), BadStep> {
        self.world.plan = Plan {
            immediately: step.im != 0,
            after_snapshot: self.calls(&step.mid)?,
            node_steps: step.mu.clone(),
            before_look: self.calls(&step.mp)?,
        };
        let now = self.world.now;
        self.controller.pass(now, &mut self.world);
        self.world.plan = Plan::default();
        if step.l & 1 != 0 {
            self.world.refresh_all(&mut self.controller);
        }
        self.world.run_started(&mut self.controller)?;
        if step.l & 2 != 0 {
            self.world.refresh_all(&mut self.controller);
        }
        Ok(())
    }

    fn check(&mut self, step: &Step) -> Result<(), BadStep> {
        let names = &self.world.names;
        let answer = |row: &Vec<String>| match row.as_slice() {
            [volume, node, answer] => Ok((Cell::new(names.volume(volume)?, names.node(node)?), answer.clone())),
            _ => Err(BadStep(format!("an answer has three parts, not {}", row.len()))),
        };
        let answers = step.mid.iter().map(answer).collect::<Result<Vec<_>, _>>()?;
        self.world.check(&answers, &mut self.controller);
        Ok(())
    }

    fn set_attachment(&mut self, step: &Step) -> Result<(), BadStep> {
        let cell = Cell::new(self.world.names.volume(&step.v)?, self.world.names.node(&step.n)?);
        match step.k.as_str() {
            "del" => self.world.attachments.remove(&cell),
            attached => self.world.attachments.insert(cell, attached == "1"),
        };
        Ok(())
    }

    fn resend(&mut self, node: &str) -> Result<(), BadStep> {
        let only = (node != "*").then(|| self.world.names.node(node)).transpose()?;
        for view in self.world.cached_views() {
            if only.is_none_or(|node| node == view.node) {
                self.controller.node_updated(&view);
            }
        }
        Ok(())
    }

    fn carry_out(&mut self, step: &Step, raw: &Value) -> Result<(), BadStep> {
        match step.o.as_str() {
            "pod+" | "podT" | "pod-" => self.pod_step(step)?,
            "pv" => {
                let volume = self.world.names.volume(&step.v)?;
                if let Some(resolvable) = self.world.resolvable.get_mut(volume.index()) {
                    *resolvable = step.k == "1";
                }
            }
            "node" | "node-" | "node+" | "lst" => node_step(&mut self.world, &mut self.controller, raw)?,
            "hb" => self.resend(&step.n)?,
            "ans" => {
                let call = self.call(&step.k, &step.v, &step.n)?;
                self.world.answers.insert(call, step.a.iter().cloned().collect());
            }
            "rel" => {
                let call = self.call(&step.k, &step.v, &step.n)?;
                let outcome = step.a.first().map_or("ok", String::as_str);
                self.world.release(call, outcome, &mut self.controller)?;
            }
            "clr" => self.world.clear(&mut self.controller)?,
            "pfail" | "gfail" | "lfail" => {
                let node = self.world.names.node(&step.n)?;
                let failures = match step.o.as_str() {
                    "pfail" => &mut self.world.patch_failures,
                    "gfail" => &mut self.world.get_failures,
                    _ => &mut self.world.lookup_failures,
                };
                failures.insert(node, step.i);
            }
            "adv" => self.world.now = self.world.now + Span::millis(step.i),
            "pass" => self.pass(step)?,
            "sync" => self.check(step)?,
            "pop" => {
                let pods = World::pod_views(&self.world.pods);
                self.controller.populate(&pods, self.world.now, &self.world);
            }
            "va" => self.set_attachment(step)?,
            "restart" => self.restart(&step.k),
            "adds" => self.deliver_adds(),
            other => return Err(BadStep(format!("unknown operation `{}`", other.escape_debug()))),
        }
        Ok(())
    }

    fn state(&self) -> Map<String, Value> {
        let names = &self.world.names;
        let mut state = asw::state(&self.controller.actual, names);
        state.extend(dsw::state(&self.controller.desired, names));
        state.insert("p".into(), entries(&self.controller.pending, names));
        let (live, cached) = self.world.node_rows();
        state.insert("n".into(), Value::Object(live));
        if !cached.is_empty() {
            state.insert("c".into(), Value::Object(cached));
        }
        let attachment = |(cell, attached): (&Cell, &bool)| {
            json!([
                names.volume_name(cell.volume),
                names.node_name(cell.node),
                u8::from(*attached)
            ])
        };
        state.insert("va".into(), self.world.attachments.iter().map(attachment).collect());
        let hung = self.world.hung_rows();
        if !hung.is_empty() {
            state.insert("h".into(), Value::Array(hung));
        }
        state
    }
}

impl Subject for Play {
    fn step(&mut self, raw: &Value) -> Result<Observed, BadStep> {
        let step = Step::deserialize(raw)?;
        self.world.log.clear();
        self.carry_out(&step, raw)?;
        let log = std::mem::take(&mut self.world.log);
        let state = Value::Object(self.state());
        Ok(vec![
            ("x", Value::Array(log)),
            ("s", state),
            ("t", json!(ms(self.world.now))),
        ])
    }
}

/// A step about one node: `node`, `node-`, `node+` or `lst`.
pub fn node_step(world: &mut World, controller: &mut Controller, raw: &Value) -> Result<(), BadStep> {
    let step = Step::deserialize(raw)?;
    let id = world.names.node(&step.n)?;
    match step.o.as_str() {
        "node" => change(world, id, &step)?,
        "node-" => {
            world.live.insert(id, None);
        }
        "node+" => {
            world.live.entry(id).or_default().get_or_insert_with(Node::new);
        }
        _ => {}
    }
    if step.to > 0 {
        world.refresh(id, step.to == 2, controller);
    }
    Ok(())
}

fn change(world: &mut World, id: crate::model::NodeId, step: &Step) -> Result<(), BadStep> {
    let volumes = |names: &[String]| {
        names
            .iter()
            .map(|name| world.names.volume(name))
            .collect::<Result<Vec<_>, _>>()
    };
    let in_use = step.iu.as_deref().map(volumes).transpose()?;
    let mut attached = None;
    if let Some(list) = &step.att {
        attached = Some(
            list.iter()
                .map(|text| world.names.reported(text))
                .collect::<Result<Vec<_>, _>>()?,
        );
    }
    let Some(node) = world.live.get_mut(&id).and_then(Option::as_mut) else {
        return Ok(());
    };
    if let Some(in_use) = in_use {
        node.in_use = in_use;
    }
    if let Some(attached) = attached {
        node.attached = attached;
    }
    if let Some(ready) = &step.rdy {
        node.ready.clone_from(ready);
    }
    if let Some(taint) = &step.oos {
        node.out_of_service = taint == "1";
    }
    if let Some(managed) = &step.man {
        node.managed = managed == "1";
    }
    Ok(())
}
