//! An audit event to the fact that it is: one API write of one party.
//!
//! In: an event of `audit.k8s.io` as JSON, any level, any stage. Out: at most one fact with its [`Call`]. Bodies stay
//! raw until the event turns out to matter. Levels without bodies give the same fact with less in it (`body: false`).

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::time::Time;

use super::object::{
    self, Any, AttachmentObject, CsiDriverObject, CsiNodeObject, EventObject, NodeObject, PodObject, PvObject,
    PvcObject,
};
use super::text::{Names, after, telling};
use super::{Call, Detail, Fact, Kind, NodeDetail, PodDetail, event, party};

/// An audit event, bodies unread.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AuditEvent<'a> {
    #[serde(borrow, default, rename = "auditID")]
    audit_id: Cow<'a, str>,
    #[serde(borrow, default)]
    stage: Cow<'a, str>,
    #[serde(borrow, default, rename = "requestURI")]
    request_uri: Cow<'a, str>,
    #[serde(borrow, default)]
    verb: Cow<'a, str>,
    #[serde(borrow, default)]
    user: User<'a>,
    #[serde(borrow)]
    impersonated_user: Option<User<'a>>,
    #[serde(borrow, default)]
    user_agent: Cow<'a, str>,
    #[serde(borrow)]
    object_ref: Option<ObjectRef<'a>>,
    #[serde(borrow)]
    response_status: Option<Status<'a>>,
    #[serde(borrow)]
    request_object: Option<&'a RawValue>,
    #[serde(borrow)]
    response_object: Option<&'a RawValue>,
    #[serde(borrow, default)]
    request_received_timestamp: Cow<'a, str>,
    #[serde(borrow, default)]
    stage_timestamp: Cow<'a, str>,
}

#[derive(Default, Deserialize)]
struct User<'a> {
    #[serde(borrow, default)]
    username: Cow<'a, str>,
}

#[derive(Deserialize)]
struct ObjectRef<'a> {
    #[serde(borrow, default, rename = "apiGroup")]
    group: Cow<'a, str>,
    #[serde(borrow, default)]
    resource: Cow<'a, str>,
    #[serde(borrow, default)]
    namespace: Cow<'a, str>,
    #[serde(borrow, default)]
    name: Cow<'a, str>,
    #[serde(borrow, default)]
    subresource: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Status<'a> {
    #[serde(borrow, default)]
    message: Cow<'a, str>,
    #[serde(default)]
    code: u16,
}

/// What one audit event gave.
#[derive(Debug)]
pub enum Heard {
    /// A fact; beside it the event's ID and whether its stage is final, for joining stages.
    Fact(Box<Fact>, Box<str>, bool),
    /// A request that is no part of the story; its time, as a sign that the server lived.
    Irrelevant(Option<Time>),
    /// It could not be read as an audit event.
    Broken,
}

/// Reads one audit event.
pub fn read(raw: &str, names: &mut Names) -> Heard {
    let Ok(mut event) = serde_json::from_str::<AuditEvent<'_>>(raw) else {
        return cut_event(raw, names);
    };
    // A cut event has lost what stands last: the object is told by the path then, the time by its place in the window.
    let cut = event.stage_timestamp.is_empty();
    if cut && event.object_ref.as_ref().is_none_or(|object| object.name.is_empty()) {
        event.object_ref = object_at(&event.request_uri).or(event.object_ref);
    }
    let answered = event.moment();
    let Some(kind) = event.kind() else {
        return Heard::Irrelevant(answered);
    };
    let at = answered.unwrap_or(Time::MAX);
    let last = matches!(event.stage.as_ref(), "ResponseComplete" | "Panic" | "");
    match event.fact(kind, at, names) {
        Some(fact) => Heard::Fact(Box::new(fact), event.audit_id.as_ref().into(), last),
        None => Heard::Irrelevant(answered),
    }
}

