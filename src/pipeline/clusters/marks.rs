//! What a source tells of the cluster that it is from, and what says that two sources are from two.
//!
//! In: facts. Out: for each source its [`Marks`], and [`conflicts`] between groups of sources. An object bears its uid for
//! life and no other cluster's object bears it; a name belongs to one object at a time; one controller acts at a time.

use std::collections::{BTreeMap, BTreeSet};

use rustc_hash::FxHashMap;

use crate::fact::{Detail, Fact, Kind, Name, Party, Reading};
use crate::time::{Span, Time};

/// What has a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sort {
    /// A node.
    Node,
    /// A pod, `namespace/name`.
    Pod,
    /// A `VolumeAttachment`.
    Attachment,
    /// A volume, by any of its names.
    Volume,
}

/// Clocks of one cluster's API servers lie closer together than this.
const SLACK: Span = Span::secs(5);

/// Lives of one name that are compared with each, the next ones by creation: hostile input may tell any number.
const NEXT: usize = 64;

/// Letters of a uid.
const UID: usize = 36;

/// How soon after another controller's act an act shows two that lead: a lease takes as long to run out.
const TURN: Span = Span::secs(15);
/// How often that must happen, over how long: clocks of two that led one after the other may overlap for a while.
const TURNS: usize = 8;
const TURNING: Span = Span::secs(60);

/// One uid of a name, as one source tells it.
#[derive(Clone, Debug)]
struct Life {
    sort: Sort,
    name: Name,
    uid: Name,
    created: Option<Time>,
    /// When the API server last did something to it.
    seen: Option<Time>,
    /// It stood there when the dump was taken.
    dumped: bool,
    /// The lowest revision that it is told with: it was created at that one or before.
    revision: Option<u64>,
}

/// What one source tells.
#[derive(Debug, Default)]
pub struct Marks {
    lives: FxHashMap<Name, Life>,
    /// Moments at which the controller acted, by its own log.
    acts: Vec<Time>,
    /// The newest object of its dumps: they were not taken before.
    taken: Option<Time>,
    /// Revisions that the API server had reached, and when.
    reached: Vec<(Time, u64)>,
    /// From when to when the controller acted, by its log or the API server's.
    led: Option<(Time, Time)>,
    /// The uid of its namespace `kube-system`.
    cluster: Option<Name>,
}

impl Marks {
    /// The marks of all sources.
    pub fn of(reading: &Reading) -> Vec<Marks> {
        let mut all: Vec<Marks> = reading.sources.iter().map(|_| Marks::default()).collect();
        for fact in &reading.facts {
            if let Some(marks) = usize::try_from(fact.source.0).ok().and_then(|at| all.get_mut(at)) {
                marks.learn(fact);
            }
        }
        all
    }

    /// The uids that the source tells.
    pub fn uids(&self) -> impl Iterator<Item = &Name> {
        self.lives.keys().chain(&self.cluster)
    }

    fn learn(&mut self, fact: &Fact) {
        if fact.party == Party::Controller && (fact.call.is_some() || is_act(fact.kind)) {
            self.led = spanning(self.led, Some((fact.at, fact.at)));
            if fact.call.is_none() {
                self.acts.push(fact.at);
            }
        }
        if fact.kind == Kind::ClusterSeen {
            self.cluster.clone_from(&fact.uid);
        }
        self.learn_life(fact);
    }

    fn learn_life(&mut self, fact: &Fact) {
        let (sort, name, uid, created) = match &fact.detail {
            Detail::Node(detail) => (Sort::Node, &fact.node, &detail.uid, detail.created),
            Detail::Attachment(detail) => (Sort::Attachment, &fact.attachment, &detail.uid, detail.created),
            Detail::Pod(detail) => (Sort::Pod, &fact.pod, &detail.uid, detail.created),
            _ => (Sort::Pod, &fact.pod, &fact.uid, None),
        };
        let (Some(name), Some(uid)) = (name, uid) else { return };
        if uid.len() != UID {
            return;
        }
        let dumped = fact.kind.is_dump();
        if dumped {
            self.taken = self.taken.max(created);
        }
        let life = self.lives.entry(uid.clone()).or_insert_with(|| Life {
            sort,
            name: name.clone(),
            uid: uid.clone(),
            created: None,
            seen: None,
            dumped: false,
            revision: None,
        });
        life.created = life.created.or(created);
        life.dumped |= dumped;
        let revision: Option<u64> = fact.version.as_ref().and_then(|version| version.parse().ok());
        life.revision = life.revision.into_iter().chain(revision).min();
        if let Some(call) = fact.call.as_ref().filter(|call| call.ok()) {
            life.seen = life.seen.max(Some(call.answered));
            self.reached.extend(revision.map(|revision| (call.answered, revision)));
        }
    }
}

