//! Small text tools that the rest of `fact` shares: Go-quoted strings, names, telling excerpts.
//!
//! In: text as somebody wrote it. Out: the same text unescaped, interned or made safe to print. Nothing here knows
//! what a message means.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};

use rustc_hash::FxHashSet;

use super::Name;

/// The most bytes of a line that a fact keeps as its telling part.
pub const TELLING: usize = 400;

/// Hands out one shared [`Name`] for each text.
#[derive(Debug, Default)]
pub struct Names {
    known: FxHashSet<Name>,
    /// What others that read at the same time hand out too.
    all: Option<Arc<Mutex<FxHashSet<Name>>>>,
}

impl Names {
    /// The shared name of that text, control characters neutralised; `None` for an empty one.
    pub fn get(&mut self, text: &str) -> Option<Name> {
        if text.is_empty() {
            return None;
        }
        if let Some(name) = self.known.get(text) {
            return Some(name.clone());
        }
        let clean = harmless(text);
        let name = match &self.all {
            Some(all) => interned(&mut all.lock().unwrap_or_else(PoisonError::into_inner), &clean),
            None => Name::from(clean.as_ref()),
        };
        self.known.insert(name.clone());
        Some(name)
    }

    /// Names for another reader of the same bundle, which runs at the same time.
    #[must_use]
    pub fn another(&mut self) -> Names {
        let all = self.all.get_or_insert_default();
        Names {
            known: FxHashSet::default(),
            all: Some(Arc::clone(all)),
        }
    }

    /// Like [`Names::get`], where an empty name is a name too.
    pub fn always(&mut self, text: &str) -> Name {
        self.get(text).unwrap_or_else(|| Name::from(""))
    }
}

fn interned(names: &mut FxHashSet<Name>, text: &str) -> Name {
    if let Some(name) = names.get(text) {
        return name.clone();
    }
    let name = Name::from(text);
    names.insert(name.clone());
    name
}

/// Whether a terminal or a reader could be misled by the character: controls and bidirectional overrides.
fn misleads(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// The text with misleading characters replaced: line breaks and tabs by a blank, others by U+FFFD.
#[must_use]
pub fn harmless(text: &str) -> Cow<'_, str> {
    if !text.chars().any(misleads) {
        return Cow::Borrowed(text);
    }
    let shown = |c| match c {
        '\n' | '\t' | '\r' => ' ',
        c if misleads(c) => '\u{fffd}',
        c => c,
    };
    Cow::Owned(text.chars().map(shown).collect())
}

/// At most `limit` bytes of the text, cut between characters.
#[must_use]
pub fn cut(text: &str, limit: usize) -> &str {
    if text.len() <= limit {
        return text;
    }
    let end = (0..=limit).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
    text.get(..end).unwrap_or("")
}

/// The telling part of a line: at most [`TELLING`] bytes, harmless.
#[must_use]
pub fn telling(text: &str) -> Box<str> {
    harmless(cut(text.trim_end(), TELLING)).into()
}

/// Takes a Go-quoted string off the front of the text: its content unescaped, and what follows the closing quote;
/// `None` for that where the text ends before the quote closes (a cut line). `None` at all where no quote opens.
#[must_use]
pub fn quoted(text: &str) -> Option<(Cow<'_, str>, Option<&str>)> {
    let inner = text.strip_prefix('"')?;
    let bytes = inner.as_bytes();
    let mut at = 0;
    while let Some(found) = bytes.get(at..).and_then(|rest| memchr::memchr2(b'"', b'\\', rest)) {
        let here = at + found;
        if bytes.get(here) == Some(&b'"') {
            let (content, rest) = inner.split_at(here);
            return Some((unescape(content), rest.get(1..)));
        }
        at = here + 2;
    }
    Some((unescape(inner), None))
}

/// Undoes Go's escapes; what is no escape stays as it is.
#[must_use]
pub fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.push_str(rest.get(..at).unwrap_or(""));
        let after = rest.get(at + 1..).unwrap_or("");
        let (plain, used) = escape(after);
        match plain {
            Some(c) => out.push(c),
            None => out.push('\\'),
        }
        rest = after.get(used..).unwrap_or("");
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// The character that the escape after a backslash stands for, and the bytes it takes; `(None, 0)` for no escape.
fn escape(after: &str) -> (Option<char>, usize) {
    let hex = |digits: usize| {
        let code = after
            .get(1..=digits)
            .and_then(|text| u32::from_str_radix(text, 16).ok());
        match code.and_then(char::from_u32) {
            Some(c) => (Some(c), digits + 1),
            None => (None, 0),
        }
    };
    match after.bytes().next() {
        Some(b'n') => (Some('\n'), 1),
        Some(b't') => (Some('\t'), 1),
        Some(b'r') => (Some('\r'), 1),
        Some(b'"') => (Some('"'), 1),
        Some(b'\\') => (Some('\\'), 1),
        Some(b'\'') => (Some('\''), 1),
        Some(b'x') => hex(2),
        Some(b'u') => hex(4),
        Some(b'U') => hex(8),
        _ => (None, 0),
    }
}

/// The text after `key` up to the first of `ends` (or the end): a value in a struct that somebody printed.
#[must_use]
pub fn after<'t>(text: &'t str, key: &str, ends: &[char]) -> Option<&'t str> {
    let at = memchr::memmem::find(text.as_bytes(), key.as_bytes())?;
    let rest = text.get(at + key.len()..)?;
    Some(rest.find(ends).map_or(rest, |end| rest.get(..end).unwrap_or(rest)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_quoted_string_ends_at_its_own_quote() {
        let (content, rest) = quoted(r#""a \"b\" c" and more"#).unwrap();
        assert_eq!((content.as_ref(), rest), (r#"a "b" c"#, Some(" and more")));
    }

    #[test]
    fn a_cut_string_gives_what_is_there() {
        assert_eq!(quoted(r#""pvc-12"#), Some((Cow::Borrowed("pvc-12"), None)));
        assert_eq!(quoted("plain"), None);
    }

    #[test]
    fn what_misleads_a_terminal_is_replaced() {
        assert_eq!(harmless("a\u{1b}[31mb\u{202e}c\nd"), "a\u{fffd}[31mb\u{fffd}c d");
        assert_eq!(telling(&"é".repeat(400)).len(), TELLING);
    }

    proptest! {
        #[test]
        fn quoting_and_taking_off_the_quotes_gives_the_text_back(text in "[a-z\"\\\\\n ^/]{0,30}", tail in "[a-z ]{0,5}") {
            let written = format!("{text:?}{tail}");
            let (content, rest) = quoted(&written).unwrap();
            prop_assert_eq!(content.as_ref(), text.as_str());
            prop_assert_eq!(rest, Some(tail.as_str()));
        }

        #[test]
        fn no_text_upsets_the_tools(text in "\\PC{0,40}") {
            let _ = (quoted(&text), unescape(&text), telling(&text));
        }
    }
}
