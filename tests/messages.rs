//! Every message of every release is read: each template of the catalogue (`fixtures/messages.tsv`) is printed as its
//! release prints it, with sample values, and must give the fact that the catalogue names, with the values in place.

#![allow(clippy::unwrap_used, reason = "a test that cannot read its own fixture has failed")]

use std::fmt::Write;

use adtrace::bundle::Limits;
use adtrace::fact::text::Names;
use adtrace::fact::{Detail, Fact, Kind, Party, klog};
use adtrace::record::{self, Body, Context, Outer, Record, Scribe};
use adtrace::time::Time;

const CATALOGUE: &str = include_str!("../fixtures/messages.tsv");

const UNIQUE: &str = "kubernetes.io/csi/csi.example.com^vol-7";
const PV: &str = "pvc-41";
const NODE: &str = "node-3.example.net";
const POD: &str = "web-0";
const UID: &str = "0e2865eb-6ba0-450a-a551-398b2e60bdc0";
const VA: &str = "csi-b74c7fc125891ffa0d0f2e0d645733e3fae7fba3066e76500a771ea08be9da28";
const CAUSE: &str = "rpc error: code = Internal desc = boom";

/// One line of the catalogue.
struct Entry {
    fact: &'static str,
    class: &'static str,
    form: &'static str,
    components: &'static str,
    file: &'static str,
    template: String,
    err_text: String,
}

fn catalogue() -> Vec<Entry> {
    let entry = |line: &'static str| {
        let columns: Vec<&str> = line.split('\t').collect();
        let [fact, class, form, components, _, file, template, err_text] = columns[..] else {
            panic!("{line}")
        };
        let (template, err_text) = (template.replace("\\n", "\n"), err_text.replace("\\n", "\n"));
        Entry {
            fact,
            class,
            form,
            components,
            file,
            template,
            err_text,
        }
    };
    CATALOGUE
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(entry)
        .collect()
}

/// What a line must tell.
#[derive(Debug, Default, PartialEq)]
struct Wanted {
    volume: Option<&'static str>,
    node: Option<&'static str>,
    pod: Option<&'static str>,
    uid: Option<&'static str>,
    attachment: Option<&'static str>,
    error: bool,
}

/// What the verb after this text is filled with, and where it must show up.
fn sample(before: &str, after: &str, wanted: &mut Wanted) -> &'static str {
    let ends = |ends: &[&str]| ends.iter().any(|end| before.ends_with(end));
    if after.starts_with("/%") {
        "app"
    } else if ends(&["/", "\"/"]) && after.len() < 60 && before.contains("od ") {
        wanted.pod = Some(POD);
        POD
    } else if ends(&["(UniqueName: ", "(UniqueName: \\\""]) {
        wanted.volume = Some(UNIQUE);
        UNIQUE
    } else if ends(&["UID: ", "UID: \\\""]) {
        wanted.uid = Some(UID);
        UID
    } else if ends(&[" pod ", "pod \\\""]) {
        wanted.pod = Some(POD);
        POD
    } else if ends(&[
        "from node ",
        "on node ",
        "to node ",
        "the node ",
        "for node ",
        "from node \\\"",
        "on node \\\"",
    ]) {
        wanted.node = Some(NODE);
        NODE
    } else if ends(&["volume ", "Volume ", "for volume \\\""]) {
        wanted.volume = wanted.volume.or(Some(PV));
        PV
    } else if ends(&["VolumeAttachment.ID=", "[id=", "attachment.ID=", "VA ", "attachment ["]) {
        wanted.attachment = Some(VA);
        VA
    } else if ends(&[" : ", "failed: ", "with: "]) {
        wanted.error = true;
        CAUSE
    } else {
        "sample"
    }
}

/// Fills a Go format string as Go would.
fn print(template: &str, wanted: &mut Wanted) -> String {
    let mut out = String::new();
    let mut rest = template;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('%') {
            out.push('%');
            rest = after;
            continue;
        }
        if rest.starts_with('!') {
            out.push('%');
            continue;
        }
        rest = rest.trim_start_matches(['+', '#']);
        let verb = rest.chars().next().unwrap_or('v');
        rest = &rest[verb.len_utf8()..];
        match verb {
            'q' => {
                let text = sample(&out, rest, wanted);
                let _ = write!(out, "{text:?}");
            }
            'd' => out.push('3'),
            't' => out.push_str("true"),
            'p' => out.push_str("0xc000"),
            _ => {
                let text = sample(&out, rest, wanted);
                out.push_str(text);
            }
        }
    }
    out + rest
}

