//! The external-attacher: the sidecar that turns `VolumeAttachment`s into the driver's publish and unpublish calls.
//!
//! In: what its informer sees of the attachments, the passing of time, answers of the driver and the API server. Out:
//! one command at a time for each attachment. The controller sees of all this only the attachment's status, so a
//! driver that refuses shows there, and how long after a driver has given in the attachment follows is decided by this
//! back-off (1 s, doubling, at most 5 min) and not by the controller's.
//!
//! Modelled are releases 1 to 4.12 (rules and origins: the attacher's rows of the profile). Not modelled: the queue of
//! persistent volumes, which takes finalizers off released ones, and volumes whose spec or secrets cannot be read.

use std::collections::{BTreeMap, VecDeque};

use super::{Behaviour, NodeId, Profile, VolumeId};
use crate::time::{Span, Time};

/// First back-off of an attachment (`--retry-interval-start`).
pub const FIRST_RETRY: Span = Span::secs(1);
/// Longest back-off (`--retry-interval-max`).
pub const LONGEST_RETRY: Span = Span::secs(300);
/// How long a driver may take to answer (`--timeout`); the call then counts as failed.
pub const CALL_TIMEOUT: Span = Span::secs(15);
/// How often the informer hands out all attachments again (`--resync`).
pub const RESYNC: Span = Span::secs(600);
/// How often attachments are compared with the driver's list (`--reconcile-sync`).
pub const RECONCILE: Span = Span::secs(60);
/// Attachments worked on at the same time (`--worker-threads`).
pub const WORKERS: usize = 10;

/// Which attachment: one volume on one node. An attachment that is deleted and created again has the same name, and so
/// inherits the back-off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttachmentId {
    /// The volume.
    pub volume: VolumeId,
    /// The node.
    pub node: NodeId,
}

/// A `VolumeAttachment`, as far as the attacher looks at it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[expect(clippy::struct_excessive_bools, reason = "independent fields of an API object")]
pub struct Attachment {
    /// `metadata.resourceVersion`; equal in two looks means that nothing changed between them.
    pub version: u64,
    /// `metadata.deletionTimestamp` is set.
    pub deleting: bool,
    /// The attacher's finalizer is there.
    pub finalizer: bool,
    /// The annotation with the driver's node ID is there and right.
    pub node_id: bool,
    /// `status.attached`.
    pub attached: bool,
    /// `status.attachError` is set.
    pub attach_error: bool,
    /// `status.detachError` is set.
    pub detach_error: bool,
    /// Stands for `metadata.managedFields`: differs when they do.
    pub managed_fields: u64,
    /// Stands for everything else in the object: differs when that does.
    pub rest: u64,
}

impl Attachment {
    fn has_error(&self) -> bool {
        self.attach_error || self.detach_error
    }
}

/// What the attacher reads beside the attachment when it works on one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Surroundings {
    /// The persistent volume, in the informer's cache.
    pub pv: Pv,
    /// The node's `CSINode`, in the informer's cache.
    pub driver: DriverOnNode,
}

/// A persistent volume in the attacher's cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Pv {
    /// It is not there.
    Missing,
    /// It is marked for deletion: never attached any more, but detached.
    Deleting,
    /// It is there, with or without the attacher's finalizer.
    Present {
        /// Whether the finalizer is there, which keeps the volume for as long as attachments name it.
        finalizer: bool,
    },
}

/// What a `CSINode` says about the driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DriverOnNode {
    /// The driver is registered, so its node ID is known.
    Registered,
    /// There is a `CSINode`, and the driver is not in it.
    NotRegistered,
    /// There is no `CSINode`.
    NoNode,
}

/// What the attacher does next for an attachment. Each command is answered by one [`Reply`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Command {
    /// Put the finalizer on the persistent volume.
    AddPvFinalizer,
    /// Put finalizer and node ID on the attachment, in one patch.
    AddFinalizer,
    /// `ControllerPublishVolume`.
    Publish,
    /// Status: attached, metadata, no attachError. The only write that takes an attachError away.
    WriteAttached,
    /// Status: attachError. `attached` stays what it was.
    WriteAttachError(Reason),
    /// `ControllerUnpublishVolume`.
    Unpublish,
    /// Take the finalizer off the attachment; with it a deleted attachment goes.
    RemoveFinalizer,
    /// Status: not attached, no metadata, no detachError.
    WriteDetached,
    /// The two in one write (before 3.0).
    RemoveFinalizerAndWriteDetached,
    /// Status: detachError.
    WriteDetachError(Reason),
}

