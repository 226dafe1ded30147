//! What the ledger, the policy and the folders tell of one log. The ledger's free texts (reasons, questions, grounds and subjects
//! of holds) stay there: they may name people.

use std::collections::{BTreeMap, VecDeque};

use serde::Serialize;

use super::count::micros;
use super::scan::Counted;
use super::{Age, Extent, Integrity, Limit, Log, Room};
use crate::catalog::{Catalog, Shard};
use crate::hold::{self, Hold};
use crate::ledger::{self, Entry, Fact, ShardRef};
use crate::policy::{Period, Policy};
use crate::status;
use crate::storage::Storage;

/// What a ledger tells of the time asked for; lists hold the newest, the newest first, and counts all.
#[derive(Clone, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct Ledger {
    /// The newest verification, whenever it was.
    pub verified: Option<Verification>,
    /// Holds in force now.
    pub holds: Vec<Held>,
    /// Shards that were purged.
    pub purged: Vec<Purged>,
    /// How many.
    pub purged_shards: u64,
    /// Records in them.
    pub purged_records: u64,
    /// Copies of shards that were archived.
    pub archived: Vec<Archived>,
    /// How many.
    pub archived_shards: u64,
    /// Operations that ended.
    pub operations: Vec<Operation>,
    /// How many, by name.
    pub operations_by_name: BTreeMap<String, u64>,
    /// Readings of audit and security.
    pub readings: Vec<Reading>,
    /// How many.
    pub readings_in_all: u64,
    /// What was unusual, and what changed the rules.
    pub incidents: Vec<Incident>,
    /// How often, by kind.
    pub incidents_by_kind: BTreeMap<&'static str, u64>,
}

/// A verification.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Verification {
    /// When.
    pub at: String,
    /// By whom.
    pub operator: Option<String>,
    /// Of what: `root`, a channel, a shard's id.
    pub what: String,
    /// Whether it was whole.
    pub whole: bool,
    /// How many shards.
    pub shards: u64,
}

/// A hold in force. Whom it is about, and why, tells `dihya hold list`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Held {
    /// Its id.
    pub id: String,
    /// Who answers for it.
    pub owner: String,
    /// Since when.
    pub since: String,
    /// When it is to be looked at again.
    pub review: String,
    /// Whether that time has come.
    pub is_due: bool,
    /// Channels; empty: all.
    pub channels: Vec<String>,
    /// Records from this moment on.
    pub from: Option<String>,
    /// Records before this moment.
    pub to: Option<String>,
    /// Whether it is narrowed to tenants, subjects or events.
    pub is_narrowed: bool,
}

/// A purged shard, from its certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Purged {
    /// When.
    pub at: String,
    /// By whom; nobody if the service did it itself.
    pub operator: Option<String>,
    /// Which.
    pub shard: String,
    /// How many records it had.
    pub records: u64,
    /// Its bytes, uncompressed.
    pub bytes: u64,
    /// From `live` or a store.
    pub store: String,
    /// Under which rule.
    pub rule: String,
    /// Of which version of the policy, if it has one.
    pub policy: Option<String>,
}

/// A copy of a shard in a store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Archived {
    /// When.
    pub at: String,
    /// By whom; nobody if the service did it itself.
    pub operator: Option<String>,
    /// Which.
    pub shard: String,
    /// The store, as the policy names it.
    pub store: String,
    /// How many records.
    pub records: u64,
    /// Uncompressed bytes.
    pub bytes: u64,
    /// Bytes in the store.
    pub stored_bytes: u64,
    /// Whether it is encrypted.
    pub encrypted: bool,
}

/// An operation that ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Operation {
    /// When.
    pub at: String,
    /// By whom; nobody if the service did it itself.
    pub operator: Option<String>,
    /// Its name.
    pub operation: String,
    /// `success`, `failure` or `partial`.
    pub outcome: String,
    /// How long it took.
    pub milliseconds: u64,
    /// How much it worked on, by unit.
    pub volume: BTreeMap<String, u64>,
    /// Whether a reason was given; the ledger has it.
    pub has_reason: bool,
}

/// A reading of audit or security. What was asked stands in the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Reading {
    /// When.
    pub at: String,
    /// By whom.
    pub operator: Option<String>,
    /// Of which channel.
    pub channel: String,
}

/// Something that happened to the log, or to its rules.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Incident {
    /// When.
    pub at: String,
    /// By whom, if somebody did it.
    pub operator: Option<String>,
    /// Of which kind: `recovered`, `shard_damaged`, `denied`, …
    pub kind: &'static str,
    /// What, in a sentence.
    pub what: String,
}

