//! Archives in folders: the one below the log's own, and those that a policy names.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::storage::Storage;

use super::Archives;

/// Removes archived shards from folders. A store's name is its folder.
#[derive(Debug)]
pub struct Folders {
    storage: Arc<dyn Storage>,
    own: PathBuf,
    instance: Option<String>,
}

impl Folders {
    /// For the log in a base folder. In folders other than its own `archive`, each instance has one of its own.
    pub fn of(storage: Arc<dyn Storage>, base: &Path, instance: Option<String>) -> Folders {
        Folders { storage, own: base.join("archive"), instance }
    }

    fn file(&self, store: &str, path: &str) -> io::Result<PathBuf> {
        if store.contains("://") {
            return Err(io::Error::new(
                io::ErrorKind::Unsupported,
                format!("nothing is removed from {store} by this version; remove {path} there"),
            ));
        }
        let store = Path::new(store);
        match &self.instance {
            Some(instance) if store != self.own => Ok(store.join(instance).join(path)),
            _ => Ok(store.join(path)),
        }
    }
}

impl Archives for Folders {
    fn remove(&self, store: &str, path: &str) -> io::Result<()> {
        let file = self.file(store, path)?;
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
        let file = self.file(store, path)?;
        Ok(self.storage.stat(&file)?.is_some() || self.storage.stat(&beside(&file))?.is_some())
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
        let folders = Folders::of(Arc::new(disk.clone()), Path::new("/log/i1"), Some("i1".into()));
        let path = "audit/2024/01/2024-01-15.1.jsonl.zst.age";
        assert!(folders.holds("/a", path).unwrap());
        folders.remove("/a", path).unwrap();
        assert!(!folders.holds("/a", path).unwrap());
        folders.remove("/a", path).unwrap();
        let left: Vec<PathBuf> = disk.files().into_keys().collect();
        assert_eq!(left, [file("2024-01-15.checkpoint"), file("2024-01-15.jsonl.zst.age")]);
        assert!(folders.remove("s3://bucket/x", path).unwrap_err().to_string().contains("remove audit/"));
    }
}
