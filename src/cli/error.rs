//! Why a command could not be done: facts in the variants, one sentence that says what to do in [`fmt::Display`].

use std::fmt;
use std::io;
use std::path::PathBuf;

use crate::ask::why::NoSuchPlace;
use crate::fact::FactError;
use crate::graph::names::NameError;
use crate::report::text::{and, clean};
use crate::trace::check::FindError;
use crate::trace::redact::bundle::RedactError;

/// A command that could not be done.
#[derive(Debug)]
pub enum CliError {
    /// Input that could not be read.
    Read(FactError),
    /// The paths hold no file at all.
    Empty {
        /// The paths as given.
        paths: Vec<PathBuf>,
    },
    /// Nothing in the paths was recognised.
    NothingRecognised {
        /// The paths as given.
        paths: Vec<PathBuf>,
        /// How many files were looked at.
        files: usize,
    },
    /// Recordings of several clusters, and a question that is about one.
    Clusters {
        /// What they are called.
        names: Vec<String>,
        /// Why they are not one.
        because: String,
    },
    /// No cluster is called so.
    NoSuchCluster {
        /// The name as given.
        name: String,
        /// What they are called; an only one has no name.
        names: Vec<String>,
    },
    /// No mechanism has this name.
    NoSuchMechanism {
        /// The name as given.
        name: String,
        /// Names like it.
        similar: Vec<&'static str>,
    },
    /// A volume or node that is not there, or not the only one.
    Name(NameError),
    /// A line that cannot be asked about.
    Place(NoSuchPlace),
    /// A moment that cannot be read.
    NoSuchTime {
        /// As given.
        given: String,
    },
    /// An act that is not known.
    Act {
        /// Why it is none.
        why: String,
    },
    /// No volume and node to try acts on.
    NothingToTry,
    /// Vectors that could not be compared.
    Verify(crate::verify::Error),
    /// An expectation would be written over.
    ExpectationThere {
        /// Where it stands.
        path: PathBuf,
    },
    /// A bundle could not be redacted.
    Redact(RedactError),
    /// Traces cannot be looked for there.
    Find(FindError),
    /// No trace in the paths.
    NoTraces {
        /// The paths as given.
        paths: Vec<PathBuf>,
    },
    /// A file could not be opened.
    Open {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A file could not be written.
    Save {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The output could not be written.
    Write(io::Error),
    /// Whoever read the output closed it; no error.
    Closed,
}

impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CliError::Verify(error) => f.write_str(&clean(&error.to_string())),
            CliError::Name(error) => write!(f, "{}.", clean(&error.to_string())),
            CliError::Place(error) => write!(f, "{}.", clean(&error.to_string())),
            CliError::NoSuchTime { given } => write!(
                f,
                "{} is no moment; give 2026-11-23T10:00:00Z, or 10:00:00.250 for that time of the recording's first day.",
                clean(given)
            ),
            CliError::Act { why } => write!(f, "{}.", clean(why)),
            CliError::NothingToTry => f.write_str(
                "no divergence to try acts on was found; give --volume and --node, or a --divergence of the report.",
            ),
            CliError::Read(error) => f.write_str(&clean(&error.to_string())),
            CliError::Empty { paths } => write!(
                f,
                "{} holds no file; give the directory or archive that the logs were collected into.",
                names(paths)
            ),
            CliError::NothingRecognised { paths, files } => write!(
                f,
                "nothing recognised in {} ({files} looked at); give logs of kube-controller-manager, kubelet or \
                 external-attacher, an audit log, or objects as JSON or YAML (adtrace inputs shows what was seen).",
                names(paths)
            ),
            CliError::Clusters { names, because } => write!(
                f,
                "these are recordings of {} clusters: {} ({}); choose one with --cluster, or give only its files.",
                names.len(),
                clean(&and(names)),
                clean(because)
            ),
            CliError::NoSuchCluster { name, names } => match names.as_slice() {
                [] | [_] => write!(
                    f,
                    "no cluster {} is there: nothing tells that these are recordings of several; leave --cluster out.",
                    clean(name)
                ),
                _ => write!(
                    f,
                    "no cluster is called {}; there are {}.",
                    clean(name),
                    clean(&and(names))
                ),
            },
            CliError::NoSuchMechanism { name, similar } if similar.is_empty() => {
                write!(
                    f,
                    "no mechanism is called {}; adtrace explain --list names them all.",
                    clean(name)
                )
            }
            CliError::NoSuchMechanism { name, similar } => {
                write!(
                    f,
                    "no mechanism is called {}; did you mean {}?",
                    clean(name),
                    similar.join(" or ")
                )
            }
            CliError::ExpectationThere { path } => write!(
                f,
                "{} is there already; give --force to write over it, or let adtrace check --update change it.",
                clean(&path.display().to_string())
            ),
            CliError::Redact(error) => write!(f, "{}.", clean(&error.to_string())),
            CliError::Find(error) => write!(f, "{}.", clean(&error.to_string())),
            CliError::NoTraces { paths } => write!(
                f,
                "no *.adtrace or *.adtrace.zst lies in {}; adtrace capture makes a trace of a bundle.",
                names(paths)
            ),
            CliError::Open { path, error } => {
                write!(
                    f,
                    "{} could not be opened: {error}.",
                    clean(&path.display().to_string())
                )
            }
            CliError::Save { path, error } => {
                write!(
                    f,
                    "{} could not be written: {error}.",
                    clean(&path.display().to_string())
                )
            }
            CliError::Write(error) => write!(f, "the output could not be written: {error}."),
            CliError::Closed => f.write_str("the output was closed."),
        }
    }
}

/// The paths in words, neutralised.
fn names(paths: &[PathBuf]) -> String {
    let names: Vec<String> = paths
        .iter()
        .map(|p| clean(&p.display().to_string()).into_owned())
        .collect();
    and(&names)
}

impl std::error::Error for CliError {}

impl From<io::Error> for CliError {
    fn from(error: io::Error) -> CliError {
        if error.kind() == io::ErrorKind::BrokenPipe {
            CliError::Closed
        } else {
            CliError::Write(error)
        }
    }
}

impl From<FactError> for CliError {
    fn from(error: FactError) -> CliError {
        CliError::Read(error)
    }
}

impl From<NameError> for CliError {
    fn from(error: NameError) -> CliError {
        CliError::Name(error)
    }
}

impl From<NoSuchPlace> for CliError {
    fn from(error: NoSuchPlace) -> CliError {
        CliError::Place(error)
    }
}

impl From<RedactError> for CliError {
    fn from(error: RedactError) -> CliError {
        CliError::Redact(error)
    }
}

impl From<FindError> for CliError {
    fn from(error: FindError) -> CliError {
        CliError::Find(error)
    }
}

impl From<crate::verify::Error> for CliError {
    fn from(error: crate::verify::Error) -> CliError {
        CliError::Verify(error)
    }
}
