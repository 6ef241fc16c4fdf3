//! Sources that are logs: lines to records.
//!
//! In: the text of a source. Out: klog records (continuation lines joined to their head), audit events, other text.

use super::klog;
use super::when::Zone;
use super::{Body, Context, Klog, Outer, Record, Summary, docs};
use crate::time::Time;

/// Lines that one head may take along; those after are text of their own.
const MOST_LINES: u32 = 4096;

/// Reads the source line by line.
pub fn read(text: &str, context: &Context<'_>, summary: &mut Summary, visit: &mut dyn FnMut(&Record<'_>)) {
    let near = context
        .near
        .or(context.modified)
        .unwrap_or(Time::parse("2024-01-01T00:00:00Z").unwrap_or_default());
    let zone = context.zone.cloned().unwrap_or(Zone::UTC);
    let mut reader = Reader {
        near,
        year: context.year,
        zone,
        klog: 0,
        audit: 0,
        visit,
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut open: Option<(usize, usize, u32, u32)> = None;
    let mut at = 0;
    let mut number = 0;
    for line in text.split_inclusive('\n') {
        number += 1;
        let end = at + line.len();
        let content = line.trim_end_matches(['\n', '\r']);
        let joins = !content.is_empty() && !klog::begins(content.as_bytes()) && !content.starts_with('{');
        match &mut open {
            Some((_, to, _, lines)) if joins && *lines < MOST_LINES => {
                *to = at + content.len();
                *lines += 1;
            }
            _ => {
                if let Some((from, to, first, lines)) = open.take() {
                    reader.one(text.get(from..to).unwrap_or_default(), first, lines);
                }
                if klog::begins(content.as_bytes()) {
                    open = Some((at, at + content.len(), number, 1));
                } else {
                    reader.one(content, number, 1);
                }
            }
        }
        at = end;
    }
    if let Some((from, to, first, lines)) = open {
        reader.one(text.get(from..to).unwrap_or_default(), first, lines);
    }
    summary.format = match (reader.klog, reader.audit) {
        (0, 0) => "text",
        (klog, audit) if klog >= audit => "klog",
        _ => "audit",
    };
    summary.zone = reader.zone.to_string();
    summary.near = (reader.klog > 0).then_some(reader.near);
}

struct Reader<'v, 'r> {
    near: Time,
    year: Option<i16>,
    zone: Zone,
    klog: u64,
    audit: u64,
    visit: &'v mut (dyn FnMut(&Record<'_>) + 'r),
}

impl Reader<'_, '_> {
    fn one(&mut self, text: &str, line: u32, lines: u32) {
        let body = self.body(text);
        (self.visit)(&Record {
            line,
            lines,
            outer: Outer::default(),
            body,
        });
    }

    fn body<'a>(&mut self, text: &'a str) -> Body<'a> {
        if docs::is_audit(text) {
            self.audit += 1;
            return Body::Audit(text);
        }
        let Ok((rest, header)) = klog::header(text) else {
            return Body::Text(text);
        };
        self.klog += 1;
        self.near = match self.year.take() {
            Some(year) => header.written.place_in(year, &self.zone),
            None => header.written.place(self.near, &self.zone),
        };
        let (message, pairs) = klog::message(rest);
        Body::Klog(Klog {
            severity: header.severity,
            at: self.near,
            file: header.file,
            file_line: header.file_line,
            message,
            pairs,
            text,
        })
    }
}
