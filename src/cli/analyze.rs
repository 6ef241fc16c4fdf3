//! `adtrace analyze`: the main job, from a bundle to the verdict.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::error::CliError;
use super::output::{Colour, Output, width};
use super::reading::CaseInput;
use super::redact::Names;
use crate::ask::timeline::{About, reported};
use crate::fact::settle_ages;
use crate::pipeline::{self, Case, clusters};
use crate::report::faces::{
    brief::Brief, github::GitHub, json_lines::JsonLines, junit::JUnit, markdown::Markdown, mermaid::Mermaid,
    sarif::Sarif, viewer::Viewer,
};
use crate::report::html::Html;
use crate::report::json::Json;
use crate::report::terminal::Terminal;
use crate::report::{Face, Report};
use crate::trace::redact::Redactor;

/// Say where the states of volumes parted, since when, why, and what helps
#[derive(Debug, Args)]
pub struct Analyze {
    #[command(flatten)]
    input: CaseInput,
    /// How to show the report
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Text)]
    format: Format,
    /// One line a divergence
    #[arg(long, conflicts_with = "format")]
    brief: bool,
    /// Also write the report as one page for a browser, with the timeline of every volume
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Replace all names, addresses and secrets by others, in whatever is written; --key and --mapping imply it
    #[arg(long)]
    redact: bool,
    #[command(flatten)]
    names: Names,
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
    /// The same, a record a line
    Jsonl,
    /// For a ticket, at most 60 lines
    Markdown,
    /// Annotations for GitHub Actions
    Github,
    /// For whatever shows test results
    Junit,
    /// For code scanning, with each chain as a code flow
    Sarif,
    /// A drawing of each chain
    Mermaid,
    /// The timeline for Perfetto and Chrome's trace viewer
    Trace,
}

impl Analyze {
    pub fn run(&self, output: &mut Output) -> Result<u8, CliError> {
        let input = &self.input.input;
        let drawn = self.html.is_some() || self.format == Format::Trace;
        let mut reading = if drawn {
            input.read_one_with(&input.options(), output)?
        } else {
            input.read_with(&input.options(), output)?
        };
        if self.redact || self.names.asked() {
            // Before anything is made of it, so that no face can know a name.
            let redactor = Redactor::of(&reading, &self.names.key()?)?;
            reading = redactor.reading(&reading)?;
            self.names.keep(&redactor, self.html.as_deref(), output)?;
        }
        let options = self.input.options();
        let progress = output.progress("replaying");
        let mut report = if drawn {
            settle_ages(&mut reading);
            let lines = if self.html.is_some() {
                About::WITH_LINES
            } else {
                About::default()
            };
            reported(&Case::of(reading, &options), &lines)
        } else {
            pipeline::report_on(clusters::apart(reading), &options)
        };
        drop(progress);
        if let Some(path) = &self.html {
            Output::save(path, |out| Html.write(&report, out))?;
        }
        if self.format != Format::Trace {
            report.timeline = None;
        }
        self.show(&report, output)?;
        Ok(report.verdict.exit_status())
    }

    fn show(&self, report: &Report, output: &mut Output) -> Result<(), CliError> {
        let plain = Terminal::default();
        let terminal = Terminal {
            colour: self.color.wanted(),
            width: width().unwrap_or(plain.width),
            ..plain
        };
        let face: &dyn Face = match self.format {
            _ if self.brief => &Brief,
            Format::Text => &terminal,
            Format::Json => &Json,
            Format::Jsonl => &JsonLines,
            Format::Markdown => &Markdown,
            Format::Github => &GitHub,
            Format::Junit => &JUnit,
            Format::Sarif => &Sarif,
            Format::Mermaid => &Mermaid,
            Format::Trace => &Viewer,
        };
        Ok(face.write(report, output.writer())?)
    }
}
