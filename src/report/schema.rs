//! The JSON Schema of the report, made from its types.
//!
//! In: the types of this room. Out: `docs/report.schema.json`, which is checked to be the generated one, and against
//! which reports are checked. `UPDATE_SCHEMA=1 cargo test report::schema` writes it anew.

use std::borrow::Cow;
use std::path::PathBuf;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::Value;

use super::{Actor, Report, example};
use crate::ask::timeline::{About, reported};
use crate::time::Time;
use crate::{Case, Options};

impl JsonSchema for Time {
    fn schema_name() -> Cow<'static, str> {
        "Time".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "RFC 3339, UTC, with microseconds.",
            "type": "string",
            "pattern": r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}Z$",
        })
    }
}

impl JsonSchema for Actor {
    fn schema_name() -> Cow<'static, str> {
        "Actor".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Who takes a step.",
            "type": "string",
            "pattern": "^(kube-controller-manager|kubelet(/.+)?|external-attacher|kube-apiserver|scheduler|user|driver|node-lifecycle|unknown)$",
        })
    }
}

fn generated() -> Value {
    let schema = SchemaSettings::draft2020_12()
        .for_serialize()
        .into_generator()
        .into_root_schema_for::<Report>();
    schema.to_value()
}

fn complaints(report: &Report) -> Vec<String> {
    let validator = jsonschema::validator_for(&generated()).expect("the schema is one");
    let value = serde_json::to_value(report).expect("a report serialises");
    validator
        .iter_errors(&value)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect()
}

#[test]
fn the_published_schema_is_the_generated_one() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/report.schema.json");
    let text = format!("{:#}\n", generated());
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(&path, &text).expect("the schema is written");
    }
    let published = std::fs::read_to_string(&path).expect("docs/report.schema.json is there");
    assert_eq!(
        published, text,
        "UPDATE_SCHEMA=1 cargo test report::schema writes it anew"
    );
}

#[test]
fn reports_are_as_the_schema_says() {
    for report in [example::founding(), example::healthy(), example::insufficient()] {
        assert_eq!(complaints(&report), Vec::<String>::new());
    }
    let fixtures = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let traces = std::fs::read_dir(fixtures.join("remedies")).expect("the folder reads");
    let traces = traces.map(|entry| entry.expect("the entry reads").path());
    let recordings = traces.filter(|path| path.extension().is_some_and(|extension| extension == "zst"));
    let mut looked_at = 0;
    for path in recordings.chain([fixtures.join("FOUNDING")]) {
        let case = Case::open(std::slice::from_ref(&path), &Options::default()).expect("the recording reads");
        let report = reported(&case, &About::WITH_LINES);
        assert_eq!(complaints(&report), Vec::<String>::new(), "{}", path.display());
        looked_at += 1;
    }
    assert!(looked_at > 5, "{looked_at}");
}

#[test]
fn the_schema_refuses_what_is_none() {
    let validator = jsonschema::validator_for(&generated()).expect("the schema is one");
    let mut value = serde_json::to_value(example::founding()).expect("a report serialises");
    value["divergences"][0]["severity"] = "dire".into();
    assert!(!validator.is_valid(&value));
}
