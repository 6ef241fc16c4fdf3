//! The rules that must hold, and what is left where the states do not come to agree.
//!
//! In: a world. Out: the pairs that break a rule. Safety rules are looked at in the step that may break them; agreement
//! is looked at in a world that has come to rest (C1).
//!
//! Of the field guide's rules some cannot break here. The kubelet of this world mounts only what is in its node's
//! volumesAttached and writes volumesInUse before (S5, S6); every node is managed (S7); only the controller deletes
//! attachments, so that one deleted without its report being patched first shows as S4 (S9); the multi-attach event is
//! sent by the rule that it tells of (R5).

use super::setup::Setup;
use super::world::{Object, World};
use crate::model::Cell;
use crate::model::asw::Attachment;

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
            Rule::AttachmentForgotten => "R4",
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
