//! Room on the disk that is set aside for the records which tell that the disk is full.

use std::io;
use std::path::Path;

use super::Store;
use crate::storage::Storage;

impl Store {
    /// Sets room aside that the record of a full disk can use. Best effort: without it that record comes late.
    pub(crate) fn set_reserve(&self) {
        let path = self.places[self.place].folder(&self.lane.name).join(RESERVE_NAME);
        if matches!(self.storage.stat(&path), Ok(Some(stat)) if stat.len == RESERVE as u64) {
            return;
        }
        let _ = self.storage.remove(&path);
        if fill(&*self.storage, &path).is_err() {
            let _ = self.storage.remove(&path);
        }
    }

    /// Gives the reserve back to the file system.
    pub(crate) fn free_reserve(&self) {
        let path = self.places[self.place].folder(&self.lane.name).join(RESERVE_NAME);
        let _ = self.storage.remove(&path);
    }
}

/// Bytes that no file system compresses away, or the reserve would be none.
fn fill(storage: &dyn Storage, path: &Path) -> io::Result<()> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes = Vec::with_capacity(RESERVE);
    while bytes.len() < RESERVE {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    let mut file = storage.create(path)?;
    file.append(&bytes)?;
    file.sync()
}

/// Room for the few records that tell of a full disk, in blocks of 4 KiB. Per channel, so that no writer waits for
/// another's.
pub(crate) const RESERVE: usize = 16 * 1024;
const RESERVE_NAME: &str = ".reserve";
