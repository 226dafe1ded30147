//! The ledger: the small log of lifecycle facts, never purged.
//!
//! `<base>/ledger/ledger.jsonl` has one [`Entry`] per line, each followed by a seal, and a checkpoint beside it. The
//! service and the command line both append to it: whoever does holds the lock for the time of one append.
//!
//! An entry is durable when [`Ledger::append`] returns `Ok`. Dying before that leaves a tail without a seal, which the
//! next append moves to quarantine: nobody was told of it. After an error of the disk nothing is known of the file: the
//! next append puts a synced copy in its place first.

mod attach;
mod fact;
pub(crate) mod lock;
mod tail;
#[cfg(test)]
mod tests;

use std::io::{self, BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::clock::Clock;
use crate::journal::key::{Public, Signer};
use crate::journal::merkle::{Hash, Tree};
use crate::journal::note::Checkpoint;
use crate::journal::seal::Seal;
use crate::record::stamp::Stamp;
use crate::storage::{File, Lock, Storage};

pub use attach::first_key;
pub(crate) use attach::{KEY, NEXT_KEY, load_key};
pub use fact::{Entry, Fact, PolicyRef, ShardRef};
pub(crate) use tail::Tail;

/// A ledger open for appending.
#[derive(Debug)]
pub struct Ledger {
    storage: Arc<dyn Storage>,
    folder: PathBuf,
    origin: String,
    signer: Arc<Signer>,
    clock: Clock,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    tree: Tree,
    /// Bytes of the file that the tree covers.
    bytes: u64,
    /// An append failed, or another process wrote what stands here and may have died of a failed sync: another sync of
    /// the same file would prove nothing.
    unproven: bool,
    /// The key that seals from here on, as the entries tell.
    key: Option<Public>,
}

impl Ledger {
    /// Opens the ledger below a base folder, and makes it if there is none.
    ///
    /// # Errors
    /// Of the storage; `InvalidData` if the ledger was changed: then it must be looked into with `dihya verify`.
    pub fn open(
        storage: Arc<dyn Storage>,
        base: &Path,
        origin: String,
        signer: Arc<Signer>,
        clock: Clock,
    ) -> io::Result<Ledger> {
        let folder = base.join(FOLDER);
        storage.create_dir(&folder)?;
        storage.sync_dir(base)?;
        let ledger = Ledger { storage, folder, origin, signer, clock, state: Mutex::default() };
        let lock = ledger.lock()?;
        let path = ledger.path();
        if ledger.storage.stat(&path)?.is_none() {
            drop(ledger.storage.create(&path)?);
            ledger.storage.sync_dir(&ledger.folder)?;
        } else {
            // Also of an empty one: a cut may have emptied it whose sync failed.
            ledger.state().unproven = true;
        }
        let torn = ledger.catch_up(&mut ledger.state())?;
        drop(lock);
        if let Some((offset, bytes)) = torn {
            ledger.append(Fact::Recovered { shard: FOLDER.into(), offset, bytes }.into())?;
        }
        Ok(ledger)
    }

    /// Adds an entry, durably; its line number.
    ///
    /// # Errors
    /// Nothing is known of the entry then. To append it again is right: it may stand twice, and never not at all.
    pub fn append(&self, mut entry: Entry) -> io::Result<u64> {
        let lock = self.lock()?;
        let mut state = self.state();
        // Another process may have appended, or died while it did.
        let torn = self.catch_up(&mut state)?;
        if state.key.is_some_and(|key| key != self.signer.public()) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the log's key was changed since this process read it; run this again",
            ));
        }
        if state.unproven {
            self.renew(&state)?;
        }
        state.unproven = true;
        if let Some((offset, bytes)) = torn {
            self.write(&mut state, Fact::Recovered { shard: FOLDER.into(), offset, bytes }.into())?;
        }
        entry.timestamp = time(self.clock.now());
        let number = self.write(&mut state, entry)?;
        state.unproven = false;
        // The entry is durable whatever becomes of the checkpoint, which the next append makes anew.
        let _ = self.publish(&state.tree);
        drop(lock);
        Ok(number)
    }

    /// The entries, the oldest first, and what is wrong with the ledger, if anything is.
    pub fn read(&self) -> io::Result<Reading> {
        read(&*self.storage, &self.folder, &self.origin, &self.signer.public())
    }

    /// Which ledger it is: `<service>/<instance or "-">/ledger`.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// What seals it, and the shards of the same base.
    #[cfg(feature = "archive")]
    pub(crate) fn signer(&self) -> &Signer {
        &self.signer
    }

    /// Lines and root, as this process knows them.
    pub fn head(&self) -> (u64, Hash) {
        let state = self.state();
        (state.tree.size(), state.tree.root())
    }

    fn write(&self, state: &mut State, mut entry: Entry) -> io::Result<u64> {
        if entry.timestamp.is_empty() {
            entry.timestamp = time(self.clock.now());
        }
        let number = state.tree.size();
        let mut lines = serde_json::to_vec(&entry).map_err(io::Error::other)?;
        lines.push(b'\n');
        let mut tree = state.tree.clone();
        tree.push_lines(&lines);
        let seal = Seal::new(&self.signer, &self.origin, &tree).line();
        tree.push_lines(seal.as_bytes());
        lines.extend_from_slice(seal.as_bytes());
        let mut file = self.storage.open(&self.path())?;
        file.append(&lines)?;
        file.sync()?;
        state.tree = tree;
        state.bytes += lines.len() as u64;
        state.key = key_of(&entry).or(state.key);
        Ok(number)
    }

    /// Takes up what stands behind the bytes known so far, and cuts what no seal covers: where it began, and its length.
    fn catch_up(&self, state: &mut State) -> io::Result<Option<(u64, u64)>> {
        let path = self.path();
        let from = self.storage.read(&path, state.bytes)?;
        let mut tree = state.tree.clone();
        let mut offset = state.bytes;
        let mut key = None;
        lines(from, |line, whole| {
            offset += line.len() as u64;
            let seal = Seal::parse(line).filter(|_| whole);
            let covered = seal.is_some_and(|seal| seal.covers(&tree));
            if whole {
                tree.push_lines(line);
            }
            if !Seal::is(line) && whole {
                key = serde_json::from_slice(line).ok().as_ref().and_then(key_of).or(key);
            }
            if covered {
                state.key = key.or(state.key);
                state.tree = tree.clone();
                state.bytes = offset;
                state.unproven = true;
            } else if Seal::is(line) && whole {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    format!("the ledger was changed before byte {offset}; look into it with `dihya verify`"),
                ));
            }
            Ok(())
        })?;
        if offset == state.bytes {
            return Ok(None);
        }
        let cut = offset - state.bytes;
        crate::journal::recover::quarantine(&*self.storage, &self.folder, &path, state.bytes)
            .map_err(io::Error::other)?;
        // If the sync fails, what was cut may come back in the place of what is written next.
        state.unproven = true;
        let mut file = self.storage.open(&path)?;
        file.truncate(state.bytes)?;
        file.sync()?;
        Ok(Some((state.bytes, cut)))
    }

    /// Puts a synced copy in the place of a file of which nobody knows here whether it is on the disk.
    fn renew(&self, state: &State) -> io::Result<()> {
        let path = self.path();
        crate::journal::recover::renew(&*self.storage, &path, state.bytes).map(drop)
    }

    /// Replaces the checkpoint. Not synced: it can be made again from the seal, and the next append does.
    fn publish(&self, tree: &Tree) -> io::Result<()> {
        let note = Checkpoint::of(&self.origin, tree).sign(&self.signer);
        replace(&*self.storage, &self.folder.join(CHECKPOINT), note.as_bytes())
    }

    fn path(&self) -> PathBuf {
        self.folder.join(FILE)
    }

    fn lock(&self) -> io::Result<Box<dyn Lock>> {
        let until = Instant::now() + LOCK_WAIT;
        loop {
            match self.storage.lock(&self.folder.join(".lock"), &format!("{}\n", std::process::id())) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && Instant::now() < until => {
                    std::thread::sleep(LOCK_POLL);
                }
                other => return other,
            }
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What was read of a ledger.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    /// The entries that seals cover, by line number.
    pub entries: Vec<(u64, Entry)>,
    /// The tree over the lines that seals cover.
    pub tree: Tree,
    /// What is wrong, each with the line's number.
    pub problems: Vec<(u64, String)>,
}

