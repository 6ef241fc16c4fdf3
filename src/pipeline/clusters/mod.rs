//! Recordings of several clusters in one input, told by what contradicts, and kept apart.
//!
//! In: a [`Reading`] of all paths. Out: one reading for each cluster, with the name of its folder and why it is another's.
//! Sources that tell the same uid belong together, then those of one folder; a folder that contradicts itself is looked
//! at one level deeper. What contradicts nothing goes where its names are known; where they are known twice it is left out.

use std::collections::BTreeSet;

use petgraph::unionfind::UnionFind;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::fact::{self, Fact, Name, Reading, Source, SourceId};

mod marks;

use marks::{Conflict, Marks, Sort};

/// What one cluster recorded.
#[derive(Debug)]
pub struct Cluster {
    /// The folder, archive or file that all its sources lie in; empty where there is but one cluster.
    pub name: String,
    /// Why it is another than the others.
    pub because: String,
    /// Its sources and facts.
    pub reading: Reading,
}

/// A reading, cluster by cluster.
#[derive(Debug, Default)]
pub struct Parted {
    /// The clusters, in the order of their first source; one where nothing tells of several.
    pub clusters: Vec<Cluster>,
    /// Sources that can be of more than one of them, and are used for none.
    pub unsure: Vec<Source>,
}

/// Tells clusters apart. Facts that tell but an age ([`crate::fact::ReadOptions::keep_ages`]) get their moments, each by
/// the end of its own cluster's recording.
#[must_use]
pub fn apart(reading: Reading) -> Parted {
    let mut parted = told_apart(reading);
    for cluster in &mut parted.clusters {
        fact::settle_ages(&mut cluster.reading);
    }
    parted
}

/// Like [`apart`], with ages as they are.
#[must_use]
pub fn told_apart(reading: Reading) -> Parted {
    let found = if reading.sources.len() < 2 {
        None
    } else {
        sets(&reading)
    };
    let Some(found) = found else {
        return Parted {
            clusters: vec![Cluster {
                name: String::new(),
                because: String::new(),
                reading,
            }],
            unsure: Vec::new(),
        };
    };
    parted(reading, &found)
}

/// Which cluster each source is of, `None` where that cannot be told; and why the clusters are not one.
struct Found {
    of: Vec<Option<usize>>,
    because: Vec<String>,
}

/// Levels of folders that are looked at.
const DEEPEST: usize = 16;

/// Sources by cluster, where there are several.
fn sets(reading: &Reading) -> Option<Found> {
    let all = Sources {
        marks: Marks::of(reading),
        paths: reading.sources.iter().map(|source| source.path.as_str()).collect(),
        reading,
    };
    let mut found = Found {
        of: vec![None; all.paths.len()],
        because: Vec::new(),
    };
    all.split((0..all.paths.len()).collect(), 1, "", &mut found);
    (found.because.len() > 1).then_some(found)
}

/// What the sources are told apart by.
struct Sources<'r> {
    reading: &'r Reading,
    marks: Vec<Marks>,
    paths: Vec<&'r str>,
}

impl Sources<'_> {
    /// Splits some of the sources, by what lies so many levels deep, until nothing contradicts; `because` says why they
    /// are not of another cluster.
    fn split(&self, some: Vec<usize>, deep: usize, because: &str, found: &mut Found) {
        let paths: Vec<&str> = picked(&some, &self.paths).copied().collect();
        // The last level is that of single sources: those of captures bear the names that they have in the whole.
        let deepest = paths.iter().map(|path| depth(path)).max().unwrap_or(0).min(DEEPEST);
        for deep in deep..=deepest + 1 {
            let marks: Vec<&Marks> = picked(&some, &self.marks).collect();
            let groups = grouped(&marks, &paths, (deep <= deepest).then_some(deep));
            let folders: Vec<&str> = paths
                .iter()
                .map(|path| upto(path, depth(path).saturating_sub(1)))
                .collect();
            let conflicts = marks::conflicts(&marks, &groups, &folders);
            if conflicts.is_empty() {
                continue;
            }
            for (sources, because) in self.settled(&some, &groups, &conflicts) {
                self.split(sources, deep + 1, &because, found);
            }
            return;
        }
        let cluster = found.because.len();
        found.because.push(because.to_owned());
        for source in some {
            if let Some(slot) = found.of.get_mut(source) {
                *slot = Some(cluster);
            }
        }
    }

    /// The groups that contradict each other, and with each what belongs to it by its names; what belongs to several or
    /// to none is left out.
    fn settled(&self, some: &[usize], groups: &[usize], conflicts: &[Conflict]) -> Vec<(Vec<usize>, String)> {
        let of: FxHashMap<usize, usize> = some.iter().copied().zip(groups.iter().copied()).collect();
        let mut names: FxHashMap<usize, FxHashSet<(Sort, &Name)>> = FxHashMap::default();
        for fact in &self.reading.facts {
            let source = usize::try_from(fact.source.0).unwrap_or(usize::MAX);
            if let Some(group) = of.get(&source) {
                names.entry(*group).or_default().extend(marks::named(fact));
            }
        }
        let none = FxHashSet::default();
        let names = |group: usize| names.get(&group).unwrap_or(&none);
        let sure: BTreeSet<usize> = conflicts
            .iter()
            .flat_map(|found| [found.between.0, found.between.1])
            .collect();
        let mut places: FxHashMap<usize, Option<usize>> = sure.iter().copied().zip((0..).map(Some)).collect();
        let mut settled: Vec<(Vec<usize>, String)> =
            sure.iter().map(|group| (Vec::new(), why(*group, conflicts))).collect();
        for (source, group) in some.iter().zip(groups) {
            let place = *places.entry(*group).or_insert_with(|| {
                let shared = |cluster: &usize| names(*cluster).intersection(names(*group)).count();
                most(&sure.iter().map(shared).collect::<Vec<_>>())
            });
            if let Some((sources, _)) = place.and_then(|place| settled.get_mut(place)) {
                sources.push(*source);
            }
        }
        settled
    }
}

