//! What everybody believed at one moment.
//!
//! In: a case, a moment, perhaps a volume or a node. Out: [`StateAnswer`]: the row of states of every pair, and for each
//! state when it last changed, by which step, and whether that step was seen or had to be inferred.

use std::io::{self, Write};

use serde::Serialize;

use crate::diagnose::tell::states;
use crate::graph::cast::{Node, Volume};
use crate::pipeline::Case;
use crate::replay::{Cell, Replay, Run, StepId};
use crate::report::text::{Sources, clean, count, day, millis, pad, short_actor, short_volume, yes_no};
use crate::report::{States, Step};
use crate::time::Time;

/// What `adtrace state` prints.
#[derive(Clone, Debug, Serialize)]
pub struct StateAnswer {
    /// `adtrace.state/1`.
    pub schema: &'static str,
    /// The moment asked about.
    pub at: Time,
    /// Every pair that anybody knew by then, by volume and node.
    pub cells: Vec<CellAnswer>,
}

/// One pair.
#[derive(Clone, Debug, Serialize)]
pub struct CellAnswer {
    /// Unique volume name.
    pub volume: String,
    /// The PV, where its name is known.
    pub pv: Option<String>,
    /// The node.
    pub node: String,
    /// Its states.
    pub states: States,
    /// The operation under way, if any: `attach` or `detach`.
    pub pending: Option<&'static str>,
    /// Which states were last changed by which step, in the order of the columns.
    pub changed: Vec<Changed>,
}

/// A state's last change.
#[derive(Clone, Debug, Serialize)]
pub struct Changed {
    /// Name of the state.
    pub state: &'static str,
    /// The step that changed it.
    pub by: Step,
}

/// The columns, as words of a person and as one value each.
const COLUMNS: [(&str, &str); 7] = [
    ("desired", "wanted"),
    ("controller", "controller"),
    ("to_report", "to report"),
    ("reported", "reported"),
    ("attachment", "VolumeAttachment"),
    ("in_use", "in use"),
    ("mounted", "mounted"),
];

impl StateAnswer {
    /// The states at a moment.
    #[must_use]
    pub fn of(case: &Case, at: Time, volume: Option<Volume>, node: Option<Node>) -> StateAnswer {
        let (run, world) = Replay::new(case.script()).run_until(at);
        let asked = |cell: &Cell| volume.is_none_or(|v| v == cell.0) && node.is_none_or(|n| n == cell.1);
        let cells = run.track.keys().filter(|cell| asked(cell)).map(|cell| {
            let last = run.track.get(cell).and_then(|track| track.last());
            let info = case.cast.info(cell.0);
            let pending = world.operation_on(*cell);
            CellAnswer {
                volume: info.name.to_string(),
                pv: info.pvs.first().filter(|pv| **pv != info.name).map(ToString::to_string),
                node: case.cast.node_name(cell.1).to_string(),
                states: last.map_or(States::default(), |(_, state)| states(state)),
                pending: pending.map(|detach| if detach { "detach" } else { "attach" }),
                changed: changed(case, &run, *cell),
            }
        });
        StateAnswer {
            schema: "adtrace.state/1",
            at,
            cells: cells.collect(),
        }
    }

    /// The answer for a person.
    pub fn write(&self, sources: &Sources<'_>, out: &mut dyn Write) -> io::Result<()> {
        let cells = count(self.cells.len() as u64, "pair");
        writeln!(
            out,
            "{} {} UTC: {cells} of volume and node",
            day(self.at),
            millis(self.at)
        )?;
        for cell in &self.cells {
            let volume = short_volume(cell.pv.as_deref(), &cell.volume);
            let pending = cell
                .pending
                .map_or(String::new(), |what| format!("  ({what} under way)"));
            writeln!(out, "\n{} on {}{pending}", clean(volume), clean(&cell.node))?;
            for ((name, label), value) in COLUMNS.iter().zip(values(cell.states)) {
                let by = cell.changed.iter().find(|changed| changed.state == *name);
                let since = by.map_or(String::new(), |changed| since(&changed.by, sources));
                writeln!(
                    out,
                    "{}",
                    format!("  {} {}{since}", pad(label, 17), pad(value, 10)).trim_end()
                )?;
            }
        }
        Ok(())
    }
}

/// Since when, by whom, and where that stands.
fn since(step: &Step, sources: &Sources<'_>) -> String {
    let actor = short_actor(&step.actor);
    if step.observed {
        let place = step
            .evidence
            .first()
            .map_or(String::new(), |evidence| format!("  {}", sources.place(evidence)));
        format!("since {}  {actor}{place}", millis(step.at))
    } else {
        format!("since {}  {actor}, inferred", millis(step.at))
    }
}

/// A row of states as words.
fn values(states: States) -> [&'static str; 7] {
    [
        yes_no(states.desired),
        states.controller.word(),
        yes_no(states.to_report),
        yes_no(states.reported),
        states.attachment.word(),
        yes_no(states.in_use),
        states.mounted.word(),
    ]
}

/// For each state the step after which it had its value; none where it never changed.
fn changed(case: &Case, run: &Run, cell: Cell) -> Vec<Changed> {
    let Some(track) = run.track.get(&cell) else {
        return Vec::new();
    };
    let rows: Vec<(StepId, [&'static str; 7])> = track
        .iter()
        .map(|(step, state)| (*step, values(states(state))))
        .collect();
    let Some((_, last)) = rows.last() else {
        return Vec::new();
    };
    let teller = case.teller(run, "");
    let mut changes = Vec::new();
    for (column, (name, _)) in COLUMNS.iter().enumerate() {
        let same = rows
            .iter()
            .rev()
            .take_while(|(_, row)| row.get(column) == last.get(column));
        let Some((step, _)) = same.last() else { continue };
        // What was so from the first row on was not changed by anything seen.
        if rows.first().is_some_and(|(first, _)| first != step) {
            changes.push(Changed {
                state: name,
                by: teller.step(*step, cell),
            });
        }
    }
    changes
}
