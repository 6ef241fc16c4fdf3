//! Recordings for tests: the founding one, and a folder of others; and folders to write to.
//!
//! In: `fixtures/FOUNDING`, and the folder that `ADTRACE_RECORDINGS` names. Out: paths.

use std::path::{Path, PathBuf};

/// The founding recording.
#[allow(dead_code, reason = "not every test needs it")]
pub fn founding() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/FOUNDING")
}

/// The recordings in the folder that `ADTRACE_RECORDINGS` names, each a folder, by name.
#[allow(dead_code, reason = "not every test goes through all")]
pub fn all() -> Vec<PathBuf> {
    let folder = PathBuf::from(std::env::var_os("ADTRACE_RECORDINGS").expect("ADTRACE_RECORDINGS names a folder"));
    let mut recordings: Vec<PathBuf> = std::fs::read_dir(&folder)
        .expect("the folder reads")
        .map(|entry| entry.expect("the entry reads").path())
        .filter(|path| path.is_dir())
        .collect();
    recordings.sort();
    recordings
}

/// A folder that goes when it is no longer needed.
#[allow(dead_code, reason = "not every test writes")]
pub struct Scratch(pub PathBuf);

#[allow(dead_code, reason = "not every test writes")]
impl Scratch {
    pub fn new(name: &str) -> Scratch {
        let test = env!("CARGO_CRATE_NAME");
        let place = std::env::temp_dir().join(format!("adtrace-{test}-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&place).expect("the folder is made");
        Scratch(place)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
