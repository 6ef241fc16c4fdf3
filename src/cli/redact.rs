//! `adtrace redact`: a bundle told of somebody who is nobody, to hand on.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use clap::Args;

use super::error::CliError;
use super::output::Output;
use super::reading::Input;
use crate::report::text::{clean, count};
use crate::trace::redact::{Key, Redactor, bundle};

/// Replace all names, addresses and secrets in a bundle by others; the verdict stays the same
#[derive(Debug, Args)]
pub struct Redact {
    #[command(flatten)]
    input: Input,
    /// Folder to write to; it must be empty or not exist
    #[arg(short, long, value_name = "FOLDER")]
    output: PathBuf,
    #[command(flatten)]
    names: Names,
}

/// How names are replaced.
#[derive(Debug, Args)]
pub struct Names {
    /// Pass phrase that decides which name stands for which: with the same one, parts redacted apart fit together.
    /// Without it each run has its own
    #[arg(long, value_name = "PHRASE")]
    key: Option<String>,
    /// Where to write which name stands for which, readable by you alone; where not given, beside the output file
    #[arg(long, value_name = "FILE")]
    mapping: Option<PathBuf>,
}

impl Names {
    /// The key.
    pub fn key(&self) -> Result<Key, CliError> {
        match &self.key {
            Some(phrase) => Ok(Key::from_phrase(phrase)),
            None => Ok(Key::random()?),
        }
    }

    /// Whether anything was asked for here.
    pub fn asked(&self) -> bool {
        self.key.is_some() || self.mapping.is_some()
    }

    /// Writes the mapping where it was asked for, else beside a file, and says on stderr where it is and what was left.
    /// For an answer on stdout nothing is written unasked.
    pub fn keep(&self, redactor: &Redactor, beside: Option<&Path>, output: &Output) -> Result<(), CliError> {
        let replaced = format!("{} replaced", count(redactor.len() as u64, "name"));
        match self.mapping.clone().or_else(|| beside.map(mapping_beside)) {
            Some(place) => {
                save(redactor, &place).map_err(|error| CliError::Save {
                    path: place.clone(),
                    error,
                })?;
                let shown = place.display().to_string();
                output.note(&format!(
                    "{replaced}; {} says which stands for which: keep it to yourself",
                    clean(&shown)
                ));
            }
            None => output.note(&format!(
                "{replaced}; --mapping FILE would say which stands for which. Read it before you hand it on"
            )),
        }
        if !redactor.left().is_empty() {
            let left = redactor.left().join(", ");
            output.note(&format!(
                "no other name of that form was free, so these are still there: {}",
                clean(&left)
            ));
        }
        Ok(())
    }
}

fn mapping_beside(output: &Path) -> PathBuf {
    let mut name = output.as_os_str().to_owned();
    name.push(".mapping.tsv");
    PathBuf::from(name)
}

fn save(redactor: &Redactor, place: &Path) -> io::Result<()> {
    let mut file = BufWriter::new(private(place)?);
    redactor.write_mapping(&mut file)?;
    file.flush()
}

/// A file that only its owner can read.
fn private(place: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
        let file = options.mode(0o600).open(place)?;
        // One that was there keeps its mode otherwise.
        file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
        Ok(file)
    }
    #[cfg(not(unix))]
    options.open(place)
}

impl Redact {
    pub fn run(&self, output: &mut Output) -> Result<u8, CliError> {
        let key = self.names.key()?;
        let progress = output.progress("redacting");
        let done = bundle::redact(&self.input.paths, &self.input.options(), &key, &self.output)?;
        drop(progress);
        for (path, why) in &done.skipped {
            output.note(&format!("left out {}: {}", clean(path), clean(why)));
        }
        self.names.keep(&done.redactor, Some(&self.output), output)?;
        let shown = self.output.display().to_string();
        writeln!(output.writer(), "{}: {}", clean(&shown), count(done.files, "file"))?;
        Ok(0)
    }
}
