use std::path::{Path, PathBuf};

use super::*;
use crate::fact::{ReadOptions, read};
use crate::pipeline::{Case, Options, analyze};
use crate::report::Report;
use crate::trace::redact::bundle;

fn founding() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/FOUNDING")
}

fn redactor(text: &str) -> Redactor {
    let mut found = Found::default();
    found.text(text);
    Redactor::new(&found, &Key::from_phrase("test")).unwrap()
}

/// A report as a value, lists that are in the order of names in an order that names do not change.
fn canonical(report: &Report, change: impl Fn(&mut serde_json::Value)) -> serde_json::Value {
    let mut value = serde_json::to_value(report).unwrap();
    change(&mut value);
    for list in ["inputs", "missing", "divergences", "waits"] {
        if let Some(items) = value[list].as_array_mut() {
            items.sort_by_cached_key(ToString::to_string);
        }
    }
    value
}

#[test]
fn the_report_on_a_redacted_reading_is_the_redacted_report() {
    let whole = read(&[founding()], &ReadOptions::default()).unwrap();
    let redactor = Redactor::of(&whole, &Key::from_phrase("test")).unwrap();
    let other = redactor.reading(&whole).unwrap();
    let options = Options::default();
    let before = canonical(&Case::of(whole, &options).report(), |value| redactor.json(value));
    let after = canonical(&Case::of(other, &options).report(), |_| {});
    assert_eq!(after["verdict"], "diverged");
    assert_eq!(after, before);
}

#[test]
fn no_name_survives_in_a_redacted_bundle_and_the_verdict_stays() {
    let out = std::env::temp_dir().join(format!("adtrace-redact-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&out);
    let done = bundle::redact(&[founding()], &ReadOptions::default(), &Key::from_phrase("test"), &out).unwrap();
    let report = analyze(std::slice::from_ref(&out), &Options::default()).unwrap();
    assert_eq!(
        report.divergences[0].mechanism,
        "detach-backoff-drops-report-as-attached"
    );
    let mut text = String::new();
    crate::bundle::walk(
        std::slice::from_ref(&out),
        &crate::bundle::Limits::default(),
        &mut |entry| {
            text.push_str(entry.path);
            entry.bytes.read_to_string(&mut text)?;
            Ok(std::ops::ControlFlow::Continue(()))
        },
    )
    .unwrap();
    std::fs::remove_dir_all(&out).unwrap();
    let known = [
        "node-1",
        "node-2",
        "web-0",
        "pv-1",
        "vol-data-0",
        "data-web-0",
        "10.0.0.10",
    ];
    for name in known {
        assert!(!text.contains(name), "{name} is still there");
    }
    for name in done.redactor.names.keys() {
        let mut places = text.match_indices(name.as_str());
        let whole = places.any(|(at, _)| stands_alone(&text, at, at + name.len()));
        assert!(!whole, "{name} is still there");
    }
}

#[test]
fn archives_and_outer_folders_have_other_names_and_files_keep_theirs() {
    let mut reading = read(&[founding()], &ReadOptions::default()).unwrap();
    for source in &mut reading.sources {
        source.path = format!("in/acme-prod.tar.gz!from-acme/{}", source.path);
    }
    let redactor = Redactor::of(&reading, &Key::from_phrase("test")).unwrap();
    for source in redactor.reading(&reading).unwrap().sources {
        assert!(!source.path.contains("acme"), "{}", source.path);
        assert!(source.path.contains(".tar.gz!"), "{}", source.path);
        let inner = source.path.splitn(3, '/').nth(2).unwrap();
        assert!(
            founding().join(inner).exists() || inner.starts_with("nodes/"),
            "{inner}"
        );
    }
}

#[test]
fn names_are_replaced_in_every_form_of_text() {
    let line = r#"{"metadata":{"name":"shop-db-0","namespace":"shop"},"user":{"username":"jane@corp.example.org"},"sourceIPs":["10.1.2.3"],"data":{"password":"aHVudGVyMg=="},"patch":"{\"metadata\":{\"uid\":\"7849a969-232b-4073-ba04-aa3a67bf7e5f\"}}"}"#;
    let redactor = redactor(line);
    let others = [
        "shop-db-0_shop(7849a969-232b-4073-ba04-aa3a67bf7e5f) and shop/shop-db-0",
        "/pods/7849a969-232b-4073-ba04-aa3a67bf7e5f/x kubepods-pod7849a969_232b_4073_ba04_aa3a67bf7e5f.slice",
        r"run-shop\x2ddb\x2d0.mount a\nshop-db-0%2Fshop",
        "dial tcp 10.1.2.3:443, aHVudGVyMg==, jane",
    ];
    for text in others.into_iter().chain([line]) {
        let new = redactor.text(text);
        assert_eq!(new.len(), text.len());
        for name in ["shop", "7849a969", "db\\x2d0", "10.1.2.3", "aHVudGVyMg", "jane", "corp"] {
            assert!(!new.contains(name), "{name} in {new}");
        }
    }
    // Words of which a short name is only a part stay.
    assert_eq!(redactor.text("workshop shopping"), "workshop shopping");
}

#[test]
fn words_of_kubernetes_and_of_drivers_stay() {
    let line = r#"{"kind":"Pod","metadata":{"name":"volume","namespace":"kube-system"},"driver":"ebs.csi.aws.com","name":"ebs.csi.aws.com"}"#;
    assert_eq!(redactor(line).text(line), line);
}

#[test]
fn a_name_that_was_cut_is_replaced_as_far_as_it_goes() {
    let redactor = redactor(r#""name":"quite-a-long-name-0""#);
    let whole = format!("{}quite-a-long-name-0 and more", "x ".repeat(196));
    let cut = &whole[..400];
    assert!(cut.ends_with("quite-a-"));
    assert_eq!(redactor.excerpt(cut), redactor.text(&whole)[..400]);
}

#[test]
fn the_same_key_gives_the_same_names_for_parts() {
    let (one, two) = (
        redactor(r#"pod="shop/db-77""#),
        redactor(r#"pod="shop/db-77" node="worker-12""#),
    );
    assert_eq!(one.text("db-77"), two.text("db-77"));
}
