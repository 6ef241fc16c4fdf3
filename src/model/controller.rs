//! The controller in one piece, and its handlers for pod and node events.
//!
//! In: events as informers deliver them. Out: changes of the two views. There is no handler for `VolumeAttachments`,
//! PVs, `CSINodes` or `CSIDrivers` in any release: what changes there is seen when something else asks.

use super::asw::{Actual, Reported};
use super::dsw::Desired;
use super::operations::Running;
use super::outside::Outside;
use super::pending::Pending;
use super::profile::{Behaviour, Profile};
use super::{Cell, NodeId, PodId, VolumeId};
use crate::time::{Span, Time};

/// What the controller was started with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Config {
    /// `disable-force-detach-on-timeout`; looked at by releases with `disable_force_detach_flag`.
    pub force_detach_disabled: bool,
    /// `attach-detach-reconcile-sync-period`: how often attachments are checked; `None` where the check is off.
    pub sync_period: Option<Span>,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            force_detach_disabled: false,
            sync_period: Some(Span::secs(60)),
        }
    }
}

/// A pod as an informer has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PodView<'a> {
    /// Its UID.
    pub pod: PodId,
    /// The node it is bound to.
    pub node: Option<NodeId>,
    /// Its volumes that have a claim or an attachable source.
    pub volumes: &'a [VolumeId],
    /// Phase Failed or Succeeded, or deletion was asked for and no container runs.
    pub terminated: bool,
}

/// A node as an informer has it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NodeView {
    /// The node.
    pub node: NodeId,
    /// It has the annotation `volumes.kubernetes.io/controller-managed-attach-detach`.
    pub managed: bool,
    /// It has the annotation `volumes.kubernetes.io/keep-terminated-pod-volumes` = true.
    pub keep_terminated: bool,
    /// Its `status.volumesAttached`.
    pub attached: Vec<Reported>,
    /// Its `status.volumesInUse`.
    pub in_use: Vec<VolumeId>,
}

/// The attach/detach controller of one kube-controller-manager process.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Controller {
    pub(super) profile: Profile,
    pub(super) config: Config,
    /// What pods want.
    pub desired: Desired,
    /// What is believed to be attached, and what nodes should report.
    pub actual: Actual,
    /// The lock and the back-offs.
    pub pending: Pending,
    /// Operations under way, in the order of their starts.
    pub(super) running: Vec<Running>,
    /// When the populator last listed all pods.
    pub(super) pods_listed: Option<Time>,
    /// When attachments were last checked, at first the start of the process.
    pub(super) checked: Time,
}

impl Controller {
    /// A process that has just started and knows nothing yet; see [`Controller::start_from`].
    #[must_use]
    pub fn new(profile: Profile, config: Config, now: Time) -> Controller {
        Controller {
            profile,
            config,
            desired: Desired::default(),
            actual: Actual::new(profile),
            pending: Pending::new(&profile),
            running: Vec::new(),
            pods_listed: None,
            checked: now,
        }
    }

    /// The same as if there were only this volume, and only the nodes that `keeps` tells.
    #[must_use]
    pub fn only(&self, volume: VolumeId, keeps: &dyn Fn(NodeId) -> bool) -> Controller {
        let about = |run: &&Running| run.volume().map_or_else(|| keeps(run.node()), |of| of == volume);
        Controller {
            desired: self.desired.only(volume, keeps),
            actual: self.actual.only(volume, keeps),
            pending: self.pending.only(volume),
            running: self.running.iter().filter(about).cloned().collect(),
            ..*self
        }
    }

    /// Its options are others than was thought.
    pub fn configure(&mut self, config: Config) {
        self.config = config;
    }

    /// What the process does.
    #[must_use]
    pub fn profile(&self) -> Profile {
        self.profile
    }

    /// From now on the process decides by another profile. How it stores what nodes have in use, and how it matches
    /// operations, was settled when it started and stays.
    pub fn behave(&mut self, profile: Profile) {
        self.profile = profile;
    }

    /// A pod was added or changed.
    pub fn pod_updated(&mut self, pod: PodView, outside: &dyn Outside) {
        let wanted = self.keeps_volumes(&pod);
        self.process_pod(&pod, wanted, outside);
    }

    /// A pod's object is gone.
    pub fn pod_deleted(&mut self, pod: PodView, outside: &dyn Outside) {
        self.process_pod(&pod, false, outside);
    }

    /// A pod's object is gone, and the informer has seen only that it is (after a relist). Releases without
    /// `pod_delete_tombstone` leave it to the populator.
    pub fn pod_deleted_unseen(&mut self, pod: PodView, outside: &dyn Outside) {
        if self.profile.has(Behaviour::PodDeleteTombstone) {
            self.process_pod(&pod, false, outside);
        }
    }

    /// Whether a pod's volumes are wanted: unless it is terminated, or even then on nodes that keep them.
    pub(super) fn keeps_volumes(&self, pod: &PodView) -> bool {
        !pod.terminated || pod.node.is_some_and(|node| self.keeps_terminated(node))
    }

    fn keeps_terminated(&self, node: NodeId) -> bool {
        !self.profile.has(Behaviour::NoKeepTerminatedVolumes)
            && self.desired.node(node).is_some_and(|managed| managed.keep_terminated)
    }

    /// Adds or drops a pod's volumes. A volume that cannot be resolved, or is not attachable, is passed over silently,
    /// also when it is to be dropped: the populator has to do that later.
    pub(super) fn process_pod(&mut self, pod: &PodView, wanted: bool, outside: &dyn Outside) {
        let Some(node) = pod.node else { return };
        if self.desired.node(node).is_none() {
            return;
        }
        for &volume in pod.volumes {
            let cell = Cell { volume, node };
            let traits = outside.traits_of(volume);
            if !traits.resolvable || !traits.attachable {
                continue;
            }
            if wanted {
                // The node is managed, as was just seen.
                let _ = self.desired.add_pod(pod.pod, cell);
            } else {
                self.desired.delete_pod(pod.pod, cell);
            }
        }
    }

    /// A node appeared: like an update, and whatever is reported on it is written again (kubernetes#30522).
    pub fn node_added(&mut self, node: &NodeView) {
        self.node_updated(node);
        // A node that never reported anything has nothing to write.
        let _ = self.actual.set_needed(node.node);
    }

    /// A node changed, or was sent again. A node that lost its annotation stays managed.
    pub fn node_updated(&mut self, node: &NodeView) {
        self.manage(node);
        self.actual.set_in_use(node.node, &node.in_use);
    }

    pub(super) fn manage(&mut self, node: &NodeView) {
        if node.managed {
            self.desired.add_node(node.node, node.keep_terminated);
        }
    }

    /// A node's object is gone; `last` is what the informer last had. What was in use then stays so: nobody is left
    /// to say otherwise, and only the 6 min timer gets past it.
    pub fn node_deleted(&mut self, last: &NodeView) {
        // A node whose volumes are still wanted stays managed.
        let _ = self.desired.delete_node(last.node);
        self.actual.set_in_use(last.node, &last.in_use);
    }
}
