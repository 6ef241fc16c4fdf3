//! A klog line to facts.
//!
//! In: a [`Klog`] line and what is known of its source. Out: the facts it states, by the message table: names from the
//! template's slots and from the keys of structured lines (matched by name, since inherited pairs may stand anywhere).
//! What one line says of several pods becomes several facts.

use std::borrow::Cow;

use crate::record::{Klog, Severity};

use super::pasted::attachment_in;
use super::printed::{list, long_pod, milliseconds, moment, version};
use super::table::{Class, Match, Slot, TABLE, speaker_letter};
use super::text::{Names, after, cut, quoted, telling};
use super::{Detail, Fact, Kind, Name, NodeDetail, NodePatch, Party, Setting, event, party};

/// What a line turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// It gave facts.
    Facts,
    /// It says nothing about attach and detach.
    Irrelevant,
    /// It looks relevant and fits no template.
    Puzzling,
}

/// Keys of structured lines, and the slot that their value fills. The volume's struct dump and the kubelet's `podName`
/// (a uid) are taken apart elsewhere.
const KEYS: &[(&str, Slot)] = &[
    ("node", Slot::Node),
    ("nodeName", Slot::Node),
    ("nodeNames", Slot::Node),
    ("CSINode", Slot::Node),
    ("volumeName", Slot::Vol),
    ("volumeHandle", Slot::Vol),
    ("volumeNames", Slot::List),
    ("pod", Slot::Pod),
    ("podUID", Slot::Uid),
    ("volumeSpecName", Slot::Spec),
    ("err", Slot::Err),
    ("VolumeAttachment", Slot::Va),
    ("vaName", Slot::Va),
    ("PV", Slot::Pv),
    ("PersistentVolume", Slot::Pv),
    ("version", Slot::Version),
    ("kubeletVersion", Slot::Version),
    ("lock", Slot::Lock),
    ("holder", Slot::Holder),
    ("mounted", Slot::Flag),
    ("scheduledPods", Slot::Pods),
    ("pods", Slot::Pods),
    ("attachedTo", Slot::Other),
    ("patchBytes", Slot::Patch),
    ("attachedVolumes", Slot::List),
    ("method", Slot::Method),
    ("request", Slot::Request),
    ("object", Slot::Object),
    ("reason", Slot::Reason),
    ("message", Slot::Message),
    ("event", Slot::Pleg),
];

/// What a line tells, slot by slot.
struct Told<'m>(Vec<(Slot, Cow<'m, str>)>);

impl Told<'_> {
    fn get(&self, slot: Slot) -> Option<&str> {
        self.all(slot).find(|text| !text.is_empty())
    }

    fn all(&self, slot: Slot) -> impl Iterator<Item = &str> {
        self.0
            .iter()
            .filter(move |(told, _)| *told == slot)
            .map(|(_, text)| text.as_ref())
    }
}

