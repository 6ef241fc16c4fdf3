//! Text as people read it: neutralised, wrapped, measured in columns.
//!
//! In: names, log lines and times as the evidence has them, hostile ones included. Out: text that is safe to print and
//! to align. Every face for people uses it, so that a name looks the same everywhere.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write as _;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::{Actor, Evidence, Input, Step};
use crate::time::Time;

/// Columns that a file name may take in a narrow place.
const BRIEF: usize = 19;

/// Replaces everything that could steer a terminal or reorder text by a visible escape: control characters,
/// bidirectional controls, zero-width and line separators.
pub fn clean(text: &str) -> Cow<'_, str> {
    if !text.chars().any(steers) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\t' => out.push(' '),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            c if steers(c) => {
                // Writing to a String does not fail.
                let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// Whether a character acts instead of showing.
fn steers(c: char) -> bool {
    c.is_control()
        || matches!(u32::from(c), 0x061c | 0x200b..=0x200f | 0x2028..=0x202e | 0x2060..=0x206f | 0xfeff | 0xfff9..=0xfffb
            | 0xe0000..=0xe0fff)
}

/// Columns that a text takes on a terminal.
pub fn columns(text: &str) -> usize {
    text.width()
}

/// Pads a text with blanks to a number of columns; longer text stays as it is.
pub fn pad(text: &str, width: usize) -> String {
    let mut out = text.to_owned();
    out.extend(std::iter::repeat_n(' ', width.saturating_sub(columns(text))));
    out
}

/// Cuts a text to a number of columns, `…` marking the cut.
pub fn cut(text: &str, width: usize) -> Cow<'_, str> {
    if columns(text) <= width {
        return Cow::Borrowed(text);
    }
    let mut out = String::new();
    let mut used = 1;
    for c in text.chars() {
        used += c.width().unwrap_or(0);
        if used > width {
            break;
        }
        out.push(c);
    }
    out.push('…');
    Cow::Owned(out)
}

/// Breaks a text at blanks into lines of at most `width` columns; a longer word is broken where it must.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let width = width.max(1);
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        let gap = usize::from(!line.is_empty());
        if columns(&line) + gap + columns(word) <= width {
            line.extend(std::iter::repeat_n(' ', gap));
            line.push_str(word);
            continue;
        }
        if !line.is_empty() {
            lines.push(std::mem::take(&mut line));
        }
        for c in word.chars() {
            if columns(&line) + c.width().unwrap_or(0) > width {
                lines.push(std::mem::take(&mut line));
            }
            line.push(c);
        }
    }
    if !line.is_empty() || lines.is_empty() {
        lines.push(line);
    }
    lines
}

/// The first `rows` lines, `…` at the end of the last where more were cut.
pub fn limit(mut lines: Vec<String>, rows: usize) -> Vec<String> {
    if lines.len() > rows {
        lines.truncate(rows);
        if let Some(last) = lines.last_mut() {
            last.pop();
            last.push('…');
        }
    }
    lines
}

/// The day of a moment, `2026-11-23`.
pub fn day(at: Time) -> String {
    at.to_string().chars().take(10).collect()
}

/// The time of day to the second, `02:13:33`.
pub fn seconds(at: Time) -> String {
    at.to_string().chars().skip(11).take(8).collect()
}

/// The time of day to the millisecond, `02:13:33.242`.
pub fn millis(at: Time) -> String {
    at.to_string().chars().skip(11).take(12).collect()
}

/// A whole number with thousands set apart, `6,483`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A number and its noun, `1 volume`, `2 volumes`.
pub fn count(number: u64, noun: &str) -> String {
    let s = if number == 1 { "" } else { "s" };
    format!("{} {noun}{s}", grouped(number))
}

/// A state that holds or not; `?` where nothing tells.
pub const fn yes_no(state: Option<bool>) -> &'static str {
    match state {
        Some(true) => "yes",
        Some(false) => "no",
        None => "?",
    }
}

/// A list in words, `a`, `a and b`, `a, b and c`.
pub fn and<S: AsRef<str>>(items: &[S]) -> String {
    match items {
        [] => String::new(),
        [one] => one.as_ref().to_owned(),
        [head @ .., last] => {
            let head: Vec<&str> = head.iter().map(AsRef::as_ref).collect();
            format!("{} and {}", head.join(", "), last.as_ref())
        }
    }
}

