//! The report as JSON, for programs.
//!
//! In: a [`Report`]. Out: one indented JSON object and a final newline; the same report always gives the same bytes.

use std::io;

use super::{Face, Report};

/// The report as one JSON object.
pub struct Json;

impl Face for Json {
    fn write(&self, report: &Report, out: &mut dyn io::Write) -> io::Result<()> {
        serde_json::to_writer_pretty(&mut *out, report)?;
        out.write_all(b"\n")
    }
}
