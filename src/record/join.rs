//! Lines to records: parts and continuation lines joined to their head, each stream for itself.
//!
//! In: the lines of a chunk, in order. Out: complete records, handed to a [`Sink`]; and the [`Edges`] of the chunk: what
//! might continue the chunk before, and what the next chunk may continue. Any way of cutting a source into chunks gives
//! the same records: [`stitch`] closes the edges.

use std::borrow::Cow;
use std::hash::{Hash, Hasher};

use rustc_hash::{FxHashMap, FxHashSet, FxHasher};

use super::klog;
use super::peel::{self, Payload};
use super::stamp;
use super::wrap::Layers;

/// Continuation lines that one head takes along; those after are text of their own.
const MOST_LINES: u32 = 4_096;

/// The stream of lines without a wrapper.
const UNWRAPPED: u64 = 0;

/// Lines of other streams that may stand between two lines of one record.
const MOST_APART: u32 = 1_024;

/// How an audit event begins as the API server writes it.
pub const AUDIT: &[u8] = b"{\"kind\":\"Event\",\"apiVersion\":\"audit.k8s.io/";

/// One line of a source, or one element of a document.
#[derive(Clone, Copy, Debug)]
pub struct Unit<'a> {
    /// 1-based line in the source.
    pub line: u32,
    /// Its bytes, without the line's end.
    pub bytes: &'a [u8],
}

/// How a piece is joined to what stands before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Glue {
    /// A line of its own.
    Newline,
    /// The line was cut here.
    Nothing,
}

/// The raw lines of one record.
#[derive(Clone, Debug)]
pub struct Whole<'a> {
    /// 1-based line of its first line.
    pub line: u32,
    /// Lines from its first to its last of its own.
    pub lines: u32,
    /// The first line.
    pub head: Cow<'a, [u8]>,
    /// The others.
    pub more: Vec<(Glue, Cow<'a, [u8]>)>,
}

/// Takes complete records.
pub trait Sink {
    /// One record's raw lines.
    fn whole(&mut self, record: &Whole<'_>);
    /// Every line once, classified, in order within a chunk.
    fn line(&mut self, class: Class, layers: &Layers<'_>);
}

/// What a payload is at first sight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// A klog header.
    Klog,
    /// An audit event.
    Audit,
    /// A Kubernetes object.
    Object,
    /// Another line that begins something.
    Other,
    /// Nothing that begins anything: it may continue a klog line.
    More,
    /// Blank.
    Blank,
}

/// A record that may go on.
#[derive(Clone, Debug)]
struct Open<'a> {
    whole: Whole<'a>,
    /// The last line of it.
    last: u32,
    bytes: usize,
    /// The last piece was a part.
    part: bool,
    /// It began with a klog header, so lines without one continue it.
    klog: bool,
    /// Its lines carry a wrapper each.
    wrapped: bool,
    /// In files that run backwards: lines that wait for the head above them.
    headless: bool,
}

/// What is left at the two ends of a chunk.
#[derive(Debug, Default)]
pub struct Edges {
    leading: Vec<Kept>,
    resolved: FxHashSet<u64>,
    trailing: Opens<'static>,
    /// The line after the chunk's last.
    next: u32,
}

/// A line that waits for the chunk before.
#[derive(Debug)]
struct Kept {
    line: u32,
    bytes: Vec<u8>,
}

/// Records under way, by stream.
type Opens<'a> = FxHashMap<u64, Open<'a>>;

/// Joins the lines of one chunk.
pub struct Joiner<'a> {
    opens: Opens<'a>,
    /// The stream of the record that took a line last.
    recent: Option<u64>,
    /// What was open before the first line is known.
    known: bool,
    backwards: bool,
    most_bytes: usize,
    leading: Vec<Kept>,
    /// Streams whose first line of this chunk was seen, and whether it was a part.
    begun: FxHashMap<u64, bool>,
    resolved: FxHashSet<u64>,
    /// Some line stood alone.
    alone: bool,
}

/// What a glance at a line tells.
#[derive(Clone, Copy)]
struct Glance {
    key: u64,
    class: Class,
    part: bool,
    streamed: bool,
    wrapped: bool,
}

