//! Scripts of the actual state of world.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::names::Names;
use super::pending::ms;
use super::{BadStep, Observed, Subject};
use crate::model::asw::{Actual, Attached, Attachment, Missing};
use crate::model::{Behaviour, Cell, NodeId, Profile, VolumeId};
use crate::time::{Span, Time};

/// An actual state of world under test.
pub struct Asw {
    names: Names,
    actual: Actual,
    profile: Profile,
    now: Time,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Step {
    o: String,
    v: String,
    n: String,
    vs: Vec<String>,
    dp: String,
    /// 0 no spec, 1 the volume's spec, 2 a spec that no plugin supports.
    sp: u8,
    /// The unique name is passed, and need not be computed from the spec.
    nm: u8,
    att: u8,
    m: u8,
    i: i64,
}

impl Asw {
    /// Nothing attached.
    pub fn new(profile: Profile, script: &Value) -> Asw {
        Asw {
            names: Names::of(script),
            actual: Actual::new(profile),
            profile,
            now: Time::from_millis(0),
        }
    }

    fn cell(&self, step: &Step) -> Result<Cell, BadStep> {
        Ok(Cell::new(self.names.volume(&step.v)?, self.names.node(&step.n)?))
    }

    fn mark(&mut self, step: &Step, attached: bool) -> Result<Value, BadStep> {
        // Without a name the code computes it from the spec, which fails without a spec that a plugin supports.
        if step.nm == 0 && step.sp != 1 {
            return Ok(json!({"e": ""}));
        }
        let cell = self.cell(step)?;
        if attached {
            let path = self.names.path(&step.dp);
            self.actual.mark_attached(cell, step.sp != 0, path);
        } else {
            self.actual.mark_uncertain(cell, step.sp != 0);
        }
        Ok(json!({}))
    }

    fn add_volume_node(&mut self, step: &Step) -> Result<Value, BadStep> {
        let mut result = if step.att != 0 || step.nm == 0 && step.sp != 1 {
            self.mark(step, true)?
        } else {
            let path = self.names.path(&step.dp);
            self.actual
                .mark(self.cell(step)?, Attachment::Uncertain, step.sp != 0, path);
            json!({})
        };
        result["u"] = json!(if result["e"].is_null() { step.v.as_str() } else { "" });
        Ok(result)
    }

    fn result(&mut self, step: &Step) -> Result<Value, BadStep> {
        Ok(match step.o.as_str() {
            "attached" => self.mark(step, true)?,
            "uncertain" => self.mark(step, false)?,
            "addVolumeNode" => self.add_volume_node(step)?,
            "detached" | "deleteVolumeNode" => {
                self.actual.mark_detached(self.cell(step)?);
                json!({})
            }
            "inUse" => {
                let volumes: Vec<VolumeId> = step
                    .vs
                    .iter()
                    .map(|name| self.names.volume(name))
                    .collect::<Result<_, _>>()?;
                self.actual.set_in_use(self.names.node(&step.n)?, &volumes);
                json!({})
            }
            "setMounted" if self.profile.has(Behaviour::InUseSetPerNode) => json!({"na": 1}),
            "setMounted" => or_error(self.actual.set_mounted(self.cell(step)?, step.m != 0)),
            "reportAdd" => {
                self.actual.report_add(self.cell(step)?);
                json!({})
            }
            "reportRemove" => or_error(self.actual.report_remove(self.cell(step)?)),
            "setDetachTime" => match self.actual.request_detach(self.cell(step)?, self.now) {
                Ok(elapsed) => json!({"ms": elapsed.as_millis()}),
                Err(Missing) => json!({"e": "", "ms": 0}),
            },
            "resetDetachTime" => {
                self.actual.reset_detach_request(self.cell(step)?);
                json!({})
            }
            "setNeeded" => {
                // The call only logs that the node never reported anything.
                let _ = self.actual.set_needed(self.names.node(&step.n)?);
                json!({})
            }
            "adv" => {
                self.now = self.now + Span::millis(step.i);
                json!({})
            }
            _ => self.question(step)?,
        })
    }

