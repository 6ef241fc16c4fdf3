//! Which sources were written by the same clock.
//!
//! In: sources. Out: for each source the clock that wrote it. All logs of one node's kubelet share the node's clock, and
//! the pieces of one rotated log share theirs; everything else has its own, since two processes of one name may run on
//! two machines.

use std::collections::BTreeMap;

use crate::fact::rotation::stem;
use crate::fact::{Party, Reading, Source};

/// The clock of the API servers: the reference that the others are measured against. Audit events carry it.
pub const API: u32 = 0;

/// Clocks of all sources.
#[derive(Debug)]
pub struct Groups {
    /// Per source; `None` for sources whose times no clock needs to be found for: dumps, tables, captured traces.
    clocks: Vec<Option<u32>>,
    /// How many clocks there are, the reference included.
    pub count: usize,
}

impl Groups {
    /// Tells the clocks apart.
    pub fn of(reading: &Reading) -> Groups {
        let audited = reading.sources.iter().any(|source| source.format == "audit");
        let mut known: BTreeMap<(Option<&Party>, &str), u32> = BTreeMap::new();
        let mut names: Vec<(Option<&Party>, &str)> = reading.sources.iter().filter_map(name).collect();
        // Without the API servers' say the first log is the reference: the controller's, where there is one.
        names.sort_unstable_by_key(|(party, stem)| (party.is_none(), *party, *stem));
        names.dedup();
        for (number, name) in (u32::from(audited)..).zip(names) {
            known.insert(name, number);
        }
        let clock = |source: &Source| match source.format {
            "audit" => Some(API),
            _ => name(source).and_then(|name| known.get(&name).copied()),
        };
        Groups {
            clocks: reading.sources.iter().map(clock).collect(),
            count: known.len() + usize::from(audited),
        }
    }

    /// The clock of a source.
    pub fn clock(&self, source: u32) -> Option<u32> {
        self.clocks.get(source as usize).copied().flatten()
    }
}

/// What sources of one clock share: the party and the stem of the path; for a node's kubelet the party alone.
fn name(source: &Source) -> Option<(Option<&Party>, &str)> {
    if source.format != "klog" || source.offset.is_some() {
        return None;
    }
    match &source.party {
        Some(party @ Party::Kubelet(node)) if !node.is_empty() => Some((Some(party), "")),
        party => Some((party.as_ref(), stem(&source.path))),
    }
}
