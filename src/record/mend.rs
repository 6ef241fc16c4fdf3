//! JSON that was cut or spoilt in copying, made whole again as far as it goes.
//!
//! In: text that begins like JSON and does not parse. Out: valid JSON with what can be read: typographic quotes turned
//! back, the member that was cut dropped, open brackets closed. Of a text that was cut (a log line, an event inside a
//! string) the beginning is kept; half a name or half a stamp would be a wrong one. Long audit events arrive cut from
//! several clouds (`[Truncated...]`), and people paste the head of a line.

use serde_json::value::RawValue;

/// Quotes as word processors set them.
const CURLED: [char; 5] = ['\u{201c}', '\u{201d}', '\u{201e}', '\u{201f}', '\u{ff02}'];

/// Whether a text holds such quotes.
#[must_use]
pub fn is_curled(text: &str) -> bool {
    // Their first bytes are rare: most texts are told by those alone.
    memchr::memchr2(0xe2, 0xef, text.as_bytes()).is_some() && text.contains(CURLED)
}

/// Whether a text that ends like JSON may be none, as it was copied.
#[must_use]
pub fn is_spoilt(text: &str) -> bool {
    is_curled(text) || memchr::memchr(b'\t', text.as_bytes()).is_some()
}

/// The text with such quotes turned back.
#[must_use]
pub fn straight(text: &str) -> String {
    text.replace(CURLED, "\"")
}

/// Whether a text is one JSON value.
#[must_use]
pub fn is_whole(text: &str) -> bool {
    serde_json::from_str::<&RawValue>(text).is_ok()
}

/// The text made whole; `None` where it is no JSON at all, or nesting exceeds `depth`.
#[must_use]
pub fn mend(text: &str, depth: usize) -> Option<String> {
    if !text.starts_with('{') {
        return None;
    }
    // A tab stands for a blank, outside of a string and, where it was spoilt, in one.
    let straight = straight(text).replace('\t', " ");
    if straight != text && is_whole(&straight) {
        return Some(straight);
    }
    let whole = close(&straight, depth)?;
    is_whole(&whole).then_some(whole)
}

/// How deep brackets nest in a text, those in strings left out.
#[must_use]
pub fn depth(text: &str) -> usize {
    let bytes = text.as_bytes();
    let (mut depth, mut deepest, mut at) = (0_usize, 0, 0);
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'{' | b'[' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            b'"' => match string_end(bytes, at + 1) {
                Some(end) => at = end,
                None => return deepest,
            },
            _ => {}
        }
        at += 1;
    }
    deepest
}

/// Where the scan stands in an object.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Seen {
    /// A value is complete (or none has begun): a cut here is clean.
    Whole,
    /// A key, a colon or a comma stands open.
    Half,
}

/// Cuts after the last complete value and closes what is open.
fn close(text: &str, depth: usize) -> Option<String> {
    let bytes = text.as_bytes();
    let mut open: Vec<u8> = Vec::new();
    // The end of the longest prefix that closing brackets make whole, and the brackets open there.
    let mut clean: (usize, Vec<u8>) = (0, Vec::new());
    let mut seen = Seen::Half;
    let mut key = false;
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'{' | b'[' => {
                open.push(byte);
                if open.len() > depth {
                    return None;
                }
                key = byte == b'{';
                seen = Seen::Whole;
            }
            b'}' | b']' => {
                open.pop()?;
                key = false;
                seen = Seen::Whole;
                if open.is_empty() {
                    return text.get(..=at).map(str::to_owned);
                }
            }
            b',' => {
                key = open.last() == Some(&b'{');
                seen = Seen::Half;
            }
            b':' => {
                key = false;
                seen = Seen::Half;
            }
            b'"' => match string_end(bytes, at + 1) {
                Some(end) => {
                    at = end;
                    seen = if key { Seen::Half } else { Seen::Whole };
                }
                None if key || !is_text(text.get(at + 1..)?) => break,
                None => return Some(closed(&cut_string(text), &open)),
            },
            b' ' | b'\t' | b'\n' | b'\r' => {}
            _ => {
                let word = bytes
                    .get(at..)?
                    .iter()
                    .take_while(|b| b.is_ascii_alphanumeric() || b"+-.".contains(b))
                    .count();
                let ended = bytes.get(at + word).is_some();
                if word == 0 || !ended {
                    break;
                }
                at += word - 1;
                seen = Seen::Whole;
            }
        }
        at += 1;
        if seen == Seen::Whole {
            clean.0 = at;
            clean.1.clone_from(&open);
        }
    }
    Some(closed(text.get(..clean.0)?, &clean.1))
}

