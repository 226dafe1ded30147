//! Names as the detectors hold them: hashes, keyed so that nobody can make two collide or guess a name from one.

use std::fmt;
use std::hash::{BuildHasher, DefaultHasher, Hasher, RandomState};
use std::io::{self, Read as _};
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::ledger::replace;
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
pub(crate) struct Salt([u8; 32]);

impl Salt {
    /// The log's own, made on first use.
    pub(crate) fn of_log(storage: &dyn Storage, state: &Path) -> io::Result<Salt> {
        let path = state.join(FILE);
        if storage.stat(&path)?.is_some() {
            let mut bytes = Vec::new();
            storage.read(&path, 0)?.take(33).read_to_end(&mut bytes)?;
            return bytes.try_into().map(Salt).map_err(|_| {
                io::Error::new(io::ErrorKind::InvalidData, "not 32 bytes: remove it, and another is made")
            });
        }
        let salt = Salt::drawn()?;
        replace(storage, &path, &salt.0)?;
        storage.sync_dir(state)?;
        Ok(salt)
    }

    /// One that nobody keeps.
    pub(crate) fn drawn() -> io::Result<Salt> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(io::Error::other)?;
        Ok(Salt(bytes))
    }

    /// Who or what a detector's finding is about, for people who compare: 16 hexadecimal digits.
    pub(crate) fn fingerprint(&self, detector: &str, entity: &[u8]) -> String {
        let mut hash = Sha256::new();
        hash.update(self.0);
        hash.update(detector);
        hash.update([0]);
        hash.update(entity);
        hash.finalize()[..8].iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Not the bytes.
impl fmt::Debug for Salt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Salt")
    }
}

/// Beside the signing key, and as secret.
pub(crate) const FILE: &str = "alert.salt";
