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

const EXAMPLES: &str = "\
Examples:
  adtrace analyze bundle.tar.gz                     what happened, and what helps
  adtrace analyze logs/ audit.log --format json     the same for a program
  adtrace state bundle.tar.gz --at 10:00:00         what everybody believed then
  adtrace timeline bundle.tar.gz --volume data-0    every change of it, lane by lane
  adtrace why bundle.tar.gz kubelet.log:258         what that line follows from
  adtrace whatif bundle.tar.gz --at 10:00:00        what an act would have done
  adtrace inputs bundle.tar.gz                      what is in there, and how it was understood
  adtrace facts bundle.tar.gz | jq .kind            what was read, one JSON object a line
  adtrace explain --list                            the known ways in which the states part
  adtrace explain status-update-failure-drops-report

Exit status: 0 clean, 1 diverged, 2 could not be done, 3 insufficient evidence.";

/// What did the Kubernetes attach/detach controller do, and where did the states part?
///
/// Reads logs, audit logs and object dumps of a cluster, offline, and replays them through a model of the controller
/// and the kubelet.
#[derive(Debug, Parser)]
#[command(name = "adtrace", version, after_help = EXAMPLES, max_term_width = 100)]
struct Cli {
    /// Say nothing on stderr but errors
    #[arg(short, long, global = true)]
    quiet: bool,
    /// Print to the terminal, however long; else `ADTRACE_PAGER`, `PAGER` or less shows what is longer than the screen
    #[arg(long, global = true)]
    no_pager: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Analyze(analyze::Analyze),
    State(state::State),
    Timeline(timeline::Timeline),
    Why(why::Why),
    #[command(name = "whatif")]
    WhatIf(whatif::WhatIf),
    Graph(graph::Graph),
    Capture(capture::Capture),
    Redact(redact::Redact),
    Expect(expect::Expect),
    Check(check::Check),
    Diff(diff::DiffCommand),
    Doctor(doctor::Doctor),
    Facts(facts::Facts),
    Inputs(inputs::Inputs),
    Explain(explain::Explain),
    Model(model::Model),
    Completions(generate::Completions),
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
