//! Coverage: can what was read carry a verdict, and what is missing?
//!
//! In: the reading, the cast, the lives. Out: whether the machinery's own words were recorded, and the gaps, each with
//! its consequence and with what would supply it.

use crate::fact::{Fact, Kind, Reading, Source};
use crate::graph::cast::{Cast, Node};
use crate::replay::Lives;
use crate::report::Missing;
use crate::report::text::seconds;
use crate::time::{Span, Time};

/// What is missing where the controller's log is.
pub const NO_CONTROLLER_LOG: &str = "no kube-controller-manager log";
/// What is missing where no write was audited.
pub const NO_AUDIT_LOG: &str = "no audit log";
/// What is missing where writes were audited without what was written.
pub const NO_AUDIT_BODIES: &str = "the audit log has no bodies of node status writes";
/// What is missing where the external-attacher's log is.
pub const NO_ATTACHER_LOG: &str = "no external-attacher log";

/// What was recorded.
#[derive(Clone, Debug, Default)]
pub struct Coverage {
    /// Enough to say that all is well.
    pub carries_clean: bool,
    /// Anything about attach and detach at all.
    pub any: bool,
    /// Gaps.
    pub missing: Vec<Missing>,
}

/// Reads the coverage off a reading.
#[must_use]
pub fn of(reading: &Reading, cast: &Cast, lives: &Lives) -> Coverage {
    let controller = lives.controller_heard.is_some();
    let end = reading.end();
    let any = |test: &dyn Fn(&Fact) -> bool| reading.facts.iter().any(test);
    // Where nothing was attached or detached no report had to be written.
    let bodies = any(&|fact| fact.kind == Kind::NodeStatusPatched && fact.call.as_ref().is_some_and(|call| call.body))
        || !any(&|fact| is_reported(fact, end));
    let unheard = without_kubelet(cast, lives);
    let mut missing = Vec::new();
    if !controller {
        missing.push(Missing::new(
            NO_CONTROLLER_LOG,
            "what the controller believed is inferred from its writes",
            "kubectl logs -n kube-system kube-controller-manager-<node> (and --previous), at -v=4 or more",
        ));
    }
    if lives.audit.is_empty() {
        missing.push(Missing::new(
            NO_AUDIT_LOG,
            "writes to Node objects, VolumeAttachments and pods are inferred from logs",
            "an audit policy with RequestResponse for nodes/status and volumeattachments",
        ));
    } else if !bodies {
        missing.push(Missing::new(
            NO_AUDIT_BODIES,
            "what volumesAttached said is inferred",
            "audit level RequestResponse for nodes/status and volumeattachments",
        ));
    }
    missing.extend(untold(&lives.controller_told, "kube-controller-manager log"));
    missing.extend(untold(&lives.audit, "audit log"));
    for node in &unheard {
        let name = cast.node_name(*node);
        missing.push(Missing::new(
            format!("no kubelet log for {name}"),
            format!("mounts on {name} are inferred"),
            "journalctl -u kubelet on the node",
        ));
    }
    if !lives.attacher_log && !reading.facts.is_empty() {
        missing.push(Missing::new(
            NO_ATTACHER_LOG,
            "calls to the driver are known from VolumeAttachments only",
            "kubectl logs of the csi-attacher container, at -v=5",
        ));
    }
    let lost: Vec<Missing> = lost(reading).into_iter().chain(dropped(reading)).collect();
    let whole = lost.is_empty();
    missing.extend(lost);
    Coverage {
        carries_clean: whole && controller && !lives.audit.is_empty() && bodies && unheard.is_empty(),
        any: !reading.facts.is_empty(),
        missing,
    }
}

/// The sources that tell something, each with that.
fn telling<'r, T: 'r>(
    reading: &'r Reading,
    what: fn(&'r Source) -> Option<&'r T>,
) -> impl Iterator<Item = (&'r Source, &'r T)> {
    reading
        .sources
        .iter()
        .filter_map(move |source| Some((source, what(source)?)))
}

/// Logs that lack lines, told by the first.
fn lost(reading: &Reading) -> Option<Missing> {
    let mut torn = telling(reading, |source| source.lost.as_ref());
    let (source, lost) = torn.next()?;
    let more = match torn.count() {
        0 => String::new(),
        1 => "; one more log lacks lines too".to_owned(),
        more => format!("; {more} more logs lack lines too"),
    };
    Some(Missing::new(
        format!(
            "lines of {}: line {} (`{}`) is always written together with one that is not there (`{}`){more}",
            source.path, lost.line, lost.stands, lost.lacks
        ),
        "what else was lost is not known, so no volume is called well, and no finding more than possible",
        "the log as it was written: journald and log shippers drop lines under load",
    ))
}

/// Logs whose keeper says that it dropped lines, told by the first.
fn dropped(reading: &Reading) -> Option<Missing> {
    let (source, dropped) = telling(reading, |source| source.dropped.as_ref()).next()?;
    Some(Missing::new(
        format!(
            "lines of {}: line {} says `{}`",
            source.path, dropped.line, dropped.says
        ),
        "what the dropped lines would tell is not known, so no volume is called well",
        "the log of the time before and after, or of the other parties; a higher RateLimitBurst in journald.conf",
    ))
}

/// An attach and the report on it take no longer, unless something hinders them.
const REPORTED_WITHIN: Span = Span::secs(10);

/// Whether a node's report was written by the end of the recording for what a fact tells.
fn is_reported(fact: &Fact, end: Time) -> bool {
    match fact.kind {
        Kind::NodeStatusPatched | Kind::StatusPatched | Kind::DetachOk => true,
        Kind::VaApiCreated | Kind::AttachOk => fact.at + REPORTED_WITHIN < end,
        _ => false,
    }
}

/// Parts of the time of which a log that was read does not tell, though others show that it should.
fn untold(told: &[(Time, Time)], log: &str) -> Vec<Missing> {
    let gap = |when: String| {
        Missing::new(
            format!("the {log} {when}"),
            "what it would tell of that time is inferred from the other sources",
            "the whole log: rotated files, and kubectl logs --previous",
        )
    };
    let ends = told.first().zip(told.last()).map(|(first, last)| (first.0, last.1));
    let Some((from, to)) = ends else { return Vec::new() };
    let mut gaps = Vec::new();
    if from != Time::MIN {
        gaps.push(gap(format!("before {}", seconds(from))));
    }
    for pair in told.windows(2) {
        if let [(_, until), (again, _)] = pair {
            gaps.push(gap(format!("between {} and {}", seconds(*until), seconds(*again))));
        }
    }
    if to != Time::MAX {
        gaps.push(gap(format!("after {}", seconds(to))));
    }
    gaps
}

fn without_kubelet(cast: &Cast, lives: &Lives) -> Vec<Node> {
    let all = (0..cast.nodes.len())
        .filter_map(|index| u32::try_from(index).ok())
        .map(Node);
    all.filter(|node| !lives.kubelets.contains_key(node)).collect()
}
