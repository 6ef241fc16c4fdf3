//! The kubelet's actual state of world: what it believes to be attached, staged and mounted on its node.
//!
//! In: ends of operations, reconstruction after a restart. Out: what the reconciler compares with the desired state,
//! and (with it) what the node status lists as in use. "Attached" here only means that the volume has an entry.

use std::collections::{BTreeMap, BTreeSet};

use super::{DevicePath, VolumeKind};
use crate::model::{PodId, VolumeId};

/// Whether an entry counts as attachable, and so as in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Attachability {
    /// The plugin does not attach it.
    No,
    /// It was attached by the controller.
    Yes,
    /// Found on disk after a restart; the node status decides (kubernetes#117804, 1.28).
    Unknown,
}

impl Attachability {
    /// What the plugin says.
    pub(super) fn of(kind: VolumeKind) -> Attachability {
        if kind.attachable {
            Attachability::Yes
        } else {
            Attachability::No
        }
    }
}

/// Whether the volume is staged on the node (globally mounted).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Device {
    /// It is not.
    NotMounted,
    /// It is.
    Mounted,
    /// A call failed in a way that leaves it open.
    Uncertain,
}

/// Whether a pod's mount is certain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MountState {
    /// Mounted.
    Mounted,
    /// A call failed in a way that leaves it open, or it was found on disk.
    Uncertain,
}

/// One pod's mount of a volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PodMount {
    /// How sure the kubelet is.
    pub state: MountState,
    /// `SetUp` must run again although the volume is mounted (the pod was processed again).
    pub remount: bool,
}

/// A volume that has an entry.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AttachedVolume {
    /// Whether it counts as attachable.
    pub attachable: Attachability,
    /// Staged or not. The staging path is known whenever this is not [`Device::NotMounted`].
    pub device: Device,
    /// Where the device is, as the node status or `WaitForAttach` said.
    pub device_path: DevicePath,
    /// The pods that have it mounted, or may have.
    pub pods: BTreeMap<PodId, PodMount>,
    /// Set when the entry comes from reconstruction (new way): the pods whose mounts were found and not confirmed yet.
    /// Stays set, maybe empty, as long as the entry lives.
    pub reconstructed: Option<BTreeSet<PodId>>,
}

/// What is on the node, as the kubelet believes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ActualState {
    volumes: BTreeMap<VolumeId, AttachedVolume>,
}

impl ActualState {
    /// All entries.
    pub fn volumes(&self) -> impl Iterator<Item = (VolumeId, &AttachedVolume)> {
        self.volumes.iter().map(|(id, volume)| (*id, volume))
    }

    /// One entry.
    #[must_use]
    pub fn get(&self, volume: VolumeId) -> Option<&AttachedVolume> {
        self.volumes.get(&volume)
    }

    /// A pod's mount of a volume, certain or not.
    #[must_use]
    pub fn mount(&self, pod: PodId, volume: VolumeId) -> Option<PodMount> {
        self.volumes.get(&volume)?.pods.get(&pod).copied()
    }

    /// Staging state; a volume without entry is not staged.
    #[must_use]
    pub fn device(&self, volume: VolumeId) -> Device {
        self.volumes
            .get(&volume)
            .map_or(Device::NotMounted, |entry| entry.device)
    }

    /// Every mount, certain or not, by volume, then pod.
    pub fn mounts(&self) -> impl Iterator<Item = (VolumeId, PodId)> {
        self.volumes
            .iter()
            .flat_map(|(id, entry)| entry.pods.keys().map(move |pod| (*id, *pod)))
    }

    /// A volume is attached. An entry that exists keeps everything but the device path.
    pub(super) fn mark_attached(&mut self, volume: VolumeId, attachable: Attachability, path: DevicePath) {
        let entry = self.volumes.entry(volume).or_insert_with(|| AttachedVolume {
            attachable,
            device: Device::NotMounted,
            device_path: path,
            pods: BTreeMap::new(),
            reconstructed: None,
        });
        entry.device_path = path;
    }

