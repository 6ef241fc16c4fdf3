//! Other names for names: keyed, of the same length and shape, different names never alike.
//!
//! In: a [`Key`] and a name. Out: a name in which letters are other letters and digits other digits, while dashes, dots
//! and the words that say which component a name belongs to stay where they are. The same length keeps excerpts of
//! lines cut at the same place; the same shape keeps `web-0` an ordinal and a uid a uid. It is a Feistel network over
//! the characters, with `SipHash` as its round function: a permutation of all names of one shape, so that nothing has to
//! be remembered for two runs under one key to agree.

use std::hash::Hasher;

use siphasher::sip::SipHasher24;

/// How many names of a cycle are tried: of addresses few are valid.
const TRIES: u32 = 20_000;
/// Rounds of the network.
const ROUNDS: u8 = 10;

/// Words that tell which component writes or acts; a name keeps them.
const COMPONENTS: [&str; 15] = [
    "kube-controller-manager",
    "controller-manager",
    "kube-scheduler",
    "scheduler",
    "kube-apiserver",
    "apiserver",
    "attacher",
    "provisioner",
    "resizer",
    "snapshotter",
    "registrar",
    "livenessprobe",
    "hyperkube",
    "kubelet",
    "-controller",
];

/// The secret that decides which name stands for which.
#[derive(Clone, Copy)]
pub struct Key([u8; 16]);

impl Key {
    /// A key from the operating system's randomness.
    ///
    /// # Errors
    /// Where the system has none to give.
    pub fn random() -> std::io::Result<Key> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).map_err(std::io::Error::other)?;
        Ok(Key(bytes))
    }

    /// The key that a pass phrase stands for.
    #[must_use]
    pub fn from_phrase(phrase: &str) -> Key {
        let half = |salt: u8| {
            let mut hasher = SipHasher24::new();
            hasher.write(&[salt]);
            hasher.write(phrase.as_bytes());
            hasher.finish().to_le_bytes()
        };
        let (low, high) = (half(1), half(2));
        let mut bytes = [0; 16];
        for (slot, byte) in bytes.iter_mut().zip(low.into_iter().chain(high)) {
            *slot = byte;
        }
        Key(bytes)
    }

    fn hash(&self, parts: &[&[u8]]) -> u64 {
        let mut hasher = SipHasher24::new_with_key(&self.0);
        for part in parts {
            hasher.write(&(part.len() as u64).to_le_bytes());
            hasher.write(part);
        }
        hasher.finish()
    }

    /// The name that stands for `name`: the first in its cycle that `fits`; `None` where few names have its shape and
    /// none of them fits.
    pub fn pseudonym(&self, name: &str, fits: &mut dyn FnMut(&str) -> bool) -> Option<String> {
        let shape = Shape::of(name);
        let mut now = name.to_owned();
        for _ in 0..TRIES {
            now = self.permuted(&now, &shape);
            if now != name && fits(&now) {
                return Some(now);
            }
        }
        None
    }

    /// One step of the permutation over the names of one shape.
    fn permuted(&self, name: &str, shape: &Shape) -> String {
        let mut digits: Vec<u8> = shape.digits(name);
        let half = digits.len().div_ceil(2);
        let signature = shape.signature();
        for round in 0..ROUNDS {
            let (left, right) = digits.split_at_mut(half);
            let (left_radix, right_radix) = shape.radixes.split_at(half);
            let (to, radixes, by) = if round % 2 == 0 {
                (left, left_radix, &*right)
            } else {
                (right, right_radix, &*left)
            };
            for (place, (digit, radix)) in (0_u64..).zip(to.iter_mut().zip(radixes)) {
                let stream = self.hash(&[&signature, &[round], by, &place.to_le_bytes()]);
                let add = stream % u64::from(*radix);
                *digit = u8::try_from((u64::from(*digit) + add) % u64::from(*radix)).unwrap_or_default();
            }
        }
        shape.text(name, &digits)
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(…)")
    }
}

/// What stands for what at one place of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Letters {
    /// Stays.
    Fixed,
    /// `0-9`
    Digit,
    /// `a-z`
    Lower,
    /// `A-Z`
    Upper,
    /// `0-9a-f`
    Hex,
}

impl Letters {
    fn alphabet(self) -> &'static [u8] {
        match self {
            Letters::Fixed => b"",
            Letters::Digit => b"0123456789",
            Letters::Lower => b"abcdefghijklmnopqrstuvwxyz",
            Letters::Upper => b"ABCDEFGHIJKLMNOPQRSTUVWXYZ",
            Letters::Hex => b"0123456789abcdef",
        }
    }
}

/// What a name and its pseudonym have in common.
struct Shape {
    letters: Vec<Letters>,
    radixes: Vec<u8>,
}

