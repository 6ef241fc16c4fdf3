//! One incident in many wrappings.
//!
//! In: the files of a recording (a bare folder of logs, audit log and dumped objects). Out: the same content as other
//! collectors would have handed it in, and as machines with wrong clocks would have written it. Nothing is added and
//! nothing taken away, so that an analysis has to come to the same report.

use std::fmt::Write as _;
use std::path::Path;

pub mod bundles;
pub mod clocks;
pub mod journal;
pub mod lines;
#[path = "../../src/bundle/packed.rs"]
#[allow(dead_code, reason = "each test packs what it needs")]
mod packed;
pub mod shippers;

use lines::{Stamped, stamped};
use packed::gzip;

/// A file: path within the recording, and content.
#[derive(Clone, Debug)]
pub struct File {
    pub path: String,
    pub bytes: Vec<u8>,
}

impl File {
    pub fn new(path: impl Into<String>, bytes: impl Into<Vec<u8>>) -> File {
        File {
            path: path.into(),
            bytes: bytes.into(),
        }
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

/// What a file of a recording is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// A process's log: program, host, and whether it is of the process before.
    Log(String, String, bool),
    Audit,
    Other,
}

/// A way to hand a recording in.
pub struct Way {
    pub name: &'static str,
    pub of: fn(&[File]) -> Vec<File>,
    /// Whether it changes the times that lines tell.
    pub shifts: bool,
}

/// All ways.
pub const WAYS: &[Way] = &[
    way("kind export", bundles::kind_export),
    way("must-gather tarball", bundles::must_gather),
    way("sosreport tar.xz", bundles::sosreport),
    way("support bundle, zips within a zip", bundles::support_bundle),
    way("troubleshoot.sh", bundles::troubleshoot),
    way("cluster-info dump", bundles::cluster_info_dump),
    way("Rancher's collector", bundles::rancher),
    way("k3s, one process a machine", bundles::k3s),
    way("EKS, node and CloudWatch", bundles::eks),
    way("control plane in one file", bundles::in_one_file),
    way("docker json-file", docker),
    way("CRI, 16 KiB parts", cri),
    way("journald JSON", journald_json),
    way("journald short, newest first", newest_first),
    way("rotated, gzip", rotated),
    way("CRLF", crlf),
    way("items of a list", |files| in_logs(files, |_, line| format!("- {line}"))),
    way("numbered", |files| {
        in_logs(files, |number, line| format!("{number:>6}\t{line}"))
    }),
    way("coloured by grep", coloured),
    way("collected twice", twice),
    way("journald short-iso", journal::short_iso),
    way("journald short-iso-precise", journal::short_iso_precise),
    way("journald short-precise", journal::short_precise),
    way("journald short-unix", journal::short_unix),
    way("journald short-full", journal::short_full),
    way("journald export", journal::export),
    way("journald JSON, messages as bytes", journal::json_bytes),
    way("syslog of RFC 5424", journal::rfc_5424),
    way("syslog without a pid", journal::syslog_without_pid),
    way("kubectl logs --timestamps", shippers::timestamps),
    way("kubectl logs --prefix", shippers::prefixed),
    way("stern", shippers::stern),
    way("fluent-bit", shippers::fluent_bit),
    way("filebeat", shippers::elastic),
    way("Splunk", shippers::splunk),
    way("Loki", shippers::loki),
    way("CloudWatch events", shippers::cloudwatch_events),
    way("CloudWatch subscription", shippers::cloudwatch_subscription),
    way("CloudWatch in a bucket", shippers::cloudwatch_bucket),
    way("CloudWatch Insights JSON", shippers::insights_json),
    way("CloudWatch Insights CSV", shippers::insights_csv),
    way("AKS storage account", shippers::azure_blobs),
    way("AKS event hub", shippers::azure_hub),
    way("AzureDiagnostics", shippers::azure_diagnostics),
    way("AzureDiagnostics CSV", shippers::azure_diagnostics_csv),
    way("AKSAudit and AKSControlPlane", shippers::azure_tables),
    way("Cloud Logging, newest first", shippers::google),
    shift("a node's clock 7.3 s ahead", clocks::node_ahead),
    shift("a node's clock 7.3 s behind", clocks::node_behind),
    shift("controller in UTC+8", clocks::controller_in_utc_8),
    shift("controller's headers in UTC+8", clocks::controller_headers_in_utc_8),
    shift("all logs an hour behind", clocks::logs_an_hour_behind),
];

const fn way(name: &'static str, of: fn(&[File]) -> Vec<File>) -> Way {
    Way {
        name,
        of,
        shifts: false,
    }
}

const fn shift(name: &'static str, of: fn(&[File]) -> Vec<File>) -> Way {
    Way { name, of, shifts: true }
}

/// Reads a recording's files, sorted by path.
pub fn load(folder: &Path) -> Vec<File> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(&next).expect("the folder reads") {
            let path = entry.expect("the entry reads").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).expect("it lies within").to_string_lossy();
                files.push(File::new(name, std::fs::read(&path).expect("the file reads")));
            }
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

