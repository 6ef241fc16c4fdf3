//! Reconstruction: what a restarted kubelet makes of the pod directories it finds.
//!
//! In: the mounts on disk. Out: entries of the actual state, clean-ups. Two ways exist. The *old* one (to 1.25, and as
//! default to 1.27) runs once, after the first pass with a complete desired state: volumes that pods want are only
//! flagged as in use (since 1.25 their mounts are added as uncertain once they have an entry), the others get entries
//! as if mounted. The *new* one (kubernetes#115268 and others; always from
//! 1.30) runs before the first pass, takes everything over as uncertain, and lets the node status decide later.

use std::collections::{BTreeMap, BTreeSet};

use super::actual::{ActualState, Attachability, Device, MountState};
use super::desired::DesiredState;
use super::host::Host;
use super::operations::OperationId;
use super::reconciler::Phase;
use super::{DevicePath, Kubelet, Outside, VolumeKind};
use crate::model::pending::Pending;
use crate::model::{Behaviour, PodId, Profile, VolumeId};
use crate::time::Time;

/// What the old way has found so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Findings {
    /// Mounts that no pod wants.
    unwanted: BTreeMap<VolumeId, BTreeSet<PodId>>,
    /// Mounts that pods want.
    wanted: BTreeMap<VolumeId, BTreeSet<PodId>>,
}

impl Kubelet {
    /// The process ends and a new one starts, perhaps of another version: all it knew is lost, the host stays.
    pub fn restart(&mut self, profile: Profile, out: &mut impl Outside) {
        let host = std::mem::take(&mut self.host);
        *self = Kubelet::starting(profile, host);
        if profile.has(Behaviour::KubeletNewReconstruction) {
            self.reconstruct(out);
        }
    }

    fn starting(profile: Profile, host: Host) -> Kubelet {
        Kubelet {
            pending: Pending::new(&profile),
            profile,
            host,
            desired: DesiredState::default(),
            actual: ActualState::default(),
            running: Vec::new(),
            processed: BTreeMap::new(),
            sources_ready: false,
            states_synced: false,
            runtime_asked: None,
            awaiting_status: Vec::new(),
            failed: Vec::new(),
            skipped: BTreeMap::new(),
        }
    }

    fn directories(&self) -> Vec<(PodId, VolumeId)> {
        self.host.mounts.keys().copied().collect()
    }

    /// The new way.
    fn reconstruct(&mut self, out: &mut impl Outside) {
        for (pod, volume) in self.directories() {
            if out.construct_spec(volume, pod) {
                let kind = out.kind(volume);
                let attachable = if self.profile.has(Behaviour::KubeletUncertainAttachability) {
                    Attachability::Unknown
                } else {
                    Attachability::of(kind)
                };
                self.actual.mark_attached(volume, attachable, DevicePath::NONE);
                self.actual.add_reconstructed(pod, volume, kind.device_mountable);
                self.awaiting_status.push(volume);
            } else {
                self.failed.push((pod, volume));
            }
        }
    }

    /// Directories that could not be reconstructed and that no pod wants; they are cleaned up once.
    pub(super) fn take_orphans(&mut self) -> Vec<(PodId, VolumeId)> {
        let failed = std::mem::take(&mut self.failed);
        failed
            .into_iter()
            .filter(|(pod, volume)| !self.desired.wants(*pod, *volume))
            .collect()
    }

    /// Starts to unmount a directory of which the kubelet knows nothing but pod and volume name.
    pub(super) fn clean_up(
        &mut self,
        pod: PodId,
        volume: VolumeId,
        now: Time,
        out: &mut impl Outside,
    ) -> Option<OperationId> {
        let bare = out.bare_name(volume);
        self.start_unmount(volume, bare, pod, now, out)
    }

