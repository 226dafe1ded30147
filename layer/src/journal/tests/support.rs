//! A journal in a controlled world.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tracing_core::LevelFilter;

use crate::channel::Channel;
use crate::clock::{Clock, Rng};
use crate::journal::key::Signer;
use crate::journal::lines::Lines;
use crate::journal::merkle::{Hash, Tree};
use crate::journal::note::Checkpoint;
use crate::journal::origin::shard_id;
use crate::journal::seal::Seal;
use crate::journal::{Journal, OpenError};
use crate::ledger::Fact;
use crate::metrics::Metrics;
use crate::policy::{ChannelPolicy, OnFull, Policy, Sync};
use crate::profile::Sector;
use crate::record::system::SystemRecords;
use crate::storage::{Memory, Storage};

/// 2026-11-20T12:00:00Z
pub(super) const NOON: i64 = 1_795_176_000_000_000;
pub(super) const DAY: i64 = 86_400_000_000;
/// The only channel of [`policy`].
pub(super) const ONE: Channel = Channel::APP;

pub(super) fn policy(root: impl Into<PathBuf>) -> Policy {
    let mut policy = Policy::sector(Sector::Generic).root(root).service("test", "1");
    policy.routes.clear();
    policy.channels.truncate(1);
    policy.channels[0] = channel("app");
    policy
}

pub(super) fn channel(name: &str) -> ChannelPolicy {
    let usual = Policy::sector(Sector::Generic).channels.swap_remove(0);
    ChannelPolicy {
        name: name.into(),
        level: LevelFilter::TRACE,
        queue_bytes: 1 << 20,
        on_full: OnFull::Block(Duration::from_secs(10)),
        sync: Sync::Batch,
        shard_bytes: 1 << 30,
        ..usual
    }
}

