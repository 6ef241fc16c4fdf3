//! The causal graph for Mermaid, which code hosts draw in tickets.
//!
//! In: a [`CauseGraph`]. Out: a flowchart: one subgraph for each party, inferred steps say so, edges carry their rule;
//! program order is drawn without a label.

use std::collections::BTreeMap;
use std::io::{self, Write};

use super::causes::{CauseEvent, CauseGraph};
use crate::graph::Rule;
use crate::report::faces::mermaid::quoted;
use crate::report::text::{Sources, clean, cut, millis};

/// Columns of the words in a box.
const WORDS: usize = 60;

/// Writes the graph as a Mermaid flowchart.
pub fn write(graph: &CauseGraph, sources: &Sources<'_>, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "flowchart LR")?;
    let mut parties: BTreeMap<String, Vec<&CauseEvent>> = BTreeMap::new();
    for event in &graph.events {
        parties.entry(event.step.actor.to_string()).or_default().push(event);
    }
    for (number, (party, events)) in parties.iter().enumerate() {
        writeln!(out, "  subgraph p{number}[{}]", quoted(party))?;
        for event in events {
            writeln!(out, "    e{}[{}]", event.id, quoted(&label(event, sources)))?;
        }
        writeln!(out, "  end")?;
    }
    for edge in &graph.edges {
        if edge.rule == Rule::ProgramOrder.name() {
            writeln!(out, "  e{} --> e{}", edge.from, edge.to)?;
        } else {
            writeln!(out, "  e{} -->|{}| e{}", edge.from, edge.rule, edge.to)?;
        }
    }
    Ok(())
}

fn label(event: &CauseEvent, sources: &Sources<'_>) -> String {
    let step = &event.step;
    let place = sources.place_of(step);
    format!("{}\n{}\n{place}", millis(step.at), cut(&clean(&step.what), WORDS))
}
