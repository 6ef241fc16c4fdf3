//! JSON lines and elements: what each is, and the log line inside where a shipper wrapped one.
//!
//! In: the text of one JSON object. Out: an [`Element`]: an audit event, a Kubernetes object, several elements in one, a
//! klog line in JSON, or an [`Envelope`] around a line (docker json-file, journald, fluent-bit, ECS, Loki, `CloudWatch`,
//! Azure diagnostics, Cloud Logging, Splunk, Datadog). Told by keys alone.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::Severity;
use super::stamp::{self, Stamp};

/// What a JSON object is.
#[derive(Debug)]
pub enum Element<'a> {
    /// An audit event of Kubernetes.
    Audit(Cow<'a, str>),
    /// A Kubernetes object.
    Object,
    /// Several elements in one, in order; they lie inside the text.
    Many(Vec<&'a str>),
    /// Lines with stamps (Loki), in order.
    Lines(Vec<Envelope<'a>>),
    /// A log line in an envelope.
    Wrapped(Envelope<'a>),
    /// A klog line whose header is spread over fields.
    Klog(Envelope<'a>, Split<'a>),
    /// None of these.
    Other,
}

/// A log line and what was said around it.
#[derive(Debug, Default)]
pub struct Envelope<'a> {
    /// The line.
    pub payload: Cow<'a, str>,
    /// When.
    pub stamp: Option<Stamp>,
    /// See [`super::Outer::host`].
    pub host: Option<Cow<'a, str>>,
    /// See [`super::Outer::program`].
    pub program: Option<Cow<'a, str>>,
    /// See [`super::Outer::pod`].
    pub pod: Option<Cow<'a, str>>,
    /// `stdout` or `stderr`.
    pub stream: Option<Cow<'a, str>>,
    /// More of the line follows.
    pub part: bool,
}

/// A klog header spread over JSON fields, and the pairs beside the message.
#[derive(Debug)]
pub struct Split<'a> {
    /// Severity letter.
    pub severity: Severity,
    /// Source file's base name.
    pub file: Cow<'a, str>,
    /// Line in it.
    pub file_line: u32,
    /// Other fields: strings as they are, all else as JSON.
    pub pairs: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

/// The members of an object, unparsed.
#[derive(Debug, Default)]
pub struct Fields<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Fields<'a>, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Vec<(Cow<'de, str>, &'de RawValue)>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
                let mut members = Vec::with_capacity(8);
                while let Some((Key(key), value)) = map.next_entry()? {
                    members.push((key, value));
                }
                Ok(members)
            }
        }
        deserializer.deserialize_map(Members).map(Fields)
    }
}

/// A string, borrowed where it has no escapes.
#[derive(Deserialize)]
#[serde(transparent)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'a> Fields<'a> {
    /// The members of an object; `None` where the text is no JSON object.
    #[must_use]
    pub fn of(text: &'a str) -> Option<Fields<'a>> {
        serde_json::from_str(text).ok()
    }

    fn get(&self, name: &str) -> Option<&'a RawValue> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| *value)
    }

    fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// A string member.
    fn text(&self, name: &str) -> Option<Cow<'a, str>> {
        string(self.get(name)?)
    }

    /// The first string member of these names.
    fn first(&self, names: &[&str]) -> Option<Cow<'a, str>> {
        names
            .iter()
            .find_map(|name| self.text(name))
            .filter(|text| !text.is_empty())
    }

    /// An object member.
    fn inner(&self, name: &str) -> Fields<'a> {
        self.get(name).and_then(|raw| Fields::of(raw.get())).unwrap_or_default()
    }

    /// An array member's elements.
    fn list(&self, name: &str) -> Option<Vec<&'a RawValue>> {
        serde_json::from_str(self.get(name)?.get()).ok()
    }

    /// The first member of these names that is a stamp: text or number.
    fn stamp(&self, names: &[&str]) -> Option<Stamp> {
        names.iter().find_map(|name| {
            let raw = self.get(name)?;
            stamp::any(string(raw).as_deref().unwrap_or(raw.get()))
        })
    }
}

fn string(raw: &RawValue) -> Option<Cow<'_, str>> {
    serde_json::from_str::<Key<'_>>(raw.get()).ok().map(|Key(text)| text)
}

