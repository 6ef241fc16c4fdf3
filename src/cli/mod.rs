//! The command line: arguments in, calls of the other rooms, text out, an exit status.
//!
//! In: arguments. Out: what was asked for on stdout, one clear sentence on stderr where it could not be done. Each
//! command is a module with its arguments and its `run`. Nothing is decided here that a report does not say.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

mod analyze;
mod capture;
mod check;
mod diff;
mod doctor;
mod error;
mod examples;
mod expect;
mod explain;
mod explore;
mod facts;
mod generate;
mod graph;
mod inputs;
mod limits;
mod model;
mod output;
mod pager;
mod reading;
mod redact;
mod state;
mod timeline;
mod whatif;
mod why;

pub use error::CliError;
use output::Output;
use pager::Screen;

/// Exit status of a command that could not be done.
const COULD_NOT: u8 = 2;

/// What did the Kubernetes attach/detach controller do, and where did the states part?
///
/// Reads logs, audit logs and object dumps of a cluster, offline, and replays them through a model of the controller
/// and the kubelet.
#[derive(Debug, Parser)]
#[command(name = "adtrace", version, after_help = examples::ALL, max_term_width = 100)]
struct Cli {
    /// Say nothing on stderr but errors
    #[arg(short, long, global = true, display_order = 900)]
    quiet: bool,
    /// Print to the terminal, however long; else `ADTRACE_PAGER`, `PAGER` or less shows what is longer than the screen
    #[arg(long, global = true, display_order = 901)]
    no_pager: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    #[command(after_help = examples::ANALYZE)]
    Analyze(analyze::Analyze),
    #[command(after_help = examples::STATE)]
    State(state::State),
    #[command(after_help = examples::TIMELINE)]
    Timeline(timeline::Timeline),
    #[command(after_help = examples::WHY)]
    Why(why::Why),
    #[command(name = "whatif", after_help = examples::WHATIF)]
    WhatIf(whatif::WhatIf),
    #[command(after_help = examples::GRAPH)]
    Graph(graph::Graph),
    #[command(after_help = examples::CAPTURE)]
    Capture(capture::Capture),
    #[command(after_help = examples::REDACT)]
    Redact(redact::Redact),
    #[command(after_help = examples::EXPECT)]
    Expect(expect::Expect),
    #[command(after_help = examples::CHECK)]
    Check(check::Check),
    #[command(after_help = examples::DIFF)]
    Diff(diff::DiffCommand),
    #[command(after_help = examples::DOCTOR)]
    Doctor(doctor::Doctor),
    #[command(after_help = examples::FACTS)]
    Facts(facts::Facts),
    #[command(after_help = examples::INPUTS)]
    Inputs(inputs::Inputs),
    #[command(after_help = examples::EXPLAIN)]
    Explain(explain::Explain),
    #[command(after_help = examples::MODEL)]
    Model(model::Model),
    #[command(after_help = examples::COMPLETIONS)]
    Completions(generate::Completions),
    #[command(after_help = examples::MAN)]
    Man(generate::Man),
}

impl Command {
    /// Whether the answer is for somebody to read who may want to walk through it.
    fn is_read(&self) -> bool {
        match self {
            Command::Analyze(_)
            | Command::State(_)
            | Command::Timeline(_)
            | Command::Why(_)
            | Command::WhatIf(_)
            | Command::Graph(_)
            | Command::Diff(_)
            | Command::Doctor(_)
            | Command::Facts(_)
            | Command::Inputs(_)
            | Command::Explain(_) => true,
            Command::Capture(_)
            | Command::Redact(_)
            | Command::Expect(_)
            | Command::Check(_)
            | Command::Model(_)
            | Command::Completions(_)
            | Command::Man(_) => false,
        }
    }
}

/// Runs the command that the arguments name, the program's own name first.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(refused) => {
            // A closed stdout or stderr is no reason to complain on it.
            let _ = refused.print();
            return ExitCode::from(if refused.use_stderr() { COULD_NOT } else { 0 });
        }
    };
    let screen = if cli.no_pager || !cli.command.is_read() {
        Screen::plain()
    } else {
        Screen::paged()
    };
    let mut output = Output::new(cli.quiet, screen);
    let done = match &cli.command {
        Command::Analyze(command) => command.run(&mut output),
        Command::State(command) => command.run(&mut output),
        Command::Timeline(command) => command.run(&mut output),
        Command::Why(command) => command.run(&mut output),
        Command::WhatIf(command) => command.run(&mut output),
        Command::Graph(command) => command.run(&mut output),
        Command::Capture(command) => command.run(&mut output),
        Command::Redact(command) => command.run(&mut output),
        Command::Expect(command) => command.run(&mut output),
        Command::Check(command) => command.run(&mut output),
        Command::Diff(command) => command.run(&mut output),
        Command::Doctor(command) => command.run(&mut output),
        Command::Model(command) => command.run(&mut output),
        Command::Facts(command) => command.run(&mut output),
        Command::Inputs(command) => command.run(&mut output),
        Command::Explain(command) => command.run(&mut output),
        Command::Completions(command) => command.run(Cli::command(), &mut output),
        Command::Man(command) => command.run(Cli::command(), &mut output),
    };
    // What was said before something failed is worth reading too.
    let finished = output.finish();
    match done.and_then(|status| finished.map(|()| status)) {
        Ok(status) => ExitCode::from(status),
        Err(CliError::Closed) => ExitCode::SUCCESS,
        Err(error) => {
            output::complain(&error);
            ExitCode::from(COULD_NOT)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_of_the_arguments_holds_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn help_reads_well() {
        insta::assert_snapshot!(Cli::command().render_long_help());
    }
}
