//! Many traces against their expectations: past incidents kept as tests.
//!
//! In: files and folders. Out: a [`Checked`], one [`Case`] for each trace in the order of their paths, which the faces in
//! here print for people and for CI systems. Traces are replayed in parallel; the output does not show it.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde::Serialize;

use super::expect::{Difference, Expectation, What, beside};
use crate::model::profile::Version;
use crate::pipeline::{self, Options};
use crate::report::Report;

mod github;
mod json;
mod junit;
mod sarif;
mod tap;
mod text;

pub use github::GitHub;
pub use json::Json;
pub use junit::Junit;
pub use sarif::Sarif;
pub use tap::Tap;
pub use text::Text;

/// Bytes of an expectation at most.
const LARGEST: u64 = 4 << 20;

/// How to check.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mode {
    /// Write the expectations anew where the report differs or there is none.
    pub update: bool,
    /// Replay as this release, and ask only for what did not come about before.
    pub kubernetes: Option<Version>,
}

/// One trace and what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Case {
    /// The trace, as given or below the folder given.
    pub trace: String,
    /// Its expectation.
    pub expectation: String,
    /// What came of it.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// What came of a trace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum Outcome {
    /// The report is as expected; under another release, what no longer comes about.
    Same {
        /// Only under another release.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        gone: Vec<Difference>,
    },
    /// The report differs.
    Differs {
        /// Where.
        differences: Vec<Difference>,
    },
    /// The expectation was written anew.
    Updated {
        /// What it accepts now.
        differences: Vec<Difference>,
    },
    /// It could not be checked.
    Broken {
        /// Why, as a clause.
        why: String,
    },
}

/// All cases.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// In the order of their paths.
    pub cases: Vec<Case>,
    /// As which release they were replayed, where one was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kubernetes: Option<String>,
}

/// How many cases came out how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Count {
    /// As expected.
    pub same: u64,
    /// Other than expected.
    pub differs: u64,
    /// Expectation written.
    pub updated: u64,
    /// Not checked.
    pub broken: u64,
}

impl Checked {
    /// How many cases came out how.
    #[must_use]
    pub fn count(&self) -> Count {
        let mut count = Count::default();
        for case in &self.cases {
            *match &case.outcome {
                Outcome::Same { .. } => &mut count.same,
                Outcome::Differs { .. } => &mut count.differs,
                Outcome::Updated { .. } => &mut count.updated,
                Outcome::Broken { .. } => &mut count.broken,
            } += 1;
        }
        count
    }

    /// 0 all as expected, 1 some differ, 2 some could not be checked.
    #[must_use]
    pub fn exit_status(&self) -> u8 {
        match self.count() {
            Count { broken: 1.., .. } => 2,
            Count { differs: 1.., .. } => 1,
            _ => 0,
        }
    }
}

/// One way to show what came of a check.
pub trait Face {
    /// Writes all of it; the only errors are those of `out`.
    ///
    /// # Errors
    /// What writing fails with.
    fn write(&self, checked: &Checked, out: &mut dyn io::Write) -> io::Result<()>;
}

/// A path in which traces cannot be looked for.
#[derive(Debug)]
pub struct FindError {
    /// Which.
    pub path: PathBuf,
    /// Why.
    pub error: io::Error,
}

impl fmt::Display for FindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} could not be opened: {}", self.path.display(), self.error)
    }
}

impl std::error::Error for FindError {}

/// The traces in files and folders: files as they are named, in folders all `*.adtrace` and `*.adtrace.zst`, each once.
///
/// # Errors
/// A path or folder that cannot be opened.
pub fn find(paths: &[PathBuf]) -> Result<Vec<PathBuf>, FindError> {
    let mut found = Vec::new();
    for path in paths {
        let meta = std::fs::metadata(path).map_err(|error| FindError {
            path: path.clone(),
            error,
        })?;
        if meta.is_dir() {
            below(path, &mut found)?;
        } else {
            found.push(path.clone());
        }
    }
    found.sort();
    found.dedup();
    Ok(found)
}

