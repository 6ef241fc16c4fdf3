//! What all fuzz targets demand of a reading.
//!
//! In: bytes that stand for a file. Out: nothing, or a panic that says which promise was broken. Files lie in memory
//! (`/dev/shm`), since the library reads paths.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use adtrace::bundle::Limits;
use adtrace::fact::{self, ReadOptions, Reading};

/// A folder of this process alone.
static PLACE: LazyLock<PathBuf> = LazyLock::new(|| {
    let memory = Path::new("/dev/shm");
    let base = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    let place = base.join(format!("adtrace-fuzz-{}", std::process::id()));
    std::fs::create_dir_all(&place).expect("a folder can be made");
    place
});

/// Writes the bytes down as the only file of a folder.
pub fn put(name: &str, bytes: &[u8]) -> PathBuf {
    let path = PLACE.join(name);
    std::fs::write(&path, bytes).expect("memory takes the file");
    path
}

/// Takes the file away; there must be no other.
pub fn take_away(path: &Path) {
    let files: Vec<_> = std::fs::read_dir(&*PLACE)
        .expect("the folder is there")
        .map(|item| item.expect("it can be listed").path())
        .collect();
    assert_eq!(files, [path.to_owned()], "a file was written");
    std::fs::remove_file(path).expect("it can be removed");
}

/// Reads a file three times and demands what every reading owes: the accounts add up, a second reading says the same,
/// and one that passes over nothing has the same facts and uses the same lines.
///
/// When lines were written is left out of that last comparison: of lines that are passed over only the first and the
/// last of ten seconds are noted. So is what was not understood: of an event that is passed over for the path it
/// asks for nobody knows whether the rest of it is sound.
pub fn check(path: &Path, limits: &Limits) -> Option<Reading> {
    let read = |filter| {
        let options = ReadOptions {
            limits: limits.clone(),
            year: Some(2026),
            filter,
            ..ReadOptions::default()
        };
        fact::read(&[path.to_owned()], &options)
    };
    let Ok(reading) = read(true) else {
        // Only what calls itself a captured trace may be refused, and then each time.
        assert!(read(false).is_err(), "refused once only");
        return None;
    };
    for source in &reading.sources {
        let accounted = source.used + source.irrelevant + source.not_understood;
        assert_eq!(source.lines, accounted, "lines of {} are unaccounted for", source.path);
    }
    let mut again = read(true).expect("it was read before");
    same("a second time", &told(&reading), &told(&again));
    let mut whole = read(false).expect("it was read before");
    for (passing, whole) in again.sources.iter_mut().zip(&mut whole.sources) {
        assert!(passing.not_understood <= whole.not_understood, "a line became strange by being passed over");
        for source in [passing, whole] {
            (source.irrelevant, source.not_understood) = (0, 0);
            source.puzzling.clear();
            source.alive.clear();
            source.voices.clear();
        }
    }
    same("without the filter", &told(&again), &told(&whole));
    Some(reading)
}

/// Demands that one plain file was read to its end: no byte and no line of it is missing from the account.
pub fn is_complete(reading: &Reading, bytes: &[u8]) {
    let [source] = &*reading.sources else { return };
    assert_eq!(source.bytes, bytes.len() as u64, "bytes are missing");
    let lines = |bytes: &[u8]| {
        let ends = bytes.iter().filter(|byte| **byte == b'\n').count();
        (ends + usize::from(bytes.last().is_some_and(|byte| *byte != b'\n'))) as u64
    };
    // NUL bytes are no text: a last line of nothing else is none.
    let bare: Vec<u8> = bytes.iter().copied().filter(|byte| *byte != 0).collect();
    assert!(
        [lines(bytes), lines(&bare)].contains(&source.lines),
        "{} lines of {} were read",
        source.lines,
        lines(bytes)
    );
}

fn told(reading: &Reading) -> String {
    let mut out = Vec::new();
    fact::trace::write(reading, &mut out).expect("memory takes all");
    String::from_utf8(out).expect("it is text")
}

fn same(how: &str, one: &str, other: &str) {
    for (one, other) in one.lines().zip(other.lines()) {
        assert_eq!(one, other, "read {how} it says something else");
    }
    assert_eq!(one.len(), other.len(), "read {how} it says more or less");
}
