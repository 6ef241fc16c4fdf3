//! klog lines: the header taken off, a structured tail taken apart.
//!
//! In: the text of one record, wrappers off, continuation lines joined. Out: [`Header`] (with the date as written: no
//! year, no zone), the message, and its `key=value` pairs unquoted. Reads the plain, structured and contextual styles of
//! klog v1 and v2 in Kubernetes 1.8 to 1.36, and headers whose blanks were lost in copying.

use std::borrow::Cow;

use nom::branch::alt;
use nom::bytes::complete::{tag, take_while, take_while_m_n, take_while1};
use nom::character::complete::{char, one_of};
use nom::combinator::{map, map_opt, recognize};
use nom::sequence::{delimited, preceded, terminated};
use nom::{IResult, Parser};

use super::Severity;
use super::when::Civil;

/// What stands before `] ` of a klog line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header<'a> {
    /// Severity letter.
    pub severity: Severity,
    /// Month, day and time of day as written.
    pub written: Civil,
    /// Source file's base name.
    pub file: &'a str,
    /// Line in it.
    pub file_line: u32,
}

fn digits(count: usize) -> impl Fn(&str) -> IResult<&str, u32> {
    move |text| {
        let number = |digits: &str| digits.parse().ok();
        map_opt(take_while_m_n(count, count, |c: char| c.is_ascii_digit()), number).parse(text)
    }
}

fn blanks(text: &str) -> IResult<&str, &str> {
    take_while(|c| c == ' ' || c == '\t' || c == '\u{a0}')(text)
}

fn severity(text: &str) -> IResult<&str, Severity> {
    map(one_of("IWEF"), |letter| match letter {
        'I' => Severity::Info,
        'W' => Severity::Warning,
        'E' => Severity::Error,
        _ => Severity::Fatal,
    })
    .parse(text)
}

/// `20:13:56.123456`
fn clock(text: &str) -> IResult<&str, i64> {
    let (text, hour) = terminated(digits(2), char(':')).parse(text)?;
    let (text, minute) = terminated(digits(2), char(':')).parse(text)?;
    let (text, second) = terminated(digits(2), char('.')).parse(text)?;
    let (text, micros) = digits(6).parse(text)?;
    let seconds = i64::from(hour) * 3600 + i64::from(minute) * 60 + i64::from(second);
    Ok((text, seconds * 1_000_000 + i64::from(micros)))
}

/// `path/to/file.go:123]`
fn origin(text: &str) -> IResult<&str, (&str, u32)> {
    let mut name = take_while1(|c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '/'));
    let (text, file) = name.parse(text)?;
    let number = map_opt(take_while1(|c: char| c.is_ascii_digit()), |digits: &str| {
        digits.parse().ok()
    });
    let (text, line) = delimited(char(':'), number, char(']')).parse(text)?;
    Ok((text, (file.rsplit('/').next().unwrap_or(file), line)))
}

/// Reads a header; the rest is the message, the blank after `]` taken off.
///
/// # Errors
/// A text that does not begin with a klog header, or whose date or time of day does not exist.
pub fn header(text: &str) -> IResult<&str, Header<'_>> {
    let (rest, severity) = severity(text)?;
    let (rest, month) = digits(2).parse(rest)?;
    let (rest, day) = terminated(digits(2), blanks).parse(rest)?;
    let (rest, micros) = terminated(clock, blanks).parse(rest)?;
    let (rest, written) = match Civil::new(month, day, micros) {
        Some(written) => (rest, written),
        None => {
            return Err(nom::Err::Error(nom::error::Error::new(
                text,
                nom::error::ErrorKind::Verify,
            )));
        }
    };
    let (rest, _thread) = terminated(take_while(|c: char| c.is_ascii_digit()), blanks).parse(rest)?;
    let (rest, (file, file_line)) = origin(rest)?;
    let rest = rest.strip_prefix(' ').unwrap_or(rest);
    Ok((
        rest,
        Header {
            severity,
            written,
            file,
            file_line,
        },
    ))
}

/// Whether a line begins like a klog header: a test cheap enough for every line.
#[must_use]
pub fn begins(line: &[u8]) -> bool {
    match line {
        [b'I' | b'W' | b'E' | b'F', digits @ ..] => {
            digits.len() > 14 && digits.iter().take(4).all(u8::is_ascii_digit) && has_clock(digits)
        }
        _ => false,
    }
}

