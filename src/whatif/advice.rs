//! What a report advises on a divergence that is still open: the acts people reach for, each tried on a fork.
//!
//! In: the world at the end of the evidence, and the pair. Out: [`Remedy`]s, those that heal first, the least invasive
//! of them at the head. Which acts are worth a try depends on how things stand: a taint on a node that is ready is none.

use super::act::{Act, Plain};
use super::{Row, ask};
use crate::model::world::board::Pair;
use crate::model::world::driver::Answer;
use crate::model::world::{Va, World};
use crate::replay::Script;
use crate::report::{Outcome, Remedy};

/// Tries what is worth a try.
#[must_use]
pub fn of(script: &Script<'_>, world: &World, pair: Pair) -> Vec<Remedy> {
    let acts: Vec<Act> = Plain::ALL
        .iter()
        .filter(|act| is_worth_a_try(**act, world, pair))
        .map(|act| Act::Plain(*act))
        .collect();
    let rows = ask(script, world, pair, &acts, None).rows;
    let mut remedies: Vec<Remedy> = acts
        .iter()
        .zip(rows)
        .filter(|(_, row)| row.outcome != Outcome::Unknown)
        .map(|(act, row)| remedy(*act, row))
        .collect();
    remedies.sort_by_key(|remedy| match remedy.outcome {
        Outcome::Heals => 0,
        Outcome::NoEffect => 1,
        Outcome::Unsafe | Outcome::Unknown => 2,
    });
    remedies
}

fn is_worth_a_try(act: Plain, world: &World, pair: Pair) -> bool {
    let lost = world.board.nodes.get(&pair.1).is_none_or(|object| !object.ready);
    let state = world.cell(pair);
    let balks = [world.driver.publish.get(&pair), world.driver.unpublish.get(&pair)]
        .into_iter()
        .flatten()
        .any(|answer| *answer != Answer::Done);
    match act {
        Plain::Wait
        | Plain::RestartController
        | Plain::RestartKubelet
        | Plain::DeletePodSameNode
        | Plain::DeletePodOtherNode
        | Plain::TouchNode
        | Plain::OtherVolumeOnNode => true,
        Plain::DriverRecovers => balks,
        Plain::RestartAttacher => !world.attacher.up || matches!(state.attachment, Va::Detaching | Va::Requested),
        Plain::DeleteVa => !matches!(state.attachment, Va::None | Va::Detaching),
        Plain::StripVaFinalizer => state.attachment == Va::Detaching,
        Plain::ReportByHand => state.reported == Some(false) && state.wished,
        Plain::OutOfServiceTaint | Plain::ForceDeletePod => lost,
        Plain::MountByHand => state.wished && !state.mounted,
        Plain::SpreadPods | Plain::TouchVa | Plain::DeleteNode => false,
    }
}

fn remedy(act: Act, row: Row) -> Remedy {
    let risk = match act {
        Act::Plain(plain) if row.outcome == Outcome::Heals => risk(plain).to_owned(),
        _ if row.outcome == Outcome::Unsafe => row.because,
        _ => String::new(),
    };
    Remedy {
        action: row.action,
        outcome: row.outcome,
        agree_after_ms: row.agree_after_ms,
        runs_after_ms: row.runs_after_ms,
        risk,
    }
}

/// What can go wrong with an act that heals.
fn risk(act: Plain) -> &'static str {
    match act {
        Plain::DeleteVa | Plain::StripVaFinalizer => "only while nothing on the node uses the volume",
        Plain::ReportByHand => "the controller's next patch of this node takes it away again",
        Plain::ForceDeletePod | Plain::OutOfServiceTaint => "only if the node is surely down",
        Plain::DeleteNode => "all pods of the node go",
        _ => "none",
    }
}
