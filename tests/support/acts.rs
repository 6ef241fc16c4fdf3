//! Acts on the stage: what people do to pods, nodes and attachments, and how parties fail.
//!
//! In: an act, at the stage's moment. Out: the world moved, and the act's own lines written.

use adtrace::model::world::board::{NodeObject, Pair, PodObject};
use adtrace::model::world::driver::Answer;
use adtrace::model::{Cell, NodeId, PodId, VolumeId};
use adtrace::time::Span;
use serde_json::{Value, json};

use super::names::{DRIVER, Names, Pod};
use super::objects;
use super::paper::{Client, Request};
use super::stage::{Stage, USER};
use super::watch::{self, MANAGER, attacher};

const SCHEDULER: Client = Client {
    user: "system:kube-scheduler",
    agent: "kube-scheduler",
};

/// What changes on a Node object by another hand than kubelet and controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeEdit {
    /// The node lifecycle controller found it silent.
    NotReady,
    /// The out-of-service taint is set (true) or taken away.
    OutOfService(bool),
    /// The managed annotation goes.
    Unmanaged,
    /// `volumesInUse` is emptied.
    InUseEmptied,
    /// A label.
    Label,
}

/// Pods.
impl Stage {
    /// Somebody creates a pod, and the scheduler binds it.
    pub fn pod(&mut self, name: &str, node: NodeId, volumes: &[VolumeId]) {
        let id = PodId(u32::try_from(self.names.pods.len()).expect("few pods"));
        self.names.pods.push(Pod {
            name: name.to_owned(),
            volumes: volumes.to_vec(),
            node,
        });
        self.paper.reach(self.world.now);
        let spec = objects::pod(&self.names, id, None, None);
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
        if self.lives(node) {
            watch::sync_loop(&mut self.scribe(), node, "ADD", id);
        }
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

    /// The pod object of that name, be it on its way out.
    pub fn present(&self, name: &str) -> Option<PodId> {
        let mut ids = self.world.board.pods.keys().copied();
        ids.find(|id| self.names.pods[id.index()].name == name)
    }

    /// Whether a pod object of that name exists, be it on its way out.
    pub fn is_taken(&self, name: &str) -> bool {
        self.present(name).is_some()
    }

    /// Somebody deletes a pod; its containers end after the grace.
    pub fn delete_pod(&mut self, id: PodId, grace: Span) {
        self.pod_goes(id, grace, USER);
    }

    /// The node lifecycle controller deletes a pod of a lost node.
    pub fn evict_pod(&mut self, id: PodId) {
        self.pod_goes(id, Span::secs(30), MANAGER);
    }

    fn pod_goes(&mut self, id: PodId, grace: Span, client: Client) {
        self.paper.reach(self.world.now);
        let name = self.names.pods[id.index()].name.clone();
        self.paper.audit(&watch::pod_deletion(&name, client, Value::Null));
        let Some(node) = self.world.board.pods.get(&id).map(|pod| pod.node) else {
            return;
        };
        if self.lives(node) {
            watch::sync_loop(&mut self.scribe(), node, "DELETE", id);
        }
        let now = self.world.now;
        let volumes = self.world.board.pods[&id].volumes.clone();
        // Containers that never ran need no grace, and end at once.
        let runs = volumes.iter().all(|volume| self.world.is_mounted((*volume, node)));
        if let Some(pod) = self.world.board.pods.get_mut(&id) {
            pod.deleting = Some(if runs { now + grace } else { now });
            (pod.running, pod.terminated) = (runs, !runs);
        }
        self.world.deliver_pod(id);
    }

    /// Somebody deletes a pod by force: its object is gone at once, whatever its node does.
    pub fn force_delete_pod(&mut self, id: PodId) {
        self.paper.reach(self.world.now);
        let name = self.names.pods[id.index()].name.clone();
        let options = json!({"kind": "DeleteOptions", "apiVersion": "v1", "gracePeriodSeconds": 0});
        self.paper.audit(&watch::pod_deletion(&name, USER, options));
        let node = self.world.board.pods.remove(&id).map(|pod| pod.node);
        if let Some(node) = node.filter(|node| self.lives(*node)) {
            watch::sync_loop(&mut self.scribe(), node, "REMOVE", id);
        }
        self.world.deliver_pod(id);
    }
}

/// Nodes.
impl Stage {
    fn lives(&self, node: NodeId) -> bool {
        let machine = self.world.machines.get(&node);
        machine.is_some_and(|machine| machine.alive && machine.reachable)
    }

    /// The machine loses its power, or gets it back with a new kubelet and nothing mounted.
    pub fn node_power(&mut self, node: NodeId, on: bool) {
        let Some(machine) = self.world.machines.get_mut(&node) else {
            return;
        };
        machine.alive = on;
        machine.reachable = on;
        if on {
            machine.volumes.clear();
            self.kubelet_restarts(node);
        }
    }

