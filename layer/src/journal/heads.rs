//! The lock file of sizes: how long each log was, and with which root, when it was last durable.
//!
//! It lies in the state folder, better on another file system than the records: a log that is shorter than this says,
//! or another, was rolled back. Written after the sync it tells of, so that it never knows more than the disk; not synced
//! itself but when the log is opened, so that after a power cut it may know less.
//!
//! ```text
//! {"log":"audit/2026-11-20","size":4711,"root":"<base64>"}
//! ```

use std::collections::BTreeMap;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::ledger::replace;
use crate::storage::Storage;

use super::merkle::Hash;

/// A log as it was last durable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// A shard's id, or `ledger`.
    pub log: String,
    /// Lines.
    pub size: u64,
    /// The root over them.
    pub root: Hash,
}

/// What the lock file in a state folder says; nothing, if there is none.
///
/// # Errors
/// Of the storage. Lines that cannot be read are left out: a power cut may leave an empty file.
pub fn read(storage: &dyn Storage, state: &Path) -> io::Result<Vec<Head>> {
    let path = state.join(FILE);
    if storage.stat(&path)?.is_none() {
        return Ok(Vec::new());
    }
    let mut text = String::new();
    storage.read(&path, 0)?.take(LONGEST).read_to_string(&mut text)?;
    Ok(text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
}

/// The lock file of a base that is being written to.
#[derive(Debug)]
pub(crate) struct Heads {
    path: PathBuf,
    known: Mutex<BTreeMap<String, (u64, Hash)>>,
}

impl Heads {
    /// Begins with what the last run knew.
    pub(crate) fn new(state: &Path, known: Vec<Head>) -> Heads {
        let known = known.into_iter().map(|head| (head.log, (head.size, head.root))).collect();
        Heads { path: state.join(FILE), known: Mutex::new(known) }
    }

    pub(crate) fn get(&self, log: &str) -> Option<(u64, Hash)> {
        self.known().get(log).copied()
    }

    pub(crate) fn all(&self) -> Vec<(String, (u64, Hash))> {
        self.known().iter().map(|(log, head)| (log.clone(), *head)).collect()
    }

    /// Notes how far a log is durable.
    pub(crate) fn set(&self, log: &str, size: u64, root: Hash) {
        self.known().insert(log.into(), (size, root));
    }

    /// Forgets a log: the ledger knows its end.
    pub(crate) fn remove(&self, log: &str) {
        self.known().remove(log);
    }

    /// Writes the file anew.
    pub(crate) fn write(&self, storage: &dyn Storage) -> io::Result<()> {
        let known = self.known();
        let mut text = Vec::new();
        for (log, (size, root)) in &*known {
            let head = Head { log: log.clone(), size: *size, root: *root };
            serde_json::to_writer(&mut text, &head)?;
            text.push(b'\n');
        }
        replace(storage, &self.path, &text)
    }

    /// Makes the name of what was written durable.
    pub(crate) fn sync(&self, storage: &dyn Storage) -> io::Result<()> {
        self.path.parent().map_or(Ok(()), |folder| storage.sync_dir(folder))
    }

    fn known(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, (u64, Hash)>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) const FILE: &str = "heads";
/// Far beyond what the live shards of every channel take.
const LONGEST: u64 = 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::Memory;

    #[test]
    fn what_was_written_is_read_back() {
        let disk = Memory::new();
        let heads = Heads::new(Path::new("/"), Vec::new());
        assert_eq!(read(&disk, Path::new("/")).unwrap(), []);
        heads.set("app/2026-11-20", 7, Hash::empty());
        heads.set("audit/2026-11-20", 9, Hash::leaf(b"x"));
        heads.remove("app/2026-11-20");
        heads.write(&disk).unwrap();
        let found = read(&disk, Path::new("/")).unwrap();
        assert_eq!(found, [Head { log: "audit/2026-11-20".into(), size: 9, root: Hash::leaf(b"x") }]);
        assert_eq!(Heads::new(Path::new("/"), found).get("audit/2026-11-20"), Some((9, Hash::leaf(b"x"))));
    }
}
