//! One incident with less and less evidence.
//!
//! In: the files of a recording. Out: the same files with lines, files or bodies missing, as they are when a log was
//! rotated away, a process logs little, an audit policy is short, or a collector was in a hurry. What is left is true:
//! an analysis may say less, never something else.

use serde_json::Value;

use crate::rewrap::lines::{stamped, year};
use crate::rewrap::{File, Role, clocks, role};

/// The levels of lines that processes print at high verbosity only.
const LEVELS: &str = include_str!("../../fixtures/levels.tsv");

/// A way in which evidence is missing.
pub struct Damage {
    pub name: &'static str,
    pub of: fn(&[File]) -> Vec<File>,
    /// What is missing lies at the end: what happened there cannot be asked for.
    pub ends_early: bool,
    /// What is missing lies at the head: what healed there cannot be asked for.
    pub begins_late: bool,
}

/// All damages.
pub const DAMAGES: &[Damage] = &[
    damage("a tenth of the lines lost", |files| lines_lost(files, 10, 1)),
    damage("another tenth of the lines lost", |files| lines_lost(files, 10, 2)),
    damage("a third tenth of the lines lost", |files| lines_lost(files, 10, 3)),
    damage("a fourth tenth of the lines lost", |files| lines_lost(files, 10, 4)),
    damage("clocks off", clocks::all_off),
    damage("clocks off, a tenth of the lines lost", |files| {
        lines_lost(&clocks::all_off(files), 10, 5)
    }),
    damage("a third of the lines lost", |files| lines_lost(files, 3, 6)),
    damage("the middle cut out", |files| {
        let (before, after) = (cut(files, 0.0, 0.45, |_| true), cut(files, 0.6, 1.0, |_| true));
        joined(&before, &after)
    }),
    damage("clocks off, logs at -v=2", |files| quiet(&clocks::all_off(files), 2)),
    damage("clocks off, no audit log", |files| {
        without(&clocks::all_off(files), |role| *role == Role::Audit)
    }),
    damage("no audit log", |files| without(files, |role| *role == Role::Audit)),
    damage("no controller log", |files| {
        without(files, |role| is(role, "kube-controller-manager"))
    }),
    damage("no attacher log", |files| {
        without(files, |role| is(role, "external-attacher"))
    }),
    damage("no kubelet logs", |files| without(files, |role| is(role, "kubelet"))),
    damage("one kubelet's log missing", one_kubelet_missing),
    damage("no logs of processes before", |files| {
        without(files, |role| matches!(role, Role::Log(.., true)))
    }),
    damage("no dumped objects", |files| without(files, |role| *role == Role::Other)),
    damage("the audit log alone", |files| {
        without(files, |role| *role != Role::Audit)
    }),
    damage("the controller's log alone", |files| {
        without(files, |role| !is(role, "kube-controller-manager"))
    }),
    damage("the kubelets' logs alone", |files| {
        without(files, |role| !is(role, "kubelet"))
    }),
    late("all heads cut", |files| cut(files, 0.4, 1.0, |_| true)),
    late("the controller's head cut", |files| {
        cut(files, 0.5, 1.0, |role| is(role, "kube-controller-manager"))
    }),
    late("the audit log's head cut", |files| {
        cut(files, 0.5, 1.0, |role| *role == Role::Audit)
    }),
    early("all tails cut", |files| cut(files, 0.0, 0.6, |_| true)),
    early("the controller's tail cut", |files| {
        cut(files, 0.0, 0.6, |role| is(role, "kube-controller-manager"))
    }),
    early("the audit log's tail cut", |files| {
        cut(files, 0.0, 0.6, |role| *role == Role::Audit)
    }),
    damage("logs at -v=4", |files| quiet(files, 4)),
    damage("logs at -v=2", |files| quiet(files, 2)),
    damage("audit at Metadata", metadata),
    damage("logs at -v=2, audit at Metadata", |files| metadata(&quiet(files, 2))),
    damage("logs at -v=2, no audit log", |files| {
        without(&quiet(files, 2), |role| *role == Role::Audit)
    }),
];

const fn damage(name: &'static str, of: fn(&[File]) -> Vec<File>) -> Damage {
    Damage {
        name,
        of,
        ends_early: false,
        begins_late: false,
    }
}

const fn late(name: &'static str, of: fn(&[File]) -> Vec<File>) -> Damage {
    Damage {
        begins_late: true,
        ..damage(name, of)
    }
}

const fn early(name: &'static str, of: fn(&[File]) -> Vec<File>) -> Damage {
    Damage {
        ends_early: true,
        ..damage(name, of)
    }
}

