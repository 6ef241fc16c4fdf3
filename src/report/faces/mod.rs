//! The report for other programs' eyes: one file each, all behind [`crate::report::Face`].
//!
//! In: a [`Report`](crate::report::Report). Out: one line a divergence, JSON lines, Markdown for a ticket, annotations
//! for a GitHub run, `JUnit`, SARIF, a Mermaid drawing, a trace for Perfetto. None of them knows more than the report.

pub mod brief;
pub mod github;
pub mod json_lines;
pub mod junit;
pub mod markdown;
pub mod mermaid;
pub mod sarif;
pub mod viewer;

#[cfg(test)]
mod equal;
#[cfg(test)]
mod forms;
#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) mod xsd;

use super::text::{clean, short_volume};
use super::{Divergence, Evidence, Step};

/// Where a cell is, in names that people know: `pv-1 on node-1`.
fn cell(divergence: &Divergence) -> String {
    let volume = short_volume(divergence.pv.as_deref(), &divergence.volume);
    format!("{} on {}", clean(volume), clean(&divergence.node))
}

/// The line that shows a step best: its first.
fn proof(step: &Step) -> Option<&Evidence> {
    step.evidence.first()
}

/// `path:line`, the path as the report has it.
fn place(evidence: &Evidence) -> String {
    format!("{}:{}", clean(&evidence.source), evidence.line)
}
