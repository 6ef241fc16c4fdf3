//! Texts that hold documents: JSON values that span lines, YAML documents, with lines of other kinds around them.
//!
//! In: the text of a source. Out: its [`Part`]s, and for each document one record for each object or audit event in it,
//! at its own line. `kubectl cluster-info dump` mixes lists and logs, people paste prompts above YAML; what is no
//! document is left to be read as lines.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::{Body, Outer, Record, element, mend};

/// A piece of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part<'t> {
    /// A JSON value.
    Json(&'t str),
    /// The beginning of a JSON value whose end was cut off.
    Cut(&'t str),
    /// A YAML document.
    Yaml(&'t str),
    /// Lines that are none of these.
    Lines(&'t str),
}

impl<'t> Part<'t> {
    /// The part's text.
    #[must_use]
    pub fn text(&self) -> &'t str {
        match self {
            Part::Json(text) | Part::Cut(text) | Part::Yaml(text) | Part::Lines(text) => text,
        }
    }
}

/// What a document gave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Held<'t> {
    /// Objects.
    pub objects: u64,
    /// Audit events.
    pub audit: u64,
    /// What is to be read as lines, each from its line on: it is no document, or one that wraps log lines.
    pub left: Vec<(u32, Cow<'t, str>)>,
}

/// What takes records.
type Visit<'v> = dyn FnMut(&Record<'_>) + 'v;

/// Whether a source's head holds the beginning of a document: worth reading it whole.
#[must_use]
pub fn promises(head: &[u8]) -> bool {
    let text = String::from_utf8_lossy(head);
    let start = text.trim_start_matches('\u{feff}').trim_start();
    begins_json(start) || start.lines().any(is_opening) || looks_like_yaml(start)
}

/// The parts of a text, in order.
#[must_use]
pub fn parts(text: &str) -> Vec<Part<'_>> {
    if looks_like_yaml(text.trim_start()) {
        yaml_parts(text)
    } else {
        json_parts(text)
    }
}

fn offset(text: &str, part: &str) -> usize {
    (part.as_ptr() as usize).saturating_sub(text.as_ptr() as usize)
}

/// Line ends in a text.
#[must_use]
pub fn count(text: &str) -> u32 {
    u32::try_from(memchr::memchr_iter(b'\n', text.as_bytes()).count()).unwrap_or(u32::MAX)
}

/// A line that can only be the beginning of a value printed over several lines.
fn is_opening(line: &str) -> bool {
    matches!(line.trim_end(), "{" | "[")
}

/// Whether a text begins with a JSON value that is no log of one value a line.
fn begins_json(text: &str) -> bool {
    let first = text.lines().next().unwrap_or_default();
    let log = || text.len() > first.len() + 1 && serde_json::from_str::<&RawValue>(first).is_ok();
    text.starts_with(['{', '[']) && !element::is_audit(first.as_bytes()) && !log()
}

fn json_parts(text: &str) -> Vec<Part<'_>> {
    let mut found = Vec::new();
    let (mut from, mut at) = (0, 0);
    let mut vain = text.len().saturating_mul(VAIN).saturating_add(1 << 20);
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let line = rest.split_inclusive('\n').next().unwrap_or(rest);
        let candidate = vain > 0 && (is_opening(line) || at == 0 && begins_json(rest.trim_start()));
        match candidate.then(|| value(rest.trim_start(), &mut vain)).flatten() {
            Some(part) => {
                found.extend(plain(text, from, at));
                found.push(part);
                at = offset(text, part.text()) + part.text().len();
                from = at;
            }
            None => at += line.len(),
        }
    }
    found.extend(plain(text, from, text.len()));
    found
}

/// How often a text is read over in vain at most, looking for values in it: one that holds nothing but openings would
/// be read to its end from each of them.
const VAIN: usize = 16;

/// The JSON value at the beginning of a text; what was read where there is none is taken off `vain`.
fn value<'t>(text: &'t str, vain: &mut usize) -> Option<Part<'t>> {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<&RawValue>();
    match values.next()? {
        Ok(raw) => Some(Part::Json(raw.get())),
        Err(error) if error.is_eof() && text.contains("\"kind\"") => Some(Part::Cut(text)),
        Err(error) => {
            let lines: usize = text.split_inclusive('\n').take(error.line()).map(str::len).sum();
            *vain = vain.saturating_sub(lines.max(1));
            None
        }
    }
}