/// Facts of one line, appended to `out`. `source_party` is who writes in this source, where one party does.
pub fn read(line: &Klog<'_>, source_party: Option<&Party>, names: &mut Names, out: &mut Vec<Fact>) -> Said {
    let plain = without_stress(line);
    let line = plain.as_ref().unwrap_or(line);
    let by_file = source_party.is_none().then(|| party::of_file(line.file)).flatten();
    let speaker = source_party.or(by_file.as_ref());
    let letter = speaker.and_then(speaker_letter);
    let message = statement(line);
    // What stands below a line that says all it has to say was put there by somebody.
    let head = || message.split_once('\n').map(|(head, _)| head);
    let found = TABLE
        .find(message, &[Class::Log], letter)
        .or_else(|| TABLE.find(head()?, &[Class::Log], letter));
    let Some(found) = found.or_else(|| TABLE.find_patched(message, letter)) else {
        return stray(line, speaker, names, out);
    };
    let speaks = speaker
        .cloned()
        .or_else(|| found.row.only_speaker())
        .unwrap_or(Party::Unknown);
    let kind = found.row.kind;
    if source_party.is_none() && speaks == Party::Attacher && message.contains("/csi.v1.Node/") {
        // An attacher calls no node's part of a driver; the driver prints its calls with the same words.
        return Said::Irrelevant;
    }
    let before = out.len();
    let told = gather(found, line);
    let fact = named(Fact::new(kind, speaks, line.at), &told, line, names);
    match kind {
        Kind::KubeletSyncLoop => sync_loop(&fact, &told, &line.message, names, out),
        Kind::EventLogged => out.extend(event::logged(
            fact,
            told.get(Slot::Object),
            told.get(Slot::Reason),
            told.get(Slot::Message),
            line,
            names,
        )),
        Kind::OpBackoff => out.push(backoff(fact, &told, names)),
        Kind::StatusPatched => out.push(status_patched(fact, &told, names)),
        Kind::MultiAttachBlocked => {
            let nodes = told
                .all(Slot::Other)
                .flat_map(list)
                .map(|node| names.always(&node))
                .collect();
            let error = multi_attach_words(&line.message);
            out.push(Fact {
                detail: Detail::Names(nodes),
                error,
                ..fact
            });
        }
        Kind::MountedFlagSet => out.push(mounted_flag(fact, &told, names)),
        Kind::FlagSet => out.extend(setting(&line.message, &told).map(|setting| Fact {
            detail: Detail::Setting(setting),
            ..fact
        })),
        Kind::EaGrpcCall => out.push(grpc(fact, &told, names)),
        Kind::EaGrpcRequest => {
            let volume = told.get(Slot::Request).and_then(|request| handle(request, names));
            out.push(Fact { volume, ..fact });
        }
        // Other controllers say "Starting" too; only the process itself adds its version.
        Kind::ProcessVersion if fact.version.is_none() => {}
        _ => out.push(fact),
    }
    for fact in out.iter_mut().skip(before) {
        enrich(fact, names);
    }
    if out.len() > before {
        Said::Facts
    } else {
        Said::Irrelevant
    }
}

/// What the line states: its message; from 1.31 on, errors that nobody handles have theirs in `err`.
fn statement<'l>(line: &'l Klog<'_>) -> &'l str {
    let err = line.pairs.iter().find(|(key, _)| *key == "err");
    match err {
        Some((_, err)) if line.message == "Unhandled Error" => err,
        _ => &line.message,
    }
}

/// All that the line tells: the template's slots, then the pairs.
fn gather<'l>(found: Match<'l>, line: &'l Klog<'_>) -> Told<'l> {
    let mut told = found.slots;
    for (key, value) in &line.pairs {
        match *key {
            "volume" => dump(value, &mut told),
            "podName" => {}
            key => {
                if let Some((_, slot)) = KEYS.iter().find(|(known, _)| *known == key) {
                    told.push((*slot, Cow::Borrowed(value)));
                }
            }
        }
    }
    // The kubelet's `podName` is a uid; what stands beside it is better.
    if let Some((_, name)) = line.pairs.iter().find(|(key, _)| *key == "podName") {
        let slot = if name.contains('/') { Slot::Pod } else { Slot::Uid };
        told.push((slot, Cow::Borrowed(name)));
    }
    Told(told)
}

/// Takes names from a printed `VolumeToAttach` or `AttachedVolume` (controller of 1.24 to 1.36): JSON or Go's `%+v`.
fn dump<'m>(text: &'m str, told: &mut Vec<(Slot, Cow<'m, str>)>) {
    let mut put = |slot, found: Option<&'m str>| {
        if let Some(found) = found.filter(|found| !found.is_empty()) {
            told.push((slot, Cow::Borrowed(found)));
        }
    };
    if text.contains("\"VolumeName\":\"") {
        put(Slot::Volume, after(text, "\"VolumeName\":\"", &['"']));
        put(Slot::Node, after(text, "\"NodeName\":\"", &['"']));
        put(
            Slot::Pv,
            after(text, "\"PersistentVolume\":{\"metadata\":{\"name\":\"", &['"']),
        );
        if let Some(pods) = memchr::memmem::find(text.as_bytes(), b"\"ScheduledPods\":[{").and_then(|at| text.get(at..))
        {
            put(Slot::Pod, after(pods, "\"name\":\"", &['"']));
            put(Slot::Ns, after(pods, "\"namespace\":\"", &['"']));
            put(Slot::Uid, after(pods, "\"uid\":\"", &['"']));
        }
    } else {
        let name = after(text, "VolumeName:", &[]).map(|rest| rest.split(" VolumeSpec:").next().unwrap_or(rest));
        put(Slot::Volume, name.map(str::trim_end));
        put(Slot::Node, after(text, " NodeName:", &[' ', '}']));
        put(Slot::Pod, after(text, "&Pod{ObjectMeta:{", &[' ']));
    }
}

