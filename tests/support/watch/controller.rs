//! The controller's lines and writes, from what it decided in a round.

use adtrace::model::asw::Attachment as Belief;
use adtrace::model::outside::{Forced, Note, Patch};
use adtrace::model::pending::{Backoff, OpName};
use adtrace::model::world::World;
use adtrace::model::world::board::{Attachment, NodeObject, Pair};
use adtrace::model::world::process::Process;
use adtrace::model::{Cell, NodeId, PodId};
use adtrace::time::{Span, Time};
use serde_json::{Value, json};

use super::super::paper::{CONTROLLER, Request};
use super::super::words::{Subject, Voice};
use super::{MANAGER, NO_ANSWER, Scribe, attacher, node_patch};

/// What the API server says of a request that it refuses.
const SERVER_ERROR: &str = "Internal error occurred: etcdserver: request timed out";
/// How long an operation waits for the attacher.
const PATIENCE: Span = Span::secs(120);

/// What the controller did in a round.
pub fn tell(scribe: &mut Scribe, before: &World, after: &World) {
    let Some(process) = &after.process else { return };
    asks(scribe, before, after);
    let mut now: Vec<(NodeId, NodeObject)> = before.board.nodes.clone().into_iter().collect();
    let mut failed: Option<NodeId> = None;
    for note in process.notes() {
        if let (Some(_), false) = (failed, matches!(note, Note::StatusUpdateFailed(_))) {
            scribe.controller('W', ("status_update_failed", ""), &Subject::default(), &[SERVER_ERROR]);
        }
        failed = None;
        match note {
            Note::AttachStarted(cell) => {
                scribe.controller('I', ("attach_started", ""), &subject(scribe, after, *cell), &[]);
            }
            Note::DetachStarted(cell, forced) => {
                detach_started(scribe, after, *cell, *forced);
                let there = |world: &World| world.board.attachments.contains_key(&pair(*cell));
                if !there(before) && !there(after) {
                    refused_deletion(scribe, after, pair(*cell), 404);
                }
            }
            Note::AttachSucceeded(cell, _) => {
                scribe.controller('I', ("attach_ok", ""), &subject(scribe, after, *cell), &[]);
            }
            Note::Ended(OpName::Detach, cell, Ok(())) => {
                scribe.controller('I', ("detach_ok", ""), &subject(scribe, after, *cell), &[]);
            }
            Note::Ended(op @ (OpName::Attach | OpName::Detach), cell, Err(backoff)) => {
                operation_failed(scribe, (before, after), *op, *cell, *backoff);
            }
            Note::Patched(node, patch, Ok(())) => patched(scribe, *node, patch, &mut now),
            Note::Patched(node, patch, Err(_)) => {
                patch_failed(scribe, *node, patch);
                failed = Some(*node);
            }
            Note::StatusUpdateFailed(cell) => {
                let of = subject(scribe, after, *cell);
                scribe.controller('E', ("status_update_blocked_detach", ""), &of, &[SERVER_ERROR]);
            }
            Note::NodeNotCached(node) => {
                let of = Subject {
                    node: scribe.names.node(*node).to_owned(),
                    ..Subject::default()
                };
                let error = format!("node {:?} not found", of.node);
                let name = of.node.clone();
                let rest: &[&str] = if scribe.paper.minor() < 27 {
                    &[&name, &error]
                } else {
                    &[&error]
                };
                scribe.controller('I', ("status_node_not_in_cache", "Could not"), &of, rest);
            }
            Note::MultiAttach(cell, holders) => blocked(scribe, after, *cell, &holders.nodes, &holders.users),
            Note::CheckStarted(node) => unknown_specs(scribe, after, *node),
            Note::CheckDropped(cell) => {
                scribe.controller('I', ("sync_volume_lost", ""), &subject(scribe, after, *cell), &[]);
            }
            _ => {}
        }
    }
    if failed.is_some() {
        scribe.controller('W', ("status_update_failed", ""), &Subject::default(), &[SERVER_ERROR]);
    }
}

fn pair(cell: Cell) -> Pair {
    (cell.volume, cell.node)
}

