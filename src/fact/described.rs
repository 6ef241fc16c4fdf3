//! Objects as `kubectl describe` shows them: attachments, volumes, claims, pods, nodes.
//!
//! In: lines, one by one. Out: one fact for each description, at the line of its name. Its lines are kept as paths of
//! keys with their values until it ends; what a cut description does not say is not told, and never taken for empty.

use super::text::{Names, telling};
use super::{AttachmentDetail, Detail, Fact, Kind, Name, NodeDetail, Party, PodDetail, PvDetail};
use crate::time::Time;

/// Values that are kept of one description, and bytes of each.
const MOST: (usize, usize) = (1024, 16 * 1024);

/// The description whose lines these are.
#[derive(Debug, Default)]
pub struct Described {
    open: Option<Description>,
}

/// What a description said so far.
#[derive(Debug)]
struct Description {
    /// The line of its name, and how far that is indented.
    line: u32,
    indent: usize,
    text: Box<str>,
    /// Keys that are open, each with its indentation.
    keys: Vec<(usize, String)>,
    /// Values below their keys, which are joined with `/`.
    told: Vec<(String, String)>,
}

impl Described {
    /// Takes note of a line. Gives the fact of the description that it ends.
    pub fn line(&mut self, line: u32, text: &str, names: &mut Names) -> Option<Fact> {
        let indent = text.len() - text.trim_start().len();
        let begins = text.trim_start().starts_with("Name:");
        if let Some(open) = &mut self.open {
            let ends = indent <= open.indent && (begins || !is_key(text.trim_start()) || is_events(text));
            if text.trim().is_empty() || !ends {
                open.line(indent, text.trim());
                return None;
            }
        }
        let ended = self.end(names);
        self.open = begins.then(|| Description::begun(line, indent, text));
        ended
    }

    /// The fact of the description that was open.
    pub fn end(&mut self, names: &mut Names) -> Option<Fact> {
        self.open.take()?.fact(names)
    }
}

fn is_events(text: &str) -> bool {
    text.trim_start().starts_with("Events:")
}

/// Whether a line is `Key:` or `Key:  value`.
fn is_key(line: &str) -> bool {
    parted(line).is_some()
}

/// Key and value of a line.
fn parted(line: &str) -> Option<(&str, &str)> {
    let (key, value) = line.split_once(':')?;
    let word = |c: char| c.is_ascii_alphanumeric() || matches!(c, ' ' | '-' | '_' | '.' | '/' | '(' | ')');
    let sound = !key.is_empty() && key.len() < 80 && key.chars().all(word);
    (sound && (value.is_empty() || value.starts_with([' ', '\t']))).then(|| (key, value.trim()))
}

impl Description {
    fn begun(line: u32, indent: usize, text: &str) -> Description {
        let mut new = Description {
            line,
            indent,
            text: telling(text.trim()),
            keys: Vec::new(),
            told: Vec::new(),
        };
        new.line(indent, text.trim());
        new
    }

    fn line(&mut self, indent: usize, line: &str) {
        let Some((key, value)) = parted(line) else {
            let path = self.path();
            return self.tell(path, line);
        };
        self.keys.retain(|(outer, _)| *outer < indent);
        self.keys.push((indent, key.to_owned()));
        let path = self.path();
        self.tell(path, value);
    }

    fn path(&self) -> String {
        let keys: Vec<&str> = self.keys.iter().map(|(_, key)| key.as_str()).collect();
        keys.join("/")
    }

    fn tell(&mut self, path: String, value: &str) {
        if self.told.len() < MOST.0 && !value.is_empty() {
            let end = value.floor_char_boundary(MOST.1);
            self.told.push((path, value.get(..end).unwrap_or_default().to_owned()));
        }
    }

    /// Whether copying took its blanks, so that nothing is known to stand below anything.
    fn is_flat(&self) -> bool {
        self.told.iter().all(|(key, _)| !key.contains('/'))
    }

