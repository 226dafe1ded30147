//! The one disk seam: everything the layer reads or writes goes through [`Storage`].
//!
//! The trait states what the journal relies on, no more, so that tests can put a storage under it that loses,
//! tears and lies: [`Memory`] is one. [`Local`] is the real one.

mod local;
mod memory;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

pub use local::Local;
pub use memory::{Fault, Memory, Step};

/// A place for files. All calls block; any thread may call.
///
/// **Durability.** Bytes given to [`File::append`] are durable once [`File::sync`] has returned `Ok`. The *name* of a
/// new, renamed or removed file is durable once [`Storage::sync_dir`] of its folder has returned `Ok`.
/// After a `sync` has failed, nothing is known of the bytes since the last one that succeeded, and a second call
/// proves nothing: the caller must abandon the file.
///
/// **Errors.** `AlreadyExists`, `NotFound`, `WouldBlock` and `StorageFull` are told apart by the journal; an
/// implementation must answer with these kinds where they apply.
///
/// **Logging.** An implementation must not log through `tracing`: it runs on the writers' threads, whose events are
/// discarded.
pub trait Storage: fmt::Debug + Send + Sync {
    /// Makes the folder and its missing parents, each with mode 0700. An existing folder is left as it is.
    fn create_dir(&self, path: &Path) -> io::Result<()>;

    /// The absolute path with every symbolic link resolved; all of it must exist.
    fn resolve(&self, path: &Path) -> io::Result<PathBuf>;

    /// Makes a file that must not exist (`O_EXCL`), mode 0600, for appending.
    fn create(&self, path: &Path) -> io::Result<Box<dyn File>>;

    /// Opens an existing regular file for appending; a symbolic link is an error.
    fn open(&self, path: &Path) -> io::Result<Box<dyn File>>;

    /// Opens a file for reading from byte `from`; a symbolic link is an error.
    fn read(&self, path: &Path, from: u64) -> io::Result<Box<dyn io::Read + Send>>;

    /// Facts about what lies at the path, a link itself and not its target. `None` if nothing does.
    fn stat(&self, path: &Path) -> io::Result<Option<Stat>>;

    /// Names in a folder, in no order.
    fn list(&self, path: &Path) -> io::Result<Vec<PathBuf>>;

    /// Replaces the link at `link` by one to `target`, in one step. `target` is taken as it is: relative to the
    /// folder of `link`, or absolute.
    fn link(&self, target: &Path, link: &Path) -> io::Result<()>;

    /// Renames within one folder, in one step.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Makes the names in a folder durable.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;

    /// Takes the exclusive lock at `path`, held until the value is dropped or the process ends, and leaves `note`
    /// in that file for whoever finds it taken. `WouldBlock` if another holds it.
    fn lock(&self, path: &Path, note: &str) -> io::Result<Box<dyn Lock>>;

    /// Bytes that an unprivileged process may still write to the file system of `path`.
    fn free_bytes(&self, path: &Path) -> io::Result<u64>;
}

/// An open file that only grows at its end.
#[expect(
    clippy::len_without_is_empty,
    reason = "a question to the system that may fail, not a collection's size"
)]
pub trait File: fmt::Debug + Send {
    /// Appends all bytes. After an error a part of them may have been written.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Makes all appended bytes durable (`fdatasync`).
    fn sync(&mut self) -> io::Result<()>;
    /// Bytes in the file now.
    fn len(&self) -> io::Result<u64>;
    /// Cuts the file at `len`.
    fn truncate(&mut self, len: u64) -> io::Result<()>;
    /// Which file this is, whatever its name has become.
    fn id(&self) -> io::Result<FileId>;
}

/// A held lock; dropping it lets go.
pub trait Lock: fmt::Debug + Send + Sync {}

/// Facts about a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    /// What lies there.
    pub kind: Kind,
    /// Permission bits, the lowest twelve.
    pub mode: u32,
    /// The user who owns it.
    pub uid: u32,
    /// Bytes.
    pub len: u64,
    /// Which file it is.
    pub id: FileId,
}

/// Tells one file from another for as long as either is open: device and inode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FileId(pub u64, pub u64);

/// What lies at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A folder.
    Dir,
    /// A symbolic link.
    Link,
    /// A device, socket or pipe.
    Other,
}