/// Puts the names that the line tells into the fact.
fn named(mut fact: Fact, told: &Told<'_>, line: &Klog<'_>, names: &mut Names) -> Fact {
    let pv = told.get(Slot::Pv).filter(|name| *name != "nil" && !name.is_empty());
    let vol = told
        .get(Slot::Volume)
        .or_else(|| told.get(Slot::Vol))
        .filter(|name| !name.is_empty());
    fact.volume = vol
        .or(pv)
        .or_else(|| told.get(Slot::Spec))
        .and_then(|name| names.get(name));
    fact.pv = pv.filter(|name| Some(*name) != vol).and_then(|name| names.get(name));
    fact.node = told.get(Slot::Node).and_then(|name| names.get(name));
    if let (None, Party::Kubelet(node)) = (&fact.node, &fact.party) {
        fact.node = Some(node.clone()).filter(|node| !node.is_empty());
    }
    fact.uid = told.get(Slot::Uid).and_then(|uid| names.get(uid));
    let (pod, uid) = pod(told);
    fact.pod = pod.and_then(|pod| names.get(&pod));
    fact.uid = fact.uid.take().or_else(|| names.get(uid.unwrap_or("")));
    if fact.pod.is_none() {
        fact.pod.clone_from(&fact.uid);
    }
    fact.attachment = told.get(Slot::Va).and_then(|va| names.get(va));
    fact.error = told
        .get(Slot::Err)
        .map(unquoted)
        .filter(|text| !matches!(text.as_ref(), "" | "<nil>" | "null"))
        .map(Into::into);
    fact.version = told.get(Slot::Version).and_then(|text| names.get(version(text)));
    fact.text = telling(line.text);
    fact
}

/// The pod as `namespace/name` where any part of the line tells both, and its uid where it stands beside the name.
fn pod<'t>(told: &'t Told<'_>) -> (Option<Cow<'t, str>>, Option<&'t str>) {
    if let (Some(ns), Some(name)) = (told.get(Slot::Ns), told.get(Slot::Pod)) {
        return (Some(Cow::Owned(format!("{ns}/{name}"))), None);
    }
    if let Some(full) = told.all(Slot::Pod).find(|name| name.contains('/')) {
        return (Some(Cow::Borrowed(full)), None);
    }
    if let Some(pods) = told.get(Slot::Pods) {
        return (list(pods).into_iter().next().map(Cow::Owned), None);
    }
    let Some(name) = told.get(Slot::Pod) else {
        return (None, None);
    };
    match long_pod(name) {
        Some((full, uid)) => (Some(Cow::Owned(full)), Some(uid)),
        None => (Some(Cow::Borrowed(name)), None),
    }
}

/// An error's text, the quotes of Go's `%q` taken off.
fn unquoted(text: &str) -> Cow<'_, str> {
    match quoted(text) {
        Some((content, rest)) if rest.is_none_or(|rest| rest.trim().is_empty()) => content,
        _ => Cow::Borrowed(text.trim_end()),
    }
}

/// `status_patched`: the patch's very list, and the list that the line prints after it.
fn status_patched(fact: Fact, told: &Told<'_>, names: &mut Names) -> Fact {
    let patch = told.get(Slot::Patch).map(|text| patch(text, names));
    let attached = told
        .get(Slot::List)
        .map(|text| list(text).iter().map(|name| names.always(name)).collect());
    let detail = NodeDetail {
        attached,
        patch,
        ..NodeDetail::default()
    };
    Fact {
        detail: Detail::Node(Box::new(detail)),
        ..fact
    }
}