    /// All values of a key.
    fn all<'d>(&'d self, path: &'d str) -> impl Iterator<Item = &'d str> {
        let own = self.told.iter().filter(move |(key, _)| key == path);
        own.map(|(_, value)| value.as_str())
    }

    /// The value of a key, where it has one.
    fn get(&self, path: &str) -> Option<&str> {
        let last = path.rsplit('/').next().filter(|_| self.is_flat()).unwrap_or(path);
        let (_, value) = self.told.iter().find(|(key, _)| key == last)?;
        Some(value.as_str()).filter(|value| !value.starts_with('<'))
    }

    fn named(&self, path: &str, names: &mut Names) -> Option<Name> {
        self.get(path).and_then(|value| names.get(value))
    }

    /// Whether the description came to that key or what stands below it.
    fn reached(&self, path: &str) -> bool {
        self.told.iter().any(|(key, _)| key.starts_with(path))
    }

    /// `namespace/name`.
    fn full_name(&self, names: &mut Names) -> Option<Name> {
        let (namespace, name) = (self.get("Namespace")?, self.get("Name")?);
        names.get(&format!("{namespace}/{name}"))
    }

    fn fact(&self, names: &mut Names) -> Option<Fact> {
        let fact = if self.get("Kind") == Some("VolumeAttachment") {
            self.attachment(names)
        } else if (self.reached("Source/") || self.get("VolumeHandle").is_some()) && self.reached("Reclaim Policy") {
            self.volume(names)
        } else if self.reached("StorageClass") && self.reached("Volume") {
            self.claim(names)
        } else if self.reached("Node") && (self.reached("Containers") || self.reached("Start Time")) {
            self.pod(names)
        } else if self.reached("Roles") && self.reached("Conditions") {
            self.node(names)
        } else {
            None
        }?;
        Some(Fact {
            line: self.line,
            text: self.text.clone(),
            ..fact
        })
    }

    fn attachment(&self, names: &mut Names) -> Option<Fact> {
        self.get("API Version").filter(|api| super::object::is_storage(api))?;
        let mut finalizers = self.all("Metadata/Finalizers");
        let finalizer = finalizers.any(super::object::is_attacher_finalizer);
        let error = |path| self.get(path).map(Into::into);
        let detail = AttachmentDetail {
            driver: self.named("Spec/Attacher", names),
            pv: self.named("Spec/Source/Persistent Volume Name", names),
            node: self.named("Spec/Node Name", names),
            attached: self.get("Status/Attached").map(|value| value == "true"),
            deleting: self.reached("Metadata/Deletion Timestamp"),
            finalizer: (finalizer || self.reached("Spec")).then_some(finalizer),
            attach_error: error("Status/Attach Error/Message"),
            detach_error: error("Status/Detach Error/Message"),
            uid: self.named("Metadata/UID", names),
            created: self.get("Metadata/Creation Timestamp").and_then(Time::parse),
            strips_finalizer: false,
        };
        Some(Fact {
            attachment: self.named("Name", names),
            volume: detail.pv.clone(),
            pv: detail.pv.clone(),
            node: detail.node.clone(),
            error: detail.detach_error.clone().or_else(|| detail.attach_error.clone()),
            detail: Detail::Attachment(Box::new(detail)),
            ..seen(Kind::VaSeen)
        })
    }

    fn volume(&self, names: &mut Names) -> Option<Fact> {
        let name = self.named("Name", names)?;
        let (driver, handle) = (self.get("Source/Driver"), self.get("Source/VolumeHandle"));
        let unique = driver
            .zip(handle)
            .and_then(|(driver, handle)| names.get(&format!("kubernetes.io/csi/{driver}^{handle}")));
        let modes = self.get("Access Modes").into_iter().flat_map(|modes| modes.split(','));
        let claim = self.get("Claim").filter(|claim| claim.contains('/'));
        let detail = PvDetail {
            unique: unique.clone(),
            driver: driver.and_then(|name| names.get(name)),
            handle: handle.and_then(|name| names.get(name)),
            modes: modes.map(|mode| names.always(mode.trim())).collect(),
            claim: claim.and_then(|claim| names.get(claim)),
            deleting: self
                .get("Status")
                .is_some_and(|status| status.starts_with("Terminating")),
        };
        Some(Fact {
            volume: unique.or_else(|| Some(name.clone())),
            pv: Some(name),
            detail: Detail::Pv(Box::new(detail)),
            ..seen(Kind::PvSeen)
        })
    }

