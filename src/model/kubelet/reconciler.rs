//! The reconciler: one pass over the states, and the operations it starts.
//!
//! In: desired and actual state, the cached node. Out: started operations, dropped entries. It runs every 100 ms.
//! Order: unmount what no pod wants, verify and mount what pods want, unstage and drop what nobody wants. [`Pass`] walks
//! item by item, because started operations end beside it; [`Kubelet::pass`] walks it to its end at once.

use std::vec::IntoIter;

use super::actual::{AttachedVolume, Device, MountState};
use super::operations::{Operation, OperationId, Work};
use super::reconstruct::Findings;
use super::{DevicePath, Kubelet, Note, Outside, Refused};
use crate::model::pending::{Key, OpName, Refusal};
use crate::model::{Behaviour, PodId, VolumeId};
use crate::time::Time;

/// A reconcile pass that is under way.
#[derive(Clone, Debug)]
pub struct Pass {
    phase: Phase,
    may_unmount: bool,
}

/// Where a pass stands, with the rest of the list that this part of it took when it began.
#[derive(Clone, Debug)]
pub(super) enum Phase {
    Unmount(IntoIter<(VolumeId, PodId)>),
    Mount(IntoIter<Want>),
    Devices(IntoIter<(VolumeId, AttachedVolume)>),
    CleanUp(IntoIter<(PodId, VolumeId)>),
    Reconstruct(IntoIter<(PodId, VolumeId)>, Findings),
    Done,
}

/// A wanted volume as the mount half listed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Want {
    /// The volume.
    pub volume: VolumeId,
    /// The pod.
    pub pod: PodId,
    attachable: bool,
    device_mountable: bool,
    reported_in_use: bool,
}

/// One turn of a pass through its lists.
enum Turn {
    /// An item was considered; the operation that this started.
    Item(Option<OperationId>),
    /// There is no further item.
    ListEnds,
}

/// What a step of a pass brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PassStep {
    /// An operation was started; it has done nothing yet.
    Started(OperationId),
    /// The unstage half took its list of volumes that no pod has mounted.
    DevicesListed,
}

impl Kubelet {
    /// Begins a pass. Nothing is unmounted until the desired state is complete and the node status has told what the
    /// reconstructed volumes are (new reconstruction only).
    #[must_use]
    pub fn begin_pass(&self) -> Pass {
        let may_unmount = !self.profile.has(Behaviour::KubeletNewReconstruction)
            || (self.sources_ready && self.awaiting_status.is_empty());
        let mounts: Vec<_> = if may_unmount {
            self.actual.mounts().collect()
        } else {
            Vec::new()
        };
        Pass {
            phase: Phase::Unmount(mounts.into_iter()),
            may_unmount,
        }
    }

    /// A whole pass; the operations it started, in order.
    pub fn pass(&mut self, now: Time, out: &mut impl Outside) -> Vec<OperationId> {
        let mut pass = self.begin_pass();
        let mut started = Vec::new();
        while let Some(step) = self.step(&mut pass, now, out) {
            if let PassStep::Started(id) = step {
                started.push(id);
            }
        }
        started
    }

    /// Goes on with a pass until something happens; `None` when it is over.
    pub fn step(&mut self, pass: &mut Pass, now: Time, out: &mut impl Outside) -> Option<PassStep> {
        loop {
            match self.next_item(&mut pass.phase, now, out) {
                Turn::Item(Some(id)) => return Some(PassStep::Started(id)),
                Turn::Item(None) => continue,
                Turn::ListEnds => {}
            }
            pass.phase = match std::mem::replace(&mut pass.phase, Phase::Done) {
                Phase::Unmount(_) => Phase::Mount(self.wants().into_iter()),
                Phase::Mount(_) if pass.may_unmount => Phase::Devices(self.idle_volumes().into_iter()),
                Phase::Devices(_) => Phase::CleanUp(self.take_orphans().into_iter()),
                Phase::Mount(_) | Phase::CleanUp(_) => self.settle(out),
                Phase::Reconstruct(_, findings) => self.finish_sync(findings, out),
                Phase::Done => return None,
            };
            if matches!(pass.phase, Phase::Devices(_)) {
                return Some(PassStep::DevicesListed);
            }
        }
    }

