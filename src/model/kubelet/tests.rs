//! Small stories of one kubelet, and properties over random ones.

use proptest::prelude::*;

use super::actual::{Attachability, Device, MountState};
use super::host::PodPhase;
use super::operations::{Answer, Fault, OperationId, Progress};
use super::status::StatusStep;
use super::*;
use crate::time::Span;

const V: VolumeId = VolumeId(0);
const W: VolumeId = VolumeId(1);
const P: PodId = PodId(0);

/// An API server with one node, a fresh informer, and plugins that attach and stage everything.
#[derive(Default)]
struct World {
    attached: Vec<(VolumeId, DevicePath)>,
    in_use: Vec<VolumeId>,
    notes: Vec<Note>,
}

impl Outside for World {
    fn kind(&self, _: VolumeId) -> VolumeKind {
        VolumeKind {
            attachable: true,
            device_mountable: true,
            requires_remount: false,
        }
    }
    fn bare_name(&self, volume: VolumeId) -> VolumeId {
        VolumeId(volume.0 + 100)
    }
    fn cached_node(&self) -> Option<&[(VolumeId, DevicePath)]> {
        Some(&self.attached)
    }
    fn read_node(&mut self) -> Result<Vec<(VolumeId, DevicePath)>, Unreachable> {
        Ok(self.attached.clone())
    }
    fn read_claim(&mut self, _: VolumeId) -> Result<(), Unreachable> {
        Ok(())
    }
    fn construct_spec(&mut self, _: VolumeId, _: PodId) -> bool {
        true
    }
    fn note(&mut self, note: Note) {
        self.notes.push(note);
    }
}

struct Story {
    kubelet: Kubelet,
    world: World,
    now: Time,
}

impl Story {
    fn new(version: &str) -> Story {
        let profile = Profile::of(version.parse().unwrap());
        Story {
            kubelet: Kubelet::settled(profile),
            world: World::default(),
            now: Time(0),
        }
    }

    fn pod(&mut self, pod: PodId, volumes: &[VolumeId]) {
        self.kubelet.host.pod_added(pod, volumes.to_vec());
    }

    fn status(&mut self) {
        if let StatusStep::Patch(list) = self.kubelet.node_status(&self.world.in_use, false) {
            self.world.in_use.clone_from(&list);
            self.kubelet.reported(&list);
        }
    }

    fn attach(&mut self, volumes: &[VolumeId]) {
        self.world.attached = volumes.iter().map(|volume| (*volume, DevicePath::NONE)).collect();
    }

    /// Populator and a pass; every started operation runs to its end with these answers.
    fn round(&mut self, answer: Answer) -> Vec<Progress> {
        self.kubelet.populate(true, self.now, &mut self.world);
        let started = self.kubelet.pass(self.now, &mut self.world);
        started.into_iter().map(|id| self.finish(id, answer)).collect()
    }

    fn finish(&mut self, id: OperationId, answer: Answer) -> Progress {
        let mut progress = self.kubelet.run(id, self.now, &mut self.world).unwrap();
        while let Progress::Calls(_) = progress {
            progress = self.kubelet.answer(id, answer, self.now).unwrap();
        }
        progress
    }

    fn wait(&mut self, span: Span) {
        self.now = self.now + span;
    }

    fn mounted(&self, pod: PodId, volume: VolumeId) -> bool {
        self.kubelet
            .actual()
            .mount(pod, volume)
            .is_some_and(|mount| mount.state == MountState::Mounted)
    }

    /// Trouble over: everything wanted is attached, statuses are written, every call succeeds, back-offs run out.
    fn calm(&mut self) {
        let ids: Vec<OperationId> = self.kubelet.running().iter().map(|operation| operation.id).collect();
        for id in ids {
            self.finish_running(id);
        }
        for _ in 0..8 {
            self.wait(Span::secs(130));
            self.kubelet.populate(true, self.now, &mut self.world);
            let wanted: Vec<VolumeId> = self.kubelet.desired().volumes().map(|(id, _)| id).collect();
            self.attach(&wanted);
            self.status();
            self.round(Answer::Ok);
        }
    }

    fn finish_running(&mut self, id: OperationId) {
        let mut progress = self
            .kubelet
            .run(id, self.now, &mut self.world)
            .or_else(|| self.kubelet.answer(id, Answer::Ok, self.now));
        while let Some(Progress::Calls(_)) = progress {
            progress = self.kubelet.answer(id, Answer::Ok, self.now);
        }
    }
}

#[test]
fn a_volume_is_mounted_once_it_is_in_use_and_attached() {
    let mut story = Story::new("1.36.2");
    story.pod(P, &[V]);
    assert!(
        story.round(Answer::Ok).is_empty(),
        "not reported in use yet: nothing is started"
    );
    story.status();
    assert_eq!(story.world.in_use, [V]);
    assert!(
        story.round(Answer::Ok).is_empty(),
        "not attached yet: nothing is started"
    );
    story.attach(&[V]);
    assert_eq!(story.round(Answer::Ok), [Progress::Ended(Ok(()))], "verified");
    assert_eq!(story.round(Answer::Ok), [Progress::Ended(Ok(()))], "mounted");
    assert!(story.mounted(P, V));
}

