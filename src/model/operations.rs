//! What an operation does, from its start to its end: attach, detach, and the minutely check of a node.
//!
//! In: a start by the reconciler, then the answers of plugin and API, each as a call of its own: the driver of the model
//! decides when, so that a hanging attach is simply one whose end was not called yet. Out: changes of the actual state,
//! the back-offs, the notes that stand for events.

use super::asw::Attached;
use super::controller::Controller;
use super::outside::{Note, Outside, Readd, StartError};
use super::pending::{Key, OpName, Refusal};
use super::profile::{Behaviour, Profile};
use super::{Cell, Names, NodeId, PathId, PodId, VolumeId};
use crate::time::{Span, Time};

/// An operation under way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Running {
    key: Key,
    node: NodeId,
    task: Task,
}

/// What an operation is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Task {
    /// `pods` are those that wanted it when it started: they get its event.
    Attach { volume: VolumeId, pods: Vec<PodId> },
    /// `spec_known` as the pass saw it; `to_verify` until the live node was looked at.
    Detach {
        volume: VolumeId,
        spec_known: bool,
        to_verify: bool,
    },
    /// What is still to be asked.
    Check { volumes: Vec<VolumeId> },
}

impl Running {
    /// The same under other names.
    #[must_use]
    pub(crate) fn renamed(&self, names: &Names) -> Running {
        let task = match &self.task {
            Task::Attach { volume, pods } => Task::Attach {
                volume: names.volume(*volume),
                pods: names.pods(pods),
            },
            &Task::Detach {
                volume,
                spec_known,
                to_verify,
            } => Task::Detach {
                volume: names.volume(volume),
                spec_known,
                to_verify,
            },
            Task::Check { volumes } => Task::Check {
                volumes: names.volumes(volumes),
            },
        };
        Running {
            key: names.key(self.key),
            node: names.node(self.node),
            task,
        }
    }

    /// Its name.
    #[must_use]
    pub fn op(&self) -> OpName {
        match self.task {
            Task::Attach { .. } => OpName::Attach,
            Task::Detach { .. } => OpName::Detach,
            Task::Check { .. } => OpName::VerifyPerNode,
        }
    }

    /// Its volume; the check of a node has none.
    #[must_use]
    pub fn volume(&self) -> Option<VolumeId> {
        match self.task {
            Task::Attach { volume, .. } | Task::Detach { volume, .. } => Some(volume),
            Task::Check { .. } => None,
        }
    }

    /// Its node.
    #[must_use]
    pub fn node(&self) -> NodeId {
        self.node
    }

    fn is_for(&self, cell: Cell) -> bool {
        self.volume() == Some(cell.volume) && self.node == cell.node
    }

    /// The volumes that a check asks about, those with an unknown spec left out.
    #[must_use]
    pub fn checks(&self) -> &[VolumeId] {
        match &self.task {
            Task::Check { volumes } => volumes,
            Task::Attach { .. } | Task::Detach { .. } => &[],
        }
    }

    /// Whether a detach has still to look at the live node.
    #[must_use]
    pub fn is_to_verify(&self) -> bool {
        matches!(self.task, Task::Detach { to_verify: true, .. })
    }
}

/// How the plugin answered an attach.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AttachOutcome {
    /// Attached, at this path.
    Attached(PathId),
    /// Failed, or timed out: the volume may or may not be attached.
    Failed,
    /// Failed because another node has it (in-tree plugins only, kubernetes#80488): that node's pair is now uncertain.
    Dangling(NodeId),
    /// No plugin could be asked.
    NotAsked,
}

/// What the live node told before a detach.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LiveNode {
    /// There is no such node: safe to detach.
    NotFound,
    /// It could not be read.
    Failed,
    /// It lists the volume in `volumesInUse`.
    InUse,
    /// It does not.
    NotInUse,
}

/// The key of a controller's operation: the volume if it is exclusive, else the volume on the node. A volume whose spec
/// is unknown counts as shared.
#[must_use]
pub fn key_of(profile: Profile, cell: Cell, exclusive: bool) -> Key {
    if exclusive || !profile.has(Behaviour::MultiAttachKeyPerNode) {
        Key::volume(cell.volume)
    } else {
        Key::on_node(cell.volume, cell.node)
    }
}