/// Where the string that begins at `from` ends: at its closing quote.
fn string_end(bytes: &[u8], mut from: usize) -> Option<usize> {
    loop {
        let at = from + memchr::memchr2(b'"', b'\\', bytes.get(from..)?)?;
        if bytes.get(at) == Some(&b'"') {
            return Some(at);
        }
        from = at + 2;
    }
}

/// Whether a string is a text, of which a beginning tells something; not a name, a path, a number or a stamp.
fn is_text(string: &str) -> bool {
    let stamp = string.starts_with(|c: char| c.is_ascii_digit());
    string.starts_with('{') || !stamp && string.contains(' ')
}

/// A text that ends inside a string, with the string closed; half an escape at its end is dropped.
fn cut_string(text: &str) -> String {
    let mut text = text.to_owned();
    let tail = text.rfind('\\').map(|at| (at, text.len() - at));
    if let Some((at, length)) = tail {
        let slashes = text
            .get(..=at)
            .map_or(0, |head| head.bytes().rev().take_while(|b| *b == b'\\').count());
        let unicode = text.as_bytes().get(at + 1) == Some(&b'u');
        if slashes % 2 == 1 && (length == 1 || (unicode && length < 6)) {
            text.truncate(at);
        }
    }
    text.retain(|c| !c.is_control());
    text.push('"');
    text
}

fn closed(text: &str, open: &[u8]) -> String {
    let mut whole = text.to_owned();
    whole.extend(
        open.iter()
            .rev()
            .map(|bracket| if *bracket == b'{' { '}' } else { ']' }),
    );
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_is_closed() {
        for (cut, whole) in [
            (r#"{"a":1,"b":{"c":"d","#, r#"{"a":1,"b":{"c":"d"}}"#),
            (r#"{"a":[1,2"#, r#"{"a":[1]}"#),
            (r#"{"a":"half a str"#, r#"{"a":"half a str"}"#),
            (r#"{"a":"half \"#, r#"{"a":"half "}"#),
            (r#"{"a":1,"key"#, r#"{"a":1}"#),
            (r#"{"a":1,"key":"#, r#"{"a":1}"#),
            (r#"{"a":1,"name":"csi-70b3"#, r#"{"a":1}"#),
            (r#"{"a":1,"at":"2022-08-02 17:0"#, r#"{"a":1}"#),
            (r#"{"a":tru"#, "{}"),
            (r#"{"a":1}[Truncated...]"#, r#"{"a":1}"#),
        ] {
            assert_eq!(mend(cut, 9).as_deref(), Some(whole), "{cut}");
        }
    }

    #[test]
    fn typographic_quotes_are_turned_back() {
        assert_eq!(
            mend("{\"a\u{201d}:[\u{201c}b\u{201d}],\u{201d}c\":\"d e", 9).as_deref(),
            Some(r#"{"a":["b"],"c":"d e"}"#)
        );
    }

    #[test]
    fn tabs_within_words_are_blanks() {
        assert!(is_spoilt("{\"a\":\"b\tc\"}"));
        assert_eq!(mend("{\"a\":\"b\tc\"}", 9).as_deref(), Some(r#"{"a":"b c"}"#));
    }

    #[test]
    fn deep_nesting_and_other_text_are_refused() {
        assert_eq!(mend(&"{\"a\":".repeat(10), 9), None);
        assert_eq!(mend("not json", 9), None);
    }

    proptest::proptest! {
        #[test]
        fn every_cut_of_a_document_can_be_mended(at in 1_usize..120) {
            let text = r#"{"kind":"Event","n":-1.5e3,"ok":true,"l":[{"a":"é\u00e9\n\\"},null],"o":{"p":{}},"end":"x"}"#;
            let cut: String = text.chars().take(at).collect();
            proptest::prop_assert!(mend(&cut, 9).is_some_and(|whole| is_whole(&whole)), "{}", cut);
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\{[\"\\\\{}\\[\\]:,a1 \u{201c}é]{0,40}") {
            let _ = mend(&text, 5);
        }
    }
}
