//! `adtrace facts`: what was read, before any replay.

use clap::Args;

use super::error::CliError;
use super::output::Output;
use super::reading::Input;
use crate::fact;

/// Print what was read as JSON, one fact a line, before any replay
#[derive(Debug, Args)]
pub struct Facts {
    #[command(flatten)]
    input: Input,
    /// JSON lines are the only form; the option is there for symmetry
    #[arg(long, value_name = "FORMAT", value_parser = ["json", "jsonl"], default_value = "json", hide = true)]
    format: String,
}

impl Facts {
    pub fn run(&self, output: &mut Output) -> Result<u8, CliError> {
        let reading = self.input.read(output)?;
        fact::print(&reading, output.writer())?;
        Ok(0)
    }
}
