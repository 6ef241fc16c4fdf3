//! What has to be replaced: the names in facts, and whatever in the raw text stands where names and secrets stand.
//!
//! In: readings and text. Out: [`Found`], the names and the secrets. Collecting is generous: a word too many replaced
//! costs a little readability, a word too few a customer's name. What is Kubernetes' own vocabulary stays (`words`).

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{is_name, words};
use crate::fact::{Detail, Fact, Name, Party, Reading};

/// Keys whose value is a name, in JSON, YAML and structured log lines.
const NAME_KEYS: [&str; 55] = [
    "PVC",
    "PV",
    "attachment",
    "claim",
    "claimName",
    "container",
    "containerName",
    "csiVolumeName",
    "devicePath",
    "email",
    "endpoint",
    "externalID",
    "generateName",
    "globalMountPath",
    "groupname",
    "host",
    "hostIP",
    "hostname",
    "image",
    "imageID",
    "ip",
    "kubernetes.io/hostname",
    "leaderIdentity",
    "holderIdentity",
    "name",
    "namespace",
    "node",
    "nodeID",
    "nodeId",
    "nodeName",
    "node_id",
    "persistentVolumeName",
    "pod",
    "podIP",
    "podName",
    "podUID",
    "pods",
    "podIPs",
    "providerID",
    "pv",
    "pvc",
    "secretName",
    "server",
    "serviceAccount",
    "serviceAccountName",
    "sourceIPs",
    "staging_target_path",
    "target_path",
    "uid",
    "username",
    "volume",
    "volumeHandle",
    "volumeID",
    "volumeName",
    "volume_id",
];

/// Keys whose value is nobody's business, name or not.
const SECRET_KEYS: [&str; 9] = [
    "authorization",
    "client-certificate-data",
    "client-key-data",
    "password",
    "passwd",
    "secret",
    "subdomain",
    "token",
    "value",
];

/// Keys of objects all of whose values are somebody's own.
const MAP_KEYS: [&str; 13] = [
    "attachmentMetadata",
    "attachment_metadata",
    "data",
    "labels",
    "matchLabels",
    "nodeSelector",
    "parameters",
    "publishContext",
    "publish_context",
    "secrets",
    "stringData",
    "volumeAttributes",
    "volumeContext",
];

/// Last parts of host names.
const TOP_LEVELS: [&str; 24] = [
    "ai",
    "cloud",
    "co",
    "com",
    "corp",
    "de",
    "dev",
    "edu",
    "eu",
    "fr",
    "gov",
    "home",
    "info",
    "internal",
    "intern",
    "intra",
    "io",
    "lan",
    "local",
    "localdomain",
    "net",
    "org",
    "uk",
    "us",
];

/// The shortest word taken for a secret.
const SHORTEST_SECRET: usize = 4;
/// Letters of a base64 text that nobody writes by hand.
const TOKEN: usize = 40;

/// What has to be replaced.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// Names: pods, namespaces, nodes, volumes, hosts, addresses, users, uids.
    pub names: BTreeSet<String>,
    /// Names that stay: CSI drivers, which say whose bug it is.
    pub kept: BTreeSet<String>,
}

impl Found {
    /// Takes the names of all facts.
    pub fn reading(&mut self, reading: &Reading) {
        for source in &reading.sources {
            if let Some(party) = &source.party {
                self.party(party);
            }
            self.place(&source.path);
            source.puzzling.iter().for_each(|(_, text)| self.text(text));
            source.notes.iter().for_each(|note| self.text(note));
        }
        reading.facts.iter().for_each(|fact| self.fact(fact));
    }

    /// Archives, and the folder that everything lies in, are often called by whose cluster they come from. Endings stay.
    fn place(&mut self, path: &str) {
        let mut members = path.split('!').peekable();
        while let Some(member) = members.next() {
            if let Some((folder, _)) = member.split_once('/') {
                self.part(folder);
            }
            // The last one is the file itself.
            if members.peek().is_some() {
                let name = member.rsplit('/').next().unwrap_or_default();
                self.part(name.split('.').next().unwrap_or_default());
            }
        }
    }

    fn fact(&mut self, fact: &Fact) {
        let names = [&fact.pv, &fact.node, &fact.pod, &fact.uid, &fact.attachment];
        names.into_iter().flatten().for_each(|name| self.name(name));
        if let Some(volume) = &fact.volume {
            self.volume(volume);
        }
        self.party(&fact.party);
        if let Some(call) = &fact.call {
            self.name(&call.user);
        }
        self.text(&fact.text);
        if let Some(error) = &fact.error {
            self.text(error);
        }
        self.detail(&fact.detail);
    }

    fn party(&mut self, party: &Party) {
        if let Party::Kubelet(name) | Party::User(name) = party {
            self.name(name);
        }
    }

