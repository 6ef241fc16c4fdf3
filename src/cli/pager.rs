//! The pager: an answer longer than the screen can be walked through.
//!
//! In: text as it is written, the wish (`--no-pager`) and the environment (`ADTRACE_PAGER`, `PAGER`, `TERM`). Out: the
//! text on stdout, or on the pager's input as soon as it is longer than the screen. Only a terminal gets a pager; where
//! the pager cannot be started, the text is printed. Whoever leaves the pager early has read enough: no error.

use std::io::{self, IsTerminal, Write};
use std::process::{Child, ChildStdin, Command, Stdio};

/// The pager where nobody names another.
const USUAL: &str = "less";
/// What `less` is told where the person says nothing: leave at once what fits (F), show colours (R), leave the text on
/// the screen (X), end with this program where that is interrupted (K).
const LESS: &str = "FRXK";

/// The pager to use, as words; `None` where the text is just printed.
fn chosen(terminal: bool, variable: impl Fn(&str) -> Option<String>) -> Option<Vec<String>> {
    if !terminal || variable("TERM").as_deref() == Some("dumb") {
        return None;
    }
    let named = variable("ADTRACE_PAGER").or_else(|| variable("PAGER"));
    let named = named.unwrap_or_else(|| USUAL.to_owned());
    let words: Vec<String> = named.split_whitespace().map(str::to_owned).collect();
    match words.first().map(String::as_str) {
        None | Some("cat") => None,
        Some(_) => Some(words),
    }
}

/// Where an answer goes.
pub enum Screen {
    /// To stdout.
    Plain(io::StdoutLock<'static>),
    /// Not yet known: it may fit the screen.
    Waiting {
        /// What was written so far.
        text: Vec<u8>,
        /// Lines that still fit.
        lines: usize,
        /// Program and arguments of the pager.
        pager: Vec<String>,
    },
    /// To a pager that runs; `None` where the person has left it.
    Paged(Child, Option<ChildStdin>),
}

impl Screen {
    /// stdout as it is.
    pub fn plain() -> Screen {
        Screen::Plain(io::stdout().lock())
    }

    /// A pager as soon as one is needed, where there is somebody to use it.
    pub fn paged() -> Screen {
        let lines = terminal_size::terminal_size_of(io::stdout()).map(|(_, lines)| usize::from(lines.0));
        let pager = chosen(io::stdout().is_terminal(), |name| std::env::var(name).ok());
        match (pager, lines) {
            (Some(pager), Some(lines @ 1..)) => Screen::Waiting {
                text: Vec::new(),
                // The shell's next prompt needs a line too.
                lines: lines - 1,
                pager,
            },
            _ => Screen::plain(),
        }
    }

    /// Ends the waiting: what was written goes to the pager, or to stdout.
    fn settle(&mut self, paged: bool) -> io::Result<()> {
        if let Screen::Waiting { text, pager, .. } = self {
            let text = std::mem::take(text);
            let started = if paged { start(pager) } else { None };
            *self = started.unwrap_or_else(Screen::plain);
            self.write_all(&text)?;
        }
        Ok(())
    }
}

/// Starts the pager; `None` where that cannot be done.
fn start(pager: &[String]) -> Option<Screen> {
    let (program, arguments) = pager.split_first()?;
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped());
    if std::env::var_os("LESS").is_none() {
        command.env("LESS", LESS);
    }
    let mut child = command.spawn().ok()?;
    let input = child.stdin.take();
    Some(Screen::Paged(child, input))
}

impl Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Screen::Plain(stdout) => stdout.write(bytes),
            Screen::Waiting { text, lines, .. } => {
                text.extend_from_slice(bytes);
                match lines.checked_sub(memchr::memchr_iter(b'\n', bytes).count()) {
                    Some(left) => *lines = left,
                    None => self.settle(true)?,
                }
                Ok(bytes.len())
            }
            Screen::Paged(_, input) => {
                let Some(pipe) = input else { return Ok(bytes.len()) };
                match pipe.write(bytes) {
                    Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                        *input = None;
                        Ok(bytes.len())
                    }
                    written => written,
                }
            }
        }
    }

    /// Everything out; a pager is waited for.
    fn flush(&mut self) -> io::Result<()> {
        self.settle(false)?;
        match self {
            Screen::Plain(stdout) => stdout.flush(),
            Screen::Waiting { .. } => Ok(()),
            Screen::Paged(child, input) => {
                *input = None;
                child.wait().map(drop)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::chosen;

    fn pager(terminal: bool, set: &[(&str, &str)]) -> Option<String> {
        let words = chosen(terminal, |name| {
            let found = set.iter().find(|(variable, _)| *variable == name);
            found.map(|(_, value)| (*value).to_owned())
        });
        words.map(|words| words.join(" "))
    }

    #[test]
    fn the_pager_follows_terminal_then_environment() {
        assert_eq!(pager(true, &[]).as_deref(), Some("less"));
        assert_eq!(pager(false, &[("PAGER", "more")]), None);
        assert_eq!(pager(true, &[("TERM", "dumb")]), None);
        assert_eq!(pager(true, &[("PAGER", "most -s")]).as_deref(), Some("most -s"));
        let both = [("PAGER", "more"), ("ADTRACE_PAGER", "less -S")];
        assert_eq!(pager(true, &both).as_deref(), Some("less -S"));
        assert_eq!(pager(true, &[("PAGER", "more"), ("ADTRACE_PAGER", "")]), None);
        assert_eq!(pager(true, &[("PAGER", "cat")]), None);
    }
}
