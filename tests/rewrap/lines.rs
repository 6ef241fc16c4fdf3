//! Log lines and the moments at which they were written.

use adtrace::time::{Span, Time};

use super::{File, Role, role};

/// A line and its moment: its header's, or that of the line before where it has none.
pub struct Stamped<'t> {
    pub at: Time,
    pub text: &'t str,
}

/// The year of a recording: that of its first audit event.
pub fn year(files: &[File]) -> i64 {
    let audit = files.iter().find(|file| role(&file.path) == Role::Audit);
    let text = audit.map(File::text).unwrap_or_default();
    let found = text
        .split_once("\"stageTimestamp\":\"")
        .and_then(|(_, rest)| rest.get(..4)?.parse().ok());
    found.unwrap_or(2026)
}

/// Lines of a klog or audit text with their moments.
pub fn stamped(text: &str, year: i64) -> Vec<Stamped<'_>> {
    let mut last = text.lines().find_map(|line| moment(line, year)).unwrap_or_default();
    let one = |line| {
        last = moment(line, year).unwrap_or(last);
        Stamped { at: last, text: line }
    };
    text.lines().map(one).collect()
}

/// When a line was written, if it tells.
fn moment(line: &str, year: i64) -> Option<Time> {
    if let Some((_, rest)) = line
        .split_once("\"stageTimestamp\":\"")
        .filter(|_| line.starts_with('{'))
    {
        return Time::parse(rest.split('"').next()?);
    }
    header(line).and_then(|(month, day, clock)| Time::parse(&format!("{year:04}-{month}-{day}T{clock}Z")))
}

/// Month, day and time of day in a klog header.
fn header(line: &str) -> Option<(&str, &str, &str)> {
    let digits = line.strip_prefix(['I', 'W', 'E', 'F'])?.get(..4)?;
    let clock = line.get(6..21).filter(|clock| clock.as_bytes()[2] == b':')?;
    digits
        .bytes()
        .all(|b| b.is_ascii_digit())
        .then(|| (&digits[..2], &digits[2..], clock))
}

/// The line with its header's clock set differently.
pub fn with_header_moved(line: &str, year: i64, by: Span) -> String {
    let Some(at) = header(line).and_then(|_| moment(line, year)) else {
        return line.to_owned();
    };
    let new = (at + by).to_string();
    format!(
        "{}{}{} {}{}",
        &line[..1],
        &new[5..7],
        &new[8..10],
        &new[11..26],
        &line[21..]
    )
}

/// The line with the moment in `No retries permitted until` told by another clock, in another zone.
pub fn with_retry_moved(line: &str, by: Span, zone: &str) -> String {
    let mark = "No retries permitted until ";
    let Some((before, after)) = line.split_once(mark) else {
        return line.to_owned();
    };
    let Some((stamp, rest)) = after.split_once(" +0000 UTC") else {
        return line.to_owned();
    };
    let (whole, nanos) = stamp.split_once('.').unwrap_or((stamp, "0"));
    let Some(at) = Time::parse(&format!("{}.{nanos:0<9}Z", whole.replace(' ', "T"))) else {
        return line.to_owned();
    };
    let new = (at + by).to_string();
    let tail = nanos.get(6..).unwrap_or("");
    format!("{before}{mark}{} {}{tail} {zone}{rest}", &new[..10], &new[11..26])
}

/// `Nov 25 02:12:42`
pub fn syslog(at: Time) -> String {
    const NAMES: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let text = at.to_string();
    let month: usize = text[5..7].parse().expect("a month");
    let day: u32 = text[8..10].parse().expect("a day");
    format!("{} {day:>2} {}", NAMES[month - 1], &text[11..19])
}

/// A text in pieces of at most so many bytes, cut between characters.
pub fn parts(text: &str, most: usize) -> Vec<&str> {
    let mut rest = text;
    let mut found = Vec::new();
    while rest.len() > most {
        let mut at = most;
        while !rest.is_char_boundary(at) {
            at -= 1;
        }
        let (part, more) = rest.split_at(at);
        found.push(part);
        rest = more;
    }
    found.push(rest);
    found
}
