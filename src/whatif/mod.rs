//! What would have healed it: the replayed world is forked at a moment, somebody acts, and the model runs on.
//!
//! In: a [`Script`], the world at the moment, the volume and node, and acts. Out: an [`Answer`] with one row for each act: whether it heals, after
//! how long, under which assumptions, which safety rule it breaks, and why. Nothing is looked up: every row comes out of
//! a run of the model.

pub mod act;
pub mod advice;
mod fork;
mod reason;
pub mod text;

use serde::Serialize;

use crate::fact::{Fact, Kind};
use crate::graph::cast::{Node, Volume};
use crate::model::world::board::Pair;
use crate::model::world::{World, driver};
use crate::replay::Script;
use crate::report::Outcome;
use crate::time::{Span, Time};

pub use act::{Act, Plain};
use fork::{Fork, Owner, Seen};

/// Name and number of the structure that [`Answer`] serialises to.
pub const SCHEMA: &str = "adtrace.whatif/1";
/// An act that settles no sooner than that before waiting would has no effect.
const SOONER: Span = Span::secs(1);

/// What the acts would do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// Always [`SCHEMA`].
    pub schema: &'static str,
    /// The moment of the fork.
    pub at: Time,
    /// Unique volume name.
    pub volume: String,
    /// Node.
    pub node: String,
    /// One row for each act, in the order asked.
    pub rows: Vec<Row>,
}

/// What one act would do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    /// Its name in the contract.
    pub action: String,
    /// What comes of it.
    pub outcome: Outcome,
    /// Until report, `VolumeAttachment` and controller agree, in milliseconds.
    pub agree_after_ms: Option<u64>,
    /// Until the pod that waits has its volume mounted, in milliseconds.
    pub runs_after_ms: Option<u64>,
    /// What was taken for granted.
    pub assumptions: Vec<String>,
    /// Safety rules that break (S2: one attachment of an exclusive volume at a time; S3: no detach under a mount).
    pub breaks: Vec<&'static str>,
    /// The step that heals, or what keeps it from healing.
    pub because: String,
}

/// Tries acts on a pair at the moment the world stands at. The driver answers every call as `says`, else as it last did.
#[must_use]
pub fn ask(
    script: &Script<'_>,
    world: &World,
    (volume, node): Pair,
    acts: &[Act],
    says: Option<driver::Answer>,
) -> Answer {
    let others: Vec<Node> = world.other_ready_node(node).into_iter().chain([node]).collect();
    let mut world = world.only(volume, &others);
    bury_the_dead(script, &mut world);
    let now = world.now;
    if let Some(process) = world.process.as_mut() {
        process.controller.keep_pace(now);
    }
    if let Some(answer) = says {
        fork::set_driver(&mut world, answer);
    }
    let pair = (volume, node);
    let untouched = Fork::new(world, pair, owner(script, volume));
    let before = Before::of(&untouched);
    let rows = acts.iter().map(|act| row(&untouched, *act, &before, says)).collect();
    Answer {
        schema: SCHEMA,
        at: untouched.world.now,
        volume: script.cast.info(volume).name.to_string(),
        node: script.cast.node_name(node).to_string(),
        rows,
    }
}

/// A node that is not ready and whose kubelet wrote nothing since has no mount that could be harmed; one whose kubelet
/// wrote on lives behind a partition, and one whose log was not read may.
fn bury_the_dead(script: &Script<'_>, world: &mut World) {
    let now = world.now;
    let unready: Vec<Node> = world
        .board
        .nodes
        .iter()
        .filter(|(_, object)| !object.ready)
        .map(|(node, _)| *node)
        .collect();
    for node in unready {
        let spans = script.lives.kubelets.get(&node);
        let silent = spans
            .and_then(|spans| spans.iter().map(|(_, to)| *to).max())
            .is_some_and(|last| now - last > crate::replay::lives::SILENCE);
        if let Some(machine) = world.machines.get_mut(&node) {
            machine.reachable = false;
            machine.alive = !silent;
        }
    }
}

/// Who makes the pods that use the volume, as the last one was made.
fn owner(script: &Script<'_>, volume: Volume) -> Owner {
    let uses = |fact: &&Fact| {
        let pods = fact.pod.as_ref().map_or(&[][..], |name| script.cast.pods_named(name));
        pods.iter()
            .any(|pod| script.cast.pod_info(*pod).volumes.contains(&volume))
    };
    let made = script.facts.iter().filter(|fact| fact.kind == Kind::PodCreated);
    let last = made
        .filter(uses)
        .max_by_key(|fact| fact.at)
        .and_then(|fact| fact.call.as_ref());
    match last {
        Some(call) if !call.user.starts_with("system:") => Owner::Person,
        _ => Owner::Controller,
    }
}

/// What there is to compare an act with: how it stands, and what comes of it if nobody acts.
struct Before {
    settled: bool,
    orphan: bool,
    left_alone: Seen,
}

impl Before {
    fn of(untouched: &Fork) -> Before {
        let world = &untouched.world;
        Before {
            settled: fork::agree(world) && fork::served(world),
            orphan: reason::leaves_orphan(world),
            left_alone: untouched.clone().run(),
        }
    }
}

fn row(untouched: &Fork, act: Act, before: &Before, says: Option<driver::Answer>) -> Row {
    let start = untouched.world.now;
    let mut row = Row {
        action: act.to_string(),
        outcome: Outcome::Unknown,
        agree_after_ms: None,
        runs_after_ms: None,
        assumptions: reason::assumptions(&untouched.world, untouched.pair, act, says),
        breaks: Vec::new(),
        because: String::new(),
    };
    let mut fork = untouched.clone();
    if let Err(why) = fork.act(act) {
        row.because = format!("It cannot be tried: {why}.");
        return row;
    }
    let seen = fork.run();
    let after = |at: Time| u64::try_from((at - start).as_millis()).unwrap_or(0);
    let orphan = !before.settled && !before.orphan && reason::leaves_orphan(&fork.world);
    let worse = before.settled && seen.settled.is_none();
    row.breaks = seen.breaks.difference(&before.left_alone.breaks).copied().collect();
    if orphan && !row.breaks.contains(&"S2") {
        row.breaks.push("S2");
    }
    let by_hand = act == Act::Plain(Plain::MountByHand);
    let sooner = match (act, before.left_alone.settled, seen.settled) {
        (Act::Plain(Plain::Wait), _, _) | (_, None, _) => true,
        (_, Some(wait), Some(settled)) => settled + SOONER < wait,
        _ => false,
    };
    row.outcome = if !row.breaks.is_empty() || worse || by_hand {
        Outcome::Unsafe
    } else if seen.settled.is_some() && !before.settled && sooner {
        Outcome::Heals
    } else {
        Outcome::NoEffect
    };
    if row.outcome != Outcome::NoEffect {
        row.agree_after_ms = seen.agree.filter(|_| seen.settled.is_some()).map(after);
        row.runs_after_ms = seen.settled.map(after);
    }
    row.because = reason::because(&fork.world, fork.pair, &row, &seen, before.settled, by_hand);
    row
}
