//! Who wrote when: spans of time in which a party is known to have lived.
//!
//! In: the moment of every line, and who wrote it. Out: for each party the spans in which it wrote, gaps up to
//! [`SILENCE`] closed.

use crate::time::{Span, Time};

use super::Party;

/// How long a party may be silent and still count as alive.
pub const SILENCE: Span = Span::secs(15);

/// Spans of time, first and last moment of each.
pub type Spans = Vec<(Time, Time)>;

/// Spans of each party of a source; of nobody where a line does not tell who wrote it.
#[derive(Clone, Debug, Default)]
pub struct Voices(Vec<(Option<Party>, Spans)>);

impl Voices {
    /// Notes that a party wrote at that moment.
    pub fn heard(&mut self, party: Option<&Party>, at: Time) {
        let spans = self.spans(party);
        match spans.last_mut() {
            Some((from, to)) if at + SILENCE >= *from && at <= *to + SILENCE => {
                *from = (*from).min(at);
                *to = (*to).max(at);
            }
            _ => spans.push((at, at)),
        }
    }

    fn spans(&mut self, party: Option<&Party>) -> &mut Spans {
        let at = self.0.iter().position(|(known, _)| known.as_ref() == party);
        let at = at.unwrap_or(self.0.len());
        if at == self.0.len() {
            self.0.push((party.cloned(), Vec::new()));
        }
        &mut self.0[at].1
    }

    /// Adds what was heard elsewhere.
    pub fn add(&mut self, other: Voices) {
        for (party, spans) in other.0 {
            let own = self.spans(party.as_ref());
            own.extend(spans);
            // Chunks of a large source come one by one: what can be closed is closed at once.
            if own.len() > 64 {
                *own = closed(std::mem::take(own));
            }
        }
    }

    /// Gives parties other names.
    pub fn rename(&mut self, rename: impl Fn(&mut Party) -> bool) {
        let mut all = std::mem::take(&mut self.0);
        for party in all.iter_mut().filter_map(|(party, _)| party.as_mut()) {
            rename(party);
        }
        self.add(Voices(all));
    }

    /// All parties that were heard, in their order.
    pub fn parties(&self) -> Vec<&Party> {
        let mut parties: Vec<&Party> = self.0.iter().filter_map(|(party, _)| party.as_ref()).collect();
        parties.sort();
        parties
    }

    /// The spans in which anybody wrote.
    #[must_use]
    pub fn all(&self) -> Spans {
        closed(self.0.iter().flat_map(|(_, spans)| spans.iter().copied()).collect())
    }

    /// The spans of one party, and those of lines that do not tell their writer where `unnamed` is set.
    #[must_use]
    pub fn of(&self, party: &Party, unnamed: bool) -> Spans {
        let fits = |known: &Option<Party>| known.as_ref().map_or(unnamed, |known| known == party);
        let spans = self.0.iter().filter(|(known, _)| fits(known));
        closed(spans.flat_map(|(_, spans)| spans.iter().copied()).collect())
    }
}

/// Spans in order, gaps closed.
fn closed(spans: Spans) -> Spans {
    joined(spans, |end, from| from <= end + SILENCE)
}

/// Spans in order; two are one where `joins` says so of the end of the first and the begin of the second.
#[must_use]
pub fn joined(mut spans: Spans, joins: impl Fn(Time, Time) -> bool) -> Spans {
    spans.sort_unstable();
    let mut found: Spans = Vec::new();
    for (from, to) in spans {
        match found.last_mut() {
            Some((_, end)) if joins(*end, from) => *end = (*end).max(to),
            _ => found.push((from, to)),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Time {
        Time::default() + Span::secs(second)
    }

    #[test]
    fn short_silence_is_closed_whatever_the_order() {
        let mut voices = Voices::default();
        let (one, two) = (Party::Controller, Party::Attacher);
        for second in [100, 90, 80, 0, 10] {
            voices.heard(Some(&one), at(second));
        }
        voices.heard(Some(&two), at(50));
        voices.heard(None, at(20));
        assert_eq!(voices.of(&one, false), [(at(0), at(10)), (at(80), at(100))]);
        assert_eq!(voices.of(&two, true), [(at(20), at(20)), (at(50), at(50))]);
        assert_eq!(voices.all(), [(at(0), at(20)), (at(50), at(50)), (at(80), at(100))]);
        assert_eq!(voices.parties(), [&one, &two]);
    }
}
