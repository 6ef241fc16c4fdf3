//! One step of a run: what a party did, seen or inferred.
//!
//! In: facts and model decisions. Out: [`Step`]s in causal order, each of one [`Deed`], with the facts that prove it.

use crate::fact::Party;
use crate::graph::cast::{Node, Pod, Volume};
use crate::time::Time;

/// Index of a step in a run.
pub type StepId = u32;
/// Index of a fact in the reading.
pub type FactId = u32;

/// One step.
#[derive(Clone, Debug)]
pub struct Step {
    /// When, on the corrected axis.
    pub at: Time,
    /// Who did it.
    pub actor: Party,
    /// What was done.
    pub deed: Deed,
    /// The volume concerned; `None` where it concerns every volume on the node.
    pub volume: Option<Volume>,
    /// The node concerned.
    pub node: Option<Node>,
    /// The pod concerned.
    pub pod: Option<Pod>,
    /// Whether a fact says so; else the model had to take the step for later facts to be possible.
    pub observed: bool,
    /// Facts that prove it; for an inferred step, the facts that need it.
    pub evidence: Vec<FactId>,
    /// The error that came with it.
    pub error: Option<Box<str>>,
}

impl Step {
    /// Whether it is about this pair, about the node, or about everything.
    #[must_use]
    pub fn concerns(&self, cell: (Volume, Node)) -> bool {
        self.volume.is_none_or(|volume| volume == cell.0) && self.node.is_none_or(|node| node == cell.1)
    }
}

macro_rules! deeds {
    ($($(#[$doc:meta])* $variant:ident => $name:literal, $phrase:literal;)*) => {
        /// What a party did. The name is the `kind` of a report's step, the phrase its `what`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Deed { $($(#[$doc])* $variant),* }

        impl Deed {
            /// Name for machines.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Deed::$variant => $name),* }
            }

            /// Phrase for people; `{v}` stands for the volume, `{n}` for the node, `{p}` for the pod.
            #[must_use]
            pub const fn phrase(self) -> &'static str {
                match self { $(Deed::$variant => $phrase),* }
            }
        }
    };
}

