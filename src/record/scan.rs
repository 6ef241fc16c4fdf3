//! Chunks of a log to pages, all at the same time.
//!
//! In: chunks of whole lines, and what is known where each begins. Out: for each a page, its open ends and its counts.
//! Lines that can say nothing are passed over here, before any parser sees them.

use std::borrow::Cow;
use std::sync::{LazyLock, Mutex, PoisonError};

use memchr::memmem;

use super::anchor::Anchor;
use super::body::Bodies;
use super::cutter::Piece;
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
    pub piece: &'b Piece,
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
    /// Chunks that are read at the same time.
    pub lanes: usize,
}

impl<S: Scribe> Scan<'_, S> {
    /// Reads all chunks, as many at the same time as there are lanes, while `meanwhile` runs.
    pub fn all<R>(&self, chunks: &[Chunk<'_>], meanwhile: impl FnOnce() -> R) -> (Vec<Scanned<S::Page>>, R) {
        if let [only] = chunks {
            return (vec![self.one(only)], meanwhile());
        }
        let mut scanned: Vec<Option<Scanned<S::Page>>> = chunks.iter().map(|_| None).collect();
        let work = Mutex::new(chunks.iter().zip(&mut scanned));
        let next = || work.lock().unwrap_or_else(PoisonError::into_inner).next();
        let result = rayon::in_place_scope(|scope| {
            for _ in 0..self.lanes {
                scope.spawn(|_| {
                    while let Some((chunk, slot)) = next() {
                        *slot = Some(self.one(chunk));
                    }
                });
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
            audited: None,
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
    /// The first and the last moment of the audit events passed over in the same ten seconds.
    audited: Option<(Stamp, Stamp)>,
}

impl<S: Scribe> Out<'_, S> {
    /// Joins the lines of a chunk.
    fn lines(&mut self, chunk: &Chunk<'_>) -> Edges {
        let most = self.scan.limits.line_bytes;
        let mut joiner = Joiner::new(chunk.first, self.scan.anchor.newest_first, most);
        let mut line = chunk.line;
        let mut lines = chunk.piece.lines().map(|line| (line, headed(line))).peekable();
        while let Some((whole, head)) = lines.next() {
            let bytes = whole.get(..most).unwrap_or(whole);
            self.tally.long += u64::from(whole.len() > most);
            let alone = lines.peek().is_some_and(|(_, next)| next.is_some());
            match head.filter(|_| alone && joiner.stands_alone(self)) {
                Some(class) => self.alone(line, bytes, class),
                None => joiner.unit(Unit { line, bytes }, self),
            }
            line = line.saturating_add(1);
        }
        joiner.edges(line, self)
    }

    /// Takes a plain line that is a record.
    fn alone(&mut self, line: u32, bytes: &[u8], class: Class) {
        self.line(class, &Layers::default());
        if !self.pass(bytes, class) {
            self.read(&Whole {
                line,
                lines: 1,
                head: Cow::Borrowed(bytes),
                more: Vec::new(),
            });
        }
    }

    /// Hands on what a record says.
    fn read(&mut self, record: &Whole<'_>) {
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

    /// Passes over a line that says nothing, if its form is one whose moment can be told without parsing it.
    fn pass(&mut self, line: &[u8], class: Class) -> bool {
        if self.scan.scribe.matters(line) {
            return false;
        }
        if class == Class::Audit {
            return self.pass_audit(line);
        }
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
        true
    }

    /// The moments of audit events that are passed over: of those within the same ten seconds the first and the last are
    /// told.
    fn pass_audit(&mut self, line: &[u8]) -> bool {
        let Some(stamp) = audit_stamp(line) else {
            return false;
        };
        let tens = |stamp: &Stamp| <[u8; 18]>::try_from(stamp.get(..18).unwrap_or_default()).ok();
        match &mut self.audited {
            Some((first, last)) if tens(first) == tens(&stamp) => {
                *first = (*first).min(stamp);
                *last = (*last).max(stamp);
            }
            _ => {
                self.tell_audited();
                self.audited = Some((stamp, stamp));
            }
        }
        true
    }

    fn tell_audited(&mut self) {
        let told = self.audited.take();
        for stamp in told.iter().flat_map(|(first, last)| [first, last]) {
            if let Some(at) = std::str::from_utf8(stamp).ok().and_then(Time::parse) {
                self.scan.scribe.passed(self.page, at);
            }
        }
    }

    /// Tells the moments of the lines passed over last.
    fn tell_passed(&mut self) {
        self.tell_audited();
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

/// `2026-11-23T20:13:56.123456Z`
type Stamp = [u8; 27];

/// When an audit event was written, as the API server writes it.
fn audit_stamp(line: &[u8]) -> Option<Stamp> {
    // It is one of the last members, and a word of a body would stand before it.
    let near = line.len().saturating_sub(NEAR_END);
    let within = |from: usize| Some(from + KEY.find_iter(line.get(from..)?).last()? + KEY.needle().len());
    let from = before_annotations(line)
        .or_else(|| within(near))
        .or_else(|| within(0))?;
    let stamp: Stamp = line.get(from..from + 27)?.try_into().ok()?;
    let fits = klog::has_form(&stamp, b"dddd-dd-ddTdd:dd:dd.ddddddZ");
    (fits && line.get(from + 27) == Some(&b'"')).then_some(stamp)
}

/// Before the time of an event.
static KEY: LazyLock<memmem::Finder> = LazyLock::new(|| memmem::Finder::new("\"stageTimestamp\":\""));

/// Where the time begins, where it stands right before annotations that are the last member, as it does in most events:
/// found without a search.
fn before_annotations(line: &[u8]) -> Option<usize> {
    let members = line.strip_suffix(b"}}")?;
    let before = members.get(..memchr::memrchr(b'{', members)?)?;
    let before = before.strip_suffix(b"\",\"annotations\":")?;
    let from = before.len().checked_sub(27)?;
    before.get(..from)?.ends_with(KEY.needle()).then_some(from)
}

/// Bytes at the end of an audit event in which its time is looked for first.
const NEAR_END: usize = 512;

/// What a line is that is the first of a record, whatever stands before it, and that carries no wrapper.
fn headed(line: &[u8]) -> Option<Class> {
    match line.first()? {
        b'{' => line.starts_with(AUDIT).then_some(Class::Audit),
        _ => klog::begins(line).then_some(Class::Klog),
    }
}

impl<S: Scribe> Sink for Out<'_, S> {
    fn whole(&mut self, record: &Whole<'_>) {
        let class = headed(&record.head).filter(|_| record.more.is_empty());
        if class.is_some_and(|class| self.pass(&record.head, class)) {
            return;
        }
        self.read(record);
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