    fn claim(&self, names: &mut Names) -> Option<Fact> {
        let claim = self.full_name(names)?;
        let phase = names.always(self.get("Status")?);
        let pv = self.named("Volume", names);
        Some(Fact {
            volume: pv.clone(),
            pv: pv.clone(),
            detail: Detail::Pvc { claim, pv, phase },
            ..seen(Kind::PvcSeen)
        })
    }

    fn pod(&self, names: &mut Names) -> Option<Fact> {
        let pod = self.full_name(names)?;
        let host = self.get("Node").and_then(|node| node.split('/').next());
        let node = host.and_then(|host| names.get(host));
        let status = self.get("Status").unwrap_or_default();
        let deleting = status.starts_with("Terminating");
        let states: Vec<&str> = self.under("Containers/", "/State").collect();
        let claims: Vec<(Name, Name)> = self
            .under_with_key("Volumes/", "/ClaimName")
            .map(|(volume, claim)| (names.always(claim), names.always(volume)))
            .collect();
        let detail = PodDetail {
            node: node.clone(),
            claims,
            phase: (!deleting).then(|| names.get(status)).flatten(),
            deleting,
            running: (!states.is_empty()).then(|| states.contains(&"Running")),
            ..PodDetail::default()
        };
        Some(Fact {
            pod: Some(pod),
            node,
            detail: Detail::Pod(Box::new(detail)),
            ..seen(Kind::PodSeen)
        })
    }

    fn node(&self, names: &mut Names) -> Option<Fact> {
        let node = self.named("Name", names)?;
        let mut conditions = self.under("Conditions", "");
        let ready = conditions.find_map(|row| {
            let mut words = row.split_whitespace();
            (words.next() == Some("Ready")).then(|| words.next() == Some("True"))
        });
        let out_of_service = self
            .all("Taints")
            .any(|taint| taint.starts_with("node.kubernetes.io/out-of-service"));
        let detail = NodeDetail {
            ready,
            out_of_service: self.reached("Taints").then_some(out_of_service),
            ..NodeDetail::default()
        };
        Some(Fact {
            node: Some(node),
            detail: Detail::Node(Box::new(detail)),
            ..seen(Kind::NodeSeen)
        })
    }

    /// Values of keys that begin and end so.
    fn under<'d>(&'d self, begin: &'d str, end: &'d str) -> impl Iterator<Item = &'d str> {
        self.under_with_key(begin, end).map(|(_, value)| value)
    }

    /// The same, each with what stands between in its key.
    fn under_with_key<'d>(&'d self, begin: &'d str, end: &'d str) -> impl Iterator<Item = (&'d str, &'d str)> {
        self.told.iter().filter_map(move |(key, value)| {
            let between = key.strip_prefix(begin)?.strip_suffix(end)?;
            Some((between, value.as_str()))
        })
    }
}

