//! The books of a base: the key that seals its logs, its ledger, and the lock file that tells how long they are.

use std::collections::VecDeque;
use std::io::{self, BufReader};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use crate::clock::Clock;
use crate::ledger::{Entry, Fact, KEY, Ledger, Reading, replace};
use crate::policy::Policy;
use crate::storage::Storage;

use super::error::OpenError;
use super::heads::{self, Heads};
use super::key::{Public, Signer};
use super::merkle::Tree;
use super::note::Checkpoint;
use super::origin::Origin;
use super::place::{io_error, make_folder};
use super::recover::scan_lines;
use super::seal::Seal;
use super::shard::Name;

/// What signs and notes for the shards of one base.
#[derive(Debug)]
pub(crate) struct Books {
    pub(crate) signer: Arc<Signer>,
    pub(crate) origin: Origin,
    pub(crate) heads: Heads,
    storage: Arc<dyn Storage>,
    ledger: Ledger,
    waiting: Mutex<VecDeque<Fact>>,
    /// There was no lock file when the books were opened.
    pub(crate) without_heads: bool,
}

impl Books {
    /// Opens the books of a locked base. A new log gets a key; one that has records and no key is refused.
    pub(crate) fn open(
        policy: &Policy,
        storage: &Arc<dyn Storage>,
        base: &Path,
        state: &Path,
        clock: &Clock,
        check: bool,
    ) -> Result<Books, OpenError> {
        make_folder(&**storage, state)?;
        let signer = Arc::new(signer(policy, &**storage, base, state)?);
        let origin = Origin::of(policy);
        let without_heads = storage
            .stat(&state.join(heads::FILE))
            .map_err(io_error("look for the lock file in", state))?
            .is_none();
        let known = heads::read(&**storage, state).map_err(io_error("read the lock file in", state))?;
        let heads = Heads::new(state, known);
        if check {
            rolled_back(&**storage, base, &heads)?;
        }
        let ledger =
            Ledger::open(Arc::clone(storage), base, origin.ledger(), Arc::clone(&signer), clock.clone())
                .map_err(|source| OpenError::Ledger { base: base.into(), source })?;
        let (storage, waiting) = (Arc::clone(storage), Mutex::default());
        Ok(Books { signer, origin, heads, storage, ledger, waiting, without_heads })
    }

    /// The ledger as it stands. A key that is not the one it was last sealed with is refused before it seals anything.
    pub(crate) fn read(&self, base: &Path, state: &Path) -> Result<Reading, OpenError> {
        let reading = self.ledger.read().map_err(io_error("read the ledger in", base))?;
        let last = reading.entries.iter().rev().find_map(|(_, entry)| match &entry.fact {
            Fact::LogOpened { vkey, .. } | Fact::KeyRotated { new: vkey, .. } => Some(vkey),
            _ => None,
        });
        let ours = self.signer.public();
        if last.and_then(|vkey| Public::from_vkey(vkey)).is_some_and(|(_, key)| key != ours) {
            let source = io::Error::new(
                io::ErrorKind::InvalidData,
                "it is not the key that this log was last sealed with; restore that one from your backup",
            );
            return Err(OpenError::Key { path: state.join(KEY), source });
        }
        Ok(reading)
    }

    pub(crate) fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Forgets how long a log was known to be: the ledger has the operator's word.
    pub(crate) fn accepted(&self, log: &str) -> io::Result<()> {
        self.heads.remove(log);
        self.lock_in_with(&self.ledger)
    }

    /// Writes the lock file with the ledger as it is now.
    pub(crate) fn lock_in_with(&self, ledger: &Ledger) -> io::Result<()> {
        let (size, root) = ledger.head();
        self.heads.set(crate::ledger::FOLDER, size, root);
        self.lock_in()
    }

    /// Tells the ledger that the log is open, by which key and under which rules, and writes the lock file.
    pub(crate) fn opened(&self, policy: &Policy) -> io::Result<()> {
        let vkey = self.signer.public().vkey(&self.origin.ledger());
        self.tell(Fact::LogOpened { vkey, policy: policy.reference() })?;
        self.lock_in()?;
        // Its name for good: that it is gone must mean something.
        self.heads.sync(&*self.storage)
    }

