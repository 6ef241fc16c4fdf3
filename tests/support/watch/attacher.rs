//! The external-attacher's lines and writes.

use adtrace::model::world::World;
use adtrace::model::world::board::{Attachment, Pair};
use adtrace::model::world::driver::Answer;
use serde_json::{Value, json};

use super::super::objects::{self, FINALIZER};
use super::super::paper::{ATTACHER, Client, Request};
use super::super::words::Voice;
use super::{NO_ANSWER, Scribe};

/// The external-attacher.
pub const CLIENT: Client = Client {
    user: "system:serviceaccount:kube-system:csi-attacher",
    agent: "csi-attacher",
};

/// What the attacher did in a round.
pub fn tell(scribe: &mut Scribe, before: &World, after: &World) {
    let fresh = Attachment::default();
    for (pair, object) in &after.board.attachments {
        let old = before.board.attachments.get(pair).unwrap_or(&fresh);
        if object.finalizer && !old.finalizer {
            let body = json!({"metadata": {"finalizers": [FINALIZER]}});
            patch(scribe, after, *pair, "", body, object, CLIENT);
        }
        if object.attached && !old.attached {
            call(scribe, *pair, true, None);
            patch(
                scribe,
                after,
                *pair,
                "/status",
                json!({"status": {"attached": true}}),
                object,
                CLIENT,
            );
        }
        let again = after.attacher.failures(*pair) > before.attacher.failures(*pair);
        for (attach, failed) in [
            (
                true,
                object.attach_error && (again && !object.deleting || !old.attach_error),
            ),
            (
                false,
                object.detach_error && (again && object.deleting || !old.detach_error),
            ),
        ] {
            if failed {
                refused(scribe, after, *pair, attach, object);
            }
        }
    }
    for (pair, object) in &before.board.attachments {
        if object.finalizer && !after.board.attachments.contains_key(pair) {
            let gone = Attachment {
                finalizer: false,
                ..object.clone()
            };
            call(scribe, *pair, false, None);
            let body = json!({"metadata": {"finalizers": null}});
            patch(scribe, after, *pair, "", body, &gone, CLIENT);
        }
    }
}

/// A call failed, or could not be made: the error is written to the object, and to the log.
fn refused(scribe: &mut Scribe, world: &World, pair: Pair, attach: bool, object: &Attachment) {
    let habits = if attach {
        &world.driver.publish
    } else {
        &world.driver.unpublish
    };
    let hangs = habits.get(&pair) == Some(&Answer::Hangs);
    let text = if hangs {
        NO_ANSWER.to_owned()
    } else {
        scribe.excuse(attach, pair, world)
    };
    let of_driver = scribe
        .excuses
        .storage
        .get(&(attach, pair))
        .is_none_or(|(_, driver)| *driver);
    if of_driver {
        call(scribe, pair, attach, Some(&text));
    }
    let key = if attach { "attachError" } else { "detachError" };
    let body = json!({"status": {key: {"message": text, "time": scribe.paper.tick().to_string()}}});
    patch(scribe, world, pair, "/status", body, object, CLIENT);
    let subject = scribe.names.subject(pair, None);
    let verb = if attach { "attach" } else { "detach" };
    let error = format!("failed to {verb}: {text}");
    scribe.say(ATTACHER, Voice::Attacher, 'E', ("ea_error", ""), &subject, &[&error]);
}

/// A call of the driver and its answer.
fn call(scribe: &mut Scribe, pair: Pair, attach: bool, error: Option<&str>) {
    let name = scribe.names.attachment(pair);
    let method = if attach {
        "ControllerPublishVolume"
    } else {
        "ControllerUnpublishVolume"
    };
    let call = format!(
        "\"GRPC call\" VolumeAttachment=\"{name}\" method=\"/csi.v1.Controller/{method}\" \
         request=\"{{\\\"node_id\\\":\\\"i-{}\\\",\\\"volume_id\\\":\\\"{}\\\"}}\"",
        scribe.names.node(pair.1),
        scribe.names.handle(pair.0)
    );
    scribe.paper.klog(ATTACHER, 'I', "connection.go:264", &call);
    let err = error.map_or_else(|| "null".to_owned(), |text| format!("{text:?}"));
    let answer = format!("\"GRPC response\" VolumeAttachment=\"{name}\" response=\"{{}}\" err={err}");
    scribe.paper.klog(ATTACHER, 'I', "connection.go:270", &answer);
}

/// A request about a `VolumeAttachment`, with the object as it is then.
pub fn request<'a>(scribe: &mut Scribe, world: &World, pair: Pair, sub: &str, object: &Attachment) -> Request<'a> {
    let name = scribe.names.attachment(pair);
    let (version, at) = (scribe.paper.next_version(), scribe.paper.tick());
    let [attach, detach] = scribe.excuses_of(pair, world);
    Request {
        client: CLIENT,
        verb: "patch",
        uri: format!("/apis/storage.k8s.io/v1/volumeattachments/{name}{sub}"),
        object: json!({"resource": "volumeattachments", "name": name, "apiGroup": "storage.k8s.io",
                       "apiVersion": "v1", "subresource": sub.trim_start_matches('/')}),
        code: 200,
        asked: Value::Null,
        answer: objects::attachment(scribe.names, pair, object, version, at, [&attach, &detach]),
    }
}

/// A patch of a `VolumeAttachment`, and the object as it is then.
pub fn patch(
    scribe: &mut Scribe,
    world: &World,
    pair: Pair,
    sub: &str,
    body: Value,
    object: &Attachment,
    client: Client,
) {
    let mut request = request(scribe, world, pair, sub, object);
    request.client = client;
    request.asked = body;
    scribe.paper.audit(&request);
}

/// A request that deletes a `VolumeAttachment`.
pub fn deletion(scribe: &mut Scribe, world: &World, pair: Pair, object: &Attachment, client: Client) {
    let mut request = request(scribe, world, pair, "", object);
    (request.client, request.verb) = (client, "delete");
    request.asked = json!({"kind": "DeleteOptions", "apiVersion": "storage.k8s.io/v1"});
    scribe.paper.audit(&request);
}
