//! Questions that people ask of a case: why did this line come about, what did everybody believe at that moment.
//!
//! In: a [`crate::Case`] and what is asked. Out: answers as plain values that serialise, each with its text for a
//! terminal beside it. Nothing is decided here that replay and graph do not know.

pub mod causes;
pub mod dot;
pub mod mermaid;
pub mod state;
pub mod timeline;
pub mod why;

pub use causes::CauseGraph;
pub use state::StateAnswer;
pub use why::WhyAnswer;
