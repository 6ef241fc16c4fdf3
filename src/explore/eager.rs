//! Steps that need not be tried in every order: what a party does that nobody can help, hinder or notice meanwhile.
//!
//! In: a world. Out: such a step, if there is one. A search that takes it at once, and nothing else before it, finds the
//! same broken rules (a persistent set of one step, taken so that no circle consists of such steps only). There are two
//! kinds, both of an operation that has the volume's lock to itself:
//!
//! * the operation's call that creates or deletes the `VolumeAttachment`;
//! * the attacher's work on it while the operation waits.
//!
//! Neither is seen by a pass, a pod, an informer or another operation; each may only be seen by the fault that hits it,
//! the check of the minute, a kubelet that may still mount, a driver that gives the volume to one of two nodes. Where one
//! of these can come the step is left to the search.

use super::operate::operation;
use super::setup::{Fault, Setup};
use super::step::Step;
use super::world::{Health, Link, NOW, Object, World};
use crate::model::Cell;
use crate::model::pending::{Key, OpName};

/// A step that may be taken before all others.
#[must_use]
pub fn step(world: &World, setup: &Setup) -> Option<Step> {
    if world.cluster.allows(Fault::Restart, setup) {
        return None;
    }
    setup.all_cells().find_map(|cell| of(world, cell, setup))
}

fn of(world: &World, cell: Cell, setup: &Setup) -> Option<Step> {
    let (op, to_verify) = operation(world, cell)?;
    let link = world.cluster.link(cell);
    if link.hangs || to_verify || !is_alone(world, cell) {
        return None;
    }
    if link.waits {
        let works = attacher_is_alone(world, cell, op, link, setup);
        works.then_some(Step::Attacher(cell))
    } else {
        let calls = calls_alone(world, cell, op, link, setup);
        calls.then_some(Step::Operate(cell))
    }
}

/// Whether no other operation can come near the pair while this one runs.
fn is_alone(world: &World, cell: Cell) -> bool {
    let entries = world.controller.pending.entries().iter();
    let keys = entries
        .map(|entry| entry.key)
        .filter(|key| key.volume == Some(cell.volume));
    let (mine, others): (Vec<Key>, Vec<Key>) = keys.partition(|key| key.node.is_none_or(|node| node == cell.node));
    let whole = mine.contains(&Key::volume(cell.volume));
    mine.len() == 1 && (others.is_empty() || !whole)
}

/// Whether the kubelet neither has the volume nor could get to mount it: it is not in the node's status and will not be.
fn is_out_of_reach(world: &World, cell: Cell) -> bool {
    let node = world.cluster.node(cell.node);
    !node.attached.has(cell.volume) && !world.controller.actual.is_reported(cell)
}

fn calls_alone(world: &World, cell: Cell, op: OpName, link: Link, setup: &Setup) -> bool {
    let refusable = world.cluster.allows(Fault::ApiCall, setup);
    match (op, link.object) {
        (OpName::Attach, Object::None) => !refusable,
        (OpName::Detach, Object::Asked { .. } | Object::Attached) => !refusable && is_out_of_reach(world, cell),
        _ => false,
    }
}

fn attacher_is_alone(world: &World, cell: Cell, op: OpName, link: Link, setup: &Setup) -> bool {
    let node = world.cluster.node(cell.node);
    let disturbed = [Fault::DriverRefuses, Fault::DriverHangs];
    if disturbed.into_iter().any(|kind| world.cluster.allows(kind, setup)) || world.controller.check_due(NOW) {
        return false;
    }
    let settled = |link: Link| link.object == Object::Attached || (link.object == Object::None && !link.back_end);
    if world.cluster.elsewhere(cell, setup, |link| !settled(link)) {
        return false;
    }
    match (op, link.object) {
        (OpName::Attach, Object::Asked { error: false }) => is_out_of_reach(world, cell),
        (OpName::Detach, Object::Going { error: false, .. }) => {
            node.health != Health::Dead || !node.mounted.has(cell.volume)
        }
        _ => false,
    }
}
