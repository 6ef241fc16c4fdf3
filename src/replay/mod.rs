//! Replay: the model explains, fact by fact, what the parties said.
//!
//! In: facts in causal order and the profile. Out: a [`Run`]: steps (seen and inferred), what stayed unexplained, the
//! row of states of every (volume, node) pair over time, and the whole world at any step, from which `diagnose` lets
//! the model run on alone. Input facts (a pod bound, a status written, a driver's answer) are applied; output facts (an
//! operation started, a patch sent) must be a step the model can take now, else a step nobody logged is inserted and
//! marked, else the fact is unexplained and the state is anchored on it again.

mod controller;
mod kubelet;
pub mod lives;
mod objects;
mod silent;
mod start;
pub mod step;
mod unaudited;

use std::collections::{BTreeMap, BTreeSet};

use crate::fact::{Detail, Fact, Kind, Party};
use crate::graph::cast::{Cast, Node, Pod, Volume};
use crate::model::profile::Profile;
use crate::model::world::World;
use crate::time::Time;

pub use crate::model::world::{CellState, Held, Va};
pub use lives::Lives;
pub use step::{Deed, FactId, Step, StepId};

/// A (volume, node) pair.
pub type Cell = (Volume, Node);

/// What a replay is made of.
#[derive(Clone, Copy, Debug)]
pub struct Script<'a> {
    /// All facts.
    pub facts: &'a [Fact],
    /// Their causal order.
    pub order: &'a [FactId],
    /// Who is who.
    pub cast: &'a Cast,
    /// Lives of processes and nodes.
    pub lives: &'a Lives,
    /// Behaviours of this Kubernetes.
    pub profile: Profile,
}

/// A fact that no step of the model explains.
#[derive(Clone, Debug)]
pub struct Unexplained {
    /// The fact.
    pub fact: FactId,
    /// Why it does not fit, a clause.
    pub why: &'static str,
}

/// The explained history.
#[derive(Debug, Default)]
pub struct Run {
    /// Steps in causal order.
    pub steps: Vec<Step>,
    /// Facts without explanation.
    pub unexplained: Vec<Unexplained>,
    /// Facts that others must have come before, which were not recorded.
    pub holes: Vec<Hole>,
    /// Facts the replay had to do with.
    pub considered: usize,
    /// The states of every pair: after which step, and what they were from then on.
    pub track: BTreeMap<Cell, Vec<(StepId, CellState)>>,
}

/// A fact that tells of a loss: it cannot have come about by what was recorded before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hole {
    /// The fact.
    pub fact: FactId,
    /// The volume of whose history a part is missing.
    pub volume: Volume,
}

impl Run {
    /// When a step was taken.
    #[must_use]
    pub fn at(&self, step: StepId) -> Time {
        self.steps.get(step as usize).map_or(Time::MIN, |step| step.at)
    }

    /// The steps up to and including `last`, newest first.
    pub fn back_from(&self, last: StepId) -> impl Iterator<Item = (StepId, &Step)> {
        let upto = self.steps.len().min(last as usize + 1);
        let steps = self.steps[..upto].iter().enumerate().rev();
        steps.map(|(index, step)| (StepId::try_from(index).unwrap_or(StepId::MAX), step))
    }

    /// The same, only those that concern a pair.
    pub fn back_on(&self, cell: Cell, last: StepId) -> impl Iterator<Item = (StepId, &Step)> {
        self.back_from(last).filter(move |(_, step)| step.concerns(cell))
    }

    /// The states of a pair after a step, if it existed by then.
    #[must_use]
    pub fn state_at(&self, cell: Cell, step: StepId) -> Option<CellState> {
        let track = self.track.get(&cell)?;
        let upto = track.partition_point(|(at, _)| *at <= step);
        upto.checked_sub(1)
            .and_then(|index| track.get(index))
            .map(|(_, state)| *state)
    }
}

/// What the replay takes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Cue {
    /// A node patch of the controller reaches the server: what it asks for was decided before.
    Sent(FactId),
    /// An object was made of which only a dump tells: a pod that is bound, a `CSIDriver`.
    Made(FactId),
    /// A fact.
    Fact(FactId),
}

