//! The report: one value that says everything, and the faces that show it.
//!
//! In: what `diagnose` found, as a [`Report`]. Out: the same report for a person (terminal), a program (JSON) or a
//! ticket. Every face renders this one structure and knows nothing beyond it; a face that needs a fact gets it by a
//! field here. `schema` grows by addition; a change of meaning raises its number.

use std::fmt;
use std::io;

use serde::{Deserialize, Serialize, Serializer};

use crate::fact::Party;
use crate::time::Time;

pub mod faces;
pub mod html;
pub mod json;
pub mod lanes;
pub(crate) mod remedy;
pub mod terminal;
pub mod text;
pub mod timeline;
pub mod words;

#[cfg(test)]
pub(crate) mod example;
#[cfg(test)]
mod schema;

/// Name and number of the structure that [`Report`] serialises to.
pub const SCHEMA: &str = "adtrace.report/1";

/// One way to show a report.
pub trait Face {
    /// Writes the whole report; the only errors are those of `out`.
    fn write(&self, report: &Report, out: &mut dyn io::Write) -> io::Result<()>;
}

/// What `adtrace analyze` found. Lists are in causal order, then by time, then by name.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Report {
    /// Always [`SCHEMA`].
    pub schema: &'static str,
    /// Who wrote the report.
    pub tool: Tool,
    /// The answer in one word.
    pub verdict: Verdict,
    /// First and last moment that the evidence speaks of; null where no line has a time.
    pub window: Option<Window>,
    /// The Kubernetes release whose rules were applied; of several clusters the first one's.
    pub profile: Profile,
    /// Where the input holds recordings of several clusters: each of them, analysed on its own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub clusters: Vec<ClusterReport>,
    /// Where the states parted.
    pub divergences: Vec<Divergence>,
    /// Wishes that can't be met yet while the machinery does what it is meant to do.
    pub waits: Vec<Wait>,
    /// Facts that no step of the model explains.
    pub unexplained: Vec<Unexplained>,
    /// Evidence that would be needed and is not there.
    pub missing: Vec<Missing>,
    /// Counts.
    pub summary: Summary,
    /// What was read.
    pub inputs: Vec<Input>,
    /// Who believed what over time; only where a face draws it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeline: Option<timeline::Timeline>,
}

impl Report {
    /// A report that says nothing yet: `insufficient`, with empty lists.
    #[must_use]
    pub fn new(profile: Profile) -> Report {
        Report {
            schema: SCHEMA,
            tool: Tool::default(),
            verdict: Verdict::Insufficient,
            window: None,
            profile,
            clusters: Vec::new(),
            divergences: Vec::new(),
            waits: Vec::new(),
            unexplained: Vec::new(),
            missing: Vec::new(),
            summary: Summary::default(),
            inputs: Vec::new(),
            timeline: None,
        }
    }

    /// The release and the window of the cluster that a divergence is of.
    #[must_use]
    pub fn around(&self, divergence: &Divergence) -> (&Profile, Option<Window>) {
        let named = divergence.cluster.as_ref();
        let cluster = named.and_then(|name| self.clusters.iter().find(|cluster| cluster.name == *name));
        cluster.map_or((&self.profile, self.window), |cluster| {
            (&cluster.profile, cluster.window)
        })
    }
}

/// One of several clusters whose recordings the input holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ClusterReport {
    /// The folder, archive or file that all its sources lie in.
    pub name: String,
    /// Why it is another than the others.
    pub because: String,
    /// The answer for this cluster alone.
    pub verdict: Verdict,
    /// First and last moment that its evidence speaks of.
    pub window: Option<Window>,
    /// The Kubernetes release whose rules were applied to it.
    pub profile: Profile,
    /// Its counts.
    pub summary: Summary,
}

/// The program that made a report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Tool {
    /// `adtrace`.
    pub name: &'static str,
    /// Its version.
    pub version: &'static str,
}

