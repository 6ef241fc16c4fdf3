//! For GitHub Actions: workflow commands, which show as annotations at the expectation's file.

use std::io::{self, Write};

use super::text::summary;
use super::{Checked, Face, Outcome};
use crate::report::faces::github::{data, property};
use crate::report::text::clean;

/// `::error file=…,title=…::…` lines, and the count as a notice.
#[derive(Clone, Copy, Debug, Default)]
pub struct GitHub;

impl Face for GitHub {
    fn write(&self, checked: &Checked, out: &mut dyn Write) -> io::Result<()> {
        for case in &checked.cases {
            match &case.outcome {
                Outcome::Same { .. } | Outcome::Updated { .. } => {}
                Outcome::Differs { differences } => {
                    for one in differences {
                        let text = format!("{}: {one}", case.trace);
                        command(out, "error", &case.expectation, &one.place, &text)?;
                    }
                }
                Outcome::Broken { why } => {
                    let text = format!("{}: {why}", case.trace);
                    command(out, "error", &case.trace, "not checked", &text)?;
                }
            }
        }
        writeln!(out, "::notice title=adtrace check::{}", data(&clean(&summary(checked))))
    }
}

fn command(out: &mut dyn Write, level: &str, file: &str, title: &str, text: &str) -> io::Result<()> {
    let (file, title) = (property(file), property(&format!("adtrace: {title}")));
    writeln!(out, "::{level} file={file},title={title}::{}", data(&clean(text)))
}
