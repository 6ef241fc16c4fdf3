//! The controller part by part, rule by rule: what it believes, what it tells nodes, what it starts.

use adtrace::model::asw::{Actual, Attachment, Missing};
use adtrace::model::controller::{NodeView, PodView};
use adtrace::model::dsw::{Desired, StillWanted};
use adtrace::model::operations::{AttachOutcome, LiveNode};
use adtrace::model::outside::{Health, Lookup, Note, Patch, PatchError, Traits};
use adtrace::model::pending::OpName;
use adtrace::model::{Cell, Config, Controller, NodeId, Outside, PathId, PodId, Profile, VolumeId, updater};
use adtrace::time::{Span, Time};

pub const V: VolumeId = VolumeId(0);
pub const N1: NodeId = NodeId(0);
pub const N2: NodeId = NodeId(1);
pub const HERE: Cell = Cell::new(V, N1);
pub const THERE: Cell = Cell::new(V, N2);
pub const POD: PodId = PodId(0);
pub const START: Time = Time(0);

pub fn profile(version: &str) -> Profile {
    Profile::of(version.parse().unwrap())
}

/// An API whose answers each test sets, and that writes down what it is told.
pub struct Api {
    pub traits: Traits,
    pub ready: bool,
    pub cached: Vec<VolumeId>,
    pub refuses: Vec<NodeId>,
    pub patches: Vec<(NodeId, Patch)>,
    pub notes: Vec<Note>,
}

impl Api {
    pub fn new() -> Api {
        Api {
            traits: Traits::EXCLUSIVE,
            ready: true,
            cached: Vec::new(),
            refuses: Vec::new(),
            patches: Vec::new(),
            notes: Vec::new(),
        }
    }
}

impl Outside for Api {
    fn traits_of(&self, _: VolumeId) -> Traits {
        self.traits
    }
    fn health(&self, _: NodeId) -> Option<Health> {
        Some(Health {
            ready: self.ready,
            out_of_service: false,
        })
    }
    fn lookup(&mut self, _: NodeId) -> Lookup {
        Lookup::Found(self.cached.iter().map(|&volume| (volume, PathId::NONE)).collect())
    }
    fn patch(&mut self, node: NodeId, patch: &Patch) -> Result<(), PatchError> {
        self.patches.push((node, patch.clone()));
        if self.refuses.contains(&node) {
            Err(PatchError::Failed)
        } else {
            Ok(())
        }
    }
    fn note(&mut self, note: Note) {
        self.notes.push(note);
    }
}

pub fn node(id: NodeId, in_use: &[VolumeId]) -> NodeView {
    NodeView {
        node: id,
        managed: true,
        keep_terminated: false,
        attached: Vec::new(),
        in_use: in_use.to_vec(),
    }
}

pub fn pod(id: PodId, at: NodeId) -> PodView<'static> {
    PodView {
        pod: id,
        node: Some(at),
        volumes: &[V],
        terminated: false,
    }
}

/// A controller with two nodes, the volume attached to the first, reported, wanted by nobody, not in use.
pub fn attached(version: &str) -> (Controller, Api) {
    let mut controller = Controller::new(profile(version), Config::default(), START);
    controller.node_added(&node(N1, &[]));
    controller.node_added(&node(N2, &[]));
    controller.actual.mark_attached(HERE, true, PathId::NONE);
    let mut api = Api::new();
    update_all(&mut controller, &mut api).unwrap();
    controller.node_updated(&node(N1, &[]));
    api.cached = vec![V];
    api.patches.clear();
    api.notes.clear();
    (controller, api)
}

fn update_all(controller: &mut Controller, api: &mut Api) -> Result<(), updater::UpdateFailed> {
    let profile = controller.profile();
    updater::update_all(&mut controller.actual, profile, api)
}

mod actual_state {
    use super::*;

    #[test]
    fn an_attached_volume_is_reported_an_uncertain_one_is_not() {
        let mut actual = Actual::new(profile("1.36.2"));
        actual.mark_uncertain(HERE, true);
        assert!(!actual.is_reported(HERE));
        actual.mark_attached(HERE, true, PathId::NONE);
        assert!(actual.is_reported(HERE));
    }

