//! Excerpts from the field, in the forms in which people paste them: each is read right, and no more is claimed than it
//! carries. `case.json` beside an excerpt says what a right report may say, `parse.json` what its lines tell.

mod recordings;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use adtrace::time::{Span, Time};
use serde::Deserialize;
use serde_json::Value;

use recordings::Scratch;

#[derive(Deserialize)]
struct Wanted {
    expect: Expected,
}

/// What a right report may say.
#[derive(Deserialize)]
struct Expected {
    /// The verdicts that are allowed.
    verdict: Vec<String>,
    /// Mechanisms that may be named; `null` where none may be claimed as more than possible.
    mechanism: Option<Vec<String>>,
    /// Waits that may be listed; none for any.
    waits: Vec<String>,
    /// What a report that says anything has to name.
    must_mention: Vec<String>,
}

/// What one line tells. What is `null` is not asked for.
#[derive(Deserialize)]
struct Stated {
    file: String,
    line: u64,
    time: Option<String>,
    event: String,
    volume: Option<String>,
    node: Option<String>,
    pod: Option<String>,
    error: Option<String>,
    attachment: Option<String>,
}

fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/field");
    let entries = std::fs::read_dir(folder).expect("the cases are there");
    let mut cases: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    cases.retain(|case| case.is_dir());
    cases.sort();
    cases
}

fn read<T: serde::de::DeserializeOwned>(path: &Path) -> T {
    let text = std::fs::read_to_string(path).expect("it reads");
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The excerpt without what is said about it.
fn excerpt(case: &Path) -> Scratch {
    let name = case.file_name().expect("a name").to_string_lossy();
    let place = Scratch::new(&format!("field-{name}"));
    for entry in std::fs::read_dir(case).expect("it reads") {
        let path = entry.expect("an entry").path();
        let file = path.file_name().expect("a name");
        if file != "case.json" && file != "parse.json" {
            std::fs::copy(&path, place.0.join(file)).expect("it copies");
        }
    }
    place
}

/// Exit status and output of a command on an excerpt.
fn run(command: &str, place: &Path) -> (i32, String) {
    let mut program = Command::new(env!("CARGO_BIN_EXE_adtrace"));
    let done = program.arg(command).arg(place).args(["--format", "json"]).output();
    let done = done.expect("the program runs");
    let text = String::from_utf8(done.stdout).expect("UTF-8");
    (done.status.code().unwrap_or(-1), text)
}

fn list<'v>(value: &'v Value, name: &str) -> &'v [Value] {
    value[name].as_array().map_or(&[], Vec::as_slice)
}

fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value[name].as_str().unwrap_or_default()
}

/// What is wrong with a report's form.
fn form(report: &Value, status: i32) -> Vec<String> {
    let mut bad = Vec::new();
    let statuses = BTreeMap::from([("clean", 0), ("diverged", 1), ("insufficient", 3)]);
    if statuses.get(text(report, "verdict")) != Some(&status) {
        bad.push(format!("verdict {} with status {status}", report["verdict"]));
    }
    let diverged = text(report, "verdict") == "diverged";
    let found = !list(report, "divergences").is_empty();
    if diverged && !found || text(report, "verdict") == "clean" && found {
        bad.push("the verdict is not that of the divergences".to_owned());
    }
    for divergence in list(report, "divergences") {
        let steps = ["operation", "trigger", "symptom"].map(|name| &divergence[name]);
        for step in steps.into_iter().chain(list(divergence, "chain")) {
            if step["observed"] == true && list(step, "evidence").is_empty() {
                bad.push(format!("an observed step without evidence: {}", step["what"]));
            }
        }
    }
    for input in list(report, "inputs") {
        let count = |name: &str| input[name].as_u64().unwrap_or(0);
        if count("lines") != count("used") + count("irrelevant") + count("not_understood") {
            bad.push(format!("{}: the lines don't add up", input["path"]));
        }
    }
    bad
}