/// What a fact names.
pub fn named(fact: &Fact) -> impl Iterator<Item = (Sort, &Name)> {
    let kubelet = match &fact.party {
        Party::Kubelet(node) if !node.is_empty() => Some(node),
        _ => None,
    };
    let told = [
        (Sort::Node, fact.node.as_ref()),
        (Sort::Node, kubelet),
        (Sort::Pod, fact.pod.as_ref()),
        (Sort::Attachment, fact.attachment.as_ref()),
        (Sort::Volume, fact.volume.as_ref()),
        (Sort::Volume, fact.pv.as_ref()),
    ];
    told.into_iter().filter_map(|(sort, name)| Some((sort, name?)))
}

/// Whether only the controller that leads says so.
fn is_act(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::AttachStarted
            | Kind::AttachOk
            | Kind::AttachFailed
            | Kind::DetachStarted
            | Kind::DetachOk
            | Kind::DetachFailed
    )
}

/// Two groups that are from two clusters, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The groups.
    pub between: (usize, usize),
    /// What it shows in; people know nodes best. None for controllers.
    pub of: Option<Sort>,
    /// A clause that says why.
    pub because: String,
}

/// Where two groups of sources contradict each other: `group` tells each source's, `folder` where it lies. At most one
/// conflict is told of each two groups. Groups have no uid in common.
pub fn conflicts(marks: &[&Marks], group: &[usize], folder: &[&str]) -> Vec<Conflict> {
    let mut found = two_of_a_name(marks, group, folder);
    found.extend(two_of_the_system(marks, group));
    found.extend(other_nodes(marks, group));
    found.extend(set_back(marks, group));
    found.extend(two_worlds(marks, group));
    found.extend(two_that_lead(marks, group));
    found.sort_by_key(|conflict| (conflict.between, conflict.of.is_none(), conflict.of));
    found.dedup_by_key(|conflict| conflict.between);
    found
}

/// A life with where it is told.
struct Told<'m> {
    group: usize,
    folder: &'m str,
    life: &'m Life,
    /// Until when it surely lived: by its own source, and by all dumps that lie in the same folder.
    until: (Option<Time>, Option<Time>),
}

/// Two objects of one name that lived at the same time.
fn two_of_a_name(marks: &[&Marks], group: &[usize], folder: &[&str]) -> Vec<Conflict> {
    let mut taken: FxHashMap<&str, Option<Time>> = FxHashMap::default();
    for (marks, folder) in marks.iter().zip(folder) {
        let known = taken.entry(folder).or_default();
        *known = (*known).max(marks.taken);
    }
    let mut named: FxHashMap<(Sort, &Name), Vec<Told<'_>>> = FxHashMap::default();
    for ((marks, group), folder) in marks.iter().zip(group).zip(folder) {
        for life in marks.lives.values() {
            let of_dump = |at: Option<Time>| at.filter(|_| life.dumped);
            let all = taken.get(folder).copied().flatten();
            named.entry((life.sort, &life.name)).or_default().push(Told {
                group: *group,
                folder,
                life,
                until: (life.seen.max(of_dump(marks.taken)), life.seen.max(of_dump(all))),
            });
        }
    }
    let mut names: Vec<_> = named.into_iter().collect();
    names.retain(|(_, told)| {
        told.iter()
            .any(|one| told.first().is_some_and(|first| first.group != one.group))
    });
    names.sort_by_key(|(named, _)| *named);
    let mut found: Vec<Conflict> = Vec::new();
    for (_, mut told) in names {
        told.sort_by_key(|told| (told.life.created, told.group, &told.life.uid));
        for (at, one) in told.iter().enumerate() {
            let others = told
                .iter()
                .skip(at + 1)
                .take(NEXT)
                .filter(|other| other.group != one.group);
            found.extend(others.filter_map(|other| lived_together(one, other)));
        }
        // One is enough for each two groups, and names are many.
        found.sort_by_key(|conflict| conflict.between);
        found.dedup_by_key(|conflict| conflict.between);
    }
    found
}

