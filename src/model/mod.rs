//! The attach/detach controller and the kubelet's volume manager as pure state machines.
//!
//! In: a state, an event, a moment, a [`Profile`] (what the modelled release does). Out: the next state and what the
//! party does. No I/O, no logs, no clock of its own: replay, what-if and the exhaustive search fork states freely, and
//! the recordings of the real code (`adtrace model verify`) decide whether a rule here is right.
//!
//! The controller in the order to read it: [`asw`] and [`dsw`] are its two views, [`pending`] its lock, [`operations`]
//! what an attach or detach does from start to end, [`updater`] how nodes are told, [`reconciler`] one pass and its
//! decisions, [`populator`] and [`start`] how the views are filled, [`controller`] the whole and its event handlers.
//! [`outside`] is all that it meets; `elapse` lets time pass for a search, `rename` makes
//! worlds meet that differ in names only.

pub mod asw;
pub mod attacher;
pub mod controller;
pub mod dsw;
mod elapse;
mod ids;
pub mod kubelet;
pub mod operations;
pub mod outside;
pub mod pending;
pub mod populator;
pub mod profile;
pub mod reconciler;
mod rename;
pub mod start;
pub mod updater;
pub mod world;

pub use controller::{Config, Controller};
pub use ids::{Cell, NodeId, PathId, PodId, VolumeId};
pub use outside::{Note, Outside};
pub use profile::{Behaviour, Profile, Version};
pub use rename::Names;
