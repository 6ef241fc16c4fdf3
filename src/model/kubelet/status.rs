//! What the kubelet says and asks about itself: the node status' `volumesInUse`, and whether a pod's volumes are there.
//!
//! In: the two states, the node object that the status loop got. Out: the list to write, the flags that follow from
//! it, and the look of a pod that waits. The status loop runs every 10 s; until then a newly wanted volume is not in
//! use and a newly dropped one still is, which each attach and detach pays for.

use std::collections::BTreeSet;

use super::Kubelet;
use super::actual::{Attachability, MountState};
use crate::model::{Behaviour, PodId, VolumeId};

/// What the status loop does with the object it got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StatusStep {
    /// Nothing to write; the object's list counts as reported.
    Unchanged,
    /// A patch of the list. Only if it succeeds, [`Kubelet::reported`] is to be called with the list that the API
    /// server has afterwards.
    Patch(Vec<VolumeId>),
    /// A patch that leaves the list alone (the period for reports is over). The same holds for it.
    PatchElsewhere,
}

/// One look of a pod that waits for its volumes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// The wait is over: everything is mounted, or there are errors.
    pub done: bool,
    /// Volumes whose claims could not be read; told once.
    pub errors: BTreeSet<VolumeId>,
    /// Volumes that are not mounted for this pod.
    pub unmounted: Vec<VolumeId>,
    /// What the message calls unattached. Up to 1.25 simply all of the pod's volumes (kubernetes#112719).
    pub unattached: Vec<VolumeId>,
    /// Volumes that the desired state lacks; not told up to 1.25.
    pub not_wanted: Option<Vec<VolumeId>>,
}

impl Kubelet {
    /// The volumes in use: wanted or known, and attachable. A reconstructed volume of unknown attachability is not.
    #[must_use]
    pub fn volumes_in_use(&self) -> Vec<VolumeId> {
        let wanted = self
            .desired
            .volumes()
            .filter(|(_, entry)| entry.attachable)
            .map(|(id, _)| id);
        let known = self
            .actual
            .volumes()
            .filter(|(_, entry)| entry.attachable == Attachability::Yes)
            .map(|(id, _)| id);
        wanted.chain(known).collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// The status loop got a node object with this list (perhaps stale: the first try reads a cache). Until the states
    /// are synced after a start the list stays as it is.
    pub fn node_status(&mut self, object: &[VolumeId], report_due: bool) -> StatusStep {
        let list = if self.states_synced {
            self.volumes_in_use()
        } else {
            object.to_vec()
        };
        if list != object {
            StatusStep::Patch(list)
        } else if report_due {
            StatusStep::PatchElsewhere
        } else {
            self.reported(object);
            StatusStep::Unchanged
        }
    }

    /// A node status with this list is at the API server, as far as the kubelet knows.
    pub fn reported(&mut self, in_use: &[VolumeId]) {
        self.desired.mark_reported_in_use(in_use);
    }

    /// One look of `WaitForAttachAndMount`; it looks every 300 ms for 2 min 3 s.
    pub fn look(&mut self, pod: PodId) -> Look {
        let expected = self
            .host
            .pods
            .get(&pod)
            .map(|known| known.volumes.clone())
            .unwrap_or_default();
        let errors = self.desired.take_errors(pod);
        let mounted = |volume: &VolumeId| {
            self.actual
                .mount(pod, *volume)
                .is_some_and(|mount| mount.state == MountState::Mounted)
        };
        let unmounted: Vec<VolumeId> = expected.iter().copied().filter(|volume| !mounted(volume)).collect();
        let done = !errors.is_empty() || unmounted.is_empty();
        let (unattached, not_wanted) = if self.profile.has(Behaviour::UnattachedListCorrect) {
            let wanted = self.desired.pairs().filter(|(_, wants, _)| *wants == pod);
            let missing = wanted.filter(|(id, _, entry)| entry.attachable && self.actual.get(*id).is_none());
            let unknown = expected
                .iter()
                .copied()
                .filter(|volume| !self.desired.wants(pod, *volume));
            (missing.map(|(id, ..)| id).collect(), Some(unknown.collect()))
        } else {
            (expected.clone(), None)
        };
        Look {
            done,
            errors,
            unmounted,
            unattached,
            not_wanted,
        }
    }
}
