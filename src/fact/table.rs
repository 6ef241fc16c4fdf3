//! The message table: which text names which kind of fact, and what stands in it.
//!
//! In: `messages.table`, one template a row, and a message as printed. Out: the [`Kind`] that the message states and
//! the parts of it that fill the template's slots. It exists so that a new Kubernetes release is new rows, not code.

use std::borrow::Cow;
use std::sync::LazyLock;

use memchr::memmem;
use rustc_hash::FxHashMap;

use super::text::quoted;
use super::{Kind, Party};

/// The rows as text; its head explains the columns.
const ROWS: &str = include_str!("messages.table");

/// The shorthands of the three ways in which an operation names volume and place (`messages.table`).
const SHORTHANDS: [(&str, &str); 3] = [
    (
        "<from>",
        " for volume \"{pv}\" (UniqueName: \"{volume}\") from node \"{node}\"",
    ),
    (
        "<on>",
        " for volume \"{pv}\" (UniqueName: \"{volume}\") on node \"{node}\"",
    ),
    (
        "<pod>",
        " for volume \"{pv}\" (UniqueName: \"{volume}\") pod \"{pod}\" (UID: \"{uid}\")",
    ),
];

macro_rules! slots {
    ($($variant:ident => $name:literal),* $(,)?) => {
        /// What a place in a template is filled with; names as in the table.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[allow(missing_docs, reason = "the head of messages.table explains each")]
        pub enum Slot { $($variant),* }

        impl Slot {
            fn named(name: &str) -> Option<Slot> {
                match name { $($name => Some(Slot::$variant),)* _ => None }
            }
        }
    };
}

slots! {
    Nothing => "_", Volume => "volume", Pv => "pv", Vol => "vol", Spec => "spec", Node => "node", Other => "other",
    Pod => "pod", Ns => "ns", Uid => "uid", Va => "va", Err => "err", Version => "version", Flag => "flag",
    Until => "until", Wait => "wait", Key => "key", Patch => "patch", List => "list", Pods => "pods", Pleg => "pleg",
    Method => "method", Request => "request", Driver => "driver", Path => "path", Lock => "lock", Holder => "holder",
    Object => "object", Reason => "reason", Message => "message",
}

/// Where a text can stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// A log line's message.
    Log,
    /// A text inside a line or an event.
    Error,
    /// The message of an `Event`.
    Event,
}

/// A piece of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    /// These very letters.
    Letters(String),
    /// A Go-quoted string.
    Quoted(Slot),
    /// Anything up to the next letters.
    Bare(Slot),
}

/// One row of the table.
#[derive(Debug)]
pub struct Row {
    /// What it states.
    pub kind: Kind,
    /// Where it can stand.
    pub class: Class,
    /// Who can print it: letters of `c`, `k`, `s`, `a`.
    pub speakers: &'static str,
    /// First and last release seen with it.
    pub releases: &'static str,
    parts: Vec<Part>,
}

/// A message that fits a row: the row, and what stands in its slots, in order.
#[derive(Debug)]
pub struct Match<'m> {
    /// The row.
    pub row: &'static Row,
    /// Slots and their content, unescaped.
    pub slots: Slots<'m>,
}

/// All rows, found by the first word of their text.
#[derive(Debug)]
pub struct Table {
    rows: Vec<Row>,
    by_word: FxHashMap<String, Vec<usize>>,
    /// Rows that begin with a slot.
    wordless: Vec<usize>,
}

/// The one table.
pub static TABLE: LazyLock<Table> = LazyLock::new(|| Table::read(ROWS));

impl Table {
    /// Reads rows; a row that cannot be read is left out (a test keeps the table free of such).
    fn read(text: &'static str) -> Table {
        let rows: Vec<Row> = text.lines().filter_map(row).collect();
        let mut by_word: FxHashMap<String, Vec<usize>> = FxHashMap::default();
        let mut wordless = Vec::new();
        for (index, row) in rows.iter().enumerate() {
            match row.parts.first() {
                Some(Part::Letters(letters)) => by_word.entry(first_word(letters).to_owned()).or_default().push(index),
                _ => wordless.push(index),
            }
        }
        Table {
            rows,
            by_word,
            wordless,
        }
    }

