//! Mechanism, pair, `file:line` and step, read back out of every face, are the report's.
//!
//! In: a report with several divergences, and what each face makes of it. Each face has its own reader here, which takes
//! the four out of the one place where the face tells of a divergence; a set that differs from the report's is a fault.
//! The machines' faces name volume and kind of step, the people's the short name and the step's words. The page is read
//! without its script; what its script draws is looked at in a browser (`tests/page.rs`).

use std::collections::BTreeSet;

use serde_json::Value;

use super::tests::{show, two};
use super::{brief, github, json_lines, junit, markdown, mermaid, sarif, viewer};
use crate::report::html::Html;
use crate::report::json::Json;
use crate::report::terminal::Terminal;
use crate::report::{Divergence, Report};

/// Mechanism, pair, place of the operation, the operation.
type Key = (String, String, String, String);

fn key(parts: [&str; 4]) -> Key {
    let [mechanism, pair, place, step] = parts.map(str::to_owned);
    (mechanism, pair, place, step)
}

fn place(divergence: &Divergence) -> String {
    let evidence = divergence.operation.evidence.first().expect("the example has evidence");
    format!("{}:{}", evidence.source, evidence.line)
}

/// What the report says, in the names of programs.
fn for_programs(report: &Report) -> BTreeSet<Key> {
    let one = |divergence: &Divergence| {
        let pair = format!("{} on {}", divergence.volume, divergence.node);
        key([
            &divergence.mechanism,
            &pair,
            &place(divergence),
            &divergence.operation.kind,
        ])
    };
    report.divergences.iter().map(one).collect()
}

/// What the report says, in the names of people.
fn for_people(report: &Report, whole_paths: bool) -> BTreeSet<Key> {
    let one = |divergence: &Divergence| {
        let pair = format!("pv-1 on {}", divergence.node);
        let place = place(divergence);
        let short = place.rsplit('/').next().expect("a name");
        let place = if whole_paths { &place } else { short };
        key([&divergence.mechanism, &pair, place, &divergence.operation.what])
    };
    report.divergences.iter().map(one).collect()
}

/// What stands between two marks; the end of the text where the second does not come.
fn between<'t>(text: &'t str, from: &str, to: &str) -> &'t str {
    let (_, rest) = text.split_once(from).unwrap_or_else(|| panic!("{from} in {text}"));
    rest.split_once(to).map_or(rest, |(found, _)| found)
}

/// Words with one space between them, and without the mark of an inferred step.
fn words(text: &str) -> String {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    words.trim_end_matches(" (inferred)").to_owned()
}

fn string(value: &Value) -> &str {
    value.as_str().expect("a string")
}

fn object(divergence: &Value) -> Key {
    let evidence = &divergence["operation"]["evidence"][0];
    key([
        string(&divergence["mechanism"]),
        &format!("{} on {}", string(&divergence["volume"]), string(&divergence["node"])),
        &format!("{}:{}", string(&evidence["source"]), evidence["line"]),
        string(&divergence["operation"]["kind"]),
    ])
}

#[test]
fn json_says_what_the_report_says() {
    let json: Value = serde_json::from_str(&show(&Json, &two())).expect("JSON");
    let found = json["divergences"].as_array().expect("a list").iter().map(object);
    assert_eq!(found.collect::<BTreeSet<_>>(), for_programs(&two()));
}

#[test]
fn json_lines_say_what_the_report_says() {
    let shown = show(&json_lines::JsonLines, &two());
    let lines = shown
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let found = lines
        .filter(|line| line["record"] == "divergence")
        .map(|line| object(&line));
    assert_eq!(found.collect::<BTreeSet<_>>(), for_programs(&two()));
}

#[test]
fn sarif_says_what_the_report_says() {
    let sarif: Value = serde_json::from_str(&show(&sarif::Sarif, &two())).expect("JSON");
    let results = sarif["runs"][0]["results"].as_array().expect("a list");
    let found = results.iter().map(|result| {
        let properties = &result["properties"];
        let place = &result["locations"][0]["physicalLocation"];
        let path = string(&place["artifactLocation"]["uri"]);
        key([
            string(&result["ruleId"]),
            &format!("{} on {}", string(&properties["volume"]), string(&properties["node"])),
            &format!("{path}:{}", place["region"]["startLine"]),
            string(&properties["operation"]),
        ])
    });
    assert_eq!(found.collect::<BTreeSet<_>>(), for_programs(&two()));
}

