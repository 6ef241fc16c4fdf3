//! The populator: makes the desired state follow the pods of the node.
//!
//! In: the pods as the host knows them, the actual state (as a guard against removing too early), the time. Out: the
//! desired state. It loops every 100 ms. A pod is added once and looked at again only after a pod sync asked for it.

use super::actual::MountState;
use super::host::PodPhase;
use super::{Kubelet, Outside};
use crate::model::{Behaviour, PodId, VolumeId};
use crate::time::{Span, Time};

/// Up to 1.21 the container runtime is asked for removals no more often than this.
const RUNTIME_LOOK: Span = Span::secs(2);

impl Kubelet {
    /// One populator loop. `sources_ready`: all sources of pods have been heard; the loop that sees this first
    /// completes the desired state, from then on the kubelet may unmount what is not wanted.
    pub fn populate(&mut self, sources_ready: bool, now: Time, out: &mut impl Outside) {
        self.add_pods(out);
        let gated = self.profile.has(Behaviour::KubeletPodWorkerGatesUnmount);
        if gated || self.runtime_asked.is_none_or(|asked| now - asked >= RUNTIME_LOOK) {
            self.remove_pods(now, out);
        }
        self.sources_ready |= sources_ready;
    }

    /// A pod sync begins: the pod's volumes are to be looked at again by the next loop.
    pub fn reprocess(&mut self, pod: PodId) {
        self.processed.insert(pod, false);
    }

    fn add_pods(&mut self, out: &mut impl Outside) {
        let pods: Vec<PodId> = self.host.pods.keys().copied().collect();
        for pod in pods {
            if self.processed.get(&pod) == Some(&true) {
                continue;
            }
            let Some(known) = self.host.object(pod) else { continue };
            if known.phase < self.first_phase_skipped() {
                let volumes = known.volumes.clone();
                self.process(pod, &volumes, out);
            }
        }
    }

    /// From which phase on a pod's volumes are not added any more. 1.20 looks at the pod's own status and still adds
    /// those of a terminating pod that runs; since the pod workers decide (1.22) such a pod is skipped, except while a
    /// newly started kubelet (new reconstruction) does not know all pods yet.
    fn first_phase_skipped(&self) -> PodPhase {
        let old = !self.profile.has(Behaviour::KubeletPodWorkerGatesUnmount);
        let starting = !self.sources_ready && self.profile.has(Behaviour::KubeletNewReconstruction);
        if old || starting {
            PodPhase::Stopped
        } else {
            PodPhase::Terminating
        }
    }

    /// Adds what a pod wants. If a claim can't be read the pod counts as processed only if it was processed before.
    fn process(&mut self, pod: PodId, volumes: &[VolumeId], out: &mut impl Outside) {
        let mut complete = true;
        for volume in volumes {
            if out.read_claim(*volume).is_err() {
                self.desired.add_error(pod, *volume);
                complete = false;
                continue;
            }
            self.desired.add(pod, *volume, out.kind(*volume));
        }
        if complete {
            self.processed.insert(pod, true);
            self.actual
                .request_remount(pod, |volume| out.kind(volume).requires_remount);
            self.desired.take_errors(pod);
        } else if let Some(processed) = self.processed.get_mut(&pod) {
            *processed = true;
        }
    }

    fn remove_pods(&mut self, now: Time, out: &mut impl Outside) {
        let wanted: Vec<(VolumeId, PodId, bool)> = self
            .desired
            .pairs()
            .map(|(volume, pod, entry)| (volume, pod, entry.attachable))
            .collect();
        for (volume, pod, attachable) in &wanted {
            if self.host.object(*pod).is_some() && *attachable && !out.kind(*volume).attachable {
                self.desired.mark_not_attachable(*volume);
                continue;
            }
            if self.removable(*pod, now) && !self.awaited(*pod, *volume) {
                self.desired.remove(*pod, *volume);
                self.processed.remove(pod);
            }
        }
        if self.profile.has(Behaviour::KubeletForgetsVanishedPods) {
            let vanished = |pod: &PodId| self.host.object(*pod).is_none() && self.host.stopped(*pod);
            self.processed
                .retain(|pod, _| wanted.iter().any(|(_, wants, _)| wants == pod) || !vanished(pod));
        }
        let gone: Vec<PodId> = self
            .desired
            .errors()
            .map(|(pod, _)| pod)
            .filter(|pod| self.host.object(*pod).is_none())
            .collect();
        for pod in gone {
            self.desired.take_errors(pod);
        }
    }

    /// Whether the pod's containers are certainly gone. Up to 1.21 this asks the container runtime (not for a pod whose
    /// object says that it runs), and the time of that question starts the 2 s until the next removal.
    fn removable(&mut self, pod: PodId, now: Time) -> bool {
        let stopped = self.host.stopped(pod);
        if !self.profile.has(Behaviour::KubeletPodWorkerGatesUnmount) {
            if self.host.object(pod).is_some() && !stopped {
                return false;
            }
            self.runtime_asked = Some(now);
        }
        stopped
    }

    /// The guard against removing a volume before it was ever mounted: while the pod object is there and the actual
    /// state has no mount, the wish stays. Before kubernetes#100183 an uncertain mount counted as none.
    fn awaited(&self, pod: PodId, volume: VolumeId) -> bool {
        if self.host.object(pod).is_none() {
            return false;
        }
        let uncertain_counts = self.profile.has(Behaviour::KubeletFailedUnmountUncertain);
        !self
            .actual
            .mount(pod, volume)
            .is_some_and(|mount| uncertain_counts || mount.state == MountState::Mounted)
    }
}
