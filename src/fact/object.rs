//! Kubernetes objects to what facts tell of them.
//!
//! In: a Node, Pod, `VolumeAttachment`, PV, PVC, `CSINode`, `CSIDriver` or Event as JSON, from a dump or out of an
//! audit event's body. Out: a [`Detail`] with the names beside it. Missing and null fields are the same everywhere.

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::time::Time;

use super::text::{Names, telling};
use super::{AttachmentDetail, Detail, Fact, Kind, Name, NodeDetail, NodePatch, Party, PodDetail, PvDetail, event};

/// Annotation by which a kubelet says that the controller attaches and detaches for it.
const MANAGED: &str = "volumes.kubernetes.io/controller-managed-attach-detach";
/// Taint of a node that was shut down for good (Kubernetes 1.24 on).
const OUT_OF_SERVICE: &str = "node.kubernetes.io/out-of-service";

/// Null is the default, as absence is.
fn lenient<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

macro_rules! shapes {
    ($($(#[$meta:meta])* $name:ident { $($(#[$shape:meta])* $field:ident: $type:ty),* $(,)? })*) => {
        $($(#[$meta])*
        #[derive(Debug, Default, Deserialize)]
        #[serde(rename_all = "camelCase", default)]
        #[allow(missing_docs, reason = "the fields are those of the Kubernetes API")]
        pub struct $name { $(#[serde(deserialize_with = "lenient")] $(#[$shape])* pub $field: $type),* })*
    };
}

shapes! {
    /// `ObjectMeta`, as far as it matters.
    Meta {
        name: String, namespace: String, uid: String, resource_version: String, creation_timestamp: String,
        deletion_timestamp: Option<String>, finalizers: Vec<String>, annotations: std::collections::BTreeMap<String, String>,
    }
    /// Any object.
    Any { kind: String, metadata: Meta }
    /// `Node`.
    NodeObject { metadata: Meta, spec: NodeSpec, status: Option<NodeStatus> }
    /// `Node.spec`.
    NodeSpec { taints: Vec<Taint> }
    /// A taint.
    Taint { key: String }
    /// `Node.status`.
    NodeStatus { volumes_attached: Vec<Attached>, volumes_in_use: Vec<String>, conditions: Vec<Condition> }
    /// An element of `volumesAttached`.
    Attached { name: String }
    /// A condition.
    Condition { r#type: String, status: String }
    /// `VolumeAttachment`.
    AttachmentObject { metadata: Meta, spec: AttachmentSpec, status: Option<AttachmentStatus> }
    /// `VolumeAttachment.spec`.
    AttachmentSpec { attacher: String, node_name: String, source: AttachmentSource }
    /// `VolumeAttachment.spec.source`.
    AttachmentSource { persistent_volume_name: String }
    /// `VolumeAttachment.status`.
    AttachmentStatus { attached: bool, attach_error: Option<VolumeError>, detach_error: Option<VolumeError> }
    /// `VolumeError`.
    VolumeError { message: String }
    /// `Pod`.
    PodObject { metadata: Meta, spec: PodSpec, status: Option<PodStatus> }
    /// `Pod.spec`.
    PodSpec { node_name: String, volumes: Vec<PodVolume> }
    /// A volume of a pod.
    PodVolume { name: String, persistent_volume_claim: Option<ClaimSource>, ephemeral: Option<Value> }
    /// The claim behind a pod's volume.
    ClaimSource { claim_name: String }
    /// `Pod.status`.
    PodStatus {
        phase: String, container_statuses: Option<Vec<ContainerStatus>>, init_container_statuses: Option<Vec<ContainerStatus>>,
        ephemeral_container_statuses: Option<Vec<ContainerStatus>>,
    }
    /// `ContainerStatus`.
    ContainerStatus { state: ContainerState }
    /// `ContainerState`.
    ContainerState { running: Option<Value> }
    /// `PersistentVolume`.
    PvObject { metadata: Meta, spec: PvSpec }
    /// `PersistentVolume.spec`, its sources as they are.
    PvSpec {
        csi: Option<CsiSource>, access_modes: Vec<String>, claim_ref: Option<Reference>,
        gce_persistent_disk: Option<Value>, aws_elastic_block_store: Option<Value>, azure_disk: Option<Value>,
        cinder: Option<Value>, vsphere_volume: Option<Value>, portworx_volume: Option<Value>, rbd: Option<Value>,
        iscsi: Option<Value>, fc: Option<Value>, flex_volume: Option<Value>,
    }
    /// `CSIPersistentVolumeSource`.
    CsiSource { driver: String, volume_handle: String }
    /// `ObjectReference`.
    Reference { kind: String, namespace: String, name: String, uid: String }
    /// `PersistentVolumeClaim`.
    PvcObject { metadata: Meta, spec: PvcSpec, status: PvcStatus }
    /// `PersistentVolumeClaim.spec`.
    PvcSpec { volume_name: String }
    /// `PersistentVolumeClaim.status`.
    PvcStatus { phase: String }
    /// `CSINode`.
    CsiNodeObject { metadata: Meta, spec: CsiNodeSpec }
    /// `CSINode.spec`.
    CsiNodeSpec { drivers: Vec<CsiNodeDriver> }
    /// A driver on a node.
    CsiNodeDriver { name: String, #[serde(alias = "nodeID")] node_id: String, allocatable: Option<Allocatable> }
    /// Limits of a driver on a node.
    Allocatable { count: Option<u32> }
    /// `CSIDriver`.
    CsiDriverObject { metadata: Meta, spec: CsiDriverSpec }
    /// `CSIDriver.spec`.
    CsiDriverSpec { attach_required: Option<bool> }
    /// `Event`, of the core and of the `events.k8s.io` group.
    EventObject {
        metadata: Meta, #[serde(alias = "regarding")] involved_object: Reference, reason: String,
        #[serde(alias = "note")] message: String, #[serde(alias = "deprecatedSource")] source: EventSource,
        #[serde(alias = "reportingController")] reporting_component: String,
        #[serde(alias = "deprecatedCount")] count: Option<u32>, series: Option<Series>,
        #[serde(alias = "deprecatedFirstTimestamp")] first_timestamp: Option<String>,
        #[serde(alias = "deprecatedLastTimestamp")] last_timestamp: Option<String>, event_time: Option<String>,
    }
    /// `EventSource`.
    EventSource { component: String, host: String }
    /// `EventSeries`.
    Series { count: Option<u32>, last_observed_time: Option<String> }
}

/// Facts of one dumped object, or of each in a `List`. They have no time of their own ([`Time::MAX`]), but events.
pub fn dumped(value: &Value, names: &mut Names, out: &mut Vec<Fact>) {
    let Some(items) = value.get("items").and_then(Value::as_array) else {
        let bare = value.get("involvedObject").map_or("", |_| "Event");
        out.extend(one(
            value,
            value.get("kind").and_then(Value::as_str).unwrap_or(bare),
            names,
        ));
        return;
    };
    let list_kind = value.get("kind").and_then(Value::as_str).unwrap_or("");
    let item_kind = list_kind.strip_suffix("List").unwrap_or("");
    for item in items {
        let kind = item.get("kind").and_then(Value::as_str).unwrap_or(item_kind);
        out.extend(one(item, kind, names));
    }
}

/// The fact of one object; `None` for kinds that are no part of the story.
fn one(value: &Value, kind: &str, names: &mut Names) -> Option<Fact> {
    let seen = |kind| Fact::new(kind, Party::ApiServer, Time::MAX);
    let meta = Any::deserialize(value).ok()?.metadata;
    let mut fact = match kind {
        "Node" => node(seen(Kind::NodeSeen), &NodeObject::deserialize(value).ok()?, names),
        "Pod" => pod(seen(Kind::PodSeen), &PodObject::deserialize(value).ok()?, names),
        "VolumeAttachment" if !is_of_storage(value) => return None,
        "VolumeAttachment" => attachment(seen(Kind::VaSeen), &AttachmentObject::deserialize(value).ok()?, names),
        "PersistentVolume" => pv(seen(Kind::PvSeen), &PvObject::deserialize(value).ok()?, names),
        "PersistentVolumeClaim" => pvc(seen(Kind::PvcSeen), &PvcObject::deserialize(value).ok()?, names),
        "CSINode" => csi_node(seen(Kind::CsinodeSeen), &CsiNodeObject::deserialize(value).ok()?, names),
        "CSIDriver" => csi_driver(
            seen(Kind::CsidriverSeen),
            &CsiDriverObject::deserialize(value).ok()?,
            names,
        ),
        // It is made with the cluster and never anew: its uid stands for the cluster.
        "Namespace" if meta.name == "kube-system" => Fact {
            uid: names.get(&meta.uid),
            ..seen(Kind::ClusterSeen)
        },
        "Event" => {
            let mut fact = event::object(seen(Kind::EventSeen), &EventObject::deserialize(value).ok()?, names)?;
            if let Detail::Event { first, last, .. } = &fact.detail {
                fact.at = last
                    .or(*first)
                    .or_else(|| Time::parse(&meta.creation_timestamp))
                    .unwrap_or(Time::MAX);
            }
            fact
        }
        _ => return None,
    };
    fact.version = names.get(&meta.resource_version);
    if fact.text.is_empty() {
        fact.text = telling(&summary(kind, &meta, fact.error.as_deref()));
    }
    Some(fact)
}

/// Whether an object is of Kubernetes' own storage group: Longhorn has a kind `VolumeAttachment` too.
fn is_of_storage(value: &Value) -> bool {
    value.get("apiVersion").and_then(Value::as_str).is_none_or(is_storage)
}

/// Whether an API version is one of `storage.k8s.io`.
#[must_use]
pub fn is_storage(api: &str) -> bool {
    api.starts_with("storage.k8s.io/")
}

/// One line that tells an object apart.
fn summary(kind: &str, meta: &Meta, message: Option<&str>) -> String {
    let name = if meta.namespace.is_empty() {
        meta.name.clone()
    } else {
        format!("{}/{}", meta.namespace, meta.name)
    };
    message.map_or_else(
        || format!("{kind} {name}"),
        |message| format!("{kind} {name}: {message}"),
    )
}

/// What a Node tells.
pub fn node(fact: Fact, node: &NodeObject, names: &mut Names) -> Fact {
    let status = node.status.as_ref();
    let ready = status.and_then(|status| status.conditions.iter().find(|condition| condition.r#type == "Ready"));
    let list = |items: Vec<&str>, names: &mut Names| items.into_iter().map(|name| names.always(name)).collect();
    let detail = NodeDetail {
        attached: status.map(|status| list(status.volumes_attached.iter().map(|v| v.name.as_str()).collect(), names)),
        in_use: status.map(|status| list(status.volumes_in_use.iter().map(String::as_str).collect(), names)),
        ready: ready.map(|condition| condition.status == "True"),
        managed: Some(node.metadata.annotations.contains_key(MANAGED)),
        out_of_service: Some(node.spec.taints.iter().any(|taint| taint.key == OUT_OF_SERVICE)),
        uid: names.get(&node.metadata.uid),
        created: Time::parse(&node.metadata.creation_timestamp),
        patch: None,
    };
    Fact {
        node: names.get(&node.metadata.name),
        detail: Detail::Node(Box::new(detail)),
        ..fact
    }
}

/// What a `VolumeAttachment` tells.
pub fn attachment(fact: Fact, va: &AttachmentObject, names: &mut Names) -> Fact {
    let status = va.status.as_ref();
    let message = |error: Option<&VolumeError>| error.map(|error| error.message.as_str().into());
    let pv = names.get(&va.spec.source.persistent_volume_name);
    let detail = AttachmentDetail {
        driver: names.get(&va.spec.attacher),
        pv: pv.clone(),
        node: names.get(&va.spec.node_name),
        attached: Some(status.is_some_and(|status| status.attached)),
        deleting: va.metadata.deletion_timestamp.is_some(),
        finalizer: Some(va.metadata.finalizers.iter().any(|name| is_attacher_finalizer(name))),
        attach_error: status.and_then(|status| message(status.attach_error.as_ref())),
        detach_error: status.and_then(|status| message(status.detach_error.as_ref())),
        uid: names.get(&va.metadata.uid),
        created: Time::parse(&va.metadata.creation_timestamp),
        strips_finalizer: false,
    };
    Fact {
        attachment: names.get(&va.metadata.name),
        volume: pv.clone(),
        pv,
        node: detail.node.clone(),
        error: detail.detach_error.clone().or_else(|| detail.attach_error.clone()),
        detail: Detail::Attachment(Box::new(detail)),
        ..fact
    }
}

/// Whether the finalizer is the external-attacher's: `external-attacher/<driver with dashes>`.
#[must_use]
pub fn is_attacher_finalizer(name: &str) -> bool {
    name.starts_with("external-attacher/")
}

/// What a Pod tells.
pub fn pod(fact: Fact, pod: &PodObject, names: &mut Names) -> Fact {
    let claim = |volume: &PodVolume| match (&volume.persistent_volume_claim, &volume.ephemeral) {
        (Some(claim), _) => Some(claim.claim_name.clone()),
        // A generic ephemeral volume's claim is named after pod and volume.
        (None, Some(_)) => Some(format!("{}-{}", pod.metadata.name, volume.name)),
        (None, None) => None,
    };
    let claims: Vec<(String, &str)> = pod
        .spec
        .volumes
        .iter()
        .filter_map(|volume| Some((claim(volume)?, volume.name.as_str())))
        .collect();
    let detail = PodDetail {
        uid: names.get(&pod.metadata.uid),
        node: names.get(&pod.spec.node_name),
        claims: claims
            .iter()
            .map(|(claim, volume)| (names.always(claim), names.always(volume)))
            .collect(),
        phase: pod.status.as_ref().and_then(|status| names.get(&status.phase)),
        deleting: pod.metadata.deletion_timestamp.is_some(),
        grace: None,
        running: pod.status.as_ref().and_then(running),
        created: Time::parse(&pod.metadata.creation_timestamp),
    };
    Fact {
        pod: names.get(&format!("{}/{}", pod.metadata.namespace, pod.metadata.name)),
        uid: detail.uid.clone(),
        node: detail.node.clone().or(fact.node),
        detail: Detail::Pod(Box::new(detail)),
        ..fact
    }
}

/// Whether any container runs, where statuses are told.
fn running(status: &PodStatus) -> Option<bool> {
    let all = [
        &status.container_statuses,
        &status.init_container_statuses,
        &status.ephemeral_container_statuses,
    ];
    let told: Vec<&ContainerStatus> = all.into_iter().flatten().flatten().collect();
    (!told.is_empty()).then(|| told.iter().any(|container| container.state.running.is_some()))
}

/// What a PV tells.
pub fn pv(fact: Fact, pv: &PvObject, names: &mut Names) -> Fact {
    let unique = unique_name(pv).and_then(|unique| names.get(&unique));
    let name = names.get(&pv.metadata.name);
    let csi = pv.spec.csi.as_ref();
    let detail = PvDetail {
        unique: unique.clone(),
        driver: csi.and_then(|csi| names.get(&csi.driver)),
        handle: csi.and_then(|csi| names.get(&csi.volume_handle)),
        modes: pv.spec.access_modes.iter().map(|mode| names.always(mode)).collect(),
        claim: pv
            .spec
            .claim_ref
            .as_ref()
            .and_then(|claim| names.get(&format!("{}/{}", claim.namespace, claim.name))),
        deleting: pv.metadata.deletion_timestamp.is_some(),
    };
    Fact {
        volume: unique.or_else(|| name.clone()),
        pv: name,
        detail: Detail::Pv(Box::new(detail)),
        ..fact
    }
}

/// The unique volume name of a PV: `kubernetes.io/csi/<driver>^<handle>`, or the in-tree plugin's form.
fn unique_name(pv: &PvObject) -> Option<String> {
    let spec = &pv.spec;
    if let Some(csi) = &spec.csi {
        return Some(format!("kubernetes.io/csi/{}^{}", csi.driver, csi.volume_handle));
    }
    let text = |source: &Option<Value>, field: &str| Some(source.as_ref()?.get(field)?.as_str()?.to_owned());
    let simple = [
        ("gce-pd", text(&spec.gce_persistent_disk, "pdName")),
        ("aws-ebs", text(&spec.aws_elastic_block_store, "volumeID")),
        ("azure-disk", text(&spec.azure_disk, "diskURI")),
        ("cinder", text(&spec.cinder, "volumeID")),
        ("vsphere-volume", text(&spec.vsphere_volume, "volumePath")),
        ("portworx-volume", text(&spec.portworx_volume, "volumeID")),
    ];
    if let Some((plugin, Some(name))) = simple.into_iter().find(|(_, name)| name.is_some()) {
        return Some(format!("kubernetes.io/{plugin}/{name}"));
    }
    if let Some(image) = text(&spec.rbd, "image") {
        return Some(format!(
            "kubernetes.io/rbd/{}:{image}",
            text(&spec.rbd, "pool").as_deref().unwrap_or("rbd")
        ));
    }
    if let (Some(portal), Some(iqn)) = (text(&spec.iscsi, "targetPortal"), text(&spec.iscsi, "iqn")) {
        let lun = spec
            .iscsi
            .as_ref()
            .and_then(|source| source.get("lun"))
            .and_then(Value::as_i64)
            .unwrap_or(0);
        return Some(format!("kubernetes.io/iscsi/{portal}:{iqn}:{lun}"));
    }
    let driver = text(&spec.flex_volume, "driver")?;
    Some(format!("flexvolume-{driver}/{}", pv.metadata.name))
}

/// What a PVC tells.
pub fn pvc(fact: Fact, pvc: &PvcObject, names: &mut Names) -> Fact {
    let claim = names.always(&format!("{}/{}", pvc.metadata.namespace, pvc.metadata.name));
    let pv = names.get(&pvc.spec.volume_name);
    let phase = names.always(&pvc.status.phase);
    Fact {
        volume: pv.clone(),
        pv: pv.clone(),
        detail: Detail::Pvc { claim, pv, phase },
        ..fact
    }
}

/// What a `CSINode` tells.
pub fn csi_node(fact: Fact, node: &CsiNodeObject, names: &mut Names) -> Fact {
    let limit = |driver: &CsiNodeDriver| driver.allocatable.as_ref().and_then(|limits| limits.count);
    let drivers: Vec<(Name, Name, Option<u32>)> = node
        .spec
        .drivers
        .iter()
        .map(|driver| (names.always(&driver.name), names.always(&driver.node_id), limit(driver)))
        .collect();
    Fact {
        node: names.get(&node.metadata.name),
        detail: Detail::CsiNode(drivers),
        ..fact
    }
}

/// What a `CSIDriver` tells.
pub fn csi_driver(fact: Fact, driver: &CsiDriverObject, names: &mut Names) -> Fact {
    let attach_required = driver.spec.attach_required.unwrap_or(true);
    Fact {
        detail: Detail::CsiDriver {
            driver: names.always(&driver.metadata.name),
            attach_required,
            created: Time::parse(&driver.metadata.creation_timestamp),
        },
        ..fact
    }
}

/// What a write of a node asks for, from its body: a merge patch, a JSON patch, or a whole node.
pub fn node_patch(body: &Value, names: &mut Names) -> NodePatch {
    if let Some(steps) = body.as_array() {
        return json_patch(steps, names);
    }
    let status = body.get("status");
    let whole = body.get("kind").and_then(Value::as_str) == Some("Node");
    let mut list = |field: &str| match status.and_then(|status| status.get(field)) {
        Some(items) => Some(volumes(items, names)),
        None if whole && status.is_some() => Some(Vec::new()),
        None => None,
    };
    NodePatch {
        attached: list("volumesAttached"),
        in_use: list("volumesInUse"),
        empty: body.as_object().is_some_and(serde_json::Map::is_empty),
    }
}

/// What a JSON patch does to the two lists, where it replaces one as a whole.
fn json_patch(steps: &[Value], names: &mut Names) -> NodePatch {
    let mut patch = NodePatch {
        empty: steps.is_empty(),
        ..NodePatch::default()
    };
    for step in steps {
        let items = step.get("value").map(|value| volumes(value, names));
        match step.get("path").and_then(Value::as_str) {
            Some("/status/volumesAttached") => patch.attached = Some(items.unwrap_or_default()),
            Some("/status/volumesInUse") => patch.in_use = Some(items.unwrap_or_default()),
            _ => {}
        }
    }
    patch
}

/// Volume names of a list of names or of `{name, devicePath}`; null is the empty list.
fn volumes(items: &Value, names: &mut Names) -> Vec<Name> {
    let items = items.as_array().map_or(&[][..], Vec::as_slice);
    items
        .iter()
        .filter_map(|item| item.as_str().or_else(|| item.get("name")?.as_str()))
        .map(|name| names.always(name))
        .collect()
}

/// Whether a patch takes the attacher's finalizer away: finalizers set to null, or to a list without it.
#[must_use]
pub fn strips_finalizer(body: &Value) -> bool {
    let without = |list: &Value| match list.as_array() {
        Some(items) => !items.iter().filter_map(Value::as_str).any(is_attacher_finalizer),
        None => list.is_null(),
    };
    if let Some(steps) = body.as_array() {
        return steps.iter().any(|step| {
            let path = step.get("path").and_then(Value::as_str).unwrap_or("");
            let gone = step.get("op").and_then(Value::as_str) == Some("remove");
            path.starts_with("/metadata/finalizers") && (gone || step.get("value").is_some_and(without))
        });
    }
    let meta = body.get("metadata");
    let deleted = meta
        .and_then(|meta| meta.get("$deleteFromPrimitiveList/finalizers"))
        .and_then(Value::as_array);
    meta.and_then(|meta| meta.get("finalizers")).is_some_and(without)
        || deleted.is_some_and(|items| items.iter().filter_map(Value::as_str).any(is_attacher_finalizer))
}
