//! The wording of a release: log lines and error texts from the catalogue of messages (`fixtures/messages.tsv`).
//!
//! In: a release, a party, the catalogue's name of a message, what it is about. Out: the text as that release prints it,
//! and where it stands in that release's sources (`src/fact/lines.table`).

use std::fmt::Write;

use super::names::DRIVER;

const CATALOGUE: &str = include_str!("../../fixtures/messages.tsv");
const PLACES: &str = include_str!("../../src/fact/lines.table");

/// The external-attacher that the model is.
pub const ATTACHER_RELEASE: &str = "4.12.0";

/// Who prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Voice {
    /// kube-controller-manager.
    Controller,
    /// A kubelet.
    Kubelet,
    /// The external-attacher, which has releases of its own.
    Attacher,
}

impl Voice {
    const fn letter(self) -> char {
        match self {
            Voice::Controller => 'c',
            Voice::Kubelet => 'k',
            Voice::Attacher => 'a',
        }
    }
}

/// What a message is about.
#[derive(Clone, Debug, Default)]
pub struct Subject {
    /// The persistent volume.
    pub pv: String,
    /// The unique volume name.
    pub unique: String,
    /// The node.
    pub node: String,
    /// The pod's name in namespace `app`.
    pub pod: String,
    /// The pod's uid.
    pub uid: String,
    /// The `VolumeAttachment`.
    pub attachment: String,
}

/// One message of the catalogue that a release has.
struct Entry {
    form: &'static str,
    file: &'static str,
    template: String,
}

/// A release's minor number, or an attacher's as hundreds.
fn number(release: &str) -> u32 {
    let mut parts = release.split('.').map(|part| part.parse::<u32>().unwrap_or_default());
    let (major, minor) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    major * 100 + minor
}

/// How far a release is from a span of releases as the catalogue writes it, `1.12..1.26` or `1.35..1.36+4.11..4.12`.
fn distance(spans: &str, release: u32) -> u32 {
    let of = |span: &str| {
        let (first, last) = span.split_once("..").unwrap_or((span, span));
        let (first, last) = (number(first), number(last));
        match (release < first, release > last) {
            (true, _) => first - release,
            (_, true) => release - last,
            _ => 0,
        }
    };
    spans.split('+').map(of).min().unwrap_or(u32::MAX)
}

/// The release's variant of a message whose text begins so.
fn entry(release: &str, voice: Voice, class: &str, fact: &str, begins: &str) -> Entry {
    let release = number(release);
    let rows = CATALOGUE.lines().filter(|line| !line.starts_with('#'));
    let mut best: Option<(u32, Entry)> = None;
    for row in rows {
        let columns: Vec<&'static str> = row.split('\t').collect();
        let [name, kind, form, voices, spans, file, template, _] = columns[..] else {
            continue;
        };
        let text = template.trim_start_matches('"');
        if name != fact || kind != class || !voices.contains(voice.letter()) || !text.starts_with(begins) {
            continue;
        }
        let away = distance(spans, release);
        if best.as_ref().is_none_or(|(nearest, _)| away < *nearest) {
            let template = template.replace("\\n", "\n");
            best = Some((away, Entry { form, file, template }));
        }
    }
    match best {
        Some((_, entry)) => entry,
        None => panic!("the catalogue has no {class} {fact} that begins with {begins:?}"),
    }
}

/// A log line of a release: the place in its sources (`file.go:line`) and the text. `rest` fills what the subject does
/// not, in order.
pub fn line(release: &str, voice: Voice, fact: &str, begins: &str, of: &Subject, rest: &[&str]) -> (String, String) {
    let entry = entry(release, voice, "log", fact, begins);
    let mut rest = rest.iter().copied();
    let text = if entry.form == "text" {
        fill(&entry.template, of, &mut rest)
    } else {
        structured(&entry.template, of, &mut rest)
    };
    (
        format!("{}:{}", entry.file, place(release, voice, fact, entry.file)),
        text,
    )
}

/// An error text of a release.
pub fn error(release: &str, voice: Voice, fact: &str, begins: &str, of: &Subject, rest: &[&str]) -> String {
    let entry = entry(release, voice, "error", fact, begins);
    fill(&entry.template, of, &mut rest.iter().copied())
}

