//! What an operation does, from its start to its end: verify the attachment, mount, unmount, unstage.
//!
//! In: an operation that the reconciler started, and the answers of the volume plugin to its calls. Out: the next call
//! it waits for, or how it ended; the actual state follows. An operation takes along what the states said when it was
//! started and does not look again, which is why some of its steps can be out of date when they happen.

use std::fmt;

use super::actual::{Attachability, Device, MountState};
use super::host::{Trace, leave};
use super::{DevicePath, Kubelet, Outside};
use crate::model::pending::{Key, OpName};
use crate::model::{Behaviour, PodId, VolumeId};
use crate::time::Time;

/// A running operation of one process. The smallest free number, so that equal states compare equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OperationId(pub u32);

/// An operation that was started and has not ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Operation {
    /// Its number.
    pub id: OperationId,
    /// Its name.
    pub name: OpName,
    /// The volume that the plugin is asked about.
    pub volume: VolumeId,
    /// The pod it was started for; none when it concerns the staged volume only.
    pub pod: Option<PodId>,
    /// The name under which the states know the volume. Differs from `volume` only when mounts are cleaned up of which
    /// the kubelet could not find out what they are.
    pub known_as: VolumeId,
    /// The call whose answer it waits for.
    pub waits: Option<Call>,
    /// Its key among the pending operations.
    pub key: Key,
    pub(super) work: Work,
}

/// What an operation took along from the states when it started.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Work {
    Verify {
        attachable: bool,
        reported_in_use: bool,
    },
    Mount {
        attacher: bool,
        stages: bool,
        path: DevicePath,
    },
    Unmount,
    UnmountDevice {
        path: DevicePath,
    },
}

/// A call to the volume plugin or the host, made by an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Call {
    /// Is the volume attached? CSI looks at the `VolumeAttachment` (watching it for 10 min up to 1.31, once since 1.32).
    WaitForAttach,
    /// Stage the volume (`NodeStageVolume`).
    MountDevice,
    /// Mount it for a pod (`NodePublishVolume`).
    SetUp,
    /// Unmount it for a pod (`NodeUnpublishVolume`).
    TearDown,
    /// Which other mounts refer to the staged volume?
    References,
    /// Unstage the volume (`NodeUnstageVolume`).
    UnmountDevice,
    /// Does anybody have the device open?
    DeviceOpened,
}

/// The answer to a [`Call`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Answer {
    /// Done, or: attached, no references, not open.
    Ok,
    /// `WaitForAttach` only: attached, at this path.
    At(DevicePath),
    /// `References` and `DeviceOpened`: there are some, it is open. From another call the same as a final error.
    Busy,
    /// An error.
    Failed(Fault),
}

/// How much an error of a plugin call leaves open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// The call is over and did nothing.
    Final,
    /// It may still have its effect (a time-out).
    Uncertain,
    /// It did not begin (the driver was not ready to).
    Transient,
}

/// Why an operation failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Failure {
    /// Verify: the claim could not be read.
    ClaimUnreadable,
    /// Verify: the node could not be read.
    NodeUnreadable,
    /// Verify: no node status lists the volume as in use yet.
    NotReportedInUse,
    /// Verify: the node status does not list the volume as attached.
    NotAttached,
    /// A call failed.
    Call(Call, Fault),
    /// Unstage: other mounts refer to the volume.
    Referenced,
    /// Unstage: somebody has the device open after it was unstaged.
    DeviceOpen,
    /// The volume's entry was gone when the end of the call was to be written down.
    EntryGone(Call),
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Call::WaitForAttach => "WaitForAttach",
            Call::MountDevice => "MountDevice",
            Call::SetUp => "SetUp",
            Call::TearDown => "TearDown",
            Call::References => "the look for other mounts",
            Call::UnmountDevice => "UnmountDevice",
            Call::DeviceOpened => "the look whether the device is open",
        })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Fault::Final => "did nothing",
            Fault::Uncertain => "may still have its effect",
            Fault::Transient => "did not begin",
        })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::ClaimUnreadable => f.write_str("the claim could not be read"),
            Failure::NodeUnreadable => f.write_str("the node could not be read"),
            Failure::NotReportedInUse => f.write_str("no node status lists the volume as in use yet"),
            Failure::NotAttached => f.write_str("the node status does not list the volume as attached"),
            Failure::Call(call, fault) => write!(f, "{call} failed and {fault}"),
            Failure::Referenced => f.write_str("other mounts refer to the staged volume"),
            Failure::DeviceOpen => f.write_str("the device is still open after it was unstaged"),
            Failure::EntryGone(call) => write!(f, "the volume had left the actual state when {call} ended"),
        }
    }
}

