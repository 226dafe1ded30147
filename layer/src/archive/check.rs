//! Whether the lines of a shard are those that the ledger has of it. Threads decode its parts and hash their lines; the
//! tree grows on the caller's own.

use std::io;
use std::num::NonZeroUsize;
use std::path::Path;

use memchr::{memchr, memrchr};
use zstd::bulk::Decompressor;

use crate::journal::merkle::{self, Hash, Tree};

use super::error::ReadError;
use super::history::Past;
use super::parallel::in_order;
use super::read::{LINE_MOST, Part, Reader};

/// Whether the lines are those that the ledger has of the shard. An abandoned one may have more behind them. `out` gets
/// all bytes as they are read, before it is known.
pub(super) fn verify(
    mut reader: Reader,
    past: &Past,
    threads: NonZeroUsize,
    out: &mut dyn FnMut(&[u8]) -> io::Result<()>,
) -> Result<bool, ReadError> {
    let path = reader.path().to_owned();
    let failed = |source| ReadError::Io { path: path.clone(), source };
    let mut tree = Tree::new();
    let mut push = |leaves: &[Hash]| {
        let room = if past.abandoned { past.end.size.saturating_sub(tree.size()) } else { u64::MAX };
        let room = usize::try_from(room).unwrap_or(usize::MAX);
        tree.extend(&leaves[..leaves.len().min(room)]);
    };
    let mut bytes = 0;
    // A line that has begun. Our frames end with whole lines; those of another tool need not.
    let mut begun = Vec::new();
    in_order(
        threads,
        |piece: &mut Piece| reader.part(&mut piece.part),
        || {
            let mut decoder = Decompressor::new().map_err(failed)?;
            let path = path.as_path();
            Ok(move |piece: &mut Piece| piece.look(&mut decoder, path))
        },
        |piece| {
            if let Some(error) = piece.failed.take() {
                return Err(error);
            }
            let text = &piece.part.text;
            out(text).map_err(failed)?;
            bytes += text.len() as u64;
            let Some(first) = piece.first else {
                begun.extend_from_slice(text);
                if begun.len() > LINE_MOST {
                    let (path, offset) = (path.clone(), bytes - begun.len() as u64);
                    return Err(ReadError::Damaged { path, offset, why: "a line longer than any record" });
                }
                return Ok(());
            };
            begun.extend_from_slice(&text[..first]);
            push(&[Hash::leaf(&begun)]);
            push(&piece.leaves);
            begun.clear();
            begun.extend_from_slice(&text[piece.last..]);
            Ok(())
        },
    )?;
    let whole = past.abandoned || begun.is_empty();
    Ok(whole && tree.size() == past.end.size && tree.root() == past.end.root)
}

/// A part of the shard, and the hashes of the lines that begin and end in it.
#[derive(Default)]
struct Piece {
    part: Part,
    failed: Option<ReadError>,
    /// Where the first newline is. The line that it ends may have begun before.
    first: Option<usize>,
    leaves: Vec<Hash>,
    /// Where the line begins that does not end here.
    last: usize,
}

impl Piece {
    fn look(&mut self, decoder: &mut Decompressor<'_>, path: &Path) {
        self.failed = self.part.decode(decoder, path).err();
        let text = &self.part.text;
        self.first = memchr(b'\n', text);
        self.last = memrchr(b'\n', text).map_or(0, |last| last + 1);
        self.leaves.clear();
        if let Some(first) = self.first {
            merkle::leaves(&text[first + 1..self.last], &mut self.leaves);
        }
    }
}
