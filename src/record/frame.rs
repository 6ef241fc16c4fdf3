//! The frame in which people hand a text on: indented as a block of code, quoted as in a mail, with numbered lines, with a
//! byte order mark, with blanks that do not break; or out of a page.
//!
//! In: the bytes of a source. Out: the same lines without what stands before each of them, and as they were before a page
//! spoilt them. A frame is told by the source's head alone, and only where all its lines are in it: others are handed on
//! untouched.

use std::borrow::Cow;
use std::io::{self, BufRead, BufReader, Read};

use super::page;

/// One line in so many is spoilt, where a page spoilt a long text.
const SHARE: usize = 8;
/// Bytes of a text that is not long.
const SHORT: usize = 16 << 10;

/// What stands before each line of a source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Frame {
    /// Blanks, the same before all lines.
    indent: usize,
    /// `>` of a quotation.
    quoted: bool,
    /// What makes each line an item of a list.
    item: Option<&'static str>,
    /// The number of each line.
    numbered: bool,
    /// Its words went through a page.
    spoilt: bool,
    /// A byte order mark at the beginning.
    marked: bool,
}

/// A source out of its frame.
pub struct Unframed<'r> {
    bytes: BufReader<Box<dyn Read + 'r>>,
    frame: Frame,
    /// Longest piece that is looked at as a line; what is longer is handed on as it is.
    most: usize,
    made: Vec<u8>,
    at: usize,
    /// The next piece begins a line.
    begins: bool,
    /// Bytes of the source that were read.
    read: u64,
    framed: bool,
}

impl<'r> Unframed<'r> {
    /// A source with that head.
    pub fn new(head: Vec<u8>, bytes: &'r mut dyn Read, most: usize) -> Unframed<'r> {
        let frame = Frame::of(&String::from_utf8_lossy(&head));
        Unframed {
            bytes: BufReader::new(Box::new(io::Cursor::new(head).chain(bytes))),
            framed: frame != Frame::default(),
            frame,
            most: most.max(1),
            made: Vec::new(),
            at: 0,
            begins: true,
            read: 0,
        }
    }

    /// Bytes of the source that were read, frame and all; `None` where there was none.
    pub fn taken_off(&self) -> Option<u64> {
        self.framed.then_some(self.read)
    }

    /// Whether there was one.
    pub fn is_framed(&self) -> bool {
        self.framed
    }

    /// Makes the next piece; false at the end.
    fn make(&mut self) -> io::Result<bool> {
        self.made.clear();
        self.at = 0;
        let mut piece = Vec::new();
        (&mut self.bytes).take(self.most as u64).read_until(b'\n', &mut piece)?;
        self.read += piece.len() as u64;
        let begins = std::mem::replace(&mut self.begins, piece.ends_with(b"\n"));
        if begins {
            let text = String::from_utf8_lossy(&piece);
            let bare = self.frame.off(&text);
            let whole = if self.frame.spoilt {
                page::restored(bare)
            } else {
                bare.into()
            };
            self.made.extend_from_slice(whole.as_bytes());
        } else {
            self.made.extend_from_slice(&piece);
        }
        // A last line of nothing but its frame is a line, too.
        let ends = piece.ends_with(b"\n") || (self.made.is_empty() && !piece.is_empty());
        if ends && !self.made.ends_with(b"\n") {
            self.made.push(b'\n');
        }
        self.frame.marked = false;
        Ok(!piece.is_empty())
    }
}

impl Read for Unframed<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.at >= self.made.len() {
            if self.frame == Frame::default() {
                let length = self.bytes.read(into)?;
                self.read += length as u64;
                return Ok(length);
            }
            if !self.make()? {
                return Ok(0);
            }
        }
        let length = self.made.get(self.at..).unwrap_or_default().read(into)?;
        self.at += length;
        Ok(length)
    }
}

impl Frame {
    /// The frame of a source with that head, whose last line may be cut.
    fn of(head: &str) -> Frame {
        let text = head.trim_start_matches('\u{feff}');
        let lines = || text.lines().filter(|line| !line.trim().is_empty());
        let blanks = |line: &str| line.bytes().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        let indent = lines().map(blanks).min().unwrap_or(0);
        let first = lines().next().and_then(|line| line.get(..indent));
        // Blanks and tabs mixed are no frame: nobody knows how wide each is.
        let even = first.is_some_and(|first| lines().all(|line| line.starts_with(first)));
        let bare = Frame {
            indent: if even { indent } else { 0 },
            quoted: lines().all(|line| line.trim_start().starts_with('>')) && lines().next().is_some(),
            item: ITEMS.into_iter().find(|item| is_list(text, item)),
            numbered: is_numbered(text),
            marked: text.len() < head.len(),
            spoilt: false,
        };
        let spoilt = lines().filter(|line| matches!(page::restored(bare.off(line)), Cow::Owned(_)));
        // A log may hold a line about a page.
        let share = if text.len() < SHORT { usize::MAX } else { SHARE };
        let spoilt = spoilt.count().saturating_mul(share) > lines().count();
        Frame { spoilt, ..bare }
    }

