//! Walks over small bundles made in memory or in a scratch directory.

use std::io::Write;

use super::packed::{gzip, tar_of};
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

fn zip_of(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in members {
        zip.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
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

/// A tar archive with one member of that type and name, its header set by hand.
fn tar_member(kind: tar::EntryType, name: &[u8], bytes: &[u8]) -> Vec<u8> {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_size(bytes.len() as u64);
    header.set_mode(0o644);
    if let Some(field) = header.as_old_mut().name.get_mut(..name.len()) {
        field.copy_from_slice(name);
    }
    header.set_link_name("../../etc/passwd").unwrap();
    header.set_cksum();
    let mut tar = header.as_bytes().to_vec();
    tar.extend_from_slice(bytes);
    tar.resize(tar.len().next_multiple_of(512), 0);
    tar
}

#[test]
fn links_and_devices_in_archives_are_skipped_and_told() {
    use tar::EntryType as Type;
    let scratch = Scratch::new("links");
    let kinds = [Type::Symlink, Type::Link, Type::Char, Type::Block, Type::Fifo];
    let mut bytes: Vec<u8> = kinds
        .iter()
        .flat_map(|kind| tar_member(*kind, b"var/log/kubelet.log", b""))
        .collect();
    bytes.extend(tar_of(&[("a.log", b"hello")]));
    let path = scratch.write("b.tar", &bytes);
    let (found, walk) = seen(&[path], &Limits::default());
    assert_eq!(found, [pair("b.tar!a.log", "hello")]);
    let told = pair("b.tar!var/log/kubelet.log", "it is a link or a device, not a file");
    assert_eq!(walk.skipped, vec![told; kinds.len()]);

    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    zip.add_symlink("l", "/etc/passwd", zip::write::SimpleFileOptions::default())
        .unwrap();
    let path = scratch.write("b.zip", &zip.finish().unwrap().into_inner());
    let (found, walk) = seen(&[path], &Limits::default());
    assert_eq!(found, []);
    assert_eq!(walk.skipped, [pair("b.zip!l", "it is a link or a device, not a file")]);
}

#[test]
fn links_in_directories_are_not_followed() {
    let scratch = Scratch::new("dirlink");
    scratch.write("real/a.log", b"hello");
    std::os::unix::fs::symlink("/etc/passwd", scratch.0.join("b.log")).unwrap();
    std::os::unix::fs::symlink("real", scratch.0.join("again")).unwrap();
    let (found, walk) = seen(std::slice::from_ref(&scratch.0), &Limits::default());
    assert_eq!(found, [pair("real/a.log", "hello")]);
    assert_eq!(walk.skipped.len(), 2);
}

#[test]
fn names_that_lead_out_of_an_archive_are_names_only() {
    let scratch = Scratch::new("outside");
    let names = ["../outside.log", "/outside.log", "a/../../../outside.log"];
    let mut bytes: Vec<u8> = names
        .iter()
        .flat_map(|name| tar_member(tar::EntryType::Regular, name.as_bytes(), b"inside"))
        .collect();
    bytes.resize(bytes.len() + 1024, 0);
    let tar = scratch.write("in/b.tar", &bytes);
    let zip = scratch.write("in/b.zip", &zip_of(&names.map(|name| (name, &b"inside"[..]))));
    scratch.write("outside.log", b"outside");
    let (found, walk) = seen(&[tar, zip], &Limits::default());
    // What is shown is what the archive holds; nothing was opened by that name, and nothing written.
    let shown = |bundle: &str| names.map(|name| pair(&format!("{bundle}!{name}"), "inside"));
    assert_eq!(found, [shown("b.tar"), shown("b.zip")].concat());
    assert_eq!(walk.skipped, []);
    let text = std::fs::read_to_string(scratch.0.join("outside.log")).unwrap();
    assert_eq!(text, "outside");
    assert_eq!(std::fs::read_dir(scratch.0.join("in")).unwrap().count(), 2);
}

#[test]
fn links_count_as_entries() {
    let scratch = Scratch::new("manylinks");
    let bytes = tar_member(tar::EntryType::Symlink, b"l", b"").repeat(20_000);
    let path = scratch.write("b.tar.gz", &gzip(&bytes));
    let limits = Limits {
        entries: 5,
        ..Limits::default()
    };
    let (_, walk) = seen(std::slice::from_ref(&path), &limits);
    assert_eq!(walk.skipped.len(), 6);
    assert_eq!(
        walk.skipped.last(),
        Some(&pair("b.tar.gz!l", "the limit of 5 entries is reached"))
    );
    // Of very many, the first are listed and the others counted.
    let (_, walk) = seen(&[path], &Limits::default());
    assert_eq!(walk.skipped.len(), LISTED + 1);
    assert_eq!(
        walk.skipped.last(),
        Some(&pair("(others)", "10000 more were not read, or not to their end"))
    );
}

#[test]
fn a_name_that_fills_the_memory_is_refused() {
    let scratch = Scratch::new("longname");
    let mut bytes = tar_of(&[("a.log", b"hello")]);
    bytes.truncate(1024);
    bytes.extend(tar_member(tar::EntryType::GNULongName, b"x", &vec![b'n'; 2 << 20]));
    bytes.extend(tar_of(&[("b.log", b"world")]));
    let path = scratch.write("b.tar", &bytes);
    let (found, walk) = seen(&[path], &Limits::default());
    assert_eq!(found, [pair("b.tar!a.log", "hello")]);
    let [(_, why)] = &*walk.skipped else {
        panic!("{:?}", walk.skipped)
    };
    assert!(why.contains("what stands before a member is too large"), "{why}");
    // Names that file systems take are read as they are.
    let name = format!("{}/a.log", "d".repeat(300));
    let path = scratch.write("c.tar", &tar_of(&[(&name, b"hello")]));
    assert_eq!(
        seen(&[path], &Limits::default()).0,
        [pair(&format!("c.tar!{name}"), "hello")]
    );
}

#[test]
fn holes_of_a_sparse_file_are_no_way_around_the_ratio() {
    let scratch = Scratch::new("sparse");
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::GNUSparse);
    header.set_path("s.log").unwrap();
    header.set_size(0);
    let gnu = header.as_gnu_mut().unwrap();
    // One hole of 64 GiB, and no data.
    gnu.realsize = *b"77777777777\0";
    gnu.sparse[0].offset = *b"77777777777\0";
    gnu.sparse[0].numbytes = *b"00000000000\0";
    header.set_cksum();
    let path = scratch.write("b.tar", header.as_bytes());
    let mut bytes = 0;
    let walk = walk(&[path], &Limits::default(), &mut |entry| {
        bytes += io::copy(entry.bytes, &mut io::sink())?;
        Ok(ControlFlow::Continue(()))
    })
    .unwrap();
    assert!(bytes < 32 << 20, "{bytes}");
    assert!(
        walk.skipped.iter().any(|(_, why)| why.contains("times its size")),
        "{:?}",
        walk.skipped
    );
}

#[test]
fn bombs_within_each_other_and_beside_each_other_are_one_bomb() {
    let scratch = Scratch::new("bombs");
    let most = |bytes: &[u8]| {
        let path = scratch.write("bomb", bytes);
        let limits = Limits {
            ratio: 200,
            ..Limits::default()
        };
        let mut out = 0;
        let walk = walk(&[path], &limits, &mut |entry| {
            out += io::copy(entry.bytes, &mut io::sink())?;
            Ok(ControlFlow::Continue(()))
        })
        .unwrap();
        assert!(
            walk.skipped.iter().any(|(_, why)| why.contains("200 times")),
            "{:?}",
            walk.skipped
        );
        out
    };
    // Each layer alone is within the ratio: 64 MiB shrink to some 500 KB, and those to 3 KB.
    let inner = zstd::encode_all(&*vec![b'\n'; 64 << 20], -7).unwrap();
    let layers = gzip(&inner);
    assert!(most(&layers) <= 17 << 20);
    // So is each of many members.
    let member = gzip(&vec![b'\n'; 2 << 20]);
    let names: Vec<String> = (0..40).map(|index| format!("{index}.gz")).collect();
    let members: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &*member)).collect();
    assert!(most(&gzip(&tar_of(&members))) <= 17 << 20);
}

