//! Who speaks: the party behind a source, a line or an API request.
//!
//! In: paths, wrappers, source file names, user names and user agents. Out: [`Party`]. A source's party is settled
//! once where path or wrapper tell; a line's own file name decides where one process runs several roles (k3s, RKE2).

use crate::record::Outer;

use super::Party;
use super::text::Names;

/// The party that writes the file at that path: by the file's name, else by the directories around it, innermost
/// first; within an archive only by the member's path.
pub fn of_path(path: &str, names: &mut Names) -> Option<Party> {
    let inner = path.rsplit('!').next().unwrap_or(path);
    let found = inner.rsplit('/').find_map(|part| of_name(part, names))?;
    Some(match found {
        Party::Kubelet(_) => Party::Kubelet(names.always(&node_in_path(inner).unwrap_or_default())),
        other => other,
    })
}

/// The party that a wrapper names: the process or container, and the host for a kubelet's node.
pub fn of_outer(outer: &Outer<'_>, names: &mut Names) -> Option<Party> {
    let found = outer
        .program
        .and_then(|name| of_name(name, names))
        .or_else(|| outer.pod.and_then(|pod| of_name(pod, names)))?;
    Some(match (found, outer.host) {
        (Party::Kubelet(_), Some(host)) => Party::Kubelet(names.always(host)),
        (other, _) => other,
    })
}

/// The party that a program's or file's name stands for; a kubelet's node stays empty.
pub fn of_name(name: &str, names: &mut Names) -> Option<Party> {
    let lower = name.to_ascii_lowercase();
    let has = |word: &str| lower.contains(word);
    if ["provisioner", "resizer", "snapshotter", "registrar", "livenessprobe"]
        .into_iter()
        .any(has)
    {
        return Some(Party::Unknown);
    }
    if has("kube-controller-manager") || has("controller-manager") {
        Some(Party::Controller)
    } else if has("attacher") {
        Some(Party::Attacher)
    } else if has("scheduler") {
        Some(Party::Scheduler)
    } else if has("kubelet") || has("hyperkube") {
        Some(Party::Kubelet(names.always("")))
    } else if has("apiserver") || has("audit") {
        Some(Party::ApiServer)
    } else {
        None
    }
}

/// The node's name in a path: the directory after `nodes/`, or the one that holds the kubelet's file where that
/// directory is no word of the layout.
fn node_in_path(path: &str) -> Option<String> {
    let parts: Vec<&str> = path.split(['/', '!']).collect();
    if let Some(at) = parts.iter().position(|part| *part == "nodes") {
        return parts
            .get(at + 1)
            .filter(|_| at + 2 < parts.len())
            .map(|name| (*name).to_owned());
    }
    let file = parts.last()?;
    let stem = file.split('.').next().unwrap_or(file);
    for joint in ["kubelet-", "kubelet_"] {
        // A date behind the dash is the stamp of a rotated file.
        let node = file.strip_prefix(joint).and_then(|rest| rest.strip_suffix(".log"));
        if let Some(node) = node.filter(|node| !node.starts_with("20")) {
            return Some(node.to_owned());
        }
    }
    // A collector's command line in a file's name is no node: journalctl_--no-pager_--unit_kubelet.
    if stem.starts_with("journalctl") {
        return None;
    }
    stem.strip_suffix("-kubelet")
        .or_else(|| stem.strip_suffix("_kubelet"))
        .map(str::to_owned)
}

/// The party that prints lines from that source file, where only one does. The kubelet's node stays empty.
#[must_use]
pub fn of_file(file: &str) -> Option<Party> {
    match file {
        "attach_detach_controller.go"
        | "node_status_updater.go"
        | "controllermanager.go"
        | "node_lifecycle_controller.go"
        | "pv_controller.go"
        | "pv_controller_base.go"
        | "gc_controller.go"
        | "taint_manager.go"
        | "taint_eviction.go" => Some(Party::Controller),
        "kubelet.go"
        | "volume_manager.go"
        | "kubelet_node_status.go"
        | "reconciler_common.go"
        | "reconstruct.go"
        | "reconstruct_common.go"
        | "reconstruct_new.go"
        | "reconciler_new.go"
        | "pod_workers.go"
        | "csi_mounter.go"
        | "hollow-node.go"
        | "hollow_node.go"
        | "hollow_kubelet.go"
        | "setters.go"
        | "kubelet_volumes.go" => Some(Party::Kubelet("".into())),
        "csi_handler.go" | "trivial_handler.go" => Some(Party::Attacher),
        "schedule_one.go" | "scheduler.go" | "scheduler_binder.go" => Some(Party::Scheduler),
        _ => None,
    }
}

