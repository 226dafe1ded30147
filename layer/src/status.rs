//! One look at a log: what lies there, how old it is against its limits, and what its ledger tells.
//!
//! It opens two shards per channel and reads the ledger without checking it, so that it answers at once however large the
//! log is. Whether what it shows is true is for `dihya verify`.

use std::collections::BTreeMap;
use std::io::{self, BufRead as _, BufReader};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;

use crate::alert::Alert;
use crate::archive::Identities;
use crate::catalog::{Base, Catalog, CatalogError, Places, Shard, State};
use crate::clock::Clock;
use crate::hold;
use crate::journal::seal::Seal;
use crate::ledger::{self, Entry, Fact};
use crate::otlp::{self, Behind};
use crate::policy::Policy;
use crate::query::{Condition, Query};
use crate::storage::Storage;

/// A log at a moment.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Status {
    /// When this was looked at.
    pub at: String,
    /// One per writing process.
    pub logs: Vec<Log>,
    /// Files that are nobody's.
    pub foreign: Vec<PathBuf>,
    /// What was imported of other logs.
    pub imported: Vec<Imported>,
}

/// Shards of another log.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Imported {
    /// `<service>/<instance or "-">`
    pub origin: String,
    /// The folder.
    pub path: PathBuf,
    /// How many shards there are something of.
    pub shards: u64,
    /// Bytes of their lines.
    pub bytes: u64,
    /// The import came to its end.
    pub complete: bool,
}

/// What one process writes or wrote.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Log {
    /// The instance's name, if it has one.
    pub instance: Option<String>,
    /// Its folder.
    pub path: PathBuf,
    /// Bytes that may still be written there.
    pub free_bytes: Option<u64>,
    /// Its channels, by name.
    pub channels: Vec<Channel>,
    /// How far each channel is exported over OTLP; nothing, if it never was.
    pub export: Option<Vec<Behind>>,
    /// What its ledger tells; nothing if it has none.
    pub ledger: Option<Ledger>,
    /// Alerts that wait for their receivers, one entry for each receiver that has something waiting or failed.
    pub undelivered: Vec<Undelivered>,
    /// What somebody has to look at, a sentence each.
    pub alerts: Vec<String>,
}

/// What waits for one receiver of alerts.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Undelivered {
    /// The receiver's name.
    pub sink: String,
    /// Alerts that wait.
    pub alerts: u64,
    /// Bytes of its spool.
    pub bytes: u64,
    /// When the oldest of them came.
    pub oldest: Option<String>,
    /// When the last attempt failed, and why, if the newest one did.
    pub last_error: Option<(String, String)>,
    /// Attempts that failed one after the other.
    pub attempts: u32,
    /// The alerts themselves, oldest first.
    #[serde(skip)]
    pub waiting: Vec<Alert>,
}

/// One channel of a log.
#[derive(Clone, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct Channel {
    /// Its name.
    pub name: String,
    /// Shards as they were written.
    pub shards: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Shards that are archived.
    pub archived: u64,
    /// Their bytes, compressed.
    pub archived_bytes: u64,
    /// Time of the oldest record.
    pub oldest: Option<String>,
    /// Time of the newest one.
    pub newest: Option<String>,
    /// When the oldest record is to be purged, by the policy's default.
    pub due: Option<String>,
    /// When it must be gone, by the ceiling.
    pub limit: Option<String>,
    /// Whether that time has passed.
    pub overdue: bool,
    /// Lines of the newest shard that its last seal covers, if it ends with one: then nothing in it is unsealed.
    pub sealed_lines: Option<u64>,
    /// Records that the layer lost in the last 24 hours, as its own records tell.
    pub lost: u64,
}

/// What a ledger tells. It was read, not verified.
#[derive(Clone, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct Ledger {
    /// Entries.
    pub entries: u64,
    /// When the last one was made.
    pub last: Option<String>,
    /// Whether a process opened the log and has not closed it in order: it runs, or it died.
    pub open: bool,
    /// When the log was last verified, and whether it was whole.
    pub verified: Option<(String, bool)>,
    /// The last purge.
    pub purged: Option<String>,
    /// The last archived shard.
    pub archived: Option<String>,
    /// When audit or security was last read, and by whom.
    pub read: Option<(String, String)>,
    /// Ids of the holds in force.
    pub holds: Vec<String>,
    /// Torn tails, damaged and abandoned shards, rollbacks and refusals: how often each, since the log began.
    pub incidents: BTreeMap<&'static str, u64>,
}

