//! The populator: once a minute it drops what dead pods wanted and, every third minute, adds what live pods want.
//!
//! In: the informer's pods. Out: a corrected desired state. It is the only repair for pods whose events came too early
//! or were lost, and the only way out for volumes whose PV is gone.

use super::controller::{Controller, PodView};
use super::outside::Outside;
use super::profile::Behaviour;
use crate::time::{Span, Time};

/// How often the populator runs.
pub const PERIOD: Span = Span::secs(60);
/// How long after one list of all pods the next is due, looked at every [`PERIOD`].
pub const LIST_PERIOD: Span = Span::secs(180);

impl Controller {
    /// One round. `pods` are the informer's, sorted by pod.
    pub fn populate(&mut self, pods: &[PodView], now: Time, outside: &dyn Outside) {
        self.drop_dead_pods(pods);
        if self.profile.has(Behaviour::DropNonattachableFromDsw) {
            self.drop_non_attachable(outside);
        }
        if self.pods_listed.is_some_and(|last| now - last < LIST_PERIOD) {
            return;
        }
        self.pods_listed = Some(now);
        for pod in pods.iter().filter(|pod| !pod.terminated) {
            self.process_pod(pod, true, outside);
        }
    }

    /// Drops one pair of each dead pod: a pod with n volumes can take n rounds.
    fn drop_dead_pods(&mut self, pods: &[PodView]) {
        for (pod, cell) in self.desired.one_pair_per_pod() {
            let found = pods
                .binary_search_by_key(&pod, |view| view.pod)
                .ok()
                .and_then(|at| pods.get(at));
            if !found.is_some_and(|view| self.keeps_volumes(view)) {
                self.desired.delete_pod(pod, cell);
            }
        }
    }

    /// Drops volumes whose driver has stopped to attach (kubernetes#93710).
    fn drop_non_attachable(&mut self, outside: &dyn Outside) {
        let all = self.desired.wanted().iter();
        let gone: Vec<_> = all
            .filter(|wanted| !outside.traits_of(wanted.cell.volume).attachable)
            .cloned()
            .collect();
        for wanted in gone {
            for &pod in &wanted.pods {
                self.desired.delete_pod(pod, wanted.cell);
            }
        }
    }
}
