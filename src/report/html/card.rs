//! What stands in the page without scripts: divergences as cards, waits, what is missing, what was read.
//!
//! In: a report. Out: HTML of one section each, empty where there is nothing to say. All text from outside goes through
//! [`text`].

use std::fmt::Write as _;

use super::text;
use crate::report::text::{Sources, day, grouped, millis, seconds, short_volume};
use crate::report::timeline::{Lane, Timeline};
use crate::report::words::{self, Part};
use crate::report::{Divergence, Evidence, Outcome, Report, Status, Step, remedy};

/// Entries of a list that are written before the rest is only counted.
const SHOWN: usize = 200;

/// One card for each divergence.
pub fn divergences(report: &Report, sources: &Sources<'_>) -> String {
    if report.divergences.is_empty() {
        return String::new();
    }
    let mut out = String::from("<div class=\"cards\">\n");
    for (number, divergence) in report.divergences.iter().enumerate() {
        out.push_str(&card(report, divergence, number, sources));
    }
    out.push_str("</div>\n");
    out
}

fn card(report: &Report, divergence: &Divergence, number: usize, sources: &Sources<'_>) -> String {
    let severity = divergence.severity.word();
    let volume = short_volume(divergence.pv.as_deref(), &divergence.volume);
    let lasted = match (divergence.status, divergence.until) {
        (Status::Healed, Some(until)) => format!("healed {}", seconds(until)),
        (status, _) => status.word().to_owned(),
    };
    let mut badge = format!(
        "{} · {severity} · {} on {} · since {} {} UTC, {lasted} · {}",
        text(&divergence.id),
        text(volume),
        text(&divergence.node),
        day(divergence.since),
        seconds(divergence.since),
        divergence.confidence.word()
    );
    for pod in &divergence.pods {
        badge.push_str(" · ");
        badge.push_str(&text(pod));
    }
    let issues: String = divergence.known_issues.iter().map(|known| issue(known)).collect();
    let fix = words::release(report, divergence).map_or(String::new(), |fix| text(&fix));
    let chain: String = divergence
        .chain
        .iter()
        .map(|step| self::step(divergence, step, sources))
        .collect();
    // One divergence's headline is the page's.
    let headline = if report.divergences.len() > 1 {
        format!("<p class=\"headline\">{}</p>\n", text(&divergence.headline))
    } else {
        String::new()
    };
    format!(
        "<article class=\"card {severity}\" id=\"{id}\">\n<p class=\"badge\">{badge}</p>\n\
         {headline}<p><code>{}</code>{issues} {fix}{}</p>\n<div class=\"body\">\n\
         <ol class=\"chain\">\n{chain}</ol>\n<div>\n{}{}{}</div>\n</div>\n</article>\n",
        text(&divergence.mechanism),
        link(report.timeline.as_ref(), divergence, number),
        states(divergence),
        advice(divergence),
        alternatives(divergence),
        id = text(&divergence.id),
    )
}

/// A known issue as a link, where its name tells where it is.
fn issue(known: &str) -> String {
    match words::issue_place(known) {
        Some((repository, number)) => format!(
            " · <a href=\"https://github.com/{}/issues/{number}\" rel=\"noreferrer\">{}</a>",
            text(repository),
            text(known)
        ),
        None => format!(" · {}", text(known)),
    }
}

/// The link from a card to its place on the lanes.
fn link(timeline: Option<&Timeline>, divergence: &Divergence, number: usize) -> String {
    timeline
        .and_then(|timeline| cell_of(timeline, divergence))
        .map_or(String::new(), |cell| {
            format!(" <a class=\"go\" href=\"#cell={cell}&amp;divergence={number}\">Show on the lanes</a>")
        })
}

/// The pair of a timeline in which a divergence lies.
pub fn cell_of(timeline: &Timeline, divergence: &Divergence) -> Option<usize> {
    let here =
        |cell: &crate::report::timeline::CellLine| cell.volume == divergence.volume && cell.node == divergence.node;
    timeline.cells.iter().position(here)
}

fn step(divergence: &Divergence, step: &Step, sources: &Sources<'_>) -> String {
    let part = Part::of(divergence, step);
    let (mark, class) = part.map_or(("", ""), |part| (part.mark(), " key"));
    let title = part.map_or("", Part::word);
    let inferred = words::inferred(step);
    let places = sources.places(&step.evidence).join(", ");
    let lines: String = step.evidence.iter().map(|evidence| line(evidence, sources)).collect();
    let evidence = if lines.is_empty() {
        String::new()
    } else {
        format!("<details><summary>{}</summary>{lines}</details>", text(&places))
    };
    format!(
        "<li><span class=\"mark\" title=\"{title}\">{mark}</span><time>{}</time><span class=\"words{class}\">\
         <span class=\"who\">{}</span> {}{inferred}</span>{evidence}</li>\n",
        millis(step.at),
        text(&step.actor.to_string()),
        text(&step.what)
    )
}

fn line(evidence: &Evidence, sources: &Sources<'_>) -> String {
    format!(
        "<span class=\"place\">{}</span><code class=\"line\">{}</code>",
        text(&sources.place(evidence)),
        text(&evidence.text)
    )
}

