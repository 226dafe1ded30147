//! A run of the archiver over the shards of one base.

use std::io;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::catalog::ShardId;
use crate::clock::Clock;
use crate::journal::shard;
use crate::ledger::{self, Fact, Ledger};
use crate::policy::Policy;
use crate::storage::{Lock, Storage};

use super::crypt::Recipients;
use super::history::{History, Receipt};
use super::pack::Packing;
use super::problem::ArchiveError;
use super::steps::Steps;
use super::store::{self, Store};

/// Archives the closed shards of one base: the root, or an instance's folder below it.
#[derive(Debug)]
pub struct Archiver<'a> {
    storage: Arc<dyn Storage>,
    base: PathBuf,
    stores: Vec<Box<dyn Store>>,
    recipients: Recipients,
    level: i32,
    threads: NonZeroUsize,
    ledger: &'a Ledger,
    clock: Clock,
    doubts: Vec<String>,
    /// One at a time: two archivers would take each other's unfinished files for their own, and a purge would take the file.
    _lock: Box<dyn Lock>,
}

/// How far a run has come.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Progress<'a> {
    /// The shard being packed.
    pub shard: &'a ShardId,
    /// Bytes of it that were packed; the copies follow.
    pub bytes: u64,
}

/// What a run did.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Report {
    /// Archived in every store, the live file removed.
    pub archived: Vec<(ShardId, Vec<Receipt>)>,
    /// Left where they are, each with the reason.
    pub failed: Vec<(ShardId, ArchiveError)>,
}

