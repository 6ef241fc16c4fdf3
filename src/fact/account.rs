//! The account of one source: what its pages say, added up.
//!
//! In: pages in order, and the end of the source. Out: its facts among the others, repeating ones folded and the stages
//! of requests joined; and the source with who speaks in it, and its lines counted.

use std::collections::BTreeSet;

use rustc_hash::FxHashMap;

use crate::record;

use super::fellows;
use super::fold::Runs;
use super::pasted::Pasted;
use super::reading::Reader;
use super::scribe::{self, PUZZLING_KEPT, Page, Pasted as Line, Told};
use super::voices::Voices;
use super::{Detail, Fact, Kind, Name, Party, Source, SourceId, Voice};

/// Writers of one source that are told apart; those beyond count as one.
const WRITERS: usize = 64;

/// What grows while one source is read.
pub struct Account<'r> {
    id: SourceId,
    /// Where the source's facts begin among all.
    first: usize,
    party: Option<Party>,
    source: Source,
    voices: Voices,
    fellows: fellows::Seen,
    /// Pods, machines and streams of one party.
    writers: Vec<Box<str>>,
    by_file: BTreeSet<Party>,
    runs: Runs,
    reader: &'r mut Reader,
    pasted: Pasted,
    /// Nodes that lines of kubelets without a name tell, and how often.
    nodes: FxHashMap<Name, u32>,
}