impl Controller {
    /// The operations under way, in the order of their starts.
    #[must_use]
    pub fn running(&self) -> &[Running] {
        &self.running
    }

    /// The first operation of this name under way for the pair.
    #[must_use]
    pub fn running_op(&self, op: OpName, cell: Cell) -> Option<&Running> {
        self.running
            .iter()
            .find(|run| run.op() == op && run.is_for(cell) && run.op() == op)
    }

    fn take(&mut self, is_it: impl Fn(&Running) -> bool) -> Option<Running> {
        let at = self.running.iter().position(is_it)?;
        Some(self.running.remove(at))
    }

    /// Starts an attach for the pods that want it now.
    pub(super) fn start_attach(&mut self, cell: Cell, key: Key, now: Time) -> Result<(), StartError> {
        self.pending.start(key, OpName::Attach, now).map_err(StartError::from)?;
        let Cell { volume, node } = cell;
        let pods = self
            .desired
            .get(cell)
            .map(|wanted| wanted.pods.clone())
            .unwrap_or_default();
        self.running.push(Running {
            key,
            node,
            task: Task::Attach { volume, pods },
        });
        Ok(())
    }

    /// Starts a detach. A volume without a plugin is refused before the lock is asked.
    pub(super) fn start_detach(
        &mut self,
        pair: &Attached,
        key: Key,
        verify: bool,
        outside: &dyn Outside,
        now: Time,
    ) -> Result<(), StartError> {
        let (Cell { volume, node }, spec_known) = (pair.cell, pair.spec_known);
        let traits = outside.traits_of(volume);
        let leftovers = self.profile.has(Behaviour::DropNonattachableFromDsw);
        let plugin = if spec_known {
            traits.attachable || leftovers
        } else {
            traits.plugin_by_name
        };
        if !plugin {
            return Err(StartError::NoPlugin);
        }
        self.pending.start(key, OpName::Detach, now).map_err(StartError::from)?;
        self.running.push(Running {
            key,
            node,
            task: Task::Detach {
                volume,
                spec_known,
                to_verify: verify,
            },
        });
        Ok(())
    }

    /// The plugin answered an attach. Nothing happens where none is under way for the pair.
    ///
    /// Until 1.35 the volume's name is computed again before it is marked: a driver that no longer attaches then leaks
    /// the attachment (kubernetes#129572, closed by `mark_attached_by_name`).
    pub fn attach_ended(&mut self, cell: Cell, outcome: AttachOutcome, now: Time, outside: &mut dyn Outside) {
        let Some(run) = self.take(|run| run.op() == OpName::Attach && run.is_for(cell)) else {
            return;
        };
        let Task::Attach { pods, .. } = run.task.clone() else {
            return;
        };
        let ok = match outcome {
            AttachOutcome::Attached(path) => self.mark_after_attach(cell, path, &pods, outside),
            AttachOutcome::Failed => {
                self.actual.mark_uncertain(cell, true);
                false
            }
            AttachOutcome::Dangling(other) => {
                self.actual.mark_uncertain(Cell::new(cell.volume, other), true);
                false
            }
            AttachOutcome::NotAsked => false,
        };
        if !ok {
            outside.note(Note::AttachFailed(cell, pods));
        }
        self.end(&run, cell, ok, now, outside);
    }

    fn mark_after_attach(&mut self, cell: Cell, path: PathId, pods: &[PodId], outside: &mut dyn Outside) -> bool {
        let by_name = self.profile.has(Behaviour::MarkAttachedByName);
        let succeeded = Note::AttachSucceeded(cell, pods.to_vec());
        if self.profile.has(Behaviour::AttachEventAfterMark) {
            let marked = by_name || outside.traits_of(cell.volume).attachable;
            if marked {
                self.actual.mark_attached(cell, true, path);
                outside.note(succeeded);
            }
            return marked;
        }
        outside.note(succeeded);
        let marked = by_name || outside.traits_of(cell.volume).attachable;
        if marked {
            self.actual.mark_attached(cell, true, path);
        }
        marked
    }

