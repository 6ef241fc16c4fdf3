//! The search finds the known ways in which the states part, in the releases that have them and in no others.

#![allow(clippy::unwrap_used, reason = "a test may panic, its helpers too")]

#[path = "explore/table.rs"]
mod table;

use adtrace::explore::{Explored, Fault, Faults, Finding, Rule, Setup, explore, story};
use adtrace::model::Profile;

/// One node, one volume, one pod, one fault of one kind, short courses: each test widens what it needs.
fn small(version: &str, fault: Fault) -> Setup {
    Setup {
        nodes: 1,
        kinds: Faults::of(&[fault]),
        depth: 10,
        ..Setup::of(Profile::of(version.parse().unwrap()))
    }
}

fn breaks(explored: &Explored, rule: Rule, faults: &[Fault]) -> Option<Finding> {
    let mut findings = explored.findings.iter();
    let of = |finding: &&Finding| finding.breach.rule == rule && finding.faults == Faults::of(faults);
    findings.find(of).cloned()
}

/// The shortest courses that break the rule with these faults, by release; 0 where there is none.
fn lengths<const N: usize>(
    versions: [&str; N],
    rule: Rule,
    faults: &[Fault],
    setup: impl Fn(&str) -> Setup,
) -> [usize; N] {
    versions.map(|version| breaks(&explore(&setup(version)), rule, faults).map_or(0, |found| found.steps.len()))
}

/// The story of the shortest course.
fn story_of(setup: &Setup, rule: Rule, faults: &[Fault]) -> String {
    let found = breaks(&explore(setup), rule, faults).unwrap();
    let mut text = Vec::new();
    adtrace::explore::print(&story::tell(&found, setup), &mut text).unwrap();
    String::from_utf8(text).unwrap()
}

/// kubernetes#88565: the detach fails, the retry is refused but has taken the volume out of the report, the pod is back.
#[test]
fn a_refused_detach_loses_the_report_until_1_22_3() {
    let versions = ["1.20.2", "1.21.6", "1.21.7", "1.22.3", "1.22.4", "1.23.13", "1.36.2"];
    let setup = |version: &str| small(version, Fault::ApiCall);
    assert_eq!(
        lengths(versions, Rule::Unreported, &[Fault::ApiCall], setup),
        [7, 7, 0, 7, 0, 0, 0]
    );
    insta::assert_snapshot!(story_of(&setup("1.20.2"), Rule::Unreported, &[Fault::ApiCall]));
}

/// kubernetes#111000: one slow, failing status patch before the detach, and the pod is back meanwhile.
#[test]
fn a_failed_patch_before_a_detach_loses_the_report_until_1_25_0() {
    let versions = ["1.20.2", "1.23.10", "1.23.11", "1.25.0", "1.25.1", "1.36.2"];
    let setup = |version: &str| small(version, Fault::StatusPatch);
    assert_eq!(
        lengths(versions, Rule::Unreported, &[Fault::StatusPatch], setup),
        [4, 4, 0, 4, 0, 0]
    );
    insta::assert_snapshot!(story_of(&setup("1.20.2"), Rule::Unreported, &[Fault::StatusPatch]));
}

/// kubernetes#107973: one node's failed patch loses what the other node should report.
#[test]
fn a_failed_patch_of_one_node_loses_the_other_nodes_report_until_1_23_4() {
    let versions = ["1.20.2", "1.23.4", "1.23.13", "1.36.2"];
    let setup = |version: &str| Setup {
        nodes: 2,
        volumes: 2,
        pods: 2,
        depth: 9,
        ..small(version, Fault::StatusPatch)
    };
    assert_eq!(
        lengths(versions, Rule::ReportLost, &[Fault::StatusPatch], setup),
        [9, 9, 0, 0]
    );
    insta::assert_snapshot!(story_of(&setup("1.20.2"), Rule::ReportLost, &[Fault::StatusPatch]));
}

/// kubernetes#122413, open: the cached node is old, the patch comes out empty and counts as done.
#[test]
fn an_old_cached_node_loses_an_update_in_every_release() {
    let versions = ["1.20.2", "1.23.13", "1.36.2"];
    let setup = |version: &str| Setup {
        depth: 11,
        ..small(version, Fault::NodeCacheLags)
    };
    assert_eq!(
        lengths(versions, Rule::ReportLost, &[Fault::NodeCacheLags], setup),
        [9, 9, 11]
    );
    insta::assert_snapshot!(story_of(&setup("1.36.2"), Rule::ReportLost, &[Fault::NodeCacheLags]));
}

