//! The name of a divergence: which rule broke, by which operation, under which circumstances.
//!
//! In: a broken rule and its story. Out: the catalogue's name, `unknown` where none fits. One table: a maintainer adds
//! a mechanism by adding an arm; the replay has found the divergence before anything here is asked.

use super::catalogue::UNKNOWN;
use super::outlook::Broken;
use super::story::Story;
use crate::model::profile::{Behaviour, Profile};
use crate::replay::{Cell, Deed, Run, StepId};

/// Names a broken rule by the operation that broke it.
#[must_use]
pub fn of(run: &Run, profile: Profile, cell: Cell, rule: Broken, story: &Story) -> &'static str {
    let deed = run.steps.get(story.operation as usize).map(|step| step.deed);
    match (rule, deed) {
        (Broken::Unreported, _) => unreported(run, cell, story.operation, deed),
        (Broken::ReportLost, Some(Deed::ReportForgotten)) => "node-status-updater-aborts-on-first-error",
        (Broken::ReportLost, Some(Deed::ReportPatchEmpty)) => "stale-node-cache-empty-patch",
        (Broken::ReportLost, Some(Deed::ReportEdited)) => "in-use-list-overwritten-by-third-party",
        (Broken::ReportLost, Some(Deed::ReportRemovalPublished)) => "stale-node-cache-empty-patch",
        (Broken::ReportLost, Some(Deed::NodeCreated)) => "node-missing-when-reporting-attach",
        (Broken::AttachmentGone, Some(Deed::VaDeletedByHand | Deed::VaStripped)) => "va-stripped-or-deleted-by-hand",
        (Broken::AttachmentGone, _) if spec_unknown(run, cell) => "nil-spec-after-restart-freezes-cell",
        (Broken::AttachmentGone, _) => "failed-detach-still-trusted-as-attached",
        (Broken::WantedInVain, _) => "attach-required-flip-keeps-wanting-attach",
        (Broken::AttachmentForgotten, Some(Deed::AttachNotHeld)) => "attach-required-flip-leaks-va",
        (Broken::AttachmentForgotten, _) if attaches_nothing(run, cell, story.operation) => {
            "attach-required-flip-leaks-va"
        }
        (Broken::AttachmentForgotten, Some(Deed::ControllerStarted)) => forgotten(run, profile, cell, story.operation),
        (Broken::AttachmentForgotten, Some(Deed::SyncLost)) => "sync-api-error-drops-healthy-volume",
        (Broken::AttachmentForgotten, _) => "va-left-after-reported-detach-success",
        (Broken::BackEndForgotten, Some(Deed::VaStripped | Deed::VaDeletedByHand)) => "va-stripped-or-deleted-by-hand",
        (Broken::BackEndForgotten, _) if attached_in_vain(run, cell, story.operation) => {
            "va-hard-deleted-while-finalizer-was-added"
        }
        (Broken::BackEndForgotten, _) => "va-without-finalizer-detach-without-driver-call",
        (Broken::AttachNotAsked, _) => "va-bound-to-deleted-pv-with-same-handle",
        (Broken::DetachNotAsked, _) if lacks_volume(run, cell) => "va-detach-blocked-by-missing-pv",
        (Broken::DetachNotAsked, _) => "detach-needs-node-id-of-lost-node",
        (Broken::MachineReplaced, _) => "node-recreated-va-says-attached",
        (Broken::NotDesired, _) => "node-not-annotated-as-managed",
        (Broken::ReportLost, _) => UNKNOWN,
    }
}