    /// All rows.
    #[must_use]
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// For each row that a log line can fit, letters that such a line holds, as a file holds them: without what quoting
    /// or joining changes. `None` where some row has none.
    #[must_use]
    pub fn needles(&self) -> Option<Vec<String>> {
        let rows = self.rows.iter().filter(|row| row.class == Class::Log);
        let mut found: Vec<String> = rows.map(Row::needle).collect::<Option<_>>()?;
        found.sort();
        found.dedup();
        Some(found)
    }

    /// Like [`Table::find`], for a message into which a vendor has put words before `(UniqueName: …)`: without them.
    #[must_use]
    pub fn find_patched<'m>(&'static self, message: &'m str, speaker: Option<char>) -> Option<Match<'m>> {
        let at = memmem::find(message.as_bytes(), b" (UniqueName: ")?;
        let (head, tail) = message.split_at_checked(at)?;
        let plain = format!("{}{tail}", head.get(..=head.rfind('"')?)?);
        let found = self.find(&plain, &[Class::Log], speaker)?;
        let slots = found
            .slots
            .into_iter()
            .map(|(slot, text)| (slot, Cow::Owned(text.into_owned())))
            .collect();
        Some(Match { row: found.row, slots })
    }

    /// The row that the message fits, of one of the classes. Where several speakers print it, the row of `speaker` is
    /// preferred; the longest template wins among the rest, the shortest where the message was cut.
    #[must_use]
    pub fn find<'m>(&'static self, message: &'m str, classes: &[Class], speaker: Option<char>) -> Option<Match<'m>> {
        let indexed = self.by_word.get(first_word(message)).map_or(&[][..], Vec::as_slice);
        let mut best: Option<((bool, bool, usize), Match<'m>)> = None;
        for &index in indexed.iter().chain(&self.wordless) {
            let Some(row) = self.rows.get(index).filter(|row| classes.contains(&row.class)) else {
                continue;
            };
            let Some((slots, whole)) = fit(&row.parts, message) else {
                continue;
            };
            // Of a line that was cut no more is told than what fits it says at least.
            let letters = if whole {
                row.letters()
            } else {
                usize::MAX - row.letters()
            };
            let rank = (
                whole,
                speaker.is_none_or(|letter| row.speakers.contains(letter)),
                letters,
            );
            if best.as_ref().is_none_or(|(best, _)| rank > *best) {
                best = Some((rank, Match { row, slots }));
            }
        }
        best.map(|(_, found)| found)
    }
}

impl Row {
    /// How many letters the template fixes.
    fn letters(&self) -> usize {
        self.parts
            .iter()
            .map(|part| {
                if let Part::Letters(letters) = part {
                    letters.len()
                } else {
                    0
                }
            })
            .sum()
    }

    /// Letters that every line that fits the row holds, one that was cut too: the longest among those that [`fit`] asks
    /// for before it takes a line for cut.
    fn needle(&self) -> Option<String> {
        let plain = |c: char| c == ' ' || c.is_ascii_graphic() && !matches!(c, '"' | '\\' | '<' | '>' | '&' | '\'');
        let (mut slots, mut met) = (0, 0);
        let mut found: Vec<&str> = Vec::new();
        for part in &self.parts {
            if slots >= 2 || met >= TELLING_LETTERS {
                break;
            }
            let Part::Letters(letters) = part else {
                slots += 1;
                continue;
            };
            let sure = letters
                .get(..letters.floor_char_boundary(TELLING_LETTERS))
                .unwrap_or(letters);
            found.extend(sure.split(|c| !plain(c)).map(str::trim));
            met += letters.len();
        }
        let longest = found.into_iter().max_by_key(|piece| piece.len())?;
        (longest.len() >= 3).then(|| longest.to_owned())
    }

    /// The only party that prints it, where there is one. A kubelet's node is left empty.
    #[must_use]
    pub fn only_speaker(&self) -> Option<Party> {
        match self.speakers {
            "c" => Some(Party::Controller),
            "k" => Some(Party::Kubelet("".into())),
            "s" => Some(Party::Scheduler),
            "a" => Some(Party::Attacher),
            _ => None,
        }
    }

