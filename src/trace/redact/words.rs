//! Words that stay: what Kubernetes itself is made of, and would tell nothing about anybody's cluster.
//!
//! A name that is one of these (a namespace `default`, a pod volume `data`) is not replaced: it names nobody, and the
//! lines could not be read any more if such a word were replaced wherever it stands.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use crate::fact::{Kind, table};

/// Words of the API, of paths and of programs that no message text holds.
const OTHERS: &str = "
    addresses admission agent allocatable amd64 annotations api apis apiserver apiVersion app.kubernetes.io application arm64
    attach-detach-controller attachdetach-controller attacher attachments audit authorization batch beta beta.kubernetes.io
    bind binding bindings bound bytes capacity claim claims clusterrole clusterrolebinding
    component conditions config configmap configmaps containerd containers control control-plane controller controllers
    controllerrevisions coordination core cpu create created
    csi csidriver csidrivers csinode csinodes csistoragecapacities daemon daemonset daemonsets data default default-scheduler
    delete deployment deployments
    detach devices disk disks docker endpoints endpointslices ephemeral error etcd event events eviction false file finalizers
    group groups healthz host hostname http https image info
    instance internal ip ipv4 ipv6 io items job jobs json k8s kind kube kube-controller-manager kube-node-lease kube-proxy
    kube-public kube-root-ca.crt kube-scheduler kube-system
    kubectl kubelet kubernetes kubernetes-admin kubernetes.io label labels lease leases level limits linux list local log logs
    manager master masters memory merge metadata metrics mount mounts name names namespace namespaces
    node node-controller nodes none null object objects openapi os owner patch path
    persistent persistentvolume persistentvolume-controller persistentvolumeclaim persistentvolumeclaims persistentvolumes
    phase plugin plugins pod pods policy port ports priority
    priorityclasses proxy pv pvc pvs ready reason registration replicas replicaset replicasets request requests resources
    response rolebinding roles root run running schedule scheduler secret secrets
    selector server service serviceaccount serviceaccounts services size source spec stage start state statefulset statefulsets
    status stderr stdout storage storage.k8s.io storageclass
    storageclasses string strings subresource system system:anonymous system:apiserver system:authenticated
    system:kube-controller-manager system:kube-scheduler system:masters
    system:nodes system:serviceaccounts taint-controller taint-eviction-controller test time token topology topology.kubernetes.io true
    answered attributes aws-ebs azure-disk body caller category cinder code container content count detail gce-pd grace hits
    journalctl klog logtag lun modes msg nodename note pool portworx-volume preconditions program properties rbd received records
    regarding result results severity stacktrace stream streams target username utc vsphere-volume
    type uid unknown update user users v1 v1alpha1 v1beta1 value values var verb version volume volumeattachment
    volumeattachments volumeclaimtemplates volumes watch yaml zone zones region regions
";

static WORDS: LazyLock<BTreeSet<&'static str>> = LazyLock::new(|| {
    let messages = table::texts().flat_map(|text| text.split(|c: char| !crate::trace::redact::is_name(c)));
    let kinds = Kind::ALL.iter().map(|kind| kind.name());
    messages
        .map(|word| word.trim_matches(['.', '-', '_']))
        .chain(OTHERS.split_whitespace())
        .chain(kinds)
        .collect()
});

/// Whether a word stays.
pub fn stays(word: &str) -> bool {
    word.ends_with("kubernetes.io") || word.ends_with("k8s.io") || WORDS.contains(word)
}
