//! SARIF 2.1.0, as code scanning reads it: each difference is a result at the expectation's file.
//!
//! The few fields that are used stand here as types. The crate for the whole format builds its types from the schema at
//! every compile, by a generator that is no longer kept up; the test validates this output against that schema.

use std::io::{self, Write};

use serde::Serialize;

use super::{Case, Checked, Face, Outcome};
use crate::report::faces::sarif::{SCHEMA, uri};
use crate::trace::expect::What;

/// The rule of traces that could not be checked.
const NOT_CHECKED: &str = "not-checked";

/// One run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sarif;

#[derive(Serialize)]
struct Log {
    #[serde(rename = "$schema")]
    schema: &'static str,
    version: &'static str,
    runs: [Run; 1],
}

#[derive(Serialize)]
struct Run {
    tool: Tool,
    results: Vec<Finding>,
}

#[derive(Serialize)]
struct Tool {
    driver: Driver,
}

#[derive(Serialize)]
struct Driver {
    name: &'static str,
    version: &'static str,
    rules: Vec<Rule>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    id: &'static str,
    short_description: Message,
}

#[derive(Serialize)]
struct Message {
    text: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Finding {
    rule_id: &'static str,
    level: &'static str,
    message: Message,
    locations: [Location; 1],
    /// What makes it the same finding in the next run.
    partial_fingerprints: Fingerprint,
}

#[derive(Serialize)]
struct Fingerprint {
    #[serde(rename = "place/v1")]
    place: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Location {
    physical_location: Physical,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Physical {
    artifact_location: Artifact,
    region: Region,
}

#[derive(Serialize)]
struct Artifact {
    uri: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Region {
    start_line: u32,
}

impl Face for Sarif {
    fn write(&self, checked: &Checked, out: &mut dyn Write) -> io::Result<()> {
        let log = Log {
            schema: SCHEMA,
            version: "2.1.0",
            runs: [Run {
                tool: Tool { driver: driver() },
                results: checked.cases.iter().flat_map(findings).collect(),
            }],
        };
        serde_json::to_writer_pretty(&mut *out, &log)?;
        out.write_all(b"\n")
    }
}

fn driver() -> Driver {
    let rule = |id, text: &str| Rule {
        id,
        short_description: Message { text: text.to_owned() },
    };
    let mut rules: Vec<Rule> = What::ALL.map(|what| rule(what.name(), what.words())).into();
    rules.push(rule(NOT_CHECKED, "the trace could not be checked"));
    Driver {
        name: "adtrace",
        version: env!("CARGO_PKG_VERSION"),
        rules,
    }
}

fn findings(case: &Case) -> Vec<Finding> {
    match &case.outcome {
        Outcome::Same { .. } | Outcome::Updated { .. } => Vec::new(),
        Outcome::Differs { differences } => differences
            .iter()
            .map(|one| {
                finding(
                    one.what.name(),
                    &format!("{}: {one}", case.trace),
                    &case.expectation,
                    &one.place,
                )
            })
            .collect(),
        Outcome::Broken { why } => vec![finding(
            NOT_CHECKED,
            &format!("{}: {why}", case.trace),
            &case.trace,
            NOT_CHECKED,
        )],
    }
}

fn finding(rule: &'static str, text: &str, file: &str, place: &str) -> Finding {
    Finding {
        rule_id: rule,
        level: "error",
        message: Message { text: text.to_owned() },
        locations: [Location {
            physical_location: Physical {
                artifact_location: Artifact {
                    // Paths as Windows writes them.
                    uri: uri(&file.replace('\\', "/")),
                },
                region: Region { start_line: 1 },
            },
        }],
        partial_fingerprints: Fingerprint {
            place: format!("{file}: {place}"),
        },
    }
}
