//! Where a report differs from what was expected of it.
//!
//! In: an [`Expectation`] and a [`Report`]. Out: [`Difference`]s, in the order of the expectation, what nobody expected
//! last. Expected and found divergences of one volume on one node are paired so that the fewest fields differ.

use std::fmt;

use serde::Serialize;

use super::{Expectation, ExpectedDivergence, ExpectedStep, ExpectedWait, OneOf, Others, Tolerance};
use crate::report::{Divergence, Report, Step, Wait};
use crate::time::Time;

/// What kind of difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// Expected, and not found.
    Missing,
    /// Found, and not expected.
    Unexpected,
    /// Found, but other than expected.
    Changed,
    /// The verdict or the count of unexplained facts, which follow from the rest.
    Summary,
}

impl What {
    /// All of them.
    pub const ALL: [What; 4] = [What::Missing, What::Unexpected, What::Changed, What::Summary];

    /// Its name in machine output.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            What::Missing => "missing",
            What::Unexpected => "unexpected",
            What::Changed => "changed",
            What::Summary => "summary",
        }
    }

    /// One sentence on it.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            What::Missing => "what the expectation names was not found",
            What::Unexpected => "something was found that the expectation does not name",
            What::Changed => "something was found other than the expectation has it",
            What::Summary => "the verdict, or how many facts have no explanation, differs from the expectation",
        }
    }
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// What kind.
    pub what: What,
    /// Where: `pv-1 on node-1: mechanism`.
    pub place: String,
    /// What was expected.
    pub expected: String,
    /// What was found.
    pub found: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: expected {}, found {}", self.place, self.expected, self.found)
    }
}

impl Expectation {
    /// Where a report differs.
    #[must_use]
    pub fn differences(&self, report: &Report) -> Vec<Difference> {
        let mut notes = Notes::default();
        notes.one_of("verdict", self.verdict.as_ref(), &report.verdict);
        if let Some(most) = self.unexplained.filter(|most| report.summary.unexplained > *most) {
            notes.put(
                "unexplained facts",
                format!("{most} at most"),
                report.summary.unexplained,
            );
        }
        for note in &mut notes.found {
            note.what = What::Summary;
        }
        self.divergences_into(report, &mut notes);
        self.waits_into(report, &mut notes);
        notes.found
    }

    fn divergences_into(&self, report: &Report, notes: &mut Notes) {
        let mut left: Vec<&Divergence> = report.divergences.iter().collect();
        for wanted in &self.divergences {
            let tolerance = wanted.tolerance.unwrap_or(self.tolerance);
            let fits = left.iter().enumerate().filter(|(_, found)| wanted.is_of(found));
            let best = fits
                .map(|(index, found)| (index, wanted.differences(found, tolerance)))
                .min_by_key(|(_, differences)| differences.len());
            if let Some((index, differences)) = best {
                left.remove(index);
                notes.found.extend(differences);
            } else {
                let name = wanted.mechanism.as_ref().map_or("a divergence".to_owned(), words);
                notes.add(What::Missing, &wanted.place(), name, "nothing");
            }
        }
        if self.others == Others::None {
            for found in left {
                notes.add(What::Unexpected, &place(found), "nothing", &found.mechanism);
            }
        }
    }

    fn waits_into(&self, report: &Report, notes: &mut Notes) {
        let Some(waits) = &self.waits else { return };
        let mut left: Vec<&Wait> = report.waits.iter().collect();
        for wanted in waits {
            match left.iter().position(|found| wanted.accepts(found)) {
                Some(index) => {
                    left.remove(index);
                }
                None => notes.add(What::Missing, &wanted.place(), words(&wanted.kind), "nothing"),
            }
        }
        if self.others == Others::None {
            for found in left {
                let place = on(found.pv.as_ref().or(found.volume.as_ref()), found.node.as_ref());
                notes.add(What::Unexpected, &format!("wait of {place}"), "nothing", found.kind);
            }
        }
    }
}

impl ExpectedDivergence {
    pub(super) fn is_of(&self, found: &Divergence) -> bool {
        let volume = self.volume == found.volume || found.pv.as_deref() == Some(&*self.volume);
        volume && self.node == found.node
    }

    fn place(&self) -> String {
        format!("{} on {}", self.volume, self.node)
    }

