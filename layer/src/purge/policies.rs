//! The texts of the policies that something was purged under: `ledger/policies/<sha256>.toml`.

use std::io;
use std::path::Path;

use crate::ledger;
use crate::policy::Policy;
use crate::storage::Storage;

/// Keeps the policy's text beside the ledger, durably, unless it is there.
///
/// # Errors
/// Of the storage.
pub fn keep(storage: &dyn Storage, base: &Path, policy: &Policy) -> io::Result<()> {
    let ledger = base.join(ledger::FOLDER);
    let folder = ledger.join(FOLDER);
    let path = folder.join(format!("{}.toml", policy.hash()));
    if storage.stat(&path)?.is_some() {
        // Another process may have died between the name and its sync.
        return storage.sync_dir(&folder);
    }
    storage.create_dir(&folder)?;
    storage.sync_dir(&ledger)?;
    let beside = folder.join(format!(".{}.new", policy.hash()));
    match storage.remove(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = storage.create(&beside)?;
    file.append(policy.text().as_bytes())?;
    file.sync()?;
    storage.rename(&beside, &path)?;
    storage.sync_dir(&folder)
}

const FOLDER: &str = "policies";
