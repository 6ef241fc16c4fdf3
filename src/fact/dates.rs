//! Full dates that sources tell, for those that tell none.
//!
//! In: a moment of each source that has a date of its own. Out: for another source the moment of one that lies near it,
//! in the same folder or the next one up: recordings of two clusters, or of two years, may lie side by side.

use rustc_hash::FxHashMap;

use crate::time::Time;

/// A moment for each folder and archive that holds a dated source; the first that was read.
#[derive(Debug, Default)]
pub struct Dates(FxHashMap<Box<str>, Time>);

impl Dates {
    /// Takes a source's moment for all that it lies in.
    pub fn learn(&mut self, path: &str, near: Time) {
        for folder in folders(path) {
            if !self.0.contains_key(folder) {
                self.0.insert(folder.into(), near);
            }
        }
    }

    /// The moment of the source that lies nearest.
    pub fn near(&self, path: &str) -> Option<Time> {
        folders(path).find_map(|folder| self.0.get(folder).copied())
    }
}

/// The folders and archives that a path lies in, the innermost first, and what holds them all.
fn folders(path: &str) -> impl Iterator<Item = &str> {
    let ends = path.rmatch_indices(['/', '!']);
    ends.filter_map(|(end, _)| path.get(..end)).chain(std::iter::once(""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_source_dates() {
        let mut dates = Dates::default();
        assert_eq!(dates.near("a"), None);
        dates.learn("a.tar!logs/audit.log", Time(1));
        dates.learn("b/audit.log", Time(2));
        let near = ["a.tar!nodes/kubelet.log", "b/nodes/kubelet.log", "c/kubelet.log"].map(|path| dates.near(path));
        assert_eq!(near, [Some(Time(1)), Some(Time(2)), Some(Time(1))]);
    }
}
