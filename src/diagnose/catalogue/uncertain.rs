//! Mechanisms of uncertainty, back-off and operations that meet: states that are neither attached nor detached.

use super::Class::{Dead, Live, Slow, Unsafe};
use super::{BLANK, Fix, Mechanism, Shape, harms, heals, v, vain};
use crate::model::profile::Behaviour;

pub const ROWS: &[Mechanism] = &[
    Mechanism {
        name: "uncertain-volume-does-not-block-other-node",
        title: "A volume left uncertain on one node does not keep the controller from attaching it to another, although \
                it is exclusive.",
        headline: "{volume} is being attached for {pod} while it may still be attached to {node}: an uncertain volume \
                   does not block a second node.",
        shape: Shape::TwoNodes,
        classes: &[Unsafe, Slow, Dead],
        states: "VolumeAttachments on TWO nodes; controller uncertain on the first",
        how: "An attach fails (or a detach, or its verification), the volume is uncertain on the first node; the pod \
              moves; the controller does not count the uncertain one and attaches to the second.",
        evidence: "Two VolumeAttachments for one PV; AttachVolume.Attach failed: attached to another node, \
                   FAILED_PRECONDITION, in use; and no Multi-Attach event.",
        recognised: "An exclusive volume has attachments on two nodes. Whether the storage refused the second decides \
                     between data at risk and a mere refusal.",
        affects: "after a failed attach Kubernetes 1.14 on; after a failed detach 1.26.10, 1.27.7, 1.28.3 and 1.29 on",
        since: Some(v(1, 14, 0)),
        issues: &[
            "kubernetes/kubernetes#124334",
            "kubernetes/kubernetes#71276",
            "kubernetes/kubernetes#32727",
        ],
        acts: &[
            heals("driver-recovers", "none: the detach of the first node ends"),
            harms("strip-va-finalizer", "the first node stays attached and nobody knows"),
        ],
        advice: "Or delete the pod on the second node, wait until the first VolumeAttachment is gone, and try again.",
        ..BLANK
    },
    Mechanism {
        name: "failed-attach-assumed-mounted-delays-detach",
        title: "A volume whose first attach failed counts as mounted, so its detach waits for the node's next status.",
        headline: "{volume} stays at {node} although nothing uses it: after a failed attach the controller assumes it \
                   mounted until {node} says otherwise.",
        shape: Shape::Late,
        classes: &[Slow],
        states: "not wanted, controller uncertain and assumed mounted; NOT in use",
        how: "The failed attach enters the actual state as mounted by the node; only an event of the Node corrects it, \
              and an idle kubelet sends none for about 5 minutes.",
        evidence: "At -v=5 Cannot detach volume because it is still mounted for a volume that is not in volumesInUse; at \
                   -v=2 silence between the pod's deletion and DetachVolume started.",
        recognised: "A detach is due, the volume never stood in volumesInUse, and nothing happens until a node event.",
        affects: "Kubernetes 1.14 to 1.36",
        since: Some(v(1, 14, 0)),
        fix: Fix::By(Behaviour::NoMountAssumedAtAttach),
        issues: &[
            "kubernetes/kubernetes#117042",
            "kubernetes/kubernetes#141385",
            "kubernetes/kubernetes#52036",
        ],
        acts: &[heals("touch-node", "none"), heals("wait", "none")],
        advice: "Any update of the Node object will do, even of a label: each makes the controller read the whole list \
                 of volumes in use.",
        ..BLANK
    },
    Mechanism {
        name: "stale-attach-error-fails-first-look",
        title: "The error of an earlier try in the VolumeAttachment is read as the answer to the new one.",
        shape: Shape::Late,
        classes: &[Slow],
        states: "storage and VolumeAttachment attached; controller still backs off",
        how: "A new attach operation looks at the VolumeAttachment before the attacher has touched it again.",
        evidence: "The same AttachVolume.Attach failed at every step of the back-off, half a second after its start; an \
                   attachError older than the start; the attacher's log shows success in between.",
        recognised: "An attach fails by an error whose time lies before its start: an echo.",
        affects: "all releases with CSI",
        issues: &["kubernetes-sigs/aws-ebs-csi-driver#292"],
        acts: &[
            heals("wait", "none"),
            heals("touch-va", "none: it only saves the attacher's back-off"),
        ],
        ..BLANK
    },
    Mechanism {
        name: "reconciler-races-pending-operation",
        title: "The state is read before an operation ends, and a second one is started on it.",
        shape: Shape::Late,
        classes: &[Live, Unsafe],
        states: "two operations for one volume",
        how: "The pass works on a snapshot; the operation ends meanwhile.",
        evidence: "Two DetachVolume started within 100 ms; the second ends at once.",
        recognised: "An operation starts although its ground is gone.",
        affects: "Kubernetes up to 1.18.15, 1.19.7 and 1.20.2",
        fix: Fix::By(Behaviour::RecheckAswBeforeDetach),
        issues: &["kubernetes/kubernetes#93902", "kubernetes/kubernetes#94599"],
        acts: &[heals("wait", "none")],
        ..BLANK
    },
    Mechanism {
        name: "pending-operation-matched-by-wrong-entry",
        title: "An old back-off entry of another pod or node is found instead of the operation that is pending.",
        shape: Shape::TwoNodes,
        classes: &[Live, Unsafe],
        states: "two operations for one volume at a time",
        how: "The list of operations is searched for the first entry that fits, finished ones included.",
        evidence: "Starts of one volume's operations that overlap; no line of its own.",
        recognised: "An operation starts while another on the same key is pending.",
        affects: "Kubernetes up to 1.23.10, 1.24.4 and 1.25.0; shareable volumes most",
        fix: Fix::By(Behaviour::PendingOpExactMatchPreferred),
        issues: &["kubernetes/kubernetes#110951"],
        acts: &[heals("wait", "none")],
        not_visible: Some(
            "All states agree before and after it. In a kubelet it lets a mount and an unmount of one volume run side by \
             side, which only the order of their lines shows; in the controller it takes a volume under two kinds of \
             keys at once, and the search of small worlds came to it only after a restart, when other rules were \
             broken already. Look for the started and succeeded lines of one \
             volume's operations on one node that interleave.",
        ),
        ..BLANK
    },
    Mechanism {
        name: "backoff-entry-never-ages",
        title: "A failure of hours ago makes the first new failure wait two minutes.",
        shape: Shape::Late,
        classes: &[Slow],
        states: "none disagree; the next try comes late",
        how: "Entries of the back-off live as long as the process and grow from where they were.",
        evidence: "The first error of a new pod already says durationBeforeRetry 2m2s.",
        recognised: "The back-off of an operation begins above 500 ms although its last failure is long past.",
        affects: "all releases; up to 1.14 attach and detach share the timer",
        issues: &[
            "kubernetes/kubernetes#116886",
            "kubernetes/kubernetes#75209",
            "kubernetes/kubernetes#41307",
        ],
        acts: &[heals("wait", "none"), heals("restart-controller", "none")],
        ..BLANK
    },
    Mechanism {
        name: "attach-and-detach-alternate-without-growth",
        title: "Two operations on one volume fail in turn and reset each other's back-off, for ever.",
        headline: "{volume} is attached and detached in turn without end: each failure resets the other's back-off, and \
                   {pod} gets it on no node.",
        shape: Shape::TwoNodes,
        classes: &[Dead, Live],
        states: "wanted on one node, being detached from the other; neither ends",
        how: "An operation of another name is not held back and starts its back-off anew. From the release on in which \
              a failed detach leaves the volume uncertain, one pod that moves is enough.",
        evidence: "Pairs of started and failed with durationBeforeRetry 500ms, about 0.6 s apart, without growth.",
        recognised: "The cell alternates between two operations, and neither back-off grows.",
        affects: "Kubernetes 1.15 on; with one pod 1.26.10, 1.27.7, 1.28.3 and 1.29 on",
        since: Some(v(1, 15, 0)),
        issues: &["longhorn/longhorn#6900", "longhorn/longhorn#9138"],
        acts: &[heals("driver-recovers", "none")],
        advice: "Or take one of the two wishes away: scale the workload to 0 until the volume is detached.",
        ..BLANK
    },
    Mechanism {
        name: "dangling-error-names-wrong-node",
        title: "The in-tree Azure plugin names the holder in the cloud's spelling, and the controller marks a node that \
                does not exist.",
        shape: Shape::AttachmentForgotten,
        classes: &[Dead],
        states: "controller uncertain on a node that does not exist",
        how: "The error of the attach tells where the disk hangs; the name is no node's name.",
        evidence: "failed to get azure instance id for node … (not a vmss instance), in floods; HTTP 429.",
        recognised: "A volume becomes uncertain on a name that no Node has.",
        affects: "Kubernetes 1.15 to about 1.18.2 on Azure scale sets",
        since: Some(v(1, 15, 0)),
        fix: Fix::Kubernetes(&[v(1, 19, 0)]),
        issues: &[
            "kubernetes/kubernetes#90749",
            "kubernetes/kubernetes#90762",
            "kubernetes/kubernetes#81266",
        ],
        advice: "Detach the disk in the portal.",
        acts: &[vain("delete-pod-same-node", "the ghost node stays")],
        not_visible: Some(
            "Only in-tree plugins return an error that names the holder, and the controller marks that name \
             without a word; a CSI driver can't. Compare the name in the error of the attach with the names \
             of the nodes.",
        ),
        ..BLANK
    },
    Mechanism {
        name: "intree-ebs-late-detach-after-readd",
        title: "EBS goes on with a detach whose call failed, and the volume disappears later under a new pod.",
        shape: Shape::AttachmentImagined,
        classes: &[Unsafe],
        states: "controller attached, reported; storage DETACHED later",
        how: "The detach fails for Kubernetes, is put back on the report, and ends in the cloud minutes later.",
        evidence: "DetachVolume.Detach failed … busy; minutes later I/O errors.",
        recognised: "Only the storage's evidence shows it.",
        affects: "in-tree EBS",
        issues: &["kubernetes/kubernetes#53692", "kubernetes/kubernetes#32881"],
        advice: "Restart the pod, so that it is attached and mounted anew.",
        not_visible: Some(
            "Only the cloud knows that the detach ended later: every log and object of Kubernetes says \
             attached. Ask CloudTrail for the DetachVolume call, and the node's kernel log for I/O errors.",
        ),
        ..BLANK
    },
];
