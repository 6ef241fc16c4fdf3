//! One source from bytes to records, in pieces of bounded size.
//!
//! In: a byte stream. Out: its records, and a [`Summary`]. Encodings are settled here (BOM, UTF-16, NUL bytes, over-long
//! lines); documents are read whole, logs chunk by chunk, cut at line ends.

use std::io::{self, Cursor, Read};

use super::anchor::{Anchor, Evidence, HEAD};
use super::body::{Bodies, Visit};
use super::join::{self, Class, Edges, Joiner, Seam, Sink, Unit, Whole};
use super::wrap::Layers;
use super::{Context, Summary, docs};
use crate::time::Time;

/// Bytes of a log that are read at once.
const CHUNK: usize = 1 << 20;

/// Reads a source; see [`super::records`].
pub fn read(bytes: &mut dyn Read, context: &Context<'_>, visit: &mut Visit<'_>) -> io::Result<Summary> {
    read_in(bytes, context, CHUNK, visit)
}

/// The same with chunks of a given size.
fn read_in(bytes: &mut dyn Read, context: &Context<'_>, chunk: usize, visit: &mut Visit<'_>) -> io::Result<Summary> {
    let mut source = Source {
        context: *context,
        chunk,
        tally: Tally::default(),
        summary: Summary::default(),
    };
    let mut head = Vec::new();
    bytes.take(HEAD as u64).read_to_end(&mut head)?;
    let wide = is_wide(&head);
    if wide.is_some() || docs::promises(&head) {
        source.whole(head, wide, bytes, visit)?;
    } else {
        source.log(&mut Cursor::new(head).chain(bytes), 1, visit)?;
    }
    source.tally.tell(&mut source.summary);
    Ok(source.summary)
}

/// A source while it is read.
struct Source<'c> {
    context: Context<'c>,
    /// Bytes of a log that are read at once.
    chunk: usize,
    tally: Tally,
    summary: Summary,
}

impl Source<'_> {
    /// Reads a text that is held in memory: documents, and the lines between them. What is larger than may be held is
    /// read as lines, unless it is UTF-16, which is cut there.
    fn whole(
        &mut self,
        head: Vec<u8>,
        wide: Option<bool>,
        bytes: &mut dyn Read,
        visit: &mut Visit<'_>,
    ) -> io::Result<()> {
        let most = self.context.limits.held_bytes;
        let mut whole = head;
        bytes
            .take(most.saturating_sub(whole.len() as u64))
            .read_to_end(&mut whole)?;
        let more = whole.len() as u64 >= most;
        let text = match wide {
            Some(big) => {
                self.summary.notes.push("UTF-16 text".to_owned());
                if more {
                    self.summary
                        .notes
                        .push(format!("cut at {most} bytes, the limit for what is held in memory"));
                }
                narrow(&whole, big)
            }
            None if more => return self.log(&mut Cursor::new(whole).chain(bytes), 1, visit),
            None => String::from_utf8_lossy(&whole).into_owned(),
        };
        let depth = self.context.limits.json_depth;
        for part in docs::parts(&text) {
            let held = docs::read(part, docs::line_at(&text, part.text()), depth, visit);
            self.tally.objects += held.objects;
            self.tally.audit += held.audit;
            self.tally.documents |= held.objects + held.audit > 0;
            for (line, lines) in held.left {
                self.log(&mut Cursor::new(lines.as_bytes()), line, visit)?;
                self.context.near = self.tally.near().or(self.context.near);
            }
        }
        self.summary.bytes = whole.len() as u64;
        self.summary.lines = text.lines().count() as u64;
        Ok(())
    }

    /// Reads lines chunk by chunk, the first of them with that number.
    fn log(&mut self, bytes: &mut dyn Read, first: u32, visit: &mut Visit<'_>) -> io::Result<()> {
        let (context, chunk, tally) = (&self.context, self.chunk, &mut self.tally);
        let most = context.limits.line_bytes;
        let mut cutter = Cutter {
            bytes,
            rest: Vec::new(),
            over: false,
            long: 0,
            read: 0,
        };
        let mut anchor = None;
        let mut seam = Seam::default();
        let mut line = first;
        while let Some(piece) = cutter.next(chunk, if anchor.is_none() { HEAD } else { 0 }, most)? {
            let anchor = anchor.get_or_insert_with(|| Anchor::of(&piece, context));
            let bodies = Bodies {
                anchor,
                json_depth: context.limits.json_depth,
            };
            let mut out = Out { bodies, tally, visit };
            let edges = scan(&piece, &mut line, anchor.newest_first, most, &mut out);
            seam = join::stitch(seam, edges, anchor.newest_first, most, &mut out);
        }
        let anchor = anchor.unwrap_or_else(|| Anchor::of(b"", context));
        let bodies = Bodies {
            anchor: &anchor,
            json_depth: context.limits.json_depth,
        };
        join::end(seam, &mut Out { bodies, tally, visit });
        self.summary.bytes = cutter.read;
        self.summary.lines = u64::from(line - first);
        let long = cutter.long + std::mem::take(&mut tally.long);
        if long > 0 {
            self.summary
                .notes
                .push(format!("{long} lines longer than {most} bytes were cut"));
        }
        if tally.anchor.is_none() || tally.klog > 0 && tally.unanchored {
            tally.unanchored = tally.klog == 0;
            tally.anchor = Some(anchor);
        }
        Ok(())
    }
}

