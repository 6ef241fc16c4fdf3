use super::*;
use crate::report::example;
use crate::report::faces::xsd;
use crate::trace::expect::OneOf;

/// One case of each outcome, with names that every format has to escape.
fn checked() -> Checked {
    let case = |name: &str, outcome| Case {
        trace: format!("incidents/{name}.adtrace"),
        expectation: format!("incidents/{name}.expect.yaml"),
        outcome,
    };
    let report = example::founding();
    let mut wanted = Expectation::of(&report);
    wanted.divergences[0].mechanism = Some(OneOf::One("unknown".to_owned()));
    wanted.divergences[0]
        .pods
        .push("a & b <c>, 100%: \u{1b}[1m#".to_owned());
    let differences = wanted.differences(&report);
    let why = "it has no expectation beside it; adtrace expect x.adtrace writes one".to_owned();
    Checked {
        cases: vec![
            case("as expected", Outcome::Same { gone: Vec::new() }),
            case(
                "differs #1",
                Outcome::Differs {
                    differences: differences.clone(),
                },
            ),
            case(
                "gone",
                Outcome::Same {
                    gone: differences.clone(),
                },
            ),
            case(
                "new",
                Outcome::Updated {
                    differences: Vec::new(),
                },
            ),
            case("broken", Outcome::Broken { why }),
        ],
        kubernetes: None,
    }
}

fn shown(face: &dyn Face) -> String {
    let mut out = Vec::new();
    face.write(&checked(), &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn text_for_people() {
    insta::assert_snapshot!(shown(&Text::default()));
}

#[test]
fn annotations_for_github() {
    insta::assert_snapshot!(shown(&GitHub));
}

#[test]
fn tap() {
    insta::assert_snapshot!(shown(&Tap));
}

#[test]
fn junit_reads_back_with_its_counts() {
    let xml = shown(&Junit);
    let report = quick_junit::Report::deserialize_from_str(&xml).unwrap();
    assert_eq!((report.tests, report.failures, report.errors), (5, 1, 1));
    assert_eq!(xsd::complaints(xsd::JUNIT, &xml), Vec::<String>::new());
    insta::assert_snapshot!(xml);
}

#[test]
fn json_is_the_value() {
    let value: serde_json::Value = serde_json::from_str(&shown(&Json)).unwrap();
    assert_eq!(value["count"]["same"], 2);
    assert_eq!(value["cases"][1]["outcome"], "differs");
    assert_eq!(value["cases"][1]["differences"][0]["what"], "changed");
}

#[test]
fn sarif_keeps_to_its_schema() {
    // One pattern of the published schema lacks an escape, and is no regular expression as it stands.
    let schema = include_str!("../../../fixtures/schemas/sarif-2.1.0.json");
    let schema = schema.replace("{2}]?$", r"{2}\\]?$");
    let validator = jsonschema::validator_for(&serde_json::from_str(&schema).unwrap()).unwrap();
    let value: serde_json::Value = serde_json::from_str(&shown(&Sarif)).unwrap();
    let wrong: Vec<String> = validator.iter_errors(&value).map(|error| error.to_string()).collect();
    assert_eq!(wrong, Vec::<String>::new());
    assert_eq!(value["runs"][0]["results"].as_array().unwrap().len(), 3);
    assert_eq!(
        value["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"],
        "incidents/differs%20%231.expect.yaml"
    );
    // The validator must be able to fail.
    assert!(!validator.is_valid(&serde_json::json!({"version": "2.1.0", "runs": [{"results": 1}]})));
}

#[test]
fn the_exit_status_tells_the_worst() {
    let mut checked = checked();
    assert_eq!(checked.exit_status(), 2);
    checked.cases.pop();
    assert_eq!(checked.exit_status(), 1);
    checked.cases.remove(1);
    assert_eq!(checked.exit_status(), 0);
}
