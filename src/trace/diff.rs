//! What changed between two reports, and where the two histories part first.
//!
//! In: two [`Side`]s, each a report and, where it was made from a recording, the history behind it. Out: a [`Diff`].
//! Histories are compared party by party and without their times, since two runs of one scenario never tell the same
//! microseconds, and parties that do not wait for each other speak in any order.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use crate::pipeline::Case;
use crate::report::Report;
use crate::time::Time;

/// Fields of a divergence that are compared, as ways into its JSON form.
const FIELDS: [&str; 16] = [
    "/mechanism",
    "/severity",
    "/status",
    "/confidence",
    "/pods",
    "/since",
    "/until",
    "/operation/kind",
    "/operation/actor",
    "/operation/at",
    "/trigger/kind",
    "/trigger/actor",
    "/trigger/at",
    "/symptom/kind",
    "/symptom/actor",
    "/symptom/at",
];

/// One of the two that are compared.
#[derive(Clone, Debug)]
pub struct Side {
    report: Value,
    history: Option<BTreeMap<String, Vec<Moment>>>,
}

/// One thing that a party did or said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Moment {
    /// When.
    pub at: Time,
    /// Who.
    pub party: String,
    /// What, and on what: `attach_ok pv-1 node-1`.
    pub what: String,
    /// Where it stands.
    pub source: String,
    /// 1-based line.
    pub line: u32,
}

/// What changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Diff {
    schema: &'static str,
    /// Verdict, release and counts, where they changed.
    pub summary: Vec<Field>,
    /// Divergences.
    pub divergences: Vec<Change>,
    /// Waits.
    pub waits: Vec<Change>,
    /// Where the histories part first; null where both run alike, or one is only a report.
    pub parted: Option<Parted>,
}

/// One divergence or wait that is not in both, or not the same in both.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// `gone`: only in the first; `new`: only in the second; `changed`.
    pub change: &'static str,
    /// Which: `pv-1 on node-1: detach-backoff-drops-report-as-attached`.
    pub place: String,
    /// What changed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<Field>,
}

/// A field that changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Field {
    /// Its way into the report: `operation/at`.
    pub field: String,
    /// In the first.
    pub before: Value,
    /// In the second.
    pub after: Value,
}

/// Where two histories part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Parted {
    /// The party that first does something else.
    pub party: String,
    /// The last that it does in both, as the first has it.
    pub last_common: Option<Moment>,
    /// What it does next in the first; null where its history ends.
    pub before: Option<Moment>,
    /// What it does next in the second.
    pub after: Option<Moment>,
}

impl Side {
    /// A report read from its JSON form; `None` where it is none.
    #[must_use]
    pub fn of_json(text: &str) -> Option<Side> {
        let report: Value = serde_json::from_str(text).ok()?;
        let schema = report.get("schema")?.as_str()?;
        schema
            .starts_with("adtrace.report/")
            .then_some(Side { report, history: None })
    }

    /// A recording, with the report on it.
    ///
    /// # Errors
    /// None for any report that this program makes.
    pub fn of_case(case: &Case, report: &Report) -> Result<Side, serde_json::Error> {
        Ok(Side {
            report: serde_json::to_value(report)?,
            history: Some(history(case)),
        })
    }
}

impl Diff {
    /// Compares.
    #[must_use]
    pub fn of(first: &Side, second: &Side) -> Diff {
        let (a, b) = (&first.report, &second.report);
        let summary = [
            "/verdict",
            "/profile/kubernetes",
            "/summary/volumes",
            "/summary/nodes",
            "/summary/pods",
            "/summary/unexplained",
        ];
        let parted = match (&first.history, &second.history) {
            (Some(one), Some(other)) => parted(one, other),
            _ => None,
        };
        Diff {
            schema: "adtrace.diff/1",
            summary: fields(a, b, &summary),
            divergences: changes(a, b, "divergences", "mechanism", &FIELDS),
            waits: changes(a, b, "waits", "kind", &["/pods", "/since", "/until", "/on", "/ends"]),
            parted,
        }
    }

    /// Whether nothing changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.summary.is_empty() && self.divergences.is_empty() && self.waits.is_empty() && self.parted.is_none()
    }
}