/// A length of time that a person can grasp: `40 ms`, `8 s`, `2 min 5 s`, `3 h 20 min`.
pub fn lasting(ms: u64) -> String {
    let two = |big: u64, unit: &str, small: u64, sub: &str| match small {
        0 => format!("{big} {unit}"),
        small => format!("{big} {unit} {small} {sub}"),
    };
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..10_000 => format!("{}.{} s", ms / 1_000, ms % 1_000 / 100).replace(".0 s", " s"),
        10_000..60_000 => format!("{} s", ms / 1_000),
        60_000..3_600_000 => two(ms / 60_000, "min", ms % 60_000 / 1_000, "s"),
        3_600_000..86_400_000 => two(ms / 3_600_000, "h", ms % 3_600_000 / 60_000, "min"),
        _ => two(ms / 86_400_000, "d", ms % 86_400_000 / 3_600_000, "h"),
    }
}

/// The name people use for an actor in a narrow column.
pub fn short_actor(actor: &Actor) -> &'static str {
    match actor {
        Actor::Controller => "controller",
        Actor::Kubelet(_) => "kubelet",
        Actor::Attacher => "attacher",
        Actor::ApiServer => "api server",
        Actor::Scheduler => "scheduler",
        Actor::User => "user",
        Actor::Driver => "driver",
        Actor::NodeLifecycle => "node",
        Actor::Unknown => "somebody",
    }
}

/// What people call a volume: the PV's name, else the handle at the end of its unique name.
pub fn short_volume<'a>(pv: Option<&'a str>, unique: &'a str) -> &'a str {
    let handle = unique.rsplit_once('^').map_or(unique, |(_, handle)| handle);
    match pv {
        Some(pv) if !pv.is_empty() => pv,
        _ if handle.is_empty() => unique,
        _ => handle,
    }
}

/// The shortest names under which the inputs can be told apart: as few of the last parts of each path as needed.
pub struct Sources<'a>(BTreeMap<&'a str, String>);

