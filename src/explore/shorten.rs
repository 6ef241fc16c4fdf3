//! A course without the steps that it does not need.
//!
//! In: a [`Finding`] of a reduced search, which takes some steps only because they could be taken. Out: the finding with
//! steps left out as long as the rest is a course that breaks the rule by the same kinds of faults.

use super::ahead::Ahead;
use super::search::{Finding, start};
use super::setup::Setup;
use super::step::{self, Step};

/// Leaves steps out, the last ones first.
pub fn shorten(mut finding: Finding, setup: &Setup, ahead: &mut Ahead) -> Finding {
    let mut shorter = (1..finding.steps.len()).map(|length| &finding.steps[..length]);
    if let Some(steps) = shorter.find(|steps| breaks(steps, &finding, setup, ahead)) {
        finding.steps = steps.to_vec();
    }
    while let Some(steps) = with_one_less(&finding, setup, ahead) {
        finding.steps = steps;
    }
    finding
}

fn with_one_less(finding: &Finding, setup: &Setup, ahead: &mut Ahead) -> Option<Vec<Step>> {
    let all = (0..finding.steps.len()).rev();
    let mut fewer = all.map(|out| {
        let kept = finding.steps.iter().enumerate().filter(|&(at, _)| at != out);
        kept.map(|(_, step)| step.clone()).collect::<Vec<Step>>()
    });
    fewer.find(|steps| breaks(steps, finding, setup, ahead))
}

/// Whether these steps can be taken one after the other, and the last one breaks the rule.
fn breaks(steps: &[Step], finding: &Finding, setup: &Setup, ahead: &mut Ahead) -> bool {
    let mut world = start(setup);
    let mut broken = Vec::new();
    for step in steps {
        if step.is_wait() && !step::all(&world, setup).iter().any(|taken| taken.step == *step) {
            return false;
        }
        let Some(after) = step::take(&world, step, setup) else {
            return false;
        };
        (world, broken) = (after.world, after.breaches);
    }
    let rule = finding.breach.rule;
    if rule.is_for_good() {
        broken = ahead.ask_all(&world, setup).all().collect();
    }
    rule.faults(world.cluster.happened) == finding.faults && broken.contains(&finding.breach)
}
