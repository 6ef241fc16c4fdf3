//! A second bookkeeper of the report and of the pending operations: slow, literal, written from the rules, not from the
//! model. It hears what the controller decides, keeps its own books in plain maps and lists, and compares after every
//! step of a random walk.

use std::collections::{BTreeMap, BTreeSet};

use adtrace::explore::Setup;
use adtrace::explore::step::{ATTACHER_WAIT, Heard, Step};
use adtrace::explore::world::{NOW, Object, World};
use adtrace::model::asw::Attachment;
use adtrace::model::operations::Running;
use adtrace::model::outside::{Note, Patch, StartError};
use adtrace::model::pending::{Key, OpName};
use adtrace::model::{Behaviour, Cell, NodeId, VolumeId};

use super::walk::{Walk, cells, wide};

/// A pending operation, or the memory of one that failed; times in µs of a clock of its own.
#[derive(Clone, Debug, PartialEq)]
struct Entry {
    key: Key,
    op: OpName,
    pending: bool,
    failed_at: Option<i64>,
    wait: i64,
}

#[derive(Clone, Debug, Default)]
struct Report {
    needed: bool,
    volumes: BTreeSet<VolumeId>,
}

/// The books.
struct Books {
    setup: Setup,
    now: i64,
    held: BTreeMap<Cell, Attachment>,
    /// By volume: whether the spec is known.
    specs: BTreeMap<VolumeId, bool>,
    reports: BTreeMap<NodeId, Report>,
    entries: Vec<Entry>,
    /// The keys of what runs, and whether a detach knew the spec.
    running: BTreeMap<(Cell, OpName), (Key, bool)>,
}

fn matches(a: Key, b: Key) -> bool {
    let node = a.node.is_none() || b.node.is_none() || a.node == b.node;
    let pod = a.pod.is_none() || b.pod.is_none() || a.pod == b.pod;
    a.volume.is_some() && a.volume == b.volume && node && pod
}

impl Books {
    fn new(setup: Setup, world: &World) -> Books {
        let mut books = Books {
            setup,
            now: 0,
            held: BTreeMap::new(),
            specs: BTreeMap::new(),
            reports: BTreeMap::new(),
            entries: Vec::new(),
            running: BTreeMap::new(),
        };
        // The walk begins with one pod that runs, all settled.
        for cell in cells(&setup) {
            if world.cluster.node(cell.node).attached.has(cell.volume) {
                books.hold(cell, Attachment::Attached, true);
                books.report(cell);
            }
        }
        books.reports.values_mut().for_each(|report| report.needed = false);
        books
    }

    fn has(&self, behaviour: Behaviour) -> bool {
        self.setup.profile.has(behaviour)
    }

    fn hold(&mut self, cell: Cell, how: Attachment, spec: bool) {
        self.held.insert(cell, how);
        self.specs.insert(cell.volume, spec);
    }

    fn report(&mut self, cell: Cell) {
        if self.held.contains_key(&cell) {
            let report = self.reports.entry(cell.node).or_default();
            report.needed |= report.volumes.insert(cell.volume);
        }
    }

    fn unreport(&mut self, cell: Cell) -> bool {
        let Some(report) = self.reports.get_mut(&cell.node) else {
            return false;
        };
        let was = report.volumes.remove(&cell.volume);
        report.needed |= was;
        was
    }

    fn drop(&mut self, cell: Cell) {
        self.held.remove(&cell);
        self.unreport(cell);
        if !self.held.keys().any(|held| held.volume == cell.volume) {
            self.specs.remove(&cell.volume);
        }
    }

    /// Which entry answers: the first that matches; later releases prefer one that runs, then the very same key.
    fn answers(&self, key: Key) -> Option<usize> {
        let matching: Vec<usize> = (0..self.entries.len())
            .filter(|&at| matches(key, self.entries[at].key))
            .collect();
        if self.has(Behaviour::PendingOpExactMatchPreferred) {
            let running = matching.iter().find(|&&at| self.entries[at].pending);
            let exact = matching.iter().find(|&&at| self.entries[at].key == key);
            return running.or(exact).or(matching.first()).copied();
        }
        matching.first().copied()
    }

    fn refuses(&self, entry: &Entry) -> bool {
        entry.failed_at.is_some_and(|at| self.now - at <= entry.wait)
    }

    /// What a start comes to.
    fn start(&mut self, key: Key, op: OpName) -> Result<(), bool> {
        let Some(at) = self.answers(key) else {
            let (pending, failed_at, wait) = (true, None, 0);
            self.entries.push(Entry {
                key,
                op,
                pending,
                failed_at,
                wait,
            });
            return Ok(());
        };
        let backs_off = self.refuses(&self.entries[at]);
        let entry = &mut self.entries[at];
        if entry.pending {
            return Err(true);
        }
        if backs_off && entry.op == op {
            return Err(false);
        }
        if backs_off {
            (entry.op, entry.failed_at, entry.wait) = (op, None, 0);
        }
        (entry.pending, entry.key) = (true, key);
        Ok(())
    }