    #[test]
    fn what_was_reported_stays_so_when_it_becomes_uncertain() {
        let mut actual = Actual::new(profile("1.36.2"));
        actual.mark_attached(HERE, true, PathId::NONE);
        actual.mark_uncertain(HERE, true);
        assert_eq!(actual.state(HERE), Some(Attachment::Uncertain));
        assert!(actual.is_reported(HERE));
    }

    #[test]
    fn only_sure_attachments_hold_a_volume() {
        let mut actual = Actual::new(profile("1.20.2"));
        actual.mark_uncertain(HERE, true);
        actual.mark_attached(THERE, true, PathId::NONE);
        assert_eq!(actual.nodes_holding(V).collect::<Vec<_>>(), [N2]);
    }

    #[test]
    fn a_new_pair_counts_as_mounted_until_its_node_says_otherwise() {
        for version in ["1.20.2", "1.36.2"] {
            let mut actual = Actual::new(profile(version));
            actual.set_in_use(N1, &[]);
            actual.mark_attached(HERE, true, PathId::NONE);
            assert!(actual.get(HERE).unwrap().mounted, "{version}");
            actual.set_in_use(N1, &[]);
            assert!(!actual.get(HERE).unwrap().mounted, "{version}");
        }
    }

    #[test]
    fn a_patch_is_due_only_for_changes_and_all_lists_are_taken_at_once() {
        let mut actual = Actual::new(profile("1.20.2"));
        actual.mark_attached(HERE, true, PathId::NONE);
        actual.mark_attached(THERE, true, PathId::NONE);
        assert_eq!(actual.take_reports().len(), 2);
        actual.mark_attached(HERE, true, PathId::NONE);
        assert!(actual.take_reports().is_empty());
        assert_eq!(actual.report_remove(Cell::new(VolumeId(9), N1)), Err(Missing));
        assert_eq!(actual.set_needed(NodeId(9)), Err(Missing));
    }

    #[test]
    fn the_detach_clock_runs_from_the_first_request_until_it_is_reset() {
        let mut actual = Actual::new(profile("1.20.2"));
        actual.mark_attached(HERE, true, PathId::NONE);
        assert_eq!(actual.request_detach(HERE, START), Ok(Span::ZERO));
        assert_eq!(actual.request_detach(HERE, START + Span::secs(9)), Ok(Span::secs(9)));
        actual.reset_detach_request(HERE);
        assert_eq!(actual.request_detach(HERE, START + Span::secs(20)), Ok(Span::ZERO));
    }
}

mod desired_state {
    use super::*;

    #[test]
    fn a_pair_lasts_as_long_as_its_last_pod_and_only_managed_nodes_have_pairs() {
        let mut desired = Desired::default();
        assert_eq!(desired.add_pod(POD, HERE), Err(Missing));
        desired.add_node(N1, false);
        desired.add_pod(POD, HERE).unwrap();
        desired.add_pod(PodId(1), HERE).unwrap();
        desired.delete_pod(POD, HERE);
        assert!(desired.wants(HERE));
        assert_eq!(desired.delete_node(N1), Err(StillWanted(1)));
        desired.delete_pod(PodId(1), HERE);
        assert!(!desired.wants(HERE));
        assert_eq!(desired.delete_node(N1), Ok(()));
    }

    #[test]
    fn the_populator_drops_one_pair_of_a_dead_pod_in_each_round() {
        let mut controller = Controller::new(profile("1.36.2"), Config::default(), START);
        controller.node_added(&node(N1, &[]));
        let both = [V, VolumeId(1)];
        let wide = PodView {
            volumes: &both,
            ..pod(POD, N1)
        };
        controller.pod_updated(wide, &Api::new());
        for left in [1, 0] {
            controller.populate(&[], START, &Api::new());
            assert_eq!(controller.desired.wanted().len(), left);
        }
    }
}