fn fields(a: &Value, b: &Value, ways: &[&str]) -> Vec<Field> {
    let at = |value: &Value, way: &str| value.pointer(way).cloned().unwrap_or(Value::Null);
    let pairs = ways.iter().map(|way| Field {
        field: way.trim_start_matches('/').to_owned(),
        before: at(a, way),
        after: at(b, way),
    });
    pairs.filter(|field| field.before != field.after).collect()
}

/// Items of a list paired by volume and node, in their order where several share both.
fn changes(a: &Value, b: &Value, list: &str, name: &str, ways: &[&str]) -> Vec<Change> {
    let mut changes = Vec::new();
    let mut left: Vec<&Value> = items(b, list).collect();
    for one in items(a, list) {
        // A wait of another kind is another wait; a divergence by another mechanism is the same one, told otherwise.
        let same = |other: &&Value| key(one) == key(other) && (list != "waits" || one.get(name) == other.get(name));
        match left.iter().position(same) {
            Some(at) => {
                let fields = fields(one, left.remove(at), ways);
                if !fields.is_empty() {
                    changes.push(change("changed", one, name, fields));
                }
            }
            None => changes.push(change("gone", one, name, Vec::new())),
        }
    }
    changes.extend(left.into_iter().map(|other| change("new", other, name, Vec::new())));
    changes
}

fn items<'v>(report: &'v Value, list: &str) -> impl Iterator<Item = &'v Value> {
    report.get(list).and_then(Value::as_array).into_iter().flatten()
}

fn key(item: &Value) -> (Option<&Value>, Option<&Value>) {
    (item.get("volume"), item.get("node"))
}

fn change(what: &'static str, item: &Value, name: &str, fields: Vec<Field>) -> Change {
    let word = |field: &str| item.get(field).and_then(Value::as_str).unwrap_or("?").to_owned();
    let volume = item
        .get("pv")
        .and_then(Value::as_str)
        .map_or_else(|| word("volume"), str::to_owned);
    Change {
        change: what,
        place: format!("{volume} on {}: {}", word("node"), word(name)),
        fields,
    }
}

/// What each party did, in order, dumps left out: they tell when somebody looked.
fn history(case: &Case) -> BTreeMap<String, Vec<Moment>> {
    let mut history: BTreeMap<String, Vec<Moment>> = BTreeMap::new();
    let facts = case.order.iter().filter_map(|id| case.reading.facts.get(*id as usize));
    for fact in facts.filter(|fact| !fact.kind.is_dump()) {
        let party = fact.party.to_string();
        let mut what = fact.kind.name().to_owned();
        let volume = case.cast.volume(fact).map(|volume| case.cast.called(volume));
        let node = case.cast.node(fact).map(|node| case.cast.node_name(node).to_string());
        for name in [volume, node, fact.pod.as_deref().map(str::to_owned)]
            .into_iter()
            .flatten()
        {
            what.push(' ');
            what.push_str(&name);
        }
        let source = case.reading.sources.get(fact.source.0 as usize);
        history.entry(party.clone()).or_default().push(Moment {
            at: fact.at,
            party,
            what,
            source: source.map(|source| source.path.clone()).unwrap_or_default(),
            line: fact.line,
        });
    }
    history
}

/// The earliest parting of any party's history.
fn parted(one: &BTreeMap<String, Vec<Moment>>, other: &BTreeMap<String, Vec<Moment>>) -> Option<Parted> {
    let parties = one.keys().chain(other.keys().filter(|party| !one.contains_key(*party)));
    let none = Vec::new();
    let partings = parties.filter_map(|party| {
        let (a, b) = (one.get(party).unwrap_or(&none), other.get(party).unwrap_or(&none));
        let common = a.iter().zip(b).take_while(|(a, b)| a.what == b.what).count();
        let (before, after) = (a.get(common), b.get(common));
        let since = |moment: Option<&Moment>, list: &BTreeMap<String, Vec<Moment>>| Some(moment?.at - beginning(list));
        let when = [since(before, one), since(after, other)].into_iter().flatten().min()?;
        let parted = Parted {
            party: party.clone(),
            last_common: common.checked_sub(1).and_then(|last| a.get(last)).cloned(),
            before: before.cloned(),
            after: after.cloned(),
        };
        Some((when, parted))
    });
    partings.min_by_key(|(when, _)| *when).map(|(_, parted)| parted)
}

fn beginning(history: &BTreeMap<String, Vec<Moment>>) -> Time {
    history
        .values()
        .flatten()
        .map(|moment| moment.at)
        .min()
        .unwrap_or_default()
}