impl<'r> Account<'r> {
    /// An empty account of the source at `path`, which that party writes, where its path tells.
    pub fn new(reader: &'r mut Reader, id: SourceId, path: &str, party: Option<Party>) -> Account<'r> {
        Account {
            id,
            first: reader.reading.facts.len(),
            party,
            source: Source {
                path: path.to_owned(),
                ..Source::default()
            },
            voices: Voices::default(),
            fellows: fellows::Seen::default(),
            writers: Vec::new(),
            by_file: BTreeSet::new(),
            runs: Runs::default(),
            reader,
            pasted: Pasted::default(),
            nodes: FxHashMap::default(),
        }
    }

    /// Adds what was written of the next records.
    pub fn page(&mut self, page: Page) {
        for told in page.told {
            match told {
                Told::Fact(mut fact, writer) => {
                    fact.writer = writer.map_or(0, |writer| self.number_of(writer));
                    self.keep(*fact);
                }
                Told::Audit(fact, id, last) => self.request(*fact, id, last),
                Told::Text(line) => self.text(&line),
            }
        }
        self.voices.add(page.voices);
        self.fellows.add(page.fellows);
        self.by_file.extend(page.by_file);
        for (node, count) in page.nodes {
            *self.nodes.entry(node).or_default() += count;
        }
        let source = &mut self.source;
        source.dropped = source.dropped.take().or(page.dropped);
        source.sites.extend(page.sites);
        source.used += page.used;
        source.not_understood += page.not_understood;
        source.puzzling.extend(page.puzzling);
        source.puzzling.truncate(PUZZLING_KEPT);
    }

    /// The number of a writer.
    fn number_of(&mut self, writer: Box<str>) -> u16 {
        let known = self.writers.iter().position(|known| *known == writer);
        let index = known.unwrap_or(self.writers.len());
        if known.is_none() && index < WRITERS {
            self.writers.push(writer);
        }
        u16::try_from(index.min(WRITERS) + 1).unwrap_or(u16::MAX)
    }

    /// Moves a fact to the others, folding repeating ones.
    fn keep(&mut self, mut fact: Fact) {
        fact.source = self.id;
        let facts = &mut self.reader.reading.facts;
        if self.reader.fold {
            self.runs.push(fact, facts);
        } else {
            facts.push(fact);
        }
    }

    /// Joins the stages of one request: the answer stands for all. An event that was seen already (the same log twice)
    /// is not told again.
    fn request(&mut self, mut fact: Fact, id: Box<str>, last: bool) {
        fact.source = self.id;
        if !last {
            if !self.reader.answered.contains(&id) {
                self.reader.unanswered.insert(id, fact);
            }
            return;
        }
        self.reader.unanswered.remove(&id);
        if id.is_empty() || self.reader.answered.insert(id) {
            self.keep(fact);
        }
    }

    /// A line that is nothing else.
    fn text(&mut self, line: &Line) {
        let finalizer = self.pasted.finalizers(&line.text);
        if let (
            Some(_),
            Some(Fact {
                detail: Detail::Attachment(detail),
                ..
            }),
        ) = (finalizer, self.reader.reading.facts.last_mut())
        {
            detail.finalizer = finalizer;
            self.source.used += u64::from(line.lines);
            return;
        }
        let described = self.pasted.described(line.line, &line.text, &mut self.reader.names);
        self.keep_described(described);
        let mut new = Vec::new();
        self.pasted
            .line(&line.text, &line.outer(), &mut self.reader.names, &mut new);
        self.name_object();
        if !new.is_empty() {
            self.source.used += u64::from(line.lines);
        }
        for mut fact in new {
            fact.line = line.line;
            scribe::place(&mut fact, line.outer().host, &mut self.reader.names, &mut self.nodes);
            self.keep(fact);
        }
    }

    /// An object that was described: it stands at the line of its name, which gave no fact.
    fn keep_described(&mut self, fact: Option<Fact>) {
        self.source.used += u64::from(fact.is_some());
        if let Some(fact) = fact {
            self.keep(fact);
        }
    }

    /// The source's own facts.
    fn facts(&mut self) -> &mut [Fact] {
        self.reader.reading.facts.get_mut(self.first..).unwrap_or_default()
    }

    /// Gives the lines of an object that came before its name that name.
    fn name_object(&mut self) {
        let Some(name) = self.pasted.object().cloned() else {
            return;
        };
        let before = self.facts().iter_mut().rev();
        before
            .take_while(|fact| fact.kind == Kind::VaLineSeen && fact.attachment.is_none())
            .for_each(|fact| fact.attachment = Some(name.clone()));
    }

    /// A kubelet that only its own lines name: the node they name most becomes the node of all of them.
    fn learn_node(&mut self) {
        let most = self.nodes.iter().max_by(|a, b| a.1.cmp(b.1).then_with(|| b.0.cmp(a.0)));
        let Some(node) = most.map(|(node, _)| node.clone()) else {
            return;
        };
        let named = |party: &mut Party| match party {
            Party::Kubelet(name) if name.is_empty() => {
                name.clone_from(&node);
                true
            }
            _ => false,
        };
        for fact in self.facts() {
            if named(&mut fact.party) {
                fact.node = fact.node.take().or_else(|| Some(node.clone()));
            }
        }
        self.voices.rename(named);
        self.by_file = std::mem::take(&mut self.by_file)
            .into_iter()
            .map(|mut party| {
                named(&mut party);
                party
            })
            .collect();
        if let Some(party) = &mut self.party {
            named(party);
        }
    }

    /// Who speaks in the source: one party where there is one, and each with the times it was heard where there are more.
    /// Lines that do not tell their writer speak for all that only their files name: they run in one process.
    fn speakers(&mut self) -> Vec<Voice> {
        let mut all: BTreeSet<Party> = self.voices.parties().into_iter().cloned().collect();
        all.extend(self.by_file.iter().cloned());
        all.retain(|party| *party != Party::Unknown);
        let nameless = |party: &Party| matches!(party, Party::Kubelet(node) if node.is_empty());
        let open = self.party.as_ref().is_none_or(nameless);
        let mut found = all.iter();
        match (found.next(), found.next()) {
            (Some(only), None) if open => self.party = Some(only.clone()),
            (Some(only), None) if self.party.as_ref() == Some(only) => {}
            (None, _) => {}
            _ => return all.iter().map(|party| self.voice(party)).collect(),
        }
        Vec::new()
    }

    fn voice(&self, party: &Party) -> Voice {
        Voice {
            party: party.clone(),
            alive: self.voices.of(party, self.by_file.contains(party)),
        }
    }

    /// Closes the account of the source.
    pub fn finish(mut self, summary: record::Summary) -> Source {
        let described = self.pasted.last_described(&mut self.reader.names);
        self.keep_described(described);
        self.learn_node();
        let releases = self.facts().iter().all(|fact| fact.kind == Kind::ReleaseSeen);
        let voices = self.speakers();
        let mut source = self.source;
        source.used = source.used.min(summary.lines);
        source.not_understood = source.not_understood.min(summary.lines - source.used);
        let version_only = summary.format == "text" && source.used > 0 && summary.lines < 10 && releases;
        Source {
            format: if version_only { "version" } else { summary.format },
            party: self.party,
            because: summary.because,
            bytes: summary.bytes,
            lines: summary.lines,
            irrelevant: summary.lines - source.used - source.not_understood,
            lost: self.fellows.lost(&self.voices.all()),
            alive: self.voices.all(),
            voices,
            assumed: summary.assumed,
            zone: summary.zone,
            zone_assumed: summary.zone_assumed,
            notes: summary.notes,
            ..source
        }
    }
}
