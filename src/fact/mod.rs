//! Records to facts: what one party said or did about a volume, a node, a pod or a `VolumeAttachment`, and when.
//!
//! In: [`crate::record::Record`]s. Out: [`Fact`]s, each with its provenance (source, line, telling text). All of
//! Kubernetes' message texts live in one table here; whoever adds a release adds rows. A fact knows no other fact.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize};

use crate::time::{Span, Time};

mod account;
pub mod audit;
mod bare_event;
mod columns;
mod dates;
mod described;
pub mod event;
mod event_rows;
pub mod export;
mod fellows;
pub mod filter;
mod fold;
pub mod kind;
pub mod klog;
pub mod manifest;
pub mod object;
pub mod party;
pub mod pasted;
pub mod printed;
pub mod reading;
pub mod release;
pub mod rotation;
mod scribe;
mod sieve;
pub mod table;
pub mod text;
pub mod trace;
pub mod voices;

pub use export::{FactLine, print};
pub use fellows::{Dropped, Lost};
pub use kind::Kind;
pub use reading::{FactError, ReadOptions, read, settle_ages};

/// A name shared by many facts: a unique volume name, a node, `namespace/pod`, a `VolumeAttachment`.
pub type Name = Arc<str>;

/// Index of a source in [`Reading::sources`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SourceId(pub u32);

/// Everything that was read from the paths given.
#[derive(Debug, Default)]
pub struct Reading {
    /// The sources, sorted by path.
    pub sources: Vec<Source>,
    /// All facts, in the order of source and line.
    pub facts: Vec<Fact>,
}

impl Reading {
    /// The last moment that any line tells of. Dumped objects tell none: they count at this moment.
    #[must_use]
    pub fn end(&self) -> Time {
        let timed = self
            .facts
            .iter()
            .filter(|fact| !fact.is_untimed() && reading::age(fact.at).is_none());
        let alive = self.sources.iter().filter_map(|source| source.alive.last());
        let ends = alive.map(|(_, end)| *end);
        timed.map(|fact| fact.at).chain(ends).max().unwrap_or_default()
    }
}

/// What a file can be taken for.
pub type Format = &'static str;

/// All formats.
const FORMATS: [Format; 7] = ["klog", "audit", "objects", "events", "version", "text", "unknown"];

/// A format by its name; one of another version is unknown here.
fn format<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Format, D::Error> {
    let name = <Cow<'de, str>>::deserialize(deserializer)?;
    Ok(FORMATS.into_iter().find(|format| *format == name).unwrap_or("unknown"))
}

/// One input stream and how it was understood.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Source {
    /// Path as given, archive members as `bundle.tar.zst!member`.
    pub path: String,
    /// What the file was taken for: `klog`, `audit`, `objects`, `events`, `version`, `text`, `unknown`.
    #[serde(deserialize_with = "format")]
    pub format: Format,
    /// Who writes here, where that is known (`kube-controller-manager`, `kubelet/node-1`, …).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub party: Option<Party>,
    /// Why it was taken for that, one short clause.
    pub because: String,
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
    /// The first lines that were not understood: line number and text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub puzzling: Vec<(u32, String)>,
    /// Where its statements stand in the sources of who printed them: they tell the release when nothing else does.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub sites: BTreeSet<release::Site>,
    /// Spans in which this source wrote lines, gaps of up to 15 s closed: evidence that its writer lived.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alive: Vec<(Time, Time)>,
    /// Who speaks in the source and when each was heard, where that is more than `party` tells.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub voices: Vec<Voice>,
    /// Whether year or zone had to be assumed, and what was assumed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assumed: Option<String>,
    /// Zone that the written times were read in, `UTC` or an offset.
    pub zone: String,
    /// Whether nothing told the zone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub zone_assumed: bool,
    /// What its clock was off by, once `clock` has found that out; its times are corrected then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset: Option<Offset>,
    /// Lines that stand without one that is always written with them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost: Option<Lost>,
    /// The first line by which whoever kept the log says that it dropped lines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dropped: Option<Dropped>,
    /// Anything the reader of the report should know: truncated gzip, over-long lines, skipped links.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// What a source's clock was off by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offset {
    /// What was added to the source's times.
    pub by: Span,
    /// How far the true offset can be from `by`; `None` where the evidence leaves a side open.
    pub bound: Option<Span>,
}