impl Status {
    /// Looks at the log.
    ///
    /// # Errors
    /// If its folders cannot be listed.
    pub fn read(
        storage: &Arc<dyn Storage>,
        policy: &Policy,
        places: &Places,
        clock: &Clock,
    ) -> Result<Status, CatalogError> {
        let catalog = Catalog::read(&**storage, places, clock)?;
        let lost = lost(storage, &catalog, clock);
        Ok(Status::of(&**storage, policy, &catalog, clock, &lost))
    }

    /// The same of what was listed, with the losses of the last 24 hours by folder and channel, for whoever knows them: to
    /// look for them is what takes time.
    pub fn of(
        storage: &dyn Storage,
        policy: &Policy,
        catalog: &Catalog,
        clock: &Clock,
        lost: &BTreeMap<(PathBuf, String), u64>,
    ) -> Status {
        let logs = catalog.bases.iter().map(|base| log(storage, policy, catalog, base, clock, lost));
        let imported = catalog.imported.iter().map(|import| Imported {
            origin: import.origin.clone(),
            path: import.path.clone(),
            shards: import.shards.len() as u64,
            bytes: import.shards.iter().map(|shard| shard.bytes).sum(),
            complete: import.complete,
        });
        Status {
            at: ledger::time(clock.now()),
            logs: logs.collect(),
            foreign: catalog.foreign.clone(),
            imported: imported.collect(),
        }
    }
}

fn log(
    storage: &dyn Storage,
    policy: &Policy,
    catalog: &Catalog,
    base: &Base,
    clock: &Clock,
    lost: &BTreeMap<(PathBuf, String), u64>,
) -> Log {
    let now = clock.now();
    let mut alerts = Vec::new();
    let entries = entries(storage, &base.path).unwrap_or_else(|error| {
        alerts.push(format!("the ledger cannot be read: {error}"));
        None
    });
    if let Some((_, odd)) = entries.as_ref().filter(|(_, odd)| *odd > 0) {
        alerts.push(format!(
            "{odd} lines of the ledger are neither entries nor seals: `dihya verify` tells which"
        ));
    }
    let entries = entries.map(|(entries, _)| entries);
    let firsts = firsts(entries.as_deref().unwrap_or_default());
    let mut channels: BTreeMap<&str, Vec<&Shard>> =
        policy.channels.iter().map(|channel| (channel.name.as_str(), Vec::new())).collect();
    for shard in catalog.shards.iter().filter(|shard| shard.base == base.path) {
        channels.entry(shard.id.channel()).or_default().push(shard);
    }
    let channels: Vec<Channel> = channels
        .into_iter()
        .map(|(name, shards)| {
            let key = (base.path.clone(), name.to_owned());
            let lost = lost.get(&key).copied().unwrap_or_default();
            channel(storage, policy, name, &shards, &firsts, now, lost)
        })
        .collect();
    for channel in &channels {
        if channel.overdue {
            alerts.push(format!(
                "{} holds records past its ceiling: `dihya plan` says why, `dihya purge` removes what may go",
                channel.name
            ));
        }
        if channel.lost > 0 {
            alerts.push(format!(
                "{} lost {} records in the last 24 hours: `dihya query --channel {} --event sys_records_lost` tells when",
                channel.name, channel.lost, channel.name
            ));
        }
    }
    let export = otlp::behind(storage, &base.path, &base.state).unwrap_or_else(|error| {
        alerts.push(format!("how far the export came cannot be told: {error}"));
        None
    });
    for behind in export.iter().flatten() {
        if let Some(since) =
            behind.since.as_deref().filter(|since| micros(since).is_some_and(|since| now - since > LATE))
        {
            alerts.push(format!(
                "{} is not exported since {since}: is the receiver there? `dihya ship` tells what it answers",
                behind.channel
            ));
        }
    }
    let ledger = entries.map(|entries| {
        for hold in hold::in_force(&entries).iter().filter(|hold| hold.is_expired(now)) {
            alerts.push(format!(
                "the review of hold {} is due: `dihya hold list` tells what it keeps",
                hold.id
            ));
        }
        tells(&entries)
    });
    match &ledger {
        None => alerts.push("there is no ledger: nothing tells what was opened, closed or purged".to_owned()),
        Some(Ledger { verified: Some((at, false)), .. }) => {
            alerts.push(format!(
                "the verification of {at} found the log changed or incomplete: `dihya verify`"
            ));
        }
        Some(_) => {}
    }
    let undelivered = undelivered(storage, policy, base, &mut alerts);
    let free_bytes = storage.free_bytes(&base.path).ok();
    let (instance, path) = (base.instance.clone(), base.path.clone());
    Log { instance, path, free_bytes, channels, export, ledger, undelivered, alerts }
}

