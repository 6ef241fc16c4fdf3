//! Paths to named byte streams: directories, files, standard input, archives and archives inside archives.
//!
//! In: what a person hands in. Out: one [`Entry`] for each regular file found, in a fixed order (directories by name,
//! archives as written), decompressed, within [`Limits`]. It exists so that no later room cares how a bundle was packed.
//! Knows nothing of Kubernetes; writes no file, and opens no path that an archive names.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read};
use std::ops::ControlFlow;
use std::path::{Component, Path, PathBuf};
use std::rc::Rc;

use rustc_hash::FxHashMap;

use crate::time::{Span, Time};

mod codec;
mod direct;
mod error;
mod meter;
mod unpack;

pub use direct::Direct;
pub use error::BundleError;
pub use meter::Meter;

/// How much may be read; what lies beyond is noted in [`Walk::skipped`], never read.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Files, links and devices in all paths and archives together.
    pub entries: u64,
    /// Decompressed bytes of one entry; the entry is cut there.
    pub entry_bytes: u64,
    /// Decompressed bytes of all entries together; nothing more is read then.
    pub total_bytes: u64,
    /// Decompressed bytes for each compressed byte, in each layer and in all layers of a packed file together, counted
    /// once 16 MiB were written.
    pub ratio: u64,
    /// Archives or compressions within each other.
    pub nesting: u32,
    /// Bytes of an archive that can only be read from memory (a zip within another archive).
    pub held_bytes: u64,
    /// Bytes of one line; the rest of a longer line is dropped.
    pub line_bytes: usize,
    /// Nesting of JSON; that of YAML is limited by its parser.
    pub json_depth: usize,
    /// Counts what is read from files, for whoever shows how far it has come.
    pub meter: Meter,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            entries: 1_000_000,
            entry_bytes: 64 << 30,
            total_bytes: 2 << 40,
            ratio: 1_000,
            nesting: 4,
            held_bytes: 512 << 20,
            line_bytes: 16 << 20,
            json_depth: 128,
            meter: Meter::default(),
        }
    }
}

/// One regular file, decompressed.
pub struct Entry<'a> {
    /// Path as shown: within the input as given, archive members behind `!`.
    pub path: &'a str,
    /// When it was last written, where file system or archive say so.
    pub modified: Option<Time>,
    /// It is decompressed while it is read: whoever reads it is busy.
    pub inflates: bool,
    /// Its bytes.
    pub bytes: &'a mut dyn Read,
    /// The same bytes, where they lie on the disk as they are.
    pub direct: Option<&'a Direct<'a>>,
}

/// What a walk met.
#[derive(Clone, Debug, Default)]
pub struct Walk {
    /// Entries visited.
    pub entries: u64,
    /// What was not read, and why: path and one clause; of very many the last tells how many more there were.
    pub skipped: Vec<(String, String)>,
}

/// Takes an entry; `Break` ends the walk.
pub type Visit<'v> = dyn FnMut(Entry<'_>) -> io::Result<ControlFlow<()>> + 'v;

/// Visits every regular file in `paths` in a fixed order; `-` is standard input.
///
/// Links and devices inside archives and directories are skipped and listed in the result. A damaged archive gives what
/// can be read and a line in [`Walk::skipped`].
///
/// # Errors
/// A path given that cannot be opened, and what `visit` fails with.
pub fn walk(paths: &[PathBuf], limits: &Limits, visit: &mut Visit<'_>) -> Result<Walk, BundleError> {
    walk_from(None, paths, limits, visit)
}

/// Like [`walk`], with paths below `root` shown by their way from there, so that parts of a bundle that are read apart
/// bear the names that they have in the whole.
///
/// # Errors
/// As [`walk`].
pub fn walk_from(
    root: Option<&Path>,
    paths: &[PathBuf],
    limits: &Limits,
    visit: &mut Visit<'_>,
) -> Result<Walk, BundleError> {
    let mut walker = Walker {
        root,
        limits,
        visit,
        walk: Walk::default(),
        met: 0,
        unlisted: 0,
        whole: None,
        inflating: false,
        left: Rc::new(Cell::new(limits.total_bytes)),
        stop: false,
    };
    for (path, name) in paths.iter().zip(names_of(paths)) {
        if walker.stop {
            break;
        }
        walker.given(path, &name, paths.len() > 1)?;
    }
    if walker.unlisted > 0 {
        let why = format!("{} more were not read, or not to their end", walker.unlisted);
        walker.walk.skipped.push(("(others)".to_owned(), why));
    }
    Ok(walker.walk)
}

/// The state of one walk.
struct Walker<'w, 'v> {
    root: Option<&'w Path>,
    limits: &'w Limits,
    visit: &'w mut Visit<'v>,
    walk: Walk,
    /// Files, links and devices met so far.
    met: u64,
    /// What was skipped and is not listed.
    unlisted: u64,
    /// What the outermost packed stream has yielded.
    whole: Option<Rc<unpack::Yield>>,
    /// What is read is decompressed meanwhile.
    inflating: bool,
    /// Bytes that all entries together may still have.
    left: Rc<Cell<u64>>,
    stop: bool,
}

/// Skipped paths that are listed; archives of millions of links must not fill the memory.
const LISTED: usize = 10_000;

