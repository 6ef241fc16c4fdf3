//! Facts to bounds between clocks: pairs of moments, told by two clocks, whose order is beyond doubt.
//!
//! In: facts and who is who. Out: [`Constraint`]s. The rules are one table; a rule pairs the facts of one subject in
//! their order. Where one side has more of them than the other, the log is not whole and the subject is passed over: a
//! wrong pair would bend a clock that is right.

use std::collections::BTreeMap;

use super::group::{API, Groups};
use super::solve::Constraint;
use crate::fact::{Detail, Fact, Kind, Name, Party, Reading};
use crate::graph::cast::{Cast, Node, Volume};
use crate::time::Time;

/// What the two facts of a pair are about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Subject {
    Cell(Volume, Node),
    Node(Node),
    /// A pod by its uid.
    Uid(Name),
    /// A pod by its name, on a node.
    Pod(Name, Node),
    /// A pod or attachment by its name.
    Named(Name),
    /// An event by its reason and what it is about.
    Event(Name, Name),
}

/// Which facts of one subject make pairs.
#[derive(Clone, Copy, Debug)]
enum Pairs {
    /// The first with the first, the second with the second, where there are as many of the one as of the other.
    Each,
    /// The first of each: for subjects that come once, of which the same is told again and again.
    First,
    /// The same, where the log shows the subject's beginning, so that the first line about it is there.
    FirstSince(fn(&Fact) -> bool),
    /// As `Each`, of lines that a log repeats only the first after each beginning of the subject.
    EachSince(fn(&Fact) -> bool),
}

/// One rule: whatever `first` says happens before what `then` says.
struct Rule {
    first: fn(&Fact) -> bool,
    then: fn(&Fact) -> bool,
    about: fn(&Fact, &Cast) -> Option<Subject>,
    pairs: Pairs,
    /// Between two logs; used where no audit log tells the API servers' time.
    unaudited: bool,
}

const fn rule(
    first: fn(&Fact) -> bool,
    then: fn(&Fact) -> bool,
    about: fn(&Fact, &Cast) -> Option<Subject>,
    pairs: Pairs,
) -> Rule {
    Rule {
        first,
        then,
        about,
        pairs,
        unaudited: false,
    }
}

const fn between_logs(
    first: fn(&Fact) -> bool,
    then: fn(&Fact) -> bool,
    about: fn(&Fact, &Cast) -> Option<Subject>,
) -> Rule {
    Rule {
        unaudited: true,
        ..rule(first, then, about, Pairs::Each)
    }
}

