//! Rows of tables of events, as `kubectl describe`, `kubectl get events` and `kubectl events` of all releases print them.
//!
//! In: a line. Out: a [`Row`], its columns told apart by their words: pasting changes blanks and tabs.

use crate::time::Span;

/// Kinds of objects as event tables write them, and as the API does.
const TABLE_KINDS: [(&str, &str); 7] = [
    ("pod", "Pod"),
    ("node", "Node"),
    ("persistentvolumeclaim", "PersistentVolumeClaim"),
    ("persistentvolume", "PersistentVolume"),
    ("volumeattachment", "VolumeAttachment"),
    ("lease", "Lease"),
    ("endpoints", "Endpoints"),
];

/// A row's columns behind type and reason.
pub struct Row<'t> {
    /// How long ago it was.
    pub age: Span,
    /// How often it was counted.
    pub count: u32,
    /// Who told it.
    pub from: &'t str,
    /// On which machine.
    pub host: &'t str,
    /// The namespace, where the table has it.
    pub namespace: &'t str,
    /// `pod/web-0`, where the table names objects.
    pub object: Option<&'t str>,
    /// The pod, where its kind stands in a column of its own.
    pub pod: &'t str,
    /// Where the message begins.
    pub message_at: usize,
    /// Where it ends, at most.
    pub message_end: usize,
}

/// A word and where it begins in its line.
type Word<'t> = (usize, &'t str);

/// A row that tells nothing, whose message goes to the end of the line.
const BLANK: Row<'static> = Row {
    age: Span::ZERO,
    count: 1,
    from: "",
    host: "",
    namespace: "",
    object: None,
    pod: "",
    message_at: usize::MAX,
    message_end: usize::MAX,
};

impl<'t> Row<'t> {
    /// A row of `kubectl describe` or `kubectl get events` and its reason, columns apart by any number of blanks; `wide`
    /// where the source stands before the message.
    #[must_use]
    pub fn of(text: &'t str, wide: bool) -> Option<(Row<'t>, &'t str)> {
        let words = words(text);
        let at = words
            .iter()
            .take(9)
            .position(|(_, word)| matches!(*word, "Normal" | "Warning"))?;
        let (before, rest) = words.split_at_checked(at)?;
        let reason = rest
            .get(1)
            .map(|(_, word)| *word)
            .filter(|word| word.bytes().all(|b| b.is_ascii_alphanumeric()))?;
        let kind = |word: &str| TABLE_KINDS.iter().any(|(_, known)| *known == word);
        let row = match rest.get(2)?.1 {
            next if is_age(next) => Row::described(rest.get(2..)?),
            next if kind_of(next).is_some() => Row::listed(before, rest.get(2..)?, wide),
            _ if before.get(4).is_some_and(|(_, word)| kind(word)) => Row::listed_of_old(before, rest.get(2..)?),
            _ if before.iter().any(|(_, word)| is_age(word)) => Row::of_old(before, rest.get(2..)?),
            _ => return None,
        };
        Some((row, reason))
    }

    /// `56s (x15 over 15m)  kubelet, node-1  Message`: `kubectl describe` since 1.8.
    fn described(words: &[Word<'t>]) -> Row<'t> {
        let mut words = words.iter().copied().peekable();
        let age = words.next().and_then(|(_, word)| age(word)).unwrap_or(Span::ZERO);
        let mut count = 1;
        if let Some((_, times)) = words.next_if(|(_, word)| word.starts_with("(x")) {
            count = times.get(2..).and_then(|text| text.parse().ok()).unwrap_or(1);
            while words.next_if(|(_, word)| !word.ends_with(')')).is_some() {}
            words.next();
        }
        let (from, host) = source(&mut words);
        let message_at = words.next().map_or(usize::MAX, |(at, _)| at);
        Row {
            age,
            count,
            from,
            host,
            message_at,
            ..BLANK
        }
    }

    /// `app  56s  Warning  Reason  pod/web-0  Message`: `kubectl get events`, with `-o wide` the source in between.
    fn listed(before: &[Word<'t>], words: &[Word<'t>], wide: bool) -> Row<'t> {
        let tail = tail(words).filter(|_| wide);
        let mut words = words.iter().copied().peekable();
        let object = words.next().map(|(_, word)| word);
        let (mut from, mut host) = ("", "");
        if wide {
            words.next_if(|(_, word)| word.contains("spec.") && word.contains('{'));
            (from, host) = source(&mut words);
        }
        let last = before.iter().find_map(|(_, word)| age(word)).unwrap_or(Span::ZERO);
        // `kubectl events` tells how often behind the age: `56s (x15 over 15m)`.
        let times = before
            .iter()
            .find_map(|(_, word)| word.strip_prefix("(x")?.parse().ok());
        let namespace = before.first().map_or("", |(_, word)| word);
        let namespace = if is_age(namespace) { "" } else { namespace };
        let message_at = words.next().map_or(usize::MAX, |(at, _)| at);
        Row {
            age: last,
            count: times.or(tail.map(|(_, count)| count)).unwrap_or(1),
            from,
            host,
            namespace,
            object,
            message_at,
            message_end: tail.map_or(usize::MAX, |(at, _)| at),
            ..BLANK
        }
    }

    /// `56s  15m  15  web-0.15d1a2  Pod  …  Warning  Reason  kubelet, node-1  Message`: `kubectl get events` up to 1.13.
    fn listed_of_old(before: &[Word<'t>], words: &[Word<'t>]) -> Row<'t> {
        let word = |at: usize| before.get(at).map_or("", |(_, word)| *word);
        let mut words = words.iter().copied().peekable();
        let (from, host) = source(&mut words);
        let event = word(3);
        Row {
            age: age(word(0)).unwrap_or(Span::ZERO),
            count: word(2).parse().unwrap_or(1),
            from,
            host,
            pod: event.rsplit_once('.').map_or(event, |(name, _)| name),
            message_at: words.next().map_or(usize::MAX, |(at, _)| at),
            ..BLANK
        }
    }

