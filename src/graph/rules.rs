//! Why one statement comes before another: the rules of the causal graph, one table.
//!
//! In: nothing. Out: [`Rule`], the name and phrase of each kind of edge, and [`LINKS`]: which kinds of fact cause which,
//! and what the two must have in common. Whoever teaches the graph a new cause adds a row. Program order is no row: it
//! holds between any two neighbours of one process.

use crate::fact::{Kind, Party};

/// Why there is an edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// An operation that was started came to its end.
    OperationEnded,
    /// A process sent the request that it had logged, or decided on.
    Requested,
    /// A reader acted on an object that was written.
    ObjectRead,
    /// A `VolumeAttachment` was worked on by the attacher.
    AttachmentHandled,
    /// What the attacher wrote let the controller go on.
    AttachmentAnswered,
    /// The kubelet looked at what the node's status reports.
    ReportVerified,
    /// The controller saw what the node says is in use.
    InUseRead,
    /// A pod was bound, so its volume is wanted here.
    PodBound,
    /// A pod went, so its volume is no longer wanted here.
    PodGone,
    /// The volume went from, or stayed on, another node.
    OtherNode,
    /// The node's condition or taint was acted upon.
    NodeLife,
    /// A failed operation is tried again, or its retry is refused.
    Retried,
    /// One step of an operation follows from the last one.
    NextPhase,
    /// An object was written again.
    WrittenAgain,
    /// An event tells what happened.
    Told,
    /// One process did one after the other.
    ProgramOrder,
    /// A step that nobody logged had to happen before this could.
    Needed,
}

impl Rule {
    /// Name for machines.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.words().0
    }

    /// Phrase for people: how the later statement follows from the earlier one.
    #[must_use]
    pub const fn phrase(self) -> &'static str {
        self.words().1
    }

    const fn words(self) -> (&'static str, &'static str) {
        match self {
            Rule::OperationEnded => ("operation-ended", "it ends the operation started"),
            Rule::Requested => ("requested", "it was requested"),
            Rule::ObjectRead => ("object-read", "it acts on the object written"),
            Rule::AttachmentHandled => ("attachment-handled", "the attacher works on the VolumeAttachment"),
            Rule::AttachmentAnswered => ("attachment-answered", "the VolumeAttachment answers"),
            Rule::ReportVerified => ("report-verified", "the kubelet looks at the node's report"),
            Rule::InUseRead => ("in-use-read", "the controller reads what the node says is in use"),
            Rule::PodBound => ("pod-bound", "the pod bound here wants the volume"),
            Rule::PodGone => ("pod-gone", "the pod that wanted it goes"),
            Rule::OtherNode => ("other-node", "the same volume on another node"),
            Rule::NodeLife => ("node-life", "the node's condition or taint"),
            Rule::Retried => ("retried", "a try after a failure"),
            Rule::NextPhase => ("next-phase", "the next phase of the same work"),
            Rule::WrittenAgain => ("written-again", "the same object was written before"),
            Rule::Told => ("told", "an event tells it"),
            Rule::ProgramOrder => ("program-order", "the same process, before"),
            Rule::Needed => ("needed", "it could not have happened otherwise"),
        }
    }
}

/// What cause and effect have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Common {
    /// The volume and the node, named by the line, its `VolumeAttachment`, its pod, or a list in a node's status.
    Cell,
    /// The volume.
    Volume,
    /// The node.
    Node,
    /// The pod.
    Pod,
}

/// Which party's facts a row means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Who {
    /// Whoever.
    Anyone,
    /// kube-controller-manager.
    Controller,
    /// A kubelet.
    Kubelet,
    /// Anybody but a kubelet.
    NoKubelet,
    /// The external-attacher.
    Attacher,
}

impl Who {
    /// Whether the party is meant.
    #[must_use]
    pub fn is(self, party: &Party) -> bool {
        match self {
            Who::Anyone => true,
            Who::Controller => *party == Party::Controller,
            Who::Kubelet => matches!(party, Party::Kubelet(_)),
            Who::NoKubelet => !matches!(party, Party::Kubelet(_)),
            Who::Attacher => *party == Party::Attacher,
        }
    }
}

/// One row: the last fact among `causes` that shares `common` with a fact among `effects` is a cause of it.
#[derive(Clone, Copy, Debug)]
pub struct Link {
    /// Why.
    pub rule: Rule,
    /// What they share.
    pub common: Common,
    /// Whose causes.
    pub by: Who,
    /// Kinds of the causes.
    pub causes: &'static [Kind],
    /// Whose effects.
    pub on: Who,
    /// Kinds of the effects.
    pub effects: &'static [Kind],
    /// Kinds after which a cause no longer counts, with the same in common.
    pub until: &'static [Kind],
}

