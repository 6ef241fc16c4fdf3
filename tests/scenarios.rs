//! Every scenario in `tests/scenarios`, from prose to verdict: played by the model, printed in the wording of each
//! release that it names, read, replayed, judged. `ADTRACE_SCENARIO=TEXT` plays those whose names have the text.

#![allow(clippy::unwrap_used, reason = "a test that cannot read its own scenarios has failed")]

#[path = "support/mod.rs"]
#[allow(dead_code, reason = "each test uses a part of the support")]
mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};

use adtrace::diagnose::catalogue;
use adtrace::report::{Report, Verdict};
use adtrace::{Options, analyze};
use rayon::prelude::*;
use support::scenario::Scenario;

/// Where the scenarios are.
fn room() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios")
}

/// All scenarios by name.
fn scenarios() -> BTreeMap<String, Scenario> {
    let paths = std::fs::read_dir(room()).unwrap().map(|entry| entry.unwrap().path());
    let scenarios =
        paths.filter(|path| path.extension().is_some_and(|ext| ext == "md") && !path.ends_with("README.md"));
    scenarios
        .map(|path| {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            let text = std::fs::read_to_string(&path).unwrap();
            let scenario = Scenario::read(&text).unwrap_or_else(|why| panic!("{name}: {why}"));
            (name, scenario)
        })
        .collect()
}

/// The report in the words of a scenario's verdict; waits only where the scenario asks for them.
fn told(report: &Report, expected: &[String]) -> Vec<String> {
    let mut told: Vec<String> = report
        .divergences
        .iter()
        .map(|found| {
            let (severity, status) = (word(&found.severity), word(&found.status));
            let volume = short(&found.volume);
            format!(
                "diverged: {} of {volume} on {}, {severity}, {status}",
                found.mechanism, found.node
            )
        })
        .collect();
    if report.verdict != Verdict::Diverged {
        told.push(word(&report.verdict));
    }
    told.extend(waits(report).into_iter().filter(|wait| expected.contains(wait)));
    told.sort();
    told
}

fn waits(report: &Report) -> Vec<String> {
    let waits = report.waits.iter().map(|wait| {
        let (volume, node) = (wait.volume.as_deref(), wait.node.as_deref());
        format!(
            "waits: {} of {} on {}",
            word(&wait.kind),
            short(volume.unwrap_or_default()),
            node.unwrap_or_default()
        )
    });
    waits.collect()
}

fn short(volume: &str) -> &str {
    volume.rsplit("vol-").next().unwrap_or(volume)
}

fn word(value: &impl serde::Serialize) -> String {
    serde_json::to_value(value)
        .ok()
        .and_then(|value| value.as_str().map(str::to_owned))
        .unwrap_or_default()
}

/// Plays a scenario under a release.
fn judge(name: &str, scenario: &Scenario, release: &str, expected: &[String]) -> Result<(), String> {
    let mut stage = scenario.play(release)?;
    let bundle = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("scenarios")
        .join(format!("{name}-{release}"));
    let _ = std::fs::remove_dir_all(&bundle);
    let saved = stage.bundle().save(&bundle);
    saved.map_err(|error| error.to_string())?;
    let report = analyze(&[bundle], &Options::default()).map_err(|error| error.to_string())?;
    let told = told(&report, expected);
    if told == expected {
        return Ok(());
    }
    Err(format!(
        "expected {expected:#?}, got {told:#?}; waits {:?}; unexplained {:?}; missing {:?}",
        waits(&report),
        report.unexplained,
        report.missing
    ))
}

