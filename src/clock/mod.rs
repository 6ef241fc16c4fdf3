//! One order for all facts.
//!
//! In: a reading. Out: the ids of its facts by time, ties by source and line, so that the same input always gives the
//! same order. Offsets between the machines' clocks are not estimated yet.

use crate::fact::Reading;

/// The facts' ids, ordered by time.
#[must_use]
pub fn settle(reading: &Reading) -> Vec<u32> {
    let facts = &reading.facts;
    let mut order: Vec<u32> = (0..u32::try_from(facts.len()).unwrap_or(u32::MAX)).collect();
    order.sort_by_key(|id| facts.get(*id as usize).map(|fact| (fact.at, fact.source, fact.line)));
    order
}
