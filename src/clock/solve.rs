//! Bounds between clocks to an offset for each.
//!
//! In: statements "this moment of clock A is not later than that moment of clock B". Out: one offset per clock. Of the
//! statements about two clocks the largest agreeing set is kept, so that a pair that was matched wrongly is outvoted.
//! What is left is a system of difference constraints; its extreme solutions are shortest paths from and to the
//! reference.

use std::collections::BTreeMap;

use petgraph::algo::bellman_ford;
use petgraph::graph::{DiGraph, NodeIndex};

use super::group::API;
use crate::fact::Offset;
use crate::time::{Span, Time};

/// `cause` by clock `causing` is not later than `effect` by clock `affected`.
#[derive(Clone, Copy, Debug)]
pub struct Constraint {
    /// Clock of the cause.
    pub causing: u32,
    /// Its moment, as written.
    pub cause: Time,
    /// Clock of the effect.
    pub affected: u32,
    /// Its moment, as written.
    pub effect: Time,
}

/// By how much the order may be broken: the line about a request and the request itself can come from two threads. In
/// recordings by one clock they swap places by up to 3.7 ms; offsets as small as this are not worth a correction.
const SLACK: i64 = 10_000;
/// No clock is off by more (three years); keeps all sums exact in an `f64`.
const FAR: i64 = 100_000_000_000_000;
/// Zones are multiples of a quarter of an hour.
pub(super) const QUARTER: i64 = 900_000_000;
/// No zone is further from UTC, with a day to spare for a date read wrongly.
const ZONES: i64 = 104 * QUARTER;
/// How tight a bound has to lie at a zone's offset to be taken for the zone.
const TIGHT: i64 = 60_000_000;

/// Within what time a watcher hears of a write.
const PROMPT: i64 = 100_000;
/// What offsets are rounded to, the coarsest that the evidence leaves room for.
const UNITS: [i64; 4] = [1_000_000, 100_000, 10_000, 1_000];

/// What the offset of one clock minus that of another may be, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Range {
    low: i64,
    high: i64,
}

impl Range {
    /// The offset to take: none where none will do, a zone's where it fits, else one with no more digits than
    /// the evidence gives.
    fn choose(self) -> i64 {
        if self.low <= 0 && self.high >= 0 {
            return 0;
        }
        let near = if self.low > 0 { self.low } else { self.high };
        let zone = multiple(near, QUARTER);
        if self.holds(zone) && (zone - near).abs() <= TIGHT && zone.abs() <= ZONES {
            return zone;
        }
        // Whoever watches hears of a write at once; a request may follow its line much later. So the true offset lies
        // near the lower bound, where there is one.
        let room = if self.low > -FAR {
            Range {
                high: self.high.min(self.low + PROMPT),
                ..self
            }
        } else {
            Range {
                low: self.high - PROMPT,
                ..self
            }
        };
        let middle = room.low + (room.high - room.low) / 2;
        let mut rounded = UNITS.into_iter().map(|unit| multiple(middle, unit));
        rounded.find(|at| room.holds(*at)).unwrap_or(middle)
    }

    fn holds(self, at: i64) -> bool {
        (self.low..=self.high).contains(&at)
    }

    fn is_closed(self) -> bool {
        self.low > -FAR && self.high < FAR
    }

    fn bound(self, by: i64) -> Option<Span> {
        self.is_closed()
            .then(|| Span((self.high - by).max(by - self.low).max(0)))
    }
}

/// The multiple of `unit` nearest to a number.
fn multiple(of: i64, unit: i64) -> i64 {
    (of + unit / 2).div_euclid(unit) * unit
}

/// Ranges of differences for pairs of clocks, lower clock first.
type Ranges = BTreeMap<(u32, u32), Range>;

/// Offsets of `count` clocks, the reference (clock 0) at zero.
pub fn solve(count: usize, constraints: &[Constraint]) -> Vec<Offset> {
    if count == 0 {
        return Vec::new();
    }
    let ranges = agree(constraints);
    // Clocks that contradict each other in a ring are each measured against the reference alone.
    settle(count, &ranges).unwrap_or_else(|| {
        let direct = ranges.into_iter().filter(|((a, _), _)| *a == API).collect();
        settle(count, &direct).unwrap_or_else(|| vec![Offset::default(); count])
    })
}

/// The largest agreeing set of bounds for each pair of clocks.
fn agree(constraints: &[Constraint]) -> Ranges {
    let mut bounds: BTreeMap<(u32, u32), (Vec<i64>, Vec<i64>)> = BTreeMap::new();
    for one in constraints.iter().filter(|one| one.causing != one.affected) {
        let room = (one.effect - one.cause).0.saturating_add(SLACK);
        if room.abs() >= FAR {
            continue;
        }
        if one.causing < one.affected {
            bounds.entry((one.causing, one.affected)).or_default().1.push(room);
        } else {
            bounds.entry((one.affected, one.causing)).or_default().0.push(-room);
        }
    }
    bounds
        .into_iter()
        .map(|(pair, (lows, highs))| (pair, widest_agreement(lows, highs)))
        .collect()
}

