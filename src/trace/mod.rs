//! Captured traces: parts of a reading, as files that read like the bundle they came from.
//!
//! In: a [`crate::fact::Reading`] and what part of it is wanted. Out: that part, what a report on it is expected to say,
//! and how reports meet expectations. Its text form stands beside the facts (`fact::trace`), since whoever reads a
//! bundle reads traces too.

pub mod check;
mod cut;
pub mod diff;
pub mod expect;
pub mod redact;
mod shrink;

pub use cut::{Cut, narrow};
pub use shrink::shrink;
