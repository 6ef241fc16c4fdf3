//! The page's text: complete, safe, and the same each time.

use super::*;
use crate::report::example;

fn page(report: &Report) -> String {
    let mut out = Vec::new();
    Html.write(report, &mut out).expect("memory takes everything");
    String::from_utf8(out).expect("UTF-8")
}

#[test]
fn the_document_alone_tells_the_story() {
    // The style sheet is left out: it is not what a reader reads.
    insta::assert_snapshot!(
        page(&example::founding())
            .replace(STYLE, "")
            .replace(&policy(), "POLICY")
    );
}

#[test]
fn hostile_text_is_text() {
    let mut report = example::founding();
    let hostile = "</script><img src=x onerror=alert(1)>\u{202e}'\"&";
    report.divergences[0].headline = hostile.to_owned();
    report.divergences[0].node = hostile.to_owned();
    report.divergences[0].known_issues = vec![hostile.to_owned(), format!("{hostile}/a#1")];
    report.divergences[0].chain[0].what = hostile.to_owned();
    report.inputs[0].path = hostile.to_owned();
    let page = page(&report);
    assert!(!page.contains("<img"));
    assert!(!page.contains('\u{202e}'));
    assert!(page.contains("&lt;img src=x onerror=alert(1)&gt;"));
}

#[test]
fn the_policy_allows_nothing_from_elsewhere() {
    let page = page(&example::founding());
    assert!(page.contains("default-src 'none'"));
    assert!(!page.contains("unsafe-inline"));
    for handler in [" onclick=", " onload=", " style="] {
        assert!(!page.contains(handler), "{handler}");
    }
}
