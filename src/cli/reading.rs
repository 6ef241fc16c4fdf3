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
use crate::pipeline::{Case, Cluster, Options, Parted, clusters};
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
    /// Of several clusters whose recordings the paths hold, only this one, by the folder or archive that it lies in
    #[arg(long, value_name = "NAME")]
    cluster: Option<String>,
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

    /// Reads everything, of all clusters where none is chosen; an error where nothing was recognised.
    pub fn read(&self, output: &Output) -> Result<Reading, CliError> {
        let mut reading = self.read_with(&self.options(), output)?;
        fact::settle_ages(&mut reading);
        Ok(reading)
    }

    /// Reads what one cluster recorded: an error where several did and none is chosen.
    pub fn read_one(&self, output: &Output) -> Result<Reading, CliError> {
        let mut reading = self.read_one_with(&self.options(), output)?;
        fact::settle_ages(&mut reading);
        Ok(reading)
    }

    /// Like [`Input::read_one`], with options of the caller's; ages are left as they are.
    pub fn read_one_with(&self, options: &ReadOptions, output: &Output) -> Result<Reading, CliError> {
        one_of(clusters::told_apart(self.read_with(options, output)?))
    }

    /// Reads everything with options of the caller's, ages as they are, and keeps of it what is chosen.
    pub fn read_with(&self, options: &ReadOptions, output: &Output) -> Result<Reading, CliError> {
        let options = ReadOptions {
            keep_ages: true,
            ..options.clone()
        };
        let progress = output.progress_of("reading", &self.paths, &options.limits.meter);
        let reading = fact::read(&self.paths, &options)?;
        drop(progress);
        self.check(&reading)?;
        self.chosen(reading)
    }

    /// What the chosen cluster recorded; all where none is chosen.
    fn chosen(&self, reading: Reading) -> Result<Reading, CliError> {
        let Some(chosen) = &self.cluster else {
            return Ok(reading);
        };
        let parted = clusters::told_apart(reading);
        let names: Vec<String> = parted.clusters.iter().map(|cluster| cluster.name.clone()).collect();
        let found = parted.clusters.into_iter().find(|cluster| cluster.name == *chosen);
        found
            .map(|cluster| cluster.reading)
            .ok_or_else(|| CliError::NoSuchCluster {
                name: chosen.clone(),
                names,
            })
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

/// What the only cluster recorded: most questions are about one.
pub fn one_of(parted: Parted) -> Result<Reading, CliError> {
    let [one] = <[Cluster; 1]>::try_from(parted.clusters).map_err(|several| CliError::Clusters {
        because: several.first().map_or(String::new(), |first| first.because.clone()),
        names: several.into_iter().map(|cluster| cluster.name).collect(),
    })?;
    Ok(one.reading)
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
        Ok(Case::of(self.input.read_one(output)?, &self.options()))
    }

    /// How to read and replay.
    pub fn options(&self) -> Options {
        Options {
            read: self.input.options(),
            kubernetes: self.kubernetes_version,
            cut: Cut {
                since: None,
                until: self.until,
            },
        }
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
