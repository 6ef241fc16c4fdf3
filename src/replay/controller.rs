//! What the controller says, held against what the model's controller may do.
//!
//! In: facts of kube-controller-manager's log, and its node patches as the audit log has them. Out: the model's
//! controller moved along, steps, and facts that do not fit. The log never tells a removal from the report or a retry
//! refused by back-off: these are the steps inferred here, from patches and from what later facts need.

use std::collections::BTreeSet;

use super::silent::ANSWERED;
use super::{Cell, Deed, FactId, Replay};
use crate::fact::{Detail, Fact, Kind, NodePatch, Party, Setting};
use crate::graph::cast::{Node, Volume};
use crate::model::profile::Behaviour;
use crate::model::world::board::NodeObject;
use crate::time::{Span, Time};

/// From the list of pods that a new process reads to its first pass it takes no longer.
const START_UP: Span = Span::secs(5);

impl Replay<'_> {
    /// A line of the controller's log.
    pub(super) fn controller_says(&mut self, id: FactId, fact: &Fact) {
        let cast = self.script.cast;
        let cell = match (cast.volume(fact), cast.node(fact)) {
            (Some(volume), Some(node)) => Some((volume, node)),
            _ => None,
        };
        match (fact.kind, cell) {
            (Kind::AttachStarted, Some(cell)) => self.attach_started(id, cell),
            (Kind::AttachOk, Some(cell)) => self.attach_done(id, cell),
            (Kind::OpBackoff, _) => self.operation_failed(id, fact, cell),
            (Kind::DetachStarted, Some(cell)) => self.detach_started(id, cell, false),
            (Kind::DetachForcedTimeout | Kind::DetachForcedOutOfService, Some(cell)) => {
                self.detach_started(id, cell, true);
            }
            (Kind::DetachStarting, Some(cell)) => self.detach_tried(id, fact, cell),
            (Kind::DetachOk, Some(cell)) => self.detach_done(id, cell),
            (Kind::SyncVolumeLost, Some(cell)) => self.sync_lost(id, cell),
            (Kind::SyncStarted, _) => {
                if let Some(process) = self.world.process.as_mut() {
                    process.controller.note_check(fact.at);
                }
            }
            (Kind::FlagSet, _) => self.configured(fact),
            (Kind::ForceDetachDisabled, _) => self.world.force_detach_disabled(),
            (Kind::SyncNilSpec, _) => self.sync_nil_spec(id, fact),
            (Kind::MultiAttachBlocked, Some(cell)) => self.multi_attach(id, cell),
            (Kind::AttachTouched, Some(cell)) => self.touched(id, cell),
            (Kind::DetachBlockedMounted, Some(cell)) => self.blocked_mounted(id, cell),
            (Kind::StatusPatched, _) => self.patch_logged(id, fact),
            (Kind::StatusUpdateBlockedDetach, Some(cell)) => self.detach_skipped(id, cell),
            (Kind::MountedFlagSet, _) => self.mounted_flags(fact, cell),
            (Kind::StartVaMarkedUncertain, Some(cell)) => self.assume_held(cell, false),
            (Kind::AdcStarted, _) => {
                self.confirm(Deed::ControllerStarted, (None, None), id);
            }
            (Kind::ReportAdd, Some((volume, node))) => {
                self.confirm(Deed::AttachDone, (Some(volume), Some(node)), id);
            }
            _ => {}
        }
    }

    /// A process prints its options before it leads: they hold for the next that takes over.
    fn configured(&mut self, fact: &Fact) {
        let Detail::Setting(setting) = fact.detail else { return };
        let config = &mut self.world.config;
        match setting {
            Setting::ForceDetachDisabled(disabled) => config.force_detach_disabled = disabled,
            Setting::SyncDisabled(true) => config.sync_period = None,
            Setting::SyncPeriod(ms) => config.sync_period = Some(Span::millis(ms)),
            Setting::SyncDisabled(false) => {}
        }
    }

    fn attach_started(&mut self, id: FactId, cell: Cell) {
        let pair = cell;
        if !self.world.desires(pair) {
            // The populator adds every three minutes what it finds bound, be it that no event told of it.
            let ghost = self.was_gone_at_start(pair);
            let known = self.world.board.wanted(pair) || self.was_wanted_lately(pair) || ghost;
            if ghost {
                self.world.assume_ghost(pair);
            } else {
                self.world.assume_wanted(pair);
            }
            if self.script.lives.audited(self.world.now) && !known {
                self.unexplained(id, "an attach starts though no pod is known to want the volume there");
                self.hole(id, cell.0);
            }
        }
        if self.sees_both() && self.is_held(pair) {
            self.hole(id, cell.0);
        }
        self.world.attach_begins(pair);
        self.step(Deed::AttachStarted, Party::Controller, on(cell), &[id]);
    }

    /// Whether the reconciler would not have begun an attach, because it holds the volume attached here, or an exclusive
    /// one elsewhere: that it let go of it was lost.
    fn is_held(&self, (volume, node): Cell) -> bool {
        let counts = |other: &Node| *other == node || self.world.is_exclusive(volume);
        let attached = |other: &Node| counts(other) && self.world.held((volume, *other)) == Some(true);
        self.world.holders(volume).iter().any(attached)
    }

    /// Whether the controller holds nothing here after an attach, because the driver attaches nothing by now.
    fn is_beyond_reach(&self, cell: Cell) -> bool {
        self.world.held(cell).is_none() && !self.world.attaches(cell.0)
    }

    fn attach_done(&mut self, id: FactId, cell: Cell) {
        self.expect_operation(id, cell, false);
        self.world.attach_ended(cell, true);
        // Before kubernetes#129664 the name is computed anew, which a driver that needs no attach by now does not let it.
        let deed = if self.is_beyond_reach(cell) {
            Deed::AttachNotHeld
        } else {
            Deed::AttachDone
        };
        self.step(deed, Party::Controller, on(cell), &[id]);
        self.due(cell.1);
    }

    fn operation_failed(&mut self, id: FactId, fact: &Fact, cell: Option<Cell>) {
        let Some(volume) = self.script.cast.volume(fact) else {
            return;
        };
        if let (Detail::Backoff { inner, .. }, Some(cell)) = (&fact.detail, cell)
            && *inner == Kind::AttachMarkFailed
            && self.not_recorded(id, fact, cell)
        {
            return;
        }
        let failed = self.failed_operation(fact, volume, cell);
        let was_under_way = failed.is_some_and(|(_, cell)| self.world.operation_on(cell).is_some());
        if self.sees_both() && !was_under_way {
            self.hole(id, volume);
        }
        let Some((detach, cell)) = failed else {
            return self.unexplained(id, "an operation fails that nobody started");
        };
        if detach {
            let before = self.world.cell(cell);
            self.world.detach_ended(cell, false);
            let step = self.step(Deed::DetachFailed, Party::Controller, on(cell), &[id]);
            step.error.clone_from(&fact.error);
            if before.to_report == Some(false) && self.world.cell(cell).to_report == Some(true) {
                self.due(cell.1);
            }
        } else {
            self.world.attach_ended(cell, false);
            let deed = if self.is_beyond_reach(cell) {
                Deed::AttachNotAsked
            } else {
                Deed::AttachFailed
            };
            self.step(deed, Party::Controller, on(cell), &[id])
                .error
                .clone_from(&fact.error);
        }
    }

    /// The line that an attach worked was written before it turned out that it can't be recorded.
    fn not_recorded(&mut self, id: FactId, fact: &Fact, cell: Cell) -> bool {
        if self.confirm(Deed::AttachNotHeld, on(cell), id) {
            return true;
        }
        let was_done = self.confirm(Deed::AttachDone, on(cell), id);
        if was_done {
            self.world.sync_lost(cell);
            self.step(Deed::AttachNotHeld, Party::Controller, on(cell), &[id])
                .error
                .clone_from(&fact.error);
        }
        was_done
    }

    /// Which operation a back-off line speaks of: told by the error, else the one that is pending.
    fn failed_operation(&self, fact: &Fact, volume: Volume, cell: Option<Cell>) -> Option<(bool, Cell)> {
        let running = match cell {
            Some(cell) => self.world.operation_near(cell),
            None => self.world.operation(volume),
        };
        let inner = if let Detail::Backoff { inner, .. } = &fact.detail {
            *inner
        } else {
            fact.kind
        };
        let told = match inner {
            Kind::DetachFailed
            | Kind::DetachRefusedInUse
            | Kind::DetachVerifyNodeGetFailed
            | Kind::DetachSetupFailed => Some(true),
            Kind::AttachFailed | Kind::AttachSetupFailed | Kind::AttachMarkFailed => Some(false),
            _ => None,
        };
        let detach = told.or_else(|| running.map(|(detach, _)| detach))?;
        let cell = cell.or_else(|| running.map(|(_, node)| (volume, node)))?;
        Some((detach, cell))
    }

    fn detach_started(&mut self, id: FactId, cell: Cell, forced: bool) {
        let pair = cell;
        if self.world.desires(pair) {
            self.implied_unwanted(id, cell);
        }
        if self.world.desires(pair) {
            self.world.assume_unwanted(pair);
            self.unexplained(id, "a detach starts though a pod wants the volume there");
            self.hole(id, cell.0);
        }
        if self.world.held(pair).is_none() {
            self.world.assume_held(pair, true);
            if !self.is_race(cell) {
                self.hole(id, cell.0);
            }
        }
        if self.world.on_report(pair) {
            self.drop_report(cell, &[id], false);
        }
        self.world.detach_begins(pair);
        let deed = if forced {
            Deed::DetachForced
        } else {
            Deed::DetachStarted
        };
        self.step(deed, Party::Controller, on(cell), &[id]);
    }

    /// "Starting DetachVolume": followed by "started", or refused.
    fn detach_tried(&mut self, id: FactId, fact: &Fact, cell: Cell) {
        if self.start_follows(fact, cell) {
            return;
        }
        if self.confirm(Deed::DetachRefused, on(cell), id) {
            return;
        }
        self.refuse_retry(cell, &[id], true);
    }

    /// Whether the line that an operation was really started follows at once.
    fn start_follows(&self, fact: &Fact, cell: Cell) -> bool {
        let facts = self.upcoming(fact.at + Span::millis(60));
        facts.filter(|later| later.party == Party::Controller).any(|later| {
            let started = matches!(
                later.kind,
                Kind::DetachStarted
                    | Kind::DetachForcedTimeout
                    | Kind::DetachForcedOutOfService
                    | Kind::DetachStartFailed
            );
            started && self.script.cast.volume(later) == Some(cell.0) && self.script.cast.node(later) == Some(cell.1)
        })
    }

    /// A retry that the back-off (or a pending operation) refuses, in a version that un-reports first.
    pub(super) fn refuse_retry(&mut self, cell: Cell, evidence: &[FactId], observed: bool) {
        if !self.world.on_report(cell) || !self.world.retry_refused(cell) {
            return;
        }
        let step = self.step(Deed::DetachRefused, Party::Controller, on(cell), evidence);
        step.observed = observed;
    }

    /// The volume is taken off the list to report.
    fn drop_report(&mut self, cell: Cell, evidence: &[FactId], observed: bool) {
        let pair = cell;
        self.world.unreport(pair);
        self.due(cell.1);
        let deed = if self.refuses_now(cell) {
            Deed::DetachRefused
        } else {
            Deed::ReportDropped
        };
        self.step(deed, Party::Controller, on(cell), evidence).observed = observed;
    }

    /// Whether a detach of this pair would be refused by back-off at this moment.
    pub(super) fn refuses_now(&self, cell: Cell) -> bool {
        !self.script.profile.has(Behaviour::BackoffCheckedBeforeUnreport) && self.world.detach_backs_off(cell)
    }

    /// What ends must have begun, if the log goes back that far.
    fn expect_operation(&mut self, id: FactId, cell: Cell, detach: bool) {
        if self.world.operation_on(cell) != Some(detach) {
            self.hole(id, cell.0);
        }
    }

    /// Whether a pass that began before a detach ended may start it again (kubernetes#93902).
    fn is_race(&self, cell: Cell) -> bool {
        let recent = self.world.now - Span::secs(1);
        let steps = self.run.steps.iter().rev().take_while(|step| step.at >= recent);
        let mut here = steps.filter(|step| step.volume == Some(cell.0) && step.node == Some(cell.1));
        !self.script.profile.has(Behaviour::RecheckAswBeforeDetach) && here.any(|step| step.deed == Deed::DetachDone)
    }

    fn detach_done(&mut self, id: FactId, cell: Cell) {
        self.expect_operation(id, cell, true);
        self.world.detach_ended(cell, true);
        self.step(Deed::DetachDone, Party::Controller, on(cell), &[id]);
    }

    fn sync_lost(&mut self, id: FactId, cell: Cell) {
        self.world.sync_lost(cell);
        self.step(Deed::SyncLost, Party::Controller, on(cell), &[id]);
        self.due(cell.1);
    }

    fn sync_nil_spec(&mut self, id: FactId, fact: &Fact) {
        let Some(volume) = self.script.cast.volume(fact) else {
            return;
        };
        let nodes: Vec<Node> = self.world.holders(volume).into_iter().collect();
        for node in nodes {
            self.world.forget_spec((volume, node));
            self.step(Deed::SyncSkipped, Party::Controller, (Some(volume), Some(node)), &[id]);
        }
    }

    fn multi_attach(&mut self, id: FactId, cell: Cell) {
        if !self.world.desires(cell) {
            self.world.assume_wanted(cell);
        }
        self.step(Deed::MultiAttach, Party::Controller, on(cell), &[id]);
    }

    /// "Volume attached--touching": it is wanted, and held attached.
    fn touched(&mut self, id: FactId, cell: Cell) {
        let pair = cell;
        if !self.world.desires(pair) {
            self.world.assume_wanted(pair);
        }
        if self.world.held(pair) != Some(true) {
            self.world.assume_held(pair, true);
            self.unexplained(id, "the controller holds a volume attached that the model does not");
            self.hole(id, cell.0);
        }
        self.dirty.push(cell);
    }

    fn blocked_mounted(&mut self, _id: FactId, cell: Cell) {
        let pair = cell;
        if self.world.held(pair).is_none() {
            self.world.assume_held(pair, true);
        }
        if self.world.desires(pair) {
            self.world.assume_unwanted(pair);
        }
        self.world.set_mounted(pair, true);
        self.dirty.push(cell);
    }

    pub(super) fn assume_held(&mut self, cell: Cell, confirmed: bool) {
        if self.world.held(cell).is_none() {
            self.world.assume_held(cell, confirmed);
        }
        self.dirty.push(cell);
    }

    fn mounted_flags(&mut self, fact: &Fact, cell: Option<Cell>) {
        if let (Detail::Flag(mounted), Some(cell)) = (&fact.detail, cell) {
            self.world.set_mounted(cell, *mounted);
        }
        if let (Detail::Names(names), Some(node)) = (&fact.detail, self.script.cast.node(fact)) {
            let in_use = self.volumes_in(names);
            self.world.set_in_use(node, &in_use);
        }
    }

    fn detach_skipped(&mut self, id: FactId, cell: Cell) {
        if self.script.profile.has(Behaviour::ReaddToReportOnStatusUpdateFailure) {
            if !self.world.on_report(cell) {
                self.world.put_on_report(cell);
                self.step(Deed::ReportAdded, Party::Controller, on(cell), &[id]);
            }
            self.due(cell.1);
            return;
        }
        if self.world.on_report(cell) {
            self.drop_report(cell, &[id], false);
        }
        self.step(Deed::DetachSkipped, Party::Controller, on(cell), &[id]);
    }

    /// A node patch that the log tells of; the audit log may have told it before.
    fn patch_logged(&mut self, id: FactId, fact: &Fact) {
        let Some(node) = self.script.cast.node(fact) else {
            return;
        };
        let Detail::Node(detail) = &fact.detail else { return };
        if detail.patch.as_ref().is_some_and(|patch| patch.empty) && self.watch.sent_again.remove(&node) {
            return;
        }
        for deed in [
            Deed::ReportRemovalPublished,
            Deed::ReportPublished,
            Deed::ReportPatchEmpty,
            Deed::DetachRefused,
        ] {
            if self.confirm_on_node(deed, node, id) {
                return;
            }
        }
        let before = self.world.board.nodes.get(&node).cloned();
        let mut after = before.clone().unwrap_or_default();
        if let Some(list) = &detail.attached {
            after.attached = self.volumes_in(list);
        }
        if let Some(patch) = &detail.patch {
            self.report_sent(id, node, patch);
        }
        self.world.board.nodes.insert(node, after.clone());
        self.report_patched(id, node, detail.patch.as_ref(), before.as_ref(), &after);
    }

    fn confirm_on_node(&mut self, deed: Deed, node: Node, fact: FactId) -> bool {
        let recent = self.world.now - Span::millis(1500);
        let mut found = false;
        for step in self
            .run
            .steps
            .iter_mut()
            .rev()
            .take(40)
            .take_while(|step| step.at >= recent)
        {
            if step.deed == deed && step.node == Some(node) && step.actor == Party::Controller {
                step.evidence.push(fact);
                found = true;
            }
        }
        found
    }

    /// A patch of a node's report leaves the controller: what it asks for tells what the list is by now.
    pub(super) fn report_sent(&mut self, id: FactId, node: Node, patch: &NodePatch) {
        if let Some(list) = &patch.attached {
            let asked = self.volumes_in(list);
            self.anchor_report(id, node, &asked);
        } else if patch.empty {
            self.empty_patch(id, node);
        }
    }

    /// The list to report is what the patch says; the steps that made it so are inferred.
    fn anchor_report(&mut self, id: FactId, node: Node, asked: &BTreeSet<Volume>) {
        let listed = self.world.report(node);
        for volume in listed.difference(asked).copied() {
            let cell = (volume, node);
            self.implied_unwanted(id, cell);
            self.drop_report(cell, &[id], true);
            if self.world.desires(cell) && self.world.held(cell) == Some(true) && !self.was_wished_lately(cell) {
                self.unexplained(id, "a wanted volume leaves the report");
                self.hole(id, volume);
            }
        }
        for volume in asked.difference(&listed).copied() {
            let pair = (volume, node);
            if self.world.held(pair).is_none() {
                self.world.assume_held(pair, true);
                if self.sees_both() {
                    self.hole(id, volume);
                }
            }
            self.world.put_on_report(pair);
            self.step(Deed::ReportAdded, Party::Controller, (Some(volume), Some(node)), &[id])
                .observed = false;
        }
    }

    /// Whether a pod that wanted it here went so shortly before this process began that its list of pods may still have had
    /// it: the event was handled before the list was (kubernetes#81078).
    fn was_gone_at_start(&self, cell: Cell) -> bool {
        let mut back = self.run.steps.iter().rev().filter(|step| step.concerns(cell));
        let began = back.find(|step| matches!(step.deed, Deed::ControllerStarted | Deed::PodBound));
        let Some(began) = began.filter(|step| step.deed == Deed::ControllerStarted) else {
            return false;
        };
        let fresh = self.world.now - began.at <= START_UP;
        fresh
            && back
                .take_while(|step| began.at - step.at <= START_UP)
                .any(|step| matches!(step.deed, Deed::PodGone | Deed::PodForced))
    }

    /// The wish ended so short a while ago that the controller may not have heard of it when it acted.
    fn was_wanted_lately(&self, cell: Cell) -> bool {
        let near = self.world.now - Span::millis(500);
        let recent = self.run.steps.iter().rev().take_while(|step| step.at >= near);
        let ends = [Deed::PodDeleting, Deed::PodEnded, Deed::PodGone, Deed::PodForced];
        recent
            .filter(|step| step.concerns(cell))
            .any(|step| ends.contains(&step.deed))
    }

    /// The wish began so short a while ago that the controller may not have seen it when it acted.
    pub(super) fn was_wished_lately(&self, cell: Cell) -> bool {
        let near = self.world.now - Span::millis(500);
        self.run.steps.iter().rev().take(60).any(|step| {
            step.deed == Deed::PodBound && step.volume == Some(cell.0) && step.node == Some(cell.1) && step.at >= near
        })
    }

    /// An empty patch: the list changed, and the cached node already looked as wanted.
    fn empty_patch(&mut self, id: FactId, node: Node) {
        if self.world.is_due(node) && self.hidden(node).is_empty() {
            // What failed is sent again, and the list is what it was before (kubernetes#111205).
            self.world.patched(node);
            let of_audit = self
                .script
                .facts
                .get(id as usize)
                .is_some_and(|fact| fact.call.is_some());
            if of_audit {
                self.watch.sent_again.insert(node);
            }
            return;
        }
        let volumes = self.cells_on(node);
        let refused: Vec<Cell> = volumes.into_iter().filter(|cell| self.could_unreport(*cell)).collect();
        if refused.is_empty() {
            if !self.confirm_on_node(Deed::DetachRefused, node, id) {
                self.stale_patch(id, node);
            }
            return;
        }
        for cell in refused {
            self.drop_report(cell, &[id], true);
        }
        self.world.patched(node);
    }

    /// Whether the model's next pass would take this volume off the report.
    pub(super) fn could_unreport(&self, cell: Cell) -> bool {
        let pair = cell;
        let idle = if self.world.is_exclusive(pair.0) {
            self.world.operation(pair.0).is_none()
        } else {
            self.world.operation_on(pair).is_none()
        };
        let backs_off = self.world.detach_backs_off(pair);
        let checked = self.script.profile.has(Behaviour::BackoffCheckedBeforeUnreport);
        self.world.on_report(pair)
            && !self.world.desires(pair)
            && !self.world.counts_mounted(pair)
            && idle
            && !(checked && backs_off)
    }

    /// The list differs from what the API server has, but the controller's cached copy hid it.
    fn stale_patch(&mut self, id: FactId, node: Node) {
        let hidden = self.hidden(node);
        let changed = self.world.is_due(node) || !hidden.is_empty();
        // Two logs may tell of the same patch.
        if !changed && !self.confirm_on_node(Deed::ReportDropped, node, id) {
            self.unexplained(id, "an empty node patch though the model's report had not changed");
        }
        self.world.patched(node);
        for volume in hidden {
            self.step(
                Deed::ReportPatchEmpty,
                Party::Controller,
                (Some(volume), Some(node)),
                &[id],
            );
        }
    }

    /// What the list to report and the API server's list of a node have not in common.
    fn hidden(&self, node: Node) -> Vec<Volume> {
        let listed = self.world.report(node);
        let object = self.world.board.nodes.get(&node);
        let reported = object.map_or(BTreeSet::new(), |object| object.attached.clone());
        listed.symmetric_difference(&reported).copied().collect()
    }

    /// The answer to a patch: the API server's list is as told.
    pub(super) fn report_patched(
        &mut self,
        id: FactId,
        node: Node,
        patch: Option<&NodePatch>,
        before: Option<&NodeObject>,
        after: &NodeObject,
    ) {
        if patch.is_none() {
            // No body was recorded: the patch did what the list asked for.
            let listed = self.world.report(node);
            if let Some(object) = self.world.board.nodes.get_mut(&node) {
                object.attached = listed;
            }
        }
        self.world.patched(node);
        self.watch.due.remove(&node);
        let empty = BTreeSet::new();
        let old = before.map_or(&empty, |object| &object.attached);
        for volume in old.symmetric_difference(&after.attached).copied() {
            let gone = old.contains(&volume);
            let deed = if gone {
                Deed::ReportRemovalPublished
            } else {
                Deed::ReportPublished
            };
            self.step(deed, Party::Controller, (Some(volume), Some(node)), &[id]);
        }
    }

    /// A patch failed: in old versions the other nodes' turns are forgotten (kubernetes#107973).
    pub(super) fn report_patch_failed(&mut self, id: FactId, node: Node) {
        let sent = self
            .script
            .facts
            .get(id as usize)
            .and_then(|fact| fact.call.as_ref())
            .map_or(self.world.now, |call| call.received);
        self.step(Deed::ReportPatchFailed, Party::Controller, (None, Some(node)), &[id]);
        self.world.set_due(node, true);
        if self.script.profile.has(Behaviour::ReaddToReportOnStatusUpdateFailure) {
            self.put_back(id, node);
        }
        if self.script.profile.has(Behaviour::NodeStatusContinueAfterError) {
            return;
        }
        let others: Vec<Node> = self
            .watch
            .due
            .iter()
            .filter(|(other, since)| **other != node && **since <= sent)
            .map(|(other, _)| *other)
            .collect();
        for other in others {
            self.watch.due.remove(&other);
            if !self.world.is_due(other) {
                continue;
            }
            self.world.set_due(other, false);
            for volume in self.hidden(other) {
                let cell = (Some(volume), Some(other));
                self.step(Deed::ReportForgotten, Party::Controller, cell, &[id])
                    .observed = false;
            }
        }
    }

    /// The detach that wanted the failed patch doesn't take place: what it took off the list is put back
    /// (kubernetes#111000). The controller's line that tells of it may be lost.
    fn put_back(&mut self, id: FactId, node: Node) {
        for volume in self.hidden(node) {
            let cell = (volume, node);
            let stays = self.world.held(cell) == Some(true) && self.world.operation_on(cell).is_none();
            if stays && !self.world.on_report(cell) {
                self.world.put_on_report(cell);
                self.step(Deed::ReportAdded, Party::Controller, on(cell), &[id])
                    .observed = false;
            }
        }
    }

    /// Whether a detach of the pair was under way of late: the DELETE is a part of it.
    pub(super) fn detached_lately(&self, cell: Cell) -> bool {
        let detach = [
            Deed::DetachStarted,
            Deed::DetachForced,
            Deed::DetachFailed,
            Deed::DetachDone,
        ];
        let recent = self.world.now - ANSWERED;
        let mut steps = self.run.steps.iter().rev().take_while(|step| step.at >= recent);
        self.world.operation_on(cell).is_some() || steps.any(|step| step.concerns(cell) && detach.contains(&step.deed))
    }

    /// The node's report has to be patched from now on.
    pub(super) fn due(&mut self, node: Node) {
        if self.world.is_due(node) {
            let now = self.world.now;
            self.watch.due.entry(node).or_insert(now);
        }
    }

    /// Processes of the controller that ended or began up to a moment.
    pub(super) fn processes_until(&mut self, now: Time) {
        while let Some(life) = self.script.lives.controllers.get(self.watch.life).copied() {
            if self.watch.lives_now {
                // Its last line is still its own, unless the next process has begun by then.
                let next = self.script.lives.controllers.get(self.watch.life + 1);
                let speaks = life.to == now && next.is_none_or(|next| next.from > now);
                if life.to > now || speaks {
                    return;
                }
                self.watch.lives_now = false;
                self.watch.life += 1;
                self.world.controller_stops();
                let last = self.script.lives.controllers.len() == self.watch.life;
                self.step(Deed::ControllerStopped, Party::Controller, (None, None), &[])
                    .at = life.to;
                if last {
                    return;
                }
            } else {
                if life.from > now {
                    return;
                }
                self.watch.lives_now = true;
                self.world.now = self.world.now.max(life.from);
                let first = self.watch.life == 0;
                self.world.controller_starts();
                self.watch.due.clear();
                if !first
                    || self
                        .script
                        .lives
                        .controller_heard
                        .is_some_and(|heard| life.from - heard > Span::secs(30))
                {
                    self.step(Deed::ControllerStarted, Party::Controller, (None, None), &[])
                        .at = life.from;
                }
                let pairs = self.world.pairs();
                self.dirty.extend(pairs);
            }
        }
    }
}

pub(super) fn on((volume, node): Cell) -> (Option<Volume>, Option<Node>) {
    (Some(volume), Some(node))
}
