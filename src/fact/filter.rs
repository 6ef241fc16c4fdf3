//! Which lines can say anything: a look at the bytes before a line is parsed.
//!
//! In: a line. Out: whether any rule of this room could make a fact of it or find it puzzling. Most of what a bundle
//! holds cannot: other controllers' lines, reads of the API, writes of other objects. The needles come from the message
//! table itself, so that a new row is a new needle; a test reads recordings with and without.

use std::sync::LazyLock;

use memchr::memmem;

use super::klog::{FILES, SIGNS};
use super::party::CLOUD_FILES;
use super::sieve::Sieve;
use super::table::TABLE;
use super::{audit, fellows};

/// Letters that each line which fits a row, or which is told without one, holds at least one of.
static NEEDLES: LazyLock<Option<Sieve>> = LazyLock::new(|| {
    let signs = SIGNS
        .iter()
        .chain(&FILES)
        .chain(&CLOUD_FILES)
        .copied()
        .chain(fellows::signs());
    Some(Sieve::of(TABLE.needles()?.into_iter().chain(signs.map(str::to_owned))))
});

/// Whether a line of klog or an audit event in JSON could say anything.
#[must_use]
pub fn matters(line: &[u8]) -> bool {
    if line.starts_with(b"{") {
        return audit_matters(line);
    }
    NEEDLES.as_ref().is_none_or(|needles| needles.finds(behind_stamp(line)))
}

/// A klog line without its date, time and process, in which no needle begins.
fn behind_stamp(line: &[u8]) -> &[u8] {
    let in_stamp = |byte: &&u8| matches!(byte, b'0'..=b'9' | b' ' | b':' | b'.');
    let stamp = line.iter().skip(1).take_while(in_stamp).count();
    line.get(1 + stamp..).unwrap_or(line)
}

/// Before the path that a request is for.
static URI: LazyLock<memmem::Finder> = LazyLock::new(|| memmem::Finder::new("\"requestURI\":\""));

/// Whether an audit event, its members in the order of the API server, can be a write that is part of the story.
fn audit_matters(line: &[u8]) -> bool {
    let told = || {
        let at = URI.find(line)? + URI.needle().len();
        let value = line.get(at..)?;
        let end = memchr::memchr2(b'"', b'\\', value)?;
        // Behind an escape the value is not what stands here.
        (value.get(end) == Some(&b'"')).then(|| (at + end, value.get(..end).unwrap_or_default()))
    };
    let Some((end, uri)) = told() else {
        return true;
    };
    let Some(verb) = line.get(end..).and_then(|rest| rest.strip_prefix(b"\",\"verb\":\"")) else {
        return true;
    };
    let verb = verb.split(|byte| *byte == b'"').next().unwrap_or_default();
    let Ok(verb) = std::str::from_utf8(verb) else {
        return true;
    };
    // Most requests are reads.
    audit::is_write(verb)
        && std::str::from_utf8(uri).map_or(true, |uri| audit::could_matter(verb, uri) || is_at_odds(line, end, uri))
}

/// Before the resource that a request is about.
static RESOURCE: LazyLock<memmem::Finder> = LazyLock::new(|| memmem::Finder::new("\"objectRef\":{\"resource\":\""));

/// Whether an event names another resource than its path does, as one whose path was damaged.
fn is_at_odds(line: &[u8], from: usize, uri: &str) -> bool {
    let named = || {
        let rest = line.get(from..)?;
        let value = rest.get(RESOURCE.find(rest)? + RESOURCE.needle().len()..)?;
        value.split(|byte| *byte == b'"').next()
    };
    let mut parts = uri.as_bytes().split(|byte| matches!(byte, b'/' | b'?'));
    named().is_some_and(|named| parts.all(|part| part != named))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_others_do_not_matter() {
        for line in [
            "I1125 02:15:03.000001      59 garbagecollector.go:12] nothing of ours",
            r#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"a","stage":"ResponseComplete","requestURI":"/api/v1/nodes/n","verb":"get","user":{}}"#,
            r#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"a","stage":"ResponseComplete","requestURI":"/api/v1/namespaces/x/secrets/s","verb":"update","user":{}}"#,
        ] {
            assert!(!matters(line.as_bytes()), "{line}");
        }
    }

    #[test]
    fn no_needle_begins_within_the_stamp() {
        for needle in TABLE.needles().unwrap() {
            // A point or a colon of the stamp has a digit behind it.
            let begins = needle.trim_start_matches([':', '.']);
            assert!(
                !needle.starts_with(' ') && !begins.starts_with(|c: char| c.is_ascii_digit()),
                "{needle}"
            );
        }
    }

    #[test]
    fn lines_of_ours_matter() {
        for line in [
            "I1125 02:15:03.000001      59 reconciler.go:12] attacherDetacher.AttachVolume started for volume",
            "E1125 02:15:03.000001      59 csi_handler.go:12] anything",
            r#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"a","stage":"ResponseComplete","requestURI":"/api/v1/nodes/n/status?x=y","verb":"patch","user":{}}"#,
            r#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","requestURI":"/apis/storage.k8s.io/v1/volumeattachments","verb":"create","user":{}}"#,
            r#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","verb":"get","requestURI":"/x"}"#,
            // The path is damaged, what the request is about is not.
            r#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","requestURI":"/apis/storage.k8s.io/v1/volumeatt?chments","verb":"create","user":{},"objectRef":{"resource":"volumeattachments"}}"#,
        ] {
            assert!(matters(line.as_bytes()), "{line}");
        }
    }
}
