//! Which bounds between clocks are evidence, given how far each log reaches.
//!
//! In: bounds, and from when to when each clock's logs tell anything. Out: the bounds that count. A log that was rotated
//! away lacks the line that belongs to a request, and a later line about the same thing would be taken for it: such a
//! pair says that the clock is off by the time between the two. It gives itself away, since the request lies where the
//! log does not reach.

use std::collections::BTreeMap;

use super::group::Groups;
use super::solve::Constraint;
use crate::fact::Reading;
use crate::time::{Span, Time};

/// Pairs whose differences agree to this, or to a twentieth, tell of one offset.
const AGREE: Span = Span::secs(1);
/// Pairs that lie beside each other must agree to this.
const EXACT: Span = Span::millis(50);
/// What two bounds may leave of room beside one of the other direction: a kubelet takes some time to start, and the API
/// server to tell others.
const SNUG: Span = Span::millis(300);
/// Lines that lie beside each other, and yet are two.
const BESIDE: Span = Span::millis(200);
/// Lines closer together tell of one event, unless they agree exactly.
const ONE_EVENT: Span = Span::secs(2);

/// The bounds that count. All do where they tell of one offset at two moments, and where two clocks' logs share no time,
/// as with a log in local time; else those within the time that both logs tell of.
pub fn within(reading: &Reading, groups: &Groups, bounds: Vec<Constraint>) -> Vec<Constraint> {
    let spans = spans(reading, groups);
    let mut pairs: BTreeMap<(u32, u32), Vec<Constraint>> = BTreeMap::new();
    for one in bounds {
        let key = (one.causing.min(one.affected), one.causing.max(one.affected));
        pairs.entry(key).or_default().push(one);
    }
    let counting = pairs.into_iter().flat_map(|((a, b), all)| {
        let (Some(a), Some(b)) = (spans.get(&a), spans.get(&b)) else {
            return all;
        };
        if a.0 > b.1 || b.0 > a.1 {
            return all;
        }
        let shared = (a.0.max(b.0), a.1.min(b.1));
        let lies = |one: &Constraint| {
            [one.cause, one.effect]
                .iter()
                .all(|at| (shared.0..=shared.1).contains(at))
        };
        if tell_of_one_offset(&all) || is_squeezed(&all) {
            return all;
        }
        all.into_iter().filter(lies).collect()
    });
    counting.collect()
}

/// Whether bounds that exclude clocks in step agree on a difference at two moments.
fn tell_of_one_offset(bounds: &[Constraint]) -> bool {
    let broken = || bounds.iter().filter(|one| one.effect < one.cause);
    broken().any(|one| {
        broken().any(|other| {
            let (by, also) = (one.cause - one.effect, other.cause - other.effect);
            let near = AGREE.max(Span(by.0 / 20));
            let apart = (one.cause - other.cause).abs().min((one.effect - other.effect).abs());
            let differs = Span(by.0 - also.0).abs();
            // What a restarted kubelet tells again at once differs by as much as it lay apart the first time.
            let close = apart > BESIDE && differs <= EXACT.min(Span(apart.0 / 4));
            apart > ONE_EVENT && differs <= near || close
        })
    })
}

/// Whether bounds that exclude clocks in step leave next to no room beside those of the other direction, told of another
/// moment. A line that was taken for one that is lost would leave any room, or none.
fn is_squeezed(bounds: &[Constraint]) -> bool {
    let by = |one: &Constraint| one.cause - one.effect;
    let Some(most) = bounds
        .iter()
        .max_by_key(|one| by(one))
        .filter(|one| by(one) > Span::ZERO)
    else {
        return false;
    };
    let other_way = bounds.iter().filter(|one| one.causing == most.affected);
    let mut rooms: Vec<(Span, Span)> = other_way
        .map(|one| {
            let apart = (most.cause - one.effect).abs().min((most.effect - one.cause).abs());
            (Span(-by(one).0 - by(most).0), apart)
        })
        .collect();
    rooms.sort_unstable();
    // One thing told by two rules is one witness.
    rooms.dedup();
    let apart = |(_, apart): &(Span, Span)| *apart > ONE_EVENT;
    match rooms.as_slice() {
        [(least, _), ..] if *least < Span::ZERO => false,
        [first, ..] if first.0 <= EXACT && apart(first) => true,
        [first, second, ..] => second.0 <= SNUG && (apart(first) || apart(second)),
        _ => false,
    }
}

/// First and last moment that each clock's logs tell of, as written.
fn spans(reading: &Reading, groups: &Groups) -> BTreeMap<u32, (Time, Time)> {
    let mut spans: BTreeMap<u32, (Time, Time)> = BTreeMap::new();
    for (id, source) in (0_u32..).zip(&reading.sources) {
        let Some(clock) = groups.clock(id) else { continue };
        for (from, to) in &source.alive {
            let span = spans.entry(clock).or_insert((*from, *to));
            *span = (span.0.min(*from), span.1.max(*to));
        }
    }
    spans
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bound(cause: i64, effect: i64) -> Constraint {
        Constraint {
            causing: 1,
            cause: Time(cause * 1_000_000),
            affected: 0,
            effect: Time(effect * 1_000_000),
        }
    }

    #[test]
    fn one_event_alone_tells_of_no_offset() {
        assert!(!tell_of_one_offset(&[bound(200, 75), bound(201, 75)]));
        assert!(!tell_of_one_offset(&[bound(200, 75), bound(230, 90)]));
        assert!(tell_of_one_offset(&[bound(200, 75), bound(230, 105)]));
    }

    #[test]
    fn bounds_of_both_directions_squeeze_an_offset() {
        let back = |cause: i64, effect: i64| Constraint {
            causing: 0,
            cause: Time(cause * 1_000),
            affected: 1,
            effect: Time(effect * 1_000),
        };
        // 125 s behind, and no more than that by 20 ms.
        assert!(is_squeezed(&[bound(200, 75), back(90_000, 215_020)]));
        // Two that leave a little more.
        assert!(is_squeezed(&[
            bound(200, 75),
            back(90_000, 215_200),
            back(75_001, 200_220)
        ]));
        // Room for more, for nothing, or told of the same moment.
        assert!(!is_squeezed(&[bound(200, 75), back(90_000, 216_000)]));
        assert!(!is_squeezed(&[bound(200, 75), back(90_000, 214_000)]));
        assert!(!is_squeezed(&[bound(200, 75), back(75_001, 200_020)]));
        assert!(!is_squeezed(&[back(90_000, 215_020)]));
    }
}
