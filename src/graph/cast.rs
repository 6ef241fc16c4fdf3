//! Who is who: every name in the facts, joined to one volume, node, pod or `VolumeAttachment`.
//!
//! In: facts. Out: [`Cast`]: dense ids for volumes, nodes and pods, and the joins that no single line tells: PV to
//! unique volume name, claim to PV, pod to volumes, `VolumeAttachment` to its pair. Lines name the same volume in four
//! ways (unique name, PV, handle, attachment); whoever compares facts compares ids from here.

use std::collections::{BTreeMap, BTreeSet};

use crate::fact::{Detail, Fact, Kind, Name, PodDetail};
use crate::time::Time;

pub use crate::model::{NodeId as Node, PodId as Pod, VolumeId as Volume};

/// What is known of a volume for good.
#[derive(Clone, Debug)]
pub struct VolumeInfo {
    /// Unique volume name; the PV's name where no line tells the unique one.
    pub name: Name,
    /// PVs that stand for it.
    pub pvs: Vec<Name>,
    /// Whether it may be attached to one node only (access modes without RWX and ROX); `None` where no PV is known.
    pub exclusive: Option<bool>,
    /// CSI driver, where it is a CSI volume.
    pub driver: Option<Name>,
}

impl VolumeInfo {
    fn named(name: &Name) -> VolumeInfo {
        VolumeInfo {
            name: name.clone(),
            pvs: Vec::new(),
            exclusive: None,
            driver: None,
        }
    }
}

/// What is known of one pod (one uid).
#[derive(Clone, Debug)]
pub struct PodInfo {
    /// uid, or the name where no uid is known.
    pub uid: Name,
    /// `namespace/name`, as complete as any line has it.
    pub name: Name,
    /// Volumes it uses, in id order.
    pub volumes: Vec<Volume>,
    /// Node it was bound to.
    pub node: Option<Node>,
}

/// All names joined.
#[derive(Debug, Default)]
pub struct Cast {
    /// Volumes by unique name.
    pub volumes: Vec<VolumeInfo>,
    /// Nodes by name.
    pub nodes: Vec<Name>,
    /// Pods by uid.
    pub pods: Vec<PodInfo>,
    unique: BTreeMap<Name, Volume>,
    by_pv: BTreeMap<Name, Volume>,
    by_handle: BTreeMap<Name, Volume>,
    node_ids: BTreeMap<Name, Node>,
    pod_by_uid: BTreeMap<Name, Pod>,
    pods_by_name: BTreeMap<Name, Vec<Pod>>,
    attachments: BTreeMap<Name, (Volume, Node)>,
    by_claim: BTreeMap<Name, Volume>,
}

impl Cast {
    /// Joins the names of all facts.
    #[must_use]
    pub fn of(facts: &[Fact]) -> Cast {
        let mut cast = Cast::default();
        let mut joins = Joins::default();
        for fact in facts {
            joins.learn(fact);
        }
        cast.volumes_of(facts, &joins);
        cast.nodes_of(facts);
        cast.attachments_of(facts);
        cast.pods_of(&joins);
        cast
    }

    /// The volume that a fact speaks of.
    #[must_use]
    pub fn volume(&self, fact: &Fact) -> Option<Volume> {
        let named = fact
            .volume
            .as_ref()
            .or(fact.pv.as_ref())
            .and_then(|name| self.volume_named(name));
        named
            .or_else(|| fact.pv.as_ref().and_then(|pv| self.by_pv.get(pv).copied()))
            .or_else(|| Some(self.pair(fact)?.0))
    }

    /// The volume of that unique name, PV or handle.
    #[must_use]
    pub fn volume_named(&self, name: &str) -> Option<Volume> {
        let found = self
            .unique
            .get(name)
            .or_else(|| self.by_pv.get(name))
            .or_else(|| self.by_handle.get(name));
        found.copied()
    }

    /// The node that a fact speaks of, told by the line or by its `VolumeAttachment`.
    #[must_use]
    pub fn node(&self, fact: &Fact) -> Option<Node> {
        let named = fact.node.as_ref().and_then(|name| self.node_named(name));
        named.or_else(|| Some(self.pair(fact)?.1))
    }

    /// The node of that name.
    #[must_use]
    pub fn node_named(&self, name: &str) -> Option<Node> {
        self.node_ids.get(name).copied()
    }