/// Writes files below a folder.
pub fn store(files: &[File], folder: &Path) {
    for file in files {
        let path = folder.join(&file.path);
        std::fs::create_dir_all(path.parent().expect("it has a parent")).expect("the folder is made");
        std::fs::write(path, &file.bytes).expect("the file is written");
    }
}

/// What a recording's file is, told by its path.
pub fn role(path: &str) -> Role {
    let name = path.rsplit('/').next().unwrap_or(path);
    let Some(stem) = name.strip_suffix(".log") else {
        return Role::Other;
    };
    if stem == "audit" {
        return Role::Audit;
    }
    let (stem, previous) = match stem.strip_suffix(".previous") {
        Some(stem) => (stem, true),
        None => (stem, false),
    };
    let host = match path.split('/').collect::<Vec<_>>().as_slice() {
        ["nodes", node, ..] => (*node).to_owned(),
        _ => stem
            .split_once("-cp-")
            .map_or("cp-0".to_owned(), |(_, number)| format!("cp-{number}")),
    };
    let program = stem.split("-cp-").next().unwrap_or(stem);
    Role::Log(program.to_owned(), host, previous)
}

/// The same files, those of a role replaced.
fn each(files: &[File], mut change: impl FnMut(&File, &Role) -> Vec<File>) -> Vec<File> {
    files.iter().flat_map(|file| change(file, &role(&file.path))).collect()
}

