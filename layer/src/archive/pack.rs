//! From a closed shard to the bytes of its archive: frames, seek table, and encryption around both.

use std::io::{self, Read, Write};
use std::num::NonZeroUsize;

use memchr::memchr;
use sha2::{Digest, Sha256};
use zstd::bulk::Compressor;
use zstd::zstd_safe::{CParameter, compress_bound};

use crate::storage::File;

use super::crypt::{Ephemeral, Recipients};
use super::frames::seek_table;
use super::parallel::in_order;

/// Frames are cut at the first line end after so many bytes: small enough that a reader which wants one record decodes
/// little, and large enough that compression loses about a hundredth against one frame for all.
const FRAME: usize = 1 << 20;

/// How a shard is packed.
#[derive(Clone, Copy)]
pub(super) struct Packing<'a> {
    pub(super) level: i32,
    pub(super) recipients: &'a Recipients,
    /// So many compress. What they make is the same whatever their number.
    pub(super) threads: NonZeroUsize,
}

impl Packing<'_> {
    /// Compresses and, if there are recipients, encrypts all of `shard` to `out`; says how many bytes it was. `tick` is
    /// told after each frame how many of them are written.
    pub(super) fn pack(
        &self,
        shard: impl Read,
        reader: &Ephemeral,
        mut out: impl Write,
        tick: &mut dyn FnMut(u64),
    ) -> io::Result<u64> {
        if self.recipients.is_empty() {
            return self.compress(shard, &mut out, tick);
        }
        let mut sealed = self.recipients.encrypt(reader, out)?;
        let bytes = self.compress(shard, &mut sealed, tick)?;
        sealed.finish()?;
        Ok(bytes)
    }

    fn compress(
        &self,
        mut shard: impl Read,
        out: &mut impl Write,
        tick: &mut dyn FnMut(u64),
    ) -> io::Result<u64> {
        let mut beyond = Vec::new();
        let mut sizes = Vec::new();
        let mut bytes = 0;
        in_order(
            self.threads,
            |piece: &mut Piece| next_lines(&mut shard, &mut piece.lines, &mut beyond),
            || {
                let mut zstd = Compressor::new(self.level)?;
                // Four bytes a frame: a decoder that is not ours notices damage without our Merkle tree.
                zstd.set_parameter(CParameter::ChecksumFlag(true))?;
                // A frame is a little more than a MiB, for which zstd would take tables for two: no smaller, and at level 12 a
                // fifth slower.
                zstd.set_parameter(CParameter::WindowLog(FRAME.ilog2()))?;
                Ok(move |piece: &mut Piece| piece.compress(&mut zstd))
            },
            |piece| {
                if let Some(error) = piece.failed.take() {
                    return Err(error);
                }
                out.write_all(&piece.frame)?;
                let small =
                    |n: usize| u32::try_from(n).map_err(|_| io::Error::other("a line of more than 4 GiB"));
                sizes.push((small(piece.frame.len())?, small(piece.lines.len())?));
                bytes += piece.lines.len() as u64;
                tick(bytes);
                Ok(())
            },
        )?;
        out.write_all(&seek_table(&sizes))?;
        Ok(bytes)
    }
}

/// Some lines and the frame that they become.
#[derive(Default)]
struct Piece {
    lines: Vec<u8>,
    frame: Vec<u8>,
    failed: Option<io::Error>,
}

impl Piece {
    fn compress(&mut self, zstd: &mut Compressor<'_>) {
        // Only the room counts: what a buffer holds is written over.
        self.frame.clear();
        self.frame.reserve(compress_bound(self.lines.len()));
        self.failed = zstd.compress_to_buffer(&self.lines, &mut self.frame).err();
    }
}

/// The lines of the next frame: what was read `beyond` the last one, and what follows in the shard. `false` at its end.
fn next_lines(shard: &mut impl Read, lines: &mut Vec<u8>, beyond: &mut Vec<u8>) -> io::Result<bool> {
    lines.clear();
    lines.reserve(FRAME + LINE);
    lines.append(beyond);
    loop {
        let want = FRAME.saturating_sub(lines.len()).max(LINE);
        let read = shard.take(want as u64).read_to_end(lines)?;
        let cut = match lines.get(FRAME - 1..).and_then(|rest| memchr(b'\n', rest)) {
            Some(at) => FRAME + at,
            // The end; bytes without a newline there are not lost either.
            None if read == 0 => lines.len(),
            None => continue,
        };
        beyond.extend_from_slice(&lines[cut..]);
        lines.truncate(cut);
        return Ok(cut > 0);
    }
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
