//! What a line says of the lines below it: who wrote them, and where.
//!
//! In: lines of text, in order. Out: the [`Outer`] of the records that follow, where their own wrappers tell less. Event
//! viewers name the machine above each message, and `kubectl cluster-info dump` the container above its log.

use super::Outer;

/// The heading that stands.
#[derive(Clone, Debug, Default)]
pub struct Heading {
    host: Option<String>,
    program: Option<String>,
    pod: Option<String>,
}

impl Heading {
    /// Whether nothing is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.host.is_none() && self.program.is_none() && self.pod.is_none()
    }

    /// Takes note of all lines of a chunk.
    pub fn chunk(&mut self, chunk: &[u8]) {
        let marks: [&[u8]; 3] = [b"==== ", b"Log Name:", b"Computer"];
        if marks.iter().any(|mark| memchr::memmem::find(chunk, mark).is_some()) {
            String::from_utf8_lossy(chunk).lines().for_each(|line| self.line(line));
        }
    }

    /// Takes note of a line.
    pub fn line(&mut self, text: &str) {
        let line = text.trim();
        if line.starts_with("Log Name:") || line == "<System>" || line.starts_with("==== END logs for container ") {
            *self = Heading::default();
        } else if let Some(of) = line.strip_prefix("==== START logs for container ") {
            self.container(of.trim_end_matches([' ', '=']));
        } else if let Some(name) = element(line, "Computer").or_else(|| field(line, "Computer:")) {
            self.host = Some(name.to_owned());
        } else if let Some(name) = line
            .strip_prefix("<Provider Name=\"")
            .or_else(|| field(line, "Source:"))
        {
            self.program = name.split('"').next().map(str::to_owned);
        }
    }

    /// `web of pod app/web-0`
    fn container(&mut self, text: &str) {
        if let Some((container, pod)) = text.split_once(" of pod ") {
            *self = Heading {
                host: None,
                program: Some(container.to_owned()),
                pod: Some(pod.to_owned()),
            };
        }
    }

    /// What is known around a record: what its wrappers say, else what the heading says.
    #[must_use]
    pub fn under<'a>(&'a self, own: &Outer<'a>) -> Outer<'a> {
        Outer {
            at: own.at,
            host: own.host.or(self.host.as_deref()),
            program: own.program.or(self.program.as_deref()),
            pod: own.pod.or(self.pod.as_deref()),
        }
    }
}

/// `<name>content</name>`, the end perhaps cut off.
fn element<'t>(line: &'t str, name: &str) -> Option<&'t str> {
    let content = line.strip_prefix('<')?.strip_prefix(name)?.strip_prefix('>')?;
    content.split('<').next().filter(|content| !content.is_empty())
}

/// `Name:   value`, of one word.
fn field<'t>(line: &'t str, name: &str) -> Option<&'t str> {
    let value = line.strip_prefix(name)?.trim();
    (!value.is_empty() && !value.contains(' ')).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Host, program and pod after some lines.
    fn after(lines: &str) -> [Option<String>; 3] {
        let mut heading = Heading::default();
        lines.lines().for_each(|line| heading.line(line));
        let told = heading.under(&Outer::default());
        [told.host, told.program, told.pod].map(|name| name.map(str::to_owned))
    }

    #[test]
    fn an_event_viewer_names_machine_and_source() {
        let own = |host: &str, program: &str| [Some(host.to_owned()), Some(program.to_owned()), None];
        assert_eq!(
            after("Log Name:      EKS\nSource:        kubelet\nComputer:      WIN-1\nDescription:"),
            own("WIN-1", "kubelet")
        );
        assert_eq!(
            after("<System>\n <Provider Name=\"kubelet\" />\n <Computer>WIN-2</Computer>"),
            own("WIN-2", "kubelet")
        );
    }

    #[test]
    fn a_dump_names_the_container_until_its_log_ends() {
        let start = "==== START logs for container csi-attacher of pod kube-system/csi-0 ====";
        let told = [
            None,
            Some("csi-attacher".to_owned()),
            Some("kube-system/csi-0".to_owned()),
        ];
        assert_eq!(after(start), told);
        let end = "==== END logs for container csi-attacher of pod kube-system/csi-0 ====";
        assert_eq!(after(&format!("{start}\n{end}")), [None, None, None]);
    }
}
