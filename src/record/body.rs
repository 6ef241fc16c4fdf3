//! Raw lines of one record to what it says.
//!
//! In: [`Whole`] records. Out: [`Record`]s, handed to the reader of the source: pieces joined, wrappers off, klog header
//! placed in time, JSON that was cut mended, batches opened.

use std::borrow::Cow;

use super::anchor::{self, Anchor, Evidence};
use super::docs::{self, Counter};
use super::element::Split;
use super::join::{Glue, Whole};
use super::klog;
use super::mend;
use super::peel::{self, Payload};
use super::wrap::Layers;
use super::{Body, Klog, Outer, Record, Severity};

/// What the bodies of one source are read with.
#[derive(Clone, Copy, Debug)]
pub struct Bodies<'s> {
    /// Places headers in time.
    pub anchor: &'s Anchor,
    /// Deepest nesting of a document.
    pub json_depth: usize,
}

/// What takes records.
pub type Visit<'v> = dyn FnMut(&Record<'_>) + 'v;

/// Batches within each other that are opened.
const BATCHES: u32 = 8;

/// Where a record stands in its source.
#[derive(Clone, Copy)]
struct Place {
    line: u32,
    lines: u32,
    /// Batches around it.
    depth: u32,
}

impl Bodies<'_> {
    /// Reads one record; batches give several. Gives the evidence of year and zone that a klog line holds, where the
    /// source had none before.
    pub fn read(&self, whole: &Whole<'_>, visit: &mut Visit<'_>) -> Option<Evidence> {
        let place = Place {
            line: whole.line,
            lines: whole.lines,
            depth: 0,
        };
        let head = String::from_utf8_lossy(&whole.head);
        let mut evidence = None;
        peel::peel(&head, &mut |layers, payload| {
            if whole.more.is_empty() {
                return self.payload(place, layers, payload, &mut evidence, visit);
            }
            let joined = joined(payload.text(), whole);
            // Parts joined may be JSON, or wrapped in turn.
            peel::within(&joined, *layers, &mut |layers, payload| {
                self.payload(place, layers, payload, &mut evidence, visit);
            });
        });
        evidence
    }

    fn payload(
        &self,
        place: Place,
        layers: &Layers<'_>,
        payload: Payload<'_>,
        evidence: &mut Option<Evidence>,
        visit: &mut Visit<'_>,
    ) {
        let mut tell = |body: Body<'_>, raw: &str| self.tell(place, layers, body, raw, visit);
        match payload {
            Payload::Audit(text) => {
                let mended = self.mended(text);
                let text = mended.as_deref().unwrap_or(text);
                tell(Body::Audit(text), text);
            }
            Payload::Object(text) => match self.object(text) {
                Some(value) => tell(Body::Object(Box::new(value)), text),
                None => tell(Body::Text(text), text),
            },
            Payload::Split(message, split) => tell(Body::Klog(self.split(layers, message, split)), message),
            Payload::Many(text, _) if place.depth == BATCHES => tell(Body::Text(text), text),
            Payload::Many(text, items) => {
                let mut lines = Counter::new(text, place.line);
                for item in items {
                    let place = Place {
                        line: lines.line_of(item),
                        lines: docs::count(item).saturating_add(1),
                        depth: place.depth + 1,
                    };
                    peel::within(item, *layers, &mut |layers, payload| {
                        self.payload(place, layers, payload, evidence, visit);
                    });
                }
            }
            Payload::Text(text) => match klog::apart(text) {
                Some(lines) => lines.for_each(|line| self.line(place, layers, line, evidence, visit)),
                None => self.line(place, layers, text, evidence, visit),
            },
        }
    }

    /// A text that is no JSON as it stands.
    fn line(
        &self,
        place: Place,
        layers: &Layers<'_>,
        text: &str,
        evidence: &mut Option<Evidence>,
        visit: &mut Visit<'_>,
    ) {
        let Ok((rest, header)) = klog::header(text) else {
            match headless(text) {
                Some(line) => self.tell(place, layers, Body::Klog(line), text, visit),
                None => self.unknown(place, layers, text, evidence, visit),
            }
            return;
        };
        if !self.anchor.is_own() && evidence.is_none() {
            *evidence = anchor::in_message(header.written, rest);
        }
        let (message, pairs) = klog::message(rest);
        let line = Klog {
            severity: header.severity,
            at: self.anchor.place(header.written, layers.stamp),
            file: header.file,
            file_line: header.file_line,
            message,
            pairs,
            text,
        };
        self.tell(place, layers, Body::Klog(line), text, visit);
    }

    fn tell(&self, place: Place, layers: &Layers<'_>, body: Body<'_>, raw: &str, visit: &mut Visit<'_>) {
        let outer = Outer {
            at: layers.stamp.map(|stamp| self.anchor.moment(stamp)),
            host: layers.host,
            program: layers.program,
            pod: layers.pod,
        };
        visit(&Record {
            line: place.line,
            lines: place.lines,
            outer,
            body,
            raw,
        });
    }

    /// A text without a header: JSON that was cut, or none.
    fn unknown(
        &self,
        place: Place,
        layers: &Layers<'_>,
        text: &str,
        evidence: &mut Option<Evidence>,
        visit: &mut Visit<'_>,
    ) {
        match self.mended(text) {
            Some(mended) => peel::within(&mended, *layers, &mut |layers, payload| match payload {
                // Mended once is enough: what is still no known JSON is text.
                Payload::Text(inner) if inner.starts_with('{') => {
                    self.tell(place, layers, Body::Text(text), text, visit);
                }
                other => self.payload(place, layers, other, evidence, visit),
            }),
            None => self.tell(place, layers, Body::Text(text), text, visit),
        }
    }

    /// JSON that does not parse, made whole.
    fn mended(&self, text: &str) -> Option<String> {
        let sound = !text.starts_with("{\"") || (text.ends_with('}') && !mend::is_spoilt(text));
        if sound || mend::is_whole(text) {
            return None;
        }
        mend::mend(text, self.json_depth)
    }

    /// A Kubernetes object.
    fn object(&self, text: &str) -> Option<serde_json::Value> {
        if mend::depth(text) > self.json_depth {
            return None;
        }
        serde_json::from_str(text).ok()
    }

    /// A klog line whose header was spread over JSON fields.
    fn split<'a>(&self, layers: &Layers<'_>, message: &'a str, split: &'a Split<'_>) -> Klog<'a> {
        let (taken, mut pairs) = klog::message(message);
        pairs.extend(
            split
                .pairs
                .iter()
                .map(|(key, value)| (key.as_ref(), Cow::Borrowed(value.as_ref()))),
        );
        Klog {
            severity: split.severity,
            at: layers.stamp.map(|stamp| self.anchor.moment(stamp)).unwrap_or_default(),
            file: split.file.rsplit('/').next().unwrap_or(&split.file),
            file_line: split.file_line,
            message: taken,
            pairs,
            text: message,
        }
    }
}

