//! Text that people paste beside logs: tables of events and objects, `kubectl version`, pieces of YAML and `jq` output, driver logs.
//!
//! In: lines that are no klog line, no audit event and no whole object, one by one, with what the wrapper said. Out:
//! the facts they state. A small memory joins what belongs together: the pod above an event table, the object around a
//! piece of YAML. Times that a table gives as ages count back from the end of the window.

use crate::record::{Outer, klog};
use crate::time::Time;

use super::columns::Columns;
use super::described::Described;
use super::event_rows::{Row, kind_of};
use super::manifest::Manifest;
use super::text::{Names, after, telling};
use super::{Detail, Fact, Kind, Name, Party, bare_event, event, party, printed};

/// What earlier lines of the same source said.
#[derive(Debug, Default)]
pub struct Pasted {
    /// `Name:` of the object that `kubectl describe` shows.
    name: String,
    /// `Namespace:` of it.
    namespace: String,
    /// An event table with the source before the message (`-o wide`).
    wide: bool,
    /// The object whose lines these are.
    manifest: Manifest,
    /// The table of objects whose rows these are.
    columns: Columns,
    /// The object that `kubectl describe` shows.
    described: Described,
    /// A `VolumeAttachment` name that `jq` printed, whose finalizers come next.
    attachment: Option<String>,
}

/// Calls of a CSI driver that move a volume.
pub const CALLS: [&str; 6] = [
    "ControllerPublishVolume",
    "ControllerUnpublishVolume",
    "NodeStageVolume",
    "NodeUnstageVolume",
    "NodePublishVolume",
    "NodeUnpublishVolume",
];

/// What stands before a volume's id in a driver's line.
const VOLUME_KEYS: [&str; 9] = [
    "volume-id=",
    "volume_id\\\":\\\"",
    "volume_id\":\"",
    "volume_id\": \"",
    "volume_id:\"",
    "volume_id:\\\"",
    "volume_id:",
    "VolumeId:",
    "VolumeId=",
];

/// What stands before a node's id there.
const NODE_KEYS: [&str; 8] = [
    "server-id=",
    "node_id\\\":\\\"",
    "node_id\":\"",
    "node_id:\"",
    "node_id:\\\"",
    "node_id:",
    "NodeId:",
    "NodeId=",
];

/// Where an id ends there.
const ENDS: [char; 5] = ['"', '\\', ',', '}', ' '];

/// Whether a line of text can be part of something pasted: a look cheap enough for every line of a driver's log.
#[must_use]
pub fn matters(text: &str) -> bool {
    const SIGNS: [&str; 10] = [
        "volume-id=",
        " - event for ",
        "Warning",
        "Normal",
        "external-attacher/",
        "ublishVolume",
        "tageVolume",
        "Server Version:",
        "MESSAGE",
        "kubectl ",
    ];
    let short = text.len() < 512;
    let signs = || {
        SIGNS
            .iter()
            .any(|sign| memchr::memmem::find(text.as_bytes(), sign.as_bytes()).is_some())
    };
    short && (is_member(text) || is_row(text)) || signs() || bare_event::matters(text)
}

/// A line of a printed object: a key and its value.
fn is_member(text: &str) -> bool {
    let key = |c: char| c.is_ascii_alphanumeric() || matches!(c, ' ' | '"' | '.' | '/' | '-' | '_');
    text.split_once(':')
        .is_some_and(|(before, _)| before.len() < 80 && before.chars().all(key))
}

/// A line of `jq`, or a row of a table: of objects its columns stand three blanks apart.
fn is_row(text: &str) -> bool {
    let line = text.trim();
    line.len() < 5
        || line.starts_with(['c', '"'])
        || line.contains("   ")
        || line.contains("ATTACHED")
        || line.contains(" true ")
        || line.contains(" false ")
}

