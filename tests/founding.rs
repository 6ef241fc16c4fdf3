//! The founding recording, kubernetes/kubernetes#88565, from the bundle to the verdict: a detach fails, a retry that the
//! back-off refuses takes the volume off the report, the pod comes back to the node and waits for ever.

mod recordings;

use adtrace::report::{Confidence, Report, Severity, Status, Verdict};
use adtrace::{Options, analyze};

fn report() -> Report {
    analyze(&[recordings::founding()], &Options::default()).expect("the recording reads")
}

#[test]
fn issue_88565_is_found_and_named() {
    let report = report();
    assert_eq!(report.verdict, Verdict::Diverged);
    assert_eq!(report.profile.kubernetes, "1.20");
    let [divergence] = report.divergences.as_slice() else {
        panic!("one divergence, not {:#?}", report.divergences)
    };
    assert_eq!(divergence.mechanism, "detach-backoff-drops-report-as-attached");
    assert_eq!(
        (divergence.severity, divergence.status),
        (Severity::Stuck, Status::Open)
    );
    assert_eq!(divergence.confidence, Confidence::Proven);
    assert_eq!(
        (divergence.node.as_str(), divergence.pods.as_slice()),
        ("node-1", &["app/web-0".to_owned()][..])
    );
    assert!(
        divergence
            .known_issues
            .iter()
            .any(|issue| issue == "kubernetes/kubernetes#88565")
    );
    assert_eq!(divergence.has_fix, Some(false));
}

#[test]
fn the_operation_is_the_refused_retry_and_not_the_failed_detach() {
    let report = report();
    let divergence = &report.divergences[0];
    assert_eq!(divergence.operation.kind, "detach_refused_backoff");
    assert!(
        divergence
            .operation
            .evidence
            .iter()
            .any(|line| line.source == "control-plane/audit.log" && line.line == 70)
    );
    assert_eq!(divergence.trigger.as_ref().unwrap().kind, "pod_bound");
    assert!(
        divergence
            .symptom
            .as_ref()
            .unwrap()
            .actor
            .to_string()
            .starts_with("kubelet/node-1")
    );
    assert_eq!(
        (divergence.states.after.to_report, divergence.states.after.reported),
        (Some(false), Some(false))
    );
}

#[test]
fn every_line_is_accounted_for_and_every_fact_explained() {
    let report = report();
    for input in &report.inputs {
        assert_eq!(
            input.lines,
            input.used + input.irrelevant + input.not_understood,
            "{}",
            input.path
        );
    }
    assert_eq!(report.summary.unexplained, 0);
}

#[test]
fn without_its_head_the_log_tells_its_release_by_file_and_line() {
    let path = recordings::founding().join("control-plane/kube-controller-manager.log");
    let log = std::fs::read_to_string(path).expect("the log reads");
    let headless: Vec<&str> = log.lines().filter(|line| !line.contains("Version: ")).collect();
    assert!(
        headless.len() < log.lines().count(),
        "there is a line that tells the release"
    );
    let folder = recordings::Scratch::new("headless");
    let cut = folder.0.join("kube-controller-manager.log");
    std::fs::write(&cut, headless.join("\n")).expect("a file");
    let report = analyze(&[cut], &Options::default()).expect("the log reads");
    assert_eq!(
        (report.profile.kubernetes.as_str(), report.profile.assumed),
        ("1.20", false)
    );
    assert!(
        report.profile.because.starts_with("file and line of "),
        "{}",
        report.profile.because
    );
}
