//! What the ledger says of closed shards: how they ended, where copies are, what was removed.

use std::collections::BTreeMap;

use chrono::Datelike as _;

use crate::catalog::ShardId;
use crate::ledger::{Fact, Reading, ShardRef};

/// The closed shards of one ledger.
#[derive(Debug, Default)]
pub(super) struct History {
    pub(super) shards: BTreeMap<ShardId, Past>,
}

/// What is known of one shard.
#[derive(Clone, Debug)]
pub(super) struct Past {
    /// Its final state.
    pub(super) end: ShardRef,
    /// Its disk failed: behind that state the file may have lines that nobody was told of.
    pub(super) abandoned: bool,
    /// The newest receipt of each store that holds it.
    pub(super) receipts: Vec<Receipt>,
    /// The live file was removed, or purged.
    pub(super) gone: bool,
}

/// A copy that was read back.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Receipt {
    /// The store, as the policy names it.
    pub store: String,
    /// The file in it.
    pub path: String,
    /// Its length.
    pub bytes: u64,
    /// Its SHA-256, hexadecimal.
    pub sha256: String,
}

impl History {
    pub(super) fn of(reading: &Reading) -> History {
        let mut history = History::default();
        for (_, entry) in &reading.entries {
            history.take(&entry.fact);
        }
        history
    }

    fn take(&mut self, fact: &Fact) {
        match fact {
            Fact::ShardClosed { shard } => self.end(shard, false),
            Fact::ShardAbandoned { shard } => self.end(shard, true),
            Fact::Archived { shard, store, path, stored_bytes, sha256, .. } => {
                let receipt = Receipt {
                    store: store.clone(),
                    path: path.clone(),
                    bytes: *stored_bytes,
                    sha256: sha256.clone(),
                };
                if let Some(past) = self.past(&shard.shard) {
                    past.receipts.retain(|known| known.store != receipt.store);
                    past.receipts.push(receipt);
                }
            }
            Fact::SourceRemoved { shard } => {
                if let Some(past) = self.past(shard) {
                    past.gone = true;
                }
            }
            Fact::Purged { shard, store, .. } => {
                if let Some(past) = self.past(&shard.shard) {
                    past.gone |= matches!(store.as_str(), "root" | "live");
                    past.receipts.retain(|known| known.store != *store);
                }
            }
            _ => {}
        }
    }

    fn end(&mut self, shard: &ShardRef, abandoned: bool) {
        if let Ok(id) = shard.shard.parse() {
            let past = Past { end: shard.clone(), abandoned, receipts: Vec::new(), gone: false };
            let known = self.shards.entry(id).or_insert_with(|| past.clone());
            // One that was abandoned is closed when the next start has looked at it. What was archived is not closed again.
            if known.receipts.is_empty() && !known.gone {
                *known = past;
            }
        }
    }

    fn past(&mut self, shard: &str) -> Option<&mut Past> {
        self.shards.get_mut(&shard.parse().ok()?)
    }
}

/// Where a shard lies in a store: `audit/2026/11/2026-11-20.jsonl.zst`.
pub(super) fn path_of(shard: &ShardId, encrypted: bool) -> String {
    let (folder, ending) = (folder_of(shard), if encrypted { ".age" } else { "" });
    format!("{folder}/{}.zst{ending}", shard.file_name())
}

/// Its checkpoint, beside it.
pub(super) fn checkpoint_of(shard: &ShardId) -> String {
    format!("{}/{}.checkpoint", folder_of(shard), shard.period())
}

fn folder_of(shard: &ShardId) -> String {
    let day = shard.name.day;
    format!("{}/{:04}/{:02}", shard.channel(), day.year(), day.month())
}
