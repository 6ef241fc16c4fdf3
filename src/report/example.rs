//! A report made by hand for tests of the faces: the founding case of kubernetes#88565, as a person would tell it.

use super::{
    Actor, Alternative, AttachmentState, Clock, Confidence, ControllerState, Divergence, Evidence, Input, Missing,
    Mounted, Outcome, Profile, Remedy, Repeat, Report, Severity, States, StatesOverTime, Status, Step, Summary,
    Unexplained, Verdict, Wait, WaitKind, Window,
};
use crate::time::Time;

pub const KCM: &str = "rec.tar.zst!control-plane/kube-controller-manager.log";
pub const AUDIT: &str = "rec.tar.zst!control-plane/audit.log";
pub const KUBELET: &str = "rec.tar.zst!nodes/node-1/kubelet.log";
const VOLUME: &str = "kubernetes.io/csi/csi.example.com^vol-data-0";

/// A moment of the recording's day, given as `02:13:33.242`.
pub fn at(clock: &str) -> Time {
    Time::parse(&format!("2026-11-23T{clock}Z")).expect("a time of day")
}

/// One line of evidence.
pub fn line(source: &str, line: u32, text: &str) -> Evidence {
    Evidence {
        source: source.to_owned(),
        line,
        text: text.to_owned(),
        repeat: None,
    }
}

/// An input of which only the path matters.
pub fn input() -> Input {
    Input {
        path: KCM.to_owned(),
        kind: "klog".to_owned(),
        component: Some("kube-controller-manager".to_owned()),
        cluster: None,
        bytes: 812_345,
        lines: 4_321,
        used: 400,
        irrelevant: 3_915,
        not_understood: 6,
        clock: Clock {
            offset_ms: 0.0,
            bound_ms: Some(2.1),
            zone: "UTC".to_owned(),
        },
        notes: Vec::new(),
    }
}

/// The report of the founding recording.
pub fn founding() -> Report {
    Report {
        verdict: Verdict::Diverged,
        window: Some(Window {
            from: at("02:13:02.000"),
            to: at("02:15:49.120"),
        }),
        divergences: vec![divergence()],
        waits: Vec::new(),
        summary: Summary {
            volumes: 1,
            nodes: 2,
            pods: 1,
            facts: 241,
            explained: 239,
            inferred: 2,
            unexplained: 2,
        },
        inputs: vec![
            Input {
                path: AUDIT.to_owned(),
                kind: "audit".to_owned(),
                component: None,
                lines: 1_200,
                ..input()
            },
            input(),
            Input {
                path: KUBELET.to_owned(),
                component: Some("kubelet/node-1".to_owned()),
                lines: 962,
                not_understood: 0,
                ..input()
            },
        ],
        ..Report::new(profile())
    }
}

/// A healthy report with one wait that ends by itself.
pub fn healthy() -> Report {
    let wait = Wait {
        cluster: None,
        kind: WaitKind::MultiAttach,
        volume: Some(VOLUME.to_owned()),
        pv: Some("pv-1".to_owned()),
        node: Some("node-2".to_owned()),
        pods: vec!["app/web-1".to_owned()],
        since: at("02:13:40.000"),
        until: None,
        on: "kubelet on node-1 to unmount pv-1".to_owned(),
        ends: Some("when app/web-0 on node-1 has ended".to_owned()),
        evidence: vec![line(KCM, 1_020, "Multi-Attach error for volume \"pv-1\"")],
    };
    Report {
        verdict: Verdict::Clean,
        divergences: Vec::new(),
        waits: vec![wait],
        summary: Summary {
            volumes: 1,
            nodes: 2,
            pods: 1,
            facts: 412,
            explained: 412,
            inferred: 0,
            unexplained: 0,
        },
        ..founding()
    }
}

/// A report on an excerpt that can carry nothing.
pub fn insufficient() -> Report {
    Report {
        verdict: Verdict::Insufficient,
        divergences: Vec::new(),
        missing: vec![Missing {
            what: "no kube-controller-manager log".to_owned(),
            consequence: "what the controller held attached cannot be told".to_owned(),
            supply: Some("kubectl logs -n kube-system kube-controller-manager-NODE, at -v=4 or more".to_owned()),
        }],
        unexplained: vec![Unexplained {
            at: at("02:13:41.000"),
            what: "node-1's report gains pv-1 although nothing attached it".to_owned(),
            evidence: vec![line(AUDIT, 99, "PATCH nodes/node-1/status 200")],
        }],
        inputs: vec![input()],
        ..founding()
    }
}

fn profile() -> Profile {
    Profile {
        kubernetes: "1.20".to_owned(),
        release: Some("1.20.2".to_owned()),
        because: format!("{AUDIT}:17 userAgent kube-controller-manager/v1.20.2"),
        assumed: false,
    }
}

