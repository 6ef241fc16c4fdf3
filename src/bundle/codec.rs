//! What the first bytes of a stream say it is packed as, and the decoder for each compression.
//!
//! In: the head of a stream. Out: its [`Packing`], by content alone, since names lie; and for compressions a reader of
//! what is inside.

use std::io::{self, BufReader, Read};

/// Bytes needed to tell every packing: the tar magic ends at 265.
pub const HEAD: usize = 512;

/// How a stream is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// Gzip, one or more members.
    Gzip,
    /// Zstandard.
    Zstd,
    /// xz.
    Xz,
    /// bzip2.
    Bzip2,
    /// A tar archive.
    Tar,
    /// A zip archive.
    Zip,
    /// None of these: content.
    Plain,
}

/// Tells the packing from a stream's first bytes.
pub fn packing(head: &[u8]) -> Packing {
    match head {
        [0x1f, 0x8b, 8, ..] => Packing::Gzip,
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Packing::Zstd,
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Packing::Xz,
        [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41, 0x59, 0x26, ..] => Packing::Bzip2,
        [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => Packing::Zip,
        _ if head.get(257..262) == Some(b"ustar") || is_old_tar(head) => Packing::Tar,
        _ => Packing::Plain,
    }
}

/// A tar header before `ustar`: told by its checksum, since it has no magic.
fn is_old_tar(head: &[u8]) -> bool {
    let Some(block) = head.get(..512) else { return false };
    let (Some(name), Some(field)) = (block.first(), block.get(148..156)) else {
        return false;
    };
    let digits: Vec<u8> = field.iter().copied().filter(u8::is_ascii_digit).collect();
    let Some(wanted) = std::str::from_utf8(&digits)
        .ok()
        .and_then(|text| u32::from_str_radix(text, 8).ok())
    else {
        return false;
    };
    let sum: u32 = block
        .iter()
        .enumerate()
        .map(|(at, &b)| if (148..156).contains(&at) { 32 } else { u32::from(b) })
        .sum();
    *name != 0 && digits.len() >= 4 && sum == wanted
}

/// A reader of what a compression holds; `None` for archives and plain content.
pub fn decoder<'a>(packing: Packing, packed: Box<dyn Read + 'a>) -> io::Result<Option<Box<dyn Read + 'a>>> {
    Ok(match packing {
        Packing::Gzip => Some(Box::new(flate2::bufread::MultiGzDecoder::new(
            BufReader::with_capacity(1 << 16, packed),
        ))),
        Packing::Zstd => Some(Box::new(zstd::stream::read::Decoder::new(packed)?)),
        Packing::Xz => Some(Box::new(liblzma::read::XzDecoder::new_multi_decoder(packed))),
        Packing::Bzip2 => Some(Box::new(bzip2::read::MultiBzDecoder::new(packed))),
        Packing::Tar | Packing::Zip | Packing::Plain => None,
    })
}
