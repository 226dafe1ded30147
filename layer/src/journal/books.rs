//! The books of a base: the key that seals its logs, its ledger, and the lock file that tells how long they are.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::clock::Clock;
use crate::ledger::{Entry, Fact, Ledger, Reading, replace};
use crate::policy::Policy;
use crate::storage::Storage;

use super::error::OpenError;
use super::heads::{self, Heads};
use super::key::Signer;
use super::merkle::Tree;
use super::note::Checkpoint;
use super::origin::Origin;
use super::place::{io_error, make_folder};
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
}

impl Books {
    /// Opens the books of a locked base. A new log gets a key; one that has records and no key is refused.
    pub(crate) fn open(
        policy: &Policy,
        storage: &Arc<dyn Storage>,
        base: &Path,
        state: &Path,
        clock: &Clock,
    ) -> Result<Books, OpenError> {
        make_folder(&**storage, state)?;
        let signer = Arc::new(signer(policy, &**storage, base, state)?);
        let origin = Origin::of(policy);
        let known = heads::read(&**storage, state).map_err(io_error("read the lock file in", state))?;
        let ledger =
            Ledger::open(Arc::clone(storage), base, origin.ledger(), Arc::clone(&signer), clock.clone())
                .map_err(|source| OpenError::Ledger { base: base.into(), source })?;
        Ok(Books {
            signer,
            origin,
            heads: Heads::new(state, known),
            storage: Arc::clone(storage),
            ledger,
            waiting: Mutex::default(),
        })
    }

    /// The ledger as it stands.
    pub(crate) fn read(&self) -> io::Result<Reading> {
        self.ledger.read()
    }

    /// Tells the ledger that the log is open, by which key and under which rules, and writes the lock file.
    pub(crate) fn opened(&self, policy: &Policy) -> io::Result<()> {
        let vkey = self.signer.public().vkey(&self.origin.ledger());
        self.tell(Fact::LogOpened { vkey, policy: policy.reference() })?;
        self.lock_in()
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

    /// Replaces the checkpoint beside a shard. Not synced: it can be made again from the seals.
    pub(crate) fn publish(&self, path: &Path, shard: &str, tree: &Tree) -> io::Result<()> {
        let note = Checkpoint::of(&self.origin.shard(shard), tree).sign(&self.signer);
        replace(&*self.storage, &path.with_extension("checkpoint"), note.as_bytes())
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
        return Signer::load(storage, &path).map_err(key);
    }
    if !is_new(policy, storage, base).map_err(io_error("look through", base))? {
        return Err(OpenError::NoKey { path, base: base.into() });
    }
    let signer = Signer::generate().map_err(key)?;
    signer.save(storage, &path).map_err(key)?;
    Ok(signer)
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

/// The folder of the key and of the lock file.
pub(crate) fn state_folder(_policy: &Policy, base: &Path) -> PathBuf {
    base.join("state")
}

const KEY: &str = "signing.key";
