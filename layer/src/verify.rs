//! Verifying: that a log is what was sealed, all of it, and nothing else.
//!
//! Every line is read and hashed again. What comes out is held against everybody who knows the log: the seals within it,
//! the checkpoint beside it, the ledger, the lock file, and checkpoints and a key that the verifier brings along.
//! Nothing is changed, and no lock is taken: a service may go on writing meanwhile.
//!
//! ```no_run
//! use dihya::catalog::Places;
//! use dihya::storage::Local;
//! use dihya::verify::Verifier;
//!
//! let report = Verifier::new(std::sync::Arc::new(Local), Places::root("logs")).run(&|_| {})?;
//! for finding in &report.findings {
//!     println!("{finding}\n  {}", finding.advice());
//! }
//! assert!(report.is_whole());
//! # Ok::<(), dihya::catalog::CatalogError>(())
//! ```

mod advice;
mod against;
pub(crate) mod base;
pub mod bundle;
mod finding;
mod history;
mod imports;
pub(crate) mod keys;
pub(crate) mod lines;
mod scan;
mod shard;
pub(crate) mod source;
#[cfg(test)]
pub(crate) mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;

use crate::catalog::{Base, Catalog, CatalogError, Places, Shard, ShardId, State};
use crate::clock::Clock;
use crate::journal::key::Public;
use crate::journal::merkle::Hash;
use crate::storage::Storage;

pub use against::first_difference;
pub use finding::{Defect, Finding, Range, Severity, Witness};
pub use imports::ImportReport;

use base::Known;
pub(crate) use base::hexadecimal;

/// What is to be verified, and against what.
#[derive(Clone, Debug)]
pub struct Verifier {
    storage: Arc<dyn Storage>,
    places: Places,
    clock: Clock,
    channel: Option<String>,
    shards: Option<BTreeSet<ShardId>>,
    key: Option<Pinned>,
    pinned: Vec<(PathBuf, String)>,
    state: Option<PathBuf>,
    threads: Option<NonZeroUsize>,
    every_signature: bool,
}

#[derive(Clone, Debug)]
struct Pinned {
    name: String,
    key: Public,
}

impl Verifier {
    /// Everything in these places.
    pub fn new(storage: Arc<dyn Storage>, places: Places) -> Verifier {
        Verifier {
            storage,
            places,
            clock: Clock::system(),
            channel: None,
            shards: None,
            key: None,
            pinned: Vec::new(),
            state: None,
            threads: None,
            every_signature: false,
        }
    }

    /// Another clock: it says which shards may still be written to.
    pub fn clock(self, clock: Clock) -> Verifier {
        Verifier { clock, ..self }
    }

    /// Of the shards, only those of this channel. The ledger is verified all the same.
    pub fn channel(self, name: impl Into<String>) -> Verifier {
        Verifier { channel: Some(name.into()), ..self }
    }

    /// Of the shards, only this one.
    pub fn shard(self, id: ShardId) -> Verifier {
        self.shards(BTreeSet::from([id]))
    }

    /// Of the shards, only these.
    pub fn shards(self, ids: BTreeSet<ShardId>) -> Verifier {
        Verifier { shards: Some(ids), ..self }
    }

    /// The key that the log must be signed by, or must have been rotated from, as its vkey. `None` if that is none.
    pub fn vkey(self, vkey: &str) -> Option<Verifier> {
        let (name, key) = Public::from_vkey(vkey)?;
        Some(Verifier { key: Some(Pinned { name: name.to_owned(), key }), ..self })
    }

    /// A checkpoint that was kept elsewhere, with the file's name for whoever reads of it: the log must begin with what
    /// it signs.
    pub fn checkpoint(mut self, file: impl Into<PathBuf>, note: impl Into<String>) -> Verifier {
        self.pinned.push((file.into(), note.into()));
        self
    }

    /// The folder of the lock file and the key, if it is not the one that the places name.
    pub fn state(self, folder: impl Into<PathBuf>) -> Verifier {
        Verifier { state: Some(folder.into()), ..self }
    }

    /// So many threads; one per core, if it is not said.
    pub fn threads(self, threads: NonZeroUsize) -> Verifier {
        Verifier { threads: Some(threads), ..self }
    }

    /// Checks the signature of every seal, and not only of the last of each log, which vouches for all before it.
    pub fn every_signature(self) -> Verifier {
        Verifier { every_signature: true, ..self }
    }