    /// A line without its frame.
    fn off<'t>(&self, line: &'t str) -> &'t str {
        let mut line = if self.marked {
            line.trim_start_matches('\u{feff}')
        } else {
            line
        };
        if self.numbered {
            line = numbered(line).map_or(line, |(_, rest)| rest);
        } else if self.quoted {
            let mut rest = line.trim_start_matches([' ', '\t']);
            while let Some(inner) = rest.strip_prefix('>') {
                line = inner.strip_prefix(' ').unwrap_or(inner);
                rest = line;
            }
        } else if let Some(item) = self.item {
            let text = line.trim_start_matches(' ');
            line = text
                .strip_prefix(item)
                .or_else(|| text.strip_prefix(item.trim_end()))
                .unwrap_or(text);
        } else if line.bytes().take(self.indent).all(|byte| matches!(byte, b' ' | b'\t')) {
            line = line.get(self.indent..).unwrap_or(line);
        }
        line
    }
}

/// What stands before the items of a list, or before the lines of a change.
const ITEMS: [&str; 5] = ["- ", "* ", "+ ", "\u{2022} ", "\u{b7} "];

/// Whether all lines are items; one alone tells nothing.
fn is_list(text: &str, item: &str) -> bool {
    let mut lines = text.lines().filter(|line| !line.trim().is_empty()).peekable();
    let is_item = |line: &str| line.trim_start_matches(' ').starts_with(item) || line.trim() == item.trim_end();
    lines.next().is_some_and(is_item) && lines.peek().is_some() && lines.all(is_item)
}

/// The number before a line, and what follows it: `  12<tab>text`, `12 text`, `12 | text`.
fn numbered(line: &str) -> Option<(u32, &str)> {
    let line = line.trim_start_matches(' ');
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    let number = line.get(..digits)?.parse().ok()?;
    let rest = line.get(digits..)?;
    let text = rest
        .strip_prefix(" | ")
        .or_else(|| rest.strip_prefix(['\t', ' ', '|']))
        .or_else(|| rest.trim().is_empty().then_some(rest))?;
    Some((number, text))
}

/// Whether all lines have numbers that count up by one; the last one may be cut, and one alone tells nothing.
fn is_numbered(text: &str) -> bool {
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    let Some((first, _)) = lines.next().and_then(numbered) else {
        return false;
    };
    let mut next = first;
    let counted = lines.all(|line| {
        next = next.saturating_add(1);
        numbered(line).is_some_and(|(number, _)| number == next)
    });
    counted && next > first
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unframed(text: &str) -> (String, u64) {
        let mut rest = &b""[..];
        let mut source = Unframed::new(text.as_bytes().to_vec(), &mut rest, 1000);
        let mut out = String::new();
        source.read_to_string(&mut out).unwrap();
        let read = source.taken_off().unwrap_or(out.len() as u64);
        (out, read)
    }

    const TEXT: &str = "kind: Pod\nmetadata:\n  name: \"x\"\n\nI1123 a\n";

    #[test]
    fn every_frame_comes_off() {
        let each = |before: &str| TEXT.lines().map(|line| format!("{before}{line}\n")).collect::<String>();
        let numbers = |form: fn(usize, &str) -> String| -> String {
            (7..)
                .zip(TEXT.lines())
                .map(|(number, line)| form(number, line))
                .collect()
        };
        for framed in [
            each("    "),
            each("\t"),
            each("> "),
            each(">> "),
            each("- "),
            each("\u{2022} "),
            each("- ").replace("- \n", "-\n"),
            numbers(|number, line| format!("{number:>6}\t{line}\n")),
            numbers(|number, line| format!("{number} {line}\n")),
            numbers(|number, line| format!("{number} | {line}\n")),
            format!("\u{feff}{TEXT}"),
            TEXT.replace('"', "&quot;"),
            TEXT.replace("  ", "\u{a0} "),
        ] {
            assert_eq!(unframed(&framed), (TEXT.to_owned(), framed.len() as u64), "{framed}");
        }
    }

    #[test]
    fn what_is_not_before_all_lines_is_no_frame() {
        for text in [
            TEXT,
            "",
            "\n",
            "  a\nb\n",
            "  a\n\tb\n",
            "> a\nb\n",
            "1 a\n3 b\n",
            "7 a\n",
            "- a\n",
            "- a\n- b\nc\n",
            "- a\n- b\n  c\n- d\n",
            "2026-11-23 a\n2027-11-23 b\n",
        ] {
            assert_eq!(unframed(text), (text.to_owned(), text.len() as u64));
        }
    }

    #[test]
    fn a_last_line_of_nothing_but_its_frame_is_a_line() {
        assert_eq!(unframed("    a\n    "), ("a\n\n".to_owned(), 10));
    }

    #[test]
    fn a_line_without_an_end_is_handed_on_in_pieces() {
        let long = format!("    {}\n    b\n", "x".repeat(5000));
        let (out, read) = unframed(&long);
        assert_eq!((out.len() + 8, read), (long.len(), long.len() as u64));
        assert!(out.ends_with("\nb\n"));
    }
}
