//! Whole bundles, as those who collect them lay them out.
//!
//! In: the files of a recording. Out: the same content in the folders, archives and forms of one collector. What a
//! collector leaves out stays beside it as it is: a wrapping takes nothing away.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{Cursor, Write as _};

use adtrace::time::{Span, Time};

use super::lines::{self, Stamped, stamped};
use super::packed::{gzip, tar_at};
use super::{File, Role, as_journal, each, journal, pod_log, role, shippers};

/// `kind export logs`: a folder for each node; containers' logs as CRI, twice, the kubelet's from the journal.
pub fn kind_export(files: &[File]) -> Vec<File> {
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
pub fn must_gather(files: &[File]) -> Vec<File> {
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
pub fn sosreport(files: &[File]) -> Vec<File> {
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
    by_host(placed, |host, files| {
        let root = format!("sosreport-{host}-2026-11-25-abcdefg");
        File::new(format!("{root}.tar.xz"), xz(&machine(&root, host, "hostname", files)))
    })
}

/// A machine's files below one folder, with one that tells its name.
fn machine(root: &str, host: &str, named_in: &str, mut files: Vec<File>) -> Vec<u8> {
    files.insert(0, File::new(named_in, format!("{host}\n")));
    for file in &mut files {
        file.path = format!("{root}/{}", file.path);
    }
    tar(&files)
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

fn zip(files: &[File]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for file in files {
        let options = zip::write::SimpleFileOptions::default();
        zip.start_file(file.path.as_str(), options).expect("memory takes all");
        zip.write_all(&file.bytes).expect("memory takes all");
    }
    zip.finish().expect("memory takes all").into_inner()
}

/// The last part of a path.
fn name(file: &File) -> &str {
    file.path.rsplit('/').next().unwrap_or(&file.path)
}

/// What collectors append to the log of the process before.
fn ending(previous: bool) -> &'static str {
    if previous { "-previous" } else { "" }
}

/// Files of several machines, packed together for each.
fn by_host(placed: Vec<(String, File)>, pack: impl Fn(&str, Vec<File>) -> File) -> Vec<File> {
    let mut hosts: BTreeMap<String, Vec<File>> = BTreeMap::new();
    for (host, file) in placed {
        hosts.entry(host).or_default().push(file);
    }
    hosts.into_iter().map(|(host, files)| pack(&host, files)).collect()
}

/// The bundle of Longhorn and Harvester: a zip that holds a zip for each node, whose journal runs backwards; stamps before
/// containers' lines in the collector's zone.
pub fn support_bundle(files: &[File]) -> Vec<File> {
    let year = lines::year(files);
    let (mut inside, mut of_nodes) = (Vec::new(), Vec::new());
    for file in files {
        match role(&file.path) {
            Role::Log(program, host, false) if program == "kubelet" => {
                let journal = journal(file, year, &program, &host);
                let log: String = journal.lines().rev().map(|line| format!("{line}\n")).collect();
                of_nodes.push((host, File::new("logs/kubelet.log", log)));
            }
            Role::Log(program, host, previous) => {
                let here = |line: &Stamped<'_>| {
                    let stamp = (line.at - Span::secs(4 * 3600)).to_string().replace('Z', "-04:00");
                    format!("{stamp} {}\n", line.text)
                };
                let log: String = stamped(&file.text(), year).iter().map(here).collect();
                let ending = ending(previous);
                let path = format!("logs/kube-system/{program}-{host}/{program}{ending}.log");
                inside.push(File::new(path, log));
            }
            Role::Audit => of_nodes.push(("cp-0".to_owned(), File::new("logs/audit.log", file.bytes.clone()))),
            Role::Other => match serde_norway::from_slice::<serde_json::Value>(&file.bytes) {
                Ok(list) if list.is_object() => {
                    let yaml = serde_norway::to_string(&list).expect("an object prints");
                    let kind = name(file).trim_end_matches(".json");
                    inside.push(File::new(format!("yamls/cluster/kubernetes/{kind}.yaml"), yaml));
                }
                _ => inside.push(file.clone()),
            },
        }
    }
    inside.extend(by_host(of_nodes, |host, mut files| {
        files.push(File::new("hostinfos/hostinfo", format!("hostname: {host}\n")));
        File::new(format!("nodes/{host}.zip"), zip(&files))
    }));
    vec![File::new("supportbundle_5d3a_2026-11-25T02-20-00Z.zip", zip(&inside))]
}

/// The bundle of troubleshoot.sh: no stamps before lines, lists in JSON.
pub fn troubleshoot(files: &[File]) -> Vec<File> {
    let year = lines::year(files);
    let root = "support-bundle-2026-11-25T02_20_00";
    let inside = each(files, |file, role| {
        let path = match role {
            Role::Log(program, host, _) if program == "kubelet" => {
                let path = format!("{root}/host-collectors/run-host/{host}/journalctl-kubelet.txt");
                return vec![File::new(path, journal(file, year, program, host))];
            }
            Role::Log(program, host, previous) => {
                let ending = ending(*previous);
                format!("{root}/cluster-resources/pods/logs/kube-system/{program}-{host}/{program}{ending}.log")
            }
            Role::Audit => format!("{root}/host-collectors/copy/cp-0/audit.log"),
            Role::Other => format!("{root}/cluster-resources/{}", name(file)),
        };
        vec![File::new(path, file.bytes.clone())]
    });
    vec![File::new(format!("{root}.tar.gz"), gzip(&tar(&inside)))]
}

/// What `kubectl cluster-info dump` prints: lists, then each container's log between two marks, all in one file; what was
/// asked for of the processes before, in another.
pub fn cluster_info_dump(files: &[File]) -> Vec<File> {
    let (mut dump, mut previous, mut left) = (String::new(), String::new(), Vec::new());
    for file in files {
        match (role(&file.path), name(file)) {
            (Role::Log(..) | Role::Audit, _) => {}
            (_, "nodes.json" | "events.json" | "pods.json") => {
                dump.push_str(file.text().trim_end());
                dump.push('\n');
            }
            _ => left.push(file.clone()),
        }
    }
    for file in files {
        match role(&file.path) {
            Role::Log(program, host, before) if program != "kubelet" => {
                let of = format!("logs for container {program} of pod kube-system/{program}-{host}");
                let text = file.text();
                let into = if before { &mut previous } else { &mut dump };
                let _ = write!(into, "==== START {of} ====\n{text}==== END {of} ====\n");
            }
            Role::Log(..) | Role::Audit => left.push(file.clone()),
            Role::Other => {}
        }
    }
    left.push(File::new("kubectl/cluster-info_dump", dump));
    if !previous.is_empty() {
        left.push(File::new("kubectl/cluster-info_dump-previous", previous));
    }
    left
}

/// Rancher's collector on RKE2: an archive for each machine; pods' logs without stamps.
pub fn rancher(files: &[File]) -> Vec<File> {
    let placed = files.iter().map(|file| {
        let (host, path) = match role(&file.path) {
            Role::Log(program, host, false) if program == "kubelet" => (host, "rke2/agent-logs/kubelet.log".to_owned()),
            Role::Log(program, host, previous) => {
                let path = format!("rke2/podlogs/kube-system-{program}-{host}{}", ending(previous));
                (host, path)
            }
            Role::Audit => ("cp-0".to_owned(), "rke2/server-logs/audit.log".to_owned()),
            Role::Other => ("cp-0".to_owned(), format!("rke2/kubectl/{}", name(file))),
        };
        (host, File::new(path, file.bytes.clone()))
    });
    by_host(placed.collect(), |host, files| {
        let root = format!("{host}-2026-11-25_02_20_00");
        let packed = gzip(&machine(&root, host, "systeminfo/hostname", files));
        File::new(format!("{root}.tar.gz"), packed)
    })
}

/// k3s: what runs on a machine is one process with one stream in the journal, whose lines name no component.
pub fn k3s(files: &[File]) -> Vec<File> {
    let year = lines::year(files);
    let mut streams: BTreeMap<String, Vec<(Time, String)>> = BTreeMap::new();
    let mut left = Vec::new();
    for file in files {
        match role(&file.path) {
            // Its parts write as much as each other; the others of a recording may not.
            Role::Log(program, host, _) if matches!(&*program, "kubelet" | "kube-controller-manager") => {
                let text = file.text();
                let lines = stamped(&text, year);
                let lines = lines.iter().map(|line| (line.at, as_journal(line, "k3s", &host)));
                streams.entry(host.clone()).or_default().extend(lines);
            }
            _ => left.push(file.clone()),
        }
    }
    left.extend(streams.into_iter().map(|(host, mut stream)| {
        stream.sort_by_key(|(at, _)| *at);
        let text: String = stream.into_iter().map(|(_, line)| line).collect();
        File::new(format!("{host}/journald/k3s"), text)
    }));
    left
}

/// `kubectl logs --prefix --timestamps -l tier=control-plane`: all of it in one file.
pub fn in_one_file(files: &[File]) -> Vec<File> {
    let year = lines::year(files);
    let (mut all, mut left) = (Vec::new(), Vec::new());
    for file in files {
        match role(&file.path) {
            Role::Log(program, host, _) if program != "kubelet" => {
                let text = file.text();
                let lines = stamped(&text, year);
                let line = |line: &Stamped<'_>| {
                    let text = format!("[pod/{program}-{host}/{program}] {} {}\n", line.at, line.text);
                    (line.at, text)
                };
                all.extend(lines.iter().map(line));
            }
            _ => left.push(file.clone()),
        }
    }
    all.sort_by_key(|(at, _)| *at);
    let all: String = all.into_iter().map(|(_, line)| line).collect();
    left.push(File::new("control-plane/all.log", all));
    left
}

/// EKS: what the script collects on each node, and the control plane out of `CloudWatch`.
pub fn eks(files: &[File]) -> Vec<File> {
    let year = lines::year(files);
    let watched = shippers::cloudwatch_events(files);
    let one = |(number, (file, watched)): (usize, (&File, File))| match role(&file.path) {
        Role::Log(program, host, false) if program == "kubelet" => {
            let log = journal(file, year, &program, &host);
            let inside = [
                File::new("kubelet/kubelet.log", log),
                File::new("system/instance-id.txt", format!("i-0{number:x}\n")),
            ];
            let name = format!("eks_i-0{number:x}_2026-11-25_0220-UTC_0.7.8.tar.gz");
            File::new(name, gzip(&tar(&inside)))
        }
        _ => watched,
    };
    files.iter().zip(watched).enumerate().map(one).collect()
}