    /// Considers the next item of this part's list.
    fn next_item(&mut self, phase: &mut Phase, now: Time, out: &mut impl Outside) -> Turn {
        let started = match phase {
            Phase::Unmount(rest) => rest
                .next()
                .map(|(volume, pod)| self.consider_unmount(volume, pod, now, out)),
            Phase::Mount(rest) => rest.next().map(|want| self.consider_mount(want, now, out)),
            Phase::Devices(rest) => rest
                .next()
                .map(|(volume, listed)| self.consider_device(volume, &listed, now, out)),
            Phase::CleanUp(rest) => rest.next().map(|(pod, volume)| self.clean_up(pod, volume, now, out)),
            Phase::Reconstruct(rest, findings) => rest
                .next()
                .map(|(pod, volume)| self.look_at_directory(pod, volume, findings, now, out)),
            Phase::Done => None,
        };
        started.map_or(Turn::ListEnds, Turn::Item)
    }

    /// The list of the mount half: every wanted (volume, pod) with what the desired state says now.
    #[must_use]
    pub fn wants(&self) -> Vec<Want> {
        let want = |(volume, pod, entry): (VolumeId, PodId, &super::desired::WantedVolume)| Want {
            volume,
            pod,
            attachable: entry.attachable,
            device_mountable: entry.device_mountable,
            reported_in_use: entry.reported_in_use,
        };
        self.desired.pairs().map(want).collect()
    }

    /// The list of the unstage half: entries that no pod has mounted.
    #[must_use]
    pub fn idle_volumes(&self) -> Vec<(VolumeId, AttachedVolume)> {
        let idle = self.actual.volumes().filter(|(_, entry)| entry.pods.is_empty());
        idle.map(|(volume, entry)| (volume, entry.clone())).collect()
    }

    /// A pod's mount is unmounted when the pod no longer wants it.
    pub fn consider_unmount(
        &mut self,
        volume: VolumeId,
        pod: PodId,
        now: Time,
        out: &mut impl Outside,
    ) -> Option<OperationId> {
        if self.busy(Key::for_pod(volume, pod)) || self.desired.wants(pod, volume) {
            return None;
        }
        self.start_unmount(volume, volume, pod, now, out)
    }

    /// A wanted volume without entry is verified, one with entry is mounted if it is not, or not certainly, or if a
    /// remount was requested. Once there is an entry nobody looks at `volumesAttached` again.
    pub fn consider_mount(&mut self, want: Want, now: Time, out: &mut impl Outside) -> Option<OperationId> {
        if self.busy(Key::volume(want.volume)) {
            return None;
        }
        let Some(entry) = self.actual.get(want.volume) else {
            return self.consider_verify(want, now, out);
        };
        let path = entry.device_path;
        let mounted = entry
            .pods
            .get(&want.pod)
            .is_some_and(|mount| mount.state == MountState::Mounted && !mount.remount);
        if mounted {
            return None;
        }
        let key = if want.attachable || want.device_mountable {
            Key::volume(want.volume)
        } else {
            Key::for_pod(want.volume, want.pod)
        };
        let kind = out.kind(want.volume);
        let work = Work::Mount {
            attacher: kind.attachable,
            stages: kind.device_mountable,
            path,
        };
        self.start(
            Operation::new(OpName::Mount, key, want.volume, Some(want.pod), work),
            now,
            out,
        )
    }

