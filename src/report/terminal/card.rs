//! One divergence on a screen: headline, since when, the steps, the states, what to do.
//!
//! In: a divergence and the lines there is room for. Out: that many lines at most, as long as a story of three steps
//! fits; where the whole chain does not fit, steps without a mark are left out first and counted.

use std::iter::zip;

use super::ink::{Ink, Tone, edges};
use super::{LABEL, lasted};
use crate::report::remedy;
use crate::report::text::{
    Sources, clean, columns, count, cut, day, limit, millis, pad, seconds, short_actor, short_volume, wrap, yes_no,
};
use crate::report::words::{self, Part};
use crate::report::{
    AttachmentState, ControllerState, Divergence, Mounted, Outcome, Report, Severity, States, Status, Step,
};

/// Columns that a step's place may take.
const PLACE: usize = 22;
/// Columns before a step's words: mark, time, actor.
const BEFORE: usize = 2 + 12 + 2 + 10 + 2;

/// The lines of one divergence, at most `room` of them.
pub fn lines(ink: Ink, report: &Report, divergence: &Divergence, sources: &Sources<'_>, room: usize) -> Vec<String> {
    let mut head = ink.paragraph(Tone::Strong, 0, &clean(&divergence.headline));
    head.extend(state_of_affairs(ink, report, divergence));
    head.extend(version(ink, report, divergence));
    head.push(String::new());
    let mut tail = vec![String::new()];
    tail.extend(table(ink, divergence));
    tail.extend(advice(ink, divergence));
    let left = room.saturating_sub(head.len() + tail.len());
    head.extend(story(ink, divergence, sources, left));
    head.extend(tail);
    head
}

/// How bad, in the tone and the word for it.
pub fn severity(severity: Severity) -> (Tone, &'static str) {
    let tone = match severity {
        Severity::Stuck | Severity::Unsafe => Tone::Bad,
        Severity::Slow => Tone::Doubt,
    };
    (tone, severity.word())
}

/// Severity, since when, until when; the known issue and how sure at the right edge.
fn state_of_affairs(ink: Ink, report: &Report, divergence: &Divergence) -> Vec<String> {
    let end = report.around(divergence).1.map(|window| window.to);
    let (tone, word) = severity(divergence.severity);
    let since = format!(
        "{word} since {} {} UTC",
        day(divergence.since),
        seconds(divergence.since)
    );
    let lasted = lasted(divergence, end).map_or(String::new(), |l| format!(" ({l})"));
    let left = match (divergence.status, divergence.until, end) {
        (Status::Healed, Some(until), _) => format!("{since}, healed at {}{lasted}", seconds(until)),
        (Status::Healed, None, _) => format!("{since}, healed"),
        (Status::Open, _, Some(end)) => format!("{since}, still so at {}{lasted}", seconds(end)),
        (Status::Open, _, None) => format!("{since}, still so"),
    };
    let issues: Vec<&str> = divergence
        .known_issues
        .iter()
        .map(|i| i.split_once('/').map_or(i.as_str(), |(_, short)| short))
        .collect();
    let sure = divergence.confidence.word();
    let right = match issues.as_slice() {
        [] if divergence.mechanism == "unknown" => format!("not a known mechanism · {sure}"),
        [] => sure.to_owned(),
        [first, ..] => format!("{} · {sure}", clean(first)),
    };
    let mut lines = edges(ink, &left, &right, Tone::Place);
    if let Some(first) = lines.first_mut() {
        *first = first.replacen(word, &ink.tint(tone, word), 1);
    }
    lines
}

/// Whether the release seen has the fix, in a sentence.
fn version(ink: Ink, report: &Report, divergence: &Divergence) -> Vec<String> {
    words::release(report, divergence).map_or(Vec::new(), |text| ink.paragraph(Tone::Plain, 0, &text))
}

/// The mark of a step and its tone.
pub fn mark(divergence: &Divergence, step: &Step) -> (Tone, &'static str) {
    match Part::of(divergence, step) {
        Some(Part::Trigger) => (Tone::Doubt, Part::Trigger.mark()),
        Some(part) => (Tone::Bad, part.mark()),
        None => (Tone::Plain, " "),
    }
}

/// The steps. Where they don't fit into `room`, those without a mark are left out, the earliest first; then long words
/// are cut, the last step's first. The evidence below has all of them in full.
fn story(ink: Ink, divergence: &Divergence, sources: &Sources<'_>, room: usize) -> Vec<String> {
    let mut shown: Vec<(&Step, usize)> = divergence.chain.iter().map(|step| (step, usize::MAX)).collect();
    let draw = |shown: &[(&Step, usize)]| -> Vec<String> {
        let mut lines = Vec::new();
        if let Some(hidden @ 1..) = divergence.chain.len().checked_sub(shown.len()) {
            let text = format!("  … {} with the evidence below", count(hidden as u64, "more step"));
            lines.push(ink.tint(Tone::Faint, &text));
        }
        lines.extend(
            shown
                .iter()
                .flat_map(|(step, rows)| step_lines(ink, divergence, step, sources, *rows)),
        );
        lines
    };
    while draw(&shown).len() > room {
        let Some(unmarked) = shown.iter().position(|(step, _)| mark(divergence, step).1 == " ") else {
            break;
        };
        shown.remove(unmarked);
    }
    for last in (0..shown.len()).rev() {
        if draw(&shown).len() <= room {
            break;
        }
        if let Some(step) = shown.get_mut(last) {
            step.1 = 2;
        }
    }
    draw(&shown)
}