/// Whether a write to that path can be part of the story. `reference` is what the event says of its object beside the path,
/// from the resource on: where it differs the path was damaged.
pub fn could_matter<'n>(path: &[u8], reference: impl FnOnce() -> Option<&'n [u8]>) -> bool {
    const RESOURCES: [&[u8]; 8] = [
        b"nodes",
        b"pods",
        b"volumeattachments",
        b"persistentvolumes",
        b"persistentvolumeclaims",
        b"csinodes",
        b"csidrivers",
        b"events",
    ];
    let Some(object) = addressed(path) else { return true };
    match object.resource {
        // A new one's name is in its body.
        b"leases" if object.name.is_empty() || is_telling_lease(object.namespace, object.name) => true,
        b"leases" => reference().is_some_and(names_telling_lease),
        // The busiest of others' need no look at what else the event says.
        b"configmaps" | b"deployments" | b"endpoints" | b"endpointslices" | b"replicasets" => false,
        resource => {
            let named = || reference()?.split(|byte| *byte == b'"').next();
            RESOURCES.contains(&resource) || named().is_some_and(|named| named != resource)
        }
    }
}

/// Whether a verb changes something.
pub fn is_write(verb: &[u8]) -> bool {
    matches!(verb, b"create" | b"update" | b"patch" | b"delete" | b"deletecollection")
}

