//! The stage: a cluster of the model, and everything that happens on it written down.
//!
//! In: time, and the acts of `acts`. Out: [`Paper`], the bundle that a collector would have brought home.

use std::collections::BTreeSet;

use adtrace::model::profile::{Profile, Version};
use adtrace::model::world::World;
use adtrace::model::world::board::{Board, NodeObject, Pair};
use adtrace::model::{NodeId, VolumeId};
use adtrace::time::{Span, Time};
use serde_json::{Value, json};

use super::names::Names;
use super::objects;
use super::paper::{ATTACHER, Client, Paper, Request};
use super::watch::{self, Excuses, Scribe};
use super::words::{ATTACHER_RELEASE, Subject};

/// A person with kubectl.
pub const USER: Client = Client {
    user: "kubernetes-admin",
    agent: "kubectl",
};

/// A cluster under observation.
pub struct Stage {
    /// The cluster.
    pub world: World,
    /// Who is who.
    pub names: Names,
    /// What was written.
    pub paper: Paper,
    /// What parties say when they refuse.
    pub excuses: Excuses,
    /// Pairs whose detach the driver confirms without doing it.
    pub lies: BTreeSet<Pair>,
    /// Pairs whose `VolumeAttachment` the attacher gives no finalizer.
    pub bare: BTreeSet<Pair>,
    /// Persistent volumes that somebody deleted.
    pub deleted: BTreeSet<VolumeId>,
    /// Whether the `CSIDriver` that somebody put in place of the first says that volumes are attached, and since when.
    pub csi_driver: Option<(bool, Time)>,
    /// The copy of etcd that somebody made, and its revision.
    pub saved: Option<(Board, u64)>,
    /// When it began.
    pub start: Time,
}

impl Stage {
    /// A cluster of a release with empty nodes and bound volumes (name, exclusive); the controller starts.
    pub fn open(release: &str, nodes: &[String], volumes: &[(String, bool)]) -> Stage {
        let version: Version = release.parse().expect("a release of three numbers");
        let start = Time::parse("2026-11-25T02:12:43Z").expect("a moment");
        let exclusive = volumes.iter().map(|(_, exclusive)| *exclusive).collect();
        let mut stage = Stage {
            world: World::new(Profile::of(version), exclusive),
            names: Names {
                nodes: nodes.to_vec(),
                volumes: volumes.to_vec(),
                ..Names::default()
            },
            paper: Paper::new(release, start),
            excuses: Excuses::default(),
            lies: BTreeSet::new(),
            bare: BTreeSet::new(),
            deleted: BTreeSet::new(),
            csi_driver: None,
            saved: None,
            start,
        };
        stage.world.now = start;
        stage.build();
        stage
    }

    fn build(&mut self) {
        let ids: Vec<NodeId> = (0_u32..).take(self.names.nodes.len()).map(NodeId).collect();
        self.attacher_says_its_version();
        for node in &ids {
            self.world.board.nodes.insert(*node, NodeObject::default());
            self.kubelet_says_its_version(*node);
            watch::node_created(&mut self.scribe(), *node);
        }
        for volume in self.volumes() {
            let object = objects::volume(&self.names, volume);
            self.create("persistentvolumes", "", &self.names.volume(volume), object);
            let claim = objects::claim(&self.names, volume);
            self.create("persistentvolumeclaims", "app", &self.names.claim(volume), claim);
        }
        self.world.stage_machines(&ids);
        self.controller_starts();
        self.run(Span::secs(1));
    }

    /// All volumes.
    pub fn volumes(&self) -> impl Iterator<Item = VolumeId> + use<> {
        (0_u32..).take(self.names.volumes.len()).map(VolumeId)
    }

