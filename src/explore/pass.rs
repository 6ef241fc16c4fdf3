//! One pass of the reconciler.
//!
//! In: a world, and the answers of a [`Chooser`]. Out: the world after the pass.

use super::around::{Around, Chooser};
use super::operate::with_still;
use super::setup::Setup;
use super::step::{After, BACKWARDS, Heard};
use super::world::{NOW, World};
use crate::model::asw::Attached;
use crate::model::{Cell, Controller, VolumeId, updater};

/// One pass of the reconciler, in pieces, so that a pod may come or go between two decisions. The real code walks its
/// maps in random order; here it is one order or the opposite, which are all there are for two pairs.
pub fn pass(world: &World, chooser: &mut Chooser, setup: &Setup) -> After {
    let mut after = After {
        world: world.clone(),
        heard: Vec::new(),
        breaches: Vec::new(),
    };
    let mut pairs: Vec<Attached> = after.world.controller.actual.snapshot().collect();
    let several = pairs.len() > 1 || after.world.controller.desired.wanted().len() > 1;
    let backwards = several && chooser.choose(2) == BACKWARDS;
    if backwards {
        pairs.reverse();
    }
    for pair in &pairs {
        decide(&mut after, chooser, setup, |world, outside| {
            world.consider_detach(pair, NOW, outside);
        });
    }
    let mut wanted: Vec<Cell> = after
        .world
        .controller
        .desired
        .wanted()
        .iter()
        .map(|wanted| wanted.cell)
        .collect();
    if backwards {
        wanted.reverse();
    }
    for cell in wanted {
        decide(&mut after, chooser, setup, |world, outside| {
            world.consider_attach(cell, NOW, outside);
        });
    }
    decide(&mut after, chooser, setup, |world, outside| {
        // What failed is due again.
        let profile = world.profile();
        let _ = updater::update_all(&mut world.actual, profile, outside);
    });
    if after.world.controller.check_due(NOW) {
        check(&mut after, setup);
    }
    after.world.deliver_changes(setup);
    after
}

/// One decision of a pass, and the pod that came or went during its patches.
fn decide(
    after: &mut After,
    chooser: &mut Chooser,
    setup: &Setup,
    decision: impl FnOnce(&mut Controller, &mut Around),
) {
    let moves = after.world.moves(setup);
    let World { controller, cluster } = &mut after.world;
    let mut around = Around {
        setup,
        cluster,
        chooser,
        moves: &moves,
        moved: None,
        heard: Vec::new(),
    };
    decision(controller, &mut around);
    let Around { moved, heard, .. } = around;
    after.heard.extend(heard.into_iter().map(Heard::Did));
    if let Some(step) = moved {
        after.world.move_pod(step, setup);
        after.heard.push(Heard::Moved(step));
    }
}

/// The minutely check at the end of a pass.
fn check(after: &mut After, setup: &Setup) {
    with_still(after, setup, |world, outside| {
        world.controller.start_checks(NOW, outside);
        for node in setup.all_nodes() {
            let gone = |volume: &VolumeId| !world.cluster.link(Cell::new(*volume, node)).object.is_attached();
            let gone: Vec<VolumeId> = setup.all_volumes().filter(gone).collect();
            world.controller.check_ended(node, &gone, NOW, outside);
        }
    });
}
