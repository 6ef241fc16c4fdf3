//! Remedies in words.
//!
//! In: a [`Remedy`] of the report, its action as a name for machines. Out: the phrase that people read, with its time
//! and risk. One table, so that terminal, ticket and page say the same.

use super::text::{clean, lasting};
use super::{Outcome, Remedy};

/// Action names of the report contract and what they ask a person to do.
const PHRASES: &[(&str, &str)] = &[
    ("delete-node", "delete the Node object"),
    ("delete-pod-other-node", "move the pod to another node"),
    (
        "delete-pod-same-node",
        "delete the pod, which comes back to the same node",
    ),
    ("delete-va", "delete the VolumeAttachment"),
    ("driver-recovers", "the driver recovers"),
    ("force-delete-pod", "delete the pod by force"),
    ("mount-by-hand", "mount by hand"),
    ("other-volume-on-node", "attach another volume to the node"),
    ("out-of-service-taint", "taint the node out-of-service"),
    ("report-by-hand", "write the node's report by hand"),
    ("restart-attacher", "restart the external-attacher"),
    ("restart-controller", "restart kube-controller-manager"),
    ("restart-kubelet", "restart the kubelet"),
    ("spread-pods", "spread the pods over nodes"),
    ("strip-va-finalizer", "strip the VolumeAttachment's finalizer"),
    ("touch-node", "touch the Node object"),
    ("touch-va", "touch the VolumeAttachment"),
    ("wait", "wait"),
];

/// What the action asks a person to do; an action without a phrase reads as its name.
pub fn phrase(action: &str) -> String {
    if let Some((_, phrase)) = PHRASES.iter().find(|(name, _)| *name == action) {
        return (*phrase).to_owned();
    }
    let action = clean(action);
    match action.split_once('=') {
        Some(("upgrade", version)) => format!("upgrade to {version}"),
        Some(("with", behaviour)) => format!("run with {behaviour}"),
        Some(("without", behaviour)) => format!("run without {behaviour}"),
        _ => action.into_owned(),
    }
}

/// Whether the report contract knows an action of this name.
#[cfg(test)]
pub fn is_known(action: &str) -> bool {
    PHRASES.iter().any(|(name, _)| *name == action)
}

/// The action with what is known of its time: `restart kube-controller-manager (pod runs after 1 min 33 s)`.
pub fn in_short(remedy: &Remedy) -> String {
    noted(remedy, time(remedy).as_slice())
}

/// The action with what is known of its time and risk: `restart kube-controller-manager (1 s, no risk)`.
pub fn in_full(remedy: &Remedy) -> String {
    let risk = match remedy.risk.as_str() {
        "" => None,
        "none" => Some("no risk".to_owned()),
        risk => Some(clean(risk).into_owned()),
    };
    noted(remedy, &time(remedy).into_iter().chain(risk).collect::<Vec<_>>())
}

fn time(remedy: &Remedy) -> Option<String> {
    match (remedy.runs_after_ms, remedy.agree_after_ms) {
        (Some(ms), _) => Some(format!("pod runs after {}", lasting(ms))),
        (None, Some(ms)) => Some(lasting(ms)),
        (None, None) => None,
    }
}

fn noted(remedy: &Remedy, notes: &[String]) -> String {
    let phrase = phrase(&remedy.action);
    if notes.is_empty() {
        phrase
    } else {
        format!("{phrase} ({})", notes.join(", "))
    }
}

/// How many acts that heal the first screen shows.
const SHOWN: usize = 2;

/// The remedies of one outcome for the first screen: of those that heal the least invasive ones with their time, and how
/// many more there are; others by their action.
pub fn of(remedies: &[Remedy], outcome: Outcome) -> Vec<String> {
    let of: Vec<&Remedy> = remedies.iter().filter(|r| r.outcome == outcome).collect();
    if outcome != Outcome::Heals {
        return of.iter().map(|r| phrase(&r.action)).collect();
    }
    let shown = of.iter().take(SHOWN).map(|r| in_short(r));
    let more = of.len().saturating_sub(SHOWN);
    shown.chain((more > 0).then(|| format!("{more} more below"))).collect()
}

/// All remedies of one outcome, those that heal with their time and risk, those that harm with what they do: for faces
/// with room.
pub fn all(remedies: &[Remedy], outcome: Outcome) -> Vec<String> {
    let of = remedies.iter().filter(|remedy| remedy.outcome == outcome);
    let words = of.map(|remedy| match outcome {
        Outcome::Heals => in_full(remedy),
        Outcome::Unsafe if !remedy.risk.is_empty() => format!("{}: {}", phrase(&remedy.action), clean(&remedy.risk)),
        _ => phrase(&remedy.action),
    });
    words.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_has_each_action_once() {
        assert!(PHRASES.is_sorted_by(|a, b| a.0 < b.0));
    }

    #[test]
    fn an_unknown_action_reads_as_its_name() {
        assert_eq!(phrase("upgrade=1.21.7"), "upgrade to 1.21.7");
        assert_eq!(phrase("sing"), "sing");
    }
}
