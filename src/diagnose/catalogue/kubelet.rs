//! Mechanisms of the kubelet: what it reports in use, what it mounts, and what a restart makes it forget.

use super::Class::{Dead, Slow, Unsafe};
use super::{BLANK, Fix, Mechanism, Shape, harms, heals, v, vain};
use crate::model::profile::Behaviour;

pub const ROWS: &[Mechanism] = &[
    Mechanism {
        name: "reconstruct-failure-frees-volume-in-use",
        title: "A restarted kubelet can't make out a mounted leftover, cleans the pod's mount but not the global one, and \
                drops the volume from volumesInUse.",
        headline: "{volume} is still mounted on {node}, but its restarted kubelet no longer lists it in use, so that it \
                   can be detached.",
        shape: Shape::InUseLost,
        classes: &[Unsafe],
        states: "mounted (device); NOT in use; controller goes on to detach",
        how: "The leftover can't be reconstructed from disk; the pod's mount is cleaned; the device stays staged.",
        evidence: "Could not construct volume information, cleaning up mounts; could not get consistent content of \
                   /proc/mounts; the node's status loses the volume; DetachVolume started.",
        recognised: "The volume leaves volumesInUse without UnmountDevice succeeded in this process or the one before.",
        affects: "Kubernetes up to 1.27; from 1.28 on only leftovers that are not reported at that moment",
        fix: Fix::By(Behaviour::KubeletNewReconstruction),
        issues: &[
            "kubernetes/kubernetes#101791",
            "kubernetes/kubernetes#33207",
            "kubernetes/kubernetes#52683",
        ],
        advice: "Unmount by hand or reboot the node before the volume is attached again.",
        ..BLANK
    },
    Mechanism {
        name: "kubelet-restart-empties-in-use",
        title: "The first status after a kubelet's restart is written before its volumes are known.",
        shape: Shape::InUseLost,
        classes: &[Unsafe],
        states: "mounted; NOT in use",
        how: "The status goes out with an empty list.",
        evidence: "The first nodes/status after the start has an empty volumesInUse.",
        recognised: "As reconstruct-failure-frees-volume-in-use, with the start as the operation.",
        affects: "Kubernetes up to 1.4",
        fix: Fix::Kubernetes(&[v(1, 5, 0)]),
        issues: &["kubernetes/kubernetes#33203", "kubernetes/kubernetes#33616"],
        advice: "Unmount by hand or reboot the node.",
        not_visible: Some(
            "It ended with Kubernetes 1.5; adtrace knows the releases from 1.16 on, whose first status after \
             a start leaves volumesInUse as it was.",
        ),
        ..BLANK
    },
    Mechanism {
        name: "kubelet-restart-unmounts-running-pod",
        title: "A kubelet that starts while claims can't be read takes a running pod's mounts for unwanted.",
        headline: "{volume} was unmounted on {node} under the running {pod}: its kubelet started while the claim could \
                   not be read.",
        shape: Shape::InUseLost,
        classes: &[Unsafe],
        states: "the pod runs; UNMOUNTED, not in use, then detached",
        how: "The API is unreachable at the start, or a claim or PV is missing; the desired state stays incomplete, and \
              reconstructed mounts look like leftovers.",
        evidence: "error processing PVC around the start; UnmountVolume started for the uid of a pod that runs; \
                   UnmountDevice succeeded.",
        recognised: "An unmount of a volume that a running pod wants.",
        affects: "Kubernetes with the old reconstruction, seen on 1.2x",
        fix: Fix::By(Behaviour::KubeletNewReconstruction),
        issues: &["kubernetes/kubernetes#120150"],
        acts: &[heals(
            "delete-pod-same-node",
            "none; what was written meanwhile went to the root disk",
        )],
        ..BLANK
    },
    Mechanism {
        name: "kubelet-restart-loses-mount-in-progress",
        title: "A pod is deleted around a kubelet's restart, and a mount that was under way is never undone.",
        headline: "{volume} stays mounted on {node} for {pod}, which is gone: the mount was under way when the kubelet \
                   let go of it.",
        shape: Shape::InUseLost,
        classes: &[Dead, Unsafe],
        states: "mounted (device); in use or not, by release",
        how: "The mount is recorded as attached only, or skipped.",
        evidence: "Orphaned pod found, but volume paths are still present on disk; MountDevice succeeded after Volume \
                   detached for volume.",
        recognised: "The end of a mount comes after the volume was dropped.",
        affects: "Kubernetes, several variants; the last known ended with 1.32 (1.31 by backport)",
        fix: Fix::By(Behaviour::KubeletRecheckDeviceBeforeDrop),
        issues: &[
            "kubernetes/kubernetes#127520",
            "kubernetes/kubernetes#128219",
            "kubernetes/kubernetes#75345",
            "kubernetes/kubernetes#96635",
            "kubernetes/kubernetes#110670",
        ],
        acts: &[vain("restart-kubelet", "it only helps after an unmount by hand")],
        advice: "Unmount by hand, then restart the kubelet.",
        ..BLANK
    },
    Mechanism {
        name: "detach-while-mount-in-progress",
        title: "A volume counts as in use only once it is mounted, so one being formatted can be detached.",
        shape: Shape::InUseLost,
        classes: &[Unsafe],
        states: "mount under way; NOT in use",
        how: "volumesInUse held what was mounted globally.",
        evidence: "MountDevice or mkfs still runs while DetachVolume started.",
        recognised: "A detach during a mount.",
        affects: "Kubernetes up to 1.12",
        fix: Fix::Kubernetes(&[v(1, 13, 0)]),
        issues: &["kubernetes/kubernetes#70319", "kubernetes/kubernetes#71145"],
        advice: "Restart the pod; check the file system.",
        not_visible: Some(
            "It ended with Kubernetes 1.13; adtrace knows the releases from 1.16 on, in which a volume \
             counts as in use before its mount begins.",
        ),
        ..BLANK
    },
    Mechanism {
        name: "in-use-backoff-delays-mount",
        title: "The kubelet looks before its own status was written, backs off, and looks again up to two minutes later.",
        shape: Shape::Late,
        classes: &[Slow],
        states: "attached and reported; not mounted",
        how: "The verification starts before the volume stands in volumesInUse, and fails.",
        evidence: "Volume has not been added to the list of VolumesInUse, with a growing durationBeforeRetry although \
                   the report has the volume.",
        recognised: "The report has the volume and the kubelet's next look is late by its own back-off.",
        affects: "Kubernetes up to 1.22.6 and 1.23.3",
        fix: Fix::By(Behaviour::KubeletNoBackoffUntilInUse),
        issues: &[
            "kubernetes/kubernetes#64549",
            "kubernetes/kubernetes#75231",
            "kubernetes/kubernetes#106853",
        ],
        acts: &[heals("wait", "none")],
        ..BLANK
    },
    Mechanism {
        name: "unstage-fails-and-pins-in-use",
        title: "The unstage fails for good on a healthy node, so the detach never starts and the pod elsewhere waits \
                without limit.",
        headline: "{pod} can't have {volume}: {node} fails to unmount it again and again, and a healthy node is never \
                   forced.",
        shape: Shape::InUsePinned,
        classes: &[Dead],
        states: "in use, half unmounted; wanted elsewhere",
        how: "Something holds the mount, or the driver refuses; since the 6-minute timer spares healthy nodes, nothing \
              ends it.",
        evidence: "UnmountDevice failed for volume … target is busy, every two minutes at most; at -v=5 Cannot detach \
                   volume because it is still mounted; a Multi-Attach event on the new pod.",
        recognised: "The wait for the unmount becomes stuck once its retries repeat with the same answer.",
        affects: "Kubernetes 1.24.9 and 1.25 on; by design, it is safe",
        since: Some(v(1, 24, 9)),
        issues: &["kubernetes/kubernetes#110721", "kubernetes-sigs/vsphere-csi-driver#341"],
        acts: &[harms(
            "out-of-service-taint",
            "the node is alive: the volume is detached under its mount",
        )],
        advice: "Find and end the holder (lsof, fuser), or reboot the node.",
        ..BLANK
    },
    Mechanism {
        name: "mounted-volume-force-detached-from-healthy-node",
        title: "Six minutes after the pod's containers stopped, the volume is detached from a healthy node although it is \
                still mounted.",
        headline: "{volume} was detached from {node} by force after 6 minutes while it was mounted there and {node} was \
                   healthy.",
        shape: Shape::InUsePinned,
        classes: &[Unsafe],
        states: "in use, MOUNTED; controller DETACHED",
        how: "The unmount takes longer than the timer, which does not ask for the node's health.",
        evidence: "This volume is not safe to detach, but maxWaitForUnmountDuration 6m0s expired, force detaching, with \
                   the node Ready; kernel I/O errors.",
        recognised: "A detach of a volume in use on a node that is Ready.",
        affects: "Kubernetes up to 1.24.8",
        fix: Fix::By(Behaviour::ForceDetachOnlyUnhealthy),
        issues: &[
            "kubernetes/kubernetes#106710",
            "kubernetes/kubernetes#106902",
            "kubernetes/kubernetes#69168",
            "kubernetes/kubernetes#55074",
            "kubernetes/kubernetes#110721",
        ],
        advice: "Reboot the node and check the file system: stale mounts harm the next disk at that path.",
        ..BLANK
    },
    Mechanism {
        name: "block-volume-unmap-fails-after-device-loss",
        title: "The device of a block volume is gone, its unmap fails for ever, and the volume stays in use.",
        shape: Shape::InUsePinned,
        classes: &[Dead],
        states: "in use; the device is gone",
        how: "The unmap needs the device to let go of its loop device.",
        evidence: "UnmapVolume.UnmapBlockVolume failed … blkUtil.DetachFileDevice failed.",
        recognised: "As unstage-fails-and-pins-in-use, for a block volume.",
        affects: "seen on Kubernetes 1.2x",
        issues: &["kubernetes/kubernetes#109132", "longhorn/longhorn#3778"],
        advice: "Remove the bind mount by hand, then restart the kubelet.",
        ..BLANK
    },
    Mechanism {
        name: "waitforattach-succeeded-mountdevice-never-undone",
        title: "The device is attached on the node and its mount always fails; when the pod goes, neither is undone.",
        shape: Shape::AttachmentForgotten,
        classes: &[Unsafe],
        states: "a session on the node; NOT in use",
        how: "What was never marked as mounted is not unmounted.",
        evidence: "MountVolume.WaitForAttach succeeded, MountVolume.MountDevice failed several times, the pod deleted, no \
                   UnmountDevice started.",
        recognised: "A failed mount of the device that no unmount follows.",
        affects: "Kubernetes up to about 1.18, plugins like flex and iSCSI",
        issues: &["kubernetes/kubernetes#91458"],
        advice: "Clean up on the node.",
        not_visible: Some(
            "What is left behind is a session of the plugin on the node, which stands in no API object and \
             no log. Look on the node itself (iscsiadm, lsblk).",
        ),
        ..BLANK
    },
    Mechanism {
        name: "remount-missing-after-outside-reattach",
        title: "The disk was lost and attached again from outside; the kubelet sees no reason to mount it again.",
        headline: "{pod} runs on {node} with a dead mount: {volume} was lost and attached again, and nothing mounts it \
                   anew.",
        shape: Shape::AttachmentImagined,
        classes: &[Dead, Unsafe],
        states: "all agree; the mount is DEAD",
        how: "The attacher's reconciler or the cloud attaches again under a running pod.",
        evidence: "The attacher's forced reprocessing; Buffer I/O error, Remounting filesystem read-only; the kubelet is \
                   silent.",
        recognised: "The storage was interrupted under a mount, though all API states agree.",
        affects: "all releases",
        issues: &["kubernetes/kubernetes#102567", "longhorn/longhorn#275"],
        acts: &[heals("delete-pod-same-node", "none")],
        not_visible: Some(
            "The attacher writes the same lines where its list of volumes was wrong for a moment and where \
             the disk was really away; only the node tells which. Look for I/O errors and read-only remounts \
             in its kernel log at the time of the second attach.",
        ),
        ..BLANK
    },
];
