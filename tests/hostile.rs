//! Hostile input as people meet it: limits through the command, and names that would steer a terminal or a reader.

#[path = "../src/bundle/packed.rs"]
#[allow(dead_code, reason = "each test packs what it needs")]
mod packed;
mod recordings;

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use packed::{gzip, tar_of};
use recordings::{Scratch, founding};

fn adtrace(arguments: &[&str], paths: &[&Path]) -> (i32, String) {
    let done = Command::new(env!("CARGO_BIN_EXE_adtrace"))
        .args(arguments)
        .args(paths)
        .output()
        .expect("the program runs");
    let code = done.status.code().expect("it ends by itself");
    (code, String::from_utf8(done.stdout).expect("UTF-8"))
}

/// Path, lines and notes of each input; every line is accounted for.
fn inputs(arguments: &[&str], path: &Path) -> Vec<(String, u64, String)> {
    let arguments = [&["inputs", "--format", "json"], arguments].concat();
    let (code, out) = adtrace(&arguments, &[path]);
    assert_eq!(code, 0, "{out}");
    let listing: Value = serde_json::from_str(&out).expect("JSON");
    let rows = listing["inputs"].as_array().expect("a list");
    let number = |row: &Value, field: &str| row[field].as_u64().expect("a number");
    rows.iter()
        .map(|row| {
            let parts = ["used", "irrelevant", "not_understood"].map(|part| number(row, part));
            assert_eq!(number(row, "lines"), parts.iter().sum::<u64>(), "{row}");
            let notes = row["notes"].to_string();
            (
                row["path"].as_str().expect("a path").to_owned(),
                number(row, "lines"),
                notes,
            )
        })
        .collect()
}

const LINE: &str = "I1125 02:15:03.000001      59 attach_detach_controller.go:1] Starting attach detach controller\n";

#[test]
fn every_limit_tells_what_it_cut_and_loses_no_line() {
    let scratch = Scratch::new("limits");
    let long = format!("{LINE}{}{LINE}", LINE.replace('\n', &"x".repeat(300)) + "\n");
    let nested = gzip(&gzip(LINE.as_bytes()));
    let bomb = gzip(&vec![b'\n'; 17 << 20]);
    let two = tar_of(&[
        ("kube-controller-manager.log", LINE.as_bytes()),
        ("b.log", LINE.as_bytes()),
    ]);
    let zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()))
        .finish()
        .expect("an empty zip")
        .into_inner();
    let held = tar_of(&[("a.zip", &zip)]);
    let deep = br#"{"kind":"Node","apiVersion":"v1","metadata":{"name":"n"},"status":{"a":{"b":{}}}}"#;
    // Flag, value, file; what is said, and lines in all.
    for (flag, value, bytes, told, lines) in [
        (
            "--max-entries",
            "1",
            two.as_slice(),
            "the limit of 1 entries is reached",
            1,
        ),
        (
            "--max-entry-size",
            "100",
            long.as_bytes(),
            "cut at the limit of 100 bytes",
            2,
        ),
        ("--max-ratio", "2", &bomb, "more than 2 times its size", 16 << 20),
        ("--max-nesting", "1", &nested, "packed more than 1 times", 0),
        ("--max-held-size", "10", &held, "at most 10 bytes", 0),
        (
            "--max-line-size",
            "120",
            long.as_bytes(),
            "1 lines longer than 120 bytes were cut",
            3,
        ),
        ("--max-json-depth", "3", deep, "", 1),
    ] {
        let path = scratch.0.join("kube-controller-manager.log");
        std::fs::write(&path, bytes).expect("it can be written");
        let found = inputs(&[flag, value], &path);
        let notes: Vec<&str> = found.iter().map(|(.., notes)| notes.as_str()).collect();
        assert!(notes.concat().contains(told), "{flag}: {notes:?}");
        let read: u64 = found.iter().map(|(_, lines, _)| lines).sum();
        let least = lines;
        // What was read before the ratio was looked at may be a buffer more.
        assert!((least..=least + (least >> 4)).contains(&read), "{flag}: {read} lines");
        // People see the same note.
        let (code, out) = adtrace(&["inputs", flag, value], &[&path]);
        assert!(code == 0 && out.contains(told), "{flag}: {out}");
    }
}

