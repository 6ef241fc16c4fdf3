//! Text wrappers: what collectors, loggers and people put before a line.
//!
//! In: one line. Out: the line without its outermost wrapper, and what that said ([`Layers`]). Each function here knows
//! one form: CRI, plain stamps (`kubectl logs --timestamps`), the journal's short forms, syslog of both RFCs, `[pod/p/c]`,
//! stern, `grep` prefixes, logcli, Windows event XML. They are taken off one by one, in any order.

use super::klog;
use super::stamp::{self, Stamp};

/// What the wrappers taken off so far have said. Inner ones, which stand nearer to the writer, win.
#[derive(Clone, Copy, Debug, Default)]
pub struct Layers<'a> {
    /// The wrapper's stamp.
    pub stamp: Option<Stamp>,
    /// Host that wrote the line.
    pub host: Option<&'a str>,
    /// Process or container.
    pub program: Option<&'a str>,
    /// Pod.
    pub pod: Option<&'a str>,
    /// `stdout` or `stderr`: lines of both come mixed.
    pub stream: &'a str,
    /// The line is a part, more of it follows in the same stream.
    pub part: bool,
    /// A wrapper that every line of its source carries was taken off.
    pub wrapped: bool,
}

/// Takes the outermost text wrapper off; `None` where there is none.
#[must_use]
pub fn layer<'a>(line: &'a str, layers: &mut Layers<'a>) -> Option<&'a str> {
    let rest = match line.as_bytes().first()? {
        b'1'..=b'2' => dated(line, layers)
            .or_else(|| unix(line, layers))
            .or_else(|| browser(line, layers))
            .or_else(|| journal_short(line, layers)),
        b'A'..=b'S' => journal_short(line, layers).or_else(|| weekday(line, layers)),
        b'T' | b'W' => weekday(line, layers),
        b'<' => priority(line, layers),
        b'[' => bracketed(line, layers),
        // Months of other languages.
        b'3'..=b'9' => browser(line, layers).or_else(|| journal_short(line, layers)),
        b'a'..=b'z' | 0x80.. => journal_short(line, layers),
        _ => None,
    };
    rest.or_else(|| led(line, layers))
}

/// Whether a text begins like something that this room knows: a header, JSON, a stamp.
fn known(text: &str) -> bool {
    klog::begins(text.as_bytes())
        || text.starts_with("{\"")
        || stamp::full(text).is_some_and(|(_, end)| text.as_bytes().get(end) == Some(&b' '))
        || stamp::syslog(text).is_some()
}

/// One blank-separated word, and what follows.
fn word(text: &str) -> Option<(&str, &str)> {
    let (word, rest) = text.split_once(' ')?;
    (!word.is_empty()).then_some((word, rest))
}

/// A stamp of RFC 3339 form and what it leads: CRI, a journal line, syslog with ISO stamps, or the text itself.
fn dated<'a>(line: &'a str, layers: &mut Layers<'a>) -> Option<&'a str> {
    let (stamp, end) = stamp::full(line)?;
    let rest = line.get(end..)?.strip_prefix([' ', '\t'])?;
    layers.stamp = Some(stamp);
    layers.wrapped = true;
    Some(
        cri(rest, layers)
            .or_else(|| logcli(rest))
            .or_else(|| hosted(rest, layers))
            .unwrap_or(rest),
    )
}

/// `stdout F text`
fn cri<'a>(rest: &'a str, layers: &mut Layers<'a>) -> Option<&'a str> {
    let (stream, rest) = word(rest).filter(|(stream, _)| matches!(*stream, "stdout" | "stderr"))?;
    let (tags, text) = rest.split_once(' ').unwrap_or((rest, ""));
    let tag = tags.split(':').next()?;
    if !matches!(tag, "F" | "P") {
        return None;
    }
    layers.stream = stream;
    layers.part = tag == "P";
    Some(text)
}

/// logcli's `{app="x", …} text`
fn logcli(rest: &str) -> Option<&str> {
    let labels = rest
        .strip_prefix('{')
        .filter(|labels| !labels.starts_with('"') && labels.contains("=\""))?;
    let (_, text) = labels.split_once("\"} ")?;
    Some(text.trim_start())
}

/// `host ident[pid]: text`, as the journal and syslog write it; not taken where the text itself is known.
fn hosted<'a>(rest: &'a str, layers: &mut Layers<'a>) -> Option<&'a str> {
    if known(rest) {
        return None;
    }
    let (host, after) = word(rest)?;
    let (tag, text) = after
        .split_once(": ")
        .or_else(|| Some((after.strip_suffix(':')?, "")))?;
    let program = tag.split_once('[').map_or(tag, |(name, _)| name);
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '/' | '@' | '(' | ')' | '<' | '>' | '*');
    if program.is_empty() || !program.chars().all(plain) || !host.chars().all(|c| plain(c) || c == ':') {
        return None;
    }
    layers.host = Some(host);
    layers.program = Some(program);
    Some(once(text))
}

