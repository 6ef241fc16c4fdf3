//! Zones that nothing in a log tells, taken from its neighbours.
//!
//! In: sources. Out: by how much the times of each have to move. A klog header has no zone; a retry stamp or a wrapper
//! tells it in one piece of a log and not in the next. Pieces of one log, and logs of one component, are taken to be in
//! one zone; where that is wrong the bounds between the clocks put it right.

use crate::fact::{Party, Reading, Source};
use crate::record::Zone;
use crate::time::Span;

use super::group::Groups;
use super::solve::QUARTER;

/// No zone is further from UTC.
const FARTHEST: Span = Span::secs(14 * 3600);

/// Gives sources that tell no zone the zone of their neighbours. What has to be added to the times of each source.
pub fn lend(reading: &mut Reading, groups: &Groups) -> Vec<Span> {
    let ids = || (0_u32..).zip(&reading.sources);
    let told: Vec<(Option<u32>, Option<Party>, Span)> = ids()
        .filter(|(_, source)| source.format == "klog" && !source.zone_assumed)
        .filter_map(|(id, source)| Some((groups.clock(id), source.party.clone(), east(&source.zone)?)))
        .collect();
    let lent = ids().map(|(id, source)| {
        let clock = groups.clock(id).filter(|_| source.zone_assumed)?;
        let same_log = told.iter().filter(|(other, ..)| *other == Some(clock));
        let same_component = told
            .iter()
            .filter(|(_, party, _)| is_same(party.as_ref(), source.party.as_ref()));
        agreed(same_log.map(|(.., zone)| *zone)).or_else(|| agreed(same_component.map(|(.., zone)| *zone)))
    });
    let lent: Vec<Option<Span>> = lent.collect();
    let moved = reading.sources.iter_mut().zip(lent).map(|(source, zone)| {
        let by = match (zone, east(&source.zone)) {
            (Some(zone), Some(now)) => Span(now.0 - zone.0),
            _ => Span::ZERO,
        };
        if by != Span::ZERO {
            assume(source, by, "as in other logs of its kind");
        }
        by
    });
    moved.collect()
}

/// Whether an offset is a zone that nothing told, and not a clock that was wrong.
pub fn explains(source: &Source, by: Span) -> bool {
    source.zone_assumed && by != Span::ZERO && by.0 % QUARTER == 0 && by.abs() <= FARTHEST
}

/// Notes that a source is in the zone that moves its times by `by`, and why.
pub fn assume(source: &mut Source, by: Span, why: &str) {
    let Some(now) = east(&source.zone) else { return };
    let zone = Zone::Fixed(Span(now.0 - by.0)).to_string();
    let before = format!("zone {}", source.zone);
    source.assumed = source
        .assumed
        .take()
        .map(|text| text.replace(&before, &format!("zone {zone} {why}")));
    source.zone = zone;
}

/// How far east of UTC a zone lies, where that does not change with the date.
fn east(zone: &str) -> Option<Span> {
    match Zone::parse(zone)? {
        Zone::Fixed(offset) => Some(offset),
        Zone::Named(_) => None,
    }
}

/// The one zone that all have.
fn agreed(mut zones: impl Iterator<Item = Span>) -> Option<Span> {
    let first = zones.next()?;
    zones.all(|zone| zone == first).then_some(first)
}

/// Whether two logs are of one component; all kubelets are.
fn is_same(one: Option<&Party>, other: Option<&Party>) -> bool {
    match (one, other) {
        (Some(Party::Kubelet(_)), Some(Party::Kubelet(_))) => true,
        (Some(one), Some(other)) => one == other,
        _ => false,
    }
}
