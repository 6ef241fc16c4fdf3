//! Which files are pieces of one log.
//!
//! In: a path. Out: its stem, which is the same for all pieces that rotation, restarts and compression made of a log.

/// What collectors, rotation and compression append.
const ENDS: &[&str] = &[
    ".gz",
    ".zst",
    ".xz",
    ".bz2",
    ".log",
    ".previous",
    "-previous",
    "/previous",
    "/current",
    ".old",
    ".txt",
];

/// A path without what rotation, restarts and compression append: `kubelet.log.2.gz`, `kubelet.log` and
/// `kubelet.log-20261123.xz` share theirs.
#[must_use]
pub fn stem(path: &str) -> &str {
    let mut stem = path;
    loop {
        let shorter = shorter(stem);
        if shorter == stem {
            return stem;
        }
        stem = shorter;
    }
}

/// A path without the last of what was appended to it.
fn shorter(path: &str) -> &str {
    if let Some(shorter) = ENDS.iter().find_map(|end| path.strip_suffix(end)) {
        return shorter;
    }
    let name = path.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, 'T' | '-' | '.'));
    let appended = path.get(name.len()..).unwrap_or_default();
    let dated = |text: &str| text.len() >= 8 && text.starts_with("20");
    match appended.as_bytes() {
        // `kubelet-2026-11-23T20-13-56.123.log`, `kubelet.log-20261123`.
        [b'-' | b'.', date @ ..] if std::str::from_utf8(date).is_ok_and(dated) => name,
        // `kubelet.log.1`.
        [b'.', number @ ..] if (1..=3).contains(&number.len()) && number.iter().all(u8::is_ascii_digit) => name,
        // A container's log is `DIRECTORY/NUMBER.log`, and the number counts restarts.
        [_, ..] if !appended.contains(['-', '.', 'T']) => name.strip_suffix('/').unwrap_or(path),
        _ => path,
    }
}

#[cfg(test)]
mod tests {
    use super::stem;

    #[test]
    fn pieces_of_one_log_share_a_stem() {
        for path in [
            "d/kubelet.log",
            "d/kubelet.log.1",
            "d/kubelet.log.2.gz",
            "d/kubelet.log-20261123.xz",
            "d/kubelet-2026-11-23T20-13-56.123.log.gz",
            "d/kubelet.previous.log",
            "d/kubelet-previous.log",
        ] {
            assert_eq!(stem(path), "d/kubelet", "{path}");
        }
        assert_eq!(stem("kcm/0.log"), stem("kcm/1.log.20261123-201356.gz"));
        assert_eq!(stem("kcm/logs/current.log"), stem("kcm/logs/previous.log"));
    }

    #[test]
    fn logs_of_two_machines_do_not() {
        assert_ne!(stem("kcm-cp-1.log"), stem("kcm-cp-2.log"));
        assert_ne!(stem("nodes/node-1/kubelet.log"), stem("nodes/node-2/kubelet.log"));
        assert_ne!(stem("nodes/10.0.0.1"), stem("nodes/10.0.0.2"));
        assert_ne!(stem("nodes/node-1"), stem("nodes/node-2"));
    }
}
