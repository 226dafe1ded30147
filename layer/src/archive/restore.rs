//! Archived shards back into plain files: fetched, decrypted, decompressed, verified against the ledger, and only then
//! under their names, in a folder of their own.

use std::io::{self, Read};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::catalog::ShardId;
use crate::journal::note::Checkpoint;
use crate::ledger::{Fact, Ledger, Reading};
use crate::policy::Policy;
use crate::storage::{Kind, Storage};

use super::address::Address;
use super::check::verify;
use super::crypt::Identities;
use super::history::{History, Past, Receipt};
use super::pack::Hashed;
use super::problem::ArchiveError;
use super::read::Reader;
use super::run::{origin, stores};
use super::steps::hex;
use super::store::Store;
use super::store::folder::{beside, make_durable, remove_if_there};

/// Which archived shards.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Only this one.
    pub shard: Option<ShardId>,
    /// Only of this channel.
    pub channel: Option<String>,
    /// Only those with a record at this time or later: the beginning of an RFC 3339 time in UTC, such as `2026-11-20`.
    pub from: Option<String>,
    /// Only those with a record at this time or earlier; `2026-11` means all of that month.
    pub to: Option<String>,
}

impl Selection {
    /// The shards of which the ledger has a receipt and that fit, the oldest of each channel first.
    pub fn of(&self, ledger: &Reading) -> Vec<ShardId> {
        let history = History::of(ledger);
        let fits = |id: &ShardId, past: &Past| {
            let day = id.name.day.to_string();
            let first = past.end.first.as_deref().unwrap_or(&day);
            let last = past.end.last.as_deref().unwrap_or(&day);
            // A day counts as its first and its last moment: times of one form compare as texts.
            let begins = |from: &String| last >= from.as_str() || from.starts_with(last);
            let ends = |to: &String| first <= to.as_str() || first.starts_with(to.as_str());
            self.shard.as_ref().is_none_or(|shard| shard == id)
                && self.channel.as_ref().is_none_or(|channel| channel == id.channel())
                && self.from.as_ref().is_none_or(begins)
                && self.to.as_ref().is_none_or(ends)
        };
        let found = history.shards.iter().filter(|(id, past)| !past.receipts.is_empty() && fits(id, past));
        found.map(|(id, _)| id.clone()).collect()
    }
}

/// Restores archived shards of one base.
#[derive(Debug)]
pub struct Restorer<'a> {
    storage: Arc<dyn Storage>,
    stores: Vec<Box<dyn Store>>,
    ledger: &'a Ledger,
    identities: &'a Identities,
    to: PathBuf,
}