impl Default for Tool {
    fn default() -> Tool {
        Tool {
            name: env!("CARGO_PKG_NAME"),
            version: env!("CARGO_PKG_VERSION"),
        }
    }
}

/// The answer in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The evidence covers the machinery, and the states agree or disagree within bounds.
    Clean,
    /// At least one divergence, open or healed within the recording.
    Diverged,
    /// What was recorded cannot carry a verdict; `missing` says what would.
    Insufficient,
}

impl Verdict {
    /// The exit status of `adtrace analyze`: 0 clean, 1 diverged, 3 insufficient (2 is kept for "could not be done").
    #[must_use]
    pub fn exit_status(self) -> u8 {
        match self {
            Verdict::Clean => 0,
            Verdict::Diverged => 1,
            Verdict::Insufficient => 3,
        }
    }
}

/// The span of time that the evidence speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Window {
    /// First moment.
    pub from: Time,
    /// Last moment: the end of the recording.
    pub to: Time,
}

/// The Kubernetes release whose rules were applied, and why that one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Profile {
    /// Minor release, `1.20`.
    pub kubernetes: String,
    /// The full release where the evidence tells it, `1.20.2`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub release: Option<String>,
    /// From what it was taken: `PATH:LINE` and what stands there, or the option that set it.
    pub because: String,
    /// True where nothing told the release and a default was taken.
    pub assumed: bool,
}

/// One cell in which the states parted.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Divergence {
    /// `D1`, `D2`, … in the order of the list.
    pub id: String,
    /// Which of several clusters it is of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// What it means for the people concerned.
    pub severity: Severity,
    /// Whether the states agree again before the recording ends.
    pub status: Status,
    /// Unique volume name.
    pub volume: String,
    /// The `PersistentVolume`'s name, where the evidence tells it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pv: Option<String>,
    /// Node.
    pub node: String,
    /// Pods concerned, `namespace/name`.
    pub pods: Vec<String>,
    /// One sentence for a tired person, in names they know: pod, PV, node.
    pub headline: String,
    /// Name of the mechanism in the catalogue, or `unknown`.
    pub mechanism: String,
    /// Upstream issues, `owner/repo#number`.
    pub known_issues: Vec<String>,
    /// First minor release that has the fix; null where there is none or none is known.
    pub fixed_in: Option<String>,
    /// The first patch release of each minor that has the fix, oldest first: `1.21.7`, `1.22.4`, `1.23.0`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fixes: Vec<String>,
    /// Whether the release seen has the fix; null where the release or the fix is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub has_fix: Option<bool>,
    /// From when on it is a divergence.
    pub since: Time,
    /// When the states agreed again; null while open.
    pub until: Option<Time>,
    /// How sure.
    pub confidence: Confidence,
    /// The step that made the states part.
    pub operation: Step,
    /// The step that turned the disagreement into harm.
    pub trigger: Option<Step>,
    /// What a person noticed.
    pub symptom: Option<Step>,
    /// All steps that tell the story, operation, trigger and symptom among them.
    pub chain: Vec<Step>,
    /// The states of the cell around the story.
    pub states: StatesOverTime,
    /// Other stories that were weighed.
    pub alternatives: Vec<Alternative>,
    /// What helps, what doesn't, at what risk.
    pub remedies: Vec<Remedy>,
}

/// What a divergence means for the people concerned; later is worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// It heals by itself, but later than the machinery's own bounds allow.
    Slow,
    /// The machinery does not come back to agreement by itself.
    Stuck,
    /// Data is or was at risk, whether or not it heals.
    Unsafe,
}

/// Whether a divergence ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// The states still disagree when the recording ends.
    Open,
    /// The states agree again before the recording ends.
    Healed,
}

/// How sure a divergence's story is; later is surer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Confidence {
    /// Another story fits too, see `alternatives`.
    Possible,
    /// Some steps are inferred, and no other story fits.
    Likely,
    /// Every step from operation to symptom is seen and explained by the model.
    Proven,
}

