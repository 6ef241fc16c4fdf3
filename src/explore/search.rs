//! The search: every world that can be reached, the nearest first.
//!
//! In: a [`Setup`]. Out: an [`Explored`]: how many worlds there are, and for every rule that breaks the shortest course
//! that breaks it with the fewest kinds of faults. Breadth first, so a course is never longer than it must be; worlds
//! are remembered by a number each, and a course is told by going it again from the start.

use std::collections::VecDeque;

use rustc_hash::{FxHashMap, FxHashSet};

use super::ahead::{self, Ahead};
use super::rules::{Breach, Rule};
use super::setup::{Faults, Setup};
use super::step::{self, Step};
use super::world::{Move, NOW, World};
use crate::model::{Names, NodeId, PodId};

/// A course that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What breaks, and where.
    pub breach: Breach,
    /// The kinds of faults on the course.
    pub faults: Faults,
    /// The steps, from [`start`].
    pub steps: Vec<Step>,
}

/// What a search came to.
#[derive(Clone, Debug)]
pub struct Explored {
    /// Different worlds that were looked at.
    pub states: usize,
    /// The longest course that was looked at, in steps.
    pub depth: u32,
    /// Every world within the budget of faults was looked at: there is no other counterexample at all.
    pub complete: bool,
    /// The counterexamples, by rule, then length.
    pub findings: Vec<Finding>,
    /// Courses that need faults of more kinds than another that breaks the same rule, in the same order. They may break
    /// it for another reason.
    pub others: Vec<Finding>,
}

/// Where courses begin: the first pod runs on the first node, and everybody agrees.
#[must_use]
pub fn start(setup: &Setup) -> World {
    let mut world = World::new(setup);
    world.move_pod(Move::Create(PodId(0), NodeId(0)), setup);
    ahead::settle(&mut world, setup);
    world.controller.coarsen(NOW);
    world
}

/// How a world was reached first.
struct Reached {
    from: u32,
    by: Step,
}

struct Search<'a> {
    setup: &'a Setup,
    renamings: Vec<Names>,
    ahead: Ahead,
    reached: Vec<Reached>,
    known: FxHashSet<u64>,
    found: FxHashMap<(Rule, Faults), Finding>,
}

/// Looks at every world that can be reached.
#[must_use]
pub fn explore(setup: &Setup) -> Explored {
    let first = start(setup);
    let renamings = setup.renamings();
    let key = first.key_by_any_name(&renamings, setup);
    let mut search = Search {
        setup,
        renamings,
        ahead: Ahead::default(),
        reached: vec![Reached {
            from: 0,
            by: Step::Retry,
        }],
        known: FxHashSet::from_iter([key]),
        found: FxHashMap::default(),
    };
    let mut queue = VecDeque::from([(first, 0_u32, 0_u32)]);
    let (mut depth, mut complete) = (0, true);
    while let Some((world, at, length)) = queue.pop_front() {
        depth = depth.max(length);
        if length >= setup.depth || search.known.len() >= setup.states {
            complete = false;
            continue;
        }
        for taken in step::all(&world, setup) {
            if let Some(next) = search.visit(taken, at) {
                queue.push_back((next.0, next.1, length + 1));
            }
        }
    }
    let states = search.known.len();
    let (findings, others) = search.findings();
    Explored {
        states,
        depth,
        complete,
        findings,
        others,
    }
}

impl Search<'_> {
    /// Takes note of a step and where it leads; the world, if it is new and worth going on from.
    fn visit(&mut self, taken: step::Taken, from: u32) -> Option<(World, u32)> {
        let world = taken.after.world;
        let key = world.key_by_any_name(&self.renamings, self.setup);
        if taken.after.breaches.is_empty() && self.known.contains(&key) {
            return None;
        }
        let is_new = self.known.insert(key);
        let at = u32::try_from(self.reached.len()).unwrap_or(u32::MAX);
        self.reached.push(Reached { from, by: taken.step });
        for breach in taken.after.breaches {
            self.find(breach, &world, at);
        }
        if !is_new {
            return None;
        }
        let apart = self.ahead.ask(&world, self.setup);
        for &breach in &apart {
            self.find(breach, &world, at);
        }
        // Whatever comes after that is more of the same.
        apart.is_empty().then_some((world, at))
    }

    fn find(&mut self, breach: Breach, world: &World, at: u32) {
        let key = (breach.rule, world.cluster.happened);
        if self.found.contains_key(&key) {
            return;
        }
        let steps = self.way_to(at);
        self.found.insert(
            key,
            Finding {
                breach,
                faults: key.1,
                steps,
            },
        );
    }

    fn way_to(&self, mut at: u32) -> Vec<Step> {
        let mut steps = Vec::new();
        while let Some(reached) = self.reached.get(at as usize).filter(|_| at > 0) {
            steps.push(reached.by.clone());
            at = reached.from;
        }
        steps.reverse();
        steps
    }

    /// The counterexamples, and those that need faults of more kinds than another of the same rule.
    fn findings(self) -> (Vec<Finding>, Vec<Finding>) {
        let needless = |finding: &Finding| {
            let (rule, faults) = (finding.breach.rule, finding.faults);
            let other = |other: &(Rule, Faults)| other.0 == rule && other.1 != faults && other.1.is_within(faults);
            self.found.keys().any(other)
        };
        let mut all: Vec<Finding> = self.found.values().cloned().collect();
        all.sort_by_key(|finding| (finding.breach.rule, finding.steps.len(), finding.faults));
        all.into_iter().partition(|finding| !needless(finding))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Profile;

    /// Worlds near the start of a search with two of everything, a restart and a failing call among the steps.
    fn worlds(setup: &Setup) -> Vec<World> {
        let mut worlds = vec![start(setup)];
        let mut at = 0;
        while worlds.len() < 400 {
            let next = step::all(&worlds[at], setup).into_iter().map(|taken| taken.after.world);
            worlds.extend(next);
            at += 1;
        }
        worlds
    }

    #[test]
    fn worlds_that_differ_in_names_only_have_one_key() {
        for exclusive in [true, false] {
            let setup = Setup {
                volumes: 2,
                pods: 2,
                exclusive,
                ..Setup::of(Profile::of("1.36.2".parse().unwrap()))
            };
            let renamings = setup.renamings();
            assert_eq!(renamings.len(), 3, "both nodes, both volumes with their pods, or all");
            for world in worlds(&setup) {
                for names in &renamings {
                    let renamed = world.renamed(names, &setup);
                    let (one, other) = (&renamed, &world);
                    assert_eq!(
                        one.key_by_any_name(&renamings, &setup),
                        other.key_by_any_name(&renamings, &setup)
                    );
                    assert_eq!(renamed.renamed(names, &setup), world, "each way is its own way back");
                }
            }
        }
    }
}