/// The states before, after and at the end; what changed from one column to the next is marked.
fn states(divergence: &Divergence) -> String {
    let over = &divergence.states;
    let after = if divergence.trigger.is_some() { "●" } else { "▶" };
    let mut out = format!(
        "<table class=\"over\"><thead><tr><th></th><th>before ▶</th><th>after {after}</th><th>end</th></tr></thead><tbody>\n"
    );
    for lane in Lane::STATES {
        let values = [lane.of(&over.before), lane.of(&over.after), lane.of(&over.end)];
        // Writing to a String does not fail.
        let _ = write!(out, "<tr><th>{}</th>", lane.label());
        let mut last = values[0];
        for value in values {
            let class = if value == last { "" } else { " class=\"changed\"" };
            let _ = write!(out, "<td{class}>{value}</td>");
            last = value;
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody></table>\n");
    out
}

fn advice(divergence: &Divergence) -> String {
    let rows = [
        ("helps", "Helps", Outcome::Heals),
        ("no", "Does not help", Outcome::NoEffect),
        ("unsafe", "Unsafe", Outcome::Unsafe),
    ];
    let mut out = String::new();
    for (class, label, outcome) in rows {
        let acts = remedy::all(&divergence.remedies, outcome);
        if !acts.is_empty() {
            let acts: Vec<String> = acts.iter().map(|act| text(act)).collect();
            // What does not help is a list to glance over; each other act has a line with its time and risk.
            let between = if outcome == Outcome::NoEffect {
                " · "
            } else {
                "</dd><dd>"
            };
            // Writing to a String does not fail.
            let _ = writeln!(out, "<dt class=\"{class}\">{label}</dt><dd>{}</dd>", acts.join(between));
        }
    }
    if out.is_empty() {
        return out;
    }
    format!("<dl class=\"advice\">{out}</dl>\n")
}

fn alternatives(divergence: &Divergence) -> String {
    let entries = divergence
        .alternatives
        .iter()
        .map(|other| format!("<code>{}</code>: {}", text(&other.mechanism), text(&other.why_not)));
    match list(entries) {
        entries if entries.is_empty() => String::new(),
        entries => format!("<h4>Also weighed</h4>\n{entries}"),
    }
}

/// A list; what is beyond [`SHOWN`] is only counted.
fn list(entries: impl ExactSizeIterator<Item = String>) -> String {
    let total = entries.len();
    let mut out: String = entries.take(SHOWN).map(|entry| format!("<li>{entry}</li>\n")).collect();
    if total > SHOWN {
        // Writing to a String does not fail.
        let _ = writeln!(out, "<li>and {} more</li>", grouped((total - SHOWN) as u64));
    }
    if out.is_empty() {
        out
    } else {
        format!("<ul class=\"plain\">\n{out}</ul>\n")
    }
}

/// What waits, on whom, and when that ends.
pub fn waits(report: &Report, sources: &Sources<'_>) -> String {
    list(report.waits.iter().map(|wait| {
        let volume = wait
            .volume
            .as_deref()
            .map(|volume| short_volume(wait.pv.as_deref(), volume));
        let mut who: Vec<String> = wait.pods.iter().map(|pod| text(pod)).collect();
        who.extend(volume.map(|volume| format!("for {}", text(volume))));
        who.extend(wait.node.as_deref().map(|node| format!("on {}", text(node))));
        let over = wait
            .until
            .map_or(String::new(), |until| format!(", over at {}", seconds(until)));
        let ends = match (&wait.ends, wait.until) {
            (Some(ends), _) => format!("; ends {}", text(ends)),
            (None, Some(_)) => String::new(),
            (None, None) => "; does not end by itself".to_owned(),
        };
        let lines: String = wait.evidence.iter().map(|evidence| line(evidence, sources)).collect();
        let proof = if lines.is_empty() {
            String::new()
        } else {
            format!("<details><summary>evidence</summary>{lines}</details>")
        };
        format!(
            "<b>{}</b>: {} since {} {}{over}: on {}{ends}{proof}",
            wait.kind,
            who.join(" "),
            day(wait.since),
            seconds(wait.since),
            text(&wait.on)
        )
    }))
}

/// What is missing, what follows, and what would supply it.
pub fn missing(report: &Report) -> String {
    list(report.missing.iter().map(|gap| {
        let supply = gap.supply.as_deref().map_or(String::new(), |supply| {
            format!("<br>Get it: <code>{}</code>", text(supply))
        });
        format!("{}: {}{supply}", text(&gap.what), text(&gap.consequence))
    }))
}

/// Facts that nothing explains.
pub fn unexplained(report: &Report, sources: &Sources<'_>) -> String {
    list(report.unexplained.iter().map(|fact| {
        let lines: String = fact.evidence.iter().map(|evidence| line(evidence, sources)).collect();
        format!("<time>{}</time> {}{lines}", millis(fact.at), text(&fact.what))
    }))
}

/// Every input and what became of its lines.
pub fn inputs(report: &Report) -> String {
    list(report.inputs.iter().map(|input| {
        let who = input
            .component
            .as_deref()
            .map_or(String::new(), |who| format!(", {}", text(who)));
        let notes: String = input.notes.iter().map(|note| format!("; {}", text(note))).collect();
        format!(
            "<span class=\"place\">{}</span>: {}{who}, {} lines, {} used, {} not understood{notes}",
            text(&input.path),
            text(&input.kind),
            grouped(input.lines),
            grouped(input.used),
            grouped(input.not_understood)
        )
    }))
}
