//! What a recording lacked, and what to switch on so that the next one has it.
//!
//! In: a case and the report on it. Out: an [`Advice`]: each gap with its consequence and its remedy, the flags that
//! supply what logs lacked, and whether the audit policy in [`policy`] is needed. Nothing here changes a verdict; the
//! gaps that do stand in the report's `missing` too.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::diagnose::coverage::{NO_ATTACHER_LOG, NO_AUDIT_BODIES, NO_AUDIT_LOG, NO_CONTROLLER_LOG};
use crate::fact::{Detail, Fact, Kind, Party, SourceId};
use crate::pipeline::Case;
use crate::report::{Missing, Report};
use crate::time::Span;

pub mod policy;

/// A log that begins or ends so much later or earlier than the others lost a part.
const EDGE: Span = Span::secs(120);

/// What was lacking.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Advice {
    schema: &'static str,
    /// Gaps, the weightiest first.
    pub gaps: Vec<Missing>,
    /// Settings that would supply them.
    pub settings: Vec<Setting>,
    /// Whether an audit policy is among them.
    pub audit_policy: bool,
}

/// One component's setting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Setting {
    /// The component.
    pub component: &'static str,
    /// Its flag or option.
    pub flag: &'static str,
    /// What it brings.
    pub brings: &'static str,
}

/// Lines of a party that vanish below a verbosity, and what follows when they are not there.
struct Level {
    party: fn(&Party) -> bool,
    /// Kinds that a log of that verbosity holds once anything happened.
    kinds: &'static [Kind],
    /// Kinds that show that something happened; they are printed at every level.
    happened: &'static [Kind],
    what: &'static str,
    consequence: &'static str,
    setting: Setting,
}

/// By party; levels as of Kubernetes 1.12 to 1.36 and external-attacher 2 to 4.
const LEVELS: [Level; 5] = [
    Level {
        party: |party| *party == Party::Controller,
        kinds: &[
            Kind::StatusPatched,
            Kind::ReportAdd,
            Kind::ReportAddNode,
            Kind::VaCreated,
        ],
        happened: &[Kind::AttachOk, Kind::AttachStarted, Kind::DetachOk, Kind::DetachStarted],
        what: "the kube-controller-manager log is below -v=4",
        consequence: "which volumes it reports as attached, and when its timers start, is inferred",
        setting: CONTROLLER,
    },
    Level {
        party: |party| *party == Party::Controller,
        kinds: &[
            Kind::AttachStarting,
            Kind::DetachStarting,
            Kind::DetachBlockedMounted,
            Kind::AttachTouched,
        ],
        happened: &[Kind::AttachOk, Kind::AttachStarted, Kind::DetachOk, Kind::DetachStarted],
        what: "the kube-controller-manager log is below -v=5",
        consequence: "why a detach waits, and when one is tried, is inferred",
        setting: CONTROLLER,
    },
    Level {
        party: |party| matches!(party, Party::Kubelet(_)),
        kinds: &[
            Kind::CsiStaged,
            Kind::CsiStageCall,
            Kind::CsiPublished,
            Kind::KubeletDswAdded,
            Kind::KubeletDswRemoved,
        ],
        happened: &[Kind::KubeletMounted, Kind::KubeletUnmounted, Kind::KubeletDeviceMounted],
        what: "the kubelet logs are below -v=4",
        consequence: "when a node began to want or to stage a volume is inferred",
        setting: Setting {
            component: "kubelet",
            flag: "--v=5 (or logging.verbosity: 5 in its configuration file)",
            brings: "what each node wants, stages, publishes and waits for",
        },
    },
    Level {
        party: |party| *party == Party::Attacher,
        kinds: &[
            Kind::EaAttaching,
            Kind::EaDetaching,
            Kind::EaAttached,
            Kind::EaDetached,
            Kind::EaGrpcCall,
        ],
        happened: &[Kind::EaVersion, Kind::EaStarted, Kind::EaError],
        what: "the external-attacher log is below -v=2",
        consequence: "when it acted on a VolumeAttachment is inferred",
        setting: ATTACHER,
    },
    Level {
        party: |party| *party == Party::Attacher,
        kinds: &[Kind::EaGrpcCall, Kind::EaGrpcRequest, Kind::EaGrpcResponse],
        happened: &[Kind::EaAttached, Kind::EaDetached, Kind::EaAttaching, Kind::EaDetaching],
        what: "the external-attacher log is below -v=5",
        consequence: "what the CSI driver answered is known from VolumeAttachments only",
        setting: ATTACHER,
    },
];

