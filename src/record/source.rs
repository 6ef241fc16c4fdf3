//! One source from bytes to records, in pieces of bounded size.
//!
//! In: a byte stream. Out: its records, and a [`Summary`]. Encodings are settled here (BOM, UTF-16, NUL bytes, over-long
//! lines); documents are read whole, logs chunk by chunk, cut at line ends.

use std::io::{self, Cursor, Read};

use super::anchor::{Anchor, HEAD};
use super::cutter::{Cutter, Piece, is_wide, narrow};
use super::frame::Unframed;
use super::heading::Heading;
use super::join::{self, Seam};
use super::lanes::{self, Begin, Done};
use super::recast::Recast;
use super::regions::Regions;
use super::scan::Scan;
use super::tally::Tally;
use super::{Context, Record, Scribe, Summary, docs};
use crate::bundle::Direct;

/// Bytes of a log that are read at once.
const CHUNK: usize = 1 << 19;

/// Reads a source; see [`super::records`].
pub fn read<S: Scribe>(
    bytes: &mut dyn Read,
    context: &Context<'_>,
    scribe: &S,
    take: &mut (dyn FnMut(S::Page) + Send),
) -> io::Result<Summary> {
    read_in(bytes, context, CHUNK, scribe, take)
}

/// The same with chunks of a given size.
fn read_in<S: Scribe>(
    bytes: &mut dyn Read,
    context: &Context<'_>,
    chunk: usize,
    scribe: &S,
    take: &mut (dyn FnMut(S::Page) + Send),
) -> io::Result<Summary> {
    let mut source = Source {
        context: *context,
        chunk,
        scribe,
        take,
        tally: Tally::default(),
        heading: Heading::default(),
        summary: Summary::default(),
    };
    let mut head = Vec::new();
    bytes.take(HEAD as u64).read_to_end(&mut head)?;
    let wide = is_wide(&head);
    if wide.is_some() {
        source.whole(head, wide, bytes)?;
    } else {
        source.unframed(&mut Unframed::new(head, bytes, context.limits.line_bytes))?;
    }
    if source.tally.long > 0 {
        let (lines, most) = (source.tally.long, context.limits.line_bytes);
        let note = format!("{lines} lines longer than {most} bytes were cut");
        source.summary.notes.push(note);
    }
    source.tally.tell(&mut source.summary);
    Ok(source.summary)
}

/// A source while it is read.
struct Source<'c, 's, S: Scribe> {
    context: Context<'c>,
    /// Bytes of a log that are read at once.
    chunk: usize,
    scribe: &'s S,
    take: &'s mut (dyn FnMut(S::Page) + Send),
    tally: Tally,
    /// What the lines so far say of those below.
    heading: Heading,
    summary: Summary,
}

impl<S: Scribe> Source<'_, '_, S> {
    /// Reads a text that is out of its frame.
    fn unframed(&mut self, bytes: &mut Unframed<'_>) -> io::Result<()> {
        let mut head = Vec::new();
        bytes.take(HEAD as u64).read_to_end(&mut head)?;
        if docs::promises(&head) {
            self.whole(head, None, bytes)?;
        } else {
            let direct = self.context.direct.filter(|_| !bytes.is_framed());
            self.log(&mut Cursor::new(head).chain(&mut *bytes), 1, self.chunk, direct)?;
        }
        self.summary.bytes = bytes.taken_off().unwrap_or(self.summary.bytes);
        Ok(())
    }