impl AuditEvent<'_> {
    /// When it was answered; of a cut event, when it was received.
    fn moment(&self) -> Option<Time> {
        let stamps = [&self.stage_timestamp, &self.request_received_timestamp];
        stamps.into_iter().find_map(|stamp| Time::parse(stamp))
    }

    /// Which write it is; `None` for reads and for what is no part of the story.
    fn kind(&self) -> Option<Kind> {
        let object = self.object_ref.as_ref()?;
        let verb = self.verb.as_ref();
        if !is_write(verb.as_bytes()) {
            return None;
        }
        if object.resource == "volumeattachments" && !matches!(object.group.as_ref(), "" | "storage.k8s.io") {
            return None;
        }
        let (create, delete) = (verb == "create", verb == "delete");
        Some(match (object.resource.as_ref(), object.subresource.as_ref()) {
            ("nodes", "status") => Kind::NodeStatusPatched,
            ("nodes", "") if create => Kind::NodeCreated,
            ("nodes", "") if delete => Kind::NodeDeleted,
            ("nodes", "") => Kind::NodePatched,
            ("pods", "binding") => Kind::PodBound,
            ("pods", "eviction") => Kind::PodEvicted,
            ("pods", "status") => Kind::PodStatusPatched,
            ("pods", "") if create => Kind::PodCreated,
            ("pods", "") if delete => Kind::PodDeleted,
            ("pods", "") => Kind::PodPatched,
            ("volumeattachments", "status") => Kind::VaStatusPatched,
            ("volumeattachments", "") if create => Kind::VaApiCreated,
            ("volumeattachments", "") if delete => Kind::VaApiDeleted,
            ("volumeattachments", "") if verb == "deletecollection" => Kind::VaCollectionDeleted,
            ("volumeattachments", "") => Kind::VaPatched,
            ("persistentvolumes", _) if delete => Kind::PvDeleted,
            ("persistentvolumes", _) => Kind::PvWritten,
            ("persistentvolumeclaims", _) if delete => Kind::PvcDeleted,
            ("persistentvolumeclaims", _) => Kind::PvcWritten,
            ("csinodes", _) if delete => Kind::CsinodeDeleted,
            ("csinodes", _) => Kind::CsinodeWritten,
            ("csidrivers", _) if delete => Kind::CsidriverDeleted,
            ("csidrivers", _) => Kind::CsidriverWritten,
            ("leases", _) => Kind::LeaseWritten,
            ("events", _) if !delete => Kind::EventRecorded,
            _ => return None,
        })
    }

    /// The fact; `None` for events about other objects and leases of other programs.
    fn fact(&self, kind: Kind, at: Time, names: &mut Names) -> Option<Fact> {
        let user = self.impersonated_user.as_ref().unwrap_or(&self.user).username.as_ref();
        let agent = self.user_agent.split(' ').next().unwrap_or("");
        let mut fact = Fact::new(kind, party::of_user(user, agent, names), at);
        fact.call = Some(Box::new(self.call(user, agent, at, names)));
        fact = self.written(fact, names)?;
        let refused = fact.call.as_ref().is_some_and(|call| !call.ok());
        if refused {
            let message = self.response_status.as_ref().map(|status| status.message.as_ref());
            fact.error = message
                .filter(|message| !message.is_empty())
                .map(Into::into)
                .or(fact.error);
        }
        if fact.version.is_none() && !refused {
            let written = body::<Any>(self.response_object).map(|object| object.metadata.resource_version);
            fact.version = written.and_then(|version| names.get(&version));
        }
        fact.text = telling(&self.summary(user));
        Some(fact)
    }

    fn call(&self, user: &str, agent: &str, at: Time, names: &mut Names) -> Call {
        Call {
            user: names.always(user),
            agent: names.always(agent),
            verb: names.always(&self.verb),
            code: self.response_status.as_ref().map_or(0, |status| status.code),
            received: Time::parse(&self.request_received_timestamp).unwrap_or(at),
            answered: at,
            body: self.verb == "delete" || self.request_object.is_some() || self.response_object.is_some(),
        }
    }

    /// One line that tells the request: verb, path, answer, the request's own body.
    fn summary(&self, user: &str) -> String {
        let code = self.response_status.as_ref().map_or(0, |status| status.code);
        let path = self.request_uri.split('?').next().unwrap_or("");
        let asked = self.request_object.map_or("", RawValue::get);
        format!("{user} {} {path} {code} {asked}", self.verb)
    }

    /// The whole object: the answer where it holds one, else a request that holds one.
    fn object<T: for<'de> Deserialize<'de>>(&self, kind: &str) -> Option<T> {
        let holds = |raw: &&RawValue| body::<Any>(Some(*raw)).is_some_and(|object| object.kind == kind);
        let raw = self
            .response_object
            .filter(holds)
            .or_else(|| self.request_object.filter(holds))?;
        serde_json::from_str(raw.get()).ok()
    }

    /// Name and namespace as the request addresses them, or as the created object has them.
    fn name(&self) -> (String, String) {
        let object = self.object_ref.as_ref();
        let addressed = object.map_or("", |object| object.name.as_ref());
        let namespace = object.map_or("", |object| object.namespace.as_ref()).to_owned();
        if !addressed.is_empty() {
            return (namespace, addressed.to_owned());
        }
        let made = body::<Any>(self.response_object)
            .or_else(|| body::<Any>(self.request_object))
            .unwrap_or_default();
        (namespace, made.metadata.name)
    }

    /// Fills in what was written.
    fn written(&self, fact: Fact, names: &mut Names) -> Option<Fact> {
        let (namespace, name) = self.name();
        let mut fact = match fact.kind {
            Kind::NodeCreated | Kind::NodePatched | Kind::NodeStatusPatched => self.node(fact, names),
            Kind::VaApiCreated | Kind::VaPatched | Kind::VaStatusPatched | Kind::VaApiDeleted => {
                self.attachment(fact, names)
            }
            Kind::PodCreated | Kind::PodPatched | Kind::PodStatusPatched => match self.object::<PodObject>("Pod") {
                Some(pod) => object::pod(fact, &pod, names),
                None => fact,
            },
            Kind::PodBound => self.binding(fact, names),
            Kind::PodDeleted | Kind::PodEvicted => self.pod_deletion(fact, names),
            Kind::PvWritten => match self.object::<PvObject>("PersistentVolume") {
                Some(pv) => object::pv(fact, &pv, names),
                None => fact,
            },
            Kind::PvcWritten | Kind::PvcDeleted => {
                let mut pvc = self.object::<PvcObject>("PersistentVolumeClaim").unwrap_or_default();
                (pvc.metadata.namespace, pvc.metadata.name) = (namespace.clone(), name.clone());
                object::pvc(fact, &pvc, names)
            }
            Kind::CsinodeWritten => match self.object::<CsiNodeObject>("CSINode") {
                Some(node) => object::csi_node(fact, &node, names),
                None => fact,
            },
            // Without its body a write does not tell what it says; a deletion does.
            Kind::CsidriverWritten | Kind::CsidriverDeleted => {
                match (self.object::<CsiDriverObject>("CSIDriver"), fact.kind) {
                    (None, Kind::CsidriverWritten) => fact,
                    (told, _) => {
                        let mut driver = told.unwrap_or_default();
                        driver.metadata.name.clone_from(&name);
                        object::csi_driver(fact, &driver, names)
                    }
                }
            }
            Kind::EventRecorded => event::object(fact, &self.event()?, names)?,
            Kind::LeaseWritten if !is_telling_lease(namespace.as_bytes(), name.as_bytes()) => return None,
            _ => fact,
        };
        match self.object_ref.as_ref().map_or("", |object| object.resource.as_ref()) {
            "nodes" | "csinodes" => fact.node = names.get(&name),
            "leases" if namespace == "kube-node-lease" => fact.node = names.get(&name),
            "pods" => fact.pod = names.get(&format!("{namespace}/{name}")),
            "volumeattachments" => fact.attachment = names.get(&name),
            "persistentvolumes" if fact.volume.is_none() => {
                fact.volume = names.get(&name);
                fact.pv = names.get(&name);
            }
            _ => {}
        }
        Some(fact)
    }

    /// A node write: the node after it from the answer, what it asks for from the request.
    fn node(&self, fact: Fact, names: &mut Names) -> Fact {
        let patch = body::<Value>(self.request_object).map(|asked| object::node_patch(&asked, names));
        let refused = fact.call.as_ref().is_some_and(|call| !call.ok());
        let after = body::<Any>(self.response_object).filter(|object| object.kind == "Node" && !refused);
        let mut fact = match after.and_then(|_| body::<NodeObject>(self.response_object)) {
            Some(node) => object::node(fact, &node, names),
            None => Fact {
                detail: Detail::Node(Box::default()),
                ..fact
            },
        };
        if let Detail::Node(detail) = &mut fact.detail {
            **detail = NodeDetail {
                patch,
                ..std::mem::take(detail.as_mut())
            };
        }
        fact
    }

    /// A write of a `VolumeAttachment`.
    fn attachment(&self, fact: Fact, names: &mut Names) -> Fact {
        let mut fact = match self.object::<AttachmentObject>("VolumeAttachment") {
            Some(va) => object::attachment(fact, &va, names),
            None => Fact {
                detail: Detail::Attachment(Box::default()),
                ..fact
            },
        };
        let patches = matches!(fact.kind, Kind::VaPatched) && self.verb != "delete";
        if let (Detail::Attachment(detail), Some(asked)) = (&mut fact.detail, body::<Value>(self.request_object)) {
            detail.strips_finalizer = patches && object::strips_finalizer(&asked);
        }
        fact
    }

    /// A binding: the pod's node is the binding's target.
    fn binding(&self, mut fact: Fact, names: &mut Names) -> Fact {
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct Binding {
            metadata: object::Meta,
            target: object::Reference,
        }
        let binding = body::<Binding>(self.request_object).unwrap_or_default();
        fact.uid = names.get(&binding.metadata.uid);
        fact.node = names.get(&binding.target.name);
        let detail = PodDetail {
            uid: fact.uid.clone(),
            node: fact.node.clone(),
            ..PodDetail::default()
        };
        Fact {
            detail: Detail::Pod(Box::new(detail)),
            ..fact
        }
    }

    /// A pod's deletion or eviction: the grace asked for; the pod as it was where the answer holds it.
    fn pod_deletion(&self, fact: Fact, names: &mut Names) -> Fact {
        #[derive(Default, Deserialize)]
        #[serde(default, rename_all = "camelCase")]
        struct Options {
            grace_period_seconds: Option<i64>,
            preconditions: Option<object::Meta>,
            #[serde(rename = "deleteOptions")]
            inner: Option<Box<Options>>,
        }
        let mut fact = match self.object::<PodObject>("Pod") {
            Some(pod) => object::pod(fact, &pod, names),
            None => Fact {
                detail: Detail::Pod(Box::default()),
                ..fact
            },
        };
        let asked = body::<Options>(self.request_object).unwrap_or_default();
        let asked = asked.inner.map_or(Options { inner: None, ..asked }, |inner| *inner);
        let uid = asked
            .preconditions
            .as_ref()
            .and_then(|conditions| names.get(&conditions.uid));
        fact.uid = fact.uid.or_else(|| uid.clone());
        if let Detail::Pod(detail) = &mut fact.detail {
            detail.grace = asked.grace_period_seconds.or_else(|| self.grace_in_query());
            detail.uid = detail.uid.take().or(uid);
        }
        fact
    }

    /// `?gracePeriodSeconds=0`, as older clients ask.
    fn grace_in_query(&self) -> Option<i64> {
        let (_, query) = self.request_uri.split_once('?')?;
        let asked = query
            .split('&')
            .find_map(|pair| pair.strip_prefix("gracePeriodSeconds="))?;
        asked.parse().ok()
    }

    /// The event that was created or patched. A patch holds only what it changes: it is no statement by itself.
    fn event(&self) -> Option<EventObject> {
        body::<EventObject>(self.response_object)
            .filter(|event| !event.involved_object.name.is_empty())
            .or_else(|| body::<EventObject>(self.request_object))
            .filter(|event| !event.involved_object.name.is_empty())
    }
}

