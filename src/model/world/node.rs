//! One node: its kubelet's volume manager as the rest of the machinery meets it.
//!
//! In: the board (its pods, its Node object, `VolumeAttachment`s), time. Out: volumesInUse, mounts, pods that end. A
//! coarse picture of `kubelet`, which is proven step by step: here a volume is absent, verified or mounted, loops have
//! their periods, failures their back-off; that is what a run left alone needs (`ad-semantics.md` 6).

use std::collections::BTreeMap;

use crate::model::profile::{Behaviour, Profile};
use crate::model::world::board::{Board, NodeObject, Pair};
use crate::model::world::driver::Driver;
use crate::model::{NodeId, PodId, VolumeId};
use crate::time::{Span, Time};

/// The node status loop's period.
const STATUS: Span = Span::secs(10);
/// The status is written that often though nothing changed.
const REPORT: Span = Span::secs(300);
/// The reconciler's period.
pub(super) const PASS: Span = Span::millis(100);
/// First back-off of an operation.
const RETRY_FIRST: Span = Span::millis(500);
/// Longest back-off of an operation.
const RETRY_LAST: Span = Span::secs(122);
/// From the end of the containers to the pod object's removal.
const CLEAN_UP: Span = Span::secs(2);

/// How far the kubelet has come with a volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Wanted or not, not in its actual state of world.
    Absent,
    /// In its actual state of world: it believes it attached.
    Verified,
    /// Mounted for a pod.
    Mounted,
}

/// A volume on this node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// How far it has come.
    pub stage: Stage,
    /// No retry before this moment.
    pub not_before: Time,
    /// The back-off that the next failure doubles.
    pub backoff: Span,
    /// Its driver attached nothing when the kubelet came to know it: no report is looked for, and it does not count as
    /// in use.
    pub bare: bool,
}

impl Default for Held {
    fn default() -> Self {
        Held {
            stage: Stage::Absent,
            not_before: Time::MIN,
            backoff: Span::ZERO,
            bare: false,
        }
    }
}

/// A node and its kubelet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// The kubelet runs and reaches the API server.
    pub reachable: bool,
    /// The machine itself lives (a partitioned kubelet lives and mounts on).
    pub alive: bool,
    /// Volumes it has to do with.
    pub volumes: BTreeMap<VolumeId, Held>,
    /// Next node status loop.
    pub next_status: Time,
    /// Next status write that is due whatever the status.
    pub next_report: Time,
    /// Next reconciler pass.
    pub next_pass: Time,
    /// What the last status loop knew to be reported in use.
    reported_in_use: Vec<VolumeId>,
    /// It has just started: its first status is written before it knows of any volume, and leaves volumesInUse as it is.
    fresh: bool,
}

impl Machine {
    /// A node whose loops begin at that moment.
    #[must_use]
    pub fn new(now: Time) -> Machine {
        Machine {
            reachable: true,
            alive: true,
            volumes: BTreeMap::new(),
            next_status: now + STATUS,
            next_report: now + REPORT,
            next_pass: now,
            reported_in_use: Vec::new(),
            fresh: false,
        }
    }

    /// The same as if there were only this volume.
    #[must_use]
    pub fn only(&self, volume: VolumeId) -> Machine {
        let known = self.reported_in_use.iter().copied();
        Machine {
            volumes: self
                .volumes
                .get(&volume)
                .map(|held| (volume, *held))
                .into_iter()
                .collect(),
            reported_in_use: known.filter(|held| *held == volume).collect(),
            ..*self
        }
    }

    /// Takes over what the board says is in use as what the kubelet knows to be reported.
    pub fn trust_board(&mut self, board: &Board, node: NodeId) {
        self.reported_in_use = board
            .nodes
            .get(&node)
            .map_or(Vec::new(), |object| object.in_use.iter().copied().collect());
    }

    /// Its status write reached the API server.
    pub fn wrote_status(&mut self, object: &NodeObject, now: Time) {
        if !std::mem::take(&mut self.fresh) {
            self.reported_in_use = object.in_use.iter().copied().collect();
        }
        self.next_status = now + STATUS;
        self.next_report = now + REPORT;
        self.reachable = true;
    }