    /// Verifies. `progress` is called now and then, from any thread.
    ///
    /// # Errors
    /// If the root cannot be listed. What cannot be read in it is a finding.
    pub fn run(&self, progress: &(dyn Fn(Progress) + Sync)) -> Result<Report, CatalogError> {
        let catalog = Catalog::read(&*self.storage, &self.places, &self.clock)?;
        let mut report = Report::default();
        let mut known = Vec::new();
        for base in &catalog.bases {
            known.push(base::look(self, base, &mut report.findings));
        }
        self.each_shard(&catalog, &known, progress, &mut report);
        for (base, known) in catalog.bases.iter().zip(&known) {
            self.about(&catalog, base, known, &mut report);
        }
        for path in &catalog.foreign {
            report.findings.push(Finding::new(path, Defect::ForeignFile));
        }
        self.orphans(&catalog, &known, &mut report.findings);
        if self.shards.is_none() && self.channel.is_none() {
            imports::verify(self, &catalog, &known, &mut report);
        }
        report.findings.sort_by(|a, b| (&a.file, a.line).cmp(&(&b.file, b.line)));
        Ok(report)
    }

    fn wants(&self, id: &ShardId) -> bool {
        self.shards.as_ref().is_none_or(|shards| shards.contains(id))
            && self.channel.as_ref().is_none_or(|channel| channel == id.channel())
    }

    fn each_shard(
        &self,
        catalog: &Catalog,
        known: &[Known],
        progress: &(dyn Fn(Progress) + Sync),
        report: &mut Report,
    ) {
        let mut work: Vec<(&Shard, &Known, bool)> = Vec::new();
        for shard in catalog.shards.iter().filter(|shard| self.wants(&shard.id)) {
            let Some(at) = catalog.bases.iter().position(|base| base.path == shard.base) else { continue };
            let newest = |other: &Shard| {
                other.base != shard.base || other.id.channel() != shard.id.channel() || other.id <= shard.id
            };
            work.push((shard, &known[at], catalog.shards.iter().all(newest)));
        }
        // The largest first, so that no thread is left alone with it at the end.
        work.sort_by_key(|(shard, ..)| std::cmp::Reverse(shard.bytes));
        let total = work.iter().map(|(shard, ..)| shard.bytes).sum();
        let (next, done, shards) = (AtomicUsize::new(0), AtomicU64::new(0), AtomicUsize::new(0));
        let all = work.len();
        let reports = Mutex::new(Vec::new());
        let one = || {
            while let Some((shard, known, newest)) = work.get(next.fetch_add(1, Ordering::Relaxed)) {
                let tell = |bytes: u64, whole: usize| {
                    let bytes = done.fetch_add(bytes, Ordering::Relaxed) + bytes;
                    let shards = shards.fetch_add(whole, Ordering::Relaxed) + whole;
                    progress(Progress { bytes, of_bytes: total, shards, of_shards: all });
                };
                let verified = shard::verify(self, shard, *newest, known, &mut |bytes| tell(bytes, 0));
                tell(0, 1);
                reports.lock().unwrap_or_else(PoisonError::into_inner).push(verified);
            }
        };
        let cores = || std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let threads = self.threads.map_or_else(cores, NonZeroUsize::get).min(work.len());
        std::thread::scope(|scope| {
            for _ in 1..threads {
                scope.spawn(one);
            }
            one();
        });
        report.shards = reports.into_inner().unwrap_or_else(PoisonError::into_inner);
        report.shards.sort_by(|a, b| (&a.instance, &a.shard, &a.file).cmp(&(&b.instance, &b.shard, &b.file)));
        for shard in &mut report.shards {
            report.findings.append(&mut shard.findings);
        }
    }

    fn about(&self, catalog: &Catalog, base: &Base, known: &Known, report: &mut Report) {
        let shards: Vec<&Shard> = catalog.shards.iter().filter(|shard| shard.base == base.path).collect();
        if known.has_ledger {
            base::missing(self, base, known, &shards, &mut report.findings);
        } else {
            // Without a shard it is no log at all, and whose key it has is no question.
            if shards.is_empty() {
                let is_about_its_key =
                    |it: &Finding| matches!(it.defect, Defect::NoKey) && it.file.starts_with(&base.path);
                report.findings.retain(|finding| !is_about_its_key(finding));
            }
            report.findings.push(Finding::new(base.path.join(crate::ledger::FOLDER), Defect::MissingLedger));
        }
        report.bases.push(BaseReport {
            instance: base.instance.clone(),
            path: base.path.clone(),
            vkey: known.keys.as_ref().map(|keys| keys.current().vkey(&keys.ledger())),
            pinned: matches!(known.trust, Trust::Pinned),
            entries: known.ledger.tree.size() - known.ledger.seals,
            lines: known.ledger.tree.size(),
            root: known.has_ledger.then(|| known.ledger.tree.root()),
        });
    }

