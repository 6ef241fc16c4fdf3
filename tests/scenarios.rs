//! Every scenario in `tests/scenarios`, from prose to verdict: played by the model, printed, read, replayed, judged.

#[path = "support/mod.rs"]
#[allow(dead_code, reason = "each test uses a part of the support")]
mod support;

use std::path::{Path, PathBuf};

use adtrace::report::{Report, Verdict};
use adtrace::{Options, analyze};
use support::scenario::Scenario;

/// The report in the words of a scenario's verdict; waits only where the scenario asks for them.
fn told(report: &Report, expected: &[String]) -> Vec<String> {
    let short = |volume: &str| volume.rsplit("vol-").next().unwrap_or(volume).to_owned();
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
    let waits = report.waits.iter().map(|wait| {
        let (volume, node) = (wait.volume.as_deref(), wait.node.as_deref());
        format!(
            "waits: {} of {} on {}",
            word(&wait.kind),
            short(volume.unwrap_or_default()),
            node.unwrap_or_default()
        )
    });
    told.extend(waits.filter(|wait| expected.contains(wait)));
    told.sort();
    told
}

fn word(value: &impl serde::Serialize) -> String {
    serde_json::to_value(value)
        .ok()
        .and_then(|value| value.as_str().map(str::to_owned))
        .unwrap_or_default()
}

fn judge(path: &Path) -> Result<(), String> {
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    let scenario = Scenario::read(&text)?;
    let mut stage = scenario.play()?;
    let name = path.file_stem().unwrap_or_default().to_owned();
    let bundle = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("scenarios").join(name);
    let saved = stage.bundle().save(&bundle);
    saved.map_err(|error| error.to_string())?;
    let report = analyze(&[bundle], &Options::default()).map_err(|error| error.to_string())?;
    let told = told(&report, &scenario.verdict);
    if told == scenario.verdict {
        Ok(())
    } else {
        let waits: Vec<String> = report.waits.iter().map(|wait| format!("{wait:?}")).collect();
        Err(format!(
            "expected {:#?}, got {told:#?}; {waits:#?}; {:#?}",
            scenario.verdict, report.unexplained
        ))
    }
}

#[test]
fn every_scenario_comes_to_its_verdict() {
    let room = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let mut paths: Vec<PathBuf> = std::fs::read_dir(room)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ext| ext == "md") && !path.ends_with("README.md"))
        .collect();
    paths.sort();
    assert!(!paths.is_empty());
    let wrong: Vec<String> = paths
        .iter()
        .filter_map(|path| Some(format!("{}: {}", path.display(), judge(path).err()?)))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
