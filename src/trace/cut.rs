//! A part of a reading: what was known up to a moment, or from one on, or about one volume.
//!
//! In: a reading and the borders. Out: the same reading without what lies outside. A cut at a moment is what a bundle
//! collected then would have held: nothing later, and of the dumped objects only those that do not change with time.

use crate::fact::{Fact, Kind, Reading};
use crate::graph::cast::{Cast, Volume};
use crate::time::Time;

/// Borders of a part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cut {
    /// Nothing before this.
    pub since: Option<Time>,
    /// Nothing after this.
    pub until: Option<Time>,
}

impl Cut {
    /// Whether anything is cut.
    #[must_use]
    pub fn is_whole(self) -> bool {
        self == Cut::default()
    }

    /// Cuts a reading.
    pub fn apply(self, reading: &mut Reading) {
        if self.is_whole() {
            return;
        }
        let until = self.until.unwrap_or(Time::MAX);
        let since = self.since.unwrap_or(Time::MIN);
        reading.facts.retain_mut(|fact| self.keep(fact));
        for source in &mut reading.sources {
            for alive in source.spans_mut() {
                alive.retain_mut(|(from, to)| {
                    *from = (*from).max(since);
                    *to = (*to).min(until);
                    from <= to
                });
            }
        }
        let end = last_moment(reading).unwrap_or(until);
        for fact in &mut reading.facts {
            if stays(fact.kind) {
                fact.at = fact.at.min(end);
            }
        }
    }

    fn keep(self, fact: &mut Fact) -> bool {
        let until = self.until.unwrap_or(Time::MAX);
        if stays(fact.kind) {
            return true;
        }
        // What is left of the dumps tells of the moment they were made.
        if fact.kind.is_dump() {
            return self.until.is_none();
        }
        if let Some(repeat) = &mut fact.repeat
            && repeat.last_at > until
            && fact.at <= until
        {
            // How many of the lines lie before the border was not kept; they come at a steady pace.
            let whole = (repeat.last_at - fact.at).0.max(1);
            let part = (until - fact.at).0;
            let share = |number: u32| u32::try_from(i64::from(number) * part / whole).unwrap_or(number);
            repeat.last_line = fact.line + share(repeat.last_line.saturating_sub(fact.line));
            repeat.count = share(repeat.count).max(1);
            repeat.last_at = until;
        }
        let last = fact.repeat.map_or(fact.at, |repeat| repeat.last_at);
        fact.at <= until && self.since.is_none_or(|since| last >= since)
    }
}

/// Leaves out what only speaks of other volumes than these, or of other pods than those that use them.
pub fn narrow(reading: &mut Reading, cast: &Cast, volumes: &[Volume]) {
    let ours = |volume: Volume| volumes.contains(&volume);
    reading.facts.retain(|fact| {
        if let Some(volume) = cast.volume(fact) {
            return ours(volume);
        }
        let pod = cast.pod(fact).map(|pod| cast.pod_info(pod));
        pod.is_none_or(|pod| pod.volumes.iter().any(|volume| ours(*volume)))
    });
}

/// Dumped objects that are the same at any time: what a volume is, not where it is.
fn stays(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::PvSeen | Kind::PvcSeen | Kind::CsidriverSeen | Kind::CsinodeSeen | Kind::ClusterSeen | Kind::ReleaseSeen
    )
}

fn last_moment(reading: &Reading) -> Option<Time> {
    let facts = reading
        .facts
        .iter()
        .filter(|fact| !stays(fact.kind))
        .map(|fact| fact.at);
    let alive = reading
        .sources
        .iter()
        .filter_map(|source| source.alive.last().map(|(_, to)| *to));
    facts.chain(alive).max()
}
