//! Logs as what ships them to a store hands them out again.

use std::collections::BTreeMap;

use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::lines::{Stamped, stamped};
use super::{File, Role, each, lines, wrapped};

/// Every log and audit log as one document made of its lines.
fn documents(files: &[File], make: impl Fn(&[Stamped<'_>], &str, &str) -> String) -> Vec<File> {
    each(files, |file, role| {
        let (program, host) = match role {
            Role::Log(program, host, _) => (program.as_str(), host.as_str()),
            Role::Audit => ("kube-apiserver-audit", "cp-0"),
            Role::Other => return vec![file.clone()],
        };
        let text = file.text();
        let made = make(&stamped(&text, lines::year(files)), program, host);
        vec![File::new(&file.path, made)]
    })
}

fn objects(files: &[File], make: impl Fn(&Stamped<'_>, &str, &str) -> Value) -> Vec<File> {
    wrapped(files, true, |line, program, host| {
        format!("{}\n", make(line, program, host))
    })
}

fn millis(line: &Stamped<'_>) -> i64 {
    line.at.0.div_euclid(1000)
}

/// A stamp of milliseconds.
fn brief(line: &Stamped<'_>) -> String {
    line.at.to_string()[..23].to_owned()
}

fn stream(program: &str, host: &str) -> String {
    if program == "kubelet" {
        format!("kubelet-{host}")
    } else {
        format!("{program}-7d1f0c33b2a94e5f")
    }
}

pub fn timestamps(files: &[File]) -> Vec<File> {
    wrapped(files, true, |line, _, _| format!("{} {}\n", line.at, line.text))
}

pub fn prefixed(files: &[File]) -> Vec<File> {
    wrapped(files, false, |line, program, host| {
        format!("[pod/{program}-{host}/{program}] {} {}\n", line.at, line.text)
    })
}

pub fn stern(files: &[File]) -> Vec<File> {
    wrapped(files, false, |line, program, host| {
        format!("{program}-{host} {program} {}\n", line.text)
    })
}

pub fn fluent_bit(files: &[File]) -> Vec<File> {
    objects(files, |line, program, host| {
        json!({"@timestamp": line.at.to_string(), "log": format!("{}\n", line.text), "stream": "stderr",
               "kubernetes": {"pod_name": format!("{program}-{host}"), "namespace_name": "kube-system",
                              "container_name": program, "host": host}})
    })
}

pub fn elastic(files: &[File]) -> Vec<File> {
    objects(files, |line, program, host| {
        json!({"@timestamp": format!("{}Z", brief(line)), "message": line.text, "ecs": {"version": "8.0.0"},
               "host": {"name": host}, "log": {"file": {"path": format!("/var/log/{program}.log")}},
               "kubernetes": {"pod": {"name": format!("{program}-{host}")}, "container": {"name": program},
                              "node": {"name": host}, "namespace": "kube-system"}})
    })
}

pub fn splunk(files: &[File]) -> Vec<File> {
    objects(files, |line, program, host| {
        json!({"preview": false, "result": {"_raw": line.text, "_time": format!("{}+00:00", brief(line)), "host": host,
               "source": format!("/var/log/{program}.log"), "sourcetype": program}})
    })
}

pub fn loki(files: &[File]) -> Vec<File> {
    documents(files, |lines, program, host| {
        let values: Vec<Value> = lines
            .iter()
            .map(|line| json!([format!("{}000", line.at.0), line.text]))
            .collect();
        json!({"streams": [{"stream": {"container": program, "node_name": host, "namespace": "kube-system"},
                            "values": values}]})
        .to_string()
    })
}

pub fn cloudwatch_events(files: &[File]) -> Vec<File> {
    documents(files, |lines, program, host| {
        let events: Vec<Value> = lines
            .iter()
            .map(|line| {
                json!({"logStreamName": stream(program, host), "timestamp": millis(line), "message": line.text,
                       "ingestionTime": millis(line) + 61_000, "eventId": "3612"})
            })
            .collect();
        serde_json::to_string_pretty(&json!({"events": events, "searchedLogStreams": []})).expect("it prints")
    })
}

pub fn cloudwatch_subscription(files: &[File]) -> Vec<File> {
    documents(files, |lines, program, host| {
        let events: Vec<Value> = lines
            .iter()
            .map(|line| json!({"id": "3612", "timestamp": millis(line), "message": line.text}))
            .collect();
        json!({"messageType": "DATA_MESSAGE", "owner": "1234", "logGroup": "/aws/eks/prod/cluster",
               "logStream": stream(program, host), "subscriptionFilters": ["all"], "logEvents": events})
        .to_string()
    })
}

pub fn cloudwatch_bucket(files: &[File]) -> Vec<File> {
    wrapped(files, true, |line, _, _| format!("{}Z {}\n", brief(line), line.text))
}

pub fn insights_json(files: &[File]) -> Vec<File> {
    documents(files, |lines, program, host| {
        let row = |line: &Stamped<'_>| {
            json!([{"field": "@timestamp", "value": brief(line).replace('T', " ")},
                   {"field": "@message", "value": line.text},
                   {"field": "@logStream", "value": stream(program, host)}])
        };
        let rows: Vec<Value> = lines.iter().rev().map(row).collect();
        json!({"results": rows, "status": "Complete"}).to_string()
    })
}

/// A field of a table of values parted by commas.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

pub fn insights_csv(files: &[File]) -> Vec<File> {
    documents(files, |lines, program, host| {
        let row = |line: &Stamped<'_>| {
            format!(
                "{},{},{}\r\n",
                brief(line).replace('T', " "),
                quoted(line.text),
                stream(program, host)
            )
        };
        let rows: String = lines.iter().rev().map(row).collect();
        format!("@timestamp,@message,@logStream\r\n{rows}")
    })
}

fn category(program: &str) -> &str {
    match program {
        "kube-apiserver-audit" => "kube-audit",
        "external-attacher" => "csi-azuredisk-controller",
        other => other,
    }
}

fn azure(line: &Stamped<'_>, program: &str, host: &str) -> Value {
    json!({"time": line.at.to_string(), "category": category(program),
           "operationName": "Microsoft.ContainerService/managedClusters/diagnosticLogs/Read",
           "resourceId": "/SUBSCRIPTIONS/0/RESOURCEGROUPS/A/PROVIDERS/MICROSOFT.CONTAINERSERVICE/MANAGEDCLUSTERS/PROD",
           "properties": {"log": format!("{}\n", line.text), "stream": "stderr", "pod": format!("{program}-{host}"),
                          "containerID": "1f"}})
}

pub fn azure_blobs(files: &[File]) -> Vec<File> {
    kubelets_aside(files, |files| objects(files, azure))
}

pub fn azure_hub(files: &[File]) -> Vec<File> {
    kubelets_aside(files, |files| {
        documents(files, |lines, program, host| {
            let records: Vec<Value> = lines.iter().map(|line| azure(line, program, host)).collect();
            json!({ "records": records }).to_string()
        })
    })
}

/// `AzureDiagnostics` as a query hands it out.
pub fn azure_diagnostics(files: &[File]) -> Vec<File> {
    kubelets_aside(files, |files| {
        objects(files, |line, program, host| {
            json!({"TimeGenerated": line.at.to_string(), "Category": category(program), "log_s": line.text,
                   "pod_s": format!("{program}-{host}"), "stream_s": "stderr", "Type": "AzureDiagnostics"})
        })
    })
}

pub fn azure_diagnostics_csv(files: &[File]) -> Vec<File> {
    kubelets_aside(files, |files| {
        documents(files, |lines, program, host| {
            let row = |line: &Stamped<'_>| {
                format!(
                    "{},{},{},{}\n",
                    quoted(&line.at.to_string()),
                    category(program),
                    quoted(line.text),
                    quoted(&format!("{program}-{host}"))
                )
            };
            let rows: String = lines.iter().map(row).collect();
            format!("\"TimeGenerated [UTC]\",Category,\"log_s\",\"pod_s\"\n{rows}")
        })
    })
}

