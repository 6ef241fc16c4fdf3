//! The exhaustive search: which disagreements can a release reach in a small world, and by the shortest course?
//!
//! In: a [`Setup`]: a profile, the size of the world, the faults that may come. Out: counterexamples to the safety rules
//! and to convergence, each as a story. It is how a maintainer of a fork learns what a change does before a cluster
//! shows it. Read [`world`] (a state), [`step`] (what can happen; `operate` and `pass` are the controller's), [`rules`] (what must hold), [`ahead`] (do the states
//! agree again?), [`search`] (breadth first; `eager` leaves out orders, `store` numbers worlds, `shorten` leaves out steps), [`story`] (a course in words).

pub mod ahead;
pub mod around;
mod eager;
mod operate;
mod pass;
pub mod rules;
pub mod search;
pub mod setup;
mod shorten;
pub mod step;
mod store;
pub mod story;
mod text;
mod words;
pub mod world;

pub use rules::Rule;
pub use search::{Explored, Finding, explore};
pub use setup::{Fault, Faults, Setup};
pub use story::Story;
pub use text::print;
