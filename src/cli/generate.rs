//! `adtrace completions` and `adtrace man`: generated from the same definition as the command itself.

use clap::{Args, Command};
use clap_complete::Shell;

use super::error::CliError;
use super::output::Output;

/// Print completions for a shell
#[derive(Debug, Args)]
pub struct Completions {
    /// Which shell
    #[arg(value_name = "SHELL", value_enum)]
    shell: Shell,
}

impl Completions {
    pub fn run(&self, mut command: Command, output: &mut Output) -> Result<u8, CliError> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut command, "adtrace", &mut script);
        output.writer().write_all(&script)?;
        Ok(0)
    }
}

/// Print the manual page, for man -l -
#[derive(Debug, Args)]
pub struct Man {
    /// A command's own page
    #[arg(value_name = "COMMAND")]
    command: Option<String>,
}

impl Man {
    pub fn run(&self, mut command: Command, output: &mut Output) -> Result<u8, CliError> {
        // Building gives each command the name under which its page is known, `adtrace-facts`.
        command.build();
        let asked = self.command.as_deref().and_then(|name| command.find_subcommand(name));
        let mut text = Vec::new();
        clap_mangen::Man::new(asked.unwrap_or(&command).clone()).render(&mut text)?;
        output.writer().write_all(&text)?;
        Ok(0)
    }
}
