//! The storage back-end and the CSI driver in front of it: who answers what.
//!
//! In: calls. Out: answers, after a delay. A driver answers as it last did; what nobody has seen it answer it answers
//! with success. What hangs where in the back-end is kept apart from what Kubernetes believes of it.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::VolumeId;
use crate::model::world::board::{Pair, all_of, of_volume};
use crate::time::Span;

/// How a call ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It works.
    Done,
    /// It is refused, at once.
    Refused,
    /// It is refused because the volume is attached elsewhere: works as soon as that is over.
    HeldElsewhere,
    /// No answer within the caller's patience.
    Hangs,
    /// It is never asked: the attacher no longer finds the persistent volume, without which there is no request.
    NoVolume,
    /// It is never asked: the attacher no longer finds the node's ID.
    NoNodeId,
}

/// The driver's habits and the back-end's state.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Driver {
    /// Answers to `ControllerPublishVolume` as last seen.
    pub publish: BTreeMap<Pair, Answer>,
    /// Answers to `ControllerUnpublishVolume` as last seen.
    pub unpublish: BTreeMap<Pair, Answer>,
    /// Pairs that hang together in the back-end.
    pub attached: BTreeSet<Pair>,
    /// The node part of the driver refuses to unstage or unpublish there.
    pub node_refuses: BTreeSet<Pair>,
    /// The node part of the driver refuses to stage or publish there.
    pub mount_refuses: BTreeSet<Pair>,
    /// Pairs that count as attached and have no device on the node; the next attach brings it.
    pub device_missing: BTreeSet<Pair>,
    /// Whether it was seen to attach an exclusive volume to a second node.
    pub lets_two: bool,
}

/// How long a call takes that works.
pub const CALL: Span = Span::millis(10);

impl Driver {
    /// The same as if there were only this volume.
    #[must_use]
    pub fn only(&self, volume: VolumeId) -> Driver {
        let of = |pairs: &BTreeSet<Pair>| pairs.range(all_of(volume)).copied().collect();
        Driver {
            publish: of_volume(&self.publish, volume),
            unpublish: of_volume(&self.unpublish, volume),
            attached: of(&self.attached),
            node_refuses: of(&self.node_refuses),
            mount_refuses: of(&self.mount_refuses),
            device_missing: of(&self.device_missing),
            lets_two: self.lets_two,
        }
    }

    /// Answers a publish call for an exclusive or shared volume, and does it.
    pub fn publish(&mut self, pair: Pair, exclusive: bool) -> Answer {
        let elsewhere = self
            .attached
            .iter()
            .any(|(volume, node)| *volume == pair.0 && *node != pair.1);
        if exclusive && elsewhere && !self.lets_two {
            return Answer::HeldElsewhere;
        }
        let answer = match self.publish.get(&pair) {
            None | Some(Answer::HeldElsewhere) => Answer::Done,
            Some(answer) => *answer,
        };
        if answer == Answer::Done {
            self.attached.insert(pair);
            self.device_missing.remove(&pair);
        }
        answer
    }

    /// Answers an unpublish call, and does it.
    pub fn unpublish(&mut self, pair: Pair) -> Answer {
        let answer = self.unpublish.get(&pair).copied().unwrap_or(Answer::Done);
        if answer == Answer::Done {
            self.attached.remove(&pair);
        }
        answer
    }
}
