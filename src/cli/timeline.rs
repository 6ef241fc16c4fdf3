//! `adtrace timeline`: every change, lane by lane.

use clap::Args;

use super::error::CliError;
use super::output::{Output, TextOrJson, width};
use super::reading::{About, CaseInput};
use crate::ask::timeline;
use crate::report::Face;
use crate::report::lanes::Lanes;

/// Show who believed what over time, pair by pair of volume and node
#[derive(Debug, Args)]
pub struct Timeline {
    #[command(flatten)]
    input: CaseInput,
    #[command(flatten)]
    about: About,
    /// How to print it
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = TextOrJson::Text)]
    format: TextOrJson,
}

impl Timeline {
    pub fn run(&self, output: &mut Output) -> Result<u8, CliError> {
        let case = self.input.case(output)?;
        let (volume, node) = self.about.meant(&case.cast)?;
        let (run, end) = case.replay();
        let mut report = case.verdict_of(&run, &end);
        let about = timeline::About {
            volume,
            node,
            lines: false,
        };
        let timeline = timeline::timeline(&case, &run, &report.divergences, &about);
        match self.format {
            TextOrJson::Json => output.json(&timeline)?,
            TextOrJson::Text => {
                report.timeline = Some(timeline);
                let lanes = Lanes { width: width() };
                lanes.write(&report, output.writer())?;
            }
        }
        Ok(0)
    }
}