/// One of several parties that write in one source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Voice {
    /// Who.
    pub party: Party,
    /// Spans in which it wrote, as in [`Source::alive`].
    pub alive: Vec<(Time, Time)>,
}

impl Source {
    /// Who speaks in the source, and the spans in which each was heard.
    pub fn speakers(&self) -> impl Iterator<Item = (&Party, &[(Time, Time)])> {
        let only = self.party.as_ref().filter(|_| self.voices.is_empty());
        let all = self.voices.iter().map(|voice| (&voice.party, voice.alive.as_slice()));
        only.map(|party| (party, self.alive.as_slice())).into_iter().chain(all)
    }

    /// All spans in which anybody wrote, for whoever moves the source's times.
    pub fn spans_mut(&mut self) -> impl Iterator<Item = &mut Vec<(Time, Time)>> {
        let voices = self.voices.iter_mut().map(|voice| &mut voice.alive);
        voices.chain(std::iter::once(&mut self.alive))
    }
}

/// Who speaks.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Party {
    /// kube-controller-manager.
    Controller,
    /// The kubelet of a node; empty name where the node is unknown.
    Kubelet(Name),
    /// The external-attacher sidecar.
    Attacher,
    /// kube-apiserver (admission refusals, object dumps).
    ApiServer,
    /// kube-scheduler.
    Scheduler,
    /// A person or script, by user name.
    User(Name),
    /// The CSI driver.
    Driver,
    /// Somebody who cannot be told.
    Unknown,
}

impl fmt::Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Party::Controller => f.write_str("kube-controller-manager"),
            Party::Kubelet(node) if node.is_empty() => f.write_str("kubelet"),
            Party::Kubelet(node) => write!(f, "kubelet/{node}"),
            Party::Attacher => f.write_str("external-attacher"),
            Party::ApiServer => f.write_str("kube-apiserver"),
            Party::Scheduler => f.write_str("scheduler"),
            Party::User(_) => f.write_str("user"),
            Party::Driver => f.write_str("driver"),
            Party::Unknown => f.write_str("unknown"),
        }
    }
}

/// One statement of one party.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Fact {
    /// Where it stands.
    pub source: SourceId,
    /// 1-based line in the source.
    pub line: u32,
    /// When, as written (corrected by `clock`): klog time; for API calls the time of the answer.
    pub at: Time,
    /// Who.
    pub party: Party,
    /// Which of several pods, machines or streams that stand for one party in this source, counted from 1; 0 where
    /// nothing tells them apart.
    #[serde(default, skip_serializing_if = "is_nought")]
    pub writer: u16,
    /// What.
    pub kind: Kind,
    /// Unique volume name where the line has it, else the PV's name or the handle, as written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volume: Option<Name>,
    /// The PV's name, where the line has it beside the unique name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pv: Option<Name>,
    /// Node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<Name>,
    /// `namespace/name` where the line has both, else the name (or uid) as written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod: Option<Name>,
    /// The pod's uid, where the line has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<Name>,
    /// `VolumeAttachment` name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attachment: Option<Name>,
    /// The error's text, unescaped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Box<str>>,
    /// resourceVersion, or a release for version facts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<Name>,
    /// The line's telling part, at most 400 bytes, control characters neutralised.
    pub text: Box<str>,
    /// For lines that repeat every pass and were folded: how many, and the last of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeat: Option<Repeat>,
    /// The API call behind an audit event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<Box<Call>>,
    /// What the line tells beyond names.
    #[serde(default, skip_serializing_if = "Detail::is_none")]
    pub detail: Detail,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_nought(number: &u16) -> bool {
    *number == 0
}