    /// `15m  56s  15  kubelet, node-1  …  Warning  Reason  Message`: `kubectl describe` up to 1.7.
    fn of_old(before: &[Word<'t>], words: &[Word<'t>]) -> Row<'t> {
        let mut head = before.iter().copied().peekable();
        head.next();
        let age = head.next().and_then(|(_, word)| age(word)).unwrap_or(Span::ZERO);
        let count = head.next().and_then(|(_, word)| word.parse().ok()).unwrap_or(1);
        let (from, host) = source(&mut head);
        let message_at = words.first().map_or(usize::MAX, |(at, _)| *at);
        Row {
            age,
            count,
            from,
            host,
            message_at,
            ..BLANK
        }
    }
}

/// Where the columns behind a wide table's messages begin: the first time as an age, the count, the event's name; and
/// the count.
fn tail(words: &[Word<'_>]) -> Option<(usize, u32)> {
    let [.., (at, first), (_, count), (_, name)] = words else {
        return None;
    };
    let sound = is_age(first) && name.contains('.');
    count.parse().ok().filter(|_| sound).map(|count| (*at, count))
}

/// Kind and name of `pod/web-0`.
#[must_use]
pub fn kind_of(object: &str) -> Option<(&'static str, &str)> {
    let (kind, name) = object.split_once('/')?;
    let (_, known) = TABLE_KINDS.iter().find(|(table, _)| table.eq_ignore_ascii_case(kind))?;
    Some((known, name))
}

/// An event's source: a component, with its host behind a comma; up to 1.4 `{kubelet node-1}`.
fn source<'t>(words: &mut std::iter::Peekable<impl Iterator<Item = Word<'t>>>) -> (&'t str, &'t str) {
    let from = words.next().map_or("", |(_, word)| word);
    if let Some(component) = from.strip_prefix('{') {
        if let Some(component) = component.strip_suffix('}') {
            return (component, "");
        }
        let host = words.next().map_or("", |(_, word)| word.trim_end_matches('}'));
        return (component, host);
    }
    // Where the host was taken out, the message follows.
    let is_host = |(_, word): &Word<'_>| match word.as_bytes() {
        [b'A'..=b'Z', b'a'..=b'z', ..] => word.bytes().any(|byte| byte.is_ascii_digit()),
        _ => true,
    };
    match from.strip_suffix(',') {
        Some(component) => (component, words.next_if(is_host).map_or("", |(_, word)| word)),
        None => (from, ""),
    }
}

/// The words of a line, each with its place.
fn words(text: &str) -> Vec<Word<'_>> {
    let base = text.as_ptr() as usize;
    text.split_whitespace()
        .map(|word| (word.as_ptr() as usize - base, word))
        .collect()
}

fn is_age(word: &str) -> bool {
    age(word).is_some() || word == "<unknown>" || word == "<invalid>"
}

/// An age as kubectl prints it: `56s`, `2m24s`, `4d15h`, `2y30d`.
fn age(word: &str) -> Option<Span> {
    let mut seconds: i64 = 0;
    let mut number: Option<i64> = None;
    for c in word.chars() {
        if let Some(digit) = c.to_digit(10) {
            number = Some(number.unwrap_or(0).checked_mul(10)?.checked_add(i64::from(digit))?);
            continue;
        }
        let unit = match c {
            's' => 1,
            'm' => 60,
            'h' => 3600,
            'd' => 86_400,
            'y' => 31_536_000,
            _ => return None,
        };
        seconds = seconds.checked_add(number.take()?.checked_mul(unit)?)?;
    }
    (number.is_none() && seconds > 0 && seconds < 3_153_600_000).then(|| Span::secs(seconds))
}