const CONTROLLER: Setting = Setting {
    component: "kube-controller-manager",
    flag: "--v=5",
    brings: "the list of volumes it reports as attached, timers, back-off, why a detach waits",
};
const ATTACHER: Setting = Setting {
    component: "external-attacher",
    flag: "--v=5",
    brings: "each call of the CSI driver and its answer",
};
const AUDIT: Setting = Setting {
    component: "kube-apiserver",
    flag: "--audit-policy-file=adtrace-policy.yaml --audit-log-path=/var/log/kubernetes/audit.log --audit-log-maxsize=500 \
           --audit-log-maxbackup=10",
    brings: "every write to nodes, VolumeAttachments, pods and claims, with what was written",
};
const ROTATION: Setting = Setting {
    component: "kubelet",
    flag: "--container-log-max-size=100Mi --container-log-max-files=5 (or containerLogMaxSize, containerLogMaxFiles)",
    brings: "logs of kube-controller-manager and the attacher that reach back before the incident",
};

impl Advice {
    /// Reads off what was lacking.
    #[must_use]
    pub fn of(case: &Case, report: &Report) -> Advice {
        let mut advice = Advice {
            schema: "adtrace.doctor/1",
            gaps: report.missing.clone(),
            settings: Vec::new(),
            audit_policy: false,
        };
        advice.audit_policy = advice.lacks(NO_AUDIT_LOG) || advice.lacks(NO_AUDIT_BODIES);
        advice.audit(case);
        advice.levels(case);
        advice.edges(case);
        advice.objects(case);
        advice.unread(case);
        if advice.audit_policy {
            advice.settings.insert(0, AUDIT);
        }
        for (log, setting) in [(NO_CONTROLLER_LOG, CONTROLLER), (NO_ATTACHER_LOG, ATTACHER)] {
            if advice.lacks(log) {
                advice.set(setting);
            }
        }
        advice
    }