/// All rules. A request is received after its sender set out to send it, and before its sender or anybody else can log
/// that it was done.
const RULES: &[Rule] = &[
    // Kubelets. A kubelet that starts again adds all its pods again, so the first is told by uid; a pod that comes back
    // under its name has no uid of its own in newer lines, so all are told by name.
    rule(|f| asked(f, Kind::PodBound), |f| sync(f, "ADD"), uid, Pairs::First),
    rule(
        |f| asked(f, Kind::PodBound),
        |f| sync(f, "ADD"),
        pod_on_node,
        Pairs::Each,
    ),
    // A kubelet may hear of one deletion twice.
    rule(
        deleted_by_others,
        |f| sync(f, "DELETE"),
        named_pod,
        Pairs::EachSince(|f| sync(f, "ADD")),
    ),
    rule(|f| sync(f, "DELETE"), |f| event(f, &["Killing"]), uid, Pairs::First),
    rule(
        |f| sync(f, "DELETE"),
        |f| event(f, &["Killing"]),
        pod_on_node,
        Pairs::EachSince(|f| sync(f, "ADD")),
    ),
    rule(
        |f| sync(f, "DELETE"),
        deleted_by_kubelet,
        pod_on_node,
        Pairs::EachSince(|f| sync(f, "ADD")),
    ),
    rule(deleted_by_kubelet, |f| sync(f, "REMOVE"), uid, Pairs::First),
    rule(deleted_by_kubelet, |f| sync(f, "REMOVE"), pod_on_node, Pairs::Each),
    rule(
        |f| said(f, Kind::KubeletVolumesReady),
        |f| event(f, &["Pulling", "Pulled", "Created", "Started"]),
        uid,
        Pairs::FirstSince(|f| sync(f, "ADD")),
    ),
    rule(
        |f| said(f, Kind::KubeletVolumesFailedEvent),
        |f| event(f, &["FailedMount"]),
        named_pod,
        Pairs::Each,
    ),
    rule(
        |f| said(f, Kind::KubeletStarted),
        |f| called(f, Kind::NodeCreated) && by_kubelet(f),
        node,
        Pairs::Each,
    ),
    rule(
        |f| called(f, Kind::NodeCreated) && by_kubelet(f),
        registered,
        node,
        Pairs::Each,
    ),
    // The controller.
    rule(
        |f| said(f, Kind::AttachStarted),
        |f| asked(f, Kind::VaApiCreated) && by_controller(f),
        cell,
        Pairs::Each,
    ),
    rule(
        |f| asked(f, Kind::VaApiCreated) && by_controller(f),
        |f| said(f, Kind::VaCreated),
        attachment,
        Pairs::Each,
    ),
    rule(
        detach_said,
        |f| called(f, Kind::VaApiDeleted) && by_controller(f),
        cell,
        Pairs::Each,
    ),
    rule(
        |f| asked(f, Kind::VaApiDeleted) && by_controller(f),
        |f| said(f, Kind::DetachOk),
        cell,
        Pairs::Each,
    ),
    rule(
        patched_attached,
        |f| said(f, Kind::VaAttachDone),
        attachment,
        Pairs::Each,
    ),
    rule(patched_attached, |f| said(f, Kind::AttachOk), cell, Pairs::Each),
    rule(
        |f| asked(f, Kind::NodeCreated),
        |f| said(f, Kind::NodeObservedNew),
        node,
        Pairs::Each,
    ),
    rule(
        |f| asked(f, Kind::NodeStatusPatched) && by_controller(f),
        |f| said(f, Kind::StatusPatched),
        node,
        Pairs::Each,
    ),
    rule(
        |f| said(f, Kind::EventLogged),
        |f| called(f, Kind::EventRecorded),
        told,
        Pairs::Each,
    ),
    // The attacher.
    rule(
        |f| asked(f, Kind::VaApiCreated),
        |f| said(f, Kind::EaVaFinalizer),
        attachment,
        Pairs::Each,
    ),
    rule(|f| said(f, Kind::EaAttached), patched_attached, attachment, Pairs::Each),
    rule(
        patched_attached,
        |f| said(f, Kind::EaFullyAttached),
        attachment,
        Pairs::Each,
    ),
    rule(|f| said(f, Kind::EaDetached), stripped, attachment, Pairs::Each),
    rule(stripped, |f| said(f, Kind::EaFullyDetached), attachment, Pairs::Each),
    // The scheduler.
    rule(
        |f| asked(f, Kind::PodBound),
        |f| said(f, Kind::PodScheduled),
        named_pod,
        Pairs::Each,
    ),
    rule(
        |f| said(f, Kind::PodScheduled),
        |f| event(f, &["Scheduled"]),
        named_pod,
        Pairs::Each,
    ),
    // Without an audit log.
    between_logs(|f| said(f, Kind::AttachOk), |f| said(f, Kind::KubeletVerifyOk), cell),
    between_logs(
        |f| said(f, Kind::KubeletDeviceUnmounted),
        |f| said(f, Kind::DetachVerifiedSafe),
        cell,
    ),
    between_logs(|f| said(f, Kind::AttachStarted), |f| said(f, Kind::EaAttaching), cell),
    between_logs(
        |f| said(f, Kind::EaAttached),
        |f| said(f, Kind::VaAttachDone),
        attachment,
    ),
    between_logs(|f| said(f, Kind::PodScheduled), |f| sync(f, "ADD"), named_pod),
];

