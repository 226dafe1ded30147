//! Checking a bundle, without the log that it comes from.
//!
//! 1. **files**: every file has the hash that the list has of it, and none is there that the list has not.
//! 2. **ledger**: its lines and hashes lead to the root of its checkpoint, under a key that its entries name, each key's
//!    rotation sealed by the one before.
//! 3. **shards**: the same of each, under a key that signed when the ledger opened it; and not otherwise than the ledger
//!    closed it.
//! 4. **count**: as many records as the export's own entry says.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;

use super::part::{self, Part};
use super::sums::{self, SUMS, Sums};
use crate::catalog::ShardId;
use crate::journal::key::Public;
use crate::journal::merkle::Tree;
use crate::journal::note::Checkpoint;
use crate::journal::seal::Seal;
use crate::ledger::{Entry, Fact, ShardRef};
use crate::storage::Storage;
use crate::verify::base;
use crate::verify::keys::Keys;
use crate::verify::source;

/// What a bundle holds, and what is wrong with it.
#[derive(Clone, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct Contents {
    /// One per log that records were taken from.
    pub logs: Vec<LogContents>,
    /// What is wrong. Nothing: all of it is proved.
    pub problems: Vec<Problem>,
    /// What is worth knowing.
    pub notes: Vec<Problem>,
}

/// What is in a bundle of one log.
#[derive(Clone, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct LogContents {
    /// `<service>/<instance or "-">`, as its checkpoints are signed under.
    pub origin: String,
    /// The newest key that the ledger names, as a vkey under its origin.
    pub vkey: Option<String>,
    /// The key was compared with one that was brought along; otherwise the bundle names it itself.
    pub pinned: bool,
    /// The entry that the export made in the ledger, if it made one.
    pub export: Option<Entry>,
    /// What there is of its shards.
    pub shards: Vec<ShardContents>,
}

/// What is in a bundle of one shard.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct ShardContents {
    /// Its id.
    pub shard: String,
    /// Lines of the log, as far as its checkpoint covers it.
    pub size: u64,
    /// Lines that are here.
    pub lines: u64,
    /// Records among them.
    pub records: u64,
    /// All lines are here.
    pub whole: bool,
    /// The log had closed it, so that no line was added to it later.
    pub closed: bool,
}

/// Something that is not as it should be, or is worth knowing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Problem {
    /// The file, or a folder.
    pub file: PathBuf,
    /// What it is.
    pub what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.file.display(), self.what)
    }
}

impl Contents {
    /// All of it is proved.
    pub fn is_whole(&self) -> bool {
        self.problems.is_empty()
    }

    /// Records in it.
    pub fn records(&self) -> u64 {
        self.logs.iter().flat_map(|log| &log.shards).map(|shard| shard.records).sum()
    }
}

/// Checks a bundle.
#[derive(Clone, Debug)]
pub struct Checker {
    storage: Arc<dyn Storage>,
    folder: PathBuf,
    key: Option<(String, Public)>,
}

impl Checker {
    /// The bundle in this folder.
    pub fn new(storage: Arc<dyn Storage>, folder: impl Into<PathBuf>) -> Checker {
        Checker { storage, folder: folder.into(), key: None }
    }

    /// The key that the log was signed by when it was noted, as its vkey. `None` if that is none.
    pub fn vkey(self, vkey: &str) -> Option<Checker> {
        let (name, key) = Public::from_vkey(vkey)?;
        Some(Checker { key: Some((name.to_owned(), key)), ..self })
    }

    /// Checks all of it.
    ///
    /// # Errors
    /// If a file cannot be read. What is wrong with it is among the contents.
    pub fn run(&self) -> io::Result<Contents> {
        let (contents, _) = self.with_sums()?;
        Ok(contents)
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn with_sums(&self) -> io::Result<(Contents, Sums)> {
        let mut look = self.look();
        let sums = look.files()?;
        let logs: BTreeSet<String> = sums.0.keys().filter_map(|path| folder_of(path, 2)).collect();
        if logs.is_empty() && look.contents.problems.is_empty() {
            look.problem("", "there is nothing in it");
        }
        for path in sums.0.keys().filter(|path| path.split('/').count() != 4) {
            look.problem(path, NO_FILE);
        }
        for log in logs {
            look.log(&log, &log, &sums.below(&log))?;
        }
        Ok((look.contents, sums))
    }

    fn look(&self) -> Look<'_> {
        let key = self.key.as_ref();
        Look { storage: &*self.storage, folder: &self.folder, key, contents: Contents::default() }
    }
}

