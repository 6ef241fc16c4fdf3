//! Forms in which one record takes several lines or shares a table's heading, turned into one JSON object a line.
//!
//! In: the bytes of a source. Out: the same bytes, or, of a table of values parted by commas (what `CloudWatch` Insights
//! and Log Analytics hand out) and of the journal's export format, a JSON object for each record, at the line on which
//! its message begins; and of a log viewer's rows, where the stamp stands on a line above the record, the record behind
//! its stamp. Other lines are left empty, so that the numbers of lines stay those of the source.

use std::io::{self, BufRead, BufReader, Read};

use serde_json::{Map, Value};

use super::stamp;

/// Bytes at the beginning of a source that tell its form.
const HEAD: usize = 4096;

/// Columns of a table that hold log lines or audit events.
const MESSAGES: [&str; 8] = [
    "@message",
    "log_s",
    "Message",
    "message",
    "_raw",
    "log",
    "textPayload",
    "RequestUri",
];

/// Columns that say when.
const TIMES: [&str; 8] = [
    "@timestamp",
    "TimeGenerated",
    "TimeGenerated [UTC]",
    "time",
    "timestamp",
    "_time",
    "@ingestionTime",
    "date",
];

/// Fields of the journal that are used.
const JOURNAL: [&str; 7] = [
    "MESSAGE",
    "__REALTIME_TIMESTAMP",
    "_SOURCE_REALTIME_TIMESTAMP",
    "_HOSTNAME",
    "SYSLOG_IDENTIFIER",
    "_COMM",
    "_SYSTEMD_UNIT",
];

/// A source whose records are one a line.
pub struct Recast<'r> {
    bytes: BufReader<Box<dyn Read + 'r>>,
    form: Form,
    /// A record holds no more than this.
    most: usize,
    /// What was made and not yet handed out.
    made: Vec<u8>,
    at: usize,
    /// Lines of the source that were read.
    read_lines: u64,
    /// Lines that were made.
    made_lines: u64,
    /// Bytes of the source that were read.
    pub read: u64,
}

enum Form {
    Plain,
    Table(Vec<String>),
    Journal,
    /// Stamps on lines of their own; the one that stands.
    Stamped(String),
}

