//! `adtrace inputs`: what the paths hold and how each file was understood, for whoever wonders why a line was not used.

use std::io::{self, Write};

use clap::{Args, ValueEnum};
use serde::Serialize;

use super::error::CliError;
use super::output::Output;
use super::reading::Input;
use crate::clock;
use crate::fact::{self, Reading, Source};
use crate::graph::cast::Cast;
use crate::report::text::{clean, count, cut, grouped, pad};

/// Show what was found in the paths and how each file was understood
#[derive(Debug, Args)]
pub struct Inputs {
    #[command(flatten)]
    input: Input,
    /// Show the lines that look relevant and were not understood
    #[arg(long)]
    show_not_understood: bool,
    /// Form of the output
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    format: Format,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Format {
    /// A table for people
    #[default]
    Text,
    /// One JSON object
    Json,
}

/// What `--format json` prints.
#[derive(Serialize)]
struct Listing<'a> {
    schema: &'static str,
    inputs: Vec<Row<'a>>,
}

/// One input.
#[derive(Serialize)]
struct Row<'a> {
    path: &'a str,
    kind: &'static str,
    component: Option<String>,
    because: &'a str,
    bytes: u64,
    lines: u64,
    used: u64,
    irrelevant: u64,
    not_understood: u64,
    zone: &'a str,
    assumed: Option<&'a str>,
    notes: &'a [String],
    puzzling: Vec<Puzzle<'a>>,
}

/// A line that was not understood.
#[derive(Serialize)]
struct Puzzle<'a> {
    line: u32,
    text: &'a str,
}

impl Inputs {
    pub fn run(&self, output: &mut Output) -> Result<u8, CliError> {
        let progress = output.progress("reading");
        // An input in which nothing was recognised is just what this command is asked about: no error here.
        let mut reading = fact::read(&self.input.paths, &self.input.options())?;
        let cast = Cast::of(&reading.facts);
        clock::settle(&mut reading, &cast);
        drop(progress);
        match self.format {
            Format::Text => self.text(&reading, output.writer())?,
            Format::Json => json(&reading, output.writer())?,
        }
        Ok(0)
    }

    fn text(&self, reading: &Reading, out: &mut dyn Write) -> io::Result<()> {
        for source in &reading.sources {
            writeln!(out, "{}", clean(&source.path))?;
            let who = source
                .party
                .as_ref()
                .map_or(String::new(), |party| format!(" of {}", clean(&party.to_string())));
            let because = if source.because.is_empty() { "" } else { ", as " };
            writeln!(out, "    {}{who}{because}{}", source.format, clean(&source.because))?;
            writeln!(
                out,
                "    {}: {} used, {} irrelevant, {} not understood; zone {}",
                count(source.lines, "line"),
                grouped(source.used),
                grouped(source.irrelevant),
                grouped(source.not_understood),
                clean(&source.zone)
            )?;
            for note in source.assumed.iter().chain(&source.notes) {
                writeln!(out, "    note: {}", clean(note))?;
            }
            if self.show_not_understood {
                not_understood(source, out)?;
            }
        }
        let facts = count(reading.facts.len() as u64, "fact");
        writeln!(out, "{}, {facts}", count(reading.sources.len() as u64, "input"))
    }
}

fn not_understood(source: &Source, out: &mut dyn Write) -> io::Result<()> {
    for (line, text) in &source.puzzling {
        writeln!(out, "    {} {}", pad(&format!("{line}:"), 8), cut(&clean(text), 200))?;
    }
    let more = source.not_understood.saturating_sub(source.puzzling.len() as u64);
    if more > 0 {
        writeln!(out, "    … and {} more", grouped(more))
    } else {
        Ok(())
    }
}

fn json(reading: &Reading, out: &mut dyn Write) -> io::Result<()> {
    let inputs = reading.sources.iter().map(row).collect();
    serde_json::to_writer_pretty(
        &mut *out,
        &Listing {
            schema: "adtrace.inputs/1",
            inputs,
        },
    )?;
    out.write_all(b"\n")
}

fn row(source: &Source) -> Row<'_> {
    Row {
        path: &source.path,
        kind: source.format,
        component: source.party.as_ref().map(ToString::to_string),
        because: &source.because,
        bytes: source.bytes,
        lines: source.lines,
        used: source.used,
        irrelevant: source.irrelevant,
        not_understood: source.not_understood,
        zone: &source.zone,
        assumed: source.assumed.as_deref(),
        notes: &source.notes,
        puzzling: source
            .puzzling
            .iter()
            .map(|(line, text)| Puzzle { line: *line, text })
            .collect(),
    }
}