    /// Who writes now.
    pub fn scribe(&mut self) -> Scribe<'_> {
        self.paper.reach(self.world.now);
        Scribe {
            names: &self.names,
            excuses: &self.excuses,
            paper: &mut self.paper,
        }
    }

    /// A person creates an object.
    pub fn create(&mut self, resource: &str, namespace: &str, name: &str, object: Value) {
        let base = if namespace.is_empty() {
            format!("/api/v1/{resource}")
        } else {
            format!("/api/v1/namespaces/{namespace}/{resource}")
        };
        self.paper.audit(&Request {
            client: USER,
            verb: "create",
            uri: base,
            object: json!({"resource": resource, "namespace": namespace, "name": name, "apiVersion": "v1"}),
            code: 201,
            asked: object,
            answer: Value::Null,
        });
    }

    /// Lets the cluster run, and writes down what it does.
    pub fn run(&mut self, span: Span) {
        let until = self.world.now + span;
        let mut before = self.world.clone();
        while self.world.now < until {
            // What was decided before is told already.
            if let Some(process) = self.world.process.as_mut() {
                process.listen();
            }
            self.world.run(until, &mut |_| true);
            self.keep_promises(&before);
            self.paper.reach(self.world.now);
            let mut scribe = Scribe {
                names: &self.names,
                excuses: &self.excuses,
                paper: &mut self.paper,
            };
            watch::tell(&mut scribe, &before, &self.world);
            before.clone_from(&self.world);
        }
        self.paper.reach(self.world.now);
    }

    /// What parties do otherwise than the model's: a driver that lies, an attacher without finalizers.
    fn keep_promises(&mut self, before: &World) {
        for pair in &self.lies {
            if before.driver.attached.contains(pair) {
                self.world.driver.attached.insert(*pair);
            }
        }
        for pair in &self.bare {
            if let Some(object) = self.world.board.attachments.get_mut(pair) {
                object.finalizer = false;
            }
        }
    }

    /// Runs up to so long after the start.
    pub fn run_to(&mut self, since_start: Span) {
        self.run(self.start + since_start - self.world.now);
    }

    /// A controller process takes over.
    pub fn controller_starts(&mut self) {
        let release = self.paper.release.clone();
        let mut scribe = self.scribe();
        let (none, version) = (Subject::default(), format!("v{release}"));
        let quoted = format!("{version:?}");
        let shown = if scribe.paper.minor() < 27 { &version } else { &quoted };
        scribe.controller('I', ("process_version", ""), &none, &[shown]);
        let lease = "kube-system/kube-controller-manager";
        let quoted = format!("{lease:?}");
        let shown = if scribe.paper.minor() < 35 { lease } else { &quoted };
        scribe.controller('I', ("leader_acquired", ""), &none, &[shown]);
        scribe.controller('I', ("adc_started", ""), &none, &[]);
        self.world.controller_starts();
        if let Some(process) = self.world.process.as_mut() {
            process.listen();
        }
    }

    /// The attacher is started anew.
    pub fn attacher_starts(&mut self) {
        self.paper.reach(self.world.now);
        self.attacher_says_its_version();
        self.world.attacher_starts();
    }

    fn attacher_says_its_version(&mut self) {
        let text = format!("\"Version\" version=\"v{ATTACHER_RELEASE}\"");
        self.paper.klog(ATTACHER, 'I', "main.go:114", &text);
    }

    /// A kubelet process of the node writes its first lines.
    pub fn kubelet_says_its_version(&mut self, node: NodeId) {
        let release = self.paper.release.clone();
        let mut scribe = self.scribe();
        let quoted = format!("\"v{release}\"");
        let text = format!("v{release}");
        let shown = if scribe.paper.minor() < 21 { &text } else { &quoted };
        scribe.kubelet(node, 'I', ("process_version", ""), &Subject::default(), &[shown]);
        let log = watch::kubelet_log(scribe.names, node);
        let (place, started) = match scribe.paper.minor() {
            ..21 => ("server.go:1176", "Started kubelet"),
            _ => ("server.go:1244", "\"Started kubelet\""),
        };
        scribe.paper.klog(&log, 'I', place, started);
        scribe.kubelet(
            node,
            'I',
            ("kubelet_volume_manager_started", ""),
            &Subject::default(),
            &[],
        );
    }

    /// The bundle as it stands now, with the objects dumped.
    pub fn bundle(&mut self) -> &Paper {
        self.paper.reach(self.world.now);
        let volumes = || self.volumes().filter(|volume| !self.deleted.contains(volume));
        let pvs: Vec<Value> = volumes().map(|id| objects::volume(&self.names, id)).collect();
        let claims: Vec<Value> = volumes().map(|id| objects::claim(&self.names, id)).collect();
        self.paper.dump("persistentvolumes", &pvs);
        self.paper.dump("persistentvolumeclaims", &claims);
        if let Some((attaches, created)) = self.csi_driver {
            self.paper.dump("csidrivers", &[objects::csi_driver(attaches, created)]);
        }
        let mut scribe = Scribe {
            names: &self.names,
            excuses: &self.excuses,
            paper: &mut self.paper,
        };
        watch::dump_board(&mut scribe, &self.world);
        &self.paper
    }
}
