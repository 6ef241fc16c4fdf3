//! Pending operations: what a process is doing to volumes, and what it must not try again yet.
//!
//! In: a key (volume, pod, node), an operation's name, a moment. Out: whether the operation may start, and for how long
//! a failed one backs off. The controller and each kubelet have one such list each; it is the only lock between the
//! operations on a volume, and its rules (which entry matches, when a back-off is forgotten) decide several known
//! faults: kubernetes#88565, #110951, #116886.

use super::profile::{Behaviour, Profile};
use super::{Names, NodeId, PodId, VolumeId};
use crate::time::{Span, Time};

/// First back-off after a failure.
pub const FIRST_BACKOFF: Span = Span::millis(500);
/// Longest back-off: 2 min 2 s.
pub const LONGEST_BACKOFF: Span = Span::secs(122);

/// What an operation works on. An empty pod or node in either key matches anything; an empty volume matches nothing,
/// such operations neither exclude each other nor back off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// The volume.
    pub volume: Option<VolumeId>,
    /// The pod, for operations that several pods of a volume may have at the same time.
    pub pod: Option<PodId>,
    /// The node, for volumes that several nodes may have at the same time.
    pub node: Option<NodeId>,
}

impl Key {
    /// The key of operations that are never refused.
    pub const UNBOUND: Key = Key {
        volume: None,
        pod: None,
        node: None,
    };

    /// The whole volume.
    #[must_use]
    pub const fn volume(volume: VolumeId) -> Key {
        Key {
            volume: Some(volume),
            pod: None,
            node: None,
        }
    }

    /// A volume on one node.
    #[must_use]
    pub const fn on_node(volume: VolumeId, node: NodeId) -> Key {
        Key {
            volume: Some(volume),
            pod: None,
            node: Some(node),
        }
    }

    /// A volume for one pod.
    #[must_use]
    pub const fn for_pod(volume: VolumeId, pod: PodId) -> Key {
        Key {
            volume: Some(volume),
            pod: Some(pod),
            node: None,
        }
    }

    /// Whether an entry under `other` stands in the way of this key.
    fn matches(&self, other: &Key) -> bool {
        fn agree<T: PartialEq + Copy>(a: Option<T>, b: Option<T>) -> bool {
            a.is_none() || b.is_none() || a == b
        }
        self.volume.is_some()
            && self.volume == other.volume
            && agree(self.pod, other.pod)
            && agree(self.node, other.node)
    }
}

/// The operations' names, which tell a back-off of one's own from another operation's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OpName {
    /// `volume_attach`.
    Attach,
    /// `volume_detach`.
    Detach,
    /// `verify_volumes_are_attached_per_node`.
    VerifyPerNode,
    /// `verify_controller_attached_volume`.
    VerifyControllerAttached,
    /// `volume_mount`.
    Mount,
    /// `map_volume`.
    Map,
    /// `volume_unmount`.
    Unmount,
    /// `unmap_volume`.
    Unmap,
    /// `unmount_device`.
    UnmountDevice,
    /// `unmap_device`.
    UnmapDevice,
    /// `expand_volume`.
    Expand,
    /// `volume_fs_resize`.
    Resize,
}

impl OpName {
    /// All names.
    pub const ALL: [OpName; 12] = [
        OpName::Attach,
        OpName::Detach,
        OpName::VerifyPerNode,
        OpName::VerifyControllerAttached,
        OpName::Mount,
        OpName::Map,
        OpName::Unmount,
        OpName::Unmap,
        OpName::UnmountDevice,
        OpName::UnmapDevice,
        OpName::Expand,
        OpName::Resize,
    ];

    /// The name as Kubernetes writes it (the same from 1.15 to 1.36).
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            OpName::Attach => "volume_attach",
            OpName::Detach => "volume_detach",
            OpName::VerifyPerNode => "verify_volumes_are_attached_per_node",
            OpName::VerifyControllerAttached => "verify_controller_attached_volume",
            OpName::Mount => "volume_mount",
            OpName::Map => "map_volume",
            OpName::Unmount => "volume_unmount",
            OpName::Unmap => "unmap_volume",
            OpName::UnmountDevice => "unmount_device",
            OpName::UnmapDevice => "unmap_device",
            OpName::Expand => "expand_volume",
            OpName::Resize => "volume_fs_resize",
        }
    }

    /// The operation that Kubernetes calls by this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<OpName> {
        Self::ALL.into_iter().find(|op| op.as_str() == name)
    }
}