    /// The staging state changes. An empty path leaves the known one. Without an entry nothing happens, and the answer
    /// is `false`: the operation that wanted to say so fails.
    pub(super) fn set_device(&mut self, volume: VolumeId, device: Device, path: DevicePath) -> bool {
        let Some(entry) = self.volumes.get_mut(&volume) else {
            return false;
        };
        entry.device = device;
        if path != DevicePath::NONE {
            entry.device_path = path;
        }
        true
    }

    /// A pod's mount is certain or uncertain now; a remount request is served by either. `false` without an entry.
    pub(super) fn set_mount(&mut self, pod: PodId, volume: VolumeId, state: MountState) -> bool {
        let Some(entry) = self.volumes.get_mut(&volume) else {
            return false;
        };
        entry.pods.insert(pod, PodMount { state, remount: false });
        if state == MountState::Mounted
            && let Some(found) = &mut entry.reconstructed
        {
            found.remove(&pod);
        }
        true
    }

    /// A pod's mount is gone. `false` without an entry for the volume.
    pub(super) fn remove_mount(&mut self, pod: PodId, volume: VolumeId) -> bool {
        let Some(entry) = self.volumes.get_mut(&volume) else {
            return false;
        };
        entry.pods.remove(&pod);
        if let Some(found) = &mut entry.reconstructed {
            found.remove(&pod);
        }
        true
    }

    /// Drops an entry, unless some pod still has the volume mounted.
    pub(super) fn drop_volume(&mut self, volume: VolumeId) -> bool {
        let free = self.volumes.get(&volume).is_some_and(|entry| entry.pods.is_empty());
        if free {
            self.volumes.remove(&volume);
        }
        free
    }

    /// All mounts of a pod of which the plugin says that they need it shall be set up again.
    pub(super) fn request_remount(&mut self, pod: PodId, needs: impl Fn(VolumeId) -> bool) {
        for (id, entry) in &mut self.volumes {
            if let Some(mount) = entry.pods.get_mut(&pod)
                && needs(*id)
            {
                mount.remount = true;
            }
        }
    }

    /// A pod directory was found at start: an uncertain mount on an uncertain device. Needs an entry for the volume.
    pub(super) fn add_reconstructed(&mut self, pod: PodId, volume: VolumeId, staged: bool) {
        let Some(entry) = self.volumes.get_mut(&volume) else {
            return;
        };
        if staged && entry.device == Device::NotMounted {
            entry.device = Device::Uncertain;
        }
        entry.pods.entry(pod).or_insert(PodMount {
            state: MountState::Uncertain,
            remount: false,
        });
        entry.reconstructed.get_or_insert_default().insert(pod);
    }

    /// What the node status says about a reconstructed volume. Entries that operations have settled meanwhile stay.
    pub(super) fn settle_reconstructed(&mut self, volume: VolumeId, attached: Option<DevicePath>) {
        let Some(entry) = self.volumes.get_mut(&volume) else {
            return;
        };
        if let Some(path) = attached
            && entry.device == Device::Uncertain
        {
            entry.device_path = path;
        }
        if entry.attachable == Attachability::Unknown {
            entry.attachable = if attached.is_some() {
                Attachability::Yes
            } else {
                Attachability::No
            };
        }
    }

    /// Whether this mount was found at start and has not been confirmed since.
    #[must_use]
    pub fn mount_reconstructed(&self, pod: PodId, volume: VolumeId) -> bool {
        self.volumes
            .get(&volume)
            .and_then(|entry| entry.reconstructed.as_ref())
            .is_some_and(|found| found.contains(&pod))
    }

    /// Whether this entry comes from reconstruction.
    #[must_use]
    pub fn device_reconstructed(&self, volume: VolumeId) -> bool {
        self.volumes
            .get(&volume)
            .is_some_and(|entry| entry.reconstructed.is_some())
    }
}