impl Fact {
    /// Whether it has no time of its own: dumped objects, their lines, and version files.
    #[must_use]
    pub fn is_untimed(&self) -> bool {
        self.kind.is_dump() || matches!(self.kind, Kind::ReleaseSeen | Kind::VaLineSeen)
    }

    /// A fact that names nothing yet, at line 0 of source 0.
    #[must_use]
    pub fn new(kind: Kind, party: Party, at: Time) -> Fact {
        Fact {
            source: SourceId(0),
            line: 0,
            at,
            party,
            writer: 0,
            kind,
            volume: None,
            pv: None,
            node: None,
            pod: None,
            uid: None,
            attachment: None,
            error: None,
            version: None,
            text: Box::default(),
            repeat: None,
            call: None,
            detail: Detail::None,
        }
    }
}

/// A run of equal lines folded into one fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repeat {
    /// Lines folded, the first included.
    pub count: u32,
    /// The last line.
    pub last_line: u32,
    /// Its time.
    pub last_at: Time,
}

/// An API request as the audit log has it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Call {
    /// User name as authenticated (impersonated user where there is one).
    pub user: Name,
    /// `userAgent`, shortened to the program and version.
    pub agent: Name,
    /// `create`, `patch`, `update`, `delete`, …
    pub verb: Name,
    /// HTTP status; 0 where unknown.
    pub code: u16,
    /// When the server received the request.
    pub received: Time,
    /// When the answer was complete.
    pub answered: Time,
    /// Whether the bodies needed to know what was written were recorded.
    pub body: bool,
}

impl Call {
    /// Whether the server accepted the request.
    #[must_use]
    pub fn ok(&self) -> bool {
        self.code < 300
    }
}

/// What a fact tells beyond names.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub enum Detail {
    /// Nothing more.
    #[default]
    None,
    /// A node's state as far as told: from node writes' answers and dumps; or, for `status_patched`, the patch.
    Node(Box<NodeDetail>),
    /// A `VolumeAttachment`.
    Attachment(Box<AttachmentDetail>),
    /// A pod.
    Pod(Box<PodDetail>),
    /// A `PersistentVolume`.
    Pv(Box<PvDetail>),
    /// A claim and the PV it is bound to.
    Pvc {
        /// `namespace/name` of the claim.
        claim: Name,
        /// `spec.volumeName`, empty while unbound.
        pv: Option<Name>,
        /// Storage class binding is pending, phase text.
        phase: Name,
    },
    /// A `CSINode`: driver name and node ID for each registered driver, and its attach limit where set.
    CsiNode(Vec<(Name, Name, Option<u32>)>),
    /// A `CSIDriver`.
    CsiDriver {
        /// The driver's name.
        driver: Name,
        /// `spec.attachRequired`, true where absent.
        attach_required: bool,
        /// `metadata.creationTimestamp`: the field above can't change after it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        created: Option<Time>,
    },
    /// `op_backoff`: which operation failed and until when no retry is permitted.
    Backoff {
        /// The kind of the inner failure: `attach_failed`, `detach_failed`, `kubelet_not_reported_yet`, …
        inner: Kind,
        /// No retries permitted until.
        until: Option<Time>,
        /// durationBeforeRetry in milliseconds.
        wait_ms: Option<i64>,
        /// nodeName in the operation's key is not empty.
        keyed_by_node: bool,
    },
    /// An `Event` object, an `Event occurred` line or a row of an event table.
    Event {
        /// The event's reason, `FailedAttachVolume`.
        reason: Name,
        /// How often it was counted.
        count: u32,
        /// First and last time where told.
        first: Option<Time>,
        /// See `first`.
        last: Option<Time>,
    },
    /// Names in a list: `attachedTo` of a Multi-Attach line, pods, volumes in use.
    Names(Vec<Name>),
    /// `mounted_flag_set`: the flag.
    Flag(bool),
    /// `flag_set`: an option of the controller's process that decides how it attaches and detaches.
    Setting(Setting),
    /// `kubelet_sync_loop`: `ADD`, `UPDATE`, `DELETE`, `REMOVE`, `RECONCILE`, or a runtime event's type.
    SyncLoop {
        /// See above.
        verb: Name,
    },
    /// A call of the CSI driver, as the attacher logs it.
    Grpc {
        /// `ControllerPublishVolume`, …
        method: Name,
    },
}

