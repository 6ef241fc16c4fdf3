//! A counterexample in words: the steps, what the controller did in each, what stays, and what a fix would change.
//!
//! In: a [`Finding`]. Out: a [`Story`], for people and programs. The course is gone again from the start; going it under
//! a profile with one behaviour more tells whether that behaviour is a cure, so nothing here names an issue by hand.

use serde::Serialize;

use super::ahead::{Ahead, lasting, settle, without_faults};
use super::rules::{Breach, Rule, Said};
use super::search::{Finding, start};
use super::setup::{Fault, Setup};
use super::step::{self, Heard};
use super::words;
use super::world::World;
use crate::model::asw::Attachment;
use crate::model::profile::{Component, ROWS, Row};

/// A counterexample.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Story {
    /// The rule that breaks.
    pub rule: Rule,
    /// Its number.
    pub id: &'static str,
    /// What breaks, in one clause.
    pub says: &'static str,
    /// The states stay apart for good; if not, this is a moment in which data was at risk.
    pub for_good: bool,
    /// The volume and the node.
    pub volume: String,
    /// The node.
    pub node: String,
    /// The kinds of faults on the course; none at all is the worst.
    pub faults: Vec<Fault>,
    /// The course.
    pub steps: Vec<Told>,
    /// What everybody says in the end.
    pub end: String,
    /// Behaviours that the release lacks and with each of which the same course breaks no such rule.
    pub cures: Vec<Cure>,
}

/// One step of the course.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Told {
    /// What happens.
    pub what: String,
    /// What the controller does in it, or what else falls into it.
    pub details: Vec<String>,
}

/// A behaviour that makes the difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Cure {
    /// Its name.
    pub behaviour: &'static str,
    /// Where it comes from.
    pub origin: &'static str,
    /// The issues that it closes.
    pub closes: &'static [u32],
}

/// Tells a finding.
#[must_use]
pub fn tell(finding: &Finding, setup: &Setup) -> Story {
    let mut world = start(setup);
    let mut steps = Vec::new();
    for step in &finding.steps {
        let Some(after) = step::take(&world, step, setup) else {
            continue;
        };
        let details = after.heard.iter().filter_map(|heard| match heard {
            Heard::Did(note) => words::note(note),
            Heard::Moved(step) => Some(format!("meanwhile {}", words::pod_move(*step))),
        });
        steps.push(Told {
            what: words::step(step, &world, &after.world),
            details: details.collect(),
        });
        world = after.world;
    }
    let Breach { rule, cell } = finding.breach;
    if rule.is_for_good() {
        let mut lasting = lasting(&world, rule, setup).into_iter();
        let lasting = lasting.find(|world| world.cluster.unwritable != Some(cell.node));
        world = lasting.unwrap_or_else(|| without_faults(&world, setup));
        settle(&mut world, setup);
    }
    Story {
        rule,
        id: rule.id(),
        says: rule.says(),
        for_good: rule.is_for_good(),
        volume: words::volume(cell.volume),
        node: words::node(cell.node),
        faults: finding.faults.kinds().collect(),
        steps,
        end: said(world.said(cell, setup)),
        cures: cures(finding, setup),
    }
}

/// What everybody says about a pair, the pod first, the kubelet last.
fn said(said: Said) -> String {
    let held = match said.held {
        Some(Attachment::Attached) => "the controller holds it attached",
        Some(Attachment::Uncertain) => "the controller is uncertain",
        None => "the controller does not know it",
    };
    let yes = |is: bool, yes: &'static str, no: &'static str| if is { yes } else { no };
    [
        yes(said.wanted, "a pod wants it", "no pod wants it"),
        held,
        yes(said.to_report, "it is to be reported", "it is not to be reported"),
        yes(
            said.reported,
            "the node's status lists it",
            "the node's status does not list it",
        ),
        words::object(said.object),
        yes(
            said.back_end,
            "the back-end has it there",
            "the back-end does not have it there",
        ),
        yes(said.mounted, "it is mounted", "it is not mounted"),
    ]
    .join("; ")
}

/// The behaviours of the controller that the release lacks and that let the same course end well. Steps that cannot be
/// taken any more are left out.
fn cures(finding: &Finding, setup: &Setup) -> Vec<Cure> {
    let lacks = |row: &&Row| row.component == Component::Controller && !setup.profile.has(row.behaviour);
    let cured = |row: &&Row| {
        let setup = Setup {
            profile: setup.profile.with(row.behaviour),
            ..*setup
        };
        !breaks(finding, &setup)
    };
    let rows = ROWS.iter().filter(lacks).filter(cured);
    rows.map(|row| Cure {
        behaviour: row.name,
        origin: row.origin,
        closes: row.closes,
    })
    .collect()
}

/// Whether the course breaks the same rule at the same pair.
fn breaks(finding: &Finding, setup: &Setup) -> bool {
    let mut world: World = start(setup);
    for step in &finding.steps {
        if let Some(after) = step::take(&world, step, setup) {
            if after.breaches.contains(&finding.breach) {
                return true;
            }
            world = after.world;
        }
    }
    let stays = Ahead::default().ask_all(&world, setup);
    stays.all().any(|breach| breach == finding.breach)
}
