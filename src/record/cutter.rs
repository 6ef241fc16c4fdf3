//! Bytes of a source to pieces of whole lines.
//!
//! In: a byte stream. Out: pieces of bounded size, cut at line ends; NUL bytes and byte order marks are gone, lines
//! beyond the limit are cut. UTF-16, which has to be read whole, is told and narrowed here too.

use std::io::{self, Read};

/// Bytes of an over-long line that are passed over at once.
const PASSED: usize = 1 << 20;

/// Cuts a stream at line ends.
pub struct Cutter<'r> {
    bytes: &'r mut dyn Read,
    rest: Vec<u8>,
    /// The stream is read to its end.
    over: bool,
    /// Bytes of a line at most.
    most: usize,
    /// Lines that were cut.
    pub long: u64,
    /// Bytes read.
    pub read: u64,
}

impl<'r> Cutter<'r> {
    /// A cutter for lines of so many bytes at most.
    pub fn new(bytes: &'r mut dyn Read, most: usize) -> Cutter<'r> {
        Cutter {
            bytes,
            rest: Vec::new(),
            over: false,
            most,
            long: 0,
            read: 0,
        }
    }

    /// Up to so many pieces.
    pub fn batch(&mut self, count: usize, want: usize) -> io::Result<Vec<Vec<u8>>> {
        let mut batch = Vec::new();
        while batch.len() < count
            && let Some(piece) = self.next(want)?
        {
            batch.push(piece);
        }
        Ok(batch)
    }

    /// The next whole lines, about so many bytes of them.
    fn next(&mut self, want: usize) -> io::Result<Option<Vec<u8>>> {
        let most = self.most;
        let mut piece = std::mem::take(&mut self.rest);
        let mut from = 0;
        while !self.over {
            let before = piece.len();
            let got = (&mut *self.bytes).take(want as u64).read_to_end(&mut piece)?;
            self.read += got as u64;
            self.over = got < want;
            if self.read == got as u64 && piece.starts_with("\u{feff}".as_bytes()) {
                piece.drain(..3);
            }
            let new = piece.get(from.min(before)..).unwrap_or_default();
            if let Some(at) = memchr::memrchr(b'\n', new) {
                self.rest = piece.split_off(from.min(before) + at + 1);
                break;
            }
            from = piece.len();
            // A line beyond the limit: its beginning is kept, the rest is passed over.
            if piece.len() > most {
                piece.truncate(most);
                self.long += 1;
                self.pass_line(&mut piece)?;
                break;
            }
        }
        if memchr::memchr(0, &piece).is_some() {
            piece.retain(|byte| *byte != 0);
        }
        Ok((!piece.is_empty()).then_some(piece))
    }

    /// Reads up to the next line end, and keeps what is behind it.
    fn pass_line(&mut self, piece: &mut Vec<u8>) -> io::Result<()> {
        piece.push(b'\n');
        let mut passed = Vec::new();
        while !self.over {
            passed.clear();
            let got = (&mut *self.bytes).take(PASSED as u64).read_to_end(&mut passed)?;
            self.read += got as u64;
            self.over = got < PASSED;
            if let Some(at) = memchr::memchr(b'\n', &passed) {
                self.rest = passed.split_off(at + 1);
                break;
            }
        }
        Ok(())
    }
}

/// Whether a text is UTF-16, and if so whether big-endian: by its mark, or by the NULs beside Latin letters.
pub fn is_wide(head: &[u8]) -> Option<bool> {
    match head {
        [0xff, 0xfe, ..] => Some(false),
        [0xfe, 0xff, ..] => Some(true),
        [a, 0, b, 0, c, 0, ..] if *a != 0 && *b != 0 && *c != 0 => Some(false),
        [0, a, 0, b, 0, c, ..] if *a != 0 && *b != 0 && *c != 0 => Some(true),
        _ => None,
    }
}

/// A UTF-16 text as UTF-8, without its mark.
pub fn narrow(bytes: &[u8], big: bool) -> String {
    let units = bytes.chunks_exact(2).filter_map(|pair| <[u8; 2]>::try_from(pair).ok());
    let units: Vec<u16> = units
        .map(|pair| {
            if big {
                u16::from_be_bytes(pair)
            } else {
                u16::from_le_bytes(pair)
            }
        })
        .collect();
    let text = String::from_utf16_lossy(&units);
    text.strip_prefix('\u{feff}')
        .map_or_else(|| text.clone(), str::to_owned)
}