/// kubernetes#124334: since 1.29 a failed detach leaves the attachment uncertain, which blocks nobody.
#[test]
fn an_uncertain_attachment_does_not_block_a_second_one_since_1_29() {
    let versions = ["1.20.2", "1.28.2", "1.28.3", "1.36.2"];
    let setup = |version: &str| Setup {
        nodes: 2,
        depth: 11,
        faults: 0,
        ..small(version, Fault::ApiCall)
    };
    assert_eq!(lengths(versions, Rule::SecondAttachment, &[], setup), [0, 0, 11, 11]);
    insta::assert_snapshot!(story_of(&setup("1.36.2"), Rule::SecondAttachment, &[]));
}

/// kubernetes#92145 and its like: a detach that was announced and not finished is forgotten by the next process.
#[test]
fn a_restart_forgets_an_announced_detach_until_1_20_2() {
    let versions = ["1.20.2", "1.20.3", "1.23.13", "1.36.2"];
    let setup = |version: &str| small(version, Fault::Restart);
    assert_eq!(
        lengths(versions, Rule::AttachmentForgotten, &[Fault::Restart], setup),
        [5, 0, 0, 0]
    );
    insta::assert_snapshot!(story_of(&setup("1.20.2"), Rule::AttachmentForgotten, &[Fault::Restart]));
}

/// kubernetes#108869: the detach failed, a new process knows the volume without its spec, the attachment goes.
#[test]
fn a_volume_without_spec_is_never_checked_until_1_28_2() {
    let versions = ["1.20.2", "1.28.2", "1.28.3", "1.36.2"];
    let setup = |version: &str| Setup {
        faults: 2,
        kinds: Faults::of(&[Fault::DriverRefuses, Fault::Restart]),
        ..small(version, Fault::Restart)
    };
    let faults = [Fault::DriverRefuses, Fault::Restart];
    assert_eq!(lengths(versions, Rule::AttachmentGone, &faults, setup), [9, 9, 0, 0]);
    insta::assert_snapshot!(story_of(&setup("1.20.2"), Rule::AttachmentGone, &faults));
}

/// The 6 min timer on a healthy node (kubernetes#106710, closed by 1.24.9 and 1.25).
#[test]
fn a_slow_unmount_is_cut_off_until_1_24_8() {
    let versions = ["1.20.2", "1.24.8", "1.24.9", "1.36.2"];
    let setup = |version: &str| Setup {
        depth: 17,
        ..small(version, Fault::UnmountHangs)
    };
    assert_eq!(
        lengths(versions, Rule::DetachedWhileMounted, &[Fault::UnmountHangs], setup),
        [7, 7, 0, 0]
    );
}

/// A detach that backs off when the pod is back: kubernetes#88565 under the name of its plight (L5).
#[test]
fn a_pod_that_is_back_during_the_back_off_waits_for_good_until_1_22_3() {
    let versions = ["1.20.2", "1.22.3", "1.22.4", "1.36.2"];
    let setup = |version: &str| small(version, Fault::ApiCall);
    assert_eq!(
        lengths(versions, Rule::LostInBackoff, &[Fault::ApiCall], setup),
        [7, 7, 0, 0]
    );
}

/// kubernetes#107973 seen from the other node (L8): its detach is given up whenever the first node cannot be told.
#[test]
fn a_node_that_cannot_be_told_holds_up_another_nodes_detach_until_1_23_4() {
    let versions = ["1.20.2", "1.23.4", "1.23.13", "1.24.0", "1.36.2"];
    let setup = |version: &str| Setup {
        nodes: 2,
        pods: 2,
        exclusive: false,
        moves: Some(3),
        ..small(version, Fault::StatusPatch)
    };
    let found = lengths(versions, Rule::HeldUpByAnother, &[Fault::StatusPatch], setup);
    assert_eq!(found.map(|steps| steps > 0), [true, true, false, false, false]);
    insta::assert_snapshot!(story_of(&setup("1.20.2"), Rule::HeldUpByAnother, &[Fault::StatusPatch]));
}

