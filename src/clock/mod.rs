//! Facts of all sources to the same facts on one time axis, and one order for them.
//!
//! In: a reading whose times are as each process wrote them, and who is who. Out: the reading with corrected times, each
//! source with the offset and bound of its clock; and the ids of all facts by time. Machines' clocks differ, and a log
//! in local time is hours off; but a request cannot be received before its sender set out to send it, nor be acted upon
//! before it was received. Each such pair of facts (`bounds`) bounds the difference of two clocks; `solve` turns the
//! bounds into offsets. A clock that can be right is left alone. The API servers' clock is the reference.

use crate::fact::{Detail, Fact, Offset, Reading, Source};
use crate::graph::cast::Cast;
use crate::time::Span;

mod bounds;
mod group;
mod put_back;
mod reach;
mod solve;
#[cfg(test)]
mod tests;
mod zone;

use group::Groups;

/// Puts all facts on one axis: finds what each clock was off by and corrects the reading's times.
///
/// Sources that are settled already (captured traces) stay as they are, and so do dumps and tables, whose times are the
/// API servers'.
pub fn settle(reading: &mut Reading, cast: &Cast) {
    let end = reading.end();
    put_back::mend(reading);
    let groups = Groups::of(reading);
    if groups.count > 1 {
        align(reading, cast, &groups);
    }
    // Dumped objects count at the end of what was recorded, and that has moved with the clocks.
    let moved = reading.end();
    for fact in reading
        .facts
        .iter_mut()
        .filter(|fact| fact.is_untimed() && fact.at == end)
    {
        fact.at = moved;
    }
}

/// Puts the clocks of several logs on the axis of the API servers.
fn align(reading: &mut Reading, cast: &Cast, groups: &Groups) {
    let lent = zone::lend(reading, groups);
    let lent: Vec<Move> = lent.into_iter().map(Move::Zone).collect();
    shift(reading, &lent);
    let bounds = reach::within(reading, groups, bounds::of(reading, cast, groups));
    let offsets = solve::solve(groups.count, &bounds);
    let mut moves = vec![Move::Clock(Span::ZERO); reading.sources.len()];
    for ((id, source), found) in (0_u32..).zip(&mut reading.sources).zip(&mut moves) {
        let clock = groups.clock(id).and_then(|clock| offsets.get(clock as usize));
        if let (Some(offset), None) = (clock, source.offset) {
            *found = note(source, *offset);
        }
    }
    shift(reading, &moves);
}

/// The facts' ids, ordered by time, ties by source and line, so that the same input always gives the same order.
#[must_use]
pub fn order(reading: &Reading) -> Vec<u32> {
    let facts = &reading.facts;
    let mut order: Vec<u32> = (0..u32::try_from(facts.len()).unwrap_or(u32::MAX)).collect();
    order.sort_by_key(|id| facts.get(*id as usize).map(|fact| (fact.at, fact.source, fact.line)));
    order
}

/// How the times of one source move.
#[derive(Clone, Copy, Debug)]
enum Move {
    /// The clock was wrong, and whatever it told with it.
    Clock(Span),
    /// The zone of the headers was misread; stamps that carry their own zone are right.
    Zone(Span),
}

impl Move {
    fn by(self) -> Span {
        match self {
            Move::Clock(by) | Move::Zone(by) => by,
        }
    }
}

/// Notes a source's offset. Where nothing told the zone of its headers, an offset that a zone would explain is the zone.
fn note(source: &mut Source, offset: Offset) -> Move {
    if zone::explains(source, offset.by) {
        zone::assume(source, offset.by, "as its order with other logs demands");
        source.offset = Some(Offset {
            by: Span::ZERO,
            ..offset
        });
        return Move::Zone(offset.by);
    }
    if offset.by != Span::ZERO {
        source.notes.push(off(offset.by));
    }
    source.offset = Some(offset);
    Move::Clock(offset.by)
}

/// One sentence on a clock that is wrong.
fn off(by: Span) -> String {
    let (millis, way) = (by.abs().as_millis(), if by.0 < 0 { "ahead" } else { "behind" });
    let (seconds, rest) = (millis / 1000, millis % 1000);
    format!("its clock was {seconds}.{rest:03} s {way} of the other sources; its times are corrected")
}

/// Moves the times of each source by its own share.
fn shift(reading: &mut Reading, moves: &[Move]) {
    if moves.iter().all(|one| one.by() == Span::ZERO) {
        return;
    }
    for (source, one) in reading.sources.iter_mut().zip(moves) {
        for (from, to) in source.spans_mut().flatten() {
            (*from, *to) = (*from + one.by(), *to + one.by());
        }
    }
    for fact in reading.facts.iter_mut().filter(|fact| fact.call.is_none()) {
        if let Some(one) = moves.get(fact.source.0 as usize) {
            shift_fact(fact, *one);
        }
    }
}

/// Moves one fact, and what it tells by the same clock.
fn shift_fact(fact: &mut Fact, one: Move) {
    fact.at = fact.at + one.by();
    if let Some(repeat) = &mut fact.repeat {
        repeat.last_at = repeat.last_at + one.by();
    }
    if let (Detail::Backoff { until: Some(until), .. }, Move::Clock(by)) = (&mut fact.detail, one) {
        *until = *until + by;
    }
}
