//! Any text through all wrappers: prefixes, JSON envelopes, documents, tables, encodings.
//!
//! The first byte picks the file's name and tight or wide limits.

#![no_main]

use adtrace::bundle::Limits;
use libfuzzer_sys::fuzz_target;

const NAMES: [&str; 4] = ["kubelet.log", "objects.json", "journal.txt", "var!log!kube-controller-manager-20261125.log"];

fuzz_target!(|data: &[u8]| {
    let Some((pick, bytes)) = data.split_first() else { return };
    let tight = Limits {
        line_bytes: 200,
        json_depth: 4,
        held_bytes: 1 << 10,
        ..Limits::default()
    };
    let limits = if pick & 4 == 0 { Limits::default() } else { tight };
    let path = adtrace_fuzz::put(NAMES[usize::from(*pick) % 4], bytes);
    if let Some(reading) = adtrace_fuzz::check(&path, &limits) {
        let packed = reading.sources.iter().any(|source| source.path.contains('!') || source.bytes == 0);
        let wide = matches!(bytes, [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [0, ..] | [_, 0, ..]);
        if !packed && !wide {
            adtrace_fuzz::is_complete(&reading, bytes);
        }
    }
    adtrace_fuzz::take_away(&path);
});
