//! Walks over small bundles made in memory or in a scratch directory.

use std::io::Write;

use super::*;

/// A directory under the system's temporary one, removed when dropped.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Scratch {
        let dir = std::env::temp_dir().join(format!("adtrace-bundle-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        Scratch(dir)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Paths and contents that a walk shows, and what it skipped.
fn seen(paths: &[PathBuf], limits: &Limits) -> (Vec<(String, String)>, Walk) {
    let mut found = Vec::new();
    let walk = walk(paths, limits, &mut |entry| {
        let mut text = String::new();
        entry.bytes.read_to_string(&mut text)?;
        found.push((entry.path.to_owned(), text));
        Ok(ControlFlow::Continue(()))
    })
    .unwrap();
    (found, walk)
}

fn pair(path: &str, text: &str) -> (String, String) {
    (path.to_owned(), text.to_owned())
}

fn tar_of(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, bytes) in members {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, name, *bytes).unwrap();
    }
    tar.into_inner().unwrap()
}

fn zip_of(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in members {
        zip.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(bytes).unwrap();
    gz.finish().unwrap()
}

#[test]
fn a_directory_is_walked_in_the_order_of_names() {
    let scratch = Scratch::new("dir");
    for name in ["b/2.log", "b/10.log", "a.log"] {
        scratch.write(name, name.as_bytes());
    }
    let (found, walk) = seen(std::slice::from_ref(&scratch.0), &Limits::default());
    assert_eq!(
        found,
        [
            pair("a.log", "a.log"),
            pair("b/10.log", "b/10.log"),
            pair("b/2.log", "b/2.log")
        ]
    );
    assert_eq!(walk.entries, 3);
}

#[test]
fn every_packing_is_told_by_its_content() {
    let scratch = Scratch::new("packings");
    let tar = tar_of(&[("x/a.log", b"hello"), ("./b.log", b"world")]);
    let mut xz = liblzma::write::XzEncoder::new(Vec::new(), 1);
    xz.write_all(&tar).unwrap();
    let mut bz = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    bz.write_all(&tar).unwrap();
    let packed = [
        tar.clone(),
        gzip(&tar),
        zstd::encode_all(&*tar, 1).unwrap(),
        xz.finish().unwrap(),
        bz.finish().unwrap(),
        zip_of(&[("x/a.log", b"hello"), ("b.log", b"world")]),
    ];
    for bytes in packed {
        let path = scratch.write("strange.name", &bytes);
        let (found, _) = seen(&[path], &Limits::default());
        assert_eq!(
            found,
            [
                pair("strange.name!x/a.log", "hello"),
                pair("strange.name!b.log", "world")
            ]
        );
    }
}

#[test]
fn archives_in_archives_are_opened_to_the_limit() {
    let scratch = Scratch::new("nested");
    let inner = zip_of(&[("logs/kubelet.log", b"deep")]);
    let path = scratch.write("bundle.tgz", &gzip(&tar_of(&[("nodes/n1.zip", &inner)])));
    let (found, _) = seen(std::slice::from_ref(&path), &Limits::default());
    assert_eq!(found, [pair("bundle.tgz!nodes/n1.zip!logs/kubelet.log", "deep")]);
    let (found, walk) = seen(
        &[path],
        &Limits {
            nesting: 2,
            ..Limits::default()
        },
    );
    assert_eq!(found, []);
    assert_eq!(
        walk.skipped,
        [pair("bundle.tgz!nodes/n1.zip", "it is packed more than 2 times")]
    );
}