#[test]
fn entries_are_cut_at_their_limit_in_every_packing() {
    let scratch = Scratch::new("cut");
    let limits = Limits {
        entry_bytes: 4,
        ..Limits::default()
    };
    let told = "cut at the limit of 4 bytes for one entry";
    for (bytes, shown) in [
        (b"hello".to_vec(), "x"),
        (zip_of(&[("a", b"hello")]), "x!a"),
        (tar_of(&[("a", b"hello")]), "x!a"),
        (gzip(b"hello"), "x"),
    ] {
        let path = scratch.write("x", &bytes);
        let (found, walk) = seen(&[path], &limits);
        assert_eq!(found, [pair(shown, "hell")]);
        assert_eq!(walk.skipped, [pair(shown, told)]);
    }
}

#[test]
fn a_truncated_stream_gives_what_is_there_and_a_note() {
    let scratch = Scratch::new("truncated");
    let text = (0..2000_u32).map(|n| format!("{n}\n")).collect::<String>();
    let packed = gzip(text.as_bytes());
    let path = scratch.write("a.gz", &packed[..packed.len() / 2]);
    let (found, walk) = seen(&[path], &Limits::default());
    assert!(text.starts_with(&found[0].1) && found[0].1.len() > 100);
    assert!(
        walk.skipped[0].1.contains("what came before is used"),
        "{:?}",
        walk.skipped
    );
}

#[test]
fn paths_that_end_alike_are_told_apart() {
    let place = Scratch::new("alike");
    let one = place.write("one/bundle/a.log", b"1");
    let other = place.write("other/bundle/a.log", b"2");
    let folders = [&one, &other].map(|file| file.parent().unwrap().to_owned());
    let (found, _) = seen(&folders, &Limits::default());
    assert_eq!(found, [pair("one/bundle/a.log", "1"), pair("other/bundle/a.log", "2")]);
    let (found, _) = seen(&[one, other], &Limits::default());
    assert_eq!(found, [pair("one/bundle/a.log", "1"), pair("other/bundle/a.log", "2")]);
}