/// The patch that a controller sent, from its bytes. A cut patch tells nothing more than that it was not empty.
fn patch(text: &str, names: &mut Names) -> NodePatch {
    let Ok(body) = serde_json::from_str::<serde_json::Value>(text) else {
        return NodePatch {
            empty: text.trim() == "{}",
            ..NodePatch::default()
        };
    };
    super::object::node_patch(&body, names)
}

/// `mounted_flag_set`: the flag of one volume, or (from 1.31) the list of all volumes that the node mounts.
fn mounted_flag(fact: Fact, told: &Told<'_>, names: &mut Names) -> Fact {
    let detail = match (told.get(Slot::Flag), told.get(Slot::List)) {
        (Some(flag), _) => Detail::Flag(flag == "true"),
        (None, Some(volumes)) => Detail::Names(list(volumes).iter().map(|name| names.always(name)).collect()),
        (None, None) => Detail::None,
    };
    Fact { detail, ..fact }
}

/// The option that a start line prints, `FLAG: --name="value"`.
fn setting(message: &str, told: &Told<'_>) -> Option<Setting> {
    let on = told.get(Slot::Flag) == Some("true");
    match after(message, "FLAG: --", &['='])? {
        "disable-force-detach-on-timeout" => Some(Setting::ForceDetachDisabled(on)),
        "disable-attach-detach-reconcile-sync" => Some(Setting::SyncDisabled(on)),
        _ => milliseconds(told.get(Slot::Wait)?).map(Setting::SyncPeriod),
    }
}

/// A call of the driver: method without its service's path, the volume's handle out of the request.
fn grpc(fact: Fact, told: &Told<'_>, names: &mut Names) -> Fact {
    let method = told.get(Slot::Method).unwrap_or("");
    let method = names.always(method.rsplit('/').next().unwrap_or(method));
    let volume = told.get(Slot::Request).and_then(|request| handle(request, names));
    Fact {
        volume,
        detail: Detail::Grpc { method },
        ..fact
    }
}

/// The volume's handle in a request, printed as JSON, or as the attacher did before 1.0.
fn handle(request: &str, names: &mut Names) -> Option<Name> {
    let found = ["\"volume_id\":\"", "volume_id:\""];
    let found = found.iter().find_map(|before| after(request, before, &['"']));
    found.and_then(|handle| names.get(handle))
}

/// `op_backoff`: the operation's key, the failure inside, and until when no retry is permitted.
fn backoff(mut fact: Fact, told: &Told<'_>, names: &mut Names) -> Fact {
    let error = fact.error.take().unwrap_or_default();
    let inner = inner_failure(&error, &fact.party, names);
    let key = told.get(Slot::Key).unwrap_or("");
    let from_key = after(key, "volumeName:", &[]).map(|rest| rest.split(" podName:").next().unwrap_or(rest));
    let bare_key = (!key.contains("volumeName:")).then(|| key.trim_matches(['"', '\\']));
    if fact.party == Party::Unknown {
        fact.party = inner.speaker.unwrap_or(Party::Unknown);
    }
    fact.volume = inner.volume.or_else(|| names.get(from_key.or(bare_key).unwrap_or("")));
    fact.pv = inner.pv;
    fact.node = inner.node.or(fact.node);
    fact.pod = inner
        .pod
        .or(fact.pod)
        .or_else(|| names.get(after(key, "podName:", &[' ', '}']).unwrap_or("")));
    fact.uid = inner.uid.or(fact.uid);
    fact.error = Some(inner.cause.unwrap_or(error));
    fact.detail = Detail::Backoff {
        inner: inner.kind,
        until: told.get(Slot::Until).and_then(moment),
        wait_ms: told.get(Slot::Wait).and_then(milliseconds),
        keyed_by_node: after(key, "nodeName:", &[' ', '}']).is_some_and(|node| !node.is_empty()),
    };
    fact
}

/// How a controller says that the node's status still lists the volume in use (all releases).
const IN_USE: &str = "volume is still in use by node, according to Node status";

