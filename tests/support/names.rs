//! Names of what a run is about.
//!
//! In: the model's dense ids. Out: names, uids and API names as a cluster would give them, the same in every run.

use adtrace::model::world::board::Pair;
use adtrace::model::{NodeId, PodId, VolumeId};

use super::words::Subject;

/// The driver of every volume.
pub const DRIVER: &str = "csi.example.com";

/// A pod as somebody created it.
#[derive(Clone, Debug)]
pub struct Pod {
    /// Its name in namespace `app`.
    pub name: String,
    /// Its volumes.
    pub volumes: Vec<VolumeId>,
    /// The node that it was bound to.
    pub node: NodeId,
}

/// All names.
#[derive(Clone, Debug, Default)]
pub struct Names {
    /// Nodes by id.
    pub nodes: Vec<String>,
    /// How often each Node object was made anew.
    pub reborn: std::collections::BTreeMap<NodeId, u32>,
    /// Persistent volumes by id, and whether each is exclusive.
    pub volumes: Vec<(String, bool)>,
    /// Volumes whose persistent volume was replaced by one of another name.
    pub renewed: std::collections::BTreeSet<VolumeId>,
    /// Pod objects by id; a pod that comes back under its name is another one.
    pub pods: Vec<Pod>,
}

impl Names {
    /// The node's name.
    pub fn node(&self, node: NodeId) -> &str {
        &self.nodes[node.index()]
    }

    /// The uid of its Node object.
    pub fn node_uid(&self, node: NodeId) -> String {
        let life = self.reborn.get(&node).copied().unwrap_or_default();
        format!("uid-{}-{life}", self.node(node))
    }

    /// The persistent volume's name.
    pub fn volume(&self, volume: VolumeId) -> String {
        let first = self.first_volume(volume);
        if self.renewed.contains(&volume) {
            format!("{first}-2")
        } else {
            first
        }
    }

    /// The name of the persistent volume that was there first.
    pub fn first_volume(&self, volume: VolumeId) -> String {
        format!("pv-{}", self.volumes[volume.index()].0)
    }

    /// The handle at the driver.
    pub fn handle(&self, volume: VolumeId) -> String {
        format!("vol-{}", self.volumes[volume.index()].0)
    }

    /// The unique volume name.
    pub fn unique(&self, volume: VolumeId) -> String {
        format!("kubernetes.io/csi/{DRIVER}^{}", self.handle(volume))
    }

    /// The claim's name.
    pub fn claim(&self, volume: VolumeId) -> String {
        format!("claim-{}", self.volumes[volume.index()].0)
    }

    /// The pod's uid.
    pub fn uid(pod: PodId) -> String {
        format!("0e2865eb-6ba0-450a-a551-{:012x}", pod.0 + 1)
    }

    /// `VolumeAttachment`s are named by a hash of volume, driver and node.
    pub fn attachment(&self, pair: Pair) -> String {
        let key = format!("{}{DRIVER}{}", self.handle(pair.0), self.node(pair.1));
        let hash = key.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        format!("csi-{}", format!("{hash:016x}").repeat(4))
    }

    /// What a message about the pair, and a pod that uses it, is about.
    pub fn subject(&self, pair: Pair, pod: Option<PodId>) -> Subject {
        Subject {
            pv: self.volume(pair.0),
            unique: self.unique(pair.0),
            node: self.node(pair.1).to_owned(),
            pod: pod.map(|pod| self.pods[pod.index()].name.clone()).unwrap_or_default(),
            uid: pod.map(Names::uid).unwrap_or_default(),
            attachment: self.attachment(pair),
        }
    }
}
