//! All wrappers of a line taken off, whatever their kind and order.
//!
//! In: one line or JSON element. Out: what the wrappers said ([`Layers`]) and the [`Payload`] inside, handed to a closure,
//! since strings taken out of JSON live only as long as the call.

use std::borrow::Cow;

use super::element::{self, Element, Envelope, Split};
use super::wrap::{self, Layers};
use super::{klog, logfmt, page};

/// Wrappers within each other that are taken off.
const DEEPEST: u32 = 8;

/// What was inside the wrappers.
#[derive(Clone, Copy, Debug)]
pub enum Payload<'p> {
    /// A line of text: klog or other.
    Text(&'p str),
    /// A klog line whose header is spread over JSON fields: message and header.
    Split(&'p str, &'p Split<'p>),
    /// An audit event.
    Audit(&'p str),
    /// A Kubernetes object.
    Object(&'p str),
    /// Elements in a batch; they lie within the given text.
    Many(&'p str, &'p [&'p str]),
}

impl<'p> Payload<'p> {
    /// The payload's text.
    #[must_use]
    pub fn text(&self) -> &'p str {
        match self {
            Payload::Text(text)
            | Payload::Split(text, _)
            | Payload::Audit(text)
            | Payload::Object(text)
            | Payload::Many(text, _) => text,
        }
    }
}

/// What takes a payload.
pub type Then<'t> = dyn FnMut(&Layers<'_>, Payload<'_>) + 't;

/// Takes all wrappers off a line; `then` is called once for each line that was inside (once, but for Loki's batches).
pub fn peel(line: &str, then: &mut Then<'_>) {
    if memchr::memchr(0x1b, line.as_bytes()).is_some() {
        return within(&without_colours(line), Layers::default(), then);
    }
    if line.trim_start().starts_with("<Data>") && line.contains('&') {
        return within(&page::without_entities(line), Layers::default(), then);
    }
    within(line, Layers::default(), then);
}

/// Takes the wrappers off that are left within others.
pub fn within<'a>(text: &'a str, layers: Layers<'a>, then: &mut Then<'_>) {
    inside(text, layers, 0, then);
}

fn inside<'a>(text: &'a str, mut layers: Layers<'a>, depth: u32, then: &mut Then<'_>) {
    let mut text = text;
    let mut depth = depth;
    loop {
        if klog::begins(text.as_bytes()) || depth == DEEPEST {
            return plain(text, &layers, then);
        }
        if text.starts_with("{\"") || text.starts_with("[{\"") {
            return json(text, layers, depth, then);
        }
        if let Some(line) = quoted(text) {
            return inside(&line, layers, depth + 1, then);
        }
        if let Some(envelope) = logfmt::begins(text).then(|| logfmt::open(text)).flatten() {
            return enclosed(&envelope, layers, depth, then);
        }
        match wrap::layer(text, &mut layers) {
            Some(rest) => text = rest,
            None => return plain(text, &layers, then),
        }
        depth += 1;
    }
}

/// The log line in a text that is one quoted string, as viewers copy the value of a field; its end may be cut off.
fn quoted(text: &str) -> Option<String> {
    let inner = text.strip_prefix('"').filter(|inner| klog::begins(inner.as_bytes()))?;
    let whole = serde_json::from_str(text.trim_end().trim_end_matches(',')).ok();
    whole.or_else(|| inner.contains("\\\"").then(|| klog::unescape(inner).into_owned()))
}

/// A text without further wrappers; syslog's `#012` are newlines.
fn plain(text: &str, layers: &Layers<'_>, then: &mut Then<'_>) {
    if layers.wrapped && text.contains("#012") {
        return then(layers, Payload::Text(text.replace("#012", "\n").trim_end()));
    }
    then(layers, Payload::Text(text));
}

fn json(text: &str, layers: Layers<'_>, depth: u32, then: &mut Then<'_>) {
    match element::open(text) {
        Element::Audit(event) => then(&layers, Payload::Audit(&event)),
        Element::Object => then(&layers, Payload::Object(text)),
        Element::Many(items) => then(&layers, Payload::Many(text, &items)),
        Element::Lines(lines) => lines.iter().for_each(|line| enclosed(line, layers, depth, then)),
        Element::Wrapped(envelope) => enclosed(&envelope, layers, depth, then),
        Element::Klog(envelope, split) => then(&around(&envelope, layers), Payload::Split(&envelope.payload, &split)),
        Element::Other => plain(text, &layers, then),
    }
}

fn enclosed(envelope: &Envelope<'_>, layers: Layers<'_>, depth: u32, then: &mut Then<'_>) {
    inside(&envelope.payload, around(envelope, layers), depth + 1, then);
}

/// The layers so far, and the envelope's.
fn around<'a>(envelope: &'a Envelope<'_>, outer: Layers<'a>) -> Layers<'a> {
    Layers {
        stamp: envelope.stamp.or(outer.stamp),
        host: envelope.host.as_deref().or(outer.host),
        program: envelope.program.as_deref().or(outer.program),
        pod: envelope.pod.as_deref().or(outer.pod),
        stream: envelope.stream.as_deref().unwrap_or(outer.stream),
        part: envelope.part || outer.part,
        wrapped: true,
    }
}

