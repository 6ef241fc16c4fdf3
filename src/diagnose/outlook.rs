//! The question to the model: left alone from here, would the states come to agree?
//!
//! In: the world at a step. Out: an [`Outlook`]: when the states agree if nobody does anything more, or which rule
//! stays broken for good. A fork of the world runs on by its own rules: drivers and parties answer as they last did,
//! faults of the API are over, nothing new comes from outside.

use crate::graph::cast::{Node, Volume};
use crate::model::world::driver::Answer;
use crate::model::world::{CellState, Held, Va, World};
use crate::time::{Span, Time};

/// How far the model looks ahead: the timer of a lost node, the longest back-off, the longest wait for an attacher, and
/// the once-a-minute check after all of them.
pub const HORIZON: Span = Span::secs(360 + 122 + 120 + 60);

/// A rule that no party's own rules mend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Broken {
    /// A bound pod wants it, the controller does not (S7's reverse: the node is not managed).
    NotDesired,
    /// Wanted although its driver attaches nothing, and nobody takes the wish back.
    WantedInVain,
    /// Wanted and held attached, yet not in the list to report (R1).
    Unreported,
    /// In the list to report, not in the node's status, and no patch is due (R2).
    ReportLost,
    /// Held attached and wanted, while its `VolumeAttachment` is going or gone (R3).
    AttachmentGone,
    /// A `VolumeAttachment` that nobody wants and the controller does not know (R4).
    AttachmentForgotten,
    /// Held, reported and attached by all accounts, but on a machine that is gone: the one of that name has no device.
    MachineReplaced,
    /// Its `VolumeAttachment` is going, and the attacher lacks the object without which it can't ask for the detach.
    DetachNotAsked,
    /// It is wanted, and its `VolumeAttachment` belongs to a persistent volume that is gone: the attacher refuses it, and
    /// the controller waits for it.
    AttachNotAsked,
    /// The back-end holds it where no `VolumeAttachment` says so, and that keeps it from where it is wanted.
    BackEndForgotten,
}

/// What becomes of one volume if nobody does anything more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outlook {
    /// When all states agree and every waiting pod has its volume; `None` if not within [`HORIZON`].
    pub settles: Option<Time>,
    /// Rules that stay broken, with their pairs.
    pub broken: Vec<(Volume, Node, Broken)>,
}

/// Asks the model; the fork holds one volume only.
#[must_use]
pub fn ask(mut fork: World) -> Outlook {
    if fork.settled() {
        return Outlook {
            settles: Some(fork.now),
            broken: Vec::new(),
        };
    }
    let until = fork.now + HORIZON;
    let mut settled = None;
    fork.run(until, &mut |world| {
        if world.settled() {
            settled = Some(world.now);
        }
        settled.is_some()
    });
    let broken = if settled.is_some() { Vec::new() } else { broken(&fork) };
    Outlook {
        settles: settled,
        broken,
    }
}

