//! Bytes of a source to pieces of whole lines.
//!
//! In: a byte stream. Out: pieces of bounded size, cut at line ends; NUL bytes and byte order marks are gone, lines
//! beyond the limit are cut. UTF-16, which has to be read whole, is told and narrowed here too.

use std::io::{self, Read};

/// Bytes of an over-long line that are passed over at once.
const PASSED: usize = 1 << 20;

/// Whole lines of a source, told apart by [`Piece::rule`].
#[derive(Debug, Default)]
pub struct Piece {
    /// Their bytes, from one place to another; the rest is room for other pieces.
    room: Vec<u8>,
    from: usize,
    len: usize,
    /// Where each line ends: at its line feed, or where the piece ends.
    ends: Vec<usize>,
    /// Some line begins neither like klog nor like JSON.
    pub mixed: bool,
    /// Lines of it that were cut.
    pub cut: u64,
}

impl Piece {
    /// The lines.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.room.get(self.from..self.len).unwrap_or_default()
    }

    /// Each line, without its end.
    pub fn lines(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        let mut from = self.from;
        self.ends.iter().map(move |end| {
            let line = self.room.get(from..*end).unwrap_or_default();
            from = end + 1;
            line.strip_suffix(b"\r").unwrap_or(line)
        })
    }

    /// Leaves nothing but its room.
    pub fn clear(&mut self) {
        (self.from, self.len) = (0, 0);
        self.ends.clear();
        (self.mixed, self.cut) = (false, 0);
    }

    /// Leaves the bytes from one place to another.
    pub fn keep(&mut self, from: usize, to: usize) {
        (self.from, self.len) = (from, to);
    }

    /// Ends it, and its last line, at that place; where it ends.
    pub fn cut_line(&mut self, at: usize) -> usize {
        self.len = at;
        self.cut += 1;
        self.push(b"\n");
        self.len
    }

    fn push(&mut self, bytes: &[u8]) {
        self.make_room(bytes.len());
        let end = self.len + bytes.len();
        if let Some(free) = self.room.get_mut(self.len..end) {
            free.copy_from_slice(bytes);
            self.len = end;
        }
    }

    fn make_room(&mut self, more: usize) {
        if self.room.len() < self.len + more {
            self.room.resize(self.len + more, 0);
        }
    }

    /// Reads so many bytes at most; fewer only at the end.
    pub fn fill(&mut self, from: &mut dyn Read, want: usize) -> io::Result<usize> {
        let begin = self.len;
        self.make_room(want);
        while let Some(free) = self
            .room
            .get_mut(self.len..begin + want)
            .filter(|free| !free.is_empty())
        {
            match from.read(free) {
                Ok(0) => break,
                Ok(got) => self.len += got,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(self.len - begin)
    }

    /// Takes out the NUL bytes and finds the ends of the lines.
    pub fn rule(&mut self) {
        self.without_nul();
        let Piece {
            room,
            from,
            len,
            ends,
            mixed,
            ..
        } = self;
        let bytes = room.get(..*len).unwrap_or_default();
        let open = (*len > *from && !bytes.ends_with(b"\n")).then_some(*len);
        let lines = memchr::memchr_iter(b'\n', bytes.get(*from..).unwrap_or_default());
        let mut begin = *from;
        for end in lines.map(|end| *from + end).chain(open) {
            *mixed |= !matches!(bytes.get(begin), Some(b'I' | b'W' | b'E' | b'F' | b'{'));
            ends.push(end);
            begin = end + 1;
        }
    }

    fn without_nul(&mut self) {
        if memchr::memchr(0, self.bytes()).is_some() {
            self.room.truncate(self.len);
            self.room.drain(..std::mem::take(&mut self.from));
            self.room.retain(|byte| *byte != 0);
            self.len = self.room.len();
        }
    }
}

/// Cuts a stream at line ends.
pub struct Cutter<'r> {
    bytes: &'r mut dyn Read,
    rest: Vec<u8>,
    /// The stream is read to its end.
    over: bool,
    /// Bytes of a line at most.
    most: usize,
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
            read: 0,
        }
    }

    /// Bytes before those that are not cut yet.
    pub fn at(&self) -> u64 {
        self.read - self.rest.len() as u64
    }

    /// Whether there is nothing more to cut.
    pub fn is_done(&self) -> bool {
        self.over && self.rest.is_empty()
    }

    /// Fills a piece with the next whole lines, about so many bytes of them; false at the end.
    pub fn next(&mut self, piece: &mut Piece, want: usize) -> io::Result<bool> {
        let most = self.most;
        piece.clear();
        piece.push(&std::mem::take(&mut self.rest));
        let mut from = 0;
        while !self.over {
            let before = piece.len;
            let got = piece.fill(self.bytes, want)?;
            self.read += got as u64;
            self.over = got < want;
            if self.read == got as u64 && piece.bytes().starts_with("\u{feff}".as_bytes()) {
                piece.room.drain(..3);
                piece.len -= 3;
            }
            from = from.min(before);
            if let Some(at) = memchr::memrchr(b'\n', piece.bytes().get(from..).unwrap_or_default()) {
                let cut = from + at + 1;
                self.rest
                    .extend_from_slice(piece.bytes().get(cut..).unwrap_or_default());
                piece.len = cut;
                break;
            }
            from = piece.len;
            // A line beyond the limit: its beginning is kept, the rest is passed over.
            if piece.len > most {
                piece.cut_line(most);
                self.pass_line()?;
                break;
            }
        }
        Ok(piece.len > 0)
    }

    /// Reads up to the next line end, and keeps what is behind it.
    fn pass_line(&mut self) -> io::Result<()> {
        let mut passed = Piece::default();
        while !self.over {
            passed.clear();
            let got = passed.fill(self.bytes, PASSED)?;
            self.read += got as u64;
            self.over = got < PASSED;
            if let Some(at) = memchr::memchr(b'\n', passed.bytes()) {
                self.rest
                    .extend_from_slice(passed.bytes().get(at + 1..).unwrap_or_default());
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