/// The lines that a text without line ends holds, if it begins with a header and others follow outside of quotes.
#[must_use]
pub fn apart(text: &str) -> Option<impl Iterator<Item = &str>> {
    // Most lines hold no second place in the sources.
    let places = memchr::memmem::find_iter(text.as_bytes(), ".go:").take(2).count();
    if places < 2 || !begins(text.as_bytes()) {
        return None;
    }
    let (mut quoted, mut escaped) = (false, false);
    let mut ends = Vec::new();
    for (at, byte) in text.bytes().enumerate().skip(1) {
        quoted ^= byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        let rest = text.get(at..).filter(|rest| !quoted && begins(rest.as_bytes()));
        if rest.is_some_and(|rest| header(rest).is_ok()) {
            ends.push(at);
        }
    }
    if ends.is_empty() {
        return None;
    }
    ends.push(text.len());
    let mut from = 0;
    let lines = ends
        .into_iter()
        .filter_map(move |to| text.get(std::mem::replace(&mut from, to)..to));
    Some(lines.map(str::trim_end))
}

/// `hh:mm:ss.` within the blanks after the date.
fn has_clock(after: &[u8]) -> bool {
    let clock = after.get(4..).unwrap_or_default().trim_ascii_start();
    clock.get(..9).is_some_and(|clock| has_form(clock, b"dd:dd:dd."))
}

/// Whether bytes are like a form of the same length, in which `d` stands for a digit.
pub(super) fn has_form(bytes: &[u8], form: &[u8]) -> bool {
    bytes.iter().zip(form).all(|(byte, form)| match form {
        b'd' => byte.is_ascii_digit(),
        mark => byte == mark,
    })
}

/// A message and its pairs.
pub type Taken<'a> = (Cow<'a, str>, Vec<(&'a str, Cow<'a, str>)>);

/// Takes a structured message apart; a plain one comes back whole, without pairs.
#[must_use]
pub fn message(text: &str) -> Taken<'_> {
    match structured(text) {
        Some(taken) => taken,
        None => (Cow::Borrowed(text), Vec::new()),
    }
}

/// `"message" key=value …`; `None` where the text is not of that form.
fn structured(text: &str) -> Option<Taken<'_>> {
    let (rest, message) = quoted(text).ok()?;
    let pairs = pairs(rest);
    // What has no pair behind a quoted word is a plain text, but for a word that may be the beginning of a key.
    let rest = rest.trim_matches([' ', '\n']);
    let is_cut = message.contains(' ') && key(rest).is_ok_and(|(after, _)| after.is_empty());
    let whole = !pairs.is_empty() || rest.is_empty() || is_cut;
    whole.then_some((message, pairs))
}

/// The pairs at the beginning of a text, up to one that was cut inside its key or is none.
#[must_use]
pub fn pairs(text: &str) -> Vec<(&str, Cow<'_, str>)> {
    let (mut pairs, mut rest) = (Vec::new(), text);
    while let Ok((after, pair)) = pair(rest.trim_start_matches([' ', '\n'])) {
        pairs.push(pair);
        rest = after;
    }
    pairs
}

/// The value of a key among pairs.
#[must_use]
pub fn value<'p, 't>(pairs: &'p [(&'t str, Cow<'t, str>)], key: &str) -> Option<&'p Cow<'t, str>> {
    pairs.iter().find(|(known, _)| *known == key).map(|(_, value)| value)
}

fn pair(text: &str) -> IResult<&str, (&str, Cow<'_, str>)> {
    let (text, key) = terminated(key, char('=')).parse(text)?;
    let (text, value) = alt((multi_line, quoted, unclosed, map(bare, Cow::Borrowed))).parse(text)?;
    Ok((text, (key, value)))
}

fn key(text: &str) -> IResult<&str, &str> {
    let plain = take_while1(|c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | ':'));
    let quoted = recognize(delimited(char('"'), take_while1(|c| c != '"' && c != '\n'), char('"')));
    alt((plain, quoted)).parse(text)
}