fn lived_together(one: &Told<'_>, other: &Told<'_>) -> Option<Conflict> {
    let until = |told: &Told<'_>| {
        let apart = one.folder != other.folder;
        if apart { told.until.1 } else { told.until.0 }
    };
    let both = one.life.created?.max(other.life.created?);
    if one.life.uid == other.life.uid || both + SLACK >= until(one)?.min(until(other)?) {
        return None;
    }
    let what = match one.life.sort {
        Sort::Node => "node",
        Sort::Pod => "pod",
        _ => "VolumeAttachment",
    };
    Some(Conflict {
        between: (one.group.min(other.group), one.group.max(other.group)),
        of: Some(one.life.sort),
        because: format!(
            "two lived at the same time as {what} {}, uid {} and uid {}",
            one.life.name, one.life.uid, other.life.uid
        ),
    })
}

/// Two namespaces `kube-system`, of which a cluster has one for life.
fn two_of_the_system(marks: &[&Marks], group: &[usize]) -> Vec<Conflict> {
    let told = marks
        .iter()
        .zip(group)
        .filter_map(|(marks, group)| Some((*group, marks.cluster.as_ref()?)));
    let told: BTreeMap<usize, &Name> = told.collect();
    let next = told.iter().zip(told.iter().skip(1));
    next.filter(|((_, one), (_, other))| one != other)
        .map(|((group, one), (next, other))| Conflict {
            between: (*group, *next),
            of: None,
            because: format!("the namespace kube-system has uid {one} here and uid {other} there"),
        })
        .collect()
}

/// Fewest nodes that all must be others: a single one may have been made anew.
const NODES: usize = 2;

/// All nodes that two name are others, though they are called the same.
fn other_nodes(marks: &[&Marks], group: &[usize]) -> Vec<Conflict> {
    let mut tellers: BTreeMap<&Name, BTreeSet<usize>> = BTreeMap::new();
    for (marks, group) in marks.iter().zip(group) {
        for life in marks.lives.values().filter(|life| life.sort == Sort::Node) {
            tellers.entry(&life.name).or_default().insert(*group);
        }
    }
    let mut common: BTreeMap<(usize, usize), Vec<&Name>> = BTreeMap::new();
    for (name, groups) in tellers {
        let next = groups.iter().zip(groups.iter().skip(1));
        for (one, other) in next {
            common.entry((*one, *other)).or_default().push(name);
        }
    }
    let conflict = |(between, names): ((usize, usize), Vec<&Name>)| {
        let first = names.first().filter(|_| names.len() >= NODES)?;
        Some(Conflict {
            between,
            of: Some(Sort::Node),
            because: format!(
                "all {} nodes that both name, as {first}, have one uid here and another there",
                names.len()
            ),
        })
    };
    common.into_iter().filter_map(conflict).collect()
}

/// An object that was created when another API server had reached a higher revision long before.
fn set_back(marks: &[&Marks], group: &[usize]) -> Vec<Conflict> {
    let mut reached: BTreeMap<usize, Vec<(Time, u64)>> = BTreeMap::new();
    let mut born: BTreeMap<usize, Vec<(Time, u64, &Life)>> = BTreeMap::new();
    for (marks, group) in marks.iter().zip(group) {
        reached.entry(*group).or_default().extend(&marks.reached);
        let lives = marks
            .lives
            .values()
            .filter_map(|life| Some((life.created?, life.revision?, life)));
        born.entry(*group).or_default().extend(lives);
    }
    for reached in reached.values_mut() {
        reached.sort_unstable();
        let mut highest = 0;
        // What was reached stays reached.
        reached.retain(|(_, revision)| {
            let higher = *revision > highest;
            highest = highest.max(*revision);
            higher
        });
    }
    let mut found = Vec::new();
    for (one, reached) in &reached {
        for (other, born) in born.iter().filter(|(other, _)| *other != one) {
            let late = born.iter().filter_map(|(at, revision, life)| {
                let before = reached.partition_point(|(reached, _)| *reached + SLACK < *at);
                let (when, high) = reached.get(before.checked_sub(1)?)?;
                (high > revision).then_some((*at, revision, life, when, high))
            });
            let Some((at, revision, life, when, high)) = late.min_by_key(|(at, _, life, ..)| (*at, &life.uid)) else {
                continue;
            };
            found.push(Conflict {
                between: (*one.min(other), *one.max(other)),
                of: Some(life.sort),
                because: format!(
                    "{} was created at {at} with revision {revision}, while one API server had reached {high} at {when}",
                    life.name
                ),
            });
        }
    }
    found
}

/// How long two controllers must act at the same time to be two.
const BOTH: Span = Span::secs(30);