fn subject(scribe: &Scribe, world: &World, cell: Cell) -> Subject {
    scribe.names.subject(pair(cell), user(world, pair(cell)))
}

/// The last pod that uses the pair.
pub(super) fn user(world: &World, pair: Pair) -> Option<PodId> {
    let users = world.board.pods.iter();
    let mut users = users.filter(|(_, pod)| pod.node == pair.1 && pod.volumes.contains(&pair.0));
    users.next_back().map(|(id, _)| *id)
}

/// `VolumeAttachment`s that the controller created or deleted, or tried to.
fn asks(scribe: &mut Scribe, before: &World, after: &World) {
    for (pair, object) in &after.board.attachments {
        let old = before.board.attachments.get(pair);
        if old.is_none() {
            let mut request = attacher::request(scribe, after, *pair, "", &Attachment::default());
            "/apis/storage.k8s.io/v1/volumeattachments".clone_into(&mut request.uri);
            (request.client, request.verb, request.code) = (MANAGER, "create", 201);
            request.asked = request.answer.clone();
            scribe.paper.audit(&request);
        } else if object.deleting && old.is_some_and(|old| !old.deleting) {
            attacher::deletion(scribe, after, *pair, object, MANAGER);
        }
    }
    for (pair, object) in &before.board.attachments {
        if !object.finalizer && !after.board.attachments.contains_key(pair) {
            attacher::deletion(scribe, after, *pair, object, MANAGER);
        }
    }
    for (pair, left) in &after.board.trouble.deletions {
        if before
            .board
            .trouble
            .deletions
            .get(pair)
            .is_some_and(|before| before > left)
        {
            refused_deletion(scribe, after, *pair, 500);
        }
    }
}

/// A request to delete a `VolumeAttachment` that is refused, or that comes too late.
fn refused_deletion(scribe: &mut Scribe, world: &World, pair: Pair, code: u16) {
    let mut request = attacher::request(scribe, world, pair, "", &Attachment::default());
    (request.client, request.verb, request.code) = (MANAGER, "delete", code);
    request.asked = json!({"kind": "DeleteOptions", "apiVersion": "storage.k8s.io/v1"});
    request.answer = status(code);
    scribe.paper.audit(&request);
}

/// A refusal as an object.
fn status(code: u16) -> Value {
    let (reason, message) = if code == 404 {
        ("NotFound", "not found")
    } else {
        ("InternalError", SERVER_ERROR)
    };
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message,
           "reason": reason, "code": code})
}

fn detach_started(scribe: &mut Scribe, world: &World, cell: Cell, forced: Option<Forced>) {
    let of = subject(scribe, world, cell);
    match forced {
        // Releases without a text of their own for the taint begin the detach as any other.
        Some(Forced::OutOfService) if scribe.paper.minor() >= 28 => {
            scribe.controller('W', ("detach_forced_out_of_service", ""), &of, &[]);
        }
        Some(Forced::Timeout) => scribe.controller('W', ("detach_forced_timeout", ""), &of, &["6m0s"]),
        _ => scribe.controller('I', ("detach_started", ""), &of, &[]),
    }
    // A detach of an attachment that goes already asks for it once more.
    if let Some(object) = world
        .board
        .attachments
        .get(&pair(cell))
        .filter(|object| object.deleting)
    {
        attacher::deletion(scribe, world, pair(cell), object, MANAGER);
    }
}

fn patched(scribe: &mut Scribe, node: NodeId, patch: &Patch, now: &mut [(NodeId, NodeObject)]) {
    let Some((_, object)) = now.iter_mut().find(|(id, _)| *id == node) else {
        return;
    };
    if let Patch::List(list) = patch {
        object.attached = list.iter().map(|(volume, _)| *volume).collect();
    }
    let body = body(scribe, patch);
    node_patch(scribe, node, "status", MANAGER, body.clone(), object);
    let names: Vec<String> = object
        .attached
        .iter()
        .map(|volume| scribe.names.unique(*volume))
        .collect();
    let of = Subject {
        node: scribe.names.node(node).to_owned(),
        ..Subject::default()
    };
    let patch = body.to_string();
    if scribe.paper.minor() < 27 {
        let list: Vec<String> = names.iter().map(|name| format!("{{{name} }}")).collect();
        scribe.controller(
            'I',
            ("status_patched", ""),
            &of,
            &[&patch, &format!("[{}]", list.join(" "))],
        );
    } else {
        let list: Vec<Value> = names
            .iter()
            .map(|name| json!({"name": name, "devicePath": ""}))
            .collect();
        let rest = [format!("{patch:?}"), Value::from(list).to_string()];
        scribe.controller('I', ("status_patched", ""), &of, &[&rest[0], &rest[1]]);
    }
}

