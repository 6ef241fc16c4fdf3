//! Is the model the real code? Replays recordings of the real controller and kubelet, and compares after every step.
//!
//! In: a directory of vector files (`asw`, `dsw`, `pending`, `reconciler`, `edge`, `kubelet`, each `.jsonl` or
//! `.jsonl.zst`, one script a line). Out: [`Summary`]: scripts and steps compared, and where the model disagrees. Whoever
//! maintains a fork of the controller records it the same way and sees what the fork does otherwise. Error texts are
//! compared by kind (there is one or there is none), everything else to the letter.

mod asw;
mod compare;
mod controller;
mod dsw;
pub mod kubelet;
mod names;
mod pending;
mod table;
mod world;

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde_json::Value;

use crate::model::profile::BadVersion;
use crate::model::{Behaviour, Profile, Version};

pub use compare::Difference;
pub use table::{print_steps, print_table};

/// Scripts that are held in memory at a time.
const BATCH: usize = 256;
/// Longest line that is taken for a script.
const LONGEST_SCRIPT: u64 = 64 << 20;

/// What a step showed, by field of the recorded step (`x` log, `r` result, `s` state, `t` clock).
pub type Observed = Vec<(&'static str, Value)>;

/// A part of the model that scripts can be played on.
pub trait Subject {
    /// Carries out a step's inputs and shows what came of it.
    fn step(&mut self, step: &Value) -> Result<Observed, BadStep>;
}

/// A step that cannot be carried out, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadStep(pub String);

impl From<serde_json::Error> for BadStep {
    fn from(error: serde_json::Error) -> BadStep {
        BadStep(error.to_string())
    }
}

impl Subject for kubelet::Replay {
    /// The kubelet's texts are compared by kind in its own room: what agrees there has nothing to show here.
    fn step(&mut self, step: &Value) -> Result<Observed, BadStep> {
        let (log, state) = kubelet::Replay::step(self, step).map_err(|bad| BadStep(bad.to_string()))?;
        let agrees = kubelet::differences(step, &log, &state).is_empty();
        Ok(if agrees {
            Vec::new()
        } else {
            vec![("x", Value::Array(log)), ("s", state)]
        })
    }
}

/// Which part of the machinery a file is about, told by the file's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The actual state of world alone.
    Asw,
    /// The desired state of world alone.
    Dsw,
    /// Pending operations alone.
    Pending,
    /// The whole controller in ordinary life and known faults.
    Reconciler,
    /// The whole controller where its rules have edges.
    Edge,
    /// The kubelet's volume manager.
    Kubelet,
}

impl Kind {
    const ALL: [(Kind, &'static str); 6] = [
        (Kind::Asw, "asw"),
        (Kind::Dsw, "dsw"),
        (Kind::Pending, "pending"),
        (Kind::Reconciler, "reconciler"),
        (Kind::Edge, "edge"),
        (Kind::Kubelet, "kubelet"),
    ];

    fn subject(self, profile: Profile, script: &Value) -> Result<Box<dyn Subject>, BadStep> {
        Ok(match self {
            Kind::Asw => Box::new(asw::Asw::new(profile, script)),
            Kind::Dsw => Box::new(dsw::Dsw::new(profile, script)),
            Kind::Pending => Box::new(pending::Ops::new(profile, script)),
            Kind::Kubelet => Box::new(kubelet::Replay::new(script, profile).map_err(|bad| BadStep(bad.to_string()))?),
            Kind::Reconciler | Kind::Edge => Box::new(controller::Play::new(profile, script)?),
        })
    }
}

/// Whose behaviour the scripts are compared with.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Instead of the release that each script names.
    pub version: Option<Version>,
    /// Behaviours added to that release.
    pub with: Vec<Behaviour>,
    /// Behaviours taken from it.
    pub without: Vec<Behaviour>,
    /// Behaviours that are there if the release lacks them, and gone if it has them.
    pub turned: Vec<Behaviour>,
}