/// What `message repeated 3 times: [ text]` repeats.
fn once(text: &str) -> &str {
    let inner = text
        .strip_prefix("message repeated ")
        .and_then(|rest| rest.split_once(" times: ["));
    inner
        .and_then(|(_, inner)| inner.strip_suffix(']'))
        .map_or(text, str::trim_start)
}

/// `Nov 23 20:13:56 host ident[pid]: text`
fn journal_short<'a>(line: &'a str, layers: &mut Layers<'a>) -> Option<&'a str> {
    let (stamp, end) = stamp::syslog(line)?;
    let rest = line.get(end..)?.strip_prefix(' ')?;
    let text = hosted(rest, layers).or_else(|| known(rest).then_some(rest))?;
    layers.stamp = layers.stamp.filter(|outer| outer.dated().is_some()).or(Some(stamp));
    layers.wrapped = true;
    Some(text)
}

/// `4/2/2018 9:26:16 PMtext`, as a browser shows a log.
fn browser<'a>(line: &'a str, layers: &mut Layers<'a>) -> Option<&'a str> {
    let (stamp, end) = stamp::browser(line)?;
    let text = line.get(end..)?.trim_start();
    if !known(text) {
        return None;
    }
    layers.stamp = Some(stamp);
    layers.wrapped = true;
    Some(text)
}

/// `Mon 2026-11-23 20:13:56 CET host ident[pid]: text`
fn weekday<'a>(line: &'a str, layers: &mut Layers<'a>) -> Option<&'a str> {
    let (day, rest) = word(line)?;
    if !matches!(day, "Mon" | "Tue" | "Wed" | "Thu" | "Fri" | "Sat" | "Sun") {
        return None;
    }
    let (stamp, end) = stamp::full(rest)?;
    let rest = rest.get(end..)?.trim_start();
    let text = hosted(rest, layers).or_else(|| hosted(word(rest)?.1, layers))?;
    layers.stamp = Some(stamp);
    layers.wrapped = true;
    Some(text)
}

/// `1763928836.123456 host ident[pid]: text`
fn unix<'a>(line: &'a str, layers: &mut Layers<'a>) -> Option<&'a str> {
    let (number, rest) = word(line)?;
    let stamp = number.contains('.').then(|| stamp::epoch(number)).flatten()?;
    let text = hosted(rest, layers).or_else(|| known(rest).then_some(rest))?;
    layers.stamp = Some(stamp);
    layers.wrapped = true;
    Some(text)
}

/// `<30>` of syslog, then RFC 5424 or what else follows; or the `<Data>` of a Windows event.
fn priority<'a>(line: &'a str, layers: &mut Layers<'a>) -> Option<&'a str> {
    if let Some(data) = line.strip_prefix("<Data>") {
        return Some(data.split_once("</Data>").map_or(data, |(data, _)| data)).filter(|data| known(data));
    }
    let (number, rest) = line.strip_prefix('<')?.split_once('>')?;
    if number.is_empty() || number.len() > 3 || !number.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    layers.wrapped = true;
    Some(rfc5424(rest, layers).unwrap_or(rest))
}

/// `1 2026-11-23T20:13:56Z host app procid msgid [data] text`
fn rfc5424<'a>(rest: &'a str, layers: &mut Layers<'a>) -> Option<&'a str> {
    let (stamp, rest) = word(rest.strip_prefix("1 ")?)?;
    let (host, rest) = word(rest)?;
    let (program, rest) = word(rest)?;
    let (_process, rest) = word(rest)?;
    let (_message, rest) = word(rest)?;
    let text = match rest.strip_prefix('-') {
        Some(text) => text,
        None => rest.starts_with('[').then(|| structured_data(rest)).flatten()?,
    };
    layers.stamp = stamp::full(stamp).map(|(stamp, _)| stamp).or(layers.stamp);
    layers.host = (host != "-").then_some(host);
    layers.program = (program != "-").then_some(program);
    let text = text.strip_prefix(' ').unwrap_or(text);
    Some(text.strip_prefix('\u{feff}').unwrap_or(text))
}

/// What follows `[id key="value"][…]`, where values may hold escaped brackets.
fn structured_data(text: &str) -> Option<&str> {
    let mut quoted = false;
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => quoted = !quoted,
            ']' if !quoted => {
                let rest = text.get(at + 1..)?;
                if !rest.starts_with('[') {
                    return Some(rest);
                }
            }
            _ => {}
        }
    }
    None
}

