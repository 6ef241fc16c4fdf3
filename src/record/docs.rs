//! Sources that are documents as a whole: JSON values one after the other, YAML documents, tables of neither.
//!
//! In: the text of a source. Out: one record for each object; `List`s stay one object, audit `EventList`s give one audit
//! record for each event.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Body, Outer, Record, Summary, element};

/// Whether a source's head looks like documents: worth reading it whole to see.
#[must_use]
pub fn promises(head: &[u8]) -> bool {
    let text = String::from_utf8_lossy(head);
    let start = text.trim_start_matches('\u{feff}').trim_start();
    (start.starts_with(['{', '[']) && !is_line_by_line(start)) || looks_like_yaml(start)
}

/// Reads the source as documents; `false` where it is none and lines should be tried.
pub fn read(text: &str, summary: &mut Summary, visit: &mut dyn FnMut(&Record<'_>)) -> bool {
    let start = text.trim_start_matches('\u{feff}').trim_start();
    if start.starts_with(['{', '[']) && !is_line_by_line(start) {
        return json(text, start, summary, visit);
    }
    looks_like_yaml(start) && yaml(text, summary, visit)
}

/// One JSON value a line: a log, not a document.
fn is_line_by_line(text: &str) -> bool {
    let first = text.lines().next().unwrap_or_default();
    text.len() > first.len() + 1 && serde_json::from_str::<&RawValue>(first).is_ok()
        || element::is_audit(first.as_bytes())
}

fn line_at(text: &str, part: &str) -> u32 {
    let at = (part.as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
    count(text.get(..at).unwrap_or_default()) + 1
}

fn count(text: &str) -> u32 {
    u32::try_from(memchr::memchr_iter(b'\n', text.as_bytes()).count()).unwrap_or(u32::MAX)
}

fn json(text: &str, start: &str, summary: &mut Summary, visit: &mut dyn FnMut(&Record<'_>)) -> bool {
    let mut values = serde_json::Deserializer::from_str(start).into_iter::<&RawValue>();
    let mut any = false;
    for value in values.by_ref() {
        let Ok(raw) = value else { break };
        any |= document(text, raw.get(), summary, visit);
    }
    any
}

/// The parts of a list that tell what it is.
#[derive(Deserialize)]
struct Listed<'a> {
    #[serde(default, borrow)]
    kind: std::borrow::Cow<'a, str>,
    #[serde(default, rename = "apiVersion", borrow)]
    api: std::borrow::Cow<'a, str>,
    #[serde(default, borrow)]
    items: Vec<&'a RawValue>,
}

fn document(text: &str, raw: &str, summary: &mut Summary, visit: &mut dyn FnMut(&Record<'_>)) -> bool {
    if raw.starts_with('[') {
        let Ok(items) = serde_json::from_str::<Vec<&RawValue>>(raw) else {
            return false;
        };
        return items
            .into_iter()
            .fold(false, |any, item| document(text, item.get(), summary, visit) | any);
    }
    let Ok(listed) = serde_json::from_str::<Listed<'_>>(raw) else {
        return false;
    };
    if listed.api.starts_with("audit.k8s.io/") {
        found("audit", summary);
        if listed.kind == "EventList" {
            listed
                .items
                .iter()
                .for_each(|item| emit(text, item.get(), Body::Audit(item.get()), visit));
        } else {
            emit(text, raw, Body::Audit(raw), visit);
        }
        return true;
    }
    let Ok(value) = serde_json::from_str(raw) else {
        return false;
    };
    if listed.kind.is_empty() {
        return false;
    }
    found("objects", summary);
    emit(text, raw, Body::Object(Box::new(value)), visit);
    true
}

/// Says what the source is.
fn found(format: &'static str, summary: &mut Summary) {
    summary.format = format;
    "it holds whole documents".clone_into(&mut summary.because);
}

fn emit(text: &str, raw: &str, body: Body<'_>, visit: &mut dyn FnMut(&Record<'_>)) {
    let record = Record {
        line: line_at(text, raw),
        lines: count(raw) + 1,
        outer: Outer::default(),
        body,
        raw,
    };
    visit(&record);
}

fn looks_like_yaml(text: &str) -> bool {
    let head = text.get(..text.len().min(4096)).unwrap_or(text);
    head.lines().any(|line| line.starts_with("apiVersion:")) && head.lines().any(|line| line.starts_with("kind:"))
        || head.starts_with("---\n") && head.contains("\napiVersion:")
        || head.starts_with("apiVersion:")
}

fn yaml(text: &str, summary: &mut Summary, visit: &mut dyn FnMut(&Record<'_>)) -> bool {
    let mut any = false;
    let mut line = 1;
    for part in split_yaml(text) {
        let lines = count(part).max(1);
        if let Ok(value) = serde_norway::from_str::<serde_json::Value>(part)
            && value.is_object()
        {
            let lead = part
                .lines()
                .take_while(|l| l.trim().is_empty() || l.starts_with("---"))
                .count();
            let begin = line + u32::try_from(lead).unwrap_or(0);
            visit(&Record {
                line: begin,
                lines,
                outer: Outer::default(),
                body: Body::Object(Box::new(value)),
                raw: part,
            });
            any = true;
        }
        line += count(part);
    }
    if any {
        found("objects", summary);
    }
    any
}

/// Documents of a YAML stream, each with its separator line.
fn split_yaml(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut from = 0;
    for at in memchr::memmem::find_iter(text.as_bytes(), b"\n---") {
        let after = text.as_bytes().get(at + 4).copied();
        if matches!(after, None | Some(b'\n' | b' ' | b'\r')) {
            parts.push(text.get(from..=at).unwrap_or_default());
            from = at + 1;
        }
    }
    parts.push(text.get(from..).unwrap_or_default());
    parts
}
