//! Lines of a `VolumeAttachment` that somebody printed: YAML, JSON or `kubectl describe`, whole or cut.
//!
//! In: lines, in order. Out: a fact for each line that tells something by itself: when it was made, when its deletion was
//! asked for, its finalizer, its node, its volume, its errors. A cut object has no more than its lines; of a whole one
//! they say where in the file each statement stands.

use std::borrow::Cow;

use crate::time::Time;

use super::pasted::attachment_in;
use super::text::Names;
use super::{AttachmentDetail, Detail, Fact, Kind, Name, Party, object};

/// What earlier lines said.
#[derive(Debug, Default)]
pub struct Manifest {
    /// `apiVersion:` of the object that was begun.
    api: String,
    /// `kind:` of it.
    kind: String,
    /// The list or member that is open: `finalizers`, `detachError`.
    open: String,
    /// Its name, or the name that a command line above asks for.
    name: Option<Name>,
}

impl Manifest {
    /// The object's name, once a line has told it.
    pub fn name(&self) -> Option<&Name> {
        self.name.as_ref()
    }

    /// The fact of one line.
    pub fn line(&mut self, text: &str, names: &mut Names) -> Option<Fact> {
        let line = text.trim().trim_end_matches(',');
        if line.contains("kubectl ") {
            *self = Manifest::default();
            self.name = attachment_in(line).and_then(|name| names.get(name));
            return None;
        }
        let Some((key, value)) = pair(line) else {
            return self.element(line);
        };
        match (key.as_ref(), value) {
            ("apiVersion" | "aPIVersion", api) => api.clone_into(&mut self.api),
            ("kind", kind) => kind.clone_into(&mut self.kind),
            ("name", name) if attachment_in(name).is_some_and(|whole| whole.len() == name.len()) => {
                self.name = names.get(name);
            }
            (key, "" | "[" | "{") => key.clone_into(&mut self.open),
            (key, value) if self.is_attachment() => return self.member(key, value, names),
            _ => {}
        }
        None
    }

    fn is_attachment(&self) -> bool {
        self.kind == "VolumeAttachment" && (self.api.is_empty() || object::is_storage(&self.api))
    }

    /// An element of the list that is open.
    fn element(&self, line: &str) -> Option<Fact> {
        let finalizer = bare(line.trim_start_matches("- ")).starts_with("external-attacher/");
        let detail = AttachmentDetail {
            finalizer: Some(true),
            ..AttachmentDetail::default()
        };
        (finalizer && self.open == "finalizers" && self.is_attachment()).then(|| self.fact(Time::MAX, detail))
    }

    fn member(&self, key: &str, value: &str, names: &mut Names) -> Option<Fact> {
        let mut detail = AttachmentDetail::default();
        let mut at = Time::MAX;
        match key {
            "creationTimestamp" => {
                at = Time::parse(value)?;
                detail.created = Some(at);
            }
            "deletionTimestamp" => {
                at = Time::parse(value)?;
                detail.deleting = true;
            }
            "nodeName" => detail.node = names.get(value),
            "persistentVolumeName" => detail.pv = names.get(value),
            "attached" => detail.attached = Some(value == "true"),
            "message" if self.open == "attachError" => detail.attach_error = Some(value.into()),
            "message" if self.open == "detachError" => detail.detach_error = Some(value.into()),
            _ => return None,
        }
        Some(self.fact(at, detail))
    }

    fn fact(&self, at: Time, detail: AttachmentDetail) -> Fact {
        Fact {
            attachment: self.name.clone(),
            node: detail.node.clone(),
            volume: detail.pv.clone(),
            pv: detail.pv.clone(),
            error: detail.attach_error.clone().or_else(|| detail.detach_error.clone()),
            detail: Detail::Attachment(Box::new(detail)),
            ..Fact::new(Kind::VaLineSeen, Party::ApiServer, at)
        }
    }
}