/// An event that was cut or spoilt on its way here, told by the pieces that are left: verb, path, user and times. A
/// time that is gone counts as the end of the window.
fn cut_event(raw: &str, names: &mut Names) -> Heard {
    let piece = |key: &str| after(raw, key, &['"']).unwrap_or("");
    let mut event = AuditEvent {
        audit_id: piece("\"auditID\":\"").into(),
        stage: piece("\"stage\":\"").into(),
        request_uri: piece("\"requestURI\":\"").into(),
        verb: piece("\"verb\":\"").into(),
        user: User {
            username: piece("\"username\":\"").into(),
        },
        impersonated_user: None,
        user_agent: piece("\"userAgent\":\"").into(),
        object_ref: None,
        response_status: None,
        request_object: None,
        response_object: None,
        request_received_timestamp: piece("\"requestReceivedTimestamp\":\"").into(),
        stage_timestamp: piece("\"stageTimestamp\":\"").into(),
    };
    event.object_ref = object_at(&event.request_uri);
    let code =
        after(raw, "\"responseStatus\":{\"metadata\":{},\"code\":", &['}', ',']).and_then(|code| code.parse().ok());
    event.response_status = code.map(|code| Status {
        message: Cow::Borrowed(""),
        code,
    });
    let Some(kind) = event.kind() else { return Heard::Broken };
    let last = event.stage != "RequestReceived";
    let at = event.moment().unwrap_or(Time::MAX);
    match event.fact(kind, at, names) {
        Some(fact) => Heard::Fact(Box::new(fact), event.audit_id.as_ref().into(), last),
        None => Heard::Broken,
    }
}

