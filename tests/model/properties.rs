//! What holds in every run of the model, whatever happens.

use adtrace::explore::Setup;
use adtrace::explore::world::NOW;
use adtrace::model::pending::{Key, OpName, Pending};
use adtrace::model::profile::ROWS;
use adtrace::model::{NodeId, Profile, Version, VolumeId};
use adtrace::time::{Span, Time};
use proptest::prelude::*;

use super::walk::{Walk, cells, wide};

fn versions() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "1.16.0", "1.20.2", "1.22.4", "1.23.13", "1.26.0", "1.28.0", "1.36.2",
    ])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Nothing is reported that is not held; no exclusive volume has two operations, whoever they are for (S8), once
    /// its spec is known.
    #[test]
    fn reports_are_held_and_operations_exclude_each_other(version in versions(), seed: u64, exclusive: bool) {
        let mut walk = Walk::new(wide(version, exclusive), seed);
        for _ in 0..600 {
            walk.go();
            let controller = &walk.world.controller;
            for cell in cells(&walk.setup) {
                prop_assert!(!controller.actual.is_reported(cell) || controller.actual.state(cell).is_some());
            }
            for volume in [VolumeId(0), VolumeId(1)].into_iter().filter(|_| exclusive) {
                let entries = controller.pending.entries().iter();
                let whole = entries.filter(|entry| entry.pending && entry.key == Key::volume(volume)).count();
                prop_assert!(whole <= 1, "{volume:?} is worked on twice");
            }
        }
    }

    /// A controller says the same whether its clock runs or its memories age.
    #[test]
    fn ageing_is_the_passing_of_time(waits in prop::collection::vec((0_i64..200_000_000, any::<bool>()), 1..40)) {
        let profile = Profile::of(Version::new(1, 36, 2));
        let (key, mut clock) = (Key::volume(VolumeId(0)), NOW);
        let mut runs = Pending::new(&profile);
        let mut ages = adtrace::model::Controller::new(profile, adtrace::model::Config::default(), NOW);
        for (wait, ok) in waits {
            clock = clock + Span(wait);
            ages.elapse(Span(wait), NOW);
            let op = if wait % 3 == 0 { OpName::Attach } else { OpName::Detach };
            let started = runs.start(key, op, clock);
            prop_assert_eq!(started.is_ok(), ages.pending.start(key, op, NOW).is_ok());
            if started.is_ok() {
                let left = runs.end(key, ok, clock).map(|backoff| backoff.wait);
                prop_assert_eq!(left, ages.pending.end(key, ok, NOW).map(|backoff| backoff.wait));
            }
            prop_assert_eq!(runs.safe_to_retry(key, OpName::Detach, clock), ages.pending.safe_to_retry(key, OpName::Detach, NOW));
        }
    }

    /// A wait is refused to its last instant, never after it, and never longer than 2 min 2 s.
    #[test]
    fn every_back_off_ends(failures in 1_usize..20, start in 0_i64..1_000_000_000) {
        let mut pending = Pending::new(&Profile::of(Version::new(1, 20, 2)));
        let (key, mut now) = (Key::on_node(VolumeId(3), NodeId(4)), Time(start));
        for _ in 0..failures {
            prop_assert!(pending.start(key, OpName::Detach, now).is_ok());
            let backoff = pending.end(key, false, now).unwrap();
            prop_assert!(backoff.wait <= Span::secs(122));
            now = backoff.until().unwrap();
            prop_assert!(pending.start(key, OpName::Detach, now).is_err());
            now = now + Span(1);
        }
        prop_assert!(pending.start(key, OpName::Detach, now).is_ok());
    }

    /// Releases only ever differ by rows of the table, and rows do not touch each other.
    #[test]
    fn behaviours_are_independent(minor in 16_u16..37, patch in 0_u16..20, row in 0..ROWS.len()) {
        let profile = Profile::of(Version::new(1, minor, patch));
        let behaviour = ROWS[row].behaviour;
        prop_assert!(profile.with(behaviour).has(behaviour));
        prop_assert!(!profile.without(behaviour).has(behaviour));
        let back = if profile.has(behaviour) { profile.without(behaviour).with(behaviour) } else { profile.with(behaviour).without(behaviour) };
        prop_assert_eq!(back, profile);
    }
}

/// The walk gets about: every kind of trouble is met, so that the properties above are not empty.
#[test]
fn a_walk_meets_failures_back_offs_and_uncertain_volumes() {
    let setup: Setup = wide("1.36.2", true);
    let mut walk = Walk::new(setup, 1);
    let (mut uncertain, mut waits, mut attached) = (0, 0, 0);
    for _ in 0..5_000 {
        walk.go();
        let controller = &walk.world.controller;
        let states = controller.actual.pairs().iter();
        uncertain += states
            .filter(|pair| pair.attachment == adtrace::model::asw::Attachment::Uncertain)
            .count();
        attached += controller.actual.pairs().len();
        waits += usize::from(controller.until_retry(NOW).is_some());
    }
    assert!(
        uncertain > 100 && waits > 100 && attached > 1_000,
        "{uncertain} {waits} {attached}"
    );
}