/// klog's form for values with newlines: `<`, lines indented by a tab, ` >`.
fn multi_line(text: &str) -> IResult<&str, Cow<'_, str>> {
    let (body, _) = tag("<\n").parse(text)?;
    let (body, rest) = match body.find("\n >") {
        Some(end) => (body.get(..end).unwrap_or(body), body.get(end + 3..).unwrap_or_default()),
        None => (body, ""),
    };
    let lines: Vec<&str> = body
        .split('\n')
        .map(|line| line.strip_prefix('\t').unwrap_or(line))
        .collect();
    Ok((rest, Cow::Owned(lines.join("\n"))))
}

/// A Go-quoted string, unescaped.
fn quoted(text: &str) -> IResult<&str, Cow<'_, str>> {
    let (body, _) = char('"').parse(text)?;
    match closing(body) {
        Some(end) => {
            let inner = body.get(..end).unwrap_or_default();
            Ok((body.get(end + 1..).unwrap_or_default(), unescape(inner)))
        }
        None => Err(nom::Err::Error(nom::error::Error::new(
            text,
            nom::error::ErrorKind::Char,
        ))),
    }
}

/// A quoted string whose end was cut off: what is there.
fn unclosed(text: &str) -> IResult<&str, Cow<'_, str>> {
    let (rest, body) = preceded(char('"'), nom::combinator::rest).parse(text)?;
    Ok((rest, unescape(body)))
}

/// Where an escaped string closes.
fn closing(body: &str) -> Option<usize> {
    let bytes = body.as_bytes();
    let mut from = 0;
    loop {
        let at = from + memchr::memchr2(b'"', b'\\', bytes.get(from..)?)?;
        if bytes.get(at) == Some(&b'"') {
            return Some(at);
        }
        from = at + 2;
    }
}

/// An unquoted value: up to the next blank outside of brackets; where brackets never close, up to the next `key=`.
#[expect(clippy::unnecessary_wraps, reason = "nom's parsers have this form")]
fn bare(text: &str) -> IResult<&str, &str> {
    let end = balanced(text).or_else(|| next_key(text)).unwrap_or(text.len());
    Ok((text.get(end..).unwrap_or_default(), text.get(..end).unwrap_or(text)))
}

fn balanced(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let (mut depth, mut at) = (0_u32, 0);
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'{' | b'[' | b'(' => depth += 1,
            b'}' | b']' | b')' => depth = depth.checked_sub(1)?,
            b'"' => at += 1 + closing(text.get(at + 1..)?)?,
            b' ' | b'\n' if depth == 0 => return Some(at),
            _ => {}
        }
        at += 1;
    }
    (depth == 0).then_some(text.len())
}

fn next_key(text: &str) -> Option<usize> {
    memchr::memchr_iter(b' ', text.as_bytes()).find(|&at| {
        text.get(at + 1..)
            .is_some_and(|rest| terminated(key, char('=')).parse(rest).is_ok())
    })
}

/// Takes Go's escapes back; borrowed where there are none.
#[must_use]
pub fn unescape(text: &str) -> Cow<'_, str> {
    if memchr::memchr(b'\\', text.as_bytes()).is_none() {
        return Cow::Borrowed(text);
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
        bytes.extend_from_slice(rest.get(..at).unwrap_or_default().as_bytes());
        rest = escape(rest.get(at + 1..).unwrap_or_default(), &mut bytes);
    }
    bytes.extend_from_slice(rest.as_bytes());
    Cow::Owned(match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    })
}

/// One escape after its backslash; gives what follows it.
fn escape<'a>(after: &'a str, into: &mut Vec<u8>) -> &'a str {
    let mut chars = after.chars();
    let Some(letter) = chars.next() else {
        into.push(b'\\');
        return after;
    };
    let rest = chars.as_str();
    let byte = match letter {
        'n' => b'\n',
        't' => b'\t',
        'r' => b'\r',
        'a' => 7,
        'b' => 8,
        'v' => 11,
        'f' => 12,
        'x' => return coded(rest, 2, into),
        'u' => return coded(rest, 4, into),
        'U' => return coded(rest, 8, into),
        other => {
            into.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes());
            return rest;
        }
    };
    into.push(byte);
    rest
}

