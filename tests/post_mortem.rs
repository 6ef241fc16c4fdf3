//! The README and the post-mortem in `docs/` show what the program prints: every command in them is run, and its output
//! compared.
//!
//! `UPDATE_DOCS=1 cargo test --test post_mortem` writes the outputs anew.

use std::path::{Path, PathBuf};
use std::process::Command;

const PAGES: [&str; 2] = ["README.md", "docs/post-mortem.md"];

/// What a command of the page prints; `| head -N` is understood, nothing else of a shell.
fn output(root: &Path, command: &str) -> String {
    let (command, lines) = match command.split_once(" | head -") {
        Some((command, lines)) => (command, lines.parse().expect("a number of lines")),
        None => (command, usize::MAX),
    };
    let mut words = command.split_whitespace();
    assert_eq!(words.next(), Some("adtrace"), "{command}");
    let ran = Command::new(env!("CARGO_BIN_EXE_adtrace"))
        .args(words)
        .current_dir(root)
        .env_remove("CLICOLOR_FORCE")
        .output()
        .expect("the program runs");
    assert_ne!(
        ran.status.code(),
        Some(2),
        "{command}: {}",
        String::from_utf8_lossy(&ran.stderr)
    );
    let text = String::from_utf8(ran.stdout).expect("UTF-8");
    text.lines().take(lines).map(|line| format!("{line}\n")).collect()
}

/// The page with the outputs that its commands have now.
fn renewed(root: &Path, page: &str) -> String {
    let mut out = String::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        out.push_str(line);
        out.push('\n');
        if line != "```console" {
            continue;
        }
        let command = lines.next().expect("a command");
        out.push_str(command);
        out.push('\n');
        out.push_str(&output(root, command.trim_start_matches("$ ")));
        let end = lines.by_ref().find(|line| *line == "```");
        out.push_str(end.expect("the end of the block"));
        out.push('\n');
    }
    out
}

#[test]
fn the_pages_show_what_the_program_prints() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    for path in PAGES.map(|page| root.join(page)) {
        let page = std::fs::read_to_string(&path).expect("the page is there");
        let now = renewed(&root, &page);
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(&path, &now).expect("the page is written");
        } else {
            assert!(
                page == now,
                "UPDATE_DOCS=1 cargo test --test post_mortem writes it anew; now:\n{now}"
            );
        }
    }
}