/// Whether a text is UTF-16, and if so whether big-endian: by its mark, or by the NULs beside Latin letters.
fn is_wide(head: &[u8]) -> Option<bool> {
    match head {
        [0xff, 0xfe, ..] => Some(false),
        [0xfe, 0xff, ..] => Some(true),
        [a, 0, b, 0, c, 0, ..] if *a != 0 && *b != 0 && *c != 0 => Some(false),
        [0, a, 0, b, 0, c, ..] if *a != 0 && *b != 0 && *c != 0 => Some(true),
        _ => None,
    }
}

fn narrow(bytes: &[u8], big: bool) -> String {
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

/// Joins the lines of one chunk.
fn scan(piece: &[u8], line: &mut u32, backwards: bool, most: usize, out: &mut Out<'_, '_, '_>) -> Edges {
    let mut joiner = Joiner::new(backwards, most);
    let piece = piece.strip_suffix(b"\n").unwrap_or(piece);
    for bytes in piece.split(|byte| *byte == b'\n') {
        let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
        out.tally.long += u64::from(bytes.len() > most);
        let bytes = bytes.get(..most).unwrap_or(bytes);
        joiner.unit(Unit { line: *line, bytes }, out);
        *line = line.saturating_add(1);
    }
    joiner.edges(*line, out)
}

/// Cuts a stream at line ends.
struct Cutter<'r> {
    bytes: &'r mut dyn Read,
    rest: Vec<u8>,
    /// The stream is read to its end.
    over: bool,
    /// Lines that were cut.
    long: u64,
    read: u64,
}

impl Cutter<'_> {
    /// The next whole lines, at least `least` bytes of them where there are so many.
    fn next(&mut self, chunk: usize, least: usize, most: usize) -> io::Result<Option<Vec<u8>>> {
        let mut piece = std::mem::take(&mut self.rest);
        let mut from = 0;
        let want = chunk.max(least);
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
            let got = (&mut *self.bytes).take(CHUNK as u64).read_to_end(&mut passed)?;
            self.read += got as u64;
            self.over = got < CHUNK;
            if let Some(at) = memchr::memchr(b'\n', &passed) {
                self.rest = passed.split_off(at + 1);
                break;
            }
        }
        Ok(())
    }
}

/// What was met in a source.
#[derive(Debug, Default)]
struct Tally {
    klog: u64,
    audit: u64,
    objects: u64,
    wrapped: u64,
    /// Lines that were cut at the limit.
    long: u64,
    /// Some of it are whole documents.
    documents: bool,
    evidence: Option<Evidence>,
    /// Where the headers were placed: of the first lines that held any.
    anchor: Option<Anchor>,
    /// No lines of klog have been met where the anchor is from.
    unanchored: bool,
}

impl Tally {
    /// A moment with a full date.
    fn near(&self) -> Option<Time> {
        let own = self.anchor.as_ref().and_then(Anchor::evidence);
        own.or(self.evidence.as_ref().map(|evidence| evidence.near))
    }

