//! A file of the [`Storage`] that can be read from any place.

use std::io::{self, Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::sync::Arc;

use crate::storage::{Kind, Storage};

/// What a reader of shards reads from.
pub(super) trait Input: Read + Seek + Send {}

impl<T: Read + Seek + Send> Input for T {}

/// A regular file. Seeking opens it again: that happens once a frame at most, and only a reader that jumps pays it.
pub(super) struct Source {
    storage: Arc<dyn Storage>,
    path: PathBuf,
    open: Option<Box<dyn Read + Send>>,
    at: u64,
}

impl Source {
    pub(super) fn new(storage: Arc<dyn Storage>, path: PathBuf) -> Source {
        Source { storage, path, open: None, at: 0 }
    }

    /// Bytes in the file now.
    pub(super) fn len(&self) -> io::Result<u64> {
        match self.storage.stat(&self.path)? {
            Some(stat) if stat.kind == Kind::File => Ok(stat.len),
            Some(_) => Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file")),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let file = match &mut self.open {
            Some(file) => file,
            closed => closed.insert(self.storage.read(&self.path, self.at)?),
        };
        let n = file.read(buffer)?;
        self.at += n as u64;
        Ok(n)
    }
}

impl Seek for Source {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
            SeekFrom::End(by) => self.len()?.checked_add_signed(by),
        };
        let target = target.ok_or(io::ErrorKind::InvalidInput)?;
        if target != self.at {
            self.open = None;
            self.at = target;
        }
        Ok(target)
    }
}
