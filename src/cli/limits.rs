//! Limits on what is read, as flags.
//!
//! In: flags. Out: [`Limits`]. The defaults take a bundle of 50 GB; whoever reads files of strangers may want less.

use std::fmt;
use std::str::FromStr;

use clap::Args;

use crate::bundle::Limits;

/// Where help lists them.
const HEADING: &str = "Limits on what is read";

/// Limits on what is read.
#[derive(Clone, Debug, Args)]
#[expect(clippy::struct_field_names, reason = "they are the names of the flags")]
pub struct LimitFlags {
    /// Files in all paths and archives together
    #[arg(long, help_heading = HEADING, value_name = "N", hide_short_help = true, default_value_t = Limits::default().entries)]
    max_entries: u64,
    /// Bytes of one file, unpacked (as 500M, 64G); a larger one is cut there
    #[arg(long, help_heading = HEADING, value_name = "SIZE", hide_short_help = true, default_value_t = Size(Limits::default().entry_bytes))]
    max_entry_size: Size,
    /// Bytes of all files together, unpacked; nothing more is read then
    #[arg(long, help_heading = HEADING, value_name = "SIZE", hide_short_help = true, default_value_t = Size(Limits::default().total_bytes))]
    max_total_size: Size,
    /// Bytes unpacked from each packed one, counted once 16M were unpacked
    #[arg(long, help_heading = HEADING, value_name = "N", hide_short_help = true, default_value_t = Limits::default().ratio)]
    max_ratio: u64,
    /// Archives and compressions within each other
    #[arg(long, help_heading = HEADING, value_name = "N", hide_short_help = true, default_value_t = Limits::default().nesting)]
    max_nesting: u32,
    /// Bytes held in memory at once: a document, or a zip within an archive
    #[arg(long, help_heading = HEADING, value_name = "SIZE", hide_short_help = true, default_value_t = Size(Limits::default().held_bytes))]
    max_held_size: Size,
    /// Bytes of one line; the rest of a longer one is dropped
    #[arg(long, help_heading = HEADING, value_name = "SIZE", hide_short_help = true, default_value_t = Size(Limits::default().line_bytes as u64))]
    max_line_size: Size,
    /// Nesting of JSON; what is nested deeper is no object
    #[arg(long, help_heading = HEADING, value_name = "N", hide_short_help = true, default_value_t = Limits::default().json_depth)]
    max_json_depth: usize,
}

impl LimitFlags {
    /// The limits that the flags set.
    pub fn limits(&self) -> Limits {
        Limits {
            entries: self.max_entries,
            entry_bytes: self.max_entry_size.0,
            total_bytes: self.max_total_size.0,
            ratio: self.max_ratio,
            nesting: self.max_nesting,
            held_bytes: self.max_held_size.0,
            line_bytes: usize::try_from(self.max_line_size.0).unwrap_or(usize::MAX),
            json_depth: self.max_json_depth,
            ..Limits::default()
        }
    }
}

/// Letters that multiply a size, the largest first.
const UNITS: [(char, u64); 4] = [('T', 1 << 40), ('G', 1 << 30), ('M', 1 << 20), ('K', 1 << 10)];

/// A number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Size(u64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = UNITS
            .iter()
            .find(|(_, unit)| self.0 >= *unit && self.0.is_multiple_of(*unit));
        match unit {
            Some((letter, unit)) => write!(f, "{}{letter}", self.0 / unit),
            None => self.0.fmt(f),
        }
    }
}

impl FromStr for Size {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Size, Self::Err> {
        let unit = UNITS
            .iter()
            .find_map(|(letter, unit)| Some((text.strip_suffix(*letter)?, *unit)));
        let (number, unit) = unit.unwrap_or((text, 1));
        let bytes = number.parse().ok().and_then(|number: u64| number.checked_mul(unit));
        bytes.map(Size).ok_or("give a number of bytes, as 4096, 16M or 2G")
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::bundle::packed::{gzip, tar_of};
    use crate::fact::{self, ReadOptions, Reading};

