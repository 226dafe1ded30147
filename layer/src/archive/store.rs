//! Places that keep archives. Each is trusted with keeping what it confirmed, and checked all the same: what was put
//! there is read back before anything else is removed.

pub(super) mod folder;
pub(super) mod probe;
#[cfg(feature = "s3")]
pub(super) mod remote;

use std::fmt;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use crate::storage::Storage;

use super::address::Address;

/// Keeps whole files under names such as `audit/2026/11/2026-11-20.jsonl.zst`.
///
/// **Durability.** What [`put`](Store::put) and [`settle`](Store::settle) confirm survives a power cut at the store, as
/// far as the store's own promise goes. **Writing.** A name is written once: a `put` never replaces a file, as far as the
/// store can tell. **Half a file** never stands under a name: either all of it, or nothing.
pub(super) trait Store: fmt::Debug {
    /// The line of the policy.
    fn name(&self) -> &str;

    /// What every name of this log begins with, where several logs share the store: empty, or an instance and a slash.
    fn prefix(&self) -> &str;

    /// Bytes of the file of this name; `None` if there is none.
    fn look(&self, path: &str) -> io::Result<Option<u64>>;

    /// Copies what `from` gives, `len` bytes, under a name that nothing has. `AlreadyExists` if something has it.
    fn put(&self, path: &str, len: u64, from: &mut dyn Read) -> io::Result<()>;

    /// Makes durable what a `put` that was interrupted may have left under its name.
    fn settle(&self, path: &str) -> io::Result<()>;

    /// The bytes of a file, from the store itself.
    fn get(&self, path: &str) -> io::Result<Box<dyn Read + '_>>;

    /// Where the file is, for people.
    fn place(&self, path: &str) -> String;

    /// Tries whether it keeps what it is given, where that is not known.
    fn probe(&self) -> io::Result<probe::Kept> {
        Ok(probe::Kept::Unasked)
    }
}

/// Opens the store that a line of the policy names; what belongs to an instance lies in a folder of its own.
pub(super) fn open(
    line: &str,
    instance: Option<&str>,
    storage: &Arc<dyn Storage>,
) -> io::Result<Box<dyn Store>> {
    match Address::parse(line) {
        Some(Address::Folder(folder)) => {
            Ok(Box::new(folder::Folder::new(line, folder, instance, Arc::clone(storage))))
        }
        #[cfg(feature = "s3")]
        Some(address @ Address::Bucket { .. }) => remote::open(line, &address, instance),
        #[cfg(not(feature = "s3"))]
        Some(Address::Bucket { .. }) => {
            Err(io::Error::new(io::ErrorKind::Unsupported, "this program was built without the feature `s3`"))
        }
        None => Err(io::Error::new(io::ErrorKind::InvalidInput, "neither a folder nor an s3:// address")),
    }
}

/// Purging from a bucket: whatever stands under these names, which are those of receipts.
#[cfg(feature = "s3")]
pub(crate) mod bucket {
    use super::{Address, io, remote};

    /// Removes them, and looks that they are gone.
    pub(crate) fn remove(line: &str, paths: &[&str]) -> io::Result<()> {
        let store = open(line)?;
        for path in paths {
            store.delete(path)?;
        }
        match any(&store, paths)? {
            true => Err(io::Error::other("the store has confirmed a removal and keeps the file")),
            false => Ok(()),
        }
    }

    /// Whether any of them is there.
    pub(crate) fn holds(line: &str, paths: &[&str]) -> io::Result<bool> {
        any(&open(line)?, paths)
    }

    fn any(store: &remote::Remote, paths: &[&str]) -> io::Result<bool> {
        for path in paths {
            if super::Store::look(store, path)?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn open(line: &str) -> io::Result<remote::Remote> {
        match Address::parse(line) {
            Some(address @ Address::Bucket { .. }) => remote::connect(line, &address, None),
            _ => Err(io::Error::new(io::ErrorKind::InvalidInput, format!("{line} is no s3:// address"))),
        }
    }
}

fn prefix(instance: Option<&str>) -> String {
    instance.map_or_else(String::new, |instance| format!("{instance}/"))
}

/// The default store of a base, which is the instance's own.
pub(super) fn default(base: &Path, storage: &Arc<dyn Storage>) -> Box<dyn Store> {
    let folder = base.join("archive");
    let name = folder.display().to_string();
    Box::new(folder::Folder::new(&name, folder, None, Arc::clone(storage)))
}
