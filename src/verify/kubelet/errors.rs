//! Errors by kind: the model tells what failed and how, a recording quotes the real text with its names.
//!
//! In: a [`Failure`], or a recorded log entry. Out: the same short text for both.

use serde_json::{Value, json};

use crate::model::kubelet::operations::{Call, Failure, Fault};

/// The kind of a failure, as [`error_kind`] takes it from the real text.
pub(super) fn failure_kind(failure: Failure) -> String {
    let (what, cause) = match failure {
        Failure::ClaimUnreadable => ("VerifyControllerAttachedVolume fetching pvc failed", "get pvc: err"),
        Failure::NodeUnreadable => (
            "VerifyControllerAttachedVolume failed fetching node from API server",
            "get: err",
        ),
        Failure::NotReportedInUse => (
            "Volume has not been added to the list of VolumesInUse in the node's volume status",
            "",
        ),
        Failure::NotAttached => ("Volume not attached according to node status", ""),
        Failure::Referenced => (
            "GetDeviceMountRefs check failed",
            "the device mount path is still mounted",
        ),
        Failure::DeviceOpen => (
            "UnmountDevice failed",
            "the device is in use when it was no longer expected to be in use",
        ),
        Failure::EntryGone(Call::MountDevice) => ("MountVolume.MarkDeviceAsMounted failed", "no volume"),
        Failure::EntryGone(Call::UnmountDevice) => ("MarkDeviceAsUnmounted failed", "no volume"),
        Failure::EntryGone(_) => ("MountVolume.MarkVolumeAsMounted failed", "no volume"),
        Failure::Call(call, fault) => return call_failure_kind(call, fault),
    };
    if cause.is_empty() {
        what.to_owned()
    } else {
        format!("{what} : {cause}")
    }
}

fn call_failure_kind(call: Call, fault: Fault) -> String {
    let (what, cause) = match call {
        Call::WaitForAttach => ("MountVolume.WaitForAttach", "wait"),
        Call::MountDevice => ("MountVolume.MountDevice", "mountdevice"),
        Call::SetUp => ("MountVolume.SetUp", "setup"),
        Call::TearDown => ("UnmountVolume.TearDown", "teardown"),
        Call::References => ("GetDeviceMountRefs check", "refs"),
        Call::UnmountDevice => ("UnmountDevice", "unmountdevice"),
        Call::DeviceOpened => ("DeviceOpened", "opened"),
    };
    let outcome = match fault {
        Fault::Final => "err",
        Fault::Uncertain => "unc",
        Fault::Transient => "tra",
    };
    format!("{what} failed : {cause}: {outcome}")
}

/// What kind of error a recorded text is: what failed, and the cause, without names.
fn error_kind(text: &str) -> String {
    let what = text.split(" for volume \"").next().unwrap_or(text);
    let cause = text.rsplit_once(" : ").map_or("", |(_, cause)| cause);
    if cause.is_empty() {
        what.to_owned()
    } else if cause.starts_with("the device mount path") {
        format!("{what} : the device mount path is still mounted")
    } else if cause.starts_with("no volume with the name") {
        format!("{what} : no volume")
    } else {
        format!("{what} : {cause}")
    }
}

/// A recorded log entry with its error text reduced to its kind.
pub(super) fn by_kind(entry: &Value) -> Value {
    let mut entry = entry.clone();
    let text_at = match entry[0].as_str() {
        Some("E") => 3,
        Some("D") => 5,
        Some("W") => {
            let claims = entry[3]
                .as_str()
                .unwrap_or_default()
                .split("; ")
                .map(claim_name)
                .collect::<Vec<_>>();
            let claims = json!(claims.join("; "));
            if let Some(errors) = entry.get_mut(3) {
                *errors = claims;
            }
            return entry;
        }
        _ => return entry,
    };
    if let Some(value) = entry.get_mut(text_at)
        && let Some(text) = value.as_str()
    {
        *value = json!(error_kind(text));
    }
    entry
}

/// `v1` of `error processing PVC a/v1: …`.
fn claim_name(error: &str) -> &str {
    let name = error
        .strip_prefix("error processing PVC ")
        .and_then(|rest| rest.split(':').next());
    name.and_then(|name| name.split_once('/'))
        .map_or(error, |(_, name)| name)
}
