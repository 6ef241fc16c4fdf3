//! Layers of a stream taken off one by one: compressions, tar and zip, inside each other.
//!
//! In: a stream and its name. Out: calls of the walker's visitor for each file inside. Every layer counts against
//! [`super::Limits`]; what is damaged gives what can be read, and a note.

use std::cell::Cell;
use std::io::{self, Cursor, Read, Seek};
use std::rc::Rc;

use super::codec::{self, Packing};
use super::{BundleError, Walker};
use crate::time::{Span, Time};

/// Counts bytes as they pass.
struct Counted<R> {
    inner: R,
    count: Rc<Cell<u64>>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let got = self.inner.read(into)?;
        self.count.set(self.count.get() + got as u64);
        Ok(got)
    }
}

/// Keeps an unpacked stream within the limits, and turns damage into an early, remembered end.
struct Guarded<R> {
    inner: R,
    packed: Option<Rc<Cell<u64>>>,
    out: u64,
    most: u64,
    ratio: u64,
    /// The ratio was passed: nothing more is read.
    stopped: bool,
    fault: Rc<Cell<Option<String>>>,
}

impl<R: Read> Read for Guarded<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.stopped {
            return Ok(0);
        }
        let room = usize::try_from(self.most - self.out)
            .unwrap_or(usize::MAX)
            .min(into.len());
        if room == 0 && !into.is_empty() {
            let beyond = self.inner.read(&mut [0]).unwrap_or(0);
            if beyond > 0 {
                self.fault
                    .set(Some(format!("cut at the limit of {} bytes for one entry", self.most)));
            }
            return Ok(0);
        }
        let (into, _) = into.split_at_mut(room);
        let got = match self.inner.read(into) {
            Ok(got) => got,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Err(error),
            Err(error) => {
                self.fault.set(Some(format!(
                    "damaged after {} bytes ({error}); what came before is used",
                    self.out
                )));
                0
            }
        };
        self.out += got as u64;
        if let Some(packed) = &self.packed
            && self.out > 16 << 20
            && self.out / packed.get().max(1) > self.ratio
        {
            self.fault.set(Some(format!(
                "it unpacks to more than {} times its size; reading stopped",
                self.ratio
            )));
            self.stopped = true;
        }
        Ok(got)
    }
}

/// Fills a buffer with the head of a stream.
fn head_of(bytes: &mut dyn Read) -> io::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(codec::HEAD);
    bytes.take(codec::HEAD as u64).read_to_end(&mut head)?;
    Ok(head)
}

impl Walker<'_, '_> {
    /// A file that can seek: zip archives are read in place.
    pub(super) fn file<F: Read + Seek>(
        &mut self,
        path: &str,
        modified: Option<Time>,
        file: &mut F,
    ) -> Result<(), BundleError> {
        let failed = |source| BundleError::Read {
            path: path.to_owned(),
            source,
        };
        let head = head_of(file).map_err(failed)?;
        file.rewind().map_err(failed)?;
        if codec::packing(&head) == Packing::Zip {
            return self.zip(path, file, 0);
        }
        self.unpack(path, modified, file, 0)
    }

    /// Any stream: told by its head, unpacked as far as the nesting limit allows.
    pub(super) fn unpack(
        &mut self,
        path: &str,
        modified: Option<Time>,
        bytes: &mut dyn Read,
        depth: u32,
    ) -> Result<(), BundleError> {
        let head = match head_of(bytes) {
            Ok(head) => head,
            Err(error) => {
                self.skip(path, format!("it could not be read: {error}"));
                return Ok(());
            }
        };
        let packing = codec::packing(&head);
        let mut whole = Cursor::new(head).chain(bytes);
        if packing != Packing::Plain && depth >= self.limits.nesting {
            self.skip(path, format!("it is packed more than {} times", self.limits.nesting));
            return Ok(());
        }
        match packing {
            Packing::Plain => self.content(path, modified, &mut whole),
            Packing::Tar => self.tar(path, &mut whole, depth),
            Packing::Zip => self.held_zip(path, &mut whole, depth),
            _ => self.compressed(path, modified, packing, &mut whole, depth),
        }
    }

    /// A plain file, within the limit for one entry.
    fn content(&mut self, path: &str, modified: Option<Time>, bytes: &mut dyn Read) -> Result<(), BundleError> {
        let fault = Rc::default();
        let mut guarded = self.guarded(bytes, None, &fault);
        self.entry(path, modified, &mut guarded)?;
        self.note_fault(path, &fault);
        Ok(())
    }

