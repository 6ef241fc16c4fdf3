//! One controller process in a cluster: the proven controller, its CSI operations, its loops.
//!
//! In: events of the board, time. Out: patches of nodes, `VolumeAttachment`s created and deleted. The controller's
//! rules are those of `crate::model`; here stands only what its CSI plugin does between the start and the end of an
//! operation (`ad-semantics.md` 5.2, 5.3), and when its loops turn.

use std::collections::{BTreeMap, BTreeSet};

use super::attacher::Attacher;
use super::board::{Board, NodeObject, Pair, PodObject};
use crate::model::asw::{Attachment as Belief, Reported};
use crate::model::controller::Controller;
use crate::model::outside::{Health, Lookup, Note, Outside, Patch, PatchError, Traits};
use crate::model::pending::{Key, OpName};
use crate::model::profile::{Behaviour, Profile};
use crate::model::{NodeId, PathId, PodId, VolumeId};
use crate::time::{Span, Time};

/// The reconciler's period, after the end of the pass before.
const PASS: Span = Span::millis(100);
/// The once-a-minute check.
const SYNC: Span = Span::secs(60);
/// How long attach and detach wait for the attacher.
const PATIENCE: Span = Span::secs(120);
/// First look of a wait that polls.
const FIRST_LOOK: Span = Span::millis(500);
/// What an operation needs for its API calls.
const CALL: Span = Span::millis(5);

/// The process.
#[derive(Clone, Debug)]
pub struct Process {
    /// The controller's state.
    pub controller: Controller,
    profile: Profile,
    exclusive: Vec<bool>,
    operations: BTreeMap<Pair, Operation>,
    pods: BTreeMap<PodId, (NodeId, Vec<VolumeId>)>,
    next_pass: Time,
    next_sync: Time,
    failed: BTreeMap<Pair, Time>,
}

/// An attach or detach under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Operation {
    detach: bool,
    verify: bool,
    began: Time,
    look: Time,
    interval: Span,
    asked: bool,
}
