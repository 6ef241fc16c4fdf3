//! Stories of one attachment, and that every story ends well once the driver gives in.

use proptest::prelude::*;

use super::*;
use crate::model::Version;

const ID: AttachmentId = AttachmentId {
    volume: VolumeId(0),
    node: NodeId(0),
};
const FINE: Surroundings = Surroundings {
    pv: Pv::Present { finalizer: true },
    driver: DriverOnNode::Registered,
};

/// An API server that holds one attachment, and an attacher whose informer sees every write at once.
struct Board {
    attacher: Attacher,
    object: Option<Attachment>,
    commands: Vec<Command>,
}

impl Board {
    fn new(release: &str) -> Board {
        let attacher: Version = release.parse().unwrap();
        let profile = Profile::of(Version::LAST).with_attacher(attacher);
        Board {
            attacher: Attacher::new(profile, true),
            object: None,
            commands: Vec::new(),
        }
    }

    fn put(&mut self, change: impl FnOnce(&mut Attachment)) {
        let mut object = self.object.unwrap_or_default();
        change(&mut object);
        object.version += 1;
        self.object = Some(object).filter(|object| !object.deleting || object.finalizer);
        self.attacher.seen(ID, self.object);
    }

    /// Does a command as a well-behaved API server does, with this answer of the driver.
    fn act(&mut self, command: Command, driver: Reply) -> Reply {
        if matches!(command, Command::Publish | Command::Unpublish) {
            return driver;
        }
        if command == Command::AddPvFinalizer {
            return Reply::Done;
        }
        let Some(mut object) = self.object else {
            return Reply::NotFound;
        };
        let change: fn(&mut Attachment) = match command {
            Command::AddFinalizer => |object| (object.finalizer, object.node_id) = (true, true),
            Command::WriteAttached => |object| (object.attached, object.attach_error) = (true, false),
            Command::WriteAttachError(_) => |object| object.attach_error = true,
            Command::RemoveFinalizer => |object| object.finalizer = false,
            Command::WriteDetached => |object| (object.attached, object.detach_error) = (false, false),
            Command::RemoveFinalizerAndWriteDetached => |object| {
                (object.finalizer, object.attached, object.detach_error) = (false, false, false);
            },
            _ => |object| object.detach_error = true,
        };
        change(&mut object);
        self.put(change);
        Reply::Written(Attachment {
            version: object.version + 1,
            ..object
        })
    }

    /// Works on whatever waits at this moment, until nothing does.
    fn work(&mut self, now: Time, around: Surroundings, driver: Reply) -> Vec<Command> {
        let from = self.commands.len();
        for _ in 0..20 {
            let Some(id) = self.attacher.take(now) else { break };
            let mut next = self.attacher.begin(id, around, now);
            while let Some(command) = next {
                self.commands.push(command);
                let reply = self.act(command, driver);
                next = self.attacher.reply(id, reply, around, now);
            }
        }
        self.commands[from..].to_vec()
    }
}

#[test]
fn an_attach_marks_the_object_then_publishes_then_tells() {
    let mut board = Board::new("4.12.0");
    board.put(|_| {});
    let around = Surroundings {
        pv: Pv::Present { finalizer: false },
        ..FINE
    };
    let done = board.work(Time(0), around, Reply::Done);
    assert_eq!(
        done,
        [
            Command::AddPvFinalizer,
            Command::AddFinalizer,
            Command::Publish,
            Command::WriteAttached
        ]
    );
    assert!(board.object.unwrap().attached);
    assert_eq!(board.attacher.next_due(), None);
}

/// When a real attacher 4.12 began an attempt and when the attempt ended, in ms, with a driver that refused every
/// attach. The write of the finalizer brings the first retry at once; the later ones keep to 1 s, doubling, and the wait
/// that the second failure asked for (2 s) does not put off the one of the first.
const REFUSED: [(i64, i64); 8] = [
    (0, 64),
    (64, 66),
    (1065, 1072),
    (5073, 5077),
    (13_079, 13_082),
    (29_083, 29_092),
    (61_093, 61_111),
    (125_112, 125_130),
];

#[test]
fn retries_come_when_a_real_attacher_had_them() {
    let mut board = Board::new("4.12.0");
    board.put(|_| {});
    for (at, (start, end)) in REFUSED.into_iter().enumerate() {
        let (start, end) = (Time::from_millis(start), Time::from_millis(end));
        if at > 1 {
            let late = start - board.attacher.next_due().unwrap();
            assert!(
                (Span::ZERO..Span::millis(3)).contains(&late),
                "attempt {at}: {late:?} after the model's"
            );
        }
        let id = board.attacher.take(start).unwrap();
        let mut next = board.attacher.begin(id, FINE, start);
        while let Some(command) = next {
            let reply = board.act(command, Reply::Failed);
            next = board.attacher.reply(id, reply, FINE, end);
        }
    }
}

#[test]
fn a_driver_that_gives_in_is_noticed_only_at_the_next_retry() {
    let mut board = Board::new("4.12.0");
    board.put(|_| {});
    let mut now = Time(0);
    for _ in 0..9 {
        board.work(now, FINE, Reply::Failed);
        now = board.attacher.next_due().unwrap();
    }
    let waited = board.attacher.next_due().unwrap();
    assert!(board.work(Time(waited.0 - 1), FINE, Reply::Done).is_empty());
    board.attacher.resync();
    assert_eq!(
        board.work(Time(waited.0 - 1), FINE, Reply::Done).last(),
        Some(&Command::WriteAttached)
    );
}

#[test]
fn back_offs_double_up_to_five_minutes() {
    let waits: Vec<i64> = (0..11).map(|failures| backoff(failures).as_millis() / 1000).collect();
    assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
    assert_eq!(backoff(u32::MAX), LONGEST_RETRY);
}

