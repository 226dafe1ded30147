//! From a closed shard to the bytes of its archive: frames, seek table, and encryption around both.

use std::io::{self, Read, Write};

use sha2::{Digest, Sha256};
use zstd::bulk::Compressor;
use zstd::zstd_safe::{CParameter, compress_bound};

use crate::storage::File;

use super::crypt::{Ephemeral, Recipients};
use super::frames::seek_table;

/// Frames are cut at the first line end after so many bytes: small enough that a reader which wants one record decodes
/// little, and large enough that compression loses about a hundredth against one frame for all.
const FRAME: usize = 1 << 20;

/// Compresses and, if there are recipients, encrypts all of `shard` to `out`; says how many bytes it was. `tick` is told
/// after each frame how many have been read.
pub(super) fn pack(
    shard: impl Read,
    level: i32,
    recipients: &Recipients,
    reader: &Ephemeral,
    mut out: impl Write,
    tick: &mut dyn FnMut(u64),
) -> io::Result<u64> {
    if recipients.is_empty() {
        return compress(shard, level, &mut out, tick);
    }
    let mut sealed = recipients.encrypt(reader, out)?;
    let bytes = compress(shard, level, &mut sealed, tick)?;
    sealed.finish()?;
    Ok(bytes)
}

fn compress(
    mut shard: impl Read,
    level: i32,
    out: &mut impl Write,
    tick: &mut dyn FnMut(u64),
) -> io::Result<u64> {
    let mut zstd = Compressor::new(level)?;
    // Four bytes a frame: a decoder that is not ours notices damage without our Merkle tree.
    zstd.set_parameter(CParameter::ChecksumFlag(true))?;
    let mut held = Vec::with_capacity(FRAME + LINE);
    let mut stored = Vec::new();
    let mut sizes = Vec::new();
    let mut bytes = 0;
    loop {
        let want = FRAME.saturating_sub(held.len()).max(LINE);
        let read = (&mut shard).take(want as u64).read_to_end(&mut held)?;
        let cut = match held.get(FRAME - 1..).and_then(|rest| rest.iter().position(|b| *b == b'\n')) {
            Some(at) => FRAME + at,
            // The end; bytes without a newline there are not lost either.
            None if read == 0 => held.len(),
            None => continue,
        };
        if cut == 0 {
            break;
        }
        stored.resize(compress_bound(cut), 0);
        let n = zstd.compress_to_buffer(&held[..cut], &mut stored[..])?;
        out.write_all(&stored[..n])?;
        let small = |n: usize| u32::try_from(n).map_err(|_| io::Error::other("a line of more than 4 GiB"));
        sizes.push((small(n)?, small(cut)?));
        held.drain(..cut);
        bytes += cut as u64;
        tick(bytes);
    }
    out.write_all(&seek_table(&sizes))?;
    Ok(bytes)
}

/// A file that is being written, and the SHA-256 of what is in it.
pub(super) struct Hashed {
    pub(super) file: Box<dyn File>,
    pub(super) hash: Sha256,
    pub(super) bytes: u64,
}

impl Hashed {
    pub(super) fn new(file: Box<dyn File>) -> Hashed {
        Hashed { file, hash: Sha256::new(), bytes: 0 }
    }
}

impl Write for Hashed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.append(bytes)?;
        self.hash.update(bytes);
        self.bytes += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Read at least so much at once: a record has no more.
const LINE: usize = 64 << 10;
