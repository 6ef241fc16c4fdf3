//! Captured traces: they give the report that the bundle gives, whole, in parts, shrunk.

mod recordings;

use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};

use adtrace::fact::{ReadOptions, Reading, read, trace};
use adtrace::report::Report;
use adtrace::trace::redact::{Found, Key, Redactor};
use adtrace::trace::{Cut, narrow, shrink};
use adtrace::{Case, Options, analyze};

use recordings::{Scratch, founding};

/// Writes a reading as a trace.
fn keep(scratch: &Scratch, name: &str, reading: &Reading) -> PathBuf {
    let place = scratch.0.join(name);
    let mut file = File::create(&place).expect("the file is made");
    trace::write(reading, &mut file).expect("it is written");
    place
}

/// How a part below `root` is read. The year is given: apart, a file whose lines have none is dated by when it was
/// last written.
fn part(root: &Path, year: i16) -> ReadOptions {
    ReadOptions {
        root: Some(root.to_owned()),
        keep_ages: true,
        year: Some(year),
        ..ReadOptions::default()
    }
}

/// The report without what names the inputs.
fn report_on(path: &Path) -> Report {
    let mut report = analyze(&[path.to_owned()], &Options::default()).expect("it reads");
    report.inputs.clear();
    report
}

fn files_below(folder: &Path, found: &mut Vec<PathBuf>) {
    for item in std::fs::read_dir(folder).expect("the folder reads") {
        let path = item.expect("the entry reads").path();
        if path.is_dir() {
            files_below(&path, found);
        } else {
            found.push(path);
        }
    }
}

/// Captures each file of a recording for itself, and all together.
fn in_parts_and_whole(recording: &Path, year: i16, name: &str) -> (Report, Report) {
    let scratch = Scratch::new(name);
    let mut files = Vec::new();
    files_below(recording, &mut files);
    assert!(files.len() > 3, "{} holds several files", recording.display());
    let parts = scratch.0.join("parts");
    std::fs::create_dir_all(&parts).expect("the folder is made");
    for (number, file) in files.iter().enumerate() {
        let reading = read(std::slice::from_ref(file), &part(recording, year)).expect("it reads");
        keep(&scratch, &format!("parts/{number:03}.adtrace"), &reading);
    }
    let whole = read(&[recording.to_owned()], &part(recording, year)).expect("it reads");
    let whole = keep(&scratch, "whole.adtrace", &whole);
    (report_on(&parts), report_on(&whole))
}

#[test]
fn a_capture_gives_the_report_of_the_bundle() {
    let scratch = Scratch::new("whole");
    let reading = read(&[founding()], &ReadOptions::default()).expect("it reads");
    let captured = keep(&scratch, "x.adtrace", &reading);
    assert_eq!(report_on(&captured), report_on(&founding()));
}

#[test]
fn captures_of_the_parts_are_the_capture_of_the_whole() {
    let (parts, whole) = in_parts_and_whole(&founding(), 2026, "parts");
    assert_eq!(parts, whole);
    assert_eq!(whole, report_on(&founding()));
}

#[test]
fn a_row_that_tells_only_an_age_counts_from_the_end_of_all_parts() {
    let scratch = Scratch::new("ages");
    let table = "LAST SEEN   TYPE      REASON               OBJECT      MESSAGE\n\
                 5m          Warning   FailedAttachVolume   pod/web-0   Multi-Attach error for volume \"pv-1\" Volume is already used by pod(s) web-1\n";
    let log = "2026-11-25T02:15:01Z I1125 02:15:01.000001       1 reconciler.go:1] Starting attach detach controller\n";
    std::fs::write(scratch.0.join("events.txt"), table).expect("it is written");
    std::fs::write(scratch.0.join("kube-controller-manager.log"), log).expect("it is written");
    let parts = Scratch::new("ages-parts");
    for file in ["events.txt", "kube-controller-manager.log"] {
        let reading = read(&[scratch.0.join(file)], &part(&scratch.0, 2026)).expect("it reads");
        keep(&parts, &format!("{file}.adtrace"), &reading);
    }
    let times = |path: &Path| {
        let reading = read(&[path.to_owned()], &ReadOptions::default()).expect("it reads");
        reading.facts.iter().map(|fact| fact.at).collect::<Vec<_>>()
    };
    let found = times(&parts.0);
    assert_eq!(found, times(&scratch.0));
    assert!(
        found.iter().any(|at| at.to_string().starts_with("2026-11-25T02:10:01")),
        "{found:?}"
    );
}