/// `\xNN` is a byte, `\uNNNN` and `\UNNNNNNNN` are characters.
fn coded<'a>(rest: &'a str, width: usize, into: &mut Vec<u8>) -> &'a str {
    let Some(code) = rest
        .get(..width)
        .and_then(|digits| u32::from_str_radix(digits, 16).ok())
    else {
        return rest;
    };
    match u8::try_from(code) {
        Ok(byte) if width == 2 => into.push(byte),
        _ => {
            let letter = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
            into.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
        }
    }
    rest.get(width..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str) -> Vec<(String, String)> {
        message(text)
            .1
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value.into_owned()))
            .collect()
    }

    fn own(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn a_plain_header_is_taken_off() {
        let (rest, head) = header("W0421 19:54:28.043345       1 reconciler.go:222] attach started").unwrap();
        assert_eq!(
            (head.severity, head.file, head.file_line),
            (Severity::Warning, "reconciler.go", 222)
        );
        assert_eq!(
            head.written,
            Civil::new(4, 21, ((19 * 60 + 54) * 60 + 28) * 1_000_000 + 43_345).unwrap()
        );
        assert_eq!(rest, "attach started");
    }

    #[test]
    fn a_header_whose_blanks_were_lost_is_still_one() {
        let text = "E0917 03:48:27.3614121nestedpendingoperations.go:301] Operation failed";
        let (rest, head) = header(text).unwrap();
        assert_eq!((head.file, rest), ("nestedpendingoperations.go", "Operation failed"));
        assert!(begins(text.as_bytes()));
    }

    #[test]
    fn other_lines_are_no_headers() {
        for text in [
            "",
            "I",
            "I1332 25:00:00.000000 1 a.go:1] x",
            "Info: 1",
            "E0917 03:48:27 a.go:1] x",
            "\tstack",
        ] {
            assert!(header(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_structured_tail_gives_its_pairs() {
        let text = r#""Event occurred" logger="pv-c" object="a/b" err="x \"y\"\n" count=3 list=[{"name":"v 1","path":""}] ok=<nil>"#;
        assert_eq!(message(text).0, "Event occurred");
        assert_eq!(
            pairs(text),
            own(&[
                ("logger", "pv-c"),
                ("object", "a/b"),
                ("err", "x \"y\"\n"),
                ("count", "3"),
                ("list", r#"[{"name":"v 1","path":""}]"#),
                ("ok", "<nil>"),
            ])
        );
    }

    #[test]
    fn values_of_several_lines_end_at_their_mark() {
        let text = "\"Failed\" err=<\n\tfirst\n\t\tsecond\n > pod=\"a/b\"";
        assert_eq!(pairs(text), own(&[("err", "first\n\tsecond"), ("pod", "a/b")]));
    }

    #[test]
    fn cut_tails_give_what_is_whole_and_the_rest_of_the_cut_value() {
        assert_eq!(
            pairs(r#""Failed" a="b" err="rpc error: co"#),
            own(&[("a", "b"), ("err", "rpc error: co")])
        );
        assert_eq!(pairs(r#""Failed" a="b" er"#), own(&[("a", "b")]));
        assert_eq!(
            pairs(r#""Failed" volume={"a":[1,2 node="n""#),
            own(&[("volume", r#"{"a":[1,2"#), ("node", "n")])
        );
    }

    #[test]
    fn a_plain_message_that_begins_with_a_quote_stays_plain() {
        let text = r#""kube-system" is a namespace"#;
        assert_eq!(message(text), (Cow::Borrowed(text), vec![]));
    }

    #[test]
    fn escapes_are_taken_back() {
        assert_eq!(
            unescape(r#"a\"b\\c\n\x41\u00e9\U0001f600\q"#),
            "a\"b\\c\nA\u{e9}\u{1f600}q"
        );
        assert_eq!(unescape(r"cut \"), "cut \\");
        assert_eq!(unescape(r"\xff"), "\u{fffd}");
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[IWEF]?[0-9 :.]{0,25}\\PC{0,60}[\"\\\\\n={\\[<>]{0,9}\\PC{0,9}") {
            let _ = header(&text);
            let _ = begins(text.as_bytes());
            let _ = message(&text);
        }

        #[test]
        fn quoted_values_come_back(values in proptest::collection::vec("\\PC{0,20}\n?", 1..5)) {
            let tail: String = values.iter().map(|value| format!(" key={value:?}")).collect();
            let found: Vec<String> = message(&format!("\"m\"{tail}")).1.iter().map(|(_, v)| v.to_string()).collect();
            // Rust's and Go's escapes are the same for these, but for Rust's \u{…}.
            let same = !tail.contains("\\u{");
            proptest::prop_assert!(!same || found == values);
        }
    }
}