    /// The pod that a fact speaks of; by uid where the line has one, else the only pod of that name.
    #[must_use]
    pub fn pod(&self, fact: &Fact) -> Option<Pod> {
        let by_uid = fact.uid.as_ref().and_then(|uid| self.pod_by_uid.get(uid).copied());
        by_uid.or_else(|| match self.pods_named(fact.pod.as_ref()?) {
            [one] => Some(*one),
            _ => None,
        })
    }

    /// All pods (uids) that bore this `namespace/name`.
    #[must_use]
    pub fn pods_named(&self, name: &str) -> &[Pod] {
        self.pods_by_name.get(name).map_or(&[], Vec::as_slice)
    }

    /// Every claim (`namespace/name`) whose volume is known.
    pub fn claims(&self) -> impl Iterator<Item = (&Name, Volume)> {
        self.by_claim.iter().map(|(claim, volume)| (claim, *volume))
    }

    /// The pair that a `VolumeAttachment` stands for.
    #[must_use]
    pub fn attachment(&self, name: &str) -> Option<(Volume, Node)> {
        self.attachments.get(name).copied()
    }

    /// What is known of a volume.
    #[must_use]
    pub fn info(&self, volume: Volume) -> &VolumeInfo {
        &self.volumes[volume.0 as usize]
    }

    /// A node's name.
    #[must_use]
    pub fn node_name(&self, node: Node) -> &Name {
        &self.nodes[node.0 as usize]
    }

    /// What is known of a pod.
    #[must_use]
    pub fn pod_info(&self, pod: Pod) -> &PodInfo {
        &self.pods[pod.0 as usize]
    }

    fn pair(&self, fact: &Fact) -> Option<(Volume, Node)> {
        self.attachment(fact.attachment.as_ref()?)
    }

    fn volumes_of(&mut self, facts: &[Fact], joins: &Joins) {
        let mut named: BTreeMap<Name, VolumeInfo> = BTreeMap::new();
        for (pv, unique) in &joins.pv_unique {
            let info = named.entry(unique.clone()).or_insert_with(|| VolumeInfo::named(unique));
            info.pvs.push(pv.clone());
        }
        let told = facts.iter().flat_map(|fact| fact.volume.iter().chain(listed(fact)));
        for unique in told.filter(|name| is_unique_name(name)) {
            named.entry(unique.clone()).or_insert_with(|| VolumeInfo::named(unique));
        }
        for pv in &joins.pv_only {
            if !joins.pv_unique.contains_key(pv) {
                let info = named.entry(pv.clone()).or_insert_with(|| VolumeInfo::named(pv));
                info.pvs.push(pv.clone());
            }
        }
        for (index, (unique, mut info)) in named.into_iter().enumerate() {
            let id = Volume(u32::try_from(index).unwrap_or(u32::MAX));
            info.pvs.dedup();
            info.exclusive = joins.exclusive(&info.pvs);
            for pv in &info.pvs {
                self.by_pv.insert(pv.clone(), id);
            }
            if let Some((driver, handle)) = csi_parts(&unique) {
                info.driver = Some(driver.into());
                self.by_handle.insert(handle.into(), id);
            }
            self.unique.insert(unique, id);
            self.volumes.push(info);
        }
        for (claim, pv) in &joins.claim_pv {
            if let Some(volume) = self.by_pv.get(pv) {
                self.by_claim.insert(claim.clone(), *volume);
            }
        }
    }

    fn nodes_of(&mut self, facts: &[Fact]) {
        let mut names: Vec<Name> = Vec::new();
        for fact in facts {
            names.extend(fact.node.clone());
            match &fact.detail {
                Detail::Attachment(detail) => names.extend(detail.node.clone()),
                Detail::Pod(detail) => names.extend(detail.node.clone()),
                _ => {}
            }
            if let crate::fact::Party::Kubelet(node) = &fact.party {
                names.push(node.clone());
            }
        }
        names.retain(|name| !name.is_empty());
        names.sort();
        names.dedup();
        for (index, name) in names.iter().enumerate() {
            self.node_ids
                .insert(name.clone(), Node(u32::try_from(index).unwrap_or(u32::MAX)));
        }
        self.nodes = names;
    }

