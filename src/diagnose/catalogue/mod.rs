//! The catalogue of mechanisms: the ways in which the states of a cell are known to part.
//!
//! In: a mechanism's name, as `diagnose` gives it to a divergence. Out: its row: what it is, which states disagree, who
//! is affected, what heals it. The replay finds a divergence; this table only names and explains it. Whoever learns of
//! a new mechanism adds a row to the file of its party. Releases with a fix are not written here twice: a row points
//! to the behaviour of [`crate::model::profile`] that ends it, wherever the model has one.

use crate::model::profile::{Behaviour, Component, Version};
use crate::report::{Outcome, Remedy};

mod attachment;
mod controller;
mod driver;
mod explain;
mod kubelet;
mod node;
mod restart;
mod uncertain;

pub use explain::{Page, list, page};

/// The name of a divergence that fits no row.
pub const UNKNOWN: &str = "unknown";

/// One way in which the states of a cell part.
#[derive(Clone, Copy, Debug)]
pub struct Mechanism {
    /// Its name in reports and on the command line.
    pub name: &'static str,
    /// What happens, one sentence.
    pub title: &'static str,
    /// For a tired person: `{pod}`, `{volume}` and `{node}` stand for names. Empty: the title has to do.
    pub headline: &'static str,
    /// Which of the few basic ways of parting it is.
    pub shape: Shape,
    /// How it goes on if left alone; several where that depends on the version or the driver.
    pub classes: &'static [Class],
    /// Which states disagree: wanted, controller, reported, `VolumeAttachment`, storage, in use, mounted.
    pub states: &'static str,
    /// The steps that lead there.
    pub how: &'static str,
    /// What logs, audit and objects show of it, and at which verbosity.
    pub evidence: &'static str,
    /// How it is recognised in terms of the replay: the rule that breaks, the operation that broke it.
    pub recognised: &'static str,
    /// Who is affected, in words.
    pub affects: &'static str,
    /// The first Kubernetes release that can do it; `None` where all that we know of can.
    pub since: Option<Version>,
    /// What ends it.
    pub fix: Fix,
    /// Issues and pull requests that people know it by, `owner/repo#number`, the best known first.
    pub issues: &'static [&'static str],
    /// Acts and what they do.
    pub acts: &'static [Act],
    /// What else a person should know before they act.
    pub advice: &'static str,
    /// Where no run proves its recognition: why no recording shows it, or what the model lacks for it, and what to look at
    /// instead. `None` where a scenario proves that the replay finds it, or tells rightly that it passes.
    pub not_visible: Option<&'static str>,
}

/// A row that says nothing yet; rows are written as differences from it.
const BLANK: Mechanism = Mechanism {
    name: "",
    title: "",
    headline: "",
    shape: Shape::Outside,
    classes: &[],
    states: "",
    how: "",
    evidence: "",
    recognised: "",
    affects: "",
    since: None,
    fix: Fix::None,
    issues: &[],
    acts: &[],
    advice: "",
    not_visible: None,
};

/// The basic ways of parting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Shape {
    /// Attached, but the node's report does not say so and nothing will write it.
    ReportLost,
    /// The report says attached while the attachment is going or was never made.
    ReportTrusted,
    /// An attachment exists of which the controller knows nothing.
    AttachmentForgotten,
    /// Controller and `VolumeAttachment` say attached, the storage says no.
    AttachmentImagined,
    /// Mounted, but no longer listed in use.
    InUseLost,
    /// Listed in use although nothing can or will unmount it.
    InUsePinned,
    /// One disk under two names.
    NameSplit,
    /// An exclusive volume on two nodes.
    TwoNodes,
    /// What the controller wants is not what the pods want.
    WishWrong,
    /// All agree, too late.
    Late,
    /// Outside of Kubernetes' states: driver, storage, other writers.
    Outside,
}

impl Shape {
    /// The shape in words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Shape::ReportLost => "report lost",
            Shape::ReportTrusted => "report trusted too long",
            Shape::AttachmentForgotten => "attachment forgotten",
            Shape::AttachmentImagined => "attachment imagined",
            Shape::InUseLost => "in-use lost",
            Shape::InUsePinned => "in-use pinned",
            Shape::NameSplit => "name split",
            Shape::TwoNodes => "two nodes at once",
            Shape::WishWrong => "wish wrong",
            Shape::Late => "late",
            Shape::Outside => "outside",
        }
    }
}

/// How a divergence goes on if left alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// It never heals by itself.
    Dead,
    /// It heals within the machinery's bounds or with the next outside event.
    Live,
    /// It heals, later than the bounds.
    Slow,
    /// Data is at risk.
    Unsafe,
}