/// Checks what an import made of a bundle: the log of this origin, in a folder of its own.
pub(crate) fn check_imported(
    storage: &Arc<dyn Storage>,
    folder: &Path,
    origin: &str,
) -> io::Result<Contents> {
    let checker = Checker::new(Arc::clone(storage), folder);
    let mut look = checker.look();
    let sums = look.files()?;
    if look.contents.problems.is_empty() {
        look.log("", origin, &sums)?;
    }
    Ok(look.contents)
}

/// The shard that an entry tells of, if what it tells matters to whoever has its lines.
pub(super) fn shard_of(fact: &Fact) -> Option<&str> {
    match fact {
        Fact::ShardOpened { shard } | Fact::Recovered { shard, .. } | Fact::ShardDamaged { shard, .. } => {
            Some(shard)
        }
        Fact::ShardClosed { shard } | Fact::ShardAbandoned { shard } => Some(&shard.shard),
        Fact::RollbackAccepted { log, .. } => Some(log),
        _ => None,
    }
}

fn folder_of(path: &str, depth: usize) -> Option<String> {
    let parts: Vec<&str> = path.split('/').collect();
    (parts.len() > depth && parts.iter().all(|part| super::is_name(part))).then(|| parts[..depth].join("/"))
}

struct Look<'a> {
    storage: &'a dyn Storage,
    folder: &'a Path,
    key: Option<&'a (String, Public)>,
    contents: Contents,
}

/// A log's lines as they were read: its tree, and how many are here.
#[derive(Default)]
struct Lines {
    tree: Tree,
    lines: u64,
    seals: u64,
    whole: bool,
}

