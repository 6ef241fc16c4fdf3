//! Profiles: what a release of Kubernetes (and of the external-attacher) does, as a set of named behaviours.
//!
//! In: a [`Version`]. Out: a [`Profile`] that the model asks rule by rule with [`Profile::has`]; what-if forks it with
//! [`Profile::with`] and [`Profile::without`]. What each behaviour is, who has it since when and which issues it closes
//! stands in one table, [`ROWS`]: whoever adds a release adds rows there.

use std::fmt;
use std::str::FromStr;

#[allow(clippy::unreadable_literal, reason = "issue numbers stand as people cite them")]
mod table;

pub use table::{Behaviour, ROWS};

/// A release number of Kubernetes, `1.27.6`, or of the external-attacher, `4.8.1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// `1` of `1.27.6`.
    pub major: u16,
    /// `27` of `1.27.6`.
    pub minor: u16,
    /// `6` of `1.27.6`.
    pub patch: u16,
}

impl Version {
    /// The first release of Kubernetes that the table covers.
    pub const FIRST: Version = Version::new(1, 16, 0);
    /// The last minor release of Kubernetes that the table covers.
    pub const LAST: Version = Version::new(1, 36, u16::MAX);

    /// A version from its three numbers.
    #[must_use]
    pub const fn new(major: u16, minor: u16, patch: u16) -> Version {
        Version { major, minor, patch }
    }

    /// Whether the table covers this release of Kubernetes; the nearest release stands in for one that it does not.
    #[must_use]
    pub fn is_covered(self) -> bool {
        (Self::FIRST..=Self::LAST).contains(&self)
    }

    /// Whether this release has what came with `pick`, as a backport into the same minor release.
    fn has_pick(self, pick: Version) -> bool {
        (self.major, self.minor) == (pick.major, pick.minor) && self.patch >= pick.patch
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// A text that names no version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadVersion(String);

impl fmt::Display for BadVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` is not a version; write it like 1.27.6 or 1.27.",
            self.0.escape_debug()
        )
    }
}

impl std::error::Error for BadVersion {}

impl FromStr for Version {
    type Err = BadVersion;

    /// Reads `1.27.6`, `v1.27.6-gke.100`, `v1.27.6+k3s1`, or `1.27`, which means the first release of that minor version.
    fn from_str(text: &str) -> Result<Version, BadVersion> {
        let bad = || BadVersion(text.chars().take(40).collect());
        let trimmed = text.trim();
        let bare = trimmed.strip_prefix(['v', 'V']).unwrap_or(trimmed);
        let core = bare.split(['-', '+']).next().unwrap_or(bare);
        let mut numbers = core.split('.').map(|part| part.parse::<u16>().map_err(|_| bad()));
        let major = numbers.next().ok_or_else(bad)??;
        let minor = numbers.next().ok_or_else(bad)??;
        let patch = numbers.next().unwrap_or(Ok(0))?;
        match numbers.next() {
            None => Ok(Version { major, minor, patch }),
            Some(_) => Err(bad()),
        }
    }
}

/// Whose code a behaviour is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Component {
    /// The attach/detach controller, its operations and its half of the CSI plugin.
    Controller,
    /// The kubelet's volume manager.
    Kubelet,
    /// The external-attacher sidecar, which has release numbers of its own.
    Attacher,
}

impl fmt::Display for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Component::Controller => "controller",
            Component::Kubelet => "kubelet",
            Component::Attacher => "attacher",
        })
    }
}

/// How a row of the table is known, the strongest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Known {
    /// Seen in runs of the real code on both sides.
    Run,
    /// Read in code of the named versions.
    Code,
    /// Told by a changelog or release note.
    Changelog,
    /// Told by the thread of a pull request or issue; releases derived from dates and branches.
    Thread,
    /// Inferred; the release may be off.
    Inferred,
}

/// One behaviour: what it is and which releases have it.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Which.
    pub behaviour: Behaviour,
    /// Its name in reports, in what-if actions and on the command line.
    pub name: &'static str,
    /// Whose.
    pub component: Component,
    /// What a release with it does, one clause.
    pub with: &'static str,
    /// What a release without it does, one clause.
    pub without: &'static str,
    /// The first release that has it and from which on all have.
    pub since: Version,
    /// First patch releases of earlier minor releases that have it.
    pub picks: &'static [Version],
    /// Earlier stretches, both ends included, that had it before it was taken back.
    pub briefly: &'static [(Version, Version)],
    /// The pull requests or issues that tell of it, `#104526` being one of kubernetes/kubernetes.
    pub origin: &'static str,
    /// Issues of kubernetes/kubernetes that no longer bite with it.
    pub closes: &'static [u32],
    /// How the row is known.
    pub known: Known,
    /// Why the model does not act on it and only tells of it; empty for the rows that it acts on.
    pub told: &'static str,
}

impl Row {
    /// Whether a release has it. Attacher rows are asked with a release of the attacher.
    #[must_use]
    pub fn is_in(&self, version: Version) -> bool {
        version >= self.since
            || self.picks.iter().any(|&pick| version.has_pick(pick))
            || self.briefly.iter().any(|&(from, to)| (from..=to).contains(&version))
    }
}

impl Behaviour {
    /// The behaviour's row.
    #[must_use]
    pub fn row(self) -> &'static Row {
        &ROWS[self as usize]
    }

