//! Facts as a file of their own: the text form of a captured trace, written and read.
//!
//! In: a [`Reading`]. Out: text, one JSON object a line: a header, then each source followed by its facts, in the order
//! of source and line; and back. A trace holds what a report needs (facts with their provenance and telling text, who
//! lived when, what was read), so that it gives the report that the bundle gave. Sorted and line by line, it can be
//! compared with `diff`.

use std::fmt;
use std::io::{self, BufRead, Write};

use serde::{Deserialize, Serialize};

use super::{Fact, Kind, Party, Reading, Source, SourceId};
use crate::time::Time;

/// The form's name and number; a change that older versions cannot read raises it.
const FORM: &str = "adtrace.trace/1";
/// How every trace begins.
const BEGINNING: &[u8] = b"{\"schema\":\"adtrace.trace/";
/// Bytes in a line at most.
const LONGEST: u64 = 4 << 20;

/// Whether bytes begin like a trace.
#[must_use]
pub fn begins(bytes: &[u8]) -> bool {
    bytes.starts_with(BEGINNING)
}

/// A trace that cannot be read.
#[derive(Debug)]
pub enum TraceError {
    /// Reading failed.
    Read(io::Error),
    /// It is of a form this version does not know.
    Form {
        /// What the header says.
        found: String,
    },
    /// A line is no part of a trace.
    Line {
        /// 1-based.
        line: u64,
        /// What is wrong with it.
        why: String,
    },
}

impl fmt::Display for TraceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TraceError::Read(error) => error.fmt(f),
            TraceError::Form { found } => write!(
                f,
                "the trace is of the form {found}, this version reads {FORM}; capture it again or use the version that wrote it"
            ),
            TraceError::Line { line, why } => write!(f, "line {line} of the trace is broken ({why}); capture it again"),
        }
    }
}

impl std::error::Error for TraceError {}

impl From<io::Error> for TraceError {
    fn from(error: io::Error) -> TraceError {
        TraceError::Read(error)
    }
}

#[derive(Serialize, Deserialize)]
struct Header {
    schema: String,
}

/// One line: a source, or a fact of the source last named.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    Source(Box<SourceLine>),
    Fact(Box<FactLine>),
}

#[derive(Serialize, Deserialize)]
struct SourceLine {
    path: String,
    format: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    party: Option<Party>,
    because: String,
    bytes: u64,
    lines: u64,
    used: u64,
    irrelevant: u64,
    not_understood: u64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    puzzling: Vec<(u32, String)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    alive: Vec<(Time, Time)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    assumed: Option<String>,
    zone: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
}

/// A fact as it stands in a trace. A dumped object has no time of its own: it counts at the end of what was recorded,
/// wherever that is once several traces are read together.
#[derive(Serialize, Deserialize)]
struct FactLine {
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    untimed: bool,
    #[serde(flatten)]
    fact: Fact,
}

/// Kinds of dumped objects.
fn is_dump(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::NodeSeen
            | Kind::PodSeen
            | Kind::VaSeen
            | Kind::PvSeen
            | Kind::PvcSeen
            | Kind::CsinodeSeen
            | Kind::CsidriverSeen
    )
}

/// Formats that sources have.
const FORMATS: &[&str] = &["klog", "audit", "objects", "events", "version", "text", "unknown"];

/// Writes a trace.
///
/// # Errors
/// What writing fails with.
pub fn write(reading: &Reading, out: &mut dyn Write) -> io::Result<()> {
    let mut line = |value: &dyn erased::Json| -> io::Result<()> {
        value.to(out)?;
        out.write_all(b"\n")
    };
    line(&Header {
        schema: FORM.to_owned(),
    })?;
    let mut facts = reading.facts.iter().peekable();
    for (id, source) in (0_u32..).map(SourceId).zip(&reading.sources) {
        line(&Line::Source(Box::new(SourceLine::of(source))))?;
        while let Some(fact) = facts.next_if(|fact| fact.source == id) {
            line(&Line::Fact(Box::new(FactLine {
                untimed: is_dump(fact.kind),
                fact: fact.clone(),
            })))?;
        }
    }
    Ok(())
}

mod erased {
    use std::io::{self, Write};

    /// A value that goes out as JSON.
    pub trait Json {
        fn to(&self, out: &mut dyn Write) -> io::Result<()>;
    }

    impl<T: serde::Serialize> Json for T {
        fn to(&self, out: &mut dyn Write) -> io::Result<()> {
            Ok(serde_json::to_writer(out, self)?)
        }
    }
}

/// Reads a trace; dumped objects come back with [`Time::MAX`].
///
/// # Errors
/// A line that is no part of a trace, or a form of another version.
pub fn read(bytes: &mut dyn BufRead) -> Result<Reading, TraceError> {
    let mut reading = Reading::default();
    let mut text = String::new();
    for number in 1.. {
        text.clear();
        let taken = io::Read::take(&mut *bytes, LONGEST).read_line(&mut text)?;
        if taken == 0 {
            break;
        }
        let broken = |error: serde_json::Error| TraceError::Line {
            line: number,
            why: error.to_string(),
        };
        if number == 1 {
            let header: Header = serde_json::from_str(&text).map_err(broken)?;
            if header.schema != FORM {
                return Err(TraceError::Form { found: header.schema });
            }
            continue;
        }
        match serde_json::from_str(&text).map_err(broken)? {
            Line::Source(source) => reading.sources.push(source.source()),
            Line::Fact(line) => {
                let last = reading
                    .sources
                    .len()
                    .checked_sub(1)
                    .and_then(|last| u32::try_from(last).ok());
                let source = last.ok_or_else(|| TraceError::Line {
                    line: number,
                    why: "a fact before any source".to_owned(),
                })?;
                let mut fact = line.fact;
                fact.source = SourceId(source);
                if line.untimed {
                    fact.at = Time::MAX;
                }
                reading.facts.push(fact);
            }
        }
    }
    Ok(reading)
}

impl SourceLine {
    fn of(source: &Source) -> SourceLine {
        SourceLine {
            path: source.path.clone(),
            format: source.format.to_owned(),
            party: source.party.clone(),
            because: source.because.clone(),
            bytes: source.bytes,
            lines: source.lines,
            used: source.used,
            irrelevant: source.irrelevant,
            not_understood: source.not_understood,
            puzzling: source.puzzling.clone(),
            alive: source.alive.clone(),
            assumed: source.assumed.clone(),
            zone: source.zone.clone(),
            notes: source.notes.clone(),
        }
    }

    fn source(self) -> Source {
        let format = FORMATS.iter().find(|format| **format == self.format);
        Source {
            path: self.path,
            format: format.copied().unwrap_or("unknown"),
            party: self.party,
            because: self.because,
            bytes: self.bytes,
            lines: self.lines,
            used: self.used,
            irrelevant: self.irrelevant,
            not_understood: self.not_understood,
            puzzling: self.puzzling,
            alive: self.alive,
            assumed: self.assumed,
            zone: self.zone,
            notes: self.notes,
        }
    }
}