impl<'a> Restorer<'a> {
    /// Opens the stores and the folder to restore into, which is made if it is not there.
    ///
    /// # Errors
    /// If the folder is inside or around the log or one of its stores, or a store cannot be used.
    pub fn open(
        policy: &Policy,
        storage: Arc<dyn Storage>,
        base: &Path,
        ledger: &'a Ledger,
        identities: &'a Identities,
        to: &Path,
    ) -> Result<Restorer<'a>, ArchiveError> {
        let folders = policy.archive.stores.iter().filter_map(|line| match Address::parse(line) {
            Some(Address::Folder(folder)) => Some(folder),
            _ => None,
        });
        let logs = policy.roots.iter().cloned().chain([base.to_owned()]).chain(folders);
        let whole = whole(&*storage, to);
        for log in logs {
            let other = self::whole(&*storage, &log);
            if whole.starts_with(&other) || other.starts_with(&whole) {
                return Err(ArchiveError::NotAside { to: to.into(), log });
            }
        }
        let stores = stores(policy, &storage, base, ledger)?;
        make_durable(&*storage, to).map_err(ArchiveError::io("make", to))?;
        Ok(Restorer { storage, stores, ledger, identities, to: to.into() })
    }

    /// Restores one shard from the first store that returns it whole: the path of its plain file, with its checkpoint
    /// beside it. One that is there already is verified and left.
    ///
    /// # Errors
    /// If no store has it whole, the identities do not read it, or another file stands under its name.
    pub fn run(
        &self,
        ledger: &Reading,
        shard: &ShardId,
        record: &dyn Fn(Fact) -> io::Result<()>,
        tick: &mut dyn FnMut(u64),
    ) -> Result<PathBuf, ArchiveError> {
        let history = History::of(ledger);
        let known = history.shards.get(shard).filter(|past| !past.receipts.is_empty());
        let past = known.ok_or_else(|| ArchiveError::Unknown { shard: shard.clone() })?;
        let folder = self.to.join(shard.channel());
        make_durable(&*self.storage, &folder).map_err(ArchiveError::io("make", &folder))?;
        let target = folder.join(shard.file_name());
        if !self.is_there(&target, past)? {
            self.fetch_any(shard, past, &folder, &target, tick)?;
        }
        self.checkpoint(shard, past, &folder)?;
        let fact = Fact::Restored { shard: shard.to_string(), to: target.display().to_string() };
        record(fact).map_err(|source| ArchiveError::Ledger { source })?;
        Ok(target)
    }

    fn is_there(&self, target: &Path, past: &Past) -> Result<bool, ArchiveError> {
        match self.storage.stat(target).map_err(ArchiveError::io("look at", target))? {
            None => Ok(false),
            Some(stat) if stat.kind == Kind::File => {
                let reader = Reader::open(Arc::clone(&self.storage), target, self.identities)?;
                match verify(reader, past, NonZeroUsize::MIN, &mut |_| Ok(())) {
                    Ok(true) => Ok(true),
                    _ => Err(ArchiveError::Occupied { path: target.into() }),
                }
            }
            Some(_) => Err(ArchiveError::Occupied { path: target.into() }),
        }
    }

    /// A receipt's own store first; a store may have been renamed in the policy since, or moved.
    fn fetch_any(
        &self,
        shard: &ShardId,
        past: &Past,
        folder: &Path,
        target: &Path,
        tick: &mut dyn FnMut(u64),
    ) -> Result<(), ArchiveError> {
        let mut tried = Vec::new();
        for receipt in &past.receipts {
            let (own, others): (Vec<_>, Vec<_>) =
                self.stores.iter().partition(|store| store.name() == receipt.store);
            for store in own.into_iter().chain(others) {
                match self.fetch(&**store, receipt, past, folder, target, tick) {
                    Ok(()) => return Ok(()),
                    // Another copy is encrypted to the same keys, and the disk is the same disk.
                    Err(
                        error @ (ArchiveError::Io { .. }
                        | ArchiveError::Read(
                            super::ReadError::NoIdentity { .. } | super::ReadError::WrongIdentity { .. },
                        )),
                    ) => return Err(error),
                    Err(error) => tried.push(error.to_string()),
                }
            }
        }
        Err(ArchiveError::NoCopy { shard: shard.clone(), tried })
    }

    fn fetch(
        &self,
        store: &dyn Store,
        receipt: &Receipt,
        past: &Past,
        folder: &Path,
        target: &Path,
        tick: &mut dyn FnMut(u64),
    ) -> Result<(), ArchiveError> {
        let name = receipt.path.rsplit('/').next().unwrap_or_default();
        let copy = folder.join(format!(".{name}"));
        let unfinished = beside(target);
        for path in [&copy, &unfinished] {
            remove_if_there(&*self.storage, path).map_err(ArchiveError::io("remove", path))?;
        }
        let made = self.download(store, receipt, &copy).and_then(|()| {
            let reader = Reader::open(Arc::clone(&self.storage), &copy, self.identities)?;
            let file = self.storage.create(&unfinished).map_err(ArchiveError::io("make", &unfinished))?;
            let mut out = Hashed::new(file);
            let mut failed = None;
            let whole = verify(reader, past, NonZeroUsize::MIN, &mut |block| {
                let written = io::Write::write_all(&mut out, block);
                tick(out.bytes);
                written.map_err(|error| {
                    let kind = error.kind();
                    failed = Some(error);
                    kind.into()
                })
            });
            if let Some(error) = failed {
                return Err(ArchiveError::io("write", &unfinished)(error));
            }
            if !whole? {
                return Err(ArchiveError::NotKept {
                    store: store.name().to_owned(),
                    place: store.place(&receipt.path),
                    expected: receipt.bytes,
                    found: "lines whose Merkle root is not the ledger's".to_owned(),
                });
            }
            out.file.sync().map_err(ArchiveError::io("sync", &unfinished))?;
            self.storage.rename(&unfinished, target).map_err(ArchiveError::io("rename", &unfinished))?;
            self.storage.sync_dir(folder).map_err(ArchiveError::io("sync", folder))
        });
        for path in [&copy, &unfinished] {
            // Both are copies; the archive itself stays where it is.
            let _ = remove_if_there(&*self.storage, path);
        }
        made
    }

    fn download(&self, store: &dyn Store, receipt: &Receipt, copy: &Path) -> Result<(), ArchiveError> {
        let trouble =
            |error| ArchiveError::store("read", store.name().to_owned(), store.place(&receipt.path), error);
        let mut from = store.get(&receipt.path).map_err(trouble)?;
        let mut out = Hashed::new(self.storage.create(copy).map_err(ArchiveError::io("make", copy))?);
        let mut buffer = vec![0; 256 << 10];
        loop {
            let n = from.read(&mut buffer).map_err(|error| {
                ArchiveError::store("read", store.name().to_owned(), store.place(&receipt.path), error)
            })?;
            if n == 0 {
                break;
            }
            io::Write::write_all(&mut out, &buffer[..n]).map_err(ArchiveError::io("write", copy))?;
        }
        if out.bytes == receipt.bytes && hex(out.hash) == receipt.sha256 {
            return Ok(());
        }
        Err(ArchiveError::NotKept {
            store: store.name().to_owned(),
            place: store.place(&receipt.path),
            expected: receipt.bytes,
            found: format!("{} bytes that are not those of the receipt", out.bytes),
        })
    }

    fn checkpoint(&self, shard: &ShardId, past: &Past, folder: &Path) -> Result<(), ArchiveError> {
        let path = folder.join(format!("{}.checkpoint", shard.period()));
        let note = Checkpoint {
            origin: format!("{}/{shard}", origin(self.ledger)),
            size: past.end.size,
            root: past.end.root,
        }
        .sign(self.ledger.signer());
        crate::ledger::replace(&*self.storage, &path, note.as_bytes())
            .map_err(ArchiveError::io("write", &path))
    }
}

/// The path with what exists of it resolved.
fn whole(storage: &dyn Storage, path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    for known in path.ancestors() {
        if let Ok(resolved) = storage.resolve(known) {
            return path.strip_prefix(known).map_or(path.clone(), |rest| resolved.join(rest));
        }
    }
    path
}
