//! What the records of one source say, written down chunk by chunk.
//!
//! In: records. Out: [`Page`]s: facts, and what only the whole source can settle (which requests were answered, what a
//! pasted line belongs to), in order. Pages know nothing of each other, so that chunks can be read at the same time.

use std::collections::BTreeSet;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::record::{self, Body, Klog, Outer, Record};
use crate::time::Time;

use super::klog::Said;
use super::manifest::Manifest;
use super::release::Site;
use super::text::{Names, telling};
use super::voices::Voices;
use super::{Dropped, Fact, Kind, Name, Party, audit, fellows, filter, klog, object, party, pasted};

/// How many lines that were not understood are kept for people to look at.
pub const PUZZLING_KEPT: usize = 50;

/// Writes down the records of one source.
#[derive(Debug)]
pub struct Scribe {
    /// Who writes in this source, where its path tells.
    pub party: Option<Party>,
    /// Names that all pages share.
    pub names: std::sync::Mutex<Names>,
    /// Pass over lines that can say nothing, unparsed.
    pub filter: bool,
}

/// One statement of a page.
#[derive(Debug)]
pub enum Told {
    /// A fact, its source not yet set, and which pod, machine or stream of its party wrote it.
    Fact(Box<Fact>, Option<Box<str>>),
    /// An API request: the event's ID, and whether its answer is in it.
    Audit(Box<Fact>, Box<str>, bool),
    /// A line that may be part of something pasted.
    Text(Box<Pasted>),
}

/// A line of other text, and what its wrappers say.
#[derive(Debug)]
pub struct Pasted {
    /// Its line.
    pub line: u32,
    /// Lines it covers.
    pub lines: u32,
    /// The text.
    pub text: String,
    at: Option<Time>,
    host: Option<String>,
    program: Option<String>,
    pod: Option<String>,
}

impl Pasted {
    /// What its wrappers say.
    #[must_use]
    pub fn outer(&self) -> Outer<'_> {
        Outer {
            at: self.at,
            host: self.host.as_deref(),
            program: self.program.as_deref(),
            pod: self.pod.as_deref(),
        }
    }
}

/// What was written of some records that follow each other.
#[derive(Debug)]
pub struct Page {
    /// Names as this page hands them out.
    pub names: Names,
    /// Statements, in the order of the records.
    pub told: Vec<Told>,
    /// Who wrote when.
    pub voices: Voices,
    /// Lines that are always written with another.
    pub fellows: fellows::Seen,
    /// The first line that says that lines were dropped.
    pub dropped: Option<Dropped>,
    /// Parties that only their lines' own files name.
    pub by_file: BTreeSet<Party>,
    /// Nodes that lines of kubelets without a name tell, and how often.
    pub nodes: FxHashMap<Name, u32>,
    /// Where statements stand in the sources of who printed them.
    pub sites: BTreeSet<Site>,
    placed: FxHashSet<(Kind, u32)>,
    /// Lines that gave facts.
    pub used: u64,
    /// Lines that look relevant and were not understood.
    pub not_understood: u64,
    /// The first of them.
    pub puzzling: Vec<(u32, String)>,
    new: Vec<Fact>,
}

impl record::Scribe for Scribe {
    type Page = Page;

    fn page(&self) -> Page {
        let mut names = self.names.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        Page {
            names: names.another(),
            told: Vec::new(),
            voices: Voices::default(),
            fellows: fellows::Seen::default(),
            dropped: None,
            by_file: BTreeSet::new(),
            nodes: FxHashMap::default(),
            sites: BTreeSet::new(),
            placed: FxHashSet::default(),
            used: 0,
            not_understood: 0,
            puzzling: Vec::new(),
            new: Vec::new(),
        }
    }

    fn matters(&self, line: &[u8]) -> bool {
        !self.filter || filter::matters(line)
    }

    fn passed(&self, page: &mut Page, at: Time, outer: &Outer<'_>) {
        let party = speaker(self.party.as_ref(), outer, &mut page.names);
        page.voices.heard(party.as_ref(), at);
    }

    fn record(&self, page: &mut Page, record: &Record<'_>) {
        page.record(record, self.party.as_ref());
    }
}

/// Who wrote a record: whom its wrapper names, else whom the source's path names. The wrapper's host is a kubelet's node
/// where the path tells none.
fn speaker(of_path: Option<&Party>, outer: &Outer<'_>, names: &mut Names) -> Option<Party> {
    match (party::of_outer(outer, names), of_path) {
        (Some(Party::Kubelet(_)), Some(Party::Kubelet(node))) if !node.is_empty() => of_path.cloned(),
        (Some(found), _) => Some(found),
        (None, Some(Party::Kubelet(node))) if node.is_empty() => {
            Some(Party::Kubelet(names.always(outer.host.unwrap_or(""))))
        }
        (None, found) => found.cloned(),
    }
}

/// Which of the processes of one party wrote a line: controllers and attachers run several at a time, of which one leads.
fn writer_of(fact: &Fact, outer: &Outer<'_>) -> Option<Box<str>> {
    let several = fact.call.is_none() && matches!(fact.party, Party::Controller | Party::Attacher);
    let writer = outer.pod.or(outer.host).or(outer.program).filter(|_| several)?;
    Some(writer.into())
}

