//! The causal graph: which statement follows from which, and by what rule.
//!
//! In: facts, their order on the time axis, who is who; later the steps that the replay had to insert. Out: [`Causes`],
//! a petgraph DAG of events whose edges carry their [`Rule`]. An API write stands at the moment the server received it:
//! a watcher can act on it before its answer is complete. Knows nothing of right and wrong.

use std::collections::BTreeMap;

use petgraph::Direction;
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::EdgeRef;

use super::cast::{Cast, Node, Pod, Volume};
use super::rules::{Common, LINKS, Rule};
use crate::fact::{Detail, Fact, Kind, Party, SourceId};
use crate::time::Time;

/// Index of a fact in the reading.
pub type FactId = u32;

/// What stands in the graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Event {
    /// A statement that was recorded.
    Fact(FactId),
    /// A step that the replay inserted, by its number.
    Inferred(u32),
}

/// Events and what they follow from; every edge leads from an earlier event to a later one.
#[derive(Debug, Default)]
pub struct Causes {
    dag: DiGraph<Event, Rule>,
    places: BTreeMap<Event, NodeIndex>,
    /// Of each node: how many facts come before it. An inferred step stands right before the first that needs it.
    ranks: Vec<usize>,
}

/// What two facts can have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Subject {
    Cell(Volume, Node),
    Volume(Volume),
    Node(Node),
    Pod(Pod),
}

impl Causes {
    /// The graph of these facts. `chosen` are their ids in any order; others are left out.
    #[must_use]
    pub fn of(facts: &[Fact], chosen: &[FactId], cast: &Cast) -> Causes {
        let mut events: Vec<(Time, SourceId, u32, FactId)> = chosen
            .iter()
            .filter_map(|id| facts.get(*id as usize).map(|fact| (id, fact)))
            .map(|(id, fact)| (takes_effect(fact), fact.source, fact.line, *id))
            .collect();
        events.sort_unstable();
        events.dedup();
        let mut causes = Causes::default();
        let mut heard = Heard::default();
        for (.., id) in events {
            if let Some(fact) = facts.get(id as usize) {
                causes.add(id, fact, cast, &mut heard);
            }
        }
        causes
    }

    fn add(&mut self, id: FactId, fact: &Fact, cast: &Cast, heard: &mut Heard) {
        let here = self.place(Event::Fact(id), self.ranks.len());
        let subjects = Subjects::of(fact, cast);
        let kinds = kinds(fact);
        for (row, link) in LINKS.iter().enumerate() {
            if link.on.is(&fact.party) && kinds.iter().any(|kind| link.effects.contains(kind)) {
                for subject in subjects.of_common(link.common) {
                    if let Some(cause) = heard.last.get(&(row, *subject)) {
                        self.join(*cause, here, link.rule);
                    }
                }
            }
        }
        if let Some(before) = heard.process.insert(Process::of(fact), here) {
            self.join(before, here, Rule::ProgramOrder);
        }
        for (row, link) in LINKS.iter().enumerate() {
            let is_cause = link.by.is(&fact.party) && link.causes.contains(&fact.kind);
            for subject in subjects.of_common(link.common) {
                if is_cause {
                    heard.last.insert((row, *subject), here);
                } else if link.until.contains(&fact.kind) {
                    heard.last.remove(&(row, *subject));
                }
            }
        }
    }

    /// One edge between two events, of the first rule found: rows that stand first in the table are nearer causes.
    fn join(&mut self, cause: NodeIndex, effect: NodeIndex, rule: Rule) {
        if cause < effect && !self.dag.contains_edge(cause, effect) {
            self.dag.add_edge(cause, effect, rule);
        }
    }