mod reconciler {
    use super::*;

    #[test]
    fn an_undesired_volume_is_taken_out_of_the_report_before_its_detach_starts() {
        let (mut controller, mut api) = attached("1.36.2");
        controller.pass(START, &mut api);
        let told = api
            .notes
            .iter()
            .position(|note| matches!(note, Note::Patched(N1, Patch::List(list), Ok(())) if list.is_empty()));
        let started = api
            .notes
            .iter()
            .position(|note| *note == Note::DetachStarted(HERE, None));
        assert!(told.unwrap() < started.unwrap());
    }

    #[test]
    fn a_volume_in_use_waits_for_six_minutes_and_for_ever_on_a_healthy_node_since_1_24_9() {
        for (version, ready, forced) in [("1.24.8", true, true), ("1.24.9", true, false), ("1.24.9", false, true)] {
            let (mut controller, mut api) = attached(version);
            api.ready = ready;
            controller.node_updated(&node(N1, &[V]));
            controller.pass(START, &mut api);
            controller.pass(START + Span::secs(360), &mut api);
            assert!(controller.running().is_empty(), "{version}: six minutes are not over");
            controller.pass(START + Span::millis(360_001), &mut api);
            assert_eq!(!controller.running().is_empty(), forced, "{version}, ready {ready}");
        }
    }

    #[test]
    fn a_failed_patch_gives_the_detach_up_and_later_releases_put_the_volume_back() {
        for (version, back) in [("1.25.0", false), ("1.25.1", true)] {
            let (mut controller, mut api) = attached(version);
            api.refuses = vec![N1];
            let pair = controller.actual.get(HERE).unwrap();
            controller.consider_detach(&pair, START, &mut api);
            assert!(controller.running().is_empty());
            assert_eq!(controller.actual.is_reported(HERE), back, "{version}");
        }
    }

    #[test]
    fn a_detach_in_back_off_leaves_the_report_alone_since_1_22_4() {
        for (version, reported) in [("1.22.3", false), ("1.22.4", true)] {
            let (mut controller, mut api) = attached(version);
            controller.pass(START, &mut api);
            assert!(controller.detach_verified(HERE, LiveNode::NotInUse, START, &mut api));
            controller.detach_ended(HERE, false, START, &mut api);
            controller.pass(START + Span::millis(100), &mut api);
            assert_eq!(controller.actual.is_reported(HERE), reported, "{version}");
            assert!(controller.running().is_empty());
        }
    }

    #[test]
    fn a_held_exclusive_volume_is_not_attached_elsewhere_and_the_event_comes_once() {
        let (mut controller, mut api) = attached("1.36.2");
        controller.node_updated(&node(N1, &[V]));
        controller.pod_updated(pod(POD, N2), &api);
        controller.pass(START, &mut api);
        controller.pass(START, &mut api);
        let events = api.notes.iter().filter(|note| matches!(note, Note::MultiAttach(..)));
        assert_eq!(events.count(), 1);
        assert!(controller.running_op(OpName::Attach, THERE).is_none());
        api.traits = Traits::SHARED;
        controller.pass(START, &mut api);
        assert!(controller.running_op(OpName::Attach, THERE).is_some());
    }
}

mod operations {
    use super::*;

    #[test]
    fn an_attach_that_fails_leaves_the_volume_uncertain_and_backs_off() {
        let (mut controller, mut api) = attached("1.36.2");
        api.traits = Traits::SHARED;
        controller.pod_updated(pod(POD, N2), &api);
        controller.consider_attach(THERE, START, &mut api);
        controller.attach_ended(THERE, AttachOutcome::Failed, START, &mut api);
        assert_eq!(controller.actual.state(THERE), Some(Attachment::Uncertain));
        controller.consider_attach(THERE, START + Span::millis(500), &mut api);
        assert!(controller.running().is_empty(), "the wait is not over");
        controller.consider_attach(THERE, START + Span::millis(501), &mut api);
        assert!(controller.running_op(OpName::Attach, THERE).is_some());
    }