    fn detail(&mut self, detail: &Detail) {
        let mut all = |names: &[&Option<Name>]| {
            names
                .iter()
                .filter_map(|name| name.as_ref())
                .for_each(|name| self.name(name));
        };
        match detail {
            Detail::Node(detail) => {
                all(&[&detail.uid]);
                let lists = detail.attached.iter().chain(&detail.in_use);
                lists.flatten().for_each(|volume| self.volume(volume));
            }
            Detail::Attachment(detail) => {
                all(&[&detail.pv, &detail.node, &detail.uid]);
                self.kept.extend(detail.driver.as_deref().map(str::to_owned));
            }
            Detail::Pod(detail) => {
                all(&[&detail.uid, &detail.node]);
                for (claim, volume) in &detail.claims {
                    self.name(claim);
                    self.name(volume);
                }
            }
            Detail::Pv(detail) => {
                all(&[&detail.handle, &detail.claim]);
                self.kept.extend(detail.driver.as_deref().map(str::to_owned));
                if let Some(unique) = &detail.unique {
                    self.volume(unique);
                }
            }
            Detail::Pvc { claim, pv, .. } => {
                all(&[pv]);
                self.name(claim);
            }
            Detail::CsiNode(drivers) => {
                for (driver, node, _) in drivers {
                    self.kept.insert(driver.to_string());
                    self.name(node);
                }
            }
            Detail::CsiDriver { driver, .. } => {
                self.kept.insert(driver.to_string());
            }
            Detail::Names(names) => names.iter().for_each(|name| self.volume(name)),
            Detail::None
            | Detail::Backoff { .. }
            | Detail::Event { .. }
            | Detail::Flag(_)
            | Detail::SyncLoop { .. }
            | Detail::Grpc { .. }
            | Detail::Setting(_) => {}
        }
    }

    /// A unique volume name: the plugin and the driver stay.
    fn volume(&mut self, name: &str) {
        let handle = match name.split_once('^') {
            Some((plugin, handle)) => {
                self.kept.extend(plugin.rsplit('/').next().map(str::to_owned));
                handle
            }
            None => match name.split_once('/') {
                Some((domain, rest)) if domain.ends_with("kubernetes.io") => {
                    rest.split_once('/').map_or(rest, |(_, id)| id)
                }
                _ => name,
            },
        };
        self.name(handle);
    }

    /// A name, or several that separators join.
    fn name(&mut self, text: &str) {
        if is_address(text) {
            self.names.insert(text.to_owned());
            return;
        }
        for part in text.split(|c: char| !is_name(c)) {
            self.part(part.trim_matches(['.', '-', '_']));
        }
    }

    fn part(&mut self, part: &str) {
        let letters = part.bytes().any(|byte| byte.is_ascii_alphabetic());
        let long_number = part.len() >= 9 && part.bytes().all(|byte| byte.is_ascii_digit());
        if (letters || long_number) && !words::stays(part) && !is_version(part) {
            self.names.insert(part.to_owned());
        }
    }

    /// Something of any form that is to go whole.
    fn secret(&mut self, text: &str) {
        let text = text.trim();
        if text.len() < SHORTEST_SECRET || words::stays(text) || is_version(text) {
            return;
        }
        if text.chars().all(|c| is_name(c) || matches!(c, '/' | ':')) {
            self.name(text);
        } else if text.bytes().any(|byte| byte.is_ascii_alphabetic()) {
            self.names.insert(text.to_owned());
        }
    }

    /// Takes what stands in a text where names and secrets stand.
    pub fn text(&mut self, text: &str) {
        let bytes = text.as_bytes();
        for at in memchr::memchr2_iter(b':', b'=', bytes) {
            let key = key_before(text, at);
            if key.is_empty() {
                continue;
            }
            let rest = text.get(at + 1..).unwrap_or_default();
            if NAME_KEYS.contains(&key) {
                values(rest, &mut |value| self.name(value));
            } else if key == "driver" || key == "attacher" || key == "driverName" || key == "provisioner" {
                values(rest, &mut |value| {
                    self.kept.insert(value.to_owned());
                });
            } else if SECRET_KEYS.contains(&key) {
                values(rest, &mut |value| self.secret(value));
            } else if MAP_KEYS.contains(&key) {
                map_values(rest, &mut |value| self.secret(value));
            }
        }
        self.by_form(text);
    }

    /// Words that their own form gives away: addresses, uids, hosts, mail addresses, pods in the kubelet's form, tokens.
    fn by_form(&mut self, text: &str) {
        let wide = |c: char| is_name(c) || matches!(c, ':' | '@' | '+' | '=' | '/');
        for word in text.split(|c: char| !wide(c)) {
            if word.len() < 6 {
                continue;
            }
            if word.len() >= TOKEN && is_token(word) {
                self.names.insert(word.trim_end_matches('=').to_owned());
            }
            for part in word.split(['/', '=', '+']) {
                let part = part.trim_matches(['.', '-', '_', ':']);
                let host = part.rsplit_once(':').map_or(part, |(host, _)| host);
                if is_address(part) {
                    self.names.insert(part.to_owned());
                } else if is_address(host) || is_host(host) || is_uid(host) {
                    self.names.insert(host.to_owned());
                } else if let Some((who, host)) = part.split_once('@')
                    && host.contains('.')
                {
                    self.part(who);
                    self.part(host);
                }
            }
        }
        // web-0_app(7849a969-…)
        for (open, _) in text.match_indices('(') {
            let before = text.get(..open).unwrap_or_default();
            let name = before.rsplit(|c: char| !is_name(c)).next().unwrap_or_default();
            let uid = text.get(open + 1..open + 37).unwrap_or_default();
            if let (Some((pod, namespace)), true) = (name.split_once('_'), is_uid(uid)) {
                self.part(pod);
                self.part(namespace);
            }
        }
    }
}

