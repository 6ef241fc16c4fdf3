//! Audit records of clouds, turned into the audit events of Kubernetes.
//!
//! In: the `protoPayload` of a Cloud Logging entry, or the columns of `AKSAudit`. Out: the same statement as an
//! `audit.k8s.io/v1` event in JSON, so that later rooms know one form. Of Google's, `methodName` is
//! `io.k8s.<group>.<version>.<resource>.<verb>`, the status code is gRPC's. Of Azure's, each column is a field, and what
//! is an object there may be its JSON as text.

use std::fmt::Write;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

/// The parts of a payload that are used.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Payload {
    method_name: String,
    #[serde(default)]
    resource_name: String,
    #[serde(default)]
    authentication_info: Value,
    #[serde(default)]
    request_metadata: Value,
    #[serde(default)]
    status: Value,
    request: Option<Value>,
    response: Option<Value>,
}

/// The event; `None` where the payload is no call of the Kubernetes API.
#[must_use]
pub fn translate(payload: &str, at: &str, id: &str) -> Option<String> {
    let payload: Payload = serde_json::from_str(payload).ok()?;
    let method: Vec<&str> = payload.method_name.strip_prefix("io.k8s.")?.split('.').collect();
    let (verb, path) = method.split_last()?;
    let words: Vec<&str> = payload.resource_name.split('/').collect();
    let (group, rest) = match words.as_slice() {
        ["core", rest @ ..] => ("", rest),
        [group, rest @ ..] => (*group, rest),
        [] => return None,
    };
    let (version, rest) = rest.split_first()?;
    let (namespace, rest) = match rest {
        ["namespaces", namespace, rest @ ..] if !rest.is_empty() => (*namespace, rest),
        _ => ("", rest),
    };
    let resource = rest.first().or(path.last())?;
    let level = if payload.response.is_some() {
        "RequestResponse"
    } else {
        "Metadata"
    };
    let event = json!({
        "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": level, "auditID": id, "stage": "ResponseComplete",
        "verb": verb, "requestURI": payload.resource_name,
        "user": {"username": payload.authentication_info.get("principalEmail")},
        "userAgent": payload.request_metadata.get("callerSuppliedUserAgent"),
        "objectRef": {
            "resource": resource, "namespace": namespace, "name": rest.get(1), "subresource": rest.get(2),
            "apiGroup": group, "apiVersion": version,
        },
        "responseStatus": {"code": http(payload.status.get("code").and_then(Value::as_i64).unwrap_or(0))},
        "requestObject": payload.request, "responseObject": payload.response,
        "requestReceivedTimestamp": at, "stageTimestamp": at,
    });
    Some(without_nulls(event).to_string())
}

/// Members that are null were not told.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let told = map.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(
                told.map(|(key, value)| {
                    if key.ends_with("Object") {
                        (key, value)
                    } else {
                        (key, without_nulls(value))
                    }
                })
                .collect(),
            )
        }
        other => other,
    }
}

/// The HTTP status for a gRPC code.
fn http(code: i64) -> u16 {
    match code {
        0 => 200,
        3 | 9 | 11 => 400,
        4 => 504,
        5 => 404,
        6 | 10 => 409,
        7 => 403,
        8 => 429,
        14 => 503,
        16 => 401,
        _ => 500,
    }
}

/// Columns of `AKSAudit`, and the fields of an event that they are.
const COLUMNS: [(&str, &str); 14] = [
    ("Level", "level"),
    ("AuditId", "auditID"),
    ("Stage", "stage"),
    ("RequestUri", "requestURI"),
    ("Verb", "verb"),
    ("User", "user"),
    ("ImpersonatedUser", "impersonatedUser"),
    ("UserAgent", "userAgent"),
    ("ObjectRef", "objectRef"),
    ("ResponseStatus", "responseStatus"),
    ("RequestObject", "requestObject"),
    ("ResponseObject", "responseObject"),
    ("RequestReceivedTime", "requestReceivedTimestamp"),
    ("StageReceivedTime", "stageTimestamp"),
];

/// The event that a row of `AKSAudit` holds; its values are JSON, and stay as they are written.
#[must_use]
pub fn of_columns<'a>(row: impl Iterator<Item = (&'a str, &'a str)>) -> Option<String> {
    let mut event = r#"{"kind":"Event","apiVersion":"audit.k8s.io/v1""#.to_owned();
    let mut told = Vec::new();
    for (column, value) in row {
        let Some((_, field)) = COLUMNS
            .iter()
            .find(|(name, _)| *name == column.trim_end_matches(" [UTC]"))
        else {
            continue;
        };
        let text: Option<String> = serde_json::from_str(value).ok();
        let value = match &text {
            Some(text) if text.is_empty() => continue,
            Some(text) if text.starts_with(['{', '[']) && serde_json::from_str::<&RawValue>(text).is_ok() => text,
            _ if value == "null" => continue,
            _ => value,
        };
        let _ = write!(event, ",\"{field}\":{value}");
        told.push(*field);
    }
    event.push('}');
    ["auditID", "verb", "requestURI"]
        .iter()
        .all(|field| told.contains(field))
        .then_some(event)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deletion_becomes_an_audit_event() {
        let payload = r#"{"methodName":"io.k8s.storage.v1.volumeattachments.delete",
            "resourceName":"storage.k8s.io/v1/volumeattachments/csi-1","authenticationInfo":{"principalEmail":"a@b"},
            "status":{"code":5}}"#;
        let event: Value = serde_json::from_str(&translate(payload, "2026-11-23T10:00:00Z", "id").unwrap()).unwrap();
        assert_eq!(event["verb"], "delete");
        assert_eq!(event["objectRef"]["resource"], "volumeattachments");
        assert_eq!(event["objectRef"]["name"], "csi-1");
        assert_eq!(event["responseStatus"]["code"], 404);
        assert_eq!(event["level"], "Metadata");
    }

    #[test]
    fn subresources_and_namespaces_are_found() {
        let payload = r#"{"methodName":"io.k8s.core.v1.pods.binding.create",
            "resourceName":"core/v1/namespaces/app/pods/web-0/binding","request":{"a":null},"response":{}}"#;
        let event: Value = serde_json::from_str(&translate(payload, "t", "id").unwrap()).unwrap();
        let reference = &event["objectRef"];
        assert_eq!(
            (&reference["namespace"], &reference["name"], &reference["subresource"]),
            (&json!("app"), &json!("web-0"), &json!("binding"))
        );
        assert_eq!(event["requestObject"], json!({"a": null}));
    }
}
