//! The report for a person at a terminal.
//!
//! In: a [`Report`]. Out: plain text. The first screen (at most 24 lines for one divergence) says what, where, since
//! when, why and what to do; below it stand the lines that prove each step, then waits, gaps and what was read.

use std::io;

use super::text::{Sources, and, clean, columns, count, day, grouped, lasting, seconds, short_volume};
use super::{Divergence, Face, Missing, Report, Status, Unexplained, Verdict, Wait};

mod card;
mod detail;
mod ink;

use ink::{Ink, Tone, write_lines};

/// Lines of the first screen.
const SCREEN: usize = 24;
/// Columns of the labels at the foot (`helps`, `read`).
const LABEL: usize = 10;
/// Entries of a list that are shown before the rest is only counted.
const SHOWN: usize = 20;

/// The report as text for a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terminal {
    /// Whether colours are wanted.
    pub colour: bool,
    /// Columns of the terminal; lines are at most 100 and at least 60 wide.
    pub width: usize,
    /// Whether the lines that prove each step, and what was noticed about the inputs, follow the first screen.
    pub details: bool,
}

impl Default for Terminal {
    fn default() -> Terminal {
        Terminal {
            colour: false,
            width: 100,
            details: true,
        }
    }
}

impl Face for Terminal {
    fn write(&self, report: &Report, out: &mut dyn io::Write) -> io::Result<()> {
        let ink = Ink {
            colour: self.colour,
            width: self.width.clamp(60, 100),
        };
        let sources = Sources::of(&report.inputs);
        let foot = foot(ink, report);
        let mut page: Vec<String> = clusters(ink, report);
        match report.divergences.as_slice() {
            [] => page.extend(no_divergence(ink, report)),
            [one] => {
                let room = SCREEN.saturating_sub(foot.len() + page.len());
                page.extend(card::lines(ink, report, one, &sources, room));
                page.extend(foot.clone());
            }
            many => page.extend(overview(ink, report, many)),
        }
        if report.divergences.len() > 1 {
            page.extend(foot.clone());
            for divergence in &report.divergences {
                page.push(String::new());
                page.push(ink.tint(Tone::Faint, &rule(ink, &divergence.id)));
                page.extend(card::lines(ink, report, divergence, &sources, SCREEN));
            }
        }
        if self.details {
            for divergence in &report.divergences {
                page.extend(detail::lines(ink, divergence, report.divergences.len() > 1));
            }
        }
        if !report.divergences.is_empty() {
            page.extend(section(
                ink,
                "Waiting, as it should",
                &waits(ink, &report.waits, &sources),
            ));
            page.extend(section(ink, "Missing", &missing(ink, &report.missing)));
        }
        page.extend(section(
            ink,
            "Not explained by the model",
            &unexplained(ink, &report.unexplained, &sources),
        ));
        if self.details {
            page.extend(section(ink, "About the inputs", &notes(ink, report, &sources)));
        }
        if report.divergences.is_empty() {
            page.push(String::new());
            page.extend(foot);
        }
        write_lines(out, &page)
    }
}

/// That there are several clusters, why, and the answer for each.
fn clusters(ink: Ink, report: &Report) -> Vec<String> {
    let Some(first) = report.clusters.first() else {
        return Vec::new();
    };
    let headline = format!(
        "These are recordings of {} clusters, each looked at on its own: {}.",
        report.clusters.len(),
        clean(&first.because)
    );
    let mut lines = ink.paragraph(Tone::Doubt, 0, &headline);
    for cluster in report.clusters.iter().take(SHOWN) {
        let answer = match cluster.verdict {
            Verdict::Clean => "the states agree",
            Verdict::Diverged => "the states parted",
            Verdict::Insufficient => "no verdict",
        };
        let release = cluster.profile.release.as_ref().unwrap_or(&cluster.profile.kubernetes);
        let text = format!("{}: {answer}, Kubernetes {}", clean(&cluster.name), clean(release));
        lines.extend(ink.labelled(Tone::Strong, "  ", 2, &text));
    }
    lines.extend(rest(ink, report.clusters.len()));
    lines.push(String::new());
    lines
}