/// The memory of failures: when the last one was and how long to wait after it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Backoff {
    /// The last failure; `None` before the first.
    pub failed_at: Option<Time>,
    /// How long to wait after it; zero before the first.
    pub wait: Span,
}

impl Backoff {
    /// Whether a retry is refused at this moment. The very instant at which the wait ends still refuses.
    #[must_use]
    pub fn refuses(&self, now: Time) -> bool {
        self.failed_at.is_some_and(|at| now - at <= self.wait)
    }

    /// The last moment that still refuses a retry.
    #[must_use]
    pub fn until(&self) -> Option<Time> {
        self.failed_at.map(|at| at + self.wait)
    }

    /// Takes one more failure: 500 ms at first, then twice as long each time, 2 min 2 s at most.
    fn fail(&mut self, now: Time) {
        self.wait = if self.wait == Span::ZERO {
            FIRST_BACKOFF
        } else {
            Span((self.wait.0 * 2).min(LONGEST_BACKOFF.0))
        };
        self.failed_at = Some(now);
    }
}

/// One operation that runs, or that failed and is remembered. Entries never age out (kubernetes#116886): a failure of
/// three hours ago still doubles the next wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Entry {
    /// What it works on: the key of the last operation that used the entry.
    pub key: Key,
    /// Its name. Not always the name of the operation that ran last, see [`Pending::start`].
    pub op: OpName,
    /// Whether an operation runs now.
    pub pending: bool,
    /// Failures so far.
    pub backoff: Backoff,
}

/// Which entry answers for a key that several match.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Choice {
    /// The first in list order.
    First,
    /// A running one, else one with the very same key, else the first (kubernetes#110951).
    PendingThenExact,
}

/// Why an operation may not start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// An operation that excludes this one is running.
    Exists,
    /// The same operation failed a short while ago; what it waits for.
    Backoff(Backoff),
}

/// The operations of one process, in the list order that the first-match rule looks at.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pending {
    entries: Vec<Entry>,
    /// Where in the list each volume's entries stand, sorted: a pass asks for every volume while many operations run.
    places: Vec<(Option<VolumeId>, u32)>,
    choice: Choice,
}

impl Pending {
    /// No operations yet, under the matching rule of the profile.
    #[must_use]
    pub fn new(profile: &Profile) -> Pending {
        let exact = profile.has(Behaviour::PendingOpExactMatchPreferred);
        Pending {
            entries: Vec::new(),
            places: Vec::new(),
            choice: if exact { Choice::PendingThenExact } else { Choice::First },
        }
    }

    /// The same as if no operation had ever been about another volume.
    #[must_use]
    pub fn only(&self, volume: VolumeId) -> Pending {
        let about = |entry: &&Entry| entry.key.volume.is_none_or(|of| of == volume);
        self.with_entries(self.entries.iter().filter(about).copied().collect())
    }

    /// The same under other names, in the same order where the order says something.
    #[must_use]
    pub(crate) fn renamed(&self, names: &Names) -> Pending {
        let renamed = self.entries.iter().map(|entry| Entry {
            key: names.key(entry.key),
            ..*entry
        });
        let mut renamed = self.with_entries(renamed.collect());
        renamed.put_in_order();
        renamed
    }

    /// Sorts the entries by volume, if each is about another: no rule looks at their order then.
    pub(super) fn put_in_order(&mut self) {
        if self.places.windows(2).all(|two| two[0].0 != two[1].0) && !self.entries.is_sorted_by_key(|e| e.key) {
            let mut entries = self.entries.clone();
            entries.sort_unstable_by_key(|entry| entry.key);
            *self = self.with_entries(entries);
        }
    }

    /// The same rule over another list.
    fn with_entries(&self, entries: Vec<Entry>) -> Pending {
        let numbered = entries.iter().zip(0..);
        let mut places: Vec<_> = numbered.map(|(entry, at)| (entry.key.volume, at)).collect();
        places.sort_unstable();
        Pending {
            entries,
            places,
            choice: self.choice,
        }
    }

