//! Layers of a stream taken off one by one: compressions, tar and zip, inside each other.
//!
//! In: a stream and its name. Out: calls of the walker's visitor for each file inside. Every layer counts against
//! [`super::Limits`]; what is damaged gives what can be read, and a note.

use std::cell::Cell;
use std::fs::{File, Metadata};
use std::io::{self, Cursor, Read, Seek};
use std::rc::Rc;

use super::codec::{self, Packing};
use super::{BundleError, Direct, Entry, Walker, modified};
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

/// Bytes that may stand before a member of a tar archive: long names, attributes.
const HEADERS: u64 = 1 << 20;

/// Refuses to read on where a budget is used up: the parser of tar archives holds whatever stands before a member.
struct Budgeted<R> {
    inner: R,
    left: Rc<Cell<u64>>,
}

impl<R: Read> Read for Budgeted<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let left = self.left.get();
        if left == 0 && !into.is_empty() {
            return Err(io::Error::other("what stands before a member is too large"));
        }
        let room = usize::try_from(left).unwrap_or(usize::MAX).min(into.len());
        let (into, _) = into.split_at_mut(room);
        let got = self.inner.read(into)?;
        self.left.set(left.saturating_sub(got as u64));
        Ok(got)
    }
}

/// What the outermost packed stream holds, and what was unpacked from it in all layers: many small bombs in one archive,
/// and bombs within each other, are one large bomb.
#[derive(Debug, Default)]
pub(super) struct Yield {
    packed: Rc<Cell<u64>>,
    out: Cell<u64>,
}

/// Bytes that may be unpacked before ratios count.
const UNMINDED: u64 = 16 << 20;

/// Whether so many bytes are too many for so few packed ones.
fn bursts(out: u64, packed: u64, ratio: u64) -> bool {
    out > UNMINDED && out / packed.max(1) > ratio
}

/// Keeps an unpacked stream within the limits, and turns damage into an early, remembered end.
struct Guarded<R> {
    inner: R,
    packed: Option<Rc<Cell<u64>>>,
    /// The outermost packing, for streams that are unpacked from something.
    whole: Option<Rc<Yield>>,
    out: u64,
    most: u64,
    ratio: u64,
    /// The ratio was passed: nothing more is read.
    stopped: bool,
    fault: Rc<Cell<Option<String>>>,
}

/// Keeps all entries together within the limit.
struct Shared<'s, R> {
    inner: R,
    left: &'s Cell<u64>,
    /// There was more than may be read.
    beyond: bool,
}

