//! Facts as a file of their own: the text form of a captured trace, written and read.
//!
//! In: a [`Reading`]. Out: text, one JSON object a line: a header, then each source followed by its facts, in the order
//! of source and line; and back. A trace holds what a report needs (facts with their provenance and telling text, who
//! lived when, what was read), so that it gives the report that the bundle gave. Sorted and line by line, it can be
//! compared with `diff`.

use std::fmt;
use std::io::{self, BufRead, Write};

use serde::{Deserialize, Serialize};

use super::reading::{AGES, age};
use super::{Fact, Reading, Source, SourceId};
use crate::time::{Span, Time};

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
enum Line<S, F> {
    Source(S),
    Fact(FactLine<F>),
}

/// A fact as it stands in a trace. A dumped object has no time of its own, and a row of an event table only an age: they
/// count from the end of what was recorded, wherever that is once several traces are read together.
#[derive(Serialize, Deserialize)]
struct FactLine<F> {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    before_end_us: Option<i64>,
    #[serde(flatten)]
    fact: F,
}

/// Writes a trace.
///
/// # Errors
/// What writing fails with.
pub fn write(reading: &Reading, out: &mut dyn Write) -> io::Result<()> {
    put(
        out,
        &Header {
            schema: FORM.to_owned(),
        },
    )?;
    let end = reading.end();
    let mut facts = reading.facts.iter().peekable();
    for (id, source) in (0_u32..).map(SourceId).zip(&reading.sources) {
        put(out, &Line::<_, &Fact>::Source(source))?;
        while let Some(fact) = facts.next_if(|fact| fact.source == id) {
            let kept = age(fact.at);
            let before_end_us = kept.map(|age| age.0).or(fact.kind.is_dump().then_some(0));
            // Nobody should have to read a moment at the end of all times.
            let shown = kept.map(|age| Fact {
                at: end - age,
                ..fact.clone()
            });
            let fact = shown.as_ref().unwrap_or(fact);
            put(out, &Line::<&Source, _>::Fact(FactLine { before_end_us, fact }))?;
        }
    }
    Ok(())
}

fn put(out: &mut dyn Write, line: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, line)?;
    out.write_all(b"\n")
}

/// Reads a trace; facts that count from the end come back so counted from [`Time::MAX`].
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
        match serde_json::from_str::<Line<Box<Source>, Box<Fact>>>(&text).map_err(broken)? {
            Line::Source(source) => reading.sources.push(*source),
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
                let mut fact = *line.fact;
                fact.source = SourceId(source);
                if let Some(age) = line.before_end_us {
                    fact.at = Time::MAX - Span(age.clamp(0, AGES.0));
                }
                reading.facts.push(fact);
            }
        }
    }
    Ok(reading)
}