    #[derive(Parser)]
    struct Only {
        #[command(flatten)]
        limits: LimitFlags,
    }

    /// What is read of one file under one flag.
    fn read(flag: &str, value: &str, bytes: &[u8]) -> Reading {
        let place = std::env::temp_dir().join(format!("adtrace-limits{flag}-{}", std::process::id()));
        std::fs::create_dir_all(&place).unwrap();
        std::fs::write(place.join("a"), bytes).unwrap();
        std::fs::write(place.join("b"), "nothing\n").unwrap();
        let only = Only::try_parse_from(["adtrace", flag, value]).unwrap();
        let options = ReadOptions {
            limits: only.limits.limits(),
            ..ReadOptions::default()
        };
        let found = fact::read(std::slice::from_ref(&place), &options).unwrap();
        std::fs::remove_dir_all(&place).unwrap();
        found
    }

    fn notes(flag: &str, value: &str, bytes: &[u8]) -> String {
        let reading = read(flag, value, bytes);
        let notes = reading.sources.iter().flat_map(|source| source.notes.clone());
        notes.collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn what_lies_beyond_a_limit_is_left_out_and_told() {
        let zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()))
            .finish()
            .unwrap()
            .into_inner();
        let long = "x".repeat(100);
        let bomb = gzip(&vec![b'\n'; 17 << 20]);
        for (flag, value, bytes, told) in [
            ("--max-entries", "1", &b"x"[..], "the limit of 1 entries is reached"),
            (
                "--max-entry-size",
                "10",
                long.as_bytes(),
                "cut at the limit of 10 bytes",
            ),
            (
                "--max-total-size",
                "10",
                long.as_bytes(),
                "the limit of 10 bytes in all is reached",
            ),
            ("--max-ratio", "2", &bomb, "more than 2 times its size"),
            ("--max-nesting", "1", &gzip(&gzip(b"x")), "packed more than 1 times"),
            ("--max-held-size", "10", &tar_of(&[("a.zip", &zip)]), "at most 10 bytes"),
            (
                "--max-line-size",
                "20",
                long.as_bytes(),
                "1 lines longer than 20 bytes were cut",
            ),
        ] {
            let found = notes(flag, value, bytes);
            assert!(found.contains(told), "{flag}: {found:?}");
        }
    }

    #[test]
    fn what_comes_after_the_limit_of_all_bytes_is_not_read() {
        let files = tar_of(&[("x", b"12345\n"), ("y", b"12345\n"), ("z", b"12345\n")]);
        for (most, read_of_each) in [("12", vec![6, 6]), ("9", vec![6, 3]), ("6", vec![6])] {
            let found = read("--max-total-size", most, &gzip(&files));
            let bytes = found
                .sources
                .iter()
                .map(|source| source.bytes)
                .filter(|bytes| *bytes > 0);
            assert_eq!(bytes.collect::<Vec<_>>(), read_of_each, "{most}");
        }
    }

    #[test]
    fn what_is_nested_deeper_than_the_limit_is_no_object() {
        let node = br#"{"kind":"Node","apiVersion":"v1","metadata":{"name":"n"},"status":{"a":{"b":{}}}}"#;
        assert_eq!(read("--max-json-depth", "4", node).facts.len(), 1);
        assert_eq!(read("--max-json-depth", "3", node).facts.len(), 0);
    }

    #[test]
    fn sizes_read_as_they_are_printed() {
        for (text, bytes) in [
            ("0", 0),
            ("1000", 1000),
            ("2K", 2048),
            ("16M", 16 << 20),
            ("64G", 64 << 30),
            ("2T", 2 << 40),
        ] {
            let size: Size = text.parse().unwrap();
            assert_eq!((size, size.to_string().as_str()), (Size(bytes), text));
        }
        for wrong in ["", "M", "-1", "1P", "99999999999G"] {
            assert!(wrong.parse::<Size>().is_err(), "{wrong}");
        }
    }
}
