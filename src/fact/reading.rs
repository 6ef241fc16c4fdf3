//! Paths to a [`Reading`]: every source opened, every record asked what it states, nothing lost on the way.
//!
//! In: what a person hands in. Out: the sources with their accounts (`lines = used + irrelevant + not_understood`) and
//! all facts in the order of source and line. Repeating chatter is folded here, the stages of an API request joined.

use std::io::{self, BufRead, BufReader, Write};
use std::ops::ControlFlow;
use std::path::PathBuf;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::bundle::{self, BundleError, Entry, Limits};
use crate::record::{self, Anchor, Body, Context, Klog, Outer, Record, Zone};
use crate::time::{Span, Time};

use super::heading::Heading;
use super::klog::Said;
use super::manifest::Manifest;
use super::pasted::Pasted;
use super::release::Site;
use super::text::{Names, after, telling};
use super::{
    Detail, Fact, FactLine, Kind, Name, Party, Reading, Repeat, Source, SourceId, audit, klog, object, party, trace,
};

/// How long a source may be silent and still count as alive.
const SILENCE: Span = Span::secs(15);
/// How many lines that were not understood are kept for people to look at.
const PUZZLING_KEPT: usize = 50;

/// What reading depends on.
#[derive(Clone, Debug)]
pub struct ReadOptions {
    /// Fold lines that repeat every pass of the reconciler into one fact with a [`Repeat`].
    pub fold: bool,
    /// Limits on what is opened.
    pub limits: Limits,
    /// Year of klog headers, against all else.
    pub year: Option<i16>,
    /// Zone of klog headers, against all else.
    pub zone: Option<Zone>,
    /// Paths below this folder are shown by their way from there.
    pub root: Option<PathBuf>,
    /// Leave facts that tell no moment but an age as they are ([`settle_ages`] gives them their moments): for a part of
    /// a recording, whose end is not the end of the whole.
    pub keep_ages: bool,
}

impl Default for ReadOptions {
    fn default() -> ReadOptions {
        ReadOptions {
            fold: true,
            limits: Limits::default(),
            year: None,
            zone: None,
            root: None,
            keep_ages: false,
        }
    }
}

/// Why nothing could be read.
#[derive(Debug)]
pub enum FactError {
    /// A path could not be opened or read.
    Bundle(BundleError),
}

impl std::fmt::Display for FactError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            FactError::Bundle(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for FactError {}

impl From<BundleError> for FactError {
    fn from(error: BundleError) -> FactError {
        FactError::Bundle(error)
    }
}

/// Reads all sources in the paths.
///
/// # Errors
/// A path that cannot be opened, or that fails while it is read.
pub fn read(paths: &[PathBuf], options: &ReadOptions) -> Result<Reading, FactError> {
    let mut reader = Reader::default();
    let walk = bundle::walk_from(options.root.as_deref(), paths, &options.limits, &mut |mut entry| {
        reader.source(&mut entry, options)?;
        Ok(ControlFlow::Continue(()))
    })?;
    for (path, why) in walk.skipped {
        reader.reading.sources.push(Source {
            path,
            format: "unknown",
            notes: vec![why],
            ..Source::default()
        });
    }
    Ok(reader.finish(options.keep_ages))
}

/// Writes facts as JSON, one a line (`report-contract`, Facts).
///
/// # Errors
/// What writing fails with.
pub fn print(reading: &Reading, out: &mut dyn Write) -> io::Result<()> {
    for fact in &reading.facts {
        let path = usize::try_from(fact.source.0)
            .ok()
            .and_then(|at| reading.sources.get(at))
            .map_or("", |source| &source.path);
        let waited = unmounted(fact);
        let whole = [None];
        let volumes: &mut dyn Iterator<Item = Option<&str>> = if waited.is_empty() {
            &mut whole.into_iter()
        } else {
            &mut waited.into_iter().map(Some)
        };
        for volume in volumes {
            let line = FactLine::new(path, fact);
            serde_json::to_writer(
                &mut *out,
                &FactLine {
                    volume: volume.or(line.volume),
                    ..line
                },
            )?;
            out.write_all(b"\n")?;
        }
    }
    Ok(())
}

/// The pod's own names of volumes that a kubelet still waits for, where nothing better names a volume.
fn unmounted(fact: &Fact) -> Vec<&str> {
    let error = fact.error.as_deref().filter(|_| fact.volume.is_none());
    let list = error.and_then(|error| after(error, "unmounted volumes=[", &[']']));
    list.map_or_else(Vec::new, |list| list.split_whitespace().collect())
}

impl<'a> FactLine<'a> {
    /// The line that shows a fact of the source at `path`.
    #[must_use]
    pub fn new(path: &'a str, fact: &'a Fact) -> FactLine<'a> {
        FactLine {
            source: path,
            line: fact.line,
            at: Some(fact.at).filter(|at| *at > Time::default()),
            party: fact.party.to_string(),
            kind: fact.kind.name(),
            volume: fact.volume.as_deref(),
            node: fact.node.as_deref(),
            pod: fact.pod.as_deref(),
            attachment: fact.attachment.as_deref(),
            error: fact.error.as_deref(),
            version: fact.version.as_deref(),
        }
    }
}

