//! One shard's way into the archive, step by step. Each step either finds its result already there or makes it, so that
//! an archiver that died anywhere is simply run again.
//!
//! 1. **pack**: the shard, compressed and encrypted, in a hidden file beside it; synced.
//! 2. **check**: that file is read again from the disk, decrypted and decompressed; size and root of its lines must be
//!    those that the ledger has of the closed shard. Its SHA-256 is noted in a second hidden file; synced.
//! 3. **copy**: to each store, under a name that nothing has, with the checkpoint beside it.
//! 4. **read back**: all bytes of the copy, from the store; the SHA-256 must be the noted one.
//! 5. **receipt**: in the ledger, durable.
//! 6. **remove**: once every store has a receipt that was confirmed in this run: the live file, its checkpoint, what was
//!    packed. Then the ledger is told.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::catalog::ShardId;
use crate::journal::key::Signer;
use crate::journal::note::Checkpoint;
use crate::ledger::Fact;
use crate::storage::{Kind, Storage};

use super::check::verify;
use super::crypt::Ephemeral;
use super::history::{self, Past, Receipt};
use super::pack::{Hashed, Packing};
use super::problem::ArchiveError;
use super::read::Reader;
use super::store::Store;
use super::store::folder::{beside, remove_if_there};

/// What the steps need, the same for every shard of a run.
pub(super) struct Steps<'a> {
    pub(super) storage: &'a Arc<dyn Storage>,
    pub(super) stores: &'a [Box<dyn Store>],
    pub(super) packing: Packing<'a>,
    /// `<service>/<instance or "-">`
    pub(super) origin: &'a str,
    pub(super) signer: &'a Signer,
    /// Enters a fact in the ledger, durably.
    pub(super) record: &'a dyn Fn(Fact) -> io::Result<()>,
}

/// What was packed and checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Packed {
    bytes: u64,
    sha256: String,
    recipients: Vec<String>,
}

