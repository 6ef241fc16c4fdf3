//! Words that every face for people shares, so that all of them say the same.
//!
//! In: parts of a report. Out: a word, a mark or a sentence each.

use super::text::{and, clean};
use super::{Confidence, Divergence, Report, Severity, Status, Step};

impl Severity {
    /// The word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Severity::Stuck => "stuck",
            Severity::Unsafe => "unsafe",
            Severity::Slow => "slow",
        }
    }
}

impl Status {
    /// The word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Status::Open => "open",
            Status::Healed => "healed",
        }
    }
}

impl Confidence {
    /// The word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Confidence::Proven => "proven",
            Confidence::Likely => "likely",
            Confidence::Possible => "possible",
        }
    }
}

/// The part that a step plays in a divergence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// It made the states part.
    Operation,
    /// It turned the disagreement into harm.
    Trigger,
    /// A person noticed it.
    Symptom,
}

impl Part {
    /// The step's part; the first that applies.
    #[must_use]
    pub fn of(divergence: &Divergence, step: &Step) -> Option<Part> {
        if *step == divergence.operation {
            Some(Part::Operation)
        } else if divergence.trigger.as_ref() == Some(step) {
            Some(Part::Trigger)
        } else if divergence.symptom.as_ref() == Some(step) {
            Some(Part::Symptom)
        } else {
            None
        }
    }

    /// Its mark.
    #[must_use]
    pub const fn mark(self) -> &'static str {
        match self {
            Part::Operation => "▶",
            Part::Trigger => "●",
            Part::Symptom => "✗",
        }
    }

    /// Its name.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Part::Operation => "operation",
            Part::Trigger => "trigger",
            Part::Symptom => "symptom",
        }
    }
}

/// What follows a step's words where no line shows it.
#[must_use]
pub const fn inferred(step: &Step) -> &'static str {
    if step.observed { "" } else { " (inferred)" }
}

/// Where the page of a known issue is, where its name, `owner/repository#number`, tells: repository and number.
#[must_use]
pub fn issue_place(known: &str) -> Option<(&str, &str)> {
    known.split_once('#').filter(|(repository, number)| {
        repository.contains('/') && !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit())
    })
}

/// The key steps of a divergence with their parts, the operation first.
pub fn key_steps(divergence: &Divergence) -> impl Iterator<Item = (Part, &Step)> {
    let operation = std::iter::once((Part::Operation, &divergence.operation));
    let trigger = divergence.trigger.iter().map(|step| (Part::Trigger, step));
    let symptom = divergence.symptom.iter().map(|step| (Part::Symptom, step));
    operation.chain(trigger).chain(symptom)
}

/// Whether the release seen has the fix, in a sentence; none where no issue is known.
#[must_use]
pub fn release(report: &Report, divergence: &Divergence) -> Option<String> {
    let (profile, _) = report.around(divergence);
    let release = profile.release.as_deref().unwrap_or(&profile.kubernetes);
    let release = format!("{}{}", clean(release), if profile.assumed { " (assumed)" } else { "" });
    let fixes = match (divergence.fixes.as_slice(), divergence.fixed_in.as_deref()) {
        ([], None) => None,
        ([], Some(fix)) => Some(format!("{} has the fix", clean(fix))),
        ([one], _) => Some(format!("{} has the fix", clean(one))),
        (many, _) => Some(format!("{} have the fix", clean(&and(many)))),
    };
    let known = !divergence.known_issues.is_empty();
    match (divergence.has_fix, fixes) {
        (Some(true), _) if known => Some(format!(
            "Kubernetes {release} has the fix for this issue, and yet its states parted this way."
        )),
        (Some(_), Some(fixes)) => Some(format!("Kubernetes {release} has this bug; {fixes}.")),
        (None, Some(fixes)) => Some(format!("Kubernetes {release} may have this bug; {fixes}.")),
        (_, None) if known => Some(format!("Seen on Kubernetes {release}; no release with a fix is known.")),
        (_, None) => None,
    }
}
