//! The audit policy that records what a replay needs, and nothing that is secret.

/// A policy for kube-apiserver's `--audit-policy-file`. Bodies are asked for where they say what was attached, wanted
/// or reported; objects that hold secrets are not recorded at all.
pub const POLICY: &str = "\
# What adtrace needs of the audit log. Give it to kube-apiserver:
#   --audit-policy-file=/etc/kubernetes/adtrace-policy.yaml
#   --audit-log-path=/var/log/kubernetes/audit.log
#   --audit-log-maxsize=500 --audit-log-maxbackup=10
# In a policy of your own, put these rules first: the first rule that fits a request decides.
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages:
  - RequestReceived
omitManagedFields: true   # since Kubernetes 1.23; older releases refuse the line: leave it out there
rules:
  # What nodes report as attached and as in use, taints, Ready.
  - level: RequestResponse
    verbs: [create, update, patch, delete, deletecollection]
    resources:
      - group: \"\"
        resources: [nodes, nodes/status]
  # What is to be attached, and what came of it.
  - level: RequestResponse
    verbs: [create, update, patch, delete, deletecollection]
    resources:
      - group: storage.k8s.io
        resources: [volumeattachments, volumeattachments/status, csinodes, csidrivers]
  # Who wants which volume where. Bodies of pods hold their environment; Metadata instead of RequestResponse keeps it
  # out, and which claims a pod has is then known from other lines only.
  - level: RequestResponse
    verbs: [create, update, patch, delete, deletecollection]
    resources:
      - group: \"\"
        resources: [pods, pods/binding, pods/status, pods/eviction]
  # Which volume a claim is.
  - level: RequestResponse
    verbs: [create, update, patch, delete, deletecollection]
    resources:
      - group: \"\"
        resources: [persistentvolumes, persistentvolumes/status, persistentvolumeclaims, persistentvolumeclaims/status]
  # FailedAttachVolume, FailedMount and their like.
  - level: Request
    verbs: [create, update, patch]
    resources:
      - group: \"\"
        resources: [events]
      - group: events.k8s.io
        resources: [events]
  # Who leads.
  - level: Request
    verbs: [create, update, patch]
    resources:
      - group: coordination.k8s.io
        resources: [leases]
    namespaces: [kube-system]
  - level: None
";

#[cfg(test)]
mod tests {
    use super::*;
    use serde_norway::Value;

    /// What the API server demands of a policy: kind and version, known levels and verbs, no rule without a level.
    #[test]
    fn the_policy_is_one_that_the_server_takes() {
        let policy: Value = serde_norway::from_str(POLICY).unwrap();
        assert_eq!(policy["apiVersion"], "audit.k8s.io/v1");
        assert_eq!(policy["kind"], "Policy");
        let rules = policy["rules"].as_sequence().unwrap();
        for rule in rules {
            let level = rule["level"].as_str().unwrap();
            assert!(
                ["None", "Metadata", "Request", "RequestResponse"].contains(&level),
                "{level}"
            );
            for resource in rule["resources"].as_sequence().into_iter().flatten() {
                assert!(resource["group"].is_string());
                assert!(!resource["resources"].as_sequence().unwrap().is_empty());
            }
        }
        assert!(!POLICY.contains("secrets"));
    }

    #[test]
    fn the_policy_records_bodies_of_what_the_replay_reads() {
        let policy: Value = serde_norway::from_str(POLICY).unwrap();
        let level = |resource: &str| {
            let rules = policy["rules"].as_sequence().unwrap();
            let names = |rule: &Value| {
                let groups = rule["resources"].as_sequence().into_iter().flatten();
                groups
                    .flat_map(|group| group["resources"].as_sequence().unwrap().clone())
                    .collect::<Vec<_>>()
            };
            let first = rules.iter().find(|rule| {
                let names = names(rule);
                names.is_empty() || names.iter().any(|name| name == resource)
            });
            first.unwrap()["level"].as_str().unwrap().to_owned()
        };
        for resource in [
            "nodes/status",
            "volumeattachments",
            "volumeattachments/status",
            "pods/binding",
        ] {
            assert_eq!(level(resource), "RequestResponse", "{resource}");
        }
        assert_eq!(level("configmaps"), "None");
    }
}
