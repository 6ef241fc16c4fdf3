//! The rules that must hold, and what is left where the states do not come to agree.
//!
//! In: a world. Out: the pairs that break a rule. Safety rules are looked at in the step that may break them; agreement
//! is looked at in a world that has come to rest (C1).
//!
//! Of the field guide's rules some cannot break here. The kubelet of this world mounts only what is in its node's
//! volumesAttached and writes volumesInUse before (S5, S6); every node is managed (S7); only the controller deletes
//! attachments, so that one deleted without its report being patched first shows as S4 (S9); the multi-attach event is
//! sent by the rule that it tells of (R5); the informer hears of every pod that goes, and every volume can be resolved,
//! so that the populator has nothing to do (L7).
//!
//! L5 and L6 are L1, R1 … R3 or L2 in a plight of their own: the pod came back while the detach backed off, or while the
//! `VolumeAttachment` was being deleted. L4 and L8 are about a fault that never ends. Of L8 only the status that cannot be
//! written is looked at: nothing else of one volume or node is waited for by another here.

use super::setup::{Fault, Faults, Setup};
use super::world::{Health, NOW, Object, World};
use crate::model::asw::Attachment;
use crate::model::pending::OpName;
use crate::model::{Cell, NodeId};

/// A rule of the attach/detach machinery, from the point of view of one volume and one node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// The controller holds an exclusive volume attached to two nodes (S1).
    TwoHolders,
    /// A second `VolumeAttachment` of an exclusive volume is created while another exists (S2).
    SecondAttachment,
    /// A volume is detached from a node that is not dead and has it mounted (S3).
    DetachedWhileMounted,
    /// The detach is sent while the node's status still lists the volume as attached (S4).
    DetachedWhileReported,
    /// Two operations work on an exclusive volume at the same time (S8).
    TwoOperations,
    /// Wanted and able to be attached, but never is (L1).
    NeverAttached,
    /// Wanted and attached, but not in the controller's list to report (R1).
    Unreported,
    /// In the controller's list to report, but not in the node's status, and no patch comes (R2).
    ReportLost,
    /// Wanted and held attached, but its `VolumeAttachment` is gone or going (R3).
    AttachmentGone,
    /// Wanted, attached and reported, but never mounted (L2).
    NeverMounted,
    /// Not wanted, but held attached for good (L3).
    NeverDetached,
    /// Not wanted, but held attached to a node that is dead for good (L4).
    StaysOnDeadNode,
    /// Wanted again while its detach backs off, and something is missing for good (L5).
    LostInBackoff,
    /// Wanted again while its `VolumeAttachment` is being deleted, and something is missing for good (L6).
    LostWhileGoing,
    /// Not wanted, but held attached because another node's status cannot be written (L8).
    HeldUpByAnother,
    /// Not attached, but listed in the node's status (R2).
    ReportedForGood,
    /// Not wanted and not known to the controller, but its `VolumeAttachment` exists (R4).
    AttachmentForgotten,
}

