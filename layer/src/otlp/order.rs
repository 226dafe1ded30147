//! The shards of a log in the order in which they were begun, as its ledger tells.
//!
//! Not in the order of their names: a clock that was set back gives a new shard an older day. And the ledger remembers
//! those that are gone, with how many records they had.

use std::collections::BTreeMap;
use std::io::{self, BufRead as _, BufReader};
use std::path::{Path, PathBuf};

use crate::ledger::{self, Entry, Fact, ShardRef};
use crate::storage::Storage;

/// What a ledger says of shards. It is read on as it grows, and not verified: that is `dihya verify`'s.
#[derive(Debug)]
pub(super) struct Order {
    path: PathBuf,
    read: u64,
    channels: BTreeMap<String, Vec<Known>>,
}

/// One shard that was begun.
#[derive(Clone, Debug)]
pub(super) struct Known {
    /// Its id.
    pub(super) shard: String,
    /// Its final state, once it is closed.
    pub(super) end: Option<ShardRef>,
    /// There is a certificate of its purge.
    pub(super) purged: bool,
    /// Stores that hold a copy.
    pub(super) stores: Vec<String>,
}

impl Order {
    pub(super) fn new(base: &Path) -> Order {
        let path = base.join(ledger::FOLDER).join(ledger::FILE);
        Order { path, read: 0, channels: BTreeMap::new() }
    }

    /// Reads what was added. Whether that was anything.
    pub(super) fn refresh(&mut self, storage: &dyn Storage) -> io::Result<bool> {
        let len = storage.stat(&self.path)?.map_or(0, |stat| stat.len);
        if len == self.read {
            return Ok(false);
        }
        if len < self.read {
            // Put back from a copy, or recovered: what it says now counts.
            (self.read, self.channels) = (0, BTreeMap::new());
        }
        let mut from = BufReader::with_capacity(64 * 1024, storage.read(&self.path, self.read)?);
        let mut line = Vec::new();
        loop {
            line.clear();
            let n = from.read_until(b'\n', &mut line)?;
            if !line.ends_with(b"\n") {
                return Ok(true);
            }
            self.read += n as u64;
            // Seals, and what a later version wrote.
            if let Ok(entry) = serde_json::from_slice::<Entry>(&line) {
                self.take(entry.fact);
            }
        }
    }

    /// A channel's shards, the one that was begun first first.
    pub(super) fn of(&self, channel: &str) -> &[Known] {
        self.channels.get(channel).map_or(&[], Vec::as_slice)
    }

    /// What is known of one.
    pub(super) fn get(&self, channel: &str, shard: &str) -> Option<&Known> {
        self.of(channel).iter().find(|known| known.shard == shard)
    }

    /// The one after `shard`; the first, if that is none or nobody knows it.
    pub(super) fn next(&self, channel: &str, shard: Option<&str>) -> Option<&Known> {
        let all = self.of(channel);
        let at = shard.and_then(|shard| all.iter().rposition(|known| known.shard == shard));
        all.get(at.map_or(0, |at| at + 1))
    }

    fn take(&mut self, fact: Fact) {
        match fact {
            Fact::ShardOpened { shard }
            | Fact::Recovered { shard, .. }
            | Fact::ShardDamaged { shard, .. }
            | Fact::SourceRemoved { shard } => drop(self.known(&shard)),
            Fact::ShardClosed { shard } | Fact::ShardAbandoned { shard } => {
                if let Some(known) = self.known(&shard.shard) {
                    known.end = Some(shard);
                }
            }
            Fact::Archived { shard, store, .. } => {
                if let Some(known) = self.known(&shard.shard) {
                    known.stores.retain(|other| *other != store);
                    known.stores.push(store);
                    known.end = Some(shard);
                }
            }
            Fact::Purged { shard, store, .. } => {
                if let Some(known) = self.known(&shard.shard) {
                    known.stores.retain(|other| *other != store);
                    known.purged = true;
                    known.end = Some(shard);
                }
            }
            _ => {}
        }
    }

    fn known(&mut self, shard: &str) -> Option<&mut Known> {
        // `ledger` has none: it is a log too.
        let (channel, _) = shard.split_once('/')?;
        let all = self.channels.entry(channel.to_owned()).or_default();
        let at = all.iter().rposition(|known| known.shard == shard).unwrap_or_else(|| {
            all.push(Known { shard: shard.to_owned(), end: None, purged: false, stores: Vec::new() });
            all.len() - 1
        });
        all.get_mut(at)
    }
}