/// A dead node's volumes are let go after 6 min in every release (L4), and a deletion under way ends well (L6).
#[test]
fn dead_nodes_and_deletions_under_way_hold_nothing_for_good() {
    for version in ["1.20.2", "1.23.13", "1.36.2"] {
        let setup = Setup {
            reduced: true,
            depth: u32::MAX,
            ..small(version, Fault::NodeDead)
        };
        let explored = explore(&setup);
        assert!(explored.complete);
        for rule in [Rule::StaysOnDeadNode, Rule::LostWhileGoing] {
            assert_eq!(breaks(&explored, rule, &[Fault::NodeDead]), None, "{version}");
            assert_eq!(breaks(&explored, rule, &[]), None, "{version}");
        }
    }
}

/// Where nothing is broken nothing is found: the search is no alarm of its own.
#[test]
fn one_node_without_faults_has_no_counterexample_in_1_36() {
    let setup = Setup {
        faults: 0,
        depth: 16,
        ..small("1.36.2", Fault::ApiCall)
    };
    assert_eq!(explore(&setup).findings, []);
}

/// The same search tells the same, in the same order.
#[test]
fn a_search_is_repeatable() {
    let setup = Setup {
        nodes: 2,
        depth: 8,
        ..Setup::of(Profile::of("1.20.2".parse().unwrap()))
    };
    let (first, second) = (explore(&setup), explore(&setup));
    assert_eq!(first.findings, second.findings);
    assert_eq!(first.states, second.states);
}

/// Two nodes, two volumes, a pod each, without a fault: every course within six comings and goings of pods.
#[test]
fn two_of_everything_is_exhausted() {
    for (version, rules) in [
        (
            "1.20.2",
            vec![
                Rule::DetachedWhileMounted,
                Rule::DetachedWhileReported,
                Rule::Unreported,
                Rule::LostInBackoff,
                Rule::ReportedForGood,
            ],
        ),
        ("1.36.2", vec![Rule::SecondAttachment, Rule::ReportedForGood]),
    ] {
        let setup = Setup {
            moves: Some(6),
            ..(table::TWO_VOLUMES.setup)(Profile::of(version.parse().unwrap()))
        };
        let explored = explore(&setup);
        assert!(explored.complete);
        let found: Vec<Rule> = explored.findings.iter().map(|finding| finding.breach.rule).collect();
        assert_eq!(found, rules, "{version}");
    }
}

/// A small world is searched to its end in every release, and what is found is lost fix by fix.
#[test]
fn a_small_world_is_exhausted_in_every_release() {
    let text = table::table(&[table::ONE_NODE]);
    assert!(!text.contains("stopped"), "{text}");
    insta::assert_snapshot!(text);
}

/// The same in larger worlds; minutes, and memory. `scripts/explored` runs it and writes the document.
#[test]
#[ignore = "takes minutes"]
fn the_document_shows_what_is_found_in_larger_worlds() {
    use table::{ONE_NODE, SHARED, TWO_NODES, TWO_PODS, TWO_VOLUMES, TWO_VOLUMES_AND_A_FAULT};
    let table = table::table(&[
        ONE_NODE,
        TWO_NODES,
        TWO_PODS,
        SHARED,
        TWO_VOLUMES,
        TWO_VOLUMES_AND_A_FAULT,
    ]);
    assert!(!table.contains("stopped"), "{table}");
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/explored.md");
    let text = std::fs::read_to_string(path).unwrap();
    let (head, tail) = text.split_once("```text\n").unwrap();
    let (shown, rest) = tail.split_once("```").unwrap();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path, format!("{head}```text\n{table}```{rest}")).unwrap();
    } else {
        assert_eq!(shown, table, "UPDATE_DOCS=1 scripts/explored writes it anew");
    }
}

/// kubernetes#122413 without a lagging informer: two patches of one node in one pass are enough, since the second is
/// computed from a node that the informer has not heard of yet. The volume then stays in the node's status.
#[test]
fn two_patches_in_one_pass_leave_a_volume_in_the_status_in_every_release() {
    let setup = |version: &str| Setup {
        volumes: 2,
        pods: 2,
        depth: 13,
        faults: 0,
        ..small(version, Fault::NodeCacheLags)
    };
    let found = lengths(["1.20.2", "1.28.2", "1.36.2"], Rule::ReportedForGood, &[], setup);
    assert!(found.iter().all(|steps| *steps > 0), "{found:?}");
    insta::assert_snapshot!(story_of(&setup("1.36.2"), Rule::ReportedForGood, &[]));
}