/// A log line of that kind.
fn said(fact: &Fact, kind: Kind) -> bool {
    fact.kind == kind && fact.call.is_none()
}

/// A detach begins, by force or not: each sends its request, though the attachment be gone.
fn detach_said(fact: &Fact) -> bool {
    let kinds = [
        Kind::DetachStarted,
        Kind::DetachForcedTimeout,
        Kind::DetachForcedOutOfService,
    ];
    kinds.iter().any(|kind| said(fact, *kind))
}

/// A request of that kind, whatever its answer.
fn called(fact: &Fact, kind: Kind) -> bool {
    fact.kind == kind && fact.call.is_some()
}

/// A request of that kind that was accepted.
fn asked(fact: &Fact, kind: Kind) -> bool {
    fact.kind == kind && fact.call.as_ref().is_some_and(|call| call.ok())
}

fn deleted_by_kubelet(fact: &Fact) -> bool {
    asked(fact, Kind::PodDeleted) && by_kubelet(fact)
}

fn deleted_by_others(fact: &Fact) -> bool {
    asked(fact, Kind::PodDeleted) && !by_kubelet(fact)
}

/// A kubelet's node is registered. `Node was previously registered` comes beside this line when a kubelet starts again.
fn registered(fact: &Fact) -> bool {
    said(fact, Kind::NodeRegistered) && fact.text.contains("Successfully")
}

fn by_kubelet(fact: &Fact) -> bool {
    matches!(fact.party, Party::Kubelet(_))
}

fn by_controller(fact: &Fact) -> bool {
    fact.party == Party::Controller
}

fn sync(fact: &Fact, wanted: &str) -> bool {
    matches!(&fact.detail, Detail::SyncLoop { verb } if **verb == *wanted)
}

/// An event of a kubelet or the scheduler about a pod, written.
fn event(fact: &Fact, reasons: &[&str]) -> bool {
    called(fact, Kind::EventRecorded)
        && matches!(&fact.detail, Detail::Event { reason, .. } if reasons.contains(&&**reason))
}

fn patched_attached(fact: &Fact) -> bool {
    asked(fact, Kind::VaStatusPatched)
        && matches!(&fact.detail, Detail::Attachment(detail) if detail.attached == Some(true))
}

fn stripped(fact: &Fact) -> bool {
    asked(fact, Kind::VaPatched)
        && fact.party == Party::Attacher
        && matches!(&fact.detail, Detail::Attachment(detail) if detail.strips_finalizer)
}

/// A pod by its uid, or by its name where only one pod bore that.
fn uid(fact: &Fact, cast: &Cast) -> Option<Subject> {
    let uid = |pod| cast.pod_info(pod).uid.clone();
    fact.uid.clone().or_else(|| cast.pod(fact).map(uid)).map(Subject::Uid)
}

fn pod_on_node(fact: &Fact, cast: &Cast) -> Option<Subject> {
    Some(Subject::Pod(fact.pod.clone()?, cast.node(fact)?))
}

fn named_pod(fact: &Fact, _: &Cast) -> Option<Subject> {
    fact.pod.clone().map(Subject::Named)
}

fn attachment(fact: &Fact, _: &Cast) -> Option<Subject> {
    fact.attachment.clone().map(Subject::Named)
}

fn node(fact: &Fact, cast: &Cast) -> Option<Subject> {
    cast.node(fact).map(Subject::Node)
}

fn cell(fact: &Fact, cast: &Cast) -> Option<Subject> {
    Some(Subject::Cell(cast.volume(fact)?, cast.node(fact)?))
}

/// An event by its reason and object.
fn told(fact: &Fact, _: &Cast) -> Option<Subject> {
    let Detail::Event { reason, .. } = &fact.detail else {
        return None;
    };
    let object = fact.pod.as_ref().or(fact.node.as_ref())?;
    Some(Subject::Event(reason.clone(), object.clone()))
}

