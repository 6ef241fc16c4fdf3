//! The stage: a cluster of the model, acts of people on it, and everything that happens written down.
//!
//! In: acts, time. Out: [`Paper`], the bundle that a collector would have brought home.

use adtrace::model::profile::{Profile, Version};
use adtrace::model::world::World;
use adtrace::model::world::board::{NodeObject, Pair, PodObject};
use adtrace::model::world::driver::Answer;
use adtrace::model::{NodeId, PodId, VolumeId};
use adtrace::time::{Span, Time};
use serde_json::{Value, json};

use super::names::{DRIVER, Names, Pod};
use super::paper::{ATTACHER, CONTROLLER, Client, Paper, Request};
use super::watch::{self, Scribe};

const USER: Client = Client {
    user: "kubernetes-admin",
    agent: "kubectl",
};
const SCHEDULER: Client = Client {
    user: "system:kube-scheduler",
    agent: "kube-scheduler",
};

/// A cluster under observation.
pub struct Stage {
    /// The cluster.
    pub world: World,
    /// Who is who.
    pub names: Names,
    /// What was written.
    pub paper: Paper,
    start: Time,
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
                pods: Vec::new(),
            },
            paper: Paper::new(release, start),
            start,
        };
        stage.world.now = start;
        stage.build();
        stage
    }

    fn build(&mut self) {
        let banner = format!("Version: v{}", self.paper.release);
        let ids: Vec<NodeId> = (0_u32..).take(self.names.nodes.len()).map(NodeId).collect();
        self.paper
            .klog(ATTACHER, 'I', "main.go:114", "\"Version\" version=\"v4.4.0\"");
        for node in &ids {
            self.world.board.nodes.insert(*node, NodeObject::default());
            let log = watch::kubelet_log(&self.names, *node);
            self.paper.klog(&log, 'I', "server.go:416", &banner);
            self.paper
                .klog(&log, 'I', "volume_manager.go:271", "Starting Kubelet Volume Manager");
            watch::node_created(&mut self.scribe(), *node);
        }
        for volume in (0_u32..).take(self.names.volumes.len()).map(VolumeId) {
            self.create(
                "persistentvolumes",
                "",
                &self.names.volume(volume),
                volume_object(&self.names, volume),
            );
            let claim = claim_object(&self.names, volume);
            self.create("persistentvolumeclaims", "app", &self.names.claim(volume), claim);
        }
        self.world.stage_machines(&ids);
        self.controller_starts();
        self.run(Span::secs(1));
    }

    fn scribe(&mut self) -> Scribe<'_> {
        Scribe {
            names: &self.names,
            paper: &mut self.paper,
        }
    }

    fn create(&mut self, resource: &str, namespace: &str, name: &str, object: Value) {
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
        let (names, paper) = (&self.names, &mut self.paper);
        self.world.run(until, &mut |after| {
            paper.reach(after.now);
            watch::tell(&mut Scribe { names, paper }, &before, after);
            before.clone_from(after);
            false
        });
        self.paper.reach(self.world.now);
    }

    /// Runs up to so long after the start.
    pub fn run_to(&mut self, since_start: Span) {
        self.run(self.start + since_start - self.world.now);
    }

    /// A controller process takes over.
    pub fn controller_starts(&mut self) {
        let banner = format!("Version: v{}", self.paper.release);
        self.paper.klog(CONTROLLER, 'I', "controllermanager.go:176", &banner);
        self.paper.klog(
            CONTROLLER,
            'I',
            "leaderelection.go:253",
            "successfully acquired lease kube-system/kube-controller-manager",
        );
        self.paper.klog(
            CONTROLLER,
            'I',
            "attach_detach_controller.go:328",
            "Starting attach detach controller",
        );
        self.world.controller_starts();
    }

    /// The attacher is started anew.
    pub fn attacher_starts(&mut self) {
        self.paper
            .klog(ATTACHER, 'I', "main.go:114", "\"Version\" version=\"v4.4.0\"");
        self.world.attacher_starts();
    }

    /// Somebody creates a pod, and the scheduler binds it.
    pub fn pod(&mut self, name: &str, node: NodeId, volumes: &[VolumeId]) {
        let id = PodId(u32::try_from(self.names.pods.len()).expect("few pods"));
        self.names.pods.push(Pod {
            name: name.to_owned(),
            volumes: volumes.to_vec(),
        });
        self.paper.reach(self.world.now);
        let spec = watch::pod_object(&self.names, id, None, None);
        self.create("pods", "app", name, spec);
        let uid = Names::uid(id);
        let target = self.names.node(node).to_owned();
        self.paper.audit(&Request {
            client: SCHEDULER,
            verb: "create",
            uri: format!("/api/v1/namespaces/app/pods/{name}/binding"),
            object: json!({"resource": "pods", "namespace": "app", "name": name, "uid": uid, "apiVersion": "v1",
                           "subresource": "binding"}),
            code: 201,
            asked: json!({"kind": "Binding", "apiVersion": "v1",
                          "metadata": {"name": name, "namespace": "app", "uid": uid},
                          "target": {"kind": "Node", "name": target}}),
            answer: Value::Null,
        });
        let log = watch::kubelet_log(&self.names, node);
        self.paper.klog(
            &log,
            'I',
            "kubelet.go:1888",
            &format!("SyncLoop (ADD, \"api\"): \"{name}_app({uid})\""),
        );
        let object = PodObject {
            node,
            volumes: volumes.to_vec(),
            deleting: None,
            running: false,
            terminated: false,
        };
        self.world.board.pods.insert(id, object);
        self.world.deliver_pod(id);
    }

    /// The living pod object of that name.
    pub fn living(&self, name: &str) -> Option<PodId> {
        let mut live = self.world.board.pods.iter().filter(|(_, pod)| pod.deleting.is_none());
        live.find(|(id, _)| self.names.pods[id.index()].name == name)
            .map(|(id, _)| *id)
    }

    /// Whether a pod object of that name exists, be it on its way out.
    pub fn is_taken(&self, name: &str) -> bool {
        let mut ids = self.world.board.pods.keys();
        ids.any(|id| self.names.pods[id.index()].name == name)
    }

    /// Somebody deletes a pod; its containers end after the grace.
    pub fn delete_pod(&mut self, id: PodId, grace: Span) {
        self.paper.reach(self.world.now);
        let name = self.names.pods[id.index()].name.clone();
        self.paper.audit(&watch::pod_deletion(&name, USER, Value::Null));
        let Some(node) = self.world.board.pods.get(&id).map(|pod| pod.node) else {
            return;
        };
        let log = watch::kubelet_log(&self.names, node);
        let text = format!("SyncLoop (DELETE, \"api\"): \"{name}_app({})\"", Names::uid(id));
        self.paper.klog(&log, 'I', "kubelet.go:1904", &text);
        let now = self.world.now;
        if let Some(pod) = self.world.board.pods.get_mut(&id) {
            pod.deleting = Some(now + grace);
            pod.running = true;
        }
        self.world.deliver_pod(id);
    }

    /// From now on the driver answers so.
    pub fn driver_answers(&mut self, attach: bool, volume: VolumeId, node: NodeId, answer: Answer) {
        let driver = &mut self.world.driver;
        let habits = if attach {
            &mut driver.publish
        } else {
            &mut driver.unpublish
        };
        habits.insert((volume, node), answer);
    }

    /// Somebody deletes a `VolumeAttachment`; its finalizer holds it until the attacher has detached.
    pub fn attachment_deleted(&mut self, pair: Pair) {
        self.paper.reach(self.world.now);
        let now = self.world.now;
        let Some(object) = self.world.board.attachments.get_mut(&pair) else {
            return;
        };
        object.deleting = true;
        let object = object.clone();
        self.world.attacher.notice(pair, now);
        watch::delete_attachment(&mut self.scribe(), pair, &object, USER);
    }

    /// Somebody takes the finalizer off a `VolumeAttachment` that is being deleted: it is gone without a driver call.
    pub fn attachment_stripped(&mut self, pair: Pair) {
        self.paper.reach(self.world.now);
        let Some(mut object) = self.world.board.attachments.remove(&pair) else {
            return;
        };
        object.finalizer = false;
        let body = json!({"metadata": {"finalizers": null}});
        watch::attachment_patch(&mut self.scribe(), pair, "", body, &object, USER);
    }

    /// Somebody edits `volumesAttached`.
    pub fn report_edited(&mut self, pair: Pair) {
        self.paper.reach(self.world.now);
        if let Some(node) = self.world.board.nodes.get_mut(&pair.1) {
            node.attached.remove(&pair.0);
        }
        let mut scribe = Scribe {
            names: &self.names,
            paper: &mut self.paper,
        };
        watch::report_by_hand(&mut scribe, &self.world, pair.1, USER);
        self.world.deliver_node(pair.1, false);
    }

    /// The bundle as it stands now, with the objects dumped.
    pub fn bundle(&mut self) -> &Paper {
        self.paper.reach(self.world.now);
        let volumes = || (0_u32..).take(self.names.volumes.len()).map(VolumeId);
        let pvs: Vec<Value> = volumes().map(|id| volume_object(&self.names, id)).collect();
        let claims: Vec<Value> = volumes().map(|id| claim_object(&self.names, id)).collect();
        self.paper.dump("persistentvolumes", &pvs);
        self.paper.dump("persistentvolumeclaims", &claims);
        watch::dump_board(&mut self.paper, &self.names, &self.world);
        &self.paper
    }
}

fn volume_object(names: &Names, volume: VolumeId) -> Value {
    let mode = access_mode(names, volume);
    json!({"kind": "PersistentVolume", "apiVersion": "v1", "metadata": {"name": names.volume(volume)},
           "spec": {"capacity": {"storage": "8Gi"}, "accessModes": [mode],
                    "csi": {"driver": DRIVER, "volumeHandle": names.handle(volume), "fsType": "ext4"},
                    "claimRef": {"kind": "PersistentVolumeClaim", "namespace": "app", "name": names.claim(volume)}},
           "status": {"phase": "Bound"}})
}

fn claim_object(names: &Names, volume: VolumeId) -> Value {
    let mode = access_mode(names, volume);
    json!({"kind": "PersistentVolumeClaim", "apiVersion": "v1",
           "metadata": {"name": names.claim(volume), "namespace": "app"},
           "spec": {"accessModes": [mode], "volumeName": names.volume(volume)}, "status": {"phase": "Bound"}})
}

fn access_mode(names: &Names, volume: VolumeId) -> &'static str {
    if names.volumes[volume.index()].1 {
        "ReadWriteOnce"
    } else {
        "ReadWriteMany"
    }
}