impl<'a> Archiver<'a> {
    /// Opens the stores that the policy names, tries whether they keep what they are given, and takes the lock of this base.
    ///
    /// # Errors
    /// If a store cannot be used or does not keep anything, or another archiver or purge runs.
    pub fn open(
        policy: &Policy,
        storage: Arc<dyn Storage>,
        base: &Path,
        ledger: &'a Ledger,
        clock: Clock,
    ) -> Result<Archiver<'a>, ArchiveError> {
        let rules = &policy.archive;
        let stores = stores(policy, &storage, base, ledger)?;
        let recipients = Recipients::parse(&rules.recipients).map_err(|wrong| {
            let source = io::Error::new(io::ErrorKind::InvalidInput, wrong);
            ArchiveError::Io { what: "use `archive.recipients` of", path: "the policy".into(), source }
        })?;
        let lock = ledger::lock::lifecycle(&*storage, base).map_err(|source| match source.kind() {
            io::ErrorKind::WouldBlock => ArchiveError::Busy { source },
            _ => ArchiveError::Io { what: "lock", path: base.into(), source },
        })?;
        let mut doubts = Vec::new();
        for store in &stores {
            let place = || store.place("");
            let kept = store
                .probe()
                .map_err(|error| ArchiveError::store("probe", store.name().to_owned(), place(), error))?;
            doubts.extend(kept.doubt(store.name()));
        }
        Ok(Archiver {
            storage,
            base: base.into(),
            stores,
            recipients,
            level: rules.level,
            threads: NonZeroUsize::MIN,
            ledger,
            clock,
            doubts,
            _lock: lock,
        })
    }

    /// So many threads compress, and check what was compressed; one, the caller's own, if it is not said. A service that
    /// archives by itself leaves it at that, since its cores are for its requests; the archive is the same, byte for byte,
    /// whatever their number, but for what encryption draws by chance. Each takes some MiB of memory.
    pub fn threads(self, threads: NonZeroUsize) -> Archiver<'a> {
        Archiver { threads, ..self }
    }

    /// The same with stores of a test.
    #[cfg(test)]
    pub(super) fn with_stores(mut self, stores: Vec<Box<dyn Store>>) -> Archiver<'a> {
        self.stores = stores;
        self
    }

    /// The stores, as the policy names them.
    pub fn stores(&self) -> impl Iterator<Item = &str> {
        self.stores.iter().map(|store| store.name())
    }

    /// What a store has shown that somebody should know, a sentence each.
    pub fn doubts(&self) -> &[String] {
        &self.doubts
    }

    /// Archives these shards, each with the path of its live file, one after another, and ends what a run before left
    /// between removing a file and saying so. Facts go into the ledger through `record`, which answers once they are
    /// durable in this archiver's ledger. A shard that cannot be archived does not keep the next from it; a ledger that takes nothing does.
    ///
    /// # Errors
    /// If the ledger as read is not whole. What concerns one shard is in the report.
    pub fn run(
        &self,
        shards: &[(ShardId, PathBuf)],
        record: &dyn Fn(Fact) -> io::Result<()>,
        progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<Report, ArchiveError> {
        let ledger = self.ledger.read().map_err(|source| ArchiveError::Ledger { source })?;
        // The very last lines may be those that somebody appends just now.
        if let Some((line, problem)) = ledger.problems.iter().find(|(line, _)| *line < ledger.tree.size()) {
            return Err(ArchiveError::Untrusted { problem: format!("line {line}: {problem}") });
        }
        let history = History::of(&ledger);
        let mut report = Report::default();
        let loose = history.shards.iter().filter(|(id, past)| {
            !past.gone && !past.receipts.is_empty() && !shards.iter().any(|(known, _)| known == *id)
        });
        let loose = loose.map(|(id, _)| (id.clone(), self.live(id)));
        let is_gone = |path: &Path| matches!(self.storage.stat(path), Ok(None));
        let loose: Vec<_> = loose.filter(|(_, path)| is_gone(path)).collect();
        for (id, source) in shards.iter().chain(&loose) {
            match self.one(&history, id, source, record, progress) {
                Ok(receipts) => report.archived.push((id.clone(), receipts)),
                Err(error) => {
                    let last = matches!(error, ArchiveError::Ledger { .. });
                    report.failed.push((id.clone(), error));
                    if last {
                        break;
                    }
                }
            }
        }
        Ok(report)
    }

    fn one(
        &self,
        history: &History,
        shard: &ShardId,
        source: &Path,
        record: &dyn Fn(Fact) -> io::Result<()>,
        progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<Vec<Receipt>, ArchiveError> {
        let past = history.shards.get(shard).ok_or(ArchiveError::NotClosed { shard: shard.clone() })?;
        // The writer numbers the shards of its day by what lies there.
        if shard.name.day >= shard::day(self.clock.now()) {
            return Err(ArchiveError::Today { shard: shard.clone() });
        }
        let steps = Steps {
            storage: &self.storage,
            stores: &self.stores,
            packing: Packing { level: self.level, recipients: &self.recipients, threads: self.threads },
            origin: origin(self.ledger),
            signer: self.ledger.signer(),
            record,
        };
        steps.run(shard, source, past, &mut |bytes| progress(Progress { shard, bytes }))
    }

    fn live(&self, shard: &ShardId) -> PathBuf {
        self.base.join(shard.channel()).join(shard.file_name())
    }
}

/// The stores of a policy; the folder `archive` of the base where it names none.
pub(super) fn stores(
    policy: &Policy,
    storage: &Arc<dyn Storage>,
    base: &Path,
    ledger: &Ledger,
) -> Result<Vec<Box<dyn Store>>, ArchiveError> {
    if policy.archive.stores.is_empty() {
        return Ok(vec![store::default(base, storage)]);
    }
    let open = |line: &String| {
        store::open(line, instance(ledger), storage)
            .map_err(|error| ArchiveError::store("use the store", line.clone(), line.clone(), error))
    };
    policy.archive.stores.iter().map(open).collect()
}

/// `<service>/<instance or "-">`, what the origins of a base's logs begin with. Not from the policy: the program that
/// archives may have another name than the service.
pub(super) fn origin(ledger: &Ledger) -> &str {
    ledger.origin().strip_suffix("/ledger").unwrap_or_else(|| ledger.origin())
}

fn instance(ledger: &Ledger) -> Option<&str> {
    origin(ledger).rsplit_once('/').map(|(_, instance)| instance).filter(|instance| *instance != "-")
}
