//! The report as SARIF 2.1.0, for code scanning and its viewers.
//!
//! In: a report. Out: one run: a rule for each mechanism, a result for each divergence at the line that shows its
//! operation, its chain as a code flow with one thread flow for each party, the steps numbered in the order they came.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;

use serde_json::{Value, json};

use super::{cell, proof};
use crate::report::text::clean;
use crate::report::words::{self, Part};
use crate::report::{Divergence, Evidence, Face, Report, Severity, Status, Step};

/// Where the format is laid down.
pub const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

/// The report as SARIF.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sarif;

impl Face for Sarif {
    fn write(&self, report: &Report, out: &mut dyn io::Write) -> io::Result<()> {
        let mut rules: BTreeMap<&str, &Divergence> = BTreeMap::new();
        for divergence in &report.divergences {
            rules.entry(&divergence.mechanism).or_insert(divergence);
        }
        let gaps: Vec<Value> = report
            .missing
            .iter()
            .map(|gap| json!({"level": "warning", "message": {"text": format!("{}: {}", gap.what, gap.consequence)}}))
            .collect();
        let log = json!({
            "$schema": SCHEMA,
            "version": "2.1.0",
            "runs": [{
                "tool": {"driver": {
                    "name": report.tool.name,
                    "semanticVersion": report.tool.version,
                    "rules": rules.iter().map(|(name, first)| rule(name, first)).collect::<Vec<_>>(),
                }},
                "columnKind": "unicodeCodePoints",
                "invocations": [{"executionSuccessful": true, "toolExecutionNotifications": gaps}],
                "results": report.divergences.iter().map(result).collect::<Vec<_>>(),
            }],
        });
        serde_json::to_writer_pretty(&mut *out, &log)?;
        out.write_all(b"\n")
    }
}

fn rule(name: &str, first: &Divergence) -> Value {
    let mut rule = json!({"id": name, "shortDescription": {"text": name.replace('-', " ")}});
    if let Some((repository, number)) = first.known_issues.first().and_then(|issue| words::issue_place(issue)) {
        rule["helpUri"] = json!(format!("https://github.com/{}/issues/{number}", uri(repository)));
    }
    rule
}

fn result(divergence: &Divergence) -> Value {
    let level = match (divergence.status, divergence.severity) {
        (Status::Open, Severity::Stuck | Severity::Unsafe) => "error",
        _ => "warning",
    };
    let mut result = json!({
        "ruleId": divergence.mechanism,
        "level": level,
        "message": {"text": clean(&divergence.headline)},
        "locations": proof(&divergence.operation).map(|line| location(line, None)).into_iter().collect::<Vec<_>>(),
        "properties": {
            "id": divergence.id,
            "volume": divergence.volume,
            "node": divergence.node,
            "severity": divergence.severity,
            "status": divergence.status,
            "confidence": divergence.confidence,
            "operation": divergence.operation.kind,
        },
    });
    let flows = flows(divergence);
    if !flows.is_empty() {
        result["codeFlows"] = json!([{"message": {"text": cell(divergence)}, "threadFlows": flows}]);
    }
    result
}

/// The chain, one thread for each party.
fn flows(divergence: &Divergence) -> Vec<Value> {
    let mut parties: Vec<String> = Vec::new();
    let mut threads: Vec<Vec<Value>> = Vec::new();
    for (order, step) in divergence.chain.iter().enumerate() {
        let party = step.actor.to_string();
        let at = parties.iter().position(|known| *known == party).unwrap_or_else(|| {
            parties.push(party);
            threads.push(Vec::new());
            parties.len() - 1
        });
        if let Some(thread) = threads.get_mut(at) {
            thread.push(flow_step(order, step, divergence));
        }
    }
    parties
        .iter()
        .zip(threads)
        .map(|(party, locations)| json!({"id": party, "locations": locations}))
        .collect()
}

fn flow_step(order: usize, step: &Step, divergence: &Divergence) -> Value {
    let importance = if Part::of(divergence, step).is_some() {
        "essential"
    } else {
        "important"
    };
    let inferred = words::inferred(step);
    let told = format!("{}{inferred}", clean(&step.what));
    let place = proof(step).map_or_else(
        || json!({"message": {"text": told}}),
        |line| location(line, Some(&told)),
    );
    json!({
        "executionOrder": order + 1,
        "executionTimeUtc": step.at,
        "importance": importance,
        "kinds": [step.kind],
        "location": place,
    })
}

fn location(line: &Evidence, words: Option<&str>) -> Value {
    let mut location = json!({"physicalLocation": {
        "artifactLocation": {"uri": uri(&line.source)},
        "region": {"startLine": line.line.max(1), "snippet": {"text": clean(&line.text)}},
    }});
    if let Some(words) = words {
        location["message"] = json!({"text": words});
    }
    location
}

/// A path as a URI reference: what may not stand in one is percent-encoded. `!` stays: it parts an archive from the path
/// within it.
pub fn uri(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"/-._~!".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a String does not fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}