    /// Checkpoints without their shard: that of a purged one may stay, any other is somebody's.
    fn orphans(&self, catalog: &Catalog, known: &[Known], found: &mut Vec<Finding>) {
        let mut ids: BTreeMap<PathBuf, bool> = BTreeMap::new();
        for (base, known) in catalog.bases.iter().zip(known) {
            for id in known.history.shards.keys() {
                ids.insert(base.path.join(format!("{id}.checkpoint")), true);
            }
        }
        for path in catalog.orphans.iter().filter(|path| !ids.contains_key(*path)) {
            let archived = path.components().any(|part| part.as_os_str() == "archive");
            if !archived {
                found.push(Finding::new(path, Defect::ForeignFile));
            }
        }
    }
}

/// Why a key is believed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Trust {
    /// The log names it itself.
    Log,
    /// The verifier brought it along.
    Pinned,
}

/// How far verifying is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// Bytes read of shards.
    pub bytes: u64,
    /// Bytes there are to read. A live shard may have more in the end.
    pub of_bytes: u64,
    /// Shards done.
    pub shards: usize,
    /// Shards to do.
    pub of_shards: usize,
}

/// What was verified, and what was found.
#[derive(Clone, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// The folders of writing processes.
    pub bases: Vec<BaseReport>,
    /// The shards that were read.
    pub shards: Vec<ShardReport>,
    /// What was imported of other logs, unless only some shards were asked for.
    pub imports: Vec<ImportReport>,
    /// What was found, by file and line.
    pub findings: Vec<Finding>,
}

impl Report {
    /// Nothing is wrong. Notes may be there.
    pub fn is_whole(&self) -> bool {
        self.findings.iter().all(|finding| finding.severity() == Severity::Note)
    }

    /// Everything could be read.
    pub fn is_read(&self) -> bool {
        !self.findings.iter().any(|finding| matches!(finding.defect, Defect::Unread(_)))
    }

    /// Bytes of all shards.
    pub fn bytes(&self) -> u64 {
        self.shards.iter().map(|shard| shard.bytes).sum()
    }
}

/// One base.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct BaseReport {
    /// The instance's name, if it has one.
    pub instance: Option<String>,
    /// Its folder.
    pub path: PathBuf,
    /// The key that signs now, as a vkey under the ledger's origin.
    pub vkey: Option<String>,
    /// The key was compared with one that the verifier brought along; otherwise the log named it itself.
    pub pinned: bool,
    /// Entries of the ledger.
    pub entries: u64,
    /// Its lines, seals included.
    pub lines: u64,
    /// The root over them.
    pub root: Option<Hash>,
}

/// One shard.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct ShardReport {
    /// Its id.
    pub shard: String,
    /// Whose it is.
    pub instance: Option<String>,
    /// The file.
    pub file: PathBuf,
    /// `live`, `closed`, `archived` or `encrypted`.
    pub state: &'static str,
    /// Lines, seals included. None of an encrypted one.
    pub lines: u64,
    /// Lines that are no seals.
    pub records: u64,
    /// Lines that are.
    pub seals: u64,
    /// Lines up to the last seal that holds.
    pub sealed: u64,
    /// Bytes read.
    pub bytes: u64,
    /// The root over all lines.
    pub root: Option<Hash>,
    #[serde(skip)]
    findings: Vec<Finding>,
}

impl ShardReport {
    fn new(shard: &Shard) -> ShardReport {
        ShardReport {
            shard: shard.id.to_string(),
            instance: shard.instance.clone(),
            file: shard.path.clone(),
            state: match shard.state {
                State::Live => "live",
                State::Closed => "closed",
                State::Archived { encrypted: false } => "archived",
                State::Archived { encrypted: true } => "encrypted",
            },
            lines: 0,
            records: 0,
            seals: 0,
            sealed: 0,
            bytes: shard.bytes,
            root: None,
            findings: Vec::new(),
        }
    }
}