/// One step of a story.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Step {
    /// When, on the corrected axis.
    pub at: Time,
    /// Who.
    pub actor: Actor,
    /// The fact's kind or the model's name for the step: `report_dropped`, `detach_failed`, …
    pub kind: String,
    /// The step in words, beginning with a verb: `takes the volume off node-1's report, to detach it`.
    pub what: String,
    /// False for a step that the replay had to insert.
    pub observed: bool,
    /// The lines that show it; for an inferred step those that force it. An observed step has at least one.
    pub evidence: Vec<Evidence>,
}

impl Step {
    /// A step that `evidence` shows.
    #[must_use]
    pub fn observed(at: Time, actor: Actor, kind: &str, what: impl Into<String>, evidence: Vec<Evidence>) -> Step {
        let observed = !evidence.is_empty();
        Step {
            at,
            actor,
            kind: kind.to_owned(),
            what: what.into(),
            observed,
            evidence,
        }
    }

    /// A step that the replay had to insert; `evidence` is what forces it, and may be empty.
    #[must_use]
    pub fn inferred(at: Time, actor: Actor, kind: &str, what: impl Into<String>, evidence: Vec<Evidence>) -> Step {
        Step {
            at,
            actor,
            kind: kind.to_owned(),
            what: what.into(),
            observed: false,
            evidence,
        }
    }
}

/// Who takes a step.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Actor {
    /// The attach/detach controller in kube-controller-manager.
    Controller,
    /// The kubelet of a node; empty where the node is unknown.
    Kubelet(String),
    /// The external-attacher sidecar.
    Attacher,
    /// kube-apiserver.
    ApiServer,
    /// kube-scheduler.
    Scheduler,
    /// A person or a script.
    User,
    /// The CSI driver or the storage behind it.
    Driver,
    /// The node's life itself: lost, back, replaced.
    NodeLifecycle,
    /// Somebody who cannot be told.
    Unknown,
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Actor::Controller => "kube-controller-manager",
            Actor::Kubelet(node) if node.is_empty() => "kubelet",
            Actor::Kubelet(node) => return write!(f, "kubelet/{node}"),
            Actor::Attacher => "external-attacher",
            Actor::ApiServer => "kube-apiserver",
            Actor::Scheduler => "scheduler",
            Actor::User => "user",
            Actor::Driver => "driver",
            Actor::NodeLifecycle => "node-lifecycle",
            Actor::Unknown => "unknown",
        })
    }
}

impl Serialize for Actor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl From<&Party> for Actor {
    fn from(party: &Party) -> Actor {
        match party {
            Party::Controller => Actor::Controller,
            Party::Kubelet(node) => Actor::Kubelet(node.to_string()),
            Party::Attacher => Actor::Attacher,
            Party::ApiServer => Actor::ApiServer,
            Party::Scheduler => Actor::Scheduler,
            Party::User(_) => Actor::User,
            Party::Driver => Actor::Driver,
            Party::Unknown => Actor::Unknown,
        }
    }
}

/// A line that shows something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Evidence {
    /// Path within the input as given, archive members as `bundle.tar.zst!control-plane/audit.log`.
    pub source: String,
    /// 1-based line.
    pub line: u32,
    /// The line, or its telling part.
    pub text: String,
    /// For lines that repeat: how many there are, and the last of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repeat: Option<Repeat>,
}

/// A run of lines that say the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Repeat {
    /// How many lines, the first included.
    pub count: u32,
    /// The last of them.
    pub last_line: u32,
}

/// The states of a cell before the operation, after the trigger (or the operation, where there is none) and at the end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct StatesOverTime {
    /// Just before the operation.
    pub before: States,
    /// Just after the trigger, or after the operation where nothing triggered harm.
    pub after: States,
    /// When the recording ends.
    pub end: States,
}