/// Fills a Go format string.
fn fill(template: &str, of: &Subject, rest: &mut dyn Iterator<Item = &str>) -> String {
    let mut out = String::new();
    let mut left = template;
    while let Some(at) = left.find('%') {
        out.push_str(&left[..at]);
        left = left[at + 1..].trim_start_matches(['+', '#']);
        let verb = left.chars().next().unwrap_or('v');
        left = &left[verb.len_utf8()..];
        let text = value(&out, of).unwrap_or_else(|| rest.next().unwrap_or_default().to_owned());
        if verb == 'q' {
            let _ = write!(out, "{text:?}");
        } else {
            out.push_str(&text);
        }
    }
    out + left
}

/// What the subject puts after this text.
fn value(before: &str, of: &Subject) -> Option<String> {
    let before = before.trim_end_matches(['"', '\\']);
    let ends = |ends: &[&str]| ends.iter().any(|end| before.ends_with(end));
    let text = if ends(&["(UniqueName: "]) {
        &of.unique
    } else if ends(&["(UID: "]) {
        &of.uid
    } else if ends(&["spec.Name: "]) {
        &of.pv
    } else if ends(&[" pod "]) {
        &of.pod
    } else if ends(&[" node ", "node status for "]) {
        &of.node
    } else if ends(&["VerifyVolumesAreAttached determined volume ", "nil spec for volume "]) {
        &of.unique
    } else if ends(&["volume "]) {
        &of.pv
    } else if ends(&["VolumeAttachment [", "volume attachment "]) {
        &of.attachment
    } else {
        return None;
    };
    Some(text.clone())
}

/// Fills a structured line: the message, then its keys.
fn structured(template: &str, of: &Subject, rest: &mut dyn Iterator<Item = &str>) -> String {
    let close = (1..template.len())
        .find(|&at| &template[at..=at] == "\"" && &template[at - 1..at] != "\\")
        .unwrap_or(template.len() - 1);
    let (message, tail) = template.split_at(close + 1);
    let mut line = fill(message, of, rest);
    for pair in tail.split_whitespace() {
        let key = pair.split_once('=').map_or(pair, |(key, _)| key);
        let text = match key {
            "volumeName" => format!("{:?}", of.unique),
            "node" | "nodeName" => format!("{:?}", of.node),
            "pod" => format!("\"app/{}\"", of.pod),
            "pods" | "scheduledPods" => format!("[\"app/{}\"]", of.pod),
            "VolumeAttachment" => format!("{:?}", of.attachment),
            "volume" => volume_to_act_on(of),
            "err" => format!("{:?}", rest.next().unwrap_or_default()),
            _ => rest.next().unwrap_or_default().to_owned(),
        };
        let _ = write!(line, " {key}={text}");
    }
    line
}

/// The struct that releases from 1.24 on print in place of names.
fn volume_to_act_on(of: &Subject) -> String {
    let handle = of.unique.rsplit('^').next().unwrap_or_default();
    format!(
        r#"{{"VolumeName":"{}","VolumeSpec":{{"Volume":null,"PersistentVolume":{{"metadata":{{"name":"{}"}},"spec":{{"csi":{{"driver":"{DRIVER}","volumeHandle":"{handle}"}}}}}}}},"NodeName":"{}"}}"#,
        of.unique, of.pv, of.node
    )
}

/// The line in the release's sources; 1 where the table does not have it.
fn place(release: &str, voice: Voice, fact: &str, file: &str) -> String {
    let of = |release: &str| -> Vec<u32> {
        release
            .split('.')
            .map(|part| part.parse().unwrap_or_default())
            .collect()
    };
    let ours = of(release);
    let row = PLACES.lines().find_map(|row| {
        let mut columns = row.split('\t');
        let found = columns.next() == Some(&voice.letter().to_string())
            && columns.next() == Some(fact)
            && columns.next() == Some(file);
        found.then(|| columns.next().unwrap_or_default())
    });
    let since = row
        .unwrap_or_default()
        .split(' ')
        .filter_map(|place| place.split_once(':'));
    let lines = since.take_while(|(since, _)| of(since) <= ours).last();
    let lines = lines.map_or("1", |(_, lines)| lines);
    lines
        .split(',')
        .next()
        .filter(|line| !line.is_empty())
        .unwrap_or("1")
        .to_owned()
}