/// The parts of a path, up to its query. They are short, and there is a path in every event: what is prepared for a
/// search takes longer than the search.
fn parts_of(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(path);
    std::iter::from_fn(move || {
        let path = rest?;
        let end = path
            .iter()
            .position(|byte| matches!(byte, b'/' | b'?'))
            .unwrap_or(path.len());
        let (part, behind) = path.split_at_checked(end)?;
        rest = behind.strip_prefix(b"/");
        Some(part)
    })
}

/// What a path addresses.
struct Addressed<'p> {
    group: &'p [u8],
    resource: &'p [u8],
    namespace: &'p [u8],
    name: &'p [u8],
}

/// The object that a path addresses, as an event has it.
fn object_at(path: &str) -> Option<ObjectRef<'_>> {
    let found = addressed(path.as_bytes())?;
    let text = |part| Cow::Borrowed(std::str::from_utf8(part).unwrap_or_default());
    let last = parts_of(path.as_bytes()).last();
    let subresource = last.filter(|last| matches!(*last, b"status" | b"binding" | b"eviction"));
    Some(ObjectRef {
        group: text(found.group),
        resource: text(found.resource),
        namespace: text(found.namespace),
        name: text(found.name),
        subresource: text(subresource.unwrap_or_default()),
    })
}

/// What a request's path addresses: `/apis/<group>/<version>/[namespaces/<ns>/]<resource>/<name>[/<sub>]`.
fn addressed(path: &[u8]) -> Option<Addressed<'_>> {
    let mut parts = parts_of(path).skip(1);
    let group = if parts.next()? == b"apis" { parts.next()? } else { b"" };
    parts.next();
    let mut found = Addressed {
        group,
        resource: parts.next()?,
        namespace: b"",
        name: parts.next().unwrap_or_default(),
    };
    if let (b"namespaces", Some(inner)) = (found.resource, parts.next()) {
        found.namespace = found.name;
        found.resource = inner;
        found.name = parts.next().unwrap_or_default();
    }
    Some(found)
}