/// What grows while sources are read.
#[derive(Default)]
struct Reader {
    reading: Reading,
    names: Names,
    /// A moment with a full date, from any source.
    near: Option<Time>,
    /// Sources read before any told a date, and how their headers were placed.
    undated: Vec<(SourceId, Anchor)>,
    /// Audit events whose answer was not seen yet, by audit ID.
    unanswered: FxHashMap<Box<str>, Fact>,
    /// Audit IDs whose answer was seen.
    answered: FxHashSet<Box<str>>,
}

impl Reader {
    /// Reads one source.
    fn source(&mut self, entry: &mut Entry<'_>, options: &ReadOptions) -> io::Result<()> {
        let path = entry.path.to_owned();
        let mut bytes = BufReader::with_capacity(1 << 16, &mut *entry.bytes);
        if trace::begins(bytes.fill_buf()?) {
            return self.trace(&path, &mut bytes);
        }
        let id = SourceId(u32::try_from(self.reading.sources.len()).unwrap_or(u32::MAX));
        let mut one = OneSource {
            id,
            party: party::of_path(&path, &mut self.names),
            fold: options.fold,
            source: Source {
                path: path.clone(),
                ..Source::default()
            },
            alive: Vec::new(),
            runs: FxHashMap::default(),
            reader: self,
            new: Vec::new(),
            pasted: Pasted::default(),
            heading: Heading::default(),
            nodes: FxHashMap::default(),
            placed: FxHashSet::default(),
        };
        let context = Context {
            path: &path,
            modified: entry.modified,
            near: one.reader.near,
            year: options.year,
            zone: options.zone.as_ref(),
            limits: &options.limits,
        };
        let summary = record::records(&mut bytes, &context, &mut |record| one.record(record))?;
        let near = summary.near;
        let undated = summary.undated.clone();
        let source = one.finish(summary);
        self.reading.sources.push(source);
        self.undated.extend(undated.map(|anchor| (id, anchor)));
        self.near = self.near.or(near);
        Ok(())
    }

    /// Takes the sources and facts of a captured trace as they are.
    fn trace(&mut self, path: &str, bytes: &mut dyn BufRead) -> io::Result<()> {
        let captured = trace::read(bytes).map_err(|error| io::Error::other(format!("{path}: {error}")))?;
        let first = u32::try_from(self.reading.sources.len()).unwrap_or(u32::MAX);
        self.reading.sources.extend(captured.sources);
        self.reading.facts.extend(captured.facts.into_iter().map(|mut fact| {
            fact.source = SourceId(fact.source.0.saturating_add(first));
            fact
        }));
        Ok(())
    }

    /// Places the lines of sources that nothing dated by the date that a later source told; where none did, all near
    /// the first, so that no year comes between them.
    fn date(&mut self) {
        let undated = std::mem::take(&mut self.undated);
        let first = undated.first().map(|(_, anchor)| anchor.near());
        for (id, anchor) in undated {
            let anchor = match (self.near, first) {
                (Some(near), _) => anchor.dated_by(near),
                (None, Some(near)) => anchor.moved_to(near),
                (None, None) => continue,
            };
            let Some(source) = self.reading.sources.get_mut(id.0 as usize) else {
                continue;
            };
            source.assumed = anchor.assumed();
            for (from, to) in &mut source.alive {
                (*from, *to) = (anchor.placed_again(*from), anchor.placed_again(*to));
            }
            let facts = self.reading.facts.iter_mut().filter(|fact| fact.source == id);
            for fact in facts.filter(|fact| fact.call.is_none() && age(fact.at).is_none()) {
                fact.at = anchor.placed_again(fact.at);
                if let Some(repeat) = &mut fact.repeat {
                    repeat.last_at = anchor.placed_again(repeat.last_at);
                }
            }
        }
    }

