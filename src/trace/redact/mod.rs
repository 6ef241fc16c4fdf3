//! Names taken out: the same incident, told of somebody who is nobody.
//!
//! In: a reading, or text, and a [`Key`]. Out: the same with every name of a pod, namespace, node, volume, host, address,
//! user and uid, and every value of a secret, replaced by another of the same length and shape, the same one everywhere.
//! What is analysed afterwards gives the report that it gave before, in other names: names are replaced as text, before
//! anything reads them, so no parser can tell. The mapping can be written apart.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use aho_corasick::{AhoCorasick, MatchKind};

use crate::fact::text::TELLING;
use crate::fact::{Fact, Reading};
use crate::time::Time;

pub mod bundle;
mod collect;
mod pseudonym;
mod words;

pub use collect::Found;
pub use pseudonym::Key;

/// A name shorter than this is only replaced where it stands as a word of its own.
const DISTINCT: usize = 8;
/// The shortest beginning of a name that is replaced where a line was cut.
const SHORTEST_PART: usize = 3;

/// Whether a character is part of names.
pub(crate) fn is_name(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '.' | '-' | '_')
}

/// Replaces names.
#[derive(Debug)]
pub struct Redactor {
    search: AhoCorasick,
    /// By pattern number: the name as written in some form, and what stands for it in that form.
    forms: Vec<(String, String)>,
    /// Every name and its pseudonym.
    names: BTreeMap<String, String>,
    /// Names too short to have a pseudonym that is none of the others.
    left: Vec<String>,
}

impl Redactor {
    /// Gives every name found its pseudonym.
    ///
    /// # Errors
    /// Where there are more names than a search can hold.
    pub fn new(found: &Found, key: &Key) -> io::Result<Redactor> {
        let wanted: BTreeSet<&String> = found.names.difference(&found.kept).collect();
        let mut names: BTreeMap<String, String> = BTreeMap::new();
        let mut used: BTreeSet<String> = BTreeSet::new();
        let mut left = Vec::new();
        let originals =
            AhoCorasick::new(wanted.iter().filter(|name| name.len() >= SHORTEST_PART)).map_err(io::Error::other)?;
        for name in wanted {
            let address = name.parse::<std::net::IpAddr>().is_ok();
            let mut fits = |other: &str| {
                !found.names.contains(other)
                    && !used.contains(other)
                    && !words::stays(other)
                    && (!address || other.parse::<std::net::IpAddr>().is_ok())
                    && !originals
                        .find_overlapping_iter(other)
                        .any(|hit| stands_alone(other, hit.start(), hit.end()))
            };
            match key.pseudonym(name, &mut fits) {
                Some(other) => {
                    used.insert(other.clone());
                    names.insert(name.clone(), other);
                }
                None => left.push(name.clone()),
            }
        }
        let forms: BTreeMap<String, String> = names.iter().flat_map(|(name, other)| forms(name, other)).collect();
        let forms: Vec<(String, String)> = forms.into_iter().collect();
        let search = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            .build(forms.iter().map(|(name, _)| name))
            .map_err(io::Error::other)?;
        Ok(Redactor {
            search,
            forms,
            names,
            left,
        })
    }

    /// What replaces the names in a reading.
    ///
    /// # Errors
    /// Where there are more names than a search can hold.
    pub fn of(reading: &Reading, key: &Key) -> io::Result<Redactor> {
        let mut found = Found::default();
        found.reading(reading);
        Redactor::new(&found, key)
    }

    /// Names without a pseudonym: of so few letters that every other name of that form is taken. They stay.
    #[must_use]
    pub fn left(&self) -> &[String] {
        &self.left
    }

