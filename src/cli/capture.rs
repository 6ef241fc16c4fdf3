//! `adtrace capture`: the facts of a bundle as a file of their own.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;

use super::error::CliError;
use super::output::Output;
use super::reading::{Input, moment};
use super::redact::Names;
use crate::clock;
use crate::fact::{ReadOptions, Reading, settle_ages, trace};
use crate::graph::cast::Cast;
use crate::pipeline::Options;
use crate::time::Time;
use crate::trace::redact::Redactor;
use crate::trace::{Cut, narrow, shrink};

/// Effort of zstd: traces are small, and are read more often than written.
const LEVEL: i32 = 12;

/// Keep the facts that matter as a small file that reads like the bundle and gives the same verdict
#[derive(Debug, Args)]
pub struct Capture {
    #[command(flatten)]
    input: Input,
    /// Folder that stands for the whole: files below it are named by their way from there, so that captures of parts fit
    /// together
    #[arg(long, value_name = "FOLDER")]
    root: Option<PathBuf>,
    /// Where to write; compressed where the name ends in .zst; - is stdout
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Leave out what came before this moment (2026-11-23T10:00:00Z)
    #[arg(long, value_name = "TIME", value_parser = moment)]
    since: Option<Time>,
    /// Leave out what came after this moment
    #[arg(long, value_name = "TIME", value_parser = moment)]
    until: Option<Time>,
    /// Leave out what only speaks of other volumes: unique name, PV, claim, or a part of one
    #[arg(long, value_name = "NAME")]
    volume: Option<String>,
    /// Leave out what only speaks of volumes that this pod does not use
    #[arg(long, value_name = "NAMESPACE/NAME", conflicts_with = "volume")]
    pod: Option<String>,
    /// Keep only what the verdict needs: tries for a while which facts can be left out
    #[arg(long)]
    shrink: bool,
    /// Replace all names, addresses and secrets by others; --key and --mapping imply it
    #[arg(long)]
    redact: bool,
    #[command(flatten)]
    names: Names,
}

impl Capture {
    pub fn run(&self, output: &mut Output) -> Result<u8, CliError> {
        let cut = Cut {
            since: self.since,
            until: self.until,
        };
        let options = ReadOptions {
            root: self.root.clone(),
            ..self.input.options()
        };
        let mut reading = self.input.read_one_with(&options, output)?;
        if !cut.is_whole() || self.shrink {
            settle_ages(&mut reading);
        }
        if !cut.is_whole() {
            // The borders are moments on the corrected axis, and what is left may no longer tell which clock was wrong.
            let cast = Cast::of(&reading.facts);
            clock::settle(&mut reading, &cast);
            cut.apply(&mut reading);
        }
        if let Some(name) = self.volume.as_ref().or(self.pod.as_ref()) {
            let cast = Cast::of(&reading.facts);
            let volumes = match cast.pods_named(name) {
                [] => vec![cast.volume_meant(name)?],
                pods => pods
                    .iter()
                    .flat_map(|pod| cast.pod_info(*pod).volumes.clone())
                    .collect(),
            };
            narrow(&mut reading, &cast, &volumes);
        }
        if self.shrink {
            let bar = output.bar();
            let told = &mut |facts| bar.set_message(format!("shrinking: {facts} facts left"));
            reading = shrink(&reading, &Options::default(), told);
            bar.finish_and_clear();
        }
        if self.redact || self.names.asked() {
            let redactor = Redactor::of(&reading, &self.names.key()?)?;
            reading = redactor.reading(&reading)?;
            self.names.keep(&redactor, Some(&self.output), output)?;
        }
        if self.output == Path::new("-") {
            trace::write(&reading, output.writer())?;
        } else {
            let packed = self.output.extension().is_some_and(|extension| extension == "zst");
            Output::save(&self.output, |out| save(&reading, packed, out))?;
        }
        Ok(0)
    }
}

fn save(reading: &Reading, packed: bool, out: &mut dyn Write) -> std::io::Result<()> {
    if !packed {
        return trace::write(reading, out);
    }
    let mut packer = zstd::Encoder::new(out, LEVEL)?;
    trace::write(reading, &mut packer)?;
    packer.finish().map(drop)
}