#[test]
fn every_scenario_comes_to_its_verdict() {
    let wanted = std::env::var("ADTRACE_SCENARIO").unwrap_or_default();
    let scenarios = scenarios();
    let runs: Vec<(&String, &Scenario, &String, &[String])> = scenarios
        .iter()
        .filter(|(name, _)| name.contains(&wanted))
        .flat_map(|(name, scenario)| {
            let verdicts = scenario.verdicts.iter();
            verdicts.flat_map(move |verdict| {
                let releases = verdict.releases.iter();
                releases.map(move |release| (name, scenario, release, verdict.lines.as_slice()))
            })
        })
        .collect();
    assert!(!runs.is_empty());
    let wrong: Vec<String> = runs
        .par_iter()
        .filter_map(|(name, scenario, release, expected)| {
            let why = judge(name, scenario, release, expected).err()?;
            Some(format!("{name} in {release}: {why}"))
        })
        .collect();
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        runs.len(),
        wrong.join("\n")
    );
}

/// The table of `tests/scenarios/README.md`.
fn index(scenarios: &BTreeMap<String, Scenario>) -> String {
    let covered: BTreeSet<&String> = scenarios.values().flat_map(|scenario| &scenario.covers).collect();
    let mut text = format!(
        "{} of the {} entries of the catalogue are covered, by {} scenarios.\n\n\
         | scenario | about | covers | releases |\n| --- | --- | --- | --- |\n",
        covered.len(),
        catalogue::all().count(),
        scenarios.len()
    );
    for (name, scenario) in scenarios {
        let covers: Vec<String> = scenario.covers.iter().map(|entry| format!("`{entry}`")).collect();
        let releases: Vec<String> = scenario
            .verdicts
            .iter()
            .map(|verdict| {
                let clean = verdict.lines.iter().any(|line| line == "clean");
                let insufficient = verdict.lines.iter().any(|line| line == "insufficient");
                let word = match (clean, insufficient) {
                    (true, _) => "clean",
                    (_, true) => "insufficient",
                    _ => "diverged",
                };
                format!("{}: {word}", verdict.releases.join(", "))
            })
            .collect();
        let (covers, releases) = (covers.join(", "), releases.join("; "));
        let _ = writeln!(
            text,
            "| [{name}]({name}.md) | {} | {covers} | {releases} |",
            scenario.title
        );
    }
    let _ = write!(
        text,
        "\n# Without a scenario\n\n\
         What no run shows, and why; `adtrace explain NAME` says the same.\n\n\
         | entry | why, and what to look at instead |\n| --- | --- |\n"
    );
    for row in catalogue::all() {
        if let Some(why) = row.not_visible {
            let _ = writeln!(text, "| `{}` | {why} |", row.name);
        }
    }
    text
}

/// A row that nothing proves is a promise that nobody keeps.
#[test]
fn every_entry_of_the_catalogue_has_a_scenario_or_says_why_not() {
    let scenarios = scenarios();
    let covered: BTreeSet<&str> = scenarios
        .values()
        .flat_map(|scenario| scenario.covers.iter().map(String::as_str))
        .collect();
    let open: Vec<&str> = catalogue::all()
        .filter(|row| covered.contains(row.name) == row.not_visible.is_some())
        .map(|row| row.name)
        .collect();
    assert!(open.is_empty(), "neither, or both: {open:#?}");
}

/// `UPDATE_SCENARIOS=1` writes the table anew.
#[test]
fn the_readme_lists_every_scenario_and_what_it_covers() {
    let scenarios = scenarios();
    for (name, scenario) in &scenarios {
        for entry in &scenario.covers {
            assert!(
                catalogue::find(entry).is_some(),
                "{name} covers {entry}, which the catalogue does not have"
            );
        }
    }
    let path = room().join("README.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let mark = "# All scenarios\n\n";
    let (head, listed) = text.split_once(mark).unwrap();
    let index = index(&scenarios);
    if std::env::var_os("UPDATE_SCENARIOS").is_some() {
        std::fs::write(&path, format!("{head}{mark}{index}")).unwrap();
    } else {
        assert_eq!(
            listed, index,
            "UPDATE_SCENARIOS=1 cargo test --test scenarios writes the table anew"
        );
    }
}
