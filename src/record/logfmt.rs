//! Lines of `key=value` pairs around a log line: what k0s, k3s and RKE2 write of the programs they run.
//!
//! In: `time="…" level=info msg="…" component=kubelet`. Out: an [`Envelope`] around the message, where that is a line
//! which this room knows; a program's own line of that form stays what it is.

use std::borrow::Cow;

use super::element::Envelope;
use super::{klog, stamp};

/// Whether a text begins like such a line.
#[must_use]
pub fn begins(text: &str) -> bool {
    text.starts_with("time=")
}

/// The envelope of a line.
#[must_use]
pub fn open(text: &str) -> Option<Envelope<'_>> {
    let pairs = klog::pairs(text);
    let get = |key: &str| klog::value(&pairs, key).cloned();
    let payload = get("msg")?;
    if !klog::begins(payload.as_bytes()) && !payload.starts_with("{\"") {
        return None;
    }
    Some(Envelope {
        payload: match payload {
            Cow::Borrowed(text) => Cow::Borrowed(text.trim_end()),
            Cow::Owned(text) => Cow::Owned(text.trim_end().to_owned()),
        },
        stamp: get("time").and_then(|at| stamp::any(&at)),
        program: get("component"),
        ..Envelope::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_a_program_that_another_runs_comes_out() {
        let line = r#"time="2022-12-14 14:29:47" level=info msg="I1214 14:29:49.112233 13 a.go:3] x \"y\"\n" component=kubelet stream=stderr"#;
        let envelope = open(line).unwrap();
        assert_eq!(envelope.payload, "I1214 14:29:49.112233 13 a.go:3] x \"y\"");
        assert_eq!(envelope.program.as_deref(), Some("kubelet"));
        assert!(envelope.stamp.is_some());
    }

    #[test]
    fn its_own_lines_stay() {
        assert!(open(r#"time="2022-12-14T14:29:47Z" level=info msg="starting" component=kubelet"#).is_none());
        assert!(open("time=").is_none());
    }
}