/// A body, read as `T`; `None` where there is none or it is of another shape.
fn body<T: for<'de> Deserialize<'de>>(raw: Option<&RawValue>) -> Option<T> {
    serde_json::from_str(raw?.get()).ok()
}

/// Whether what an event says of a lease names one that tells who lives.
fn names_telling_lease(reference: &[u8]) -> bool {
    let value = |key: &[u8]| {
        let from = memchr::memmem::find(reference, key)? + key.len();
        reference.get(from..)?.split(|byte| *byte == b'"').next()
    };
    let (namespace, name) = (value(b"\"namespace\":\""), value(b"\"name\":\""));
    is_telling_lease(namespace.unwrap_or_default(), name.unwrap_or_default())
}

/// Leases that tell who lives: those of nodes, of the controller manager and of attachers.
fn is_telling_lease(namespace: &[u8], name: &[u8]) -> bool {
    namespace == b"kube-node-lease" || name == b"kube-controller-manager" || name.starts_with(b"external-attacher")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fact::Party;

    /// An audit event of that verb and object, with bodies.
    fn event(stage: &str, user: &str, verb: &str, object: &str, code: u16, asked: &str, answer: &str) -> String {
        format!(
            r#"{{"kind":"Event","apiVersion":"audit.k8s.io/v1","auditID":"a","stage":"{stage}","requestURI":"/x","verb":"{verb}","user":{{"username":"{user}"}},"userAgent":"kubectl/v1.20.2 (linux)","objectRef":{object},"responseStatus":{{"code":{code},"message":"no"}},"requestObject":{asked},"responseObject":{answer},"requestReceivedTimestamp":"2026-11-25T02:00:00.000001Z","stageTimestamp":"2026-11-25T02:00:00.5Z"}}"#
        )
    }

    fn fact(raw: &str) -> Fact {
        match read(raw, &mut Names::default()) {
            Heard::Fact(fact, ..) => *fact,
            other => panic!("{other:?} from {raw}"),
        }
    }

    const NODE: &str = r#"{"resource":"nodes","name":"n1","subresource":"status"}"#;
    const VA: &str = r#"{"resource":"volumeattachments","name":"csi-1"}"#;

    #[test]
    fn a_status_patch_tells_what_it_asks_for_and_the_node_after_it() {
        let asked = r#"{"status":{"volumesAttached":null}}"#;
        let answer =
            r#"{"kind":"Node","metadata":{"name":"n1","resourceVersion":"7"},"status":{"volumesInUse":["v"]}}"#;
        let fact = fact(&event(
            "ResponseComplete",
            "system:kube-controller-manager",
            "patch",
            NODE,
            200,
            asked,
            answer,
        ));
        let Detail::Node(node) = &fact.detail else {
            panic!("{fact:?}")
        };
        assert_eq!(
            (fact.kind, fact.party.clone(), fact.version.as_deref()),
            (Kind::NodeStatusPatched, Party::Controller, Some("7"))
        );
        assert_eq!(node.patch.as_ref().unwrap().attached.as_deref(), Some(&[][..]));
        assert_eq!(node.in_use.as_deref().map(<[_]>::len), Some(1));
        assert_eq!(node.attached.as_deref(), Some(&[][..]));
    }

    #[test]
    fn a_refused_write_tells_the_refusal_and_no_state() {
        let answer = r#"{"kind":"Status","message":"no"}"#;
        let fact = fact(&event(
            "ResponseComplete",
            "system:node:n1",
            "patch",
            NODE,
            409,
            "{}",
            answer,
        ));
        assert!(!fact.call.as_ref().unwrap().ok());
        assert_eq!(fact.error.as_deref(), Some("no"));
        assert!(
            matches!(&fact.detail, Detail::Node(node) if node.attached.is_none() && node.patch.as_ref().is_some_and(|patch| patch.empty))
        );
    }

    #[test]
    fn a_finalizer_patched_away_is_seen_in_every_form_of_patch() {
        for asked in [
            r#"{"metadata":{"finalizers":null}}"#,
            r#"{"metadata":{"finalizers":[]}}"#,
            r#"[{"op":"remove","path":"/metadata/finalizers"}]"#,
            r#"{"metadata":{"$deleteFromPrimitiveList/finalizers":["external-attacher/d"]}}"#,
        ] {
            let fact = fact(&event("ResponseComplete", "admin", "patch", VA, 200, asked, "null"));
            assert!(
                matches!(&fact.detail, Detail::Attachment(va) if va.strips_finalizer),
                "{asked}"
            );
        }
        let kept = r#"{"metadata":{"finalizers":["external-attacher/d"]}}"#;
        let fact = fact(&event("ResponseComplete", "admin", "patch", VA, 200, kept, "null"));
        assert!(matches!(&fact.detail, Detail::Attachment(va) if !va.strips_finalizer));
    }

    #[test]
    fn an_event_without_bodies_still_tells_who_did_what() {
        let raw = event("ResponseComplete", "admin", "patch", VA, 200, "null", "null");
        let fact = fact(&raw);
        assert!(!fact.call.as_ref().unwrap().body);
        assert_eq!(
            (fact.kind, fact.attachment.as_deref()),
            (Kind::VaPatched, Some("csi-1"))
        );
    }

    #[test]
    fn a_cut_event_is_told_by_its_pieces() {
        let raw = r#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","auditID":"a","stage":"ResponseComplete","requestURI":"/apis/storage.k8s.io/v1/volumeattachments/csi-9","verb":"delete","user":{"username":"system:serviceaccount:kube-system:attachdetach-controller","uid":"#;
        let fact = fact(raw);
        assert_eq!(
            (fact.kind, fact.party.clone(), fact.attachment.as_deref()),
            (Kind::VaApiDeleted, Party::Controller, Some("csi-9"))
        );
    }

    #[test]
    fn reads_and_strangers_are_irrelevant() {
        for object in [VA, r#"{"resource":"secrets","name":"s"}"#] {
            let raw = event("ResponseComplete", "admin", "get", object, 200, "null", "null");
            assert!(matches!(read(&raw, &mut Names::default()), Heard::Irrelevant(Some(_))));
        }
        assert!(matches!(read("{", &mut Names::default()), Heard::Broken));
    }
}
