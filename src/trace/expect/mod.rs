//! What a trace is expected to say: a small YAML file beside it that people write, read and edit.
//!
//! In: a [`Report`], or the file's text. Out: an [`Expectation`], which prints itself and tells where a later report
//! differs. Every field but `volume` and `node` may be left out: then it is not compared. Where several answers are
//! right, a list of them stands in place of one.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::diagnose::catalogue;
use crate::report::{Divergence, Report, Severity, Status, Step, Verdict, Wait, WaitKind};
use crate::time::{Span, Time};

mod compare;

pub use compare::{Difference, What};

/// Name and number of the file's form.
const SCHEMA: &str = "adtrace.expect/1";

/// How far a time may lie off where the file does not say.
const TOLERANCE: Tolerance = Tolerance(Span::secs(1));

/// What stands at the top of each file.
const HEAD: &str = "\
# What adtrace is to find in the trace beside this file; `adtrace check` compares.
# A field that is left out is not compared. A list of names accepts any of them: mechanism: [a, b].
# tolerance: how far a time may lie off. others: none (nothing else may be found) or allowed.
# unexplained: how many facts may stay without explanation.
";

/// What a report is to say.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expectation {
    schema: String,
    /// The answer in one word.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub verdict: Option<OneOf<Verdict>>,
    /// How far a time may lie off.
    #[serde(default)]
    pub tolerance: Tolerance,
    /// Whether anything else may be found.
    #[serde(default)]
    pub others: Others,
    /// How many facts may stay without explanation; any number where not given.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub unexplained: Option<u64>,
    /// Where the states part.
    #[serde(default)]
    pub divergences: Vec<ExpectedDivergence>,
    /// Waits that are none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub waits: Option<Vec<ExpectedWait>>,
}

/// Whether a report may say more than is expected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Others {
    /// Any further divergence, and where waits are listed any further wait, is a difference.
    #[default]
    None,
    /// More may be found.
    Allowed,
}

/// One right answer, or any of several.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "a value is neither one of the known words nor a list of them")]
pub enum OneOf<T> {
    /// Only this.
    One(T),
    /// Any of these.
    Any(Vec<T>),
}

impl<T: PartialEq> OneOf<T> {
    /// Whether an answer is among the right ones.
    pub fn accepts(&self, found: &T) -> bool {
        match self {
            OneOf::One(one) => one == found,
            OneOf::Any(all) => all.contains(found),
        }
    }

    fn all(&self) -> &[T] {
        match self {
            OneOf::One(one) => std::slice::from_ref(one),
            OneOf::Any(all) => all,
        }
    }
}

/// A divergence that is to be found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectedDivergence {
    /// Unique volume name, or the PV's name.
    pub volume: String,
    /// Node.
    pub node: String,
    /// Pods that must be named, among others maybe.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub pods: Vec<String>,
    /// Names of the catalogue, or `unknown`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub mechanism: Option<OneOf<String>>,
    /// What it means.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub severity: Option<OneOf<Severity>>,
    /// Whether it ended.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub status: Option<OneOf<Status>>,
    /// From when on.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub since: Option<Time>,
    /// For this divergence, in place of the file's.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub tolerance: Option<Tolerance>,
    /// The step that made the states part.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub operation: Option<ExpectedStep>,
    /// The step that turned the disagreement into harm.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub trigger: Option<ExpectedStep>,
    /// What a person noticed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub symptom: Option<ExpectedStep>,
}

/// A step that is to be told.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectedStep {
    /// Who, as the report has it: `kube-controller-manager`, `kubelet/node-1`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub actor: Option<OneOf<String>>,
    /// What kind of step.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub kind: Option<OneOf<String>>,
    /// When.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub at: Option<Time>,
    /// Part of a line that must be among the evidence.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub evidence: Option<String>,
}

/// A wait that is to be told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectedWait {
    /// For what.
    pub kind: OneOf<WaitKind>,
    /// Unique volume name, or the PV's name.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub volume: Option<String>,
    /// Node.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub node: Option<String>,
}

/// How far a time may lie off: `250ms`, `1s`, `2m`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Tolerance(pub Span);

impl Default for Tolerance {
    fn default() -> Tolerance {
        TOLERANCE
    }
}

impl TryFrom<String> for Tolerance {
    type Error = String;
    fn try_from(text: String) -> Result<Tolerance, String> {
        const UNITS: [(&str, i64); 3] = [("ms", 1_000), ("s", 1_000_000), ("m", 60_000_000)];
        let read = UNITS.iter().find_map(|(unit, micros)| {
            let number: i64 = text.strip_suffix(unit)?.trim().parse().ok()?;
            number.checked_mul(*micros).filter(|micros| *micros >= 0)
        });
        read.map(|micros| Tolerance(Span(micros)))
            .ok_or_else(|| format!("{text} is no length of time; give 250ms, 1s or 2m"))
    }
}

impl From<Tolerance> for String {
    fn from(tolerance: Tolerance) -> String {
        match tolerance.0.as_millis() {
            ms if ms % 1_000 == 0 => format!("{}s", ms / 1_000),
            ms => format!("{ms}ms"),
        }
    }
}

/// Why an expectation cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExpectError {
    /// It is no YAML of this form; the parser's words, with line and column.
    Form(String),
    /// It is of a form this version does not know.
    Schema(String),
    /// No mechanism has that name.
    Mechanism(String),
}

impl fmt::Display for ExpectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ExpectError::Form(why) => write!(f, "it is no expectation: {why}"),
            ExpectError::Schema(found) => write!(f, "its schema is {found}, this version reads {SCHEMA}"),
            ExpectError::Mechanism(name) => write!(
                f,
                "no mechanism is called {name}; adtrace explain --list names them all"
            ),
        }
    }
}