impl Pasted {
    /// The facts of one line, appended to `out`.
    pub fn line(&mut self, text: &str, outer: &Outer<'_>, names: &mut Names, out: &mut Vec<Fact>) {
        let found = release(text, names)
            .or_else(|| logfmt_event(text, outer, names))
            .or_else(|| tests_event(text, names))
            .or_else(|| self.table_row(text, names))
            .or_else(|| self.manifest.line(text, names))
            .or_else(|| self.columns.line(text, names))
            .or_else(|| self.jq(text, names))
            .or_else(|| driver(text, outer.at, outer.host, names))
            .or_else(|| bare_event::read(text, names));
        if let Some(mut fact) = found {
            fact.text = telling(text.trim_start());
            out.push(fact);
        } else {
            self.remember(text);
        }
    }

    /// Keeps what later lines need.
    fn remember(&mut self, text: &str) {
        if let Some(name) = text.strip_prefix("Name:") {
            name.trim().clone_into(&mut self.name);
            self.namespace.clear();
        } else if let Some(namespace) = text.strip_prefix("Namespace:") {
            namespace.trim().clone_into(&mut self.namespace);
        } else if text.contains("SOURCE") && text.contains("MESSAGE") {
            self.wide = true;
        }
    }

    /// A row of a table of events.
    fn table_row(&self, text: &str, names: &mut Names) -> Option<Fact> {
        // A table of Markdown or of a viewer has bars between its columns.
        let bars = text.trim_start().starts_with('|').then(|| text.replace('|', " "));
        // And one that answers somebody has their mark before it.
        let text = bars.as_deref().unwrap_or(text).trim_start_matches(['>', ' ']);
        let (row, reason) = Row::of(text, self.wide)?;
        self.event(&row, reason, text, names)
    }

    /// The fact of a table's row.
    fn event(&self, row: &Row<'_>, reason: &str, text: &str, names: &mut Names) -> Option<Fact> {
        let who = party::of_component(row.from, row.host, names).unwrap_or(Party::Unknown);
        let mut fact = Fact::new(Kind::EventSeen, who, Time::MAX - row.age);
        fact.node = names.get(row.host);
        let message = text.get(row.message_at..row.message_end.min(text.len())).unwrap_or("");
        let (kind, name) = match row.object {
            Some(object) => kind_of(object)?,
            None if row.pod.is_empty() => ("Pod", self.name.as_str()),
            None => ("Pod", row.pod),
        };
        let namespace = if row.namespace.is_empty() {
            &self.namespace
        } else {
            row.namespace
        };
        let mut fact = event::about(fact, kind, namespace, name, reason, message, names)?;
        if let Detail::Event { count, .. } = &mut fact.detail {
            *count = row.count;
        }
        Some(fact)
    }

    /// The object whose description a line ends.
    pub fn described(&mut self, line: u32, text: &str, names: &mut Names) -> Option<Fact> {
        self.described.line(line, text, names)
    }

    /// The object whose description the source's end ends.
    pub fn last_described(&mut self, names: &mut Names) -> Option<Fact> {
        self.described.end(names)
    }

    /// The name of the object whose lines these are, once it is known.
    pub fn object(&self) -> Option<&Name> {
        self.manifest.name()
    }

    /// `jq '.metadata.name, .metadata.finalizers'`: a name on its line, then `null` or a list. The fact stands at the
    /// name's line; its finalizers are told by [`Pasted::finalizers`] once the next line is read.
    fn jq(&mut self, text: &str, names: &mut Names) -> Option<Fact> {
        let name = text.trim().trim_matches('"');
        let attachment = attachment_in(name).filter(|found| found.len() == name.len())?;
        self.attachment = Some(attachment.to_owned());
        let mut fact = Fact::new(Kind::VaSeen, Party::ApiServer, Time::MAX);
        fact.attachment = names.get(attachment);
        fact.detail = Detail::Attachment(Box::default());
        Some(fact)
    }

    /// What a line says of the finalizers of the attachment that the line before it named.
    pub fn finalizers(&mut self, text: &str) -> Option<bool> {
        self.attachment.as_ref()?;
        let said = match text.trim() {
            "null" | "[]" => false,
            "[" => return None,
            list if list.contains("external-attacher/") => true,
            _ => {
                self.attachment = None;
                return None;
            }
        };
        self.attachment = None;
        Some(said)
    }
}

