//! The words of a row: what was assumed, and why it ends as it does.
//!
//! In: the world before and after an act, and what the fork showed. Out: sentences.

use super::Row;
use super::act::{Act, Plain};
use super::fork::{ATTACHER_STARTS, CONTROLLER_STARTS, KUBELET_STARTS, POD_ENDS, POD_GC, Seen};
use crate::diagnose::outlook::{self, Broken};
use crate::graph::cast::{Node, Volume};
use crate::model::world::driver::Answer;
use crate::model::world::{CellState, Held, Va, World};
use crate::report::Outcome;
use crate::time::Span;

/// What an act takes for granted.
pub fn assumptions(world: &World, pair: (Volume, Node), act: Act, says: Option<Answer>) -> Vec<String> {
    let mut all = vec![
        match (act, says) {
            (Act::Plain(Plain::DriverRecovers), _) | (_, Some(Answer::Done)) => {
                "the driver answers every call with success"
            }
            (_, Some(Answer::Refused | Answer::HeldElsewhere)) => "the driver refuses every call",
            (_, Some(Answer::Hangs)) => "the driver answers no call in time",
            (_, Some(Answer::NoVolume | Answer::NoNodeId)) => "the attacher can't ask the driver",
            (_, None) => last_seen(world, pair),
        }
        .to_owned(),
    ];
    all.push("nobody does anything else, and the API server answers".to_owned());
    all.extend(of_act(act));
    let node = world.board.nodes.get(&pair.1);
    if node.is_some_and(|object| !object.ready) {
        let alive = world.machines.get(&pair.1).is_some_and(|machine| machine.alive);
        let assumed = if alive {
            "the node is not ready but may still run its pods"
        } else {
            "the node is dead: its kubelet wrote nothing since it is not ready"
        };
        all.push(assumed.to_owned());
    }
    all
}

fn last_seen(world: &World, pair: (Volume, Node)) -> &'static str {
    match (world.driver.unpublish.get(&pair), world.driver.publish.get(&pair)) {
        (Some(Answer::Refused), _) => "the driver answers as last seen: Unpublish refused",
        (_, Some(Answer::Refused)) => "the driver answers as last seen: Publish refused",
        _ => "the driver answers as last seen, and with success where it was not seen",
    }
}

fn of_act(act: Act) -> Option<String> {
    let seconds = |span: Span| span.as_millis() / 1000;
    let of = match act {
        Act::Upgrade(_) => format!(
            "a kube-controller-manager of that release leads {} s later; kubelets are upgraded too",
            seconds(CONTROLLER_STARTS)
        ),
        Act::With(_) | Act::Without(_) => {
            "the behaviour is switched in the running process, which keeps its state".to_owned()
        }
        Act::Plain(plain) => match plain {
            Plain::RestartController => format!("the new process leads after {} s", seconds(CONTROLLER_STARTS)),
            Plain::RestartAttacher => format!("the new process works after {} s", seconds(ATTACHER_STARTS)),
            Plain::RestartKubelet => format!("the new process works after {} s", seconds(KUBELET_STARTS)),
            Plain::DeleteNode => format!(
                "the kubelet registers its node again after {} s",
                seconds(KUBELET_STARTS)
            ),
            Plain::DeletePodSameNode | Plain::DeletePodOtherNode | Plain::SpreadPods => format!(
                "containers end within {} s, and a successor is bound as soon as the pod is gone, or, where a person \
                 makes the pods, once the volume is detached",
                seconds(POD_ENDS)
            ),
            Plain::ForceDeletePod => {
                "a successor is bound at once, to another node if this one is not ready".to_owned()
            }
            Plain::OutOfServiceTaint => format!(
                "pods that are being deleted on the node are collected after {} s",
                seconds(POD_GC)
            ),
            Plain::OtherVolumeOnNode => "the other volume is attached without trouble".to_owned(),
            _ => return None,
        },
    };
    Some(of)
}

