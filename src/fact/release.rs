//! Tells a Kubernetes release from where its log lines stand in the sources: `reconciler.go:295` printed
//! `attach_started` in some releases only.
//!
//! In: the [`Site`]s of the facts of a source. Out: the releases that fit most of them, a [`Fit`]. Why: a log without its
//! head, and without audit log and version file, tells its release in no other way.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::{Kind, Party};

/// Lines by release, one row per statement in the sources; the table's head tells its form.
const TABLE: &str = include_str!("lines.table");

/// One statement of the sources that was seen to print.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Site {
    /// `c` kube-controller-manager, `k` kubelet.
    pub speaker: char,
    /// What it printed.
    pub kind: Kind,
    /// Source file's base name.
    pub file: Box<str>,
    /// Line in the source file.
    pub line: u32,
}

impl Site {
    /// The place of a klog line in the sources of its speaker; `None` where the table does not know speaker and file.
    pub(crate) fn of(party: &Party, kind: Kind, file: &str, line: u32) -> Option<Site> {
        let speaker = match party {
            Party::Controller => 'c',
            Party::Kubelet(_) => 'k',
            _ => return None,
        };
        let known = LINES.rows.iter().any(|row| row.is(speaker, kind, file));
        known.then(|| Site {
            speaker,
            kind,
            file: file.into(),
            line,
        })
    }
}

/// The releases in which most of the sites stand where they were seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fit {
    /// The first release that fits best, `1.24.0`.
    pub first: &'static str,
    /// The last release that fits best.
    pub last: &'static str,
    /// Sites that fit.
    pub fitting: usize,
    /// Sites seen.
    pub seen: usize,
}

/// What the sites of one speaker tell; `None` where none of them fits any release.
pub fn fit<'s>(speaker: char, sites: impl Iterator<Item = &'s Site>) -> Option<Fit> {
    let sites: BTreeSet<&Site> = sites.filter(|site| site.speaker == speaker).collect();
    let fitting = |release: usize| {
        let stands = |site: &&&Site| LINES.rows.iter().any(|row| row.prints(site, release));
        sites.iter().filter(stands).count()
    };
    let counts: Vec<usize> = (0..LINES.releases.len()).map(fitting).collect();
    let best = *counts.iter().max()?;
    let first = counts.iter().position(|&count| count == best)?;
    let last = counts.iter().rposition(|&count| count == best)?;
    (best > 0).then(|| Fit {
        first: LINES.releases[first],
        last: LINES.releases[last],
        fitting: best,
        seen: sites.len(),
    })
}

/// The table, read.
struct Lines {
    releases: Vec<&'static str>,
    rows: Vec<Row>,
}

/// One statement and its lines in each release.
struct Row {
    speaker: char,
    kind: Kind,
    file: &'static str,
    /// By index of the release: `293,301`.
    lines: Vec<&'static str>,
}

impl Row {
    fn is(&self, speaker: char, kind: Kind, file: &str) -> bool {
        self.kind == kind && self.speaker == speaker && self.file == file
    }

    fn prints(&self, site: &Site, release: usize) -> bool {
        self.is(site.speaker, site.kind, &site.file)
            && self.lines[release].split(',').any(|line| line.parse() == Ok(site.line))
    }
}

static LINES: LazyLock<Lines> = LazyLock::new(|| {
    let mut table = TABLE.lines().filter(|line| !line.starts_with('#'));
    let releases: Vec<&str> = table.next().unwrap_or_default().split(['\t', ' ']).skip(1).collect();
    let rows = table.filter_map(|line| row(line, &releases)).collect();
    Lines { releases, rows }
});

fn row(line: &'static str, releases: &[&str]) -> Option<Row> {
    let mut columns = line.split('\t');
    let (speaker, kind, file) = (columns.next()?, columns.next()?, columns.next()?);
    let mut lines = vec![""; releases.len()];
    for change in columns.next()?.split(' ') {
        let (release, numbers) = change.split_once(':')?;
        let from = releases.iter().position(|known| *known == release)?;
        lines[from..].fill(numbers);
    }
    Some(Row {
        speaker: speaker.chars().next()?,
        kind: Kind::named(kind)?,
        file,
        lines,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(kind: Kind, file: &str, line: u32) -> Site {
        Site::of(&Party::Controller, kind, file, line).unwrap()
    }

    #[test]
    fn every_row_of_the_table_is_read() {
        let rows = TABLE.lines().filter(|line| !line.starts_with('#')).count() - 1;
        assert_eq!(LINES.rows.len(), rows);
        assert_eq!(LINES.releases.first(), Some(&"1.12.0"));
    }

    #[test]
    fn the_release_in_which_most_lines_stand_where_they_were_seen_is_told() {
        let started = site(Kind::AdcStarted, "attach_detach_controller.go", 328);
        let throttled = site(Kind::ApiThrottled, "request.go", 591);
        let both = fit('c', [&started, &throttled].into_iter()).unwrap();
        assert_eq!(
            (both.first, both.last, both.fitting, both.seen),
            ("1.20.2", "1.20.2", 2, 2)
        );
        let one = fit('c', std::iter::once(&started)).unwrap();
        assert_eq!((one.first, one.last), ("1.20.2", "1.26.4"));
        assert_eq!(fit('k', [&started, &throttled].into_iter()), None);
    }

    #[test]
    fn a_line_that_stands_nowhere_tells_nothing() {
        assert_eq!(
            fit(
                'c',
                std::iter::once(&site(Kind::AdcStarted, "attach_detach_controller.go", 7))
            ),
            None
        );
        assert_eq!(Site::of(&Party::Controller, Kind::AdcStarted, "elsewhere.go", 7), None);
    }
}