    /// Since kubernetes#106853 (1.24) two looks come first that cost no back-off: has a node status reported the volume
    /// in use, and does the cached node have it as attached. No node in the cache is no reason to wait.
    fn consider_verify(&mut self, want: Want, now: Time, out: &mut impl Outside) -> Option<OperationId> {
        if want.attachable && !want.reported_in_use && self.profile.has(Behaviour::KubeletNoBackoffUntilInUse) {
            out.note(Note::NotInUseYet {
                volume: want.volume,
                pod: want.pod,
            });
            return None;
        }
        let precheck = want.attachable && self.profile.has(Behaviour::KubeletPrecheckCachedVolumesAttached);
        if precheck
            && out
                .cached_node()
                .is_some_and(|attached| !attached.iter().any(|(id, _)| *id == want.volume))
        {
            let op = OpName::VerifyControllerAttached;
            out.note(Note::Refused {
                op,
                volume: want.volume,
                pod: Some(want.pod),
                why: Refused::NotInNodeStatus,
            });
            return None;
        }
        let work = Work::Verify {
            attachable: want.attachable,
            reported_in_use: want.reported_in_use,
        };
        let (name, key) = (OpName::VerifyControllerAttached, Key::volume(want.volume));
        self.start(Operation::new(name, key, want.volume, Some(want.pod), work), now, out)
    }

    /// A volume that nobody wants is unstaged if it is or may be staged, else its entry is dropped. Up to 1.31 what the
    /// list said counts, even if a mount ended since (kubernetes#128219).
    pub fn consider_device(
        &mut self,
        volume: VolumeId,
        listed: &AttachedVolume,
        now: Time,
        out: &mut impl Outside,
    ) -> Option<OperationId> {
        if self.desired.get(volume).is_some() || self.pending.is_pending(Key::volume(volume)) {
            return None;
        }
        let (device, path) = if self.profile.has(Behaviour::KubeletRecheckDeviceBeforeDrop) {
            let entry = self.actual.get(volume);
            entry.map_or((Device::NotMounted, DevicePath::NONE), |entry| {
                (entry.device, entry.device_path)
            })
        } else {
            (listed.device, listed.device_path)
        };
        if device == Device::NotMounted {
            if self.actual.drop_volume(volume) {
                out.note(Note::Dropped { volume });
            }
            return None;
        }
        let work = Work::UnmountDevice { path };
        self.start(
            Operation::new(OpName::UnmountDevice, Key::volume(volume), volume, None, work),
            now,
            out,
        )
    }

    /// Starts to unmount what a pod directory holds, under the name by which the states know it.
    pub(super) fn start_unmount(
        &mut self,
        volume: VolumeId,
        known_as: VolumeId,
        pod: PodId,
        now: Time,
        out: &mut impl Outside,
    ) -> Option<OperationId> {
        let mut operation = Operation::new(
            OpName::Unmount,
            Key::for_pod(known_as, pod),
            volume,
            Some(pod),
            Work::Unmount,
        );
        operation.known_as = known_as;
        self.start(operation, now, out)
    }

    /// Late versions leave a volume alone while an operation runs on it; earlier ones try, and are refused.
    fn busy(&self, key: Key) -> bool {
        self.profile.has(Behaviour::KubeletSkipBusyVolumes) && self.pending.is_pending(key)
    }

    fn start(&mut self, mut operation: Operation, now: Time, out: &mut impl Outside) -> Option<OperationId> {
        let (op, volume, pod) = (operation.name, operation.known_as, operation.pod);
        if let Err(refusal) = self.pending.start(operation.key, op, now) {
            let why = match refusal {
                Refusal::Exists => Refused::Exists,
                Refusal::Backoff(_) => Refused::Backoff,
            };
            out.note(Note::Refused { op, volume, pod, why });
            return None;
        }
        let taken = (0..).zip(&self.running).take_while(|(at, other)| other.id.0 == *at);
        let id = OperationId(taken.last().map_or(0, |(at, _)| at + 1));
        operation.id = id;
        let at = self.running.partition_point(|other| other.id < id);
        self.running.insert(at, operation);
        out.note(Note::Started { op, volume, pod });
        Some(id)
    }
}

impl Operation {
    /// An operation that is about to be started; `start` numbers it.
    fn new(name: OpName, key: Key, volume: VolumeId, pod: Option<PodId>, work: Work) -> Operation {
        Operation {
            id: OperationId(0),
            name,
            volume,
            pod,
            known_as: volume,
            waits: None,
            key,
            work,
        }
    }
}
