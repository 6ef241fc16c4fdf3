//! Formats without a published schema, checked against the rules that their readers document.
//!
//! In: what the faces write of the founding recording and of a report with hostile names. Looked at: GitHub's workflow
//! commands (command, properties, escapes), the trace event format (fields of each phase, slices that nest, flows that
//! end), Mermaid's flowcharts and Graphviz' DOT (every line or token in its place, every name known). `JUnit` and SARIF
//! have schemas: `xsd` and the tests beside this one.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;

use super::tests::{hostile, show, two};
use super::{github::GitHub, mermaid::Mermaid, viewer::Viewer};
use crate::ask::timeline::{About, reported};
use crate::ask::{CauseGraph, causes, dot, mermaid};
use crate::report::text::Sources;
use crate::report::{Report, example};
use crate::{Case, Options};

fn founding() -> Case {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/FOUNDING");
    Case::open(&[path], &Options::default()).expect("the recording reads")
}

fn reports() -> Vec<Report> {
    let whole = reported(&founding(), &About::default());
    vec![whole, two(), hostile(), example::healthy(), example::insufficient()]
}

/// Whether every % begins an escape that workflow commands know.
fn escapes(text: &str, known: &[&str]) -> bool {
    let mut parts = text.split('%');
    parts.next();
    parts.all(|part| known.iter().any(|code| part.starts_with(code)))
}

#[test]
fn annotations_are_workflow_commands() {
    for line in reports().iter().flat_map(|report| {
        let shown = show(&GitHub, report);
        shown.lines().map(str::to_owned).collect::<Vec<_>>()
    }) {
        let rest = line.strip_prefix("::").expect("a command");
        let (command, message) = rest.split_once("::").expect("a message");
        let (level, properties) = command.split_once(' ').expect("properties");
        assert!(["error", "warning", "notice"].contains(&level), "{line}");
        for property in properties.split(',') {
            let (name, value) = property.split_once('=').expect("a value");
            assert!(["file", "line", "title"].contains(&name), "{line}");
            assert!(name != "line" || value.parse::<u32>().is_ok(), "{line}");
            assert!(!value.contains(':'), "{line}");
            assert!(escapes(value, &["25", "0D", "0A", "3A", "2C"]), "{line}");
        }
        assert!(escapes(message, &["25", "0D", "0A"]), "{line}");
    }
}

/// Slices of one thread, begin and end, either apart or one within the other.
fn nest(slices: &mut [(i64, i64)]) -> bool {
    slices.sort_by_key(|(from, to)| (*from, -*to));
    let mut open: Vec<i64> = Vec::new();
    slices.iter().all(|(from, to)| {
        open.retain(|end| end > from);
        let within = open.last().is_none_or(|end| to <= end);
        open.push(*to);
        within
    })
}

#[test]
fn traces_are_in_the_trace_event_format() {
    for report in reports() {
        let trace: Value = serde_json::from_str(&show(&Viewer, &report)).expect("JSON");
        let events = trace["traceEvents"].as_array().expect("a list");
        let mut slices: BTreeMap<(u64, u64), Vec<(i64, i64)>> = BTreeMap::new();
        let mut flows: BTreeMap<u64, (Option<i64>, Option<i64>)> = BTreeMap::new();
        for event in events {
            let number = |field: &str| event[field].as_i64().unwrap_or_else(|| panic!("{field}: {event}"));
            let thread = (event["pid"].as_u64().expect("pid"), event["tid"].as_u64().expect("tid"));
            assert!(event["name"].as_str().is_some_and(|name| !name.is_empty()), "{event}");
            match event["ph"].as_str().expect("a phase") {
                "M" => {
                    let known = ["process_name", "thread_name"].contains(&event["name"].as_str().expect("a name"));
                    assert!(known && event["args"]["name"].is_string(), "{event}");
                }
                "X" => {
                    assert!(number("dur") >= 0, "{event}");
                    slices
                        .entry(thread)
                        .or_default()
                        .push((number("ts"), number("ts") + number("dur")));
                }
                "i" => {
                    assert!(number("ts") >= 0 && ["g", "p", "t"].contains(&event["s"].as_str().expect("a scope")));
                }
                "s" => flows.entry(event["id"].as_u64().expect("an id")).or_default().0 = Some(number("ts")),
                "f" => flows.entry(event["id"].as_u64().expect("an id")).or_default().1 = Some(number("ts")),
                other => panic!("{other} is no phase of ours"),
            }
        }
        assert!(
            slices.values_mut().all(|slices| nest(slices)),
            "slices of a thread must nest"
        );
        for (id, flow) in flows {
            assert!(
                matches!(flow, (Some(from), Some(to)) if from <= to),
                "flow {id}: {flow:?}"
            );
        }
    }
}

/// A node's name, its label taken off: `d0s1["…"]:::key`.
fn mermaid_node(line: &str) -> Option<&str> {
    let (name, rest) = line.split_once("[\"")?;
    let (label, end) = rest.split_once("\"]")?;
    let tags = label.split('<').skip(1).all(|part| part.starts_with("br>"));
    let plain = tags && !label.contains(['"', '`', '\\']) && !label.replace("<br>", "").contains('>');
    let named = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric());
    (plain && named && ["", ":::key"].contains(&end)).then_some(name)
}

