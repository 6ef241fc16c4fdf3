//! Runs of the model, printed as the recordings print them.
//!
//! In: a cluster of the model and acts on it, from a test or from a scenario in Markdown. Out: a directory with
//! controller, attacher and kubelet logs, an audit log and object dumps, for the analyzer to read like any other
//! bundle. The world that is printed is `model::world`, which the replay uses too: what both get wrong stays hidden
//! here, and the recordings and vectors remain the proof of the model.

pub mod acts;
pub mod dice;
pub mod names;
pub mod objects;
pub mod paper;
pub mod scenario;
pub mod stage;
pub mod watch;
pub mod words;
