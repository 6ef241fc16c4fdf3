//! `adtrace state`: what everybody believed at one moment.

use clap::Args;

use super::error::CliError;
use super::output::{Output, TextOrJson};
use super::reading::{About, CaseInput, moment_of};
use crate::ask::StateAnswer;
use crate::report::text::Sources;

/// Show the states at a moment, side by side, each with its line or marked as inferred
#[derive(Debug, Args)]
pub struct State {
    #[command(flatten)]
    input: CaseInput,
    /// The moment: 2026-11-23T10:00:00Z, or 10:00:00.250 on the recording's first day; the end where not given
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    #[command(flatten)]
    about: About,
    /// How to show the answer
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = TextOrJson::Text)]
    format: TextOrJson,
}

impl State {
    pub fn run(&self, output: &mut Output) -> Result<u8, CliError> {
        let case = self.input.case(output)?;
        let (volume, node) = self.about.meant(&case.cast)?;
        let at = match &self.at {
            Some(given) => moment_of(&case.reading, given)?,
            None => case.lives.window.1,
        };
        let answer = StateAnswer::of(&case, at, volume, node);
        match self.format {
            TextOrJson::Text => answer.write(&Sources::of(&case.inputs()), output.writer())?,
            TextOrJson::Json => output.json(&answer)?,
        }
        Ok(0)
    }
}