/// Rules that are broken in a world that has come to rest.
#[must_use]
pub fn broken(world: &World) -> Vec<(Volume, Node, Broken)> {
    if world.process.is_none() {
        // Between two processes nobody owes anything.
        return Vec::new();
    }
    let waits = !world.waiting_pods().is_empty();
    let pairs = world.pairs().into_iter().chain(world.driver.attached.iter().copied());
    let mut found: Vec<(Volume, Node, Broken)> = pairs
        .filter_map(|pair| {
            let state = world.cell(pair);
            let due = world.is_due(pair.1);
            let rule = if detach_not_asked(world, pair, state) {
                Some(Broken::DetachNotAsked)
            } else if attach_not_asked(world, pair, state) {
                Some(Broken::AttachNotAsked)
            } else if machine_replaced(world, pair, state) {
                Some(Broken::MachineReplaced)
            } else if !state.attaches {
                broken_without_attach(state)
            } else if state.wished {
                broken_wish(state, due)
            } else {
                broken_rest(world, pair, state, waits)
            };
            rule.map(|rule| (pair.0, pair.1, rule))
        })
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// Whether the attacher can never ask for the detach: a persistent volume does not come back, a node does when it
/// registers anew.
fn detach_not_asked(world: &World, pair: (Volume, Node), state: CellState) -> bool {
    let lacks = match world.driver.unpublish.get(&pair) {
        Some(Answer::NoVolume) => true,
        Some(Answer::NoNodeId) => !world.board.nodes.contains_key(&pair.1),
        _ => false,
    };
    lacks && state.attachment == Va::Detaching && world.attacher.up
}

/// Whether a wish waits for a `VolumeAttachment` that the attacher will never attach, and that nobody replaces while it
/// is wanted.
fn attach_not_asked(world: &World, pair: (Volume, Node), state: CellState) -> bool {
    let object = world.board.attachments.get(&pair);
    let refused = object.is_some_and(|object| object.source_gone && !object.attached && !object.deleting);
    refused && state.wished && state.desired && world.attacher.up
}

/// What is left over where the driver attaches nothing: an attachment in use stays until that use ends.
fn broken_without_attach(state: CellState) -> Option<Broken> {
    if state.desired {
        return Some(Broken::WantedInVain);
    }
    let left = matches!(state.attachment, Va::Attached | Va::Requested) && state.in_use != Some(true);
    left.then_some(Broken::AttachmentForgotten)
}

/// What keeps a wanted pair from being met, if it is a broken rule.
fn broken_wish(state: CellState, due: bool) -> Option<Broken> {
    let reported = state.reported?;
    if !state.desired {
        return Some(Broken::NotDesired);
    }
    if state.controller != Some(Held::Attached) {
        return None;
    }
    if state.to_report == Some(false) {
        return Some(Broken::Unreported);
    }
    if matches!(state.attachment, Va::None | Va::Detaching) {
        return Some(Broken::AttachmentGone);
    }
    (!reported && !due).then_some(Broken::ReportLost)
}

/// Whether a volume counts as attached to a machine that is another one by now: its device is missing, and its
/// `VolumeAttachment` is older than the Node object.
fn machine_replaced(world: &World, pair: (Volume, Node), state: CellState) -> bool {
    let object = world.board.attachments.get(&pair);
    let older = object.is_some_and(|object| object.attached && object.outlived_node);
    older && state.wished && !state.mounted && world.driver.device_missing.contains(&pair)
}

/// What is left over where nobody wants the volume, if it is in somebody's way.
fn broken_rest(world: &World, pair: (Volume, Node), state: CellState, waits: bool) -> Option<Broken> {
    let unknown = matches!(state.controller, None | Some(Held::Detached));
    if !waits || !unknown {
        return None;
    }
    match state.attachment {
        Va::Attached | Va::Requested => Some(Broken::AttachmentForgotten),
        Va::None if world.driver.attached.contains(&pair) && keeps_away(world, pair) => Some(Broken::BackEndForgotten),
        _ => None,
    }
}

/// Whether the back-end's hold on this pair keeps the volume from another node where a pod waits for it.
fn keeps_away(world: &World, pair: (Volume, Node)) -> bool {
    let waiting = world.waiting_pods();
    world.is_exclusive(pair.0) && waiting.iter().any(|(_, other)| other.0 == pair.0 && other.1 != pair.1)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::pipeline::{Case, Options};
    use crate::replay::Replay;

    /// All that a run shows whoever looks at every moment of it: each row of states, and since when.
    fn seen(run: impl FnOnce(&mut dyn FnMut(&World) -> bool)) -> Vec<(Time, Vec<CellState>)> {
        let mut seen: Vec<(Time, Vec<CellState>)> = Vec::new();
        run(&mut |world| {
            let states = world.pairs().into_iter().map(|pair| world.cell(pair)).collect();
            if seen.last().is_none_or(|(_, last)| *last != states) {
                seen.push((world.now, states));
            }
            false
        });
        seen
    }

    #[test]
    fn every_run_is_the_same_without_jumps_over_rest() {
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures");
        let captures = std::fs::read_dir(root.join("remedies")).unwrap();
        let captures = captures.map(|entry| entry.unwrap().path());
        let captures = captures.filter(|path| path.extension().is_some_and(|end| end == "zst"));
        // Turn by turn takes long: every sixth world is enough.
        let (mut met, mut runs) = (0, 0);
        for path in captures.chain([root.join("FOUNDING")]) {
            let case = Case::open(&[path], &Options::default()).unwrap();
            let mut replay = Replay::new(case.script());
            let mut told = replay.steps();
            while replay.advance() {
                if replay.steps() == std::mem::replace(&mut told, replay.steps()) {
                    continue;
                }
                for (volume, _) in case.cast.volumes.iter().enumerate() {
                    let fork = replay.world.only(Volume(u32::try_from(volume).unwrap()), &[]);
                    if fork.settled() {
                        continue;
                    }
                    met += 1;
                    if met % 6 != 0 {
                        continue;
                    }
                    runs += 1;
                    let until = fork.now + HORIZON;
                    let (mut jumps, mut turns) = (fork.clone(), fork);
                    assert_eq!(
                        seen(|stop| _ = jumps.run(until, stop)),
                        seen(|stop| _ = turns.run_turn_by_turn(until, stop))
                    );
                }
            }
        }
        assert!(runs > 100, "{runs}");
    }
}