impl Options {
    fn profile(&self, script: &Value) -> Result<Profile, BadStep> {
        let named = || -> Result<Version, BadStep> {
            let text = script["ver"]
                .as_str()
                .ok_or_else(|| BadStep("the script names no version `ver`".into()))?;
            text.parse().map_err(|error: BadVersion| BadStep(error.to_string()))
        };
        let version = self.version.map_or_else(named, Ok)?;
        let more = self
            .with
            .iter()
            .fold(Profile::of(version), |profile, &behaviour| profile.with(behaviour));
        let less = self
            .without
            .iter()
            .fold(more, |profile, &behaviour| profile.without(behaviour));
        Ok(self.turned.iter().fold(less, |profile, &behaviour| {
            if profile.has(behaviour) {
                profile.without(behaviour)
            } else {
                profile.with(behaviour)
            }
        }))
    }
}

/// How one script went.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The script's id.
    pub id: String,
    /// Steps compared: all of them, or up to the first that disagrees.
    pub steps: usize,
    /// What disagrees in the first step that does; empty where the model agrees to the end.
    pub differences: Vec<Difference>,
}

/// How one file went.
#[derive(Clone, Debug)]
pub struct FileResult {
    /// The file.
    pub path: PathBuf,
    /// Its scripts, in their order.
    pub outcomes: Vec<Outcome>,
}

impl FileResult {
    /// Scripts that the model does not agree with.
    #[must_use]
    pub fn disagreeing(&self) -> usize {
        self.outcomes
            .iter()
            .filter(|outcome| !outcome.differences.is_empty())
            .count()
    }
}

/// How a directory went.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// Its vector files, by path.
    pub files: Vec<FileResult>,
}

impl Summary {
    /// Whether the model agrees with every script.
    #[must_use]
    pub fn agrees(&self) -> bool {
        self.files.iter().all(|file| file.disagreeing() == 0)
    }
}

/// Why nothing could be compared.
#[derive(Debug)]
pub enum Error {
    /// A file or directory cannot be read.
    Read(PathBuf, io::Error),
    /// A line is not a script.
    Script(PathBuf, usize, String),
    /// No vector file is there.
    Nothing(PathBuf),
    /// No script has this id.
    NoScript(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Read(path, error) => write!(f, "{} cannot be read: {error}.", path.display()),
            Error::Script(path, line, why) => write!(f, "{}:{line} is not a script: {why}.", path.display()),
            Error::Nothing(path) => write!(
                f,
                "{} holds no vectors; name a directory with files like reconciler.jsonl or reconciler.jsonl.zst.",
                path.display()
            ),
            Error::NoScript(id) => write!(f, "No script has the id `{}`.", id.escape_debug()),
        }
    }
}

impl std::error::Error for Error {}

/// Compares the model with every script under a directory (one level of directories deep, as vectors lie by version).
pub fn run(dir: &Path, options: &Options) -> Result<Summary, Error> {
    let mut files = Vec::new();
    for (path, kind) in vector_files(dir)? {
        let mut outcomes = Vec::new();
        for_batches(&path, |batch| {
            let results: Result<Vec<Outcome>, (usize, String)> = batch
                .par_iter()
                .map(|(line, text)| compare(kind, text, options).map_err(|why| (*line, why.0)))
                .collect();
            outcomes.extend(results.map_err(|(line, why)| Error::Script(path.clone(), line, why))?);
            Ok(())
        })?;
        files.push(FileResult { path, outcomes });
    }
    Ok(Summary { files })
}

fn compare(kind: Kind, text: &str, options: &Options) -> Result<Outcome, BadStep> {
    let script: Value = serde_json::from_str(text)?;
    let mut subject = kind.subject(options.profile(&script)?, &script)?;
    let id = script["id"].as_str().unwrap_or("?").to_owned();
    let steps = steps_of(&script);
    for (at, step) in steps.iter().enumerate() {
        let differences = compare::differences(at, step, &subject.step(step)?);
        if !differences.is_empty() {
            return Ok(Outcome {
                id,
                steps: at + 1,
                differences,
            });
        }
    }
    Ok(Outcome {
        id,
        steps: steps.len(),
        differences: Vec::new(),
    })
}

fn steps_of(script: &Value) -> &[Value] {
    script["steps"].as_array().map_or(&[], Vec::as_slice)
}

