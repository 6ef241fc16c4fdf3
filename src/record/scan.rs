//! A chunk of a log to a page.
//!
//! In: whole lines, and what is known where they begin. Out: a page, its open ends and its counts.
//! Lines that can say nothing are passed over here, before any parser sees them.

use std::borrow::Cow;
use std::sync::LazyLock;

use memchr::memmem;

use super::anchor::Anchor;
use super::body::Bodies;
use super::cutter::Piece;
use super::heading::Heading;
use super::join::{AUDIT, Class, Edges, Joiner, Sink, Unit, Whole};
use super::tally::Tally;
use super::wrap::Layers;
use super::{Body, Outer, Record, Scribe, klog};
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
    pub fn one(&self, chunk: &Chunk<'_>) -> Scanned<S::Page> {
        let (mut page, mut tally) = (self.scribe.page(), Tally::default());
        let mut out = self.out(&mut page, &mut tally, &chunk.heading);
        let edges = out.lines(chunk);
        out.tell_passed();
        Scanned { page, edges, tally }
    }
}

/// How many bytes of a klog line are looked at for its moment: they hold its header, whatever the file's name, and those of
/// lines that lost their ends.
const LOOKED_AT: usize = 4096;

/// Counts lines, and turns whole records into bodies.
pub struct Out<'o, S: Scribe> {
    scan: &'o Scan<'o, S>,
    page: &'o mut S::Page,
    tally: &'o mut Tally,
    heading: Heading,
    /// The klog line that was passed over last; empty for none.
    passed: Vec<u8>,
    /// Those of the audit events passed over last.
    audited: Option<Tens>,
}

impl<S: Scribe> Out<'_, S> {
    /// Joins the lines of a chunk.
    fn lines(&mut self, chunk: &Chunk<'_>) -> Edges {
        let most = self.scan.limits.line_bytes;
        let mut joiner = Joiner::new(chunk.first, self.scan.anchor.newest_first, most);
        let mut line = chunk.line;
        self.tally.long += chunk.piece.cut;
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
        if headed(&record.head).is_none() {
            // It may say that others wrote what follows.
            self.tell_passed();
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
        let line = line.get(..LOOKED_AT).unwrap_or(line);
        // A line that only looks like one with a header tells no moment, and must not stand for those that do.
        if self.passed.is_empty() && !self.tell_moment(line) {
            return false;
        }
        self.passed.clear();
        self.passed.extend_from_slice(line);
        true
    }

    /// The moments of audit events that are passed over: of those within the same ten seconds the first and the last are
    /// told.
    fn pass_audit(&mut self, line: &[u8]) -> bool {
        let Some(stamp) = audit_stamp(line) else {
            return false;
        };
        if self.audited.as_mut().is_some_and(|audited| audited.add(stamp)) {
            return true;
        }
        let Some(tens) = Tens::of(stamp) else {
            return false;
        };
        self.tell_audited();
        self.audited = Some(tens);
        true
    }

    fn tell_audited(&mut self) {
        let moments = self.audited.take().map(|audited| audited.moments());
        for at in moments.into_iter().flatten().flatten() {
            self.tell(at);
        }
    }

    /// Tells the moments of the lines passed over last.
    pub fn tell_passed(&mut self) {
        self.tell_audited();
        let passed = std::mem::take(&mut self.passed);
        if !passed.is_empty() {
            self.tell_moment(&passed);
        }
    }

    /// Tells the moment of a klog line, and of those that are one with it, if they have any.
    fn tell_moment(&mut self, line: &[u8]) -> bool {
        let text = String::from_utf8_lossy(line);
        match klog::apart(&text) {
            Some(mut lines) => lines.all(|line| self.tell_moment_of(line)),
            None => self.tell_moment_of(&text),
        }
    }

    fn tell_moment_of(&mut self, line: &str) -> bool {
        let Ok((_, header)) = klog::header(line) else {
            return false;
        };
        self.tell(self.scan.anchor.place(header.written, None));
        true
    }

    fn tell(&mut self, at: Time) {
        let outer = self.heading.under(&Outer::default());
        self.scan.scribe.passed(self.page, at, &outer);
    }
}

