//! Sources whose clocks are off are put right, and nothing else changes.

use super::*;
use crate::fact::{Call, Kind, Name, Party, Reading, SourceId};
use crate::time::Time;

const AUDIT: SourceId = SourceId(0);
const KUBELET: SourceId = SourceId(1);
const START: i64 = 1_795_600_000_000_000;

fn source(path: &str, format: &'static str, party: Option<Party>) -> Source {
    Source {
        path: path.to_owned(),
        format,
        party,
        zone: "UTC".to_owned(),
        alive: vec![(Time(START), Time(START + 60_000_000))],
        ..Source::default()
    }
}

fn kubelet() -> Party {
    Party::Kubelet("node-1".into())
}

/// A line of the kubelet's sync loop about pod `number`, `at` microseconds after the start.
fn line(verb: &str, number: u32, at: i64) -> Fact {
    Fact {
        source: KUBELET,
        node: Some("node-1".into()),
        uid: Some(format!("uid-{number}").into()),
        pod: Some(format!("app/web-{number}").into()),
        detail: Detail::SyncLoop { verb: verb.into() },
        ..Fact::new(Kind::KubeletSyncLoop, kubelet(), Time(START + at))
    }
}

/// A request about pod `number`, received `at` microseconds after the start.
fn request(kind: Kind, party: Party, number: u32, at: i64, detail: Detail) -> Fact {
    let name = Name::from("");
    let received = Time(START + at);
    let call = Call {
        user: name.clone(),
        agent: name.clone(),
        verb: name,
        code: 201,
        received,
        answered: received + Span::millis(2),
        body: true,
    };
    Fact {
        source: AUDIT,
        call: Some(Box::new(call)),
        at: received + Span::millis(2),
        detail,
        kind,
        party,
        ..line("", number, at)
    }
}

/// Three pods that come and go, on a node whose clock is ahead by `ahead`.
fn reading(ahead: Span) -> Reading {
    let killing = || Detail::Event {
        reason: "Killing".into(),
        count: 1,
        first: None,
        last: None,
    };
    let pods = (0..3).flat_map(|number| {
        let at = i64::from(number) * 10_000_000;
        [
            request(Kind::PodBound, Party::Scheduler, number, at, Detail::None),
            line("ADD", number, at + 1_500 + ahead.0),
            line("DELETE", number, at + 5_000_000 + ahead.0),
            request(Kind::EventRecorded, kubelet(), number, at + 5_001_000, killing()),
        ]
    });
    let mut facts: Vec<Fact> = pods.collect();
    facts.push(Fact {
        at: Time(START + 60_000_000 + ahead.0.max(0)),
        source: SourceId(2),
        ..Fact::new(Kind::PodSeen, Party::ApiServer, Time::default())
    });
    facts.sort_by_key(|fact| (fact.source, fact.at));
    let mut log = source("nodes/node-1/kubelet.log", "klog", Some(kubelet()));
    log.zone_assumed = true;
    log.assumed = Some("zone UTC assumed".to_owned());
    for (from, to) in &mut log.alive {
        (*from, *to) = (*from + ahead, *to + ahead);
    }
    Reading {
        sources: vec![
            source("audit.log", "audit", None),
            log,
            source("pods.json", "objects", None),
        ],
        facts,
    }
}

fn settled(ahead: Span) -> Reading {
    let mut reading = reading(ahead);
    let cast = Cast::of(&reading.facts);
    settle(&mut reading, &cast);
    reading
}

fn times(reading: &Reading) -> Vec<Time> {
    reading.facts.iter().map(|fact| fact.at).collect()
}

#[test]
fn a_node_ahead_is_put_right() {
    let (right, ahead) = (settled(Span::ZERO), settled(Span::millis(7300)));
    assert_eq!(times(&ahead), times(&right));
    assert_eq!(order(&ahead), order(&right));
    assert_eq!(ahead.sources[1].alive, right.sources[1].alive);
    let offset = ahead.sources[1].offset.unwrap();
    assert_eq!(offset.by, Span::millis(-7300));
    assert!(offset.bound.unwrap() < Span::millis(30), "{offset:?}");
    assert_eq!(
        ahead.sources[1].notes,
        ["its clock was 7.300 s ahead of the other sources; its times are corrected"]
    );
    assert!(right.sources[1].notes.is_empty());
    assert_eq!(right.sources[1].offset.unwrap().by, Span::ZERO);
}

#[test]
fn local_time_that_nothing_told_is_a_zone() {
    let (right, local) = (settled(Span::ZERO), settled(Span::secs(8 * 3600)));
    assert_eq!(times(&local), times(&right));
    assert_eq!(local.sources[1].zone, "+08:00");
    assert_eq!(
        local.sources[1].assumed.as_deref(),
        Some("zone +08:00 as its order with other logs demands assumed")
    );
    assert_eq!(local.sources[1].offset.unwrap().by, Span::ZERO);
}

#[test]
fn a_piece_that_tells_no_zone_has_that_of_the_next() {
    let mut reading = reading(Span::secs(8 * 3600));
    let told = Source {
        zone: "+08:00".to_owned(),
        ..source(
            "nodes/node-2/kubelet.log",
            "klog",
            Some(Party::Kubelet("node-2".into())),
        )
    };
    reading.sources.push(told);
    reading.facts.retain(|fact| fact.call.is_none());
    let cast = Cast::of(&reading.facts);
    settle(&mut reading, &cast);
    assert_eq!(reading.sources[1].zone, "+08:00");
    assert_eq!(reading.facts[0].at, Time(START + 1_500));
}

#[test]
fn what_is_settled_stays() {
    let mut once = settled(Span::millis(7300));
    let (facts, offset) = (times(&once), once.sources[1].offset);
    let cast = Cast::of(&once.facts);
    settle(&mut once, &cast);
    assert_eq!((times(&once), once.sources[1].offset), (facts, offset));
}

#[test]
fn retry_stamps_move_with_the_clock_but_not_with_the_zone() {
    let backoff = |at: i64, until: i64| Fact {
        detail: Detail::Backoff {
            inner: Kind::AttachFailed,
            until: Some(Time(START + until)),
            wait_ms: Some(500),
            keyed_by_node: false,
        },
        ..line("", 0, at)
    };
    let until = |at: i64, written: i64, one: Move| {
        let mut fact = backoff(at, written);
        shift_fact(&mut fact, one);
        match fact.detail {
            Detail::Backoff { until, .. } => until.map(|at| at.0 - START),
            _ => None,
        }
    };
    let (wrong, hours) = (7_300_000, 8 * 3_600_000_000);
    let clock = until(wrong, 122_000_000 + wrong, Move::Clock(Span(-wrong)));
    assert_eq!(clock, Some(122_000_000));
    assert_eq!(until(hours, 500_000, Move::Zone(Span(-hours))), Some(500_000));
}

proptest::proptest! {
    #[test]
    fn whatever_the_shift_times_are_right_within_the_bound(ahead in -50_000_i64..50_000) {
        let shifted = settled(Span::millis(ahead));
        let bound = shifted.sources[1].offset.unwrap().bound.unwrap();
        proptest::prop_assert!(bound <= Span::millis(30), "{:?}", bound);
        for (found, right) in times(&shifted).into_iter().zip(times(&settled(Span::ZERO))) {
            proptest::prop_assert!((found - right).abs() <= bound, "{} {}", found, right);
        }
    }
}