impl Look<'_> {
    fn problem(&mut self, path: &str, what: impl Into<String>) {
        self.contents.problems.push(Problem { file: self.folder.join(path), what: what.into() });
    }

    fn note(&mut self, path: &str, what: impl Into<String>) {
        self.contents.notes.push(Problem { file: self.folder.join(path), what: what.into() });
    }

    /// The files against the list of their sums.
    fn files(&mut self) -> io::Result<Sums> {
        let path = self.folder.join(SUMS);
        let Some(text) = source::text(self.storage, &path).map_err(at(&path))? else {
            self.problem(SUMS, "it is not there: this is no bundle, or half a copy of one");
            return Ok(Sums::default());
        };
        let Some(sums) = Sums::parse(&text) else {
            self.problem(SUMS, "it was changed: it is no list of hashes as a bundle has it");
            return Ok(Sums::default());
        };
        let (files, others) = sums::walk(self.storage, self.folder).map_err(at(self.folder))?;
        for stranger in
            files.iter().filter(|file| *file != SUMS && !sums.0.contains_key(*file)).chain(&others)
        {
            self.problem(stranger, "it does not belong to the bundle");
        }
        for (file, sum) in &sums.0 {
            if files.binary_search(file).is_err() {
                self.problem(file, "it is missing: this is half a copy");
                continue;
            }
            let path = self.folder.join(file);
            if sums::of_file(self.storage, &path).map_err(at(&path))? != *sum {
                self.problem(file, "it was changed: its hash is another one");
            }
        }
        Ok(sums)
    }

    /// One log: `folder` is where it lies in the bundle, `files` what lies there.
    fn log(&mut self, folder: &str, origin: &str, files: &Sums) -> io::Result<()> {
        let own = |name: &str| if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
        let mut log = LogContents { origin: origin.to_owned(), ..LogContents::default() };
        let name = own("ledger/ledger.jsonl");
        let (mut entries, mut seals) = (Vec::new(), BTreeMap::new());
        let (mut strange, mut bad_seals) = (0, 0);
        let read = self.lines(&name, |number, line, before| {
            if !Seal::is(line) {
                match serde_json::from_slice::<Entry>(line) {
                    Ok(entry) => entries.push((number, entry)),
                    Err(_) => strange += 1,
                }
            } else if let Some(seal) = Seal::parse(line).filter(|seal| seal.covers(before)) {
                seals.insert(number, seal);
            } else {
                bad_seals += 1;
            }
        })?;
        let Some(read) = read else { return Ok(()) };
        if strange > 0 || bad_seals > 0 {
            self.problem(&name, "a line of it is neither an entry nor a seal of what stands before it");
        }
        let Some((keys, strangers)) = Keys::of(&entries) else {
            self.problem(&name, "its entries name no key");
            return Ok(());
        };
        if keys.prefix != origin {
            self.problem(&name, format!("it is of the log {}, and not of {origin}", keys.prefix));
            return Ok(());
        }
        let unsealed = keys
            .rotations()
            .any(|line| seals.get(&line).is_none_or(|seal| !keys.signed(seal, &keys.ledger())));
        let wrong = seals.values().any(|seal| !keys.signed(seal, &keys.ledger()));
        if !strangers.is_empty() || unsealed || wrong {
            self.problem(&name, "a key stands in it that the key before did not introduce");
        }
        let size = read.tree.size();
        self.signed(&name, &read.tree, &keys.ledger(), &keys.since(size.saturating_sub(2)))?;
        if let Some((pinned, key)) = self.key {
            log.pinned = *pinned == keys.ledger() && keys.has_signed(*key, size);
            if !log.pinned {
                let found = keys.current().vkey(&keys.ledger());
                self.problem(&name, format!("the log's key is not the one that was given; it is {found}"));
            }
        }
        log.vkey = Some(keys.current().vkey(&keys.ledger()));
        let history = History::of(&entries);
        for id in self.shards_of(folder, files) {
            let name = own(&id.to_string());
            log.shards.extend(self.shard(&name, &id.to_string(), &keys, &history)?);
        }
        let is_export = |(_, entry): &&(u64, Entry)| matches!(entry.fact, Fact::Exported { .. });
        log.export = entries.iter().rfind(is_export).map(|(_, entry)| entry.clone());
        let records: u64 = log.shards.iter().map(|shard| shard.records).sum();
        match log.export.as_ref().map(|entry| &entry.fact) {
            Some(Fact::Exported { records: told, .. }) if *told != records => {
                let what = format!("the ledger tells of an export of {told} records, and here are {records}");
                self.problem(folder, what);
            }
            Some(_) => {}
            None => self.note(
                folder,
                "the ledger has no entry of this export: nobody can tell whether all of it is here",
            ),
        }
        self.contents.logs.push(log);
        Ok(())
    }

    /// The shards among the files of a log; whatever is neither of a shard nor of the ledger is told.
    fn shards_of(&mut self, folder: &str, files: &Sums) -> BTreeSet<ShardId> {
        let mut ids = BTreeSet::new();
        for path in files.0.keys() {
            let read = |ending: &str| path.strip_suffix(ending)?.parse::<ShardId>().ok();
            let id = ENDINGS.iter().find_map(|ending| read(ending));
            match id.filter(|_| !path.starts_with("ledger/")) {
                Some(id) => drop(ids.insert(id)),
                None if ENDINGS.iter().any(|ending| *path == format!("ledger/ledger{ending}")) => {}
                None if folder.is_empty() => self.problem(path, NO_FILE),
                None => self.problem(&format!("{folder}/{path}"), NO_FILE),
            }
        }
        ids
    }

    fn shard(
        &mut self,
        name: &str,
        id: &str,
        keys: &Keys,
        history: &History,
    ) -> io::Result<Option<ShardContents>> {
        let file = format!("{name}.jsonl");
        let Some(read) = self.lines(&file, |_, _, _| {})? else { return Ok(None) };
        let Some(opened) = history.opened.get(id) else {
            self.problem(&file, "no entry of the ledger opened it");
            return Ok(None);
        };
        self.signed(&file, &read.tree, &keys.origin(id), &keys.since(*opened))?;
        let closed = history.closed.get(id);
        if let Some(closed) = closed {
            let (size, root) = (read.tree.size(), read.tree.root());
            if size > closed.size || size == closed.size && root != closed.root {
                self.problem(&file, "it is not what the ledger closed");
            }
        }
        let closed = closed.is_some_and(|closed| closed.size == read.tree.size());
        for what in history.told.get(id).into_iter().flatten() {
            self.note(&file, *what);
        }
        if !closed {
            self.note(
                &file,
                "the log had not closed it, or went on with it: what was added later is not here",
            );
        }
        Ok(Some(ShardContents {
            shard: id.to_owned(),
            size: read.tree.size(),
            lines: read.lines,
            records: read.lines - read.seals,
            whole: read.whole,
            closed,
        }))
    }

    /// Reads lines with their proof. `None`: they do not fit together, which was told.
    fn lines(&mut self, file: &str, mut each: impl FnMut(u64, &[u8], &Tree)) -> io::Result<Option<Lines>> {
        let path = self.folder.join(file);
        if self.storage.stat(&path).map_err(at(&path))?.is_none() {
            self.problem(file, "it is missing: this is half a copy");
            return Ok(None);
        }
        let proof = path.with_file_name(stem(&path) + ".proof");
        let part =
            match source::text(self.storage, &proof).map_err(at(&proof))?.map(|text| Part::parse(&text)) {
                None => None,
                Some(Ok(part)) => Some(part),
                Some(Err(why)) => {
                    self.problem(file, format!("the proof beside it is none: {why}"));
                    return Ok(None);
                }
            };
        let mut read = Lines { whole: part.is_none(), ..Lines::default() };
        let from = self.storage.read(&path, 0).map_err(at(&path))?;
        let tree = part::read(from, part.as_ref(), |number, line, before| {
            read.lines += 1;
            read.seals += u64::from(Seal::is(line));
            each(number, line, before);
        });
        match tree.map_err(at(&path))? {
            Ok(tree) => Ok(Some(Lines { tree, ..read })),
            Err(why) => {
                self.problem(file, why);
                Ok(None)
            }
        }
    }

    /// The checkpoint beside a log: of this log, under one of these keys, and of this tree.
    fn signed(&mut self, file: &str, tree: &Tree, origin: &str, keys: &Keys) -> io::Result<()> {
        let path = self.folder.join(file);
        let path = path.with_file_name(stem(&path) + ".checkpoint");
        let Some(note) = source::text(self.storage, &path).map_err(at(&path))? else {
            self.problem(file, "no checkpoint stands beside it");
            return Ok(());
        };
        match base::open(&note, keys) {
            Ok(checkpoint) if checkpoint == Checkpoint::of(origin, tree) => {}
            Ok(checkpoint) if checkpoint.origin != origin => {
                self.problem(file, format!("the checkpoint beside it is of {}", checkpoint.origin));
            }
            Ok(_) => self.problem(file, "its lines are not those that its checkpoint signs"),
            Err(why) => self.problem(file, format!("the checkpoint beside it does not hold: {why}")),
        }
        Ok(())
    }
}