    /// The places of a volume's entries, in list order.
    fn places_of(&self, volume: Option<VolumeId>) -> impl Iterator<Item = usize> + '_ {
        let from = self.places.partition_point(|place| place.0 < volume);
        let rest = self.places.get(from..).unwrap_or_default();
        let of = rest.iter().take_while(move |place| place.0 == volume);
        of.map(|place| place.1 as usize)
    }

    fn push(&mut self, entry: Entry) {
        let place = (entry.key.volume, u32::try_from(self.entries.len()).unwrap_or(u32::MAX));
        let at = self.places.partition_point(|other| *other < place);
        self.places.insert(at, place);
        self.entries.push(entry);
    }

    /// Removes an entry; the last one moves into the hole.
    fn remove(&mut self, at: usize) {
        let place = |volume, at| (volume, u32::try_from(at).unwrap_or(u32::MAX));
        let gone = self.entries.swap_remove(at);
        let moved = self.entries.get(at).map(|entry| entry.key.volume);
        let last = self.entries.len();
        self.unplace(place(gone.key.volume, at));
        if let Some(volume) = moved {
            self.unplace(place(volume, last));
            let place = place(volume, at);
            let to = self.places.partition_point(|other| *other < place);
            self.places.insert(to, place);
        }
    }

    fn unplace(&mut self, place: (Option<VolumeId>, u32)) {
        if let Ok(at) = self.places.binary_search(&place) {
            self.places.remove(at);
        }
    }

    /// The entries, in list order (removal moves the last entry into the hole, so this is not the order of age).
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The entry that answers for a key.
    #[must_use]
    pub fn find(&self, key: Key) -> Option<&Entry> {
        self.position(key).and_then(|at| self.entries.get(at))
    }

    fn position(&self, key: Key) -> Option<usize> {
        let places = self.places_of(key.volume);
        let entries = places.filter_map(|at| self.entries.get(at).map(|entry| (at, entry)));
        let mut matching = entries.filter(|(_, entry)| key.matches(&entry.key));
        let (first, entry) = matching.next()?;
        if self.choice == Choice::First || entry.pending {
            return Some(first);
        }
        let mut exact = (entry.key == key).then_some(first);
        for (at, entry) in matching {
            if entry.pending {
                return Some(at);
            }
            if exact.is_none() && entry.key == key {
                exact = Some(at);
            }
        }
        exact.or(Some(first))
    }

    /// Starts an operation, or tells why it may not start.
    ///
    /// An entry in back-off refuses its own operation only: another name takes the entry over and the failures are
    /// forgotten (kubernetes#75213). Once the wait is over anybody may start, but then the entry keeps the *old* name
    /// and the accumulated wait.
    pub fn start(&mut self, key: Key, op: OpName, now: Time) -> Result<(), Refusal> {
        let found = self.position(key).and_then(|at| self.entries.get_mut(at));
        let Some(entry) = found else {
            self.push(Entry {
                key,
                op,
                pending: true,
                backoff: Backoff::default(),
            });
            return Ok(());
        };
        if entry.pending {
            return Err(Refusal::Exists);
        }
        if entry.backoff.refuses(now) {
            if entry.op == op {
                return Err(Refusal::Backoff(entry.backoff));
            }
            entry.op = op;
            entry.backoff = Backoff::default();
        }
        entry.pending = true;
        entry.key = key;
        Ok(())
    }

    /// Ends the operation that was started under this key: success forgets its failures, failure makes the next wait
    /// longer. Gives the back-off that a failure leaves behind; `None` after success, or where no entry has this key.
    pub fn end(&mut self, key: Key, ok: bool, now: Time) -> Option<Backoff> {
        let is_it = |at: &usize| self.entries.get(*at).is_some_and(|entry| entry.key == key);
        let at = self.places_of(key.volume).find(is_it)?;
        if ok {
            self.remove(at);
            return None;
        }
        let entry = self.entries.get_mut(at)?;
        entry.backoff.fail(now);
        entry.pending = false;
        Some(entry.backoff)
    }

    /// Shows every memory of failures, to change it.
    pub(super) fn each_backoff(&mut self, change: impl FnMut(&mut Backoff)) {
        self.entries.iter_mut().map(|entry| &mut entry.backoff).for_each(change);
    }

    /// Whether an operation that excludes this key is running.
    #[must_use]
    pub fn is_pending(&self, key: Key) -> bool {
        self.find(key).is_some_and(|entry| entry.pending)
    }

    /// Whether a start of this operation would be let through: nothing runs, and no failure of the same name is too
    /// fresh (kubernetes#104526 asks this before a volume is taken out of the node's report).
    #[must_use]
    pub fn safe_to_retry(&self, key: Key, op: OpName, now: Time) -> bool {
        self.find(key)
            .is_none_or(|entry| !entry.pending && (entry.op != op || !entry.backoff.refuses(now)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const V: VolumeId = VolumeId(1);
    const N1: NodeId = NodeId(1);
    const N2: NodeId = NodeId(2);

    fn new(version: &str) -> Pending {
        Pending::new(&Profile::of(version.parse().unwrap()))
    }

    fn at(ms: i64) -> Time {
        Time::from_millis(ms)
    }

    #[test]
    fn waits_double_up_to_the_cap_and_success_forgets() {
        let mut ops = new("1.36.2");
        let mut now = at(0);
        let mut waits = Vec::new();
        for _ in 0..10 {
            ops.start(Key::volume(V), OpName::Attach, now).unwrap();
            let left = ops.end(Key::volume(V), false, now).unwrap();
            waits.push(left.wait.as_millis());
            now = now + left.wait + Span::millis(1);
        }
        assert_eq!(
            waits,
            [500, 1000, 2000, 4000, 8000, 16000, 32000, 64000, 122_000, 122_000]
        );
        ops.start(Key::volume(V), OpName::Attach, now).unwrap();
        assert_eq!(ops.end(Key::volume(V), true, now), None);
        assert!(ops.entries().is_empty());
    }

    #[test]
    fn the_last_instant_of_a_wait_still_refuses() {
        let mut ops = new("1.36.2");
        ops.start(Key::volume(V), OpName::Detach, at(0)).unwrap();
        ops.end(Key::volume(V), false, at(0));
        assert!(matches!(
            ops.start(Key::volume(V), OpName::Detach, at(500)),
            Err(Refusal::Backoff(_))
        ));
        assert_eq!(ops.start(Key::volume(V), OpName::Detach, at(501)), Ok(()));
    }

    #[test]
    fn another_operation_resets_a_running_wait_but_keeps_the_name_after_it() {
        let mut ops = new("1.36.2");
        ops.start(Key::volume(V), OpName::Attach, at(0)).unwrap();
        ops.end(Key::volume(V), false, at(0));
        let mut during = ops.clone();
        during.start(Key::volume(V), OpName::Detach, at(100)).unwrap();
        assert_eq!(during.entries()[0].op, OpName::Detach);
        assert_eq!(during.entries()[0].backoff, Backoff::default());

        ops.start(Key::volume(V), OpName::Detach, at(600)).unwrap();
        ops.end(Key::volume(V), false, at(600));
        assert_eq!(
            ops.entries()[0].op,
            OpName::Attach,
            "the name is not rewritten once the wait is over"
        );
        assert_eq!(ops.entries()[0].backoff.wait, Span::secs(1));
        assert!(ops.safe_to_retry(Key::volume(V), OpName::Detach, at(700)));
        assert!(!ops.safe_to_retry(Key::volume(V), OpName::Attach, at(700)));
    }

    #[test]
    fn an_empty_node_stands_for_every_node() {
        let mut ops = new("1.36.2");
        ops.start(Key::on_node(V, N1), OpName::Attach, at(0)).unwrap();
        assert!(!ops.is_pending(Key::on_node(V, N2)));
        assert!(ops.is_pending(Key::volume(V)));
        assert_eq!(ops.start(Key::volume(V), OpName::Detach, at(0)), Err(Refusal::Exists));
    }

    #[test]
    fn unbound_operations_are_never_refused() {
        let mut ops = new("1.20.2");
        ops.start(Key::UNBOUND, OpName::VerifyPerNode, at(0)).unwrap();
        ops.start(Key::UNBOUND, OpName::VerifyPerNode, at(0)).unwrap();
        assert!(!ops.is_pending(Key::UNBOUND));
        assert_eq!(ops.entries().len(), 2);
    }

    #[test]
    fn a_running_operation_is_found_behind_a_failed_one_only_by_the_newer_rule() {
        for (version, found) in [("1.24.4", false), ("1.24.5", true)] {
            let mut ops = new(version);
            ops.start(Key::on_node(V, N1), OpName::Attach, at(0)).unwrap();
            ops.start(Key::on_node(V, N2), OpName::Attach, at(0)).unwrap();
            ops.end(Key::on_node(V, N1), false, at(0));
            assert_eq!(ops.is_pending(Key::volume(V)), found, "{version}");
        }
    }
}
