//! Findings in the words of the report.
//!
//! In: findings, the run, the reading. Out: the report's divergences, waits, unexplained facts. Ids become names here,
//! facts become lines of evidence; nothing is decided any more.

use std::collections::BTreeSet;

use super::catalogue::{self, Fixed};
use super::waits::Waiting;
use super::{Finding, Findings, Harm, rival};
use crate::fact::{Fact, Reading};
use crate::graph::cast::{Cast, Node, Volume};
use crate::model::world::{CellState, Held, Va};
use crate::replay::{Cell, Deed, FactId, Run, Step, StepId};
use crate::report::{
    self, Actor, AttachmentState, Confidence, ControllerState, Divergence, Evidence, Mounted, Repeat, Severity, States,
    StatesOverTime, Status, Wait, WaitKind,
};

/// Evidence lines shown for one step.
const LINES: usize = 6;

/// What the words are taken from.
#[derive(Clone, Copy, Debug)]
pub struct Teller<'a> {
    /// Facts and sources.
    pub reading: &'a Reading,
    /// Who is who.
    pub cast: &'a Cast,
    /// Steps and states.
    pub run: &'a Run,
    /// The release that fixes are compared with.
    pub release: &'a str,
}

impl Teller<'_> {
    /// The divergences of a report.
    #[must_use]
    pub fn divergences(&self, findings: &Findings) -> Vec<Divergence> {
        findings
            .divergences
            .iter()
            .zip(1..)
            .map(|(finding, number)| self.divergence(finding, number))
            .collect()
    }

    /// The waits of a report.
    #[must_use]
    pub fn waits(&self, findings: &Findings) -> Vec<Wait> {
        findings.waits.iter().map(|wait| self.wait(wait)).collect()
    }

    /// Facts that no step explains.
    #[must_use]
    pub fn unexplained(&self) -> Vec<report::Unexplained> {
        let told = self.run.unexplained.iter().filter_map(|unexplained| {
            let fact = self.fact(unexplained.fact)?;
            Some(report::Unexplained {
                at: fact.at,
                what: unexplained.why.to_owned(),
                evidence: vec![self.line(fact)],
            })
        });
        told.collect()
    }

    /// A history that was set back: where it shows.
    #[must_use]
    pub fn replaced(&self, findings: &Findings) -> Option<report::Missing> {
        let fact = self.fact(findings.replaced?)?;
        let line = self.line(fact);
        Some(report::Missing::new(
            format!(
                "a history in one piece: {}:{} creates an object with a resource version that was passed long before",
                line.source, line.line
            ),
            "etcd was set back to an older state (a restored copy); no verdict is given across that jump",
            "the recording from after the jump on alone; then compare the VolumeAttachments with the storage",
        ))
    }

    /// Volumes with a gap in their history: what the gap means, and where it shows first.
    #[must_use]
    pub fn torn(&self) -> Option<report::Missing> {
        let first = self.fact(self.run.holes.first()?.fact)?;
        let line = self.line(first);
        let volumes: BTreeSet<Volume> = self.run.holes.iter().map(|hole| hole.volume).collect();
        let names: Vec<String> = volumes
            .iter()
            .take(3)
            .map(|volume| self.cast.info(*volume).name.to_string())
            .collect();
        let more = match volumes.len().saturating_sub(names.len()) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        Some(report::Missing::new(
            format!(
                "lines about {}{more}: {}:{} and others cannot have come about by what was recorded before them",
                names.join(", "),
                line.source,
                line.line
            ),
            "what happened to these volumes in between is not known, so they are not called well",
            "the logs and the audit log of the whole time, rotated files and --previous included",
        ))
    }

    /// Wishes that stay unmet for no reason that was recorded.
    pub fn riddles(&self, findings: &Findings) -> Vec<report::Missing> {
        let riddle = |cell: &Cell| {
            let (volume, node) = (self.cast.info(cell.0).name.to_string(), self.node(*cell));
            report::Missing::new(
                format!("what keeps {volume} from the pod that waits for it on {node} to the end"),
                "why it waits is not known, so the volume is not called well",
                "the logs of kube-controller-manager and of that node's kubelet, at -v=4 or more, and the audit log",
            )
        };
        findings.riddles.iter().map(riddle).collect()
    }

    fn divergence(&self, finding: &Finding, number: u32) -> Divergence {
        let row = catalogue::find(finding.mechanism);
        let (volume, node) = (self.volume(finding.cell), self.node(finding.cell));
        let pv = self.pv(finding.cell);
        let pods = self.pods(finding);
        let fixed = row.map_or(Fixed::Unknown, |row| row.fixed(self.release));
        let story = &finding.story;
        Divergence {
            id: format!("D{number}"),
            cluster: None,
            severity: match finding.harm {
                Harm::Slow => Severity::Slow,
                Harm::Stuck => Severity::Stuck,
                Harm::Unsafe => Severity::Unsafe,
            },
            status: if finding.until.is_some() {
                Status::Healed
            } else {
                Status::Open
            },
            headline: self.headline(
                finding,
                pods.first().map(String::as_str),
                pv.as_deref().unwrap_or(&volume),
                &node,
            ),
            volume,
            pv,
            node,
            pods,
            mechanism: finding.mechanism.to_owned(),
            known_issues: row.map_or(Vec::new(), |row| {
                row.issues.iter().map(|issue| (*issue).to_owned()).collect()
            }),
            fixed_in: row.and_then(catalogue::Mechanism::fixed_in),
            fixes: row.map_or(Vec::new(), |row| row.fixes().iter().map(ToString::to_string).collect()),
            has_fix: match fixed {
                Fixed::Yes => Some(true),
                Fixed::No => Some(false),
                Fixed::Unknown => None,
            },
            since: finding.since,
            until: finding.until,
            confidence: self.confidence(finding),
            operation: self.step(story.operation, finding.cell),
            trigger: story.trigger.map(|id| self.step(id, finding.cell)),
            symptom: story.symptom.map(|id| self.step(id, finding.cell)),
            chain: story.chain.iter().map(|id| self.step(*id, finding.cell)).collect(),
            states: self.states(finding),
            alternatives: finding
                .rule
                .filter(|_| self.is_doubtful(finding))
                .map_or_else(Vec::new, |rule| rival::of(rule, finding.mechanism)),
            remedies: row.map_or(Vec::new(), catalogue::Mechanism::remedies),
        }
    }

    fn headline(&self, finding: &Finding, pod: Option<&str>, volume: &str, node: &str) -> String {
        if let Some(row) = catalogue::find(finding.mechanism) {
            return row.headline(pod, volume, node);
        }
        let what = self
            .run
            .steps
            .get(finding.story.operation as usize)
            .map_or("the states parted", |step| step.deed.phrase());
        let what = what
            .replace("{v}", volume)
            .replace("{n}", node)
            .replace("{p}", pod.unwrap_or("the pod"));
        match finding.harm {
            Harm::Unsafe => format!("Data on {volume} may be at risk: the controller {what}."),
            Harm::Slow => format!("{volume} on {node} comes late: {what}."),
            Harm::Stuck => format!("{volume} on {node} is stuck: {what}."),
        }
    }

    /// Whether what led here may have been another operation, of which a line was lost.
    fn is_doubtful(&self, finding: &Finding) -> bool {
        finding.is_torn || self.reading.sources.iter().any(|source| source.lost.is_some())
    }

    /// Proven where every step of the story is seen; likely where some had to be inferred.
    fn confidence(&self, finding: &Finding) -> Confidence {
        let story = &finding.story;
        let key = [Some(story.operation), story.trigger, story.symptom];
        let seen = key.into_iter().flatten().all(|id| {
            self.run
                .steps
                .get(id as usize)
                .is_some_and(|step| step.observed && !step.evidence.is_empty())
        });
        if self.is_doubtful(finding) {
            return Confidence::Possible;
        }
        if seen && finding.story.symptom.is_some() && finding.mechanism != catalogue::UNKNOWN {
            Confidence::Proven
        } else {
            Confidence::Likely
        }
    }

    /// Pods that wanted the volume here (or, for a volume wanted elsewhere, there) while it lasted.
    fn pods(&self, finding: &Finding) -> Vec<String> {
        let until = finding.until.unwrap_or(crate::time::Time::MAX);
        let bound =
            |step: &&Step| step.deed == Deed::PodBound && step.volume == Some(finding.cell.0) && step.at <= until;
        let named = |step: &Step| step.pod.map(|pod| self.cast.pod_info(pod).name.to_string());
        let here: Vec<&Step> = self
            .run
            .steps
            .iter()
            .filter(bound)
            .filter(|step| step.node == Some(finding.cell.1))
            .collect();
        let before = here.iter().rev().find(|step| step.at <= finding.since).copied();
        let during = self
            .run
            .steps
            .iter()
            .filter(bound)
            .filter(|step| step.at > finding.since);
        let mut pods: Vec<String> = before.into_iter().chain(during).filter_map(named).collect();
        if pods.is_empty() {
            let on_node = self
                .cast
                .pods
                .iter()
                .filter(|pod| pod.node == Some(finding.cell.1) && pod.volumes.contains(&finding.cell.0));
            pods.extend(on_node.map(|pod| pod.name.to_string()));
        }
        let mut seen = std::collections::BTreeSet::new();
        pods.retain(|pod| seen.insert(pod.clone()));
        pods
    }

    fn states(&self, finding: &Finding) -> StatesOverTime {
        let story = &finding.story;
        let row = |step: Option<StepId>| {
            step.and_then(|id| self.run.state_at(finding.cell, id))
                .map_or(States::default(), |state| states(&state))
        };
        StatesOverTime {
            before: row(story.operation.checked_sub(1)),
            after: row(Some(story.trigger.unwrap_or(story.operation).max(story.operation))),
            end: row(StepId::try_from(self.run.steps.len()).ok()),
        }
    }

    /// A step in words; what it leaves open is taken from the pair.
    #[must_use]
    pub fn step(&self, id: StepId, cell: Cell) -> report::Step {
        self.told(id, Some(cell.0), Some(cell.1))
    }

    /// A step in words, on its own: what it leaves open stays open.
    #[must_use]
    pub fn step_alone(&self, id: StepId) -> report::Step {
        let step = self.run.steps.get(id as usize);
        self.told(id, step.and_then(|step| step.volume), None)
    }

    fn told(&self, id: StepId, volume: Option<Volume>, node: Option<Node>) -> report::Step {
        let Some(step) = self.run.steps.get(id as usize) else {
            return report::Step::inferred(crate::time::Time::MIN, Actor::Unknown, "unknown", "", Vec::new());
        };
        let node = step.node.or(node);
        let node = node.map_or("the node", |node| self.cast.node_name(node));
        let volume = volume.map_or_else(|| "the volume".to_owned(), |volume| self.cast.called(volume));
        let pod = step
            .pod
            .map_or_else(|| "the pod".to_owned(), |pod| self.cast.pod_info(pod).name.to_string());
        let mut what = step
            .deed
            .phrase()
            .replace("{v}", &volume)
            .replace("{n}", node)
            .replace("{p}", &pod);
        if let Some(error) = &step.error {
            what.push_str(": ");
            what.push_str(error);
        }
        let lines: Vec<Evidence> = step
            .evidence
            .iter()
            .take(LINES)
            .filter_map(|fact| self.fact(*fact))
            .map(|fact| self.line(fact))
            .collect();
        let (actor, name) = (Actor::from(&step.actor), step.deed.name());
        if step.observed {
            report::Step::observed(step.at, actor, name, what, lines)
        } else {
            report::Step::inferred(step.at, actor, name, what, lines)
        }
    }

    fn wait(&self, wait: &Waiting) -> Wait {
        let until = wait.until.unwrap_or(crate::time::Time::MAX);
        let mut bound = self.run.steps.iter().filter(|step| {
            step.deed == Deed::PodBound
                && step.volume == Some(wait.cell.0)
                && step.node == Some(wait.cell.1)
                && step.at <= until
        });
        let pods: Vec<String> = bound
            .next_back()
            .and_then(|step| step.pod)
            .map(|pod| self.cast.pod_info(pod).name.to_string())
            .into_iter()
            .collect();
        let mut steps = wait.steps.clone();
        steps.dedup();
        let evidence = steps
            .iter()
            .filter_map(|id| self.run.steps.get(*id as usize))
            .flat_map(|step| step.evidence.iter().take(1))
            .take(3)
            .filter_map(|fact| self.fact(*fact))
            .map(|fact| self.line(fact))
            .collect();
        let holder = wait.holder.map(|node| self.cast.node_name(node).to_string());
        Wait {
            kind: wait.kind,
            cluster: None,
            volume: Some(self.volume(wait.cell)),
            pv: self.pv(wait.cell),
            node: Some(self.node(wait.cell)),
            pods,
            since: wait.since,
            until: wait.until,
            on: who_must_act(wait.kind, holder.as_deref(), &self.node(wait.cell)),
            ends: wait.ends.map(|at| at.to_string()).or_else(|| when_it_ends(wait.kind)),
            evidence,
        }
    }

    fn fact(&self, id: FactId) -> Option<&Fact> {
        self.reading.facts.get(id as usize)
    }

    /// A fact as a line of evidence.
    #[must_use]
    pub fn line(&self, fact: &Fact) -> Evidence {
        let source = self
            .reading
            .sources
            .get(fact.source.0 as usize)
            .map_or("", |source| &source.path);
        Evidence {
            source: source.to_owned(),
            line: fact.line,
            text: fact.text.to_string(),
            repeat: fact.repeat.map(|repeat| Repeat {
                count: repeat.count,
                last_line: repeat.last_line,
            }),
        }
    }

    fn volume(&self, cell: Cell) -> String {
        self.cast.info(cell.0).name.to_string()
    }

    fn pv(&self, cell: Cell) -> Option<String> {
        let info = self.cast.info(cell.0);
        info.pvs.first().filter(|pv| **pv != info.name).map(ToString::to_string)
    }

    fn node(&self, cell: Cell) -> String {
        self.cast.node_name(cell.1).to_string()
    }
}

