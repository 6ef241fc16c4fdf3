//! Which lines can say anything: a look at the bytes before a line is parsed.
//!
//! In: a line. Out: whether any rule of this room could make a fact of it or find it puzzling. Most of what a bundle
//! holds cannot: other controllers' lines, reads of the API, writes of other objects. The needles come from the message
//! table itself, so that a new row is a new needle; a test reads recordings with and without.

use std::sync::LazyLock;

use memchr::memmem;

use super::klog::{FILES, SIGNS};
use super::party::CLOUD_FILES;
use super::pasted::CALLS;
use super::sieve::Sieve;
use super::table::TABLE;
use super::{audit, fellows};
use crate::record::AUDIT;

/// Letters that each line which fits a row, or which is told without one, holds at least one of.
static NEEDLES: LazyLock<Option<Sieve>> = LazyLock::new(|| {
    let signs = SIGNS
        .iter()
        .chain(&FILES)
        .chain(&CLOUD_FILES)
        .chain(&CALLS)
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
    NEEDLES.as_ref().is_none_or(|needles| needles.finds(behind_stamp(line))) || memchr::memchr(ESCAPE, line).is_some()
}

/// What begins a terminal's escape, which may stand within a word.
const ESCAPE: u8 = 0x1b;

/// A klog line without its date, time and process, in which no needle begins.
fn behind_stamp(line: &[u8]) -> &[u8] {
    let in_stamp = |byte: &&u8| matches!(byte, b'0'..=b'9' | b' ' | b':' | b'.');
    let stamp = line.iter().skip(1).take_while(in_stamp).count();
    line.get(1 + stamp..).unwrap_or(line)
}

/// Before the path that a request is for.
const URI: &[u8] = b"\"requestURI\":\"";

/// The same, to be searched for.
static FIND_URI: LazyLock<memmem::Finder> = LazyLock::new(|| memmem::Finder::new(URI));

/// Whether an audit event, its members in the order of the API server, can be a write that is part of the story.
fn audit_matters(line: &[u8]) -> bool {
    let told = || {
        let at = uri_in_place(line).or_else(|| Some(FIND_URI.find(line)? + URI.len()))?;
        let value = line.get(at..)?;
        let end = memchr::memchr3(b'"', b'\\', ESCAPE, value)?;
        // With an escape in it, of JSON or of a terminal, the value is not what stands here.
        let verb = value.get(end..)?.strip_prefix(b"\",\"verb\":\"")?;
        Some((value.get(..end)?, verb))
    };
    let Some((uri, rest)) = told() else {
        return true;
    };
    // Most requests are reads.
    if [&b"get\""[..], b"list\"", b"watch\""]
        .iter()
        .any(|read| rest.starts_with(read))
    {
        return false;
    }
    let verb = rest.split(|byte| *byte == b'"').next().unwrap_or_default();
    // What is neither may have been one.
    !audit::is_write(verb) || audit::could_matter(uri, || reference(rest))
}

/// Where the path begins, if what stands before it is as the API server writes it: told without a search.
fn uri_in_place(line: &[u8]) -> Option<usize> {
    const LEVEL: usize = AUDIT.len() + "v1\",\"level\":\"".len();
    const BETWEEN: usize = "\",\"auditID\":\"7849a969-232b-4073-ba04-aa3a67bf7e5f\",\"stage\":\"".len();
    let level = match line.get(LEVEL..)? {
        [b'M', ..] => "Metadata".len(),
        [b'R', _, _, _, _, _, _, b'"', ..] => "Request".len(),
        _ => "RequestResponse".len(),
    };
    let stage = LEVEL + level + BETWEEN;
    let stage = stage
        + match line.get(stage..)? {
            [b'P', ..] => "Panic".len(),
            [_, _, _, b'u', ..] => "RequestReceived".len(),
            [_, _, _, _, _, _, _, _, b'S', ..] => "ResponseStarted".len(),
            _ => "ResponseComplete".len(),
        };
    let uri = line.get(stage..)?.strip_prefix(b"\",")?.strip_prefix(URI)?;
    Some(line.len() - uri.len())
}

/// Before the resource that a request is about.
static RESOURCE: LazyLock<memmem::Finder> = LazyLock::new(|| memmem::Finder::new("\"objectRef\":{\"resource\":\""));

/// What an event says of its object behind the verb, from the resource on.
fn reference(rest: &[u8]) -> Option<&[u8]> {
    let value = rest.get(RESOURCE.find(rest)? + RESOURCE.needle().len()..)?;
    value.get(..memchr::memchr(b'}', value)?)
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
            r#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","requestURI":"/apIs/storage.k8s.io/v1/volumeattachments","verb":"create","user":{},"objectRef":{"resource":"volumeattachments"}}"#,
            r#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","requestURI":"/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/kube-c?ntroller-manager","verb":"update","user":{},"objectRef":{"resource":"leases","namespace":"kube-system","name":"kube-controller-manager"}}"#,
            // Somebody looked for words, and they are coloured.
            "I1125 02:15:03.000001      59 reconciler.go:12] attacherDetacher.\u{1b}[01;31m\u{1b}[KAttach\u{1b}[mVolume started",
            "{\"kind\":\"Event\",\"requestURI\":\"/apis/storage.k8s.io/v1/\u{1b}[01;31mvolume\u{1b}[mattachments\",\"verb\":\"create\"}",
            "{\"kind\":\"Event\",\"requestURI\":\"/apis/storage.k8s.io/v1/volumeattachments\",\"verb\":\"\u{1b}[01;31mcreate\u{1b}[m\"}",
            // The path is damaged, what the request is about is not.
            r#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","requestURI":"/apis/storage.k8s.io/v1/volumeatt?chments","verb":"create","user":{},"objectRef":{"resource":"volumeattachments"}}"#,
        ] {
            assert!(matters(line.as_bytes()), "{line}");
        }
    }
}
