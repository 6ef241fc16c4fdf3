//! Where output goes: stdout in one stream with or without colour, stderr for errors and progress.
//!
//! In: what the person wants (`--quiet`, `--color`) and the environment (`NO_COLOR`, `CLICOLOR_FORCE`, `TERM`). Out: a
//! writer, and how to lay out what is written. The progress line lives on stderr, only on a terminal, and only when the
//! work takes longer than a second.

use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::error::CliError;
use super::pager::Screen;
use crate::bundle::Meter;

/// Pause between two looks of the progress line.
const TICK: Duration = Duration::from_millis(100);

/// Forms of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum TextOrJson {
    /// For a person
    Text,
    /// For a program
    Json,
}

/// When to colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Colour {
    /// On a terminal, unless `NO_COLOR` is set; anywhere with `CLICOLOR_FORCE`
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

impl Colour {
    /// Whether to colour what goes to stdout.
    pub fn wanted(self) -> bool {
        self.decide(io::stdout().is_terminal(), |name| std::env::var(name).ok())
    }

    /// The same by wish, terminal and environment.
    fn decide(self, terminal: bool, variable: impl Fn(&str) -> Option<String>) -> bool {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        match self {
            Colour::Always => true,
            Colour::Never => false,
            Colour::Auto if set("NO_COLOR").is_some() => false,
            Colour::Auto if set("CLICOLOR_FORCE").is_some_and(|value| value != "0") => true,
            Colour::Auto => terminal && set("TERM").as_deref() != Some("dumb"),
        }
    }
}

/// Columns of the terminal on stdout, where there is one.
pub fn width() -> Option<usize> {
    terminal_size::terminal_size_of(io::stdout()).map(|(columns, _)| usize::from(columns.0))
}

/// stdout or a pager, buffered, and whether progress may show on stderr.
pub struct Output {
    stdout: BufWriter<Screen>,
    quiet: bool,
}

impl Output {
    /// Output as the person asked for it.
    pub fn new(quiet: bool, screen: Screen) -> Output {
        Output {
            stdout: BufWriter::with_capacity(1 << 16, screen),
            quiet,
        }
    }

    /// Where to write.
    pub fn writer(&mut self) -> &mut dyn Write {
        &mut self.stdout
    }

    /// A value as JSON, for people and programs.
    pub fn json(&mut self, value: &impl serde::Serialize) -> Result<(), CliError> {
        serde_json::to_writer_pretty(&mut self.stdout, value).map_err(io::Error::from)?;
        Ok(writeln!(self.stdout)?)
    }

    /// Writes a file beside the answer on stdout.
    pub fn save(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), CliError> {
        let saved = std::fs::File::create(path).and_then(|file| {
            let mut out = BufWriter::with_capacity(1 << 16, file);
            write(&mut out)?;
            out.flush()
        });
        saved.map_err(|error| CliError::Save {
            path: path.to_owned(),
            error,
        })
    }

    /// A line on stderr that the caller keeps up to date; hidden where nobody looks on.
    pub fn bar(&self) -> ProgressBar {
        if self.quiet || !io::stderr().is_terminal() {
            return ProgressBar::hidden();
        }
        let bar = ProgressBar::new_spinner();
        bar.enable_steady_tick(Duration::from_millis(100));
        bar
    }

    /// One line on stderr for whoever looks on.
    pub fn note(&self, text: &str) {
        if !self.quiet {
            // Where stderr is closed there is nobody to tell.
            let _ = writeln!(io::stderr(), "adtrace: {text}");
        }
    }

    /// Everything out.
    pub fn finish(&mut self) -> Result<(), CliError> {
        Ok(self.stdout.flush()?)
    }

    /// Shows that work goes on until the value is dropped.
    pub fn progress(&self, what: &'static str) -> Progress {
        Progress::start(what, None, self.shows_progress())
    }

    /// Shows how much of the files is read until the value is dropped.
    pub fn progress_of(&self, what: &'static str, paths: &[PathBuf], meter: &Meter) -> Progress {
        Progress::start(what, Some((paths.to_vec(), meter.clone())), self.shows_progress())
    }

    fn shows_progress(&self) -> bool {
        !self.quiet && io::stderr().is_terminal()
    }
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
    fn start(what: &'static str, measured: Option<(Vec<PathBuf>, Meter)>, shown: bool) -> Progress {
        let begin = || {
            let (stop, stopped) = channel::<()>();
            // The name is for scripts/progress-cost, which looks at what the thread takes.
            let named = std::thread::Builder::new().name("progress".to_owned());
            let thread = named.spawn(move || {
                if stopped.recv_timeout(Duration::from_secs(1)) != Err(RecvTimeoutError::Timeout) {
                    return;
                }
                // Only work that takes long is worth the look at the sizes of its files.
                let measured = measured.map(|(paths, meter)| (paths.iter().map(|path| bytes_in(path)).sum(), meter));
                let bar = bar(what, measured.as_ref().map(|(total, _)| *total));
                while stopped.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
                    if let Some((total, meter)) = &measured {
                        bar.set_position(meter.bytes().min(*total));
                    }
                    bar.tick();
                }
                bar.finish_and_clear();
            });
            // Without a thread there is no line; the work goes on.
            Some((stop, thread.ok()?))
        };
        let running = if shown { begin() } else { None };
        Progress { running }
    }
}

/// A bar where the whole is known, else a spinner.
fn bar(what: &'static str, total: Option<u64>) -> ProgressBar {
    let (bar, template) = match total {
        Some(total @ 1..) => (
            ProgressBar::new(total),
            "{spinner} {msg} {bar:24} {bytes} of {total_bytes}, {elapsed}, {eta} left",
        ),
        _ => (ProgressBar::new_spinner(), "{spinner} {msg} {elapsed}"),
    };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.with_message(what)
}

/// Bytes of the files below a path, links not followed; what cannot be looked at counts nothing.
fn bytes_in(path: &Path) -> u64 {
    match std::fs::symlink_metadata(path) {
        Ok(meta) if meta.is_dir() => {
            let items = std::fs::read_dir(path).into_iter().flatten().flatten();
            items.map(|item| bytes_in(&item.path())).sum()
        }
        Ok(meta) if meta.is_file() => meta.len(),
        _ => 0,
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
        let decide = |colour: Colour, terminal, set: &[(&str, &str)]| {
            colour.decide(terminal, |name| {
                let found = set.iter().find(|(variable, _)| *variable == name);
                found.map(|(_, value)| (*value).to_owned())
            })
        };
        assert!(decide(Colour::Auto, true, &[]));
        assert!(!decide(Colour::Auto, false, &[]));
        assert!(!decide(
            Colour::Auto,
            true,
            &[("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1")]
        ));
        assert!(decide(Colour::Auto, true, &[("NO_COLOR", "")]));
        assert!(decide(Colour::Auto, false, &[("CLICOLOR_FORCE", "1")]));
        assert!(!decide(Colour::Auto, false, &[("CLICOLOR_FORCE", "0")]));
        assert!(!decide(Colour::Auto, true, &[("TERM", "dumb")]));
        assert!(decide(Colour::Always, false, &[("NO_COLOR", "1")]));
        assert!(!decide(Colour::Never, true, &[("CLICOLOR_FORCE", "1")]));
    }
}
