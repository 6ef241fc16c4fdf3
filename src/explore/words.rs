//! Words for what happens in a small world.
//!
//! In: steps, notes, objects. Out: one plain clause each, or nothing for what only matters inside the controller. Names
//! are numbers from one: `pod-1`, `node-2`, `volume-1`.

use super::step::Step;
use super::world::{Move, Object, World};
use crate::model::outside::{Note, Patch, Readd, StartError};
use crate::model::pending::OpName;
use crate::model::{Cell, NodeId, PodId, VolumeId};

/// A volume's name.
pub fn volume(id: VolumeId) -> String {
    format!("volume-{}", id.0 + 1)
}

/// A node's name.
pub fn node(id: NodeId) -> String {
    format!("node-{}", id.0 + 1)
}

fn pod(id: PodId) -> String {
    format!("pod-{}", id.0 + 1)
}

fn pair(cell: Cell) -> String {
    format!("{} on {}", volume(cell.volume), node(cell.node))
}

fn list(volumes: impl Iterator<Item = VolumeId>) -> String {
    let names: Vec<String> = volumes.map(volume).collect();
    if names.is_empty() {
        "no volume".to_owned()
    } else {
        names.join(", ")
    }
}

/// A pod that comes or goes.
pub fn pod_move(step: Move) -> String {
    match step {
        Move::Create(id, at) => format!("{} is created on {}", pod(id), node(at)),
        Move::Delete(id) => format!("{} is deleted", pod(id)),
    }
}

/// A `VolumeAttachment`.
pub const fn object(object: Object) -> &'static str {
    match object {
        Object::None => "there is no attachment",
        Object::Asked { error: false } => "its attachment waits",
        Object::Asked { error: true } => "its attachment was refused",
        Object::Attached => "its attachment is attached",
        Object::Going { error: false, .. } => "its attachment is being deleted",
        Object::Going { error: true, .. } => "its attachment is being deleted, which the driver refused",
    }
}

/// A step and what it changed outside the controller.
pub fn step(step: &Step, before: &World, after: &World) -> String {
    match *step {
        Step::Move(step) => pod_move(step),
        Step::Pass(_) => "the controller makes a pass".to_owned(),
        Step::Operate(cell) => operate(cell, before, after),
        Step::OperateRefused(cell) => format!("{}: the API refuses the call", operation(cell, before)),
        Step::GiveUp(cell) => format!("2 min later, {}: waits no longer", operation(cell, before)),
        Step::Attacher(cell) => format!("attacher, {}: {}", pair(cell), object(after.cluster.link(cell).object)),
        Step::AttacherRefused(cell) => format!("attacher, {}: the driver refuses", pair(cell)),
        Step::Hang(cell) => format!("the driver stops answering for {}", pair(cell)),
        Step::Answer(cell) => format!("the driver answers again for {}", pair(cell)),
        Step::Mount(id) => {
            format!(
                "{} mounts and unmounts, mounted now: {}",
                node(id),
                list(after.cluster.node(id).mounted.iter())
            )
        }
        Step::Status(id) => {
            format!(
                "{} writes its status, in use: {}",
                node(id),
                list(after.cluster.node(id).in_use.iter())
            )
        }
        Step::Stick(id) => format!("{} gets nothing mounted or unmounted any more", node(id)),
        Step::Die(id) => format!("{} dies", node(id)),
        Step::Recover(id) => format!("{} works again", node(id)),
        Step::Lag(id) => format!("the controller's informer stops hearing of {}", node(id)),
        Step::CatchUp(id) => format!("the controller's informer hears of {} again", node(id)),
        Step::Restart => "the controller's process ends, another starts".to_owned(),
        Step::Retry => "a back-off ends".to_owned(),
        Step::Check => "a minute passes, the check of attachments is due".to_owned(),
        Step::Timer => "6 min pass".to_owned(),
    }
}

