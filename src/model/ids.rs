//! Names as numbers: the model knows volumes, nodes and pods by dense ids only.
//!
//! In: nothing. Out: [`VolumeId`], [`NodeId`], [`PodId`], [`PathId`], and the [`Cell`] of a volume and a node. Whoever drives the model keeps the names and numbers them from
//! zero; states then clone as plain arrays of numbers, and two states compare without touching text. The controller
//! walks its maps in random order; the model walks them by id, so a caller that numbers names in their own order gets
//! walks in the order of names.

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u32);

        impl $name {
            /// The id as an index of the caller's table.
            #[must_use]
            pub const fn index(self) -> usize {
                self.0 as usize
            }
        }
    };
}

id!(
    /// A volume, as one unique volume name (`kubernetes.io/csi/<driver>^<handle>`).
    VolumeId
);
id!(
    /// A node.
    NodeId
);
id!(
    /// A pod, as one UID: a pod that is deleted and created again under the same name is another pod.
    PodId
);
id!(
    /// A device path; [`PathId::NONE`] is the empty one, which all CSI volumes have.
    PathId
);

impl PathId {
    /// No path.
    pub const NONE: PathId = PathId(0);
}

/// One (volume, node) pair: what attaching and detaching is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cell {
    /// The volume.
    pub volume: VolumeId,
    /// The node.
    pub node: NodeId,
}

impl Cell {
    /// The cell of a volume and a node.
    #[must_use]
    pub const fn new(volume: VolumeId, node: NodeId) -> Cell {
        Cell { volume, node }
    }
}