#[cfg(feature = "alerts")]
fn undelivered(
    storage: &dyn Storage,
    policy: &Policy,
    base: &Base,
    alerts: &mut Vec<String>,
) -> Vec<Undelivered> {
    let spool = policy.spool_folder(&base.state, base.instance.as_deref());
    let mut all = crate::alert::deliver::undelivered(storage, &spool).unwrap_or_else(|error| {
        alerts.push(format!("the spool of alerts in {} cannot be read: {error}", spool.display()));
        Vec::new()
    });
    all.retain(|sink| sink.alerts > 0 || sink.last_error.is_some());
    for Undelivered { sink, alerts: count, last_error, .. } in &all {
        if let Some((at, kind)) = last_error {
            let waiting = match count {
                0 => String::new(),
                1 => ", and 1 alert waits for it".to_owned(),
                n => format!(", and {n} alerts wait for it"),
            };
            alerts.push(format!(
                "the receiver {sink} did not take an alert ({kind}, {at}){waiting}: `dihya alert test {sink}` tries it"
            ));
        }
    }
    all
}

#[cfg(not(feature = "alerts"))]
fn undelivered(_: &dyn Storage, _: &Policy, _: &Base, _: &mut Vec<String>) -> Vec<Undelivered> {
    Vec::new()
}

/// `shards` are one channel's, the oldest first.
fn channel(
    storage: &dyn Storage,
    policy: &Policy,
    name: &str,
    shards: &[&Shard],
    firsts: &BTreeMap<String, String>,
    now: i64,
    lost: u64,
) -> Channel {
    let mut channel = Channel { name: name.to_owned(), lost, ..Channel::default() };
    for shard in shards {
        let (count, bytes) = match shard.state {
            State::Archived { .. } => (&mut channel.archived, &mut channel.archived_bytes),
            _ => (&mut channel.shards, &mut channel.bytes),
        };
        *count += 1;
        *bytes += shard.bytes;
    }
    let oldest = shards.iter().find_map(|shard| {
        // The ledger knows of an archived shard; without it, its day is known.
        let told = || firsts.get(&shard.id.to_string()).and_then(|text| micros(text));
        let day = || shard.id.name.day.and_hms_opt(0, 0, 0).map(|day| day.and_utc().timestamp_micros());
        match shard.is_plain() {
            true => shard.facts(storage).ok()?.first,
            false => told().or_else(day),
        }
    });
    let newest = shards.iter().rev().filter(|shard| shard.is_plain()).find_map(|shard| {
        let facts = shard.facts(storage).ok()?;
        facts.last.map(|last| (last, facts.lines))
    });
    channel.oldest = oldest.map(ledger::time);
    channel.newest = newest.map(|(last, _)| ledger::time(last));
    channel.sealed_lines = newest.and_then(|(_, lines)| lines);
    let rules = policy.channels.iter().find(|rules| rules.name == name);
    if let Some((oldest, rules)) = oldest.zip(rules) {
        let limit = rules.retention.ceiling.end(oldest);
        channel.due = rules.retention.default.end(oldest).map(ledger::time);
        channel.limit = limit.map(ledger::time);
        channel.overdue = limit.is_some_and(|limit| limit <= now);
    }
    channel
}