    /// Sorts, and gives facts without a time of their own the end of the window, where that is wanted.
    fn finish(mut self, keep_ages: bool) -> Reading {
        self.date();
        let mut waiting: Vec<Fact> = self.unanswered.into_values().collect();
        waiting.sort_by_key(|fact| (fact.source, fact.line));
        self.reading.facts.extend(waiting);
        let mut order: Vec<usize> = (0..self.reading.sources.len()).collect();
        order.sort_by(|a, b| path_of(&self.reading, *a).cmp(path_of(&self.reading, *b)));
        let mut place = vec![SourceId(0); order.len()];
        for (new, old) in order.iter().enumerate() {
            if let (Some(slot), Ok(new)) = (place.get_mut(*old), u32::try_from(new)) {
                *slot = SourceId(new);
            }
        }
        for fact in &mut self.reading.facts {
            let old = usize::try_from(fact.source.0).unwrap_or(usize::MAX);
            fact.source = place.get(old).copied().unwrap_or(fact.source);
        }
        if !keep_ages {
            settle_ages(&mut self.reading);
        }
        self.reading.facts.sort_by_key(|fact| (fact.source, fact.line));
        self.reading.sources.sort_by(|a, b| a.path.cmp(&b.path));
        tell_once(&mut self.reading);
        self.reading
    }
}

/// Drops klog facts that an earlier source told already: the same log, collected twice. A header has microseconds, so
/// that equal lines of one party at one moment are one line. The source that repeats says so.
fn tell_once(reading: &mut Reading) {
    let mut first: FxHashMap<(Time, Box<str>, String), SourceId> = FxHashMap::default();
    let mut repeated = vec![0_u32; reading.sources.len()];
    reading.facts.retain(|fact| {
        if fact.call.is_some() || !begins_like_klog(&fact.text) {
            return true;
        }
        let teller = *first
            .entry((fact.at, fact.text.clone(), fact.party.to_string()))
            .or_insert(fact.source);
        let again = teller != fact.source;
        if let (true, Some(count)) = (
            again,
            usize::try_from(fact.source.0).ok().and_then(|at| repeated.get_mut(at)),
        ) {
            *count += 1;
        }
        !again
    });
    for (source, count) in reading.sources.iter_mut().zip(repeated).filter(|(_, count)| *count > 0) {
        source.notes.push(format!(
            "{count} facts stand in an earlier source too and are used once"
        ));
    }
}

/// Whether a telling text is a klog line: a severity letter and the date's digits.
fn begins_like_klog(text: &str) -> bool {
    text.starts_with(['I', 'W', 'E', 'F']) && text.bytes().skip(1).take(4).filter(u8::is_ascii_digit).count() == 4
}

/// Gives facts that tell no moment but an age theirs, counted back from the end of the window.
pub fn settle_ages(reading: &mut Reading) {
    let end = reading.end();
    for fact in &mut reading.facts {
        if let Some(age) = age(fact.at) {
            fact.at = end - age;
        }
    }
}

/// Ages are shorter than this; every moment of the calendar is farther from [`Time::MAX`].
pub(super) const AGES: Span = Span::secs(5_000_000_000);

/// The age that a moment stands for, where it is counted back from [`Time::MAX`].
pub(super) fn age(at: Time) -> Option<Span> {
    let age = Time::MAX - at;
    (age <= AGES).then_some(age)
}

fn path_of(reading: &Reading, index: usize) -> &str {
    reading.sources.get(index).map_or("", |source| &source.path)
}