/// A line of a pending operation whose header was left out: the moment until which no retry is permitted, and how long
/// that is, tell when it was written.
fn headless(text: &str) -> Option<Klog<'_>> {
    let message = text.trim_start_matches([' ', '\t', '`', '>', '*', '-']);
    let message = message.strip_prefix("Error: ").unwrap_or(message).trim_end_matches('`');
    let at = message
        .starts_with("Operation for ")
        .then(|| anchor::retry_moment(message));
    Some(Klog {
        severity: Severity::Error,
        at: at.flatten()?,
        file: "",
        file_line: 0,
        message: Cow::Borrowed(message),
        pairs: Vec::new(),
        text,
    })
}

/// The text of a record of several lines.
fn joined(head: &str, whole: &Whole<'_>) -> String {
    let mut text = head.to_owned();
    let mut quotes = Quotes::default();
    quotes.pass(head);
    for (glue, piece) in &whole.more {
        let newline = *glue == Glue::Newline;
        peel::peel(&String::from_utf8_lossy(piece), &mut |_, payload| {
            let piece = payload.text();
            if newline && (!quotes.open || piece.starts_with('\t')) {
                text.push('\n');
                quotes = Quotes::default();
            }
            text.push_str(piece);
            quotes.pass(piece);
        });
    }
    text
}

/// Whether a text ends inside a quoted string of its last line: klog never writes a newline there, so a terminal did.
#[derive(Default)]
struct Quotes {
    open: bool,
    escaped: bool,
}

impl Quotes {
    fn pass(&mut self, text: &str) {
        for byte in text.bytes() {
            match byte {
                b'\n' => *self = Quotes::default(),
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => self.open = !self.open,
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::bundle::Limits;
    use crate::fact::{self, ReadOptions};

    /// What is read of one line, and how long it took.
    fn facts(name: &str, text: &str) -> (usize, std::time::Duration) {
        let place = std::env::temp_dir().join(format!("adtrace-body-{name}-{}", std::process::id()));
        std::fs::write(&place, text).unwrap();
        let begun = std::time::Instant::now();
        let options = ReadOptions {
            limits: Limits::default(),
            ..ReadOptions::default()
        };
        let found = fact::read(std::slice::from_ref(&place), &options).unwrap();
        std::fs::remove_file(&place).unwrap();
        (found.facts.len(), begun.elapsed())
    }

    const LINE: &str = r#"{"log":"I1125 02:15:03.000001 1 a.go:1] Starting attach detach controller\n","time":"2026-11-25T02:15:03Z"}"#;

    fn within(times: usize) -> String {
        format!("{}{LINE}{}\n", r#"{"records":["#.repeat(times), "]}".repeat(times))
    }

    #[test]
    fn batches_within_each_other_are_opened_to_a_depth() {
        assert_eq!(facts("some", &within(5)).0, 1);
        assert_eq!(facts("more", &within(12)).0, 0);
        // Each took a frame of the stack.
        assert_eq!(facts("many", &within(100_000)).0, 0);
    }

    #[test]
    fn a_batch_of_many_is_read_once() {
        let items = vec!["{}"; 300_000].join(",");
        let (found, took) = facts("wide", &format!("{{\"records\":[{items},{LINE}]}}\n"));
        assert_eq!(found, 1);
        assert!(took.as_secs() < 20, "{took:?}");
    }
}
