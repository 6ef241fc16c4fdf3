//! The controller's actual state of world: what it believes is attached where, and what the nodes' statuses should say.
//!
//! In: marks made by operations, by the start and by node events. Out: the state of each (volume, node) pair, the
//! lists that node statuses are due to report, the nodes that hold a volume. This belief and the report are two things
//! that only rules keep together; where the rules have a hole, the states part (kubernetes#88565, #111000, #109951).

use super::profile::{Behaviour, Profile};
use super::{Cell, Names, NodeId, PathId, VolumeId};
use crate::time::{Span, Time};

/// How sure the controller is of an attachment. No pair at all means detached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Attachment {
    /// Confirmed: by an attach that succeeded, or by the node's status at start.
    Attached,
    /// It may be attached: an attach failed, a detach failed (since 1.29), or a `VolumeAttachment` was found at start.
    Uncertain,
}

/// One (volume, node) pair that is attached or may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Pair {
    /// Volume and node.
    pub cell: Cell,
    /// How sure.
    pub attachment: Attachment,
    /// The mounted flag of releases before 1.31; later ones keep [`Actual::in_use`] instead, and this says nothing.
    mounted: bool,
    /// When the reconciler first found the pair undesired and idle; `None` while it is desired.
    pub detach_requested: Option<Time>,
}

/// What the controller knows of a volume whatever the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Facts {
    volume: VolumeId,
    spec_known: bool,
    path: PathId,
}

/// What a node's `status.volumesAttached` should hold.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Report {
    /// The node.
    pub node: NodeId,
    /// Whether a patch of the node's status is due.
    pub needed: bool,
    /// The volumes to report, sorted.
    pub volumes: Vec<VolumeId>,
}

/// An entry of `status.volumesAttached`: volume and device path.
pub type Reported = (VolumeId, PathId);

/// A pair with all that a pass looks at, taken at the start of the pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Attached {
    /// Volume and node.
    pub cell: Cell,
    /// How sure.
    pub attachment: Attachment,
    /// Whether the node has it in use, as far as known.
    pub mounted: bool,
    /// See [`Pair::detach_requested`].
    pub detach_requested: Option<Time>,
    /// Whether the volume's spec is known; after a start it is not, until a pod on the same node tells it.
    pub spec_known: bool,
    /// The device path, one for all nodes of the volume.
    pub path: PathId,
}

/// Something that was asked of a pair, a report or a node that is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Missing;

/// The actual state of world.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Actual {
    /// Sorted by volume, then node.
    pairs: Vec<Pair>,
    /// Sorted by volume; exactly those that have a pair.
    facts: Vec<Facts>,
    /// Sorted by node. Reports are made by the first volume that a node reports, and never go.
    reports: Vec<Report>,
    /// Each node's `volumesInUse` as last seen, sorted by node, volumes sorted; `None` before 1.31.
    in_use: Option<Vec<(NodeId, Vec<VolumeId>)>>,
    assume_mounted: bool,
}

impl Actual {
    /// Nothing attached.
    #[must_use]
    pub fn new(profile: Profile) -> Actual {
        Actual {
            pairs: Vec::new(),
            facts: Vec::new(),
            reports: Vec::new(),
            in_use: profile.has(Behaviour::InUseSetPerNode).then(Vec::new),
            assume_mounted: !profile.has(Behaviour::NoMountAssumedAtAttach),
        }
    }

    /// The same as if there were only this volume, and only the nodes that `keeps` tells.
    #[must_use]
    pub fn only(&self, volume: VolumeId, keeps: &dyn Fn(NodeId) -> bool) -> Actual {
        let of = |volumes: &[VolumeId]| volumes.iter().copied().filter(|other| *other == volume).collect();
        let reports = self.reports.iter().filter(|report| keeps(report.node));
        let in_use = self.in_use.as_deref().map(|sets| {
            let kept = sets.iter().filter(|(node, _)| keeps(*node));
            kept.map(|(node, volumes)| (*node, of(volumes))).collect()
        });
        Actual {
            pairs: self.pairs_of(volume).to_vec(),
            facts: self.facts_of(volume).copied().into_iter().collect(),
            reports: reports
                .map(|report| Report {
                    volumes: of(&report.volumes),
                    ..*report
                })
                .collect(),
            in_use,
            assume_mounted: self.assume_mounted,
        }
    }

