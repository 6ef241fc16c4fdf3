//! The node status updater: writes what the controller reports into `status.volumesAttached` of the nodes.
//!
//! In: the reports that are due, the informer's nodes. Out: patches, and whether they went through. Two known faults
//! live here: the forgotten flags of other nodes (kubernetes#107973, closed by `node_status_continue_after_error`) and
//! the patch that is empty because the cached node is stale (kubernetes#122413, open).

use super::NodeId;
use super::asw::{Actual, Reported};
use super::outside::{Lookup, Note, Outside, Patch};
use super::profile::{Behaviour, Profile};

/// At least one node's status could not be updated, as far as this release counts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UpdateFailed;

/// Patches every node that is due. All flags are cleared before the first patch.
///
/// Without `node_status_continue_after_error` the first refused patch ends the round: the nodes after it keep a clear
/// flag and a wrong status until their volumes change again.
pub fn update_all(actual: &mut Actual, profile: Profile, outside: &mut dyn Outside) -> Result<(), UpdateFailed> {
    let goes_on = profile.has(Behaviour::NodeStatusContinueAfterError);
    let mut result = Ok(());
    for (node, wanted) in actual.take_reports() {
        let updated = update(actual, node, wanted, profile, outside);
        if updated.is_err() && !goes_on {
            return updated;
        }
        result = result.and(updated);
    }
    result
}

/// Patches one node if it is due. A node that is not counts as acknowledged.
pub fn update_node(
    actual: &mut Actual,
    node: NodeId,
    profile: Profile,
    outside: &mut dyn Outside,
) -> Result<(), UpdateFailed> {
    match actual.take_report(node) {
        Some(wanted) => update(actual, node, wanted, profile, outside),
        None => Ok(()),
    }
}

fn update(
    actual: &mut Actual,
    node: NodeId,
    wanted: Vec<Reported>,
    profile: Profile,
    outside: &mut dyn Outside,
) -> Result<(), UpdateFailed> {
    let cached = match outside.lookup(node) {
        Lookup::Found(cached) => cached,
        Lookup::NotFound => {
            // A node that is gone is not waited for: its flag stays clear until a node is added under the name.
            outside.note(Note::NodeNotCached(node));
            return Ok(());
        }
        Lookup::Failed => {
            outside.note(Note::LookupFailed(node));
            due_again(actual, node);
            let counts = profile.has(Behaviour::NodeStatusContinueAfterError);
            return if counts { Err(UpdateFailed) } else { Ok(()) };
        }
    };
    let patch = patch_for(node, &cached, wanted, outside);
    let answer = outside.patch(node, &patch);
    outside.note(Note::Patched(node, patch, answer));
    answer.map_err(|_| {
        due_again(actual, node);
        UpdateFailed
    })
}

fn due_again(actual: &mut Actual, node: NodeId) {
    // The node has a report, as its list was just taken from it.
    let _ = actual.set_needed(node);
}

/// The difference between the *cached* node and the wanted list, in which the order of the volumes counts.
fn patch_for(node: NodeId, cached: &[Reported], wanted: Vec<Reported>, outside: &mut dyn Outside) -> Patch {
    let equal = cached == wanted && (wanted.len() < 2 || outside.keeps_order(node));
    if equal { Patch::Empty } else { Patch::List(wanted) }
}
