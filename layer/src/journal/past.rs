//! What the ledger knows of the shards of a base.

use std::collections::BTreeMap;

use crate::ledger::{Fact, Reading};

use super::key::Public;
use super::seal::Seal;

/// How far each shard's life has come, by its id.
#[derive(Debug, Default)]
pub(crate) struct Past {
    shards: BTreeMap<String, Known>,
    keys: Vec<Public>,
}

/// How far a shard's life has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    /// The ledger does not name it: whoever began it died before it was told.
    Unknown,
    /// Begun, and perhaps given up; whatever it holds is to be looked at.
    Open,
    /// Complete.
    Closed { bytes: u64, size: u64 },
    /// Left as it is for an investigation.
    Damaged,
    /// Archived or purged: it may be gone from its folder.
    Elsewhere,
}

impl Past {
    pub(crate) fn new(reading: &Reading) -> Past {
        let mut past = Past::default();
        for (_, entry) in &reading.entries {
            let (shard, known) = match &entry.fact {
                Fact::ShardOpened { shard } => (shard, Known::Open),
                Fact::ShardAbandoned { shard } => (&shard.shard, Known::Open),
                Fact::ShardClosed { shard } => {
                    (&shard.shard, Known::Closed { bytes: shard.bytes, size: shard.size })
                }
                Fact::ShardDamaged { shard, .. } => (shard, Known::Damaged),
                Fact::Archived { shard, .. } | Fact::Purged { shard, .. } => (&shard.shard, Known::Elsewhere),
                Fact::SourceRemoved { shard } => (shard, Known::Elsewhere),
                Fact::LogOpened { vkey, .. } | Fact::KeyRotated { new: vkey, .. } => {
                    past.keys.extend(Public::from_vkey(vkey).map(|(_, key)| key));
                    past.keys.dedup();
                    continue;
                }
                Fact::RollbackAccepted { log, .. } => (log, Known::Elsewhere),
                _ => continue,
            };
            past.shards.insert(shard.clone(), known);
        }
        past
    }

    pub(crate) fn get(&self, shard: &str) -> Known {
        self.shards.get(shard).copied().unwrap_or(Known::Unknown)
    }

    /// Whether a key that the log has or had signed a seal.
    pub(crate) fn signed(&self, seal: &Seal, origin: &str) -> bool {
        self.keys.iter().rev().any(|key| seal.is_signed(key, origin))
    }

    /// Whether the ledger tells of a shard.
    pub(crate) fn knows_shards(&self) -> bool {
        !self.shards.is_empty()
    }

    /// The shards that must lie in their folders, and how many lines each had at least.
    pub(crate) fn must_be_there(&self) -> impl Iterator<Item = (&str, u64)> {
        self.shards.iter().filter_map(|(shard, known)| match known {
            Known::Open | Known::Damaged => Some((shard.as_str(), 0)),
            Known::Closed { size, .. } => Some((shard.as_str(), *size)),
            Known::Unknown | Known::Elsewhere => None,
        })
    }
}
