//! For programs: the value itself.

use std::io::{self, Write};

use serde::Serialize;

use super::{Checked, Count, Face};

/// One JSON object: `{schema, cases: [{trace, expectation, outcome, …}], count}`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Json;

#[derive(Serialize)]
struct Whole<'a> {
    schema: &'static str,
    #[serde(flatten)]
    checked: &'a Checked,
    count: Count,
}

impl Face for Json {
    fn write(&self, checked: &Checked, out: &mut dyn Write) -> io::Result<()> {
        let whole = Whole {
            schema: "adtrace.check/1",
            checked,
            count: checked.count(),
        };
        serde_json::to_writer_pretty(&mut *out, &whole)?;
        out.write_all(b"\n")
    }
}
