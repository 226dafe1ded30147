//! Writing a bundle: lines, what stands for the others, notes; and the list of sums at the very end.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::part::Pruner;
use super::problem::BundleError;
use super::select::{Selected, SelectedLog};
use super::sums::{SUMS, Sums};
use crate::archive::Identities;
use crate::journal::merkle::{Hash, Tree};
use crate::journal::note::Checkpoint;
use crate::journal::seal::Seal;
use crate::ledger::{self, Entry, Fact};
use crate::storage::{File, Kind, Storage};
use crate::verify::hexadecimal;
use crate::verify::source::{self, Line};

/// What was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Exported {
    /// Files, the list of them included.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Shards with a record in it.
    pub shards: u64,
}

/// Writes what was chosen into a folder that is not there yet, or is empty. `entry` says which line of a base's ledger tells
/// of this export, if one does. Dying in between leaves a folder without its list of sums, which nobody takes for a bundle.
///
/// # Errors
/// If a file cannot be read or written, or is not what its checkpoint signs.
pub fn write(
    storage: &Arc<dyn Storage>,
    selected: &Selected,
    identities: &Identities,
    out: &Path,
    entry: &dyn Fn(&Path) -> Option<u64>,
) -> Result<Exported, BundleError> {
    let made = match storage.stat(out).map_err(BundleError::io("look at", out))? {
        None => storage.create_dir(out).map_err(BundleError::io("make", out)),
        Some(stat) if stat.kind == Kind::Dir => {
            match storage.list(out).map_err(BundleError::io("list", out))?.is_empty() {
                true => Ok(()),
                false => Err(BundleError::Occupied { path: out.into() }),
            }
        }
        Some(_) => Err(BundleError::Occupied { path: out.into() }),
    };
    made?;
    let mut to =
        Writer { storage, out, folders: BTreeSet::new(), sums: Sums::default(), done: Exported::default() };
    for log in &selected.logs {
        let prefix = to.ledger(log, entry(&log.base.path))?;
        for chosen in &log.shards {
            let (shard, lines) = (&chosen.shard, chosen.lines.as_deref());
            let from = source::open_with(storage, shard, identities)
                .map_err(|error| BundleError::io("read", &error.path)(error.source))?;
            let mut rest = lines.unwrap_or_default();
            let mut shows = |number, _: &[u8]| {
                let hit = rest.first() == Some(&number);
                rest = if hit { &rest[1..] } else { rest };
                hit || lines.is_none()
            };
            let name = format!("{prefix}/{}", shard.id);
            to.log(from, &shard.path, &name, (&chosen.note, &chosen.checkpoint), &mut shows)?;
            to.done.shards += 1;
        }
    }
    to.end()
}

struct Writer<'a> {
    storage: &'a Arc<dyn Storage>,
    out: &'a Path,
    folders: BTreeSet<PathBuf>,
    sums: Sums,
    done: Exported,
}