/// The cheap test for an audit event: the API group stands near its start.
#[must_use]
pub fn is_audit(text: &[u8]) -> bool {
    let head = text.get(..text.len().min(256)).unwrap_or(text);
    let group = memchr::memmem::find(head, b"\"audit.k8s.io/");
    // Behind a backslash it stands inside a string: a shipper's envelope around an event.
    let own = group.is_some_and(|at| at > 0 && head.get(at - 1) != Some(&b'\\'));
    own && memchr::memmem::find(head, b"EventList").is_none()
}

/// Says what a JSON object is.
#[must_use]
pub fn open(text: &str) -> Element<'_> {
    if is_audit(text.as_bytes()) {
        return Element::Audit(Cow::Borrowed(text));
    }
    let Some(fields) = Fields::of(text).or_else(|| paired(text)) else {
        return Element::Other;
    };
    kubernetes(text, &fields)
        .or_else(|| cloud_logging(&fields))
        .or_else(|| several(&fields))
        .or_else(|| klog_json(&fields))
        .or_else(|| journald(&fields))
        .or_else(|| azure_audit(&fields))
        .or_else(|| azure(&fields))
        .or_else(|| shipped(&fields))
        .unwrap_or(Element::Other)
}

/// A row of `CloudWatch` Insights: `[{"field":"@message","value":"…"},…]`.
fn paired(text: &str) -> Option<Fields<'_>> {
    #[derive(Deserialize)]
    struct Pair<'a> {
        #[serde(borrow)]
        field: Cow<'a, str>,
        #[serde(borrow)]
        value: &'a RawValue,
    }
    let pairs: Vec<Pair<'_>> = text
        .starts_with('[')
        .then(|| serde_json::from_str(text).ok())
        .flatten()?;
    Some(Fields(pairs.into_iter().map(|pair| (pair.field, pair.value)).collect()))
}

/// A row of `AKSAudit`: an audit event split into columns.
fn azure_audit<'a>(fields: &Fields<'a>) -> Option<Element<'a>> {
    if !["AuditId", "RequestUri", "Verb"].iter().all(|name| fields.has(name)) {
        return None;
    }
    let columns = fields.0.iter().map(|(name, raw)| (name.as_ref(), raw.get()));
    let event = super::cloud_audit::of_columns(columns)?;
    Some(Element::Audit(Cow::Owned(event)))
}

/// An object of the API, or a list of them.
fn kubernetes<'a>(text: &'a str, fields: &Fields<'a>) -> Option<Element<'a>> {
    // Those who watch events write them bare, or beside what happened to them.
    if fields.has("involvedObject") && fields.has("reason") {
        return Some(Element::Object);
    }
    if let Some(event) = fields
        .get("event")
        .filter(|event| Fields::of(event.get()).is_some_and(|event| event.has("involvedObject")))
    {
        return Some(Element::Many(vec![event.get()]));
    }
    let api = fields.text("apiVersion")?;
    let kind = fields.text("kind")?;
    if api.starts_with("audit.k8s.io/") && kind == "Event" {
        return Some(Element::Audit(Cow::Borrowed(text)));
    }
    let lists = kind == "List" || kind == "EventList" && api.starts_with("audit.k8s.io/");
    match fields.list("items") {
        Some(items) if lists => Some(Element::Many(items.into_iter().map(RawValue::get).collect())),
        _ => Some(Element::Object),
    }
}

/// A shipper's batch: records in a known list.
fn several<'a>(fields: &Fields<'a>) -> Option<Element<'a>> {
    if let Some(labels) = fields.get("stream").and_then(|raw| Fields::of(raw.get())) {
        return Some(Element::Lines(loki(&labels, &fields.list("values")?)));
    }
    let list = [
        "records",
        "events",
        "logEvents",
        "streams",
        "results",
        "result",
        "hits",
        "items",
    ];
    let items = list
        .iter()
        .find_map(|name| fields.list(name))
        .or_else(|| fields.inner("data").list("result"))?;
    let objects = items
        .into_iter()
        .map(RawValue::get)
        .filter(|item| item.starts_with(['{', '[']));
    Some(Element::Many(objects.collect()))
}

/// Loki's `[["<ns>", "<line>"], …]`
fn loki<'a>(labels: &Fields<'a>, values: &[&'a RawValue]) -> Vec<Envelope<'a>> {
    let line = |raw: &&'a RawValue| {
        let pair: Vec<&RawValue> = serde_json::from_str(raw.get()).ok()?;
        let stamp = pair.first().and_then(|at| string(at)).and_then(|at| stamp::any(&at));
        let payload = string(pair.get(1)?)?;
        Some(Envelope {
            payload,
            stamp,
            ..named(labels)
        })
    };
    values.iter().filter_map(line).collect()
}