/// The entries as they stand there, and how many lines are neither entries nor seals; `None` if there is no ledger. Half a line
/// at the end is being written.
pub(crate) fn entries(storage: &dyn Storage, base: &Path) -> io::Result<Option<(Vec<Entry>, u64)>> {
    let path = base.join(ledger::FOLDER).join(ledger::FILE);
    if storage.stat(&path)?.is_none() {
        return Ok(None);
    }
    let (mut entries, mut odd) = (Vec::new(), 0);
    let mut reader = BufReader::with_capacity(64 * 1024, storage.read(&path, 0)?);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line)? > 0 {
        match serde_json::from_slice::<Entry>(&line) {
            Ok(entry) => entries.push(entry),
            Err(_) => odd += u64::from(line.ends_with(b"\n") && !Seal::is(&line)),
        }
        line.clear();
    }
    Ok(Some((entries, odd)))
}

/// The time of the first record of each shard that was closed.
fn firsts(entries: &[Entry]) -> BTreeMap<String, String> {
    let closed = entries.iter().filter_map(|entry| match &entry.fact {
        Fact::ShardClosed { shard } | Fact::ShardAbandoned { shard } | Fact::Archived { shard, .. } => {
            Some(shard)
        }
        _ => None,
    });
    closed.filter_map(|shard| Some((shard.shard.clone(), shard.first.clone()?))).collect()
}

fn tells(entries: &[Entry]) -> Ledger {
    let mut told = Ledger { entries: entries.len() as u64, ..Ledger::default() };
    for entry in entries {
        let at = || entry.timestamp.clone();
        told.last = Some(at());
        let incident = match &entry.fact {
            Fact::LogOpened { .. } => {
                told.open = true;
                continue;
            }
            Fact::LogClosed {} => {
                told.open = false;
                continue;
            }
            Fact::Verified { whole, .. } => {
                told.verified = Some((at(), *whole));
                continue;
            }
            Fact::Purged { .. } => {
                told.purged = Some(at());
                continue;
            }
            Fact::Archived { .. } => {
                told.archived = Some(at());
                continue;
            }
            Fact::Read { .. } => {
                told.read = Some((at(), entry.operator.clone().unwrap_or_default()));
                continue;
            }
            Fact::Recovered { .. } => "torn tails moved to quarantine",
            Fact::ShardDamaged { .. } => "damaged shards",
            Fact::ShardAbandoned { .. } => "shards given up after an error of the disk",
            Fact::RollbackAccepted { .. } => "rollbacks accepted",
            Fact::Denied { .. } => "operations refused",
            _ => continue,
        };
        *told.incidents.entry(incident).or_default() += 1;
    }
    told.holds = hold::in_force(entries).into_iter().map(|hold| hold.id).collect();
    told
}

/// Records lost in the last 24 hours, by base and channel.
pub(crate) fn lost(
    storage: &Arc<dyn Storage>,
    catalog: &Catalog,
    clock: &Clock,
) -> BTreeMap<(PathBuf, String), u64> {
    let ours: Option<Condition> = "target=dihya".parse().ok();
    let query = Query {
        since: Some(clock.now().saturating_sub(DAY)),
        events: vec!["sys_records_lost".into()],
        conditions: ours.into_iter().collect(),
        ..Query::default()
    };
    // What is archived is older, and would have to be decompressed.
    let plain = Catalog {
        shards: catalog.shards.iter().filter(|shard| shard.is_plain()).cloned().collect(),
        ..Catalog::default()
    };
    let mut lost = BTreeMap::new();
    query.run(storage, &plain, &Identities::none(), |found| {
        let record: serde_json::Value = serde_json::from_slice(found.line).unwrap_or_default();
        let records = record["attributes"]["records"].as_u64().unwrap_or_default();
        let key = (found.shard.base.clone(), found.shard.id.channel().to_owned());
        *lost.entry(key).or_default() += records;
        ControlFlow::Continue(())
    });
    lost
}

fn micros(text: &str) -> Option<i64> {
    Some(chrono::DateTime::parse_from_rfc3339(text).ok()?.timestamp_micros())
}

const DAY: i64 = 86_400_000_000;
/// The exporter sends once a second; after some minutes somebody should look. Microseconds.
const LATE: i64 = 5 * 60 * 1_000_000;