    /// The template with each slot filled by `fill`, as the line would print it. What tests print lines from.
    #[must_use]
    pub fn print(&self, fill: impl Fn(Slot) -> String) -> String {
        let shown = |part: &Part| match part {
            Part::Letters(letters) => letters.clone(),
            Part::Quoted(slot) => format!("{:?}", fill(*slot)),
            Part::Bare(slot) => fill(*slot),
        };
        self.parts.iter().map(shown).collect()
    }
}

/// The letter that stands for a party in the table.
#[must_use]
pub fn speaker_letter(party: &Party) -> Option<char> {
    match party {
        Party::Controller => Some('c'),
        Party::Kubelet(_) => Some('k'),
        Party::Scheduler => Some('s'),
        Party::Attacher => Some('a'),
        _ => None,
    }
}

/// All texts of the table as they stand there, slots and all.
pub fn texts() -> impl Iterator<Item = &'static str> {
    ROWS.lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.splitn(5, '\t').nth(4))
}

/// Reads one line of the table; `None` for comments and for what is no row.
fn row(line: &'static str) -> Option<Row> {
    if line.starts_with('#') {
        return None;
    }
    let mut columns = line.splitn(5, '\t');
    let kind = Kind::named(columns.next()?)?;
    let class = match columns.next()? {
        "log" => Class::Log,
        "error" => Class::Error,
        "event" => Class::Event,
        _ => return None,
    };
    let (speakers, releases) = (columns.next()?, columns.next()?);
    let parts = template(columns.next()?)?;
    Some(Row {
        kind,
        class,
        speakers,
        releases,
        parts,
    })
}

/// Takes a template apart; `None` where a slot has no known name.
fn template(text: &str) -> Option<Vec<Part>> {
    let mut full = text.to_owned();
    for (short, long) in SHORTHANDS {
        full = full.replace(short, long);
    }
    let mut parts = Vec::new();
    let mut rest = full.as_str();
    while let Some(slot) = slot_at(rest) {
        let (start, end, quoted, name) = slot;
        if start > 0 {
            parts.push(Part::Letters(rest.get(..start)?.to_owned()));
        }
        let slot = Slot::named(name)?;
        parts.push(if quoted { Part::Quoted(slot) } else { Part::Bare(slot) });
        rest = rest.get(end..)?;
    }
    if !rest.is_empty() {
        parts.push(Part::Letters(rest.to_owned()));
    }
    Some(parts)
}

/// The first slot in a template: where it begins and ends (quotes included), whether it is quoted, its name.
/// Braces that hold no slot name (`{volumeName:…}`) are letters.
fn slot_at(text: &str) -> Option<(usize, usize, bool, &str)> {
    let mut from = 0;
    loop {
        let open = from + text.get(from..)?.find('{')?;
        let close = open + text.get(open..)?.find('}')?;
        let name = text.get(open + 1..close)?;
        if name == "_" || (!name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase())) {
            let quoted = text.get(..open)?.ends_with('"') && text.get(close + 1..)?.starts_with('"');
            return Some(if quoted {
                (open - 1, close + 2, true, name)
            } else {
                (open, close + 1, false, name)
            });
        }
        from = close + 1;
    }
}

/// How many letters of a template a cut line must have to be taken for it.
const TELLING_LETTERS: usize = 24;

/// Slots and what stands in them.
type Slots<'m> = Vec<(Slot, Cow<'m, str>)>;

/// What stands in the slots if the message fits the parts, and whether all parts were there: a line that was cut fits
/// when two slots or enough letters are there. A name that the cut went through is left out. Blanks at the end of a
/// message do not count.
fn fit<'m>(parts: &[Part], message: &'m str) -> Option<(Slots<'m>, bool)> {
    let mut rest = message.trim_end();
    let mut slots = Vec::new();
    let mut letters_met = 0;
    let mut parts = parts.iter().peekable();
    while let Some(part) = parts.next() {
        if rest.is_empty() && slots.len() >= 2 {
            let whole = matches!(part, Part::Bare(_)) && parts.all(|part| matches!(part, Part::Bare(_)));
            return Some((slots, whole));
        }
        let enough = slots.len() >= 2 || letters_met >= TELLING_LETTERS;
        match part {
            Part::Letters(letters) => match strip(rest, letters) {
                Some(after) => {
                    letters_met += letters.len();
                    rest = after;
                }
                None if letters.starts_with(rest) && (enough || rest.len() >= TELLING_LETTERS) => {
                    return Some((slots, false));
                }
                None => return None,
            },
            Part::Quoted(slot) => match quoted(rest) {
                Some((content, Some(after))) => {
                    slots.push((*slot, content));
                    rest = after;
                }
                Some((content, None)) if enough || is_attachment(*slot, &content) => {
                    slots.extend((*slot == Slot::Err).then_some((*slot, content)));
                    return Some((slots, false));
                }
                _ => return None,
            },
            Part::Bare(slot) => {
                let end = match parts.peek() {
                    None => Some(rest.len()),
                    Some(Part::Letters(letters)) => memmem::find(rest.as_bytes(), letters.trim_end().as_bytes()),
                    Some(_) => rest.find('"'),
                };
                let Some((content, after)) = end.and_then(|end| rest.split_at_checked(end)) else {
                    return enough.then_some((slots, false));
                };
                slots.push((*slot, Cow::Borrowed(content)));
                rest = after;
            }
        }
    }
    rest.trim_end().is_empty().then_some((slots, true))
}