/// What the report says when nothing parted: the verdict, then waits and gaps.
fn no_divergence(ink: Ink, report: &Report) -> Vec<String> {
    let sources = Sources::of(&report.inputs);
    let (tone, headline) = verdict(report);
    let mut lines = ink.paragraph(tone, 0, &headline);
    let waits = waits(ink, &report.waits, &sources);
    let missing = missing(ink, &report.missing);
    let (first, second) = match report.verdict {
        Verdict::Insufficient => (("Missing", missing), ("Waiting, as it should", waits)),
        _ => (("Waiting, as it should", waits), ("Missing", missing)),
    };
    lines.extend(section(ink, first.0, &first.1));
    lines.extend(section(ink, second.0, &second.1));
    lines
}

/// The verdict in one sentence.
fn verdict(report: &Report) -> (Tone, String) {
    let s = report.summary;
    let scope = format!(
        "{}, {}, {}",
        count(s.volumes, "volume"),
        count(s.nodes, "node"),
        count(s.pods, "pod")
    );
    match report.verdict {
        Verdict::Clean => (Tone::Good, format!("The states agree: {scope}, {}.", facts(report))),
        Verdict::Insufficient => (
            Tone::Doubt,
            format!(
                "No verdict: what was recorded can't carry one ({scope}, {}).",
                facts(report)
            ),
        ),
        Verdict::Diverged => (
            Tone::Bad,
            format!(
                "The states parted in {} ({scope}).",
                count(report.divergences.len() as u64, "place")
            ),
        ),
    }
}

/// How much of what was read the model explains.
fn facts(report: &Report) -> String {
    let s = report.summary;
    let read = count(s.facts, "fact");
    match (s.facts, s.facts - s.explained.min(s.facts)) {
        (0, _) => read,
        (_, 0) => format!("{read}, all explained"),
        _ => format!("{read}, {} explained by the model", grouped(s.explained)),
    }
}

/// The first screen for several divergences: one entry each, as many as fit.
fn overview(ink: Ink, report: &Report, divergences: &[Divergence]) -> Vec<String> {
    let (tone, headline) = verdict(report);
    let mut lines = ink.paragraph(tone, 0, &headline);
    lines.push(String::new());
    let label = divergences.iter().map(|d| columns(&d.id)).max().unwrap_or(0) + 2;
    for (i, divergence) in divergences.iter().enumerate() {
        let entry = ink.labelled(Tone::Strong, &divergence.id, label, &entry(divergence));
        if lines.len() + entry.len() + 5 > SCREEN && i > 0 {
            lines.push(ink.tint(
                Tone::Faint,
                &format!("{}… and {} more below", " ".repeat(label), divergences.len() - i),
            ));
            break;
        }
        lines.extend(entry);
    }
    lines.push(String::new());
    lines
}

/// A divergence in one line: what happened, how bad, since when.
fn entry(divergence: &Divergence) -> String {
    let until = match (divergence.status, divergence.until) {
        (Status::Healed, Some(until)) => format!("healed {}", seconds(until)),
        (Status::Healed, None) => "healed".to_owned(),
        (Status::Open, _) => "open".to_owned(),
    };
    format!(
        "{} ({} since {}, {until}; {})",
        clean(&divergence.headline),
        card::severity(divergence.severity).1,
        seconds(divergence.since),
        clean(&divergence.mechanism)
    )
}