const ATTACH_BEGUN: &[Kind] = &[Kind::AttachStarting, Kind::AttachStarted];
const DETACH_BEGUN: &[Kind] = &[
    Kind::DetachStarting,
    Kind::DetachStarted,
    Kind::DetachForcedTimeout,
    Kind::DetachForcedOutOfService,
];
const NODE_WRITES: &[Kind] = &[Kind::NodeStatusPatched, Kind::NodePatched];
const VA_WRITES: &[Kind] = &[
    Kind::VaApiCreated,
    Kind::VaApiDeleted,
    Kind::VaPatched,
    Kind::VaStatusPatched,
];
const POD_ENDS: &[Kind] = &[
    Kind::PodDeleted,
    Kind::PodEvicted,
    Kind::TaintPodDeleted,
    Kind::PodgcForceDeleted,
    Kind::PodgcOutOfService,
    Kind::PodMarkedForDeletion,
];
const UNMOUNTS: &[Kind] = &[Kind::KubeletUnmountStarting, Kind::KubeletUnmountStarted];
const MOUNTS: &[Kind] = &[Kind::KubeletMountStarting, Kind::KubeletMountStarted];

macro_rules! link {
    ($rule:ident, $common:ident, $by:ident $causes:expr => $on:ident $effects:expr) => {
        Link {
            rule: Rule::$rule,
            common: Common::$common,
            by: Who::$by,
            causes: $causes,
            on: Who::$on,
            effects: $effects,
            until: &[],
        }
    };
    ($rule:ident, $common:ident, $by:ident $causes:expr => $on:ident $effects:expr, until $until:expr) => {
        Link {
            until: $until,
            ..link!($rule, $common, $by $causes => $on $effects)
        }
    };
}