/// A flowchart's lines: nodes, subgraphs that end, edges between nodes that are there.
fn check_mermaid(text: &str) {
    let mut lines = text.lines();
    assert!(matches!(lines.next(), Some("flowchart TD" | "flowchart LR")), "{text}");
    let (mut nodes, mut edges, mut depth) = (BTreeSet::new(), Vec::new(), 0);
    for line in lines.map(str::trim) {
        if let Some(graph) = line.strip_prefix("subgraph ") {
            assert!(mermaid_node(graph).is_some(), "{line}");
            depth += 1;
        } else if line == "end" {
            depth -= 1;
        } else if let Some(name) = mermaid_node(line) {
            nodes.insert(name);
        } else if !line.starts_with("classDef key ") {
            let words: Vec<&str> = line.split(' ').collect();
            let [from, edge, to] = words[..] else { panic!("{line}") };
            let label = edge.strip_prefix("-->").map(|label| label.trim_matches('|'));
            let plain = |label: &str| label.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
            assert!(edge == "-.->" || label.is_some_and(plain), "{line}");
            edges.extend([from, to]);
        }
        assert!(depth >= 0, "{text}");
    }
    assert_eq!(depth, 0, "{text}");
    assert!(edges.iter().all(|name| nodes.contains(name)), "{text}");
}

#[test]
fn drawings_are_flowcharts() {
    for report in reports() {
        check_mermaid(&show(&Mermaid, &report));
    }
    let (graph, sources) = (graph_of(&founding()), founding().inputs());
    let mut text = Vec::new();
    mermaid::write(&graph, &Sources::of(&sources), &mut text).expect("memory takes everything");
    check_mermaid(&String::from_utf8(text).expect("UTF-8"));
}

fn graph_of(case: &Case) -> CauseGraph {
    let (run, _) = case.replay();
    CauseGraph::of(case, &run, &causes::causes(case, &run, None, None))
}

/// DOT's tokens: words, quoted texts, signs. A text that does not end, or a sign that DOT does not know, is a fault.
fn dot_tokens(text: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '"' => {
                let mut escaped = false;
                let end = rest.char_indices().skip(1).find(|(_, c)| {
                    let ends = *c == '"' && !escaped;
                    escaped = *c == '\\' && !escaped;
                    ends
                });
                end.expect("the text ends").0 + 1
            }
            '-' => {
                assert!(rest.starts_with("->"), "{rest}");
                2
            }
            '{' | '}' | '[' | ']' | '=' | ',' | ';' => 1,
            c if c.is_ascii_alphanumeric() || c == '_' => {
                let word = |c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '.');
                rest.find(word).unwrap_or(rest.len())
            }
            other => panic!("{other:?} is no sign of DOT"),
        };
        let (token, behind) = rest.split_at(length);
        tokens.push(token.to_owned());
        rest = behind.trim_start();
    }
    tokens
}

/// Takes `[a=b, c=d]` where it stands.
fn dot_attributes(tokens: &[String]) -> &[String] {
    let Some((first, mut rest)) = tokens.split_first().filter(|(first, _)| *first == "[") else {
        return tokens;
    };
    assert_eq!(first, "[");
    loop {
        let [_, equals, _, sign, ..] = rest else {
            panic!("attributes end: {rest:?}")
        };
        assert_eq!(equals, "=");
        rest = &rest[4..];
        match sign.as_str() {
            "]" => return rest,
            other => assert_eq!(other, ","),
        }
    }
}

/// Statements up to the bracket that ends them: subgraphs, edges, settings, nodes.
fn dot_statements<'t>(mut tokens: &'t [String], nodes: &mut BTreeSet<String>, edges: &mut Vec<String>) -> &'t [String] {
    loop {
        let words: Vec<&str> = tokens.iter().take(3).map(String::as_str).collect();
        tokens = match words[..] {
            ["}", ..] => return &tokens[1..],
            ["subgraph", _, "{"] => dot_statements(&tokens[3..], nodes, edges),
            [from, "->", to] => {
                edges.extend([from.to_owned(), to.to_owned()]);
                dot_attributes(&tokens[3..])
            }
            [_, "=", _] => &tokens[3..],
            ["node" | "edge", "[", _] => dot_attributes(&tokens[1..]),
            [node, "[", _] => {
                nodes.insert(node.to_owned());
                dot_attributes(&tokens[1..])
            }
            _ => panic!("no statement: {words:?}"),
        };
        if tokens.first().is_some_and(|token| token == ";") {
            tokens = &tokens[1..];
        }
    }
}

#[test]
fn the_causal_graph_is_dot() {
    let case = founding();
    let mut graph = graph_of(&case);
    // A name from a bundle may hold anything.
    graph.events[0].step.what = "a\"]; b -> c\\\n{".to_owned();
    let mut text = Vec::new();
    dot::write(&graph, &Sources::of(&case.inputs()), &mut text).expect("memory takes everything");
    let tokens = dot_tokens(&String::from_utf8(text).expect("UTF-8"));
    assert_eq!(tokens[..3], ["digraph", "causes", "{"]);
    let (mut nodes, mut edges) = (BTreeSet::new(), Vec::new());
    let rest = dot_statements(&tokens[3..], &mut nodes, &mut edges);
    assert!(rest.is_empty(), "{rest:?}");
    assert_eq!((nodes.len(), edges.len()), (graph.events.len(), 2 * graph.edges.len()));
    assert!(edges.iter().all(|name| nodes.contains(name)));
}
