//! What the search finds in each minor release, as a table.
//!
//! In: worlds. Out: text: how far each search went; a row for each behaviour with which a course ends well (by its
//! issues); a row for each rule that breaks, by the faults that it takes. Nothing here names an issue: the stories do.

use std::collections::BTreeMap;
use std::fmt::Write;

use adtrace::explore::{Explored, Finding, Setup, explore, story};
use adtrace::model::Profile;
use adtrace::model::profile::{Component, ROWS, Version};
use rayon::prelude::*;

/// Minor releases, 1.16 to 1.36, each by its first patch release.
const MINORS: std::ops::RangeInclusive<u16> = 16..=36;

/// A world to search, and what to call it.
pub struct World {
    pub name: &'static str,
    pub setup: fn(Profile) -> Setup,
}

/// The kind of a row, its label, and how long the course is.
type Label = (u8, String, usize);

/// Shortest course, in steps, by row and minor release.
type Rows = BTreeMap<(u8, String), BTreeMap<u16, usize>>;

/// The table. Releases between which no behaviour of the controller changed share a search.
pub fn table(worlds: &[World]) -> String {
    let minors: Vec<u16> = MINORS.collect();
    let searched: Vec<(u16, Vec<(Setup, Explored)>)> = minors
        .par_iter()
        .filter(|&&minor| minor == *MINORS.start() || decides(minor) != decides(minor - 1))
        .map(|&minor| (minor, worlds.iter().map(|world| search(world, minor)).collect()))
        .collect();
    let of = |minor: u16| searched.iter().rev().find(|(from, _)| *from <= minor);
    let mut rows = Rows::new();
    let told: Vec<(u16, Vec<Label>)> = searched
        .par_iter()
        .map(|(from, explored)| {
            (
                *from,
                explored
                    .iter()
                    .flat_map(|(setup, explored)| labels(setup, explored))
                    .collect(),
            )
        })
        .collect();
    for &minor in &minors {
        let found = told.iter().rev().find(|(from, _)| *from <= minor);
        for (kind, label, steps) in found.into_iter().flat_map(|(_, found)| found) {
            let cell = rows
                .entry((*kind, label.clone()))
                .or_default()
                .entry(minor)
                .or_insert(*steps);
            *cell = (*cell).min(*steps);
        }
    }
    let mut text = String::new();
    extents(&mut text, worlds, &minors, &|minor, at| {
        of(minor).map(|(_, explored)| &explored[at].1)
    });
    matrix(&mut text, &rows, &minors);
    text
}

fn decides(minor: u16) -> Vec<bool> {
    let profile = Profile::of(Version::new(1, minor, 0));
    let controller = profile.rows().filter(|(row, _)| row.component == Component::Controller);
    controller.map(|(_, has)| has).collect()
}

fn search(world: &World, minor: u16) -> (Setup, Explored) {
    let setup = (world.setup)(Profile::of(Version::new(1, minor, 0)));
    let explored = explore(&setup);
    (setup, explored)
}

/// The rows that a search fills, each with the length of its course.
fn labels(setup: &Setup, explored: &Explored) -> Vec<Label> {
    let broken = explored.findings.iter().map(|finding| {
        let Finding { breach, faults, steps } = finding;
        let label = format!("{} {}: {faults}", breach.rule.id(), breach.rule.says());
        (1, label, steps.len())
    });
    let all = explored.findings.iter().chain(&explored.others);
    let mended = all.flat_map(|finding| {
        let cures = story::tell(finding, setup).cures;
        let steps = finding.steps.len();
        cures.into_iter().map(move |cure| (0, cure.behaviour.to_owned(), steps))
    });
    broken.chain(mended).collect()
}

fn extents<'a>(text: &mut String, worlds: &[World], minors: &[u16], of: &dyn Fn(u16, usize) -> Option<&'a Explored>) {
    for (at, world) in worlds.iter().enumerate() {
        let _ = writeln!(text, "{}", world.name);
        for &minor in minors {
            let Some(explored) = of(minor, at) else { continue };
            let Explored {
                states,
                depth,
                complete,
                ..
            } = explored;
            let how = if *complete { "exhausted" } else { "stopped" };
            let _ = writeln!(text, "  1.{minor}  {how}: {states} states, depth {depth}");
        }
    }
}

fn matrix(text: &mut String, rows: &Rows, minors: &[u16]) {
    let heads: String = minors.iter().map(|minor| format!("{minor:>4}")).collect();
    for (kind, title) in [(0, "the same course ends well with"), (1, "rule: faults that it takes")] {
        let _ = writeln!(text, "\n{heads}  {title}");
        for ((_, label), cells) in rows.iter().filter(|((of, _), _)| *of == kind) {
            let cell = |minor| {
                cells
                    .get(minor)
                    .map_or("   ·".to_owned(), |steps| format!("{steps:>4}"))
            };
            let cells: String = minors.iter().map(cell).collect();
            let _ = writeln!(text, "{cells}  {label}{}", issues(label));
        }
    }
}

fn issues(label: &str) -> String {
    let row = ROWS.iter().find(|row| row.name == label);
    let closes = row.map_or(&[][..], |row| row.closes).iter();
    closes.map(|issue| format!(" #{issue}")).collect()
}

/// A world that is searched to the end.
fn whole(profile: Profile) -> Setup {
    Setup {
        depth: u32::MAX,
        states: 4_000_000,
        ..Setup::of(profile)
    }
}

/// One node, one volume, one pod, one fault of any kind, to the end.
pub const ONE_NODE: World = World {
    name: "one node, one volume, one pod, one fault of any kind",
    setup: |profile| Setup {
        nodes: 1,
        ..whole(profile)
    },
};

/// Two nodes, one volume, one pod, one fault of any kind, to the end.
pub const TWO_NODES: World = World {
    name: "two nodes, one volume, one pod, one fault of any kind",
    setup: whole,
};

/// Two pods that want the same volume, to the end.
pub const TWO_PODS: World = World {
    name: "two nodes, one volume, two pods that want it, no fault",
    setup: |profile| Setup {
        pods: 2,
        faults: 0,
        ..whole(profile)
    },
};

/// One volume that may be on both nodes, to the end.
pub const SHARED: World = World {
    name: "two nodes, one shared volume, one pod, one fault of any kind; reduced",
    setup: |profile| Setup {
        exclusive: false,
        reduced: true,
        ..whole(profile)
    },
};

/// Two nodes, two volumes, a pod for each, while pods come and go a number of times.
pub const TWO_VOLUMES: World = World {
    name: "two nodes, two volumes, a pod each, no fault; reduced, within 10 comings and goings of pods",
    setup: |profile| Setup {
        volumes: 2,
        pods: 2,
        faults: 0,
        moves: Some(10),
        reduced: true,
        ..whole(profile)
    },
};

/// The same with a fault.
pub const TWO_VOLUMES_AND_A_FAULT: World = World {
    name: "two nodes, two volumes, a pod each, one fault of any kind; reduced, within 4 comings and goings of pods",
    setup: |profile| Setup {
        faults: 1,
        moves: Some(4),
        ..(TWO_VOLUMES.setup)(profile)
    },
};
