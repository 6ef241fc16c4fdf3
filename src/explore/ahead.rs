//! The look ahead: do the states come to agree once faults stop and nothing more comes from outside (C1)?
//!
//! In: a world. Out: the disagreements that stay. Faults end, every party does its work, time passes from one moment
//! that matters to the next. The course of it is the same each time, so worlds on its way need not be asked again. Two
//! rules are about a fault that never ends: a dead node (L4), a node whose status cannot be written (L8).

use rustc_hash::{FxHashMap, FxHashSet};

use super::rules::{Breach, Rule};
use super::setup::{Fault, Faults, Setup};
use super::step::{self, Step};
use super::world::{Health, NOW, World};
use crate::time::Span;

/// How long the states may take: the timer of a lost node, the longest back-off, the longest wait for an attacher, and
/// the minutely check after all of them.
const BOUND: Span = Span::secs(360 + 122 + 120 + 60);
/// Rounds without time passing, after which parties that never come to rest are left at that.
const ROUNDS: usize = 30;

/// What stays apart for good from a world on.
pub struct Stays {
    /// Under the rules of agreement.
    pub apart: Vec<Breach>,
    /// Besides: in a plight that has a rule of its own, or under a fault that never ends.
    pub more: Vec<Breach>,
}

impl Stays {
    /// Under each of the rules.
    pub fn all(&self) -> impl Iterator<Item = Breach> + '_ {
        self.apart.iter().chain(&self.more).copied()
    }
}

/// Remembers what became of worlds.
#[derive(Debug, Default)]
pub struct Ahead {
    /// Worlds from which the states come to agree: nearly all.
    agree: FxHashSet<u64>,
    apart: FxHashMap<u64, Vec<Breach>>,
}

impl Ahead {
    /// The disagreements that stay; empty where the states come to agree.
    pub fn ask(&mut self, world: &World, setup: &Setup) -> Vec<Breach> {
        self.end_of(without_faults(world, setup), setup)
    }

    /// All that stays apart for good, under each of the rules.
    pub fn ask_all(&mut self, world: &World, setup: &Setup) -> Stays {
        let apart = self.ask(world, setup);
        let mut more = world.plights(&apart, setup);
        for rule in [Rule::StaysOnDeadNode, Rule::HeldUpByAnother] {
            for world in lasting(world, rule, setup) {
                more.extend(self.end_of(world, setup));
            }
        }
        Stays { apart, more }
    }

    fn end_of(&mut self, mut world: World, setup: &Setup) -> Vec<Breach> {
        let mut way = Vec::new();
        let (mut elapsed, mut rounds) = (Span::ZERO, 0);
        let end = loop {
            let key = world.key();
            if self.agree.contains(&key) {
                break Vec::new();
            }
            if let Some(end) = self.apart.get(&key) {
                break end.clone();
            }
            way.push(key);
            rounds += 1;
            if work(&mut world, setup) && rounds < ROUNDS {
                continue;
            }
            rounds = 0;
            let apart = world.disagreements(setup);
            if apart.is_empty() {
                break apart;
            }
            match wait(&mut world, setup) {
                Some(span) if elapsed.0 + span.0 <= BOUND.0 => elapsed = Span(elapsed.0 + span.0),
                _ => break apart,
            }
        };
        if end.is_empty() {
            self.agree.extend(way);
        } else {
            self.apart.extend(way.into_iter().map(|key| (key, end.clone())));
        }
        end
    }
}

/// The worlds in which the fault of the rule goes on for good, and every other one stops.
pub fn lasting(world: &World, rule: Rule, setup: &Setup) -> Vec<World> {
    let patch = Fault::StatusPatch;
    let fails = world.cluster.happened.has(patch) || world.cluster.allows(patch, setup);
    let nodes = setup.all_nodes().filter(|&node| match rule {
        Rule::StaysOnDeadNode => world.cluster.node(node).health == Health::Dead,
        Rule::HeldUpByAnother => fails && world.has_left_overs_beside(node, setup),
        _ => false,
    });
    let lasting = nodes.map(|node| {
        let mut world = without_faults(world, setup);
        match rule {
            Rule::StaysOnDeadNode => world.cluster.node_mut(node).health = Health::Dead,
            _ => world.cluster.unwritable = Some(node),
        }
        world
    });
    lasting.collect()
}

/// The world once faults stop and nothing more comes.
#[must_use]
pub fn without_faults(world: &World, setup: &Setup) -> World {
    let mut world = world.clone();
    (world.cluster.budget, world.cluster.happened) = (0, Faults::NONE);
    world.cluster.stop_moves();
    for cell in setup.all_cells() {
        world.cluster.link_mut(cell).hangs = false;
    }
    for node in setup.all_nodes() {
        let state = world.cluster.node_mut(node);
        (state.health, state.lags) = (Health::Works, false);
        world.deliver(node);
    }
    world
}

/// Lets every party work until nobody has anything to do.
pub fn settle(world: &mut World, setup: &Setup) {
    for _ in 0..ROUNDS {
        if !work(world, setup) {
            return;
        }
    }
}

/// Lets every party work twice; whether that changed anything. Passes walk one way and then the other, as an order that
/// never changed would let one node starve another.
fn work(world: &mut World, setup: &Setup) -> bool {
    let before = world.clone();
    for way in [0, step::BACKWARDS] {
        for step in step::prompt_steps(setup).chain([Step::Pass(vec![way])]) {
            if let Some(after) = step::apply(world, &step, setup) {
                *world = after.world;
            }
        }
    }
    *world != before
}

/// Lets time pass to the next moment that matters; how long that took.
fn wait(world: &mut World, setup: &Setup) -> Option<Span> {
    let waiting = setup
        .all_cells()
        .map(Step::GiveUp)
        .find_map(|step| step::apply(world, &step, setup));
    if let Some(after) = waiting {
        *world = after.world;
        return Some(step::ATTACHER_WAIT);
    }
    let moments = [world.controller.until_retry(NOW), world.controller.until_timer(NOW)];
    let span = moments.into_iter().flatten().min()?;
    world.controller.elapse(span, NOW);
    Some(span)
}
