//! Why a shard was not archived or restored, and what to do. In every case the live file is still there.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::catalog::ShardId;

use super::error::ReadError;

/// Why a shard was not archived or restored. Whatever it is, nothing was destroyed: a live file goes only after every
/// store has returned all its bytes.
#[derive(Debug)]
#[non_exhaustive]
pub enum ArchiveError {
    /// A file beside the log cannot be used.
    Io {
        /// What was tried.
        what: &'static str,
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A store does not do what was asked.
    Store {
        /// What was tried.
        what: &'static str,
        /// The store, as the policy names it.
        store: String,
        /// The file in it.
        place: String,
        /// What it said.
        source: io::Error,
    },
    /// A store confirmed a copy and does not return it.
    NotKept {
        /// The store, as the policy names it.
        store: String,
        /// The file in it.
        place: String,
        /// The bytes that were copied.
        expected: u64,
        /// What it returned instead.
        found: String,
    },
    /// Something else stands under the name.
    Foreign {
        /// Which shard.
        shard: ShardId,
        /// The store, as the policy names it.
        store: String,
        /// The file in it.
        place: String,
    },
    /// The live file is not what the ledger says was closed.
    Differs {
        /// Which shard.
        shard: ShardId,
    },
    /// The ledger knows no end of the shard.
    NotClosed {
        /// Which shard.
        shard: ShardId,
    },
    /// Its day has not passed, so that its number could be given again.
    Today {
        /// Which shard.
        shard: ShardId,
    },
    /// The ledger knows no such shard, or no copy of it.
    Unknown {
        /// Which shard.
        shard: ShardId,
    },
    /// Neither the live file nor a receipt is there.
    Gone {
        /// Which shard.
        shard: ShardId,
        /// Where it should be.
        path: PathBuf,
    },
    /// The ledger itself is not whole.
    Untrusted {
        /// The first thing that is wrong with it.
        problem: String,
    },
    /// The ledger does not take an entry.
    Ledger {
        /// What the system said.
        source: io::Error,
    },
    /// Another archiver or a purge runs.
    Busy {
        /// Which lock it holds.
        source: io::Error,
    },
    /// A shard cannot be read.
    Read(ReadError),
    /// The folder to restore into is part of a log or an archive, or holds them.
    NotAside {
        /// The folder.
        to: PathBuf,
        /// What is there.
        log: PathBuf,
    },
    /// The folder to restore into has another file under the name.
    Occupied {
        /// The file.
        path: PathBuf,
    },
    /// No copy could be restored.
    NoCopy {
        /// Which shard.
        shard: ShardId,
        /// Why not, for each store.
        tried: Vec<String>,
    },
}

impl ArchiveError {
    pub(super) fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ArchiveError {
        let path = path.to_owned();
        move |source| ArchiveError::Io { what, path, source }
    }

    pub(super) fn store(what: &'static str, store: String, place: String, source: io::Error) -> ArchiveError {
        ArchiveError::Store { what, store, place, source }
    }
}

impl From<ReadError> for ArchiveError {
    fn from(error: ReadError) -> ArchiveError {
        ArchiveError::Read(error)
    }
}

impl fmt::Display for ArchiveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ArchiveError::Io { what, path, source } if is_full(source) => write!(
                f,
                "cannot {what} {}: the disk is full; free some room and run it again, which goes on from here",
                path.display()
            ),
            ArchiveError::Io { what, path, source } => {
                write!(f, "cannot {what} {}: {source}", path.display())
            }
            ArchiveError::Store { store, place, source, .. } if is_full(source) => write!(
                f,
                "the store {store} is full ({place}); make room there, or name another store in the policy, and run it \
                 again, which goes on from here; the live file is untouched"
            ),
            ArchiveError::Store { what, place, source, .. } => write!(
                f,
                "cannot {what} {place}: {source}; the live file is untouched; run it again when the store answers"
            ),
            ArchiveError::NotKept { store, place, expected, found } => write!(
                f,
                "the store {store} does not return what it confirmed: {place} should be {expected} bytes of ours, and \
                 reading it back gave {found}; the live file is untouched; do not trust this store until it is known \
                 why, look at what lies there and move it away, then run it again"
            ),
            ArchiveError::Foreign { shard, store, place } => write!(
                f,
                "{place} in the store {store} is not this archive of {shard}, and no file is ever replaced; see what it \
                 is (another service's, if two share the store: give each a folder or prefix; or a copy from before, if \
                 it was packed for other recipients), move it away, and run it again"
            ),
            ArchiveError::Differs { shard } => write!(
                f,
                "the lines of {shard} are not those that were closed: its Merkle root is not the ledger's; it stays as \
                 it is, and `dihya verify` says where it was changed"
            ),
            ArchiveError::NotClosed { shard } => write!(
                f,
                "{shard} is not closed in the ledger; the service closes its shards when their day or size is reached, \
                 and those of a crash when it starts again"
            ),
            ArchiveError::Today { shard } => {
                write!(f, "the day of {shard} has not passed; archive it tomorrow")
            }
            ArchiveError::Unknown { shard } => write!(
                f,
                "the ledger knows no copy of {shard} in an archive; `dihya status` lists what is there"
            ),
            ArchiveError::Gone { shard, path } => write!(
                f,
                "{shard} is closed in the ledger, and neither {} nor a copy in every store is there; `dihya verify` \
                 says what is missing",
                path.display()
            ),
            ArchiveError::Untrusted { problem } => write!(
                f,
                "the ledger is not whole: {problem}; nothing is archived on its word, `dihya verify` says more"
            ),
            ArchiveError::Ledger { source } => write!(
                f,
                "the ledger does not take the receipt: {source}; the live file is untouched, run it again"
            ),
            ArchiveError::Busy { source } => source.fmt(f),
            ArchiveError::Read(error) => error.fmt(f),
            ArchiveError::NotAside { to, log } => write!(
                f,
                "{} is inside or around {}, which is part of the log; restore into a folder of its own",
                to.display(),
                log.display()
            ),
            ArchiveError::Occupied { path } => write!(
                f,
                "{} is there already and is another file; restore into an empty folder",
                path.display()
            ),
            ArchiveError::NoCopy { shard, tried } => {
                write!(f, "no copy of {shard} could be restored: {}", tried.join("; "))
            }
        }
    }
}

impl std::error::Error for ArchiveError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            ArchiveError::Io { source, .. }
            | ArchiveError::Store { source, .. }
            | ArchiveError::Ledger { source } => Some(source),
            ArchiveError::Read(error) => Some(error),
            _ => None,
        }
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
