//! Round trip: a run of the model in which nobody fails, printed, read and replayed, raises no alarm.

#[path = "support/mod.rs"]
#[allow(dead_code, reason = "each test uses a part of the support")]
mod support;

use std::path::PathBuf;

use adtrace::model::{NodeId, VolumeId};
use adtrace::report::Verdict;
use adtrace::time::Span;
use adtrace::{Options, analyze};
use support::dice::{Dice, seeds};
use support::stage::Stage;

/// Releases whose wording the printer writes.
const RELEASES: [&str; 4] = ["1.20.2", "1.23.13", "1.28.2", "1.36.2"];

/// Pods come, go and move at random, and no party fails. A pod that comes back under its name waits until the one before
/// is gone (that of a `StatefulSet`); one under a new name does not (that of a `Deployment`), and so competes for an exclusive volume.
fn run(seed: u64) -> Stage {
    let mut dice = Dice::of(seed);
    let release = RELEASES[dice.id(4) as usize];
    let (nodes, volumes) = (1 + dice.id(3), 1 + dice.id(2));
    let node_names: Vec<String> = (1..=nodes).map(|node| format!("node-{node}")).collect();
    let volume_names: Vec<(String, bool)> = (0..volumes).map(|id| (format!("d{id}"), dice.below(4) > 0)).collect();
    let mut stage = Stage::open(release, &node_names, &volume_names);
    let keeps_name: Vec<bool> = (0..volumes).map(|_| dice.below(2) == 0).collect();
    let mut names: Vec<String> = (0..volumes).map(|volume| format!("web-{volume}")).collect();
    for round in 0..2 + dice.below(5) {
        for volume in 0..volumes {
            let name = &mut names[volume as usize];
            match stage.living(name) {
                Some(pod) if dice.below(2) == 0 => {
                    stage.delete_pod(pod, Span::secs(1));
                    if !keeps_name[volume as usize] {
                        *name = format!("web-{volume}-{round}");
                    }
                }
                None if dice.below(3) > 0 && !stage.is_taken(name) => {
                    stage.pod(name, NodeId(dice.id(nodes)), &[VolumeId(volume)]);
                }
                _ => {}
            }
        }
        let pause = 200 + i64::from(dice.id(40_000));
        stage.run(Span::millis(pause));
    }
    if dice.below(2) == 0 {
        stage.run(Span::secs(40));
    }
    stage
}

/// Runs whose report tells a divergence or facts that nothing explains, or is not clean.
fn alarms(seeds: std::ops::Range<u64>) -> Vec<String> {
    let room = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("round-trip-{}", seeds.start));
    let mut alarms = Vec::new();
    for seed in seeds {
        let _ = std::fs::remove_dir_all(&room);
        run(seed).bundle().save(&room).expect("a place to write");
        let report = analyze(std::slice::from_ref(&room), &Options::default()).expect("a bundle that reads");
        if report.verdict != Verdict::Clean || report.summary.unexplained > 0 {
            let names: Vec<&str> = report
                .divergences
                .iter()
                .map(|found| found.mechanism.as_str())
                .collect();
            let odd: Vec<&str> = report.unexplained.iter().map(|odd| odd.what.as_str()).collect();
            alarms.push(format!(
                "seed {seed}: {:?} {names:?}, unexplained {odd:?}, missing {:?}",
                report.verdict,
                report.missing.iter().map(|gap| &gap.what).collect::<Vec<_>>()
            ));
        }
    }
    alarms
}

#[test]
fn a_run_without_faults_is_clean() {
    let alarms = alarms(0..60);
    assert!(alarms.is_empty(), "{}", alarms.join("\n"));
}

/// `scripts/round-trip` sets how many.
#[test]
#[ignore = "long: scripts/round-trip runs it"]
fn many_runs_without_faults_are_clean() {
    let seeds = seeds();
    let alarms = alarms(seeds.clone());
    let (runs, first) = (seeds.end - seeds.start, seeds.start);
    println!("{runs} runs from seed {first}: {} false alarms", alarms.len());
    assert!(alarms.is_empty(), "{}", alarms.join("\n"));
}
