//! Files on the disk, read at several places at once.
//!
//! In: an open file. Out: its bytes from any place on, for any thread. A stream has to be read by one thread after the
//! other, and what one processor copied another has to fetch; a file on the disk each may read for itself.

use std::fs::{File, Metadata};
use std::io;
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
    /// The file, if it is one that can be read anywhere.
    pub(crate) fn of(file: &'f File, meta: &Metadata, meter: &Meter) -> Option<Direct<'f>> {
        (cfg!(unix) && meta.is_file()).then(|| Direct {
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

    /// Fills the buffer from that place on; how far it got: not to its end at the end of the file, and where it cannot
    /// be read, which is remembered.
    pub fn read(&self, into: &mut [u8], at: u64) -> usize {
        self.used.store(true, Ordering::Relaxed);
        let mut got = 0;
        while let Some(rest) = into.get_mut(got..).filter(|rest| !rest.is_empty()) {
            match read_at(self.file, rest, at + got as u64) {
                Ok(0) => break,
                Ok(more) => got += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    let why = format!("it could not be read at byte {} ({error})", at + got as u64);
                    *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
                    break;
                }
            }
        }
        self.meter.count(got);
        got
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

#[cfg(unix)]
fn read_at(file: &File, into: &mut [u8], at: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, into, at)
}

#[cfg(not(unix))]
fn read_at(_: &File, _: &mut [u8], _: u64) -> io::Result<usize> {
    Err(io::ErrorKind::Unsupported.into())
}