/// Whether a name that was cut can only be that of an attachment.
fn is_attachment(slot: Slot, content: &str) -> bool {
    let digits = content.strip_prefix("csi-").unwrap_or_default();
    slot == Slot::Va && digits.len() > 3 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The text after the letters; a text that ends within their trailing blanks fits too.
fn strip<'m>(text: &'m str, letters: &str) -> Option<&'m str> {
    text.strip_prefix(letters)
        .or_else(|| (text == letters.trim_end()).then_some(""))
}

/// The letters up to the first blank or quote: what rows are found by.
fn first_word(text: &str) -> &str {
    text.find([' ', '"', '(', '[', '{'])
        .map_or(text, |end| text.get(..end).unwrap_or(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_the_table_is_read() {
        let written = ROWS
            .lines()
            .filter(|line| !line.starts_with('#') && !line.is_empty())
            .count();
        let unread: Vec<&str> = ROWS
            .lines()
            .filter(|line| !line.starts_with('#') && row(line).is_none())
            .collect();
        assert_eq!((TABLE.rows().len(), unread), (written, Vec::new()));
    }

    #[test]
    fn a_message_fills_the_slots_of_its_row() {
        let line =
            r#"AttachVolume.Attach succeeded for volume "pv-1" (UniqueName: "kubernetes.io/csi/d^h") from node "n1" "#;
        let found = TABLE.find(line, &[Class::Log], Some('c')).unwrap();
        assert_eq!(found.row.kind, Kind::AttachOk);
        let texts: Vec<&str> = found.slots.iter().map(|(_, text)| text.as_ref()).collect();
        assert_eq!(texts, ["pv-1", "kubernetes.io/csi/d^h", "n1"]);
    }

    #[test]
    fn a_line_that_was_cut_says_the_least_of_what_it_may() {
        let cut = "attacherDetacher.DetachVolume started for volume \"pv-1\" (UniqueName: \"u\") on node \"n";
        let found = TABLE.find(cut, &[Class::Log], Some('c')).unwrap();
        assert_eq!(found.row.kind, Kind::DetachStarted);
        let found = TABLE
            .find("Error processing \"csi-58a0", &[Class::Log], Some('a'))
            .unwrap();
        assert_eq!((found.row.kind, found.slots.len()), (Kind::EaError, 0));
    }

    #[test]
    fn the_speaker_decides_between_equal_texts() {
        let line = "Volume changes from attachable to non-attachable";
        assert_eq!(
            TABLE.find(line, &[Class::Log], Some('k')).unwrap().row.kind,
            Kind::KubeletAttachabilityChanged
        );
        assert_eq!(
            TABLE.find(line, &[Class::Log], Some('c')).unwrap().row.kind,
            Kind::DswVolumeNotAttachable
        );
    }

    #[test]
    fn every_row_of_a_log_has_letters_to_look_for() {
        let needles = TABLE.needles().unwrap();
        for row in TABLE.rows().iter().filter(|row| row.class == Class::Log) {
            let line = row.print(|_| "x".to_owned());
            assert!(needles.iter().any(|needle| line.contains(needle)), "{line}");
        }
    }

    #[test]
    fn every_row_finds_itself_when_printed() {
        for row in TABLE.rows() {
            let line = row.print(|slot| format!("{slot:?}-1"));
            let speaker = row.speakers.chars().next();
            let found = TABLE.find(&line, &[row.class], speaker);
            assert_eq!(found.map(|found| found.row.kind), Some(row.kind), "{line}");
        }
    }
}
