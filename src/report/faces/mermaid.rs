//! The chains of the divergences as Mermaid flowcharts, which code hosts draw in tickets.
//!
//! In: a report. Out: one flowchart: a subgraph for each divergence and party, the steps in order, the operation, trigger
//! and symptom marked, inferred steps with a dashed edge to them.

use std::fmt::Write as _;
use std::io;

use super::{cell, place, proof};
use crate::report::text::{clean, cut, millis};
use crate::report::words::Part;
use crate::report::{Divergence, Face, Report, Step};

/// Columns of the words in a box.
const WORDS: usize = 200;

/// The chains as a flowchart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mermaid;

impl Face for Mermaid {
    fn write(&self, report: &Report, out: &mut dyn io::Write) -> io::Result<()> {
        writeln!(out, "flowchart TD")?;
        if report.divergences.is_empty() {
            return writeln!(out, "  none[\"no divergence\"]");
        }
        for (number, divergence) in report.divergences.iter().enumerate() {
            out.write_all(drawing(number, divergence).as_bytes())?;
        }
        writeln!(out, "  classDef key stroke:#b3261e,stroke-width:3px")
    }
}

fn drawing(number: usize, divergence: &Divergence) -> String {
    let mut out = String::new();
    let title = format!("{} {}: {}", divergence.id, divergence.mechanism, cell(divergence));
    // Writing to a String does not fail.
    let _ = writeln!(out, "  subgraph d{number}[{}]", quoted(&title));
    for (at, step) in divergence.chain.iter().enumerate() {
        let class = if Part::of(divergence, step).is_some() {
            ":::key"
        } else {
            ""
        };
        let _ = writeln!(out, "    d{number}s{at}[{}]{class}", quoted(&label(divergence, step)));
    }
    for (at, step) in divergence.chain.iter().enumerate().skip(1) {
        let edge = if step.observed { "-->" } else { "-.->" };
        let _ = writeln!(out, "    d{number}s{} {edge} d{number}s{at}", at - 1);
    }
    out.push_str("  end\n");
    out
}

fn label(divergence: &Divergence, step: &Step) -> String {
    let mark = Part::of(divergence, step).map_or(String::new(), |part| format!("{} ", part.mark()));
    let at = match proof(step) {
        Some(evidence) if step.observed => place(evidence),
        Some(evidence) => format!("inferred from {}", place(evidence)),
        None => "inferred".to_owned(),
    };
    format!(
        "{mark}{} {}\n{}\n{at}",
        millis(step.at),
        step.actor,
        cut(&clean(&step.what), WORDS)
    )
}

/// Text as a Mermaid string: entities for what would end it or be markup.
pub fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '\n' => out.push_str("<br>"),
            '"' | '<' | '>' | '#' | '&' | ';' | '`' | '\\' => {
                // Writing to a String does not fail.
                let _ = write!(out, "#{};", u32::from(c));
            }
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