#[test]
fn links_in_archives_are_told_and_not_followed() {
    let scratch = Scratch::new("links");
    let mut tar = tar::Builder::new(Vec::new());
    for (name, kind) in [("kubelet.log", tar::EntryType::Symlink), ("null", tar::EntryType::Char)] {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(0);
        tar.append_link(&mut header, name, "/etc/passwd")
            .expect("memory takes all");
    }
    let path = scratch.0.join("bundle.tar");
    std::fs::write(&path, tar.into_inner().expect("memory takes all")).expect("it can be written");
    let found = inputs(&[], &path);
    let paths: Vec<&str> = found.iter().map(|(path, ..)| path.as_str()).collect();
    assert_eq!(paths, ["bundle.tar!kubelet.log", "bundle.tar!null"]);
    assert!(
        found
            .iter()
            .all(|(_, lines, notes)| *lines == 0 && notes.contains("a link or a device"))
    );
}

/// Clears the screen, turns the direction of writing, and ends an element.
const STEERING: &str = "\u{9b}2J\u{202e}\u{2066}<b>";
const STEERING_IN_JSON: &str = r"\u009b2J\u202e\u2066<b>";

/// The founding recording with names in it that steer, files and pods alike.
fn steering(place: &Path) {
    fn copy(from: &Path, to: &Path) {
        std::fs::create_dir_all(to).expect("a folder can be made");
        for item in std::fs::read_dir(from).expect("it can be listed") {
            let item = item.expect("it can be listed").path();
            let name = item.file_name().expect("it has a name").to_string_lossy().into_owned();
            if item.is_dir() {
                copy(&item, &to.join(name));
                continue;
            }
            let text = std::fs::read_to_string(&item).expect("text");
            let json = item.extension().is_some_and(|end| end == "json") || name == "audit.log";
            let hostile = format!("web-0{}", if json { STEERING_IN_JSON } else { STEERING });
            let name = name.replace(".log", "\u{1b}[2J\u{202e}<b>.log");
            std::fs::write(to.join(name), text.replace("web-0", &hostile)).expect("it can be written");
        }
    }
    copy(&founding(), place);
}

#[test]
fn no_face_for_people_is_steered_by_names() {
    let scratch = Scratch::new("steering");
    steering(&scratch.0);
    let steers = |c: char| {
        c != '\n' && c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let page = scratch.0.with_extension("html");
    let page_flag = page.to_string_lossy().into_owned();
    let faces: [&[&str]; 9] = [
        &["analyze", "--color", "never"],
        &["analyze", "--format", "markdown"],
        &["analyze", "--format", "github"],
        &["analyze", "--format", "mermaid"],
        &["analyze", "--html", &page_flag],
        &["inputs", "--show-not-understood"],
        &["timeline"],
        &["doctor"],
        &["state", "--at", "2026-11-25T02:20:00Z"],
    ];
    for face in faces {
        let (_, out) = adtrace(face, &[&scratch.0]);
        assert!(!out.is_empty(), "{face:?}");
        let bad: String = out.chars().filter(|c| steers(*c)).collect();
        let lines: Vec<&str> = out.lines().filter(|line| line.contains(steers)).collect();
        assert!(bad.is_empty(), "{face:?} {bad:?}: {lines:?}");
        // Whoever reads sees that there was something.
        let shown = ["\\u{202e}", "\\u{9b}", "\u{fffd}"]
            .iter()
            .any(|sign| out.contains(sign));
        assert!(shown || !out.contains("web-0"), "{face:?} hides it");
    }
    let html = std::fs::read_to_string(&page).expect("the page was written");
    std::fs::remove_file(&page).expect("it can be removed");
    assert!(html.contains("web-0") && !html.contains(steers), "the page steers");
    assert!(
        !html.contains("J<b>") && !html.contains("}<b>"),
        "a name became an element"
    );
}