fn attached(release: &str) -> Board {
    let mut board = Board::new(release);
    board.put(|_| {});
    board.work(Time(0), FINE, Reply::Done);
    board.commands.clear();
    board
}

#[test]
fn a_detach_ends_in_the_order_of_its_release() {
    for (release, expected) in [
        (
            "2.2.1",
            vec![Command::Unpublish, Command::RemoveFinalizerAndWriteDetached],
        ),
        (
            "4.8.1",
            vec![Command::Unpublish, Command::RemoveFinalizer, Command::WriteDetached],
        ),
    ] {
        let mut board = attached(release);
        board.put(|object| object.deleting = true);
        assert_eq!(board.work(Time(0), FINE, Reply::Done), expected, "{release}");
        assert_eq!(board.object, None);
        assert_eq!(
            board.attacher.next_due(),
            None,
            "the 404 of the last status write is no failure"
        );
    }
}

#[test]
fn the_old_order_may_unpublish_twice() {
    let mut board = attached("4.8.0");
    board.put(|object| object.deleting = true);
    let id = board.attacher.take(Time(0)).unwrap();
    assert_eq!(board.attacher.begin(id, FINE, Time(0)), Some(Command::Unpublish));
    assert_eq!(
        board.attacher.reply(id, Reply::Done, FINE, Time(0)),
        Some(Command::WriteDetached)
    );
    // The informer sees the status write; the finalizer's removal reaches it only after the next look.
    let written = board.act(Command::WriteDetached, Reply::Done);
    assert_eq!(
        board.attacher.reply(id, written, FINE, Time(0)),
        Some(Command::RemoveFinalizer)
    );
    assert_eq!(board.attacher.reply(id, written, FINE, Time(0)), None);
    let again = board.attacher.take(Time(0)).unwrap();
    assert_eq!(board.attacher.begin(again, FINE, Time(0)), Some(Command::Unpublish));
}

#[test]
fn a_volume_that_is_gone_can_never_be_detached() {
    let mut board = attached("4.12.0");
    board.put(|object| object.deleting = true);
    let around = Surroundings {
        pv: Pv::Missing,
        ..FINE
    };
    assert_eq!(
        board.work(Time(0), around, Reply::Done),
        [Command::WriteDetachError(Reason::PvMissing)]
    );
    assert!(board.object.unwrap().detach_error);
}

#[test]
fn a_node_without_the_driver_is_left_by_the_annotation_since_3_2() {
    for (release, first) in [
        ("3.1.0", Command::WriteDetachError(Reason::NodeUnknown)),
        ("3.2.0", Command::Unpublish),
    ] {
        let mut board = attached(release);
        board.put(|object| object.deleting = true);
        let around = Surroundings {
            driver: DriverOnNode::NotRegistered,
            ..FINE
        };
        assert_eq!(board.work(Time(0), around, Reply::Done)[0], first, "{release}");
    }
}

#[test]
fn a_stripped_attachment_goes_without_a_driver_call() {
    let mut board = attached("4.12.0");
    board.put(|object| object.finalizer = false);
    board.put(|object| object.deleting = true);
    assert!(board.work(Time(0), FINE, Reply::Done).is_empty());
}

#[test]
fn an_attachment_created_again_inherits_the_back_off() {
    let mut board = Board::new("4.12.0");
    board.put(|_| {});
    board.work(Time(0), FINE, Reply::Failed);
    board.object = None;
    board.attacher.seen(ID, None);
    board.put(|_| {});
    board.work(Time(0), FINE, Reply::Failed);
    let item = board.attacher.items[&ID];
    assert!(item.place.failures > 2, "{item:?}");
}

#[test]
fn before_3_4_an_own_error_write_can_come_back_at_once() {
    for (release, again) in [("3.3.0", true), ("3.4.0", false)] {
        let mut board = Board::new(release);
        board.put(|object| object.finalizer = true);
        board.put(|object| object.node_id = true);
        board.work(Time(0), FINE, Reply::Failed);
        board.put(|object| object.managed_fields += 1);
        assert_eq!(board.attacher.take(Time(0)).is_some(), again, "{release}");
    }
}

#[test]
fn a_mismatch_publishes_again_and_leaves_no_trace_in_the_status() {
    let mut board = attached("4.12.0");
    let before = board.object.unwrap();
    board.attacher.mismatch(ID);
    assert_eq!(board.work(Time(0), FINE, Reply::Failed)[0], Command::Publish);
    assert!(
        board.object.unwrap().attached && before.attached,
        "a failed forced attach leaves attached=true"
    );
}

proptest! {
    /// Whatever failed before, the attachment follows its wish once the driver gives in and the longest wait is over.
    #[test]
    fn it_always_gets_there(
        steps in prop::collection::vec((any::<bool>(), any::<bool>(), 0..400_000i64), 0..30),
        delete in any::<bool>(),
        release in prop::sample::select(vec!["2.0.0", "3.1.0", "3.4.0", "4.8.0", "4.12.0"]),
    ) {
        let mut board = Board::new(release);
        board.put(|_| {});
        let mut now = Time(0);
        for (ok, resync, wait) in steps {
            board.work(now, FINE, if ok { Reply::Done } else { Reply::Failed });
            if resync {
                board.attacher.resync();
            }
            now = now + Span::millis(wait);
        }
        if delete {
            board.put(|object| object.deleting = true);
        }
        for _ in 0..2 {
            board.work(now, FINE, Reply::Done);
            now = now + LONGEST_RETRY;
        }
        prop_assert_eq!(board.object.is_none(), delete);
        prop_assert!(board.object.is_none_or(|object| object.attached && !object.attach_error));
    }
}