impl std::error::Error for ExpectError {}

impl Expectation {
    /// What a report says, as expectation of the next one.
    #[must_use]
    pub fn of(report: &Report) -> Expectation {
        Expectation {
            schema: SCHEMA.to_owned(),
            verdict: Some(OneOf::One(report.verdict)),
            tolerance: TOLERANCE,
            others: Others::None,
            unexplained: Some(report.summary.unexplained),
            divergences: report.divergences.iter().map(ExpectedDivergence::of).collect(),
            waits: Some(report.waits.iter().map(ExpectedWait::of).collect()),
        }
    }

    /// Reads the file's text.
    ///
    /// # Errors
    /// Text that is no expectation, with what is wrong with it.
    pub fn read(text: &str) -> Result<Expectation, ExpectError> {
        let read: Expectation = yaml(text)?;
        if read.schema != SCHEMA {
            return Err(ExpectError::Schema(read.schema));
        }
        let named = read.divergences.iter().filter_map(|one| one.mechanism.as_ref());
        let strange = named
            .flat_map(OneOf::all)
            .find(|name| *name != catalogue::UNKNOWN && catalogue::find(name).is_none());
        match strange {
            Some(name) => Err(ExpectError::Mechanism(name.clone())),
            None => Ok(read),
        }
    }

    /// The file's text.
    #[must_use]
    pub fn text(&self) -> String {
        // Every field is a name, a number or a list of them, which YAML can always hold.
        let body = serde_norway::to_string(self).unwrap_or_default();
        format!("{HEAD}{body}")
    }

    /// This expectation, changed so that it accepts a report: what it does not compare stays so, and tolerances,
    /// `others` and entries that fit already stay as they are.
    #[must_use]
    pub fn accepting(&self, report: &Report) -> Expectation {
        let fresh = Expectation::of(report);
        let kept = |found: &Divergence| {
            let entry = self.divergences.iter().find(|entry| entry.is_of(found));
            let fresh = ExpectedDivergence::of(found);
            match entry {
                Some(entry) => entry.accepting(fresh),
                None => fresh,
            }
        };
        Expectation {
            schema: SCHEMA.to_owned(),
            verdict: adopt(self.verdict.as_ref(), fresh.verdict),
            tolerance: self.tolerance,
            others: self.others,
            unexplained: self
                .unexplained
                .map(|most| most.max(fresh.unexplained.unwrap_or_default())),
            divergences: report.divergences.iter().map(kept).collect(),
            waits: self.waits.as_ref().and(fresh.waits),
        }
    }
}

fn yaml<T: DeserializeOwned>(text: &str) -> Result<T, ExpectError> {
    serde_norway::from_str(text).map_err(|error| ExpectError::Form(error.to_string()))
}

/// The found answer where one is expected at all; the expectation itself where it accepts it.
fn adopt<T: PartialEq + Clone>(expected: Option<&OneOf<T>>, found: Option<OneOf<T>>) -> Option<OneOf<T>> {
    let expected = expected?;
    match found {
        Some(OneOf::One(found)) if !expected.accepts(&found) => Some(OneOf::One(found)),
        _ => Some(expected.clone()),
    }
}

impl ExpectedDivergence {
    fn of(found: &Divergence) -> ExpectedDivergence {
        ExpectedDivergence {
            volume: found.volume.clone(),
            node: found.node.clone(),
            pods: found.pods.clone(),
            mechanism: Some(OneOf::One(found.mechanism.clone())),
            severity: Some(OneOf::One(found.severity)),
            status: Some(OneOf::One(found.status)),
            since: Some(found.since),
            tolerance: None,
            operation: Some(ExpectedStep::of(&found.operation)),
            trigger: found.trigger.as_ref().map(ExpectedStep::of),
            symptom: found.symptom.as_ref().map(ExpectedStep::of),
        }
    }

    fn accepting(&self, found: ExpectedDivergence) -> ExpectedDivergence {
        ExpectedDivergence {
            volume: self.volume.clone(),
            node: self.node.clone(),
            pods: if self.pods.is_empty() { Vec::new() } else { found.pods },
            mechanism: adopt(self.mechanism.as_ref(), found.mechanism),
            severity: adopt(self.severity.as_ref(), found.severity),
            status: adopt(self.status.as_ref(), found.status),
            since: self.since.and(found.since),
            tolerance: self.tolerance,
            operation: self.operation.as_ref().and(found.operation),
            trigger: self.trigger.as_ref().and(found.trigger),
            symptom: self.symptom.as_ref().and(found.symptom),
        }
    }
}

impl ExpectedStep {
    fn of(found: &Step) -> ExpectedStep {
        ExpectedStep {
            actor: Some(OneOf::One(found.actor.to_string())),
            kind: Some(OneOf::One(found.kind.clone())),
            at: Some(found.at),
            evidence: None,
        }
    }
}

impl ExpectedWait {
    fn of(found: &Wait) -> ExpectedWait {
        ExpectedWait {
            kind: OneOf::One(found.kind),
            volume: found.volume.clone(),
            node: found.node.clone(),
        }
    }
}

/// Where the expectation of a trace stands: `x.adtrace` and `x.adtrace.zst` have `x.expect.yaml` beside them.
#[must_use]
pub fn beside(trace: &Path) -> PathBuf {
    let name = trace.file_name().map(|name| name.to_string_lossy().into_owned());
    let name = name.unwrap_or_default();
    let stem = name.strip_suffix(".zst").unwrap_or(&name);
    let stem = stem.strip_suffix(".adtrace").unwrap_or(stem);
    trace.with_file_name(format!("{stem}.expect.yaml"))
}

#[cfg(test)]
mod tests;