    fn tell(&self, summary: &mut Summary) {
        let (format, what) = match (self.klog, self.audit, self.objects) {
            (0, 0, 0) => ("text", "no line is klog or JSON of Kubernetes".to_owned()),
            (klog, audit, objects) if klog >= audit.max(objects) => ("klog", format!("{klog} klog headers")),
            (_, audit, objects) if audit >= objects => ("audit", format!("{audit} audit events")),
            (.., objects) => ("objects", format!("{objects} objects")),
        };
        summary.format = format;
        let how = match (self.documents, self.wrapped > 0) {
            (true, _) => ", in whole documents",
            (false, true) => ", in wrappers",
            (false, false) => "",
        };
        summary.because = format!("{what}{how}");
        summary.near = self.near();
        let Some(anchor) = &self.anchor else { return };
        if self.klog > 0 {
            summary.zone = anchor.zone().to_string();
            summary.zone_assumed = !anchor.tells_zone();
            summary.assumed = anchor.assumed();
            summary.undated = anchor.is_undated().then(|| anchor.clone());
        }
        summary.newest_first = anchor.newest_first;
        if anchor.newest_first {
            summary.notes.push("newest line first".to_owned());
        }
    }
}

/// Counts lines, and turns whole records into bodies.
struct Out<'s, 't, 'v> {
    bodies: Bodies<'s>,
    tally: &'t mut Tally,
    visit: &'t mut Visit<'v>,
}

