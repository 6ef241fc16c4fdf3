//! What has to hold before the crate is published: one oldest Rust in all places, and a package that holds what it needs.

use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn file(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).expect("the file is there")
}

/// The numbers of a version, `1.95` as `1.95.0`.
fn numbers(version: &str) -> Vec<u32> {
    let numbers = version.split('.').map(|part| part.parse().expect("a number"));
    let mut numbers: Vec<u32> = numbers.collect();
    numbers.resize(3, 0);
    numbers
}

#[test]
fn the_oldest_rust_is_the_same_everywhere() {
    let oldest = env!("CARGO_PKG_RUST_VERSION");
    assert!(file("Cargo.toml").contains(&format!("\nrust-version = \"{oldest}\"\n")));
    assert!(file("clippy.toml").contains(&format!("\nmsrv = \"{oldest}\"\n")));
    assert!(file("README.md").contains(&format!("Rust {oldest}")));
}

/// Whether it is exactly the oldest, so that the tests prove something about it, is for `.ci/run` to see to.
#[test]
fn the_rust_that_runs_is_not_older() {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let Ok(said) = Command::new(rustc).arg("--version").output() else {
        eprintln!("skipped: no rustc can be asked");
        return;
    };
    let said = String::from_utf8(said.stdout).expect("UTF-8");
    let version = said.split([' ', '-']).nth(1).expect("rustc VERSION");
    let oldest = env!("CARGO_PKG_RUST_VERSION");
    assert!(numbers(version) >= numbers(oldest), "{said}");
}

/// Links in the pages that a reader of the package sees lead to files that are in it.
#[test]
fn links_between_pages_lead_somewhere() {
    for page in [
        "README.md",
        "CONTRIBUTING.md",
        "docs/ci.md",
        "docs/facts.md",
        "docs/post-mortem.md",
        "docs/scale.md",
    ] {
        let text = file(page);
        for link in text.split("](").skip(1).filter_map(|part| part.split(')').next()) {
            let path = link.split('#').next().unwrap_or_default();
            if path.is_empty() || link.contains("://") {
                continue;
            }
            let place = Path::new(page).parent().expect("a folder").join(path);
            assert!(root().join(&place).exists(), "{page}: {link}");
        }
    }
}