impl<'a> Sources<'a> {
    /// Names for all inputs of a report.
    pub fn of(inputs: &'a [Input]) -> Sources<'a> {
        let mut short = BTreeMap::new();
        for depth in 1..=16 {
            let mut seen: BTreeMap<String, Vec<&str>> = BTreeMap::new();
            for input in inputs.iter().filter(|i| !short.contains_key(i.path.as_str())) {
                seen.entry(last_parts(&input.path, depth))
                    .or_default()
                    .push(&input.path);
            }
            for (name, paths) in seen {
                if let [one] = paths.as_slice() {
                    short.insert(*one, name);
                }
            }
        }
        Sources(short)
    }

    /// The short name of a path; the path itself where it is none of the inputs.
    pub fn name<'b>(&'b self, path: &'b str) -> Cow<'b, str> {
        clean(self.0.get(path).map_or(path, String::as_str))
    }

    /// Where to look, `audit.log:71`, with repeats `audit.log:71-90 (9 times)`.
    pub fn place(&self, evidence: &Evidence) -> String {
        let name = self.name(&evidence.source);
        match evidence.repeat {
            Some(r) => format!("{name}:{}-{} ({} times)", evidence.line, r.last_line, r.count),
            None => format!("{name}:{}", evidence.line),
        }
    }

    /// Where the first line of a step is, or that no line shows it.
    pub fn place_of(&self, step: &Step) -> String {
        match step.evidence.first() {
            Some(evidence) if step.observed => self.place(evidence),
            _ => "(inferred)".to_owned(),
        }
    }

    /// Where to look, as short as can be told apart: file names cut from the left (`…manager.log:1007`), repeats counted
    /// (`kubelet.log:258-291 ×9`).
    pub fn brief_places(&self, evidence: &[Evidence]) -> Vec<String> {
        self.places(evidence).iter().map(|place| self.brief(place)).collect()
    }

    fn brief(&self, place: &str) -> String {
        let place = place.replace(" times)", "").replace(" (", " ×");
        let Some((name, line)) = place.rsplit_once(':') else {
            return place;
        };
        if columns(name) <= BRIEF {
            return place;
        }
        let tails = name
            .match_indices(['-', '_', '.', '/'])
            .map(|(at, border)| at + border.len());
        let unique = |tail: &&str| self.0.values().filter(|n| n.ends_with(tail)).count() <= 1;
        let tail = tails
            .filter_map(|at| name.get(at..))
            .filter(|t| columns(t) < BRIEF)
            .find(unique);
        tail.map_or_else(|| place.clone(), |tail| format!("…{tail}:{line}"))
    }

    /// Where to look for a whole step: neighbouring lines of a source joined, `a.log:71-73`, `b.log:9`.
    pub fn places(&self, evidence: &[Evidence]) -> Vec<String> {
        let mut out = Vec::new();
        let mut rest = evidence;
        while let Some((first, tail)) = rest.split_first() {
            let mut last = first.line;
            let mut joined = 0;
            for next in tail {
                let near = next.source == first.source && (last..=last.saturating_add(3)).contains(&next.line);
                if !near || next.repeat.is_some() || first.repeat.is_some() {
                    break;
                }
                last = next.line;
                joined += 1;
            }
            out.push(if last > first.line {
                format!("{}:{}-{last}", self.name(&first.source), first.line)
            } else {
                self.place(first)
            });
            rest = tail.get(joined..).unwrap_or_default();
        }
        out
    }
}

/// The last `depth` parts of a path, archive borders counted as borders of parts.
fn last_parts(path: &str, depth: usize) -> String {
    let start = path
        .rmatch_indices(['/', '!'])
        .nth(depth - 1)
        .map_or(0, |(at, border)| at + border.len());
    path.get(start..).unwrap_or(path).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn hostile_text_shows_instead_of_acting() {
        assert_eq!(clean("a\u{1b}[31mb\u{202e}c\u{9b}d"), "a\\u{1b}[31mb\\u{202e}c\\u{9b}d");
        assert_eq!(clean("plain, ünï ✗"), "plain, ünï ✗");
    }

    #[test]
    fn lists_and_numbers_read_as_words() {
        assert_eq!(and(&["1.21.7", "1.22.4", "1.23.0"]), "1.21.7, 1.22.4 and 1.23.0");
        assert_eq!(grouped(6_483_000), "6,483,000");
        assert_eq!((count(1, "pod"), count(0, "pod")), ("1 pod".into(), "0 pods".into()));
        assert_eq!(lasting(8_000), "8 s");
        assert_eq!(lasting(1_250), "1.2 s");
        assert_eq!(lasting(125_000), "2 min 5 s");
        assert_eq!(lasting(360_000), "6 min");
    }

    #[test]
    fn sources_are_named_by_what_tells_them_apart() {
        let input = |path: &str| Input {
            path: path.to_owned(),
            ..super::super::example::input()
        };
        let inputs = [
            input("b.tar!n/node-1/kubelet.log"),
            input("b.tar!n/node-2/kubelet.log"),
            input("b.tar!a.log"),
        ];
        let sources = Sources::of(&inputs);
        assert_eq!(sources.name("b.tar!n/node-2/kubelet.log"), "node-2/kubelet.log");
        assert_eq!(sources.name("b.tar!a.log"), "a.log");
        assert_eq!(sources.name("elsewhere"), "elsewhere");
    }

    proptest! {
        #[test]
        fn wrapping_keeps_all_words_and_the_width(text in "\\PC{0,200}", width in 2usize..40) {
            let lines = wrap(&text, width);
            prop_assert!(lines.iter().all(|l| columns(l) <= width));
            let squeeze = |s: &str| s.split_whitespace().collect::<String>();
            prop_assert_eq!(squeeze(&lines.join(" ")), squeeze(&text));
        }

        #[test]
        fn cutting_keeps_the_width(text in "\\PC{0,80}", width in 1usize..40) {
            prop_assert!(columns(&cut(&text, width)) <= width);
        }

        #[test]
        fn clean_text_holds_nothing_that_steers(text in any::<String>()) {
            prop_assert!(!clean(&text).chars().any(steers));
        }
    }
}