/// What a report says that it may not, and what it does not say.
fn claims(want: &Expected, report: &Value) -> Vec<String> {
    let mut bad = Vec::new();
    let allowed = |list: &[String], found: &str| list.iter().any(|allowed| allowed == found);
    if !allowed(&want.verdict, text(report, "verdict")) {
        bad.push(format!("verdict {}, wanted {:?}", report["verdict"], want.verdict));
    }
    for divergence in list(report, "divergences") {
        let may = match &want.mechanism {
            Some(names) => allowed(names, text(divergence, "mechanism")),
            None => text(divergence, "confidence") == "possible",
        };
        if !may {
            bad.push(format!(
                "{} is claimed as {}",
                divergence["mechanism"], divergence["confidence"]
            ));
        }
    }
    for wait in list(report, "waits") {
        if !want.waits.is_empty() && !allowed(&want.waits, text(wait, "kind")) {
            bad.push(format!("wait {}", wait["kind"]));
        }
    }
    let whole = report.to_string();
    let says = !list(report, "divergences").is_empty() || !list(report, "waits").is_empty();
    for name in want.must_mention.iter().filter(|_| says) {
        let quoted = Value::from(name.as_str()).to_string();
        if !whole.contains(name) && !whole.contains(quoted.trim_matches('"')) {
            bad.push(format!("does not mention {name}"));
        }
    }
    bad
}

/// Whether a fact tells what a line's time was, as exactly as the line tells it.
fn same_time(found: &str, wanted: &str) -> bool {
    // Without a year: "01-16 19:37:25.015649".
    if wanted.split('-').count() == 2 {
        return found.get(5..26).is_some_and(|found| found.replace('T', " ") == wanted);
    }
    match (Time::parse(found), Time::parse(wanted)) {
        (Some(found), Some(wanted)) => (found - wanted).0.abs() < Span::millis(1).0,
        _ => false,
    }
}

/// The fields in which a fact is not what was wanted of its line.
fn apart(line: &Stated, fact: &Value) -> Vec<String> {
    let wanted = [
        ("at", &line.time),
        ("volume", &line.volume),
        ("node", &line.node),
        ("pod", &line.pod),
        ("attachment", &line.attachment),
        ("error", &line.error),
    ];
    let last = |name: &str| name.rsplit('/').next().unwrap_or_default().to_owned();
    let differs = |name: &str, wanted: &str| {
        let Some(found) = fact[name].as_str() else { return true };
        match name {
            "at" => !same_time(found, wanted),
            "pod" => found != wanted && last(found) != last(wanted),
            _ => !found.contains(wanted) && !wanted.contains(found),
        }
    };
    wanted
        .iter()
        .filter_map(|(name, wanted)| {
            wanted
                .as_ref()
                .filter(|wanted| differs(name, wanted))
                .map(|wanted| (name, wanted))
        })
        .map(|(name, wanted)| format!("{name} {}, wanted {wanted}", fact[*name]))
        .collect()
}

/// Lines whose facts are not there, or tell something else.
fn misread(lines: &[Stated], facts: &[Value]) -> Vec<String> {
    let told = |line: &Stated| {
        let here = facts
            .iter()
            .filter(|fact| text(fact, "source").rsplit('/').next() == Some(&line.file) && fact["line"] == line.line);
        let best = here.map(|fact| apart(line, fact)).min_by_key(Vec::len);
        let wrong = best.unwrap_or_else(|| vec!["no fact".to_owned()]);
        (!wrong.is_empty()).then(|| format!("{}:{} ({}): {}", line.file, line.line, line.event, wrong.join(", ")))
    };
    lines.iter().filter_map(told).collect()
}

/// What is wrong with what the program says of a case.
fn wrong(case: &Path) -> Vec<String> {
    let want: Wanted = read(&case.join("case.json"));
    let lines: Vec<Stated> = read(&case.join("parse.json"));
    let place = excerpt(case);
    let (status, out) = run("analyze", &place.0);
    let mut bad = match serde_json::from_str(&out) {
        Ok(report) => [form(&report, status), claims(&want.expect, &report)].concat(),
        Err(error) => vec![format!("no report: {error}")],
    };
    let (_, out) = run("facts", &place.0);
    let facts: Result<Vec<Value>, _> = out.lines().map(serde_json::from_str).collect();
    match facts {
        Ok(facts) => bad.extend(misread(&lines, &facts)),
        Err(error) => bad.push(format!("facts: {error}")),
    }
    bad
}

#[test]
fn excerpts_are_read_right_and_no_more_is_claimed() {
    let cases = cases();
    assert!(cases.len() > 30, "{} cases", cases.len());
    let told = |case: &PathBuf| {
        let wrong = wrong(case);
        let name = case.file_name().map(|name| name.to_string_lossy().into_owned());
        (!wrong.is_empty()).then(|| format!("{}:\n    {}", name.unwrap_or_default(), wrong.join("\n    ")))
    };
    let wrong: Vec<String> = cases.iter().filter_map(told).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