/// What the entries tell of shards.
#[derive(Default)]
struct History {
    opened: BTreeMap<String, u64>,
    closed: BTreeMap<String, ShardRef>,
    told: BTreeMap<String, Vec<&'static str>>,
}

impl History {
    fn of(entries: &[(u64, Entry)]) -> History {
        let mut history = History::default();
        for (line, entry) in entries {
            let Some(shard) = shard_of(&entry.fact) else { continue };
            let told = match &entry.fact {
                Fact::ShardOpened { .. } => {
                    history.opened.entry(shard.to_owned()).or_insert(*line);
                    continue;
                }
                Fact::ShardClosed { shard } => {
                    history.closed.insert(shard.shard.clone(), shard.clone());
                    continue;
                }
                Fact::ShardAbandoned { .. } => "the log gave it up after an error of its disk",
                Fact::Recovered { .. } => "a crash left a torn end of it, which was moved away",
                Fact::ShardDamaged { .. } => "the log found it damaged",
                _ => "an operator accepted that it is shorter than it was",
            };
            history.told.entry(shard.to_owned()).or_default().push(told);
        }
        history
    }
}

fn stem(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.strip_suffix(".jsonl").unwrap_or(&name).to_owned()
}

/// An error with the file it is about.
fn at(path: &Path) -> impl FnOnce(io::Error) -> io::Error {
    let path = path.display().to_string();
    move |error| io::Error::new(error.kind(), format!("cannot read {path}: {error}"))
}

const ENDINGS: [&str; 3] = [".jsonl", ".proof", ".checkpoint"];
const NO_FILE: &str = "a bundle has no such file";