impl<'r> Recast<'r> {
    /// Looks at a source's beginning; records and fields are cut at `most` bytes.
    pub fn new(bytes: &'r mut dyn Read, most: usize) -> io::Result<Recast<'r>> {
        let mut head = Vec::new();
        bytes.take(HEAD as u64).read_to_end(&mut head)?;
        let form = form_of(&head);
        Ok(Recast {
            bytes: BufReader::new(Box::new(io::Cursor::new(head).chain(bytes))),
            form,
            most,
            made: Vec::new(),
            at: 0,
            read_lines: 0,
            made_lines: 0,
            read: 0,
        })
    }

    /// Whether records are made anew.
    pub fn is_plain(&self) -> bool {
        matches!(self.form, Form::Plain)
    }

    /// One line with its end, cut at the limit; what is beyond is read and forgotten. `None` at the end.
    fn line(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        loop {
            let part = self.bytes.fill_buf()?;
            if part.is_empty() {
                self.read_lines += u64::from(!line.is_empty());
                return Ok((!line.is_empty()).then_some(line));
            }
            let end = memchr::memchr(b'\n', part);
            let length = end.map_or(part.len(), |end| end + 1);
            let room = self.most.saturating_sub(line.len());
            line.extend_from_slice(part.get(..length.min(room)).unwrap_or(part));
            self.bytes.consume(length);
            self.read += length as u64;
            if end.is_some() {
                self.read_lines += 1;
                return Ok(Some(line));
            }
        }
    }

    /// Makes the next piece; false at the end.
    fn make(&mut self) -> io::Result<bool> {
        self.made.clear();
        self.at = 0;
        let record = match &self.form {
            Form::Plain => return Ok(false),
            Form::Stamped(_) => return self.stamped(),
            Form::Table(_) => self.row()?,
            Form::Journal => self.entry()?,
        };
        let more = record.is_some();
        // The table's heading and empty entries leave nothing but their lines.
        if let Some((line, record)) = record.filter(|(_, record)| !record.is_empty()) {
            self.pad(line);
            self.made
                .extend_from_slice(Value::Object(record).to_string().as_bytes());
            self.made.push(b'\n');
            self.made_lines += 1;
        }
        self.pad(self.read_lines);
        Ok(more || !self.made.is_empty())
    }

    /// A line behind the stamp above it.
    fn stamped(&mut self) -> io::Result<bool> {
        let Some(line) = self.line()? else { return Ok(false) };
        let Form::Stamped(above) = &mut self.form else {
            return Ok(false);
        };
        let text = String::from_utf8_lossy(&line);
        if let Some(stamp) = lone_stamp(&text) {
            stamp.clone_into(above);
            self.made.push(b'\n');
        } else {
            let stamp = if text.trim().is_empty() {
                String::new()
            } else {
                std::mem::take(above)
            };
            self.made.extend_from_slice(stamp.as_bytes());
            self.made.extend_from_slice(if stamp.is_empty() { b"" } else { b" " });
            self.made.extend_from_slice(&line);
        }
        Ok(true)
    }

    /// Empty lines up to a line of the source.
    fn pad(&mut self, line: u64) {
        while self.made_lines < line {
            self.made.push(b'\n');
            self.made_lines += 1;
        }
    }

    /// A row of the table, which ends where a line ends outside of quotes; its line counts from 0.
    fn row(&mut self) -> io::Result<Option<(u64, Map<String, Value>)>> {
        let first = self.read_lines;
        let Some(mut text) = self.line()? else { return Ok(None) };
        let quotes = |line: &[u8]| memchr::memchr_iter(b'"', line).count();
        let mut open = quotes(&text) % 2 == 1;
        while open && text.len() < self.most {
            let Some(more) = self.line()? else { break };
            open ^= quotes(&more) % 2 == 1;
            text.extend_from_slice(&more);
        }
        let Form::Table(columns) = &self.form else {
            return Ok(None);
        };
        if first == 0 {
            return Ok(Some((first, Map::new())));
        }
        let fields = fields_of(&String::from_utf8_lossy(&text));
        let named = columns.iter().cloned().zip(fields.into_iter().map(Value::from));
        Ok(Some((first, named.collect())))
    }

    /// An entry of the journal, which ends at an empty line; its line is that of its message.
    fn entry(&mut self) -> io::Result<Option<(u64, Map<String, Value>)>> {
        let (mut entry, mut at) = (Map::new(), self.read_lines);
        loop {
            let first = self.read_lines;
            let Some(line) = self.line()? else {
                return Ok((!entry.is_empty()).then_some((at, entry)));
            };
            let text = String::from_utf8_lossy(&line);
            let text = text.trim_end_matches(['\n', '\r']);
            if text.is_empty() {
                return Ok(Some((at, entry)));
            }
            let (name, value) = match text.split_once('=') {
                Some((name, value)) => (name.to_owned(), value.to_owned()),
                None => (text.to_owned(), self.binary()?),
            };
            if name == "MESSAGE" {
                at = first;
            }
            if JOURNAL.contains(&name.as_str()) {
                entry.insert(name, value.into());
            }
        }
    }

    /// A field's value behind its length. Bytes of the length that read as line ends count as such: editors and `grep`
    /// do the same.
    fn binary(&mut self) -> io::Result<String> {
        let mut length = Vec::new();
        self.read += (&mut self.bytes).take(8).read_to_end(&mut length)? as u64;
        self.read_lines += line_ends(&length);
        let mut last = length.last().copied();
        let Ok(whole) = <[u8; 8]>::try_from(length) else {
            self.read_lines += u64::from(is_open(last));
            return Ok(String::new());
        };
        let mut left = u64::from_le_bytes(whole).saturating_add(1);
        let mut value = Vec::new();
        while left > 0 {
            let part = self.bytes.fill_buf()?;
            let most = usize::try_from(left).unwrap_or(usize::MAX).min(part.len());
            let part = part.get(..most).unwrap_or(part);
            if part.is_empty() {
                self.read_lines += u64::from(is_open(last));
                break;
            }
            let room = self.most.saturating_sub(value.len());
            value.extend_from_slice(part.get(..room).unwrap_or(part));
            self.read_lines += line_ends(part);
            last = part.last().copied();
            let length = part.len();
            self.bytes.consume(length);
            self.read += length as u64;
            left -= length as u64;
        }
        if left == 0 && value.last() == Some(&b'\n') {
            value.pop();
        }
        Ok(String::from_utf8_lossy(&value).into_owned())
    }
}

fn line_ends(bytes: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', bytes).count() as u64
}

/// Whether the line with that last byte was not ended.
fn is_open(last: Option<u8>) -> bool {
    last.is_some_and(|byte| byte != b'\n')
}

impl Read for Recast<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.is_plain() {
            return self.bytes.read(into);
        }
        while self.at >= self.made.len() {
            if !self.make()? {
                return Ok(0);
            }
        }
        let length = self.made.get(self.at..).unwrap_or_default().read(into)?;
        self.at += length;
        Ok(length)
    }
}

