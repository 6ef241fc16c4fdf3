//! The page in a real browser: headless Chromium, spoken to over its debugging pipe.
//!
//! Skipped where no Chromium is installed (`CHROMIUM` names one elsewhere). The measurement of a page with 100,000
//! steps is ignored by default; `scripts/page-speed` runs it.

mod browser;
mod recordings;

use adtrace::ask::timeline::{About, reported};
use adtrace::report::html::Html;
use adtrace::report::timeline::{Cause, CellLine, Change, Event, Lane, SCHEMA, Timeline};
use adtrace::report::{Actor, Evidence, Face, Profile, Report, States, Step, Window};
use adtrace::time::Time;
use adtrace::{Case, Options};

use browser::Browser;

fn founding() -> Report {
    let case = Case::open(&[recordings::founding()], &Options::default()).expect("the recording reads");
    reported(&case, &About::WITH_LINES)
}

fn html(report: &Report) -> String {
    let mut out = Vec::new();
    Html.write(report, &mut out).expect("memory takes everything");
    String::from_utf8(out).expect("UTF-8")
}

#[test]
fn a_person_clicks_a_divergence_and_reads_its_evidence() {
    let Some(mut browser) = Browser::start() else { return };
    browser.open(&html(&founding()));
    browser.click(".card .go");
    // The page shows this step from the beginning; that it was followed shows in where the page stands.
    browser.wait("Math.abs(document.getElementById('timeline').getBoundingClientRect().top) < 2");
    browser.wait("document.getElementById('step').textContent.includes('back-off refuses')");
    let step = browser.text("#step");
    assert!(step.contains("kube-controller-manager.log:1016"), "{step}");
    assert!(step.contains("Starting attacherDetacher.DetachVolume"), "{step}");
    browser.click("#step .evidence:nth-of-type(2) button");
    browser.wait("document.querySelectorAll('#step .log li').length > 2");
    assert!(browser.text("#step .log").contains("other line"));

    // The keyboard walks on to the next step, and a link leads to a moment.
    browser.evaluate("document.getElementById('lanes').focus()");
    browser.key("ArrowRight");
    browser.wait("document.querySelector('#step .what').textContent.includes('is bound to node-1')");
    browser.evaluate("location.hash = '#cell=0&at=2026-11-25T02:13:08.910Z'");
    browser.wait("document.querySelector('#step .what').textContent.includes('mounts pv-1')");
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

#[test]
fn a_narrow_screen_needs_no_scrolling_sideways() {
    let Some(mut browser) = Browser::start() else { return };
    browser.size(360, 740);
    browser.open(&html(&founding()));
    assert!(browser.number("document.documentElement.scrollWidth") <= 360.0);
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

#[test]
fn hostile_names_show_as_text() {
    let Some(mut browser) = Browser::start() else { return };
    let hostile = "</script><img src=x onerror=document.title='owned'><b>";
    let mut report = founding();
    let timeline = report.timeline.as_mut().expect("a timeline");
    for cell in &mut timeline.cells {
        cell.pv = Some(hostile.to_owned());
        cell.pods = vec![hostile.to_owned()];
    }
    for event in &mut timeline.events {
        event.step.what = hostile.to_owned();
        for evidence in &mut event.step.evidence {
            evidence.text = hostile.to_owned();
        }
    }
    browser.open(&html(&report));
    browser.click("#cells tbody tr:not(.spacer)");
    browser.wait("document.getElementById('step').textContent.includes('<img')");
    assert_eq!(browser.evaluate("document.images.length"), 0);
    assert_ne!(browser.evaluate("document.title"), "owned");
    assert!(browser.text("#pair").contains(hostile));
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

/// Steps of the measured page.
const STEPS: u32 = 100_000;
/// Its pairs.
const PAIRS: u32 = 400;

/// A report with that many steps, each with a line of evidence of the usual length.
fn large() -> Report {
    let from = Time::parse("2026-11-25T00:00:00Z").expect("a stamp");
    let at = |step: u32| Time(from.0 + i64::from(step) * 73_919);
    let volume = |pair: u32| format!("kubernetes.io/csi/csi.example.com^vol-{pair:05}");
    let node = |pair: u32| format!("node-{:03}", pair % 100);
    let events = (0..STEPS).map(|step| {
        let pair = (step * 7) % PAIRS;
        let text = format!(
            "I1125 {} 98 reconciler.go:198] Starting attacherDetacher.DetachVolume for volume \"pv-{pair}\" (UniqueName: \
             \"{}\") on node \"{}\" attempt {step}",
            &at(step).to_string()[11..26],
            volume(pair),
            node(pair)
        );
        let evidence = Evidence {
            source: "control-plane/kube-controller-manager.log".to_owned(),
            line: step * 3 + 1,
            text,
            repeat: None,
        };
        let what = format!("starts to detach pv-{pair} from {}", node(pair));
        Event {
            step: Step::observed(at(step), Actor::Controller, "detach_started", what, vec![evidence]),
            volume: Some(volume(pair)),
            node: Some(node(pair)),
            pod: None,
        }
    });
    let cells = (0..PAIRS).map(|pair| CellLine {
        volume: volume(pair),
        pv: Some(format!("pv-{pair}")),
        node: node(pair),
        pods: vec![format!("app/web-{pair}")],
        divergences: Vec::new(),
        begin: States::default(),
        end: States::default(),
        changes: (0..STEPS)
            .filter(|step| (step * 7) % PAIRS == pair)
            .map(|step| Change {
                event: step,
                lane: Lane::Operation,
                value: if step % 2 == 0 { "detach" } else { "none" },
                until: None,
            })
            .collect(),
    });
    let mut report = Report::new(Profile {
        kubernetes: "1.20".to_owned(),
        release: None,
        because: "made for a measurement".to_owned(),
        assumed: true,
    });
    let window = Some(Window { from, to: at(STEPS) });
    report.window = window;
    report.timeline = Some(Timeline {
        schema: SCHEMA,
        window,
        cells: cells.collect(),
        events: events.collect(),
        causes: (1..STEPS)
            .map(|step| Cause {
                from: step - 1,
                to: step,
                rule: "retried",
                because: "a try after a failure",
            })
            .collect(),
        lines: Vec::new(),
    });
    report
}

#[test]
fn a_large_page_stays_small() {
    let page = html(&large());
    let budget = 400_000 + 120 * STEPS as usize;
    println!("{} bytes, {} a step", page.len(), page.len() / STEPS as usize);
    assert!(page.len() <= budget, "{} bytes", page.len());
}

/// Frames that a script acted on in two seconds, and how many that is a second.
const FRAMES: &str = "(act) => new Promise((done) => {
    let frames = 0; const began = performance.now();
    const next = (now) => {
      act(frames++);
      now - began < 2000 ? requestAnimationFrame(next) : done([frames, frames / (now - began) * 1000]);
    };
    requestAnimationFrame(next); })";

/// What scrolling or panning costs.
struct Motion {
    what: &'static str,
    /// Frames a second.
    rate: f64,
    /// Milliseconds of work on the page's main thread for each frame; a frame has 16.
    work: f64,
}

/// The best of three tries: what else the machine does can only make it worse.
fn motion(browser: &mut Browser, what: &'static str, act: &str) -> Motion {
    let tries = [(); 3].map(|()| {
        let before = browser.worked();
        let answer = browser.evaluate(&format!("({FRAMES})((i) => {act})"));
        let number = |at: usize| answer[at].as_f64().expect("a number");
        let work = (browser.worked() - before) / number(0);
        println!("{what}: {:.0} frames a second, {work:.1} ms of work each", number(1));
        (number(1), work)
    });
    Motion {
        what,
        rate: tries.iter().map(|(rate, _)| *rate).fold(0.0, f64::max),
        work: tries.iter().map(|(_, work)| *work).fold(f64::INFINITY, f64::min),
    }
}

#[test]
#[ignore = "a measurement: it wants an idle machine"]
fn a_large_page_paints_at_once_and_scrolls_smoothly() {
    let Some(mut browser) = Browser::start() else { return };
    browser.size(1280, 900);
    browser.open(&html(&large()));
    let paint = browser.number("performance.getEntriesByName('first-contentful-paint')[0].startTime");
    let ready = browser.number("performance.now()");
    println!("first paint {paint:.0} ms, ready {ready:.0} ms");
    browser.evaluate("document.getElementById('scope').value = 'all'; document.getElementById('scope').dispatchEvent(new Event('change'))");
    let motions = [
        // Through all rows within the two seconds, and as a wheel scrolls.
        ("list, far", "document.getElementById('steps').scrollTop = i * 7777 % 2500000"),
        ("list, near", "document.getElementById('steps').scrollTop = i * 100"),
        ("page", "scrollTo(0, i * 9 % 900)"),
        (
            "lanes",
            "document.getElementById('lanes').dispatchEvent(new WheelEvent('wheel', {deltaX: i % 40 < 20 ? 9 : -9, cancelable: true}))",
        ),
    ]
    .map(|(what, act)| motion(&mut browser, what, act));
    assert!(paint <= 1000.0, "first paint after {paint} ms");
    for Motion { what, rate, work } in motions {
        assert!(rate >= 50.0, "{what}: {rate} frames a second");
        // A quarter of a frame is left for a slower machine.
        assert!(work <= 12.0, "{what}: {work} ms a frame");
    }
    assert_eq!(browser.complaints(), Vec::<String>::new());
}
