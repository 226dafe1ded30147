//! A root in figures: how much was recorded when, what was hidden, what was lost, what alarmed, what was done to the log.
//!
//! 1. **list**: the catalog's shards of the time asked for, live and archived, in pieces (as a query reads them).
//! 2. **count**: one thread per core reads pieces. A line is told by its form; its time and level are read where the
//!    format has them, its redactions only where the key stands, and only the layer's own records are parsed.
//! 3. **tell**: the ledger's facts, the policy's periods, and what [`Status`] sees.
//!
//! It holds counts, names from the policy and the ledger's operators, and no value of a record. It verifies nothing: a line
//! that was changed counts as the record that it looks like, and `dihya verify` finds it. What could not be read is named, and the
//! rest is counted.

mod alerts;
mod count;
mod facts;
mod scan;
#[cfg(test)]
mod tests;
mod volume;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;

use crate::archive::Identities;
use crate::catalog::{Catalog, CatalogError, Places};
use crate::clock::Clock;
use crate::ledger::{self, PolicyRef};
use crate::policy::Policy;
use crate::query::Query;
use crate::status::{self, Status};
use crate::storage::Storage;

pub use alerts::Alert;
pub use facts::{Archived, Held, Incident, Ledger, Operation, Purged, Reading, Verification};
pub use volume::{Series, Volume};

/// A root in figures. As JSON, `docs/report.schema.json` describes it.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Overview {
    /// The version of this form, 1.
    pub v: u8,
    /// When it was looked at.
    pub at: String,
    /// The dihya that looked.
    pub version: &'static str,
    /// Nothing before this is counted.
    pub since: Option<String>,
    /// Nothing from this on is counted.
    pub until: Option<String>,
    /// The service's name, by the policy.
    pub service: String,
    /// The policy's sector.
    pub sector: String,
    /// The policy, by version and content.
    pub policy: PolicyRef,
    /// Records and bytes by channel over time.
    pub volume: Volume,
    /// The channels of all processes, by name.
    pub channels: Vec<Channel>,
    /// Markers in records by what found them, the most frequent first.
    pub redactions: Vec<Redaction>,
    /// What alarmed, the newest first.
    pub alerts: Vec<Alert>,
    /// Alerts beyond the most that are kept.
    pub alerts_left_out: u64,
    /// The layer's own records, by event: `sys_records_lost`, `sys_recovered`, …
    pub own_records: BTreeMap<String, u64>,
    /// One per writing process.
    pub logs: Vec<Log>,
    /// Room on the disk.
    pub room: Room,
    /// What this was made from.
    pub read: Read,
    /// Files that are nobody's.
    pub foreign: Vec<PathBuf>,
}

/// What a channel's records come to.
#[derive(Clone, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct Channel {
    /// Its name.
    pub name: String,
    /// Records.
    pub records: u64,
    /// Their bytes with newlines, uncompressed.
    pub bytes: u64,
    /// Records by level, as it stands in them.
    pub levels: BTreeMap<&'static str, u64>,
    /// Markers in the records.
    pub redactions: u64,
    /// Records with at least one.
    pub redacted_records: u64,
    /// Records that the layer lost, as its own records tell.
    pub lost: u64,
    /// Lines that are neither records nor seals.
    pub bad_lines: u64,
}

/// What one detector, name or type hid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Redaction {
    /// The marker's name.
    pub detector: String,
    /// Markers of this name.
    pub count: u64,
    /// The same by channel.
    pub channels: BTreeMap<String, u64>,
}

/// What one process writes or wrote.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Log {
    /// The log on one screen: sizes, ages, what has to be looked at.
    #[serde(flatten)]
    pub status: status::Log,
    /// Age against the policy's periods, per channel that has records.
    pub retention: Vec<Age>,
    /// What speaks for the log's integrity, unchecked.
    pub integrity: Integrity,
    /// What its ledger tells; nothing if it has none.
    pub facts: Option<Ledger>,
    /// When a process opened or closed it, the oldest first.
    #[serde(skip)]
    process_changes: Vec<i64>,
}

/// How old a channel's oldest record is, and how old it may become.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Age {
    /// The channel.
    pub channel: String,
    /// The oldest record's time.
    pub oldest: String,
    /// Its age in days.
    pub days: f64,
    /// No record goes before this.
    pub floor: Limit,
    /// Records go after this.
    pub default: Limit,
    /// No record may be older.
    pub ceiling: Limit,
    /// Where the periods come from.
    pub source: String,
    /// On what ground of law.
    pub legal_basis: Option<String>,
    /// Whether the ceiling has passed.
    pub overdue: bool,
    /// Holds in force that may keep records of the channel.
    pub holds: u64,
}

