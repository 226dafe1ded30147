//! Taking a bundle into a root: verified first, in a folder of its own below `imported/`, never among the log's own shards.
//!
//! `<root>/imported/<service>/<instance>/<id>/` holds what the bundle has of one log, as the bundle has it. The id comes from
//! the hashes of its files, so that the same bundle always leads to the same folder. Its list of sums is written last: what
//! dies before that has imported nothing, and the next run does it again. The ledger is told before that last step.

use std::collections::BTreeSet;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::check::{Checker, LogContents};
use super::problem::BundleError;
use super::sums::{self, SUMS, Sums};
use super::{Contents, IMPORTED};
use crate::catalog::{Catalog, Places};
use crate::clock::Clock;
use crate::ledger::{self, Fact};
use crate::storage::{Kind, Storage};

/// Takes bundles into a root.
#[derive(Debug)]
pub struct Importer<'a> {
    storage: Arc<dyn Storage>,
    root: &'a Path,
    clock: &'a Clock,
}

/// What was taken in of one log.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Taken {
    /// `<service>/<instance or "-">`
    pub origin: String,
    /// Where it lies now.
    pub path: PathBuf,
    /// How many shards.
    pub shards: u64,
    /// How many records.
    pub records: u64,
}

/// One log of a bundle, by its place in the contents, what it holds, and where it is to lie.
type Step = (usize, Sums, PathBuf);

