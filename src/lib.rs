//! adtrace: what did the attach/detach controller do, and where did the states part?
//!
//! Read the modules in the order of the data: `bundle` opens what people hand in, `record` takes wrappers off, `fact`
//! turns lines into typed statements, `clock` puts them on one time axis, `graph` says who caused what, `replay` lets
//! the `model` explain every fact, `diagnose` asks where the states parted, `report` says it, `ask` answers
//! single questions, `whatif` tries what an act would do, `cli` is the command.

pub mod ask;
pub mod bundle;
pub mod cli;
pub mod clock;
pub mod diagnose;
pub mod doctor;
pub mod explore;
pub mod fact;
pub mod graph;
pub mod model;
pub mod pipeline;
pub mod record;
pub mod replay;
pub mod report;
pub mod time;
pub mod trace;
pub mod verify;
pub mod whatif;

pub use pipeline::{Case, Options, analyze};