/// Every log line by line through `wrap`; audit logs too where asked.
fn wrapped(files: &[File], audit_too: bool, wrap: impl Fn(&Stamped<'_>, &str, &str) -> String) -> Vec<File> {
    each(files, |file, role| {
        let (program, host) = match role {
            Role::Log(program, host, _) => (program.as_str(), host.as_str()),
            Role::Audit if audit_too => ("kube-apiserver-audit", "cp-0"),
            _ => return vec![file.clone()],
        };
        let text = file.text();
        let lines = stamped(&text, lines::year(files));
        let new: String = lines.iter().map(|line| wrap(line, program, host)).collect();
        vec![File::new(&file.path, new)]
    })
}

/// `<stamp> stderr F line`, lines beyond 16 KiB in parts.
fn as_cri(line: &Stamped<'_>) -> String {
    let parts = lines::parts(line.text, 16 << 10);
    let mut out = String::new();
    for (index, part) in parts.iter().enumerate() {
        let tag = if index + 1 == parts.len() { "F" } else { "P" };
        let _ = writeln!(out, "{} stderr {tag} {part}", line.at);
    }
    out
}

fn as_journal(line: &Stamped<'_>, program: &str, host: &str) -> String {
    format!("{} {host} {program}[92]: {}\n", lines::syslog(line.at), line.text)
}

/// A log as the journal has it.
fn journal(file: &File, year: i64, program: &str, host: &str) -> String {
    let text = file.text();
    let lines = stamped(&text, year);
    lines.iter().map(|line| as_journal(line, program, host)).collect()
}

/// A container's log as the node keeps it: path below the folder of all pods' logs, and text.
fn pod_log(file: &File, year: i64, program: &str, host: &str, previous: bool) -> (String, String) {
    let number = u8::from(!previous);
    let path = format!("kube-system_{program}-{host}_7b2f44a1c0de/{program}/{number}.log");
    (path, stamped(&file.text(), year).iter().map(as_cri).collect())
}

fn cri(files: &[File]) -> Vec<File> {
    wrapped(files, true, |line, _, _| as_cri(line))
}

fn docker(files: &[File]) -> Vec<File> {
    wrapped(files, true, |line, _, _| {
        let whole = format!("{}\n", line.text);
        let one = |part: &&str| {
            let entry = serde_json::json!({"log": part, "stream": "stderr", "time": line.at.to_string()});
            format!("{entry}\n")
        };
        lines::parts(&whole, 16 << 10).iter().map(one).collect()
    })
}

fn journald_json(files: &[File]) -> Vec<File> {
    wrapped(files, false, |line, program, host| {
        journal_entry(line, program, host, line.text)
    })
}

/// An entry as `journalctl -o json` prints it.
fn journal_entry(line: &Stamped<'_>, program: &str, host: &str, message: impl serde::Serialize) -> String {
    let entry = serde_json::json!({
        "__REALTIME_TIMESTAMP": line.at.0.to_string(), "_HOSTNAME": host, "_PID": "92",
        "SYSLOG_IDENTIFIER": program, "PRIORITY": "6", "MESSAGE": message,
    });
    format!("{entry}\n")
}

fn newest_first(files: &[File]) -> Vec<File> {
    let journal = wrapped(files, false, as_journal);
    each(&journal, |file, role| match role {
        Role::Log(..) => {
            let text = file.text();
            let lines: String = text.lines().rev().map(|line| format!("{line}\n")).collect();
            vec![File::new(&file.path, lines)]
        }
        _ => vec![file.clone()],
    })
}

fn crlf(files: &[File]) -> Vec<File> {
    in_logs(files, |_, line| line.replace('\n', "\r\n"))
}

/// With `grep --color=always -i -E 'attach|volume|$'`.
fn coloured(files: &[File]) -> Vec<File> {
    const WORDS: [&str; 6] = ["Attach", "attach", "Volume", "volume", "Detach", "detach"];
    in_logs(files, |_, line| {
        WORDS.iter().fold(line.to_owned(), |line, word| {
            line.replace(word, &format!("\u{1b}[01;31m\u{1b}[K{word}\u{1b}[m\u{1b}[K"))
        })
    })
}

/// Each line of each log, and its number, made another.
fn in_logs(files: &[File], of: fn(usize, &str) -> String) -> Vec<File> {
    each(files, |file, role| {
        if role == &Role::Other {
            return vec![file.clone()];
        }
        let text = file.text();
        let lines = (1..).zip(text.split_inclusive('\n'));
        vec![File::new(
            &file.path,
            lines.map(|(number, line)| of(number, line)).collect::<String>(),
        )]
    })
}

/// Three pieces of each log, the older two compressed; audit logs by the names of lumberjack.
fn rotated(files: &[File]) -> Vec<File> {
    each(files, |file, role| {
        let text = file.text();
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        let third = lines.len().div_ceil(3).max(1);
        let pieces: Vec<String> = lines.chunks(third).map(<[&str]>::concat).collect();
        let names: [String; 3] = match role {
            Role::Other => return vec![file.clone()],
            Role::Audit => {
                let stem = file.path.trim_end_matches(".log");
                [
                    format!("{stem}-2026-11-25T02-13-15.977.log.gz"),
                    format!("{stem}-2026-11-25T02-14-15.123.log.gz"),
                    file.path.clone(),
                ]
            }
            Role::Log(..) => [
                format!("{}.2.gz", file.path),
                format!("{}.1.gz", file.path),
                file.path.clone(),
            ],
        };
        let newest = names.len() - pieces.len();
        let named = pieces.into_iter().zip(&names[newest..]);
        named
            .map(|(piece, name)| {
                let bytes = if name.strip_suffix(".gz").is_some() {
                    gzip(piece.as_bytes())
                } else {
                    piece.into_bytes()
                };
                File::new(name, bytes)
            })
            .collect()
    })
}

/// Every log twice: bare, and as the journal has it.
fn twice(files: &[File]) -> Vec<File> {
    let journal = wrapped(files, false, as_journal);
    let copies = each(&journal, |file, role| match role {
        Role::Log(..) | Role::Audit => vec![File::new(format!("second/{}", file.path), file.bytes.clone())],
        Role::Other => Vec::new(),
    });
    files.iter().cloned().chain(copies).collect()
}
