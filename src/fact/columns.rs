//! Tables of objects as `kubectl get` prints them: attachments, volumes, claims, pods, nodes.
//!
//! In: lines, one by one. Out: the facts of rows below a heading that is known. Rows are read by their words and not by
//! where they stand, since pasting changes blanks; columns that may be empty are only read where their form tells that
//! they are not. A table tells less than an object does: no uid, no creation, no lists.

use super::pasted::attachment_in;
use super::text::Names;
use super::{AttachmentDetail, Detail, Fact, Kind, Name, Party, PvDetail};
use crate::time::Time;

/// The table that the next line may be a row of.
#[derive(Debug, Default)]
pub struct Columns {
    /// What it lists; none outside of tables that are known.
    kind: Option<Kind>,
    headings: Vec<String>,
}

/// First columns, without the namespace, that tell what a table lists.
const HEADINGS: [(&[&str], Kind); 5] = [
    (&["NAME", "ATTACHER", "PV", "NODE", "ATTACHED"], Kind::VaSeen),
    (
        &["NAME", "CAPACITY", "ACCESS MODES", "RECLAIM POLICY", "STATUS", "CLAIM"],
        Kind::PvSeen,
    ),
    (&["NAME", "STATUS", "VOLUME", "CAPACITY", "ACCESS MODES"], Kind::PvcSeen),
    (&["NAME", "READY", "STATUS", "RESTARTS", "AGE"], Kind::PodSeen),
    (&["NAME", "STATUS", "ROLES", "AGE", "VERSION"], Kind::NodeSeen),
];

/// Headings of two words.
const PAIRS: [(&str, &str); 4] = [
    ("ACCESS", "MODES"),
    ("RECLAIM", "POLICY"),
    ("NOMINATED", "NODE"),
    ("READINESS", "GATES"),
];

/// The column that stands before the name where objects of all namespaces are listed.
const NAMESPACE: &str = "NAMESPACE";

impl Columns {
    /// The fact of a row; a heading is remembered, and a line without words ends the table.
    pub fn line(&mut self, text: &str, names: &mut Names) -> Option<Fact> {
        let words: Vec<&str> = text.split_whitespace().collect();
        if matches!(words.first(), None | Some(&("NAME" | NAMESPACE))) {
            self.headings = headings(&words);
            self.kind = listed(&self.headings);
            return None;
        }
        if let Some(row) = headless(&words) {
            return row.attachment(Fact::new(Kind::VaSeen, Party::ApiServer, Time::MAX), names);
        }
        let kind = self.kind?;
        let row = Row {
            columns: &self.headings,
            cells: without_asides(&words),
        };
        let fact = Fact::new(kind, Party::ApiServer, Time::MAX);
        match kind {
            Kind::VaSeen => row.attachment(fact, names),
            Kind::PvSeen => row.volume(fact, names),
            Kind::PvcSeen => row.claim(fact, names),
            Kind::PodSeen => row.pod(fact, names),
            _ => row.node(fact, names),
        }
    }
}

/// What a table with these columns lists.
fn listed(columns: &[String]) -> Option<Kind> {
    let columns = match columns {
        [first, rest @ ..] if first == NAMESPACE => rest,
        all => all,
    };
    let fits = |heading: &[&str]| columns.get(..heading.len()).is_some_and(|first| first == heading);
    HEADINGS
        .iter()
        .find(|(heading, _)| fits(heading))
        .map(|(_, kind)| *kind)
}

/// The headings of columns, those of two words joined.
fn headings(words: &[&str]) -> Vec<String> {
    let mut columns: Vec<String> = Vec::new();
    for word in words {
        match columns.last_mut() {
            Some(last) if PAIRS.contains(&(last.as_str(), *word)) => *last = format!("{last} {word}"),
            _ => columns.push((*word).to_owned()),
        }
    }
    columns
}

/// A row of attachments whose heading `grep` left out: name, driver, volume, node, whether it is attached, and age.
fn headless<'t>(words: &[&'t str]) -> Option<Row<'t>> {
    static ALONE: std::sync::LazyLock<Vec<String>> =
        std::sync::LazyLock::new(|| headings(HEADINGS.first().map_or(&[][..], |(heading, _)| heading)));
    let at = words.iter().position(|word| attachment_in(word) == Some(word))?;
    let cells = words.get(at..at + 6)?;
    matches!(cells.get(4), Some(&("true" | "false"))).then(|| Row {
        columns: &ALONE,
        cells: cells.to_vec(),
    })
}

