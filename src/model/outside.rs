//! What the controller meets while it works: the informers' nodes, the API, the volumes' attributes, and a listener.
//!
//! In: questions and patches of the model. Out: the answers, given by whoever drives it: the recorded scripts, the
//! replay, a simulated cluster, the exhaustive search. [`Note`]s tell every decision, those that a log line stands for
//! and those that no log tells at any level.

use super::asw::Reported;
use super::controller::Controller;
use super::pending::{Backoff, OpName};
use super::{Cell, NodeId, PodId, VolumeId};
use crate::time::Time;

/// The attributes of a volume that decide about it.
#[allow(
    clippy::struct_excessive_bools,
    reason = "four independent facts, each asked for by another rule"
)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Traits {
    /// One node at a time: a PV with access modes, none of them shared (`ReadWriteOnce`, `ReadWriteOncePod`).
    pub exclusive: bool,
    /// Its plugin or driver attaches volumes at this time.
    pub attachable: bool,
    /// Its claim and PV are found, bound to each other.
    pub resolvable: bool,
    /// Its unique volume name splits, and names a plugin that can attach.
    pub plugin_by_name: bool,
}

impl Traits {
    /// An exclusive volume with nothing wrong.
    pub const EXCLUSIVE: Traits = Traits {
        exclusive: true,
        attachable: true,
        resolvable: true,
        plugin_by_name: true,
    };
    /// A volume that several nodes may have, with nothing wrong.
    pub const SHARED: Traits = Traits {
        exclusive: false,
        ..Traits::EXCLUSIVE
    };
}

/// What the reconciler asks the informer about a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Health {
    /// Condition Ready is True.
    pub ready: bool,
    /// Taint `node.kubernetes.io/out-of-service` is present.
    pub out_of_service: bool,
}

/// The node status updater's look at the informer's node.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Lookup {
    /// The node is there; its `status.volumesAttached` as the informer has it, in order.
    Found(Vec<Reported>),
    /// No such node.
    NotFound,
    /// Any other error.
    Failed,
}

/// The body of a node status patch.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Patch {
    /// `{}`: the cached node has the wanted list already. The API may have another (kubernetes#122413).
    Empty,
    /// The whole list. It replaces whatever the API has.
    List(Vec<Reported>),
}

/// A patch that was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PatchError {
    /// The API has no such node.
    NotFound,
    /// Anything else.
    Failed,
}

/// Why a detach goes ahead although the volume may be in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Forced {
    /// The 6 min timer ran out. Since 1.24.9 that alone does not override a mounted flag on a healthy node.
    Timeout,
    /// The node has the out-of-service taint.
    OutOfService,
}

/// Why an operation did not start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StartError {
    /// Another operation on the volume runs. Not logged.
    Exists,
    /// It failed a short while ago. Not logged.
    Backoff(Backoff),
    /// The volume has no plugin that could detach it.
    NoPlugin,
}

/// Why a volume was put back into the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Readd {
    /// The node patch before the detach failed.
    StatusUpdateFailed,
    /// The detach could not start.
    StartFailed,
    /// The detach failed (before 1.29).
    DetachFailed,
}

/// Who holds an exclusive volume that another node wants.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Holders {
    /// The nodes that surely hold it.
    pub nodes: Vec<NodeId>,
    /// The pods that wait for it; each gets an event.
    pub waiting: Vec<PodId>,
    /// The pods that want it on the other nodes, by node; the event names those of the waiting pod's namespace.
    pub users: Vec<PodId>,
}

/// One decision of the controller, or one step of an operation.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Note {
    /// An operation on the volume runs: neither detach nor attach for now.
    SkippedPending(OpName, Cell),
    /// The detach backs off, seen before anything was touched (`backoff_checked_before_unreport`).
    SkippedBackoff(Cell),
    /// The pair left the actual state since the pass began.
    SkippedDetached(Cell),
    /// The node still uses the volume.
    BlockedMounted(Cell),
    /// Taken out of the node's report, for a detach that is to follow.
    Unreported(Cell),
    /// It was not in the report.
    UnreportFailed(Cell),
    /// The node's status could not be updated before the detach, which is given up.
    StatusUpdateFailed(Cell),
    /// Put back into the report.
    Readded(Cell, Readd),
    /// An attach started.
    AttachStarted(Cell),
    /// A detach started. It looks at the live node first unless it is forced.
    DetachStarted(Cell, Option<Forced>),
    /// An operation did not start.
    Refused(OpName, Cell, StartError),
    /// Wanted and attached: the detach timer is reset.
    Touched(Cell),
    /// An exclusive volume is held by other nodes: events are sent.
    MultiAttach(Cell, Box<Holders>),
    /// The same, after the events were sent.
    StillHeld(Cell),
    /// A node status patch and its answer.
    Patched(NodeId, Patch, Result<(), PatchError>),
    /// The status updater did not find the node in its cache.
    NodeNotCached(NodeId),
    /// The status updater could not look at its cache.
    LookupFailed(NodeId),
    /// The minutely check of a node started.
    CheckStarted(NodeId),
    /// The minutely check found the volume no longer attached, and dropped it.
    CheckDropped(Cell),
    /// The minutely check of a node ended.
    CheckEnded(NodeId),
    /// The live look before a detach found the volume in use, or failed.
    VerifyRefused(Cell),
    /// The attach succeeded; these pods get an event.
    AttachSucceeded(Cell, Vec<PodId>),
    /// The attach failed; these pods get an event.
    AttachFailed(Cell, Vec<PodId>),
    /// An attach or detach ended: well, or with this back-off.
    Ended(OpName, Cell, Result<(), Backoff>),
}

/// A moment inside a pass at which operations that run beside it may move on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Moment {
    /// The pass has taken its list of attached volumes.
    SnapshotTaken,
    /// The pass is about to look whether an operation on this volume runs.
    LooksForPending(VolumeId),
    /// The pass has started an attach or detach.
    Started(OpName, Cell),
}

/// The world outside a pass.
pub trait Outside {
    /// The volume's attributes now.
    fn traits_of(&self, volume: VolumeId) -> Traits;

    /// The node in the informer's cache; `None` where it is not there, which counts as unhealthy and without taint.
    fn health(&self, node: NodeId) -> Option<Health>;

    /// The status updater's look at the informer's node.
    fn lookup(&mut self, node: NodeId) -> Lookup;

    /// Patches the live node's status.
    fn patch(&mut self, node: NodeId, patch: &Patch) -> Result<(), PatchError>;

    /// Whether a list of two or more volumes comes in the same order as the cached one, which real controllers leave to
    /// chance: a patch of the same volumes in another order is not empty.
    fn keeps_order(&mut self, node: NodeId) -> bool {
        let _ = node;
        true
    }

    /// Hears what was decided.
    fn note(&mut self, note: Note) {
        let _ = note;
    }

    /// Lets operations and events beside the pass happen at this moment, by calling the controller's handlers.
    fn meanwhile(&mut self, controller: &mut Controller, moment: Moment, now: Time) {
        let _ = (controller, moment, now);
    }
}
