//! What the ledger tells of each shard.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::finding::{Defect, Finding, Witness};
use super::scan::Claim;
use crate::ledger::{Entry, Fact, ShardRef};

/// The lives of a base's shards, by id.
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    pub(crate) shards: BTreeMap<String, Life>,
    /// Origin and folder of what was imported.
    pub(crate) imports: BTreeSet<(String, String)>,
}

/// One shard's.
#[derive(Clone, Debug, Default)]
pub(crate) struct Life {
    /// The ledger's line that opened it.
    pub(crate) opened: Option<u64>,
    pub(crate) closed: Option<ShardRef>,
    pub(crate) abandoned: Option<ShardRef>,
    pub(crate) receipts: Vec<Receipt>,
    pub(crate) source_removed: bool,
    /// The stores that it was purged from, `live` among them.
    pub(crate) purged: Vec<String>,
    purged_state: Option<ShardRef>,
}

/// A copy in a store.
#[derive(Clone, Debug)]
pub(crate) struct Receipt {
    pub(crate) store: String,
    pub(crate) sha256: String,
    state: ShardRef,
}

impl History {
    /// Reads all entries; what is worth telling of them by itself is found as well.
    pub(crate) fn of(entries: &[(u64, Entry)], ledger: &Path, found: &mut Vec<Finding>) -> History {
        let mut history = History::default();
        for (line, entry) in entries {
            match &entry.fact {
                Fact::ShardOpened { shard } => history.life(shard).opened = Some(*line),
                Fact::ShardClosed { shard } => history.life(&shard.shard).closed = Some(shard.clone()),
                Fact::ShardAbandoned { shard } => history.life(&shard.shard).abandoned = Some(shard.clone()),
                Fact::Archived { shard, store, sha256, .. } => history
                    .life(&shard.shard)
                    .receipts
                    .push(Receipt { store: store.clone(), sha256: sha256.clone(), state: shard.clone() }),
                Fact::SourceRemoved { shard } => history.life(shard).source_removed = true,
                Fact::Purged { shard, store, .. } => {
                    let life = history.life(&shard.shard);
                    life.purged.push(store.clone());
                    life.purged_state = Some(shard.clone());
                }
                Fact::RollbackAccepted { log, known, found: now } => {
                    let defect = Defect::RollbackAccepted { log: log.clone(), known: *known, found: *now };
                    found.push(Finding { line: Some(line + 1), ..Finding::new(ledger, defect) });
                }
                Fact::Imported { origin, bundle, .. } => {
                    history.imports.insert((origin.clone(), bundle.clone()));
                }
                _ => {}
            }
        }
        history
    }

    fn life(&mut self, shard: &str) -> &mut Life {
        self.shards.entry(shard.to_owned()).or_default()
    }
}

impl Life {
    /// What the ledger knows of the shard's lines.
    pub(crate) fn claims(&self) -> Vec<Claim> {
        let states = [&self.closed, &self.abandoned, &self.purged_state].into_iter().flatten();
        let states = states.chain(self.receipts.iter().map(|receipt| &receipt.state));
        let mut claims: Vec<Claim> = Vec::new();
        for state in states {
            let claim = Claim { size: state.size, root: state.root, by: Witness::Ledger };
            if !claims.contains(&claim) {
                claims.push(claim);
            }
        }
        claims
    }

    pub(crate) fn was_purged_from(&self, store: &str) -> bool {
        self.purged.iter().any(|purged| purged == store)
    }

    /// The file as it was written need not be here.
    pub(crate) fn live_is_gone(&self) -> bool {
        self.source_removed || self.was_purged_from("live")
    }

    /// The stores that should still have a copy.
    pub(crate) fn stores(&self) -> Vec<String> {
        let mut stores: Vec<String> = self.receipts.iter().map(|receipt| receipt.store.clone()).collect();
        stores.retain(|store| !self.was_purged_from(store));
        stores.sort_unstable();
        stores.dedup();
        stores
    }

    /// A certificate says that nothing of it is left.
    pub(crate) fn is_purged(&self) -> bool {
        !self.purged.is_empty() && self.stores().is_empty()
    }
}