/// The body of a patch of the report.
fn body(scribe: &Scribe, patch: &Patch) -> Value {
    let Patch::List(list) = patch else { return json!({}) };
    let names = list.iter().map(|(volume, _)| scribe.names.unique(*volume));
    let list: Vec<Value> = names.map(|name| json!({"name": name, "devicePath": ""})).collect();
    json!({"status": {"volumesAttached": if list.is_empty() { Value::Null } else { Value::from(list) }}})
}

fn patch_failed(scribe: &mut Scribe, node: NodeId, patch: &Patch) {
    let name = scribe.names.node(node).to_owned();
    let asked = body(scribe, patch);
    scribe.paper.audit(&Request {
        client: MANAGER,
        verb: "patch",
        uri: format!("/api/v1/nodes/{name}/status"),
        object: json!({"resource": "nodes", "name": name, "apiVersion": "v1", "subresource": "status"}),
        code: 500,
        asked,
        answer: status(500),
    });
    let of = Subject {
        node: name,
        ..Subject::default()
    };
    scribe.controller('I', ("status_patch_failed", ""), &of, &[SERVER_ERROR]);
}

/// The line in which the pending operations tell a failure and the end of its back-off.
fn operation_failed(scribe: &mut Scribe, (before, after): (&World, &World), op: OpName, cell: Cell, backoff: Backoff) {
    let of = subject(scribe, after, cell);
    let attach = op == OpName::Attach;
    let succeeded = |note: &Note| matches!(note, Note::AttachSucceeded(other, _) if *other == cell);
    let was_done = after.process.iter().flat_map(Process::notes).any(succeeded);
    let no_plugin = attach && !after.attaches(cell.volume);
    let why = if no_plugin {
        "no volume plugin matched".to_owned()
    } else {
        reason(scribe, (before, after), attach, cell)
    };
    let fact = if was_done {
        ("attach_mark_failed", "")
    } else if no_plugin {
        ("attach_setup_failed", "AttachVolume.FindAttachablePluginBySpec failed")
    } else if attach {
        ("attach_failed", "AttachVolume.Attach failed")
    } else {
        ("detach_failed", "DetachVolume.Detach failed")
    };
    let text = scribe.error(Voice::Controller, fact, &of, &[&why]);
    let exclusive = scribe.names.volumes[cell.volume.index()].1;
    let node = if exclusive { "" } else { of.node.as_str() };
    let key = format!("{{volumeName:{} podName: nodeName:{node}}}", of.unique);
    backed_off(
        scribe,
        CONTROLLER,
        &key,
        &text,
        after.now,
        backoff.until().unwrap_or(after.now),
    );
}

/// Why an operation failed.
fn reason(scribe: &Scribe, (before, after): (&World, &World), attach: bool, cell: Cell) -> String {
    let pair = pair(cell);
    let of = scribe.names.subject(pair, None);
    let process = after.process.iter();
    let looked = process
        .flat_map(Process::notes)
        .any(|note| *note == Note::VerifyRefused(cell));
    if looked {
        return scribe.error(Voice::Controller, ("detach_refused_in_use", ""), &of, &[]);
    }
    let left = |world: &World| world.board.trouble.deletions.get(&pair).copied();
    if !attach && left(before) != left(after) {
        return format!(
            "kubernetes.io/csi: detacher.Detach failed to delete VolumeAttachment [{}]: {SERVER_ERROR}",
            of.attachment
        );
    }
    let object = before
        .board
        .attachments
        .get(&pair)
        .or_else(|| after.board.attachments.get(&pair));
    let told = object.is_some_and(|object| {
        if attach {
            object.attach_error
        } else {
            object.detach_error
        }
    });
    if attach && object.is_none() {
        "volume attachment has been deleted".to_owned()
    } else if attach && object.is_some_and(|object| object.deleting) {
        "volume attachment is being deleted".to_owned()
    } else if told {
        scribe.excuse(attach, pair, after)
    } else if scribe.paper.minor() < 24 {
        format!("attachdetachment timeout for volume {}", scribe.names.handle(pair.0))
    } else if object.is_none() {
        NO_ANSWER.to_owned()
    } else {
        let verb = if attach { "attach" } else { "detach" };
        format!(
            "timed out waiting for external-attacher of {} CSI driver to {verb} volume {}",
            super::super::names::DRIVER,
            scribe.names.handle(pair.0)
        )
    }
}