impl Steps<'_> {
    /// Archives one shard whose live file is at `source`. `tick` is told how many bytes of it were packed.
    pub(super) fn run(
        &self,
        shard: &ShardId,
        source: &Path,
        past: &Past,
        tick: &mut dyn FnMut(u64),
    ) -> Result<Vec<Receipt>, ArchiveError> {
        let missing = |store: &&dyn Store| !past.receipts.iter().any(|r| r.store == store.name());
        let to_copy: Vec<&dyn Store> = self.stores.iter().map(|s| &**s).filter(missing).collect();
        let mut receipts = Vec::new();
        for store in self.stores.iter().filter(|store| !missing(&&***store)) {
            receipts.extend(past.receipts.iter().filter(|r| r.store == store.name()).cloned());
        }
        // Receipts of a run before are believed only as far as their copies can still be read.
        for receipt in &receipts {
            let store = self.stores.iter().find(|store| store.name() == receipt.store);
            if let Some(store) = store {
                self.read_back(&**store, &receipt.path, receipt.bytes, &receipt.sha256)?;
            }
        }
        let stat = self.storage.stat(source).map_err(ArchiveError::io("look at", source))?;
        if stat.is_none() {
            if receipts.is_empty() {
                return Err(ArchiveError::Gone { shard: shard.clone(), path: source.into() });
            }
            // A run died between removing the file and saying so.
            self.remove(shard, source)?;
            return Ok(receipts);
        }
        if !to_copy.is_empty() {
            let (file, packed) = self.packed(shard, source, past, tick)?;
            let note = self.checkpoint(shard, source, past)?;
            for store in to_copy {
                receipts.push(self.copy(store, shard, past, &file, &packed, &note)?);
            }
        }
        self.remove(shard, source)?;
        Ok(receipts)
    }

    /// Steps 1 and 2: the packed file and what is in it.
    fn packed(
        &self,
        shard: &ShardId,
        source: &Path,
        past: &Past,
        tick: &mut dyn FnMut(u64),
    ) -> Result<(PathBuf, Packed), ArchiveError> {
        let file = self.staged(source, !self.packing.recipients.is_empty());
        let noted = note_of(source);
        if let Some(packed) = self.noted(&noted, &file)? {
            return Ok((file, packed));
        }
        for encrypted in [false, true] {
            let old = self.staged(source, encrypted);
            remove_if_there(&**self.storage, &old).map_err(ArchiveError::io("remove", &old))?;
        }
        remove_if_there(&**self.storage, &noted).map_err(ArchiveError::io("remove", &noted))?;
        let own = Ephemeral::new();
        let made = self.pack(source, &file, &own, tick);
        let packed = match made {
            Ok(packed) => packed,
            Err(error) => {
                // What is half packed only takes room.
                let _ = self.storage.remove(&file);
                return Err(ArchiveError::io("pack into", &file)(error));
            }
        };
        if let Err(error) = self.check(shard, past, &file, &own) {
            let _ = self.storage.remove(&file);
            return Err(error);
        }
        let text = serde_json::to_vec(&packed).map_err(io::Error::other);
        text.and_then(|text| self.write_anew(&noted, &text)).map_err(ArchiveError::io("write", &noted))?;
        Ok((file, packed))
    }

    fn pack(
        &self,
        source: &Path,
        file: &Path,
        own: &Ephemeral,
        tick: &mut dyn FnMut(u64),
    ) -> io::Result<Packed> {
        let mut out = Hashed::new(self.storage.create(file)?);
        let shard = self.storage.read(source, 0)?;
        self.packing.pack(shard, own, &mut out, tick)?;
        out.file.sync()?;
        Ok(Packed { bytes: out.bytes, sha256: hex(out.hash), recipients: self.packing.recipients.texts() })
    }

    /// Decrypts and decompresses what was packed, and holds it against the ledger.
    fn check(&self, shard: &ShardId, past: &Past, file: &Path, own: &Ephemeral) -> Result<(), ArchiveError> {
        let reader = Reader::open(Arc::clone(self.storage), file, &own.identities())?;
        let found = verify(reader, past, self.packing.threads, &mut |_| Ok(()))?;
        if found { Ok(()) } else { Err(ArchiveError::Differs { shard: shard.clone() }) }
    }

    /// What a run before has packed and checked, if both files are whole.
    fn noted(&self, noted: &Path, file: &Path) -> Result<Option<Packed>, ArchiveError> {
        let stat = self.storage.stat(noted).map_err(ArchiveError::io("look at", noted))?;
        if stat.is_none() {
            return Ok(None);
        }
        let mut text = Vec::new();
        let read = self.storage.read(noted, 0).and_then(|from| from.take(64 << 10).read_to_end(&mut text));
        read.map_err(ArchiveError::io("read", noted))?;
        let Ok(packed) = serde_json::from_slice::<Packed>(&text) else { return Ok(None) };
        let whole = match self.storage.stat(file).map_err(ArchiveError::io("look at", file))? {
            Some(stat) if stat.kind == Kind::File && stat.len == packed.bytes => {
                let from = self.storage.read(file, 0).map_err(ArchiveError::io("read", file))?;
                hash_of(from).map_err(ArchiveError::io("read", file))?
                    == (packed.bytes, packed.sha256.clone())
            }
            _ => false,
        };
        // Packed under other recipients, it is packed again.
        Ok(Some(packed).filter(|packed| whole && packed.recipients == self.packing.recipients.texts()))
    }

    /// The signed tree head that goes beside the archive: the one that was published, if it is the final one, for the
    /// signatures of others that may stand under it.
    fn checkpoint(&self, shard: &ShardId, source: &Path, past: &Past) -> Result<Vec<u8>, ArchiveError> {
        let end = Checkpoint {
            origin: format!("{}/{shard}", self.origin),
            size: past.end.size,
            root: past.end.root,
        };
        let published = checkpoint_beside(source, shard);
        let mut note = Vec::new();
        let read = match self.storage.stat(&published).map_err(ArchiveError::io("look at", &published))? {
            Some(_) => self
                .storage
                .read(&published, 0)
                .and_then(|from| from.take(64 << 10).read_to_end(&mut note))
                .is_ok(),
            None => false,
        };
        if read && note.starts_with(format!("{}\n", end.text()).as_bytes()) {
            return Ok(note);
        }
        Ok(end.sign(self.signer).into_bytes())
    }

    /// Steps 3 to 5 for one store.
    fn copy(
        &self,
        store: &dyn Store,
        shard: &ShardId,
        past: &Past,
        file: &Path,
        packed: &Packed,
        note: &[u8],
    ) -> Result<Receipt, ArchiveError> {
        let path = format!("{}{}", store.prefix(), history::path_of(shard, !packed.recipients.is_empty()));
        let trouble = |what| {
            let (store, place) = (store.name().to_owned(), store.place(&path));
            move |error| ArchiveError::store(what, store, place, error)
        };
        let mut there = store.look(&path).map_err(trouble("look for the archive"))?.is_some();
        if !there {
            let mut from = self.storage.read(file, 0).map_err(ArchiveError::io("read", file))?;
            match store.put(&path, packed.bytes, &mut from) {
                // A request that was answered too late is repeated, and finds what it has put.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => there = true,
                other => other.map_err(trouble("copy to"))?,
            }
        }
        // A run that died after the copy: the same bytes are ours, whoever put them there.
        if there {
            let found = store.get(&path).and_then(hash_of).map_err(trouble("read"))?;
            if found != (packed.bytes, packed.sha256.clone()) {
                let (store, place) = (store.name().to_owned(), store.place(&path));
                return Err(ArchiveError::Foreign { shard: shard.clone(), store, place });
            }
        }
        store.settle(&path).map_err(trouble("make durable"))?;
        self.read_back(store, &path, packed.bytes, &packed.sha256)?;
        self.copy_checkpoint(store, shard, note)?;
        let receipt = Receipt {
            store: store.name().to_owned(),
            path: path.clone(),
            bytes: packed.bytes,
            sha256: packed.sha256.clone(),
        };
        self.tell(Fact::Archived {
            shard: past.end.clone(),
            store: receipt.store.clone(),
            path,
            stored_bytes: receipt.bytes,
            sha256: receipt.sha256.clone(),
            recipients: packed.recipients.clone(),
        })?;
        Ok(receipt)
    }

    fn copy_checkpoint(&self, store: &dyn Store, shard: &ShardId, note: &[u8]) -> Result<(), ArchiveError> {
        let path = format!("{}{}", store.prefix(), history::checkpoint_of(shard));
        let trouble = |what| {
            let (store, place) = (store.name().to_owned(), store.place(&path));
            move |error| ArchiveError::store(what, store, place, error)
        };
        let read = |most: u64| {
            let mut found = Vec::new();
            store.get(&path)?.take(most).read_to_end(&mut found)?;
            Ok(found)
        };
        if store.look(&path).map_err(trouble("look for the checkpoint"))?.is_none() {
            store.put(&path, note.len() as u64, &mut &*note).map_err(trouble("copy the checkpoint to"))?;
        }
        store.settle(&path).map_err(trouble("make durable"))?;
        let found = read(64 << 10).map_err(trouble("read back"))?;
        // Signatures may differ, since a key may have changed or a witness signed; what they sign may not.
        let text = |note: &[u8]| note.windows(2).position(|w| w == b"\n\n").map(|end| note[..end].to_vec());
        if text(&found).is_some() && text(&found) == text(note) {
            return Ok(());
        }
        let (store, place) = (store.name().to_owned(), store.place(&path));
        Err(ArchiveError::Foreign { shard: shard.clone(), store, place })
    }

    /// Step 4.
    fn read_back(&self, store: &dyn Store, path: &str, bytes: u64, sha256: &str) -> Result<(), ArchiveError> {
        let place = store.place(path);
        let not_kept = |found: String| ArchiveError::NotKept {
            store: store.name().to_owned(),
            place: place.clone(),
            expected: bytes,
            found,
        };
        let read = store.get(path).and_then(hash_of);
        match read {
            Ok((len, hash)) if len == bytes && hash == sha256 => Ok(()),
            Ok((len, _)) if len != bytes => Err(not_kept(format!("{len} bytes"))),
            Ok(_) => Err(not_kept("other bytes of the same number".to_owned())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(not_kept("nothing".to_owned())),
            Err(error) => {
                Err(ArchiveError::store("read back from", store.name().to_owned(), place.clone(), error))
            }
        }
    }

    /// Step 6. What was packed goes with its source: a run that dies here finds the receipts, and does the rest of this.
    fn remove(&self, shard: &ShardId, source: &Path) -> Result<(), ArchiveError> {
        let checkpoint = checkpoint_beside(source, shard);
        let (plain, encrypted) = (self.staged(source, false), self.staged(source, true));
        for path in [source, &checkpoint, &plain, &encrypted, &note_of(source)] {
            remove_if_there(&**self.storage, path).map_err(ArchiveError::io("remove", path))?;
        }
        let folder = source.parent().unwrap_or(Path::new("."));
        self.storage.sync_dir(folder).map_err(ArchiveError::io("sync", folder))?;
        self.tell(Fact::SourceRemoved { shard: shard.to_string() })
    }

    fn staged(&self, source: &Path, encrypted: bool) -> PathBuf {
        let name = source.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        source.with_file_name(format!(".{name}.zst{}", if encrypted { ".age" } else { "" }))
    }

    /// A small file, whole or not there, and durable.
    fn write_anew(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let unfinished = beside(path);
        remove_if_there(&**self.storage, &unfinished)?;
        let mut file = self.storage.create(&unfinished)?;
        file.append(bytes)?;
        file.sync()?;
        self.storage.rename(&unfinished, path)?;
        path.parent().map_or(Ok(()), |folder| self.storage.sync_dir(folder))
    }

    fn tell(&self, fact: Fact) -> Result<(), ArchiveError> {
        (self.record)(fact).map_err(|source| ArchiveError::Ledger { source })
    }
}

/// Length and SHA-256 of all that is read.
pub(super) fn hash_of(mut from: impl Read) -> io::Result<(u64, String)> {
    let (mut hash, mut bytes) = (Sha256::new(), 0);
    let mut buffer = vec![0; 256 << 10];
    loop {
        match from.read(&mut buffer)? {
            0 => return Ok((bytes, hex(hash))),
            n => {
                hash.update(&buffer[..n]);
                bytes += n as u64;
            }
        }
    }
}

pub(super) fn hex(hash: Sha256) -> String {
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn checkpoint_beside(source: &Path, shard: &ShardId) -> PathBuf {
    source.with_file_name(format!("{}.checkpoint", shard.period()))
}

fn note_of(source: &Path) -> PathBuf {
    let name = source.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    source.with_file_name(format!(".{name}.packed"))
}