#[test]
fn before_1_24_looking_too_early_costs_a_back_off() {
    let mut story = Story::new("1.20.2");
    story.pod(P, &[V]);
    assert!(matches!(story.round(Answer::Ok)[..], [Progress::Ended(Err(_))]));
    story.status();
    story.attach(&[V]);
    assert!(
        story.round(Answer::Ok).is_empty(),
        "attached and in use, but backing off"
    );
    story.wait(Span::millis(501));
    assert_eq!(story.round(Answer::Ok), [Progress::Ended(Ok(()))]);
}

#[test]
fn a_volume_stays_in_use_until_it_is_unstaged_and_dropped() {
    let mut story = Story::new("1.36.2");
    story.pod(P, &[V]);
    story.calm();
    assert!(story.mounted(P, V));
    story.kubelet.host.pod_reached(P, PodPhase::Stopped);
    story.kubelet.host.pod_object_gone(P);
    story.round(Answer::Ok);
    assert_eq!(story.kubelet.volumes_in_use(), [V], "unmounted, still staged");
    story.round(Answer::Ok);
    assert_eq!(story.kubelet.actual().device(V), Device::NotMounted);
    assert_eq!(
        story.kubelet.volumes_in_use(),
        [V],
        "unstaged, not dropped before the next pass"
    );
    story.round(Answer::Ok);
    assert!(story.kubelet.volumes_in_use().is_empty());
    assert!(story.world.notes.contains(&Note::Dropped { volume: V }));
}

#[test]
fn a_failed_unmount_leaves_the_mount_certain_only_in_old_versions() {
    for (version, state) in [("1.21.8", MountState::Mounted), ("1.21.9", MountState::Uncertain)] {
        let mut story = Story::new(version);
        story.pod(P, &[V]);
        story.calm();
        story.kubelet.host.pod_reached(P, PodPhase::Stopped);
        story.wait(Span::secs(3));
        story.round(Answer::Failed(Fault::Final));
        assert_eq!(story.kubelet.actual().mount(P, V).unwrap().state, state, "{version}");
    }
}

#[test]
fn a_restarted_kubelet_mounts_without_verification_in_the_new_way_only() {
    for (version, verified) in [("1.23.13", true), ("1.36.2", false)] {
        let mut story = Story::new(version);
        story.pod(P, &[V]);
        story.calm();
        story.attach(&[]);
        let profile = story.kubelet.profile;
        story.kubelet.restart(profile, &mut story.world);
        assert_eq!(story.kubelet.actual().get(V).is_some(), !verified, "{version}");
        for _ in 0..4 {
            story.round(Answer::Ok);
        }
        assert_eq!(
            story.mounted(P, V),
            !verified,
            "{version}: not attached according to the node"
        );
    }
}

#[test]
fn a_leftover_that_the_node_status_lacks_is_not_in_use() {
    let mut story = Story::new("1.36.2");
    story.pod(P, &[V]);
    story.calm();
    story.kubelet.host.pod_reached(P, PodPhase::Stopped);
    story.kubelet.host.pod_object_gone(P);
    story.attach(&[]);
    let profile = story.kubelet.profile;
    story.kubelet.restart(profile, &mut story.world);
    assert_eq!(
        story.kubelet.actual().get(V).unwrap().attachable,
        Attachability::Unknown
    );
    assert!(!story.kubelet.states_synced());
    story.kubelet.pass(story.now, &mut story.world);
    assert!(story.kubelet.states_synced());
    assert_eq!(story.kubelet.actual().get(V).unwrap().attachable, Attachability::No);
    assert!(
        story.kubelet.volumes_in_use().is_empty(),
        "mounted, but reported as free"
    );
}

/// What may happen to a kubelet.
#[derive(Clone, Debug)]
enum Event {
    Pod(u32, Vec<u32>),
    Stop(u32),
    Gone(u32),
    Status,
    Attach(Vec<u32>),
    Populate,
    Pass,
    Run(usize),
    Answer(usize, Answer),
    Wait(i64),
    Restart,
}