    fn question(&mut self, step: &Step) -> Result<Value, BadStep> {
        let names = &self.names;
        Ok(match step.o.as_str() {
            "takeAll" => {
                let lists = self.actual.take_reports().into_iter();
                let lists = lists.map(|(node, list)| (names.node_name(node).to_owned(), names.reported_list(&list)));
                json!({"x": lists.collect::<Map<_, _>>()})
            }
            "take" if !self.profile.has(Behaviour::NodeStatusPatchPerNode) => json!({"na": 1}),
            "take" => match self.actual.take_report(names.node(&step.n)?) {
                Some(list) => json!({"ok": 1, "x": names.reported_list(&list)}),
                None => json!({"ok": 0}),
            },
            "state" => json!({"x": self.state_answer(self.cell(step)?)}),
            "attachedVolumes" => json!({"x": pairs(self.actual.snapshot(), names)}),
            "attachedVolumesForNode" => {
                let node = names.node(&step.n)?;
                json!({"x": pairs(self.actual.snapshot().filter(|pair| pair.cell.node == node), names)})
            }
            "perNode" => {
                let row = |(node, pairs): (NodeId, Vec<Attached>)| {
                    let volumes: Vec<VolumeId> = pairs.iter().map(|pair| pair.cell.volume).collect();
                    (names.node_name(node).to_owned(), names.volume_list(&volumes))
                };
                json!({"x": self.actual.attached_by_node().into_iter().map(row).collect::<Map<_, _>>()})
            }
            "nodesFor" => {
                let nodes = self.actual.nodes_holding(names.volume(&step.v)?);
                json!({"x": nodes.map(|node| names.node_name(node)).collect::<Vec<_>>()})
            }
            other => return Err(BadStep(format!("unknown operation `{}`", other.escape_debug()))),
        })
    }

    fn state_answer(&self, cell: Cell) -> Value {
        let state = self.actual.state(cell);
        if !self.profile.has(Behaviour::RecheckAswBeforeDetach) {
            return json!(state == Some(Attachment::Attached));
        }
        json!(match state {
            Some(Attachment::Attached) => "Attached",
            Some(Attachment::Uncertain) => "Uncertain",
            None => "Detached",
        })
    }
}

impl Subject for Asw {
    fn step(&mut self, step: &Value) -> Result<Observed, BadStep> {
        let step = Step::deserialize(step)?;
        let result = self.result(&step)?;
        let state = state(&self.actual, &self.names);
        Ok(vec![
            ("r", result),
            ("s", Value::Object(state)),
            ("t", json!(ms(self.now))),
        ])
    }
}

fn or_error(result: Result<(), Missing>) -> Value {
    result.map_or_else(|Missing| json!({"e": ""}), |()| json!({}))
}

fn pairs(pairs: impl Iterator<Item = Attached>, names: &Names) -> Vec<Value> {
    let row = |pair: Attached| {
        json!([
            names.volume_name(pair.cell.volume),
            names.node_name(pair.cell.node),
            u8::from(pair.mounted),
            pair.detach_requested.map_or(-1, ms),
            u8::from(pair.spec_known),
            names.path_text(pair.path),
        ])
    };
    pairs.map(row).collect()
}

/// The state as recordings write it: `a` pairs, `r` reports, `iu` the in-use sets where the release has them.
pub fn state(actual: &Actual, names: &Names) -> Map<String, Value> {
    let letter = |pair: &Attached| match pair.attachment {
        Attachment::Attached => "A",
        Attachment::Uncertain => "U",
    };
    let row = |pair: Attached| {
        json!([
            names.volume_name(pair.cell.volume),
            names.node_name(pair.cell.node),
            letter(&pair),
            u8::from(pair.mounted),
            pair.detach_requested.map_or(-1, ms),
            u8::from(pair.spec_known),
            names.path_text(pair.path),
        ])
    };
    let reports = actual.reports().iter().map(|report| {
        let entry = json!([u8::from(report.needed), names.volume_list(&report.volumes)]);
        (names.node_name(report.node).to_owned(), entry)
    });
    let mut state = Map::new();
    state.insert("a".into(), actual.snapshot().map(row).collect());
    state.insert("r".into(), Value::Object(reports.collect()));
    if let Some(sets) = actual.in_use() {
        let sets = sets
            .iter()
            .map(|(node, set)| (names.node_name(*node).to_owned(), names.volume_list(set)));
        state.insert("iu".into(), Value::Object(sets.collect()));
    }
    state
}