/// The server's release out of a line of `kubectl version`.
fn release(text: &str, names: &mut Names) -> Option<Fact> {
    let rest = text.trim().strip_prefix("Server Version:")?.trim();
    let version = after(rest, "GitVersion:\"", &['"']).unwrap_or(rest);
    let mut fact = Fact::new(Kind::ReleaseSeen, Party::ApiServer, Time::MAX);
    fact.version = names.get(version);
    Some(fact)
}

/// An event as Loki's collectors write it: `name=web-0 kind=Pod … reason=FailedMount type=Warning count=1 msg="…"`.
fn logfmt_event(text: &str, outer: &Outer<'_>, names: &mut Names) -> Option<Fact> {
    if !text.contains(" reason=") || !text.contains("kind=") {
        return None;
    }
    let pairs = klog::pairs(text);
    let get = |key: &str| klog::value(&pairs, key).map(AsRef::as_ref);
    let (kind, name, reason, message) = (get("kind")?, get("name")?, get("reason")?, get("msg")?);
    let from = get("sourcecomponent")
        .or(get("reportingcontroller"))
        .unwrap_or_default();
    let host = get("sourcehost").unwrap_or_default();
    let who = party::of_component(from, host, names).unwrap_or(Party::Unknown);
    let mut fact = Fact::new(Kind::EventSeen, who, outer.at.unwrap_or(Time::MAX));
    fact.node = names.get(host);
    let namespace = get("namespace").unwrap_or_default();
    event::about(fact, kind, namespace, name, reason, message, names)
}

/// An event as Kubernetes' end-to-end tests print it:
/// `At 2020-08-07 08:29:11 +0000 UTC - event for web-0: {kubelet node-1} FailedMount: message`.
fn tests_event(text: &str, names: &mut Names) -> Option<Fact> {
    let (before, rest) = text.split_once(" - event for ")?;
    let at = printed::moment(before.rsplit_once("At ")?.1)?;
    let (name, rest) = rest.split_once(": {")?;
    let (source, rest) = rest.split_once("} ")?;
    let (reason, message) = rest.split_once(": ")?;
    let (from, host) = source.split_once(' ').unwrap_or((source, ""));
    let who = party::of_component(from, host, names).unwrap_or(Party::Unknown);
    let mut fact = Fact::new(Kind::EventSeen, who, at);
    fact.node = names.get(host);
    event::about(fact, "Pod", "", name, reason, message, names)
}

/// A driver's own line about a call that moves a volume, of a moment that its wrapper or header tells, or itself.
pub fn driver(text: &str, at: Option<Time>, host: Option<&str>, names: &mut Names) -> Option<Fact> {
    // Some name the act and not the call.
    let act = || (text.contains("volume-id=") && text.contains("attach")).then_some("Controller");
    let call = CALLS.iter().find(|call| text.contains(**call)).copied().or_else(act)?;
    let stamp = || {
        let stamps = ["\"timestamp\":\"", "\"time\":\"", "time=\"", " ts="];
        let mut told = stamps.iter().filter_map(|key| after(text, key, &['"', ' ']));
        told.find_map(Time::parse)
    };
    let mut fact = Fact::new(Kind::DriverLog, Party::Driver, at.or_else(stamp)?);
    let told = |keys: &[&str], ends: &[char]| {
        let mut told = keys.iter().filter_map(|key| after(text, key, ends));
        told.find(|found| !found.is_empty())
    };
    // An id may be a path, but not that of a folder it stands in.
    let volume = told(&VOLUME_KEYS, &ENDS).or_else(|| told(&["/pv/"], &['"', '\\', '/', ',', '}', ' ']));
    fact.volume = volume.and_then(|name| names.get(name));
    // A node's part of the driver speaks of its own node.
    let node = if call.starts_with("Node") {
        told(&["\"host\":\""], &ENDS).or(host)
    } else {
        told(&NODE_KEYS, &ENDS)
    };
    fact.node = node.and_then(|name| names.get(name));
    let error = after(text, "rpc error: ", &[]).map(|error| format!("rpc error: {error}").into());
    fact.error = error.or_else(|| after(text, " err=\"", &['"']).map(Into::into));
    Some(fact)
}

