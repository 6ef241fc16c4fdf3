//! Mechanisms of a node's life: shutdown, loss, deletion, and the taint that declares it gone.

use super::Class::{Dead, Slow, Unsafe};
use super::{BLANK, Mechanism, Shape, harms, heals, v, vain};

pub const ROWS: &[Mechanism] = &[
    Mechanism {
        name: "graceful-shutdown-kills-driver-before-unmount",
        title: "A shutdown waits for containers, not for volumes: the driver's pod goes first, or the machine is off \
                before the unmount.",
        headline: "{volume} stays in use on {node}, which was shut down before it unmounted: {pod} waits for the 6 \
                   minutes of a lost node.",
        shape: Shape::InUsePinned,
        classes: &[Slow],
        states: "in use for ever; wanted elsewhere",
        how: "The shutdown manager ends pods by priority; volumes are unmounted after them, without their driver.",
        evidence: "Shutdown manager detected new shutdown event; UnmountDevice failed … not found in the list of \
                   registered CSI drivers; NotReady; force detaching 6 minutes after the wish went.",
        recognised: "A node stops with volumes in use.",
        affects: "all releases; softened by drivers' preStop hooks and by autoscalers that wait for VolumeAttachments",
        issues: &[
            "kubernetes/kubernetes#115148",
            "kubernetes/kubernetes#106227",
            "kubernetes-sigs/aws-ebs-csi-driver#1665",
            "aws/karpenter-provider-aws#6336",
        ],
        acts: &[
            heals("out-of-service-taint", "only when the node is surely off"),
            heals("wait", "none: 6 minutes, then the attach"),
            vain("delete-node", "its last list of volumes in use still counts"),
        ],
        ..BLANK
    },
    Mechanism {
        name: "deleted-node-still-counts-as-mounted",
        title: "The Node object is gone, but the controller keeps its last volumesInUse and waits 6 minutes.",
        headline: "{volume} waits 6 minutes for {node}, which no longer exists: its last list of volumes in use still \
                   counts, and {pod} waits elsewhere.",
        shape: Shape::InUsePinned,
        classes: &[Slow],
        states: "in use by the memory of a node that is gone; wanted elsewhere",
        how: "The deletion of the Node does not end what it last reported in use.",
        evidence: "Error removing node from desired-state-of-world; Multi-Attach; a forced detach about 6 minutes later.",
        recognised: "The wait for an unmount of a node that was deleted ends only with the timer.",
        affects: "all of Kubernetes to 1.36; upstream is of two minds whether it is a bug",
        issues: &[
            "kubernetes/kubernetes#136029",
            "kubernetes/kubernetes#33061",
            "kubernetes/kubernetes#50200",
        ],
        acts: &[
            heals("wait", "none: 6 minutes"),
            heals("delete-va", "only when the machine is surely gone"),
            harms("restart-controller", "it starts the 6 minutes once more"),
        ],
        ..BLANK
    },
    Mechanism {
        name: "unreachable-node-pod-never-goes",
        title: "The pod of a lost node is marked for deletion and nobody confirms it, so its volume stays wanted there \
                and no timer runs.",
        headline: "{pod} of the lost {node} still counts, so {volume} stays wanted there: no 6-minute timer runs, somebody \
                   must act.",
        shape: Shape::WishWrong,
        classes: &[Dead],
        states: "WANTED on the dead node; wanted elsewhere",
        how: "Only the kubelet can confirm that containers ended, and it is gone; the Node object stays.",
        evidence: "Multi-Attach error … Volume is already used by pod(s), naming the ghost; the pod Terminating with the \
                   node NotReady.",
        recognised: "The wish on the lost node never goes, so the 6 minutes never begin.",
        affects: "all releases; by design",
        issues: &[
            "kubernetes/kubernetes#65392",
            "kubernetes/kubernetes#57497",
            "kubernetes/kubernetes#50944",
            "ceph/ceph-csi#740",
        ],
        acts: &[
            heals("out-of-service-taint", "only when the node is surely off"),
            heals("force-delete-pod", "only when the node is surely off; then 6 minutes"),
            vain("wait", "no timer runs"),
        ],
        ..BLANK
    },
    Mechanism {
        name: "out-of-service-taint-on-live-node",
        title: "The out-of-service taint is set on a node that lives: its volumes are detached under their mounts.",
        headline: "{volume} was detached from {node} by its out-of-service taint while {node} was alive.",
        shape: Shape::InUseLost,
        classes: &[Unsafe],
        states: "MOUNTED, in use; controller DETACHED",
        how: "The taint skips both the look at volumesInUse and the look at the node. Left on after the node is back, \
              it does so again.",
        evidence: "node has out-of-service taint, force detaching; the kubelet of that node logs or renews its lease \
                   after it.",
        recognised: "A forced detach by the taint, with evidence that the node lives.",
        affects: "Kubernetes 1.26 on (1.24 by a gate)",
        since: Some(v(1, 24, 0)),
        issues: &["kubernetes/kubernetes#108486", "kubernetes/kubernetes#111380"],
        advice: "Reboot the node, then remove the taint; check the file system.",
        ..BLANK
    },
];
