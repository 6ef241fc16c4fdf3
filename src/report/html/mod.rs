//! The report as one page to open in a browser: no network, no other file.
//!
//! In: a [`Report`], best with its timeline. Out: HTML. What a person must know stands in the document itself and shows
//! without scripts; the lanes and the tables of pairs and steps are drawn by a script from a packed data element. The
//! policy in the head allows this one script and this one style sheet, by their hashes, and nothing else.

use std::fmt::Write as _;
use std::io::{self, Write};

use sha2::{Digest, Sha256};

use super::text::{Sources, clean, count, day, grouped, lasting, seconds};
use super::{Face, Report, Verdict};

mod base64;
mod card;
mod data;

/// The script: its parts share one scope.
const SCRIPT: &str = concat!(
    "\"use strict\";\n(async () => {\n",
    include_str!("data.js"),
    include_str!("lanes.js"),
    include_str!("moves.js"),
    include_str!("tables.js"),
    include_str!("page.js"),
    "})().catch((error) => {\n\
     document.getElementById(\"timeline-note\").textContent = `The timeline could not be drawn: ${error.message}`;\n\
     throw error;\n});\n"
);
const STYLE: &str = include_str!("page.css");
/// The part of the page that the script fills.
const STAGE: &str = include_str!("stage.html");

/// The report as a page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Html;

impl Face for Html {
    fn write(&self, report: &Report, out: &mut dyn Write) -> io::Result<()> {
        let sources = Sources::of(&report.inputs);
        write!(out, "{}", head(report))?;
        writeln!(out, "<main>")?;
        section(out, "Where the states parted", &card::divergences(report, &sources))?;
        section(out, "Waiting, as it should", &card::waits(report, &sources))?;
        section(out, "Missing", &card::missing(report))?;
        if report.timeline.is_some() {
            write!(out, "{STAGE}")?;
        }
        section(out, "Not explained by the model", &card::unexplained(report, &sources))?;
        section(out, "What was read", &card::inputs(report))?;
        writeln!(out, "</main>")?;
        if let Some(timeline) = &report.timeline {
            write!(out, "<script type=\"application/octet-stream\" id=\"data\">")?;
            base64::write(&data::packed(report, timeline, &sources)?, out)?;
            writeln!(out, "</script>\n<script>{SCRIPT}</script>")?;
        }
        writeln!(out, "</body></html>")
    }
}

/// Text as HTML shows it: neutralised, and nothing in it is markup.
fn text(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len() + 8);
    for c in clean(raw).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// A section with its heading; nothing where it would be empty.
fn section(out: &mut dyn Write, title: &str, body: &str) -> io::Result<()> {
    if body.is_empty() {
        return Ok(());
    }
    writeln!(out, "<section>\n<h2>{title}</h2>\n{body}</section>")
}

/// What a source may be loaded from: this script, this style sheet, no network.
fn policy() -> String {
    let hash = |content: &str| {
        let mut text = Vec::new();
        // Writing to memory does not fail.
        let _ = base64::write(&Sha256::digest(content.as_bytes()), &mut text);
        format!("'sha256-{}'", String::from_utf8_lossy(&text))
    };
    format!(
        "default-src 'none'; script-src {}; style-src {}; img-src data:; base-uri 'none'; form-action 'none'",
        hash(SCRIPT),
        hash(STYLE)
    )
}

/// The beginning of the document up to the verdict.
fn head(report: &Report) -> String {
    let (class, word) = match report.verdict {
        Verdict::Diverged => ("diverged", "Diverged"),
        Verdict::Clean => ("clean", "Clean"),
        Verdict::Insufficient => ("insufficient", "No verdict"),
    };
    let headline = headline(report);
    let mut facts = String::new();
    if let Some(window) = report.window {
        // Writing to a String does not fail.
        let _ = write!(
            facts,
            "{} {} to {} UTC, {} · ",
            day(window.from),
            seconds(window.from),
            seconds(window.to),
            lasting((window.to - window.from).as_millis().unsigned_abs())
        );
    }
    let s = report.summary;
    let lines: u64 = report.inputs.iter().map(|input| input.lines).sum();
    let _ = write!(
        facts,
        "{}, {}, {} · {}, {} · {}, {} explained, {} inferred · ",
        count(s.volumes, "volume"),
        count(s.nodes, "node"),
        count(s.pods, "pod"),
        count(report.inputs.len() as u64, "file"),
        count(lines, "line"),
        count(s.facts, "fact"),
        grouped(s.explained),
        grouped(s.inferred)
    );
    let release = report.profile.release.as_ref().unwrap_or(&report.profile.kubernetes);
    let assumed = if report.profile.assumed { ", assumed" } else { "" };
    let _ = write!(
        facts,
        "Kubernetes {}{assumed} ({})",
        text(release),
        text(&report.profile.because)
    );
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <meta name=\"generator\" content=\"adtrace {}\">\n\
         <link rel=\"icon\" href=\"data:,\">\n<title>{}</title>\n<style>{STYLE}</style></head>\n<body>\n\
         <a class=\"skip\" href=\"#timeline\">To the timeline</a>\n\
         <header><div><p class=\"verdict {class}\">{word}</p>\n<h1>{headline}</h1>\n<p class=\"facts\">{facts}</p></div>\n\
         <button id=\"theme\" type=\"button\" aria-label=\"Light or dark\">◐</button></header>\n",
        policy(),
        report.tool.version,
        headline,
    )
}

/// The verdict in a sentence.
fn headline(report: &Report) -> String {
    match (report.verdict, report.divergences.as_slice()) {
        (Verdict::Diverged, [one]) => text(&one.headline),
        (Verdict::Diverged, many) => format!("The states parted in {}.", count(many.len() as u64, "place")),
        (Verdict::Clean, _) if report.waits.iter().any(|wait| wait.until.is_none()) => {
            "The states agree; what waits, waits as it should.".to_owned()
        }
        (Verdict::Clean, _) => "The states agree.".to_owned(),
        (Verdict::Insufficient, _) => "What was recorded cannot carry a verdict.".to_owned(),
    }
}

#[cfg(test)]
mod tests;
