//! The kinds of facts, one name each: the name that the message catalogue gives a log line, or the API write it is.
//!
//! In: nothing. Out: [`Kind`] and its names. One list, so that a kind can neither be misspelt nor forgotten.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

macro_rules! kinds {
    ($($variant:ident => $name:literal),* $(,)?) => {
        /// What a fact states. Names are those of the message catalogue.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[allow(missing_docs, reason = "each variant's name is its meaning; the message table shows the text behind it")]
        pub enum Kind { $($variant),* }

        impl Kind {
            /// All kinds, in the order of their declaration.
            pub const ALL: &'static [Kind] = &[$(Kind::$variant),*];

            /// The kind's name, `detach_started`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Kind::$variant => $name),* }
            }

            /// The kind of that name.
            #[must_use]
            pub fn named(name: &str) -> Option<Kind> {
                match name { $($name => Some(Kind::$variant),)* _ => None }
            }
        }
    };
}

kinds! {
    // Log lines of the machinery, by the catalogue's names.
    AdcStarted => "adc_started",
    AdcStopping => "adc_stopping",
    ApiThrottled => "api_throttled",
    AswAlreadyListed => "asw_already_listed",
    AttachFailed => "attach_failed",
    AttachMarkFailed => "attach_mark_failed",
    AttachOk => "attach_ok",
    AttachSetupFailed => "attach_setup_failed",
    AttachSkippedBusy => "attach_skipped_busy",
    AttachStartFailed => "attach_start_failed",
    AttachStarted => "attach_started",
    AttachStarting => "attach_starting",
    AttachTouched => "attach_touched",
    ControllerStarted => "controller_started",
    CsiDriverRegistered => "csi_driver_registered",
    CsiPublished => "csi_published",
    CsiStageCall => "csi_stage_call",
    CsiStaged => "csi_staged",
    CsiUnpublished => "csi_unpublished",
    CsiUnstageCall => "csi_unstage_call",
    CsiUnstaged => "csi_unstaged",
    DetachBlockedMounted => "detach_blocked_mounted",
    DetachFailed => "detach_failed",
    DetachForcedOutOfService => "detach_forced_out_of_service",
    DetachForcedTimeout => "detach_forced_timeout",
    DetachOk => "detach_ok",
    DetachRefusedInUse => "detach_refused_in_use",
    DetachSetupFailed => "detach_setup_failed",
    DetachSkippedAlreadyDetached => "detach_skipped_already_detached",
    DetachSkippedBusy => "detach_skipped_busy",
    DetachStartFailed => "detach_start_failed",
    DetachStarted => "detach_started",
    DetachStarting => "detach_starting",
    DetachTimerFailed => "detach_timer_failed",
    DetachTimerResetFailed => "detach_timer_reset_failed",
    DetachTimerSet => "detach_timer_set",
    DetachVerifiedSafe => "detach_verified_safe",
    DetachVerifyNodeGetFailed => "detach_verify_node_get_failed",
    DetachVerifyNodeMissing => "detach_verify_node_missing",
    DswPodAddFailed => "dsw_pod_add_failed",
    DswPodNodeUnmanaged => "dsw_pod_node_unmanaged",
    DswPodRemoved => "dsw_pod_removed",
    DswPopulatorWaits => "dsw_populator_waits",
    DswVolumeNotAttachable => "dsw_volume_not_attachable",
    EaAlreadyAttached => "ea_already_attached",
    EaAlreadyDetached => "ea_already_detached",
    EaAttachErrorSaved => "ea_attach_error_saved",
    EaAttachOp => "ea_attach_op",
    EaAttached => "ea_attached",
    EaAttaching => "ea_attaching",
    EaDetachErrorSaved => "ea_detach_error_saved",
    EaDetachOp => "ea_detach_op",
    EaDetached => "ea_detached",
    EaDetaching => "ea_detaching",
    EaDriver => "ea_driver",
    EaError => "ea_error",
    EaFullyAttached => "ea_fully_attached",
    EaFullyDetached => "ea_fully_detached",
    EaGrpcCall => "ea_grpc_call",
    EaGrpcRequest => "ea_grpc_request",
    EaGrpcResponse => "ea_grpc_response",
    EaMarkAttached => "ea_mark_attached",
    EaMarkDetached => "ea_mark_detached",
    EaNodeId => "ea_node_id",
    EaPv => "ea_pv",
    EaPvFinalizer => "ea_pv_finalizer",
    EaReconcileMismatch => "ea_reconcile_mismatch",
    EaReconcileVa => "ea_reconcile_va",
    EaStarted => "ea_started",
    EaStopping => "ea_stopping",
    EaVaFinalizer => "ea_va_finalizer",
    EaVaFinished => "ea_va_finished",
    EaVaGone => "ea_va_gone",
    EaVaIgnoredChange => "ea_va_ignored_change",
    EaVaStarted => "ea_va_started",
    EaVersion => "ea_version",
    EventLogged => "event_logged",
    EventWriteFailed => "event_write_failed",
    FlagSet => "flag_set",
    ForceDetachDisabled => "force_detach_disabled",
    KubeletAttachFailed => "kubelet_attach_failed",
    KubeletAttachStarted => "kubelet_attach_started",
    KubeletAttachabilityChanged => "kubelet_attachability_changed",
    KubeletDetachStarted => "kubelet_detach_started",
    KubeletDeviceMountFailed => "kubelet_device_mount_failed",
    KubeletDeviceMounted => "kubelet_device_mounted",
    KubeletDeviceUnmountFailed => "kubelet_device_unmount_failed",
    KubeletDeviceUnmountStartFailed => "kubelet_device_unmount_start_failed",
    KubeletDeviceUnmountStarted => "kubelet_device_unmount_started",
    KubeletDeviceUnmountStarting => "kubelet_device_unmount_starting",
    KubeletDeviceUnmounted => "kubelet_device_unmounted",
    KubeletDevicepathFromStatus => "kubelet_devicepath_from_status",
    KubeletDswAddFailed => "kubelet_dsw_add_failed",
    KubeletDswAdded => "kubelet_dsw_added",
    KubeletDswRemoved => "kubelet_dsw_removed",
    KubeletMarkFailed => "kubelet_mark_failed",
    KubeletMarkUncertain => "kubelet_mark_uncertain",
    KubeletMountFailed => "kubelet_mount_failed",
    KubeletMountStartFailed => "kubelet_mount_start_failed",
    KubeletMountStarted => "kubelet_mount_started",
    KubeletMountStarting => "kubelet_mount_starting",
    KubeletMountTimeoutPod => "kubelet_mount_timeout_pod",
    KubeletMounted => "kubelet_mounted",
    KubeletNotInUseYet => "kubelet_not_in_use_yet",
    KubeletNotReportedYet => "kubelet_not_reported_yet",
    KubeletOrphanCleanup => "kubelet_orphan_cleanup",
    KubeletPopulatorStarted => "kubelet_populator_started",
    KubeletReconstructStarted => "kubelet_reconstruct_started",
    KubeletReconstructed => "kubelet_reconstructed",
    KubeletSyncFailed => "kubelet_sync_failed",
    KubeletSyncLoop => "kubelet_sync_loop",
    KubeletUnmountFailed => "kubelet_unmount_failed",
    KubeletUnmountStartFailed => "kubelet_unmount_start_failed",
    KubeletUnmountStarted => "kubelet_unmount_started",
    KubeletUnmountStarting => "kubelet_unmount_starting",
    KubeletUnmounted => "kubelet_unmounted",
    KubeletVerifyFailed => "kubelet_verify_failed",
    KubeletVerifyOk => "kubelet_verify_ok",
    KubeletVerifyStarted => "kubelet_verify_started",
    KubeletVerifyStarting => "kubelet_verify_starting",
    KubeletVolumeDropped => "kubelet_volume_dropped",
    KubeletVolumeManagerStarted => "kubelet_volume_manager_started",
    KubeletVolumesFailedEvent => "kubelet_volumes_failed_event",
    KubeletVolumesReady => "kubelet_volumes_ready",
    KubeletVolumesTimeout => "kubelet_volumes_timeout",
    KubeletVolumesUnmounted => "kubelet_volumes_unmounted",
    KubeletWaitAttachEnter => "kubelet_wait_attach_enter",
    KubeletWaitAttachFailed => "kubelet_wait_attach_failed",
    KubeletWaitAttachOk => "kubelet_wait_attach_ok",
    KubeletWaitUnmount => "kubelet_wait_unmount",
    KubeletWaitVolumes => "kubelet_wait_volumes",
    LeaderAcquired => "leader_acquired",
    LeaderAttempting => "leader_attempting",
    LeaderEvent => "leader_event",
    LeaderHeldByOther => "leader_held_by_other",
    LeaderLost => "leader_lost",
    LeaderRenewFailed => "leader_renew_failed",
    LeaderUpdateFailed => "leader_update_failed",
    MarkUncertainFailed => "mark_uncertain_failed",
    MasterDisruption => "master_disruption",
    MountedFlagSet => "mounted_flag_set",
    MountedFlagSetFailed => "mounted_flag_set_failed",
    MultiAttachBlocked => "multi_attach_blocked",
    NodeBecameNotReady => "node_became_not_ready",
    NodeCmadSet => "node_cmad_set",
    NodeDeleteDswFailed => "node_delete_dsw_failed",
    NodeHealthUnknown => "node_health_unknown",
    NodeHealthyAgain => "node_healthy_again",
    NodeHeartbeatMissed => "node_heartbeat_missed",
    NodeNotReadyEvent => "node_not_ready_event",
    NodeObservedDeleted => "node_observed_deleted",
    NodeObservedNew => "node_observed_new",
    NodeOutOfServiceSeen => "node_out_of_service_seen",
    NodeReadyTransition => "node_ready_transition",
    NodeRegistered => "node_registered",
    NodeStatusEvent => "node_status_event",
    NodeStatusUpdateFailed => "node_status_update_failed",
    NodeTaintedNotReady => "node_tainted_not_ready",
    NodeTaintedUnreachable => "node_tainted_unreachable",
    NodeVolumesInUseRead => "node_volumes_in_use_read",
    OpBackoff => "op_backoff",
    PodTerminatedVolumesWait => "pod_terminated_volumes_wait",
    PodVolumesUnmounted => "pod_volumes_unmounted",
    PodgcForceDeleted => "podgc_force_deleted",
    PodgcOrphanFound => "podgc_orphan_found",
    PodgcOutOfService => "podgc_out_of_service",
    ProcessVersion => "process_version",
    PvcSync => "pvc_sync",
    PvcSyncFailed => "pvc_sync_failed",
    ReportAdd => "report_add",
    ReportAddNode => "report_add_node",
    ReportAddNotAttached => "report_add_not_attached",
    ReportFlagFailed => "report_flag_failed",
    ReportRemoveFailed => "report_remove_failed",
    StartAswPopulate => "start_asw_populate",
    StartAswPopulateFailed => "start_asw_populate_failed",
    StartDswPopulate => "start_dsw_populate",
    StartDswPopulateFailed => "start_dsw_populate_failed",
    StartDswVolumeAttached => "start_dsw_volume_attached",
    StartMarkAttachedFailed => "start_mark_attached_failed",
    StartSpecFailed => "start_spec_failed",
    StartVaListFailed => "start_va_list_failed",
    StartVaMarkedUncertain => "start_va_marked_uncertain",
    StartVaSkipped => "start_va_skipped",
    StatusListerFailed => "status_lister_failed",
    StatusNodeGone => "status_node_gone",
    StatusNodeNotInCache => "status_node_not_in_cache",
    StatusPatchFailed => "status_patch_failed",
    StatusPatched => "status_patched",
    StatusUpdateBlockedDetach => "status_update_blocked_detach",
    StatusUpdateFailed => "status_update_failed",
    SyncFailed => "sync_failed",
    SyncNilSpec => "sync_nil_spec",
    SyncSkipped => "sync_skipped",
    SyncStarted => "sync_started",
    SyncVaProbe => "sync_va_probe",
    SyncVaStatus => "sync_va_status",
    SyncVolumeLost => "sync_volume_lost",
    TaintPodDeleted => "taint_pod_deleted",
    TaintPodMarked => "taint_pod_marked",
    VaAttachDone => "va_attach_done",
    VaAttachError => "va_attach_error",
    VaBeingDeleted => "va_being_deleted",
    VaCreateFailed => "va_create_failed",
    VaCreated => "va_created",
    VaDeleteFailed => "va_delete_failed",
    VaDeletedByController => "va_deleted_by_controller",
    VaDetachError => "va_detach_error",
    VaDriverNameUnknown => "va_driver_name_unknown",
    VaExists => "va_exists",
    VaGetError => "va_get_error",
    VaGone => "va_gone",
    VaHasBeenDeleted => "va_has_been_deleted",
    VaNotAttachedKubelet => "va_not_attached_kubelet",
    VaProbe => "va_probe",
    VaWaitTimeout => "va_wait_timeout",
    VaWatchClosed => "va_watch_closed",
    WatchFailed => "watch_failed",
    ZoneState => "zone_state",
    // API writes, from the audit log.
    NodeCreated => "node_created",
    NodeDeleted => "node_deleted",
    NodePatched => "node_patched",
    NodeStatusPatched => "node_status_patched",
    PodCreated => "pod_created",
    PodBound => "pod_bound",
    PodDeleted => "pod_deleted",
    PodEvicted => "pod_evicted",
    PodPatched => "pod_patched",
    PodStatusPatched => "pod_status_patched",
    VaApiCreated => "va_api_created",
    VaApiDeleted => "va_api_deleted",
    VaPatched => "va_patched",
    VaStatusPatched => "va_status_patched",
    VaCollectionDeleted => "va_collection_deleted",
    PvWritten => "pv_written",
    PvDeleted => "pv_deleted",
    PvcWritten => "pvc_written",
    PvcDeleted => "pvc_deleted",
    CsinodeWritten => "csinode_written",
    CsinodeDeleted => "csinode_deleted",
    CsidriverWritten => "csidriver_written",
    CsidriverDeleted => "csidriver_deleted",
    LeaseWritten => "lease_written",
    EventRecorded => "event_recorded",
    // Objects and releases, as dumps have them.
    NodeSeen => "node_seen",
    PodSeen => "pod_seen",
    VaSeen => "va_seen",
    VaLineSeen => "va_line_seen",
    PvSeen => "pv_seen",
    PvcSeen => "pvc_seen",
    CsinodeSeen => "csinode_seen",
    CsidriverSeen => "csidriver_seen",
    ClusterSeen => "cluster_seen",
    EventSeen => "event_seen",
    ReleaseSeen => "release_seen",
    // Lines that the catalogue has no name for.
    KubeletStarted => "kubelet_started",
    ProcessStarted => "process_started",
    ProcessStopped => "process_stopped",
    PodScheduled => "pod_scheduled",
    PodNotSchedulable => "pod_not_schedulable",
    PodMarkedForDeletion => "pod_marked_for_deletion",
    PodControllerEvent => "pod_controller_event",
    NodeLost => "node_lost",
    VaListed => "va_listed",
    CsiCallFailed => "csi_call_failed",
    DriverLog => "driver_log",
    OtherRelevant => "other_relevant",
}

impl Kind {
    /// Whether it is an object as a dump has it: it tells what was at the end, and has no time of its own.
    #[must_use]
    pub const fn is_dump(self) -> bool {
        matches!(
            self,
            Kind::NodeSeen
                | Kind::PodSeen
                | Kind::VaSeen
                | Kind::PvSeen
                | Kind::PvcSeen
                | Kind::CsinodeSeen
                | Kind::CsidriverSeen
                | Kind::ClusterSeen
        )
    }
}

impl Serialize for Kind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Kind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Kind, D::Error> {
        let name = <Cow<'de, str>>::deserialize(deserializer)?;
        Kind::named(&name).ok_or_else(|| de::Error::custom(format_args!("no fact is called {name}")))
    }
}

#[cfg(test)]
mod tests {
    use super::Kind;

    #[test]
    fn every_kind_is_found_by_its_name() {
        for kind in Kind::ALL {
            assert_eq!(Kind::named(kind.name()), Some(*kind));
        }
    }
}