/// Some of all.
fn picked<'a, T>(some: &'a [usize], all: &'a [T]) -> impl Iterator<Item = &'a T> {
    some.iter().filter_map(|at| all.get(*at))
}

/// What contradicts a group, in words.
fn why(group: usize, conflicts: &[Conflict]) -> String {
    let its = conflicts
        .iter()
        .filter(|found| found.between.0 == group || found.between.1 == group);
    let best = its.min_by_key(|found| (found.of.is_none(), found.of));
    best.map_or(String::new(), |found| found.because.clone())
}

/// Sources that tell the same uid belong together, and those of one folder, so many levels deep, where that is given.
fn grouped(marks: &[&Marks], paths: &[&str], deep: Option<usize>) -> Vec<usize> {
    let mut sets = UnionFind::new(paths.len());
    let mut told: FxHashMap<&Name, usize> = FxHashMap::default();
    let mut folders: FxHashMap<&str, usize> = FxHashMap::default();
    for (source, (marks, path)) in marks.iter().zip(paths).enumerate() {
        if let Some(deep) = deep {
            sets.union(*folders.entry(upto(path, deep)).or_insert(source), source);
        }
        for uid in marks.uids() {
            sets.union(*told.entry(uid).or_insert(source), source);
        }
    }
    // A group is called by its first source: the order of clusters is that of their sources.
    let mut first: FxHashMap<usize, usize> = FxHashMap::default();
    let labels = sets.into_labeling().into_iter().enumerate();
    labels
        .map(|(source, label)| *first.entry(label).or_insert(source))
        .collect()
}

/// Where the most is, if no other has as much.
fn most(counts: &[usize]) -> Option<usize> {
    let (at, best) = counts.iter().enumerate().max_by_key(|(_, count)| **count)?;
    (counts.iter().filter(|count| *count == best).count() == 1).then_some(at)
}

/// Shares sources and facts out.
fn parted(reading: Reading, found: &Found) -> Parted {
    let mut parted = Parted::default();
    parted.clusters.extend(found.because.iter().map(|because| Cluster {
        name: String::new(),
        because: because.clone(),
        reading: Reading::default(),
    }));
    let mut place: Vec<Option<(usize, SourceId)>> = Vec::new();
    for (source, of) in reading.sources.into_iter().zip(&found.of) {
        let cluster = of.and_then(|of| Some((of, parted.clusters.get_mut(of)?)));
        let Some((of, cluster)) = cluster else {
            parted.unsure.push(source);
            place.push(None);
            continue;
        };
        let id = SourceId(u32::try_from(cluster.reading.sources.len()).unwrap_or(u32::MAX));
        cluster.reading.sources.push(source);
        place.push(Some((of, id)));
    }
    for fact in reading.facts {
        let old = usize::try_from(fact.source.0).unwrap_or(usize::MAX);
        if let Some(Some((of, source))) = place.get(old).copied()
            && let Some(cluster) = parted.clusters.get_mut(of)
        {
            cluster.reading.facts.push(Fact { source, ..fact });
        }
    }
    name(&mut parted.clusters);
    parted
}

/// Names each cluster by what all its sources lie in, or by the first of them where others lie in that too.
fn name(clusters: &mut [Cluster]) {
    let common: Vec<String> = clusters
        .iter()
        .map(|cluster| common(&cluster.reading.sources))
        .collect();
    for (cluster, name) in clusters.iter_mut().zip(&common) {
        let holds = |other: &&String| upto(other, depth(name)) == name;
        let own = !name.is_empty() && common.iter().filter(holds).count() == 1;
        let first = || cluster.reading.sources.first().map(|source| source.path.clone());
        cluster.name = if own { name.clone() } else { first().unwrap_or_default() };
    }
}

/// The deepest folder or archive that holds all sources.
fn common(sources: &[Source]) -> String {
    let Some((first, others)) = sources.split_first() else {
        return String::new();
    };
    let holds = |deep: &usize| {
        let folder = upto(&first.path, *deep);
        others.iter().all(|other| upto(&other.path, *deep) == folder)
    };
    let most = depth(&first.path);
    let deep = (1..=most).take_while(holds).last().unwrap_or(0);
    upto(&first.path, deep).to_owned()
}

/// Marks that end a part of a path: a folder's, and an archive's.
const ENDS: [char; 2] = ['/', '!'];

/// Parts of a path.
fn depth(path: &str) -> usize {
    path.split(ENDS).count()
}

/// The first parts of a path.
fn upto(path: &str, parts: usize) -> &str {
    let Some(last) = parts.checked_sub(1) else {
        return "";
    };
    let end = path.match_indices(ENDS).nth(last).map_or(path.len(), |(at, _)| at);
    path.get(..end).unwrap_or(path)
}

#[cfg(test)]
mod tests;
