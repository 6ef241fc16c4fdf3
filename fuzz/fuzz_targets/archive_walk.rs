//! Arbitrary bytes as an archive, within tiny limits.
//!
//! The first byte picks up to two layers that are put around the bytes in good order, so that what is wrong lies behind
//! a checksum that is right.

#![no_main]

use std::io::{Cursor, Write};
use std::ops::ControlFlow;

use adtrace::bundle::{self, Limits};
use libfuzzer_sys::fuzz_target;

/// Bytes of one entry at most.
const MOST: u64 = 4 << 10;
/// Entries at most.
const ENTRIES: u64 = 8;

fuzz_target!(|data: &[u8]| {
    let Some((pick, bytes)) = data.split_first() else { return };
    let bytes = layer(pick >> 4, layer(pick & 15, bytes.to_vec()));
    let limits = Limits {
        entries: ENTRIES,
        entry_bytes: MOST,
        ratio: 20,
        nesting: 3,
        held_bytes: 2 << 10,
        line_bytes: 512,
        json_depth: 8,
        ..Limits::default()
    };
    let path = adtrace_fuzz::put("bundle", &bytes);
    let mut seen = 0;
    let walk = bundle::walk(&[path.clone()], &limits, &mut |entry| {
        let mut text = Vec::new();
        entry.bytes.read_to_end(&mut text)?;
        assert!(text.len() as u64 <= MOST, "an entry of {} bytes", text.len());
        assert!(entry.path.starts_with("bundle"), "{:?}", entry.path);
        seen += 1;
        Ok(ControlFlow::Continue(()))
    })
    .expect("damage is no error");
    assert!(seen <= ENTRIES, "{seen} entries");
    assert_eq!(seen, walk.entries, "entries and calls differ");
    adtrace_fuzz::check(&path, &limits);
    adtrace_fuzz::take_away(&path);
});

/// The bytes packed in one of the ways, or as they are.
fn layer(way: u8, bytes: Vec<u8>) -> Vec<u8> {
    let packed = match way {
        1 => gzip(&bytes),
        2 => tar_of("logs/kubelet.log", &bytes),
        3 => tar_of("x", &bytes).and_then(|tar| gzip(&tar)),
        4 => zip_of(&bytes),
        5 => zstd::encode_all(&*bytes, 1).ok(),
        6 => xz(&bytes),
        7 => bzip(&bytes),
        // A member that is cut.
        8 => tar_of("cut", &bytes).map(|mut tar| {
            tar.truncate(512 + bytes.len() / 2);
            tar
        }),
        // A stream that is cut.
        9 => gzip(&bytes).map(|mut gz| {
            gz.truncate(gz.len() / 2);
            gz
        }),
        _ => None,
    };
    packed.unwrap_or(bytes)
}

fn gzip(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(bytes).ok()?;
    gz.finish().ok()
}

fn xz(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut xz = liblzma::write::XzEncoder::new(Vec::new(), 0);
    xz.write_all(bytes).ok()?;
    xz.finish().ok()
}

fn bzip(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut bz = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    bz.write_all(bytes).ok()?;
    bz.finish().ok()
}

fn tar_of(name: &str, bytes: &[u8]) -> Option<Vec<u8>> {
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(bytes.len() as u64);
    header.set_mode(0o644);
    tar.append_data(&mut header, name, bytes).ok()?;
    tar.into_inner().ok()
}

fn zip_of(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file("a.log", zip::write::SimpleFileOptions::default()).ok()?;
    zip.write_all(bytes).ok()?;
    Some(zip.finish().ok()?.into_inner())
}