/// `2026-11-23T20:13:56.123456Z`
type Stamp = [u8; 27];

/// The first and the last of some moments within the same ten seconds.
#[derive(Clone, Copy)]
struct Tens {
    /// `2026-11-23T20:13:5`
    head: [u8; 18],
    /// `6.123456`, which are ordered like what they stand for.
    first: [u8; 8],
    last: [u8; 8],
}

impl Tens {
    fn of(stamp: &Stamp) -> Option<Tens> {
        if !klog::has_form(stamp, b"dddd-dd-ddTdd:dd:dd.ddddddZ") {
            return None;
        }
        let (head, rest) = stamp.split_first_chunk()?;
        let (units, _) = rest.split_first_chunk()?;
        Some(Tens {
            head: *head,
            first: *units,
            last: *units,
        })
    }

    /// Adds a moment, if it is one of those ten seconds.
    fn add(&mut self, stamp: &Stamp) -> bool {
        let Some((head, [units @ .., b'Z'])) = stamp.split_first_chunk() else {
            return false;
        };
        let Ok(units) = <[u8; 8]>::try_from(units) else {
            return false;
        };
        if *head != self.head || !are_seconds(units) {
            return false;
        }
        let order = u64::from_be_bytes;
        if order(units) < order(self.first) {
            self.first = units;
        }
        if order(units) > order(self.last) {
            self.last = units;
        }
        true
    }

    fn moments(&self) -> [Option<Time>; 2] {
        [self.first, self.last].map(|units| {
            let stamp = [&self.head[..], &units, b"Z"].concat();
            Time::parse(std::str::from_utf8(&stamp).ok()?)
        })
    }
}

/// Whether bytes are like `6.123456`, without a look at each of them.
fn are_seconds(units: [u8; 8]) -> bool {
    const NOUGHT: u64 = u64::from_be_bytes(*b"0.000000");
    const TENS: u64 = 0xf0ff_f0f0_f0f0_f0f0;
    let digits = u64::from_be_bytes(units) ^ NOUGHT;
    // A digit is below ten: six more do not make it sixteen.
    digits & TENS == 0 && (digits + 0x0606_0606_0606_0606) & 0xf000_f0f0_f0f0_f0f0 == 0
}

/// When an audit event was written, as the API server writes it.
fn audit_stamp(line: &[u8]) -> Option<&Stamp> {
    // It is one of the last members, and a word of a body would stand before it.
    let near = line.len().saturating_sub(NEAR_END);
    let within = |from: usize| Some(from + FIND_KEY.find_iter(line.get(from..)?).last()? + KEY.len());
    let from = before_annotations(line)
        .or_else(|| within(near))
        .or_else(|| within(0))?;
    let (stamp, after) = line.get(from..)?.split_first_chunk()?;
    after.starts_with(b"\"").then_some(stamp)
}

/// Before the time of an event.
const KEY: &[u8] = b"\"stageTimestamp\":\"";

/// The same, to be searched for.
static FIND_KEY: LazyLock<memmem::Finder> = LazyLock::new(|| memmem::Finder::new(KEY));

/// Where the time begins, where it stands right before annotations that are the last member, as it does in most events:
/// found without a search.
fn before_annotations(line: &[u8]) -> Option<usize> {
    let members = line.strip_suffix(b"}}")?;
    let before = members.get(..memchr::memrchr(b'{', members)?)?;
    let before = before.strip_suffix(b"\",\"annotations\":")?;
    let from = before.len().checked_sub(size_of::<Stamp>())?;
    before.get(..from)?.ends_with(KEY).then_some(from)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_told_from_everything_like_them() {
        let units = *b"6.123459";
        for place in 0..units.len() {
            for byte in 0..=u8::MAX {
                let mut like = units;
                like[place] = byte;
                assert_eq!(are_seconds(like), klog::has_form(&like, b"d.dddddd"), "{like:?}");
            }
        }
    }
}
