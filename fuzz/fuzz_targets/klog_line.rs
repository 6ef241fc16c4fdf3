//! A klog line: header and tail parsers, and the message table.
//!
//! The first byte picks the log it stands in and whether a proper header is set before it: most changes to a header
//! make it none, and then nothing behind it is looked at.

#![no_main]

use adtrace::bundle::Limits;
use adtrace::record::klog;
use libfuzzer_sys::fuzz_target;

const LOGS: [&str; 4] = ["kube-controller-manager.log", "kubelet.log", "external-attacher.log", "some.log"];
const HEADERS: [&str; 4] = [
    "",
    "I1125 02:15:03.000001      59 reconciler.go:12] ",
    "E1125 02:15:03.000001       1 operation_generator.go:370] \"",
    "W0229 23:59:59.999999       1 ",
];

fuzz_target!(|data: &[u8]| {
    let Some((pick, rest)) = data.split_first() else { return };
    let pick = usize::from(*pick);
    let (log, header) = (LOGS[pick % 4], HEADERS[pick / 4 % 4]);
    let text = format!("{header}{}", String::from_utf8_lossy(rest));
    if let Ok((message, _)) = klog::header(&text) {
        assert!(klog::begins(text.as_bytes()), "a header that does not look like one");
        assert!(text.ends_with(message), "the message is not the line's end");
    }
    let path = adtrace_fuzz::put(log, text.as_bytes());
    if let Some(reading) = adtrace_fuzz::check(&path, &Limits::default()) {
        let line_is_plain = klog::begins(text.as_bytes());
        if line_is_plain {
            adtrace_fuzz::is_complete(&reading, text.as_bytes());
        }
    }
    adtrace_fuzz::take_away(&path);
});