    /// The end of a pass. New way: a look at the live node tells which reconstructed volumes are attached; a failed
    /// look is repeated by every pass, and until it succeeds the states do not count as synced. Old way: the one sync.
    pub(super) fn settle(&mut self, out: &mut impl Outside) -> Phase {
        if !self.profile.has(Behaviour::KubeletNewReconstruction) {
            self.add_skipped(out);
            if self.sources_ready && !self.states_synced {
                return Phase::Reconstruct(self.directories().into_iter(), Findings::default());
            }
            return Phase::Done;
        }
        if !self.awaiting_status.is_empty()
            && let Ok(attached) = out.read_node()
        {
            for volume in std::mem::take(&mut self.awaiting_status) {
                let path = attached.iter().find(|(id, _)| *id == volume).map(|(_, path)| *path);
                self.actual.settle_reconstructed(volume, path);
            }
        }
        self.states_synced |= self.awaiting_status.is_empty();
        Phase::Done
    }

    /// The old way, one pod directory. Before 1.25 only the last pod of a volume is kept, the others are lost sight of.
    pub(super) fn look_at_directory(
        &mut self,
        pod: PodId,
        volume: VolumeId,
        findings: &mut Findings,
        now: Time,
        out: &mut impl Outside,
    ) -> Option<OperationId> {
        if self.actual.mount(pod, volume).is_some() {
            return None;
        }
        let wanted = self.desired.wants(pod, volume);
        if !out.construct_spec(volume, pod) {
            return if wanted {
                None
            } else {
                self.clean_up(pod, volume, now, out)
            };
        }
        let found = if wanted {
            &mut findings.wanted
        } else {
            &mut findings.unwanted
        };
        let pods = found.entry(volume).or_default();
        if !self.profile.has(Behaviour::KubeletReconstructsEveryPod) {
            pods.clear();
        }
        pods.insert(pod);
        None
    }

    /// The old way, after the last directory. Entries get the device path that the live node has, or none.
    pub(super) fn finish_sync(&mut self, findings: Findings, out: &mut impl Outside) -> Phase {
        if !findings.unwanted.is_empty() {
            let attached = out.read_node().unwrap_or_default();
            for (volume, pods) in findings.unwanted {
                let path = attached
                    .iter()
                    .find(|(id, _)| *id == volume)
                    .map_or(DevicePath::NONE, |(_, path)| *path);
                self.add_as_mounted(volume, &pods, path, out.kind(volume));
            }
        }
        if !findings.wanted.is_empty() {
            let wanted: Vec<VolumeId> = findings.wanted.keys().copied().collect();
            self.desired.mark_reported_in_use(&wanted);
        }
        if self.profile.has(Behaviour::KubeletReconstructsEveryPod) {
            self.skipped = findings.wanted;
        }
        self.states_synced = true;
        Phase::Done
    }

    fn add_as_mounted(&mut self, volume: VolumeId, pods: &BTreeSet<PodId>, path: DevicePath, kind: VolumeKind) {
        self.actual.mark_attached(volume, Attachability::of(kind), path);
        for pod in pods {
            self.actual.set_mount(*pod, volume, MountState::Mounted);
        }
        if kind.device_mountable {
            self.actual.set_device(volume, Device::Mounted, path);
        }
    }

    /// The old way since 1.25: mounts of wanted volumes that were found at the start are uncertain, from the moment on
    /// at which their volume has an entry.
    fn add_skipped(&mut self, out: &impl Outside) {
        let known: Vec<VolumeId> = self
            .skipped
            .keys()
            .copied()
            .filter(|volume| self.actual.get(*volume).is_some())
            .collect();
        for volume in known {
            for pod in self.skipped.remove(&volume).unwrap_or_default() {
                if self.actual.mount(pod, volume).is_none() {
                    self.actual
                        .add_reconstructed(pod, volume, out.kind(volume).device_mountable);
                }
            }
        }
    }

    /// A kubelet that has been up for a while on a node without pods.
    #[must_use]
    pub fn settled(profile: Profile) -> Kubelet {
        let mut kubelet = Kubelet::starting(profile, Host::default());
        kubelet.sources_ready = true;
        kubelet.states_synced = true;
        kubelet
    }
}
