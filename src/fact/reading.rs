//! Paths to a [`Reading`]: every source opened, every record asked what it states, nothing lost on the way.
//!
//! In: what a person hands in. Out: the sources with their accounts (`lines = used + irrelevant + not_understood`) and
//! all facts in the order of source and line. Repeating chatter is folded here, the stages of an API request joined.

use std::io::{self, BufRead, BufReader};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Mutex;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::bundle::{self, BundleError, Entry, Limits};
use crate::record::{self, Anchor, Context, Zone};
use crate::time::{Span, Time};

use super::account::Account;
use super::dates::Dates;
use super::rotation::stem;
use super::scribe::Scribe;
use super::text::Names;
use super::{Fact, Kind, Reading, Source, SourceId, fold, party, trace};

/// What reading depends on.
#[derive(Clone, Debug)]
pub struct ReadOptions {
    /// Fold lines that repeat every pass of the reconciler into one fact with a [`super::Repeat`].
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
    /// Pass over lines that can say nothing, unparsed. What is read is the same.
    pub filter: bool,
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
            filter: true,
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
    let mut reader = Reader {
        fold: options.fold,
        ..Reader::default()
    };
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

/// What grows while sources are read.
#[derive(Default)]
pub(super) struct Reader {
    /// Fold lines that repeat.
    pub(super) fold: bool,
    /// What was read.
    pub(super) reading: Reading,
    /// Names of all sources.
    pub(super) names: Names,
    /// Moments with a full date.
    dates: Dates,
    /// Sources read before any told a date, and how their headers were placed.
    undated: Vec<(SourceId, Anchor)>,
    /// Audit events whose answer was not seen yet, by audit ID.
    pub(super) unanswered: FxHashMap<Box<str>, Fact>,
    /// Audit IDs whose answer was seen.
    pub(super) answered: FxHashSet<Box<str>>,
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
        let scribe = Scribe {
            party: party::of_path(&path, &mut self.names),
            names: Mutex::new(self.names.another()),
            filter: options.filter,
        };
        let context = Context {
            path: &path,
            modified: entry.modified,
            near: self.dates.near(&path),
            year: options.year,
            zone: options.zone.as_ref(),
            limits: &options.limits,
            inflates: entry.inflates,
            direct: entry.direct,
        };
        let mut account = Account::new(self, id, &path, scribe.party.clone());
        let summary = record::records(&mut bytes, &context, &scribe, &mut |page| account.page(page))?;
        let near = summary.near;
        let undated = summary.undated.clone();
        let source = account.finish(summary);
        self.reading.sources.push(source);
        self.undated.extend(undated.map(|anchor| (id, anchor)));
        if let Some(near) = near {
            self.dates.learn(&path, near);
        }
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
            let Some(source) = self.reading.sources.get_mut(id.0 as usize) else {
                continue;
            };
            let anchor = match (self.dates.near(&source.path), first) {
                (Some(near), _) => anchor.dated_by(near),
                (None, Some(near)) => anchor.moved_to(near),
                (None, None) => continue,
            };
            source.assumed = anchor.assumed();
            for (from, to) in source.spans_mut().flatten() {
                (*from, *to) = (anchor.placed_again(*from), anchor.placed_again(*to));
            }
            let facts = self.reading.facts.iter_mut().filter(|fact| fact.source == id);
            // An event that was printed has a date of its own, or none.
            let dated = |fact: &&mut Fact| fact.call.is_some() || fact.kind == Kind::EventSeen;
            for fact in facts.filter(|fact| !dated(fact) && age(fact.at).is_none()) {
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
        forgive_pieces(&mut self.reading);
        if self.fold {
            fold::across_rotations(&mut self.reading);
        }
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

/// A line in one piece of a rotated log may have its fellow in another: nothing tells that a piece lacks lines.
fn forgive_pieces(reading: &mut Reading) {
    let mut pieces: FxHashMap<String, u32> = FxHashMap::default();
    for source in &reading.sources {
        *pieces.entry(stem(&source.path).to_owned()).or_default() += 1;
    }
    for source in &mut reading.sources {
        if pieces.get(stem(&source.path)).is_some_and(|count| *count > 1) {
            source.lost = None;
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fact::{Kind, Party};

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
    fn tables_of_objects_are_read_among_other_text() {
        let pods = "$ kubectl get pods -A -o wide\nNAMESPACE   NAME    READY   STATUS    RESTARTS   AGE   IP         NODE\n\
                    app         web-0   1/1     Running   0          5d    10.0.0.1   n1\n";
        let volumes = "NAME   CAPACITY   ACCESS MODES   RECLAIM POLICY   STATUS   CLAIM        STORAGECLASS   REASON   AGE\n\
                       pv-1   1Gi        RWO            Delete           Bound    app/data-0   fast                    5d\n";
        let found = reading("tables", &[("pods", pods), ("pv.txt", volumes)]);
        let told: Vec<_> = found.facts.iter().map(|fact| (fact.kind, fact.line)).collect();
        assert_eq!(told, [(Kind::PodSeen, 3), (Kind::PvSeen, 2)]);
        assert_eq!(
            found.sources.iter().map(|source| source.used).collect::<Vec<_>>(),
            [1, 1]
        );
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