/// A `VolumeAttachment`'s name as the controller makes it: `csi-` and the 64 digits of a SHA-256.
#[must_use]
pub fn attachment_in(text: &str) -> Option<&str> {
    let bytes = text.as_bytes();
    memchr::memmem::find_iter(bytes, b"csi-").find_map(|at| {
        let digits = bytes
            .get(at + 4..)?
            .iter()
            .take_while(|b| b.is_ascii_hexdigit())
            .count();
        if digits == 64 { text.get(at..at + 68) } else { None }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Span;

    fn facts(text: &str) -> Vec<Fact> {
        let (mut pasted, mut names, mut out) = (Pasted::default(), Names::default(), Vec::new());
        for line in text.lines() {
            pasted.line(line, &Outer::default(), &mut names, &mut out);
        }
        out
    }

    #[test]
    fn an_event_of_a_collector_is_read() {
        let told = facts(
            r#"name=web-0 kind=Pod action= reportingcontroller=kubelet sourcecomponent=kubelet sourcehost=n1 reason=FailedMount type=Warning count=1 msg="MountVolume.SetUp failed for volume \"pv-1\" : busy""#,
        );
        let [fact] = told.as_slice() else { panic!("{told:?}") };
        let names = [&fact.pod, &fact.node, &fact.volume].map(|name| name.as_deref());
        assert_eq!(names, [Some("web-0"), Some("n1"), Some("pv-1")]);
    }

    #[test]
    fn a_described_event_has_its_pod_and_count() {
        let told = facts(
            "Name:         web-0\nNamespace:    app\nEvents:\n  Type  Reason  Age  From  Message\n  \
             Warning  FailedMount  6m41s (x3290 over 4d15h)  kubelet, n1  MountVolume.WaitForAttach failed for volume \"pv-1\" : volume attachment is being deleted",
        );
        let [fact] = told.as_slice() else { panic!("{told:?}") };
        assert_eq!(
            (fact.pod.as_deref(), fact.volume.as_deref(), fact.node.as_deref()),
            (Some("app/web-0"), Some("pv-1"), Some("n1"))
        );
        assert!(matches!(&fact.detail, Detail::Event { reason, count: 3290, .. } if &**reason == "FailedMount"));
        assert_eq!(fact.at, Time::MAX - Span::secs(401));
    }

    #[test]
    fn a_listed_event_names_its_object() {
        let told = facts(
            "app 12s Warning FailedAttachVolume pod/web-0 AttachVolume.Attach failed for volume \"pv-1\" : rpc error: busy",
        );
        let [fact] = told.as_slice() else { panic!("{told:?}") };
        assert_eq!(
            (fact.pod.as_deref(), fact.volume.as_deref()),
            (Some("app/web-0"), Some("pv-1"))
        );
        assert!(fact.error.as_deref().unwrap().contains("rpc error: busy"));
    }

    #[test]
    fn an_event_of_old_has_the_source_first() {
        let told = facts("  15m 56s 15 kubelet, n1  Warning FailedMount Unable to mount volumes for pod \"web-0\"");
        assert!(
            matches!(told.as_slice(), [fact] if fact.party == Party::Kubelet("n1".into())),
            "{told:?}"
        );
    }

    #[test]
    fn prose_is_no_fact() {
        assert!(facts("Normal people do not read this\nWarning: the cluster is old").is_empty());
    }

    #[test]
    fn an_attachment_is_found_inside_an_error() {
        let name = format!("csi-{}", "0123456789abcdef".repeat(4));
        assert_eq!(
            attachment_in(&format!(
                "volume x has GET error for volume attachment {name}: forbidden"
            )),
            Some(name.as_str())
        );
        assert_eq!(attachment_in("csi-attacher csi-12"), None);
    }
}
