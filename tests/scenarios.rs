//! Scenarios.
#[path = "support/mod.rs"]
mod support;

use adtrace::model::*;
use adtrace::time::Span;

#[test]
fn smoke() {
    let mut s = support::stage::Stage::open("1.20.2", &["node-1".into(), "node-2".into()], &[("a".into(), true)]);
    s.pod("web-0", NodeId(0), &[VolumeId(0)]);
    s.run(Span::secs(40));
    let id = s.living("web-0").unwrap();
    s.delete_pod(id, Span::secs(2));
    s.run(Span::secs(40));
    s.bundle().save(std::path::Path::new("/tmp/scen-smoke")).unwrap();
    let r = adtrace::analyze(&["/tmp/scen-smoke".into()], &Default::default()).unwrap();
    panic!("{:?} {:#?} {:#?} {:#?} {:?}", r.verdict, r.divergences, r.unexplained, r.missing, r.summary);
}
