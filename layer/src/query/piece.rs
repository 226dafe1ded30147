//! Pieces of shards, read as whole lines: what a query searches and an overview counts.

use std::io::{self, Read};
use std::sync::Arc;

use memchr::{memchr, memrchr};

use crate::archive::{Identities, Reader};
use crate::catalog::Shard;
use crate::storage::Storage;

/// The lines of a shard that begin in a range of its bytes, uncompressed.
#[derive(Clone, Copy)]
pub(crate) struct Piece<'a> {
    pub(crate) shard: &'a Shard,
    pub(crate) from: u64,
    pub(crate) to: u64,
}

/// What [`parts`] is told: the bytes, whether they begin with the end of another piece's line, and where they end.
pub(crate) struct Opened {
    pub(crate) reader: Box<dyn Read>,
    pub(crate) cut: bool,
    pub(crate) to: u64,
}

impl Piece<'_> {
    /// Opens it, wherever the shard is kept.
    pub(crate) fn open(&self, storage: &Arc<dyn Storage>, identities: &Identities) -> io::Result<Opened> {
        let Piece { shard, from, to } = *self;
        if shard.is_plain() {
            let start = from.saturating_sub(1);
            return Ok(Opened { reader: storage.read(&shard.path, start)?, cut: from > 0, to: to - start });
        }
        let mut reader =
            Reader::open(Arc::clone(storage), &shard.path, identities).map_err(io::Error::other)?;
        let start = reader.seek(from).map_err(io::Error::other)?;
        let blocks = Blocks { reader, block: Vec::new(), given: 0 };
        Ok(Opened { reader: Box::new(blocks), cut: false, to: to.saturating_sub(start) })
    }
}

/// The uncompressed bytes of an archived shard.
struct Blocks {
    reader: Reader,
    block: Vec<u8>,
    given: usize,
}

impl Read for Blocks {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        if self.given == self.block.len() {
            self.block.clear();
            self.given = 0;
            match self.reader.block().map_err(io::Error::other)? {
                Some(block) => self.block.extend_from_slice(block),
                None => return Ok(0),
            }
        }
        let n = to.len().min(self.block.len() - self.given);
        to[..n].copy_from_slice(&self.block[self.given..self.given + n]);
        self.given += n;
        Ok(n)
    }
}

/// What comes out of a piece.
pub(crate) enum Part<'a> {
    /// Whole lines, each with its newline, save perhaps the last.
    Lines(&'a [u8]),
    /// A line longer than any record.
    Endless,
}

/// Hands on the lines that begin before byte `to` of what is read. With `cut`, the reader begins with the end of a line
/// that is another piece's. A line without its newline is being written, or torn: it is not read. Says how many bytes
/// need not be read again, from where the reader began.
pub(crate) fn parts(
    reader: &mut dyn Read,
    mut cut: bool,
    to: u64,
    buffer: &mut Vec<u8>,
    mut each: impl FnMut(Part<'_>),
) -> io::Result<u64> {
    // Offset of the buffer's first byte, and bytes in it.
    let (mut offset, mut filled) = (0_u64, 0);
    let mut consumed = 0;
    let mut ended = false;
    while !ended && offset < to {
        let left = usize::try_from(to - offset).unwrap_or(usize::MAX);
        let wanted = CHUNK.min(left.saturating_add(TAIL)).max(filled + filled / 2 + TAIL);
        if buffer.len() < wanted {
            buffer.resize(wanted, 0);
        }
        while filled < wanted && !ended {
            match reader.read(&mut buffer[filled..wanted]) {
                Ok(0) => ended = true,
                Ok(n) => filled += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        // The last line that begins before `to` ends with the first newline at or behind the byte before it.
        let whole = match buffer[..filled].get(left - 1..).and_then(|rest| memchr(b'\n', rest)) {
            Some(at) => left + at,
            None => memrchr(b'\n', &buffer[..filled]).map_or(0, |at| at + 1),
        };
        if whole == 0 {
            if filled >= LONGEST {
                // No record is so long. What follows up to the next newline belongs to it.
                if !cut {
                    each(Part::Endless);
                }
                cut = true;
                offset += filled as u64;
                filled = 0;
            }
            continue;
        }
        let mut text = &buffer[..whole];
        if cut {
            let end = memchr(b'\n', text).map_or(whole, |at| at + 1);
            text = &text[end..];
            cut = false;
        }
        each(Part::Lines(text));
        buffer.copy_within(whole..filled, 0);
        filled -= whole;
        offset += whole as u64;
        consumed = offset;
    }
    Ok(consumed)
}

/// Stays in a core's own cache while it is read and searched.
pub(super) const CHUNK: usize = 256 * 1024;
/// Read beyond a piece's end at once, for its last line.
const TAIL: usize = 4 * 1024;
/// Far beyond the longest record.
pub(super) const LONGEST: usize = 1024 * 1024;
