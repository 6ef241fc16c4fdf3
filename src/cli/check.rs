//! `adtrace check`: traces of past incidents against what is expected of them, for CI.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::error::CliError;
use super::output::Output;
use crate::model::profile::Version;
use crate::trace::check::{self, Face, GitHub, Json, Junit, Mode, Sarif, Tap, Text};

/// Replay traces and compare with what is expected of them; exit status 0 all the same, 1 not all, 2 not all checked
#[derive(Debug, Args)]
pub struct Check {
    /// Traces, or folders in which to look for *.adtrace and *.adtrace.zst
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<PathBuf>,
    /// Form of the answer
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    format: Format,
    /// Also name the traces that are as expected (text)
    #[arg(long)]
    all: bool,
    /// Accept what is found: write the expectations that are missing or differ
    #[arg(long, conflicts_with = "kubernetes_version")]
    update: bool,
    /// Replay as this release, and fail only on what did not come about before
    #[arg(long, value_name = "VERSION")]
    kubernetes_version: Option<Version>,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Format {
    /// For people
    #[default]
    Text,
    /// `JUnit` XML: Jenkins, GitLab
    Junit,
    /// SARIF 2.1.0: code scanning
    Sarif,
    /// Annotations of GitHub Actions
    Github,
    /// One JSON object
    Json,
    /// Test Anything Protocol 14
    Tap,
}

impl Check {
    pub fn run(&self, output: &mut Output) -> Result<u8, CliError> {
        let traces = check::find(&self.paths)?;
        if traces.is_empty() {
            return Err(CliError::NoTraces {
                paths: self.paths.clone(),
            });
        }
        let progress = output.progress("replaying");
        let mode = Mode {
            update: self.update,
            kubernetes: self.kubernetes_version,
        };
        let checked = check::check(&traces, mode);
        drop(progress);
        let face: &dyn Face = match self.format {
            Format::Text => &Text { all: self.all },
            Format::Junit => &Junit,
            Format::Sarif => &Sarif,
            Format::Github => &GitHub,
            Format::Json => &Json,
            Format::Tap => &Tap,
        };
        face.write(&checked, output.writer())?;
        Ok(checked.exit_status())
    }
}