impl Rule {
    /// What the broken rule means, in one clause.
    #[must_use]
    pub const fn says(self) -> &'static str {
        match self {
            Rule::TwoHolders => "the controller holds an exclusive volume attached to two nodes",
            Rule::SecondAttachment => "an exclusive volume gets a second attachment while the first exists",
            Rule::DetachedWhileMounted => "a volume is detached from a live node that has it mounted",
            Rule::DetachedWhileReported => "a detach is sent while the node's status lists the volume as attached",
            Rule::TwoOperations => "two operations work on an exclusive volume at the same time",
            Rule::NeverAttached => "a wanted volume is never attached",
            Rule::Unreported => "a wanted volume is attached, and the controller does not report it",
            Rule::ReportLost => "the controller reports a volume, and the node's status never shows it",
            Rule::AttachmentGone => "the controller holds a volume attached whose attachment is gone",
            Rule::NeverMounted => "a volume is attached and reported, and never mounted",
            Rule::NeverDetached => "a volume that nobody wants is never detached",
            Rule::StaysOnDeadNode => "a volume that nobody wants is never detached from a dead node",
            Rule::LostInBackoff => "a pod that is back while the detach backs off never gets its volume",
            Rule::LostWhileGoing => "a pod that is back while the attachment is being deleted never gets its volume",
            Rule::HeldUpByAnother => "a node whose status cannot be written keeps a volume attached to another node",
            Rule::ReportedForGood => "a volume that is not attached stays in the node's status",
            Rule::AttachmentForgotten => "an attachment that nobody wants is forgotten",
        }
    }

    /// Its number among the rules of the field guide: S safety, R report, L liveness.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Rule::TwoHolders => "S1",
            Rule::SecondAttachment => "S2",
            Rule::DetachedWhileMounted => "S3",
            Rule::DetachedWhileReported => "S4",
            Rule::TwoOperations => "S8",
            Rule::NeverAttached => "L1",
            Rule::Unreported => "R1",
            Rule::ReportLost | Rule::ReportedForGood => "R2",
            Rule::AttachmentGone => "R3",
            Rule::NeverMounted => "L2",
            Rule::NeverDetached => "L3",
            Rule::StaysOnDeadNode => "L4",
            Rule::LostInBackoff => "L5",
            Rule::LostWhileGoing => "L6",
            Rule::HeldUpByAnother => "L8",
            Rule::AttachmentForgotten => "R4",
        }
    }

    /// The faults that it takes to break the rule, of those that happened: one that goes on for good under it need not
    /// have begun.
    #[must_use]
    pub fn faults(self, happened: Faults) -> Faults {
        match self {
            Rule::HeldUpByAnother => happened.with(Fault::StatusPatch),
            _ => happened,
        }
    }

    /// Whether the states stay apart for good, as against a moment in which data was at risk.
    #[must_use]
    pub const fn is_for_good(self) -> bool {
        !matches!(
            self,
            Rule::TwoHolders
                | Rule::SecondAttachment
                | Rule::DetachedWhileMounted
                | Rule::DetachedWhileReported
                | Rule::TwoOperations
        )
    }
}

/// A rule broken at a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Breach {
    /// The rule.
    pub rule: Rule,
    /// The pair.
    pub cell: Cell,
}

/// What everybody says about a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Said {
    /// A pod wants it.
    pub wanted: bool,
    /// The controller's actual state.
    pub held: Option<Attachment>,
    /// In the controller's list to report.
    pub to_report: bool,
    /// In the node's `status.volumesAttached`.
    pub reported: bool,
    /// The `VolumeAttachment`.
    pub object: Object,
    /// The driver's back-end has it there.
    pub back_end: bool,
    /// In the node's `status.volumesInUse`.
    pub in_use: bool,
    /// Mounted.
    pub mounted: bool,
}

impl World {
    /// What everybody says about a pair.
    #[must_use]
    pub fn said(&self, cell: Cell, setup: &Setup) -> Said {
        let (node, link) = (self.cluster.node(cell.node), self.cluster.link(cell));
        Said {
            wanted: self.cluster.wanted_on(cell.node, setup).has(cell.volume),
            held: self.controller.actual.state(cell),
            to_report: self.controller.actual.is_reported(cell),
            reported: node.attached.has(cell.volume),
            object: link.object,
            back_end: link.back_end,
            in_use: node.in_use.has(cell.volume),
            mounted: node.mounted.has(cell.volume),
        }
    }