/// The range in which most bounds hold; of several the one nearest to no difference at all.
fn widest_agreement(mut lows: Vec<i64>, mut highs: Vec<i64>) -> Range {
    lows.sort_unstable();
    highs.sort_unstable();
    let held = |at: i64| {
        let below = lows.partition_point(|low| *low <= at);
        let above = highs.len() - highs.partition_point(|high| *high < at);
        below + above
    };
    let candidates = lows.iter().chain(&highs).copied().chain([0]);
    let best = candidates.max_by_key(|at| (held(*at), -at.abs(), *at)).unwrap_or(0);
    Range {
        low: lows.iter().rev().find(|low| **low <= best).copied().unwrap_or(-FAR),
        high: highs
            .get(highs.partition_point(|high| *high < best))
            .copied()
            .unwrap_or(FAR),
    }
}

/// Offsets that keep all ranges; `None` where no offsets do.
fn settle(count: usize, ranges: &Ranges) -> Option<Vec<Offset>> {
    let mut system = System::new(count, ranges);
    let reach = system.reach()?;
    let mut chosen: Vec<i64> = reach.iter().map(|range| range.choose()).collect();
    if let Some(shared) = shared(&reach, &chosen) {
        let open = chosen.iter_mut().zip(&reach).filter(|(_, range)| !range.is_closed());
        open.filter(|(_, range)| range.holds(shared))
            .for_each(|(by, _)| *by = shared);
    }
    let holds = |offsets: &[i64]| ranges.iter().all(|((a, b), range)| within(offsets, *a, *b, *range));
    if holds(&chosen) {
        return Some(offsets(&chosen, &reach));
    }
    // Each alone could be so, all together cannot: they are fixed one after the other.
    let mut fixed = vec![0; count];
    for clock in 1..count {
        let by = system.reach()?.get(clock).map_or(0, |range| range.choose());
        system.fix(clock, by);
        if let Some(slot) = fixed.get_mut(clock) {
            *slot = by;
        }
    }
    Some(offsets(&fixed, &reach))
}

/// The zone that all logs whose offset is known have in common, where these are at least two: a cluster in local time.
/// Logs about which little is known are then taken to be in that zone too.
fn shared(reach: &[Range], chosen: &[i64]) -> Option<i64> {
    let known = chosen.iter().zip(reach).skip(1).filter(|(_, range)| range.is_closed());
    let known: Vec<i64> = known.map(|(by, _)| *by).collect();
    let (first, others) = known.split_first()?;
    let agree = !others.is_empty() && others.iter().all(|by| by == first);
    (agree && *first != 0 && first % QUARTER == 0).then_some(*first)
}

fn offsets(chosen: &[i64], reach: &[Range]) -> Vec<Offset> {
    let one = |(by, range): (&i64, &Range)| Offset {
        by: Span(*by),
        bound: range.bound(*by),
    };
    chosen.iter().zip(reach).map(one).collect()
}

fn within(offsets: &[i64], a: u32, b: u32, range: Range) -> bool {
    match (offsets.get(a as usize), offsets.get(b as usize)) {
        (Some(a), Some(b)) => range.holds(a - b),
        _ => true,
    }
}

/// Difference constraints as two graphs: a path's length from the reference bounds an offset from above in the one, in
/// the other (all edges turned) its negative from below.
struct System {
    above: DiGraph<(), f64>,
    below: DiGraph<(), f64>,
}

impl System {
    fn new(count: usize, ranges: &Ranges) -> System {
        let mut system = System {
            above: DiGraph::new(),
            below: DiGraph::new(),
        };
        for clock in 0..count {
            system.above.add_node(());
            system.below.add_node(());
            if clock > 0 {
                // No clock is out of reach, and none further off than FAR.
                system.at_most(clock, 0, FAR);
                system.at_most(0, clock, FAR);
            }
        }
        for ((a, b), range) in ranges {
            system.at_most(*a as usize, *b as usize, range.high);
            system.at_most(*b as usize, *a as usize, -range.low);
        }
        system
    }

