//! Annotations for a run of GitHub Actions.
//!
//! In: a report. Out: workflow commands, one line each: an error for an open divergence, a warning for one that healed
//! and for missing evidence. The annotation points at the line that shows the operation.

use std::io;

use super::{cell, place, proof};
use crate::report::text::clean;
use crate::report::{Face, Report, Status, Verdict};

/// The report as workflow commands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GitHub;

impl Face for GitHub {
    fn write(&self, report: &Report, out: &mut dyn io::Write) -> io::Result<()> {
        for divergence in &report.divergences {
            let level = match divergence.status {
                Status::Open => "error",
                Status::Healed => "warning",
            };
            let step = &divergence.operation;
            let (file, at) = match proof(step) {
                Some(evidence) => (
                    format!("file={},line={},", property(&evidence.source), evidence.line),
                    format!(" ({})", place(evidence)),
                ),
                None => (String::new(), String::new()),
            };
            let title = format!("{}: {}", divergence.mechanism, cell(divergence));
            let message = format!(
                "{}\n{} {} {}{at}",
                clean(&divergence.headline),
                step.at,
                step.actor,
                clean(&step.what)
            );
            writeln!(out, "::{level} {file}title={}::{}", property(&title), data(&message))?;
        }
        if report.verdict == Verdict::Insufficient {
            for gap in &report.missing {
                let message = format!("{}: {}", clean(&gap.what), clean(&gap.consequence));
                let title = property("adtrace: evidence is missing");
                writeln!(out, "::warning title={title}::{}", data(&message))?;
            }
        }
        Ok(())
    }
}

/// A message as a workflow command takes it.
pub fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A property's value, which also must not hold the signs that end it.
pub fn property(text: &str) -> String {
    data(&clean(text)).replace(':', "%3A").replace(',', "%2C")
}
