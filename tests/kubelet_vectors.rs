//! The kubelet model against recordings of the real kubelet: every log entry and every state, in three versions.

use adtrace::model::Profile;
use adtrace::verify::kubelet::{Replay, differences};
use serde_json::Value;

#[test]
fn the_model_does_what_the_kubelet_did() {
    for version in ["1.20.2", "1.23.13", "1.36.2"] {
        let scripts = read(version);
        assert!(scripts.len() >= 40, "{version} has only {} scripts", scripts.len());
        for script in &scripts {
            agree(script, Profile::of(version.parse().unwrap())).unwrap_or_else(|at| panic!("{version} {at}"));
        }
    }
}

#[test]
fn another_versions_rules_are_noticed() {
    for (recorded, played) in [("1.20.2", "1.23.13"), ("1.23.13", "1.36.2"), ("1.36.2", "1.20.2")] {
        let profile = Profile::of(played.parse().unwrap());
        let differ = read(recorded)
            .iter()
            .filter(|script| agree(script, profile).is_err())
            .count();
        assert!(
            differ > 10,
            "{played} passes for {recorded}: only {differ} scripts differ"
        );
    }
}

fn read(version: &str) -> Vec<Value> {
    let path = format!(
        "{}/fixtures/vectors/{version}/kubelet.jsonl.zst",
        env!("CARGO_MANIFEST_DIR")
    );
    let file = std::fs::File::open(path).expect("the fixture is there");
    let text = zstd::decode_all(file).expect("it is compressed with zstd");
    let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines
        .map(|line| serde_json::from_slice(line).expect("a script is one JSON object"))
        .collect()
}

/// Replays a script; where it first differs, if it does.
fn agree(script: &Value, profile: Profile) -> Result<(), String> {
    let mut replay = Replay::new(script, profile).map_err(|error| error.to_string())?;
    for (at, step) in script["steps"].as_array().into_iter().flatten().enumerate() {
        let (log, state) = replay.step(step).map_err(|error| error.to_string())?;
        if let Some(first) = differences(step, &log, &state).first() {
            return Err(format!("script {} step {at}: {first:?}", script["id"]));
        }
    }
    Ok(())
}