/// A period of the policy, for one record.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Limit {
    /// As the policy has it: `P12M`.
    pub period: String,
    /// From that record's time on, in days.
    pub days: f64,
    /// When it ends for that record.
    pub ends: String,
}

/// Seals and checkpoints as they lie there. None of them was checked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Integrity {
    /// Seals among the lines that were read.
    pub seals: u64,
    /// Shards as they were written.
    pub plain_shards: u64,
    /// Those of them that end with a seal.
    pub sealed_to_the_end: u64,
    /// Shards without a checkpoint beside them.
    pub without_checkpoint: u64,
    /// Time of the newest record of all channels.
    pub newest: Option<String>,
}

/// Room on the disk of the roots.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Room {
    /// Bytes of the shards as they were written.
    pub live_bytes: u64,
    /// Bytes of those archived in folders that were looked at.
    pub archived_bytes: u64,
    /// Bytes that may still be written; the least of all roots.
    pub free_bytes: Option<u64>,
    /// Below so much the oldest shards go before their time.
    pub min_free: Option<u64>,
    /// Bytes of records per day, over the last seven of the time that was counted, or all of it if that is less.
    pub bytes_per_day: u64,
}

/// What an overview was made from.
#[derive(Clone, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct Read {
    /// Records in all.
    pub records: u64,
    /// Shards that were read.
    pub shards: u64,
    /// Those of them that are archived.
    pub archived: u64,
    /// Bytes of lines read.
    pub bytes: u64,
    /// Shards that hold none of the time asked for.
    pub skipped: u64,
    /// Shards that could not be read to their end. What was read of them is counted.
    pub unread: Vec<Unread>,
    /// Stores that are no folders: what is archived there is not counted.
    pub remote: Vec<String>,
}

/// A shard that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Unread {
    /// Its id.
    pub shard: String,
    /// The file.
    pub path: PathBuf,
    /// Why not.
    pub why: String,
}

/// What is to be counted. The default counts everything.
#[derive(Clone, Copy, Debug, Default)]
pub struct Extent {
    /// Microseconds since 1970-01-01T00:00:00Z: nothing before this.
    pub since: Option<i64>,
    /// Nothing at or after this.
    pub until: Option<i64>,
    /// How many threads read; none means one per core.
    pub threads: Option<usize>,
}

/// Is told how many bytes were read, of how many.
pub type Progress<'a> = &'a (dyn Fn(u64, u64) + Sync);

impl Overview {
    /// Reads everything under these places. `identities` read encrypted archives.
    ///
    /// # Errors
    /// If the folders cannot be listed. What lies in them and cannot be read is told in the overview.
    pub fn read(
        storage: &Arc<dyn Storage>,
        policy: &Policy,
        places: &Places,
        identities: &Identities,
        extent: &Extent,
        clock: &Clock,
        progress: Progress<'_>,
    ) -> Result<Overview, CatalogError> {
        let now = clock.now();
        let catalog = Catalog::read(&**storage, places, clock)?;
        let query = Query { since: extent.since, until: extent.until, ..Query::default() };
        let counted = scan::run(&query, storage, &catalog, identities, extent, progress);
        let lost = match extent.since.is_none_or(|since| since <= now - DAY) && extent.until.is_none() {
            true => counted.lost_since(now - DAY),
            false => status::lost(storage, &catalog, clock),
        };
        let status = Status::of(&**storage, policy, &catalog, clock, &lost);
        let logs: Vec<Log> = status
            .logs
            .into_iter()
            .map(|status| facts::log(&**storage, policy, &catalog, status, &counted, extent, now))
            .collect();
        let room = facts::room(policy, &logs, &counted, extent, now);
        let (alerts, alerts_left_out) = alerts::fold(&counted, &catalog, &logs);
        Ok(Overview {
            v: 1,
            at: status.at,
            version: env!("CARGO_PKG_VERSION"),
            since: extent.since.map(ledger::time),
            until: extent.until.map(ledger::time),
            service: policy.service.name.clone(),
            sector: policy.sector.name().to_owned(),
            policy: policy.reference(),
            volume: volume::of(policy, &counted, extent),
            channels: counted.channels(policy),
            redactions: counted.redactions(),
            alerts,
            alerts_left_out,
            own_records: counted.own_records(),
            logs,
            room,
            read: counted.read(&catalog, &places.remote),
            foreign: status.foreign,
        })
    }
}

const DAY: i64 = 86_400_000_000;
