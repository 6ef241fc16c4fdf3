//! Which sources were written by the same clock.
//!
//! In: sources. Out: for each source the clock that wrote it. All logs of one node's kubelet share the node's clock, and
//! the pieces of one rotated log share theirs; everything else has its own, since two processes of one name may run on
//! two machines.

use std::collections::BTreeMap;

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

/// A path without what rotation, restarts and compression append: `kubelet.log.2.gz`, `kubelet.log` and
/// `kubelet.log-20261123.xz` share theirs.
pub fn stem(path: &str) -> &str {
    let mut stem = path;
    loop {
        let before = stem;
        for suffix in [
            ".gz",
            ".zst",
            ".xz",
            ".bz2",
            ".log",
            ".previous",
            "/previous",
            "/current",
            ".old",
            ".txt",
        ] {
            stem = stem.strip_suffix(suffix).unwrap_or(stem);
        }
        let name = stem.trim_end_matches(|c: char| c.is_ascii_digit() || c == '-');
        let numbered = name.len() < stem.len();
        let counted = name.ends_with('.') || name.ends_with('/');
        let dated = stem.len() - name.len() > 8 && stem.get(name.len()..).is_some_and(|tail| tail.starts_with('-'));
        if numbered && counted {
            // `kubelet.log.1`; a container's log is `DIRECTORY/NUMBER.log`, and the number counts restarts.
            stem = name.get(..name.len() - 1).unwrap_or(name);
        } else if dated {
            stem = name;
        }
        if stem == before {
            return stem;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::stem;

    #[test]
    fn pieces_of_one_log_share_a_stem() {
        for path in [
            "d/kubelet.log",
            "d/kubelet.log.1",
            "d/kubelet.log.2.gz",
            "d/kubelet.log-20261123.xz",
            "d/kubelet.previous.log",
        ] {
            assert_eq!(stem(path), "d/kubelet", "{path}");
        }
        assert_eq!(stem("kcm/0.log"), stem("kcm/1.log.20261123-201356.gz"));
        assert_eq!(stem("kcm/logs/current.log"), stem("kcm/logs/previous.log"));
    }

    #[test]
    fn logs_of_two_machines_do_not() {
        assert_ne!(stem("kcm-cp-1.log"), stem("kcm-cp-2.log"));
        assert_ne!(stem("nodes/node-1/kubelet.log"), stem("nodes/node-2/kubelet.log"));
    }
}
