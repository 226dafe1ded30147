//! What the ledger knows of the shards of a base.

use std::collections::BTreeMap;

use crate::ledger::{Fact, Reading};

use super::key::Public;
use super::seal::Seal;

/// How far each shard's life has come, by its id.
#[derive(Debug, Default)]
pub(crate) struct Past {
    shards: BTreeMap<String, Known>,
    /// The line of the ledger that opened each.
    opened: BTreeMap<String, u64>,
    /// Each with the ledger's line from which on it signs.
    keys: Vec<(u64, Public)>,
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
        for (line, entry) in &reading.entries {
            let (shard, known) = match &entry.fact {
                Fact::ShardOpened { shard } => {
                    past.opened.entry(shard.clone()).or_insert(*line);
                    (shard, Known::Open)
                }
                Fact::ShardAbandoned { shard } => (&shard.shard, Known::Open),
                Fact::ShardClosed { shard } => {
                    (&shard.shard, Known::Closed { bytes: shard.bytes, size: shard.size })
                }
                Fact::ShardDamaged { shard, .. } => (shard, Known::Damaged),
                Fact::Archived { shard, .. } | Fact::Purged { shard, .. } => (&shard.shard, Known::Elsewhere),
                Fact::SourceRemoved { shard } => (shard, Known::Elsewhere),
                Fact::LogOpened { vkey, .. } | Fact::KeyRotated { new: vkey, .. } => {
                    // The entry of a rotation and its seal are still the old key's.
                    past.keys.extend(Public::from_vkey(vkey).map(|(_, key)| (line + 2, key)));
                    past.keys.dedup_by_key(|(_, key)| *key);
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

    /// Whether a key signed a shard's seal that the log had when the shard was opened, or has had since: an older one, which
    /// was given up, is trusted for nothing newer. Of a shard that the ledger does not name any key of the log's may be.
    pub(crate) fn signed(&self, seal: &Seal, origin: &str, shard: &str) -> bool {
        let opened = self.opened.get(shard).copied().unwrap_or(0);
        let from = self.keys.iter().rposition(|(line, _)| *line <= opened).unwrap_or(0);
        self.keys[from..].iter().rev().any(|(_, key)| seal.is_signed(key, origin))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::key::Signer;
    use crate::journal::merkle::Tree;
    use crate::ledger::{Entry, PolicyRef};

    #[test]
    fn a_key_that_was_given_up_signs_no_newer_shard() {
        let (old, new) = (Signer::from_seed(&[1; 32]), Signer::from_seed(&[2; 32]));
        let vkey = |signer: &Signer| signer.public().vkey("clinic/-/ledger");
        let policy = PolicyRef { version: None, sha256: String::new() };
        let facts = [
            Fact::LogOpened { vkey: vkey(&old), policy: policy.clone() },
            Fact::ShardOpened { shard: "audit/2026-11-19".into() },
            Fact::KeyRotated { old: vkey(&old), new: vkey(&new) },
            Fact::LogOpened { vkey: vkey(&new), policy },
            Fact::ShardOpened { shard: "audit/2026-11-20".into() },
        ];
        // An entry and its seal each.
        let entries =
            facts.into_iter().enumerate().map(|(n, fact)| (n as u64 * 2, Entry::from(fact))).collect();
        let past = Past::new(&Reading { entries, ..Reading::default() });
        let signed = |signer: &Signer, shard: &str| {
            let mut tree = Tree::new();
            tree.push_lines(b"{}\n");
            past.signed(&Seal::new(signer, shard, &tree), shard, shard)
        };
        assert!(signed(&old, "audit/2026-11-19") && signed(&new, "audit/2026-11-19"));
        assert!(signed(&new, "audit/2026-11-20") && !signed(&old, "audit/2026-11-20"));
        assert!(
            signed(&old, "audit/2026-11-21") && signed(&new, "audit/2026-11-21"),
            "begun, and not told of yet"
        );
        assert!(!signed(&Signer::from_seed(&[3; 32]), "audit/2026-11-19"));
    }
}
