//! The same incident gives the same report in every wrapping, and whatever the machines' clocks said; what is read does
//! not depend on how: filtered or whole, by one thread or several, in one order of files or another.

mod recordings;
mod rewrap;

use std::path::PathBuf;

use adtrace::fact::{self, ReadOptions, Reading};
use adtrace::record::Zone;
use adtrace::time::{Span, Time};
use adtrace::{Options, analyze};
use serde_json::Value;

use recordings::Scratch;
use rewrap::{File, WAYS, Way};

/// The report of files, without what names them: inputs, paths and lines of evidence; where clocks were shifted, also
/// without the stamps in the lines' texts.
fn report(files: &[File], name: &str, shifted: bool) -> Value {
    report_with(files, name, shifted, &Options::default())
}

fn report_with(files: &[File], name: &str, shifted: bool, options: &Options) -> Value {
    let place = Scratch::new(name);
    rewrap::store(files, &place.0);
    let report = analyze(std::slice::from_ref(&place.0), options).expect("it reads");
    let mut value = serde_json::to_value(report).expect("a report prints");
    let whole = value.as_object_mut().expect("a report is an object");
    whole.remove("inputs");
    let because = &mut whole["profile"]["because"];
    let without_path = because
        .as_str()
        .and_then(|text| text.split_once(' '))
        .map(|(_, rest)| rest.to_owned());
    *because = Value::from(without_path);
    anonymous(&mut value, shifted);
    value
}

fn anonymous(value: &mut Value, shifted: bool) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| anonymous(item, shifted)),
        Value::Object(fields) => {
            if fields.contains_key("source") && fields.contains_key("line") {
                fields.remove("source");
                fields.remove("line");
                if let (Some(Value::String(text)), true) = (fields.get_mut("text"), shifted) {
                    *text = without_stamps(text);
                }
            }
            fields.values_mut().for_each(|field| anonymous(field, shifted));
        }
        _ => {}
    }
}