/// All traces below a folder; links are not followed.
fn below(folder: &Path, found: &mut Vec<PathBuf>) -> Result<(), FindError> {
    let refused = |error| FindError {
        path: folder.to_owned(),
        error,
    };
    for item in std::fs::read_dir(folder).map_err(refused)? {
        let item = item.map_err(refused)?;
        let kind = item.file_type().map_err(refused)?;
        let name = item.file_name().to_string_lossy().into_owned();
        if kind.is_dir() {
            below(&item.path(), found)?;
        } else if kind.is_file() && (name.ends_with(".adtrace") || name.ends_with(".adtrace.zst")) {
            found.push(item.path());
        }
    }
    Ok(())
}

/// Replays traces and compares.
#[must_use]
pub fn check(traces: &[PathBuf], mode: Mode) -> Checked {
    Checked {
        cases: traces.par_iter().map(|trace| case(trace, mode)).collect(),
        kubernetes: mode.kubernetes.map(|version| version.to_string()),
    }
}

fn case(trace: &Path, mode: Mode) -> Case {
    let beside = beside(trace);
    Case {
        trace: trace.display().to_string(),
        expectation: beside.display().to_string(),
        outcome: outcome(trace, &beside, mode).unwrap_or_else(|why| Outcome::Broken { why }),
    }
}

/// What comes of one trace, or why it cannot be checked.
fn outcome(trace: &Path, beside: &Path, mode: Mode) -> Result<Outcome, String> {
    let expectation = expectation(beside)?;
    let options = Options {
        kubernetes: mode.kubernetes,
        ..Options::default()
    };
    let case = pipeline::Case::open(&[trace.to_owned()], &options).map_err(|error| error.to_string())?;
    let report = case.verdict();
    if report.inputs.is_empty() || (report.summary.facts == 0 && report.window.is_none()) {
        return Err("nothing was recognised in it; adtrace capture makes a trace of a bundle".to_owned());
    }
    if mode.update {
        return update(expectation.as_ref(), &report, beside);
    }
    let Some(expectation) = expectation else {
        return Err(format!(
            "it has no expectation beside it; adtrace expect {} writes one",
            trace.display()
        ));
    };
    let differences = expectation.differences(&report);
    let (gone, differences): (Vec<Difference>, Vec<Difference>) = differences
        .into_iter()
        .partition(|one| mode.kubernetes.is_some() && matches!(one.what, What::Missing | What::Summary));
    Ok(if differences.is_empty() {
        Outcome::Same { gone }
    } else {
        Outcome::Differs { differences }
    })
}

fn expectation(path: &Path) -> Result<Option<Expectation>, String> {
    let unread = |why: &dyn fmt::Display| format!("{} could not be read: {why}", path.display());
    match std::fs::metadata(path) {
        Ok(meta) if meta.len() > LARGEST => return Err(unread(&"it is too large for an expectation")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        _ => {}
    }
    let text = std::fs::read_to_string(path).map_err(|error| unread(&error))?;
    Expectation::read(&text).map(Some).map_err(|error| unread(&error))
}

/// Makes the expectation accept the report.
fn update(expectation: Option<&Expectation>, report: &Report, beside: &Path) -> Result<Outcome, String> {
    let differences = expectation.map_or_else(Vec::new, |wanted| wanted.differences(report));
    if expectation.is_some() && differences.is_empty() {
        return Ok(Outcome::Same { gone: Vec::new() });
    }
    let accepting = match expectation {
        Some(expectation) => expectation.accepting(report),
        None => Expectation::of(report),
    };
    std::fs::write(beside, accepting.text())
        .map_err(|error| format!("{} could not be written: {error}", beside.display()))?;
    Ok(Outcome::Updated { differences })
}

#[cfg(test)]
mod tests;