    fn attachments_of(&mut self, facts: &[Fact]) {
        for fact in facts {
            let (Some(name), Detail::Attachment(detail)) = (&fact.attachment, &fact.detail) else {
                continue;
            };
            let volume = detail.pv.as_ref().and_then(|pv| self.by_pv.get(pv).copied());
            let node = detail.node.as_ref().and_then(|node| self.node_named(node));
            if let (Some(volume), Some(node)) = (volume, node) {
                self.attachments.insert(name.clone(), (volume, node));
            }
        }
        let mut told: Vec<(Name, Volume, Node)> = Vec::new();
        for fact in facts {
            let (Some(name), Some(volume), Some(node)) = (&fact.attachment, &fact.volume, &fact.node) else {
                continue;
            };
            if let (Some(volume), Some(node)) = (self.volume_named(volume), self.node_named(node)) {
                told.push((name.clone(), volume, node));
            }
        }
        for (name, volume, node) in told {
            self.attachments.entry(name).or_insert((volume, node));
        }
    }

    fn pods_of(&mut self, joins: &Joins) {
        for (uid, seen) in &joins.pods {
            let id = Pod(u32::try_from(self.pods.len()).unwrap_or(u32::MAX));
            let name = seen.name.clone().unwrap_or_else(|| uid.clone());
            let namespace = name.split_once('/').map_or("", |(namespace, _)| namespace);
            let claims = joins
                .claims_of(&name, seen)
                .iter()
                .filter_map(|claim| joins.claim_pv.get(&Name::from(format!("{namespace}/{claim}"))));
            let mut volumes: Vec<Volume> = claims.filter_map(|pv| self.by_pv.get(pv).copied()).collect();
            volumes.extend(seen.volumes.iter().filter_map(|name| self.volume_named(name)));
            volumes.sort_unstable();
            volumes.dedup();
            let node = seen.node.as_ref().and_then(|node| self.node_named(node));
            self.pods.push(PodInfo {
                uid: uid.clone(),
                name: name.clone(),
                volumes,
                node,
            });
            self.pod_by_uid.insert(uid.clone(), id);
            self.pods_by_name.entry(name).or_default().push(id);
        }
    }
}

/// Joins told by single facts, before ids are given.
#[derive(Debug, Default)]
struct Joins {
    pv_unique: BTreeMap<Name, Name>,
    pv_only: BTreeSet<Name>,
    pv_modes: BTreeMap<Name, Vec<Name>>,
    claim_pv: BTreeMap<Name, Name>,
    pods: BTreeMap<Name, PodSeen>,
    /// Claims by `namespace/name` of pods whose creation was told without the answer, so without a uid, and when.
    claims_by_name: BTreeMap<Name, Vec<(Time, Vec<Name>)>>,
}

#[derive(Debug, Default)]
struct PodSeen {
    name: Option<Name>,
    /// When it is first spoken of.
    since: Option<Time>,
    node: Option<Name>,
    claims: Vec<Name>,
    volumes: Vec<Name>,
}

impl Joins {
    fn learn(&mut self, fact: &Fact) {
        match &fact.detail {
            Detail::Pv(detail) => self.learn_pv(fact, detail),
            Detail::Pvc {
                claim, pv: Some(pv), ..
            } => {
                self.claim_pv.insert(claim.clone(), pv.clone());
            }
            Detail::Attachment(detail) => {
                if let Some(pv) = &detail.pv {
                    self.pv_only.insert(pv.clone());
                }
            }
            _ => {}
        }
        if let (Some(pv), Some(unique)) = (&fact.pv, &fact.volume)
            && is_unique_name(unique)
            && &**pv != "nil"
            && pv != unique
            && fact.kind != Kind::KubeletUnmounted
        {
            self.pv_unique.entry(pv.clone()).or_insert_with(|| unique.clone());
        }
        self.learn_pod(fact);
    }

    fn learn_pv(&mut self, fact: &Fact, detail: &crate::fact::PvDetail) {
        let Some(pv) = fact.pv.as_ref().or(fact.volume.as_ref()) else {
            return;
        };
        if let Some(unique) = &detail.unique {
            self.pv_unique.insert(pv.clone(), unique.clone());
        }
        if !detail.modes.is_empty() {
            self.pv_modes.insert(pv.clone(), detail.modes.clone());
        }
        if let Some(claim) = &detail.claim {
            self.claim_pv.entry(claim.clone()).or_insert_with(|| pv.clone());
        }
    }

