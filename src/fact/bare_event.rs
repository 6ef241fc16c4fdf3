//! Messages of events without their row, as people copy them out of a description or a viewer.
//!
//! In: a line of other text. Out: the fact that its message states, if what stands before it is a mark, a type or a
//! reason, and no sentence of somebody's.

use crate::time::Time;

use super::text::Names;
use super::{Fact, Kind, Party, event};

/// How messages begin that tell of a volume, and the reason of events that bear them.
const BEGINNINGS: [(&str, &str); 7] = [
    ("Multi-Attach error for volume \"", "FailedAttachVolume"),
    ("AttachVolume.", "FailedAttachVolume"),
    ("DetachVolume.", "FailedDetachVolume"),
    ("MountVolume.", "FailedMount"),
    ("MapVolume.", "FailedMapVolume"),
    ("Unable to attach or mount volumes", "FailedMount"),
    ("Unable to mount volumes for pod \"", "FailedMount"),
];

/// Whether a line can hold one: a look cheap enough for every line.
#[must_use]
pub fn matters(text: &str) -> bool {
    ["Volume.", "Multi-Attach", "Unable to"]
        .iter()
        .any(|sign| memchr::memmem::find(text.as_bytes(), sign.as_bytes()).is_some())
}

/// The fact of a line that is such a message; it tells no moment.
#[must_use]
pub fn read(text: &str, names: &mut Names) -> Option<Fact> {
    let found = BEGINNINGS
        .iter()
        .filter_map(|(begins, reason)| Some((text.find(begins)?, *reason)));
    let (at, usual) = found.min()?;
    let (before, message) = text.split_at_checked(at)?;
    let reason = reason_in(before)?;
    let message = message.trim_end().trim_end_matches('`');
    let fact = Fact::new(Kind::EventSeen, Party::Unknown, Time::MAX);
    let reason = if reason.is_empty() { usual } else { reason };
    let told = event::about(fact, "Pod", "", "", reason, message, names)?;
    // A text of that beginning which fits no template is somebody's own.
    (told.party != Party::Unknown).then_some(told)
}

/// The reason that stands before a message, beside marks and a type; `None` where other words do.
fn reason_in(before: &str) -> Option<&str> {
    let mut reason = "";
    for word in before.split_whitespace() {
        let is_date = word
            .bytes()
            .all(|byte| byte.is_ascii_digit() || b"-:./+TZ|()".contains(&byte));
        let word = word.trim_matches(|c: char| !c.is_alphanumeric());
        let is_reason = word.starts_with("Failed") && word.bytes().all(|byte| byte.is_ascii_alphanumeric());
        match word {
            _ if is_date => {}
            "" | "Warning" | "Normal" | "Error" | "error" | "Message" | "attachdetach-controller" => {}
            _ if is_reason && reason.is_empty() => reason = word,
            _ => return None,
        }
    }
    Some(reason)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fact::Detail;

    fn told(text: &str) -> Option<Fact> {
        assert!(matters(text) || !text.contains("olume"), "{text}");
        read(text, &mut Names::default())
    }

    #[test]
    fn a_message_is_read_behind_marks_and_reasons() {
        const MESSAGE: &str = "AttachVolume.Attach failed for volume \"pv-1\" : rpc error: code = Aborted desc = busy";
        for before in [
            "",
            "* ",
            "> - ",
            "    ",
            "`",
            "Warning\tFailedAttachVolume\t",
            "FailedAttachVolume: ",
            "error: ",
            "2019-04-25 14:28:03+00:00 [Warning] ",
            "FailedAttachVolume | 2020-08-31 23:52:49 || attachdetach-controller, | ",
        ] {
            let fact = told(&format!("{before}{MESSAGE}")).unwrap_or_else(|| panic!("{before}"));
            assert_eq!(
                (fact.volume.as_deref(), &fact.party),
                (Some("pv-1"), &Party::Controller)
            );
            assert!(matches!(&fact.detail, Detail::Event { reason, .. } if &**reason == "FailedAttachVolume"));
            assert_eq!(fact.error.as_deref(), Some(MESSAGE));
        }
    }

    #[test]
    fn a_pod_that_the_message_names_is_told() {
        let fact = told(
            "FailedMount Unable to mount volumes for pod \"web-0_app(0e28)\": timeout expired waiting for volumes to attach or \
             mount for pod \"app\"/\"web-0\". list of unmounted volumes=[data]",
        );
        assert_eq!(fact.unwrap().pod.as_deref(), Some("app/web-0"));
    }

    #[test]
    fn a_sentence_about_a_message_is_no_event() {
        for text in [
            "Later I saw MountVolume.SetUp failed for volume \"pv-1\" : busy",
            "Unable to find out why",
            "MountVolume.SetUp is what hangs",
        ] {
            assert!(told(text).is_none(), "{text}");
        }
    }
}