/// Tables of their own: audit events split into columns, the other logs in one.
pub fn azure_tables(files: &[File]) -> Vec<File> {
    kubelets_aside(files, |files| {
        objects(files, |line, program, host| {
            if program != "kube-apiserver-audit" {
                return json!({"TimeGenerated": line.at.to_string(), "Category": category(program), "Message": line.text,
                              "PodName": format!("{program}-{host}"), "Stream": "stderr", "Type": "AKSControlPlane"});
            }
            let event: BTreeMap<&str, &RawValue> = serde_json::from_str(line.text).expect("an audit event");
            let text = |name: &str| event.get(name).map_or("", |raw| raw.get()).to_owned();
            let event: Value = serde_json::from_str(line.text).expect("an audit event");
            json!({"TimeGenerated": line.at.to_string(), "Level": event["level"], "AuditId": event["auditID"],
                   "Stage": event["stage"], "RequestUri": event["requestURI"], "Verb": event["verb"],
                   "User": text("user"), "SourceIps": text("sourceIPs"), "UserAgent": event["userAgent"],
                   "ObjectRef": text("objectRef"), "ResponseStatus": text("responseStatus"),
                   "RequestObject": text("requestObject"), "ResponseObject": text("responseObject"),
                   "RequestReceivedTime": event["requestReceivedTimestamp"], "StageReceivedTime": event["stageTimestamp"],
                   "Annotations": text("annotations"), "PodName": "kube-apiserver-cp-0", "Type": "AKSAudit"})
        })
    })
}

/// The control plane goes through `wrap`; nodes keep their logs.
fn kubelets_aside(files: &[File], wrap: impl Fn(&[File]) -> Vec<File>) -> Vec<File> {
    let of_node = |file: &File| file.path.starts_with("nodes/");
    let (nodes, others): (Vec<File>, Vec<File>) = files.iter().cloned().partition(of_node);
    let mut all = wrap(&others);
    all.extend(nodes);
    all
}

/// Google's entries, newest first.
pub fn google(files: &[File]) -> Vec<File> {
    let mut id = 0;
    each(files, |file, role| {
        let Role::Log(program, host, _) = role else {
            return vec![file.clone()];
        };
        let text = file.text();
        let entries: Vec<Value> = stamped(&text, lines::year(files))
            .iter()
            .rev()
            .map(|line| {
                id += 1;
                let resource = if program == "kubelet" {
                    json!({"type": "k8s_node", "labels": {"node_name": host, "cluster_name": "prod"}})
                } else {
                    json!({"type": "k8s_container", "labels": {"cluster_name": "prod", "namespace_name": "kube-system",
                           "container_name": program, "pod_name": format!("{program}-{host}")}})
                };
                json!({"insertId": format!("i{id}"), "timestamp": line.at.to_string(), "textPayload": line.text,
                       "resource": resource, "logName": format!("projects/p/logs/{program}")})
            })
            .collect();
        vec![File::new(&file.path, Value::from(entries).to_string())]
    })
}