    /// How many names are replaced.
    #[must_use]
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there is nothing to replace.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Writes the mapping: a name, a tab, its pseudonym, one pair a line.
    ///
    /// # Errors
    /// What writing fails with.
    pub fn write_mapping(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "# original\tredacted; keep this file apart from what was redacted")?;
        for (name, other) in &self.names {
            writeln!(out, "{name}\t{other}")?;
        }
        Ok(())
    }

    /// A text with its names replaced.
    #[must_use]
    pub fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut hits: Vec<(usize, usize, usize)> = self
            .search
            .find_overlapping_iter(text)
            .filter(|hit| Redactor::counts(text, hit.start(), hit.end()))
            .map(|hit| (hit.start(), hit.end(), hit.pattern().as_usize()))
            .collect();
        if hits.is_empty() {
            return Cow::Borrowed(text);
        }
        // The first, and of those that begin together the longest.
        hits.sort_unstable_by_key(|(from, to, _)| (*from, std::cmp::Reverse(*to)));
        let mut out = String::with_capacity(text.len());
        let mut done = 0;
        for (from, to, pattern) in hits {
            if from < done {
                continue;
            }
            out.push_str(text.get(done..from).unwrap_or_default());
            out.push_str(self.forms.get(pattern).map_or("", |(_, other)| other));
            done = to;
        }
        out.push_str(text.get(done..).unwrap_or_default());
        Cow::Owned(out)
    }

    /// The telling part of a line, which may have been cut within a name.
    #[must_use]
    pub fn excerpt(&self, text: &str) -> String {
        let mut out = self.text(text).into_owned();
        if text.len() + 4 < TELLING {
            return out;
        }
        // The longest end of the text that begins a name; it was not replaced, since the name is not whole.
        let starts = (0..text.len().saturating_sub(SHORTEST_PART - 1))
            .filter(|at| text.is_char_boundary(*at) && begins_word(text, *at) && text.len() - at < 256);
        for at in starts {
            let part = text.get(at..).unwrap_or_default();
            if out.get(at..) != Some(part) {
                continue;
            }
            let next = self.forms.partition_point(|(name, _)| name.as_str() < part);
            if let Some((name, other)) = self.forms.get(next)
                && name.starts_with(part)
                && let (Some(new), true) = (other.get(..part.len()), out.is_char_boundary(at))
            {
                out.truncate(at);
                out.push_str(new);
                break;
            }
        }
        out
    }

    /// Whether a match is the name and not part of another word.
    fn counts(text: &str, from: usize, to: usize) -> bool {
        let name = text.get(from..to).unwrap_or_default();
        let has = |test: fn(&u8) -> bool| name.as_bytes().iter().any(test);
        let distinct = name.len() >= DISTINCT && has(|byte| !byte.is_ascii_alphabetic());
        distinct || stands_alone(text, from, to)
    }

    /// A reading with its names replaced.
    ///
    /// # Errors
    /// None that a reading which can be captured gives.
    pub fn reading(&self, reading: &Reading) -> io::Result<Reading> {
        let mut out = Reading::default();
        for source in &reading.sources {
            out.sources.push(self.value(source)?);
        }
        for fact in &reading.facts {
            // What tells but an age stands at no moment that could be written.
            let mut new: Fact = self.value(&Fact {
                at: Time::default(),
                ..fact.clone()
            })?;
            new.at = fact.at;
            out.facts.push(new);
        }
        Ok(out)
    }

    /// Any value, by way of its JSON form, every text in it replaced.
    fn value<T: serde::Serialize + serde::de::DeserializeOwned>(&self, value: &T) -> io::Result<T> {
        let mut json = serde_json::to_value(value)?;
        self.json(&mut json);
        Ok(serde_json::from_value(json)?)
    }

    /// Replaces names in all texts of a JSON value; long ones may be excerpts that were cut.
    pub fn json(&self, value: &mut serde_json::Value) {
        match value {
            serde_json::Value::String(text) => {
                *text = self.excerpt(text);
            }
            serde_json::Value::Array(items) => items.iter_mut().for_each(|item| self.json(item)),
            serde_json::Value::Object(fields) => fields.values_mut().for_each(|field| self.json(field)),
            _ => {}
        }
    }
}

/// A name and its pseudonym as they also stand in text: with the dash escaped as systemd does, uids with other joints.
fn forms(name: &str, other: &str) -> Vec<(String, String)> {
    let mut forms = vec![(name.to_owned(), other.to_owned())];
    if name.contains('-') {
        for joint in ["\\x2d", "\\\\x2d"] {
            forms.push((name.replace('-', joint), other.replace('-', joint)));
        }
        let uid = name.len() == 36 && name.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit());
        if uid {
            for joint in ["_", ""] {
                forms.push((name.replace('-', joint), other.replace('-', joint)));
            }
        }
    }
    forms
}

/// Whether letters or digits touch neither end; the letter of an escape (`\n`) is no letter.
fn stands_alone(text: &str, from: usize, to: usize) -> bool {
    let next = text.get(to..).unwrap_or_default().chars().next();
    begins_word(text, from) && !next.is_some_and(char::is_alphanumeric)
}

fn begins_word(text: &str, from: usize) -> bool {
    let before = text.get(..from).unwrap_or_default();
    let Some(last) = before.chars().next_back().filter(|c| c.is_alphanumeric()) else {
        return true;
    };
    let escape = |length: usize, sign: &str| {
        let start = before.len().checked_sub(length);
        start
            .and_then(|start| before.get(start..))
            .is_some_and(|end| end.starts_with(sign))
    };
    matches!(last, 'n' | 't' | 'r' | 'b' | 'f') && escape(2, "\\")
        || escape(3, "%")
        || escape(6, "\\u")
        || escape(4, "\\x")
}

#[cfg(test)]
mod tests;