    /// A step that the replay inserted: after `after`, and needed by `needs`; false where none of these is in the graph.
    pub fn insert(&mut self, step: u32, after: Option<Event>, needs: &[FactId]) -> bool {
        let needed: Vec<NodeIndex> = needs.iter().filter_map(|id| self.node(Event::Fact(*id))).collect();
        let Some(rank) = needed.iter().map(|node| self.rank(*node)).min() else {
            return false;
        };
        let here = self.place(Event::Inferred(step), rank);
        for effect in needed {
            self.dag.add_edge(here, effect, Rule::Needed);
        }
        // What comes at or after the fact that needs the step is no cause of it; so the graph stays without cycles.
        let earlier = |cause: &NodeIndex| match self.dag.node_weight(*cause) {
            Some(Event::Fact(_)) => self.rank(*cause) < rank,
            _ => self.rank(*cause) <= rank,
        };
        if let Some(cause) = after.and_then(|event| self.node(event)).filter(earlier) {
            self.dag.add_edge(cause, here, Rule::ProgramOrder);
        }
        true
    }

    fn place(&mut self, event: Event, rank: usize) -> NodeIndex {
        let node = self.dag.add_node(event);
        self.places.insert(event, node);
        self.ranks.push(rank);
        node
    }

    fn rank(&self, node: NodeIndex) -> usize {
        self.ranks.get(node.index()).copied().unwrap_or(usize::MAX)
    }

    fn node(&self, event: Event) -> Option<NodeIndex> {
        self.places.get(&event).copied()
    }

    /// How many facts come before an event; an inferred step stands with the first fact that needs it.
    #[must_use]
    pub fn rank_of(&self, event: Event) -> Option<usize> {
        self.node(event).map(|node| self.rank(node))
    }

    /// Whether an event stands in the graph.
    #[must_use]
    pub fn holds(&self, event: Event) -> bool {
        self.places.contains_key(&event)
    }

    /// All events: facts in order, then inferred steps.
    pub fn events(&self) -> impl Iterator<Item = Event> + '_ {
        self.dag.node_weights().copied()
    }

    /// All edges, cause first.
    pub fn edges(&self) -> impl Iterator<Item = (Event, Event, Rule)> + '_ {
        self.dag
            .edge_references()
            .map(|edge| (self.dag[edge.source()], self.dag[edge.target()], *edge.weight()))
    }

    /// What an event follows from, the nearest rule first.
    #[must_use]
    pub fn causes_of(&self, event: Event) -> Vec<(Event, Rule)> {
        let Some(node) = self.node(event) else {
            return Vec::new();
        };
        let edges = self.dag.edges_directed(node, Direction::Incoming);
        let mut causes: Vec<(Event, Rule)> = edges.map(|edge| (self.dag[edge.source()], *edge.weight())).collect();
        causes.sort_unstable_by_key(|(event, rule)| (std::cmp::Reverse(*rule == Rule::Needed), *rule, *event));
        causes
    }
}

/// What a fact says: its kind, and of a failed operation also how it failed.
fn kinds(fact: &Fact) -> [Kind; 2] {
    match fact.detail {
        Detail::Backoff { inner, .. } => [fact.kind, inner],
        _ => [fact.kind; 2],
    }
}

/// When a fact takes effect: an API write when the server received it, all else when it was written.
fn takes_effect(fact: &Fact) -> Time {
    fact.call.as_ref().map_or(fact.at, |call| call.received.min(fact.at))
}

/// The process that speaks: one log, or one user of the API.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Process {
    Log(SourceId, Party),
    User(Party),
}

impl Process {
    fn of(fact: &Fact) -> Process {
        if fact.call.is_some() {
            Process::User(fact.party.clone())
        } else {
            Process::Log(fact.source, fact.party.clone())
        }
    }
}

/// The last fact of every row and subject, and of every process.
#[derive(Debug, Default)]
struct Heard {
    last: BTreeMap<(usize, Subject), NodeIndex>,
    process: BTreeMap<Process, NodeIndex>,
}

/// Whatever a fact is about.
struct Subjects {
    cells: Vec<Subject>,
    volumes: Vec<Subject>,
    node: Vec<Subject>,
    pod: Vec<Subject>,
}

