//! Whose behaviours are replayed: the release of the controller, and what told it.
//!
//! In: a [`Reading`] and what the user asked for. Out: a [`Release`]. What tells it best comes first: the controller's
//! start line, its requests, a version file, the places of its statements in the sources, then what tells of others.

use crate::fact::release::{self, Fit};
use crate::fact::{Fact, Kind, Party, Reading};
use crate::model::profile::Version;

/// A release and where it was taken from.
#[derive(Clone, Debug)]
pub struct Release {
    /// The release.
    pub version: Version,
    /// Where it was told.
    pub because: String,
    /// Whether nothing told it for sure.
    pub assumed: bool,
}

/// What is taken where nothing tells: the middle of the releases that are in use.
const ASSUMED: Version = Version::new(1, 28, 0);

/// What a fact tells of the release.
type Tells = fn(&Fact) -> Option<Version>;

/// What tells the controller's release, best first.
const OF_CONTROLLER: [(Tells, &str); 3] = [
    (controller_started, "start line"),
    (controller_asks, "userAgent"),
    (version_file, "version file"),
];

/// The release whose behaviours apply.
pub fn of(reading: &Reading, asked: Option<Version>) -> Release {
    asked
        .map(|version| Release {
            version,
            because: "--kubernetes-version".to_owned(),
            assumed: false,
        })
        .or_else(|| OF_CONTROLLER.into_iter().find_map(|tells| told(reading, tells)))
        .or_else(|| one_minor(reading, 'c', "controller"))
        .or_else(|| told(reading, (other_started, "start line")))
        .or_else(|| one_minor(reading, 'k', "kubelet"))
        .or_else(|| closest(reading))
        .unwrap_or_else(|| Release {
            version: ASSUMED,
            because: "nothing in the evidence tells the release".to_owned(),
            assumed: true,
        })
}

/// The first fact that tells it.
fn told(reading: &Reading, (tell, what): (Tells, &str)) -> Option<Release> {
    let (fact, version) = reading.facts.iter().find_map(|fact| Some((fact, tell(fact)?)))?;
    let path = reading
        .sources
        .get(fact.source.0 as usize)
        .map_or("", |source| &source.path);
    Some(Release {
        version,
        because: format!("{path}:{} {what} {version}", fact.line),
        assumed: false,
    })
}

fn controller_started(fact: &Fact) -> Option<Version> {
    (fact.party == Party::Controller).then(|| other_started(fact)).flatten()
}

fn controller_asks(fact: &Fact) -> Option<Version> {
    let call = fact.call.as_ref().filter(|_| fact.party == Party::Controller)?;
    agent(&call.agent)
}

fn version_file(fact: &Fact) -> Option<Version> {
    (fact.kind == Kind::ReleaseSeen)
        .then(|| version(fact.version.as_deref()))
        .flatten()
}

fn other_started(fact: &Fact) -> Option<Version> {
    (fact.kind == Kind::ProcessVersion)
        .then(|| version(fact.version.as_deref()))
        .flatten()
}

/// `v1.20.2`, also with a vendor's tail, as the version it names.
fn version(text: Option<&str>) -> Option<Version> {
    text?.trim_start_matches('v').parse().ok()
}

/// The release in `kube-controller-manager/v1.20.2`.
fn agent(agent: &str) -> Option<Version> {
    let release = agent
        .split_whitespace()
        .next()?
        .strip_prefix("kube-controller-manager/")?;
    version(Some(release))
}

fn fit(reading: &Reading, speaker: char) -> Option<Fit> {
    release::fit(speaker, reading.sources.iter().flat_map(|source| &source.sites))
}

/// The release that the places of a party's statements fit, where it is one minor and nearly all of them do.
fn one_minor(reading: &Reading, speaker: char, who: &str) -> Option<Release> {
    let fit = fit(reading, speaker)?;
    let (first, last) = (version(Some(fit.first))?, version(Some(fit.last))?);
    let sure = first.minor == last.minor && fit.fitting * 4 >= fit.seen * 3;
    sure.then(|| Release {
        version: last,
        because: places(&fit, who),
        assumed: false,
    })
}

/// The newest of the releases that fit best, where none fits well or several do.
fn closest(reading: &Reading) -> Option<Release> {
    let (fit, who) = fit(reading, 'c')
        .map(|fit| (fit, "controller"))
        .or_else(|| Some((fit(reading, 'k')?, "kubelet")))?;
    Some(Release {
        version: version(Some(fit.last))?,
        because: places(&fit, who),
        assumed: true,
    })
}

fn places(fit: &Fit, who: &str) -> String {
    let releases = if fit.first == fit.last {
        fit.first.to_owned()
    } else {
        format!("{} to {}", fit.first, fit.last)
    };
    let Fit { fitting, seen, .. } = fit;
    format!("file and line of {fitting} of {seen} kinds of {who} lines fit {releases}")
}
