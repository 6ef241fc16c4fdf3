//! The table of behaviours: one row each, in the order of their first release, the attacher's last.
//!
//! A row's releases count from a plain release number: `since` is the first from which on all have it, `picks` are the
//! first patch releases of earlier lines that got it as a backport. `told` says why the model does not act on a row.

use super::Component::{Attacher, Controller, Kubelet};
use super::Known::{Changelog, Code, Inferred, Run, Thread};
use super::{Row, Version};

const fn v(major: u16, minor: u16, patch: u16) -> Version {
    Version::new(major, minor, patch)
}

macro_rules! table {
    ($($behaviour:ident $name:literal $component:ident
        since $since:expr, picks $picks:expr, briefly $briefly:expr, origin $origin:literal, closes $closes:expr, known $known:ident$(, told $told:literal)?
        with $with:literal
        without $without:literal)*) => {
        /// A named behaviour; each has a row in [`ROWS`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Behaviour {
            $(
                #[doc = concat!("`", $name, "`: ", $with, ".")]
                $behaviour,
            )*
        }

        /// All behaviours, in the order of the enum.
        pub const ROWS: &[Row] = &[
            $(Row {
                behaviour: Behaviour::$behaviour,
                name: $name,
                component: $component,
                with: $with,
                without: $without,
                since: $since,
                picks: &$picks,
                briefly: &$briefly,
                origin: $origin,
                closes: &$closes,
                known: $known,
                told: [$($told,)? ""][0],
            },)*
        ];
    };
}