/// The key that an entry names as the one that seals from then on.
fn key_of(entry: &Entry) -> Option<Public> {
    match &entry.fact {
        Fact::LogOpened { vkey, .. } | Fact::KeyRotated { new: vkey, .. } => {
            Public::from_vkey(vkey).map(|(_, key)| key)
        }
        _ => None,
    }
}

/// Reads a ledger without holding its lock: `folder` is `<base>/ledger`. No file is an empty ledger.
///
/// The seals are checked under the key that the first entry names, and after each rotation under the next; the trusted
/// key must have sealed something, be it the first one, the newest or one in between.
pub fn read(storage: &dyn Storage, folder: &Path, origin: &str, trusted: &Public) -> io::Result<Reading> {
    let mut reading = Reading::default();
    let path = folder.join(FILE);
    if storage.stat(&path)?.is_none() {
        return Ok(reading);
    }
    let first = folder.parent().and_then(|base| first_key(storage, base).ok());
    let mut key = first.map_or(*trusted, |(_, key)| key);
    let mut is_known = false;
    let mut tree = Tree::new();
    let mut waiting = Vec::new();
    lines(storage.read(&path, 0)?, |line, whole| {
        let number = tree.size();
        if !whole {
            reading
                .problems
                .push((number, "the last line is torn: its writer died, or writes just now".into()));
            return Ok(());
        }
        if let Some(seal) = Seal::parse(line) {
            if !seal.covers(&tree) {
                reading
                    .problems
                    .push((number, "a line before this seal was changed, removed or added".into()));
            } else if !seal.is_signed(&key, origin) {
                reading.problems.push((number, "this seal is not signed by the log's key".into()));
            } else {
                is_known |= key == *trusted;
            }
            reading.entries.append(&mut waiting);
        } else if let Ok(entry) = serde_json::from_slice::<Entry>(line) {
            waiting.push((number, entry));
        } else {
            reading.problems.push((number, "this line is no entry".into()));
        }
        tree.push_lines(line);
        if Seal::is(line) {
            reading.tree = tree.clone();
            // A rotation counts once its own seal stands.
            if let Some((_, Entry { fact: Fact::KeyRotated { new, .. }, .. })) = reading.entries.last()
                && let Some((_, new)) = Public::from_vkey(new)
            {
                key = new;
            }
        }
        Ok(())
    })?;
    if reading.tree.size() > 0 && !is_known {
        reading.problems.push((0, "nothing in it is sealed by the key that is trusted".into()));
    }
    if let Some((number, _)) = waiting.first() {
        reading.problems.push((*number, "no seal covers what stands from here on".into()));
    }
    Ok(reading)
}