/// A pair's states in the words of the report.
#[must_use]
pub fn states(state: &CellState) -> States {
    States {
        desired: Some(state.desired),
        controller: match state.controller {
            None => ControllerState::Unknown,
            Some(Held::Attached) => ControllerState::Attached,
            Some(Held::Uncertain) => ControllerState::Uncertain,
            Some(Held::Detached) => ControllerState::Detached,
        },
        to_report: state.to_report,
        reported: state.reported,
        attachment: match state.attachment {
            Va::None => AttachmentState::None,
            Va::Requested => AttachmentState::Requested,
            Va::Attached => AttachmentState::Attached,
            Va::Detaching => AttachmentState::Detaching,
        },
        in_use: state.in_use,
        mounted: if state.mounted { Mounted::Yes } else { Mounted::No },
    }
}

fn who_must_act(kind: WaitKind, holder: Option<&str>, node: &str) -> String {
    let other = holder.unwrap_or("the other node");
    match kind {
        WaitKind::MultiAttach => format!("whoever owns the pod on {other}"),
        WaitKind::UnmountPending => format!("kubelet on {other}"),
        WaitKind::ForceDetachTimer => format!("nobody, or whoever can bring {other} back or fence it"),
        WaitKind::NodeNotReady => format!("whoever can bring {other} back or fence it"),
        WaitKind::AttacherDown => "external-attacher".to_owned(),
        WaitKind::DriverRefuses | WaitKind::AttachInProgress | WaitKind::DetachInProgress => "driver".to_owned(),
        WaitKind::DriverNotRegistered => format!("the driver's node plugin on {node}"),
        WaitKind::VolumeLimit => "scheduler or user".to_owned(),
        WaitKind::PvcUnbound => "provisioner or user".to_owned(),
        WaitKind::Other => "kube-controller-manager".to_owned(),
    }
}

fn when_it_ends(kind: WaitKind) -> Option<String> {
    match kind {
        WaitKind::AttachInProgress | WaitKind::DetachInProgress => Some("when the driver answers".to_owned()),
        WaitKind::MultiAttach => Some("when the other node has let go".to_owned()),
        WaitKind::UnmountPending => Some("when the node has unmounted and says so".to_owned()),
        WaitKind::Other => Some("when the controller's once-a-minute check finds the VolumeAttachment gone".to_owned()),
        _ => None,
    }
}