pub(super) fn log(
    storage: &dyn Storage,
    policy: &Policy,
    catalog: &Catalog,
    status: status::Log,
    counted: &Counted,
    extent: &Extent,
    now: i64,
) -> Log {
    // That it cannot be read is among the alerts.
    let entries = status::entries(storage, &status.path).ok().flatten().map(|(entries, _)| entries);
    let holds = hold::in_force(entries.as_deref().unwrap_or_default());
    // In the policy's order, as the figures stand.
    let of = |name: &str| status.channels.iter().find(|channel| channel.name == name);
    let retention =
        policy.channel_names().into_iter().filter_map(|name| age(policy, of(name)?, &holds, now)).collect();
    let shards: Vec<&Shard> = catalog.shards.iter().filter(|shard| shard.base == status.path).collect();
    let sealed = |shard: &&&Shard| shard.facts(storage).is_ok_and(|facts| facts.lines.is_some());
    let plain = || shards.iter().filter(|shard| shard.is_plain());
    let integrity = Integrity {
        seals: counted.seals(&status.path),
        plain_shards: plain().count() as u64,
        sealed_to_the_end: plain().filter(sealed).count() as u64,
        without_checkpoint: plain().filter(|shard| shard.checkpoint.is_none()).count() as u64,
        newest: status.channels.iter().filter_map(|channel| channel.newest.clone()).max(),
    };
    let is_change = |entry: &&Entry| matches!(entry.fact, Fact::LogOpened { .. } | Fact::LogClosed {});
    let changes = entries.iter().flatten().filter(is_change);
    let process_changes = changes.filter_map(|entry| micros(&entry.timestamp)).collect();
    let facts = entries.as_ref().map(|entries| tells(entries, &holds, extent, now));
    Log { status, retention, integrity, facts, process_changes }
}

fn age(policy: &Policy, channel: &status::Channel, holds: &[Hold], now: i64) -> Option<Age> {
    let rules = &policy.channels.iter().find(|rules| rules.name == channel.name)?.retention;
    let oldest = micros(channel.oldest.as_ref()?)?;
    let newest = channel.newest.as_ref().and_then(|text| micros(text)).unwrap_or(oldest);
    let days = |micros: i64| (micros as f64 / DAY as f64 * 1000.0).round() / 1000.0;
    let limit = |period: Period| {
        let end = period.end(oldest).unwrap_or(i64::MAX);
        Limit { period: period.to_string(), days: days(end.saturating_sub(oldest)), ends: ledger::time(end) }
    };
    Some(Age {
        channel: channel.name.clone(),
        oldest: ledger::time(oldest),
        days: days(now.saturating_sub(oldest)),
        floor: limit(rules.floor),
        default: limit(rules.default),
        ceiling: limit(rules.ceiling),
        source: rules.source.clone(),
        legal_basis: rules.legal_basis.clone(),
        overdue: channel.overdue,
        holds: holds.iter().filter(|hold| hold.scope.can_match(&channel.name, oldest, newest)).count() as u64,
    })
}

pub(super) fn room(policy: &Policy, logs: &[Log], counted: &Counted, extent: &Extent, now: i64) -> Room {
    let channels = || logs.iter().flat_map(|log| &log.status.channels);
    let to = extent.until.unwrap_or(now).min(now);
    let from = to.saturating_sub(7 * DAY).max(extent.since.unwrap_or(i64::MIN));
    let (mut bytes, mut first) = (0, to);
    for (bucket, (_, more)) in counted.groups.values().flat_map(|counts| &counts.buckets) {
        let at = bucket * counted.width * 1_000_000;
        if (from..to).contains(&at) {
            bytes += more;
            first = first.min(at);
        }
    }
    // What came within an hour tells nothing of a day.
    let days = (to - first).max(HOUR) as f64 / DAY as f64;
    Room {
        live_bytes: channels().map(|channel| channel.bytes).sum(),
        archived_bytes: channels().map(|channel| channel.archived_bytes).sum(),
        free_bytes: logs.iter().filter_map(|log| log.status.free_bytes).min(),
        min_free: policy.min_free,
        bytes_per_day: (bytes as f64 / days) as u64,
    }
}

