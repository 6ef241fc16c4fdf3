//! `adtrace state`: what everybody believed at one moment.

use clap::Args;

use super::error::CliError;
use super::output::{Output, TextOrJson};
use super::reading::{About, CaseInput};
use crate::ask::StateAnswer;
use crate::pipeline::Case;
use crate::report::text::Sources;
use crate::time::Time;

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
            Some(given) => moment(&case, given).ok_or_else(|| CliError::NoSuchTime { given: given.clone() })?,
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

/// A moment as given: a full stamp, or a time of the recording's first day at which or after which it begins.
pub fn moment(case: &Case, given: &str) -> Option<Time> {
    const DAY: i64 = 86_400_000_000;
    if let Some(at) = Time::parse(given) {
        return Some(at);
    }
    let from = case.lives.window.0;
    let midnight = from.0 - from.0.rem_euclid(DAY);
    let time: jiff::civil::Time = given.trim_end_matches('Z').parse().ok()?;
    let since = time.duration_since(jiff::civil::Time::midnight());
    let at = Time(midnight + i64::try_from(since.as_micros()).ok()?);
    // A recording over midnight: a time before its begin is one of the next day.
    Some(if at.0 < from.0 - 1_000_000 {
        Time(at.0 + DAY)
    } else {
        at
    })
}
