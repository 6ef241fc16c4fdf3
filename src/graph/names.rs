//! The names that people type, found among those in the facts.
//!
//! In: a name as typed (a unique volume name, PV, handle, claim, pod, or the end of one) and the [`Cast`]. Out: the one
//! volume or node it can mean, or [`NameError`], which lists what there is.

use std::fmt;

use super::cast::{Cast, Node, Volume};

/// Names listed in an error.
const LISTED: usize = 6;

/// A name that means nothing, or more than one thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameError {
    /// `volume` or `node`.
    pub what: &'static str,
    /// As typed.
    pub name: String,
    /// What it can mean, or, where it means nothing, what there is.
    pub candidates: Vec<String>,
    /// Whether nothing matched.
    pub nothing: bool,
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self
            .candidates
            .iter()
            .take(LISTED)
            .cloned()
            .collect::<Vec<_>>()
            .join(", ");
        let more = match self.candidates.len().saturating_sub(LISTED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        match (self.nothing, self.candidates.is_empty()) {
            (true, true) => write!(
                f,
                "no {} is named in the input, so none is called {}",
                self.what, self.name
            ),
            (true, false) => write!(f, "no {} is called {}; there are {shown}{more}", self.what, self.name),
            (false, _) => write!(f, "{} may mean {shown}{more}; give more of the name", self.name),
        }
    }
}

impl std::error::Error for NameError {}

impl Cast {
    /// The volume that is meant: by a whole name, else by a pod or claim that uses one volume, else by a part of a name.
    pub fn volume_meant(&self, typed: &str) -> Result<Volume, NameError> {
        if let Some(volume) = self.volume_named(typed) {
            return Ok(volume);
        }
        let whole = |name: &str| name == typed || name.rsplit('/').next() == Some(typed);
        let part = |name: &str| name.contains(typed);
        let found = [self.volumes_where(&whole), self.volumes_where(&part)]
            .into_iter()
            .find(|found| !found.is_empty())
            .unwrap_or_default();
        let all = || (0_u32..).map(Volume).take(self.volumes.len()).collect();
        one("volume", typed, found, all, |volume| self.called(*volume))
    }

    /// The node that is meant: by its name, else by a part of it.
    pub fn node_meant(&self, typed: &str) -> Result<Node, NameError> {
        if let Some(node) = self.node_named(typed) {
            return Ok(node);
        }
        let all = || (0_u32..).map(Node).take(self.nodes.len()).collect::<Vec<_>>();
        let found = all()
            .into_iter()
            .filter(|node| self.node_name(*node).contains(typed))
            .collect();
        one("node", typed, found, all, |node| self.node_name(*node).to_string())
    }

    /// A volume's shortest good name: its PV, else its unique name.
    #[must_use]
    pub fn called(&self, volume: Volume) -> String {
        let info = self.info(volume);
        info.pvs.first().unwrap_or(&info.name).to_string()
    }

    /// Volumes one of whose names fits: unique name, PV, claim, or a pod that uses them.
    fn volumes_where(&self, fits: &dyn Fn(&str) -> bool) -> Vec<Volume> {
        let mut found: Vec<Volume> = Vec::new();
        for (volume, info) in (0_u32..).map(Volume).zip(&self.volumes) {
            let handle = info.name.rsplit(['^', '/']).next().unwrap_or_default();
            if fits(&info.name) || fits(handle) || info.pvs.iter().any(|pv| fits(pv)) {
                found.push(volume);
            }
        }
        let claims = self.claims().filter(|(claim, _)| fits(claim));
        found.extend(claims.map(|(_, volume)| volume));
        for pod in self.pods.iter().filter(|pod| fits(&pod.name)) {
            found.extend(pod.volumes.iter().copied());
        }
        found.sort_unstable();
        found.dedup();
        found
    }
}

fn one<T: Copy>(
    what: &'static str,
    typed: &str,
    found: Vec<T>,
    all: impl FnOnce() -> Vec<T>,
    called: impl Fn(&T) -> String,
) -> Result<T, NameError> {
    if let [one] = found.as_slice() {
        return Ok(*one);
    }
    let nothing = found.is_empty();
    let candidates = if nothing { all() } else { found };
    Err(NameError {
        what,
        name: typed.to_owned(),
        candidates: candidates.iter().map(called).collect(),
        nothing,
    })
}
