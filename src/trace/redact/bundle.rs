//! A whole bundle redacted: every file that can be read, unpacked, in a folder of its own.
//!
//! In: the paths of a bundle and where to write. Out: the same files with names replaced in their text and in their
//! paths. Everything is read twice: names first, since a line may hold a name that only a later file gives away.

use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::ops::ControlFlow;
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use super::{Found, Key, Redactor};
use crate::bundle::{self, BundleError, Entry};
use crate::fact::{self, FactError, ReadOptions};

/// Bytes looked at together, to the next line end.
const CHUNK: usize = 8 << 20;
/// Endings of files that are written unpacked.
const PACKED: [&str; 8] = [".gz", ".zst", ".xz", ".bz2", ".tar", ".tgz", ".zip", ".tzst"];

/// What was done.
#[derive(Debug)]
pub struct Done {
    /// Files written.
    pub files: u64,
    /// Paths in the bundle that were left out, and why.
    pub skipped: Vec<(String, String)>,
    /// What replaced the names.
    pub redactor: Redactor,
}

/// Why a bundle could not be redacted.
#[derive(Debug)]
pub enum RedactError {
    /// It could not be read.
    Read(FactError),
    /// A file could not be written.
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// There is something already where the files should go.
    There {
        /// Where.
        path: PathBuf,
    },
}

impl std::fmt::Display for RedactError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            RedactError::Read(error) => error.fmt(f),
            RedactError::Write { path, error } => write!(f, "{} could not be written: {error}", path.display()),
            RedactError::There { path } => write!(
                f,
                "{} is there already; name a folder that is empty or does not exist",
                path.display()
            ),
        }
    }
}

impl std::error::Error for RedactError {}

impl From<FactError> for RedactError {
    fn from(error: FactError) -> RedactError {
        RedactError::Read(error)
    }
}

impl From<BundleError> for RedactError {
    fn from(error: BundleError) -> RedactError {
        RedactError::Read(error.into())
    }
}

/// The names in a bundle: those of its facts, and those that its text gives away.
///
/// # Errors
/// Paths that cannot be read.
pub fn found(paths: &[PathBuf], options: &ReadOptions) -> Result<Found, FactError> {
    let mut found = Found::default();
    found.reading(&fact::read(paths, options)?);
    bundle::walk(paths, &options.limits, &mut |entry| {
        found.text(entry.path);
        chunks(entry.bytes, &mut |text| {
            found.text(text);
            Ok(())
        })?;
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(found)
}

/// Writes a bundle below `out` without its names.
///
/// # Errors
/// Paths that cannot be read, a folder that is not empty, files that cannot be written.
pub fn redact(paths: &[PathBuf], options: &ReadOptions, key: &Key, out: &Path) -> Result<Done, RedactError> {
    let mut taken = fs::read_dir(out).map(|mut items| items.next().is_some());
    if out.is_file() {
        taken = Ok(true);
    }
    if matches!(taken, Ok(true)) {
        return Err(RedactError::There { path: out.to_owned() });
    }
    let refused = |path: &Path| {
        let path = path.to_owned();
        move |error| RedactError::Write { path, error }
    };
    let redactor = Redactor::new(&found(paths, options)?, key).map_err(refused(out))?;
    let mut done = Done {
        files: 0,
        skipped: Vec::new(),
        redactor,
    };
    let lone = paths.len() == 1 && paths.iter().all(|path| path.is_file());
    let mut failed: Option<RedactError> = None;
    let walk = bundle::walk(paths, &options.limits, &mut |mut entry| {
        let place = out.join(place(&done.redactor.text(entry.path), lone));
        match write(&mut entry, &done.redactor, &place) {
            Ok(()) => {
                done.files += 1;
                Ok(ControlFlow::Continue(()))
            }
            Err(error) => {
                failed = Some(RedactError::Write { path: place, error });
                Ok(ControlFlow::Break(()))
            }
        }
    })?;
    done.skipped = walk.skipped;
    match failed {
        Some(error) => Err(error),
        None => Ok(done),
    }
}

fn write(entry: &mut Entry<'_>, redactor: &Redactor, place: &Path) -> io::Result<()> {
    if let Some(folder) = place.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut file = BufWriter::new(File::create(place)?);
    chunks(&mut *entry.bytes, &mut |text| {
        file.write_all(redactor.text(text).as_bytes())
    })?;
    let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
    // Lines without a year are dated by their file.
    if let Some(at) = entry.modified
        && let Ok(micros) = u64::try_from(at.0)
    {
        file.set_modified(UNIX_EPOCH + Duration::from_micros(micros))?;
    }
    Ok(())
}

/// Where an entry goes: its path as folders, the name of a single archive left away, nothing outside the folder.
fn place(path: &str, lone: bool) -> PathBuf {
    let inner = match path.split_once('!') {
        Some((_, inner)) if lone => inner,
        _ => path,
    };
    let mut place = PathBuf::new();
    for part in inner.split(['/', '!']) {
        if let Some(Component::Normal(part)) = Path::new(part).components().next() {
            place.push(part);
        }
    }
    let name = place.file_name().map(|name| name.to_string_lossy().into_owned());
    let mut name = name.unwrap_or_else(|| "input".to_owned());
    while let Some(ending) = PACKED
        .into_iter()
        .find(|ending| name.ends_with(ending) && name.len() > ending.len())
    {
        name.truncate(name.len() - ending.len());
    }
    place.set_file_name(name);
    place
}

/// A stream as text, in pieces that end at line ends.
fn chunks(bytes: &mut dyn Read, each: &mut dyn FnMut(&str) -> io::Result<()>) -> io::Result<()> {
    let mut rest: Vec<u8> = Vec::new();
    loop {
        let before = rest.len();
        let got = (&mut *bytes).take(CHUNK as u64).read_to_end(&mut rest)?;
        let over = got < CHUNK;
        if before == 0 && rest.starts_with(&[0xff, 0xfe]) {
            bytes.read_to_end(&mut rest)?;
            return each(&wide(&rest));
        }
        let end = if over {
            rest.len()
        } else {
            memchr::memrchr(b'\n', &rest).map_or(0, |at| at + 1)
        };
        if end > 0 {
            let behind = rest.split_off(end);
            each(&String::from_utf8_lossy(&rest))?;
            rest = behind;
        }
        if over {
            return Ok(());
        }
    }
}

/// Text of two bytes a letter, as Windows tools write it.
fn wide(bytes: &[u8]) -> String {
    let units: Vec<u16> = bytes
        .chunks_exact(2)
        .filter_map(|pair| Some(u16::from_le_bytes(pair.try_into().ok()?)))
        .collect();
    String::from_utf16_lossy(&units)
}