    /// Enters a fact in the ledger. After an error it waits for the next [`Books::settle`].
    pub(crate) fn tell(&self, fact: Fact) -> io::Result<()> {
        self.waiting().push_back(fact);
        self.settle()
    }

    /// Enters what could not be entered so far, the oldest first.
    pub(crate) fn settle(&self) -> io::Result<()> {
        let mut waiting = self.waiting();
        while let Some(fact) = waiting.front() {
            let (size, root) = {
                self.ledger.append(Entry::from(fact.clone()))?;
                self.ledger.head()
            };
            self.heads.set(crate::ledger::FOLDER, size, root);
            if let Some(Fact::ShardClosed { shard }) = waiting.pop_front() {
                self.heads.remove(&shard.shard);
            }
        }
        Ok(())
    }

    /// Facts that no ledger has taken yet.
    pub(crate) fn untold(&self) -> usize {
        self.waiting().len()
    }

    /// The seal of a shard as it is now.
    pub(crate) fn seal(&self, shard: &str, tree: &Tree) -> String {
        Seal::new(&self.signer, &self.origin.shard(shard), tree).line()
    }

    /// Replaces the checkpoint beside a shard. Only of the last one is the name synced too: before it comes a newer one, or a
    /// start that makes it again from the seals.
    pub(crate) fn publish(&self, path: &Path, shard: &str, tree: &Tree, last: bool) -> io::Result<()> {
        let note = Checkpoint::of(&self.origin.shard(shard), tree).sign(&self.signer);
        let path = path.with_extension("checkpoint");
        replace(&*self.storage, &path, note.as_bytes())?;
        if !last {
            return Ok(());
        }
        path.parent().map_or(Ok(()), |folder| self.storage.sync_dir(folder))
    }

    /// Writes the lock file: how far every log is durable.
    pub(crate) fn lock_in(&self) -> io::Result<()> {
        self.heads.write(&*self.storage)
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, VecDeque<Fact>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn signer(policy: &Policy, storage: &dyn Storage, base: &Path, state: &Path) -> Result<Signer, OpenError> {
    let path = state.join(KEY);
    let key = |source| OpenError::Key { path: path.clone(), source };
    if storage.stat(&path).map_err(key)?.is_some() {
        // Whoever made it may have died before its name was durable.
        storage.sync_dir(state).map_err(key)?;
        return crate::ledger::load_key(storage, base, state).map_err(key);
    }
    if !is_new(policy, storage, base).map_err(io_error("look through", base))? {
        return Err(OpenError::NoKey { path, base: base.into() });
    }
    let signer = Signer::generate().map_err(key)?;
    signer.save(storage, &path).map_err(key)?;
    Ok(signer)
}

/// Refuses a ledger that is shorter than it was known to be, or another.
fn rolled_back(storage: &dyn Storage, base: &Path, heads: &Heads) -> Result<(), OpenError> {
    let Some(known) = heads.get(crate::ledger::FOLDER) else { return Ok(()) };
    let path = base.join(crate::ledger::FOLDER).join(crate::ledger::FILE);
    let rollback = |found| OpenError::Rollback {
        log: path.clone(),
        id: crate::ledger::FOLDER.into(),
        known: known.0,
        found,
    };
    if storage.stat(&path).map_err(io_error("look at", &path))?.is_none() {
        return Err(rollback(None));
    }
    let read =
        storage.read(&path, 0).and_then(|from| scan_lines(BufReader::new(from), |_| true, Some(known)));
    let scan = read.map_err(io_error("read", &path))?;
    // A ledger whose seals do not fit is refused with better words when it is opened.
    if scan.reaches || scan.damage.is_some() { Ok(()) } else { Err(rollback(Some(scan.lines.tree.size()))) }
}

/// Whether nothing was ever logged here: no ledger and no shard.
fn is_new(policy: &Policy, storage: &dyn Storage, base: &Path) -> io::Result<bool> {
    if storage.stat(&base.join(crate::ledger::FOLDER).join(crate::ledger::FILE))?.is_some() {
        return Ok(false);
    }
    for channel in &policy.channels {
        let names = storage.list(&base.join(&channel.name))?;
        if names.iter().any(|name| name.to_str().is_some_and(|name| Name::parse(name, true).is_some())) {
            return Ok(false);
        }
    }
    Ok(true)
}