/// What grows while one source is read.
struct OneSource<'r> {
    id: SourceId,
    party: Option<Party>,
    fold: bool,
    source: Source,
    alive: Vec<(Time, Time)>,
    /// Runs of repeating lines that no other fact has broken: the fact that stands for each.
    runs: FxHashMap<(Kind, Option<Name>, Option<Name>), usize>,
    reader: &'r mut Reader,
    new: Vec<Fact>,
    pasted: Pasted,
    /// What the lines above say of those below.
    heading: Heading,
    /// Nodes that this source's kubelet lines name, and how often.
    nodes: FxHashMap<Name, u32>,
    /// Statements whose place in the sources is noted.
    placed: FxHashSet<(Kind, u32)>,
}

impl OneSource<'_> {
    fn record(&mut self, record: &Record<'_>) {
        let mut heading = std::mem::take(&mut self.heading);
        if let Body::Text(text) = &record.body {
            heading.line(text);
        }
        self.headed(record, &heading.under(&record.outer));
        self.heading = heading;
    }

    fn headed(&mut self, record: &Record<'_>, outer: &Outer<'_>) {
        let party = self.speaker(outer);
        let said = match &record.body {
            Body::Klog(line) => {
                self.lives(line.at);
                let said = klog::read(line, party.as_ref(), &mut self.reader.names, &mut self.new);
                self.site(line);
                said
            }
            Body::Audit(raw) => self.audit(raw, record.line),
            Body::Object(value) => {
                object::dumped(value, &mut self.reader.names, &mut self.new);
                self.lines_of_object(record);
                if self.new.is_empty() {
                    Said::Irrelevant
                } else {
                    Said::Facts
                }
            }
            Body::Text(text) => {
                self.text(text, outer);
                if self.new.is_empty() {
                    Said::Irrelevant
                } else {
                    Said::Facts
                }
            }
        };
        match said {
            Said::Facts => self.source.used += u64::from(record.lines),
            Said::Irrelevant => {}
            Said::Puzzling => self.puzzled(record),
        }
        self.keep(record.line, outer.host);
    }

    /// Notes where the statement behind a line's fact stands in the sources.
    fn site(&mut self, line: &Klog<'_>) {
        let Some(fact) = self.new.first() else { return };
        if self.placed.insert((fact.kind, line.file_line)) {
            let site = Site::of(&fact.party, fact.kind, line.file, line.file_line);
            self.source.sites.extend(site);
        }
    }

    /// Who wrote the record: whom its wrapper names, else whom the path names. The wrapper's host is a kubelet's node
    /// where the path tells none.
    fn speaker(&mut self, outer: &Outer<'_>) -> Option<Party> {
        let from_outer = party::of_outer(outer, &mut self.reader.names);
        match (from_outer, &self.party) {
            (Some(Party::Kubelet(_)), Some(Party::Kubelet(node))) if !node.is_empty() => self.party.clone(),
            (Some(found), _) => Some(found),
            (None, Some(Party::Kubelet(node))) if node.is_empty() => {
                Some(Party::Kubelet(self.reader.names.always(outer.host.unwrap_or(""))))
            }
            (None, found) => found.clone(),
        }
    }

    /// A line that is nothing else.
    fn text(&mut self, text: &str, outer: &Outer<'_>) {
        let finalizer = self.pasted.finalizers(text);
        if let (
            Some(_),
            Some(Fact {
                detail: Detail::Attachment(detail),
                ..
            }),
        ) = (finalizer, self.reader.reading.facts.last_mut())
        {
            detail.finalizer = finalizer;
            return;
        }
        self.pasted.line(text, outer, &mut self.reader.names, &mut self.new);
        self.name_object();
    }

    /// Gives the lines of an object that came before its name that name.
    fn name_object(&mut self) {
        let Some(name) = self.pasted.object() else { return };
        let before = self.reader.reading.facts.iter_mut().rev();
        before
            .take_while(|fact| fact.source == self.id && fact.kind == Kind::VaLineSeen && fact.attachment.is_none())
            .for_each(|fact| fact.attachment = Some(name.clone()));
    }

    /// What single lines of a printed `VolumeAttachment` tell, beside the object as a whole.
    fn lines_of_object(&mut self, record: &Record<'_>) {
        let [whole] = self.new.as_slice() else { return };
        if whole.kind != Kind::VaSeen || record.lines < 2 {
            return;
        }
        let (attachment, mut manifest) = (whole.attachment.clone(), Manifest::default());
        for (line, text) in (record.line..).zip(record.raw.lines()) {
            let Some(mut fact) = manifest.line(text, &mut self.reader.names) else {
                continue;
            };
            fact.attachment.clone_from(&attachment);
            fact.text = telling(text.trim_start());
            (fact.source, fact.line) = (self.id, line);
            self.reader.reading.facts.push(fact);
        }
    }

    fn puzzled(&mut self, record: &Record<'_>) {
        self.source.not_understood += u64::from(record.lines);
        if self.source.puzzling.len() < PUZZLING_KEPT {
            let text = match &record.body {
                Body::Klog(line) => line.text,
                Body::Audit(text) | Body::Text(text) => text,
                Body::Object(_) => "",
            };
            self.source.puzzling.push((record.line, telling(text).into()));
        }
    }

    /// Joins the stages of one request: the answer stands for all. An event that was seen already (the same log twice)
    /// is not told again.
    fn audit(&mut self, raw: &str, line: u32) -> Said {
        match audit::read(raw, &mut self.reader.names) {
            audit::Heard::Broken => Said::Puzzling,
            audit::Heard::Irrelevant(at) => {
                if let Some(at) = at {
                    self.lives(at);
                }
                Said::Irrelevant
            }
            audit::Heard::Fact(mut fact, id, last) => {
                if age(fact.at).is_none() {
                    self.lives(fact.at);
                }
                (fact.source, fact.line) = (self.id, line);
                if !last {
                    if !self.reader.answered.contains(&id) {
                        self.reader.unanswered.insert(id, *fact);
                    }
                    return Said::Facts;
                }
                self.reader.unanswered.remove(&id);
                if id.is_empty() || self.reader.answered.insert(id) {
                    self.new.push(*fact);
                }
                Said::Facts
            }
        }
    }

    /// Notes that the writer of this source lived at that moment.
    fn lives(&mut self, at: Time) {
        match self.alive.last_mut() {
            Some((from, to)) if at + SILENCE >= *from && at <= *to + SILENCE => {
                *from = (*from).min(at);
                *to = (*to).max(at);
            }
            _ => self.alive.push((at, at)),
        }
    }

    /// Gives a kubelet's fact its node: the wrapper's host, where nothing else tells it.
    fn place(&mut self, fact: &mut Fact, host: Option<&str>) {
        let Party::Kubelet(node) = &mut fact.party else { return };
        if let (true, Some(host)) = (node.is_empty(), host) {
            *node = self.reader.names.always(host);
        }
        match (&fact.node, node.is_empty()) {
            (None, false) => fact.node = Some(node.clone()),
            (Some(told), true) => *self.nodes.entry(told.clone()).or_default() += 1,
            _ => {}
        }
    }

    /// Moves the new facts to the others, folding repeating ones.
    fn keep(&mut self, line: u32, host: Option<&str>) {
        for mut fact in std::mem::take(&mut self.new) {
            (fact.source, fact.line) = (self.id, line);
            self.place(&mut fact, host);
            let chatter = matches!(fact.kind, Kind::AttachTouched | Kind::DetachBlockedMounted);
            if !chatter {
                self.runs.clear();
                self.reader.reading.facts.push(fact);
                continue;
            }
            let cell = (fact.kind, fact.volume.clone(), fact.node.clone());
            let run = self
                .runs
                .get(&cell)
                .and_then(|at| self.reader.reading.facts.get_mut(*at));
            match run {
                Some(first) if self.fold => {
                    let count = first.repeat.map_or(1, |repeat| repeat.count);
                    first.repeat = Some(Repeat {
                        count: count + 1,
                        last_line: line,
                        last_at: fact.at,
                    });
                }
                _ => {
                    self.runs.insert(cell, self.reader.reading.facts.len());
                    self.reader.reading.facts.push(fact);
                }
            }
        }
    }

    /// A kubelet that only its own lines name: the node they name most becomes the node of all of them.
    fn learn_node(&mut self) {
        let Some((node, _)) = self.nodes.iter().max_by(|a, b| a.1.cmp(b.1).then_with(|| b.0.cmp(a.0))) else {
            return;
        };
        let unnamed = |party: &Party| matches!(party, Party::Kubelet(name) if name.is_empty());
        for fact in self
            .reader
            .reading
            .facts
            .iter_mut()
            .rev()
            .take_while(|fact| fact.source == self.id)
        {
            if unnamed(&fact.party) {
                fact.party = Party::Kubelet(node.clone());
                fact.node = fact.node.take().or_else(|| Some(node.clone()));
            }
        }
        if self.party.as_ref().is_some_and(unnamed) {
            self.party = Some(Party::Kubelet(node.clone()));
        }
    }

    /// Closes the account of the source.
    fn finish(mut self, summary: record::Summary) -> Source {
        self.learn_node();
        let mut alive = self.alive;
        alive.sort_unstable();
        let mut spans: Vec<(Time, Time)> = Vec::new();
        for (from, to) in alive {
            match spans.last_mut() {
                Some((_, end)) if from <= *end + SILENCE => *end = (*end).max(to),
                _ => spans.push((from, to)),
            }
        }
        let mut source = self.source;
        source.used = source.used.min(summary.lines);
        source.not_understood = source.not_understood.min(summary.lines - source.used);
        let version_only = summary.format == "text" && source.used > 0 && summary.lines < 10;
        Source {
            format: if version_only { "version" } else { summary.format },
            party: self.party,
            because: summary.because,
            bytes: summary.bytes,
            lines: summary.lines,
            irrelevant: summary.lines - source.used - source.not_understood,
            alive: spans,
            assumed: summary.assumed,
            zone: summary.zone,
            zone_assumed: summary.zone_assumed,
            notes: summary.notes,
            ..source
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is read of files with those names and texts.
    fn reading(name: &str, files: &[(&str, &str)]) -> Reading {
        let folder = std::env::temp_dir().join(format!("adtrace-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        for (file, text) in files {
            std::fs::write(folder.join(file), text).unwrap();
        }
        let options = ReadOptions {
            year: Some(2026),
            ..ReadOptions::default()
        };
        let found = read(std::slice::from_ref(&folder), &options).unwrap();
        std::fs::remove_dir_all(&folder).unwrap();
        found
    }

    fn touching(second: u32) -> String {
        format!(
            "I1125 02:15:{second:02}.000001      59 reconciler.go:12] Volume attached--touching for volume \"pv\" (UniqueName: \"u\") from node \"n\" \n"
        )
    }

    #[test]
    fn chatter_is_folded_until_something_happens() {
        let event = "I1125 02:15:03.000001      59 reconciler.go:12] Starting attach detach controller\n";
        let noise = "I1125 02:15:02.000001      59 other.go:12] nothing of ours\n";
        let text = [&touching(1), noise, &touching(2), event, &touching(4)].concat();
        let found = reading("fold", &[("kube-controller-manager.log", &text)]);
        let counts: Vec<Option<u32>> = found
            .facts
            .iter()
            .map(|fact| fact.repeat.map(|repeat| repeat.count))
            .collect();
        assert_eq!(counts, [Some(2), None, None]);
        let source = &found.sources[0];
        assert_eq!(
            (source.lines, source.used, source.irrelevant, source.not_understood),
            (5, 4, 1, 0)
        );
        assert_eq!(source.alive.len(), 1);
    }

    #[test]
    fn a_log_that_was_collected_twice_is_told_once() {
        let text = touching(1);
        let found = reading(
            "twice",
            &[
                ("kube-controller-manager-a.log", &text),
                ("kube-controller-manager-b.log", &text),
            ],
        );
        assert_eq!(found.facts.len(), 1);
        assert!(found.sources[1].notes.iter().any(|note| note.contains("used once")));
    }

    #[test]
    fn a_kubelet_learns_its_node_from_its_own_lines() {
        let text = "I1125 02:15:01.000001      59 operation_generator.go:1] UnmountDevice succeeded for volume \"pv\" (UniqueName: \"u\") on node \"n7\" \n\
                    I1125 02:15:02.000001      59 server.go:1] Started kubelet\n";
        let found = reading("node", &[("kubelet.log", text)]);
        assert!(
            found.facts.iter().all(|fact| fact.party == Party::Kubelet("n7".into())),
            "{:?}",
            found.facts
        );
    }
}
