//! A story on the terminal.
//!
//! In: a [`Story`]. Out: text, the rule first, then the course step by step, then what stays and what would help.

use std::io::{self, Write};

use super::setup::Fault;
use super::story::{Cure, Story};

/// Writes a story.
pub fn print(story: &Story, out: &mut dyn Write) -> io::Result<()> {
    let for_good = if story.for_good { ", for good" } else { "" };
    writeln!(
        out,
        "\n{}  {}{for_good}: {} on {}",
        story.id, story.says, story.volume, story.node
    )?;
    writeln!(out, "    {} steps, {}", story.steps.len(), faults(&story.faults))?;
    for (at, step) in story.steps.iter().enumerate() {
        writeln!(out, "    {:>2}  {}", at + 1, step.what)?;
        for detail in &step.details {
            writeln!(out, "          {detail}")?;
        }
    }
    let when = if story.for_good {
        "Left alone from there"
    } else {
        "Then"
    };
    writeln!(out, "    {when}: {}.", story.end)?;
    for cure in &story.cures {
        writeln!(out, "    Ends well with {}{}", cure.behaviour, origin(cure))?;
    }
    Ok(())
}

fn faults(kinds: &[Fault]) -> String {
    let names: Vec<&str> = kinds.iter().copied().map(Fault::name).collect();
    if names.is_empty() {
        "no fault".to_owned()
    } else {
        format!("faults: {}", names.join(", "))
    }
}

fn origin(cure: &Cure) -> String {
    let closes: Vec<String> = cure.closes.iter().map(|issue| format!("#{issue}")).collect();
    let closes = if closes.is_empty() {
        String::new()
    } else {
        format!("; closes {}", closes.join(", "))
    };
    format!(" ({}{closes})", cure.origin)
}
