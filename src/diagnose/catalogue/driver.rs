//! Mechanisms of drivers and storage, as the attach/detach machinery sees them.

use super::Class::{Dead, Live, Slow, Unsafe};
use super::{BLANK, Fix, Mechanism, Shape, harms, heals};

pub const ROWS: &[Mechanism] = &[
    Mechanism {
        name: "driver-answers-success-for-queued-attach",
        title: "The driver puts an attach into a queue after an error and answers success.",
        shape: Shape::AttachmentImagined,
        classes: &[Dead, Slow],
        states: "controller, report, VolumeAttachment attached; storage NOT",
        how: "A per-node back-off inside the driver.",
        evidence: "The VolumeAttachment is attached within milliseconds of an attachError; MountDevice failed: the device \
                   is missing.",
        recognised: "A mount fails for a missing device under a VolumeAttachment that says attached.",
        affects: "the PD CSI driver of 2022",
        fix: Fix::Elsewhere("gcp-compute-persistent-disk-csi-driver, pull request 960"),
        issues: &[
            "kubernetes-sigs/gcp-compute-persistent-disk-csi-driver#942",
            "kubernetes-sigs/gcp-compute-persistent-disk-csi-driver#960",
        ],
        acts: &[heals("delete-pod-same-node", "none")],
        ..BLANK
    },
    Mechanism {
        name: "late-cloud-detach-removes-new-attachment",
        title: "A detach that failed for Kubernetes ends in the cloud minutes later and takes the new attachment with it.",
        headline: "{volume} vanished from {node} under {pod}: an older detach ended in the cloud after the new attach.",
        shape: Shape::AttachmentImagined,
        classes: &[Unsafe],
        states: "VolumeAttachment attached, mounted; storage DETACHED",
        how: "The call's deadline passes, the operation in the cloud goes on.",
        evidence: "The driver: failed to poll the operation, context deadline exceeded for the detach; the attach \
                   succeeds; I/O errors a minute or two later.",
        recognised: "A detach without final answer overlaps a later attach.",
        affects: "the PD CSI driver of 2022, and in-tree EBS",
        fix: Fix::Elsewhere("gcp-compute-persistent-disk-csi-driver, after issue 965"),
        issues: &["kubernetes-sigs/gcp-compute-persistent-disk-csi-driver#965"],
        acts: &[heals("delete-pod-same-node", "check the file system first")],
        not_visible: Some(
            "When the cloud ends a call after its deadline stands in no log of Kubernetes, and most calls \
             past their deadline do no harm. Ask the cloud's activity log for a detach that ended after the \
             new attach, and the node's kernel log for I/O errors.",
        ),
        ..BLANK
    },
    Mechanism {
        name: "node-backoff-in-driver-blocks-others",
        title: "One disk that fails puts the whole node into the driver's back-off.",
        shape: Shape::Outside,
        classes: &[Slow],
        states: "wanted, not attached",
        how: "The driver refuses each attach to a node that lately failed.",
        evidence: "ControllerPublish not permitted on node due to backoff condition.",
        recognised: "The driver refuses, and the cause is another volume of the node.",
        affects: "the PD CSI driver",
        issues: &[
            "kubernetes-sigs/gcp-compute-persistent-disk-csi-driver#1129",
            "kubernetes/kubernetes#110987",
        ],
        advice: "Mend the first disk.",
        ..BLANK
    },
    Mechanism {
        name: "ebs-stuck-attaching",
        title: "An EBS volume stays attaching, often for a device name or a limit.",
        shape: Shape::Outside,
        classes: &[Dead, Live],
        states: "VolumeAttachment with attachError; storage attaching",
        how: "The cloud never ends the attach.",
        evidence: "expected device to be attached but was attaching; DeadlineExceeded; Attachment point is already in use.",
        recognised: "The driver refuses each try in the same words.",
        affects: "EBS",
        issues: &[
            "kubernetes-sigs/aws-ebs-csi-driver#292",
            "kubernetes-sigs/aws-ebs-csi-driver#1801",
            "kubernetes/kubernetes#36450",
        ],
        acts: &[heals("delete-pod-other-node", "none")],
        advice: "Or detach by force in the cloud.",
        ..BLANK
    },
    Mechanism {
        name: "node-volume-limit-wrong",
        title: "The count of attachable volumes ignores network cards, local disks or disks of others, and the scheduler \
                overfills the node.",
        headline: "{pod} can't start on {node}: {node} has no room for {volume}, although its CSINode says so.",
        shape: Shape::Outside,
        classes: &[Dead],
        states: "wanted, not attached",
        how: "The limit is a number per machine type, not what is free.",
        evidence: "AttachVolumeLimitExceeded, maximum number of data disks, ResourceExhausted.",
        recognised: "A wait for the volume limit; the node's VolumeAttachments are fewer than its CSINode allows.",
        affects: "all drivers that count so; from 1.35 on the kubelet rejects such a pod",
        issues: &[
            "kubernetes-sigs/aws-ebs-csi-driver#1163",
            "kubernetes-sigs/aws-ebs-csi-driver#427",
            "kubernetes/kubernetes#80967",
            "kubernetes/kubernetes#115632",
        ],
        acts: &[heals("delete-pod-other-node", "none: cordon the node first")],
        advice: "Set the driver's limit or reserve attachments.",
        ..BLANK
    },
    Mechanism {
        name: "azure-dangling-disk",
        title: "An earlier detach failed, and the disk still hangs at another machine.",
        shape: Shape::AttachmentForgotten,
        classes: &[Dead, Live, Unsafe],
        states: "VolumeAttachment with attachError; storage at ANOTHER node",
        how: "The newer driver detaches by itself what is held elsewhere, without a VolumeAttachment.",
        evidence: "already attached to node …, could not be attached to node …; found dangling volume.",
        recognised: "The holder has no VolumeAttachment; a detach by the driver is an outside step.",
        affects: "Azure disks",
        issues: &[
            "kubernetes-sigs/azuredisk-csi-driver#288",
            "kubernetes-sigs/azuredisk-csi-driver#436",
            "kubernetes-sigs/azuredisk-csi-driver#499",
        ],
        advice: "Detach in the portal.",
        ..BLANK
    },
    Mechanism {
        name: "azure-lun-mixup-mounts-wrong-disk",
        title: "Two attaches get one LUN, and the kubelet mounts the wrong disk.",
        headline: "{pod} on {node} may have mounted another disk than {volume}: two attachments share one device.",
        shape: Shape::AttachmentImagined,
        classes: &[Unsafe],
        states: "all agree; the WRONG device is mounted",
        how: "A retry returns another LUN, or two calls the same one.",
        evidence: "Two volumes with one DevicePath or LUN on a node at a time.",
        recognised: "Node and device path are not unique among attached volumes.",
        affects: "Azure disks; kin on EBS and PD",
        issues: &[
            "Azure/AKS#110",
            "kubernetes-sigs/cloud-provider-azure#2805",
            "kubernetes/kubernetes#29324",
        ],
        advice: "Stop both pods before anything else.",
        not_visible: Some(
            "All parties agree on volume and node; only the device differs, which no API object of a CSI \
             driver and no log of Kubernetes tells. Compare the LUNs in the driver's log, or the devices on \
             the node, for two volumes that share one.",
        ),
        ..BLANK
    },
    Mechanism {
        name: "vsphere-detach-fails-when-vm-gone",
        title: "The node's machine was deleted, and the driver answers the detach with \"node wasn't found\".",
        shape: Shape::InUsePinned,
        classes: &[Dead],
        states: "VolumeAttachment DETACHING; the machine is gone",
        how: "A detach from nothing is an error to the driver.",
        evidence: "node wasn't found in the detachError.",
        recognised: "The driver refuses the detach for good.",
        affects: "the vSphere CSI driver before 2022",
        fix: Fix::Elsewhere("vsphere-csi-driver, pull request 1879"),
        issues: &[
            "kubernetes-sigs/vsphere-csi-driver#221",
            "kubernetes-sigs/vsphere-csi-driver#359",
            "kubernetes-sigs/vsphere-csi-driver#1879",
        ],
        acts: &[heals("strip-va-finalizer", "only when the machine is surely gone")],
        ..BLANK
    },
    Mechanism {
        name: "vsphere-detach-reported-done-on-session-error",
        title: "The driver takes a session that is not authenticated for a machine that is gone, and calls the volume \
                detached.",
        shape: Shape::AttachmentForgotten,
        classes: &[Dead],
        states: "VolumeAttachment none; storage ATTACHED",
        how: "An error is read as success.",
        evidence: "ServerFaultCode: The session is not authenticated, near a success.",
        recognised: "A detach that only the storage contradicts.",
        affects: "the vSphere supervisor's driver",
        issues: &["kubernetes-sigs/vsphere-csi-driver#1038"],
        advice: "Detach in vCenter.",
        ..BLANK
    },
    Mechanism {
        name: "vsphere-dangling-not-corrected",
        title: "The disk hangs at an unexpected machine, and the driver has no way to tell the controller.",
        shape: Shape::AttachmentForgotten,
        classes: &[Dead],
        states: "wanted, not attached; storage at ANOTHER machine",
        how: "CSI drivers never return the error that names the holder.",
        evidence: "The resource 'volume' is in use; ResourceInUse; operation is not allowed in the current state.",
        recognised: "No VolumeAttachment of the holder anywhere: ask for the storage's evidence.",
        affects: "the vSphere CSI driver",
        issues: &[
            "kubernetes-sigs/vsphere-csi-driver#2506",
            "kubernetes-sigs/vsphere-csi-driver#320",
            "kubernetes/kubernetes#80488",
        ],
        advice: "Detach in vCenter.",
        ..BLANK
    },
    Mechanism {
        name: "cinder-reserved-or-detaching-limbo",
        title: "Nova and Cinder disagree: the volume is reserved or detaching, with no server.",
        shape: Shape::Outside,
        classes: &[Dead],
        states: "wanted, not attached; storage in limbo",
        how: "One of the two services lost the other's step.",
        evidence: "Successfully detached, then Bad request … status must be available.",
        recognised: "The driver refuses right after a clean detach.",
        affects: "OpenStack",
        issues: &[
            "kubernetes/cloud-provider-openstack#2553",
            "kubernetes/cloud-provider-openstack#1056",
            "kubernetes/kubernetes#87374",
        ],
        advice: "Delete the attachment in Cinder, or reset the volume's state.",
        ..BLANK
    },
    Mechanism {
        name: "linstor-detach-404",
        title: "The driver answers a detach of what is already detached with an error.",
        shape: Shape::InUsePinned,
        classes: &[Dead],
        states: "VolumeAttachment DETACHING; storage detached",
        how: "NotFound is not taken as success.",
        evidence: "404 Not Found in the detachError.",
        recognised: "The driver refuses the detach for good with NotFound.",
        affects: "older LINSTOR CSI drivers; in nested clusters guest and host can wait for each other",
        issues: &["piraeusdatastore/linstor-csi#52", "kubevirt/csi-driver#143"],
        acts: &[heals("strip-va-finalizer", "none once the storage says detached")],
        ..BLANK
    },
    Mechanism {
        name: "longhorn-attachment-loop",
        title: "Longhorn's own attachment tickets disagree with the VolumeAttachment, and the volume circles or hangs.",
        shape: Shape::TwoNodes,
        classes: &[Dead, Slow],
        states: "VolumeAttachment flips; the engine is elsewhere",
        how: "Two controllers hold a wish for one volume each.",
        evidence: "Detached … Attaching of one VolumeAttachment every 5 s; failed to attach to node … with attachmentID \
                   csi-….",
        recognised: "The driver's answers alternate; the attachmentID is the VolumeAttachment's name.",
        affects: "Longhorn",
        issues: &[
            "longhorn/longhorn#6900",
            "longhorn/longhorn#9138",
            "longhorn/longhorn#2848",
            "longhorn/longhorn#13084",
        ],
        advice: "Scale the workload to 0; restart the longhorn-manager that the error names.",
        ..BLANK
    },
    Mechanism {
        name: "rbd-watcher-left-behind",
        title: "The old node still maps the image; attach does nothing for RBD, so the refusal comes at the mount.",
        headline: "{pod} can't start on {node}: {volume} is still held by another client, which attach and detach do not \
                   see.",
        shape: Shape::Outside,
        classes: &[Dead],
        states: "controller, report, VolumeAttachment attached; the mount is refused",
        how: "The old node is lost or can't unmap.",
        evidence: "MountVolume.MountDevice failed … rbd image is still being used.",
        recognised: "All states agree and the driver refuses the mount: the storage's matter.",
        affects: "Ceph RBD",
        issues: &["ceph/ceph-csi#740", "ceph/ceph-csi#4375", "rook/rook#1507"],
        acts: &[harms(
            "delete-va",
            "it changes nothing in the storage and hides the holder",
        )],
        advice: "Block the old client in the storage.",
        ..BLANK
    },
    Mechanism {
        name: "hcloud-attached-in-api-only",
        title: "The provider's API says attached, and the host has no device.",
        shape: Shape::AttachmentImagined,
        classes: &[Dead],
        states: "all attached; the device is missing",
        how: "The provider's API and host disagree.",
        evidence: "A missing device under a VolumeAttachment that says attached; volume is already attached to a server.",
        recognised: "A mount fails for a missing device.",
        affects: "Hetzner Cloud",
        issues: &["hetznercloud/csi-driver#571", "hetznercloud/csi-driver#41"],
        advice: "Detach and attach at the provider.",
        ..BLANK
    },
    Mechanism {
        name: "shared-volume-attached-on-another-node",
        title: "A storage with its own placement refuses the mount on this node.",
        shape: Shape::Outside,
        classes: &[Dead, Live],
        states: "attached; the mount is refused",
        how: "The storage holds the volume on another node.",
        evidence: "Volume is attached on another node.",
        recognised: "The driver refuses.",
        affects: "Portworx and its kind",
        issues: &["libopenstorage/stork#726"],
        advice: "Schedule the pod where the volume is, or use the vendor's tool.",
        ..BLANK
    },
    Mechanism {
        name: "vcd-dangling-va-after-drain",
        title: "A node is drained and deleted before its VolumeAttachments ended.",
        headline: "{volume} is still bound to {node}, which was deleted before its attachments ended.",
        shape: Shape::InUsePinned,
        classes: &[Dead],
        states: "VolumeAttachment of a deleted node DETACHING; storage at a deleted machine",
        how: "The cluster's operator deletes machines without waiting for VolumeAttachments.",
        evidence: "A VolumeAttachment's deletion is older than the Node's; detachError.",
        recognised: "The Node is deleted while VolumeAttachments of it exist.",
        affects: "drivers that do not accept a missing machine",
        issues: &[
            "vmware-archive/cloud-director-named-disk-csi-driver#245",
            "devantler-tech/platform#2754",
        ],
        acts: &[heals("strip-va-finalizer", "only when the machine is surely gone")],
        ..BLANK
    },
];
