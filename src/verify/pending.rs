//! Scripts of pending operations.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::names::Names;
use super::{BadStep, Observed, Subject};
use crate::model::pending::{Key, OpName, Pending, Refusal};
use crate::model::{Behaviour, Profile};
use crate::time::{Span, Time};

/// A list of pending operations under test.
pub struct Ops {
    names: Names,
    pending: Pending,
    started: BTreeMap<i64, Key>,
    now: Time,
    can_ask_retry: bool,
}

#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
struct Step {
    o: String,
    id: i64,
    v: String,
    p: String,
    n: String,
    name: String,
    ok: u8,
    i: i64,
}

impl Ops {
    /// No operations.
    pub fn new(profile: Profile, script: &Value) -> Ops {
        Ops {
            names: Names::of(script),
            pending: Pending::new(&profile),
            started: BTreeMap::new(),
            now: Time::from_millis(0),
            can_ask_retry: profile.has(Behaviour::BackoffCheckedBeforeUnreport),
        }
    }

    fn key(&self, step: &Step) -> Result<Key, BadStep> {
        let given = |text: &str| !text.is_empty();
        Ok(Key {
            volume: given(&step.v).then(|| self.names.volume(&step.v)).transpose()?,
            pod: given(&step.p).then(|| self.names.pod(&step.p)).transpose()?,
            node: given(&step.n).then(|| self.names.node(&step.n)).transpose()?,
        })
    }

    fn start(&mut self, step: &Step) -> Result<Value, BadStep> {
        let key = self.key(step)?;
        Ok(match self.pending.start(key, op(&step.name)?, self.now) {
            Ok(()) => {
                self.started.insert(step.id, key);
                json!({"x": "started"})
            }
            Err(Refusal::Exists) => json!({"x": "exists", "msg": ""}),
            Err(Refusal::Backoff(backoff)) => {
                let left = backoff.until().map_or(Span::ZERO, |until| until - self.now);
                json!({"x": "backoff", "msg": "", "dur": backoff.wait.as_millis(), "left": left.as_millis()})
            }
        })
    }

    fn end(&mut self, step: &Step) -> Result<Value, BadStep> {
        let key = self
            .started
            .remove(&step.id)
            .ok_or_else(|| BadStep(format!("no operation {} runs", step.id)))?;
        let backoff = self.pending.end(key, step.ok != 0, self.now);
        Ok(if backoff.is_some() {
            json!({"log": ""})
        } else {
            json!({})
        })
    }
}

impl Subject for Ops {
    fn step(&mut self, step: &Value) -> Result<Observed, BadStep> {
        let step = Step::deserialize(step)?;
        let result = match step.o.as_str() {
            "start" => self.start(&step)?,
            "end" => self.end(&step)?,
            "adv" => {
                self.now = self.now + Span::millis(step.i);
                json!({})
            }
            "isPending" => json!({"x": u8::from(self.pending.is_pending(self.key(&step)?))}),
            "safeToRetry" if !self.can_ask_retry => json!({"na": 1}),
            "safeToRetry" => {
                json!({"x": u8::from(self.pending.safe_to_retry(self.key(&step)?, op(&step.name)?, self.now))})
            }
            other => return Err(BadStep(format!("unknown operation `{}`", other.escape_debug()))),
        };
        Ok(vec![
            ("r", result),
            ("s", entries(&self.pending, &self.names)),
            ("t", json!(ms(self.now))),
        ])
    }
}

fn op(name: &str) -> Result<OpName, BadStep> {
    OpName::parse(name).ok_or_else(|| BadStep(format!("unknown operation name `{}`", name.escape_debug())))
}

/// The entries as recordings write them, in list order.
pub fn entries(ops: &Pending, names: &Names) -> Value {
    let row = |entry: &crate::model::pending::Entry| {
        json!([
            entry.key.volume.map_or("", |volume| names.volume_name(volume)),
            entry.key.pod.map_or("", |pod| names.pod_name(pod).1),
            entry.key.node.map_or("", |node| names.node_name(node)),
            entry.op.as_str(),
            u8::from(entry.pending),
            entry.backoff.failed_at.map_or(-1, ms),
            entry.backoff.wait.as_millis(),
        ])
    };
    ops.entries().iter().map(row).collect()
}

/// A moment as recordings write it: milliseconds on the script's clock.
pub fn ms(at: Time) -> i64 {
    (at - Time::from_millis(0)).as_millis()
}
