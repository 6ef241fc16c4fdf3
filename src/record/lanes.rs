//! The pieces of a source through the scan and back in order, several at the same time.
//!
//! In: a stream that is cut piece by piece, or a file on the disk of which each thread reads regions for itself. Out: what
//! was read of each piece, in their order. A piece is told the number of its first line, and what the lines above say of
//! it, as soon as the pieces before it are counted, not when they are read.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use super::Scribe;
use super::cutter::{Cutter, Piece};
use super::heading::Heading;
use super::regions::Regions;
use super::scan::{Chunk, Scan, Scanned};

/// What was read of one piece.
pub struct Done<P> {
    /// What the lines above it say of its lines.
    pub heading: Heading,
    /// What it says.
    pub scanned: Scanned<P>,
}

impl<P: Send> Done<P> {
    /// Reads a piece.
    pub fn of<S: Scribe<Page = P>>(scan: &Scan<'_, S>, chunk: &Chunk<'_>) -> Done<P> {
        Done {
            heading: chunk.heading.clone(),
            scanned: scan.one(chunk),
        }
    }
}

/// Takes what was read, in order.
pub type Take<'t, P> = dyn FnMut(Done<P>) + Send + 't;

/// Where the next piece begins.
pub struct Begin {
    /// The number of its first line.
    pub line: u32,
    /// What the lines above say of it.
    pub heading: Heading,
}

impl Begin {
    /// The lines of a piece, and where the next begins.
    pub fn chunk<'p>(&mut self, piece: &'p Piece, first: bool) -> Chunk<'p> {
        let chunk = Chunk {
            piece,
            first,
            line: self.line,
            heading: self.heading.clone(),
        };
        if piece.mixed {
            self.heading.chunk(piece.bytes());
        }
        let lines = u32::try_from(piece.lines().len()).unwrap_or(u32::MAX);
        self.line = self.line.saturating_add(lines);
        chunk
    }
}

/// Reads a file by regions, after a first piece of it; says where it ends.
pub fn regions<S: Scribe>(
    scan: &Scan<'_, S>,
    first: Piece,
    regions: &Regions<'_>,
    begin: Begin,
    take: &mut Take<'_, S::Page>,
) -> Begin {
    let lanes = scan.lanes.clamp(1, regions.count() + 1);
    let supply = Read {
        first: Mutex::new(Some(first)),
        regions,
        next: AtomicUsize::new(0),
    };
    let order = Order::of(begin, lanes, take);
    thread::scope(|scope| {
        for _ in 1..lanes {
            scope.spawn(|| lane(scan, &supply, &order));
        }
        lane(scan, &supply, &order);
    });
    order.end()
}

/// Reads a stream, after a first piece of it, cut into pieces of about so many bytes; says where it ends.
///
/// # Errors
/// What reading the stream fails with.
pub fn stream<S: Scribe>(
    scan: &Scan<'_, S>,
    first: Piece,
    cutter: &mut Cutter<'_>,
    size: usize,
    begin: Begin,
    take: &mut Take<'_, S::Page>,
) -> io::Result<Begin> {
    let lanes = scan.lanes.max(1);
    let (feed, queue) = mpsc::sync_channel(under_way(lanes));
    let supply = Handed {
        queue: Mutex::new(queue),
        spare: Mutex::default(),
    };
    let order = Order::of(begin, lanes, take);
    let cut = thread::scope(|scope| {
        for _ in 0..lanes {
            scope.spawn(|| lane(scan, &supply, &order));
        }
        // The lanes end when nothing feeds them any more.
        let feed = feed;
        let mut piece = first;
        for index in 0.. {
            let given = feed.send((index, piece));
            piece = lock(&supply.spare).pop().unwrap_or_default();
            if given.is_err() || !cutter.next(&mut piece, size)? {
                break;
            }
        }
        Ok(())
    });
    cut.map(|()| order.end())
}

/// Pieces that may be under way, so that no lane waits for the others.
fn under_way(lanes: usize) -> usize {
    2 * lanes + 2
}

/// Where pieces come from.
trait Supply: Sync {
    /// The next piece and its place among all, in the room of one that is done with; `None` at the end.
    fn next(&self, piece: &mut Piece) -> Option<usize>;
}

/// Regions of a file, behind a piece that is cut already.
struct Read<'r> {
    first: Mutex<Option<Piece>>,
    regions: &'r Regions<'r>,
    next: AtomicUsize,
}