/// Every party's view of one cell at one moment. Null: nothing tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct States {
    /// A pod that the controller counts wants the volume on this node.
    pub desired: Option<bool>,
    /// The controller's actual state of world.
    pub controller: ControllerState,
    /// The volume stands in the controller's own list of what the node's status should say.
    pub to_report: Option<bool>,
    /// It stands in `node.status.volumesAttached`, as the API server has it.
    pub reported: Option<bool>,
    /// The `VolumeAttachment`.
    pub attachment: AttachmentState,
    /// It stands in `node.status.volumesInUse`.
    pub in_use: Option<bool>,
    /// What the kubelet did last.
    pub mounted: Mounted,
}

/// The controller's actual state of world for a cell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ControllerState {
    /// Held attached.
    Attached,
    /// An attach was tried and its outcome is not known.
    Uncertain,
    /// Not held.
    Detached,
    /// Nothing tells.
    #[default]
    Unknown,
}

impl ControllerState {
    /// The word for people; `?` where nothing tells.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            ControllerState::Attached => "attached",
            ControllerState::Uncertain => "uncertain",
            ControllerState::Detached => "detached",
            ControllerState::Unknown => "?",
        }
    }
}

/// The state of a `VolumeAttachment`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum AttachmentState {
    /// There is none.
    None,
    /// Created, `status.attached` not yet true.
    Requested,
    /// `status.attached` is true.
    Attached,
    /// Being deleted.
    Detaching,
    /// Nothing tells.
    #[default]
    Unknown,
}

impl AttachmentState {
    /// The word for people; `?` where nothing tells.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            AttachmentState::None => "none",
            AttachmentState::Requested => "requested",
            AttachmentState::Attached => "attached",
            AttachmentState::Detaching => "detaching",
            AttachmentState::Unknown => "?",
        }
    }
}

/// Whether the volume is mounted on the node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Mounted {
    /// Mounted last.
    Yes,
    /// Unmounted last, or never mounted.
    No,
    /// Nothing tells.
    #[default]
    Unknown,
}

impl Mounted {
    /// The word for people; `?` where nothing tells.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Mounted::Yes => "yes",
            Mounted::No => "no",
            Mounted::Unknown => "?",
        }
    }
}

/// Another story that was weighed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Alternative {
    /// Its mechanism.
    pub mechanism: String,
    /// Why it ranks lower, or what would tell the two apart.
    pub why_not: String,
}

/// One act and what it would do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Remedy {
    /// `restart-controller`, `delete-pod-other-node`, …
    pub action: String,
    /// What it would do.
    pub outcome: Outcome,
    /// Until report, `VolumeAttachment` and controller agree again, in milliseconds; null where they never do or
    /// nothing tells.
    pub agree_after_ms: Option<u64>,
    /// Until the pod that waits has its volume mounted, in milliseconds; null where it never has or nothing tells.
    pub runs_after_ms: Option<u64>,
    /// What can go wrong, `none` where nothing can.
    pub risk: String,
}

/// What an act would do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The states come to agree.
    Heals,
    /// Nothing changes for the better.
    NoEffect,
    /// A safety rule breaks, or the act leaves behind what will do harm.
    Unsafe,
    /// Cannot be told.
    Unknown,
}

/// A wish that can't be met yet while the machinery does what it is meant to do. Never a divergence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Wait {
    /// For what it waits.
    pub kind: WaitKind,
    /// Which of several clusters it is of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// Unique volume name.
    pub volume: Option<String>,
    /// The `PersistentVolume`'s name, where the evidence tells it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pv: Option<String>,
    /// Node on which the volume is wanted, or whose limit, life or driver it waits for.
    pub node: Option<String>,
    /// Pods that wait, `namespace/name`.
    pub pods: Vec<String>,
    /// Since when.
    pub since: Time,
    /// When it was over; null while it lasts.
    pub until: Option<Time>,
    /// Who must act.
    pub on: String,
    /// When it ends by itself, as a time or a condition; null where it does not.
    pub ends: Option<String>,
    /// The lines that show it.
    pub evidence: Vec<Evidence>,
}

