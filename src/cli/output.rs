//! Where output goes: stdout in one stream with or without colour, stderr for errors and progress.
//!
//! In: what the person asked for (`--color`, `--quiet`) and the environment (`NO_COLOR`, `CLICOLOR_FORCE`, `TERM`).
//! Out: a writer. The progress line lives on stderr, only on a terminal, and only when the work takes longer than a
//! second.

use std::io::{self, BufWriter, IsTerminal, StdoutLock, Write};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use clap::ValueEnum;
use indicatif::{ProgressBar, ProgressStyle};

use super::error::CliError;
use crate::report::terminal::Terminal;

/// When to colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Colour {
    /// On a terminal, unless `NO_COLOR` says otherwise; anywhere with `CLICOLOR_FORCE`
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// stdout, buffered, and what the person wants of it.
pub struct Output {
    stdout: BufWriter<StdoutLock<'static>>,
    colour: bool,
    quiet: bool,
}

impl Output {
    /// Output as the person asked for it.
    pub fn new(colour: Colour, quiet: bool) -> Output {
        let stdout = io::stdout();
        let colour = wanted(colour, stdout.is_terminal(), |name| std::env::var(name).ok());
        Output {
            stdout: BufWriter::with_capacity(1 << 16, stdout.lock()),
            colour,
            quiet,
        }
    }

    /// The terminal face for this output.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "the first command that prints a report uses it")
    )]
    pub fn terminal(&self) -> Terminal {
        // A report piped into a file or a pager is laid out for 100 columns.
        let width = console_width().unwrap_or(100);
        Terminal {
            colour: self.colour,
            width,
            ..Terminal::default()
        }
    }

    /// Where to write.
    pub fn writer(&mut self) -> &mut dyn Write {
        &mut self.stdout
    }

    /// Everything out.
    pub fn finish(&mut self) -> Result<(), CliError> {
        Ok(self.stdout.flush()?)
    }

    /// Shows that work goes on until the value is dropped.
    pub fn progress(&self, what: &'static str) -> Progress {
        Progress::start(what, !self.quiet && io::stderr().is_terminal())
    }
}

/// Whether to colour, by the person's wish, the terminal and the environment.
fn wanted(colour: Colour, terminal: bool, variable: impl Fn(&str) -> Option<String>) -> bool {
    let is_set = |name: &str| variable(name).is_some_and(|value| !value.is_empty());
    let forced = variable("CLICOLOR_FORCE").is_some_and(|value| !value.is_empty() && value != "0");
    match colour {
        Colour::Always => true,
        Colour::Never => false,
        Colour::Auto if is_set("NO_COLOR") => false,
        Colour::Auto if forced => true,
        Colour::Auto => terminal && variable("TERM").as_deref() != Some("dumb"),
    }
}

/// Columns of the terminal on stdout, where there is one.
fn console_width() -> Option<usize> {
    let size = terminal_size::terminal_size_of(io::stdout())?;
    Some(usize::from(size.0.0))
}

/// The one sentence on stderr that says why it could not be done.
pub fn complain(error: &CliError) {
    // Where stderr is closed there is nobody to tell.
    let _ = writeln!(io::stderr(), "adtrace: {error}");
}

/// A line on stderr while work goes on, from the second second on.
pub struct Progress {
    running: Option<(Sender<()>, JoinHandle<()>)>,
}

impl Progress {
    fn start(what: &'static str, shown: bool) -> Progress {
        let running = shown.then(|| {
            let (stop, stopped) = channel::<()>();
            let thread = std::thread::spawn(move || {
                if stopped.recv_timeout(Duration::from_secs(1)) == Err(RecvTimeoutError::Timeout) {
                    let bar = ProgressBar::new_spinner().with_message(what);
                    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {elapsed}") {
                        bar.set_style(style);
                    }
                    bar.enable_steady_tick(Duration::from_millis(100));
                    // Ends with the sender.
                    let _ = stopped.recv();
                    bar.finish_and_clear();
                }
            });
            (stop, thread)
        });
        Progress { running }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some((stop, thread)) = self.running.take() {
            drop(stop);
            // A progress line that failed takes nothing with it.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colour_follows_wish_then_environment_then_terminal() {
        let env = |pairs: &'static [(&'static str, &'static str)]| {
            move |name: &str| {
                pairs
                    .iter()
                    .find(|(n, _)| *n == name)
                    .map(|(_, value)| (*value).to_owned())
            }
        };
        assert!(wanted(Colour::Auto, true, env(&[])));
        assert!(!wanted(Colour::Auto, false, env(&[])));
        assert!(!wanted(
            Colour::Auto,
            true,
            env(&[("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1")])
        ));
        assert!(wanted(Colour::Auto, true, env(&[("NO_COLOR", "")])));
        assert!(wanted(Colour::Auto, false, env(&[("CLICOLOR_FORCE", "1")])));
        assert!(!wanted(Colour::Auto, false, env(&[("CLICOLOR_FORCE", "0")])));
        assert!(!wanted(Colour::Auto, true, env(&[("TERM", "dumb")])));
        assert!(wanted(Colour::Always, false, env(&[("NO_COLOR", "1")])));
        assert!(!wanted(Colour::Never, true, env(&[("CLICOLOR_FORCE", "1")])));
    }
}
