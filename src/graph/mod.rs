//! Facts to a causal graph: who is who, and who caused what.
//!
//! In: facts on one time axis. Out: [`cast::Cast`], which joins their names, and a DAG whose edges carry the rule that
//! made them. Knows nothing of right and wrong.

pub mod cast;
pub mod causes;
pub mod names;
pub mod rules;

pub use causes::{Causes, Event};
pub use rules::Rule;