fn plain(text: &str, from: usize, to: usize) -> Option<Part<'_>> {
    let lines = text.get(from..to).filter(|lines| !lines.trim().is_empty())?;
    Some(Part::Lines(lines))
}

/// Reads a document that is a part of a text and begins at `line` of it.
pub fn read<'t>(part: Part<'t>, line: u32, json_depth: usize, visit: &mut Visit<'_>) -> Held<'t> {
    let mut reader = Reader {
        held: Held::default(),
        depth: json_depth,
        visit,
    };
    match part {
        Part::Json(raw) if mend::depth(raw) > json_depth => {}
        Part::Json(raw) => reader.json(raw, None, &mut Counter::new(raw, line)),
        Part::Cut(raw) => match mend::mend(raw, json_depth) {
            Some(whole) => reader.json(&whole, None, &mut Counter::new(&whole, line)),
            None => reader.held.left.push((line, raw.into())),
        },
        Part::Yaml(document) => reader.yaml(document, line),
        Part::Lines(lines) => reader.held.left.push((line, lines.into())),
    }
    if let (Part::Json(raw), 0) = (part, reader.held.objects + reader.held.audit) {
        reader.held.left.push((line, one_a_line(raw).into()));
    }
    reader.held
}

/// A printed batch with each of its elements on one line, the one it begins at.
fn one_a_line(raw: &str) -> String {
    let items = match element::open(raw) {
        element::Element::Many(items) => items,
        _ => serde_json::from_str::<Vec<&RawValue>>(raw)
            .map_or_else(|_| vec![raw], |items| items.into_iter().map(RawValue::get).collect()),
    };
    let mut lines = Counter::new(raw, 0);
    let (mut text, mut line) = (String::with_capacity(raw.len()), 0);
    for (index, item) in items.into_iter().enumerate() {
        // Of two on one line the second has to take the next.
        let at = lines.line_of(item).max(line + u32::from(index > 0));
        text.extend((line..at).map(|_| '\n'));
        line = at;
        let flat = item.replace(['\n', '\r'], " ");
        let (open, rest) = flat.split_at(flat.len().min(1));
        text.push_str(open);
        text.push_str(rest.trim_start());
    }
    text
}

/// Lines of the parts of a text, counted once from its beginning to its end.
pub struct Counter<'t> {
    text: &'t str,
    at: usize,
    line: u32,
}

impl<'t> Counter<'t> {
    /// A counter for a text that begins at that line.
    #[must_use]
    pub fn new(text: &'t str, line: u32) -> Counter<'t> {
        Counter { text, at: 0, line }
    }

    /// The line of a part that stands behind those asked for before.
    pub fn line_of(&mut self, part: &str) -> u32 {
        let at = offset(self.text, part).max(self.at);
        let passed = count(self.text.get(self.at..at).unwrap_or_default());
        self.line = self.line.saturating_add(passed);
        self.at = at;
        self.line
    }
}

struct Reader<'t, 'r, 'v> {
    held: Held<'t>,
    /// Deepest nesting of a document.
    depth: usize,
    visit: &'r mut Visit<'v>,
}

/// The parts of a list that tell what it is.
#[derive(Deserialize)]
struct Listed<'a> {
    #[serde(default, borrow)]
    kind: Cow<'a, str>,
    #[serde(default, rename = "apiVersion", borrow)]
    api: Cow<'a, str>,
    #[serde(default, borrow)]
    items: Option<Vec<&'a RawValue>>,
}

