//! Why a bundle could not be read: facts in the variants, one clear sentence in [`std::fmt::Display`].

use std::fmt;
use std::io;
use std::path::PathBuf;

/// A walk that could not go on.
#[derive(Debug)]
pub enum BundleError {
    /// A path that was given could not be opened.
    Open {
        /// The path.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The visitor could not go on with an entry.
    Read {
        /// The entry, as shown.
        path: String,
        /// What went wrong.
        source: io::Error,
    },
}

impl fmt::Display for BundleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BundleError::Open { path, source } => write!(f, "{} could not be opened: {source}.", path.display()),
            BundleError::Read { path, source } => write!(f, "{path} could not be read: {source}."),
        }
    }
}

impl std::error::Error for BundleError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            BundleError::Open { source, .. } | BundleError::Read { source, .. } => Some(source),
        }
    }
}
