//! Facts as JSON, one a line: what `adtrace facts` prints.
//!
//! In: a reading. Out: lines for `jq`, `DuckDB` and the like (the contract of the report, part Facts).

use std::io::{self, Write};

use serde::Serialize;

use super::text::after;
use super::{Fact, Reading};
use crate::time::Time;

/// What serialises as one line of `adtrace facts`.
#[derive(Serialize)]
pub struct FactLine<'a> {
    /// Path within the input.
    pub source: &'a str,
    /// 1-based line.
    pub line: u32,
    /// As written; none where nothing tells a time, not even that of another line.
    pub at: Option<Time>,
    /// Who.
    pub party: String,
    /// What.
    pub kind: &'static str,
    /// See [`Fact::volume`].
    pub volume: Option<&'a str>,
    /// See [`Fact::node`].
    pub node: Option<&'a str>,
    /// See [`Fact::pod`].
    pub pod: Option<&'a str>,
    /// See [`Fact::attachment`].
    pub attachment: Option<&'a str>,
    /// See [`Fact::error`].
    pub error: Option<&'a str>,
    /// See [`Fact::version`].
    pub version: Option<&'a str>,
}

impl<'a> FactLine<'a> {
    /// The line that shows a fact of the source at `path`.
    #[must_use]
    pub fn new(path: &'a str, fact: &'a Fact) -> FactLine<'a> {
        FactLine {
            source: path,
            line: fact.line,
            at: Some(fact.at).filter(|at| *at > Time::default()),
            party: fact.party.to_string(),
            kind: fact.kind.name(),
            volume: fact.volume.as_deref(),
            node: fact.node.as_deref(),
            pod: fact.pod.as_deref(),
            attachment: fact.attachment.as_deref(),
            error: fact.error.as_deref(),
            version: fact.version.as_deref(),
        }
    }
}

/// Writes facts as JSON, one a line (the contract of the report, part Facts).
///
/// # Errors
/// What writing fails with.
pub fn print(reading: &Reading, out: &mut dyn Write) -> io::Result<()> {
    for fact in &reading.facts {
        let path = usize::try_from(fact.source.0)
            .ok()
            .and_then(|at| reading.sources.get(at))
            .map_or("", |source| &source.path);
        let waited = unmounted(fact);
        let whole = [None];
        let volumes: &mut dyn Iterator<Item = Option<&str>> = if waited.is_empty() {
            &mut whole.into_iter()
        } else {
            &mut waited.into_iter().map(Some)
        };
        for volume in volumes {
            let line = FactLine::new(path, fact);
            serde_json::to_writer(
                &mut *out,
                &FactLine {
                    volume: volume.or(line.volume),
                    ..line
                },
            )?;
            out.write_all(b"\n")?;
        }
    }
    Ok(())
}

/// The pod's own names of volumes that a kubelet still waits for, where nothing better names a volume.
fn unmounted(fact: &Fact) -> Vec<&str> {
    let error = fact.error.as_deref().filter(|_| fact.volume.is_none());
    let list = error.and_then(|error| after(error, "unmounted volumes=[", &[']']));
    list.map_or_else(Vec::new, |list| list.split_whitespace().collect())
}
