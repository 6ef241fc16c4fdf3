//! Values as Go prints them inside messages: lists, moments, durations, pods, releases.
//!
//! In: a slot's text. Out: what it says. Kubernetes prints the same thing in two or three ways, by release and logger;
//! here each is read, so that nothing else has to know.

use crate::time::Time;

use super::text::after;

/// Takes apart how kubelets up to 1.20 name a pod: `name_namespace(uid)`.
#[must_use]
pub fn long_pod(text: &str) -> Option<(String, &str)> {
    let (name, rest) = text.split_once('_')?;
    let (namespace, uid) = rest.split_once('(')?;
    Some((format!("{namespace}/{name}"), uid.trim_end_matches(')')))
}

/// A release out of `v1.20.2`, `version.Info{… GitVersion:"v1.20.2" …}` and the like.
#[must_use]
pub fn version(text: &str) -> &str {
    after(text, "GitVersion:\"", &['"']).unwrap_or(text)
}

/// The names in a printed list: JSON (`["a","b"]`, `[{"name":"a"}]`, `null`), Go (`[a b]`, `[{a path} {b path}]`) or
/// a bare `a, b`.
#[must_use]
pub fn list(text: &str) -> Vec<String> {
    let text = text.trim();
    if let Ok(items) = serde_json::from_str::<Vec<serde_json::Value>>(text) {
        return items
            .iter()
            .filter_map(|item| item.as_str().or_else(|| item.get("name")?.as_str()))
            .map(str::to_owned)
            .collect();
    }
    if text == "null" {
        return Vec::new();
    }
    let inner = text
        .strip_prefix('[')
        .map_or(text, |rest| rest.strip_suffix(']').unwrap_or(rest));
    if let Some(structs) = inner.strip_prefix('{') {
        let structs = structs.strip_suffix('}').unwrap_or(structs);
        return structs
            .split("} {")
            .map(|item| item.rsplit_once(' ').map_or(item, |(name, _)| name).to_owned())
            .collect();
    }
    let split = |c: char| c == ',' || c.is_whitespace();
    inner
        .split(split)
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

/// A Go time: `2026-11-25 02:15:33.415657779 +0000 UTC m=+16.97`.
#[must_use]
pub fn moment(text: &str) -> Option<Time> {
    let (date, rest) = text.trim_start().split_at_checked("2026-11-25".len())?;
    let mut words = rest.split_whitespace();
    let (clock, zone) = (words.next()?, words.next()?);
    let (hours, minutes) = zone.split_at_checked(3)?;
    Time::parse(&format!("{date}T{clock}{hours}:{minutes}"))
}

/// A Go duration in milliseconds: `500ms`, `2s`, `1m4s`, `2m2s`, `1h0m0s`.
#[must_use]
pub fn milliseconds(text: &str) -> Option<i64> {
    let mut total = 0.0;
    let mut rest = text.trim();
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest.get(..digits)?.parse().ok()?;
        let unit_end = rest
            .get(digits..)?
            .find(|c: char| c.is_ascii_digit())
            .map_or(rest.len(), |at| at + digits);
        let scale = match rest.get(digits..unit_end)? {
            "h" => 3_600_000.0,
            "m" => 60_000.0,
            "s" => 1000.0,
            "ms" => 1.0,
            "us" | "µs" => 0.001,
            "ns" => 0.000_001,
            _ => return None,
        };
        total += number * scale;
        rest = rest.get(unit_end..)?;
    }
    #[allow(
        clippy::cast_possible_truncation,
        reason = "a float to integer cast saturates; no wait comes near"
    )]
    Some(total.round() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_in_every_form() {
        assert_eq!(list(r#"["a","b"]"#), ["a", "b"]);
        assert_eq!(
            list(r#"[{"name":"kubernetes.io/csi/d^h","devicePath":""}]"#),
            ["kubernetes.io/csi/d^h"]
        );
        assert_eq!(
            list("[{kubernetes.io/csi/d^h } {v2 /dev/sdb}]"),
            ["kubernetes.io/csi/d^h", "v2"]
        );
        assert_eq!(list("[a b]"), ["a", "b"]);
        assert_eq!(list("app/web-0, app/web-1"), ["app/web-0", "app/web-1"]);
        assert!(list("null").is_empty() && list("[]").is_empty());
    }

    #[test]
    fn a_moment_has_a_zone_and_may_have_lost_a_blank() {
        let utc = moment("2026-11-25 02:15:33.5 +0000 UTC m=+16.9");
        assert_eq!(utc, Time::parse("2026-11-25T02:15:33.5Z"));
        assert_eq!(
            moment("2021-07-22 07:16:58 +0200 CEST m=+1"),
            Time::parse("2021-07-22T05:16:58Z")
        );
        assert_eq!(moment("2026-11-2502:15:33.5 +0000 UTC"), utc);
        assert_eq!(moment("soon"), None);
    }

    #[test]
    fn a_duration_is_milliseconds() {
        assert_eq!(
            [milliseconds("500ms"), milliseconds("2m2s"), milliseconds("1h0m0.5s")],
            [Some(500), Some(122_000), Some(3_600_500)]
        );
        assert_eq!(milliseconds("long"), None);
    }

    #[test]
    fn a_pod_of_an_old_kubelet_has_namespace_and_uid() {
        assert_eq!(long_pod("web-0_app(0e28)"), Some(("app/web-0".to_owned(), "0e28")));
        assert_eq!(long_pod("web-0"), None);
    }
}
