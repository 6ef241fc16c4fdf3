use super::*;
use crate::report::example;

#[test]
fn a_report_meets_the_expectation_made_of_it() {
    let report = example::founding();
    let expectation = Expectation::of(&report);
    assert_eq!(expectation.differences(&report), []);
    assert_eq!(Expectation::read(&expectation.text()), Ok(expectation));
}

#[test]
fn the_file_reads_well() {
    insta::assert_snapshot!(Expectation::of(&example::founding()).text());
}

#[test]
fn each_field_is_compared() {
    let report = example::founding();
    let mut wanted = Expectation::of(&report);
    let entry = &mut wanted.divergences[0];
    entry.mechanism = Some(OneOf::Any(vec![
        "va-stripped-or-deleted-by-hand".to_owned(),
        "unknown".to_owned(),
    ]));
    entry.severity = Some(OneOf::One(Severity::Slow));
    entry.since = Some(report.divergences[0].since + Span::secs(2));
    entry.pods = vec!["other/pod".to_owned()];
    entry.operation.as_mut().unwrap().kind = Some(OneOf::One("pod_bound".to_owned()));
    entry.trigger.as_mut().unwrap().evidence = Some("no line says this".to_owned());
    let found: Vec<String> = wanted.differences(&report).iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(found.join("\n"));
}

#[test]
fn what_nobody_expected_and_what_is_not_there_are_told() {
    let report = example::founding();
    let mut wanted = Expectation::of(&report);
    wanted.divergences[0].node = "node-9".to_owned();
    let kinds: Vec<What> = wanted.differences(&report).iter().map(|one| one.what).collect();
    assert_eq!(kinds, [What::Missing, What::Unexpected]);
    wanted.others = Others::Allowed;
    let kinds: Vec<What> = wanted.differences(&report).iter().map(|one| one.what).collect();
    assert_eq!(kinds, [What::Missing]);
}

#[test]
fn times_within_the_tolerance_are_the_same() {
    let report = example::founding();
    let mut wanted = Expectation::of(&report);
    wanted.tolerance = Tolerance(Span::secs(3));
    wanted.divergences[0].since = Some(report.divergences[0].since + Span::secs(3));
    assert_eq!(wanted.differences(&report), []);
    wanted.divergences[0].tolerance = Some(Tolerance(Span::secs(2)));
    assert_eq!(wanted.differences(&report).len(), 1);
}

#[test]
fn a_field_that_is_left_out_is_not_compared() {
    let report = example::founding();
    let one = &report.divergences[0];
    let text = format!(
        "schema: adtrace.expect/1\ndivergences:\n- volume: {}\n  node: {}\n",
        one.volume, one.node
    );
    let wanted = Expectation::read(&text).unwrap();
    assert_eq!(wanted.differences(&report), []);
}

#[test]
fn accepting_a_report_keeps_what_a_person_wrote() {
    let report = example::founding();
    let one = &report.divergences[0];
    let text = format!(
        "schema: adtrace.expect/1\ntolerance: 5s\nothers: allowed\ndivergences:\n- volume: {}\n  node: {}\n  mechanism: unknown\n  severity: [stuck, unsafe]\n",
        one.volume, one.node
    );
    let wanted = Expectation::read(&text).unwrap();
    let accepted = wanted.accepting(&report);
    assert_eq!(accepted.differences(&report), []);
    assert_eq!(
        (accepted.tolerance, accepted.others),
        (wanted.tolerance, Others::Allowed)
    );
    let entry = &accepted.divergences[0];
    assert_eq!(entry.mechanism, Some(OneOf::One(one.mechanism.clone())));
    assert_eq!(entry.severity, wanted.divergences[0].severity);
    assert_eq!(entry.operation, None);
}

#[test]
fn a_broken_expectation_says_what_is_wrong() {
    let why = |text: &str| Expectation::read(text).unwrap_err().to_string();
    let head = "schema: adtrace.expect/1\n";
    let errors = [
        why("schema: adtrace.expect/9\n"),
        why(&format!("{head}severity: stuck\n")),
        why(&format!("{head}tolerance: soon\n")),
        why(&format!(
            "{head}divergences:\n- {{volume: v, node: n, mechanism: no-such-thing}}\n"
        )),
        why("- 1\n"),
    ];
    insta::assert_snapshot!(errors.join("\n"));
}

#[test]
fn the_expectation_stands_beside_the_trace() {
    for name in ["x.adtrace", "x.adtrace.zst"] {
        assert_eq!(beside(&Path::new("a").join(name)), Path::new("a/x.expect.yaml"));
    }
}
