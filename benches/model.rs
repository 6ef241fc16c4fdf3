//! How fast the model decides. One operation is one decision of the reconciler about one volume on one node.
//!
//! `cargo bench --bench model`. The figures to look at: at least a million operations a second on one core, and the same
//! for each size, which is to say that a pass is linear.

use adtrace::model::controller::{NodeView, PodView};
use adtrace::model::operations::{AttachOutcome, LiveNode};
use adtrace::model::outside::{Health, Lookup, Patch, PatchError, Traits};
use adtrace::model::{Cell, Config, Controller, NodeId, Outside, PathId, PodId, Profile, Version, VolumeId};
use adtrace::time::{Span, Time};
use divan::Bencher;
use divan::counter::ItemsCount;

const SIZES: [u32; 4] = [10, 100, 1_000, 10_000];
const VOLUMES_PER_NODE: u32 = 20;

/// An API that accepts everything.
struct Api;

impl Outside for Api {
    fn traits_of(&self, _: VolumeId) -> Traits {
        Traits::EXCLUSIVE
    }
    fn health(&self, _: NodeId) -> Option<Health> {
        Some(Health {
            ready: true,
            out_of_service: false,
        })
    }
    fn lookup(&mut self, _: NodeId) -> Lookup {
        Lookup::Found(Vec::new())
    }
    fn patch(&mut self, _: NodeId, _: &Patch) -> Result<(), PatchError> {
        Ok(())
    }
}

fn main() {
    divan::main();
}

fn node(id: u32) -> NodeView {
    NodeView {
        node: NodeId(id),
        managed: true,
        keep_terminated: false,
        attached: Vec::new(),
        in_use: Vec::new(),
    }
}

fn home(volume: u32) -> Cell {
    Cell::new(VolumeId(volume), NodeId(volume / VOLUMES_PER_NODE))
}

/// A controller whose `size` volumes are all wanted and attached.
fn settled(size: u32) -> Controller {
    let profile = Profile::of(Version::new(1, 36, 2));
    let mut controller = Controller::new(profile, Config::default(), Time(0));
    for id in 0..=size / VOLUMES_PER_NODE {
        controller.node_added(&node(id));
    }
    for id in 0..size {
        wish(&mut controller, id, true);
    }
    controller.pass(Time(0), &mut Api);
    for id in 0..size {
        controller.attach_ended(home(id), AttachOutcome::Attached(PathId::NONE), Time(0), &mut Api);
    }
    controller.pass(Time(0), &mut Api);
    controller
}

fn wish(controller: &mut Controller, id: u32, wanted: bool) {
    let volumes = [VolumeId(id)];
    let pod = PodView {
        pod: PodId(id),
        node: Some(home(id).node),
        volumes: &volumes,
        terminated: false,
    };
    if wanted {
        controller.pod_updated(pod, &Api);
    } else {
        controller.pod_deleted(pod, &Api);
    }
}

/// Passes over a cluster at rest: each volume is looked at twice, as attached and as wanted.
#[divan::bench(args = SIZES)]
fn idle_pass(bencher: Bencher, size: u32) {
    let mut controller = settled(size);
    bencher
        .counter(ItemsCount::new(2 * size))
        .bench_local(move || controller.pass(Time(0), &mut Api));
}

/// One volume in fifty is let go, detached, wanted again and attached, over five passes.
#[divan::bench(args = SIZES)]
fn churn(bencher: Bencher, size: u32) {
    let mut controller = settled(size);
    let mut now = Time(0);
    bencher.counter(ItemsCount::new(10 * size)).bench_local(move || {
        let moving = || (0..size).step_by(50);
        for id in 0..=size / VOLUMES_PER_NODE {
            controller.node_updated(&node(id));
        }
        moving().for_each(|id| wish(&mut controller, id, false));
        controller.pass(now, &mut Api);
        for id in moving() {
            controller.detach_verified(home(id), LiveNode::NotInUse, now, &mut Api);
            controller.detach_ended(home(id), true, now, &mut Api);
        }
        controller.pass(now, &mut Api);
        moving().for_each(|id| wish(&mut controller, id, true));
        controller.pass(now, &mut Api);
        for id in moving() {
            controller.attach_ended(home(id), AttachOutcome::Attached(PathId::NONE), now, &mut Api);
        }
        controller.pass(now, &mut Api);
        controller.pass(now, &mut Api);
        now = now + Span::secs(1);
    });
}

/// A copy of the whole state, as replay, what-if and search make many.
#[divan::bench(args = SIZES)]
fn fork(bencher: Bencher, size: u32) {
    let controller = settled(size);
    bencher
        .counter(ItemsCount::new(size))
        .bench_local(|| controller.clone());
}