impl Class {
    /// The class in words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Class::Dead => "does not heal by itself",
            Class::Live => "heals by itself",
            Class::Slow => "heals late",
            Class::Unsafe => "data at risk",
        }
    }
}

/// What ends a mechanism.
#[derive(Clone, Copy, Debug)]
pub enum Fix {
    /// Nothing, or nothing known.
    None,
    /// A behaviour of the model's table; its row has the releases.
    By(Behaviour),
    /// Kubernetes releases: the first of each minor that has the fix, the last for all later ones.
    Kubernetes(&'static [Version]),
    /// Releases of the external-attacher, in the same way.
    Attacher(&'static [Version]),
    /// A change of another component, in words.
    Elsewhere(&'static str),
}

/// Whether a release of Kubernetes has the fix for a mechanism.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fixed {
    /// It has.
    Yes,
    /// It has not.
    No,
    /// Nothing tells, or the fix is not Kubernetes' to make.
    Unknown,
}

/// An act on an open divergence of a mechanism.
#[derive(Clone, Copy, Debug)]
pub struct Act {
    /// Its name in the report contract, `restart-controller`.
    pub action: &'static str,
    /// What it does.
    pub outcome: Outcome,
    /// Risk or reason, `none` where there is no risk.
    pub note: &'static str,
}

const fn heals(action: &'static str, risk: &'static str) -> Act {
    Act {
        action,
        outcome: Outcome::Heals,
        note: risk,
    }
}

const fn vain(action: &'static str, why: &'static str) -> Act {
    Act {
        action,
        outcome: Outcome::NoEffect,
        note: why,
    }
}

const fn harms(action: &'static str, why: &'static str) -> Act {
    Act {
        action,
        outcome: Outcome::Unsafe,
        note: why,
    }
}

const fn v(major: u16, minor: u16, patch: u16) -> Version {
    Version::new(major, minor, patch)
}

/// All rows, in the order of the parties: controller, start-up, uncertainty, attachment, kubelet, node, driver.
pub fn all() -> impl Iterator<Item = &'static Mechanism> {
    [
        controller::ROWS,
        restart::ROWS,
        uncertain::ROWS,
        attachment::ROWS,
        kubelet::ROWS,
        node::ROWS,
        driver::ROWS,
    ]
    .into_iter()
    .flatten()
}

/// The row of this name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Mechanism> {
    all().find(|row| row.name == name)
}

/// Names that resemble a misspelt one, the likeliest first, three at most.
#[must_use]
pub fn similar(name: &str) -> Vec<&'static str> {
    let words: Vec<&str> = name.split('-').filter(|w| w.len() > 2).collect();
    let shared = |row: &Mechanism| words.iter().filter(|word| row.name.contains(**word)).count();
    let mut near: Vec<(usize, &'static str)> = all()
        .map(|row| (shared(row), row.name))
        .filter(|(n, _)| *n > 0)
        .collect();
    near.sort_by_key(|(n, name)| (std::cmp::Reverse(*n), *name));
    near.into_iter().map(|(_, name)| name).take(3).collect()
}

impl Mechanism {
    /// The first Kubernetes release of each minor that has the fix, oldest first; empty where there is none or it is
    /// not Kubernetes' to make.
    #[must_use]
    pub fn fixes(&self) -> Vec<Version> {
        let mut fixes = match self.fix {
            Fix::By(behaviour) if behaviour.row().component == Component::Attacher => Vec::new(),
            Fix::By(behaviour) => {
                let row = behaviour.row();
                row.picks.iter().copied().chain([row.since]).collect()
            }
            Fix::Kubernetes(releases) => releases.to_vec(),
            Fix::None | Fix::Attacher(_) | Fix::Elsewhere(_) => Vec::new(),
        };
        fixes.sort_unstable();
        fixes
    }

    /// The oldest Kubernetes line that has the fix, `1.21`.
    #[must_use]
    pub fn fixed_in(&self) -> Option<String> {
        self.fixes()
            .first()
            .map(|first| format!("{}.{}", first.major, first.minor))
    }

    /// Whether a release has the fix. A text without patch release (`1.21`) is answered only where all patch releases of
    /// that line agree.
    #[must_use]
    pub fn fixed(&self, release: &str) -> Fixed {
        let fixes = self.fixes();
        let (Ok(version), Some(last)) = (release.parse::<Version>(), fixes.last()) else {
            return Fixed::Unknown;
        };
        let same_line = |f: &&Version| (f.major, f.minor) == (version.major, version.minor);
        match fixes.iter().find(same_line) {
            _ if version >= *last => Fixed::Yes,
            Some(fix) if fix.patch > 0 && !names_patch(release) => Fixed::Unknown,
            Some(fix) if version >= *fix => Fixed::Yes,
            _ => Fixed::No,
        }
    }