fn seen(kind: Kind) -> Fact {
    Fact::new(kind, Party::ApiServer, Time::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(text: &str) -> Vec<Fact> {
        let (mut described, mut names) = (Described::default(), Names::default());
        let mut found: Vec<Fact> = (1..)
            .zip(text.lines())
            .filter_map(|(line, text)| described.line(line, text, &mut names))
            .collect();
        found.extend(described.end(&mut names));
        found
    }

    const ATTACHMENT: &str = "$ kubectl describe volumeattachment\nName:         csi-1\nNamespace:\nAPI Version:  storage.k8s.io/v1\n\
        Kind:         VolumeAttachment\nMetadata:\n  Deletion Timestamp:  2023-03-09T19:47:10Z\n  Finalizers:\n    external-attacher/d\n\
        Spec:\n  Attacher:   d\n  Node Name:  n1\n  Source:\n    Persistent Volume Name:  pv-1\nStatus:\n  Attached:  true\n  \
        Detach Error:\n    Message:  rpc error: busy\nEvents:       <none>";

    fn attachment(fact: &Fact) -> &AttachmentDetail {
        match &fact.detail {
            Detail::Attachment(detail) => detail,
            _ => panic!("{fact:?}"),
        }
    }

    #[test]
    fn an_attachment_is_told_at_its_name() {
        let told = facts(ATTACHMENT);
        let [fact] = told.as_slice() else { panic!("{told:?}") };
        assert_eq!((fact.line, fact.kind), (2, Kind::VaSeen));
        let names = [&fact.attachment, &fact.volume, &fact.node].map(|name| name.as_deref());
        assert_eq!(names, [Some("csi-1"), Some("pv-1"), Some("n1")]);
        let detail = attachment(fact);
        assert_eq!((detail.attached, detail.finalizer), (Some(true), Some(true)));
        assert!(detail.deleting && detail.detach_error.as_deref() == Some("rpc error: busy"));
    }

    #[test]
    fn what_was_cut_off_is_not_told() {
        let cut = ATTACHMENT.split("Spec:").next().unwrap_or_default();
        let told = facts(&cut.replace("    external-attacher/d\n", ""));
        let [fact] = told.as_slice() else { panic!("{told:?}") };
        assert_eq!((attachment(fact).attached, attachment(fact).finalizer), (None, None));
        assert!(facts(&ATTACHMENT.replace("storage.k8s.io", "longhorn.io")).is_empty());
    }

    #[test]
    fn pods_volumes_claims_and_nodes_are_told() {
        let told = facts(
            "Name:  web-0\nNamespace:  app\nNode:  n1/10.0.0.1\nStatus:  Pending\nContainers:\n  web:\n    State:  Waiting\n      \
             Reason:  ContainerCreating\nVolumes:\n  data:\n    Type:  PersistentVolumeClaim (a reference)\n    ClaimName:  data-web-0\n\n\
             Name:  pv-1\nStatus:  Bound\nClaim:  app/data-web-0\nReclaim Policy:  Delete\nAccess Modes:  RWO\nSource:\n    Type:  CSI (a source)\n    \
             Driver:  d\n    VolumeHandle:  h\nEvents:  <none>\nName:  data-web-0\nNamespace:  app\nStorageClass:  s\nStatus:  Bound\nVolume:  pv-1\n\
             Name:  n1\nRoles:  <none>\nTaints:  <none>\nConditions:\n  Type  Status  Reason\n  ----  ------  ------\n  Ready  False  Dead\n",
        );
        let [pod, pv, claim, node] = told.as_slice() else {
            panic!("{told:?}")
        };
        assert_eq!(
            (pod.pod.as_deref(), pod.node.as_deref()),
            (Some("app/web-0"), Some("n1"))
        );
        assert!(
            matches!(&pod.detail, Detail::Pod(pod) if pod.running == Some(false) && &*pod.claims[0].0 == "data-web-0")
        );
        assert_eq!(pv.volume.as_deref(), Some("kubernetes.io/csi/d^h"));
        assert!(
            matches!(&claim.detail, Detail::Pvc { claim, pv: Some(pv), .. } if &**claim == "app/data-web-0" && &**pv == "pv-1")
        );
        assert!(
            matches!(&node.detail, Detail::Node(node) if node.ready == Some(false) && node.out_of_service == Some(false))
        );
    }

    #[test]
    fn a_description_of_something_else_says_nothing() {
        assert!(facts("Name:  web\nNamespace:  app\nReplicas:  1\nEvents:  <none>\nmore").is_empty());
    }
}