    /// The node's network is cut, or whole again.
    pub fn node_network(&mut self, node: NodeId, whole: bool) {
        if let Some(machine) = self.world.machines.get_mut(&node) {
            machine.reachable = whole;
        }
    }

    /// A new kubelet process.
    pub fn kubelet_restarts(&mut self, node: NodeId) {
        self.kubelet_says_its_version(node);
        self.world.kubelet_starts(node);
    }

    /// A new kubelet process that can't find out what a mount on its disk belongs to: it forgets it, and no longer
    /// reports it in use.
    pub fn kubelet_forgets(&mut self, pair: Pair) {
        self.kubelet_restarts(pair.1);
        let mut users = self.world.board.pods.iter();
        let user = users.find(|(_, pod)| pod.node == pair.1 && pod.volumes.contains(&pair.0));
        let user = user.map(|(id, _)| *id);
        let of = self.names.subject(pair, user);
        let (begins, quoted) = match self.paper.minor() {
            ..21 => ("Reconciler sync states: could not find information", false),
            21..26 => ("Reconciler sync states: could not find volume", true),
            _ => ("Cleaning up mounts", true),
        };
        let values = [of.uid.clone(), of.pv.clone()];
        let values = values.map(|value| if quoted { format!("{value:?}") } else { value });
        let fact = ("kubelet_orphan_cleanup", begins);
        self.scribe().kubelet(pair.1, 'I', fact, &of, &[&values[0], &values[1]]);
        if let Some(machine) = self.world.machines.get_mut(&pair.1) {
            machine.volumes.remove(&pair.0);
        }
    }

    /// A new kubelet process that does not learn in time what its pods want, and unmounts a volume in use.
    pub fn kubelet_unmounts(&mut self, pair: Pair) {
        self.kubelet_restarts(pair.1);
        if let Some(machine) = self.world.machines.get_mut(&pair.1) {
            machine.volumes.remove(&pair.0);
        }
        let mut users = self.world.board.pods.iter();
        let user = users.find(|(_, pod)| pod.node == pair.1 && pod.volumes.contains(&pair.0));
        let of = self.names.subject(pair, user.map(|(id, _)| *id));
        watch::unmounted(&mut self.scribe(), &of, pair.1);
    }

    /// Somebody changes a Node object.
    pub fn edit_node(&mut self, node: NodeId, edit: NodeEdit) {
        let Some(object) = self.world.board.nodes.get_mut(&node) else {
            return;
        };
        let (client, sub, body) = match edit {
            NodeEdit::NotReady => {
                object.ready = false;
                let condition = json!({"type": "Ready", "status": "Unknown", "reason": "NodeStatusUnknown"});
                (MANAGER, "status", json!({"status": {"conditions": [condition]}}))
            }
            NodeEdit::OutOfService(set) => {
                object.out_of_service = set;
                let taint = json!({"key": "node.kubernetes.io/out-of-service", "value": "nodeshutdown",
                                   "effect": "NoExecute"});
                let taints = if set { json!([taint]) } else { Value::Null };
                (USER, "", json!({"spec": {"taints": taints}}))
            }
            NodeEdit::Unmanaged => {
                object.managed = false;
                let annotations = json!({"volumes.kubernetes.io/controller-managed-attach-detach": null});
                (USER, "", json!({"metadata": {"annotations": annotations}}))
            }
            NodeEdit::InUseEmptied => {
                object.in_use.clear();
                (USER, "status", json!({"status": {"volumesInUse": []}}))
            }
            NodeEdit::Label => (USER, "", json!({"metadata": {"labels": {"touched": "yes"}}})),
        };
        let object = object.clone();
        watch::node_patch(&mut self.scribe(), node, sub, client, body, &object);
        self.world.deliver_node(node, false);
    }

    /// Somebody deletes the Node object.
    pub fn delete_node(&mut self, node: NodeId) {
        self.paper.reach(self.world.now);
        let name = self.names.node(node).to_owned();
        self.paper.audit(&Request {
            client: USER,
            verb: "delete",
            uri: format!("/api/v1/nodes/{name}"),
            object: json!({"resource": "nodes", "name": name, "apiVersion": "v1"}),
            code: 200,
            asked: json!({"kind": "DeleteOptions", "apiVersion": "v1"}),
            answer: Value::Null,
        });
        self.world.node_goes(node);
    }

    /// The kubelet registers its node anew.
    pub fn register_node(&mut self, node: NodeId) {
        *self.names.reborn.entry(node).or_default() += 1;
        self.world.board.nodes.insert(node, NodeObject::default());
        watch::node_created(&mut self.scribe(), node);
        self.world.deliver_node(node, true);
    }

