//! Why a shard cannot be read, archived or restored, and what to do.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why a shard cannot be read, and what to do. No content of the shard is in it.
#[derive(Debug)]
#[non_exhaustive]
pub enum ReadError {
    /// The file cannot be opened or read.
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The name does not end like a shard's.
    NotAShard {
        /// The file.
        path: PathBuf,
    },
    /// The seek table that ends every archive is not there: the file was copied in part, or another tool made it.
    Incomplete {
        /// The file.
        path: PathBuf,
    },
    /// The bytes are not those that were written.
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where, counted in bytes of the uncompressed shard.
        offset: u64,
        /// What is wrong there.
        why: &'static str,
    },
    /// The archive is encrypted, and no identity was given.
    NoIdentity {
        /// The file.
        path: PathBuf,
    },
    /// The archive is encrypted to other keys than those that were given.
    WrongIdentity {
        /// The file.
        path: PathBuf,
    },
    /// The program was built without the feature `archive`.
    Unsupported {
        /// The file.
        path: PathBuf,
    },
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReadError::Io { path, source } => write!(f, "{}: cannot be read: {source}", path.display()),
            ReadError::NotAShard { path } => write!(
                f,
                "{}: not a shard; its name would end in .jsonl, .jsonl.zst or .jsonl.zst.age",
                path.display()
            ),
            ReadError::Incomplete { path } => write!(
                f,
                "{}: no seek table stands at its end: it was copied in part, or another tool made it; copy it again \
                 from the store, or read another copy",
                path.display()
            ),
            ReadError::Damaged { path, offset, why } => write!(
                f,
                "{}: damaged: {why}, at byte {offset} of the uncompressed shard; keep the file as evidence and read \
                 another copy",
                path.display()
            ),
            ReadError::NoIdentity { path } => write!(
                f,
                "{}: encrypted; name the file of an identity of one of its recipients with --identity",
                path.display()
            ),
            ReadError::WrongIdentity { path } => write!(
                f,
                "{}: encrypted to other keys than the given identities; the policy in force when it was archived \
                 names its recipients, and its receipt in the ledger does too",
                path.display()
            ),
            ReadError::Unsupported { path } => write!(
                f,
                "{}: compressed, and this program was built without the feature `archive`",
                path.display()
            ),
        }
    }
}

impl std::error::Error for ReadError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            ReadError::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}