impl Writer<'_> {
    /// The part of the ledger that matters; the name of the log's folder.
    fn ledger(&mut self, log: &SelectedLog, own: Option<u64>) -> Result<String, BundleError> {
        let folder = log.base.path.join(ledger::FOLDER);
        let path = folder.join(ledger::FILE);
        let none = |why: &str| BundleError::NoCheckpoint { path: path.clone(), why: why.to_owned() };
        let beside = folder.join("ledger.checkpoint");
        let note = source::text(&**self.storage, &beside).map_err(BundleError::io("read", &beside))?;
        let note = note.ok_or_else(|| none("no checkpoint stands beside it"))?;
        let checkpoint =
            Checkpoint::read(&note).ok_or_else(|| none("the checkpoint beside it cannot be read"))?;
        if own.is_some_and(|line| line >= checkpoint.size) {
            return Err(none("its checkpoint does not cover the entry of this export"));
        }
        let prefix = checkpoint
            .origin
            .strip_suffix("/ledger")
            .filter(|prefix| prefix.split('/').count() == 2 && prefix.split('/').all(super::is_name));
        let prefix = prefix.ok_or_else(|| none("its checkpoint is of no ledger"))?.to_owned();
        let ids: BTreeSet<String> = log.shards.iter().map(|chosen| chosen.shard.id.to_string()).collect();
        let (mut opened, mut rotated) = (false, false);
        let mut shows = |number, line: &[u8]| {
            if Seal::is(line) {
                // The seal of a rotation is the old key's last word.
                return std::mem::take(&mut rotated);
            }
            let Ok(Entry { fact, .. }) = serde_json::from_slice(line) else { return false };
            rotated = matches!(fact, Fact::KeyRotated { .. });
            own == Some(number)
                || match &fact {
                    Fact::LogOpened { .. } => !std::mem::replace(&mut opened, true),
                    Fact::KeyRotated { .. } | Fact::RollbackAccepted { .. } => true,
                    fact => super::check::shard_of(fact).is_some_and(|shard| ids.contains(shard)),
                }
        };
        let from = self.storage.read(&path, 0).map_err(BundleError::io("read", &path))?;
        let name = format!("{prefix}/{}/ledger", ledger::FOLDER);
        self.log(from, &path, &name, (&note, &checkpoint), &mut shows)?;
        Ok(prefix)
    }

    /// Those lines of a log that `shows` wants, the proof, and the checkpoint's note as it is.
    fn log(
        &mut self,
        from: impl Read,
        source: &Path,
        name: &str,
        (note, checkpoint): (&str, &Checkpoint),
        shows: &mut dyn FnMut(u64, &[u8]) -> bool,
    ) -> Result<(), BundleError> {
        let mut to = self.create(&format!("{name}.jsonl"))?;
        let (mut tree, mut pruner, mut failed) = (Tree::new(), Pruner::default(), None);
        source::each(from, |line| {
            let number = tree.size();
            let Line::Whole(line) = line else { return };
            if number >= checkpoint.size || failed.is_some() {
                return;
            }
            let leaf = Hash::leaf(line);
            if shows(number, line) {
                pruner.show();
                failed = to.line(line).err();
            } else {
                pruner.hide(leaf);
            }
            tree.push(leaf);
        })
        .map_err(BundleError::io("read", source))?;
        if let Some(error) = failed {
            return Err(BundleError::io("write", &to.path)(error));
        }
        if (tree.size(), tree.root()) != (checkpoint.size, checkpoint.root) {
            let why = "its lines are not those that its checkpoint signs".to_owned();
            return Err(BundleError::NoCheckpoint { path: source.into(), why });
        }
        self.keep(to)?;
        if let Some(part) = pruner.end() {
            self.text(&format!("{name}.proof"), &part)?;
        }
        self.text(&format!("{name}.checkpoint"), note)
    }

    fn text(&mut self, name: &str, text: &str) -> Result<(), BundleError> {
        let mut to = self.create(name)?;
        to.held.extend_from_slice(text.as_bytes());
        self.keep(to)
    }

    fn create(&mut self, name: &str) -> Result<Sink, BundleError> {
        let path = self.out.join(name);
        let folder = path.parent().unwrap_or(self.out);
        if self.folders.insert(folder.to_owned()) {
            self.storage.create_dir(folder).map_err(BundleError::io("make", folder))?;
        }
        let file = self.storage.create(&path).map_err(BundleError::io("make", &path))?;
        Ok(Sink { name: name.to_owned(), path, file, held: Vec::new(), hash: Sha256::new(), bytes: 0 })
    }

    fn keep(&mut self, mut file: Sink) -> Result<(), BundleError> {
        file.flush().and_then(|()| file.file.sync()).map_err(BundleError::io("write", &file.path))?;
        self.done.files += 1;
        self.done.bytes += file.bytes;
        self.sums.0.insert(file.name, hexadecimal(&file.hash.finalize()));
        Ok(())
    }

    fn end(mut self) -> Result<Exported, BundleError> {
        // Each folder, and those that it lies in.
        let inside = self.folders.iter().flat_map(|folder| folder.ancestors());
        let folders: BTreeSet<&Path> = inside.filter(|folder| folder.starts_with(self.out)).collect();
        for folder in folders {
            self.storage.sync_dir(folder).map_err(BundleError::io("sync", folder))?;
        }
        let (text, path) = (self.sums.to_text(), self.out.join(SUMS));
        ledger::replace(&**self.storage, &path, text.as_bytes()).map_err(BundleError::io("write", &path))?;
        self.storage.sync_dir(self.out).map_err(BundleError::io("sync", self.out))?;
        self.done.files += 1;
        self.done.bytes += text.len() as u64;
        Ok(self.done)
    }
}

/// A file being written, with its hash.
struct Sink {
    name: String,
    path: PathBuf,
    file: Box<dyn File>,
    held: Vec<u8>,
    hash: Sha256,
    bytes: u64,
}

impl Sink {
    fn line(&mut self, line: &[u8]) -> std::io::Result<()> {
        self.held.extend_from_slice(line);
        self.held.push(b'\n');
        if self.held.len() >= PIECE { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.hash.update(&self.held);
        self.bytes += self.held.len() as u64;
        self.file.append(&self.held)?;
        self.held.clear();
        Ok(())
    }
}

const PIECE: usize = 256 * 1024;