/// Files of the volume parts of in-tree cloud providers: their lines say what a driver's would.
pub const CLOUD_FILES: [&str; 8] = [
    "azure_controller_common.go",
    "azure_controller_standard.go",
    "azure_controller_vmss.go",
    "azure_dd.go",
    "aws_ebs.go",
    "openstack_volumes.go",
    "vsphere_volume_util.go",
    "gce_disks.go",
];

/// Whether the file is one of those.
#[must_use]
pub fn is_cloud_file(file: &str) -> bool {
    CLOUD_FILES.contains(&file)
}

/// The party behind an API request.
pub fn of_user(user: &str, agent: &str, names: &mut Names) -> Party {
    if let Some(node) = user.strip_prefix("system:node:") {
        return Party::Kubelet(names.always(node));
    }
    let controller = user == "system:kube-controller-manager"
        || (user.starts_with("system:serviceaccount:kube-system:") && user.ends_with("-controller"))
        || user.ends_with(":horizontal-pod-autoscaler");
    if controller {
        Party::Controller
    } else if user == "system:kube-scheduler" {
        Party::Scheduler
    } else if user == "system:apiserver" {
        Party::ApiServer
    } else if user.contains("attacher") || agent.contains("attacher") {
        Party::Attacher
    } else if agent.starts_with("kube-controller-manager/") {
        Party::Controller
    } else {
        Party::User(names.always(user))
    }
}

/// The party behind the component that an `Event` names as its source.
pub fn of_component(component: &str, host: &str, names: &mut Names) -> Option<Party> {
    match component {
        "kubelet" => Some(Party::Kubelet(names.always(host))),
        "default-scheduler" | "scheduler" => Some(Party::Scheduler),
        "attachdetach-controller"
        | "attach-detach-controller"
        | "node-controller"
        | "taint-eviction-controller"
        | "persistentvolume-controller"
        | "kube-controller-manager"
        | "taint-controller" => Some(Party::Controller),
        other if other.contains("attacher") => Some(Party::Attacher),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_party_and_node() {
        let mut names = Names::default();
        let mut party = |path: &str| of_path(path, &mut names).map(|party| party.to_string());
        assert_eq!(
            party("control-plane/kube-controller-manager.log").unwrap(),
            "kube-controller-manager"
        );
        assert_eq!(party("b.tar.zst!nodes/node-1/kubelet.log").unwrap(), "kubelet/node-1");
        assert_eq!(party("kubelet-worker-a1.log").unwrap(), "kubelet/worker-a1");
        assert_eq!(
            party("control-plane/external-attacher.log").unwrap(),
            "external-attacher"
        );
        assert_eq!(party("notes.txt"), None);
    }

    #[test]
    fn a_user_is_a_party() {
        let mut names = Names::default();
        assert_eq!(
            of_user("system:node:n1", "kubelet/v1.20.2", &mut names).to_string(),
            "kubelet/n1"
        );
        let account = "system:serviceaccount:kube-system:attachdetach-controller";
        assert_eq!(
            of_user(account, "kube-controller-manager/v1.26", &mut names),
            Party::Controller
        );
        let account = "system:serviceaccount:kube-system:csi-attacher";
        assert_eq!(of_user(account, "csi-attacher/v4", &mut names), Party::Attacher);
        assert_eq!(
            of_user("kubernetes-admin", "kubectl/v1.20.2", &mut names),
            Party::User("kubernetes-admin".into())
        );
    }
}
