//! The stage before the first fact: what must have existed for the facts to begin as they do.
//!
//! In: facts and the cast. Out: a board with the objects that were there before the recording began: those that facts
//! speak of without any of them creating it first.

use std::collections::BTreeSet;

use super::Replay;
use crate::fact::{Detail, Fact, Kind};
use crate::graph::cast::{Cast, Node, Pod, Volume};
use crate::model::world::board::{Attachment, NodeObject, PodObject};
use crate::time::Time;

/// Volumes that may be attached to one node only; those of unknown access mode are taken for exclusive.
pub(super) fn exclusive(cast: &Cast) -> Vec<bool> {
    cast.volumes.iter().map(|info| info.exclusive.unwrap_or(true)).collect()
}

impl Replay<'_> {
    /// Puts on stage what existed before the first fact.
    pub(super) fn set_stage(&mut self) {
        let script = self.script;
        self.world.now = script.lives.window.0;
        let mut seen_nodes: BTreeSet<Node> = BTreeSet::new();
        let mut seen_attachments: BTreeSet<(Volume, Node)> = BTreeSet::new();
        let mut seen_pods: BTreeSet<Pod> = BTreeSet::new();
        let facts: Vec<&Fact> = script
            .order
            .iter()
            .filter_map(|id| script.facts.get(*id as usize))
            .collect();
        self.stage_drivers(&facts);
        for fact in facts.iter().copied() {
            let done = fact.call.as_ref().is_none_or(|call| call.ok());
            match (&fact.detail, fact.kind) {
                (Detail::Node(_), Kind::NodeCreated) if done => {
                    seen_nodes.extend(script.cast.node(fact));
                }
                (Detail::Node(detail), Kind::NodePatched | Kind::NodeStatusPatched | Kind::NodeSeen) if done => {
                    if let Some(node) = script.cast.node(fact)
                        && seen_nodes.insert(node)
                    {
                        self.stage_node(fact, node, detail);
                    }
                }
                (_, Kind::VaApiCreated) => {
                    seen_attachments.extend(fact.attachment.as_ref().and_then(|name| script.cast.attachment(name)));
                }
                (Detail::Attachment(detail), kind) if done && kind != Kind::VaLineSeen => {
                    if let Some(cell) = fact.attachment.as_ref().and_then(|name| script.cast.attachment(name))
                        && seen_attachments.insert(cell)
                        && self.existed(detail.created)
                    {
                        self.stage_attachment(fact, cell, detail);
                    }
                }
                (Detail::Pod(detail), _) => {
                    let Some(pod) = script.cast.pod(fact) else { continue };
                    let new = seen_pods.insert(pod);
                    let node = detail.node.as_ref().and_then(|name| script.cast.node_named(name));
                    let old = new && !matches!(fact.kind, Kind::PodCreated | Kind::PodBound);
                    if let (true, Some(node)) = (old && self.existed(detail.created), node) {
                        self.stage_pod(fact, pod, node, detail.running);
                    }
                }
                _ => {}
            }
        }
        let nodes: Vec<Node> = (0..script.cast.nodes.len())
            .filter_map(|index| u32::try_from(index).ok())
            .map(Node)
            .collect();
        self.world.stage_machines(&nodes);
        let created: BTreeSet<Node> = facts
            .iter()
            .filter(|fact| fact.kind == Kind::NodeCreated)
            .filter_map(|fact| script.cast.node(fact))
            .collect();
        for node in nodes.into_iter().filter(|node| !created.contains(node)) {
            self.world.board.nodes.entry(node).or_default();
        }
        if script
            .lives
            .controllers
            .first()
            .is_none_or(|life| life.from > script.lives.window.0)
        {
            self.world.controller_was_there();
            self.watch.lives_now = script.lives.controllers.is_empty();
        }
    }

    /// Drivers that attached nothing from the beginning: the first word about each tells it, be it that it is deleted.
    fn stage_drivers(&mut self, facts: &[&Fact]) {
        let mut told: BTreeSet<Volume> = BTreeSet::new();
        for fact in facts {
            let Detail::CsiDriver {
                attach_required,
                created,
                ..
            } = &fact.detail
            else {
                continue;
            };
            let was_there = fact.kind != Kind::CsidriverWritten && self.existed(*created);
            for volume in self.volumes_of_driver(fact) {
                if told.insert(volume) && was_there {
                    let _ = self.world.set_attaches(volume, *attach_required);
                }
            }
        }
    }

    /// Whether an object was there before the first moment that is told of; one without a stamp may have been.
    fn existed(&self, created: Option<Time>) -> bool {
        created.is_none_or(|created| created < self.script.lives.window.0)
    }

    /// A node that existed: its first write tells what stood there, or what the write did not change.
    fn stage_node(&mut self, fact: &Fact, node: Node, detail: &crate::fact::NodeDetail) {
        let mut object = NodeObject::default();
        let asked = detail.patch.clone().unwrap_or_default();
        let whole = fact.kind == Kind::NodeSeen;
        if let (Some(list), None) = (&detail.attached, &asked.attached) {
            object.attached = self.volumes_in(list);
        }
        if let (Some(list), None) = (&detail.in_use, &asked.in_use) {
            object.in_use = self.volumes_in(list);
        }
        object.ready = detail.ready.unwrap_or(true) || !whole;
        object.managed = detail.managed.unwrap_or(true);
        self.world.board.nodes.insert(node, object);
    }

    fn stage_attachment(&mut self, fact: &Fact, cell: (Volume, Node), detail: &crate::fact::AttachmentDetail) {
        let attached = detail.attached.unwrap_or(true) || detail.deleting;
        let object = Attachment {
            attached,
            deleting: detail.deleting && fact.kind != Kind::VaApiDeleted,
            finalizer: true,
            ..Attachment::default()
        };
        self.world.board.attachments.insert(cell, object);
        if attached {
            self.world.driver.attached.insert(cell);
        }
    }

    fn stage_pod(&mut self, fact: &Fact, pod: Pod, node: Node, running: Option<bool>) {
        let info = self.script.cast.pod_info(pod);
        if let Some(name) = &fact.pod {
            self.watch.pod_now.insert(name.clone(), pod);
        }
        let object = PodObject {
            node,
            volumes: info.volumes.clone(),
            deleting: None,
            running: running.unwrap_or(true),
            terminated: false,
        };
        self.world.board.pods.insert(pod, object);
    }
}