impl Supply for Read<'_> {
    fn next(&self, piece: &mut Piece) -> Option<usize> {
        let index = self.next.fetch_add(1, Ordering::Relaxed);
        if index > 0 {
            return self.regions.read(index - 1, piece).then_some(index);
        }
        *piece = lock(&self.first).take()?;
        Some(index)
    }
}

/// Pieces that another thread cuts.
struct Handed {
    queue: Mutex<Receiver<(usize, Piece)>>,
    spare: Mutex<Vec<Piece>>,
}

impl Supply for Handed {
    fn next(&self, piece: &mut Piece) -> Option<usize> {
        let done = std::mem::take(piece);
        lock(&self.spare).push(done);
        let (index, next) = lock(&self.queue).recv().ok()?;
        *piece = next;
        Some(index)
    }
}

/// Lines are numbered in the order of the pieces, what was read is taken in that order, and no lane runs far ahead of
/// the slowest.
struct Order<'t, P> {
    state: Mutex<State>,
    moved: Condvar,
    sorted: Mutex<Sorted<'t, P>>,
    /// Pieces that may be under way.
    most: usize,
}

struct State {
    begin: Begin,
    /// Pieces whose lines are numbered.
    numbered: usize,
    /// Pieces that were taken.
    taken: usize,
    /// Lanes that wait.
    waiting: usize,
    /// A lane broke down.
    broken: bool,
}

/// What lanes bring, put in order.
struct Sorted<'t, P> {
    waiting: BTreeMap<usize, Done<P>>,
    next: usize,
    take: &'t mut Take<'t, P>,
}

impl<'t, P> Order<'t, P> {
    fn of(begin: Begin, lanes: usize, take: &'t mut Take<'t, P>) -> Order<'t, P> {
        Order {
            state: Mutex::new(State {
                begin,
                numbered: 0,
                taken: 0,
                waiting: 0,
                broken: false,
            }),
            moved: Condvar::new(),
            sorted: Mutex::new(Sorted {
                waiting: BTreeMap::new(),
                next: 0,
                take,
            }),
            most: under_way(lanes),
        }
    }

    /// Waits for the pieces before this one to be counted; `None` if that will never be.
    fn number<'p>(&self, index: usize, piece: &'p Piece) -> Option<Chunk<'p>> {
        let mut state = lock(&self.state);
        while !state.broken && (state.numbered < index || index >= state.taken + self.most) {
            state.waiting += 1;
            state = self.moved.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.waiting -= 1;
        }
        if state.broken {
            return None;
        }
        let chunk = state.begin.chunk(piece, index == 0);
        state.numbered = index + 1;
        self.wake(&state);
        Some(chunk)
    }

    /// Wakes who waits; a call of the kernel for each piece that nobody waits for would be felt.
    fn wake(&self, state: &State) {
        if state.waiting > 0 {
            self.moved.notify_all();
        }
    }

    /// Takes what was read of a piece, as soon as those before it were taken.
    fn take(&self, index: usize, done: Done<P>) {
        let mut guard = lock(&self.sorted);
        let sorted = &mut *guard;
        sorted.waiting.insert(index, done);
        while let Some(done) = sorted.waiting.remove(&sorted.next) {
            (sorted.take)(done);
            sorted.next += 1;
        }
        let mut state = lock(&self.state);
        state.taken = sorted.next;
        self.wake(&state);
    }

    fn end(self) -> Begin {
        self.state.into_inner().unwrap_or_else(PoisonError::into_inner).begin
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reads pieces, until there is none.
fn lane<S: Scribe>(scan: &Scan<'_, S>, supply: &dyn Supply, order: &Order<'_, S::Page>) {
    let _alarm = Alarm { supply, order };
    let mut piece = Piece::default();
    while let Some(index) = supply.next(&mut piece) {
        piece.rule();
        let Some(chunk) = order.number(index, &piece) else {
            break;
        };
        order.take(index, Done::of(scan, &chunk));
    }
}

/// Tells the others when a lane breaks down, so that none waits for it.
struct Alarm<'o, 't, P> {
    supply: &'o dyn Supply,
    order: &'o Order<'t, P>,
}

impl<P> Drop for Alarm<'_, '_, P> {
    fn drop(&mut self) {
        if thread::panicking() {
            let mut state = lock(&self.order.state);
            state.broken = true;
            self.order.wake(&state);
            drop(state);
            // Whoever feeds the lanes would wait for room.
            let mut piece = Piece::default();
            while self.supply.next(&mut piece).is_some() {}
        }
    }
}
