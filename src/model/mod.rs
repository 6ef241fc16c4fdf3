//! The attach/detach controller and the kubelet's volume manager as pure state machines.
//!
//! In: a state, an event, a moment, a [`Profile`] (what the modelled release does). Out: the next state and what the
//! party does. No I/O, no logs, no clock of its own: replay, what-if and the exhaustive search fork states freely, and
//! the recordings of the real code (`adtrace model verify`) decide whether a rule here is right.

pub mod attacher;
mod ids;
pub mod kubelet;
pub mod pending;
pub mod profile;

pub use ids::{NodeId, PodId, VolumeId};
pub use profile::{Behaviour, Profile, Version};
