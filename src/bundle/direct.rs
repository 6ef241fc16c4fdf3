//! Files on the disk, read at several places at once.
//!
//! In: an open file. Out: its bytes from any place on, for any thread. A stream has to be read by one thread after the
//! other, and what one processor copied another has to fetch; a file on the disk each may read for itself.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use super::Meter;

/// A file on the disk that is no archive, as large as it was when it was opened.
#[derive(Debug)]
pub struct Direct<'f> {
    file: &'f File,
    size: u64,
    meter: Meter,
    used: AtomicBool,
    fault: Mutex<Option<String>>,
}

impl<'f> Direct<'f> {
    /// The file, where the system can read it anywhere.
    pub(crate) fn of(file: &'f File, meta: &Metadata, meter: &Meter) -> Option<Direct<'f>> {
        cfg!(unix).then(|| Direct {
            file,
            size: meta.len(),
            meter: meter.clone(),
            used: AtomicBool::new(false),
            fault: Mutex::default(),
        })
    }

    /// Bytes in it.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Its bytes from that place on. Where it cannot be read it ends, and why is remembered.
    pub fn from(&self, at: u64) -> impl Read {
        FromPlace { direct: self, at }
    }

    /// Whether anything was read by place.
    pub(super) fn was_used(&self) -> bool {
        self.used.load(Ordering::Relaxed)
    }

    /// Why some of it could not be read.
    pub(super) fn take_fault(&self) -> Option<String> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// A file from a place on.
struct FromPlace<'d> {
    direct: &'d Direct<'d>,
    at: u64,
}

impl Read for FromPlace<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.direct.used.store(true, Ordering::Relaxed);
        let got = match read_at(self.direct.file, into, self.at) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                let why = format!("it could not be read at byte {} ({error})", self.at);
                *self.direct.fault.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
                0
            }
            read => read?,
        };
        self.direct.meter.count(got);
        self.at += got as u64;
        Ok(got)
    }
}

#[cfg(unix)]
fn read_at(file: &File, into: &mut [u8], at: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, into, at)
}

#[cfg(not(unix))]
fn read_at(_: &File, _: &mut [u8], _: u64) -> io::Result<usize> {
    Err(io::ErrorKind::Unsupported.into())
}