/// `[pod/web-0/web] text` of `kubectl logs --prefix`, or `[   12.345678] host ident[pid]: text` of the journal.
fn bracketed<'a>(line: &'a str, layers: &mut Layers<'a>) -> Option<&'a str> {
    let (inside, rest) = line.strip_prefix('[')?.split_once("] ")?;
    if let Some(names) = inside.strip_prefix("pod/") {
        let (pod, container) = names.rsplit_once('/')?;
        layers.pod = Some(pod);
        layers.program = Some(container);
        layers.wrapped = true;
        return Some(rest);
    }
    let monotonic = inside.trim_start();
    let number = !monotonic.is_empty() && monotonic.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let text = number.then(|| hosted(rest, layers)).flatten()?;
    layers.wrapped = true;
    Some(text)
}

/// Words before something known: `file:12:` of grep, `pod container` of stern, a node's name of `oc adm node-logs`.
fn led<'a>(line: &'a str, layers: &mut Layers<'a>) -> Option<&'a str> {
    let whole = line;
    let line = line.trim_start();
    if whole.starts_with(' ') && known(line) {
        return Some(line);
    }
    if line.starts_with("<Data>") {
        return priority(line, layers);
    }
    marked(line)
        .or_else(|| grep(line))
        .or_else(|| named(line, layers))
        .or_else(|| buried(line, layers))
}

/// A klog line behind what else a viewer shows before it: a time of its own form, an address, a bar. It must hold a time
/// of day or end with a mark, so that a sentence which quotes a log line is none.
fn buried<'a>(line: &'a str, layers: &mut Layers<'a>) -> Option<&'a str> {
    let head = line.get(..line.floor_char_boundary(BURIED)).unwrap_or(line);
    let origin = memchr::memmem::find(head.as_bytes(), b".go:")?;
    let starts = head.get(..origin)?.match_indices(['I', 'W', 'E', 'F']);
    let at = starts
        .map(|(at, _)| at)
        .find(|at| *at > 0 && line.get(*at..).is_some_and(|rest| klog::header(rest).is_ok()))?;
    let (before, rest) = line.split_at_checked(at)?;
    let clock = |word: &str| {
        word.split(':')
            .filter(|part| part.starts_with(|c: char| c.is_ascii_digit()))
            .count()
            > 1
    };
    let parted = before.ends_with([' ', '\t', '|', '>', '`']);
    let marked = before.trim_end().ends_with(['|', '>', '`', ':']);
    if !parted || !(marked || before.split_whitespace().any(clock)) {
        return None;
    }
    layers.wrapped = true;
    Some(rest)
}

/// How far into a line a header may lie.
const BURIED: usize = 240;

/// The marks that people's pastes put before something known: `>` of a quotation, a code span's backticks, a list's
/// bullet, the number of the line.
fn marked(line: &str) -> Option<&str> {
    const MARKS: [char; 6] = ['>', '`', '*', '-', '|', ' '];
    let rest = line.trim_start_matches(MARKS);
    let bare = rest.trim_start_matches(|c: char| c.is_ascii_digit());
    let number = bare.len() < rest.len() && bare.starts_with([' ', '\t']);
    let rest = if number { bare.trim_start() } else { rest };
    let text = if line.starts_with('`') {
        rest.trim_end_matches('`')
    } else {
        rest
    };
    (rest.len() < line.len() && known(rest)).then_some(text)
}

/// `path:`, `path:12:`, `12:`, `path-12-` and the like. A path with blanks is taken for one only before a known text.
fn grep(line: &str) -> Option<&str> {
    let mut from = 0;
    for _ in 0..8 {
        let at = from + memchr::memchr2(b':', b'-', line.as_bytes().get(from..)?)?;
        let (path, rest) = (line.get(..at)?, line.get(at + 1..)?);
        let dashed = line.as_bytes().get(at) == Some(&b'-');
        if path.contains(['"', '{', ' ']) && !path.starts_with('/') && !path.starts_with("./") {
            return None;
        }
        let marked = path.bytes().all(|b| b.is_ascii_digit())
            || path
                .rsplit([':', '-'])
                .next()
                .is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()))
            || (!dashed && (path.contains('/') || path.contains('.')));
        if at > 0 && marked && known(rest) && !known(line) {
            return Some(rest);
        }
        from = at + 1;
    }
    // Names of rotated files hold many dashes: look once more from the mark before the payload.
    let at = ["{\"", "I", "W", "E", "F"]
        .iter()
        .filter_map(|mark| {
            line.find(&format!(":{mark}"))
                .or_else(|| line.find(&format!(".log-{mark}")).map(|at| at + 4))
        })
        .min()?;
    let (path, rest) = (line.get(..at)?, line.get(at + 1..)?);
    (!path.contains(['"', '{', ' ']) && known(rest)).then_some(rest)
}

