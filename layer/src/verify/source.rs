//! A shard's bytes, in whatever form it lies there, and the note beside it.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::archive::{Identities, Reader};
use crate::catalog::{Shard, ShardId, State};
use crate::storage::Storage;

pub(crate) use super::lines::{Line, each};

/// A file that could not be read.
#[derive(Debug)]
pub(crate) struct SourceError {
    pub(crate) path: PathBuf,
    pub(crate) source: io::Error,
}

/// The lines of a shard, as they were written.
pub(crate) fn open(storage: &Arc<dyn Storage>, shard: &Shard) -> Result<Box<dyn Read + Send>, SourceError> {
    open_with(storage, shard, &Identities::none())
}

/// The same of archives that are encrypted to one of these identities, too.
pub(crate) fn open_with(
    storage: &Arc<dyn Storage>,
    shard: &Shard,
    identities: &Identities,
) -> Result<Box<dyn Read + Send>, SourceError> {
    let opened = match shard.state {
        State::Archived { .. } => Reader::open(Arc::clone(storage), &shard.path, identities)
            .map(|reader| Box::new(Unpacked::new(reader)) as Box<dyn Read + Send>)
            .map_err(io::Error::other),
        State::Live | State::Closed => storage.read(&shard.path, 0),
    };
    opened.map_err(|source| SourceError { path: shard.path.clone(), source })
}

/// The text of the checkpoint beside a shard, if there is one.
pub(crate) fn note(storage: &Arc<dyn Storage>, shard: &Shard) -> Result<Option<String>, SourceError> {
    let path = beside(&shard.path, &shard.id);
    text(&**storage, &path).map_err(|source| SourceError { path, source })
}

/// The path of a checkpoint beside a shard, whether it is there or not.
pub(crate) fn beside(shard: &Path, id: &ShardId) -> PathBuf {
    shard.with_file_name(format!("{}.checkpoint", id.period()))
}

/// A small file, if it is there. What is no text is no note either: whoever reads it finds out.
pub(crate) fn text(storage: &dyn Storage, path: &Path) -> io::Result<Option<String>> {
    if storage.stat(path)?.is_none() {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    storage.read(path, 0)?.take(SMALL).read_to_end(&mut bytes)?;
    Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
}

/// More than any checkpoint with its witnesses, or any lock file, has.
const SMALL: u64 = 4 * 1024 * 1024;

/// An archived shard's lines as a stream of bytes.
struct Unpacked {
    reader: Reader,
    block: Vec<u8>,
    given: usize,
    ended: bool,
}

impl Unpacked {
    fn new(reader: Reader) -> Unpacked {
        Unpacked { reader, block: Vec::new(), given: 0, ended: false }
    }
}

impl Read for Unpacked {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        if self.given == self.block.len() && !self.ended {
            self.given = 0;
            self.block.clear();
            match self.reader.block().map_err(io::Error::other)? {
                Some(block) => self.block.extend_from_slice(block),
                None => {
                    self.ended = true;
                    self.block.extend_from_slice(self.reader.rest());
                }
            }
        }
        let n = to.len().min(self.block.len() - self.given);
        to[..n].copy_from_slice(&self.block[self.given..self.given + n]);
        self.given += n;
        Ok(n)
    }
}
