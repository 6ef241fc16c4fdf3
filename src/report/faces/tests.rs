//! Every face as people and programs see it, and what bounds and hostile names do to it. That all of them say what the
//! report says is tested in `equal`, their formats here, in `forms` and in `xsd`.

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
use crate::report::{Face, Report, example};

pub fn show(face: &dyn Face, report: &Report) -> String {
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

/// Two divergences, so that a face cannot mix them up unnoticed.
pub fn two() -> Report {
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

/// A report whose names are meant to break out of whatever holds them.
pub fn hostile() -> Report {
    let mut report = example::founding();
    let hostile = "a\"b::c,d%0A\n<img src=x>|`@all\u{1b}[2J";
    let divergence = &mut report.divergences[0];
    divergence.node = hostile.to_owned();
    divergence.headline = hostile.to_owned();
    divergence.operation.what = hostile.to_owned();
    divergence.chain[3].what = hostile.to_owned();
    divergence.chain[3].evidence[0].text = hostile.to_owned();
    report
}

#[test]
fn hostile_names_stay_names() {
    let report = hostile();
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
