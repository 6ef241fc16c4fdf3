//! Chunks of a log to pages, all at the same time.
//!
//! In: chunks of whole lines, and what is known where each begins. Out: for each a page, its open ends and its counts.
//! Lines that can say nothing are passed over here, before any parser sees them.

use super::anchor::Anchor;
use super::body::Bodies;
use super::heading::Heading;
use super::join::{AUDIT, Class, Edges, Joiner, Sink, Unit, Whole};
use super::tally::Tally;
use super::wrap::Layers;
use super::{Body, Record, Scribe, klog};
use crate::bundle::Limits;
use crate::time::Time;

/// Whole lines of a source, and what is known where they begin.
pub struct Chunk<'b> {
    /// Them.
    pub bytes: &'b [u8],
    /// Nothing stands before it.
    pub first: bool,
    /// The number of the first.
    pub line: u32,
    /// What the lines above say of them.
    pub heading: Heading,
}

/// What was read of a chunk.
pub struct Scanned<P> {
    /// What was written of its whole records.
    pub page: P,
    /// Records that may go on beyond it.
    pub edges: Edges,
    /// What was met.
    pub tally: Tally,
}

/// What the chunks of a source are read with.
pub struct Scan<'s, S: Scribe> {
    /// Where headers are placed.
    pub anchor: &'s Anchor,
    /// Limits of lines and JSON.
    pub limits: &'s Limits,
    /// Who writes down what records say.
    pub scribe: &'s S,
}

impl<S: Scribe> Scan<'_, S> {
    /// Reads all chunks at the same time, while `meanwhile` runs.
    pub fn all<R>(&self, chunks: &[Chunk<'_>], meanwhile: impl FnOnce() -> R) -> (Vec<Scanned<S::Page>>, R) {
        if let [only] = chunks {
            return (vec![self.one(only)], meanwhile());
        }
        let mut scanned: Vec<Option<Scanned<S::Page>>> = chunks.iter().map(|_| None).collect();
        let result = rayon::in_place_scope(|scope| {
            for (chunk, slot) in chunks.iter().zip(&mut scanned) {
                scope.spawn(move |_| *slot = Some(self.one(chunk)));
            }
            meanwhile()
        });
        (scanned.into_iter().flatten().collect(), result)
    }

    /// Where whole records go.
    pub fn out<'o>(&'o self, page: &'o mut S::Page, tally: &'o mut Tally, heading: &Heading) -> Out<'o, S> {
        Out {
            scan: self,
            page,
            tally,
            heading: heading.clone(),
            passed: Vec::new(),
        }
    }

    /// Reads one chunk.
    fn one(&self, chunk: &Chunk<'_>) -> Scanned<S::Page> {
        let (mut page, mut tally) = (self.scribe.page(), Tally::default());
        let mut out = self.out(&mut page, &mut tally, &chunk.heading);
        let edges = out.lines(chunk);
        out.tell_passed();
        Scanned { page, edges, tally }
    }
}

/// How many bytes of a klog line hold its header, whatever the file's name.
const HEADER: usize = 160;

/// Counts lines, and turns whole records into bodies.
pub struct Out<'o, S: Scribe> {
    scan: &'o Scan<'o, S>,
    page: &'o mut S::Page,
    tally: &'o mut Tally,
    heading: Heading,
    /// The header of the klog line that was passed over last; empty for none.
    passed: Vec<u8>,
}

impl<S: Scribe> Out<'_, S> {
    /// Joins the lines of a chunk.
    fn lines(&mut self, chunk: &Chunk<'_>) -> Edges {
        let most = self.scan.limits.line_bytes;
        let mut joiner = Joiner::new(chunk.first, self.scan.anchor.newest_first, most);
        let mut line = chunk.line;
        let piece = chunk.bytes.strip_suffix(b"\n").unwrap_or(chunk.bytes);
        let ends = memchr::memchr_iter(b'\n', piece).chain(std::iter::once(piece.len()));
        let mut from = 0;
        for end in ends {
            let bytes = piece.get(from..end).unwrap_or_default();
            from = end + 1;
            let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
            self.tally.long += u64::from(bytes.len() > most);
            let bytes = bytes.get(..most).unwrap_or(bytes);
            joiner.unit(Unit { line, bytes }, self);
            line = line.saturating_add(1);
        }
        joiner.edges(line, self)
    }

    /// Passes over a line that says nothing, if its form is one whose moment can be told without parsing it.
    fn pass(&mut self, line: &[u8]) -> bool {
        let headed = klog::begins(line);
        if !headed && !line.starts_with(AUDIT) || self.scan.scribe.matters(line) {
            return false;
        }
        if headed {
            // Month, day and time of day up to the tens of seconds.
            let same = self.passed.get(1..13) == line.get(1..13);
            if !same {
                self.tell_passed();
            }
            let begins = self.passed.is_empty();
            self.passed.clear();
            self.passed
                .extend_from_slice(line.get(..line.len().min(HEADER)).unwrap_or(line));
            if begins {
                self.tell_moment();
            }
            return true;
        }
        let moment = audit_moment(line);
        if let Some(at) = moment {
            self.scan.scribe.passed(self.page, at);
        }
        moment.is_some()
    }

    /// Tells the moment of the line passed over last.
    fn tell_passed(&mut self) {
        if !self.passed.is_empty() {
            self.tell_moment();
            self.passed.clear();
        }
    }

    fn tell_moment(&mut self) {
        let text = String::from_utf8_lossy(&self.passed);
        if let Ok((_, header)) = klog::header(&text) {
            let at = self.scan.anchor.place(header.written, None);
            self.scan.scribe.passed(self.page, at);
        }
    }
}

/// The moment of an audit event as the API server writes it.
fn audit_moment(line: &[u8]) -> Option<Time> {
    const KEY: &[u8] = b"\"stageTimestamp\":\"";
    let at = memchr::memmem::rfind(line, KEY)? + KEY.len();
    let stamp = line.get(at..)?.split(|byte| *byte == b'"').next()?;
    Time::parse(std::str::from_utf8(stamp).ok()?)
}

impl<S: Scribe> Sink for Out<'_, S> {
    fn whole(&mut self, record: &Whole<'_>) {
        if record.more.is_empty() && self.pass(&record.head) {
            return;
        }
        let bodies = Bodies {
            anchor: self.scan.anchor,
            json_depth: self.scan.limits.json_depth,
        };
        let (scribe, heading, page) = (self.scan.scribe, &mut self.heading, &mut *self.page);
        let evidence = bodies.read(record, &mut |record| {
            if let Body::Text(text) = &record.body {
                heading.line(text);
            }
            if heading.is_empty() {
                return scribe.record(page, record);
            }
            let outer = heading.under(&record.outer);
            scribe.record(
                page,
                &Record {
                    outer,
                    ..record.clone()
                },
            );
        });
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
