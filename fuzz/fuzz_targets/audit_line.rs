//! An audit event on one line, as the API server writes it: from record to fact.
//!
//! The first byte says whether the line begins as every event does, stands alone, or is given twice (an event that was
//! collected twice is told once).

#![no_main]

use adtrace::bundle::Limits;
use libfuzzer_sys::fuzz_target;

const BEGINNING: &str = r#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"RequestResponse","#;

fuzz_target!(|data: &[u8]| {
    let Some((pick, rest)) = data.split_first() else { return };
    let line = String::from_utf8_lossy(rest);
    let begun = if pick & 1 == 0 { "" } else { BEGINNING };
    let mut text = format!("{begun}{line}");
    if pick & 2 != 0 {
        text = format!("{text}\n{text}\n");
    }
    let path = adtrace_fuzz::put("audit.log", text.as_bytes());
    if let Some(reading) = adtrace_fuzz::check(&path, &Limits::default()) {
        if text.starts_with("{\"") {
            adtrace_fuzz::is_complete(&reading, text.as_bytes());
        }
    }
    adtrace_fuzz::take_away(&path);
});
