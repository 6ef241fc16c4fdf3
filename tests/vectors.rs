//! The model against recordings of the real code: a small part of the vectors, step by step.

use std::path::PathBuf;

use adtrace::model::Behaviour;
use adtrace::verify::{self, Options};

#[test]
fn the_model_does_what_the_real_code_did() {
    for version in ["1.20.2", "1.23.13", "1.36.2"] {
        let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
            .join("fixtures/vectors")
            .join(version);
        let summary = verify::run(&dir, &Options::default()).unwrap();
        assert!(summary.files.len() >= 5, "{version}: vectors are missing");
        for file in &summary.files {
            assert_eq!(file.disagreeing(), 0, "{version} {}", file.path.display());
        }
    }
}

#[test]
fn another_releases_rules_are_noticed() {
    let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/vectors/1.20.2");
    let options = Options {
        version: Some("1.36.2".parse().unwrap()),
        ..Options::default()
    };
    assert!(!verify::run(&dir, &options).unwrap().agrees());
}

/// A rule that the real code has and the model is made to forget is noticed, and so is one too many.
#[test]
fn a_rule_more_or_less_is_noticed() {
    for (version, with, without) in [
        ("1.20.2", Some(Behaviour::BackoffCheckedBeforeUnreport), None),
        ("1.23.13", None, Some(Behaviour::NodeStatusPatchPerNode)),
        ("1.36.2", None, Some(Behaviour::DetachErrorMarksUncertain)),
    ] {
        let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
            .join("fixtures/vectors")
            .join(version);
        let options = Options {
            with: with.into_iter().collect(),
            without: without.into_iter().collect(),
            ..Options::default()
        };
        assert!(!verify::run(&dir, &options).unwrap().agrees(), "{version}");
    }
}
