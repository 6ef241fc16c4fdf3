//! The lines that prove each step, as a compiler shows an error.
//!
//! In: a divergence. Out: for each step its time, actor and words, then path, line and the telling part of each line;
//! then what else was weighed. Paths are whole here, so that they can be opened.

use super::card::mark;
use super::ink::{Ink, Tone};
use crate::report::remedy::{self, phrase};
use crate::report::text::{clean, limit, millis, wrap};
use crate::report::{Divergence, Evidence, Outcome, Step};

/// Lines of one piece of evidence that are shown.
const TEXT_LINES: usize = 3;
/// Pieces of evidence of one step that are shown.
const PIECES: usize = 6;

/// The evidence for one divergence; `named` says which, where there are several.
pub fn lines(ink: Ink, divergence: &Divergence, named: bool) -> Vec<String> {
    let of = if named {
        format!(" of {}", clean(&divergence.id))
    } else {
        String::new()
    };
    let mut lines = vec![
        String::new(),
        ink.tint(Tone::Strong, &format!("The steps{of}, and the lines that show them")),
    ];
    for step in &divergence.chain {
        lines.extend(step_lines(ink, divergence, step));
    }
    let volume = format!(
        "{} · mechanism {}",
        clean(&divergence.volume),
        clean(&divergence.mechanism)
    );
    lines.extend(ink.labelled(Tone::Faint, "  volume  ", 10, &volume));
    for act in divergence.remedies.iter().filter(|r| r.outcome == Outcome::Heals) {
        lines.extend(ink.labelled(Tone::Good, "  helps   ", 10, &remedy::in_full(act)));
    }
    for act in divergence
        .remedies
        .iter()
        .filter(|r| r.outcome == Outcome::Unsafe && !r.risk.is_empty())
    {
        let text = format!("{}: {}", phrase(&act.action), clean(&act.risk));
        lines.extend(ink.labelled(Tone::Bad, "  unsafe  ", 10, &text));
    }
    for other in &divergence.alternatives {
        let text = format!("{}: {}", clean(&other.mechanism), clean(&other.why_not));
        lines.extend(ink.labelled(Tone::Faint, "  weighed ", 10, &text));
    }
    lines
}

fn step_lines(ink: Ink, divergence: &Divergence, step: &Step) -> Vec<String> {
    let (tone, mark) = mark(divergence, step);
    let how = if step.observed { "" } else { ", inferred" };
    let text = format!(
        "{} {} ({}{how})",
        clean(&step.actor.to_string()),
        clean(&step.what),
        clean(&step.kind)
    );
    let head = format!("{mark} {}  ", millis(step.at));
    let mut lines = ink.labelled(tone, &head, 16, &text);
    for evidence in step.evidence.iter().take(PIECES) {
        lines.extend(evidence_lines(ink, evidence));
    }
    if let Some(more) = step.evidence.len().checked_sub(PIECES + 1) {
        lines.push(ink.tint(Tone::Faint, &format!("      … and {} more lines", more + 1)));
    }
    lines
}

fn evidence_lines(ink: Ink, evidence: &Evidence) -> Vec<String> {
    let repeat = evidence
        .repeat
        .map_or(String::new(), |r| format!(" … {} ({} times)", r.last_line, r.count));
    let place = format!("{}:{}{repeat}", clean(&evidence.source), evidence.line);
    let mut lines = ink.paragraph(Tone::Place, 6, &place);
    let text = limit(wrap(&clean(&evidence.text), ink.width.saturating_sub(8)), TEXT_LINES);
    lines.extend(
        text.iter()
            .map(|line| format!("      {} {line}", ink.tint(Tone::Faint, "|"))),
    );
    lines
}
