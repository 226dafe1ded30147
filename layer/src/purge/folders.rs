//! Archives in folders: the one below the log's own, and those that a policy names.

use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use crate::storage::Storage;

use super::Archives;

/// Removes archived shards from folders, and with the feature `s3` from buckets. A store's name is its line in the policy,
/// and what a receipt names lies below it: for an instance, in a folder of its own that the receipt's path begins with.
#[derive(Debug)]
pub struct Folders {
    storage: Arc<dyn Storage>,
}

impl Folders {
    /// Of any log on this storage.
    pub fn of(storage: Arc<dyn Storage>) -> Folders {
        Folders { storage }
    }
}

impl Archives for Folders {
    fn remove(&self, store: &str, path: &str) -> io::Result<()> {
        inside(path)?;
        if store.contains("://") {
            return bucket::remove(store, path);
        }
        let file = Path::new(store).join(path);
        for path in [&file, &beside(&file)] {
            match self.storage.remove(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        let folder = file.parent().unwrap_or(&file);
        if self.storage.stat(folder)?.is_some() { self.storage.sync_dir(folder) } else { Ok(()) }
    }

    fn holds(&self, store: &str, path: &str) -> io::Result<bool> {
        inside(path)?;
        if store.contains("://") {
            return bucket::holds(store, path);
        }
        let file = Path::new(store).join(path);
        Ok(self.storage.stat(&file)?.is_some() || self.storage.stat(&beside(&file))?.is_some())
    }
}

/// A receipt is in a sealed ledger, and is not let out of its store all the same.
fn inside(path: &str) -> io::Result<()> {
    let plain = |part: Component<'_>| matches!(part, Component::Normal(_));
    match !path.is_empty() && Path::new(path).components().all(plain) {
        true => Ok(()),
        false => Err(io::Error::new(io::ErrorKind::InvalidInput, format!("{path} leads out of its store"))),
    }
}

#[cfg(feature = "s3")]
mod bucket {
    use super::{Path, beside, io};
    use crate::archive::bucket;

    pub(super) fn remove(store: &str, path: &str) -> io::Result<()> {
        bucket::remove(store, &[path, &beside(Path::new(path)).to_string_lossy()])
    }

    pub(super) fn holds(store: &str, path: &str) -> io::Result<bool> {
        bucket::holds(store, &[path, &beside(Path::new(path)).to_string_lossy()])
    }
}

#[cfg(not(feature = "s3"))]
mod bucket {
    use super::io;

    pub(super) fn remove(store: &str, path: &str) -> io::Result<()> {
        Err(io::Error::new(
            io::ErrorKind::Unsupported,
            format!(
                "this program was built without the feature `s3`: remove {path} from {store} by other means"
            ),
        ))
    }

    pub(super) fn holds(store: &str, path: &str) -> io::Result<bool> {
        remove(store, path).map(|()| true)
    }
}

/// The checkpoint of `2026-11-20.1.jsonl.zst.age`.
fn beside(file: &Path) -> PathBuf {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let period = name.split(".jsonl").next().unwrap_or_default();
    file.with_file_name(format!("{period}.checkpoint"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::Memory;

    #[test]
    fn an_archived_shard_goes_with_its_checkpoint_and_its_neighbours_stay() {
        let disk = Memory::new();
        let file = |name: &str| PathBuf::from(format!("/a/i1/audit/2024/01/{name}"));
        for name in [
            "2024-01-15.1.jsonl.zst.age",
            "2024-01-15.1.checkpoint",
            "2024-01-15.jsonl.zst.age",
            "2024-01-15.checkpoint",
        ] {
            disk.put(file(name), b"x");
        }
        let folders = Folders::of(Arc::new(disk.clone()));
        let path = "i1/audit/2024/01/2024-01-15.1.jsonl.zst.age";
        assert!(folders.holds("/a", path).unwrap());
        folders.remove("/a", path).unwrap();
        assert!(!folders.holds("/a", path).unwrap());
        folders.remove("/a", path).unwrap();
        let left: Vec<PathBuf> = disk.files().into_keys().collect();
        assert_eq!(left, [file("2024-01-15.checkpoint"), file("2024-01-15.jsonl.zst.age")]);
        for path in ["../log/audit/2024-01-15.jsonl", "/log/audit/2024-01-15.jsonl", ""] {
            assert_eq!(folders.remove("/a", path).unwrap_err().kind(), io::ErrorKind::InvalidInput, "{path}");
        }
    }
}