impl<R: Read> Read for Shared<'_, R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let left = self.left.get();
        if left == 0 && !into.is_empty() {
            self.beyond |= self.inner.read(&mut [0])? > 0;
            return Ok(0);
        }
        let room = usize::try_from(left).unwrap_or(usize::MAX).min(into.len());
        let (into, _) = into.split_at_mut(room);
        let got = self.inner.read(into)?;
        self.left.set(left.saturating_sub(got as u64));
        Ok(got)
    }
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
        let mut burst = self
            .packed
            .as_ref()
            .is_some_and(|packed| bursts(self.out, packed.get(), self.ratio));
        if let Some(whole) = &self.whole {
            whole.out.set(whole.out.get().saturating_add(got as u64));
            burst |= bursts(whole.out.get(), whole.packed.get(), self.ratio);
        }
        if burst {
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
    /// A file on the disk: zip archives are read in place, and so is what is not packed.
    pub(super) fn file(&mut self, path: &str, file: &File, meta: &Metadata) -> Result<(), BundleError> {
        let failed = |source| BundleError::Read {
            path: path.to_owned(),
            source,
        };
        let mut stream = self.limits.meter.on(file);
        if !meta.is_file() {
            return self.unpack(path, modified(meta), &mut stream, 0);
        }
        let head = head_of(&mut stream).map_err(failed)?;
        stream.rewind().map_err(failed)?;
        match codec::packing(&head) {
            Packing::Zip => {
                let whole = Yield::default();
                whole.packed.set(meta.len());
                self.within(whole, |walker| walker.zip(path, &mut stream, 0))
            }
            Packing::Plain => {
                let direct = Direct::of(file, meta, &self.limits.meter);
                self.content(path, modified(meta), &mut stream, direct.as_ref())
            }
            _ => self.unpack(path, modified(meta), &mut stream, 0),
        }
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
        if packing == Packing::Plain {
            return self.content(path, modified, &mut whole, None);
        }
        let total = Yield::default();
        let mut counted = Counted {
            inner: whole,
            count: Rc::clone(&total.packed),
        };
        self.within(total, |walker| match packing {
            Packing::Tar => walker.tar(path, &mut counted, depth),
            Packing::Zip => walker.held_zip(path, &mut counted, depth),
            _ => walker.compressed(path, modified, packing, &mut counted, depth),
        })
    }

    /// Does what is to be done with a packed stream, which is the outermost one if there is none yet.
    fn within(
        &mut self,
        whole: Yield,
        act: impl FnOnce(&mut Self) -> Result<(), BundleError>,
    ) -> Result<(), BundleError> {
        if self.whole.is_some() {
            return act(self);
        }
        self.whole = Some(Rc::new(whole));
        let done = act(self);
        self.whole = None;
        done
    }

    /// A plain file, within the limits for one entry and for all.
    fn content(
        &mut self,
        path: &str,
        modified: Option<Time>,
        bytes: &mut dyn Read,
        direct: Option<&Direct<'_>>,
    ) -> Result<(), BundleError> {
        let (fault, left) = (Rc::default(), Rc::clone(&self.left));
        let most = left.get().min(self.limits.entry_bytes);
        let direct = direct.filter(|direct| direct.size() <= most);
        let before = left.get();
        let mut shared = Shared {
            inner: self.guarded(bytes, None, &fault),
            left: &left,
            beyond: false,
        };
        self.entry(Entry {
            path,
            modified,
            inflates: self.inflating,
            bytes: &mut shared,
            direct,
        })?;
        if let Some(direct) = direct.filter(|direct| direct.was_used()) {
            left.set(before.saturating_sub(direct.size()));
            fault.set(fault.take().or(direct.take_fault()));
        }
        if shared.beyond {
            let most = self.limits.total_bytes;
            self.skip(
                path,
                format!("the limit of {most} bytes in all is reached; nothing more is read"),
            );
            self.stop = true;
        }
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
        self.inflated(path, modified, decoder, packed, depth)
    }

    /// A stream that is decompressed while it is read, out of so many packed bytes.
    fn inflated(
        &mut self,
        path: &str,
        modified: Option<Time>,
        bytes: impl Read,
        packed: Rc<Cell<u64>>,
        depth: u32,
    ) -> Result<(), BundleError> {
        let fault = Rc::default();
        let mut guarded = self.guarded(bytes, Some(packed), &fault);
        let before = std::mem::replace(&mut self.inflating, true);
        self.unpack(path, modified, &mut guarded, depth + 1)?;
        self.inflating = before;
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
            whole: packed.as_ref().and_then(|_| self.whole.clone()),
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
        let (left, packed) = (Rc::new(Cell::new(HEADERS)), Rc::default());
        let mut archive = tar::Archive::new(Budgeted {
            inner: Counted {
                inner: bytes,
                count: Rc::clone(&packed),
            },
            left: Rc::clone(&left),
        });
        let mut members = match archive.entries() {
            Ok(members) => members,
            Err(error) => {
                self.skip(path, format!("its members could not be listed: {error}"));
                return Ok(());
            }
        };
        while !self.stop {
            let mut member = match members.next() {
                None => break,
                Some(Ok(member)) => member,
                Some(Err(error)) => {
                    self.skip(
                        path,
                        format!("the archive is damaged ({error}); members before that are used"),
                    );
                    break;
                }
            };
            left.set(u64::MAX);
            let shown = format!("{path}!{}", tidy(&String::from_utf8_lossy(&member.path_bytes())));
            let kind = member.header().entry_type();
            if kind.is_file() || kind.is_contiguous() || kind.is_gnu_sparse() {
                let modified = member.header().mtime().ok().and_then(|s| i64::try_from(s).ok());
                let modified = modified.map(|s| Time::default() + Span::secs(s.min(1 << 40)));
                // The holes of a sparse file are bytes that nothing was packed for.
                let packed = kind.is_gnu_sparse().then(|| Rc::clone(&packed));
                let fault = Rc::default();
                let mut guarded = self.guarded(&mut member, packed, &fault);
                self.unpack(&shown, modified, &mut guarded, depth + 1)?;
                self.note_fault(&shown, &fault);
            } else if !kind.is_dir() {
                self.pass_over(&shown);
            }
            // What is left of the member is passed over before the next one's headers are read.
            let rest = if kind.is_gnu_sparse() {
                member.header().entry_size().unwrap_or(0)
            } else {
                member.size()
            };
            left.set(rest.saturating_add(HEADERS));
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
                self.pass_over(&shown);
            } else if member.is_file() {
                let packed = Rc::new(Cell::new(member.compressed_size()));
                self.inflated(&shown, None, &mut member, packed, depth)?;
            }
        }
        Ok(())
    }
}

/// Bytes of a member's name that are shown: no file system takes longer ones.
const NAME: usize = 4096;

/// A member's name as shown: without a leading `./`.
fn tidy(name: &str) -> &str {
    let name = name.trim_start_matches("./");
    name.get(..name.floor_char_boundary(NAME)).unwrap_or(name)
}