/// One to three names before something known: namespace, pod and container of stern; pod and container; a node.
fn named<'a>(line: &'a str, layers: &mut Layers<'a>) -> Option<&'a str> {
    let mut names = [""; 3];
    let mut rest = line;
    for count in 0..3 {
        let (name, after) = word(rest)?;
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '/' | '›' | '[' | ']' | ':');
        if !name.chars().all(fits) {
            return None;
        }
        *names.get_mut(count)? = name.trim_matches(['[', ']']);
        rest = after.trim_start();
        if known(rest) {
            match names.get(..=count)? {
                [.., pod, container] => {
                    layers.pod = Some(pod);
                    layers.program = Some(container.trim_end_matches(':'));
                }
                [node] => layers.host = Some(node.trim_end_matches(':')),
                [] => {}
            }
            layers.wrapped = true;
            return Some(rest);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const KLOG: &str = "I1123 20:13:56.123456       1 a.go:1] text";

    /// All layers taken off.
    fn bare(line: &str) -> (Layers<'_>, &str) {
        let (mut layers, mut rest) = (Layers::default(), line);
        while !klog::begins(rest.as_bytes())
            && let Some(inner) = layer(rest, &mut layers)
        {
            rest = inner;
        }
        (layers, rest)
    }

    #[test]
    fn each_wrapper_comes_off() {
        for before in [
            "2026-11-23T20:13:56.123456789Z stderr F ",
            "2026-11-23T20:13:56.123456789+01:00 stdout P ",
            "2026-11-23T20:13:56.123456789Z ",
            "Nov 23 20:13:56 node-1 kubelet[812]: ",
            "Nov  3 20:13:56.123456 node-1.example.com hyperkube[1]: ",
            "2026-11-23T20:13:56+0000 node-1 kubelet[812]: ",
            "2026-11-23T20:13:56.123456+01:00 NODE kubelet: ",
            "Mon 2026-11-23 20:13:56 CET node-1 kubelet[812]: ",
            "1763928836.123456 node-1 kubelet[812]: ",
            "[   12.345678] node-1 kubelet[812]: ",
            "<30>Nov 23 20:13:56 node-1 kubelet[812]: ",
            "<30>1 2026-11-23T20:13:56Z node-1 kubelet 812 - - ",
            "<30>1 2026-11-23T20:13:56Z node-1 kubelet 812 ID [a@1 b=\"]\"][c] ",
            "[pod/web-0/web] ",
            "master-0 Nov 23 20:13:56.123456 master-0 kubenswrapper[1]: ",
            "csi-attacher-0 csi-attacher ",
            "kube-system csi-attacher-0 csi-attacher 2026-11-23T20:13:56Z ",
            "17:",
            "logs/ns/pod/csi-attacher.log:2025-07-23T03:20:43.248292357-04:00 ",
            "kubelet.log:17:",
            "audit-2023-03-20T11-01-15.977.log:",
            "2026-11-23T20:13:56Z {app=\"kcm\", pod=\"x\"} ",
        ] {
            assert_eq!(bare(&format!("{before}{KLOG}")).1, KLOG, "{before}");
        }
    }

    #[test]
    fn wrappers_tell_who_and_where() {
        let line = format!("Nov 23 20:13:56 node-1 kubelet[812]: {KLOG}");
        let (layers, _) = bare(&line);
        assert_eq!((layers.host, layers.program), (Some("node-1"), Some("kubelet")));
        let line = format!("[pod/web-0/web] 2026-11-23T20:13:56Z {KLOG}");
        let (layers, _) = bare(&line);
        assert_eq!((layers.pod, layers.program), (Some("web-0"), Some("web")));
        assert!(layers.stamp.and_then(Stamp::dated).is_some());
        let line = format!("2026-11-23T20:13:56Z stderr P {KLOG}");
        let (layers, _) = bare(&line);
        assert_eq!((layers.stream, layers.part), ("stderr", true));
    }

    #[test]
    fn other_text_is_left_alone() {
        for text in [
            "Warning  FailedMount  2m (x270 over 2d11h)  kubelet, node-1  Unable to attach",
            "goroutine 1 [running]:",
            "some text: with a colon",
            "\tindented",
            "2026-11-23 is a date",
            "",
        ] {
            assert_eq!(layer(text, &mut Layers::default()), None, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn every_layer_shortens_and_none_panics(line in "(<[0-9]{1,3}>|[0-9]{4}-11-23T20:13:56Z |Nov 23 20:13:56 |\\[pod/|a.b:|)\\PC{0,60}") {
            if let Some(rest) = layer(&line, &mut Layers::default()) {
                proptest::prop_assert!(rest.len() < line.len());
                proptest::prop_assert!(line.ends_with(rest) || line.contains(rest));
            }
        }
    }
}