    fn end(&mut self, key: Key, ok: bool) {
        let at = self.entries.iter().position(|entry| entry.key == key).unwrap();
        if ok {
            let last = self.entries.pop().unwrap();
            if at < self.entries.len() {
                self.entries[at] = last;
            }
            return;
        }
        let now = self.now;
        let entry = &mut self.entries[at];
        entry.wait = if entry.wait == 0 {
            500_000
        } else {
            (entry.wait * 2).min(122_000_000)
        };
        (entry.failed_at, entry.pending) = (Some(now), false);
    }

    /// Volumes that one node at a time may have are locked whole, unless the spec is not known.
    fn key(&self, cell: Cell, spec: bool) -> Key {
        let whole = self.setup.exclusive && spec;
        if whole || !self.has(Behaviour::MultiAttachKeyPerNode) {
            Key::volume(cell.volume)
        } else {
            Key::on_node(cell.volume, cell.node)
        }
    }

    fn started(&mut self, op: OpName, cell: Cell, refused: Option<StartError>, specs: &BTreeMap<VolumeId, bool>) {
        let spec = op == OpName::Attach || specs.get(&cell.volume).copied().unwrap_or(false);
        let key = self.key(cell, spec);
        let answer = self.start(key, op);
        match refused {
            None => {
                assert_eq!(answer, Ok(()), "{op:?} {cell:?} started");
                self.running.insert((cell, op), (key, spec));
            }
            Some(StartError::Exists) => assert_eq!(answer, Err(true), "{op:?} {cell:?}"),
            Some(StartError::Backoff(_)) => assert_eq!(answer, Err(false), "{op:?} {cell:?}"),
            Some(StartError::NoPlugin) => panic!("every volume has a plugin here"),
        }
    }

    /// Takes down one decision. `specs` is what the pass knew when it began.
    fn hear(&mut self, note: &Note, specs: &BTreeMap<VolumeId, bool>) {
        match note {
            Note::Unreported(cell) => assert!(self.unreport(*cell), "{cell:?} was in the report"),
            Note::UnreportFailed(cell) => assert!(!self.unreport(*cell), "{cell:?} was not in the report"),
            Note::Readded(cell, _) => self.report(*cell),
            Note::AttachStarted(cell) => self.started(OpName::Attach, *cell, None, specs),
            Note::DetachStarted(cell, _) => self.started(OpName::Detach, *cell, None, specs),
            Note::Refused(op, cell, why) => self.started(*op, *cell, Some(*why), specs),
            Note::AttachSucceeded(cell, _) => {
                self.hold(*cell, Attachment::Attached, true);
                self.report(*cell);
            }
            Note::AttachFailed(cell, _) => self.hold(*cell, Attachment::Uncertain, true),
            Note::CheckDropped(cell) => self.drop(*cell),
            Note::Ended(op, cell, result) => {
                let (key, spec) = self.running.remove(&(*cell, *op)).unwrap();
                match (op, result) {
                    (OpName::Detach, Ok(())) => self.drop(*cell),
                    (OpName::Detach, Err(_)) if self.has(Behaviour::DetachErrorMarksUncertain) => {
                        self.hold(*cell, Attachment::Uncertain, spec);
                    }
                    _ => {}
                }
                self.end(key, result.is_ok());
            }
            Note::Patched(node, Patch::List(list), _) => {
                let sent: BTreeSet<VolumeId> = list.iter().map(|entry| entry.0).collect();
                assert_eq!(sent, self.reports[node].volumes, "the patch of {node:?} is the report");
            }
            _ => {}
        }
    }

    /// After a pass a patch is due only where the last one failed; releases that stop at the first failure forget the
    /// others.
    fn end_pass(&mut self, notes: &[&Note]) {
        let goes_on = self.has(Behaviour::NodeStatusContinueAfterError);
        let patches = || {
            notes.iter().filter_map(|note| {
                if let Note::Patched(node, _, answer) = note {
                    Some((*node, answer.is_err()))
                } else {
                    None
                }
            })
        };
        let last = patches().next_back();
        for (node, report) in &mut self.reports {
            let failed = patches().rfind(|(of, _)| of == node).is_some_and(|(_, failed)| failed);
            report.needed = failed && (goes_on || last == Some((*node, true)));
        }
    }

