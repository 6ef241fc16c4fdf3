//! The Test Anything Protocol, version 14: a line for each trace, differences as its YAML block.

use std::io::{self, Write};

use super::{Checked, Face, Outcome};
use crate::report::text::clean;

/// TAP 14.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tap;

impl Face for Tap {
    fn write(&self, checked: &Checked, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "TAP version 14")?;
        writeln!(out, "1..{}", checked.cases.len())?;
        for (number, case) in (1_u64..).zip(&checked.cases) {
            let name = description(&case.trace);
            match &case.outcome {
                Outcome::Same { .. } => writeln!(out, "ok {number} - {name}")?,
                Outcome::Updated { .. } => writeln!(out, "ok {number} - {name} (expectation written)")?,
                Outcome::Differs { differences } => {
                    writeln!(out, "not ok {number} - {name}")?;
                    block(out, &differences)?;
                }
                Outcome::Broken { why } => {
                    writeln!(out, "not ok {number} - {name}")?;
                    block(out, &[Broken { message: why }])?;
                }
            }
        }
        Ok(())
    }
}

#[derive(serde::Serialize)]
struct Broken<'a> {
    message: &'a str,
}

/// A description: `#` would begin a directive.
fn description(text: &str) -> String {
    clean(text).replace('\\', "\\\\").replace('#', "\\#")
}

/// The YAML block below a test point, indented as TAP wants it.
fn block<T: serde::Serialize + ?Sized>(out: &mut dyn Write, what: &T) -> io::Result<()> {
    let yaml = serde_norway::to_string(what).map_err(io::Error::other)?;
    writeln!(out, "  ---")?;
    for line in yaml.lines() {
        writeln!(out, "  {line}")?;
    }
    writeln!(out, "  ...")
}