    /// A compressed stream.
    fn compressed(
        &mut self,
        path: &str,
        modified: Option<Time>,
        packing: Packing,
        bytes: &mut dyn Read,
        depth: u32,
    ) -> Result<(), BundleError> {
        let packed = Rc::default();
        let counted = Counted {
            inner: bytes,
            count: Rc::clone(&packed),
        };
        let decoder = match codec::decoder(packing, Box::new(counted)) {
            Ok(Some(decoder)) => decoder,
            Ok(None) => return Ok(()),
            Err(error) => {
                self.skip(path, format!("it could not be unpacked: {error}"));
                return Ok(());
            }
        };
        let fault = Rc::default();
        let mut guarded = self.guarded(decoder, Some(packed), &fault);
        self.unpack(path, modified, &mut guarded, depth + 1)?;
        self.note_fault(path, &fault);
        Ok(())
    }

    fn guarded<R: Read>(
        &self,
        inner: R,
        packed: Option<Rc<Cell<u64>>>,
        fault: &Rc<Cell<Option<String>>>,
    ) -> Guarded<R> {
        let (most, ratio) = (self.limits.entry_bytes, self.limits.ratio);
        Guarded {
            inner,
            packed,
            out: 0,
            most,
            ratio,
            stopped: false,
            fault: Rc::clone(fault),
        }
    }

    fn note_fault(&mut self, path: &str, fault: &Rc<Cell<Option<String>>>) {
        if let Some(why) = fault.take() {
            self.skip(path, why);
        }
    }

    /// Members of a tar archive, as written.
    fn tar(&mut self, path: &str, bytes: &mut dyn Read, depth: u32) -> Result<(), BundleError> {
        let mut archive = tar::Archive::new(bytes);
        let members = match archive.entries() {
            Ok(members) => members,
            Err(error) => {
                self.skip(path, format!("its members could not be listed: {error}"));
                return Ok(());
            }
        };
        for member in members {
            if self.stop {
                break;
            }
            let mut member = match member {
                Ok(member) => member,
                Err(error) => {
                    self.skip(
                        path,
                        format!("the archive is damaged ({error}); members before that are used"),
                    );
                    break;
                }
            };
            let shown = format!("{path}!{}", tidy(&String::from_utf8_lossy(&member.path_bytes())));
            let kind = member.header().entry_type();
            if kind.is_file() || kind.is_contiguous() || kind.is_gnu_sparse() {
                let modified = member.header().mtime().ok().and_then(|s| i64::try_from(s).ok());
                let modified = modified.map(|s| Time::default() + Span::secs(s.min(1 << 40)));
                self.unpack(&shown, modified, &mut member, depth + 1)?;
            } else if !kind.is_dir() {
                self.skip(&shown, "it is a link or a device, not a file".to_owned());
            }
        }
        Ok(())
    }

    /// A zip that cannot be read in place is held in memory, since its directory stands at its end.
    fn held_zip(&mut self, path: &str, bytes: &mut dyn Read, depth: u32) -> Result<(), BundleError> {
        let mut held = Vec::new();
        let most = self.limits.held_bytes;
        if let Err(error) = bytes.take(most + 1).read_to_end(&mut held) {
            self.skip(path, format!("it could not be read: {error}"));
            return Ok(());
        }
        if held.len() as u64 > most {
            self.skip(
                path,
                format!("a zip inside another archive may have at most {most} bytes"),
            );
            return Ok(());
        }
        self.zip(path, &mut Cursor::new(held), depth)
    }

    /// Members of a zip archive, in the order of its directory.
    fn zip<F: Read + Seek>(&mut self, path: &str, file: &mut F, depth: u32) -> Result<(), BundleError> {
        let mut archive = match zip::ZipArchive::new(file) {
            Ok(archive) => archive,
            Err(error) => {
                self.skip(path, format!("its members could not be listed: {error}"));
                return Ok(());
            }
        };
        for index in 0..archive.len() {
            if self.stop {
                break;
            }
            let mut member = match archive.by_index(index) {
                Ok(member) => member,
                Err(error) => {
                    self.skip(path, format!("member {index} could not be opened: {error}"));
                    continue;
                }
            };
            let shown = format!("{path}!{}", tidy(&String::from_utf8_lossy(member.name_raw())));
            if member.is_symlink() {
                self.skip(&shown, "it is a link or a device, not a file".to_owned());
            } else if member.is_file() {
                let packed = Rc::new(Cell::new(member.compressed_size()));
                let fault = Rc::default();
                let mut guarded = self.guarded(&mut member, Some(packed), &fault);
                self.unpack(&shown, None, &mut guarded, depth + 1)?;
                self.note_fault(&shown, &fault);
            }
        }
        Ok(())
    }
}

/// A member's name as shown: without a leading `./`.
fn tidy(name: &str) -> &str {
    name.trim_start_matches("./")
}
