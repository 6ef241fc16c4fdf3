//! Whether the API server's history was replaced: a restore of etcd sets all objects back, and resource versions with them.
//!
//! In: facts. Out: the first fact that no history which only grows can have. What objects were before it tells nothing of
//! what they are after it: no verdict spans the jump.

use std::collections::BTreeMap;

use crate::fact::{Fact, Kind, SourceId};
use crate::replay::FactId;
use crate::time::{Span, Time};

/// The clocks of several API servers that write into one file may lie that far apart.
const SLACK: Span = Span::secs(10);

/// The two highest resource versions that a source told of long before, and the others with their times until they are
/// that old.
#[derive(Default)]
struct Reached {
    settled: [u64; 2],
    fresh: Vec<(Time, u64)>,
}

impl Reached {
    /// What two writes had surely reached before that moment: one may be misread.
    fn before(&mut self, at: Time) -> u64 {
        let [mut highest, mut second] = self.settled;
        for (_, version) in self.fresh.iter().filter(|(when, _)| *when + SLACK < at) {
            second = second.max(highest.min(*version));
            highest = highest.max(*version);
        }
        self.settled = [highest, second];
        self.fresh.retain(|(when, _)| *when + SLACK >= at);
        second
    }
}

/// The first object that was created with a resource version which the same log had long passed.
#[must_use]
pub fn set_back(facts: &[Fact]) -> Option<FactId> {
    let mut sources: BTreeMap<SourceId, Reached> = BTreeMap::new();
    for (id, fact) in (0..).zip(facts) {
        let (Some(call), Some(version)) = (fact.call.as_ref().filter(|call| call.ok()), version(fact)) else {
            continue;
        };
        let reached = sources.entry(fact.source).or_default();
        let creates = matches!(fact.kind, Kind::NodeCreated | Kind::PodCreated | Kind::VaApiCreated);
        if creates && reached.before(call.received) > version {
            return Some(id);
        }
        reached.fresh.push((call.answered, version));
    }
    None
}

/// The resource version of a written object; those of events may be counted apart.
fn version(fact: &Fact) -> Option<u64> {
    let counts = matches!(
        fact.kind,
        Kind::NodeCreated
            | Kind::NodePatched
            | Kind::NodeStatusPatched
            | Kind::PodCreated
            | Kind::PodStatusPatched
            | Kind::VaApiCreated
            | Kind::VaPatched
            | Kind::VaStatusPatched
    );
    fact.version.as_ref().filter(|_| counts)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fact::{Call, Party};

    /// A write that was answered at that second, and gave that resource version.
    fn write(kind: Kind, second: i64, version: u32) -> Fact {
        let at = Time::default() + Span::secs(second);
        let call = Call {
            user: "user".into(),
            agent: "kubectl".into(),
            verb: "create".into(),
            code: 201,
            received: at,
            answered: at,
            body: true,
        };
        Fact {
            call: Some(Box::new(call)),
            version: Some(version.to_string().into()),
            ..Fact::new(kind, Party::ApiServer, at)
        }
    }

    #[test]
    fn an_object_is_created_with_a_version_that_two_writes_had_passed() {
        let mut facts = vec![
            write(Kind::PodCreated, 0, 100),
            write(Kind::NodeStatusPatched, 5, 180),
            write(Kind::VaApiCreated, 10, 190),
            write(Kind::PodCreated, 60, 120),
        ];
        assert_eq!(set_back(&facts), Some(3));
        // One write alone may be misread.
        facts.remove(1);
        assert_eq!(set_back(&facts), None);
    }

    #[test]
    fn a_history_that_grows_is_one() {
        let facts = [
            write(Kind::PodCreated, 0, 100),
            write(Kind::NodeStatusPatched, 20, 140),
            // A patch without effect gives the version that the object had.
            write(Kind::NodeStatusPatched, 60, 90),
            write(Kind::VaApiCreated, 61, 150),
            // Two servers that write into one file answer out of order.
            write(Kind::PodCreated, 62, 149),
        ];
        assert_eq!(set_back(&facts), None);
    }
}
