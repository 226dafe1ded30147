//! What goes into a bundle: which shards, and which of their lines.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use super::problem::BundleError;
use crate::archive::Identities;
use crate::catalog::{Base, Catalog, Places, Shard, ShardId};
use crate::clock::Clock;
use crate::journal::note::Checkpoint;
use crate::journal::seal::Seal;
use crate::journal::shard::day;
use crate::query::Query;
use crate::storage::Storage;
use crate::verify::source::{self, Line};
use crate::verify::{Defect, Severity, Verifier};

/// What is asked for.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// Channels and conditions. Without a condition, shards go in whole; its limit and order count for nothing.
    pub query: Query,
    /// Of the shards, only these; none named means any.
    pub shards: Vec<ShardId>,
    /// A shard that has a record which fits goes in whole.
    pub whole: bool,
}

impl Request {
    /// Whether records are chosen, and not shards.
    fn is_of_records(&self) -> bool {
        let Query { since, until, events, level, tenant, conditions, .. } = &self.query;
        since.is_some()
            || until.is_some()
            || !events.is_empty()
            || level.is_some()
            || tenant.is_some()
            || !conditions.is_empty()
    }

    fn wants(&self, shard: &Shard) -> bool {
        let (query, id) = (&self.query, &shard.id);
        let channel = query.channels.is_empty() || query.channels.iter().any(|name| name == id.channel());
        let named = self.shards.is_empty() || self.shards.contains(id);
        // A record is written after it happened, never on an earlier day.
        let early = query.since.is_some_and(|since| id.name.day < day(since.saturating_sub(SLACK)));
        channel && named && !early
    }
}

/// As it stands in the ledger, on one line.
impl std::fmt::Display for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.query)?;
        if !self.shards.is_empty() {
            let names: Vec<String> = self.shards.iter().map(ShardId::to_string).collect();
            write!(f, "; shard {}", names.join(", "))?;
        }
        f.write_str(if self.whole { "; whole shards" } else { "" })
    }
}

/// What was chosen, by log.
#[derive(Clone, Debug, Default)]
pub struct Selected {
    pub(super) logs: Vec<SelectedLog>,
}

#[derive(Clone, Debug)]
pub(super) struct SelectedLog {
    pub(super) base: Base,
    pub(super) shards: Vec<SelectedShard>,
}

#[derive(Clone, Debug)]
pub(super) struct SelectedShard {
    pub(super) shard: Shard,
    pub(super) note: String,
    pub(super) checkpoint: Checkpoint,
    /// Numbers of the lines, in order; `None`: all that the checkpoint covers.
    pub(super) lines: Option<Vec<u64>>,
    records: u64,
}

impl Selected {
    /// The logs that records are taken from, each with how many.
    pub fn logs(&self) -> impl Iterator<Item = (&Base, u64)> {
        self.logs.iter().map(|log| (&log.base, log.shards.iter().map(|shard| shard.records).sum()))
    }

    /// The shards that records are taken from.
    pub fn shards(&self) -> impl Iterator<Item = &Shard> {
        self.logs.iter().flat_map(|log| &log.shards).map(|shard| &shard.shard)
    }
}

/// Chooses, and verifies what was chosen: the ledger, and each shard whole.
///
/// # Errors
/// If nothing fits, something cannot be read, or is not what was sealed.
pub fn select(
    storage: &Arc<dyn Storage>,
    places: &Places,
    clock: &Clock,
    identities: &Identities,
    request: &Request,
) -> Result<Selected, BundleError> {
    let catalog = Catalog::read(&**storage, places, clock).map_err(BundleError::Catalog)?;
    let mut selected = Selected::default();
    for base in &catalog.bases {
        let mut shards: Vec<SelectedShard> = Vec::new();
        for shard in catalog.shards.iter().filter(|shard| shard.base == base.path && request.wants(shard)) {
            // Archived, and its source not removed yet: the source stands first.
            if shards.last().is_none_or(|last| last.shard.id != shard.id) {
                shards.extend(look(storage, identities, request, shard)?);
            }
        }
        if !shards.is_empty() {
            selected.logs.push(SelectedLog { base: base.clone(), shards });
        }
    }
    if selected.logs.is_empty() {
        return Err(BundleError::Nothing);
    }
    verify(storage, places, clock, &selected)?;
    Ok(selected)
}

/// `None`: no record of the shard fits.
fn look(
    storage: &Arc<dyn Storage>,
    identities: &Identities,
    request: &Request,
    shard: &Shard,
) -> Result<Option<SelectedShard>, BundleError> {
    let read = |error: source::SourceError| BundleError::io("read", &error.path)(error.source);
    let none = |why: &str| BundleError::NoCheckpoint { path: shard.path.clone(), why: why.to_owned() };
    let note = source::note(storage, shard).map_err(read)?;
    let note = note.ok_or_else(|| none("no checkpoint stands beside it"))?;
    let checkpoint =
        Checkpoint::read(&note).ok_or_else(|| none("the checkpoint beside it cannot be read"))?;
    let of_records = request.is_of_records();
    let fits = request.query.matcher();
    let (mut number, mut records, mut chosen) = (0, 0, Vec::new());
    source::each(source::open_with(storage, shard, identities).map_err(read)?, |line| {
        if let Line::Whole(line) = line
            && number < checkpoint.size
        {
            records += u64::from(!Seal::is(line));
            if of_records && fits(line) {
                chosen.push(number);
            }
            number += 1;
        }
    })
    .map_err(BundleError::io("read", &shard.path))?;
    if of_records && chosen.is_empty() {
        return Ok(None);
    }
    let lines = (of_records && !request.whole).then_some(chosen);
    let records = lines.as_ref().map_or(records, |lines| lines.len() as u64);
    Ok(Some(SelectedShard { shard: shard.clone(), note, checkpoint, lines, records }))
}

fn verify(
    storage: &Arc<dyn Storage>,
    places: &Places,
    clock: &Clock,
    selected: &Selected,
) -> Result<(), BundleError> {
    let ids: BTreeSet<ShardId> = selected.shards().map(|shard| shard.id.clone()).collect();
    let verifier = Verifier::new(Arc::clone(storage), places.clone()).clock(clock.clone()).shards(ids);
    let report = verifier.run(&|_| {}).map_err(BundleError::Catalog)?;
    let ours = |file: &Path| {
        selected.shards().any(|shard| shard.path == file)
            || selected
                .logs
                .iter()
                .any(|log| file.starts_with(&log.base.path) || file.starts_with(&log.base.state))
    };
    let mut findings = report.findings;
    findings.retain(|finding| {
        // What was taken in from elsewhere is verified when that is exported, which it is not.
        let other = matches!(finding.defect, Defect::ForeignFile | Defect::BadImport(_));
        finding.severity() == Severity::Wrong && !other && ours(&finding.file)
    });
    if findings.is_empty() { Ok(()) } else { Err(BundleError::NotWhole { findings }) }
}

/// A clock may be set back, and a caller waits a minute at most for room in the queue.
const SLACK: i64 = 3_600_000_000;
