//! The search: every world that can be reached, the nearest first.
//!
//! In: a [`Setup`]. Out: an [`Explored`]: how many worlds there are, and for every rule that breaks the shortest course
//! that breaks it with the fewest kinds of faults. Breadth first, so a course is never longer than it must be; worlds
//! are remembered by a number each, and a course is told by going it again from the start.

use std::collections::VecDeque;

use rustc_hash::FxHashMap;

use super::ahead::{self, Ahead};
use super::eager;
use super::rules::{Breach, Rule};
use super::setup::{Faults, Setup};
use super::shorten::shorten;
use super::step::{self, After, Step};
use super::store::{Key, Store};
use super::world::{Move, NOW, World};
use crate::model::{NodeId, PodId};

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
    world.cluster.count_moves(setup);
    world
}

/// How a world was reached first.
#[derive(Clone, Copy)]
struct Reached {
    from: u32,
    /// Which of the steps that the world before could take.
    choice: u16,
    /// The steps that need no choice were taken too.
    hurried: bool,
}

/// Where a step leads.
#[expect(clippy::large_enum_variant, reason = "it lives for one step, and there are millions")]
enum Met {
    /// To a world that was not met before and is worth going on from.
    New(Next),
    /// To one that was.
    Known,
    /// To one in which the states stay apart: whatever comes after that is more of the same.
    Apart,
}

/// A world to go on from.
struct Next {
    world: World,
    at: u32,
    length: u32,
}

struct Search<'a> {
    setup: &'a Setup,
    store: Store,
    ahead: Ahead,
    reached: Vec<Reached>,
    /// Whether the states come to agree, by world.
    known: FxHashMap<Key, bool>,
    found: FxHashMap<(Rule, Faults), Found>,
}

/// The end of a course that breaks a rule.
struct Found {
    breach: Breach,
    at: u32,
}

