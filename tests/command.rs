//! The command as a shell runs it: redaction on request, pager, colours, quiet, a pipe that closes.
//!
//! The pager needs a terminal: `script` of util-linux makes one; where it is not installed that test is skipped.

mod recordings;

use std::collections::BTreeSet;
use std::io::Read;
use std::process::{Command, Output, Stdio};

use adtrace::fact::{ReadOptions, read};
use adtrace::trace::redact::{Key, Redactor};

use recordings::{Scratch, founding};

/// The program, in an environment that says nothing about colours and pagers.
fn adtrace() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_adtrace"));
    for name in ["NO_COLOR", "CLICOLOR_FORCE", "PAGER", "ADTRACE_PAGER", "LESS"] {
        command.env_remove(name);
    }
    command
}

fn run(command: &mut Command) -> Output {
    command.output().expect("the program runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

/// Whether a name stands in a text as a word of its own.
fn stands_in(text: &str, name: &str) -> bool {
    text.match_indices(name).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + name.len()..].chars().next();
        ![before, after].into_iter().flatten().any(char::is_alphanumeric)
    })
}

/// The names of the founding recording: those that redaction found, and some that a person would look for.
fn names() -> BTreeSet<String> {
    let reading = read(&[founding()], &ReadOptions::default()).expect("it reads");
    let redactor = Redactor::of(&reading, &Key::from_phrase("names")).expect("it is built");
    let mut mapping = Vec::new();
    redactor.write_mapping(&mut mapping).expect("memory takes everything");
    let found = text(&mapping);
    let found = found.lines().filter_map(|line| line.split_once('\t'));
    let mut names: BTreeSet<String> = found.map(|(name, _)| name.to_owned()).collect();
    names.retain(|name| !name.starts_with('#'));
    names.extend(["node-1", "node-2", "web-0", "pv-1", "vol-1", "data-web-0", "10.0.0.10"].map(str::to_owned));
    names
}

#[test]
fn no_face_knows_a_name_where_redaction_was_asked_for() {
    let names = names();
    let scratch = Scratch::new("faces");
    let page = scratch.0.join("page.html");
    let formats = [
        "text", "json", "jsonl", "markdown", "github", "junit", "sarif", "mermaid", "trace",
    ];
    for format in formats {
        let mut command = adtrace();
        command
            .arg("analyze")
            .arg(founding())
            .args(["--key", "k", "--format", format]);
        let done = run(&mut command);
        assert_eq!(done.status.code(), Some(1), "{format}");
        let shown = text(&done.stdout);
        assert!(
            format == "text" || shown.contains("detach-backoff-drops-report-as-attached"),
            "{format}"
        );
        for name in &names {
            assert!(!stands_in(&shown, name), "{format}: {name} is still there");
        }
        let said = text(&done.stderr);
        assert!(said.contains("replaced; --mapping FILE would say"), "{said}");
    }
    let mut command = adtrace();
    command
        .arg("analyze")
        .arg(founding())
        .args(["--redact", "--brief", "--html"])
        .arg(&page);
    let done = run(&mut command);
    let shown = text(&done.stdout) + &std::fs::read_to_string(&page).expect("the page is there");
    // Under a key of chance a short name can come about anew.
    for name in names.iter().filter(|name| name.len() > 4) {
        assert!(!stands_in(&shown, name), "page: {name} is still there");
    }
    // A file that is written has its mapping beside it.
    let mapping = scratch.0.join("page.html.mapping.tsv");
    let mapping = std::fs::read_to_string(mapping).expect("the mapping is there");
    assert!(mapping.contains("web-0\t"), "{mapping}");
}

#[test]
fn one_key_gives_the_same_names_in_every_face() {
    let with = |format: &str| {
        let mut command = adtrace();
        command
            .arg("analyze")
            .arg(founding())
            .args(["-q", "--redact", "--key", "k", "--format", format]);
        text(&run(&mut command).stdout)
    };
    let report: serde_json::Value = serde_json::from_str(&with("json")).expect("JSON");
    let divergence = &report["divergences"][0];
    let pair = format!(
        "{} on {}",
        divergence["pv"].as_str().expect("a name"),
        divergence["node"].as_str().expect("a name")
    );
    for format in ["text", "markdown", "github", "junit", "mermaid"] {
        assert!(with(format).contains(&pair), "{format}: {pair}");
    }
}