#[test]
fn the_trace_says_what_the_report_says() {
    let trace: Value = serde_json::from_str(&show(&viewer::Viewer, &two())).expect("JSON");
    let events = trace["traceEvents"].as_array().expect("a list");
    let slices = events.iter().filter(|event| event["cat"] == "divergence");
    let found = slices.map(|slice| {
        let mut steps = events
            .iter()
            .filter(|event| event["cat"] == "operation" && event["tid"] == slice["tid"]);
        let step = steps.next().expect("its operation");
        let args = &slice["args"];
        key([
            string(&slice["name"]),
            &format!("{} on {}", string(&args["volume"]), string(&args["node"])),
            string(&step["args"]["where"][0]),
            string(&step["name"]),
        ])
    });
    assert_eq!(found.collect::<BTreeSet<_>>(), for_programs(&two()));
}

#[test]
fn brief_says_what_the_report_says() {
    let shown = show(&brief::Brief, &two());
    let found = shown.lines().map(|line| {
        // "stuck open pv-1 on node-1 since STAMP: MECHANISM (proven) at PLACE: ACTOR STEP"
        let pair = line.splitn(3, ' ').nth(2).expect("the pair");
        let (_, told) = line.split_once("Z: ").expect("a stamp");
        let (at, step) = between(told, " at ", "\n").split_once(": ").expect("a place");
        key([
            between(told, "", " ("),
            between(pair, "", " since "),
            at,
            step.split_once(' ').expect("an actor").1,
        ])
    });
    assert_eq!(found.collect::<BTreeSet<_>>(), for_people(&two(), true));
}

#[test]
fn annotations_say_what_the_report_says() {
    let shown = show(&github::GitHub, &two());
    let plain = |text: &str| {
        let text = text.replace("%3A", ":").replace("%2C", ",").replace("%0A", "\n");
        text.replace("%25", "%")
    };
    let found = shown.lines().map(|line| {
        let (path, number) = (between(line, "file=", ","), between(line, "line=", ","));
        let title = plain(between(line, "title=", "::"));
        let (mechanism, pair) = title.split_once(": ").expect("a pair");
        let message = plain(line.rsplit("::").next().expect("a message"));
        let told = message.lines().last().expect("the step").splitn(3, ' ').nth(2);
        let (step, at) = told.expect("words").rsplit_once(" (").expect("a place");
        let place = format!("{}:{number}", plain(path));
        assert_eq!(at, format!("{place})"));
        key([mechanism, pair, &place, step])
    });
    assert_eq!(found.collect::<BTreeSet<_>>(), for_people(&two(), true));
}

#[test]
fn junit_says_what_the_report_says() {
    let shown = show(&junit::JUnit, &two());
    let document = roxmltree::Document::parse(&shown).expect("XML");
    let cases = document.descendants().filter(|node| node.has_tag_name("testcase"));
    let found = cases.map(|case| {
        let failure = case.first_element_child().expect("a failure");
        let mut lines = failure.text().expect("words").lines();
        let (told, proof) = (lines.next().expect("the operation"), lines.next().expect("its line"));
        assert!(told.starts_with("operation "), "{told}");
        key([
            case.attribute("classname").expect("a class"),
            case.attribute("name").expect("a name"),
            between(proof.trim(), "", ": "),
            told.splitn(5, ' ').nth(4).expect("the step"),
        ])
    });
    assert_eq!(found.collect::<BTreeSet<_>>(), for_people(&two(), true));
}

#[test]
fn a_ticket_says_what_the_report_says() {
    let shown = show(&markdown::Markdown, &two());
    let found = shown.split("\n**D").skip(1).map(|part| {
        let entry = part.lines().next().expect("an entry");
        let row = part
            .lines()
            .find(|line| line.starts_with("| ▶"))
            .expect("the operation");
        let cells: Vec<&str> = row.split(" | ").collect();
        let at = cells[4].trim_end_matches(" |");
        key([
            between(entry, "(`", "`"),
            between(entry, "open: ", "**"),
            // The row names all lines, the first of them is the key's.
            between(at, "", "-"),
            &words(cells[3]),
        ])
    });
    let mut wanted = for_people(&two(), false);
    // "kube-controller-manager.log" has dashes of its own.
    wanted = wanted
        .into_iter()
        .map(|(m, p, at, s)| (m, p, between(&at, "", "-").to_owned(), s))
        .collect();
    assert_eq!(found.collect::<BTreeSet<_>>(), wanted);
    for (_, _, at, _) in for_people(&two(), false) {
        assert!(shown.contains(&format!("| {at}")), "{at} in {shown}");
    }
}