/// Controllers that acted at the same time, where none of the nodes is known to both.
fn two_worlds(marks: &[&Marks], group: &[usize]) -> Vec<Conflict> {
    #[derive(Default)]
    struct World<'m> {
        nodes: BTreeSet<&'m Name>,
        led: Option<(Time, Time)>,
    }
    let mut worlds: BTreeMap<usize, World<'_>> = BTreeMap::new();
    for (marks, group) in marks.iter().zip(group) {
        let world = worlds.entry(*group).or_default();
        let nodes = marks.lives.values().filter(|life| life.sort == Sort::Node);
        world.nodes.extend(nodes.map(|life| &life.name));
        world.led = spanning(world.led, marks.led);
    }
    worlds.retain(|_, world| !world.nodes.is_empty() && world.led.is_some());
    let mut found = Vec::new();
    for (one, its) in &worlds {
        for (other, others) in worlds.range(one + 1..) {
            let (Some(led), Some(also)) = (its.led, others.led) else {
                continue;
            };
            let (from, to) = (led.0.max(also.0), led.1.min(also.1));
            if from + BOTH < to && its.nodes.is_disjoint(&others.nodes) {
                found.push(Conflict {
                    between: (*one, *other),
                    of: None,
                    because: format!(
                        "two controllers acted from {from} to {to}, and no node of the one ({}) is the other's ({})",
                        its.nodes.first().map_or("", |name| name),
                        others.nodes.first().map_or("", |name| name)
                    ),
                });
            }
        }
    }
    found
}

/// The span that holds both.
fn spanning(one: Option<(Time, Time)>, other: Option<(Time, Time)>) -> Option<(Time, Time)> {
    let (Some(one), Some(other)) = (one, other) else {
        return one.or(other);
    };
    Some((one.0.min(other.0), one.1.max(other.1)))
}

/// Two controllers that acted by turns, faster than a lease changes hands.
fn two_that_lead(marks: &[&Marks], group: &[usize]) -> Vec<Conflict> {
    let mut acts: BTreeMap<usize, Vec<Time>> = BTreeMap::new();
    for (marks, group) in marks.iter().zip(group) {
        acts.entry(*group).or_default().extend(&marks.acts);
    }
    for acts in acts.values_mut() {
        acts.sort_unstable();
    }
    let mut found = Vec::new();
    for (one, its) in &acts {
        for (other, others) in acts.range(one + 1..) {
            if let Some((from, to)) = by_turns(its, others) {
                found.push(Conflict {
                    between: (*one, *other),
                    of: None,
                    because: format!("two controllers acted by turns from {from} to {to}, and only one can lead"),
                });
            }
        }
    }
    found
}

/// From when to when acts of two alternated, where that is too fast for one cluster. Equal moments tell that it is one
/// log, collected twice.
fn by_turns(one: &[Time], other: &[Time]) -> Option<(Time, Time)> {
    let both = one
        .iter()
        .map(|at| (*at, false))
        .chain(other.iter().map(|at| (*at, true)));
    let mut both: Vec<(Time, bool)> = both.collect();
    both.sort_unstable();
    let mut turns: Vec<Time> = Vec::new();
    for pair in both.windows(2) {
        if let [(before, by), (after, other)] = pair
            && by != other
        {
            if before == after {
                return None;
            }
            if *after - *before <= TURN {
                turns.push(*after);
            }
        }
    }
    let (first, last) = (turns.first().copied()?, turns.last().copied()?);
    (turns.len() >= TURNS && last - first >= TURNING).then_some((first, last))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(of: &[i64]) -> Vec<Time> {
        of.iter().map(|second| Time::default() + Span::secs(*second)).collect()
    }

    #[test]
    fn leaders_that_follow_each_other_are_of_one_cluster() {
        let (one, other) = (seconds(&[0, 10, 20, 30, 100, 110]), seconds(&[40, 50, 60, 70, 80, 90]));
        assert_eq!(by_turns(&one, &other), None);
    }

    #[test]
    fn two_that_act_by_turns_are_of_two() {
        let (one, other) = (
            seconds(&[0, 10, 20, 30, 40, 50, 60]),
            seconds(&[5, 15, 25, 35, 45, 55, 65]),
        );
        assert!(by_turns(&one, &other).is_some());
        let copied: Vec<Time> = one.iter().skip(1).copied().collect();
        assert_eq!(by_turns(&one, &copied), None, "the same log, collected twice");
    }
}
