//! Mechanisms of the controller's report: what it writes into `node.status.volumesAttached`, and what it forgets.

use super::Class::{Dead, Live, Slow, Unsafe};
use super::{BLANK, Fix, Mechanism, Shape, harms, heals, vain};
use crate::model::profile::Behaviour;

const LOST_REPORT: &str = "{pod} can't start on {node}: {volume} is attached there, but {node}'s status no longer says \
                           so, and nothing will write it again.";

pub const ROWS: &[Mechanism] = &[
    Mechanism {
        name: "detach-backoff-drops-report-as-attached",
        title: "A retry of a detach that back-off refuses takes the volume off the node's report, and nobody puts it back.",
        headline: LOST_REPORT,
        shape: Shape::ReportLost,
        classes: &[Dead],
        states: "wanted, controller attached, VolumeAttachment attached, in use; NOT reported",
        how: "A pod goes, the detach runs and fails, and the volume is put back on the list to report. The next pass, \
              100 ms later, takes it off again before it asks whether a detach may start; back-off refuses, and only \
              that error is swallowed. When the pod comes back to the same node, the controller finds the volume \
              attached and does nothing more.",
        evidence: "DetachVolume.Detach failed with durationBeforeRetry; then a patch of the node without the volume, or \
                   an empty patch ({}), without a detach after it. The refusal itself is logged at no verbosity. The \
                   kubelet: Volume not attached according to node status.",
        recognised: "The controller holds the volume attached, no operation runs, and its list to report lacks it. The \
                     operation is the un-report of the refused retry, not the failed detach; the trigger is the pod's \
                     return.",
        affects: "Kubernetes since detach knows back-off (seen from 1.12 on)",
        fix: Fix::By(Behaviour::BackoffCheckedBeforeUnreport),
        issues: &[
            "kubernetes/kubernetes#88565",
            "kubernetes/kubernetes#72181",
            "kubernetes/kubernetes#49053",
            "kubernetes/kubernetes#104526",
        ],
        acts: &[
            heals("restart-controller", "none"),
            heals("delete-pod-other-node", "none"),
            vain(
                "delete-pod-same-node",
                "useless unless it stays away until the detach is done",
            ),
            vain("restart-kubelet", "it reads the same report"),
            vain("touch-node", "the list to report itself lacks the volume"),
            vain("other-volume-on-node", "the list to report itself lacks the volume"),
            harms(
                "report-by-hand",
                "the next patch wipes it, or it stays as a ghost when the detach ends later",
            ),
        ],
        advice: "Where the driver refused the detach and gives in later, the attacher finishes alone and the minutely \
                 check attaches anew. Deleting the VolumeAttachment heals too while nothing is mounted; under a mount \
                 it is unsafe.",
        ..BLANK
    },
    Mechanism {
        name: "pending-op-drops-report-as-attached",
        title: "A detach that another pending operation refuses takes the volume off the report, and nobody puts it back.",
        headline: LOST_REPORT,
        shape: Shape::ReportLost,
        classes: &[Dead],
        states: "wanted, controller attached, VolumeAttachment attached; NOT reported",
        how: "The volume is taken off the report for a detach; the start is refused because an attach elsewhere or the \
              minutely check of this node is pending on the same volume; the pod comes back to the node.",
        evidence: "Only the node's patch (at -v=4). The refusal is silent.",
        recognised: "As detach-backoff-drops-report-as-attached, with an operation pending at the refused start and no \
                     failed detach before it.",
        affects: "Kubernetes up to 1.21.6 and 1.22.3",
        fix: Fix::By(Behaviour::ReaddToReportOnDetachStartFailure),
        issues: &[
            "kubernetes/kubernetes#72181",
            "kubernetes/kubernetes#49053",
            "kubernetes/kubernetes#104526",
        ],
        acts: &[
            heals("restart-controller", "none"),
            heals("delete-pod-other-node", "none"),
            vain("restart-kubelet", "it reads the same report"),
        ],
        not_visible: Some(
            "The model never comes to it: each pass asks for pending operations before it takes a volume off the \
             report, and a search through all 494,770 states of two nodes, one volume and one pod finds none \
             (adtrace model explore --kubernetes-version 1.22.0 --with backoff_checked_before_unreport --depth 1000). \
             A loss of that kind would bear this name for want of a failed detach.",
        ),
        ..BLANK
    },
    Mechanism {
        name: "status-update-failure-drops-report",
        title: "The node's patch before a detach fails; the patch at the end of the pass then publishes the removal \
                although no detach was started.",
        headline: LOST_REPORT,
        shape: Shape::ReportLost,
        classes: &[Dead],
        states: "controller attached, VolumeAttachment attached, wanted again later; NOT reported",
        how: "Un-reported for a detach; the patch fails (conflict, time-out, API restart), so the detach is skipped, but \
              the volume stays off the list. The second patch of the same pass succeeds and removes it. The pod comes \
              back while the slow patch blocks.",
        evidence: "UpdateNodeStatuses failed while attempting to report volume as attached; in the audit log a failed \
                   PATCH of nodes/status (409, 429, 504) and, within a second, a 200 without the volume; no DELETE of \
                   the VolumeAttachment.",
        recognised: "A patch succeeds with the volume removed and no detach follows in that pass. Needs a patch that \
                     fails slowly: after a quick failure the next pass detaches as it should.",
        affects: "Kubernetes up to 1.22.13, 1.23.10, 1.24.4 and 1.25.0",
        fix: Fix::By(Behaviour::ReaddToReportOnStatusUpdateFailure),
        issues: &["kubernetes/kubernetes#111000", "kubernetes/kubernetes#111205"],
        acts: &[
            heals("restart-controller", "none"),
            heals("delete-pod-other-node", "none"),
            vain("other-volume-on-node", "the list to report itself lacks the volume"),
            vain("restart-kubelet", "it reads the same report"),
        ],
        ..BLANK
    },
    Mechanism {
        name: "node-status-updater-aborts-on-first-error",
        title: "One node whose patch fails swallows the report that is due on another node.",
        headline: "{pod} can't start on {node}: {volume} is attached there, but the write that should tell {node} was \
                   dropped when another node's write failed.",
        shape: Shape::ReportLost,
        classes: &[Dead, Live],
        states: "wanted, controller attached, to report, VolumeAttachment attached; NOT reported",
        how: "Attaches on two nodes succeed. The updater clears the flags of all nodes and patches them one after the \
              other; the first patch fails, the loop ends, and only that node is flagged again.",
        evidence: "could not update node status for node (the other one); AttachVolume.Attach succeeded for this volume \
                   and no patch of this node after it.",
        recognised: "The list to report has the volume, no write is due, the node's status lacks it; the operation is \
                     the other node's failed patch. Detaches on all nodes stall while one node's patch fails.",
        affects: "Kubernetes up to 1.21.11, 1.22.7 and 1.23.4",
        fix: Fix::By(Behaviour::NodeStatusContinueAfterError),
        issues: &["kubernetes/kubernetes#107973", "kubernetes/kubernetes#108167"],
        acts: &[
            heals("other-volume-on-node", "none"),
            heals("restart-controller", "none"),
            heals("report-by-hand", "only while the controller's own list has the volume"),
            vain(
                "delete-pod-same-node",
                "the controller still counts the report as written",
            ),
            vain("restart-kubelet", "it reads the same report"),
        ],
        advice: "Any attach or detach on that node writes the whole list again.",
        ..BLANK
    },
    Mechanism {
        name: "stale-node-cache-empty-patch",
        title: "The node's patch is computed against an old cached node, comes out empty and counts as done.",
        headline: LOST_REPORT,
        shape: Shape::ReportLost,
        classes: &[Dead],
        states: "controller attached, to report; NOT reported (or the reverse: reported though detached)",
        how: "The volume leaves the report, the patch is written; the detach is refused or fails, the volume is put \
              back before the informer shows the first write. The cached node still has the volume, so the second \
              patch is empty, and the flag is cleared.",
        evidence: "Updating status \"{}\" (patchBytes=\"{}\" in structured logs) right after a patch that was not empty; \
                   a PATCH that does not change the resourceVersion.",
        recognised: "The list to report just gained the volume, the patch does not mention it, and no write is due any \
                     more.",
        affects: "all of Kubernetes to 1.36; most likely from 1.23 on, where removal, patch and return fit in one pass",
        issues: &["kubernetes/kubernetes#122413", "kubernetes/kubernetes#122414"],
        acts: &[
            heals("other-volume-on-node", "none"),
            heals("restart-controller", "none"),
            heals("report-by-hand", "only while the controller's own list has the volume"),
            vain("restart-kubelet", "it reads the same report"),
        ],
        advice: "A throw-away pod with a volume on that node is enough: its attach writes the whole list.",
        ..BLANK
    },
    Mechanism {
        name: "node-missing-when-reporting-attach",
        title: "An attach ended while the Node object was away, and its report was dropped for good.",
        headline: LOST_REPORT,
        shape: Shape::ReportLost,
        classes: &[Dead, Live],
        states: "controller attached; NOT reported",
        how: "The Node is deleted, the controller attaches again for a pod not yet collected, finds no node to report \
              to and drops the report; then the node returns.",
        evidence: "Could not update node status. Failed to find node in NodeInformer cache.",
        recognised: "The due report of a node is consumed while the node is not in the cache, and no node-add follows.",
        affects: "Kubernetes 1.7; later ones arm the report again on a node-add, so that only a node that comes back as \
                  an update keeps the hole",
        issues: &["kubernetes/kubernetes#50721", "kubernetes/kubernetes#50806"],
        acts: &[
            heals("restart-controller", "none"),
            heals("other-volume-on-node", "none"),
        ],
        ..BLANK
    },
    Mechanism {
        name: "node-reregistered-report-wiped",
        title: "The Node object is deleted and created again, and its report starts empty.",
        shape: Shape::ReportLost,
        classes: &[Live, Dead],
        states: "controller attached; report empty for one pass",
        how: "A kubelet or a person deletes the Node and it registers anew, without volumesAttached.",
        evidence: "Audit: DELETE and CREATE of the Node; then the controller's patch with the whole list.",
        recognised: "A node-add is not followed, within a pass, by a patch with the whole list.",
        affects: "Kubernetes up to 1.5 for kubelet restarts; any release when the Node is deleted by hand",
        issues: &["kubernetes/kubernetes#37586", "kubernetes/kubernetes#37727"],
        advice: "Heals by itself within a pass since 1.5. If the machine itself was replaced, see \
                 node-recreated-va-says-attached.",
        ..BLANK
    },
    Mechanism {
        name: "uncertain-volume-reported-after-failed-detach",
        title: "A volume that perhaps never attached is published as attached.",
        shape: Shape::ReportTrusted,
        classes: &[Unsafe],
        states: "controller uncertain, storage unknown; REPORTED",
        how: "An attach times out and leaves the volume uncertain; the pod goes; the detach fails, and the failure path \
              puts the volume on the report.",
        evidence: "AttachVolume.Attach failed, DetachVolume.Detach failed, then a patch that adds the volume without \
                   any AttachVolume.Attach succeeded.",
        recognised: "Reported although the controller does not hold it attached.",
        affects: "Kubernetes up to 1.26.9, 1.27.6 and 1.28.2",
        fix: Fix::By(Behaviour::DetachErrorMarksUncertain),
        issues: &["kubernetes/kubernetes#109951", "kubernetes/kubernetes#120595"],
        advice: "The next attach or detach that succeeds ends it; with CSI the kubelet's look at the VolumeAttachment \
                 catches it before a mount.",
        ..BLANK
    },
    Mechanism {
        name: "failed-detach-still-trusted-as-attached",
        title: "A detach fails and its VolumeAttachment keeps dying, but the controller goes on calling the volume \
                attached; a pod that returns trusts it.",
        headline: "{pod} can't start on {node}: the controller calls {volume} attached after a failed detach, but its \
                   VolumeAttachment is being deleted or is gone.",
        shape: Shape::ReportTrusted,
        classes: &[Dead, Live, Unsafe],
        states: "wanted, controller attached, reported; VolumeAttachment DETACHING, then GONE; storage detached",
        how: "The driver's detach fails or times out; the controller puts the volume back on the report; the attacher \
              goes on by itself. The pod returns (or the controller restarts and believes the report); then the \
              attacher finishes, and nobody creates a new VolumeAttachment.",
        evidence: "Kubelet: volume attachment is being deleted, later a GET error: no relationship found between node \
                   and this object, which is how the authorizer says that it does not exist. The controller is silent \
                   until the minutely check says no longer attached.",
        recognised: "The controller holds the volume attached while its VolumeAttachment is being deleted or gone. The \
                     operation is the failed detach, the trigger the pod's return or the restart.",
        affects: "Kubernetes up to 1.26.9, 1.27.6 and 1.28.2",
        fix: Fix::By(Behaviour::DetachErrorMarksUncertain),
        issues: &["kubernetes/kubernetes#120571", "kubernetes/kubernetes#120595"],
        acts: &[
            heals("restart-controller", "only once the VolumeAttachment is gone"),
            heals(
                "driver-recovers",
                "the minutely check attaches anew, unless the volume has no spec",
            ),
            vain("delete-pod-same-node", "it comes back to the same belief"),
            vain("restart-kubelet", "it reads the same VolumeAttachment"),
        ],
        advice: "Scale the workload to 0 until the volume has left the node's report, then up again. The kubelet's \
                 \"forbidden\" is no question of permissions.",
        ..BLANK
    },
    Mechanism {
        name: "nil-spec-after-restart-freezes-cell",
        title: "A volume that a restarted controller knows only from the node's report has no spec: the minutely check \
                skips it and never sees that its VolumeAttachment is gone.",
        headline: "{pod} can't start on {node}: the controller believes {volume} attached from the node's report, has \
                   no spec for it, and never checks that its VolumeAttachment is gone.",
        shape: Shape::ReportTrusted,
        classes: &[Dead],
        states: "controller attached (without spec), reported; VolumeAttachment NONE; storage detached",
        how: "A detach fails; the controller restarts while no pod uses the volume on the node, and takes it from the \
              report without a spec; the pod returns and finds it attached; the VolumeAttachment vanishes.",
        evidence: "nil spec for volume, once a minute; the kubelet as in failed-detach-still-trusted-as-attached.",
        recognised: "The minutely check takes no step for the cell although the VolumeAttachment is absent.",
        affects: "Kubernetes from 1.7 on; together with the failed detach up to 1.26.9, 1.27.6 and 1.28.2",
        fix: Fix::By(Behaviour::DetachErrorMarksUncertain),
        issues: &[
            "kubernetes/kubernetes#108869",
            "kubernetes/kubernetes#108221",
            "kubernetes/kubernetes#49418",
        ],
        acts: &[
            heals("restart-controller", "while the pod exists, so that it fills the spec"),
            vain("delete-pod-same-node", "the cell stays as it is"),
            vain("restart-kubelet", "the controller's belief stays"),
        ],
        advice: "Or scale the workload to 0 until the volume has left the node's report.",
        ..BLANK
    },
    Mechanism {
        name: "sync-api-error-drops-healthy-volume",
        title: "The minutely check takes any error of a GET for \"not attached\" and drops a healthy volume.",
        shape: Shape::AttachmentForgotten,
        classes: &[Live, Dead],
        states: "controller DETACHED, report dropped; VolumeAttachment attached, mounted",
        how: "The API does not answer the check's GET of the VolumeAttachment; the volume is marked detached. If a pod \
              wants it, the next pass attaches it again; if none does, the VolumeAttachment is forgotten.",
        evidence: "no longer attached to node, therefore it was marked as detached (v1) near API errors; then an attach \
                   that succeeds in half a second without the attacher.",
        recognised: "The controller drops the volume although the audit log has its VolumeAttachment attached.",
        affects: "all releases, on API misses; rare since 1.19, which asks the informer first",
        issues: &["kubernetes/kubernetes#56455", "kubernetes-csi/external-attacher#215"],
        advice: "Heals by itself while a pod wants the volume.",
        ..BLANK
    },
    Mechanism {
        name: "intree-vsphere-node-cache-empty-marks-detached",
        title: "After a restart the in-tree vSphere plugin knows no machines and answers \"not attached\", which the \
                minutely check believes.",
        shape: Shape::AttachmentForgotten,
        classes: &[Dead, Slow],
        states: "controller DETACHED, report dropped; storage attached",
        how: "The plugin's cache of machines is empty in the first minute; volumes are marked detached; attaches \
              elsewhere are refused by the storage.",
        evidence: "VerifyVolumesAreAttached: no longer attached (v1) within a minute of the start; No VM found.",
        recognised: "The check's answer contradicts what the storage shows.",
        affects: "the in-tree vSphere plugin, to its removal; Cinder's had the same in older releases",
        issues: &["kubernetes/kubernetes#117091", "kubernetes/kubernetes#56455"],
        advice: "Detach the disk in vCenter.",
        not_visible: Some(
            "In a bundle the once-a-minute check finds the disk gone, as it should where it is gone; an \
             in-tree plugin has no VolumeAttachment that says otherwise. Ask vCenter which machine holds the \
             disk.",
        ),
        ..BLANK
    },
    Mechanism {
        name: "attach-required-flip-keeps-wanting-attach",
        title: "A CSIDriver appears late with attachRequired: false, and the controller goes on wanting the attach.",
        shape: Shape::WishWrong,
        classes: &[Dead],
        states: "WANTED for a volume that is not attachable",
        how: "The CSIDriver object is created after the pod was counted.",
        evidence: "AttachVolume.FindAttachablePluginBySpec failed.",
        recognised: "A volume of a driver without attach stays wanted for more than a minute.",
        affects: "Kubernetes up to 1.19",
        since: None,
        fix: Fix::By(Behaviour::DropNonattachableFromDsw),
        issues: &["kubernetes/kubernetes#89173", "kubernetes/kubernetes#93710"],
        acts: &[heals("restart-controller", "none")],
        ..BLANK
    },
    Mechanism {
        name: "attach-required-flip-leaks-va",
        title: "The driver stops needing attach, and the VolumeAttachment is left behind.",
        shape: Shape::AttachmentForgotten,
        classes: &[Dead],
        states: "controller detached; VolumeAttachment LEFT",
        how: "A success can't be recorded under the recomputed name, or the walk at start skips the driver.",
        evidence: "The event SuccessfulAttachVolume, then nothing; the VolumeAttachment is never deleted.",
        recognised: "A VolumeAttachment exists that the controller neither holds nor attaches.",
        affects: "Kubernetes up to 1.35; the walk at start to 1.36",
        fix: Fix::By(Behaviour::MarkAttachedByName),
        issues: &[
            "kubernetes/kubernetes#129572",
            "kubernetes/kubernetes#129664",
            "kubernetes/kubernetes#141151",
        ],
        acts: &[heals("delete-va", "none while the driver needs no attach")],
        advice: "Harmless until the driver needs attach again; it blocks the deletion of the PersistentVolume.",
        ..BLANK
    },
    Mechanism {
        name: "kubelet-and-controller-disagree-on-volume-name",
        title: "The kubelet waits for a name that the controller never reports.",
        headline: "{pod} can't start on {node}: its kubelet waits for {volume} under one name, the controller reports \
                   it under another.",
        shape: Shape::NameSplit,
        classes: &[Dead],
        states: "reported under one name, waited for and in use under another",
        how: "Migration gates or the CSINode annotation differ between kubelet and controller, in a staggered upgrade or \
              after a CSIDriver was deleted.",
        evidence: "Volume not attached according to node status, with a UniqueName other than the one in the node's \
                   status; CSINode annotation storage.alpha.kubernetes.io/migrated-plugins.",
        recognised: "The kubelet's name belongs to no volume of the controller, but translates to one.",
        affects: "any staggered upgrade to CSI migration",
        issues: &["kubernetes/kubernetes#98687", "kubernetes/kubernetes#100445"],
        acts: &[heals("restart-kubelet", "after versions and gates agree")],
        not_visible: Some(
            "adtrace does not translate in-tree names into CSI names: the name that the kubelet waits for \
             and the one that the controller reports count as two volumes. Compare the UniqueName in the \
             kubelet's line with the node's volumesAttached.",
        ),
        ..BLANK
    },
    Mechanism {
        name: "node-not-annotated-as-managed",
        title: "The node lacks the annotation for controller-managed attach: the controller never wants anything there, \
                while its kubelet waits for the controller.",
        headline: "{pod} can't start on {node}: the controller leaves {node} alone, as it lacks the annotation for \
                   controller-managed attach, while its kubelet waits for the controller.",
        shape: Shape::WishWrong,
        classes: &[Dead],
        states: "a bound pod, yet NOT wanted; not reported; the kubelet waits",
        how: "The Node was created by another party, or the annotation was removed.",
        evidence: "The kubelet: not attached according to node status, or not yet in volumesInUse. The controller does \
                   not say one line about the volume.",
        recognised: "A pod is bound to the node and its volume is not wanted there, because the node is not managed.",
        affects: "Kubernetes 1.3 by a bug; any release where the annotation is missing",
        issues: &[
            "kubernetes/kubernetes#28710",
            "kubernetes/kubernetes#31673",
            "kubernetes/kubernetes#56323",
        ],
        acts: &[heals("restart-kubelet", "none")],
        advice: "A restarted kubelet writes the annotation; then the populator counts the pod within 3 minutes.",
        ..BLANK
    },
    Mechanism {
        name: "missed-pod-deletion-keeps-volume",
        title: "A pod's deletion is missed, and its volume stays wanted or attached.",
        shape: Shape::WishWrong,
        classes: &[Slow, Dead],
        states: "WANTED by a pod that is gone",
        how: "The delete event is lost: an old informer, a tombstone, a controller that was down.",
        evidence: "DELETE of the pod in the audit log; no DetachVolume started after the volume left volumesInUse.",
        recognised: "The volume stays wanted although its pod is gone, beyond the populator's minute.",
        affects: "Kubernetes up to 1.5 badly; later bounded by the populator and the start; from 1.36 on a deletion that is \
                  seen late counts too",
        fix: Fix::By(Behaviour::PodDeleteTombstone),
        issues: &[
            "kubernetes/kubernetes#34242",
            "kubernetes/kubernetes#42784",
            "kubernetes/kubernetes#136701",
        ],
        acts: &[heals("restart-controller", "none")],
        ..BLANK
    },
];
