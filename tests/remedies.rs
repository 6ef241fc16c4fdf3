//! What would have healed it: the recordings in which somebody did act, cut just before the act. What the model says
//! comes of the act is held against what came of it.

mod recordings;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use adtrace::report::Outcome;
use adtrace::time::{Span, Time};
use adtrace::trace::Cut;
use adtrace::whatif::{self, Act, Row};
use adtrace::{Case, Options};
use serde::Deserialize;

/// A time is right within a factor of two, or so much.
const NEAR: Span = Span::secs(15);

/// What somebody did in a recording, and what came of it.
#[derive(Debug, Deserialize)]
struct Acted {
    at: String,
    action: String,
    volume: String,
    node: String,
    outcome: Outcome,
    states_agree_at: Option<String>,
    pod_runs_at: Option<String>,
}

/// Acts by the recording's name.
type Acts = BTreeMap<String, Vec<Acted>>;

fn acts(file: &Path) -> Acts {
    let text = std::fs::read_to_string(file).expect("the list of acts reads");
    serde_json::from_str(&text).expect("the list of acts is JSON")
}

fn moment(text: &str) -> Time {
    Time::parse(text).expect("a stamp")
}

/// What the model says, asked at the moment of the act.
fn predicted(recording: &Path, acted: &Acted) -> Row {
    let options = Options {
        cut: Cut {
            since: None,
            until: Some(moment(&acted.at)),
        },
        ..Options::default()
    };
    let case = Case::open(&[recording.to_owned()], &options).expect("the recording reads");
    let (_, world) = case.replay();
    let volume = case.cast.volume_named(&acted.volume).expect("its volume is known");
    let node = case.cast.node_named(&acted.node).expect("its node is known");
    let act: Act = acted.action.parse().expect("the act is known");
    let mut answer = whatif::ask(&case.script(), &world, (volume, node), &[act], None);
    answer.rows.remove(0)
}

/// What is wrong with a prediction; nothing where it came true.
fn wrong(acted: &Acted, row: &Row) -> Option<String> {
    if row.outcome != acted.outcome {
        return Some(format!("said {:?}, it was {:?}", row.outcome, acted.outcome));
    }
    if row.outcome != Outcome::Heals {
        return None;
    }
    let times = [
        (row.agree_after_ms, &acted.states_agree_at),
        (row.runs_after_ms, &acted.pod_runs_at),
    ];
    times.into_iter().find_map(|(said, real)| {
        let took = (moment(real.as_ref()?) - moment(&acted.at)).as_millis();
        let near = said.is_some_and(|said| {
            let said = i64::try_from(said).unwrap_or(i64::MAX);
            (said - took).abs() <= NEAR.as_millis() || (took / 2..=took * 2).contains(&said)
        });
        (!near).then(|| format!("said {said:?} ms, it took {took} ms"))
    })
}

/// Predicts every act; the complaints, and how many acts there were.
fn judge(acts: &Acts, place: impl Fn(&str) -> PathBuf) -> (Vec<String>, usize) {
    let all = acts
        .iter()
        .flat_map(|(name, acted)| acted.iter().map(move |one| (name, one)));
    let complaints = all.clone().filter_map(|(name, one)| {
        let why = wrong(one, &predicted(&place(name), one))?;
        Some(format!("{name}: {}: {why}", one.action))
    });
    (complaints.collect(), all.count())
}

#[test]
fn what_an_act_brought_was_foretold() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/remedies");
    let (complaints, count) = judge(&acts(&folder.join("acts.json")), |name| folder.join(name));
    assert_eq!((complaints, count), (Vec::<String>::new(), 14));
}

/// Over a folder of recordings and a list of acts: `scripts/remedies FOLDER ACTS`.
#[test]
#[ignore = "needs a folder of recordings and a list of acts; scripts/remedies runs it"]
fn what_all_acts_brought_was_foretold() {
    let file = PathBuf::from(std::env::var_os("ADTRACE_ACTS").expect("ADTRACE_ACTS names the list of acts"));
    let known = recordings::all();
    let place = |name: &str| {
        let mut named = known.iter().filter(|path| path.ends_with(name));
        named.next().expect("the recording is in the folder").clone()
    };
    let (complaints, count) = judge(&acts(&file), place);
    for complaint in &complaints {
        println!("    {complaint}");
    }
    println!("{} of {count} acts foretold", count - complaints.len());
    assert!(complaints.is_empty(), "{} predictions were wrong", complaints.len());
}