impl Walker<'_, '_> {
    /// One path of the command line, shown by that name.
    fn given(&mut self, path: &Path, name: &str, several: bool) -> Result<(), BundleError> {
        if path.as_os_str() == "-" {
            return self.unpack("-", None, &mut self.limits.meter.on(io::stdin().lock()), 0);
        }
        let opened = |source| BundleError::Open {
            path: path.to_owned(),
            source,
        };
        let meta = std::fs::metadata(path).map_err(opened)?;
        if meta.is_dir() {
            let prefix = match self.way_to(path) {
                Some(way) if way.is_empty() => way,
                Some(way) => format!("{way}/"),
                None if several => format!("{name}/"),
                None => String::new(),
            };
            return self.directory(path, &prefix);
        }
        let file = File::open(path).map_err(opened)?;
        let shown = self.way_to(path).unwrap_or_else(|| name.to_owned());
        self.file(&shown, &file, &meta)
    }

    /// The way from the root to a path below it, `/` between its parts.
    fn way_to(&self, path: &Path) -> Option<String> {
        let (root, path) = (std::path::absolute(self.root?).ok()?, std::path::absolute(path).ok()?);
        let way = path.strip_prefix(root).ok()?;
        let parts: Vec<_> = way.iter().map(|part| part.to_string_lossy()).collect();
        Some(parts.join("/"))
    }

    /// All files below a directory, names in byte order, links not followed.
    fn directory(&mut self, dir: &Path, prefix: &str) -> Result<(), BundleError> {
        let opened = |source| BundleError::Open {
            path: dir.to_owned(),
            source,
        };
        let mut names = Vec::new();
        for item in std::fs::read_dir(dir).map_err(opened)? {
            names.push(item.map_err(opened)?);
        }
        names.sort_by_key(std::fs::DirEntry::file_name);
        for item in names {
            if self.stop {
                return Ok(());
            }
            let shown = format!("{prefix}{}", item.file_name().to_string_lossy());
            match item.metadata() {
                Ok(meta) if meta.is_dir() => self.directory(&item.path(), &format!("{shown}/"))?,
                Ok(meta) if meta.is_file() => match File::open(item.path()) {
                    Ok(file) => self.file(&shown, &file, &meta)?,
                    Err(error) => self.skip(&shown, format!("it could not be opened: {error}")),
                },
                Ok(_) => self.pass_over(&shown),
                Err(error) => self.skip(&shown, format!("it could not be looked at: {error}")),
            }
        }
        Ok(())
    }

    fn skip(&mut self, path: &str, why: String) {
        if self.walk.skipped.len() < LISTED {
            self.walk.skipped.push((path.to_owned(), why));
        } else {
            self.unlisted += 1;
        }
    }

    /// Skips what is no regular file.
    fn pass_over(&mut self, path: &str) {
        if self.meets(path) {
            self.skip(path, "it is a link or a device, not a file".to_owned());
        }
    }

    /// Counts what the limit of entries counts; false where it is reached.
    fn meets(&mut self, path: &str) -> bool {
        if self.met >= self.limits.entries {
            self.skip(path, format!("the limit of {} entries is reached", self.limits.entries));
            self.stop = true;
            return false;
        }
        self.met += 1;
        true
    }

    /// Hands one entry to the visitor.
    fn entry(&mut self, entry: Entry<'_>) -> Result<(), BundleError> {
        let path = entry.path;
        if !self.meets(path) {
            return Ok(());
        }
        self.walk.entries += 1;
        let failed = |source| BundleError::Read {
            path: path.to_owned(),
            source,
        };
        self.stop |= (self.visit)(entry).map_err(failed)?.is_break();
        Ok(())
    }
}

/// The names of paths as given: their last part, and of paths that end alike as many parts as tell them apart.
fn names_of(paths: &[PathBuf]) -> Vec<String> {
    let parts: Vec<Vec<String>> = paths.iter().map(|path| parts_of(path)).collect();
    let mut shown = vec![1_usize; parts.len()];
    loop {
        let name = |(of, shown): (&Vec<String>, &usize)| {
            let left_out = of.len().saturating_sub(*shown);
            of.get(left_out..).unwrap_or(of).join("/")
        };
        let names: Vec<String> = parts.iter().zip(&shown).map(name).collect();
        let mut bearers: FxHashMap<&str, BTreeSet<&[String]>> = FxHashMap::default();
        for (name, of) in names.iter().zip(&parts) {
            bearers.entry(name).or_default().insert(of);
        }
        let mut longer = false;
        for ((name, of), shown) in names.iter().zip(&parts).zip(&mut shown) {
            let alone = bearers.get(name.as_str()).is_none_or(|bearers| bearers.len() < 2);
            if !alone && *shown < of.len() {
                (*shown, longer) = (*shown + 1, true);
            }
        }
        if !longer {
            return names;
        }
    }
}

/// The named parts of a path; of one that ends in no name (`..`) itself.
fn parts_of(path: &Path) -> Vec<String> {
    if path.file_name().is_none() {
        return vec![path.to_string_lossy().into_owned()];
    }
    let named = path.components().filter_map(|part| match part {
        Component::Normal(name) => Some(name.to_string_lossy().into_owned()),
        _ => None,
    });
    named.collect()
}

/// Modification time of a file.
fn modified(meta: &std::fs::Metadata) -> Option<Time> {
    let since = meta.modified().ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
    Some(Time::default() + Span(i64::try_from(since.as_micros()).ok()?))
}

#[cfg(test)]
pub(crate) mod packed;
#[cfg(test)]
mod tests;
