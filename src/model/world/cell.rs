//! What the parties think of one (volume, node) pair at a moment, side by side.
//!
//! In: a [`World`]. Out: [`CellState`], the row of states that reports show and that divergences are found in. `None`
//! stands for what nothing tells.

use super::World;
use super::board::Pair;
use super::node::Stage;

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
    /// The controller's desired state of world holds the pair.
    pub desired: bool,
    /// A pod that a person would count wants it here (bound, not ended), whether the controller counts it or not.
    pub wished: bool,
    /// Actual state of world; `None` while no controller is known.
    pub controller: Option<Held>,
    /// It stands in the controller's list to report.
    pub to_report: Option<bool>,
    /// It stands in `volumesAttached`; `None` while there is no Node object.
    pub reported: Option<bool>,
    /// The `VolumeAttachment`.
    pub attachment: Va,
    /// It stands in `volumesInUse`; `None` while there is no Node object.
    pub in_use: Option<bool>,
    /// The kubelet has it mounted or staged.
    pub mounted: bool,
    /// Its driver attaches volumes (`CSIDriver.spec.attachRequired` is not false).
    pub attaches: bool,
}

impl World {
    /// The row of states of a pair.
    #[must_use]
    pub fn cell(&self, pair: Pair) -> CellState {
        let node = self.board.nodes.get(&pair.1);
        let attachment =
            self.board
                .attachments
                .get(&pair)
                .map_or(Va::None, |object| match (object.deleting, object.attached) {
                    (true, _) => Va::Detaching,
                    (false, true) => Va::Attached,
                    (false, false) => Va::Requested,
                });
        let controller = self.process.as_ref().map(|_| match self.held(pair) {
            None => Held::Detached,
            Some(false) => Held::Uncertain,
            Some(true) => Held::Attached,
        });
        let stage = self
            .machines
            .get(&pair.1)
            .and_then(|machine| machine.volumes.get(&pair.0))
            .map(|held| held.stage);
        CellState {
            desired: self.desires(pair),
            wished: self.board.wanted(pair),
            controller,
            to_report: self.process.as_ref().map(|_| self.on_report(pair)),
            reported: node.map(|object| object.attached.contains(&pair.0)),
            attachment,
            in_use: node.map(|object| object.in_use.contains(&pair.0)),
            mounted: stage == Some(Stage::Mounted),
            attaches: !self.board.unattachable.contains(&pair.0),
        }
    }
}

impl CellState {
    /// Whether all parties agree: wanted, held, reported and attached, or none of these. Where the driver attaches nothing
    /// it is none of these for a pod that runs too; what was attached before stays as long as it is in use.
    #[must_use]
    pub fn agrees(&self) -> bool {
        let held = self.controller == Some(Held::Attached);
        let reported = self.reported.unwrap_or(false);
        let attached = self.attachment == Va::Attached;
        if self.wished && self.attaches {
            return self.desired && held && reported && attached && self.to_report != Some(false);
        }
        let nowhere =
            !reported && self.attachment == Va::None && matches!(self.controller, None | Some(Held::Detached));
        !self.desired && (nowhere || !self.attaches && self.in_use == Some(true))
    }
}