/// Fills the keys of a structured line.
fn print_structured(template: &str, err_text: &str, wanted: &mut Wanted) -> String {
    let close = (1..template.len())
        .find(|&at| &template[at..=at] == "\"" && &template[at - 1..at] != "\\")
        .unwrap();
    let (message, tail) = template.split_at(close + 1);
    let mut line = print(message, wanted);
    for pair in tail.split_whitespace() {
        let (key, form) = pair.split_once('=').unwrap();
        let text = match key {
            "volumeName" => set(&mut wanted.volume, UNIQUE),
            "node" | "nodeName" => set(&mut wanted.node, NODE),
            "pod" => set(&mut wanted.pod, "app/web-0"),
            "podUID" => set(&mut wanted.uid, UID),
            "VolumeAttachment" | "vaName" => set(&mut wanted.attachment, VA),
            "err" => {
                wanted.error = true;
                CAUSE
            }
            "event" => r#"{"ID":"0e2865eb-6ba0-450a-a551-398b2e60bdc0","Type":"ContainerStarted","Data":"x"}"#,
            _ => "sample",
        };
        let bare = match key {
            "volume" => {
                (wanted.volume, wanted.node) = (Some(UNIQUE), Some(NODE));
                format!(
                    r#"{{"VolumeName":"{UNIQUE}","VolumeSpec":{{"PersistentVolume":{{"metadata":{{"name":"{PV}"}}}}}},"NodeName":"{NODE}"}}"#
                )
            }
            "pods" | "scheduledPods" => r#"["app/web-0"]"#.to_owned(),
            "attachedTo" => r#"["node-9"]"#.to_owned(),
            "volumeNames" => format!("[{UNIQUE:?}]"),
            "attachedVolumes" => format!(r#"[{{"name":"{UNIQUE}","devicePath":""}}]"#),
            "mounted" | "enabled" => "true".to_owned(),
            "err" if !err_text.is_empty() => format!("{:?}", print(&err_text.replace("%w", "%v"), wanted)),
            "event" => text.to_owned(),
            "patchBytes" => format!(
                "{:?}",
                format!(r#"{{"status":{{"volumesAttached":[{{"name":"{UNIQUE}"}}]}}}}"#)
            ),
            "logger" => form.to_owned(),
            _ => format!("{text:?}"),
        };
        let _ = write!(line, " {key}={bare}");
    }
    line
}

fn set(slot: &mut Option<&'static str>, text: &'static str) -> &'static str {
    *slot = Some(text);
    text
}

fn party(letter: char) -> Party {
    match letter {
        'c' => Party::Controller,
        'k' => Party::Kubelet("".into()),
        's' => Party::Scheduler,
        _ => Party::Attacher,
    }
}

/// The facts of one line of that party, read the whole way from the bytes.
fn facts(line: &str, party: &Party) -> Vec<Fact> {
    let limits = Limits::default();
    let context = Context {
        path: "x.log",
        modified: None,
        near: None,
        year: Some(2026),
        zone: None,
        limits: &limits,
        inflates: false,
        direct: None,
    };
    let mut found = Vec::new();
    record::records(&mut line.as_bytes(), &context, &Reader(party), &mut |page| {
        found.extend(page);
    })
    .unwrap();
    found
}

/// Reads lines of one party, those that the filter lets through.
struct Reader<'p>(&'p Party);

impl Scribe for Reader<'_> {
    type Page = Vec<Fact>;

    fn page(&self) -> Vec<Fact> {
        Vec::new()
    }

    fn matters(&self, line: &[u8]) -> bool {
        adtrace::fact::filter::matters(line)
    }

    fn passed(&self, _page: &mut Vec<Fact>, _at: Time, _outer: &Outer<'_>) {}

    fn record(&self, page: &mut Vec<Fact>, record: &Record<'_>) {
        if let Body::Klog(klog) = &record.body {
            klog::read(klog, Some(self.0), &mut Names::default(), page);
        }
    }
}

/// Facts that no line has to give: sync-loop turns without a pod, prose of the attacher and the PV controllers.
fn may_be_silent(entry: &Entry) -> bool {
    match entry.fact {
        "kubelet_sync_loop" => !["ADD", "UPDATE", "DELETE", "REMOVE", "RECONCILE", "RESTORE"]
            .iter()
            .any(|verb| entry.template.contains(verb)),
        "ea_pv" => !entry.components.contains('a'),
        _ => false,
    }
}

/// Lines whose slots are told in a form of their own; their unit tests stand beside their code.
fn in_its_own_form(fact: &str) -> bool {
    matches!(
        fact,
        "op_backoff"
            | "kubelet_sync_failed"
            | "event_logged"
            | "kubelet_sync_loop"
            | "event_write_failed"
            | "watch_failed"
            | "api_throttled"
            | "leader_event"
    )
}

