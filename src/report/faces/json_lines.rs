//! The report as JSON lines, for programs that read a record at a time.
//!
//! In: a report. Out: first a line of kind `report` without its lists, then a line for each entry of each list. Every
//! line names its kind in `record`; what else stands in it is the report contract's.

use std::io;

use serde::Serialize;

use crate::report::{Face, Profile, Report, Summary, Tool, Verdict, Window};

/// The report as one JSON object a line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JsonLines;

/// A line.
#[derive(Serialize)]
struct Line<'a, T: Serialize> {
    record: &'static str,
    #[serde(flatten)]
    entry: &'a T,
}

/// What the report says of itself.
#[derive(Serialize)]
struct Head<'a> {
    schema: &'static str,
    tool: &'a Tool,
    verdict: Verdict,
    window: Option<Window>,
    profile: &'a Profile,
    summary: Summary,
}

impl Face for JsonLines {
    fn write(&self, report: &Report, out: &mut dyn io::Write) -> io::Result<()> {
        let head = Head {
            schema: report.schema,
            tool: &report.tool,
            verdict: report.verdict,
            window: report.window,
            profile: &report.profile,
            summary: report.summary,
        };
        lines(out, "report", &[head])?;
        lines(out, "cluster", &report.clusters)?;
        lines(out, "divergence", &report.divergences)?;
        lines(out, "wait", &report.waits)?;
        lines(out, "unexplained", &report.unexplained)?;
        lines(out, "missing", &report.missing)?;
        lines(out, "input", &report.inputs)
    }
}

fn lines<T: Serialize>(out: &mut dyn io::Write, record: &'static str, entries: &[T]) -> io::Result<()> {
    for entry in entries {
        serde_json::to_writer(&mut *out, &Line { record, entry })?;
        out.write_all(b"\n")?;
    }
    Ok(())
}