    /// A new kubelet process: mounts on disk are found again, what was only waited for is waited for anew. From the new
    /// reconstruction on (`kubelet_new_reconstruction`) a found mount is used without another look at the report.
    pub fn restart(&mut self, profile: &Profile, board: &Board, node: NodeId, now: Time) {
        let keeps = profile.has(Behaviour::KubeletNewReconstruction);
        self.volumes.retain(|volume, held| {
            let wanted = board.wanted((*volume, node));
            held.not_before = Time::MIN;
            held.backoff = Span::ZERO;
            let reported = profile.has(Behaviour::KubeletUncertainAttachability) && board.reported((*volume, node));
            held.bare = board.unattachable.contains(volume) && !reported;
            held.stage == Stage::Mounted && (keeps || !wanted)
        });
        self.reachable = true;
        self.next_status = now + PASS;
        self.next_pass = now + PASS;
        self.reported_in_use.clear();
        self.fresh = true;
    }

    /// When it acts next.
    #[must_use]
    pub fn next(&self) -> Option<Time> {
        self.alive.then(|| self.next_pass.min(self.next_status))
    }

    /// Whether nothing but the time tells two machines apart.
    pub(super) fn is_as(&self, other: &Machine) -> bool {
        let timeless = |machine: &Machine| (machine.reachable, machine.alive, machine.fresh);
        timeless(self) == timeless(other)
            && self.volumes == other.volumes
            && self.reported_in_use == other.reported_in_use
    }

    /// The next moment at which it acts otherwise although nothing has changed.
    pub(super) fn deadline(&self, board: &Board, node: NodeId, now: Time) -> Option<Time> {
        let retries = self.volumes.values().map(|held| held.not_before);
        let ending = board.pods.values().filter(|pod| pod.node == node);
        let ends = ending
            .filter_map(|pod| pod.deleting)
            .flat_map(|grace| [grace, grace + CLEAN_UP]);
        let later = retries.chain(ends).filter(|at| *at > now);
        self.alive.then(|| later.fold(self.next_status, Time::min))
    }

    /// Runs every loop that is due; true if the Node object was written.
    pub fn act(&mut self, profile: &Profile, board: &mut Board, driver: &Driver, node: NodeId, now: Time) -> bool {
        if !self.alive {
            return false;
        }
        let mut wrote = false;
        if self.next_status <= now {
            self.next_status = now + STATUS;
            wrote = self.reachable && self.write_status(board, node, now);
        }
        if self.next_pass <= now {
            self.next_pass = now + PASS;
            self.pass(profile, board, driver, node, now);
            self.end_pods(board, node, now);
        }
        wrote
    }

    /// Whether any pod on this node wants the volume mounted.
    fn wants(board: &Board, pair: Pair) -> bool {
        board
            .pods
            .values()
            .any(|pod| pod.node == pair.1 && pod.deleting.is_none() && !pod.terminated && pod.volumes.contains(&pair.0))
    }

    /// Whether any pod on this node still uses the mount.
    fn uses(board: &Board, pair: Pair) -> bool {
        board.pods.values().any(|pod| {
            let lives = pod.deleting.is_none() && !pod.terminated || pod.running;
            pod.node == pair.1 && lives && pod.volumes.contains(&pair.0)
        })
    }

    fn write_status(&mut self, board: &mut Board, node: NodeId, now: Time) -> bool {
        if std::mem::take(&mut self.fresh) {
            let object = board.nodes.get_mut(&node);
            return object.is_some_and(|object| !std::mem::replace(&mut object.ready, true));
        }
        let wanted: Vec<VolumeId> = board
            .pods
            .values()
            .filter(|pod| pod.node == node && !pod.terminated)
            .flat_map(|pod| pod.volumes.iter().copied())
            .filter(|volume| !self.is_bare(board, *volume))
            .collect();
        let held = self
            .volumes
            .iter()
            .filter(|(_, held)| held.stage != Stage::Absent && !held.bare)
            .map(|(volume, _)| *volume);
        let in_use = wanted.into_iter().chain(held).collect();
        let Some(object) = board.nodes.get_mut(&node) else {
            return false;
        };
        let changed = object.in_use != in_use || !object.ready || self.next_report <= now;
        if changed {
            self.next_report = now + REPORT;
        }
        object.in_use = in_use;
        object.ready = true;
        self.reported_in_use = object.in_use.iter().copied().collect();
        changed
    }