/// For what a wish waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum WaitKind {
    /// An exclusive volume is still attached to, or used on, another node.
    MultiAttach,
    /// The kubelet still has it mounted or in use.
    UnmountPending,
    /// The node is lost; the controller detaches by force when its timer ends.
    ForceDetachTimer,
    /// No external-attacher answers.
    AttacherDown,
    /// The driver refuses the call.
    DriverRefuses,
    /// The driver is not registered on the node.
    DriverNotRegistered,
    /// The node's attach limit is reached.
    VolumeLimit,
    /// An attach is under way.
    AttachInProgress,
    /// A detach is under way.
    DetachInProgress,
    /// The node is not ready.
    NodeNotReady,
    /// The claim has no volume yet.
    PvcUnbound,
    /// Anything else.
    Other,
}

impl fmt::Display for WaitKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            WaitKind::MultiAttach => "multi-attach",
            WaitKind::UnmountPending => "unmount-pending",
            WaitKind::ForceDetachTimer => "force-detach-timer",
            WaitKind::AttacherDown => "attacher-down",
            WaitKind::DriverRefuses => "driver-refuses",
            WaitKind::DriverNotRegistered => "driver-not-registered",
            WaitKind::VolumeLimit => "volume-limit",
            WaitKind::AttachInProgress => "attach-in-progress",
            WaitKind::DetachInProgress => "detach-in-progress",
            WaitKind::NodeNotReady => "node-not-ready",
            WaitKind::PvcUnbound => "pvc-unbound",
            WaitKind::Other => "other",
        })
    }
}

/// A fact that no step of the model explains.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Unexplained {
    /// When.
    pub at: Time,
    /// What was said, and what the model would have expected instead.
    pub what: String,
    /// The lines.
    pub evidence: Vec<Evidence>,
}

/// Evidence that is not there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Missing {
    /// What: `no kubelet log for node-2`.
    pub what: String,
    /// What follows from that: `mounts on node-2 are inferred`.
    pub consequence: String,
    /// The command, flag or rule that would supply it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub supply: Option<String>,
}

impl Missing {
    /// A gap that can be supplied.
    #[must_use]
    pub fn new(what: impl Into<String>, consequence: impl Into<String>, supply: impl Into<String>) -> Missing {
        Missing {
            what: what.into(),
            consequence: consequence.into(),
            supply: Some(supply.into()),
        }
    }
}

/// Counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Summary {
    /// Volumes about which something was recorded.
    pub volumes: u64,
    /// Nodes about which something was recorded.
    pub nodes: u64,
    /// Pods about which something was recorded.
    pub pods: u64,
    /// Relevant facts.
    pub facts: u64,
    /// Facts that a step of the model explains.
    pub explained: u64,
    /// Steps that the replay inserted.
    pub inferred: u64,
    /// Facts that nothing explains.
    pub unexplained: u64,
}

/// One input stream.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Input {
    /// Path within the input as given, archive members as `bundle.tar.zst!member`.
    pub path: String,
    /// What it was taken for: `klog`, `audit`, `objects`, `events`, `version`, `text`, `unknown`.
    pub kind: String,
    /// Who writes there, where that is known.
    pub component: Option<String>,
    /// Which of several clusters it is of; none where that cannot be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// Bytes read.
    pub bytes: u64,
    /// Lines read; always `used + irrelevant + not_understood`.
    pub lines: u64,
    /// Lines that gave facts.
    pub used: u64,
    /// Lines that say nothing about attach and detach.
    pub irrelevant: u64,
    /// Lines that look relevant and were not understood.
    pub not_understood: u64,
    /// How its clock was placed on the common axis.
    pub clock: Clock,
    /// What the reader should know: assumed year, truncated archive, skipped links.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// How the clock of an input was placed on the common axis.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Clock {
    /// What was added to the times as written, in milliseconds.
    pub offset_ms: f64,
    /// How far the offset may be wrong, in milliseconds; null where nothing bounds it.
    pub bound_ms: Option<f64>,
    /// Zone that the written times were read in, `UTC` or an offset.
    pub zone: String,
}
