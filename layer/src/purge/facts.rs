//! From the catalog and the ledger to what the planner has to know.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use chrono::DateTime;
use serde::Deserialize;

use crate::catalog::{Catalog, Places, State};
use crate::clock::Clock;
use crate::hold;
use crate::ledger::{Entry, Fact, ShardRef};
use crate::retain::{Copy, Facts, ShardFacts, Trust};
use crate::storage::Storage;

use super::LIVE;

/// What lies in a base folder and in the stores that its ledger names.
///
/// # Errors
/// If a folder or a shard cannot be read.
pub fn read(
    storage: &dyn Storage,
    base: &Path,
    entries: &[Entry],
    clock: &Clock,
    trust: Trust,
) -> io::Result<Facts> {
    let catalog = Catalog::read(storage, &Places::root(base), clock).map_err(io::Error::other)?;
    let closed = closed(entries);
    let receipts = receipts(entries);
    let certified: Vec<(String, Copy)> =
        left(entries).into_iter().map(|(s, copy, _)| (s.shard, copy)).collect();
    let mut shards = Vec::new();
    for shard in catalog.shards.iter().filter(|shard| shard.is_plain() && shard.base == base) {
        let id = shard.id.to_string();
        if certified.contains(&(id.clone(), Copy::Root)) {
            continue; // the next purge removes it
        }
        let known = closed.get(&id).filter(|closed| closed.bytes == shard.bytes);
        let (first, last) = match known {
            Some(closed) => (time(&closed.first), time(&closed.last)),
            None => {
                let facts = shard.facts(storage)?;
                (facts.first, facts.last)
            }
        };
        // A receipt of something else under this name is none.
        let backed_up =
            receipts.iter().any(|r| r.shard.shard == id && known.is_some_and(|k| k.root == r.shard.root));
        shards.push(ShardFacts {
            shard: id,
            instance: None,
            copy: Copy::Root,
            path: shard.path.to_string_lossy().into_owned(),
            active: shard.state == State::Live,
            first,
            last,
            bytes: shard.bytes,
            backed_up,
            matched: BTreeMap::new(),
        });
    }
    for receipt in &receipts {
        let copy = Copy::Archive(receipt.store.to_owned());
        if certified.contains(&(receipt.shard.shard.clone(), copy.clone())) {
            continue;
        }
        shards.push(ShardFacts {
            shard: receipt.shard.shard.clone(),
            instance: None,
            copy,
            path: receipt.path.to_owned(),
            active: false,
            first: time(&receipt.shard.first),
            last: time(&receipt.shard.last),
            bytes: receipt.bytes,
            backed_up: true,
            matched: BTreeMap::new(),
        });
    }
    Ok(Facts {
        shards,
        holds: hold::in_force(entries),
        now: clock.now(),
        known: entries.iter().filter_map(|entry| micros(&entry.timestamp)).collect(),
        trust,
        free: Some(storage.free_bytes(base)?),
    })
}

/// The final state of each shard that was closed, by its id. One that was begun anew under the same name is not.
pub(super) fn closed(entries: &[Entry]) -> BTreeMap<String, ShardRef> {
    let mut closed = BTreeMap::new();
    for entry in entries {
        match &entry.fact {
            // What was given up has bytes behind its last durable state, which nobody knows the root of.
            Fact::ShardOpened { shard } => drop(closed.remove(shard)),
            Fact::ShardAbandoned { shard } => drop(closed.remove(&shard.shard)),
            Fact::ShardClosed { shard } | Fact::Archived { shard, .. } => {
                closed.insert(shard.shard.clone(), shard.clone());
            }
            _ => {}
        }
    }
    closed
}

struct Receipt<'e> {
    shard: &'e ShardRef,
    store: &'e str,
    path: &'e str,
    bytes: u64,
}

/// Archived copies that no certificate has purged, the newest receipt of each.
fn receipts(entries: &[Entry]) -> Vec<Receipt<'_>> {
    let mut receipts: BTreeMap<(&str, &str), Receipt<'_>> = BTreeMap::new();
    for entry in entries {
        match &entry.fact {
            Fact::Archived { shard, store, path, stored_bytes, .. } => {
                let receipt = Receipt { shard, store, path, bytes: *stored_bytes };
                receipts.insert((&shard.shard, store), receipt);
            }
            Fact::Purged { shard, store, .. } => {
                receipts.remove(&(shard.shard.as_str(), store.as_str()));
            }
            _ => {}
        }
    }
    receipts.into_values().collect()
}

/// What certificates name: the shard, which copy, and an archived copy's path. Not those whose name was taken up again.
pub(super) fn left(entries: &[Entry]) -> Vec<(ShardRef, Copy, Option<String>)> {
    let mut paths: BTreeMap<(&str, &str), &str> = BTreeMap::new();
    let mut left: BTreeMap<(&str, &str), &ShardRef> = BTreeMap::new();
    for entry in entries {
        match &entry.fact {
            Fact::ShardOpened { shard } => drop(left.remove(&(shard.as_str(), LIVE))),
            Fact::Archived { shard, store, path, .. } => {
                paths.insert((&shard.shard, store), path);
                left.remove(&(shard.shard.as_str(), store.as_str()));
            }
            Fact::Purged { shard, store, .. } => drop(left.insert((&shard.shard, store), shard)),
            _ => {}
        }
    }
    let copy = |store: &str| if store == LIVE { Copy::Root } else { Copy::Archive(store.to_owned()) };
    left.into_iter()
        .map(|(key, shard)| (shard.clone(), copy(key.1), paths.get(&key).map(|path| (*path).to_owned())))
        .collect()
}

/// The file of a shard in the base folder.
pub(super) fn path(base: &Path, id: &str) -> PathBuf {
    base.join(format!("{id}.jsonl"))
}

fn time(text: &Option<String>) -> Option<i64> {
    micros(text.as_deref()?)
}

pub(super) fn micros(rfc3339: &str) -> Option<i64> {
    DateTime::parse_from_rfc3339(rfc3339).ok().map(|time| time.timestamp_micros())
}

/// The time of a record, as it stands there.
pub(super) fn timestamp(line: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Line {
        timestamp: Option<String>,
    }
    serde_json::from_slice::<Line>(line).ok()?.timestamp
}