impl<'t> Reader<'t, '_, '_> {
    /// Reads one value; an item of a list has its kind from there.
    fn json(&mut self, raw: &str, kind: Option<&str>, lines: &mut Counter<'_>) {
        if raw.starts_with('[') {
            for item in serde_json::from_str::<Vec<&RawValue>>(raw).unwrap_or_default() {
                self.json(item.get(), kind, lines);
            }
            return;
        }
        let Ok(listed) = serde_json::from_str::<Listed<'_>>(raw) else {
            return;
        };
        if let Some(items) = listed.items.filter(|_| listed.kind.ends_with("List")) {
            let kind = listed.kind.strip_suffix("List").filter(|kind| !kind.is_empty());
            for item in items {
                self.json(item.get(), kind, lines);
            }
            return;
        }
        let line = lines.line_of(raw);
        if listed.api.starts_with("audit.k8s.io/") || kind == Some("Event") && raw.contains("\"auditID\"") {
            self.held.audit += 1;
            return self.emit(line, raw, Body::Audit(raw));
        }
        let own = Some(listed.kind.as_ref()).filter(|kind| !kind.is_empty());
        if let (Some(kind), Ok(value)) = (own.or(kind), serde_json::from_str(raw)) {
            self.held.objects += 1;
            self.emit(line, raw, object(value, kind));
        }
    }

    fn emit(&mut self, line: u32, raw: &str, body: Body<'_>) {
        (self.visit)(&Record {
            line,
            lines: count(raw.trim_end()) + 1,
            outer: Outer::default(),
            body,
            raw,
        });
    }

    fn yaml(&mut self, document: &'t str, line: u32) {
        let mut lines = Counter::new(document, line);
        let Some((kind, items)) = yaml_items(document) else {
            return self.yaml_object(document, document, line, "");
        };
        for item in items {
            // The dash of the list is the first column of the item's own.
            let own = item.replacen('-', " ", 1);
            self.yaml_object(item, &own, lines.line_of(item), kind);
        }
    }

    fn yaml_object(&mut self, part: &'t str, own: &str, line: u32, kind: &str) {
        let parsed = (!is_maze(own, self.depth)).then(|| serde_norway::from_str::<Value>(own));
        match parsed {
            Some(Ok(value)) if value.is_object() && is_complete(own, &value) => {
                self.held.objects += 1;
                self.emit(line, own, object(value, kind));
            }
            _ => self.held.left.push((line, whole_lines(part).into())),
        }
    }
}

/// Bytes of a YAML document times brackets in it, at most.
const MAZE: usize = 50_000_000_000;

/// Whether the brackets of a YAML document are more than its parser can take: for each word it goes through all that are
/// open. Objects as the API prints them have next to none.
fn is_maze(text: &str, depth: usize) -> bool {
    let (mut open, mut all) = (0_usize, 0_usize);
    for byte in text.bytes() {
        match byte {
            b'[' | b'{' => {
                open += 1;
                all += 1;
                if open > depth {
                    return true;
                }
            }
            b']' | b'}' => open = open.saturating_sub(1),
            _ => {}
        }
    }
    all.saturating_mul(text.len()) > MAZE
}

/// An object; an item of a list is given its kind.
fn object<'a>(mut value: Value, kind: &str) -> Body<'a> {
    if let Some(map) = value.as_object_mut() {
        map.entry("kind").or_insert_with(|| kind.into());
    }
    Body::Object(Box::new(value))
}

fn looks_like_yaml(text: &str) -> bool {
    let head = text.get(..text.floor_char_boundary(4096)).unwrap_or(text);
    let has = |key: &str| head.lines().any(|line| line.starts_with(key));
    has("apiVersion:") && (has("kind:") || has("items:"))
}

/// Documents of a YAML stream: parted by their marks, or by the next `apiVersion:` where people pasted one below the
/// other. Lines before the first key are no part of a document.
fn yaml_parts(text: &str) -> Vec<Part<'_>> {
    let mut found = Vec::new();
    let (mut from, mut at, mut inside) = (0, 0, false);
    for line in text.split_inclusive('\n') {
        let begins = line.starts_with("apiVersion:");
        if begins || is_mark(line) || inside && !is_yaml(line) {
            found.extend(piece(text, from, at, inside));
            (from, inside) = (at, begins);
        }
        at += line.len();
    }
    found.extend(piece(text, from, text.len(), inside));
    found
}

fn is_mark(line: &str) -> bool {
    line.strip_prefix("---")
        .is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\r', '\n']))
}

/// Whether a line can stand in a document as kubectl prints it: indented, an element, a comment, a key.
fn is_yaml(line: &str) -> bool {
    let key = || {
        line.split_once(':')
            .is_some_and(|(key, _)| key.bytes().all(|b| b.is_ascii_alphanumeric()))
    };
    line.trim().is_empty() || line.starts_with([' ', '-', '#']) || key()
}

fn piece(text: &str, from: usize, to: usize, inside: bool) -> Option<Part<'_>> {
    let part = plain(text, from, to)?;
    Some(if inside { Part::Yaml(part.text()) } else { part })
}

