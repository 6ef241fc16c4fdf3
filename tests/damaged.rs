//! With less evidence an analysis says less; it never says something else.

mod damage;
mod recordings;
#[allow(dead_code, reason = "of the wrappings only files and lines are needed here")]
mod rewrap;

use std::collections::BTreeMap;
use std::path::Path;

use adtrace::report::{Confidence, Divergence, Report, Status, Verdict};
use adtrace::{Options, analyze};

use rayon::prelude::*;

use damage::{DAMAGES, Damage};
use recordings::Scratch;
use rewrap::File;

fn report(files: &[File], name: &str) -> Report {
    let place = Scratch::new(name);
    rewrap::store(files, &place.0);
    analyze(std::slice::from_ref(&place.0), &Options::default()).expect("it reads")
}

/// How a report on less evidence stands to the whole one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stands {
    /// The same verdict and names.
    Same,
    /// Less sure, or it says what is missing.
    Less,
    /// Something that is not so.
    Wrong(String),
}

/// The sets of names that stand for one divergence, a recording each: of a file like the recordings' `EXPECTED.json`.
type Synonyms = BTreeMap<String, Vec<Vec<String>>>;

/// What `ADTRACE_EXPECTED` names, if it is set: where two names tell the same story, either is right.
fn synonyms() -> Synonyms {
    let Some(path) = std::env::var_os("ADTRACE_EXPECTED") else {
        return Synonyms::new();
    };
    let text = std::fs::read(path).expect("ADTRACE_EXPECTED names a file");
    let expected: BTreeMap<String, serde_json::Value> = serde_json::from_slice(&text).expect("it is JSON");
    let names = |divergence: &serde_json::Value| serde_json::from_value(divergence["mechanism"].clone()).ok();
    let of = |value: &serde_json::Value| {
        value["divergences"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(names)
            .collect()
    };
    expected.iter().map(|(name, value)| (name.clone(), of(value))).collect()
}

/// Less evidence may end before the story's last turn: what it tells is then how things stood until there.
fn is_earlier_turn(found: &Divergence, known: &[&Divergence], damage: &Damage) -> bool {
    damage.ends_early && known.iter().all(|known| found.since < known.since)
}

fn stands(whole: &Report, less: &Report, damage: &Damage, synonyms: &[Vec<String>]) -> Stands {
    let is_name = |known: &str, found: &str| {
        let either = |names: &Vec<String>| {
            [known, found]
                .iter()
                .all(|name| names.iter().any(|other| other == name))
        };
        known == found || synonyms.iter().any(either)
    };
    let mut same = less.verdict == whole.verdict;
    for found in &less.divergences {
        let about = |known: &&Divergence| known.volume == found.volume;
        let known: Vec<&Divergence> = whole.divergences.iter().filter(about).collect();
        if known.is_empty() {
            return Stands::Wrong(format!("false alarm: {} {:?}", found.mechanism, found.confidence));
        }
        let named = known.iter().any(|known| is_name(&known.mechanism, &found.mechanism));
        if !named && found.confidence != Confidence::Possible && !is_earlier_turn(found, &known, damage) {
            let names: Vec<&str> = known.iter().map(|known| known.mechanism.as_str()).collect();
            return Stands::Wrong(format!(
                "{} named {} {:?}",
                names.join(", "),
                found.mechanism,
                found.confidence
            ));
        }
        same &= named;
    }
    let lasting = whole.divergences.iter().any(|known| known.status == Status::Open);
    let must_show = whole.verdict == Verdict::Diverged && !damage.ends_early && (lasting || !damage.begins_late);
    if must_show && less.verdict == Verdict::Clean {
        return Stands::Wrong(format!("{} called clean", whole.divergences[0].mechanism));
    }
    if same { Stands::Same } else { Stands::Less }
}

#[test]
fn less_evidence_never_gives_another_verdict() {
    let files = rewrap::load(&recordings::founding());
    let whole = report(&files, "whole");
    for (damage, number) in DAMAGES.iter().zip(0..) {
        let less = report(&(damage.of)(&files), &format!("less-{number}"));
        let stands = stands(&whole, &less, damage, &[]);
        assert!(!matches!(stands, Stands::Wrong(_)), "{}: {stands:?}", damage.name);
    }
}

/// Over a folder of recordings, each a folder: `scripts/damage FOLDER`. `ADTRACE_EXPECTED=FILE`: an `EXPECTED.json` that
/// lists the names that are right for each. `ADTRACE_KEEP=FOLDER` keeps what was told wrong.
#[test]
#[ignore = "needs a folder of recordings; scripts/damage runs it"]
fn all_recordings_with_all_damages() {
    let only = std::env::var("ADTRACE_WAY").unwrap_or_default();
    let synonyms = synonyms();
    let recordings = recordings::all();
    let recordings: Vec<(String, Vec<File>, Report)> = recordings
        .par_iter()
        .map(|path| {
            let name = path
                .file_name()
                .map_or(String::new(), |name| name.to_string_lossy().into_owned());
            let files = rewrap::load(path);
            let whole = report(&files, &name);
            (name, files, whole)
        })
        .collect();
    let mut all_wrong = 0;
    for damage in DAMAGES.iter().filter(|damage| damage.name.contains(&only)) {
        let stand: Vec<Stands> = recordings
            .par_iter()
            .map(|(name, files, whole)| {
                let names = synonyms.get(name).map_or(&[][..], Vec::as_slice);
                stands(whole, &report(&(damage.of)(files), name), damage, names)
            })
            .collect();
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for ((name, ..), stands) in recordings.iter().zip(&stand) {
            let word = match stands {
                Stands::Same => "same",
                Stands::Less => "less",
                Stands::Wrong(why) => {
                    if let Ok(place) = std::env::var("ADTRACE_KEEP") {
                        let files = recordings.iter().find(|(other, ..)| other == name);
                        let less = (damage.of)(files.map_or(&[], |(_, files, _)| files));
                        rewrap::store(&less, &Path::new(&place).join(format!("{}-{name}", damage.name)));
                    }
                    println!("    {name}: {why}");
                    "wrong"
                }
            };
            *counts.entry(word).or_default() += 1;
        }
        let count = |word| counts.get(word).copied().unwrap_or(0);
        println!(
            "{}: {} same, {} less, {} wrong",
            damage.name,
            count("same"),
            count("less"),
            count("wrong")
        );
        all_wrong += count("wrong");
    }
    assert_eq!(all_wrong, 0, "wrong verdicts");
}