/// An option of kube-controller-manager, as it prints it when it starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Setting {
    /// `--disable-force-detach-on-timeout`.
    ForceDetachDisabled(bool),
    /// `--disable-attach-detach-reconcile-sync`.
    SyncDisabled(bool),
    /// `--attach-detach-reconcile-sync-period`, in milliseconds.
    SyncPeriod(i64),
}

impl Detail {
    /// Whether there is nothing more.
    #[must_use]
    pub fn is_none(&self) -> bool {
        matches!(self, Detail::None)
    }
}

/// What a fact tells of a node. `None`: not told.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct NodeDetail {
    /// `status.volumesAttached` after the write (dumps: as they stand; log patches: the list logged after the patch).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attached: Option<Vec<Name>>,
    /// `status.volumesInUse`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_use: Option<Vec<Name>>,
    /// Condition Ready is True.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ready: Option<bool>,
    /// Annotation `volumes.kubernetes.io/controller-managed-attach-detach` is present.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub managed: Option<bool>,
    /// Taint `node.kubernetes.io/out-of-service` is present.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub out_of_service: Option<bool>,
    /// `metadata.uid`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uid: Option<Name>,
    /// `metadata.creationTimestamp`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<Time>,
    /// For writes: what the request itself changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patch: Option<NodePatch>,
}

/// What a write of a node asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct NodePatch {
    /// The body is `{}`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub empty: bool,
    /// It sets (or empties) `volumesAttached`: the list it asks for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attached: Option<Vec<Name>>,
    /// It sets (or empties) `volumesInUse`: the list it asks for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_use: Option<Vec<Name>>,
}

/// What a fact tells of a `VolumeAttachment`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct AttachmentDetail {
    /// `spec.attacher`, the driver.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub driver: Option<Name>,
    /// `spec.source.persistentVolumeName`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pv: Option<Name>,
    /// `spec.nodeName`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<Name>,
    /// `status.attached`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attached: Option<bool>,
    /// `metadata.deletionTimestamp` is set.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub deleting: bool,
    /// The attacher's finalizer is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finalizer: Option<bool>,
    /// `status.attachError.message`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attach_error: Option<Box<str>>,
    /// `status.detachError.message`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detach_error: Option<Box<str>>,
    /// `metadata.uid`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uid: Option<Name>,
    /// `metadata.creationTimestamp`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<Time>,
    /// For writes: the request removes finalizers (`metadata.finalizers` set to null, or to a list without the attacher's).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub strips_finalizer: bool,
}

/// What a fact tells of a pod.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PodDetail {
    /// `metadata.uid`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uid: Option<Name>,
    /// `spec.nodeName`, or the binding's target.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<Name>,
    /// Claim names of its volumes, without namespace, with the volume's name in the pod.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub claims: Vec<(Name, Name)>,
    /// `status.phase`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<Name>,
    /// `metadata.deletionTimestamp` is set.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub deleting: bool,
    /// gracePeriodSeconds of a DELETE, where told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grace: Option<i64>,
    /// Any container (init and ephemeral included) is running; `None` where no statuses are told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub running: Option<bool>,
    /// `metadata.creationTimestamp`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<Time>,
}

/// What a fact tells of a `PersistentVolume`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PvDetail {
    /// Unique volume name that a controller gives it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unique: Option<Name>,
    /// CSI driver, empty for in-tree volumes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub driver: Option<Name>,
    /// `spec.csi.volumeHandle`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub handle: Option<Name>,
    /// Access modes as written, `ReadWriteOnce`, …
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub modes: Vec<Name>,
    /// `namespace/name` of the bound claim.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claim: Option<Name>,
    /// `metadata.deletionTimestamp` is set.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub deleting: bool,
}
