//! Events, wherever they stand: `Event occurred` lines, `Event` objects in dumps, writes of events in the audit log.
//!
//! In: what the event names and its message. Out: one fact with the names of the message's operation, the message as
//! `error` and [`Detail::Event`].

use std::borrow::Cow;

use crate::record::Klog;
use crate::time::Time;

use super::klog::inner_failure;
use super::object::EventObject;
use super::pasted::attachment_in;
use super::printed::long_pod;
use super::text::{Names, after, harmless};
use super::{Detail, Fact, Kind, Party, party};

/// Kinds of objects whose events belong to the story.
const INVOLVED: [&str; 8] = [
    "Pod",
    "Node",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "VolumeAttachment",
    "Lease",
    "Endpoints",
    "ConfigMap",
];

/// Kinds of objects that make and delete pods.
const MAKERS: [&str; 4] = ["StatefulSet", "ReplicaSet", "DaemonSet", "Job"];

/// The fact that an `Event occurred` line states; `None` for events of other objects.
pub fn logged(
    mut fact: Fact,
    object: Option<&str>,
    reason: Option<&str>,
    message: Option<&str>,
    line: &Klog<'_>,
    names: &mut Names,
) -> Option<Fact> {
    let object = object?;
    let kind = line
        .pairs
        .iter()
        .find(|(key, _)| *key == "kind")
        .map(|(_, value)| value.as_ref());
    let (kind, namespace, name) = match kind {
        Some(kind) => {
            let (namespace, name) = object.rsplit_once('/').unwrap_or(("", object));
            (kind, namespace, name)
        }
        // The form of 1.12 to 1.19: v1.ObjectReference{Kind:"Pod", Namespace:"app", Name:"web-0", UID:"…", …}
        None => (
            after(object, "Kind:\"", &['"'])?,
            after(object, "Namespace:\"", &['"']).unwrap_or(""),
            after(object, " Name:\"", &['"'])?,
        ),
    };
    fact.uid = after(object, "UID:\"", &['"']).and_then(|uid| names.get(uid));
    about(
        fact,
        kind,
        namespace,
        name,
        reason.unwrap_or(""),
        message.unwrap_or(""),
        names,
    )
}

/// The fact that an `Event` object states; `None` for events of other objects.
pub fn object(mut fact: Fact, event: &EventObject, names: &mut Names) -> Option<Fact> {
    let component = if event.source.component.is_empty() {
        &event.reporting_component
    } else {
        &event.source.component
    };
    if !matches!(fact.party, Party::User(_)) && fact.call.is_none() {
        fact.party = party::of_component(component, &event.source.host, names).unwrap_or(Party::Unknown);
    }
    let involved = &event.involved_object;
    fact.uid = names.get(&involved.uid);
    let mut fact = about(
        fact,
        &involved.kind,
        &involved.namespace,
        &involved.name,
        &event.reason,
        &event.message,
        names,
    )?;
    if let Detail::Event { count, first, last, .. } = &mut fact.detail {
        let series = event.series.as_ref();
        *count = event.count.or(series.and_then(|series| series.count)).unwrap_or(1);
        *first = event
            .first_timestamp
            .as_deref()
            .or(event.event_time.as_deref())
            .and_then(Time::parse);
        *last = event
            .last_timestamp
            .as_deref()
            .and_then(Time::parse)
            .or_else(|| series.and_then(|series| Time::parse(series.last_observed_time.as_deref()?)))
            .or(*first);
    }
    Some(fact)
}

/// Fills in what an event tells: its object, its reason, and the names in its message; `None` for events of objects
/// that are no part of the story. Events about the making of pods are `pod_controller_event`.
pub fn about(
    mut fact: Fact,
    kind: &str,
    namespace: &str,
    name: &str,
    reason: &str,
    message: &str,
    names: &mut Names,
) -> Option<Fact> {
    if MAKERS.contains(&kind) && fact.kind == Kind::EventLogged {
        let pod = made_pod(message)?;
        fact.kind = Kind::PodControllerEvent;
        fact.pod = names.get(&format!("{namespace}/{pod}"));
        fact.uid = None;
        fact.detail = Detail::Event {
            reason: names.always(reason),
            count: 1,
            first: None,
            last: None,
        };
        return Some(fact);
    }
    if !INVOLVED.contains(&kind) {
        return None;
    }
    let told = inner_failure(message, &fact.party, names);
    fact.volume = told.volume;
    fact.pv = told.pv;
    if fact.party == Party::Unknown {
        fact.party = told.speaker.unwrap_or(Party::Unknown);
    }
    match kind {
        "Pod" if name.is_empty() => {
            // The table was cut above its pod; up to 1.15 the message names it.
            let told = told.pod.as_deref();
            fact.pod =
                told.and_then(|pod| names.get(&long_pod(pod).map_or(Cow::Borrowed(pod), |(full, _)| full.into())));
        }
        "Pod" if namespace.is_empty() => fact.pod = names.get(name),
        "Pod" => fact.pod = names.get(&format!("{namespace}/{name}")),
        "Node" => {
            fact.node = names.get(name);
            fact.uid = None;
            fact.pod = None;
        }
        "PersistentVolume" => fact.volume = names.get(name),
        "VolumeAttachment" => fact.attachment = names.get(name),
        _ => {}
    }
    if kind != "Node" {
        fact.node = told
            .node
            .or(fact.node.filter(|_| matches!(fact.party, Party::Kubelet(_))));
    }
    if fact.attachment.is_none() {
        fact.attachment = attachment_in(message).and_then(|name| names.get(name));
    }
    // A viewer's border may stand at the end.
    let message = message.trim_end_matches(|c: char| c.is_whitespace() || c == '\u{2502}');
    fact.error = Some(harmless(message).into());
    fact.detail = Detail::Event {
        reason: names.always(reason),
        count: 1,
        first: None,
        last: None,
    };
    Some(fact)
}

/// The pod that a controller says it made or deleted: `create Pod web-0 in StatefulSet web successful`,
/// `Deleted pod: web-0`, `Created pod: web-0`.
fn made_pod(message: &str) -> Option<&str> {
    if let Some(pod) = message
        .strip_prefix("Deleted pod: ")
        .or_else(|| message.strip_prefix("Created pod: "))
    {
        return Some(pod.trim_end());
    }
    let rest = message
        .strip_prefix("create Pod ")
        .or_else(|| message.strip_prefix("delete Pod "))?;
    rest.split(' ').next()
}
