//! The causal graph for Graphviz.
//!
//! In: a [`CauseGraph`]. Out: DOT text: one cluster for each party, inferred steps dashed, edges labelled with their rule;
//! program order is drawn faintly and without a label.

use std::collections::BTreeMap;
use std::io::{self, Write};

use super::causes::{CauseEvent, CauseGraph};
use crate::graph::Rule;
use crate::report::text::{Sources, clean, cut, millis};

/// Columns of the words in a box.
const WORDS: usize = 60;

/// Writes the graph as DOT.
pub fn write(graph: &CauseGraph, sources: &Sources<'_>, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "digraph causes {{")?;
    writeln!(
        out,
        "  rankdir=LR; node [shape=box, fontname=\"sans-serif\", fontsize=10]; edge [fontsize=9];"
    )?;
    let mut parties: BTreeMap<String, Vec<&CauseEvent>> = BTreeMap::new();
    for event in &graph.events {
        parties.entry(event.step.actor.to_string()).or_default().push(event);
    }
    for (number, (party, events)) in parties.iter().enumerate() {
        writeln!(
            out,
            "  subgraph cluster_{number} {{ label={}; color=gray;",
            quoted(party)
        )?;
        for event in events {
            let style = if event.step.observed { "" } else { ", style=dashed" };
            writeln!(
                out,
                "    e{} [label={}{style}];",
                event.id,
                quoted(&label(event, sources))
            )?;
        }
        writeln!(out, "  }}")?;
    }
    for edge in &graph.edges {
        if edge.rule == Rule::ProgramOrder.name() {
            writeln!(out, "  e{} -> e{} [color=gray80, arrowsize=0.5];", edge.from, edge.to)?;
        } else {
            writeln!(out, "  e{} -> e{} [label={}];", edge.from, edge.to, quoted(edge.rule))?;
        }
    }
    writeln!(out, "}}")
}

fn label(event: &CauseEvent, sources: &Sources<'_>) -> String {
    let step = &event.step;
    let mut label = format!("{}\n{}", millis(step.at), cut(&clean(&step.what), WORDS));
    if !step.observed {
        label.push_str("\n(inferred)");
    } else if let Some(evidence) = step.evidence.first() {
        label.push('\n');
        label.push_str(&sources.place(evidence));
    }
    label
}

/// Text as a DOT string; line breaks become `\n`.
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for letter in text.chars() {
        match letter {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn hostile_names_stay_inside_their_quotes() {
        assert_eq!(quoted("a\"]; b\\\nc"), "\"a\\\"]; b\\\\\\nc\"");
    }
}