    fn learn_pod(&mut self, fact: &Fact) {
        let detail = match &fact.detail {
            Detail::Pod(detail) => Some(&**detail),
            _ => None,
        };
        let Some(uid) = fact.uid.as_ref().or_else(|| detail?.uid.as_ref()) else {
            self.learn_without_uid(fact, detail);
            return;
        };
        let seen = self.pods.entry(uid.clone()).or_default();
        seen.since = Some(seen.since.map_or(fact.at, |since| since.min(fact.at)));
        if let Some(name) = fact.pod.as_ref().filter(|name| *name != uid) {
            let fuller = name.contains('/') || seen.name.is_none();
            if fuller {
                seen.name = Some(name.clone());
            }
        }
        if let Some(detail) = detail {
            if let Some(node) = &detail.node {
                seen.node = Some(node.clone());
            }
            for (claim, _) in &detail.claims {
                if !seen.claims.contains(claim) {
                    seen.claims.push(claim.clone());
                }
            }
        }
        if let Some(volume) = fact.volume.as_ref().filter(|name| is_unique_name(name))
            && !seen.volumes.contains(volume)
        {
            seen.volumes.push(volume.clone());
        }
        if let (crate::fact::Party::Kubelet(node), None) = (&fact.party, &seen.node)
            && !node.is_empty()
        {
            seen.node = Some(node.clone());
        }
    }

    /// An audit event at level Request tells a new pod's claims and not its uid: they are kept by its name.
    fn learn_without_uid(&mut self, fact: &Fact, detail: Option<&PodDetail>) {
        let (Some(name), Some(detail)) = (&fact.pod, detail) else {
            return;
        };
        if detail.claims.is_empty() {
            return;
        }
        let claims: Vec<Name> = detail.claims.iter().map(|(claim, _)| claim.clone()).collect();
        let known = self.claims_by_name.entry(name.clone()).or_default();
        known.push((fact.at, claims));
    }

    /// What the pod claims: as told with its uid, else as told with its name by the last creation before it is spoken
    /// of, or by all that bore the name alike.
    fn claims_of<'a>(&'a self, name: &Name, seen: &'a PodSeen) -> &'a [Name] {
        let created = self.claims_by_name.get(name).map_or(&[][..], Vec::as_slice);
        let Some((first, others)) = created.split_first().filter(|_| seen.claims.is_empty()) else {
            return &seen.claims;
        };
        if others.iter().all(|(_, claims)| *claims == first.1) {
            return &first.1;
        }
        let before = created
            .iter()
            .filter(|(at, _)| seen.since.is_some_and(|since| *at <= since));
        before.max_by_key(|(at, _)| *at).map_or(&[], |(_, claims)| claims)
    }

    fn exclusive(&self, pvs: &[Name]) -> Option<bool> {
        let modes = pvs.iter().find_map(|pv| self.pv_modes.get(pv))?;
        Some(
            !modes
                .iter()
                .any(|mode| matches!(&**mode, "ReadWriteMany" | "ReadOnlyMany" | "RWX" | "ROX")),
        )
    }
}

/// Names in lists that a node fact carries.
fn listed(fact: &Fact) -> Vec<&Name> {
    match &fact.detail {
        Detail::Node(detail) => detail.attached.iter().chain(&detail.in_use).flatten().collect(),
        _ => Vec::new(),
    }
}

/// Whether a name has the form `plugin.domain/plugin/…` of an attachable volume's unique name.
fn is_unique_name(name: &str) -> bool {
    let mut parts = name.splitn(3, '/');
    let domain = parts
        .next()
        .is_some_and(|part| part.contains('.') || part.starts_with("flexvolume"));
    domain && parts.next().is_some_and(|part| !NEVER_ATTACHED.contains(&part)) && parts.next().is_some()
}

/// Plugins whose volumes the controller never sees.
const NEVER_ATTACHED: &[&str] = &[
    "configmap",
    "secret",
    "projected",
    "empty-dir",
    "host-path",
    "downward-api",
    "nfs",
    "local-volume",
    "git-repo",
];

/// Driver and handle of a CSI volume's unique name.
fn csi_parts(unique: &str) -> Option<(&str, &str)> {
    unique.strip_prefix("kubernetes.io/csi/")?.split_once('^')
}
