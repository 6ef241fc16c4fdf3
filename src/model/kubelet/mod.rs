//! The kubelet's volume manager, as far as it meets the attach/detach controller.
//!
//! In: pods that come and go, node statuses, answers of the volume plugin, the time. Out: operations started and
//! ended, the volumes in use. Pure: what it must ask (the API server, the plugin about itself) goes through [`Outside`],
//! operations end by separate calls, so that whoever drives the model decides when. Read `populator` (what is wanted),
//! `reconciler` (what is done about it), `operations` (how that goes), `status` (what the controller sees of it) and
//! `reconstruct` (what a restart makes of the disk). Modelled: controller-managed attach, file system volumes; not
//! block devices, resizing, `SELinux` contexts.

pub mod actual;
pub mod csi;
pub mod desired;
pub mod host;
pub mod operations;
mod populator;
pub mod reconciler;
mod reconstruct;
pub mod status;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use crate::model::pending::{OpName, Pending};
use crate::model::{PodId, Profile, VolumeId};
use crate::time::{Span, Time};
use operations::Operation;

/// Pause between populator loops, and between the end of a reconcile pass and the next.
pub const LOOP: Span = Span::millis(100);
/// Period of the node status loop (`nodeStatusUpdateFrequency`; 4 % of jitter come on top).
pub const STATUS_LOOP: Span = Span::secs(10);
/// An unchanged node status is written this often (`nodeStatusReportFrequency`; late versions vary it by half).
pub const STATUS_REPORT: Span = Span::secs(300);
/// Pause between two looks of a pod that waits for its volumes; the first comes at once.
pub const POD_LOOK: Span = Span::millis(300);
/// How long a pod waits for its volumes before the pod worker is told of a failure: 2 min 3 s.
pub const POD_WAIT: Span = Span::secs(123);

/// A device path, numbered by the caller. CSI volumes have the empty one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DevicePath(pub u32);

impl DevicePath {
    /// The empty path.
    pub const NONE: DevicePath = DevicePath(0);
}

/// What the plugin says about a volume, now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct VolumeKind {
    /// It must be attached before use.
    pub attachable: bool,
    /// It is staged once per node. A volume that is neither this nor attachable has a name of its own for each pod.
    pub device_mountable: bool,
    /// Mounts are set up again when the pod is processed again.
    pub requires_remount: bool,
}

/// The API server did not answer, or not with the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Unreachable;

/// What the volume manager asks of the world, at the moment it asks.
pub trait Outside {
    /// What the plugin says about a volume.
    fn kind(&self, volume: VolumeId) -> VolumeKind;
    /// The bare volume name under which mounts are cleaned up that could not be reconstructed. Any name of its own will
    /// do: it only keys pending operations.
    fn bare_name(&self, volume: VolumeId) -> VolumeId;
    /// `volumesAttached` of the node in the informer's cache; `None` if the cache has no node.
    fn cached_node(&self) -> Option<&[(VolumeId, DevicePath)]>;
    /// `volumesAttached` of the node by a live GET.
    fn read_node(&mut self) -> Result<Vec<(VolumeId, DevicePath)>, Unreachable>;
    /// A live GET of the volume's claim.
    fn read_claim(&mut self, volume: VolumeId) -> Result<(), Unreachable>;
    /// Whether the plugin can say what volume a pod directory holds.
    fn construct_spec(&mut self, volume: VolumeId, pod: PodId) -> bool;
    /// Told of every decision that a log line can stand for.
    fn note(&mut self, note: Note);
}

/// A decision of the reconciler.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Note {
    /// An operation was started.
    Started {
        /// Its name.
        op: OpName,
        /// The volume, as the states know it.
        volume: VolumeId,
        /// The pod it is for.
        pod: Option<PodId>,
    },
    /// An operation was not started.
    Refused {
        /// Its name.
        op: OpName,
        /// The volume, as the states know it.
        volume: VolumeId,
        /// The pod it is for.
        pod: Option<PodId>,
        /// Why.
        why: Refused,
    },
    /// Nothing is done about a wanted volume, because no node status lists it as in use yet.
    NotInUseYet {
        /// The volume.
        volume: VolumeId,
        /// The pod that wants it.
        pod: PodId,
    },
    /// The volume's entry was dropped ("Volume detached for volume").
    Dropped {
        /// The volume.
        volume: VolumeId,
    },
}

/// Why an operation was not started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refused {
    /// Another operation excludes it.
    Exists,
    /// It failed a short while ago.
    Backoff,
    /// The cached node does not list the volume as attached (kubernetes#106853).
    NotInNodeStatus,
}

/// A kubelet's volume manager on its node.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Kubelet {
    profile: Profile,
    /// Pods and disk; pods are brought in here.
    pub host: host::Host,
    desired: desired::DesiredState,
    actual: actual::ActualState,
    pending: Pending,
    running: Vec<Operation>,
    /// Pods that the populator knows; `false` = to be processed again.
    processed: BTreeMap<PodId, bool>,
    sources_ready: bool,
    states_synced: bool,
    /// When the container runtime was last asked for removals (up to 1.21).
    runtime_asked: Option<Time>,
    /// Reconstructed volumes that the node status has not been asked about yet (new way).
    awaiting_status: Vec<VolumeId>,
    /// Pod directories that could not be reconstructed (new way).
    failed: Vec<(PodId, VolumeId)>,
    /// Mounts of wanted volumes that were found at start and wait for an entry (old way, since 1.25).
    skipped: BTreeMap<VolumeId, std::collections::BTreeSet<PodId>>,
}

impl Kubelet {
    /// What should be mounted.
    #[must_use]
    pub fn desired(&self) -> &desired::DesiredState {
        &self.desired
    }

    /// What is believed to be there.
    #[must_use]
    pub fn actual(&self) -> &actual::ActualState {
        &self.actual
    }

    /// Pending operations and back-offs.
    #[must_use]
    pub fn pending(&self) -> &Pending {
        &self.pending
    }

    /// Pods that the populator has processed; `false` = to be processed again.
    #[must_use]
    pub fn processed(&self) -> &BTreeMap<PodId, bool> {
        &self.processed
    }

    /// Whether all pods have been heard of since the start.
    #[must_use]
    pub fn sources_ready(&self) -> bool {
        self.sources_ready
    }

    /// Whether `volumesInUse` is written yet.
    #[must_use]
    pub fn states_synced(&self) -> bool {
        self.states_synced
    }

    /// Reconstructed volumes that wait for a look at the node status.
    #[must_use]
    pub fn awaiting_status(&self) -> &[VolumeId] {
        &self.awaiting_status
    }

    /// Pod directories that could not be reconstructed.
    #[must_use]
    pub fn failed_reconstruction(&self) -> &[(PodId, VolumeId)] {
        &self.failed
    }
}
