//! The kubelet's desired state of world: which pods want which volumes on this node.
//!
//! In: what the populator adds and removes, and what a node status sync reported. Out: the volumes to mount, and the
//! errors that keep pods from being processed. A volume is here as long as one pod wants it; whether the API server
//! knows it to be in use (`reported_in_use`) decides when the kubelet may look for its attachment.

use std::collections::{BTreeMap, BTreeSet};

use super::VolumeKind;
use crate::model::{PodId, VolumeId};

/// A volume that some pod wants.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct WantedVolume {
    /// The plugin said so when the first pod came. Only the way to `false` is taken over later.
    pub attachable: bool,
    /// Whether the plugin stages the volume once per node before it mounts it for a pod.
    pub device_mountable: bool,
    /// The last node status that the kubelet wrote or found listed the volume as in use.
    pub reported_in_use: bool,
    /// The pods that want it; never empty.
    pub pods: BTreeSet<PodId>,
}

/// What should be mounted on the node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct DesiredState {
    volumes: BTreeMap<VolumeId, WantedVolume>,
    errors: BTreeMap<PodId, BTreeSet<VolumeId>>,
}

impl DesiredState {
    /// All wanted volumes.
    pub fn volumes(&self) -> impl Iterator<Item = (VolumeId, &WantedVolume)> {
        self.volumes.iter().map(|(id, volume)| (*id, volume))
    }

    /// One wanted volume.
    #[must_use]
    pub fn get(&self, volume: VolumeId) -> Option<&WantedVolume> {
        self.volumes.get(&volume)
    }

    /// Every (volume, pod) that is wanted, by volume, then pod.
    pub fn pairs(&self) -> impl Iterator<Item = (VolumeId, PodId, &WantedVolume)> {
        self.volumes
            .iter()
            .flat_map(|(id, volume)| volume.pods.iter().map(move |pod| (*id, *pod, volume)))
    }

    /// Whether this pod wants this volume.
    #[must_use]
    pub fn wants(&self, pod: PodId, volume: VolumeId) -> bool {
        self.volumes
            .get(&volume)
            .is_some_and(|wanted| wanted.pods.contains(&pod))
    }

    /// A pod wants a volume. An entry that exists keeps what its first pod brought: attachability is not asked again.
    pub(super) fn add(&mut self, pod: PodId, volume: VolumeId, kind: VolumeKind) {
        let entry = self.volumes.entry(volume).or_insert_with(|| WantedVolume {
            attachable: kind.attachable,
            device_mountable: kind.device_mountable,
            reported_in_use: false,
            pods: BTreeSet::new(),
        });
        entry.pods.insert(pod);
    }

    /// A pod no longer wants a volume; the errors kept for the pod are forgotten with it.
    pub(super) fn remove(&mut self, pod: PodId, volume: VolumeId) {
        self.errors.remove(&pod);
        if let Some(entry) = self.volumes.get_mut(&volume) {
            entry.pods.remove(&pod);
            if entry.pods.is_empty() {
                self.volumes.remove(&volume);
            }
        }
    }

    /// The plugin says that the volume need not be attached any more.
    pub(super) fn mark_not_attachable(&mut self, volume: VolumeId) {
        if let Some(entry) = self.volumes.get_mut(&volume) {
            entry.attachable = false;
        }
    }

    /// A node status with this list of volumes in use is at the API server: the flag of *every* wanted volume follows.
    pub(super) fn mark_reported_in_use(&mut self, in_use: &[VolumeId]) {
        for (id, entry) in &mut self.volumes {
            entry.reported_in_use = in_use.contains(id);
        }
    }

    /// Pods that could not be processed, with the volumes whose claims could not be read.
    pub fn errors(&self) -> impl Iterator<Item = (PodId, &BTreeSet<VolumeId>)> {
        self.errors.iter().map(|(pod, volumes)| (*pod, volumes))
    }

    pub(super) fn add_error(&mut self, pod: PodId, volume: VolumeId) {
        self.errors.entry(pod).or_default().insert(volume);
    }

    /// Hands out a pod's errors and forgets them.
    pub(super) fn take_errors(&mut self, pod: PodId) -> BTreeSet<VolumeId> {
        self.errors.remove(&pod).unwrap_or_default()
    }
}
