//! The sheets a run is written on: one text a file, klog lines and audit events with times that only grow.
//!
//! In: what a party says, at a moment. Out: files in the layout of a collected bundle.

use std::collections::BTreeMap;
use std::path::Path;

use adtrace::time::{Span, Time};
use serde_json::{Value, json};

/// Path of the controller's log in the bundle.
pub const CONTROLLER: &str = "control-plane/kube-controller-manager.log";
/// Path of the attacher's log in the bundle.
pub const ATTACHER: &str = "control-plane/external-attacher.log";
/// Path of the audit log in the bundle.
pub const AUDIT: &str = "control-plane/audit.log";

/// Between two things written in one round of the model.
const BREATH: Span = Span(150);

/// Who sends a request: user name and agent.
#[derive(Clone, Copy, Debug)]
pub struct Client<'a> {
    /// User name.
    pub user: &'a str,
    /// First word of the user agent, before the version.
    pub agent: &'a str,
}

/// A request and its answer, without what the sheet itself knows.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// Who sends it.
    pub client: Client<'a>,
    /// Verb.
    pub verb: &'a str,
    /// Path.
    pub uri: String,
    /// `objectRef`.
    pub object: Value,
    /// Status code.
    pub code: u16,
    /// Body of the request.
    pub asked: Value,
    /// Body of the answer, where the audit policy keeps it.
    pub answer: Value,
}

/// All files of a run.
#[derive(Clone, Debug)]
pub struct Paper {
    /// The release, as in `1.20.2`.
    pub release: String,
    /// Texts by path.
    pub files: BTreeMap<String, String>,
    now: Time,
    version: u64,
    requests: u64,
}

impl Paper {
    /// Empty sheets of a release.
    pub fn new(release: &str, now: Time) -> Paper {
        Paper {
            release: release.to_owned(),
            files: BTreeMap::new(),
            now,
            version: 100,
            requests: 0,
        }
    }

    /// The minor number of the release.
    pub fn minor(&self) -> u32 {
        let minor = self.release.split('.').nth(1);
        minor.and_then(|minor| minor.parse().ok()).unwrap_or_default()
    }

    /// Nothing is written before that moment.
    pub fn reach(&mut self, now: Time) {
        self.now = self.now.max(now);
    }

    /// The next resource version.
    pub fn next_version(&mut self) -> u64 {
        self.version += 1;
        self.version
    }

    /// The resource version that was reached.
    pub fn revision(&self) -> u64 {
        self.version
    }

    /// The server goes on from an earlier resource version.
    pub fn set_back(&mut self, revision: u64) {
        self.version = revision;
    }

    /// The moment of the next line.
    pub fn tick(&mut self) -> Time {
        self.now = self.now + BREATH;
        self.now
    }

    /// Writes a klog line.
    pub fn klog(&mut self, path: &str, level: char, place: &str, text: &str) {
        let at = self.tick().to_string();
        let (month, day, clock) = (&at[5..7], &at[8..10], &at[11..26]);
        let line = format!("{level}{month}{day} {clock}      98 {place}] {text}\n");
        self.files.entry(path.to_owned()).or_default().push_str(&line);
    }

    /// Writes an audit event.
    pub fn audit(&mut self, request: &Request) {
        self.requests += 1;
        let received = self.tick().to_string();
        let answered = self.tick().to_string();
        let level = if request.answer.is_null() {
            "Request"
        } else {
            "RequestResponse"
        };
        let mut event = json!({
            "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": level,
            "auditID": format!("7849a969-232b-4073-ba04-{:012x}", self.requests),
            "stage": "ResponseComplete", "requestURI": request.uri, "verb": request.verb,
            "user": {"username": request.client.user, "groups": ["system:authenticated"]},
            "userAgent": format!("{}/v{} (linux/amd64) kubernetes/faecb19", request.client.agent, self.release),
            "objectRef": request.object, "responseStatus": {"metadata": {}, "code": request.code},
            "requestReceivedTimestamp": received, "stageTimestamp": answered,
        });
        for (key, body) in [("requestObject", &request.asked), ("responseObject", &request.answer)] {
            if !body.is_null() {
                event[key] = body.clone();
            }
        }
        let text = self.files.entry(AUDIT.to_owned()).or_default();
        text.push_str(&event.to_string());
        text.push('\n');
    }

    /// Writes a line as given, with only its time put before it where the path is a klog file.
    pub fn literal(&mut self, path: &str, line: &str) {
        let at = self.tick().to_string();
        let text = line
            .replace("{time}", &at)
            .replace("{klog}", &format!("{}{} {}", &at[5..7], &at[8..10], &at[11..26]));
        let file = self.files.entry(path.to_owned()).or_default();
        file.push_str(&text);
        file.push('\n');
    }

    /// Writes an object dump.
    pub fn dump(&mut self, kind: &str, items: &[Value]) {
        let list = json!({"kind": "List", "apiVersion": "v1", "items": items});
        self.files.insert(format!("objects/{kind}.json"), list.to_string());
    }

    /// Puts all files into a directory.
    pub fn save(&self, root: &Path) -> std::io::Result<()> {
        for (path, text) in &self.files {
            let path = root.join(path);
            if let Some(parent) = path.parent() {
                std::fs::create_dir_all(parent)?;
            }
            std::fs::write(path, text)?;
        }
        Ok(())
    }
}
