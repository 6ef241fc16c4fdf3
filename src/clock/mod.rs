//! (skeleton)

use crate::fact::Reading;

/// Order by time.
pub fn settle(reading: &mut Reading) -> Vec<u32> {
    let facts = &reading.facts;
    let mut order: Vec<u32> = (0..u32::try_from(facts.len()).unwrap_or(u32::MAX)).collect();
    order.sort_by_key(|id| facts.get(*id as usize).map(|fact| (fact.at, fact.source, fact.line)));
    order
}
