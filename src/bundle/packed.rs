//! What tests pack: archives and compressed bytes made in memory, for tests here and, by path, for those beside.

use std::io::Write;

/// Bytes, compressed.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(bytes).expect("memory takes all");
    gz.finish().expect("memory takes all")
}

/// An archive of members with these names and contents, and when they were last written.
pub fn tar_at(seconds: u64, members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, bytes) in members {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(seconds);
        tar.append_data(&mut header, name, *bytes).expect("memory takes all");
    }
    tar.into_inner().expect("memory takes all")
}

/// The same, of no time.
pub fn tar_of(members: &[(&str, &[u8])]) -> Vec<u8> {
    tar_at(0, members)
}
