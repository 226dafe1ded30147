//! A shard in the form that other people's verifiers and witnesses read: C2SP's
//! [tlog-tiles](https://c2sp.org/tlog-tiles).
//!
//! ```text
//! checkpoint                     the shard's own, as it was published
//! tile/0/000, tile/0/001.p/17    hashes of the leaves, 256 to a tile
//! tile/1/000.p/1                 one hash for each full tile below
//! tile/entries/000               the lines, each behind its length in two bytes
//! ```
//!
//! All of it is derived: nothing is signed anew, and whoever checks it needs the public key and nothing of ours.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::catalog::Shard;
use crate::journal::merkle::{Hash, Tree};
use crate::journal::note::Checkpoint;
use crate::ledger::replace;
use crate::storage::Storage;
use crate::verify::source::{self, Line};

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Written {
    /// The checkpoint's origin, under which its key is to be named.
    pub origin: String,
    /// Lines that the tiles cover: those that the checkpoint signs.
    pub size: u64,
    /// Files.
    pub files: u64,
}

/// Writes a shard's tiles below `out`. What is there of an earlier run is written over: tiles never change, and a
/// checkpoint only grows.
///
/// # Errors
/// If the shard cannot be read or has no checkpoint, if its lines are not what the checkpoint signs, or if `out` cannot
/// be written to.
pub fn write(storage: &Arc<dyn Storage>, shard: &Shard, out: &Path) -> Result<Written, TilesError> {
    let note =
        source::note(storage, shard)?.ok_or_else(|| TilesError::NoCheckpoint { path: shard.path.clone() })?;
    let checkpoint =
        Checkpoint::read(&note).ok_or_else(|| TilesError::NoCheckpoint { path: shard.path.clone() })?;
    let mut writer = Writer { storage: &**storage, out, files: 0 };
    let mut tree = Tree::new();
    let mut leaves = Vec::new();
    let mut bundle = Vec::new();
    let mut result = Ok(());
    let from = source::open(storage, shard)?;
    source::each(from, |line| {
        let Line::Whole(line) = line else { return };
        if result.is_err() || tree.size() == checkpoint.size {
            return;
        }
        let Ok(length) = u16::try_from(line.len()) else {
            result = Err(TilesError::TooLong { path: shard.path.clone(), line: tree.size() + 1 });
            return;
        };
        bundle.extend_from_slice(&length.to_be_bytes());
        bundle.extend_from_slice(line);
        let leaf = Hash::leaf(line);
        leaves.push(leaf);
        tree.push(leaf);
        if tree.size().is_multiple_of(WIDTH) {
            result = writer.put("entries", tree.size() / WIDTH - 1, WIDTH, &bundle);
            bundle.clear();
        }
    })
    .map_err(TilesError::io(&shard.path))?;
    result?;
    if tree.size() != checkpoint.size || tree.root() != checkpoint.root {
        return Err(TilesError::NotTheCheckpoint { path: shard.path.clone() });
    }
    if !bundle.is_empty() {
        writer.put("entries", tree.size() / WIDTH, tree.size() % WIDTH, &bundle)?;
    }
    levels(&mut writer, leaves)?;
    // Last, so that whoever finds it finds all it signs.
    replace(&**storage, &out.join("checkpoint"), note.as_bytes()).map_err(TilesError::io(out))?;
    Ok(Written { origin: checkpoint.origin, size: checkpoint.size, files: writer.files + 1 })
}

/// The tiles of every level: one hash of a level for each full tile of the level below.
fn levels(writer: &mut Writer<'_>, leaves: Vec<Hash>) -> Result<(), TilesError> {
    let mut hashes = leaves;
    let mut level = 0_u32;
    while !hashes.is_empty() {
        let mut above = Vec::new();
        for (n, tile) in hashes.chunks(WIDTH as usize).enumerate() {
            let bytes: Vec<u8> = tile.iter().flat_map(|hash| hash.0).collect();
            writer.put(&level.to_string(), n as u64, tile.len() as u64, &bytes)?;
            if tile.len() as u64 == WIDTH {
                above.push(crate::journal::merkle::proof::root(tile));
            }
        }
        hashes = above;
        level += 1;
    }
    Ok(())
}

struct Writer<'a> {
    storage: &'a dyn Storage,
    out: &'a Path,
    files: u64,
}

impl Writer<'_> {
    fn put(&mut self, level: &str, n: u64, width: u64, bytes: &[u8]) -> Result<(), TilesError> {
        let path = self.out.join(path(level, n, width));
        let folder = path.parent().unwrap_or(self.out);
        self.storage.create_dir(folder).map_err(TilesError::io(folder))?;
        replace(self.storage, &path, bytes).map_err(TilesError::io(&path))?;
        self.files += 1;
        Ok(())
    }
}

/// `tile/<L>/<N>[.p/<W>]`, N in groups of three digits, all but the last marked by an `x`.
pub(crate) fn path(level: &str, n: u64, width: u64) -> PathBuf {
    let mut groups = format!("{:03}", n % 1000);
    let mut rest = n / 1000;
    while rest > 0 {
        groups = format!("x{:03}/{groups}", rest % 1000);
        rest /= 1000;
    }
    let partial = if width < WIDTH { format!(".p/{width}") } else { String::new() };
    PathBuf::from(format!("tile/{level}/{groups}{partial}"))
}

/// Hashes in a full tile, entries in a full bundle.
const WIDTH: u64 = 256;

/// Why a shard has no tiles.
#[derive(Debug)]
#[non_exhaustive]
pub enum TilesError {
    /// No checkpoint stands beside it, or none that can be read.
    NoCheckpoint {
        /// The shard.
        path: PathBuf,
    },
    /// Its lines are not what the checkpoint signs.
    NotTheCheckpoint {
        /// The shard.
        path: PathBuf,
    },
    /// A line does not fit a bundle's two bytes of length. The layer writes no such record.
    TooLong {
        /// The shard.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
    },
    /// A file cannot be read or written.
    Io {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl TilesError {
    fn io(path: &Path) -> impl FnOnce(io::Error) -> TilesError {
        let path = path.to_owned();
        move |source| TilesError::Io { path, source }
    }
}

impl From<source::SourceError> for TilesError {
    fn from(error: source::SourceError) -> TilesError {
        TilesError::Io { path: error.path, source: error.source }
    }
}

impl fmt::Display for TilesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TilesError::NoCheckpoint { path } => {
                write!(f, "{}: no checkpoint stands beside it; `dihya verify` says more", path.display())
            }
            TilesError::NotTheCheckpoint { path } => write!(
                f,
                "{}: its lines are not those that its checkpoint signs; `dihya verify` says where",
                path.display()
            ),
            TilesError::TooLong { path, line } => {
                write!(
                    f,
                    "{}:{line}: the line is longer than 65,535 bytes, which no bundle holds",
                    path.display()
                )
            }
            TilesError::Io { path, source } => write!(f, "{}: {source}", path.display()),
        }
    }
}

impl std::error::Error for TilesError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            TilesError::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_those_of_the_specification() {
        assert_eq!(path("0", 1_234_067, 256), PathBuf::from("tile/0/x001/x234/067"));
        assert_eq!(path("entries", 0, 17), PathBuf::from("tile/entries/000.p/17"));
        assert_eq!(path("63", 1000, 1), PathBuf::from("tile/63/x001/000.p/1"));
    }
}
