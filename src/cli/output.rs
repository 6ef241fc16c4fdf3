//! Where output goes: stdout in one stream, stderr for errors and progress.
//!
//! In: whether the person wants quiet. Out: a writer. The progress line lives on stderr, only on a terminal, and only when the work takes longer than a
//! second.

use std::io::{self, BufWriter, IsTerminal, StdoutLock, Write};
use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::error::CliError;

/// Forms of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum TextOrJson {
    /// For a person
    Text,
    /// For a program
    Json,
}

/// stdout, buffered, and whether progress may show on stderr.
pub struct Output {
    stdout: BufWriter<StdoutLock<'static>>,
    quiet: bool,
}

impl Output {
    /// Output as the person asked for it.
    pub fn new(quiet: bool) -> Output {
        Output {
            stdout: BufWriter::with_capacity(1 << 16, io::stdout().lock()),
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
    pub fn save(&self, path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), CliError> {
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

    /// Everything out.
    pub fn finish(&mut self) -> Result<(), CliError> {
        Ok(self.stdout.flush()?)
    }

    /// Shows that work goes on until the value is dropped.
    pub fn progress(&self, what: &'static str) -> Progress {
        Progress::start(what, !self.quiet && io::stderr().is_terminal())
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
