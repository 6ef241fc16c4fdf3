//! The look ahead: do the states come to agree once faults stop and nothing more comes from outside (C1)?
//!
//! In: a world. Out: the disagreements that stay. Faults end, every party does its work, time passes from one moment
//! that matters to the next. The course of it is the same each time, so worlds on its way need not be asked again.

use rustc_hash::FxHashMap;

use super::rules::Breach;
use super::setup::{Faults, Setup};
use super::step::{self, Step};
use super::world::{Health, NOW, World};
use crate::time::Span;

/// How long the states may take: the timer of a lost node, the longest back-off, the longest wait for an attacher, and
/// the minutely check after all of them.
const BOUND: Span = Span::secs(360 + 122 + 120 + 60);
/// Rounds without time passing, after which parties that never come to rest are left at that.
const ROUNDS: usize = 60;

/// Remembers what became of worlds.
#[derive(Debug, Default)]
pub struct Ahead {
    known: FxHashMap<u64, Vec<Breach>>,
}

impl Ahead {
    /// The disagreements that stay; empty where the states come to agree.
    pub fn ask(&mut self, world: &World, setup: &Setup) -> Vec<Breach> {
        let mut world = without_faults(world, setup);
        let mut way = Vec::new();
        let mut elapsed = Span::ZERO;
        let end = loop {
            let key = world.key();
            if let Some(end) = self.known.get(&key) {
                break end.clone();
            }
            way.push(key);
            settle(&mut world, setup);
            let apart = world.disagreements(setup);
            if apart.is_empty() {
                break apart;
            }
            match wait(&mut world, setup) {
                Some(span) if elapsed.0 + span.0 <= BOUND.0 => elapsed = Span(elapsed.0 + span.0),
                _ => break apart,
            }
        };
        for key in way {
            self.known.insert(key, end.clone());
        }
        end
    }
}

/// The world once faults stop and nothing more comes.
#[must_use]
pub fn without_faults(world: &World, setup: &Setup) -> World {
    let mut world = world.clone();
    (world.cluster.budget, world.cluster.happened) = (0, Faults::NONE);
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

/// Lets every party work until nobody has anything to do. Passes walk one way and the other in turn, as an order that
/// never changed would let one node starve another.
pub fn settle(world: &mut World, setup: &Setup) {
    let mut idle = 0;
    for round in 0..ROUNDS {
        let before = world.clone();
        let way = if round % 2 == 0 { 0 } else { step::BACKWARDS };
        for step in step::prompt_steps(setup).chain([Step::Pass(vec![way])]) {
            if let Some(after) = step::apply(world, &step, setup) {
                *world = after.world;
            }
        }
        idle = if *world == before { idle + 1 } else { 0 };
        if idle == 2 {
            return;
        }
    }
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
