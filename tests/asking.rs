//! Questions about a case, asked of the founding recording: the causal graph, why a line came about, who believed what.

mod recordings;

use adtrace::ask::timeline::{About, reported};
use adtrace::ask::{CauseGraph, StateAnswer, WhyAnswer, causes, dot, mermaid};
use adtrace::fact::Party;
use adtrace::report::Face;
use adtrace::report::lanes::Lanes;
use adtrace::report::text::Sources;
use adtrace::report::timeline::Lane;
use adtrace::time::Time;
use adtrace::{Case, Options};

fn case() -> Case {
    // Paths in the answers are shown within the input, wherever the repository lies.
    Case::open(&[recordings::founding()], &Options::default()).expect("the recording reads")
}

fn graph(case: &Case) -> CauseGraph {
    let volume = case.cast.volume_meant("pv-1").expect("the recording has one volume");
    let (run, _) = case.replay();
    CauseGraph::of(case, &run, &causes::causes(case, &run, Some(volume), None))
}

#[test]
fn the_graph_has_no_cycle_and_an_edge_of_every_rule_that_the_story_needs() {
    let graph = graph(&case());
    let mut dag = petgraph::graph::DiGraph::<(), ()>::new();
    let nodes: Vec<_> = graph.events.iter().map(|_| dag.add_node(())).collect();
    for edge in &graph.edges {
        dag.add_edge(nodes[edge.from as usize], nodes[edge.to as usize], ());
    }
    assert!(!petgraph::algo::is_cyclic_directed(&dag));
    for rule in [
        "program-order",
        "operation-ended",
        "requested",
        "attachment-handled",
        "attachment-answered",
        "report-verified",
        "in-use-read",
        "pod-bound",
        "pod-gone",
        "retried",
    ] {
        assert!(graph.edges.iter().any(|edge| edge.rule == rule), "no edge by {rule}");
    }
}

#[test]
fn the_way_from_attach_to_mount_is_one_path() {
    let graph = graph(&case());
    let event = |kind: &str| {
        let found = graph.events.iter().find(|event| event.step.kind == kind);
        found.unwrap_or_else(|| panic!("no {kind}")).id
    };
    let follows = |from: &str, to: &str| {
        let pair = (event(from), event(to));
        assert!(
            graph.edges.iter().any(|edge| (edge.from, edge.to) == pair),
            "{to} does not follow from {from}"
        );
    };
    follows("pod_bound", "attach_started");
    follows("attach_started", "va_api_created");
    follows("va_api_created", "ea_va_started");
    follows("ea_mark_attached", "va_status_patched");
    follows("va_status_patched", "attach_ok");
    follows("attach_ok", "report_add");
    follows("kubelet_verify_ok", "kubelet_mount_starting");
}

#[test]
fn a_step_that_nobody_logged_stands_before_what_needs_it() {
    let whole = case();
    let mut reading = whole.reading;
    // Without the controller's log, its patches still tell what went on its list.
    reading
        .facts
        .retain(|fact| fact.party != Party::Controller || fact.call.is_some());
    let case = Case::of(reading, &Options::default());
    let graph = graph(&case);
    let step = graph
        .events
        .iter()
        .find(|event| !event.step.observed)
        .expect("an inferred step");
    assert_eq!(step.step.kind, "report_added");
    let edge = graph
        .edges
        .iter()
        .find(|edge| edge.from == step.id)
        .expect("something needs it");
    assert_eq!(edge.rule, "needed");
    assert_eq!(graph.events[edge.to as usize].step.kind, "node_status_patched");
}

#[test]
fn the_graph_is_dot() {
    let case = case();
    let mut text = Vec::new();
    dot::write(&graph(&case), &Sources::of(&case.inputs()), &mut text).expect("memory takes everything");
    let text = String::from_utf8(text).expect("DOT is UTF-8");
    assert!(text.starts_with("digraph causes {"));
    assert_eq!(text.matches('{').count(), text.matches('}').count());
}

#[test]
fn the_graph_is_mermaid() {
    let case = case();
    let graph = graph(&case);
    let mut text = Vec::new();
    mermaid::write(&graph, &Sources::of(&case.inputs()), &mut text).expect("memory takes everything");
    let text = String::from_utf8(text).expect("UTF-8");
    let edges = text.lines().filter(|line| line.contains("-->")).count();
    assert_eq!(edges, graph.edges.len());
    let boxes = text.lines().filter(|line| line.starts_with("    e")).count();
    assert_eq!(boxes, graph.events.len());
}

#[test]
fn why_the_kubelet_waits() {
    let case = case();
    let (run, _) = case.replay();
    let answer = WhyAnswer::of(&case, &run, "kubelet.log:270").expect("the line tells something");
    let mut text = Vec::new();
    answer
        .write(&Sources::of(&case.inputs()), &mut text)
        .expect("memory takes everything");
    insta::assert_snapshot!(String::from_utf8(text).expect("UTF-8"));
}

#[test]
fn a_line_that_tells_nothing_names_its_neighbours() {
    let case = case();
    let (run, _) = case.replay();
    let answer = WhyAnswer::of(&case, &run, "kube-controller-manager.log:3");
    let error = answer.expect_err("line 3 is a list of flags");
    insta::assert_snapshot!(error.to_string());
}

#[test]
fn who_believed_what_after_the_pod_came_back() {
    let case = case();
    let at = Time::parse("2026-11-25T02:13:34Z").expect("a stamp");
    let mut text = Vec::new();
    let answer = StateAnswer::of(&case, at, None, None);
    answer
        .write(&Sources::of(&case.inputs()), &mut text)
        .expect("memory takes everything");
    insta::assert_snapshot!(String::from_utf8(text).expect("UTF-8"));
}

#[test]
fn every_change_of_a_pair_names_its_step() {
    let report = reported(&case(), &About::default());
    let mut text = Vec::new();
    Lanes::default()
        .write(&report, &mut text)
        .expect("memory takes everything");
    insta::assert_snapshot!(String::from_utf8(text).expect("UTF-8"));
}

#[test]
fn the_lanes_end_where_the_report_ends_and_causes_come_first() {
    let report = reported(&case(), &About::default());
    let timeline = report.timeline.as_ref().expect("a timeline");
    let divergence = report.divergences.first().expect("the founding divergence");
    let mut pairs = timeline
        .cells
        .iter()
        .filter(|cell| cell.divergences.contains(&divergence.id));
    let cell = pairs.next().expect("its pair");
    for lane in Lane::STATES {
        let first = lane.of(&cell.begin);
        let last = cell.changes.iter().rev().find(|change| change.lane == lane);
        let last = last.map_or(first, |change| change.value);
        assert_eq!(last, lane.of(&divergence.states.end), "{}", lane.label());
    }
    assert!(!timeline.causes.is_empty());
    for cause in &timeline.causes {
        let at = |event: u32| timeline.events[event as usize].step.at;
        assert!(at(cause.from) <= at(cause.to));
    }
}
