//! The report as `JUnit` XML, for whatever shows test results.
//!
//! In: a report. Out: one suite: a failed case for each divergence (class the mechanism, name the pair), a skipped one
//! for each gap that took the verdict, a passed one where the states agree.

use std::fmt::Write as _;
use std::io;

use quick_junit::{NonSuccessKind, Report as Suites, TestCase, TestCaseStatus, TestSuite};

use super::{cell, place};
use crate::report::text::clean;
use crate::report::words::key_steps;
use crate::report::{Divergence, Face, Report, Verdict};

/// The report as `JUnit` XML.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JUnit;

impl Face for JUnit {
    fn write(&self, report: &Report, out: &mut dyn io::Write) -> io::Result<()> {
        let mut suite = TestSuite::new("adtrace");
        suite.add_test_cases(report.divergences.iter().map(failed));
        if report.verdict == Verdict::Insufficient {
            suite.add_test_cases(report.missing.iter().map(|gap| {
                let mut status = TestCaseStatus::skipped();
                status.set_message(clean(&gap.consequence).into_owned());
                TestCase::new(clean(&gap.what).into_owned(), status)
            }));
        }
        if report.verdict == Verdict::Clean {
            suite.add_test_case(TestCase::new("the states agree", TestCaseStatus::success()));
        }
        let mut suites = Suites::new("adtrace");
        suites.add_test_suite(suite);
        written(&suites, out)
    }
}

/// Writes suites as Jenkins' schema has them: it counts skipped cases in each suite, but not once more for all.
pub fn written(suites: &Suites, out: &mut dyn io::Write) -> io::Result<()> {
    let text = suites.to_string().map_err(io::Error::other)?;
    let everywhere = format!(" skipped=\"{}\"", suites.skipped);
    writeln!(out, "{}", text.replacen(&everywhere, "", 1).trim_end())
}

fn failed(divergence: &Divergence) -> TestCase {
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
    status
        .set_message(clean(&divergence.headline).into_owned())
        .set_type(format!("{} {}", divergence.severity.word(), divergence.status.word()));
    let mut told = String::new();
    for (part, step) in key_steps(divergence) {
        // Writing to a String does not fail.
        let _ = writeln!(
            told,
            "{} {} {} {}: {}",
            part.word(),
            step.at,
            step.actor,
            step.kind,
            clean(&step.what)
        );
        for evidence in &step.evidence {
            let _ = writeln!(told, "  {}: {}", place(evidence), clean(&evidence.text));
        }
    }
    status.set_description(told);
    let mut case = TestCase::new(cell(divergence), status);
    case.set_classname(clean(&divergence.mechanism).into_owned());
    case
}