/// One step of a script, with what was recorded and what the model did.
#[derive(Clone, Debug)]
pub struct StepView {
    /// The recorded step.
    pub step: Value,
    /// What the model showed.
    pub observed: Observed,
    /// Where they differ.
    pub differences: Vec<Difference>,
}

/// One script of a directory, step by step to its end.
pub fn script(dir: &Path, id: &str, options: &Options) -> Result<Vec<StepView>, Error> {
    for (path, kind) in vector_files(dir)? {
        let mut found = None;
        for_batches(&path, |batch| {
            // Ids are short and unique: a line without the text is not the script, and need not be parsed.
            for (line, text) in batch.iter().filter(|(_, text)| text.contains(id)) {
                if found.is_some() {
                    break;
                }
                let views = step_views(kind, text, id, options);
                found = views.map_err(|why| Error::Script(path.clone(), *line, why.0))?;
            }
            Ok(())
        })?;
        if let Some(views) = found {
            return Ok(views);
        }
    }
    Err(Error::NoScript(id.to_owned()))
}

fn step_views(kind: Kind, text: &str, id: &str, options: &Options) -> Result<Option<Vec<StepView>>, BadStep> {
    let script: Value = serde_json::from_str(text)?;
    if script["id"] != id {
        return Ok(None);
    }
    let mut subject = kind.subject(options.profile(&script)?, &script)?;
    let views = steps_of(&script).iter().enumerate().map(|(at, step)| {
        let observed = subject.step(step)?;
        let differences = compare::differences(at, step, &observed);
        Ok(StepView {
            step: step.clone(),
            observed,
            differences,
        })
    });
    views.collect::<Result<Vec<_>, BadStep>>().map(Some)
}

/// The vector files in a directory and in the directories right under it, by path.
fn vector_files(dir: &Path) -> Result<Vec<(PathBuf, Kind)>, Error> {
    let mut found = Vec::new();
    for path in entries(dir)? {
        if path.is_dir() {
            let inner = entries(&path)?.into_iter();
            found.extend(inner.filter_map(|file| kind_of(&file).map(|kind| (file, kind))));
        } else if let Some(kind) = kind_of(&path) {
            found.push((path, kind));
        }
    }
    if found.is_empty() {
        Err(Error::Nothing(dir.to_owned()))
    } else {
        Ok(found)
    }
}

fn entries(dir: &Path) -> Result<Vec<PathBuf>, Error> {
    let failed = |error| Error::Read(dir.to_owned(), error);
    let paths = std::fs::read_dir(dir)
        .map_err(failed)?
        .map(|entry| entry.map(|entry| entry.path()));
    let mut paths = paths.collect::<io::Result<Vec<_>>>().map_err(failed)?;
    paths.sort();
    Ok(paths)
}

fn kind_of(path: &Path) -> Option<Kind> {
    let name = path.file_name()?.to_str()?;
    let stem = name.strip_suffix(".zst").unwrap_or(name).strip_suffix(".jsonl")?;
    Kind::ALL.into_iter().find(|(_, of)| *of == stem).map(|(kind, _)| kind)
}

/// Hands the numbered lines of a file over, some at a time.
fn for_batches(path: &Path, mut each: impl FnMut(&[(usize, String)]) -> Result<(), Error>) -> Result<(), Error> {
    let failed = |error| Error::Read(path.to_owned(), error);
    let file = File::open(path).map_err(failed)?;
    let packed = path.extension().is_some_and(|extension| extension == "zst");
    let plain: Box<dyn Read> = if packed {
        Box::new(zstd::Decoder::new(file).map_err(failed)?)
    } else {
        Box::new(file)
    };
    let mut reader = BufReader::new(plain);
    let mut batch = Vec::new();
    for number in 1.. {
        let mut line = String::new();
        let read = reader
            .by_ref()
            .take(LONGEST_SCRIPT)
            .read_line(&mut line)
            .map_err(failed)?;
        if read > 0 && !line.trim().is_empty() {
            batch.push((number, line));
        }
        if read == 0 || batch.len() == BATCH {
            each(&batch)?;
            batch.clear();
        }
        if read == 0 {
            break;
        }
    }
    Ok(())
}