/// Looks at every world that can be reached.
#[must_use]
pub fn explore(setup: &Setup) -> Explored {
    let mut search = Search::new(setup);
    let (mut depth, mut complete) = (0, true);
    let mut queue = VecDeque::from([search.first()]);
    while let Some(next) = queue.pop_front() {
        depth = depth.max(next.length);
        if next.length >= setup.depth || search.known.len() >= setup.states {
            complete = false;
            continue;
        }
        for (taken, choice) in step::all(&next.world, setup).into_iter().zip(0..) {
            queue.extend(search.visit(taken.after, &next, choice));
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
    fn new(setup: &Setup) -> Search<'_> {
        Search {
            setup,
            store: Store::new(setup),
            ahead: Ahead::default(),
            reached: vec![Reached {
                from: 0,
                choice: 0,
                hurried: false,
            }],
            known: FxHashMap::default(),
            found: FxHashMap::default(),
        }
    }

    fn first(&mut self) -> Next {
        let world = start(self.setup);
        self.known.insert(self.store.key(&world), true);
        Next {
            world,
            at: 0,
            length: 0,
        }
    }

    /// Takes note of a step and where it leads; the world, if it is new and worth going on from.
    fn visit(&mut self, after: After, from: &Next, choice: u16) -> Option<Next> {
        let mut reached = Reached {
            from: from.at,
            choice,
            hurried: true,
        };
        let length = from.length + 1;
        if let Some((after, more)) = self.hurry(&after) {
            match self.meet(after, reached, length + more) {
                Met::New(next) => return Some(next),
                Met::Known => return None,
                // Somebody may still turn it: nothing is taken before its time.
                Met::Apart => {}
            }
        }
        reached.hurried = false;
        match self.meet(after, reached, length) {
            Met::New(next) => Some(next),
            Met::Known | Met::Apart => None,
        }
    }

    /// What comes of the steps that need no choice, and how many they are, if there are any.
    fn hurry(&self, after: &After) -> Option<(After, u32)> {
        if !self.setup.reduced || eager::step(&after.world, self.setup).is_none() {
            return None;
        }
        let mut steps = hurried(&after.world, self.setup);
        let mut end = steps.next()?.1;
        end.breaches.extend_from_slice(&after.breaches);
        let mut count = 1;
        for (_, next) in steps {
            (end.world, count) = (next.world, count + 1);
            end.breaches.extend(next.breaches);
        }
        Some((end, count))
    }

    fn meet(&mut self, after: After, reached: Reached, length: u32) -> Met {
        let After { world, breaches, .. } = after;
        let key = self.store.key(&world);
        let known = self.known.get(&key).copied();
        let met = |agrees| if agrees { Met::Known } else { Met::Apart };
        if let (true, Some(agrees)) = (breaches.is_empty(), known) {
            return met(agrees);
        }
        let at = u32::try_from(self.reached.len()).unwrap_or(u32::MAX);
        self.reached.push(reached);
        for breach in breaches {
            self.find(breach, &world, at);
        }
        if let Some(agrees) = known {
            return met(agrees);
        }
        let stays = self.ahead.ask_all(&world, self.setup);
        for breach in stays.all() {
            self.find(breach, &world, at);
        }
        let agrees = stays.apart.is_empty();
        self.known.insert(key, agrees);
        if agrees {
            Met::New(Next { world, at, length })
        } else {
            Met::Apart
        }
    }

    fn find(&mut self, breach: Breach, world: &World, at: u32) {
        let key = (breach.rule, breach.rule.faults(world.cluster.happened));
        self.found.entry(key).or_insert(Found { breach, at });
    }

    /// The steps to a world, by going them again.
    fn way_to(&self, mut at: u32) -> Vec<Step> {
        let mut way = Vec::new();
        while let Some(&reached) = self.reached.get(at as usize).filter(|_| at > 0) {
            way.push(reached);
            at = reached.from;
        }
        let (mut world, mut steps) = (start(self.setup), Vec::new());
        for reached in way.into_iter().rev() {
            let mut all = step::all(&world, self.setup).into_iter();
            let Some(taken) = all.nth(usize::from(reached.choice)) else {
                break;
            };
            world = taken.after.world;
            steps.push(taken.step);
            if reached.hurried {
                let (hurried, ends): (Vec<Step>, Vec<After>) = hurried(&world, self.setup).unzip();
                steps.extend(hurried);
                world = ends.into_iter().next_back().map_or(world, |after| after.world);
            }
        }
        steps
    }

    /// The counterexamples, and those that need faults of more kinds than another of the same rule.
    fn findings(mut self) -> (Vec<Finding>, Vec<Finding>) {
        let needless = |finding: &Finding| {
            let (rule, faults) = (finding.breach.rule, finding.faults);
            let other = |other: &(Rule, Faults)| other.0 == rule && other.1 != faults && other.1.is_within(faults);
            self.found.keys().any(other)
        };
        let tell = |(&(_, faults), &Found { breach, at }): (&(Rule, Faults), &Found)| Finding {
            breach,
            faults,
            steps: self.way_to(at),
        };
        let mut all: Vec<Finding> = self.found.iter().map(tell).collect();
        if self.setup.reduced {
            let ahead = &mut self.ahead;
            let shorter = all.into_iter().map(|finding| shorten(finding, self.setup, ahead));
            all = shorter.collect();
        }
        all.sort_by_key(|finding| (finding.breach.rule, finding.steps.len(), finding.faults));
        all.into_iter().partition(|finding| !needless(finding))
    }
}

/// The steps that need no choice, one after the other, each with what comes of it; none unless the search is reduced.
fn hurried(world: &World, setup: &Setup) -> impl Iterator<Item = (Step, After)> {
    let mut world = world.clone();
    std::iter::from_fn(move || {
        let step = setup.reduced.then(|| eager::step(&world, setup)).flatten()?;
        let after = step::take(&world, &step, setup)?;
        world.clone_from(&after.world);
        Some((step, after))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explore::Fault;
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
            let mut store = Store::new(&setup);
            for world in worlds(&setup) {
                for names in &renamings {
                    let renamed = World {
                        controller: world.controller.renamed(names),
                        cluster: world.cluster.renamed(names, &setup),
                    };
                    assert_eq!(store.key(&renamed), store.key(&world));
                    assert_eq!(renamed.controller.renamed(names), world.controller, "its own way back");
                    assert_eq!(
                        renamed.cluster.renamed(names, &setup),
                        world.cluster,
                        "its own way back"
                    );
                }
            }
        }
    }

    #[test]
    fn worlds_that_differ_in_more_than_names_have_keys_of_their_own() {
        let setup = Setup {
            nodes: 1,
            ..Setup::of(Profile::of("1.20.2".parse().unwrap()))
        };
        let mut store = Store::new(&setup);
        let mut worlds = worlds(&setup);
        let mut keys: Vec<Key> = worlds.iter().map(|world| store.key(world)).collect();
        let different: rustc_hash::FxHashSet<World> = worlds.drain(..).collect();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(
            keys.len(),
            different.len(),
            "one node, one volume, one pod: there are no other names"
        );
    }

    /// What breaks, and by which faults, whatever the order and the length of the courses.
    fn broken(setup: &Setup) -> (Vec<(Rule, Faults)>, usize) {
        let explored = explore(setup);
        assert!(explored.complete);
        let all = explored.findings.iter().chain(&explored.others);
        let mut broken: Vec<(Rule, Faults)> = all.map(|found| (found.breach.rule, found.faults)).collect();
        broken.sort_unstable();
        (broken, explored.states)
    }

    /// Every order of the steps, or only orders that make a difference: the same rules break by the same faults.
    #[test]
    fn a_reduced_search_finds_what_a_whole_one_finds() {
        for version in ["1.20.2", "1.23.13", "1.36.2"] {
            let whole = Setup {
                depth: u32::MAX,
                ..Setup::of(Profile::of(version.parse().unwrap()))
            };
            let one_node = Setup { nodes: 1, ..whole };
            let no_fault = Setup { faults: 0, ..whole };
            let worlds = [
                one_node,
                Setup {
                    faults: 2,
                    kinds: Faults::of(&[Fault::DriverRefuses, Fault::Restart]),
                    ..one_node
                },
                Setup {
                    volumes: 2,
                    pods: 2,
                    faults: 0,
                    ..one_node
                },
                Setup { pods: 2, ..no_fault },
                Setup {
                    exclusive: false,
                    ..no_fault
                },
                Setup {
                    exclusive: false,
                    pods: 2,
                    moves: Some(5),
                    kinds: Faults::of(&[Fault::StatusPatch]),
                    ..whole
                },
            ];
            for whole in worlds {
                let reduced = Setup { reduced: true, ..whole };
                let ((whole, more), (reduced, fewer)) = (broken(&whole), broken(&reduced));
                assert_eq!(reduced, whole, "{version}");
                assert!(fewer < more, "{version}: {fewer} of {more} states");
            }
        }
    }

    /// A course that a reduced search tells can be gone, and breaks the rule.
    #[test]
    fn a_reduced_search_tells_courses_that_can_be_gone() {
        let setup = Setup {
            nodes: 1,
            volumes: 2,
            pods: 2,
            faults: 0,
            reduced: true,
            depth: u32::MAX,
            ..Setup::of(Profile::of("1.20.2".parse().unwrap()))
        };
        let explored = explore(&setup);
        assert_eq!(explored.findings.len(), 3, "{:?}", explored.findings);
        for finding in explored.findings {
            let (mut world, mut last) = (start(&setup), Vec::new());
            for step in &finding.steps {
                let mut all = step::all(&world, &setup).into_iter();
                let taken = all.find(|taken| taken.step == *step).unwrap();
                (world, last) = (taken.after.world, taken.after.breaches);
            }
            last.extend(Ahead::default().ask_all(&world, &setup).all());
            assert!(last.contains(&finding.breach), "{finding:?}");
        }
    }
}
