//! Logs as the journal and syslog print them.

use adtrace::time::Time;

use super::lines::{Stamped, syslog};
use super::{File, wrapped};

/// Seconds since 1970, and microseconds.
fn unix(at: Time) -> String {
    format!("{}.{:06}", at.0.div_euclid(1_000_000), at.0.rem_euclid(1_000_000))
}

/// `2026-11-25T02:12:42`, and the microseconds.
fn iso(at: Time) -> (String, String) {
    let text = at.to_string();
    (text[..19].to_owned(), text[20..26].to_owned())
}

fn lines(files: &[File], stamp: impl Fn(Time) -> String) -> Vec<File> {
    wrapped(files, false, |line: &Stamped<'_>, program, host| {
        format!("{} {host} {program}[92]: {}\n", stamp(line.at), line.text)
    })
}

pub fn short_iso(files: &[File]) -> Vec<File> {
    lines(files, |at| format!("{}+0000", iso(at).0))
}

pub fn short_iso_precise(files: &[File]) -> Vec<File> {
    lines(files, |at| format!("{}.{}+00:00", iso(at).0, iso(at).1))
}

pub fn short_precise(files: &[File]) -> Vec<File> {
    lines(files, |at| format!("{}.{}", syslog(at), iso(at).1))
}

pub fn short_unix(files: &[File]) -> Vec<File> {
    lines(files, unix)
}

pub fn short_full(files: &[File]) -> Vec<File> {
    lines(files, |at| {
        let days = at.0.div_euclid(86_400_000_000);
        let name = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"][usize::try_from(days.rem_euclid(7)).unwrap_or(0)];
        format!("{name} {} UTC", iso(at).0.replace('T', " "))
    })
}

pub fn rfc_5424(files: &[File]) -> Vec<File> {
    wrapped(files, false, |line, program, host| {
        format!("<30>1 {} {host} {program} 92 - - {}\n", line.at, line.text)
    })
}

pub fn syslog_without_pid(files: &[File]) -> Vec<File> {
    wrapped(files, false, |line, program, host| {
        format!("{} {host} {program}: {}\n", syslog(line.at), line.text)
    })
}

/// `journalctl -o export`: a field a line, entries parted by an empty line; a field that is no plain text has its length
/// in front.
pub fn export(files: &[File]) -> Vec<File> {
    let mut count = 0;
    super::each(files, |file, role| {
        let super::Role::Log(program, host, _) = role else {
            return vec![file.clone()];
        };
        let text = file.text();
        let mut out = Vec::new();
        for line in super::stamped(&text, super::lines::year(files)) {
            count += 1;
            let head = format!(
                "__CURSOR=s=4f;i={count:x}\n__REALTIME_TIMESTAMP={}\n__MONOTONIC_TIMESTAMP={count}\n_BOOT_ID=0b1c\n\
                 PRIORITY=6\n_HOSTNAME={host}\nSYSLOG_IDENTIFIER={program}\n_PID=92\n",
                line.at.0
            );
            out.extend_from_slice(head.as_bytes());
            if line.text.contains('\t') {
                out.extend_from_slice(b"MESSAGE\n");
                out.extend_from_slice(&(line.text.len() as u64).to_le_bytes());
                out.extend_from_slice(line.text.as_bytes());
                out.extend_from_slice(b"\n\n");
            } else {
                out.extend_from_slice(format!("MESSAGE={}\n\n", line.text).as_bytes());
            }
        }
        vec![File::new(&file.path, out)]
    })
}

/// `journalctl -o json` where the message is an array of bytes.
pub fn json_bytes(files: &[File]) -> Vec<File> {
    wrapped(files, false, |line, program, host| {
        super::journal_entry(line, program, host, line.text.as_bytes())
    })
}