/// What an operation does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Progress {
    /// It waits for the answer to this call.
    Calls(Call),
    /// It is over; a failure backs off.
    Ended(Result<(), Failure>),
}

impl Kubelet {
    /// The operations that run, by number.
    #[must_use]
    pub fn running(&self) -> &[Operation] {
        &self.running
    }

    /// One running operation.
    #[must_use]
    pub fn operation(&self, id: OperationId) -> Option<&Operation> {
        self.running.iter().find(|operation| operation.id == id)
    }

    /// Lets a started operation run to its first call, or to its end. `None` if there is no such operation, or if it
    /// waits for an answer.
    pub fn run(&mut self, id: OperationId, now: Time, out: &mut impl Outside) -> Option<Progress> {
        let operation = self.take(id, |operation| operation.waits.is_none())?;
        let progress = match operation.work {
            Work::Verify {
                attachable,
                reported_in_use,
            } => Progress::Ended(self.verify(&operation, attachable, reported_in_use, out)),
            Work::Mount { attacher: true, .. } => Progress::Calls(Call::WaitForAttach),
            Work::Mount { stages, .. } => self.after_attach(&operation, stages),
            Work::Unmount => Progress::Calls(Call::TearDown),
            Work::UnmountDevice { .. } => Progress::Calls(Call::References),
        };
        Some(self.put_back(operation, progress, now))
    }

    /// Gives a waiting operation its answer and lets it run on to the next call, or to its end. `None` if there is no
    /// such operation, or if it waits for nothing.
    pub fn answer(&mut self, id: OperationId, answer: Answer, now: Time) -> Option<Progress> {
        let mut operation = self.take(id, |operation| operation.waits.is_some())?;
        let call = operation.waits.take()?;
        self.leave_on_disk(&operation, call, answer);
        let progress = match call {
            Call::WaitForAttach => self.attach_awaited(&mut operation, answer),
            Call::MountDevice => self.device_mounted(&operation, answer),
            Call::SetUp => Progress::Ended(self.set_up(&operation, answer)),
            Call::TearDown => Progress::Ended(self.torn_down(&operation, answer)),
            Call::References => references_seen(answer),
            Call::UnmountDevice => self.device_unmounted(&operation, answer),
            Call::DeviceOpened => Progress::Ended(self.device_checked(&operation, answer)),
        };
        Some(self.put_back(operation, progress, now))
    }

    fn take(&mut self, id: OperationId, wanted: impl Fn(&Operation) -> bool) -> Option<Operation> {
        let at = self
            .running
            .iter()
            .position(|operation| operation.id == id && wanted(operation))?;
        Some(self.running.remove(at))
    }

    fn put_back(&mut self, mut operation: Operation, progress: Progress, now: Time) -> Progress {
        match progress {
            Progress::Calls(call) => {
                operation.waits = Some(call);
                let at = self.running.partition_point(|other| other.id < operation.id);
                self.running.insert(at, operation);
            }
            Progress::Ended(result) => {
                self.pending.end(operation.key, result.is_ok(), now);
            }
        }
        progress
    }

