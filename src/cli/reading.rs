//! What to read and how, as the commands that read share it.
//!
//! In: paths and options. Out: a [`Reading`], or why there is none.

use std::path::PathBuf;

use clap::Args;

use super::error::CliError;
use super::output::Output;
use crate::fact::{self, ReadOptions, Reading};
use crate::record::Zone;

/// Paths and how to read them.
#[derive(Debug, Args)]
pub struct Input {
    /// Files, directories and archives (tar, zip, gz, zst, xz, bz2), read together as one recording; - is stdin
    #[arg(value_name = "PATH", required = true)]
    pub paths: Vec<PathBuf>,
    /// Year of klog lines, which name none; taken from the surroundings where not given
    #[arg(long, value_name = "YYYY", value_parser = clap::value_parser!(i16).range(1970..=9998))]
    year: Option<i16>,
    /// Zone of klog lines, which name none: UTC, +02:00 or Europe/Berlin
    #[arg(long, value_name = "ZONE", value_parser = zone)]
    timezone: Option<Zone>,
}

impl Input {
    /// How to read.
    pub fn options(&self) -> ReadOptions {
        ReadOptions {
            year: self.year,
            zone: self.timezone.clone(),
            ..ReadOptions::default()
        }
    }

    /// Reads everything; an error where nothing was recognised.
    pub fn read(&self, output: &Output) -> Result<Reading, CliError> {
        let progress = output.progress("reading");
        let reading = fact::read(&self.paths, &self.options())?;
        drop(progress);
        self.check(&reading)?;
        Ok(reading)
    }

    /// Whether there is anything to work with.
    fn check(&self, reading: &Reading) -> Result<(), CliError> {
        let paths = || self.paths.clone();
        if reading.sources.is_empty() {
            return Err(CliError::Empty { paths: paths() });
        }
        let strange = |format: &str| matches!(format, "text" | "unknown" | "");
        if reading.facts.is_empty() && reading.sources.iter().all(|s| strange(s.format)) {
            return Err(CliError::NothingRecognised {
                paths: paths(),
                files: reading.sources.len(),
            });
        }
        Ok(())
    }
}

fn zone(text: &str) -> Result<Zone, String> {
    Zone::parse(text).ok_or_else(|| "give UTC, an offset like +02:00, or a name like Europe/Berlin".to_owned())
}
