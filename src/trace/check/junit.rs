//! `JUnit` XML, as Jenkins, GitLab and most other CI systems read it.

use std::io::{self, Write};

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::{Case, Checked, Face, Outcome};
use crate::report::faces::junit::written;

/// One suite, a test case for each trace. No times: the same input gives the same bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Junit;

impl Face for Junit {
    fn write(&self, checked: &Checked, out: &mut dyn Write) -> io::Result<()> {
        let mut suite = TestSuite::new("adtrace check");
        suite.add_test_cases(checked.cases.iter().map(test_case));
        let mut report = Report::new("adtrace");
        report.add_test_suite(suite);
        written(&report, out)
    }
}

fn test_case(case: &Case) -> TestCase {
    let status = match &case.outcome {
        Outcome::Same { .. } | Outcome::Updated { .. } => TestCaseStatus::success(),
        Outcome::Differs { differences } => {
            let lines: Vec<String> = differences.iter().map(ToString::to_string).collect();
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status
                .set_type("differs")
                .set_message(lines.first().cloned().unwrap_or_default())
                .set_description(lines.join("\n"));
            status
        }
        Outcome::Broken { why } => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
            status.set_type("not-checked").set_message(why);
            status
        }
    };
    let mut test = TestCase::new(case.trace.as_str(), status);
    test.set_classname("adtrace");
    test
}
