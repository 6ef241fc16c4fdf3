//! What a search is about: how large the world is, which faults may come, and how far to look.
//!
//! In: the person's wishes. Out: a [`Setup`], which all parts of the search read and none changes.

use std::fmt;

use crate::model::outside::Traits;
use crate::model::{Cell, Names, NodeId, PodId, Profile, VolumeId};

/// A kind of fault that the search may let happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, clap::ValueEnum, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// A patch of a node's status fails, at once or after pods came or went
    StatusPatch,
    /// Another call of the controller to the API fails: create or delete of an attachment, the look at a live node
    ApiCall,
    /// The driver refuses one call
    DriverRefuses,
    /// The driver does not answer for a while
    DriverHangs,
    /// The controller's process ends and another starts
    Restart,
    /// The controller's cached node is old for a while
    NodeCacheLags,
    /// A healthy node does not get a volume unmounted for a while
    UnmountHangs,
    /// A node is dead for a while
    NodeDead,
}

impl Fault {
    /// All kinds.
    pub const ALL: [Fault; 8] = [
        Fault::StatusPatch,
        Fault::ApiCall,
        Fault::DriverRefuses,
        Fault::DriverHangs,
        Fault::Restart,
        Fault::NodeCacheLags,
        Fault::UnmountHangs,
        Fault::NodeDead,
    ];

    /// Its name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Fault::StatusPatch => "status-patch",
            Fault::ApiCall => "api-call",
            Fault::DriverRefuses => "driver-refuses",
            Fault::DriverHangs => "driver-hangs",
            Fault::Restart => "restart",
            Fault::NodeCacheLags => "node-cache-lags",
            Fault::UnmountHangs => "unmount-hangs",
            Fault::NodeDead => "node-dead",
        }
    }
}

/// A set of kinds of faults.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Faults(u8);

impl Faults {
    /// No fault.
    pub const NONE: Faults = Faults(0);

    /// The set of these.
    #[must_use]
    pub fn of(kinds: &[Fault]) -> Faults {
        kinds.iter().fold(Faults::NONE, |set, &kind| set.with(kind))
    }

    /// The same and one more.
    #[must_use]
    pub const fn with(self, kind: Fault) -> Faults {
        Faults(self.0 | 1 << kind as u8)
    }

    /// Whether a kind is in it.
    #[must_use]
    pub const fn has(self, kind: Fault) -> bool {
        self.0 & 1 << kind as u8 != 0
    }

    /// Whether all of this is in the other.
    #[must_use]
    pub const fn is_within(self, other: Faults) -> bool {
        self.0 & !other.0 == 0
    }

    /// The kinds, in the order of [`Fault::ALL`].
    pub fn kinds(self) -> impl Iterator<Item = Fault> {
        Fault::ALL.into_iter().filter(move |&kind| self.has(kind))
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.kinds().map(Fault::name).collect();
        f.write_str(if names.is_empty() { "no fault" } else { "" })?;
        f.write_str(&names.join(", "))
    }
}

/// The largest number of nodes, of volumes and of pods: sets of them are kept in the bits of a byte.
pub const MOST: u8 = 4;

/// A small world and what may happen in it.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    /// What the controller does.
    pub profile: Profile,
    /// How many nodes, 1 to [`MOST`].
    pub nodes: u8,
    /// How many volumes, 1 to [`MOST`].
    pub volumes: u8,
    /// How many pods, 1 to [`MOST`]. They share the volumes out evenly; where there are more pods than volumes,
    /// several use the same one.
    pub pods: u8,
    /// The volumes may be on one node at a time only.
    pub exclusive: bool,
    /// How many faults may happen on one course.
    pub faults: u8,
    /// Which kinds of them.
    pub kinds: Faults,
    /// How many times pods may come or go on one course; any number of times where it is `None`.
    pub moves: Option<u8>,
    /// Steps that nobody can help, hinder or notice meanwhile are taken at once, not in every order: the same rules
    /// break, in a fraction of the states. See `eager`.
    pub reduced: bool,
    /// How many steps a course may have.
    pub depth: u32,
    /// How many different states to look at before giving up.
    pub states: usize,
}

impl Setup {
    /// Two nodes, one exclusive volume, one pod, one fault of any kind.
    #[must_use]
    pub fn of(profile: Profile) -> Setup {
        Setup {
            profile,
            nodes: 2,
            volumes: 1,
            pods: 1,
            exclusive: true,
            faults: 1,
            kinds: Faults::of(&Fault::ALL),
            moves: None,
            reduced: false,
            depth: 24,
            states: 1_000_000,
        }
    }

    pub(super) fn all_nodes(&self) -> impl Iterator<Item = NodeId> + use<> {
        (0..u32::from(self.nodes)).map(NodeId)
    }

    pub(super) fn all_pods(&self) -> impl Iterator<Item = PodId> + use<> {
        (0..u32::from(self.pods)).map(PodId)
    }

    pub(super) fn all_volumes(&self) -> impl Iterator<Item = VolumeId> + use<> {
        (0..u32::from(self.volumes)).map(VolumeId)
    }

    pub(super) fn all_cells(&self) -> impl Iterator<Item = Cell> + use<> {
        let nodes = u32::from(self.nodes);
        (0..u32::from(self.volumes))
            .flat_map(move |volume| (0..nodes).map(move |node| Cell::new(VolumeId(volume), NodeId(node))))
    }

    /// The volumes of a pod.
    pub(super) fn volumes_of(&self, pod: PodId) -> Vec<VolumeId> {
        let (pods, volumes) = (u32::from(self.pods), u32::from(self.volumes));
        let uses = |volume: &VolumeId| volume.0 % pods == pod.0 || pod.0 % volumes == volume.0;
        self.all_volumes().filter(uses).collect()
    }

    /// Every other way to name the nodes, the volumes and the pods of this world.
    pub(super) fn renamings(&self) -> Vec<Names> {
        let mut all = Vec::new();
        for nodes in orders(self.nodes) {
            for volumes in orders(self.volumes) {
                for pods in orders(self.pods) {
                    let names = Names {
                        nodes: nodes.iter().copied().map(NodeId).collect(),
                        volumes: volumes.iter().copied().map(VolumeId).collect(),
                        pods: pods.iter().copied().map(PodId).collect(),
                    };
                    all.extend(self.allows(&names).then_some(names));
                }
            }
        }
        // The first way changes nothing.
        all.split_off(1)
    }

    /// Whether every pod has the same volumes under the other names.
    fn allows(&self, names: &Names) -> bool {
        self.all_pods().all(|pod| {
            let mut renamed: Vec<VolumeId> = self
                .volumes_of(pod)
                .iter()
                .map(|&volume| names.volume(volume))
                .collect();
            renamed.sort_unstable();
            renamed == self.volumes_of(names.pod(pod))
        })
    }

    pub(super) fn traits(&self) -> Traits {
        if self.exclusive {
            Traits::EXCLUSIVE
        } else {
            Traits::SHARED
        }
    }
}

/// All orders of the numbers below `count`, the sorted one first.
fn orders(count: u8) -> Vec<Vec<u32>> {
    let mut all = vec![Vec::new()];
    for _ in 0..count {
        let longer = all.iter().flat_map(|order: &Vec<u32>| {
            let free = (0..u32::from(count)).filter(|next| !order.contains(next));
            free.map(|next| order.iter().copied().chain([next]).collect())
        });
        all = longer.collect();
    }
    all
}
