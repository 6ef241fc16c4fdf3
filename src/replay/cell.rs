//! What the parties think of one (volume, node) pair at a moment, side by side.
//!
//! In: a [`crate::model::world::World`]. Out: [`CellState`], the row of states that reports show and divergences are
//! found in. `None` stands for what nothing tells.

use crate::graph::cast::{Node, Volume};

/// A (volume, node) pair.
pub type Cell = (Volume, Node);

/// The controller's actual state of world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Held {
    /// Not there.
    Detached,
    /// There, not confirmed.
    Uncertain,
    /// Confirmed.
    Attached,
}

/// The `VolumeAttachment`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Va {
    /// No object.
    None,
    /// Object without `status.attached`.
    Requested,
    /// `status.attached`.
    Attached,
    /// `deletionTimestamp` is set.
    Detaching,
}

/// One row of states.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CellState {
    /// A pod that the controller counts wants the volume here.
    pub desired: bool,
    /// A pod that a person would count wants it here (bound, not deleting), whether the controller counts it or not.
    pub wished: bool,
    /// Actual state of world; `None` while no controller is known.
    pub controller: Option<Held>,
    /// It stands in the controller's list to report.
    pub to_report: Option<bool>,
    /// It stands in `volumesAttached`.
    pub reported: Option<bool>,
    /// The `VolumeAttachment`.
    pub attachment: Option<Va>,
    /// It stands in `volumesInUse`.
    pub in_use: Option<bool>,
    /// The kubelet has it mounted (or staged).
    pub mounted: Option<bool>,
}