/// The controller's operation of a pair, as it was before the step.
fn operation(cell: Cell, before: &World) -> String {
    let mut running = before.controller.running().iter();
    let of = running.find(|run| run.volume() == Some(cell.volume) && run.node() == cell.node);
    let name = match of.map(|run| (run.op(), run.is_to_verify())) {
        Some((OpName::Attach, _)) => "attach",
        Some((_, true)) => "look at the live node before the detach",
        _ => "detach",
    };
    format!("{name} of {}", pair(cell))
}

fn operate(cell: Cell, before: &World, after: &World) -> String {
    let (was, is) = (before.cluster.link(cell).object, after.cluster.link(cell).object);
    let what = if was == is {
        "looks at what came of it"
    } else {
        object(is)
    };
    format!("{}: {what}", operation(cell, before))
}

/// What the controller did; `None` for what changes nothing.
pub fn note(note: &Note) -> Option<String> {
    Some(match note {
        Note::Unreported(cell) => format!("takes {} out of {}'s report", volume(cell.volume), node(cell.node)),
        Note::Readded(cell, why) => {
            let why = match why {
                Readd::StatusUpdateFailed => "the node could not be told",
                Readd::StartFailed => "the detach could not start",
                Readd::DetachFailed => "the detach failed",
            };
            format!(
                "puts {} back into {}'s report: {why}",
                volume(cell.volume),
                node(cell.node)
            )
        }
        Note::AttachStarted(cell) => format!("starts to attach {}", pair(*cell)),
        Note::DetachStarted(cell, None) => format!("starts to detach {}", pair(*cell)),
        Note::DetachStarted(cell, Some(_)) => format!("starts to detach {} by force", pair(*cell)),
        Note::Refused(op, cell, why) => refused(*op, *cell, *why),
        Note::SkippedBackoff(cell) => format!("leaves {} alone: its detach backs off", pair(*cell)),
        Note::BlockedMounted(cell) => format!("leaves {} alone: the node still has it in use", pair(*cell)),
        Note::StatusUpdateFailed(cell) => format!("gives up the detach of {}", pair(*cell)),
        Note::Touched(cell) => format!("finds {} attached and wanted: nothing to do", pair(*cell)),
        Note::MultiAttach(cell, _) | Note::StillHeld(cell) => {
            format!("does not attach {}: another node has it", pair(*cell))
        }
        Note::Patched(id, patch, answer) => patched(*id, patch, answer.is_ok()),
        Note::CheckDropped(cell) => format!("finds {} no longer attached", pair(*cell)),
        Note::VerifyRefused(cell) => format!("the live node does not allow the detach of {}", pair(*cell)),
        Note::AttachSucceeded(cell, _) => format!("the attach of {} succeeds", pair(*cell)),
        Note::AttachFailed(cell, _) => format!("the attach of {} fails", pair(*cell)),
        Note::Ended(OpName::Detach, cell, Ok(())) => format!("the detach of {} succeeds", pair(*cell)),
        Note::Ended(OpName::Detach, cell, Err(backoff)) => {
            format!(
                "the detach of {} backs off for {} ms",
                pair(*cell),
                backoff.wait.as_millis()
            )
        }
        _ => return None,
    })
}

fn refused(op: OpName, cell: Cell, why: StartError) -> String {
    let op = if op == OpName::Attach { "attach" } else { "detach" };
    let why = match why {
        StartError::Exists => "another operation runs",
        StartError::Backoff(_) => "it backs off",
        StartError::NoPlugin => "there is no plugin for it",
    };
    format!("does not start to {op} {}: {why}", pair(cell))
}

fn patched(id: NodeId, patch: &Patch, ok: bool) -> String {
    let what = match patch {
        Patch::Empty => format!(
            "sends {} an empty patch, as its cached status is right already",
            node(id)
        ),
        Patch::List(reported) => {
            format!(
                "patches the status of {}: attached {}",
                node(id),
                list(reported.iter().map(|entry| entry.0))
            )
        }
    };
    if ok { what } else { format!("{what}; that fails") }
}