/// Why an attempt failed, as attachError or detachError tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// The persistent volume is not in the cache. For a detach this lasts for ever.
    PvMissing,
    /// The persistent volume is marked for deletion.
    PvDeleting,
    /// The persistent volume's finalizer could not be written.
    PvNotWritten,
    /// The driver's node ID is not known.
    NodeUnknown,
    /// The attachment could not be written.
    NotWritten,
    /// The driver refused, or did not answer in time.
    Driver,
}

/// How a [`Command`] ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reply {
    /// A write to the attachment; the object as the API server has it now.
    Written(Attachment),
    /// The driver, or the write to the persistent volume: done.
    Done,
    /// No such object at the API server, or no such volume at the driver.
    NotFound,
    /// Anything else.
    Failed,
}

/// A place in a work queue with back-off: an item waits at most once, however often it is added, and is never worked on
/// twice at the same time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Place {
    /// It was added, and not taken since.
    waiting: bool,
    /// Failures since the last success.
    failures: u32,
    /// When it will be added again because of a failure. An earlier moment is never put off by a later failure.
    due: Option<Time>,
}

/// What a worker holds while it works on an attachment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Work {
    /// Just taken from the queue.
    Taken,
    /// A command is under way, on this copy of the attachment.
    Busy(Attachment, Command),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Item {
    seen: Option<Attachment>,
    place: Place,
    work: Option<Work>,
    forced: bool,
}

/// What comes after a step.
#[derive(Clone, Copy)]
enum Next {
    Do(Attachment, Command),
    Succeeded,
    Failed,
}

/// An external-attacher process.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Attacher {
    profile: Profile,
    /// Whether the driver has publish calls at all; without them every attachment is simply marked as attached.
    publishes: bool,
    items: BTreeMap<AttachmentId, Item>,
    queue: VecDeque<AttachmentId>,
}

impl Attacher {
    /// A process that has just started: it knows nothing, its informer will tell it of every attachment.
    #[must_use]
    pub fn new(profile: Profile, publishes: bool) -> Attacher {
        Attacher {
            profile,
            publishes,
            items: BTreeMap::new(),
            queue: VecDeque::new(),
        }
    }

    /// The informer sees an attachment as it is now; `None`: it is gone. Only attachments of the attacher's own driver
    /// count. A change of nothing but errors is the attacher's own doing and not worked on.
    pub fn seen(&mut self, id: AttachmentId, now: Option<Attachment>) {
        let ignores_managed = self.profile.has(Behaviour::ManagedFieldsIgnored);
        let item = self.items.entry(id).or_default();
        let before = std::mem::replace(&mut item.seen, now);
        match (before, now) {
            (_, None) => {}
            (Some(before), Some(now)) if only_errors_changed(before, now, ignores_managed) => {}
            (_, Some(_)) => self.add(id),
        }
    }

    /// The informer hands out everything again, whatever the back-offs are.
    pub fn resync(&mut self) {
        let known: Vec<AttachmentId> = self
            .items
            .iter()
            .filter(|(_, item)| item.seen.is_some())
            .map(|(id, _)| *id)
            .collect();
        for id in known {
            self.add(id);
        }
    }

    /// The driver's list contradicts the attachment's status (attacher 2.1 and later, drivers that can list): attach or
    /// detach once more, even if the status says that it is done.
    pub fn mismatch(&mut self, id: AttachmentId) {
        if self.profile.has(Behaviour::ListVolumesReconcile) && self.items.contains_key(&id) {
            self.items.entry(id).or_default().forced = true;
            self.add(id);
        }
    }

    /// When the next back-off ends.
    #[must_use]
    pub fn next_due(&self) -> Option<Time> {
        self.items.values().filter_map(|item| item.place.due).min()
    }

    /// When this attachment's back-off ends; none if it is in none.
    #[must_use]
    pub fn due(&self, id: AttachmentId) -> Option<Time> {
        self.items.get(&id)?.place.due
    }