/// The cues in causal order: every fact, before the answer to a node patch its sending, and what only dumps tell.
fn cues(script: &Script) -> Vec<(Time, Cue)> {
    let bound: BTreeSet<Pod> = script
        .facts
        .iter()
        .filter(|fact| fact.call.as_ref().is_some_and(|call| call.ok()) && fact.kind != Kind::PodPatched)
        .filter(|fact| matches!(&fact.detail, Detail::Pod(detail) if detail.node.is_some()))
        .filter_map(|fact| script.cast.pod(fact))
        .collect();
    let untold = |fact: &Fact| script.cast.pod(fact).is_some_and(|pod| !bound.contains(&pod));
    let writes_drivers = script
        .facts
        .iter()
        .any(|fact| fact.call.is_some() && matches!(fact.detail, Detail::CsiDriver { .. }));
    let mut clock = Time::MIN;
    let mut cues: Vec<(Time, u32, Cue)> = Vec::new();
    for (seat, id) in (0_u32..).zip(script.order) {
        let Some(fact) = script.facts.get(*id as usize) else {
            continue;
        };
        clock = clock.max(fact.at);
        cues.push((clock, seat, Cue::Fact(*id)));
        if let (Party::Controller, Some(call), Kind::NodeStatusPatched) = (&fact.party, &fact.call, fact.kind) {
            cues.push((call.received.min(fact.at), seat, Cue::Sent(*id)));
        }
        if let (Detail::CsiDriver { created, .. }, true, false) = (&fact.detail, fact.kind.is_dump(), writes_drivers)
            && let Some(created) = created.filter(|created| *created >= script.lives.window.0)
        {
            cues.push((created, seat, Cue::Made(*id)));
        }
        if let (Detail::Pod(detail), true) = (&fact.detail, fact.kind.is_dump())
            && let Some(created) = detail.created
            && created >= script.lives.window.0
            && (!script.lives.audited(created) || untold(fact))
        {
            cues.push((created, seat, Cue::Made(*id)));
        }
    }
    cues.sort_unstable_by_key(|(at, seat, cue)| (*at, matches!(cue, Cue::Fact(_)), *seat));
    cues.into_iter().map(|(at, _, cue)| (at, cue)).collect()
}

/// A replay under way.
pub struct Replay<'a> {
    script: Script<'a>,
    cues: Vec<(Time, Cue)>,
    /// Everything the model holds at this moment.
    pub world: World,
    run: Run,
    next: usize,
    dirty: Vec<Cell>,
    watch: Watch,
}

/// What the replay remembers beside the model's state.
#[derive(Clone, Debug, Default)]
struct Watch {
    /// Current pod (uid) of each `namespace/name`.
    pod_now: BTreeMap<crate::fact::Name, Pod>,
    /// Since when a node's report has been due for a patch.
    due: BTreeMap<Node, Time>,
    /// Nodes whose last patch was empty because a failed one was sent again; the log's line about it is still to come.
    sent_again: std::collections::BTreeSet<Node>,
    /// The controller's process that comes next, or lives now.
    life: usize,
    /// Whether one lives now.
    lives_now: bool,
    /// Attachments that wait for the attacher, and since when.
    unattended: BTreeMap<Cell, Time>,
    /// Persistent volumes of which somebody asked that they be deleted.
    deleted: BTreeSet<crate::fact::Name>,
    /// The persistent volume that each `VolumeAttachment` was made for.
    sources: BTreeMap<Cell, crate::fact::Name>,
    /// Pods whose waiting for a volume was told once.
    waits_told: std::collections::BTreeSet<(Pod, Volume)>,
}