impl Shape {
    fn of(name: &str) -> Shape {
        let hex = hex_runs(name);
        let fixed = components(name);
        let letters: Vec<Letters> = name
            .bytes()
            .enumerate()
            .map(|(at, byte)| match byte {
                _ if fixed.get(at) == Some(&true) => Letters::Fixed,
                b'0'..=b'9' | b'a'..=b'f' if hex.get(at) == Some(&true) => Letters::Hex,
                b'0'..=b'9' => Letters::Digit,
                b'a'..=b'z' => Letters::Lower,
                b'A'..=b'Z' => Letters::Upper,
                _ => Letters::Fixed,
            })
            .collect();
        let radixes = letters
            .iter()
            .filter(|letters| **letters != Letters::Fixed)
            .map(|letters| u8::try_from(letters.alphabet().len()).unwrap_or(u8::MAX))
            .collect();
        Shape { letters, radixes }
    }

    fn signature(&self) -> Vec<u8> {
        self.letters.iter().map(|letters| *letters as u8).collect()
    }

    fn digits(&self, name: &str) -> Vec<u8> {
        let digit = |(letters, byte): (&Letters, u8)| {
            let at = letters.alphabet().iter().position(|letter| *letter == byte)?;
            u8::try_from(at).ok()
        };
        self.letters.iter().zip(name.bytes()).filter_map(digit).collect()
    }

    fn text(&self, name: &str, digits: &[u8]) -> String {
        let mut digits = digits.iter();
        let bytes = self
            .letters
            .iter()
            .zip(name.bytes())
            .map(|(letters, byte)| match letters {
                Letters::Fixed => byte,
                letters => digits
                    .next()
                    .and_then(|digit| letters.alphabet().get(usize::from(*digit)))
                    .copied()
                    .unwrap_or(byte),
            });
        // Only ASCII was replaced by ASCII.
        String::from_utf8(bytes.collect()).unwrap_or_default()
    }
}

/// Which bytes belong to a uid, a hash or an address in hexadecimal.
fn hex_runs(name: &str) -> Vec<bool> {
    let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if name.contains(':') && name.bytes().all(|byte| is_hex(byte) || byte == b':' || byte == b'.') {
        return vec![true; name.len()];
    }
    let mut runs = vec![false; name.len()];
    let mut from = 0;
    while from < name.len() {
        let rest = name.as_bytes().get(from..).unwrap_or_default();
        let long = rest
            .iter()
            .take_while(|byte| is_hex(**byte) || **byte == b'-' || **byte == b'_')
            .count();
        let digits = rest.iter().take(long).filter(|byte| is_hex(**byte)).count();
        if digits >= 16 {
            for slot in runs.iter_mut().skip(from).take(long) {
                *slot = true;
            }
        }
        from += long.max(1);
    }
    runs
}

/// Which bytes belong to a component's word.
fn components(name: &str) -> Vec<bool> {
    let mut fixed = vec![false; name.len()];
    for word in COMPONENTS {
        for (at, found) in name.match_indices(word) {
            for slot in fixed.iter_mut().skip(at).take(found.len()) {
                *slot = true;
            }
        }
    }
    fixed
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn other(name: &str) -> String {
        Key::from_phrase("k").pseudonym(name, &mut |_| true).unwrap()
    }

    #[test]
    fn shape_and_length_stay() {
        assert_ne!(other("web-0"), "web-0");
        let uid = other("7849a969-232b-4073-ba04-aa3a67bf7e5f");
        assert!(
            uid.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit()),
            "{uid}"
        );
        assert!(other("csi-attacher-0").contains("-attacher-"));
        assert!(other("Pod_7.ä").strip_suffix(".ä").is_some());
    }

    #[test]
    fn all_names_of_a_small_shape_have_different_pseudonyms() {
        let all: BTreeSet<String> = (0..100).map(|n| other(&format!("a{n:02}"))).collect();
        assert_eq!(all.len(), 100);
    }

    #[test]
    fn another_key_gives_another_name() {
        let name = "worker-node-17";
        let names: BTreeSet<String> = ["a", "b", "c"]
            .map(|phrase| Key::from_phrase(phrase).pseudonym(name, &mut |_| true).unwrap())
            .into();
        assert_eq!(names.len(), 3);
    }

    #[test]
    fn nothing_fits_and_nothing_is_given() {
        assert_eq!(Key::from_phrase("k").pseudonym("a", &mut |_| false), None);
        assert_eq!(Key::from_phrase("k").pseudonym("---", &mut |_| true), None);
    }

    proptest! {
        #[test]
        fn any_text_keeps_its_length(name in "\\PC{0,40}") {
            if let Some(other) = Key::from_phrase("k").pseudonym(&name, &mut |_| true) {
                prop_assert_eq!(other.len(), name.len());
                let kinds = |text: &str| text.bytes().map(|b| b.is_ascii_alphanumeric()).collect::<Vec<_>>();
                prop_assert_eq!(kinds(&other), kinds(&name));
            }
        }
    }
}