/// The items of a list as kubectl prints it, and the kind that the list gives them.
fn yaml_items(document: &str) -> Option<(&str, Vec<&str>)> {
    let key = |name: &str| document.lines().find_map(|line| line.strip_prefix(name));
    let kind = key("kind:").map_or("", str::trim).strip_suffix("List").unwrap_or("");
    let (mut items, mut open, mut at, mut listed) = (Vec::new(), None, 0, false);
    for line in document.split_inclusive('\n') {
        let item = listed && line.starts_with("- ");
        if !line.starts_with(' ') {
            items.extend(open.take().and_then(|from: usize| document.get(from..at)));
        }
        if item {
            open = Some(at);
        }
        listed |= line.trim_end() == "items:";
        at += line.len();
    }
    items.extend(open.and_then(|from| document.get(from..)));
    (!items.is_empty()).then_some((kind, items))
}

/// Whether a text ends within a name: half a name would be a wrong one.
fn is_half(text: &str) -> bool {
    let names = ["ame", "andle", "ID", "id"];
    let last = text.lines().last().unwrap_or_default();
    let key = last.split(": ").next().unwrap_or_default();
    !text.ends_with('\n') && names.iter().any(|name| key.ends_with(name))
}

/// A text without a line that ends within a name.
fn whole_lines(text: &str) -> &str {
    let end = text.trim_end_matches(|c| c != '\n').len();
    if is_half(text) {
        text.get(..end).unwrap_or_default()
    } else {
        text
    }
}

