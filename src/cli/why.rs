//! `adtrace why`: the causal graph walked back from a line.

use clap::Args;

use super::error::CliError;
use super::output::{Output, TextOrJson};
use super::reading::CaseInput;
use crate::ask::WhyAnswer;
use crate::report::text::Sources;

/// Say what a log line follows from: the causal graph, walked back
#[derive(Debug, Args)]
pub struct Why {
    #[command(flatten)]
    input: CaseInput,
    /// The line, as the report names it: nodes/node-1/kubelet.log:258, or the end of such a path
    #[arg(value_name = "FILE:LINE", required = true)]
    place: String,
    /// How to show the answer
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = TextOrJson::Text)]
    format: TextOrJson,
}

impl Why {
    pub fn run(&self, output: &mut Output) -> Result<u8, CliError> {
        let case = self.input.case(output)?;
        let (run, _) = case.replay();
        let answer = WhyAnswer::of(&case, &run, &self.place)?;
        match self.format {
            TextOrJson::Text => answer.write(&Sources::of(&case.inputs()), output.writer())?,
            TextOrJson::Json => output.json(&answer)?,
        }
        Ok(0)
    }
}