/// One entry for each wait: for what, who must act, when it ends by itself.
fn waits(ink: Ink, waits: &[Wait], sources: &Sources<'_>) -> Vec<String> {
    let mut lines = Vec::new();
    for wait in waits.iter().take(SHOWN) {
        let pods: Vec<_> = wait.pods.iter().map(|p| clean(p)).collect();
        let volume = wait
            .volume
            .as_deref()
            .map(|v| clean(short_volume(wait.pv.as_deref(), v)));
        let who = if pods.is_empty() {
            volume.clone().unwrap_or_default().into_owned()
        } else {
            and(&pods)
        };
        let what = volume
            .filter(|_| !pods.is_empty())
            .map_or(String::new(), |v| format!(" for {v}"));
        let node = wait
            .node
            .as_deref()
            .map_or(String::new(), |n| format!(" on {}", clean(n)));
        let over = wait
            .until
            .map_or(String::new(), |u| format!(", over at {}", seconds(u)));
        let ends = match (&wait.ends, wait.until) {
            (Some(ends), _) => format!("; ends {}", clean(ends)),
            (None, Some(_)) => String::new(),
            (None, None) => "; does not end by itself".to_owned(),
        };
        let place = wait
            .evidence
            .first()
            .map_or(String::new(), |e| format!(" ({})", sources.place(e)));
        let cluster = wait
            .cluster
            .as_ref()
            .map_or(String::new(), |name| format!("{}: ", clean(name)));
        let text = format!(
            "{cluster}{}: {who} waits{what}{node} since {} {}{over}: on {}{ends}{place}",
            wait.kind,
            day(wait.since),
            seconds(wait.since),
            clean(&wait.on)
        );
        lines.extend(ink.labelled(Tone::Faint, "  ", 2, &text));
    }
    lines.extend(rest(ink, waits.len()));
    lines
}

/// What is missing, what follows from it, what would supply it.
fn missing(ink: Ink, missing: &[Missing]) -> Vec<String> {
    let mut lines = Vec::new();
    for gap in missing.iter().take(SHOWN) {
        lines.extend(ink.labelled(
            Tone::Faint,
            "  ",
            2,
            &format!("{}: {}", clean(&gap.what), clean(&gap.consequence)),
        ));
        if let Some(supply) = &gap.supply {
            lines.extend(ink.labelled(Tone::Good, "    get it: ", 12, &clean(supply)));
        }
    }
    lines.extend(rest(ink, missing.len()));
    lines
}

/// Facts that nothing explains.
fn unexplained(ink: Ink, unexplained: &[Unexplained], sources: &Sources<'_>) -> Vec<String> {
    let mut lines = Vec::new();
    for fact in unexplained.iter().take(SHOWN) {
        let place = sources.places(&fact.evidence).join(" ");
        let text = format!("{}  {}  {place}", seconds(fact.at), clean(&fact.what));
        lines.extend(ink.labelled(Tone::Doubt, "  ", 2, &text));
    }
    lines.extend(rest(ink, unexplained.len()));
    lines
}

/// What the reader should know about single inputs.
fn notes(ink: Ink, report: &Report, sources: &Sources<'_>) -> Vec<String> {
    let mut lines = Vec::new();
    for input in &report.inputs {
        for note in &input.notes {
            let text = format!("{}: {}", sources.name(&input.path), clean(note));
            lines.extend(ink.labelled(Tone::Faint, "  ", 2, &text));
        }
    }
    let total = lines.len();
    lines.truncate(SHOWN);
    lines.extend(rest(ink, total));
    lines
}

/// How many entries of a list were not shown.
fn rest(ink: Ink, total: usize) -> Option<String> {
    let more = total.saturating_sub(SHOWN);
    (more > 0).then(|| ink.tint(Tone::Faint, &format!("  … and {more} more; --format json has all")))
}

/// A heading and its lines, nothing where there are none.
fn section(ink: Ink, title: &str, body: &[String]) -> Vec<String> {
    if body.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![String::new(), ink.tint(Tone::Strong, title)];
    lines.extend_from_slice(body);
    lines
}