/// Names of host, program and pod under the keys that shippers use.
fn named<'a>(fields: &Fields<'a>) -> Envelope<'a> {
    let kubernetes = fields.inner("kubernetes");
    let nested = |outer: &str| {
        fields
            .inner(outer)
            .text("name")
            .or_else(|| kubernetes.inner(outer).text("name"))
    };
    Envelope {
        host: fields
            .first(&["host", "hostname", "node_name", "nodename", "node", "_HOSTNAME"])
            .or_else(|| kubernetes.first(&["host", "node_name"]))
            .or_else(|| nested("host").or_else(|| nested("node"))),
        program: fields
            .first(&[
                "container",
                "container_name",
                "component",
                "ident",
                "program",
                "app",
                "job",
            ])
            .or_else(|| kubernetes.text("container_name"))
            .or_else(|| nested("container"))
            .or_else(|| {
                fields.first(&[
                    "logStreamName",
                    "@logStream",
                    "logStream",
                    "Category",
                    "category",
                    "service",
                ])
            }),
        pod: fields
            .first(&["pod", "pod_name", "pod_s", "PodName"])
            .or_else(|| kubernetes.text("pod_name"))
            .or_else(|| nested("pod")),
        ..Envelope::default()
    }
}

/// A klog line written as JSON: `{"ts":…,"caller":"a.go:1","msg":"…","v":4,…}`.
fn klog_json<'a>(fields: &Fields<'a>) -> Option<Element<'a>> {
    let payload = fields.text("msg")?;
    let stamp = fields.stamp(&["ts"])?;
    let caller = fields.text("caller").unwrap_or_default();
    let (file, line) = caller.rsplit_once(':').unwrap_or((&caller, "0"));
    let file = file.rsplit('/').next().unwrap_or(file).to_owned();
    let known = ["ts", "caller", "msg", "v", "stacktrace"];
    let others = fields.0.iter().filter(|(key, _)| !known.contains(&key.as_ref()));
    let pairs = others
        .map(|(key, raw)| (key.clone(), string(raw).unwrap_or(Cow::Borrowed(raw.get()))))
        .collect();
    let failed = fields.has("err") && !fields.has("v") || fields.text("level").is_some_and(|level| level == "error");
    let severity = if failed { Severity::Error } else { Severity::Info };
    let split = Split {
        severity,
        file: Cow::Owned(file),
        file_line: line.parse().unwrap_or(0),
        pairs,
    };
    Some(Element::Klog(
        Envelope {
            payload,
            stamp: Some(stamp),
            ..Envelope::default()
        },
        split,
    ))
}

/// The journal as JSON; a message may be an array of byte values.
fn journald<'a>(fields: &Fields<'a>) -> Option<Element<'a>> {
    let raw = fields.get("MESSAGE")?;
    let payload = if let Some(text) = string(raw) {
        text
    } else {
        let bytes: Vec<u8> = serde_json::from_str(raw.get()).ok()?;
        Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
    };
    let stamp = fields.stamp(&["_SOURCE_REALTIME_TIMESTAMP", "__REALTIME_TIMESTAMP"]);
    let program = fields.first(&["SYSLOG_IDENTIFIER", "_COMM", "_SYSTEMD_UNIT"]);
    let host = fields.text("_HOSTNAME");
    Some(Element::Wrapped(Envelope {
        payload,
        stamp,
        host,
        program,
        ..Envelope::default()
    }))
}

/// Azure's diagnostic records: the line is `properties.log`, `log_s` or `Message`.
fn azure<'a>(fields: &Fields<'a>) -> Option<Element<'a>> {
    let properties = fields.inner("properties");
    let (payload, names) = match properties.text("log") {
        Some(payload) => (payload, named(&properties)),
        None => (fields.first(&["log_s", "Message"])?, named(fields)),
    };
    let stamp = fields.stamp(&["time", "TimeGenerated", "TimeGenerated [UTC]"]);
    let program = fields.first(&["category", "Category"]).or(names.program);
    Some(Element::Wrapped(Envelope {
        payload,
        stamp,
        program,
        ..names
    }))
}