    /// Whether a volume is, or would be, mounted without an attachment.
    fn is_bare(&self, board: &Board, volume: VolumeId) -> bool {
        let held = self.volumes.get(&volume);
        held.map_or(board.unattachable.contains(&volume), |held| held.bare)
    }

    fn pass(&mut self, profile: &Profile, board: &Board, driver: &Driver, node: NodeId, now: Time) {
        for pod in board.pods.values().filter(|pod| pod.node == node) {
            for volume in &pod.volumes {
                let bare = board.unattachable.contains(volume);
                let held = self.volumes.entry(*volume).or_insert(Held {
                    bare,
                    ..Held::default()
                });
                // What waits for an attachment that will not come stops to wait (kubernetes#93710).
                held.bare |= bare && held.stage == Stage::Absent && profile.has(Behaviour::DropNonattachableFromDsw);
            }
        }
        let volumes: Vec<VolumeId> = self.volumes.keys().copied().collect();
        for volume in volumes {
            let pair = (volume, node);
            let Some(mut held) = self.volumes.get(&volume).copied() else {
                continue;
            };
            let wanted = Self::wants(board, pair);
            if wanted && held.not_before <= now {
                self.come_closer(profile, (board, driver), pair, &mut held, now);
            // A kubelet that is cut off does not hear that its pods are gone.
            } else if self.reachable
                && !Self::uses(board, pair)
                && held.stage != Stage::Absent
                && held.not_before <= now
            {
                if driver.node_refuses.contains(&pair) && held.stage == Stage::Mounted {
                    fail(&mut held, now);
                } else {
                    held = Held::default();
                }
            }
            let bare = held.bare;
            if held
                == (Held {
                    bare,
                    ..Held::default()
                })
                && !wanted
            {
                self.volumes.remove(&volume);
            } else {
                self.volumes.insert(volume, held);
            }
        }
    }

    /// One step from absent to mounted, as far as the states allow.
    fn come_closer(
        &self,
        profile: &Profile,
        (board, driver): (&Board, &Driver),
        pair: Pair,
        held: &mut Held,
        now: Time,
    ) {
        match held.stage {
            Stage::Absent => {
                let quiet = profile.has(Behaviour::KubeletNoBackoffUntilInUse);
                let reported = self.reported_in_use.contains(&pair.0) && board.reported(pair) && self.reachable;
                if reported || held.bare {
                    *held = Held {
                        stage: Stage::Verified,
                        not_before: now + PASS,
                        backoff: Span::ZERO,
                        ..*held
                    };
                } else if !quiet {
                    fail(held, now);
                }
            }
            Stage::Verified => {
                let object = board.attachments.get(&pair);
                let attached = object.is_some_and(|object| object.attached && !object.deleting);
                let refused = driver.mount_refuses.contains(&pair) || driver.device_missing.contains(&pair);
                if (attached || board.unattachable.contains(&pair.0)) && !refused {
                    *held = Held {
                        stage: Stage::Mounted,
                        not_before: now,
                        backoff: Span::ZERO,
                        ..*held
                    };
                } else {
                    fail(held, now);
                }
            }
            Stage::Mounted => {}
        }
    }

    /// Containers of deleting pods end with their grace; their objects go once their mounts are gone.
    fn end_pods(&mut self, board: &mut Board, node: NodeId, now: Time) {
        let ending: Vec<PodId> = board
            .pods
            .iter()
            .filter(|(_, pod)| pod.node == node && pod.deleting.is_some_and(|grace| grace <= now))
            .map(|(id, _)| *id)
            .collect();
        for id in ending {
            let Some(pod) = board.pods.get_mut(&id) else { continue };
            pod.running = false;
            let clean = pod
                .volumes
                .iter()
                .all(|volume| self.volumes.get(volume).is_none_or(|held| held.stage != Stage::Mounted));
            if self.reachable {
                pod.terminated = true;
                if clean && pod.deleting.is_some_and(|grace| grace + CLEAN_UP <= now) {
                    board.pods.remove(&id);
                }
            }
        }
    }
}

/// An operation failed: the back-off begins or doubles.
fn fail(held: &mut Held, now: Time) {
    held.backoff = if held.backoff == Span::ZERO {
        RETRY_FIRST
    } else {
        Span((held.backoff.0 * 2).min(RETRY_LAST.0))
    };
    held.not_before = now + held.backoff;
}
