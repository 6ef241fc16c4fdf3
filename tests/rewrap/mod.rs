//! One incident in many wrappings.
//!
//! In: the files of a recording (a bare folder of logs, audit log and dumped objects). Out: the same content as other
//! collectors would have handed it in, and as machines with wrong clocks would have written it. Nothing is added and
//! nothing taken away, so that an analysis has to come to the same report.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

pub mod clocks;
pub mod journal;
pub mod lines;
#[path = "../../src/bundle/packed.rs"]
#[allow(dead_code, reason = "each test packs what it needs")]
mod packed;
pub mod shippers;

use lines::{Stamped, stamped};
use packed::{gzip, tar_at};

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
    way("kind export", kind_export),
    way("must-gather tarball", must_gather),
    way("sosreport tar.xz", sosreport),
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

/// `kind export logs`: a folder for each node; containers' logs as CRI, twice, the kubelet's from the journal.
fn kind_export(files: &[File]) -> Vec<File> {
    let year = lines::year(files);
    each(files, |file, role| match role {
        Role::Log(program, host, _) if program == "kubelet" => {
            let log = journal(file, year, program, host);
            vec![File::new(format!("{host}/kubelet.log"), log)]
        }
        Role::Log(program, host, previous) => {
            let (path, log) = pod_log(file, year, program, host, *previous);
            let mut found = vec![File::new(format!("{host}/pods/{path}"), log.clone())];
            if !previous {
                let name = format!("{program}-{host}_kube-system_{program}-4c1f0de77aa1.log");
                found.push(File::new(format!("{host}/containers/{name}"), log));
            }
            found
        }
        Role::Audit => vec![File::new("cp-0/kube-apiserver-audit.log", file.bytes.clone())],
        Role::Other => vec![file.clone()],
    })
}

/// must-gather of `OpenShift`, packed: stamped container logs, compressed audit log, one YAML file for each object.
fn must_gather(files: &[File]) -> Vec<File> {
    let year = lines::year(files);
    let root = "must-gather.local.5551/quay-io-openshift-origin-must-gather-sha256-0a1b";
    let inside = each(files, |file, role| {
        let prefixed = |line: &Stamped<'_>| format!("{} {}\n", line.at, line.text);
        match role {
            Role::Log(program, host, _) if program == "kubelet" => vec![File::new(
                format!("{root}/host_service_logs/nodes/{host}/kubelet_service.log"),
                journal(file, year, program, host),
            )],
            Role::Log(program, host, previous) => {
                let log: String = stamped(&file.text(), year).iter().map(prefixed).collect();
                let name = if *previous { "previous" } else { "current" };
                let pod = format!("namespaces/openshift-{program}/pods/{program}-{host}");
                vec![File::new(
                    format!("{root}/{pod}/{program}/{program}/logs/{name}.log"),
                    log,
                )]
            }
            Role::Audit => {
                let path = format!("{root}/audit_logs/kube-apiserver/cp-0-audit.log.gz");
                vec![File::new(path, gzip(&file.bytes))]
            }
            Role::Other => objects(file, root),
        }
    });
    vec![File::new("must-gather.tar.gz", gzip(&tar(&inside)))]
}

/// A dumped list as must-gather has it: objects without a namespace one by one, the others as lists.
fn objects(file: &File, root: &str) -> Vec<File> {
    let name = file.path.rsplit('/').next().unwrap_or_default();
    let Ok(list) = serde_norway::from_slice::<serde_json::Value>(&file.bytes) else {
        return vec![File::new(format!("{root}/{}", file.path), file.bytes.clone())];
    };
    let Some(items) = list["items"].as_array() else {
        return vec![File::new(format!("{root}/{name}"), file.bytes.clone())];
    };
    let (kind, _) = name.split_once('.').unwrap_or((name, ""));
    if items.iter().any(|item| item["metadata"]["namespace"].is_string()) {
        let yaml = serde_norway::to_string(&list).expect("an object prints");
        return vec![File::new(format!("{root}/namespaces/app/core/{kind}.yaml"), yaml)];
    }
    let one = |item: &serde_json::Value| {
        let group = if matches!(kind, "nodes" | "persistentvolumes") {
            "core"
        } else {
            "storage.k8s.io"
        };
        let name = item["metadata"]["name"].as_str().unwrap_or("unnamed");
        let yaml = serde_norway::to_string(item).expect("an object prints");
        File::new(
            format!("{root}/cluster-scoped-resources/{group}/{kind}/{name}.yaml"),
            format!("---\n{yaml}"),
        )
    };
    items.iter().map(one).collect()
}

/// One sosreport for each machine.
fn sosreport(files: &[File]) -> Vec<File> {
    let year = lines::year(files);
    let placed: Vec<(String, File)> = files
        .iter()
        .map(|file| match role(&file.path) {
            Role::Log(program, host, _) if program == "kubelet" => {
                let path = "sos_commands/kubernetes/journalctl_--no-pager_--unit_kubelet";
                let log = journal(file, year, &program, &host);
                (host, File::new(path, log))
            }
            Role::Log(program, host, previous) => {
                let (path, log) = pod_log(file, year, &program, &host, previous);
                (host, File::new(format!("var/log/pods/{path}"), log))
            }
            Role::Audit => (
                "cp-0".to_owned(),
                File::new("var/log/kube-apiserver/audit.log", file.bytes.clone()),
            ),
            Role::Other => (
                "cp-0".to_owned(),
                File::new(format!("sos_commands/{}", file.path), file.bytes.clone()),
            ),
        })
        .collect();
    let mut hosts: Vec<&String> = placed.iter().map(|(host, _)| host).collect();
    hosts.sort();
    hosts.dedup();
    let report = |host: &&String| {
        let root = format!("sosreport-{host}-2026-11-25-abcdefg");
        let mut inside = vec![File::new(format!("{root}/hostname"), format!("{host}\n"))];
        let of_host = placed.iter().filter(|(on, _)| on == *host);
        inside.extend(of_host.map(|(_, file)| File::new(format!("{root}/{}", file.path), file.bytes.clone())));
        File::new(format!("{root}.tar.xz"), xz(&tar(&inside)))
    };
    hosts.iter().map(report).collect()
}

fn xz(bytes: &[u8]) -> Vec<u8> {
    let mut writer = liblzma::write::XzEncoder::new(Vec::new(), 1);
    writer.write_all(bytes).expect("memory takes all");
    writer.finish().expect("memory takes all")
}

fn tar(files: &[File]) -> Vec<u8> {
    let members: Vec<(&str, &[u8])> = files.iter().map(|file| (file.path.as_str(), &*file.bytes)).collect();
    // After the recordings, so that the year comes out right where nothing but this tells it.
    tar_at(1_795_600_000, &members)
}
