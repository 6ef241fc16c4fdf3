//! `adtrace expect`: what a trace says, written beside it as what it is to say from now on.

use std::path::PathBuf;

use clap::Args;

use super::error::CliError;
use super::output::Output;
use crate::model::profile::Version;
use crate::pipeline::{Case, Options};
use crate::trace::expect::{Expectation, beside};

/// Write the verdict on a trace beside it, as what adtrace check is to find from now on
#[derive(Debug, Args)]
pub struct Expect {
    /// Traces (x.adtrace has x.expect.yaml beside it)
    #[arg(value_name = "TRACE", required = true)]
    traces: Vec<PathBuf>,
    /// Write over an expectation that is there
    #[arg(long)]
    force: bool,
    /// Print it instead of writing a file
    #[arg(long)]
    print: bool,
    /// Release of Kubernetes, against what the evidence says
    #[arg(long, value_name = "VERSION")]
    kubernetes_version: Option<Version>,
}

impl Expect {
    pub fn run(&self, output: &mut Output) -> Result<u8, CliError> {
        for trace in &self.traces {
            let place = beside(trace);
            if !self.print && !self.force && place.exists() {
                return Err(CliError::ExpectationThere { path: place });
            }
            let options = Options {
                kubernetes: self.kubernetes_version,
                ..Options::default()
            };
            let report = Case::open(std::slice::from_ref(trace), &options)?.verdict();
            if report.window.is_none() {
                return Err(CliError::NothingRecognised {
                    paths: vec![trace.clone()],
                    files: report.inputs.len(),
                });
            }
            let text = Expectation::of(&report).text();
            if self.print {
                output.writer().write_all(text.as_bytes())?;
                continue;
            }
            Output::save(&place, |out| out.write_all(text.as_bytes()))?;
            let shown = place.display().to_string();
            writeln!(output.writer(), "{}", crate::report::text::clean(&shown))?;
        }
        Ok(0)
    }
}
