//! Recordings of two clusters in one input: each gives the report that it gives alone.

mod recordings;
#[allow(dead_code, reason = "only files are needed here, no way to wrap them")]
mod rewrap;

use std::path::PathBuf;

use adtrace::report::{Report, Verdict};
use adtrace::{Options, analyze};

use recordings::{Scratch, founding};
use rewrap::File;

/// The founding recording as another cluster would have it that is called the same in all: other uids, other moments.
fn twin() -> Vec<File> {
    let mut files = rewrap::load(&founding());
    for file in &mut files {
        let lines: Vec<String> = with_other_uids(&file.text()).lines().map(a_bit_off).collect();
        file.bytes = (lines.join("\n") + "\n").into_bytes();
    }
    files
}

fn with_other_uids(text: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    let form = |uid: &[u8]| {
        let dashes = [8, 13, 18, 23];
        let fits = |(at, byte): (usize, &u8)| {
            if dashes.contains(&at) {
                *byte == b'-'
            } else {
                byte.is_ascii_hexdigit()
            }
        };
        uid.iter().enumerate().all(fits)
    };
    for at in 0..bytes.len().saturating_sub(36) {
        if form(&bytes[at..at + 36]) {
            bytes[at] = if bytes[at] == b'0' { b'1' } else { b'0' };
        }
    }
    String::from_utf8(bytes).expect("only digits were changed")
}

/// A klog line written some microseconds earlier or later: equal lines are one log, collected twice.
fn a_bit_off(line: &str) -> String {
    let header = line.starts_with(['I', 'W', 'E', 'F']) && line.get(14..15) == Some(".");
    match (header, line.get(..20), line.get(20..21), line.get(21..)) {
        (true, Some(before), Some(last), Some(after)) if last.as_bytes()[0].is_ascii_digit() => {
            let last = (last.as_bytes()[0] - b'0' + 1) % 10;
            format!("{before}{last}{after}")
        }
        _ => line.to_owned(),
    }
}

fn report(paths: &[PathBuf]) -> Report {
    analyze(paths, &Options::default()).expect("it reads")
}

/// What tells of a divergence, but for where it was read.
fn stories(report: &Report) -> Vec<String> {
    let story = |found: &adtrace::report::Divergence| {
        let lines = found.chain.iter().flat_map(|step| &step.evidence);
        let lines: Vec<u32> = lines.map(|line| line.line).collect();
        format!(
            "{} {} {} {:?} {:?} {lines:?}",
            found.mechanism, found.volume, found.node, found.since, found.confidence
        )
    };
    report.divergences.iter().map(story).collect()
}

/// Paths to two folders, `one` and `other`, with the recordings of two clusters.
fn folders(name: &str) -> Scratch {
    let place = Scratch::new(name);
    rewrap::store(&rewrap::load(&founding()), &place.0.join("one"));
    rewrap::store(&twin(), &place.0.join("other"));
    place
}

fn expect_apart(whole: &Report, name: &str) {
    let alone = report(&[founding()]);
    assert_eq!(whole.verdict, Verdict::Diverged, "{name}");
    let verdicts: Vec<_> = whole.clusters.iter().map(|cluster| cluster.verdict).collect();
    assert_eq!(verdicts, [alone.verdict; 2], "{name}");
    assert_eq!(stories(whole), [stories(&alone), stories(&alone)].concat(), "{name}");
    for found in &whole.divergences {
        let cluster = found.cluster.as_deref().expect("it says whose it is");
        let lines = found.chain.iter().flat_map(|step| &step.evidence);
        assert!(
            lines.clone().all(|line| line.source.starts_with(cluster)),
            "{name}: {cluster}"
        );
        assert!(lines.count() > 0);
    }
}

#[test]
fn two_folders_and_one_folder_of_both_are_told_apart() {
    let place = folders("folders");
    expect_apart(&report(&[place.0.join("one"), place.0.join("other")]), "two paths");
    expect_apart(
        &report(&[place.0.join("other"), place.0.join("one")]),
        "the other way round",
    );
    expect_apart(&report(std::slice::from_ref(&place.0)), "one folder");
}

#[test]
fn one_recording_given_twice_is_one_cluster() {
    let place = Scratch::new("copies");
    for name in ["one", "copy"] {
        rewrap::store(&rewrap::load(&founding()), &place.0.join(name));
    }
    let whole = report(std::slice::from_ref(&place.0));
    assert!(whole.clusters.is_empty());
    assert_eq!(whole.divergences.len(), report(&[founding()]).divergences.len());
}

#[test]
fn files_of_two_in_one_folder_are_not_mixed() {
    let place = Scratch::new("flat");
    let flat = |files: Vec<File>, of: &str| -> Vec<File> {
        let name = |file: &File| format!("{of}-{}", file.path.replace('/', "-"));
        files
            .iter()
            .map(|file| File::new(name(file), file.bytes.clone()))
            .collect()
    };
    rewrap::store(&flat(rewrap::load(&founding()), "one"), &place.0);
    rewrap::store(&flat(twin(), "other"), &place.0);
    let whole = report(std::slice::from_ref(&place.0));
    assert!(whole.clusters.len() > 1);
    for found in &whole.divergences {
        let lines = found.chain.iter().flat_map(|step| &step.evidence);
        let of: std::collections::BTreeSet<_> = lines.filter_map(|line| line.source.split('-').next()).collect();
        assert_eq!(of.len(), 1, "{}", found.headline);
    }
    assert!(whole.missing.iter().any(|gap| gap.what.starts_with("which cluster")));
}

/// What a command says of both recordings: exit status, stdout and stderr.
fn says(place: &Scratch, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_adtrace"));
    let output = command
        .args(arguments)
        .arg(&place.0)
        .output()
        .expect("the program runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn a_question_about_one_asks_for_which() {
    let place = folders("asked");
    let (status, _, said) = says(&place, &["timeline"]);
    assert_eq!(status, Some(2));
    assert!(
        said.contains("2 clusters: one and other") && said.contains("--cluster"),
        "{said}"
    );
    let (status, shown, _) = says(&place, &["timeline", "--cluster", "other"]);
    assert_eq!(status, Some(0));
    assert!(shown.contains("pv-1"));
    let (status, _, said) = says(&place, &["timeline", "--cluster", "neither"]);
    assert_eq!(status, Some(2));
    assert!(said.contains("there are one and other"), "{said}");
}

#[test]
fn people_are_told_of_both() {
    let place = folders("told");
    let (status, shown, _) = says(&place, &["analyze"]);
    assert_eq!(status, Some(1));
    let first = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        first.starts_with("These are recordings of 2 clusters, each looked at on its own: "),
        "{first}"
    );
    for format in ["markdown", "jsonl"] {
        let (_, shown, _) = says(&place, &["analyze", "--format", format]);
        assert!(shown.to_lowercase().contains("cluster"), "{format}");
    }
}
