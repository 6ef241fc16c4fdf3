//! `adtrace graph`: the causal graph.

use clap::{Args, ValueEnum};

use super::error::CliError;
use super::output::Output;
use super::reading::{About, CaseInput};
use crate::ask::{CauseGraph, causes, dot, mermaid};
use crate::report::text::Sources;

/// Print what follows from what: the causal graph of a volume or a node
#[derive(Debug, Args)]
pub struct Graph {
    #[command(flatten)]
    input: CaseInput,
    #[command(flatten)]
    about: About,
    /// How to print it
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Dot)]
    format: Format,
}

/// Forms of the graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For Graphviz: dot -Tsvg
    Dot,
    /// For code hosts, which draw it
    Mermaid,
    /// Events and edges, each with its rule
    Json,
}

impl Graph {
    pub fn run(&self, output: &mut Output) -> Result<u8, CliError> {
        let case = self.input.case(output)?;
        let (volume, node) = self.about.meant(&case.cast)?;
        let (run, _) = case.replay();
        let graph = CauseGraph::of(&case, &run, &causes::causes(&case, &run, volume, node));
        match self.format {
            Format::Dot => dot::write(&graph, &Sources::of(&case.inputs()), output.writer())?,
            Format::Mermaid => mermaid::write(&graph, &Sources::of(&case.inputs()), output.writer())?,
            Format::Json => output.json(&graph)?,
        }
        Ok(0)
    }
}