fn divergence() -> Divergence {
    let chain = chain();
    let attached = States {
        desired: Some(false),
        controller: ControllerState::Attached,
        to_report: Some(true),
        reported: Some(false),
        attachment: AttachmentState::Attached,
        in_use: Some(false),
        mounted: Mounted::No,
    };
    let parted = States {
        desired: Some(true),
        to_report: Some(false),
        ..attached
    };
    Divergence {
        id: "D1".to_owned(),
        cluster: None,
        severity: Severity::Stuck,
        status: Status::Open,
        volume: VOLUME.to_owned(),
        pv: Some("pv-1".to_owned()),
        node: "node-1".to_owned(),
        pods: vec!["app/web-0".to_owned()],
        headline: "app/web-0 can't start on node-1: pv-1 is attached there, but node-1's status no longer says so, \
                   and nothing will write it again."
            .to_owned(),
        mechanism: "detach-backoff-drops-report-as-attached".to_owned(),
        known_issues: vec!["kubernetes/kubernetes#88565".to_owned()],
        fixed_in: Some("1.21".to_owned()),
        fixes: ["1.21.7", "1.22.4", "1.23.0"].map(str::to_owned).to_vec(),
        has_fix: Some(false),
        since: at("02:13:33.104"),
        until: None,
        confidence: Confidence::Proven,
        operation: chain[3].clone(),
        trigger: Some(chain[4].clone()),
        symptom: Some(chain[5].clone()),
        chain,
        states: StatesOverTime {
            before: attached,
            after: parted,
            end: States {
                in_use: Some(true),
                ..parted
            },
        },
        alternatives: vec![Alternative {
            mechanism: "stale-node-cache-empty-patch".to_owned(),
            why_not: "the controller's own list lost the volume before the patch was computed".to_owned(),
        }],
        remedies: remedies(),
    }
}

fn chain() -> Vec<Step> {
    let tries = Evidence {
        repeat: Some(Repeat {
            count: 9,
            last_line: 291,
        }),
        ..line(
            KUBELET,
            258,
            "Volume not attached according to node status for volume \"pv-1\"",
        )
    };
    vec![
        Step::observed(
            at("02:13:32.795"),
            Actor::Controller,
            "report_removed",
            "takes the volume off node-1's report, to detach it",
            vec![
                line(KCM, 1_007, "Updating status for node \"node-1\""),
                line(AUDIT, 68, "PATCH nodes/node-1/status 200"),
            ],
        ),
        Step::observed(
            at("02:13:32.797"),
            Actor::ApiServer,
            "va_delete_failed",
            "DELETE of the VolumeAttachment fails (500)",
            vec![line(AUDIT, 69, "DELETE volumeattachments/csi-8a 500")],
        ),
        Step::observed(
            at("02:13:32.883"),
            Actor::Controller,
            "detach_failed",
            "detach failed: puts it back on its list, may not retry for 500 ms",
            vec![
                line(
                    KCM,
                    1_013,
                    "DetachVolume.Detach failed for volume \"pv-1\" (UniqueName: \"kubernetes.io/csi/csi.example.com^vol-data-0\") on node \"node-1\" : the server reported an internal error",
                ),
                line(
                    KCM,
                    1_014,
                    "No retries permitted until 2026-11-23 02:13:33.383 (durationBeforeRetry 500ms)",
                ),
            ],
        ),
        Step::inferred(
            at("02:13:32.943"),
            Actor::Controller,
            "report_dropped",
            "the next pass takes it off again for a retry that the back-off refuses, and does not put it back",
            vec![
                line(KCM, 1_015, "Starting attacherDetacher.DetachVolume for volume \"pv-1\""),
                line(KCM, 1_017, "Updating status \"{}\" for node \"node-1\""),
            ],
        ),
        Step::observed(
            at("02:13:33.104"),
            Actor::User,
            "pod_bound",
            "web-0 is back on node-1: the volume is wanted again, so the controller only touches what it holds attached",
            vec![
                line(AUDIT, 71, "CREATE pods/web-0/binding 201"),
                line(AUDIT, 72, "CREATE pods/web-0 201"),
            ],
        ),
        Step::observed(
            at("02:13:33.242"),
            Actor::Kubelet("node-1".to_owned()),
            "verify_attached_failed",
            "waits for a report that nobody will write",
            vec![tries],
        ),
    ]
}

fn remedies() -> Vec<Remedy> {
    let remedy = |action: &str, outcome, agree: Option<u64>, risk: &str| Remedy {
        action: action.to_owned(),
        outcome,
        agree_after_ms: agree,
        runs_after_ms: None,
        risk: risk.to_owned(),
    };
    vec![
        remedy("restart-controller", Outcome::Heals, Some(1_000), "none"),
        remedy("delete-pod-other-node", Outcome::Heals, Some(4_500), "none"),
        remedy("delete-pod-same-node", Outcome::NoEffect, None, "none"),
        remedy("restart-kubelet", Outcome::NoEffect, None, "none"),
        remedy(
            "report-by-hand",
            Outcome::Unsafe,
            None,
            "the next patch wipes it, or it stays after the detach",
        ),
    ]
}
