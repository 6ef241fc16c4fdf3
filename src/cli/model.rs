//! `adtrace model`: what the model does in which release, and whether that is what the real code does.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::error::CliError;
use super::explore::{Explore, behaviour};
use super::output::Output;
use crate::model::profile::{Behaviour, Component, Profile, ROWS, Row, Version};
use crate::verify;

/// Show what a release of the controller does, or check the model against recordings of the real code
#[derive(Debug, Args)]
pub struct Model {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// List the behaviours of a release
    Profile {
        /// The release, 1.27.6
        version: Version,
    },
    /// List what changed between two releases, and which known issues that closes
    Diff {
        /// The older release
        from: Version,
        /// The newer release
        to: Version,
    },
    /// Replay vectors, recordings of the real code, and compare after every step
    Verify {
        /// Directory of vector files (asw, dsw, pending, reconciler, edge, kubelet; .jsonl or .jsonl.zst)
        dir: PathBuf,
        /// Show one script step by step
        #[arg(long, value_name = "ID")]
        script: Option<String>,
        /// Compare with this release instead of the one that the scripts name
        #[arg(long, value_name = "VERSION")]
        kubernetes_version: Option<Version>,
        /// Compare with this behaviour added
        #[arg(long, value_name = "BEHAVIOUR", value_parser = behaviour)]
        with: Vec<Behaviour>,
        /// Compare with this behaviour taken away
        #[arg(long, value_name = "BEHAVIOUR", value_parser = behaviour)]
        without: Vec<Behaviour>,
        /// Turn each behaviour over in turn, and count the scripts that notice
        #[arg(long, conflicts_with_all = ["script", "with", "without"])]
        each: bool,
    },
    Explore(Box<Explore>),
}

impl Model {
    pub fn run(&self, output: &mut Output) -> Result<u8, CliError> {
        match &self.what {
            What::Profile { version } => profile(*version, output),
            What::Explore(explore) => explore.run(output),
            What::Diff { from, to } => diff(*from, *to, output),
            What::Verify {
                dir,
                script,
                kubernetes_version,
                with,
                without,
                each,
            } => {
                let options = verify::Options {
                    version: *kubernetes_version,
                    with: with.clone(),
                    without: without.clone(),
                    turned: Vec::new(),
                };
                if *each {
                    return turn_over(dir, &options, output);
                }
                check(dir, script.as_deref(), &options, output)
            }
        }
    }
}

fn profile(version: Version, output: &mut Output) -> Result<u8, CliError> {
    let out = output.writer();
    writeln!(out, "Kubernetes {version}")?;
    for (row, has) in Profile::of(version)
        .rows()
        .filter(|(row, _)| row.component != Component::Attacher)
    {
        let (mark, does) = if has { ("yes", row.with) } else { ("no ", row.without) };
        let told = if row.told.is_empty() {
            String::new()
        } else {
            format!("; not modelled: {}", row.told)
        };
        writeln!(out, "{mark}  {:<44} {does} ({}){told}", row.name, row.origin)?;
    }
    Ok(0)
}

fn diff(from: Version, to: Version, output: &mut Output) -> Result<u8, CliError> {
    let out = output.writer();
    writeln!(out, "Kubernetes {from} to {to}")?;
    let newer = Profile::of(to);
    for (row, had) in Profile::of(from)
        .rows()
        .filter(|(row, _)| row.component != Component::Attacher)
    {
        let has = newer.has(row.behaviour);
        if had != has {
            let (sign, does) = if has { ('+', row.with) } else { ('-', row.without) };
            writeln!(
                out,
                "{sign}  {:<44} {does} ({}){}",
                row.name,
                row.origin,
                closes(row, has)
            )?;
        }
    }
    Ok(0)
}

fn closes(row: &Row, has: bool) -> String {
    if !has || row.closes.is_empty() {
        return String::new();
    }
    let issues: Vec<String> = row.closes.iter().map(|issue| format!("#{issue}")).collect();
    format!("; closes {}", issues.join(", "))
}

/// Exit status 1 where the model disagrees with a recording.
fn check(dir: &Path, script: Option<&str>, options: &verify::Options, output: &mut Output) -> Result<u8, CliError> {
    if let Some(id) = script {
        let views = verify::script(dir, id, options)?;
        verify::print_steps(&views, output.writer())?;
        return Ok(u8::from(views.iter().any(|view| !view.differences.is_empty())));
    }
    let progress = output.progress("comparing");
    let summary = verify::run(dir, options)?;
    drop(progress);
    verify::print_table(&summary, dir, output.writer())?;
    Ok(u8::from(!summary.agrees()))
}

/// For every behaviour: how many scripts disagree where their release is taken to have it, or not to have it, against the
/// table. A behaviour that no script notices is held by its source alone.
fn turn_over(dir: &Path, options: &verify::Options, output: &mut Output) -> Result<u8, CliError> {
    writeln!(output.writer(), "{:>8}  behaviour turned over", "disagree")?;
    let progress = output.progress("comparing");
    for row in ROWS.iter().filter(|row| row.component != Component::Attacher) {
        let summary = verify::run(
            dir,
            &verify::Options {
                turned: vec![row.behaviour],
                ..options.clone()
            },
        )?;
        let disagree: usize = summary.files.iter().map(verify::FileResult::disagreeing).sum();
        writeln!(output.writer(), "{disagree:>8}  {}", row.name)?;
    }
    drop(progress);
    Ok(0)
}