    /// Its name, `node_status_patch_per_node`.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// The behaviour of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Behaviour> {
        ROWS.iter().find(|row| row.name == name).map(|row| row.behaviour)
    }
}

/// A set of behaviours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Profile(u128);

impl Profile {
    /// The attacher that [`Profile::of`] assumes, as Kubernetes' own version tells nothing about it.
    pub const ASSUMED_ATTACHER: Version = Version::new(4, 12, 0);

    /// What a release of Kubernetes does, with the newest attacher beside it.
    #[must_use]
    pub fn of(kubernetes: Version) -> Profile {
        let set = ROWS
            .iter()
            .filter(|row| row.component != Component::Attacher && row.is_in(kubernetes));
        set.fold(Profile(0), |profile, row| profile.with(row.behaviour))
            .with_attacher(Self::ASSUMED_ATTACHER)
    }

    /// The same Kubernetes with another release of the external-attacher.
    #[must_use]
    pub fn with_attacher(self, attacher: Version) -> Profile {
        ROWS.iter()
            .filter(|row| row.component == Component::Attacher)
            .fold(self, |profile, row| {
                if row.is_in(attacher) {
                    profile.with(row.behaviour)
                } else {
                    profile.without(row.behaviour)
                }
            })
    }

    /// The same with one behaviour more.
    #[must_use]
    pub const fn with(self, behaviour: Behaviour) -> Profile {
        Profile(self.0 | (1 << behaviour as u32))
    }

    /// The same with one behaviour less.
    #[must_use]
    pub const fn without(self, behaviour: Behaviour) -> Profile {
        Profile(self.0 & !(1 << behaviour as u32))
    }

    /// Whether it has a behaviour.
    #[must_use]
    pub const fn has(self, behaviour: Behaviour) -> bool {
        self.0 & (1 << behaviour as u32) != 0
    }

    /// All rows with the answer whether the profile has them, in the table's order.
    pub fn rows(self) -> impl Iterator<Item = (&'static Row, bool)> {
        ROWS.iter().map(move |row| (row, self.has(row.behaviour)))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn has(version: &str, behaviour: Behaviour) -> bool {
        Profile::of(version.parse().unwrap()).has(behaviour)
    }

    #[test]
    fn patch_releases_differ() {
        let fix = Behaviour::BackoffCheckedBeforeUnreport;
        for (version, expected) in [
            ("1.20.15", false),
            ("1.21.6", false),
            ("1.21.7", true),
            ("1.22.3", false),
            ("v1.22.4-gke.1", true),
            ("1.23", true),
            ("1.36.2", true),
        ] {
            assert_eq!(has(version, fix), expected, "{version}");
        }
    }

    #[test]
    fn what_was_taken_back_is_gone_until_it_came_for_good() {
        let new = Behaviour::KubeletNewReconstruction;
        let found: Vec<bool> = ["1.26.0", "1.27.1", "1.27.2", "1.28.0"]
            .into_iter()
            .map(|version| has(version, new))
            .collect();
        assert_eq!(found, [false, true, false, true]);
    }

    #[test]
    fn the_attacher_has_releases_of_its_own() {
        let profile = Profile::of(Version::new(1, 20, 2));
        assert!(profile.has(Behaviour::FinalizerRemovedFirst));
        assert!(
            !profile
                .with_attacher(Version::new(4, 8, 0))
                .has(Behaviour::FinalizerRemovedFirst)
        );
        assert!(
            profile
                .with_attacher(Version::new(4, 8, 1))
                .has(Behaviour::FinalizerRemovedFirst)
        );
    }

    #[test]
    fn the_table_is_in_the_order_of_the_enum_and_its_names_are_those_of_the_variants() {
        for (at, row) in ROWS.iter().enumerate() {
            assert_eq!(row.behaviour as usize, at, "{}", row.name);
            assert_eq!(Behaviour::parse(row.name), Some(row.behaviour));
            let variant = format!("{:?}", row.behaviour).to_lowercase();
            assert_eq!(row.name.replace('_', ""), variant);
            for pick in row.picks {
                assert!(*pick < row.since, "{}: a pick after the first release", row.name);
            }
        }
        assert!(ROWS.len() <= 128, "the set has 128 bits");
    }

    /// A row that no rule of the model asks for says so, and why; one that says so is asked for by none.
    #[test]
    fn rows_that_the_model_does_not_act_on_are_marked() {
        let mut code = String::new();
        read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/model"), &mut code);
        for row in ROWS {
            let asked = code.contains(&format!("Behaviour::{:?}", row.behaviour));
            assert_eq!(asked, row.told.is_empty(), "{}", row.name);
        }
    }

    fn read(at: &Path, code: &mut String) {
        for entry in std::fs::read_dir(at).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                read(&path, code);
            } else if !path.ends_with("profile.rs") && !path.ends_with("table.rs") {
                code.push_str(&std::fs::read_to_string(path).unwrap());
            }
        }
    }

    #[test]
    fn versions_read_as_people_write_them() {
        assert_eq!("v1.27.6+k3s1".parse(), Ok(Version::new(1, 27, 6)));
        assert_eq!("1.27".parse(), Ok(Version::new(1, 27, 0)));
        for bad in ["", "1", "one.two", "1.2.3.4", "1.99999999"] {
            assert!(bad.parse::<Version>().is_err(), "{bad}");
        }
    }
}
