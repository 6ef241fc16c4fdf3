//! One line a divergence.
//!
//! In: a report. Out: lines to grep and to paste: how bad, where, since when, the mechanism, where it stands, the step.
//! Without a divergence one line holds the verdict.

use std::io;

use super::{cell, place, proof};
use crate::report::text::{clean, count};
use crate::report::{Face, Report, Verdict};

/// The report in a line for each divergence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Brief;

impl Face for Brief {
    fn write(&self, report: &Report, out: &mut dyn io::Write) -> io::Result<()> {
        for divergence in &report.divergences {
            let step = &divergence.operation;
            let at = proof(step).map_or("nowhere logged".to_owned(), place);
            writeln!(
                out,
                "{} {} {} since {}: {} ({}) at {at}: {} {}",
                divergence.severity.word(),
                divergence.status.word(),
                cell(divergence),
                divergence.since,
                clean(&divergence.mechanism),
                divergence.confidence.word(),
                step.actor,
                clean(&step.what)
            )?;
        }
        let s = report.summary;
        let scope = format!("{}, {}", count(s.volumes, "volume"), count(s.nodes, "node"));
        match report.verdict {
            Verdict::Diverged => Ok(()),
            Verdict::Clean => writeln!(out, "clean: {scope}, {}", count(report.waits.len() as u64, "wait")),
            Verdict::Insufficient => {
                let gaps: Vec<_> = report.missing.iter().map(|gap| clean(&gap.what)).collect();
                writeln!(out, "insufficient: {scope}; {}", gaps.join("; "))
            }
        }
    }
}
