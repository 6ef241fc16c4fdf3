//! A file on the disk in regions, each of which can be read without the others.
//!
//! In: a file, and a place in it where a line begins. Out: pieces of the lines that begin in one region each: the last of
//! them is taken as far as it goes, the limit of lines excepted.

use super::cutter::Piece;
use crate::bundle::Direct;

/// Bytes behind a region that are read with it: most lines end there.
const BEHIND: usize = 8 << 10;

/// The regions of a file from a place on.
pub struct Regions<'d> {
    /// The file.
    pub file: &'d Direct<'d>,
    /// Where the first begins: right behind a line.
    pub from: u64,
    /// Bytes of each.
    pub size: usize,
    /// Bytes of a line at most.
    pub most: usize,
}

impl Regions<'_> {
    /// How many there are.
    pub fn count(&self) -> usize {
        let bytes = self.file.size().saturating_sub(self.from);
        usize::try_from(bytes.div_ceil(self.size as u64)).unwrap_or(usize::MAX)
    }

    /// Fills a piece with the lines that begin in a region, perhaps none; false behind the last region.
    pub fn read(&self, index: usize, piece: &mut Piece) -> bool {
        if index >= self.count() {
            return false;
        }
        piece.clear();
        // A line begins with the region if the byte before ends one.
        let at = self.from + index as u64 * self.size as u64 - 1;
        self.fill(piece, at, self.size + 1 + BEHIND);
        let inside = piece.bytes().len().min(self.size);
        if let Some(before) = memchr::memchr(b'\n', piece.bytes().get(..inside).unwrap_or_default()) {
            let end = self.end(piece, at, before + 1);
            piece.keep(before + 1, end);
        } else {
            piece.clear();
        }
        true
    }

    /// Where the last line that begins in the region ends, read as far as need be.
    fn end(&self, piece: &mut Piece, at: u64, begin: usize) -> usize {
        let inside = piece.bytes().len().min(self.size);
        let lines = piece.bytes().get(begin..inside).unwrap_or_default();
        let last = memchr::memrchr(b'\n', lines).map_or(begin, |end| begin + end + 1);
        let mut seen = inside;
        loop {
            let got = piece.bytes().len();
            let rest = piece.bytes().get(seen..).unwrap_or_default();
            if let Some(end) = memchr::memchr(b'\n', rest) {
                return seen + end + 1;
            }
            if got - last > self.most {
                return piece.cut_line(last + self.most);
            }
            seen = got;
            if self.fill(piece, at, got.saturating_sub(self.size).max(BEHIND)) == 0 {
                return got;
            }
        }
    }

    /// Reads on in a piece that begins at that place; how many bytes there were.
    fn fill(&self, piece: &mut Piece, at: u64, want: usize) -> usize {
        let at = at + piece.bytes().len() as u64;
        let left = self.file.size().saturating_sub(at);
        let want = usize::try_from(left).map_or(want, |left| left.min(want));
        // What cannot be read is no error: the file remembers it.
        piece.fill(&mut self.file.from(at), want).unwrap_or(0)
    }
}