deeds! {
    /// A pod was bound to a node.
    PodBound => "pod_bound", "{p} is bound to {n}: {v} is wanted there";
    /// A pod was asked to go.
    PodDeleting => "pod_deleting", "{p} is being deleted";
    /// A pod's containers have ended.
    PodEnded => "pod_ended", "{p}'s containers have ended: {v} is no longer wanted on {n}";
    /// A pod object is gone.
    PodGone => "pod_gone", "{p} is gone";
    /// A pod was removed by force.
    PodForced => "pod_force_deleted", "{p} is deleted by force";
    /// A Node object appeared.
    NodeCreated => "node_created", "the Node object of {n} is created, its status is empty";
    /// A Node object went.
    NodeDeleted => "node_deleted", "the Node object of {n} is deleted";
    /// Somebody asked for a persistent volume to be deleted.
    VolumeDeleted => "pv_deleted", "the PersistentVolume of {v} is deleted";
    /// The driver of a volume attaches nothing any more.
    DriverStopsAttaching => "driver_stops_attaching", "the driver of {v} needs no attach from now on (attachRequired: false)";
    /// The driver of a volume attaches from now on.
    DriverAttaches => "driver_attaches", "the driver of {v} needs attach from now on";
    /// A node's Ready condition went.
    NodeNotReady => "node_not_ready", "{n} is no longer Ready";
    /// A node is ready again.
    NodeReady => "node_ready", "{n} is Ready";
    /// Somebody set the out-of-service taint.
    NodeTainted => "node_tainted_out_of_service", "{n} gets the out-of-service taint";
    /// The managed annotation was taken away.
    NodeUnmanaged => "node_annotation_removed", "the annotation controller-managed-attach-detach is removed from {n}";
    /// Any other change of the Node object by a person.
    NodeTouched => "node_touched", "the Node object of {n} is changed";
    /// A process of the controller began.
    ControllerStarted => "controller_started", "a new kube-controller-manager process takes over and rebuilds its state";
    /// A process of the controller ended.
    ControllerStopped => "controller_stopped", "this kube-controller-manager process ends";
    /// An attach began.
    AttachStarted => "attach_started", "starts to attach {v} to {n}";
    /// An attach worked.
    AttachDone => "attach_done", "holds {v} attached to {n}";
    /// An attach worked, and the controller could not record it.
    AttachNotHeld => "attach_not_held", "has {v} attached to {n}, but does not hold it so: its driver attaches nothing by now";
    /// An attach failed before anybody was asked.
    AttachNotAsked => "attach_not_asked", "can't attach {v} to {n}: its driver attaches nothing";
    /// An attach failed.
    AttachFailed => "attach_failed", "the attach of {v} to {n} fails: it is uncertain there now";
    /// An exclusive volume is attached elsewhere.
    MultiAttach => "multi_attach_blocked", "may not attach {v} to {n}: it is attached exclusively elsewhere";
    /// The volume was put on the list to report.
    ReportAdded => "report_added", "puts {v} on its list of what {n} should report";
    /// The volume was taken off the list to report.
    ReportDropped => "report_dropped", "takes {v} off {n}'s report, to detach it";
    /// The removal reached the API server.
    ReportRemovalPublished => "report_removal_published", "publishes {n}'s status without {v}";
    /// The addition reached the API server.
    ReportPublished => "report_published", "publishes {n}'s status with {v}";
    /// A patch was computed as empty.
    ReportPatchEmpty => "report_patch_empty", "sends an empty patch for {n}: its cached copy already looks as wanted";
    /// A patch failed.
    ReportPatchFailed => "report_patch_failed", "the patch of {n}'s status fails";
    /// A patch that was due was forgotten.
    ReportForgotten => "report_forgotten", "forgets that {n}'s status is due: another node's patch failed first";
    /// A detach began.
    DetachStarted => "detach_started", "starts to detach {v} from {n}";
    /// A detach began without waiting for the unmount.
    DetachForced => "detach_forced", "detaches {v} from {n} by force, though the node did not say it is unmounted";
    /// A detach was refused by back-off.
    DetachRefused => "detach_refused_backoff", "takes {v} off {n}'s report again for a retry that the back-off refuses, and does not put it back";
    /// A detach was skipped since the node patch failed.
    DetachSkipped => "detach_skipped_status_update", "skips the detach of {v} since the node patch failed, and does not put it back on the list";
    /// A detach failed.
    DetachFailed => "detach_failed", "the detach of {v} from {n} fails";
    /// A detach worked.
    DetachDone => "detach_done", "holds {v} detached from {n}";
    /// The once-a-minute check found it gone.
    SyncLost => "sync_marked_detached", "the once-a-minute check finds {v}'s VolumeAttachment gone and marks it detached from {n}";
    /// The check passed over a volume without spec.
    SyncSkipped => "sync_skipped_nil_spec", "the once-a-minute check skips {v}: its spec is unknown since the restart";
    /// A `VolumeAttachment` was created.
    VaCreated => "va_created", "the VolumeAttachment of {v} for {n} is created";
    /// A `VolumeAttachment` says attached.
    VaAttached => "va_attached", "the VolumeAttachment of {v} for {n} says attached";
    /// The driver attached for an object that was gone by then.
    AttachedInVain => "attached_in_vain", "has attached {v} to {n}, for a VolumeAttachment that is gone by now";
    /// An attach error was written.
    VaAttachError => "va_attach_error", "writes an attach error to the VolumeAttachment of {v} for {n}";
    /// A detach error was written.
    VaDetachError => "va_detach_error", "writes a detach error to the VolumeAttachment of {v} for {n}";
    /// The controller asked for deletion.
    VaDeleting => "va_deleting", "the VolumeAttachment of {v} for {n} is being deleted";
    /// Its deletion failed.
    VaDeleteFailed => "va_delete_failed", "the DELETE of the VolumeAttachment of {v} for {n} fails";
    /// It is gone after the attacher's work.
    VaGone => "va_gone", "the VolumeAttachment of {v} for {n} is gone";
    /// Another hand than the controller's deleted it.
    VaDeletedByHand => "va_deleted_by_hand", "the VolumeAttachment of {v} for {n} is deleted by hand";
    /// Another hand than the attacher's took the finalizer away.
    VaStripped => "va_finalizer_stripped", "the finalizer of {v}'s VolumeAttachment for {n} is stripped: nothing makes it wait for a detach any more";
    /// Somebody else wrote volumesAttached.
    ReportEdited => "report_edited_by_hand", "volumesAttached of {n} is changed by hand: {v} is off the report";
    /// Somebody else wrote volumesAttached, adding.
    ReportAddedByHand => "report_added_by_hand", "volumesAttached of {n} is changed by hand: {v} is on the report";
    /// Somebody else wrote volumesInUse.
    InUseEdited => "in_use_edited_by_hand", "volumesInUse of {n} is changed by another party: {v} no longer counts as in use";
    /// The kubelet reports the volume in use.
    InUse => "in_use_reported", "reports {v} in use";
    /// The kubelet no longer reports it.
    NotInUse => "in_use_cleared", "no longer reports {v} in use";
    /// The kubelet process began.
    KubeletStarted => "kubelet_started", "starts";
    /// The kubelet looked for the report in vain.
    VerifyFailed => "verify_failed", "waits: {v} is not attached according to {n}'s status";
    /// The kubelet failed for it was not in use yet.
    NotInUseYet => "verify_not_in_use_yet", "waits: {v} is not reported in use yet";
    /// The kubelet found the report.
    Verified => "verified", "finds {v} attached";
    /// Mount or its wait for the attachment failed.
    MountFailed => "mount_failed", "cannot mount {v}";
    /// The volume is mounted.
    Mounted => "mounted", "mounts {v}";
    /// The device is mounted for nobody.
    MountedLate => "mounted_late", "mounts the device of {v} on {n} though it has let go of {v}: nothing will unmount it";
    /// Unmount failed.
    UnmountFailed => "unmount_failed", "cannot unmount {v}";
    /// The volume is unmounted for a pod.
    Unmounted => "unmounted", "unmounts {v}";
    /// The kubelet found a mount that it could not make sense of, and forgets it.
    MountForgotten => "mount_forgotten", "finds a mount of {v} on its disk that it can't take over, and cleans it up";
    /// The volume left the kubelet's actual state.
    Dropped => "dropped", "has let go of {v}";
    /// The kubelet gave up waiting for this round.
    WaitTimedOut => "volumes_wait_timed_out", "gives up waiting for {v} this round";
    /// The attacher began to attach or detach.
    AttacherActs => "attacher_acts", "works on the VolumeAttachment of {v} for {n}";
    /// The attacher failed.
    AttacherFails => "attacher_fails", "cannot finish the VolumeAttachment of {v} for {n}";
    /// The attacher process began.
    AttacherStarted => "attacher_started", "starts";
    /// A node has no pod that ends its wish any more.
    WishWaits => "waits", "waits for {v} on {n}";
}
