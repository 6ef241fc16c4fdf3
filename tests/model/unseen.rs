//! Behaviours that none of the recorded scripts notices: each release does what its row of the table says.

use adtrace::model::asw::Attachment;
use adtrace::model::operations::AttachOutcome;
use adtrace::model::outside::{Note, Traits};
use adtrace::model::{Cell, Config, Controller, PathId, VolumeId};

use super::controller::{Api, HERE, N1, N2, POD, START, THERE, V, attached, node, pod, profile};

/// The driver stops to attach while an attach is under way, which then succeeds.
fn attach_of_a_driver_that_stops(version: &str) -> (Controller, Api) {
    let (mut controller, mut api) = attached(version);
    api.traits = Traits::SHARED;
    controller.pod_updated(pod(POD, N2), &api);
    controller.consider_attach(THERE, START, &mut api);
    api.traits.attachable = false;
    api.notes.clear();
    controller.attach_ended(THERE, AttachOutcome::Attached(PathId::NONE), START, &mut api);
    (controller, api)
}

fn told_of_success(api: &Api) -> bool {
    api.notes.iter().any(|note| matches!(note, Note::AttachSucceeded(..)))
}

/// `attach_event_after_mark`, `mark_attached_by_name`.
#[test]
fn an_attach_whose_driver_stops_to_attach_leaks_until_1_35() {
    for (version, known) in [("1.35.0", None), ("1.36.0", Some(Attachment::Attached))] {
        let (controller, api) = attach_of_a_driver_that_stops(version);
        assert_eq!(controller.actual.state(THERE), known, "{version}");
        assert!(told_of_success(&api), "{version}");
    }
}

/// `attach_event_after_mark` alone: where the mark fails nobody is told of a success.
#[test]
fn a_success_is_told_before_the_mark_until_1_35() {
    use adtrace::model::Behaviour::{AttachEventAfterMark, MarkAttachedByName};
    for (after_mark, told) in [(false, true), (true, false)] {
        let (mut controller, mut api) = attached("1.36.0");
        let profile = controller.profile().without(MarkAttachedByName);
        controller.behave(if after_mark {
            profile
        } else {
            profile.without(AttachEventAfterMark)
        });
        api.traits = Traits::SHARED;
        controller.pod_updated(pod(POD, N2), &api);
        controller.consider_attach(THERE, START, &mut api);
        api.traits.attachable = false;
        controller.attach_ended(THERE, AttachOutcome::Attached(PathId::NONE), START, &mut api);
        assert_eq!(told_of_success(&api), told);
    }
}

/// `drop_nonattachable_from_dsw`.
#[test]
fn a_volume_whose_driver_stops_to_attach_stays_wanted_until_1_19() {
    for (version, wanted) in [("1.19.0", true), ("1.20.0", false)] {
        let (mut controller, mut api) = attached(version);
        controller.pod_updated(pod(POD, N1), &api);
        api.traits.attachable = false;
        controller.populate(&[pod(POD, N1)], START, &api);
        assert_eq!(controller.desired.wants(HERE), wanted, "{version}");
    }
}

/// `pod_delete_tombstone`.
#[test]
fn a_deletion_that_was_not_seen_is_left_to_the_populator_in_old_releases() {
    let fix = adtrace::model::Behaviour::PodDeleteTombstone;
    for counts in [false, true] {
        let (mut controller, api) = attached("1.36.2");
        let profile = controller.profile();
        controller.behave(if counts { profile } else { profile.without(fix) });
        controller.pod_updated(pod(POD, N1), &api);
        controller.pod_deleted_unseen(pod(POD, N1), &api);
        assert_eq!(controller.desired.wants(HERE), !counts);
        controller.populate(&[], START, &api);
        assert!(!controller.desired.wants(HERE));
    }
}

/// `va_walk_takes_non_attachable`, after 1.36.
#[test]
fn the_walk_at_start_skips_drivers_that_no_longer_attach_until_1_36() {
    for (version, known) in [("1.36.0", None), ("1.37.0", Some(Attachment::Uncertain))] {
        let mut controller = Controller::new(profile(version), Config::default(), START);
        let mut api = Api::new();
        api.traits.attachable = false;
        let lost = Cell::new(VolumeId(1), N2);
        controller.start_from(&[node(N1, &[V]), node(N2, &[])], &[lost], &[], &api);
        assert_eq!(controller.actual.state(lost), known, "{version}");
    }
}