impl Sink for Out<'_, '_, '_> {
    fn whole(&mut self, record: &Whole<'_>) {
        let evidence = self.bodies.read(record, self.visit);
        if self.tally.evidence.is_none() {
            self.tally.evidence = evidence;
        }
    }

    fn line(&mut self, class: Class, layers: &Layers<'_>) {
        self.tally.wrapped += u64::from(layers.wrapped);
        match class {
            Class::Klog => self.tally.klog += 1,
            Class::Audit => self.tally.audit += 1,
            Class::Object => self.tally.objects += 1,
            Class::Other | Class::More | Class::Blank => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundle::Limits;
    use crate::record::Body;

    /// Line, lines, kind and text of each record, in the order of lines.
    fn seen(bytes: &[u8], chunk: usize, limits: &Limits) -> (Vec<(u32, u32, String)>, Summary) {
        let context = Context {
            path: "a.log",
            modified: None,
            near: None,
            year: None,
            zone: None,
            limits,
        };
        let mut found = Vec::new();
        let summary = read_in(&mut Cursor::new(bytes), &context, chunk, &mut |record| {
            let body = match &record.body {
                Body::Klog(line) => format!("{} {}", line.at, line.text),
                Body::Audit(text) | Body::Text(text) => (*text).to_owned(),
                Body::Object(value) => value.to_string(),
            };
            found.push((record.line, record.lines, body));
        })
        .unwrap();
        found.sort();
        (found, summary)
    }

    fn texts(input: &str) -> Vec<String> {
        let strip = |text: String| text.split_once("Z ").map_or(text.clone(), |(_, rest)| rest.to_owned());
        seen(input.as_bytes(), CHUNK, &Limits::default())
            .0
            .into_iter()
            .map(|(.., text)| strip(text))
            .collect()
    }

    const KLOG: &str = "I1123 20:13:56.123456       1 a.go:1] ";

    #[test]
    fn values_of_several_lines_are_joined_in_every_wrapper() {
        let record = [format!("{KLOG}\"m\" err=<"), "\tone".to_owned(), " >".to_owned()];
        for prefix in [
            "",
            "2026-11-23T20:13:56Z stderr F ",
            "Nov 23 20:13:56 n kubelet[1]: ",
            "2026-11-23T20:13:56Z ",
        ] {
            let text: String = record.iter().map(|line| format!("{prefix}{line}\r\n")).collect();
            assert_eq!(texts(&text), [record.join("\n")], "{prefix}");
        }
    }

    #[test]
    fn parts_are_joined_for_each_stream() {
        let text = format!(
            "2026-11-23T20:13:56Z stderr P {KLOG}be\n2026-11-23T20:13:56Z stdout F other\n2026-11-23T20:13:56Z stderr F gin\n"
        );
        assert_eq!(texts(&text), [format!("{KLOG}begin"), "other".to_owned()]);
        let docker = format!(
            "{{\"log\":\"{KLOG}be\",\"stream\":\"stderr\",\"time\":\"2026-11-23T20:13:56Z\"}}\n{{\"log\":\"gin\\n\",\"stream\":\"stderr\",\"time\":\"2026-11-23T20:13:56Z\"}}\n"
        );
        assert_eq!(texts(&docker), [format!("{KLOG}begin")]);
    }

    #[test]
    fn lines_that_a_terminal_broke_are_whole_again() {
        let text =
            format!("Jan 06 09:11:58 n k3s[1]: {KLOG}volume \"a-\nb\" pod\nJan 06 09:11:58 n k3s[1]: {KLOG}next\n");
        assert_eq!(
            texts(&text),
            [format!("{KLOG}volume \"a-b\" pod"), format!("{KLOG}next")]
        );
    }

    #[test]
    fn newest_first_files_find_the_heads_of_their_lines() {
        let line = |second: u32| format!("I0722 07:14:{second:02}.000000 1 a.go:1] \"m\" err=<");
        let text: String = (0..20)
            .rev()
            .map(|second| format!(" >\n\tx\n{}\n", line(second)))
            .collect();
        let found = texts(&text);
        assert_eq!(found.len(), 20);
        assert_eq!(found.first(), Some(&format!("{}\n\tx\n >", line(19))));
    }

    #[test]
    fn encodings_of_other_systems_are_read() {
        let text = format!("{KLOG}caf\u{e9}\n");
        let wide: Vec<u8> = "\u{feff}"
            .encode_utf16()
            .chain(text.encode_utf16())
            .flat_map(u16::to_le_bytes)
            .collect();
        let marked = format!("\u{feff}{text}").into_bytes();
        let holes = format!("\0\0\0{text}").into_bytes();
        for bytes in [wide, marked, holes] {
            let (found, _) = seen(&bytes, CHUNK, &Limits::default());
            assert!(found[0].2.ends_with(text.trim_end()), "{found:?}");
        }
        let (found, _) = seen(b"I1123 20:13:56.123456 1 a.go:1] \xff\n", CHUNK, &Limits::default());
        assert!(found[0].2.ends_with("] \u{fffd}"));
    }

    #[test]
    fn lines_beyond_the_limit_are_cut_and_counted() {
        let limits = Limits {
            line_bytes: 60,
            ..Limits::default()
        };
        let text = format!("{KLOG}{}\n{KLOG}short\n", "x".repeat(500));
        let (found, summary) = seen(text.as_bytes(), 32, &limits);
        assert_eq!(found.len(), 2);
        assert_eq!(
            (summary.lines, summary.notes),
            (2, vec!["1 lines longer than 60 bytes were cut".to_owned()])
        );
    }

    proptest::proptest! {
        #[test]
        fn any_chunking_gives_the_same_records(
            lines in proptest::collection::vec(
                proptest::sample::select(vec![
                    "I1123 20:13:56.123456 1 a.go:1] \"m\" err=<", "\tmore", " >", "", "plain text",
                    "2026-11-23T20:13:56Z stderr P I1123 20:13:56.123456 1 a.go:1] half", "2026-11-23T20:13:56Z stderr F rest",
                    "2026-11-23T20:13:56Z stdout F \tindented", "Nov 23 20:13:56 n kubelet[1]: I1123 20:13:56.123456 1 b.go:2] y",
                    "Nov 23 20:13:56 n kubelet[1]: \tz", "{\"kind\":\"Event\",\"apiVersion\":\"audit.k8s.io/v1\"}",
                ]),
                1..40,
            ),
            chunk in 1_usize..300,
        ) {
            let text = lines.join("\n");
            let limits = Limits::default();
            let (cut, whole) = (seen(text.as_bytes(), chunk, &limits), seen(text.as_bytes(), CHUNK, &limits));
            proptest::prop_assert_eq!(cut.0, whole.0);
            proptest::prop_assert_eq!(cut.1.lines, whole.1.lines);
        }
    }
}