    /// The headline for one cell.
    #[must_use]
    pub fn headline(&self, pod: Option<&str>, volume: &str, node: &str) -> String {
        let pod = pod.unwrap_or("a pod");
        if self.headline.is_empty() {
            return format!("{volume} on {node}, wanted by {pod}: {}", lower_first(self.title));
        }
        self.headline
            .replace("{pod}", pod)
            .replace("{volume}", volume)
            .replace("{node}", node)
    }

    /// What is known of acts on such a divergence, as remedies of a report, without times.
    #[must_use]
    pub fn remedies(&self) -> Vec<Remedy> {
        let remedy = |act: &Act| Remedy {
            action: act.action.to_owned(),
            outcome: act.outcome,
            agree_after_ms: None,
            runs_after_ms: None,
            risk: act.note.to_owned(),
        };
        self.acts.iter().map(remedy).collect()
    }
}

/// Whether a release is told down to its patch number.
fn names_patch(release: &str) -> bool {
    let core = release.split(['-', '+']).next().unwrap_or(release);
    core.matches('.').count() >= 2
}

/// The text with a small first letter, unless a name in capitals begins it.
fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    match (chars.next(), chars.clone().next()) {
        (Some(first), Some(second)) if !second.is_uppercase() => first.to_lowercase().chain(chars).collect(),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_row_is_whole_and_named_once() {
        let mut names = BTreeSet::new();
        for row in all() {
            assert!(names.insert(row.name), "{} stands there twice", row.name);
            for (field, text) in [
                ("title", row.title),
                ("states", row.states),
                ("recognised", row.recognised),
                ("affects", row.affects),
            ] {
                assert!(!text.is_empty(), "{} has no {field}", row.name);
            }
            assert!(row.title.ends_with('.'), "the title of {} is no sentence", row.name);
            assert!(!row.classes.is_empty(), "{} has no class", row.name);
            assert!(
                row.not_visible.is_none_or(|why| why.ends_with('.')),
                "why {} is not visible is no sentence",
                row.name
            );
            assert!(
                !row.acts.is_empty() || !row.advice.is_empty(),
                "{} says nothing of what helps",
                row.name
            );
        }
        assert!(!names.contains(UNKNOWN));
    }

    #[test]
    fn issues_are_written_so_that_people_find_them() {
        for row in all() {
            for issue in row.issues {
                let number = issue
                    .split_once('#')
                    .filter(|(repo, _)| repo.matches('/').count() == 1)
                    .map(|(_, n)| n);
                assert!(
                    number.is_some_and(|n| n.parse::<u32>().is_ok()),
                    "{}: {issue}",
                    row.name
                );
            }
        }
    }

    #[test]
    fn every_act_has_a_phrase() {
        for act in all().flat_map(|row| row.acts) {
            assert!(
                crate::report::remedy::is_known(act.action),
                "{} is no action of the contract",
                act.action
            );
            assert!(!act.note.is_empty(), "{} has no reason", act.action);
        }
    }

    #[test]
    fn headlines_leave_no_placeholder() {
        for row in all() {
            let text = row.headline(Some("app/web-0"), "pv-1", "node-1");
            assert!(!text.contains(['{', '}']), "{}: {text}", row.name);
            assert!(text.ends_with('.'), "{}: {text}", row.name);
        }
    }

    #[test]
    fn the_founding_bug_knows_its_releases() {
        let row = find("detach-backoff-drops-report-as-attached").unwrap();
        let releases: Vec<String> = row.fixes().iter().map(ToString::to_string).collect();
        assert_eq!(releases, ["1.21.7", "1.22.4", "1.23.0"]);
        assert_eq!(row.fixed_in().as_deref(), Some("1.21"));
        for (release, fixed) in [
            ("1.20.2", Fixed::No),
            ("1.20", Fixed::No),
            ("1.21.6", Fixed::No),
            ("1.21.7", Fixed::Yes),
            ("v1.22.4-gke.3", Fixed::Yes),
            ("1.22", Fixed::Unknown),
            ("1.23", Fixed::Yes),
            ("1.36.2", Fixed::Yes),
            ("soon", Fixed::Unknown),
        ] {
            assert_eq!(row.fixed(release), fixed, "{release}");
        }
    }

    #[test]
    fn a_misspelt_name_finds_its_neighbours() {
        assert_eq!(
            similar("detach-backoff-drops-report").first(),
            Some(&"detach-backoff-drops-report-as-attached")
        );
        assert!(similar("zzz").is_empty());
    }
}
