//! The timeline: who believed what of every (volume, node) pair, and by which step it changed.
//!
//! In: built by `ask::timeline` from a replay. Out: [`Timeline`], the optional part of a report that the lanes of the
//! page, `adtrace timeline` and the trace viewers are drawn from. Steps stand once, in causal order; a change names the
//! step that made it, a cause names two steps and the rule between them.

use serde::Serialize;

use super::{Evidence, States, Step, Window};
use crate::report::text::yes_no;
use crate::time::Time;

/// Name and number of the structure that [`Timeline`] serialises to.
pub const SCHEMA: &str = "adtrace.timeline/1";

/// What happened to every pair of volume and node.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Timeline {
    /// Always [`SCHEMA`].
    pub schema: &'static str,
    /// First and last moment that the evidence speaks of.
    pub window: Option<Window>,
    /// The pairs, by volume and node.
    pub cells: Vec<CellLine>,
    /// The steps, in causal order.
    pub events: Vec<Event>,
    /// Which step follows from which, in the order of the later one.
    pub causes: Vec<Cause>,
    /// Every line that says something about these pairs, by source and line; only where a face asked for them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<Evidence>,
}

/// One pair over time.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct CellLine {
    /// Unique volume name.
    pub volume: String,
    /// The `PersistentVolume`'s name, where the evidence tells it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pv: Option<String>,
    /// Node.
    pub node: String,
    /// Pods that wanted the volume on this node, `namespace/name`.
    pub pods: Vec<String>,
    /// Divergences of the report that lie in this pair, `D1`.
    pub divergences: Vec<String>,
    /// What was so when the recording began.
    pub begin: States,
    /// What is so when it ends.
    pub end: States,
    /// The changes, in causal order.
    pub changes: Vec<Change>,
}

/// One lane takes a new value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Change {
    /// The step that made it: index into [`Timeline::events`].
    pub event: u32,
    /// Which lane.
    pub lane: Lane,
    /// Its new value.
    pub value: &'static str,
    /// For a back-off: when it ends by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Time>,
}

/// A step and what it is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Event {
    /// What happened.
    #[serde(flatten)]
    pub step: Step,
    /// Unique volume name; null where every volume of the node is concerned.
    pub volume: Option<String>,
    /// Node; null where every node is concerned.
    pub node: Option<String>,
    /// Pod, `namespace/name`.
    pub pod: Option<String>,
}

/// One step follows from another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Cause {
    /// The earlier step: index into [`Timeline::events`].
    pub from: u32,
    /// The later one.
    pub to: u32,
    /// The rule, as in `adtrace graph`.
    pub rule: &'static str,
    /// The rule in words.
    pub because: &'static str,
}

/// What changes over time in a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Lane {
    /// A pod that the controller counts wants it here.
    Desired,
    /// The controller's actual state of world.
    Controller,
    /// The controller's pending operation: attach, detach or none.
    Operation,
    /// The operation whose retry the controller's back-off refuses, or none.
    BackOff,
    /// The controller's list of what the node should report.
    ToReport,
    /// `node.status.volumesAttached`.
    Reported,
    /// The `VolumeAttachment`.
    Attachment,
    /// `node.status.volumesInUse`.
    InUse,
    /// The kubelet's mount.
    Mounted,
}

impl Lane {
    /// All lanes, from the wish to the mount.
    pub const ALL: [Lane; 9] = [
        Lane::Desired,
        Lane::Controller,
        Lane::Operation,
        Lane::BackOff,
        Lane::ToReport,
        Lane::Reported,
        Lane::Attachment,
        Lane::InUse,
        Lane::Mounted,
    ];

    /// The lanes that are states; the others tell what is being done.
    pub const STATES: [Lane; 7] = [
        Lane::Desired,
        Lane::Controller,
        Lane::ToReport,
        Lane::Reported,
        Lane::Attachment,
        Lane::InUse,
        Lane::Mounted,
    ];

    /// Name for machines.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Lane::Desired => "desired",
            Lane::Controller => "controller",
            Lane::Operation => "operation",
            Lane::BackOff => "back_off",
            Lane::ToReport => "to_report",
            Lane::Reported => "reported",
            Lane::Attachment => "attachment",
            Lane::InUse => "in_use",
            Lane::Mounted => "mounted",
        }
    }

    /// Name for people.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Lane::Desired => "wanted",
            Lane::Controller => "controller",
            Lane::Operation => "operation",
            Lane::BackOff => "back-off",
            Lane::ToReport => "to report",
            Lane::Reported => "reported",
            Lane::Attachment => "attachment",
            Lane::InUse => "in use",
            Lane::Mounted => "mounted",
        }
    }

    /// The lane's value in a row of states; operation and back-off are none at first.
    #[must_use]
    pub const fn of(self, states: &States) -> &'static str {
        match self {
            Lane::Desired => yes_no(states.desired),
            Lane::Controller => states.controller.word(),
            Lane::Operation | Lane::BackOff => "none",
            Lane::ToReport => yes_no(states.to_report),
            Lane::Reported => yes_no(states.reported),
            Lane::Attachment => states.attachment.word(),
            Lane::InUse => yes_no(states.in_use),
            Lane::Mounted => states.mounted.word(),
        }
    }
}
