//! The timeline for a person at a terminal: lanes as columns, a row for each step that changed one.
//!
//! In: a [`Report`] with its timeline. Out: text: the table of all pairs, then for each pair what was so at first and
//! every change, with who made it and where that stands. A lane that stays as it was shows as a line.

use std::io;

use super::text::{Sources, clean, columns, count, cut, lasting, millis, pad, short_actor, short_volume};
use super::timeline::{CellLine, Change, Event, Lane, Timeline};
use super::{Face, Report};

/// Columns of a time of day to the millisecond.
const CLOCK: usize = 12;

/// The timeline as text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lanes {
    /// Columns to which rows are cut, so that lanes stay lanes on a terminal; none where a row may be as long as it is.
    pub width: Option<usize>,
}

impl Face for Lanes {
    fn write(&self, report: &Report, out: &mut dyn io::Write) -> io::Result<()> {
        let Some(timeline) = &report.timeline else {
            return writeln!(out, "The report has no timeline.");
        };
        let sources = Sources::of(&report.inputs);
        match timeline.cells.as_slice() {
            [] => writeln!(out, "No pair of volume and node is known.")?,
            [_] => {}
            cells => table(cells, out)?,
        }
        for (at, cell) in timeline.cells.iter().enumerate() {
            if at > 0 || timeline.cells.len() > 1 {
                writeln!(out)?;
            }
            for row in lane_rows(timeline, cell, &sources) {
                let row = row.trim_end();
                writeln!(out, "{}", self.width.map_or(row.into(), |width| cut(row, width)))?;
            }
        }
        Ok(())
    }
}

/// What people call a pair's volume.
fn called(cell: &CellLine) -> String {
    clean(short_volume(cell.pv.as_deref(), &cell.volume)).into_owned()
}

/// All pairs at a glance.
fn table(cells: &[CellLine], out: &mut dyn io::Write) -> io::Result<()> {
    let wide = |of: &dyn Fn(&CellLine) -> usize| cells.iter().map(of).max().unwrap_or(0);
    let volume = wide(&|cell| columns(&called(cell))).max(6);
    let node = wide(&|cell| columns(&clean(&cell.node))).max(4);
    let head = format!("{}  {}", pad("volume", volume), pad("node", node));
    writeln!(
        out,
        "{head}  controller  reported  attachment  mounted  changes  diverged"
    )?;
    for cell in cells {
        let line = format!(
            "{}  {}  {}  {}  {}  {}  {:>7}  {}",
            pad(&called(cell), volume),
            pad(&clean(&cell.node), node),
            pad(Lane::Controller.of(&cell.end), 10),
            pad(Lane::Reported.of(&cell.end), 8),
            pad(Lane::Attachment.of(&cell.end), 10),
            pad(Lane::Mounted.of(&cell.end), 7),
            cell.changes.len(),
            cell.divergences.join(" "),
        );
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

/// One pair: what was so at first, then every change.
fn lane_rows(timeline: &Timeline, cell: &CellLine, sources: &Sources<'_>) -> Vec<String> {
    let mut head = format!("{} on {}", called(cell), clean(&cell.node));
    for more in cell.pods.iter().chain(&cell.divergences) {
        head.push_str(" · ");
        head.push_str(&clean(more));
    }
    head.push_str(": ");
    head.push_str(&count(cell.changes.len() as u64, "change"));
    let rows = rows(timeline, cell);
    let widths = Lane::ALL.map(|lane| {
        let values = rows.iter().filter_map(|row| row.value(lane));
        let widest = values.map(|value| columns(&value)).max().unwrap_or(0);
        widest.max(columns(lane.label()))
    });
    let line = |first: &str, values: [String; 9]| {
        let mut text = pad(first, CLOCK);
        for (value, width) in values.iter().zip(widths) {
            text.push_str("  ");
            text.push_str(&pad(value, width));
        }
        text
    };
    let first = Lane::ALL.map(|lane| lane.of(&cell.begin).replace("none", "-"));
    let mut lines = vec![
        head,
        line("", Lane::ALL.map(|lane| lane.label().to_owned())),
        line("at first", first),
    ];
    lines.extend(rows.iter().map(|row| {
        let values = Lane::ALL.map(|lane| row.value(lane).unwrap_or_else(|| "│".to_owned()));
        let step = &row.event.step;
        let place = sources.place_of(step);
        let actor = pad(short_actor(&step.actor), 10);
        format!(
            "{}  {actor}  {}  {place}",
            line(&millis(step.at), values),
            clean(&step.what)
        )
    }));
    lines
}

/// What one step changed in a pair.
struct Row<'a> {
    event: &'a Event,
    changes: Vec<&'a Change>,
}

impl Row<'_> {
    /// The lane's new value, if the step changed it.
    fn value(&self, lane: Lane) -> Option<String> {
        let change = self.changes.iter().rev().find(|change| change.lane == lane)?;
        let value = match (change.until, change.value) {
            (Some(until), value) => {
                let wait = (until - self.event.step.at).as_millis().max(0);
                format!("{value} {}", lasting(wait.unsigned_abs()))
            }
            (None, "none") => "-".to_owned(),
            (None, value) => value.to_owned(),
        };
        Some(value)
    }
}

fn rows<'a>(timeline: &'a Timeline, cell: &'a CellLine) -> Vec<Row<'a>> {
    let mut rows: Vec<(u32, Row<'a>)> = Vec::new();
    for change in &cell.changes {
        let Some(event) = timeline.events.get(change.event as usize) else {
            continue;
        };
        match rows.last_mut() {
            Some((last, row)) if *last == change.event => row.changes.push(change),
            _ => rows.push((
                change.event,
                Row {
                    event,
                    changes: vec![change],
                },
            )),
        }
    }
    rows.into_iter().map(|(_, row)| row).collect()
}