    /// Where the states do not agree, taken as a world that has come to rest: empty where they do. Of an exclusive
    /// volume that pods want on several nodes, one node is to have it.
    #[must_use]
    pub fn disagreements(&self, setup: &Setup) -> Vec<Breach> {
        if let Some(node) = self.cluster.unwritable {
            return self.left_overs(Rule::HeldUpByAnother, setup, |other| other != node);
        }
        let is_dead = |node| self.cluster.node(node).health == Health::Dead;
        if setup.all_nodes().any(is_dead) {
            return self.left_overs(Rule::StaysOnDeadNode, setup, is_dead);
        }
        let mut found = Vec::new();
        for volume in setup.all_volumes() {
            let cells: Vec<Cell> = setup.all_nodes().map(|node| Cell::new(volume, node)).collect();
            let said: Vec<Said> = cells.iter().map(|&cell| self.said(cell, setup)).collect();
            let served = said.iter().any(|said| said.wanted && missing(*said).is_none());
            let held = said.iter().any(|said| said.held == Some(Attachment::Attached));
            for (&cell, &said) in cells.iter().zip(&said) {
                let rule = if said.wanted { missing(said) } else { left_over(said) };
                // The pods of an exclusive volume wait for the node that has it, and then it is that node's trouble.
                let waits = said.wanted && setup.exclusive && rule == Some(Rule::NeverAttached) && (served || held);
                found.extend(rule.filter(|_| !waits).map(|rule| Breach { rule, cell }));
            }
        }
        found
    }

    /// The pairs of these nodes that the controller holds and nobody wants.
    fn left_overs(&self, rule: Rule, setup: &Setup, of: impl Fn(NodeId) -> bool) -> Vec<Breach> {
        let pairs = self.controller.actual.pairs().iter().map(|pair| pair.cell);
        let pairs = pairs.filter(|cell| of(cell.node) && !self.cluster.wanted_on(cell.node, setup).has(cell.volume));
        pairs.map(|cell| Breach { rule, cell }).collect()
    }

    /// Whether there is something to detach from the node and from another.
    pub(super) fn has_left_overs_beside(&self, node: NodeId, setup: &Setup) -> bool {
        let any = |of: &dyn Fn(NodeId) -> bool| !self.left_overs(Rule::HeldUpByAnother, setup, of).is_empty();
        any(&|other| other == node) && any(&|other| other != node)
    }

    /// Of what stays apart, the pairs whose pod is back in a plight that has a rule of its own.
    #[must_use]
    pub fn plights(&self, apart: &[Breach], setup: &Setup) -> Vec<Breach> {
        let wanted = |cell: Cell| self.cluster.wanted_on(cell.node, setup).has(cell.volume);
        let cells = apart.iter().map(|breach| breach.cell).filter(|&cell| wanted(cell));
        let plights = cells.flat_map(|cell| {
            let going = matches!(self.cluster.link(cell).object, Object::Going { .. });
            let backs_off = self.controller.pending.entries().iter().any(|entry| {
                let about =
                    entry.key.volume == Some(cell.volume) && entry.key.node.is_none_or(|node| node == cell.node);
                about && entry.op == OpName::Detach && !entry.pending && entry.backoff.refuses(NOW)
            });
            let rules = [(backs_off, Rule::LostInBackoff), (going, Rule::LostWhileGoing)];
            let rules = rules.into_iter().filter(|(is, _)| *is);
            rules.map(move |(_, rule)| Breach { rule, cell })
        });
        plights.collect()
    }
}

/// What keeps a wanted volume from its pod.
fn missing(said: Said) -> Option<Rule> {
    if said.held != Some(Attachment::Attached) {
        Some(Rule::NeverAttached)
    } else if !said.to_report {
        Some(Rule::Unreported)
    } else if !said.reported {
        Some(Rule::ReportLost)
    } else if said.object != Object::Attached || !said.back_end {
        Some(Rule::AttachmentGone)
    } else {
        (!said.mounted).then_some(Rule::NeverMounted)
    }
}

/// What is left of a volume that is not wanted.
fn left_over(said: Said) -> Option<Rule> {
    if said.held.is_some() || said.mounted {
        Some(Rule::NeverDetached)
    } else if said.object != Object::None || said.back_end {
        Some(Rule::AttachmentForgotten)
    } else {
        said.reported.then_some(Rule::ReportedForGood)
    }
}