/// A failure and its back-off, in a log of a party that has pending operations.
pub(super) fn backed_off(scribe: &mut Scribe, log: &str, key: &str, error: &str, now: Time, until: Time) {
    let stamp = until
        .to_string()
        .replace('T', " ")
        .replace('Z', "000 +0000 UTC m=+60.000000000");
    let millis = (until - now).as_millis();
    let wait = match (millis / 60_000, millis % 60_000) {
        (0, rest) if rest < 1000 => format!("{rest}ms"),
        (0, rest) => format!("{}s", rest / 1000),
        (minutes, rest) => format!("{minutes}m{}s", rest / 1000),
    };
    let error = if scribe.paper.minor() < 22 {
        format!("{error:?}")
    } else {
        error.to_owned()
    };
    let text = format!(
        "Operation for \"{key}\" failed. No retries permitted until {stamp} (durationBeforeRetry {wait}). Error: {error}"
    );
    scribe.paper.klog(log, 'E', "nestedpendingoperations.go:301", &text);
}

/// An exclusive volume is held elsewhere: the line that the controller writes once for each wish.
fn blocked(scribe: &mut Scribe, world: &World, cell: Cell, nodes: &[NodeId], users: &[PodId]) {
    let of = subject(scribe, world, cell);
    let nodes: Vec<&str> = nodes.iter().map(|node| scribe.names.node(*node)).collect();
    let pods: Vec<String> = users
        .iter()
        .map(|pod| format!("app/{}", scribe.names.pods[pod.index()].name))
        .collect();
    let (old, list) = (scribe.paper.minor() < 24, json!(nodes).to_string());
    let text = match (old, pods.is_empty()) {
        (true, true) => format!(
            "Multi-Attach error for volume {:?} (UniqueName: {:?}) from node {:?} Volume is already exclusively attached to node {} and can't be attached to another",
            of.pv,
            of.unique,
            of.node,
            nodes.join(", ")
        ),
        (true, false) => format!(
            "Multi-Attach error for volume {:?} (UniqueName: {:?}) from node {:?} Volume is already used by pods {} on node {}",
            of.pv,
            of.unique,
            of.node,
            pods.join(", "),
            nodes.join(", ")
        ),
        (false, true) => {
            scribe.controller(
                'I',
                (
                    "multi_attach_blocked",
                    "Multi-Attach error: volume is already exclusively",
                ),
                &of,
                &[&list],
            );
            return;
        }
        (false, false) => {
            scribe.controller(
                'I',
                ("multi_attach_blocked", "Multi-Attach error: volume is already used"),
                &of,
                &[&list],
            );
            return;
        }
    };
    scribe.paper.klog(CONTROLLER, 'W', "reconciler.go:315", &text);
}

/// Volumes that a check passes over, since nobody told their specs since the process began.
fn unknown_specs(scribe: &mut Scribe, world: &World, node: NodeId) {
    let Some(process) = &world.process else { return };
    let held = process.controller.actual.snapshot();
    for seen in held.filter(|seen| seen.cell.node == node) {
        if seen.attachment == Belief::Attached && !seen.spec_known {
            let pair = (seen.cell.volume, seen.cell.node);
            let of = scribe.names.subject(pair, None);
            scribe.controller('E', ("sync_nil_spec", "VerifyVolumesAreAttached.Generate"), &of, &[]);
        }
    }
}