/// Whether the back-end holds an exclusive volume on a node without a `VolumeAttachment`, so that nobody will ever take
/// it off, while it is wanted or attached elsewhere.
pub fn leaves_orphan(world: &World) -> bool {
    let attached = &world.driver.attached;
    attached.iter().any(|pair| {
        let elsewhere = |other: &(Volume, Node)| other.0 == pair.0 && other.1 != pair.1;
        let wanted = world
            .board
            .nodes
            .keys()
            .map(|node| (pair.0, *node))
            .any(|other| elsewhere(&other) && world.board.wanted(other));
        world.is_exclusive(pair.0)
            && !world.board.attachments.contains_key(pair)
            && (wanted || attached.iter().any(elsewhere))
    })
}

/// One sentence: the step that heals, or what keeps it from healing.
pub fn because(
    world: &World,
    pair: (Volume, Node),
    row: &Row,
    seen: &Seen,
    was_settled: bool,
    by_hand: bool,
) -> String {
    if by_hand {
        return "No party counts a mount made by hand: the pod goes on waiting, and a detach would pull the volume away \
                from under it."
            .to_owned();
    }
    if row.breaks.contains(&"S3") {
        return "The volume is detached while a node that lives on has it mounted.".to_owned();
    }
    if row.breaks.contains(&"S2") {
        return "The back-end still holds the volume on one node while it is wanted on another: no driver call took it \
                off."
            .to_owned();
    }
    match row.outcome {
        Outcome::Unsafe => {
            "The volume is taken away from what a running pod relies on, and nobody brings it back: ".to_owned()
                + keeps(world, pair)
        }
        Outcome::Heals => heals(seen).to_owned(),
        _ if was_settled => "The states agree already: there is nothing to heal.".to_owned(),
        _ if seen.settled.is_some() => "It comes right by itself no later than with this act.".to_owned(),
        _ => capital(keeps(world, pair)),
    }
}

fn heals(seen: &Seen) -> &'static str {
    let Some((before, after)) = seen.change else {
        return "The states come to agree.";
    };
    let attached = |state: CellState| state.controller == Some(Held::Attached);
    if before.reported != after.reported && after.reported == Some(true) || after.mounted && !before.mounted {
        "The volume stands in the node's report again, and the kubelet mounts it."
    } else if !after.wished && before.attachment != after.attachment {
        "The volume is detached here in earnest, so it can be attached where it is wanted."
    } else if attached(after) {
        "The controller attaches the volume anew and reports it."
    } else {
        "The controller lets go of the volume here, so it can be attached where it is wanted."
    }
}

/// What keeps the states apart in a world that has come to rest.
fn keeps(world: &World, pair: (Volume, Node)) -> &'static str {
    if !world.attacher.up {
        return "no external-attacher works on the VolumeAttachment.";
    }
    if let Some((.., rule)) = outlook::broken(world).first() {
        return match rule {
            Broken::NotDesired => "the controller does not want the volume there, as it does not manage the node.",
            Broken::WantedInVain => "the controller wants an attach that the driver does not do.",
            Broken::Unreported => {
                "the controller holds the volume attached but took it off its own list, and no loop compares the two."
            }
            Broken::ReportLost => {
                "the controller's list has the volume, the node's status lacks it, and no patch is due."
            }
            Broken::AttachmentGone => "the controller trusts an attachment whose VolumeAttachment is going or gone.",
            Broken::AttachmentForgotten => "a VolumeAttachment that the controller does not know is in the way.",
            Broken::MachineReplaced => "the machine behind the node's name is another one and has no such device.",
            Broken::AttachNotAsked => {
                "the VolumeAttachment belongs to a PersistentVolume that is gone, and stands in the way of a new one."
            }
            Broken::DetachNotAsked => "the attacher lacks an object without which it can't ask for the detach.",
            Broken::BackEndForgotten => "the back-end holds the volume where no VolumeAttachment says so.",
        };
    }
    let state = world.cell(pair);
    match state.attachment {
        Va::Detaching => "the VolumeAttachment is still being deleted, and the driver does not detach.",
        Va::Requested => "the driver does not attach.",
        _ if state.mounted || state.in_use == Some(true) => "the volume still counts as in use on the node.",
        _ => "no party's rules bring the states together.",
    }
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}
