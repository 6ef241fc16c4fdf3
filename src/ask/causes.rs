//! The causal graph of a volume or a node, in words.
//!
//! In: a case, its run, what it is to be about. Out: the graph with the inferred steps put in, and [`CauseGraph`], its
//! events as steps with their evidence and its edges with their rules.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::fact::{Kind, Party};
use crate::graph::cast::{Node, Volume};
use crate::graph::causes::{Causes, Event, about};
use crate::pipeline::Case;
use crate::replay::{Run, Step};
use crate::report::text::cut;
use crate::report::{self, Actor};

/// Columns of an error's text in an event's words.
const ERROR: usize = 120;

/// What `adtrace graph --format json` prints.
#[derive(Clone, Debug, Serialize)]
pub struct CauseGraph {
    /// `adtrace.graph/1`.
    pub schema: &'static str,
    /// Events: recorded facts in the order of time, then steps that had to be inferred.
    pub events: Vec<CauseEvent>,
    /// Which follows from which.
    pub edges: Vec<CauseEdge>,
}

/// One event.
#[derive(Clone, Debug, Serialize)]
pub struct CauseEvent {
    /// Number within this graph.
    pub id: u32,
    /// What happened.
    #[serde(flatten)]
    pub step: report::Step,
}

/// One edge, cause first.
#[derive(Clone, Debug, Serialize)]
pub struct CauseEdge {
    /// The cause.
    pub from: u32,
    /// What follows from it.
    pub to: u32,
    /// The rule that made the edge.
    pub rule: &'static str,
}

/// The graph about a volume, a node, both, or everything, with the steps that the replay inserted.
#[must_use]
pub fn causes(case: &Case, run: &Run, volume: Option<Volume>, node: Option<Node>) -> Causes {
    let chosen = about(&case.reading.facts, &case.cast, volume, node);
    let mut causes = Causes::of(&case.reading.facts, &chosen, &case.cast);
    let mut last: BTreeMap<(&Party, Option<Volume>, Option<Node>), Event> = BTreeMap::new();
    for (id, step) in (0_u32..).zip(&run.steps) {
        let key = (&step.actor, step.volume, step.node);
        if step.observed {
            if let Some(fact) = step.evidence.last() {
                last.insert(key, Event::Fact(*fact));
            }
        } else if is_about(step, volume, node) && causes.insert(id, last.get(&key).copied(), &step.evidence) {
            last.insert(key, Event::Inferred(id));
        }
    }
    causes
}

fn is_about(step: &Step, volume: Option<Volume>, node: Option<Node>) -> bool {
    let fits = |asked: bool, same: bool| !asked || same;
    fits(volume.is_some(), step.volume == volume) && fits(node.is_some(), step.node == node)
}

/// An event as a step of the report.
#[must_use]
pub fn in_words(case: &Case, run: &Run, event: Event) -> report::Step {
    let teller = case.teller(run, "");
    match event {
        Event::Inferred(id) => teller.step_alone(id),
        Event::Fact(id) => {
            let Some(fact) = case.reading.facts.get(id as usize) else {
                return report::Step::inferred(crate::time::Time::MIN, Actor::Unknown, "unknown", "", Vec::new());
            };
            let mut what = phrase(fact.kind);
            let named = [
                case.cast.volume(fact).map(|volume| case.cast.called(volume)),
                case.cast
                    .node(fact)
                    .map(|node| format!("on {}", case.cast.node_name(node))),
                fact.pod.as_ref().map(|pod| format!("for {pod}")),
            ];
            for name in named.into_iter().flatten() {
                what.push(' ');
                what.push_str(&name);
            }
            if let Some(call) = fact.call.as_ref().filter(|call| !call.ok()) {
                what.push_str(", refused with ");
                what.push_str(&call.code.to_string());
            }
            if let Some(error) = &fact.error {
                what.push_str(": ");
                what.push_str(&cut(error, ERROR));
            }
            let at = fact.at;
            report::Step::observed(
                at,
                Actor::from(&fact.party),
                fact.kind.name(),
                what,
                vec![teller.line(fact)],
            )
        }
    }
}

/// A kind in words; who did it stands beside.
fn phrase(kind: Kind) -> String {
    let name = match kind {
        Kind::OpBackoff => "operation_fails",
        kind => kind.name(),
    };
    let bare = name.strip_prefix("kubelet_").or_else(|| name.strip_prefix("ea_"));
    bare.unwrap_or(name).replace('_', " ")
}

impl CauseGraph {
    /// A graph in words.
    #[must_use]
    pub fn of(case: &Case, run: &Run, causes: &Causes) -> CauseGraph {
        let ids: BTreeMap<Event, u32> = causes.events().zip(0..).collect();
        let events = causes.events().zip(0..).map(|(event, id)| CauseEvent {
            id,
            step: in_words(case, run, event),
        });
        let edges = causes.edges().filter_map(|(cause, effect, rule)| {
            Some(CauseEdge {
                from: *ids.get(&cause)?,
                to: *ids.get(&effect)?,
                rule: rule.name(),
            })
        });
        CauseGraph {
            schema: "adtrace.graph/1",
            events: events.collect(),
            edges: edges.collect(),
        }
    }
}