    /// A free worker takes the next attachment; `None` if all are busy or nothing waits.
    pub fn take(&mut self, now: Time) -> Option<AttachmentId> {
        self.end_waits(now);
        let busy = self.items.values().filter(|item| item.work.is_some()).count();
        if busy >= WORKERS {
            return None;
        }
        let free = |id: &AttachmentId| self.items.get(id).is_some_and(|item| item.work.is_none());
        let at = self.queue.iter().position(free)?;
        let id = self.queue.remove(at)?;
        let item = self.items.get_mut(&id)?;
        item.place.waiting = false;
        item.work = Some(Work::Taken);
        Some(id)
    }

    /// Begins to work on an attachment that was taken; `None`: there was nothing to do, the worker is free again.
    pub fn begin(&mut self, id: AttachmentId, around: Surroundings, now: Time) -> Option<Command> {
        let item = self.items.get_mut(&id).filter(|item| item.work == Some(Work::Taken))?;
        let Some(attachment) = item.seen else {
            // Deleted meanwhile. Its failures are not forgotten: a new attachment of this name inherits them.
            item.work = None;
            return None;
        };
        let next = if self.publishes {
            let forced = std::mem::take(&mut item.forced);
            self.first_step(attachment, forced, around)
        } else if attachment.attached {
            Next::Succeeded
        } else {
            Next::Do(attachment, Command::WriteAttached)
        };
        self.go_on(id, next, now)
    }

    /// The command that this attachment waits for.
    #[must_use]
    pub fn under_way(&self, id: AttachmentId) -> Option<Command> {
        match self.items.get(&id)?.work? {
            Work::Taken => None,
            Work::Busy(_, command) => Some(command),
        }
    }

    /// The command under way ended; the next one, or `None`: the worker is free again.
    pub fn reply(&mut self, id: AttachmentId, reply: Reply, around: Surroundings, now: Time) -> Option<Command> {
        let Some(Work::Busy(held, command)) = self.items.get(&id)?.work else {
            return None;
        };
        let held = if let Reply::Written(fresh) = reply { fresh } else { held };
        let next = self.after(command, held, reply, around);
        self.go_on(id, next, now)
    }

    fn first_step(&self, attachment: Attachment, forced: bool, around: Surroundings) -> Next {
        if !attachment.deleting {
            return if attachment.attached && !forced {
                Next::Succeeded
            } else {
                attach(attachment, around)
            };
        }
        if !attachment.finalizer && !forced {
            return Next::Succeeded;
        }
        if around.pv == Pv::Missing {
            return Next::Do(attachment, Command::WriteDetachError(Reason::PvMissing));
        }
        let from_annotation = match around.driver {
            DriverOnNode::Registered => true,
            DriverOnNode::NoNode => attachment.node_id,
            DriverOnNode::NotRegistered => attachment.node_id && self.profile.has(Behaviour::DetachNodeidFromVa),
        };
        if !from_annotation {
            return Next::Do(attachment, Command::WriteDetachError(Reason::NodeUnknown));
        }
        Next::Do(attachment, Command::Unpublish)
    }

    fn after(&self, command: Command, held: Attachment, reply: Reply, around: Surroundings) -> Next {
        let ok = matches!(reply, Reply::Written(_) | Reply::Done);
        match command {
            Command::AddPvFinalizer if ok => mark(held, around),
            Command::AddPvFinalizer => Next::Do(held, Command::WriteAttachError(Reason::PvNotWritten)),
            Command::AddFinalizer if ok => Next::Do(held, Command::Publish),
            Command::AddFinalizer => Next::Do(held, Command::WriteAttachError(Reason::NotWritten)),
            Command::Publish if ok => Next::Do(held, Command::WriteAttached),
            Command::Publish => Next::Do(held, Command::WriteAttachError(Reason::Driver)),
            Command::WriteAttached if ok => Next::Succeeded,
            Command::Unpublish if ok => self.detached(held),
            Command::Unpublish if reply == Reply::NotFound && !self.profile.has(Behaviour::NotfoundIsError) => {
                self.detached(held)
            }
            Command::Unpublish => Next::Do(held, Command::WriteDetachError(Reason::Driver)),
            Command::RemoveFinalizer if ok && self.finalizer_first() => Next::Do(held, Command::WriteDetached),
            Command::WriteDetached if ok && !self.finalizer_first() => Next::Do(held, Command::RemoveFinalizer),
            // The finalizer was the last: the attachment went with it.
            Command::WriteDetached if reply == Reply::NotFound && self.finalizer_first() => Next::Succeeded,
            Command::RemoveFinalizer | Command::WriteDetached | Command::RemoveFinalizerAndWriteDetached => {
                if ok {
                    Next::Succeeded
                } else {
                    Next::Do(held, Command::WriteDetachError(Reason::NotWritten))
                }
            }
            Command::WriteAttached | Command::WriteAttachError(_) | Command::WriteDetachError(_) => Next::Failed,
        }
    }

