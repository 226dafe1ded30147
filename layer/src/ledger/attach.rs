//! Opening the ledger of a log that a service writes, from outside: by its own name and with its key.

use std::io::{self, BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Entry, FILE, FOLDER, Fact, Ledger};
use crate::clock::Clock;
use crate::journal::key::{Public, Signer};
use crate::journal::seal::Seal;
use crate::storage::Storage;

impl Ledger {
    /// Opens the ledger in a base folder for a tool: under the origin that the service gave it, which a policy need not
    /// name, and with the key in the state folder.
    ///
    /// # Errors
    /// If no service ever opened the log, or the key cannot be read; each says what to do.
    pub fn attach(storage: Arc<dyn Storage>, base: &Path, state: &Path, clock: Clock) -> io::Result<Ledger> {
        let (origin, _) = first_key(&*storage, base)?;
        let key = state.join(KEY);
        let signer = load_key(&*storage, base, state).map_err(|error| {
            io::Error::new(
                error.kind(),
                format!(
                    "the key {} cannot be read: {error}. What is done is entered in the ledger under it: run this as \
                     the service's user, or name the key's folder in the policy",
                    key.display()
                ),
            )
        })?;
        Ledger::open(storage, base, origin, Arc::new(signer), clock)
    }
}

/// The origin of a ledger and the key that its first seals are under, as its first entry names them.
///
/// # Errors
/// If there is no ledger, or none that a service opened.
pub fn first_key(storage: &dyn Storage, base: &Path) -> io::Result<(String, Public)> {
    let path = path(base);
    let none = || {
        io::Error::new(
            io::ErrorKind::NotFound,
            format!(
                "{} tells of no log: start the service once, or name the folder that it writes to",
                path.display()
            ),
        )
    };
    if storage.stat(&path)?.is_none() {
        return Err(none());
    }
    for line in BufReader::new(storage.read(&path, 0)?).split(b'\n') {
        if let Ok(Entry { fact: Fact::LogOpened { vkey, .. }, .. }) = serde_json::from_slice(&line?)
            && let Some((origin, key)) = Public::from_vkey(&vkey)
        {
            return Ok((origin.to_owned(), key));
        }
    }
    Err(none())
}

/// The key in a state folder. A rotation whose process died after its entry was sealed is brought to its end first.
pub(crate) fn load_key(storage: &dyn Storage, base: &Path, state: &Path) -> io::Result<Signer> {
    let (path, next) = (state.join(KEY), state.join(NEXT_KEY));
    if storage.stat(&next)?.is_none() {
        return Signer::load(storage, &path);
    }
    let new = Signer::load(storage, &next)?;
    let Some((bytes, key)) = newest_key(storage, base)? else { return Signer::load(storage, &path) };
    if key != new.public() {
        return Signer::load(storage, &path);
    }
    let _lock = storage.lock(&base.join(FOLDER).join(".lock"), &format!("{}\n", std::process::id()))?;
    // The entry may stand in the page cache alone.
    crate::journal::recover::renew(storage, &self::path(base), bytes)?;
    storage.rename(&next, &path)?;
    storage.sync_dir(state)?;
    Ok(new)
}

/// The key that the sealed entries name last, and where they end.
fn newest_key(storage: &dyn Storage, base: &Path) -> io::Result<Option<(u64, Public)>> {
    let path = path(base);
    if storage.stat(&path)?.is_none() {
        return Ok(None);
    }
    let (mut waiting, mut newest, mut offset) = (None, None, 0);
    super::lines(storage.read(&path, 0)?, |line, whole| {
        offset += line.len() as u64;
        if Seal::is(line) && whole {
            newest = waiting.map(|key| (offset, key));
        } else if let Some(key) = serde_json::from_slice(line).ok().as_ref().and_then(super::key_of) {
            waiting = Some(key);
        }
        Ok(())
    })?;
    Ok(newest)
}

fn path(base: &Path) -> PathBuf {
    base.join(FOLDER).join(FILE)
}

/// In the state folder.
pub(crate) const KEY: &str = "signing.key";
/// The key that a rotation is about to put in its place.
pub(crate) const NEXT_KEY: &str = "signing.key.next";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::PolicyRef;
    use crate::storage::Memory;

    #[test]
    fn a_tool_appends_under_the_services_name_and_key() {
        let disk = Memory::new();
        let (base, state) = (Path::new("/log"), Path::new("/log/state"));
        disk.create_dir(state).unwrap();
        let attach = || Ledger::attach(Arc::new(disk.clone()), base, state, Clock::manual(0));
        assert!(attach().unwrap_err().to_string().contains("start the service once"));
        let signer = Signer::from_seed(&[7; 32]);
        let origin = "clinic/-/ledger";
        let vkey = signer.public().vkey(origin);
        let service =
            Ledger::open(Arc::new(disk.clone()), base, origin.into(), Arc::new(signer), Clock::manual(0))
                .unwrap();
        let policy = PolicyRef { version: None, sha256: String::new() };
        service.append(Fact::LogOpened { vkey, policy }.into()).unwrap();
        assert!(attach().unwrap_err().to_string().contains("signing.key cannot be read"));
        Signer::from_seed(&[7; 32]).save(&disk, &state.join(KEY)).unwrap();
        attach().unwrap().append(Fact::HoldReleased { id: "x".into() }.into()).unwrap();
        let reading = service.read().unwrap();
        assert_eq!((reading.entries.len(), reading.problems), (2, vec![]));
    }
}