/// The closing lines: what was read, how much of it the model explains, what is missing, where to go on.
fn foot(ink: Ink, report: &Report) -> Vec<String> {
    let lines: u64 = report.inputs.iter().map(|i| i.lines).sum();
    let inferred = match report.summary.inferred {
        0 => String::new(),
        n => format!(", {} inferred", grouped(n)),
    };
    let gaps = match report.missing.as_slice() {
        [] => "nothing missing".to_owned(),
        [one] => format!("missing: {}", clean(&one.what)),
        many => format!("{} missing, see below", count(many.len() as u64, "source")),
    };
    let read = format!(
        "{}, {} · {}{inferred} · {gaps}",
        count(report.inputs.len() as u64, "file"),
        count(lines, "line"),
        facts(report)
    );
    let mut foot = ink.labelled(Tone::Faint, "read", LABEL, &read);
    let mut named: Vec<&str> = report
        .divergences
        .iter()
        .map(|d| d.mechanism.as_str())
        .filter(|m| *m != "unknown")
        .collect();
    named.sort_unstable();
    named.dedup();
    if let [first, ..] = named.as_slice() {
        let others = if named.len() > 1 { ", and so on" } else { "" };
        let more = format!("adtrace explain {}{others}", clean(first));
        foot.extend(ink.labelled(Tone::Faint, "more", LABEL, &more));
    }
    foot
}

/// A line that sets a divergence apart.
fn rule(ink: Ink, id: &str) -> String {
    let head = format!("── {} ", clean(id));
    let rest = ink.width.saturating_sub(columns(&head));
    format!("{head}{}", "─".repeat(rest))
}

/// How long a divergence lasted until the end of the recording or its healing.
fn lasted(divergence: &Divergence, end: Option<crate::time::Time>) -> Option<String> {
    let until = divergence.until.or(end)?;
    u64::try_from((until - divergence.since).as_millis()).ok().map(lasting)
}

#[cfg(test)]
mod tests {
    use super::super::example;
    use super::*;

    fn show(report: &Report, face: Terminal) -> String {
        let mut out = Vec::new();
        face.write(report, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_first_screen_holds_one_divergence() {
        let text = show(
            &example::founding(),
            Terminal {
                details: false,
                ..Terminal::default()
            },
        );
        assert!(text.lines().count() <= SCREEN, "{} lines", text.lines().count());
        assert!(text.lines().all(|l| columns(l) <= 100));
        insta::assert_snapshot!(text);
    }

    #[test]
    fn the_evidence_follows() {
        insta::assert_snapshot!(show(&example::founding(), Terminal::default()));
    }

    #[test]
    fn a_healthy_report_names_its_waits() {
        insta::assert_snapshot!(show(&example::healthy(), Terminal::default()));
    }

    #[test]
    fn an_insufficient_report_says_what_would_help() {
        insta::assert_snapshot!(show(&example::insufficient(), Terminal::default()));
    }

    #[test]
    fn several_divergences_begin_with_an_overview() {
        let mut report = example::founding();
        let mut second = report.divergences[0].clone();
        second.id = "D2".to_owned();
        second.node = "node-2".to_owned();
        second.status = Status::Healed;
        second.until = Some(example::at("02:14:01.000"));
        report.divergences.push(second);
        insta::assert_snapshot!(show(
            &report,
            Terminal {
                details: false,
                ..Terminal::default()
            }
        ));
    }

    #[test]
    fn colours_only_colour() {
        let plain = show(&example::founding(), Terminal::default());
        let colour = show(
            &example::founding(),
            Terminal {
                colour: true,
                ..Terminal::default()
            },
        );
        assert_ne!(plain, colour);
        let mut stripped = String::new();
        let mut escape = false;
        for c in colour.chars() {
            match c {
                '\x1b' => escape = true,
                'm' if escape => escape = false,
                _ if escape => {}
                c => stripped.push(c),
            }
        }
        assert!(stripped.lines().map(str::trim_end).eq(plain.lines()));
    }

    #[test]
    fn a_hostile_name_neither_steers_nor_breaks_the_width() {
        let mut report = example::founding();
        let divergence = &mut report.divergences[0];
        divergence.headline = format!("\u{1b}]0;owned\u{7}{}", "wide".repeat(80));
        divergence.node = "\u{202e}node".repeat(40);
        divergence.operation.what = "\r\n\u{9b}2J".to_owned();
        divergence.chain[3].what = "\r\n\u{9b}2J".to_owned();
        let text = show(&report, Terminal::default());
        assert!(!text.contains(['\u{1b}', '\u{7}', '\u{202e}', '\u{9b}', '\r']));
        assert!(text.lines().all(|l| columns(l) <= 100));
    }
}
