//! Lines with or without colour.
//!
//! In: text and what it means. Out: the text, in colour where colours are wanted. The only place that knows escapes.

use std::io;

use crate::report::text::{columns, pad, wrap};

/// What a piece of text means to its reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Nothing special.
    Plain,
    /// What to read first.
    Strong,
    /// What can be skipped.
    Faint,
    /// Wrong, harmful.
    Bad,
    /// In doubt.
    Doubt,
    /// Right, helpful.
    Good,
    /// Where to look.
    Place,
}

impl Tone {
    fn escape(self) -> &'static str {
        match self {
            Tone::Plain => "",
            Tone::Strong => "\x1b[1m",
            Tone::Faint => "\x1b[2m",
            Tone::Bad => "\x1b[1;31m",
            Tone::Doubt => "\x1b[33m",
            Tone::Good => "\x1b[32m",
            Tone::Place => "\x1b[36m",
        }
    }
}

/// How to lay out and colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ink {
    /// Whether escapes may be written.
    pub colour: bool,
    /// Columns of a line.
    pub width: usize,
}

impl Ink {
    /// The text in its tone.
    pub fn tint(self, tone: Tone, text: &str) -> String {
        if self.colour && tone != Tone::Plain && !text.is_empty() {
            format!("{}{text}\x1b[0m", tone.escape())
        } else {
            text.to_owned()
        }
    }

    /// The text wrapped to the width, each line in its tone, the second and later lines indented.
    pub fn paragraph(self, tone: Tone, indent: usize, text: &str) -> Vec<String> {
        let margin = " ".repeat(indent);
        wrap(text, self.width.saturating_sub(indent))
            .iter()
            .map(|line| format!("{margin}{}", self.tint(tone, line)))
            .collect()
    }

    /// A label in a column of `label_width`, then the text wrapped beside it.
    pub fn labelled(self, tone: Tone, label: &str, label_width: usize, text: &str) -> Vec<String> {
        let mut label = Some(label);
        wrap(text, self.width.saturating_sub(label_width))
            .iter()
            .map(|line| {
                let head = pad(label.take().unwrap_or(""), label_width);
                format!("{}{line}", self.tint(tone, &head))
            })
            .collect()
    }
}

/// A text on the left and one on the right edge, the right one on a line of its own where they don't fit together.
pub fn edges(ink: Ink, left: &str, right: &str, tone: Tone) -> Vec<String> {
    let taken = columns(left) + columns(right);
    if taken + 2 <= ink.width {
        let gap = " ".repeat(ink.width - taken);
        return vec![format!(
            "{}{gap}{}",
            ink.tint(Tone::Strong, left),
            ink.tint(tone, right)
        )];
    }
    let mut lines = ink.paragraph(Tone::Strong, 0, left);
    lines.extend(ink.paragraph(tone, 0, right));
    lines
}

/// Writes lines, without blanks at their ends.
pub fn write_lines(out: &mut dyn io::Write, lines: &[String]) -> io::Result<()> {
    for line in lines {
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}
