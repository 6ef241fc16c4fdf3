//! Other stories that fit a broken rule where the evidence has gaps.
//!
//! In: the rule that stays broken and the name that was given. Out: the other names that the same broken rule can have,
//! each with what speaks against it: that nothing recorded shows its operation. Only findings with a gap in their history
//! have rivals; where all was recorded the operation decides.

use super::outlook::Broken;
use crate::report::Alternative;

/// Names that a broken rule can have, with the operation of each.
const fn stories(rule: Broken) -> &'static [(&'static str, &'static str)] {
    match rule {
        Broken::Unreported => &[
            ("detach-backoff-drops-report-as-attached", "no failed detach before it"),
            (
                "status-update-failure-drops-report",
                "no failed patch of this node's status",
            ),
            (
                "pending-op-drops-report-as-attached",
                "no other operation on the volume that was under way",
            ),
        ],
        Broken::ReportLost => &[
            (
                "node-status-updater-aborts-on-first-error",
                "no failed patch of another node's status",
            ),
            ("stale-node-cache-empty-patch", "no empty patch of this node's status"),
            (
                "in-use-list-overwritten-by-third-party",
                "no write to this node's status by anybody else",
            ),
        ],
        Broken::AttachmentGone => &[
            (
                "va-stripped-or-deleted-by-hand",
                "no deletion of the VolumeAttachment by a person",
            ),
            ("failed-detach-still-trusted-as-attached", "no failed detach"),
            (
                "nil-spec-after-restart-freezes-cell",
                "no restart of the controller after which it lacked the spec",
            ),
        ],
        Broken::AttachmentForgotten => &[
            (
                "kcm-restart-forgets-started-detach",
                "no restart of the controller during a detach",
            ),
            (
                "kcm-restart-during-attach-leaves-dangling",
                "no restart of the controller during an attach",
            ),
            (
                "va-left-after-reported-detach-success",
                "no detach that the controller called done",
            ),
        ],
        Broken::BackEndForgotten => &[
            (
                "va-stripped-or-deleted-by-hand",
                "no finalizer taken off the VolumeAttachment by a person",
            ),
            (
                "va-without-finalizer-detach-without-driver-call",
                "no VolumeAttachment that went without a call of the driver",
            ),
        ],
        Broken::NotDesired
        | Broken::MachineReplaced
        | Broken::DetachNotAsked
        | Broken::WantedInVain
        | Broken::AttachNotAsked => &[],
    }
}

/// The other names, in the order of how often they are met.
pub fn of(rule: Broken, named: &str) -> Vec<Alternative> {
    let others = stories(rule).iter().filter(|(mechanism, _)| *mechanism != named);
    let told = |(mechanism, lacking): &(&str, &str)| Alternative {
        mechanism: (*mechanism).to_owned(),
        why_not: format!("{lacking} was recorded, though what is missing could hide it"),
    };
    others.map(told).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::catalogue;

    #[test]
    fn rivals_are_of_the_catalogue_and_never_the_name_itself() {
        let rules = [
            Broken::Unreported,
            Broken::ReportLost,
            Broken::AttachmentGone,
            Broken::AttachmentForgotten,
            Broken::BackEndForgotten,
        ];
        for (named, _) in rules.iter().flat_map(|rule| stories(*rule)) {
            assert!(catalogue::find(named).is_some(), "{named}");
        }
        let found = of(Broken::Unreported, "pending-op-drops-report-as-attached");
        let names: Vec<&str> = found.iter().map(|other| other.mechanism.as_str()).collect();
        assert_eq!(
            names,
            [
                "detach-backoff-drops-report-as-attached",
                "status-update-failure-drops-report"
            ]
        );
    }
}