/// The key that ends before a separator, without quotes and their escapes.
fn key_before(text: &str, at: usize) -> &str {
    let before = text.get(..at).unwrap_or_default().trim_end_matches([' ', '"', '\\']);
    before
        .rsplit(|c: char| !(is_name(c) || c == '/'))
        .next()
        .unwrap_or_default()
}

/// The value after a separator: a quoted text, a word, or a list of them.
fn values(rest: &str, each: &mut dyn FnMut(&str)) {
    let trimmed = rest.trim_start_matches([' ', '\\']);
    if let Some(list) = trimmed.strip_prefix('[') {
        let list = list.split(']').next().unwrap_or_default();
        for item in list.split([',', ' ', '\n', '{', '}']) {
            let item = item.trim_matches(['"', '\\', ' ']);
            // A list of objects: {"ip":"10.0.0.1"}.
            let item = item
                .rsplit_once("\":")
                .map_or(item, |(_, value)| value.trim_matches(['"', '\\', ' ']));
            if !item.is_empty() {
                each(item);
            }
        }
    } else if let Some(value) = first_value(trimmed) {
        each(value);
    }
}

/// All values of a flat object in JSON.
fn map_values(rest: &str, each: &mut dyn FnMut(&str)) {
    let trimmed = rest.trim_start_matches([' ', '\\', '"', '\n']);
    let Some(object) = trimmed.strip_prefix('{') else {
        return;
    };
    let object = object.split(['{', '}']).next().unwrap_or_default();
    for at in memchr::memchr_iter(b':', object.as_bytes()) {
        // A colon within a value is not followed by a quote.
        let value = object.get(at + 1..).unwrap_or_default().trim_start();
        if value.starts_with(['"', '\\'])
            && let Some(value) = first_value(value)
        {
            each(value);
        }
    }
}

/// A quoted text, escaped or not, or a word.
fn first_value(text: &str) -> Option<&str> {
    let text = text.trim_start_matches('\\');
    let value = if let Some(quoted) = text.strip_prefix(['"', '\'']) {
        let end = quoted.find(['"', '\'', '\\', '\n'])?;
        quoted.get(..end)?
    } else {
        let end = text.find(|c: char| c.is_whitespace() || matches!(c, ',' | '}' | ']' | ')' | ';'));
        text.get(..end.unwrap_or(text.len()))?
    };
    (!value.is_empty() && value.len() < 4096).then_some(value)
}

/// An IP address or a MAC address that means one machine.
fn is_address(text: &str) -> bool {
    match text.parse::<IpAddr>() {
        Ok(IpAddr::V4(v4)) => return v4 != Ipv4Addr::UNSPECIFIED && v4 != Ipv4Addr::LOCALHOST,
        // Clock times have no two colons beside each other and no eight groups.
        Ok(IpAddr::V6(v6)) => return v6 != Ipv6Addr::UNSPECIFIED && v6 != Ipv6Addr::LOCALHOST,
        Err(_) => {}
    }
    let mut groups = text.split(':');
    let hex = |group: &str| group.len() == 2 && group.bytes().all(|byte| byte.is_ascii_hexdigit());
    text.len() == 17 && groups.clone().count() == 6 && groups.all(hex)
}

/// A host's name with its domain.
fn is_host(text: &str) -> bool {
    let lower = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'.';
    let parts = text.split('.').count();
    let top = text.rsplit('.').next().unwrap_or_default();
    parts >= 3
        && text.bytes().all(lower)
        && TOP_LEVELS.contains(&top)
        && !text.ends_with("kubernetes.io")
        && !text.ends_with("k8s.io")
}

/// 8-4-4-4-12 hexadecimal digits.
fn is_uid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// A long word of base64 letters: capital and small letters and digits.
fn is_token(text: &str) -> bool {
    let has = |test: &dyn Fn(&u8) -> bool| text.as_bytes().iter().any(test);
    let plain = text.trim_end_matches('=');
    plain
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'_' | b'-' | b'.'))
        && has(&u8::is_ascii_uppercase)
        && has(&u8::is_ascii_lowercase)
        && has(&u8::is_ascii_digit)
        && !plain.contains("kubernetes.io")
        && plain.matches('/').count() < 3
}

/// `v1.20.2`, `1.20`, `v1beta1`: a release or an API's version.
fn is_version(text: &str) -> bool {
    let number = text.strip_prefix('v').unwrap_or(text);
    let digits = number.bytes().take_while(u8::is_ascii_digit).count();
    let rest = number.get(digits..).unwrap_or_default();
    digits > 0
        && digits < 3
        && (rest.starts_with('.') && !is_host(text) || rest.starts_with("alpha") || rest.starts_with("beta"))
}
