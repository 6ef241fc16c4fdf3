//! The kubelet's half of the CSI plugin, as far as it looks at `VolumeAttachment`s.
//!
//! In: an attachment as the API server has it. Out: the answer to [`Call::WaitForAttach`](super::operations::Call). This
//! look is the kubelet's second line against using a volume that is not attached: it catches what the node status, or
//! a reconstructed entry, got wrong.

use super::operations::{Answer, Fault};
use crate::model::attacher::Attachment;
use crate::model::{Behaviour, Profile};
use crate::time::Span;

/// How long the plugin waits at most, where it waits.
pub const WAIT_LIMIT: Span = Span::secs(600);

/// One look at the attachment; `None`: the plugin goes on watching it, for [`WAIT_LIMIT`] at most. Since 1.32
/// (kubernetes#126961) it looks once, and an attachment that is not there yet is an error that backs off.
#[must_use]
pub fn wait_for_attach(attachment: Option<&Attachment>, profile: &Profile) -> Option<Answer> {
    let refused = Some(Answer::Failed(Fault::Final));
    match attachment {
        None => refused,
        Some(found) if found.deleting => refused,
        Some(found) if found.attached => Some(Answer::Ok),
        Some(found) if found.attach_error => refused,
        Some(_) if profile.has(Behaviour::KubeletCsiWaitSingleGet) => refused,
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deleted_attachment_is_refused_even_if_attached() {
        let profile = Profile::of("1.36.2".parse().unwrap());
        let attached = Attachment {
            attached: true,
            ..Attachment::default()
        };
        assert_eq!(wait_for_attach(Some(&attached), &profile), Some(Answer::Ok));
        let deleting = Attachment {
            deleting: true,
            ..attached
        };
        assert_eq!(
            wait_for_attach(Some(&deleting), &profile),
            Some(Answer::Failed(Fault::Final))
        );
    }

    #[test]
    fn only_before_1_32_an_attachment_is_awaited() {
        for (version, waits) in [("1.31.0", true), ("1.32.0", false)] {
            let profile = Profile::of(version.parse().unwrap());
            assert_eq!(
                wait_for_attach(Some(&Attachment::default()), &profile).is_none(),
                waits,
                "{version}"
            );
            assert!(wait_for_attach(None, &profile).is_some(), "{version}");
        }
    }
}