/// The words of a row without what stands in brackets: `3 (5m ago)` of restarts.
fn without_asides<'t>(words: &[&'t str]) -> Vec<&'t str> {
    let mut inside = false;
    let mut cells = Vec::with_capacity(words.len());
    for word in words {
        inside |= word.starts_with('(');
        if !inside {
            cells.push(*word);
        }
        inside &= !word.ends_with(')');
    }
    cells
}

/// A row below its heading.
struct Row<'t> {
    columns: &'t [String],
    cells: Vec<&'t str>,
}

impl<'t> Row<'t> {
    /// The cell of a column, as far as all columns before it are filled.
    fn cell(&self, column: &str) -> Option<&'t str> {
        let at = self.columns.iter().position(|known| known == column)?;
        self.cells
            .get(at)
            .copied()
            .filter(|cell| *cell != "<none>" && *cell != "<unset>")
    }

    /// `namespace/name`, where the table has both.
    fn full_name(&self, names: &mut Names) -> Option<Name> {
        let (namespace, name) = (self.cell(NAMESPACE)?, self.cell("NAME")?);
        names.get(&format!("{namespace}/{name}"))
    }

    fn attachment(&self, fact: Fact, names: &mut Names) -> Option<Fact> {
        let attached = match self.cell("ATTACHED")? {
            "true" => true,
            "false" => false,
            _ => return None,
        };
        let mut named = |column| self.cell(column).and_then(|cell| names.get(cell));
        let detail = AttachmentDetail {
            driver: named("ATTACHER"),
            pv: named("PV"),
            node: named("NODE"),
            attached: Some(attached),
            ..AttachmentDetail::default()
        };
        Some(Fact {
            attachment: named("NAME"),
            volume: detail.pv.clone(),
            pv: detail.pv.clone(),
            node: detail.node.clone(),
            detail: Detail::Attachment(Box::new(detail)),
            ..fact
        })
    }

    fn volume(&self, fact: Fact, names: &mut Names) -> Option<Fact> {
        const MODES: [&str; 4] = ["RWO", "ROX", "RWX", "RWOP"];
        const PHASES: [&str; 5] = ["Available", "Bound", "Released", "Failed", "Pending"];
        let modes: Vec<&str> = self.cell("ACCESS MODES")?.split(',').collect();
        let known = modes.iter().all(|mode| MODES.contains(mode));
        self.cell("STATUS").filter(|phase| known && PHASES.contains(phase))?;
        let claim = self.cell("CLAIM").filter(|cell| cell.contains('/'));
        let name = self.cell("NAME").and_then(|name| names.get(name));
        let detail = PvDetail {
            modes: modes.iter().map(|mode| names.always(mode)).collect(),
            claim: claim.and_then(|claim| names.get(claim)),
            ..PvDetail::default()
        };
        Some(Fact {
            volume: name.clone(),
            pv: name,
            detail: Detail::Pv(Box::new(detail)),
            ..fact
        })
    }

    /// Where the namespace is not told nothing can be joined to the claim.
    fn claim(&self, fact: Fact, names: &mut Names) -> Option<Fact> {
        let claim = self.full_name(names)?;
        let phase = self
            .cell("STATUS")
            .filter(|phase| ["Bound", "Pending", "Lost"].contains(phase))?;
        let bound = self.cell("VOLUME").filter(|_| phase == "Bound");
        let pv = bound.and_then(|pv| names.get(pv));
        Some(Fact {
            volume: pv.clone(),
            pv: pv.clone(),
            detail: Detail::Pvc {
                claim,
                pv,
                phase: names.always(phase),
            },
            ..fact
        })
    }

    fn pod(&self, fact: Fact, names: &mut Names) -> Option<Fact> {
        let ready = self.cell("READY")?.split_once('/')?;
        let counts = [ready.0, ready.1]
            .iter()
            .all(|count| count.bytes().all(|b| b.is_ascii_digit()));
        let pod = self.full_name(names).or_else(|| names.get(self.cell("NAME")?));
        counts.then(|| Fact {
            pod,
            node: self.cell("NODE").and_then(|node| names.get(node)),
            ..fact
        })
    }

    fn node(&self, fact: Fact, names: &mut Names) -> Option<Fact> {
        let version = self.cell("VERSION")?.strip_prefix('v')?;
        version.starts_with(|c: char| c.is_ascii_digit()).then(|| Fact {
            node: self.cell("NAME").and_then(|name| names.get(name)),
            ..fact
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(text: &str) -> Vec<Fact> {
        let (mut columns, mut names) = (Columns::default(), Names::default());
        text.lines().filter_map(|line| columns.line(line, &mut names)).collect()
    }

    #[test]
    fn a_table_of_attachments_is_read() {
        let told = facts(
            "NAME   ATTACHER   PV   NODE   ATTACHED   AGE\ncsi-1   csi.x.io   pvc-1   n1   true   5d\n\
             csi-2  csi.x.io  pvc-2  n2  false  5d\n\ncsi-3  csi.x.io  pvc-2  n2  false  5d",
        );
        let attached = |fact: &Fact| match &fact.detail {
            Detail::Attachment(detail) => detail.attached,
            _ => None,
        };
        let told: Vec<_> = told
            .iter()
            .map(|fact| (fact.attachment.as_deref(), fact.node.as_deref(), attached(fact)))
            .collect();
        let told_of = |name, node, attached| (Some(name), Some(node), Some(attached));
        assert_eq!(told, [told_of("csi-1", "n1", true), told_of("csi-2", "n2", false)]);
    }

    #[test]
    fn volumes_tell_modes_and_claims_where_they_have_one() {
        let told = facts(
            "NAME    CAPACITY   ACCESS MODES   RECLAIM POLICY   STATUS      CLAIM        STORAGECLASS   REASON   AGE\n\
             pvc-1   1Gi        RWO            Delete           Bound       app/data-0   standard                5d\n\
             pvc-2   1Gi        RWO,ROX        Delete           Available                standard                5d\n\
             this is no row",
        );
        let [one, other] = told.as_slice() else {
            panic!("{told:?}")
        };
        assert!(
            matches!(&one.detail, Detail::Pv(pv) if pv.claim.as_deref() == Some("app/data-0") && pv.modes.len() == 1)
        );
        assert!(matches!(&other.detail, Detail::Pv(pv) if pv.claim.is_none() && pv.modes.len() == 2));
        assert_eq!((one.pv.as_deref(), other.pv.as_deref()), (Some("pvc-1"), Some("pvc-2")));
    }

    #[test]
    fn claims_are_told_where_their_namespace_is() {
        let heading = "NAME     STATUS    VOLUME   CAPACITY   ACCESS MODES   STORAGECLASS   AGE";
        let rows = [
            "data-0   Bound     pvc-1    1Gi        RWO            standard       5d",
            "data-1   Pending                                      standard       5d",
        ];
        let told = facts(&format!(
            "NAMESPACE   {heading}\napp         {}\napp         {}",
            rows[0], rows[1]
        ));
        let told: Vec<_> = told
            .iter()
            .map(|fact| match &fact.detail {
                Detail::Pvc { claim, pv, phase } => (claim.as_ref(), pv.as_deref(), phase.as_ref()),
                _ => panic!("{fact:?}"),
            })
            .collect();
        assert_eq!(
            told,
            [("app/data-0", Some("pvc-1"), "Bound"), ("app/data-1", None, "Pending")]
        );
        assert!(facts(&format!("{heading}\n{}", rows[0])).is_empty());
    }

    #[test]
    fn pods_tell_their_node_where_the_table_is_wide() {
        let told = facts(
            "NAMESPACE  NAME   READY  STATUS   RESTARTS      AGE  IP        NODE    NOMINATED NODE  READINESS GATES\n\
             app        web-0  1/1    Running  3 (5m ago)    5d   10.0.0.1  n1      <none>          <none>\n\
             app        web-1  0/1    Pending  0             5d   <none>    <none>  <none>          <none>",
        );
        let told: Vec<_> = told
            .iter()
            .map(|fact| (fact.pod.as_deref(), fact.node.as_deref()))
            .collect();
        assert_eq!(told, [(Some("app/web-0"), Some("n1")), (Some("app/web-1"), None)]);
    }

    #[test]
    fn nodes_are_named() {
        let told = facts(
            "NAME  STATUS                     ROLES   AGE  VERSION\nn1    NotReady,SchedulingDisabled  <none>  5d   v1.30.2\n\
             Error from server (Forbidden): nodes is forbidden",
        );
        assert!(
            matches!(told.as_slice(), [fact] if fact.node.as_deref() == Some("n1")),
            "{told:?}"
        );
    }
}
