//! A mechanism's page and the table of all, for `adtrace explain`.
//!
//! In: a row. Out: text of at most 100 columns, or a value for JSON.

use serde::Serialize;

use super::{Fix, Mechanism, all};
use crate::model::profile::Component;
use crate::report::remedy::phrase;
use crate::report::text::{and, wrap};
use crate::report::{Outcome, Remedy};

/// Columns of a page.
const WIDTH: usize = 100;
/// Columns of a label.
const LABEL: usize = 13;

/// A row as JSON shows it.
#[derive(Debug, Serialize)]
pub struct Page {
    /// Name.
    pub name: &'static str,
    /// What happens, one sentence.
    pub title: &'static str,
    /// Basic way of parting.
    pub shape: &'static str,
    /// How it goes on if left alone.
    pub course: Vec<&'static str>,
    /// Which states disagree.
    pub states: &'static str,
    /// The steps that lead there.
    pub how: &'static str,
    /// What shows it.
    pub evidence: &'static str,
    /// How the replay recognises it.
    pub recognised: &'static str,
    /// Who is affected.
    pub affects: &'static str,
    /// First Kubernetes release that can do it.
    pub since: Option<String>,
    /// Kubernetes releases with the fix, the first of each minor.
    pub fixes: Vec<String>,
    /// The fix in words.
    pub fix: String,
    /// Issues and pull requests.
    pub known_issues: &'static [&'static str],
    /// Acts, without times.
    pub remedies: Vec<Remedy>,
    /// What else to know.
    pub advice: &'static str,
    /// Why no run shows it; null where a scenario does.
    pub not_visible: Option<&'static str>,
}

impl From<&Mechanism> for Page {
    fn from(row: &Mechanism) -> Page {
        Page {
            name: row.name,
            title: row.title,
            shape: row.shape.words(),
            course: row.classes.iter().map(|c| c.words()).collect(),
            states: row.states,
            how: row.how,
            evidence: row.evidence,
            recognised: row.recognised,
            affects: row.affects,
            since: row.since.map(|s| s.to_string()),
            fixes: row.fixes().iter().map(ToString::to_string).collect(),
            fix: fix(row),
            known_issues: row.issues,
            remedies: row.remedies(),
            advice: row.advice,
            not_visible: row.not_visible,
        }
    }
}

/// The fix in words.
fn fix(row: &Mechanism) -> String {
    let releases = |of: &str, list: &[String]| format!("{of} {}", and(list));
    let text = |list: &[super::Version]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
    match row.fix {
        Fix::None => "none known".to_owned(),
        Fix::By(behaviour) if behaviour.row().component == Component::Attacher => {
            let known = behaviour.row();
            let mut list = known.picks.to_vec();
            list.push(known.since);
            releases("external-attacher", &text(&list))
        }
        Fix::By(_) | Fix::Kubernetes(_) => releases("Kubernetes", &text(&row.fixes())),
        Fix::Attacher(list) => releases("external-attacher", &text(list)),
        Fix::Elsewhere(words) => words.to_owned(),
    }
}

/// The page of one mechanism.
#[must_use]
pub fn page(row: &Mechanism) -> String {
    let course: Vec<&str> = row.classes.iter().map(|c| c.words()).collect();
    let mut out = format!("{}\n", row.name);
    for line in wrap(row.title, WIDTH) {
        out.push_str(&line);
        out.push('\n');
    }
    out.push('\n');
    paragraph(
        &mut out,
        "shape",
        &format!("{}; {}", row.shape.words(), course.join(", or ")),
    );
    paragraph(&mut out, "states", row.states);
    paragraph(&mut out, "how", row.how);
    paragraph(&mut out, "shows as", row.evidence);
    paragraph(&mut out, "recognised", row.recognised);
    paragraph(&mut out, "affects", row.affects);
    paragraph(&mut out, "fixed in", &fix(row));
    paragraph(&mut out, "known as", &row.issues.join("  "));
    for (label, outcome) in [
        ("helps", Outcome::Heals),
        ("doesn't", Outcome::NoEffect),
        ("unsafe", Outcome::Unsafe),
    ] {
        let mut label = label;
        for act in row.acts.iter().filter(|act| act.outcome == outcome) {
            let note = match (outcome, act.note) {
                (Outcome::Heals, "none") => "no risk".to_owned(),
                (_, note) => note.to_owned(),
            };
            paragraph(&mut out, label, &format!("{}: {note}", phrase(act.action)));
            label = "";
        }
    }
    paragraph(&mut out, "note", row.advice);
    paragraph(&mut out, "not in view", row.not_visible.unwrap_or_default());
    out
}

/// A label and its text, nothing where the text is empty.
fn paragraph(out: &mut String, label: &str, text: &str) {
    if text.is_empty() {
        return;
    }
    let mut label = label;
    for line in wrap(text, WIDTH - LABEL) {
        out.push_str(format!("{label:LABEL$}{line}").trim_end());
        out.push('\n');
        label = "";
    }
}

/// What marks a mechanism that no run shows, in the table of all.
const NOT_VISIBLE: &str = "  (no run shows it: see its page)";

/// The table of all mechanisms: name and title, in the order of the parties.
#[must_use]
pub fn list() -> String {
    let mut out = String::new();
    for row in all() {
        out.push_str(row.name);
        if row.not_visible.is_some() {
            out.push_str(NOT_VISIBLE);
        }
        out.push('\n');
        for line in wrap(row.title, WIDTH - 4) {
            out.push_str("    ");
            out.push_str(&line);
            out.push('\n');
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::catalogue::find;

    #[test]
    fn a_page_reads_well() {
        insta::assert_snapshot!(page(find("detach-backoff-drops-report-as-attached").unwrap()));
    }

    #[test]
    fn a_page_of_the_attacher_names_its_releases() {
        insta::assert_snapshot!(page(find("attacher-unpublishes-twice").unwrap()));
    }

    #[test]
    fn pages_fit_a_terminal() {
        let pages = all().map(page).chain([list()]);
        for line in pages.flat_map(|page| page.lines().map(str::to_owned).collect::<Vec<_>>()) {
            assert!(crate::report::text::columns(&line) <= WIDTH, "{line}");
        }
    }

    #[test]
    fn what_no_run_shows_says_so_on_its_page_and_in_the_table() {
        let table = list();
        for row in all() {
            let marked = table.lines().any(|line| line == format!("{}{NOT_VISIBLE}", row.name));
            let told = page(row).lines().any(|line| line.starts_with("not in view"));
            assert_eq!(
                (marked, told),
                (row.not_visible.is_some(), row.not_visible.is_some()),
                "{}",
                row.name
            );
        }
    }
}
