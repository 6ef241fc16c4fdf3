//! Which sources are taken for one cluster's, by facts made for the purpose.

use super::*;
use crate::fact::{Call, Detail, Kind, NodeDetail, Party};
use crate::time::{Span, Time};

fn at(second: i64) -> Time {
    Time::default() + Span::secs(1_700_000_000 + second)
}

fn uid(number: u32) -> Name {
    format!("00000000-0000-0000-0000-{number:012}").into()
}

/// A node in a dump.
fn node(name: &str, number: u32, created: i64) -> Fact {
    Fact {
        node: Some(name.into()),
        detail: Detail::Node(Box::new(NodeDetail {
            uid: Some(uid(number)),
            created: Some(at(created)),
            ..NodeDetail::default()
        })),
        ..Fact::new(Kind::NodeSeen, Party::ApiServer, at(0))
    }
}

/// The namespace `kube-system` in a dump.
fn system(number: u32) -> Fact {
    Fact {
        uid: Some(uid(number)),
        ..Fact::new(Kind::ClusterSeen, Party::ApiServer, at(0))
    }
}

/// A write of a node, answered at that second with that revision.
fn written(name: &str, number: u32, created: i64, answered: i64, revision: u32) -> Fact {
    let call = Call {
        user: "system:node".into(),
        agent: "kubelet".into(),
        verb: "patch".into(),
        code: 200,
        received: at(answered),
        answered: at(answered),
        body: true,
    };
    Fact {
        at: at(answered),
        kind: Kind::NodeStatusPatched,
        call: Some(Box::new(call)),
        version: Some(revision.to_string().into()),
        ..node(name, number, created)
    }
}

/// A line that only names a node.
fn line(name: &str) -> Fact {
    Fact {
        node: Some(name.into()),
        ..Fact::new(Kind::AttachTouched, Party::Controller, at(0))
    }
}

/// Names of the clusters that sources with those facts are taken for, how many sources each has, and how many are left.
fn told(files: &[(&str, Vec<Fact>)]) -> (Vec<(String, usize)>, usize) {
    let mut reading = Reading::default();
    for (number, (path, facts)) in (0..).zip(files) {
        reading.sources.push(Source {
            path: (*path).to_owned(),
            ..Source::default()
        });
        let facts = facts.iter().cloned().map(|fact| Fact {
            source: SourceId(number),
            ..fact
        });
        reading.facts.extend(facts);
    }
    let parted = apart(reading);
    let clusters = parted
        .clusters
        .into_iter()
        .map(|cluster| (cluster.name, cluster.reading.sources.len()));
    (clusters.collect(), parted.unsure.len())
}

fn one(sources: usize) -> (Vec<(String, usize)>, usize) {
    (vec![(String::new(), sources)], 0)
}

#[test]
fn paths_have_parts() {
    assert_eq!(depth("a.tar!b/c"), 3);
    assert_eq!(
        ["", "a.tar", "a.tar!b", "a.tar!b/c"],
        [0, 1, 2, 3].map(|deep| upto("a.tar!b/c", deep))
    );
}

#[test]
fn a_node_made_anew_is_of_the_same_cluster() {
    let before = written("n1", 1, 0, 100, 50);
    let after = node("n1", 2, 200);
    assert_eq!(
        told(&[("a/audit.log", vec![before.clone()]), ("b/nodes.json", vec![after])]),
        one(2)
    );
    // Also where the new one is known by its revision.
    let after = written("n1", 2, 200, 210, 60);
    assert_eq!(
        told(&[("a/audit.log", vec![before]), ("b/audit.log", vec![after])]),
        one(2)
    );
}

#[test]
fn nodes_that_lived_at_the_same_time_are_of_two() {
    let files = [
        ("a/audit.log", vec![written("n1", 1, 0, 100, 50)]),
        ("b/audit.log", vec![written("n1", 2, 50, 100, 50)]),
    ];
    assert_eq!(
        told(&files),
        (vec![("a/audit.log".to_owned(), 1), ("b/audit.log".to_owned(), 1)], 0)
    );
}

#[test]
fn a_cluster_is_known_by_its_system() {
    let files = |other: u32| {
        [
            ("a/namespaces.json", vec![system(1)]),
            ("a/kcm.log", vec![line("n1")]),
            ("b/namespaces.json", vec![system(other)]),
            ("b/kcm.log", vec![line("n7")]),
        ]
    };
    assert_eq!(told(&files(2)), (vec![("a".to_owned(), 2), ("b".to_owned(), 2)], 0));
    assert_eq!(told(&files(1)), one(4));
}

#[test]
fn a_revision_that_was_reached_long_before_is_of_another() {
    let files = [
        ("a/audit.log", vec![written("n1", 1, 0, 100, 50)]),
        ("b/audit.log", vec![written("n1", 2, 200, 210, 40)]),
    ];
    assert_eq!(told(&files).0.len(), 2);
}

#[test]
fn one_object_in_common_makes_one_cluster() {
    let files = [
        (
            "a/audit.log",
            vec![written("n1", 1, 0, 100, 50), written("n2", 9, 0, 100, 51)],
        ),
        (
            "b/audit.log",
            vec![written("n1", 2, 200, 210, 40), written("n2", 9, 0, 220, 41)],
        ),
    ];
    assert_eq!(told(&files), one(2));
}

#[test]
fn what_contradicts_nothing_goes_where_its_names_are_known() {
    let mut files = vec![
        (
            "x/a/nodes.json",
            vec![node("n1", 1, 0), node("n2", 2, 0), node("n3", 3, 0)],
        ),
        ("x/b/nodes.json", vec![node("n1", 4, 0), node("n2", 5, 0)]),
        ("x/kubelet.log", vec![line("n3")]),
    ];
    assert_eq!(
        told(&files),
        (
            vec![("x/a/nodes.json".to_owned(), 2), ("x/b/nodes.json".to_owned(), 1)],
            0
        )
    );
    files[2].1 = vec![line("n2")];
    let (clusters, unsure) = told(&files);
    assert_eq!((clusters.len(), unsure), (2, 1), "it can be of both");
}

#[test]
fn a_folder_that_contradicts_itself_is_split() {
    let files = [
        ("a-nodes.json", vec![node("n1", 1, 0), node("n2", 2, 0)]),
        ("b-nodes.json", vec![node("n1", 4, 0), node("n2", 5, 0)]),
    ];
    let both = |folder: &str| files.clone().map(|(path, facts)| (format!("{folder}{path}"), facts));
    for folder in ["", "bundle/", "bundle.tar!"] {
        let files = both(folder);
        let files: Vec<_> = files
            .iter()
            .map(|(path, facts)| (path.as_str(), facts.clone()))
            .collect();
        assert_eq!(told(&files).0.len(), 2, "{folder}");
    }
    // As captures name them: by the same path.
    let same = files.map(|(_, facts)| ("nodes.json", facts));
    assert_eq!(told(&same).0.len(), 2);
}