    /// Whether nothing was lacking.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.gaps.is_empty()
    }

    fn gap(&mut self, what: impl Into<String>, consequence: &str, supply: &str) {
        self.gaps.push(Missing::new(what, consequence, supply));
    }

    fn lacks(&self, what: &str) -> bool {
        self.gaps.iter().any(|gap| gap.what == what)
    }

    fn set(&mut self, setting: Setting) {
        if !self.settings.contains(&setting) {
            self.settings.push(setting);
        }
    }

    /// Resources whose writes were recorded without what was written.
    fn audit(&mut self, case: &Case) {
        // Of nodes the report tells itself.
        let rows: [(&str, &[Kind]); 2] = [
            (
                "VolumeAttachments",
                &[Kind::VaApiCreated, Kind::VaPatched, Kind::VaStatusPatched],
            ),
            ("pods", &[Kind::PodCreated, Kind::PodBound]),
        ];
        for (resource, kinds) in rows {
            let writes: Vec<&Fact> = audited(case).filter(|fact| kinds.contains(&fact.kind)).collect();
            let empty = |fact: &&&Fact| fact.call.as_ref().is_some_and(|call| !call.body);
            let without = writes.iter().filter(empty).count();
            if without > 0 && without * 2 >= writes.len() {
                self.gap(
                    format!(
                        "{without} of {} audited writes of {resource} have no body",
                        writes.len()
                    ),
                    "what was written is inferred from what came after",
                    "audit level RequestResponse: adtrace doctor --print-audit-policy",
                );
                self.audit_policy = true;
            }
        }
    }

    fn levels(&mut self, case: &Case) {
        let facts = || case.reading.facts.iter().filter(|fact| fact.call.is_none());
        for level in &LEVELS {
            let speaks = |kinds: &[Kind]| facts().any(|fact| (level.party)(&fact.party) && kinds.contains(&fact.kind));
            let told = self.settings.contains(&level.setting);
            if speaks(level.happened) && !speaks(level.kinds) && !told {
                self.gap(level.what, level.consequence, level.setting.flag);
                self.set(level.setting.clone());
            }
        }
    }

    /// Logs that begin long after the recording does: rotated away, or the container was restarted.
    fn edges(&mut self, case: &Case) {
        let (from, _) = case.lives.window;
        let started: BTreeSet<SourceId> = case
            .reading
            .facts
            .iter()
            .filter(|fact| fact.kind == Kind::ProcessVersion)
            .map(|fact| fact.source)
            .collect();
        for (id, source) in (0..).map(SourceId).zip(&case.reading.sources) {
            if source.format != "klog" || source.party.is_none() || started.contains(&id) {
                continue;
            }
            let Some((begins, _)) = source.alive.first() else {
                continue;
            };
            if *begins - from > EDGE {
                let late =
                    crate::report::text::lasting(u64::try_from((*begins - from).as_millis()).unwrap_or_default());
                self.gap(
                    format!(
                        "{} begins {late} after the recording does, without a start of its process",
                        source.path
                    ),
                    "what its writer did before is inferred",
                    "collect the rotated files and kubectl logs --previous too; keep more of them",
                );
                self.set(ROTATION);
            }
        }
    }

    /// Objects that join names and that no line tells.
    fn objects(&mut self, case: &Case) {
        let has = |kinds: &[Kind]| case.reading.facts.iter().any(|fact| kinds.contains(&fact.kind));
        if !case.cast.volumes.is_empty() && !has(&[Kind::PvSeen, Kind::PvWritten]) {
            self.gap(
                "no PersistentVolume objects",
                "whether a volume may be attached to one node only is not known",
                "kubectl get pv,pvc -A -o yaml",
            );
        }
        let told = |fact: &Fact| match fact.kind {
            // A table names nodes and tells no more.
            Kind::NodeSeen => matches!(fact.detail, Detail::Node(_)),
            kind => matches!(kind, Kind::NodeStatusPatched | Kind::NodePatched),
        };
        if !case.reading.facts.iter().any(told) && !case.cast.nodes.is_empty() {
            self.gap(
                "no Node objects",
                "what the nodes reported as attached is inferred",
                "kubectl get nodes,volumeattachments,csinodes -o yaml, while the trouble lasts",
            );
        }
    }

    /// Lines that look relevant and were not understood.
    fn unread(&mut self, case: &Case) {
        let unread: u64 = case.reading.sources.iter().map(|source| source.not_understood).sum();
        if unread > 0 {
            self.gap(
                format!("{unread} lines look relevant and were not understood"),
                "what they say was not used",
                "adtrace inputs --show-not-understood shows them",
            );
        }
        for source in case.reading.sources.iter().filter(|source| source.assumed.is_some()) {
            let assumed = source.assumed.as_deref().unwrap_or_default();
            self.gap(
                format!("{}: {assumed}", source.path),
                "its lines may stand at the wrong place in the order of all",
                "give --year and --timezone, or collect with timestamps (kubectl logs --timestamps, journalctl -o short-iso-precise)",
            );
        }
    }
}

fn audited(case: &Case) -> impl Iterator<Item = &Fact> {
    let answered = |fact: &&Fact| fact.call.as_ref().is_some_and(|call| call.ok());
    case.reading.facts.iter().filter(answered)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::Options;
    use std::path::Path;

    fn founding() -> Case {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/FOUNDING");
        Case::open(&[path], &Options::default()).unwrap()
    }

    fn advice(case: &Case) -> Advice {
        Advice::of(case, &case.report())
    }

    #[test]
    fn a_recording_with_everything_needs_no_flags() {
        let advice = advice(&founding());
        assert_eq!(advice.settings, []);
        assert!(!advice.audit_policy);
    }

    #[test]
    fn a_log_of_low_verbosity_is_told_by_what_it_lacks() {
        let whole = founding();
        let mut reading = whole.reading;
        reading
            .facts
            .retain(|fact| fact.call.is_some() || !LEVELS.iter().take(2).any(|level| level.kinds.contains(&fact.kind)));
        let advice = advice(&Case::of(reading, &Options::default()));
        let gaps: Vec<&str> = advice.gaps.iter().map(|gap| gap.what.as_str()).collect();
        assert!(
            gaps.contains(&"the kube-controller-manager log is below -v=4"),
            "{gaps:?}"
        );
        assert_eq!(advice.settings, [CONTROLLER]);
    }

    #[test]
    fn without_an_audit_log_the_policy_is_advised() {
        let mut reading = founding().reading;
        reading.facts.retain(|fact| fact.call.is_none());
        reading
            .sources
            .iter_mut()
            .filter(|source| source.format == "audit")
            .for_each(|source| source.format = "text");
        let advice = advice(&Case::of(reading, &Options::default()));
        assert!(advice.audit_policy);
        assert!(advice.settings.contains(&AUDIT));
    }
}