impl Subjects {
    fn of(fact: &Fact, cast: &Cast) -> Subjects {
        let node = cast.node(fact);
        let pod = cast.pod(fact);
        let mut cells: Vec<(Volume, Node)> = Vec::new();
        let pod_node = node.or_else(|| pod.and_then(|pod| cast.pod_info(pod).node));
        match (cast.volume(fact), pod) {
            (Some(volume), _) => cells.extend(node.or(pod_node).map(|node| (volume, node))),
            (None, Some(pod)) => {
                let volumes = cast.pod_info(pod).volumes.iter();
                cells.extend(volumes.filter_map(|volume| Some((*volume, pod_node?))));
            }
            (None, None) => {}
        }
        if let (Detail::Node(detail), Some(node)) = (&fact.detail, node) {
            let patch = detail.patch.as_ref();
            let lists = [
                detail.attached.as_ref(),
                detail.in_use.as_ref(),
                patch.and_then(|patch| patch.attached.as_ref()),
                patch.and_then(|patch| patch.in_use.as_ref()),
            ];
            let named = lists.into_iter().flatten().flatten();
            cells.extend(named.filter_map(|name| Some((cast.volume_named(name)?, node))));
        }
        cells.sort_unstable();
        cells.dedup();
        let mut volumes: Vec<Volume> = cells
            .iter()
            .map(|(volume, _)| *volume)
            .chain(cast.volume(fact))
            .collect();
        volumes.sort_unstable();
        volumes.dedup();
        Subjects {
            cells: cells
                .into_iter()
                .map(|(volume, node)| Subject::Cell(volume, node))
                .collect(),
            volumes: volumes.into_iter().map(Subject::Volume).collect(),
            node: node.into_iter().map(Subject::Node).collect(),
            pod: pod.into_iter().map(Subject::Pod).collect(),
        }
    }

    fn of_common(&self, common: Common) -> &[Subject] {
        match common {
            Common::Cell => &self.cells,
            Common::Volume => &self.volumes,
            Common::Node => &self.node,
            Common::Pod => &self.pod,
        }
    }
}

/// The facts that have to do with a volume or a node: those that name it, its pods, its attachments, or a node's lists;
/// and, on the nodes concerned, the node writes and the starts of processes that everything there depends on.
#[must_use]
pub fn about(facts: &[Fact], cast: &Cast, volume: Option<Volume>, node: Option<Node>) -> Vec<FactId> {
    let mut nodes: Vec<Node> = node.into_iter().collect();
    let mut chosen: Vec<FactId> = Vec::new();
    let mut broad: Vec<(FactId, Option<Node>)> = Vec::new();
    for (id, fact) in (0_u32..).zip(facts) {
        let subjects = Subjects::of(fact, cast);
        let on = cast.node(fact);
        let names_volume = volume.is_none_or(|volume| subjects.volumes.contains(&Subject::Volume(volume)));
        let names_node = node.is_none_or(|node| on.is_none() || on == Some(node));
        if names_volume && names_node && !(subjects.volumes.is_empty() && subjects.pod.is_empty() && volume.is_some()) {
            nodes.extend(on);
            chosen.push(id);
        } else if is_broad(fact) && names_node {
            broad.push((id, on));
        }
    }
    nodes.sort_unstable();
    nodes.dedup();
    let near = |on: Option<Node>| on.is_none_or(|on| nodes.binary_search(&on).is_ok());
    chosen.extend(broad.into_iter().filter(|(_, on)| near(*on)).map(|(id, _)| id));
    chosen.sort_unstable();
    chosen
}

/// Facts that concern every volume on a node, or all.
fn is_broad(fact: &Fact) -> bool {
    match fact.kind {
        Kind::AdcStarted | Kind::AdcStopping | Kind::LeaderAcquired | Kind::LeaderLost => true,
        Kind::KubeletVolumeManagerStarted | Kind::EaStarted | Kind::EaStopping => true,
        Kind::NodeCreated | Kind::NodeDeleted | Kind::NodeBecameNotReady | Kind::StatusPatchFailed => true,
        Kind::NodeStatusPatched | Kind::NodePatched | Kind::StatusPatched => !matches!(fact.party, Party::Kubelet(_)),
        _ => false,
    }
}
