//! The controller's start: what a new process believes before its first pass.
//!
//! In: the informers' nodes, `VolumeAttachments` and pods. Out: the two views. Lost with the old process: how long
//! detaches have waited, back-offs, which multi-attach events were sent, what was under way, and which attachments were
//! uncertain (what a node reports counts as attached).

use super::Cell;
use super::asw::Attachment;
use super::controller::{Controller, NodeView, PodView};
use super::outside::Outside;
use super::profile::Behaviour;

impl Controller {
    /// Fills the views of a new process. Informer events may come before, after, or in between: they are calls of their
    /// own. `attachments` are all `VolumeAttachments` of PVs, whatever their status, by volume and node.
    pub fn start_from(&mut self, nodes: &[NodeView], attachments: &[Cell], pods: &[PodView], outside: &dyn Outside) {
        for node in nodes {
            self.take_node(node);
        }
        if self.profile.has(Behaviour::VaWalkAtStart) {
            for &cell in attachments {
                self.take_attachment(cell, outside);
            }
        }
        for pod in pods {
            self.pod_updated(*pod, outside);
            self.learn_specs(pod, nodes, outside);
        }
    }

    /// What the node's status lists is attached, its spec unknown.
    fn take_node(&mut self, node: &NodeView) {
        for &(volume, path) in &node.attached {
            self.actual.mark_attached(Cell::new(volume, node.node), false, path);
        }
        // Before 1.31 a node without attached volumes is left to its add event.
        if self.profile.has(Behaviour::InUseSetPerNode) || !node.attached.is_empty() {
            self.actual.set_in_use(node.node, &node.in_use);
            self.manage(node);
        }
    }

    /// A `VolumeAttachment` that no node reports leaves the pair uncertain (kubernetes#96617), even on nodes that this
    /// controller does not manage.
    fn take_attachment(&mut self, cell: Cell, outside: &dyn Outside) {
        let traits = outside.traits_of(cell.volume);
        let attachable = traits.attachable || self.profile.has(Behaviour::VaWalkTakesNonAttachable);
        if traits.resolvable && attachable && self.actual.state(cell).is_none() {
            self.actual.mark_uncertain(cell, true);
        }
    }

    /// A pod tells the spec of its volumes that are attached to its own node; those of other nodes stay unknown
    /// (kubernetes#108221).
    fn learn_specs(&mut self, pod: &PodView, nodes: &[NodeView], outside: &dyn Outside) {
        let Some(node) = pod.node else { return };
        for &volume in pod.volumes {
            let cell = Cell { volume, node };
            let traits = outside.traits_of(volume);
            let attached = self.actual.state(cell) == Some(Attachment::Attached);
            if !traits.resolvable || !traits.attachable || !attached {
                continue;
            }
            let listed = nodes
                .iter()
                .find(|view| view.node == node)
                .map_or(&[][..], |view| &view.attached);
            if let Some(&(_, path)) = listed.iter().find(|(of, _)| *of == volume) {
                self.actual.mark_attached(cell, true, path);
            }
        }
    }
}
