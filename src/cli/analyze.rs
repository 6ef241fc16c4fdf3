//! `adtrace analyze`: the main job, from a bundle to the verdict.

use std::io::{self, IsTerminal};
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::error::CliError;
use super::output::Output;
use super::reading::CaseInput;
use crate::ask::timeline;
use crate::report::html::Html;
use crate::report::json::Json;
use crate::report::terminal::Terminal;
use crate::report::{Face, Report};

/// Say where the states of volumes parted, since when, why, and what helps
#[derive(Debug, Args)]
pub struct Analyze {
    #[command(flatten)]
    input: CaseInput,
    /// How to show the report
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Only the first screen, without the lines that prove each step
    #[arg(long)]
    brief: bool,
    /// Also write the report as one page for a browser, with the timeline of every volume
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Colours: auto means on a terminal, unless `NO_COLOR` is set
    #[arg(long, value_name = "WHEN", value_enum, default_value_t = Colour::Auto)]
    color: Colour,
}

/// Forms of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For a person
    Text,
    /// The report contract
    Json,
}

/// When to colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Colour {
    /// On a terminal
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

impl Colour {
    fn wanted(self) -> bool {
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty() && value != "0");
        match self {
            Colour::Always => true,
            Colour::Never => false,
            Colour::Auto if set("NO_COLOR") => false,
            Colour::Auto => set("CLICOLOR_FORCE") || io::stdout().is_terminal(),
        }
    }
}

impl Analyze {
    pub fn run(&self, output: &mut Output) -> Result<u8, CliError> {
        let case = self.input.case(output)?;
        let progress = output.progress("replaying");
        let (run, end) = case.replay();
        let mut report = case.report_of(&run, &end);
        drop(progress);
        if let Some(path) = &self.html {
            let about = timeline::About {
                lines: true,
                ..timeline::About::default()
            };
            report.timeline = Some(timeline::timeline(&case, &run, &report.divergences, about));
            output.save(path, |out| Html.write(&report, out))?;
            report.timeline = None;
        }
        self.show(&report, output)?;
        Ok(report.verdict.exit_status())
    }

    fn show(&self, report: &Report, output: &mut Output) -> Result<(), CliError> {
        match self.format {
            Format::Json => Json.write(report, output.writer())?,
            Format::Text => {
                let face = Terminal {
                    colour: self.color.wanted(),
                    details: !self.brief,
                    ..Terminal::default()
                };
                face.write(report, output.writer())?;
            }
        }
        Ok(())
    }
}
