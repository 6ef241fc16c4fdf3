//! What to read and how, as the commands that read share it.
//!
//! In: paths and options. Out: a [`Reading`], or why there is none.

use std::path::PathBuf;

use clap::Args;

use super::error::CliError;
use super::limits::LimitFlags;
use super::output::Output;
use crate::fact::{self, ReadOptions, Reading};
use crate::graph::cast::{Cast, Node, Volume};
use crate::model::profile::Version;
use crate::pipeline::{Case, Options};
use crate::record::Zone;
use crate::replay::lives::window;
use crate::time::Time;
use crate::trace::Cut;

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
    #[command(flatten)]
    limits: LimitFlags,
}

impl Input {
    /// How to read.
    pub fn options(&self) -> ReadOptions {
        ReadOptions {
            year: self.year,
            zone: self.timezone.clone(),
            limits: self.limits.limits(),
            ..ReadOptions::default()
        }
    }

    /// Reads everything; an error where nothing was recognised.
    pub fn read(&self, output: &Output) -> Result<Reading, CliError> {
        self.read_with(&self.options(), output)
    }

    /// Reads everything with options of the caller's; an error where nothing was recognised.
    pub fn read_with(&self, options: &ReadOptions, output: &Output) -> Result<Reading, CliError> {
        let progress = output.progress_of("reading", &self.paths, &options.limits.meter);
        let reading = fact::read(&self.paths, options)?;
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

/// What a replay needs: input, and the release to replay.
#[derive(Debug, Args)]
pub struct CaseInput {
    #[command(flatten)]
    pub input: Input,
    /// Release of Kubernetes whose behaviour is replayed, against what the evidence says
    #[arg(long, value_name = "VERSION")]
    pub kubernetes_version: Option<Version>,
    /// Leave out what was recorded after this moment (2026-11-23T10:00:00Z)
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub until: Option<Time>,
}

impl CaseInput {
    /// Reads everything and prepares the replay.
    pub fn case(&self, output: &Output) -> Result<Case, CliError> {
        Ok(self.case_of(self.input.read(output)?))
    }

    /// Prepares the replay of what was read.
    pub fn case_of(&self, reading: Reading) -> Case {
        let options = Options {
            read: self.input.options(),
            kubernetes: self.kubernetes_version,
            cut: Cut {
                since: None,
                until: self.until,
            },
        };
        Case::of(reading, &options)
    }
}

/// What an answer is about.
#[derive(Debug, Args)]
pub struct About {
    /// Only this volume: unique name, PV, claim or pod, or a part of one that fits no other
    #[arg(long, value_name = "NAME")]
    pub volume: Option<String>,
    /// Only this node
    #[arg(long, value_name = "NAME")]
    pub node: Option<String>,
}

impl About {
    /// The volume and the node meant.
    pub fn meant(&self, cast: &Cast) -> Result<(Option<Volume>, Option<Node>), CliError> {
        let volume = self.volume.as_deref().map(|name| cast.volume_meant(name)).transpose()?;
        let node = self.node.as_deref().map(|name| cast.node_meant(name)).transpose()?;
        Ok((volume, node))
    }
}

/// A moment with its full date.
pub fn moment(text: &str) -> Result<Time, String> {
    Time::parse(text).ok_or_else(|| "give a full moment like 2026-11-23T10:00:00Z".to_owned())
}

/// A moment as given: a full stamp, or a time of the recording's first day.
pub fn moment_of(reading: &Reading, given: &str) -> Result<Time, CliError> {
    let of_day = || time_of_day(window(reading).0, given);
    let at = Time::parse(given).or_else(of_day);
    at.ok_or_else(|| CliError::NoSuchTime {
        given: given.to_owned(),
    })
}

/// A time of the day that begins before `from`; one that had passed by then is the next day's.
fn time_of_day(from: Time, given: &str) -> Option<Time> {
    const DAY: i64 = 86_400_000_000;
    let midnight = from.0 - from.0.rem_euclid(DAY);
    let time: jiff::civil::Time = given.trim_end_matches('Z').parse().ok()?;
    let since = time.duration_since(jiff::civil::Time::midnight());
    let at = Time(midnight + i64::try_from(since.as_micros()).ok()?);
    Some(if at.0 < from.0 - 1_000_000 {
        Time(at.0 + DAY)
    } else {
        at
    })
}

fn zone(text: &str) -> Result<Zone, String> {
    Zone::parse(text).ok_or_else(|| "give UTC, an offset like +02:00, or a name like Europe/Berlin".to_owned())
}
