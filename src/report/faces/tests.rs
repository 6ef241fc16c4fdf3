//! Every face as people and programs see it, and that all of them say what the report says.

use std::collections::BTreeSet;

use serde_json::Value;

use super::brief::Brief;
use super::github::GitHub;
use super::json_lines::JsonLines;
use super::junit::JUnit;
use super::markdown::Markdown;
use super::mermaid::Mermaid;
use super::sarif::Sarif;
use super::viewer::Viewer;
use super::xsd;
use crate::report::html::Html;
use crate::report::json::Json;
use crate::report::terminal::Terminal;
use crate::report::{Divergence, Face, Report, example};

fn show(face: &dyn Face, report: &Report) -> String {
    let mut out = Vec::new();
    face.write(report, &mut out).expect("memory takes everything");
    String::from_utf8(out).expect("UTF-8")
}

macro_rules! snapshots {
    ($($name:ident: $face:expr, $report:expr;)*) => {
        $(#[test]
        fn $name() {
            insta::assert_snapshot!(show(&$face, &$report));
        })*
    };
}

snapshots! {
    brief_has_one_line: Brief, example::founding();
    brief_says_what_is_missing: Brief, example::insufficient();
    json_lines_name_their_record: JsonLines, example::founding();
    markdown_for_a_ticket: Markdown, example::founding();
    markdown_of_a_healthy_report: Markdown, example::healthy();
    annotations_for_a_run: GitHub, example::founding();
    junit_with_a_failure: JUnit, example::founding();
    sarif_with_a_code_flow: Sarif, example::founding();
    mermaid_draws_the_chain: Mermaid, example::founding();
    a_trace_without_lanes_has_the_divergence: Viewer, example::founding();
}

/// What every face must agree on: mechanism, pair, file and line of the operation, the step.
type Key = (String, String, String, String);

fn keys(report: &Report) -> BTreeSet<Key> {
    let key = |divergence: &Divergence| {
        let evidence = divergence.operation.evidence.first().expect("the example has evidence");
        (
            divergence.mechanism.clone(),
            format!("{} on {}", divergence.volume, divergence.node),
            format!("{}:{}", evidence.source, evidence.line),
            divergence.operation.kind.clone(),
        )
    };
    report.divergences.iter().map(key).collect()
}

fn of_json(divergence: &Value) -> Key {
    let text = |value: &Value| value.as_str().expect("a string").to_owned();
    let evidence = &divergence["operation"]["evidence"][0];
    (
        text(&divergence["mechanism"]),
        format!("{} on {}", text(&divergence["volume"]), text(&divergence["node"])),
        format!("{}:{}", text(&evidence["source"]), evidence["line"]),
        text(&divergence["operation"]["kind"]),
    )
}

/// Two divergences, so that a face cannot mix them up unnoticed.
fn two() -> Report {
    let mut report = example::founding();
    let mut other = report.divergences[0].clone();
    other.id = "D2".to_owned();
    other.mechanism = "va-stripped".to_owned();
    other.node = "node-2".to_owned();
    other.operation = other.chain[1].clone();
    report.divergences.push(other);
    report
}

#[test]
fn machines_read_the_same_out_of_every_face() {
    let report = two();
    let wanted = keys(&report);

    let json: Value = serde_json::from_str(&show(&Json, &report)).expect("JSON");
    let of_report: BTreeSet<Key> = json["divergences"]
        .as_array()
        .expect("a list")
        .iter()
        .map(of_json)
        .collect();
    assert_eq!(of_report, wanted, "JSON");

    let lines = show(&JsonLines, &report);
    let lines = lines
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let of_lines: BTreeSet<Key> = lines
        .filter(|line| line["record"] == "divergence")
        .map(|line| of_json(&line))
        .collect();
    assert_eq!(of_lines, wanted, "JSON lines");

    let sarif: Value = serde_json::from_str(&show(&Sarif, &report)).expect("JSON");
    let results = sarif["runs"][0]["results"].as_array().expect("a list");
    let of_sarif: BTreeSet<Key> = results
        .iter()
        .map(|result| {
            let text = |value: &Value| value.as_str().expect("a string").to_owned();
            let properties = &result["properties"];
            let place = &result["locations"][0]["physicalLocation"];
            let path = text(&place["artifactLocation"]["uri"]);
            (
                text(&result["ruleId"]),
                format!("{} on {}", text(&properties["volume"]), text(&properties["node"])),
                format!("{path}:{}", place["region"]["startLine"]),
                text(&properties["operation"]),
            )
        })
        .collect();
    assert_eq!(of_sarif, wanted, "SARIF");

    let trace: Value = serde_json::from_str(&show(&Viewer, &report)).expect("JSON");
    let events = trace["traceEvents"].as_array().expect("a list");
    let of_trace: BTreeSet<Key> = events
        .iter()
        .filter(|event| event["cat"] == "divergence")
        .map(|slice| {
            let mut steps = events
                .iter()
                .filter(|event| event["cat"] == "operation" && event["tid"] == slice["tid"]);
            let step = steps.next().expect("its operation");
            let text = |value: &Value| value.as_str().expect("a string").to_owned();
            (
                text(&slice["name"]),
                format!("{} on {}", text(&slice["args"]["volume"]), text(&slice["args"]["node"])),
                text(&step["args"]["where"][0]),
                text(&step["name"]),
            )
        })
        .collect();
    assert_eq!(of_trace, wanted, "trace");
}