fn events(restarts: bool) -> impl Strategy<Value = Vec<Event>> {
    let volumes = || prop::collection::btree_set(0..2u32, 1..3).prop_map(|set| set.into_iter().collect::<Vec<_>>());
    let answer = prop_oneof![
        4 => Just(Answer::Ok),
        1 => Just(Answer::Busy),
        1 => Just(Answer::Failed(Fault::Final)),
        1 => Just(Answer::Failed(Fault::Uncertain)),
        1 => Just(Answer::Failed(Fault::Transient)),
    ];
    let event = prop_oneof![
        2 => (0..3u32, volumes()).prop_map(|(pod, volumes)| Event::Pod(pod, volumes)),
        1 => (0..3u32).prop_map(Event::Stop),
        1 => (0..3u32).prop_map(Event::Gone),
        2 => Just(Event::Status),
        2 => volumes().prop_map(Event::Attach),
        3 => Just(Event::Populate),
        5 => Just(Event::Pass),
        8 => (0..4usize).prop_map(Event::Run),
        8 => (0..4usize, answer).prop_map(|(at, answer)| Event::Answer(at, answer)),
        2 => (0..3000i64).prop_map(Event::Wait),
        1 => Just(if restarts { Event::Restart } else { Event::Pass }),
    ];
    prop::collection::vec(event, 0..120)
}

impl Story {
    fn happen(&mut self, event: Event) {
        let nth = |at: usize, kubelet: &Kubelet| kubelet.running().get(at).map(|operation| operation.id);
        match event {
            Event::Pod(pod, volumes) => self.pod(PodId(pod), &volumes.into_iter().map(VolumeId).collect::<Vec<_>>()),
            Event::Stop(pod) => self.kubelet.host.pod_reached(PodId(pod), PodPhase::Stopped),
            Event::Gone(pod) => {
                self.kubelet.host.pod_reached(PodId(pod), PodPhase::Stopped);
                self.kubelet.host.pod_object_gone(PodId(pod));
            }
            Event::Status => self.status(),
            Event::Attach(volumes) => self.attach(&volumes.into_iter().map(VolumeId).collect::<Vec<_>>()),
            Event::Populate => self.kubelet.populate(true, self.now, &mut self.world),
            Event::Pass => {
                self.kubelet.pass(self.now, &mut self.world);
            }
            Event::Run(at) => {
                if let Some(id) = nth(at, &self.kubelet) {
                    self.kubelet.run(id, self.now, &mut self.world);
                }
            }
            Event::Answer(at, answer) => {
                if let Some(id) = nth(at, &self.kubelet) {
                    self.kubelet.answer(id, answer, self.now);
                }
            }
            Event::Wait(ms) => self.wait(Span::millis(ms)),
            Event::Restart => {
                let profile = self.kubelet.profile;
                self.kubelet.restart(profile, &mut self.world);
            }
        }
    }
}

proptest! {
    /// Each running operation holds a pending entry of its own key, and ids are unique.
    #[test]
    fn operations_and_pending_entries_go_together(events in events(true), old in any::<bool>()) {
        let mut story = Story::new(if old { "1.23.13" } else { "1.36.2" });
        for event in events {
            story.happen(event);
            let running = story.kubelet.running();
            let pending = story.kubelet.pending().entries().iter().filter(|entry| entry.pending).count();
            prop_assert_eq!(running.len(), pending);
            prop_assert!(running.windows(2).all(|pair| pair[0].id < pair[1].id));
            prop_assert!(running.iter().all(|operation| story.kubelet.pending().is_pending(operation.key)));
        }
    }

    /// Without a restart nothing that may be mounted or staged ever leaves volumesInUse (S6), if it is attachable.
    #[test]
    fn what_is_on_disk_is_in_use(events in events(false)) {
        let mut story = Story::new("1.36.2");
        for event in events {
            story.happen(event);
            let in_use = story.kubelet.volumes_in_use();
            let busy: Vec<VolumeId> = story.kubelet.running().iter().map(|operation| operation.volume).collect();
            for volume in [V, W].into_iter().filter(|volume| !busy.contains(volume)) {
                let staged = story.kubelet.host.staged.contains_key(&volume);
                let mounted = story.kubelet.host.mounts.keys().any(|(_, id)| *id == volume);
                prop_assert!(!(staged || mounted) || in_use.contains(&volume), "{:?}", volume);
            }
        }
    }

    /// Left alone with answers that are all well, the states agree: what is wanted is mounted, what is on disk wanted.
    #[test]
    fn states_agree_once_trouble_is_over(events in events(false)) {
        let mut story = Story::new("1.36.2");
        for event in events {
            story.happen(event);
        }
        for pod in 0..3 {
            // A pod that ended before its first mount, and whose object stays, is wanted for good (the populator's guard).
            story.happen(Event::Gone(pod));
        }
        story.pod(P, &[V, W]);
        story.kubelet.reprocess(P);
        story.calm();
        prop_assert!(story.mounted(P, V) && story.mounted(P, W));
        let mounts: Vec<_> = story.kubelet.host.mounts.keys().copied().collect();
        prop_assert_eq!(mounts, vec![(P, V), (P, W)]);
        prop_assert_eq!(story.kubelet.volumes_in_use(), vec![V, W]);
        // Failures are remembered (kubernetes#116886), but nothing runs.
        prop_assert!(story.kubelet.running().is_empty());
    }
}
