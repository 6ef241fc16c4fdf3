//! The report for a ticket: Markdown, at most 60 lines.
//!
//! In: a report. Out: the verdict, each divergence with its key steps and the lines that prove them folded away, what
//! waits and what is missing. Where not everything fits, evidence goes first, then later divergences are counted.

use std::io;

use super::{cell, place};
use crate::report::text::{Sources, and, clean, cut, millis};
use crate::report::words::{self, key_steps};
use crate::report::{Divergence, Face, Outcome, Report, Verdict, remedy};

/// Lines of a ticket.
const LINES: usize = 60;
/// Lines that foot and heading need.
const FRAME: usize = 8;
/// Columns of a line of evidence.
const WIDE: usize = 300;

/// The report as Markdown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Markdown;

impl Face for Markdown {
    fn write(&self, report: &Report, out: &mut dyn io::Write) -> io::Result<()> {
        let sources = Sources::of(&report.inputs);
        let mut lines = vec![format!("**adtrace: {}**", verdict(report)), String::new()];
        if let Some(first) = report.clusters.first() {
            let names: Vec<&str> = report.clusters.iter().map(|cluster| cluster.name.as_str()).collect();
            let names = plain(&and(&names));
            lines.push(format!(
                "Several clusters, each looked at on its own: {names} ({})",
                plain(&first.because)
            ));
            lines.push(String::new());
        }
        let full: Vec<Vec<String>> = report
            .divergences
            .iter()
            .map(|divergence| told(report, divergence, &sources))
            .collect();
        if full.iter().map(Vec::len).sum::<usize>() + lines.len() + FRAME - 2 <= LINES {
            lines.extend(full.into_iter().flatten());
        } else {
            lines.extend(short(report));
        }
        lines.extend(rest(report, LINES.saturating_sub(lines.len() + 1)));
        let release = report.profile.release.as_ref().unwrap_or(&report.profile.kubernetes);
        lines.push(format!(
            "Kubernetes {}, {} of {} facts explained, adtrace {}",
            plain(release),
            report.summary.explained,
            report.summary.facts,
            report.tool.version
        ));
        lines.iter().try_for_each(|line| writeln!(out, "{line}"))
    }
}

fn verdict(report: &Report) -> &'static str {
    match report.verdict {
        Verdict::Diverged => "the states parted",
        Verdict::Clean => "the states agree",
        Verdict::Insufficient => "no verdict, evidence is missing",
    }
}

/// One divergence with its evidence.
fn told(report: &Report, divergence: &Divergence, sources: &Sources<'_>) -> Vec<String> {
    let mut lines = vec![entry(divergence), String::new()];
    lines.extend(words::release(report, divergence).map(|fix| format!("* {} {}", plain(&fix), issues(divergence))));
    for (label, outcome) in [("helps", Outcome::Heals), ("unsafe", Outcome::Unsafe)] {
        let acts = remedy::all(&divergence.remedies, outcome);
        if !acts.is_empty() {
            lines.push(format!("* {label}: {}", plain(&acts.join("; "))));
        }
    }
    lines.push(String::new());
    lines.push("| | time (UTC) | who | what | where |".to_owned());
    lines.push("|-|-|-|-|-|".to_owned());
    for (part, step) in key_steps(divergence) {
        let inferred = words::inferred(step);
        lines.push(format!(
            "| {} {} | {} | {} | {}{inferred} | {} |",
            part.mark(),
            part.word(),
            millis(step.at),
            plain(&step.actor.to_string()),
            plain(&step.what),
            plain(&sources.places(&step.evidence).join(", "))
        ));
    }
    let proofs = key_steps(divergence).flat_map(|(_, step)| &step.evidence);
    let proofs: Vec<String> = proofs
        .map(|evidence| format!("{}: {}", place(evidence), cut(&clean(&evidence.text), WIDE)))
        .collect();
    if !proofs.is_empty() {
        let fence = fence(&proofs);
        lines.extend([
            String::new(),
            "<details><summary>Evidence</summary>".to_owned(),
            String::new(),
        ]);
        lines.push(fence.clone());
        lines.extend(proofs);
        lines.extend([fence, String::new(), "</details>".to_owned()]);
    }
    lines.push(String::new());
    lines
}

/// A divergence in a line.
fn entry(divergence: &Divergence) -> String {
    format!(
        "**{} {} {}: {}** {} (`{}`, since {}, {})",
        plain(&divergence.id),
        divergence.severity.word(),
        divergence.status.word(),
        plain(&cell(divergence)),
        plain(&divergence.headline),
        clean(&divergence.mechanism).replace('`', "'"),
        divergence.since,
        divergence.confidence.word()
    )
}

fn issues(divergence: &Divergence) -> String {
    plain(&divergence.known_issues.join(", "))
}

/// Many divergences: one line and the operation's place each, as many as fit.
fn short(report: &Report) -> Vec<String> {
    let room = LINES - FRAME;
    let mut lines: Vec<String> = report
        .divergences
        .iter()
        .take(room - 1)
        .map(|divergence| {
            let step = &divergence.operation;
            let at = step
                .evidence
                .first()
                .map_or(String::new(), |evidence| format!(" at {}", plain(&place(evidence))));
            format!(
                "* {}; {} {}{at}",
                entry(divergence),
                plain(&step.actor.to_string()),
                plain(&step.what)
            )
        })
        .collect();
    let more = report.divergences.len() - lines.len();
    if more > 0 {
        lines.push(format!("* and {more} more"));
    }
    lines.push(String::new());
    lines
}

/// What waits and what is missing, in at most `room` lines.
fn rest(report: &Report, room: usize) -> Vec<String> {
    let open = report.waits.iter().filter(|wait| wait.until.is_none());
    let waits = open.map(|wait| {
        let pods: Vec<&str> = wait.pods.iter().map(String::as_str).collect();
        format!(
            "* waits ({}): {} on {}",
            wait.kind,
            plain(&pods.join(", ")),
            plain(&wait.on)
        )
    });
    let gaps = report
        .missing
        .iter()
        .map(|gap| format!("* missing: {}: {}", plain(&gap.what), plain(&gap.consequence)));
    let all: Vec<String> = waits.chain(gaps).collect();
    if all.is_empty() {
        return all;
    }
    let room = room.saturating_sub(2).max(1);
    let mut lines: Vec<String> = all.iter().take(room).cloned().collect();
    if all.len() > room {
        lines.pop();
        lines.push(format!("* and {} more", all.len() - lines.len()));
    }
    lines.push(String::new());
    lines
}

/// Text in which nothing is markup.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in clean(text).chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            // A name that begins with @ or holds one would call somebody.
            '@' => out.push_str("&#64;"),
            '\\' | '`' | '*' | '[' | ']' | '|' | '~' | '!' => out.extend(['\\', c]),
            c => out.push(c),
        }
    }
    out
}

/// A fence longer than any in the lines.
fn fence(lines: &[String]) -> String {
    let longest = lines
        .iter()
        .flat_map(|line| line.split(|c| c != '~'))
        .map(str::len)
        .max();
    "~".repeat(longest.unwrap_or(0).max(2) + 1)
}
