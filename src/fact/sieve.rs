//! Whether any of many words stands in a line, told without a look at every letter (after Wu and Manber).
//!
//! In: words, once; lines. Out: yes or no. Every line of every log goes through here, and an automaton looks at each
//! letter: here the three letters at the end of a window of seven mostly tell that no word can begin in the next five
//! places, which are passed over.

use memchr::memmem;
use rustc_hash::FxHashMap;

/// Letters that words are found by: their first.
const WINDOW: usize = 7;
/// Letters at the end of the window that tell how far it can be moved.
const TAIL: usize = 3;
/// How far it is moved where no word has these letters.
const FARTHEST: u8 = 5;
const _: () = assert!(WINDOW - TAIL + 1 == FARTHEST as usize);

/// Places of a table by three letters.
const PLACES: usize = 1 << 15;

/// Words to look for.
#[derive(Debug)]
pub struct Sieve {
    /// How far the window can be moved, by the letters at its end; 0 where a word may stand in it.
    moves: Vec<u8>,
    /// Whether any word begins with letters like these, a bit for each: the tables have to stay in the nearest cache.
    begins: Vec<u64>,
    /// What follows the window, of all words that begin with it.
    words: FxHashMap<[u8; WINDOW], Vec<Box<[u8]>>>,
    /// Words shorter than the window.
    short: Vec<memmem::Finder<'static>>,
}

impl Sieve {
    /// A sieve for these words.
    pub fn of(words: impl IntoIterator<Item = String>) -> Sieve {
        let mut sieve = Sieve {
            moves: vec![FARTHEST; PLACES],
            begins: vec![0; PLACES / 64],
            words: FxHashMap::default(),
            short: Vec::new(),
        };
        for word in words {
            let Some((window, rest)) = word.as_bytes().split_first_chunk::<WINDOW>() else {
                sieve.short.push(memmem::Finder::new(word.as_bytes()).into_owned());
                continue;
            };
            sieve.words.entry(*window).or_default().push(rest.into());
            let head = head_of(*window);
            if let Some(bits) = sieve.begins.get_mut(head / 64) {
                *bits |= 1 << (head % 64);
            }
            for (tail, left) in window.windows(TAIL).zip((0..FARTHEST).rev()) {
                if let Some(slot) = tail.first_chunk().and_then(|tail| sieve.moves.get_mut(place(*tail))) {
                    *slot = left.min(*slot);
                }
            }
        }
        sieve
    }

    /// Whether one of the words stands in the line.
    pub fn finds(&self, line: &[u8]) -> bool {
        self.finds_long(line) || self.short.iter().any(|word| word.find(line).is_some())
    }

    fn finds_long(&self, line: &[u8]) -> bool {
        let mut rest = line;
        while let Some((window, after)) = rest.split_first_chunk::<WINDOW>() {
            let [.., a, b, c] = window;
            let mut by = usize::from(self.moves.get(place([*a, *b, *c])).copied().unwrap_or_default());
            if by == 0 {
                if self.begins_like(*window) && self.stands(*window, after) {
                    return true;
                }
                by = 1;
            }
            rest = rest.get(by..).unwrap_or_default();
        }
        false
    }

    fn begins_like(&self, window: [u8; WINDOW]) -> bool {
        let head = head_of(window);
        self.begins
            .get(head / 64)
            .is_some_and(|bits| bits >> (head % 64) & 1 == 1)
    }

    /// Whether a word that begins with the window goes on as the line does.
    fn stands(&self, window: [u8; WINDOW], after: &[u8]) -> bool {
        let words = self.words.get(&window);
        words.is_some_and(|rests| rests.iter().any(|rest| after.starts_with(rest)))
    }
}

/// Where three letters stand in a table. Capitals share the places of small letters.
fn place([a, b, c]: [u8; TAIL]) -> usize {
    let low = |letter: u8| usize::from(letter & 0x1f);
    low(a) | low(b) << 5 | low(c) << 10
}

/// Where the beginning of a window stands in a table.
fn head_of([a, _, c, _, e, ..]: [u8; WINDOW]) -> usize {
    place([a, c, e])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_word_is_found_wherever_it_stands() {
        let words = ["abcdefg", "bcdefghij", "Volume.", "xy", "abcdefgh"];
        let sieve = Sieve::of(words.map(str::to_owned));
        for word in words {
            for before in 0..20 {
                for after in 0..12 {
                    let line = format!("{}{word}{}", "-".repeat(before), "-".repeat(after));
                    assert!(sieve.finds(line.as_bytes()), "{line}");
                }
            }
        }
        for line in ["", "abcdef", "bcdefghi", "volume.", "x-y"] {
            assert!(!sieve.finds(line.as_bytes()), "{line}");
        }
    }

    proptest! {
        #[test]
        fn it_finds_what_a_search_for_each_finds(
            words in prop::collection::vec("[abAB ]{1,10}", 1..12),
            lines in prop::collection::vec("[abAB ]{0,40}", 1..20),
        ) {
            let sieve = Sieve::of(words.clone());
            for line in lines {
                let stands = words.iter().any(|word| line.contains(word.as_str()));
                prop_assert_eq!(sieve.finds(line.as_bytes()), stands);
            }
        }
    }
}