    /// Since 1.24 the claim is read first, whatever the volume is. Then a volume that needs no
    /// attaching simply gets its entry; any other must have been reported in use, and must stand in `volumesAttached`
    /// at a live look.
    fn verify(
        &mut self,
        operation: &Operation,
        attachable: bool,
        reported_in_use: bool,
        out: &mut impl Outside,
    ) -> Result<(), Failure> {
        let volume = operation.volume;
        if self.profile.has(Behaviour::KubeletVerifyFetchesPvc) {
            out.read_claim(volume).map_err(|_| Failure::ClaimUnreadable)?;
        }
        let path = if !attachable {
            DevicePath::NONE
        } else if !reported_in_use {
            return Err(Failure::NotReportedInUse);
        } else {
            let attached = out.read_node().map_err(|_| Failure::NodeUnreadable)?;
            attached
                .into_iter()
                .find(|(id, _)| *id == volume)
                .ok_or(Failure::NotAttached)?
                .1
        };
        self.actual
            .mark_attached(volume, Attachability::of(out.kind(volume)), path);
        Ok(())
    }

    /// A device that is certainly staged is not staged again; the look happens now, not at the start.
    fn after_attach(&self, operation: &Operation, stages: bool) -> Progress {
        Progress::Calls(if stages && self.actual.device(operation.volume) != Device::Mounted {
            Call::MountDevice
        } else {
            Call::SetUp
        })
    }

    fn attach_awaited(&self, operation: &mut Operation, answer: Answer) -> Progress {
        if let Some(fault) = answer.fault() {
            return Progress::Ended(Err(Failure::Call(Call::WaitForAttach, fault)));
        }
        let Work::Mount { stages, path, .. } = &mut operation.work else {
            return Progress::Ended(Err(Failure::EntryGone(Call::WaitForAttach)));
        };
        if let Answer::At(found) = answer {
            *path = found;
        }
        let stages = *stages;
        self.after_attach(operation, stages)
    }

    fn device_mounted(&mut self, operation: &Operation, answer: Answer) -> Progress {
        let volume = operation.volume;
        let path = operation.path();
        if let Some(fault) = answer.fault() {
            self.mount_device_failed(volume, path, fault);
            return Progress::Ended(Err(Failure::Call(Call::MountDevice, fault)));
        }
        if self.actual.set_device(volume, Device::Mounted, path) {
            Progress::Calls(Call::SetUp)
        } else {
            Progress::Ended(Err(Failure::EntryGone(Call::MountDevice)))
        }
    }

    /// A final error settles an uncertain device, unless it was found at start; an uncertain one unsettles a device
    /// that was not mounted; a transient one changes nothing.
    fn mount_device_failed(&mut self, volume: VolumeId, path: DevicePath, fault: Fault) {
        let device = self.actual.device(volume);
        let next = match (fault, device) {
            (Fault::Final, Device::Uncertain) if !self.keeps_found_device(volume) => {
                (Device::NotMounted, DevicePath::NONE)
            }
            (Fault::Uncertain, Device::NotMounted) => (Device::Uncertain, path),
            _ => return,
        };
        self.actual.set_device(volume, next.0, next.1);
    }

    fn keeps_found_device(&self, volume: VolumeId) -> bool {
        self.profile.has(Behaviour::KubeletReconstructedDeviceStaysUncertain)
            && self.actual.device_reconstructed(volume)
    }

    fn set_up(&mut self, operation: &Operation, answer: Answer) -> Result<(), Failure> {
        let Some(pod) = operation.pod else {
            return Err(Failure::EntryGone(Call::SetUp));
        };
        let volume = operation.volume;
        let Some(fault) = answer.fault() else {
            let known = self.actual.set_mount(pod, volume, MountState::Mounted);
            return if known {
                Ok(())
            } else {
                Err(Failure::EntryGone(Call::SetUp))
            };
        };
        let state = self.actual.mount(pod, volume).map(|mount| mount.state);
        match (fault, state) {
            (Fault::Final, Some(MountState::Uncertain)) if !self.actual.mount_reconstructed(pod, volume) => {
                self.actual.remove_mount(pod, volume);
            }
            (Fault::Uncertain, None) => {
                self.actual.set_mount(pod, volume, MountState::Uncertain);
            }
            _ => {}
        }
        Err(Failure::Call(Call::SetUp, fault))
    }