#[test]
fn sarif_is_as_its_schema_says() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/schemas/sarif-2.1.0.json");
    let schema = std::fs::read_to_string(path).expect("the schema is there");
    // One pattern of the published schema lacks an escape, and is no regular expression as it stands.
    let schema = schema.replace("{2}]?$", r"{2}\\]?$");
    let schema: Value = serde_json::from_str(&schema).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("the schema is one");
    for report in [two(), example::healthy(), example::insufficient()] {
        let sarif: Value = serde_json::from_str(&show(&Sarif, &report)).expect("JSON");
        let complaints = validator
            .iter_errors(&sarif)
            .map(|error| format!("{}: {error}", error.instance_path()));
        assert_eq!(complaints.collect::<Vec<_>>(), Vec::<String>::new());
    }
}

#[test]
fn junit_is_as_its_schema_says() {
    for report in [two(), example::healthy(), example::insufficient()] {
        let xml = show(&JUnit, &report);
        assert_eq!(xsd::complaints(xsd::JUNIT, &xml), Vec::<String>::new(), "{xml}");
    }
}

/// For people names are short and words stand for kinds: each face must hold them together, in one line or box.
#[test]
fn people_read_the_same_in_every_face() {
    let report = two();
    let one_line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    for divergence in &report.divergences {
        let pair = format!("pv-1 on {}", divergence.node);
        let evidence = divergence.operation.evidence.first().expect("evidence");
        let place = format!("{}:{}", evidence.source, evidence.line);
        let what = &divergence.operation.what;
        for face in [&Brief as &dyn Face, &GitHub] {
            let shown = show(face, &report);
            let line = shown
                .lines()
                .find(|line| line.contains(&divergence.mechanism))
                .expect("a line");
            assert!(
                [&pair, &place, what].iter().all(|part| line.contains(part.as_str())),
                "{line}"
            );
        }

        let junit = show(&JUnit, &report);
        let case = junit
            .split("<testcase")
            .find(|case| case.contains(&divergence.mechanism))
            .expect("a case");
        let words = what.replace('\'', "&apos;");
        let kind = &divergence.operation.kind;
        let told = [&pair, &place, kind].iter().all(|part| case.contains(part.as_str()));
        assert!(told && (case.contains(what) || case.contains(&words)), "{case}");

        // The short name of the source stands in ticket and page.
        let short = place.rsplit('/').next().expect("a name");
        let markdown = show(&Markdown, &report);
        let all = [divergence.mechanism.as_str(), &pair, short, what];
        assert!(all.iter().all(|part| markdown.contains(part)), "{markdown}");
        let html = show(&Html, &report).replace("&#39;", "'");
        let card = html
            .split("<article")
            .find(|card| card.contains(&divergence.mechanism))
            .expect("a card");
        assert!(all.iter().all(|part| card.contains(part)), "{card}");

        let mermaid = show(&Mermaid, &report);
        let drawing = mermaid
            .split("subgraph")
            .find(|part| part.contains(&divergence.mechanism))
            .expect("a drawing");
        let operation = drawing
            .split("[\"")
            .find(|step| step.starts_with('▶'))
            .expect("the operation");
        assert!(
            drawing.contains(&pair) && operation.contains(&place) && operation.contains(what),
            "{drawing}"
        );

        let terminal = one_line(&show(&Terminal::default(), &report));
        assert!(
            terminal.contains(&divergence.mechanism) && terminal.contains(&pair),
            "{terminal}"
        );
        assert!(terminal.contains(short), "{terminal}");
    }
}

#[test]
fn a_ticket_never_exceeds_its_lines() {
    let mut report = two();
    for count in [2, 7, 90] {
        let one = report.divergences[0].clone();
        report.divergences.resize(count, one);
        report.missing = vec![example::insufficient().missing[0].clone(); count];
        let ticket = show(&Markdown, &report);
        assert!(ticket.lines().count() <= 60, "{count}: {}", ticket.lines().count());
    }
}

#[test]
fn hostile_names_stay_names() {
    let mut report = example::founding();
    let hostile = "a\"b::c,d%0A\n<img src=x>|`@all\u{1b}[2J";
    let divergence = &mut report.divergences[0];
    divergence.node = hostile.to_owned();
    divergence.headline = hostile.to_owned();
    divergence.operation.what = hostile.to_owned();
    divergence.chain[3].what = hostile.to_owned();
    divergence.chain[3].evidence[0].text = hostile.to_owned();
    let faces: [&dyn Face; 7] = [&Brief, &GitHub, &JUnit, &Markdown, &Mermaid, &Sarif, &Viewer];
    for face in faces {
        let text = show(face, &report);
        assert!(!text.contains('\u{1b}'), "{text}");
    }
    assert_eq!(show(&Brief, &report).lines().count(), 1);
    assert_eq!(show(&GitHub, &report).lines().count(), 1);
    for face in [&JUnit as &dyn Face, &Mermaid] {
        assert!(!show(face, &report).contains("<img"));
    }
    let markdown = show(&Markdown, &report);
    let outside: String = markdown.split("~~~").step_by(2).collect();
    assert!(!outside.contains("<img") && !outside.contains("@all"), "{outside}");
}