impl<'a> Importer<'a> {
    /// Into this root, which need not be there yet, nor have a log of its own.
    pub fn new(storage: Arc<dyn Storage>, root: &'a Path, clock: &'a Clock) -> Importer<'a> {
        Importer { storage, root, clock }
    }

    /// Looks whether it would be taken in: what the bundle holds.
    ///
    /// # Errors
    /// As for [`Importer::run`].
    pub fn look(&self, bundle: &Checker) -> Result<Contents, BundleError> {
        self.plan(bundle).map(|(contents, _)| contents)
    }

    /// Takes it in. `record` enters a fact in the root's ledger, durably, if it has one.
    ///
    /// # Errors
    /// If the bundle is not whole, was imported before, or comes from the log in this root; if something cannot be read or
    /// written. Then nothing was taken in that is not complete.
    pub fn run(
        &self,
        bundle: &Checker,
        record: &dyn Fn(Fact) -> io::Result<()>,
    ) -> Result<Vec<Taken>, BundleError> {
        let (contents, plan) = self.plan(bundle)?;
        let folder = self.root.join(IMPORTED);
        self.storage.create_dir(&folder).map_err(BundleError::io("make", &folder))?;
        let path = folder.join(".lock");
        let lock = self.storage.lock(&path, &format!("{}\n", std::process::id()));
        let _lock = lock.map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => BundleError::Busy { path: path.clone() },
            _ => BundleError::Io { what: "lock", path: path.clone(), source: error },
        })?;
        let mut taken = Vec::new();
        for (log, sums, target) in plan {
            let log = &contents.logs[log];
            self.copy(&bundle.folder().join(&log.origin), &sums, &target)?;
            let fact = Fact::Imported {
                origin: log.origin.clone(),
                shards: log.shards.len() as u64,
                bundle: sums.id(),
            };
            record(fact).map_err(|source| BundleError::Ledger { source })?;
            self.complete(&sums, &target)?;
            taken.push(Taken {
                origin: log.origin.clone(),
                path: target,
                shards: log.shards.len() as u64,
                records: log.shards.iter().map(|shard| shard.records).sum(),
            });
        }
        Ok(taken)
    }

    /// What is to be done.
    fn plan(&self, bundle: &Checker) -> Result<(Contents, Vec<Step>), BundleError> {
        let checked = bundle.with_sums().map_err(BundleError::io("check", bundle.folder()));
        let (contents, all) = checked?;
        if !contents.is_whole() {
            return Err(BundleError::Refused { problems: contents.problems });
        }
        let own = self.own()?;
        let mut plan = Vec::new();
        let mut twin = None;
        for (index, log) in contents.logs.iter().enumerate() {
            if own.contains(&log.origin) {
                return Err(BundleError::Own { origin: log.origin.clone() });
            }
            let sums = all.below(&log.origin);
            let target = self.root.join(IMPORTED).join(&log.origin).join(sums.id());
            if self.is_complete(&target)? {
                twin = Some(BundleError::Twin { what: "it".to_owned(), path: target });
                continue;
            }
            self.refuse_twins(log)?;
            plan.push((index, sums, target));
        }
        // Of several logs a run before may have taken in some.
        match twin.filter(|_| plan.is_empty()) {
            Some(twin) => Err(twin),
            None => Ok((contents, plan)),
        }
    }

    /// The origins of the logs that write to this root.
    fn own(&self) -> Result<BTreeSet<String>, BundleError> {
        if self.stat(self.root)?.is_none() {
            return Ok(BTreeSet::new());
        }
        let catalog = Catalog::read(&*self.storage, &Places::root(self.root), self.clock);
        let bases = catalog.map_err(BundleError::Catalog)?.bases;
        let origin = |path: &Path| ledger::first_key(&*self.storage, path).ok().map(|(origin, _)| origin);
        let origins = bases.iter().filter_map(|base| origin(&base.path));
        Ok(origins.filter_map(|origin| Some(origin.strip_suffix("/ledger")?.to_owned())).collect())
    }

    /// Two imports never hold one shard: its records would be counted twice.
    fn refuse_twins(&self, log: &LogContents) -> Result<(), BundleError> {
        let folder = self.root.join(IMPORTED).join(&log.origin);
        if self.stat(&folder)?.is_none() {
            return Ok(());
        }
        for name in self.storage.list(&folder).map_err(BundleError::io("list", &folder))? {
            let path = folder.join(name);
            if !self.is_complete(&path)? {
                continue;
            }
            for shard in &log.shards {
                let there = path.join(format!("{}.jsonl", shard.shard));
                if self.stat(&there)?.is_some() {
                    let what = format!("{}/{}", log.origin, shard.shard);
                    return Err(BundleError::Twin { what, path });
                }
            }
        }
        Ok(())
    }

    fn stat(&self, path: &Path) -> Result<Option<Kind>, BundleError> {
        let stat = self.storage.stat(path).map_err(BundleError::io("look at", path))?;
        Ok(stat.map(|stat| stat.kind))
    }

    fn is_complete(&self, folder: &Path) -> Result<bool, BundleError> {
        Ok(self.stat(folder)? == Some(Kind::Dir) && self.stat(&folder.join(SUMS))?.is_some())
    }

    /// Copies every file, whatever a run before has left, and reads each back.
    fn copy(&self, from: &Path, sums: &Sums, target: &Path) -> Result<(), BundleError> {
        let mut folders = BTreeSet::new();
        for (name, sum) in &sums.0 {
            let (source, path) = (from.join(name), target.join(name));
            let folder = path.parent().unwrap_or(target).to_owned();
            self.storage.create_dir(&folder).map_err(BundleError::io("make", &folder))?;
            match self.storage.remove(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(BundleError::io("remove", &path)(error));
                }
                _ => {}
            }
            self.copy_file(&source, &path)?;
            let copied = sums::of_file(&*self.storage, &path).map_err(BundleError::io("read back", &path))?;
            if copied != *sum {
                let source = io::Error::new(
                    io::ErrorKind::InvalidData,
                    "it changed while it was copied; run this again",
                );
                return Err(BundleError::Io { what: "copy", path, source });
            }
            folders.insert(folder);
        }
        let inside = folders.iter().flat_map(|folder| folder.ancestors());
        let inside: BTreeSet<&Path> = inside.filter(|folder| folder.starts_with(self.root)).collect();
        inside.iter().try_for_each(|folder| self.sync(folder))?;
        // The root itself may be new.
        let above = self
            .root
            .parent()
            .map(|parent| if parent.as_os_str().is_empty() { Path::new(".") } else { parent });
        match above.map(|above| self.storage.sync_dir(above)) {
            Some(Err(error)) if error.kind() != io::ErrorKind::PermissionDenied => {
                Err(BundleError::io("sync", self.root)(error))
            }
            _ => Ok(()),
        }
    }

    fn copy_file(&self, source: &Path, path: &Path) -> Result<(), BundleError> {
        let mut file = self.storage.create(path).map_err(BundleError::io("make", path))?;
        let mut from = self.storage.read(source, 0).map_err(BundleError::io("read", source))?;
        let mut chunk = vec![0; 256 * 1024];
        loop {
            match from.read(&mut chunk) {
                Ok(0) => break,
                Ok(n) => file.append(&chunk[..n]).map_err(BundleError::io("write", path))?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(BundleError::io("read", source)(error)),
            }
        }
        file.sync().map_err(BundleError::io("sync", path))
    }

    fn complete(&self, sums: &Sums, target: &Path) -> Result<(), BundleError> {
        let path = target.join(SUMS);
        ledger::replace(&*self.storage, &path, sums.to_text().as_bytes())
            .map_err(BundleError::io("write", &path))?;
        self.sync(target)
    }

    fn sync(&self, folder: &Path) -> Result<(), BundleError> {
        self.storage.sync_dir(folder).map_err(BundleError::io("sync", folder))
    }
}