fn is(role: &Role, program: &str) -> bool {
    matches!(role, Role::Log(of, ..) if of == program)
}

fn without(files: &[File], goes: impl Fn(&Role) -> bool) -> Vec<File> {
    files.iter().filter(|file| !goes(&role(&file.path))).cloned().collect()
}

fn one_kubelet_missing(files: &[File]) -> Vec<File> {
    let hosts = files.iter().filter_map(|file| match role(&file.path) {
        Role::Log(program, host, _) if program == "kubelet" => Some(host),
        _ => None,
    });
    let first = hosts.min();
    without(
        files,
        |role| matches!(role, Role::Log(program, host, _) if program == "kubelet" && Some(host) == first.as_ref()),
    )
}

/// The same files, the lines of logs and audit log filtered.
fn kept(files: &[File], mut keep: impl FnMut(&str, &Role) -> bool) -> Vec<File> {
    let one = |file: &File| {
        let role = role(&file.path);
        if role == Role::Other {
            return file.clone();
        }
        let text = file.text();
        let lines: Vec<&str> = text.lines().filter(|line| keep(line, &role)).collect();
        File::new(file.path.clone(), lines.join("\n") + "\n")
    };
    files.iter().map(one).collect()
}

/// One line of so many is lost. `ADTRACE_SEED=N` loses others.
fn lines_lost(files: &[File], of: u64, seed: u64) -> Vec<File> {
    let more = std::env::var("ADTRACE_SEED").map_or(0, |seed| seed.parse().expect("ADTRACE_SEED is a number"));
    // Numbers that only need to look random, and to be the same each time.
    let mut state = (more + seed).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    kept(files, |_, _| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        !(state >> 33).is_multiple_of(of)
    })
}

/// What lies between two parts of the whole time.
fn cut(files: &[File], from: f64, to: f64, counts: impl Fn(&Role) -> bool) -> Vec<File> {
    let year = year(files);
    let moments = files
        .iter()
        .filter(|file| role(&file.path) != Role::Other)
        .flat_map(|file| {
            let text = file.text();
            stamped(&text, year).iter().map(|line| line.at.0).collect::<Vec<_>>()
        });
    let (first, last) = moments.fold((i64::MAX, i64::MIN), |(first, last), at| (first.min(at), last.max(at)));
    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "a part of a span, roughly"
    )]
    let at = |part: f64| first + ((last - first) as f64 * part) as i64;
    let one = |file: &File| {
        let role = role(&file.path);
        if role == Role::Other || !counts(&role) {
            return file.clone();
        }
        let text = file.text();
        let lines = stamped(&text, year);
        let within = lines.iter().filter(|line| (at(from)..=at(to)).contains(&line.at.0));
        let text: String = within.map(|line| format!("{}\n", line.text)).collect();
        File::new(file.path.clone(), text)
    };
    files.iter().map(one).collect()
}

/// Each file's first part and its second.
fn joined(before: &[File], after: &[File]) -> Vec<File> {
    let one = |(before, after): (&File, &File)| match role(&before.path) {
        Role::Other => before.clone(),
        _ => File::new(before.path.clone(), format!("{}{}", before.text(), after.text())),
    };
    before.iter().zip(after).map(one).collect()
}

/// Logs as processes with that verbosity would have written them.
fn quiet(files: &[File], verbosity: u32) -> Vec<File> {
    let levels: Vec<(&str, &str)> = LEVELS
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| {
            let mut columns = line.split('\t');
            let (file, level, text) = (columns.next()?, columns.next()?, columns.next()?);
            (level.parse::<u32>().ok()? > verbosity).then_some((file, text))
        })
        .collect();
    kept(files, |line, role| {
        let prints = || {
            let (head, text) = line.split_once("] ")?;
            let file = head.rsplit(' ').next()?.split(':').next()?;
            Some(
                !levels
                    .iter()
                    .any(|(of, begins)| *of == file && text.starts_with(begins)),
            )
        };
        *role == Role::Audit || prints().unwrap_or(true)
    })
}

/// The audit log as a policy of level Metadata writes it.
fn metadata(files: &[File]) -> Vec<File> {
    let one = |file: &File| {
        if role(&file.path) != Role::Audit {
            return file.clone();
        }
        let text = file.text();
        let lines = text.lines().map(|line| {
            let Ok(Value::Object(mut event)) = serde_json::from_str(line) else {
                return format!("{line}\n");
            };
            event.remove("requestObject");
            event.remove("responseObject");
            event.insert("level".to_owned(), Value::from("Metadata"));
            format!("{}\n", Value::Object(event))
        });
        File::new(file.path.clone(), lines.collect::<String>())
    };
    files.iter().map(one).collect()
}