    /// The controller's informer of a node stands still, or moves on.
    pub fn informer(&mut self, node: NodeId, follows: bool) {
        if follows {
            self.world.board.trouble.stale.remove(&node);
            self.world.deliver_node(node, false);
        } else if let Some(object) = self.world.board.nodes.get(&node) {
            let object = object.clone();
            self.world.board.trouble.stale.insert(node, object);
        }
    }

    /// Somebody edits `volumesAttached`.
    pub fn report_edited(&mut self, pair: Pair) {
        let Some(object) = self.world.board.nodes.get_mut(&pair.1) else {
            return;
        };
        object.attached.remove(&pair.0);
        let object = object.clone();
        let list: Vec<Value> = object
            .attached
            .iter()
            .map(|volume| json!({"name": self.names.unique(*volume), "devicePath": ""}))
            .collect();
        let body = json!({"status": {"volumesAttached": list}});
        watch::node_patch(&mut self.scribe(), pair.1, "status", USER, body, &object);
        self.world.deliver_node(pair.1, false);
    }
}

/// Attachments and drivers.
impl Stage {
    /// Somebody replaces the `CSIDriver` by one that says whether volumes are attached; the field can't be changed.
    pub fn driver_attaches(&mut self, attaches: bool) {
        self.paper.reach(self.world.now);
        let at = self.world.now;
        self.csi_driver = Some((attaches, at));
        let requests = [
            ("delete", json!({"kind": "DeleteOptions", "apiVersion": "v1"}), 200),
            ("create", objects::csi_driver(attaches, at), 201),
        ];
        for (verb, asked, code) in requests {
            let path = "/apis/storage.k8s.io/v1/csidrivers";
            self.paper.audit(&Request {
                client: USER,
                verb,
                uri: if verb == "create" { path.to_owned() } else { format!("{path}/{DRIVER}") },
                object: json!({"resource": "csidrivers", "name": DRIVER, "apiGroup": "storage.k8s.io", "apiVersion": "v1"}),
                code,
                answer: if verb == "create" { asked.clone() } else { Value::Null },
                asked,
            });
        }
        for volume in self.volumes().collect::<Vec<_>>() {
            let _ = self.world.set_attaches(volume, attaches);
        }
    }

    /// Somebody deletes a persistent volume by force: no finalizer holds it.
    pub fn delete_volume(&mut self, volume: VolumeId) {
        self.paper.reach(self.world.now);
        let name = self.names.volume(volume);
        let object = json!({"resource": "persistentvolumes", "name": name, "apiVersion": "v1"});
        let request = |verb: &'static str, asked: Value| Request {
            client: USER,
            verb,
            uri: format!("/api/v1/persistentvolumes/{name}"),
            object: object.clone(),
            code: 200,
            asked,
            answer: Value::Null,
        };
        self.paper
            .audit(&request("delete", json!({"kind": "DeleteOptions", "apiVersion": "v1"})));
        self.paper
            .audit(&request("patch", json!({"metadata": {"finalizers": null}})));
        self.deleted.insert(volume);
    }

    /// Somebody deletes a claim by force: no finalizer holds it, and what pods want of its volume can't be worked out.
    pub fn delete_claim(&mut self, volume: VolumeId) {
        self.paper.reach(self.world.now);
        let name = self.names.claim(volume);
        for (verb, asked) in [
            ("delete", json!({"kind": "DeleteOptions", "apiVersion": "v1"})),
            ("patch", json!({"metadata": {"finalizers": null}})),
        ] {
            self.paper.audit(&Request {
                client: USER,
                verb,
                uri: format!("/api/v1/namespaces/app/persistentvolumeclaims/{name}"),
                object: json!({"resource": "persistentvolumeclaims", "namespace": "app", "name": name, "apiVersion": "v1"}),
                code: 200,
                asked,
                answer: Value::Null,
            });
        }
        self.world.board.trouble.unresolvable.insert(volume);
    }

    /// A controller process takes over whose list of pods still has one that is gone.
    pub fn controller_starts_with(&mut self, name: &str) -> Option<()> {
        let at = self.names.pods.iter().rposition(|pod| pod.name == name)?;
        let (id, pod) = (PodId(u32::try_from(at).ok()?), self.names.pods[at].clone());
        let object = PodObject {
            node: pod.node,
            volumes: pod.volumes,
            deleting: None,
            running: false,
            terminated: false,
        };
        self.world.board.pods.insert(id, object);
        self.controller_starts();
        self.world.board.pods.remove(&id);
        Some(())
    }

    /// A copy of etcd is made.
    pub fn etcd_saved(&mut self) {
        self.saved = Some((self.world.board.clone(), self.paper.revision()));
    }

    /// That copy takes the place of what etcd has; the controller is down meanwhile.
    pub fn etcd_restored(&mut self) -> Option<()> {
        let (board, revision) = self.saved.clone()?;
        self.world.controller_stops();
        self.world.board = board;
        self.paper.set_back(revision);
        self.attacher_starts();
        Some(())
    }