/// All rows. For one effect, the rows that stand first are the nearer causes.
pub const LINKS: &[Link] = &[
    // Operations of the controller.
    link!(NextPhase, Cell, Controller &[Kind::AttachStarting] => Controller &[Kind::AttachStarted, Kind::AttachStartFailed]),
    link!(NextPhase, Cell, Controller &[Kind::DetachStarting, Kind::DetachForcedTimeout, Kind::DetachForcedOutOfService]
        => Controller &[Kind::DetachStarted, Kind::DetachStartFailed]),
    link!(OperationEnded, Cell, Controller &[Kind::AttachStarted, Kind::DetachStarted, Kind::DetachForcedTimeout,
            Kind::DetachForcedOutOfService]
        => Controller &[Kind::AttachOk, Kind::AttachFailed, Kind::DetachOk, Kind::DetachFailed, Kind::OpBackoff,
            Kind::DetachVerifiedSafe, Kind::DetachRefusedInUse]),
    link!(OperationEnded, Volume, Controller &[Kind::AttachStarted, Kind::DetachStarted] => Controller &[Kind::OpBackoff]),
    link!(Retried, Cell, Controller &[Kind::OpBackoff]
        => Controller &[Kind::AttachStarting, Kind::AttachStarted, Kind::DetachStarting, Kind::DetachStarted,
            Kind::AttachSkippedBusy, Kind::DetachSkippedBusy], until &[Kind::AttachOk, Kind::DetachOk]),
    link!(NextPhase, Cell, Controller &[Kind::AttachOk, Kind::OpBackoff] => Controller &[Kind::ReportAdd]),
    link!(Requested, Cell, Controller &[Kind::AttachStarted] => Controller &[Kind::VaApiCreated, Kind::VaCreateFailed]),
    link!(Requested, Cell, Controller DETACH_BEGUN => Controller &[Kind::VaApiDeleted, Kind::VaDeleteFailed]),
    link!(Requested, Cell, Controller &[Kind::ReportAdd, Kind::AttachOk, Kind::SyncVolumeLost] => Controller &[Kind::NodeStatusPatched]),
    link!(Retried, Node, Controller &[Kind::OpBackoff] => Controller &[Kind::NodeStatusPatched], until &[Kind::AttachOk, Kind::DetachOk]),
    link!(InUseRead, Node, Controller &[Kind::MountedFlagSet] => Controller &[Kind::NodeStatusPatched]),
    link!(Requested, Node, Controller &[Kind::NodeStatusPatched]
        => Controller &[Kind::StatusPatched, Kind::StatusPatchFailed, Kind::NodeStatusUpdateFailed, Kind::StatusUpdateFailed,
            Kind::StatusUpdateBlockedDetach]),
    link!(NextPhase, Node, Controller &[Kind::StatusPatched, Kind::NodeStatusPatched] => Controller DETACH_BEGUN),
    // VolumeAttachments.
    link!(AttachmentHandled, Cell, Anyone VA_WRITES
        => Attacher &[Kind::EaVaStarted, Kind::EaAttaching, Kind::EaDetaching, Kind::EaVaIgnoredChange, Kind::EaAlreadyAttached,
            Kind::EaAlreadyDetached]),
    link!(NextPhase, Cell, Attacher &[Kind::EaAttached, Kind::EaDetached] => Attacher &[Kind::EaMarkAttached, Kind::EaMarkDetached]),
    link!(NextPhase, Cell, Attacher &[Kind::EaMarkAttached, Kind::EaMarkDetached] => Attacher &[Kind::EaFullyAttached, Kind::EaFullyDetached]),
    link!(NextPhase, Cell, Attacher &[Kind::EaAttaching, Kind::EaDetaching, Kind::EaVaStarted]
        => Attacher &[Kind::EaAttachOp, Kind::EaDetachOp, Kind::EaAttached, Kind::EaDetached, Kind::EaError,
            Kind::EaAttachErrorSaved, Kind::EaDetachErrorSaved]),
    link!(OperationEnded, Cell, Attacher &[Kind::EaVaStarted] => Attacher &[Kind::EaVaFinished, Kind::EaError]),
    link!(Requested, Cell, Attacher &[Kind::EaAttached, Kind::EaMarkAttached, Kind::EaDetached, Kind::EaMarkDetached,
            Kind::EaVaFinalizer, Kind::EaAttaching, Kind::EaDetaching, Kind::EaVaStarted]
        => Attacher &[Kind::VaPatched, Kind::VaStatusPatched]),
    link!(AttachmentAnswered, Cell, Anyone VA_WRITES
        => Controller &[Kind::VaAttachDone, Kind::VaAttachError, Kind::VaDetachError, Kind::VaGone, Kind::VaHasBeenDeleted,
            Kind::AttachOk, Kind::DetachOk, Kind::OpBackoff, Kind::SyncVolumeLost, Kind::SyncVaStatus, Kind::VaBeingDeleted,
            Kind::VaProbe, Kind::VaCreated, Kind::VaDeletedByController, Kind::VaExists]),
    link!(ObjectRead, Cell, Anyone VA_WRITES => Kubelet &[Kind::KubeletWaitAttachOk, Kind::KubeletWaitAttachFailed, Kind::VaNotAttachedKubelet]),
    // What the node reports, and what it says is in use.
    link!(ReportVerified, Cell, NoKubelet NODE_WRITES => Kubelet &[Kind::KubeletVerifyOk]),
    link!(ReportVerified, Node, NoKubelet NODE_WRITES
        => Kubelet &[Kind::KubeletVerifyFailed, Kind::KubeletNotReportedYet]),
    link!(ObjectRead, Node, Kubelet NODE_WRITES => Kubelet &[Kind::KubeletNotInUseYet]),
    link!(InUseRead, Node, Kubelet NODE_WRITES
        => Controller &[Kind::NodeVolumesInUseRead, Kind::MountedFlagSet, Kind::DetachRefusedInUse]),
    link!(InUseRead, Cell, Controller &[Kind::MountedFlagSet] => Controller &[Kind::DetachStarting, Kind::DetachStarted, Kind::DetachBlockedMounted]),
    link!(Requested, Cell, Kubelet &[Kind::KubeletDswAdded, Kind::KubeletVolumeDropped, Kind::KubeletUnmounted, Kind::KubeletDeviceUnmounted]
        => Kubelet &[Kind::NodeStatusPatched]),
    link!(Requested, Node, Kubelet &[Kind::KubeletVolumeDropped, Kind::KubeletDeviceUnmounted] => Kubelet &[Kind::NodeStatusPatched]),
    // The kubelet's work.
    link!(OperationEnded, Cell, Kubelet &[Kind::KubeletVerifyStarted, Kind::KubeletMountStarted, Kind::KubeletUnmountStarted,
            Kind::KubeletDeviceUnmountStarted]
        => Kubelet &[Kind::KubeletVerifyOk, Kind::KubeletVerifyFailed, Kind::KubeletNotReportedYet, Kind::KubeletNotInUseYet,
            Kind::KubeletMountFailed, Kind::KubeletDeviceMountFailed, Kind::KubeletUnmountFailed,
            Kind::KubeletDeviceUnmountFailed, Kind::OpBackoff]),
    link!(OperationEnded, Cell, Kubelet MOUNTS => Kubelet &[Kind::KubeletMounted, Kind::KubeletDeviceMounted, Kind::KubeletWaitAttachOk]),
    link!(OperationEnded, Cell, Kubelet UNMOUNTS => Kubelet &[Kind::KubeletUnmounted]),
    link!(OperationEnded, Cell, Kubelet &[Kind::KubeletDeviceUnmountStarted, Kind::KubeletDeviceUnmountStarting]
        => Kubelet &[Kind::KubeletDeviceUnmounted]),
    link!(NextPhase, Cell, Kubelet &[Kind::KubeletVerifyOk] => Kubelet MOUNTS),
    link!(NextPhase, Cell, Kubelet &[Kind::KubeletUnmounted] => Kubelet &[Kind::KubeletDeviceUnmountStarted, Kind::KubeletDeviceUnmountStarting]),
    link!(NextPhase, Cell, Kubelet &[Kind::KubeletDeviceUnmounted, Kind::KubeletUnmounted] => Kubelet &[Kind::KubeletVolumeDropped]),
    link!(Retried, Cell, Kubelet &[Kind::OpBackoff] => Kubelet &[Kind::KubeletVerifyStarted, Kind::KubeletMountStarted, Kind::KubeletUnmountStarted],
        until &[Kind::KubeletVerifyOk, Kind::KubeletMounted, Kind::KubeletUnmounted, Kind::KubeletVolumeDropped]),
    link!(NextPhase, Cell, Kubelet &[Kind::KubeletDswAdded] => Kubelet &[Kind::KubeletVerifyStarted, Kind::KubeletVerifyStarting]),
    link!(NextPhase, Cell, Kubelet &[Kind::KubeletDswRemoved] => Kubelet UNMOUNTS),
    link!(OperationEnded, Pod, Kubelet &[Kind::KubeletWaitVolumes]
        => Kubelet &[Kind::KubeletVolumesReady, Kind::KubeletVolumesTimeout, Kind::KubeletSyncFailed, Kind::KubeletVolumesFailedEvent,
            Kind::KubeletMountTimeoutPod]),
    link!(NextPhase, Pod, Kubelet &[Kind::KubeletMounted] => Kubelet &[Kind::KubeletVolumesReady]),
    // Pods.
    link!(ObjectRead, Pod, Anyone &[Kind::PodCreated] => Anyone &[Kind::PodBound, Kind::PodNotSchedulable]),
    link!(Requested, Pod, Anyone &[Kind::PodBound] => Anyone &[Kind::PodScheduled]),
    link!(ObjectRead, Pod, Anyone &[Kind::PodBound, Kind::PodDeleted] => Kubelet &[Kind::KubeletSyncLoop, Kind::KubeletWaitVolumes]),
    link!(PodBound, Cell, Anyone &[Kind::PodBound] => Kubelet &[Kind::KubeletDswAdded]),
    link!(PodBound, Cell, Anyone &[Kind::PodBound, Kind::PodCreated]
        => Controller &[Kind::AttachStarting, Kind::AttachStarted, Kind::AttachTouched, Kind::MultiAttachBlocked]),
    link!(PodGone, Cell, Anyone POD_ENDS => Kubelet &[Kind::KubeletDswRemoved, Kind::KubeletUnmountStarted]),
    link!(PodGone, Cell, Anyone POD_ENDS => Controller &[Kind::DetachTimerSet, Kind::DetachStarting, Kind::DetachStarted, Kind::DetachBlockedMounted]),
    link!(WrittenAgain, Pod, Anyone &[Kind::PodCreated, Kind::PodBound, Kind::PodDeleted] => Anyone &[Kind::PodDeleted]),
    // Other nodes.
    link!(OtherNode, Volume, Controller &[Kind::AttachOk, Kind::VaApiCreated, Kind::AttachStarted] => Controller &[Kind::MultiAttachBlocked]),
    link!(OtherNode, Volume, Controller &[Kind::DetachOk] => Controller ATTACH_BEGUN),
    link!(NodeLife, Node, NoKubelet &[Kind::NodePatched, Kind::NodeDeleted, Kind::NodeBecameNotReady, Kind::NodeReadyTransition,
            Kind::NodeHealthUnknown]
        => Controller &[Kind::DetachForcedTimeout, Kind::DetachForcedOutOfService, Kind::TaintPodMarked, Kind::TaintPodDeleted,
            Kind::PodgcForceDeleted, Kind::PodgcOutOfService]),
    link!(NextPhase, Cell, Controller &[Kind::DetachTimerSet] => Controller &[Kind::DetachForcedTimeout]),
    // The same object again.
    link!(WrittenAgain, Cell, Anyone VA_WRITES => Anyone VA_WRITES),
    link!(WrittenAgain, Node, NoKubelet NODE_WRITES => NoKubelet NODE_WRITES),
    // Events.
    link!(Told, Volume, Controller &[Kind::OpBackoff, Kind::MultiAttachBlocked, Kind::AttachOk] => Controller &[Kind::EventLogged, Kind::EventRecorded]),
    link!(Told, Pod, Kubelet &[Kind::KubeletVolumesFailedEvent, Kind::KubeletVolumesTimeout, Kind::KubeletSyncFailed]
        => Kubelet &[Kind::EventLogged, Kind::EventRecorded]),
];