/// An entry of Cloud Logging; klog's header may be spread over it.
fn cloud_logging<'a>(fields: &Fields<'a>) -> Option<Element<'a>> {
    if !fields.has("logName") && !fields.has("insertId") {
        return None;
    }
    if fields.has("protoPayload") {
        return super::cloud_audit::translate(
            fields.get("protoPayload")?.get(),
            &fields.text("timestamp")?,
            &fields.text("insertId")?,
        )
        .map(|event| Element::Audit(Cow::Owned(event)));
    }
    let labels = fields.inner("resource").inner("labels");
    let payload = fields.inner("jsonPayload");
    let envelope = Envelope {
        payload: fields
            .text("textPayload")
            .or_else(|| payload.first(&["message", "MESSAGE", "msg"]))?,
        stamp: fields.stamp(&["timestamp", "receiveTimestamp"]),
        host: labels.text("node_name").or_else(|| payload.text("_HOSTNAME")),
        program: labels
            .first(&["container_name", "component_name"])
            .or_else(|| fields.inner("labels").text("component_name"))
            .or_else(|| payload.text("SYSLOG_IDENTIFIER"))
            .or_else(|| {
                fields
                    .text("logName")
                    .map(|name| Cow::Owned(name.rsplit(['/', 'F']).next().unwrap_or_default().to_owned()))
            }),
        pod: labels.text("pod_name"),
        ..Envelope::default()
    };
    let origin = fields.inner("sourceLocation");
    let Some(file) = origin
        .text("file")
        .filter(|_| !super::klog::begins(envelope.payload.as_bytes()))
    else {
        return Some(Element::Wrapped(envelope));
    };
    let severity = match fields.text("severity").as_deref() {
        Some("WARNING") => Severity::Warning,
        Some("ERROR") => Severity::Error,
        Some("CRITICAL" | "ALERT" | "EMERGENCY") => Severity::Fatal,
        _ => Severity::Info,
    };
    let line = origin.get("line").map_or("0", |raw| raw.get().trim_matches('"'));
    let split = Split {
        severity,
        file,
        file_line: line.parse().unwrap_or(0),
        pairs: Vec::new(),
    };
    Some(Element::Klog(envelope, split))
}

/// What docker, fluent-bit, fluentd, filebeat, `CloudWatch`, Splunk, Datadog and logcli write.
fn shipped<'a>(fields: &Fields<'a>) -> Option<Element<'a>> {
    let nested = ["result", "attributes", "_source"]
        .iter()
        .map(|name| fields.inner(name))
        .find(|f| !f.0.is_empty());
    let inside = nested.as_ref().unwrap_or(fields);
    let names = [
        "log",
        "message",
        "@message",
        "_raw",
        "line",
        "Message",
        "msg",
        "content",
        "textPayload",
    ];
    let payload = inside.first(&names).or_else(|| fields.first(&names))?;
    let times = ["time", "@timestamp", "timestamp", "ts", "_time", "date"];
    let stamp = inside.stamp(&times).or_else(|| fields.stamp(&times));
    let stream = fields.text("stream");
    let docker = stream.is_some() && fields.has("log") && fields.has("time");
    let part = docker && !payload.ends_with('\n') || fields.first(&["logtag"]).is_some_and(|tag| tag == "P");
    let payload = match payload {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim_end_matches(['\n', '\r'])),
        Cow::Owned(text) => Cow::Owned(text.trim_end_matches(['\n', '\r']).to_owned()),
    };
    let labels = fields.inner("labels");
    let from = if labels.0.is_empty() {
        named(inside)
    } else {
        named(&labels)
    };
    let envelope = Envelope {
        payload,
        stamp,
        stream,
        part,
        ..from
    };
    Some(match parsed_header(inside, &envelope.payload) {
        Some(split) => Element::Klog(envelope, split),
        None => Element::Wrapped(envelope),
    })
}

/// A klog header that a shipper parsed into fields beside the message: `"severity":"E","source":"a.go:1"`. Drivers that
/// write JSON of their own name a path where this is a bare name.
fn parsed_header<'a>(fields: &Fields<'a>, payload: &str) -> Option<Split<'a>> {
    let origin = fields.first(&["source", "file"])?;
    let (file, line) = origin.split_once(".go:").filter(|(file, _)| !file.contains('/'))?;
    let severity = match fields.first(&["severity", "level"])?.as_bytes().first()? {
        b'I' | b'i' | b'D' | b'd' => Severity::Info,
        b'W' | b'w' => Severity::Warning,
        b'E' | b'e' => Severity::Error,
        b'F' | b'f' | b'C' | b'c' => Severity::Fatal,
        _ => return None,
    };
    let file_line = line.parse().ok().filter(|_| !super::klog::begins(payload.as_bytes()))?;
    Some(Split {
        severity,
        file: Cow::Owned(format!("{file}.go")),
        file_line,
        pairs: Vec::new(),
    })
}