    /// The kubelet lets go of a volume while its mount is under way; the mount ends a second later.
    pub fn kubelet_mounts_late(&mut self, pair: Pair) {
        let of = self.names.subject(pair, self.last_user(pair));
        if let Some(machine) = self.world.machines.get_mut(&pair.1) {
            machine.volumes.remove(&pair.0);
        }
        let mut scribe = self.scribe();
        scribe.kubelet(pair.1, 'I', ("kubelet_volume_dropped", "Volume detached"), &of, &[""]);
        self.run(Span::secs(1));
        let path = "/var/lib/kubelet/plugins/kubernetes.io/csi/globalmount";
        let mut scribe = self.scribe();
        scribe.kubelet(pair.1, 'I', ("kubelet_device_mounted", ""), &of, &[path]);
    }

    /// The last pod that used a pair, be it gone.
    fn last_user(&self, pair: Pair) -> Option<PodId> {
        let pods = &self.names.pods;
        let at = pods
            .iter()
            .rposition(|pod| pod.node == pair.1 && pod.volumes.contains(&pair.0))?;
        Some(PodId(u32::try_from(at).ok()?))
    }

    /// Somebody replaces a persistent volume by one of another name for the same disk. A `VolumeAttachment` that the
    /// attacher has not come to yet stays the old one's.
    pub fn replace_volume(&mut self, volume: VolumeId) {
        let old = self.names.first_volume(volume);
        self.delete_volume(volume);
        self.deleted.remove(&volume);
        self.names.renewed.insert(volume);
        let object = objects::volume(&self.names, volume);
        let name = self.names.volume(volume);
        self.create("persistentvolumes", "", &name, object);
        for (pair, object) in &mut self.world.board.attachments {
            if pair.0 == volume && !object.attached {
                object.source_gone = true;
                let text = format!("PersistentVolume \"{old}\" is marked for deletion");
                self.excuses.storage.insert((true, *pair), (text, false));
            }
        }
    }

    /// From now on the driver answers so, in these words; `of_driver` is false where the attacher can't even ask.
    pub fn storage_answers(&mut self, attach: bool, pair: Pair, answer: Answer, words: Option<(&str, bool)>) {
        let driver = &mut self.world.driver;
        let habits = if attach {
            &mut driver.publish
        } else {
            &mut driver.unpublish
        };
        habits.insert(pair, answer);
        if let Some((text, of_driver)) = words {
            self.excuses
                .storage
                .insert((attach, pair), (text.to_owned(), of_driver));
        }
    }

    /// From now on the node part of the driver refuses to mount (true) or unmount there, or does it.
    pub fn node_answers(&mut self, mount: bool, pair: Pair, refuses: bool, words: Option<&str>) {
        let driver = &mut self.world.driver;
        let habits = if mount {
            &mut driver.mount_refuses
        } else {
            &mut driver.node_refuses
        };
        if refuses {
            habits.insert(pair);
        } else {
            habits.remove(&pair);
        }
        if let Some(text) = words {
            self.excuses.node.insert(pair, text.to_owned());
        }
    }

    /// The controller counts a detach as done that it never asked for.
    pub fn detach_claimed(&mut self, pair: Pair) {
        let of = self.names.subject(pair, None);
        let mut scribe = self.scribe();
        scribe.controller('I', ("detach_started", ""), &of, &[]);
        scribe.controller('I', ("detach_ok", ""), &of, &[]);
        if let Some(process) = self.world.process.as_mut() {
            process.controller.actual.mark_detached(Cell::new(pair.0, pair.1));
        }
    }

    /// Somebody deletes a `VolumeAttachment`; its finalizer holds it until the attacher has detached.
    pub fn attachment_deleted(&mut self, pair: Pair) {
        let now = self.world.now;
        let Some(object) = self.world.board.attachments.get_mut(&pair) else {
            return;
        };
        object.deleting = true;
        let object = object.clone();
        if object.finalizer {
            self.world.attacher.notice(pair, now);
        } else {
            self.world.board.attachments.remove(&pair);
        }
        let world = self.world.clone();
        attacher::deletion(&mut self.scribe(), &world, pair, &object, USER);
    }

    /// Somebody takes the finalizer off a `VolumeAttachment`: one that is being deleted is gone without a driver call.
    pub fn attachment_stripped(&mut self, pair: Pair) {
        let Some(object) = self.world.board.attachments.get_mut(&pair) else {
            return;
        };
        object.finalizer = false;
        let object = object.clone();
        if object.deleting {
            self.world.board.attachments.remove(&pair);
        }
        let body = json!({"metadata": {"finalizers": null}});
        let world = self.world.clone();
        attacher::patch(&mut self.scribe(), &world, pair, "", body, &object, USER);
    }
}