table! {
    UncertainStateOnAttachError "uncertain_state_on_attach_error" Controller
        since v(1, 14, 0), picks [], briefly [], origin "#71276", closes [], known Code, told "every release from 1.16 on has it"
        with "a failed attach leaves the volume uncertain, to be tried again or detached"
        without "a failed attach is forgotten"

    BackoffResetOnOtherOpName "backoff_reset_on_other_op_name" Controller
        since v(1, 15, 0), picks [], briefly [], origin "#75213", closes [], known Code, told "every release from 1.16 on has it"
        with "another operation on the volume may start during a back-off and resets it"
        without "any operation on the volume waits for the back-off"

    CsiAttachWait2m "csi_attach_wait_2m" Controller
        since v(1, 16, 0), picks [], briefly [], origin "#79529", closes [], known Code
        with "waits 2 min for the attacher to attach"
        without "waits 15 s for the attacher to attach"

    CsiDetachWait2m "csi_detach_wait_2m" Controller
        since v(1, 17, 0), picks [v(1, 16, 3)], briefly [], origin "#84321", closes [], known Thread
        with "waits 2 min for the attacher to detach"
        without "waits 10 s for the attacher to detach"

    MultiAttachKeyPerNode "multi_attach_key_per_node" Controller
        since v(1, 19, 0), picks [], briefly [], origin "#88678, #87258", closes [], known Changelog
        with "operations on a shareable volume exclude each other per node"
        without "one operation at a time for a shareable volume on all nodes"

    VerifyReadsVaFromInformer "verify_reads_va_from_informer" Controller
        since v(1, 19, 0), picks [], briefly [], origin "#91307", closes [], known Changelog, told "the model's informer knows of attachments what the API knows"
        with "the minutely check reads VolumeAttachments from the informer, the API on a miss"
        without "the minutely check reads each VolumeAttachment from the API"

    DropNonattachableFromDsw "drop_nonattachable_from_dsw" Controller
        since v(1, 20, 0), picks [], briefly [], origin "#93710", closes [], known Run
        with "volumes whose driver no longer attaches leave the desired state; their leftovers can be detached"
        without "a volume whose driver stops attaching is stuck in the desired state"

    RecheckAswBeforeDetach "recheck_asw_before_detach" Controller
        since v(1, 21, 0), picks [v(1, 20, 3), v(1, 19, 8), v(1, 18, 16)], briefly [], origin "#94599", closes [93902], known Thread
        with "looks at the actual state again before a detach"
        without "detaches by the snapshot of the pass"

    PendingBeforeAttachState "pending_before_attach_state" Controller
        since v(1, 21, 0), picks [v(1, 20, 3), v(1, 19, 8), v(1, 18, 16)], briefly [], origin "#94599", closes [93902], known Run
        with "skips a busy volume before it looks whether it is attached"
        without "looks whether the volume is attached first, and may attach or complain about an operation that ends meanwhile"

    VaWalkAtStart "va_walk_at_start" Controller
        since v(1, 21, 0), picks [v(1, 20, 3), v(1, 19, 8), v(1, 18, 16)], briefly [], origin "#96617", closes [77324, 81097, 92145], known Run
        with "takes VolumeAttachments into the actual state at start, as uncertain"
        without "knows only what nodes report at start; announced but unfinished detaches are forgotten"

    VaWalkTranslatesMigrated "va_walk_translates_migrated" Controller
        since v(1, 22, 0), picks [v(1, 21, 2), v(1, 20, 8), v(1, 19, 12)], briefly [], origin "#101737, #102176", closes [101423], known Thread, told "a migrated volume has one name in the model; the diagnosis asks for the release"
        with "the walk at start names migrated volumes as CSI volumes"
        without "the walk at start uses in-tree names and detaches live migrated volumes"

    CsiWaitPollsLister "csi_wait_polls_lister" Controller
        since v(1, 21, 0), picks [], briefly [], origin "#97834", closes [], known Thread
        with "polls the informer's VolumeAttachment, 0.5 s at first"
        without "watches the VolumeAttachment"

    KubeletPodWorkerGatesUnmount "kubelet_pod_worker_gates_unmount" Kubelet
        since v(1, 22, 0), picks [], briefly [], origin "", closes [], known Inferred
        with "unmounts when the pod worker lets the pod's runtime go"
        without "unmounts when the container runtime, asked every 2 s, shows no container"

    KubeletFailedUnmountUncertain "kubelet_failed_unmount_uncertain" Kubelet
        since v(1, 22, 0), picks [v(1, 21, 9)], briefly [], origin "#100183, #107014", closes [100182], known Run
        with "a failed unmount or unstage leaves the mount uncertain, the next pod sets it up again"
        without "after a failed unmount or unstage the volume still counts as mounted, the next pod gets it as it is"

    BackoffCheckedBeforeUnreport "backoff_checked_before_unreport" Controller
        since v(1, 23, 0), picks [v(1, 22, 4), v(1, 21, 7)], briefly [], origin "#104526", closes [88565, 72181, 49053], known Run
        with "a volume whose detach backs off stays in the node's report"
        without "takes a volume out of the node's report before it sees that the detach must wait"

    ReaddToReportOnDetachStartFailure "readd_to_report_on_detach_start_failure" Controller
        since v(1, 23, 0), picks [v(1, 22, 4), v(1, 21, 7)], briefly [], origin "#104526", closes [88565, 72181], known Run
        with "puts the volume back into the report when its detach cannot start"
        without "leaves the volume out of the report when its detach cannot start"

    KubeletNoBackoffUntilInUse "kubelet_no_backoff_until_in_use" Kubelet
        since v(1, 24, 0), picks [v(1, 23, 4), v(1, 22, 7)], briefly [], origin "#106853", closes [], known Run
        with "waits silently until the volume stands in volumesInUse"
        without "starts the verification too early, fails and backs off"

    KubeletPrecheckCachedVolumesAttached "kubelet_precheck_cached_volumes_attached" Kubelet
        since v(1, 24, 0), picks [v(1, 23, 4), v(1, 22, 7)], briefly [], origin "#106853", closes [], known Run
        with "looks at the cached node's volumesAttached first, without back-off"
        without "asks the API each time and backs off when the volume is not there yet"

    KubeletOpenDeviceUncertain "kubelet_open_device_uncertain" Kubelet
        since v(1, 24, 0), picks [v(1, 23, 4), v(1, 22, 7), v(1, 21, 10)], briefly [], origin "#107789", closes [], known Run
        with "a device that is still open after it was unstaged counts as uncertain"
        without "a device that is still open after it was unstaged counts as staged"

    NodeStatusPatchPerNode "node_status_patch_per_node" Controller
        since v(1, 24, 0), picks [v(1, 23, 5), v(1, 22, 8), v(1, 21, 13)], briefly [], origin "#108167", closes [107973], known Run
        with "patches only the detached volume's node before the detach"
        without "patches all nodes that are due before each detach; any failure stops the detach"

    NodeStatusContinueAfterError "node_status_continue_after_error" Controller
        since v(1, 24, 0), picks [v(1, 23, 5), v(1, 22, 8), v(1, 21, 13)], briefly [], origin "#108167", closes [107973], known Run
        with "goes on with the other nodes after a failed patch; lister errors count"
        without "stops at the first failed patch and forgets that later nodes are due"

    StructuredReconcilerLogs "structured_reconciler_logs" Controller
        since v(1, 24, 0), picks [], briefly [], origin "", closes [], known Code, told "what is printed; the table of messages has both wordings"
        with "logs key=value"
        without "logs plain text"

    CsiTimeoutMessageNamesDriver "csi_timeout_message_names_driver" Controller
        since v(1, 24, 0), picks [], briefly [], origin "#108628", closes [], known Code, told "what is printed; the table of messages has both wordings"
        with "time-outs name the driver they waited for"
        without "time-outs name only the volume"

    KubeletVerifyFetchesPvc "kubelet_verify_fetches_pvc" Kubelet
        since v(1, 24, 0), picks [], briefly [], origin "", closes [], known Code
        with "reads the claim before it verifies the attachment"
        without "verifies the attachment at once"

    OutOfServiceTaint "out_of_service_taint" Controller
        since v(1, 26, 0), picks [], briefly [], origin "#108486, #111380, #118228", closes [], known Code
        with "the out-of-service taint forces detaches at once, without looking at the node"
        without "only the 6 min timer forces a detach (1.24 and 1.25: unless the gate NodeOutOfServiceVolumeDetach is on)"

    ForceDetachOnlyUnhealthy "force_detach_only_unhealthy" Controller
        since v(1, 25, 0), picks [v(1, 24, 9)], briefly [], origin "#110721", closes [106710], known Run
        with "the 6 min timer forces detaches only on nodes that are not Ready"
        without "the 6 min timer forces detaches on healthy nodes too"

    ReaddToReportOnStatusUpdateFailure "readd_to_report_on_status_update_failure" Controller
        since v(1, 26, 0), picks [v(1, 25, 1), v(1, 24, 5), v(1, 23, 11), v(1, 22, 14)], briefly [], origin "#111205", closes [111000], known Run
        with "puts the volume back into the report when the node patch before its detach fails"
        without "leaves the volume out, so that a later patch publishes the removal without a detach"

    PendingOpExactMatchPreferred "pending_op_exact_match_preferred" Controller
        since v(1, 26, 0), picks [v(1, 25, 1), v(1, 24, 5), v(1, 23, 11)], briefly [], origin "#110951", closes [], known Run
        with "a running operation, then the very same key, answers for a key"
        without "the first entry that matches answers for a key"

    KubeletNewReconstruction "kubelet_new_reconstruction" Kubelet
        since v(1, 28, 0), picks [], briefly [(v(1, 27, 0), v(1, 27, 1))], origin "#113262, #115268, #117752, #123442", closes [], known Run
        with "takes what is on disk into the actual state at start, as uncertain, and mounts again without a verification"
        without "looks at the disk once after the desired state is filled"

    KubeletForgetsVanishedPods "kubelet_forgets_vanished_pods" Kubelet
        since v(1, 28, 0), picks [], briefly [], origin "#116833", closes [116831], known Run
        with "the populator forgets pods that are gone, whatever they left"
        without "the populator remembers a pod that was processed again after its volumes had gone"

    KubeletReconstructsEveryPod "kubelet_reconstructs_every_pod" Kubelet
        since v(1, 25, 0), picks [v(1, 24, 4)], briefly [], origin "#110670", closes [96635, 70044], known Thread
        with "takes over the mounts of all pods of a volume found on disk, those of wanted volumes as uncertain"
        without "takes over one pod's mount of each unwanted volume found on disk, other pods' mounts stay for good"

    KubeletReconstructedDeviceStaysUncertain "kubelet_reconstructed_device_stays_uncertain" Kubelet
        since v(1, 30, 0), picks [v(1, 29, 1), v(1, 28, 6), v(1, 27, 10), v(1, 26, 13)], briefly [], origin "#122211", closes [], known Run
        with "a staged volume found on disk stays uncertain when staging it again fails"
        without "a staged volume found on disk counts as not staged when staging it again fails"

    KubeletUncertainAttachability "kubelet_uncertain_attachability" Kubelet
        since v(1, 28, 0), picks [], briefly [], origin "#117804", closes [], known Code
        with "learns from the node's status whether a found volume is attachable"
        without "asks the plugin, which may hang the start"

    UnattachedListCorrect "unattached_list_correct" Kubelet
        since v(1, 26, 0), picks [], briefly [], origin "#112719", closes [], known Thread
        with "the time-out's list of unattached volumes holds those that are not attached"
        without "the time-out's list of unattached volumes holds all that are not mounted"

    ForcedMetricHasReason "forced_metric_has_reason" Controller
        since v(1, 28, 0), picks [], briefly [], origin "#119185", closes [], known Thread, told "recordings hold no metrics"
        with "the forced-detach metric tells the reason"
        without "the forced-detach metric only counts"

    DetachErrorMarksUncertain "detach_error_marks_uncertain" Controller
        since v(1, 29, 0), picks [v(1, 28, 3), v(1, 27, 7), v(1, 26, 10)], briefly [], origin "#120595", closes [120571, 109951], known Run
        with "a failed detach leaves the volume uncertain and out of the report"
        without "a failed detach is reported as attached again"

    DisableForceDetachFlag "disable_force_detach_flag" Controller
        since v(1, 30, 0), picks [], briefly [], origin "#120344", closes [], known Code
        with "disable-force-detach-on-timeout can switch the 6 min timer off"
        without "the 6 min timer always runs"

    InUseSetPerNode "in_use_set_per_node" Controller
        since v(1, 31, 0), picks [], briefly [], origin "#122411", closes [], known Run
        with "keeps each node's volumesInUse as a set, from the start on"
        without "keeps a mounted flag for each attached volume"

    PodDeleteTombstone "pod_delete_tombstone" Controller
        since v(1, 36, 0), picks [], briefly [], origin "#136701", closes [], known Code
        with "a pod deletion seen late still counts"
        without "a pod deletion seen late is left to the populator"

    NoKeepTerminatedVolumes "no_keep_terminated_volumes" Controller
        since v(1, 31, 0), picks [], briefly [], origin "#122082", closes [], known Code
        with "terminated pods always let their volumes go"
        without "the annotation keep-terminated-pod-volumes keeps terminated pods' volumes attached"

    KubeletCsiWaitSingleGet "kubelet_csi_wait_single_get" Kubelet
        since v(1, 32, 0), picks [], briefly [], origin "#126961", closes [], known Code
        with "looks at the VolumeAttachment once, and backs off"
        without "watches the VolumeAttachment for up to 10 min"

    KubeletRecheckDeviceBeforeDrop "kubelet_recheck_device_before_drop" Kubelet
        since v(1, 32, 0), picks [v(1, 31, 5), v(1, 30, 9)], briefly [], origin "#128219", closes [], known Run
        with "looks again before a volume leaves the actual state"
        without "may drop a volume that was staged meanwhile"

    KubeletSkipBusyVolumes "kubelet_skip_busy_volumes" Kubelet
        since v(1, 32, 0), picks [], briefly [], origin "", closes [], known Code
        with "leaves volumes with a running operation alone"
        without "tries to start operations that are refused"

    PodRejectedOnAttachLimit "pod_rejected_on_attach_limit" Kubelet
        since v(1, 35, 0), picks [], briefly [], origin "#132933, #130007", closes [], known Code, told "the kubelet's admission is not modelled; that a pod was rejected is read from its facts"
        with "rejects a pod when the driver has no room for its volume"
        without "waits for ever when the driver has no room for the volume"

    AttachEventAfterMark "attach_event_after_mark" Controller
        since v(1, 36, 0), picks [], briefly [], origin "#129664", closes [], known Changelog
        with "tells of a success after the actual state has it"
        without "tells of a success before the actual state has it"

    MarkAttachedByName "mark_attached_by_name" Controller
        since v(1, 36, 0), picks [], briefly [], origin "#129664", closes [129572], known Changelog
        with "marks the attached volume by the name it was started with"
        without "computes the name again, which fails when the driver no longer attaches: the attachment leaks"

    NoMountAssumedAtAttach "no_mount_assumed_at_attach" Controller
        since v(1, 37, 0), picks [], briefly [], origin "#141385", closes [], known Thread
        with "a newly attached volume does not count as mounted"
        without "a newly attached volume counts as mounted until the node says otherwise"

    VaWalkTakesNonAttachable "va_walk_takes_non_attachable" Controller
        since v(1, 37, 0), picks [], briefly [], origin "#141158", closes [], known Thread
        with "the walk at start takes attachments of drivers that no longer attach"
        without "the walk at start skips attachments of drivers that no longer attach"

    PatchNotUpdate "patch_not_update" Attacher
        since v(2, 0, 0), picks [], briefly [], origin "external-attacher#177", closes [], known Changelog, told "nobody writes an attachment in the model while the attacher does"
        with "patches VolumeAttachments"
        without "updates VolumeAttachments, conflicts and all"

    NotfoundIsError "notfound_is_error" Attacher
        since v(2, 0, 0), picks [], briefly [], origin "external-attacher#177", closes [], known Changelog
        with "NotFound from the driver's detach is an error"
        without "NotFound from the driver's detach counts as detached"

    ListVolumesReconcile "list_volumes_reconcile" Attacher
        since v(2, 1, 0), picks [], briefly [], origin "external-attacher#184", closes [], known Changelog
        with "compares attachments with the driver's ListVolumes every minute"
        without "trusts the attachments' status"

    StatusSubresource "status_subresource" Attacher
        since v(3, 0, 0), picks [], briefly [], origin "", closes [], known Code
        with "writes an attachment's status apart from its finalizer"
        without "takes the finalizer away and writes the status in one go"

    DetachNodeidFromVa "detach_nodeid_from_va" Attacher
        since v(3, 2, 0), picks [], briefly [], origin "external-attacher#299", closes [], known Changelog
        with "detaches by the node ID in the VolumeAttachment when the CSINode lacks the driver"
        without "cannot detach when the CSINode lacks the driver"

    ManagedFieldsIgnored "managed_fields_ignored" Attacher
        since v(3, 4, 0), picks [], briefly [], origin "external-attacher#338", closes [], known Code
        with "an attachment of which only managedFields and errors changed is not worked on again"
        without "its own write of an error may bring the attachment back at once, past the back-off"

    FinalizerRemovedFirst "finalizer_removed_first" Attacher
        since v(4, 9, 0), picks [v(4, 8, 1)], briefly [], origin "external-attacher#624", closes [], known Changelog
        with "removes the finalizer, then writes the status"
        without "writes the status, then removes the finalizer, and may unpublish twice"

    AttachErrorCode "attach_error_code" Attacher
        since v(4, 12, 0), picks [], briefly [], origin "external-attacher#662", closes [], known Changelog, told "what is written; the text of attachError is read either way"
        with "writes the gRPC code into attachError"
        without "writes only the text into attachError (4.10, 4.11: unless the gate MutableCSINodeAllocatableCount is on)"
}
