//! Mechanisms of the `VolumeAttachment` and the external-attacher.

use super::Class::{Dead, Live, Slow, Unsafe};
use super::{BLANK, Fix, Mechanism, Shape, harms, heals, v, vain};
use crate::model::profile::Behaviour;

pub const ROWS: &[Mechanism] = &[
    Mechanism {
        name: "va-detach-blocked-by-missing-pv",
        title: "The VolumeAttachment is being deleted, but its PersistentVolume is gone, so the attacher can never ask \
                for the detach.",
        headline: "{volume} can't be detached from {node}: its PersistentVolume is gone, and the attacher needs it.",
        shape: Shape::AttachmentForgotten,
        classes: &[Dead],
        states: "VolumeAttachment DETACHING without end; PV gone; storage attached or already deleted",
        how: "The PV is deleted by force or loses its finalizer; then the VolumeAttachment is deleted, and each retry \
              of the attacher looks for the PV in vain.",
        evidence: "The attacher: failed to detach: persistentvolume not found, for days; the same text as detachError.",
        recognised: "A VolumeAttachment is being deleted beyond every bound, the attacher lives, and the driver is \
                     never called.",
        affects: "all attachers; the PV's finalizer prevents it unless somebody strips it",
        issues: &[
            "kubernetes-csi/external-attacher#235",
            "kubernetes-sigs/aws-ebs-csi-driver#1395",
            "longhorn/longhorn#2519",
        ],
        acts: &[heals(
            "strip-va-finalizer",
            "the storage may stay attached: look there first",
        )],
        advice: "Safer: create a PersistentVolume of that name and handle again.",
        ..BLANK
    },
    Mechanism {
        name: "va-of-deleting-pv-blocks-both",
        title: "A PersistentVolume already marked for deletion gets a VolumeAttachment that can never attach, and each \
                keeps the other.",
        shape: Shape::AttachmentForgotten,
        classes: &[Dead, Live],
        states: "VolumeAttachment requested, never attached; PV being deleted",
        how: "The attacher refuses to attach a volume that is going; the VolumeAttachment stays without finalizer, the \
              PV keeps the attacher's.",
        evidence: "attachError: PersistentVolume is marked for deletion.",
        recognised: "A VolumeAttachment that no pod wants and the controller does not delete.",
        affects: "all attachers; the refusal is by design",
        issues: &["kubernetes-csi/external-attacher#66", "kubernetes/kubernetes#69697"],
        acts: &[heals("delete-va", "none: it never attached")],
        ..BLANK
    },
    Mechanism {
        name: "va-bound-to-deleted-pv-with-same-handle",
        title: "A new PersistentVolume for the same handle meets the VolumeAttachment of the old one, whose name is a hash \
                of handle, driver and node.",
        headline: "{pod} can't start on {node}: {volume} meets a VolumeAttachment of that name that belongs to an older \
                   PersistentVolume.",
        shape: Shape::AttachmentImagined,
        classes: &[Dead],
        states: "wanted; VolumeAttachment requested for ANOTHER PV",
        how: "PVs of one handle are made under new names; the old VolumeAttachment was never attached and stays.",
        evidence: "timed out waiting for external-attacher, or an echo of marked for deletion; the VolumeAttachment \
                   names another PV than the pod's.",
        recognised: "The attach waits for a VolumeAttachment whose source is not its PV.",
        affects: "all of Kubernetes to 1.36, with PVs provisioned by hand",
        issues: &["kubernetes/kubernetes#141541"],
        acts: &[heals("delete-va", "low: it never attached")],
        ..BLANK
    },
    Mechanism {
        name: "va-hard-deleted-while-finalizer-was-added",
        title: "The DELETE and the attacher's finalizer race in the API server: both succeed, the object is gone, the \
                disk attached.",
        headline: "{volume} is attached to {node}, but its VolumeAttachment vanished while its finalizer was added.",
        shape: Shape::AttachmentForgotten,
        classes: &[Dead],
        states: "controller detached, VolumeAttachment NONE; storage ATTACHED",
        how: "A slow attach, the pod goes, the detach deletes the VolumeAttachment within some 20 ms of the attacher's \
              patch; the driver's attach ends with success into nothing.",
        evidence: "PATCH 200 and DELETE 200 within milliseconds; the DELETE's answer without finalizer; the attacher: \
                   Error processing … not found; the driver is never asked to detach.",
        recognised: "A VolumeAttachment with the attacher's finalizer vanishes without a call to detach.",
        affects: "all releases; several API servers make it likelier",
        issues: &[
            "kubernetes/kubernetes#124749",
            "kubernetes/kubernetes#77988",
            "kubernetes/kubernetes#110521",
            "kubernetes/kubernetes#129584",
            "kubernetes/kubernetes#133979",
        ],
        advice: "Run a pod with that volume on the same node and delete it, or detach in the storage.",
        ..BLANK
    },
    Mechanism {
        name: "va-without-finalizer-detach-without-driver-call",
        title: "A VolumeAttachment without the attacher's finalizer vanishes at its DELETE, and the controller calls that \
                a detach.",
        headline: "{volume} counts as detached from {node} although the driver was never asked: its VolumeAttachment \
                   had no finalizer.",
        shape: Shape::AttachmentForgotten,
        classes: &[Dead],
        states: "controller detached, VolumeAttachment NONE; storage ATTACHED",
        how: "The finalizer was never added, or was stripped.",
        evidence: "DetachVolume.Detach succeeded within milliseconds of its start; the attacher never says Detaching.",
        recognised: "A detach succeeds with no step of attacher or driver in between.",
        affects: "all releases; after scripts that strip finalizers, and seen on vSphere without a known cause",
        issues: &["kubernetes/kubernetes#116663"],
        advice: "Detach in the storage.",
        ..BLANK
    },
    Mechanism {
        name: "va-left-after-reported-detach-success",
        title: "The controller reports a detach as done, and the VolumeAttachment stays attached.",
        headline: "{volume} counts as detached from {node}, but its VolumeAttachment is still there and attached.",
        shape: Shape::AttachmentForgotten,
        classes: &[Dead],
        states: "not wanted, controller detached; VolumeAttachment ATTACHED",
        how: "Not established upstream. Candidates: a verification that fails and is never retried, a second name of \
              the volume, a volume forgotten after the minutely check.",
        evidence: "DetachVolume.Detach succeeded, or one lone failure; no DELETE of the VolumeAttachment by the \
                   controller.",
        recognised: "A VolumeAttachment exists that the controller neither holds nor attaches, and no step of the run \
                     explains it.",
        affects: "seen on Kubernetes 1.19 with attacher 3.0, and on a release with contextual logs",
        issues: &["kubernetes/kubernetes#97230", "kubernetes/kubernetes#131410"],
        acts: &[heals(
            "delete-va",
            "low while the node has no mount: the attacher does the detach",
        )],
        ..BLANK
    },
    Mechanism {
        name: "detach-needs-node-id-of-lost-node",
        title: "The attacher can't find the node's ID, because Node or CSINode is gone or not registered yet.",
        headline: "{volume} can't be detached from {node}: the attacher no longer finds {node}'s ID.",
        shape: Shape::InUsePinned,
        classes: &[Dead, Live],
        states: "VolumeAttachment DETACHING with an error; storage detached, or attached to a dead machine",
        how: "The node is deleted or made anew before its attachments ended.",
        evidence: "detachError: csinode not found, has no NodeID annotation, or CSINode does not contain driver.",
        recognised: "A VolumeAttachment is being deleted, the attacher lives, there is no CSINode, and the driver is \
                     never called.",
        affects: "external-attacher up to 3.1",
        fix: Fix::By(Behaviour::DetachNodeidFromVa),
        issues: &[
            "kubernetes/kubernetes#67853",
            "kubernetes/kubernetes#72335",
            "kubernetes-csi/external-attacher#215",
            "kubernetes-csi/external-attacher#102",
            "kubernetes-sigs/vsphere-csi-driver#221",
        ],
        acts: &[heals("strip-va-finalizer", "only when the machine is surely gone")],
        advice: "It ends too when the node comes back and its driver registers.",
        ..BLANK
    },
    Mechanism {
        name: "node-recreated-va-says-attached",
        title: "The machine was replaced under the same node name: the VolumeAttachment says attached, the disk is not \
                there.",
        headline: "{pod} can't start on {node}: {volume} counts as attached to {node}, but the machine behind that name \
                   was replaced.",
        shape: Shape::AttachmentImagined,
        classes: &[Dead, Slow],
        states: "controller, report and VolumeAttachment attached; storage DETACHED",
        how: "A node pool reuses names; the old machine takes the attachment with it.",
        evidence: "MountDevice failed: device not found; the Node's uid changed; a VolumeAttachment older than its Node.",
        recognised: "The node's uid changes between the attachment's creation and its use.",
        affects: "all releases; mended within a minute by attachers from 2.1 on whose driver lists published nodes",
        fix: Fix::Elsewhere("external-attacher 2.1 with a driver that has LIST_VOLUMES_PUBLISHED_NODES"),
        issues: &[
            "kubernetes/kubernetes#67853",
            "kubernetes/kubernetes#79743",
            "kubernetes/kubernetes#52735",
            "kubernetes-csi/external-attacher#215",
        ],
        acts: &[heals("delete-va", "none once the old machine is gone")],
        ..BLANK
    },
    Mechanism {
        name: "va-stripped-or-deleted-by-hand",
        title: "Somebody deletes a VolumeAttachment or strips its finalizer to end a wait.",
        headline: "{volume} may still be attached to {node}: its VolumeAttachment was taken away by hand, not by a detach.",
        shape: Shape::AttachmentForgotten,
        classes: &[Unsafe, Dead],
        states: "VolumeAttachment NONE; storage attached; perhaps still mounted",
        how: "The Kubernetes side of the wait ends; the storage is not touched. Within a minute the controller notices \
              and calls the volume detached; the next attach meets the storage's refusal, or two writers.",
        evidence: "Audit: DELETE of the VolumeAttachment, or a PATCH of its finalizers, by a user or script, without an \
                   un-report before it.",
        recognised: "A write to the VolumeAttachment by somebody other than controller and attacher; whether it is \
                     unsafe depends on the mount and on the node's life at that moment.",
        affects: "all releases",
        issues: &[
            "longhorn/longhorn#5345",
            "longhorn/longhorn#7313",
            "hetznercloud/csi-driver#89",
            "kubernetes-sigs/vsphere-csi-driver#502",
        ],
        acts: &[
            vain("driver-recovers", "nobody asks it to detach any more"),
            harms("delete-pod-other-node", "the first node stays attached"),
        ],
        advice: "Where nothing is mounted, a pod on the first node brings the attachment back under control. Else fence \
                 the node first, then detach in the storage.",
        ..BLANK
    },
    Mechanism {
        name: "provisioner-deletes-volume-before-detach",
        title: "The volume is deleted in the storage before its detach, which then fails for ever.",
        shape: Shape::InUsePinned,
        classes: &[Dead],
        states: "VolumeAttachment DETACHING; the storage's volume is gone",
        how: "DeleteVolume wins against the detach; the driver answers \"not found\" as an error.",
        evidence: "detachError: volume not found, 404.",
        recognised: "The PV's deletion comes before the end of its VolumeAttachment.",
        affects: "older provisioners with drivers that do not take NotFound as success",
        issues: &[
            "kubernetes-csi/external-provisioner#176",
            "kubernetes/kubernetes#84226",
            "kubernetes/cloud-provider-openstack#381",
            "kubernetes-sigs/vsphere-csi-driver#502",
        ],
        acts: &[heals("strip-va-finalizer", "none: nothing is left to detach")],
        ..BLANK
    },
    Mechanism {
        name: "attacher-unpublishes-twice",
        title: "Two patches end a detach, and the event of the first starts it again.",
        shape: Shape::Late,
        classes: &[Live, Unsafe],
        states: "none for long; a late second call can hit a new attachment",
        how: "The attacher writes the status first and removes the finalizer after it.",
        evidence: "Detached, and Starting detach operation again within milliseconds.",
        recognised: "Two calls of the driver for one deletion.",
        affects: "external-attacher up to 4.8.0",
        fix: Fix::By(Behaviour::FinalizerRemovedFirst),
        issues: &[
            "kubernetes-csi/external-attacher#587",
            "kubernetes-csi/external-attacher#624",
        ],
        advice: "Upgrade the attacher.",
        ..BLANK
    },
    Mechanism {
        name: "attacher-ignores-its-backoff",
        title: "The attacher's own error writes queue the VolumeAttachment again at once.",
        shape: Shape::Late,
        classes: &[Slow],
        states: "none; the cloud's rate limit makes all of them late",
        how: "Each failure changes the status, and the change is an event.",
        evidence: "Error processing at steps of about a second, without growth.",
        recognised: "The attacher retries faster than its back-off allows.",
        affects: "external-attacher up to 3.3",
        fix: Fix::Attacher(&[v(3, 4, 0)]),
        issues: &[
            "kubernetes-csi/external-attacher#337",
            "kubernetes-csi/external-attacher#338",
        ],
        advice: "Upgrade the attacher.",
        ..BLANK
    },
    Mechanism {
        name: "attacher-reconciler-flaps-status",
        title: "The driver lists its volumes in another spelling, and the attacher processes them again every minute.",
        shape: Shape::Outside,
        classes: &[Live],
        states: "VolumeAttachment attached, \"actual\" false",
        how: "ListVolumes answers another node ID or page by page.",
        evidence: "has attached status true but actual state false. Adding back to VA queue, each minute for the same \
                   ones.",
        recognised: "Forced attaches without any change of controller or report: noise unless node or disk changed.",
        affects: "external-attacher 2.1 on, with drivers that list volumes",
        issues: &[
            "kubernetes-csi/external-attacher#416",
            "kubernetes-csi/external-attacher#184",
            "kubernetes/cloud-provider-openstack#2137",
        ],
        advice: "Upgrade the driver. It can hide a real loss.",
        ..BLANK
    },
    Mechanism {
        name: "migrated-pv-keeps-attacher-finalizer",
        title: "The PersistentVolume of a migrated in-tree class never loses the attacher's finalizer.",
        shape: Shape::InUsePinned,
        classes: &[Dead],
        states: "PV being deleted; VolumeAttachment none",
        how: "The attacher does not count the PV as its own after the detach.",
        evidence: "Nothing after the detach.",
        recognised: "The PV keeps the finalizer although no VolumeAttachment is left.",
        affects: "external-attacher up to 2.1",
        fix: Fix::Attacher(&[v(3, 0, 0)]),
        issues: &["kubernetes-csi/external-attacher#217"],
        advice: "Strip the PersistentVolume's finalizer.",
        not_visible: Some(
            "It is about the deletion of a PersistentVolume and not about a volume on a node: all states \
             that adtrace compares agree. Look for a PersistentVolume with deletionTimestamp and the \
             attacher's finalizer that no VolumeAttachment names.",
        ),
        ..BLANK
    },
    Mechanism {
        name: "etcd-restore-brings-back-old-attachments",
        title: "A restore of etcd sets nodes, VolumeAttachments and PVs back; the disks stay where they are.",
        shape: Shape::AttachmentImagined,
        classes: &[Dead],
        states: "any; often attached to one node, the storage on another",
        how: "History is replaced under all parties.",
        evidence: "resourceVersions that fall, a gap in the audit log, VolumeAttachments older than their nodes.",
        recognised: "No verdict is given across the jump: the states are taken anew after it.",
        affects: "all releases",
        issues: &[
            "openshift/openshift-docs#29532",
            "rook/rook#11201",
            "longhorn/longhorn#7313",
        ],
        advice: "Volume by volume, by hand: detach in the storage.",
        ..BLANK
    },
    Mechanism {
        name: "in-use-list-overwritten-by-third-party",
        title: "Another writer of the node's status clears or changes volumesInUse or volumesAttached.",
        headline: "{node}'s status was overwritten by somebody who is neither its kubelet nor the controller, and {volume} \
                   was lost from it.",
        shape: Shape::InUseLost,
        classes: &[Unsafe, Dead, Live],
        states: "mounted or attached; LOST from the node's status",
        how: "A writer that puts the whole status, or somebody who edits it by hand.",
        evidence: "Audit: PUT or PATCH of nodes/status by a user other than the node and the controller that touches \
                   these lists.",
        recognised: "A write to these lists by a foreign writer.",
        affects: "all releases",
        issues: &["kubernetes/kubernetes#26351", "kubernetes/node-problem-detector#9"],
        acts: &[
            heals(
                "other-volume-on-node",
                "none: the controller writes its whole list again",
            ),
            heals("report-by-hand", "only while the controller's own list has the volume"),
            heals("restart-controller", "none"),
        ],
        advice: "Stop the other writer. volumesInUse comes back with the kubelet's next status, 5 minutes at most.",
        ..BLANK
    },
    Mechanism {
        name: "attach-required-flip-pins-in-use",
        title: "The kubelet goes on reporting a volume in use after its driver stopped needing attach, so that it is never \
                detached.",
        shape: Shape::InUsePinned,
        classes: &[Live],
        states: "not wanted; in use, mounted",
        how: "CSIDriver.attachRequired is set to false while pods run.",
        evidence: "An update of the CSIDriver in the audit log; at -v=5 Cannot detach volume because it is still mounted.",
        recognised: "A volume in use of a driver without attach.",
        affects: "all of Kubernetes to 1.36",
        fix: Fix::Kubernetes(&[v(1, 37, 0)]),
        issues: &["kubernetes/kubernetes#141521", "kubernetes/kubernetes#141522"],
        advice: "It ends with the pod.",
        ..BLANK
    },
];