/// A line without the escape sequences that colour it.
fn without_colours(line: &str) -> Cow<'_, str> {
    let mut clean = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, after)) = rest.split_once('\u{1b}') {
        clean.push_str(before);
        let Some(sequence) = after.strip_prefix('[') else {
            rest = after;
            continue;
        };
        let end = sequence
            .find(|c: char| c.is_ascii_alphabetic())
            .map_or(sequence.len(), |at| at + 1);
        rest = sequence.get(end..).unwrap_or_default();
    }
    clean.push_str(rest);
    Cow::Owned(clean)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::stamp::Stamp;
    use crate::time::Time;

    /// Payload, program, pod, host and stamp of a line.
    fn peeled(line: &str) -> (String, String) {
        let mut found = None;
        peel(line, &mut |layers, payload| {
            let stamp = layers
                .stamp
                .and_then(Stamp::dated)
                .map_or(String::new(), |at: Time| at.to_string());
            let names = [layers.host, layers.pod, layers.program]
                .map(Option::unwrap_or_default)
                .join(",");
            found = Some((payload.text().to_owned(), format!("{names},{stamp}")));
        });
        found.unwrap()
    }

    #[test]
    fn shippers_envelopes_come_off() {
        let klog = "I1123 20:13:56.123456       1 a.go:1] \"m\" k=\"v\"";
        let line = serde_json::to_string(klog).unwrap();
        let at = "2026-11-23T20:13:56.500000Z";
        let micros = Time::parse(at).unwrap().0;
        for (json, names) in [
            (format!(r#"{{"log":{line},"stream":"stderr","time":"{at}"}}"#), ",,"),
            (
                format!(
                    r#"{{"MESSAGE":{line},"_HOSTNAME":"n","SYSLOG_IDENTIFIER":"k","__REALTIME_TIMESTAMP":"{micros}"}}"#
                ),
                "n,,k",
            ),
            (
                format!(
                    r#"{{"@timestamp":"{at}","message":{line},"kubernetes":{{"pod":{{"name":"p"}},"container":{{"name":"c"}}}}}}"#
                ),
                ",p,c",
            ),
            (
                format!(
                    r#"{{"time":"{at}","log":{line},"kubernetes":{{"pod_name":"p","container_name":"c","host":"n"}}}}"#
                ),
                "n,p,c",
            ),
            (
                format!(r#"{{"time":"{at}","category":"kcm","properties":{{"log":{line},"pod":"p"}}}}"#),
                ",p,kcm",
            ),
            (
                format!(
                    r#"{{"logStreamName":"kcm-1","timestamp":{},"message":{line}}}"#,
                    micros / 1000
                ),
                ",,kcm-1",
            ),
            (
                format!(r#"{{"stream":{{"pod":"p","container":"c"}},"values":[["{micros}000",{line}]]}}"#),
                ",p,c",
            ),
            (
                format!(
                    r#"{{"insertId":"1","timestamp":"{at}","textPayload":{line},"resource":{{"labels":{{"container_name":"c"}}}}}}"#
                ),
                ",,c",
            ),
            (
                format!(r#"{{"result":{{"_raw":{line},"_time":"{at}","host":"n"}}}}"#),
                "n,,",
            ),
        ] {
            assert_eq!(peeled(&json), (klog.to_owned(), format!("{names},{at}")), "{json}");
        }
    }

    #[test]
    fn wrappers_lie_within_each_other() {
        let line = r#"a/b.log:7:{"log":"Nov 23 20:13:56 n kubelet[1]: E1123 20:13:56.123456 1 a.go:1] x\n","stream":"stderr","time":"2026-11-23T20:13:56Z"}"#;
        assert_eq!(peeled(line).0, "E1123 20:13:56.123456 1 a.go:1] x");
        assert_eq!(
            peeled("\u{1b}[35mweb-0\u{1b}[0m \u{1b}[95mweb\u{1b}[0m I1123 20:13:56.123456 1 a.go:1] x").0,
            "I1123 20:13:56.123456 1 a.go:1] x"
        );
    }

    #[test]
    fn marks_of_pastes_come_off() {
        let line = "W0811 04:07:25.047767       1 a.go:1] volume \"x\"";
        for marked in [
            format!("> {line}"),
            format!("  101  {line}"),
            format!("```{line}```"),
            format!("10.5.0.2: {line}"),
            format!("Mar 5, 2024 @ 10:11:12.345 {line}"),
        ] {
            assert_eq!(peeled(&marked).0, line, "{marked}");
        }
        let copied = serde_json::to_string(line).unwrap();
        assert_eq!(peeled(&format!("{copied},")).0, line);
        let cut = copied.get(..copied.len() - 3).unwrap();
        assert_eq!(peeled(cut).0, line.trim_end_matches('"'));
        let quoting = format!("it said, among other things, {line}");
        assert_eq!(peeled(&quoting).0, quoting);
    }

    #[test]
    fn a_message_of_bytes_is_read() {
        let bytes: Vec<String> = "I1123 20:13:56.123456 1 a.go:1] \u{e9}"
            .bytes()
            .map(|b| b.to_string())
            .collect();
        assert_eq!(
            peeled(&format!(r#"{{"MESSAGE":[{}]}}"#, bytes.join(","))).0,
            "I1123 20:13:56.123456 1 a.go:1] \u{e9}"
        );
    }

    proptest::proptest! {
        #[test]
        fn no_line_makes_it_panic(line in "(\\{\"(log|MESSAGE|message|msg)\":|\\[|<1>|a:)?\\PC{0,60}") {
            peel(&line, &mut |_, _| ());
        }
    }
}