    /// A new process: what nodes report is attached, what has an attachment object is uncertain.
    fn restart(&mut self, before: &World) {
        let (setup, now) = (self.setup, self.now);
        *self = Books {
            now,
            held: BTreeMap::new(),
            specs: BTreeMap::new(),
            reports: BTreeMap::new(),
            entries: Vec::new(),
            running: BTreeMap::new(),
            setup,
        };
        let here = |cell: &Cell| before.cluster.node(cell.node).attached.has(cell.volume);
        for cell in cells(&setup).into_iter().filter(here) {
            self.hold(cell, Attachment::Attached, false);
            self.report(cell);
        }
        if self.has(Behaviour::VaWalkAtStart) {
            for cell in cells(&setup) {
                if !self.held.contains_key(&cell) && before.cluster.link(cell).object != Object::None {
                    self.hold(cell, Attachment::Uncertain, true);
                }
            }
        }
        for cell in cells(&setup).into_iter().filter(here) {
            if before.said(cell, &setup).wanted {
                self.specs.insert(cell.volume, true);
            }
        }
    }

    fn compare(&self, world: &World, step: &Step) {
        let held: BTreeMap<Cell, Attachment> = world
            .controller
            .actual
            .pairs()
            .iter()
            .map(|pair| (pair.cell, pair.attachment))
            .collect();
        assert_eq!(held, self.held, "what is held after {step:?}");
        let of = |reports: &mut dyn Iterator<Item = (NodeId, bool, Vec<VolumeId>)>| reports.collect::<Vec<_>>();
        let fast = of(&mut world
            .controller
            .actual
            .reports()
            .iter()
            .map(|report| (report.node, report.needed, report.volumes.clone())));
        let slow = of(&mut self
            .reports
            .iter()
            .map(|(node, report)| (*node, report.needed, report.volumes.iter().copied().collect())));
        assert_eq!(fast, slow, "the reports after {step:?}");
        let entries = world.controller.pending.entries().iter();
        let fast: Vec<_> = entries
            .map(|entry| {
                (
                    entry.key,
                    entry.op,
                    entry.pending,
                    entry.backoff.wait.0,
                    entry.backoff.refuses(NOW),
                )
            })
            .collect();
        let slow: Vec<_> = self
            .entries
            .iter()
            .map(|entry| (entry.key, entry.op, entry.pending, entry.wait, self.refuses(entry)))
            .collect();
        assert_eq!(fast, slow, "the pending operations after {step:?}");
        let running = world.controller.running().iter().map(Running::op).count();
        assert_eq!(running, self.running.len(), "operations under way after {step:?}");
    }
}

/// Walks and compares.
fn audit(setup: Setup, seed: u64, steps: usize) {
    audit_as(setup, setup, seed, steps);
}

/// The same, with books that may be kept by other rules.
fn audit_as(setup: Setup, by: Setup, seed: u64, steps: usize) {
    let mut walk = Walk::new(setup, seed);
    let mut books = Books::new(by, &walk.world);
    books.compare(&walk.world, &Step::Restart);
    for _ in 0..steps {
        let (step, before, after) = walk.go();
        match step {
            Step::Restart => books.restart(&before),
            Step::Retry => books.now += before.controller.until_retry(NOW).unwrap().0,
            // Back-offs that run meanwhile end too.
            Step::Timer => books.now += before.controller.until_retry(NOW).map_or(0, |span| span.0),
            Step::Check => books.now += before.controller.until_check(NOW).unwrap().0,
            Step::GiveUp(_) => books.now += ATTACHER_WAIT.0,
            _ => {}
        }
        let notes: Vec<&Note> = after
            .heard
            .iter()
            .filter_map(|heard| if let Heard::Did(note) = heard { Some(note) } else { None })
            .collect();
        let specs = books.specs.clone();
        // The minutely check comes after the patches that end a pass.
        let check = notes
            .iter()
            .position(|note| matches!(note, Note::CheckStarted(_)))
            .unwrap_or(notes.len());
        notes[..check].iter().for_each(|note| books.hear(note, &specs));
        if matches!(step, Step::Pass(_)) {
            books.end_pass(&notes[..check]);
        }
        notes[check..].iter().for_each(|note| books.hear(note, &specs));
        books.compare(&walk.world, &step);
    }
}

const VERSIONS: [&str; 5] = ["1.16.0", "1.20.2", "1.23.13", "1.28.0", "1.36.2"];

fn audit_all(steps: usize) {
    for (seed, version) in (1..).zip(VERSIONS) {
        audit(wide(version, true), seed, steps);
        audit(wide(version, false), seed + 100, steps);
    }
}

#[test]
fn a_literal_bookkeeper_finds_no_difference() {
    audit_all(4_000);
}

/// A million steps: `cargo test --release --test model -- --ignored million`, or `scripts/audit`.
#[test]
#[ignore = "takes a minute; scripts/audit runs it"]
fn a_literal_bookkeeper_finds_no_difference_in_a_million_steps() {
    audit_all(100_000);
}

/// The books can disagree: another release's rule is noticed.
#[test]
#[should_panic(expected = "what is held after")]
fn the_bookkeeper_notices_another_releases_rule() {
    let setup = wide("1.36.2", true);
    let books = Setup {
        profile: setup.profile.without(Behaviour::DetachErrorMarksUncertain),
        ..setup
    };
    audit_as(setup, books, 7, 20_000);
}