    fn torn_down(&mut self, operation: &Operation, answer: Answer) -> Result<(), Failure> {
        let Some(pod) = operation.pod else {
            return Err(Failure::EntryGone(Call::TearDown));
        };
        let Some(fault) = answer.fault() else {
            self.actual.remove_mount(pod, operation.known_as);
            return Ok(());
        };
        if self.profile.has(Behaviour::KubeletFailedUnmountUncertain) {
            self.actual.set_mount(pod, operation.known_as, MountState::Uncertain);
        }
        Err(Failure::Call(Call::TearDown, fault))
    }

    fn device_unmounted(&mut self, operation: &Operation, answer: Answer) -> Progress {
        if let Some(fault) = answer.fault() {
            self.unstage_failed(operation, Behaviour::KubeletFailedUnmountUncertain);
            return Progress::Ended(Err(Failure::Call(Call::UnmountDevice, fault)));
        }
        if operation.path() == DevicePath::NONE {
            return Progress::Ended(self.unstaged(operation));
        }
        Progress::Calls(Call::DeviceOpened)
    }

    fn device_checked(&mut self, operation: &Operation, answer: Answer) -> Result<(), Failure> {
        match answer {
            Answer::Ok | Answer::At(_) => self.unstaged(operation),
            Answer::Busy => {
                self.unstage_failed(operation, Behaviour::KubeletOpenDeviceUncertain);
                Err(Failure::DeviceOpen)
            }
            Answer::Failed(fault) => Err(Failure::Call(Call::DeviceOpened, fault)),
        }
    }

    fn unstaged(&mut self, operation: &Operation) -> Result<(), Failure> {
        let known = self
            .actual
            .set_device(operation.volume, Device::NotMounted, DevicePath::NONE);
        if known {
            Ok(())
        } else {
            Err(Failure::EntryGone(Call::UnmountDevice))
        }
    }

    fn unstage_failed(&mut self, operation: &Operation, rule: Behaviour) {
        if self.profile.has(rule) {
            self.actual
                .set_device(operation.volume, Device::Uncertain, operation.path());
        }
    }

    fn leave_on_disk(&mut self, operation: &Operation, call: Call, answer: Answer) {
        let made = match answer.fault() {
            None => Trace::Made,
            Some(Fault::Uncertain) => Trace::MaybeMade,
            Some(Fault::Final) => Trace::Failed,
            Some(Fault::Transient) => Trace::Untouched,
        };
        let volume = operation.volume;
        match (call, operation.pod) {
            (Call::MountDevice, _) => leave(&mut self.host.staged, volume, made),
            (Call::SetUp, Some(pod)) => leave(&mut self.host.mounts, (pod, volume), made),
            (Call::TearDown, Some(pod)) if made == Trace::Made => {
                self.host.mounts.remove(&(pod, volume));
            }
            (Call::UnmountDevice, _) if made == Trace::Made => {
                self.host.staged.remove(&volume);
            }
            _ => {}
        }
    }
}

impl Operation {
    /// The device path it works with.
    fn path(&self) -> DevicePath {
        match self.work {
            Work::Mount { path, .. } | Work::UnmountDevice { path } => path,
            Work::Verify { .. } | Work::Unmount => DevicePath::NONE,
        }
    }
}

impl Answer {
    fn fault(self) -> Option<Fault> {
        match self {
            Answer::Ok | Answer::At(_) => None,
            Answer::Busy => Some(Fault::Final),
            Answer::Failed(fault) => Some(fault),
        }
    }
}

/// Neither references nor an error of the look changes the state: the device stays mounted.
fn references_seen(answer: Answer) -> Progress {
    match answer {
        Answer::Ok | Answer::At(_) => Progress::Calls(Call::UnmountDevice),
        Answer::Busy => Progress::Ended(Err(Failure::Referenced)),
        Answer::Failed(fault) => Progress::Ended(Err(Failure::Call(Call::References, fault))),
    }
}
