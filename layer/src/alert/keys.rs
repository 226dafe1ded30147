//! Names as the detectors hold them: hashes, keyed so that nobody can make two collide or guess a name from one.

use std::fmt;
use std::hash::{BuildHasher, DefaultHasher, Hasher, RandomState};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use sha2::{Digest, Sha256};

use crate::ledger::replace;
use crate::report;
use crate::storage::Storage;

/// Makes short hashes to count by. They mean something in this process alone.
pub(crate) struct Keys(DefaultHasher);

impl Keys {
    /// Under a key that the operating system draws.
    pub(crate) fn new() -> Keys {
        Keys(RandomState::new().build_hasher())
    }

    #[inline]
    pub(crate) fn of(&self, names: &[&str]) -> u64 {
        let mut hasher = self.0.clone();
        for name in names {
            hasher.write(name.as_bytes());
            // What no text holds: "ab", "c" is not "a", "bc".
            hasher.write_u8(0xff);
        }
        hasher.finish()
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys")
    }
}

/// What the fingerprints of a log are keyed by: the same over restarts, and known to whoever may read the state folder.
pub(crate) struct Salt {
    bytes: OnceLock<[u8; 32]>,
    file: Option<(Arc<dyn Storage>, PathBuf)>,
}

impl Salt {
    /// The log's own, in its state folder. It is made when the first alert needs it.
    pub(crate) fn of_log(storage: Arc<dyn Storage>, state: &Path) -> Salt {
        Salt { bytes: OnceLock::new(), file: Some((storage, state.join(FILE))) }
    }

    /// One that nobody keeps.
    pub(crate) fn drawn() -> Salt {
        Salt { bytes: OnceLock::new(), file: None }
    }

    /// Who or what a detector's finding is about, for people who compare: 16 hexadecimal digits.
    pub(crate) fn fingerprint(&self, detector: &str, entity: &[u8]) -> String {
        let mut hash = Sha256::new();
        hash.update(self.bytes.get_or_init(|| self.read_or_draw()));
        hash.update(detector);
        hash.update([0]);
        hash.update(entity);
        hash.finalize()[..8].iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn read_or_draw(&self) -> [u8; 32] {
        let Some((storage, path)) = &self.file else { return drawn() };
        read_or_make(&**storage, path).unwrap_or_else(|error| {
            report::say_at_once(&format!(
                "{}: {error}; the fingerprints of alerts will be others after the next start",
                path.display()
            ));
            drawn()
        })
    }
}

fn read_or_make(storage: &dyn Storage, path: &Path) -> io::Result<[u8; 32]> {
    if storage.stat(path)?.is_some() {
        let mut bytes = Vec::new();
        storage.read(path, 0)?.take(33).read_to_end(&mut bytes)?;
        return bytes.try_into().map_err(|_| {
            io::Error::new(io::ErrorKind::InvalidData, "not 32 bytes; remove it, and another is made")
        });
    }
    let bytes = drawn();
    replace(storage, path, &bytes)?;
    path.parent().map_or(Ok(()), |folder| storage.sync_dir(folder))?;
    Ok(bytes)
}

/// A system without randomness for this has none for hash maps either, which std answers with a panic; here it is what std
/// drew at the start.
fn drawn() -> [u8; 32] {
    let mut bytes = [0; 32];
    if getrandom::fill(&mut bytes).is_err() {
        let keys = Keys::new();
        bytes.chunks_mut(8).zip(["a", "b", "c", "d"]).for_each(|(part, name)| {
            part.copy_from_slice(&keys.of(&[name]).to_be_bytes());
        });
    }
    bytes
}

/// Not the bytes.
impl fmt::Debug for Salt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Salt")
    }
}

/// Beside the signing key, and as secret.
pub(crate) const FILE: &str = "alert.salt";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::Memory;

    #[test]
    fn a_log_keeps_its_fingerprints_over_a_restart_and_another_log_has_others() {
        let disk: Arc<dyn Storage> = Arc::new(Memory::new());
        for folder in ["/a", "/b"] {
            disk.create_dir(Path::new(folder)).unwrap();
        }
        let of = |folder: &str| Salt::of_log(Arc::clone(&disk), Path::new(folder)).fingerprint("d", b"ada");
        assert_eq!(of("/a"), of("/a"));
        assert_ne!(of("/a"), of("/b"));
        let salt = Salt::of_log(Arc::clone(&disk), Path::new("/a"));
        assert_ne!(salt.fingerprint("d", b"ada"), salt.fingerprint("d", b"eve"));
        assert_ne!(salt.fingerprint("d", b"ada"), salt.fingerprint("e", b"ada"));
        assert_eq!(of("/a").len(), 16);
    }

    #[test]
    fn a_salt_that_cannot_be_read_is_replaced_for_this_run_and_left_as_it_is() {
        let disk = Memory::new();
        disk.put("/state/alert.salt", b"short");
        let salt = Salt::of_log(Arc::new(disk.clone()), Path::new("/state"));
        assert_eq!(salt.fingerprint("d", b"ada").len(), 16);
        assert_eq!(disk.files()[Path::new("/state/alert.salt")], b"short");
    }

    #[test]
    fn names_that_join_alike_have_different_keys() {
        let keys = Keys::new();
        assert_eq!(keys.of(&["ab", "c"]), keys.of(&["ab", "c"]));
        assert_ne!(keys.of(&["ab", "c"]), keys.of(&["a", "bc"]));
        assert_ne!(keys.of(&["ab", "c"]), Keys::new().of(&["ab", "c"]));
    }
}