/// A klog line without its header's time and the retry stamp.
fn without_stamps(text: &str) -> String {
    let header = text.starts_with(['I', 'W', 'E', 'F']) && text.get(6..21).is_some_and(|clock| clock.contains(':'));
    let text = if header { &text[21..] } else { text };
    match text.split_once("until 20") {
        Some((before, after)) => format!("{before}{}", after.get(40..).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// Where two values part: the first paths, and what stands there.
fn parted(one: &Value, other: &Value, path: &str, found: &mut Vec<String>) {
    match (one, other) {
        (Value::Object(a), Value::Object(b)) => {
            for key in a.keys().chain(b.keys().filter(|key| !a.contains_key(*key))) {
                let null = Value::Null;
                parted(
                    a.get(key).unwrap_or(&null),
                    b.get(key).unwrap_or(&null),
                    &format!("{path}.{key}"),
                    found,
                );
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (index, (a, b)) in a.iter().zip(b).enumerate() {
                parted(a, b, &format!("{path}[{index}]"), found);
            }
        }
        (a, b) if a != b => found.push(format!("{path}: {a:.160} / {b:.160}")),
        _ => {}
    }
}

/// Where the report of a recording handed in another way differs.
fn differences(files: &[File], way: &Way) -> Vec<String> {
    let name: String = way.name.chars().filter(char::is_ascii_alphanumeric).collect();
    let plain = report(files, &format!("{name}-plain"), way.shifts);
    let other = report(&(way.of)(files), &name, way.shifts);
    let mut found = Vec::new();
    parted(&plain, &other, "", &mut found);
    found
}

#[test]
fn any_wrapping_gives_the_same_report() {
    let files = rewrap::load(&recordings::founding());
    let told = |way: &Way| {
        let found = differences(&files, way);
        (!found.is_empty()).then(|| format!("{}:\n{}", way.name, found.join("\n")))
    };
    let wrong: Vec<String> = WAYS.iter().filter_map(told).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_documentation_names_every_wrapping() {
    let shown = include_str!("../docs/inputs.md");
    for way in rewrap::WAYS {
        assert!(shown.contains(way.name), "docs/inputs.md lacks {}", way.name);
    }
}

/// Over a folder of recordings, each a folder: `scripts/rewrap FOLDER`. `ADTRACE_KEEP=FOLDER` keeps those that differ.
#[test]
#[ignore = "needs a folder of recordings; scripts/rewrap runs it"]
fn all_recordings_in_all_wrappings() {
    let only = std::env::var("ADTRACE_WAY").unwrap_or_default();
    let recordings = recordings::all();
    let mut wrong = 0;
    for way in WAYS.iter().filter(|way| way.name.contains(&only)) {
        let mut same = 0;
        for recording in &recordings {
            let found = differences(&rewrap::load(recording), way);
            if found.is_empty() {
                same += 1;
                continue;
            }
            wrong += 1;
            if let (Ok(place), Some(name)) = (std::env::var("ADTRACE_KEEP"), recording.file_name()) {
                let place = PathBuf::from(place).join(way.name).join(name);
                rewrap::store(&(way.of)(&rewrap::load(recording)), &place);
            }
            println!("{}: {}: {} differences", way.name, recording.display(), found.len());
            found.iter().take(4).for_each(|line| println!("    {line}"));
        }
        println!("{}: {same} of {} the same", way.name, recordings.len());
    }
    assert_eq!(wrong, 0, "reports that differ");
}

fn stored(name: &str, files: &[File]) -> Scratch {
    let place = Scratch::new(name);
    rewrap::store(files, &place.0);
    place
}

fn founding() -> Vec<File> {
    rewrap::load(&recordings::founding())
}

fn read(paths: &[PathBuf], options: &ReadOptions) -> Reading {
    fact::read(paths, options).expect("it reads")
}

/// All that a reading holds, as text.
fn told(reading: &Reading) -> String {
    let mut out = Vec::new();
    fact::trace::write(reading, &mut out).expect("memory takes all");
    String::from_utf8(out).expect("it is text")
}

/// Demands that two texts are the same; shows where they part.
fn same(one: &str, other: &str) {
    let mut places = (0..).zip(one.bytes().zip(other.bytes()));
    let parted = places.find(|(_, (one, other))| one != other);
    let around = |text: &str, at: usize| text.chars().skip(at.saturating_sub(200)).take(300).collect::<String>();
    let parted = parted.map(|(at, _)| (around(one, at), around(other, at)));
    assert_eq!(parted, None, "they part");
    assert_eq!(one.len(), other.len(), "one goes on");
}

/// The controller's log and the audit log so many times over that each is read in several chunks.
fn large() -> Vec<File> {
    let ours = |file: &&File| file.path.ends_with("kube-controller-manager.log") || file.path.ends_with("audit.log");
    let again = |file: &File| {
        File::new(
            file.path.clone(),
            file.bytes.repeat((2 << 20) / file.bytes.len().max(1) + 1),
        )
    };
    founding().iter().filter(ours).map(again).collect()
}

#[test]
fn lines_passed_over_would_have_said_nothing() {
    let place = stored("filter", &founding());
    let paths = [place.0.clone()];
    let options = |filter| ReadOptions {
        filter,
        ..ReadOptions::default()
    };
    same(
        &told(&read(&paths, &options(true))),
        &told(&read(&paths, &options(false))),
    );
}

#[test]
fn any_number_of_threads_reads_the_same() {
    let place = stored("threads", &large());
    let paths = [place.0.clone()];
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .expect("a pool starts");
        pool.install(|| told(&read(&paths, &ReadOptions::default())))
    };
    same(&with(1), &with(3));
}

#[test]
fn any_order_of_paths_reads_the_same() {
    let place = stored("order", &founding());
    let path = |name: &str| place.0.join(name);
    let forth = ["control-plane", "nodes", "objects"].map(path);
    let back = ["objects", "nodes", "control-plane"].map(path);
    let told_of = |paths: &[PathBuf]| told(&read(paths, &ReadOptions::default()));
    same(&told_of(&forth), &told_of(&back));
}

/// So much later that the given moment lies in the middle of the recording.
fn until(moment: &str, files: &[File]) -> Span {
    let reading = read(&[stored("middle", files).0.clone()], &ReadOptions::default());
    let times = reading.facts.iter().map(|fact| fact.at).filter(|at| *at < Time::MAX);
    let mut times: Vec<Time> = times.collect();
    times.sort_unstable();
    let by = Time::parse(moment).expect("a moment") - times[times.len() / 2];
    // Some stamps have no fractions.
    Span::secs(by.0 / 1_000_000)
}

/// Demands the report of files that tell of the same at another time.
fn same_but_moved(files: &[File], moved: &[File], by: Span, name: &str, options: &Options) {
    let plain = report_with(files, &format!("{name}-plain"), true, &Options::default());
    let other = report_with(moved, name, true, options);
    let back = rewrap::clocks::stamps_moved(&other.to_string(), Span(-by.0));
    let other: Value = serde_json::from_str(&back).expect("a report");
    let mut found = Vec::new();
    parted(&plain, &other, "", &mut found);
    assert!(found.is_empty(), "{name}:\n{}", found.join("\n"));
}

#[test]
fn a_year_that_ends_within_the_recording_changes_nothing() {
    let files = founding();
    let by = until("2027-01-01T00:00:00Z", &files);
    same_but_moved(
        &files,
        &rewrap::clocks::moved(&files, by),
        by,
        "new-year",
        &Options::default(),
    );
}

#[test]
fn clocks_that_are_put_back_within_the_recording_change_nothing() {
    let files = founding();
    let change = Time::parse("2026-10-25T01:00:00Z").expect("a moment");
    let by = until("2026-10-25T01:00:00Z", &files);
    let local = rewrap::clocks::in_local_time(&rewrap::clocks::moved(&files, by), |at| {
        let hours = if at < change { 2 } else { 1 };
        (
            Span::secs(hours * 3600),
            if hours == 2 { "+0200 CEST" } else { "+0100 CET" },
        )
    });
    let mut options = Options::default();
    options.read.zone = Zone::parse("Europe/Berlin");
    same_but_moved(&files, &local, by, "summer-time", &options);
}

#[test]
fn a_year_that_nothing_tells_is_the_one_that_is_given() {
    let klog_only: Vec<File> = founding()
        .into_iter()
        .filter(|file| file.path.ends_with("kubelet.log"))
        .map(|file| {
            let untold = file.text().replace(" permitted until 2026-", " permitted until 2O26-");
            File::new(file.path, untold)
        })
        .collect();
    let place = stored("no-year", &klog_only);
    let options = ReadOptions {
        year: Some(2019),
        ..ReadOptions::default()
    };
    let reading = read(std::slice::from_ref(&place.0), &options);
    let times = reading.facts.iter().map(|fact| fact.at.to_string());
    assert!(
        times.clone().all(|at| at.starts_with("2019-11-25T")),
        "{:?}",
        times.take(3).collect::<Vec<_>>()
    );
    assert!(reading.facts.len() > 20);
}