#[test]
fn a_redacted_capture_gives_the_verdict_and_knows_no_name() {
    let scratch = Scratch::new("capture");
    let trace = scratch.0.join("small.adtrace");
    let mut capture = adtrace();
    capture
        .arg("capture")
        .arg(founding())
        .args(["--key", "k", "--output"])
        .arg(&trace);
    assert_eq!(run(&mut capture).status.code(), Some(0));
    let written = std::fs::read_to_string(&trace).expect("it was written");
    for name in names() {
        assert!(!stands_in(&written, &name), "{name} is still there");
    }
    let done = run(adtrace().arg("analyze").arg(&trace).arg("--brief"));
    assert!(text(&done.stdout).contains("detach-backoff-drops-report-as-attached (proven)"));
}

#[test]
fn colours_follow_the_environment() {
    let coloured = |set: &[(&str, &str)]| {
        let mut command = adtrace();
        command.arg("analyze").arg(founding()).envs(set.iter().copied());
        text(&run(&mut command).stdout).contains('\u{1b}')
    };
    assert!(!coloured(&[]));
    assert!(coloured(&[("CLICOLOR_FORCE", "1")]));
    assert!(!coloured(&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]));
}

#[test]
fn quiet_leaves_stderr_to_errors() {
    let done = run(adtrace().arg("analyze").arg(founding()).args(["--redact", "--quiet"]));
    assert_eq!((done.status.code(), text(&done.stderr)), (Some(1), String::new()));
    let failed = run(adtrace().args(["analyze", "-q", "no-such-file"]));
    assert_eq!(failed.status.code(), Some(2));
    let said = text(&failed.stderr);
    assert!(said.starts_with("adtrace: no-such-file"), "{said}");
}

#[test]
fn completions_and_manual_pages_come_from_the_definition() {
    for shell in ["bash", "zsh", "fish", "powershell"] {
        let script = text(&run(adtrace().args(["completions", shell])).stdout);
        assert!(script.contains("analyze") && script.contains("no-pager"), "{shell}");
    }
    for page in [vec!["man"], vec!["man", "analyze"], vec!["man", "redact"]] {
        let page = text(&run(adtrace().args(page)).stdout);
        assert!(page.contains(".TH adtrace") && page.contains("Examples:"), "{page}");
    }
}

#[test]
fn a_pipe_that_closes_is_no_error() {
    let mut command = adtrace();
    command
        .arg("facts")
        .arg(founding())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut running = command.spawn().expect("the program runs");
    let mut first = [0; 10];
    let mut pipe = running.stdout.take().expect("its output");
    pipe.read_exact(&mut first).expect("it writes");
    drop(pipe);
    let done = running.wait_with_output().expect("it ends");
    assert_eq!((done.status.code(), text(&done.stderr)), (Some(0), String::new()));
}

/// What a terminal of some lines shows of an analysis, and the exit status; none where no terminal can be made.
fn on_terminal(lines: u32, before: &str, flags: &str) -> Option<(String, Option<i32>)> {
    let program = env!("CARGO_BIN_EXE_adtrace");
    let line = format!(
        "stty rows {lines} cols 100; {before} '{program}' analyze '{}' {flags}",
        founding().display()
    );
    let mut command = Command::new("script");
    for name in ["NO_COLOR", "CLICOLOR_FORCE", "PAGER", "ADTRACE_PAGER", "LESS"] {
        command.env_remove(name);
    }
    let done = command
        .args(["-qec", &line, "/dev/null"])
        .env("TERM", "xterm")
        .stdin(Stdio::null())
        .output();
    let Ok(done) = done else {
        eprintln!("skipped: script is not installed");
        return None;
    };
    Some((text(&done.stdout), done.status.code()))
}

#[test]
fn what_is_longer_than_the_screen_goes_to_the_pager() {
    let mark = "ADTRACE_PAGER='sed s/^/paged:/'";
    let Some((shown, status)) = on_terminal(24, mark, "") else {
        return;
    };
    assert!(shown.lines().count() > 24 && status == Some(1), "{shown}");
    assert!(shown.lines().all(|line| line.starts_with("paged:")), "{shown}");
    // A terminal is told colours, through a pager too.
    assert!(shown.contains('\u{1b}'), "{shown}");
    let plain = [
        on_terminal(500, mark, ""),
        on_terminal(24, mark, "--no-pager"),
        on_terminal(24, mark, "--brief"),
        on_terminal(24, "ADTRACE_PAGER=cat", ""),
        on_terminal(24, "ADTRACE_PAGER=no-such-pager", ""),
    ];
    for (shown, status) in plain.into_iter().flatten() {
        assert!(!shown.contains("paged:") && shown.contains("node-1"), "{shown}");
        assert_eq!(status, Some(1), "{shown}");
    }
    // Whoever leaves the pager early still gets the verdict.
    let (shown, status) = on_terminal(24, "PAGER='head -n 1'", "").expect("as before");
    assert_eq!((shown.lines().count(), status), (1, Some(1)), "{shown}");
}