fn tells(entries: &[Entry], holds: &[Hold], extent: &Extent, now: i64) -> Ledger {
    let mut told = Ledger { holds: holds.iter().map(|hold| held(hold, now)).collect(), ..Ledger::default() };
    let since = extent.since.map(ledger::time);
    let until = extent.until.map(ledger::time);
    let mut lists = Lists::default();
    for entry in entries {
        let (at, operator) = (|| entry.timestamp.clone(), || entry.operator.clone());
        if let Fact::Verified { what, whole, shards, .. } = &entry.fact {
            let (what, whole, shards) = (what.clone(), *whole, *shards);
            told.verified = Some(Verification { at: at(), operator: operator(), what, whole, shards });
        }
        // Times of one form sort as text.
        if since.as_ref().is_some_and(|since| entry.timestamp < *since)
            || until.as_ref().is_some_and(|until| entry.timestamp >= *until)
        {
            continue;
        }
        match &entry.fact {
            Fact::Purged { shard, store, rule, policy } => {
                told.purged_shards += 1;
                told.purged_records += shard.records;
                let ShardRef { shard, records, bytes, .. } = shard.clone();
                let (store, rule, policy) = (store.clone(), rule.clone(), policy.version.clone());
                let purged =
                    Purged { at: at(), operator: operator(), shard, records, bytes, store, rule, policy };
                push(&mut lists.purged, purged);
            }
            Fact::Archived { shard, store, stored_bytes, recipients, .. } => {
                told.archived_shards += 1;
                let ShardRef { shard, records, bytes, .. } = shard.clone();
                let archived = Archived {
                    at: at(),
                    operator: operator(),
                    shard,
                    store: store.clone(),
                    records,
                    bytes,
                    stored_bytes: *stored_bytes,
                    encrypted: !recipients.is_empty(),
                };
                push(&mut lists.archived, archived);
            }
            Fact::Operation { operation, outcome, milliseconds, volume } => {
                *told.operations_by_name.entry(operation.clone()).or_default() += 1;
                let ended = Operation {
                    at: at(),
                    operator: operator(),
                    operation: operation.clone(),
                    outcome: outcome.clone(),
                    milliseconds: *milliseconds,
                    volume: volume.clone(),
                    has_reason: entry.reason.is_some(),
                };
                push(&mut lists.operations, ended);
            }
            Fact::Read { channel, .. } => {
                told.readings_in_all += 1;
                push(
                    &mut lists.readings,
                    Reading { at: at(), operator: operator(), channel: channel.clone() },
                );
            }
            fact => {
                let Some((kind, what)) = incident(fact) else { continue };
                *told.incidents_by_kind.entry(kind).or_default() += 1;
                push(&mut lists.incidents, Incident { at: at(), operator: operator(), kind, what });
            }
        }
    }
    told.purged = newest_first(lists.purged);
    told.archived = newest_first(lists.archived);
    told.operations = newest_first(lists.operations);
    told.readings = newest_first(lists.readings);
    told.incidents = newest_first(lists.incidents);
    told
}

#[derive(Default)]
struct Lists {
    purged: VecDeque<Purged>,
    archived: VecDeque<Archived>,
    operations: VecDeque<Operation>,
    readings: VecDeque<Reading>,
    incidents: VecDeque<Incident>,
}

fn push<T>(list: &mut VecDeque<T>, item: T) {
    if list.len() == MOST {
        list.pop_front();
    }
    list.push_back(item);
}

fn newest_first<T>(list: VecDeque<T>) -> Vec<T> {
    list.into_iter().rev().collect()
}

fn held(hold: &Hold, now: i64) -> Held {
    Held {
        id: hold.id.clone(),
        owner: hold.owner.clone(),
        since: hold.since.clone(),
        review: hold::date(hold.review),
        is_due: hold.is_expired(now),
        channels: hold.scope.channels.clone(),
        from: hold.scope.from.map(ledger::time),
        to: hold.scope.to.map(ledger::time),
        is_narrowed: !hold.scope.is_by_shard(),
    }
}

/// What an auditor asks about. Openings, closings and shards of every day are none.
fn incident(fact: &Fact) -> Option<(&'static str, String)> {
    Some(match fact {
        Fact::Recovered { shard, bytes, .. } => {
            ("recovered", format!("{bytes} unsealed bytes of {shard} went to quarantine at a start"))
        }
        Fact::ShardDamaged { shard, offset } => {
            ("shard_damaged", format!("{shard} was found damaged from byte {offset} on, and left as it is"))
        }
        Fact::ShardAbandoned { shard } => {
            ("shard_abandoned", format!("{} was given up after an error of its disk", shard.shard))
        }
        Fact::LockFileMissing {} => {
            ("lock_file_missing", "the lock file of sizes was gone at a start".into())
        }
        Fact::RollbackAccepted { log, known, found } => (
            "rollback_accepted",
            format!("it was accepted that {log} has {found} lines and not the {known} that were known"),
        ),
        Fact::PolicyChanged { from, to } => {
            let name = |policy: &ledger::PolicyRef| match &policy.version {
                Some(version) => format!("version {version}"),
                None => policy.sha256.get(..12).unwrap_or(&policy.sha256).to_owned(),
            };
            ("policy_changed", format!("the policy changed from {} to {}", name(from), name(to)))
        }
        Fact::KeyRotated { .. } => ("key_rotated", "another key seals from here on".into()),
        Fact::Restored { shard, .. } => ("restored", format!("{shard} was restored from the archive")),
        Fact::HoldSet { id, .. } => ("hold_set", format!("hold {id} was set")),
        Fact::HoldReleased { id } => ("hold_released", format!("hold {id} was released")),
        Fact::Exported { records, .. } => ("exported", format!("{records} records were exported")),
        Fact::Imported { shards, .. } => {
            ("imported", format!("{shards} shards of another log were taken in"))
        }
        Fact::Denied { operation } => ("denied", format!("{operation} was refused")),
        Fact::Verified { what, whole: false, .. } => {
            ("verification_failed", format!("the verification of {what} found it changed or incomplete"))
        }
        Fact::Unknown => ("unknown", "a fact of a newer version".into()),
        _ => return None,
    })
}

const DAY: i64 = 86_400_000_000;
const HOUR: i64 = 3_600_000_000;
/// What a page can list; the ledger has the rest.
const MOST: usize = 500;