    /// Demands that offset `a` minus offset `b` is at most `room`.
    #[expect(
        clippy::cast_precision_loss,
        reason = "|room| is at most FAR, which an f64 holds exactly"
    )]
    fn at_most(&mut self, a: usize, b: usize, room: i64) {
        let (a, b) = (NodeIndex::new(a), NodeIndex::new(b));
        self.above.add_edge(b, a, room as f64);
        self.below.add_edge(a, b, room as f64);
    }

    fn fix(&mut self, clock: usize, by: i64) {
        self.at_most(clock, 0, by);
        self.at_most(0, clock, -by);
    }

    /// What each clock's offset may be; `None` where the demands contradict each other.
    #[expect(clippy::cast_possible_truncation, reason = "sums of whole numbers within FAR")]
    fn reach(&self) -> Option<Vec<Range>> {
        let reference = NodeIndex::new(0);
        let above = bellman_ford(&self.above, reference).ok()?.distances;
        let below = bellman_ford(&self.below, reference).ok()?.distances;
        let range = |(above, below): (&f64, &f64)| Range {
            low: -(*below as i64),
            high: *above as i64,
        };
        let mut ranges: Vec<Range> = above.iter().zip(&below).map(range).collect();
        if let Some(first) = ranges.first_mut() {
            *first = Range { low: 0, high: 0 };
        }
        Some(ranges)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn after(causing: u32, cause: i64, affected: u32, effect: i64) -> Constraint {
        Constraint {
            causing,
            cause: Time(cause),
            affected,
            effect: Time(effect),
        }
    }

    fn by(offsets: &[Offset]) -> Vec<i64> {
        offsets.iter().map(|offset| offset.by.0).collect()
    }

    #[test]
    fn a_clock_that_can_be_right_is_right() {
        let found = solve(2, &[after(0, 100, 1, 150), after(1, 90, 0, 100)]);
        assert_eq!(by(&found), [0, 0]);
        assert_eq!(found[1].bound, Some(Span(SLACK + 50)));
    }

    #[test]
    fn threads_that_swap_lines_are_no_wrong_clock() {
        let found = solve(2, &[after(1, 3_659, 0, 0), after(0, 0, 1, 4_000)]);
        assert_eq!(by(&found), [0, 0]);
    }

    #[test]
    fn a_clock_ahead_is_put_back_by_a_round_number_within_the_bounds() {
        // The line was written 7.3 s "after" the server received what it announces.
        let found = solve(2, &[after(1, 7_312_345, 0, 0), after(0, 200, 1, 7_313_600)]);
        assert_eq!(by(&found), [0, -7_310_000]);
        assert_eq!(found[1].bound, Some(Span(13_400)));
    }

    #[test]
    fn what_one_side_leaves_open_has_no_bound() {
        let ahead = solve(2, &[after(1, 7_340_000, 0, 0)]);
        assert_eq!((by(&ahead), ahead[1].bound), (vec![0, -7_400_000], None));
        let behind = solve(2, &[after(0, 0, 1, -7_290_000)]);
        assert_eq!((by(&behind), behind[1].bound), (vec![0, 7_300_000], None));
    }

    #[test]
    fn a_zone_is_recognised() {
        let hours = 32 * QUARTER;
        let found = solve(2, &[after(1, hours - 800, 0, 0), after(0, 200, 1, hours + 400)]);
        assert_eq!(by(&found), [0, -hours]);
        let open = solve(2, &[after(1, hours - 9_000_000, 0, 0)]);
        assert_eq!(by(&open), [0, -hours]);
    }

    #[test]
    fn one_wrong_pair_is_outvoted() {
        let good = (0..10).flat_map(|n| {
            [
                after(0, n * 1000, 1, n * 1000 + 10),
                after(1, n * 1000 - 10, 0, n * 1000),
            ]
        });
        let all: Vec<Constraint> = good.chain([after(1, 5_000_000, 0, 3000)]).collect();
        assert_eq!(by(&solve(2, &all)), [0, 0]);
    }

    #[test]
    fn clocks_without_an_audit_log_follow_the_first() {
        let found = solve(3, &[after(1, 0, 2, -5_000_000), after(2, -5_000_000, 1, 30_000)]);
        assert_eq!(by(&found), [0, 0, 5_000_000]);
    }

    #[test]
    fn a_log_that_nothing_places_follows_where_all_others_agree() {
        let hours = -32 * QUARTER;
        let local = |clock| [after(clock, -hours, 0, 100), after(0, 0, clock, 100 - hours)];
        let open = after(3, -hours - 5_000_000, 0, 0);
        let all: Vec<Constraint> = local(1).into_iter().chain(local(2)).chain([open]).collect();
        assert_eq!(by(&solve(4, &all)), [0, hours, hours, hours]);
        let one: Vec<Constraint> = local(1).into_iter().chain([after(2, 0, 0, 5_000_000)]).collect();
        assert_eq!(by(&solve(3, &one)), [0, hours, 0]);
    }

    #[test]
    fn nonsense_is_no_panic() {
        solve(
            2,
            &[
                after(0, i64::MIN / 4, 1, i64::MAX / 4),
                after(1, i64::MAX / 4, 0, i64::MIN / 4),
            ],
        );
        solve(0, &[]);
    }

    proptest! {
        /// Statements that some offsets satisfy are satisfied by the ones found.
        #[test]
        fn what_can_hold_holds(
            truth in proptest::collection::vec(-1_000_000_i64..1_000_000, 2..6),
            pairs in proptest::collection::vec((0_usize..6, 0_usize..6, 0_i64..1_000_000, 0_i64..5000), 1..40),
        ) {
            let count = truth.len();
            let truth: Vec<i64> = std::iter::once(0).chain(truth.into_iter().skip(1)).collect();
            let made: Vec<Constraint> = pairs.into_iter().map(|(a, b, at, later)| {
                let (a, b) = (a % count, b % count);
                after(u32::try_from(a).unwrap(), at - truth[a], u32::try_from(b).unwrap(), at + later - truth[b])
            }).collect();
            let found = by(&solve(count, &made));
            for one in &made {
                let cause = one.cause.0 + found[one.causing as usize];
                let effect = one.effect.0 + found[one.affected as usize];
                prop_assert!(cause <= effect + SLACK);
            }
        }
    }
}
