//! Mechanisms of the controller's start: what a restart or a change of leader forgets, and what it believes too much.

use super::Class::{Dead, Live, Slow, Unsafe};
use super::{BLANK, Fix, Mechanism, Shape, harms, heals, v, vain};
use crate::model::profile::Behaviour;

pub const ROWS: &[Mechanism] = &[
    Mechanism {
        name: "kcm-restart-forgets-started-detach",
        title: "The report is emptied before a detach runs; a controller that restarts in between knows nothing of the \
                volume any more.",
        headline: "{volume} is still attached to {node}, but the restarted controller does not know it: {pod} can't have \
                   it elsewhere.",
        shape: Shape::AttachmentForgotten,
        classes: &[Dead, Slow],
        states: "controller DETACHED, not reported; VolumeAttachment and storage attached",
        how: "The volume leaves the report, the detach is under way or has failed, the leader is lost. The new one \
              starts from the nodes' reports and does not see the volume; a pod elsewhere gets the storage's refusal.",
        evidence: "DetachVolume started without an end; leaderelection lost and became leader; then \
                   AttachVolume.Attach failed: already attached, in use. Two VolumeAttachments for one PV.",
        recognised: "Right after a start a VolumeAttachment exists that the controller neither holds nor attaches. With \
                     the walk over VolumeAttachments it is not forgotten but late: uncertain and assumed mounted until \
                     the node's next status, up to 5 minutes.",
        affects: "Kubernetes up to 1.18.15, 1.19.7 and 1.20.2 with CSI; in-tree plugins for ever",
        fix: Fix::By(Behaviour::VaWalkAtStart),
        issues: &[
            "kubernetes/kubernetes#96617",
            "kubernetes/kubernetes#92145",
            "kubernetes/kubernetes#81097",
            "kubernetes/kubernetes#77324",
            "kubernetes/kubernetes#80488",
        ],
        acts: &[
            heals(
                "delete-va",
                "low while the old node has no mount: the attacher does the detach",
            ),
            vain("restart-controller", "it starts from the same report"),
        ],
        advice: "A pod that uses the volume on the old node and is then deleted also ends it.",
        ..BLANK
    },
    Mechanism {
        name: "kcm-restart-during-attach-leaves-dangling",
        title: "An attach ends, the controller dies before it writes the report, and the pod is deleted meanwhile.",
        headline: "{volume} is attached to {node} for a pod that is gone, and the restarted controller does not know it.",
        shape: Shape::AttachmentForgotten,
        classes: &[Dead],
        states: "not wanted, controller DETACHED; VolumeAttachment and storage attached",
        how: "The new leader starts from reports in which the volume never stood.",
        evidence: "AttachVolume started without an end in the old leader's log; the pod's DELETE in the gap; the new \
                   leader never mentions the volume until the next pod.",
        recognised: "As kcm-restart-forgets-started-detach, with an attach under way when the controller stopped.",
        affects: "Kubernetes up to 1.18.15, 1.19.7 and 1.20.2",
        fix: Fix::By(Behaviour::VaWalkAtStart),
        issues: &[
            "kubernetes/kubernetes#94912",
            "kubernetes/kubernetes#44858",
            "kubernetes/kubernetes#96617",
        ],
        acts: &[heals("delete-va", "low while the node has no mount")],
        ..BLANK
    },
    Mechanism {
        name: "leader-change-leaves-intree-attach-wedged",
        title: "The new leader can't finish the in-tree EBS attach that the old one began.",
        shape: Shape::Outside,
        classes: &[Dead],
        states: "wanted, controller nothing; storage attaching under another device",
        how: "The half-done attach belongs to a process that is gone.",
        evidence: "AttachVolume started by two processes; then failures with a growing durationBeforeRetry.",
        recognised: "The first process' attach has no end; the second one's fails with the driver's answer.",
        affects: "in-tree aws-ebs, Kubernetes 1.16 to 1.18",
        issues: &["kubernetes/kubernetes#93090"],
        acts: &[heals("delete-pod-other-node", "none")],
        advice: "Or detach the volume in the cloud.",
        not_visible: Some(
            "An in-tree plugin attaches without a VolumeAttachment, so that nothing shows what the old \
             leader's call came to; what a report can say is that the driver refuses. Ask the cloud where \
             and as which device the disk is attached.",
        ),
        ..BLANK
    },
    Mechanism {
        name: "va-walk-detaches-migrated-live-volume",
        title: "The walk at start computes the in-tree name of a migrated volume, finds it unwanted and detaches a disk \
                in use.",
        headline: "{volume} was detached from {node} under the running {pod}: the controller took its in-tree name for \
                   another volume.",
        shape: Shape::NameSplit,
        classes: &[Unsafe, Live],
        states: "in-tree name: uncertain, not wanted; CSI name: attached, wanted, mounted; storage DETACHED",
        how: "With CSI migration on, a controller starts, walks the VolumeAttachments, and after a node event or 6 \
              minutes detaches by the in-tree name. The attacher attaches again, but the mounts are dead.",
        evidence: "Right after a start DetachVolume started for an in-tree name while the node reports the CSI name; the \
                   attacher's forced reprocessing; I/O errors, file systems read-only.",
        recognised: "A detach of a disk whose other name is wanted and in use.",
        affects: "Kubernetes with migration from 1.18.16, 1.19.8, 1.20.3 and 1.21.0 on; never fixed in 1.18",
        since: Some(v(1, 18, 16)),
        fix: Fix::By(Behaviour::VaWalkTranslatesMigrated),
        issues: &[
            "kubernetes/kubernetes#101423",
            "kubernetes/kubernetes#101737",
            "kubernetes/kubernetes#102176",
            "kubernetes/kubernetes#104169",
            "kubernetes/cloud-provider-openstack#1531",
        ],
        acts: &[
            heals("delete-pod-same-node", "check the file system first"),
            harms("restart-controller", "each start walks again"),
        ],
        not_visible: Some(
            "The detach goes by the in-tree name and the mount by the CSI name, and adtrace does not \
             translate one into the other. Look for DetachVolume of kubernetes.io/<in-tree plugin>/… after \
             the controller's start while the node's volumesInUse lists the same disk as \
             kubernetes.io/csi/….",
        ),
        ..BLANK
    },
    Mechanism {
        name: "csi-migration-populate-race-detaches-live-volume",
        title: "Pods are left out at start because their driver is not in the CSINode yet, and their volumes are detached.",
        headline: "{volume} on {node} is no longer wanted although {pod} runs there: its driver was not registered when \
                   the controller started.",
        shape: Shape::WishWrong,
        classes: &[Unsafe],
        states: "NOT wanted although a pod runs; controller attached, mounted",
        how: "The controller starts while migration is on for the node and the CSI driver is not registered.",
        evidence: "Error creating spec for volume … is migrated on node but driver is not installed; then DetachVolume \
                   started.",
        recognised: "A running pod whose volume is not wanted for a stated reason, then a detach of it.",
        affects: "the migration period of each plugin, Kubernetes 1.17 on; no clean fix is known",
        since: Some(v(1, 17, 0)),
        issues: &["kubernetes/kubernetes#115297"],
        acts: &[heals(
            "restart-controller",
            "after the driver is registered on the node",
        )],
        not_visible: Some(
            "Whether a pod's volume was left out at start for the missing driver stands in a line that only \
             migrated in-tree volumes have, and adtrace does not translate in-tree names into CSI names. \
             Look for \"is migrated on node\" right after the controller's start, and for a detach after it.",
        ),
        ..BLANK
    },
    Mechanism {
        name: "csi-migration-name-flip-reattaches",
        title: "A kubelet upgraded to migration makes one disk wanted under its CSI name while it is attached under the \
                in-tree one.",
        shape: Shape::NameSplit,
        classes: &[Unsafe, Live],
        states: "in-tree name: attached, not wanted; CSI name: wanted, not attached",
        how: "The node changes over without a drain; the disk is detached and attached under the running pod.",
        evidence: "A detach by the in-tree name and an attach by the CSI name of one disk within a pass.",
        recognised: "One disk leaves under one name and comes under another while it is mounted.",
        affects: "any node that changes to migration without a drain",
        issues: &["kubernetes/kubernetes#98687", "kubernetes-sigs/aws-ebs-csi-driver#721"],
        advice: "Restart the pod to mount again. Drain nodes before such an upgrade.",
        not_visible: Some(
            "A bundle shows two volumes, one under the in-tree name and one under the CSI name: adtrace does \
             not translate one into the other, so that the detach and the attach look like two stories. \
             Compare the in-tree volume's ID with the CSI handle, and the time of the kubelet's upgrade.",
        ),
        ..BLANK
    },
    Mechanism {
        name: "kcm-restart-resets-force-detach-timer",
        title: "Every restart or change of leader starts the 6 minutes before a forced detach anew.",
        headline: "{volume} stays attached to the lost {node} longer than 6 minutes: each start of the controller began \
                   the wait anew.",
        shape: Shape::Late,
        classes: &[Slow],
        states: "not wanted on the dead node, in use; wanted elsewhere",
        how: "The timer lives in the process: it begins at the first idle pass in which the volume is not wanted.",
        evidence: "Several became leader; no force detaching 6 minutes after the volume was let go.",
        recognised: "The forced detach comes within 6 minutes of the last start, but later than 6 minutes after the wish \
                     went.",
        affects: "all releases",
        acts: &[
            heals("out-of-service-taint", "only when the node is surely off"),
            harms("restart-controller", "it starts the 6 minutes once more"),
        ],
        advice: "A stable leader is what ends it.",
        ..BLANK
    },
    Mechanism {
        name: "dead-pod-kept-in-desired-by-start-up-race",
        title: "The controller lists a pod at start whose delete event it handled a moment before, and keeps the ghost.",
        shape: Shape::WishWrong,
        classes: &[Slow, Dead],
        states: "WANTED by a ghost; its VolumeAttachment keeps the volume from other nodes",
        how: "List and event race at start-up.",
        evidence: "AttachVolume started for a pod that the audit log shows deleted; a Multi-Attach error that names a \
                   pod which does not exist.",
        recognised: "A wish whose pod was deleted before the wish was made.",
        affects: "Kubernetes 1.1x; bounded by the populator since, one volume a minute",
        issues: &["kubernetes/kubernetes#81078", "kubernetes/kubernetes#34242"],
        acts: &[heals("restart-controller", "none")],
        ..BLANK
    },
    Mechanism {
        name: "dead-pod-drops-one-volume-per-minute",
        title: "A pod with n volumes whose claims are gone needs up to n minutes until none of them is wanted.",
        shape: Shape::Late,
        classes: &[Slow],
        states: "WANTED by a pod that is gone",
        how: "The populator drops one volume of such a pod in each of its passes.",
        evidence: "DetachVolume started for one pod's volumes, a minute apart.",
        recognised: "Wishes of one dead pod end at steps of a minute.",
        affects: "all releases",
        acts: &[heals("wait", "none")],
        ..BLANK
    },
];