/// One step in at most `rows` lines: mark, time, actor, words, and where to look, the last two wrapped side by side.
fn step_lines(ink: Ink, divergence: &Divergence, step: &Step, sources: &Sources<'_>, rows: usize) -> Vec<String> {
    let places = places(step, sources);
    let width = places.iter().map(|p| columns(p)).max().unwrap_or(0).min(PLACE);
    let inferred = words::inferred(step);
    let room = ink.width.saturating_sub(BEFORE + PLACE + 2);
    let words = limit(wrap(&format!("{}{inferred}", clean(&step.what)), room), rows);
    let (tone, mark) = mark(divergence, step);
    let actor = pad(&cut(short_actor(&step.actor), 10), 10);
    let height = words.len().max(places.len());
    (0..height)
        .map(|row| {
            let head = if row == 0 {
                format!(
                    "{} {}  {actor}  ",
                    ink.tint(tone, mark),
                    ink.tint(Tone::Faint, &millis(step.at))
                )
            } else {
                " ".repeat(BEFORE)
            };
            let word = words.get(row).map_or("", String::as_str);
            match places.get(row) {
                Some(place) => {
                    format!(
                        "{head}{}  {}",
                        pad(word, room),
                        ink.tint(Tone::Place, &cut(place, width.max(1)))
                    )
                }
                None => format!("{head}{word}"),
            }
        })
        .collect()
}

/// Where to look, two places at most; the evidence below has all.
fn places(step: &Step, sources: &Sources<'_>) -> Vec<String> {
    let mut places = sources.brief_places(&step.evidence);
    if places.len() > 2 {
        let more = places.len() - 1;
        places.truncate(1);
        places.push(format!("and {more} more"));
    }
    places
}

/// The states of the cell before, after and at the end; what is wrong stands in capitals.
fn table(ink: Ink, divergence: &Divergence) -> Vec<String> {
    let volume = short_volume(divergence.pv.as_deref(), &divergence.volume);
    let label = format!("{} on {}", clean(volume), clean(&divergence.node));
    let label = cut(&label, ink.width.saturating_sub(70).max(16)).into_owned();
    let after = if divergence.trigger.is_some() {
        "after ●"
    } else {
        "after ▶"
    };
    let names = [
        "wanted",
        "controller",
        "reported",
        "VolumeAttachment",
        "in use",
        "mounted",
    ];
    let width = columns(&label).max(8) + 2;
    let mut header = format!("  {}", pad(&label, width));
    for name in names {
        header.push_str(&pad(name, name.len() + 2));
    }
    let states = &divergence.states;
    let mut lines = vec![ink.tint(Tone::Faint, header.trim_end())];
    for (when, states) in [("before ▶", states.before), (after, states.after), ("end", states.end)] {
        let mut row = format!("  {}", pad(when, width));
        for (name, cell) in zip(names, cells(states)) {
            let wrong = cell.chars().any(char::is_uppercase);
            row.push_str(&ink.tint(if wrong { Tone::Bad } else { Tone::Plain }, &pad(cell, name.len() + 2)));
        }
        lines.push(row.trim_end().to_owned());
    }
    lines
}

/// The cells of a row of states, what is wrong in capitals.
fn cells(s: States) -> [&'static str; 6] {
    let held = s.controller == ControllerState::Attached;
    let gone = s.controller == ControllerState::Detached;
    let controller = match s.controller {
        ControllerState::Detached if s.mounted == Mounted::Yes => "DETACHED",
        state => state.word(),
    };
    let reported = match (s.reported, s.to_report) {
        (Some(false), Some(true)) => "due",
        (Some(false), _) if held && s.desired == Some(true) => "NO",
        (Some(true), _) if gone => "YES",
        (reported, _) => yes_no(reported),
    };
    let attachment = match s.attachment {
        AttachmentState::None if s.mounted == Mounted::Yes => "NONE",
        state => state.word(),
    };
    let in_use = if s.in_use == Some(false) && s.mounted == Mounted::Yes {
        "NO"
    } else {
        yes_no(s.in_use)
    };
    [
        yes_no(s.desired),
        controller,
        reported,
        attachment,
        in_use,
        s.mounted.word(),
    ]
}

/// What helps, what doesn't, what does harm; one row each, only where something is known.
fn advice(ink: Ink, divergence: &Divergence) -> Vec<String> {
    let rows = [
        ("helps", Tone::Good, Outcome::Heals),
        ("doesn't", Tone::Faint, Outcome::NoEffect),
        ("unsafe", Tone::Bad, Outcome::Unsafe),
    ];
    let mut lines = vec![String::new()];
    for (label, tone, outcome) in rows {
        let acts = remedy::of(&divergence.remedies, outcome);
        if !acts.is_empty() {
            lines.extend(ink.labelled(tone, label, LABEL, &acts.join(" · ")));
        }
    }
    lines
}