    /// The driver has detached; what is to be written. Status before finalizer (before 4.8.1) lets the status write
    /// bring the attachment back to the queue while the finalizer is still there: a second unpublish call.
    fn detached(&self, held: Attachment) -> Next {
        if !held.finalizer && !held.attached {
            return Next::Succeeded;
        }
        let write = if !self.profile.has(Behaviour::StatusSubresource) {
            Command::RemoveFinalizerAndWriteDetached
        } else if self.finalizer_first() && held.finalizer {
            Command::RemoveFinalizer
        } else {
            Command::WriteDetached
        };
        Next::Do(held, write)
    }

    fn finalizer_first(&self) -> bool {
        self.profile.has(Behaviour::FinalizerRemovedFirst)
    }

    fn go_on(&mut self, id: AttachmentId, next: Next, now: Time) -> Option<Command> {
        let item = self.items.get_mut(&id)?;
        match next {
            Next::Do(held, command) => {
                item.work = Some(Work::Busy(held, command));
                return Some(command);
            }
            Next::Succeeded => item.place.failures = 0,
            Next::Failed => {
                let retry = now + backoff(item.place.failures);
                item.place.failures = item.place.failures.saturating_add(1);
                item.place.due = Some(item.place.due.map_or(retry, |due| due.min(retry)));
            }
        }
        item.work = None;
        None
    }

    fn add(&mut self, id: AttachmentId) {
        let item = self.items.entry(id).or_default();
        if !item.place.waiting {
            item.place.waiting = true;
            self.queue.push_back(id);
        }
    }

    /// Puts the items whose back-off has ended into the queue, the earliest first.
    fn end_waits(&mut self, now: Time) {
        let mut over: Vec<(Time, AttachmentId)> = self
            .items
            .iter()
            .filter_map(|(id, item)| Some((item.place.due.filter(|due| *due <= now)?, *id)))
            .collect();
        over.sort_unstable();
        for (_, id) in over {
            self.items.entry(id).or_default().place.due = None;
            self.add(id);
        }
    }
}

/// The first steps of an attach: everything that can be wrong is found before the attachment gets its finalizer, which
/// would keep it from being deleted.
fn attach(attachment: Attachment, around: Surroundings) -> Next {
    let refuse = |reason| Next::Do(attachment, Command::WriteAttachError(reason));
    match around.pv {
        Pv::Missing => refuse(Reason::PvMissing),
        Pv::Deleting => refuse(Reason::PvDeleting),
        Pv::Present { finalizer: false } => Next::Do(attachment, Command::AddPvFinalizer),
        Pv::Present { finalizer: true } => mark(attachment, around),
    }
}

/// Finalizer and node ID. The node ID comes from the `CSINode` only.
fn mark(attachment: Attachment, around: Surroundings) -> Next {
    let command = if around.driver != DriverOnNode::Registered {
        Command::WriteAttachError(Reason::NodeUnknown)
    } else if attachment.finalizer && attachment.node_id {
        Command::Publish
    } else {
        Command::AddFinalizer
    };
    Next::Do(attachment, command)
}

/// How long to wait after so many failures before.
fn backoff(failures: u32) -> Span {
    let doubled = 1i64.checked_shl(failures.min(32)).unwrap_or(i64::MAX);
    Span(FIRST_RETRY.0.saturating_mul(doubled).min(LONGEST_RETRY.0))
}

/// Whether a change is one of the attacher's own error writes. Without any error before and after it is never taken for
/// one. Before 3.4 the change of `managedFields` that goes with each write may hide it.
fn only_errors_changed(before: Attachment, now: Attachment, ignores_managed: bool) -> bool {
    if before.version == now.version || !(before.has_error() || now.has_error()) {
        return false;
    }
    let same = Attachment {
        version: before.version,
        attach_error: before.attach_error,
        detach_error: before.detach_error,
        managed_fields: if ignores_managed {
            before.managed_fields
        } else {
            now.managed_fields
        },
        ..now
    };
    same == before
}

#[cfg(test)]
mod tests;
