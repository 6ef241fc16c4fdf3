//! Captured traces: parts of a reading, as files that read like the bundle they came from.
//!
//! In: a [`crate::fact::Reading`] and what part of it is wanted. Out: that part. Its text form stands beside the facts
//! (`fact::trace`), since whoever reads a bundle reads traces too.

mod cut;

pub use cut::{Cut, narrow};
