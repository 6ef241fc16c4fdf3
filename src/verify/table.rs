//! The comparison in print: a table of files, and one script step by step.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;

use serde_json::Value;

use super::{StepView, Summary};

/// Longest piece of JSON that a line of the table shows.
const SHOWN: usize = 160;

/// Prints one line a file, and the first disagreement of each kind.
pub fn print_table(summary: &Summary, base: &Path, out: &mut dyn Write) -> io::Result<()> {
    let name = |path: &Path| path.strip_prefix(base).unwrap_or(path).display().to_string();
    let width = summary
        .files
        .iter()
        .map(|file| name(&file.path).len())
        .max()
        .unwrap_or(0)
        .max(4);
    writeln!(
        out,
        "{:width$}  {:>7}  {:>7}  {:>7}  {:>8}",
        "file", "scripts", "steps", "agree", "disagree"
    )?;
    let mut first = BTreeMap::new();
    for file in &summary.files {
        let scripts = file.outcomes.len();
        let steps: usize = file.outcomes.iter().map(|outcome| outcome.steps).sum();
        let disagree = file.disagreeing();
        let agree = scripts - disagree;
        writeln!(
            out,
            "{:width$}  {scripts:>7}  {steps:>7}  {agree:>7}  {disagree:>8}",
            name(&file.path)
        )?;
        for outcome in &file.outcomes {
            for difference in &outcome.differences {
                first
                    .entry((&difference.op, &difference.field))
                    .or_insert((file, outcome, difference));
            }
        }
    }
    for ((op, field), (file, outcome, difference)) in first {
        writeln!(out)?;
        writeln!(
            out,
            "{field} after `{op}`: {} {} step {}",
            name(&file.path),
            outcome.id,
            difference.step
        )?;
        writeln!(out, "  recorded  {}", shortened(&difference.recorded))?;
        writeln!(out, "  model     {}", shortened(&difference.model))?;
    }
    Ok(())
}

/// Prints one script: each step's inputs and log, and what differs.
pub fn print_steps(views: &[StepView], out: &mut dyn Write) -> io::Result<()> {
    for (at, view) in views.iter().enumerate() {
        let mark = if view.differences.is_empty() { "ok  " } else { "DIFF" };
        writeln!(out, "{at:>4} {mark} {}", inputs(&view.step))?;
        for line in view.step["x"].as_array().into_iter().flatten() {
            writeln!(out, "           {line}")?;
        }
        if let Value::Object(result) = &view.step["r"]
            && !result.is_empty()
        {
            writeln!(out, "           {}", view.step["r"])?;
        }
        for difference in &view.differences {
            writeln!(out, "          {} recorded  {}", difference.field, difference.recorded)?;
            writeln!(out, "          {} model     {}", difference.field, difference.model)?;
        }
    }
    Ok(())
}

fn inputs(step: &Value) -> String {
    let Value::Object(fields) = step else {
        return step.to_string();
    };
    let op = step["o"].as_str().unwrap_or("?");
    let rest = fields
        .iter()
        .filter(|(key, _)| !["o", "r", "s", "x", "t"].contains(&key.as_str()));
    let rest: Vec<String> = rest.map(|(key, value)| format!("{key}={value}")).collect();
    let at = step["t"].as_i64().map(|ms| format!("  (t={ms})")).unwrap_or_default();
    format!("{op} {}{at}", rest.join(" "))
}

fn shortened(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{} …", text.get(..end).unwrap_or_default()),
        None => text,
    }
}