/// Moments of both sides of a rule, and of the subject's beginning, for one subject; each with the clock that told it.
#[derive(Debug, Default)]
struct Sides {
    first: Vec<(Time, u32)>,
    then: Vec<(Time, u32)>,
    since: Vec<(Time, u32)>,
}

/// The bounds that the facts put on the clocks.
pub fn of(reading: &Reading, cast: &Cast, groups: &Groups) -> Vec<Constraint> {
    let audited = reading.facts.iter().any(|fact| fact.call.is_some());
    let mut found: BTreeMap<(usize, Subject), Sides> = BTreeMap::new();
    for fact in &reading.facts {
        let Some(moment) = moment(fact, groups) else { continue };
        for (row, rule) in RULES.iter().enumerate().filter(|(_, rule)| rule.unaudited != audited) {
            let (first, then) = ((rule.first)(fact), (rule.then)(fact));
            let since = matches!(rule.pairs, Pairs::FirstSince(begins) | Pairs::EachSince(begins) if begins(fact));
            if !(first || then || since) {
                continue;
            }
            let Some(subject) = (rule.about)(fact, cast) else {
                continue;
            };
            let sides = found.entry((row, subject)).or_default();
            if first {
                sides.first.push(moment);
            } else if then {
                sides.then.push(moment);
            } else {
                sides.since.push(moment);
            }
        }
    }
    let mut constraints = Vec::new();
    for ((row, _), sides) in &mut found {
        if let Some(rule) = RULES.get(*row) {
            pair(rule.pairs, sides, &mut constraints);
        }
    }
    constraints
}

/// When a fact happened and by which clock: a request when it was received.
fn moment(fact: &Fact, groups: &Groups) -> Option<(Time, u32)> {
    match &fact.call {
        Some(call) => Some((call.received, API)),
        None => Some((fact.at, groups.clock(fact.source.0)?)),
    }
}

/// Of lines by the clock of the beginnings, only the first after each.
fn without_repeats(side: &mut Vec<(Time, u32)>, since: &[(Time, u32)]) {
    let clock = side.first().map(|(_, clock)| *clock);
    if since.iter().any(|(_, of)| Some(*of) != clock) {
        return;
    }
    let mut last = None;
    side.retain(|(at, _)| {
        let begun = since.partition_point(|(begin, _)| begin <= at);
        last.replace(begun) != Some(begun)
    });
}

fn pair(pairs: Pairs, sides: &mut Sides, constraints: &mut Vec<Constraint>) {
    let one_clock = |side: &[(Time, u32)]| side.windows(2).all(|pair| matches!(pair, [(_, a), (_, b)] if a == b));
    if !one_clock(&sides.first) || !one_clock(&sides.then) {
        return;
    }
    sides.first.sort_unstable();
    sides.then.sort_unstable();
    sides.since.sort_unstable();
    if matches!(pairs, Pairs::EachSince(_)) {
        without_repeats(&mut sides.first, &sides.since);
        without_repeats(&mut sides.then, &sides.since);
    }
    let earliest = |side: &[(Time, u32)]| side.first().map(|(at, _)| *at);
    let count = match pairs {
        Pairs::Each | Pairs::EachSince(_) if sides.first.len() == sides.then.len() => sides.first.len(),
        Pairs::Each | Pairs::EachSince(_) => 0,
        Pairs::First => 1,
        Pairs::FirstSince(_) => {
            let begun = earliest(&sides.since).zip(earliest(&sides.first));
            usize::from(begun.is_some_and(|(since, first)| since <= first))
        }
    };
    let both = sides.first.iter().zip(&sides.then).take(count);
    constraints.extend(both.map(|((cause, causing), (effect, affected))| Constraint {
        causing: *causing,
        cause: *cause,
        affected: *affected,
        effect: *effect,
    }));
}