    /// A detach that was started with verification looked at the live node. Whether the plugin is asked now; if not,
    /// the operation has failed.
    pub fn detach_verified(&mut self, cell: Cell, live: LiveNode, now: Time, outside: &mut dyn Outside) -> bool {
        let of = |run: &&mut Running| run.is_to_verify() && run.is_for(cell);
        let Some(run) = self.running.iter_mut().find(of) else {
            return false;
        };
        if let Task::Detach { to_verify, .. } = &mut run.task {
            *to_verify = false;
        }
        let safe = matches!(live, LiveNode::NotFound | LiveNode::NotInUse);
        if !safe {
            outside.note(Note::VerifyRefused(cell));
            self.detach_ended(cell, false, now, outside);
        }
        safe
    }

    /// The plugin answered a detach, or the look at the live node refused it. Nothing happens where none is under way.
    ///
    /// A failure is reported as attached again (until 1.28), or leaves the pair uncertain and unreported, with the spec
    /// as the operation knew it (`detach_error_marks_uncertain`, kubernetes#120595).
    pub fn detach_ended(&mut self, cell: Cell, ok: bool, now: Time, outside: &mut dyn Outside) {
        let Some(run) = self.take(|run| run.op() == OpName::Detach && run.is_for(cell)) else {
            return;
        };
        let Task::Detach { spec_known, .. } = run.task else {
            return;
        };
        if ok {
            self.actual.mark_detached(cell);
        } else if self.profile.has(Behaviour::DetachErrorMarksUncertain) {
            self.actual.mark_uncertain(cell, spec_known);
        } else {
            self.actual.report_add(cell);
            outside.note(Note::Readded(cell, Readd::DetachFailed));
        }
        self.end(&run, cell, ok, now, outside);
    }

    /// Starts the check of every node that surely has volumes, as a pass does each [`super::Config::sync_period`].
    pub fn start_checks(&mut self, now: Time, outside: &mut dyn Outside) {
        self.checked = now;
        for (node, pairs) in self.actual.attached_by_node() {
            let known = pairs.iter().filter(|pair| pair.spec_known);
            let volumes = known.map(|pair| pair.cell.volume).collect();
            // Operations without a volume are never refused.
            let _ = self.pending.start(Key::UNBOUND, OpName::VerifyPerNode, now);
            self.running.push(Running {
                key: Key::UNBOUND,
                node,
                task: Task::Check { volumes },
            });
            outside.note(Note::CheckStarted(node));
        }
    }

    /// Whether the next pass will end with a check.
    #[must_use]
    pub fn check_due(&self, now: Time) -> bool {
        self.config
            .sync_period
            .is_some_and(|period| now - self.checked > period)
    }

    /// A check was seen at that moment: the next is due a period later.
    pub fn note_check(&mut self, at: Time) {
        self.checked = self.checked.max(at);
    }

    /// Checks that nobody saw took place one period after the other: the next one is due within a period of `now`.
    pub fn keep_pace(&mut self, now: Time) {
        // A check ends the first pass after its period, and passes are a tenth of a second apart.
        let period = self.config.sync_period.map(|period| Span(period.0 + 100_000));
        if let Some(period) = period.filter(|period| *period > Span::ZERO) {
            let missed = ((now - self.checked).0 / period.0).max(0);
            self.checked = self.checked + Span(missed * period.0);
        }
    }

    /// The check of a node ended; `detached` are the volumes that are not attached any more. They leave the actual
    /// state and the report, whoever else works on them; their `VolumeAttachments` stay.
    pub fn check_ended(&mut self, node: NodeId, detached: &[VolumeId], now: Time, outside: &mut dyn Outside) {
        let Some(run) = self.take(|run| run.op() == OpName::VerifyPerNode && run.node == node) else {
            return;
        };
        for &volume in run.checks().iter().filter(|volume| detached.contains(volume)) {
            let cell = Cell { volume, node };
            self.actual.mark_detached(cell);
            outside.note(Note::CheckDropped(cell));
        }
        self.pending.end(run.key, true, now);
        outside.note(Note::CheckEnded(node));
    }

    fn end(&mut self, run: &Running, cell: Cell, ok: bool, now: Time, outside: &mut dyn Outside) {
        let backoff = self.pending.end(run.key, ok, now);
        outside.note(Note::Ended(run.op(), cell, backoff.map_or(Ok(()), Err)));
    }
}

impl From<Refusal> for StartError {
    fn from(refusal: Refusal) -> StartError {
        match refusal {
            Refusal::Exists => StartError::Exists,
            Refusal::Backoff(backoff) => StartError::Backoff(backoff),
        }
    }
}
