//! What a root holds: every shard of every channel and instance, live, closed and archived.
//!
//! The catalog goes by names alone: it opens no shard, so that a thousand of them are listed in milliseconds. Facts
//! from a shard's first and last lines cost two short reads each, and are asked for one by one ([`Shard::facts`]).
//! What was closed in order, archived with a receipt or purged with a certificate is in the ledger and not here: the
//! catalog says what lies on the disk, and whoever compares the two finds what is missing.
//!
//! A file that is nobody's is listed apart ([`Catalog::foreign`]), so that it can be told of, and is never touched.

mod facts;
mod id;
#[cfg(test)]
mod tests;
mod walk;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::clock::Clock;
use crate::policy::{Policy, state_folder};
use crate::storage::Storage;

pub use facts::Facts;
pub(crate) use facts::first as first_record;
pub use id::{NotAShardId, ShardId};

/// The shards under one or more roots, as their names tell.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Catalog {
    /// The folders that a process of their own writes or wrote to: the root itself, or one per instance below it.
    pub bases: Vec<Base>,
    /// Every shard, by instance, channel, day and number. One that lies on the disk both as it was written and archived
    /// stands here twice, the archived one last.
    pub shards: Vec<Shard>,
    /// Checkpoints and the like without their shard: what is left where a shard was purged, or taken away.
    pub orphans: Vec<PathBuf>,
    /// Files and links that are nobody's.
    pub foreign: Vec<PathBuf>,
    /// What was taken in of other logs. Its shards are none of the above: whoever wants them asks for them
    /// ([`Catalog::with_imported`]).
    pub imported: Vec<Imported>,
}

/// Shards of another log that `dihya import` took in: whole ones, or those of their records that were exported.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Imported {
    /// The other log: `<service>/<instance or "-">`.
    pub origin: String,
    /// The folder.
    pub path: PathBuf,
    /// The root it lies in.
    pub root: PathBuf,
    /// Its shards. None, if the import has not come to its end.
    pub shards: Vec<Shard>,
    /// All of it was verified and copied.
    pub complete: bool,
}

/// The folder of one writing process: `<root>` or `<root>/<instance>`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Base {
    /// The instance's name, if the folder is below the root.
    pub instance: Option<String>,
    /// The folder.
    pub path: PathBuf,
    /// Where its signing key and its lock file lie.
    pub state: PathBuf,
}

/// One shard as it lies on the disk.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Shard {
    /// Its name within its base.
    pub id: ShardId,
    /// Whose it is.
    pub instance: Option<String>,
    /// The folder of the process that wrote it: where its ledger is.
    pub base: PathBuf,
    /// The file.
    pub path: PathBuf,
    /// In which form it lies there.
    pub state: State,
    /// Bytes of the file: compressed ones, if it is archived.
    pub bytes: u64,
    /// The checkpoint beside it, if there is one.
    pub checkpoint: Option<PathBuf>,
}

/// In which form a shard lies on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum State {
    /// It may still be written to: the newest of its channel's day, and the day has not passed, or only just. A shard of
    /// an earlier day is never appended to, whether a process runs or not; the next start may still cut a torn end.
    Live,
    /// As it was written; nothing more is added.
    Closed,
    /// Compressed, and encrypted or not.
    Archived {
        /// Whether it takes a key to read it (`.age`).
        encrypted: bool,
    },
}

/// Where to look.
#[derive(Clone, Debug, Default)]
pub struct Places {
    /// Roots, the fallback ones too.
    pub roots: Vec<PathBuf>,
    /// Folders of archived shards that do not lie in `<base>/archive`: by channel, or by instance and then by channel.
    pub archives: Vec<PathBuf>,
    /// Stores that are no folders: nothing of them is listed. Here so that whoever lists can say so.
    pub remote: Vec<String>,
    /// If set, only this instance.
    pub instance: Option<String>,
    /// The policy's `integrity.state`: where the signing keys and the lock files lie, if not beside the records.
    pub state: Option<PathBuf>,
}