    /// Reads a text that is held in memory: documents, and the lines between them. What is larger than may be held is
    /// read as lines, unless it is UTF-16, which is cut there.
    fn whole(&mut self, head: Vec<u8>, wide: Option<bool>, bytes: &mut dyn Read) -> io::Result<()> {
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
                    let note = format!("cut at {most} bytes, the limit for what is held in memory");
                    self.summary.notes.push(note);
                }
                narrow(&whole, big)
            }
            None if more => return self.log(&mut Cursor::new(whole).chain(bytes), 1, self.chunk, None),
            None => String::from_utf8_lossy(&whole).into_owned(),
        };
        let depth = self.context.limits.json_depth;
        let mut lines_before = docs::Counter::new(&text, 1);
        for part in docs::parts(&text) {
            let mut page = self.scribe.page();
            let mut write = |record: &Record<'_>| self.scribe.record(&mut page, record);
            let held = docs::read(part, lines_before.line_of(part.text()), depth, &mut write);
            (self.take)(page);
            self.tally.objects += held.objects;
            self.tally.audit += held.audit;
            self.tally.documents |= held.objects + held.audit > 0;
            for (line, lines) in held.left {
                // A text of many small values must not cost a large piece for each.
                let chunk = self.chunk.min(lines.len() + 1);
                self.log(&mut Cursor::new(lines.as_bytes()), line, chunk, None)?;
                self.context.near = self.tally.near().or(self.context.near);
            }
        }
        self.summary.bytes = whole.len() as u64;
        self.summary.lines = text.lines().count() as u64;
        Ok(())
    }

    /// Reads lines in chunks of that size, the first line with that number; those behind the first chunk from the disk,
    /// where they lie there as they are.
    fn log(&mut self, bytes: &mut dyn Read, first: u32, chunk: usize, direct: Option<&Direct<'_>>) -> io::Result<()> {
        let limits = self.context.limits;
        let mut recast = Recast::new(bytes, limits.line_bytes)?;
        let direct = direct.filter(|_| recast.is_plain());
        let mut cutter = Cutter::new(&mut recast, limits.line_bytes);
        let mut piece = Piece::default();
        cutter.next(&mut piece, chunk)?;
        let anchor = Anchor::of(piece.bytes(), &self.context);
        let scan = Scan {
            anchor: &anchor,
            limits,
            scribe: self.scribe,
            lanes: match rayon::current_num_threads() {
                threads if self.context.inflates => threads.saturating_sub(1).max(1),
                threads => threads,
            },
        };
        let mut begin = Begin {
            line: first,
            heading: std::mem::take(&mut self.heading),
        };
        let mut seam = Seam::default();
        let mut take = |done: Done<S::Page>| seam = self.stitch(&scan, std::mem::take(&mut seam), done);
        let mut bytes_in_all = None;
        if cutter.is_done() {
            piece.rule();
            take(Done::of(&scan, &begin.chunk(&piece, true)));
        } else if let Some(file) = direct.filter(|file| file.size() > cutter.at()) {
            let regions = Regions {
                file,
                from: cutter.at(),
                size: chunk,
                most: limits.line_bytes,
            };
            begin = lanes::regions(&scan, piece, &regions, begin, &mut take);
            bytes_in_all = Some(file.size());
        } else {
            begin = lanes::stream(&scan, piece, &mut cutter, chunk, begin, &mut take)?;
        }
        self.heading = begin.heading;
        let mut page = self.scribe.page();
        let mut out = scan.out(&mut page, &mut self.tally, &self.heading);
        join::end(seam, &mut out);
        out.tell_passed();
        (self.take)(page);
        self.summary.bytes = bytes_in_all.unwrap_or(cutter.read);
        if !recast.is_plain() {
            self.summary.bytes = recast.read;
        }
        self.summary.lines = u64::from(begin.line - first);
        if self.tally.anchor.is_none() || self.tally.klog > 0 && self.tally.unanchored {
            self.tally.unanchored = self.tally.klog == 0;
            self.tally.anchor = Some(anchor);
        }
        Ok(())
    }

    /// Closes the gap before a chunk, and hands on what was written of both.
    fn stitch(&mut self, scan: &Scan<'_, S>, seam: Seam, done: Done<S::Page>) -> Seam {
        let Done { heading, scanned } = done;
        let mut page = self.scribe.page();
        let mut out = scan.out(&mut page, &mut self.tally, &heading);
        let (backwards, most) = (scan.anchor.newest_first, scan.limits.line_bytes);
        let seam = join::stitch(seam, scanned.edges, backwards, most, &mut out);
        out.tell_passed();
        (self.take)(page);
        (self.take)(scanned.page);
        self.tally.add(scanned.tally);
        seam
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::bundle::Limits;
    use crate::record::{Body, Outer};
    use crate::time::Time;

    /// Writes down line, lines, kind and text of each record; takes nothing for irrelevant.
    struct All;

    impl Scribe for All {
        type Page = Vec<(u32, u32, String)>;

        fn page(&self) -> Self::Page {
            Vec::new()
        }

        fn matters(&self, _line: &[u8]) -> bool {
            true
        }

        fn passed(&self, _page: &mut Self::Page, _at: Time, _outer: &Outer<'_>) {}

        fn record(&self, page: &mut Self::Page, record: &Record<'_>) {
            let body = match &record.body {
                Body::Klog(line) => format!("{} {}", line.at, line.text),
                Body::Audit(text) | Body::Text(text) => (*text).to_owned(),
                Body::Object(value) => value.to_string(),
            };
            page.push((record.line, record.lines, body));
        }
    }

    /// Line, lines, kind and text of each record, in the order of lines.
    fn seen(bytes: &[u8], chunk: usize, limits: &Limits) -> (Vec<(u32, u32, String)>, Summary) {
        seen_in(bytes, None, chunk, limits)
    }

    /// The same of bytes that lie on the disk, too.
    fn seen_on_disk(bytes: &[u8], chunk: usize, limits: &Limits) -> (Vec<(u32, u32, String)>, Summary) {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("adtrace-source-{}-{number}", std::process::id()));
        std::fs::write(&path, bytes).unwrap();
        let file = File::open(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        let direct = Direct::of(&file, &file.metadata().unwrap(), &limits.meter);
        seen_in(bytes, direct.as_ref(), chunk, limits)
    }

    fn context<'c>(direct: Option<&'c Direct<'c>>, limits: &'c Limits) -> Context<'c> {
        Context {
            path: "a.log",
            modified: None,
            near: Time::parse("2026-11-23T20:13:56Z"),
            year: None,
            zone: None,
            limits,
            inflates: false,
            direct,
        }
    }

    fn seen_in(
        bytes: &[u8],
        direct: Option<&Direct<'_>>,
        chunk: usize,
        limits: &Limits,
    ) -> (Vec<(u32, u32, String)>, Summary) {
        let context = context(direct, limits);
        let mut found = Vec::new();
        let mut take = |page| found.extend(page);
        let summary = read_in(&mut Cursor::new(bytes), &context, chunk, &All, &mut take).unwrap();
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
    fn lines_that_lost_their_ends_are_told_apart() {
        let quoted = format!("{KLOG}a \"{KLOG}quoted\"");
        let text = format!("{KLOG}1 \"x\" {KLOG}2{KLOG}3\n{quoted}\n");
        let told = [format!("{KLOG}1 \"x\""), format!("{KLOG}2"), format!("{KLOG}3"), quoted];
        assert_eq!(texts(&text), told);
        assert_eq!(
            texts(&format!("2026-11-23T20:13:56Z stderr F {KLOG}a {KLOG}b\n")).len(),
            2
        );
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
        for chunk in [32, 100, 1000] {
            for (found, summary) in [
                seen(text.as_bytes(), chunk, &limits),
                seen_on_disk(text.as_bytes(), chunk, &limits),
            ] {
                assert_eq!(found.len(), 2);
                assert_eq!(
                    (summary.bytes, summary.lines, summary.notes),
                    (
                        text.len() as u64,
                        2,
                        vec!["1 lines longer than 60 bytes were cut".to_owned()]
                    )
                );
            }
        }
    }

    /// Breaks down at a word.
    struct Faulty;

    impl Scribe for Faulty {
        type Page = ();

        fn page(&self) {}

        fn matters(&self, _line: &[u8]) -> bool {
            true
        }

        fn passed(&self, (): &mut (), _at: Time, _outer: &Outer<'_>) {}

        fn record(&self, (): &mut (), record: &Record<'_>) {
            assert!(!record.raw.contains("fault"), "as asked");
        }
    }

    #[test]
    fn a_lane_that_breaks_down_leaves_nobody_waiting() {
        let text = format!("{KLOG}well\n").repeat(200) + KLOG + "fault\n" + &format!("{KLOG}well\n").repeat(200);
        let limits = Limits::default();
        let read = || read_in(&mut text.as_bytes(), &context(None, &limits), 50, &Faulty, &mut |()| ());
        assert!(std::panic::catch_unwind(read).is_err());
    }

    /// Lines of a bare log.
    const PLAIN: &[&str] = &[
        "I1123 20:13:56.123456 1 a.go:1] \"m\" err=<",
        "\tmore",
        " >",
        "",
        "plain text",
        "{\"kind\":\"Event\",\"apiVersion\":\"audit.k8s.io/v1\"}",
    ];

    /// Lines of a log in which a collector wrapped every line.
    const WRAPPED: &[&str] = &[
        "2026-11-23T20:13:56Z stderr P I1123 20:13:56.123456 1 a.go:1] half",
        "2026-11-23T20:13:56Z stderr F rest",
        "2026-11-23T20:13:56Z stdout F \tindented",
        "Nov 23 20:13:56 n kubelet[1]: I1123 20:13:56.123456 1 b.go:2] y",
        "Nov 23 20:13:56 n kubelet[1]: \tz",
    ];

    proptest::proptest! {
        #[test]
        fn any_chunking_gives_the_same_records(
            lines in proptest::prop_oneof![
                proptest::collection::vec(proptest::sample::select(PLAIN), 1..40),
                proptest::collection::vec(proptest::sample::select(WRAPPED), 1..40),
            ],
            chunk in 1_usize..300,
            line_bytes in proptest::prop_oneof![20_usize..90, proptest::strategy::Just(1 << 20)],
            ends in proptest::bool::ANY,
        ) {
            let text = lines.join("\n") + if ends { "\n" } else { "" };
            let limits = Limits { line_bytes, ..Limits::default() };
            let whole = seen(text.as_bytes(), CHUNK, &limits);
            for cut in [seen(text.as_bytes(), chunk, &limits), seen_on_disk(text.as_bytes(), chunk, &limits)] {
                proptest::prop_assert_eq!(&cut.0, &whole.0);
                let told = |summary: &Summary| (summary.bytes, summary.lines, summary.notes.clone());
                proptest::prop_assert_eq!(told(&cut.1), told(&whole.1));
            }
        }
    }
}