/// A failure's text taken apart.
pub struct Failure {
    /// What failed.
    pub kind: Kind,
    /// Unique volume name, where the text has it; else the PV's.
    pub volume: Option<Name>,
    /// The PV's name beside it.
    pub pv: Option<Name>,
    /// Node.
    pub node: Option<Name>,
    /// Pod, as written.
    pub pod: Option<Name>,
    /// The pod's uid.
    pub uid: Option<Name>,
    /// What stands behind the operation's name: the driver's or the server's own words.
    pub cause: Option<Box<str>>,
    /// The only party that says so, where there is one.
    pub speaker: Option<Party>,
}

/// Which failure an error's or event's text states. A text that fits no template is `other_relevant`.
pub fn inner_failure(text: &str, speaker: &Party, names: &mut Names) -> Failure {
    let nothing = Failure {
        kind: Kind::OtherRelevant,
        volume: None,
        pv: None,
        node: None,
        pod: None,
        uid: None,
        cause: None,
        speaker: None,
    };
    let classes = [Class::Error, Class::Event, Class::Log];
    let Some(found) = TABLE.find(text, &classes, speaker_letter(speaker)) else {
        return nothing;
    };
    let told = Told(found.slots);
    let refused = told
        .get(Slot::Err)
        .is_some_and(|cause| cause.trim_end().ends_with(IN_USE));
    let kind = if refused {
        Kind::DetachRefusedInUse
    } else {
        found.row.kind
    };
    let name = |slot| told.get(slot).filter(|text: &&str| !text.is_empty() && *text != "nil");
    let volume = name(Slot::Volume)
        .or_else(|| name(Slot::Vol))
        .or_else(|| name(Slot::Pv));
    Failure {
        kind,
        volume: volume.and_then(|text| names.get(text)),
        pv: name(Slot::Pv)
            .filter(|pv| Some(*pv) != volume)
            .and_then(|text| names.get(text)),
        node: name(Slot::Node).and_then(|text| names.get(text)),
        pod: name(Slot::Pod).and_then(|text| names.get(text)),
        uid: name(Slot::Uid).and_then(|text| names.get(text)),
        cause: name(Slot::Err).map(|text| text.trim_end().into()),
        speaker: found.row.only_speaker(),
    }
}

/// The kubelet's sync loop: one fact a pod. Housekeeping and probes are no facts.
fn sync_loop(fact: &Fact, told: &Told<'_>, message: &str, names: &mut Names, out: &mut Vec<Fact>) {
    let Some(verb) = sync_verb(message, told.get(Slot::Pleg)) else {
        return;
    };
    let verb = names.always(&verb);
    let pods = match (told.get(Slot::Pods), &fact.pod) {
        (Some(pods), _) if pods.contains('(') => pods.split(", ").map(str::to_owned).collect(),
        (Some(pods), _) => list(pods),
        (None, Some(pod)) => vec![pod.to_string()],
        (None, None) => return,
    };
    for pod in pods.iter().filter(|pod| !pod.is_empty()) {
        let (full, uid) = long_pod(pod).map_or((Cow::Borrowed(pod.as_str()), None), |(full, uid)| {
            (Cow::Owned(full), Some(uid))
        });
        let uid = uid.or_else(|| told.get(Slot::Pleg).and_then(pleg_uid));
        out.push(Fact {
            pod: names.get(&full),
            uid: uid.and_then(|uid| names.get(uid)),
            detail: Detail::SyncLoop { verb: verb.clone() },
            ..fact.clone()
        });
    }
}

/// `ADD`, `UPDATE`, `DELETE`, `REMOVE`, `RECONCILE`, or the type of a runtime event, `ContainerDied`.
fn sync_verb(message: &str, pleg: Option<&str>) -> Option<String> {
    if let Some(event) = pleg {
        let kind = after(event, "\"Type\":\"", &['"']).or_else(|| after(event, "Type:\"", &['"']));
        return kind.map(str::to_owned);
    }
    let verb = message
        .strip_prefix("SyncLoop ")?
        .trim_start_matches('(')
        .split([',', ')', ' '])
        .next()?;
    ["ADD", "UPDATE", "DELETE", "REMOVE", "RECONCILE", "RESTORE"]
        .contains(&verb)
        .then(|| verb.to_owned())
}

