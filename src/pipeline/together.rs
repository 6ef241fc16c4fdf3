//! Several clusters in one report, each analysed on its own.
//!
//! In: the reports of clusters, by name. Out: one [`Report`] with all their divergences, waits and gaps, each under its
//! cluster's name. The verdict is diverged where one is, and clean only where all are.

use crate::fact::Source;
use crate::report::{ClusterReport, Missing, Report, Summary, Verdict, Window};

/// The report of one cluster, and what tells it from the others.
#[derive(Debug)]
pub struct Told {
    /// The cluster's name.
    pub name: String,
    /// Why it is another.
    pub because: String,
    /// Its own report.
    pub report: Report,
}

/// Joins reports; that of an only cluster stays as it is.
pub fn joined(mut told: Vec<Told>, unsure: &[Source]) -> Report {
    if told.len() == 1
        && unsure.is_empty()
        && let Some(only) = told.pop()
    {
        return only.report;
    }
    let profile = told.first().map(|first| first.report.profile.clone());
    let mut whole = Report::new(profile.unwrap_or_default());
    let mut all_clean = unsure.is_empty();
    for Told { name, because, report } in told {
        all_clean &= report.verdict == Verdict::Clean;
        whole.window = spanning(whole.window, report.window);
        whole.summary = sum(whole.summary, report.summary);
        whole
            .divergences
            .extend(report.divergences.into_iter().map(|mut divergence| {
                divergence.headline = format!("{name}: {}", divergence.headline);
                divergence.cluster = Some(name.clone());
                divergence
            }));
        whole.waits.extend(report.waits.into_iter().map(|mut wait| {
            wait.cluster = Some(name.clone());
            wait
        }));
        whole.missing.extend(report.missing.into_iter().map(|gap| Missing {
            what: format!("{name}: {}", gap.what),
            ..gap
        }));
        whole.unexplained.extend(report.unexplained);
        whole.inputs.extend(report.inputs.into_iter().map(|mut input| {
            input.cluster = Some(name.clone());
            input
        }));
        whole.clusters.push(ClusterReport {
            name,
            because,
            verdict: report.verdict,
            window: report.window,
            profile: report.profile,
            summary: report.summary,
        });
    }
    for (number, divergence) in (1..).zip(&mut whole.divergences) {
        divergence.id = format!("D{number}");
    }
    whole.missing.extend(unsure.iter().map(|source| Missing {
        what: format!("which cluster {} is of", source.path),
        consequence: "it may be of more than one, and is used for none".to_owned(),
        supply: Some("give it together with one of them only".to_owned()),
    }));
    whole.inputs.extend(unsure.iter().map(super::input));
    whole.inputs.sort_by(|one, other| one.path.cmp(&other.path));
    whole.verdict = match (whole.divergences.is_empty(), all_clean) {
        (false, _) => Verdict::Diverged,
        (true, true) => Verdict::Clean,
        (true, false) => Verdict::Insufficient,
    };
    whole
}

fn spanning(one: Option<Window>, other: Option<Window>) -> Option<Window> {
    let (Some(one), Some(other)) = (one, other) else {
        return one.or(other);
    };
    Some(Window {
        from: one.from.min(other.from),
        to: one.to.max(other.to),
    })
}

fn sum(one: Summary, other: Summary) -> Summary {
    Summary {
        volumes: one.volumes + other.volumes,
        nodes: one.nodes + other.nodes,
        pods: one.pods + other.pods,
        facts: one.facts + other.facts,
        explained: one.explained + other.explained,
        inferred: one.inferred + other.inferred,
        unexplained: one.unexplained + other.unexplained,
    }
}