    /// The same under other names.
    #[must_use]
    pub(crate) fn renamed(&self, names: &Names) -> Actual {
        let pairs = self.pairs.iter().map(|pair| Pair {
            cell: names.cell(pair.cell),
            ..*pair
        });
        let facts = self.facts.iter().map(|facts| Facts {
            volume: names.volume(facts.volume),
            ..*facts
        });
        let reports = self.reports.iter().map(|report| Report {
            node: names.node(report.node),
            needed: report.needed,
            volumes: names.volumes(&report.volumes),
        });
        let in_use = self.in_use.as_deref().map(|sets| {
            let sets = sets.iter();
            sets.map(|(node, volumes)| (names.node(*node), names.volumes(volumes)))
                .collect()
        });
        let mut renamed = Actual {
            pairs: pairs.collect(),
            facts: facts.collect(),
            reports: reports.collect(),
            in_use,
            assume_mounted: self.assume_mounted,
        };
        renamed.pairs.sort_unstable_by_key(|pair| pair.cell);
        renamed.facts.sort_unstable_by_key(|facts| facts.volume);
        renamed.reports.sort_unstable_by_key(|report| report.node);
        renamed.in_use.iter_mut().for_each(|sets| sets.sort_unstable());
        renamed
    }

    fn find(&self, cell: Cell) -> Result<usize, usize> {
        self.pairs.binary_search_by_key(&cell, |pair| pair.cell)
    }

    fn pair_mut(&mut self, cell: Cell) -> Result<&mut Pair, Missing> {
        let at = self.find(cell).map_err(|_| Missing)?;
        self.pairs.get_mut(at).ok_or(Missing)
    }

    fn facts_of(&self, volume: VolumeId) -> Option<&Facts> {
        let at = self.facts.binary_search_by_key(&volume, |facts| facts.volume).ok()?;
        self.facts.get(at)
    }

    /// The pairs, sorted by volume, then node.
    #[must_use]
    pub fn pairs(&self) -> &[Pair] {
        &self.pairs
    }

    /// The pairs of a volume.
    #[must_use]
    pub fn pairs_of(&self, volume: VolumeId) -> &[Pair] {
        let from = self.pairs.partition_point(|pair| pair.cell.volume < volume);
        let rest = self.pairs.get(from..).unwrap_or_default();
        let count = rest.partition_point(|pair| pair.cell.volume == volume);
        rest.get(..count).unwrap_or_default()
    }

    /// The reports, sorted by node.
    #[must_use]
    pub fn reports(&self) -> &[Report] {
        &self.reports
    }

    /// Each node's volumes in use as last seen; `None` in releases that keep a flag for each pair.
    #[must_use]
    pub fn in_use(&self) -> Option<&[(NodeId, Vec<VolumeId>)]> {
        self.in_use.as_deref()
    }

    /// What is known of a pair; `None` means detached.
    #[must_use]
    pub fn state(&self, cell: Cell) -> Option<Attachment> {
        let at = self.find(cell).ok()?;
        self.pairs.get(at).map(|pair| pair.attachment)
    }

    /// A pair as a pass sees it.
    #[must_use]
    pub fn get(&self, cell: Cell) -> Option<Attached> {
        let at = self.find(cell).ok()?;
        self.pairs.get(at).map(|pair| self.view(pair))
    }