/// Whether an object has all that it is known by. What was cut in its metadata, or within a name, is told line by line.
fn is_complete(text: &str, value: &Value) -> bool {
    let bare = [
        "Node",
        "Pod",
        "VolumeAttachment",
        "PersistentVolume",
        "PersistentVolumeClaim",
        "CSINode",
        "CSIDriver",
    ];
    let kind = value.get("kind").and_then(Value::as_str).unwrap_or_default();
    !is_half(text) && (value.get("spec").is_some() || !bare.contains(&kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Line and name of each object of a text, and what is left as lines.
    fn read_all(text: &str) -> (Vec<(u32, String)>, Vec<String>) {
        let (mut found, mut left) = (Vec::new(), Vec::new());
        let mut lines = Counter::new(text, 1);
        for part in parts(text) {
            let held = read(part, lines.line_of(part.text()), 99, &mut |record| {
                let name = match &record.body {
                    Body::Object(value) => format!("{} {}", value["kind"], value["metadata"]["name"]).replace('"', ""),
                    Body::Audit(_) => "audit".to_owned(),
                    Body::Klog(_) | Body::Text(_) => unreachable!("a document holds no lines"),
                };
                found.push((record.line, name));
            });
            left.extend(held.left.into_iter().map(|(_, text)| text.trim().to_owned()));
        }
        (found, left)
    }

    fn own(found: &[(u32, &str)]) -> Vec<(u32, String)> {
        found.iter().map(|(line, name)| (*line, (*name).to_owned())).collect()
    }

    #[test]
    fn lists_and_logs_come_mixed() {
        let text = "{\n \"kind\": \"PodList\",\n \"items\": [\n {\"metadata\": {\"name\": \"a\"}},\n {\"metadata\": {\"name\": \"b\"}}\n]}\n\
            ==== START logs ====\n{\"level\":\"info\"}\nI1123 x\n{\n\"kind\":\"Node\",\"metadata\":{\"name\":\"n\"}}\nend\n";
        let (found, left) = read_all(text);
        assert_eq!(found, own(&[(4, "Pod a"), (5, "Pod b"), (10, "Node n")]));
        assert_eq!(left, ["==== START logs ====\n{\"level\":\"info\"}\nI1123 x", "end"]);
    }

    #[test]
    fn a_cut_list_gives_its_whole_items() {
        let text = "{\n\"kind\":\"List\",\"items\":[\n{\"kind\":\"Node\",\"metadata\":{\"name\":\"n\"}},\n{\"kind\":\"Node\",\"metadata\":{\"name\":\"hal";
        assert_eq!(read_all(text).0, own(&[(3, "Node n"), (4, "Node null")]));
    }

    #[test]
    fn audit_lists_are_events() {
        for text in [
            "{\"kind\":\"EventList\",\"apiVersion\":\"audit.k8s.io/v1\",\n\"items\":[{\"auditID\":\"1\"},\n{\"auditID\":\"2\"}]}",
            "[\n{\"kind\":\"Event\",\"apiVersion\":\"audit.k8s.io/v1\"},{\"kind\":\"Event\",\"apiVersion\":\"audit.k8s.io/v1\"}\n]",
        ] {
            assert_eq!(
                read_all(text).0.iter().filter(|(_, name)| name == "audit").count(),
                2,
                "{text}"
            );
        }
    }

    #[test]
    fn a_printed_batch_of_log_lines_has_one_a_line() {
        let text = "{\n  \"events\": [\n    {\n      \"message\": \"a\"\n    },\n    {\"message\": \"b\"}\n  ]\n}\n";
        let [part] = parts(text)[..] else { panic!("one part") };
        let held = read(part, 1, 99, &mut |_| ());
        let [(1, left)] = held.left.as_slice() else {
            panic!("{held:?}")
        };
        let lines: Vec<(usize, &str)> = left.lines().enumerate().filter(|(_, line)| !line.is_empty()).collect();
        assert_eq!(lines, [(2, "{\"message\": \"a\"     }"), (5, "{\"message\": \"b\"}")]);
    }

    const VA: &str =
        "apiVersion: storage.k8s.io/v1\nkind: VolumeAttachment\nmetadata:\n  name: v\nspec:\n  nodeName: n\n";

    #[test]
    fn yaml_below_a_prompt_is_an_object() {
        let (found, left) = read_all(&format!("$ kubectl get volumeattachment v -o yaml\n{VA}{VA}---\n{VA}"));
        let one = "VolumeAttachment v";
        assert_eq!(found, own(&[(2, one), (8, one), (15, one)]));
        assert_eq!(left, ["$ kubectl get volumeattachment v -o yaml", "---"]);
    }

    #[test]
    fn items_of_a_yaml_list_stand_at_their_own_lines() {
        let item = VA
            .lines()
            .map(|line| format!("  {line}\n"))
            .collect::<String>()
            .replacen(' ', "-", 1);
        let (found, left) = read_all(&format!("apiVersion: v1\nitems:\n{item}{item}kind: List\n"));
        assert_eq!(found, own(&[(3, "VolumeAttachment v"), (9, "VolumeAttachment v")]));
        assert!(left.is_empty(), "{left:?}");
    }

    #[test]
    fn an_object_cut_in_its_metadata_or_a_name_is_left_as_lines() {
        let cut = VA.split_once("spec").unwrap().0;
        assert_eq!(read_all(cut), (vec![], vec![cut.trim().to_owned()]));
        let half = VA.split_once("  nodeName").unwrap().0;
        assert_eq!(read_all(VA.trim_end()), (vec![], vec![half.trim().to_owned()]));
    }

    #[test]
    fn a_text_of_openings_is_not_read_from_each_of_them() {
        let begun = std::time::Instant::now();
        let text = "[\n".repeat(200_000);
        assert_eq!(read_all(&text).0, vec![]);
        let text = "{\n\"a\":\n".repeat(200_000);
        assert_eq!(read_all(&text).0, vec![]);
        assert!(begun.elapsed().as_secs() < 20, "{:?}", begun.elapsed());
    }

    #[test]
    fn a_maze_of_brackets_is_left_as_lines() {
        let begun = std::time::Instant::now();
        for bracket in ["[", "[\n #]\n"] {
            let text = format!("apiVersion: v1\nkind: Node\nspec: {}\n", bracket.repeat(300_000));
            assert_eq!(read_all(&text).0, vec![]);
        }
        assert!(begun.elapsed().as_secs() < 20, "{:?}", begun.elapsed());
        let annotated = VA.replace("spec:", "data: '{\"a\":[{\"b\":{}}]}'\nspec:");
        assert_eq!(read_all(&annotated).0, own(&[(1, "VolumeAttachment v")]));
    }

    proptest::proptest! {
        #[test]
        fn every_line_of_a_text_is_in_one_part(lines in proptest::collection::vec(
            proptest::sample::select(vec!["{", "}", "[", "]", "\"kind\": 1", "apiVersion: v1", "kind: Node", "- a", "  b: c", "---", "x"]), 0..20)
        ) {
            let text = lines.join("\n");
            let inside: String = parts(&text).iter().map(super::Part::text).collect();
            let bare = |text: &str| text.split_whitespace().map(str::to_owned).collect::<String>();
            proptest::prop_assert_eq!(bare(&inside), bare(&text));
            let _ = read_all(&text);
        }
    }
}