fn form_of(head: &[u8]) -> Form {
    let text = String::from_utf8_lossy(head);
    let text = text.trim_start_matches('\u{feff}');
    if text.starts_with("__CURSOR=") || text.starts_with("__REALTIME_TIMESTAMP=") {
        return Form::Journal;
    }
    let Some((heading, rest)) = text.split_once('\n') else {
        return Form::Plain;
    };
    let next = rest.lines().find(|line| !line.trim().is_empty());
    if lone_stamp(heading).is_some() && next.is_some_and(|line| lone_stamp(line).is_none()) {
        return Form::Stamped(String::new());
    }
    let columns = fields_of(heading);
    let has = |names: &[&str]| columns.iter().any(|column| names.contains(&column.as_str()));
    if columns.len() > 1 && has(&MESSAGES) && has(&TIMES) {
        Form::Table(columns)
    } else {
        Form::Plain
    }
}

/// A line that is a stamp and nothing more.
fn lone_stamp(line: &str) -> Option<&str> {
    let line = line.trim();
    let (_, end) = stamp::full(line)?;
    (end == line.len()).then_some(line)
}

/// The fields of a row (RFC 4180): a quoted one may hold commas, line ends, and quotes written twice.
fn fields_of(row: &str) -> Vec<String> {
    let (mut fields, mut field, mut quoted) = (Vec::new(), String::new(), false);
    let mut signs = row.trim_end_matches(['\n', '\r']).chars().peekable();
    while let Some(sign) = signs.next() {
        match sign {
            '"' if quoted && signs.peek() == Some(&'"') => {
                signs.next();
                field.push('"');
            }
            '"' if quoted || field.is_empty() => quoted = !quoted,
            ',' if !quoted => fields.push(std::mem::take(&mut field)),
            _ => field.push(sign),
        }
    }
    fields.push(field);
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recast(text: &[u8], most: usize) -> (String, u64) {
        let mut bytes = text;
        let mut recast = Recast::new(&mut bytes, most).unwrap();
        let mut out = String::new();
        recast.read_to_string(&mut out).unwrap();
        (out, recast.read)
    }

    #[test]
    fn rows_of_a_table_stand_at_their_lines() {
        let table = "@timestamp,@message\r\n1,\"a \"\"b\"\", c\"\r\n2,\"d\ne\"\n3,f\n";
        let (out, read) = recast(table.as_bytes(), 1000);
        let lines: Vec<&str> = out.split('\n').collect();
        assert_eq!(lines[0], "");
        assert_eq!(lines[1], r#"{"@message":"a \"b\", c","@timestamp":"1"}"#);
        assert_eq!(lines[2], r#"{"@message":"d\ne","@timestamp":"2"}"#);
        assert_eq!(lines[3], "");
        assert_eq!(lines[4], r#"{"@message":"f","@timestamp":"3"}"#);
        assert_eq!(read, table.len() as u64);
    }

    #[test]
    fn a_quote_that_is_never_closed_holds_no_more_than_a_record_may() {
        let table = format!("time,log\n1,\"{}", "x\n".repeat(1000));
        let (out, read) = recast(table.as_bytes(), 64);
        assert_eq!(read, table.len() as u64);
        assert_eq!(out.matches('\n').count(), table.matches('\n').count());
        // Nor is what is held looked through again for each line.
        let begun = std::time::Instant::now();
        let table = format!("time,log\n1,\"{}", "\n".repeat(2_000_000));
        recast(table.as_bytes(), 16 << 20);
        assert!(begun.elapsed().as_secs() < 20, "{:?}", begun.elapsed());
    }

    #[test]
    fn entries_of_the_journal_stand_at_their_messages() {
        let mut export =
            b"__CURSOR=a\n__REALTIME_TIMESTAMP=5\n_HOSTNAME=n\nMESSAGE=one\n\n__CURSOR=b\nMESSAGE\n".to_vec();
        export.extend_from_slice(&7_u64.to_le_bytes());
        export.extend_from_slice(b"two\nand\n_HOSTNAME=n\n\n");
        let (out, read) = recast(&export, 1000);
        let lines: Vec<&str> = out.split('\n').collect();
        assert_eq!(
            lines[3],
            r#"{"MESSAGE":"one","_HOSTNAME":"n","__REALTIME_TIMESTAMP":"5"}"#
        );
        assert_eq!(lines[6], r#"{"MESSAGE":"two\nand","_HOSTNAME":"n"}"#);
        assert_eq!(read, export.len() as u64);
    }

    #[test]
    fn a_length_that_is_a_lie_ends_with_the_source() {
        let mut export = b"__CURSOR=a\nMESSAGE\n".to_vec();
        export.extend_from_slice(&u64::MAX.to_le_bytes());
        export.extend_from_slice(b"short");
        let (out, read) = recast(&export, 1000);
        assert!(out.contains("short"), "{out}");
        assert_eq!(read, export.len() as u64);
    }

    #[test]
    fn every_line_of_an_export_is_counted_whatever_its_lengths() {
        // A length of ten is a line end to whoever counts lines.
        for value in ["0123456789", "a\nb", ""] {
            let mut export = b"__CURSOR=a\nMESSAGE\n".to_vec();
            export.extend_from_slice(&(value.len() as u64).to_le_bytes());
            export.extend_from_slice(value.as_bytes());
            export.extend_from_slice(b"\n\n__CURSOR=b\nMESSAGE=next");
            for cut in 20..=export.len() {
                let source = &export[..cut];
                let (out, read) = recast(source, 1000);
                let lines = |bytes: &[u8]| bytes.split_inclusive(|byte| *byte == b'\n').count();
                assert_eq!(
                    (read, lines(out.as_bytes())),
                    (cut as u64, lines(source)),
                    "{value:?} cut at {cut}"
                );
            }
            let (out, _) = recast(&export, 1000);
            let ends = usize::try_from(line_ends(&export)).unwrap();
            assert!(out.lines().nth(ends).is_some_and(|line| line.contains("next")), "{out}");
        }
    }

    #[test]
    fn a_viewers_stamp_stands_before_the_record_below_it() {
        let rows = "2025-08-28 10:03:19\t\n{\"log\":1}\n\n2025-08-28 10:03:21\t\n{\"log\":2}\nmore";
        let (out, read) = recast(rows.as_bytes(), 1000);
        let stamped = "\n2025-08-28 10:03:19 {\"log\":1}\n\n\n2025-08-28 10:03:21 {\"log\":2}\nmore";
        assert_eq!((out.as_str(), read), (stamped, rows.len() as u64));
        let stamps = "2025-08-28 10:03:19\n2025-08-28 10:03:20\n";
        assert_eq!(recast(stamps.as_bytes(), 10).0, stamps);
    }

    #[test]
    fn other_texts_stay_as_they_are() {
        for text in ["a,b\nc\n", "I1123 time, log\n", "", "{\"log\":1}\n"] {
            assert_eq!(recast(text.as_bytes(), 10).0, text);
        }
    }
}