#[test]
fn a_cut_holds_nothing_later_and_a_narrow_one_nothing_of_others() {
    let options = ReadOptions::default();
    let mut early = read(&[founding()], &options).expect("it reads");
    let until = adtrace::time::Time::parse("2026-11-25T02:13:33Z").expect("it is a moment");
    let cut = Cut {
        since: None,
        until: Some(until),
    };
    let before = early.facts.len();
    cut.apply(&mut early);
    assert!(early.facts.len() < before && !early.facts.is_empty());
    assert!(early.facts.iter().all(|fact| fact.at <= until));
    let mut narrowed = read(&[founding()], &options).expect("it reads");
    let case = Case::of(read(&[founding()], &options).expect("it reads"), &Options::default());
    let volume = case.cast.volume_meant("pv-1").expect("it is there");
    narrow(&mut narrowed, &case.cast, &[volume]);
    let named: BTreeSet<_> = narrowed
        .facts
        .iter()
        .filter_map(|fact| case.cast.volume(fact))
        .collect();
    assert_eq!(named, [volume].into());
    let report = Case::of(narrowed, &Options::default()).report();
    assert_eq!(report.divergences.len(), 1);
    assert_eq!(
        report.divergences[0].mechanism,
        "detach-backoff-drops-report-as-attached"
    );
}

#[test]
fn the_founding_recording_shrinks_to_a_page_with_the_same_verdict() {
    let reading = read(&[founding()], &ReadOptions::default()).expect("it reads");
    let small = shrink(&reading, &Options::default(), &mut |_| {});
    let mut text = Vec::new();
    trace::write(&small, &mut text).expect("it is written");
    let lines = text.split(|byte| *byte == b'\n').count() - 1;
    assert!(lines <= 60, "{lines} lines");
    let (before, after) = (report_on(&founding()), Case::of(small, &Options::default()).report());
    let told = |report: &Report| {
        let one = &report.divergences[0];
        (
            report.divergences.len(),
            one.mechanism.clone(),
            one.severity,
            one.status,
            one.confidence,
            (one.operation.kind.clone(), one.operation.at),
            one.trigger.as_ref().map(|step| step.kind.clone()),
        )
    };
    assert_eq!(told(&after), told(&before));
    assert_eq!(after.summary.unexplained, 0);
}

/// A report as a value, lists that are in the order of names in an order that names do not change.
fn canonical(report: &Report, redactor: Option<&Redactor>) -> serde_json::Value {
    let mut value = serde_json::to_value(report).expect("a report prints");
    if let Some(redactor) = redactor {
        redactor.json(&mut value);
    }
    for list in ["inputs", "missing", "divergences", "waits", "unexplained"] {
        if let Some(items) = value[list].as_array_mut() {
            items
                .iter_mut()
                .filter_map(|item| item.as_object_mut())
                .for_each(|item| {
                    item.remove("id");
                });
            items.sort_by_cached_key(ToString::to_string);
        }
    }
    value
}

/// Over a folder of recordings, each a folder: analyze(redact(x)) is redact(analyze(x)).
#[test]
#[ignore = "needs a folder of recordings"]
fn redaction_and_analysis_change_places_for_all_recordings() {
    let mut differ = Vec::new();
    for path in recordings::all() {
        let reading = read(std::slice::from_ref(&path), &ReadOptions::default()).expect("it reads");
        let mut found = Found::default();
        found.reading(&reading);
        let redactor = Redactor::new(&found, &Key::from_phrase("all")).expect("it is built");
        let other = redactor.reading(&reading).expect("it is redacted");
        let before = canonical(&Case::of(reading, &Options::default()).report(), Some(&redactor));
        let after = canonical(&Case::of(other, &Options::default()).report(), None);
        if before != after {
            let (before, after) = (before.to_string(), after.to_string());
            let at = before.bytes().zip(after.bytes()).take_while(|(a, b)| a == b).count();
            let from = at.saturating_sub(100);
            println!("{}", path.display());
            println!("  {:?}", before.get(from..at + 150));
            println!("  {:?}", after.get(from..at + 150));
            differ.push(path);
        }
    }
    assert!(differ.is_empty(), "{} differ", differ.len());
}

/// Over a folder of recordings, each a folder: `ADTRACE_RECORDINGS=FOLDER cargo test --test captures -- --ignored`.
#[test]
#[ignore = "needs a folder of recordings"]
fn parts_are_the_whole_for_all_recordings() {
    let recordings = recordings::all();
    let differ: Vec<&PathBuf> = recordings
        .iter()
        .filter(|recording| {
            let (parts, whole) = in_parts_and_whole(recording, 2026, "all");
            parts != whole || whole != report_on(recording)
        })
        .collect();
    assert!(differ.is_empty(), "of {} differ {differ:#?}", recordings.len());
}