#[test]
fn many_divergences_in_a_ticket_say_what_the_report_says() {
    let mut report = two();
    let (first, second) = (report.divergences[0].clone(), report.divergences[1].clone());
    report.divergences = vec![first.clone(), second, first];
    let shown = show(&markdown::Markdown, &report);
    let lines = shown.lines().filter(|line| line.starts_with("* **D"));
    let found = lines.map(|line| {
        let told = line.rsplit("; ").next().expect("the step");
        let (step, at) = told.rsplit_once(" at ").expect("a place");
        key([
            between(line, "(`", "`"),
            between(line, "open: ", "**"),
            &at.replace('\\', ""),
            step.split_once(' ').expect("an actor").1,
        ])
    });
    assert_eq!(found.collect::<BTreeSet<_>>(), for_people(&report, true));
}

#[test]
fn a_drawing_says_what_the_report_says() {
    let shown = show(&mermaid::Mermaid, &two());
    let found = shown.split("subgraph ").skip(1).map(|part| {
        let title = between(part, "[\"", "\"]");
        let (_, title) = title.split_once(' ').expect("an id");
        let (mechanism, pair) = title.split_once(": ").expect("a pair");
        let label: Vec<&str> = between(part, "[\"▶ ", "\"]").split("<br>").collect();
        key([mechanism, pair, label[2].trim_start_matches("inferred from "), label[1]])
    });
    assert_eq!(found.collect::<BTreeSet<_>>(), for_people(&two(), true));
}

#[test]
fn the_page_says_what_the_report_says() {
    let shown = show(&Html, &two()).replace("&#39;", "'");
    let found = shown.split("<article ").skip(1).map(|card| {
        let step = between(card, "title=\"operation\">▶", "</li>");
        let (_, what) = between(step, "<span class=\"who\">", "</span><details>")
            .split_once("</span> ")
            .expect("an actor");
        key([
            between(card, "<code>", "</code>"),
            card.split(" · ").nth(2).expect("a pair"),
            between(step, "<span class=\"place\">", "</span>"),
            &words(what),
        ])
    });
    assert_eq!(found.collect::<BTreeSet<_>>(), for_people(&two(), false));
}

#[test]
fn the_terminal_says_what_the_report_says() {
    let report = two();
    let shown = show(&Terminal::default(), &report);
    let found = report.divergences.iter().map(|divergence| {
        let card = between(&shown, &format!("── {} ─", divergence.id), "\n── ");
        let table = card
            .lines()
            .find(|line| line.contains(" wanted  controller"))
            .expect("the states");
        let proofs = between(&shown, &format!("The steps of {},", divergence.id), "The steps of ");
        // "▶ TIME  ACTOR STEP (KIND)", then path and line of each piece of evidence, deeper.
        let mut operation = between(proofs, "▶ ", "\n● ").split("\n      rec.");
        let told = words(operation.next().expect("the step"));
        let at = operation.next().expect("its line").lines().next().expect("a place");
        let step = told.splitn(3, ' ').nth(2).expect("words");
        key([
            &words(between(proofs, "· mechanism", "\n  helps")),
            words(between(table, "", "wanted")).as_str(),
            &format!("rec.{at}"),
            step.rsplit_once(" (").expect("a kind").0,
        ])
    });
    assert_eq!(found.collect::<BTreeSet<_>>(), for_people(&report, true));
    // The card itself shows the step and the place as far as they fit.
    for divergence in &report.divergences {
        let card = between(&shown, &format!("── {} ─", divergence.id), "\n── ");
        let operation = card.lines().find(|line| line.starts_with('▶')).expect("the operation");
        let begin: String = divergence.operation.what.chars().take(30).collect();
        assert!(operation.contains(&begin), "{operation}");
    }
}