#[test]
fn every_log_line_gives_its_fact_with_its_names() {
    let mut wrong = Vec::new();
    let mut checked = 0;
    for entry in catalogue()
        .iter()
        .filter(|entry| entry.class == "log" && !may_be_silent(entry))
    {
        for letter in entry.components.chars() {
            checked += 1;
            let mut wanted = Wanted::default();
            let message = match entry.form {
                "text" if entry.fact == "event_logged" => EVENT_OF_OLD.to_owned(),
                "text" => print(&entry.template, &mut wanted),
                _ => print_structured(&entry.template, &entry.err_text, &mut wanted),
            };
            let message = if entry.fact == "event_logged" {
                message.replace("kind=\"sample\"", "kind=\"Pod\"")
            } else {
                message
            };
            let line = format!("I1125 02:15:33.415657      59 {}:12] {message}\n", entry.file);
            let found = facts(&line, &party(letter));
            match found.as_slice() {
                [first, ..] if first.kind.name() != entry.fact => {
                    wrong.push(format!("{} told as {}: {line}", entry.fact, first.kind.name()));
                }
                [first, ..] if !in_its_own_form(entry.fact) => {
                    wrong.extend(differences(first, &wanted).map(|what| format!("{}: {what}: {line}", entry.fact)));
                }
                [_, ..] => {}
                [] => wrong.push(format!("{}: no fact: {line}", entry.fact)),
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {checked} wrong:\n{}",
        wrong.len(),
        wrong.join("")
    );
    assert!(checked > 900, "the catalogue shrank to {checked} lines");
}

const EVENT_OF_OLD: &str = r#"Event(v1.ObjectReference{Kind:"Pod", Namespace:"app", Name:"web-0", UID:"u", APIVersion:"v1", ResourceVersion:"7", FieldPath:""}): type: 'Warning' reason: 'FailedAttachVolume' Multi-Attach error for volume "pv-1" Volume is already exclusively attached to one node and can't be attached to another"#;

/// What a fact tells otherwise than the line does.
fn differences<'a>(fact: &'a Fact, wanted: &'a Wanted) -> impl Iterator<Item = String> + 'a {
    let pod = fact
        .pod
        .as_deref()
        .filter(|_| wanted.pod.is_some())
        .map(|pod| pod.rsplit('/').next().unwrap_or(pod));
    [
        ("volume", fact.volume.as_deref(), wanted.volume),
        ("node", fact.node.as_deref(), wanted.node),
        ("pod", pod, wanted.pod.map(|pod| pod.rsplit('/').next().unwrap_or(pod))),
        ("uid", fact.uid.as_deref(), wanted.uid),
        ("attachment", fact.attachment.as_deref(), wanted.attachment),
        (
            "error",
            fact.error.as_deref().filter(|_| wanted.error).map(|_| "told"),
            wanted.error.then_some("told"),
        ),
    ]
    .into_iter()
    .filter(|(_, found, wanted)| wanted.is_some() && found != wanted)
    .map(|(what, found, wanted)| format!("{what} {found:?}, wanted {wanted:?}"))
}

#[test]
fn every_error_is_recognised_behind_a_back_off() {
    let mut wrong = Vec::new();
    for entry in catalogue()
        .iter()
        .filter(|entry| entry.class == "error" && "ck".contains(&entry.components[..1]))
    {
        let kind = entry.fact;
        if kind.starts_with("ea_") || kind == "mounted_flag_set" || kind == "mounted_flag_set_failed" {
            continue;
        }
        let error = print(&entry.template.replace("%w", "%v"), &mut Wanted::default());
        for quoted in [true, false] {
            let shown = if quoted { format!("{error:?}") } else { error.clone() };
            let line = format!(
                "E1125 02:15:33.415657      59 nestedpendingoperations.go:301] Operation for \"{{volumeName:{UNIQUE} podName: nodeName:{NODE}}}\" failed. No retries permitted until 2026-11-25 02:15:34.5 +0000 UTC m=+16.9 (durationBeforeRetry 500ms). Error: {shown}\n"
            );
            let found = facts(&line, &party(entry.components.chars().next().unwrap()));
            let inner = match found.as_slice() {
                [
                    Fact {
                        detail:
                            Detail::Backoff {
                                inner,
                                wait_ms: Some(500),
                                keyed_by_node: true,
                                until: Some(_),
                            },
                        ..
                    },
                ] => inner.name(),
                other => panic!("{other:?}"),
            };
            if inner != kind {
                wrong.push(format!("{kind} told as {inner}: {error}\n"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join(""));
}

#[test]
fn every_event_of_a_volume_names_it() {
    for entry in catalogue()
        .iter()
        .filter(|entry| entry.class == "event" && entry.template.contains("volume %q"))
    {
        let mut wanted = Wanted::default();
        let message = print(&entry.template, &mut wanted);
        let line = format!(
            "I1125 02:15:33.415657      59 event.go:291] \"Event occurred\" object=\"app/web-0\" kind=\"Pod\" apiVersion=\"v1\" type=\"Warning\" reason=\"R\" message={message:?}\n"
        );
        let found = facts(&line, &Party::Controller);
        let [fact] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!(
            (fact.kind, fact.volume.as_deref(), fact.pod.as_deref()),
            (Kind::EventLogged, Some(PV), Some("app/web-0")),
            "{line}"
        );
    }
}
