//! The answer as a table for a terminal.
//!
//! In: an [`Answer`]. Out: lines: what would heal it, the least invasive first, then what would not, then what is not
//! safe, each with its reason.

use std::io::{self, Write};

use super::{Answer, Row};
use crate::report::Outcome;
use crate::report::remedy::phrase;
use crate::report::text::{clean, columns, lasting, millis, pad, wrap};

const WIDTH: usize = 100;

/// Writes the answer.
pub fn write(answer: &Answer, out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "{} on {}, as it stood at {}",
        clean(&answer.volume),
        clean(&answer.node),
        millis(answer.at)
    )?;
    let sections = [
        (Outcome::Heals, "Heals"),
        (Outcome::NoEffect, "No effect"),
        (Outcome::Unsafe, "NOT SAFE"),
        (Outcome::Unknown, "Cannot be told"),
    ];
    for (outcome, title) in sections {
        let rows: Vec<&Row> = answer.rows.iter().filter(|row| row.outcome == outcome).collect();
        if rows.is_empty() {
            continue;
        }
        writeln!(out, "\n{title}")?;
        let names: Vec<String> = rows.iter().map(|row| phrase(&row.action)).collect();
        let width = names.iter().map(|name| columns(name)).max().unwrap_or(0);
        for (row, name) in rows.iter().zip(&names) {
            writeln!(out, "  {}  {}", pad(name, width), times(row))?;
            for line in wrap(&row.because, WIDTH - 6) {
                writeln!(out, "      {line}")?;
            }
        }
    }
    writeln!(out, "\nAssumed")?;
    let mut told: Vec<&str> = Vec::new();
    for row in &answer.rows {
        for assumption in &row.assumptions {
            if !told.contains(&assumption.as_str()) {
                told.push(assumption);
                writeln!(out, "  {}", clean(assumption))?;
            }
        }
    }
    Ok(())
}

fn times(row: &Row) -> String {
    let mut times = Vec::new();
    times.extend(
        row.agree_after_ms
            .map(|ms| format!("states agree after {}", lasting(ms))),
    );
    times.extend(
        row.runs_after_ms
            .map(|ms| format!("pod has its volume after {}", lasting(ms))),
    );
    if !row.breaks.is_empty() {
        times.push(format!("breaks {}", row.breaks.join(", ")));
    }
    times.join(", ")
}
