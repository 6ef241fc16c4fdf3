//! For people: a line for each trace that is not as expected, its differences below, and the count last.

use std::io::{self, Write};

use super::{Case, Checked, Count, Face, Outcome};
use crate::report::text::{clean, count, grouped};
use crate::trace::expect::Difference;

/// Text for a terminal or a CI log.
#[derive(Clone, Copy, Debug, Default)]
pub struct Text {
    /// Also name the traces that are as expected.
    pub all: bool,
}

impl Face for Text {
    fn write(&self, checked: &Checked, out: &mut dyn Write) -> io::Result<()> {
        for case in &checked.cases {
            self.case(case, out)?;
        }
        writeln!(out, "{}", summary(checked))
    }
}

impl Text {
    fn case(self, case: &Case, out: &mut dyn Write) -> io::Result<()> {
        let trace = clean(&case.trace);
        match &case.outcome {
            Outcome::Same { gone } if gone.is_empty() && !self.all => Ok(()),
            Outcome::Same { gone } => {
                writeln!(out, "as expected  {trace}")?;
                gone.iter().try_for_each(|one| difference(one, out))
            }
            Outcome::Differs { differences } => {
                writeln!(out, "differs      {trace}")?;
                differences.iter().try_for_each(|one| difference(one, out))
            }
            Outcome::Updated { differences } => {
                writeln!(out, "written      {}", clean(&case.expectation))?;
                differences.iter().try_for_each(|one| difference(one, out))
            }
            Outcome::Broken { why } => writeln!(out, "not checked  {trace}: {}", clean(why)),
        }
    }
}

fn difference(one: &Difference, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "  {}", clean(&one.place))?;
    writeln!(out, "    - {}", clean(&one.expected))?;
    writeln!(out, "    + {}", clean(&one.found))
}

/// The last line.
pub(super) fn summary(checked: &Checked) -> String {
    let Count {
        same,
        differs,
        updated,
        broken,
    } = checked.count();
    let mut text = format!(
        "{}: {} as expected",
        count(checked.cases.len() as u64, "trace"),
        grouped(same)
    );
    let parts = [
        (differs, "other than expected"),
        (updated, "written anew"),
        (broken, "not checked"),
    ];
    for (number, words) in parts.into_iter().filter(|(number, _)| *number > 0) {
        text = format!("{text}, {} {words}", grouped(number));
    }
    if let Some(release) = &checked.kubernetes {
        text = format!("{text} (replayed as Kubernetes {release})");
    }
    text
}
