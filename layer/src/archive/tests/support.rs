//! A log in memory with one closed shard, and what must hold of it at any moment.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::archive::history::History;
use crate::archive::problem::ArchiveError;
use crate::archive::{Archiver, Identities, Reader, Report};
use crate::catalog::ShardId;
use crate::clock::Clock;
use crate::journal::key::Signer;
use crate::journal::merkle::Tree;
use crate::journal::note::Checkpoint;
use crate::ledger::{self, Fact, Ledger, Reading, ShardRef};
use crate::policy::Policy;
use crate::storage::{Memory, Storage as _};

/// The day after the shard's.
pub(super) const NOON: i64 = 1_795_262_400_000_000;
pub(super) const BASE: &str = "/log";
pub(super) const ID: &str = "audit/2026-11-20";
pub(super) const LIVE: &str = "/log/audit/2026-11-20.jsonl";
pub(super) const ORIGIN: &str = "clinic/-";

pub(super) fn id() -> ShardId {
    ID.parse().expect("a shard")
}

pub(super) fn signer() -> Arc<Signer> {
    Arc::new(Signer::from_seed(&[7; 32]))
}

/// A policy with these lines in `[archive]`.
pub(super) fn policy(archive: &str) -> Policy {
    let text = format!("[service]\nname = \"clinic\"\n[storage]\nroot = \"{BASE}\"\n[archive]\n{archive}");
    Policy::parse(&text, "p").unwrap_or_else(|error| panic!("{error}"))
}

/// The end of a shard of these lines.
pub(super) fn end(shard: &[u8]) -> ShardRef {
    let mut tree = Tree::new();
    tree.push_lines(shard);
    ShardRef {
        shard: ID.to_owned(),
        size: tree.size(),
        root: tree.root(),
        bytes: shard.len() as u64,
        records: tree.size(),
        first: None,
        last: None,
    }
}

/// A disk with one shard that the ledger says is closed, and its checkpoint.
pub(super) fn log(shard: &[u8]) -> Memory {
    let disk = Memory::new();
    disk.put(LIVE, shard);
    let mut tree = Tree::new();
    tree.push_lines(shard);
    let note = Checkpoint::of(&format!("{ORIGIN}/{ID}"), &tree).sign(&signer());
    disk.put("/log/audit/2026-11-20.checkpoint", note.as_bytes());
    tell(&disk, Fact::ShardClosed { shard: end(shard) }).expect("the ledger takes it");
    // Whatever was there before the archiver came is durable.
    for folder in ["/log/ledger", "/log/audit", "/log"] {
        disk.sync_dir(Path::new(folder)).expect("syncs");
    }
    disk
}

pub(super) fn open_ledger(disk: &Memory) -> io::Result<Ledger> {
    let origin = format!("{ORIGIN}/ledger");
    Ledger::open(Arc::new(disk.clone()), Path::new(BASE), origin, signer(), Clock::manual(NOON))
}

pub(super) fn tell(disk: &Memory, fact: Fact) -> io::Result<()> {
    open_ledger(disk)?.append(fact.into()).map(drop)
}

pub(super) fn reading(disk: &Memory) -> Reading {
    let folder = Path::new(BASE).join("ledger");
    ledger::read(disk, &folder, &format!("{ORIGIN}/ledger"), &signer().public()).expect("reads")
}

/// Opens all and archives the shard, as a process does that was just started.
pub(super) fn archive(disk: &Memory, policy: &Policy) -> Result<Report, ArchiveError> {
    archive_with(disk, policy, |archiver| archiver)
}

pub(super) fn archive_with(
    disk: &Memory,
    policy: &Policy,
    change: impl FnOnce(Archiver<'_>) -> Archiver<'_>,
) -> Result<Report, ArchiveError> {
    let broken = |source| ArchiveError::Ledger { source };
    let ledger = open_ledger(disk).map_err(broken)?;
    let storage = Arc::new(disk.clone());
    let archiver = Archiver::open(policy, storage, Path::new(BASE), &ledger, Clock::manual(NOON))?;
    let archiver = change(archiver);
    let is_live = matches!(disk.stat(Path::new(LIVE)), Ok(Some(_)));
    let shards: Vec<(ShardId, PathBuf)> = if is_live { vec![(id(), LIVE.into())] } else { Vec::new() };
    archiver.run(&shards, &|fact| ledger.append(fact.into()).map(drop), &mut |_| {})
}

/// The one error of a run that archived nothing.
pub(super) fn failure(report: Result<Report, ArchiveError>) -> ArchiveError {
    let mut report = match report {
        Ok(report) => report,
        Err(error) => return error,
    };
    assert!(report.archived.is_empty(), "it was archived");
    report.failed.pop().expect("an error").1
}

/// The lines of an archive, if it can be read to its end.
pub(super) fn content(disk: &Memory, path: &Path, identities: &Identities) -> Option<Vec<u8>> {
    let mut reader = Reader::open(Arc::new(disk.clone()), path, identities).ok()?;
    let mut out = Vec::new();
    while let Some(block) = reader.block().ok()? {
        out.extend_from_slice(block);
    }
    Some(out)
}

/// What must hold whenever the archiver dies: the shard is whole in the root, or whole in every store whose receipt
/// is in the ledger, of which there is one at least; and no receipt is without its archive.
pub(super) fn assert_nothing_lost(disk: &Memory, shard: &[u8], stores: &[&str], keys: &Identities) {
    let live = disk.files().get(Path::new(LIVE)).is_some_and(|bytes| bytes == shard);
    let history = History::of(&reading(disk));
    let past = history.shards.get(&id()).expect("the ledger knows it");
    for receipt in &past.receipts {
        let folder = stores.iter().find(|folder| receipt.store == **folder).expect("a store of ours");
        let found = content(disk, &Path::new(folder).join(&receipt.path), keys);
        assert!(found.as_deref() == Some(shard), "the archive of a receipt in {folder} is not there");
    }
    assert!(live || past.receipts.len() == stores.len(), "the shard is lost: {:?}", past.receipts);
    assert!(!(live && past.gone), "the ledger says that it was removed");
}

/// What holds at the end.
pub(super) fn assert_archived(disk: &Memory, shard: &[u8], stores: &[&str], keys: &Identities) {
    assert_nothing_lost(disk, shard, stores, keys);
    let reading = reading(disk);
    assert!(reading.problems.is_empty(), "{:?}", reading.problems);
    let past = History::of(&reading).shards.remove(&id()).expect("the ledger knows it");
    assert!(past.gone, "the ledger does not say that it was removed");
    let names: Vec<PathBuf> = disk.files().into_keys().collect();
    assert!(!names.iter().any(|name| name.starts_with("/log/audit")), "left over: {names:?}");
    for folder in stores {
        let inside: Vec<_> = names.iter().filter(|name| name.starts_with(folder)).collect();
        let visible =
            inside.iter().filter(|n| !n.file_name().is_some_and(|n| n.to_string_lossy().starts_with('.')));
        assert_eq!(visible.count(), 2, "an archive and its checkpoint: {inside:?}");
        assert!(!inside.iter().any(|name| name.to_string_lossy().ends_with(".tmp")), "left over: {inside:?}");
    }
}