    /// All pairs as a pass sees them, sorted by volume, then node.
    pub fn snapshot(&self) -> impl Iterator<Item = Attached> + '_ {
        self.pairs.iter().map(|pair| self.view(pair))
    }

    fn view(&self, pair: &Pair) -> Attached {
        let facts = self.facts_of(pair.cell.volume);
        Attached {
            cell: pair.cell,
            attachment: pair.attachment,
            mounted: self.is_mounted(pair),
            detach_requested: pair.detach_requested,
            spec_known: facts.is_some_and(|facts| facts.spec_known),
            path: facts.map_or(PathId::NONE, |facts| facts.path),
        }
    }

    fn is_mounted(&self, pair: &Pair) -> bool {
        match &self.in_use {
            None => pair.mounted,
            Some(sets) => {
                in_use_of(sets, pair.cell.node).is_some_and(|volumes| volumes.binary_search(&pair.cell.volume).is_ok())
            }
        }
    }

    /// Marks a volume attached to a node, and reports it. A pair that is new counts as mounted until a node event says
    /// otherwise; one that was there keeps its mounted flag and its detach time.
    pub fn mark_attached(&mut self, cell: Cell, spec_known: bool, path: PathId) {
        self.mark(cell, Attachment::Attached, spec_known, path);
        self.report_add(cell);
    }

    /// Marks a volume uncertain on a node. The report is left alone, whatever it says; the device path is lost for all
    /// nodes.
    pub fn mark_uncertain(&mut self, cell: Cell, spec_known: bool) {
        self.mark(cell, Attachment::Uncertain, spec_known, PathId::NONE);
    }

    /// What both marks do: spec and path are overwritten, for all nodes of the volume; a new pair counts as mounted.
    pub fn mark(&mut self, cell: Cell, attachment: Attachment, spec_known: bool, path: PathId) {
        let Cell { volume, node } = cell;
        let facts = Facts {
            volume,
            spec_known,
            path,
        };
        match self.facts.binary_search_by_key(&volume, |facts| facts.volume) {
            Ok(at) => self.facts[at] = facts,
            Err(at) => self.facts.insert(at, facts),
        }
        match self.find(cell) {
            Ok(at) => self.pairs[at].attachment = attachment,
            Err(at) => {
                let mounted = self.assume_mounted;
                self.pairs.insert(
                    at,
                    Pair {
                        cell,
                        attachment,
                        mounted,
                        detach_requested: None,
                    },
                );
                if mounted && let Some(sets) = &mut self.in_use {
                    insert_sorted(in_use_entry(sets, node), volume);
                }
            }
        }
    }

    /// Marks a volume detached from a node, and takes it out of the report.
    pub fn mark_detached(&mut self, cell: Cell) {
        if let Ok(at) = self.find(cell) {
            self.pairs.remove(at);
            let known = self.facts.binary_search_by_key(&cell.volume, |facts| facts.volume);
            if let Ok(at) = known
                && self.pairs_of(cell.volume).is_empty()
            {
                self.facts.remove(at);
            }
        }
        // Nothing to take out is no trouble here.
        let _ = self.report_remove(cell);
    }

    /// Puts a pair into the node's report; nothing happens unless the volume is attached *or uncertain* there
    /// (kubernetes#109951).
    pub fn report_add(&mut self, cell: Cell) {
        if self.find(cell).is_err() {
            return;
        }
        let Cell { volume, node } = cell;
        let at = match self.reports.binary_search_by_key(&node, |report| report.node) {
            Ok(at) => at,
            Err(at) => {
                self.reports.insert(
                    at,
                    Report {
                        node,
                        needed: false,
                        volumes: Vec::new(),
                    },
                );
                at
            }
        };
        let report = &mut self.reports[at];
        if insert_sorted(&mut report.volumes, volume) {
            report.needed = true;
        }
    }

    /// Takes a pair out of the node's report; an error where it is not in it, which the reconciler only logs.
    pub fn report_remove(&mut self, cell: Cell) -> Result<(), Missing> {
        let report = self.report_mut(cell.node).ok_or(Missing)?;
        let at = report.volumes.binary_search(&cell.volume).map_err(|_| Missing)?;
        report.volumes.remove(at);
        report.needed = true;
        Ok(())
    }

    /// Drops reports that are empty and written: a node without a report is told the same, and a later one is made anew.
    pub(super) fn forget_empty_reports(&mut self) {
        self.reports
            .retain(|report| report.needed || !report.volumes.is_empty());
    }

    fn report_mut(&mut self, node: NodeId) -> Option<&mut Report> {
        let at = self.reports.binary_search_by_key(&node, |report| report.node).ok()?;
        self.reports.get_mut(at)
    }

    /// Whether a pair is in the node's report.
    #[must_use]
    pub fn is_reported(&self, cell: Cell) -> bool {
        let at = self.reports.binary_search_by_key(&cell.node, |report| report.node);
        let report = at.ok().and_then(|at| self.reports.get(at));
        report.is_some_and(|report| report.volumes.binary_search(&cell.volume).is_ok())
    }

    /// Makes a patch of the node's status due; an error for a node that never reported anything.
    pub fn set_needed(&mut self, node: NodeId) -> Result<(), Missing> {
        self.report_mut(node).ok_or(Missing)?.needed = true;
        Ok(())
    }

    /// The lists that are due, by node; from here on none is.
    pub fn take_reports(&mut self) -> Vec<(NodeId, Vec<Reported>)> {
        let due: Vec<_> = self.reports.iter().filter(|report| report.needed).collect();
        let lists = due.into_iter().map(|report| (report.node, self.list(report))).collect();
        for report in &mut self.reports {
            report.needed = false;
        }
        lists
    }

    /// One node's list, if it is due; from here on it is not.
    pub fn take_report(&mut self, node: NodeId) -> Option<Vec<Reported>> {
        let report = self.report_mut(node).filter(|report| report.needed)?;
        report.needed = false;
        let at = self.reports.binary_search_by_key(&node, |report| report.node).ok()?;
        self.reports.get(at).map(|report| self.list(report))
    }

    fn list(&self, report: &Report) -> Vec<Reported> {
        let path = |volume| self.facts_of(volume).map_or(PathId::NONE, |facts| facts.path);
        report.volumes.iter().map(|&volume| (volume, path(volume))).collect()
    }

    /// Takes over the volumes that a node says it uses, as a node event does.
    pub fn set_in_use(&mut self, node: NodeId, volumes: &[VolumeId]) {
        match &mut self.in_use {
            Some(sets) => {
                let set = in_use_entry(sets, node);
                set.clear();
                set.extend_from_slice(volumes);
                set.sort_unstable();
                set.dedup();
            }
            None => {
                for pair in self.pairs.iter_mut().filter(|pair| pair.cell.node == node) {
                    pair.mounted = volumes.contains(&pair.cell.volume);
                }
            }
        }
    }

    /// Sets the mounted flag of one pair; before 1.31 only, an error where there is no such pair.
    pub fn set_mounted(&mut self, cell: Cell, mounted: bool) -> Result<(), Missing> {
        self.pair_mut(cell)?.mounted = mounted;
        Ok(())
    }

    /// Starts the clock of the 6 min timer unless it runs; how long it has run.
    pub fn request_detach(&mut self, cell: Cell, now: Time) -> Result<Span, Missing> {
        let since = *self.pair_mut(cell)?.detach_requested.get_or_insert(now);
        Ok(now - since)
    }

    /// Stops the clock of the 6 min timer: the pair is wanted again.
    pub fn reset_detach_request(&mut self, cell: Cell) {
        if let Ok(pair) = self.pair_mut(cell) {
            pair.detach_requested = None;
        }
    }

    /// Shows the start of every running 6 min clock, to change it.
    pub(super) fn each_detach_request(&mut self, change: impl FnMut(&mut Time)) {
        self.pairs
            .iter_mut()
            .filter_map(|pair| pair.detach_requested.as_mut())
            .for_each(change);
    }

    /// The nodes that surely hold a volume; an uncertain attachment does not count (kubernetes#124334).
    pub fn nodes_holding(&self, volume: VolumeId) -> impl Iterator<Item = NodeId> + '_ {
        let sure = |pair: &&Pair| pair.attachment == Attachment::Attached;
        self.pairs_of(volume).iter().filter(sure).map(|pair| pair.cell.node)
    }

    /// The surely attached volumes by node, each with whether its spec is known: what the minutely check asks about.
    #[must_use]
    pub fn attached_by_node(&self) -> Vec<(NodeId, Vec<Attached>)> {
        let mut nodes: Vec<(NodeId, Vec<Attached>)> = Vec::new();
        for pair in self.snapshot().filter(|pair| pair.attachment == Attachment::Attached) {
            match nodes.binary_search_by_key(&pair.cell.node, |(node, _)| *node) {
                Ok(at) => nodes[at].1.push(pair),
                Err(at) => nodes.insert(at, (pair.cell.node, vec![pair])),
            }
        }
        nodes
    }
}

fn in_use_of(sets: &[(NodeId, Vec<VolumeId>)], node: NodeId) -> Option<&[VolumeId]> {
    let at = sets.binary_search_by_key(&node, |(of, _)| *of).ok()?;
    sets.get(at).map(|(_, volumes)| volumes.as_slice())
}

fn in_use_entry(sets: &mut Vec<(NodeId, Vec<VolumeId>)>, node: NodeId) -> &mut Vec<VolumeId> {
    let at = match sets.binary_search_by_key(&node, |(of, _)| *of) {
        Ok(at) => at,
        Err(at) => {
            sets.insert(at, (node, Vec::new()));
            at
        }
    };
    &mut sets[at].1
}

/// Inserts into a sorted set; whether it was absent.
fn insert_sorted(set: &mut Vec<VolumeId>, volume: VolumeId) -> bool {
    match set.binary_search(&volume) {
        Ok(_) => false,
        Err(at) => {
            set.insert(at, volume);
            true
        }
    }
}
