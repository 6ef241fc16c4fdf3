//! The controller's operations, one call or one look at a time.
//!
//! In: a world in which an attach or a detach is under way. Out: the world after its next thing, and safety rules that
//! broke. Between two things anybody else may act, which is where handshakes fail.

use super::around::Listener;
use super::rules::{Breach, Rule};
use super::setup::Setup;
use super::step::{ATTACHER_WAIT, After, Heard};
use super::world::{Link, NOW, Object, World};
use crate::model::operations::{AttachOutcome, LiveNode};
use crate::model::pending::OpName;
use crate::model::{Behaviour, Cell, PathId};

/// The operation under way for the pair, if it is an attach or a detach.
pub fn operation(world: &World, cell: Cell) -> Option<(OpName, bool)> {
    let running = world.controller.running().iter();
    let mut of = running.filter(|run| run.volume() == Some(cell.volume) && run.node() == cell.node);
    of.next().map(|run| (run.op(), run.is_to_verify()))
}

/// The controller's operation does its next thing.
pub fn operate(after: &mut After, cell: Cell, refused: bool, setup: &Setup) -> bool {
    let Some((op, to_verify)) = operation(&after.world, cell) else {
        return false;
    };
    let link = after.world.cluster.link(cell);
    if refused && link.waits {
        // A look at the informer's attachment does not ask the API.
        return false;
    }
    match op {
        OpName::Attach => attach(after, cell, refused, setup),
        _ if to_verify => {
            verify(after, cell, refused, setup);
            true
        }
        _ => detach(after, cell, refused, setup),
    }
}

fn attach(after: &mut After, cell: Cell, refused: bool, setup: &Setup) -> bool {
    let link = after.world.cluster.link(cell);
    if refused {
        // Only a create can be refused.
        if link.object == Object::None {
            end_attach(after, cell, AttachOutcome::Failed, setup);
        }
        return link.object == Object::None;
    }
    match link.object {
        // A release that watches hears of the deletion, one that polls goes on waiting.
        Object::None if link.waits && setup.profile.has(Behaviour::CsiWaitPollsLister) => false,
        Object::None if link.waits => end_attach(after, cell, AttachOutcome::Failed, setup),
        Object::None => {
            if after
                .world
                .cluster
                .elsewhere(cell, setup, |link| link.object != Object::None)
            {
                after.breaches.push(Breach {
                    rule: Rule::SecondAttachment,
                    cell,
                });
            }
            let link = after.world.cluster.link_mut(cell);
            (link.object, link.waits) = (Object::Asked { error: false }, true);
            true
        }
        Object::Asked { error: false } => {
            after.world.cluster.link_mut(cell).waits = true;
            !link.waits
        }
        Object::Attached => end_attach(after, cell, AttachOutcome::Attached(PathId::NONE), setup),
        Object::Asked { error: true } | Object::Going { .. } => end_attach(after, cell, AttachOutcome::Failed, setup),
    }
}

fn end_attach(after: &mut After, cell: Cell, outcome: AttachOutcome, setup: &Setup) -> bool {
    after.world.cluster.link_mut(cell).waits = false;
    with_still(after, setup, |world, outside| {
        world.controller.attach_ended(cell, outcome, NOW, outside);
    });
    let holders = after.world.controller.actual.nodes_holding(cell.volume).count();
    if setup.exclusive && holders > 1 {
        after.breaches.push(Breach {
            rule: Rule::TwoHolders,
            cell,
        });
    }
    true
}

fn verify(after: &mut After, cell: Cell, refused: bool, setup: &Setup) {
    let in_use = after.world.cluster.node(cell.node).in_use.has(cell.volume);
    let live = match (refused, in_use) {
        (true, _) => LiveNode::Failed,
        (_, true) => LiveNode::InUse,
        (_, false) => LiveNode::NotInUse,
    };
    with_still(after, setup, |world, outside| {
        world.controller.detach_verified(cell, live, NOW, outside);
    });
}

fn detach(after: &mut After, cell: Cell, refused: bool, setup: &Setup) -> bool {
    if refused {
        return end_detach(after, cell, false, setup);
    }
    let link = after.world.cluster.link(cell);
    if !link.waits {
        return send_delete(after, cell, link, setup);
    }
    match link.object {
        Object::None => end_detach(after, cell, true, setup),
        Object::Going { error: true, .. } => end_detach(after, cell, false, setup),
        _ => false,
    }
}

fn send_delete(after: &mut After, cell: Cell, link: Link, setup: &Setup) -> bool {
    if link.object == Object::None {
        return end_detach(after, cell, true, setup);
    }
    let node = after.world.cluster.node(cell.node);
    if node.attached.has(cell.volume) {
        after.breaches.push(Breach {
            rule: Rule::DetachedWhileReported,
            cell,
        });
    }
    let link = after.world.cluster.link_mut(cell);
    link.waits = true;
    if !matches!(link.object, Object::Going { .. }) {
        let attached = link.object.is_attached();
        link.object = Object::Going { attached, error: false };
    }
    true
}

fn end_detach(after: &mut After, cell: Cell, ok: bool, setup: &Setup) -> bool {
    after.world.cluster.link_mut(cell).waits = false;
    with_still(after, setup, |world, outside| {
        world.controller.detach_ended(cell, ok, NOW, outside);
    });
    true
}

/// The 2 min of an operation are over that waits for a driver that hangs, or for an attachment that has gone.
pub fn give_up(after: &mut After, cell: Cell, setup: &Setup) -> bool {
    let (link, op) = (after.world.cluster.link(cell), operation(&after.world, cell));
    let Some((op, _)) = op.filter(|_| link.waits) else {
        return false;
    };
    after.world.controller.elapse(ATTACHER_WAIT, NOW);
    if op == OpName::Attach {
        end_attach(after, cell, AttachOutcome::Failed, setup)
    } else {
        end_detach(after, cell, false, setup)
    }
}

/// Calls the controller with a listener that asks nothing.
pub(super) fn with_still(after: &mut After, setup: &Setup, call: impl FnOnce(&mut World, &mut Listener)) {
    let mut listener = Listener::new(setup);
    call(&mut after.world, &mut listener);
    after.heard.extend(listener.heard.into_iter().map(Heard::Did));
}