    #[test]
    fn a_failed_detach_is_reported_again_until_1_28_2_and_uncertain_from_then_on() {
        for (version, state, reported) in [
            ("1.28.2", Attachment::Attached, true),
            ("1.28.3", Attachment::Uncertain, false),
        ] {
            let (mut controller, mut api) = attached(version);
            controller.pass(START, &mut api);
            assert!(!controller.detach_verified(HERE, LiveNode::InUse, START, &mut api));
            assert_eq!(controller.actual.state(HERE), Some(state), "{version}");
            assert_eq!(controller.actual.is_reported(HERE), reported, "{version}");
        }
    }

    #[test]
    fn a_check_drops_what_is_gone_but_never_a_volume_without_spec() {
        let (mut controller, mut api) = attached("1.20.2");
        controller
            .actual
            .mark_attached(Cell::new(VolumeId(1), N1), false, PathId::NONE);
        controller.start_checks(START, &mut api);
        controller.check_ended(N1, &[V, VolumeId(1)], START, &mut api);
        assert_eq!(controller.actual.state(HERE), None);
        assert!(controller.actual.state(Cell::new(VolumeId(1), N1)).is_some());
    }
}

mod status_updater {
    use super::*;

    fn two_due(version: &str) -> (Controller, Api) {
        let (mut controller, mut api) = attached(version);
        controller
            .actual
            .mark_attached(Cell::new(VolumeId(1), N1), true, PathId::NONE);
        controller
            .actual
            .mark_attached(Cell::new(VolumeId(2), N2), true, PathId::NONE);
        api.refuses = vec![N1];
        (controller, api)
    }

    #[test]
    fn the_first_failure_swallows_the_other_nodes_until_1_23_4() {
        for (version, patched) in [("1.23.4", vec![N1]), ("1.23.5", vec![N1, N2])] {
            let (mut controller, mut api) = two_due(version);
            assert!(update_all(&mut controller, &mut api).is_err());
            assert_eq!(
                api.patches.iter().map(|patch| patch.0).collect::<Vec<_>>(),
                patched,
                "{version}"
            );
            assert!(
                !controller.actual.reports()[1].needed,
                "{version}: the other node's flag is clear"
            );
            assert!(
                controller.actual.reports()[0].needed,
                "{version}: the failed one is due again"
            );
        }
    }

    #[test]
    fn a_cached_node_that_is_right_already_gets_an_empty_patch() {
        let (mut controller, mut api) = attached("1.36.2");
        controller.actual.report_remove(HERE).unwrap();
        api.cached = Vec::new();
        update_all(&mut controller, &mut api).unwrap();
        assert_eq!(api.patches, [(N1, Patch::Empty)]);
    }
}

mod start {
    use super::*;

    fn started(version: &str, pods: &[PodView]) -> Controller {
        let mut controller = Controller::new(profile(version), Config::default(), START);
        let mut first = node(N1, &[]);
        first.attached = vec![(V, PathId::NONE)];
        let nodes = [first, node(N2, &[])];
        let objects = [HERE, Cell::new(VolumeId(1), N2)];
        controller.start_from(&nodes, &objects, pods, &Api::new());
        controller
    }

    #[test]
    fn what_a_node_reports_is_attached_and_known_by_spec_only_through_a_pod_on_that_node() {
        assert!(!started("1.36.2", &[]).actual.get(HERE).unwrap().spec_known);
        assert!(!started("1.36.2", &[pod(POD, N2)]).actual.get(HERE).unwrap().spec_known);
        assert!(started("1.36.2", &[pod(POD, N1)]).actual.get(HERE).unwrap().spec_known);
    }

    #[test]
    fn an_attachment_that_no_node_reports_is_forgotten_until_1_20_2() {
        let lost = Cell::new(VolumeId(1), N2);
        assert_eq!(started("1.20.2", &[]).actual.state(lost), None);
        assert_eq!(started("1.20.3", &[]).actual.state(lost), Some(Attachment::Uncertain));
    }
}