impl Places {
    /// One root with everything in it.
    pub fn root(root: impl Into<PathBuf>) -> Places {
        Places { roots: vec![root.into()], ..Places::default() }
    }

    /// Every root of a policy, and the folders that it archives to. Of its instances, all: that a policy names one says which of them a process writes, not
    /// which one an operator looks at.
    pub fn of(policy: &Policy) -> Places {
        let (remote, folders): (Vec<String>, Vec<String>) =
            policy.archive.stores.iter().cloned().partition(|store| store.contains("://"));
        let archives = folders.into_iter().map(PathBuf::from).collect();
        let state = policy.state.clone();
        Places { roots: policy.roots.clone(), archives, remote, state, ..Places::default() }
    }

    /// The base of an instance below one of the roots, the first being 0.
    fn base(&self, root: usize, path: PathBuf, instance: Option<&str>) -> Base {
        let state = state_folder(self.state.as_deref(), root, instance, &path);
        Base { instance: instance.map(str::to_owned), path, state }
    }
}

impl Catalog {
    /// Lists what lies in these places. The clock says what day it is, and so what may still be written to.
    ///
    /// # Errors
    /// If a root is not there or is no folder, or a folder in it cannot be listed. A *fallback* root that is not there is
    /// none: it is made when it is needed.
    pub fn read(storage: &dyn Storage, places: &Places, clock: &Clock) -> Result<Catalog, CatalogError> {
        walk::read(storage, places, clock.now())
    }

    /// The same with the shards of other logs among its own; the origin stands where the instance does.
    #[must_use]
    pub fn with_imported(mut self) -> Catalog {
        self.shards.extend(self.imported.iter().flat_map(|imported| imported.shards.iter().cloned()));
        self
    }

    /// The names of all channels that have a shard, sorted.
    pub fn channels(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.shards.iter().map(|shard| shard.id.channel()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Every shard of this id: in several instances or roots, and archived or not.
    pub fn find<'a>(&'a self, id: &'a ShardId) -> impl Iterator<Item = &'a Shard> {
        self.shards.iter().filter(move |shard| shard.id == *id)
    }
}

impl Shard {
    /// Whether its bytes are those that were written: plain JSON lines.
    pub fn is_plain(&self) -> bool {
        !matches!(self.state, State::Archived { .. })
    }

    /// What its first and last lines tell, by reading a few KiB of them. An archived shard tells nothing without being
    /// decompressed; the ledger has its facts.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn facts(&self, storage: &dyn Storage) -> io::Result<Facts> {
        if self.is_plain() { facts::read(storage, &self.path) } else { Ok(Facts::default()) }
    }
}

/// Why a root could not be listed.
#[derive(Debug)]
#[non_exhaustive]
pub enum CatalogError {
    /// There is no such folder.
    NoRoot {
        /// The root.
        path: PathBuf,
    },
    /// It is a file, or a link: whoever may change a link could lead the reader elsewhere.
    NotAFolder {
        /// What is there.
        path: PathBuf,
    },
    /// A folder could not be listed, or a name in it not be looked at.
    Io {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl CatalogError {
    fn io(path: &Path) -> impl FnOnce(io::Error) -> CatalogError {
        let path = path.to_owned();
        move |source| CatalogError::Io { path, source }
    }
}

impl fmt::Display for CatalogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CatalogError::NoRoot { path } => {
                write!(
                    f,
                    "there is no folder {}: either no service has been started with it yet, or it is another folder: name the \
                     root of the log, or the policy that names it",
                    path.display()
                )
            }
            CatalogError::NotAFolder { path } => {
                write!(
                    f,
                    "{} is not a folder; name the root of the log itself, not a link to it",
                    path.display()
                )
            }
            CatalogError::Io { path, source } if source.kind() == io::ErrorKind::PermissionDenied => {
                write!(
                    f,
                    "cannot read {}: {source}; run this as the service's user, who owns the log",
                    path.display()
                )
            }
            CatalogError::Io { path, source } => write!(f, "cannot read {}: {source}", path.display()),
        }
    }
}

impl std::error::Error for CatalogError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            CatalogError::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}