/// Key and value of a line, whoever printed it: `nodeName: n`, `"nodeName": "n"`, `Node Name:  n`.
fn pair(line: &str) -> Option<(Cow<'_, str>, &str)> {
    let (key, value) = line.trim_start_matches("- ").split_once(':')?;
    let key = key.trim_matches('"');
    let word = |c: char| c.is_ascii_alphanumeric() || matches!(c, ' ' | '.' | '/' | '-' | '_');
    if key.is_empty() || !key.chars().all(word) || !(value.is_empty() || value.starts_with(' ')) {
        return None;
    }
    let key = if key.starts_with(|c: char| c.is_ascii_uppercase()) {
        let joined: String = key.split(' ').collect();
        let (first, rest) = joined.split_at_checked(1)?;
        Cow::Owned(format!("{}{rest}", first.to_ascii_lowercase()))
    } else {
        Cow::Borrowed(key)
    };
    Some((key, bare(value)))
}

/// A value without its quotes.
fn bare(value: &str) -> &str {
    value.trim().trim_matches(['"', '\''])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Line, and what it tells.
    fn told(text: &str) -> Vec<(usize, String)> {
        let (mut manifest, mut names) = (Manifest::default(), Names::default());
        let facts = text.lines().enumerate().filter_map(|(at, line)| {
            let fact = manifest.line(line, &mut names)?;
            let Detail::Attachment(detail) = fact.detail else {
                return None;
            };
            let first = |told: [Option<String>; 6]| told.into_iter().flatten().next();
            let what = first([
                detail.created.map(|at| format!("made {at}")),
                detail.deleting.then(|| "deleting".to_owned()),
                detail.finalizer.map(|_| "finalizer".to_owned()),
                detail.node.map(|node| format!("on {node}")),
                detail.attached.map(|attached| format!("attached {attached}")),
                fact.volume
                    .or(fact.error.as_deref().map(Name::from))
                    .map(|name| name.to_string()),
            ]);
            Some((at + 1, what.unwrap_or_default()))
        });
        facts.collect()
    }

    fn own(expected: &[(usize, &str)]) -> Vec<(usize, String)> {
        expected
            .iter()
            .map(|(line, what)| (*line, (*what).to_owned()))
            .collect()
    }

    #[test]
    fn lines_of_yaml_are_told() {
        let text = "apiVersion: storage.k8s.io/v1\nkind: VolumeAttachment\nmetadata:\n  creationTimestamp: \"2019-10-12T09:52:47Z\"\n  \
            finalizers:\n  - external-attacher/d\nspec:\n  nodeName: n\nstatus:\n  attached: true\n  detachError:\n    message: 'busy'";
        let made = "made 2019-10-12T09:52:47.000000Z";
        assert_eq!(
            told(text),
            own(&[
                (4, made),
                (6, "finalizer"),
                (8, "on n"),
                (10, "attached true"),
                (12, "busy")
            ])
        );
    }

    #[test]
    fn lines_of_json_and_of_a_description_are_told() {
        let json = "\"apiVersion\": \"storage.k8s.io/v1\",\n\"kind\": \"VolumeAttachment\",\n\"finalizers\": [\n\"external-attacher/d\"\n],\n\
            \"nodeName\": \"n\",\n\"persistentVolumeName\": \"pv\"";
        assert_eq!(told(json), own(&[(4, "finalizer"), (6, "on n"), (7, "pv")]));
        let described = "API Version:  storage.k8s.io/v1\nKind:  VolumeAttachment\nMetadata:\n  Finalizers:\n    external-attacher/d\n\
            Spec:\n  Node Name:  n";
        assert_eq!(told(described), own(&[(5, "finalizer"), (7, "on n")]));
    }

    #[test]
    fn another_kind_of_that_name_is_none() {
        assert!(told("apiVersion: longhorn.io/v1beta2\nkind: VolumeAttachment\n  nodeName: n").is_empty());
        assert!(told("kind: Pod\n  nodeName: n").is_empty());
    }
}