/// A volume off the list: by a refused retry, or by a detach that a failed patch stopped.
fn unreported(run: &Run, cell: Cell, operation: StepId, deed: Option<Deed>) -> &'static str {
    let here =
        |step: &&crate::replay::Step| step.node == Some(cell.1) && step.volume.is_none_or(|volume| volume == cell.0);
    let after: Vec<Deed> = run
        .steps
        .iter()
        .skip(operation as usize)
        .take(30)
        .filter(here)
        .map(|step| step.deed)
        .collect();
    let started = after
        .iter()
        .position(|deed| matches!(deed, Deed::DetachStarted | Deed::DetachForced));
    let failed = after
        .iter()
        .position(|deed| matches!(deed, Deed::ReportPatchFailed | Deed::DetachSkipped));
    match (deed, failed, started) {
        (_, Some(failed), None) if deed != Some(Deed::DetachRefused) || failed <= 1 => {
            "status-update-failure-drops-report"
        }
        (_, Some(failed), Some(started)) if failed < started => "status-update-failure-drops-report",
        (Some(Deed::DetachSkipped), _, _) => "status-update-failure-drops-report",
        (Some(Deed::DetachRefused), _, _) => "detach-backoff-drops-report-as-attached",
        _ if failed_before(run, cell, operation) => "detach-backoff-drops-report-as-attached",
        _ => "pending-op-drops-report-as-attached",
    }
}

/// Whether a detach of this pair failed shortly before.
fn failed_before(run: &Run, cell: Cell, operation: StepId) -> bool {
    let before = run.steps.iter().take(operation as usize).rev().take(30);
    before
        .filter(|step| step.volume == Some(cell.0) && step.node == Some(cell.1))
        .any(|step| step.deed == Deed::DetachFailed)
}

/// Whether the driver attached after the `VolumeAttachment` had gone.
fn attached_in_vain(run: &Run, cell: Cell, gone: StepId) -> bool {
    let later = run.steps.iter().skip(gone as usize);
    let mut here = later.filter(|step| step.volume == Some(cell.0) && step.node == Some(cell.1));
    here.any(|step| step.deed == Deed::AttachedInVain)
}

/// Whether the attacher lacks the persistent volume, by its last word about the pair.
fn lacks_volume(run: &Run, cell: Cell) -> bool {
    let failed = |deed| matches!(deed, Deed::VaDetachError | Deed::AttacherFails);
    let mut words = run.steps.iter().rev();
    let last = words.find(|step| failed(step.deed) && step.volume == Some(cell.0) && step.node == Some(cell.1));
    last.and_then(|step| step.error.as_deref())
        .is_some_and(|text| text.contains("persistentvolume "))
}

/// Whether the driver had stopped to attach by this step.
fn attaches_nothing(run: &Run, cell: Cell, upto: StepId) -> bool {
    let says = |deed| matches!(deed, Deed::DriverStopsAttaching | Deed::DriverAttaches);
    let mut words = run.back_on(cell, upto).filter(|(_, step)| says(step.deed));
    words
        .next()
        .is_some_and(|(_, step)| step.deed == Deed::DriverStopsAttaching)
}

fn spec_unknown(run: &Run, cell: Cell) -> bool {
    run.steps
        .iter()
        .any(|step| step.deed == Deed::SyncSkipped && step.volume == Some(cell.0) && step.node == Some(cell.1))
}

/// A new process that does not know an attachment: a detach had begun, or an attach had not ended.
fn forgotten(run: &Run, profile: Profile, cell: Cell, restart: StepId) -> &'static str {
    if profile.has(Behaviour::VaWalkAtStart) {
        return "va-left-after-reported-detach-success";
    }
    let before = run.steps.iter().take(restart as usize).rev();
    let mut here = before.filter(|step| step.volume == Some(cell.0) && step.node == Some(cell.1));
    let attach = here.find(|step| {
        matches!(
            step.deed,
            Deed::ReportDropped
                | Deed::DetachRefused
                | Deed::DetachStarted
                | Deed::AttachStarted
                | Deed::ReportPublished
        )
    });
    match attach.map(|step| step.deed) {
        Some(Deed::AttachStarted) => "kcm-restart-during-attach-leaves-dangling",
        _ => "kcm-restart-forgets-started-detach",
    }
}