impl<'a> Replay<'a> {
    /// Sets the stage: what existed before the first fact.
    #[must_use]
    pub fn new(script: Script<'a>) -> Replay<'a> {
        let mut replay = Replay {
            script,
            cues: cues(&script),
            world: World::new(script.profile, start::exclusive(script.cast)),
            run: Run::default(),
            next: 0,
            dirty: Vec::new(),
            watch: Watch::default(),
        };
        replay.set_stage();
        replay
    }

    /// Replays everything.
    #[must_use]
    pub fn run(mut self) -> (Run, World) {
        while self.advance() {}
        self.miss_ends();
        self.miss_detaches();
        (self.run, self.world)
    }

    /// Replays what happened up to a moment.
    #[must_use]
    pub fn run_until(mut self, at: Time) -> (Run, World) {
        while self.cues.get(self.next).is_some_and(|(cue, _)| *cue <= at) {
            self.advance();
        }
        self.until(at);
        self.note_states();
        (self.run, self.world)
    }

    /// Steps taken so far.
    #[must_use]
    pub fn steps(&self) -> usize {
        self.run.steps.len()
    }

    /// The steps taken so far.
    #[must_use]
    pub fn taken(&self) -> &[Step] {
        &self.run.steps
    }

    /// Takes the next fact; false when there is none.
    pub fn advance(&mut self) -> bool {
        let Some((at, cue)) = self.cues.get(self.next).copied() else {
            return false;
        };
        self.next += 1;
        let (Cue::Sent(id) | Cue::Made(id) | Cue::Fact(id)) = cue;
        let Some(fact) = self.script.facts.get(id as usize) else {
            return true;
        };
        self.until(at);
        match cue {
            Cue::Sent(_) => self.sent(id, fact),
            Cue::Made(_) if matches!(fact.detail, Detail::CsiDriver { .. }) => self.driver_says(id, fact),
            Cue::Made(_) => self.pod_made(id, fact),
            Cue::Fact(_) => self.take(id, fact),
        }
        self.note_states();
        true
    }

    /// The facts that come next, up to a moment.
    fn upcoming(&self, until: Time) -> impl Iterator<Item = &Fact> {
        let following = self.cues.iter().skip(self.next).take_while(move |(at, _)| *at <= until);
        following.filter_map(|(_, cue)| match cue {
            Cue::Fact(id) => self.script.facts.get(*id as usize),
            Cue::Sent(_) | Cue::Made(_) => None,
        })
    }

    /// Lets the time pass up to a moment: what happens without anybody saying so.
    fn until(&mut self, now: Time) {
        self.processes_until(now);
        self.silent_until(now);
        if now > self.world.now {
            self.world.now = now;
        }
    }

    fn take(&mut self, id: FactId, fact: &Fact) {
        self.run.considered += 1;
        if fact.call.is_some() || fact.kind.is_dump() {
            self.object(id, fact);
            return;
        }
        self.imply(id, fact);
        match &fact.party {
            Party::Controller => self.controller_says(id, fact),
            Party::Kubelet(_) => self.kubelet_says(id, fact),
            Party::Attacher => self.attacher_says(id, fact),
            _ => {}
        }
    }

    /// A node patch of the controller is on its way.
    fn sent(&mut self, id: FactId, fact: &Fact) {
        let (Some(node), Detail::Node(detail)) = (self.script.cast.node(fact), &fact.detail) else {
            return;
        };
        if let Some(patch) = &detail.patch {
            self.report_sent(id, node, patch);
        }
    }

    /// Adds a step.
    fn step(
        &mut self,
        deed: Deed,
        actor: Party,
        cell: (Option<Volume>, Option<Node>),
        evidence: &[FactId],
    ) -> &mut Step {
        let at = self.world.now;
        self.run.steps.push(Step {
            at,
            actor,
            deed,
            volume: cell.0,
            node: cell.1,
            pod: None,
            observed: true,
            evidence: evidence.to_vec(),
            error: None,
        });
        if let (Some(volume), Some(node)) = cell {
            self.dirty.push((volume, node));
        }
        let last = self.run.steps.len() - 1;
        &mut self.run.steps[last]
    }

    fn unexplained(&mut self, fact: FactId, why: &'static str) {
        self.run.unexplained.push(Unexplained { fact, why });
    }

    /// Something about the volume that led to this fact was not recorded.
    fn hole(&mut self, fact: FactId, volume: Volume) {
        self.run.holes.push(Hole { fact, volume });
    }

    /// Whether logs and objects were both recorded, so that either tells what the other lacks.
    fn sees_both(&self) -> bool {
        self.script.lives.tells_of(self.world.now)
    }

    /// Another fact says what the last such step already did: it becomes part of its proof.
    fn confirm(&mut self, deed: Deed, cell: (Option<Volume>, Option<Node>), fact: FactId) -> bool {
        let recent = self.world.now - crate::time::Span::secs(2);
        let same = self
            .run
            .steps
            .iter_mut()
            .rev()
            .take(40)
            .take_while(|step| step.at >= recent);
        for step in same {
            if step.deed == deed && (step.volume == cell.0 || cell.0.is_none()) && step.node == cell.1 {
                if !step.evidence.contains(&fact) {
                    step.evidence.push(fact);
                }
                step.observed = true;
                return true;
            }
        }
        false
    }

    /// Writes the rows of states that changed.
    fn note_states(&mut self) {
        if self.dirty.is_empty() {
            return;
        }
        let mut cells = std::mem::take(&mut self.dirty);
        cells.sort_unstable();
        cells.dedup();
        let step = StepId::try_from(self.run.steps.len().saturating_sub(1)).unwrap_or(StepId::MAX);
        for cell in cells {
            let state = self.world.cell(cell);
            let track = self.run.track.entry(cell).or_default();
            if track.last().is_none_or(|(_, last)| *last != state) {
                track.push((step, state));
            }
        }
    }

    /// Every pair that the model holds on a node.
    fn cells_on(&self, node: Node) -> Vec<Cell> {
        self.world.pairs().into_iter().filter(|(_, on)| *on == node).collect()
    }
}