/// The pod's uid in a runtime event.
fn pleg_uid(event: &str) -> Option<&str> {
    after(event, "\"ID\":\"", &['"']).or_else(|| after(event, "{ID:\"", &['"']))
}

/// The reason that a Multi-Attach line gives, behind the names.
fn multi_attach_words(message: &str) -> Option<Box<str>> {
    let at = message.find("olume is already")?;
    Some(message.get(at.checked_sub(1)?..)?.trim_end().into())
}

/// Takes names that the line itself does not tell from its error: what failed inside, the attachment's name, the node
/// whose kubelet was refused (`User "system:node:…"`).
fn enrich(fact: &mut Fact, names: &mut Names) {
    let Some(error) = fact.error.as_deref() else { return };
    if fact.attachment.is_none() {
        fact.attachment = attachment_in(error).and_then(|name| names.get(name));
    }
    if fact.node.is_none() {
        fact.node = after(error, "\"system:node:", &['"']).and_then(|node| names.get(node));
    }
    if fact.node.is_none() || fact.volume.is_none() {
        let inner = inner_failure(error, &Party::Unknown, names);
        fact.node = fact.node.take().or(inner.node);
        fact.volume = fact.volume.take().or(inner.volume);
    }
}

/// What a line that fits no template must hold to look relevant.
pub const SIGNS: [&str; 6] = [
    "UniqueName:",
    "AttachVolume.",
    "DetachVolume.",
    "VolumesAttached",
    "volumesAttached",
    "volumesInUse",
];

/// The machinery's own files, whose warnings are always told.
pub const FILES: [&str; 4] = [
    "nestedpendingoperations.go",
    "node_status_updater.go",
    "csi_handler.go",
    "attach_detach_controller.go",
];

/// A line without the asterisks by which somebody stressed some of its words.
fn without_stress<'l>(line: &Klog<'l>) -> Option<Klog<'l>> {
    let stressed = memchr::memmem::find_iter(line.message.as_bytes(), "**").take(2).count();
    // More in a row, or some behind a dash, mask a name.
    (stressed > 1 && !line.message.contains("***") && !line.message.contains("-**")).then(|| Klog {
        message: line.message.replace("**", "").into(),
        ..line.clone()
    })
}

/// A line that fits no template. One of the machinery's own files, or one that names a volume, is told as
/// `other_relevant` with the names it has; one that only looks relevant is left for people to look at.
fn stray(line: &Klog<'_>, speaker: Option<&Party>, names: &mut Names, out: &mut Vec<Fact>) -> Said {
    let head = cut(&line.message, 200);
    let signs = SIGNS.iter().any(|sign| head.contains(sign));
    let loud = !matches!(line.severity, Severity::Info) && FILES.contains(&line.file);
    if !signs && !loud && !party::is_cloud_file(line.file) {
        return Said::Irrelevant;
    }
    let told = |key: &str| {
        let closed = after(&line.message, key, &[]).filter(|rest| rest.contains('"'))?;
        closed.split('"').next().filter(|found| !found.is_empty())
    };
    let mut fact = Fact::new(Kind::OtherRelevant, speaker.cloned().unwrap_or(Party::Unknown), line.at);
    fact.volume = told("UniqueName: \"")
        .or_else(|| told("volume \""))
        .and_then(|name| names.get(name));
    fact.node = told("node \"").and_then(|name| names.get(name));
    fact.pod = told("pod \"").and_then(|name| names.get(name));
    fact.text = telling(line.text);
    if let (None, Party::Kubelet(node)) = (&fact.node, &fact.party) {
        fact.node = Some(node.clone()).filter(|node| !node.is_empty());
    }
    let nameless = fact.volume.is_none() && fact.node.is_none();
    if signs && nameless {
        return Said::Puzzling;
    }
    out.push(fact);
    Said::Facts
}