    fn differences(&self, found: &Divergence, tolerance: Tolerance) -> Vec<Difference> {
        let mut notes = Notes {
            place: place(found),
            ..Notes::default()
        };
        notes.one_of("mechanism", self.mechanism.as_ref(), &found.mechanism);
        notes.one_of("severity", self.severity.as_ref(), &found.severity);
        notes.one_of("status", self.status.as_ref(), &found.status);
        for pod in self.pods.iter().filter(|pod| !found.pods.contains(pod)) {
            notes.put("pods", pod, found.pods.join(", "));
        }
        notes.time("since", self.since, found.since, tolerance);
        notes.step("operation", self.operation.as_ref(), Some(&found.operation), tolerance);
        notes.step("trigger", self.trigger.as_ref(), found.trigger.as_ref(), tolerance);
        notes.step("symptom", self.symptom.as_ref(), found.symptom.as_ref(), tolerance);
        notes.found
    }
}

impl ExpectedWait {
    fn accepts(&self, found: &Wait) -> bool {
        let volume = |name: &String| found.volume.as_ref() == Some(name) || found.pv.as_ref() == Some(name);
        self.kind.accepts(&found.kind)
            && self.volume.as_ref().is_none_or(volume)
            && self.node.as_ref().is_none_or(|name| found.node.as_ref() == Some(name))
    }

    fn place(&self) -> String {
        format!("wait of {}", on(self.volume.as_ref(), self.node.as_ref()))
    }
}

fn place(found: &Divergence) -> String {
    format!("{} on {}", found.pv.as_ref().unwrap_or(&found.volume), found.node)
}

fn on(volume: Option<&String>, node: Option<&String>) -> String {
    let any = |name: Option<&String>, any: &str| name.cloned().unwrap_or_else(|| any.to_owned());
    format!("{} on {}", any(volume, "any volume"), any(node, "any node"))
}

/// Differences as they are noted.
#[derive(Default)]
struct Notes {
    place: String,
    found: Vec<Difference>,
}

impl Notes {
    fn add(&mut self, what: What, place: &str, expected: impl fmt::Display, found: impl fmt::Display) {
        self.found.push(Difference {
            what,
            place: place.to_owned(),
            expected: format!("{expected}"),
            found: format!("{found}"),
        });
    }

    fn put(&mut self, field: &str, expected: impl fmt::Display, found: impl fmt::Display) {
        let place = match self.place.as_str() {
            "" => field.to_owned(),
            place => format!("{place}: {field}"),
        };
        self.add(What::Changed, &place, expected, found);
    }

    fn one_of<T: PartialEq + Serialize>(&mut self, field: &str, expected: Option<&OneOf<T>>, found: &T) {
        if let Some(expected) = expected.filter(|expected| !expected.accepts(found)) {
            self.put(field, words(expected), word(found));
        }
    }

    fn time(&mut self, field: &str, expected: Option<Time>, found: Time, tolerance: Tolerance) {
        if let Some(expected) = expected.filter(|at| (found - *at).0.abs() > tolerance.0.0) {
            self.put(field, expected, found);
        }
    }

    fn step(&mut self, field: &str, expected: Option<&ExpectedStep>, found: Option<&Step>, tolerance: Tolerance) {
        let Some(expected) = expected else { return };
        let Some(found) = found else {
            self.put(field, expected.kind.as_ref().map_or("one".to_owned(), words), "none");
            return;
        };
        self.one_of(
            &format!("{field}.actor"),
            expected.actor.as_ref(),
            &found.actor.to_string(),
        );
        self.one_of(&format!("{field}.kind"), expected.kind.as_ref(), &found.kind);
        self.time(&format!("{field}.at"), expected.at, found.at, tolerance);
        if let Some(part) = &expected.evidence {
            let shown = found.evidence.iter().any(|line| line.text.contains(part.as_str()));
            if !shown {
                let lines: Vec<&str> = found.evidence.iter().map(|line| line.text.as_str()).collect();
                self.put(&format!("{field}.evidence"), part, lines.join(" / "));
            }
        }
    }
}

/// A value's word in the report.
fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        Ok(other) => other.to_string(),
        Err(_) => String::new(),
    }
}

fn words<T: Serialize + PartialEq>(expected: &OneOf<T>) -> String {
    expected.all().iter().map(word).collect::<Vec<_>>().join(" or ")
}