pub(super) fn open(
    policy: &Policy,
    storage: &(impl Storage + Clone + 'static),
) -> Result<Journal, OpenError> {
    open_at(policy, storage, Clock::manual(NOON))
}

pub(super) fn open_at(
    policy: &Policy,
    storage: &(impl Storage + Clone + 'static),
    clock: Clock,
) -> Result<Journal, OpenError> {
    open_with(policy, storage, clock, None)
}

pub(super) fn open_with(
    policy: &Policy,
    storage: &(impl Storage + Clone + 'static),
    clock: Clock,
    mirror: Option<Box<dyn std::io::Write + Send>>,
) -> Result<Journal, OpenError> {
    let metrics = Arc::new(Metrics::new(policy));
    let system = SystemRecords::new(policy, clock.clone(), Rng::seeded(1), &metrics);
    Journal::open(policy, Arc::new(storage.clone()), clock, metrics, system, mirror, None)
}

/// A record that says which one it is, at least `len` bytes long.
pub(super) fn record(number: u64, len: usize) -> Vec<u8> {
    let mut line = format!("{{\"n\":{number},\"pad\":\"");
    let pad = len.saturating_sub(line.len() + 3);
    line.extend(std::iter::repeat_n('x', pad));
    line.push_str("\"}\n");
    line.into_bytes()
}

/// The ledger's facts under `/logs`, the oldest first.
pub(super) fn facts(disk: &Memory) -> Vec<Fact> {
    let key = Signer::load(disk, Path::new("/logs/state/signing.key")).unwrap().public();
    let reading = crate::ledger::read(disk, Path::new("/logs/ledger"), "test/-/ledger", &key).unwrap();
    assert_eq!(reading.problems, []);
    reading.entries.into_iter().map(|(_, entry)| entry.fact).collect()
}

/// Checks the whole log under `/logs`, as the end of a run leaves it: every seal, checkpoint and entry of the ledger, and
/// the lock file.
pub(super) fn check(what: &str, disk: &Memory) {
    let facts = facts(disk);
    assert!(facts.iter().any(|fact| matches!(fact, Fact::LogOpened { .. })), "{what}: no log was opened");
    let public = Signer::load(disk, Path::new("/logs/state/signing.key")).unwrap().public();
    let files = disk.files();
    let mut shards = std::collections::BTreeMap::new();
    for (path, bytes) in &files {
        let Some(name) = shard_of(path, "/logs/app") else { continue };
        let id = shard_id("app", name);
        let origin = format!("test/-/{id}");
        let mut roots = vec![Hash::empty()];
        let mut lines = Lines::default();
        for line in bytes.split_inclusive(|b| *b == b'\n') {
            if let Some(seal) = Seal::parse(line) {
                assert!(seal.covers(&lines.tree), "{what}: {id}: a seal does not fit");
                assert!(seal.is_signed(&public, &origin), "{what}: {id}: a seal is not signed");
            }
            lines.push(line);
            roots.push(lines.tree.root());
        }
        let known: Vec<&Fact> = facts.iter().filter(|fact| names(fact) == Some(&id)).collect();
        assert!(
            known.is_empty() || known[0] == &Fact::ShardOpened { shard: id.clone() },
            "{what}: {known:?}"
        );
        let given_up = matches!(known.last(), Some(Fact::ShardAbandoned { .. }));
        assert!(lines.sealed() || given_up, "{what}: {id} ends without a seal");
        assert!(!known.is_empty() || bytes.is_empty(), "{what}: the ledger does not know {id}");
        match known.last() {
            Some(Fact::ShardClosed { shard }) => assert_eq!(*shard, lines.shard(&id), "{what}"),
            Some(Fact::ShardAbandoned { shard }) => {
                assert_eq!(roots[shard.size as usize], shard.root, "{what}: {id}");
            }
            _ => {}
        }
        if let Some(note) = files.get(&path.with_extension("checkpoint")) {
            let note = std::str::from_utf8(note).unwrap();
            let checkpoint = Checkpoint::open(note, &public).unwrap_or_else(|e| panic!("{what}: {id}: {e}"));
            assert_eq!(checkpoint.origin, origin, "{what}");
            assert_eq!(roots[checkpoint.size as usize], checkpoint.root, "{what}: {id}");
            let last = checkpoint.size + 1 == roots.len() as u64;
            assert!(last || given_up, "{what}: {id} has an old checkpoint");
        } else {
            assert!(bytes.is_empty() || given_up, "{what}: {id} has no checkpoint");
        }
        shards.insert(id, roots);
    }
    for fact in &facts {
        let there = names(fact).is_none_or(|shard| shards.contains_key(shard));
        assert!(there, "{what}: a shard that the ledger knows is gone: {fact:?}");
    }
    for head in crate::journal::heads::read(disk, Path::new("/logs/state")).unwrap() {
        if head.log != "ledger" {
            assert_eq!(shards[&head.log][head.size as usize], head.root, "{what}: the lock file");
        }
    }
}

/// The shard that a fact of its life names.
fn names(fact: &Fact) -> Option<&String> {
    match fact {
        Fact::ShardOpened { shard } => Some(shard),
        Fact::ShardClosed { shard } | Fact::ShardAbandoned { shard } => Some(&shard.shard),
        _ => None,
    }
}

/// Puts the key of [`sealed`] under `/logs`.
pub(super) fn with_key(disk: &Memory) {
    let state = Path::new("/logs/state");
    disk.create_dir(state).unwrap();
    disk.sync_dir(Path::new("/")).unwrap();
    disk.sync_dir(Path::new("/logs")).unwrap();
    key().save(disk, &state.join("signing.key")).unwrap();
}

fn key() -> Signer {
    Signer::from_seed(&[7; 32])
}

/// A shard's bytes as a run leaves them that has committed each piece.
pub(super) fn sealed(id: &str, pieces: &[&[u8]]) -> Vec<u8> {
    let mut tree = Tree::new();
    let mut bytes = Vec::new();
    for piece in pieces {
        tree.push_lines(piece);
        let seal = Seal::new(&key(), &format!("test/-/{id}"), &tree).line();
        tree.push_lines(seal.as_bytes());
        bytes.extend_from_slice(piece);
        bytes.extend_from_slice(seal.as_bytes());
    }
    bytes
}

/// The numbers of all records in a channel's shards, in the order of the shards. Every line must be whole.
pub(super) fn numbers(disk: &Memory, folder: &str) -> Vec<u64> {
    let mut shards: Vec<_> = disk
        .files()
        .into_iter()
        .filter_map(|(path, bytes)| Some((shard_of(&path, folder)?, path, bytes)))
        .collect();
    shards.sort_by_key(|(name, ..)| *name);
    shards.iter().flat_map(|(_, path, bytes)| numbers_in(path, bytes)).collect()
}

pub(super) fn shard_of(path: &Path, folder: &str) -> Option<crate::journal::shard::Name> {
    if path.parent() != Some(Path::new(folder)) {
        return None;
    }
    crate::journal::shard::Name::parse(path.file_name()?.to_str()?, false)
}

pub(super) fn numbers_in(path: &Path, bytes: &[u8]) -> Vec<u64> {
    let text = std::str::from_utf8(bytes).unwrap_or_else(|_| panic!("{} is not text", path.display()));
    assert!(text.is_empty() || text.ends_with('\n'), "{} ends within a record", path.display());
    let parse = |line: &str| -> Option<u64> {
        let value: serde_json::Value = serde_json::from_str(line)
            .unwrap_or_else(|e| panic!("{}: a line is no record: {e}", path.display()));
        value.get("n").and_then(serde_json::Value::as_u64)
    };
    text.lines().filter_map(parse).collect()
}

/// The layer's own records in a channel's shards, in order: their names, and an attribute of each.
pub(super) fn events(disk: &Memory, folder: &str, attribute: &str) -> Vec<(String, serde_json::Value)> {
    let mut shards: Vec<_> =
        disk.files().into_iter().filter_map(|(p, b)| Some((shard_of(&p, folder)?, b))).collect();
    shards.sort_by_key(|(name, _)| *name);
    let text: String = shards.iter().map(|(_, b)| String::from_utf8_lossy(b).into_owned()).collect();
    text.lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter_map(|v| Some((v.get("event_name")?.as_str()?.into(), v["attributes"][attribute].clone())))
        .collect()
}

/// Waits until something holds, at most ten seconds.
pub(super) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let from = std::time::Instant::now();
    while !holds() {
        assert!(from.elapsed() < Duration::from_secs(10), "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// A folder of its own below the system's temporary one, removed at the end.
pub(super) struct Folder(pub(super) PathBuf);

impl Folder {
    pub(super) fn new(name: &str) -> Folder {
        Folder::under(&std::env::temp_dir(), name)
    }

    pub(super) fn under(parent: &Path, name: &str) -> Folder {
        use std::hash::{BuildHasher, RandomState};
        let path = parent.join(format!("dihya-{name}-{:016x}", RandomState::new().hash_one(0)));
        std::fs::create_dir(&path).unwrap();
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A seeded sequence, the same in every run.
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn roll(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % below
    }
}