impl<'a> Joiner<'a> {
    /// A joiner for a chunk: the first of a source begins with a record, what another begins with is not known.
    #[must_use]
    pub fn new(first: bool, backwards: bool, most_bytes: usize) -> Joiner<'a> {
        Joiner {
            opens: Opens::default(),
            recent: None,
            known: first,
            backwards,
            most_bytes,
            leading: Vec::new(),
            begun: FxHashMap::default(),
            resolved: FxHashSet::default(),
            alone: false,
        }
    }

    /// Takes the next line.
    pub fn unit(&mut self, unit: Unit<'a>, sink: &mut dyn Sink) {
        let glance = glance(unit.bytes, &mut |class, layers| sink.line(class, layers));
        self.place(unit.line, Cow::Borrowed(unit.bytes), glance, sink);
    }

    /// Whether an unwrapped first line of a record, which nothing continues, is a record without the joiner's help: what
    /// was open before it is closed then.
    pub fn stands_alone(&mut self, sink: &mut dyn Sink) -> bool {
        if self.backwards {
            return false;
        }
        if !self.known && !self.alone {
            self.resolved.insert(UNWRAPPED);
            self.alone = true;
        }
        if !self.opens.is_empty() {
            self.close(UNWRAPPED, sink);
        }
        true
    }

    fn place(&mut self, line: u32, bytes: Cow<'a, [u8]>, glance: Glance, sink: &mut dyn Sink) {
        if glance.class == Class::Blank && !glance.streamed {
            return self.blank(line, glance, sink);
        }
        if !glance.wrapped && glance.class == Class::More && self.hard_wrap(line, &bytes) {
            return;
        }
        if self.must_wait(glance) {
            self.leading.push(Kept {
                line,
                bytes: bytes.into_owned(),
            });
            return;
        }
        if self.backwards {
            return self.upwards(line, bytes, glance, sink);
        }
        if let Some(open) = self.opens.get_mut(&glance.key)
            && (open.part || (open.klog && glance.class == Class::More))
            && line.saturating_sub(open.last) <= MOST_APART
            && open.takes(bytes.len(), self.most_bytes)
        {
            let glue = if open.part { Glue::Nothing } else { Glue::Newline };
            open.add(line, bytes, glue);
            open.part = glance.part;
            self.recent = Some(glance.key);
            if !open.part && !open.klog {
                self.close(glance.key, sink);
            }
            return;
        }
        if glance.class == Class::Blank && !glance.part {
            return;
        }
        if glance.class == Class::More && !glance.part {
            return sink.whole(&Whole {
                line,
                lines: 1,
                head: bytes,
                more: Vec::new(),
            });
        }
        self.close(glance.key, sink);
        let open = Open::begin(line, bytes, glance);
        if open.part || open.klog {
            self.opens.insert(glance.key, open);
            self.recent = Some(glance.key);
        } else {
            sink.whole(&open.whole);
        }
    }

    /// A blank line: what people write below a line that they pasted is no part of it. In the value of a field it is.
    fn blank(&mut self, line: u32, glance: Glance, sink: &mut dyn Sink) {
        if self.backwards {
            return;
        }
        if !self.known && !self.resolved.contains(&glance.key) {
            self.leading.push(Kept {
                line,
                bytes: Vec::new(),
            });
        } else if self.opens.get(&glance.key).is_some_and(|open| !open.is_within_value()) {
            self.close(glance.key, sink);
        }
    }

    /// A line without the wrapper that the line before carries: a terminal broke it. `true` where it was joined.
    fn hard_wrap(&mut self, line: u32, bytes: &[u8]) -> bool {
        let before = self
            .recent
            .and_then(|key| self.opens.get_mut(&key))
            .filter(|open| open.wrapped && open.klog && open.last.checked_add(1) == Some(line));
        match before {
            Some(open) if open.takes(bytes.len(), self.most_bytes) => {
                open.add(line, Cow::Owned(bytes.to_vec()), Glue::Nothing);
                true
            }
            _ => false,
        }
    }

    /// Whether what the chunk before left open decides about this line.
    fn must_wait(&mut self, glance: Glance) -> bool {
        if self.known || self.resolved.contains(&glance.key) {
            return false;
        }
        let first = !self.begun.contains_key(&glance.key);
        let after_part = self.begun.insert(glance.key, glance.part).unwrap_or(false);
        let waits = glance.class == Class::More || (glance.streamed && first) || after_part;
        if self.backwards && glance.class != Class::More {
            self.resolved.insert(glance.key);
            return true;
        }
        if !waits {
            self.resolved.insert(glance.key);
        }
        waits
    }

    /// In files that run backwards, continuation lines stand before their head.
    fn upwards(&mut self, line: u32, bytes: Cow<'a, [u8]>, glance: Glance, sink: &mut dyn Sink) {
        let waiting = self.opens.get_mut(&glance.key);
        if glance.class == Class::More {
            match waiting {
                Some(open) if open.takes(bytes.len(), self.most_bytes) => open.add(line, bytes, Glue::Newline),
                Some(_) => sink.whole(&Whole {
                    line,
                    lines: 1,
                    head: bytes,
                    more: Vec::new(),
                }),
                None => {
                    let open = Open {
                        headless: true,
                        ..Open::begin(line, bytes, glance)
                    };
                    self.opens.insert(glance.key, open);
                }
            }
            return;
        }
        let near = |open: &Open<'_>| line.saturating_sub(open.last) <= MOST_APART;
        match self.opens.remove(&glance.key) {
            Some(open) if glance.class == Class::Klog && near(&open) => {
                let mut more = vec![(Glue::Newline, open.whole.head)];
                more.extend(open.whole.more);
                more.reverse();
                let lines = line - open.whole.line + 1;
                sink.whole(&Whole {
                    line: open.whole.line,
                    lines,
                    head: bytes,
                    more,
                });
            }
            Some(open) => {
                open.finish(sink);
                sink.whole(&Whole {
                    line,
                    lines: 1,
                    head: bytes,
                    more: Vec::new(),
                });
            }
            None => sink.whole(&Whole {
                line,
                lines: 1,
                head: bytes,
                more: Vec::new(),
            }),
        }
    }

    fn close(&mut self, key: u64, sink: &mut dyn Sink) {
        if let Some(open) = self.opens.remove(&key) {
            open.finish(sink);
        }
    }

    /// The chunk's edges; `next` is the line after its last.
    #[must_use]
    pub fn edges(self, next: u32, sink: &mut dyn Sink) -> Edges {
        let (stale, trailing) = by_line(self.opens)
            .into_iter()
            .partition(|(_, open)| open.is_stale(next));
        finish(stale, sink);
        let kept = trailing
            .into_iter()
            .map(|(key, open): (u64, Open<'_>)| (key, open.into_owned()))
            .collect();
        Edges {
            leading: self.leading,
            resolved: self.resolved,
            trailing: kept,
            next,
        }
    }
}

impl<'a> Open<'a> {
    fn begin(line: u32, head: Cow<'a, [u8]>, glance: Glance) -> Open<'a> {
        let bytes = head.len();
        Open {
            whole: Whole {
                line,
                lines: 1,
                head,
                more: Vec::new(),
            },
            last: line,
            bytes,
            part: glance.part,
            klog: glance.class == Class::Klog,
            wrapped: glance.wrapped,
            headless: false,
        }
    }

    /// Whether a value of several lines (`err=<`) has begun and not ended.
    fn is_within_value(&self) -> bool {
        let first = self.whole.head.trim_ascii_end().ends_with(b"=<");
        let last = self.whole.more.last().map(|(_, line)| line.trim_ascii_end());
        first && last.is_none_or(|line| !line.ends_with(b" >"))
    }

    /// Whether no line from that one on can belong to it.
    fn is_stale(&self, next: u32) -> bool {
        next > self.last.saturating_add(MOST_APART)
    }

    fn takes(&self, more: usize, most: usize) -> bool {
        self.whole.more.len() < MOST_LINES as usize && self.bytes + more <= most
    }

    fn add(&mut self, line: u32, bytes: Cow<'a, [u8]>, glue: Glue) {
        self.bytes += bytes.len();
        self.last = line;
        self.whole.lines = line.saturating_sub(self.whole.line) + 1;
        self.whole.more.push((glue, bytes));
    }

    /// Hands the record on; lines that never met their head are text, each for itself.
    fn finish(self, sink: &mut dyn Sink) {
        if !self.headless {
            return sink.whole(&self.whole);
        }
        let heads = std::iter::once(self.whole.head).chain(self.whole.more.into_iter().map(|(_, head)| head));
        for (line, head) in (self.whole.line..).zip(heads) {
            sink.whole(&Whole {
                line,
                lines: 1,
                head,
                more: Vec::new(),
            });
        }
    }

    fn into_owned(self) -> Open<'static> {
        let own = |bytes: Cow<'_, [u8]>| Cow::Owned(bytes.into_owned());
        let Whole {
            line,
            lines,
            head,
            more,
        } = self.whole;
        let more = more.into_iter().map(|(glue, bytes)| (glue, own(bytes))).collect();
        let whole = Whole {
            line,
            lines,
            head: own(head),
            more,
        };
        let Open {
            last,
            bytes,
            part,
            klog,
            wrapped,
            headless,
            ..
        } = self;
        Open {
            whole,
            last,
            bytes,
            part,
            klog,
            wrapped,
            headless,
        }
    }
}

/// What the chunks so far have left open.
#[derive(Debug, Default)]
pub struct Seam(Opens<'static>);

/// Closes the gap between the chunks so far and the next.
pub fn stitch(seam: Seam, edges: Edges, backwards: bool, most_bytes: usize, sink: &mut dyn Sink) -> Seam {
    let recent = seam.0.iter().max_by_key(|(_, open)| open.last).map(|(key, _)| *key);
    let mut joiner = Joiner {
        opens: seam.0,
        recent,
        ..Joiner::new(true, backwards, most_bytes)
    };
    for Kept { line, bytes } in edges.leading {
        let glance = glance(&bytes, &mut |_, _| ());
        joiner.place(line, Cow::Owned(bytes), glance, sink);
    }
    let (over, mut opens): (Vec<_>, Opens<'static>) = {
        let (over, still): (Vec<_>, Vec<_>) = by_line(joiner.opens)
            .into_iter()
            .partition(|(key, open)| edges.resolved.contains(key) || open.is_stale(edges.next));
        (over, still.into_iter().collect())
    };
    finish(over, sink);
    opens.extend(edges.trailing);
    Seam(opens)
}

/// Ends a source: what is open is complete.
pub fn end(seam: Seam, sink: &mut dyn Sink) {
    finish(by_line(seam.0), sink);
}

fn finish(opens: Vec<(u64, Open<'_>)>, sink: &mut dyn Sink) {
    for (_, open) in opens {
        open.finish(sink);
    }
}

/// Open records in the order of their first lines.
fn by_line(opens: Opens<'_>) -> Vec<(u64, Open<'_>)> {
    let mut sorted: Vec<_> = opens.into_iter().collect();
    sorted.sort_by_key(|(_, open)| open.whole.line);
    sorted
}

/// Looks at a line as far as joining needs it.
fn glance(bytes: &[u8], tell: &mut dyn FnMut(Class, &Layers<'_>)) -> Glance {
    let plain = |class| Glance {
        key: UNWRAPPED,
        class,
        part: false,
        streamed: false,
        wrapped: false,
    };
    if bytes.is_empty() {
        return plain(Class::Blank);
    }
    if klog::begins(bytes) {
        tell(Class::Klog, &Layers::default());
        return plain(Class::Klog);
    }
    if bytes.starts_with(AUDIT) {
        tell(Class::Audit, &Layers::default());
        return plain(Class::Audit);
    }
    let mut found = plain(Class::Other);
    peel::peel(&String::from_utf8_lossy(bytes), &mut |layers, payload| {
        found = Glance {
            key: key_of(layers),
            class: class(payload),
            part: layers.part,
            streamed: !layers.stream.is_empty(),
            wrapped: layers.wrapped,
        };
        tell(found.class, layers);
    });
    found
}

fn key_of(layers: &Layers<'_>) -> u64 {
    if !layers.wrapped {
        return UNWRAPPED;
    }
    let mut hasher = FxHasher::default();
    (layers.host, layers.program, layers.pod, layers.stream, true).hash(&mut hasher);
    hasher.finish()
}

fn class(payload: Payload<'_>) -> Class {
    match payload {
        Payload::Audit(_) => Class::Audit,
        Payload::Object(_) => Class::Object,
        Payload::Many(..) => Class::Other,
        Payload::Split(..) => Class::Klog,
        Payload::Text(text) if klog::begins(text.as_bytes()) => Class::Klog,
        Payload::Text(text) if text.trim().is_empty() => Class::Blank,
        Payload::Text(text) if begins_something(text) => Class::Other,
        Payload::Text(_) => Class::More,
    }
}

/// Lines of other kinds that people and programs put between klog lines, and that continue none of them.
fn begins_something(text: &str) -> bool {
    const BEGINNINGS: [&str; 37] = [
        "`",
        "...",
        "\u{2026}",
        "[...]",
        "(...)",
        ". . .",
        "---",
        "* * *",
        "~~~",
        "**",
        "AttachVolume.",
        "MountVolume.",
        "Multi-Attach error for volume ",
        "Unable to ",
        "Operation for ",
        "{\"",
        "time=\"",
        "level=",
        "ts=",
        "AUDIT: ",
        "==== ",
        "-- ",
        "LAST SEEN",
        "Events:",
        "Name:",
        "NAMESPACE ",
        "$ ",
        "# ",
        "> ",
        "+ ",
        "apiVersion:",
        "Log file created",
        "Log line format",
        "Running on machine",
        "Binary: ",
        "Log Name:",
        "Event Xml:",
    ];
    let row = text.trim_start();
    // A program beside, whose lines bear the same prefix.
    let other = text.contains(" time=\"") || text.contains(" level=");
    let table = row.strip_prefix("Warning ").or_else(|| row.strip_prefix("Normal "));
    BEGINNINGS.iter().any(|begin| text.starts_with(begin))
        || other
        || table.is_some_and(|rest| rest.trim_start().starts_with(|c: char| c.is_ascii_uppercase()))
        || row.starts_with('<') && row.ends_with('>')
        || stamp::begins(text)
        || text.contains("]$ ")
        || text.contains("]# ")
        || text.contains("$ kubectl ")
}