/// Hands on each line with its newline, and whether it has one.
fn lines(from: impl io::Read, mut to: impl FnMut(&[u8], bool) -> io::Result<()>) -> io::Result<()> {
    let mut from = BufReader::with_capacity(64 * 1024, from);
    let mut line = Vec::new();
    while from.read_until(b'\n', &mut line)? > 0 {
        to(&line, line.ends_with(b"\n"))?;
        line.clear();
    }
    Ok(())
}

/// Writes a small file anew in one step: a reader finds the old one or the new one, also after a power cut. Which of the
/// two it is then is open until the folder is synced.
pub(crate) fn replace(storage: &dyn Storage, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".new");
    let beside = path.with_file_name(name);
    match storage.remove(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file: Box<dyn File> = storage.create(&beside)?;
    file.append(bytes)?;
    // A rename may be durable before what it names.
    file.sync()?;
    storage.rename(&beside, path)
}

/// RFC 3339 with microseconds.
pub(crate) fn time(unix_micros: i64) -> String {
    let mut text = Vec::with_capacity(27);
    Stamp::default().write_time(&mut text, unix_micros);
    String::from_utf8_lossy(&text).into_owned()
}

/// The ledger's folder below the base.
pub(crate) const FOLDER: &str = "ledger";
pub(crate) const FILE: &str = "ledger.jsonl";
const CHECKPOINT: &str = "ledger.checkpoint";
/// An append takes a sync; many processes at once are a handful.
const LOCK_WAIT: Duration = Duration::from_secs(10);
const LOCK_POLL: Duration = Duration::from_millis(2);
