//! What the controller meets during a pass, with every open question put to a [`Chooser`].
//!
//! In: the cluster, and the answers to take. Out: the answers, and how many there would have been: running a pass again
//! with the next answers, until there are none, gives every outcome of the pass.

use super::setup::{Fault, Setup};
use super::world::{Cluster, Health, Move};
use crate::model::outside::{self, Lookup, Note, Patch, PatchError, Traits};
use crate::model::{NodeId, Outside, PathId, VolumeId};

/// Takes answers from a list, the first one where the list is at its end.
#[derive(Clone, Debug, Default)]
pub struct Chooser {
    taken: Vec<u8>,
    offered: Vec<u8>,
    at: usize,
}

impl Chooser {
    /// Takes these answers.
    #[must_use]
    pub fn new(answers: &[u8]) -> Chooser {
        Chooser {
            taken: answers.to_vec(),
            ..Chooser::default()
        }
    }

    /// One of `offered` answers, counted from zero; there is at least one.
    pub fn choose(&mut self, offered: u8) -> u8 {
        if self.at == self.taken.len() {
            self.taken.push(0);
        }
        let answer = self.taken[self.at].min(offered.saturating_sub(1));
        self.taken[self.at] = answer;
        self.offered.push(offered);
        self.at += 1;
        answer
    }

    /// The answers that were taken.
    #[must_use]
    pub fn answers(&self) -> &[u8] {
        self.taken.get(..self.at).unwrap_or(&self.taken)
    }

    /// The next answers to try; `None` after the last.
    #[must_use]
    pub fn next(&self) -> Option<Vec<u8>> {
        let more = |at: &usize| self.taken[*at] + 1 < self.offered[*at];
        let at = (0..self.at).rev().find(more)?;
        let mut next = self.taken[..=at].to_vec();
        next[at] += 1;
        Some(next)
    }
}

/// An outside that only knows volumes and listens, for events and operations that ask nothing else.
pub struct Listener<'a> {
    setup: &'a Setup,
    /// What the controller did.
    pub heard: Vec<Note>,
}

impl<'a> Listener<'a> {
    /// Has heard nothing yet.
    #[must_use]
    pub fn new(setup: &'a Setup) -> Listener<'a> {
        Listener {
            setup,
            heard: Vec::new(),
        }
    }
}

impl Outside for Listener<'_> {
    fn traits_of(&self, _: VolumeId) -> Traits {
        self.setup.traits()
    }

    fn health(&self, _: NodeId) -> Option<outside::Health> {
        None
    }

    fn lookup(&mut self, _: NodeId) -> Lookup {
        Lookup::Failed
    }

    fn patch(&mut self, _: NodeId, _: &Patch) -> Result<(), PatchError> {
        Err(PatchError::Failed)
    }

    fn note(&mut self, note: Note) {
        self.heard.push(note);
    }
}

/// The outside of a pass.
pub struct Around<'a> {
    /// What may happen.
    pub setup: &'a Setup,
    /// Where it happens.
    pub cluster: &'a mut Cluster,
    /// Who decides.
    pub chooser: &'a mut Chooser,
    /// The pods that may come or go while a patch hangs.
    pub moves: &'a [Move],
    /// The one that did, to be told to the controller.
    pub moved: Option<Move>,
    /// What the controller did.
    pub heard: Vec<Note>,
}

impl Outside for Around<'_> {
    fn traits_of(&self, _: VolumeId) -> Traits {
        self.setup.traits()
    }

    fn health(&self, node: NodeId) -> Option<outside::Health> {
        Some(outside::Health {
            ready: self.cluster.node(node).health != Health::Dead,
            out_of_service: false,
        })
    }

    fn lookup(&mut self, node: NodeId) -> Lookup {
        let cached = self.cluster.node(node).cached_attached;
        Lookup::Found(cached.iter().map(|volume| (volume, PathId::NONE)).collect())
    }

    /// The patch works; or it fails at once; or it fails slowly, and a pod comes or goes meanwhile.
    fn patch(&mut self, node: NodeId, patch: &Patch) -> Result<(), PatchError> {
        if self.cluster.unwritable == Some(node) {
            return Err(PatchError::Failed);
        }
        if self.cluster.allows(Fault::StatusPatch, self.setup) {
            let moves = if self.moved.is_none() { self.moves } else { &[] };
            let offered = u8::try_from(moves.len() + 2).unwrap_or(u8::MAX);
            let answer = self.chooser.choose(offered);
            if answer > 0 {
                self.cluster.spend(Fault::StatusPatch);
                let meanwhile = usize::from(answer).checked_sub(2).and_then(|at| moves.get(at));
                self.moved = self.moved.or(meanwhile.copied());
                return Err(PatchError::Failed);
            }
        }
        if let Patch::List(list) = patch {
            self.cluster.node_mut(node).attached = list.iter().map(|&(volume, _)| volume).collect();
        }
        Ok(())
    }

    fn note(&mut self, note: Note) {
        self.heard.push(note);
    }
}
