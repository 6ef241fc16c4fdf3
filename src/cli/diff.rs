//! `adtrace diff`: two recordings, traces or reports, and what changed between them.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::Value;

use super::error::CliError;
use super::output::{Output, TextOrJson};
use super::reading::one_of;
use crate::fact::{self, ReadOptions};
use crate::pipeline::{Case, Options, clusters};
use crate::report::text::{clean, millis};
use crate::trace::diff::{Change, Diff, Field, Moment, Parted, Side};

/// Bytes of a report at most.
const LARGEST: u64 = 256 << 20;
/// How a report in JSON begins.
const BEGINNING: usize = 4096;

/// Say what changed between two traces, bundles or reports, and where their histories part first
#[derive(Debug, Args)]
pub struct DiffCommand {
    /// A trace, a bundle, or a report that analyze --format json printed
    #[arg(value_name = "A")]
    first: PathBuf,
    /// Another
    #[arg(value_name = "B")]
    second: PathBuf,
    /// How to show the answer
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = TextOrJson::Text)]
    format: TextOrJson,
}

impl DiffCommand {
    pub fn run(&self, output: &mut Output) -> Result<u8, CliError> {
        let progress = output.progress("replaying");
        let diff = Diff::of(&side(&self.first)?, &side(&self.second)?);
        drop(progress);
        match self.format {
            TextOrJson::Json => output.json(&diff)?,
            TextOrJson::Text => text(&diff, output.writer())?,
        }
        Ok(u8::from(!diff.is_empty()))
    }
}

fn side(path: &Path) -> Result<Side, CliError> {
    if let Some(side) = report(path)? {
        return Ok(side);
    }
    let reading = one_of(clusters::apart(fact::read(
        &[path.to_owned()],
        &ReadOptions::default(),
    )?))?;
    if reading.facts.is_empty() {
        return Err(CliError::NothingRecognised {
            paths: vec![path.to_owned()],
            files: reading.sources.len(),
        });
    }
    let case = Case::of(reading, &Options::default());
    let report = case.verdict();
    Ok(Side::of_case(&case, &report).map_err(io::Error::from)?)
}

/// The report that a file holds, where it holds one.
fn report(path: &Path) -> Result<Option<Side>, CliError> {
    if !path.is_file() {
        return Ok(None);
    }
    let opened = |error| CliError::Open {
        path: path.to_owned(),
        error,
    };
    let file = File::open(path).map_err(opened)?;
    let mut head = Vec::new();
    (&file).take(BEGINNING as u64).read_to_end(&mut head).map_err(opened)?;
    let begins = String::from_utf8_lossy(&head);
    if !begins.trim_start().starts_with('{') || !begins.contains("\"adtrace.report/") {
        return Ok(None);
    }
    (&file).take(LARGEST).read_to_end(&mut head).map_err(opened)?;
    Ok(Side::of_json(&String::from_utf8_lossy(&head)))
}

fn text(diff: &Diff, out: &mut dyn Write) -> io::Result<()> {
    if diff.is_empty() {
        return writeln!(out, "No difference.");
    }
    diff.summary.iter().try_for_each(|one| field(one, "", out))?;
    diff.divergences
        .iter()
        .try_for_each(|one| change(one, "divergence", out))?;
    diff.waits.iter().try_for_each(|one| change(one, "wait", out))?;
    match &diff.parted {
        Some(one) => parted(one, out),
        None => Ok(()),
    }
}

fn field(one: &Field, indent: &str, out: &mut dyn Write) -> io::Result<()> {
    let (before, after) = (word(&one.before), word(&one.after));
    writeln!(
        out,
        "{indent}{}: {} -> {}",
        clean(&one.field),
        clean(&before),
        clean(&after)
    )
}

fn word(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "none".to_owned(),
        Value::Array(items) => items.iter().map(word).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

fn change(one: &Change, what: &str, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{} {what}  {}", one.change, clean(&one.place))?;
    one.fields.iter().try_for_each(|one| field(one, "  ", out))
}

fn parted(parted: &Parted, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "The histories part first at {}", clean(&parted.party))?;
    let line = |out: &mut dyn Write, sign: &str, moment: Option<&Moment>| match moment {
        Some(one) => writeln!(
            out,
            "  {sign} {}  {}  {}:{}",
            millis(one.at),
            clean(&one.what),
            clean(&one.source),
            one.line
        ),
        None => writeln!(out, "  {sign} (nothing more)"),
    };
    if parted.last_common.is_some() {
        line(out, " ", parted.last_common.as_ref())?;
    }
    line(out, "-", parted.before.as_ref())?;
    line(out, "+", parted.after.as_ref())
}