/// Gives a kubelet's fact its node: the wrapper's host, where nothing else tells it. Nodes that lines of a kubelet
/// without a name tell are counted.
pub fn place(fact: &mut Fact, host: Option<&str>, names: &mut Names, nodes: &mut FxHashMap<Name, u32>) {
    let Party::Kubelet(node) = &mut fact.party else { return };
    if let (true, Some(host)) = (node.is_empty(), host) {
        *node = names.always(host);
    }
    match (&fact.node, node.is_empty()) {
        (None, false) => fact.node = Some(node.clone()),
        (Some(told), true) => *nodes.entry(told.clone()).or_default() += 1,
        _ => {}
    }
}

impl Page {
    fn record(&mut self, record: &Record<'_>, of_path: Option<&Party>) {
        let party = speaker(of_path, &record.outer, &mut self.names);
        let said = match &record.body {
            Body::Klog(line) => {
                self.voices.heard(party.as_ref(), line.at);
                self.fellows
                    .hear(party.as_ref(), record.outer.program, line, record.line);
                let said = klog::read(line, party.as_ref(), &mut self.names, &mut self.new);
                self.site(line);
                match said {
                    Said::Irrelevant if party.is_none() => self.driver(line, &record.outer),
                    said => said,
                }
            }
            Body::Audit(raw) => self.audit(raw, record.line, party.as_ref()),
            Body::Object(value) => {
                object::dumped(value, &mut self.names, &mut self.new);
                self.lines_of_object(record);
                if self.new.is_empty() {
                    Said::Irrelevant
                } else {
                    Said::Facts
                }
            }
            Body::Text(text) => {
                if self.dropped.is_none() && fellows::says_dropped(text) {
                    self.dropped = Some(Dropped {
                        line: record.line,
                        says: telling(text).into(),
                    });
                }
                if pasted::matters(text) {
                    self.told.push(Told::Text(Box::new(kept(record, text))));
                }
                Said::Irrelevant
            }
        };
        match said {
            Said::Facts => self.used += u64::from(record.lines),
            Said::Irrelevant => {}
            Said::Puzzling => self.puzzled(record),
        }
        for mut fact in std::mem::take(&mut self.new) {
            fact.line = record.line;
            place(&mut fact, record.outer.host, &mut self.names, &mut self.nodes);
            if party.is_none() && fact.call.is_none() {
                self.by_file.insert(fact.party.clone());
            }
            let writer = writer_of(&fact, &record.outer);
            self.told.push(Told::Fact(Box::new(fact), writer));
        }
    }

    /// Notes where the statement behind a line's fact stands in the sources.
    fn site(&mut self, line: &Klog<'_>) {
        let Some(fact) = self.new.first() else { return };
        if self.placed.insert((fact.kind, line.file_line)) {
            let site = Site::of(&fact.party, fact.kind, line.file, line.file_line);
            self.sites.extend(site);
        }
    }

    /// A driver that writes as Kubernetes does.
    fn driver(&mut self, line: &Klog<'_>, outer: &Outer<'_>) -> Said {
        let Some(mut fact) = pasted::driver(line.text, Some(line.at), outer.host, &mut self.names) else {
            return Said::Irrelevant;
        };
        fact.text = telling(line.text);
        self.new.push(fact);
        Said::Facts
    }

    fn audit(&mut self, raw: &str, line: u32, party: Option<&Party>) -> Said {
        match audit::read(raw, &mut self.names) {
            audit::Heard::Broken => Said::Puzzling,
            audit::Heard::Irrelevant(at) => {
                if let Some(at) = at {
                    self.voices.heard(party, at);
                }
                Said::Irrelevant
            }
            audit::Heard::Fact(mut fact, id, last) => {
                if super::reading::age(fact.at).is_none() {
                    self.voices.heard(party, fact.at);
                }
                fact.line = line;
                place(&mut fact, None, &mut self.names, &mut self.nodes);
                self.told.push(Told::Audit(fact, id, last));
                Said::Facts
            }
        }
    }

    /// What single lines of a printed `VolumeAttachment` tell, beside the object as a whole.
    fn lines_of_object(&mut self, record: &Record<'_>) {
        let [whole] = self.new.as_slice() else { return };
        if whole.kind != Kind::VaSeen || record.lines < 2 {
            return;
        }
        let (attachment, mut manifest) = (whole.attachment.clone(), Manifest::default());
        for (line, text) in (record.line..).zip(record.raw.lines()) {
            let Some(mut fact) = manifest.line(text, &mut self.names) else {
                continue;
            };
            fact.attachment.clone_from(&attachment);
            fact.text = telling(text.trim_start());
            fact.line = line;
            self.told.push(Told::Fact(Box::new(fact), None));
        }
    }

    fn puzzled(&mut self, record: &Record<'_>) {
        self.not_understood += u64::from(record.lines);
        if self.puzzling.len() < PUZZLING_KEPT {
            let text = match &record.body {
                Body::Klog(line) => line.text,
                Body::Audit(text) | Body::Text(text) => text,
                Body::Object(_) => "",
            };
            self.puzzling.push((record.line, telling(text).into()));
        }
    }
}

fn kept(record: &Record<'_>, text: &str) -> Pasted {
    let Outer { at, host, program, pod } = record.outer;
    Pasted {
        line: record.line,
        lines: record.lines,
        text: text.to_owned(),
        at,
        host: host.map(str::to_owned),
        program: program.map(str::to_owned),
        pod: pod.map(str::to_owned),
    }
}
