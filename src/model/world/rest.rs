//! Time in which nothing happens, jumped over.
//!
//! In: a cluster whose loops have all turned once and left everything as it was. Out: the same cluster at the last
//! moment before a timer can change that. Loops that turn ten times a second for eleven minutes mostly find nothing to
//! do; what a run comes to is the same with and without the jumps (a test of `diagnose::outlook`).

use super::World;
use super::process::Process;
use super::{node, process};
use crate::time::{Span, Time};

/// Within that time each loop turns once.
const ROUND: Span = if node::PASS.0 > process::PASS.0 {
    node::PASS
} else {
    process::PASS
};

/// What is needed to tell that a cluster rests.
#[derive(Default)]
pub(super) struct Rest {
    /// How everything stood, and since when all loops have to turn once.
    before: Option<(Time, World)>,
}

impl Rest {
    /// Lets the time pass to the next moment at which anything can happen, but not beyond `until`, if the cluster rests.
    pub fn pass(&mut self, world: &mut World, until: Time) {
        if world.process.as_ref().is_some_and(Process::is_heard) {
            // Whoever listens wants to hear of every pass.
            return;
        }
        match &mut self.before {
            Some((since, _)) if world.now - *since < ROUND => {}
            Some((since, before)) if world.is_as(before) => {
                let next = world.deadline().unwrap_or(Time::MAX).min(until + Span(1));
                world.jump(next);
                *since = next;
            }
            before => *before = Some((world.now, world.clone())),
        }
    }
}

impl World {
    /// Whether nothing but the time tells two clusters apart.
    fn is_as(&self, other: &World) -> bool {
        let machines = self.machines.values().zip(other.machines.values());
        let process = match (&self.process, &other.process) {
            (Some(own), Some(other)) => own.is_as(other),
            (own, other) => own.is_none() && other.is_none(),
        };
        process
            && self.attacher == other.attacher
            && self.board == other.board
            && self.driver == other.driver
            && self.machines.len() == other.machines.len()
            && machines.into_iter().all(|(own, other)| own.is_as(other))
    }

    /// The next moment at which some rule decides otherwise although nothing has changed.
    fn deadline(&self) -> Option<Time> {
        let machines = self.machines.iter();
        let machines = machines.filter_map(|(node, machine)| machine.deadline(&self.board, *node, self.now));
        let process = self.process.as_ref().map(|process| process.deadline(self.now));
        machines.chain(process).chain(self.attacher.next(&self.board)).min()
    }

    /// The turns of all loops before that moment are over.
    fn jump(&mut self, to: Time) {
        for machine in self.machines.values_mut() {
            machine.next_pass = turn(machine.next_pass, node::PASS, to);
        }
        if let Some(process) = self.process.as_mut() {
            process.pass_over(to);
        }
    }
}

/// The first turn of a loop that does not come before `to`.
pub(super) fn turn(next: Time, period: Span, to: Time) -> Time {
    let missed = (to - next).0.max(0);
    next + Span((missed + period.0 - 1) / period.0 * period.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_keep_their_beat() {
        let next = |next, to| turn(Time(next), Span::millis(100), Time(to)).0;
        assert_eq!(next(30_000, 30_000), 30_000);
        assert_eq!(next(30_000, 30_001), 130_000);
        assert_eq!(next(30_000, 230_000), 230_000);
        assert_eq!(next(30_000, 10), 30_000);
    }
}
